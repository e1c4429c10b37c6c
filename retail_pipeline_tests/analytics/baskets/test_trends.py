"""Trends of pairs: the statistic against its definition, seasons, and how often chance makes one."""

import numpy as np
import pytest

from retail_pipeline.analytics.baskets.trends import find_trends, trend_test

ONE_SEASON = np.zeros(5, dtype=np.int64)


def test_the_statistic_is_the_correlation_of_holding_with_time() -> None:
    """Z^2 = (N - 1) r^2 over single baskets (Agresti 2002, Categorical data analysis, 3.4)."""
    baskets, held = np.array([30, 42, 25, 61, 50]), np.array([[3, 9, 4, 20, 21], [9, 8, 7, 9, 1]])
    scores = np.arange(5.0)
    for row, z in zip(held, trend_test(held, baskets, scores, ONE_SEASON), strict=True):
        holds = np.concatenate([np.arange(size) < count for size, count in zip(baskets, row, strict=True)])
        correlation = np.corrcoef(np.repeat(scores, baskets), holds)[0, 1]
        assert z == pytest.approx(correlation * np.sqrt(baskets.sum() - 1))


def test_seasons_are_added_up_each_for_itself() -> None:
    baskets, held = np.array([40, 50, 60, 70]), np.array([[4, 25, 9, 42]])
    scores, seasons = np.array([0.0, 0.0, 1.0, 1.0]), np.array([0, 1, 0, 1])
    one, other = (
        trend_test(held[:, places], baskets[places], scores[places], np.zeros(2, dtype=np.int64))[0]
        for places in ([0, 2], [1, 3])
    )
    spreads = [
        np.sqrt(
            (p := held[0, places].sum() / (n := baskets[places].sum())) * (1 - p) * np.prod(baskets[places]) / (n - 1)
        )
        for places in ([0, 2], [1, 3])
    ]
    together = trend_test(held, baskets, scores, seasons)[0]
    assert together == pytest.approx((one * spreads[0] + other * spreads[1]) / np.hypot(*spreads))


def test_what_comes_every_winter_rises_in_one_year_but_not_over_two() -> None:
    year, baskets = [10, 20, 30, 100], np.full(8, 1_000)
    two_years = find_trends(np.array([year * 2]), baskets)
    one_year = find_trends(np.array([year]), baskets[:4])
    assert one_year is not None
    assert two_years is not None
    assert (one_year.by_season, two_years.by_season) == (False, True)
    assert one_year.p_value[0] < 1e-12
    assert one_year.change[0] == pytest.approx(100 / 20 - 1)
    assert (two_years.z[0], two_years.change[0]) == pytest.approx((0, 0))


def test_growth_from_year_to_year_is_found_behind_the_season() -> None:
    found = find_trends(np.array([[10, 20, 30, 100, 14, 30, 45, 150]]), np.full(8, 1_000))
    assert found is not None
    assert found.z[0] > 4
    assert found.change[0] == pytest.approx(239 / 160 - 1)


def test_two_quarters_make_no_trend() -> None:
    assert find_trends(np.array([[1, 90]]), np.array([100, 100])) is None


def test_what_was_never_bought_and_what_is_always_bought_have_no_trend() -> None:
    found = find_trends(np.array([[0, 0, 0], [5, 7, 9]]), np.array([5, 7, 9]))
    assert found is not None
    assert found.z.tolist() == [0, 0]
    assert found.p_value.tolist() == [1, 1]


def test_a_quarter_without_baskets_counts_for_nothing() -> None:
    gap = find_trends(np.array([[5, 0, 7, 9]]), np.array([50, 0, 50, 50]))
    assert gap is not None
    assert np.isfinite([gap.z[0], gap.change[0]]).all()


@pytest.mark.parametrize("quarters", [4, 9])
def test_chance_makes_trends_as_seldom_as_it_should(quarters: int) -> None:
    rng = np.random.default_rng(1)
    baskets = rng.integers(300, 900, quarters)
    found = find_trends(rng.binomial(baskets, 0.05, size=(4_000, quarters)), baskets)
    assert found is not None
    for level in (0.5, 0.05, 0.01):
        assert (found.p_value <= level).mean() == pytest.approx(level, abs=4 * np.sqrt(level * (1 - level) / 4_000))
