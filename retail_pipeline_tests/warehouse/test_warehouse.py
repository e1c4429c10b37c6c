"""Building tables: all or nothing, described, bound, remembered."""

import contextlib
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from retail_pipeline.errors import SqlFileError, WarehouseError
from retail_pipeline.home import Home
from retail_pipeline.warehouse.bookkeeping import stale_tables
from retail_pipeline.warehouse.sql_file import read_sql_table
from retail_pipeline.warehouse.table_build import build_table
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.stores import opened
from retail_pipeline_tests.warehouse.table_files import put, table_file, write_file

DOUBLED = "select n, n * 2 as doubled from raw.numbers"


@pytest.fixture
def numbers(warehouse: Warehouse) -> Warehouse:
    """A warehouse with ``raw.numbers`` 0 to 9."""
    put(warehouse, "raw.numbers", "select range as n from range(10)")
    return warehouse


def comments(warehouse: Warehouse, table: str) -> tuple[Any, dict[str, Any]]:
    schema, name = table.split(".")
    of_table = warehouse.value(
        "select comment from duckdb_tables() where schema_name = ? and table_name = ?", [schema, name]
    )
    of_columns = warehouse.execute(
        "select column_name, comment from duckdb_columns() where schema_name = ? and table_name = ?", [schema, name]
    ).fetchall()
    return of_table, dict(of_columns)


def test_a_table_holds_what_its_select_returns(numbers: Warehouse, tmp_path: Path) -> None:
    built = build_table(numbers, table_file(tmp_path, "core.doubled", DOUBLED, ["n", "doubled"]), {})
    assert (built.mode, built.rows, built.affected_keys) == ("full", 10, None)
    assert numbers.execute("from core.doubled order by n").fetchall() == [(n, 2 * n) for n in range(10)]


def test_the_header_becomes_comments_on_the_table_and_its_columns(numbers: Warehouse, tmp_path: Path) -> None:
    table = table_file(tmp_path, "core.doubled", DOUBLED, ["n", "doubled"])
    build_table(numbers, table, {})
    expected = ("A row is a row of core.doubled", table.columns)
    assert comments(numbers, "core.doubled") == expected
    put(numbers, "raw.numbers", "select 1 as n")
    build_table(numbers, table, {})
    assert comments(numbers, "core.doubled") == expected


def test_text_with_quotes_becomes_a_comment_as_it_is(warehouse: Warehouse) -> None:
    columns = {"a": "the customer's 'own' \"name\"; drop table x -- /*"}
    warehouse.write("core.quoted", pd.DataFrame({"a": [1]}), row_is="it's one", columns=columns)
    assert comments(warehouse, "core.quoted") == ("A row is it's one", columns)


def test_a_changed_header_reaches_the_comments_of_a_table_whose_rows_stay(numbers: Warehouse, tmp_path: Path) -> None:
    table = table_file(tmp_path, "core.doubled", DOUBLED, ["n", "doubled"])
    build_table(numbers, table, {})
    version = numbers.books.version()
    table.path.write_text(table.text.replace("what doubled holds", "twice n"))
    changed = table_file(tmp_path, "core.doubled", DOUBLED + " -- other layout", ["n", "doubled"])
    changed.columns["doubled"] = "twice n"
    assert build_table(numbers, changed, {}).mode == "unchanged"
    assert comments(numbers, "core.doubled")[1]["doubled"] == "twice n"
    assert numbers.books.version() != version


@pytest.mark.parametrize("more", ["", "log_changes: true"])
def test_of_a_table_built_anew_readers_learn_other_comments_and_nobody_is_asked_for_equal_rows(
    numbers: Warehouse, tmp_path: Path, more: str
) -> None:
    def build(select: str, name: str) -> int:
        table = table_file(tmp_path, "core.doubled", select, ["n", "doubled"], ["n"], more=more)
        renamed = read_sql_table(write_file(table.path, table.text.replace("what n holds", name)))
        assert build_table(numbers, renamed, {}).mode == "full"
        return numbers.books.tables()["core.doubled"].generation

    first = build(DOUBLED, "a number")
    version = numbers.books.version()
    assert build(f"{DOUBLED} where true", "a number") == first
    assert numbers.books.version() == version
    assert build(DOUBLED, "another text") > first
    assert comments(numbers, "core.doubled")[1]["n"] == "another text"


