"""x, t_x, T and spend of customers as of the end of the calibration, by hand."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from retail_pipeline.assets.models.purchase_days import (
    calibration_end,
    customers_as_of,
    extent,
    grouped_purchases,
    repeat_spends,
)
from retail_pipeline.home import Home
from retail_pipeline_tests.assets.models.purchase_store import PurchaseStore, standing

MARCH_10 = date(2024, 3, 10)


def order(customer: str, day: int, amount: float, **changes: Any) -> dict[str, Any]:
    """An order of a day in March."""
    (state,) = standing([(customer, date(2024, 3, day), amount)])
    return {**state, "order_id": f"{customer}{day}{amount}", **changes}


STATES = [
    # anna: three days, two orders on one of them, the last for nothing
    order("anna", 1, 5.0),
    order("anna", 4, 10.0),
    order("anna", 4, 2.5),
    order("anna", 8, 0.0),
    # bert: cancelled his second order on the 9th, and his first one on the 12th
    order("bert", 2, 7.0, known_until=date(2024, 3, 12)),
    order("bert", 2, 0.0, known_from=date(2024, 3, 12), lines=0),
    order("bert", 6, 9.0, known_until=date(2024, 3, 9)),
    order("bert", 6, 0.0, known_from=date(2024, 3, 9), lines=0),
    # cora: came on the 10th, and again later
    order("cora", 10, 3.0),
    order("cora", 15, 4.0),
]


@pytest.fixture
def store(home: Home) -> Iterator[PurchaseStore]:
    store = PurchaseStore(home)
    store.give(STATES)
    yield store
    store.close()


def told(store: PurchaseStore, end: date) -> list[tuple[int, int, int, int]]:
    rows = grouped_purchases(store.warehouse, end)
    return list(rows.itertuples(index=False, name=None))


def test_days_are_counted_as_they_were_known_at_the_end_of_the_calibration(store: PurchaseStore) -> None:
    # anna 2 repeats, bert and cora none: he has one order left, she has come that day
    assert told(store, MARCH_10) == [(0, 0, 0, 1), (0, 0, 8, 1), (2, 7, 9, 1)]


def test_a_cancellation_counts_from_its_own_day_on(store: PurchaseStore) -> None:
    assert (1, 4, 6, 1) in told(store, date(2024, 3, 8))
    assert (0, 0, 7, 1) in told(store, date(2024, 3, 9))
    assert told(store, date(2024, 3, 12)) == [(0, 0, 2, 1), (2, 7, 11, 1)]


def test_spend_is_that_of_the_repeat_days(store: PurchaseStore) -> None:
    # anna: 12.50 and nothing
    assert repeat_spends(store.warehouse, MARCH_10).to_dict("records") == [{"x": 2, "mean": 6.25}]


def test_equal_customers_are_counted_together(store: PurchaseStore) -> None:
    store.give([*STATES, order("dora", 10, 1.0), order("ewan", 10, 1.0)])
    assert (0, 0, 0, 3) in told(store, MARCH_10)


def test_extent_says_how_many_and_how_long(store: PurchaseStore) -> None:
    there = extent(store.warehouse)
    assert (there.end, there.customers, there.days) == (date(2024, 3, 15), 2, 15)  # nothing of bert's is left


def test_customers_are_told_one_by_one_as_of_any_day(store: PurchaseStore) -> None:
    rows = customers_as_of(store.warehouse, MARCH_10)
    assert rows["customer_id"].tolist() == ["anna", "bert", "cora"]
    assert rows.iloc[0].tolist() == ["anna", 2, 7, 9, 17.5, 12.5]


@pytest.mark.parametrize(
    ("settings", "end"),
    [
        ("", date(2024, 3, 15)),
        ("[clv]\ncalibration_end = 2024-03-09", date(2024, 3, 9)),
        ("[clv]\ncalibration_end = 2024-03-20", date(2024, 3, 20)),
        ("[core]\nas_of = 2024-03-11", MARCH_10),
        ("[core]\nas_of = 2024-03-11\n[clv]\ncalibration_end = 2024-03-14", MARCH_10),
        ("[core]\nas_of = 2024-03-11\n[clv]\ncalibration_end = 2024-03-05", date(2024, 3, 5)),
    ],
)
def test_the_end_is_a_setting_that_as_of_does_not_let_go_beyond_it(
    store: PurchaseStore, settings: str, end: date
) -> None:
    store.home.settings_file.write_text(settings)
    assert calibration_end(store.open()) == end


def test_an_empty_store_has_no_end(store: PurchaseStore) -> None:
    store.give([])
    there = extent(store.warehouse)
    assert (there.end, there.customers, there.days) == (None, 0, 0)
