"""What becomes of segments: who moves between them, who comes back, what to do, and how it is drawn."""

import base64
import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from retail_pipeline.assets.pictures import pictures
from retail_pipeline.home import Home
from retail_pipeline.reports.charts import rfm_heatmap
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.assets.customers.test_rfm_scores import GROUPS
from retail_pipeline_tests.assets.store_tables import LINES, MONEY, Row, Tables
from retail_pipeline_tests.stores import opened

HISTORY = {
    "month": "date", "customer_id": "varchar", "as_of": "date", "segment": "varchar", "segment_group": "varchar",
    "monetary": MONEY,
}  # fmt: skip
STATES = {
    "customer_id": "varchar", "order_id": "varchar", "order_date": "date", "known_from": "date", "known_until": "date",
    "lines": "bigint", "amount": MONEY,
}  # fmt: skip
JANUARY, FEBRUARY, MARCH, APRIL = (date(2024, month, 1) for month in (1, 2, 3, 4))


def at(month: date, customer: str, segment: str, monetary: object = 10) -> Row:
    """A customer's segment at a month's end."""
    end = (month.replace(day=28) + timedelta(days=4)).replace(day=1)
    return {
        "month": month,
        "customer_id": customer,
        "as_of": end,
        "segment": segment,
        "segment_group": GROUPS[segment],
        "monetary": monetary,
    }


def order(customer: str, day: date, amount: object = 10, **more: Any) -> Row:
    return {
        "customer_id": customer,
        "order_id": f"{customer} {day}",
        "order_date": day,
        "known_from": day,
        "lines": 1,
        "amount": amount,
        **more,
    }


def moves(tables: Tables, history: Sequence[Row]) -> list[Row]:
    tables.fill("customers.rfm_history", HISTORY, history)
    return tables.select("customers.segment_migration")


def test_moves_are_counted_from_month_end_to_month_end(tables: Tables) -> None:
    """Anna and Bert are new in January; Anna becomes loyal; Bert stays, then has all cancelled; Carl comes in March."""
    history = [
        at(JANUARY, "anna", "New"),
        at(JANUARY, "bert", "New"),
        at(FEBRUARY, "anna", "Loyal", 30),
        at(FEBRUARY, "bert", "New"),
        at(MARCH, "anna", "Loyal", 30),
        at(MARCH, "carl", "New", 5),
    ]
    found = [tuple(row.values()) for row in moves(tables, history)]
    assert found == [
        (FEBRUARY, "New", "Loyal", 1, 0.5, 1, 10, 30),
        (FEBRUARY, "New", "New", 1, 0.5, 1, 10, 10),
        (MARCH, "Loyal", "Loyal", 1, 1, 1, 30, 30),
        (MARCH, "New", "nothing left", 1, 1, 1, 10, 0),
        (MARCH, "new to the shop", "New", 1, 1, 1, 0, 5),
    ]


def test_a_single_month_has_no_moves(tables: Tables) -> None:
    assert moves(tables, [at(JANUARY, "anna", "New")]) == []


def outcomes(
    tables: Tables, history: Sequence[Row], orders: Sequence[Row], as_of: date = date(2024, 12, 1)
) -> dict[str, Row]:
    tables.fill("customers.rfm_history", HISTORY, history)
    tables.fill("customers.order_states", STATES, orders)
    tables.fill("core.order_lines", LINES, [{"order_date": as_of, "order_ts": datetime.combine(as_of, time())}])
    return {row["segment"]: row for row in tables.select("customers.segment_outcomes", as_of=as_of)}


def test_what_a_segment_does_next_is_what_was_known_when_the_90_days_were_over(tables: Tables) -> None:
    """February 1st and 90 days: May 1st is the first day that is too late, and a cancellation on it too."""
    history = [at(JANUARY, name, "At Risk") for name in ("anna", "bert", "carl", "dora", "emil")]
    orders = [
        order("anna", FEBRUARY, 7),
        order("anna", date(2024, 4, 30), 5),
        order("bert", date(2024, 5, 1)),
        order("bert", date(2024, 1, 31)),
        order("carl", MARCH, 4, known_until=APRIL),
        order("carl", MARCH, 0, known_from=APRIL, lines=0),
        order("dora", MARCH, 4, known_until=date(2024, 5, 1)),
        order("dora", MARCH, 0, known_from=date(2024, 5, 1), lines=0),
    ]
    row = outcomes(tables, history, orders)["At Risk"]
    assert (row["customers"], row["observations"], row["month_ends"]) == (5, 5, 1)
    assert row["bought_again"] == 2 / 5
    assert row["orders_per_customer"] == 3 / 5
    assert row["spend_per_customer"] == pytest.approx(16 / 5)


def test_what_an_order_held_at_the_months_end_is_not_spent_again_when_it_goes_on(tables: Tables) -> None:
    """100 were bought before the month's end; 5 more of the same order two days after it."""
    early = {"order_id": "1", "known_until": date(2024, 2, 2)}
    late = {"order_id": "1", "order_date": date(2024, 2, 2), "known_from": date(2024, 2, 2)}
    orders = [order("anna", date(2024, 1, 30), 100, **early), order("anna", date(2024, 2, 2), 105, **late)]
    row = outcomes(tables, [at(JANUARY, "anna", "New")], orders)["New"]
    assert (row["bought_again"], row["spend_per_customer"]) == (1, 5)


