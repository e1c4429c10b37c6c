"""A mapping to start from, for a file whose header is unknown."""

import codecs
import itertools
import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from retail_pipeline.console.staged_file import staged_file
from retail_pipeline.errors import UnreadableDropError
from retail_pipeline.home import Home
from retail_pipeline.ingest.formats import REFUSALS, Format, recognise
from retail_pipeline.ingest.formats.base import NEVER_EMPTY
from retail_pipeline.ingest.formats.known import known_formats
from retail_pipeline.ingest.formats.recognise import fold
from retail_pipeline.ingest.formats.suggest import SAMPLE_ROWS, Sample, guess_columns, suggest_mapping
from retail_pipeline.ingest.read_ahead import OLE_MAGIC, PARQUET_MAGIC, ZIP_MAGIC
from retail_pipeline.ingest.read_csv import DELIMITERS, NO_HEADER
from retail_pipeline.ingest.records import Record, State
from retail_pipeline.ingest.scan_lines import LONGEST_RECORD
from retail_pipeline.ingest.text_files import as_utf8
from retail_pipeline.settings import OwnFormatSettings, Settings

ANYTHING = Format(name="anything", title="anything", required={})
"""The format of every header."""
ANY_TABLE = OwnFormatSettings(name="any_table", columns={}, constants=dict.fromkeys(NEVER_EMPTY, "-"))
"""A mapping that fits every table."""
NO_TEXT = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


def suggest_for(path: Path, home: Home, settings: Settings) -> str | None:
    """The mapping that a file's header and first rows suggest; None unless its header is all that is wrong with it."""
    formats = known_formats(settings)
    try:
        samples = [sample for sample in _samples(path, home, settings) if _is_unknown(sample.header, formats)]
    except UnreadableDropError:
        return None
    if not samples:
        return None
    best = min(samples, key=lambda sample: len(guess_columns(sample).lacking))
    return suggest_mapping(best, [format_.name for format_ in formats], path.name.lstrip(".").split(".")[0])


def _is_unknown(header: Sequence[str], formats: Sequence[Format]) -> bool:
    """Whether a header, of at least two columns, is neither that of a known format nor of an export to be refused."""
    folded = [fold(name) for name in header]
    if len(header) < 2 or any(NO_TEXT.search(name) for name in header):
        return False
    if any(all(fold(name) in folded for name in refusal.headers) for refusal in REFUSALS):
        return False
    try:
        return recognise(header, (*formats, ANYTHING), "").format is ANYTHING
    except UnreadableDropError:  # a known one with a column that is there twice
        return False


def _samples(path: Path, home: Home, settings: Settings) -> list[Sample]:
    """What the tables of a file begin with."""
    with path.open("rb") as file:
        start = file.read(len(ZIP_MAGIC))
    if start in (PARQUET_MAGIC, ZIP_MAGIC, OLE_MAGIC):
        return _samples_of_tables(path, home, settings)
    return [_sample_of_text(path, int(settings.ingest.max_unpacked_gib * 2**30))]


def _samples_of_tables(path: Path, home: Home, settings: Settings) -> list[Sample]:
    """Those of a workbook or a parquet file, whose rows are kept as JSON."""
    samples = []
    with staged_file(path, home, settings.model_copy(update={"formats": (ANY_TABLE,)})) as staged:
        for part in staged.parts:
            found = staged.warehouse.execute(f"select source_row from {part.lines} order by 1 limit {SAMPLE_ROWS}")
            texts = part.raw_texts([row for (row,) in found.fetchall()])
            rows = (json.loads(text) for text in texts)
            cells = (row.values() if isinstance(row, dict) else row for row in rows)
            samples.append(
                Sample(
                    part.recognised.header,
                    [["" if cell is None else str(cell) for cell in row] for row in cells],
                )
            )
    return samples


def _sample_of_text(path: Path, max_unpacked_bytes: int) -> Sample:
    """That of a delimited text, under the delimiter that makes most columns of its header."""
    with tempfile.TemporaryDirectory(prefix="retail-add-") as scratch:
        text = as_utf8(path, Path(scratch), max_unpacked_bytes)
        with text.path.open("rb") as file:
            lines = file.read(LONGEST_RECORD).removeprefix(codecs.BOM_UTF8).splitlines(keepends=True)
    lines = list(itertools.dropwhile(NO_HEADER.fullmatch, lines))
    headers = {delimiter: next(_records(lines, delimiter), []) for delimiter in DELIMITERS}
    delimiter = max(DELIMITERS, key=lambda each: len(headers[each]))
    header, rows = headers[delimiter], itertools.islice(_records(lines, delimiter), 1, SAMPLE_ROWS + 1)
    return Sample(header, [row for row in rows if len(row) == len(header)])


def _records(lines: Sequence[bytes], delimiter: bytes) -> Iterator[list[str]]:
    """The records of a text, without those whose quotes are broken."""
    record = Record(delimiter)
    for line in lines:
        record.take(line)
        if record.state is State.WHOLE:
            yield [column.decode("utf-8", "replace") for column in record.columns]
        if not record.is_open:
            record = Record(delimiter)
