"""Publishing: what a snapshot holds, when the link moves, what is kept and what goes."""

import itertools
import json
import os
import re
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from retail_pipeline.errors import PublishError
from retail_pipeline.home import Home
from retail_pipeline.warehouse import snapshot
from retail_pipeline.warehouse.bookkeeping import CheckOutcome, RunEnd
from retail_pipeline.warehouse.reader import open_snapshot, snapshots, withheld_notice
from retail_pipeline.warehouse.rewrite import Replacement, rewrite_snapshots
from retail_pipeline.warehouse.snapshot import (
    current_snapshot,
    find_withholding_checks,
    publish,
    published_version,
    verify,
    withhold,
)
from retail_pipeline.warehouse.table_build import build_table
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.stores import opened
from retail_pipeline_tests.warehouse.processes import files_below
from retail_pipeline_tests.warehouse.table_files import put, table_file

PUBLISHED = r"warehouse-\d{8}T\d{12}Z-test-run\.duckdb"
BLOCKING = [("core.doubled", "is_whole")]


@pytest.fixture
def stocked(warehouse: Warehouse, tmp_path: Path) -> Warehouse:
    """A warehouse with ``raw.numbers`` 0 to 9 and the described table ``core.doubled``."""
    put(warehouse, "raw.numbers", "select range as n from range(10)")
    select = "select n, n * 2 as doubled from raw.numbers"
    build_table(warehouse, table_file(tmp_path / "sql", "core.doubled", select, ["n", "doubled"]), {})
    return warehouse


def outcome(passed: bool, *, severity: str = "ERROR", blocking: bool = True, message: str = "") -> CheckOutcome:
    return CheckOutcome("is_whole", "core.doubled", passed, severity, blocking, message)


def test_the_link_is_relative_and_leads_to_a_file_of_its_own_name(stocked: Warehouse) -> None:
    path = publish(stocked, keep=3)
    link = stocked.home.warehouse_link
    assert link.is_symlink()
    assert os.readlink(link) == f"snapshots/{path.name}"
    assert re.fullmatch(PUBLISHED, path.name)
    assert current_snapshot(stocked.home) == path.resolve()


def test_a_home_that_is_moved_keeps_its_snapshot(stocked: Warehouse, tmp_path: Path) -> None:
    publish(stocked, keep=3)
    moved = Home(tmp_path / "elsewhere")
    stocked.home.root.rename(moved.root)
    with open_snapshot(moved) as reader:
        assert reader.execute("select count(*) from core.doubled").fetchall() == [(10,)]


def test_a_snapshot_holds_every_table_with_its_comments_and_none_of_the_books(stocked: Warehouse) -> None:
    publish(stocked, keep=3)
    with open_snapshot(stocked.home) as reader:
        tables = reader.execute(
            "select schema_name || '.' || table_name, comment from duckdb_tables() where schema_name <> 'meta'"
        ).fetchall()
        assert dict(tables) == {"raw.numbers": None, "core.doubled": "A row is a row of core.doubled"}
        columns = reader.execute(
            "select column_name, comment from duckdb_columns() where schema_name = 'core' order by column_index"
        ).fetchall()
        assert columns == [("n", "what n holds"), ("doubled", "what doubled holds")]
        schemas = {name for (name,) in reader.execute("select distinct schema_name from duckdb_tables()").fetchall()}
        assert schemas == {"raw", "core", "meta"}
        assert reader.execute("select sum(doubled) from core.doubled").fetchall() == [(2 * sum(range(10)),)]


def test_a_snapshot_is_of_the_storage_version_that_older_clients_read(stocked: Warehouse) -> None:
    path = publish(stocked, keep=3)
    with duckdb.connect(str(path), read_only=True) as connection:
        tags = connection.execute(
            "select tags['storage_version'] from duckdb_databases() where not internal"
        ).fetchall()
    assert tags == [("v1.4.0+",)]


def test_meta_has_the_columns_that_others_rely_on(stocked: Warehouse) -> None:
    publish(stocked, keep=3)
    needed = {
        "meta.tables": {"table_name", "rows", "materialised_at", "run_id", "is_stale"},
        "meta.checks": {"check", "passed", "severity", "at"},
        "meta.runs": {"run", "started", "seconds", "status"},
        "meta.snapshot": {"file_name", "published_at", "run_id", "version", "pipeline_version"},
    }
    with open_snapshot(stocked.home) as reader:
        for table, columns in needed.items():
            described = reader.execute(f"describe {table}").fetchall()
            assert columns <= {column for column, *_ in described}
        undescribed = reader.execute(
            "select table_name, column_name from duckdb_columns() where schema_name = 'meta' and comment is null"
        ).fetchall()
        assert undescribed == []


