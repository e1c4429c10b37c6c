"""However an export is cut into files, and in whatever order these are dropped, the tables are the same."""

import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retail_pipeline.home import Home
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.assets.store_tables import SQL_ALONE, SQL_TABLES, built, online_retail_csv, rows_of
from retail_pipeline_tests.stores import write_drop

OF_THE_FILE = {"drop_id", "source_row", "loaded_at"}
DAYS = ["12/1/2010 8:26", "12/1/2010 9:00", "1/15/2011 12:00", "2/28/2011 17:30"]

lines = st.tuples(
    st.sampled_from(["1", "2", "3", "C4", "C5", "A6"]),
    st.sampled_from(["X", "x ", "Y", "POST", "gift_1"]),
    st.sampled_from(["MUG", "CUP", "mug", ""]),
    st.sampled_from([-3, -1, 1, 2, 3]),
    st.sampled_from(DAYS),
    st.sampled_from(["0", "1.25", "2.5"]),
    st.sampled_from(["", "17850", "17851"]),
    st.sampled_from(["France", "Italy"]),
)
"""Lines so alike that exact duplicates, look-alikes, matches and ties of names come up in every few."""


@contextmanager
def fresh_home() -> Iterator[Home]:
    with tempfile.TemporaryDirectory() as folder:
        yield Home(Path(folder) / "store").create()


def contents(warehouse: Warehouse) -> dict[str, list[tuple[Any, ...]]]:
    """Every table's rows without what tells of the file they came in."""
    return {
        name: sorted(
            (
                tuple(value for column, value in row.items() if column not in OF_THE_FILE)
                for row in rows_of(warehouse, name)
            ),
            key=repr,
        )
        for name in SQL_ALONE
    }


def cut(export: list[tuple[Any, ...]], parts: int, chance: random.Random) -> list[str]:
    """The export's lines dealt into csv files, in the files and among them in any order."""
    hands: list[list[tuple[Any, ...]]] = [[] for _ in range(parts)]
    for line in chance.sample(export, len(export)):
        chance.choice(hands).append(line)
    return [online_retail_csv(hand) for hand in hands if hand]


@settings(max_examples=5, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(export=st.lists(lines, min_size=20, max_size=60), chance=st.randoms(use_true_random=False))
def test_an_export_cut_into_files_gives_the_tables_of_the_whole(
    export: list[tuple[Any, ...]], chance: random.Random
) -> None:
    """Dropped all at once, and again one after the other, each followed by a run."""
    parts = [(f"{chance.random()}.csv", part) for part in cut(export, chance.randint(2, 3), chance)]
    with fresh_home() as home:
        write_drop(home, "whole.csv", online_retail_csv(export))
        with built(home, only=SQL_ALONE) as warehouse:
            whole = contents(warehouse)
            for name in SQL_ALONE:
                keys = f"select distinct {', '.join(SQL_TABLES[name].key)} from {name}"
                assert warehouse.value(f"select count(*) from ({keys})") == len(whole[name]), name
    assert len(whole["core.order_lines"]) == len(export)
    with fresh_home() as home:
        for name, part in parts:
            write_drop(home, name, part)
        with built(home, only=SQL_ALONE) as warehouse:
            assert contents(warehouse) == whole
    with fresh_home() as home:
        for name, part in parts:
            write_drop(home, name, part)
            with built(home, only=SQL_ALONE) as warehouse:
                one_by_one = contents(warehouse)
        assert one_by_one == whole
