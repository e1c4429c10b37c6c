"""The warehouse in Dagster's hands: what a run publishes, withholds, reports, and leaves to the next."""

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from retail_pipeline.errors import WarehouseBusyError
from retail_pipeline.home import Home
from retail_pipeline.warehouse import resource, snapshot
from retail_pipeline.warehouse.bookkeeping import Bookkeeping, CheckOutcome, RunEnd
from retail_pipeline.warehouse.notices import last_run
from retail_pipeline.warehouse.reader import open_snapshot, snapshots, withheld_notice
from retail_pipeline.warehouse.snapshot import current_snapshot
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline.warehouse.working_database import WorkingDatabase
from retail_pipeline_tests.stores import LOADED, canonical, opened, refresh, write_drop
from retail_pipeline_tests.warehouse.processes import forked_process, holding_process, kill, wait_until
from retail_pipeline_tests.warehouse.small_store import DOUBLED, JOB, NUMBERS, OTHER, QUIET, SmallStore, run_store
from retail_pipeline_tests.warehouse.table_files import put


@pytest.fixture
def store(home: Home) -> SmallStore:
    return SmallStore(home)


def ask(store: SmallStore, query: str) -> list[Any]:
    with open_snapshot(store.home) as reader:
        return reader.execute(query).fetchall()


def published_count(store: SmallStore) -> int:
    """How many numbers readers see; the three tables must agree."""
    [[numbers, doubled, other]] = ask(
        store, f"select (select count(*) from {NUMBERS}), (select count(*) from {DOUBLED}), (select n from {OTHER})"
    )
    assert numbers == doubled == other
    return int(numbers)


def error_of(result: dg.ExecuteInProcessResult) -> str:
    failure = next(event for event in result.all_events if event.event_type is dg.DagsterEventType.RUN_FAILURE)
    assert failure.job_failure_data.error
    return failure.job_failure_data.error.to_string()


def runs(home: Home) -> list[tuple[str, str]]:
    with opened(home) as warehouse:
        return warehouse.execute("select status, message from pipeline.runs order by rowid").fetchall()


def test_a_run_publishes_what_it_built_and_how_it_ended(store: SmallStore) -> None:
    result = store.run()
    assert result.success
    assert published_count(store) == 10
    assert ask(store, "select run, status, seconds is not null from meta.runs") == [(result.run_id, "success", True)]
    assert ask(store, "select run_id from meta.snapshot") == [(result.run_id,)]
    assert runs(store.home) == [("success", "")]


def test_a_run_that_changes_nothing_publishes_nothing(store: SmallStore) -> None:
    store.run()
    first = current_snapshot(store.home)
    for select in ([], [DOUBLED], [NUMBERS, OTHER]):
        assert store.run(select).success
    assert current_snapshot(store.home) == first
    assert len(snapshots(store.home)) == 1


def test_a_run_that_changes_something_publishes_though_it_is_only_a_part(store: SmallStore) -> None:
    store.run()
    store.turn(count=12)
    assert store.run([NUMBERS]).success
    assert ask(store, "select table_name from meta.tables where is_stale") == [(DOUBLED,)]
    assert store.run([DOUBLED, OTHER]).success
    assert ask(store, "select table_name from meta.tables where is_stale") == []
    assert published_count(store) == 12


def test_only_the_settled_number_of_snapshots_is_kept(store: SmallStore) -> None:
    (store.home.settings_file).write_text("[warehouse]\nkeep_snapshots = 2\n")
    for count in range(1, 6):
        store.turn(count=count)
        assert store.run().success
    assert len(snapshots(store.home)) == 2
    assert published_count(store) == 5


def test_a_failed_step_withholds_nothing_else_and_leaves_its_table_stale(store: SmallStore) -> None:
    store.run()
    store.turn(count=12, **{"break": NUMBERS})
    result = store.run()
    assert not result.success
    assert ask(store, f"select (select count(*) from {NUMBERS}), (select n from {OTHER})") == [(10, 12)]
    status, message = ask(store, "select status, message from meta.runs order by started desc, status limit 1")[0]
    assert (status, message) == ("failed", "failed: raw__numbers")
    assert runs(store.home)[-1] == ("failed", "failed: raw__numbers")


