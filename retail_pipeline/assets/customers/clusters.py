"""``customers.cluster_selection``, ``clusters``, ``cluster_map`` and ``cluster_profiles``: groups of like customers.

The first of them holds the scores of all that was tried and, beside the table, saves the model in ``models/clusters/``
in the home; the others read that. A model is fitted when 'retail train' asks for it, or when none is there that fits
the settings and the code; on all other nights customers are assigned to the clusters there are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from retail_pipeline.analytics.clusters import (
    algorithms,
    features,
    maps,
    matching,
    models,
    personas,
    profiles,
    scores,
    search,
    training,
)
from retail_pipeline.analytics.clusters.features import MEASURES
from retail_pipeline.analytics.clusters.personas import Levels, sentence
from retail_pipeline.analytics.clusters.profiles import LEVEL_MEASURES, WEEKDAYS, Population
from retail_pipeline.analytics.clusters.search import SEED, Limits
from retail_pipeline.analytics.clusters.training import Clustering, train
from retail_pipeline.assets import model_training
from retail_pipeline.assets.frame_assets import FrameTable
from retail_pipeline.assets.model_training import origin, usable
from retail_pipeline.assets.pictures import image
from retail_pipeline.errors import ModelError
from retail_pipeline.reports import cluster_charts as charts
from retail_pipeline.saved_models import load_model, save_model
from retail_pipeline.settings import ClusterSettings
from retail_pipeline.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd

SUBJECT = "clusters"
SELECTION, CLUSTERS, MAP, PROFILES = (
    f"customers.{name}" for name in ("cluster_selection", "clusters", "cluster_map", "cluster_profiles")
)
FEATURES = f"""
    select customer_id, {", ".join(f"cast({name} as double) as {name}" for name in MEASURES)}
    from customers.features
    order by customer_id
