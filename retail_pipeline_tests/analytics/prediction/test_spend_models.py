"""Models of spend on customers whose habits are known; one huge customer does next to nothing to the others."""

import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from retail_pipeline.analytics.btyd.bg_nbd import BgNbd
from retail_pipeline.analytics.btyd.gamma_gamma import GammaGamma
from retail_pipeline.analytics.prediction import trees
from retail_pipeline.analytics.prediction.curves import spend_curves
from retail_pipeline.analytics.prediction.cutoffs import Fold
from retail_pipeline.analytics.prediction.importance import spend_importance
from retail_pipeline.analytics.prediction.matrix import FEATURES
from retail_pipeline.analytics.prediction.rows import EPOCH
from retail_pipeline.analytics.prediction.spend_experiment import MODELS, SpendExperiment, run_spend
from retail_pipeline.analytics.prediction.spend_models import (
    BASELINES,
    CANDIDATES,
    STACK,
    BtydSpend,
    RidgeTimes,
    TimesUsual,
)
from retail_pipeline.analytics.prediction.spend_training import (
    SpendModel,
    capped_losses,
    level,
    ranges,
    search,
    train_all,
)
from retail_pipeline.analytics.prediction.spending import (
    OWN_TIMES,
    WINDOWS,
    Spending,
    largest,
    last_period,
    lesson,
    usual_spend,
)
from retail_pipeline_tests.analytics.prediction.spenders import mean_spend, spenders

HORIZON = 30
HUGE = 10_000_000.0
TRIED = (*BASELINES, "ridge", "btyd")
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
        patch.setattr(trees, "FOREST_TREES", 30)
        yield


@pytest.fixture(scope="module")
def learned() -> Spending:
    return spenders(cutoffs=(0, 30, 60))


@pytest.fixture(scope="module")
def models(learned: Spending) -> dict[str, SpendModel]:
    return train_all(MODELS, learned, HORIZON)


@pytest.fixture(scope="module")
def fresh() -> Spending:
    return spenders(2_000, (200,), seed=2)


def one(**features: float) -> np.ndarray:  # type: ignore[type-arg]
    """A customer of whom some features are known."""
    values = np.full((1, len(FEATURES)), np.nan)
    for name, value in features.items():
        values[0, FEATURES.index(name)] = value
    return values


def with_row(data: Spending, values: np.ndarray, spend: float) -> Spending:  # type: ignore[type-arg]
    """The customers and one more, at each cut-off."""
    days = np.unique(data.cutoffs)
    return Spending(
        np.vstack([data.values, np.repeat(values, len(days), axis=0)]),
        np.concatenate([data.spend, np.full(len(days), spend)]),
        np.concatenate([data.customers, np.full(len(days), 999_999)]),
        np.concatenate([data.cutoffs, days]),
    )


# what is usual, and what counts


def test_what_is_usual_is_counted_by_hand() -> None:
    values = one(spend_90d=90.0, spend_180d=360.0, total_spend=600.0, tenure_days=200.0)
    # a day: 1, 2 and 3; so 60 in 30 days; and 15 % of the mean of all
    np.testing.assert_allclose(usual_spend(values, 30, 40.0), 0.85 * 60 + 0.15 * 40)
    # a newcomer's only order of 90 counts as if it were of 90 days: .5 + 1 + 1 a day
    np.testing.assert_allclose(
        usual_spend(one(spend_90d=90.0, spend_180d=90.0, total_spend=90.0, tenure_days=3.0), 30, 0.0),
        0.85 * 30 * (1 + 0.5 + 1) / 3,
    )


def test_the_last_period_is_what_was_spent_in_it_or_in_the_nearest() -> None:
    values = one(spend_90d=90.0, spend_30d=50.0)
    assert [last_period(values, days)[0] for days in (90, 30, 45)] == [90.0, 50.0, 75.0]


def test_a_spender_out_of_proportion_counts_in_part_only() -> None:
    spend = np.concatenate([np.arange(1.0, 201.0), [HUGE], np.zeros(100)])
    assert largest(spend) == 199.0  # of 201 who spend something, two may be above
    values = np.repeat(one(spend_90d=0.0, spend_180d=0.0, total_spend=0.0, tenure_days=50.0), 301, axis=0)
    told = lesson(Spending(values, spend, np.arange(301), np.zeros(301, dtype=np.int64)), HORIZON)
    assert told.cut.max() == told.top == 199.0
    # of one who always spends so much it all counts
    values[200] = one(spend_90d=3 * HUGE, spend_180d=6 * HUGE, total_spend=12 * HUGE, tenure_days=360.0)
    told = lesson(Spending(values, spend, np.arange(301), np.zeros(301, dtype=np.int64)), HORIZON)
    assert told.cut[200] == HUGE < OWN_TIMES * told.usual[200]
    assert told.weights.max() < 2 * told.weights.min()
    np.testing.assert_allclose(told.weights.mean(), 1)


