"""What customers will still bring, who is leaving, why, and whom to contact."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from retail_pipeline.dashboard.contacting import Contacted, best_point, contacted_customers
from retail_pipeline.dashboard.curves import curve_figure, days_of, decile_figure, task_title
from retail_pipeline.dashboard.drawing import View, metric, plain, say_unapplied, with_first
from retail_pipeline.dashboard.labels import name_rows, row_keys
from retail_pipeline.dashboard.palette import ACCENT, GREEN, MUTED, ORANGE, RED, SEQUENTIAL
from retail_pipeline.dashboard.ways import open_customer
from retail_pipeline.home import Home
from retail_pipeline.reports.words import percent
from retail_pipeline.settings import load_settings

VALUES, RISKS = "customers.lifetime_value", "customers.churn_risk"
BANDS = {"low": GREEN, "medium": ORANGE, "high": RED}
SHOWN_REASONS = 12
MOST_WARNINGS = 20_000
EARLY_WARNING = "decisions.early_warning"
FIRST_OF_WARNINGS = ("rank", "customer_id", "reason", "action", "value_at_stake")
"""What is read first, where a table is cut off on the right."""
REASON = (
    "select reason from models.champions where starts_with(task, 'purchase_') order by is_churn_horizon desc limit 1"
)
SHOWN_MEASURES = ("r2", "spearman", "gini", "mae", "rmse", "top_decile_gain", "total_bias", "coverage_95")
"""In the order in which they are asked for."""


def show(view: View) -> None:
    """The page."""
    say_unapplied(
        view.filters, ("country", "segment"), "the future is told of all known customers from the data's end on."
    )
    if not view.lacks(VALUES):
        _value(view)
    if not view.lacks(RISKS, "models.champions"):
        _risk(view)
    _warnings(view)
    if not view.lacks("models.curves", "models.champions", "models.metrics"):
        _models(view)


def _value(view: View) -> None:
    horizons = _horizons(view)
    if not horizons:
        st.info("No value to come is worked out yet: there are too few customers, or too short a history.", icon="ℹ️")
        return
    horizon = st.segmented_control(
        "Time to come [days]", list(horizons), default=opening_horizon(horizons), key="clv-days",
        bind="query-params", required=True,
    )  # fmt: skip
    chosen, bound = view.filters.customers()
    values = (
        f"with chosen as ({chosen}), worth as (select worth.* from {VALUES} as worth "
        "join chosen on worth.customer_id = chosen.customer_id where worth.horizon_days = $horizon)"
    )
    bound["horizon"] = int(str(horizon))
    head = view.snapshot.frame(
        f"{values} select sum(expected_value) as total, avg(expected_value) as mean, sum(p_alive) as alive, "
        "count(*) as customers, sum(expected_orders) as orders from worth",
        **bound,
    ).iloc[0]
    if not head["customers"]:
        st.info("No customer is in what is chosen.", icon="ℹ️")
        return
    with st.container(horizontal=True, key="headlines"):
        is_validated = horizons[int(str(horizon))]
        metric(
            "Value to come" if is_validated else ":orange[Not validated:] value to come",
            view.money.text(head["total"] or 0),
            help_=f"expected of all within {horizon} days"
            + ("" if is_validated else "; no model was judged on days so far ahead: take it as a guess"),
        )
        metric("A customer's", view.money.text(head["mean"] or 0), help_="mean of all customers")
        metric("Still customers", f"{head['alive']:,.0f}", help_=f"expected, of {int(head['customers']):,}")
        metric("Orders to come", f"{head['orders']:,.0f}", help_=f"expected days with an order within {horizon} days")
    _judged(view, int(str(horizon)))
    left, right = st.columns(2)
    with left:
        _distribution(view, values, bound)
    with right:
        _deciles(view, values, bound)


def _horizons(view: View) -> dict[int, bool]:
    """The times to come, the shortest first, and whether the value within each was judged on later days."""
    told = "bool_and(is_validated)" if "is_validated" in view.snapshot.words()[VALUES].columns else "true"
    rows = view.snapshot.frame(
        f"select horizon_days, coalesce({told}, false) as is_validated from {VALUES} group by 1 order by 1"
    )
    return {int(row["horizon_days"]): bool(row["is_validated"]) for row in rows.to_dict("records")}


def opening_horizon(horizons: Mapping[int, bool]) -> int:
    """The time to come that is shown first: the longest that is validated, else the shortest.

    Examples
    --------
    >>> opening_horizon({30: True, 90: True, 365: False}), opening_horizon({30: False, 90: False})
    (90, 30)
    """
    return max((days for days, is_validated in horizons.items() if is_validated), default=min(horizons))


def _judged(view: View, horizon: int) -> None:
    """Say which model tells the value, and whether it was judged."""
    if not {"is_validated", "reason"} <= set(view.snapshot.words()[VALUES].columns):
        return
    rows = view.snapshot.frame(
        f"select distinct model, is_validated, reason from {VALUES} where horizon_days = $horizon", horizon=horizon
    )
    for row in rows.to_dict("records"):
        judged = "judged on later days" if row["is_validated"] else "not judged on later days"
        colour = "{}" if row["is_validated"] else ":orange[{}]"
        st.caption(f"By {str(row['model']).replace('_', ' ')}, {colour.format(judged)}: {plain(row['reason'])}.")


def _distribution(view: View, values: str, bound: dict[str, Any]) -> None:
    frame = view.snapshot.frame(
        f"{values} select floor(log10(greatest(expected_value, 0.01)) * 4) / 4 as power, count(*) as customers, "
        "sum(expected_value) as expected_value from worth where expected_value is not null group by 1 order by 1",
        **bound,
    )
    frame.insert(0, "from_value", 10 ** frame.pop("power"))

    def draw(frame: pd.DataFrame) -> Any:
        figure = go.Figure(
            go.Bar(
                x=frame["from_value"] * 10**0.125, y=frame["customers"], marker_color=ACCENT,
                width=frame["from_value"] * (10**0.25 - 1) * 0.9,
                customdata=frame[["from_value", "expected_value"]],
                hovertemplate="from %{customdata[0]:,.2f}: %{y:,} customers, %{customdata[1]:,.0f} in "
                "all<extra></extra>",
            )
        )  # fmt: skip
        figure.update_xaxes(type="log", dtick=1, title=f"expected value [{view.money_unit}]")
        figure.update_yaxes(title="customers")
        return figure

    view.chart(
        "How value is spread", frame, draw, (VALUES,), says="Customers by what they are expected to bring, by tens.",
        titles={"from_value": "lower end of the range [reporting currency]", "customers": "customers in it"},
    )  # fmt: skip


def _deciles(view: View, values: str, bound: dict[str, Any]) -> None:
    frame = view.snapshot.frame(
        f"{values}, ranked as (select *, ntile(10) over (order by expected_value desc, customer_id) as "
        "tenth from worth "
        "where expected_value is not null) select tenth, count(*) as customers, sum(expected_value) as expected_value, "
        "sum(expected_value) / nullif(sum(sum(expected_value)) over (), 0) as share_expected, "
        "sum(historic_value) / nullif(sum(sum(historic_value)) over (), 0) as share_historic "
        "from ranked group by tenth order by tenth",
        **bound,
    )

    def draw(frame: pd.DataFrame) -> Any:
        figure = go.Figure()
        for column, name, colour in (
            ("share_expected", "of value to come", ACCENT),
            ("share_historic", "of the past", MUTED),
        ):
            figure.add_bar(
                x=frame["tenth"], y=frame[column], name=name, marker_color=colour,
                hovertemplate="tenth %{x}: %{y:.1%}<extra></extra>",
            )  # fmt: skip
        figure.update_xaxes(title="tenth of customers, most valuable first", dtick=1)
        figure.update_yaxes(tickformat=".0%")
        return figure

    view.chart(
        "Who brings it", frame, draw, (VALUES,),
        says="Each tenth of customers' share of value to come, and of the past.",
        titles={
            "tenth": "1 for the tenth of customers expected to bring most",
            "share_expected": "of all expected value [share]", "share_historic": "of all value so far [share]",
        },
    )  # fmt: skip


def _risk(view: View) -> None:
    st.subheader("Who is leaving")
    chosen, bound = view.filters.customers()
    risks = (
        f"with chosen as ({chosen}), risks as (select risks.* from {RISKS} as risks "
        "join chosen on risks.customer_id = chosen.customer_id where risks.is_churn_horizon)"
    )
    bands = view.snapshot.frame(
        f"{risks} select risk_band, count(*) as customers, avg(probability) as probability, "
        "any_value(horizon_days) as horizon_days from risks group by risk_band "
        "order by list_position(['low', 'medium', 'high'], risk_band)",
        **bound,
    )
    if bands.empty:
        reason = view.snapshot.value(REASON)
        st.info(f"No risk is worked out. {reason or 'Run retail train.'}", icon="ℹ️")
        return
    days = int(bands["horizon_days"][0])
    reasons = view.snapshot.frame(
        f"{risks}, told as (select unnest(string_split(top_reasons, '; ')) as reason from risks where "
        "risk_band = 'high') "
        r"select regexp_replace(reason, '-?[0-9][0-9,.]*', '…', 'g') as reason, count(*) as customers from told "
        f"where reason <> '' group by 1 order by 2 desc, 1 limit {SHOWN_REASONS}",
        **bound,
    )

    def draw_bands(frame: pd.DataFrame) -> Any:
        figure = go.Figure(
            go.Bar(
                x=frame["risk_band"], y=frame["customers"], texttemplate="%{y:,}",
                textfont={"color": "#101010"},
                marker_color=[BANDS.get(band, MUTED) for band in frame["risk_band"]],
                hovertemplate="%{x}: %{y:,} customers<extra></extra>",
            )
        )  # fmt: skip
        figure.update_yaxes(title="customers")
        return figure

    def draw_reasons(frame: pd.DataFrame) -> Any:
        colours = [RED if "raises" in reason else GREEN for reason in frame["reason"]]
        figure = go.Figure(
            go.Bar(
                x=frame["customers"], y=row_keys(frame), orientation="h", marker_color=colours,
                customdata=frame["reason"],
                hovertemplate="%{customdata}: %{x:,} customers<extra></extra>",
            )
        )  # fmt: skip
        name_rows(figure, [reason.partition(" (")[0] for reason in frame["reason"]], 40)
        figure.update_xaxes(title="customers of high risk")
        return figure

    says = "What speaks most for it."
    if not all("raises" in reason for reason in reasons["reason"]):
        says = "What speaks most for (red) or against (green)."
    left, right = st.columns([2, 3])
    with left:
        view.chart(
            "Risk bands", bands, draw_bands, (RISKS,),
            says=f"Customers by the risk that no order comes within {days} days.",
            titles={"customers": "customers in the band", "probability": "mean risk in the band [probability]"},
        )  # fmt: skip
    with right:
        view.chart(
            "Why they are at risk", reasons, draw_reasons, (RISKS,),
            says=says,
            titles={"reason": "a reason, its figure left out", "customers": "customers of high risk with that reason"},
        )  # fmt: skip


def _warnings(view: View) -> None:
    chosen, bound = view.filters.customers()
    if view.snapshot.has(EARLY_WARNING, "customers.rfm_scores"):
        frame = view.snapshot.frame(
            f"with chosen as ({chosen}) select warnings.* from {EARLY_WARNING} as warnings "
            "join chosen on warnings.customer_id = chosen.customer_id order by value_at_stake desc, customer_id",
            **bound,
        )
        tables: tuple[str, ...] = (EARLY_WARNING,)
        says = "Good customers who begin to leave, those with most at stake first."
    elif view.snapshot.has(RISKS, VALUES):
        frame = view.snapshot.frame(
            f"with chosen as ({chosen}) select chosen.customer_id, chosen.segment, risks.probability, risks.risk_band, "
            "worth.expected_value, worth.historic_value, worth.horizon_days, risks.top_reasons, chosen.country "
            f"from chosen join {RISKS} as risks on chosen.customer_id = risks.customer_id and risks.is_churn_horizon "
            f"join {VALUES} as worth on chosen.customer_id = worth.customer_id and worth.horizon_days = "
            "(select coalesce(max(horizon_days) filter (where is_validated), min(horizon_days)) "
            f"from {VALUES}) where risks.risk_band <> 'low' "
            f"order by worth.expected_value desc, chosen.customer_id limit {MOST_WARNINGS}",
            **bound,
        )
        tables = (RISKS, VALUES)
        says = "Customers of medium or high risk, those expected to bring most first."
    else:
        return
    customer = view.table(
        "Early warning", with_first(frame, FIRST_OF_WARNINGS), tables, pick="customer_id",
        empty="Nobody is to be warned of.",
        says=f"{says} {len(frame):,} customers. Choose a row to open the customer's page.",
    )  # fmt: skip
    open_customer(customer)


def _models(view: View) -> None:
    champions = view.snapshot.frame(
        "select task, model, horizon_days from models.champions where model is not null "
        "and starts_with(task, 'purchase_') order by is_churn_horizon desc, horizon_days"
    )
    st.subheader("How right the predictions were")
    _predicted(view)
    if champions.empty:
        reason = view.snapshot.value(REASON)
        st.info(f"No model of the next order serves. {reason or ''}", icon="ℹ️")
        return
    task = st.selectbox(
        "Prediction", champions["task"].tolist(), format_func=task_title, key="value-task", bind="query-params"
    )
    model = str(champions.loc[champions["task"] == task, "model"].iloc[0])
    left, right = st.columns(2)
    for place, curve in ((left, "roc"), (right, "reliability")):
        frame = view.snapshot.frame(
            "select model, x, y, customers, point, is_champion, cutoff from models.curves "
            "where task = $task and curve = $curve order by is_champion, model, point",
            task=task, curve=curve,
        )  # fmt: skip
        with place:
            view.chart(
                "ROC curve" if curve == "roc" else "Predicted against actual", frame,
                partial(curve_figure, curve=curve), ("models.curves",), height=400,
                says="Thick: the model that serves. Dashed: chance." if curve == "roc"
                else "On the dashed line what was predicted came true.",
                empty="The test cut-off holds nobody with, or nobody without, an order.",
            )  # fmt: skip
    _confusion(view, str(task), model)


def _predicted(view: View) -> None:
    """Spend expected against what came, where models could be judged on days that they had not seen."""
    tasks = view.snapshot.frame(
        "select task, model from models.champions where model is not null and starts_with(task, 'clv_') "
        "order by horizon_days desc"
    )
    if tasks.empty:
        return
    task = st.selectbox("Spend", tasks["task"].tolist(), format_func=task_title, key="spend-task", bind="query-params")
    left, right = st.columns(2)
    deciles = view.snapshot.frame(
        "select x, y, customers, model, cutoff from models.curves where task = $task and curve = 'deciles' "
        "and is_champion order by x desc",
        task=task,
    )
    with left:
        view.chart(
            "Expected against spent", deciles, partial(decile_figure, unit=view.money_unit), ("models.curves",),
            says="By tenths of the customers of the test cut-off, by the model that serves.", height=400,
        )  # fmt: skip
    frame = view.snapshot.frame(
        "select metric, model, value, lower, upper, n, is_champion, is_baseline, cutoff from models.metrics "
        "where task = $task and split = 'test' and list_contains($measures, metric) "
        "order by list_position($measures, metric), is_champion desc, is_baseline desc, model",
        task=task, measures=list(SHOWN_MEASURES),
    )  # fmt: skip
    with right:
        view.table(
            "Models of spend beside their baselines", frame, ("models.metrics",),
            says="On days that no model had seen, with 95 % intervals; of each measure the model that serves first.",
        )  # fmt: skip


def _confusion(view: View, task: str, model: str) -> None:
    points = view.snapshot.frame(
        "select x, y, customers from models.curves where task = $task and curve = 'roc' and model = "
        "$model order by point",
        task=task, model=model,
    )  # fmt: skip
    tested = view.snapshot.frame(
        "select n, value from models.metrics where task = $task and model = $model and split = 'test' "
        "and metric = 'base_rate'",
        task=task, model=model,
    )  # fmt: skip
    if points.empty or tested.empty:
        return
    customers = int(tested["n"][0])
    events = round(float(tested["value"][0]) * customers)
    matrices = [contacted_customers(row.x, row.y, customers, events) for row in points.itertuples()]
    usual = load_settings(Home.locate()).prediction
    with st.container(border=True, key="confusion"):
        st.markdown("#### Whom to contact")
        left, right = st.columns(2)
        cost = left.number_input(
            f"A contact costs [{view.money_unit}]", 0.0, value=usual.contact_cost, key="cost", bind="query-params"
        )
        value = right.number_input(
            f"An order of a contacted customer brings [{view.money_unit}]", 0.0, value=usual.contact_value, key="worth",
            bind="query-params",
        )  # fmt: skip
        best = best_point(matrices, float(cost or 0), float(value or 0))
        place = st.select_slider(
            "Contact so many, the likeliest to order first", range(len(matrices)), value=best,
            format_func=lambda place: f"{matrices[place].contacted:,} of {customers:,}",
            key=f"contacted-{task}-{cost}-{value}",
        )  # fmt: skip
        matrix = matrices[int(place)]
        _matrix(view, matrix, float(cost or 0), float(value or 0), is_best=int(place) == best, days=days_of(task))
        profits = pd.DataFrame(
            {
                "contacted": [one.contacted for one in matrices],
                "ordered": [one.hits for one in matrices],
                "profit": [one.profit(float(cost or 0), float(value or 0)) for one in matrices],
            }
        )
        figure = go.Figure(
            go.Scatter(
                x=profits["contacted"], mode="lines", line={"color": ACCENT}, showlegend=False, y=profits["profit"],
                hovertemplate="%{x:,} contacted: %{y:,.0f}<extra></extra>",
            )
        )  # fmt: skip
        figure.add_vline(x=matrix.contacted, line={"color": ORANGE, "dash": "dash"})
        figure.update_xaxes(title="customers contacted")
        figure.update_yaxes(title=f"profit [{view.money_unit}]")
        view.figure(
            "Profit of contacting", figure, "Profit by how many are contacted, on the test cut-off.", 260,
            frame=profits, tables=("models.curves",),
            titles={
                "contacted": "customers of the test cut-off who are contacted, the likeliest to order first",
                "ordered": "of these those who ordered",
                "profit": f"orders times what one brings, less contacts times what one costs [{view.money_unit}]",
            },
        )  # fmt: skip


def _matrix(view: View, matrix: Contacted, cost: float, value: float, *, is_best: bool, days: int) -> None:
    with st.container(horizontal=True, key="matrix-figures"):
        metric("Profit", view.money.text(matrix.profit(cost, value)), help_="on the customers of the test cut-off")
        metric("Contacted", f"{matrix.contacted:,}")
        metric("Precision", percent(matrix.precision or 0), help_="of the contacted those who ordered")
        metric("Recall", percent(matrix.recall or 0), help_="of those who ordered the contacted")
    if is_best:
        st.caption("This is where contacting brings most.")
    grid = [[matrix.hits, matrix.wasted], [matrix.misses, matrix.left_alone]]
    figure = go.Figure(
        go.Heatmap(
            z=grid, x=[f"ordered within {days} days", "did not"], y=["contacted", "left alone"], colorscale=SEQUENTIAL,
            texttemplate="%{z:,}", xgap=2, ygap=2, showscale=False,
            hovertemplate="%{y}, %{x}: %{z:,} customers<extra></extra>",
        )
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed")
    counts = pd.DataFrame(grid, columns=["ordered", "did not order"]).assign(customers=["contacted", "left alone"])
    view.figure(
        "Confusion matrix", figure, "Customers of the test cut-off, whose outcome is known.", 240,
        frame=counts[["customers", "ordered", "did not order"]], tables=("models.curves",),
        titles={
            "customers": "whether they are contacted",
            "ordered": f"customers with an order within {days} days",
            "did not order": "customers without one",
        },
    )  # fmt: skip
