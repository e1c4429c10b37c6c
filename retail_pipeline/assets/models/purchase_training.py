"""Fitting, judging, saving and reading the models of purchases: a task for each time to come."""

import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from retail_pipeline.analytics.btyd import bg_nbd, fitting, summaries
from retail_pipeline.analytics.prediction import (
    calibration,
    choosing,
    curves,
    cutoffs,
    drift,
    experiment,
    importance,
    matrix,
    measures,
    purchase_models,
    rows,
    season,
    thresholds,
    timing,
    trees,
)
from retail_pipeline.analytics.prediction.choosing import BEYOND_NOISE, LEAST_FOLDS, share_better
from retail_pipeline.analytics.prediction.cutoffs import YEAR_DAYS, Plan, all_days
from retail_pipeline.analytics.prediction.experiment import Experiment, log_losses
from retail_pipeline.analytics.prediction.purchase_models import LEAST_EACH, Observed, PurchaseModel, train
from retail_pipeline.analytics.prediction.rows import at
from retail_pipeline.analytics.prediction.season import Season
from retail_pipeline.analytics.prediction.thresholds import Stakes
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
from retail_pipeline.assets.models.model_card import model_card
from retail_pipeline.assets.models.purchase_labels import Reach, churn_days, contents, observe
from retail_pipeline.saved_models import SavedModel, load_model, save_model
from retail_pipeline.settings import PredictionSettings, Settings
from retail_pipeline.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import numpy as np

SUBJECT = "purchase"
CODE = (
    matrix, cutoffs, calibration, trees, purchase_models, season, thresholds, measures, experiment, curves, importance,
    drift, timing, rows, choosing, bg_nbd, fitting, summaries, features_as_of, purchase_days, purchase_labels,
)  # fmt: skip
FEATURE_SETTINGS = (
    *("as_of", "revenue_policy", "reporting_currency", "feature_half_life_days"),
    "lifecycle_usual_gap_days",
)
SETTINGS = (*FEATURE_SETTINGS, *(f"prediction_{name}" for name in PredictionSettings.model_fields))
LEARNED_BY = tuple(
    name
    for name in PredictionSettings.model_fields
    if name not in ("least_customers", "least_days", "drift_days", "risk_bands")
)
"""Settings on which a model depends."""
STEADY_SHARE = 0.1
SEASON_AHEAD_DAYS = 90
"""So many days ahead the season of a year before is looked up when a model is made."""
TOLD_FEATURES = 8
"""Features whose drift is watched: those of most weight."""


@dataclass(frozen=True)
class Task:
    """An order within a time to come: the model that serves, and all that was found when it was made."""

    horizon_days: int
    told: Mapping[str, Any]

    @property
    def name(self) -> str:
        """As in ``models.metrics``."""
        return f"purchase_{self.horizon_days}d"

    @property
    def champion(self) -> str | None:
        """The model's name; None where there was too little data."""
        return self.told["model"]["name"] if self.told["model"] else None

    def model(self, day: date | None = None) -> PurchaseModel:
        """The model that serves; for a day, its level is moved by the season, if it follows that."""
        model, told = PurchaseModel.of(self.told["model"]), self.told.get("season")
        if day is None or not told:
            return model
        days = tuple(date.fromisoformat(each) for each in told["days"])
        return model.raised(Season(days, tuple(told["raised"])).on(day))

    def predict(self, values: "np.ndarray[Any, np.dtype[np.float64]]") -> "np.ndarray[Any, np.dtype[np.float64]]":
        """The probability of an order of each customer; shape (customers,)."""
        return self.model().probabilities(values)


@dataclass(frozen=True)
class Fitted:
    """The models in use: their id, what was noted of them, the days without an order after which one is gone."""

    id: str
    notes: Mapping[str, Any]
    churn_days: int | None
    tasks: tuple[Task, ...]

    @property
    def served(self) -> tuple[Task, ...]:
        """Those with a model, by rising horizon."""
        return tuple(task for task in self.tasks if task.champion)


def made_by(settings: Settings) -> str:
    """A hash of the code and settings that the models depend on: with other ones they are fitted anew."""
    asked = {
        **{name: getattr(settings.prediction, name) for name in LEARNED_BY},
        **feature_values(settings),
    }
    return model_training.made_by((*CODE, sys.modules[__name__]), asked)


def fitting_models(warehouse: Warehouse) -> Fitted | None:
    """The saved models, if there are any made by these settings and this code.

    Raises
    ------
    ModelError
        when they are damaged.
    """
    saved = load_model(warehouse.home.models / SUBJECT)
    if saved is None or saved.numbers.get("made_by") != made_by(warehouse.settings):
        return None
    tasks = tuple(Task(days, told) for days, told in told_tasks(saved).items())
    return Fitted(saved.id, saved.notes, saved.numbers["churn_days"], tuple(sorted(tasks, key=_by_horizon)))


