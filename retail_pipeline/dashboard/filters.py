"""What all pages are narrowed to: a period, countries, channels, segments, with or without guests.

Pure, without Streamlit: what the filters are and the SQL that they make; values are bound, never pasted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

PERIODS = {
    "all": "All time",
    "30d": "Last 30 days",
    "90d": "Last 90 days",
    "365d": "Last 12 months",
    "own": "From … to …",
}
GUESTS = {"with": "With guests", "without": "Without guests", "only": "Guests only"}
FILTER_TITLES = {
    "period": "period", "country": "country", "channel": "channel", "segment": "segment", "guests": "guests",
}  # fmt: skip


@dataclass(frozen=True)
class Filters:
    """What is asked for; ``first`` and ``last`` are days, both included, None where the data's bounds hold."""

    first: date | None = None
    last: date | None = None
    countries: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    guests: str = "with"

    def set_ones(self) -> list[str]:
        """The names of the filters that leave something out."""
        asked = {
            "period": self.first is not None or self.last is not None,
            "country": bool(self.countries),
            "channel": bool(self.channels),
            "segment": bool(self.segments),
            "guests": self.guests != "with",
        }
        return [name for name, is_set in asked.items() if is_set]

    def orders(self, *, period: bool = True) -> tuple[str, dict[str, Any]]:
        """A select of the rows of ``sales.order_members`` that are asked for, and its parameters.

        Parameters
        ----------
        period
            Whether the period counts, too.
        """
        conditions, bound = self._period("date_day") if period else ([], {})
        for name, values in (("country", self.countries), ("channel", self.channels)):
            if values:
                conditions.append(f"{name} in (select unnest(${name}))")
                bound[name] = values
        if self.segments:
            conditions.append(
                "customer_id in (select customer_id from customers.rfm_scores "
                "where segment in (select unnest($segment)))"
            )
            bound["segment"] = self.segments
        if self.guests != "with":
            conditions.append(f"customer_type {'<>' if self.guests == 'without' else '='} 'guest'")
        return _select("sales.order_members", conditions), bound

    def days(self, table: str) -> tuple[str, dict[str, Any]]:
        """A select of the rows of a table with ``date_day`` that lie in the period, and its parameters."""
        conditions, bound = self._period("date_day")
        return _select(table, conditions), bound

    def customers(self) -> tuple[str, dict[str, Any]]:
        """A select of the rows of ``customers.rfm_scores`` asked for, with their country, and its parameters."""
        conditions, bound = [], dict[str, Any]()
        if self.segments:
            conditions.append("scores.segment in (select unnest($segment))")
            bound["segment"] = self.segments
        if self.countries:
            conditions.append("coalesce(customers.country, '(unknown)') in (select unnest($country))")
            bound["country"] = self.countries
        source = (
            "customers.rfm_scores as scores left join core.customers as customers "
            "on scores.customer_id = customers.customer_id"
        )
        chosen = _select(source, conditions).removeprefix("select * ")
        return f"select scores.*, customers.country {chosen}", bound

    def _period(self, column: str) -> tuple[list[str], dict[str, Any]]:
        conditions, bound = [], dict[str, Any]()
        if self.first is not None:
            conditions.append(f"{column} >= $first")
            bound["first"] = self.first
        if self.last is not None:
            conditions.append(f"{column} <= $last")
            bound["last"] = self.last
        return conditions, bound


def period_bounds(period: str, own: Sequence[date], last_day: date | None) -> tuple[date | None, date | None]:
    """The first and last day of a period by its name, counted back from the data's last day.

    Examples
    --------
    >>> period_bounds("30d", (), date(2024, 6, 30))
    (datetime.date(2024, 6, 1), datetime.date(2024, 6, 30))
    """
    if period == "own":
        return (own[0] if own else None), (own[1] if len(own) > 1 else None)
    if last_day is None or not period.endswith("d"):
        return None, None
    return last_day - timedelta(days=int(period[:-1]) - 1), last_day


def _select(source: str, conditions: Sequence[str]) -> str:
    return f"select * from {source}" + (f" where {' and '.join(conditions)}" if conditions else "")
