"""``retail add --explain``: how a file would be read, line by line and field by field, without loading it."""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from retail_pipeline.console.staged_file import FileReport, StagedFile
from retail_pipeline.ingest.formats import Recognised
from retail_pipeline.ingest.formats.base import TRANSACTIONS
from retail_pipeline.ingest.formats.known import known_formats
from retail_pipeline.ingest.read_ahead import OLE_MAGIC, PARQUET_MAGIC, ZIP_MAGIC
from retail_pipeline.ingest.read_csv import find_header
from retail_pipeline.ingest.text_files import as_utf8, is_gzip

SHOWN_LINES, SHOWN_REJECTS = 5, 5
DELIMITER_NAMES = {b",": "commas", b";": "semicolons", b"\t": "tabs", b"|": "bars"}
SAME_ORDER = {
    "replace": "An order that comes again with a later file replaces what it was.",
    "append": "An order that comes again with a later file is appended; lines equal to earlier ones are marked.",
}
QUOTED, WORD = re.compile(r"'(?:[^']|'')*'"), re.compile(r"\w+")


def explain(console: Console, path: Path, staged: StagedFile, report: FileReport) -> None:
    """Print how a file would be read, after what is said of it when it is added."""

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False)

    format_ = staged.recognised.format
    say(f"  {kind_of_file(path, staged)}")
    if format_.target is TRANSACTIONS:
        say(f"  {SAME_ORDER[format_.rules.same_order]}")
    console.print(_table_of_fields(staged), markup=False)
    rejects = staged.first_rejects(SHOWN_REJECTS)
    if rejects:
        say(f"  Rejected would be ({len(rejects):,} of {report.rejected.total():,} shown):")
    for reject in rejects:
        say(f"    row {reject.source_row:,}: {reject.reason}")
    say("  Nothing was put into drops/; without --explain it would be.")


def kind_of_file(path: Path, staged: StagedFile) -> str:
    """What a file is as a file: a workbook, parquet, or text with its encoding and what stands between columns."""
    with path.open("rb") as file:
        start = file.read(len(ZIP_MAGIC))
    if start == PARQUET_MAGIC:
        return "a parquet file"
    if start in (ZIP_MAGIC, OLE_MAGIC):
        return f"a workbook, {len(staged.parts)} of its sheets read"
    settings = staged.warehouse.settings
    with tempfile.TemporaryDirectory(prefix="retail-add-") as scratch:
        text = as_utf8(path, Path(scratch), int(settings.ingest.max_unpacked_gib * 2**30))
        delimiter = find_header(text, known_formats(settings)).layout.delimiter
    packed = "packed with gzip, " if is_gzip(path) else ""
    return f"a text in {text.encoding}, {packed}its columns parted by {DELIMITER_NAMES[delimiter]}"


def headers_of_field(recognised: Recognised, field: str) -> list[str]:
    """The headers that a field is read from, or made of, in the order in which they are asked for."""
    return list(dict.fromkeys(_headers(recognised, field, frozenset())))


def _headers(recognised: Recognised, name: str, seen: frozenset[str]) -> Iterator[str]:
    """The headers behind a field, a number or a column; ``seen`` are the fields that it is asked for by."""
    format_ = recognised.format
    for making in (format_.worked_out, format_.made):
        if name in making and name not in seen:
            for word in WORD.findall(QUOTED.sub("", making[name].sql)):
                yield from _headers(recognised, word, seen | {name})
            return
    if name in recognised.headers:
        yield recognised.headers[name]
    elif format_.packed and name in format_.packed.columns:
        first, *_, last = [recognised.header[recognised.positions[column]] for column in recognised.packed] * 2
        yield f"{first if first == last else f'{first} to {last}'}: {format_.packed.columns[name]}"


def _table_of_fields(staged: StagedFile) -> Table:
    """A row a field that is read: the headers it is read from, and what the first lines would hold."""
    lines = staged.first_lines(SHOWN_LINES)
    recognised = staged.recognised
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("field", "read from", *(f"row {line.source_row:,}" for line in lines)):
        table.add_column(name, overflow="fold")
    for field in recognised.format.target.fields:
        read_from = ", ".join(headers_of_field(recognised, field)) or _constant(recognised, field)
        if read_from:
            table.add_row(field, read_from, *(_shown(staged, line.fields[field]) for line in lines))
    return table


def _constant(recognised: Recognised, field: str) -> str:
    made = recognised.format.made.get(field)
    return made.shown if made else ""


def _shown(staged: StagedFile, value: object) -> str:
    return "" if value is None else staged.pseudonyms.mask_emails(str(value))
