"""Customers in clusters of those most alike: where they lie, what they are like, and how their number was chosen."""

from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from plotly.subplots import make_subplots

from retail_pipeline.dashboard.dendrogram import last_merges, saved_linkage
from retail_pipeline.dashboard.drawing import View, plain, say_unapplied
from retail_pipeline.dashboard.palette import ACCENT, DIVERGING, GREEN, MUTED, ORANGE, SERIES
from retail_pipeline.home import Home

CLUSTERS, PROFILES, SELECTION = "customers.clusters", "customers.cluster_profiles", "customers.cluster_selection"
SHOWN_CUSTOMERS = 4_000
QUANTILES = (5, 25, 50, 75, 95)
DIFFERENCES = ("total_spend", "avg_order_value", "orders", "product_variety", "recency_days")
SETS = {
    "rfm": "rfm: recency, orders, spend",
    "classic": "classic: spend, order value, orders, variety, recency, weekday",
}


def show(view: View) -> None:
    """The page."""
    if view.lacks(CLUSTERS, PROFILES, SELECTION, "customers.cluster_map"):
        return
    found = view.snapshot.frame(
        f"select feature_set, algorithm, is_champion from {PROFILES} group by all order by 1 desc, 3 desc, 2"
    )
    if found.empty:
        st.info("There are no clusters: too few customers, or 'retail train' has not run yet.", icon="ℹ️")
        return
    say_unapplied(view.filters, ("country", "segment"), "clusters hold known customers' whole history.")
    left, right = st.columns(2)
    feature_set = left.selectbox(
        "Compared by", found["feature_set"].unique().tolist(), format_func=lambda name: SETS.get(name, name),
        key="cluster-set", bind="query-params",
    )  # fmt: skip
    inside = found[found["feature_set"] == feature_set]
    champions = set(inside.loc[inside["is_champion"], "algorithm"])
    algorithm = right.selectbox(
        "Algorithm", inside["algorithm"].tolist(), key="cluster-algorithm", bind="query-params",
        format_func=lambda name: f"{name.replace('_', ' ')}{', champion' if name in champions else ''}",
    )  # fmt: skip
    profiles = view.snapshot.frame(
        f"select * from {PROFILES} where feature_set = $set and algorithm = $algorithm order by cluster",
        set=feature_set, algorithm=algorithm,
    )  # fmt: skip
    with st.container(border=True, key="who"):
        st.markdown("#### Who they are")
        for row in profiles.to_dict("records"):
            st.markdown(f"- **{row['cluster']}** {plain(row['description'])}: {plain(row['sets_apart'] or 'like all')}")
    _map(view, str(feature_set), str(algorithm), profiles)
    left, right = st.columns(2)
    with left:
        _sizes(view, profiles)
    with right:
        _spending(view, str(feature_set), str(algorithm))
    _profiles(view, profiles)
    _selection(view, str(feature_set), str(algorithm))
    _dendrogram(view, str(feature_set))


def _names(profiles: pd.DataFrame) -> dict[int, str]:
    return {int(row["cluster"]): f"{row['cluster']} {row['persona']}" for row in profiles.to_dict("records")}


def _colour(cluster: int) -> str:
    return MUTED if cluster < 0 else SERIES[(cluster - 1) % len(SERIES)]


