"""What BG/NBD and MBG/NBD share: gamma purchase rates, and a beta probability to leave after a purchase.

The two differ in one thing: whether a customer may leave right after the first purchase already. In the formulas that
adds one to the purchases after which a customer stayed, so with c = 0 (BG/NBD) or 1 (MBG/NBD) the likelihood is

    L = Gamma(r+x) alpha^r / Gamma(r) * B(a, b+x+c) / B(a, b)
        * [(alpha+T)^-(r+x) + (x > 0 or c = 1) * a / (b+x+c-1) * (alpha+t_x)^-(r+x)],

the first term in brackets for a customer who is still one, the second for one who left at t_x.
"""

from dataclasses import astuple, dataclass, fields
from itertools import pairwise
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from retail_pipeline.analytics.btyd.quadrature import beta_nodes, discounted
from retail_pipeline.analytics.btyd.summaries import Floats, Integers, Summaries, by_count


@dataclass(frozen=True)
class BetaGeometric:
    """A model of the family by its parameters.

    Attributes
    ----------
    r, alpha
        Shape and rate of the gamma distribution of purchase rates.
    a, b
        Shapes of the beta distribution of the probability to leave after a purchase.
    """

    r: float
    alpha: float
    a: float
    b: float

    c: ClassVar[int]
    """1 if a customer may leave after the first purchase, else 0."""

    @classmethod
    def letters(cls) -> tuple[str, ...]:
        """The parameters' names in the paper."""
        return tuple(field.name for field in fields(cls))

    @classmethod
    def starts(cls, data: Summaries) -> list[tuple[float, ...]]:
        """Rates as observed, with few or many leavers."""
        rate = rough_rate(data)
        shapes = ((0.5, 0.8, 3.0), (0.25, 0.3, 1.5), (1.5, 1.0, 10.0))
        return [(r, r / rate, a, b) for r, a, b in shapes]

    def log_likelihood(self, x: ArrayLike, t_x: ArrayLike, T: ArrayLike) -> Floats:  # noqa: N803
        """The logarithm of each customer's likelihood."""
        counts, last, observed = as_customers(x, t_x, T)
        one = np.ones(len(counts))
        return self.scores(Summaries(counts, last, observed, one))[0]

    def scores(self, data: Summaries) -> tuple[Floats, Floats]:
        """Each customer's log-likelihood, and its derivatives by the parameters' logarithms [parameters, customers]."""
        from scipy.special import digamma, gammaln

        r, alpha, a, b = astuple(self)
        x, stays = data.x, b + self.c
        log_t, log_last = np.log(alpha + data.T), np.log(alpha + data.t_x)
        alive, gone = -(r + x) * log_t, self._log_odds(x) - (r + x) * log_last
        either = np.logaddexp(alive, gone)
        left = np.exp(gone - either)  # the probability of having left
        stayed = 1 - left
        each = either + r * np.log(alpha) + by_count(
            lambda n: gammaln(r + n) - gammaln(r) + gammaln(a + b) - gammaln(b) + gammaln(stays + n)
            - gammaln(a + stays + n),
            x,
        )  # fmt: skip
        all_shapes = by_count(lambda n: digamma(a + b) - digamma(a + stays + n), x)
        by_r = by_count(lambda n: digamma(r + n) - digamma(r), x) + np.log(alpha) - stayed * log_t - left * log_last
        by_alpha = r / alpha - (r + x) * (stayed / (alpha + data.T) + left / (alpha + data.t_x))
        by_a = all_shapes + left / a
        by_b = all_shapes + by_count(lambda n: digamma(stays + n) - digamma(b), x)
        by_b = by_b - np.divide(left, stays + x - 1, out=np.zeros(len(x)), where=left > 0)
        return each, np.array([r * by_r, alpha * by_alpha, a * by_a, b * by_b])

    def p_alive(self, x: ArrayLike, t_x: ArrayLike, T: ArrayLike) -> Floats:  # noqa: N803
        """The probability that a customer is still one at T, 1 / (1 + a/(b+x+c-1) ((alpha+T)/(alpha+t_x))^(r+x))."""
        counts, last, observed = as_customers(x, t_x, T)
        odds = self._log_odds(counts) + (self.r + counts) * np.log((self.alpha + observed) / (self.alpha + last))
        return np.asarray(1 / (1 + np.exp(np.minimum(odds, 700.0))))

    def expected_orders(self, t: ArrayLike) -> Floats:
        """E[X(t)]: repeat purchases of a new customer within t."""
        r, alpha, a, b = astuple(self)
        stays = b / (a + b) if self.c else 1.0
        times = np.asarray(t, dtype=np.float64)
        return np.asarray(stays * _orders_while_alive(r, np.full(times.shape, alpha), a, b + self.c, times))

    def conditional_expected_orders(self, t: float, x: ArrayLike, t_x: ArrayLike, T: ArrayLike) -> Floats:  # noqa: N803
        """E[Y(t) | x, t_x, T]: purchases of a customer within t after T."""
        counts, last, observed = as_customers(x, t_x, T)
        if_alive = self._orders_if_alive(np.array([float(t)]), counts, observed)[0]
        return np.asarray(self.p_alive(counts, last, observed) * if_alive)

    def discounted_orders(self, rate: float, x: ArrayLike, t_x: ArrayLike, T: ArrayLike) -> Floats:  # noqa: N803
        """All purchases after T, each worth exp(-rate * time from T); ``rate`` is by unit of time, above 0."""
        counts, last, observed = as_customers(x, t_x, T)
        alive = self.p_alive(counts, last, observed)
        later = discounted(lambda times: self._orders_if_alive(times, counts, observed), rate, self.alpha)
        return np.asarray(alive * later)

    def _log_odds(self, x: Integers) -> Floats:
        """ln(a / (b+x+c-1)), minus infinity for one who cannot have left."""

        def odds(n: Floats) -> Floats:
            with np.errstate(invalid="ignore", divide="ignore"):
                known = np.log(self.a) - np.log(self.b + n + self.c - 1)
            return np.where(n + self.c > 0, known, -np.inf)

        return by_count(odds, x)

    def _orders_if_alive(self, times: Floats, x: Integers, T: Floats) -> Floats:  # noqa: N803
        """Purchases within each of the times after T of those who are still customers [times, customers].

        Of these the rates are gamma (r+x, alpha+T) and the probabilities to leave beta (a, b+x+c): it depends on x and
        T alone, and is worked out once for each two that there are.
        """
        pairs, where = np.unique(np.column_stack([x, T]), axis=0, return_inverse=True)
        found = np.empty((len(times), len(pairs)))
        bounds = np.flatnonzero(np.diff(pairs[:, 0], prepend=-1, append=-1))
        for first, end in pairwise(bounds):
            n = float(pairs[first, 0])
            alphas = self.alpha + pairs[first:end, 1]
            found[:, first:end] = _orders_while_alive(
                self.r + n, alphas[None, :], self.a, self.b + n + self.c, times[:, None]
            )
        return found[:, where.ravel()]


