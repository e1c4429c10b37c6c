"""Gamma-gamma: what a purchase of a customer is worth."""

from dataclasses import astuple, dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from retail_pipeline.analytics.btyd.summaries import Floats


@dataclass(frozen=True)
class Spends:
    """Customers by the number and the mean value of their purchases, equal ones counted together.

    Attributes
    ----------
    x
        Purchases, 1 at least.
    mean
        Their mean value, above 0.
    weights
        Customers that are so.
    """

    x: Floats
    mean: Floats
    weights: Floats

    @property
    def customers(self) -> float:
        """How many customers there are."""
        return float(self.weights.sum())

    def sample(self, customers: int) -> Self:
        """About so many customers, taken at even steps through all of them in their order."""
        reached = np.cumsum(self.weights)
        steps = (np.arange(customers) + 0.5) * (reached[-1] / customers)
        return self._taken(np.bincount(np.searchsorted(reached, steps, side="right"), minlength=len(self.x)))

    def resample(self, rng: np.random.Generator) -> Self:
        """As many customers, drawn from these with replacement."""
        return self._taken(rng.multinomial(round(self.customers), self.weights / self.weights.sum()))

    def _taken(self, picks: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> Self:
        taken = np.flatnonzero(picks)
        return type(self)(self.x[taken], self.mean[taken], picks[taken].astype(np.float64))


def spends(x: ArrayLike, mean: ArrayLike) -> Spends:
    """Sort customers, and count equal ones together; those without a purchase or without any value are left out."""
    rows = np.column_stack([np.asarray(x, dtype=np.float64).ravel(), np.asarray(mean, dtype=np.float64).ravel()])
    rows = rows[(rows[:, 0] > 0) & (rows[:, 1] > 0)]
    different, weights = np.unique(rows, axis=0, return_counts=True)
    return Spends(different[:, 0], different[:, 1], weights.astype(np.float64))


@dataclass(frozen=True)
class GammaGamma:
    """The gamma-gamma model of spend of Fader and Hardie.

    A customer's purchases are gamma (p, nu) in value, and nu differs between customers by a gamma distribution
    (q, gamma), however often they buy. The mean zbar of x purchases then has the density (equation 1a)

        Gamma(p x + q) / (Gamma(p x) Gamma(q)) * gamma^q zbar^(p x - 1) x^(p x) / (gamma + x zbar)^(p x + q).

    The paper's gamma is v here.

    References
    ----------
    Fader, P. S., Hardie, B. G. S. (2013), The Gamma-Gamma Model of Monetary Value.
    Fader, P. S., Hardie, B. G. S., Lee, K. L. (2005), RFM and CLV: Using Iso-Value Curves for Customer Base Analysis.
    Journal of Marketing Research 42(4), 415-430.

    Examples
    --------
    >>> model = GammaGamma(p=6.25, q=3.74, v=15.44)
    >>> round(float(model.expected_spend(0, 0)[0]), 2)  # of someone of whom nothing is known
    35.22
    """

    p: float
    q: float
    v: float

    @classmethod
    def letters(cls) -> tuple[str, ...]:
        """The parameters' names."""
        return ("p", "q", "v")

    @classmethod
    def starts(cls, data: Spends) -> list[tuple[float, ...]]:
        """Such that the mean is the observed one, for even and for uneven customers."""
        mean = float((data.weights * data.mean).sum()) / data.customers
        return [(p, q, mean * (q - 1) / p) for p, q in ((2.0, 3.0), (6.0, 6.0), (1.0, 1.5))]

    def scores(self, data: Spends) -> tuple[Floats, Floats]:
        """Each customer's log-likelihood, and its derivatives by the parameters' logarithms [parameters, customers]."""
        from scipy.special import digamma, gammaln

        p, q, v = astuple(self)
        x, mean = data.x, data.mean
        shape, sum_ = p * x, x * mean
        log_sum, log_all = np.log(sum_), np.log(v + sum_)
        each = (
            gammaln(shape + q) - gammaln(shape) - gammaln(q) + q * np.log(v) - np.log(mean) + shape * log_sum
            - (shape + q) * log_all
        )  # fmt: skip
        both = digamma(shape + q)
        by_p = x * (both - digamma(shape) + log_sum - log_all)
        by_q = both - digamma(q) + np.log(v) - log_all
        by_v = q / v - (shape + q) / (v + sum_)
        return each, np.array([p * by_p, q * by_q, v * by_v])

    def log_likelihood(self, x: ArrayLike, mean: ArrayLike) -> Floats:
        """The logarithm of the density of each customer's mean value."""
        counts, means = (np.atleast_1d(np.asarray(values, dtype=np.float64)) for values in (x, mean))
        return self.scores(Spends(counts, means, np.ones(len(counts))))[0]

    def expected_spend(self, x: ArrayLike, mean: ArrayLike) -> Floats:
        """E[M | x, zbar] = p (v + x zbar) / (p x + q - 1): the mean value of a customer's purchases.

        It lies between the customer's own mean and that of all, p v / (q-1), and is infinite for who has bought nothing
        if q is 1 or less.
        """
        counts, means = (np.atleast_1d(np.asarray(values, dtype=np.float64)) for values in (x, mean))
        shapes = self.p * counts + self.q - 1
        with np.errstate(divide="ignore"):
            return np.where(shapes > 0, self.p * (self.v + counts * means) / np.maximum(shapes, 1e-300), np.inf)
