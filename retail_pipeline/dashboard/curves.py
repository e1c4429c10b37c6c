"""Curves of models as figures, and what a prediction's task is called."""

import re
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from retail_pipeline.dashboard.palette import ACCENT, MUTED, SERIES

AXES = {
    "roc": ("of customers without an order", "of customers with one"),
    "gain": ("customers, likeliest first", "of what came"),
    "reliability": ("predicted probability", "share with an order"),
}


def days_of(task: str) -> int:
    """The days of a task's time to come.

    Examples
    --------
    >>> days_of("purchase_30d")
    30
    """
    found = re.search(r"(\d+)d$", task)
    return int(found[1]) if found else 0


def task_title(task: str) -> str:
    """What is predicted, in words.

    Examples
    --------
    >>> task_title("purchase_30d"), task_title("clv_90d")
    ('an order within 30 days', 'spend within 90 days')
    """
    what = {"purchase": "an order", "clv": "spend"}.get(task.split("_", maxsplit=1)[0])
    return f"{what} within {days_of(task)} days" if what else task.replace("_", " ")


def curve_figure(frame: pd.DataFrame, curve: str) -> Any:
    """A curve of several models (model, x, y, is_champion), the champion's thick; dashed is chance, or being right."""
    across, up = AXES[curve]
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"color": MUTED, "dash": "dash", "width": 1}, showlegend=False,
        hoverinfo="skip",
    )  # fmt: skip
    for place, (model, rows) in enumerate(frame.groupby("model", sort=False)):
        serves = bool(rows["is_champion"].iloc[0])
        figure.add_scatter(
            x=rows["x"], y=rows["y"], name=str(model).replace("_", " "),
            mode="lines+markers" if curve == "reliability" else "lines",
            line={"color": ACCENT if serves else SERIES[1 + place % (len(SERIES) - 1)], "width": 4 if serves else 1.2},
            hovertemplate="%{x:.0%}, %{y:.0%}<extra>%{fullData.name}</extra>",
        )  # fmt: skip
    figure.update_xaxes(title=across, tickformat=".0%", range=[0, 1])
    figure.update_yaxes(title=up, tickformat=".0%", range=[0, 1.02])
    return figure


def decile_figure(frame: pd.DataFrame, unit: str) -> Any:
    """What a model expected of each tenth of customers (x) beside what they spent (y), the most valuable first."""
    figure = go.Figure()
    tenths = [str(place) for place in range(1, len(frame) + 1)]
    for column, name, colour in (("x", "expected", ACCENT), ("y", "spent", MUTED)):
        figure.add_bar(
            x=tenths, y=frame[column], name=name, marker={"color": colour},
            hovertemplate=f"%{{y:,.0f}} {unit} {name} a customer<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(title="tenth of customers, most expected of first", type="category")
    figure.update_yaxes(title=f"a customer [{unit}]")
    return figure
