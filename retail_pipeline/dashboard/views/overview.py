"""How the shop does: sales, where and when they are made, who comes back, and what is out of the ordinary."""

from datetime import date
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from retail_pipeline.dashboard.compared import Compared, compared_days
from retail_pipeline.dashboard.drawing import View, metric, plain, say_unapplied
from retail_pipeline.dashboard.labels import name_rows, row_keys
from retail_pipeline.dashboard.palette import ACCENT, MUTED, ORANGE, SEQUENTIAL, SURFACE
from retail_pipeline.dashboard.places import place_of
from retail_pipeline.reports.words import percent

ORDERS = "sales.order_members"
FIGURES = """
    select
        sum(gross_sales - discounts - returns) as net_sales,
        sum(orders) as orders,
        count(distinct case when orders > 0 then customer_id end) as customers,
        sum(gross_sales - discounts) / nullif(sum(orders), 0) as avg_order_value,
        sum(returns) / nullif(sum(gross_sales - discounts), 0) as return_rate
"""
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
SHOWN_INSIGHTS, SHOWN_COUNTRIES, SHOWN_PRODUCTS = 5, 12, 12
LABELLED_COUNTRIES = 1
SHOWN_LETTERS = 20
ALERT_DAYS = 35
FIGURE_TITLES = {
    "avg_order_value": "what was sold after discounts, by order [reporting currency]",
    "customers": "known customers with an order; guests cannot be told apart [customers]",
    "return_rate": "what came back or was cancelled, against what was sold [share]",
}
KIND_COLOURS = {"new": ORANGE, "returning": ACCENT, "guest": MUTED}


def show(view: View) -> None:
    """The page."""
    if view.lacks(ORDERS, "sales.monthly", "core.calendar"):
        return
    bounds = view.snapshot.frame("select min(date_day) as first, max(date_day) as last from core.calendar")
    if pd.isna(bounds["first"][0]):
        st.info("No order is loaded yet: put an export into the home with 'retail add FILE', then 'retail run'.")
        return
    compared = _compared(view, bounds["first"][0].date(), bounds["last"][0].date())
    months = _months(view)
    _headlines(view, compared, months)
    left, right = st.columns([3, 2])
    with left:
        _insights(view)
    with right:
        _alerts(view, bounds["last"][0].date())
    _monthly(view, months)
    _kinds(view)
    _countries(view)
    _products(view)
    _hours(view)
    _cohorts(view)


def _compared(view: View, first: date, last: date) -> Compared:
    whole = view.snapshot.value("select max(month) from sales.monthly where not is_partial")
    return compared_days(view.filters, first, last, whole.date() if whole is not None else None)


def _months(view: View) -> pd.DataFrame:
    chosen, bound = view.filters.orders()
    return view.snapshot.frame(
        f"with chosen as ({chosen}), figures as ("
        f"{FIGURES}, cast(date_trunc('month', date_day) as date) as month from chosen group by month) "
        "select figures.*, months.is_partial "
        "from figures join sales.monthly as months on figures.month = months.month order by figures.month",
        **bound,
    )


def _headlines(view: View, compared: Compared, months: pd.DataFrame) -> None:
    chosen, bound = view.filters.orders(period=False)
    now, before = (
        view.snapshot.frame(
            f"with chosen as ({chosen}) {FIGURES} from chosen where date_day between $a and $b",
            **bound,
            a=days[0],
            b=days[1],
        ).iloc[0]
        if days
        else None
        for days in (compared.now, compared.before)
    )
    assert now is not None
    st.markdown(f"##### {compared.title}{f', against {compared.before_title}' if before is not None else ''}")
    whole = months[~months["is_partial"]].tail(24)
    asked = (
        ("Net sales", "net_sales", view.money.text, "gross sales less discounts and returns", True),
        ("Orders", "orders", _count, "orders that sold something", True),
        ("Customers", "customers", _count, FIGURE_TITLES["customers"].partition(" [")[0], True),
        ("Average order value", "avg_order_value", view.money.text, "what was sold after discounts, by order", True),
        ("Return rate", "return_rate", percent, FIGURE_TITLES["return_rate"].partition(" [")[0], False),
    )
    row = st.container(horizontal=True, key="headlines")
    for title, name, text, meaning, more_is_better in asked:
        with row:
            known = not pd.isna(now[name])
            is_share = name == "return_rate"
            change = None
            if before is not None and known and is_share:
                change = now[name] - before[name]
            elif before is not None and known and before[name]:
                change = now[name] / before[name] - 1
            metric(
                title,
                text(now[name]) if known else "–",
                change=change,
                help_=f"{meaning}; the line shows the last {len(whole)} whole months"
                + ("; its change is in percentage points" if is_share else ""),
                in_points=is_share,
                line=whole[name].tolist() if len(whole) > 1 else None,
                more_is_better=more_is_better,
            )


