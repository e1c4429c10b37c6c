"""What goes together: the network of rules, the rules, bundles, and what to offer with a product or to a customer."""

from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from retail_pipeline.dashboard.drawing import View, say_unapplied
from retail_pipeline.dashboard.labels import name_rows, row_keys, short
from retail_pipeline.dashboard.palette import ACCENT, MUTED, ORANGE, SEQUENTIAL, SERIES

RULES, NETWORK, OFFERS = "baskets.association_rules", "baskets.rule_network", "baskets.recommendations"
SHOWN_RULES = 2_000
KINDS = {
    "bought_together": "Bought in the same orders",
    "customers_also_bought": "Bought by the same customers",
    "for_customer": "For the customer, known products too",
    "new_for_customer": "New to the customer",
}


def show(view: View) -> None:
    """The page."""
    if view.lacks(RULES, NETWORK):
        return
    say_unapplied(
        view.filters, (), "baskets are those of the whole shop; their time is set by [baskets] in retail.toml."
    )
    _network(view)
    _rules(view)
    _bundles(view)
    left, right = st.columns(2)
    with left:
        _with_product(view)
    with right:
        _for_customer(view)
    _stock(view)


def _network(view: View) -> None:
    frame = view.snapshot.frame(f"select * from {NETWORK} order by lift desc, source, target")

    def draw(frame: pd.DataFrame) -> Any:
        figure = go.Figure()
        widest = frame["lift"].max()
        for row in frame.to_dict("records"):
            figure.add_scatter(
                x=[row["source_x"], row["target_x"]], y=[row["source_y"], row["target_y"]], mode="lines",
                line={"width": 0.8 + 4 * row["lift"] / widest, "color": "#5a5a5a"}, hoverinfo="skip", showlegend=False,
            )  # fmt: skip
        ends = pd.concat(
            [
                frame[[f"{end}_name", f"{end}_x", f"{end}_y", end, "part"]].set_axis(
                    ["name", "x", "y", "item", "part"], axis=1
                )
                for end in ("source", "target")
            ]
        ).drop_duplicates("item")
        names = ends["name"].fillna(ends["item"])
        figure.add_scatter(
            x=ends["x"], y=ends["y"], mode="markers+text" if len(ends) <= 40 else "markers",
            text=[short(name, 24) for name in names],
            textposition="top center", textfont={"size": 10}, showlegend=False, customdata=names,
            marker={"size": 12, "color": [SERIES[int(part) % len(SERIES)] for part in ends["part"]]},
            hovertemplate="%{customdata}<extra></extra>",
        )  # fmt: skip
        middle = frame.assign(
            x=(frame["source_x"] + frame["target_x"]) / 2, y=(frame["source_y"] + frame["target_y"]) / 2
        )
        figure.add_scatter(
            x=middle["x"], y=middle["y"], mode="markers", marker={"size": 8, "opacity": 0}, showlegend=False,
            customdata=middle[["source_name", "target_name", "orders", "confidence", "lift"]],
            hovertemplate="%{customdata[0]} → %{customdata[1]}<br>%{customdata[2]:,} orders, confidence "
            "%{customdata[3]:.0%}, lift %{customdata[4]:.1f}<extra></extra>",
        )  # fmt: skip
        figure.update_xaxes(visible=False)
        figure.update_yaxes(visible=False)
        return figure

    view.chart(
        "Network of the strongest rules", frame, draw, (NETWORK,), height=560,
        says="Products that are bought together far more often than by chance; thicker is stronger, "
        "colours hang together.",
        empty="No rule is strong enough: more orders with several products are needed, or a lower baskets.min_support.",
    )  # fmt: skip


def _rules(view: View) -> None:
    words = st.text_input("Search in rules", key="rules-search", bind="query-params", placeholder="a product's name")
    frame = view.snapshot.frame(
        "select array_to_string(antecedent_names, ' + ') as who_buys, "
        "array_to_string(consequent_names, ' + ') as buys_too, orders, support, confidence, lift, "
        "leverage, conviction, "
        f"q_value, is_significant, is_redundant, later_orders, later_lift from {RULES} "
        "where $words = '' or contains(lower(array_to_string(list_concat(antecedent_names, consequent_names), ' ')), "
        f"lower($words)) order by lift desc, orders desc, 1, 2 limit {SHOWN_RULES}",
        words=(words or "").strip(),
    )
    titles = {"who_buys": "names of the antecedents", "buys_too": "names of the consequents"}

    def draw(frame: pd.DataFrame) -> Any:
        figure = go.Figure(
            go.Scattergl(
                x=frame["support"], y=frame["confidence"], mode="markers",
                marker={
                    "color": frame["lift"], "colorscale": SEQUENTIAL, "size": 8, "opacity": 0.8,
                    "colorbar": {"title": "lift", "thickness": 12},
                },
                customdata=frame[["who_buys", "buys_too", "lift", "orders"]],
                hovertemplate="%{customdata[0]} → %{customdata[1]}<br>%{customdata[3]:,} orders, confidence %{y:.0%}, "
                "lift %{customdata[2]:.1f}<extra></extra>",
            )
        )  # fmt: skip
        figure.update_xaxes(title="support: share of all baskets", tickformat=".1%")
        figure.update_yaxes(title="confidence", tickformat=".0%")
        return figure

    view.chart(
        "Support, confidence, lift", frame, draw, (RULES,), titles=titles,
        says="Each point is a rule; to the right many baskets, above sure, yellow far beyond chance.",
        empty="No rule is found.",
    )  # fmt: skip
    view.table(
        "Rules", frame, (RULES,), titles=titles, empty="No rule is found.",
        says="Trust those that are significant and not redundant, and held up in later weeks (later lift).",
    )  # fmt: skip


