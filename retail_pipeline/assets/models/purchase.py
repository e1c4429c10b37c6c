"""``models.champions``, ``metrics``, ``curves``, ``feature_importance`` and ``drift``: models of the next purchase.

The first of them trains when 'retail train' asks for it or when no fitting models are saved in ``models/purchase/`` in
the home; the others tell of those that are. On all other nights the saved ones stay, and customers are only scored.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from retail_pipeline.analytics.prediction.purchase_models import BASELINES
from retail_pipeline.assets.frame_assets import FrameTable
from retail_pipeline.assets.models import model_card, purchase_training
from retail_pipeline.assets.models.model_card import model_card as write_card
from retail_pipeline.assets.models.purchase_labels import UPSTREAM, reach
from retail_pipeline.assets.models.purchase_training import (
    CODE,
    SETTINGS,
    SUBJECT,
    Fitted,
    Task,
    current,
    drifts,
    made_by,
    too_little,
    train_models,
    usable,
)
from retail_pipeline.assets.pictures import image
from retail_pipeline.reports.prediction_charts import curve_chart
from retail_pipeline.saved_models import load_model
from retail_pipeline.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd

CHAMPIONS, METRICS, CURVES, IMPORTANCE, DRIFT = (
    f"models.{name}" for name in ("champions", "metrics", "curves", "feature_importance", "drift")
)
PICTURED = ("roc", "reliability")


def _make_champions(warehouse: Warehouse) -> "pd.DataFrame":
    """A row a task, of the models in use, which are trained first if need be; or why there is none."""
    there = reach(warehouse)
    why = too_little(warehouse, there)
    if why:
        names = [f"purchase_{days}d" for days in warehouse.settings.prediction.horizon_days]
        rows = [
            {"task": name, "horizon_days": days, "is_churn_horizon": False, "reason": why}
            for name, days in zip(names, warehouse.settings.prediction.horizon_days, strict=True)
        ]
        return _frame(CHAMPIONS_TABLE, rows if there.customers else [])
    fitted, reason = usable(warehouse, there)
    if fitted is None or reason:
        fitted = train_models(warehouse, there, fitted, reason)
    return _frame(CHAMPIONS_TABLE, [_champion_row(fitted, task) for task in fitted.tasks])


def _champion_row(fitted: Fitted, task: Task) -> dict[str, Any]:
    row = {
        "task": task.name,
        "horizon_days": task.horizon_days,
        "is_churn_horizon": task.horizon_days == fitted.churn_days,
        "model": task.champion,
        "reason": task.told["reason"],
        "saved_model": fitted.id,
    }
    if not task.champion:
        return row
    return {
        **row,
        "is_baseline": task.champion in BASELINES,
        "learned_until": task.told["as_of"],
        "latest_cutoff": task.told["learned_from"][-1],
        "test_cutoff": task.told["test_cutoff"],
        "contact_from": task.told["threshold"],
        "base_rate": task.told["base_rate"],
        "data_hash": task.told["data_hash"],
    }


def _make_metrics(warehouse: Warehouse) -> "pd.DataFrame":
    """What each model was worth on each cut-off."""
    rows = [
        {
            "task": task.name,
            **row,
            "is_champion": row["model"] == task.champion,
            "is_baseline": row["model"] in BASELINES,
            "run_id": task.told["run_id"],
        }
        for task in _served(warehouse)
        for row in task.told["metrics"]
    ]
    return _frame(METRICS_TABLE, rows)


def _make_curves(warehouse: Warehouse) -> "pd.DataFrame":
    """The points of each model's curves on the test cut-off."""
    rows = [
        {
            "task": task.name,
            **point,
            "cutoff": task.told["test_cutoff"],
            "is_champion": point["model"] == task.champion,
        }
        for task in _served(warehouse)
        for point in task.told["curves"]
    ]
    return _frame(CURVES_TABLE, rows)


def _make_importance(warehouse: Warehouse) -> "pd.DataFrame":
    """What each feature does to the champions' predictions."""
    rows = [
        {"task": task.name, "model": task.champion, "cutoff": task.told["test_cutoff"], **row}
        for task in _served(warehouse)
        for row in task.told["importance"]
    ]
    return _frame(IMPORTANCE_TABLE, rows)


def _make_drift(warehouse: Warehouse) -> "pd.DataFrame":
    """How far today's customers are from those that the champions were calibrated on."""
    fitted = current(warehouse, _told_model(warehouse), CHAMPIONS)
    return _frame(DRIFT_TABLE, drifts(warehouse, fitted) if fitted else [])


def _frame(table: FrameTable, rows: Sequence[Mapping[str, Any]]) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(rows, columns=list(table.columns), dtype=None if rows else "object")


def _told_model(warehouse: Warehouse) -> str | None:
    told: str | None = warehouse.value(f"select min(saved_model) from {CHAMPIONS}")
    return told


