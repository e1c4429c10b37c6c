"""Which tables count as stale, and why."""

import itertools
from collections.abc import Sequence
from datetime import datetime

from retail_pipeline.warehouse.bookkeeping import TableState, stale_tables


def table(
    name: str, upstream: Sequence[str] = (), *, generation: int = 1, seen: int | None = None, failure: str | None = None
) -> TableState:
    return TableState(
        name=name,
        row_is="a row",
        rows=1,
        generation=generation,
        seen_generation=generation if seen is None else seen,
        rebuilt_generation=generation,
        materialised_at=datetime(2024, 1, 1),
        run_id="run",
        upstream=list(upstream),
        fingerprint="",
        failure=failure,
    )


def stale(*tables: TableState) -> dict[str, str]:
    return stale_tables({table.name: table for table in tables})


def test_tables_built_after_their_sources_are_fresh() -> None:
    assert stale(table("a", generation=1), table("b", ["a"], generation=2), table("c", ["a", "b"], generation=3)) == {}


def test_a_table_found_current_after_its_source_changed_is_fresh() -> None:
    assert stale(table("a", generation=5), table("b", ["a"], generation=2, seen=5)) == {}


def test_a_table_is_stale_when_a_source_changed_after_it_was_built() -> None:
    assert stale(table("a", generation=3), table("b", ["a"], generation=2)) == {"b": "a changed after it was built"}


def test_a_table_whose_build_failed_is_stale() -> None:
    assert stale(table("a", failure="no space")) == {"a": "the last attempt failed: no space"}


def test_staleness_spreads_to_all_that_is_made_of_a_stale_table() -> None:
    reasons = stale(
        table("a", generation=9),
        table("b", ["a"], generation=2),
        table("c", ["b"], generation=3),
        table("d", ["c"], generation=4),
        table("other", generation=5),
    )
    assert reasons == {"b": "a changed after it was built", "c": "b is stale", "d": "c is stale"}


def test_a_source_that_the_warehouse_does_not_know_makes_nothing_stale() -> None:
    assert stale(table("b", ["elsewhere.table"])) == {}


def test_tables_that_name_each_other_as_sources_come_to_an_end() -> None:
    assert stale(table("a", ["b"]), table("b", ["a"])) == {}
    assert set(stale(table("a", ["b"], failure="x"), table("b", ["c"]), table("c", ["a"]))) == {"a", "b", "c"}


def test_a_deep_net_of_tables_is_no_burden() -> None:
    layers = [[f"{depth}-{place}" for place in range(3)] for depth in range(40)]
    tables = [table(name) for name in layers[0]]
    tables += [table(name, above) for above, names in itertools.pairwise(layers) for name in names]
    assert stale(*tables) == {}
    assert len(stale(*tables, table("0-0", failure="x"))) == 1 + 3 * 39
