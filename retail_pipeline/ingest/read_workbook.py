"""Reading Excel workbooks: every sheet with a known header."""

import json
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from retail_pipeline.errors import UnreadableDropError
from retail_pipeline.ingest.formats import FORMATS, Recognised, recognise
from retail_pipeline.ingest.staged import Staged
from retail_pipeline.warehouse.warehouse import Warehouse


def stage_workbook(warehouse: Warehouse, path: Path, say: Callable[[str], None]) -> list[Staged]:
    """Stage the known sheets of a workbook; ``source_row`` counts on from sheet to sheet.

    Parameters
    ----------
    say
        Told of sheets that are left out because their header is unknown.

    Raises
    ------
    UnreadableDropError
        when no sheet has a known header, or the file is no workbook.
    """
    import python_calamine

    try:
        book = python_calamine.CalamineWorkbook.from_path(path)
        sheets = [(name, book.get_sheet_by_name(name).to_python(skip_empty_area=False)) for name in book.sheet_names]
    except Exception as error:  # calamine has one error class a file kind
        raise UnreadableDropError(f"{path.name} is no readable workbook ({error}). Save it again as xlsx.") from error
    staged: list[Staged] = []
    refused: list[str] = []
    before = 0
    for name, rows in sheets:
        header_row = next((place for place, row in enumerate(rows) if any(cell != "" for cell in row)), None)
        if header_row is not None:
            header = [_text(cell) or "" for cell in rows[header_row]]
            try:
                recognised = recognise(header, FORMATS, f"{path.name}, sheet {name!r}")
                place = f"sheet {name!r}" if len(sheets) > 1 else ""
                staged.append(_stage_sheet(warehouse, recognised, rows, header_row, before, len(staged), place))
            except UnreadableDropError as error:
                refused.append(str(error))
        before += len(rows)
    if not staged:
        raise UnreadableDropError(refused[0] if refused else f"{path.name} is empty: no sheet has a row in it.")
    formats = {part.recognised.format.name for part in staged}
    if len(formats) > 1:
        raise UnreadableDropError(
            f"{path.name} has sheets of different formats ({', '.join(sorted(formats))}); save each format as a file."
        )
    for reason in refused:
        say(f"Left out: {reason}")
    return staged


def _stage_sheet(
    warehouse: Warehouse,
    recognised: Recognised,
    rows: list[list[Any]],
    header_row: int,
    before: int,
    number: int,
    place: str,
) -> Staged:
    import pyarrow as pa

    filled = [line for line in range(header_row + 1, len(rows)) if any(cell != "" for cell in rows[line])]
    columns: dict[str, Any] = {"source_row": pa.array([before + line + 1 for line in filled], pa.int64())}
    for field, position in recognised.positions.items():
        columns[field] = pa.array([_text(rows[line][position]) for line in filled], pa.string())
    table = f"staged_sheet_{number}"
    warehouse.connection.register("sheet_columns", pa.table(columns))
    warehouse.execute(f"create or replace temp table {table} as from sheet_columns")
    warehouse.connection.unregister("sheet_columns")

    def raw_texts(source_rows: Sequence[int]) -> list[str]:
        return [json.dumps([_text(cell) for cell in rows[row - before - 1]]) for row in source_rows]

    return Staged(table, recognised, len(filled), raw_texts, place=place)


def _text(cell: Any) -> str | None:
    """A cell as the text a csv export of the sheet would hold; None for an empty one."""
    if isinstance(cell, str):
        return cell or None
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, (datetime, date)):
        return cell.isoformat(" ") if isinstance(cell, datetime) else cell.isoformat()
    return str(cell)
