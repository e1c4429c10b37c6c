"""What is to come: sales with their uncertainty, how right forecasts were, what if, and how much of which product."""

from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from retail_pipeline.dashboard.drawing import View, plain, say_unapplied
from retail_pipeline.dashboard.palette import ACCENT, GREEN, MUTED, ORANGE, SERIES
from retail_pipeline.reports.what_if import what_if

REVENUE, BACKTEST, SCENARIOS = "forecasts.revenue", "forecasts.backtest", "forecasts.scenarios"
CHAMPIONS, HORIZONS = "forecasts.champions", "forecasts.backtest_horizons"
DEMAND, PLAN = "forecasts.product_demand", "forecasts.reorder_plan"
FREQUENCIES = ("month", "week", "day")
SHOWN_HISTORY = {"day": 120, "week": 78, "month": 36}
SCENARIO_COLOURS = {"conservative": ORANGE, "moderate": ACCENT, "aggressive": GREEN}
WHOLE_SHOP = "total"
STOCK_UNKNOWN = "stock_unknown"
MONTHS = {"dtick": "M1", "tickformat": "%b %Y"}


def show(view: View) -> None:
    """The page."""
    say_unapplied(view.filters, (), "forecasts are made for the series listed here.")
    if not view.lacks(REVENUE, why="Forecasts are made by 'retail run' once there are some whole weeks of sales."):
        _revenue(view)
    if view.snapshot.has(SCENARIOS):
        _scenarios(view)
    if view.snapshot.has(DEMAND):
        _demand(view)
    if view.snapshot.has(PLAN):
        _plan(view)


def _revenue(view: View) -> None:
    found = view.snapshot.frame(
        f"select series, frequency from {REVENUE} where kind = 'forecast' group by series, frequency "
        f"order by series <> '{WHOLE_SHOP}', series, frequency"
    )
    if found.empty:
        st.info("No forecast is made: there is too little history.", icon="ℹ️")
        return
    left, middle, right = st.columns(3)
    names = found["series"].unique().tolist()
    series = str(left.selectbox("Of", names, format_func=_series_title, key="forecast-of", bind="query-params"))
    known = set(found.loc[found["series"] == series, "frequency"])
    frequency = str(
        middle.selectbox("By", [name for name in FREQUENCIES if name in known], key="forecast-by", bind="query-params")
    )
    models = view.snapshot.frame(
        f"select model, bool_or(is_champion) as serves from {REVENUE} "
        "where series = $series and frequency = $frequency and kind = 'forecast' group by model order by 2 desc, 1",
        series=series, frequency=frequency,
    )  # fmt: skip
    serving = set(models.loc[models["serves"].fillna(False).astype(bool), "model"])
    model = str(
        right.selectbox(
            "Model", models["model"].tolist(), key="forecast-model",
            format_func=lambda name: f"{name.replace('_', ' ')}{', serves' if name in serving else ''}",
        )
    )  # fmt: skip
    frame = view.snapshot.frame(
        f"select period, kind, value, lower_80, upper_80, lower_95, upper_95, model from {REVENUE} "
        "where series = $series and frequency = $frequency and (kind = 'history' or model = $model) order by period",
        series=series, frequency=frequency, model=model,
    )  # fmt: skip
    _fan(view, frame, frequency)
    _why(view, series, frequency)
    _backtest(view, series, frequency)


def _series_title(series: str) -> str:
    return "the whole shop" if series == WHOLE_SHOP else series.replace(":", ": ")


