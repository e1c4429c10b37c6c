"""One record of delimited text, read after RFC 4180.

A quote opens a column only as its first character; in the middle of an unquoted column (``5" nail``) it is a character
like any other, as Python's ``csv`` and spreadsheets have it.
"""

from enum import Enum

QUOTE = b'"'


class State(Enum):
    """How far a record has come."""

    WHOLE = "whole"
    OPEN = "a quote is opened and not closed"
    BROKEN = "a quote is closed in the middle of a column"


class Record:
    """A record taken line by line; an open quote takes it on to the next line.

    ``columns`` are the columns read so far, unquoted; ``has_literal_quotes`` says that one of them holds quotes that
    quote nothing.
    """

    def __init__(self, delimiter: bytes) -> None:
        self.columns: list[bytes] = []
        self.state = State.WHOLE
        self.has_literal_quotes = False
        self._delimiter = delimiter
        self._open_text = b""

    @property
    def is_open(self) -> bool:
        """Whether the record goes on to the next line."""
        return self.state is State.OPEN

    def take(self, line: bytes) -> None:
        """Read one more line, given with its line end; the first one, or one that an open quote takes in."""
        text = line.rstrip(b"\r\n")
        place = -1 if self.is_open else 0
        while True:
            if place < 0 or text.startswith(QUOTE, place):
                end = _closing_quote(text, place + 1)
                if end < 0:
                    self._open_text += line[place + 1 :]
                    self.state = State.OPEN
                    return
                self.columns.append((self._open_text + text[place + 1 : end]).replace(b'""', QUOTE))
                self._open_text = b""
                end += 1
                if end < len(text) and not text.startswith(self._delimiter, end):
                    self.state = State.BROKEN
                    return
            else:
                end = text.find(self._delimiter, place)
                end = len(text) if end < 0 else end
                self.columns.append(text[place:end])
                self.has_literal_quotes |= QUOTE in self.columns[-1]
            if end == len(text):
                self.state = State.WHOLE
                return
            place = end + 1

    def quoted(self) -> bytes:
        """The record as one line end-less text in which every column is quoted."""
        return self._delimiter.join(b'"' + column.replace(QUOTE, b'""') + b'"' for column in self.columns)


def split_line(line: bytes, delimiter: bytes) -> list[bytes] | None:
    """The columns of a line that is a record of its own; None if it is none."""
    record = Record(delimiter)
    record.take(line)
    return record.columns if record.state is State.WHOLE else None


def _closing_quote(text: bytes, place: int) -> int:
    """Where a quoted column that is open at ``place`` is closed; -1 if not in this text."""
    while True:
        place = text.find(QUOTE, place)
        if place < 0 or not text.startswith(QUOTE, place + 1):
            return place
        place += 2