# the models


@pytest.mark.parametrize("name", MODELS)
def test_a_model_read_again_says_the_same(name: str, models: dict[str, SpendModel], learned: Spending) -> None:
    read = SpendModel.of(json.loads(json.dumps(models[name].to_json())))
    told = models[name].expected(learned.values)
    assert np.array_equal(read.expected(learned.values), told)
    assert read.ranges == models[name].ranges
    assert (told >= 0).all()
    assert np.isfinite(told).all()


@pytest.mark.parametrize("name", MODELS)
def test_what_is_expected_of_a_customer_does_not_depend_on_who_else_there_is(
    name: str, models: dict[str, SpendModel], fresh: Spending
) -> None:
    among_all = models[name].expected(fresh.values)
    for first, last in ((0, 1), (1, 4), (7, 12), (1_000, 1_999)):
        assert np.array_equal(models[name].expected(fresh.values[first:last]), among_all[first:last])


@pytest.mark.parametrize("name", [name for name in CANDIDATES if name != "btyd"])  # the truth is not of its kind
def test_candidates_come_nearer_to_the_truth_than_baselines(
    name: str, models: dict[str, SpendModel], fresh: Spending
) -> None:
    truth = mean_spend(fresh.values)
    error = {each: np.abs(models[each].expected(fresh.values) - truth).mean() for each in (*BASELINES, name)}
    assert error[name] < min(error[each] for each in BASELINES)


def test_a_stack_is_the_weighted_sum_of_its_members(models: dict[str, SpendModel], fresh: Spending) -> None:
    told = models[STACK].to_json()
    weights = told["fitted"]["weights"]
    parts = [
        weights[name] * SpendModel.of({**told, "name": name, "level": 1.0, "fitted": one}).expected(fresh.values)
        for name, one in told["fitted"]["members"].items()
    ]
    np.testing.assert_allclose(models[STACK].expected(fresh.values), models[STACK].level * np.sum(parts, axis=0))
    assert min(weights.values()) > 0


def test_btyd_expects_orders_times_what_one_is_worth() -> None:
    model = BtydSpend((0.5, 10.0, 0.8, 2.5), (6.0, 4.0, 15.0), HORIZON)
    values = one(purchase_days=3.0, tenure_days=101.0, recency_days=41.0, total_spend=90.0)
    orders = BgNbd(0.5, 10.0, 0.8, 2.5).conditional_expected_orders(HORIZON, 2, 60, 100)
    np.testing.assert_allclose(model.spend(values), orders * GammaGamma(6.0, 4.0, 15.0).expected_spend(3, 30.0))


@pytest.mark.parametrize("paid_so_far", [0.0, -50.0])
def test_who_never_paid_so_far_can_be_learned_from(learned: Spending, paid_so_far: float) -> None:
    values = learned.values.copy()
    for name in ("total_spend", *(f"spend_{days}d" for days in WINDOWS)):
        values[:, FEATURES.index(name)] = paid_so_far
    found = train_all(MODELS, replace(learned, values=values), HORIZON)
    for name, model in found.items():
        told = SpendModel.of(json.loads(json.dumps(model.to_json()))).expected(values)
        assert np.isfinite(told).all(), name
        assert (told >= 0).all(), name
    assert not found["btyd"].expected(values).any()


def test_the_mean_of_a_cell_is_that_of_its_customers(models: dict[str, SpendModel], learned: Spending) -> None:
    names = ("recency_days", "orders", "total_spend")
    steps = np.arange(1, 5) / 5
    columns = [learned.values[:, FEATURES.index(name)] for name in names]
    cell = [np.searchsorted(np.quantile(column, steps, method="lower"), column) for column in columns]
    alike = np.all([of == of[7] for of in cell], axis=0)
    np.testing.assert_allclose(models["rfm_cell_mean"].expected(learned.values[7:8]), learned.spend[alike].mean())


def test_half_the_customers_who_spend_nothing_break_no_model(learned: Spending) -> None:
    some = learned.where(learned.customers < 150)
    quiet = replace(some, spend=np.where(some.customers % 2 == 0, some.spend, 0.0))
    for name, model in train_all(MODELS, quiet, HORIZON).items():
        expected = model.expected(quiet.values)
        lower, upper = model.ranges.ends(expected)
        assert (expected >= 0).all(), name
        assert (lower <= expected).all(), name
        assert np.isfinite(upper).all(), name


