"""How readers open the published snapshot: read-only, closed to files and network, behind the link."""

from pathlib import Path

import duckdb

from retail_pipeline.errors import SnapshotMissingError, WarehouseError
from retail_pipeline.home import Home
from retail_pipeline.warehouse.notices import withheld_notice
from retail_pipeline.warehouse.snapshot import connect_as_reader, current_snapshot

__all__ = ["cannot_open_snapshot", "open_snapshot", "snapshots", "withheld_notice"]


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
                raise WarehouseError(cannot_open_snapshot(path, error)) from error
            # dropped between the look and the opening: the link leads elsewhere by now
    raise SnapshotMissingError(_nothing_published(home))


def snapshots(home: Home) -> list[Path]:
    """The snapshots on disk, oldest first."""
    return sorted(home.snapshots.glob("warehouse-*.duckdb"))


def cannot_open_snapshot(path: Path, error: duckdb.Error) -> str:
    """What to tell a reader when the snapshot is there and cannot be used."""
    return (
        f"The snapshot {path} cannot be opened: {str(error).strip()}. If a program has it open for writing, open it "
        "there read-only; if it is damaged, delete it: 'retail run' publishes a new one."
    )


def _nothing_published(home: Home) -> str:
    withheld = withheld_notice(home)
    if withheld:
        return f"Nothing is published in {home.root} yet; the first snapshot is withheld: {withheld['reason']}"
    return f"Nothing is published in {home.root} yet. Put an export there with 'retail add FILE', then 'retail run'."
