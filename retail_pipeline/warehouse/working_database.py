"""Opening the private working database: one run at a time, the others wait and say for whom.

DuckDB's own lock on the file keeps writers apart; the kernel releases it when a process dies, so a killed run
never leaves the store locked. Beside it, each run holds a lock on a marker file of its own, by which the next
run learns that an earlier one died.
"""

import contextlib
import fcntl
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from retail_pipeline.errors import WarehouseBusyError, WarehouseError
from retail_pipeline.home import Home
from retail_pipeline.settings import WarehouseSettings

POLL_SECONDS = 0.25
SAY_AGAIN_SECONDS = 15.0

_open_in_this_process: set[Path] = set()
_guard = threading.Lock()


def utc_now() -> datetime:
    """The current time in UTC, without zone, to the second."""
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)


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

    def __init__(self, home: Home, run_id: str, connection: duckdb.DuckDBPyConnection, marker: "RunMarker") -> None:
        self.home = home
        self.run_id = run_id
        self.connection = connection
        self._marker = marker

    def close(self) -> None:
        """Release the lock."""
        self._holder_file(self.home).unlink(missing_ok=True)
        self.connection.close()
        with _guard:
            _open_in_this_process.discard(self.home.working_database)
        self._marker.release()

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
            Told who holds the database when the wait begins and every 15 seconds after.

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
            connection = cls._wait_for_connection(home, settings, say)
        except BaseException:
            marker.release()
            raise
        holder = Holder(os.getpid(), run_id, f"{utc_now():%Y-%m-%d %H:%M:%S}")
        _write_atomically(cls._holder_file(home), json.dumps(asdict(holder)))
        return cls(home, run_id, connection, marker)

    @classmethod
    def _wait_for_connection(
        cls, home: Home, settings: WarehouseSettings, say: Callable[[str], None]
    ) -> duckdb.DuckDBPyConnection:
        started = time.monotonic()
        last_said = -SAY_AGAIN_SECONDS
        with _interruptible():
            while True:
                connection = _try_connect(home.working_database, settings)
                if connection is not None:
                    return connection
                waited = time.monotonic() - started
                who = cls.holder(home) or "another process"
                if waited > settings.lock_timeout_seconds:
                    raise WarehouseBusyError(
                        f"Gave up after {waited:.0f} s: the working database is held by {who}. Let it end or stop it, "
                        "then run again; warehouse.lock_timeout_seconds sets how long to wait."
                    )
                if waited - last_said >= SAY_AGAIN_SECONDS:
                    say(f"Waiting for the working database: held by {who}.")
                    last_said = waited
                time.sleep(POLL_SECONDS)

    @classmethod
    def holder(cls, home: Home) -> Holder | None:
        """Who wrote last that it holds the database; says nothing of whether it still does."""
        try:
            return Holder(**json.loads(cls._holder_file(home).read_text()))
        except (OSError, ValueError, TypeError):
            return None


class RunMarker:
    """A lock on ``work/runs/<run id>``, held for as long as the run's process lives."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    @classmethod
    def hold(cls, home: Home, run_id: str) -> "RunMarker":
        folder = home.work / "runs"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / run_id
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return cls(path, descriptor)

    def release(self) -> None:
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


def running(home: Home) -> Holder | None:
    """The run that holds the working database now, None if no process does."""
    holder = WorkingDatabase.holder(home)
    if holder is None:
        return None
    try:
        descriptor = os.open(home.work / "runs" / holder.run_id, os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return holder
    finally:
        os.close(descriptor)
    return None


def dead_runs(home: Home) -> list[str]:
    """The ids of runs whose process ended without saying so; each is returned once, its marker removed."""
    dead = []
    for path in sorted((home.work / "runs").glob("*")):
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDWR)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)
                dead.append(path.name)
            finally:
                os.close(descriptor)
    return dead


def _try_connect(path: Path, settings: WarehouseSettings) -> duckdb.DuckDBPyConnection | None:
    with _guard:
        if path in _open_in_this_process:
            return None
        scratch = path.parent / "tmp"
        config: dict[str, Any] = {"temp_directory": str(scratch)}
        if settings.memory_limit:
            config["memory_limit"] = settings.memory_limit
        if settings.threads:
            config["threads"] = settings.threads
        try:
            connection = duckdb.connect(str(path), config=config)
        except duckdb.IOException as error:
            if "lock" in str(error).lower():
                return None
            raise WarehouseError(_cannot_open(path, error)) from error
        except duckdb.Error as error:
            raise WarehouseError(_cannot_open(path, error)) from error
        _open_in_this_process.add(path)
        return connection


def _cannot_open(path: Path, error: Exception) -> str:
    return (
        f"The working database {path} cannot be opened: {str(error).splitlines()[0]} If the file is damaged, delete "
        f"the folder {path.parent}: the next run builds it anew from drops/."
    )


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C end the wait: Dagster defers signals while resources are set up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def _write_atomically(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text)
    temporary.replace(path)
