"""Every data check: silent on good tables, loud on each table corrupted on purpose, and what it says and blocks."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from retail_pipeline.assets.decisions.reports import NAMES
from retail_pipeline.assets.table_checks import TableCheck, equal_totals, look, no_rows
from retail_pipeline.definitions import CHECKS
from retail_pipeline.home import Home
from retail_pipeline.warehouse.snapshot import current_snapshot
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline.warehouse.working_database import utc_now
from retail_pipeline_tests.assets.baskets.corruptions import CORRUPTIONS as BASKET_CORRUPTIONS
from retail_pipeline_tests.assets.baskets.recommendation_corruptions import CORRUPTIONS as OFFER_CORRUPTIONS
from retail_pipeline_tests.assets.baskets.use_corruptions import CORRUPTIONS as BASKET_USE_CORRUPTIONS
from retail_pipeline_tests.assets.customers.corruptions import CORRUPTIONS as CLUSTER_CORRUPTIONS
from retail_pipeline_tests.assets.forecasts.corruptions import CORRUPTIONS as FORECAST_CORRUPTIONS
from retail_pipeline_tests.assets.forecasts.demand_corruptions import CORRUPTIONS as DEMAND_CORRUPTIONS
from retail_pipeline_tests.assets.models.corruptions import CORRUPTIONS as MODEL_CORRUPTIONS
from retail_pipeline_tests.assets.models.purchase_corruptions import CORRUPTIONS as PURCHASE_CORRUPTIONS
from retail_pipeline_tests.assets.models.purchase_corruptions import RIGHT as RIGHT_PURCHASES
from retail_pipeline_tests.assets.sales.corruptions import CORRUPTIONS as SALES_CORRUPTIONS
from retail_pipeline_tests.assets.store_tables import (
    BUILD_ORDER,
    TO_ORDER_LINES,
    built,
    online_retail_csv,
    upstream_of,
)
from retail_pipeline_tests.stores import CANONICAL_HEADER, FEW_PAGES, LOADED, canonical, refresh, write_drop

UCI_LINES = [
    ["1", "MUG1", "MUG", 6, "12/1/2010 8:26", "2.50", "100", "France"],
    ["1", "MUG1", "MUG", 6, "12/1/2010 8:26", "2.50", "100", "France"],
    ["1", "POST", "POSTAGE", 1, "12/1/2010 8:26", "18.00", "100", "France"],
    ["2", "MUG1", "MUG", 3, "12/3/2010 8:26", "2.50", "100", "France"],
    ["C3", "MUG1", "MUG", -4, "12/7/2010 8:26", "2.50", "100", "France"],
    ["4", "CUP1", "CUP", 1, "12/9/2010 8:26", "1.25", "", "Italy"],
    ["6", "CUP1", "CUP", 2, "12/9/2010 9:26", "1.25", "200", "Italy"],
]
CANONICAL_LINES = [
    ["7", "2024-05-31 17:45:00", "anna", "P", "Pen", 1, "2", "France"],
    ["8", "2024-06-01 17:45:00", "anna", "P", "Pen", -1, "2", "France"],
    ["9", "2024-06-02 17:45:00", "bert", "Q", "Pot", 5, "3", "France"],
    ["9", "2024-06-02 17:45:00", "bert", "P", "Pen", 1, "2", "France"],
]

CORRUPTIONS: dict[str, list[str]] = {
    **SALES_CORRUPTIONS,
    **BASKET_USE_CORRUPTIONS,
    **BASKET_CORRUPTIONS,
    "decisions.insights:key_is_unique": ["insert into decisions.insights from decisions.insights limit 1"],
    "decisions.insights:evidence_is_one_row": [
        "update decisions.insights set evidence = 'select 1 where false' where rank = 1",
        "update decisions.insights set evidence = 'from range(2)' where rank = 1",
    ],
    **{
        f"decisions.{name}_reports:key_is_unique": [
            f"insert into decisions.{name}_reports from decisions.{name}_reports"
        ]
        for name in NAMES.values()
    },
    **{
        f"decisions.{name}_reports:pages_are_there": [f"update decisions.{name}_reports set file_name = 'nowhere.html'"]
        for name in NAMES.values()
    },
    "raw.drops:rows_reconcile": [
        "update raw.drops set rows_loaded = rows_loaded + 1, rows_read = rows_read + 1",
        "update raw.drops set rows_read = rows_read + 1",
        "update raw.drops set rows_rejected = 1, rows_read = rows_read + 1",
        "delete from raw.transactions where order_id = '4'",
        "insert into raw.rejected_rows select drop_id, 99, 'why', 'what' from raw.drops",
    ],
    "raw.drops:one_content_a_name": [
        "insert into raw.drops select 'other' as drop_id, * exclude (drop_id) from raw.drops"
    ],
    "raw.drops:key_is_unique": [
        "insert into raw.drops from raw.drops limit 1",
        "update raw.drops set drop_id = null where file_name = 'a.csv'",
    ],
    "raw.drops:rejected_share": [
        "update raw.drops set rows_read = 100, rows_rejected = 26",
        "update raw.drops set rows_read = 100, rows_rejected = 2",
    ],
    "raw.transactions:rows_are_of_one_drop": [
        "insert into raw.transactions from raw.transactions where order_id = '4'",
        "delete from raw.drops where file_name = 'a.csv'",
    ],
    "raw.rejected_rows:rows_are_of_a_drop": ["insert into raw.rejected_rows values ('nowhere', 1, 'why', 'what')"],
    "raw.refused_files:every_file_is_readable": ["insert into raw.refused_files values ('x.csv', 'hash', 'why')"],
    "raw.skipped_sheets:every_sheet_was_read": [
        "insert into raw.skipped_sheets select drop_id, 'Notes', 2, 'why' from raw.drops limit 1"
    ],
    "core.order_lines:key_is_unique": [
        "update core.order_lines set line_no = 1 where order_id = '1'",
        "update core.order_lines set line_no = null where order_id = '4'",
        "update core.order_lines set order_id = null where order_id = '4'",
    ],
    "core.order_lines:amounts_are_in_one_currency": [
        "update core.order_lines set reporting_amount = null where order_id = '4'"
    ],
    "core.order_versions:key_is_unique": [
        "insert into core.order_versions select '4', 'd', 'shopify', 1, true, null from range(2)"
    ],
    "core.order_lines:orders_are_of_one_format": [
        "insert into core.order_versions values ('4', 'd', 'shopify', 1, true, null)"
    ],
    "core.order_shares:key_is_unique": [
        "insert into core.order_shares select '4', 'd', 2, 1, 0, null, null, null, null from range(2)"
    ],
    "core.exchange_rates:key_is_unique": [
        "insert into core.exchange_rates select 'EUR', date '2024-01-01', null, 1 from range(2)"
    ],
    "core.order_lines:rows_equal_raw": [
        "delete from core.order_lines where order_id = '4'",
        "insert into core.order_lines from core.order_lines where order_id = '4'",
        "update core.order_lines set amount = amount + 0.0001 where order_id = '4'",
        # one line lost and another of the same value doubled
        "update core.order_lines set source_row = 2, line_no = 9 where order_id = '1' and is_duplicate",
    ],
    "core.order_lines:dates_in_range": [
        "update core.order_lines set order_date = date '1989-12-31' where order_id = '4'",
        "update core.order_lines set order_date = current_date + 2 where order_id = '4'",
    ],
    "core.orders:key_is_unique": ["insert into core.orders from core.orders where order_id = '4'"],
    "core.orders:money_equals_lines": [
        "delete from core.orders where order_id = '4'",
        "update core.orders set amount = amount - 0.0001 where order_id = '4'",
        "update core.orders set lines = lines + 1 where order_id = '4'",
    ],
    "core.customers:key_is_unique": ["insert into core.customers from core.customers where customer_id = '200'"],
    "core.customers:lines_have_customers": ["delete from core.customers where customer_id = '200'"],
    "core.customers:money_equals_lines": [
        "update core.customers set sales_amount = sales_amount + 0.0001 where customer_id = '200'",
        "update core.customers set returns_amount = returns_amount + 0.0001 where customer_id = '100'",
    ],
    "core.products:key_is_unique": ["insert into core.products from core.products where product_id = 'P'"],
    "core.products:lines_have_products": ["delete from core.products where product_id = 'P'"],
    "core.products:money_equals_lines": [
        "update core.products set sales_amount = sales_amount + 0.0001 where product_id = 'P'",
        "update core.products set units = units + 1 where product_id = 'P'",
    ],
    "core.calendar:key_is_unique": ["insert into core.calendar from core.calendar limit 1"],
    "core.calendar:lines_have_days": ["delete from core.calendar where date_day = date '2024-05-31'"],
    "core.cancellation_matches:key_is_unique": [
        "insert into core.cancellation_matches from core.cancellation_matches limit 1"
    ],
    "core.cancellation_matches:never_more_than_sold": [
        "update core.cancellation_matches set quantity = 7 where sale_order_id = '2'",
        "update core.cancellation_matches set quantity = 2 where sale_order_id = '1'",
        "update core.cancellation_matches set sale_order_id = 'no order' where sale_order_id = '2'",
    ],
    "core.cancellation_matches:undone_sales_come_to_nothing": [
        "update core.cancellation_matches set amount = amount - 0.0001 where sale_order_id = '2'"
    ],
    "customers.undone_lines:key_is_unique": ["insert into customers.undone_lines from customers.undone_lines limit 1"],
    "customers.undone_lines:never_more_than_bought": [
        "update customers.undone_lines set quantity = 99",
        "update customers.undone_lines set lines = 1 - lines",
        "update customers.undone_lines set amount = amount + 0.0001",
        "update customers.undone_lines set order_id = 'no order'",
    ],
    "customers.order_states:key_is_unique": ["insert into customers.order_states from customers.order_states limit 1"],
    "customers.order_states:money_equals_purchases": [
        *(
            f"update customers.order_states set {column} = {column} + 1 where order_id = '6'"
            for column in ("lines", "units", "amount", "amount_bought")
        ),
        "delete from customers.order_states where order_id = '6'",
    ],
    "customers.order_states:one_state_at_a_time": [
        "update customers.order_states set known_until = known_from where order_id = '6'",
        "update customers.order_states set known_until = null",
        "update customers.order_states set lines = -1 where order_id = '6'",
    ],
    "customers.product_changes:key_is_unique": [
        "insert into customers.product_changes from customers.product_changes limit 1"
    ],
    "customers.product_changes:lines_equal_orders": [
        "update customers.product_changes set lines = lines + 1 where customer_id = '200'",
        "update customers.product_changes set products = products + 1 where customer_id = '200'",
        "delete from customers.product_changes where customer_id = '200'",
    ],
    "customers.category_shares:key_is_unique": [
        "insert into customers.category_shares select customer_id, as_of, 'tea', 1, 1 from customers.features, range(2)"
    ],
    "customers.category_shares:agree_with_the_features": [
        "insert into customers.category_shares select customer_id, as_of, 'tea', 1, 1 from customers.features",
        "insert into customers.category_shares select 'nobody', as_of, 'tea', 1, 1 from customers.features limit 1",
        "update customers.features set categories = categories + 1",
    ],
    "customers.category_changes:key_is_unique": [
        "insert into customers.category_changes select '200', 'tea', date '2011-01-01', 1, 2 from range(2)"
    ],
    "customers.category_changes:money_equals_purchases": [
        "insert into customers.category_changes values ('200', 'tea', date '2011-01-01', 0, 0.0001)",
        "insert into customers.category_changes values ('200', 'tea', date '2011-01-01', 1, 0)",
        "update core.customer_purchases set category = 'tea' where order_id = '6'",
    ],
    "customers.features:key_is_unique": ["insert into customers.features from customers.features limit 1"],
    "customers.features:agree_with_the_scores": [
        *(
            f"update customers.features set {column} = {column} + 1 where customer_id = '200'"
            for column in ("recency_days", "orders", "total_spend")
        ),
        "delete from customers.features where customer_id = '200'",
        "update customers.features set as_of = as_of + 1",
    ],
    "customers.features:features_are_in_range": [
        "update customers.features set recency_days = 0 where customer_id = '200'",
        "update customers.features set purchase_days = orders + 1 where customer_id = '200'",
        "update customers.features set orders_365d = orders + 1 where customer_id = '200'",
        "update customers.features set product_variety = 0 where customer_id = '200'",
        "update customers.features set product_entropy = 1 where customer_id = '200'",
        "update customers.features set preferred_weekday = 0 where customer_id = '200'",
        "update customers.features set night_share = 0.5 where customer_id = '200'",
        "update customers.features set return_rate = 1.5 where customer_id = '200'",
        "update customers.features set lifecycle_stage = 'gone' where customer_id = '200'",
        "update customers.features set lifecycle_stage = null where customer_id = '200'",
    ],
    "customers.feature_catalogue:features_are_described": [
        "delete from customers.feature_catalogue where feature = 'orders'",
        "update customers.feature_catalogue set meaning = '' where feature = 'orders'",
        "update customers.feature_catalogue set place = place + 1",
        "insert into customers.feature_catalogue by name select 'charm' as feature, 99 as place, 'it' as meaning",
    ],
    "customers.features_history:key_is_unique": [
        "insert into customers.features_history from customers.features_history limit 1"
    ],
    "customers.features_history:agrees_with_the_scores": [
        "update customers.features_history set total_spend = total_spend + 0.0001 where customer_id = 'anna'",
        "delete from customers.features_history where customer_id = 'anna'",
        "delete from customers.features_history where month = date '2024-05-01'",
        "delete from customers.features_history",
    ],
    "customers.rfm_history:key_is_unique": ["insert into customers.rfm_history from customers.rfm_history limit 1"],
    "customers.rfm_history:months_are_whole_and_follow_each_other": [
        "update customers.rfm_history set as_of = as_of + 1 where month = date '2024-05-01'",
        "delete from customers.rfm_history where month = date '2024-04-01'",
        "update customers.rfm_scores set as_of = date '2024-05-31'",
    ],
    "customers.segment_migration:key_is_unique": [
        "insert into customers.segment_migration from customers.segment_migration limit 1"
    ],
    "customers.segment_migration:everyone_comes_from_somewhere": [
        "update customers.segment_migration set customers = customers + 1 where month = date '2024-05-01'",
        "update customers.segment_migration set monetary_after = monetary_after + 0.0001",
        "update customers.segment_migration set monetary_before = monetary_before + 0.0001",
        "delete from customers.segment_migration where month = date '2024-05-01'",
    ],
    "customers.segment_outcomes:key_is_unique": [
        "insert into customers.segment_outcomes from customers.segment_outcomes limit 1"
    ],
    "customers.segment_outcomes:intervals_hold_what_they_are_of": [
        "update customers.segment_outcomes set bought_again = 2",
        "update customers.segment_outcomes set bought_again_upper = bought_again - 0.1",
        "update customers.segment_outcomes set observations = customers - 1",
        "update customers.segment_outcomes set spend_lower = spend_per_customer + 1",
        "update customers.segment_outcomes set verdict = 'leave more than others', others_bought_again = 0",
    ],
    "customers.segment_actions:key_is_unique": [
        "insert into customers.segment_actions from customers.segment_actions limit 1"
    ],
    "customers.segment_actions:every_segment_has_an_action": ["delete from customers.segment_actions"],
    "customers.rfm_scores:key_is_unique": [
        "insert into customers.rfm_scores from customers.rfm_scores where customer_id = '200'"
    ],
    "customers.rfm_scores:scores_in_range": [
        "update customers.rfm_scores set rfm_score = '160' where customer_id = '200'",
        "update customers.rfm_scores set rfm_score = null where customer_id = '200'",
        "update customers.rfm_scores set recency_days = -1 where customer_id = '200'",
        "update customers.rfm_scores set recency_days = null where customer_id = '200'",
    ],
    "customers.rfm_scores:customers_are_known": [
        "update customers.rfm_scores set customer_id = 'stranger' where customer_id = '200'"
    ],
    "customers.rfm_scores:money_equals_purchases": [
        "update customers.rfm_scores set monetary = monetary + 0.0001 where customer_id = '200'",
        "delete from customers.rfm_scores where customer_id = '200'",
        "delete from customers.rfm_scores",
    ],
    **CLUSTER_CORRUPTIONS,
    **FORECAST_CORRUPTIONS,
    **DEMAND_CORRUPTIONS,
    **MODEL_CORRUPTIONS,
    **OFFER_CORRUPTIONS,
    **PURCHASE_CORRUPTIONS,
    "customers.rfm_segments:segments_hold_everyone": [
        "update customers.rfm_segments set customers = customers + 1",
        "update customers.rfm_segments set orders = orders + 1",
        "update customers.rfm_segments set revenue = revenue + 0.0001",
        "delete from customers.rfm_segments",
    ],
}
"""By check, the harm done to good tables that it must find."""

BY_NAME = {check.full_name: check for check in CHECKS}
NOT_BLOCKING = {
    "baskets.frequent_itemsets:some_items_are_frequent",
    "baskets.product_costs:costs_are_of_products",
    "core.order_lines:amounts_are_in_one_currency",
    "core.order_lines:orders_are_of_one_format",
    "decisions.insights:evidence_is_one_row",
    "forecasts.archive:errors_are_as_in_the_backtest",
    "forecasts.scenarios:scenarios_are_in_order",
    "forecasts.stock:stock_is_of_products",
    "models.btyd_parameters:models_converged",
    "models.drift:customers_are_as_before",
    *(f"decisions.{name}_reports:pages_are_there" for name in NAMES.values()),
    "raw.drops:one_content_a_name",
    "raw.refused_files:every_file_is_readable",
    "raw.skipped_sheets:every_sheet_was_read",
}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """A small store whose tables are right; harm done in a transaction is rolled back."""
    home = Home(tmp_path_factory.mktemp("good")).create()
    home.settings_file.write_text(FEW_PAGES)
    write_drop(home, "a.csv", online_retail_csv(UCI_LINES))
    write_drop(home, "b.csv", canonical(CANONICAL_LINES))
    with built(home) as warehouse:
        yield warehouse


@pytest.mark.parametrize("name", BY_NAME)
def test_a_check_passes_on_good_tables(good: Warehouse, name: str) -> None:
    finding = BY_NAME[name].find(good)
    assert finding.passed, finding.message


@pytest.mark.parametrize("name", PURCHASE_CORRUPTIONS)
def test_a_check_passes_on_predictions_that_can_be(good: Warehouse, name: str) -> None:
    good.connection.begin()
    try:
        good.execute(RIGHT_PURCHASES)
        finding = BY_NAME[name].find(good)
    finally:
        good.connection.rollback()
    assert finding.passed, finding.message


@pytest.mark.parametrize(
    ("name", "harm"),
    [(name, harm) for name, harms in CORRUPTIONS.items() for harm in harms],
    ids=lambda text: text[:60],
)
def test_a_check_fails_on_a_table_corrupted_on_purpose(good: Warehouse, name: str, harm: str) -> None:
    good.connection.begin()
    try:
        good.execute(harm)
        finding = BY_NAME[name].find(good)
    finally:
        good.connection.rollback()
    assert not finding.passed
    assert len(finding.message) < 1_000


def test_every_check_has_a_corruption_it_must_find() -> None:
    assert set(CORRUPTIONS) == set(BY_NAME), "add what each new check must find to CORRUPTIONS"


def test_checks_block_what_would_spread() -> None:
    assert {name for name, check in BY_NAME.items() if not check.blocking} == NOT_BLOCKING


def test_every_table_is_checked() -> None:
    # seen by the checks of what is made from them
    small_or_derived = {"core.product_names", "core.customer_purchases", "core.reporting_currency"}
    assert set(BUILD_ORDER) - small_or_derived <= {check.table for check in CHECKS}


class Listener:
    """A connection that remembers what it is asked."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.asked: list[str] = []

    def execute(self, sql: str, parameters: Any = None) -> duckdb.DuckDBPyConnection:
        self.asked.append(sql)
        return self._connection.execute(sql, parameters)


