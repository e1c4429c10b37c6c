"""The models of orders against published values, their papers' closed forms, and customers drawn from them."""

import itertools

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import gammaln, hyp2f1, hyperu

from retail_pipeline.analytics.btyd.bg_nbd import BgNbd
from retail_pipeline.analytics.btyd.mbg_nbd import MbgNbd
from retail_pipeline.analytics.btyd.pareto_nbd import ParetoNbd
from retail_pipeline.analytics.btyd.summaries import summarise
from retail_pipeline_tests.analytics.btyd.populations import drawn

Model = BgNbd | MbgNbd | ParetoNbd
CDNOW = BgNbd(r=0.2426, alpha=4.4135, a=0.7929, b=2.4259)
"""What Fader, Hardie & Lee (2005) found, with the digit that their table rounds away."""
PARETO = ParetoNbd(r=0.553, alpha=10.578, s=0.606, beta=11.668)
MODELS = [CDNOW, MbgNbd(r=0.525, alpha=6.183, a=0.891, b=1.614), PARETO]
CUSTOMERS = (
    np.array([0, 1, 2, 7, 200]),
    np.array([0.0, 3.0, 30.43, 38.0, 38.0]),
    np.array([38.86, 38.86, 38.86, 39, 40]),
)


def named(model: Model) -> str:
    return type(model).__name__


@pytest.mark.parametrize(
    ("model", "expected"),
    [(BgNbd(0.25, 4, 0.8, 2.5), (-0.59947382, 100.7957)), (MbgNbd(0.25, 4, 0.8, 2.5), (-0.41792826, 100.7869))],
    ids=named,
)
def test_likelihoods_of_no_and_of_two_hundred_repeats_are_the_published_ones(
    model: BgNbd, expected: tuple[float, float]
) -> None:
    found = model.log_likelihood([0, 200], [0, 38], 40)
    assert found[0] == pytest.approx(expected[0], abs=1e-8)
    assert found[1] == pytest.approx(expected[1], abs=1e-4)


def test_orders_expected_of_a_customer_are_the_published_ones() -> None:
    found = BgNbd(0.243, 4.414, 0.793, 2.426).conditional_expected_orders(39, 2, 30.43, 38.86)
    assert found[0] == pytest.approx(1.226, abs=5e-4)


def test_orders_expected_of_newcomers_are_the_published_ones() -> None:
    # Hardie's worksheet of the model, at 1, 3, 32 and 78 weeks
    assert CDNOW.expected_orders([1, 3, 32, 78]) == pytest.approx([0.0532, 0.1506, 1.0437, 1.8576], abs=5e-4)


@pytest.mark.parametrize("model", MODELS, ids=named)
def test_scores_are_the_derivatives_of_the_likelihood(model: Model) -> None:
    data = summarise(*CUSTOMERS)
    _, scores = model.scores(data)
    place, step = np.log([getattr(model, letter) for letter in model.letters()]), 1e-5
    for number, by_number in enumerate(scores):
        move = step * np.eye(4)[number]
        above, below = (type(model)(*np.exp(place + sign * move)).scores(data)[0] for sign in (1, -1))
        assert by_number == pytest.approx((above - below) / (2 * step), rel=1e-5, abs=1e-7)


SHAPES = list(itertools.product((0.3, 2.0), (0.5, 20.0), (0.4, 3.0), (1.7, 30.0)))


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_orders_agree_with_the_closed_forms(shapes: tuple[float, float, float, float]) -> None:
    r, alpha, a, b = shapes
    t, x, total = 25.0, 3, 40.0
    new = (a + b - 1) / (a - 1) * (1 - (alpha / (alpha + t)) ** r * hyp2f1(r, b, a + b - 1, t / (alpha + t)))
    assert BgNbd(*shapes).expected_orders(t) == pytest.approx(new, rel=1e-8)
    modified = b / (a - 1) * (1 - (alpha / (alpha + t)) ** r * hyp2f1(r, b + 1, a + b, t / (alpha + t)))
    assert MbgNbd(*shapes).expected_orders(t) == pytest.approx(modified, rel=1e-8)
    left = ((alpha + total) / (alpha + total + t)) ** (r + x)
    for model in (BgNbd(*shapes), MbgNbd(*shapes)):
        stays = b + x + model.c
        odds = a / (stays - 1) * ((alpha + total) / (alpha + 33)) ** (r + x)
        closed = (a + stays - 1) / (a - 1) / (1 + odds)
        closed *= 1 - left * hyp2f1(r + x, stays, a + stays - 1, t / (alpha + total + t))
        assert model.conditional_expected_orders(t, x, 33, total)[0] == pytest.approx(closed, rel=1e-8)