def test_nobody_is_expected_to_grow_beyond_measure() -> None:
    learned = RidgeTimes((0.0,) * len(FEATURES), (1.0,) * len(FEATURES), (0.0,) * len(FEATURES), 5.0)
    model = TimesUsual(HORIZON, 40.0, 100.0, learned)  # five times what is usual, for everyone
    small = one(spend_90d=30.0, spend_180d=60.0, total_spend=60.0, tenure_days=180.0)
    large = one(spend_90d=3_000.0, spend_180d=6_000.0, total_spend=6_000.0, tenure_days=180.0)
    np.testing.assert_allclose(model.spend(small), 5 * usual_spend(small, HORIZON, 40.0))
    np.testing.assert_allclose(model.spend(large), 1.5 * usual_spend(large, HORIZON, 40.0))


# whales


@pytest.mark.parametrize("kind", ["out of nothing", "always"])
def test_one_huge_customer_moves_what_is_expected_of_others_hardly(
    kind: str, learned: Spending, models: dict[str, SpendModel], fresh: Spending
) -> None:
    if kind == "always":
        history = {f"spend_{days}d": HUGE * days / 30 for days in (14, 30, 60, 90, 180, 365)}
        whale = one(
            **history, total_spend=8 * HUGE, tenure_days=240.0, recency_days=1.0, purchase_days=90.0, orders=90.0
        )
    else:
        whale = learned.values[:1]
    names = list(CANDIDATES)
    moved = train_all(names, with_row(learned, whale, HUGE), HORIZON)
    for name in names:
        before, after = models[name].expected(fresh.values), moved[name].expected(fresh.values)
        assert abs(after.sum() / before.sum() - 1) < 0.1, name
        assert np.median(np.abs(after - before) / (before + 1)) < 0.15, name
    plain = train_all(["mean"], with_row(learned, whale, HUGE), HORIZON)["mean"].expected(fresh.values[:1])
    assert plain[0] > 100 * models["mean"].expected(fresh.values[:1])[0]  # what it does to a plain mean
    if kind == "always":
        assert 0.3 * HUGE < moved["ridge"].expected(whale)[0] < 3 * HUGE


def test_huge_customers_choose_no_model() -> None:
    spend, expected = np.array([10.0] * 199 + [HUGE]), np.full(200, 10.0)
    assert capped_losses(spend, expected).sum() == 0
    assert level(spend, expected) == pytest.approx(1, abs=1e-6)


# search, level, ranges


