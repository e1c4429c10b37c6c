"""Whether customers order within a span of time to come, by the models of how often they do."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from retail_pipeline.analytics.btyd.beta_geometric import BetaGeometric, as_customers
from retail_pipeline.analytics.btyd.pareto_nbd import ParetoNbd
from retail_pipeline.analytics.btyd.quadrature import beta_nodes
from retail_pipeline.analytics.btyd.summaries import Floats

NODES = 32
"""Values of equal probability that stand for a gamma distribution where no closed form is there."""


def active_probability(
    model: BetaGeometric | ParetoNbd,
    x: ArrayLike,
    t_x: ArrayLike,
    T: ArrayLike,  # noqa: N803
    spans: Sequence[tuple[float, float]],
) -> Floats:
    """Probability of an order between two times after T, for each pair of them and customer [spans, customers].

    Given its rate l and probability to leave p, a customer of BG/NBD who is one at T still is at ``start`` with the
    probability exp(-l p start), for leaving is a thinned Poisson process, and then orders with 1 - exp(-l (end-start)).
    Over l, gamma (r+x, alpha+T), that is a difference of two powers; over p, beta (a, b+x), a quadrature.
    """
    counts, last, observed = as_customers(x, t_x, T)
    alive = model.p_alive(counts, last, observed)
    pairs, where = np.unique(np.column_stack([counts, observed]), axis=0, return_inverse=True)
    found = np.empty((len(spans), len(pairs)))
    for number in np.unique(pairs[:, 0]):
        rows = pairs[:, 0] == number
        for place, (start, end) in enumerate(spans):
            if isinstance(model, ParetoNbd):
                found[place, rows] = _pareto(model, number, pairs[rows, 1], start, end - start)
            else:
                found[place, rows] = _geometric(model, number, pairs[rows, 1], start, end - start)
    return np.asarray(alive * found[:, where.ravel()])


def _geometric(model: BetaGeometric, x: float, observed: Floats, start: float, span: float) -> Floats:
    chances, weights = beta_nodes(model.a, model.b + x + model.c)
    shape, rate = model.r + x, (model.alpha + observed)[:, None]
    stays = np.exp(-shape * np.log1p(chances * start / rate))
    silent = np.exp(-shape * np.log1p((chances * start + span) / rate))
    return np.asarray((stays - silent) @ weights)


def _pareto(model: ParetoNbd, x: float, observed: Floats, start: float, span: float) -> Floats:
    """The mean over rates of ordering and of leaving, each at values of equal probability."""
    from scipy.special import gammaincinv

    even = (np.arange(NODES) + 0.5) / NODES
    orders = gammaincinv(model.r + x, even)[:, None] / (model.alpha + observed)[:, None, None]
    leaves = gammaincinv(model.s, even)[None, :] / (model.beta + observed)[:, None, None]
    both = orders + leaves
    chance = np.exp(-leaves * start) * orders / both * -np.expm1(-both * span)
    return np.asarray(chance.mean(axis=(1, 2)))
