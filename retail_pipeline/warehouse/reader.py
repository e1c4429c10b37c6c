"""How readers open the published snapshot: read-only, closed to files and network, behind the link."""

import json
from pathlib import Path

import duckdb

from retail_pipeline.errors import SnapshotMissingError
from retail_pipeline.home import Home
from retail_pipeline.warehouse.snapshot import current_snapshot


def open_snapshot(home: Home) -> duckdb.DuckDBPyConnection:
    """A connection to the newest snapshot.

    The link is resolved first: a file is never replaced, so every answer comes from one whole snapshot. External
    access is off and the configuration is locked, so that a query can reach nothing but the snapshot.

    Raises
    ------
    SnapshotMissingError
        when nothing has been published yet.
    """
    for _ in range(5):
        path = current_snapshot(home)
        if path is None:
            raise SnapshotMissingError(_nothing_published(home))
        try:
            connection = duckdb.connect(str(path), read_only=True, config={"enable_external_access": "false"})
        except duckdb.IOException:
            if path.exists():
                raise
            continue  # dropped between the look and the opening: the link leads elsewhere by now
        connection.execute("set lock_configuration = true")
        return connection
    raise SnapshotMissingError(_nothing_published(home))


def withheld_notice(home: Home) -> dict[str, object] | None:
    """Why newer data are withheld from readers, None if nothing is."""
    try:
        return dict(json.loads(home.withheld_notice.read_text()))
    except (OSError, ValueError):
        return None


def snapshots(home: Home) -> list[Path]:
    """The snapshots on disk, oldest first."""
    return sorted(home.snapshots.glob("warehouse-*.duckdb"))


def _nothing_published(home: Home) -> str:
    withheld = withheld_notice(home)
    if withheld:
        return f"Nothing is published in {home.root} yet; the first snapshot is withheld: {withheld['reason']}"
    return f"Nothing is published in {home.root} yet. Put an export there with 'retail add FILE', then 'retail run'."
