"""Which lines are records: against a reader that goes character by character, and by cases."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retail_pipeline.errors import UnreadableDropError
from retail_pipeline.ingest import scan_lines as module
from retail_pipeline.ingest.scan_lines import CLEAN_HEADER, Layout, Scan, fetch_records, scan_lines
from retail_pipeline.ingest.text_files import Utf8File

WIDTH = 3
GOOD = b"1,a,2\n"
NOT_CLOSED = "a quote is opened and not closed"
CLOSED_WITHIN = "a quote is closed in the middle of a column"
PIECES = st.sampled_from(
    [b"a", b"1", b",", b'"', b'""', b'",', b',"', b"\n", b"\r", b"\r\n", b" ", GOOD, b'1,"x,2\n', b'3,y",4\n', b"1,,"]
)


def begins_with_a_number(columns: Sequence[bytes | str]) -> bool:
    return columns[0].isdigit()


def scanned(folder: Path, content: bytes, block: int = 1 << 20, clean: bool = False) -> Scan:
    path = folder / "lines.csv"
    path.write_bytes(content)
    layout = Layout(b",", WIDTH, 0, 0, 0, begins_with_a_number)
    with patch.object(module, "BLOCK", block):
        return scan_lines(as_text(folder), layout, folder / "clean.csv" if clean else None)


def as_text(folder: Path) -> Utf8File:
    return Utf8File(folder / "lines.csv", "lines.csv", "UTF-8", True)


def clean_rows(folder: Path) -> list[list[str]]:
    text = (folder / "clean.csv").read_bytes().removeprefix(CLEAN_HEADER).decode()
    return list(csv.reader(io.StringIO(text, newline="")))


# A second reader of the same rules, one character at a time.


@dataclass
class Reading:
    """What the slow reader makes of a text; lines count from 0."""

    records: dict[int, list[str]] = field(default_factory=dict)
    faults: dict[int, str] = field(default_factory=dict)
    further: dict[int, int] = field(default_factory=dict)


def physical_lines(text: str) -> list[str]:
    return io.StringIO(text, newline="").readlines()


def read_slowly(text: str) -> Reading:
    lines = physical_lines(text)
    found = Reading()
    here = 0
    while here < len(lines):
        state, columns, last = follow(lines, here)
        if state == "whole" and len(columns) == WIDTH:
            found.records[here] = columns
        elif state == "whole" and not (last == here and len(columns) == 1 and not lines[here].strip(" \t\r\n")):
            found.faults[here] = f"too {'few' if len(columns) < WIDTH else 'many'} columns"
        elif state != "whole":
            found.faults[here] = CLOSED_WITHIN if state == "broken" else NOT_CLOSED
        if last > here:
            found.further[here] = last - here
        here = last + 1
    return found


def follow(lines: list[str], first: int) -> tuple[str, list[str], int]:
    """The record that starts on a line: how it ends, its columns, and its last line."""
    last = first
    state, columns = parse(lines[first])
    while state == "open":
        if last + 1 == len(lines):
            return "open", [], first
        last += 1
        open_column = len(columns) - 1
        state, columns = parse("".join(lines[first : last + 1]))
        alone, alone_columns = parse(lines[last])
        is_good = alone == "whole" and len(alone_columns) == WIDTH and begins_with_a_number(alone_columns)
        if state == "broken" or (is_good and (state == "open" or open_column > 0)):
            return "open", [], first
    return state, columns, last


def parse(text: str) -> tuple[str, list[str]]:
    columns, state = [""], "start"
    for character in text:
        if state == "quoted":
            if character == '"':
                state = "closing"
            else:
                columns[-1] += character
        elif character in "\r\n":
            return "whole", columns
        elif character == ",":
            columns.append("")
            state = "start"
        elif state == "closing" and character != '"':
            return "broken", columns
        elif character == '"' and state in ("start", "closing"):
            columns[-1] += '"' if state == "closing" else ""
            state = "quoted"
        else:
            columns[-1] += character
            state = "plain"
    return ("open" if state == "quoted" else "whole"), columns


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=30), st.sampled_from([1, 2, 3, 7, 19, 1 << 20]))
def test_a_block_at_a_time_says_the_same_as_a_character_at_a_time(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], block: int
) -> None:
    content = b"".join(pieces)
    folder = tmp_path_factory.getbasetemp()
    expected = read_slowly(content.decode())
    lines = physical_lines(content.decode())

    scan = scanned(folder, content, block, clean=True)

    starts = sorted(set(range(1, len(lines) + 1)) - set(scan.skipped.tolist()))
    assert starts == [line + 1 for line in expected.records]
    assert scan.records == len(expected.records)
    assert {line - 1: reason.split(":")[0] for line, reason in scan.faults} == expected.faults
    assert scan.further == {line + 1: count for line, count in expected.further.items()}
    assert clean_rows(folder) == list(expected.records.values())
    asked = sorted([*starts, *(line for line, _ in scan.faults)])
    whole = ["".join(lines[line - 1 : line + expected.further.get(line - 1, 0)]).rstrip("\r\n") for line in asked]
    assert fetch_records(as_text(folder), scan, asked) == whole


@settings(max_examples=200, deadline=None)
@given(st.lists(PIECES, max_size=12))
def test_a_plain_text_needs_no_clean_copy(tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes]) -> None:
    folder = tmp_path_factory.getbasetemp()
    content = b"".join(pieces)
    if scanned(folder, content).is_plain:
        rows = list(csv.reader(io.StringIO(content.decode(), newline="")))
        assert rows == list(read_slowly(content.decode()).records.values())


def test_an_open_quote_costs_its_own_line_only(tmp_path: Path) -> None:
    scan = scanned(tmp_path, b'1,"a,2\n' + GOOD * 3, clean=True)
    assert scan.faults == [(1, NOT_CLOSED)]
    assert clean_rows(tmp_path) == [["1", "a", "2"]] * 3


def test_two_stray_quotes_do_not_swallow_the_good_lines_between_them(tmp_path: Path) -> None:
    scan = scanned(tmp_path, b'1,"a,2\n' + GOOD * 2 + b'4,b",5\n', clean=True)
    assert scan.faults == [(1, NOT_CLOSED)]
    assert clean_rows(tmp_path) == [["1", "a", "2"], ["1", "a", "2"], ["4", 'b"', "5"]]


def test_a_line_break_in_the_first_column_does_not_end_its_record(tmp_path: Path) -> None:
    scanned(tmp_path, b'"1\n2",b,c\n', clean=True)
    assert clean_rows(tmp_path) == [["1\n2", "b", "c"]]


def test_a_record_of_several_lines_with_a_wrong_number_of_columns_is_one_fault(tmp_path: Path) -> None:
    scan = scanned(tmp_path, b'1,"x\ny",2,3\n' + GOOD)
    assert scan.faults == [(1, "too many columns: the line has 4 instead of 3")]
    assert fetch_records(as_text(tmp_path), scan, [1]) == ['1,"x\ny",2,3']


def test_a_fault_within_a_record_of_several_lines_rejects_all_of_it(tmp_path: Path) -> None:
    scan = scanned(tmp_path, b'1,"x\ny\x00z\nw",2\n' + GOOD, clean=True)
    assert scan.faults == [(1, "the line holds a NUL byte")]
    assert clean_rows(tmp_path) == [["1", "a", "2"]]
    assert fetch_records(as_text(tmp_path), scan, [1]) == ['1,"x\ny\x00z\nw",2']


def test_bytes_that_are_no_text_cost_their_own_line_only(tmp_path: Path) -> None:
    scan = scanned(tmp_path, GOOD + b"1,\xff,2\n" + "1,é,2\n".encode(), clean=True)
    assert scan.faults == [(2, "the line is not valid UTF-8")]
    assert clean_rows(tmp_path) == [["1", "a", "2"], ["1", "é", "2"]]


def test_lines_of_blanks_are_blank_unless_they_hold_a_delimiter(tmp_path: Path) -> None:
    scan = scanned(tmp_path, GOOD + b"  \t \n\n" + GOOD + b" ,\n")
    assert scan.skipped.tolist() == [2, 3, 5]
    assert scan.faults == [(5, "too few columns: the line has 2 instead of 3")]


def test_mixed_line_ends_are_made_one_kind_and_those_in_quotes_stay(tmp_path: Path) -> None:
    scan = scanned(tmp_path, b'1,"x\r\ny",2\n1,"x\ry",2\r\n1,"x\ny",2\r1,b,2', clean=True)
    assert not scan.is_plain
    assert clean_rows(tmp_path) == [["1", "x\r\ny", "2"], ["1", "x\ry", "2"], ["1", "x\ny", "2"], ["1", "b", "2"]]


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_one_kind_of_line_end_is_plain_whatever_stands_in_quotes(tmp_path: Path, line_end: str) -> None:
    content = f'1,"x\ny\r\nz",2{line_end}1,"a,b","""q"""{line_end}1,b,2'
    assert scanned(tmp_path, content.encode()).is_plain


def test_a_line_longer_than_the_limit_is_rejected_and_the_next_loaded(tmp_path: Path) -> None:
    with patch.object(module, "LONGEST_RECORD", 50):
        scan = scanned(tmp_path, b"1," + b"x" * 47 + b",2\n" + GOOD + b'1,"' + b"\n" * 60 + b'",2\n' + GOOD)
    assert scan.faults[0] == (1, "the line is longer than 50 bytes")
    assert scan.faults[1] == (3, NOT_CLOSED)
    assert scan.records == 2


def test_a_line_without_end_is_no_table(tmp_path: Path) -> None:
    with patch.object(module, "LONGEST_LINE", 1000), pytest.raises(UnreadableDropError, match="line 2 is longer"):
        scanned(tmp_path, GOOD + b"x" * 2000, block=100)