def _map(view: View, feature_set: str, algorithm: str, profiles: pd.DataFrame) -> None:
    chosen, bound = view.filters.customers()
    frame = view.snapshot.frame(
        f"with chosen as ({chosen}) select map.customer_id, map.x, map.y, clusters.cluster, clusters.persona, "
        "count(*) over () as of_all "
        f"from customers.cluster_map as map join {CLUSTERS} as clusters "
        "on map.customer_id = clusters.customer_id and map.feature_set = clusters.feature_set "
        "join chosen on map.customer_id = chosen.customer_id "
        "where map.feature_set = $set and clusters.algorithm = $algorithm "
        f"order by md5(map.customer_id) limit {SHOWN_CUSTOMERS}",
        **bound, set=feature_set, algorithm=algorithm,
    )  # fmt: skip
    names = _names(profiles)
    of_all = int(frame.pop("of_all").iloc[0]) if len(frame) else 0

    def draw(frame: pd.DataFrame) -> Any:
        figure = go.Figure()
        for cluster, rows in frame.groupby("cluster"):
            figure.add_scattergl(
                x=rows["x"], y=rows["y"], mode="markers", name=names.get(int(cluster), str(cluster)),
                marker={"size": 5, "opacity": 0.6, "color": _colour(int(cluster))}, text=rows["customer_id"],
                hovertemplate="%{text}<extra>%{fullData.name}</extra>",
            )  # fmt: skip
        figure.update_xaxes(title="where customers differ most [sd]")
        figure.update_yaxes(title="second [sd]")
        return figure

    view.chart(
        "Map of customers", frame, draw, ("customers.cluster_map", CLUSTERS), height=460,
        says=f"Near ones are alike. {len(frame):,} of {of_all:,} customers are drawn, colours are clusters.",
    )  # fmt: skip


def _sizes(view: View, profiles: pd.DataFrame) -> None:
    frame = profiles[["cluster", "persona", "customers", "share_customers", "revenue", "share_revenue"]]
    names = _names(profiles)

    def draw(frame: pd.DataFrame) -> Any:
        labels = [f"cluster {cluster}" for cluster in frame["cluster"]]
        personas = [names[int(cluster)] for cluster in frame["cluster"]]
        figure = go.Figure()
        for column, title, colour in (
            ("share_customers", "of customers", ACCENT),
            ("share_revenue", "of revenue", ORANGE),
        ):
            figure.add_bar(
                y=labels, x=frame[column], name=title, marker_color=colour, orientation="h", customdata=personas,
                hovertemplate="%{customdata}: %{x:.1%}<extra></extra>",
            )  # fmt: skip
        figure.update_xaxes(tickformat=".0%")
        figure.update_yaxes(autorange="reversed")
        return figure

    view.chart("Sizes", frame, draw, (PROFILES,), says="Each cluster's share of customers and of what they bought.")


def _spending(view: View, feature_set: str, algorithm: str) -> None:
    chosen, bound = view.filters.customers()
    quantiles = ", ".join(f"quantile_cont(monetary::double, {share / 100}) as p{share}" for share in QUANTILES)
    frame = view.snapshot.frame(
        f"with chosen as ({chosen}) select clusters.cluster, any_value(clusters.persona) as persona, "
        f"count(*) as customers, {quantiles} from {CLUSTERS} as clusters "
        "join chosen on clusters.customer_id = chosen.customer_id "
        "where clusters.feature_set = $set and clusters.algorithm = $algorithm group by clusters.cluster order by 1",
        **bound, set=feature_set, algorithm=algorithm,
    )  # fmt: skip

    def draw(frame: pd.DataFrame) -> Any:
        figure = go.Figure()
        for row in frame.to_dict("records"):
            figure.add_box(
                y=[f"cluster {row['cluster']}"], q1=[row["p25"]], median=[row["p50"]], q3=[row["p75"]],
                lowerfence=[max(row["p5"], 0.01)], upperfence=[row["p95"]], marker_color=_colour(int(row["cluster"])),
                orientation="h", showlegend=False,
            )  # fmt: skip
        figure.update_xaxes(type="log", title=f"bought in total [{view.money_unit}]", dtick=1)
        figure.update_yaxes(autorange="reversed")
        return figure

    view.chart(
        "Spending by cluster", frame, draw, (CLUSTERS, "customers.rfm_scores"),
        says="Half of a cluster's customers lie in the box, nine of ten between the ends; by tens.",
        titles={f"p{share}": f"{share} % of customers bought for less [reporting currency]" for share in QUANTILES},
    )  # fmt: skip


