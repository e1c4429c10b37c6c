"""Large tables are built part by part, and appear whole or not at all."""

from pathlib import Path

import duckdb
import pytest

from retail_pipeline.home import Home
from retail_pipeline.warehouse import chunks
from retail_pipeline.warehouse.reader import open_snapshot
from retail_pipeline.warehouse.snapshot import publish
from retail_pipeline.warehouse.sql_file import SqlTable
from retail_pipeline.warehouse.table_build import build_table
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.stores import canonical, opened, write_drop
from retail_pipeline_tests.warehouse.package_tables import build_package
from retail_pipeline_tests.warehouse.table_files import put, table_file

CHUNKS = "incremental:\n  key: order_id\n  chunks_of: raw.lines\n  sources:\n    raw.lines: order_id\n"
COUNTED = """
select lines.order_id, count(*) as lines, max(shares.share) as share, error_if.amount as amount
from raw.lines as lines
left join raw.shares as shares on lines.order_id = shares.order_id
join (select case when count(*) = 3 then error('boom') else 0 end as amount from raw.broken) as error_if on true
group by lines.order_id, error_if.amount
"""


@pytest.fixture
def orders(warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SqlTable:
    """A table of 30 orders whose three lines lie together, but for order 0 whose lines are everywhere."""
    monkeypatch.setattr(chunks, "CHUNK_ROWS", 20)
    put(warehouse, "raw.lines", "select case when range % 10 = 0 then 0 else range // 3 end as order_id from range(90)")
    put(warehouse, "raw.shares", "select range as order_id, 2 * range as share from range(40)")
    put(warehouse, "raw.broken", "select 1 as n")
    columns = ["order_id", "lines", "share", "amount"]
    return table_file(tmp_path, "core.orders", COUNTED, columns, ["order_id"], more=CHUNKS + "    raw.shares: order_id")


def test_a_table_built_in_parts_is_that_built_at_once(
    warehouse: Warehouse, orders: SqlTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert chunks.needs_chunks(warehouse, orders)
    build_table(warehouse, orders, {})
    in_parts = warehouse.execute("from core.orders order by all").fetchall()
    warehouse.full = True
    monkeypatch.setattr(chunks, "CHUNK_ROWS", 1000)
    assert not chunks.needs_chunks(warehouse, orders)
    build_table(warehouse, orders, {})
    assert warehouse.execute("from core.orders order by all").fetchall() == in_parts
    assert in_parts[0] == (0, 11, 0, 0)
    assert warehouse.value("select sum(lines) from core.orders") == 90


def test_a_build_that_fails_keeps_the_table_and_readers_see_nothing_of_it(
    warehouse: Warehouse, orders: SqlTable
) -> None:
    build_table(warehouse, orders, {})
    rows = warehouse.execute("from core.orders order by all").fetchall()
    warehouse.full = True
    put(warehouse, "raw.broken", "select 1 as n from range(3)")
    with pytest.raises(duckdb.Error, match="boom"):
        build_table(warehouse, orders, {})
    warehouse.execute("create table core.orders__in_progress as select 1 as n")
    assert warehouse.execute("from core.orders order by all").fetchall() == rows
    publish(warehouse, keep=1)
    with open_snapshot(warehouse.home) as snapshot:
        tables = snapshot.execute("select table_name from duckdb_tables() where schema_name = 'core'").fetchall()
    assert tables == [("orders",)]
    put(warehouse, "raw.broken", "select 1 as n")
    build_table(warehouse, orders, {})
    assert warehouse.execute("from core.orders order by all").fetchall() == rows


def test_rows_that_a_checkpoint_would_number_anew_are_not_passed_over(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row group has 122,880 rows; once all of one are deleted, a checkpoint closes the gap."""
    monkeypatch.setattr(chunks, "CHUNK_ROWS", 50_000)
    put(warehouse, "raw.lines", "select range // 3 as order_id, repeat('x', 50) as filling from range(900000)")
    warehouse.execute("checkpoint")
    warehouse.execute("delete from raw.lines where order_id < 100000")
    warehouse.execute("set wal_autocheckpoint = '4MB'")  # some parts from now on
    select = "select order_id, count(*) as lines, max(filling) as filling from raw.lines group by order_id"
    orders = table_file(tmp_path, "core.orders", select, ["order_id", "lines", "filling"], ["order_id"], more=CHUNKS)
    build_table(warehouse, orders, {})
    assert warehouse.row("select count(*), min(lines), max(lines) from core.orders") == (200_000, 3, 3)


def test_much_that_comes_to_a_small_table_is_built_in_parts_too(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [(f"o{number // 3}", "2024-05-01", "c", f"p{number}", "n", 1, 2, "UK") for number in range(90)]
    write_drop(home, "sample.csv", canonical(lines[:6]))
    monkeypatch.setattr(chunks, "CHUNK_ROWS", 20)
    with opened(home) as warehouse:
        build_package(warehouse)
        write_drop(home, "more.csv", canonical(lines[6:12]))
        assert build_package(warehouse)["core.order_lines"] == "incremental"
        write_drop(home, "history.csv", canonical(lines[12:]))
        assert build_package(warehouse)["core.order_lines"] == "full"
        assert warehouse.count("core.order_lines") == 90
