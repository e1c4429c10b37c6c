"""Workbooks: sheets, cells, rows."""

import json
import re
import zipfile
from collections.abc import Callable, Sequence
from datetime import datetime
from io import BytesIO

import openpyxl
import pytest
import xlsxwriter

from retail_pipeline.ingest import workbook_cells
from retail_pipeline.ingest.loader import load_drops
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.ingest.loading import forget, line, load, text
from retail_pipeline_tests.stores import CANONICAL_HEADER, write_drop

HEADER = CANONICAL_HEADER.split(",")
UCI = ["Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country"]
NOON = datetime(2024, 5, 31, 12)


def row(order_id: object = "1", **changes: object) -> list[object]:
    cells: dict[str, object] = {
        "order_id": order_id,
        "order_ts": NOON,
        "customer_id": "c",
        "product_id": "p",
        "product_name": "nail",
        "quantity": 2,
        "unit_price": 1.5,
        "country": "UK",
    }
    return list({**cells, **changes}.values())


def workbook(*sheets: Sequence[Sequence[object]], start: tuple[int, int] = (0, 0), chart: bool = False) -> bytes:
    """A workbook of these sheets, named One, Two, ...; None leaves a cell empty."""
    content = BytesIO()
    book = xlsxwriter.Workbook(content, {"default_date_format": "yyyy-mm-dd hh:mm:ss"})
    if chart:
        line_chart = book.add_chart({"type": "line"})
        line_chart.add_series({"values": "=One!$F$2:$F$3"})
        book.add_chartsheet("Chart").set_chart(line_chart)
    for name, rows in zip(["One", "Two", "Three", "Four"], sheets, strict=False):
        sheet = book.add_worksheet(name)
        for number, cells in enumerate(rows):
            sheet.write_row(start[0] + number, start[1], cells)
    book.close()
    return content.getvalue()


def saved(book: openpyxl.Workbook) -> bytes:
    """A workbook as openpyxl writes it: formulas without values."""
    content = BytesIO()
    book.save(content)
    return content.getvalue()


def test_every_sheet_with_a_known_header_is_read_and_rows_count_on(warehouse: Warehouse) -> None:
    sheets: list[list[list[object]]] = [
        [[*HEADER], row(1), row(2)],
        [["some", "notes"], ["x"]],
        [],
        [[*HEADER], row(3)],
    ]
    said: list[str] = []
    write_drop(warehouse.home, "a.xlsx", workbook(*sheets))
    (drop,) = load_drops(warehouse, say=said.append).loaded
    assert (drop.rows_read, drop.rows_loaded) == (3, 3)
    rows = warehouse.execute("select source_row, order_id from raw.transactions order by 1").fetchall()
    assert rows == [(2, "1"), (3, "2"), (7, "3")]
    assert any("'Two' fits no known format" in text for text in said)
    [(sheet, filled, reason)] = warehouse.execute("select sheet, rows, reason from raw.skipped_sheets").fetchall()
    assert (sheet, filled) == ("Two", 2)
    assert "'Two' fits no known format" in reason


def test_rows_are_counted_from_the_sheets_top_and_blank_ones_are_no_lines(warehouse: Warehouse) -> None:
    outcome = load(warehouse, workbook([HEADER, row(1), [], [None], row(2)], start=(3, 2)), ".xlsx")
    assert outcome.column("source_row") == [5, 8]
    assert outcome.rows_read == 2


def test_cells_are_read_as_what_they_are(warehouse: Warehouse) -> None:
    outcome = load(
        warehouse, workbook([HEADER, row(536365, customer_id=17850.0, quantity=-12, unit_price=2.55)]), ".xlsx"
    )
    found = outcome.rows[2]
    assert (found["order_id"], found["customer_id"], found["order_ts"]) == ("536365", "17850", NOON)
    assert (str(found["quantity"]), str(found["unit_price"])) == ("-12.0000", "2.5500")


def test_ids_that_are_text_stay_and_large_ones_are_not_written_in_powers(warehouse: Warehouse) -> None:
    content = workbook([HEADER, row("0123"), row("1E5"), row(4006381333931), row(1e16), row(True)])
    ids = load(warehouse, content, ".xlsx").column("order_id")
    assert ids == ["0123", "1E5", "4006381333931", "10000000000000000", "TRUE"]


def test_dates_without_a_time_and_dates_as_text_are_read(warehouse: Warehouse) -> None:
    dates = [datetime(2010, 12, 1), "12/1/2010 8:26", "2010-12-01 08:26:00"]
    rows = [[number, "p", "n", 1, date, 2.5, 13085.0, "UK"] for number, date in enumerate(dates)]
    outcome = load(warehouse, workbook([UCI, *rows]), ".xlsx")
    assert outcome.format == "online_retail_ii"
    morning = datetime(2010, 12, 1, 8, 26)
    assert outcome.column("order_ts") == [datetime(2010, 12, 1), morning, morning]


