"""Which days headline figures are of, and which they are set against; pure."""

from dataclasses import dataclass
from datetime import date, timedelta

from retail_pipeline.dashboard.filters import Filters


@dataclass(frozen=True)
class Compared:
    """Days that are looked at and those before them, first and last included; ``before`` is None outside the data."""

    now: tuple[date, date]
    before: tuple[date, date] | None
    title: str
    before_title: str


def compared_days(filters: Filters, first_day: date, last_day: date, whole_month: date | None) -> Compared:
    """The period asked for against as many days before it; without one the last whole month against the month before.

    Parameters
    ----------
    first_day, last_day
        The data's.
    whole_month
        The first day of the last whole month, None if no month is whole.
    """
    if filters.first is None and filters.last is None and whole_month is not None:
        before = _month_start(whole_month - timedelta(days=1))
        return Compared(
            (whole_month, _month_end(whole_month)),
            (before, whole_month - timedelta(days=1)) if before >= first_day else None,
            f"{whole_month:%B %Y}, the last whole month",
            f"{before:%B %Y}",
        )
    first, last = max(filters.first or first_day, first_day), min(filters.last or last_day, last_day)
    days = (last - first).days + 1
    earlier = (first - timedelta(days=days), first - timedelta(days=1))
    return Compared(
        (first, last),
        earlier if earlier[0] >= first_day else None,
        f"{first:%d %B %Y} to {last:%d %B %Y}",
        f"the {days} days before",
    )


def _month_start(day: date) -> date:
    return day.replace(day=1)


def _month_end(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