"""
SMALLEST = 10_000
"""Parts of a unit of money that a decimal holds."""
CODE = (features, algorithms, models, scores, search, matching, profiles, personas, maps, training)
SETTINGS = tuple(f"cluster_{name}" for name in ClusterSettings.model_fields)
LEARNED_BY = tuple(name for name in ClusterSettings.model_fields if name != "least_customers")
"""Settings on which a model depends."""
MAP_POINTS = 3_000
"""Customers in a picture, at most."""
TOLD_APART, LEAST_DIFFERENCE = 3, 0.3
"""What sets a cluster apart: so many differences at most, none smaller [standard deviations]."""


@dataclass(frozen=True)
class Fitted:
    """The model in use: its id, what was noted of it, and a clustering a feature set."""

    id: str
    notes: Mapping[str, Any]
    clusterings: dict[str, Clustering]


def made_by(settings: ClusterSettings) -> str:
    """A hash of the code and settings that a model depends on: with other ones it is fitted anew."""
    return model_training.made_by(CODE, {name: getattr(settings, name) for name in LEARNED_BY})


def fitting_model(warehouse: Warehouse) -> Fitted | None:
    """The saved model, if there is one made by these settings and this code.

    Raises
    ------
    ModelError
        when it is damaged.
    """
    saved = load_model(warehouse.home.models / SUBJECT)
    if saved is None or saved.numbers.get("made_by") != made_by(warehouse.settings.clusters):
        return None
    sets = saved.numbers["feature_sets"]
    return Fitted(saved.id, saved.notes, {name: Clustering.of(told, saved.arrays[name]) for name, told in sets.items()})


def _make_selection(warehouse: Warehouse) -> "pd.DataFrame":
    """The scores of the model in use, which is fitted first if need be."""
    import pandas as pd

    fitted, reason = usable(warehouse, fitting_model)
    if reason and warehouse.count("customers.features") >= warehouse.settings.clusters.least_customers:
        fitted = _train(warehouse, reason) or fitted
    rows: list[dict[str, Any]] = []
    if fitted:
        for name, clustering in fitted.clusterings.items():
            rows += [{"feature_set": name, **row, "model": fitted.id} for row in clustering.selection]
    frame = pd.DataFrame(rows, columns=list(SELECTION_TABLE.columns))
    return frame.astype({name: "float64" for name, (type_, _) in SELECTION_TABLE.columns.items() if type_ == "double"})


def _train(warehouse: Warehouse, reason: str) -> Fitted | None:
    """Fit all feature sets and save them; None where no two customers can be told apart."""
    settings = warehouse.settings.clusters
    frame = warehouse.read(FEATURES)
    found: dict[str, Clustering] = {}
    for name in settings.feature_sets:
        levels, k_before = _model_before(warehouse, name)
        clustering = train(
            frame,
            name,
            limits_of(settings),
            transform=settings.transform,
            reach=settings.reach,
            before=_clusters_before(warehouse, name),
            levels_before=levels,
            k_before=k_before,
        )
        if clustering:
            found[name] = clustering
    if not found:
        return None
    notes = {
        **origin(warehouse, reason, ("scikit-learn", "scipy", "numpy", "retail-pipeline")),
        "as_of": str(warehouse.value("select max(as_of) from customers.features")),
        "customers": len(frame),
        "seed": SEED,
        "feature_sets": {name: list(found[name].preparation.measures) for name in found},
    }
    numbers = {
        "made_by": made_by(settings),
        "feature_sets": {name: clustering.to_json() for name, clustering in found.items()},
    }
    arrays = {name: clustering.arrays() for name, clustering in found.items()}
    model_id = save_model(warehouse.home.models / SUBJECT, numbers, arrays, notes)
    return Fitted(model_id, notes, found)


def limits_of(settings: ClusterSettings) -> Limits:
    """The settings as the search takes them."""
    return Limits(
        k_min=settings.k_min,
        k_max=settings.k_max,
        algorithms=settings.algorithms,
        sample=settings.sample_customers,
        exact=settings.exact_customers,
        rounds=settings.resamples,
        most_noise=settings.most_noise_share,
        least_share=settings.least_cluster_share,
    )


def _clusters_before(warehouse: Warehouse, feature_set: str) -> "dict[str, pd.Series[int]]":
    """By algorithm the clusters that customers were in until now."""
    if not warehouse.exists(CLUSTERS):
        return {}
    rows = warehouse.read(
        f"select algorithm, customer_id, cluster from {CLUSTERS} where feature_set = $feature_set",
        {"feature_set": feature_set},
    )
    return {str(name): of_one.set_index("customer_id")["cluster"] for name, of_one in rows.groupby("algorithm")}


def _model_before(warehouse: Warehouse, feature_set: str) -> tuple[dict[str, dict[int, Levels]], dict[str, int]]:
    """Of the last model, if it can be read, by algorithm the levels behind its personas and its number of clusters."""
    try:
        saved = load_model(warehouse.home.models / SUBJECT)
        told = saved.numbers["feature_sets"][feature_set] if saved else {"divisions": {}, "selection": []}
        levels = {
            name: {int(cluster): persona["levels"] for cluster, persona in of_one["personas"].items()}
            for name, of_one in told["divisions"].items()
        }
        return levels, {row["algorithm"]: row["k"] for row in told["selection"] if row["chosen"]}
    except (ModelError, KeyError):
        return {}, {}


def _is_whole(warehouse: Warehouse) -> bool:
    """Whether the table tells of the model in use, which fits, and no training is asked for.

    A run that was killed between saving a model and writing the table leaves a newer model than the table tells of.
    """
    fitted, reason = usable(warehouse, fitting_model)
    told = warehouse.value(f"select min(model) from {SELECTION}")
    return fitted is not None and fitted.id == told and not reason


def _model(warehouse: Warehouse) -> Fitted | None:
    """The model that the selection tells of; None if that is empty.

    Raises
    ------
    ModelError
        when it is not there: the selection was built by other settings or code, and not since.
    """
    told = warehouse.value(f"select min(model) from {SELECTION}")
    if told is None:
        return None
    fitted = fitting_model(warehouse)
    if fitted is None or fitted.id != told:
        raise ModelError(
            f"The model {told} that {SELECTION} tells of is not in use any more. Build that first: "
            f"'retail run --select {SELECTION}', or all with 'retail run'."
        )
    return fitted


def _make_clusters(warehouse: Warehouse) -> "pd.DataFrame":
    """Each customer's cluster by each feature set and algorithm."""
    import numpy as np
    import pandas as pd

    fitted, frame = _model(warehouse), warehouse.read(FEATURES)
    parts = []
    for feature_set, clustering in (fitted.clusterings if fitted else {}).items():
        for algorithm, clusters in clustering.assign(frame).items():
            names, codes = np.unique(clusters, return_inverse=True)
            told = [clustering.divisions[algorithm].persona(int(name)) for name in names]
            parts.append(
                pd.DataFrame(
                    {
                        "customer_id": frame["customer_id"],
                        "feature_set": pd.Categorical.from_codes([0] * len(frame), [feature_set]),
                        "algorithm": pd.Categorical.from_codes([0] * len(frame), [algorithm]),
                        "cluster": clusters,
                        "persona": pd.Categorical.from_codes(codes, told),
                        "is_champion": algorithm == clustering.champion,
                    }
                )
            )
    if not parts:
        return pd.DataFrame({name: pd.Series(dtype="object") for name in CLUSTERS_TABLE.columns})
    joined = {name: pd.api.types.union_categoricals([part[name] for part in parts]) for name in _CATEGORIES}
    others = [name for name in CLUSTERS_TABLE.columns if name not in _CATEGORIES]
    whole = pd.concat([part[others] for part in parts], ignore_index=True)
    return whole.assign(**joined)[list(CLUSTERS_TABLE.columns)]


