"""Customers by recency, frequency and monetary value: who they are, where they move, and lists to act on."""

from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from retail_pipeline.dashboard.drawing import View, metric, say_unapplied
from retail_pipeline.dashboard.palette import ACCENT, GREEN, MUTED, ORANGE, RED, SEQUENTIAL, SERIES
from retail_pipeline.dashboard.snapshot import MOST_ROWS
from retail_pipeline.dashboard.ways import open_customer
from retail_pipeline.reports.words import percent

SCORES = "customers.rfm_scores"
RISK_COLOURS = {"Low": GREEN, "Medium": ORANGE, "High": RED}
GROUPS = ("Champions", "Loyal Customers", "Promising", "Regular", "At-Risk Customers", "Lost")
GROUP_COLOURS = dict(zip(GROUPS, (ACCENT, SERIES[6], GREEN, SERIES[4], ORANGE, MUTED), strict=True))
SEGMENTS = """
    select
        segment,
        any_value(segment_group) as segment_group,
        count(*) as customers,
        count(*) / cast(sum(count(*)) over () as double) as share_customers,
        sum(frequency) as orders,
        sum(monetary) as revenue,
        sum(monetary) / nullif(sum(sum(monetary)) over (), 0) as share_revenue,
        avg(recency_days) as avg_recency_days,
        avg(frequency) as avg_frequency,
        avg(monetary) as avg_monetary
    from chosen
    group by segment
    order by revenue desc, segment
"""
LIST = """
    select
        chosen.customer_id, chosen.segment, chosen.rfm_score, chosen.churn_risk, chosen.recency_days, chosen.frequency,
        chosen.monetary, chosen.country, actions.action, actions.channel
    from chosen
    left join customers.segment_actions as actions on chosen.segment = actions.segment
    where chosen.segment = $listed
    order by chosen.monetary desc, chosen.customer_id
    limit $most
"""


def show(view: View) -> None:
    """The page."""
    if view.lacks(SCORES, "customers.segment_actions"):
        return
    say_unapplied(
        view.filters, ("country", "segment"), "scores hold a known customer's whole history, as of the data's end."
    )
    chosen, bound = view.filters.customers()
    segments = view.snapshot.frame(f"with chosen as ({chosen}) {SEGMENTS}", **bound)
    if segments.empty:
        st.info("No customer has a score: there are no orders of known customers in what is chosen.", icon="ℹ️")
        return
    _headlines(view, segments)
    _treemap(view, segments)
    left, right = st.columns(2)
    with left:
        _risk(view)
    with right:
        _grid(view)
    _cube(view)
    _migration(view)
    _outcomes(view)
    _list(view, [str(name) for name in segments["segment"]])


def _headlines(view: View, segments: pd.DataFrame) -> None:
    def of(*names: str) -> pd.DataFrame:
        return segments[segments["segment"].isin(names)]

    best, leaving = of("Champions"), of("At Risk", "Cannot Lose")
    with st.container(horizontal=True, key="headlines"):
        metric("Customers", f"{int(segments['customers'].sum()):,}", help_="known customers with a purchase")
        metric("Their purchases", view.money.text(segments["revenue"].sum()), help_="value of all they bought and kept")
        metric("Champions", f"{int(best['customers'].sum()):,}", help_="bought lately, and often")
        metric("Champions' share", percent(best["share_revenue"].sum()), help_="of the value of all purchases")
        metric(
            "Good ones leaving",
            f"{int(leaving['customers'].sum()):,}",
            help_="At Risk and Cannot Lose: bought often, but not of late; worth winning back first",
        )


def _treemap(view: View, segments: pd.DataFrame) -> None:
    by = st.segmented_control(
        "Area", ["revenue", "customers"], default="revenue", key="rfm-area", bind="query-params", required=True
    )

    def draw(frame: pd.DataFrame) -> Any:
        figure = go.Figure(
            go.Treemap(
                labels=frame["segment"],
                parents=[""] * len(frame),
                values=frame[str(by)],
                marker={"colors": [GROUP_COLOURS.get(group, MUTED) for group in frame["segment_group"]]},
                customdata=frame[["customers", "revenue", "share_customers", "share_revenue"]],
                texttemplate="<b>%{label}</b><br>%{customdata[0]:,} customers<br>%{customdata[3]:.0%} of revenue",
                hovertemplate="%{label}: %{customdata[0]:,} customers (%{customdata[2]:.1%}), %{customdata[1]:,.0f} "
                + f"{view.money_unit} (%{{customdata[3]:.1%}})<extra></extra>",
                textfont={"color": "#101010"},
                tiling={"pad": 2},
            )
        )
        figure.update_layout(uniformtext={"minsize": 10, "mode": "hide"})
        return figure

    view.chart(
        "Customers and revenue by segment", segments, draw, ("customers.rfm_segments",), height=400,
        says=f"Each area is a segment's {by}; colours are groups, from champions (blue) to lost (grey).",
    )  # fmt: skip


