"""Incremental tables: whatever happens upstream, they hold what a full build would."""

import contextlib
import random
from pathlib import Path
from typing import Any

import duckdb
import pytest

from retail_pipeline.home import Home
from retail_pipeline.warehouse import chunks
from retail_pipeline.warehouse.sql_file import SqlTable
from retail_pipeline.warehouse.table_build import build_table
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.stores import canonical, opened, write_drop
from retail_pipeline_tests.warehouse.package_tables import PACKAGE, build_package
from retail_pipeline_tests.warehouse.table_files import put, table_file

NAMES = """
with counted as (
    select product_id, product_name, count(*) as lines from raw.lines group by all
)
select product_id, arg_max(product_name, (lines, product_name)) as product_name from counted group by product_id
"""
LINES = """
select
    lines.order_id,
    row_number() over (partition by lines.order_id order by lines.product_id, lines.quantity, lines.line) as line_no,
    lines.product_id,
    names.product_name,
    rates.rate,
    lines.quantity,
    case when switch.is_broken then error('broken') else false end as is_broken
from raw.lines as lines
join raw.rates as rates on true
join raw.switch as switch on true
left join core.names as names on lines.product_id is not distinct from names.product_id
"""
ORDERS = """
with products as (select order_id, count(distinct product_id) as products from core.lines group by order_id)
select
    lines.order_id,
    max(products.products) as products,
    sum(quantity * rate) as amount,
    min(product_name) as first_name
from core.lines as lines
join products on lines.order_id is not distinct from products.order_id
group by lines.order_id
"""


class Shop:
    """A source of lines that changes as the loader changes ``raw.transactions``, and three tables made from it."""

    def __init__(self, warehouse: Warehouse, folder: Path) -> None:
        self.warehouse = warehouse
        put(
            warehouse,
            "raw.lines",
            "select 1 as line, 'o1' as order_id, 'p1' as product_id, 'one' as product_name, 1 as quantity",
        )
        put(warehouse, "raw.rates", "select 2 as rate")
        put(warehouse, "raw.switch", "select false as is_broken")
        by_order = "incremental:\n  key: order_id\n  sources:\n"
        self.tables = [
            table_file(
                folder, "core.names", NAMES, ["product_id", "product_name"], ["product_id"], more="log_changes: true"
            ),
            table_file(
                folder,
                "core.lines",
                LINES,
                ["order_id", "line_no", "product_id", "product_name", "rate", "quantity", "is_broken"],
                more=by_order + "    raw.lines: order_id\n    core.names: product_id\n    raw.rates: ~",
            ),
            table_file(
                folder,
                "core.orders",
                ORDERS,
                ["order_id", "products", "amount", "first_name"],
                more=by_order + "    core.lines: order_id",
            ),
        ]

    def change(self, statement: str, parameters: Any, orders: list[str | None]) -> None:
        """Change some orders' lines, and log the orders."""
        with self.warehouse.transaction():
            self.warehouse.execute(statement, parameters)
            generation = self.warehouse.books.record_table(
                "raw.lines",
                row_is="a line",
                rows=self.warehouse.count("raw.lines"),
                upstream=(),
                fingerprint="",
                changed=True,
                rebuilt=False,
            )
            keys = ", ".join("(null)" if order is None else f"('{order}')" for order in orders)
            self.warehouse.books.log_changed_keys("raw.lines", "order_id", f"select * from (values {keys})", generation)

    def break_lines(self, is_broken: bool) -> None:
        self.warehouse.execute("update raw.switch set is_broken = ?", [is_broken])

    def build(self, *names: str) -> dict[str, str]:
        """Build tables in the order of their lineage; the mode of each."""
        chosen = [table for table in self.tables if not names or table.name in names]
        return {table.name: build_table(self.warehouse, table, {}).mode for table in chosen}

    def assert_as_built_anew(self) -> None:
        for table in self.tables:
            assert_as_built_anew(self.warehouse, table, {})


def assert_as_built_anew(warehouse: Warehouse, table: SqlTable, parameters: dict[str, Any]) -> None:
    warehouse.execute(f"create or replace temp table anew as {table.query}", parameters)
    superfluous = warehouse.execute(f"from {table.name} except all from temp.anew").fetchall()
    lacking = warehouse.execute(f"from temp.anew except all from {table.name}").fetchall()
    assert (table.name, superfluous, lacking) == (table.name, [], [])


@pytest.fixture
def shop(warehouse: Warehouse, tmp_path: Path) -> Shop:
    shop = Shop(warehouse, tmp_path / "sql")
    shop.build()
    shop.change("insert into raw.lines values (2, 'o2', 'p1', 'one', 5), (3, 'o3', 'p2', 'two', 7)", None, ["o2", "o3"])
    shop.build()
    return shop


