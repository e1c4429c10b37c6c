"""One customer: history, scores, what to expect, why, and what to do."""

from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from retail_pipeline.dashboard.drawing import View, metric, plain
from retail_pipeline.dashboard.palette import ACCENT, MUTED
from retail_pipeline.reports.words import counted, percent

SCORES = "customers.rfm_scores"


def show(view: View) -> None:
    """The page."""
    if view.lacks(SCORES, "core.orders"):
        return
    customer = st.text_input(
        "Customer", key="customer", bind="query-params", placeholder="a customer's id, as the tables have it"
    )
    customer = (customer or "").strip()
    if not customer:
        _suggest(view)
        return
    scores = view.snapshot.frame(f"select * from {SCORES} where customer_id = $customer", customer=customer)
    orders = _orders(view, customer)
    if orders.empty and scores.empty:
        st.warning("No customer has this id. Ids are as in the tables; e-mail addresses are kept as hashes only.")
        return
    _headlines(view, customer, scores)
    _action(view, customer, scores)
    _history(view, orders)
    _outlook(view, customer)
    _offers(view, customer)


def _suggest(view: View) -> None:
    frame = view.snapshot.frame(f"select customer_id from {SCORES} order by monetary desc, customer_id limit 5")
    if frame.empty:
        st.info("There are no known customers yet.", icon="ℹ️")
    else:
        some = ", ".join(frame["customer_id"])
        st.info(f"Type an id, or choose a row in a list of the other pages. For instance: {some}.", icon="ℹ️")


def _orders(view: View, customer: str) -> pd.DataFrame:
    return view.snapshot.frame(
        "select order_ts, order_id, order_type, units, sales_amount, returns_amount, amount, products, "
        "channel, country "
        "from core.orders where customer_id = $customer order by order_ts desc, order_id",
        customer=customer,
    )


def _headlines(view: View, customer: str, scores: pd.DataFrame) -> None:
    if scores.empty:
        st.info("This customer kept nothing of what was ordered, and has no scores.", icon="ℹ️")
        return
    row = scores.iloc[0]
    with st.container(horizontal=True, key="headlines"):
        metric("Segment", str(row["segment"]), help_="by recency and frequency of purchases")
        metric("RFM score", str(row["rfm_score"]), help_="recency, frequency, monetary value, each from 1 to 5")
        metric("Last order", counted(int(row["recency_days"]), "day") + " ago", help_="counted from the data's end")
        metric("Orders", f"{int(row['frequency']):,}", help_="orders of which something was kept")
        metric("Bought for", view.money.text(row["monetary"]), help_="value of what was bought and kept")
    persona = None
    if view.snapshot.has("customers.clusters"):
        persona = view.snapshot.value(
            "select persona from customers.clusters where customer_id = $customer and is_champion "
            "order by feature_set limit 1",
            customer=customer,
        )
    if persona:
        st.caption(f"Among the customers most alike: {plain(persona)}")


def _action(view: View, customer: str, scores: pd.DataFrame) -> None:
    """What to do about the customer: what the early warning asks for, else what is done with the segment."""
    texts = []
    if view.snapshot.has("decisions.early_warning"):
        rows = view.snapshot.frame(
            "select reason, value_at_stake, action from decisions.early_warning where customer_id = $customer",
            customer=customer,
        )
        for row in rows.to_dict("records"):
            texts.append(f"Early warning: {row['reason']}. {view.money.text(row['value_at_stake'])} at stake.")
            texts.append(f"**{row['action']}**")
    if not texts and len(scores) and view.snapshot.has("customers.segment_actions"):
        rows = view.snapshot.frame(
            "select action, why, channel from customers.segment_actions where segment = $segment",
            segment=scores["segment"][0],
        )
        texts += [f"**{row['action']}** {row['why']} By {row['channel']}." for row in rows.to_dict("records")]
    if texts:
        with st.container(border=True, key="action"):
            st.markdown("#### What to do")
            for text in texts:
                st.markdown(plain(text))


def _history(view: View, orders: pd.DataFrame) -> None:
    def draw(frame: pd.DataFrame) -> Any:
        figure = go.Figure(
            go.Bar(
                x=frame["order_ts"], y=frame["amount"],
                marker_color=[ACCENT if amount >= 0 else MUTED for amount in frame["amount"]],
                customdata=frame["order_id"], width=86_400_000 * 2,
                hovertemplate="%{x|%d %b %Y}: %{y:,.2f} " + view.money_unit + " (%{customdata})<extra></extra>",
            )
        )  # fmt: skip
        figure.update_yaxes(title=f"amount [{view.currency or 'the order’s currency'}]")
        return figure

    view.chart(
        "History", orders, draw, ("core.orders",), says="All orders, cancellations and returns; below nothing is grey.",
        empty="There are no orders.",
    )  # fmt: skip


def _outlook(view: View, customer: str) -> None:
    if view.snapshot.has("customers.next_purchase", "customers.churn_risk"):
        frame = view.snapshot.frame(
            "select next.horizon_days, next.probability as order_probability, next.expected_date, "
            "churn.probability as risk, churn.risk_band, churn.top_reasons, churn.is_churn_horizon, churn.model "
            "from customers.next_purchase as next join customers.churn_risk as churn "
            "on next.customer_id = churn.customer_id and next.horizon_days = churn.horizon_days "
            "where next.customer_id = $customer order by 1",
            customer=customer,
        )
        if len(frame):
            leaving = frame[frame["is_churn_horizon"]]
            row = (leaving if len(leaving) else frame).iloc[-1]
            with st.container(border=True, key="reasons"):
                st.markdown("#### Next order")
                when = "An order within a year is less likely than none"
                if not pd.isna(row["expected_date"]):
                    when = f"An order is as likely as not by {row['expected_date']:%d %B %Y}"
                st.markdown(
                    f"{when}. That none comes within "
                    f"{int(row['horizon_days'])} days has a "
                    f"chance of {percent(row['risk'])} ({row['risk_band']} risk)."
                )
                for reason in str(row["top_reasons"] or "").split("; "):
                    if reason:
                        st.markdown(f"- {plain(reason)}")
        view.table(
            "Chances of an order", frame, ("customers.next_purchase", "customers.churn_risk"),
            titles={
                "order_probability": "that an order comes within the days [probability]",
                "risk": "that none comes [probability]",
            },
            empty="No chances are worked out: there is too little history.",
        )  # fmt: skip
    if view.snapshot.has("customers.lifetime_value"):
        frame = view.snapshot.frame(
            "select horizon_days, expected_orders, expected_value, lower, upper, historic_value, p_alive, model "
            "from customers.lifetime_value where customer_id = $customer order by 1",
            customer=customer,
        )
        view.table(
            "Value to come", frame, ("customers.lifetime_value",),
            empty="No value to come is worked out: there is too little history.",
        )  # fmt: skip


def _offers(view: View, customer: str) -> None:
    if not view.snapshot.has("baskets.recommendations"):
        return
    frame = view.snapshot.frame(
        "select kind, rank, product_id, product_name, reason, score from baskets.recommendations "
        "where customer_id = $customer order by kind, rank",
        customer=customer,
    )
    view.table("What to offer", frame, ("baskets.recommendations",), empty="There is nothing to offer.")
