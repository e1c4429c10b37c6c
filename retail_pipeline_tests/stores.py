"""Stores to test on: a home with drops in it, opened warehouses, runs in process."""

import contextlib
import csv
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import dagster as dg

from retail_pipeline.definitions import build_defs
from retail_pipeline.home import Home
from retail_pipeline.ingest.raw_tables import RAW_TABLES
from retail_pipeline.settings import Settings, load_settings
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline.warehouse.working_database import WorkingDatabase
from retail_pipeline_tests.real_data import LONG_AGO, ONLINE_RETAIL, ONLINE_RETAIL_XLSX

__all__ = [
    "CANONICAL_HEADER",
    "FEW_PAGES",
    "LOADED",
    "LONG_AGO",
    "ONLINE_RETAIL",
    "ONLINE_RETAIL_XLSX",
    "canonical",
    "opened",
    "refresh",
    "write_drop",
]

LOADED = [table.name for table in RAW_TABLES]
"""What a run of the one step that loads files makes, for tests of what every run does: it is soon done."""

FEW_PAGES = "[reports]\ndays = 1\nweeks = 1\nmonths = 1\nquarters = 1\n"
"""Settings of a home in which pages are not the point: drawing those of a few months takes longer than all else."""

CANONICAL_HEADER = "order_id,order_ts,customer_id,product_id,product_name,quantity,unit_price,country"


def write_drop(home: Home, name: str, content: str | bytes) -> Path:
    """Put a file into drops/, settled: its time of change is long past."""
    path = home.drops / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path


def canonical(lines: Sequence[Sequence[object]], header: str = CANONICAL_HEADER) -> str:
    """Lines as a canonical csv."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header.split(","))
    writer.writerows(lines)
    return text.getvalue()


@contextlib.contextmanager
def opened(home: Home, settings: Settings | None = None, *, full: bool = False) -> Iterator[Warehouse]:
    """The working database of a home, without Dagster."""
    settings = settings or load_settings(home)
    database = WorkingDatabase.open(home, "test-run", settings.warehouse)
    try:
        yield Warehouse(database.connection, home, settings, "test-run", full=full)
    finally:
        database.close()


def refresh(
    home: Home,
    *,
    select: Sequence[str] | None = None,
    reload: Sequence[str] = (),
    instance: dg.DagsterInstance | None = None,
    resources: dict[str, object] | None = None,
    tags: dict[str, str] | None = None,
) -> dg.ExecuteInProcessResult:
    """One run of the job, everything or the selected tables; never raises, look at ``success``."""
    definitions = build_defs(home, resources)
    config: dict[str, object] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    if reload:
        config["ops"] = {"load_drops": {"config": {"reload": list(reload)}}}
    with contextlib.ExitStack() as stack:
        used = instance or stack.enter_context(dg.DagsterInstance.ephemeral())
        return definitions.resolve_job_def("refresh").execute_in_process(
            run_config=config,
            instance=used,
            asset_selection=[dg.AssetKey(name.split(".")) for name in select] if select else None,
            raise_on_error=False,
            tags=tags,
        )
