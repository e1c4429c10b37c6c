"""Forecasts of all products at once are those of the reference implementation, one product at a time."""

import numpy as np
import pytest

from retail_pipeline.analytics.demand.levels import Array, Candidate, adida, candidates

WEEKS = 60


@pytest.fixture(scope="module")
def shop() -> tuple[Array, Array]:
    """Weekly demand of 300 products, frequent and rare, first sold in different weeks, and these."""
    generator = np.random.Generator(np.random.PCG64(1))
    chance = generator.uniform(0.05, 1.0, (300, 1))
    size = generator.gamma(1.0, 20.0, (300, 1))
    demand = np.where(generator.random((300, WEEKS)) < chance, 1 + generator.poisson(size, (300, WEEKS)), 0.0)
    first = generator.integers(0, WEEKS - 1, 300)
    demand[np.arange(WEEKS)[None, :] < first[:, None]] = 0
    demand[np.arange(300), first] = 1 + generator.poisson(5.0, 300)
    return demand, first


def one_by_one(model: object, shop: tuple[Array, Array]) -> Array:
    """What statsforecast expects of each product's own weeks."""
    demand, first = shop
    found = [model.forecast(y=of[start:], h=1)["mean"][0] for of, start in zip(demand, first, strict=True)]  # type: ignore[attr-defined]
    return np.array(found)


@pytest.mark.parametrize("alpha", [0.05, 0.3])
def test_smoothing_is_that_of_statsforecast(shop: tuple[Array, Array], alpha: float) -> None:
    from statsforecast.models import SimpleExponentialSmoothing

    expected = one_by_one(SimpleExponentialSmoothing(alpha), shop)
    assert Candidate("ses", {"alpha": alpha}).level(*shop) == pytest.approx(expected, rel=1e-9)


def test_croston_less_its_bias_is_that_of_statsforecast(shop: tuple[Array, Array]) -> None:
    from statsforecast.models import CrostonSBA

    assert Candidate("croston_sba", {"alpha": 0.1}).level(*shop) == pytest.approx(one_by_one(CrostonSBA(), shop))


def test_tsb_is_that_of_statsforecast(shop: tuple[Array, Array]) -> None:
    from statsforecast.models import TSB

    found = Candidate("tsb", {"alpha_size": 0.1, "alpha_chance": 0.2}).level(*shop)
    assert found == pytest.approx(one_by_one(TSB(alpha_d=0.1, alpha_p=0.2), shop))


def test_adida_sums_and_smooths_as_statsforecast_does(shop: tuple[Array, Array]) -> None:
    """Both look for the constant of the least squares, one on a grid: forecasts are close, squares no larger."""
    from statsforecast.models import ADIDA, _chunk_sums, _intervals, _optimized_ses_forecast, _ses_forecast

    found, reference = adida(*shop), one_by_one(ADIDA(), shop)
    assert np.median(np.abs(found - reference) / reference) < 0.002
    demand, first = shop
    for place in range(0, 300, 7):
        own = demand[place, first[place] :]
        length = round(float(_intervals(own).mean()))
        sums = _chunk_sums(own[len(own) % length :], length)
        least = ((sums - _optimized_ses_forecast(sums)[1])[1:] ** 2).sum()
        tried = {alpha: _ses_forecast(sums, alpha) for alpha in np.linspace(0.1, 0.3, 21)}
        alpha = min(tried, key=lambda alpha: abs(tried[alpha][0] / length - found[place]))
        assert tried[alpha][0] / length == pytest.approx(found[place])
        assert ((sums - tried[alpha][1])[1:] ** 2).sum() <= least * 1.001 + 1e-9


def test_averages_are_of_the_weeks_since_the_first_sale() -> None:
    demand = np.array([[0.0, 0, 4, 0, 2], [8, 0, 0, 1, 3]])
    first = np.array([2, 0])
    assert Candidate("moving_average", {"weeks": 4}).level(demand, first) == pytest.approx([2.0, 1.0])
    assert Candidate("historical_mean", {}).level(demand, first) == pytest.approx([2.0, 2.4])
    assert Candidate("naive", {}).level(demand, first).tolist() == [2.0, 3.0]


def test_the_seasonal_forecast_is_of_the_same_weeks_a_year_before() -> None:
    demand = np.arange(60.0)[None, :].repeat(2, axis=0)
    found = Candidate("seasonal_naive", {"horizon": 4}).level(demand, np.array([0, 20]))
    assert found[0] == pytest.approx(np.mean([8, 9, 10, 11]))  # weeks 60 to 63 less 52
    assert np.isnan(found[1])  # was not on sale then
    assert all(candidate.model != "seasonal_naive" for candidate in candidates(4, 51))


@pytest.mark.parametrize("candidate", candidates(4, 59), ids=lambda one: f"{one.model} {one.setting}")
def test_weeks_before_the_first_sale_change_nothing(shop: tuple[Array, Array], candidate: Candidate) -> None:
    demand, first = shop
    later = first >= 8
    found = candidate.level(demand[later], first[later])
    assert found == pytest.approx(candidate.level(demand[later, 4:], first[later] - 4), nan_ok=True)
    assert np.all((found >= 0) | np.isnan(found))


@pytest.mark.parametrize("candidate", candidates(4, 59), ids=lambda one: f"{one.model} {one.setting}")
def test_a_product_is_forecast_by_itself_whatever_stands_beside_it(
    shop: tuple[Array, Array], candidate: Candidate
) -> None:
    demand, first = shop
    order = np.arange(300)[::-1]
    found, alone = candidate.level(demand[order], first[order]), candidate.level(demand[:5], first[:5])
    assert np.array_equal(found[::-1], candidate.level(demand, first), equal_nan=True)
    assert np.array_equal(alone, found[::-1][:5], equal_nan=True)
