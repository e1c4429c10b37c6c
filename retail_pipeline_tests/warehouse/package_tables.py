"""The tables of the package that are kept up to date by keys, built as a run builds them but without Dagster."""

from collections.abc import Iterable, Iterator, Sequence
from graphlib import TopologicalSorter

from retail_pipeline.assets.raw.drops import write_formats
from retail_pipeline.assets.sql_assets import find_sql_tables
from retail_pipeline.assets.sql_parameters import sql_parameters
from retail_pipeline.ingest.loader import load_drops
from retail_pipeline.warehouse.table_build import build_table
from retail_pipeline.warehouse.warehouse import Warehouse

SQL_TABLES = {table.name: table for table in find_sql_tables()}


def _with_upstream(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        if name in SQL_TABLES:
            yield name
            yield from _with_upstream(SQL_TABLES[name].upstream)


PACKAGE = {
    name: SQL_TABLES[name]
    for name in sorted({*_with_upstream([name for name, table in SQL_TABLES.items() if table.incremental])})
}
"""The incremental tables and what they are made from: all others are made anew from these."""
LINEAGE = TopologicalSorter({name: table.upstream for name, table in PACKAGE.items()})
BUILD_ORDER = [name for name in LINEAGE.static_order() if name in PACKAGE]

FROM_NO_COLUMN = {
    "core.order_versions": {"lines", "stands"},
    "core.orders": {"lines"},
    "core.reporting_currency": {"is_set", "currencies"},
    "customers.category_changes": {"lines"},
    "customers.features": {"orders", "categories"},
    "customers.order_states": {"lines_bought"},
    "customers.product_changes": {"lines"},
    "customers.rfm_scores": {"frequency"},
    "customers.rfm_segments": {"customers", "share_customers"},
    "customers.segment_actions": {"segment", "priority", "action", "why", "channel"},
    "customers.segment_migration": {"customers", "share_from", "share_to"},
    "customers.segment_outcomes": {
        "customers", "observations", "bought_again", "bought_again_lower", "bought_again_upper", "others_bought_again",
        "verdict", "orders_per_customer",
    },
    "customers.undone_lines": {"lines"},
    "sales.by_category": {"products"},
    "sales.by_hour": {"hour", "days"},
    "sales.cohort_retention": {"customers"},
    "sales.change_drivers": {"split", "driver", "place"},
    "sales.concentration": {"of_what", "top_share", "members", "all_members"},
    "sales.customer_kpis": {"active_customers", "lapsed_customers"},
    "sales.member_days": {"dimension"},
    "sales.member_periods": {"frequency"},
    "sales.period_figures": {"frequency"},
    "sales.repurchase": {"dimension", "within_days", "customers"},
}  # fmt: skip
"""Columns without a source: counts and numbers of rows, constants, and what a setting says."""


def build_package(warehouse: Warehouse, reload: Sequence[str] = ()) -> dict[str, str]:
    """Load new drops and build these tables; the mode in which each was built."""
    load_drops(warehouse, reload)
    write_formats(warehouse)
    parameters = sql_parameters(warehouse.settings)
    return {name: build_table(warehouse, PACKAGE[name], parameters).mode for name in BUILD_ORDER}
