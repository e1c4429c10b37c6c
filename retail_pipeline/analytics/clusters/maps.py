"""A map of the customers in two dimensions."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from retail_pipeline.analytics.clusters.models import Floats


@dataclass(frozen=True)
class PlaneMap:
    """The two directions in which points differ most (principal components, Pearson 1901).

    ``axes`` are coordinates x 2, ``explained`` the shares of all spread that they show.
    """

    centre: Floats
    axes: Floats
    explained: Floats

    @classmethod
    def fit(cls, points: Floats) -> "PlaneMap":
        """From points; each axis points to where its heaviest coordinate grows."""
        centre = points.mean(axis=0)
        values, vectors = np.linalg.eigh(np.cov(points - centre, rowvar=False).reshape(points.shape[1], -1))
        axes = vectors[:, ::-1][:, :2]
        axes = np.hstack([axes, np.zeros((len(axes), 2 - axes.shape[1]))])
        heaviest = axes[np.abs(axes).argmax(axis=0), np.arange(2)]
        shares = np.append(values[::-1], 0)[:2] / max(float(values.sum()), 1e-12)
        return cls(centre, axes * np.where(heaviest < 0, -1, 1), shares)

    def place(self, points: Floats) -> Floats:
        """Where points are on the map: rows x 2. With no matrix product: a point's place owes nothing to the others."""
        away = points - self.centre
        return np.asarray(sum(away[:, [row]] * axis for row, axis in enumerate(self.axes)))

    def arrays(self) -> dict[str, Any]:
        """All it knows, by name."""
        return {"centre": self.centre, "axes": self.axes, "explained": self.explained}
