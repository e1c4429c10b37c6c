"""Measures of predictions, each with an interval from resampled customers.

A measure takes weights as well: how often each customer counts. A bootstrap resample is a row of such weights, so that
a thousand of them are measured at once, and predictions are sorted once only.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Measure = Callable[[Floats, Floats, Floats], Floats]

SEED = 20_111_209
RESAMPLES = 500
BINS = 10
TOP_SHARE = 0.1
SMALLEST_PROBABILITY = 1e-15


@dataclass(frozen=True)
class Estimate:
    """A measure's value with its 95 % interval, not a number where it is not defined; ``n`` customers."""

    value: float
    lower: float
    upper: float
    n: int


def estimate(
    measures: Mapping[str, Measure], actual: Floats, predicted: Floats, *, resamples: int = RESAMPLES
) -> dict[str, Estimate]:
    """Measures of predictions with percentile intervals of the bootstrap over customers.

    Parameters
    ----------
    actual, predicted
        What came and what was predicted of it, a customer an entry, in a fixed order; shape (customers,).
    """
    count = len(actual)
    order = np.argsort(predicted, kind="stable")  # once for all measures; which draws a customer is in does not matter
    actual, predicted = actual[order], predicted[order]
    weights = resampled(count, resamples)
    found = {}
    for name, measure in measures.items():
        value = float(measure(actual, predicted, np.ones((1, count)))[0]) if count else np.nan
        drawn = measure(actual, predicted, weights) if count else np.array([np.nan])
        drawn = drawn[np.isfinite(drawn)]
        lower, upper = np.quantile(drawn, (0.025, 0.975)) if len(drawn) else (np.nan, np.nan)
        found[name] = Estimate(value, float(lower), float(upper), count)
    return found


@lru_cache(maxsize=2)
def resampled(count: int, resamples: int) -> Floats:
    """How often each customer is drawn in each resample, always the same, to be read only; (resamples, customers)."""
    random = np.random.default_rng(SEED)
    drawn = random.integers(0, max(count, 1), size=(resamples, count))
    rows = np.arange(resamples)[:, None] * count
    found = np.bincount((drawn + rows).ravel(), minlength=resamples * count).reshape(resamples, count)
    weights: Floats = found.astype(np.float64)
    weights.flags.writeable = False
    return weights


def base_rate(actual: Floats, predicted: Floats, weights: Floats) -> Floats:
    """The share of customers with the event."""
    return _mean(actual, weights)


def roc_auc(actual: Floats, predicted: Floats, weights: Floats) -> Floats:
    """The probability that a customer with the event was given a higher probability than one without.

    Examples
    --------
    >>> roc_auc(np.array([0.0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]), np.ones((1, 4))).tolist()
    [0.75]
    """
    with_event, without = _by_value(actual, predicted, weights)
    below = np.cumsum(without, axis=1) - without
    with np.errstate(invalid="ignore", divide="ignore"):
        pairs = (with_event * (below + without / 2)).sum(axis=1)
        return np.asarray(pairs / (with_event.sum(axis=1) * without.sum(axis=1)))


