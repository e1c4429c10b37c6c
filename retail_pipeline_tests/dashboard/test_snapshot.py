"""How the dashboard reads: the newest snapshot, only SELECT, and what it says of its age."""

import shutil
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from retail_pipeline.console.query import QueryError
from retail_pipeline.dashboard.freshness import freshness
from retail_pipeline.dashboard.questions import EXAMPLES, answer
from retail_pipeline.dashboard.snapshot import Snapshot, published
from retail_pipeline.errors import SnapshotMissingError, WarehouseError
from retail_pipeline.home import Home
from retail_pipeline.warehouse.notices import LastRun, note_last_run, write_notice
from retail_pipeline.warehouse.snapshot import connect_as_reader, current_snapshot, point_link, publish
from retail_pipeline.warehouse.working_database import utc_now
from retail_pipeline_tests.stores import opened
from retail_pipeline_tests.tables import build_tables


@pytest.fixture
def copied(small_store: Home, home: Home) -> Home:
    """The small store's snapshot in a home of its own."""
    source = current_snapshot(small_store)
    assert source is not None
    shutil.copy(source, home.snapshots / source.name)
    point_link(home.warehouse_link, home.snapshots / source.name)
    return home


def publish_changed(home: Home, name: str, change: str) -> Path:
    """Publish what is published with a change, as a file of its own."""
    before = current_snapshot(home)
    assert before is not None
    target = home.snapshots / name
    shutil.copy(before, target)
    target.chmod(0o644)
    with duckdb.connect(str(target)) as connection:
        connection.execute(change)
    point_link(home.warehouse_link, target)
    return target


def test_before_any_run_there_is_no_snapshot_and_the_error_says_what_to_do(home: Home) -> None:
    with pytest.raises(SnapshotMissingError, match="retail add FILE"):
        published(home)


def test_a_damaged_snapshot_is_said(home: Home) -> None:
    (home.snapshots / "warehouse-1.duckdb").write_bytes(b"no database" * 1000)
    point_link(home.warehouse_link, home.snapshots / "warehouse-1.duckdb")
    with pytest.raises(WarehouseError, match="cannot be opened"):
        published(home)


def test_a_new_snapshot_is_read_from_the_next_look_on_while_the_old_one_stays_readable(copied: Home) -> None:
    old = published(copied)
    assert old.value("select currency from core.reporting_currency") == "GBP"
    publish_changed(copied, "warehouse-2.duckdb", "update core.reporting_currency set currency = 'EUR'")
    new = published(copied)
    assert new.value("select currency from core.reporting_currency") == "EUR"
    assert old.value("select currency from core.reporting_currency") == "GBP"
    old.path.unlink()  # as a publish drops the oldest
    assert old.value("select count(*) from core.reporting_currency") == 1


def test_a_refresh_publishes_and_drops_old_snapshots_while_the_dashboard_reads(home: Home) -> None:
    with opened(home) as warehouse:
        build_tables(warehouse, only=())
        first = publish(warehouse, keep=1)
        reading = published(home)
        with reading.cursor() as cursor:
            half_read = cursor.execute("select * from range(100000)")
            half_read.fetchone()
            second = publish(warehouse, keep=1)
            assert len(half_read.fetchall()) == 99_999
    assert (first.exists(), published(home).path) == (False, second)
    assert reading.value("select count(*) from meta.snapshot") == 1


def test_parameters_are_bound_and_answers_keyed_by_them(copied: Home) -> None:
    snapshot = published(copied)
    for text in ("a", "'; drop table core.orders; --"):
        assert snapshot.value("select $text", text=text) == text
    assert snapshot.value("select len($values)", values=("a", "b")) == 2


def test_a_table_tells_what_it_holds(copied: Home) -> None:
    snapshot = published(copied)
    assert snapshot.has("core.orders", "sales.monthly")
    assert not snapshot.has("core.orders", "core.nothing")
    assert "reporting currency" in snapshot.words()["sales.monthly"].columns["net_sales"]


