"""Distributions of demand: exact quantiles, and chances that come true."""

import numpy as np
import pytest
from scipy.stats import nbinom, poisson

from retail_pipeline.analytics.demand.distributions import (
    GRID,
    Scatter,
    Shape,
    Usual,
    Width,
    came_true,
    negative_binomial,
)
from retail_pipeline.analytics.demand.kinds import DEAD, ERRATIC, INTERMITTENT, LUMPY, NEW, REGULAR, kinds_of
from retail_pipeline.analytics.demand.panel import Panel, tempered

CHANCES = [0.001, 0.1, 0.5, 0.9, 0.98, 0.9999]


def test_quantiles_are_those_of_scipy() -> None:
    generator = np.random.Generator(np.random.PCG64(2))
    mean = np.exp(generator.normal(1, 3, 2_000))
    variance = mean + mean**1.6 * np.exp(generator.normal(0, 1, 2_000))
    expected = nbinom.ppf(CHANCES, (mean**2 / (variance - mean))[:, None], (mean / variance)[:, None])
    is_told = mean > 1e-6
    assert np.array_equal(negative_binomial(mean, variance, CHANCES)[is_told], expected[is_told])


def test_a_variance_below_the_mean_makes_it_poisson() -> None:
    mean = np.array([0.3, 4.0, 60.0])
    assert np.array_equal(negative_binomial(mean, mean / 2, CHANCES), poisson.ppf(CHANCES, mean[:, None]))


@pytest.mark.parametrize("mean", [0.0, 1e-200, 1e-7])
def test_of_next_to_nothing_every_quantile_is_nothing(mean: float) -> None:
    assert negative_binomial(np.array([mean]), np.array([mean]), CHANCES).tolist() == [[0.0] * len(CHANCES)]


def test_chances_of_the_true_distribution_come_true() -> None:
    generator = np.random.Generator(np.random.PCG64(3))
    mean, variance = np.full(20_000, 2.0), np.full(20_000, 6.0)
    demand = generator.negative_binomial(1.0, 1 / 3, 20_000).astype(float)
    assert came_true(demand, mean, variance) == pytest.approx(GRID, abs=0.01)


def test_chances_that_do_not_come_true_are_corrected() -> None:
    """Demand twice as much as expected: quantiles asked for come true all the same."""
    generator = np.random.Generator(np.random.PCG64(4))
    mean, variance = np.full(20_000, 10.0), np.full(20_000, 60.0)
    demand = 2 * generator.negative_binomial(2.0, 1 / 6, 20_000).astype(float)
    curve = came_true(demand, mean, variance)
    shape = Shape(Width(), curve, curve)
    for chance in (0.5, 0.9, 0.95):
        (found,) = negative_binomial(mean[:1], variance[:1], shape.chances([chance], together=True))[0]
        assert (demand <= found).mean() == pytest.approx(chance, abs=0.03)


def test_no_stock_is_left_with_the_outcomes_beyond_the_largest_chance() -> None:
    """Of 2 % of outcomes beyond chance 0.999 half lie beyond 0.9999: so they halve with each further tenth."""
    curve = tuple(np.interp(GRID, [0, 0.999, 0.9999], [0, 0.98, 0.99]))
    shape = Shape(Width(1.0, 0.0), together=curve)
    units = np.array([9.0, 13.0, 19.0, 500_000.0])
    scatter = Scatter(Usual(2.0, 1.0), np.ones(4))  # mean 1, variance 2: more than k has the chance 2 ** -(k + 1)
    beyond = 1 - shape.stays_within(np.ones(4), scatter, 1.0, units)
    halves = np.log10(2.0)
    assert beyond[0] == pytest.approx(0.02 - 0.01 * (0.001 - 2**-10) / 0.0009)
    assert beyond[1:3] == pytest.approx([0.01 * (2**-14 / 1e-4) ** halves, 0.01 * (2**-20 / 1e-4) ** halves])
    assert beyond[3] < 1e-12