_CATEGORIES = ("feature_set", "algorithm", "persona")


def _make_map(warehouse: Warehouse) -> "pd.DataFrame":
    """Each customer's place by each feature set."""
    import pandas as pd

    fitted, frame = _model(warehouse), warehouse.read(FEATURES)
    parts = []
    for feature_set, clustering in (fitted.clusterings if fitted else {}).items():
        places = clustering.place(frame)
        parts.append(
            pd.DataFrame(
                {"customer_id": frame["customer_id"], "feature_set": feature_set, "x": places[:, 0], "y": places[:, 1]}
            )
        )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(MAP_TABLE.columns))


def _make_profiles(warehouse: Warehouse) -> "pd.DataFrame":
    """What the customers of each cluster are like."""
    import pandas as pd

    frame = warehouse.read(FEATURES)
    money = warehouse.read(
        f"select customer_id, cast(cast(total_spend as decimal(38, 4)) * {SMALLEST} as bigint) as pence "
        "from customers.features"
    ).set_index("customer_id")["pence"]
    population = Population(frame) if len(frame) else None
    revenue, total = money.reindex(frame["customer_id"]).to_numpy(), int(money.sum())
    rows = []
    divisions = warehouse.execute(
        f"select distinct feature_set, algorithm, is_champion from {CLUSTERS} order by all"
    ).fetchall()
    for feature_set, algorithm, is_champion in divisions:
        assigned = warehouse.read(
            f"select customer_id, cluster, persona from {CLUSTERS} where feature_set = $set and algorithm = $algorithm",
            {"set": feature_set, "algorithm": algorithm},
        ).set_index("customer_id")
        clusters = assigned["cluster"].reindex(frame["customer_id"]).to_numpy()
        names = assigned.groupby("cluster")["persona"].first()
        assert population is not None
        for told in population.profile(clusters):
            spent = int(revenue[clusters == told["cluster"]].sum())
            share = spent / total if total else None
            persona = names[told["cluster"]]
            rows.append(
                {
                    "feature_set": feature_set,
                    "algorithm": algorithm,
                    "persona": persona,
                    "description": sentence(persona, told["share_customers"], share),
                    "revenue": spent / SMALLEST,
                    "share_revenue": share,
                    "sets_apart": _sets_apart(told),
                    "is_champion": is_champion,
                    **told,
                }
            )
    return pd.DataFrame(rows, columns=list(PROFILES_TABLE.columns))


def _sets_apart(told: Mapping[str, Any]) -> str:
    """The largest differences from all other customers, in words.

    Examples
    --------
    >>> zeros = {f"difference_{name}": 0.0 for name in LEVEL_MEASURES}
    >>> _sets_apart({**zeros, "difference_total_spend": 1.84, "difference_recency_days": -0.9})
    'total spend +1.8, recency days -0.9'
    """
    differences = {name: told[f"difference_{name}"] for name in LEVEL_MEASURES}
    order = sorted(differences, key=lambda name: (-abs(differences[name]), name))[:TOLD_APART]
    large = [name for name in order if abs(differences[name]) >= LEAST_DIFFERENCE]
    return ", ".join(f"{name.replace('_', ' ')} {differences[name]:+.1f}" for name in large) or "nothing much"


