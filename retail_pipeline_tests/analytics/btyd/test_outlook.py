"""What customers will bring: expectations and ranges against what customers drawn from the models then did."""

import numpy as np
import pytest

from retail_pipeline.analytics.btyd.bg_nbd import BgNbd
from retail_pipeline.analytics.btyd.gamma_gamma import GammaGamma
from retail_pipeline.analytics.btyd.mbg_nbd import MbgNbd
from retail_pipeline.analytics.btyd.outlook import Histories, OrderModel, outlook, residual_value
from retail_pipeline.analytics.btyd.pareto_nbd import ParetoNbd
from retail_pipeline.analytics.btyd.summaries import Floats
from retail_pipeline_tests.analytics.btyd.populations import drawn

SPEND = GammaGamma(p=6, q=4, v=15)
MODELS = [BgNbd(0.6, 10, 0.8, 3), MbgNbd(0.8, 8, 0.6, 2), ParetoNbd(0.8, 8, 0.9, 25)]


def histories(model: OrderModel, customers: int) -> tuple[Histories, Floats]:
    """Customers of a model with the values of their purchases, and what they bring in 40 days."""
    x, t_x, total, later = drawn(model, customers, until=60, after=40, seed=8)  # type: ignore[arg-type]
    rng = np.random.default_rng(9)
    nu = rng.gamma(SPEND.q, 1 / SPEND.v, customers)

    def worth(numbers: Floats) -> Floats:
        return np.where(numbers > 0, rng.gamma(SPEND.p * np.maximum(numbers, 1)) / nu, 0.0)

    return Histories(x.astype(np.int64), t_x, total, worth(x) / np.maximum(x, 1)), worth(later)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_ranges_hold_what_95_in_100_customers_bring(model: OrderModel) -> None:
    customers, brought = histories(model, 6_000)
    told = outlook(model, SPEND, customers, 40)
    above = (brought > told.upper).mean()
    below = (brought < told.lower).mean()
    # 2.5 % each, fewer below, where many ranges begin with nothing; of so many, and of 400 draws, give or take 0.8 %
    assert above == pytest.approx(0.025, abs=0.02)
    assert below < 0.045
    often = (customers.x >= 8) & (customers.t_x > customers.T - 5)
    assert ((told.lower[often] <= brought[often]) & (brought[often] <= told.upper[often])).mean() > 0.9
    error = (brought - told.value).std() / np.sqrt(len(brought))
    assert abs(brought.mean() - told.value.mean()) < 4 * error


def test_a_customers_outlook_does_not_depend_on_the_others() -> None:
    customers, _ = histories(MODELS[0], 40)
    together = outlook(MODELS[0], SPEND, customers, 40)
    backwards = outlook(MODELS[0], SPEND, customers.part(slice(None, None, -1)), 40)
    alone = outlook(MODELS[0], SPEND, customers.part(slice(7, 8)), 40)
    for figures, reversed_, one in zip(
        vars(together).values(), vars(backwards).values(), vars(alone).values(), strict=True
    ):
        assert figures.tolist() == reversed_[::-1].tolist()
        assert figures[7] == pytest.approx(one[0], rel=1e-12)


def test_longer_times_bring_more() -> None:
    customers, _ = histories(MODELS[1], 200)
    month, year = (outlook(MODELS[1], SPEND, customers, t) for t in (30, 365))
    assert (year.orders > month.orders).all()
    assert (year.value > month.value).all()
    assert (year.upper >= month.upper).all()


def test_without_a_mean_of_all_no_value_is_expected_of_unknown_customers() -> None:
    heavy = GammaGamma(p=2, q=0.9, v=10)
    customers = Histories(
        np.array([0, 3, 3]), np.array([0.0, 20, 20]), np.array([30.0, 30, 30]), np.array([0.0, 50, 0])
    )
    told = outlook(MODELS[0], heavy, customers, 40)
    assert np.isnan(told.value).tolist() == [True, False, True]  # the third bought for nothing
    assert np.isfinite(told.upper).all()


def test_without_a_model_of_spend_orders_are_told_alone() -> None:
    customers, _ = histories(MODELS[0], 5)
    told = outlook(MODELS[0], None, customers, 40)
    assert np.isfinite(told.orders).all()
    assert np.isnan(told.value).all()


def test_residual_value_is_what_a_long_time_brings_each_year_worth_less() -> None:
    customers, _ = histories(MODELS[2], 6)
    found = residual_value(MODELS[2], SPEND, customers, yearly_discount=0.15, year=52)
    told, times = (customers.x, customers.t_x, customers.T), np.arange(0, 52 * 40, 8.0)
    reached = [MODELS[2].conditional_expected_orders(t, *told) for t in times]
    orders = (np.diff(reached, axis=0) * 1.15 ** (-(times[1:] - 4) / 52)[:, None]).sum(axis=0)
    assert found == pytest.approx(orders * SPEND.expected_spend(customers.valued, customers.mean), rel=0.01)


def test_nobody_has_no_outlook() -> None:
    nobody = Histories(np.empty(0, dtype=np.int64), np.empty(0), np.empty(0), np.empty(0))
    for model in MODELS:
        assert len(outlook(model, SPEND, nobody, 40).upper) == 0


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_of_customers_with_the_same_days_ranges_differ_by_what_an_order_is_worth(model: OrderModel) -> None:
    x, t_x, total = np.array([3, 3, 0, 0]), np.array([50.0, 50, 0, 0]), np.full(4, 60.0)
    told = outlook(model, SPEND, Histories(x, t_x, total, np.array([10.0, 40, 0, 0])), 40)
    # the scale is v + x zbar
    np.testing.assert_allclose(told.upper[1] / told.upper[0], (15 + 120) / (15 + 30))
    assert told.orders[0] == told.orders[1]
    assert told.upper[2] == told.upper[3]


def test_ranges_that_are_not_asked_for_are_left_unknown() -> None:
    customers, _ = histories(MODELS[0], 40)
    whole, without = outlook(MODELS[0], SPEND, customers, 40), outlook(MODELS[0], SPEND, customers, 40, ranges=False)
    assert without.value.tolist() == whole.value.tolist()
    assert np.isnan(without.upper).all()
    assert np.isnan(without.lower).all()
