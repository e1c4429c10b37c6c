"""What readers would lose if a working database that was made anew took the place of the one they read from."""

from collections.abc import Collection, Iterable
from typing import Any

import duckdb

from retail_pipeline.home import Home
from retail_pipeline.ingest.drops import content_hash
from retail_pipeline.warehouse.bookkeeping import first_row
from retail_pipeline.warehouse.snapshot import connect_as_reader, current_snapshot
from retail_pipeline.warehouse.warehouse import Warehouse

SHOWN = 5


def find_losses(warehouse: Warehouse, known_tables: Collection[str] = ()) -> str:
    """The tables and drops of the published snapshot that a new working database lacks, in words; empty if none.

    A database that goes on from the published one may leave out what it likes.

    Parameters
    ----------
    known_tables
        All tables that the pipeline makes: others are no loss. Every table is, if none are given.
    """
    published = _published(warehouse.home)
    if published is None or published[0].startswith(warehouse.books.database_id()):
        return ""
    _, tables, drops = published
    lost_tables = [name for name in tables if name not in warehouse.books.tables()]
    if known_tables:
        lost_tables = [name for name in lost_tables if name in known_tables]
    loaded = _loaded_hashes(warehouse)
    lost_drops = [
        name
        for name, size, sha256 in drops
        if sha256 not in loaded and not _is_continued(warehouse.home, name, size, sha256)
    ]
    lost = [*_listed("tables", lost_tables), *_listed("drops", lost_drops)]
    if not lost:
        return ""
    return (
        f"the working database was made anew and lacks what readers have: {'; '.join(lost)}. Put missing files back "
        f"into {warehouse.home.drops} and run everything; or, if it is meant to be so, remove the link "
        f"{warehouse.home.warehouse_link} and run again"
    )


def _published(home: Home) -> tuple[str, list[str], list[Any]] | None:
    """The snapshot's version, tables and drops; None if there is nothing readable."""
    target = current_snapshot(home)
    if target is None:
        return None
    try:
        with connect_as_reader(target) as reader:
            row = first_row(reader, "select version from meta.snapshot")
            tables = [name for (name,) in reader.execute("select table_name from meta.tables order by 1").fetchall()]
            has_drops = "raw.drops" in tables
            query = "select file_name, bytes, sha256 from raw.drops order by loaded_at desc, file_name"
            drops = reader.execute(query).fetchall() if has_drops else []
    except duckdb.Error:
        return None
    return (str(row[0]), tables, drops) if row else None


def _loaded_hashes(warehouse: Warehouse) -> set[str]:
    if not warehouse.exists("raw.drops"):
        return set()
    return {sha256 for (sha256,) in warehouse.execute("select sha256 from raw.drops").fetchall()}


def _is_continued(home: Home, name: str, size: int, sha256: str) -> bool:
    """Whether the file is there still and begins with the contents that were loaded."""
    try:
        return content_hash(home.drops / name, [size])[1].get(size) == sha256
    except OSError:
        return False


def _listed(what: str, names: Iterable[str]) -> list[str]:
    shown = list(names)
    more = f" and {len(shown) - SHOWN:,} more" if len(shown) > SHOWN else ""
    return [f"{what} {', '.join(shown[:SHOWN])}{more}"] if shown else []
