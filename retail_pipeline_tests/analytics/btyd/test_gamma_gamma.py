"""Gamma-gamma: its density, what it expects, and the parameters it finds."""

import numpy as np
import pytest
from scipy.integrate import quad

from retail_pipeline.analytics.btyd.fitting import fit
from retail_pipeline.analytics.btyd.gamma_gamma import GammaGamma, Spends, spends

CDNOW = GammaGamma(p=6.25, q=3.74, v=15.44)


@pytest.mark.parametrize("x", [1, 3])
def test_the_density_of_means_has_the_mass_and_the_mean_it_must_have(x: int) -> None:
    def density(mean: float) -> float:
        return float(np.exp(CDNOW.log_likelihood(x, mean)[0]))

    assert quad(density, 0, 100)[0] + quad(density, 100, np.inf)[0] == pytest.approx(1, abs=1e-6)
    # customers differ about p v / (q - 1)
    average = quad(lambda mean: mean * density(mean), 0, 100)[0] + quad(lambda m: m * density(m), 100, np.inf)[0]
    assert average == pytest.approx(6.25 * 15.44 / 2.74, rel=1e-4)


def test_a_customers_expected_spend_lies_between_the_own_mean_and_that_of_all() -> None:
    everybody = 6.25 * 15.44 / 2.74
    assert CDNOW.expected_spend(0, 0) == pytest.approx([everybody])
    # by hand: weight p x / (p x + q - 1) of the own mean
    weight = 6.25 * 2 / (6.25 * 2 + 2.74)
    assert CDNOW.expected_spend(2, 80) == pytest.approx([weight * 80 + (1 - weight) * everybody])
    assert CDNOW.expected_spend(10_000, 80) == pytest.approx([80], rel=1e-3)


def test_nothing_is_expected_of_unknown_customers_where_their_mean_is_infinite() -> None:
    heavy = GammaGamma(p=2, q=0.9, v=10)
    assert heavy.expected_spend([0, 1], [0, 50]).tolist() == [np.inf, pytest.approx(2 * 60 / 1.9)]


def test_scores_are_the_derivatives_of_the_likelihood() -> None:
    data = spends([1, 2, 200], [5, 40, 31])
    place = np.log([6.25, 3.74, 15.44])
    for number, by_number in enumerate(CDNOW.scores(data)[1]):
        move = 1e-5 * np.eye(3)[number]
        above, below = (GammaGamma(*np.exp(place + sign * move)).scores(data)[0] for sign in (1, -1))
        assert by_number == pytest.approx((above - below) / 2e-5, rel=1e-5, abs=1e-7)


def drawn(customers: int, seed: int) -> Spends:
    rng = np.random.default_rng(seed)
    x = rng.geometric(0.4, customers)
    nu = rng.gamma(3.74, 1 / 15.44, customers)
    return spends(x, rng.gamma(6.25 * x, 1 / (nu * x)))


def test_the_parameters_of_drawn_customers_are_found() -> None:
    fitted = fit(GammaGamma, drawn(8_000, seed=4))
    assert fitted.converged
    away = (np.log(fitted.values) - np.log([6.25, 3.74, 15.44])) / np.sqrt(np.diag(fitted.covariance))
    assert (np.abs(away) < 3.5).all()


def test_another_currency_changes_the_scale_alone() -> None:
    data = drawn(3_000, seed=4)
    pounds, pence = fit(GammaGamma, data), fit(GammaGamma, Spends(data.x, 100 * data.mean, data.weights))
    assert pence.values == pytest.approx(pounds.values * [1, 1, 100], rel=1e-4)


def test_who_bought_nothing_or_for_nothing_is_left_out() -> None:
    data = spends([0, 2, 2, 3, 1], [0, 10, 10, 0, -5])
    assert (data.x.tolist(), data.mean.tolist(), data.weights.tolist()) == ([2], [10], [2])
