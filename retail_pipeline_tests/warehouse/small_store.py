"""A lineage graph of three tables whose runs take a moment, with knobs for all that may go wrong.

``raw.numbers`` holds the numbers below ``count``; ``core.doubled`` is made from it by a table file; ``core.other``
is made from nothing. The knobs lie in a file of the home, so that a run in another process obeys them too.
"""

import contextlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd

from retail_pipeline.assets.sql_assets import build_sql_assets
from retail_pipeline.assets.table_checks import Finding, TableCheck, build_checks
from retail_pipeline.home import Home
from retail_pipeline.settings import load_settings
from retail_pipeline.warehouse.resource import WarehouseResource
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.warehouse.table_files import table_file

NUMBERS, DOUBLED, OTHER = "raw.numbers", "core.doubled", "core.other"
JOB = "small"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class SmallStore:
    """The graph of a home.

    Knobs: ``count`` of numbers; ``break`` (a table: its build raises); ``check`` ('ERROR' or 'WARN': the blocking
    check of ``core.doubled`` finds fault of this severity; 'raise'); ``advice`` (true: its other check finds fault;
    'raise');
    ``hang`` ('build' or 'check': the build of ``core.other`` or the blocking check stops until killed).
    """

    def __init__(self, home: Home) -> None:
        self.home = home.create()
        self._knobs = home.root / "knobs.json"
        self._instance = dg.DagsterInstance.ephemeral()
        if not self._knobs.exists():
            self.turn(count=10)

    def turn(self, **knobs: Any) -> None:
        """Set the knobs; those not named are off."""
        self._knobs.write_text(json.dumps({"count": 10, **knobs}))

    def knob(self, name: str) -> Any:
        return json.loads(self._knobs.read_text()).get(name)

    def run(
        self,
        select: Sequence[str] = (),
        instance: dg.DagsterInstance | None = None,
        resource: WarehouseResource | None = None,
    ) -> dg.ExecuteInProcessResult:
        """One run of all tables or the selected ones, with their checks; never raises, look at ``success``."""
        job = self.definitions(resource).resolve_job_def(JOB)
        return job.execute_in_process(
            run_config=QUIET,
            instance=instance or self._instance,
            asset_selection=[dg.AssetKey(name.split(".")) for name in select] or None,
            raise_on_error=False,
        )

    def definitions(self, resource: WarehouseResource | None = None) -> dg.Definitions:
        doubled = table_file(
            self.home.root / "sql", DOUBLED, f"select n, n * 2 as doubled from {NUMBERS}", ["n", "doubled"]
        )
        checks = [
            TableCheck(DOUBLED, "is_whole", "as many rows as numbers", self._find_whole),
            TableCheck(DOUBLED, "is_pretty", "as the knob says", self._find_pretty, blocking=False),
        ]
        blocking = [check.full_name for check in checks if check.blocking]
        return dg.Definitions(
            assets=[
                self._asset(NUMBERS, self._write_numbers),
                self._asset(OTHER, self._write_other),
                *build_sql_assets([doubled], load_settings(self.home)),
            ],
            asset_checks=build_checks(checks),
            jobs=[dg.define_asset_job(JOB, selection=dg.AssetSelection.all(), executor_def=dg.in_process_executor)],
            resources={"warehouse": resource or WarehouseResource(home=str(self.home.root), blocking_checks=blocking)},
        )

    def _asset(self, name: str, build: Callable[[Warehouse], None]) -> dg.AssetsDefinition:
        @dg.asset(key=dg.AssetKey(name.split(".")))
        def asset(warehouse: WarehouseResource) -> None:
            if self.knob("break") == name:
                raise RuntimeError(f"{name} is broken")
            build(warehouse.warehouse)

        return asset

    def _write_numbers(self, warehouse: Warehouse) -> None:
        self._write(warehouse, NUMBERS, range(self.knob("count")))

    def _write_other(self, warehouse: Warehouse) -> None:
        self._hang("build")
        self._write(warehouse, OTHER, [self.knob("count")])

    @staticmethod
    def _write(warehouse: Warehouse, table: str, numbers: Sequence[int]) -> None:
        frame = pd.DataFrame({"n": numbers}, dtype="int64")
        warehouse.write(table, frame, row_is="a number", columns={"n": "a number"})

    def _find_whole(self, warehouse: Warehouse) -> Finding:
        self._hang("check")
        knob = self.knob("check")
        if knob == "raise":
            raise RuntimeError("the check is broken")
        rows = warehouse.count(DOUBLED)
        return Finding(knob is None, f"{rows} rows", knob or "ERROR")

    def _find_pretty(self, warehouse: Warehouse) -> Finding:
        if self.knob("advice") == "raise":
            raise RuntimeError("the advice is broken")
        return Finding(not self.knob("advice"), "as the knob says")

    def _hang(self, where: str) -> None:
        if self.knob("hang") == where:
            (self.home.root / "hanging").touch()
            time.sleep(120)


def run_store(root: Path, dagster_home: Path | None = None, prepare: Callable[[Path], None] | None = None) -> None:
    """Run everything: what a forked process does.

    Parameters
    ----------
    dagster_home
        Where the Dagster instance is kept; one in memory if None.
    prepare
        Called with the home's folder before.
    """
    if prepare:
        prepare(root)
    with contextlib.ExitStack() as stack:
        instance = None
        if dagster_home:
            instance = stack.enter_context(dg.DagsterInstance.local_temp(str(dagster_home)))
        result = SmallStore(Home(root)).run(instance=instance)
    sys.exit(0 if result.success else 1)
