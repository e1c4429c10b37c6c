"""customers.rfm_scores and rfm_segments: measures, scores, segments, against hand-made cases and a pandas rendering."""

import random
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retail_pipeline.home import Home
from retail_pipeline_tests.assets.store_tables import (
    LINES,
    MATCHES,
    PURCHASES,
    TO_ORDER_LINES,
    TO_ORDER_STATES,
    Row,
    Tables,
    built,
    rows_of,
)
from retail_pipeline_tests.stores import canonical, write_drop

AS_OF = date(2024, 7, 1)
TO_SCORES = (
    *TO_ORDER_LINES,
    "core.customer_purchases",
    "core.cancellation_matches",
    *TO_ORDER_STATES,
    "customers.rfm_scores",
)

# rows: recency score 1 to 5; columns: frequency score 1 to 5
SEGMENTS = {
    1: ["Hibernating", "Hibernating", "At Risk", "At Risk", "Cannot Lose"],
    2: ["Hibernating", "Hibernating", "At Risk", "At Risk", "Cannot Lose"],
    3: ["About To Sleep", "About To Sleep", "Need Attention", "Loyal", "Loyal"],
    4: ["Promising", "Potential Loyalists", "Potential Loyalists", "Loyal", "Loyal"],
    5: ["New", "Potential Loyalists", "Potential Loyalists", "Champions", "Champions"],
}
GROUPS = {
    "Champions": "Champions",
    "Loyal": "Loyal Customers",
    "Potential Loyalists": "Loyal Customers",
    "New": "Promising",
    "Promising": "Promising",
    "Need Attention": "Regular",
    "About To Sleep": "Regular",
    "At Risk": "At-Risk Customers",
    "Cannot Lose": "At-Risk Customers",
    "Hibernating": "Lost",
}


def purchase(customer: str, days_ago: int, amount: object = 1, order: str = "", **more: Any) -> Row:
    """A line bought so many days before :data:`AS_OF`."""
    day = AS_OF - timedelta(days=days_ago)
    return {
        "customer_id": customer,
        "order_id": order or f"{customer} {days_ago}",
        "line_no": 1,
        "order_ts": datetime.combine(day, datetime.min.time()) + timedelta(hours=12),
        "order_date": day,
        "product_id": "P",
        "quantity": 1,
        "amount": amount,
        **more,
    }


def scores(
    tables: Tables, purchases: Sequence[Row], matches: Sequence[Row] = (), *, policy: str = "net", **parameters: Any
) -> dict[str, Row]:
    """The scores by customer, as of :data:`AS_OF` unless another day is given."""
    tables.fill("core.customer_purchases", PURCHASES, purchases)
    tables.fill("core.cancellation_matches", MATCHES, matches)
    tables.fill("core.order_lines", LINES, purchases)
    for name in TO_ORDER_STATES:
        tables.select(name, revenue_policy=policy)
    rows = tables.select("customers.rfm_scores", **{"as_of": AS_OF, **parameters})
    return {row["customer_id"]: row for row in rows}


def test_measures_are_those_of_a_customers_lines(tables: Tables) -> None:
    bought = [
        purchase("anna", 30, "10.25", "1"),
        purchase("anna", 30, "0.75", "1", line_no=2),
        purchase("anna", 3, "5", "2"),
        purchase("bert", 1, "7", "3"),
    ]
    found = scores(tables, bought)
    assert {name: (row["recency_days"], row["frequency"], row["monetary"]) for name, row in found.items()} == {
        "anna": (3, 2, 16),
        "bert": (1, 1, 7),
    }
    assert {row["as_of"] for row in found.values()} == {AS_OF}


def test_without_a_setting_it_is_the_day_after_the_last_line(tables: Tables) -> None:
    found = scores(tables, [purchase("anna", 10), purchase("bert", 1)], as_of=None)
    assert {row["as_of"] for row in found.values()} == {AS_OF}
    assert found["bert"]["recency_days"] == 1


def test_a_single_customer_is_scored_one(tables: Tables) -> None:
    """A percent rank among one is 0."""
    row = scores(tables, [purchase("anna", 1, 99)])["anna"]
    assert (row["rfm_score"], row["segment"], row["segment_group"]) == ("111", "Hibernating", "Lost")