def test_a_search_judges_later_days_by_earlier_ones_alone(learned: Spending, monkeypatch: pytest.MonkeyPatch) -> None:
    assert search("ridge", learned.where(learned.cutoffs == 60), HORIZON) == {"penalty": 300.0}  # nothing earlier
    asked = []

    class Fitted:
        def __init__(self, penalty: float) -> None:
            self.penalty = penalty

        def spend(self, values: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
            return np.full(len(values), 0.0 if self.penalty == 300.0 else learned.spend.mean())

    def fit(data: Spending, horizon_days: int, parameters: dict[str, float]) -> Fitted:
        asked.append(sorted({*data.cutoffs.tolist()}))
        return Fitted(parameters["penalty"])

    monkeypatch.setitem(search.__globals__["FIT"], "ridge", fit)
    assert search("ridge", learned, HORIZON) == {"penalty": 3_000.0}
    assert asked == [[0, 30], [0, 30]]


def test_ranges_hold_19_of_20_customers_not_seen(models: dict[str, SpendModel], fresh: Spending) -> None:
    for name in ("ridge", "xgboost", "mean", "last_period"):
        lower, upper = models[name].ranges.ends(models[name].expected(fresh.values))
        held = ((lower <= fresh.spend) & (fresh.spend <= upper)).mean()
        assert 0.935 < held < 0.99, (
            name
        )  # nothing is spent by more than one in 40, so that only the upper end is passed


def test_ranges_of_one_group_are_order_statistics() -> None:
    spend = np.arange(1.0, 100.0)  # 99 customers, 100 times the expectation of one: ranks 2.5 and 97.5, outwards
    told = ranges(spend, np.ones(99))
    lower, upper = told.ends(np.ones(1))
    assert (lower[0], upper[0]) == (1.0, 98.0)  # the lower end is 2, but what is expected lies between
    assert ranges(spend * 7, np.full(99, 7.0)).ends(np.full(1, 7.0))[1][0] == pytest.approx(7 * 98)


def test_groups_of_expectations_have_ranges_of_their_own() -> None:
    expected = np.repeat([10.0, 1_000.0], 500)
    spend = np.concatenate([np.zeros(495), np.full(5, 10.0), 1_000 * np.linspace(0.9, 1.1, 500)])
    lower, upper = ranges(spend, expected).ends(np.array([10.0, 1_000.0]))
    assert (lower[0], upper[0]) == (0.0, 10.0)
    np.testing.assert_allclose([lower[1], upper[1]], [905, 1_095], atol=2)


def test_who_is_expected_to_spend_more_than_anyone_before_has_the_range_of_the_highest_group() -> None:
    expected = np.concatenate([np.arange(1.0, 801.0), np.full(200, 900.0)])  # of the highest fifth the same
    spend = np.concatenate([np.zeros(800), 1_800 * np.linspace(0, 1, 200)])
    told = ranges(spend, expected)
    highest, above = (told.ends(np.array([each])) for each in (900.0, 1_000.0))
    assert highest[1][0] > 1_700
    np.testing.assert_allclose(above[1] / highest[1], 1_000 / 900)
    (alike,) = ranges(np.arange(300.0), np.full(300, 7.0)).upper  # a group where all are alike
    assert alike > 0


# the experiment


@pytest.fixture(scope="module")
def experiment() -> SpendExperiment:
    return run_spend(FOLDS, spenders(2_500), HORIZON, models=TRIED, resamples=100)


def test_the_champion_is_a_model_that_can_know(experiment: SpendExperiment) -> None:
    assert experiment.verdict.champion == experiment.tested.name == "ridge"
    assert experiment.verdict.reason.startswith(
        "the lowest squared error of capped spend on the validation cut-offs; it"
    )


def test_every_model_split_and_metric_is_measured_with_an_interval(experiment: SpendExperiment) -> None:
    metrics = {row["metric"] for row in experiment.metrics}
    assert {"r2", "mae", "rmse", "spearman", "gini", "total_bias", "top_decile_gain", "coverage_95"} <= metrics
    keys = {(row["model"], row["cutoff"], row["split"], row["metric"]) for row in experiment.metrics}
    assert len(keys) == len(experiment.metrics) == 5 * 6 * len(metrics)
    for row in experiment.metrics:
        if row["value"] is not None and row["metric"] not in ("decile_error",):
            assert row["lower"] - 1e-9 <= row["value"] <= row["upper"] + 1e-9


def test_the_test_cutoff_has_no_part_in_the_choice(experiment: SpendExperiment) -> None:
    data = spenders(2_500)
    turned = np.where(data.cutoffs == 120, data.spend[::-1], data.spend)
    other = run_spend(FOLDS, replace(data, spend=turned), HORIZON, models=(*BASELINES, "ridge", "btyd"), resamples=100)
    assert other.verdict == experiment.verdict


def test_where_nothing_can_be_known_a_baseline_serves_under_its_own_name() -> None:
    data = spenders()
    dealt = np.random.default_rng(3).permutation(data.spend)
    found = run_spend(
        FOLDS, replace(data, spend=dealt), HORIZON, models=(*BASELINES, "linear_regression", "ridge"), resamples=100
    )
    assert found.verdict.champion in BASELINES
    assert found.tested.name == found.verdict.champion


def test_one_cutoff_is_too_few() -> None:
    with pytest.raises(ValueError, match="1 cut-offs, but 2 are needed"):
        run_spend(FOLDS[-1:], spenders(), HORIZON)


# what is told


def test_curves_of_spend_by_hand() -> None:
    spend, expected = np.array([0.0, 10, 0, 30]), np.array([1.0, 5, 5, 20])
    points = {
        curve: [(row["x"], row["y"]) for row in spend_curves(spend, expected) if row["curve"] == curve]
        for curve in ("gain", "deciles")
    }
    assert points["gain"] == [(0, 0), (0.25, 0.75), (0.75, 1), (1, 1)]
    assert points["deciles"] == [(1, 0), (5, 5), (20, 30)]


def test_features_that_spend_hangs_on_have_weight(models: dict[str, SpendModel], fresh: Spending) -> None:
    rows = spend_importance(models["ridge"], fresh.values, fresh.spend)
    weights = {row["feature"]: row["value"] for row in rows}
    assert weights["total_spend"] > 0.02
    assert "discount_share" not in weights  # the same for all
    assert {row["method"] for row in rows} == {"permutation"}
