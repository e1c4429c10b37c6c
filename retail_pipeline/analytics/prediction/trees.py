"""Ensembles of trees that score customers, kept as XGBoost's JSON whoever grew them; exact tree SHAP comes with it."""

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import xgboost

Floats = NDArray[np.float64]

SEED = 20_111_209
COMMON = {"nthread": 1, "seed": SEED, "tree_method": "hist", "verbosity": 0}
BOOSTED_TREES, FOREST_TREES = 100, 100


@dataclass(frozen=True)
class TreeScores:
    """A fitted ensemble: its JSON, and the columns of the matrix that it was given."""

    text: str
    columns: tuple[int, ...]

    @cached_property
    def booster(self) -> "xgboost.Booster":
        """The ensemble as XGBoost reads it."""
        import xgboost

        booster = xgboost.Booster({"nthread": 1})
        booster.load_model(bytearray(self.text.encode()))
        return booster

    def scores(self, values: Floats) -> Floats:
        """The sum of the trees' leaves of each customer; shape (customers,)."""
        return np.asarray(self.booster.predict(self._given(values), output_margin=True), dtype=np.float64)

    def contributions(self, values: Floats) -> Floats:
        """What each feature adds to a customer's score: exact tree SHAP (Lundberg 2020); shape of ``values``."""
        told = self.booster.predict(self._given(values), pred_contribs=True)
        found = np.zeros(values.shape)
        found[:, list(self.columns)] = told[:, :-1]
        return found

    def to_json(self) -> dict[str, Any]:
        """The ensemble as JSON holds it."""
        return {"xgboost": json.loads(self.text), "columns": list(self.columns)}

    @classmethod
    def of(cls, told: dict[str, Any]) -> Self:
        """What :meth:`to_json` gave."""
        return cls(json.dumps(told["xgboost"]), tuple(told["columns"]))

    def _given(self, values: Floats) -> "xgboost.DMatrix":
        import xgboost

        return xgboost.DMatrix(values[:, list(self.columns)], nthread=1)


def boost(values: Floats, events: Floats) -> TreeScores:
    """XGBoost (Chen & Guestrin 2016): shallow trees, each for what those before it left; scores are log odds."""
    return _grow(
        values,
        events,
        BOOSTED_TREES,
        objective="binary:logistic", max_depth=3, eta=0.1, subsample=0.7, colsample_bytree=0.5, min_child_weight=20,
        reg_lambda=5,
    )  # fmt: skip


def grow_forest(values: Floats, events: Floats) -> TreeScores:
    """A random forest (Breiman 2001) by XGBoost: the score is the mean share of events in a customer's leaves."""
    return _grow(
        values,
        events,
        1,
        objective="reg:squarederror", num_parallel_tree=FOREST_TREES, max_depth=5, eta=1, subsample=0.63,
        colsample_bynode=0.25, min_child_weight=10, reg_lambda=0,
    )  # fmt: skip


def boost_gradients(values: Floats, events: Floats) -> TreeScores:
    """Gradient boosting (Friedman 2001) on binned values, by scikit-learn; scores are log odds."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    columns = telling_columns(values)
    model = HistGradientBoostingClassifier(
        max_depth=3, learning_rate=0.1, max_iter=BOOSTED_TREES, min_samples_leaf=40, l2_regularization=1.0,
        early_stopping=False, random_state=SEED,
    ).fit(values[:, columns], events)  # fmt: skip
    grown = [predictor.nodes for (predictor,) in model._predictors]
    base = float(np.ravel(model._baseline_prediction)[0])
    return TreeScores(_as_xgboost(grown, base, len(columns)), columns)


def boost_multiples(
    values: Floats, multiples: Floats, weights: Floats, *, depth: int = 3, power: float = 1.5
) -> TreeScores:
    """XGBoost on numbers from nothing up, by the Tweedie deviance; scores are logarithms of their mean.

    Parameters
    ----------
    power
        How the variance grows with the mean: as mean ** power (Jorgensen 1987), from 1 to 2.
    """
    return _grow(
        values,
        multiples,
        BOOSTED_TREES,
        weights=weights,
        objective="reg:tweedie", tweedie_variance_power=power, max_depth=depth, eta=0.1, subsample=0.7,
        colsample_bytree=0.5, min_child_weight=10, reg_lambda=5,
    )  # fmt: skip


def grow_multiples(values: Floats, multiples: Floats, weights: Floats) -> TreeScores:
    """A random forest by XGBoost: the score is the weighted mean of the numbers in a customer's leaves."""
    return _grow(
        values,
        multiples,
        1,
        weights=weights,
        objective="reg:squarederror", num_parallel_tree=FOREST_TREES, max_depth=6, eta=1, subsample=0.63,
        colsample_bynode=0.33, min_child_weight=15, reg_lambda=0,
    )  # fmt: skip