def test_a_failed_table_file_is_told_to_readers_as_stale(store: SmallStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.run()
    store.turn(count=12)

    def fail(*_: object) -> None:
        raise duckdb.OutOfMemoryException("not enough memory")

    monkeypatch.setattr(Warehouse, "replace", fail)
    assert not store.run([DOUBLED, NUMBERS]).success
    monkeypatch.undo()
    stale = dict(ask(store, "select table_name, stale_reason from meta.tables where is_stale"))
    assert "not enough memory" in stale[NUMBERS]


def test_a_failing_blocking_check_withholds_until_it_passes_also_in_runs_of_other_tables(store: SmallStore) -> None:
    store.run()
    old = current_snapshot(store.home)
    store.turn(count=12, check="ERROR")
    assert not store.run().success
    assert current_snapshot(store.home) == old
    notice = withheld_notice(store.home)
    assert notice
    assert notice["reason"] == f"{DOUBLED}: is_whole: 12 rows"

    store.turn(count=13, check="ERROR")
    assert store.run([OTHER]).success
    assert current_snapshot(store.home) == old
    later = withheld_notice(store.home)
    assert later
    assert later["since"] == notice["since"]

    store.turn(count=13)
    assert store.run().success
    assert published_count(store) == 13
    assert withheld_notice(store.home) is None


def test_a_check_that_breaks_withholds_as_one_that_fails(store: SmallStore) -> None:
    store.turn(check="raise")
    assert not store.run().success
    assert current_snapshot(store.home) is None
    notice = withheld_notice(store.home)
    assert notice
    assert "the check itself failed: the check is broken" in str(notice["reason"])


def test_a_check_that_breaks_holds_up_no_other_check_of_its_table(store: SmallStore) -> None:
    store.turn(check="raise", advice=True)
    result = store.run()
    assert [(event.check_name, event.passed) for event in result.get_asset_check_evaluations()] == [
        ("is_pretty", False)
    ]


@pytest.mark.parametrize(("knobs", "is_built"), [({"advice": "raise"}, True), ({"check": "raise"}, False)])
def test_only_a_check_that_blocks_holds_up_the_next_tables_when_it_breaks(
    store: SmallStore, knobs: dict[str, Any], is_built: bool
) -> None:
    built = []

    @dg.asset(deps=[dg.AssetKey(DOUBLED.split("."))])
    def later() -> None:
        built.append("later")

    definitions = dg.Definitions.merge(store.definitions(), dg.Definitions(assets=[later]))
    store.turn(**knobs)
    result = definitions.resolve_job_def(JOB).execute_in_process(run_config=QUIET, raise_on_error=False)
    assert not result.success
    assert bool(built) == is_built


@pytest.mark.parametrize("knobs", [{"check": "WARN"}, {"advice": True}])
def test_a_warning_withholds_nothing(store: SmallStore, knobs: dict[str, Any]) -> None:
    store.turn(count=12, **knobs)
    store.run()
    assert published_count(store) == 12
    assert ask(store, "select count(*) from meta.checks where not passed") == [(1,)]


def test_a_killed_run_is_marked_by_the_next_which_is_withheld_until_the_checks_it_lacked_have_run(
    store: SmallStore, tmp_path: Path
) -> None:
    store.run()
    old = current_snapshot(store.home)
    store.turn(count=12, hang="check")
    dagster_home = tmp_path / "dagster"
    dagster_home.mkdir()
    with forked_process(run_store, store.home.root, dagster_home) as process:
        wait_until((store.home.root / "hanging").exists)
        kill(process)
    with dg.DagsterInstance.local_temp(str(dagster_home)) as instance:
        [dead] = instance.get_runs()
        assert dead.status is dg.DagsterRunStatus.STARTED
        store.turn(count=12)
        assert store.run([OTHER], instance=instance).success
        marked = instance.get_run_by_id(dead.run_id)
        assert marked
        assert marked.status is dg.DagsterRunStatus.FAILURE
    assert current_snapshot(store.home) == old
    notice = withheld_notice(store.home)
    assert notice
    assert notice["unseen_checks"] == [f"{DOUBLED}:is_whole"]
    assert store.run([DOUBLED]).success
    assert published_count(store) == 12
    assert ask(store, f"select status from meta.runs where run = '{dead.run_id}'") == [("killed",)]
    assert ask(store, f"select count(*) from meta.runs where run <> '{dead.run_id}' and status <> 'success'") == [(0,)]


def hang_when_it_verifies(root: Path) -> None:
    def hang(*_: object) -> None:
        (root / "hanging").touch()
        time.sleep(120)

    setattr(snapshot, "verify", hang)  # noqa: B010 - for the life of a process, past the types


def test_a_run_killed_while_it_publishes_counts_as_killed_and_the_next_publishes(store: SmallStore) -> None:
    store.run()
    old = current_snapshot(store.home)
    store.turn(count=12)
    with forked_process(run_store, store.home.root, None, hang_when_it_verifies) as process:
        wait_until((store.home.root / "hanging").exists)
        kill(process)
    assert current_snapshot(store.home) == old
    assert len(list(store.home.snapshots.glob("*.tmp"))) == 1
    assert store.run().success
    assert published_count(store) == 12
    assert list(store.home.snapshots.glob("*.tmp")) == []
    assert [status for status, _ in runs(store.home)] == ["success", "killed", "success"]


def test_what_a_run_killed_just_after_the_link_moved_left_is_cleared_by_the_next(store: SmallStore) -> None:
    store.run()
    store.home.withheld_notice.write_text('{"reason": "out of date"}')
    leftover = store.home.snapshots / "warehouse-20200101T000000000000Z-dead.duckdb.tmp"
    leftover.touch()
    assert store.run().success
    assert withheld_notice(store.home) is None
    assert not leftover.exists()


def test_a_snapshot_that_does_not_verify_fails_the_run_and_readers_keep_the_old(
    store: SmallStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.run()
    old = current_snapshot(store.home)
    store.turn(count=12)
    copy = snapshot._copy

    def copy_and_damage(warehouse: Warehouse, target: Path, ending: RunEnd | None) -> dict[str, int]:
        expected = copy(warehouse, target, ending)
        target.write_bytes(target.read_bytes()[:20_000])
        return expected

    monkeypatch.setattr(snapshot, "_copy", copy_and_damage)
    result = store.run()
    assert not result.success
    assert "could not be published, readers keep the last one" in error_of(result)
    assert current_snapshot(store.home) == old
    assert published_count(store) == 10
    monkeypatch.undo()
    [first, second] = runs(store.home)
    assert first == ("success", "")
    assert second[0] == "failed"
    assert "could not be published" in second[1]
    assert store.run().success
    assert published_count(store) == 12
    assert sorted(status for (status,) in ask(store, "select status from meta.runs")) == [
        "failed",
        "success",
        "success",
    ]


def test_a_part_of_a_new_working_database_does_not_take_the_place_of_a_whole_snapshot(store: SmallStore) -> None:
    store.run()
    old = current_snapshot(store.home)
    shutil.rmtree(store.home.work)
    assert store.run([NUMBERS]).success
    assert current_snapshot(store.home) == old
    notice = withheld_notice(store.home)
    assert notice
    assert f"lacks what readers have: tables {DOUBLED}, {OTHER}" in notice["reason"]
    assert f"remove the link {store.home.warehouse_link}" in notice["reason"]
    assert store.run().success
    assert current_snapshot(store.home) != old
    assert withheld_notice(store.home) is None


def test_a_part_of_a_new_working_database_is_published_once_the_link_is_removed(store: SmallStore) -> None:
    store.run()
    shutil.rmtree(store.home.work)
    store.run([NUMBERS])
    store.home.warehouse_link.unlink()
    assert store.run([NUMBERS]).success
    assert ask(store, "select table_name from meta.tables") == [(NUMBERS,)]


def test_a_new_working_database_without_files_that_were_loaded_is_withheld(home: Home) -> None:
    line = ("1", "2024-05-01 10:00:00", "C1", "P1", "Bowl", 2, "3.50", "UK")
    for name in ("gone.csv", "kept.csv", "grown.csv"):
        write_drop(home, name, canonical([(name, *line[1:])]))
    assert refresh(home, select=LOADED).success
    old = current_snapshot(home)
    shutil.rmtree(home.work)
    content = (home.drops / "gone.csv").read_text()
    (home.drops / "gone.csv").unlink()
    write_drop(home, "grown.csv", canonical([("grown.csv", *line[1:]), line]))
    assert refresh(home, select=LOADED).success
    assert current_snapshot(home) == old
    notice = withheld_notice(home)
    assert notice
    assert "lacks what readers have: drops gone.csv. Put missing files back" in notice["reason"]
    write_drop(home, "renamed.csv", content)
    assert refresh(home, select=LOADED).success
    assert current_snapshot(home) != old


def test_checks_and_tables_that_are_no_more_go_when_all_there_are_are_known(home: Home) -> None:
    write_drop(home, "a.csv", canonical([("1", "2024-05-01 10:00:00", "C1", "P1", "Bowl", 2, "3.50", "UK")]))
    assert refresh(home, select=LOADED).success
    with opened(home) as warehouse:
        put(warehouse, "core.gone", "select 1 as n")
        for table in ("core.orders", "core.gone"):
            warehouse.books.record_check(CheckOutcome("gone", table, False, "ERROR", True, "an old fault"))
        warehouse.execute("create table core.not_ours as select 1 as n")
    assert refresh(home, select=LOADED).success
    with open_snapshot(home) as reader:
        names = reader.execute("select schema_name || '.' || table_name from duckdb_tables()").fetchall()
        failing = reader.execute('select "check" from meta.checks where not passed').fetchall()
        noted = reader.execute("select count(*) from meta.tables where table_name = 'core.gone'").fetchall()
    assert ("core.gone",) not in names
    assert ("core.not_ours",) in names
    assert failing == []
    assert noted == [(0,)]


def test_nothing_goes_when_it_is_not_known_what_there_is(store: SmallStore) -> None:
    store.run()
    with opened(store.home) as warehouse:
        put(warehouse, "core.another", "select 1 as n")
    assert store.run().success
    assert ask(store, "select n from core.another") == [(1,)]


def told(store: SmallStore) -> tuple[str, str]:
    """What is left beside the snapshots of the run that ended last."""
    last = last_run(store.home)
    assert last
    return last.status, last.message


def test_every_end_of_a_run_is_told_beside_the_snapshots(store: SmallStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.run()
    assert told(store) == ("success", "")
    result = store.run()
    last = last_run(store.home)
    assert last
    assert last.run == result.run_id
    store.turn(count=12, check="ERROR")
    store.run()
    assert told(store)[0] == "failed"
    store.turn(count=13, check="ERROR")
    store.run([OTHER])
    assert told(store) == ("success", "the snapshot is withheld")
    monkeypatch.setattr(Bookkeeping, "record_run_start", fail)
    store.run()
    assert told(store) == ("failed", "something nobody thought of")
    monkeypatch.setattr(WorkingDatabase, "open", fail_busy)
    store.run()
    assert told(store) == ("failed", "held by another")


def fail_busy(*_: object, **__: object) -> None:
    raise WarehouseBusyError("held by another")


def fail(*_: object, **__: object) -> None:
    raise TypeError("something nobody thought of")


def fail_once(function: Callable[..., Any]) -> Callable[..., Any]:
    calls = []

    def failing(*arguments: Any, **named: Any) -> Any:
        calls.append(1)
        return fail() if len(calls) == 1 else function(*arguments, **named)

    return failing


@pytest.mark.parametrize(
    ("where", "name"),
    [
        (resource, "publish"),
        (resource, "published_version"),
        (resource, "_failed_steps"),
        (Bookkeeping, "forget_seen_changes"),
        (Bookkeeping, "record_run_end"),
    ],
)
def test_whatever_goes_wrong_at_the_end_fails_the_run_and_lets_the_next_in(
    store: SmallStore, monkeypatch: pytest.MonkeyPatch, where: Any, name: str
) -> None:
    """Dagster swallows what is no error of its own when a resource is torn down."""
    monkeypatch.setattr(where, name, fail_once(getattr(where, name)))
    result = store.run()
    assert not result.success
    assert "something nobody thought of" in error_of(result)
    monkeypatch.undo()
    assert store.run().success
    assert published_count(store) == 10


def test_a_failure_while_a_run_begins_lets_the_next_in(store: SmallStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bookkeeping, "record_run_start", fail)
    assert not store.run().success
    monkeypatch.undo()
    assert store.run().success


def test_books_that_cannot_be_read_are_told_as_a_damaged_database(store: SmallStore) -> None:
    store.run()
    with opened(store.home) as warehouse:
        warehouse.execute("alter table pipeline.runs rename to lost; create view pipeline.runs as select 1 as n")
    result = store.run()
    assert not result.success
    assert f"The working database {store.home.working_database} cannot be opened" in error_of(result)
    with opened(store.home) as warehouse:
        warehouse.execute("drop view pipeline.runs; alter table pipeline.lost rename to runs")
    assert store.run().success


def test_an_ended_run_that_cannot_be_looked_up_does_not_fail_the_next_and_is_tried_again(
    store: SmallStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with holding_process(store.home, "run-1") as holder:
        kill(holder)
    [marker] = (store.home.work / "runs").glob("run-1.*")
    monkeypatch.setattr(resource, "_is_known", lambda *_: True)
    monkeypatch.setattr(resource, "_report_if_cut_off", fail)
    assert store.run().success
    assert marker.exists()
    monkeypatch.setattr(resource, "_report_if_cut_off", lambda *_: False)
    assert store.run().success
    assert not marker.exists()


def test_a_killed_run_of_another_instance_is_left_to_that_one(store: SmallStore) -> None:
    with dg.DagsterInstance.ephemeral() as its_own, dg.DagsterInstance.ephemeral() as another:
        job = store.definitions().resolve_job_def("small")
        killed = its_own.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
        with holding_process(store.home, killed.run_id) as holder:
            kill(holder)
        assert store.run(instance=another).success
        assert store.run(instance=its_own).success
        marked = its_own.get_run_by_id(killed.run_id)
    assert marked
    assert marked.status is dg.DagsterRunStatus.FAILURE


def test_a_run_cut_off_after_its_publish_before_dagster_noted_its_end_is_marked_by_the_next(
    store: SmallStore, tmp_path: Path
) -> None:
    dagster_home = tmp_path / "dagster"
    dagster_home.mkdir()
    with forked_process(run_store, store.home.root, dagster_home, hang_after_the_end) as process:
        wait_until((store.home.root / "hanging").exists)
        kill(process)
    assert published_count(store) == 10
    with dg.DagsterInstance.local_temp(str(dagster_home)) as instance:
        [cut_off] = instance.get_runs()
        assert cut_off.status is dg.DagsterRunStatus.STARTED
        assert store.run(instance=instance).success
        marked = instance.get_run_by_id(cut_off.run_id)
        assert marked
        assert marked.status is dg.DagsterRunStatus.FAILURE
    assert [status for status, _ in runs(store.home)] == ["killed", "success"]


def hang_after_the_end(root: Path) -> None:
    close = WorkingDatabase.close

    def close_and_hang(database: WorkingDatabase) -> None:
        close(database)
        (root / "hanging").touch()
        time.sleep(120)

    setattr(WorkingDatabase, "close", close_and_hang)  # noqa: B010 - for the life of a process, past the types


def test_two_runs_of_one_process_come_one_after_the_other(store: SmallStore) -> None:
    results: list[bool] = []

    def run() -> None:
        with dg.DagsterInstance.ephemeral() as instance:
            results.append(store.run(instance=instance).success)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True, True]
    assert runs(store.home) == [("success", ""), ("success", "")]


def test_a_run_that_may_not_wait_longer_fails_and_says_for_whom_it_waited(store: SmallStore) -> None:
    store.home.settings_file.write_text("[warehouse]\nlock_timeout_seconds = 0.1\n")
    with holding_process(store.home, "run-1"):
        result = store.run()
    assert not result.success
    assert "held by run run-1 (process" in error_of(result)


def test_a_wrong_setting_fails_the_run_with_its_name(store: SmallStore) -> None:
    definitions = store.definitions()
    store.home.settings_file.write_text("[warehouse]\nkeep_snapshots = 0\n")
    result = definitions.resolve_job_def("small").execute_in_process(raise_on_error=False)
    assert not result.success
    assert "keep_snapshots" in error_of(result)


def interrupt(process: BaseProcess) -> None:
    assert process.pid
    os.kill(process.pid, signal.SIGINT)
    process.join(timeout=60)
    assert process.exitcode is not None


def test_an_interrupted_run_that_waits_ends_at_once(store: SmallStore, tmp_path: Path) -> None:
    dagster_home = tmp_path / "dagster"
    dagster_home.mkdir()
    with holding_process(store.home, "run-1") as holder:
        before = len(list((store.home.work / "runs").iterdir()))
        with forked_process(run_store, store.home.root, dagster_home) as waiting:
            wait_until(lambda: len(list((store.home.work / "runs").glob("[!.]*"))) == before + 1)
            interrupt(waiting)
        assert holder.poll() is None
    with dg.DagsterInstance.local_temp(str(dagster_home)) as instance:
        [run] = instance.get_runs()
    assert run.is_finished
    assert run.status is not dg.DagsterRunStatus.SUCCESS


def test_an_interrupted_step_closes_the_database_and_is_no_success(store: SmallStore) -> None:
    store.run()
    store.turn(count=12, hang="build")
    with forked_process(run_store, store.home.root) as process:
        wait_until((store.home.root / "hanging").exists)
        interrupt(process)
    assert runs(store.home)[-1][0] == "failed"
    store.turn(count=12)
    assert store.run().success
    assert published_count(store) == 12


def test_a_broken_connection_fails_the_run_and_the_next_marks_it(
    store: SmallStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.run()
    store.turn(count=12)

    def lose_the_connection(warehouse: Warehouse, *_: object) -> Path:
        warehouse.connection.close()
        raise duckdb.IOException("the disk is gone")

    monkeypatch.setattr(resource, "publish", lose_the_connection)
    result = store.run()
    assert not result.success
    assert "the disk is gone" in error_of(result)
    monkeypatch.undo()
    assert store.run().success
    statuses = [status for status, _ in runs(store.home)]
    assert sorted(statuses) == ["killed", "success", "success"]