def _served(warehouse: Warehouse) -> tuple[Task, ...]:
    """The tasks with a model, of those that the table of champions tells of."""
    fitted = current(warehouse, _told_model(warehouse), CHAMPIONS)
    return fitted.served if fitted else ()


def _is_whole(warehouse: Warehouse) -> bool:
    """Whether the table tells of the models in use, which fit, and no training is asked for."""
    there, told = reach(warehouse), _told_model(warehouse)
    if too_little(warehouse, there):
        return told is None
    fitted, reason = usable(warehouse, there)
    return fitted is not None and fitted.id == told and not reason


def _tell_champions(warehouse: Warehouse) -> Mapping[str, Any]:
    """When and why the models were fitted, and their card; or why there is none."""
    told = _told_model(warehouse)
    if told is None:
        return {"no_models": too_little(warehouse, reach(warehouse)) or "no horizon has enough history"}
    saved = load_model(warehouse.home.models / SUBJECT)
    if saved is None or saved.numbers.get("made_by") != made_by(warehouse.settings):
        return {}
    decisions = {f"decision_{days}d": text for days, text in saved.notes["decisions"].items()}
    names = ("created_at", "reason", "customers", "history_days")
    return {
        "saved_model": saved.id,
        **{name: saved.notes[name] for name in names},
        **decisions,
        "model_card": dg.MetadataValue.md(write_card(saved.numbers, saved.notes)),
    }


def _tell_metrics(warehouse: Warehouse) -> Mapping[str, Any]:
    """ROC and reliability curves of each task on the test cut-off."""
    told = {}
    for task in _served(warehouse):
        for curve in PICTURED:
            lines: dict[str, list[tuple[float, float]]] = {}
            for point in task.told["curves"]:
                if point["curve"] == curve:
                    lines.setdefault(point["model"], []).append((point["x"], point["y"]))
            svg = curve_chart(curve, lines, str(task.champion))
            told[f"{curve}_{task.horizon_days}d"] = dg.MetadataValue.md(image(f"{curve}, {task.name}", svg))
    return told


_TASK = ("varchar", "what is predicted, as in 'purchase_30d': an order within 30 days")
_MODEL = (
    "varchar",
    "logistic_regression, btyd, random_forest, gradient_boosting, xgboost, or a baseline: base_rate, recency_only",
)
_READS = (purchase_training, model_card, *CODE)

CHAMPIONS_TABLE = FrameTable(
    name=CHAMPIONS,
    row="a time to come, with the model that says who orders in it, and why that one; or why there is none",
    about="From the last training: 'retail train', weekly, when settings or code have changed, or when customers have "
    "drifted (models.drift) and the last training is prediction.drift_days of data ago. A last day that the data end "
    "in the middle of (sales.daily) counts in no outcome. Models are tried on prediction.cutoffs days, "
    "prediction.step_days apart, the last of which is the test: each is fitted to earlier cut-offs whose horizon had "
    "ended by that day, and calibrated on the latest of these, with its level moved by what the season did a year "
    "before where that was right of the validation cut-offs. The champion is chosen on the cut-offs before the test "
    "by log-loss: of the candidates not worse than the best beyond noise (97.5 % of draws of customers) the plainest, "
    "if it beats both baselines beyond noise; else the best baseline serves. A training makes a challenger, which "
    "takes over only if its log-loss on the test cut-off is lower, both of them fitted without it; until an outcome "
    "is known that the serving model has not learned from, that stays, unless the orders it learned from have "
    "changed. is_churn_horizon marks the gap that 90 % of repeat orders stay under, or prediction.churn_days. Models "
    "and their card are in models/purchase/ in the home.",
    key=("task",),
    columns={
        "task": _TASK,
        "horizon_days": ("bigint", "the time to come [days]"),
        "is_churn_horizon": ("boolean", "whether who orders nothing for so long counts as gone"),
        "model": ("varchar", "the model that serves, null if there is none"),
        "reason": ("varchar", "why it serves, or why there is none: 'too little data' and of what"),
        "is_baseline": ("boolean", "whether it is a baseline, for no candidate beats that; null without a model"),
        "learned_until": ("date", "as of which orders it was trained, null without a model [store time]"),
        "latest_cutoff": ("date", "the latest cut-off it learned from and is calibrated on [store time]"),
        "test_cutoff": ("date", "the day from which its kind was judged last [store time]"),
        "contact_from": ("double", "probability from which contacting customers pays best, on validation [0 to 1]"),
        "base_rate": (
            "double",
            "share of customers who ordered within the horizon from latest_cutoff on, which risk bands stand against "
            "[0 to 1]",
        ),
        "data_hash": ("varchar", "a hash of all orders as known then"),
        "saved_model": ("varchar", "a hash of the models, which is the folder in models/purchase/"),
    },
    upstream=UPSTREAM,
    make=_make_champions,
    code=_READS,
    parameters=SETTINGS,
    is_whole=_is_whole,
    tell=_tell_champions,
)