def _fan(view: View, frame: pd.DataFrame, frequency: str) -> None:
    history = frame[frame["kind"] == "history"].tail(SHOWN_HISTORY[frequency])
    future = frame[frame["kind"] == "forecast"]

    def draw(_: pd.DataFrame) -> Any:
        figure = go.Figure()
        for level, colour in ((95, "rgba(144,205,244,0.16)"), (80, "rgba(144,205,244,0.30)")):
            figure.add_scatter(x=future["period"], y=future[f"upper_{level}"], mode="lines", line={"width": 0},
                               hoverinfo="skip", showlegend=False)  # fmt: skip
            figure.add_scatter(x=future["period"], y=future[f"lower_{level}"], mode="lines", line={"width": 0},
                               fill="tonexty", fillcolor=colour, hoverinfo="skip", name=f"{level} %")  # fmt: skip
        for rows, name, colour in ((history, "history", MUTED), (future, "forecast", ACCENT)):
            figure.add_scatter(
                x=rows["period"], y=rows["value"], mode="lines+markers" if len(rows) < 60 else "lines", name=name,
                line={"color": colour}, hovertemplate="%{x|%d %b %Y}: %{y:,.0f}<extra>%{fullData.name}</extra>",
            )  # fmt: skip
        figure.update_yaxes(title=f"net sales [{view.money_unit}]")
        return figure

    view.chart(
        "History and forecast", pd.concat([history, future]), draw, (REVENUE,), height=420,
        says="The bands hold what comes with a chance of 80 % and 95 %.",
    )  # fmt: skip


def _why(view: View, series: str, frequency: str) -> None:
    """Which model serves and why; how often its ranges held."""
    if not view.snapshot.has(CHAMPIONS):
        return
    rows = view.snapshot.frame(
        f"select model, reason, season from {CHAMPIONS} where series = $series and frequency = $frequency",
        series=series, frequency=frequency,
    )  # fmt: skip
    for row in rows.to_dict("records"):
        st.caption(plain(f"{str(row['model']).replace('_', ' ')} serves: {row['reason']}; {row['season']}."))
    if told := _how_wrong(view, series, frequency):
        st.markdown(plain(told))


def _how_wrong(view: View, series: str, frequency: str) -> str:
    """How wrong the serving model was on days that did not choose it, in a sentence; empty if it was not measured."""
    if not view.snapshot.has(BACKTEST):
        return ""
    rows = view.snapshot.frame(
        f"select metric, value, folds from {BACKTEST} where series = $series and frequency = $frequency "
        "and is_champion and value is not null and metric in ('bias', 'coverage_80')",
        series=series, frequency=frequency,
    ).set_index("metric")  # fmt: skip
    cases = None
    if frequency != "day" and view.snapshot.has(HORIZONS):  # of days it counts weeks
        cases = view.snapshot.value(
            f"select sum(folds) from {HORIZONS} where series = $series and frequency = $frequency and is_champion",
            series=series, frequency=frequency,
        )  # fmt: skip
    folds = int(rows["folds"].max()) if len(rows) else 0
    return how_wrong(
        None if "bias" not in rows.index else float(rows.loc["bias", "value"]),
        None if "coverage_80" not in rows.index else float(rows.loc["coverage_80", "value"]),
        folds, None if cases is None else int(cases), frequency,
    )  # fmt: skip


def how_wrong(bias: float | None, coverage: float | None, folds: int, cases: int | None, frequency: str) -> str:
    """How far off forecasts were on average, and how often ranges held, in words.

    Parameters
    ----------
    folds
        Dates it was forecast from.
    cases
        Periods forecast from all of them together, where they are counted.
    """
    parts = []
    if bias is not None:
        size = round(100 * abs(bias))
        parts.append(
            f"it was on average {size} % too {'low' if bias < 0 else 'high'}" if size
            else "it was on average neither too low nor too high"
        )  # fmt: skip
    if coverage is not None:
        share = f"{100 * coverage:.0f} %"
        of = f"{round(coverage * cases):,} of {cases:,} {frequency}s ({share})" if cases else f"{share} of {frequency}s"
        parts.append(f"{of} came within its 80 % range")
    dates = "one earlier date" if folds == 1 else f"{folds} earlier dates"
    return f"Forecast from {dates} that did not choose it, {'; '.join(parts)}." if parts else ""


