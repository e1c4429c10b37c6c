"""Models of purchases on customers whose chances are known."""

import json
from dataclasses import replace
from datetime import date, timedelta
from itertools import permutations

import numpy as np
import pytest

from retail_pipeline.analytics.prediction import experiment as experiment_code
from retail_pipeline.analytics.prediction import trees
from retail_pipeline.analytics.prediction.calibration import odds_to_probability
from retail_pipeline.analytics.prediction.cutoffs import Fold, Plan
from retail_pipeline.analytics.prediction.experiment import Experiment, Predicted, choose, run
from retail_pipeline.analytics.prediction.matrix import FEATURES
from retail_pipeline.analytics.prediction.measures import CLASSIFICATION
from retail_pipeline.analytics.prediction.purchase_models import (
    BASELINES,
    FIT,
    AliveScores,
    Observed,
    PurchaseModel,
    train,
)
from retail_pipeline.analytics.prediction.rows import EPOCH
from retail_pipeline.analytics.prediction.thresholds import Stakes, best_threshold, threshold_measures
from retail_pipeline_tests.analytics.prediction.shoppers import chance, shoppers

HORIZON = 30
FOLDS = [
    Fold(
        EPOCH + timedelta(days=cutoff),
        tuple(EPOCH + timedelta(days=day) for day in range(0, cutoff, 30)),
        "test" if cutoff == 120 else "validation",
    )
    for cutoff in (60, 90, 120)
]


@pytest.fixture(scope="module", autouse=True)
def few_trees() -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trees, "BOOSTED_TREES", 60)
        patch.setattr(trees, "FOREST_TREES", 40)
        yield


@pytest.fixture(scope="module")
def learned() -> Observed:
    return shoppers(cutoffs=(0, 30, 60))


@pytest.fixture(scope="module")
def experiment() -> Experiment:
    return run(FOLDS, shoppers(), HORIZON, Stakes(1, 3), resamples=100)


@pytest.mark.parametrize("name", FIT)
def test_a_model_read_again_says_the_same(name: str, learned: Observed) -> None:
    model = train(name, learned, HORIZON)
    told = model.probabilities(learned.values)
    read = PurchaseModel.of(json.loads(json.dumps(model.to_json())))
    assert np.array_equal(read.probabilities(learned.values), told)
    assert ((told > 0) & (told < 1)).all()


@pytest.mark.parametrize("name", FIT)
def test_what_happens_to_the_scored_customers_has_no_part_in_the_score(name: str, learned: Observed) -> None:
    one = learned.values[:1]
    model = train(name, learned, HORIZON)
    assert model.probabilities(one)[0] == pytest.approx(model.probabilities(learned.values)[0], abs=1e-6)


def test_logistic_regression_comes_near_the_true_chances(learned: Observed) -> None:
    fresh = shoppers(2_000, (200,), seed=2)
    told = train("logistic_regression", learned, HORIZON).probabilities(fresh.values)
    assert np.abs(told - chance(fresh.values)).mean() < 0.06


@pytest.mark.parametrize("name", FIT)
def test_contributions_add_up_to_the_log_odds_but_for_a_constant(name: str, learned: Observed) -> None:
    model = train(name, learned, HORIZON)
    probabilities = model.probabilities(learned.values)
    if name == "random_forest":  # its scores are shares of events, calibrated as they are
        assert model.fitted.scores(learned.values).max() <= 1 + 1e-6
    rest = np.log(probabilities / (1 - probabilities)) - model.contributions(learned.values).sum(axis=1)
    assert np.ptp(rest) == pytest.approx(0, abs=1e-4)


def test_the_order_probability_of_bg_nbd_is_that_of_its_definition() -> None:
    model = AliveScores(r=0.5, alpha=10.0, a=0.8, b=2.5, horizon_days=30, usual=(2, 90, 50))
    values = np.full((1, len(FEATURES)), np.nan)
    for feature, value in {"purchase_days": 3.0, "tenure_days": 101.0, "recency_days": 41.0}.items():
        values[0, FEATURES.index(feature)] = value
    # x = 2, t_x = 60, T = 100: P(alive) by equation (7), then 1 - (110 / 140) ** 2.5
    alive = 1 / (1 + 0.8 / 3.5 * (110 / 70) ** 2.5)
    expected = alive * (1 - (110 / 140) ** 2.5)
    assert odds_to_probability(model.scores(values))[0] == pytest.approx(expected)