METRICS_TABLE = FrameTable(
    name=METRICS,
    row="a model, a cut-off and a measure of how right it was",
    about="Of all models tried in the training that made the serving one. Intervals are of 500 draws of customers. "
    "roc_auc, pr_auc (beside base_rate, its value by chance), brier, log_loss, ece (expected calibration error in "
    "tenths of customers), top_decile_lift and top_decile_gain; at the threshold that pays best on the validation "
    "cut-offs (prediction.contact_cost, prediction.contact_value) the confusion matrix (true_positives and so on), "
    "precision, recall and f1 of those with an order and, with _without, of those without, accuracy and "
    "profit_per_customer.",
    key=("task", "model", "cutoff", "split", "metric"),
    columns={
        "task": _TASK,
        "model": _MODEL,
        "cutoff": ("date", "the day from which orders were predicted [store time]"),
        "split": ("varchar", "'validation', by which the champion was chosen, or 'test', looked at afterwards"),
        "metric": ("varchar", "the measure"),
        "value": ("double", "its value, null where it is not defined [as the measure]"),
        "lower": ("double", "lower end of its 95 % interval [as the measure]"),
        "upper": ("double", "upper end of it [as the measure]"),
        "n": ("bigint", "customers it was measured on [customers]"),
        "is_champion": ("boolean", "whether the model serves"),
        "is_baseline": ("boolean", "whether it is a baseline"),
        "run_id": ("varchar", "the run that trained the models"),
    },
    upstream=(CHAMPIONS,),
    make=_make_metrics,
    code=_READS,
    parameters=SETTINGS,
    tell=_tell_metrics,
)

CURVES_TABLE = FrameTable(
    name=CURVES,
    row="a point of a model's curve on the test cut-off",
    about="roc: x the share of customers without an order who stand above a probability, y of those with one. gain: x "
    "the share of customers predicted highest, y the share of orderers among them. reliability: x the mean "
    "probability of a tenth of customers, y the share who ordered.",
    key=("task", "model", "curve", "point"),
    columns={
        "task": _TASK,
        "model": _MODEL,
        "curve": ("varchar", "roc, gain or reliability"),
        "point": ("bigint", "its place on the curve, from 1"),
        "x": ("double", "across [0 to 1]"),
        "y": ("double", "up [0 to 1]"),
        "customers": ("bigint", "customers above the probability, or in the tenth [customers]"),
        "cutoff": ("date", "the test cut-off [store time]"),
        "is_champion": ("boolean", "whether the model serves"),
    },
    upstream=(CHAMPIONS,),
    make=_make_curves,
    code=_READS,
    parameters=SETTINGS,
)

IMPORTANCE_TABLE = FrameTable(
    name=IMPORTANCE,
    row="a feature and what it does to a champion's predictions",
    about="On the test cut-off, by the champion as fitted for it. shap: the mean size of the feature's contribution "
    "to the log odds (exact SHAP values of trees and linear models). permutation: the area under the ROC curve that "
    "is lost when its values are dealt out anew among customers; of features that say the same, each may lose little.",
    key=("task", "feature", "method"),
    columns={
        "task": _TASK,
        "model": ("varchar", "the champion"),
        "cutoff": ("date", "the test cut-off [store time]"),
        "feature": ("varchar", "the feature, of customers.features or made of it"),
        "method": ("varchar", "'shap' or 'permutation'"),
        "value": ("double", "its weight [log odds for shap, area for permutation]"),
    },
    upstream=(CHAMPIONS,),
    make=_make_importance,
    code=_READS,
    parameters=SETTINGS,
)

DRIFT_TABLE = FrameTable(
    name=DRIFT,
    row="a feature of weight, or the probability, and how far today's customers are from those of the training",
    about="The population stability index over tenths of the customers of the latest cut-off that the champion "
    "learned from: below 0.1 the same, above 0.25 others than before. It needs no outcome; how right today's "
    "predictions are is known only label_delay_days later. An index above 0.25 of a feature that asks leads to a "
    "training, if the last one is prediction.drift_days of data ago.",
    key=("task", "feature"),
    columns={
        "task": _TASK,
        "feature": ("varchar", "the feature, or 'probability' for what is predicted"),
        "psi": ("double", "population stability index"),
        "asks": ("boolean", "whether it may ask for a training: not what grows with the shop's age, as tenure"),
        "reference_cutoff": ("date", "the cut-off compared with [store time]"),
        "as_of": ("date", "the day of today's customers [store time]"),
        "label_delay_days": ("bigint", "days until the outcome of today's predictions is known [days]"),
    },
    upstream=(CHAMPIONS, "customers.features"),
    make=_make_drift,
    code=_READS,
    parameters=SETTINGS,
)

TABLES = (CHAMPIONS_TABLE, METRICS_TABLE, CURVES_TABLE, IMPORTANCE_TABLE, DRIFT_TABLE)
