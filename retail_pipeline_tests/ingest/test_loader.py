"""Loading drops: once, wholly or not at all, whatever the file and whatever happens meanwhile."""

import contextlib
import csv
import errno
import gzip
import hashlib
import io
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import permutations
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter

from retail_pipeline.errors import RetailPipelineError
from retail_pipeline.home import Home
from retail_pipeline.ingest import loader, read_ahead, write_drop
from retail_pipeline.ingest.loader import LoadReport, load_drops
from retail_pipeline.ingest.staged import Staged
from retail_pipeline.settings import IngestSettings, load_settings
from retail_pipeline.warehouse.bookkeeping import Bookkeeping
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.ingest.loading import line, text
from retail_pipeline_tests.stores import LONG_AGO, opened
from retail_pipeline_tests.stores import write_drop as drop_file

UCI = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]


def orders(warehouse: Warehouse) -> list[str]:
    return [order for (order,) in warehouse.execute("select order_id from raw.transactions order by 1").fetchall()]


def put(warehouse: Warehouse, name: str, *ids: object) -> Path:
    return drop_file(warehouse.home, name, text(*map(line, ids)))


def everything(warehouse: Warehouse) -> list[list[tuple[Any, ...]]]:
    tables = ("transactions", "rejected_rows", "drops")
    return [warehouse.execute(f"from raw.{table} order by all").fetchall() for table in tables]


# The ledger


def test_the_ledger_tells_what_a_file_held(warehouse: Warehouse) -> None:
    content = text(line(1, order_ts="2024-05-02"), line(2, order_ts="2024-05-01 10:00"), line(3, quantity="x"))
    drop_file(warehouse.home, "may/a.csv", content)
    report = load_drops(warehouse)
    digest = hashlib.sha256(content.encode()).hexdigest()
    assert warehouse.row("select * exclude (loaded_at) from raw.drops") == (
        *(digest[:16], "may/a.csv", "canonical", digest, len(content), 3, 2, 1),
        *(datetime(2024, 5, 1, 10), datetime(2024, 5, 2)),
    )
    assert report.loaded == [loader.LoadedDrop("may/a.csv", "canonical", 3, 2, 1)]


def test_a_loaded_file_is_known_on_the_next_run(warehouse: Warehouse) -> None:
    put(warehouse, "a.csv", 1)
    load_drops(warehouse)
    before = everything(warehouse)
    assert load_drops(warehouse) == LoadReport(known=["a.csv"])
    assert everything(warehouse) == before


def test_the_same_bytes_under_two_names_load_once(warehouse: Warehouse) -> None:
    put(warehouse, "a.csv", 1)
    put(warehouse, "b.csv", 1)
    said: list[str] = []
    report = load_drops(warehouse, say=said.append)
    assert ([drop.file_name for drop in report.loaded], report.known) == (["a.csv"], ["b.csv"])
    assert orders(warehouse) == ["1"]
    assert "b.csv holds the same bytes as a.csv" in said[-1]


def test_other_contents_under_a_known_name_are_added(warehouse: Warehouse) -> None:
    put(warehouse, "a.csv", 1)
    load_drops(warehouse)
    put(warehouse, "a.csv", 2)
    load_drops(warehouse)
    assert orders(warehouse) == ["1", "2"]
    assert warehouse.count("raw.drops") == 2


def test_a_file_that_grew_replaces_its_earlier_states(warehouse: Warehouse) -> None:
    for ids in ([1], [1, 2], [1, 2, 3]):
        put(warehouse, "log.csv", *ids)
        load_drops(warehouse)
    assert orders(warehouse) == ["1", "2", "3"]
    assert warehouse.count("raw.drops") == 1


def test_a_file_that_grew_replaces_its_own_earlier_state_and_no_other(warehouse: Warehouse) -> None:
    for ids in ([1], [7], [1, 2]):  # all loaded in the same second
        put(warehouse, "log.csv", *ids)
        load_drops(warehouse)
    assert orders(warehouse) == ["1", "2", "7"]


def test_a_half_copied_line_is_gone_when_the_file_is_whole(warehouse: Warehouse) -> None:
    whole = text(line(1), line(2))
    drop_file(warehouse.home, "a.csv", whole[:-20])
    load_drops(warehouse)
    assert warehouse.count("raw.rejected_rows") == 1
    drop_file(warehouse.home, "a.csv", whole)
    load_drops(warehouse)
    assert (orders(warehouse), warehouse.count("raw.rejected_rows")) == (["1", "2"], 0)


