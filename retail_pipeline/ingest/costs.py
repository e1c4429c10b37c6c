"""A shop's list of unit costs: a csv file with ``product_id,unit_cost``."""

import csv
from decimal import Decimal, InvalidOperation
from pathlib import Path

from retail_pipeline.errors import SettingsError

COLUMNS = ("product_id", "unit_cost")
MOST = Decimal(10) ** 12


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
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SettingsError(f"{path} cannot be read ({error.strerror}). {setting} names it.") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8 text. Save it again with the encoding UTF-8.") from error
    header, *rows = csv.reader(text.splitlines() or [""])
    names = [name.strip().lower() for name in header]
    for column in COLUMNS:
        if names.count(column) != 1:
            raise SettingsError(
                f"{path} must have one column {column}. Its header is {','.join(header)!r}; "
                f"it must hold {','.join(COLUMNS)}."
            )
    costs: dict[str, Decimal] = {}
    for number, row in enumerate(rows, start=2):
        if not any(cell.strip() for cell in row):
            continue
        cells = dict(zip(names, row, strict=False))
        product, cost = (cells.get(column, "").strip() for column in COLUMNS)
        if not product:
            raise SettingsError(f"{path}, row {number}: product_id is empty.")
        if product in costs:
            raise SettingsError(f"{path}, row {number}: product_id {product!r} stands in an earlier row as well.")
        costs[product] = _cost(cost, f"{path}, row {number}: unit_cost")
    return costs


def _cost(text: str, place: str) -> Decimal:
    try:
        cost = Decimal(text)
    except InvalidOperation as error:
        raise SettingsError(f"{place} is {text!r}; it must be a number such as 2.50.") from error
    if not (cost.is_finite() and 0 <= cost < MOST):
        raise SettingsError(f"{place} is {text!r}; it must be 0 or more.")
    return cost
