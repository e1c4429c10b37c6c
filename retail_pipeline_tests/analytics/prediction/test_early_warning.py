"""What is at stake with a risk that rose, why it rose, and what to do about it."""

from typing import Any

import numpy as np
import pytest

from retail_pipeline.analytics.prediction.early_warning import changes, value_if_staying
from retail_pipeline.analytics.prediction.importance import LEAST_CONTRIBUTION
from retail_pipeline.analytics.prediction.matrix import FEATURES, GROUPS, WORDS
from retail_pipeline.analytics.prediction.purchase_models import train
from retail_pipeline.assets.decisions.warning_actions import ACTIONS, choose
from retail_pipeline_tests.analytics.prediction.shoppers import shoppers

PLACE = FEATURES.index


def features(**values: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    found = np.full((1, len(FEATURES)), np.nan)
    for name, value in values.items():
        found[0, PLACE(name)] = value
    return found


def added(**values: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.nan_to_num(features(**values))


def test_who_buys_with_a_probability_of_a_third_brings_three_times_what_is_expected() -> None:
    found = value_if_staying(np.array([50.0]), np.array([1 / 3]), np.array([1_000.0]))
    assert found.tolist() == pytest.approx([150.0])


def test_a_tiny_probability_makes_no_fortune() -> None:
    found = value_if_staying(np.array([50.0, 50.0, 0.0]), np.array([1e-13, 0.0, 0.0]), np.array([80.0, 80.0, 80.0]))
    assert found.tolist() == [80.0, 80.0, 0.0]


def test_reasons_are_what_changed_and_not_what_always_was() -> None:
    before = features(recency_days=10, orders_90d=3, return_rate=0.4)
    now = features(recency_days=40, orders_90d=1, return_rate=0.4)
    (found,) = changes(
        before,
        now,
        added(recency_days=0.5, orders_90d=0.3, return_rate=-2.0),
        added(recency_days=-0.5, orders_90d=0.1, return_rate=-2.0),
    )
    assert found.text == "last order 40 days ago (was 10); orders in 90 days: 1 (was 3)"
    assert found.groups == ("recency", "lately")


def test_what_lowered_the_risk_is_no_reason() -> None:
    (found,) = changes(
        features(recency_days=10, orders_90d=1),
        features(recency_days=40, orders_90d=2),
        added(recency_days=0.5, orders_90d=0.1),
        added(recency_days=-0.5, orders_90d=0.9),
    )
    assert found.groups == ("recency",)
    (none,) = changes(features(), features(), added(), added(recency_days=-LEAST_CONTRIBUTION / 2))
    assert none.text == "nothing stands out"


def test_features_that_say_the_same_are_one_reason_named_by_the_loudest() -> None:
    (found,) = changes(
        features(recency_days=10, recency_gaps=0.5),
        features(recency_days=40, recency_gaps=2.0),
        added(),
        added(recency_days=0.2, recency_gaps=-0.6),
    )
    assert found.text == "last order 2.0 usual gaps ago (was 0.5)"
    (outweighed,) = changes(features(), features(), added(), added(recency_days=0.6, recency_gaps=-0.6))
    assert outweighed.text == "nothing stands out"


def test_what_became_known_reads_as_it_was() -> None:
    (found,) = changes(
        features(last_gap_days=np.nan, has_returned=0), features(last_gap_days=300, has_returned=1),
        added(), added(last_gap_days=-1.0, has_returned=-0.5),
    )  # fmt: skip
    assert found.text == "a last gap of 300 days (was no second day with an order); came a second time: yes (was no)"


def test_every_feature_can_be_told_of_a_change() -> None:
    for name in WORDS:
        (found,) = changes(features(**{name: 0.0}), features(**{name: 1.0}), added(**{name: 1.0}), added(**{name: 0.0}))
        assert "(was" in found.text, name


@pytest.mark.parametrize("name", ["logistic_regression", "btyd", "xgboost"])
def test_contributions_of_all_reasons_add_up_to_the_change_of_the_log_odds(name: str) -> None:
    data = shoppers(cutoffs=(0, 30))
    model = train(name, data, 30)
    first, second = (data.values[data.cutoffs == day] for day in np.unique(data.cutoffs))
    count = min(len(first), len(second))
    odds = [
        model.calibration.intercept + model.calibration.slope * model.fitted.scores(rows[:count])
        for rows in (first, second)
    ]
    change = (model.contributions(second[:count]) - model.contributions(first[:count])).sum(axis=1)
    assert change == pytest.approx(odds[1] - odds[0], abs=1e-4)


CUSTOMER: dict[str, Any] = {
    "groups": ("recency",), "tenure_days": 300.0, "purchase_days": 5.0, "orders_season_ahead": 0.0,
    "usual_gap_days": 30.0, "avg_gap_days": 28.0, "recency_days": 45.0, "return_rate": 0.0, "may_be_called": False,
    "product": "Blue mug", "product_days": 4, "category": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({}, "replenishment reminder"),
        ({"recency_days": 60.0}, "replenishment reminder"),
        ({"recency_days": 61.0}, "win-back offer"),
        ({"purchase_days": 2.0}, "win-back offer"),
        ({"purchase_days": 1.0}, "second-order offer"),
        ({"return_rate": 0.3}, "replenishment reminder"),  # it always was so
        ({"return_rate": 0.3, "groups": ("recency", "return_rate")}, "ask about returns"),
        ({"return_rate": 0.1, "groups": ("return_rate",)}, "replenishment reminder"),
        ({"may_be_called": True}, "call"),
        ({"may_be_called": True, "return_rate": 0.3, "groups": ("return_rate",)}, "call"),
        ({"tenure_days": 400.0, "orders_season_ahead": 2.0, "groups": ("orders_season_ahead", "recency")}, "wait"),
        ({"tenure_days": 400.0, "may_be_called": True, "groups": ("orders_season_ahead", "recency")}, "wait"),
        ({"groups": ("orders_season_ahead", "recency")}, "replenishment reminder"),  # no customer a year ago
        ({"groups": ("recency", "orders_season_ahead")}, "replenishment reminder"),
        ({"tenure_days": 400.0}, "wait"),
        ({"tenure_days": 400.0, "orders_season_ahead": 2.0}, "replenishment reminder"),
        ({"tenure_days": 400.0, "usual_gap_days": 91.0}, "replenishment reminder"),
        ({"tenure_days": 364.0}, "replenishment reminder"),
    ],
)
def test_the_first_rule_that_holds_is_what_to_do(changed: dict[str, Any], kind: str) -> None:
    found, text = choose({**CUSTOMER, **changed})
    assert found == kind
    assert text


def test_what_to_offer_is_named() -> None:
    assert "Blue mug (bought on 4 days)" in choose(CUSTOMER)[1]
    assert "every 28 days" in choose(CUSTOMER)[1]
    once = {**CUSTOMER, "product_days": 1, "category": "kitchen", "recency_days": 90.0}
    assert "Blue mug (bought once; most spent on kitchen)" in choose(once)[1]
    assert "30% was sent back" in choose({**CUSTOMER, "return_rate": 0.3, "groups": ("return_rate",)})[1]


def test_a_group_that_a_rule_asks_for_is_one_of_the_features() -> None:
    names = {GROUPS.get(name, name) for name in FEATURES}
    assert {"orders_season_ahead", "return_rate"} <= names
    assert len({action.kind for action in ACTIONS}) == len(ACTIONS)