def _profiles(view: View, profiles: pd.DataFrame) -> None:

    def draw(frame: pd.DataFrame) -> Any:
        columns = [f"difference_{name}" for name in DIFFERENCES]
        figure = go.Figure(
            go.Heatmap(
                z=frame[columns], x=[name.replace("_", " ") for name in DIFFERENCES],
                y=[f"cluster {cluster}" for cluster in frame["cluster"]], colorscale=DIVERGING, zmid=0,
                zmin=-2, zmax=2, xgap=2, ygap=2, texttemplate="%{z:.1f}", colorbar={"thickness": 12},
                hovertemplate="%{y}, %{x}: %{z:.2f} sd from all others<extra></extra>",
            )
        )  # fmt: skip
        figure.update_yaxes(autorange="reversed")
        return figure

    view.chart(
        "Profiles compared", profiles, draw, (PROFILES,),
        says="How far a cluster's mean is from that of all others, in standard deviations; blue is more, orange less.",
    )  # fmt: skip


def _selection(view: View, feature_set: str, algorithm: str) -> None:
    frame = view.snapshot.frame(
        f"select * from {SELECTION} where feature_set = $set and algorithm = $algorithm and k is not null order by k",
        set=feature_set, algorithm=algorithm,
    )  # fmt: skip

    def draw(frame: pd.DataFrame) -> Any:
        figure = make_subplots(specs=[[{"secondary_y": True}]])
        if frame["inertia"].notna().any():
            figure.add_bar(x=frame["k"], y=frame["inertia"], name="inertia (left)", marker_color="#4a4a4a")
        for column, colour in (("silhouette", ACCENT), ("stability_ari", GREEN)):
            figure.add_scatter(
                x=frame["k"], y=frame[column], name=f"{column.replace('_ari', '')} (right)", mode="lines+markers",
                line={"color": colour}, secondary_y=True,
            )  # fmt: skip
        taken = frame[frame["chosen"]]
        figure.add_scatter(
            x=taken["k"], y=taken["silhouette"], mode="markers", name="chosen", secondary_y=True,
            marker={"size": 14, "color": ORANGE, "symbol": "diamond"},
        )  # fmt: skip
        figure.update_xaxes(title="clusters", dtick=1)
        figure.update_yaxes(range=[0, 1.05], dtick=0.25, secondary_y=True, showgrid=False)
        return figure

    view.chart(
        "How many clusters", frame, draw, (SELECTION,), height=380,
        says="The elbow of the bars, and how well parted (silhouette) and how stable the clusters are.",
        empty="This algorithm finds the number by itself.",
    )  # fmt: skip


def _dendrogram(view: View, feature_set: str) -> None:
    chosen = view.snapshot.frame(
        f"select k, model from {SELECTION} where feature_set = $set and algorithm = 'agglomerative' and chosen",
        set=feature_set,
    )
    with st.container(border=True, key="dendrogram"):
        st.markdown("#### How clusters merge")
        linkage = None
        if len(chosen):
            folder = Home.locate().models / "clusters"
            linkage = saved_linkage(folder, str(chosen["model"][0]), feature_set)
        if linkage is None:
            st.info("The fitted model that this snapshot's clusters come from is not in the home any more.", icon="ℹ️")
            return
        tree = last_merges(linkage, int(chosen["k"][0]))
        figure = go.Figure()
        for xs, ys in zip(tree.xs, tree.ys, strict=True):
            below = max(ys) < tree.cut
            figure.add_scatter(
                x=xs, y=ys, mode="lines", line={"color": ACCENT if below else MUTED}, showlegend=False, hoverinfo="skip"
            )
        figure.add_hline(y=tree.cut, line={"color": ORANGE, "dash": "dash"})
        figure.update_xaxes(visible=False)
        figure.update_yaxes(title="distance (Ward)")
        merges = pd.DataFrame({"merge": range(1, len(tree.ys) + 1), "distance": sorted(map(max, tree.ys))})
        view.figure(
            "How clusters merge", figure,
            f"The last merges of agglomerative clustering; the dashed line cuts the tree into {int(chosen['k'][0])}.",
            frame=merges, tables=(SELECTION,),
            titles={
                "merge": "a merge of two clusters, the last of all at the end",
                "distance": "how far apart they were: Ward's, by standardised features",
            },
        )  # fmt: skip