def test_five_customers_are_scored_one_to_five(tables: Tables) -> None:
    """Percent ranks 0, 1/4, 1/2, 3/4, 1: 1 + floor(5 * rank) is 1, 2, 3, 4 and 6, of which 5 is the most."""
    bought = [
        purchase(f"c{number}", 60 - 10 * number + 10 * order, number, f"{number}-{order}")
        for number in range(1, 6)
        for order in range(number)
    ]
    found = scores(tables, bought)
    assert {name: row["rfm_score"] for name, row in found.items()} == {
        "c1": "111",
        "c2": "222",
        "c3": "333",
        "c4": "444",
        "c5": "555",
    }


def test_ties_share_the_score_of_the_first_of_them(tables: Tables) -> None:
    """Six customers, frequencies 1 1 1 1 2 3: percent ranks 0, .8 and 1, so scores 1, 5 and 5."""
    counts = {"a": 1, "b": 1, "c": 1, "d": 1, "e": 2, "f": 3}
    bought = [purchase(name, order) for name, count in counts.items() for order in range(1, count + 1)]
    assert "".join(str(row["f_score"]) for row in scores(tables, bought).values()) == "111155"


@pytest.mark.parametrize("r_score", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("f_score", [1, 2, 3, 4, 5])
def test_segment_and_churn_risk_of_every_pair_of_scores(tables: Tables, r_score: int, f_score: int) -> None:
    bought = [purchase("anna", 6 - r_score, order=str(order)) for order in range(f_score)]
    row = scores(
        tables,
        bought,
        recency_days_thresholds=[1.0, 2.0, 3.0, 4.0],
        frequency_thresholds=[2.0, 3.0, 4.0, 5.0],
        monetary_thresholds=[10.0, 20.0, 30.0, 40.0],
    )["anna"]
    assert row["rfm_score"] == f"{r_score}{f_score}1"
    assert row["segment"] == SEGMENTS[r_score][f_score - 1]
    assert row["segment_group"] == GROUPS[row["segment"]]
    single_order = f_score == 1
    expected = {1: "High", 2: "High", 3: "Medium", 4: "Medium" if single_order else "Low", 5: "Low"}
    assert row["churn_risk"] == expected[r_score]


@pytest.mark.parametrize(("days", "score"), [(1, 5), (30, 5), (31, 4), (60, 4), (90, 3), (180, 2), (181, 1)])
def test_recency_thresholds_are_reached_by_few_days(tables: Tables, days: int, score: int) -> None:
    found = scores(tables, [purchase("anna", days)], recency_days_thresholds=[30.0, 60.0, 90.0, 180.0])
    assert found["anna"]["r_score"] == score


@pytest.mark.parametrize(
    ("amount", "score"), [("9.9999", 1), ("10", 2), ("19.99", 2), ("20.5", 3), ("30", 4), ("1000000", 5)]
)
def test_monetary_thresholds_are_reached_by_high_values(tables: Tables, amount: str, score: int) -> None:
    found = scores(tables, [purchase("anna", 1, amount)], monetary_thresholds=[10.0, 20.5, 30.0, 1e6])
    assert found["anna"]["m_score"] == score


def test_thresholds_of_one_score_leave_the_others_to_percent_ranks(tables: Tables) -> None:
    bought = [purchase("anna", 1, 5), purchase("bert", 2, 1)]
    found = scores(tables, bought, frequency_thresholds=[1.0, 2.0, 3.0, 4.0])
    assert {name: row["rfm_score"] for name, row in found.items()} == {"anna": "525", "bert": "121"}


stores = st.lists(
    st.tuples(st.sampled_from("abcdefghijk"), st.integers(1, 12), st.integers(0, 40)), min_size=1, max_size=60
)


def bought_in(store: list[tuple[str, int, int]]) -> list[Row]:
    """A line each, of the customer's order on that day."""
    return [
        purchase(name, days, Decimal(pounds) / 4, line_no=number) for number, (name, days, pounds) in enumerate(store)
    ]


def scored_by_pandas(store: list[tuple[str, int, int]]) -> dict[str, str]:
    """The contract's formula on a DataFrame: least(5, 1 + floor(5 * percent rank)), recency reversed."""
    frame = pd.DataFrame(store, columns=["customer", "days", "pounds"])
    grouped = frame.groupby("customer")
    measures = pd.DataFrame({"r": -grouped["days"].min(), "f": grouped["days"].nunique(), "m": grouped["pounds"].sum()})
    others = max(1, len(measures) - 1)
    ranks = measures.apply(lambda measure: (measure.rank(method="min") - 1) * 5 // others)
    found = (1 + ranks).clip(upper=5).astype(int).astype(str)
    return dict((found["r"] + found["f"] + found["m"]).items())


@settings(max_examples=60, deadline=None, derandomize=True)
@given(store=stores)
def test_scores_are_those_of_a_percent_rank_in_pandas(tables: Tables, store: list[tuple[str, int, int]]) -> None:
    found = scores(tables, bought_in(store))
    assert {name: row["rfm_score"] for name, row in found.items()} == scored_by_pandas(store)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(store=stores, chance=st.randoms(use_true_random=False))
def test_the_order_of_the_input_changes_nothing(
    tables: Tables, store: list[tuple[str, int, int]], chance: random.Random
) -> None:
    bought = bought_in(store)
    assert scores(tables, chance.sample(bought, len(bought))) == scores(tables, bought)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(store=stores)
def test_equal_customers_get_equal_scores(tables: Tables, store: list[tuple[str, int, int]]) -> None:
    twins = [(name.upper(), days, pounds) for name, days, pounds in store]
    found = scores(tables, bought_in(store + twins))
    for name, row in found.items():
        twin = found[name.swapcase()]
        assert {**row, "customer_id": ""} == {**twin, "customer_id": ""}


@settings(max_examples=30, deadline=None, derandomize=True)
@given(store=stores)
def test_a_better_customer_never_scores_less(tables: Tables, store: list[tuple[str, int, int]]) -> None:
    found = sorted(scores(tables, bought_in(store)).values(), key=lambda row: row["monetary"])
    assert [row["m_score"] for row in found] == sorted(row["m_score"] for row in found)
    found.sort(key=lambda row: -row["recency_days"])
    assert [row["r_score"] for row in found] == sorted(row["r_score"] for row in found)
    found.sort(key=lambda row: row["frequency"])
    assert [row["f_score"] for row in found] == sorted(row["f_score"] for row in found)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(store=stores)
def test_segments_hold_all_customers_and_their_money(tables: Tables, store: list[tuple[str, int, int]]) -> None:
    found = scores(tables, bought_in(store))
    segments = tables.select("customers.rfm_segments")
    for segment in segments:
        members = [row for row in found.values() if row["segment"] == segment["segment"]]
        assert segment["customers"] == len(members)
        assert segment["orders"] == sum(row["frequency"] for row in members)
        assert segment["revenue"] == sum(row["monetary"] for row in members)
        assert segment["avg_recency_days"] == pytest.approx(sum(row["recency_days"] for row in members) / len(members))
        assert segment["avg_frequency"] == pytest.approx(segment["orders"] / len(members))
        assert segment["avg_monetary"] == pytest.approx(float(segment["revenue"]) / len(members))
        assert segment["segment_group"] == GROUPS[segment["segment"]]
    assert sum(segment["customers"] for segment in segments) == len(found)
    assert sum(segment["share_customers"] for segment in segments) == pytest.approx(1)
    worthless = all(row["monetary"] == 0 for row in found.values())
    assert sum(segment["share_revenue"] for segment in segments) == pytest.approx(0 if worthless else 1)


def cancelled(days_ago: int, quantity: object, amount: object, order: str) -> Row:
    day = AS_OF - timedelta(days=days_ago)
    return {
        "sale_order_id": order,
        "sale_line_no": 1,
        "cancelled_at": datetime.combine(day, datetime.min.time()),
        "quantity": quantity,
        "amount": amount,
    }


def test_under_net_known_cancellations_are_taken_off(tables: Tables) -> None:
    bought = [purchase("anna", 9, 30, "1", quantity=3), purchase("anna", 5, 20, "2", quantity=2)]
    row = scores(tables, bought, [cancelled(4, 2, 20, "2"), cancelled(3, 1, 10, "1")])["anna"]
    assert (row["recency_days"], row["frequency"], row["monetary"]) == (9, 1, 20)


def test_a_customer_all_of_whose_orders_were_cancelled_is_not_scored(tables: Tables) -> None:
    bought = [purchase("anna", 9, 30, "1"), purchase("bert", 9, 30, "2")]
    assert list(scores(tables, bought, [cancelled(4, 1, 30, "1")])) == ["bert"]


def test_under_gross_nothing_is_taken_off(tables: Tables) -> None:
    bought = [purchase("anna", 9, 30, "1", quantity=3)]
    row = scores(tables, bought, [cancelled(4, 3, 30, "1")], policy="gross")["anna"]
    assert (row["frequency"], row["monetary"]) == (1, 30)


def test_what_happens_from_the_as_of_day_on_is_not_known(tables: Tables) -> None:
    bought = [purchase("anna", 9, 30, "1"), purchase("anna", 0, 50, "2"), purchase("bert", -1, 50, "3")]
    found = scores(tables, bought, [cancelled(0, 1, 30, "1")])
    assert list(found) == ["anna"]
    assert (found["anna"]["recency_days"], found["anna"]["monetary"]) == (9, 30)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(store=stores, cut=st.integers(1, 12))
def test_deleting_what_comes_after_changes_no_score(
    tables: Tables, store: list[tuple[str, int, int]], cut: int
) -> None:
    as_of = AS_OF - timedelta(days=cut)
    bought = bought_in(store)
    known = [row for row in bought if row["order_date"] < as_of]
    assert scores(tables, bought, as_of=as_of) == scores(tables, known, as_of=as_of)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Anna's second order is undone on 5 May; Bert buys on 6 May; the duplicate of his line counts under gross only."""
    home = Home(tmp_path_factory.mktemp("store")).create()
    lines = [
        ["1", "2024-05-01 10:00:00", "anna", "P", "Pen", 2, "10", "France"],
        ["2", "2024-05-03 10:00:00", "anna", "P", "Pen", 3, "10", "France"],
        ["3", "2024-05-05 10:00:00", "anna", "P", "Pen", -3, "10", "France"],
        ["4", "2024-05-06 10:00:00", "bert", "Q", "Pot", 1, "7", "France"],
        ["4", "2024-05-06 10:00:00", "bert", "Q", "Pot", 1, "7", "France"],
        ["5", "2024-05-06 11:00:00", "carl", "R", "Gift", 1, "0", "France"],
        ["6", "2024-05-06 12:00:00", "", "Q", "Pot", 9, "7", "France"],
    ]
    write_drop(home, "a.csv", canonical(lines))
    return home


MEASURES = "select customer_id, recency_days, frequency, monetary from customers.rfm_scores order by 1"
EXPECTED: dict[tuple[str, str | None], list[tuple[object, ...]]] = {
    ("net", None): [("anna", 6, 1, 20), ("bert", 1, 1, 7), ("carl", 1, 1, 0)],
    ("net", "2024-05-06"): [("anna", 5, 1, 20)],
    ("net", "2024-05-05"): [("anna", 2, 2, 50)],
    ("net", "2024-05-02"): [("anna", 1, 1, 20)],
    ("net", "2024-05-01"): [],
    ("net", "2024-06-01"): [("anna", 31, 1, 20), ("bert", 26, 1, 7), ("carl", 26, 1, 0)],
    ("gross", None): [("anna", 4, 2, 50), ("bert", 1, 1, 14)],
    ("gross", "2024-05-06"): [("anna", 3, 2, 50)],
}


@pytest.mark.parametrize(("policy", "as_of"), EXPECTED)
def test_policy_and_as_of_settings_decide_what_counts(
    store: Home, monkeypatch: pytest.MonkeyPatch, policy: str, as_of: str | None
) -> None:
    """Each case finds the tables as another one left them."""
    monkeypatch.setenv("RETAIL_CORE__REVENUE_POLICY", policy)
    monkeypatch.setenv("RETAIL_CORE__AS_OF", as_of or "")
    with built(store, only=TO_SCORES) as warehouse:
        found = [tuple(row.values()) for row in rows_of(warehouse, MEASURES)]
    assert found == EXPECTED[policy, as_of]


def test_thresholds_of_the_settings_score_a_store(store: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETAIL_RFM__MONETARY_THRESHOLDS", "1, 7, 20, 21")
    with built(store, only=TO_SCORES) as warehouse:
        found = rows_of(warehouse, "select customer_id, m_score from customers.rfm_scores order by 1")
    assert found == [
        {"customer_id": "anna", "m_score": 4},
        {"customer_id": "bert", "m_score": 3},
        {"customer_id": "carl", "m_score": 1},
    ]
