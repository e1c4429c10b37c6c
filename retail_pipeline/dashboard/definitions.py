"""What a figure means, from the comments that its table carries."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from retail_pipeline.dashboard.snapshot import TableWords

UNIT = re.compile(r"\s*\[(?P<unit>[^\]]+)\]\s*$")
MONEY = "reporting currency"
SHARES = ("share", "probability", "0 to 1")
"""Units that are told in percent."""
LONGEST_UNIT = 24
"""Letters of a unit that stand in a table's head."""


@dataclass(frozen=True)
class ColumnWords:
    """A column's meaning and its unit, '' where it has none."""

    meaning: str
    unit: str


def column_words(comment: str) -> ColumnWords:
    """The meaning and the unit of a column's comment.

    Examples
    --------
    >>> column_words("gross_sales less discounts [reporting currency]")
    ColumnWords(meaning='gross_sales less discounts', unit='reporting currency')
    """
    found = UNIT.search(comment)
    return ColumnWords(comment[: found.start()], found["unit"]) if found else ColumnWords(comment, "")


def definition(words: Mapping[str, TableWords], tables: Iterable[str], columns: Iterable[str], currency: str) -> str:
    """What the tables and the columns of a chart mean, as Markdown."""
    wanted, lines, told = list(columns), list[str](), set[str]()
    for name in tables:
        table = words.get(name)
        if table is None:
            continue
        lines.append(f"From `{name}`. {_sentence(table.about)}")
        for column in wanted:
            comment = table.columns.get(column)
            if comment and column not in told:
                told.add(column)
                meant = column_words(comment)
                lines.append(f"- **{column}**: {meant.meaning}{_bracketed(unit_text(meant.unit, currency))}")
    return "\n".join(lines).replace("$", r"\$").replace("~", r"\~")


def unit_text(unit: str, currency: str) -> str:
    """A unit as it is shown: the currency's code where it is money."""
    return currency if unit == MONEY else unit


def _bracketed(unit: str) -> str:
    return f" [{unit}]" if unit else ""


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text if text.endswith(".") or not text else f"{text}."
