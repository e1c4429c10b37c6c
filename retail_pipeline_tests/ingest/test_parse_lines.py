"""What a text means: ids, numbers, timestamps, and why one is none."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import pytest

from retail_pipeline.ingest.formats import FORMATS, recognise
from retail_pipeline.ingest.parse_lines import LineParser
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.stores import CANONICAL_HEADER

CANONICAL = (f"{CANONICAL_HEADER},line_no,discount,status").split(",")
UCI = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]
GOOD = {
    "order_id": "o",
    "order_ts": "2024-05-31 17:45:00",
    "customer_id": "c",
    "product_id": "p",
    "product_name": "n",
    "quantity": "2",
    "unit_price": "1.5",
    "country": "UK",
}
NO_QUANTITY, NO_PRICE = "is not a number up to 1,000,000,000", "is not a number up to 100,000,000,000"


def parsed(
    warehouse: Warehouse,
    field: str,
    texts: Sequence[str | None],
    header: list[str] | None = None,
    timezone: str | None = None,
) -> list[tuple[object, str | None]]:
    """The value and the reason for each text in a field of a line that is good otherwise."""
    recognised = recognise(header or CANONICAL, FORMATS, "test")
    warehouse.execute(
        "create or replace temp table lines (source_row bigint, source_part bigint, "
        + ", ".join(f"{name} varchar" for name in recognised.positions)
        + ")"
    )
    for row, text in enumerate(texts):
        values = {**GOOD, field: text}
        warehouse.execute(
            f"insert into lines values (?, 1{', ?' * len(recognised.positions)})",
            [row, *(values.get(name) for name in recognised.positions)],
        )
    select = LineParser(recognised, timezone).typed_select("temp.lines")
    return warehouse.execute(f"select {field}, reason from ({select}) order by source_row").fetchall()


def test_a_spreadsheets_point_nought_goes_from_ids_and_all_else_stays(warehouse: Warehouse) -> None:
    kept = ["0123", "000", "1E5", "1e5", "17850.00", "17850.5", "A.0", "1.0.0", "-5.0", "C536379", "1_0", "１2.0"]
    for field in ("order_id", "customer_id", "product_id"):
        assert parsed(warehouse, field, kept) == [(text, None) for text in kept]
        assert parsed(warehouse, field, ["17850.0", "0123.0", "0.0"]) == [("17850", None), ("0123", None), ("0", None)]


def test_ids_lose_outer_blanks_but_product_ids_are_kept_as_exported(warehouse: Warehouse) -> None:
    assert parsed(warehouse, "order_id", [" 12 "]) == [("12", None)]
    assert parsed(warehouse, "customer_id", [" 12 ", "12\t", "  ", "", None]) == [
        *[("12", None)] * 2,
        *[(None, None)] * 3,
    ]
    assert parsed(warehouse, "product_id", [" 12 ", " 12.0"]) == [(" 12 ", None), ("12", None)]


def test_the_text_trick_of_spreadsheets_is_undone(warehouse: Warehouse) -> None:
    for field in ("order_id", "customer_id", "product_id"):
        assert parsed(warehouse, field, ['="0123"', '="', '=""']) == [("0123", None), ('="', None), ('=""', None)]


def test_words_for_no_value_are_no_ids(warehouse: Warehouse) -> None:
    words = ["NULL", "null", "\\N", "NaN", "nan", "None", "<NA>", "#N/A"]
    assert parsed(warehouse, "customer_id", words) == [(None, None)] * len(words)
    assert [reason for _, reason in parsed(warehouse, "order_id", words)] == ["order_id is empty"] * len(words)
    assert parsed(warehouse, "customer_id", ["Nan", "none", "NA"]) == [("Nan", None), ("none", None), ("NA", None)]


@pytest.mark.parametrize("field", ["order_id", "product_id", "quantity", "unit_price", "order_ts"])
def test_what_a_line_cannot_do_without_must_not_be_empty(warehouse: Warehouse, field: str) -> None:
    found = parsed(warehouse, field, ["", "   ", None])
    assert [reason for _, reason in found] == [f"{field} is empty"] * 3


def test_numbers_are_read_exactly(warehouse: Warehouse) -> None:
    texts = ["2", " 2 ", "-2", "+2", "2.", ".5", "1e3", "1E-3", "0.1", "-0", "0e9", "99999999999.9999", "007"]
    numbers = ["2", "2", "-2", "2", "2", "0.5", "1000", "0.001", "0.1", "0", "0", "99999999999.9999", "7"]
    assert parsed(warehouse, "discount", texts) == [(Decimal(number), None) for number in numbers]


def test_what_is_no_plain_number_is_rejected(warehouse: Warehouse) -> None:
    texts = ["1_000", "1,234", "NaN", "inf", "-Infinity", "£5", "5-", "(5)", "0x10", "1 000", "--5", "1e", "e5", ".",
             "٣", "1e400", "100000000000000", "99999999999999.99995", "2\n", "\t2"]  # fmt: skip
    for field, reason in (("quantity", NO_QUANTITY), ("unit_price", NO_PRICE)):
        assert parsed(warehouse, field, texts) == [(None, f"{field} '{text}' {reason}") for text in texts]


def test_a_number_too_large_for_a_sale_is_rejected_however_it_is_written(warehouse: Warehouse) -> None:
    for field, texts, reason in (
        ("quantity", ["5012345678900", "1000000000.0001", "6.1071030e14", "-1e10"], NO_QUANTITY),
        ("unit_price", ["100000000000.01", "6.1071030e14"], NO_PRICE),
        ("discount", ["100000000000.01", "-1e12"], NO_PRICE),
    ):
        reasons = [reason for _, reason in parsed(warehouse, field, texts)]
        assert reasons == [f"{field} '{text}' {reason}" for text in texts]
    assert parsed(warehouse, "discount", ["1e11"]) == [(Decimal(10**11), None)]


def test_a_number_too_small_to_keep_is_rejected_and_does_not_become_zero(warehouse: Warehouse) -> None:
    found = parsed(warehouse, "unit_price", ["0.00004", "-1e-9", "0.00006"])
    assert [reason for _, reason in found] == [
        "unit_price '0.00004' is nearer to zero than 0.0001",
        "unit_price '-1e-9' is nearer to zero than 0.0001",
        None,
    ]


def test_an_integer_is_not_rounded(warehouse: Warehouse) -> None:
    found = parsed(warehouse, "line_no", ["7", "7.0", "-7", "7.5", "1e3", "99999999999999999999", None])
    assert [value for value, _ in found] == [7, 7, -7, None, None, None, None]
    assert [reason and reason.split(" ", 2)[2] for _, reason in found[3:6]] == ["is not an integer"] * 3
    assert found[6] == (None, None)


def test_a_line_worth_more_than_facts_can_add_up_is_rejected(warehouse: Warehouse) -> None:
    reason = "the line is worth more than 100,000,000,000: quantity times price"
    texts = ["50000000000.01", "-50000000000.01", "50000000000"]  # for each of two
    assert [reason for _, reason in parsed(warehouse, "unit_price", texts)] == [reason, reason, None]


def test_iso_timestamps_are_read(warehouse: Warehouse) -> None:
    texts = ["2024-02-29", "2024-02-29 08:26", "2024-02-29T08:26:05", " 2024-02-29 23:59:59.123456 "]
    day = (2024, 2, 29)
    assert parsed(warehouse, "order_ts", texts) == [
        (datetime(*day), None),
        (datetime(*day, 8, 26), None),
        (datetime(*day, 8, 26, 5), None),
        (datetime(*day, 23, 59, 59, 123456), None),
    ]


IMPOSSIBLE = ["2023-02-29", "2024-13-01", "2024-00-10", "2024-05-31 24:00:00", "2024-05-31 10:60", "0000-01-01",
              "2024-5-1", "31.05.2024", "yesterday", "20240531", "2024-05-31 10"]  # fmt: skip
ZONED = ["2024-05-31 10:00:00+01:00", "2024-05-31T10:00:00Z", "2024-05-31 10:00:00 +0100", "2024-05-31 10:00:00 UTC"]


@pytest.mark.parametrize("text", IMPOSSIBLE)
def test_impossible_timestamps_are_rejected(warehouse: Warehouse, text: str) -> None:
    reason = f"order_ts '{text}' is not a date and time such as 2024-05-31 17:45:00"
    assert parsed(warehouse, "order_ts", [text]) == [(None, reason)]


@pytest.mark.parametrize("text", ZONED)
def test_timestamps_with_an_offset_are_rejected_unless_the_stores_zone_is_known(
    warehouse: Warehouse, text: str
) -> None:
    reason = f"order_ts '{text}' has an offset from UTC; set ingest.timezone to the store's time zone"
    assert parsed(warehouse, "order_ts", [text]) == [(None, reason)]
    [(found, reason_then)] = parsed(warehouse, "order_ts", [text], timezone="Europe/Rome")
    hour = 12 if text.endswith(("Z", "UTC")) else 11
    assert (found, reason_then) == (datetime(2024, 5, 31, hour), None)


def test_uci_timestamps_put_the_month_first(warehouse: Warehouse) -> None:
    texts = ["12/1/2010 8:26", "12/1/10 8:26", "1/12/2011 18:06", "12/01/2010 08:26:30", "2010-12-01 08:26:00"]
    assert parsed(warehouse, "order_ts", texts, UCI) == [
        (datetime(2010, 12, 1, 8, 26), None),
        (datetime(2010, 12, 1, 8, 26), None),
        (datetime(2011, 1, 12, 18, 6), None),
        (datetime(2010, 12, 1, 8, 26, 30), None),
        (datetime(2010, 12, 1, 8, 26), None),
    ]


@pytest.mark.parametrize("text", ["13/1/2010 8:26", "2/30/2010 8:26", "12/1/2010 24:00", "12/1/0000 8:26", "12/1/2010"])
def test_impossible_uci_timestamps_are_rejected(warehouse: Warehouse, text: str) -> None:
    reason = f"InvoiceDate '{text}' is not a date and time such as 12/31/2010 8:26"
    assert parsed(warehouse, "order_ts", [text], UCI) == [(None, reason)]


def test_a_canonical_file_has_no_american_dates(warehouse: Warehouse) -> None:
    assert parsed(warehouse, "order_ts", ["12/1/2010 8:26"])[0][0] is None


def test_texts_are_kept_as_they_are(warehouse: Warehouse) -> None:
    texts = [" two  blanks ", "NULL", "line\nbreak", "é€😀", "'; drop table x; --"]
    assert parsed(warehouse, "product_name", [*texts, ""]) == [*((text, None) for text in texts), (None, None)]


def test_a_reason_shows_no_more_than_a_hundred_characters(warehouse: Warehouse) -> None:
    assert parsed(warehouse, "quantity", ["x" * 500]) == [(None, f"quantity '{'x' * 100}' {NO_QUANTITY}")]


@pytest.mark.parametrize(
    ("changes", "is_good"),
    [
        ({}, True),
        ({"customer_id": "", "country": "", "product_name": "\n"}, True),
        ({"quantity": "x"}, False),
        ({"unit_price": ""}, False),
        ({"order_ts": "soon"}, False),
        ({"order_id": " "}, False),
    ],
)
def test_a_good_line_has_what_it_cannot_do_without(changes: dict[str, str], is_good: bool) -> None:
    recognised = recognise(CANONICAL_HEADER.split(","), FORMATS, "test")
    test = LineParser(recognised, None).good_line_test(recognised.positions)
    assert test([value.encode() for value in {**GOOD, **changes}.values()]) == is_good