def test_a_date_that_is_a_bare_number_is_rejected_and_not_guessed(warehouse: Warehouse) -> None:
    outcome = load(warehouse, workbook([HEADER, row(1, order_ts=45443.5)]), ".xlsx")
    assert outcome.reasons()[2].startswith("order_ts '45443.5' is not a date")


def test_a_rejected_row_shows_its_cells_and_its_sheet(warehouse: Warehouse) -> None:
    bad = row("ö", quantity="two", customer_id=None)
    outcome = load(warehouse, workbook([HEADER, row(1)], [[*HEADER, "more"], [*bad, 7]]), ".xlsx")
    reason, raw = outcome.rejects[4]
    assert reason == "sheet 'Two': quantity 'two' is not a number up to 1,000,000,000"
    assert json.loads(raw) == ["ö", "2024-05-31 12:00:00", None, "p", "nail", "two", "1.5", "UK", "7"]


def test_an_error_in_a_cell_that_is_needed_rejects_its_row(warehouse: Warehouse) -> None:
    content = BytesIO()
    book = xlsxwriter.Workbook(content, {"default_date_format": "yyyy-mm-dd"})
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, HEADER)
    sheet.write_row(1, 0, row(1))
    sheet.write_formula(1, 5, "=1/0", value="#DIV/0!")
    book.close()
    outcome = load(warehouse, content.getvalue(), ".xlsx")
    assert outcome.reasons() == {2: "F2 holds #DIV/0!"}
    assert json.loads(outcome.rejects[2][1])[5] == "#DIV/0!"


ERRORS = ["#N/A", "#REF!", "#DIV/0!"]


@pytest.mark.parametrize("field", ["customer_id", "country"])
def test_an_error_or_a_formula_without_a_value_does_not_become_empty(warehouse: Warehouse, field: str) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(HEADER)
    for content in (*ERRORS, "=A1", '=""', "fine"):
        sheet.append(row(**{field: content}))
    sheet.append(ERRORS)
    outcome = load(warehouse, saved(book), ".xlsx")
    column = "ABCDEFGH"[HEADER.index(field)]
    reasons = [f"{column}{number} holds {error}" for number, error in enumerate(ERRORS, start=2)]
    reasons += [f"{column}{number} holds a formula that was never computed" for number in (5, 6)]
    assert list(outcome.reasons().values()) == [*reasons, "A8 holds #N/A"]
    assert outcome.column(field) == ["fine"]


def test_a_formula_with_a_value_counts_as_its_value(warehouse: Warehouse) -> None:
    content = BytesIO()
    book = xlsxwriter.Workbook(content, {"default_date_format": "yyyy-mm-dd"})
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, HEADER)
    for number, (quantity, country) in enumerate([(3, "UK"), (4, "IE")], start=1):
        sheet.write_row(number, 0, row(number))
        sheet.write_formula(number, 5, "=1+2", value=quantity)
        sheet.write_formula(number, 7, '="x"', value=country)
    book.close()
    outcome = load(warehouse, content.getvalue(), ".xlsx")
    assert [int(str(quantity).split(".")[0]) for quantity in outcome.column("quantity")] == [3, 4]
    assert outcome.column("country") == ["UK", "IE"]


def test_an_error_beside_the_columns_that_are_used_does_not_matter(warehouse: Warehouse) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append([*HEADER, "margin"])
    sheet.append([*row(), "#N/A"])
    assert load(warehouse, saved(book), ".xlsx").rows_read == 1


