"""Why sales changed from one period to the next, what was out of the ordinary, and what goes along with what."""

from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from retail_pipeline.dashboard.drawing import View, metric, plain, say_unapplied
from retail_pipeline.dashboard.labels import name_rows, row_keys
from retail_pipeline.dashboard.palette import ACCENT, DIVERGING, MUTED, ORANGE, RED
from retail_pipeline.reports.words import percent

DRIVERS, PARTS, CAUSES = "sales.change_drivers", "sales.change_contributions", "sales.root_causes"
SPLITS = {"customers": "by customers: who bought, how often, how much", "products": "by products: price, volume, mix"}
DIMENSIONS = ("country", "product", "category", "channel", "customer_type", "segment", "weekday")
SHOWN_MEMBERS = 12
DATE_FORMATS = {"week": "week of {:%d %B %Y}", "month": "{:%B %Y}"}


def show(view: View) -> None:
    """The page."""
    if view.lacks(DRIVERS, PARTS, CAUSES):
        return
    say_unapplied(view.filters, (), "changes are taken apart for the whole shop, by period; choose the periods here.")
    left, right = st.columns([1, 2])
    frequency = left.segmented_control(
        "Compare", ["week", "month", "quarter"], default="month", key="why-every", bind="query-params", required=True
    )
    periods = view.snapshot.frame(
        f"select distinct period, period_before, is_partial from {DRIVERS} where frequency = $frequency "
        "order by is_partial, period desc",
        frequency=frequency,
    )
    if periods.empty:
        st.info(f"Two {frequency}s with orders are needed to compare.", icon="ℹ️")
    else:
        before = dict(zip(periods["period"], periods["period_before"], strict=True))
        partial = set(periods.loc[periods["is_partial"], "period"])
        period = right.selectbox(
            "Period", list(before), key=f"why-{frequency}",
            format_func=lambda day: f"{_name(str(frequency), day)} against {_name(str(frequency), before[day])}"
            + (" (partial)" if day in partial else ""),
        )  # fmt: skip
        _change(view, str(frequency), period)
        _contributions(view, str(frequency), period)
    _anomalies(view)
    _correlations(view)


def _name(frequency: str, day: Any) -> str:
    if frequency == "quarter":
        return f"quarter {day.quarter} of {day.year}"
    return DATE_FORMATS[frequency].format(day)


def _change(view: View, frequency: str, period: Any) -> None:
    split = st.segmented_control(
        "Split", list(SPLITS), default="customers", format_func=SPLITS.__getitem__, key="why-split", required=True,
        bind="query-params",
    )  # fmt: skip
    frame = view.snapshot.frame(
        f"select driver, effect, value_before, value, net_sales_before, net_sales, change from {DRIVERS} "
        "where frequency = $frequency and period = $period and split = $split order by place",
        frequency=frequency, period=period.date(), split=split,
    )  # fmt: skip
    if len(frame):
        head = frame.iloc[0]
        with st.container(horizontal=True, key="headlines"):
            base = head["net_sales_before"]
            metric("Net sales", view.money.text(head["net_sales"]), change=head["change"] / base if base > 0 else None)
            metric("Before", view.money.text(base))
            metric("Change", view.money.signed(head["change"]))
    cause = view.snapshot.frame(
        "select path, member_name, share_explained, usual_share, began_on, ended_on, is_judged, cause_change, p_value "
        f"from {CAUSES} where frequency = $frequency and period = $period",
        frequency=frequency, period=period.date(),
    )  # fmt: skip
    with st.container(border=True, key="cause"):
        st.markdown("#### The cause, if one stands out")
        st.markdown(_cause_words(view, cause))

    def draw(frame: pd.DataFrame) -> Any:
        names = [str(name).replace("_", " ") for name in frame["driver"]]
        figure = go.Figure(
            go.Waterfall(
                x=[*names, "change"],
                measure=[*["relative"] * len(frame), "total"],
                y=[*frame["effect"], frame["change"].iloc[0]],
                increasing={"marker": {"color": ACCENT}}, decreasing={"marker": {"color": ORANGE}},
                totals={"marker": {"color": MUTED}}, connector={"line": {"color": "#5a5a5a"}},
                hovertemplate="%{x}: %{delta:+,.0f} " + view.money_unit + "<extra></extra>",
            )
        )  # fmt: skip
        figure.update_yaxes(title=f"change of net sales [{view.money_unit}]")
        return figure

    view.chart(
        "What drove the change", frame, draw, (DRIVERS,), height=400,
        says="Each driver's part; they add up to the change to the last digit. Blue raised sales, orange lowered them.",
    )  # fmt: skip


