"""Names of days: against calendars anyone can look up."""

import pandas as pd
import pytest

from retail_pipeline.analytics.occasions import country_code, near_occasions, occasions


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("United Kingdom", "GB"), ("UK", "GB"), ("EIRE", "IE"), ("Germany", "DE"), ("germany ", "DE"), ("FR", "FR"),
        ("Channel Islands", "JE"), ("USA", "US"), ("United States", "US"), ("Unspecified", None),
        ("European Community", None), ("", None), (None, None),
    ],
)  # fmt: skip
def test_a_countrys_name_or_code_is_understood(name: str | None, code: str | None) -> None:
    assert country_code(name) == code


@pytest.mark.parametrize(
    ("day", "country", "name"),
    [
        ("2011-04-22", "United Kingdom", "Good Friday"),
        ("2011-04-25", "United Kingdom", "Easter Monday"),
        ("2011-10-03", "Germany", "German Unity Day"),
        ("2011-10-03", "United Kingdom", None),
        ("2011-10-03", "Unspecified", None),
        ("2023-11-24", None, "Black Friday"),
        ("2023-11-27", "Germany", "Black Friday +3"),
        ("2024-11-29", None, "Black Friday"),
        ("2024-11-24", None, None),
        ("2023-12-24", None, "Christmas days, 24 Dec"),
        ("2024-01-03", None, "Christmas days, 03 Jan"),
        ("2024-01-04", None, None),
    ],
)
def test_a_day_has_the_name_the_calendar_gives_it(day: str, country: str | None, name: str | None) -> None:
    (found,) = occasions(pd.DatetimeIndex([day]), country)
    assert found == name


def test_days_beside_an_occasion_are_near_it() -> None:
    days = pd.date_range("2011-04-20", "2011-04-27")
    near = near_occasions(occasions(days, "United Kingdom"))
    # Good Friday is the 22nd, Easter Monday the 25th
    assert [day.day for day, is_near in zip(days, near, strict=True) if is_near] == [21, 22, 23, 24, 25, 26]


def test_no_days_have_no_occasions() -> None:
    assert len(occasions(pd.DatetimeIndex([]), "United Kingdom")) == 0