def test_a_renamed_file_is_known_by_its_new_name_and_can_be_loaded_again_by_it(warehouse: Warehouse) -> None:
    put(warehouse, "z.csv", 1)
    load_drops(warehouse)
    (warehouse.home.drops / "z.csv").rename(warehouse.home.drops / "y.csv")
    said: list[str] = []
    assert load_drops(warehouse, say=said.append).known == ["y.csv"]
    assert said == ["y.csv is z.csv under a new name."]
    assert warehouse.value("select file_name from raw.drops") == "y.csv"
    put(warehouse, "y.csv", 2)
    load_drops(warehouse, ["y.csv"])
    assert orders(warehouse) == ["2"]


def test_a_half_copied_file_that_got_its_name_when_it_was_whole_is_not_there_twice(warehouse: Warehouse) -> None:
    whole = text(line(1), line(2, country="United Kingdom"))
    drop_file(warehouse.home, "upload-7f3a.csv", whole[:-8])
    load_drops(warehouse)
    (warehouse.home.drops / "upload-7f3a.csv").unlink()
    drop_file(warehouse.home, "sales.csv", whole)
    load_drops(warehouse)
    assert orders(warehouse) == ["1", "2"]
    assert warehouse.count("raw.drops") == 1


def test_a_copy_of_what_a_mended_file_held_is_loaded_in_the_same_run(warehouse: Warehouse) -> None:
    put(warehouse, "z.csv", 1, 2)
    load_drops(warehouse)
    put(warehouse, "a.csv", 1, 2)
    put(warehouse, "z.csv", 3)
    report = load_drops(warehouse, ["z.csv"])
    assert orders(warehouse) == ["1", "2", "3"]
    assert (sorted(drop.file_name for drop in report.loaded), report.known) == (["a.csv", "z.csv"], [])


# Loading again


def test_reload_replaces_all_that_a_file_brought(warehouse: Warehouse) -> None:
    for ids in ([1, "x"], [2]):
        put(warehouse, "a.csv", *ids)
        put(warehouse, "b.csv", 9)
        load_drops(warehouse)
    put(warehouse, "a.csv", 3)
    load_drops(warehouse, ["a.csv"])
    assert orders(warehouse) == ["3", "9"]


def test_reload_of_unchanged_bytes_changes_nothing(warehouse: Warehouse) -> None:
    drop_file(warehouse.home, "a.csv", text(line(1), line(2, quantity="x"), "broken"))
    load_drops(warehouse)
    before = everything(warehouse)[:2]
    report = load_drops(warehouse, ["a.csv"])
    assert [drop.file_name for drop in report.loaded] == ["a.csv"]
    assert everything(warehouse)[:2] == before


def test_reload_of_an_unknown_name_is_an_error_that_lists_the_names(warehouse: Warehouse) -> None:
    put(warehouse, "a.csv", 1)
    put(warehouse, "b.csv", 2)
    with pytest.raises(RetailPipelineError, match=r"c\.csv is not in .*There are: a\.csv, b\.csv\."):
        load_drops(warehouse, ["c.csv"])
    assert warehouse.count("raw.drops") == 0


def test_reload_of_a_file_that_became_unreadable_keeps_what_it_brought(warehouse: Warehouse) -> None:
    put(warehouse, "a.csv", 1)
    load_drops(warehouse)
    drop_file(warehouse.home, "a.csv", "nonsense")
    assert list(load_drops(warehouse, ["a.csv"]).refused) == ["a.csv"]
    assert orders(warehouse) == ["1"]


def test_the_orders_that_came_and_went_are_logged_as_changed(warehouse: Warehouse) -> None:
    put(warehouse, "other.csv", 0)
    load_drops(warehouse)
    make_a_table_of_the_lines(warehouse)
    put(warehouse, "a.csv", 1, 2)
    load_drops(warehouse)
    last = warehouse.value("select max(generation) from pipeline.changed_keys")
    put(warehouse, "a.csv", 2, 3)
    load_drops(warehouse, ["a.csv"])
    changed = warehouse.execute(
        "select key_value from pipeline.changed_keys where table_name = 'raw.transactions' and "
        "generation > ? order by 1",
        [last],
    ).fetchall()
    assert changed == [("1",), ("2",), ("3",)]