def _cause_words(view: View, cause: pd.DataFrame) -> str:
    if cause.empty or not cause["is_judged"].iloc[0]:
        return "There is too little history to say of any part of the shop what is unusual."
    row = cause.iloc[0]
    if pd.isna(row["path"]):
        return "No country, product, channel or kind of customer stands out: the change is spread as usual."
    where = plain(row["path"]).replace("=", " ").replace(">", "→").replace("\\_", "_")
    name = f" ({plain(row['member_name'])})" if row["member_name"] and str(row["member_name"]) not in where else ""
    words = f"**{where}**{name} changed by {view.money.signed(row['cause_change'])}"
    if not pd.isna(row["share_explained"]):
        words += f", {percent(row['share_explained'])} of the whole change"
    if not pd.isna(row["usual_share"]):
        words += f"; usually it is {percent(row['usual_share'])} of sales"
    if not pd.isna(row["began_on"]):
        words += f". It began on {row['began_on']:%d %B %Y}"
    return f"{words}. By chance any part would be so surprising with a probability of {percent(row['p_value'])}."


def _contributions(view: View, frequency: str, period: Any) -> None:
    found = view.snapshot.frame(
        f"select dimension, count(*) as members from {PARTS} where frequency = $frequency and period = $period "
        "and depth = 1 group by 1 having count(*) > 1",
        frequency=frequency, period=period.date(),
    )["dimension"].tolist()  # fmt: skip
    dimensions = [name for name in DIMENSIONS if name in found]
    if not dimensions:
        return
    dimension = st.segmented_control(
        "Part of the shop", dimensions, default=dimensions[0], format_func=lambda name: name.replace("_", " "),
        key="why-part", required=True,
    )  # fmt: skip
    frame = view.snapshot.frame(
        "select rank, member_name, member, net_sales_before, net_sales, change, share_explained, share_before, "
        f"usual_share, surprise, p_value, is_root_cause from {PARTS} where frequency = $frequency and period = $period "
        "and depth = 1 and dimension = $dimension order by rank, member",
        frequency=frequency, period=period.date(), dimension=dimension,
    )  # fmt: skip

    def draw(frame: pd.DataFrame) -> Any:
        shown = frame.head(SHOWN_MEMBERS)
        names = shown["member_name"].fillna(shown["member"])
        figure = go.Figure(
            go.Bar(
                y=row_keys(shown), x=shown["change"], orientation="h", customdata=names,
                marker_color=[ACCENT if change >= 0 else ORANGE for change in shown["change"]],
                hovertemplate="%{customdata}: %{x:+,.0f} " + view.money_unit + "<extra></extra>",
            )
        )  # fmt: skip
        name_rows(figure, names)
        figure.update_xaxes(title=f"change of net sales [{view.money_unit}]")
        return figure

    view.chart(
        "Where it changed", frame, draw, (PARTS,), height=400,
        says=f"The {SHOWN_MEMBERS} that changed most; surprise tells how unlike themselves they were.",
    )  # fmt: skip


