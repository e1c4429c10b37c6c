"""A locked file for each run, by which the next run learns that an earlier one died.

The kernel drops the lock when the process ends in whatever way. A run keeps its lock until then, even after it has let
go of the working database, for what is left to do (Dagster must note how it ended) can be cut off as well.
"""

import collections
import contextlib
import fcntl
import os
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from retail_pipeline.home import Home

KEPT_LOCKS = 8
"""Runs that one process remembers after their end; by then Dagster has long noted how the older ones ended."""
KEPT_SECONDS = 30 * 86_400.0
"""How long the marker of an ended run waits for someone who knows the run."""
ENDED = b"ended"


class RunMarker:
    """A lock on a file in ``work/runs/``, held for as long as the run's process lives."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    @classmethod
    def hold(cls, home: Home, run_id: str) -> "RunMarker":
        """Mark a run as alive. The file shows under its name only once it is locked."""
        folder = _folder(home)
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{run_id}.{uuid.uuid4().hex[:8]}"
        hidden = folder / f".{name}"
        descriptor = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            hidden.rename(folder / name)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(folder / name, descriptor)

    def note_end(self) -> None:
        """The run's work has come to its end, well or not: whatever cuts its process off now is no loss."""
        with contextlib.suppress(OSError):  # on a full disk
            os.pwrite(self._descriptor, ENDED, 0)

    def retire(self) -> None:
        """The run has let go of the working database; its process is about to end, or to begin another run."""
        if self not in _retired:  # the number of a file that is closed twice may be another's by then
            _retired.append(self)
        while len(_retired) > KEPT_LOCKS:
            _retired.popleft().release()

    def release(self) -> None:
        """There is nothing left of the run that could be cut off."""
        with contextlib.suppress(OSError):
            self._path.unlink()
        os.close(self._descriptor)


_retired: collections.deque[RunMarker] = collections.deque()


def is_alive(home: Home, run_id: str) -> bool:
    """Whether the process of a run is there still."""
    return any(_is_locked(path) for path in _markers(home) if _run_of(path) == run_id)


def has_died(home: Home, run_id: str) -> bool:
    """Whether the process of a run is gone and had not come to the run's end."""
    return run_id in died_runs(home)


def died_runs(home: Home) -> dict[str, float]:
    """The runs whose process is gone without having come to their end, with when they began [seconds since 1970]."""
    began: dict[str, float] = {}
    others: set[str] = set()
    for path in _markers(home):
        with contextlib.suppress(OSError):  # gone since the folder was listed
            status = path.stat()
            if _is_locked(path) or status.st_size:
                others.add(_run_of(path))
            elif path.exists():
                began[_run_of(path)] = status.st_mtime
    return {run: moment for run, moment in began.items() if run not in others}


def ended_runs(home: Home, is_known: Callable[[str], bool] = lambda _: True) -> Iterator[str]:
    """The ids of runs whose process is gone, whether or not it had come to its end.

    A marker goes when the next id is asked for: should the caller die over one, the next caller learns of it again.

    Parameters
    ----------
    is_known
        Whether the caller knows a run. The marker of one that it does not know stays for whoever does, a month long.
    """
    for path in _markers(home):
        if not _is_locked(path) and path.exists():  # who releases a marker takes the file away, then the lock
            if not is_known(_run_of(path)) and _age_seconds(path) < KEPT_SECONDS:
                continue
            yield _run_of(path)
            with contextlib.suppress(OSError):
                path.unlink()


def _age_seconds(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0


def _folder(home: Home) -> Path:
    return home.work / "runs"


def _markers(home: Home) -> list[Path]:
    return sorted(path for path in _folder(home).glob("*") if not path.name.startswith("."))


def _run_of(marker: Path) -> str:
    return marker.name.rsplit(".", 1)[0]


def _is_locked(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
