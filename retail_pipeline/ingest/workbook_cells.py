"""What the workbook reader does not tell: cells with errors, formulas never computed, and how much there is to read.

An xlsx file is a zip archive of XML. Its sheets are looked through as bytes, a block at a time, before the reader
gets to hold all of a sheet in memory.
"""

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from retail_pipeline.errors import UnreadableDropError

BLOCK = 1 << 22
MOST_CELLS = 50_000_000
MOST_SHEET_BYTES = 4 << 30
MOST_STRING_BYTES = 1 << 30
MOST_INDEX_BYTES = 10 << 20
MOST_ROW_BYTES = 64 << 20
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
REFERENCE = re.compile(rb'\br="([A-Z]{1,3})(\d{1,7})"')
NOT_COMPUTED = "a formula that was never computed"


@dataclass
class OddCells:
    """Cells of a sheet that the reader gives as empty though they are not: row and column (from 0) to what is there."""

    found: dict[int, dict[int, str]] = field(default_factory=dict)

    def add(self, attributes: bytes, what: str) -> None:
        """Note a cell by the attributes of its element."""
        if reference := REFERENCE.search(attributes):
            row, column = int(reference[2]) - 1, column_number(reference[1]) - 1
            self.found.setdefault(row, {})[column] = what


def look_through(path: Path) -> dict[str, OddCells]:
    """The odd cells of each sheet, by its name.

    Raises
    ------
    UnreadableDropError
        when there is more in the workbook than memory should be filled with.
    """
    with zipfile.ZipFile(path) as parts:
        for part in parts.namelist():
            if part.lower() == "xl/sharedstrings.xml":
                _require_size(parts, part, path.name)
        return {name: _look_through_sheet(parts, part, path.name) for name, part in _sheet_parts(parts, path.name)}


