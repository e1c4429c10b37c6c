"""Clusters keep their numbers: a new division's are those of the last one's clusters that they share most with."""

import numpy as np

from retail_pipeline.analytics.clusters.models import NOISE, Labels

LEAST_OVERLAP = 0.2
"""Customers in both by customers in either: below, a cluster is another one, and has a number of its own."""


def match(labels: Labels, before: Labels) -> dict[int, int]:
    """The number of each new cluster, by its label.

    Pairs are made so that the sum of overlaps (Jaccard 1912) is highest (Kuhn 1955). What is like no cluster before
    gets the smallest numbers that none of those had. Noise stays noise.

    Parameters
    ----------
    labels, before
        The clusters of the same customers now and before.

    Examples
    --------
    >>> match(np.array([0, 0, 1, 1, 2]), np.array([2, 2, 1, 1, 1]))
    {0: 2, 1: 1, 2: 3}
    """
    from scipy.optimize import linear_sum_assignment

    new = [int(name) for name in np.unique(labels) if name != NOISE]
    old = [int(name) for name in np.unique(before) if name != NOISE]
    overlap = np.zeros((len(new), len(old)))
    for row, name in enumerate(new):
        for column, other in enumerate(old):
            either = ((labels == name) | (before == other)).sum()
            overlap[row, column] = ((labels == name) & (before == other)).sum() / max(int(either), 1)
    rows, columns = linear_sum_assignment(overlap, maximize=True)
    numbers = {
        new[row]: old[column]
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
        if overlap[row, column] >= LEAST_OVERLAP
    }
    free = (number for number in range(1, len(new) + len(old) + 1) if number not in old)
    return {name: numbers[name] if name in numbers else next(free) for name in new}


def by_value(labels: Labels, value: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> dict[int, int]:
    """Numbers from 1 on, the cluster of the highest total value first; of equal ones the one labelled first."""
    names = [int(name) for name in np.unique(labels) if name != NOISE]
    order = sorted(names, key=lambda name: (-round(float(value[labels == name].sum()), 2), name))
    return {name: number for number, name in enumerate(order, start=1)}


def renumbered(labels: Labels, numbers: dict[int, int]) -> Labels:
    """Labels with each cluster's number in their place."""
    found = np.full(len(labels), NOISE, dtype=np.int64)
    for name, number in numbers.items():
        found[labels == name] = number
    return found
