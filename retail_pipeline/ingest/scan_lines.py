"""Which physical lines of a text are records, which are faulty and why, told before DuckDB reads the good ones.

DuckDB reads fast, but it is no judge of broken lines: an open quote swallows what follows, blank lines at the borders
of its buffers double or bend a row, and where it splits a file for its threads it guesses whether it stands inside
quotes. So the lines are looked at here, a block of bytes at a time with NumPy; only the odd ones are read one by
one. Where the text is not plain enough, a clean copy with nothing but good records is made for DuckDB.
"""

import contextlib
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt

from retail_pipeline.errors import UnreadableDropError
from retail_pipeline.ingest.records import QUOTE, Record, State, split_line
from retail_pipeline.ingest.text_files import BLOCK, Utf8File

LONGEST_RECORD = 2_000_000
LONGEST_LINE = 1 << 24
LINE_FEED, CARRIAGE_RETURN, QUOTE_MARK, NUL = b'\n\r"\x00'
END_OF_TEXT = 0
"""The line end of a last line that has none."""

CLEAN_HEADER = b"-\n"
"""The first line of a clean copy; DuckDB would take a byte-order mark out of a record that stood there."""

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Layout:
    """How a text is laid out: where its records begin and what they look like.

    ``start`` and ``lines`` are the bytes and the physical lines up to the end of the header, ``line_end`` its line
    end's bytes added up. ``is_good_line`` says whether columns are, each in its place and of its kind, those of a line
    that can be loaded: such a line is never taken for the inside of a quoted column that an earlier line opened.
    Without ``has_quotes``, quotes are characters like others.
    """

    delimiter: bytes
    width: int
    start: int
    lines: int
    line_end: int
    is_good_line: Callable[[Sequence[bytes]], bool]
    has_quotes: bool = True


@dataclass
class Scan:
    """What stands on the physical lines of a text (the first is 1).

    Of all ``lines``, ``skipped`` are those on which no good record starts: the header, blank and faulty ones, and the
    further lines of records with line breaks inside quotes; ``further`` counts these by the line the record starts on.
    ``faults`` are the faulty records, line and reason. ``blocks`` are places to start reading at, line and byte.
    ``is_plain`` says that DuckDB can read the text as it is: no blank or faulty line, no literal quote, line ends
    of one kind.
    """

    lines: int = 0
    records: int = 0
    skipped: Integers = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    faults: list[tuple[int, str]] = field(default_factory=list)
    further: dict[int, int] = field(default_factory=dict)
    blocks: list[tuple[int, int]] = field(default_factory=list)
    has_quotes: bool = False
    is_plain: bool = True


def scan_lines(text: Utf8File, layout: Layout, clean: Path | None = None) -> Scan:
    """Look at every line of a text below its header.

    Parameters
    ----------
    clean
        Where to write a copy that holds the good records alone, each with the same line end, below a line to skip.

    Raises
    ------
    UnreadableDropError
        when a line is so long that this is no table.
    """
    scan = Scan()
    skipped = [np.arange(1, layout.lines + 1, dtype=np.int64)]
    line_ends = {layout.line_end}
    line, place, rest, is_last = layout.lines + 1, layout.start, b"", False
    with text.path.open("rb") as file, contextlib.ExitStack() as stack:
        copy = stack.enter_context(clean.open("wb")) if clean else None
        if copy:
            copy.write(CLEAN_HEADER)
        file.seek(place)
        while not is_last:
            more = file.read(BLOCK)
            is_last = not more
            block = _Block(rest + more, layout, text, is_last=is_last)
            scan.blocks.append((line, place))
            scan.records += int(np.count_nonzero(block.starts_record))
            skipped.append(np.flatnonzero(~block.starts_record) + line)
            scan.faults += [(line + row, reason) for row, reason in block.rejected]
            scan.further.update({line + row: count for row, count in block.further.items()})
            scan.has_quotes |= layout.has_quotes and QUOTE in block.data
            scan.is_plain &= bool(block.is_kept.all())
            line_ends |= block.line_ends()
            if copy:
                copy.writelines(block.clean_text())
            line, place, rest = line + block.rows, place + len(block.data), block.rest
            if len(rest) > LONGEST_LINE:
                raise UnreadableDropError(
                    f"{text.name}: line {line} is longer than {LONGEST_LINE:,} bytes, so this is no table. "
                    "Export it again as csv or xlsx."
                )
    scan.is_plain &= line_ends <= {LINE_FEED, END_OF_TEXT} or line_ends <= {CARRIAGE_RETURN + LINE_FEED, END_OF_TEXT}
    scan.skipped = np.concatenate(skipped)
    scan.lines = line - 1
    return scan


