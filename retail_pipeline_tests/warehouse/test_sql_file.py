"""Reading table files: what is refused and how it is told, what is read off a SELECT."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from retail_pipeline.assets.sql_assets import find_sql_tables
from retail_pipeline.errors import SqlFileError
from retail_pipeline.home import Home
from retail_pipeline.warehouse.sql_file import SqlTable, read_sql_table
from retail_pipeline_tests.stores import canonical, opened, write_drop
from retail_pipeline_tests.tables import build_tables
from retail_pipeline_tests.warehouse.package_tables import FROM_NO_COLUMN
from retail_pipeline_tests.warehouse.table_files import table_file, write_file

GOOD_HEADER = "row: a thing\nkey: [a]\ncolumns:\n  a: what a holds"


def read(folder: Path, header: str, select: str = "select 1 as a") -> SqlTable:
    return read_sql_table(write_file(folder / "core" / "things.sql", f"/*\n{header}\n*/\n{select}\n"))


@pytest.fixture
def selecting(tmp_path: Path) -> Callable[[str], SqlTable]:
    return lambda select: read(tmp_path, GOOD_HEADER, select)


def test_a_good_file_is_read_whole(tmp_path: Path) -> None:
    table = read(tmp_path, GOOD_HEADER + "\nabout: >\n  Two lines\n  of text.")
    assert (table.name, table.schema, table.row, table.key) == ("core.things", "core", "a thing", ("a",))
    assert table.columns == {"a": "what a holds"}
    assert table.description == "A row is a thing.\n\nTwo lines of text."


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("row: x\nkey: [a]", "lacks columns"),
        ("key: [a]\ncolumns:\n  a: x", "lacks row"),
        ("row:\nkey: [a]\ncolumns:\n  a: x", "lacks row"),
        ("row: x\ncolumns:\n  a: x", "lacks key"),
        ("", "lacks columns, key, row"),
        (GOOD_HEADER + "\ncolour: red", "unknown keys colour"),
        ("just words", "must be YAML with the keys"),
        ("row: [", "not valid YAML"),
        ("row: x\nkey: [b]\ncolumns:\n  a: x", r"key \['b'\] must be a list of columns"),
        ("row: x\nkey: a\ncolumns:\n  a: x", "key 'a' must be a list"),
        ("row: x\nkey: []\ncolumns: [a, b]", "columns must map each column"),
        ("row: x\nkey: []\ncolumns:\n  a:", "does not say what the column a holds"),
        ("row: x\nkey: []\ncolumns:\n  Big Name: x", "'Big Name' is not a snake_case name"),
        ("row: x\nkey: []\ncolumns:\n  on: x", "True is not a snake_case name"),
        (GOOD_HEADER + "\nlog_changes: perhaps", "log_changes is 'perhaps'; it must be true or false"),
        ("row: x\nkey: [a, b]\ncolumns:\n  a: x\n  b: x\nlog_changes: true", "one key column"),
        (GOOD_HEADER + "\nincremental: a", "incremental must have a key"),
        (GOOD_HEADER + "\nincremental:\n  key: a", "incremental must have a key"),
        (GOOD_HEADER + "\nincremental:\n  key: a\n  sources:", "incremental must have a key"),
        (GOOD_HEADER + "\nincremental:\n  key: b\n  sources:\n    core.x: a", "incremental uses b, not among"),
        (GOOD_HEADER + "\nincremental:\n  key: a\n  sources:\n    core.x: c", "incremental uses c, not among"),
        (GOOD_HEADER + "\nincremental:\n  key: a\n  log: a\n  sources:\n    core.x: a", "it may have a log"),
        (GOOD_HEADER + "\nincremental:\n  key: a\n  log: [c]\n  sources:\n    core.x: a", "incremental uses c, not"),
        (
            GOOD_HEADER + "\nincremental:\n  key: a\n  chunks_of: core.y\n  sources:\n    core.x: a",
            "chunks_of core.y, no source that is logged by the key",
        ),
        (
            GOOD_HEADER + "\nincremental:\n  key: a\n  sources:\n    core.x: a",
            "names core.x, which the SELECT does not",
        ),
    ],
)
def test_a_wrong_header_is_told_with_the_file_and_the_fault(tmp_path: Path, header: str, told: str) -> None:
    with pytest.raises(SqlFileError, match=told) as caught:
        read(tmp_path, header)
    assert "things.sql" in str(caught.value)


def test_a_file_without_a_header_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SqlFileError, match="must begin with a /\\* header"):
        read_sql_table(write_file(tmp_path / "core" / "things.sql", "select 1 as a"))


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = write_file(tmp_path / "core" / "things.sql", "")
    path.write_bytes(f"/*\n{GOOD_HEADER}\n*/ select 'caf".encode() + b"\xe9' as a")
    with pytest.raises(SqlFileError, match="not UTF-8"):
        read_sql_table(path)


def test_a_byte_order_mark_does_not_hide_the_header(tmp_path: Path) -> None:
    path = write_file(tmp_path / "core" / "things.sql", "")
    path.write_text(f"/*\n{GOOD_HEADER}\n*/ select 1 as a", encoding="utf-8-sig")
    assert read_sql_table(path).columns == {"a": "what a holds"}


def test_a_file_or_folder_name_that_is_no_identifier_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SqlFileError, match="'Big-Table' is not a snake_case name"):
        read_sql_table(write_file(tmp_path / "core" / "Big-Table.sql", f"/*\n{GOOD_HEADER}\n*/ select 1 as a"))


@pytest.mark.parametrize(
    ("select", "told"),
    [
        ("select 1 as a; select 2 as a", "exactly one SELECT, it holds SELECT, SELECT"),
        ("insert into core.x select 1", "exactly one SELECT, it holds INSERT"),
        ("create table core.x as select 1", "exactly one SELECT, it holds CREATE"),
        ("pivot core.x on a using sum(b)", "exactly one SELECT, it holds PIVOT"),
        ("", "exactly one SELECT, it holds nothing"),
        ("select from where", "cannot be parsed"),
        ("select a from orders", "'orders' is no CTE and has no schema"),
        ("select a from 'orders.csv'", "'orders.csv' is no CTE"),
        ("select a from warehouse.core.orders", "names a database; write it schema.table"),
        ("select a from core.things", "reads the table it makes"),
    ],
)
def test_sql_that_is_not_one_select_from_named_tables_is_refused(tmp_path: Path, select: str, told: str) -> None:
    with pytest.raises(SqlFileError, match=told):
        read(tmp_path, GOOD_HEADER, select)


@pytest.mark.parametrize(
    ("select", "upstream"),
    [
        ("select 1 as a", ()),
        ("with x as (select a from core.x), y as (from x) select a from y join core.z using (a)", ("core.x", "core.z")),
        ("with Days as (select a from core.x) select a from days", ("core.x",)),
        (
            "select a from core.x union all select a from core.y except select a from core.z",
            ("core.x", "core.y", "core.z"),
        ),
        (
            "select a from core.x where a in (select b from core.y) and exists (from core.z)",
            ("core.x", "core.y", "core.z"),
        ),
        ("select (select max(a) from core.x) as a", ("core.x",)),
        ("select a from core.x semi join core.y using (a) anti join core.z using (a)", ("core.x", "core.y", "core.z")),
        ("select a from core.x, lateral (select b from core.y where x.a = y.a)", ("core.x", "core.y")),
        ("select a from range(10) as t(a) join unnest([1, 2]) as u(b) on a = b", ()),
        ("select a from generate_series(1, (select max(n) from core.x)) as t(a)", ("core.x",)),
        ("select * from core.x pivot (sum(v) for k in ('a', 'b'))", ("core.x",)),
        ("from core.x select a", ("core.x",)),
        ("from (values (1)) as t(a)", ()),
        ("with recursive r as (select 1 as a union all select a + 1 from r where a < 4) select a from r", ()),
        ("with x as (select a from sales.x) select a from x join core.x as y using (a)", ("core.x", "sales.x")),
        ("select a from CORE.Orders", ("core.orders",)),
        ("select 'from core.y' as a /* join core.z */ from core.x -- core.w", ("core.x",)),
    ],
)
def test_upstream_tables_are_those_the_select_reads(
    selecting: Callable[[str], SqlTable], select: str, upstream: tuple[str, ...]
) -> None:
    assert selecting(select).upstream == upstream


def test_parameters_are_the_named_ones_wherever_they_stand(selecting: Callable[[str], SqlTable]) -> None:
    table = selecting("with x as (select $low::int as a) select a from x where a < $high or $low is null -- $no '$no'")
    assert table.parameters == ("high", "low")


@pytest.mark.parametrize("parameter", ["?", "$1"])
def test_a_parameter_without_a_name_is_refused(selecting: Callable[[str], SqlTable], parameter: str) -> None:
    with pytest.raises(SqlFileError, match="write it \\$name"):
        _ = selecting(f"select {parameter} as a").parameters


@pytest.mark.parametrize(
    "same",
    [
        "select   a,\n  'x' as b -- a comment\nfrom core.x",
        "/* first */ select a, /* second */ 'x' as b from core.x ; -- the end",
        "\n\nselect a, 'x' as b\n\tfrom core.x;",
    ],
)
def test_comments_and_layout_do_not_change_the_code_version(selecting: Callable[[str], SqlTable], same: str) -> None:
    assert selecting(same).code_version == selecting("select a, 'x' as b from core.x").code_version


@pytest.mark.parametrize(
    "other",
    [
        "select a, 'y' as b from core.x",
        "select a, x as b from core.x",  # a column in the place of a text of the same letters
        'select a, "x" as b from core.x',
        "select a, 'x ' as b from core.x",
        "select a, $x as b from core.x",
        "select a, 'x' as b from core.y",
        "select ab, 'x' as b from core.x",
        "select a, 'x' as b, from core.x limit 1",
    ],
)
def test_any_change_of_the_code_changes_the_code_version(selecting: Callable[[str], SqlTable], other: str) -> None:
    assert selecting(other).code_version != selecting("select a, 'x' as b from core.x").code_version


def test_only_functions_of_the_clock_or_of_chance_make_a_table_volatile(selecting: Callable[[str], SqlTable]) -> None:
    assert selecting("select current_date as a").is_volatile
    assert selecting("select now() as a").is_volatile
    assert selecting("select a from core.x where random() < .5").is_volatile
    assert not selecting("select 'now' as a -- random() today").is_volatile


@pytest.mark.parametrize(
    ("actual", "told"),
    [
        (["a"], "declared but not selected: b"),
        (["a", "b", "c"], "selected but not declared: c"),
        (["b", "a"], "same names in another order"),
        (["a", "b", "b"], "selected twice: b"),
        (["a", "b", "a_1"], "selected but not declared: a_1"),
        (["a", "c"], "declared but not selected: b; selected but not declared: c"),
    ],
)
def test_columns_must_be_the_declared_ones_in_their_order(tmp_path: Path, actual: list[str], told: str) -> None:
    table = table_file(tmp_path, "core.things", "select 1 as a, 2 as b", ["a", "b"])
    with pytest.raises(SqlFileError, match=told):
        table.check_columns(actual)
    table.check_columns(["a", "b"])


def test_the_query_ends_where_the_select_ends(selecting: Callable[[str], SqlTable]) -> None:
    with duckdb.connect() as connection:
        for select in ("select 'ü;' as a; -- done", "select 'ü;' as a -- done", "select 'ü;' as a\n/* done */ ;"):
            query = selecting(select).query
            assert connection.execute(f"select a from ({query}) limit 1").fetchall() == [("ü;",)]


def test_column_lineage_leads_through_ctes_and_leaves_out_what_does_not_resolve(tmp_path: Path) -> None:
    table = table_file(
        tmp_path,
        "core.sums",
        "with x as (select k, v * w as vw from core.x) select k, sum(vw) as total, 1 as one from x group by k",
        ["k", "total", "one"],
    )
    columns = {"core.x": {"k": "varchar", "v": "int", "w": "int"}}
    assert table.column_sources(columns) == {
        "k": [("core.x", "k")],
        "total": [("core.x", "v"), ("core.x", "w")],
    }


def test_column_lineage_of_a_union_by_name_is_left_out_rather_than_wrong(tmp_path: Path) -> None:
    select = "select a, b from core.x union by name select b, a from core.y"
    table = table_file(tmp_path, "core.both", select, ["a", "b"])
    assert table.column_sources({"core.x": {"a": "int", "b": "int"}, "core.y": {"a": "int", "b": "int"}}) == {}


def test_every_column_of_every_table_of_the_package_has_a_lineage_but_counts_of_rows(home: Home) -> None:
    lines = [["O1", "2024-01-01 10:00:00", "C1", "P1", "one", 1, "2.50", "UK"]]
    write_drop(home, "a.csv", canonical(lines))
    with opened(home) as warehouse:
        build_tables(warehouse)
        for table in find_sql_tables():
            upstream = {name: warehouse.columns(name) for name in table.upstream}
            assert all(upstream.values()), f"{table.name} reads a table that is not there"
            sources = table.column_sources(upstream)
            unresolved = set(table.columns) - set(sources) - FROM_NO_COLUMN.get(table.name, set())
            assert not unresolved, f"{table.name}: no lineage for {', '.join(sorted(unresolved))}"
            for column, found in sources.items():
                for source, source_column in found:
                    assert source_column in upstream[source], f"{table.name}.{column} from {source}.{source_column}"
