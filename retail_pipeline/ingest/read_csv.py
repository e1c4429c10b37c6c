"""Reading delimited text through DuckDB, with every line's physical number."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt

from retail_pipeline.errors import UnreadableDropError
from retail_pipeline.ingest.drops import literal_path
from retail_pipeline.ingest.formats import FORMATS, Recognised, recognise
from retail_pipeline.ingest.parse_lines import good_line_test
from retail_pipeline.ingest.records import Record, State
from retail_pipeline.ingest.scan_lines import LONGEST_RECORD, Layout, Scan, fetch_records, scan_lines
from retail_pipeline.ingest.staged import Reject, Staged
from retail_pipeline.ingest.text_files import Utf8File, as_utf8
from retail_pipeline.warehouse.warehouse import Warehouse

DELIMITERS = (b",", b";", b"\t", b"|")
READ_BUFFER = 1 << 25
TEMPORARY = ("view staged", "table text_columns", "table line_breaks")


@dataclass(frozen=True)
class Header:
    """The first line that is not blank, with the format it belongs to.

    ``start`` and ``lines`` are the bytes and physical lines up to its end, ``line_end`` the bytes of its line end added
    up; ``is_plain`` says that it is the first line, and one line.
    """

    delimiter: bytes
    recognised: Recognised
    width: int
    start: int
    lines: int
    line_end: int
    is_plain: bool


def stage_text(warehouse: Warehouse, path: Path, scratch: Path) -> Staged:
    """Stage a csv or tsv file, packed or not, in any of the known encodings.

    Raises
    ------
    UnreadableDropError
        when the file is no table, or of no known format.
    """
    text = as_utf8(path, scratch, int(warehouse.settings.ingest.max_unpacked_gib * 2**30))
    header = find_header(text)
    layout = Layout(
        header.delimiter,
        header.width,
        header.start,
        header.lines,
        header.line_end,
        good_line_test(header.recognised),
    )
    scan = scan_lines(text, layout)
    readable = text.path
    if not (scan.is_plain and header.is_plain):
        readable = scratch / "clean"
        scan = scan_lines(text, layout, readable)
    _read(warehouse, readable, header, scan, text.name)
    _number_lines(warehouse, scan.skipped, header.recognised)

    def raw_texts(source_rows: Sequence[int]) -> list[str]:
        return fetch_records(text, scan, source_rows)

    rejects = [Reject(line, reason) for line, reason in scan.faults]
    rows_read = scan.records + len(rejects)
    return Staged("staged", header.recognised, rows_read, raw_texts, rejects, temporary=TEMPORARY)


def find_header(text: Utf8File) -> Header:
    """The header of a text: under the delimiter that makes a known one of it, if any does.

    Raises
    ------
    UnreadableDropError
        when the text is empty, or the header fits no format.
    """
    with text.path.open("rb") as file:
        lines = file.read(LONGEST_RECORD).splitlines(keepends=True)
    first = next((place for place, line in enumerate(lines) if line.strip(b"\xef\xbb\xbf \t\r\n")), None)
    if first is None:
        raise UnreadableDropError(f"{text.name} is empty: it has no header line. Export it again.")
    refusals: dict[int, UnreadableDropError] = {}
    for delimiter in DELIMITERS:
        columns, count = _header_columns(lines[first:], delimiter)
        try:
            recognised = recognise([column.decode("utf-8", "replace") for column in columns], FORMATS, text.name)
        except UnreadableDropError as error:
            refusals.setdefault(len(columns), error)
            continue
        taken = lines[: first + count]
        line_end = taken[-1][len(taken[-1].rstrip(b"\r\n")) :]
        return Header(
            delimiter, recognised, len(columns), sum(map(len, taken)), len(taken), sum(line_end), len(taken) == 1
        )
    raise refusals[max(refusals)]


def _header_columns(lines: Sequence[bytes], delimiter: bytes) -> tuple[list[bytes], int]:
    """The columns of a header and the lines it takes."""
    record = Record(delimiter)
    for count, line in enumerate(lines, start=1):
        record.take(line.removeprefix(b"\xef\xbb\xbf"))
        if record.state is State.WHOLE:
            return record.columns, count
        if record.state is State.BROKEN:
            break
    return lines[0].rstrip(b"\r\n").split(delimiter), 1


def _read(warehouse: Warehouse, path: Path, header: Header, scan: Scan, name: str) -> None:
    """Read the records, below one line to skip and with nothing among them, into the temporary table ``text_columns``.

    DuckDB 2.0 reads in parallel only what has no quotes: where a thread starts within quotes, it bends rows in silence.
    """
    types = ", ".join(f"'c{place}': 'varchar'" for place in range(header.width))
    fields = ", ".join(f"c{place} as {field}" for field, place in header.recognised.positions.items())
    try:
        warehouse.execute(
            f"create or replace temp table text_columns as select {fields} from read_csv($path, skip = 1, "
            "delim = $delimiter, parallel = $parallel, strict_mode = $strict, auto_detect = false, header = false, "
            "quote = '\"', escape = '\"', comment = '', null_padding = false, compression = 'none', "
            f"hive_partitioning = false, max_line_size = {2 * LONGEST_RECORD}, buffer_size = {READ_BUFFER}, "
            f"columns = {{{types}}})",
            {
                "path": literal_path(path),
                "delimiter": header.delimiter.decode(),
                "parallel": not scan.has_quotes,
                "strict": not scan.further,
            },
        )
    except (duckdb.InvalidInputException, duckdb.DataError) as error:
        raise UnreadableDropError(f"{name} cannot be read as a table: {str(error).splitlines()[0]}") from error
    found = warehouse.count("temp.text_columns")
    if found != scan.records:
        raise UnreadableDropError(
            f"{name}: {scan.records:,} lines were told apart but {found:,} were read, so nothing was loaded. This is "
            "an error of the pipeline: please report it, and export the file as xlsx meanwhile."
        )


def _number_lines(warehouse: Warehouse, skipped: npt.NDArray[np.int64], recognised: Recognised) -> None:
    """Make ``staged``: the format's fields, with the physical line each row stood on.

    The k-th row (from 0) stands on line k + 1 + s, where s counts the skipped lines before it. As rows pass the
    j-th skipped line L_j (j from 1), s becomes j: that is at k = L_j - j.
    """
    fields = ", ".join(recognised.positions)
    steps = np.arange(1, len(skipped) + 1, dtype=np.int64)
    first_rows = skipped - steps
    is_last_of_run = np.append(first_rows[1:] != first_rows[:-1], True)
    first_rows, steps = first_rows[is_last_of_run], steps[is_last_of_run]
    if len(steps) == 1:
        warehouse.execute(
            f"create or replace temp view staged as select rowid + 1 + {int(steps[0])} as source_row, {fields} "
            "from temp.text_columns"
        )
        return
    import pyarrow as pa

    warehouse.connection.register("line_breaks_arrow", pa.table({"first_row": first_rows, "skipped_lines": steps}))
    warehouse.execute("create or replace temp table line_breaks as from line_breaks_arrow")
    warehouse.connection.unregister("line_breaks_arrow")
    warehouse.execute(
        f"create or replace temp view staged as select text.rowid + 1 + breaks.skipped_lines as source_row, {fields} "
        "from temp.text_columns as text asof join temp.line_breaks as breaks on text.rowid >= breaks.first_row"
    )
