"""core.calendar against Python's own calendar."""

from datetime import date, timedelta

import pytest

from retail_pipeline_tests.assets.store_tables import LINES, Row, Tables


def calendar(tables: Tables, *days: date) -> list[Row]:
    """The calendar of a store with a line on each of these days."""
    tables.fill("core.order_lines", LINES, [{"order_id": "1", "order_date": day} for day in days])
    return tables.select("core.calendar")


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (date(2023, 12, 25), date(2025, 1, 7)),
        (date(1899, 12, 1), date(1900, 3, 5)),
        (date(1800, 2, 20), date(1801, 3, 2)),
        (date(1999, 12, 30), date(2001, 1, 2)),
    ],
)
def test_days_are_those_of_the_gregorian_calendar(tables: Tables, first: date, last: date) -> None:
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    assert calendar(tables, last, first) == [
        {
            "date_day": day,
            "year": day.year,
            "quarter": (day.month + 2) // 3,
            "month": day.replace(day=1),
            "week": day - timedelta(days=day.weekday()),
            "month_of_year": day.month,
            "day_of_month": day.day,
            "day_of_year": day.timetuple().tm_yday,
            "weekday": day.isoweekday(),
            "is_weekend": day.isoweekday() in (6, 7),
        }
        for day in days
    ]


def test_a_leap_day_is_there(tables: Tables) -> None:
    (row,) = [
        row for row in calendar(tables, date(2024, 2, 1), date(2024, 3, 1)) if row["date_day"] == date(2024, 2, 29)
    ]
    assert (row["day_of_year"], row["weekday"], row["week"]) == (60, 4, date(2024, 2, 26))  # a Thursday


def test_a_single_day_has_a_calendar_of_one(tables: Tables) -> None:
    (row,) = calendar(tables, date(1900, 1, 1))
    assert (row["weekday"], row["week"], row["is_weekend"]) == (1, date(1900, 1, 1), False)


def test_days_without_orders_are_there(tables: Tables) -> None:
    rows = calendar(tables, date(2024, 1, 1), date(2024, 12, 31))
    assert len(rows) == 366


def test_no_lines_make_no_days(tables: Tables) -> None:
    assert calendar(tables) == []