@pytest.mark.parametrize(
    ("select", "error"),
    [
        ("select n, error('boom') as doubled from raw.numbers", "boom"),
        ("select n, case when n = 9 then cast('x' as int) end as doubled from raw.numbers", "Could not convert"),
        ("select n, nowhere as doubled from raw.numbers", "nowhere"),
        ("select n, n as doubled from raw.missing", "missing"),
        ("select n from raw.numbers", "declared but not selected: doubled"),
        ("select n, n as doubled, 1 as more from raw.numbers", "selected but not declared: more"),
        ("select n as doubled, n from raw.numbers", "another order"),
        ("select n, n as doubled, n as doubled from raw.numbers", "selected twice: doubled"),
        ("select n, timestamp '2024-01-01'::timestamptz_ns as doubled from raw.numbers", "TIMESTAMPTZ_NS"),
        ("select n, row(n, n) as doubled from raw.numbers", "TUPLE"),
        ("select n, [n::variant] as doubled from raw.numbers", "VARIANT"),
        ("select n, $unbound as doubled from raw.numbers", r"nothing is bound to \$unbound"),
    ],
)
def test_a_failed_build_keeps_the_old_table_and_makes_it_stale_with_the_reason(
    numbers: Warehouse, tmp_path: Path, select: str, error: str
) -> None:
    columns = ["n", "doubled"]
    build_table(numbers, table_file(tmp_path, "core.doubled", DOUBLED, columns), {})
    before = numbers.execute("from core.doubled order by n").fetchall()
    described = comments(numbers, "core.doubled")
    with pytest.raises((duckdb.Error, SqlFileError, WarehouseError), match=error):
        build_table(numbers, table_file(tmp_path, "core.doubled", select, columns), {})
    assert numbers.execute("from core.doubled order by n").fetchall() == before
    assert comments(numbers, "core.doubled") == described
    reason = stale_tables(numbers.books.tables())["core.doubled"]
    assert reason.startswith("the last attempt failed: ")
    assert error.replace("\\", "") in reason


def test_a_table_that_never_was_is_not_there_after_its_first_build_failed(numbers: Warehouse, tmp_path: Path) -> None:
    with pytest.raises(duckdb.Error):
        build_table(numbers, table_file(tmp_path, "core.doubled", "select error('boom') as n", ["n"]), {})
    assert not numbers.exists("core.doubled")
    assert "core.doubled" not in numbers.books.tables()


def test_a_rolled_back_build_leaves_no_trace_in_the_books(numbers: Warehouse) -> None:
    version, generation, tables = numbers.books.version(), numbers.books.generation(), numbers.books.tables()
    with contextlib.suppress(RuntimeError), numbers.transaction():
        numbers.replace("raw.numbers", "select 1 as n")
        numbers.books.next_generation()
        numbers.books.log_changed_keys("raw.numbers", "n", "select 1", numbers.books.generation())
        raise RuntimeError("stop")
    assert (numbers.books.version(), numbers.books.generation(), numbers.books.tables()) == (
        version,
        generation,
        tables,
    )
    assert numbers.count("pipeline.changed_keys") == 0
    assert numbers.count("raw.numbers") == 10


def test_the_first_error_is_told_even_if_the_rollback_fails_too(warehouse: Warehouse) -> None:
    def fail() -> None:
        with warehouse.transaction():
            warehouse.connection.rollback()  # leaves nothing for the transaction to roll back
            raise RuntimeError("the cause")

    with pytest.raises(RuntimeError, match="the cause"):
        fail()
    assert warehouse.value("select 1") == 1


