"""The picture of recommenders side by side."""

from collections.abc import Sequence

from retail_pipeline.reports.charts import BLUE, ORANGE, drawing
from retail_pipeline.reports.sentences import Row

SHOWN = (("hit_rate_at_10", "hit rate at 10", ORANGE, -0.14), ("ndcg_at_10", "NDCG at 10", BLUE, 0.14))


def recommenders_chart(rows: Sequence[Row]) -> str:
    """Hit rate and NDCG of each model with 95 % intervals; the champion's name is marked, baselines are hollow.

    Parameters
    ----------
    rows
        Of one task and one window, as baskets.recommender_metrics has them.
    """
    names = list(dict.fromkeys(row["model"] for row in rows))
    champions = {row["model"] for row in rows if row["is_champion"]}
    baselines = {row["model"] for row in rows if row["is_baseline"]}
    with drawing(7.2, 0.9 + 0.36 * len(names)) as (axes, text):
        for metric, title, colour, shift in SHOWN:
            of_one = {row["model"]: row for row in rows if row["metric"] == metric}
            for place, name in enumerate(names):
                row = of_one[name]
                axes.errorbar(
                    row["value"], place + shift,
                    xerr=[[row["value"] - row["lower"]], [row["upper"] - row["value"]]],
                    fmt="o", markersize=5, capsize=3, color=colour,
                    markerfacecolor="white" if name in baselines else colour, label=title if place == 0 else None,
                )  # fmt: skip
        axes.set_yticks(range(len(names)), [f"{name} (champion)" if name in champions else name for name in names])
        axes.invert_yaxis()
        axes.set_xlim(left=0)
        axes.grid(visible=True, axis="x", color="#e6e6e6")
        axes.grid(visible=False, axis="y")
        axes.figure.legend(frameon=False, fontsize=8, ncols=2, loc="outside upper center")
    return text.getvalue()
