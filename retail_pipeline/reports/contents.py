"""What stands in a report of a period: the rows, before anything is drawn or worded, and the sentences."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from retail_pipeline.errors import SelectionError
from retail_pipeline.reports import cause_rules, customer_rules, sales_rules
from retail_pipeline.reports.periods import FREQUENCIES, Period, period_of
from retail_pipeline.reports.sentences import Read, Row, Rule, Sentence, reporting_currency, write_sentences

RULES: tuple[Rule, ...] = (*sales_rules.RULES, *cause_rules.RULES, *customer_rules.RULES)
UPSTREAM = (
    "core.order_lines", "core.product_names", "core.reporting_currency", "customers.rfm_segments", "sales.anomalies",
    "sales.by_hour", "sales.change_contributions", "sales.change_drivers", "sales.cohort_retention",
    "sales.concentration", "sales.customer_kpis", "sales.daily", "sales.expected_range", "sales.member_days",
    "sales.period_figures", "sales.repurchase", "sales.root_causes",
)  # fmt: skip
"""The tables that sentences and reports are made from."""

HISTORY = {"day": 28, "week": 13, "month": 13, "quarter": 9}
"""Periods in the picture of how it came to this, the report's own included."""
MOST_SENTENCES = {"day": 6, "week": 6, "month": 12, "quarter": 12}
MOST_PRODUCTS = {"day": 10, "week": 5, "month": 15, "quarter": 15}
MOST_MEMBERS = 8

FIGURES = "select * from sales.period_figures where frequency = '{frequency}' and period = date '{day}'"
HISTORY_QUERY = """
select period, net_sales, orders, is_partial
from sales.period_figures
where frequency = '{frequency}' and period <= date '{period}'
order by period desc
limit {most}
"""
DAYS = """
select daily.date_day, daily.net_sales, daily.is_partial, ranges.expected, ranges.likely_lower, ranges.likely_upper,
    coalesce(ranges.is_outside, false) as is_outside
from sales.daily as daily
left join sales.expected_range as ranges
    on ranges.dimension = 'total' and ranges.measure = 'net_sales' and ranges.frequency = 'day'
    and ranges.period = daily.date_day
where daily.date_day between date '{first_day}' and date '{last_day}'
order by daily.date_day
"""
DRIVERS = """
select driver, effect, value_before, value
from sales.change_drivers
where frequency = '{frequency}' and period = date '{period}' and split = 'customers' and not is_partial
order by place
"""
MEMBERS = """
with sides as (
    select
        member,
        sum(case when date_day >= date '{period}' then net_sales else 0 end) as net_sales,
        sum(case when date_day >= date '{period}' then units else 0 end) as units,
        sum(case when date_day < date '{period}' then net_sales else 0 end) as net_sales_before
    from sales.member_days
    where dimension = '{dimension}' and date_day between date '{before}' and date '{last_day}'
    group by member
)
select sides.member, coalesce(names.product_name, sides.member) as name, sides.net_sales, sides.units,
    sides.net_sales_before
from sides
left join core.product_names as names on '{dimension}' = 'product' and sides.member = names.product_id
where sides.net_sales <> 0 or sides.net_sales_before <> 0
order by sides.net_sales desc, sides.member
limit {most}
"""