def test_values_are_bound_and_never_become_sql(numbers: Warehouse, tmp_path: Path) -> None:
    evil = "x'; drop table raw.numbers; --"
    select = (
        "select $text as text, $day as day, $limits as limits, $nothing::int as nothing, count(*) as n from raw.numbers"
    )
    table = table_file(tmp_path, "core.bound", select, ["text", "day", "limits", "nothing", "n"])
    given = {"text": evil, "day": date(2024, 2, 29), "limits": [1.5, 2.0], "nothing": None, "not_used": 1}
    build_table(numbers, table, given)
    assert numbers.row("from core.bound") == (evil, date(2024, 2, 29), [1.5, 2.0], None, 10)


def test_nothing_is_built_while_code_parameters_and_upstream_stay(numbers: Warehouse, tmp_path: Path) -> None:
    table = table_file(tmp_path, "core.above", "select n from raw.numbers where n > $low", ["n"])
    build_table(numbers, table, {"low": 3})
    version = numbers.books.version()
    assert build_table(numbers, table, {"low": 3}).mode == "unchanged"
    assert numbers.books.version() == version

    assert build_table(numbers, table, {"low": 4}).mode == "full"
    assert numbers.count("core.above") == len(range(5, 10))
    other = table_file(tmp_path, "core.above", "select n from raw.numbers where n >= $low", ["n"])
    assert build_table(numbers, other, {"low": 4}).mode == "full"
    assert numbers.count("core.above") == len(range(4, 10))
    put(numbers, "raw.numbers", "select range as n from range(20)")
    assert build_table(numbers, other, {"low": 4}).mode == "full"
    assert numbers.count("core.above") == len(range(4, 20))


def test_a_volatile_table_is_built_each_time(numbers: Warehouse, tmp_path: Path) -> None:
    table = table_file(tmp_path, "core.today", "select current_date as day", ["day"])
    assert [build_table(numbers, table, {}).mode for _ in range(2)] == ["full", "full"]


def test_a_full_run_builds_what_has_not_changed(home: Home, tmp_path: Path) -> None:
    table = table_file(tmp_path, "core.doubled", DOUBLED, ["n", "doubled"])
    with opened(home) as warehouse:
        put(warehouse, "raw.numbers", "select 1 as n")
        build_table(warehouse, table, {})
        warehouse.execute("delete from core.doubled")
    with opened(home, full=True) as warehouse:
        assert build_table(warehouse, table, {}).mode == "full"
        assert warehouse.count("core.doubled") == 1


def test_a_table_that_was_dropped_is_built_again(numbers: Warehouse, tmp_path: Path) -> None:
    table = table_file(tmp_path, "core.doubled", DOUBLED, ["n", "doubled"])
    build_table(numbers, table, {})
    numbers.execute("drop table core.doubled")
    assert build_table(numbers, table, {}).mode == "full"
    assert numbers.count("core.doubled") == 10


def test_a_success_makes_a_failed_table_fresh_again_and_readers_hear_of_it(numbers: Warehouse, tmp_path: Path) -> None:
    good = table_file(tmp_path / "good", "core.doubled", DOUBLED, ["n", "doubled"])
    bad = table_file(tmp_path / "bad", "core.doubled", "select error('boom') as n, 1 as doubled", ["n", "doubled"])
    build_table(numbers, good, {})
    with pytest.raises(duckdb.Error):
        build_table(numbers, bad, {})
    version = numbers.books.version()
    assert build_table(numbers, good, {}).mode == "unchanged"  # the old rows are those of the good file
    assert stale_tables(numbers.books.tables()) == {}
    assert numbers.books.version() != version


def test_the_same_failure_again_is_no_news(numbers: Warehouse, tmp_path: Path) -> None:
    build_table(numbers, table_file(tmp_path / "good", "core.doubled", DOUBLED, ["n", "doubled"]), {})
    bad = table_file(tmp_path / "bad", "core.doubled", "select error('boom') as n, 1 as doubled", ["n", "doubled"])
    versions = set()
    for _ in range(3):
        with pytest.raises(duckdb.Error):
            build_table(numbers, bad, {})
        versions.add(numbers.books.version())
    assert len(versions) == 1


