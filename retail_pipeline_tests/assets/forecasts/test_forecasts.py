"""Forecasts in a store: trained once, made anew each night, kept, scored, and silent where there is nothing to say."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from retail_pipeline.assets.forecasts import archive, backtest, customers, revenue, scenarios
from retail_pipeline.assets.forecasts.customers import meaning
from retail_pipeline.assets.forecasts.forecast_training import SUBJECT, fitting_choice, season_told
from retail_pipeline.assets.frame_assets import FrameTable, build_frame_table
from retail_pipeline.definitions import CHECKS
from retail_pipeline.errors import ModelError
from retail_pipeline.home import Home
from retail_pipeline.reports.files import read_rows
from retail_pipeline.reports.what_if import what_if
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.assets.store_tables import one_row, rows_of
from retail_pipeline_tests.stores import canonical, opened, write_drop
from retail_pipeline_tests.tables import build_tables

FIRST = date(2023, 1, 2)
SETTINGS = "[forecast]\norigins = 8\nmembers = 2\n"
TABLES: tuple[FrameTable, ...] = (
    *backtest.TABLES, revenue.TABLE, scenarios.TABLE, archive.TABLE, customers.TABLE,
)  # fmt: skip
COUNTRIES = ("France", "Germany", "Spain", "Italy")


def lines(first_day: int, days: int) -> list[list[object]]:
    """Orders of each country on each day but Sundays; the last one of a day comes at six."""
    found = []
    for number in range(first_day, first_day + days):
        day = FIRST + timedelta(days=number)
        if day.weekday() == 6:
            continue
        rng = np.random.default_rng([7, number])
        for place, country in enumerate(COUNTRIES):
            amount = round(float((40 - 8 * place) * (1 + 0.1 * day.weekday()) * rng.gamma(20, 1 / 20)), 2)
            customer = f"c{int(rng.integers(0, 60))}"
            found.append([f"o{number}-{place}", f"{day} 18:00:00", customer, "P", "Pen", 1, amount, country])
    return found


def night(warehouse: Warehouse, *, training: bool = False) -> None:
    """All tables of forecasts, checked."""
    warehouse.training = training
    for table in TABLES:
        build_frame_table(warehouse, table)
    warehouse.training = False
    names = {table.name for table in TABLES}
    findings = {check.full_name: check.find(warehouse) for check in CHECKS if check.table in names}
    assert {name: found.message for name, found in findings.items() if not found.passed} == {}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """A store of 200 days, up to the tables before forecasts, and a first night."""
    home = Home(tmp_path_factory.mktemp("forecasts") / "store").create()
    home.settings_file.write_text(SETTINGS)
    write_drop(home, "a.csv", canonical(lines(0, 200)))
    with opened(home) as warehouse:
        build_tables(warehouse, ["core", "sales", "customers.undone_lines", "customers.order_states"])
        build_tables(warehouse, ["models.btyd_parameters"])
        night(warehouse)
        yield warehouse


def test_whole_and_parts_by_day_week_and_month_are_forecast_three_months_ahead(store: Warehouse) -> None:
    rows = rows_of(
        store,
        "select series, frequency, count(*) as periods, min(period) as first_day from forecasts.revenue "
        "where kind = 'forecast' and is_champion group by all order by all",
    )
    series = {"total", "country:France", "country:Germany", "country:(others)"}
    assert {row["series"] for row in rows} == series
    ahead = {row["frequency"]: (row["periods"], row["first_day"]) for row in rows if row["series"] == "total"}
    # the data end on Thursday, 20 July: the week and the month that have begun are forecast as a whole
    assert ahead["month"] == (3, date(2023, 7, 1))
    assert ahead["week"] == (13, date(2023, 7, 17))
    assert ahead["day"][1] == date(2023, 7, 21)
    assert 90 <= ahead["day"][0] <= 92


def test_nothing_is_expected_on_sundays(store: Warehouse) -> None:
    rows = rows_of(
        store,
        "select period, value, lower_95, upper_95, interval_80 from forecasts.revenue "
        "where series = 'total' and frequency = 'day' and is_champion",
    )
    sundays = [row for row in rows if row["period"].weekday() == 6]
    assert len(sundays) >= 12
    assert {(row["value"], row["lower_95"], row["upper_95"], row["interval_80"]) for row in sundays} == {
        (0.0, 0.0, 0.0, "calendar")
    }
    assert all(row["value"] > 0 for row in rows if row["period"].weekday() != 6)


def test_partial_periods_are_told_and_left_out(store: Warehouse) -> None:
    assert store.value("select max(period) from forecasts.revenue where frequency = 'month' and kind = 'history'") == (
        date(2023, 6, 1)
    )
    told = revenue.TABLE.tell(store)
    assert told["left_out_month"].startswith("2023-07-01 is partial")
    assert told["left_out_week"].startswith("2023-07-17 is partial")
    assert "left_out_day" not in told


def test_a_short_history_claims_no_yearly_season(store: Warehouse) -> None:
    seasons = dict(store.execute("select frequency, season from forecasts.champions where series = 'total'").fetchall())
    assert seasons["month"] == "no yearly season: 5 months are less than two years"
    assert seasons["day"].startswith("weekdays; no yearly season")


@pytest.mark.parametrize(
    ("model", "frequency", "years", "said"),
    [
        ("seasonal_naive", "month", 1, "the same month a year before"),
        ("seasonal_naive", "week", 2, "the same week a year before"),
        ("seasonal_naive", "day", 2, "the same weekday a week before; no yearly season: seasonal_naive looks for none"),
        ("seasonal_naive", "month", 0, "no yearly season: 30 months are too few to try one on"),
        ("shrunken_seasonal_indices", "day", 1, "weekdays and last year's shape, shrunken"),
        ("linear_regression", "month", 1, "a yearly wave"),
        ("theta", "week", 1, "no yearly season: theta needs two years before the first day it is tried from"),
        ("theta", "week", 2, "the year"),
        ("auto_ets", "week", 2, "no yearly season: auto_ets looks for none in weeks"),
        ("auto_ets", "month", 2, "the year"),
        ("theta", "day", 2, "weekdays; no yearly season: theta looks for none in trading days"),
        ("mstl_holidays", "day", 2, "weekdays and the year"),
        ("naive", "month", 2, "no yearly season: naive looks for none in months"),
    ],
)
def test_the_season_told_is_that_of_the_model_which_serves(model: str, frequency: str, years: int, said: str) -> None:
    season = 6 if frequency == "day" else 1
    year = {"day": 312, "week": 52, "month": 12}[frequency]
    one: Any = SimpleNamespace(
        frequency=frequency, season=season, year=year, years_known=years, values=np.ones(5 * year // 2)
    )
    assert season_told(one, model).startswith(said)


def test_every_champion_is_the_seasonal_naive_or_was_better_before_and_no_worse_after(store: Warehouse) -> None:
    rows = rows_of(
        store,
        "select champions.model, choice.value as before, baseline.value as naive_before, mase, baseline_mase "
        "from forecasts.champions as champions "
        "join forecasts.backtest as choice using (series, frequency) "
        "join forecasts.backtest as baseline using (series, frequency) "
        "where choice.model = champions.model and choice.metric = 'choice_mase' and baseline.is_baseline "
        "and baseline.metric = 'choice_mase'",
    )
    assert len(rows) > 4
    assert any(row["model"] != "seasonal_naive" for row in rows)
    for row in rows:
        if row["model"] != "seasonal_naive":
            assert row["before"] < row["naive_before"]
            assert row["mase"] <= row["baseline_mase"]


def test_a_night_with_new_days_forecasts_anew_by_the_same_choices_and_scores_what_was_forecast(
    store: Warehouse,
) -> None:
    saved = store.value("select min(saved_model) from forecasts.champions")
    kept = rows_of(store, "from forecasts.archive order by all")
    before = rows_of(store, "select period, value from forecasts.revenue where series = 'total' and is_champion")
    assert {row["actual"] for row in kept} == {None}
    write_drop(store.home, "b.csv", canonical(lines(200, 18)))
    build_tables(store, ["core", "sales", "customers.undone_lines", "customers.order_states"])
    night(store)
    assert store.value("select min(saved_model) from forecasts.champions") == saved
    assert (
        rows_of(store, "select period, value from forecasts.revenue where series = 'total' and is_champion") != before
    )
    now = {
        (row["series"], row["frequency"], row["origin"], row["period"]): row
        for row in rows_of(store, "from forecasts.archive")
    }
    for row in kept:  # nothing of what was forecast is touched
        stays = now[row["series"], row["frequency"], row["origin"], row["period"]]
        assert {name: stays[name] for name in archive.KEPT} == {name: row[name] for name in archive.KEPT}
    scored = [row for row in now.values() if row["actual"] is not None]
    assert {row["frequency"] for row in scored} == {"day", "week", "month"}
    week = one_row(
        store,
        "select net_sales from sales.period_figures where frequency = 'week' and period = date '2023-07-24'",
    )
    (of_week,) = [
        row
        for row in scored
        if (row["series"], row["frequency"], row["period"]) == ("total", "week", date(2023, 7, 24))
    ]
    assert of_week["actual"] == pytest.approx(float(week["net_sales"]))
    assert of_week["error"] == pytest.approx(of_week["value"] - float(week["net_sales"]))
    assert of_week["in_80"] == (of_week["lower_80"] <= of_week["actual"] <= of_week["upper_80"])
    assert of_week["horizon"] == 2


def test_a_night_without_news_changes_nothing(store: Warehouse) -> None:
    before = {table.name: rows_of(store, f"from {table.name} order by all") for table in TABLES}
    store.full = True
    night(store)
    store.full = False
    assert {table.name: rows_of(store, f"from {table.name} order by all") for table in TABLES} == before


def test_a_training_on_the_same_data_finds_the_same(store: Warehouse) -> None:
    names = [table.name for table in (*backtest.TABLES, revenue.TABLE)]
    night(store, training=True)
    before = {name: rows_of(store, f"from {name} order by all") for name in names}
    night(store, training=True)
    assert {name: rows_of(store, f"from {name} order by all") for name in names} == before


def test_changed_choices_are_refused_and_made_anew(store: Warehouse) -> None:
    folder = store.home.models / SUBJECT
    model = Path(folder / json.loads((folder / "current.json").read_text())["id"])
    text = (model / "model.json").read_text()
    (model / "model.json").write_text(text.replace("theta", "drift"))
    with pytest.raises(ModelError, match="has been changed"):
        fitting_choice(store)
    night(store)
    chosen = fitting_choice(store)
    assert chosen is not None
    assert "was refused" in chosen.notes["reason"]


def test_known_customers_stand_beside_the_time_series(store: Warehouse) -> None:
    rows = rows_of(store, "from forecasts.customers order by measure, period")
    assert [(row["measure"], row["period"].month) for row in rows] == [
        *(("customers", month) for month in (8, 9, 10)), *(("orders", month) for month in (8, 9, 10))
    ]  # fmt: skip
    if store.count("models.btyd_parameters"):
        assert all(row["difference"] == pytest.approx(row["time_series"] - row["known_customers"]) for row in rows)
    else:
        assert all(row["known_customers"] is None and "no model of purchases" in row["meaning"] for row in rows)


def test_a_difference_is_told_by_the_usual_share_of_new_customers() -> None:
    assert "both say the same" in meaning("orders", 75.0, 100.0, 0.25)
    assert "expects growth or a season" in meaning("orders", 50.0, 100.0, 0.25)
    assert "without its usual new ones" in meaning("orders", 95.0, 100.0, 0.25)
    assert "sees a fall" in meaning("orders", 130.0, 100.0, 0.25)
    assert meaning("orders", 75.0, 100.0, None).endswith(
        "25% would have to come from customers and guests not known yet"
    )
    assert "no model of purchases" in meaning("customers", None, 100.0, 0.25)


def test_scenarios_pull_the_levers_of_the_settings_and_say_so(store: Warehouse) -> None:
    rows = rows_of(store, "from forecasts.scenarios where scenario = 'conservative' order by period")
    for row in rows:
        expected = (row["returning_value"] * 0.95 + row["other_value"] * 0.9) * 0.98
        assert row["value"] == pytest.approx(expected)
        assert "orders of returning customers -5%" in row["assumptions"]
        assert "20% of its simulated paths" in row["assumptions"]
    totals = dict(store.execute("select scenario, sum(value) from forecasts.scenarios group by 1").fetchall())
    assert totals["conservative"] < totals["moderate"] < totals["aggressive"]


def test_a_what_if_is_answered_from_the_tables(store: Warehouse) -> None:
    answer = what_if(read_rows(store.connection), retention=0.10)
    rows = rows_of(store, "from forecasts.scenarios where scenario = 'moderate' order by period")
    assert answer.value == pytest.approx([row["value"] + 0.1 * row["returning_value"] for row in rows])
    assert answer.text.startswith(
        "A change of returning customers' orders by +10% makes net sales of the next 3 months"
    )


def test_of_too_few_orders_nothing_is_tried_and_the_seasonal_naive_serves(home: Home) -> None:
    home.settings_file.write_text("[forecast]\nleast_orders = 1000\n")
    write_drop(home, "a.csv", canonical(lines(0, 60)))
    with opened(home) as warehouse:
        build_tables(warehouse, ["core", "sales"])
        for table in (*backtest.TABLES, revenue.TABLE):
            build_frame_table(warehouse, table)
        models = {row["model"] for row in rows_of(warehouse, "from forecasts.champions")}
        reasons = {row["reason"][:14] for row in rows_of(warehouse, "from forecasts.champions")}
        assert (models, reasons) == ({"seasonal_naive"}, {"too few orders"})
        assert warehouse.count("forecasts.backtest") == 0
        assert warehouse.value("select count(*) from forecasts.revenue where is_champion and frequency = 'week'") == 65


def test_what_was_forecast_is_kept_when_for_a_night_there_is_nothing_to_forecast(store: Warehouse) -> None:
    before = rows_of(store, f"select {', '.join(archive.KEPT)} from forecasts.archive order by all")
    assert before
    store.execute("create temp table put_aside as from forecasts.revenue")
    store.execute("delete from forecasts.revenue")
    archive.TABLE.write(store, "empty")
    assert rows_of(store, f"select {', '.join(archive.KEPT)} from forecasts.archive order by all") == before
    store.execute("insert into forecasts.revenue from put_aside")
