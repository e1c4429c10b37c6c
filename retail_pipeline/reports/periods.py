"""A day, week, month or quarter: its name, its days, the one before."""

import re
from dataclasses import dataclass
from datetime import date, timedelta

from retail_pipeline.errors import SelectionError

FREQUENCIES = ("day", "week", "month", "quarter")
WEEK = re.compile(r"(\d{4})-?W(\d{1,2})", re.IGNORECASE)
QUARTER = re.compile(r"(\d{4})-?Q([1-4])", re.IGNORECASE)
MONTH = re.compile(r"(\d{4})-(\d{2})")
DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
EXAMPLES = "2011-11-30 (a day), 2011-W48 (a week), 2011-11 (a month) or 2011-Q4 (a quarter)"
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, order=True)
class Period:
    """A period by its ``frequency`` (day, week, month or quarter) and first day; weeks begin on Monday.

    Examples
    --------
    >>> november = Period("month", date(2011, 11, 1))
    >>> november.name, november.title, november.last_day.isoformat(), november.before.name
    ('2011-11', 'November 2011', '2011-11-30', '2011-10')
    """

    frequency: str
    first_day: date

    @property
    def name(self) -> str:
        """How it is written in a file's name, and understood by :func:`parse_period`."""
        first = self.first_day
        if self.frequency == "day":
            return first.isoformat()
        if self.frequency == "week":
            year, week, _ = first.isocalendar()
            return f"{year}-W{week:02}"
        if self.frequency == "month":
            return f"{first:%Y-%m}"
        return f"{first.year}-Q{(first.month + 2) // 3}"

    @property
    def title(self) -> str:
        """How a sentence calls it."""
        first = self.first_day
        if self.frequency == "day":
            return f"{WEEKDAYS[first.weekday()]} {long_date(first)}"
        if self.frequency == "week":
            return f"week {first.isocalendar().week} of {first.isocalendar().year}"
        if self.frequency == "month":
            return f"{MONTHS[first.month - 1]} {first.year}"
        return f"quarter {(first.month + 2) // 3} of {first.year}"

    @property
    def last_day(self) -> date:
        return self.after.first_day - timedelta(days=1)

    @property
    def after(self) -> "Period":
        """The period that follows."""
        if self.frequency in ("day", "week"):
            return Period(self.frequency, self.first_day + timedelta(days=1 if self.frequency == "day" else 7))
        return self._moved(1 if self.frequency == "month" else 3)

    @property
    def before(self) -> "Period":
        """The period just before."""
        if self.frequency in ("day", "week"):
            return Period(self.frequency, self.first_day - timedelta(days=1 if self.frequency == "day" else 7))
        return self._moved(-1 if self.frequency == "month" else -3)

    @property
    def year_before(self) -> "Period":
        """The same a year before; of days and weeks that 364 days before."""
        if self.frequency in ("day", "week"):
            return Period(self.frequency, self.first_day - timedelta(days=364))
        return self._moved(-12)

    def _moved(self, months: int) -> "Period":
        number = self.first_day.year * 12 + self.first_day.month - 1 + months
        return Period(self.frequency, date(number // 12, number % 12 + 1, 1))


def period_of(frequency: str, day: date) -> Period:
    """The period of a frequency that a day lies in."""
    if frequency == "week":
        return Period(frequency, day - timedelta(days=day.weekday()))
    if frequency == "month":
        return Period(frequency, day.replace(day=1))
    if frequency == "quarter":
        return Period(frequency, date(day.year, 3 * ((day.month - 1) // 3) + 1, 1))
    return Period("day", day)


def parse_period(text: str) -> Period:
    """Read a period's name.

    Raises
    ------
    SelectionError
        when it is none.

    Examples
    --------
    >>> [parse_period(text).title for text in ("2011-11", "2011-W48", "2011-Q4")]
    ['November 2011', 'week 48 of 2011', 'quarter 4 of 2011']
    """
    try:
        period = _parsed(text)
    except ValueError as error:
        raise SelectionError(f"{text} is not in the calendar ({error}). Name a period as in {EXAMPLES}.") from error
    if period is None:
        raise SelectionError(f"{text!r} is no period. Name one as in {EXAMPLES}.")
    if not 2 < period.first_day.year < 9998:
        raise SelectionError(f"{text} is at the end of the calendar. Name a period as in {EXAMPLES}.")
    return period


def _parsed(text: str) -> Period | None:
    if found := DAY.fullmatch(text):
        return Period("day", date(int(found[1]), int(found[2]), int(found[3])))
    if found := MONTH.fullmatch(text):
        return Period("month", date(int(found[1]), int(found[2]), 1))
    if found := WEEK.fullmatch(text):
        return Period("week", date.fromisocalendar(int(found[1]), int(found[2]), 1))
    if found := QUARTER.fullmatch(text):
        return Period("quarter", date(int(found[1]), 3 * int(found[2]) - 2, 1))
    return None


def long_date(day: date) -> str:
    """A date as in a letter: 9 November 2011."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def short_date(day: date) -> str:
    """A date without its year: 9 November."""
    return f"{day.day} {MONTHS[day.month - 1]}"
