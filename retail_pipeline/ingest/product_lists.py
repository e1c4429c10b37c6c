"""A shop's own lists of products: a csv file with ``product_id`` and a number or more of each."""

import csv
import io
import re
from collections.abc import Collection, Iterator
from decimal import Decimal
from pathlib import Path

from retail_pipeline.errors import SettingsError
from retail_pipeline.ingest.formats.value_styles import decimal_marks

PRODUCT = "product_id"
MOST = Decimal(10) ** 12
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?", re.ASCII | re.IGNORECASE)
"""Of all that Decimal takes for a number: '1_0' is a slip, not ten."""

SEPARATORS = (",", ";", "\t")
"""Between cells; the header shows which. A spreadsheet in a country of decimal commas writes semicolons."""

Numbers = dict[str, Decimal | None]


def read_product_list(
    path: Path,
    setting: str,
    needed: Collection[str],
    *,
    possible: Collection[str] = (),
    above_zero: Collection[str] = (),
) -> dict[str, Numbers]:
    """The numbers of each product, by column; None in an empty cell of a column that need not be there.

    Cells are parted by commas, semicolons or tabs. Where commas part none, a number may have a decimal comma, if all
    of the file's fractions have one.

    Parameters
    ----------
    setting
        The setting that names the file, for errors.
    needed, possible
        Columns that must be there, a number in each row, and such that may be. Further ones are left alone.
    above_zero
        Columns in which 0 makes no sense.

    Raises
    ------
    SettingsError
        naming the file and, where there is one, the row and the column.
    """
    text = _text_of(path, setting)
    separator = next((mark for mark in SEPARATORS if PRODUCT in _names(_header(text, mark))), ",")
    rows = _rows(text, separator, path)
    _, header = next(rows, (1, []))
    names = _names(header)
    _refuse_header(path, separator.join(header), names, [PRODUCT, *needed], possible)
    columns = [*needed, *(name for name in possible if name in names)]
    found: dict[str, dict[str, str]] = {}
    places: dict[str, str] = {}
    for number, row in rows:
        if not any(cell.strip() for cell in row):
            continue
        if separator == "," and any(cell.strip() for cell in row[len(names) :]):
            raise SettingsError(
                f"{path}, row {number} has {len(row)} cells under a header of {len(names)}: {','.join(row)[:80]!r}. "
                f"A decimal comma? Write {columns[-1]} with a point, as in 2.50, and put other texts with a comma in "
                "quotes."
            )
        if any(cell.strip() for cell in row[len(names) :]):
            raise SettingsError(
                f"{path}, row {number} has {len(row)} cells under a header of {len(names)}: "
                f"{separator.join(row)[:80]!r}. Put texts that hold the separator in quotes."
            )
        cells = {name: cell.strip() for name, cell in zip(names, row, strict=False)}
        product = cells.get(PRODUCT, "")
        if not product:
            raise SettingsError(f"{path}, row {number}: {PRODUCT} is empty.")
        if product in found:
            raise SettingsError(f"{path}, row {number}: {PRODUCT} {product!r} stands in an earlier row as well.")
        found[product] = {name: cells.get(name, "") for name in columns}
        places[product] = f"{path}, row {number}"
    told = [text for of_one in found.values() for text in of_one.values()] if separator != "," else []
    marks = (decimal_marks(told) - {"?"}) or ({","} if separator == ";" else set())
    return {
        product: {
            name: _number(
                _with_point(text, marks, f"{places[product]}: {name}") if separator != "," else text,
                f"{places[product]}: {name}",
                name in needed,
                name in above_zero,
            )
            for name, text in of_one.items()
        }
        for product, of_one in found.items()
    }


def _with_point(text: str, marks: Collection[str], place: str) -> str:
    """A number with a point before its fraction, where the file tells which mark that is."""
    own = decimal_marks([text])
    if not own:
        return text
    if len(marks) == 2:
        raise SettingsError(
            f"{place} is {text!r}, and the file has both 2.50 and 2,50. Write all fractions with the same mark."
        )
    if text.count(",") + text.count(".") > 1 or not any(mark in text for mark in marks):
        raise SettingsError(
            f"{place} is {text!r}, which may be read in two ways. Write numbers without marks between thousands, and "
            "fractions as 2.50, or all of them as 2,50."
        )
    return text.replace(",", ".")


def _header(text: str, separator: str) -> list[str]:
    try:
        return next(csv.reader(io.StringIO(text, newline=""), delimiter=separator), [])
    except csv.Error:
        return []


def _names(header: list[str]) -> list[str]:
    return [name.strip().lower() for name in header]


def _text_of(path: Path, setting: str) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise SettingsError(f"{path} cannot be read ({error.strerror}). {setting} names it.") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8 text. Save it again with the encoding UTF-8.") from error


def _refuse_header(
    path: Path, header: str, names: list[str], needed: Collection[str], possible: Collection[str]
) -> None:
    may_hold = f", and may hold {','.join(possible)}" if possible else ""
    told = f"Its header is {header!r}; it must hold {','.join(needed)}{may_hold}."
    for column in needed:
        if names.count(column) != 1:
            raise SettingsError(f"{path} must have one column {column}. {told}")
    for column in possible:
        if names.count(column) > 1:
            raise SettingsError(f"{path} must have no more than one column {column}. {told}")
    if possible and not set(possible) & set(names):
        raise SettingsError(f"{path} says nothing of its products. {told}")


def _rows(text: str, separator: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows of a csv file, each with its number from 1 on."""
    rows, number = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True), 0
    try:
        for number, row in enumerate(rows, start=1):
            yield number, row
    except csv.Error as error:
        raise SettingsError(
            f"{path}, row {number + 1} is no row of a csv file ({error}). Perhaps a quotation mark is missing."
        ) from error


def _number(text: str, place: str, is_needed: bool, is_above_zero: bool) -> Decimal | None:
    if not text and not is_needed:
        return None
    number = Decimal(text) if NUMBER.fullmatch(text) else None
    if number is None:
        raise SettingsError(f"{place} is {text!r}; it must be a number such as 2.50.")
    if is_above_zero and number == 0:
        raise SettingsError(f"{place} is {text!r}; it must be more than 0.")
    if not 0 <= number < MOST:
        raise SettingsError(f"{place} is {text!r}; it must be 0 or more, and less than {MOST:,}.")
    return number
