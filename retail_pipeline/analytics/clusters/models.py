"""What a fitted algorithm leaves behind: to which cluster each point belongs, new ones too. Clusters count from 0."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
Arrays = Mapping[str, NDArray[np.generic]]

NOISE = -1
"""The label of points that belong to no cluster."""
_BLOCK = 100_000


class ClusterModel(Protocol):
    """Anything that tells to which cluster points belong. The same point always belongs to the same."""

    kind: ClassVar[str]

    def assign(self, points: Floats) -> Labels:
        """The cluster of each point, or :data:`NOISE`."""
        ...

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """All it knows, by name."""
        ...


@dataclass(frozen=True)
class Centroids:
    """A point belongs to the nearest of some centres; to the first of two equally near."""

    kind: ClassVar[str] = "centroids"
    centres: Floats

    def assign(self, points: Floats) -> Labels:
        return _in_blocks(
            points,
            lambda block: np.column_stack([-((block - centre) ** 2).sum(axis=1) for centre in self.centres]),
        )

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        return {"centres": self.centres}


@dataclass(frozen=True)
class Mixture:
    """A point belongs to the normal component it most likely comes from.

    ``factors`` are the Cholesky factors of the inverse covariances: clusters x coordinates x coordinates.
    """

    kind: ClassVar[str] = "mixture"
    weights: Floats
    means: Floats
    factors: Floats

    def assign(self, points: Floats) -> Labels:
        constant = np.log(self.weights) + np.log(np.diagonal(self.factors, axis1=1, axis2=2)).sum(axis=1)

        def likelihoods(block: Floats) -> Floats:
            fit = []
            for place, (mean, factor) in enumerate(zip(self.means, self.factors, strict=True)):
                away = block - mean
                whitened = sum(away[:, [row]] * factor[row] for row in range(len(factor)))
                fit.append(constant[place] - 0.5 * (whitened**2).sum(axis=1))
            return np.column_stack(fit)

        return _in_blocks(points, likelihoods)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        return {"weights": self.weights, "means": self.means, "factors": self.factors}


@dataclass(frozen=True)
class Neighbours:
    """A point belongs where the nearest known point does, and nowhere if that is farther away than ``reach``."""

    kind: ClassVar[str] = "neighbours"
    points: Floats
    labels: Labels
    reach: Floats

    @classmethod
    def of(cls, points: Floats, labels: Labels, reach: float = np.inf) -> "Neighbours":
        """With each place once, in an order of its own."""
        unique, first = np.unique(points, axis=0, return_index=True)
        return cls(unique, np.asarray(labels, dtype=np.int64)[first], np.array([reach]))

    def assign(self, points: Floats) -> Labels:
        from scipy.spatial import cKDTree

        if not len(self.points):
            return np.full(len(points), NOISE, dtype=np.int64)
        distance, place = cKDTree(self.points).query(points)
        return np.where(distance <= self.reach[0], self.labels[place], NOISE).astype(np.int64)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        return {"points": self.points, "labels": self.labels, "reach": self.reach}


KINDS: dict[str, type[Centroids] | type[Mixture] | type[Neighbours]] = {
    kind.kind: kind for kind in (Centroids, Mixture, Neighbours)
}


def _in_blocks(points: Floats, fit: Callable[[Floats], Floats]) -> Labels:
    """The column of the best fit of each point, the first of equal ones.

    Points are worked on one by one, with no matrix product: where a point stands must not change its last digit.
    """
    found = np.empty(len(points), dtype=np.int64)
    for start in range(0, len(points), _BLOCK):
        found[start : start + _BLOCK] = np.argmax(fit(points[start : start + _BLOCK]), axis=1)
    return found
