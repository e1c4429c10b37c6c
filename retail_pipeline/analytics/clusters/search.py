"""Trying each algorithm with every number of clusters: scores, the chosen number, and which algorithm is the champion.

The number of clusters is chosen by the silhouette, of equal ones the smaller; the number of the last training stays as
long as no other has a silhouette that is higher by more than a leeway. Champion is, of the algorithms that
leave few customers out, make no cluster too small to act on and as many clusters as asked for, the one whose silhouette
times stability is highest; customers left out count as badly placed. k-means if none is such.
"""

import contextlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from retail_pipeline.analytics.clusters.algorithms import (
    Density,
    cut,
    density_of,
    fit_dbscan,
    fit_gaussian_mixture,
    fit_hdbscan,
    fit_kmeans,
    knee,
    ward_linkage,
)
from retail_pipeline.analytics.clusters.models import NOISE, ClusterModel, Floats, Labels, Neighbours
from retail_pipeline.analytics.clusters.scores import (
    Distances,
    calinski_harabasz,
    davies_bouldin,
    gap_statistic,
    inertia,
    stability,
)

SEED = 20_111_210
LEAST_SCORED = 2
"""Divisions into so many clusters are scored also where more are asked for."""
LEEWAY = 0.02
"""Silhouettes differ by so much from one sample of customers to the next: no reason to draw all clusters anew."""
_SAME = 1e-9
_RESAMPLED_STARTS, _GAP_STARTS = 3, 1

Assign = Callable[[Floats], Labels]


@dataclass(frozen=True)
class Limits:
    """How much is tried, and on how many customers.

    Attributes
    ----------
    k_min, k_max
        The range in which the number of clusters is chosen.
    algorithms
        Those to fit.
    sample
        Customers on which scores are measured, and on which all but k-means are fitted.
    exact
        Up to so many customers k-means sees all of them in each step; above, mini-batches.
    rounds
        Resamples for stability, and even references for the gap statistic.
    resampled
        Customers in each of them, at most.
    most_noise, least_share
        A champion leaves out no larger share of the customers, and its smallest cluster holds no smaller one.
    """

    k_min: int = 3
    k_max: int = 10
    algorithms: tuple[str, ...] = ("kmeans", "agglomerative", "dbscan", "hdbscan", "gaussian_mixture")
    sample: int = 5_000
    exact: int = 50_000
    rounds: int = 10
    resampled: int = 2_000
    most_noise: float = 0.1
    least_share: float = 0.01


@dataclass(frozen=True)
class Candidate:
    """A division that was tried, and its scores; those that do not apply are None."""

    algorithm: str
    k: int
    model: ClusterModel
    silhouette: float | None
    calinski_harabasz: float | None
    davies_bouldin: float | None
    inertia: float
    stability_ari: float | None
    noise_share: float
    smallest_share: float
    gap: float | None = None
    gap_error: float | None = None
    bic: float | None = None

    @property
    def standing(self) -> float:
        """Silhouette times stability, customers left out counted as badly placed."""
        return (self.silhouette or 0) * (self.stability_ari or 0) * (1 - self.noise_share)


@dataclass
class Search:
    """All that was tried: candidates, the chosen one of each algorithm, and what pictures need."""

    candidates: list[Candidate] = field(default_factory=list)
    chosen: dict[str, Candidate] = field(default_factory=dict)
    champion: str = ""
    elbow: int | None = None
    linkage: Floats | None = None
    density: Density | None = None


def search(points: Floats, limits: Limits, k_before: Mapping[str, int] | None = None) -> Search:
    """Try all algorithms on points, in any order of theirs.

    Parameters
    ----------
    k_before
        By algorithm the number of clusters of the last training.

    Returns
    -------
    Search
        without candidates if all points are at one place.
    """
    points = points[np.lexsort(points.T[::-1])]
    found = Search()
    distinct = len(np.unique(points, axis=0))
    ks = list(range(LEAST_SCORED, min(limits.k_max, distinct) + 1))
    if distinct < LEAST_SCORED:
        return found
    tried = _Trials(points, limits)
    makers: dict[str, Callable[[], list[Candidate]]] = {
        "kmeans": lambda: tried.kmeans(ks),
        "agglomerative": lambda: tried.agglomerative(ks, found),
        "dbscan": lambda: tried.dbscan(found),
        "hdbscan": tried.hdbscan,
        "gaussian_mixture": lambda: tried.gaussian_mixture(ks),
    }
    for algorithm, make in makers.items():
        if algorithm not in limits.algorithms:
            continue
        with _unconverged():
            candidates = make()
        found.candidates += candidates
        found.chosen[algorithm] = choose(candidates, limits, (k_before or {}).get(algorithm))
        if algorithm == "kmeans":
            found.elbow = ks[knee(np.array([one.inertia for one in candidates]))] if len(ks) > 2 else None
    found.champion = crown(found.chosen, limits)
    return found


