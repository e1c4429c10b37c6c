"""The charts of a report as SVG texts: small, printable, the same bytes for the same rows."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from retail_pipeline.reports.periods import Period
from retail_pipeline.reports.sentences import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, RED, GREY = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#9a9a9a"
"""Told apart by the colour-blind as well (Okabe & Ito 2008)."""
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none", "svg.hashsalt": "retail", "font.family": "sans-serif", "font.size": 9,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "axes.grid.axis": "y",
    "grid.color": "#e6e6e6", "axes.axisbelow": True,
}  # fmt: skip
DRIVER_TITLES = {
    "buyers": "buyers", "orders_per_buyer": "orders per buyer", "lines_per_order": "lines per order",
    "units_per_line": "units per line", "price": "price per unit", "returns": "returns", "sales": "sales",
}  # fmt: skip


def periods_chart(history: Sequence[Row], period: Period) -> str:
    """Net sales of the last periods as bars; the report's own stands out, partial ones are pale."""
    names = [_tick(Period(period.frequency, row["period"])) for row in history]
    colours = [ORANGE if row["period"] == period.first_day else BLUE for row in history]
    with drawing(7.2, 2.4) as (axes, text):
        bars = axes.bar(range(len(history)), [float(row["net_sales"]) for row in history], color=colours)
        for bar, row in zip(bars, history, strict=True):
            bar.set_alpha(0.4 if row["is_partial"] else 1.0)
        axes.set_xticks(
            range(len(names)), names, rotation=45 if len(names) > 9 else 0, ha="right" if len(names) > 9 else "center"
        )
        _number_axis(axes)
    return text.getvalue()


def days_chart(days: Sequence[Row], period: Period) -> str:
    """Net sales day by day over the range in which nine of ten lie; anomalies are marked."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    with drawing(7.2, 2.4) as (axes, text):
        known = [row for row in days if row["likely_lower"] is not None]
        if known:
            axes.fill_between(
                [row["date_day"] for row in known], [row["likely_lower"] for row in known],
                [row["likely_upper"] for row in known],
                color=BLUE, alpha=0.15, linewidth=0, label="likely range",
            )  # fmt: skip
            axes.plot(
                [row["date_day"] for row in known], [row["expected"] for row in known],
                color=GREY, linewidth=1, linestyle="--", label="expected",
            )  # fmt: skip
        axes.plot(
            [row["date_day"] for row in days], [float(row["net_sales"]) for row in days],
            color=BLUE, linewidth=1.4, marker="o", markersize=2.5, label="net sales",
        )  # fmt: skip
        outside = [row for row in days if row["is_outside"]]
        if outside:
            axes.plot(
                [row["date_day"] for row in outside], [float(row["net_sales"]) for row in outside],
                linestyle="", marker="o", markersize=6, color=RED, label="anomaly",
            )  # fmt: skip
        locator = AutoDateLocator()  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
        if known or outside:
            axes.legend(frameon=False, fontsize=8, ncols=4, loc="upper left")
        _number_axis(axes)
    return text.getvalue()


def drivers_chart(drivers: Sequence[Row]) -> str:
    """What each driver added to net sales or took away, as bars that add up to the change."""
    return _signed_bars([DRIVER_TITLES[row["driver"]] for row in drivers], [float(row["effect"]) for row in drivers])


def members_chart(members: Sequence[Row]) -> str:
    """How much net sales of each member changed."""
    changes = [float(row["net_sales"] - row["net_sales_before"]) for row in members]
    return _signed_bars([str(row["name"])[:32] for row in members], changes)


def rfm_heatmap(cells: Sequence[Row]) -> str:
    """Customers (left) and what they bought (right) by recency and frequency score, as shares of all.

    Parameters
    ----------
    cells
        ``r_score``, ``f_score``, ``customers`` and ``revenue`` of each pair of scores that has customers.
    """
    with whole_figure(7.2, 3.2) as (figure, text):
        for place, (measure, title) in enumerate((("customers", "customers"), ("revenue", "value bought")), start=1):
            total = sum(float(row[measure]) for row in cells)
            shares = [[0.0] * 5 for _ in range(5)]
            for row in cells:
                shares[row["r_score"] - 1][row["f_score"] - 1] = float(row[measure]) / total if total else 0.0
            axes = figure.add_subplot(1, 2, place)
            axes.imshow(shares, cmap="Blues", origin="lower", vmin=0, vmax=max(map(max, shares)) or 1)
            for recency, line in enumerate(shares):
                for frequency, share in enumerate(line):
                    axes.text(
                        frequency, recency, f"{share:.1%}" if share else "", ha="center", va="center", fontsize=8,
                        color="white" if share > 0.6 * max(map(max, shares)) else "black",
                    )  # fmt: skip
            axes.set_title(title, fontsize=9)
            axes.set_xticks(range(5), ["1", "2", "3", "4", "5"])
            axes.set_yticks(range(5), ["1", "2", "3", "4", "5"])
            axes.set_xlabel("frequency score")
            axes.set_ylabel("recency score")
            axes.grid(visible=False)
    return text.getvalue()


def _signed_bars(names: Sequence[str], values: Sequence[float]) -> str:
    with drawing(7.2, 0.5 + 0.26 * len(names)) as (axes, text):
        places = range(len(names))
        axes.barh(places, values, color=[GREEN if value >= 0 else RED for value in values])
        axes.set_yticks(places, names, parse_math=False)  # a $ in a name is a $
        axes.invert_yaxis()
        axes.axvline(0, color=GREY, linewidth=0.8)
        axes.grid(visible=True, axis="x", color="#e6e6e6")
        axes.grid(visible=False, axis="y")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:+,.0f}" if value else "0")
    return text.getvalue()


@contextmanager
def drawing(width: float, height: float) -> "Iterator[tuple[Axes, io.StringIO]]":
    """Axes to draw on; at the end the text holds the picture."""
    with whole_figure(width, height) as (figure, text):
        yield figure.add_subplot(), text


@contextmanager
def whole_figure(width: float, height: float) -> "Iterator[tuple[Figure, io.StringIO]]":
    """A figure to draw on; at the end the text holds the picture, without a date in it."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    text = io.StringIO()
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        yield figure, text
        figure.savefig(text, format="svg", metadata={"Date": None})
    drawn = text.getvalue()
    text.seek(0)
    text.truncate()
    text.write(drawn[drawn.index("<svg") :])


def _number_axis(axes: "Axes") -> None:
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    if axes.get_ylim()[0] > 0:
        axes.set_ylim(bottom=0)


def _tick(period: Period) -> str:
    return period.name.split("-")[1] if period.frequency == "week" else period.name
