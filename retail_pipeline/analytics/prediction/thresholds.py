"""From which probability on contacting a customer pays, and how right that is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retail_pipeline.analytics.prediction.measures import Measure

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Stakes:
    """What contacting a customer costs, and what it brings of one who then has the event [units of money]."""

    cost: float
    value: float


def best_threshold(events: Floats, probabilities: Floats, stakes: Stakes) -> float:
    """The probability from which contacting all customers brings most; above all of them, 1, if none does.

    Examples
    --------
    >>> best_threshold(np.array([1.0, 0, 1, 0]), np.array([0.9, 0.6, 0.5, 0.1]), Stakes(cost=1, value=3))
    0.5
    """
    order = np.argsort(-probabilities, kind="stable")
    ranked = probabilities[order]
    is_last = np.concatenate([np.diff(ranked) != 0, [True]])  # of equal ones all are contacted or none
    profit = np.cumsum(events[order]) * stakes.value - np.arange(1, len(order) + 1) * stakes.cost
    places = np.flatnonzero(is_last)
    if not len(places) or profit[places].max() <= 0:
        return 1.0
    return float(ranked[places[np.argmax(profit[places])]])


def band_bounds(base_rate: float, odds: Sequence[float]) -> list[float]:
    """The risks of no order whose odds are so many times those of all customers: a band of risk begins at each.

    A risk of 0.9 says little of a week, in which nine of ten order nothing, and much of a year.

    Parameters
    ----------
    base_rate
        The share of all customers who order.

    Examples
    --------
    >>> [round(bound, 3) for bound in band_bounds(0.1, (0.5, 2))], [round(b, 3) for b in band_bounds(0.6, (0.5, 2))]
    ([0.818, 0.947], [0.25, 0.571])
    """
    return [times * (1 - base_rate) / (times * (1 - base_rate) + base_rate) for times in odds]


def threshold_measures(threshold: float, stakes: Stakes) -> dict[str, Measure]:
    """The confusion matrix at a threshold, and what is said of it: shares, F1 of both classes, profit a customer."""

    def counted(ask_event: bool, ask_contact: bool) -> Measure:
        def count(actual: Floats, predicted: Floats, weights: Floats) -> Floats:
            return np.asarray(weights @ (((actual > 0) == ask_event) & ((predicted >= threshold) == ask_contact)))

        return count

    hit, missed, wrong, left = (counted(*asked) for asked in ((True, True), (True, False), (False, True), (False,) * 2))

    def share(of: Measure, beside: Measure) -> Measure:
        def ratio(actual: Floats, predicted: Floats, weights: Floats) -> Floats:
            part, rest = of(actual, predicted, weights), beside(actual, predicted, weights)
            with np.errstate(invalid="ignore", divide="ignore"):
                return np.asarray(part / (part + rest))

        return ratio

    def f1(of: Measure) -> Measure:
        def mean(actual: Floats, predicted: Floats, weights: Floats) -> Floats:
            right, missing = of(actual, predicted, weights), missed(actual, predicted, weights)
            with np.errstate(invalid="ignore", divide="ignore"):
                return np.asarray(2 * right / (2 * right + missing + wrong(actual, predicted, weights)))

        return mean

    def accuracy(actual: Floats, predicted: Floats, weights: Floats) -> Floats:
        right = hit(actual, predicted, weights) + left(actual, predicted, weights)
        return np.asarray(right / weights.sum(axis=1))

    def profit(actual: Floats, predicted: Floats, weights: Floats) -> Floats:
        contacted = predicted >= threshold
        gains = contacted * (stakes.value * (actual > 0) - stakes.cost)
        return np.asarray(weights @ gains / weights.sum(axis=1))

    return {
        "threshold": lambda actual, predicted, weights: np.full(len(weights), threshold),
        "true_positives": hit,
        "false_negatives": missed,
        "false_positives": wrong,
        "true_negatives": left,
        "precision": share(hit, wrong),
        "recall": share(hit, missed),
        "f1": f1(hit),
        "precision_without": share(left, missed),
        "recall_without": share(left, wrong),
        "f1_without": f1(left),
        "accuracy": accuracy,
        "profit_per_customer": profit,
    }