def column_number(letters: bytes) -> int:
    """The number of a column by its letters: A is 1, Z 26, AA 27."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number


def cell_name(row: int, column: int) -> str:
    """The name of a cell, given from 0: row 3, column 27 is AB4."""
    letters, number = "", column + 1
    while number:
        number, digit = divmod(number - 1, 26)
        letters = chr(ord("A") + digit) + letters
    return f"{letters}{row + 1}"


def _sheet_parts(parts: zipfile.ZipFile, name: str) -> Iterator[tuple[str, str]]:
    """The name of each sheet, and the part of the archive that holds it."""
    present = {part.lower(): part for part in parts.namelist()}
    targets = {
        relation.get("Id"): relation.get("Target", "")
        for relation in _index(parts, present, "xl/_rels/workbook.xml.rels", name)
    }
    for sheet in _index(parts, present, "xl/workbook.xml", name).iter(f"{MAIN}sheet"):
        target = targets.get(sheet.get(RELATION), "")
        part = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
        if part.lower() in present:
            yield sheet.get("name", ""), present[part.lower()]


def _index(parts: zipfile.ZipFile, present: dict[str, str], part: str, name: str) -> ElementTree.Element:
    if part not in present:
        raise UnreadableDropError(f"{name} is no xlsx workbook (it lacks {part}). Save it again as xlsx, or as csv.")
    with parts.open(present[part]) as file:
        return ElementTree.fromstring(file.read(MOST_INDEX_BYTES))


def _require_size(parts: zipfile.ZipFile, part: str, name: str) -> None:
    for _ in _blocks(parts, part, MOST_STRING_BYTES, name):
        pass


def _blocks(parts: zipfile.ZipFile, part: str, most: int, name: str) -> Iterator[bytes]:
    size = 0
    with parts.open(part) as file:
        while block := file.read(BLOCK):
            size += len(block)
            if size > most:
                raise UnreadableDropError(
                    f"{name}: {part} unpacks to more than {most / 2**30:g} GiB. Export it as csv, or in parts."
                )
            yield block


def _look_through_sheet(parts: zipfile.ZipFile, part: str, name: str) -> OddCells:
    """Look at a sheet piece by piece; the reader makes room for all cells up to the last row and column."""
    odd = OddCells()
    rows, columns = 0, 26
    for cells, patterns in _whole_rows(_blocks(parts, part, MOST_SHEET_BYTES, name), name):
        numbers = patterns.row.findall(cells)
        rows = max(rows, *map(int, numbers), 0) + patterns.count_rows(cells) - len(numbers)
        columns = max(columns, *map(column_number, patterns.wide_column.findall(cells)), patterns.widest_row(cells))
        if rows * columns > MOST_CELLS:
            raise UnreadableDropError(
                f"{name}: a sheet reaches to cell {cell_name(rows - 1, columns - 1)}, which makes more than "
                f"{MOST_CELLS:,} cells. Delete the empty rows and columns around the table, or save it as csv."
            )
        patterns.find_odd(cells, odd)
    return odd


def _whole_rows(blocks: Iterator[bytes], name: str) -> Iterator[tuple[bytes, "_Patterns"]]:
    """The text of a sheet in pieces none of which ends within a row, with what to look for in it."""
    rest, patterns = b"", _Patterns.of(b"")
    for number, block in enumerate(blocks):
        if number == 0:
            patterns = _Patterns.of(block)
        text = rest + block
        end = text.rfind(patterns.row_end) + len(patterns.row_end) if patterns.row_end in text else 0
        if not end and len(text) > MOST_ROW_BYTES:
            raise UnreadableDropError(f"{name}: a sheet has a row of more than 64 MiB. Export it as csv.")
        yield text[:end], patterns
        rest = text[end:]
    yield rest, patterns


@dataclass(frozen=True)
class _Patterns:
    """What to look for in a sheet, whose elements may have a prefix.

    Nothing in them is without a limit: a sheet made to mislead must not take hours.
    """

    row_start: bytes
    row_end: bytes
    cell_start: bytes
    row: re.Pattern[bytes]
    wide_column: re.Pattern[bytes]
    error: re.Pattern[bytes]
    formula_start: bytes
    formula: re.Pattern[bytes]

    @classmethod
    def of(cls, head: bytes) -> "_Patterns":
        """The patterns for a sheet by its first bytes."""
        root = re.search(rb"<(\w+:)?worksheet\b", head)
        p = (root[1] or b"") if root else b""
        formula = rb"<%bf\b[^>]{0,500}(?:/>|>[^<]{0,65536}</%bf>)" % (p, p)
        value = rb"<%bv>([^<]{0,500})</%bv>" % (p, p)
        no_value = rb"\s{0,500}(?:<%bv ?/>|<%bv></%bv>)?\s{0,500}" % (p, p, p)
        return cls(
            row_start=b"<%brow" % p,
            row_end=b"</%brow>" % p,
            cell_start=b"<%bc" % p,
            row=re.compile(rb'<%brow\b[^>]{0,500}?\br="(\d{1,7})"' % p),
            wide_column=re.compile(rb'\br="([A-Z]{2,3})\d'),
            error=re.compile(rb'<%bc ([^>]{0,500}\bt="e"[^>]{0,500})>(?:%b)?%b' % (p, formula, value)),
            formula_start=b"<%bf" % p,
            formula=re.compile(rb"<%bc ([^>]{0,500})>%b%b</%bc>" % (p, formula, no_value, p)),
        )

    def count_rows(self, cells: bytes) -> int:
        """How many rows begin, with a number or without."""
        return sum(cells.count(self.row_start + behind) for behind in (b" ", b">", b"/"))

    def widest_row(self, cells: bytes) -> int:
        """The most cells of a row, 0 if all say which column they are in: those that do not stand side by side."""
        if self._count_cells(cells) == cells.count(self.cell_start + b' r="'):
            return 0
        return max(map(self._count_cells, cells.split(self.row_end)))

    def _count_cells(self, cells: bytes) -> int:
        return sum(cells.count(self.cell_start + behind) for behind in (b" ", b">", b"/"))

    def find_odd(self, cells: bytes, odd: OddCells) -> None:
        """Note the errors and the formulas without a value among whole cells."""
        if b't="e"' in cells:
            for attributes, what in self.error.findall(cells):
                odd.add(attributes, what.decode("utf-8", "replace"))
        if self.formula_start in cells:
            for attributes in self.formula.findall(cells):
                if b' t="str"' not in b" " + attributes:  # a text formula's value may be the empty text
                    odd.add(attributes, NOT_COMPUTED)
