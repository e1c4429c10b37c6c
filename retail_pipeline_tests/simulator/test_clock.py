"""Busy time runs as the parameters say, and comes back as store time."""

from datetime import date

import numpy as np
import pytest

from retail_pipeline.simulator import preset
from retail_pipeline.simulator.clock import SECONDS, Clock
from retail_pipeline.simulator.parameters import Event, Holiday, Seasons
from retail_pipeline_tests.simulator.shops import plain

REGION = np.zeros(1, dtype=np.int64)


def weights(seasons: Seasons, **changes: object) -> np.ndarray:
    clock = Clock(plain(seasons=seasons, **changes))
    return np.asarray(clock.weights[0, : clock.days])


def test_days_of_a_plain_shop_are_all_alike() -> None:
    assert (weights(Seasons(yearly_growth=0)) == 1).all()


def test_weekdays_have_their_weights_from_monday_on() -> None:
    given = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0)
    found = weights(Seasons(yearly_growth=0, weekdays=given), start=date(2024, 1, 1), end=date(2024, 1, 14))  # a Monday
    np.testing.assert_allclose(found, np.tile(given, 2) / 4)


def test_months_have_their_weights_in_their_middle_and_a_year_is_a_year() -> None:
    months = (1.0, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 3)
    found = weights(Seasons(yearly_growth=0, months=months))
    assert found.sum() == pytest.approx(365, rel=1e-3)
    december, june, march = found[349], found[166], found[74]
    assert december / march == pytest.approx(3, rel=0.02)
    assert june / march == pytest.approx(2, rel=0.02)


def test_demand_grows_by_the_year() -> None:
    found = weights(Seasons(yearly_growth=0.25), start=date(2021, 1, 1), end=date(2023, 1, 2))
    assert found[730] / found[0] == pytest.approx(1.25 ** (730 / 365.25))


def test_holidays_come_every_year() -> None:
    holiday = Holiday(name="fair", first="03-01", last="03-03", demand=2.5)
    found = weights(Seasons(yearly_growth=0, holidays=(holiday,)), start=date(2023, 1, 1), end=date(2024, 12, 31))
    days = [str(day) for day in np.datetime64("2023-01-01") + np.flatnonzero(found == 2.5)]
    assert days == [f"{year}-03-0{day}" for year in (2023, 2024) for day in (1, 2, 3)]


def test_a_slump_is_in_its_region_only() -> None:
    event = Event(
        kind="slump", name="storm", region="France", first=date(2023, 5, 1), last=date(2023, 5, 7), factor=0.25
    )
    with_event, without = (Clock(preset("calm", events=events)).weights for events in ((event,), ()))
    differing = np.argwhere(with_event != without)
    assert set(differing[:, 0]) == {2}
    assert len(differing) == 7
    np.testing.assert_allclose(with_event[2, differing[:, 1]], 0.25 * without[2, differing[:, 1]])


def test_busy_time_and_store_time_agree_on_the_day() -> None:
    clock = Clock(preset("calm"))
    days = np.linspace(0, clock.days - 1e-6, 5000)
    regions = np.arange(5000) % 4
    busy = clock.busy_time(regions, days)
    assert (clock.day_of(clock.store_time(regions, busy)) == days.astype(int)).all()


def test_all_trade_is_in_opening_hours_and_most_of_it_at_noon() -> None:
    clock = Clock(plain(seasons=Seasons(opening_hour=10, closing_hour=16)))
    seconds = clock.at(np.zeros(10_001, dtype=np.int64), np.linspace(0, 1, 10_001))
    hours = seconds % SECONDS / 3600
    assert hours.min() == 10
    assert hours.max() < 16
    assert np.bincount(hours.astype(int)).argmax() in (12, 13)
