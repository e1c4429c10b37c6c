"""The pictures of predictions as SVG texts: ROC curves, reliability, gain."""

from collections.abc import Mapping, Sequence
from math import ceil, floor, log10

from retail_pipeline.reports.charts import BLUE, GREEN, GREY, ORANGE, RED, drawing

COLOURS = (ORANGE, GREEN, RED, "#cc79a7", "#56b4e9", "#000000")
AXES = {
    "roc": ("customers without an order", "customers with one"),
    "gain": ("customers, likeliest first", "orders"),
    "reliability": ("predicted probability", "share with an order"),
}
"""By curve what its axes hold [shares]."""
Points = Sequence[tuple[float, float]]


def curve_chart(curve: str, lines: Mapping[str, Points], champion: str) -> str:
    """A curve of several models, the champion's last and thick; the diagonal is chance, or perfect reliability."""
    across, up = AXES[curve]
    order = sorted(lines, key=lambda name: name == champion)
    with drawing(5.2, 4.2) as (axes, text):
        axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=0.8)
        for place, name in enumerate(order):
            is_champion = name == champion
            axes.plot(
                [x for x, _ in lines[name]],
                [y for _, y in lines[name]],
                color=COLOURS[place % len(COLOURS)] if not is_champion else BLUE,
                linewidth=2.2 if is_champion else 1.0,
                marker="o" if curve == "reliability" else None,
                markersize=3,
                label=f"{name}, champion" if is_champion else name,
            )
        axes.set_xlabel(across)
        axes.set_ylabel(up)
        axes.legend(frameon=False, fontsize=8)
    return text.getvalue()


def decile_chart(lines: Mapping[str, Points], champion: str) -> str:
    """What tenths of customers spent, in the mean, against what was expected of them, on logarithmic axes.

    The champion's line is thick; on the diagonal, expectations are right. Tenths of whom nothing came lie on the edge.
    """
    order = sorted(lines, key=lambda name: name == champion)
    amounts = [amount for points in lines.values() for point in points for amount in point if amount > 0]
    low, high = log10(min(amounts, default=1.0)) - 0.2, log10(max(amounts, default=1.0)) + 0.2
    powers = range(ceil(low), floor(high) + 1)
    with drawing(5.2, 4.2) as (axes, text):  # logarithms on even axes are drawn three times as fast as uneven axes
        axes.plot([low, high], [low, high], color=GREY, linestyle="--", linewidth=0.8)
        for place, name in enumerate(order):
            is_champion = name == champion
            across, up = (
                [log10(amount) if amount > 0 else low for amount in of] for of in zip(*lines[name], strict=True)
            )
            axes.plot(
                across,
                up,
                color=COLOURS[place % len(COLOURS)] if not is_champion else BLUE,
                linewidth=2.2 if is_champion else 1.0,
                marker="o",
                markersize=3,
                label=f"{name}, champion" if is_champion else name,
            )
        axes.set(xlim=(low, high), ylim=(low, high), xticks=powers, yticks=powers)
        axes.set_xticklabels([f"{10.0**power:,g}" for power in powers])
        axes.set_yticklabels([f"{10.0**power:,g}" for power in powers])
        axes.set_xlabel("expected of a customer, tenths of all")
        axes.set_ylabel("spent by a customer, in the mean")
        axes.legend(frameon=False, fontsize=7)
    return text.getvalue()
