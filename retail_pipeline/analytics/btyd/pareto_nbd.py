"""Pareto/NBD: customers buy at a rate of their own for a lifetime of their own."""

from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields

import numpy as np
from numpy.typing import ArrayLike

from retail_pipeline.analytics.btyd.beta_geometric import as_customers, rough_rate
from retail_pipeline.analytics.btyd.quadrature import LEAST_WEIGHT, discounted, legendre_nodes
from retail_pipeline.analytics.btyd.summaries import Floats, Summaries, by_count

ROWS_AT_ONCE = 4_096
"""Customers whose integrals are taken together: so many fit a processor's cache."""


@dataclass(frozen=True)
class ParetoNbd:
    """The Pareto/NBD model of Schmittlein, Morrison and Colombo.

    A customer buys at random with a rate lambda, gamma (r, alpha), for a lifetime that is exponential with a rate mu,
    gamma (s, beta). The likelihood is

        L = Gamma(r+x) alpha^r beta^s / Gamma(r) * [(alpha+T)^-(r+x) (beta+T)^-s + s I],
        I = integral from t_x to T of (alpha+tau)^-(r+x) (beta+tau)^-(s+1) dtau,

    the first term for a customer who is still one at T, the second for one who left at some tau before. The papers
    write I by two Gaussian hypergeometric functions, whose difference loses its digits where t_x is near T or x is
    large; here it is taken by Gauss-Legendre quadrature of its positive integrand, which also gives the gradient.

    Attributes
    ----------
    r, alpha
        Shape and rate of the gamma distribution of purchase rates.
    s, beta
        Shape and rate of the gamma distribution of the rates of leaving.

    References
    ----------
    Schmittlein, D. C., Morrison, D. G., Colombo, R. (1987), Counting Your Customers: Who Are They and What Will They Do
    Next? Management Science 33(1), 1-24.
    Fader, P. S., Hardie, B. G. S. (2005), A Note on Deriving the Pareto/NBD Model and Related Expressions.
    """

    r: float
    alpha: float
    s: float
    beta: float

    @classmethod
    def letters(cls) -> tuple[str, ...]:
        """The parameters' names in the paper."""
        return tuple(field.name for field in fields(cls))

    @classmethod
    def starts(cls, data: Summaries) -> list[tuple[float, ...]]:
        """Rates as observed, with lifetimes about as long as the observation or much longer."""
        rate, span = rough_rate(data), max(float((data.weights * data.T).sum()) / data.customers, 1.0)
        shapes = ((0.5, 0.5, 0.5), (1.0, 1.0, 4.0))
        return [(r, r / rate, s, times * span) for r, s, times in shapes]

    def log_likelihood(self, x: ArrayLike, t_x: ArrayLike, T: ArrayLike) -> Floats:  # noqa: N803
        """The logarithm of each customer's likelihood."""
        counts, last, observed = as_customers(x, t_x, T)
        return self.scores(Summaries(counts, last, observed, np.ones(len(counts))))[0]

    def scores(self, data: Summaries) -> tuple[Floats, Floats]:
        """Each customer's log-likelihood, and its derivatives by the parameters' logarithms [parameters, customers]."""
        from scipy.special import digamma, gammaln

        r, alpha, s, beta = astuple(self)
        x, until = data.x, data.T
        log_left, means = self._left(data)
        log_alpha, log_beta = np.log(alpha + until), np.log(beta + until)
        alive = -(r + x) * log_alpha - s * log_beta
        either = np.logaddexp(alive, log_left)
        left = np.exp(log_left - either)
        stayed = 1 - left
        constants = by_count(lambda n: gammaln(r + n) - gammaln(r), x)
        each = either + constants + r * np.log(alpha) + s * np.log(beta)
        by_r = by_count(lambda n: digamma(r + n) - digamma(r), x) + np.log(alpha) - stayed * log_alpha - left * means[0]
        by_alpha = r / alpha - (r + x) * (stayed / (alpha + until) + left * means[1])
        by_s = np.log(beta) - stayed * log_beta + left * (1 / s - means[2])
        by_beta = s / beta - stayed * s / (beta + until) - left * (s + 1) * means[3]
        return each, np.array([r * by_r, alpha * by_alpha, s * by_s, beta * by_beta])

    def p_alive(self, x: ArrayLike, t_x: ArrayLike, T: ArrayLike) -> Floats:  # noqa: N803
        """The probability that a customer is still one at T: the first term of the likelihood over both."""
        counts, last, observed = as_customers(x, t_x, T)
        log_left, _ = self._left(Summaries(counts, last, observed, np.ones(len(counts))))
        alive = -(self.r + counts) * np.log(self.alpha + observed) - self.s * np.log(self.beta + observed)
        return np.asarray(1 / (1 + np.exp(np.minimum(log_left - alive, 700))))

    def expected_orders(self, t: ArrayLike) -> Floats:
        """E[X(t)] = r beta / (alpha (s-1)) [1 - (beta/(beta+t))^(s-1)]: repeat purchases of a new customer within t."""
        times = np.asarray(t, dtype=np.float64)
        return np.asarray(self.r / self.alpha * self._time_as_customer(times, np.full(times.shape, self.beta)))

    def conditional_expected_orders(self, t: float, x: ArrayLike, t_x: ArrayLike, T: ArrayLike) -> Floats:  # noqa: N803
        """E[Y(t) | x, t_x, T]: purchases of a customer within t after T.

        It is P(alive) (r+x) (beta+T) / ((alpha+T) (s-1)) [1 - ((beta+T)/(beta+T+t))^(s-1)] (Fader & Hardie 2005,
        equation 41).
        """
        counts, last, observed = as_customers(x, t_x, T)
        rate = (self.r + counts) / (self.alpha + observed)
        time = self._time_as_customer(np.full(len(counts), float(t)), self.beta + observed)
        return np.asarray(self.p_alive(counts, last, observed) * rate * time)

    def discounted_orders(self, rate: float, x: ArrayLike, t_x: ArrayLike, T: ArrayLike) -> Floats:  # noqa: N803
        """All purchases after T, each worth exp(-rate * time from T); ``rate`` is by unit of time, above 0.

        What Fader, Hardie & Lee (2005, RFM and CLV, equation 5) call discounted expected residual transactions.
        """
        counts, last, observed = as_customers(x, t_x, T)
        until, where = np.unique(observed, return_inverse=True)
        scale = min(self.beta, 1 / rate)
        time = discounted(lambda times: self._time_as_customer(times[:, None], self.beta + until[None, :]), rate, scale)
        alive = self.p_alive(counts, last, observed)
        return np.asarray(alive * (self.r + counts) / (self.alpha + observed) * time[where.ravel()])

    def _time_as_customer(self, t: Floats, beta: Floats) -> Floats:
        """Expected time as a customer within t, where rates of leaving are gamma (s, beta).

        It is beta / (s-1) [1 - (beta/(beta+t))^(s-1)], written so that s = 1 is no exception.
        """
        from scipy.special import exprel

        log = np.log1p(t / beta)
        return np.asarray(beta * log * exprel(-(self.s - 1) * log))

    def _left(self, data: Summaries) -> tuple[Floats, Floats]:
        """ln(s I), and the means of ln(alpha+tau), 1/(alpha+tau), ln(beta+tau), 1/(beta+tau) over its integrand."""
        found = [self._left_of(*part) for part in _parts(data)]
        if not found:
            return np.empty(0), np.empty((4, 0))
        return np.concatenate([part for part, _ in found]), np.concatenate([means for _, means in found], axis=1)

    def _left_of(self, x: Floats, t_x: Floats, T: Floats) -> tuple[Floats, Floats]:  # noqa: N803
        """The same for a few customers.

        With kappa the smaller and K the larger of alpha and beta, h the exponent of K, and m = r+s+x, the integral over
        l = ln((kappa+tau) / (kappa+t_x)) is

            I = (kappa+t_x)^-m * integral of exp(-m l) q^h dl, q = (kappa+tau) / (K+tau),

        which bends evenly, and is cut off where nothing is left of it.
        """
        r, alpha, s, beta = astuple(self)
        m = r + s + x
        small, large = min(alpha, beta), max(alpha, beta)
        h = np.full(len(x), s + 1) if alpha <= beta else r + x
        begin = small + t_x
        longest = np.log((small + T) / begin)
        fall = m - h * (1 - begin / (large + t_x))  # rate of decay at t_x, from which on it grows if it is positive
        with np.errstate(divide="ignore"):
            longest = np.where(fall > 0, np.minimum(longest, LEAST_WEIGHT / np.abs(fall)), longest)
        places, weights = legendre_nodes()
        steps = longest[:, None] * places
        near = begin[:, None] * np.exp(steps)
        log_near, far = np.log(begin)[:, None] + steps, near + (large - small)
        log_far = np.log(far)
        height = h[:, None] * (log_near - log_far) - m[:, None] * log_near
        top = height.max(axis=1, keepdims=True)
        mass = weights * np.exp(height - top)
        total = mass.sum(axis=1)
        with np.errstate(divide="ignore"):
            log_left = np.log(s * longest * total) + top[:, 0]
        mass /= total[:, None]
        of_near = [np.einsum("ij,ij->i", mass, log_near), (mass / near).sum(axis=1)]
        of_far = [np.einsum("ij,ij->i", mass, log_far), (mass / far).sum(axis=1)]
        return log_left, np.array(of_near + of_far if alpha <= beta else of_far + of_near)


def _parts(data: Summaries) -> Iterator[tuple[Floats, Floats, Floats]]:
    """x, t_x and T of so many customers at a time."""
    for start in range(0, len(data), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        yield data.x[part].astype(np.float64), data.t_x[part], data.T[part]
