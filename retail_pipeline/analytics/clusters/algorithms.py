"""The five algorithms, each from points to a model. Heavy imports stay inside; one thread, so sums have one order."""

from dataclasses import dataclass

import numpy as np

from retail_pipeline.analytics.clusters.models import Centroids, Floats, Labels, Mixture, Neighbours

ALGORITHMS = ("kmeans", "agglomerative", "dbscan", "hdbscan", "gaussian_mixture")
THINNEST = 0.05
"""Added to each variance of a component: measures that are whole numbers must not make one infinitely thin."""
LEAST_CLUSTER_SHARE = 0.05
"""Of the sample: what HDBSCAN takes for a cluster and not for noise."""
_BATCH, _MIXTURE_STEPS, _DENSITY_NEIGHBOURS = 8_192, 200, 10


def fit_kmeans(points: Floats, k: int, seed: int, *, most_exact: int = 50_000, starts: int = 10) -> Centroids:
    """k-means (Lloyd 1982) from the best of some k-means++ starts; in mini-batches (Sculley 2010) above a limit."""
    from sklearn.cluster import KMeans, MiniBatchKMeans

    if len(points) <= most_exact:
        fitted = KMeans(k, n_init=starts, random_state=seed).fit(points)
    else:
        fitted = MiniBatchKMeans(
            k, n_init=3, batch_size=_BATCH, max_iter=20, random_state=seed, reassignment_ratio=0.0
        ).fit(points)
    return Centroids(np.asarray(fitted.cluster_centers_, dtype=np.float64))


def fit_gaussian_mixture(points: Floats, k: int, seed: int) -> tuple[Mixture, float]:
    """A mixture of k normal distributions by expectation maximisation, and its BIC (Schwarz 1978)."""
    from sklearn.mixture import GaussianMixture

    fitted = GaussianMixture(k, reg_covar=THINNEST, max_iter=_MIXTURE_STEPS, random_state=seed).fit(points)
    return Mixture(fitted.weights_, fitted.means_, fitted.precisions_cholesky_), float(fitted.bic(points))


def ward_linkage(points: Floats) -> Floats:
    """Which clusters merge in turn, and at what distance (Ward 1963): points - 1 x 4, as in SciPy."""
    from scipy.cluster.hierarchy import linkage

    return np.asarray(linkage(points, method="ward"))


def cut(linkage: Floats, k: int) -> Labels:
    """The clusters of each point when k are left."""
    from scipy.cluster.hierarchy import fcluster

    return np.asarray(fcluster(linkage, k, criterion="maxclust"), dtype=np.int64) - 1


def distance_curve(points: Floats) -> tuple[Floats, int]:
    """How far each point's k-th neighbour is, in rising order, and k: twice the coordinates (Sander et al. 1998)."""
    from scipy.spatial import cKDTree

    k = min(2 * points.shape[1], len(points) - 1)
    distance, _ = cKDTree(points).query(points, k=k + 1)
    return np.sort(distance[:, -1]), k


def knee(values: Floats) -> int:
    """The place at which a curve bends most: the farthest from the line between its ends (Satopaa et al. 2011).

    Examples
    --------
    >>> knee(np.array([10.0, 4.0, 3.0, 2.0, 1.0]))
    1
    """
    if len(values) < 3 or values[0] == values[-1]:
        return 0
    along = np.linspace(0, 1, len(values))
    height = (values - values[0]) / (values[-1] - values[0])
    return int(np.argmax(np.abs(height - along)))


@dataclass(frozen=True)
class Density:
    """DBSCAN's two numbers, and the curve that the first is read off."""

    eps: float
    neighbours: int
    curve: Floats


def density_of(points: Floats) -> Density:
    """Where the curve of neighbours' distances bends."""
    curve, k = distance_curve(points)
    eps = float(curve[knee(curve)])
    return Density(eps or float(curve[curve > 0][0]) if (curve > 0).any() else 1.0, k, curve)


def fit_dbscan(points: Floats, density: Density) -> Neighbours:
    """DBSCAN (Ester et al. 1996): a point within eps of a core point belongs with the nearest such."""
    from sklearn.cluster import DBSCAN

    fitted = DBSCAN(eps=density.eps, min_samples=density.neighbours).fit(points)
    core = fitted.core_sample_indices_
    return Neighbours.of(points[core], fitted.labels_[core], density.eps)


def fit_hdbscan(points: Floats) -> Neighbours:
    """HDBSCAN (Campello, Moulavi & Sander 2013): clusters of any density; the rest is noise."""
    from sklearn.cluster import HDBSCAN

    least = max(5, round(LEAST_CLUSTER_SHARE * len(points)))
    neighbours = min(_DENSITY_NEIGHBOURS, len(points) - 1)
    fitted = HDBSCAN(min_cluster_size=least, min_samples=neighbours, copy=True).fit(points)
    return Neighbours.of(points, np.asarray(fitted.labels_, dtype=np.int64))
