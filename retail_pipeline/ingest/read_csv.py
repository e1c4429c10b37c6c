"""Reading delimited text through DuckDB, with every line's physical number."""

from collections.abc import Sequence
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt

from retail_pipeline.errors import UnreadableDropError
from retail_pipeline.ingest.formats import FORMATS, Recognised, recognise
from retail_pipeline.ingest.staged import Reject, Staged
from retail_pipeline.ingest.text_files import TextFile, fetch_lines, line_numbers, parse_line, prepare_text
from retail_pipeline.warehouse.warehouse import Warehouse

STRUCTURAL_REASONS = {
    "MISSING COLUMNS": "too few columns: the line has {found} instead of {expected}",
    "TOO MANY COLUMNS": "too many columns: the line has {found} instead of {expected}",
    "UNQUOTED VALUE": "a quote is closed in the middle of a column",
    "LINE SIZE OVER MAXIMUM": "the line is longer than 2,000,000 characters",
    "INVALID ENCODING": "the line is not valid UTF-8",
}


def stage_text(warehouse: Warehouse, path: Path, scratch: Path) -> Staged:
    """Stage a csv or tsv file, packed or not, in any of the known encodings.

    Raises
    ------
    UnreadableDropError
        when the file is no table, or of no known format.
    """
    limit = int(warehouse.settings.ingest.max_unpacked_gib * 2**30)
    for every_quote in (False, True):
        text = prepare_text(path, scratch, limit, every_quote=every_quote)
        recognised = recognise(text.header, FORMATS, path.name)
        loaded, rejects = _read(warehouse, text, path.name)
        if loaded + len(rejects) == text.records:
            return _stage(warehouse, text, recognised, loaded, rejects)
    raise UnreadableDropError(
        f"{path.name}: {text.records} lines were counted but {loaded + len(rejects)} could be told apart, so "
        "nothing was loaded. The quotes in it are broken: export it again, or as xlsx."
    )


def _read(warehouse: Warehouse, text: TextFile, name: str) -> tuple[int, list[tuple[int, str]]]:
    """Read into the temporary table ``text_columns``; returns its rows, and line and error of what DuckDB refused."""
    names = [f"c{place}" for place in range(len(text.header))]
    for table in ("reject_errors", "reject_scans"):
        warehouse.execute(f"drop table if exists {table}")
    try:
        warehouse.execute(
            "create or replace temp table text_columns as select * from read_csv(?, auto_detect = false, "
            "header = false, skip = ?, delim = ?, quote = '\"', escape = '\"', comment = '', columns = "
            f"{{{', '.join(f'{column!r}: {chr(39)}VARCHAR{chr(39)}' for column in names)}}}, "
            "store_rejects = true, strict_mode = true, null_padding = false)",
            [str(text.path), text.header_line, text.delimiter],
        )
    except (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.BinderException) as error:
        raise UnreadableDropError(f"{name} cannot be read as a table: {str(error).splitlines()[0]}") from error
    refused = warehouse.execute(
        "select line_byte_position, any_value(error_type::varchar) from reject_errors group by all order by 1"
    ).fetchall()
    numbers = line_numbers(text.path, [position - 1 for position, _ in refused])
    found = dict(zip(numbers, (error for _, error in refused), strict=True))
    return warehouse.count("temp.text_columns"), sorted(found.items())


def _stage(
    warehouse: Warehouse, text: TextFile, recognised: Recognised, loaded: int, refused: list[tuple[int, str]]
) -> Staged:
    raws = fetch_lines(text.path, [line for line, _ in refused], text.continued)
    rejects = [Reject(fault.line, fault.reason, fault.raw) for fault in text.faulty]
    rejects += [
        Reject(line, _structural_reason(error, raw, text), raw)
        for (line, error), raw in zip(refused, raws, strict=True)
    ]
    skipped = np.unique(np.concatenate([text.skipped, np.array([line for line, _ in refused], dtype=np.int64)]))
    _number_lines(warehouse, skipped, recognised)

    def raw_texts(source_rows: Sequence[int]) -> list[str]:
        return fetch_lines(text.path, source_rows, text.continued)

    return Staged("staged", recognised, loaded + len(rejects), raw_texts, rejects)


def _number_lines(warehouse: Warehouse, skipped: npt.NDArray[np.int64], recognised: Recognised) -> None:
    """Make ``staged``: the format's fields, with the physical line each row stood on.

    The k-th row (from 0) stands on line k + 1 + s, where s counts the skipped lines before it. As rows pass the
    j-th skipped line L_j (j from 1), s becomes j: that is at k = L_j - j.
    """
    fields = ", ".join(f"c{place} as {field}" for field, place in recognised.positions.items())
    steps = np.arange(1, len(skipped) + 1, dtype=np.int64)
    first_rows = skipped - steps
    last_of_run = np.append(first_rows[1:] != first_rows[:-1], True)
    breaks = first_rows[last_of_run], steps[last_of_run]
    if len(breaks[0]) == 1:
        warehouse.execute(
            f"create or replace temp view staged as select rowid + 1 + {int(breaks[1][0])} as source_row, {fields} "
            "from temp.text_columns"
        )
        return
    import pandas as pd

    warehouse.connection.register(
        "line_breaks_frame", pd.DataFrame({"first_row": breaks[0], "skipped_lines": breaks[1]})
    )
    warehouse.execute("create or replace temp table line_breaks as from line_breaks_frame")
    warehouse.connection.unregister("line_breaks_frame")
    warehouse.execute(
        f"create or replace temp view staged as select t.rowid + 1 + b.skipped_lines as source_row, {fields} "
        "from temp.text_columns t asof join temp.line_breaks b on t.rowid >= b.first_row"
    )


def _structural_reason(error: str, raw: str, text: TextFile) -> str:
    found = len(parse_line(raw, text.delimiter))
    reason = STRUCTURAL_REASONS.get(error, f"the line cannot be read ({error.lower()})")
    return reason.format(found=found, expected=len(text.header))