def pr_auc(actual: Floats, predicted: Floats, weights: Floats) -> Floats:
    """Average precision: the area under precision by recall, in steps.

    Examples
    --------
    >>> pr_auc(np.array([0.0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]), np.ones((1, 4))).round(4).tolist()
    [0.8333]
    """
    with_event, without = _by_value(actual, predicted, weights)
    with_event, without = with_event[:, ::-1], without[:, ::-1]
    hits = np.cumsum(with_event, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(with_event > 0, hits / (hits + np.cumsum(without, axis=1)), 0)
        return np.asarray((with_event * precision).sum(axis=1) / with_event.sum(axis=1))


def brier(actual: Floats, predicted: Floats, weights: Floats) -> Floats:
    """Mean squared difference of probability and event (Brier 1950)."""
    return _mean((predicted - actual) ** 2, weights)


def log_loss(actual: Floats, predicted: Floats, weights: Floats) -> Floats:
    """Mean negative log likelihood [nats]."""
    safe = np.clip(predicted, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    return _mean(-(actual * np.log(safe) + (1 - actual) * np.log1p(-safe)), weights)


def ece(actual: Floats, predicted: Floats, weights: Floats) -> Floats:
    """Expected calibration error: mean difference of probability and frequency in ten groups of equal size."""
    order, group = _deciles(predicted)
    starts = np.searchsorted(group, np.unique(group))
    events = np.add.reduceat(weights[:, order] * actual[order], starts, axis=1)
    expected = np.add.reduceat(weights[:, order] * predicted[order], starts, axis=1)
    return np.asarray(np.abs(events - expected).sum(axis=1) / weights.sum(axis=1))


def top_decile_lift(actual: Floats, predicted: Floats, weights: Floats) -> Floats:
    """How many times as frequent the event is in the tenth of customers with the highest probabilities."""
    return top_decile_gain(actual, predicted, weights) / TOP_SHARE


def top_decile_gain(actual: Floats, predicted: Floats, weights: Floats) -> Floats:
    """The share of all events, or of all money, that falls to the tenth of customers predicted highest.

    Of equal predictions at the border each counts in part.
    """
    amounts, counts = _sums_by_value(actual, predicted, weights)
    amounts, counts = amounts[:, ::-1], counts[:, ::-1]
    wanted = TOP_SHARE * counts.sum(axis=1, keepdims=True)
    before = np.cumsum(counts, axis=1) - counts
    with np.errstate(invalid="ignore", divide="ignore"):
        part = np.clip((wanted - before) / counts, 0, 1)
        return np.asarray(np.where(counts > 0, amounts * part, 0).sum(axis=1) / amounts.sum(axis=1))


def r2(actual: Floats, predicted: Floats, weights: Floats) -> Floats:
    """The share of the variance that is explained; below zero where the mean would do better."""
    mean = _mean(actual, weights)
    spread = _mean(actual**2, weights) - mean**2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(spread > 0, 1 - _mean((actual - predicted) ** 2, weights) / spread, np.nan))


def mae(actual: Floats, predicted: Floats, weights: Floats) -> Floats:
    """Mean absolute error [as predicted]."""
    return _mean(np.abs(actual - predicted), weights)


def rmse(actual: Floats, predicted: Floats, weights: Floats) -> Floats:
    """Root mean squared error [as predicted]."""
    return np.sqrt(_mean((actual - predicted) ** 2, weights))


def total_bias(actual: Floats, predicted: Floats, weights: Floats) -> Floats:
    """The predicted total against the actual one: 0.1 is ten per cent too much [share]."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(_mean(predicted, weights) / _mean(actual, weights) - 1)


def decile_error(actual: Floats, predicted: Floats, weights: Floats) -> Floats:
    """By how much the totals of tenths of customers, by what was predicted of them, are off [share of all money]."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(ece(actual, predicted, weights) / _mean(actual, weights))


def spearman(actual: Floats, predicted: Floats, weights: Floats) -> Floats:
    """Correlation of ranks, of equal values their mean."""
    first, second = _ranks(actual, weights), _ranks(predicted, weights)
    total = weights.sum(axis=1, keepdims=True)
    first = first - (weights * first).sum(axis=1, keepdims=True) / total
    second = second - (weights * second).sum(axis=1, keepdims=True) / total
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = np.sqrt((weights * first**2).sum(axis=1) * (weights * second**2).sum(axis=1))
        return np.asarray((weights * first * second).sum(axis=1) / scale)


def gini(actual: Floats, predicted: Floats, weights: Floats) -> Floats:
    """How unequal money is in the order of the predictions, against its own: 1 for the perfect order, 0 by chance.

    Frees (2014), with money as the response; of equal predictions the order is shared.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(_concentration(actual, predicted, weights) / _concentration(actual, actual, weights))


CLASSIFICATION: dict[str, Measure] = {
    "base_rate": base_rate,
    "roc_auc": roc_auc,
    "pr_auc": pr_auc,
    "brier": brier,
    "log_loss": log_loss,
    "ece": ece,
    "top_decile_lift": top_decile_lift,
    "top_decile_gain": top_decile_gain,
}
REGRESSION: dict[str, Measure] = {
    "r2": r2,
    "mae": mae,
    "rmse": rmse,
    "spearman": spearman,
    "gini": gini,
    "total_bias": total_bias,
    "decile_error": decile_error,
    "top_decile_gain": top_decile_gain,
}


def _mean(values: Floats, weights: Floats) -> Floats:
    return np.asarray(weights @ values / weights.sum(axis=1))


def _sums_by_value(actual: Floats, predicted: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Sums of what came, and of customers, for each different prediction in ascending order."""
    if (np.diff(predicted) < 0).any():
        order = np.argsort(predicted, kind="stable")
        actual, predicted, weights = actual[order], predicted[order], weights[:, order]
    starts = np.flatnonzero(np.concatenate([[True], np.diff(predicted) != 0]))
    return (
        np.add.reduceat(weights * actual, starts, axis=1),
        np.add.reduceat(weights, starts, axis=1),
    )


def _by_value(actual: Floats, predicted: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Customers with the event and without for each different prediction, in ascending order."""
    events, counts = _sums_by_value(actual, predicted, weights)
    return events, counts - events


def _deciles(predicted: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The order by prediction, and the group of ten of each in it; equal predictions share the first's group."""
    order = np.argsort(predicted, kind="stable")
    ranked = predicted[order]
    first = np.searchsorted(ranked, ranked)
    return order, (first * BINS // max(len(predicted), 1)).astype(np.int64)


def _ranks(values: Floats, weights: Floats) -> Floats:
    """Mean ranks, each customer counted by weight."""
    order = np.argsort(values, kind="stable")
    is_new = np.concatenate([[True], np.diff(values[order]) != 0])
    counts = np.add.reduceat(weights[:, order], np.flatnonzero(is_new), axis=1)
    of_value = np.cumsum(counts, axis=1) - counts / 2
    ranks = np.empty_like(weights)
    ranks[:, order] = of_value[:, np.cumsum(is_new) - 1]
    return ranks


def _concentration(actual: Floats, by: Floats, weights: Floats) -> Floats:
    """One less twice the area under the Lorenz curve of ``actual``, customers in ascending order of ``by``."""
    amounts, counts = _sums_by_value(actual, by, weights)
    share = counts / counts.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        money = amounts / amounts.sum(axis=1, keepdims=True)
    reached = np.cumsum(money, axis=1)
    return np.asarray(1 - (share * (2 * reached - money)).sum(axis=1))
