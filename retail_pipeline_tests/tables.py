"""Building tables without Dagster: the drops and the table files, in the order of their lineage."""

from collections.abc import Iterable
from graphlib import TopologicalSorter

from retail_pipeline.assets.raw.drops import write_formats
from retail_pipeline.assets.sql_assets import find_sql_tables
from retail_pipeline.assets.sql_parameters import sql_parameters
from retail_pipeline.ingest.loader import load_drops
from retail_pipeline.warehouse.table_build import build_table
from retail_pipeline.warehouse.warehouse import Warehouse


def build_tables(warehouse: Warehouse, only: Iterable[str] | None = None) -> None:
    """Load new drops, then build all tables, or only some, given as ``schema.table`` or as ``schema``."""
    load_drops(warehouse)
    write_formats(warehouse)
    tables = {table.name: table for table in find_sql_tables()}
    order = TopologicalSorter({name: table.upstream for name, table in tables.items()}).static_order()
    wanted = set(tables if only is None else only)
    for name in order:
        if name in tables and not wanted.isdisjoint((name, tables[name].schema)):
            build_table(warehouse, tables[name], sql_parameters(warehouse.settings))
