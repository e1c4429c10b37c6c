"""A frame as a csv file that a spreadsheet takes for data, never for formulas."""

from typing import Any

import pandas as pd

from retail_pipeline.console.workbook import FORMULA_STARTS

LIST_SEPARATOR = ", "


def csv_of(frame: pd.DataFrame) -> bytes:
    """The csv of a frame, UTF-8 with a byte-order mark, which spreadsheets ask for; lists become texts.

    Text that a spreadsheet would take for a formula gets an apostrophe in front, as in 'retail export'.
    """
    cells = frame.apply(lambda column: column if column.dtype.kind in "iufbM" else column.map(_cell))
    text: str = cells.to_csv(index=False, lineterminator="\n")
    return text.encode("utf-8-sig")


def file_name(title: str) -> str:
    """A file's name from a title.

    Examples
    --------
    >>> file_name("Sales by country, top 15")
    'sales-by-country-top-15.csv'
    """
    words = "".join(letter.lower() if letter.isalnum() else " " for letter in title).split()
    return "-".join(words) + ".csv"


def _cell(value: Any) -> Any:
    if hasattr(value, "tolist") and not isinstance(value, str):
        value = value.tolist()
    if isinstance(value, list):
        value = LIST_SEPARATOR.join(map(str, value))
    return f"'{value}" if isinstance(value, str) and value.startswith(tuple(FORMULA_STARTS)) else value
