"""The files in ``drops/``: which are there, which are still being written, what they contain."""

import hashlib
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from retail_pipeline.home import Home

HIDDEN_STARTS = (".", "~$")
UNFINISHED_SUFFIXES = (".tmp", ".part", ".partial", ".crdownload", ".filepart", ".download", ".swp")
BLOCK = 1 << 22


@dataclass(frozen=True)
class DroppedFile:
    """A file in ``drops/``.

    ``name`` is its path below that folder, with a mark for what is no text in it; ``modified_ns`` is when its contents
    last changed, as whoever wrote it says, ``changed_ns`` as the system saw it.
    """

    name: str
    path: Path
    size: int
    modified_ns: int
    changed_ns: int

    @property
    def stamp(self) -> str:
        """Changes whenever the file is written to."""
        return f"{self.size}-{self.modified_ns}"

    @property
    def full_stamp(self) -> str:
        """Changes whenever the file is written to, even if its time is then put back to what it was."""
        return f"{self.stamp}-{self.changed_ns}"

    def age_seconds(self, now_ns: int) -> float:
        """The time since its contents last changed; a time in the future is not believed."""
        changed_ns = self.modified_ns if self.modified_ns <= now_ns else min(self.modified_ns, self.changed_ns)
        return (now_ns - changed_ns) / 1e9

    def is_unchanged(self) -> bool:
        """Whether the file is still there and nobody wrote to it or replaced it."""
        try:
            return _look_at(self.name, self.path) == self
        except OSError:
            return False


def list_drops(home: Home) -> list[DroppedFile]:
    """The files in ``drops/`` and its folders, by name; hidden and unfinished ones (``.part``, ``~$``) left out."""
    found = []
    for path in sorted(home.drops.rglob("*")):
        name = path.relative_to(home.drops).as_posix()
        is_hidden = any(part.startswith(HIDDEN_STARTS) for part in name.split("/"))
        try:
            if is_hidden or path.suffix.lower() in UNFINISHED_SUFFIXES or not path.is_file():
                continue
            found.append(_look_at(as_text(name), path))
        except OSError:  # gone since the folder was listed, or a folder on the way to it is closed to us
            continue
    return found


def loadable_name(name: str) -> str:
    """A file's name without what makes :func:`list_drops` leave it out as hidden or unfinished."""
    while name.startswith(HIDDEN_STARTS):
        name = name.removeprefix("~$").removeprefix(".")
    while Path(name).suffix.lower() in UNFINISHED_SUFFIXES:
        name = Path(name).stem
    return name or "drop"


def as_text(name: str) -> str:
    """A file name that can be shown and stored: bytes in it that are no text become a mark."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def literal_path(path: Path) -> str:
    """A path that DuckDB takes for this one file, whatever ``*``, ``?`` and ``[`` are in its name."""
    return re.sub(r"([*?\[])", r"[\1]", str(path))


def settled_drops(
    home: Home, settle_seconds: float, wait_seconds: float
) -> tuple[list[DroppedFile], list[DroppedFile]]:
    """The files that have stopped growing, and those that still grow after the wait.

    A file counts as settled when it was last changed ``settle_seconds`` ago or more.
    """
    deadline = time.monotonic() + wait_seconds
    while True:
        now = time.time_ns()
        drops = list_drops(home)
        growing = [drop for drop in drops if drop.age_seconds(now) < settle_seconds]
        if not growing or time.monotonic() >= deadline:
            return [drop for drop in drops if drop not in growing], growing
        time.sleep(min(0.2, settle_seconds))


def content_hash(path: Path, prefixes: Sequence[int] = ()) -> tuple[str, dict[int, str]]:
    """The SHA-256 of a file, and those of its first bytes, for each length in ``prefixes`` that it has."""
    whole = hashlib.sha256()
    starts: dict[int, str] = {}
    wanted = sorted(set(prefixes), reverse=True)
    done = 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            while wanted and wanted[-1] <= done + len(block):
                length = wanted.pop()
                start = whole.copy()
                start.update(block[: length - done])
                starts[length] = start.hexdigest()
            whole.update(block)
            done += len(block)
    return whole.hexdigest(), starts


def _look_at(name: str, path: Path) -> DroppedFile:
    status = path.stat()
    return DroppedFile(name, path, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
