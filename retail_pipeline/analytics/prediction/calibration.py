"""Probabilities out of scores: a logistic curve fitted to later customers (Platt 1999)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STEPS, CLOSE = 100, 1e-10
LARGEST_LOG_ODDS = 30.0


@dataclass(frozen=True)
class Calibration:
    """log odds of an event = intercept + slope * score; the slope is never below zero, so that no order is reversed."""

    intercept: float
    slope: float

    def probabilities(self, scores: Floats) -> Floats:
        """Of scores, any shape, the probabilities."""
        return odds_to_probability(self.intercept + self.slope * scores)


def odds_to_probability(log_odds: Floats) -> Floats:
    """The logistic curve.

    Examples
    --------
    >>> odds_to_probability(np.array([0.0, 1000.0])).tolist()
    [0.5, 0.9999999999999065]
    """
    return np.asarray(1 / (1 + np.exp(-np.clip(log_odds, -LARGEST_LOG_ODDS, LARGEST_LOG_ODDS))))


def probability_to_odds(probability: Floats) -> Floats:
    """Log odds, within limits."""
    with np.errstate(divide="ignore"):
        log_odds = np.log(probability) - np.log1p(-probability)
    return np.asarray(np.clip(log_odds, -LARGEST_LOG_ODDS, LARGEST_LOG_ODDS))


def calibrate(scores: Floats, events: Floats) -> Calibration:
    """The likeliest curve, by Newton's method, with the targets of Platt (1999) that keep it finite.

    Parameters
    ----------
    scores, events
        Of customers whom the scores were not learned from; shape (customers,).
    """
    with_event, all_ = events.sum(), len(events)
    targets = np.where(events > 0, (with_event + 1) / (with_event + 2), 1 / (all_ - with_event + 2))
    level = float(probability_to_odds(np.asarray(targets.mean())))
    centre, spread = float(np.mean(scores)), float(np.std(scores))
    if spread == 0:
        return Calibration(level, 0.0)
    design = np.column_stack([np.ones(all_), (scores - centre) / spread])
    at = _likeliest(design, targets, np.array([level, 0.0]))
    if at[1] <= 0:
        return Calibration(level, 0.0)
    slope = float(at[1] / spread)
    return Calibration(float(at[0] - slope * centre), slope)


def _likeliest(design: Floats, targets: Floats, start: Floats) -> Floats:
    """Newton's method, its steps halved until they lead uphill."""
    at, height = start, _likelihood(design @ start, targets)
    for _ in range(STEPS):
        probability = odds_to_probability(design @ at)
        curvature = design.T @ (design * (probability * (1 - probability))[:, None]) + CLOSE * np.eye(len(at))
        step = np.linalg.solve(curvature, design.T @ (targets - probability))
        while _likelihood(design @ (at + step), targets) < height and np.abs(step).max() > CLOSE:
            step = step / 2
        at = at + step
        height = _likelihood(design @ at, targets)
        if np.abs(step).max() <= CLOSE:
            break
    return at


def _likelihood(log_odds: Floats, targets: Floats) -> float:
    return float(np.sum(targets * log_odds - np.logaddexp(0, log_odds)))


def rising(probabilities: Floats) -> Floats:
    """Probabilities that do not fall from column to column, each row as near as can be (isotonic regression).

    Examples
    --------
    >>> rising(np.array([[0.1, 0.3, 0.2], [0.1, 0.2, 0.3]])).round(3).tolist()
    [[0.1, 0.25, 0.25], [0.1, 0.2, 0.3]]
    """
    count = probabilities.shape[1]
    sums = np.concatenate([np.zeros((len(probabilities), 1)), np.cumsum(probabilities, axis=1)], axis=1)
    found = np.empty_like(probabilities)
    for place in range(count):
        starts = [
            np.min([(sums[:, end] - sums[:, start]) / (end - start) for end in range(place + 1, count + 1)], axis=0)
            for start in range(place + 1)
        ]
        found[:, place] = np.max(starts, axis=0)
    return np.maximum.accumulate(found, axis=1)
