"""The factory that turns ``.sql`` table files into Dagster assets."""

import functools
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from retail_pipeline.assets.pictures import pictures
from retail_pipeline.assets.sql_parameters import sql_parameters
from retail_pipeline.ingest.privacy import MASK, PERSONAL
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse.resource import WarehouseResource
from retail_pipeline.warehouse.sql_file import SqlTable, read_sql_table
from retail_pipeline.warehouse.table_build import build_table
from retail_pipeline.warehouse.warehouse import Materialisation, Warehouse

OWNERS = ["team:analytics"]
PREVIEW_ROWS = 5


def asset_key(table: str) -> dg.AssetKey:
    """``schema.table`` as the asset's key."""
    return dg.AssetKey(table.split("."))


def freshness(settings: Settings) -> dg.FreshnessPolicy:
    """When a table counts as overdue."""
    return dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=settings.quality.fresh_within_hours))


@functools.cache
def find_sql_tables(folder: Path = Path(__file__).parent) -> list[SqlTable]:
    """All table files below a folder (the package's own by default), parsed; each folder is read once a process."""
    return [read_sql_table(path) for path in sorted(folder.glob("*/*.sql"))]


def build_sql_assets(tables: Iterable[SqlTable], settings: Settings) -> list[dg.AssetsDefinition]:
    """One asset a table file."""
    return [_build_asset(table, settings) for table in tables]


def _build_asset(table: SqlTable, settings: Settings) -> dg.AssetsDefinition:
    schema = dg.TableSchema([dg.TableColumn(name, description=text) for name, text in table.columns.items()])

    @dg.asset(
        key=asset_key(table.name),
        deps=[asset_key(upstream) for upstream in table.upstream],
        group_name=table.schema,
        description=table.description,
        kinds={"duckdb", "sql"},
        owners=OWNERS,
        code_version=table.code_version,
        freshness_policy=freshness(settings),
        metadata={"dagster/column_schema": schema, "dagster/table_name": table.name, "key": ", ".join(table.key)},
    )
    def build(warehouse: WarehouseResource) -> dg.MaterializeResult:  # type: ignore[type-arg]
        opened = warehouse.warehouse
        built = build_table(opened, table, sql_parameters(opened.settings))
        return dg.MaterializeResult(
            metadata={
                **table_metadata(opened, built, table.columns),
                **pictures(opened, table.name),
                "sql": dg.MetadataValue.md(f"```sql\n{table.text}\n```"),
                "dagster/column_lineage": _column_lineage(opened, table),
            }
        )

    return build


def table_metadata(warehouse: Warehouse, built: Materialisation, columns: Mapping[str, str]) -> dict[str, Any]:
    """What every materialisation of a table tells in the Dagster UI."""
    types = warehouse.columns(built.table)
    schema = dg.TableSchema([dg.TableColumn(name, type_, columns.get(name)) for name, type_ in types.items()])
    metadata = {
        "dagster/row_count": built.rows,
        "dagster/table_name": built.table,
        "dagster/column_schema": schema,
        "seconds": round(built.seconds, 3),
        "mode": built.mode,
        "preview": dg.MetadataValue.md(_preview(warehouse, built.table)),
    }
    if built.affected_keys is not None:
        metadata["affected_keys"] = built.affected_keys
    return metadata


def _preview(warehouse: Warehouse, table: str) -> str:
    """The first rows as a Markdown table, without what would tell who a customer is."""
    result = warehouse.execute(f"from {table} limit {PREVIEW_ROWS}")
    names = [column[0] for column in result.description or []]
    rows = [
        [
            "" if value is None else MASK if name in PERSONAL else str(value)
            for name, value in zip(names, row, strict=True)
        ]
        for row in result.fetchall()
    ]
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |" for line in lines
    )


def _column_lineage(warehouse: Warehouse, table: SqlTable) -> dg.TableColumnLineage:
    upstream = {name: warehouse.columns(name) for name in table.upstream}
    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(asset_key(source), source_column) for source, source_column in sources]
            for column, sources in table.column_sources(upstream).items()
        }
    )