def test_a_check_waits_for_every_table_it_reads(good: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    listener = Listener(good.connection)
    monkeypatch.setattr(good, "connection", listener)
    for check in CHECKS:
        listener.asked.clear()
        check.find(good)
        trees = [sqlglot.parse_one(sql, read="duckdb") for sql in listener.asked]
        assert trees, check.full_name
        named = (found for tree in trees for found in tree.find_all(exp.Table))
        read = {f"{found.db}.{found.name}" for found in named if found.db}
        is_raw = {name for name in read if name.startswith("raw.")}  # loaded before anything else
        assert read - is_raw - upstream_of(check.table) == set(check.beside), check.full_name


@pytest.mark.parametrize("days", [-1, 0, 1, 2])
def test_orders_may_be_dated_until_tomorrow(home: Home, days: int) -> None:
    day = utc_now().date() + timedelta(days=days)
    write_drop(home, "new.csv", canonical([["1", f"{day} 12:00:00", "c", "P", "Pen", 1, "2", "France"]]))
    with built(home, only=TO_ORDER_LINES) as warehouse:
        finding = BY_NAME["core.order_lines:dates_in_range"].find(warehouse)
    assert finding.passed == (days <= 1)


@pytest.mark.parametrize(("earliest", "passed"), [("1985-03-02", True), ("1985-03-03", False)])
def test_the_earliest_date_is_a_setting(home: Home, earliest: str, passed: bool) -> None:
    home.settings_file.write_text(f"[quality]\nearliest_order_date = {earliest}\n")
    write_drop(home, "old.csv", canonical([["1", "1985-03-02 12:00:00", "c", "P", "Pen", 1, "2", "France"]]))
    with built(home, only=TO_ORDER_LINES) as warehouse:
        assert BY_NAME["core.order_lines:dates_in_range"].find(warehouse).passed is passed


def test_a_date_out_of_range_is_named_with_its_file_and_row(home: Home) -> None:
    lines = [[str(number), "2024-05-31 12:00:00", "c", "P", "Pen", 1, "2", "France"] for number in range(5)]
    lines[3][1] = "2204-05-31 12:00:00"
    write_drop(home, "may.csv", canonical(lines))
    with built(home, only=TO_ORDER_LINES) as warehouse:
        message = BY_NAME["core.order_lines:dates_in_range"].find(warehouse).message
    assert message.startswith("1 lines are dated outside 1990-01-01 to ")
    assert "the first in may.csv, row 5: 2204-05-31 12:00:00" in message
    assert "--reload" in message
    assert "quality.earliest_order_date" in message


def test_stock_of_a_product_that_was_never_sold_is_a_warning(good: Warehouse) -> None:
    good.execute("begin")
    try:
        good.execute("insert into forecasts.stock (product_id, on_hand) values ('nowhere', 1)")
        found = BY_NAME["forecasts.stock:stock_is_of_products"].find(good)
    finally:
        good.execute("rollback")
    assert (found.passed, found.severity) == (False, "WARN")
    assert "A product not sold yet does no harm." in found.message


def drop_with_rejects(home: Home, rejected: int, of: int) -> None:
    """A file of that many rows, some of which have no date."""
    lines = [f"{row},{'?' if row < rejected else '2024-05-31'},c{row},P,Pen,1,2,France" for row in range(of)]
    write_drop(home, "may.csv", "\n".join([CANONICAL_HEADER, *lines]) + "\n")


@pytest.mark.parametrize(
    ("rejected", "of", "outcome"),
    [
        (0, 100, "passed"),
        (1, 100, "passed"),
        (2, 100, "WARN"),
        (25, 100, "WARN"),
        (26, 100, "ERROR"),
        (3, 3, "ERROR"),
    ],
)
def test_the_rejected_share_warns_above_one_limit_and_fails_above_the_other(
    home: Home, rejected: int, of: int, outcome: str
) -> None:
    drop_with_rejects(home, rejected, of)
    with built(home, only=()) as warehouse:
        finding = look(BY_NAME["raw.drops:rejected_share"], warehouse)
        ((noted, _),) = warehouse.books.checks()
    assert ("passed" if finding.passed else finding.severity) == outcome
    assert noted.blocking or outcome != "ERROR"
    if not finding.passed:
        assert finding.message.startswith(f"may.csv: {rejected} of {of} rows rejected ({rejected / of:.1%})")


@pytest.mark.parametrize(("warn", "fail", "outcome"), [(0.5, 0.02, "ERROR"), (0.1, 0.2, "passed"), (0, 1, "WARN")])
def test_the_limits_of_the_rejected_share_are_settings(home: Home, warn: float, fail: float, outcome: str) -> None:
    home.settings_file.write_text(f"[quality]\nrejected_share_warn = {warn}\nrejected_share_fail = {fail}\n")
    drop_with_rejects(home, 3, 100)
    with built(home, only=()) as warehouse:
        finding = BY_NAME["raw.drops:rejected_share"].find(warehouse)
    assert ("passed" if finding.passed else finding.severity) == outcome


def test_many_rejects_withhold_the_snapshot_and_few_do_not(home: Home) -> None:
    drop_with_rejects(home, 2, 100)
    result = refresh(home, select=LOADED)
    assert result.success
    published = current_snapshot(home)
    assert published is not None
    (warned,) = [event for event in result.get_asset_check_evaluations() if not event.passed]
    assert (warned.check_name, warned.severity.value, warned.blocking) == ("rejected_share", "WARN", True)
    write_drop(home, "june.csv", CANONICAL_HEADER + "\n1,?,c,P,Pen,1,2,France\n")
    refresh(home, select=LOADED)
    assert current_snapshot(home) == published


def test_a_message_shows_few_faults_and_no_long_texts(good: Warehouse) -> None:
    secret = "Dear Sir, my address is 1 Long Lane. " * 20
    check = no_rows(
        "raw.drops", "x", "", f"select '{secret}' || n as note, n from range(1000) as numbers(n)", remedy="Do this."
    )
    message = check.find(good).message
    assert message.startswith("1,000 rows at fault, the first: note Dear Sir")
    assert message.endswith("Do this.")
    assert len(message) < 500


def test_a_check_that_breaks_counts_as_failed_and_says_little(good: Warehouse) -> None:
    check = no_rows(
        "raw.drops", "broken", "", f"select * from no_such_table where note = '{'private ' * 200}'", remedy=""
    )
    with pytest.raises(Exception, match="no_such_table"):
        look(check, good)
    (noted,) = [outcome for outcome, _ in good.books.checks() if outcome.check_name == "broken"]
    assert (noted.passed, noted.blocking) == (False, True)
    assert len(noted.message) < 400


def test_equal_totals_tell_both_sides_and_nulls_are_equal(good: Warehouse) -> None:
    def totals(here: str, there: str) -> TableCheck:
        return equal_totals("raw.drops", "x", "", f"select {here} as total", f"select {there} as total", remedy="")

    assert totals("null::bigint", "null::bigint").find(good).passed
    message = totals("5", "null::integer").find(good).message
    assert re.search("totals_of its upstream, total None; totals_of raw.drops, total 5", message)
