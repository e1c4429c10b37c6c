"""Customers drawn from the models themselves, purchase by purchase."""

from collections.abc import Callable

import numpy as np

from retail_pipeline.analytics.btyd.bg_nbd import BgNbd
from retail_pipeline.analytics.btyd.mbg_nbd import MbgNbd
from retail_pipeline.analytics.btyd.pareto_nbd import ParetoNbd
from retail_pipeline.analytics.btyd.summaries import Floats

Customers = tuple[Floats, Floats, Floats, Floats]
"""x, t_x and T, and the purchases in a time after T."""


def drawn(model: BgNbd | MbgNbd | ParetoNbd, customers: int, *, until: float, after: float, seed: int) -> Customers:
    """So many customers, who came evenly over the first half of the time."""
    rng = np.random.default_rng(seed)
    total = until - rng.integers(0, int(until / 2), customers).astype(np.float64)
    rates = rng.gamma(model.r, 1 / model.alpha, customers)
    leaves = _lifetimes(model, rng, customers)
    found = [_history(rng, rate, leave, end, after) for rate, leave, end in zip(rates, leaves, total, strict=True)]
    x, t_x, later = (np.array(column, dtype=np.float64) for column in zip(*found, strict=True))
    return x, t_x, total, later


Leaves = Callable[[int, float], bool]
"""Whether a customer is gone after so many purchases, at a time."""


def _lifetimes(model: BgNbd | MbgNbd | ParetoNbd, rng: np.random.Generator, customers: int) -> list[Leaves]:
    if isinstance(model, ParetoNbd):
        ends = rng.exponential(1 / rng.gamma(model.s, 1 / model.beta, customers))
        return [lambda _, time, end=end: time > end for end in ends]
    # the purchase after which a customer leaves, counted from the first one that may be the last
    last = rng.geometric(np.maximum(rng.beta(model.a, model.b, customers), 1e-12))
    return [lambda number, _, last=one - model.c: number >= last for one in last]


def _history(rng: np.random.Generator, rate: float, leaves: Leaves, end: float, after: float) -> tuple[int, float, int]:
    time, number, x, t_x = 0.0, 0, 0, 0.0
    while not leaves(number, time):
        time += rng.exponential(1 / max(rate, 1e-12))
        if time > end + after or leaves(-1, time):
            break
        number += 1
        if time <= end:
            x, t_x = number, time
    return x, t_x, number - x
