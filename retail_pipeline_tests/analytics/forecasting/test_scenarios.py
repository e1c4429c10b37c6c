"""Scenarios: what levers do, and paths of a distribution."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retail_pipeline.analytics.forecasting.scenarios import Levers, path_at, simulated_paths, together, what_if
from retail_pipeline.reports.what_if import what_if as ask

SHARES = st.floats(-0.5, 0.5)


def test_returning_customers_who_order_a_tenth_more_lift_only_their_part() -> None:
    assert what_if(np.array([80.0]), np.array([20.0]), Levers(retention=0.1)).tolist() == pytest.approx([108 - 20 + 20])
    assert what_if(np.array([80.0]), np.array([20.0]), Levers(traffic=0.5)).tolist() == pytest.approx([110.0])
    assert what_if(np.array([80.0]), np.array([20.0]), Levers(order_value=0.5)).tolist() == pytest.approx([150.0])


@given(SHARES, SHARES, SHARES)
def test_levers_multiply_and_none_changes_nothing(retention: float, order_value: float, traffic: float) -> None:
    returning, others = np.array([70.0, 10.0]), np.array([30.0, 5.0])
    assert what_if(returning, others, Levers()) == pytest.approx(returning + others)
    all_alike = what_if(returning, others, Levers(retention, order_value, retention))
    assert all_alike == pytest.approx((returning + others) * (1 + retention) * (1 + order_value))
    apart = what_if(returning, others, Levers(retention, 0.0, traffic))
    assert apart == pytest.approx(returning * (1 + retention) + others * (1 + traffic))


def test_paths_have_the_forecasts_mean_and_spread() -> None:
    mean, sd = np.array([100.0, 110.0, 120.0]), np.array([5.0, 10.0, 20.0])
    paths = simulated_paths(mean, sd, np.empty((0, 3)))
    assert paths.mean(axis=0) == pytest.approx(mean)
    assert paths.std(axis=0) == pytest.approx(sd, rel=0.05)
    assert np.corrcoef(paths[:, 0], paths[:, 1])[0, 1] == pytest.approx(0.6, abs=0.03)
    assert np.array_equal(paths, simulated_paths(mean, sd, np.empty((0, 3))))


def test_errors_that_go_together_are_seen_to() -> None:
    rng = np.random.default_rng(1)
    shared = rng.normal(0, 1, (200, 1))
    assert together(shared + 0.1 * rng.normal(0, 1, (200, 4))) > 0.9
    assert together(rng.normal(0, 1, (200, 4))) < 0.15
    assert together(np.full((200, 1), 1.0)) == 0.6


def test_a_path_at_a_share_lies_above_that_share_of_totals() -> None:
    paths = simulated_paths(np.full(3, 100.0), np.full(3, 10.0), np.empty((0, 3)))
    totals = paths.sum(axis=1)
    for share in (0.1, 0.2, 0.8):
        assert np.mean(totals < path_at(paths, share).sum()) == pytest.approx(share, abs=0.02)


def test_a_question_is_answered_by_month_and_in_a_sentence() -> None:
    rows = [{"period": month, "value": 100.0, "returning_value": 60.0, "other_value": 40.0} for month in ("Jan", "Feb")]
    answer = ask(lambda _: rows, retention=0.1)
    assert answer.value == pytest.approx((106.0, 106.0))
    assert "returning customers' orders by +10%" in answer.text
    assert "212 instead of 200: +12 (+6.0%)" in answer.text
    assert "nothing can be said" in ask(lambda _: [], retention=0.1).text
    with pytest.raises(ValueError, match="less than nothing"):
        ask(lambda _: rows, traffic=-1.5)