@dataclass(frozen=True)
class Contents:
    """The rows and sentences of a report.

    Attributes
    ----------
    figures, before, year_before
        Rows of ``sales.period_figures`` of the period, the one before and a year before; empty if there is none.
    history
        The last periods, in order.
    days
        The days of the period (of a day: the last four weeks) with their expected range.
    drivers, products, countries, channels
        Rows, in the order in which they are shown.
    data_until
        The last day of the data.
    """

    period: Period
    currency: str | None
    figures: Row
    before: Row
    year_before: Row
    history: list[Row]
    days: list[Row]
    drivers: list[Row]
    products: list[Row]
    countries: list[Row]
    channels: list[Row]
    sentences: list[Sentence]
    data_until: date

    @property
    def is_comparable(self) -> bool:
        """Whether the data hold all of the period and of the one before."""
        return bool(self.before) and not self.figures["is_partial"] and not self.before["is_partial"]

    @property
    def fingerprint(self) -> str:
        """A hash of all that is said and shown: equal contents make the same page."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]


def collect(period: Period, read: Read) -> Contents:
    """Read what a report of a period says.

    Raises
    ------
    SelectionError
        when the data have no day of it.
    """

    def ask(query: str, **values: object) -> list[Row]:
        given: dict[str, Any] = {
            "frequency": period.frequency, "period": period.first_day, "last_day": period.last_day,
            "before": period.before.first_day,
        }  # fmt: skip
        return read(query.format(**(given | values)))

    def figures_of(other: Period) -> Row:
        return next(iter(ask(FIGURES, day=other.first_day)), {})

    def members_of(dimension: str, most: int) -> list[Row]:
        return ask(MEMBERS, dimension=dimension, most=most)

    figures = figures_of(period)
    if not figures:
        raise SelectionError(_not_there(period, read))
    first_day = period.first_day if period.frequency != "day" else date.fromordinal(period.first_day.toordinal() - 27)
    sentences = write_sentences(RULES, period, read)
    return Contents(
        period=period,
        currency=reporting_currency(read),
        figures=figures,
        before=figures_of(period.before),
        year_before=figures_of(period.year_before),
        history=ask(HISTORY_QUERY, most=HISTORY[period.frequency])[::-1],
        days=ask(DAYS, first_day=first_day),
        drivers=ask(DRIVERS),
        products=members_of("product", MOST_PRODUCTS[period.frequency]),
        countries=members_of("country", MOST_MEMBERS),
        channels=members_of("channel", MOST_MEMBERS),
        sentences=sentences[: MOST_SENTENCES[period.frequency]],
        data_until=read("select max(date_day) as last_day from sales.daily")[0]["last_day"],
    )


def known_periods(frequency: str, read: Read) -> list[Period]:
    """All periods of a frequency that the data reach into, in order."""
    rows = read(f"select period from sales.period_figures where frequency = '{frequency}' order by period")
    return [Period(frequency, row["period"]) for row in rows]


def latest_whole_periods(read: Read, frequencies: Sequence[str] = FREQUENCIES) -> list[Period]:
    """The last whole period of each frequency that has one."""
    rows = read(
        "select frequency, max(period) as period from sales.period_figures where not is_partial group by frequency"
    )
    latest = {row["frequency"]: row["period"] for row in rows}
    return [Period(frequency, latest[frequency]) for frequency in frequencies if frequency in latest]


def all_sentences(periods: Iterable[Period], read: Read) -> list[tuple[Period | None, Sentence]]:
    """The sentences of the periods and those of all time, each once, the weightiest first."""
    order = {frequency: place for place, frequency in enumerate(("month", "week", "quarter", "day"))}
    in_order = sorted(periods, key=lambda period: order[period.frequency])
    first_of: dict[str, tuple[Period | None, Sentence]] = {}
    for period in (*in_order, None):
        for sentence in write_sentences(RULES, period, read):
            first_of.setdefault(sentence.text, (period, sentence))
    return sorted(first_of.values(), key=lambda item: -item[1].weight)


def _not_there(period: Period, read: Read) -> str:
    rows = read("select min(date_day) as first_day, max(date_day) as last_day from sales.daily")
    first, last = rows[0]["first_day"], rows[0]["last_day"]
    if first is None:
        return "There are no sales to report yet. Add files with 'retail add FILE' and run 'retail run'."
    known = (period_of(period.frequency, first).name, period_of(period.frequency, last).name)
    return f"The data have no day of {period.name}; they reach from {first} to {last} ({known[0]} to {known[1]})."
