"""The factory of assets that SQL cannot make: their inputs come as DataFrames, and so does what they make."""

import hashlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any

import dagster as dg

from retail_pipeline.assets.sql_assets import OWNERS, asset_key, freshness, table_metadata
from retail_pipeline.assets.sql_parameters import sql_parameters
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse.resource import WarehouseResource
from retail_pipeline.warehouse.warehouse import Materialisation, Warehouse

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class FrameTable:
    """A table made in Python.

    Attributes
    ----------
    name
        ``schema.table``.
    row, about, key
        What a row is, longer text for the lineage graph, and the columns that identify a row.
    columns
        By name the SQL type and what the column holds.
    upstream
        The tables that ``make`` reads.
    make
        Reads its inputs from the warehouse, calls ``analytics``, returns a DataFrame with these columns.
    code
        Modules whose change asks for a new build, beside that of ``make``.
    texts
        Texts whose change does so too.
    parameters
        Names of ``$parameters`` (settings) whose change asks for a new build.
    is_whole
        Whether all is there that ``make`` wrote beside the table (files, say); if not, it is made anew.
    tell
        What a materialisation tells beside rows and columns: pictures, a report.
    """

    name: str
    row: str
    about: str
    key: tuple[str, ...]
    columns: Mapping[str, tuple[str, str]]
    upstream: tuple[str, ...]
    make: "Callable[[Warehouse], pd.DataFrame]"
    code: tuple[ModuleType, ...] = ()
    texts: tuple[str, ...] = ()
    parameters: tuple[str, ...] = field(default=())
    is_whole: Callable[[Warehouse], bool] = lambda _: True
    tell: Callable[[Warehouse], Mapping[str, Any]] = lambda _: {}

    @property
    def schema(self) -> str:
        return self.name.split(".")[0]

    @property
    def descriptions(self) -> dict[str, str]:
        return {name: text for name, (_, text) in self.columns.items()}

    def write(self, warehouse: Warehouse, fingerprint: str) -> Materialisation:
        """Make the table and put it in the place of the one there is."""
        with warehouse.remembered_failure(self.name):
            frame = self.make(warehouse)
        return warehouse.write(
            self.name,
            frame,
            row_is=self.row,
            columns=self.descriptions,
            types={name: type_ for name, (type_, _) in self.columns.items()},
            upstream=self.upstream,
            fingerprint=fingerprint,
        )

    @property
    def code_version(self) -> str:
        """A hash of the code that makes the table."""
        sources = [inspect.getsource(module) for module in (inspect.getmodule(self.make), *self.code) if module]
        return hashlib.sha256("\n".join([*sources, *self.texts, repr(self.columns)]).encode()).hexdigest()[:16]


def build_frame_assets(tables: Iterable[FrameTable], settings: Settings) -> list[dg.AssetsDefinition]:
    """One asset a table."""
    return [_build_asset(table, settings) for table in tables]


def build_frame_table(warehouse: Warehouse, table: FrameTable) -> Materialisation:
    """Make a table anew, or leave it if none of its upstream tables, nor its code, nor a parameter has changed.

    Raises
    ------
    WarehouseError
        when the columns that come out are not the described ones; the old table stays.
    """
    values = sql_parameters(warehouse.settings)
    bound = {name: values[name] for name in table.parameters}
    made_by = f"{table.code_version} {sorted(bound.items())}"
    fingerprint = hashlib.sha256(made_by.encode()).hexdigest()[:16]
    if warehouse.is_current(table.name, table.upstream, fingerprint) and table.is_whole(warehouse):
        return warehouse.leave(table.name, row_is=table.row, upstream=table.upstream, fingerprint=fingerprint)
    return table.write(warehouse, fingerprint)


def _build_asset(table: FrameTable, settings: Settings) -> dg.AssetsDefinition:
    schema = dg.TableSchema([dg.TableColumn(name, type_, text) for name, (type_, text) in table.columns.items()])

    @dg.asset(
        key=asset_key(table.name),
        deps=[asset_key(upstream) for upstream in table.upstream],
        group_name=table.schema,
        description=f"A row is {table.row}.\n\n{table.about}".strip(),
        kinds={"duckdb", "python"},
        owners=OWNERS,
        code_version=table.code_version,
        freshness_policy=freshness(settings),
        metadata={"dagster/column_schema": schema, "dagster/table_name": table.name, "key": ", ".join(table.key)},
    )
    def build(warehouse: WarehouseResource) -> dg.MaterializeResult:  # type: ignore[type-arg]
        opened = warehouse.warehouse
        built = build_frame_table(opened, table)
        return dg.MaterializeResult(
            metadata={**table_metadata(opened, built, table.descriptions), **table.tell(opened)}
        )

    return build