def test_a_product_surely_lasts_no_less_with_more_stock() -> None:
    for last in (1.0, 0.98):  # nothing was ever beyond the grid, or all beyond 0.999 was beyond 0.9999 too
        shape = Shape(Width(1.0, 0.0), together=tuple(np.interp(GRID, [0, 0.999], [0, last])))
        units = np.arange(60.0)
        told = shape.stays_within(np.ones(60), Scatter(Usual(2.0, 1.0), np.ones(60)), 1.0, units)
        assert (np.diff(told) >= 0).all()
        assert 0.98 <= told[-1] <= 1


def test_the_usual_variance_is_a_power_of_the_mean() -> None:
    mean = np.geomspace(0.1, 100, 50)
    found = Usual.of(mean, 3 * mean**1.5)
    assert (found.factor, found.power) == pytest.approx((3, 1.5))


def test_a_product_of_few_weeks_scatters_as_is_usual() -> None:
    generator = np.random.Generator(np.random.PCG64(5))
    demand = generator.poisson(np.geomspace(1, 50, 100)[:, None], (100, 26)).astype(float)
    demand[0, -1] = 500.0
    ratio = Scatter.of(demand, np.where(np.arange(100) == 0, 25, 0)).ratio
    assert ratio[0] == 1.0
    assert np.median(ratio) == pytest.approx(1, abs=0.2)


def test_kinds_are_those_of_interval_and_evenness() -> None:
    rare = [0.0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 3, 0] * 4
    rows = {
        REGULAR: [5.0, 6, 5, 4] * 12,
        ERRATIC: [1.0, 30, 2, 1] * 12,
        INTERMITTENT: rare,
        LUMPY: [90.0 if week == 5 else units for week, units in enumerate(rare)],
        DEAD: [5.0, 6, 5, 4] * 9 + [0.0] * 12,
        NEW: [0.0] * 40 + [5.0] * 8,
    }
    demand = np.array(list(rows.values()))
    first = (demand > 0).argmax(axis=1)
    assert kinds_of(demand, first, new_weeks=8, dead_weeks=12, dead_chance=0.01).tolist() == list(rows)


def test_a_rare_product_is_not_dead_after_a_gap_that_is_usual_for_it() -> None:
    demand = np.zeros((1, 60))
    demand[0, [0, 15, 30, 45]] = 2.0  # p = 4 / 46: fourteen weeks without have a chance of 28 %
    assert kinds_of(demand, np.array([0]), new_weeks=8, dead_weeks=12, dead_chance=0.01).tolist() == [INTERMITTENT]


def test_an_order_counts_up_to_so_many_usual_weeks() -> None:
    demand, largest = np.array([[2.0, 0, 3, 500, 4]]), np.array([[1.0, 0, 3, 490, 4]])
    assert tempered(demand, largest, 10).tolist() == [[2, 0, 3, 45, 4]]  # the median is 3.5: 500 - (490 - 35)
    assert tempered(demand, largest, None).tolist() == demand.tolist()


def test_what_was_cancelled_after_a_week_was_not_known_at_its_end() -> None:
    place = np.array([0, 0, 0])
    panel = Panel.of(
        np.array(["A"], dtype=object), np.arange(3).astype("datetime64[D]"), place, np.arange(3),
        demand=np.array([1.0, 2, 3]), known=np.array([1.0, 9, 3]), largest=np.array([1.0, 2, 3]),
        largest_known=np.array([1.0, 9, 3]), prices=np.ones(3),
    )  # fmt: skip
    assert panel.until(2).demand.tolist() == [[1, 9]]
    assert panel.until(3).demand.tolist() == [[1, 2, 3]]


def test_a_giant_order_that_is_cancelled_only_the_week_after_counts_no_more_than_another() -> None:
    place = np.zeros(5, dtype=int)
    panel = Panel.of(
        np.array(["A"], dtype=object), np.arange(5).astype("datetime64[D]"), place, np.arange(5),
        demand=np.array([2.0, 2, 2, 2, 2]), known=np.array([2.0, 2, 2, 2, 702]), largest=np.full(5, 2.0),
        largest_known=np.array([2.0, 2, 2, 2, 700]), prices=np.ones(5),
    )  # fmt: skip
    assert panel.until(5, 5.0).demand.tolist() == [[2, 2, 2, 2, 12]]  # five usual weeks, and the two of another order