def _tell_selection(warehouse: Warehouse) -> Mapping[str, Any]:
    """Elbow and silhouette, dendrogram and distance curve of each feature set; or why there is none."""
    fitted = _model(warehouse)
    if fitted is None:
        customers, least = warehouse.count("customers.features"), warehouse.settings.clusters.least_customers
        why = f"{customers} customers, fewer than clusters.least_customers = {least}" if customers < least else ""
        return {"no_clusters": why or "the measures tell no two customers apart"}
    told: dict[str, Any] = {
        "model": fitted.id,
        "fitted_at": fitted.notes["created_at"],
        "fitted_because": fitted.notes["reason"],
    }
    for name, clustering in fitted.clusterings.items():
        pictures = {}
        of_kmeans = [row for row in clustering.selection if row["algorithm"] == "kmeans"]
        if of_kmeans:
            pictures["elbow and silhouette"] = charts.elbow_chart(of_kmeans)
        chosen = {row["algorithm"]: row for row in clustering.selection if row["chosen"]}
        if len(clustering.linkage):
            pictures["dendrogram"] = charts.dendrogram_chart(clustering.linkage, chosen["agglomerative"]["k"])
        if len(clustering.curve):
            reach = clustering.divisions["dbscan"].model.arrays()["reach"]
            pictures["distance curve"] = charts.curve_chart(clustering.curve.tolist(), float(reach[0]))
        for title, svg in pictures.items():
            key = f"{title.replace(' ', '_')}_{name}"
            told[key] = dg.MetadataValue.md(image(f"{title}, {name}", svg))
    return told


def _tell_map(warehouse: Warehouse) -> Mapping[str, Any]:
    """The map of each feature set, coloured by the champion's personas."""
    told = {}
    sets = warehouse.execute(f"select distinct feature_set from {MAP} order by 1").fetchall()
    for (name,) in sets:
        rows = warehouse.read(
            f"""
            select places.x, places.y, clusters.persona
            from {MAP} as places
            join {CLUSTERS} as clusters
                on places.customer_id = clusters.customer_id and places.feature_set = clusters.feature_set
            where places.feature_set = $name and clusters.is_champion
            order by md5(places.customer_id), places.customer_id
            limit {MAP_POINTS}
            """,
            {"name": name},
        )
        svg = charts.map_chart(rows[["x", "y"]].to_numpy(), rows["persona"].tolist())
        told[f"map_{name}"] = dg.MetadataValue.md(image(f"cluster map, {name}", svg))
    return told


_SET = ("varchar", "the measures by which customers are compared, 'classic' or 'rfm'")
_ALGORITHM = ("varchar", "kmeans, agglomerative, dbscan, hdbscan or gaussian_mixture")

