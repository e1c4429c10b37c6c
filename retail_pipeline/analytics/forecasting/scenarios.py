"""Paths that net sales may take: from the forecast's own distribution, and from what is done about customers."""

from dataclasses import dataclass

import numpy as np

from retail_pipeline.analytics.forecasting.series import Floats

DRAWS, SEED = 4_000, 20_230_401
NEAR = 0.05
"""A path at a share of all is the mean of those whose totals are within this share of it."""
LEAST_PATHS = 8
"""With fewer paths of errors from the backtest, how errors of successive periods go together is not estimated."""
USUAL_TOGETHER = 0.6


@dataclass(frozen=True)
class Levers:
    """What is done, as changes against what is expected [shares].

    Attributes
    ----------
    retention
        Orders of returning customers.
    order_value
        Value of every order.
    traffic
        Orders of new customers and guests.
    """

    retention: float = 0.0
    order_value: float = 0.0
    traffic: float = 0.0


def what_if(returning: Floats, others: Floats, levers: Levers) -> Floats:
    """Net sales by period if levers are pulled, all else as expected.

    Parameters
    ----------
    returning, others
        What returning customers, and new ones and guests, are expected to bring.

    Examples
    --------
    >>> what_if(np.array([800.0]), np.array([200.0]), Levers(retention=0.1)).tolist()
    [1080.0]
    """
    orders = returning * (1 + levers.retention) + others * (1 + levers.traffic)
    return np.asarray(orders * (1 + levers.order_value))


def simulated_paths(mean: Floats, sd: Floats, errors: Floats) -> Floats:
    """Paths around a forecast [draws, horizon].

    Each period is normal with its own spread; that of one period and the next go together as errors of the backtest
    did, or, with few of these, as is usual.

    Parameters
    ----------
    errors
        Of earlier origins by the level of the series, not numbers where unknown [origins, horizon].
    """
    rho = together(errors)
    steps = np.arange(len(mean))
    correlation = rho ** np.abs(steps[:, None] - steps[None, :])
    root = np.linalg.cholesky(correlation + 1e-9 * np.eye(len(mean)))
    half = np.random.default_rng(SEED).standard_normal((DRAWS // 2, len(mean))) @ root.T
    draws = np.concatenate([half, -half])  # so that their mean is the forecast
    return np.asarray(mean + draws * sd)


def together(errors: Floats) -> float:
    """How errors of successive periods go together: their correlation about nothing, 0 to 0.95.

    Examples
    --------
    >>> together(np.empty((0, 3)))
    0.6
    """
    if errors.ndim != 2 or errors.shape[1] < 2:
        return USUAL_TOGETHER
    before, after = errors[:, :-1].ravel(), errors[:, 1:].ravel()
    known = np.isfinite(before) & np.isfinite(after)
    if np.isfinite(errors).all(axis=1).sum() < LEAST_PATHS:
        return USUAL_TOGETHER
    sizes = np.sqrt((before[known] ** 2).sum() * (after[known] ** 2).sum())
    return float(np.clip((before[known] * after[known]).sum() / sizes, 0.0, 0.95)) if sizes > 0 else USUAL_TOGETHER


def path_at(paths: Floats, share: float) -> Floats:
    """A path below whose total so large a share of all paths lies: the mean of those near it [horizon].

    Examples
    --------
    >>> path_at(np.arange(101.0)[:, None], 0.2).tolist()
    [20.0]
    """
    order = np.argsort(paths.sum(axis=1), kind="stable")
    place, reach = share * (len(order) - 1), NEAR * (len(order) - 1)
    first, last = max(round(place - reach), 0), min(round(place + reach), len(order) - 1)
    return np.asarray(paths[order[first : last + 1]].mean(axis=0))