def repacked(content: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    """A workbook with changed parts."""
    target = BytesIO()
    with zipfile.ZipFile(BytesIO(content)) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.namelist():
            new.writestr(part, change(part, old.read(part)))
    return target.getvalue()


def with_prefix(part: str, content: bytes) -> bytes:
    if not part.startswith("xl/worksheets/"):
        return content
    return re.sub(rb"<(/?)(\w)", rb"<\1x:\2", content).replace(b"xmlns=", b"xmlns:x=").replace(b"<?x:xml", b"<?xml")


def test_a_workbook_whose_elements_have_a_prefix_is_read_in_the_same_way(warehouse: Warehouse) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(HEADER)
    for content in ("#N/A", "=A1", "fine"):
        sheet.append(row(country=content))
    plain = load(warehouse, saved(book), ".xlsx")
    prefixed = load(warehouse, repacked(saved(book), with_prefix), ".xlsx")
    assert (prefixed.refusal, prefixed.reasons()) == (None, plain.reasons())


@pytest.mark.parametrize(
    ("limit", "refusal"),
    [
        ("MOST_SHEET_BYTES", "unpacks to more than"),
        ("MOST_STRING_BYTES", "unpacks to more than"),
        ("MOST_ROW_BYTES", "a row of more than"),
        ("MOST_CELLS", "which makes more than"),
    ],
)
def test_a_workbook_that_would_fill_the_memory_is_refused(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, limit: str, refusal: str
) -> None:
    monkeypatch.setattr(workbook_cells, limit, 100)
    monkeypatch.setattr(workbook_cells, "BLOCK", 200)
    found = load(warehouse, workbook([HEADER, *[row(number) for number in range(20)]]), ".xlsx").refusal
    assert found is not None
    assert refusal in found


def without_places(part: str, content: bytes) -> bytes:
    """Rows and cells that do not say where they are; each stands behind the one before it."""
    return re.sub(rb' r="\w+"', b"", content) if part == "xl/worksheets/sheet1.xml" else content


def test_cells_that_do_not_say_where_they_are_are_counted_too(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = repacked(workbook([[*HEADER, *["x"] * 32], row(1), row(2)]), without_places)
    assert load(warehouse, content, ".xlsx").column("order_id") == ["1", "2"]
    monkeypatch.setattr(workbook_cells, "MOST_CELLS", 3 * 39)
    forget(warehouse)
    refusal = load(warehouse, content, ".xlsx").refusal
    assert refusal is not None
    assert "a sheet reaches to cell AN3" in refusal


def test_a_row_that_is_opened_and_not_closed_is_no_rows_end(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened_only(part: str, content: bytes) -> bytes:
        return (
            content
            if part != "xl/worksheets/sheet1.xml"
            else content.replace(b"<sheetData>", b"<sheetData>" + b"<row><c>" * 99)
        )

    monkeypatch.setattr(workbook_cells, "MOST_ROW_BYTES", 600)
    monkeypatch.setattr(workbook_cells, "BLOCK", 300)
    refusal = load(warehouse, repacked(workbook([HEADER, row()]), opened_only), ".xlsx").refusal
    assert refusal is not None
    assert "a row of more than" in refusal


def test_a_bomb_is_refused_before_it_is_unpacked(warehouse: Warehouse) -> None:
    def blown_up(part: str, content: bytes) -> bytes:
        return content if part != "xl/worksheets/sheet1.xml" else content + b" " * (70 << 20)

    refusal = load(warehouse, repacked(workbook([HEADER, row()]), blown_up), ".xlsx").refusal
    assert refusal is not None
    assert "a row of more than 64 MiB" in refusal


def test_charts_are_left_out(warehouse: Warehouse) -> None:
    assert load(warehouse, workbook([HEADER, row(1)], chart=True), ".xlsx").column("order_id") == ["1"]


def test_a_workbook_is_known_by_its_bytes_and_not_its_name(warehouse: Warehouse) -> None:
    assert load(warehouse, workbook([HEADER, row(1)]), ".csv").column("order_id") == ["1"]


def test_sheets_of_different_formats_are_refused(warehouse: Warehouse) -> None:
    refusal = load(warehouse, workbook([HEADER, row(1)], [UCI]), ".xlsx").refusal
    assert refusal is not None
    assert "sheets of different formats (canonical, online_retail_ii)" in refusal


def test_a_workbook_without_a_known_sheet_is_refused_naming_what_it_lacks(warehouse: Warehouse) -> None:
    refusal = load(warehouse, workbook([HEADER[:-1]], [["x"]]), ".xlsx").refusal
    assert refusal is not None
    assert "sheet 'One' fits no known format" in refusal
    assert "it lacks: country" in refusal


def test_an_empty_workbook_is_refused(warehouse: Warehouse) -> None:
    refusal = load(warehouse, workbook([]), ".xlsx").refusal
    assert refusal is not None
    assert "no sheet has a row in it" in refusal


def test_a_stray_cell_in_the_far_corner_is_refused_and_does_not_fill_the_memory(warehouse: Warehouse) -> None:
    content = BytesIO()
    book = xlsxwriter.Workbook(content)
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, HEADER)
    sheet.write(1_048_575, 16_383, "x")
    book.close()
    refusal = load(warehouse, content.getvalue(), ".xlsx").refusal
    assert refusal is not None
    assert "a sheet reaches to cell XFD1048576" in refusal


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04",
        workbook([HEADER, row()])[:-200],
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
        repacked(workbook([HEADER, row()]), lambda part, content: content[:-50] if "sheet1" in part else content),
        repacked(workbook([HEADER, row()]), lambda part, content: b"" if part == "xl/workbook.xml" else content),
    ],
    ids=["only the magic", "cut off", "an old workbook", "a damaged sheet", "no index"],
)
def test_a_damaged_or_an_old_workbook_is_refused(warehouse: Warehouse, content: bytes) -> None:
    refusal = load(warehouse, content, ".xlsx").refusal
    assert refusal is not None
    assert re.search(r"is no (readable|xlsx) workbook", refusal)


def test_a_zip_archive_is_refused_with_what_to_do(warehouse: Warehouse) -> None:
    refusal = load(warehouse, workbook([HEADER, row()]), ".zip").refusal
    assert refusal is not None
    assert "Unpack it" in refusal


def test_a_workbook_holds_the_same_lines_as_its_csv(warehouse: Warehouse) -> None:
    assert load(warehouse, text(line(order_ts="2024-05-31 12:00:00"))).rows[2] | {"drop_id": ""} == (
        load(warehouse, workbook([HEADER, row()]), ".xlsx").rows[2] | {"drop_id": ""}
    )
