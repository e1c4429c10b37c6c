"""The pictures of forecasts as SVG texts: history with fan, error by horizon, calibration."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from retail_pipeline.reports.charts import BLUE, GREEN, GREY, ORANGE, RED, drawing, whole_figure
from retail_pipeline.reports.sentences import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = (ORANGE, GREEN, RED, "#cc79a7", "#56b4e9", "#f0e442", "#000000")
HORIZON = {"day": "weeks ahead", "week": "weeks ahead", "month": "months ahead"}
Points = Sequence[tuple[float, float]]


def fans_chart(series: Mapping[str, tuple[Sequence[Row], Sequence[Row]]]) -> str:
    """History and forecast by frequency, one below the other."""
    with whole_figure(7.2, 2.3 * len(series)) as (figure, text):
        for place, (frequency, (history, forecast)) in enumerate(series.items(), start=1):
            _draw_fan(figure.add_subplot(len(series), 1, place), frequency, history, forecast)
    return text.getvalue()


def _draw_fan(axes: "Axes", frequency: str, history: Sequence[Row], forecast: Sequence[Row]) -> None:
    """What was booked, what is expected, and the ranges that hold it in 80 and 95 of 100 cases."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    axes.plot([row["period"] for row in history], [row["value"] for row in history], color=GREY, linewidth=1.2)
    joined = [*history[-1:], *forecast]
    days = [row["period"] for row in joined]
    for level, alpha in ((95, 0.12), (80, 0.22)):
        low, high = (
            [row["value"] if row[f"{end}_{level}"] is None else row[f"{end}_{level}"] for row in joined]
            for end in ("lower", "upper")
        )
        axes.fill_between(days, low, high, color=BLUE, alpha=alpha, linewidth=0, label=f"{level} %")
    name = forecast[0]["model"]
    axes.plot(days, [row["value"] for row in joined], color=BLUE, linewidth=1.6, label=name)
    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.legend(frameon=False, fontsize=8, ncols=3, loc="upper left")
    axes.set_title(f"net sales by {frequency}", fontsize=9)


def horizons_chart(backtests: Mapping[str, tuple[Sequence[Row], str]]) -> str:
    """By frequency the scaled error of each model by how far it looked; the champion's line is thick, drawn last.

    Parameters
    ----------
    backtests
        By frequency the rows of all models, and the champion.
    """
    with whole_figure(7.2, 2.6 * len(backtests)) as (figure, text):
        for place, (frequency, (rows, champion)) in enumerate(backtests.items(), start=1):
            _draw_horizons(figure.add_subplot(len(backtests), 1, place), rows, champion, frequency)
    return text.getvalue()


def _draw_horizons(axes: "Axes", rows: Sequence[Row], champion: str, frequency: str) -> None:
    from matplotlib.ticker import MaxNLocator

    names = sorted({row["model"] for row in rows}, key=lambda name: (name == champion, name))
    for place, name in enumerate(names):
        points = sorted((row["horizon"], row["mase"]) for row in rows if row["model"] == name)
        is_champion = name == champion
        axes.plot(
            [horizon for horizon, _ in points],
            [error for _, error in points],
            color=BLUE if is_champion else COLOURS[place % len(COLOURS)],
            linewidth=2.2 if is_champion else 0.9,
            linestyle="-" if place < len(COLOURS) or is_champion else "--",
            marker="o",
            markersize=2.5,
            label=f"{name}, serves" if is_champion else name,
        )
    axes.set_xlabel(HORIZON[frequency])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylabel("MASE")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=7, ncols=2, loc="center left", bbox_to_anchor=(1.0, 0.5))


def calibration_chart(lines: Mapping[str, Points]) -> str:
    """What intervals held against what they were to hold, by frequency; on the diagonal they are right."""
    with drawing(4.6, 3.6) as (axes, text):
        axes.plot([0.4, 1], [0.4, 1], color=GREY, linestyle="--", linewidth=0.8)
        for (frequency, points), colour in zip(lines.items(), (BLUE, ORANGE, GREEN), strict=False):
            axes.plot(
                [level for level, _ in points], [held for _, held in points], color=colour, linewidth=1.6, marker="o",
                markersize=3, label=f"by {frequency}",
            )  # fmt: skip
        axes.set_xlabel("level of the interval")
        axes.set_ylabel("share of outcomes inside")
        axes.set_ylim(0, 1.02)
        axes.legend(frameon=False, fontsize=8, loc="lower right")
    return text.getvalue()