def test_meta_tells_rows_age_staleness_checks_and_runs(stocked: Warehouse) -> None:
    stocked.books.record_run_start("command line")
    stocked.books.record_check(outcome(False, severity="WARN", blocking=False, message="two rows at fault"))
    put(stocked, "raw.numbers", "select range as n from range(12)")
    path = publish(stocked, 3, RunEnd("failed", 1.5, "failed: core__doubled"))
    with open_snapshot(stocked.home) as reader:
        tables = reader.execute("select table_name, rows, run_id, is_stale, stale_reason from meta.tables").fetchall()
        assert tables == [
            ("core.doubled", 10, "test-run", True, "raw.numbers changed after it was built"),
            ("raw.numbers", 12, "test-run", False, None),
        ]
        checks = reader.execute('select "check", table_name, passed, severity, is_blocking, message from meta.checks')
        assert checks.fetchall() == [("is_whole", "core.doubled", False, "WARN", False, "two rows at fault")]
        runs = reader.execute("select run, seconds, status, started_by, message from meta.runs").fetchall()
        assert runs == [("test-run", 1.5, "failed", "command line", "failed: core__doubled")]
        self = reader.execute("select file_name, run_id, version from meta.snapshot").fetchall()
        assert self == [(path.name, "test-run", stocked.books.version())]
        ages = reader.execute(
            "select max(abs(epoch(materialised_at) - epoch(now()::timestamptz at time zone 'UTC'))) from meta.tables"
        ).fetchall()
        assert ages[0][0] < 60


def test_the_published_version_is_that_of_what_was_published(stocked: Warehouse) -> None:
    home = stocked.home
    assert published_version(home) is None
    publish(stocked, keep=3)
    assert published_version(home) == stocked.books.version()
    put(stocked, "raw.numbers", "select 1 as n")
    assert published_version(home) != stocked.books.version()


def test_the_published_version_is_known_while_readers_of_this_process_are_at_work(stocked: Warehouse) -> None:
    publish(stocked, keep=3)
    with open_snapshot(stocked.home) as reader:
        assert published_version(stocked.home) == stocked.books.version()
        assert reader.execute("select count(*) from core.doubled").fetchall() == [(10,)]


def test_the_last_snapshots_are_kept_and_older_ones_go(stocked: Warehouse) -> None:
    paths = [publish(stocked, keep=3) for _ in range(5)]
    assert snapshots(stocked.home) == paths[2:]
    newest = publish(stocked, keep=1)
    assert snapshots(stocked.home) == [newest]


def test_a_reader_of_a_dropped_snapshot_reads_on(stocked: Warehouse) -> None:
    publish(stocked, keep=1)
    with open_snapshot(stocked.home) as reader:
        put(stocked, "raw.numbers", "select 1 as n")
        for _ in range(3):
            publish(stocked, keep=1)
        assert reader.execute("select count(*), sum(n) from raw.numbers").fetchall() == [(10, sum(range(10)))]


def test_what_an_interrupted_publish_left_is_removed_and_nothing_else(stocked: Warehouse) -> None:
    home = stocked.home
    stale = home.snapshots / "warehouse-20200101T000000000000Z-dead.duckdb.tmp"
    stale.write_text("half a snapshot")
    stale.with_name(stale.name + ".wal").write_text("its log")
    (home.root / ".warehouse.duckdb.new").symlink_to("snapshots/nowhere")
    note = home.snapshots / "notes.txt"
    note.write_text("a user's")
    path = publish(stocked, keep=3)
    assert files_below(home.snapshots) == {path.name, "notes.txt"}
    assert not (home.root / ".warehouse.duckdb.new").is_symlink()


def test_the_folder_in_which_a_reader_spills_its_rows_is_no_leftover(stocked: Warehouse) -> None:
    """DuckDB spills into ``<database>.tmp``, so the name of that folder is that of an unfinished snapshot."""
    path = publish(stocked, keep=3)
    spill = path.with_name(path.name + ".tmp")
    spill.mkdir()
    (spill / "duckdb_temp_storage-0.tmp").write_text("rows")
    newer = publish(stocked, keep=3)
    assert current_snapshot(stocked.home) == newer.resolve()
    assert (spill / "duckdb_temp_storage-0.tmp").exists()


@pytest.mark.parametrize("row", [1, 30_000, 59_999])
def test_a_damaged_block_does_not_verify(warehouse: Warehouse, row: int) -> None:
    """The column holds no nulls: DuckDB could count it without reading it."""
    put(warehouse, "raw.numbers", "select hash(range) as h from range(60000)")
    path = publish(warehouse, keep=3)
    verify(path, {"raw.numbers": 60_000})
    content = path.read_bytes()
    stored = struct.pack("<Q", warehouse.value(f"select hash({row}::bigint)"))
    assert stored in content
    path.write_bytes(content.replace(stored, bytes(8), 1))
    with pytest.raises(PublishError, match="does not verify"):
        verify(path, {"raw.numbers": 60_000})