def _bundles(view: View) -> None:
    if view.lacks("baskets.bundles"):
        return
    frame = view.snapshot.frame(
        "select bundle_id, array_to_string(names, ' + ') as bundle, orders, orders_all_but_one, price, bundle_price, "
        "expected_extra_orders, expected_extra_revenue, break_even_uptake, margin, expected_extra_margin, is_worth_it "
        "from baskets.bundles order by bundle_id"
    )
    view.table(
        "Bundles to try", frame, ("baskets.bundles",), titles={"bundle": "names of its products"},
        says="What a bundle at a discount would bring, if the stated share of those who lack one product took it.",
        empty="No products go together often enough for a bundle.",
    )  # fmt: skip


def _with_product(view: View) -> None:
    st.subheader("What goes with a product")
    if view.lacks(OFFERS):
        return
    products = view.snapshot.frame(
        f"select offers.for_product_id as product_id, any_value(names.product_name) as name from {OFFERS} as offers "
        "left join core.product_names as names on offers.for_product_id = names.product_id "
        "left join sales.by_product as sold on offers.for_product_id = sold.product_id "
        "where offers.for_product_id is not null group by all order by min(sold.rank), 1"
    )
    if products.empty:
        st.info("There is nothing to offer with any product yet.", icon="ℹ️")
        return
    names = dict(zip(products["product_id"], products["name"].fillna(""), strict=True))
    product = st.selectbox(
        "Product", list(names), format_func=lambda code: f"{names[code]} ({code})", key="product", bind="query-params"
    )
    frame = view.snapshot.frame(
        f"select kind, rank, product_name, orders, customers, reason, score from {OFFERS} "
        "where for_product_id = $product order by kind, rank",
        product=product,
    )
    for kind, rows in frame.groupby("kind"):
        _offer_bars(view, KINDS.get(str(kind), str(kind)), rows.drop(columns="kind"))


def _offer_bars(view: View, title: str, rows: pd.DataFrame) -> None:
    counted = "customers" if rows["customers"].notna().any() else "orders"

    def draw(frame: pd.DataFrame) -> Any:
        figure = go.Figure(
            go.Bar(
                y=row_keys(frame), x=frame[counted], orientation="h", customdata=frame["product_name"],
                marker_color=ACCENT if counted == "orders" else ORANGE,
                hovertemplate="%{customdata}: %{x:,} " + counted + "<extra></extra>",
            )
        )  # fmt: skip
        figure.update_xaxes(title=f"{counted} with both")
        name_rows(figure, frame["product_name"].fillna("(no name)"))
        return figure

    view.chart(title, rows, draw, (OFFERS,), says="In the order of the model that serves.", height=320)


def _for_customer(view: View) -> None:
    st.subheader("What to offer a customer")
    if view.lacks(OFFERS):
        return
    customer = st.text_input("Customer to offer to", key="offer-to", bind="query-params", placeholder="a customer's id")
    if not customer:
        st.caption("Type an id as the tables have it; lists of ids are on the page RFM.")
        return
    frame = view.snapshot.frame(
        f"select kind, rank, product_name, reason, because_product_name, orders, score from {OFFERS} "
        "where customer_id = $customer order by kind, rank",
        customer=customer.strip(),
    )
    if frame.empty:
        st.warning("Nothing is recommended to a customer with this id.")
    for kind, rows in frame.groupby("kind"):
        view.table(KINDS.get(str(kind), str(kind)), rows.drop(columns="kind"), (OFFERS,))


def _stock(view: View) -> None:
    if not view.snapshot.has("baskets.stock_partners"):
        return
    frame = view.snapshot.frame(
        "select rank, product_name, array_to_string(partner_names, ' + ') as partner_names, stock_out_cost_per_day, "
        "own_revenue_per_day, partner_revenue_per_day, orders_per_day from baskets.stock_partners order by rank"
    )

    def draw(frame: pd.DataFrame) -> Any:
        shown = frame.head(12)
        figure = go.Figure()
        for column, name, colour in (
            ("own_revenue_per_day", "its own sales", ACCENT), ("partner_revenue_per_day", "its partners' sales", MUTED),
        ):  # fmt: skip
            figure.add_bar(
                y=row_keys(shown), x=shown[column], name=name, orientation="h",
                marker_color=colour, customdata=shown["product_name"],
                hovertemplate="%{customdata}: %{x:,.2f} " + view.money_unit + "<extra></extra>",
            )  # fmt: skip
        figure.update_layout(barmode="stack")
        figure.update_xaxes(title=f"a day [{view.money_unit}]")
        name_rows(figure, shown["product_name"].fillna("(no name)"))
        return figure

    view.chart(
        "What a day out of stock costs", frame, draw, ("baskets.stock_partners",), height=400,
        says="Never let these run out: with them go the sales of what is bought with them.",
        empty="No product has partners strong enough.",
    )  # fmt: skip
