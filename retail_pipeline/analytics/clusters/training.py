"""From customers to a feature set's clusters, and from a saved clustering to the clusters of tomorrow's customers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from retail_pipeline.analytics.clusters.features import FEATURE_SETS, Preparation
from retail_pipeline.analytics.clusters.maps import PlaneMap
from retail_pipeline.analytics.clusters.matching import by_value, match, renumbered
from retail_pipeline.analytics.clusters.models import KINDS, NOISE, ClusterModel, Floats, Labels
from retail_pipeline.analytics.clusters.personas import NOISE_PERSONA, Levels, personas
from retail_pipeline.analytics.clusters.profiles import Population
from retail_pipeline.analytics.clusters.search import Candidate, Limits, Search, may_lead, search


@dataclass(frozen=True)
class Division:
    """One algorithm's clusters: its model, the number of each of its labels, and what each number is called."""

    algorithm: str
    model: ClusterModel
    numbers: dict[int, int]
    personas: dict[int, dict[str, Any]]

    def assign(self, points: Floats) -> Labels:
        """The number of each point's cluster, -1 for none."""
        return renumbered(self.model.assign(points), self.numbers)

    def persona(self, cluster: int) -> str:
        """What a cluster is called."""
        return NOISE_PERSONA if cluster == NOISE else str(self.personas[cluster]["name"])


@dataclass(frozen=True)
class Clustering:
    """A feature set's clusters by all algorithms, ready to be saved: numbers in ``to_json``, arrays in ``arrays``."""

    feature_set: str
    preparation: Preparation
    divisions: dict[str, Division]
    champion: str
    selection: list[dict[str, Any]]
    plane: PlaneMap
    linkage: Floats
    curve: Floats

    def assign(self, frame: pd.DataFrame) -> dict[str, Labels]:
        """By algorithm the cluster of each customer, -1 for none; nothing is fitted."""
        points = self.preparation.transform(frame)
        return {name: division.assign(points) for name, division in self.divisions.items()}

    def place(self, frame: pd.DataFrame) -> Floats:
        """Where customers are on the map: rows x 2."""
        return self.plane.place(self.preparation.transform(frame))

    def to_json(self) -> dict[str, Any]:
        """All but the arrays, as plain numbers and texts."""
        return {
            "feature_set": self.feature_set,
            "preparation": self.preparation.to_json(),
            "champion": self.champion,
            "selection": self.selection,
            "divisions": {
                name: {
                    "kind": division.model.kind,
                    "numbers": sorted(division.numbers.items()),
                    "personas": {str(cluster): told for cluster, told in sorted(division.personas.items())},
                }
                for name, division in self.divisions.items()
            },
        }

    def arrays(self) -> dict[str, "np.ndarray[Any, Any]"]:
        """All arrays, by name."""
        found: dict[str, np.ndarray[Any, Any]] = {"linkage": self.linkage, "curve": self.curve}
        found |= {f"plane.{name}": values for name, values in self.plane.arrays().items()}
        for name, division in self.divisions.items():
            found |= {f"{name}.{part}": values for part, values in division.model.arrays().items()}
        return found

    @classmethod
    def of(cls, saved: Mapping[str, Any], arrays: Mapping[str, "np.ndarray[Any, Any]"]) -> "Clustering":
        """What ``to_json`` and ``arrays`` have told."""

        def parts(name: str) -> dict[str, Any]:
            return {
                key.removeprefix(f"{name}."): values for key, values in arrays.items() if key.startswith(f"{name}.")
            }

        divisions = {
            name: Division(
                name,
                KINDS[told["kind"]](**parts(name)),
                {int(label): int(number) for label, number in told["numbers"]},
                {int(cluster): persona for cluster, persona in told["personas"].items()},
            )
            for name, told in saved["divisions"].items()
        }
        return cls(
            saved["feature_set"],
            Preparation.from_json(saved["preparation"]),
            divisions,
            saved["champion"],
            saved["selection"],
            PlaneMap(**parts("plane")),
            arrays["linkage"],
            arrays["curve"],
        )


