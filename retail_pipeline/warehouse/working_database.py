"""Opening the private working database: one run at a time, the others wait and say for whom.

DuckDB's own lock on the file keeps writers apart; the kernel releases it when a process dies, so a killed run
never leaves the store locked. Beside it, each run holds a lock on a marker file of its own
(:mod:`retail_pipeline.warehouse.run_markers`), by which the next run learns that an earlier one died.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from retail_pipeline.errors import WarehouseBusyError, WarehouseError
from retail_pipeline.home import Home
from retail_pipeline.settings import WarehouseSettings
from retail_pipeline.warehouse.run_markers import RunMarker, is_alive

STORAGE_VERSION = "v1.4.0"
"""The oldest DuckDB whose clients can open a snapshot. The working database is so too, for its file becomes one."""

POLL_SECONDS = 0.25
SAY_AGAIN_SECONDS = 15.0
LOCKED = "Could not set lock on file"
LOCKING_PROCESS = re.compile(r"\(PID (\d+)\)")
SCRATCH = ("tmp", "drop-*", "new-*.duckdb*", "*.clean.tmp*")
"""What a killed run may leave in ``work/``: DuckDB's spilled rows, unpacked drops, databases not yet in their place."""

_open_in_this_process: set[Path] = set()
_guard = threading.Lock()


def utc_now() -> datetime:
    """The current time in UTC, without zone, to the second."""
    return precise_utc_now().replace(microsecond=0)


def precise_utc_now() -> datetime:
    """The current time in UTC, without zone, to the microsecond: what came later is later, however soon."""
    return datetime.now(UTC).replace(tzinfo=None)


@dataclass(frozen=True)
class Holder:
    """The run that holds the working database; ``since`` in UTC."""

    pid: int
    run_id: str
    since: str

    def __str__(self) -> str:
        return f"run {self.run_id} (process {self.pid}) since {self.since} UTC"


class WorkingDatabase:
    """An open, locked working database; close it to let the next run in."""

    def __init__(self, home: Home, run_id: str, connection: duckdb.DuckDBPyConnection, marker: RunMarker) -> None:
        self.home = home
        self.run_id = run_id
        self.connection = connection
        self._marker = marker

    def close(self) -> None:
        """Release the lock; does not raise, for there may be an error on its way that must not be hidden."""
        self._marker.note_end()
        with contextlib.suppress(OSError):
            self._holder_file(self.home).unlink()
        try:
            with contextlib.suppress(duckdb.Error):
                _disconnect(self.home, self.connection)
        finally:
            self._marker.retire()

    @staticmethod
    def _holder_file(home: Home) -> Path:
        return home.work / "holder.json"

    @classmethod
    def open(
        cls, home: Home, run_id: str, settings: WarehouseSettings, say: Callable[[str], None] = lambda _: None
    ) -> "WorkingDatabase":
        """Open the database, waiting while another run holds it.

        Parameters
        ----------
        say
            Told who holds the database when the wait begins, every 15 seconds after, and when the holder changes.

        Raises
        ------
        WarehouseBusyError
            when the wait exceeded ``warehouse.lock_timeout_seconds``.
        WarehouseError
            when the file cannot be opened for another reason.
        KeyboardInterrupt
            when interrupted while waiting.
        """
        home.create()
        marker = RunMarker.hold(home, run_id)
        try:
            _create_database(home)
            connection = cls._wait_for_connection(home, settings, say)
        except BaseException:
            marker.note_end()
            marker.retire()
            raise
        database = cls(home, run_id, connection, marker)
        try:
            database._announce()
            _clear_scratch(home)
        except BaseException:
            database.close()
            raise
        return database

    def _announce(self) -> None:
        """Leave word of who holds the database. Who cannot (a full disk) may hold it all the same."""
        holder = Holder(os.getpid(), self.run_id, f"{utc_now():%Y-%m-%d %H:%M:%S}")
        path = self._holder_file(self.home)
        temporary = path.with_name(f".{path.name}")
        with contextlib.suppress(OSError):
            temporary.write_text(json.dumps(asdict(holder)))
            temporary.replace(path)

    @classmethod
    def _wait_for_connection(
        cls, home: Home, settings: WarehouseSettings, say: Callable[[str], None]
    ) -> duckdb.DuckDBPyConnection:
        started = time.monotonic()
        last_said, last_who = -SAY_AGAIN_SECONDS, ""
        with _noticed_interrupts() as interrupts:
            while True:
                found = _try_connect(home, settings)
                connection = found if isinstance(found, duckdb.DuckDBPyConnection) else None
                if interrupts:
                    if connection:
                        _disconnect(home, connection)
                    raise KeyboardInterrupt
                if connection:
                    return connection
                waited = time.monotonic() - started
                who = str(running(home) or found)
                if waited > settings.lock_timeout_seconds:
                    raise WarehouseBusyError(
                        f"Gave up after {waited:.0f} s: the working database is held by {who}. Let it end or stop it, "
                        "then run again; warehouse.lock_timeout_seconds sets how long to wait."
                    )
                if waited - last_said >= SAY_AGAIN_SECONDS or who != last_who:
                    say(f"Waiting for the working database: held by {who}.")
                    last_said, last_who = waited, who
                time.sleep(POLL_SECONDS)

    @classmethod
    def holder(cls, home: Home) -> Holder | None:
        """Who wrote last that it holds the database; says nothing of whether it still does."""
        try:
            return Holder(**json.loads(cls._holder_file(home).read_text()))
        except (OSError, ValueError, TypeError):
            return None