def _orders_while_alive(r: float, alpha: Floats, a: float, b: float, t: Floats) -> Floats:
    """Purchases within t of customers with rates gamma (r, alpha) and probabilities to leave beta (a, b).

    With the probability p it is (1 - (alpha / (alpha+p t))^r) / p, whose mean over p is taken by Gauss-Jacobi
    quadrature. In closed form it is (a+b-1)/(a-1) [1 - (alpha/(alpha+t))^r 2F1(r, b; a+b-1; t/(alpha+t))] (Fader,
    Hardie & Lee 2005, equation 9), which says nothing at a = 1 and loses its digits near it and for many purchases.
    """
    total = np.zeros(np.broadcast_shapes(alpha.shape, t.shape))
    nodes, weights = beta_nodes(a, b)
    for place in range(len(nodes)):
        p, weight = float(nodes[place]), float(weights[place])
        total += weight * -np.expm1(-r * np.log1p(p * t / alpha)) / p
    return total


def rough_rate(data: Summaries) -> float:
    """Purchases by customer and time, as if nobody left."""
    return max(float((data.weights * data.x).sum()), 0.5) / max(float((data.weights * data.T).sum()), 1.0)


def as_customers(x: ArrayLike, t_x: ArrayLike, T: ArrayLike) -> tuple[Integers, Floats, Floats]:  # noqa: N803
    """The three as arrays of one length."""
    counts, last, observed = np.broadcast_arrays(np.atleast_1d(x), t_x, T)
    return counts.astype(np.int64), last.astype(np.float64), observed.astype(np.float64)
