"""Loading drops through the real path: what lands in ``raw``, whatever the file's shape."""

import csv
import gzip
import io
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import duckdb
import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retail_pipeline.errors import RetailPipelineError
from retail_pipeline.home import Home
from retail_pipeline.ingest.loader import LoadReport, load_drops
from retail_pipeline_tests.stores import CANONICAL_HEADER, canonical, opened, write_drop

LINE = ("1", "2024-05-01 10:00:00", "C1", "P1", "Bowl", 2, "3.50", "UK")
OTHER = ("2", "2024-05-02 11:00:00", "C2", "P2", "Cup", 1, "2.00", "IE")
UCI_HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
UCI_II_HEADER = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country"
FIELDS = (
    "order_id, order_ts::varchar, customer_id, product_id, product_name, "
    "quantity::varchar, unit_price::varchar, country"
)


def load(home: Home, sql: str, reload: Sequence[str] = ()) -> tuple[LoadReport, list[tuple[object, ...]]]:
    """Load what is new and answer a query on ``raw``."""
    with opened(home) as warehouse:
        report = load_drops(warehouse, reload)
        return report, warehouse.execute(sql).fetchall()


def names(home: Home, content: str | bytes, name: str = "a.csv") -> list[str]:
    write_drop(home, name, content)
    _, rows = load(home, "select product_name from raw.transactions order by source_row")
    return [str(row[0]) for row in rows]


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("utf-8", "Café £"),
        ("utf-8-sig", "Café £"),
        ("iso-8859-1", "Café £"),
        ("cp1252", "“Smart” – €5"),
        ("utf-16", "Café €"),
    ],
)
def test_every_encoding_keeps_its_characters(home: Home, encoding: str, name: str) -> None:
    assert names(home, canonical([(*LINE[:4], name, *LINE[5:])]).encode(encoding)) == [name]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_every_delimiter_is_recognised(home: Home, delimiter: str) -> None:
    assert names(home, canonical([LINE]).replace(",", delimiter)) == ["Bowl"]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_every_line_end_is_read_with_and_without_the_last(home: Home, line_end: str, last: bool) -> None:
    text = canonical([LINE, OTHER]).replace("\n", line_end)
    assert names(home, text if last else text.rstrip("\r\n")) == ["Bowl", "Cup"]


def test_a_packed_file_is_unpacked(home: Home) -> None:
    assert names(home, gzip.compress(canonical([LINE]).encode()), "a.csv.gz") == ["Bowl"]


def test_header_case_blanks_and_order_do_not_matter(home: Home) -> None:
    header = "Country , UNIT_PRICE,quantity,product_name,product_id,customer_id,order_ts,order_id"
    assert names(home, canonical([tuple(reversed(LINE))], header)) == ["Bowl"]


def test_row_numbers_are_physical_lines_past_blank_lines_and_line_breaks_in_quotes(home: Home) -> None:
    broken = (*LINE[:4], "two\nlines", *LINE[5:])
    text = canonical([LINE, broken]) + "\n\n" + canonical([("3", "soon", *LINE[2:]), OTHER]).split("\n", 1)[1]
    write_drop(home, "a.csv", text)
    _, rows = load(home, "select source_row, product_name from raw.transactions order by 1")
    assert rows == [(2, "Bowl"), (3, "two\nlines"), (8, "Cup")]
    _, rejected = load(home, "select source_row, raw from raw.rejected_rows")
    assert rejected == [(7, "3,soon,C1,P1,Bowl,2,3.50,UK")]


def test_inches_in_names_are_no_quotes(home: Home) -> None:
    assert names(home, f'{CANONICAL_HEADER}\n1,2024-05-01,C1,P1,5" nail,1,1,UK\n2,2024-05-01,C1,P1,Cup,1,1,UK\n') == [
        '5" nail',
        "Cup",
    ]


@pytest.mark.parametrize(
    ("exported", "stored"), [("17850.0", "17850"), ("0123", "0123"), ("1E5", "1E5"), (" 7 ", "7"), ("", None)]
)
def test_ids_are_text(home: Home, exported: str, stored: str | None) -> None:
    write_drop(home, "a.csv", canonical([(*LINE[:2], exported, *LINE[3:])]))
    assert load(home, "select customer_id from raw.transactions")[1] == [(stored,)]