def make_a_table_of_the_lines(warehouse: Warehouse) -> None:
    """Note a table that is made from the lines: nothing is logged for nobody."""
    warehouse.books.record_table(
        "core.lines", row_is="a line", rows=1, upstream=["raw.transactions"], fingerprint="", changed=True, rebuilt=True
    )


# What cannot be read


def test_bad_files_hold_up_no_good_one_and_leave_the_list_when_mended(warehouse: Warehouse) -> None:
    put(warehouse, "b.csv", 1)
    for name in ("a.csv", "c.parquet", "d.xlsx"):
        drop_file(warehouse.home, name, "nonsense")
    report = load_drops(warehouse)
    assert ([drop.file_name for drop in report.loaded], list(report.refused)) == (
        ["b.csv"],
        ["a.csv", "c.parquet", "d.xlsx"],
    )
    listed = warehouse.execute("select file_name, sha256, reason from raw.refused_files order by 1").fetchall()
    assert [name for name, _, _ in listed] == ["a.csv", "c.parquet", "d.xlsx"]
    assert listed[0][1:] == (hashlib.sha256(b"nonsense").hexdigest(), report.refused["a.csv"])

    put(warehouse, "a.csv", 2)
    (warehouse.home.drops / "c.parquet").unlink()
    load_drops(warehouse)
    assert warehouse.execute("select file_name from raw.refused_files").fetchall() == [("d.xlsx",)]
    assert orders(warehouse) == ["1", "2"]


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file whose first byte cannot be read")
def test_a_file_the_system_does_not_let_us_read_is_refused(warehouse: Warehouse) -> None:
    (warehouse.home.drops / "a.csv").symlink_to("/proc/self/mem")
    put(warehouse, "b.csv", 1)
    report = load_drops(warehouse)
    assert report.refused == {
        "a.csv": "a.csv cannot be read (Input/output error). Mend its permissions or copy it again."
    }
    assert orders(warehouse) == ["1"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_refused(warehouse: Warehouse) -> None:
    put(warehouse, "a.csv", 1).chmod(0)
    assert "Permission denied" in load_drops(warehouse).refused["a.csv"]


def test_a_full_disk_is_no_fault_of_the_file(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill_the_disk(*_: object) -> list[Staged]:
        raise OSError(errno.ENOSPC, "No space left on device")

    put(warehouse, "a.csv", 1)
    monkeypatch.setattr(loader, "stage", fill_the_disk)
    with pytest.raises(OSError, match="No space left"):
        load_drops(warehouse)
    assert warehouse.count("raw.refused_files") == 0


def test_all_rejects_are_written_however_many(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_drop, "REJECTS_AT_ONCE", 7)
    lines = [line(number, quantity="x") if number % 3 else "broken" for number in range(100)]
    drop_file(warehouse.home, "a.csv", text(*lines))
    load_drops(warehouse)
    found = warehouse.execute("select source_row, raw from raw.rejected_rows order by 1").fetchall()
    assert found == list(enumerate(lines, start=2))


# What happens meanwhile


def crash(*_: object, **__: object) -> None:
    raise MemoryError("the machine gave up")


def test_a_crash_leaves_nothing_of_a_file(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    put(warehouse, "a.csv", 1)
    load_drops(warehouse)
    make_a_table_of_the_lines(warehouse)
    before = everything(warehouse)
    put(warehouse, "b.csv", 2, "x")
    with monkeypatch.context() as patched:
        patched.setattr(Bookkeeping, "log_changed_keys", crash)
        with pytest.raises(MemoryError):
            load_drops(warehouse)
    assert everything(warehouse) == before
    load_drops(warehouse)
    assert orders(warehouse) == ["1", "2", "x"]


def test_a_crash_while_loading_again_keeps_what_was_there(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(warehouse, "a.csv", 1)
    load_drops(warehouse)
    before = everything(warehouse)
    put(warehouse, "a.csv", 2)
    with monkeypatch.context() as patched:
        patched.setattr(write_drop, "_write_ledger", crash)
        with pytest.raises(MemoryError):
            load_drops(warehouse, ["a.csv"])
    assert everything(warehouse) == before


def test_rows_that_do_not_add_up_load_nothing(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    drop_file(warehouse.home, "a.csv", text(line(1), line(2, quantity="x")))
    monkeypatch.setattr(write_drop, "_faulty_lines", lambda _: iter(()))
    report = load_drops(warehouse)
    assert "of 2 rows read 1 could be loaded and 0 rejected" in report.refused["a.csv"]
    assert everything(warehouse) == [[], [], []]


# Many small files


def test_small_files_are_one_change_however_many(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    put(warehouse, "0.csv", "0")
    load_drops(warehouse)
    before = warehouse.books.generation()
    put(warehouse, "1.csv", "1")
    load_drops(warehouse)
    of_one = warehouse.books.generation() - before
    for number in range(2, 9):
        put(warehouse, f"{number}.csv", number)
    load_drops(warehouse)
    assert warehouse.books.generation() - before == 2 * of_one
    for number in range(10, 16):
        put(warehouse, f"{number}.csv", number)
    monkeypatch.setattr(loader, "MOST_FILES_TOGETHER", 2)
    load_drops(warehouse)
    assert warehouse.books.generation() - before == 5 * of_one


def test_lines_of_files_loaded_together_stand_where_they_stood(warehouse: Warehouse) -> None:
    names = [f"{number}.csv" for number in range(6)]
    for number, name in enumerate(names):
        broken = ["", "broken"] * number
        lines = [line(f"{number}a", product_name='"two\nlines"'), *broken, line(f"{number}b")]
        drop_file(warehouse.home, name, text(*lines))
    report = load_drops(warehouse)
    assert [(drop.file_name, drop.rows_loaded, drop.rows_rejected) for drop in report.loaded] == [
        (name, 2, number) for number, name in enumerate(names)
    ]
    places = warehouse.execute(
        "select file_name, order_id, source_row from raw.transactions join raw.drops using (drop_id) order by all"
    ).fetchall()
    assert places == [
        place
        for number, name in enumerate(names)
        for place in ((name, f"{number}a", 2), (name, f"{number}b", 4 + 2 * number))
    ]


def test_a_file_that_fails_takes_none_along_that_it_is_loaded_with(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(warehouse, "a.csv", 1)
    drop_file(warehouse.home, "b.csv", text(line(2), line(3, quantity="x")))
    put(warehouse, "c.csv", 4)
    monkeypatch.setattr(write_drop, "_faulty_lines", lambda _: iter(()))
    said: list[str] = []
    report = load_drops(warehouse, say=said.append)
    assert ([drop.file_name for drop in report.loaded], list(report.refused)) == (["a.csv", "c.csv"], ["b.csv"])
    assert [text.split(":")[0] for text in said] == ["a.csv", "Refused", "c.csv"]
    assert orders(warehouse) == ["1", "4"]
    assert warehouse.execute("select file_name from raw.drops order by 1").fetchall() == [("a.csv",), ("c.csv",)]


def test_a_crash_leaves_nothing_of_files_loaded_together(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        put(warehouse, f"{number}.csv", number)
    with monkeypatch.context() as patched:
        patched.setattr(write_drop, "_write_ledger", crash)
        with pytest.raises(MemoryError):
            load_drops(warehouse)
    assert everything(warehouse) == [[], [], []]
    load_drops(warehouse)
    assert orders(warehouse) == ["0", "1", "2", "3"]


def test_files_are_read_ahead_no_further_than_allowed(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_ahead, "MOST_FILES", 3)
    unread = []
    real = loader.write_drops

    def write(warehouse: Warehouse, *more: Any) -> Any:
        unread.append(len(list(warehouse.home.work.glob("drop-*/*"))))
        return real(warehouse, *more)

    monkeypatch.setattr(loader, "write_drops", write)
    monkeypatch.setattr(loader, "MOST_FILES_TOGETHER", 1)
    for number in range(9):
        put(warehouse, f"{number}.csv", number)
    load_drops(warehouse)
    assert len(unread) == 9
    assert max(unread) <= 4
    assert orders(warehouse) == [str(number) for number in range(9)]


def test_an_interrupt_leaves_no_copies_of_the_file_that_is_read(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = read_ahead.tell_text
    copies = []

    def tell_text(*arguments: Any) -> Any:
        records = real(*arguments)
        copies.extend(warehouse.home.work.glob("drop-*/*/*"))
        signal.pthread_kill(main, signal.SIGINT)
        time.sleep(0.5)
        return records

    main = threading.main_thread().ident
    assert main
    monkeypatch.setattr(read_ahead, "tell_text", tell_text)
    drop_file(warehouse.home, "a.csv.gz", gzip.compress(text(line(1)).encode()))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # where tests run in parallel it is ignored
    try:
        with pytest.raises(KeyboardInterrupt):
            load_drops(warehouse)
    finally:
        signal.signal(signal.SIGINT, before)
    assert copies
    assert list(warehouse.home.work.glob("drop-*")) == []


def test_of_two_files_whose_names_look_the_same_the_longer_continues_the_other(warehouse: Warehouse) -> None:
    """Their names differ in a byte that is no text."""
    put(warehouse, os.fsdecode(b"\xfe.csv"), 1)
    put(warehouse, os.fsdecode(b"\xff.csv"), 1, 2)
    load_drops(warehouse)
    assert orders(warehouse) == ["1", "2"]


Meddle = Callable[[Path], object]


def append(path: Path) -> None:
    with path.open("a") as file:
        file.write(line(2) + "\n")


def replace(path: Path) -> None:
    other = path.with_suffix(".part")
    other.write_text(text(line(1), line(2)))
    other.replace(path)


@pytest.mark.parametrize("meddle", [append, replace])
def test_a_file_that_changes_while_it_is_read_waits_for_the_next_run(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, meddle: Meddle
) -> None:
    path = put(warehouse, "a.csv", 1)
    put(warehouse, "b.csv", 9)
    meddle_after_staging(monkeypatch, path, meddle)
    report = load_drops(warehouse)
    assert (report.growing, report.refused) == (["a.csv"], {})
    assert orders(warehouse) == ["9"]
    os.utime(path, (1.6e9, 1.6e9))
    load_drops(warehouse)
    assert orders(warehouse) == ["1", "2", "9"]


def test_a_file_that_is_taken_away_while_it_is_read_is_left_out(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(warehouse, "a.csv", 1)
    meddle_after_staging(monkeypatch, path, Path.unlink)
    assert load_drops(warehouse).loaded == []
    assert load_drops(warehouse) == LoadReport()
    assert orders(warehouse) == []


@pytest.mark.parametrize("meddle", [append, replace, Path.unlink])
def test_a_file_that_changes_while_it_waits_to_be_loaded_with_others_is_left_out(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, meddle: Meddle
) -> None:
    put(warehouse, "a.csv", 1)
    path = put(warehouse, "b.csv", 8)
    put(warehouse, "c.csv", 9)
    real = loader.stage

    def stage(*arguments: Any) -> list[Staged]:
        if path.exists() and path.stat().st_mtime == LONG_AGO:
            meddle(path)
        return real(*arguments)

    monkeypatch.setattr(loader, "stage", stage)
    report = load_drops(warehouse)
    assert (report.growing, report.refused) == (["b.csv"], {})
    assert orders(warehouse) == ["1", "9"]


def meddle_after_staging(monkeypatch: pytest.MonkeyPatch, path: Path, meddle: Meddle) -> None:
    real = loader.stage

    def stage(warehouse: Warehouse, drop: Path, *more: Any) -> list[Staged]:
        staged = real(warehouse, drop, *more)
        if drop == path:
            monkeypatch.setattr(loader, "stage", real)
            meddle(path)
        return staged

    monkeypatch.setattr(loader, "stage", stage)


def opened_with(home: Home, **ingest: float) -> contextlib.AbstractContextManager[Warehouse]:
    return opened(home, load_settings(home).model_copy(update={"ingest": IngestSettings(**ingest)}))


def test_a_file_that_is_being_written_is_waited_for_and_loaded_whole(home: Home) -> None:
    path = home.drops / "slow.csv"

    def write() -> None:
        with path.open("w") as file:
            file.write(text())
            for number in range(20):
                file.write(line(number) + "\n")
                file.flush()
                time.sleep(0.05)

    writer = threading.Thread(target=write)
    with opened_with(home, settle_seconds=1.5, wait_seconds=60) as warehouse:
        writer.start()
        while not path.exists():
            time.sleep(0.01)
        (drop,) = load_drops(warehouse).loaded
        writer.join()
    assert (drop.rows_loaded, drop.rows_rejected) == (20, 0)


def test_a_file_that_keeps_growing_holds_up_no_other(home: Home) -> None:
    with opened_with(home, settle_seconds=60, wait_seconds=0.1) as warehouse:
        put(warehouse, "settled.csv", 1)
        (home.drops / "fresh.csv").write_text(text(line(2)))
        report = load_drops(warehouse)
        assert (report.growing, [drop.file_name for drop in report.loaded]) == (["fresh.csv"], ["settled.csv"])
        with pytest.raises(RetailPipelineError, match=r"fresh\.csv is still growing"):
            load_drops(warehouse, ["fresh.csv"])


def test_nothing_is_left_behind_in_work(warehouse: Warehouse) -> None:
    (warehouse.home.work / "drop-killed").mkdir()
    (warehouse.home.work / "drop-killed" / "unpacked").write_text("x")
    drop_file(warehouse.home, "a.csv.gz", gzip.compress(text(line(1), "broken").encode()))
    drop_file(warehouse.home, "b.csv.gz", gzip.compress(b"nonsense"))
    load_drops(warehouse)
    assert list(warehouse.home.work.glob("drop-*")) == []
    kept = "select table_name from duckdb_tables() where temporary union all select view_name from duckdb_views() "
    assert warehouse.execute(f"{kept} where temporary and not internal").fetchall() == []


# One content in many forms


def sales(count: int, seed: int) -> list[tuple[Any, ...]]:
    chance = random.Random(seed)
    names = [" WHITE HEART ", 'SET OF 3, "ROSE"', "CAFÉ £5", "two\nlines", 'nail 5"', None]
    return [
        (
            chance.choice(["536365", "C536379", f"{number:06d}"]),
            chance.choice(["85123A", "22139", "1E5", "0123", " m "]),
            chance.choice(names),
            chance.choice([6, -1, 1000, 80995]),
            datetime(2010, 12, 1, 8, 26) + timedelta(minutes=7 * number),
            chance.choice([2.55, 0.0, 0.001, 11062.06, 27.5]),
            chance.choice([17850, 13085, None]),
            chance.choice(["United Kingdom", "EIRE"]),
        )
        for number in range(count)
    ]


def as_csv(rows: Sequence[tuple[Any, ...]]) -> bytes:
    content = io.StringIO(newline="")
    writer = csv.writer(content)
    writer.writerow(UCI)
    for order, product, name, quantity, moment, price, customer, country in rows:
        when = f"{moment.month}/{moment.day}/{moment.year} {moment.hour}:{moment.minute:02d}"
        writer.writerow([order, product, name, quantity, when, price, customer, country])
    return content.getvalue().encode("iso-8859-1")


def as_workbook(rows: Sequence[tuple[Any, ...]]) -> bytes:
    content = io.BytesIO()
    book = xlsxwriter.Workbook(content, {"default_date_format": "mm/dd/yyyy hh:mm"})
    sheet = book.add_worksheet("Online Retail")
    for number, row in enumerate([UCI, *rows]):
        sheet.write_row(number, 0, row)
    book.close()
    return content.getvalue()


def as_parquet(rows: Sequence[tuple[Any, ...]]) -> bytes:
    columns = dict(zip(UCI, map(list, zip(*rows, strict=True)), strict=True))
    ids = pa.array(columns["CustomerID"], pa.float64())
    content = io.BytesIO()
    pq.write_table(pa.table({**columns, "CustomerID": ids}), content)
    return content.getvalue()


FORMS = {".csv": as_csv, ".xlsx": as_workbook, ".parquet": as_parquet}


def lines_of(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return warehouse.execute(
        "select * exclude (drop_id, source_row, source_part) from raw.transactions order by all"
    ).fetchall()


def test_csv_workbook_and_parquet_of_the_same_lines_are_equal_in_every_column(home: Home, tmp_path: Path) -> None:
    rows = sales(500, seed=1)
    found = []
    for suffix, write in FORMS.items():
        with opened(Home(tmp_path / suffix).create()) as warehouse:
            drop_file(warehouse.home, f"a{suffix}", write(rows))
            (drop,) = load_drops(warehouse).loaded
            assert (drop.format, drop.rows_loaded) == ("online_retail", 500)
            first_row = 1 if suffix == ".parquet" else 2
            assert warehouse.row("select min(source_row) from raw.transactions") == (first_row,)
            found.append(lines_of(warehouse))
    assert found[0] == found[1] == found[2]
    first = next(row for row in found[0] if row[2] == datetime(2010, 12, 1, 8, 26))
    order, product, name, quantity, _, price, customer, country = rows[0]
    assert first[:8] == (order, None, rows[0][4], str(customer) if customer else None, product, name,
                         Decimal(quantity), Decimal(str(price)))  # fmt: skip
    assert country in first


def test_parts_in_any_form_and_order_give_the_lines_of_the_whole(warehouse: Warehouse, tmp_path: Path) -> None:
    rows = sales(90, seed=2)
    drop_file(warehouse.home, "whole.csv", as_csv(rows))
    load_drops(warehouse)
    whole = lines_of(warehouse)
    parts = [(suffix, write(rows[place * 30 : place * 30 + 30])) for place, (suffix, write) in enumerate(FORMS.items())]
    for number, order in enumerate(permutations(parts)):
        with opened(Home(tmp_path / f"order{number}").create()) as store:
            for suffix, content in order:
                drop_file(store.home, f"part{suffix}", content)
                load_drops(store)
            assert lines_of(store) == whole


# The real data


def test_online_retail_loads_whole(warehouse: Warehouse, online_retail: Path) -> None:
    drop_file(warehouse.home, "data.csv.gz", online_retail.read_bytes())
    (drop,) = load_drops(warehouse).loaded
    assert (drop.rows_read, drop.rows_loaded, drop.rows_rejected) == (541_909, 541_909, 0)
    assert warehouse.row(
        "select sum(quantity * unit_price), sum(quantity), count(distinct order_id), count(distinct customer_id), "
        "count(*) - count(customer_id), count(*) - count(product_name), min(source_row), max(source_row), "
        "count(distinct source_row), min(order_ts), max(order_ts) from raw.transactions"
    ) == (
        *(Decimal("9747747.934"), 5_176_450, 25_900, 4_372, 135_080, 1_454, 2, 541_910, 541_909),
        *(datetime(2010, 12, 1, 8, 26), datetime(2011, 12, 9, 12, 50)),
    )


def test_every_line_of_online_retail_stands_where_python_finds_it(warehouse: Warehouse, online_retail: Path) -> None:
    with gzip.open(online_retail, "rt", encoding="iso-8859-1", newline="") as file:
        head = "".join(line for _, line in zip(range(60_000), file, strict=False))
    drop_file(warehouse.home, "head.csv", head.encode("iso-8859-1"))
    load_drops(warehouse)
    found = warehouse.execute(
        "select source_row, order_id, product_id, product_name, country from raw.transactions order by 1"
    ).fetchall()
    reader = csv.reader(io.StringIO(head, newline=""))
    next(reader)
    assert found == [(reader.line_num, row[0], row[1], row[2] or None, row[7]) for row in reader]


def test_the_workbook_equals_the_first_lines_of_the_csv_in_every_column(
    tmp_path: Path, online_retail: Path, online_retail_workbook: Path
) -> None:
    with gzip.open(online_retail) as packed:
        first_lines = b"".join(line for _, line in zip(range(50_000), packed, strict=False))
    found = []
    for name, content in (("a.csv", first_lines), ("a.xlsx", online_retail_workbook.read_bytes())):
        with opened(Home(tmp_path / name).create()) as warehouse:
            drop_file(warehouse.home, name, content)
            load_drops(warehouse)
            found.append(
                warehouse.execute("select * exclude (drop_id) from raw.transactions order by source_row").fetchall()
            )
    assert len(found[0]) == 49_999
    assert found[0] == found[1]


def test_tables_of_an_earlier_release_get_the_columns_they_lack(warehouse: Warehouse) -> None:
    put(warehouse, "a.csv", 1)
    load_drops(warehouse)
    for column in ("source_part", "cancelled_ts"):
        warehouse.execute(f"alter table raw.transactions drop column {column}")
    put(warehouse, "b.csv", 2)
    load_drops(warehouse)
    rows = warehouse.execute("select order_id, source_part, cancelled_ts from raw.transactions order by 1").fetchall()
    assert rows == [("1", 1, None), ("2", 1, None)]
