"""What each customer will bring in a time to come: expected orders and value, and a range for the value.

Expectations are those of the models. The range comes from drawn futures: whether the customer still is one, the rate,
when it ends, how many orders, their values. All customers share the random numbers of a draw, so that one customer's
range does not depend on who else there is.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retail_pipeline.analytics.btyd.beta_geometric import BetaGeometric
from retail_pipeline.analytics.btyd.gamma_gamma import GammaGamma
from retail_pipeline.analytics.btyd.pareto_nbd import ParetoNbd
from retail_pipeline.analytics.btyd.summaries import Floats, Integers

OrderModel = BetaGeometric | ParetoNbd
DRAWS = 400
LEVEL = 0.95
CUSTOMERS_AT_ONCE = 2_048
SEED = 20_050_501


@dataclass(frozen=True)
class Histories:
    """Customers, a value each: x, t_x and T as the order model has them, and the mean value of the x repeat orders."""

    x: Integers
    t_x: Floats
    T: Floats
    mean: Floats

    def part(self, of: slice) -> "Histories":
        """Some of them."""
        return Histories(self.x[of], self.t_x[of], self.T[of], self.mean[of])

    @property
    def valued(self) -> Floats:
        """Repeat orders of which the value tells something: none where it is nothing."""
        return np.where(self.mean > 0, self.x, 0).astype(np.float64)


@dataclass(frozen=True)
class Outlook:
    """For each customer what a time brings; values are unknown (not a number) without a model of spend.

    Attributes
    ----------
    p_alive
        Probability that the customer still is one.
    orders, value
        Expected in the time.
    lower, upper
        The value lies between them with a probability of 95 %.
    """

    p_alive: Floats
    orders: Floats
    value: Floats
    lower: Floats
    upper: Floats


def outlook(
    model: OrderModel, spend: GammaGamma | None, customers: Histories, t: float, *, ranges: bool = True
) -> Outlook:
    """What each customer brings within a time t after T; without ``ranges``, these are left unknown.

    Customers alike in x, t_x and T are worked out once. Between them, ranges differ by a factor alone: the scale
    v + x zbar of the gamma distribution of what an order is worth.
    """
    first, place = _different(customers)
    kinds = Histories(customers.x[first], customers.t_x[first], customers.T[first], customers.mean[first])
    alive = model.p_alive(kinds.x, kinds.t_x, kinds.T)
    orders = model.conditional_expected_orders(t, kinds.x, kinds.t_x, kinds.T)[place]
    unknown = np.full(len(place), np.nan)
    if spend is None:
        return Outlook(alive[place], orders, unknown, unknown, unknown)
    each = spend.expected_spend(customers.valued, customers.mean)
    value = np.where(np.isfinite(each), orders * each, np.nan)
    if not ranges:
        return Outlook(alive[place], orders, value, unknown, unknown)
    futures = _Futures(model, spend, kinds, t)
    parts = [slice(start, start + CUSTOMERS_AT_ONCE) for start in range(0, len(alive), CUSTOMERS_AT_ONCE)]
    ends = [np.empty((2, 0)), *(futures.ends(kinds.part(of), alive[of]) for of in parts)]
    lower, upper = np.concatenate(ends, axis=1)[:, place] * (spend.v + customers.valued * customers.mean)
    return Outlook(alive[place], orders, value, lower, upper)


def _different(customers: Histories) -> tuple[Integers, Integers]:
    """One customer of each kind by x, by whether the orders were worth anything, t_x and T, and each one's kind."""
    kinds = np.column_stack([customers.x, customers.mean > 0, customers.t_x, customers.T])
    order = np.lexsort(kinds.T)
    is_new = np.ones(len(order), dtype=np.bool_)
    is_new[1:] = (kinds[order][1:] != kinds[order][:-1]).any(axis=1)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.cumsum(is_new) - 1
    return order[is_new], place


def residual_value(
    model: OrderModel, spend: GammaGamma, customers: Histories, *, yearly_discount: float, year: float
) -> Floats:
    """What each customer brings in all time after T, in today's money.

    Parameters
    ----------
    yearly_discount
        0.15 if what comes in a year is worth 1 / 1.15 of it.
    year
        How many units of time a year has.
    """
    rate = np.log1p(yearly_discount) / year
    each = spend.expected_spend(customers.valued, customers.mean)
    return np.asarray(model.discounted_orders(rate, customers.x, customers.t_x, customers.T) * each)