@pytest.mark.parametrize(
    ("exported", "stored"),
    [
        ("12/1/2010 8:26", "2010-12-01 08:26:00"),
        ("12/1/10 8:26", "2010-12-01 08:26:00"),
        ("2010-12-01 08:26:00", "2010-12-01 08:26:00"),
        ("13/1/2010 8:26", None),
        ("2/30/2010 8:26", None),
        ("2010-12-01 08:26:00+01:00", None),
    ],
)
def test_dates_are_read_or_rejected_and_never_shifted(home: Home, exported: str, stored: str | None) -> None:
    write_drop(home, "a.csv", f"{UCI_HEADER}\n536365,85123A,Heart,6,{exported},2.55,17850,United Kingdom\n")
    report, rows = load(home, "select order_ts::varchar from raw.transactions")
    assert rows == ([(stored,)] if stored else [])
    assert report.loaded[0].rows_rejected == (0 if stored else 1)


@pytest.mark.parametrize("number", ["1,234", "1_000", "NaN", "£2", "1e20", "two", "0x10"])
def test_what_is_no_number_is_rejected_and_never_zero(home: Home, number: str) -> None:
    write_drop(home, "a.csv", canonical([(*LINE[:5], number, *LINE[6:])]))
    _, rows = load(home, "select reason, raw from raw.rejected_rows")
    assert len(rows) == 1
    assert number in str(rows[0][0])
    assert number in str(rows[0][1])


def test_a_product_too_large_for_money_is_rejected_and_not_an_error(home: Home) -> None:
    write_drop(home, "a.csv", canonical([(*LINE[:5], "90000000", "90000000", "UK"), OTHER]))
    report, rows = load(home, "select reason from raw.rejected_rows")
    assert "worth more than" in str(rows[0][0])
    assert report.loaded[0].rows_loaded == 1


def test_an_unknown_header_is_refused_naming_the_nearest_format_and_what_it_lacks(home: Home) -> None:
    write_drop(home, "a.csv", UCI_HEADER.replace("UnitPrice,", "") + "\n1,2,3,4,5,6,7\n")
    report, rows = load(home, "select file_name, reason from raw.refused_files")
    assert "online_retail" in report.refused["a.csv"]
    assert "lacks: UnitPrice" in report.refused["a.csv"]
    assert [row[0] for row in rows] == ["a.csv"]


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b"%PDF-1.4\x00\x00\xff\xfe", b"\x1f\x8bbroken", b"PK\x03\x04broken", b"PAR1broken"]
)
def test_what_is_no_table_is_refused_and_holds_up_no_other(home: Home, content: bytes) -> None:
    write_drop(home, "bad.csv", content)
    write_drop(home, "good.csv", canonical([LINE]))
    report, _ = load(home, "select 1")
    assert list(report.refused) == ["bad.csv"]
    assert [drop.file_name for drop in report.loaded] == ["good.csv"]


def test_a_mended_file_is_refused_no_longer(home: Home) -> None:
    write_drop(home, "a.csv", "what,is,this\n")
    load(home, "select 1")
    write_drop(home, "a.csv", canonical([LINE]))
    assert load(home, "select * from raw.refused_files")[1] == []


def test_the_same_bytes_under_two_names_load_once(home: Home) -> None:
    write_drop(home, "a.csv", canonical([LINE]))
    write_drop(home, "b.csv", canonical([LINE]))
    report, rows = load(home, "select count(*) from raw.transactions")
    assert rows == [(1,)]
    assert report.known == ["b.csv"]


def test_a_file_that_has_grown_replaces_its_earlier_state(home: Home) -> None:
    write_drop(home, "log.csv", canonical([LINE]))
    load(home, "select 1")
    write_drop(home, "log.csv", canonical([LINE, OTHER]))
    assert load(home, "select order_id from raw.transactions order by 1")[1] == [("1",), ("2",)]
    assert load(home, "select count(*) from raw.drops")[1] == [(1,)]


