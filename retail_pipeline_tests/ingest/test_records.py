"""One record: quotes, delimiters, line breaks."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retail_pipeline.ingest.records import Record, State, split_line


def taken(*lines: bytes, delimiter: bytes = b",") -> Record:
    record = Record(delimiter)
    for line in lines:
        record.take(line)
    return record


@pytest.mark.parametrize(
    ("line", "columns"),
    [
        (b"a,b\n", [b"a", b"b"]),
        (b"\n", [b""]),
        (b",\r\n", [b"", b""]),
        (b'"a,b",c', [b"a,b", b"c"]),
        (b'"",""\r', [b"", b""]),
        (b'"say ""hi""",x', [b'say "hi"', b"x"]),
        (b'"""",""""""', [b'"', b'""']),
        (b'5" nail,2', [b'5" nail', b"2"]),
        (b' "a",b', [b' "a"', b"b"]),
    ],
)
def test_a_line_is_split_as_rfc_4180_says(line: bytes, columns: list[bytes]) -> None:
    assert split_line(line, b",") == columns


def test_a_quote_in_the_middle_of_an_unquoted_column_is_a_character() -> None:
    record = taken(b'1,12" x 5",3\n')
    assert (record.columns, record.has_literal_quotes) == ([b"1", b'12" x 5"', b"3"], True)


def test_a_quoted_column_goes_on_over_lines_with_its_own_line_breaks() -> None:
    record = taken(b'1,"a\r\n', b"\n", b'b",2\n')
    assert record.columns == [b"1", b"a\r\n\nb", b"2"]


def test_a_quote_closed_in_the_middle_of_a_column_breaks_the_record() -> None:
    assert taken(b'1,"a"b,2\n').state is State.BROKEN
    assert split_line(b'1,"a" ,2', b",") is None


def test_a_record_whose_quote_is_not_closed_is_open() -> None:
    assert taken(b'1,"a,2\n', b'3,"",4\n').state is State.OPEN


@given(st.lists(st.text(alphabet='a ,"\n\r;é', max_size=5), min_size=1, max_size=5))
def test_what_python_writes_is_read_back(columns: list[str]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerow(columns)
    record = taken(*text.getvalue().encode().splitlines(keepends=True))
    assert (record.state, [column.decode() for column in record.columns]) == (State.WHOLE, columns)


@given(st.lists(st.text(alphabet='a ,"\n\r;é', max_size=5).map(str.encode), min_size=1, max_size=5))
def test_a_record_written_anew_says_the_same(columns: list[bytes]) -> None:
    record = Record(b",")
    record.columns = columns
    assert taken(*record.quoted().splitlines(keepends=True)).columns == columns
