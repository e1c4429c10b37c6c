"""The ledger of loaded files as one pass over ``drops/`` asks it."""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from retail_pipeline.ingest.drops import DroppedFile


class Entry(NamedTuple):
    """A loaded file; ``size`` is in bytes."""

    file_name: str
    drop_id: str
    sha256: str
    size: int


class Ledger:
    """What is loaded: ``names`` tells under which name bytes are, by their SHA-256.

    Parameters
    ----------
    present
        The names of all files in ``drops/``.
    """

    def __init__(self, rows: Iterable[tuple[str, str, str, int]], present: Collection[str] = ()) -> None:
        self.names: dict[str, str] = {}
        self._by_name: dict[str, list[Entry]] = {}
        self._of_gone_files: list[Entry] = []
        for entry in map(Entry._make, rows):
            self.names.setdefault(entry.sha256, entry.file_name)
            if entry.file_name in present:
                self._by_name.setdefault(entry.file_name, []).append(entry)
            else:
                self._of_gone_files.append(entry)

    def earlier(self, drop: DroppedFile) -> list[Entry]:
        """The drops of which a file may be the continuation: those of its name, and of files that are gone."""
        return [*self._by_name.get(drop.name, ()), *self._of_gone_files]
