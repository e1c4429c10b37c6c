"""The sales marts over a dirty simulated shop equal the clean truth behind it, to the last digit, day by day."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from retail_pipeline.home import Home
from retail_pipeline.simulator import SimulationSummary, preset, simulate_store
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.assets.sales.test_marts import ONLY
from retail_pipeline_tests.assets.store_tables import built, rows_of
from retail_pipeline_tests.simulator.shops import ALL_DIRT
from retail_pipeline_tests.stores import write_drop

SUMS = """
    sum(orders) as orders, sum(units) as units, sum(gross_sales) as gross_sales, sum(discounts) as discounts,
    sum(returns + cancellations) as returns, sum(net_sales) as net_sales
"""
MARTS = "orders, units, gross_sales, discounts, returns, net_sales"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Warehouse, SimulationSummary]]:
    folder = tmp_path_factory.mktemp("shop")
    outage = {"kind": "outage", "name": "failed", "first": date(2023, 3, 7)}
    dirt = {**ALL_DIRT, "overlap_days": 3}
    summary = simulate_store(
        folder / "files", preset("small", customers=300, end=date(2023, 8, 20), dirt=dirt, events=(outage,))
    )
    home = Home(folder / "home").create()
    for path in summary.files:
        write_drop(home, path.name, path.read_bytes())
    with built(home, only=ONLY) as warehouse:
        yield warehouse, summary


def of_truth(summary: SimulationSummary, group: str) -> dict[Any, tuple[Any, ...]]:
    days = f"'{Path(summary.truth) / 'days.parquet'}'"
    with duckdb.connect() as connection:
        rows = connection.execute(f"select {group}, {SUMS} from {days} where is_exported group by 1").fetchall()
    return {row[0]: row[1:] for row in rows if any(row[1:])}


def of_mart(warehouse: Warehouse, query: str) -> dict[Any, tuple[Any, ...]]:
    rows = [tuple(row.values()) for row in rows_of(warehouse, query)]
    return {row[0]: row[1:] for row in rows if any(row[1:])}


@pytest.mark.parametrize(
    ("table", "key", "group"),
    [
        ("daily", "date_day", "day"),
        ("weekly", "week", "cast(date_trunc('week', day) as date)"),
        ("monthly", "month", "cast(date_trunc('month', day) as date)"),
        ("quarterly", "quarter", "cast(date_trunc('quarter', day) as date)"),
        ("by_country", "country", "region"),
    ],
)
def test_a_mart_equals_the_truth(shop: tuple[Warehouse, SimulationSummary], table: str, key: str, group: str) -> None:
    warehouse, summary = shop
    found = of_mart(warehouse, f"select {key}, {MARTS} from sales.{table}")
    assert found == of_truth(summary, group)
    assert sum(row[-1] for row in found.values()) == summary.net_amount


def test_the_pipeline_met_all_kinds_of_dirt(shop: tuple[Warehouse, SimulationSummary]) -> None:
    warehouse, summary = shop
    assert warehouse.count("raw.rejected_rows") == summary.unreadable_rows > 10
    assert warehouse.value("select count(*) from core.order_lines where is_duplicate") > summary.repeated_rows > 10
    assert warehouse.value("select count(*) from core.order_lines where line_type = 'adjustment'") > 10
    assert summary.missing_lines > 0
