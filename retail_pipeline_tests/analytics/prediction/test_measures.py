"""Measures are those of scikit-learn and scipy, also with customers counted several times; cut-offs never overlap."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics

from retail_pipeline.analytics.prediction import measures
from retail_pipeline.analytics.prediction.cutoffs import Plan
from retail_pipeline.analytics.prediction.measures import CLASSIFICATION, REGRESSION, estimate

RANDOM = np.random.default_rng(3)
PROBABILITY = np.round(RANDOM.beta(2, 3, 400), 2)  # many ties
EVENT = (RANDOM.random(400) < PROBABILITY).astype(float)
MONEY = np.where(RANDOM.random(400) < 0.4, 0.0, np.round(RANDOM.gamma(0.5, 100, 400), 1))
GUESS = np.round(MONEY * RANDOM.uniform(0.3, 1.5, 400) + RANDOM.normal(0, 20, 400))
TIMES = RANDOM.integers(0, 4, 400)
SKLEARN = {
    "roc_auc": metrics.roc_auc_score,
    "pr_auc": metrics.average_precision_score,
    "brier": metrics.brier_score_loss,
    "log_loss": metrics.log_loss,
    "r2": metrics.r2_score,
    "mae": metrics.mean_absolute_error,
    "rmse": metrics.root_mean_squared_error,
}


@pytest.mark.parametrize("name", SKLEARN)
def test_a_measure_is_that_of_scikit_learn_with_weights_too(name: str) -> None:
    actual, predicted = (EVENT, PROBABILITY) if name in CLASSIFICATION else (MONEY, GUESS)
    measure = {**CLASSIFICATION, **REGRESSION}[name]
    found = measure(actual, predicted, np.stack([np.ones(400), TIMES.astype(float)]))
    expected = [SKLEARN[name](actual, predicted), SKLEARN[name](actual, predicted, sample_weight=TIMES)]
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("name", [*CLASSIFICATION, *REGRESSION])
def test_weights_are_as_good_as_customers_who_stand_there_several_times(name: str) -> None:
    actual, predicted = (EVENT, PROBABILITY) if name in CLASSIFICATION else (MONEY, GUESS)
    measure = {**REGRESSION, **CLASSIFICATION}[name]
    if name in ("ece", "decile_error"):  # their groups are those of all customers, not of a resample
        return
    repeated = measure(np.repeat(actual, TIMES), np.repeat(predicted, TIMES), np.ones((1, int(TIMES.sum()))))
    np.testing.assert_allclose(measure(actual, predicted, TIMES[None].astype(float)), repeated)


def test_ranks_correlate_as_in_scipy() -> None:
    found = measures.spearman(MONEY, GUESS, np.ones((1, 400)))
    np.testing.assert_allclose(found, stats.spearmanr(MONEY, GUESS).statistic)


def test_gini_is_one_for_the_perfect_order_and_zero_for_none() -> None:
    ones = np.ones((1, 400))
    np.testing.assert_allclose(measures.gini(MONEY, MONEY * 7 + 1, ones), 1)
    np.testing.assert_allclose(measures.gini(MONEY, np.ones(400), ones), 0, atol=1e-12)
    np.testing.assert_allclose(measures.gini(MONEY, -MONEY, ones), -1)


def test_the_top_decile_is_counted_by_hand() -> None:
    actual, predicted = np.array([5.0, 0, 0, 0, 0, 0, 0, 0, 3, 2]), np.arange(10.0)
    ones = np.ones((1, 10))
    np.testing.assert_allclose(measures.top_decile_gain(actual, predicted, ones), 2 / 10)
    # two share the border: each counts half
    predicted[8] = predicted[9]
    np.testing.assert_allclose(measures.top_decile_gain(actual, predicted, ones), (2 + 3) / 2 / 10)
    np.testing.assert_allclose(measures.top_decile_lift(actual, predicted, ones), (2 + 3) / 2 / 10 / 0.1)


def test_the_calibration_error_is_counted_by_hand() -> None:
    predicted, actual = np.repeat([0.1, 0.6], 50), np.tile([0.0, 0, 0, 0, 1], 20)  # a fifth comes of each
    np.testing.assert_allclose(measures.ece(actual, predicted, np.ones((1, 100))), (0.1 + 0.4) / 2)


def test_the_error_of_tenths_is_counted_by_hand() -> None:
    predicted, actual = np.repeat([10.0, 60.0], 50), np.tile([0.0, 0, 0, 0, 100], 20)  # a mean of 20 in each
    found = measures.decile_error(actual, predicted, np.ones((1, 100)))
    np.testing.assert_allclose(found, (10 + 40) / 2 / 20)


def test_an_interval_holds_the_value_and_is_that_of_the_mean() -> None:
    found = estimate({"brier": measures.brier, "roc_auc": measures.roc_auc}, EVENT, PROBABILITY)
    squares = (EVENT - PROBABILITY) ** 2
    half = 1.96 * squares.std() / 20
    assert found["brier"].value == pytest.approx(squares.mean())
    assert found["brier"].lower == pytest.approx(squares.mean() - half, abs=half / 4)
    assert found["brier"].upper == pytest.approx(squares.mean() + half, abs=half / 4)
    assert found["roc_auc"].lower < found["roc_auc"].value < found["roc_auc"].upper


def test_what_is_not_defined_is_not_a_number() -> None:
    assert np.isnan(estimate({"roc_auc": measures.roc_auc}, np.ones(5), np.arange(5.0))["roc_auc"].value)
    assert np.isnan(estimate({"r2": measures.r2}, np.zeros(0), np.zeros(0))["r2"].value)


@given(st.integers(1, 400), st.integers(1, 60), st.integers(1, 5), st.integers(0, 900))
@settings(max_examples=60, deadline=None)
def test_labels_of_training_end_before_the_cutoff_and_all_horizons_are_whole(
    horizon: int, step: int, folds: int, length: int
) -> None:
    first, last = date(2022, 1, 1), date(2022, 1, 1) + timedelta(length)
    found = Plan(horizon, step, folds).lay(first, last)
    assert [fold.split for fold in found][:-1] == ["validation"] * (len(found) - 1)
    for fold in found:
        assert fold.cutoff + timedelta(horizon) <= last + timedelta(1)
        assert fold.training
        assert list(fold.training) == sorted(set(fold.training))
        for day in fold.training:
            assert day + timedelta(horizon) <= fold.cutoff
            assert day >= first + timedelta(90)
    if found:
        assert found[-1].split == "test"
        assert found[-1].cutoff + timedelta(horizon) == last + timedelta(1)