def rows_in_place(warehouse: Warehouse, table: str) -> dict[str, list[int]]:
    rows = warehouse.execute(f"select order_id, list(rowid order by rowid) from {table} group by all").fetchall()
    return dict(rows)


def random_change(shop: Shop, dice: random.Random) -> None:
    """Add, remove or change the lines of a few orders; ids and names may be null, ids may be of many products."""
    orders = dice.sample(["o1", "o2", "o3", "o4", "it's", None], dice.randint(1, 2))
    listed = ", ".join("null" if order is None else "'" + order.replace("'", "''") + "'" for order in orders)
    among = f"(order_id in ({listed}) or ({None in orders} and order_id is null))"
    kind = dice.choice(["add", "add", "remove", "rename", "quantity", "move"])
    if kind == "add":
        statement = f"insert into raw.lines select $line, unnest([{listed}]), $product, $name, $quantity"
        values = {
            "line": dice.randrange(10**6),
            "product": dice.choice(["p1", "p2", "p3", None]),
            "name": dice.choice(["one", "two", "three", None]),
            "quantity": dice.randint(-3, 3),
        }
    elif kind == "remove":
        statement, values = f"delete from raw.lines where {among}", {}
    elif kind == "rename":
        statement = f"update raw.lines set product_name = $name where {among}"
        values = {"name": dice.choice(["one", "two", "four"])}
    elif kind == "move":
        statement, values = (
            f"update raw.lines set product_id = $product where {among}",
            {"product": dice.choice(["p1", "p9"])},
        )
    else:
        statement, values = f"update raw.lines set quantity = quantity + 1 where {among}", {}
    quoted = [order and order.replace("'", "''") for order in orders]
    shop.change(statement, values or None, quoted)


@pytest.mark.parametrize("seed", range(3))
def test_after_any_changes_the_tables_are_as_a_full_build_makes_them(
    warehouse: Warehouse, tmp_path: Path, seed: int
) -> None:
    """Single tables are left out, builds fail and the seen changes are forgotten in between."""
    dice = random.Random(seed)
    shop = Shop(warehouse, tmp_path / "sql")
    modes = set()
    for _ in range(20):
        for _ in range(dice.randint(0, 2)):
            random_change(shop, dice)
        event = dice.random()
        if event < 0.15:
            shop.build(dice.choice(shop.tables).name) if "core.orders" in warehouse.books.tables() else shop.build()
        elif event < 0.3:
            shop.break_lines(True)
            with contextlib.suppress(duckdb.InvalidInputException):  # the lines' table may have nothing to do
                shop.build()
            shop.break_lines(False)
        else:
            modes |= set(shop.build().values())
            shop.assert_as_built_anew()
        if dice.random() < 0.7:
            warehouse.books.forget_seen_changes()
    modes |= set(shop.build().values())
    shop.assert_as_built_anew()
    assert modes == {"full", "incremental", "unchanged"}


def test_only_rows_of_affected_keys_are_rewritten(shop: Shop) -> None:
    lines, orders = rows_in_place(shop.warehouse, "core.lines"), rows_in_place(shop.warehouse, "core.orders")
    shop.change("insert into raw.lines values (9, 'o3', 'p3', 'three', 1)", None, ["o3"])
    assert shop.build()["core.lines"] == "incremental"
    for table, before in (("core.lines", lines), ("core.orders", orders)):
        after = rows_in_place(shop.warehouse, table)
        assert {order for order in before if after[order] != before[order]} == {"o3"}
    assert len(rows_in_place(shop.warehouse, "core.lines")["o3"]) == 2


def test_a_change_of_a_source_keyed_otherwise_reaches_the_rows_that_hold_its_key(shop: Shop) -> None:
    before = rows_in_place(shop.warehouse, "core.lines")
    shop.change("update raw.lines set product_name = 'renamed' where order_id = 'o3'", None, ["o3"])
    shop.change(
        "insert into raw.lines values (4, 'o4', 'p1', 'uno', 1), (5, 'o4', 'p1', 'uno', 1), (6, 'o4', 'p1', 'uno', 1)",
        None,
        ["o4"],
    )
    shop.build()
    names = dict(shop.warehouse.execute("select order_id, min(product_name) from core.lines group by 1").fetchall())
    assert names == {"o1": "uno", "o2": "uno", "o3": "renamed", "o4": "uno"}
    shop.assert_as_built_anew()
    assert rows_in_place(shop.warehouse, "core.lines").keys() == before.keys() | {"o4"}


def test_nothing_changed_upstream_is_no_new_generation(shop: Shop) -> None:
    version = shop.warehouse.books.version()
    assert set(shop.build().values()) == {"unchanged"}
    assert shop.warehouse.books.version() == version


