"""How good a division into clusters is. Reference: scikit-learn's functions of the same names."""

from collections.abc import Callable

import numpy as np

from retail_pipeline.analytics.clusters.models import NOISE, Floats, Labels


class Distances:
    """The distances between some points, for silhouettes of many divisions of them."""

    def __init__(self, points: Floats) -> None:
        from scipy.spatial.distance import cdist

        self._between = cdist(points, points).astype(np.float32)

    def silhouette(self, labels: Labels) -> float | None:
        """The mean silhouette (Rousseeuw 1987) of the points in a cluster; None with fewer than two clusters.

        A point alone in its cluster counts as 0.
        """
        kept = labels != NOISE
        names, codes = np.unique(labels[kept], return_inverse=True)
        if len(names) < 2 or len(names) >= kept.sum():
            return None
        members = np.zeros((len(codes), len(names)), dtype=np.float32)
        members[np.arange(len(codes)), codes] = 1
        between = self._between if kept.all() else self._between[np.ix_(kept, kept)]
        sums, sizes = (between @ members).astype(np.float64), members.sum(axis=0)
        places = np.arange(len(codes))
        own = sums[places, codes] / np.maximum(sizes[codes] - 1, 1)
        means = sums / sizes
        means[places, codes] = np.inf
        other = means.min(axis=1)
        widest = np.maximum(own, other)
        values = np.divide(other - own, widest, out=np.zeros(len(codes)), where=widest > 0)
        return float(np.where(sizes[codes] > 1, values, 0).mean())


def inertia(points: Floats, labels: Labels) -> float:
    """The sum of squared distances of points from the mean of their cluster, noise left out."""
    names = [name for name in np.unique(labels) if name != NOISE]
    return float(sum(((points[labels == name] - points[labels == name].mean(axis=0)) ** 2).sum() for name in names))


def calinski_harabasz(points: Floats, labels: Labels) -> float | None:
    """Spread between clusters by spread within (Calinski & Harabasz 1974): the higher the better."""
    kept = points[labels != NOISE]
    k = len(np.unique(labels[labels != NOISE]))
    within = inertia(points, labels)
    if k < 2 or k >= len(kept) or not within:
        return None
    whole = float(((kept - kept.mean(axis=0)) ** 2).sum())
    return (whole - within) / within * (len(kept) - k) / (k - 1)


def davies_bouldin(points: Floats, labels: Labels) -> float | None:
    """How alike clusters are to the one they are most alike (Davies & Bouldin 1979): the lower the better."""
    names = [name for name in np.unique(labels) if name != NOISE]
    if len(names) < 2:
        return None
    centres = np.array([points[labels == name].mean(axis=0) for name in names])
    spread = np.array(
        [
            np.linalg.norm(points[labels == name] - centre, axis=1).mean()
            for name, centre in zip(names, centres, strict=True)
        ]
    )
    apart = np.linalg.norm(centres[:, None] - centres[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    if not apart.min():
        return None
    return float(((spread[:, None] + spread[None]) / apart).max(axis=1).mean())


def adjusted_rand(one: Labels, other: Labels) -> float:
    """How far two divisions of the same points agree: 1 wholly, 0 as by chance (Hubert & Arabie 1985).

    Examples
    --------
    >>> adjusted_rand(np.array([0, 0, 1, 1]), np.array([5, 5, 2, 2]))
    1.0
    """
    _, first = np.unique(one, return_inverse=True)
    _, second = np.unique(other, return_inverse=True)
    shape = first.max() + 1, second.max() + 1
    table = np.bincount(first * shape[1] + second, minlength=shape[0] * shape[1]).reshape(shape)

    def pairs(counts: "np.ndarray[tuple[int, ...], np.dtype[np.int64]]") -> float:
        return float((counts.astype(np.float64) * (counts - 1) / 2).sum())

    both, rows, columns = pairs(table), pairs(table.sum(axis=1)), pairs(table.sum(axis=0))
    every = len(one) * (len(one) - 1) / 2
    chance = rows * columns / every
    most = (rows + columns) / 2
    return 1.0 if most == chance else (both - chance) / (most - chance)


def stability(
    points: Floats,
    labels: Labels,
    refit: Callable[[Floats, int], Callable[[Floats], Labels]],
    *,
    rounds: int,
    most: int,
    seed: int,
) -> float | None:
    """The mean adjusted Rand index between a division and those that resampled points lead to (Hennig 2007).

    Parameters
    ----------
    refit
        From points and a seed to a function that assigns points.
    most
        Points drawn each time, at most, with replacement.
    """
    if len(np.unique(labels)) < 2 or not rounds:
        return None
    found = []
    for turn in range(rounds):
        drawn = np.random.default_rng([seed, turn]).integers(0, len(points), min(most, len(points)))
        found.append(adjusted_rand(labels, refit(points[drawn], seed + turn)(points)))
    return float(np.mean(found))


def gap_statistic(
    points: Floats, ks: list[int], fit: Callable[[Floats, int], Labels], *, rounds: int, most: int, seed: int
) -> dict[int, tuple[float, float]]:
    """By k the gap between the inertia of evenly spread points and that of the points, and its standard error.

    Tibshirani, Walther & Hastie 2001: logarithms; the even points fill the box along the points' principal axes.
    """
    rng = np.random.default_rng([seed, 7])
    if len(points) > most:
        points = points[np.sort(rng.choice(len(points), most, replace=False))]
    centred = points - points.mean(axis=0)
    axes = np.linalg.svd(centred, full_matrices=False)[2]
    low, high = (centred @ axes.T).min(axis=0), (centred @ axes.T).max(axis=0)
    even = [rng.uniform(low, high, size=points.shape) @ axes for _ in range(rounds)]
    found = {}
    for k in ks:
        of_points = np.log(max(inertia(points, fit(points, k)), 1e-12))
        of_even = np.array([np.log(max(inertia(one, fit(one, k)), 1e-12)) for one in even])
        error = float(of_even.std() * np.sqrt(1 + 1 / rounds))
        found[k] = float(of_even.mean() - of_points), error
    return found
