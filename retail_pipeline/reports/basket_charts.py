"""The picture of what is bought together, as an SVG text."""

import textwrap
from collections.abc import Mapping, Sequence

from retail_pipeline.reports.charts import BLUE, GREY, drawing
from retail_pipeline.reports.sentences import Row

FONT, LINE, CHARACTER, PADDING = 7, 0.125, 0.073, 0.14
"""Points; and inches that a line of a label is high, a character wide, and its frame larger."""
MOST_CHARACTERS, MOST_LINES = 17, 3
MARGIN = 0.25


def label(name: str) -> str:
    """A name in short lines."""
    return "\n".join(
        textwrap.wrap(" ".join(name.split()), MOST_CHARACTERS, max_lines=MOST_LINES, placeholder=" …") or [""]
    )


def label_size(name: str) -> tuple[float, float]:
    """The width and height of a name's frame [inches].

    Examples
    --------
    >>> [round(size, 3) for size in label_size("RED RETROSPOT")], label("LUNCH BAG  PINK POLKADOT").split(chr(10))
    ([1.089, 0.265], ['LUNCH BAG PINK', 'POLKADOT'])
    """
    lines = label(name).split("\n")
    return CHARACTER * max(map(len, lines)) + PADDING, LINE * len(lines) + PADDING


def network_chart(edges: Sequence[Row]) -> str:
    """Items and the strongest rules between them: the thicker, the higher the lift, the darker, the more confidence.

    Parameters
    ----------
    edges
        Rows of ``baskets.rule_network``; places in inches.
    """
    names: Mapping[tuple[float, float], str] = {
        (row[f"{end}_x"], row[f"{end}_y"]): row[f"{end}_name"] for row in edges for end in ("source", "target")
    }
    sizes = {place: label_size(name) for place, name in names.items()}
    left = min(x - sizes[x, y][0] / 2 for x, y in names) - MARGIN
    right = max(x + sizes[x, y][0] / 2 for x, y in names) + MARGIN
    bottom = min(y - sizes[x, y][1] / 2 for x, y in names) - 2 * MARGIN
    top = max(y + sizes[x, y][1] / 2 for x, y in names) + MARGIN
    highest = max(row["lift"] for row in edges)
    with drawing(right - left, top - bottom) as (axes, text):
        axes.set_position((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set_xlim(left, right)
        axes.set_ylim(bottom, top)
        for row in edges:
            start, end = (row["source_x"], row["source_y"]), (row["target_x"], row["target_y"])
            strength = 0.25 + 0.75 * row["confidence"]
            axes.plot(
                [start[0], end[0]], [start[1], end[1]],
                color=BLUE, alpha=strength, linewidth=0.8 + 3 * (row["lift"] / highest) ** 0.5, zorder=1,
            )  # fmt: skip
        for place, name in names.items():
            axes.text(
                *place, label(name), fontsize=FONT, ha="center", va="center", zorder=2, parse_math=False,
                bbox={"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": GREY, "linewidth": 0.7},
            )  # fmt: skip
        axes.text(left + MARGIN, bottom + MARGIN / 2, "thicker: higher lift; darker: higher confidence", fontsize=FONT)
    return text.getvalue()