def boost_poisson(values: Floats, multiples: Floats, weights: Floats) -> TreeScores:
    """Gradient boosting by scikit-learn on numbers from nothing up, by the Poisson deviance; scores are logarithms."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    columns = telling_columns(values)
    model = HistGradientBoostingRegressor(
        loss="poisson", max_depth=3, learning_rate=0.1, max_iter=BOOSTED_TREES, min_samples_leaf=40, max_bins=63,
        l2_regularization=1.0, early_stopping=False, random_state=SEED,
    ).fit(values[:, columns], multiples, sample_weight=weights)  # fmt: skip
    grown = [predictor.nodes for (predictor,) in model._predictors]
    return TreeScores(_as_xgboost(grown, float(np.ravel(model._baseline_prediction)[0]), len(columns)), columns)


def telling_columns(values: Floats) -> tuple[int, ...]:
    """The columns with two different known values."""
    known = np.isfinite(values)
    lowest = np.where(known, values, np.inf).min(axis=0)
    highest = np.where(known, values, -np.inf).max(axis=0)
    return tuple(int(place) for place in np.flatnonzero(highest > lowest))


def _grow(
    values: Floats, outcomes: Floats, rounds: int, weights: Floats | None = None, **parameters: Any
) -> TreeScores:
    import xgboost

    columns = telling_columns(values)
    table = xgboost.DMatrix(values[:, columns], outcomes, weight=weights, nthread=1)
    mean = float(np.average(outcomes, weights=weights))
    base = {"base_score": max(mean, 0.001) if weights is not None else float(np.clip(mean, 0.001, 0.999))}
    booster = xgboost.train({**COMMON, **base, **parameters}, table, rounds)
    return TreeScores(bytes(booster.save_raw("json")).decode(), columns)


def _as_xgboost(trees: "list[np.ndarray[Any, Any]]", base: float, features: int) -> str:
    """Trees of scikit-learn's histogram boosting as XGBoost's JSON: splits, leaves, ways of missing values, counts."""
    import xgboost

    table = xgboost.DMatrix(np.zeros((2, features)), np.array([0.0, 1.0]), nthread=1)
    empty = xgboost.train({**COMMON, "objective": "binary:logistic", "base_score": 0.5}, table, 1)
    told = json.loads(bytes(empty.save_raw("json")))
    learner = told["learner"]
    model = learner["gradient_booster"]["model"]
    (pattern,) = model["trees"]
    model["trees"] = [_as_tree(pattern, nodes, place) for place, nodes in enumerate(trees)]
    model["tree_info"] = [0] * len(trees)
    model["iteration_indptr"] = list(range(len(trees) + 1))
    model["gbtree_model_param"]["num_trees"] = str(len(trees))
    before = learner["learner_model_param"]["base_score"]
    score = repr(float(1 / (1 + np.exp(-base))))
    learner["learner_model_param"]["base_score"] = f"[{score}]" if before.startswith("[") else score
    return json.dumps(told)


def _as_tree(pattern: dict[str, Any], nodes: "np.ndarray[Any, Any]", place: int) -> dict[str, Any]:
    nodes, left = _side_by_side(nodes)
    inner = left >= 0
    count = len(nodes)
    parents = np.full(count, 2**31 - 1)
    parents[left[inner]] = parents[left[inner] + 1] = np.flatnonzero(inner)
    return {
        **pattern,
        "base_weights": _mean_values(nodes, left).tolist(),
        "default_left": nodes["missing_go_to_left"].astype(int).tolist(),
        "id": place,
        "left_children": left.tolist(),
        "loss_changes": [0.0] * count,
        "parents": parents.tolist(),
        "right_children": np.where(inner, left + 1, -1).tolist(),
        "split_conditions": np.where(inner, _upper_bounds(nodes["num_threshold"]), nodes["value"]).tolist(),
        "split_indices": np.where(inner, nodes["feature_idx"].astype(np.int64), 0).tolist(),
        "split_type": [0] * count,
        "sum_hessian": nodes["count"].astype(float).tolist(),
        "tree_param": {**pattern["tree_param"], "num_nodes": str(count), "num_deleted": "0"},
    }


def _side_by_side(nodes: "np.ndarray[Any, Any]") -> "tuple[np.ndarray[Any, Any], NDArray[np.int64]]":
    """Nodes with each right child behind its left one, as XGBoost takes for granted, and by node its left child."""
    order = [0]
    left: list[int] = []
    for node in order:  # grows meanwhile
        if nodes["is_leaf"][node]:
            left.append(-1)
        else:
            left.append(len(order))
            order += [int(nodes["left"][node]), int(nodes["right"][node])]
    return nodes[order], np.array(left)


def _mean_values(nodes: "np.ndarray[Any, Any]", left: NDArray[np.int64]) -> Floats:
    """The mean of the leaves below each node, by customers."""
    means, counts = nodes["value"].astype(np.float64), nodes["count"].astype(np.float64)
    for place in np.flatnonzero(left >= 0)[::-1]:
        below = slice(left[place], left[place] + 2)
        means[place] = np.average(means[below], weights=counts[below])
    return means


def _upper_bounds(thresholds: Floats) -> Floats:
    """The single-precision numbers next above, for XGBoost goes left below a bound and scikit-learn up to it."""
    rounded = thresholds.astype(np.float32)
    below = np.where(rounded > thresholds, np.nextafter(rounded, np.float32(-np.inf)), rounded)
    bounds = np.nextafter(below, np.float32(np.inf))
    return np.where(np.isfinite(bounds), bounds, np.finfo(np.float32).max).astype(np.float64)
