"""Kinds of demand: by how often and how evenly a product is asked for, and whether it is new or dead."""

import numpy as np

from retail_pipeline.analytics.demand.levels import Array

REGULAR, ERRATIC, INTERMITTENT, LUMPY, NEW, DEAD = "regular", "erratic", "intermittent", "lumpy", "new", "dead"
KINDS = (REGULAR, ERRATIC, INTERMITTENT, LUMPY, NEW, DEAD)
LONG_INTERVAL, HIGH_CV2 = 1.32, 0.49
"""Where Croston's method and smoothing change places (Syntetos, Boylan & Croston 2005)."""


def mean_interval(demand: Array, first: Array) -> Array:
    """Weeks by week with demand, since the first one [products]."""
    hits = (demand > 0).sum(axis=1)
    age = demand.shape[1] - first
    return np.asarray(np.divide(age, hits, out=age.astype(np.float64), where=hits > 0))


def cv2_of_sizes(demand: Array) -> Array:
    """The squared coefficient of variation of the demand in weeks that have any, 0 with fewer than two of them."""
    hits = demand > 0
    count = hits.sum(axis=1)
    total = demand.sum(axis=1)
    mean = np.divide(total, count, out=np.zeros(len(demand)), where=count > 0)
    squares = (np.where(hits, demand - mean[:, None], 0.0) ** 2).sum(axis=1)
    variance = np.divide(squares, count - 1, out=np.zeros(len(demand)), where=count > 1)
    return np.asarray(np.divide(variance, mean**2, out=np.zeros(len(demand)), where=mean > 0))


def weeks_since_last(demand: Array) -> Array:
    """Whole weeks without demand up to now [products]."""
    hits = demand > 0
    return np.asarray(np.where(hits.any(axis=1), np.argmax(hits[:, ::-1], axis=1), demand.shape[1]))


def kinds_of(demand: Array, first: Array, *, new_weeks: int, dead_weeks: int, dead_chance: float) -> Array:
    """The kind of each product's demand.

    New is what was first sold within ``new_weeks``. Dead is what was not sold for ``dead_weeks`` or more, if a gap so
    long has a chance of ``dead_chance`` at most: (1 - p) ** gap, with p the share of weeks with demand from the first
    to the last of them.
    """
    weeks = demand.shape[1]
    age = weeks - first
    gap = weeks_since_last(demand)
    hits = (demand > 0).sum(axis=1)
    pace = np.clip(hits / np.maximum(age - gap, 1), 0.0, 1.0)
    chance = np.where(hits > 0, (1 - pace) ** gap, 0.0)
    is_frequent = mean_interval(demand, first) < LONG_INTERVAL
    is_even = cv2_of_sizes(demand) < HIGH_CV2
    kind = np.select(
        [is_frequent & is_even, is_frequent, is_even], [REGULAR, ERRATIC, INTERMITTENT], default=LUMPY
    ).astype(object)
    kind[age <= new_weeks] = NEW
    kind[(gap >= dead_weeks) & (chance <= dead_chance)] = DEAD
    return kind