def test_other_contents_under_a_known_name_are_added(home: Home) -> None:
    write_drop(home, "daily.csv", canonical([LINE]))
    load(home, "select 1")
    write_drop(home, "daily.csv", canonical([OTHER]))
    assert load(home, "select order_id from raw.transactions order by 1")[1] == [("1",), ("2",)]


def test_reload_replaces_all_that_came_from_a_file(home: Home) -> None:
    write_drop(home, "a.csv", canonical([LINE]))
    load(home, "select 1")
    write_drop(home, "a.csv", canonical([OTHER]))
    assert load(home, "select order_id from raw.transactions", ["a.csv"])[1] == [("2",)]
    with pytest.raises(RetailPipelineError, match=r"b\.csv is not in .*There are: a\.csv"):
        load(home, "select 1", ["b.csv"])


def test_a_crash_leaves_a_drop_wholly_out(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    from retail_pipeline.warehouse.bookkeeping import Bookkeeping

    write_drop(home, "a.csv", canonical([LINE]))

    def crash(*_: object, **__: object) -> None:
        raise MemoryError("the machine gave up")

    with monkeypatch.context() as patched:
        patched.setattr(Bookkeeping, "record_table", crash)
        with pytest.raises(MemoryError):
            load(home, "select 1")
    with opened(home) as warehouse:
        for table in ("raw.transactions", "raw.drops", "raw.rejected_rows"):
            assert warehouse.count(table) == 0
    assert load(home, "select count(*) from raw.transactions")[1] == [(1,)]


@pytest.mark.parametrize("name", [".hidden.csv", "~$open.xlsx", "a.csv.part", "a.csv.tmp"])
def test_unfinished_and_hidden_files_are_left_alone(home: Home, name: str) -> None:
    write_drop(home, name, canonical([LINE]))
    report, _ = load(home, "select 1")
    assert report == LoadReport()


def test_a_file_that_is_being_written_is_waited_for(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETAIL_INGEST__SETTLE_SECONDS", "0.5")
    path = home.drops / "slow.csv"
    path.write_text(canonical([LINE]))

    def copy_slowly() -> None:
        with path.open("a") as file:
            for number in range(10):
                file.write(f"{number + 10},2024-05-01,C1,P1,Bowl,1,1,UK\n")
                file.flush()
                time.sleep(0.1)

    writer = threading.Thread(target=copy_slowly)
    writer.start()
    report, _ = load(home, "select 1")
    writer.join()
    assert report.loaded[0].rows_loaded == 11


def test_a_file_that_keeps_growing_waits_for_the_next_run(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETAIL_INGEST__SETTLE_SECONDS", "60")
    monkeypatch.setenv("RETAIL_INGEST__WAIT_SECONDS", "0")
    (home.drops / "fresh.csv").write_text(canonical([OTHER]))
    write_drop(home, "settled.csv", canonical([LINE]))
    report, _ = load(home, "select 1")
    assert report.growing == ["fresh.csv"]
    assert [drop.file_name for drop in report.loaded] == ["settled.csv"]


def write_workbook(path: Path, sheets: dict[str, list[Sequence[object]]]) -> None:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(list(row))
    book.save(path)


def test_csv_workbook_and_parquet_give_equal_lines(home: Home, tmp_path: Path) -> None:
    from datetime import datetime

    lines = [
        ("536365", "85123A", " Heart ", 6, datetime(2010, 12, 1, 8, 26), 2.55, 17850, "United Kingdom"),
        ("C536379", "D", "Discount", -1, datetime(2010, 12, 1, 9, 41), 27.5, None, "France"),
    ]
    text = "".join(
        f"{o},{p},{n},{q},{t.month}/{t.day}/{t.year} {t.hour}:{t.minute:02d},{u},{c or ''},{k}\n"
        for o, p, n, q, t, u, c, k in lines
    )
    found = []
    for kind in ("csv", "xlsx", "parquet"):
        store = Home(tmp_path / kind).create()
        target = store.drops / f"a.{kind}"
        if kind == "csv":
            write_drop(store, "a.csv", f"{UCI_HEADER}\n{text}")
        elif kind == "xlsx":
            write_workbook(target, {"Online Retail": [UCI_HEADER.split(","), *lines]})
        else:
            rows = ", ".join(
                f"('{o}', '{p}', '{n}', {q}, timestamp '{t}', {u}::double, {c or 'null'}::double, '{k}')"
                for o, p, n, q, t, u, c, k in lines
            )
            duckdb.sql(f"copy (select * from (values {rows}) lines({UCI_HEADER})) to '{target}'")
        found.append(load(store, f"select {FIELDS} from raw.transactions order by order_id")[1])
    assert found[0] == found[1] == found[2]
    assert found[0][0] == (
        "536365",
        "2010-12-01 08:26:00",
        "17850",
        "85123A",
        " Heart ",
        "6.0000",
        "2.5500",
        "United Kingdom",
    )


def test_every_sheet_with_a_known_header_is_read_and_rows_count_on(home: Home) -> None:
    header = UCI_II_HEADER.split(",")
    first = ("489434", "85048", "Lights", 12, "2009-12-01 07:45:00", 6.95, 13085.0, "United Kingdom")
    second = ("489435", "22350", "Bowl", 12, "2010-12-01 07:46:00", 2.55, 13085.0, "United Kingdom")
    write_workbook(
        home.drops / "ii.xlsx",
        {"Year 2009-2010": [header, first], "Notes": [("nothing", "here")], "Year 2010-2011": [header, second, ("x",)]},
    )
    report, rows = load(home, "select source_row, order_id, customer_id from raw.transactions order by 1")
    assert rows == [(2, "489434", "13085"), (5, "489435", "13085")]
    assert report.loaded[0].rows_rejected == 1
    assert "Year 2010-2011" in str(load(home, "select reason from raw.rejected_rows")[1][0][0])


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters='",;\n'), min_size=1, max_size=12)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(TEXTS, min_size=1, max_size=12))
def test_whatever_a_csv_writer_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, written: list[str]
) -> None:
    home = Home(tmp_path_factory.mktemp("round") / "trip").create()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(CANONICAL_HEADER.split(","))
    writer.writerows((*LINE[:4], name, *LINE[5:]) for name in written)
    assert names(home, text.getvalue().encode()) == written


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.sampled_from([b'"', b",", b"\n", b"\r", b"\x00", b"\xff", b"1", b"2024-05-01", b"a", b" ", b"\r\n"])
        | st.just(b"1,2024-05-01,C1,P1,Bowl,1,1,UK\n"),
        max_size=60,
    )
)
def test_no_bytes_break_a_load_and_no_row_is_lost(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes]
) -> None:
    home = Home(tmp_path_factory.mktemp("soup") / "store").create()
    write_drop(home, "a.csv", CANONICAL_HEADER.encode() + b"\n" + b"".join(pieces))
    report, rows = load(home, "select rows_read, rows_loaded + rows_rejected from raw.drops")
    assert len(report.refused) + len(report.loaded) == 1
    assert all(read == kept for read, kept in rows)


def test_online_retail_loads_whole(home: Home, online_retail: Path) -> None:
    write_drop(home, "data.csv.gz", online_retail.read_bytes())
    report, rows = load(
        home,
        "select count(*), sum(quantity * unit_price)::varchar, min(source_row), max(source_row) from raw.transactions",
    )
    assert (report.loaded[0].rows_read, report.loaded[0].rows_rejected) == (541_909, 0)
    assert rows == [(541_909, "9747747.93400000", 2, 541_910)]


def test_the_workbook_equals_the_first_lines_of_the_csv(
    tmp_path: Path, online_retail: Path, online_retail_workbook: Path
) -> None:
    by_kind = []
    with gzip.open(online_retail) as packed:
        first_lines = b"".join(packed.readlines()[:50_000])
    for name, content in (
        ("a.csv", first_lines),
        ("a.xlsx", online_retail_workbook.read_bytes()),
    ):
        store = Home(tmp_path / name).create()
        write_drop(store, name, content)
        by_kind.append(load(store, f"select source_row, {FIELDS} from raw.transactions order by 1")[1])
    assert len(by_kind[0]) == 49_999
    assert by_kind[0] == by_kind[1]
