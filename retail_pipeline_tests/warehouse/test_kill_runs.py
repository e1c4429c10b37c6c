"""``kill -9`` at random moments of runs: the next run ends as if nothing had happened, and readers never notice."""

import random
import time
from pathlib import Path

from retail_pipeline.home import Home
from retail_pipeline.warehouse.snapshot import current_snapshot
from retail_pipeline.warehouse.working_database import running
from retail_pipeline_tests.warehouse.kill_runs import differences, reading_process, unfinished_business
from retail_pipeline_tests.warehouse.processes import forked_process, kill, wait_until
from retail_pipeline_tests.warehouse.small_store import SmallStore, run_store

KILLS = 6
LONGEST_RUN_SECONDS = 0.4


def snapshot_of(store: SmallStore) -> Path:
    path = current_snapshot(store.home)
    assert path
    return path


def test_after_killed_runs_the_tables_are_those_of_undisturbed_ones(tmp_path: Path) -> None:
    dice = random.Random(7)
    calm, shaken = SmallStore(Home(tmp_path / "calm")), SmallStore(Home(tmp_path / "shaken"))
    shaken.run()
    with reading_process(shaken.home) as answers:
        for number in range(KILLS):
            for store in (calm, shaken):
                store.turn(count=2000 + 100 * number)
            with forked_process(run_store, shaken.home.root) as process:
                wait_until(lambda: running(shaken.home) or not process.is_alive())
                time.sleep(dice.uniform(0, LONGEST_RUN_SECONDS))
                kill(process)
            assert calm.run().success
            assert shaken.run().success
            assert differences(snapshot_of(calm), snapshot_of(shaken)) == []
            assert unfinished_business(shaken.home) == []
        assert answers() > KILLS


def test_a_difference_of_one_row_or_column_would_be_seen(tmp_path: Path) -> None:
    one, other = SmallStore(Home(tmp_path / "one")), SmallStore(Home(tmp_path / "other"))
    other.turn(count=11)
    for store in (one, other):
        assert store.run().success
    found = differences(snapshot_of(one), snapshot_of(other))
    assert [fault.split(":")[0] for fault in found] == [
        "core.doubled",
        "core.other",
        "meta.checks",
        "meta.tables",
        "raw.numbers",
    ]
