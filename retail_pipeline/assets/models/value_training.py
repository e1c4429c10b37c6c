"""Fitting, judging, saving and reading the models of spend: a task for each time to come that can be held out."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from retail_pipeline.analytics.btyd import bg_nbd, fitting, gamma_gamma, summaries
from retail_pipeline.analytics.prediction import (
    choosing,
    curves,
    cutoffs,
    drift,
    importance,
    matrix,
    measures,
    purchase_models,
    rows,
    spend_experiment,
    spend_models,
    spend_training,
    spending,
    trees,
)
from retail_pipeline.analytics.prediction.choosing import BEYOND_NOISE, LEAST_FOLDS, share_better
from retail_pipeline.analytics.prediction.cutoffs import Fold, Plan, all_days
from retail_pipeline.analytics.prediction.rows import at
from retail_pipeline.analytics.prediction.spend_experiment import SpendExperiment, run_spend
from retail_pipeline.analytics.prediction.spend_training import SpendModel, capped_losses, train_all
from retail_pipeline.analytics.prediction.spending import LEAST_SPENDERS, Spending
from retail_pipeline.assets import model_training
from retail_pipeline.assets.customers import features_as_of
from retail_pipeline.assets.models import purchase_days, purchase_labels
from retail_pipeline.assets.models.judged_models import (
    feature_values,
    learned_until,
    models_told_of,
    too_little_data,
    usable_models,
)
from retail_pipeline.assets.models.purchase_labels import Reach, Seen, contents, observe_spend, see
from retail_pipeline.assets.models.purchase_training import (
    FEATURE_SETTINGS,
    TOLD_FEATURES,
    purchase_days_before,
    saved_tasks,
    told_tasks,
    versions,
)
from retail_pipeline.assets.models.value_card import value_card
from retail_pipeline.saved_models import load_model, save_model
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import numpy as np

SUBJECT = "value"
CODE = (
    matrix, cutoffs, rows, choosing, trees, spending, spend_models, spend_training, spend_experiment, measures, curves,
    importance, drift, purchase_models, bg_nbd, gamma_gamma, fitting, summaries, features_as_of, purchase_days,
    purchase_labels,
)  # fmt: skip
LEARNED_BY = ("horizon_days", "least_history_days", "most_training_cutoffs")
SHARED = ("cutoffs", "step_days", "most_customers")
"""Settings of models of purchases that hold here, too."""
SETTINGS = (
    *FEATURE_SETTINGS,
    *("clv_least_customers", "clv_least_days"),
    *(f"clv_{name}" for name in LEARNED_BY),
    *(f"prediction_{name}" for name in (*SHARED, "drift_days")),
)


@dataclass(frozen=True)
class ValueTask:
    """What customers spend within a time to come: the model that serves, and all that was found when it was made."""

    horizon_days: int
    told: Mapping[str, Any]

    @property
    def name(self) -> str:
        """As in ``models.metrics``."""
        return f"clv_{self.horizon_days}d"

    @property
    def champion(self) -> str | None:
        """The model's name; None where there was too little data."""
        return self.told["model"]["name"] if self.told["model"] else None

    def model(self) -> SpendModel:
        """The model that serves."""
        return SpendModel.of(self.told["model"])

    def predict(self, values: "np.ndarray[Any, np.dtype[np.float64]]") -> "np.ndarray[Any, np.dtype[np.float64]]":
        """The expected spend of each customer; shape (customers,) [reporting currency]."""
        return self.model().expected(values)


@dataclass(frozen=True)
class FittedValue:
    """The models in use: their id, what was noted of them."""

    id: str
    notes: Mapping[str, Any]
    tasks: tuple[ValueTask, ...]

    @property
    def served(self) -> tuple[ValueTask, ...]:
        """Those with a model, by rising horizon."""
        return tuple(task for task in self.tasks if task.champion)


def made_by(settings: Settings) -> str:
    """A hash of the code and settings that the models depend on: with other ones they are fitted anew."""
    asked = {
        **{name: getattr(settings.clv, name) for name in LEARNED_BY},
        **{name: getattr(settings.prediction, name) for name in SHARED},
        **feature_values(settings),
    }
    return model_training.made_by((*CODE, sys.modules[__name__]), asked)


def fitting_values(warehouse: Warehouse) -> FittedValue | None:
    """The saved models, if there are any made by these settings and this code.

    Raises
    ------
    ModelError
        when they are damaged.
    """
    saved = load_model(warehouse.home.models / SUBJECT)
    if saved is None or saved.numbers.get("made_by") != made_by(warehouse.settings):
        return None
    return FittedValue(saved.id, saved.notes, tuple(ValueTask(days, told) for days, told in told_tasks(saved).items()))