def _count(value: float) -> str:
    return f"{int(value):,}"


def _insights(view: View) -> None:
    with st.container(border=True, key="insights"):
        st.markdown("#### What happened, in words")
        if view.lacks("decisions.insights"):
            return
        frame = view.snapshot.frame("select text, certainty, next_look from decisions.insights order by rank")
        if frame.empty:
            st.info("Nothing can be said yet: a whole day, week or month of orders is needed.")
            return
        say_unapplied(view.filters, (), "these sentences are about the whole shop.")
        for row in frame.head(SHOWN_INSIGHTS).to_dict("records"):
            st.markdown(f"- {plain(row['text'])} :gray[({plain(row['certainty'])})]")
        with st.expander(f"All {len(frame)} sentences"):
            view.rows("All sentences", frame, ("decisions.insights",), {})


def _alerts(view: View, last_day: date) -> None:
    with st.container(border=True, key="alerts"):
        st.markdown("#### To look at")
        found = False
        if view.snapshot.has("sales.anomalies"):
            frame = view.snapshot.frame(
                "select dimension, member, measure, episode_first, episode_last, avg(difference) as difference, "
                "min(p_value) as p_value from sales.anomalies where episode_last > cast($last as date) - $days "
                "group by all order by p_value, episode_first limit 4",
                last=last_day,
                days=ALERT_DAYS,
            )
            for row in frame.to_dict("records"):
                found = True
                where = "the shop" if row["dimension"] == "total" else f"{row['dimension']} {row['member']}"
                side = "below" if row["difference"] < 0 else "above"
                when = _days(row["episode_first"], row["episode_last"])
                measure = str(row["measure"]).replace("_", " ")
                st.markdown(f"- :orange[Out of the ordinary:] {measure} of {plain(where)} {side} what is usual, {when}")
        if view.snapshot.has("decisions.early_warning"):
            warned = view.snapshot.frame(
                "select count(*) as customers, sum(value_at_stake) as stake from decisions.early_warning"
            ).iloc[0]
            if warned["customers"]:
                found = True
                stake = view.money.text(warned["stake"] or 0)
                counted = f"{int(warned['customers']):,} customers"
                st.markdown(f"- :orange[At risk:] {counted} with {stake} at stake: see Value and churn")
        elif view.snapshot.has("customers.churn_risk"):
            risky = view.snapshot.value(
                "select count(*) from customers.churn_risk where is_churn_horizon and risk_band = 'high'"
            )
            if risky:
                found = True
                st.markdown(
                    f"- :orange[At risk:] {int(risky):,} customers are likely not to come back: see Value and churn"
                )
        if not found:
            st.markdown(f"Nothing out of the ordinary in the last {ALERT_DAYS} days of the data.")


def _days(first: Any, last: Any) -> str:
    return f"{first:%d %b %Y}" if first == last else f"{first:%d %b} to {last:%d %b %Y}"


def _monthly(view: View, months: pd.DataFrame) -> None:
    def draw(frame: pd.DataFrame) -> Any:
        colours = [MUTED if partial else ACCENT for partial in frame["is_partial"]]
        figure = go.Figure(go.Bar(x=frame["month"], y=frame["net_sales"], marker_color=colours))
        figure.update_traces(hovertemplate="%{x|%B %Y}: %{y:,.0f} " + view.money_unit + "<extra></extra>")
        figure.update_yaxes(title=f"net sales [{view.money_unit}]")
        return figure

    partial = months[months["is_partial"]]
    says = "Net sales of each month" + ("; grey months are not whole in the data." if len(partial) else ".")
    view.chart(
        "Monthly revenue", months, draw, ("sales.monthly", ORDERS), says=says,
        titles={**FIGURE_TITLES, "net_sales": "gross_sales less discounts and returns [reporting currency]"},
    )  # fmt: skip