def _anomalies(view: View) -> None:
    if view.lacks("sales.expected_range", "sales.anomalies"):
        return
    st.subheader("Out of the ordinary")
    measures = view.snapshot.frame(
        "select distinct measure from sales.expected_range where dimension = 'total' and frequency = 'day' order by 1"
    )["measure"].tolist()
    if measures:
        start = measures.index("net_sales") if "net_sales" in measures else 0
        measure = st.selectbox(
            "Figure", measures, index=start, format_func=lambda name: name.replace("_", " "), key="why-figure"
        )
        days, bound = view.filters.days("ranges")
        frame = view.snapshot.frame(
            "with ranges as (select period as date_day, value, expected, lower, upper, is_outside, occasion "
            f"from sales.expected_range where dimension = 'total' and frequency = 'day' and measure = $measure) {days} "
            "order by date_day",
            **bound, measure=measure,
        )  # fmt: skip
        unit = view.money_unit if measure in ("net_sales", "returns", "avg_order_value") else str(measure)
        view.chart(
            f"Days against what was expected: {str(measure).replace('_', ' ')}", frame,
            lambda rows: _range_figure(rows, unit), ("sales.expected_range",),
            says="The band is what season, trend and holidays led to expect; red days are outside.",
        )  # fmt: skip
    else:
        st.info("There is too little history for an expected range.", icon="ℹ️")
    frame = view.snapshot.frame(
        "select episode_first, episode_last, dimension, member, measure, frequency, any_value(direction) as direction, "
        "avg(value) as value, avg(expected) as expected, avg(difference) as difference, min(p_value) as p_value, "
        "any_value(occasion) as occasion from sales.anomalies group by all order by p_value, 1"
    )
    frame.loc[frame["dimension"] == "total", ["dimension", "member"]] = ["the shop", ""]
    view.table(
        "Anomalies", frame, ("sales.anomalies",), says="Those least likely to be chance first.",
        empty="No day or week fell outside its range.",
    )  # fmt: skip


def _range_figure(frame: pd.DataFrame, unit: str) -> Any:
    figure = go.Figure()
    figure.add_scatter(x=frame["date_day"], y=frame["upper"], mode="lines", line={"width": 0}, hoverinfo="skip",
                       showlegend=False)  # fmt: skip
    figure.add_scatter(
        x=frame["date_day"], y=frame["lower"], mode="lines", line={"width": 0}, fill="tonexty", hoverinfo="skip",
        fillcolor="rgba(144,205,244,0.18)", name="expected range",
    )  # fmt: skip
    figure.add_scatter(x=frame["date_day"], y=frame["value"], mode="lines", line={"color": ACCENT, "width": 1.4},
                       name="actual", hovertemplate="%{x|%a %d %b %Y}: %{y:,.0f}<extra></extra>")  # fmt: skip
    outside = frame[frame["is_outside"].astype(bool)]
    figure.add_scatter(
        x=outside["date_day"], y=outside["value"], mode="markers", marker={"color": RED, "size": 9}, name="outside",
        customdata=outside[["expected", "occasion"]],
        hovertemplate="%{x|%a %d %b %Y}: %{y:,.0f}, expected %{customdata[0]:,.0f}<extra></extra>",
    )  # fmt: skip
    figure.update_yaxes(title=unit.replace("_", " "))
    return figure


def _correlations(view: View) -> None:
    if view.lacks("sales.correlations"):
        return
    st.subheader("What goes along with what")
    grain = st.segmented_control("Of", ["customer", "week"], default="customer", key="why-grain", required=True)
    frame = view.snapshot.frame(
        "select measure_a, measure_b, spearman, spearman_q_value, pearson, n from sales.correlations "
        "where grain = $grain and spearman is not null order by abs(spearman) desc, 1, 2",
        grain=grain,
    )

    def draw(frame: pd.DataFrame) -> Any:
        other = frame.rename(columns={"measure_a": "measure_b", "measure_b": "measure_a"})
        both = pd.concat([frame, other])
        grid = both.pivot(index="measure_a", columns="measure_b", values="spearman")
        names = [name.replace("_", " ") for name in grid.index]
        figure = go.Figure(
            go.Heatmap(
                z=grid, x=names, y=names, colorscale=DIVERGING, zmid=0, zmin=-1, zmax=1, xgap=1, ygap=1,
                texttemplate="%{z:.1f}", colorbar={"thickness": 12},
                hovertemplate="%{y}, %{x}: %{z:.2f}<extra></extra>",
            )
        )  # fmt: skip
        figure.update_yaxes(autorange="reversed")
        figure.update_xaxes(tickangle=-40)
        return figure

    view.chart(
        "Correlations", frame, draw, ("sales.correlations",), height=480,
        says="Rank correlation: 1 always together, 0 not at all, -1 always opposite. Going along is no cause.",
        empty="There is too little to correlate.",
    )  # fmt: skip
