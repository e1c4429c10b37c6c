"""Names and days of periods."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retail_pipeline.errors import SelectionError
from retail_pipeline.reports.periods import FREQUENCIES, Period, parse_period, period_of

days = st.dates(date(1995, 1, 1), date(2100, 1, 1))


@given(st.sampled_from(FREQUENCIES), days)
def test_a_day_lies_in_its_period_and_periods_follow_each_other_without_a_gap(frequency: str, day: date) -> None:
    period = period_of(frequency, day)
    assert period.first_day <= day <= period.last_day
    assert period.after.first_day == period.last_day + timedelta(days=1)
    assert period.after.before == period == period.before.after


@given(st.sampled_from(FREQUENCIES), days)
def test_a_name_is_read_back(frequency: str, day: date) -> None:
    period = period_of(frequency, day)
    assert parse_period(period.name) == period
    assert parse_period(period.name.lower()) == period


@given(st.sampled_from(FREQUENCIES), days)
def test_a_year_before_it_is_the_same_part_of_the_year_or_the_same_weekday(frequency: str, day: date) -> None:
    period = period_of(frequency, day)
    before = period.year_before
    if frequency in ("day", "week"):
        assert before.first_day.weekday() == period.first_day.weekday()
        assert (period.first_day - before.first_day).days == 364
    else:
        assert (before.first_day.month, before.first_day.year) == (period.first_day.month, period.first_day.year - 1)


@pytest.mark.parametrize(
    ("text", "first", "last", "title"),
    [
        ("2011-11-30", date(2011, 11, 30), date(2011, 11, 30), "Wednesday 30 November 2011"),
        ("2011-W48", date(2011, 11, 28), date(2011, 12, 4), "week 48 of 2011"),
        ("2009W53", date(2009, 12, 28), date(2010, 1, 3), "week 53 of 2009"),
        ("2012-02", date(2012, 2, 1), date(2012, 2, 29), "February 2012"),
        ("2011-Q4", date(2011, 10, 1), date(2011, 12, 31), "quarter 4 of 2011"),
        ("2011q1", date(2011, 1, 1), date(2011, 3, 31), "quarter 1 of 2011"),
    ],
)
def test_periods_as_people_write_them(text: str, first: date, last: date, title: str) -> None:
    period = parse_period(text)
    assert (period.first_day, period.last_day, period.title) == (first, last, title)


@pytest.mark.parametrize(
    "text",
    [
        "2011",
        "November",
        "",
        "2011-13",
        "2011-02-30",
        "2010-W53",
        "2011-Q5",
        "11-2011",
        "9999-12",
        "9999-12-31",
        "9999-Q4",
        "0001-01",
        "0001-W01",
    ],
)
def test_what_is_no_period_is_refused_with_examples(text: str) -> None:
    with pytest.raises(SelectionError, match="2011-W48"):
        parse_period(text)


def test_periods_sort_by_time() -> None:
    assert sorted([Period("month", date(2012, 1, 1)), Period("month", date(2011, 12, 1))])[0].name == "2011-12"
