"""Building tables without Dagster: the drops and the table files, in the order of their lineage."""

from collections.abc import Iterable
from graphlib import TopologicalSorter

from retail_pipeline.assets.frame_assets import FrameTable, build_frame_table
from retail_pipeline.assets.raw.drops import write_formats
from retail_pipeline.assets.sql_assets import find_sql_tables
from retail_pipeline.assets.sql_parameters import sql_parameters
from retail_pipeline.definitions import FRAME_TABLES
from retail_pipeline.ingest.loader import load_drops
from retail_pipeline.warehouse.table_build import build_table
from retail_pipeline.warehouse.warehouse import Warehouse


def build_tables(warehouse: Warehouse, only: Iterable[str] | None = None) -> None:
    """Load new drops, then build all tables, or only some, given as ``schema.table`` or as ``schema``."""
    load_drops(warehouse)
    write_formats(warehouse)
    tables = {table.name: table for table in (*find_sql_tables(), *FRAME_TABLES)}
    order = TopologicalSorter({name: table.upstream for name, table in tables.items()}).static_order()
    wanted = set(tables if only is None else only)
    for name in order:
        if name not in tables or wanted.isdisjoint((name, tables[name].schema)):
            continue
        table = tables[name]
        if isinstance(table, FrameTable):
            build_frame_table(warehouse, table)
        else:
            build_table(warehouse, table, sql_parameters(warehouse.settings))
