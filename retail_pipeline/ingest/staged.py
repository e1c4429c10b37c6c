"""What every reader hands to the loader: the lines of a file as text in a temporary table, and those that are none."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from retail_pipeline.ingest.formats import Recognised


@dataclass(frozen=True)
class Reject:
    """A line that cannot be loaded: where it stands, and why."""

    source_row: int
    reason: str


@dataclass(frozen=True)
class SkippedSheet:
    """A sheet of a workbook that is of no known format, though there are rows in it."""

    name: str
    rows: int
    reason: str


@dataclass
class Staged:
    """One table of text found in a file.

    ``table`` is a temporary table with ``source_row`` and the format's columns as text; where lines had to be unpacked
    there is ``source_part`` too, which of the row's lines it is. ``raw_texts`` returns the original text of the source
    rows asked for, given in rising order. ``rows_read`` counts rows (lines, where they were unpacked) with and without
    fault, not blank ones and not the header. ``place`` says where in the file (a sheet), for reasons; empty if there is
    only one place. ``temporary`` names what is to be dropped when the lines are loaded. ``skipped`` are sheets beside
    it that were not read.
    """

    table: str
    recognised: Recognised
    rows_read: int
    raw_texts: Callable[[Sequence[int]], list[str]]
    rejects: list[Reject] = field(default_factory=list)
    place: str = ""
    temporary: tuple[str, ...] = ()
    skipped: list[SkippedSheet] = field(default_factory=list)
    is_unpacked: bool = False

    @property
    def lines(self) -> str:
        """The table as lines, each with its ``source_row`` and ``source_part``."""
        return f"temp.{self.table}" if self.is_unpacked else f"(select *, 1 as source_part from temp.{self.table})"