def test_reasons_of_bg_nbd_are_shapley_values_against_a_usual_customer() -> None:
    model = AliveScores(r=0.5, alpha=10.0, a=0.8, b=2.5, horizon_days=30, usual=(2, 90, 50))

    def customer(days: float, tenure: float, recency: float) -> float:
        values = np.full((1, len(FEATURES)), np.nan)
        told = {"purchase_days": days, "tenure_days": tenure, "recency_days": recency}
        for feature, value in told.items():
            values[0, FEATURES.index(feature)] = value
        scores.append(model.contributions(values)[0, [FEATURES.index(feature) for feature in told]])
        return float(model.scores(values)[0])

    scores: list[np.ndarray[tuple[int], np.dtype[np.float64]]] = []
    usual, own = (2.0, 90.0, 50.0), (4.0, 120.0, 7.0)
    by_order = []  # what each adds when it becomes known, over all six orders
    for order in permutations(range(3)):
        known, added, before = list(usual), [0.0] * 3, customer(*usual)
        for place in order:
            known[place] = own[place]
            after = customer(known[0], known[1], known[2])
            added[place], before = after - before, after
        by_order.append(added)
    customer(*own)
    assert scores[-1] == pytest.approx(np.mean(by_order, axis=0))
    assert scores[0] == pytest.approx([0, 0, 0])


def test_calibration_looks_at_the_latest_cutoff(learned: Observed) -> None:
    latest = learned.cutoffs == 60
    quiet = Observed(learned.values, np.where(latest & (learned.customers % 3 > 0), 0, learned.events),
                     learned.customers, learned.cutoffs)  # fmt: skip
    told = train("logistic_regression", quiet, HORIZON).probabilities(quiet.values[latest])
    assert told.mean() == pytest.approx(quiet.events[latest].mean(), abs=0.02)
    assert told.mean() < quiet.events[~latest].mean() - 0.1


def test_rows_in_another_order_choose_alike(experiment: Experiment) -> None:
    data = shoppers()
    order = np.random.default_rng(3).permutation(len(data.events))
    # trees draw rows by their place, which the reader of the rows keeps; the plain models do not
    plain = ("base_rate", "recency_only", "logistic_regression", "btyd")
    shuffled = Observed(data.values[order], data.events[order], data.customers[order], data.cutoffs[order])
    first = run(FOLDS, data, HORIZON, Stakes(1, 3), models=plain, resamples=50)
    second = run(FOLDS, shuffled, HORIZON, Stakes(1, 3), models=plain, resamples=50)
    assert first.verdict.champion == second.verdict.champion
    assert first.tested.probabilities(data.values) == pytest.approx(
        second.tested.probabilities(data.values), abs=1e-5
    )  # fmt: skip


def test_the_champion_beats_the_baselines_and_is_a_model_that_can_know(experiment: Experiment) -> None:
    assert experiment.verdict.champion == "logistic_regression"  # the truth is of its kind
    assert "100.0%" in experiment.verdict.reason


def test_every_model_cutoff_and_metric_has_an_interval(experiment: Experiment) -> None:
    keys = {(row["model"], row["cutoff"], row["split"], row["metric"]) for row in experiment.metrics}
    metrics = {*CLASSIFICATION, *threshold_measures(0.5, Stakes(1, 3))}
    days = [(EPOCH + timedelta(days=cutoff)).isoformat() for cutoff in (30, 60, 90, 60, 90, 120)]
    splits = ["train"] * 3 + ["validation"] * 2 + ["test"]
    assert keys == {
        (name, day, split, metric)
        for name in FIT
        for day, split in zip(days, splits, strict=True)
        for metric in metrics
    }
    assert len(experiment.metrics) == len(keys)
    for row in experiment.metrics:
        if row["value"] is not None and row["metric"] not in ("ece",):
            assert row["lower"] <= row["value"] + 1e-9
            assert row["value"] <= row["upper"] + 1e-9


def test_models_look_better_on_what_they_have_learned_from(experiment: Experiment) -> None:
    losses = {
        (row["model"], row["split"]): row["value"]
        for row in experiment.metrics
        if row["metric"] == "log_loss" and row["cutoff"] == (EPOCH + timedelta(days=90)).isoformat()
    }
    assert losses["xgboost", "train"] < losses["xgboost", "validation"]
    assert losses["base_rate", "train"] == pytest.approx(losses["base_rate", "validation"], rel=0.02)


def test_where_nothing_can_be_known_the_base_rate_serves_under_its_own_name() -> None:
    data = shoppers()
    tossed = (np.random.default_rng(4).random(len(data.events)) < 0.3).astype(np.float64)
    blind = Observed(data.values, tossed, data.customers, data.cutoffs)
    found = run(FOLDS, blind, HORIZON, Stakes(1, 3), models=(*BASELINES, "logistic_regression"), resamples=100)
    assert found.verdict.champion in BASELINES
    assert found.tested.name == found.verdict.champion
    assert "less than 97.5 %" in found.verdict.reason


