"""Reading delimited text through DuckDB, with every line's physical number."""

import codecs
import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np

from retail_pipeline.errors import UnreadableDropError
from retail_pipeline.ingest.drops import literal_path
from retail_pipeline.ingest.formats import REFUSALS, Format, Recognised, recognise
from retail_pipeline.ingest.parse_lines import LineParser
from retail_pipeline.ingest.privacy import Pseudonyms
from retail_pipeline.ingest.records import Record, State
from retail_pipeline.ingest.scan_lines import (
    CARRIAGE_RETURN,
    CLEAN_HEADER,
    LINE_FEED,
    LONGEST_RECORD,
    Layout,
    Scan,
    fetch_records,
    scan_lines,
)
from retail_pipeline.ingest.staged import Reject, Staged
from retail_pipeline.ingest.text_files import Utf8File, as_utf8
from retail_pipeline.warehouse.warehouse import Warehouse

TAB = b"\t"
DELIMITERS = (b",", b";", TAB, b"|")
NO_HEADER = re.compile(rb"(\xef\xbb\xbf)?([ \t]*|\"?sep=.\"?)[\r\n]*")
"""A line above the header: a blank one, or the one in which Excel is told the delimiter."""
READ_BUFFER = 1 << 25
LARGE = 1 << 23
"""Bytes from which a text is cut into parts, one for each thread."""


@dataclass(frozen=True)
class Header:
    """The first line that says something: the format it belongs to, and how the lines below it are laid out.

    ``is_plain`` says that it is the first line of the file, one line, and has no literal quote.
    """

    recognised: Recognised
    layout: Layout
    is_plain: bool


@dataclass(frozen=True)
class TextRecords:
    """The records of a text, told apart; ``readable`` are the files from which DuckDB is to read the good ones."""

    text: Utf8File
    header: Header
    scan: Scan
    readable: Sequence[Path]


def tell_records(
    path: Path, scratch: Path, formats: Sequence[Format], max_unpacked_bytes: int, parts: int
) -> TextRecords:
    """Tell the records of a csv or tsv file apart, packed or not, in any of the known encodings; without a database.

    Parameters
    ----------
    scratch
        An existing folder for copies, the caller's to remove.
    formats
        Those it may be of.
    parts
        How many files a large one may be cut into.

    Raises
    ------
    UnreadableDropError
        when the file is no table, or of no known format.
    """
    text = as_utf8(path, scratch, max_unpacked_bytes)
    header = find_header(text, formats)
    scan = scan_lines(text, header.layout)
    if scan.is_plain and header.is_plain:
        readable = _cut(text, header.layout, scan, scratch, parts if scan.has_quotes else 1)
    else:
        readable = [scratch / "clean"]
        scan = scan_lines(text, header.layout, readable[0])
    return TextRecords(text, header, scan, readable)


def stage_text(warehouse: Warehouse, records: TextRecords, number: int = 0) -> Staged:
    """Stage the records of a text; to be used outside of transactions, in which DuckDB numbers rows otherwise.

    Parameters
    ----------
    number
        Of the text among those that are staged at once.

    Raises
    ------
    UnreadableDropError
        when DuckDB cannot read them, or reads others.
    """
    text, header, scan = records.text, records.header, records.scan
    staged, columns, numbers = (f"{name}_{number}" for name in ("staged", "text_columns", "line_numbers"))
    _read(warehouse, records, columns)
    temporary = [f"view {staged}", f"table {columns}"]
    if _number_lines(warehouse, records, staged, columns, numbers):
        temporary.append(f"table {numbers}")

    pseudonyms = Pseudonyms.of(warehouse.home, warehouse.settings)
    delimiter = header.layout.delimiter.decode()

    def raw_texts(source_rows: Sequence[int]) -> list[str]:
        records = fetch_records(text, scan, source_rows)
        return [pseudonyms.mask_record(record, header.recognised, delimiter) for record in records]

    rejects = [Reject(line, reason) for line, reason in scan.faults]
    rows_read = scan.records + len(rejects)
    return Staged(staged, header.recognised, rows_read, raw_texts, rejects, temporary=tuple(temporary))


def find_header(text: Utf8File, formats: Sequence[Format]) -> Header:
    """The header of a text: under the delimiter that makes a known one of it, if any does.

    Parameters
    ----------
    formats
        Those it may be of.

    Raises
    ------
    UnreadableDropError
        when the text is empty, or the header fits no format.
    """
    with text.path.open("rb") as file:
        lines = file.read(LONGEST_RECORD).splitlines(keepends=True)
    first = next((place for place, line in enumerate(lines) if not NO_HEADER.fullmatch(line)), None)
    if first is None:
        raise UnreadableDropError(f"{text.name} is empty: it has no header line. Export it again.")
    refusals: dict[int, UnreadableDropError] = {}
    for delimiter in DELIMITERS:
        record, count = _header_record(lines[first:], delimiter)
        try:
            names = [name.decode("utf-8", "replace") for name in record.columns]
            recognised = recognise(names, formats, text.name, REFUSALS)
        except UnreadableDropError as error:
            refusals.setdefault(len(record.columns), error)
            continue
        taken = lines[: first + count]
        layout = Layout(
            delimiter,
            width=len(record.columns),
            start=sum(map(len, taken)),
            lines=len(taken),
            line_end=sum(taken[-1][len(taken[-1].rstrip(b"\r\n")) :]),
            is_good_line=LineParser(recognised, None).good_line_test(recognised.positions),
            has_quotes=not (recognised.format.has_no_quotes and delimiter == TAB),
        )
        return Header(recognised, layout, is_plain=len(taken) == 1 and not record.has_literal_quotes)
    raise refusals[max(refusals)]