def test_nothing_happens_at_a_of_one_and_s_of_one() -> None:
    for near, one in (
        (BgNbd(0.5, 5, 1 + 1e-9, 3), BgNbd(0.5, 5, 1, 3)),
        (ParetoNbd(0.5, 5, 1 + 1e-9, 8), ParetoNbd(0.5, 5, 1, 8)),
    ):
        assert one.expected_orders([1, 50]) == pytest.approx(near.expected_orders([1, 50]), rel=1e-7)
        assert np.isfinite(one.conditional_expected_orders(10, 2, 5, 9)).all()
    # rate by time until leaving, at s = 1: beta ln(1 + t / beta)
    assert ParetoNbd(0.5, 5, 1, 8).expected_orders(10) == pytest.approx(0.1 * 8 * np.log(1 + 10 / 8))


def pareto_by_hypergeometric_functions(model: ParetoNbd, x: float, t_x: float, total: float) -> float:
    """Fader & Hardie (2005), equations 15 to 17."""
    r, alpha, s, beta = model.r, model.alpha, model.s, model.beta
    large, gap = max(alpha, beta), abs(alpha - beta)
    second = s + 1 if alpha >= beta else r + x

    def part(time: float) -> float:
        value = hyp2f1(r + s + x, second, r + s + x + 1, gap / (large + time))
        return float(value / (large + time) ** (r + s + x))

    bracket = 1 / ((alpha + total) ** (r + x) * (beta + total) ** s) + s / (r + s + x) * (part(t_x) - part(total))
    return float(gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta) + np.log(bracket))


@pytest.mark.parametrize("model", [PARETO, ParetoNbd(0.5, 12, 0.7, 3), ParetoNbd(2, 5, 1.3, 5)], ids=str)
def test_pareto_likelihood_agrees_with_the_closed_form(model: ParetoNbd) -> None:
    for x, t_x, total in [(0, 0, 39), (0, 0, 1), (1, 5, 39), (2, 30.43, 38.86), (12, 20, 39)]:
        closed = pareto_by_hypergeometric_functions(model, x, t_x, total)
        assert model.log_likelihood(x, t_x, total)[0] == pytest.approx(closed, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("model", "x", "t_x", "total"),
    [
        (ParetoNbd(0.25, 4, 0.6, 12), 200, 38, 40),
        (ParetoNbd(0.25, 4, 0.6, 12), 200, 39.999, 40),
        (ParetoNbd(0.25, 12, 0.6, 0.02), 200, 5, 700),
        (ParetoNbd(0.5, 12, 0.6, 0.02), 0, 0, 700),
        (ParetoNbd(0.5, 0.01, 0.6, 50), 0, 0, 700),
        (ParetoNbd(0.5, 10, 900, 9_000), 1, 3, 300),
    ],
    ids=str,
)
def test_pareto_likelihood_is_right_where_the_closed_form_loses_its_digits(
    model: ParetoNbd, x: float, t_x: float, total: float
) -> None:
    r, alpha, s, beta = model.r, model.alpha, model.s, model.beta
    top = -(r + x) * np.log(alpha + t_x) - (s + 1) * np.log(beta + t_x)

    def integrand(tau: float) -> float:
        return float(np.exp(-(r + x) * np.log(alpha + tau) - (s + 1) * np.log(beta + tau) - top))

    cuts = t_x + (total - t_x) * np.concatenate([[0], np.geomspace(1e-8, 1, 60)])
    area = sum(quad(integrand, low, high, epsabs=0, epsrel=1e-11)[0] for low, high in itertools.pairwise(cuts))
    alive = -(r + x) * np.log(alpha + total) - s * np.log(beta + total)
    by_hand = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta)
    by_hand += np.logaddexp(alive, np.log(s * area) + top)
    assert model.log_likelihood(x, t_x, total)[0] == pytest.approx(by_hand, rel=1e-9, abs=1e-8)


