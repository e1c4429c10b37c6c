"""A file read as a run would read it, for those who want to know what it is before it is loaded."""

import contextlib
import heapq
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import duckdb

from retail_pipeline.errors import UnreadableDropError
from retail_pipeline.home import Home
from retail_pipeline.ingest.formats import Recognised
from retail_pipeline.ingest.formats.base import DATE, TIMESTAMP
from retail_pipeline.ingest.parse_lines import LineParser
from retail_pipeline.ingest.privacy import Pseudonyms
from retail_pipeline.ingest.stage_file import stage
from retail_pipeline.ingest.staged import Reject, SkippedSheet, Staged
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse.warehouse import Warehouse


@dataclass(frozen=True)
class FileReport:
    """What a file holds.

    ``rejected`` counts reasons, ``unused`` are columns that no field is read from, ``skipped`` the sheets of a workbook
    that are left out.
    """

    format: str
    title: str
    rows_read: int
    rejected: Counter[str]
    first_order_ts: object
    last_order_ts: object
    unused: tuple[str, ...]
    skipped: tuple[SkippedSheet, ...]


@dataclass(frozen=True)
class StoredLine:
    """A line as it would be stored: its fields, and the row of the file it stands on."""

    source_row: int
    fields: dict[str, object]


@dataclass(frozen=True)
class StagedFile:
    """The tables of a file, of one format, in a database of their own; nothing of it is loaded anywhere."""

    warehouse: Warehouse
    parts: list[Staged]

    @property
    def recognised(self) -> Recognised:
        """The header of the first of the tables."""
        return self.parts[0].recognised

    @property
    def pseudonyms(self) -> Pseudonyms:
        """Those of the home."""
        return Pseudonyms.of(self.warehouse.home, self.warehouse.settings)

    def report(self) -> FileReport:
        """What the file holds, and what of it would be rejected."""
        rejected: Counter[str] = Counter()
        first, last = None, None
        for part, judged in zip(self.parts, self._judged, strict=True):
            rejected.update(reject.reason.split(" '")[0] for reject in part.rejects)
            for reason, count in self.warehouse.execute(
                f"select split_part(reason, ' ''', 1), count(*) from {judged} where reason is not null group by 1"
            ).fetchall():
                rejected[reason] += count
            span = self.warehouse.row(f"select min(moment), max(moment) from {judged} where reason is null")
            assert span is not None
            first = min(filter(None, (first, span[0])), default=None)
            last = max(filter(None, (last, span[1])), default=None)
        format_ = self.recognised.format
        rows = sum(part.rows_read for part in self.parts)
        skipped = tuple(self.parts[0].skipped)
        return FileReport(format_.name, format_.title, rows, rejected, first, last, self.recognised.unused, skipped)

    def first_lines(self, count: int) -> list[StoredLine]:
        """The first lines that would load, as they would be stored."""
        found: list[StoredLine] = []
        for part, judged in zip(self.parts, self._judged, strict=True):
            fields = {name: name for name in part.recognised.format.target.fields}
            customer, keys = self.pseudonyms.customer_sql(part.recognised)
            if "customer_id" in fields:
                fields["customer_id"] = customer
            wanted = (
                f"select source_row, source_part from {judged} where reason is null "
                f"order by source_row, source_part limit {count - len(found)}"
            )
            lines = f"(from {part.lines} semi join ({wanted}) using (source_row, source_part))"
            rows = self.warehouse.execute(
                f"select source_row, {', '.join(fields.values())} from ({self._typed(part, lines)}) "
                "order by source_row, source_part",
                keys,
            ).fetchall()
            found += [StoredLine(row, dict(zip(fields, values, strict=True))) for row, *values in rows]
        return found

    def first_rejects(self, count: int) -> list[Reject]:
        """The first rows that would be rejected, with their reasons as they would be kept."""
        found: list[Reject] = []
        for part, judged in zip(self.parts, self._judged, strict=True):
            rows = self.warehouse.execute(
                f"select source_row, reason from {judged} where reason is not null "
                f"order by source_row, source_part limit {count}"
            ).fetchall()
            rejects = [*part.rejects, *(Reject(*row) for row in rows)]
            place = f"{part.place}: " if part.place else ""
            found += [
                Reject(reject.source_row, place + self.pseudonyms.mask_emails(reject.reason))
                for reject in heapq.nsmallest(count, rejects, key=_source_row)
            ]
        return heapq.nsmallest(count, found, key=_source_row)

    @cached_property
    def _judged(self) -> list[str]:
        """For each of the tables, one of its lines' places, their moments, and the reasons against them."""
        tables = []
        for number, part in enumerate(self.parts):
            tables.append(f"temp.judged_{number}")
            self.warehouse.execute(
                f"create temp table judged_{number} as select source_row, source_part, {_moment(part)} as moment, "
                f"reason from ({self._typed(part, part.lines)})"
            )
        return tables

    def _typed(self, part: Staged, lines: str) -> str:
        return LineParser(part.recognised, self.warehouse.settings.ingest.timezone).typed_select(lines)


@contextlib.contextmanager
def staged_file(path: Path, home: Home, settings: Settings) -> Iterator[StagedFile]:
    """Read a file as a run would, without loading it.

    Raises
    ------
    UnreadableDropError
        when it would be refused.
    """
    scratch = Path(tempfile.mkdtemp(prefix="retail-add-"))
    try:
        with duckdb.connect() as connection:
            warehouse = Warehouse(connection, home, settings, "add")
            yield StagedFile(warehouse, stage(warehouse, path, scratch, lambda _: None))
    except (duckdb.InvalidInputException, duckdb.DataError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UnreadableDropError(f"{path.name} cannot be loaded: {reason}") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def tell_of_file(say: Callable[[str], None], name: str, report: FileReport) -> None:
    """Say what a file is and what of it would not be loaded."""
    say(f"{name}: {report.title} ({report.format}), {report.rows_read:,} rows, {_span(report)}")
    for reason, count in report.rejected.most_common():
        say(f"  {count:,} rows will be rejected: {reason}")
    if report.unused:
        say(f"  columns not used: {', '.join(report.unused)}")
    for sheet in report.skipped:
        say(f"  sheet {sheet.name!r} is left out with its {sheet.rows:,} rows: {sheet.reason}")


def _source_row(reject: Reject) -> int:
    return reject.source_row


def _moment(part: Staged) -> str:
    """The field that says when a line happened, or from when on it holds."""
    fields = part.recognised.format.target.fields
    return next(name for name, kind in fields.items() if kind in (TIMESTAMP, DATE))


def _span(report: FileReport) -> str:
    return (
        f"{report.first_order_ts} to {report.last_order_ts}" if report.first_order_ts else "no line that can be loaded"
    )