def _header_record(lines: Sequence[bytes], delimiter: bytes) -> tuple[Record, int]:
    """The header as a record, and the lines it takes; where its quotes are broken, they are characters."""
    record = Record(delimiter)
    for count, line in enumerate(lines, start=1):
        record.take(line.removeprefix(codecs.BOM_UTF8))
        if record.state is State.WHOLE:
            return record, count
        if record.state is State.BROKEN:
            break
    record = Record(delimiter)
    record.columns = lines[0].rstrip(b"\r\n").split(delimiter)
    record.has_literal_quotes = True
    return record, 1


def _cut(text: Utf8File, layout: Layout, scan: Scan, scratch: Path, parts: int) -> list[Path]:
    """Cut a large plain text between records, so that each part can be read by a thread of its own.

    A small one stays as it is.
    """
    starts = [place for _, place in scan.blocks]
    size = text.path.stat().st_size
    if parts == 1 or size < LARGE:
        return [text.path]
    cuts = sorted({starts[bisect_left(starts, size * part // parts, hi=len(starts) - 1)] for part in range(parts)})
    paths = [scratch / f"part-{number}" for number in range(len(cuts))]
    with text.path.open("rb") as file:
        for path, start, end in zip(paths, cuts, [*cuts[1:], size], strict=True):
            file.seek(start)
            with path.open("wb") as part:
                part.write(b"-\r\n" if layout.line_end == CARRIAGE_RETURN + LINE_FEED else CLEAN_HEADER)
                for place in range(start, end, READ_BUFFER):
                    part.write(file.read(min(READ_BUFFER, end - place)))
    return paths


def _read(warehouse: Warehouse, records: TextRecords, table: str) -> None:
    """Read the records into a temporary table; they stand below one line, with nothing among them.

    Of a file with quotes no part is read by more than one thread: where a thread starts within quotes, DuckDB 2.0 bends
    rows in silence. Strict mode knows one kind of line break, in and out of quotes.
    """
    header, scan, name = records.header, records.scan, records.text.name
    types = ", ".join(f"'c{place}': 'varchar'" for place in range(header.layout.width))
    fields = ", ".join(f"c{place} as {field}" for field, place in header.recognised.positions.items())
    try:
        found = warehouse.value(
            f"create or replace temp table {table} as select {fields} from read_csv($paths, skip = 1, "
            "delim = $delimiter, parallel = $parallel, strict_mode = $strict, auto_detect = false, header = false, "
            "quote = $quote, escape = $quote, comment = '', null_padding = false, compression = 'none', "
            f"hive_partitioning = false, max_line_size = {2 * LONGEST_RECORD}, buffer_size = {READ_BUFFER}, "
            f"columns = {{{types}}})",
            {
                "paths": [literal_path(path) for path in records.readable],
                "delimiter": header.layout.delimiter.decode(),
                "quote": '"' if header.layout.has_quotes else "",
                "parallel": not scan.has_quotes,
                "strict": not scan.further,
            },
        )
    except (duckdb.InvalidInputException, duckdb.DataError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UnreadableDropError(f"{name} cannot be read as a table: {reason}") from error
    if found != scan.records:
        raise UnreadableDropError(
            f"{name}: {scan.records:,} lines were told apart but {found:,} were read, so nothing was loaded. This is "
            "an error of the pipeline: please report it, and export the file as xlsx meanwhile."
        )


def _number_lines(warehouse: Warehouse, records: TextRecords, staged: str, columns: str, numbers: str) -> bool:
    """Make the view ``staged``: the format's fields, with the physical line each row stood on.

    Returns
    -------
    Whether the table ``numbers`` had to be made for it.
    """
    scan = records.scan
    fields = ", ".join(records.header.recognised.positions)
    first = len(scan.skipped)
    if scan.skipped[-1] == first:  # nothing but the header stands between the lines
        warehouse.execute(
            f"create or replace temp view {staged} as select rowid + {first + 1} as source_row, {fields} "
            f"from temp.{columns}"
        )
        return False
    import pyarrow as pa

    starts_record = np.ones(scan.lines + 1, dtype=np.bool_)
    starts_record[0] = starts_record[scan.skipped] = False
    warehouse.connection.register("line_numbers_arrow", pa.table({"source_row": np.flatnonzero(starts_record)}))
    warehouse.execute(f"create or replace temp table {numbers} as from line_numbers_arrow")
    warehouse.connection.unregister("line_numbers_arrow")
    warehouse.execute(
        f"create or replace temp view {staged} as select source_row, {fields} "
        f"from temp.{numbers} positional join temp.{columns}"
    )
    return True
