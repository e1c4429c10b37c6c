"""A store without lines: all tables are built, empty, and no check complains."""

import pytest

from retail_pipeline.definitions import CHECKS
from retail_pipeline.home import Home
from retail_pipeline.warehouse.reader import open_snapshot
from retail_pipeline_tests.assets.store_tables import BUILD_ORDER, ONLINE_RETAIL_HEADER, SQL_TABLES, built
from retail_pipeline_tests.stores import CANONICAL_HEADER, refresh, write_drop

ROWS_OF_AN_EMPTY_STORE = {"core.reporting_currency": 1, "customers.segment_actions": 10}


@pytest.mark.parametrize("content", [None, CANONICAL_HEADER + "\n", ONLINE_RETAIL_HEADER + "\r\n"])
def test_a_store_without_lines_has_empty_tables_and_no_failing_check(home: Home, content: str | None) -> None:
    if content:
        write_drop(home, "a.csv", content)
    with built(home) as warehouse:
        for name in BUILD_ORDER:
            assert warehouse.count(name) == ROWS_OF_AN_EMPTY_STORE.get(name, 0)
            assert list(warehouse.columns(name)) == list(SQL_TABLES[name].columns)
        failing = {
            check.full_name: check.find(warehouse).message for check in CHECKS if not check.find(warehouse).passed
        }
    assert failing == {}


def test_a_store_of_guests_and_adjustments_has_no_scores_and_no_failing_check(home: Home) -> None:
    lines = ["1,X,THING,1,12/1/2010 8:26,2.5,,France", "2,X,THING,-1,12/1/2010 8:26,0,17850,France"]
    write_drop(home, "a.csv", "\r\n".join([ONLINE_RETAIL_HEADER, *lines]) + "\r\n")
    with built(home) as warehouse:
        assert warehouse.count("core.order_lines") == 2
        assert warehouse.count("customers.rfm_scores") == warehouse.count("customers.rfm_segments") == 0
        failing = {
            check.full_name: check.find(warehouse).message for check in CHECKS if not check.find(warehouse).passed
        }
    assert failing == {}


def test_a_run_over_a_file_with_a_header_only_publishes_empty_tables(home: Home) -> None:
    write_drop(home, "a.csv", CANONICAL_HEADER + "\n")
    assert refresh(home).success
    with open_snapshot(home) as snapshot:
        assert snapshot.execute("select count(*) from customers.rfm_scores").fetchall() == [(0,)]
