"""A disk that is full: readers keep what they have, the run says why, and the next one goes on.

A limit on the size of files stands in for the full disk: the kernel refuses to write beyond it.
"""

import functools
import resource
import signal
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from retail_pipeline.home import Home
from retail_pipeline.warehouse import snapshot
from retail_pipeline.warehouse.reader import open_snapshot, snapshots
from retail_pipeline.warehouse.snapshot import current_snapshot
from retail_pipeline_tests.stores import opened
from retail_pipeline_tests.warehouse.processes import files_below, forked_process
from retail_pipeline_tests.warehouse.small_store import SmallStore


def run_on_a_full_disk(root: Path, limit: int, *, only_publishing: bool) -> None:
    """Run everything where no file may be longer than a limit, and leave word of how it ended."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def fill_the_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    def copy_to_a_full_disk(*arguments: Any) -> dict[str, int]:
        fill_the_disk()
        return copy(*arguments)

    copy = snapshot._copy
    if only_publishing:
        setattr(snapshot, "_copy", copy_to_a_full_disk)  # noqa: B010 - for the life of a process, past the types
    else:
        fill_the_disk()
    result = SmallStore(Home(root)).run()
    failures = [event for event in result.all_events if event.event_type is dg.DagsterEventType.RUN_FAILURE]
    errors = [event.job_failure_data.error for event in failures]
    (root / "failure.txt").write_text("".join(error.to_string() for error in errors if error))


def failure_on_a_full_disk(store: SmallStore, limit: int, *, only_publishing: bool) -> str:
    function = functools.partial(run_on_a_full_disk, only_publishing=only_publishing)
    with forked_process(function, store.home.root, limit) as process:
        process.join(timeout=60)
    return (store.home.root / "failure.txt").read_text()


@pytest.fixture
def store(home: Home) -> SmallStore:
    """A published store of 10 numbers that is about to hold 300,000."""
    store = SmallStore(home)
    assert store.run().success
    store.turn(count=300_000)
    return store


def ask(store: SmallStore, query: str) -> list[Any]:
    with open_snapshot(store.home) as reader:
        return reader.execute(query).fetchall()


def assert_recovers(store: SmallStore, old: object) -> None:
    assert current_snapshot(store.home) == old
    kept = {path.name for path in (*snapshots(store.home), store.home.last_run_notice)}
    assert files_below(store.home.snapshots) == kept
    assert ask(store, "select count(*), max(n) from raw.numbers") == [(10, 9)]
    assert store.run().success
    assert ask(store, "select count(*), max(doubled) from core.doubled") == [(300_000, 2 * 299_999)]
    with opened(store.home) as warehouse:
        statuses = warehouse.execute("select status from pipeline.runs order by rowid").fetchall()
    assert [status for (status,) in statuses] in (
        ["success", "failed", "success"],
        ["success", "killed", "success"],
    )


@pytest.mark.parametrize("limit", [20_000, 1_000_000])
def test_a_disk_that_is_full_while_publishing_leaves_readers_the_old_and_the_next_run_publishes(
    store: SmallStore, limit: int
) -> None:
    old = current_snapshot(store.home)
    failure = failure_on_a_full_disk(store, limit, only_publishing=True)
    assert "could not be published, readers keep the last one" in failure
    assert "File too large" in failure
    assert_recovers(store, old)


@pytest.mark.parametrize("limit", [700_000, 1_500_000])
def test_a_disk_that_is_full_while_building_loses_nothing(store: SmallStore, limit: int) -> None:
    old = current_snapshot(store.home)
    assert failure_on_a_full_disk(store, limit, only_publishing=False)
    assert_recovers(store, old)
