"""Reading Excel workbooks: every sheet with a known header."""

import json
import re
import zipfile
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from retail_pipeline.errors import UnreadableDropError
from retail_pipeline.ingest.formats import FORMATS, Recognised, recognise
from retail_pipeline.ingest.staged import Staged
from retail_pipeline.warehouse.warehouse import Warehouse

MOST_CELLS = 100_000_000
MOST_WHOLE = 2**63
SHEET_START = 4096
USED_RANGE = re.compile(rb'<dimension ref="\$?([A-Z]+)\$?(\d+):\$?([A-Z]+)\$?(\d+)"')


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
    sheets = _read_sheets(path)
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


def _read_sheets(path: Path) -> list[tuple[str, list[list[Any]]]]:
    """The name and the rows of each sheet, from its first row and column on; sheets that are charts are left out."""
    import python_calamine

    try:
        _require_reasonable_size(path)
        with path.open("rb") as file:
            book = python_calamine.CalamineWorkbook.from_filelike(file)
            return [
                (sheet.name, book.get_sheet_by_name(sheet.name).to_python(skip_empty_area=False))
                for sheet in book.sheets_metadata
                if sheet.typ == python_calamine.SheetTypeEnum.WorkSheet
            ]
    except (UnreadableDropError, MemoryError):
        raise
    except Exception as error:  # damaged files end in many kinds of error
        raise UnreadableDropError(f"{path.name} is no readable workbook ({error}). Save it again as xlsx.") from error


def _require_reasonable_size(path: Path) -> None:
    """Refuse a sheet with a stray cell in a far corner: the reader holds every cell up to there, full or not."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as parts:
        for part in parts.namelist():
            if not part.startswith("xl/worksheets/"):
                continue
            with parts.open(part) as sheet:
                found = USED_RANGE.search(sheet.read(SHEET_START))
            if found and _column_number(found[3]) * int(found[4]) > MOST_CELLS:
                raise UnreadableDropError(
                    f"{path.name}: a sheet is said to reach to cell {(found[3] + found[4]).decode()}, which makes "
                    f"more than {MOST_CELLS:,} cells. Delete the empty rows and columns around it, or save it as csv."
                )


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number


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
        return [json.dumps([_text(cell) for cell in rows[row - before - 1]], ensure_ascii=False) for row in source_rows]

    return Staged(table, recognised, len(filled), raw_texts, place=place, temporary=(f"table {table}",))


def _text(cell: Any) -> str | None:
    """A cell as the text a csv export of the sheet would hold; None for an empty one."""
    if isinstance(cell, str):
        return cell or None
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < MOST_WHOLE else repr(cell)
    if isinstance(cell, (datetime, date)):
        return cell.isoformat(" ") if isinstance(cell, datetime) else cell.isoformat()
    return str(cell)
