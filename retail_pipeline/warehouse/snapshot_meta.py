"""The schema ``meta`` of a snapshot: what readers may know of its tables, of checks and of runs."""

from retail_pipeline import __version__
from retail_pipeline.warehouse.bookkeeping import RunEnd, stale_tables
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline.warehouse.working_database import utc_now

META = {
    "meta.tables": (
        "a table in this snapshot",
        {
            "table_name": "schema and name",
            "row_is": "what a row is",
            "rows": "how many rows",
            "materialised_at": "when it was last built, or found to need no building [UTC]",
            "run_id": "the run that did so",
            "is_stale": "older than what it is made from, or its last build failed",
            "stale_reason": "why it is stale, else null",
        },
    ),
    "meta.checks": (
        "a check's last outcome",
        {
            "check": "the check's name",
            "table_name": "the table it looks at",
            "passed": "whether the data passed",
            "severity": "ERROR or WARN",
            "is_blocking": "whether a failure withholds the snapshot",
            "message": "what was found",
            "at": "when it ran [UTC]",
            "run_id": "the run it ran in",
        },
    ),
    "meta.runs": (
        "a run of the pipeline, the newest 500",
        {
            "run": "the run's id",
            "started": "when it got hold of the working database [UTC]",
            "seconds": "from then to its publish [seconds]",
            "status": "success, failed or killed",
            "started_by": "command line, schedule, sensor or Dagster UI",
            "message": "why it failed",
        },
    ),
    "meta.snapshot": (
        "this snapshot",
        {
            "file_name": "the snapshot's file",
            "published_at": "when it was published [UTC]",
            "run_id": "the run that published it",
            "version": "names its contents: equal versions hold equal tables",
            "pipeline_version": "the release of retail_pipeline",
        },
    ),
}
"""Each table: what a row is, and its columns."""


def write_meta(warehouse: Warehouse, file_name: str, ending: RunEnd | None) -> None:
    """Make ``meta`` in the attached database ``snapshot`` from what the working database remembers.

    Parameters
    ----------
    ending
        How the present run ends, if it ends with this snapshot.
    """
    run = warehouse.execute
    stale = stale_tables(warehouse.books.tables())
    run("create schema snapshot.meta")
    run(
        "create table snapshot.meta.tables as select table_name, row_is, rows, materialised_at, run_id, "
        "table_name in (select unnest($names::varchar[])) as is_stale, "
        "map_from_entries($reasons::struct(k varchar, v varchar)[])[table_name] as stale_reason "
        "from warehouse.pipeline.tables order by table_name",
        {"names": list(stale), "reasons": [{"k": name, "v": reason} for name, reason in stale.items()]},
    )
    run(
        'create table snapshot.meta.checks as select check_name as "check", table_name, passed, severity, '
        'blocking as is_blocking, message, checked_at as "at", run_id from warehouse.pipeline.checks '
        "order by table_name, check_name"
    )
    run("create table snapshot.meta.runs as from warehouse.pipeline.runs order by started, run")
    if ending:
        run(
            "update snapshot.meta.runs set status = ?, seconds = ?, message = ? where run = ?",
            [ending.status, ending.seconds, ending.message, warehouse.run_id],
        )
    run(
        "create table snapshot.meta.snapshot as select $file as file_name, $at::timestamp as published_at, "
        "$run as run_id, $version as version, $release as pipeline_version",
        {
            "file": file_name,
            "at": utc_now(),
            "run": warehouse.run_id,
            "version": warehouse.books.version(),
            "release": __version__,
        },
    )
    for table, (row_is, columns) in META.items():
        warehouse.describe(f"snapshot.{table}", row_is, columns)