def _kinds(view: View) -> None:
    chosen, bound = view.filters.orders()
    frame = view.snapshot.frame(
        f"with chosen as ({chosen}) select cast(date_trunc('month', date_day) as date) as month, customer_type, "
        "sum(orders) as orders, sum(gross_sales - discounts - returns) as net_sales "
        "from chosen group by all order by 1, 2",
        **bound,
    )

    def draw(frame: pd.DataFrame) -> Any:
        figure = go.Figure()
        for kind, colour in KIND_COLOURS.items():
            rows = frame[frame["customer_type"] == kind]
            if len(rows):
                figure.add_bar(x=rows["month"], y=rows["net_sales"], name=kind, marker_color=colour)
        figure.update_layout(barmode="relative")
        figure.update_yaxes(title=f"net sales [{view.money_unit}]")
        return figure

    view.chart(
        "New against returning", frame, draw, (ORDERS,),
        says="A customer is new on the day of the first order and returning on any later one.",
        titles={"net_sales": "gross_sales less discounts and returns [reporting currency]", "month": "its first day"},
    )  # fmt: skip


def _countries(view: View) -> None:
    chosen, bound = view.filters.orders()
    frame = view.snapshot.frame(
        f"with chosen as ({chosen}), figures as ({FIGURES}, country from chosen group by country) "
        "select country, net_sales, orders, customers, avg_order_value, return_rate from figures order by 2 desc, 1",
        **bound,
    )
    titles = {**FIGURE_TITLES, "net_sales": "gross_sales less discounts and returns [reporting currency]"}
    left, right = st.columns(2)
    with left:
        view.chart(
            "Sales by country", frame, lambda rows: _bars(view, rows.head(SHOWN_COUNTRIES), "country"), (ORDERS,),
            says=f"The first {SHOWN_COUNTRIES} by net sales, on a scale by tens where they differ much.",
            titles=titles,
        )  # fmt: skip
    with right:
        placed = frame.assign(place=[place_of(name) for name in frame["country"]])
        placed = placed[placed["place"].notna() & (placed["net_sales"] > 0)]
        view.chart(
            "Where sales are made", placed.drop(columns="place"), lambda _: _map(view, placed), (ORDERS,),
            says="A circle for each country at its place on the globe, its area by net sales.",
            empty="None of the countries is known to the map.",
            titles=titles,
        )  # fmt: skip


def _bars(view: View, frame: pd.DataFrame, label: str) -> Any:
    figure = go.Figure(
        go.Bar(
            x=frame["net_sales"], y=row_keys(frame), orientation="h", marker_color=ACCENT, customdata=frame[label],
            hovertemplate="%{customdata}: %{x:,.0f} " + view.money_unit + "<extra></extra>",
        )
    )  # fmt: skip
    name_rows(figure, frame[label], SHOWN_LETTERS)
    positive = frame["net_sales"][frame["net_sales"] > 0]
    if len(positive) == len(frame) and positive.max() > 50 * positive.min():
        figure.update_xaxes(type="log", dtick=1)
    figure.update_xaxes(title=f"net sales [{view.money_unit}]")
    return figure


def _map(view: View, frame: pd.DataFrame) -> Any:
    largest = frame["net_sales"].max()
    figure = go.Figure(
        go.Scattergeo(
            lat=[place.latitude for place in frame["place"]],
            lon=[place.longitude for place in frame["place"]],
            mode="markers+text",
            text=[name if place < LABELLED_COUNTRIES else "" for place, name in enumerate(frame["country"])],
            textposition="middle right",
            customdata=frame[["country", "net_sales"]],
            hovertemplate="%{customdata[0]}: %{customdata[1]:,.0f} " + view.money_unit + "<extra></extra>",
            marker={
                "size": (frame["net_sales"] / largest) ** 0.5 * 46 + 5, "color": ACCENT, "opacity": 0.65,
                "line": {"width": 1, "color": SURFACE},
            },
        )
    )  # fmt: skip
    figure.update_geos(
        fitbounds="locations", bgcolor="rgba(0,0,0,0)", showcoastlines=False, showland=False, showframe=True,
        framecolor="#5a5a5a", projection_type="natural earth",
        lataxis={"showgrid": True, "gridcolor": "#383838"}, lonaxis={"showgrid": True, "gridcolor": "#383838"},
    )  # fmt: skip
    return figure