class _Futures:
    """Drawn futures, as tables by the number of orders."""

    def __init__(self, model: OrderModel, spend: GammaGamma, customers: Histories, t: float) -> None:
        from scipy.special import gammaincinv

        rng = np.random.default_rng(SEED)
        self._model, self._t = model, t
        self._alive, rate, leave, last, price = (_even(rng) for _ in range(5))
        numbers, places = np.unique(customers.x, return_inverse=True)
        self._numbers = numbers.astype(np.float64)
        self._rates = gammaincinv(model.r + self._numbers, rate[:, None])
        self._stays = self._last_orders(leave[:, None], last[:, None])
        self._valued = np.unique(np.concatenate([[0.0], self._numbers]))
        self._prices = np.maximum(gammaincinv(spend.q + spend.p * self._valued, price[:, None]), 1e-300)
        highest = self._rates.max(axis=0)[places.ravel()] / (model.alpha + customers.T)
        fastest = t * highest.max(initial=0.0)
        most = int(fastest + 10 * np.sqrt(fastest) + 20)
        # order by order for all draws, so that the first ones are the same however many there are
        gaps = np.random.default_rng([SEED, 1]).standard_exponential((most, DRAWS))
        self._moments = np.ascontiguousarray(gaps.cumsum(axis=0).T)
        sums = np.random.default_rng([SEED, 2]).gamma(spend.p, size=(most, DRAWS)).cumsum(axis=0)
        self._sums = np.concatenate([np.zeros((DRAWS, 1)), sums.T], axis=1)

    def _last_orders(self, leave: Floats, last: Floats) -> Floats:
        """By draw and x: the order with which a customer leaves, or by Pareto/NBD the time of leaving by (beta+T)."""
        from scipy.special import betaincinv, gammaincinv

        if isinstance(self._model, ParetoNbd):
            rates = np.maximum(gammaincinv(self._model.s, leave), 1e-300)
            return np.asarray(np.broadcast_to(-np.log(last) / rates, (DRAWS, len(self._numbers))))
        stays = self._model.b + self._numbers + self._model.c
        leaves = np.clip(betaincinv(self._model.a, stays, leave), 1e-300, 1 - 1e-16)
        return np.asarray(np.ceil(np.log(last) / np.log1p(-leaves)))

    def ends(self, customers: Histories, alive: Floats) -> Floats:
        """Lower and upper end of the range of each customer's value, by v + x zbar [2, customers]."""
        model, valued = self._model, customers.valued
        places = np.searchsorted(self._numbers, customers.x)
        rates = self._rates[:, places] / (model.alpha + customers.T)
        orders = self._orders(rates, self._stays[:, places], customers.T)
        orders[self._alive[:, None] >= alive] = 0
        prices = self._prices[:, np.searchsorted(self._valued, valued)]
        values = np.ascontiguousarray((np.take_along_axis(self._sums, orders, axis=1) / prices).T)
        tail = int((1 - LEVEL) / 2 * DRAWS)
        values.partition([tail, DRAWS - 1 - tail], axis=1)
        return np.asarray(values[:, [tail, DRAWS - 1 - tail]].T)

    def _orders(self, rates: Floats, stays: Floats, T: Floats) -> NDArray[np.int64]:  # noqa: N803
        """Orders of those who are still customers [draws, customers]."""
        is_pareto = isinstance(self._model, ParetoNbd)
        times = np.minimum(self._t, stays * (self._model.beta + T)) if isinstance(self._model, ParetoNbd) else self._t
        reached = rates * times
        orders = np.array([np.searchsorted(self._moments[draw], reached[draw]) for draw in range(DRAWS)])
        return orders if is_pareto else np.minimum(orders, stays).astype(np.int64)


def _even(rng: np.random.Generator) -> Floats:
    """A number in each of equal parts of (0, 1), in any order."""
    return (rng.permutation(DRAWS) + rng.uniform(1e-9, 1, DRAWS)) / DRAWS
