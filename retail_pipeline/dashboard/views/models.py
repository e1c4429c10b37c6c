"""How good the models are: beside their baselines, calibrated, explained, and whether customers have drifted away."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from retail_pipeline.dashboard.curves import curve_figure, decile_figure, task_title
from retail_pipeline.dashboard.drawing import View, plain, say_unapplied
from retail_pipeline.dashboard.palette import ACCENT, GREEN, MUTED, ORANGE, RED
from retail_pipeline.home import Home

METRICS = "models.metrics"
LESS_IS_BETTER = {"brier", "log_loss", "ece", "mae", "rmse", "rmse_capped", "decile_error", "width_95"}
BEST_AT = {"coverage_95": "0.95 is best", "total_bias": "0 is best"}
EFFECTS = {"shap": "mean effect on the log odds", "permutation": "what its shuffling costs"}
COUNTS = {"threshold", "true_positives", "false_negatives", "false_positives", "true_negatives", "base_rate"}
DRIFT_LOOK, DRIFT_ALARM = 0.1, 0.25
"""Stability indices from which a feature is worth a look, and has moved."""


def show(view: View) -> None:
    """The page."""
    if view.lacks("models.champions", METRICS):
        return
    say_unapplied(view.filters, (), "models are judged on all known customers.")
    champions = view.snapshot.frame(
        "select task, model, is_baseline, reason, learned_until, test_cutoff, contact_from, horizon_days, saved_model "
        "from models.champions order by is_churn_horizon desc, horizon_days"
    )
    view.table(
        "Which model serves", champions, ("models.champions",),
        says="And why; a baseline serves where nothing beats it.",
        empty="No model was looked for yet: run 'retail train'.",
    )  # fmt: skip
    tasks = view.snapshot.frame(
        f"select metrics.task from {METRICS} as metrics left join models.champions as champions "
        "on metrics.task = champions.task group by metrics.task order by bool_or(is_churn_horizon) desc nulls last, "
        "starts_with(metrics.task, 'purchase_') desc, max(horizon_days), metrics.task"
    )["task"].tolist()
    if tasks:
        task = str(st.selectbox("Prediction", tasks, format_func=task_title, key="model-task", bind="query-params"))
        _measures(view, task)
        left, right = st.columns(2)
        with left:
            if task.startswith("clv_"):
                _deciles(view, task)
            else:
                _curve(view, task, "reliability", "Calibration")
        with right:
            _curve(view, task, "gain", "Gain")
        left, right = st.columns(2)
        with left:
            _importance(view, task)
        with right:
            _drift(view, task)
    _recommenders(view)
    _parameters(view)
    _saved(view)


def _measures(view: View, task: str) -> None:
    frame = view.snapshot.frame(
        f"select model, metric, value, lower, upper, n, split, cutoff, is_champion, is_baseline from {METRICS} "
        "where task = $task and split = 'test' order by metric, is_baseline, model",
        task=task,
    )
    measures = [name for name in frame["metric"].unique() if name not in COUNTS]
    if not measures:
        st.info("Nothing is measured on a test cut-off.", icon="ℹ️")
        return
    start = next((measures.index(name) for name in ("roc_auc", "r2") if name in measures), 0)
    measure = st.selectbox(
        "Measure", measures, index=start, format_func=lambda name: name.replace("_", " "), key="measure"
    )
    rows = frame[frame["metric"] == measure].sort_values(["value", "model"], ascending=measure in LESS_IS_BETTER)

    def draw(rows: pd.DataFrame) -> Any:
        colours = [
            ORANGE if row["is_baseline"] else ACCENT if row["is_champion"] else MUTED for row in rows.to_dict("records")
        ]
        figure = go.Figure(
            go.Scatter(
                x=rows["value"], y=rows["model"].str.replace("_", " "), mode="markers",
                marker={"size": 12, "color": colours},
                error_x={
                    "array": rows["upper"] - rows["value"], "arrayminus": rows["value"] - rows["lower"], "color": MUTED,
                },
                hovertemplate="%{y}: %{x:.3f}<extra></extra>",
            )
        )  # fmt: skip
        figure.update_yaxes(autorange="reversed")
        figure.update_xaxes(title=str(measure).replace("_", " "))
        return figure

    order = "less is better, the best on top" if measure in LESS_IS_BETTER else "more is better, the best on top"
    better = BEST_AT.get(str(measure), order)
    view.chart(
        "Models beside their baselines", rows, draw, (METRICS,),
        says=f"Blue serves, orange are baselines; {better}; with 95 % intervals, "
        "on a cut-off that no model had seen.",
    )  # fmt: skip


def _curve(view: View, task: str, curve: str, title: str) -> None:
    if view.lacks("models.curves"):
        return
    frame = view.snapshot.frame(
        "select model, x, y, customers, is_champion, cutoff from models.curves where task = $task and curve = $curve "
        "order by is_champion, model, point",
        task=task, curve=curve,
    )  # fmt: skip
    says = "On the dashed line predictions came true." if curve == "reliability" else "Dashed is chance."
    view.chart(
        title, frame, lambda rows: curve_figure(rows, curve), ("models.curves",), height=400,
        says=f"{says} Thick serves.",
        empty="There is no such curve for this prediction.",
    )  # fmt: skip


def _deciles(view: View, task: str) -> None:
    if view.lacks("models.curves"):
        return
    frame = view.snapshot.frame(
        "select x, y, customers, model, cutoff from models.curves where task = $task and curve = 'deciles' "
        "and is_champion order by x desc",
        task=task,
    )
    view.chart(
        "Calibration", frame, lambda rows: decile_figure(rows, view.money_unit), ("models.curves",), height=400,
        says="What the model that serves expected of each tenth of customers, and what they spent.",
        empty="There is no such curve for this prediction.",
    )  # fmt: skip


def _importance(view: View, task: str) -> None:
    if view.lacks("models.feature_importance"):
        return
    frame = view.snapshot.frame(
        "select feature, method, value, model, cutoff from models.feature_importance where task = $task "
        "and method = (select max(method) from models.feature_importance where task = $task) "
        "order by value desc, feature",
        task=task,
    )

    def draw(frame: pd.DataFrame) -> Any:
        shown = frame.head(12)
        figure = go.Figure(
            go.Bar(
                x=shown["value"], y=shown["feature"].str.replace("_", " "), orientation="h", marker_color=ACCENT,
                hovertemplate="%{y}: %{x:.3f}<extra></extra>",
            )
        )  # fmt: skip
        figure.update_yaxes(autorange="reversed")
        figure.update_xaxes(title=EFFECTS.get(str(shown["method"].iloc[0]), "importance"))
        return figure

    view.chart(
        "What counts", frame, draw, ("models.feature_importance",), height=400,
        says="The features that move the champion's predictions most.", empty="Nothing is told of this prediction.",
    )  # fmt: skip


def _drift(view: View, task: str) -> None:
    if view.lacks("models.drift"):
        return
    known = "asks" in view.snapshot.words()["models.drift"].columns
    frame = view.snapshot.frame(
        f"select feature, psi, {'asks' if known else 'true as asks'}, reference_cutoff, as_of, label_delay_days "
        "from models.drift where task = $task order by psi desc, feature",
        task=task,
    )

    def draw(frame: pd.DataFrame) -> Any:
        shown = frame.head(12)
        colours = [drift_colour(row["psi"], asks=bool(row["asks"])) for row in shown.to_dict("records")]
        figure = go.Figure(
            go.Bar(
                x=shown["psi"], y=shown["feature"].str.replace("_", " "), orientation="h", marker_color=colours,
                hovertemplate="%{y}: %{x:.3f}<extra></extra>",
            )
        )  # fmt: skip
        figure.add_vline(x=DRIFT_LOOK, line={"color": ORANGE, "dash": "dot"})
        figure.add_vline(x=DRIFT_ALARM, line={"color": RED, "dash": "dot"})
        figure.update_yaxes(autorange="reversed")
        figure.update_xaxes(title="population stability index", range=[0, max(0.3, float(shown["psi"].max()) * 1.1)])
        return figure

    view.chart(
        "Drift", frame, draw, ("models.drift",), height=400,
        says=f"How far today's customers are from those learned from; beyond {DRIFT_ALARM} train anew."
        + ("" if frame["asks"].all() else " Grey ones move as time passes and ask for no training."),
        empty="Nothing is told of this prediction.",
    )  # fmt: skip


def drift_colour(psi: float, *, asks: bool) -> str:
    """How a feature's drift is shown: grey where it asks for nothing, however far it has moved."""
    if not asks:
        return MUTED
    return RED if psi >= DRIFT_ALARM else ORANGE if psi >= DRIFT_LOOK else GREEN


