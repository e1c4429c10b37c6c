"""customers.features_history and rfm_history: each month as it was known at its end, made once, and anew if need be."""

import random
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from retail_pipeline.assets import month_ends as module
from retail_pipeline.assets.customers.features_as_of import features_as_of
from retail_pipeline.assets.customers.histories import FEATURES, RFM, TABLES
from retail_pipeline.assets.frame_assets import build_frame_table
from retail_pipeline.assets.sql_parameters import sql_parameters
from retail_pipeline.home import Home
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.assets.store_tables import SQL_TABLES, TO_FEATURES, TO_ORDER_LINES, built
from retail_pipeline_tests.stores import canonical, write_drop

TO_HISTORIES = (
    *TO_ORDER_LINES,
    "core.customer_purchases",
    "core.cancellation_matches",
    *TO_FEATURES,
    "customers.rfm_scores",
    "customers.features_history",
    "customers.rfm_history",
)
MONTHS = [date(2024, month, 1) for month in range(1, 7)]
Lines = list[list[object]]


def shop(seed: int = 1) -> Lines:
    """Thirty customers' orders of six months, some undone a month later."""
    chance = random.Random(seed)
    lines: Lines = []
    for number in range(150):
        day = pd.Timestamp(2024, 1, 1) + pd.Timedelta(hours=chance.randrange(24 * 175))
        customer, product, units = f"c{chance.randrange(30)}", chance.choice("PQR"), chance.randint(1, 3)
        lines.append([str(number), str(day), customer, product, product, units, "2.5", "France"])
        if chance.random() < 0.2:
            later = str(day + pd.Timedelta(days=chance.randint(1, 40)))
            lines.append([f"r{number}", later, customer, product, product, -units, "2.5", "France"])
    lines.append(["last", "2024-06-30 18:00:00", "c1", "P", "P", 1, "2.5", "France"])
    return [line for line in lines if str(line[1]) < "2024-07-01"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    home = Home(tmp_path_factory.mktemp("store")).create()
    write_drop(home, "a.csv", canonical(shop()))
    with built(home, only=TO_HISTORIES) as warehouse:
        yield warehouse


def months(warehouse: Warehouse, table: str = "customers.features_history") -> dict[date, str]:
    rows = warehouse.execute(f"select distinct month, made_from from {table} order by month").fetchall()
    return dict(rows)


def snapshot(warehouse: Warehouse, as_of: date, table: str = "customers.features_history") -> pd.DataFrame:
    """A month's snapshot in the columns of the table file."""
    return warehouse.read(
        f"select * exclude (month, made_from) from {table} where as_of = $as_of order by customer_id", {"as_of": as_of}
    )


def test_there_is_a_snapshot_of_every_whole_month(store: Warehouse) -> None:
    assert list(months(store)) == list(months(store, "customers.rfm_history")) == MONTHS
    assert store.value("select bool_and(as_of = month + interval 1 month) from customers.features_history")


@pytest.mark.parametrize("month", [2, 4, 7])
def test_a_month_is_what_a_store_says_from_which_all_that_came_later_was_deleted(
    store: Warehouse, tmp_path: Path, month: int
) -> None:
    as_of = date(2024, month, 1)
    home = Home(tmp_path).create()
    write_drop(home, "a.csv", canonical([line for line in shop() if str(line[1]) < str(as_of)]))
    home.settings_file.write_text(f"[core]\nas_of = {as_of}\n")
    with built(home, only=TO_HISTORIES) as earlier:
        for table in ("customers.features", "customers.rfm_scores"):
            then = earlier.read(f"from {table} order by customer_id")
            name = {"customers.features": "customers.features_history", "customers.rfm_scores": "customers.rfm_history"}
            pd.testing.assert_frame_equal(snapshot(store, as_of, name[table]), then)


def test_it_is_what_features_as_of_gives(store: Warehouse) -> None:
    days = [date(2024, 3, 1), date(2024, 6, 1)]
    together = pd.concat([snapshot(store, day) for day in days], ignore_index=True)
    pd.testing.assert_frame_equal(features_as_of(store, *days), together)
    now = store.read("from customers.features order by customer_id")
    pd.testing.assert_frame_equal(features_as_of(store, date(2024, 7, 1)), now)
    assert features_as_of(store).empty


def test_passes_over_single_months_give_the_same(
    store: Warehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 1)
    home = Home(tmp_path).create()
    write_drop(home, "a.csv", canonical(shop()))
    with built(home, only=TO_HISTORIES) as warehouse:
        for table in TABLES:
            query = f"from {table.name} order by month, customer_id"
            pd.testing.assert_frame_equal(warehouse.read(query), store.read(query))


def test_a_drop_makes_only_the_months_anew_that_it_tells_of(home: Home) -> None:
    lines = shop()
    write_drop(home, "a.csv", canonical([line for line in lines if str(line[1]) < "2024-05-10"]))
    with built(home, only=TO_HISTORIES) as warehouse:
        before = months(warehouse)
        assert list(before) == MONTHS[:4]
        warehouse.execute("update customers.features_history set country = 'kept' where month < date '2024-05-01'")
    write_drop(home, "b.csv", canonical([line for line in lines if str(line[1]) >= "2024-05-10"]))
    with built(home, only=TO_HISTORIES) as warehouse:
        after = months(warehouse)
        assert {month: after[month] for month in before} == before
        assert list(after) == MONTHS
        kept = "select list(distinct month order by month) from customers.features_history where country = 'kept'"
        assert warehouse.value(kept) == MONTHS[:4]
    write_drop(home, "c.csv", canonical([["late", "2024-03-05 10:00:00", "c1", "P", "P", 1, "2.5", "France"]]))
    with built(home, only=TO_HISTORIES) as warehouse:
        again = months(warehouse)
        assert [month for month in MONTHS if again[month] != after[month]] == MONTHS[2:]
        assert warehouse.value(kept) == MONTHS[:2]


def test_nothing_new_leaves_the_history_alone(store: Warehouse) -> None:
    assert [build_frame_table(store, table).mode for table in TABLES] == ["unchanged", "unchanged"]


def test_months_without_customers_do_not_pass_for_changed(home: Home) -> None:
    guest = ["g", "2024-01-05 10:00:00", "", "P", "P", 1, "2.5", "France"]
    write_drop(home, "a.csv", canonical([guest, ["o", "2024-03-05 10:00:00", "c1", "P", "P", 1, "2.5", "France"]]))
    with built(home, only=TO_HISTORIES):
        pass
    write_drop(home, "b.csv", canonical([["p", "2024-03-06 10:00:00", "c1", "P", "P", 1, "2.5", "France"]]))
    with built(home, only=TO_HISTORIES[:-2]) as warehouse:
        assert [build_frame_table(warehouse, table).mode for table in TABLES] == ["unchanged", "unchanged"]


def test_so_many_months_are_kept_as_the_setting_says(home: Home) -> None:
    write_drop(home, "a.csv", canonical(shop()))
    home.settings_file.write_text("[features]\nhistory_months = 3\n")
    with built(home, only=TO_HISTORIES) as warehouse:
        three = months(warehouse)
        assert list(three) == MONTHS[3:]
    home.settings_file.write_text("[features]\nhistory_months = 4\n")
    with built(home, only=TO_HISTORIES) as warehouse:
        four = months(warehouse)
        assert list(four) == MONTHS[2:]
        assert {month: four[month] for month in three} == three
    home.settings_file.write_text("[features]\nhistory_months = 0\n")
    with built(home, only=TO_HISTORIES) as warehouse:
        assert months(warehouse) == {}


def test_another_setting_makes_all_months_anew(home: Home) -> None:
    write_drop(home, "a.csv", canonical(shop()))
    with built(home, only=TO_HISTORIES) as warehouse:
        before, scores = months(warehouse), months(warehouse, RFM.name)
    home.settings_file.write_text("[features]\nhalf_life_days = 30\n")
    with built(home, only=TO_HISTORIES) as warehouse:
        after = months(warehouse)
        assert all(after[month] != before[month] for month in MONTHS)
        assert months(warehouse, RFM.name) == scores


def test_the_history_has_the_columns_of_its_table_file(store: Warehouse) -> None:
    for table, file in ((FEATURES, "customers.features"), (RFM, "customers.rfm_scores")):
        assert list(store.columns(table.name)) == ["month", *SQL_TABLES[file].columns, "made_from"]
        assert set(SQL_TABLES[file].parameters) <= set(sql_parameters(store.settings))
