"""One run at a time: who waits, for whom, how the wait ends, and what a killed run leaves behind."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from retail_pipeline.errors import WarehouseBusyError, WarehouseError
from retail_pipeline.home import Home
from retail_pipeline.settings import Settings, WarehouseSettings
from retail_pipeline.warehouse.run_markers import KEPT_LOCKS, KEPT_SECONDS, died_runs, ended_runs, has_died
from retail_pipeline.warehouse.working_database import WorkingDatabase, running
from retail_pipeline_tests.stores import opened
from retail_pipeline_tests.warehouse.processes import (
    OPEN,
    files_below,
    holding_process,
    kill,
    run_to_end,
    running_process,
    wait_until,
)


def open_database(
    home: Home, run_id: str = "run-2", *, seconds: float = 30, say: Callable[[str], None] = print
) -> WorkingDatabase:
    return WorkingDatabase.open(home, run_id, WarehouseSettings(lock_timeout_seconds=seconds), say)


def test_a_second_process_waits_says_for_whom_and_then_gets_in(home: Home) -> None:
    said: list[str] = []
    with holding_process(home, "run-1") as holder:
        holding = running(home)
        assert holding

        def end_the_holder() -> None:
            wait_until(lambda: said)
            kill(holder)

        threading.Thread(target=end_the_holder).start()
        open_database(home, say=said.append).close()
    assert said == [
        f"Waiting for the working database: held by run run-1 (process {holder.pid}) since {holding.since} UTC."
    ]


def test_the_wait_ends_after_the_settable_time_with_the_holder_named(home: Home) -> None:
    with holding_process(home, "run-1") as holder:
        started = time.monotonic()
        with pytest.raises(WarehouseBusyError, match=f"run run-1 \\(process {holder.pid}\\).*lock_timeout_seconds"):
            open_database(home, seconds=0.6)
        assert 0.6 <= time.monotonic() - started < 20
        with pytest.raises(WarehouseBusyError):
            open_database(home, seconds=0)
        assert running(home), "giving up must not touch the holder"


def test_a_foreign_process_that_has_the_file_open_is_named_by_its_id(home: Home) -> None:
    open_database(home).close()
    code = "import duckdb, sys, time; c = duckdb.connect(sys.argv[1]); print('open', flush=True); time.sleep(60)"
    with running_process(code, home.working_database) as process:
        assert process.stdout
        process.stdout.readline()
        with pytest.raises(WarehouseBusyError, match=f"held by process {process.pid}"):
            open_database(home, seconds=0)


def test_a_holder_that_was_killed_is_not_named_in_the_place_of_the_one_that_holds(home: Home) -> None:
    with holding_process(home, "run-1") as first:
        kill(first)
    assert WorkingDatabase.holder(home)
    assert running(home) is None
    code = "import duckdb, sys, time; c = duckdb.connect(sys.argv[1]); print('open', flush=True); time.sleep(60)"
    with running_process(code, home.working_database) as process:
        assert process.stdout
        process.stdout.readline()
        with pytest.raises(WarehouseBusyError, match=f"held by process {process.pid}"):
            open_database(home, seconds=0)


@pytest.mark.parametrize("interrupt", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_wait_even_where_dagster_defers_it(home: Home, interrupt: int) -> None:
    code = (
        OPEN
        + """
    from dagster._utils.interrupts import capture_interrupts
    with capture_interrupts():
        try:
            open_database('run-2')
        except KeyboardInterrupt:
            print('interrupted', flush=True)
    """.replace("\n    ", "\n")
    )
    with holding_process(home, "run-1"), running_process(code, home.root) as waiting:
        assert waiting.stdout
        assert waiting.stdout.readline().startswith("Waiting for")
        waiting.send_signal(interrupt)
        started = time.monotonic()
        assert waiting.stdout.readline() == "interrupted\n"
        assert time.monotonic() - started < 20
        assert waiting.wait() == 0
        assert running(home)


def test_an_interrupt_that_is_ignored_stays_ignored_while_waiting(home: Home) -> None:
    code = OPEN + "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nopen_database('run-2')\nprint('in')\n"
    with holding_process(home, "run-1") as holder, running_process(code, home.root) as waiting:
        assert waiting.stdout
        assert waiting.stdout.readline().startswith("Waiting for")
        waiting.send_signal(signal.SIGINT)
        time.sleep(0.4)
        kill(holder)
        assert waiting.stdout.readline() == "in\n"


def test_handlers_are_as_they_were_after_the_wait(home: Home) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    open_database(home).close()
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_killed_holder_lets_the_next_in_at_once_and_is_reported_once(home: Home) -> None:
    with holding_process(home, "run-1") as holder:
        assert list(ended_runs(home)) == []
        kill(holder)
    database = open_database(home, seconds=0)
    assert list(ended_runs(home)) == ["run-1"]
    assert list(ended_runs(home)) == []
    database.close()


def test_an_ended_run_is_reported_again_if_the_report_was_cut_off(home: Home) -> None:
    with holding_process(home, "run-1") as holder:
        kill(holder)
    assert next(ended_runs(home)) == "run-1"
    assert list(ended_runs(home)) == ["run-1"]


def test_a_run_killed_while_it_waits_is_reported_too(home: Home) -> None:
    with holding_process(home, "run-1"):
        with running_process(OPEN + "open_database('run-2')", home.root) as waiting:
            assert waiting.stdout
            waiting.stdout.readline()
            kill(waiting)
        assert list(ended_runs(home)) == ["run-2"]


def test_runs_of_living_processes_are_never_taken_for_ended(home: Home) -> None:
    """Two processes open and close as fast as they can; neither ever takes a run of the other for gone."""
    code = (
        OPEN
        + """
