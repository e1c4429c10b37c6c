"""The assets of schema ``raw``: loading new drops, and the registry of formats as a table."""

from collections.abc import Iterator

import dagster as dg

from retail_pipeline.assets.sql_assets import OWNERS, asset_key, freshness, table_metadata
from retail_pipeline.ingest.formats.known import known_formats
from retail_pipeline.ingest.loader import load_drops
from retail_pipeline.ingest.raw_tables import FORMATS_TABLE, RAW_TABLES, RawTable, format_row
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse.resource import WarehouseResource
from retail_pipeline.warehouse.warehouse import Materialisation, Warehouse

LOAD_OP = "load_drops"


class LoadConfig(dg.Config):
    """What to do beyond loading new files: ``reload`` names files to load again, ``remove`` those to take out."""

    reload: list[str] = []  # noqa: RUF012 - a pydantic field, copied for each instance
    remove: list[str] = []  # noqa: RUF012


def build_raw_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """``raw.transactions``, ``rejected_rows``, ``drops`` and ``refused_files`` from one step, and ``raw.formats``."""

    @dg.multi_asset(name=LOAD_OP, specs=[_spec(table, settings) for table in RAW_TABLES], can_subset=False)
    def load(context: dg.AssetExecutionContext, config: LoadConfig, warehouse: WarehouseResource) -> Iterator[object]:
        opened = warehouse.warehouse
        with opened.remembered_failure(*(table.name for table in RAW_TABLES)):
            report = load_drops(opened, config.reload, context.log.info, config.remove)
        figures = {
            "files_loaded": len(report.loaded),
            "files_known": len(report.known),
            "files_refused": len(report.refused),
            "files_still_growing": len(report.growing),
            "rows_rejected": sum(drop.rows_rejected for drop in report.loaded),
        }
        mode = "incremental" if report.loaded else "unchanged"
        for table in RAW_TABLES:
            built = Materialisation(table.name, opened.count(table.name), 0.0, mode)
            metadata = {**table_metadata(opened, built, table.descriptions), **figures}
            yield dg.MaterializeResult(asset_key=asset_key(table.name), metadata=metadata)

    @dg.asset(
        key=asset_key(FORMATS_TABLE.name),
        group_name="raw",
        description=f"A row is {FORMATS_TABLE.row}.",
        kinds={"duckdb", "python"},
        owners=OWNERS,
        freshness_policy=freshness(settings),
        metadata=_definition_metadata(FORMATS_TABLE),
    )
    def formats(warehouse: WarehouseResource) -> dg.MaterializeResult:  # type: ignore[type-arg]
        opened = warehouse.warehouse
        built = write_formats(opened)
        return dg.MaterializeResult(metadata=table_metadata(opened, built, FORMATS_TABLE.descriptions))

    return [load, formats]


def write_formats(warehouse: Warehouse) -> Materialisation:
    """The formats there are into ``raw.formats``, and those of loaded drops that are there no longer."""
    rows = {format_.name: format_row(format_) for format_ in known_formats(warehouse.settings)}
    if warehouse.exists(FORMATS_TABLE.name):
        names = [name for name in FORMATS_TABLE.columns if name in warehouse.columns(FORMATS_TABLE.name)]
        used = warehouse.execute(
            f"select {', '.join(names)} from raw.formats semi join raw.drops using (format) order by format"
        ).fetchall()
        # rules that an earlier release did not know are none
        none: dict[str, object] = {
            name: [] if type_.endswith("[]") else None for name, (type_, _) in FORMATS_TABLE.columns.items()
        }
        rows = {row[0]: {**none, **dict(zip(names, row, strict=True))} for row in used} | rows
    return warehouse.write_rows(
        FORMATS_TABLE.name,
        list(rows.values()),
        types={name: type_ for name, (type_, _) in FORMATS_TABLE.columns.items()},
        row_is=FORMATS_TABLE.row,
        columns=FORMATS_TABLE.descriptions,
    )


def _spec(table: RawTable, settings: Settings) -> dg.AssetSpec:
    return dg.AssetSpec(
        asset_key(table.name),
        group_name="raw",
        description=f"A row is {table.row}.",
        kinds={"duckdb", "python"},
        owners=OWNERS,
        freshness_policy=freshness(settings),
        metadata=_definition_metadata(table),
    )


def _definition_metadata(table: RawTable) -> dict[str, object]:
    columns = [dg.TableColumn(name, type_, text) for name, (type_, text) in table.columns.items()]
    return {"dagster/column_schema": dg.TableSchema(columns), "dagster/table_name": table.name}
