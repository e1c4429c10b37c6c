"""Maximum likelihood: the parameters under which the customers there are would be likeliest, and how sure they are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from retail_pipeline.analytics.btyd.summaries import Floats

SAMPLE = 20_000
"""Customers on whom the starts are tried where there are more; the best start is then finished on all."""
LOG_LIMIT = 11.5
"""Parameters stay between exp(-this) and exp(this)."""
NEAR_LIMIT = 0.01
CONVERGED = 0.01
"""Converged when Newton's next step would raise the log-likelihood of all customers by no more than this."""
STEP = 1e-4
"""Of the logarithms, for second derivatives as differences of first ones."""
NORMAL_QUANTILE = 1.959963984540054
"""The 97.5 % quantile of the normal distribution, for intervals of 95 %."""

Objective = Callable[[Floats], tuple[float, Floats]]


class Data(Protocol):
    """What a model is fitted to: different customers with weights."""

    @property
    def weights(self) -> Floats: ...

    @property
    def customers(self) -> float: ...

    def sample(self, customers: int) -> Self: ...

    def resample(self, rng: np.random.Generator) -> Self: ...


D_contra = TypeVar("D_contra", bound=Data, contravariant=True)


class Model(Protocol[D_contra]):
    """A model by its parameters, all positive."""

    def __init__(self, *parameters: float) -> None: ...

    def scores(self, data: D_contra) -> tuple[Floats, Floats]:
        """Each customer's log-likelihood, and its derivatives by the parameters' logarithms [parameters, customers]."""
        ...

    @classmethod
    def letters(cls) -> tuple[str, ...]:
        """The parameters' names in the paper."""
        ...

    @classmethod
    def starts(cls, data: D_contra) -> list[tuple[float, ...]]:
        """Parameters from which to search."""
        ...


M = TypeVar("M", bound=Model)  # type: ignore[type-arg]


@dataclass(frozen=True)
class Fit(Generic[M]):
    """A fitted model.

    Attributes
    ----------
    model
        With the likeliest parameters.
    values
        These parameters, in the order of the model's letters.
    covariance
        Of their logarithms, by the second derivatives of the log-likelihood; not a number where those show no peak, and
        for a parameter at a limit, which the others take as given.
    log_likelihood
        Of all customers, constants that no parameter changes left out as in the papers.
    customers
        On whom it was fitted.
    converged
        Whether no better parameters are near.
    """

    model: M
    values: Floats
    covariance: Floats
    log_likelihood: float
    customers: float
    converged: bool

    @property
    def std_errors(self) -> Floats:
        """Standard errors of the parameters (delta method), not a number where unknown."""
        return np.asarray(self.values * np.sqrt(np.diag(self.covariance)))

    @property
    def intervals(self) -> tuple[Floats, Floats]:
        """Ends of 95 % intervals, normal on the scale of logarithms, so that they are positive."""
        width = np.minimum(NORMAL_QUANTILE * np.sqrt(np.diag(self.covariance)), 2 * LOG_LIMIT)
        return np.asarray(self.values * np.exp(-width)), np.asarray(self.values * np.exp(width))


def fit(model: type[M], data: Data, starts: Sequence[tuple[float, ...]] | None = None) -> Fit[M]:
    """The likeliest parameters of a model.

    The starts are climbed from by L-BFGS-B on the logarithms of the parameters, on a systematic sample where there are
    many customers; from the best place, BFGS with the sample's second derivatives as its metric goes on with all.

    Parameters
    ----------
    data
        Different customers with their weights; the sum of weights is the number of customers.
    starts
        Parameters from which to search; the model's own if not given.

    Raises
    ------
    ValueError
        without customers.
    """
    import scipy.optimize  # noqa: F401  (its threads are bounded only once they are there)
    from threadpoolctl import threadpool_limits

    if not data.customers:
        raise ValueError("A model cannot be fitted to no customers.")
    with threadpool_limits(limits=1):  # for four numbers, threads of a BLAS cost a hundred times what they save
        return _fit(model, data, starts)


