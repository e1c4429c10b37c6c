"""``models.champions``, ``metrics``, ``curves``, ``feature_importance``, ``drift``: models of purchases and of spend.

The first of them trains when 'retail train' asks for it or when no fitting models are saved in ``models/purchase/`` and
``models/value/`` in the home; the others tell of those that are. On all other nights the saved ones stay, and customers
are only scored.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import dagster as dg

from retail_pipeline.assets.frame_assets import FrameTable
from retail_pipeline.assets.models import champions, drifts, model_card, purchase_training, value_card, value_training
from retail_pipeline.assets.models.champions import (
    BASELINES,
    CHAMPIONS,
    champion_rows,
    is_whole,
    served,
    tell_champions,
)
from retail_pipeline.assets.models.drifts import drift_rows
from retail_pipeline.assets.models.purchase_labels import UPSTREAM
from retail_pipeline.assets.models.purchase_training import CODE, SETTINGS
from retail_pipeline.assets.models.value_training import CODE as VALUE_CODE
from retail_pipeline.assets.models.value_training import SETTINGS as VALUE_SETTINGS
from retail_pipeline.assets.models.value_training import ValueTask
from retail_pipeline.assets.pictures import image
from retail_pipeline.reports.prediction_charts import curve_chart, decile_chart
from retail_pipeline.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd

METRICS, CURVES, IMPORTANCE, DRIFT = (f"models.{name}" for name in ("metrics", "curves", "feature_importance", "drift"))
PICTURED = ("roc", "reliability", "deciles")


def _make_champions(warehouse: Warehouse) -> "pd.DataFrame":
    """A row a task, of the models in use, which are trained first if need be; or why there is none."""
    return _frame(CHAMPIONS_TABLE, champion_rows(warehouse))


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
        for task in served(warehouse)
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
        for task in served(warehouse)
        for point in task.told["curves"]
    ]
    return _frame(CURVES_TABLE, rows)


def _make_importance(warehouse: Warehouse) -> "pd.DataFrame":
    """What each feature does to the champions' predictions."""
    rows = [
        {"task": task.name, "model": task.champion, "cutoff": task.told["test_cutoff"], **row}
        for task in served(warehouse)
        for row in task.told["importance"]
    ]
    return _frame(IMPORTANCE_TABLE, rows)


def _make_drift(warehouse: Warehouse) -> "pd.DataFrame":
    """How far today's customers are from those that the champions were calibrated on."""
    frame = warehouse.read("from customers.features order by customer_id")
    return _frame(DRIFT_TABLE, drift_rows(frame, served(warehouse)))


def _frame(table: FrameTable, rows: Sequence[Mapping[str, Any]]) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(rows, columns=list(table.columns), dtype=None if rows else "object")


def _tell_metrics(warehouse: Warehouse) -> Mapping[str, Any]:
    """ROC and reliability curves of each task on the test cut-off.

    Of spend, what tenths of customers brought against what the champion and the baselines expected of them.
    """
    told = {}
    for task in served(warehouse):
        for curve in PICTURED:
            lines: dict[str, list[tuple[float, float]]] = {}
            for point in task.told["curves"]:
                is_drawn = curve != "deciles" or point["model"] in (task.champion, *BASELINES)
                if point["curve"] == curve and is_drawn:
                    lines.setdefault(point["model"], []).append((point["x"], point["y"]))
            if not lines:
                continue
            draw = decile_chart if curve == "deciles" else partial(curve_chart, curve)
            name = f"{curve}_{task.name}" if isinstance(task, ValueTask) else f"{curve}_{task.horizon_days}d"
            told[name] = dg.MetadataValue.md(image(f"{curve}, {task.name}", draw(lines, str(task.champion))))
    return told


_TASK = ("varchar", "what is predicted: 'purchase_30d', an order within 30 days; 'clv_90d', the spend within 90 days")
_MODEL = (
    "varchar",
    "logistic_regression (purchase), linear_regression, ridge (clv), btyd, random_forest, gradient_boosting, xgboost, "
    "xgboost_two_stage, stacking (clv), or a baseline: base_rate, recency_only; mean, last_period, rfm_cell_mean (clv)",
)
_READS = (
    champions, drifts, purchase_training, model_card, value_training, value_card,
    *CODE, *(module for module in VALUE_CODE if module not in CODE),
)  # fmt: skip
ALL_SETTINGS = (*SETTINGS, *(name for name in VALUE_SETTINGS if name not in SETTINGS))

CHAMPIONS_TABLE = FrameTable(
    name=CHAMPIONS,
    row="a time to come, with the model that says who orders, or spends what, and why that one; or why there is none",
    about="From the last training: 'retail train', weekly, when settings or code have changed, or when customers have "
    "drifted (models.drift) and the last training is prediction.drift_days of data ago. A last day that the data end "
    "in the middle of (sales.daily) counts in no outcome. Models are tried on prediction.cutoffs days, "
    "prediction.step_days apart, the last of which is the test: each is fitted to earlier cut-offs whose horizon had "
    "ended by that day, and brought to the right level; that of orders is moved by what the season did a year before "
    "where that was right of the validation cut-offs. The champion is chosen on the cut-offs before the test by "
    "log-loss (of spend by squared errors, spend and expectation counting up to what one spender in 100 exceeds): of "
    "the candidates not worse than the best beyond noise (97.5 % of draws of customers) the plainest, if it beats the "
    "baselines "
    "beyond noise; else the best baseline serves. A training makes a challenger, which takes over only if its loss on "
    "the test cut-off is lower, both of them fitted without it; until an outcome is known that the serving model has "
    "not learned from, that stays, unless the orders it learned from have changed. is_churn_horizon marks the gap that "
    "90 % of repeat orders stay under, or prediction.churn_days. Of spend, those clv.horizon_days are tried that can "
    "be held out; the others are left to BTYD alone. Models and their cards are in models/purchase/ and models/value/ "
    "in the home.",
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
        "contact_from": (
            "double",
            "probability from which contacting pays best, on validation; null for spend [0 to 1]",
        ),
        "base_rate": (
            "double",
            "share of customers who ordered within the horizon from latest_cutoff on, which risk bands stand against; "
            "null for spend [0 to 1]",
        ),
        "data_hash": ("varchar", "a hash of all orders as known then"),
        "saved_model": ("varchar", "a hash of the models, the folder in models/purchase/ or models/value/"),
    },
    upstream=UPSTREAM,
    make=_make_champions,
    code=_READS,
    parameters=ALL_SETTINGS,
    is_whole=is_whole,
    tell=tell_champions,
)

