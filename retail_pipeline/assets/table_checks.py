"""The factory of data checks: a query that returns the rows at fault makes a Dagster asset check.

A check's outcome is written down in the working database as well: a failing blocking check withholds the
snapshot, also in later runs of other assets, until it passes.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter

import dagster as dg

from retail_pipeline.assets.sql_assets import asset_key
from retail_pipeline.assets.sql_parameters import sql_parameters
from retail_pipeline.ingest.privacy import MASK, PERSONAL
from retail_pipeline.warehouse.bookkeeping import CheckOutcome
from retail_pipeline.warehouse.resource import WarehouseResource
from retail_pipeline.warehouse.warehouse import Warehouse

SHOWN_FAULTS = 5
SHOWN_CHARACTERS = 60
SHOWN_ERROR_CHARACTERS = 300


@dataclass(frozen=True)
class Finding:
    """What a check found: passed or not, how bad, and in words with what to do."""

    passed: bool
    message: str
    severity: str = "ERROR"


@dataclass(frozen=True)
class TableCheck:
    """A check on one table: ``find`` looks at the warehouse and returns what it found.

    ``beside`` names the tables it reads that do not stand upstream of its own: it waits for them.
    """

    table: str
    name: str
    description: str
    find: Callable[[Warehouse], Finding]
    blocking: bool = True
    beside: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        return f"{self.table}:{self.name}"


def no_rows(
    table: str,
    name: str,
    description: str,
    faults_sql: str,
    *,
    remedy: str,
    blocking: bool = True,
    parameters: Iterable[str] = (),
    beside: tuple[str, ...] = (),
) -> TableCheck:
    """A check that passes when a query for rows at fault returns none.

    Parameters
    ----------
    remedy
        What a user can do about the rows, for the message of a failure.
    parameters
        Names of the ``$parameters`` of the query, bound as those of table files are.
    beside
        Tables of the query that do not stand upstream of ``table``.
    """

    def find(warehouse: Warehouse) -> Finding:
        values = sql_parameters(warehouse.settings)
        bound = {name: values[name] for name in parameters}
        count = warehouse.value(f"select count(*) from ({faults_sql})", bound)
        if not count:
            return Finding(True, "no rows at fault")
        result = warehouse.execute(f"from ({faults_sql}) order by all limit {SHOWN_FAULTS}", bound)
        names = [column[0] for column in result.description or []]
        shown = "; ".join(
            ", ".join(
                f"{name} {MASK if name in PERSONAL else _shorten(str(value), SHOWN_CHARACTERS)}"
                for name, value in zip(names, row, strict=True)
            )
            for row in result.fetchall()
        )
        return Finding(False, f"{count:,} rows at fault, the first: {shown}. {remedy}")

    return TableCheck(table, name, description, find, blocking, beside)


def warning(check: TableCheck) -> TableCheck:
    """The check, which warns instead of failing."""

    def find(warehouse: Warehouse) -> Finding:
        return replace(check.find(warehouse), severity="WARN")

    return replace(check, find=find)


def _shorten(text: str, characters: int) -> str:
    """A text that fits: messages travel into logs and the snapshot, where a customer's own words have no place."""
    line = " ".join(text.split())
    return line if len(line) <= characters else line[: characters - 1] + "…"


def unique_key(table: str, *columns: str) -> TableCheck:
    """The key's columns are never null, and no two rows share them."""
    key, nulls = ", ".join(columns), " or ".join(f"{column} is null" for column in columns)
    return no_rows(
        table,
        "key_is_unique",
        f"({key}) is never null and identifies a row",
        f"select {key}, count(*) as rows from {table} group by {key} having count(*) > 1 or {nulls}",
        remedy="This is a defect of the pipeline: please report it; 'retail run --full' builds the table anew.",
    )


def equal_totals(
    table: str,
    name: str,
    description: str,
    totals_sql: str,
    upstream_sql: str,
    *,
    remedy: str,
    parameters: Iterable[str] = (),
    beside: tuple[str, ...] = (),
) -> TableCheck:
    """A check that passes when two queries of one row each, of the table and of what it is made from, agree exactly."""
    differing = f"""
        with of_table as ({totals_sql}), of_upstream as ({upstream_sql})
        (select '{table}' as totals_of, * from (from of_table except from of_upstream))
        union all
        (select 'its upstream' as totals_of, * from (from of_upstream except from of_table))
    """
    return no_rows(table, name, description, differing, remedy=remedy, parameters=parameters, beside=beside)


def build_checks(checks: Iterable[TableCheck]) -> list[dg.AssetChecksDefinition]:
    """A Dagster check each; those of one table share a step, for a step costs more than most of them.

    Those that do not block have a step of their own: where one breaks, its step fails, which must not hold up the
    tables that wait for the others.
    """
    in_steps = attrgetter("table", "blocking")
    steps = groupby(sorted(checks, key=in_steps), key=in_steps)
    return [_build_step(table, list(of_step)) for (table, _), of_step in steps]


def _build_step(table: str, checks: list[TableCheck]) -> dg.AssetChecksDefinition:
    specs = [
        dg.AssetCheckSpec(
            check.name,
            asset=asset_key(table),
            description=check.description,
            blocking=check.blocking,
            additional_deps=[asset_key(other) for other in check.beside],
        )
        for check in checks
    ]

    kind = "checks" if checks[0].blocking else "advice"

    @dg.multi_asset_check(name=f"{table.replace('.', '__')}__{kind}", specs=specs, can_subset=True)
    def run(context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource) -> Iterator[dg.AssetCheckResult]:
        asked = {key.name for key in context.selected_asset_check_keys}
        broken: list[Exception] = []
        for check in checks:
            if check.name not in asked:
                continue
            try:
                finding = look(check, warehouse.warehouse)
            except Exception as error:
                broken.append(error)
                continue
            yield dg.AssetCheckResult(
                passed=finding.passed,
                asset_key=asset_key(table),
                check_name=check.name,
                severity=dg.AssetCheckSeverity(finding.severity),
                metadata={"found": finding.message},
            )
        if broken:
            raise broken[0]

    return run


def look(check: TableCheck, warehouse: Warehouse) -> Finding:
    """Run a check and write its outcome down; a check that breaks counts as failed."""
    try:
        finding = check.find(warehouse)
    except Exception as error:
        reason = _shorten(str(error), SHOWN_ERROR_CHARACTERS)
        _note(check, warehouse, Finding(False, f"the check itself failed: {reason}"))
        raise
    _note(check, warehouse, finding)
    return finding


def _note(check: TableCheck, warehouse: Warehouse, finding: Finding) -> None:
    withholds = check.blocking and finding.severity == "ERROR"
    warehouse.books.record_check(
        CheckOutcome(check.name, check.table, finding.passed, finding.severity, withholds, finding.message)
    )