@contextlib.contextmanager
def _unconverged() -> Iterator[None]:
    """Fits that did not converge, or found fewer clusters than asked for, are not told of: their scores say it."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def choose(candidates: list[Candidate], limits: Limits, k_before: int | None = None) -> Candidate:
    """The candidate of the highest silhouette whose number of clusters is in the range, or nearest below it.

    One with as many clusters as before is preferred as long as its silhouette is nearly as high.
    """
    in_range = [one for one in candidates if one.k >= limits.k_min] or candidates[-1:]
    silhouettes = [-1.0 if one.silhouette is None else one.silhouette for one in in_range]
    high = [one for one, value in zip(in_range, silhouettes, strict=True) if value >= max(silhouettes) - LEEWAY]
    same = [one for one, value in zip(in_range, silhouettes, strict=True) if value >= max(silhouettes) - _SAME]
    return next((one for one in high if one.k == k_before), same[0])


def crown(chosen: dict[str, Candidate], limits: Limits) -> str:
    """The champion among the chosen divisions; see the module."""
    fit_to_lead = {name: one for name, one in chosen.items() if may_lead(one, limits)}
    if not fit_to_lead:
        return "kmeans" if "kmeans" in chosen else next(iter(chosen))
    return max(fit_to_lead, key=lambda name: fit_to_lead[name].standing)


def may_lead(candidate: Candidate, limits: Limits) -> bool:
    """Whether a division leaves few out, and has clusters enough, none of them too small."""
    return (
        candidate.silhouette is not None
        and limits.k_min <= candidate.k <= limits.k_max
        and candidate.noise_share <= limits.most_noise
        and candidate.smallest_share >= limits.least_share
    )


class _Trials:
    """The algorithms over one set of points, in their own order."""

    def __init__(self, points: Floats, limits: Limits) -> None:
        self.points, self.limits = points, limits
        self.sample = points
        if len(points) > limits.sample:
            drawn = np.random.default_rng(SEED).choice(len(points), limits.sample, replace=False)
            self.sample = points[np.sort(drawn)]
        self.distances = Distances(self.sample)

    def kmeans(self, ks: list[int]) -> list[Candidate]:
        def labels(points: Floats, k: int) -> Labels:
            return fit_kmeans(points, k, SEED, starts=_GAP_STARTS).assign(points)

        of_even = gap_statistic(
            self.sample, ks, labels, rounds=self.limits.rounds, most=self.limits.resampled, seed=SEED
        )
        found = []
        for k in ks:
            model = fit_kmeans(self.points, k, SEED, most_exact=self.limits.exact)
            refit = _assigning(lambda points, seed, k=k: fit_kmeans(points, k, seed, starts=_RESAMPLED_STARTS))
            gap, error = of_even[k]
            found.append(self._scored("kmeans", k, model, refit, gap=gap, gap_error=error))
        return found

    def agglomerative(self, ks: list[int], found: Search) -> list[Candidate]:
        found.linkage = ward_linkage(self.sample)
        trees: dict[int, tuple[Floats, Floats]] = {}

        def refit(k: int) -> Callable[[Floats, int], Assign]:
            def assigning(points: Floats, seed: int) -> Assign:
                if seed not in trees:  # one tree serves every k
                    trees[seed] = points, ward_linkage(points)
                drawn, linkage = trees[seed]
                return Neighbours.of(drawn, cut(linkage, k)).assign

            return assigning

        return [
            self._scored("agglomerative", k, Neighbours.of(self.sample, cut(found.linkage, k)), refit(k)) for k in ks
        ]

    def gaussian_mixture(self, ks: list[int]) -> list[Candidate]:
        found = []
        for k in ks:
            model, bic = fit_gaussian_mixture(self.sample, k, SEED)
            refit = _assigning(lambda points, seed, k=k: fit_gaussian_mixture(points, k, seed)[0])
            found.append(self._scored("gaussian_mixture", k, model, refit, bic=bic, slow=True))
        return found

    def dbscan(self, found: Search) -> list[Candidate]:
        found.density = density_of(self.sample)
        refit = _assigning(lambda points, _: fit_dbscan(points, density_of(points)))
        return [self._scored("dbscan", None, fit_dbscan(self.sample, found.density), refit)]

    def hdbscan(self) -> list[Candidate]:
        refit = _assigning(lambda points, _: fit_hdbscan(points))
        return [self._scored("hdbscan", None, fit_hdbscan(self.sample), refit, slow=True)]

    def _scored(
        self,
        algorithm: str,
        k: int | None,
        model: ClusterModel,
        refit: Callable[[Floats, int], Assign],
        *,
        slow: bool = False,
        **more: float,
    ) -> Candidate:
        labels = model.assign(self.sample)
        names, sizes = np.unique(labels[labels != NOISE], return_counts=True)
        limits = self.limits
        return Candidate(
            algorithm,
            len(names) if k is None else k,
            model,
            self.distances.silhouette(labels),
            calinski_harabasz(self.sample, labels),
            davies_bouldin(self.sample, labels),
            inertia(self.sample, labels) * len(self.points) / len(self.sample),
            stability(
                self.sample, labels, refit,
                rounds=limits.rounds // 2 if slow else limits.rounds, most=limits.resampled, seed=SEED,
            ),
            float((labels == NOISE).mean()),
            float(sizes.min() / len(labels)) if len(sizes) else 0.0,
            **more,
        )  # fmt: skip


def _assigning(fit: Callable[..., ClusterModel]) -> Callable[[Floats, int], Assign]:
    return lambda points, seed: fit(points, seed).assign