def _risk(view: View) -> None:
    chosen, bound = view.filters.customers()
    frame = view.snapshot.frame(
        f"with chosen as ({chosen}) select churn_risk, count(*) as customers, sum(monetary) as monetary from chosen "
        "group by churn_risk order by list_position(['Low', 'Medium', 'High'], churn_risk)",
        **bound,
    )

    def draw(frame: pd.DataFrame) -> Any:
        colours = [RISK_COLOURS.get(name, MUTED) for name in frame["churn_risk"]]
        figure = go.Figure(
            go.Bar(
                x=frame["churn_risk"], y=frame["customers"], marker_color=colours, texttemplate="%{y:,}",
                textfont={"color": "#101010"},
                hovertemplate="%{x}: %{y:,} customers<extra></extra>",
            )
        )  # fmt: skip
        figure.update_yaxes(title="customers")
        return figure

    view.chart(
        "Risk of leaving, by segment rules", frame, draw, (SCORES,),
        says="By the segment's rule of thumb; modelled risks are on the page Value and churn.",
    )  # fmt: skip


def _grid(view: View) -> None:
    chosen, bound = view.filters.customers()
    frame = view.snapshot.frame(
        f"with chosen as ({chosen}) select r_score, f_score, count(*) as customers, sum(monetary) as monetary "
        "from chosen group by all order by 1, 2",
        **bound,
    )

    def draw(frame: pd.DataFrame) -> Any:
        scores = range(1, 6)
        grid = frame.pivot(index="r_score", columns="f_score", values="customers").reindex(index=scores, columns=scores)
        figure = go.Figure(
            go.Heatmap(
                z=grid, x=list(scores), y=list(scores), colorscale=SEQUENTIAL, xgap=2, ygap=2, texttemplate="%{z:,}",
                colorbar={"thickness": 12}, hovertemplate="R %{y}, F %{x}: %{z:,} customers<extra></extra>",
            )
        )  # fmt: skip
        figure.update_xaxes(title="frequency score", dtick=1)
        figure.update_yaxes(title="recency score", dtick=1)
        return figure

    view.chart("Recency by frequency", frame, draw, (SCORES,), says="Customers in each cell; 5 is best.")


def _cube(view: View) -> None:
    chosen, bound = view.filters.customers()
    frame = view.snapshot.frame(
        f"with chosen as ({chosen}) select r_score, f_score, m_score, any_value(segment) as segment, "
        "any_value(segment_group) as segment_group, count(*) as customers, avg(monetary) as monetary from chosen "
        "group by r_score, f_score, m_score order by 1, 2, 3",
        **bound,
    )

    def draw(frame: pd.DataFrame) -> Any:
        figure = go.Figure()
        for group, colour in GROUP_COLOURS.items():
            rows = frame[frame["segment_group"] == group]
            if len(rows):
                figure.add_scatter3d(
                    x=rows["r_score"], y=rows["f_score"], z=rows["m_score"], mode="markers", name=group,
                    marker={
                        "size": (rows["customers"] / frame["customers"].max()) ** 0.5 * 26 + 4, "color": colour,
                        "opacity": 0.85, "line": {"width": 0},
                    },
                    customdata=rows[["customers", "segment"]],
                    hovertemplate="R %{x} F %{y} M %{z}: %{customdata[0]:,} customers, %{customdata[1]}<extra></extra>",
                )  # fmt: skip
        axis = {"gridcolor": "#4a4a4a", "backgroundcolor": "rgba(0,0,0,0)", "dtick": 1, "range": [0.5, 5.5]}
        figure.update_layout(
            scene={
                "xaxis": {**axis, "title": "recency"}, "yaxis": {**axis, "title": "frequency"},
                "zaxis": {**axis, "title": "monetary"}, "camera": {"eye": {"x": 1.75, "y": 1.65, "z": 0.9}},
            }
        )  # fmt: skip
        return figure

    view.chart(
        "All three scores", frame, draw, (SCORES,), height=480,
        says="Each ball is the customers of one RFM score, its size their number; drag to turn.",
    )  # fmt: skip


