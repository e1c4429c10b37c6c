"""Recognising an export by its header."""

import random

import pytest

from retail_pipeline.errors import UnreadableDropError
from retail_pipeline.ingest.formats import FORMATS, Format, recognise
from retail_pipeline_tests.stores import CANONICAL_HEADER

HEADERS = {
    "canonical": CANONICAL_HEADER,
    "online_retail": "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country",
    "online_retail_ii": "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country",
}


def header(name: str) -> list[str]:
    return HEADERS[name].split(",")


@pytest.mark.parametrize("name", HEADERS)
def test_each_format_is_recognised_by_its_header_in_any_order_and_case(name: str) -> None:
    columns = [f" {column.upper()} " for column in header(name)]
    random.Random(3).shuffle(columns)
    recognised = recognise(["\ufeff" + columns[0], *columns[1:]], FORMATS, "a.csv")
    assert recognised.format.name == name
    by_field = {field: columns[place].strip() for field, place in recognised.positions.items()}
    assert by_field == {field: column.upper() for field, column in recognised.format.required.items()}


def test_a_line_break_or_several_blanks_in_a_header_are_one_blank() -> None:
    columns = [column.replace("Customer ID", "Customer\n  ID") for column in header("online_retail_ii")]
    assert recognise(columns, FORMATS, "a.csv").format.name == "online_retail_ii"


def test_columns_that_no_field_is_read_from_are_named() -> None:
    assert recognise([*header("canonical"), "colour", "discount"], FORMATS, "a.csv").unused == ("colour",)


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_that_lacks_columns_is_refused_naming_the_nearest_format_and_them(name: str) -> None:
    columns = header(name)
    with pytest.raises(UnreadableDropError) as caught:
        recognise(columns[:3] + columns[4:-1], FORMATS, "may.csv")
    assert f"Nearest is {name} (" in str(caught.value)
    assert f"it lacks: {columns[3]}, {columns[-1]}." in str(caught.value)
    assert str(caught.value).startswith("may.csv fits no known format. Its columns are: ")


def test_a_needed_column_that_is_there_twice_is_refused() -> None:
    with pytest.raises(UnreadableDropError, match="'Country' more than once"):
        recognise([*header("online_retail"), " COUNTRY"], FORMATS, "a.csv")


def test_another_column_that_is_there_twice_does_not_matter() -> None:
    assert recognise([*header("canonical"), "x", "x"], FORMATS, "a.csv").unused == ("x", "x")


def test_what_a_refusal_shows_of_a_header_can_be_printed() -> None:
    with pytest.raises(UnreadableDropError) as caught:
        recognise(["\x1b[31m\x00", "x" * 1000, *["y"] * 50], FORMATS, "a.csv")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("format_", FORMATS, ids=lambda each: each.name)
def test_every_format_makes_the_fields_no_line_can_do_without_and_knows_what_it_makes(format_: Format) -> None:
    columns = {*format_.required, *format_.optional, *(format_.packed.columns if format_.packed else ())}
    assert set(format_.target.never_empty) <= {*columns, *format_.made, *format_.worked_out}
    assert {*format_.made, *format_.worked_out} <= set(format_.target.fields)
    assert {*format_.numbers, *format_.order_columns} <= columns
