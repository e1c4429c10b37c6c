"""Hashing files a bounded number of bytes at a time."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from retail_pipeline.ingest.drops import BLOCK

if TYPE_CHECKING:
    from hashlib import _Hash


@dataclass
class _Unfinished:
    """How far a file has been hashed; it goes on only while the file's stamp stays the same."""

    stamp: str
    digest: "_Hash" = field(default_factory=hashlib.sha256)
    done: int = 0


class BoundedHasher:
    """Hashes files over several looks: each reads ``limit`` bytes at most, the next goes on from there."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._left = limit
        self._unfinished: dict[Path, _Unfinished] = {}

    def begin(self) -> None:
        """A new look, which may read ``limit`` bytes again."""
        self._left = self._limit

    def hash(self, path: Path, stamp: str) -> str | None:
        """A file's SHA-256; None if this look may not read enough of it.

        Raises
        ------
        OSError
            when the file cannot be read.
        """
        state = self._unfinished.pop(path, None)
        if state is None or state.stamp != stamp:
            state = _Unfinished(stamp)
        with path.open("rb") as file:
            file.seek(state.done)
            while self._left > 0:
                block = file.read(min(BLOCK, self._left))
                if not block:
                    return state.digest.hexdigest()
                state.digest.update(block)
                state.done += len(block)
                self._left -= len(block)
        self._unfinished[path] = state
        return None