def test_the_same_rows_loaded_again_touch_no_other_row(shop: Shop) -> None:
    before = rows_in_place(shop.warehouse, "core.lines")
    shop.change("update raw.lines set quantity = quantity", None, ["o2"])
    assert shop.build() == {"core.names": "full", "core.lines": "incremental", "core.orders": "incremental"}
    after = rows_in_place(shop.warehouse, "core.lines")
    assert after["o1"] == before["o1"]
    assert after["o3"] == before["o3"]


def test_removed_rows_go(shop: Shop) -> None:
    shop.change("delete from raw.lines where order_id = 'o2'", None, ["o2"])
    shop.build()
    assert rows_in_place(shop.warehouse, "core.orders").keys() == {"o1", "o3"}


def test_a_source_that_logs_its_changes_by_another_column_asks_for_a_full_build(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    lines = table_file(
        tmp_path, "core.lines", "select * from raw.src", ["line", "colour", "n"], ["line"], more="log_changes: true"
    )
    colours = table_file(
        tmp_path,
        "core.colours",
        "select colour, sum(n)::bigint as n from core.lines group by colour",
        ["colour", "n"],
        ["colour"],
        more="incremental:\n  key: colour\n  sources:\n    core.lines: colour",
    )
    modes = []
    for number in (1, 100, 100):
        put(warehouse, "raw.src", f"select * from (values (1, 'red', {number}), (2, 'red', 1)) as t(line, colour, n)")
        build_table(warehouse, lines, {})
        modes.append(build_table(warehouse, colours, {}).mode)
        assert warehouse.execute("from core.colours").fetchall() == [("red", number + 1)]
        assert_as_built_anew(warehouse, colours, {})
    assert modes == ["full", "full", "unchanged"]


def test_a_source_that_was_built_again_without_a_change_asks_for_nothing(shop: Shop) -> None:
    shop.warehouse.execute("alter table raw.lines add column note varchar")
    shop.change("update raw.lines set note = 'x'", None, ["o2"])
    assert shop.build("core.names") == {"core.names": "full"}
    assert shop.build("core.lines") == {"core.lines": "incremental"}


def test_a_source_without_a_key_asks_for_a_full_build_when_it_changes(shop: Shop) -> None:
    put(shop.warehouse, "raw.rates", "select 3 as rate")
    assert shop.build() == {"core.names": "unchanged", "core.lines": "full", "core.orders": "full"}
    shop.assert_as_built_anew()


def test_a_source_replaced_as_a_whole_asks_for_a_full_build(shop: Shop) -> None:
    put(
        shop.warehouse,
        "raw.lines",
        "select 1 as line, 'o7' as order_id, 'p7' as product_id, 'seven' as product_name, 1 as quantity",
    )
    assert set(shop.build().values()) == {"full"}
    shop.assert_as_built_anew()


def test_a_changed_type_upstream_asks_for_a_full_build(shop: Shop) -> None:
    shop.warehouse.execute("alter table raw.lines alter quantity type decimal(18, 4)")
    shop.change("update raw.lines set quantity = 1.5 where order_id = 'o1'", None, ["o1"])
    assert shop.build()["core.lines"] == "full"
    assert shop.warehouse.columns("core.lines")["quantity"] == "DECIMAL(18,4)"
    shop.assert_as_built_anew()


def test_another_declaration_of_what_is_incremental_asks_for_a_full_build(shop: Shop, tmp_path: Path) -> None:
    same = shop.tables[1]
    assert same.incremental
    fewer = table_file(
        tmp_path,
        "core.lines",
        LINES,
        list(same.columns),
        more="incremental:\n  key: order_id\n  sources:\n    raw.lines: order_id",
    )
    assert fewer.code_version == same.code_version
    assert build_table(shop.warehouse, fewer, {}).mode == "full"


def test_a_table_whose_select_is_not_confined_by_its_sources_gets_no_row_twice(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    """Its only source is keyed otherwise, so the SELECT returns all rows each time."""
    put(warehouse, "raw.names", "select * from (values ('p1', 'one'), ('p2', 'two')) as t(product_id, product_name)")
    names = table_file(
        tmp_path,
        "core.names",
        "select * from raw.names",
        ["product_id", "product_name"],
        ["product_id"],
        more="log_changes: true",
    )
    put(warehouse, "raw.orders", "select 'o' || range as order_id, 'p' || (1 + range % 2) as product_id from range(6)")
    named = table_file(
        tmp_path,
        "core.named",
        "select order_id, product_id, product_name from raw.orders join core.names using (product_id)",
        ["order_id", "product_id", "product_name"],
        more="incremental:\n  key: order_id\n  sources:\n    core.names: product_id",
    )
    for _ in range(2):
        build_table(warehouse, names, {})
        build_table(warehouse, named, {})
        put(
            warehouse,
            "raw.names",
            "select * from (values ('p1', 'one'), ('p2', 'zwei')) as t(product_id, product_name)",
        )
    assert_as_built_anew(warehouse, named, {})
    assert warehouse.value("select count(*) from core.named where product_name = 'zwei'") == 3


def test_a_failed_incremental_build_keeps_the_table_and_the_run_goes_on(shop: Shop) -> None:
    before = shop.warehouse.execute("from core.lines order by all").fetchall()
    shop.change("update raw.lines set quantity = 100 where order_id = 'o1'", None, ["o1"])
    shop.break_lines(True)
    with pytest.raises(duckdb.Error, match="broken"):
        shop.build()
    assert shop.warehouse.execute("from core.lines order by all").fetchall() == before
    assert shop.warehouse.value("select current_database()") == "warehouse"
    put(shop.warehouse, "raw.other", "select 1 as n")
    assert shop.warehouse.value("select count(*) from warehouse.raw.other") == 1
    shop.warehouse.books.forget_seen_changes()
    shop.break_lines(False)
    assert shop.build() == {"core.names": "unchanged", "core.lines": "incremental", "core.orders": "incremental"}
    shop.assert_as_built_anew()


def test_changes_are_remembered_until_every_reader_has_seen_them(shop: Shop) -> None:
    logged = "select count(*) from pipeline.changed_keys where table_name = 'raw.lines'"
    shop.change("update raw.lines set quantity = 9 where order_id = 'o2'", None, ["o2"])
    shop.build("core.names")
    shop.warehouse.books.forget_seen_changes()
    assert shop.warehouse.value(logged) == 1
    shop.build("core.lines")
    shop.warehouse.books.forget_seen_changes()
    assert shop.warehouse.value(logged) == 0
    shop.build("core.orders")
    shop.assert_as_built_anew()


def test_a_reader_whose_asset_is_gone_does_not_let_the_log_grow_for_ever(shop: Shop, tmp_path: Path) -> None:
    gone = table_file(tmp_path, "core.gone", "select order_id from raw.lines", ["order_id"])
    build_table(shop.warehouse, gone, {})
    for quantity in range(12):
        shop.change("update raw.lines set quantity = ? where order_id = 'o1'", [quantity], ["o1"])
        shop.build()
        shop.warehouse.books.forget_seen_changes()
        shop.assert_as_built_anew()
    assert shop.warehouse.count("pipeline.changed_keys") <= shop.warehouse.count("raw.lines")


def random_csv(dice: random.Random) -> str:
    orders = [f"{dice.choice(['', 'C'])}O{dice.randint(1, 12)}" for _ in range(dice.randint(1, 8))]
    lines = [
        [
            order,
            f"2024-01-{dice.randint(1, 28):02d} 10:00:00",
            dice.choice(["C1", "C2", "C3", ""]),
            f"P{dice.randint(1, 4)}",
            dice.choice(["red cup", "blue cup", "tea pot", ""]),
            dice.randint(-2, 5),
            dice.choice(["1.25", "2.50", "0"]),
            "UK",
        ]
        for order in orders
        for _ in range(dice.randint(1, 3))
    ]
    return canonical(lines)


@pytest.mark.parametrize("seed", range(2))
def test_the_tables_of_the_package_are_as_a_full_run_makes_them(
    home: Home, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files are dropped, appended to, mended and loaded again; then all is built anew from what was loaded.

    As a whole, and then in parts.
    """
    dice = random.Random(seed)
    texts: dict[str, str] = {}
    modes: set[str] = set()
    for _ in range(6):
        name = f"{dice.randint(1, 4)}.csv"
        if name in texts and dice.random() < 0.5:
            texts[name] += random_csv(dice).split("\n", 1)[1]
            reload: list[str] = []
        else:
            texts[name] = random_csv(dice)
            reload = [name]
        write_drop(home, name, texts[name])
        built, found = build(home, reload)
        modes |= {mode for table, mode in found.items() if PACKAGE[table].incremental}
    assert "incremental" in modes
    assert build(home, [], full=True)[0] == built
    monkeypatch.setattr(chunks, "CHUNK_ROWS", 3)
    with opened(home) as warehouse:
        assert chunks.needs_chunks(warehouse, PACKAGE["core.order_lines"])
    assert build(home, [], full=True)[0] == built


def build(home: Home, reload: list[str], *, full: bool = False) -> tuple[dict[str, list[Any]], dict[str, str]]:
    """Load and build all; each table's rows, and the mode in which it was built."""
    with opened(home, full=full) as warehouse:
        modes = build_package(warehouse, reload)
        warehouse.books.forget_seen_changes()
        return {name: warehouse.execute(f"from {name} order by all").fetchall() for name in PACKAGE}, modes
