"""How the values of a column are written: their dates' pattern, and the mark before a number's fraction."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from retail_pipeline.ingest.parse_lines import ISO_TIMESTAMP, OFFSET_TIMESTAMP

CLOCK = r"(?:(?P<gap>,? +|T)(?P<hour>\d{1,2}):\d{2}(?P<second>:\d{2})?(?P<half> ?[AaPp][Mm])?)?"
YEAR_FIRST = re.compile(rf"[1-9]\d{{3}}(?P<mark>[-/.])\d{{1,2}}(?P=mark)\d{{1,2}}{CLOCK}")
YEAR_LAST = re.compile(
    rf"(?P<first>\d{{1,2}})(?P<mark>[-/.])(?P<second_part>\d{{1,2}})(?P=mark)(?P<year>[1-9]\d{{3}}|\d{{2}}){CLOCK}"
)
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
NAMES = "|".join(f"{month[:3]}|{month}" for month in MONTHS)
DAY_AND_NAME = re.compile(
    rf"\d{{1,2}}(?P<mark>[ -]|\. )(?P<month>{NAMES})(?P<mark_2>[ -])(?P<year>[1-9]\d{{3}}|\d{{2}}){CLOCK}",
    re.IGNORECASE,
)
NAME_AND_DAY = re.compile(
    rf"(?P<month>{NAMES})(?P<mark> )\d{{1,2}}(?P<mark_2>,? )(?P<year>[1-9]\d{{3}}){CLOCK}", re.IGNORECASE
)
ISO = re.compile(f"{ISO_TIMESTAMP}|{OFFSET_TIMESTAMP}")
OFFSET = re.compile(OFFSET_TIMESTAMP)
MAY = re.compile(r"\bmay\b", re.IGNORECASE)
TIME_OF_DAY = re.compile(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?( ?[AaPp][Mm])?")
NUMBER = re.compile(
    r"[-+\u2212(]*\s*(?:[A-Z]{3}|[^\w\s.,])?\s*-?[\d.,'\u2019\xa0\u202f ]*\d[.,]?\s*(?:[A-Z]{3}|[^\w\s.,])?[-)]*"
)
DAY_FIRST, MONTH_FIRST = ("%d", "%m"), ("%m", "%d")


@dataclass(frozen=True)
class Dates:
    """How dates are written.

    ``patterns`` are strptime patterns, none where all are ISO 8601; ``is_sure`` says whether some value tells day from
    month; ``strange`` is a value that fits no pattern, ``has_offsets`` says that there are offsets from UTC.
    """

    patterns: tuple[str, ...]
    is_sure: bool = True
    strange: str | None = None
    has_offsets: bool = False


def dates_of(values: Sequence[str]) -> Dates:
    """How these dates are written."""
    numeric = [match for value in values if (match := YEAR_LAST.fullmatch(value))]
    day_first = any(int(match["first"]) > 12 for match in numeric)
    month_first = any(int(match["second_part"]) > 12 for match in numeric)
    is_american = month_first or (not day_first and any(match["half"] for match in numeric))
    order = MONTH_FIRST if is_american else DAY_FIRST
    patterns = {value: _pattern(value, order) for value in values if not ISO.search(value)}
    strange = next((value for value, pattern in patterns.items() if pattern is None), None)
    if day_first and month_first:
        strange = next(match[0] for match in numeric if int(match["first" if is_american else "second_part"]) > 12)
    known = _with_one_kind_of_month({value: pattern for value, pattern in patterns.items() if pattern})
    has_iso = any(ISO.search(value) for value in values)
    return Dates(
        tuple(sorted(known)),
        is_sure=not numeric or day_first != month_first,
        strange=strange or (next(iter(patterns)) if known and has_iso else None),
        has_offsets=any(OFFSET.search(value) for value in values),
    )


def _with_one_kind_of_month(patterns: dict[str, str]) -> set[str]:
    """The patterns of dates; May is a short name among short ones and a long one among long ones."""
    has_long = any("%B" in pattern for pattern in patterns.values())
    return {
        pattern.replace("%b", "%B") if has_long and MAY.search(value) else pattern
        for value, pattern in patterns.items()
    }


def is_date(value: str) -> bool:
    """Whether a text is a date, with or without a time of day."""
    return bool(ISO.search(value)) or _pattern(value, DAY_FIRST) is not None


def is_number(value: str) -> bool:
    """Whether a text is a number or an amount of money."""
    return NUMBER.fullmatch(value) is not None


def decimal_marks(values: Sequence[str]) -> set[str]:
    """The marks that stand before fractions, as far as the values tell; '?' where one may be read in two ways."""
    return {mark for value in values if (mark := _decimal_mark(re.sub(r"[^\d.,]", "", value)))}


def _decimal_mark(number: str) -> str | None:
    marks = [character for character in number if character in ".,"]
    if not marks:
        return None
    last = marks[-1]
    if len(set(marks)) == 2:
        return last
    if len(marks) > 1:
        return "." if last == "," else ","
    whole, fraction = number.split(last)
    return "?" if len(fraction) == 3 and 1 <= len(whole) <= 3 and not whole.startswith("0") else last


def _pattern(value: str, order: tuple[str, str]) -> str | None:
    """The strptime pattern of a date that is not ISO 8601; None if there is none."""
    if match := YEAR_FIRST.fullmatch(value):
        return f"%Y{match['mark']}%m{match['mark']}%d{_clock(match)}"
    if match := YEAR_LAST.fullmatch(value):
        return f"{order[0]}{match['mark']}{order[1]}{match['mark']}{_year(match)}{_clock(match)}"
    if match := DAY_AND_NAME.fullmatch(value):
        return f"%d{match['mark']}{_month(match)}{match['mark_2']}{_year(match)}{_clock(match)}"
    if match := NAME_AND_DAY.fullmatch(value):
        return f"{_month(match)}{match['mark']}%d{match['mark_2']}{_year(match)}{_clock(match)}"
    return None


def _year(match: re.Match[str]) -> str:
    return "%Y" if len(match["year"]) == 4 else "%y"


def _month(match: re.Match[str]) -> str:
    return "%b" if len(match["month"]) == 3 else "%B"


def _clock(match: re.Match[str]) -> str:
    if not match["hour"]:
        return ""
    second = ":%S" if match["second"] else ""
    if not match["half"]:
        return f"{match['gap']}%H:%M{second}"
    blank = " " if match["half"].startswith(" ") else ""
    return f"{match['gap']}%I:%M{second}{blank}%p"