def _products(view: View) -> None:
    if view.lacks("sales.product_days", "core.product_names"):
        return
    days, bound = view.filters.days("sales.product_days")
    frame = view.snapshot.frame(
        f"with days as ({days}) select days.product_id, any_value(names.product_name) as product_name, "
        "sum(units) as units, sum(gross_sales - discounts - returns) as net_sales from days "
        "left join core.product_names as names on days.product_id = names.product_id "
        "group by days.product_id order by net_sales desc, 1 limit 200",
        **bound,
    )
    frame["product_name"] = frame["product_name"].fillna(frame["product_id"])
    say_unapplied(view.filters, ("period",), "products are counted over all customers and countries.")
    view.chart(
        "Top products", frame, lambda rows: _bars(view, rows.head(SHOWN_PRODUCTS), "product_name"),
        ("sales.product_days", "core.product_names"), says=f"The {SHOWN_PRODUCTS} with most net sales.", height=400,
        titles={"net_sales": "gross_sales less discounts and returns [reporting currency]"},
    )  # fmt: skip


def _hours(view: View) -> None:
    chosen, bound = view.filters.orders()
    calendar, _ = view.filters.days("core.calendar")
    frame = view.snapshot.frame(
        f"with chosen as ({chosen}), calendar as ({calendar}), "
        "weekdays as (select weekday, count(*) as days from calendar group by weekday) "
        "select calendar.weekday, hour(days.first_ts) as hour, sum(chosen.orders) as orders, "
        "sum(chosen.orders) / any_value(weekdays.days) as orders_per_day "
        "from chosen join sales.order_days as days "
        "on chosen.order_id = days.order_id and chosen.date_day = days.date_day "
        "join calendar on chosen.date_day = calendar.date_day join weekdays on calendar.weekday = weekdays.weekday "
        "where chosen.orders > 0 group by all order by 1, 2",
        **bound,
    )

    def draw(frame: pd.DataFrame) -> Any:
        hours = range(int(frame["hour"].min()), int(frame["hour"].max()) + 1)
        grid = frame.pivot(index="weekday", columns="hour", values="orders_per_day").reindex(
            index=range(1, 8), columns=hours
        )
        figure = go.Figure(
            go.Heatmap(
                z=grid.fillna(0), x=list(hours), y=list(WEEKDAYS), colorscale=SEQUENTIAL, xgap=2, ygap=2,
                colorbar={"title": "orders", "thickness": 12},
                hovertemplate="%{y} %{x}:00: %{z:.1f} orders<extra></extra>",
            )
        )  # fmt: skip
        figure.update_yaxes(autorange="reversed")
        figure.update_xaxes(title="hour of the day [store time]", dtick=2)
        return figure

    view.chart(
        "When orders come in", frame, draw, ("sales.by_hour", ORDERS),
        says="Orders an hour of a usual day of the week.",
        titles={"orders_per_day": "orders in the hour by days of that weekday [orders]"},
    )  # fmt: skip


def _cohorts(view: View) -> None:
    if view.lacks("sales.cohort_retention"):
        return
    frame = view.snapshot.frame(
        "select cohort_month, months_since_first, customers, active_customers, retention, is_partial "
        "from sales.cohort_retention order by 1, 2"
    )
    say_unapplied(view.filters, (), "cohorts hold all known customers and their whole time.")
    shown = frame[(frame["months_since_first"] > 0) & ~frame["is_partial"]]

    def draw(_: pd.DataFrame) -> Any:
        grid = shown.pivot(index="cohort_month", columns="months_since_first", values="retention")
        figure = go.Figure(
            go.Heatmap(
                z=grid, x=list(grid.columns), y=[f"{month:%b %Y}" for month in grid.index], colorscale=SEQUENTIAL,
                xgap=1, ygap=1, colorbar={"tickformat": ".0%", "thickness": 12},
                hovertemplate="won in %{y}, %{x} months later: %{z:.1%}<extra></extra>",
            )
        )  # fmt: skip
        figure.update_yaxes(autorange="reversed")
        figure.update_xaxes(title="months since the first order", side="top", dtick=1 if len(grid.columns) < 15 else 3)
        return figure

    view.chart(
        "Who comes back", frame if len(shown) else frame.head(0), draw, ("sales.cohort_retention",),
        says="Of the customers won in a month those who order again so many months later; partial months are left out.",
        height=420,
        empty="Two whole months of orders are needed.",
    )  # fmt: skip
