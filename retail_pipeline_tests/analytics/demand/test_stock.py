"""The plan of orders: classes, sizes of orders, what is ordered when, and stock that lasts as often as is promised."""

import numpy as np
import pytest
from scipy.stats import nbinom

from retail_pipeline.analytics.demand.distributions import Scatter, Shape, Usual, Width
from retail_pipeline.analytics.demand.levels import Array
from retail_pipeline.analytics.demand.stock import (
    Policy,
    Terms,
    abc_classes,
    economic_quantity,
    in_packs,
    order_now,
    policy,
    variation,
    xyz_classes,
)
from retail_pipeline_tests.studies.demand import replay


def terms(products: int, min_order: float = np.nan, pack_size: float = np.nan) -> Terms:
    def of_all(value: float) -> Array:
        return np.full(products, value)

    return Terms(of_all(2.0), of_all(1.0), of_all(min_order), of_all(pack_size), of_all(np.nan))


def test_a_product_belongs_to_the_class_in_which_its_part_begins() -> None:
    revenue = np.array([10.0, 50.0, 30.0, 6.0, 4.0, 0.0])
    assert abc_classes(revenue, (0.8, 0.95)).tolist() == ["B", "A", "A", "B", "C", "C"]
    assert abc_classes(np.zeros(2), (0.8, 0.95)).tolist() == ["C", "C"]


def test_variation_is_that_of_the_weeks_since_the_first_sale() -> None:
    demand = np.array([[0.0, 0, 10, 20, 30], [4, 4, 4, 4, 4], [0, 0, 0, 0, 7]])
    found = variation(demand, np.array([2, 0, 4]), 52)
    assert found[:2] == pytest.approx([0.5, 0.0])
    assert xyz_classes(found, (0.4, 1.0)).tolist() == ["Y", "X", "Z"]


def test_the_economic_order_is_that_of_harris() -> None:
    # 52.1775 a year, 2 an order, 4 a unit and year: sqrt(2 * 52.1775 * 2 / 4)
    found = economic_quantity(np.array([1.0, 1.0]), 2.0, 0.5, np.array([8.0, np.nan]))
    assert found[0] == pytest.approx(np.sqrt(52.1775))
    assert np.isnan(found[1])


def test_orders_come_in_whole_packs_and_not_below_the_least() -> None:
    asked = np.array([0.0, 1.0, 24.0, 24.1])
    assert in_packs(asked, terms(4, min_order=20, pack_size=12)).tolist() == [0, 24, 24, 36]
    assert in_packs(asked, terms(4)).tolist() == [0, 1, 24, 25]


def test_orders_bring_stock_up_to_the_level_once_it_is_down_to_the_point() -> None:
    plan = policy(np.full(4, 3.0), np.full(4, 7.0), np.full(4, 4.0), terms(4))
    assert (plan.reorder_point[0], plan.safety_stock[0], plan.order_quantity[0], plan.order_up_to[0]) == (7, 4, 4, 11)
    found = order_now(np.array([8.0, 7.0, 2.0, np.nan]), plan, terms(4))
    assert found[:3].tolist() == [0, 4, 9]
    assert np.isnan(found[3])


def test_slow_products_are_ordered_when_the_last_unit_is_gone_and_dead_ones_never() -> None:
    plan = policy(np.array([0.1, 0.0]), np.zeros(2), np.array([0.2, 0.0]), terms(2))
    assert plan.order_quantity.tolist() == [1, 0]
    assert order_now(np.array([0.0, 0.0]), plan, terms(2)).tolist() == [1, 0]
    assert order_now(np.array([1.0, 0.0]), plan, terms(2)).tolist() == [0, 0]


def test_a_replay_of_even_demand_counts_as_by_hand() -> None:
    """Point 6, level 10, 2 a week, lead time 2: reviewed at 10, 8, 6 (order 4), 4, then 2 as 4 arrive, and so on."""
    plan = Policy(np.array([6.0]), np.array([0.0]), np.array([4.0]), np.array([10.0]))
    came = replay(np.full((1, 12), 2.0), plan, warm_up=0)
    assert (came.cycles, came.kept, came.weeks_kept, came.fill_rate) == (4, 4, 1.0, 1.0)
    short = replay(
        np.full((1, 12), 2.0), Policy(np.array([1.0]), np.zeros(1), np.array([4.0]), np.array([5.0])), warm_up=0
    )
    assert short.kept < short.cycles
    assert short.fill_rate < 1


@pytest.mark.parametrize("service", [0.9, 0.95, 0.98])
def test_stock_lasts_as_often_as_promised_where_demand_is_as_expected(service: float) -> None:
    """By the true distribution it lasts as often or more, for at most reviews more is left than the point."""
    generator = np.random.Generator(np.random.PCG64(7))
    mean, variance = 10.0, 40.0
    level, scatter = np.full(400, mean), Scatter(Usual(variance / mean, 1.0), np.ones(400))
    shape = Shape(Width(1.0, 0.0))
    (point,) = set(shape.quantiles(level, scatter, 3.0, [service])[:, 0])
    assert point == nbinom.ppf(service, (3 * mean) ** 2 / (3 * variance - 3 * mean), mean / variance)
    assert shape.stays_within(level[:1], scatter.rows(np.array([0])), 3.0, np.array([point]))[0] >= service
    plan = policy(level * 3, np.full(400, point), level * 2, terms(400))
    size = mean**2 / (variance - mean)
    came = replay(generator.negative_binomial(size, mean / variance, (400, 120)).astype(float), plan)
    assert service - 0.005 < came.kept / came.cycles < service + 0.6 * (1 - service)
