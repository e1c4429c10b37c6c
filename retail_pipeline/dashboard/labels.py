"""Names along an axis: shortened to be read, and never mixed up with others that begin alike; pure."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

SHOWN_LETTERS = 22


def short(name: object, letters: int = SHOWN_LETTERS) -> str:
    """A name with as many letters as there is room for.

    Examples
    --------
    >>> short("Harbour blue tumbler, large", 20), short("Germany")
    ('Harbour blue tumble…', 'Germany')
    """
    text = str(name)
    return text if len(text) <= letters else text[: letters - 1] + "…"


def row_keys(rows: pd.DataFrame | pd.Series) -> list[str]:
    """The place of each row: what tells bars apart whose shortened names are equal."""
    return [str(place) for place in range(len(rows))]


def name_rows(figure: Any, names: Iterable[object], letters: int = SHOWN_LETTERS) -> None:
    """Write names beside the bars of a figure that is drawn over :func:`row_keys`, the first on top."""
    labels = [short(name, letters) for name in names]
    figure.update_yaxes(
        type="category", autorange="reversed", tickmode="array", ticktext=labels,
        tickvals=[str(place) for place in range(len(labels))],
    )  # fmt: skip
