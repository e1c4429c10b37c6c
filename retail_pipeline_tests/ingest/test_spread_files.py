"""However orders are spread over files, and in whatever order these come: the facts are the same."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retail_pipeline.home import Home
from retail_pipeline.ingest.loader import load_drops
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.assets.store_tables import TO_ORDER_LINES, Row, rows_of
from retail_pipeline_tests.ingest.loading import forget
from retail_pipeline_tests.ingest.sales import SALES_KINDS, TILL, Sale
from retail_pipeline_tests.ingest.test_properties import few, flat, orders_of, very_few
from retail_pipeline_tests.stores import opened, write_drop
from retail_pipeline_tests.tables import build_tables

WITHOUT_PLACES = "* exclude (drop_id, source_row, source_part, is_reexported)"
"""Whether an equal line came with an earlier drop depends, by its meaning, on how lines are spread over files."""

Files = dict[str, list[Sale]]
"""What is dropped before a run: the lines of a file of each kind."""


@pytest.fixture(scope="module")
def shared_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """The open working database of a home that knows a shop's own format."""
    home = Home(tmp_path_factory.mktemp("spread") / "store").create()
    home.settings_file.write_text(TILL)
    with opened(home) as warehouse:
        yield warehouse


def order_lines(warehouse: Warehouse, runs: Sequence[Files]) -> list[Row]:
    """The facts after files were dropped for one run after the other."""
    forget(warehouse)
    for number, files in enumerate(runs):
        for kind, sales in files.items():
            if sales:
                write_drop(warehouse.home, f"{kind}-{number}{SALES_KINDS[kind].suffix}", SALES_KINDS[kind].text(sales))
        assert load_drops(warehouse).refused == {}
    build_tables(warehouse, TO_ORDER_LINES)
    return rows_of(warehouse, f"select {WITHOUT_PLACES} from core.order_lines order by order_id, line_no")


@very_few
@given(data=st.data())
def test_facts_do_not_depend_on_how_orders_are_spread_over_files_nor_on_the_order_of_these(
    shared_warehouse: Warehouse, data: st.DataObject
) -> None:
    """Nor, in formats whose orders are appended, on how rows are: lines are told apart by what they say."""
    orders = {name: data.draw(orders_of(kind, f"{name}-", 3)) for name, kind in SALES_KINDS.items()}
    first: Files = {name: [] for name in orders}
    second: Files = {name: [] for name in orders}
    for name, of_kind in orders.items():
        for piece in of_kind if SALES_KINDS[name].replaces else [[line] for line in flat(of_kind)]:
            data.draw(st.sampled_from([first, second]))[name].extend(piece)
    together = order_lines(shared_warehouse, [{name: flat(of_kind) for name, of_kind in orders.items()}])
    assert {line["format"] for line in together} == set(SALES_KINDS)
    runs = data.draw(st.permutations([first, second]))
    assert order_lines(shared_warehouse, runs) == together


@few
@given(data=st.data())
def test_rates_are_those_written_however_they_are_spread_over_files(
    shared_warehouse: Warehouse, data: st.DataObject
) -> None:
    rate = st.tuples(
        st.dates(date(2000, 1, 1), date(2030, 1, 1)),
        st.sampled_from(["EUR", "GBP", "JPY"]),
        st.decimals("0.0000000001", 99_999, places=10),
    )
    rates = data.draw(st.lists(rate, min_size=1, max_size=9, unique_by=lambda row: row[:2]))
    places = data.draw(st.lists(st.integers(0, 2), min_size=len(rates), max_size=len(rates)))
    forget(shared_warehouse)
    for file in sorted(set(places), reverse=data.draw(st.booleans())):
        rows = [f"{row[0]},{row[1]},{row[2]:f}\n" for row, place in zip(rates, places, strict=True) if place == file]
        write_drop(shared_warehouse.home, f"{file}.csv", "date,currency,rate\n" + "".join(rows))
        (drop,) = load_drops(shared_warehouse).loaded
        assert (drop.format, drop.rows_loaded, drop.rows_rejected) == ("currency_rates", len(rows), 0)
    build_tables(shared_warehouse, ["core.exchange_rates"])
    found = shared_warehouse.execute("select valid_from, currency, rate from core.exchange_rates").fetchall()
    assert Counter(found) == Counter(rates)
