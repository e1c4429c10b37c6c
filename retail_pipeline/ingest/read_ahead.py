"""Reading files before their turn comes, in a thread of its own, while an earlier one is written into the database.

Belongs here: what needs no database, which is hashing a file and telling the records of a text apart.
"""

import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from retail_pipeline.errors import UnreadableDropError
from retail_pipeline.ingest.drops import DroppedFile, as_text, content_hash
from retail_pipeline.ingest.formats import Format
from retail_pipeline.ingest.read_csv import TextRecords, tell_records

ZIP_MAGIC, OLE_MAGIC, PARQUET_MAGIC = b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"PAR1"
SCRATCH_PREFIX = "drop-"
MOST_BYTES, MOST_FILES = 1 << 26, 200
"""How far it reads ahead: so much in all, and always at least one file."""


@dataclass(frozen=True)
class TextReading:
    """How texts are read: the formats they may be of, and into how many parts a large one may be cut."""

    formats: Sequence[Format]
    max_unpacked_bytes: int
    parts: int


@dataclass
class ReadFile:
    """A file that has been read: its SHA-256 and those of its ``starts``, by their length.

    ``scratch`` is a folder for copies, there until :meth:`remove_copies`. Of a text there are ``records``, or the
    ``fault`` for which there are none.
    """

    sha256: str
    starts: dict[int, str]
    scratch: Path
    records: TextRecords | None = None
    fault: Exception | None = None

    @property
    def is_good_text(self) -> bool:
        return self.records is not None

    def remove_copies(self) -> None:
        shutil.rmtree(self.scratch, ignore_errors=True)


class ReadAhead:
    """Reads files in the order given, a few ahead of the one asked for.

    Parameters
    ----------
    work
        The folder in which a scratch folder is made, which goes with all that is in it when reading ends.
    prefixes
        For a file, the lengths of its starts to hash.
    """

    def __init__(
        self,
        drops: Sequence[DroppedFile],
        work: Path,
        reading: TextReading,
        prefixes: Callable[[DroppedFile], Sequence[int]],
    ) -> None:
        self._waiting = deque(drops)
        self._scratch = Path(tempfile.mkdtemp(prefix=SCRATCH_PREFIX, dir=work))
        self._reading = reading
        self._prefixes = prefixes
        self._begun: deque[tuple[DroppedFile, Future[ReadFile]]] = deque()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="read-ahead")

    def __enter__(self) -> "ReadAhead":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop reading, and remove all copies: those as well of a file at which an interrupt came."""
        try:
            self._thread.shutdown(cancel_futures=True)
        finally:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def read(self, drop: DroppedFile, prefixes: Sequence[int]) -> ReadFile:
        """A file as it was read ahead, or read now if it was not.

        Raises
        ------
        OSError
            when it cannot be read.
        """
        self._begin()
        if not any(begun == drop for begun, _ in self._begun):
            return _read(drop, self._scratch, self._reading, prefixes)
        while self._begun[0][0] != drop:
            _, passed = self._begun.popleft()
            _remove_copies(passed)
        _, future = self._begun.popleft()
        wait([future])
        self._begin()
        found = future.result()
        if set(prefixes) <= found.starts.keys() | {length for length in prefixes if length > drop.size}:
            return found
        found.remove_copies()
        return _read(drop, self._scratch, self._reading, prefixes)

    def _begin(self) -> None:
        while self._waiting and len(self._begun) < MOST_FILES:
            bytes_begun = sum(drop.size for drop, _ in self._begun)
            if self._begun and bytes_begun + self._waiting[0].size > MOST_BYTES:
                return
            drop = self._waiting.popleft()
            task = self._thread.submit(_read, drop, self._scratch, self._reading, self._prefixes(drop))
            self._begun.append((drop, task))


def _remove_copies(task: Future[ReadFile]) -> None:
    """Remove the copies that a task makes, which nobody wants any more."""
    if not task.cancelled() and not task.exception():
        task.result().remove_copies()


def readable_path(path: Path, scratch: Path) -> Path:
    """A path that every engine takes: a link in ``scratch`` to a file whose name is no text."""
    if as_text(path.name) == path.name:
        return path
    link = scratch / as_text(path.name)
    if not link.is_symlink():
        link.symlink_to(path.absolute())
    return link


def is_text(path: Path) -> bool:
    """Whether a file is to be read as a text, for it is of no other kind."""
    with path.open("rb") as file:
        start = file.read(4)
    return start not in (PARQUET_MAGIC, OLE_MAGIC, ZIP_MAGIC)


def _read(drop: DroppedFile, folder: Path, reading: TextReading, prefixes: Sequence[int]) -> ReadFile:
    digest, starts = content_hash(drop.path, prefixes)
    found = ReadFile(digest, starts, Path(tempfile.mkdtemp(dir=folder)))
    try:
        if is_text(drop.path):
            path = readable_path(drop.path, found.scratch)
            found.records = tell_text(path, found.scratch, reading)
    except (UnreadableDropError, OSError) as error:
        found.fault = error
    except BaseException:
        found.remove_copies()
        raise
    return found


def tell_text(path: Path, scratch: Path, reading: TextReading) -> TextRecords:
    """The records of a text."""
    return tell_records(path, scratch, reading.formats, reading.max_unpacked_bytes, reading.parts)
