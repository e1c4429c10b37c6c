"""Reading Excel workbooks: every sheet with a known header."""

import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from retail_pipeline.errors import UnreadableDropError
from retail_pipeline.ingest.formats import REFUSALS, Format, Recognised, recognise
from retail_pipeline.ingest.privacy import Pseudonyms
from retail_pipeline.ingest.staged import Reject, SkippedSheet, Staged
from retail_pipeline.ingest.workbook_cells import OddCells, cell_name, look_through
from retail_pipeline.warehouse.warehouse import Warehouse

MOST_WHOLE = 2**63


@dataclass(frozen=True)
class Sheet:
    """A sheet as it was read: its rows from the top, and the cells that only seem to be empty."""

    name: str
    rows: list[list[Any]]
    odd: OddCells

    def is_filled(self, row: int) -> bool:
        """Whether there is anything in a row."""
        return row in self.odd.found or any(cell != "" for cell in self.rows[row])

    def texts(self, row: int) -> list[str | None]:
        """A row's cells as text, odd ones as what is in them."""
        odd = self.odd.found.get(row, {})
        return [odd.get(column) or _text(cell) for column, cell in enumerate(self.rows[row])]


def stage_workbook(
    warehouse: Warehouse, path: Path, formats: Sequence[Format], say: Callable[[str], None]
) -> list[Staged]:
    """Stage the known sheets of a workbook; ``source_row`` counts on from sheet to sheet.

    Sheets with rows in them whose header is unknown are noted with the first of those that are staged.

    Parameters
    ----------
    formats
        Those its sheets may be of.
    say
        Told of sheets that are left out because their header is unknown.

    Raises
    ------
    UnreadableDropError
        when no sheet has a known header, or the file is no workbook.
    """
    sheets = _read_sheets(path)
    staged: list[Staged] = []
    skipped: list[SkippedSheet] = []
    before = 0
    for sheet in sheets:
        filled = [row for row in range(len(sheet.rows)) if sheet.is_filled(row)]
        if filled:
            header = [text or "" for text in sheet.texts(filled[0])]
            try:
                recognised = recognise(header, formats, f"{path.name}, sheet {sheet.name!r}", REFUSALS)
                place = f"sheet {sheet.name!r}" if len(sheets) > 1 else ""
                staged.append(_stage_sheet(warehouse, recognised, sheet, filled[1:], before, len(staged), place))
            except UnreadableDropError as error:
                skipped.append(SkippedSheet(sheet.name, len(filled), str(error)))
        before += len(sheet.rows)
    if not staged:
        raise UnreadableDropError(skipped[0].reason if skipped else f"{path.name} is empty: no sheet has a row in it.")
    found = {part.recognised.format.name for part in staged}
    if len(found) > 1:
        raise UnreadableDropError(
            f"{path.name} has sheets of different formats ({', '.join(sorted(found))}); save each format as a file."
        )
    for sheet_left_out in skipped:
        say(f"Left out: {sheet_left_out.reason}")
    staged[0].skipped = skipped
    return staged


def _read_sheets(path: Path) -> list[Sheet]:
    """The sheets from their first row and column on; those that are charts are left out."""
    import python_calamine

    if not zipfile.is_zipfile(path):
        raise UnreadableDropError(
            f"{path.name} is no xlsx workbook: an old xls file, one with a password, or a damaged one. "
            "Save it as xlsx without a password."
        )
    try:
        odd = look_through(path)
        with path.open("rb") as file:
            book = python_calamine.CalamineWorkbook.from_filelike(file)
            return [
                Sheet(
                    sheet.name,
                    book.get_sheet_by_name(sheet.name).to_python(skip_empty_area=False),
                    odd.get(sheet.name, OddCells()),
                )
                for sheet in book.sheets_metadata
                if sheet.typ == python_calamine.SheetTypeEnum.WorkSheet
            ]
    except (UnreadableDropError, MemoryError):
        raise
    except Exception as error:  # damaged files end in many kinds of error
        raise UnreadableDropError(f"{path.name} is no readable workbook ({error}). Save it again as xlsx.") from error


def _stage_sheet(
    warehouse: Warehouse,
    recognised: Recognised,
    sheet: Sheet,
    filled: Sequence[int],
    before: int,
    number: int,
    place: str,
) -> Staged:
    import pyarrow as pa

    faulty = {
        row: f"{cell_name(row, column)} holds {what}"
        for row in sorted(sheet.odd.found.keys() & set(filled))
        for column, what in sorted(sheet.odd.found[row].items(), reverse=True)
        if column in recognised.positions.values()
    }
    rejects = [Reject(before + row + 1, reason) for row, reason in faulty.items()]
    good = [row for row in filled if row not in faulty]
    columns: dict[str, Any] = {"source_row": pa.array([before + row + 1 for row in good], pa.int64())}
    for field, position in recognised.positions.items():
        columns[field] = pa.array([_text(sheet.rows[row][position]) for row in good], pa.string())
    table = f"staged_sheet_{number}"
    warehouse.connection.register("sheet_columns", pa.table(columns))
    warehouse.execute(f"create or replace temp table {table} as from sheet_columns")
    warehouse.connection.unregister("sheet_columns")

    pseudonyms = Pseudonyms.of(warehouse.home, warehouse.settings)

    def raw_texts(source_rows: Sequence[int]) -> list[str]:
        texts = (json.dumps(sheet.texts(row - before - 1), ensure_ascii=False) for row in source_rows)
        return [pseudonyms.mask_cells(text, recognised) for text in texts]

    return Staged(table, recognised, len(filled), raw_texts, rejects, place, (f"table {table}",))


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
