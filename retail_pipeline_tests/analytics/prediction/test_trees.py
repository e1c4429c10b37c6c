"""Ensembles of trees: saved, read and explained alike, whichever library grew them."""

import itertools
import json
from collections.abc import Callable
from math import factorial

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from retail_pipeline.analytics.prediction import trees
from retail_pipeline.analytics.prediction.trees import (
    TreeScores,
    boost,
    boost_gradients,
    boost_multiples,
    boost_poisson,
    grow_forest,
    grow_multiples,
    telling_columns,
)

Floats = NDArray[np.float64]
GROWN = [boost, grow_forest, boost_gradients]


@pytest.fixture(autouse=True)
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trees, "BOOSTED_TREES", 12)
    monkeypatch.setattr(trees, "FOREST_TREES", 12)


@pytest.fixture(scope="module")
def rows() -> tuple[Floats, Floats]:
    """Four columns that matter together, one that is not always known, one of a single value, one unknown."""
    rng = np.random.default_rng(1)
    values = rng.normal(size=(1_500, 6)).astype(np.float32).astype(np.float64)
    values[:, 3] = np.where(rng.random(1_500) < 0.3, np.nan, values[:, 3])
    values[:, 4], values[:, 5] = 1.0, np.nan
    score = values[:, 0] + values[:, 1] * values[:, 2] + np.nan_to_num(values[:, 3], nan=2.0)
    return values, (score > rng.normal(size=1_500)).astype(np.float64)


@pytest.mark.parametrize("grow", GROWN)
def test_an_ensemble_read_again_scores_the_same(
    grow: Callable[[Floats, Floats], TreeScores], rows: tuple[Floats, Floats]
) -> None:
    fitted = grow(*rows)
    read = TreeScores.of(json.loads(json.dumps(fitted.to_json())))
    assert np.array_equal(read.scores(rows[0]), fitted.scores(rows[0]))
    assert read == TreeScores.of(read.to_json())


@pytest.mark.parametrize("grow", GROWN)
def test_growing_again_gives_the_same_text(
    grow: Callable[[Floats, Floats], TreeScores], rows: tuple[Floats, Floats]
) -> None:
    assert grow(*rows).text == grow(*rows).text


def test_gradient_boosting_scores_as_scikit_learn_does(rows: tuple[Floats, Floats]) -> None:
    values, events = rows
    reference = HistGradientBoostingClassifier(
        max_depth=3, learning_rate=0.1, max_iter=12, min_samples_leaf=40, l2_regularization=1.0,
        early_stopping=False, random_state=trees.SEED,
    ).fit(values[:, :4], events)  # fmt: skip
    fresh = np.random.default_rng(2).normal(size=(300, 6)).astype(np.float32).astype(np.float64)
    fresh[::5, 3] = np.nan
    for some in (values, fresh):
        found = boost_gradients(values, events).scores(some)
        assert found == pytest.approx(reference.decision_function(some[:, :4]), abs=1e-5)


@pytest.mark.parametrize("grow", GROWN)
def test_contributions_add_up_to_the_score_but_for_a_constant(
    grow: Callable[[Floats, Floats], TreeScores], rows: tuple[Floats, Floats]
) -> None:
    fitted = grow(*rows)
    rest = fitted.scores(rows[0]) - fitted.contributions(rows[0]).sum(axis=1)
    assert np.ptp(rest) == pytest.approx(0, abs=1e-5)
    assert not fitted.contributions(rows[0])[:, 4:].any()


def test_contributions_of_converted_trees_are_shapley_values(rows: tuple[Floats, Floats]) -> None:
    values, events = rows
    fitted = boost_gradients(values, events)
    found = fitted.contributions(values[:3])
    for row, of_row in zip(values[:3], found, strict=True):
        assert of_row[:4] == pytest.approx(_shapley(fitted, row), abs=1e-5)


def _shapley(fitted: TreeScores, row: Floats) -> Floats:
    """By the definition, over all orders of four features: the path-dependent expectation of Lundberg (2020)."""
    learner = json.loads(fitted.text)["learner"]
    grown = learner["gradient_booster"]["model"]["trees"]

    def expected(tree: dict[str, list[float]], node: int, known: frozenset[int]) -> float:
        left, right = int(tree["left_children"][node]), int(tree["right_children"][node])
        if left < 0:
            return tree["split_conditions"][node]
        feature = int(tree["split_indices"][node])
        if feature in known:
            value = row[feature]
            goes = tree["default_left"][node] == 1 if np.isnan(value) else value < tree["split_conditions"][node]
            return expected(tree, left if goes else right, known)
        weights = tree["sum_hessian"]
        parts = [weights[child] * expected(tree, child, known) for child in (left, right)]
        return sum(parts) / (weights[left] + weights[right])

    total = np.zeros(4)
    for feature in range(4):
        others = [one for one in range(4) if one != feature]
        for size in range(4):
            share = factorial(size) * factorial(3 - size) / factorial(4)
            for subset in itertools.combinations(others, size):
                known = frozenset(subset)
                for tree in grown:
                    total[feature] += share * (expected(tree, 0, known | {feature}) - expected(tree, 0, known))
    return total


def test_columns_of_one_value_or_none_are_left_out() -> None:
    values = np.array([[1.0, 2.0, np.nan, np.nan], [1.0, 3.0, 4.0, np.nan]])
    assert telling_columns(values) == (1,)


@pytest.mark.parametrize("grow", [boost_multiples, grow_multiples, boost_poisson])
def test_ensembles_of_numbers_say_the_mean(grow: Callable[..., TreeScores], rows: tuple[Floats, Floats]) -> None:
    values, _ = rows
    truth = np.exp(0.5 * values[:, 0])
    numbers = truth * np.random.default_rng(5).gamma(2, 1 / 2, len(values))
    weights = np.where(values[:, 1] > 0, 2.0, 1.0) if grow is not boost_poisson else np.ones(len(values))
    weighted = (values, numbers, weights) if grow is not boost_poisson else (values, numbers)
    fitted = TreeScores.of(json.loads(json.dumps(grow(*weighted).to_json())))
    scores = fitted.scores(values)
    told = scores if grow is grow_multiples else np.exp(scores)
    assert np.average(told, weights=weights) == pytest.approx(np.average(numbers, weights=weights), rel=0.05)
    assert np.corrcoef(told, truth)[0, 1] > 0.9


def test_gradient_boosting_of_numbers_scores_as_scikit_learn_does(rows: tuple[Floats, Floats]) -> None:
    values, events = rows
    reference = HistGradientBoostingRegressor(
        loss="poisson", max_depth=3, learning_rate=0.1, max_iter=12, min_samples_leaf=40, max_bins=63,
        l2_regularization=1.0, early_stopping=False, random_state=trees.SEED,
    ).fit(values[:, :4], events + 0.5)  # fmt: skip
    found = boost_poisson(values, events + 0.5).scores(values)
    assert np.exp(found) == pytest.approx(reference.predict(values[:, :4]), rel=1e-5)