SELECTION_TABLE = FrameTable(
    name=SELECTION,
    row="an algorithm with a number of clusters that was tried on a feature set",
    about="From the last training: 'retail train', weekly, or when settings or code have changed. The number of "
    "clusters is the one of the highest silhouette from clusters.k_min to clusters.k_max, of equal ones the smaller; "
    "the last training's stays until another's is higher by more than 0.02; dbscan and hdbscan find theirs. Champion "
    "of a feature set is, of the algorithms that leave few customers out and make no tiny cluster, the one with the "
    "highest standing; k-means if there is none. The model is in models/ in the home. With too few customers "
    "(clusters.least_customers) there are no rows; the materialisation says why. Scores are measured on "
    "clusters.sample_customers customers where there are more.",
    key=("feature_set", "algorithm", "k"),
    columns={
        "feature_set": _SET,
        "algorithm": _ALGORITHM,
        "k": ("bigint", "clusters [clusters]"),
        "silhouette": ("double", "how much nearer customers are to their own cluster than to the next [-1 to 1]"),
        "calinski_harabasz": ("double", "spread between clusters by spread within, the higher the better"),
        "davies_bouldin": ("double", "how alike clusters are to the one they are most alike, the lower the better"),
        "inertia": ("double", "sum of squared distances from the clusters' means, of all customers"),
        "stability_ari": ("double", "adjusted Rand index between this division and those of resampled customers, mean"),
        "gap": ("double", "gap statistic of k-means: log inertia of evenly spread customers less that of these"),
        "gap_error": ("double", "its standard error"),
        "bic": ("double", "Bayesian information criterion of a Gaussian mixture, the lower the better"),
        "is_elbow": ("boolean", "whether the inertia of k-means bends most here"),
        "noise_share": ("double", "customers without a cluster [share]"),
        "smallest_share": ("double", "customers in the smallest cluster [share]"),
        "standing": ("double", "silhouette times stability times the share of customers with a cluster"),
        "may_lead": ("boolean", "whether it is chosen and leaves few out, with clusters enough and none too small"),
        "chosen": ("boolean", "whether the algorithm's clusters are these"),
        "is_champion": ("boolean", "whether they are the champion's of the feature set"),
        "model": ("varchar", "a hash of the model, which is the folder in models/clusters/"),
    },
    upstream=("customers.features",),
    make=_make_selection,
    code=CODE,
    parameters=SETTINGS,
    is_whole=_is_whole,
    tell=_tell_selection,
)
CLUSTERS_TABLE = FrameTable(
    name=CLUSTERS,
    row="a customer with its cluster by a feature set and an algorithm",
    about="Each night customers, new ones too, are assigned to the clusters of the last training; those keep the "
    "number and, as long as it is true, the name of the clusters before that they share most customers with. A persona "
    "says where a cluster's medians lie among all customers: recent or lapsed, frequent or rare, big or small spenders "
    "above two thirds and below one third of them, one-time where half have no second order. Clusters of dbscan and "
    "hdbscan leave some out (-1).",
    key=("customer_id", "feature_set", "algorithm"),
    columns={
        "customer_id": ("varchar", "the customer"),
        "feature_set": _SET,
        "algorithm": _ALGORITHM,
        "cluster": ("bigint", "the cluster's number from 1 on, -1 for none"),
        "persona": ("varchar", "what the cluster is called"),
        "is_champion": ("boolean", "whether the algorithm is the champion of the feature set: one row a customer"),
    },
    upstream=("customers.features", SELECTION),
    make=_make_clusters,
    code=CODE,
    parameters=SETTINGS,
)
MAP_TABLE = FrameTable(
    name=MAP,
    row="a customer's place on the map of a feature set",
    about="The first two principal components of the prepared measures, as of the last training; for pictures.",
    key=("customer_id", "feature_set"),
    columns={
        "customer_id": ("varchar", "the customer"),
        "feature_set": _SET,
        "x": ("double", "along the direction in which customers differ most [standard deviations]"),
        "y": ("double", "along the second [standard deviations]"),
    },
    upstream=("customers.features", SELECTION, CLUSTERS),
    make=_make_map,
    code=CODE,
    parameters=SETTINGS,
    tell=_tell_map,
)
PROFILES_TABLE = FrameTable(
    name=PROFILES,
    row="a cluster of a feature set and an algorithm, with what its customers are like",
    about="As of the last run: personas are those of the training, figures those of today's customers. Differences are "
    "Cohen's d on the prepared scale (transformed, standardised, outliers drawn in) against all customers outside.",
    key=("feature_set", "algorithm", "cluster"),
    columns={
        "feature_set": _SET,
        "algorithm": _ALGORITHM,
        "cluster": ("bigint", "its number, -1 for customers without one"),
        "persona": ("varchar", "what it is called"),
        "description": ("varchar", "persona with its share of customers and revenue"),
        "customers": ("bigint", "its customers [customers]"),
        "share_customers": ("double", "of all customers [share]"),
        "revenue": ("decimal(18, 4)", "what they have bought in total [reporting currency]"),
        "share_revenue": ("double", "of that of all customers [share]"),
        **{
            f"median_{name}": ("double", f"median of {name} [as in customers.features]") for name in LEVEL_MEASURES
        },
        "weekday": ("bigint", f"most common preferred weekday [1 {WEEKDAYS[0]} to 7 {WEEKDAYS[-1]}]"),
        "weekday_share": ("double", "customers who prefer it [share]"),
        **{
            f"difference_{name}": ("double", f"mean of {name} against all others [pooled standard deviations]")
            for name in LEVEL_MEASURES
        },
        "sets_apart": ("varchar", "the largest of these differences, in words [standard deviations]"),
        "is_champion": ("boolean", "whether the algorithm is the champion of the feature set"),
    },
    upstream=("customers.features", CLUSTERS),
    make=_make_profiles,
    code=CODE,
)  # fmt: skip
TABLES = (SELECTION_TABLE, CLUSTERS_TABLE, MAP_TABLE, PROFILES_TABLE)