def too_little_value(warehouse: Warehouse, there: Reach) -> str:
    """Why nothing is fitted, empty if there is enough."""
    return too_little_data("clv", warehouse.settings.clv, there)


def usable_values(warehouse: Warehouse, there: Reach) -> tuple[FittedValue | None, str]:
    """The saved models, if they fit, and why to train, empty if there is no need."""
    return usable_models(warehouse, there, fitting_values, lambda days: len(folds_of(warehouse.settings, there, days)))


def plan_of(settings: Settings, horizon_days: int) -> Plan:
    """How cut-offs lie by the settings."""
    asked, shared = settings.clv, settings.prediction
    return Plan(
        horizon_days, shared.step_days, shared.cutoffs, asked.most_training_cutoffs, asked.least_history_days
    )  # fmt: skip


def folds_of(settings: Settings, there: Reach, horizon_days: int) -> list[Fold]:
    """The cut-offs on which models of a horizon are judged, ascending, each with those to learn from."""
    if there.first is None or there.as_of is None:
        return []
    return plan_of(settings, horizon_days).lay(there.first, purchase_days_before(there.as_of))


def days_needed(settings: Settings, horizon_days: int) -> int:
    """Days of history with which a horizon has a cut-off to choose by and one to judge on."""
    asked, shared = settings.clv, settings.prediction
    return asked.least_history_days + 2 * horizon_days + shared.step_days * (LEAST_FOLDS - 1)


def train_values(warehouse: Warehouse, there: Reach, before: FittedValue | None, reason: str) -> FittedValue:
    """Try models for every horizon, let those that are better take over, and save what serves."""
    assert there.as_of is not None
    known = {task.horizon_days: task for task in before.tasks} if before else {}
    horizons = warehouse.settings.clv.horizon_days
    seen = _see(warehouse, there, horizons)
    tasks, decisions = {}, {}
    for days in horizons:
        tasks[days], decisions[days] = _train_task(warehouse, there, days, known.get(days), seen)
    saved, runs = saved_tasks({days: task.told for days, task in tasks.items()})
    numbers = {"made_by": made_by(warehouse.settings), "tasks": saved}
    notes = {
        "reason": reason,
        "created_at": str(warehouse.value("select strftime(now() at time zone 'UTC', '%Y-%m-%d %H:%M:%S')")),
        "run_id": warehouse.run_id,
        "runs": runs,
        "customers": there.customers,
        "data_until": there.as_of.isoformat(),
        "history_days": there.days,
        "decisions": {str(days): told for days, told in decisions.items()},
        "versions": versions(),
    }
    card = value_card(numbers, notes)
    model_id = save_model(warehouse.home.models / SUBJECT, numbers, {}, notes, texts={"card.md": card})
    return FittedValue(model_id, notes, tuple(tasks.values()))


