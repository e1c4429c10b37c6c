"""A shop's list of unit costs: a csv file with ``product_id,unit_cost``."""

import csv
import io
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from retail_pipeline.errors import SettingsError

COLUMNS = ("product_id", "unit_cost")
MOST = Decimal(10) ** 12
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?", re.ASCII | re.IGNORECASE)
"""Of all that Decimal takes for a number: '1_0' is a slip, not ten."""


def read_costs(path: Path, setting: str) -> dict[str, Decimal]:
    """What a unit of each product costs.

    Parameters
    ----------
    setting
        The setting that names the file, for errors.

    Raises
    ------
    SettingsError
        naming the file and, where there is one, the row and the column.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise SettingsError(f"{path} cannot be read ({error.strerror}). {setting} names it.") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8 text. Save it again with the encoding UTF-8.") from error
    rows = _rows(text, path)
    _, header = next(rows, (1, []))
    names = [name.strip().lower() for name in header]
    for column in COLUMNS:
        if names.count(column) != 1:
            raise SettingsError(
                f"{path} must have one column {column}. Its header is {','.join(header)!r}; "
                f"it must hold {','.join(COLUMNS)}."
            )
    costs: dict[str, Decimal] = {}
    for number, row in rows:
        if not any(cell.strip() for cell in row):
            continue
        if any(cell.strip() for cell in row[len(names) :]):
            raise SettingsError(
                f"{path}, row {number} has {len(row)} cells under a header of {len(names)}: {','.join(row)[:80]!r}. "
                "A decimal comma? Write unit_cost with a point, as in 2.50, and put other texts with a comma in quotes."
            )
        cells = dict(zip(names, row, strict=False))
        product, cost = (cells.get(column, "").strip() for column in COLUMNS)
        if not product:
            raise SettingsError(f"{path}, row {number}: product_id is empty.")
        if product in costs:
            raise SettingsError(f"{path}, row {number}: product_id {product!r} stands in an earlier row as well.")
        costs[product] = _cost(cost, f"{path}, row {number}: unit_cost")
    return costs


def _rows(text: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows of a csv file, each with its number from 1 on."""
    rows, number = csv.reader(io.StringIO(text, newline=""), strict=True), 0
    try:
        for number, row in enumerate(rows, start=1):
            yield number, row
    except csv.Error as error:
        raise SettingsError(
            f"{path}, row {number + 1} is no row of a csv file ({error}). Perhaps a quotation mark is missing."
        ) from error


def _cost(text: str, place: str) -> Decimal:
    cost = Decimal(text) if NUMBER.fullmatch(text) else None
    if cost is None:
        raise SettingsError(f"{place} is {text!r}; it must be a number such as 2.50.")
    if not 0 <= cost < MOST:
        raise SettingsError(f"{place} is {text!r}; it must be 0 or more, and less than {MOST:,}.")
    return cost