def _levers(view: View) -> None:
    """The forecast by month with one's own assumptions on top."""
    with st.container(border=True, key="levers"):
        st.markdown("#### What if")
        st.caption("Your own assumptions on top of the forecast by month: so much more or less of each.")
        titles = ("Returning customers' orders", "Value of an order", "New customers' and guests' orders")
        retention, order_value, traffic = (
            column.slider(title, -50, 50, 0, format="%d %%", key=f"lever-{place}", bind="query-params") / 100
            for place, (column, title) in enumerate(zip(st.columns(3), titles, strict=True), start=1)
        )
        found = what_if(
            lambda sql: view.snapshot.frame(sql).to_dict("records"),
            retention=retention, order_value=order_value, traffic=traffic,
        )  # fmt: skip
        if retention or order_value or traffic:
            st.markdown(plain(found.text))
        figure = go.Figure()
        for line, name, colour in ((found.expected, "forecast", MUTED), (found.value, "with your levers", ORANGE)):
            figure.add_scatter(x=found.months, y=line, name=name, mode="lines+markers", line={"color": colour})
        figure.update_yaxes(title=f"net sales [{view.money_unit}]", rangemode="tozero")
        figure.update_xaxes(**MONTHS)
        paths = pd.DataFrame({"month": found.months, "forecast": found.expected, "with your levers": found.value})
        view.figure(
            "What if", figure, "The forecast, and the same under your levers.", 280, frame=paths, tables=(REVENUE,),
            titles={
                "month": "the month's first day",
                "forecast": f"net sales as they are forecast [{view.money_unit}]",
                "with your levers": f"the same with so much more or less of each [{view.money_unit}]",
            },
        )  # fmt: skip


def _backtest(view: View, series: str, frequency: str) -> None:
    if not view.snapshot.has(BACKTEST):
        return
    frame = view.snapshot.frame(
        f"select * exclude (series, frequency) from {BACKTEST} where series = $series and frequency = $frequency "
        "and value is not null order by metric, value, model",
        series=series, frequency=frequency,
    )  # fmt: skip
    measures = frame["metric"].unique().tolist()
    if not measures:
        st.info("No model was tried on earlier days of this series: there is too little history.", icon="ℹ️")
        return
    start = measures.index("mase") if "mase" in measures else 0
    measure = st.selectbox("Measure of the backtest", measures, index=start, key="forecast-measure")

    def draw(rows: pd.DataFrame) -> Any:
        figure = go.Figure(
            go.Bar(
                x=rows["value"], y=rows["model"].str.replace("_", " "), orientation="h",
                marker_color=[_role_colour(row) for row in rows.to_dict("records")],
                hovertemplate="%{y}: %{x:.3f}<extra></extra>",
            )
        )  # fmt: skip
        figure.update_yaxes(autorange="reversed")
        figure.update_xaxes(title=str(measure).replace("_", " "))
        return figure

    view.chart(
        "How right forecasts were", frame[frame["metric"] == measure], draw, (BACKTEST,),
        says="On days that models had not seen, forecast from earlier ones; blue serves, orange is the baseline.",
    )  # fmt: skip


def _role_colour(row: dict[str, Any]) -> str:
    return ACCENT if row.get("is_champion") else ORANGE if row.get("is_baseline") else MUTED


def _scenarios(view: View) -> None:
    frame = view.snapshot.frame(f"select * from {SCENARIOS} order by period, scenario")

    def draw(frame: pd.DataFrame) -> Any:
        figure = go.Figure()
        for place, (name, rows) in enumerate(frame.groupby("scenario")):
            colour = SCENARIO_COLOURS.get(str(name), SERIES[place % len(SERIES)])
            figure.add_scatter(
                x=rows["period"], y=rows["value"], name=str(name), mode="lines+markers", line={"color": colour},
                hovertemplate="%{x|%d %b %Y}: %{y:,.0f}<extra>%{fullData.name}</extra>",
            )  # fmt: skip
        figure.update_yaxes(title=f"net sales [{view.money_unit}]", rangemode="tozero")
        figure.update_xaxes(**MONTHS)
        return figure

    view.chart(
        "Scenarios", frame, draw, (SCENARIOS,), says="A careful path, the forecast, and a bold one.",
        empty="None is made: there is no forecast by month.",
    )  # fmt: skip
    if frame.empty or "assumptions" not in frame:
        return
    for name, rows in frame.groupby("scenario"):
        st.caption(plain(f"{name}: {rows['assumptions'].iloc[0]}"))
    _levers(view)