def saved_tasks(told: Mapping[int, Mapping[str, Any]]) -> tuple[dict[str, Any], dict[str, str]]:
    """By horizon what is saved of its task, and the run that trained it: that is no part of what a model is."""
    numbers = {str(days): {name: one for name, one in of.items() if name != "run_id"} for days, of in told.items()}
    return numbers, {str(days): of["run_id"] for days, of in told.items() if of["model"]}


def told_tasks(saved: SavedModel) -> dict[int, dict[str, Any]]:
    """By horizon, ascending, what :func:`saved_tasks` was given."""
    runs = saved.notes["runs"]
    told = {int(days): of for days, of in saved.numbers["tasks"].items()}
    return {days: {**told[days], "run_id": runs.get(str(days))} for days in sorted(told)}


def _by_horizon(task: Task) -> int:
    return task.horizon_days


def too_little(warehouse: Warehouse, there: Reach) -> str:
    """Why nothing is fitted, empty if there is enough."""
    return too_little_data("prediction", warehouse.settings.prediction, there)


def usable(warehouse: Warehouse, there: Reach) -> tuple[Fitted | None, str]:
    """The saved models, if they fit, and why to train, empty if there is no need."""
    return usable_models(warehouse, there, fitting_models, lambda days: len(folds_of(warehouse.settings, there, days)))


def folds_of(settings: Settings, there: Reach, horizon_days: int) -> list[cutoffs.Fold]:
    """The cut-offs on which models of a horizon are judged, ascending, each with those to learn from."""
    if there.first is None or there.as_of is None:
        return []
    return plan_of(settings, horizon_days).lay(there.first, purchase_days_before(there.as_of))


def purchase_days_before(as_of: date) -> date:
    """The last day that is known."""
    return date.fromordinal(as_of.toordinal() - 1)


def plan_of(settings: Settings, horizon_days: int) -> Plan:
    """How cut-offs lie by the settings."""
    asked = settings.prediction
    return Plan(
        horizon_days, asked.step_days, asked.cutoffs, asked.most_training_cutoffs, asked.least_history_days
    )  # fmt: skip


def train_models(warehouse: Warehouse, there: Reach, before: Fitted | None, reason: str) -> Fitted:
    """Try models for every horizon, let those that are better take over, and save what serves."""
    assert there.as_of is not None
    gone = _steady_churn_days(churn_days(warehouse, there.as_of), before)
    horizons = sorted({*warehouse.settings.prediction.horizon_days, *([gone] if gone else [])})
    known = {task.horizon_days: task for task in before.tasks} if before else {}
    tasks, decisions = {}, {}
    for days in horizons:
        tasks[days], decisions[days] = _train_task(warehouse, there, days, known.get(days))
    saved, runs = saved_tasks({days: task.told for days, task in tasks.items()})
    numbers = {"made_by": made_by(warehouse.settings), "churn_days": gone, "tasks": saved}
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
    card = model_card(numbers, notes)
    model_id = save_model(warehouse.home.models / SUBJECT, numbers, {}, notes, texts={"card.md": card})
    return Fitted(model_id, notes, gone, tuple(tasks.values()))


def _steady_churn_days(found: int | None, before: Fitted | None) -> int | None:
    """The days after which a customer counts as gone: those of the last training, unless they changed by a tenth."""
    if found is None or before is None or before.churn_days is None:
        return found
    return before.churn_days if abs(found - before.churn_days) <= STEADY_SHARE * before.churn_days else found


