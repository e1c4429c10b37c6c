"""How readers open the published snapshot: read-only, closed to files and network, behind the link."""

import json
from pathlib import Path

import duckdb

from retail_pipeline.errors import SnapshotMissingError, WarehouseError
from retail_pipeline.home import Home
from retail_pipeline.warehouse.snapshot import connect_as_reader, current_snapshot


def open_snapshot(home: Home) -> duckdb.DuckDBPyConnection:
    """A connection to the newest snapshot.

    The link is resolved first: a file is never replaced, so every answer comes from one whole snapshot. External
    access is off and the configuration is locked, so that a query can reach nothing but the snapshot.

    Raises
    ------
    SnapshotMissingError
        when nothing has been published yet.
    WarehouseError
        when the snapshot is damaged, or open for writing elsewhere.
    """
    for _ in range(5):
        path = current_snapshot(home)
        if path is None:
            raise SnapshotMissingError(_nothing_published(home))
        try:
            return connect_as_reader(path)
        except duckdb.Error as error:
            if path.exists():
                raise WarehouseError(_cannot_open(path, error)) from error
            # dropped between the look and the opening: the link leads elsewhere by now
    raise SnapshotMissingError(_nothing_published(home))


def withheld_notice(home: Home) -> dict[str, object] | None:
    """Why newer data are withheld from readers, None if nothing is."""
    try:
        return dict(json.loads(home.withheld_notice.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def snapshots(home: Home) -> list[Path]:
    """The snapshots on disk, oldest first."""
    return sorted(home.snapshots.glob("warehouse-*.duckdb"))


def _cannot_open(path: Path, error: duckdb.Error) -> str:
    return (
        f"The snapshot {path} cannot be opened: {str(error).strip()}. If a program has it open for writing, open it "
        "there read-only; if it is damaged, delete it: 'retail run' publishes a new one."
    )


def _nothing_published(home: Home) -> str:
    withheld = withheld_notice(home)
    if withheld:
        return f"Nothing is published in {home.root} yet; the first snapshot is withheld: {withheld['reason']}"
    return f"Nothing is published in {home.root} yet. Put an export there with 'retail add FILE', then 'retail run'."
