"""Curves of predictions as rows of points: ROC, gain, reliability."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

POINTS, BINS = 50, 10


def curves(events: Floats, probabilities: Floats) -> list[dict[str, Any]]:
    """The points of each curve: curve, point from 1, x, y and the customers behind it.

    *roc*: x the share of customers without the event that stand above a probability, y of those with it. *gain*: x the
    share of customers predicted highest, y the share of all events among them. *reliability*: x the mean probability
    of a tenth of customers, y the share of events in it; equal probabilities are not parted.
    """
    return [
        *_roc(events, probabilities),
        *_gain(events, probabilities),
        *_by_tenths("reliability", events, probabilities),
    ]


def spend_curves(spend: Floats, expected: Floats) -> list[dict[str, Any]]:
    """The same of money.

    *gain*: x the share of customers of whom most is expected, y the share of all money that they bring. *deciles*: x
    the mean expectation of a tenth of customers, y what they spent in the mean; equal expectations are not parted.
    """
    return [*_gain(spend, expected), *_by_tenths("deciles", spend, expected)]


def _roc(events: Floats, probabilities: Floats) -> list[dict[str, Any]]:
    above, hits = _above(events, probabilities)
    with_event, without = hits[-1], above[-1] - hits[-1]
    if not with_event or not without:
        return []
    return _rows("roc", (above - hits) / without, hits / with_event, above)


def _gain(events: Floats, probabilities: Floats) -> list[dict[str, Any]]:
    above, hits = _above(events, probabilities)
    return _rows("gain", above / above[-1], hits / hits[-1], above) if hits[-1] else []


def _above(events: Floats, probabilities: Floats) -> tuple[Floats, Floats]:
    """Customers, and events, at or above different probabilities, falling; about :data:`POINTS` of them, and none."""
    order = np.argsort(-probabilities, kind="stable")
    is_last = np.concatenate([np.diff(probabilities[order]) != 0, [True]])
    places = np.flatnonzero(is_last)
    kept = places[np.unique(np.linspace(0, len(places) - 1, min(POINTS, len(places))).round().astype(np.int64))]
    return np.concatenate([[0.0], kept + 1.0]), np.concatenate([[0.0], np.cumsum(events[order])[kept]])


def _by_tenths(curve: str, events: Floats, probabilities: Floats) -> list[dict[str, Any]]:
    order = np.argsort(probabilities, kind="stable")
    ranked, came = probabilities[order], events[order]
    group = np.searchsorted(ranked, ranked) * BINS // max(len(ranked), 1)
    _, starts, counts = np.unique(group, return_index=True, return_counts=True)
    sums = np.add.reduceat(ranked, starts), np.add.reduceat(came, starts)
    return _rows(curve, sums[0] / counts, sums[1] / counts, counts)


def _rows(curve: str, x: Floats, y: Floats, customers: "NDArray[Any]") -> list[dict[str, Any]]:
    points = zip(x.tolist(), y.tolist(), customers.tolist(), strict=True)
    return [
        {"curve": curve, "point": place, "x": across, "y": up, "customers": int(count)}
        for place, (across, up, count) in enumerate(points, 1)
    ]