def test_only_month_ends_with_90_days_behind_them_count(tables: Tables) -> None:
    history = [at(JANUARY, "anna", "New"), at(FEBRUARY, "anna", "New")]
    assert outcomes(tables, history, [], as_of=date(2024, 4, 30)) == {}
    assert outcomes(tables, history, [], as_of=date(2024, 5, 1))["New"]["observations"] == 1


def test_with_one_observation_a_customer_the_interval_is_wilsons(tables: Tables) -> None:
    """But for the factor m / (m - 1) of the variance between m customers."""
    names = [f"c{number}" for number in range(40)]
    history = [at(JANUARY, name, "New") for name in names]
    row = outcomes(tables, history, [order(name, MARCH) for name in names[:10]])["New"]
    assert row["bought_again"] == 0.25
    lower, upper = proportion_confint(0.25 * 39, 39, method="wilson")
    assert (row["bought_again_lower"], row["bought_again_upper"]) == pytest.approx((lower, upper), abs=1e-6)
    half = 1.959964 * np.std([10] * 10 + [0] * 30, ddof=1) / np.sqrt(40)
    assert (row["spend_lower"], row["spend_upper"]) == pytest.approx((2.5 - half, 2.5 + half), abs=0.001)


def test_the_spend_of_a_single_customer_has_no_interval(tables: Tables) -> None:
    row = outcomes(tables, [at(JANUARY, "anna", "New")], [order("anna", MARCH, 25)])["New"]
    assert (row["spend_per_customer"], row["spend_lower"], row["spend_upper"]) == (25, None, None)


def test_seeing_the_same_customers_again_narrows_nothing(tables: Tables) -> None:
    """Everyone does the same after each of two month ends: twice the observations tell no more."""
    names = [f"c{number}" for number in range(40)]
    once = [at(JANUARY, name, "New") for name in names]
    twice = once + [at(APRIL, name, "New") for name in names]
    orders = [order(name, day) for name in names[:10] for day in (MARCH, date(2024, 6, 1))]
    first, second = (outcomes(tables, history, orders)["New"] for history in (once, twice))
    assert (first["observations"], second["observations"]) == (40, 80)
    for column in ("bought_again", "bought_again_lower", "bought_again_upper", "spend_lower", "spend_upper"):
        assert second[column] == pytest.approx(first[column])


def test_a_verdict_needs_an_interval_that_leaves_the_others_out(tables: Tables) -> None:
    history = [at(JANUARY, f"a{number}", "At Risk") for number in range(30)]
    history += [at(JANUARY, f"l{number}", "Loyal") for number in range(30)]
    history += [at(JANUARY, "n", "New")]
    orders = [order(f"l{number}", MARCH) for number in range(25)] + [order("a1", MARCH), order("n", MARCH)]
    found = outcomes(tables, history, orders)
    assert found["At Risk"]["verdict"] == "leave more than others"
    assert found["At Risk"]["others_bought_again"] == 26 / 31
    assert found["Loyal"]["verdict"] == "leave less than others"
    assert found["New"]["verdict"] == "no difference shows"
    assert 0 < found["New"]["bought_again_lower"] < found["New"]["bought_again_upper"] == 1


def test_all_ten_segments_have_an_action_and_a_rank_of_their_own(tables: Tables) -> None:
    rows = tables.select("customers.segment_actions")
    assert {row["segment"] for row in rows} == set(GROUPS)
    assert sorted(row["priority"] for row in rows) == list(range(1, 11))
    assert all(row["action"] and row["why"] and row["channel"] for row in rows)


CELLS = [
    {"r_score": 5, "f_score": 5, "customers": 3, "revenue": 90},
    {"r_score": 1, "f_score": 2, "customers": 1, "revenue": 10},
]


def test_the_heatmap_shows_the_share_of_each_pair_of_scores() -> None:
    svg = rfm_heatmap(CELLS)
    ElementTree.fromstring(svg)
    assert re.findall(r">([\d.]+%)<", svg) == ["25.0%", "75.0%", "10.0%", "90.0%"]
    assert rfm_heatmap(CELLS) == svg


def test_scores_show_their_heatmap_and_an_empty_table_none(home: Home) -> None:
    with opened(home) as warehouse:
        fill_scores(warehouse, "where false")
        assert pictures(warehouse, "customers.rfm_scores") == {}
        fill_scores(warehouse, "")
        (image,) = pictures(warehouse, "customers.rfm_scores").values()
        assert pictures(warehouse, "customers.features") == {}
    head, _, data = str(image.value).partition("base64,")
    assert head == "![recency by frequency](data:image/svg+xml;"
    assert b"<svg" in base64.b64decode(data.rstrip(")"))


def fill_scores(warehouse: Warehouse, condition: str) -> None:
    warehouse.execute(
        "create schema if not exists customers; create or replace table customers.rfm_scores as "
        f"select 'c' as customer_id, 5 as r_score, 4 as f_score, 3::decimal(18, 4) as monetary {condition}"
    )
