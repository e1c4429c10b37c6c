"""What makes the files hard to read: repeated lines, spoiled ones, missing names. The true lines stay as they are."""

import csv
import io
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from retail_pipeline.simulator.exports.base import Export
from retail_pipeline.simulator.lines import Lines
from retail_pipeline.simulator.parameters import Dirt
from retail_pipeline.simulator.random_numbers import Integers, Stream

_FARTHEST_REPEAT = 40
_BAD_DATE, _BAD_UNITS, _BAD_PRICE = "2024-02-30 25:00:00", "abc", "12,x"


class Dirtier:
    """Chooses lines for dirt by what they are, so that a line is dirty in the same way wherever it is written.

    ``repeated`` and ``spoiled`` count the rows that were added.
    """

    def __init__(self, dirt: Dirt, seed: int) -> None:
        self._dirt = dirt
        self.overlap_days = dirt.overlap_days
        self.repeated = self.spoiled = 0
        self._streams = {
            name: Stream(seed, f"dirt {name}")
            for name in ("duplicates", "distance", "malformed", "missing_names", "padded_names", "mixed_case")
        }

    def places(self, lines: Lines, *, may_repeat: bool, may_spoil: bool) -> tuple[Integers, NDArray[np.bool_]]:
        """The lines in the order in which they are written, some of them again, and which of those to spoil."""
        own = np.arange(len(lines))
        again = np.flatnonzero(self._is_chosen("duplicates", lines)) if may_repeat else own[:0]
        far = self._draw("distance", lines.take(again)) * _FARTHEST_REPEAT
        spoiled = np.flatnonzero(self._is_chosen("malformed", lines)) if may_spoil else own[:0]
        self.repeated, self.spoiled = self.repeated + len(again), self.spoiled + len(spoiled)
        places = np.concatenate([own, again, spoiled])
        landing = np.concatenate([own, again + 0.5 + np.floor(far), spoiled + 0.25])
        order = np.argsort(landing, kind="stable")
        return places[order], order >= len(own) + len(again)

    def names_and_case(self, lines: Lines, products: int) -> tuple[Integers, NDArray[np.bool_]]:
        """For each line the place of its name, and whether its code is in lower case.

        Names with blanks about them stand behind the plain ones of all products; -1 is no name.
        """
        names = lines.product + products * self._is_chosen("padded_names", lines)
        names = np.where(self._is_chosen("missing_names", lines), -1, names)
        return names, self._is_chosen("mixed_case", lines)

    def _is_chosen(self, what: str, lines: Lines) -> NDArray[np.bool_]:
        share = getattr(self._dirt, what)
        if share == 0:
            return np.zeros(len(lines), dtype=np.bool_)
        return np.asarray(self._draw(what, lines) < share)

    def _draw(self, what: str, lines: Lines) -> NDArray[np.float64]:
        return self._streams[what].uniform(
            lines.customer, lines.number, 100_000 * lines.kind.astype(np.int64) + lines.line_no, lines.part
        )


class Spoiler:
    """Makes lines of text unreadable, in one way after the other.

    Every way is one that no reader can mend: a day that does not exist, no order, words for numbers, too few cells or
    too many. ``headers`` are those of the file.
    """

    def __init__(self, export: Export, headers: Sequence[str]) -> None:
        self._delimiter, self._quoting = export.delimiter, csv.QUOTE_MINIMAL if export.is_quoted else csv.QUOTE_NONE
        cells = export.cells
        ways = ((cells.date, _BAD_DATE), (cells.units, _BAD_UNITS), (cells.order, ""), (cells.price, _BAD_PRICE))
        self._ways = [(headers.index(header), text) for header, text in ways if header]
        self._done = 0

    def spoil(self, text: bytes, rows: Integers) -> bytes:
        """Text, with some of its rows spoiled."""
        if not len(rows):
            return text
        ends = np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == ord("\n")) + 1
        borders = [0, *ends.tolist()]
        lines = list(pairwise(borders))
        parts, done = [], 0
        for row in rows.tolist():
            start, end = lines[row]
            parts += [text[done:start], self._spoiled(text[start:end])]
            done = end
        return b"".join([*parts, text[done:]])

    def _spoiled(self, line: bytes) -> bytes:
        text = line.decode().removesuffix("\n")
        if self._quoting == csv.QUOTE_NONE:
            return (self._delimiter.join(self._spoiled_cells(text.split(self._delimiter))) + "\n").encode()
        written = io.StringIO()
        cells = self._spoiled_cells(next(csv.reader([text], delimiter=self._delimiter)))
        csv.writer(written, delimiter=self._delimiter, lineterminator="\n").writerow(cells)
        return written.getvalue().encode()

    def _spoiled_cells(self, cells: list[str]) -> list[str]:
        way = self._done % (len(self._ways) + 2)
        self._done += 1
        if way == len(self._ways):
            return cells[: len(cells) // 2]
        if way == len(self._ways) + 1:
            return [*cells, "0.00"]
        place, text = self._ways[way]
        return [*cells[:place], text, *cells[place + 1 :]]