def _demand(view: View) -> None:
    st.subheader("Products")
    weeks = int(st.slider("Weeks ahead", 1, 13, 4, key="demand-weeks", bind="query-params"))
    frame = view.snapshot.frame(
        f"with weeks as (select distinct week from {DEMAND} order by week limit $weeks) "
        "select demand.product_id, any_value(names.product_name) as product_name, sum(demand.value) as units, "
        f"count(*) as weeks from {DEMAND} as demand join weeks on demand.week = weeks.week "
        "left join core.product_names as names on demand.product_id = names.product_id "
        "group by demand.product_id order by units desc, 1",
        weeks=weeks,
    )
    view.table(
        "Units to expect", frame, (DEMAND,), says=f"Of each product in the next {weeks} weeks; most first.",
        titles={"units": "units to expect on average in these weeks [units]", "weeks": "weeks added up [weeks]"},
        empty="No product's demand is forecast: there is too little history.",
    )  # fmt: skip
    if frame.empty:
        return
    names = dict(zip(frame["product_id"], frame["product_name"].fillna(""), strict=True))
    product = st.selectbox(
        "Product", list(names), format_func=lambda code: f"{names[code]} ({code})", key="product", bind="query-params"
    )
    rows = view.snapshot.frame(
        f"select week, value, lower_80, upper_80 from {DEMAND} where product_id = $product order by week",
        product=product,
    )
    past = view.snapshot.frame(
        "select cast(date_trunc('week', date_day) as date) as week, sum(units) as units from sales.product_days "
        "where product_id = $product group by 1 order by 1",
        product=product,
    )

    def draw(frame: pd.DataFrame) -> Any:
        figure = go.Figure()
        history = past.tail(SHOWN_HISTORY["week"])
        figure.add_bar(x=history["week"], y=history["units"], name="sold", marker_color=MUTED)
        figure.add_scatter(
            x=frame["week"], y=frame["value"], name="to expect", mode="lines+markers", line={"color": ACCENT},
            error_y={
                "array": frame["upper_80"] - frame["value"], "arrayminus": frame["value"] - frame["lower_80"],
                "color": ACCENT,
            },
        )  # fmt: skip
        figure.update_yaxes(title="units a week")
        return figure

    view.chart(
        "One product's demand", rows, draw, (DEMAND,), says="Bars were sold; eight of ten weeks lie within the ends."
    )


def _plan(view: View) -> None:
    wanted = (
        "action", "advice", "product_name", "abc_class", "xyz_class", "order_now", "order_value", "stockout_risk",
        "weeks_of_cover", "on_hand", "on_order", "reorder_point", "order_up_to", "safety_stock", "expected_demand",
        "demand_per_week", "lead_time_days", "product_id",
    )  # fmt: skip
    frame = view.snapshot.frame(f"select * from {PLAN}")
    columns = [name for name in wanted if name in frame]
    says = "When to order how much of a product; those that sell most first."
    if "action" in frame:
        if (frame["action"] == STOCK_UNKNOWN).any():
            says += (
                " What to order today is told once a list of the stock is named in retail.toml (reorder.stock_file)."
            )
        frame["action"] = [str(name).replace("unknown", "not given").replace("_", " ") for name in frame["action"]]
    if "revenue" in frame and len(frame):
        frame = frame.sort_values(["revenue", "product_id"], ascending=[False, True])
    view.table(
        "Reorder plan", frame[columns], (PLAN,),
        says=says,
        empty="Nothing is to be reordered: no product's demand is forecast.",
    )  # fmt: skip