def running(home: Home) -> Holder | None:
    """The run that holds the working database now, None if no process does."""
    holder = WorkingDatabase.holder(home)
    return holder if holder and is_alive(home, holder.run_id) else None


def _try_connect(home: Home, settings: WarehouseSettings) -> duckdb.DuckDBPyConnection | str:
    """A connection, or who keeps it from being made."""
    path = home.working_database
    config: dict[str, Any] = {"temp_directory": str(home.work / "tmp"), "max_vacuum_tasks": 0}
    if settings.memory_limit:
        config["memory_limit"] = settings.memory_limit
    if settings.threads:
        config["threads"] = settings.threads
    with _guard:
        if _identity(home) in _open_in_this_process:
            return f"another run in this process ({os.getpid()})"
        try:
            connection = duckdb.connect(str(path), config=config)
        except duckdb.Error as error:
            if LOCKED in str(error):
                process = LOCKING_PROCESS.search(str(error))
                return f"process {process[1]}" if process else "another process"
            raise WarehouseError(cannot_open(home, error)) from error
        _open_in_this_process.add(_identity(home))
        return connection


def _disconnect(home: Home, connection: duckdb.DuckDBPyConnection) -> None:
    try:
        connection.close()
    finally:
        with _guard:
            _open_in_this_process.discard(_identity(home))


def cannot_open(home: Home, error: Exception) -> str:
    """What to tell a user when the database is there and cannot be used."""
    return (
        f"The working database {home.working_database} cannot be opened: {_first_line(error)} If the file is damaged, "
        f"move the folder {home.work} away: the next run builds it anew from the files in drops/."
    )


def _first_line(error: Exception) -> str:
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    return text if text.endswith((".", "!")) else f"{text}."


def _identity(home: Home) -> Path:
    """The database's path without links: the lock binds processes only, and a home may go by two names in one."""
    return home.working_database.resolve()


def _create_database(home: Home) -> None:
    """Put an empty database in place, whole: a run killed while DuckDB makes a file leaves one that nobody can open."""
    path = home.working_database
    if path.exists():
        return
    new = home.work / f"new-{uuid.uuid4().hex}.duckdb"
    try:
        duckdb.connect(str(new), config={"storage_compatibility_version": STORAGE_VERSION}).close()
        os.link(new, path)  # unlike a renaming, it never replaces what another run made meanwhile
    except duckdb.Error as error:
        raise WarehouseError(cannot_open(home, error)) from error
    except OSError:
        pass  # another run was faster; or the file system has no hard links, and DuckDB makes the file in its place
    finally:
        new.unlink(missing_ok=True)


def _clear_scratch(home: Home) -> None:
    """Remove what killed runs left behind; only the run that holds the database may."""
    for path in [path for pattern in SCRATCH for path in home.work.glob(pattern)]:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                path.unlink()


@contextlib.contextmanager
def _noticed_interrupts() -> Iterator[list[int]]:
    """Collect the interrupts that come while waiting: Dagster defers them while resources are set up.

    A signal that would end the process at once, or that is ignored, keeps its meaning.
    """
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    replaced = {number: handler for number, handler in handlers.items() if callable(handler)}
    for number in replaced:
        signal.signal(number, lambda number, _: received.append(number))
    try:
        yield received
    finally:
        for number, handler in replaced.items():
            signal.signal(number, handler)
