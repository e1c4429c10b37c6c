"""Writing Dagster's event log quickly: a run makes some two thousand short visits to its SQLite files."""

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

    Whoever closes the last connection to a SQLite file empties its write-ahead log, so one more is kept open to each
    file; and commits do not wait for the disk, by which a power failure (not a kill) may take the last of them back,
    but leaves the files whole (SQLite's ``synchronous = normal`` under a write-ahead log). It is the waiting for a
    busy disk that this spares. Each file has one SQLAlchemy engine as well: Dagster makes one a visit, which knows none
    of the statements that were compiled for the visits before.
    """
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    kept: dict[str, sqlite3.Connection] = {}

    def visit(connection: Any, _: object) -> None:
        if not isinstance(connection, sqlite3.Connection):
            return
        connection.execute("pragma synchronous = normal")
        [(_, _, path), *_] = connection.execute("pragma database_list").fetchall()
        if path and path not in kept:
            kept[path] = sqlite3.connect(path, check_same_thread=False)
            kept[path].execute("select count(*) from sqlite_master").fetchall()  # a connection opens when it is used

    event.listen(Engine, "connect", visit)
    try:
        with _one_engine_a_file():
            yield
    finally:
        event.remove(Engine, "connect", visit)
        for connection in kept.values():
            connection.close()


@contextlib.contextmanager
def _one_engine_a_file() -> Iterator[None]:
    """Nothing but slower where a release of Dagster keeps its storages elsewhere."""
    from sqlalchemy import create_engine

    made: dict[str, Any] = {}

    def make_once(url: str, **options: Any) -> Any:
        if url not in made:
            made[url] = create_engine(url, **options)
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