from retail_pipeline.warehouse.run_markers import ended_runs
found = []
for number in range(25):
    database = open_database(f'{sys.argv[2]}-{number}')
    found += ended_runs(home)
    database.close()
print(found, flush=True)
time.sleep(60)
"""
    )
    with running_process(code, home.root, "a") as one, running_process(code, home.root, "b") as two:
        for process in (one, two):
            assert process.stdout
            lines = iter(process.stdout.readline, "")
            assert next(line for line in lines if not line.startswith("Waiting")) == "[]\n"


def test_a_process_holds_no_more_than_a_few_locks_of_its_former_runs(home: Home) -> None:
    for number in range(3 * KEPT_LOCKS):
        open_database(home, f"run-{number}").close()
    assert len(files_below(home.work / "runs")) <= KEPT_LOCKS
    assert list(ended_runs(home)) == []


def test_a_run_whose_process_went_after_letting_go_of_the_database_is_reported(home: Home) -> None:
    """Dagster has yet to note how it ended, and may not have come to it."""
    run_to_end(OPEN + "open_database('run-1').close()\n", home.root)
    assert list(ended_runs(home)) == ["run-1"]
    assert list(ended_runs(home)) == []


def test_a_run_that_was_killed_has_died_and_one_that_ended_has_not(home: Home) -> None:
    run_to_end(OPEN + "open_database('run-1').close()\n", home.root)
    with holding_process(home, "run-2") as holder:
        assert not died_runs(home)
        kill(holder)
    assert list(died_runs(home)) == ["run-2"]
    assert has_died(home, "run-2")
    assert not has_died(home, "run-1")


def test_the_marker_of_a_run_that_nobody_knows_is_kept_for_a_month(home: Home) -> None:
    with holding_process(home, "run-1") as holder:
        kill(holder)
    assert list(ended_runs(home, lambda _: False)) == []
    [marker] = (home.work / "runs").iterdir()
    long_ago = marker.stat().st_mtime - KEPT_SECONDS
    os.utime(marker, (long_ago, long_ago))
    assert list(ended_runs(home, lambda _: False)) == ["run-1"]
    assert list(ended_runs(home, lambda _: False)) == []


def test_two_runs_in_one_process_keep_apart(home: Home) -> None:
    said: list[str] = []
    inside: list[str] = []
    overlaps: list[int] = []

    def work(run_id: str) -> None:
        database = open_database(home, run_id, say=said.append)
        inside.append(run_id)
        overlaps.append(len(inside))
        time.sleep(0.4)
        inside.remove(run_id)
        database.close()

    threads = [threading.Thread(target=work, args=[f"run-{number}"]) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert overlaps == [1, 1, 1]
    assert said
    assert all(f"{os.getpid()})" in text for text in said)


def test_a_home_by_another_name_is_the_same_home(home: Home, tmp_path: Path) -> None:
    other = Home(tmp_path / "other")
    other.root.symlink_to(home.root)
    database = open_database(home)
    with pytest.raises(WarehouseBusyError):
        open_database(other, seconds=0)
    database.close()
    open_database(other, seconds=0).close()


def test_the_same_run_opening_twice_waits_and_does_not_hang(home: Home) -> None:
    database = open_database(home, "run-1")
    with pytest.raises(WarehouseBusyError):
        open_database(home, "run-1", seconds=0)
    assert running(home)
    database.close()


@pytest.mark.parametrize("where", ["lock", "plain"])
def test_a_damaged_file_is_told_and_not_waited_for(tmp_path: Path, where: str) -> None:
    home = Home(tmp_path / where).create()  # a path with the word 'lock' in it is no sign of a lock
    home.working_database.write_bytes(b"this is no database" * 1000)
    with pytest.raises(WarehouseError, match=r"cannot be opened.*move the folder") as caught:
        open_database(home, seconds=30)
    assert not isinstance(caught.value, WarehouseBusyError)
    assert str(home.working_database) in str(caught.value)
    assert home.working_database.stat().st_size == len(b"this is no database") * 1000, "it is left as it was found"
    home.working_database.unlink()
    open_database(home).close()


def test_settings_reach_the_engine(home: Home) -> None:
    database = WorkingDatabase.open(home, "run-1", WarehouseSettings(memory_limit="300MB", threads=1))
    row = database.connection.execute("select current_setting('threads'), current_setting('memory_limit')").fetchone()
    database.close()
    assert row == (1, "286.1 MiB")


def test_a_new_database_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    """A process killed at any moment of its first opening leaves nothing that the next cannot open."""
    code = (
        OPEN
        + "home.create()\nprint('ready', flush=True)\nsys.stdin.readline()\nopen_database('run-1')\nprint('open')\n"
    )
    for number in range(8):
        home = Home(tmp_path / f"store-{number}")
        process = subprocess.Popen(
            ["python", "-c", code, str(home.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdin
        assert process.stdout
        process.stdout.readline()
        process.stdin.write("go\n")
        process.stdin.flush()
        time.sleep(number * 0.003)
        process.kill()
        process.communicate()
        if home.working_database.exists():
            assert home.working_database.stat().st_size > 0
        with opened(home) as warehouse:
            assert warehouse.books.tables() == {}


def test_a_file_system_without_hard_links_will_do(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    open_database(home).close()
    assert {path.name for path in home.work.iterdir()} == {"warehouse.duckdb", "runs"}


def test_what_killed_runs_left_in_the_working_folder_goes(home: Home) -> None:
    spilled, unpacked = home.work / "tmp" / "duckdb_temp_storage-0.tmp", home.work / "drop-abc" / "part.csv"
    for path in (spilled, unpacked):
        path.parent.mkdir()
        path.write_text("left over")
    (home.work / "new-123.duckdb").write_text("left over")
    (home.work / "warehouse.duckdb.clean.tmp").write_text("left over")
    with opened(home):
        assert not files_below(home.work) & {"tmp", "drop-abc", "new-123.duckdb"}
    assert {path.name for path in home.work.iterdir()} == {"warehouse.duckdb", "runs"}


def test_waiting_does_not_touch_the_scratch_files_of_the_run_that_holds(home: Home) -> None:
    database = open_database(home, "run-1")
    (home.work / "drop-abc").mkdir()
    with pytest.raises(WarehouseBusyError):
        open_database(home, seconds=0)
    assert (home.work / "drop-abc").exists()
    database.close()


def test_a_full_disk_for_the_note_of_the_holder_does_not_keep_a_run_out(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", no_space)
    database = open_database(home)
    assert running(home) is None
    database.close()


def test_closing_ends_the_hold_even_if_the_engine_is_broken(home: Home) -> None:
    database = open_database(home)
    database.connection.close()
    database.close()
    with opened(home) as warehouse:
        assert warehouse.value("select 1") == 1


def test_another_process_sees_what_was_written(home: Home) -> None:
    code = (
        OPEN
        + "database = open_database('run-1')\n"
        + "database.connection.execute('create table t as select 42 as n')\n"
        + "database.close()\n"
    )
    run_to_end(code, home.root)
    with opened(home, Settings()) as warehouse:
        assert warehouse.value("select n from t") == 42
    with duckdb.connect(str(home.working_database), read_only=True) as connection:
        assert connection.execute("select n from t").fetchall() == [(42,)]


def test_a_database_that_is_closed_twice_gives_its_marker_back_once(home: Home) -> None:
    from retail_pipeline.warehouse import run_markers

    before = len(run_markers._retired)
    database = WorkingDatabase.open(home, "run", WarehouseSettings())
    database.close()
    database.close()
    assert len(run_markers._retired) <= max(before + 1, run_markers.KEPT_LOCKS)
    assert list(run_markers._retired).count(database._marker) == 1