@pytest.mark.parametrize("model", MODELS, ids=named)
def test_customers_of_one_day_and_of_very_many_purchases_have_finite_figures(model: Model) -> None:
    x, t_x, total = np.array([0, 0, 200, 3_000]), np.array([0.0, 0, 38, 729]), np.array([0.0, 0.5, 38, 730])
    for figures in (
        model.log_likelihood(x, t_x, total),
        model.scores(summarise(x, t_x, total))[1],
        model.p_alive(x, t_x, total),
        model.conditional_expected_orders(52, x, t_x, total),
        model.discounted_orders(0.002, x, t_x, total),
    ):
        assert np.isfinite(figures).all()
    assert ((model.p_alive(x, t_x, total) >= 0) & (model.p_alive(x, t_x, total) <= 1)).all()
    assert model.log_likelihood(0, 0, 0)[0] == pytest.approx(0, abs=1e-12)  # nothing has been seen yet


@pytest.mark.parametrize("model", MODELS, ids=named)
def test_the_longer_the_silence_the_less_alive(model: Model) -> None:
    silence = model.p_alive(5, 30.0, np.linspace(30, 400, 40))
    assert (np.diff(silence) < 0).all()
    assert silence[-1] < 0.01


def test_who_bought_once_cannot_have_left_by_bg_nbd_alone() -> None:
    assert CDNOW.p_alive(0, 0, 500).tolist() == [1.0]
    # by MBG/NBD half of the customers with a = b leave with the first purchase
    assert MbgNbd(0.5, 5, 2, 2).p_alive(0, 0, 0) == pytest.approx([0.5])


@pytest.mark.parametrize("model", MODELS, ids=named)
def test_orders_of_a_customer_seen_for_no_time_are_those_of_a_newcomer(model: Model) -> None:
    assert model.conditional_expected_orders(20, 0, 0, 0)[0] == pytest.approx(float(model.expected_orders(20)))


@pytest.mark.parametrize("model", MODELS, ids=named)
def test_discounted_orders_are_the_sum_of_many_short_times(model: Model) -> None:
    rate, step = 0.05, 0.5
    times = np.arange(0, 300, step)
    reached = np.array([model.conditional_expected_orders(t, 2, 20, 30)[0] for t in times])
    summed = (np.diff(reached) * np.exp(-rate * (times[:-1] + step / 2))).sum()
    assert model.discounted_orders(rate, 2, 20, 30)[0] == pytest.approx(summed, rel=1e-4)


@pytest.mark.parametrize("rate", [0.0027, 0.05, 1.0])
def test_discounted_orders_of_pareto_agree_with_the_closed_form(rate: float) -> None:
    # Fader, Hardie & Lee (2005), RFM and CLV, equation 5: Psi is Tricomi's confluent hypergeometric function
    r, alpha, s, beta, x, t_x, total = 0.553, 10.578, 0.606, 11.668, 7, 60.0, 77.86
    log = r * np.log(alpha) + s * np.log(beta) + (s - 1) * np.log(rate) + gammaln(r + x + 1) - gammaln(r)
    log -= (r + x + 1) * np.log(alpha + total) + PARETO.log_likelihood(x, t_x, total)[0]
    closed = np.exp(log) * hyperu(s, s, rate * (beta + total))
    assert PARETO.discounted_orders(rate, x, t_x, total)[0] == pytest.approx(closed, rel=1e-6)


def test_a_discount_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        CDNOW.discounted_orders(0, 2, 20, 30)


@pytest.mark.parametrize("model", MODELS, ids=named)
def test_expectations_are_the_means_of_drawn_customers(model: Model) -> None:
    x, t_x, total, later = drawn(model, 10_000, until=60, after=40, seed=3)
    for group in (x == 0, x == 1, (x > 1) & (t_x < total - 15), (x > 1) & (t_x >= total - 15)):
        expected = model.conditional_expected_orders(40, x[group], t_x[group], total[group])
        error = (later[group] - expected).std() / np.sqrt(group.sum())
        assert abs(later[group].mean() - expected.mean()) < 4 * error
    repeats, newcomers = x + later, model.expected_orders(total + 40)
    assert abs(repeats.mean() - newcomers.mean()) < 4 * repeats.std() / np.sqrt(len(x))
