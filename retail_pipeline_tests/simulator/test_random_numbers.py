"""Random numbers are what they are said to be, and depend on their names alone."""

import numpy as np
import pytest
from scipy import stats

from retail_pipeline.simulator.random_numbers import (
    GammaQuantiles,
    Stream,
    beta_quantiles,
    geometric,
    mean_before_truncation,
    positive_poisson,
)

MANY = 200_000
EVENLY = (np.arange(MANY) + 0.5) / MANY


def uniforms(purpose: str = "test", seed: int = 1) -> np.ndarray:
    return Stream(seed, purpose).uniform(np.arange(MANY))


def test_numbers_are_spread_evenly() -> None:
    assert stats.kstest(uniforms(), "uniform").pvalue > 0.001


@pytest.mark.parametrize("lag", [1, 2, 64])
def test_numbers_of_neighbours_have_nothing_to_do_with_each_other(lag: int) -> None:
    drawn = uniforms()
    pairs = np.histogram2d(drawn[:-lag], drawn[lag:], bins=10)[0]
    assert stats.chisquare(pairs.ravel()).pvalue > 0.001


def test_numbers_of_two_purposes_seeds_or_places_have_nothing_to_do_with_each_other() -> None:
    stream, places = Stream(1, "test"), np.arange(MANY)
    others = (uniforms("other"), uniforms(seed=2), stream.uniform(places, 1), stream.uniform(1, places))
    for other in others:
        assert abs(np.corrcoef(uniforms(), other)[0, 1]) < 4 / np.sqrt(MANY)


def test_a_number_depends_on_its_place_alone() -> None:
    stream, places = Stream(1, "test"), np.arange(1000)
    whole = stream.uniform(places, 7)
    assert (stream.uniform(places[300:400], 7) == whole[300:400]).all()
    assert (stream.uniform(places[::-1], 7)[::-1] == whole).all()


def test_the_order_of_places_counts() -> None:
    stream = Stream(1, "test")
    assert stream.uniform(np.array([1]), 2) != stream.uniform(np.array([2]), 1)


@pytest.mark.parametrize("shape", [0.05, 0.7, 1.0, 4.0, 60.0])
def test_gamma_quantiles_agree_with_scipy(shape: float) -> None:
    places = np.concatenate([EVENLY[::100], [1e-9, 1e-6, 1 - 1e-6, 1 - 1e-9]])
    expected = stats.gamma(shape).ppf(places)
    np.testing.assert_allclose(GammaQuantiles(shape)(places), expected, rtol=2e-5, atol=1e-300)


def test_beta_quantiles_agree_with_scipy() -> None:
    places = EVENLY[::100]
    np.testing.assert_allclose(beta_quantiles(places, 0.9, 12), stats.beta(0.9, 12).ppf(places), rtol=1e-9)


@pytest.mark.parametrize("mean", [0.01, 0.8, 4.0, 37.5])
def test_counts_are_poisson_given_that_there_is_one(mean: float) -> None:
    counts = positive_poisson(EVENLY, np.full(MANY, mean))
    assert counts.min() >= 1
    numbers = np.arange(1, counts.max() + 1)
    expected = stats.poisson(mean).pmf(numbers) / stats.poisson(mean).sf(0)
    found = np.bincount(counts)[1:] / MANY
    np.testing.assert_allclose(found, expected, atol=2 / MANY)  # evenly spread: off by rounding at both ends at most


def test_counts_come_to_an_end_for_any_mean() -> None:
    means = np.array([1e-12, 1e-3, 1.0, 30.0, 499.0, 1e6])
    last = np.full(len(means), 1 - 2.0**-54)
    counts = positive_poisson(last, means)
    assert (counts[:5] >= means[:5]).all()
    assert counts.max() < 1000


def test_repetitions_are_geometric() -> None:
    counts = geometric(EVENLY, 0.3)
    found = np.bincount(counts)[:6] / MANY
    np.testing.assert_allclose(found, 0.7 * 0.3 ** np.arange(6), atol=2 / MANY)
    assert (geometric(EVENLY, 0.0) == 0).all()


def test_the_mean_before_truncation_is_the_inverse_of_that_after() -> None:
    before = np.array([1e-3, 0.1, 1.0, 7.5, 300.0])
    np.testing.assert_allclose(mean_before_truncation(before / -np.expm1(-before)), before, rtol=1e-5, atol=1e-6)
    assert mean_before_truncation(np.array([0.2])) == pytest.approx(0, abs=1e-8)
