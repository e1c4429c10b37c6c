"""Staging a file: its lines as text in temporary tables, by what its bytes say it is."""

from collections.abc import Callable
from pathlib import Path

from retail_pipeline.errors import UnreadableDropError
from retail_pipeline.ingest.formats.known import known_formats
from retail_pipeline.ingest.read_ahead import (
    PARQUET_MAGIC,
    ZIP_MAGIC,
    ReadFile,
    TextReading,
    is_text,
    readable_path,
    tell_text,
)
from retail_pipeline.ingest.read_csv import stage_text
from retail_pipeline.ingest.read_parquet import stage_parquet
from retail_pipeline.ingest.read_workbook import stage_workbook
from retail_pipeline.ingest.staged import Staged
from retail_pipeline.ingest.unpack import unpack_lines
from retail_pipeline.warehouse.warehouse import Warehouse


def stage(
    warehouse: Warehouse,
    path: Path,
    scratch: Path,
    say: Callable[[str], None],
    read: ReadFile | None = None,
    number: int = 0,
) -> list[Staged]:
    """Stage a file by what its bytes say it is, whatever its name.

    Parameters
    ----------
    read
        What was read of it ahead, into the same ``scratch``.
    number
        Of the file among texts that are staged at once.

    Raises
    ------
    UnreadableDropError
        when it is of no known kind or format.
    """
    if read is not None and read.fault is not None:
        raise read.fault
    path = readable_path(path, scratch)
    if read is not None and read.records is not None:
        staged = [stage_text(warehouse, read.records, number)]
    elif is_text(path):
        staged = [stage_text(warehouse, tell_text(path, scratch, text_reading(warehouse)))]
    else:
        staged = _stage_other(warehouse, path, say)
    for place, part in enumerate(staged):
        unpack_lines(warehouse, part, number + place)
    return staged


def text_reading(warehouse: Warehouse) -> TextReading:
    """How a warehouse reads texts."""
    return TextReading(
        known_formats(warehouse.settings),
        int(warehouse.settings.ingest.max_unpacked_gib * 2**30),
        int(warehouse.value("select current_setting('threads')")),
    )


def _stage_other(warehouse: Warehouse, path: Path, say: Callable[[str], None]) -> list[Staged]:
    formats = known_formats(warehouse.settings)
    with path.open("rb") as file:
        start = file.read(4)
    if start == PARQUET_MAGIC:
        return [stage_parquet(warehouse, path, formats)]
    if start == ZIP_MAGIC and path.suffix.lower() == ".zip":
        raise UnreadableDropError(f"{path.name} is a zip archive. Unpack it and add the files in it.")
    return stage_workbook(warehouse, path, formats, say)