def fetch_records(text: Utf8File, scan: Scan, lines: Sequence[int]) -> list[str]:
    """The text of the records that start on physical lines (in rising order), without their last line end."""
    first_lines = [line for line, _ in scan.blocks]
    texts: list[str] = []
    with text.path.open("rb") as file:
        for block, wanted in groupby(lines, lambda line: bisect_right(first_lines, line) - 1):
            first, place = scan.blocks[block]
            file.seek(place)
            data = file.read(scan.blocks[block + 1][1] - place if block + 1 < len(scan.blocks) else -1)
            found = data.splitlines(keepends=True)
            for line in wanted:
                record = found[line - first : line - first + 1 + scan.further.get(line, 0)]
                texts.append(b"".join(record).decode("utf-8", "replace").rstrip("\r\n"))
    return texts


class _Block:
    """The lines of a block of bytes, up to the last that is whole: ``rest`` is to be looked at with what follows.

    A line end is a line feed, a carriage return or both. Line k begins at ``_starts[k]``, its line end at
    ``_stops[k]``, the next line at ``_nexts[k]``. ``is_kept`` marks the lines that go into a clean copy as they stand.
    """

    def __init__(self, data: bytes, layout: Layout, text: Utf8File, *, is_last: bool) -> None:
        self._layout = layout
        self._is_last = is_last
        self._find_lines(data)
        self._faults = self._find_lines_that_are_no_text(text)
        self._columns, self._is_regular = self._count_columns()
        is_good = self._is_regular & (self._columns == layout.width) & (self._stops - self._starts <= LONGEST_RECORD)
        is_good[list(self._faults)] = False
        self.starts_record = is_good
        self.is_kept = is_good.copy()
        self._is_inner = np.zeros(self.rows, dtype=np.bool_)
        self.rejected: list[tuple[int, str]] = []
        self.further: dict[int, int] = {}
        self._rewritten: dict[int, bytes] = {}
        self._examine_odd_lines()

    @property
    def rows(self) -> int:
        """How many lines the block has."""
        return len(self._starts)

    def line_ends(self) -> set[int]:
        """The line ends of its records, each as the sum of its bytes."""
        rows = np.flatnonzero(self.is_kept & ~self._is_inner)
        stops, lengths = self._stops[rows], (self._nexts - self._stops)[rows]
        ends = np.full(len(rows), END_OF_TEXT)
        ends[lengths == 2] = CARRIAGE_RETURN + LINE_FEED
        ends[lengths == 1] = self._content[stops[lengths == 1]]
        return set(np.unique(ends).tolist())

    def clean_text(self) -> Iterator[bytes]:
        """The good records, each ended by a line feed; line breaks inside quotes stay as they are."""
        content = self._content.copy()
        is_wanted = np.repeat(self.is_kept, self._nexts - self._starts)
        ending = np.flatnonzero(self.is_kept & ~self._is_inner & (self._nexts > self._stops))
        content[self._nexts[ending] - 1] = LINE_FEED
        is_wanted[self._stops[ending[(self._nexts - self._stops)[ending] == 2]]] = False
        done = 0
        for row in sorted(self._rewritten):
            place = int(self._starts[row])
            yield content[done:place][is_wanted[done:place]].tobytes()
            yield self._rewritten[row] + b"\n"
            done = place
        yield content[done:][is_wanted[done:]].tobytes()
        if self.rows and self.is_kept[-1] and self._nexts[-1] == self._stops[-1]:
            yield b"\n"

    def _find_lines(self, data: bytes) -> None:
        content = np.frombuffer(data, dtype=np.uint8)
        feeds = np.flatnonzero(content == LINE_FEED)
        lasts = feeds
        if b"\r" in data:
            returns = np.flatnonzero(content == CARRIAGE_RETURN)
            if not self._is_last and returns[-1] == len(data) - 1:
                returns = returns[:-1]  # a line feed that belongs to it may be still to come
            lone = returns[content[np.minimum(returns + 1, len(data) - 1)] != LINE_FEED]
            lasts = np.sort(np.concatenate([feeds, lone])) if len(lone) else feeds
        self._nexts = lasts + 1
        self._starts = np.concatenate([np.zeros(min(len(lasts), 1), dtype=np.int64), self._nexts[:-1]])
        has_pair = (content[lasts] == LINE_FEED) & (lasts > self._starts) & (content[lasts - 1] == CARRIAGE_RETURN)
        self._stops = lasts - has_pair
        if self._is_last and data and (not len(lasts) or lasts[-1] < len(data) - 1):
            self._starts = np.append(self._starts, lasts[-1] + 1 if len(lasts) else 0)
            self._stops, self._nexts = np.append(self._stops, len(data)), np.append(self._nexts, len(data))
        self._cut(data)

    def _cut(self, data: bytes) -> None:
        end = int(self._nexts[-1]) if self.rows else 0
        self.data, self.rest = data[:end], data[end:]
        self._content = np.frombuffer(self.data, dtype=np.uint8)

    def _find_lines_that_are_no_text(self, text: Utf8File) -> dict[int, str]:
        faults: dict[int, str] = {}
        if text.has_strays and not _is_utf8(self.data):
            for row in np.unique(self._rows_of(np.flatnonzero(self._content >= 0x80))).tolist():
                if not _is_utf8(self._line(row)):
                    faults[row] = f"the line is not valid {text.encoding}"
        if b"\x00" in self.data:
            for row in np.unique(self._rows_of(np.flatnonzero(self._content == NUL))).tolist():
                faults[row] = "the line holds a NUL byte"
        return faults

    def _count_columns(self) -> tuple[Integers, Flags]:
        """The columns of each line, and whether its quotes are regular: each one opens a column or closes one."""
        delimiter = ord(self._layout.delimiter)
        delimiters = np.flatnonzero(self._content == delimiter)
        counts = np.diff(np.searchsorted(delimiters, self._nexts), prepend=0)
        is_regular = np.ones(self.rows, dtype=np.bool_)
        quotes = np.flatnonzero(self._content == QUOTE_MARK)
        if not len(quotes) or not self._layout.has_quotes:
            return counts + 1, is_regular
        rows = self._rows_of(quotes)
        quotes_in = np.bincount(rows, minlength=self.rows)
        first = np.cumsum(quotes_in) - quotes_in
        opens = (np.arange(len(quotes)) - first[rows]) % 2 == 0
        is_at_border = np.where(opens, quotes == self._starts[rows], quotes + 1 == self._stops[rows])
        neighbours = self._content[np.clip(np.where(opens, quotes - 1, quotes + 1), 0, len(self.data) - 1)]
        is_odd = ~is_at_border & (neighbours != QUOTE_MARK) & (neighbours != delimiter)
        is_regular[rows[is_odd]] = False
        is_regular &= quotes_in % 2 == 0
        beside_quotes = delimiters[np.repeat(quotes_in > 0, counts)]
        rows = self._rows_of(beside_quotes)
        is_quoted = (np.searchsorted(quotes, beside_quotes) - first[rows]) % 2 == 1
        return counts + 1 - np.bincount(rows[is_quoted], minlength=self.rows), is_regular

    def _rows_of(self, places: Integers) -> Integers:
        return np.searchsorted(self._nexts, places, side="right")

    def _line(self, row: int) -> bytes:
        return self.data[self._starts[row] : self._nexts[row]]

    def _examine_odd_lines(self) -> None:
        """Tell blank lines, faulty ones, and records whose quotes are not plain, one by one."""
        examined = 0
        for row in np.flatnonzero(~self.starts_record & (self._stops > self._starts)).tolist():
            if row < examined:
                continue
            if self._stops[row] - self._starts[row] > LONGEST_RECORD:
                self.rejected.append((row, f"the line is longer than {LONGEST_RECORD:,} bytes"))
            elif not self._is_regular[row]:
                lines = self._examine_quotes(row)
                if not lines:
                    self._put_off(row)
                    return
                examined = row + lines
            elif row in self._faults:
                self.rejected.append((row, self._faults[row]))
            elif self._columns[row] > 1 or self._line(row).strip(b" \t\r\n"):
                self.rejected.append((row, self._wrong_width(int(self._columns[row]))))

    def _examine_quotes(self, row: int) -> int:
        """Tell what record starts on a line; returns how many lines it has, 0 if its end is not in this block."""
        record = Record(self._layout.delimiter)
        record.take(self._line(row))
        last = self._follow(record, row)
        if last is None:
            return 0
        if record.state is not State.WHOLE:
            self.rejected.append((row, self._faults.get(row, record.state.value)))
            return 1
        if last > row:
            self.further[row] = last - row
            self.starts_record[row : last + 1] = self.is_kept[row : last + 1] = False
        faults = [self._faults[line] for line in range(row, last + 1) if line in self._faults]
        if faults or len(record.columns) != self._layout.width:
            self.rejected.append((row, faults[0] if faults else self._wrong_width(len(record.columns))))
        else:
            self._keep(record, row, last)
        return last - row + 1

    def _follow(self, record: Record, row: int) -> int | None:
        """The line on which a record ends; None if that is not in this block. If it does not end, its state is OPEN.

        It does not end where it would take in a good line, meet the end of the file, or become too long.
        """
        last = row
        while record.is_open:
            last += 1
            end = self._nexts[last] if last < self.rows else len(self.data) + len(self.rest)
            if end - self._starts[row] > LONGEST_RECORD or (last == self.rows and self._is_last):
                return row
            if last == self.rows:
                return None
            open_column = len(record.columns)
            record.take(self._line(last))
            if record.state is State.BROKEN or self._takes_in_a_line(record, open_column, last):
                record.state = State.OPEN
                return row
        return last

    def _takes_in_a_line(self, record: Record, open_column: int, row: int) -> bool:
        """Whether a record takes in a good line; the end of a quoted first column may well read as one."""
        return (record.is_open or open_column > 0) and self._is_good_line(row)

    def _is_good_line(self, row: int) -> bool:
        if row in self._faults or (self._is_regular[row] and not self.starts_record[row]):
            return False
        columns = split_line(self._line(row), self._layout.delimiter)
        return columns is not None and len(columns) == self._layout.width and self._layout.is_good_line(columns)

    def _keep(self, record: Record, row: int, last: int) -> None:
        self.starts_record[row] = True
        if record.has_literal_quotes:
            self._rewritten[row] = record.quoted()
        else:
            self.is_kept[row : last + 1] = True
            self._is_inner[row:last] = True

    def _put_off(self, row: int) -> None:
        """Leave a line and all that follow to the next block."""
        data = self.data + self.rest
        for name in ("_starts", "_stops", "_nexts", "starts_record", "is_kept", "_is_inner"):
            setattr(self, name, getattr(self, name)[:row])
        self._cut(data)

    def _wrong_width(self, columns: int) -> str:
        width = self._layout.width
        return f"too {'few' if columns < width else 'many'} columns: the line has {columns} instead of {width}"


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