def test_a_dataframe_is_written_and_read_back(warehouse: Warehouse) -> None:
    frame = pd.DataFrame({"id": ["a", "b"], "value": [1.5, None], "day": pd.to_datetime(["2024-01-01", "2024-01-02"])})
    columns = {"id": "an id", "value": "a value", "day": "a day"}
    built = warehouse.write("models.scores", frame, row_is="a score", columns=columns, upstream=("core.x",))
    assert (built.mode, built.rows) == ("full", 2)
    pd.testing.assert_frame_equal(warehouse.read("models.scores"), frame, check_dtype=False)
    read = warehouse.read("select value from models.scores where id = $id", {"id": "a"})
    assert read["value"].tolist() == [1.5]
    assert warehouse.books.tables()["models.scores"].upstream == ["core.x"]
    assert comments(warehouse, "models.scores") == ("A row is a score", columns)


def test_a_dataframe_must_have_the_described_columns(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError, match="are not the described"):
        warehouse.write("models.scores", pd.DataFrame({"a": [1]}), row_is="x", columns={"b": "x"})
    assert not warehouse.exists("models.scores")


def test_writing_the_rows_that_are_there_is_no_change(warehouse: Warehouse) -> None:
    frame = pd.DataFrame({"a": [1.0, float("nan"), 1.0], "b": ["x", None, "x"]})
    columns = {"a": "a", "b": "b"}

    def write(rows: pd.DataFrame) -> str:
        return warehouse.write("models.scores", rows, row_is="x", columns=columns).mode

    assert write(frame) == "full"
    version = warehouse.books.version()
    assert write(frame.iloc[::-1]) == "unchanged"
    assert warehouse.books.version() == version
    assert write(frame.iloc[:2]) == "full"  # one row of two equal ones is gone
    assert write(frame.iloc[:2].assign(a=[1, 2])) == "full"
    assert warehouse.columns("models.scores")["a"] == "BIGINT"


def test_rows_are_written_with_the_types_given(warehouse: Warehouse) -> None:
    rows: list[dict[str, Any]] = [{"id": "a", "limits": [1, 2], "day": None}, {"id": "b", "limits": None, "day": None}]
    types = {"id": "varchar", "limits": "integer[]", "day": "date"}
    columns = {name: name for name in types}

    def write(written: list[dict[str, Any]]) -> str:
        return warehouse.write_rows("raw.formats", written, types=types, row_is="x", columns=columns).mode

    assert [write(rows), write(rows)] == ["full", "unchanged"]
    assert warehouse.columns("raw.formats") == {"id": "VARCHAR", "limits": "INTEGER[]", "day": "DATE"}
    assert warehouse.execute("from raw.formats order by id").fetchall() == [("a", [1, 2], None), ("b", None, None)]
    assert write(rows[:1]) == "full"
    assert write([]) == "full"
    assert warehouse.count("raw.formats") == 0


def test_a_killed_or_closed_database_keeps_what_was_committed(home: Home) -> None:
    with opened(home) as warehouse:
        put(warehouse, "raw.numbers", "select range as n from range(10)")
        version = warehouse.books.version()
        warehouse.connection.begin()
        warehouse.replace("raw.numbers", "select 1 as n")
        warehouse.books.next_generation()
    with opened(home) as warehouse:
        assert warehouse.count("raw.numbers") == 10
        assert warehouse.books.version() == version


def test_a_database_put_back_from_a_backup_is_not_taken_for_the_one_it_replaced(home: Home) -> None:
    with opened(home) as warehouse:
        put(warehouse, "raw.numbers", "select 1 as n")
    backup = home.working_database.read_bytes()
    versions = []
    for run in ("run-1", "run-2"):
        home.working_database.write_bytes(backup)
        with opened(home) as warehouse:
            later = Warehouse(warehouse.connection, home, warehouse.settings, run)
            put(later, "raw.numbers", f"select '{run}' as n")
            versions.append(later.books.version())
    assert versions[0] != versions[1]
