"""From the bytes of a text export to UTF-8 lines that DuckDB can read at full speed.

DuckDB reads the mass of the lines; this module looks at bytes only, in blocks, and finds the few things DuckDB
would stumble over: another encoding, mixed line ends, NUL bytes, bytes that are no text, quotes never closed. A
line with such a fault is taken out (a blank line stays in its place, so that line numbers hold) and kept with its
reason.
"""

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from retail_pipeline.errors import UnreadableDropError

BLOCK = 1 << 23
LONGEST_LINE = 1 << 26
LONGEST_RECORD_LINES = 50
DELIMITERS = ",;\t|"
GZIP_MAGIC = b"\x1f\x8b"
UTF8_CHARACTER = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
UTF16_MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
C1_CONTROLS = "".join(map(chr, range(0x80, 0xA0)))
WINDOWS_1252 = {
    0x80 + place: bytes([0x80 + place]).decode("cp1252", "ignore") or mark for place, mark in enumerate(C1_CONTROLS)
}


@dataclass(frozen=True)
class FaultyLine:
    """A physical line (the first is 1) taken out of the text, with the reason and what it said."""

    line: int
    reason: str
    raw: str


@dataclass
class TextFile:
    """A text export ready for DuckDB.

    ``path`` is UTF-8 with one kind of line end; ``skipped`` are the physical lines that start no record: blank ones,
    the header, those taken out, and the further lines of records with line breaks inside quotes.
    """

    path: Path
    delimiter: str
    header: list[str]
    header_line: int
    lines: int
    skipped: npt.NDArray[np.int64]
    faulty: list[FaultyLine]
    continued: dict[int, int]

    @property
    def records(self) -> int:
        """How many records DuckDB must find, faulty ones it can see included."""
        return self.lines - len(self.skipped)


def prepare_text(path: Path, scratch: Path, max_unpacked_bytes: int, *, every_quote: bool = False) -> TextFile:
    """Look through a text file and hand it over as lines DuckDB can read.

    Parameters
    ----------
    scratch
        An existing folder for copies, the caller's to remove.
    every_quote
        Examine each line that has a quote, not only those with an odd number; slower, for files with literal
        quotes in unquoted fields.

    Raises
    ------
    UnreadableDropError
        when it is no text, is empty, or unpacks to too much.
    """
    plain = path
    if is_gzip(path):
        plain = _unpack(path, scratch / "unpacked", max_unpacked_bytes)
    survey = _survey(plain)
    faulty: list[FaultyLine] = []
    if survey.needs_copy:
        plain, faulty = _rewrite(plain, scratch / "rewritten", survey)
    delimiter, header, header_line = _read_header(plain, path.name)
    scan = _scan_lines(plain, every_quote=every_quote)
    continued, unclosed = _follow_quotes(plain, scan.suspects, delimiter, len(header))
    if unclosed:
        taken_out = {line for line, _ in unclosed}
        faulty += [FaultyLine(line, "a quote is opened and not closed", raw) for line, raw in unclosed]
        plain = _blank(plain, scratch / "blanked", taken_out)
        scan.blank = np.concatenate([scan.blank, np.array(sorted(taken_out), dtype=np.int64)])
    further = [line + step for line, count in continued.items() for step in range(1, count + 1)]
    skipped = np.unique(np.concatenate([scan.blank, np.array([header_line, *further], dtype=np.int64)]))
    return TextFile(plain, delimiter, header, header_line, scan.lines, skipped, faulty, continued)


def is_gzip(path: Path) -> bool:
    """Whether a file begins as gzip does."""
    with path.open("rb") as file:
        return file.read(2) == GZIP_MAGIC


def parse_line(text: str, delimiter: str) -> list[str]:
    """The fields of one line as a csv reader sees them."""
    csv.field_size_limit(LONGEST_LINE)
    try:
        return next(csv.reader([text], delimiter=delimiter), [])
    except csv.Error:
        return text.split(delimiter)


def line_numbers(path: Path, positions: Sequence[int]) -> list[int]:
    """The physical lines in which byte positions (sorted, from 0) lie; one on a line end belongs to the next line."""
    numbers: list[int] = []
    wanted = list(positions)
    before, lines = 0, 1
    for block in _blocks(path):
        here = [position for position in wanted[len(numbers) :] if position < before + len(block)]
        ends = np.flatnonzero(np.frombuffer(block, dtype=np.uint8) == 10)
        for position in here:
            place = position - before
            while place < len(block) and block[place] in b"\r\n":
                place += 1
            numbers.append(lines + int(np.searchsorted(ends, place)))
        before, lines = before + len(block), lines + len(ends)
    return numbers


def fetch_lines(path: Path, starts: Sequence[int], continued: dict[int, int]) -> list[str]:
    """The text of the records that start at physical lines (sorted, from 1), without their line ends."""
    texts: list[str] = []
    wanted = iter(starts)
    target = next(wanted, None)
    with path.open("rb") as file:
        number = 0
        for line in file:
            number += 1
            if target is None:
                break
            if number == target:
                more = [file.readline() for _ in range(continued.get(number, 0))]
                number += len(more)
                texts.append(b"".join([line, *more]).decode("utf-8", "replace").rstrip("\r\n"))
                target = next(wanted, None)
    return texts


