"""Colours and the look of figures: dark, and told apart by the colour-blind as well (Okabe & Ito 2008, cividis)."""

from typing import Any

BACKGROUND, SURFACE, TEXT, ACCENT, MUTED = "#1a1a1a", "#262626", "#e0e0e0", "#90cdf4", "#9a9a9a"
ORANGE, GREEN, PINK, YELLOW, RED = "#e69f00", "#2bb58a", "#cc79a7", "#f0e442", "#e8743b"
SERIES = (ACCENT, ORANGE, GREEN, PINK, YELLOW, RED, "#5b8fd6", "#bdbdbd")
"""Of things without an order, in turn."""
SEQUENTIAL = "Cividis"
"""From little to much."""
DIVERGING = ((0.0, ORANGE), (0.5, "#303030"), (1.0, ACCENT))
"""From below to above a middle."""

FIGURE_HEIGHT = 340
NO_TOOLS: dict[str, Any] = {"displayModeBar": False, "scrollZoom": False}
"""What Plotly shows over a figure: nothing, so that a finger on a phone scrolls the page."""


def styled(figure: Any, height: int = FIGURE_HEIGHT) -> Any:
    """A Plotly figure in the dashboard's look."""
    figure.update_layout(
        template="none",
        height=height,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": TEXT, "size": 13, "family": "Source Sans Pro, sans-serif"},
        colorway=list(SERIES),
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        hoverlabel={"bgcolor": SURFACE, "bordercolor": ACCENT, "font": {"color": TEXT}},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0, "title": None},
        hovermode="closest",
    )
    axis = {
        "gridcolor": "#383838", "zerolinecolor": "#5a5a5a", "linecolor": "#5a5a5a", "automargin": True,
        "title": {"standoff": 8},
    }  # fmt: skip
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis)
    return figure
