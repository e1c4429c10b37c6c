"""Writing Dagster's event log quickly: a run makes some four thousand short visits to its SQLite files."""

import contextlib
import importlib
import sqlite3
from collections.abc import Iterator
from typing import Any

STORAGES = (
    "dagster._core.storage.event_log.sqlite.sqlite_event_log",
    "dagster._core.storage.runs.sqlite.sqlite_run_storage",
    "dagster._core.storage.schedules.sqlite.sqlite_schedule_storage",
)
"""The modules in which Dagster makes an engine for each visit."""


@contextlib.contextmanager
def quick_event_log() -> Iterator[None]:
    """Spare the visits that a process makes inside what only the last visitor, or a power failure, asks for.

    Dagster makes an engine and a connection for each visit: such an engine knows none of the statements that were
    compiled for the visits before, and whoever closes the last connection to a SQLite file empties its write-ahead log.
    Here each file has one engine, whose connections are used again. Commits do not wait for the disk, by which a power
    failure (not a kill) may take the last of them back, but leaves the files whole (SQLite's ``synchronous = normal``
    under a write-ahead log). Where a release of Dagster keeps its storages elsewhere, a run is slower, no more.
    """
    from sqlalchemy import create_engine, event
    from sqlalchemy.pool import QueuePool

    class LastingPool(QueuePool):
        """Connections outlive the visit at whose end Dagster disposes of them."""

        def dispose(self) -> None:
            pass

        def recreate(self) -> "LastingPool":
            return self

    made: dict[str, Any] = {}

    def make_once(url: str, **options: Any) -> Any:
        if url not in made:
            made[url] = create_engine(url, **{**options, "poolclass": LastingPool})
            event.listen(made[url], "connect", _do_not_wait)
        return made[url]

    modules: list[Any] = []
    for name in STORAGES:
        with contextlib.suppress(ImportError):
            modules.append(importlib.import_module(name))
    making = [module for module in modules if getattr(module, "create_engine", None) is create_engine]
    for module in making:
        module.create_engine = make_once
    try:
        yield
    finally:
        for module in making:
            module.create_engine = create_engine
        for engine in made.values():
            QueuePool.dispose(engine.pool)


def _do_not_wait(connection: sqlite3.Connection, _: object) -> None:
    connection.execute("pragma synchronous = normal")