def test_the_test_cutoff_has_no_part_in_the_choice(experiment: Experiment) -> None:
    data = shoppers()
    turned = np.where(data.cutoffs == 120, 1 - data.events, data.events)
    other = run(FOLDS, Observed(data.values, turned, data.customers, data.cutoffs), HORIZON, Stakes(1, 3),
                models=(*BASELINES, "logistic_regression"), resamples=100)  # fmt: skip
    assert other.verdict.champion == experiment.verdict.champion
    assert other.thresholds["logistic_regression"] == experiment.thresholds["logistic_regression"]


def test_of_models_within_noise_the_plainest_is_taken() -> None:
    data = shoppers(cutoffs=(0,))
    truth = chance(data.values)
    told = {"base_rate": np.full(600, 0.4), "recency_only": np.full(600, 0.4), "logistic_regression": truth,
            "xgboost": truth + 1e-9}  # fmt: skip
    fold = Fold(date(1970, 1, 1), (), "validation")
    assert choose([Predicted(fold, data, told)]).champion == "logistic_regression"


def test_a_candidate_that_beats_the_baselines_serves_though_a_plainer_one_within_noise_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    draws = np.random.default_rng(1).normal(size=(2, 600))
    draws = (draws - draws.mean(axis=1, keepdims=True)) / draws.std(axis=1, keepdims=True)
    # better than the baselines by 0.5 and by 2.45 standard errors, and than each other by 1.4
    losses = {"base_rate": np.zeros(600), "recency_only": np.zeros(600), "logistic_regression": draws[0] - 0.02,
              "xgboost": draws[1] - 0.1}  # fmt: skip
    monkeypatch.setattr(experiment_code, "losses_by_customer", lambda _: losses)
    verdict = choose([])
    assert verdict.champion == "xgboost"
    assert verdict.reason.startswith("the lowest log-loss")


def test_outcomes_that_are_chosen_by_end_before_the_test_where_the_history_allows() -> None:
    first = date(2022, 1, 1)
    for horizon, days in ((90, 500), (30, 300)):
        *validation, test = Plan(horizon).lay(first, first + timedelta(days))
        assert len(validation) == 2
        assert all(fold.cutoff + timedelta(horizon) <= test.cutoff for fold in validation)
    short = Plan(90).lay(first, first + timedelta(330))  # 90 to learn, and three times 90, would be 360
    assert short[-2].cutoff == short[-1].cutoff - timedelta(30)


def test_calibration_looks_further_back_where_the_latest_cutoff_tells_too_little(learned: Observed) -> None:
    latest = learned.cutoffs == learned.cutoffs.max()
    quiet = replace(learned, events=np.where(latest, 0.0, learned.events))
    told = train("logistic_regression", quiet, HORIZON).probabilities(learned.values[latest])
    assert np.ptp(told) > 0.1


def test_one_cutoff_is_too_few() -> None:
    with pytest.raises(ValueError, match="1 cut-offs, but 2 are needed"):
        run(FOLDS[-1:], shoppers(), HORIZON, Stakes(1, 3))


def test_equal_probabilities_are_contacted_together() -> None:
    events, told = np.array([1.0, 0, 0, 1]), np.array([0.5, 0.5, 0.5, 0.2])
    assert best_threshold(events, told, Stakes(cost=1, value=4)) == 0.2  # all: 8 - 4 against 4 - 3
    assert best_threshold(events, told, Stakes(cost=1, value=3.5)) == 0.2  # 3 against 0.5
    assert best_threshold(events, told, Stakes(cost=1, value=1)) == 1.0  # never pays


def test_the_confusion_matrix_is_counted_by_hand() -> None:
    events, told, once = np.array([1.0, 1, 0, 0, 0]), np.array([0.9, 0.2, 0.8, 0.1, 0.1]), np.ones((1, 5))
    found = {name: float(of(events, told, once)[0]) for name, of in threshold_measures(0.5, Stakes(1, 3)).items()}
    assert found == pytest.approx(
        {
            "threshold": 0.5, "true_positives": 1, "false_negatives": 1, "false_positives": 1, "true_negatives": 2,
            "precision": 1 / 2, "recall": 1 / 2, "f1": 1 / 2, "precision_without": 2 / 3, "recall_without": 2 / 3,
            "f1_without": 2 / 3, "accuracy": 3 / 5, "profit_per_customer": (3 - 2) / 5,
        }
    )  # fmt: skip