def _fit(model: type[M], data: Data, starts: Sequence[tuple[float, ...]] | None) -> Fit[M]:
    small = data.sample(SAMPLE) if len(data.weights) > SAMPLE else data
    of_all, of_few = _objective(model, data), _objective(model, small)
    climbed = [_climb(of_few, np.log(start)) for start in starts or model.starts(small)]
    best = min(climbed, key=lambda place: of_few(place)[0])
    place = _finish(of_all, best, _hessian(of_few, best))
    value, gradient = of_all(place)
    hessian = _hessian(of_all, place)
    inner = np.abs(place) < LOG_LIMIT - NEAR_LIMIT
    covariance, gain = _curvature(hessian, gradient, inner)
    values, customers = np.exp(place), data.customers
    return Fit(
        model=model(*values.tolist()),
        values=values,
        covariance=covariance / customers,
        log_likelihood=-value * customers,
        customers=customers,
        converged=gain * customers < CONVERGED,
    )


def bootstrap(fitted: Fit[M], data: Data, *, resamples: int = 200, seed: int = 1) -> Floats:
    """Parameters fitted to resampled customers [resamples, parameters].

    Customers are drawn with replacement; quantiles of a column make an interval that does not rest on normality, and
    the rows as a whole carry over to anything that is predicted.
    """
    import scipy.optimize  # noqa: F401
    from threadpoolctl import threadpool_limits

    rng, start = np.random.default_rng(seed), np.log(fitted.values)
    drawn = (data.resample(rng) for _ in range(resamples))
    with threadpool_limits(limits=1):
        return np.array([np.exp(_climb(_objective(type(fitted.model), one), start)) for one in drawn])


def _objective(model: type[M], data: Data) -> Objective:
    """The mean negative log-likelihood of a customer with its gradient, by the parameters' logarithms.

    Summed up by numpy itself: the sums of a BLAS differ with the number of its threads.
    """
    share = data.weights / data.customers

    def objective(place: Floats) -> tuple[float, Floats]:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            each, scores = model(*np.exp(place).tolist()).scores(data)
            value, gradient = -float((share * each).sum()), -(scores * share).sum(axis=1)
        if not (np.isfinite(value) and np.isfinite(gradient).all()):
            return np.inf, np.zeros(len(place))
        return value, gradient

    return objective


def _climb(objective: Objective, start: Floats) -> Floats:
    """The nearest peak, within the limits."""
    from scipy.optimize import minimize

    limits = [(-LOG_LIMIT, LOG_LIMIT)] * len(start)
    options = {"maxiter": 500, "ftol": 1e-13, "gtol": 1e-8}
    inside = np.clip(start, -LOG_LIMIT, LOG_LIMIT)
    return np.asarray(minimize(objective, inside, jac=True, method="L-BFGS-B", bounds=limits, options=options).x)


def _finish(objective: Objective, start: Floats, hessian: Floats) -> Floats:
    """The peak, from a place near it and the second derivatives there."""
    from scipy.optimize import minimize

    if np.abs(start).max() > LOG_LIMIT - NEAR_LIMIT or not _has_peak(hessian):
        return _climb(objective, start)
    widths, directions = np.linalg.eigh(hessian)
    scale = directions / np.sqrt(widths)

    def scaled(step: Floats) -> tuple[float, Floats]:
        value, gradient = objective(start + scale @ step)
        return value, gradient @ scale

    found = minimize(scaled, np.zeros(len(start)), jac=True, method="BFGS", options={"gtol": 1e-6})
    place = start + scale @ found.x
    return place if np.abs(place).max() < LOG_LIMIT else _climb(objective, start)


def _hessian(objective: Objective, place: Floats) -> Floats:
    """Second derivatives by the parameters' logarithms, as central differences of the gradient."""
    steps = STEP * np.eye(len(place))
    rows = np.array([(objective(place + step)[1] - objective(place - step)[1]) / (2 * STEP) for step in steps])
    return np.asarray((rows + rows.T) / 2)


def _curvature(hessian: Floats, gradient: Floats, inner: NDArray[np.bool_]) -> tuple[Floats, float]:
    """A customer's covariance of the logarithms, and what Newton's next step would gain.

    Parameters at a limit are taken as given. Where the likelihood shows no peak, nothing is known of the covariance,
    and the gradient itself, for a step of one, is the gain.
    """
    covariance = np.full(hessian.shape, np.nan)
    block, slope = hessian[np.ix_(inner, inner)], gradient[inner]
    if not len(slope) or not _has_peak(block):
        return covariance, float(np.abs(slope).sum())
    covariance[np.ix_(inner, inner)] = np.linalg.inv(block)
    return covariance, 0.5 * float(slope @ np.linalg.solve(block, slope))


def _has_peak(hessian: Floats) -> bool:
    """Whether the likelihood falls in all directions, by more than rounding makes of a plain."""
    return bool(np.isfinite(hessian).all() and np.linalg.eigvalsh(hessian).min() > 1e-9)