def _see(warehouse: Warehouse, there: Reach, horizons: Sequence[int]) -> Seen:
    """The customers at all cut-offs of all horizons, looked up once."""
    days = {day for horizon in horizons for day in _cutoffs_of(warehouse, there, horizon)}
    return see(warehouse, sorted(days), one_in=-(-there.customers // warehouse.settings.prediction.most_customers))


def _cutoffs_of(warehouse: Warehouse, there: Reach, horizon_days: int) -> list[date]:
    """All cut-offs that a horizon needs, ascending; none where it cannot be held out."""
    folds = folds_of(warehouse.settings, there, horizon_days)
    return sorted({*all_days(folds), *_latest(warehouse, there, horizon_days)}) if len(folds) >= LEAST_FOLDS else []


def _latest(warehouse: Warehouse, there: Reach, horizon_days: int) -> tuple[date, ...]:
    """The cut-offs that a model learns from that is to serve."""
    assert there.first is not None
    assert there.as_of is not None
    return plan_of(warehouse.settings, horizon_days).training_before(there.first, there.as_of)


def _train_task(
    warehouse: Warehouse, there: Reach, horizon_days: int, incumbent: ValueTask | None, seen: Seen
) -> tuple[ValueTask, str]:
    """The task with the model that is to serve, and what was decided, in words."""
    settings = warehouse.settings
    folds = folds_of(settings, there, horizon_days)
    laid = len(folds)
    if laid < LEAST_FOLDS:
        why = f"too little data: {there.days} days of history, fewer than {days_needed(settings, horizon_days)}"
        return _without_model(horizon_days, incumbent, why, laid)
    latest = _latest(warehouse, there, horizon_days)
    data = observe_spend(warehouse, seen, _cutoffs_of(warehouse, there, horizon_days), horizon_days)
    learned = at(data, latest)
    folds = [fold for fold in folds if at(data, fold.training).tells and at(data, [fold.cutoff]).tells]
    if len(folds) < LEAST_FOLDS or folds[-1].split != "test" or not learned.tells:
        why = f"too little data: at too few cut-offs {LEAST_SPENDERS} customers spend something"
        return _without_model(horizon_days, incumbent, why, laid)
    tried = run_spend(folds, data, horizon_days)
    kept = _kept(warehouse, tried, incumbent)
    if incumbent and kept:
        return incumbent, kept
    champion = tried.verdict.champion
    model = train_all([champion], learned, horizon_days)[champion]
    task = ValueTask(horizon_days, _told(warehouse, there, tried, model, at(data, latest[-1:]), latest))
    return task, f"{champion} serves: {tried.verdict.reason}"


def _without_model(horizon_days: int, incumbent: ValueTask | None, why: str, folds: int) -> tuple[ValueTask, str]:
    """What there is where no model can be judged: the one that serves stays."""
    if incumbent and incumbent.champion:
        return incumbent, f"{incumbent.champion} stays: {why}"
    return ValueTask(horizon_days, {"model": None, "reason": why, "folds": folds}), why


def _kept(warehouse: Warehouse, tried: SpendExperiment, incumbent: ValueTask | None) -> str:
    """Why the model that serves stays, empty if the challenger takes over.

    They are compared on the test cut-off, on which the challenger was fitted to earlier days only; the one that serves
    must not have known what came either. The challenger has to be better beyond noise. Where the orders that the other
    learned from have changed since, that goes.
    """
    if incumbent is None or incumbent.champion is None:
        return ""
    known_until = learned_until(incumbent)
    if contents(warehouse, known_until) != incumbent.told["data_hash"]:
        return ""
    test = tried.test
    if test.fold.cutoff < known_until:
        return f"{incumbent.champion} of {known_until} stays: no outcome is known yet that it has not learned from"
    spend, values = test.data.spend, test.data.values
    old = capped_losses(spend, incumbent.model().expected(values))
    new = capped_losses(spend, tried.tested.expected(values))
    if share_better(new, old) >= BEYOND_NOISE:
        return ""
    before, after = old.mean() ** 0.5, new.mean() ** 0.5
    return (
        f"{incumbent.champion} of {known_until} stays: a capped error of {before:,.2f} from {test.fold.cutoff} on, "
        f"and {after:,.2f} of a new {tried.tested.name}, which is not better beyond noise"
    )


def _told(
    warehouse: Warehouse,
    there: Reach,
    tried: SpendExperiment,
    model: SpendModel,
    reference: Spending,
    latest: Sequence[date],
) -> dict[str, Any]:
    """All that is kept of a task, as JSON holds it."""
    assert there.as_of is not None
    test = tried.test
    weights = importance.spend_importance(tried.tested, test.data.values, test.data.spend)
    watched = [row["feature"] for row in sorted(weights, key=lambda row: (-row["value"], row["feature"]))]
    return {
        "model": model.to_json(),
        "reason": tried.verdict.reason,
        "as_of": there.as_of.isoformat(),
        "data_hash": contents(warehouse, there.as_of),
        "run_id": warehouse.run_id,
        "customers": len({*reference.customers.tolist()}),
        "learned_from": [day.isoformat() for day in latest],
        "seed": trees.SEED,
        "features": list(matrix.FEATURES),
        "metrics": tried.metrics,
        "curves": [
            {"model": name, **point}
            for name, expected in test.expected.items()
            for point in curves.spend_curves(test.data.spend, expected)
        ],
        "test_cutoff": test.fold.cutoff.isoformat(),
        "importance": weights,
        "reference": {
            **{name: drift.reference(matrix.column(reference.values, name)) for name in watched[:TOLD_FEATURES]},
            "expected_value": drift.reference(model.expected(reference.values)),
        },
    }


def current_values(warehouse: Warehouse, told: str | None, table: str) -> FittedValue | None:
    """The models that a table tells of; None if it tells of none.

    Raises
    ------
    ModelError
        when they are not there: the table was built by other settings or code, and not since.
    """
    return None if told is None else models_told_of(fitting_values(warehouse), told, table)