def _migration(view: View) -> None:
    if view.lacks("customers.segment_migration"):
        return
    months = view.snapshot.frame("select distinct month from customers.segment_migration order by 1 desc")["month"]
    if months.empty:
        return
    say_unapplied(view.filters, (), "moves are counted over all customers.")
    month = st.selectbox("Month of the moves", list(months), format_func=lambda day: f"{day:%B %Y}", key="rfm-month")
    frame = view.snapshot.frame(
        "select from_segment, to_segment, customers, share_from, monetary_before, monetary_after "
        "from customers.segment_migration where month = $month order by 1, 2",
        month=month.date(),
    )
    order = view.snapshot.frame("select segment from customers.segment_actions order by priority")["segment"].tolist()

    def draw(frame: pd.DataFrame) -> Any:
        rows = [name for name in ("new to the shop", *order) if name in set(frame["from_segment"])]
        columns = [name for name in (*order, "nothing left") if name in set(frame["to_segment"])]
        wide = {
            value: frame.pivot(index="from_segment", columns="to_segment", values=value).reindex(
                index=rows, columns=columns
            )
            for value in ("share_from", "customers")
        }
        figure = go.Figure(
            go.Heatmap(
                z=wide["share_from"], x=columns, y=rows, colorscale=SEQUENTIAL, zmin=0, zmax=1, xgap=1, ygap=1,
                customdata=wide["customers"], colorbar={"tickformat": ".0%", "thickness": 12},
                hovertemplate="%{y} → %{x}: %{customdata:,} customers, %{z:.0%}<extra></extra>",
            )
        )  # fmt: skip
        figure.update_yaxes(autorange="reversed")
        figure.update_xaxes(tickangle=-40)
        return figure

    view.chart(
        "Moves between segments", frame, draw, ("customers.segment_migration",), height=440,
        says="Of the customers in a row's segment at the end of the month before, where they were a month later.",
    )  # fmt: skip


def _outcomes(view: View) -> None:
    if view.lacks("customers.segment_outcomes"):
        return
    frame = view.snapshot.frame(
        "select segment, bought_again, bought_again_lower, bought_again_upper, customers, month_ends, observations, "
        "verdict, spend_per_customer from customers.segment_outcomes order by bought_again desc nulls last, segment"
    )
    known = frame[frame["bought_again"].notna()]

    def draw(_: pd.DataFrame) -> Any:
        figure = go.Figure(
            go.Scatter(
                x=known["bought_again"], y=known["segment"], mode="markers", marker={"size": 11, "color": ACCENT},
                error_x={
                    "array": known["bought_again_upper"] - known["bought_again"],
                    "arrayminus": known["bought_again"] - known["bought_again_lower"], "color": MUTED,
                },
                hovertemplate="%{y}: %{x:.1%} bought again<extra></extra>",
            )
        )  # fmt: skip
        figure.update_xaxes(tickformat=".0%", title="ordered again within 90 days", rangemode="tozero")
        figure.update_yaxes(autorange="reversed")
        return figure

    view.chart(
        "What segments did next", frame if len(known) else known, draw, ("customers.segment_outcomes",), height=380,
        says="Whether segments tell the future here: who ordered again within 90 days, with 95 % intervals.",
        empty="Ninety days of history after a month's end are needed.",
    )  # fmt: skip


def _list(view: View, segments: list[str]) -> None:
    st.subheader("Lists to act on")
    start = segments.index("At Risk") if "At Risk" in segments else 0
    listed = st.selectbox("Segment of the list", segments, index=start, key="rfm-list", bind="query-params")
    chosen, bound = view.filters.customers()
    frame = view.snapshot.frame(f"with chosen as ({chosen}) {LIST}", **bound, listed=listed, most=MOST_ROWS)
    action = view.snapshot.frame(
        "select action, why, channel from customers.segment_actions where segment = $listed", listed=listed
    )
    if len(action):
        st.markdown(f"**{action['action'][0]}** {action['why'][0]} :gray[By {action['channel'][0]}.]")
    customer = view.table(
        f"Customers: {listed}", frame, (SCORES, "customers.segment_actions"), pick="customer_id",
        says=f"{len(frame):,} customers, those who spent most first. Choose a row to open the customer's page.",
    )  # fmt: skip
    open_customer(customer)