@dataclass
class _Survey:
    """What the bytes are: ``encoding`` is 'utf-8', 'windows-1252' or 'utf-16…'."""

    encoding: str
    has_faults: bool
    has_nul: bool
    mixed_line_ends: bool

    @property
    def needs_copy(self) -> bool:
        return self.encoding != "utf-8" or self.has_faults or self.has_nul or self.mixed_line_ends


@dataclass
class _Scan:
    lines: int
    blank: npt.NDArray[np.int64]
    suspects: list[int]


def _blocks(path: Path) -> Iterator[bytes]:
    """The file in blocks that end at a line end (but for the last)."""
    with path.open("rb") as file:
        rest = b""
        while block := file.read(BLOCK):
            block = rest + block
            end = block.rfind(b"\n") + 1
            if not end and len(block) > LONGEST_LINE:
                end = len(block)
            rest = block[end:]
            if end:
                yield block[:end]
        if rest:
            yield rest


def _survey(path: Path) -> _Survey:
    with path.open("rb") as file:
        start = file.read(4096)
    if not start:
        raise UnreadableDropError(f"{path.name} is empty: it has no header line. Export it again.")
    for mark, encoding in UTF16_MARKS.items():
        if start.startswith(mark):
            return _Survey(encoding, False, False, True)
    if start.count(0) > len(start) // 4:
        little = start[1::2].count(0) > start[0::2].count(0)
        if not re.fullmatch(rb"[\x09-\x7e]*", start[0::2] if little else start[1::2]):
            raise UnreadableDropError(f"{path.name} is no text table (it holds binary data). Export it as csv or xlsx.")
        return _Survey("utf-16-le" if little else "utf-16-be", False, False, True)
    utf8, other, nul, crlf, lf, lone_cr = 0, 0, False, False, False, False
    for block in _blocks(path):
        characters, strays = _count_non_ascii(block)
        utf8, other = utf8 + characters, other + strays
        nul = nul or b"\x00" in block
        ends, pairs, returns = block.count(b"\n"), block.count(b"\r\n"), block.count(b"\r")
        crlf, lf, lone_cr = crlf or pairs > 0, lf or ends > pairs, lone_cr or returns > pairs
    encoding = "windows-1252" if other and other * 10 > utf8 else "utf-8"
    faults = bool(other) and encoding == "utf-8"
    return _Survey(encoding, faults, nul, (crlf and lf) or (lone_cr and not crlf and not lf))


def _count_non_ascii(block: bytes) -> tuple[int, int]:
    """The UTF-8 characters beyond ASCII in a block, and the bytes beyond ASCII that are part of none."""
    if block.isascii():
        return 0, 0
    content = np.frombuffer(block, dtype=np.uint8)
    places = np.flatnonzero(content & 0x80)
    runs_begin = np.flatnonzero(np.diff(places) > 1) + 1
    runs = np.insert(content[places], runs_begin, 0).tobytes()
    characters = UTF8_CHARACTER.findall(runs)
    return len(characters), len(places) - sum(map(len, characters))


def _rewrite(path: Path, target: Path, survey: _Survey) -> tuple[Path, list[FaultyLine]]:
    """A copy in UTF-8 with single line ends; lines that are no text are taken out."""
    faulty: list[FaultyLine] = []
    number = 0
    with target.open("wb") as copy:
        for block in _decoded(path, survey.encoding):
            text = block.replace(b"\r\n", b"\n") if survey.mixed_line_ends else block
            if survey.mixed_line_ends and b"\n" not in text:
                text = text.replace(b"\r", b"\n")
            if survey.has_faults or b"\x00" in text:
                lines = text.split(b"\n")
                for place, line in enumerate(lines):
                    reason = _fault(line)
                    if reason:
                        faulty.append(
                            FaultyLine(number + place + 1, reason, line.decode("utf-8", "replace").rstrip("\r"))
                        )
                        lines[place] = b""
                text = b"\n".join(lines)
            number += text.count(b"\n")
            copy.write(text)
    return target, faulty


def _fault(line: bytes) -> str | None:
    if b"\x00" in line:
        return "the line holds a NUL byte"
    if not line.isascii():
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            return "the line is not valid UTF-8"
    return None


def _decoded(path: Path, encoding: str) -> Iterator[bytes]:
    if encoding.startswith("utf-16"):
        with path.open(encoding=encoding, errors="replace", newline="") as file:
            while text := file.read(BLOCK):
                text += file.readline()
                yield text.encode("utf-8")
        return
    for block in _blocks(path):
        if encoding == "utf-8" or block.isascii():
            yield block
        else:
            content = np.frombuffer(block, dtype=np.uint8)
            text = block.decode("latin-1")
            if np.any(content[content & 0x80 > 0] < 0xA0):  # rare, and the translation is slow
                text = text.translate(WINDOWS_1252)
            yield text.encode("utf-8")