def test_every_example_of_the_query_box_is_answered(copied: Home) -> None:
    snapshot = published(copied)
    for sql in EXAMPLES.values():
        assert len(answer(snapshot, sql, most=10)) > 0


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("", "empty"),
        ("-- only a comment", "comment"),
        ("select 1; select 2", "one query"),
        ("drop table core.orders", "Only SELECT"),
        ("create temp table x as select 1", "Only SELECT"),
        ("set threads = 1", "Only SELECT"),
        ("attach ':memory:' as other", "Only SELECT"),
        ("copy core.orders to '/tmp/orders.csv'", "Only SELECT"),
        ("select * from read_csv('/etc/passwd')", "disabled"),
        ("select * from '/etc/passwd'", "passwd"),
        ("select nothing from core.orders", "nothing"),
        ("select from where", "yntax"),
    ],
)
def test_the_query_box_answers_select_alone_and_says_why_not(copied: Home, sql: str, reason: str) -> None:
    with pytest.raises(QueryError, match=reason):
        answer(published(copied), sql, most=10)


def test_the_query_box_reads_no_more_rows_than_it_may(copied: Home) -> None:
    assert len(answer(published(copied), "select * from range(1000)", most=7)) == 7


def test_columns_of_one_name_are_told_apart(copied: Home) -> None:
    assert list(answer(published(copied), "select 1 as a, 2 as a", most=1)) == ["a", "a_1"]


def test_a_query_without_end_is_given_up(copied: Home) -> None:
    endless = "select count(*) from range(10000000000) as a, range(1000) as b where a.range * b.range % 7 = 3"
    with pytest.raises(QueryError, match=r"given up after 0\.2 seconds"):
        answer(published(copied), endless, most=1, seconds=0.2)


def test_fresh_data_are_told_in_a_line_without_warnings(copied: Home) -> None:
    publish_changed(copied, "warehouse-9.duckdb", "delete from meta.checks where not passed")
    told = freshness(copied, published(copied), utc_now(), fresh_within_hours=36)
    assert "Data to 30 June 2024" in told.line
    assert "amounts in GBP" in told.line
    assert told.warnings == ()


def test_old_data_withheld_data_and_a_failed_run_are_warned_of(copied: Home) -> None:
    snapshot = published(copied)
    write_notice(copied.withheld_notice, {"since": "2024-07-01 02:00:00", "reason": "orders are in the future"})
    note_last_run(copied, LastRun("r", "2024-07-01 02:00:00", 1.0, "failed", "schedule", "the disk is full"))
    told = freshness(copied, snapshot, utc_now() + timedelta(hours=40), fresh_within_hours=36)
    texts = "\n".join(told.warnings)
    assert "withheld since 2024-07-01 02:00:00 UTC: orders are in the future" in texts
    assert "schedule) failed: the disk is full" in texts
    assert "more than 36 hours" in texts


def test_a_failed_run_is_said_to_have_failed_once(copied: Home) -> None:
    note_last_run(copied, LastRun("r", "2024-07-01 02:00:00", 1.0, "failed", "schedule", "failed: core__orders"))
    (told,) = [text for text in freshness(copied, published(copied), utc_now(), 36).warnings if "The last run" in text]
    assert told.endswith("schedule) failed: core__orders")


def test_failing_checks_and_stale_tables_are_warned_of(copied: Home) -> None:
    changed = publish_changed(
        copied,
        "warehouse-3.duckdb",
        "update meta.checks set passed = false, message = '7 rows at fault' where table_name = 'core.orders'; "
        "update meta.tables set is_stale = true, stale_reason = 'its build failed' where table_name = 'sales.daily'",
    )
    with connect_as_reader(changed) as connection:
        counts = "select count(*), count(*) filter (where table_name = 'core.orders') from meta.checks where not passed"
        failing, of_orders = connection.execute(counts).fetchall()[0]
    told = freshness(copied, Snapshot(changed), utc_now(), 36)
    assert f"{failing} failed" in told.line
    assert sum("7 rows at fault" in warning for warning in told.warnings) == of_orders > 0
    assert "Stale: sales.daily: its build failed" in told.warnings
