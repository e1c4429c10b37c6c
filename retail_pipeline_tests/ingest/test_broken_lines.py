"""A file with broken lines of ten kinds: exactly those are rejected, each with its reason, place and text."""

import random
from collections.abc import Callable

from retail_pipeline.home import Home
from retail_pipeline.ingest.loader import load_drops
from retail_pipeline_tests.stores import CANONICAL_HEADER, opened, write_drop

GOOD_LINES = 20_000
BROKEN_LINES = 1_000

KINDS: list[tuple[str, Callable[[int], str]]] = [
    ("'2024-02-30 10:00:00' is not a date", lambda i: f"O{i},2024-02-30 10:00:00,C1,P1,Name,1,1,UK"),
    ("quantity 'abc' is not a number", lambda i: f"O{i},2024-02-20 10:00:00,C1,P1,Name,abc,1,UK"),
    ("order_id is empty", lambda i: f",2024-02-20 10:00:00,C{i},P1,Name,1,1,UK"),
    ("unit_price '12,x' is not a number", lambda i: f'O{i},2024-02-20 10:00:00,C1,P1,Name,1,"12,x",UK'),
    ("too few columns", lambda i: f"O{i},2024-02-20 10:00:00,C1,P1"),
    ("too many columns", lambda i: f"O{i},2024-02-20 10:00:00,C1,P1,Name,1,1,UK,extra,more"),
    ("a quote is opened and not closed", lambda i: f'O{i},2024-02-20 10:00:00,C1,P1,"open,1,1,UK'),
    ("a quote is closed in the middle", lambda i: f'O{i},2024-02-20 10:00:00,C1,P1,"bad"x,1,1,UK'),
    ("NUL byte", lambda i: f"O{i},2024-02-20 10:00:00,C1,P1,na\x00me,1,1,UK"),
    ("product_id is empty", lambda i: f"O{i},2024-02-20 10:00:00,C1,,Name,1,1,UK"),
]


def good_line(number: int) -> str:
    return f'O{number},2024-05-{number % 28 + 1:02d} 10:00:00,C{number % 50},P{number % 20},"Bowl, blue",2,3.50,UK'


def test_exactly_the_broken_lines_are_rejected_each_with_reason_line_number_and_text(home: Home) -> None:
    lines: list[tuple[str | None, str]] = [(None, good_line(number)) for number in range(GOOD_LINES)]
    for number in range(BROKEN_LINES):
        reason, make = KINDS[number % len(KINDS)]
        lines.append((reason, make(GOOD_LINES + number)))
    random.Random(7).shuffle(lines)
    write_drop(home, "may.csv", "\n".join([CANONICAL_HEADER, *(text for _, text in lines)]) + "\n")

    with opened(home) as warehouse:
        (loaded,) = load_drops(warehouse).loaded
        rejected = warehouse.execute("select source_row, reason, raw from raw.rejected_rows").fetchall()
        places = warehouse.execute("select source_row, order_id from raw.transactions").fetchall()

    assert (loaded.rows_read, loaded.rows_loaded, loaded.rows_rejected) == (21_000, GOOD_LINES, BROKEN_LINES)
    expected = {place: (reason, text) for place, (reason, text) in enumerate(lines, start=2) if reason}
    assert {place for place, _, _ in rejected} == set(expected)
    for place, reason, raw in rejected:
        assert expected[place][0] in reason
        assert raw == expected[place][1]
    assert all(lines[place - 2][1].startswith(f"{order_id},") for place, order_id in places)