METRICS_TABLE = FrameTable(
    name=METRICS,
    row="a model, a cut-off and a measure of how right it was",
    about="Of all models tried in the training that made the serving one. Intervals are of 500 draws of customers. "
    "roc_auc, pr_auc (beside base_rate, its value by chance), brier, log_loss, ece (expected calibration error in "
    "tenths of customers), top_decile_lift and top_decile_gain; at the threshold that pays best on the validation "
    "cut-offs (prediction.contact_cost, prediction.contact_value) the confusion matrix (true_positives and so on), "
    "precision, recall and f1 of those with an order and, with _without, of those without, accuracy and "
    "profit_per_customer. Of spend: r2, mae, rmse, spearman, gini, total_bias (0.1 is ten per cent too much in all), "
    "decile_error (by how much the totals of tenths of customers are off), top_decile_gain (the share of revenue that "
    "the tenth predicted highest brings), rmse_capped (by which the champion is chosen), and of the ranges coverage_95 "
    "and width_95.",
    key=("task", "model", "cutoff", "split", "metric"),
    columns={
        "task": _TASK,
        "model": _MODEL,
        "cutoff": ("date", "the day from which orders were predicted [store time]"),
        "split": (
            "varchar",
            "'train', learned from, 'validation', by which the champion was chosen, or 'test', looked at last",
        ),
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
    parameters=ALL_SETTINGS,
    tell=_tell_metrics,
)

CURVES_TABLE = FrameTable(
    name=CURVES,
    row="a point of a model's curve on the test cut-off",
    about="roc: x the share of customers without an order who stand above a probability, y of those with one. gain: x "
    "the share of customers predicted highest, y the share of orderers among them. reliability: x the mean "
    "probability of a tenth of customers, y the share who ordered. Of spend, gain: y the share of revenue; deciles: x "
    "the mean expectation of a tenth of customers, y what they spent in the mean.",
    key=("task", "model", "curve", "point"),
    columns={
        "task": _TASK,
        "model": _MODEL,
        "curve": ("varchar", "roc, gain, reliability or deciles"),
        "point": ("bigint", "its place on the curve, from 1"),
        "x": ("double", "across [0 to 1; reporting currency for deciles]"),
        "y": ("double", "up [as x]"),
        "customers": ("bigint", "customers above the probability, or in the tenth [customers]"),
        "cutoff": ("date", "the test cut-off [store time]"),
        "is_champion": ("boolean", "whether the model serves"),
    },
    upstream=(CHAMPIONS,),
    make=_make_curves,
    code=_READS,
    parameters=ALL_SETTINGS,
)

IMPORTANCE_TABLE = FrameTable(
    name=IMPORTANCE,
    row="a feature and what it does to a champion's predictions",
    about="On the test cut-off, by the champion as fitted for it. shap: the mean size of the feature's contribution "
    "to the log odds (exact SHAP values of trees and linear models). permutation: the area under the ROC curve that "
    "is lost (of spend the Gini coefficient) when its values are dealt out anew among customers; of features that say "
    "the same, each may lose little. Of spend there is no shap.",
    key=("task", "feature", "method"),
    columns={
        "task": _TASK,
        "model": ("varchar", "the champion"),
        "cutoff": ("date", "the test cut-off [store time]"),
        "feature": ("varchar", "the feature, of customers.features or made of it"),
        "method": ("varchar", "'shap' or 'permutation'"),
        "value": ("double", "its weight [log odds for shap, area or coefficient for permutation]"),
    },
    upstream=(CHAMPIONS,),
    make=_make_importance,
    code=_READS,
    parameters=ALL_SETTINGS,
)

DRIFT_TABLE = FrameTable(
    name=DRIFT,
    row="a feature of weight, or what is predicted, and how far today's customers are from those of the training",
    about="The population stability index over tenths of the customers of the latest cut-off that the champion "
    "learned from: below 0.1 the same, above 0.25 others than before. It needs no outcome; how right today's "
    "predictions are is known only label_delay_days later. An index above 0.25 of a feature that asks leads to a "
    "training, if the last one is prediction.drift_days of data ago.",
    key=("task", "feature"),
    columns={
        "task": _TASK,
        "feature": ("varchar", "the feature; 'probability' or 'expected_value' for what is predicted"),
        "psi": ("double", "population stability index"),
        "asks": ("boolean", "whether it may ask for a training: not what grows with the shop's age, as tenure"),
        "reference_cutoff": ("date", "the cut-off compared with [store time]"),
        "as_of": ("date", "the day of today's customers [store time]"),
        "label_delay_days": ("bigint", "days until the outcome of today's predictions is known [days]"),
    },
    upstream=(CHAMPIONS, "customers.features"),
    make=_make_drift,
    code=_READS,
    parameters=ALL_SETTINGS,
)

TABLES = (CHAMPIONS_TABLE, METRICS_TABLE, CURVES_TABLE, IMPORTANCE_TABLE, DRIFT_TABLE)
