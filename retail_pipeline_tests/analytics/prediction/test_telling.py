"""What is told of predictions: curves, weights of features, reasons, drift, and the day to expect an order."""

from datetime import timedelta

import numpy as np
import pytest
from sklearn.metrics import auc, roc_auc_score, roc_curve

from retail_pipeline.analytics.prediction.curves import curves
from retail_pipeline.analytics.prediction.drift import psi, reference
from retail_pipeline.analytics.prediction.importance import churn_reasons, importance
from retail_pipeline.analytics.prediction.matrix import FEATURES, GROUPS, UNKNOWN, in_words
from retail_pipeline.analytics.prediction.purchase_models import train
from retail_pipeline.analytics.prediction.rows import EPOCH, as_number
from retail_pipeline.analytics.prediction.timing import days_until_likely
from retail_pipeline_tests.analytics.prediction.shoppers import shoppers

EVENTS, TOLD = np.array([0.0, 1, 0, 1, 1]), np.array([0.1, 0.4, 0.4, 0.8, 0.9])


def points(curve: str, events: np.ndarray, told: np.ndarray) -> list[tuple[float, float]]:  # type: ignore[type-arg]
    return [(row["x"], row["y"]) for row in curves(events, told) if row["curve"] == curve]


def test_the_roc_curve_is_that_of_scikit_learn() -> None:
    across, up, _ = roc_curve(EVENTS, TOLD, drop_intermediate=False)
    assert points("roc", EVENTS, TOLD) == list(zip(across.tolist(), up.tolist(), strict=True))


def test_few_points_keep_the_area() -> None:
    rng = np.random.default_rng(1)
    told = rng.random(5_000)
    events = (rng.random(5_000) < told).astype(np.float64)
    across, up = zip(*points("roc", events, told), strict=True)
    assert len(across) == 51
    assert auc(across, up) == pytest.approx(roc_auc_score(events, told), abs=1e-3)


def test_gain_by_hand() -> None:
    expected = [(0, 0), (0.2, 1 / 3), (0.4, 2 / 3), (0.8, 1), (1, 1)]
    for found, wanted in zip(points("gain", EVENTS, TOLD), expected, strict=True):
        assert found == pytest.approx(wanted)


def test_reliability_does_not_part_equal_probabilities() -> None:
    told = np.array([0.2] * 60 + [0.7] * 40)
    events = np.array([1.0] * 15 + [0.0] * 45 + [1.0] * 30 + [0.0] * 10)
    found = points("reliability", events, told)
    assert [pytest.approx(one) for one in found] == [(0.2, 0.25), (0.7, 0.75)]


def test_there_is_no_curve_without_events() -> None:
    assert points("roc", np.zeros(5), TOLD) == points("gain", np.zeros(5), TOLD) == []


def test_features_that_matter_have_weight_and_others_none() -> None:
    data = shoppers()
    rows = importance(train("logistic_regression", data, 30), data.values, data.events)
    weights = {(row["feature"], row["method"]): row["value"] for row in rows}
    assert weights["recency_days", "permutation"] > 0.02
    assert weights["recency_days", "shap"] > weights["total_spend", "shap"]
    assert ("discount_share", "shap") not in weights  # the same for all
    assert ("avg_gap_days", "shap") not in weights  # not known


def test_reasons_sum_up_what_says_much_the_same() -> None:
    values, added = np.full((2, len(FEATURES)), np.nan), np.zeros((2, len(FEATURES)))
    place = FEATURES.index
    values[:, place("last_order_value")], values[:, place("largest_order_value")] = 50.0, 400.0
    values[:, place("recency_days")] = 90.0
    added[0, place("last_order_value")], added[0, place("largest_order_value")] = 1.0, -0.98  # nothing, together
    added[0, place("recency_days")] = -0.5
    added[1, place("last_order_value")], added[1, place("largest_order_value")] = 1.0, -0.2
    assert churn_reasons(values, added) == [
        "last order 90 days ago (raises the risk)",
        "a last order of 50 (lowers the risk)",
    ]
    assert churn_reasons(values, np.zeros_like(added)) == ["nothing stands out"] * 2


def test_what_bg_nbd_knows_is_one_reason() -> None:
    data = shoppers(cutoffs=(0, 30))
    model = train("btyd", data, 30)
    told = churn_reasons(data.values, model.contributions(data.values), groups=model.groups)
    assert not any(";" in reason for reason in told)
    safest, least = np.argmax(model.probabilities(data.values)), np.argmin(model.probabilities(data.values))
    assert "(lowers the risk)" in told[safest]
    assert "(raises the risk)" in told[least]


def test_every_feature_has_words_and_every_group_features() -> None:
    assert all(in_words(name, 0.0) and in_words(name, float("nan")) for name in FEATURES)
    assert set(GROUPS) | set(UNKNOWN) <= set(FEATURES)


def test_drift_is_nothing_among_the_same_and_grows_with_a_shift() -> None:
    rng = np.random.default_rng(1)
    before = rng.normal(size=4_000)
    told = reference(before)
    assert psi(told, before) == 0
    assert psi(told, rng.normal(size=4_000)) < 0.02
    assert psi(told, before + 1) > psi(told, before + 0.5) > 0.1
    # a normal shifted by one: the index is that of the tenths, 1 for infinitely many parts
    assert psi(told, before + 1) == pytest.approx(0.9, abs=0.12)


def test_drift_sees_that_values_became_unknown() -> None:
    before = np.array([1.0] * 50 + [np.nan] * 50)
    now = np.array([1.0] * 25 + [np.nan] * 75)
    assert psi(reference(before), now) == pytest.approx(0.25 * np.log(0.75 / 0.5) - 0.25 * np.log(0.25 / 0.5))
    assert psi(reference(np.full(4, np.nan)), np.full(2, np.nan)) == 0


def test_the_day_to_expect_an_order_by_hand() -> None:
    told = np.array([[0.0, 0.5, 0.6], [0.9, 0.95, 0.99], [0.1, 0.19, 0.271], [0.0, 0.0, 0.0], [0.5, 0.5, 0.5]])
    found = days_until_likely(told, (10, 20, 30))
    assert found[0] == pytest.approx(20)
    assert found[1] == pytest.approx(10 * np.log(0.5) / np.log(0.1))
    assert found[2] == pytest.approx(10 * np.log(0.5) / np.log(0.9))  # nine of ten stay away in each ten days
    assert np.isnan(found[3])
    assert found[4] == pytest.approx(10)
    # after the last of them at the mean rate, however steep or flat a last stretch of a day is
    assert days_until_likely(np.array([[0.3, 0.3], [0.3, 0.31]]), (30, 31)) == pytest.approx(
        [31 * np.log(0.5) / np.log(0.7), 31 * np.log(0.5) / np.log(0.69)]
    )


def test_days_are_counted_from_1970() -> None:
    assert as_number(EPOCH + timedelta(days=366)) == 366
