"""The pictures of clusters as SVG texts: choosing their number, where customers lie, how clusters merge."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from retail_pipeline.reports.charts import BLUE, GREEN, GREY, ORANGE, RED, drawing
from retail_pipeline.reports.sentences import Row

if TYPE_CHECKING:
    import numpy as np

COLOURS = (BLUE, ORANGE, GREEN, RED, "#cc79a7", "#56b4e9", "#f0e442", "#000000", "#7a5195", "#8c6d31")
SHOWN_MERGES = 30
"""Clusters at which a drawn dendrogram begins."""


def elbow_chart(rows: Sequence[Row]) -> str:
    """Inertia (bars of grey) and silhouette (line) of k-means by the number of clusters; the chosen one is marked."""
    ks = [row["k"] for row in rows]
    with drawing(7.2, 2.6) as (axes, text):
        axes.bar(ks, [row["inertia"] for row in rows], color=GREY, alpha=0.45, label="inertia (left)")
        axes.set_xlabel("clusters")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        other = axes.twinx()
        other.spines["right"].set_visible(True)
        other.grid(visible=False)
        other.plot(ks, [row["silhouette"] for row in rows], color=BLUE, marker="o", label="silhouette (right)")
        other.plot(
            ks, [row["stability_ari"] for row in rows], color=GREEN, linestyle="--", label="stability (right)"
        )  # fmt: skip
        for row in rows:
            if row["chosen"]:
                other.plot([row["k"]], [row["silhouette"]], marker="o", markersize=10, color=ORANGE, linestyle="")
                other.annotate("chosen", (row["k"], row["silhouette"]), (0, 8), textcoords="offset points", ha="center")
            if row["is_elbow"]:
                axes.annotate("elbow", (row["k"], row["inertia"]), (0, 3), textcoords="offset points", ha="center")
        other.set_ylim(0, 1.05)
        axes.set_xticks(ks)
        axes.figure.legend(frameon=False, fontsize=8, ncols=3, loc="outside upper center")
    return text.getvalue()


def map_chart(places: "np.ndarray[tuple[int, int], np.dtype[np.float64]]", names: Sequence[str]) -> str:
    """Customers on the map, a colour a persona, the most frequent first."""
    order = sorted(set(names), key=lambda name: (-list(names).count(name), name))
    with drawing(7.2, 4.6) as (axes, text):
        for place, name in enumerate(order):
            inside = [one == name for one in names]
            axes.scatter(
                places[inside, 0], places[inside, 1], s=6, alpha=0.5, linewidths=0, rasterized=True,
                color=COLOURS[place % len(COLOURS)], label=name,
            )  # fmt: skip
        axes.set_xlabel("first principal component")
        axes.set_ylabel("second")
        legend = axes.figure.legend(frameon=False, fontsize=8, loc="outside lower center", ncols=2, markerscale=2)
        for handle in legend.legend_handles:
            if handle is not None:
                handle.set_alpha(1)
    return text.getvalue()


def dendrogram_chart(linkage: "np.ndarray[tuple[int, int], np.dtype[np.float64]]", k: int) -> str:
    """How the last clusters merge, and where the tree is cut into k."""
    from scipy.cluster.hierarchy import dendrogram

    heights = linkage[:, 2]
    cut = (heights[-k] + heights[-k + 1]) / 2 if 2 <= k <= len(heights) else 0.0
    with drawing(7.2, 3.0) as (axes, text):
        dendrogram(
            linkage, p=SHOWN_MERGES, truncate_mode="lastp", ax=axes, color_threshold=cut,
            above_threshold_color=GREY, no_labels=True,
        )  # fmt: skip
        axes.axhline(cut, color=RED, linestyle="--", linewidth=1)
        axes.set_ylabel("distance (Ward)")
        axes.set_title(f"the last {SHOWN_MERGES} merges, cut into {k} clusters", fontsize=9)
    return text.getvalue()


def curve_chart(curve: Sequence[float], eps: float) -> str:
    """Distances to each customer's k-th neighbour in rising order, and where DBSCAN's eps was read off."""
    with drawing(7.2, 2.4) as (axes, text):
        axes.plot(range(len(curve)), curve, color=BLUE)
        axes.axhline(eps, color=RED, linestyle="--", linewidth=1)
        axes.set_xlabel("customers by the distance of their k-th neighbour")
        axes.set_ylabel("distance")
    return text.getvalue()