def train(
    frame: pd.DataFrame,
    feature_set: str,
    limits: Limits,
    *,
    transform: str = "yeo_johnson",
    reach: float = 3.0,
    before: Mapping[str, "pd.Series[int]"] | None = None,
    levels_before: Mapping[str, Mapping[int, Levels]] | None = None,
    k_before: Mapping[str, int] | None = None,
) -> Clustering | None:
    """Find a feature set's clusters; None where the measures tell no two customers apart.

    Parameters
    ----------
    frame
        A customer a row, with ``customer_id`` and the measures of :data:`~.features.MEASURES`.
    before
        By algorithm the last run's cluster numbers, indexed by customer_id: clusters keep them.
    levels_before
        By algorithm and cluster the levels behind the last training's personas.
    k_before
        By algorithm the number of clusters of the last training.
    """
    import sklearn.cluster  # noqa: F401  (its threads are bounded only once they are there)
    from threadpoolctl import threadpool_limits

    frame = frame.sort_values("customer_id", ignore_index=True)
    preparation = Preparation.fit(frame, FEATURE_SETS[feature_set], transform, reach)
    points = preparation.transform(frame)
    with threadpool_limits(limits=1):
        found = search(points, limits, k_before)
        if not found.candidates:
            return None
        population, value = Population(frame), frame["total_spend"].to_numpy(dtype=np.float64, na_value=0.0)
        divisions = {}
        for name, chosen in found.chosen.items():
            labels = chosen.model.assign(points)
            numbers = _numbers(labels, value, frame["customer_id"], (before or {}).get(name))
            told = personas(population.profile(renumbered(labels, numbers)), (levels_before or {}).get(name))
            divisions[name] = Division(name, chosen.model, numbers, told)
        return Clustering(
            feature_set,
            preparation,
            divisions,
            found.champion,
            [_row(candidate, found, limits) for candidate in found.candidates],
            PlaneMap.fit(points[np.lexsort(points.T[::-1])]),
            np.empty((0, 4)) if found.linkage is None else found.linkage,
            np.empty(0) if found.density is None else found.density.curve,
        )


def _numbers(
    labels: Labels, value: Floats, customers: "pd.Series[str]", before: "pd.Series[int] | None"
) -> dict[int, int]:
    if before is None or before.empty:
        return by_value(labels, value)
    last = before.reindex(customers)
    known = last.notna().to_numpy()
    if not known.any():
        return by_value(labels, value)
    numbers = match(labels[known], last[known].to_numpy(dtype=np.int64))
    unseen = [int(name) for name in np.unique(labels) if name != NOISE and int(name) not in numbers]
    taken = set(numbers.values()) | set(last[known].astype(int))
    free = (number for number in range(1, len(taken) + len(unseen) + 2) if number not in taken)
    return {**numbers, **{name: next(free) for name in unseen}}


def _row(candidate: Candidate, found: Search, limits: Limits) -> dict[str, Any]:
    """A candidate as a row of plain numbers."""
    is_chosen = found.chosen[candidate.algorithm] is candidate
    return {
        "algorithm": candidate.algorithm,
        "k": candidate.k,
        "silhouette": candidate.silhouette,
        "calinski_harabasz": candidate.calinski_harabasz,
        "davies_bouldin": candidate.davies_bouldin,
        "inertia": candidate.inertia,
        "stability_ari": candidate.stability_ari,
        "gap": candidate.gap,
        "gap_error": candidate.gap_error,
        "bic": candidate.bic,
        "is_elbow": candidate.algorithm == "kmeans" and candidate.k == found.elbow,
        "noise_share": candidate.noise_share,
        "smallest_share": candidate.smallest_share,
        "standing": candidate.standing,
        "may_lead": is_chosen and may_lead(candidate, limits),
        "chosen": is_chosen,
        "is_champion": is_chosen and candidate.algorithm == found.champion,
    }