def _unpack(path: Path, target: Path, max_bytes: int) -> Path:
    unpacked = 0
    try:
        with gzip.open(path, "rb") as packed, target.open("wb") as copy:
            while block := packed.read(BLOCK):
                unpacked += len(block)
                if unpacked > max_bytes:
                    raise UnreadableDropError(
                        f"{path.name} unpacks to more than {max_bytes / 2**30:.0f} GiB. If that is right, raise "
                        "ingest.max_unpacked_gib."
                    )
                copy.write(block)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UnreadableDropError(f"{path.name} is a damaged gzip file ({error}). Copy or export it again.") from error
    return target


def _read_header(path: Path, name: str) -> tuple[str, list[str], int]:
    """The delimiter, the column names and the physical line of the header: the first line that is not blank."""
    with path.open("rb") as file:
        for number, line in enumerate(_bounded_lines(file), start=1):
            text = line.decode("utf-8", "replace").replace("\ufeff", "").rstrip("\r\n")
            if text.strip():
                delimiter = max(DELIMITERS, key=lambda each: len(parse_line(text, each)))
                return delimiter, parse_line(text, delimiter), number
    raise UnreadableDropError(f"{name} is empty: it has no header line. Export it again.")


def _bounded_lines(file: BinaryIO) -> Iterator[bytes]:
    while line := file.readline(1 << 20):
        yield line


def _scan_lines(path: Path, *, every_quote: bool) -> _Scan:
    """Count the lines, and find the blank ones and those whose quotes do not pair up."""
    lines = 0
    blank: list[npt.NDArray[np.int64]] = []
    suspects: list[int] = []
    for block in _blocks(path):
        content = np.frombuffer(block, dtype=np.uint8)
        ends = np.flatnonzero(content == 10)
        if block[-1:] != b"\n":
            ends = np.append(ends, len(block))
        starts = np.concatenate([[0], ends[:-1] + 1])
        length = ends - starts
        empty = length == 0
        single = np.flatnonzero(length == 1)
        empty[single] = content[starts[single]] == 13
        blank.append(np.flatnonzero(empty) + lines + 1)
        if b'"' in block:
            quotes = np.bincount(np.searchsorted(ends, np.flatnonzero(content == 34)), minlength=len(ends))
            suspect = quotes > 0 if every_quote else quotes % 2 == 1
            suspects += (np.flatnonzero(suspect) + lines + 1).tolist()
        lines += len(ends)
    return _Scan(lines, np.concatenate(blank) if blank else np.array([], dtype=np.int64), suspects)


def _follow_quotes(
    path: Path, suspects: list[int], delimiter: str, width: int
) -> tuple[dict[int, int], list[tuple[int, str]]]:
    """For lines with open quotes: how many further lines their record takes, or that it never closes.

    Returns
    -------
    First line of a record to its number of further lines; lines whose quote is not closed, with their text.
    """
    continued: dict[int, int] = {}
    unclosed: list[tuple[int, str]] = []
    if not suspects:
        return continued, unclosed
    with path.open("rb") as file:
        number = 0
        wanted = iter(suspects)
        target = next(wanted, None)
        while target is not None and (line := file.readline()):
            number += 1
            if number != target:
                continue
            after = file.tell()
            record = _Record(delimiter, width)
            further = 0
            record.take(line)
            while record.is_open and further < LONGEST_RECORD_LINES and (more := file.readline()):
                further += 1
                record.take(more)
            if record.is_whole and further:
                continued[number] = further
                number += further
            else:
                if record.is_open or further:
                    unclosed.append((number, line.decode("utf-8", "replace").rstrip("\r\n")))
                file.seek(after)
            target = next((line_no for line_no in wanted if line_no > number), None)
    return continued, unclosed


class _Record:
    """Follows the quotes of one record over its lines, after RFC 4180: a quote opens only at a field's start."""

    def __init__(self, delimiter: str, width: int) -> None:
        self._delimiter = delimiter
        self._width = width
        self._text = ""
        self._state = "start"

    def take(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace")
        self._text += text
        state = self._state
        for character in text:
            if character == '"':
                state = {"start": "quoted", "quoted": "closing", "closing": "quoted"}.get(state, state)
            elif state != "quoted":
                state = "start" if character in (self._delimiter, "\n") else "plain"
        self._state = state

    @property
    def is_open(self) -> bool:
        return self._state == "quoted"

    @property
    def is_whole(self) -> bool:
        if self.is_open:
            return False
        rows = list(csv.reader(io.StringIO(self._text, newline=""), delimiter=self._delimiter))
        return len(rows) == 1 and len(rows[0]) == self._width


def _blank(path: Path, target: Path, lines: set[int]) -> Path:
    """A copy in which some physical lines are blank."""
    with path.open("rb") as file, target.open("wb") as copy:
        for number, line in enumerate(file, start=1):
            copy.write(b"\n" if number in lines else line)
    return target
