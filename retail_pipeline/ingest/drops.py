"""The files in ``drops/``: which are there, which are still being written, what they contain."""

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

from retail_pipeline.home import Home

UNFINISHED_SUFFIXES = (".tmp", ".part", ".partial", ".crdownload", ".filepart", ".download", ".swp")
BLOCK = 1 << 22


@dataclass(frozen=True)
class DroppedFile:
    """A file in ``drops/``. ``name`` is its path below that folder; ``modified_ns`` is its time of change."""

    name: str
    path: Path
    size: int
    modified_ns: int

    @property
    def stamp(self) -> str:
        """Changes whenever the file is written to."""
        return f"{self.size}-{self.modified_ns}"


def list_drops(home: Home) -> list[DroppedFile]:
    """The files in ``drops/`` and its folders, by name; hidden and unfinished ones (``.part``, ``~$``) left out."""
    found = []
    for path in sorted(home.drops.rglob("*")):
        name = path.relative_to(home.drops).as_posix()
        hidden = any(part.startswith((".", "~$")) for part in name.split("/"))
        if hidden or path.suffix.lower() in UNFINISHED_SUFFIXES or not path.is_file():
            continue
        try:
            status = path.stat()
        except FileNotFoundError:
            continue
        found.append(DroppedFile(name, path, status.st_size, status.st_mtime_ns))
    return found


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
        growing = [drop for drop in drops if _age_seconds(drop, now) < settle_seconds]
        if not growing or time.monotonic() >= deadline:
            return [drop for drop in drops if drop not in growing], growing
        time.sleep(min(0.2, settle_seconds))


def _age_seconds(drop: DroppedFile, now_ns: int) -> float:
    age = (now_ns - drop.modified_ns) / 1e9
    return age if age > -60 else float("inf")  # a date well in the future says nothing about growth


def content_hash(path: Path, prefix: int | None = None) -> tuple[str, str | None]:
    """The SHA-256 of a file, and of its first ``prefix`` bytes (None if it has fewer)."""
    whole = hashlib.sha256()
    start: str | None = None
    done = 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            if prefix is not None and start is None and done + len(block) >= prefix:
                head = whole.copy()
                head.update(block[: prefix - done])
                start = head.hexdigest()
            whole.update(block)
            done += len(block)
    return whole.hexdigest(), start