def _recommenders(view: View) -> None:
    if not view.snapshot.has("baskets.recommender_metrics"):
        return
    frame = view.snapshot.frame(
        "select task, model, metric, value, lower, upper, n, is_champion, is_baseline, cutoff "
        "from baskets.recommender_metrics where split = 'test' and ends_with(metric, '_at_10') "
        "order by task, metric, value desc, model"
    )
    view.table(
        "Recommenders", frame, ("baskets.recommender_metrics",), says="On the last window, in lists of ten.",
        empty="No recommender was measured: there are too few customers.",
    )  # fmt: skip


def _parameters(view: View) -> None:
    if not view.snapshot.has("models.btyd_parameters"):
        return
    frame = view.snapshot.frame(
        "select model, parameter, value, std_error, lower, upper, log_likelihood, customers, time_unit, "
        "calibration_end, "
        "converged from models.btyd_parameters order by model, parameter"
    )
    view.table(
        "Buy-till-you-die models",
        frame,
        ("models.btyd_parameters",),
        empty="None is fitted: there is too little history.",
    )


def _saved(view: View) -> None:
    """The models in the home, with their cards: who served before."""
    rows, cards = [], {}
    folder = Home.locate().models
    for manifest in sorted(folder.glob("*/*/manifest.json")):
        notes = _notes(manifest)
        card = manifest.with_name("card.md")
        rows.append(
            {
                "subject": manifest.parent.parent.name,
                "model": manifest.parent.name,
                "in_use": _in_use(manifest.parent.parent) == manifest.parent.name,
                "saved": pd.Timestamp(manifest.stat().st_mtime, unit="s").floor("s"),
                "notes": "; ".join(f"{name}: {value}" for name, value in sorted(notes.items()) if _is_short(value)),
            }
        )
        if card.exists():
            cards[f"{manifest.parent.parent.name} {manifest.parent.name}"] = card
    frame = pd.DataFrame(rows, columns=["subject", "model", "in_use", "saved", "notes"])
    view.table(
        "Saved models", frame.sort_values(["subject", "saved"], ascending=[True, False]), (),
        says="Those in the home's models/, the last ones of each subject; trainings replace the one in use.",
        titles={"saved": "when it was saved [UTC]", "in_use": "whether it serves now"}, empty="No model is saved yet.",
    )  # fmt: skip
    for name, card in cards.items():
        with st.expander(f"Model card: {name}"):
            st.markdown(plain(card.read_text(encoding="utf-8")).replace("# ", "#### "))


def _notes(manifest: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(manifest.read_text()).get("notes", {}))
    except (OSError, ValueError):
        return {}


def _in_use(subject: Path) -> str | None:
    try:
        return str(json.loads((subject / "current.json").read_text())["id"])
    except (OSError, ValueError, KeyError):
        return None


def _is_short(value: Any) -> bool:
    return len(str(value)) < 80
