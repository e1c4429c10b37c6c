"""Whatever an export of any format holds: each row is accounted for, and ``raw`` has what was written, once."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retail_pipeline.home import Home
from retail_pipeline.ingest.loader import load_drops
from retail_pipeline.ingest.privacy import Pseudonyms
from retail_pipeline.ingest.raw_tables import RAW_TABLES
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.assets.store_tables import Row, rows_of
from retail_pipeline_tests.ingest.loading import forget
from retail_pipeline_tests.ingest.sales import SALES_KINDS, TILL, Kind, Sale, in_raw
from retail_pipeline_tests.stores import opened, write_drop

few = settings(max_examples=3, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
very_few = settings(few, max_examples=2)
of_each_kind = pytest.mark.parametrize("kind", SALES_KINDS.values(), ids=SALES_KINDS)

CUSTOMERS = ("", "17850", "007", "ada@example.com", "zo\u00eb")
PRODUCTS = ("p1", "007", "1E5", "A-\u00e9 1", "10.50", "c2")
PREFIXES = ("", "00", "#", "C", "\u00e9-", "1E")
IN_NAMES = tuple("aB 1,;|\"'\u00e9\u6f22\U0001f600&<%_=:\\")
LINE_BREAKS = ("\n", "\r\n", "\t")
WRONG = ("", "x", "9" * 20, "2024-02-30", '"', "-", "1,2,3", "\u00a0", "NULL")


@pytest.fixture(scope="module")
def shared_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """The open working database of a home that knows a shop's own format."""
    home = Home(tmp_path_factory.mktemp("properties") / "store").create()
    home.settings_file.write_text(TILL)
    with opened(home) as warehouse:
        yield warehouse


@st.composite
def orders_of(draw: st.DrawFn, kind: Kind, start: str = "", most: int = 8) -> list[list[Sale]]:
    """Orders of one to three lines, whose ids begin with ``start``."""
    pieces = IN_NAMES + (LINE_BREAKS if kind.is_quoted else ())
    names = st.lists(st.sampled_from(pieces), max_size=12).map("".join)
    quantities = st.integers(1, 9) if kind.replaces else st.integers(-9, 9).filter(bool)
    prices = st.decimals(0, 99_999, places=2)
    orders = []
    for number in range(draw(st.integers(1, most))):
        order = Sale(
            f"{start}{draw(st.sampled_from(PREFIXES))}{number:03}",
            draw(st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1))).replace(microsecond=0),
            draw(st.sampled_from(CUSTOMERS)),
            *("", "", 1, Decimal(0)),
        )
        lines = st.builds(
            replace,
            st.just(order),
            product=st.sampled_from(PRODUCTS),
            name=names,
            quantity=quantities,
            price=prices,
        )
        orders.append(draw(st.lists(lines, min_size=1, max_size=3)))
    return orders


def flat(orders: list[list[Sale]]) -> list[Sale]:
    return [line for lines in orders for line in lines]


def raw(warehouse: Warehouse) -> dict[str, list[Row]]:
    """All that was loaded, load times aside."""
    tables = {table.name: rows_of(warehouse, table.name) for table in RAW_TABLES}
    return {name: [{**row, "loaded_at": None} for row in rows] for name, rows in tables.items()}


def lines_of(warehouse: Warehouse) -> list[Row]:
    return rows_of(warehouse, "from raw.transactions order by source_row, source_part")


@of_each_kind
@few
@given(data=st.data())
def test_what_is_written_is_what_is_in_raw(shared_warehouse: Warehouse, kind: Kind, data: st.DataObject) -> None:
    sales = flat(data.draw(orders_of(kind)))
    forget(shared_warehouse)
    write_drop(shared_warehouse.home, f"a{kind.suffix}", kind.text(sales))
    (drop,) = load_drops(shared_warehouse).loaded
    assert (drop.format, drop.rows_read, drop.rows_loaded) == (kind.name, len(sales), len(sales))
    hashed = Pseudonyms.of(shared_warehouse.home, shared_warehouse.settings).of_customer
    expected = [in_raw(kind.name, sale, hashed) for sale in sales]
    assert [{name: line[name] for name in expected[0]} for line in lines_of(shared_warehouse)] == expected


@of_each_kind
@very_few
@given(data=st.data())
def test_every_row_is_loaded_or_rejected_and_loading_again_changes_nothing(
    shared_warehouse: Warehouse, kind: Kind, data: st.DataObject
) -> None:
    sheet = kind.sheet(flat(data.draw(orders_of(kind))))
    for row in data.draw(st.lists(st.sampled_from(sheet.rows), max_size=3)):
        row[data.draw(st.integers(0, len(row) - 1))] = data.draw(st.sampled_from(WRONG))
    content = sheet.as_csv(kind.delimiter, is_quoted=kind.is_quoted)
    forget(shared_warehouse)
    write_drop(shared_warehouse.home, f"a{kind.suffix}", content)
    (drop,) = load_drops(shared_warehouse).loaded
    assert drop.rows_read == drop.rows_loaded + drop.rows_rejected
    if kind.name != "woocommerce":
        assert drop.rows_read == len(sheet.rows)
    once = raw(shared_warehouse)
    assert (len(once["raw.transactions"]), len(once["raw.rejected_rows"])) == (drop.rows_loaded, drop.rows_rejected)

    write_drop(shared_warehouse.home, f"b{kind.suffix}", content)
    report = load_drops(shared_warehouse)
    assert (report.loaded, report.refused, len(report.known)) == ([], {}, 2)
    assert raw(shared_warehouse) == once
    load_drops(shared_warehouse, reload=[f"a{kind.suffix}"])
    assert raw(shared_warehouse) == once
