"""The probability of an order in a span to come, against drawn futures."""

import numpy as np
import pytest

from retail_pipeline.analytics.btyd.active import active_probability
from retail_pipeline.analytics.btyd.bg_nbd import BgNbd
from retail_pipeline.analytics.btyd.mbg_nbd import MbgNbd
from retail_pipeline.analytics.btyd.pareto_nbd import ParetoNbd

SPANS = [(0.0, 30.0), (30.0, 61.0), (61.0, 90.0)]


@pytest.mark.parametrize("model", [BgNbd(0.6, 20.0, 0.8, 3.0), MbgNbd(0.6, 20.0, 0.8, 3.0)])
def test_bg_nbd_customers_are_active_as_often_as_when_drawn(model: BgNbd | MbgNbd) -> None:
    x, t_x, total, draws = 4, 50.0, 60.0, 200_000
    rng = np.random.default_rng(1)
    rate = rng.gamma(model.r + x, 1 / (model.alpha + total), draws)
    leave = rng.beta(model.a, model.b + x + model.c, draws)
    is_customer = rng.random(draws) < model.p_alive(x, t_x, total)[0]
    active = np.zeros((3, draws), dtype=bool)
    moment = np.zeros(draws)
    while is_customer.any():
        moment += rng.exponential(1 / rate)
        for place, (start, end) in enumerate(SPANS):
            active[place] |= is_customer & (moment > start) & (moment <= end)
        is_customer &= (moment < SPANS[-1][1]) & (rng.random(draws) >= leave)
    found = active_probability(model, x, t_x, total, SPANS)[:, 0]
    assert found == pytest.approx(active.mean(axis=1), abs=0.004)


def test_pareto_nbd_customers_are_active_as_often_as_when_drawn() -> None:
    model = ParetoNbd(0.6, 20.0, 0.7, 40.0)
    x, t_x, total, draws = 4, 50.0, 60.0, 200_000
    rng = np.random.default_rng(2)
    rate = rng.gamma(model.r + x, 1 / (model.alpha + total), draws)
    until = rng.exponential(1 / rng.gamma(model.s, 1 / (model.beta + total), draws))
    is_customer = rng.random(draws) < model.p_alive(x, t_x, total)[0]
    expected = []
    for start, end in SPANS:
        while_customer = np.clip(np.minimum(end, until) - start, 0, None) * is_customer
        expected.append(float((rng.random(draws) < -np.expm1(-rate * while_customer)).mean()))
    assert active_probability(model, x, t_x, total, SPANS)[:, 0] == pytest.approx(expected, abs=0.006)


def test_equal_customers_are_alike_and_spans_of_no_length_hold_no_order() -> None:
    model = BgNbd(0.6, 20.0, 0.8, 3.0)
    found = active_probability(model, [2, 0, 2], [30.0, 0.0, 30.0], [60.0, 10.0, 60.0], [(0.0, 30.0), (5.0, 5.0)])
    assert found[0, 0] == found[0, 2]
    assert (found[1] == 0).all()
    assert ((found >= 0) & (found <= 1)).all()
