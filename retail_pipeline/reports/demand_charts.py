"""The picture of models of demand side by side."""

from collections.abc import Sequence

from retail_pipeline.reports.charts import BLUE, GREY, ORANGE, drawing
from retail_pipeline.reports.sentences import Row

SHOWN = (("rmsse", "RMSSE", ORANGE, -0.14), ("pinball", "pinball loss", BLUE, 0.14))


def demand_chart(rows: Sequence[Row], served: str) -> str:
    """RMSSE and pinball loss of each model with 95 % intervals; 1 is a naive forecast of the history.

    Parameters
    ----------
    rows
        Of one kind and one split, as forecasts.demand_backtest has them.
    served
        The model that stands for what serves: it is marked. Baselines are hollow.
    """
    names = list(dict.fromkeys(row["model"] for row in rows))
    baselines = {row["model"] for row in rows if row["is_baseline"]}
    with drawing(7.2, 0.9 + 0.36 * len(names)) as (axes, text):
        axes.axvline(1, color=GREY, linewidth=0.8, linestyle="--")
        for metric, title, colour, shift in SHOWN:
            of_one = {row["model"]: row for row in rows if row["metric"] == metric and row["lower"] is not None}
            for place, name in enumerate(names):
                if name not in of_one:
                    continue
                row = of_one[name]
                axes.errorbar(
                    row["value"], place + shift,
                    xerr=[[max(row["value"] - row["lower"], 0)], [max(row["upper"] - row["value"], 0)]],
                    fmt="o", markersize=5, capsize=3, color=colour,
                    markerfacecolor="white" if name in baselines else colour, label=title if place == 0 else None,
                )  # fmt: skip
        axes.set_yticks(range(len(names)), [f"{name} (what serves)" if name == served else name for name in names])
        axes.invert_yaxis()
        axes.set_xlim(left=0)
        axes.grid(visible=True, axis="x", color="#e6e6e6")
        axes.grid(visible=False, axis="y")
        axes.figure.legend(frameon=False, fontsize=8, ncols=2, loc="outside upper center")
    return text.getvalue()