def versions() -> dict[str, str]:
    """What the models were made with."""
    names = ("xgboost", "xgboost-cpu", "scikit-learn", "scipy", "numpy", "pandas", "duckdb", "retail-pipeline")
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _train_task(warehouse: Warehouse, there: Reach, horizon_days: int, incumbent: Task | None) -> tuple[Task, str]:
    """The task with the model that is to serve, and what was decided, in words."""
    assert there.as_of is not None
    settings = warehouse.settings
    folds = folds_of(settings, there, horizon_days)
    if len(folds) < LEAST_FOLDS:
        why = f"too little data: {there.days} days of history, fewer than {days_needed(settings, horizon_days)}"
        return _without_model(horizon_days, incumbent, why, len(folds))
    latest = plan_of(settings, horizon_days).training_before(_first(there), there.as_of)
    one_in = -(-there.customers // settings.prediction.most_customers)
    observed = observe(warehouse, sorted({*all_days(folds), *latest}), horizon_days, one_in=one_in)
    learned, laid = at(observed, latest), len(folds)
    folds = [fold for fold in folds if at(observed, fold.training).tells and at(observed, [fold.cutoff]).tells]
    if len(folds) < LEAST_FOLDS or folds[-1].split != "test" or not learned.tells:
        why = f"too little data: at too few cut-offs {LEAST_EACH} customers order and {LEAST_EACH} do not"
        return _without_model(horizon_days, incumbent, why, laid)
    asked = settings.prediction
    tried = experiment.run(folds, observed, horizon_days, Stakes(asked.contact_cost, asked.contact_value))
    kept = _kept(warehouse, tried, incumbent)
    if incumbent and kept:
        return incumbent, kept
    model = train(tried.verdict.champion, learned, horizon_days)
    told = _told(warehouse, there, tried, model, at(observed, latest[-1:]), latest)
    if tried.follows_season:
        told["season"] = _season(warehouse, there, model, horizon_days, one_in)
    task = Task(horizon_days, told)
    return task, f"{tried.verdict.champion} serves: {tried.verdict.reason}"


def _season(warehouse: Warehouse, there: Reach, model: PurchaseModel, horizon_days: int, one_in: int) -> dict[str, Any]:
    """By how much the level is raised on days to come, by those of the year before whose outcome is known."""
    assert there.as_of is not None
    until = date.fromordinal(there.as_of.toordinal() + SEASON_AHEAD_DAYS)
    base, *days = plan_of(warehouse.settings, horizon_days).season_before(_first(there), there.as_of, until)
    observed = observe(warehouse, [base, *days], horizon_days, one_in=one_in)
    before = season.level(model, at(observed, [base]))
    return {
        "days": [date.fromordinal(day.toordinal() + YEAR_DAYS).isoformat() for day in days],
        "raised": [season.raised(before, season.level(model, at(observed, [day]))) for day in days],
    }


def _without_model(horizon_days: int, incumbent: Task | None, why: str, folds: int) -> tuple[Task, str]:
    """What there is where no model can be judged: the one that serves stays."""
    if incumbent and incumbent.champion:
        return incumbent, f"{incumbent.champion} stays: {why}"
    return Task(horizon_days, {"model": None, "reason": why, "folds": folds}), why


def days_needed(settings: Settings, horizon_days: int) -> int:
    """Days of history with which a horizon has a cut-off to choose by and one to judge on."""
    asked = settings.prediction
    return asked.least_history_days + 2 * horizon_days + asked.step_days * (LEAST_FOLDS - 1)


def _first(there: Reach) -> date:
    assert there.first is not None
    return there.first


def _kept(warehouse: Warehouse, tried: Experiment, incumbent: Task | None) -> str:
    """Why the model that serves stays, empty if the challenger takes over.

    They are compared on the test cut-off, on which the challenger was fitted to earlier days only; the one that serves
    must not have known its labels either. The challenger has to be better beyond noise. Where the orders that the other
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
    events, values = test.observed.events, test.observed.values
    old = log_losses(events, incumbent.model(test.fold.cutoff).probabilities(values))
    new = log_losses(events, tried.tested.probabilities(values))
    if share_better(new, old) >= BEYOND_NOISE:
        return ""
    return (
        f"{incumbent.champion} of {known_until} stays: a log-loss of {old.mean():.4f} from {test.fold.cutoff} on, "
        f"and {new.mean():.4f} of a new {tried.tested.name}, which is not better beyond noise"
    )


def _told(
    warehouse: Warehouse,
    there: Reach,
    tried: Experiment,
    model: PurchaseModel,
    reference: Observed,
    latest: Sequence[date],
) -> dict[str, Any]:
    """All that is kept of a task, as JSON holds it."""
    assert there.as_of is not None
    test = tried.test
    weights = importance.importance(tried.tested, test.observed.values, test.observed.events)
    of_shap = sorted(
        (row for row in weights if row["method"] == "shap"), key=lambda row: (-row["value"], row["feature"])
    )
    watched = [row["feature"] for row in of_shap[:TOLD_FEATURES]]
    return {
        "model": model.to_json(),
        "reason": tried.verdict.reason,
        "as_of": there.as_of.isoformat(),
        "data_hash": contents(warehouse, there.as_of),
        "run_id": warehouse.run_id,
        "base_rate": float(reference.events.mean()),
        "customers": len({*reference.customers.tolist()}),
        "learned_from": [day.isoformat() for day in latest],
        "seed": trees.SEED,
        "features": list(matrix.FEATURES),
        "metrics": tried.metrics,
        "curves": [
            {"model": name, **point}
            for name, probabilities in test.probabilities.items()
            for point in curves.curves(test.observed.events, probabilities)
        ],
        "test_cutoff": test.fold.cutoff.isoformat(),
        "importance": weights,
        "threshold": tried.thresholds[tried.verdict.champion],
        "reference": {
            **{name: drift.reference(matrix.column(reference.values, name)) for name in watched},
            "probability": drift.reference(model.probabilities(reference.values)),
        },
    }


def current(warehouse: Warehouse, told: str | None, table: str) -> Fitted | None:
    """The models that a table tells of; None if it tells of none.

    Raises
    ------
    ModelError
        when they are not there: the table was built by other settings or code, and not since.
    """
    return None if told is None else models_told_of(fitting_models(warehouse), told, table)