def test_missing_rows_and_tables_do_not_verify(stocked: Warehouse) -> None:
    path = publish(stocked, keep=3)
    with pytest.raises(PublishError, match=r"core\.doubled has 10 rows in the snapshot instead of 11"):
        verify(path, {"core.doubled": 11})
    with pytest.raises(PublishError, match="does not verify"):
        verify(path, {"core.missing": 1})
    path.with_name(path.name + ".wal").write_text("not yet in the file")
    with pytest.raises(PublishError, match="write-ahead log"):
        verify(path, {"core.doubled": 10})


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def drop_a_row(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("delete from core.doubled where n = 3")


def drop_a_table(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("drop table raw.numbers")


@pytest.mark.parametrize("damage", [truncate, drop_a_row, drop_a_table, Path.unlink])
def test_a_copy_that_does_not_verify_leaves_readers_where_they_are(
    stocked: Warehouse, monkeypatch: pytest.MonkeyPatch, damage: Callable[[Path], None]
) -> None:
    old = publish(stocked, keep=3)
    put(stocked, "raw.numbers", "select range as n from range(20)")
    copy = snapshot._copy

    def copy_and_damage(warehouse: Warehouse, target: Path, ending: RunEnd | None) -> dict[str, int]:
        expected = copy(warehouse, target, ending)
        damage(target)
        return expected

    monkeypatch.setattr(snapshot, "_copy", copy_and_damage)
    with pytest.raises(PublishError, match="could not be published, readers keep the last one"):
        publish(stocked, keep=3)
    assert current_snapshot(stocked.home) == old.resolve()
    assert files_below(stocked.home.snapshots) == {old.name}
    monkeypatch.undo()
    publish(stocked, keep=3)
    with open_snapshot(stocked.home) as reader:
        assert reader.execute("select count(*) from raw.numbers").fetchall() == [(20,)]


@pytest.mark.parametrize("step", ["point_link", "_sync_folder"])
def test_a_failure_after_the_renaming_leaves_no_snapshot_that_was_never_published(
    stocked: Warehouse, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    old = publish(stocked, keep=3)

    def fail(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(snapshot, step, fail)
    with pytest.raises(PublishError, match="Read-only file system"):
        publish(stocked, keep=3)
    assert snapshots(stocked.home) == [old]
    assert current_snapshot(stocked.home) == old.resolve()


def test_the_engine_works_on_after_a_failed_publish(stocked: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise duckdb.IOException("no space")

    monkeypatch.setattr(snapshot, "write_meta", fail)
    with pytest.raises(PublishError, match="no space"):
        publish(stocked, keep=3)
    attached = stocked.execute("select database_name from duckdb_databases() where not internal").fetchall()
    assert attached == [("warehouse",)]
    monkeypatch.undo()
    publish(stocked, keep=3)


def test_nothing_is_withheld_without_blocking_checks(stocked: Warehouse) -> None:
    assert find_withholding_checks(stocked.books, []) is None
    stocked.books.record_check(outcome(False))
    assert find_withholding_checks(stocked.books, []) is None


def test_a_failed_or_unseen_blocking_check_withholds(stocked: Warehouse) -> None:
    books = stocked.books
    unseen = find_withholding_checks(books, BLOCKING)
    assert unseen
    assert unseen.unseen == (("core.doubled", "is_whole"),)
    assert "has not run since the table changed" in str(unseen)
    books.record_check(outcome(True))
    assert find_withholding_checks(books, BLOCKING) is None
    books.record_check(outcome(False, message="three rows at fault"))
    failed = find_withholding_checks(books, BLOCKING)
    assert failed
    assert str(failed) == "core.doubled: is_whole: three rows at fault"
    books.record_check(outcome(True))
    put(stocked, "raw.other", "select 1 as n")
    assert find_withholding_checks(books, BLOCKING) is None
    put(stocked, "core.doubled", "select 1 as n, 2 as doubled")
    assert find_withholding_checks(books, BLOCKING)


@pytest.mark.parametrize("found", [outcome(False, blocking=False), outcome(False, severity="WARN", blocking=False)])
def test_a_warning_does_not_withhold(stocked: Warehouse, found: CheckOutcome) -> None:
    stocked.books.record_check(found)
    assert find_withholding_checks(stocked.books, BLOCKING) is None


def test_a_check_of_a_table_that_is_not_there_yet_does_not_withhold(stocked: Warehouse) -> None:
    assert find_withholding_checks(stocked.books, [("customers.later", "is_whole")]) is None


def test_a_check_that_passes_in_other_words_is_no_change_and_one_that_fails_in_others_is(stocked: Warehouse) -> None:
    versions = []
    for found in (
        outcome(True, message="until Monday"),
        outcome(True, message="until Tuesday"),
        outcome(False, message="1 row at fault"),
        outcome(False, message="1 row at fault"),
        outcome(False, message="2 rows at fault"),
        outcome(False, message="2 rows at fault", blocking=False),
        outcome(True),
    ):
        stocked.books.record_check(found)
        versions.append(stocked.books.version())
    changes = [after != before for before, after in itertools.pairwise(versions)]
    assert changes == [False, True, False, True, True, True]


def test_the_notice_tells_since_when_and_why_and_goes_with_the_next_publish(stocked: Warehouse) -> None:
    home, books = stocked.home, stocked.books
    assert withheld_notice(home) is None
    books.record_check(outcome(False, message="three rows at fault"))
    failed = find_withholding_checks(books, BLOCKING)
    assert failed
    withhold(home, "run-1", failed)
    notice = withheld_notice(home)
    assert notice
    assert notice["reason"] == "core.doubled: is_whole: three rows at fault"
    assert notice["failed_checks"] == ["core.doubled:is_whole"]
    home.withheld_notice.write_text(json.dumps({**notice, "since": "2024-01-01 00:00:00"}))
    withhold(home, "run-2", failed)
    notice = withheld_notice(home)
    assert notice
    assert (notice["since"], notice["run_id"]) == ("2024-01-01 00:00:00", "run-2")
    publish(stocked, keep=3)
    assert withheld_notice(home) is None


def test_a_path_with_a_quote_in_it_can_be_published(tmp_path: Path) -> None:
    home = Home(tmp_path / "the owner's store").create()
    with opened(home) as warehouse:
        warehouse.write("models.scores", pd.DataFrame({"a": [1]}), row_is="a score", columns={"a": "a"})
        publish(warehouse, keep=3)
    with open_snapshot(home) as reader:
        assert reader.execute("from models.scores").fetchall() == [(1,)]


def test_a_working_database_of_a_newer_storage_is_copied_into_one_that_older_clients_can_open(home: Home) -> None:
    home.create()
    duckdb.connect(str(home.working_database)).close()
    with opened(home) as warehouse:
        put(warehouse, "raw.numbers", "select range as n from range(10)")
        path = publish(warehouse, keep=1)
    assert stored_rows(path) == ("v1.4.0+", 10)


def test_room_that_is_no_more_used_is_left_out_of_the_snapshot(home: Home) -> None:
    with opened(home) as warehouse:
        put(warehouse, "raw.many", "select hash(range) as h from range(1000000)")
        put(warehouse, "raw.numbers", "select range as n from range(10)")
        whole = publish(warehouse, keep=2)
        assert whole.stat().st_size > 8_000_000
        warehouse.execute("drop table raw.many")
        path = publish(warehouse, keep=2)
    assert path.stat().st_size < 3_000_000
    assert stored_rows(path) == ("v1.4.0+", 10)


def test_a_file_that_cannot_be_copied_is_told_and_readers_keep_the_old(
    stocked: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = publish(stocked, keep=3)
    monkeypatch.setattr(snapshot, "COPY", "raise OSError(28, 'No space left on device')")
    with pytest.raises(PublishError, match=r"could not be copied: OSError: .*No space left on device"):
        publish(stocked, keep=3)
    assert current_snapshot(stocked.home) == before.resolve()
    assert files_below(stocked.home.snapshots) == {before.name}


def test_the_lock_outlasts_the_copying_of_the_file(stocked: Warehouse) -> None:
    publish(stocked, keep=1)
    other = f"import duckdb; duckdb.connect({str(stocked.home.working_database)!r})"
    done = subprocess.run([sys.executable, "-c", other], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "Could not set lock" in done.stderr


def stored_rows(path: Path) -> tuple[str, int]:
    """A snapshot's storage version, and the rows of ``raw.numbers``."""
    with duckdb.connect(str(path), read_only=True) as connection:
        [[version]] = connection.execute(
            "select tags['storage_version'] from duckdb_databases() where not internal"
        ).fetchall()
        [[rows]] = connection.execute("select count(*) from raw.numbers").fetchall()
    return version, rows


def test_a_snapshot_that_is_written_anew_again_and_again_keeps_a_short_name(stocked: Warehouse) -> None:
    publish(stocked, keep=1)
    replacement = Replacement(("ada@example.com",), "customer_id", "forgotten-1", (), "[forgotten]")
    for times in range(1, 26):
        (path,) = rewrite_snapshots(stocked.home, replacement)
        assert path.name.endswith(f"-rewritten{times}.duckdb")
    assert snapshots(stocked.home) == [path]
    assert current_snapshot(stocked.home) == path.resolve()
    assert len(path.name) < 80
