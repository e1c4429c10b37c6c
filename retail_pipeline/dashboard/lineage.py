"""What a table is made from, and what is made from it, in words."""

from collections.abc import Mapping
from functools import cache

Upstream = Mapping[str, frozenset[str]]


@cache
def table_upstream() -> Upstream:
    """Of every table of the pipeline the tables it is made from; takes a second or two when first asked for."""
    from retail_pipeline.assets.sql_assets import find_sql_tables
    from retail_pipeline.definitions import FRAME_TABLES

    of_sql = {table.name: frozenset(table.upstream) for table in find_sql_tables()}
    return {**of_sql, **{table.name: frozenset(table.upstream) for table in FRAME_TABLES}}


def sources(table: str, upstream: Upstream) -> list[list[str]]:
    """The tables that a table is made from, step by step back to the first.

    Examples
    --------
    >>> sources("c", {"c": frozenset({"b"}), "b": frozenset({"a"})})
    [['b'], ['a']]
    """
    return _steps(table, upstream)


def uses(table: str, upstream: Upstream) -> list[list[str]]:
    """The tables that are made from a table, step by step up to the last."""
    downstream: dict[str, set[str]] = {}
    for name, above in upstream.items():
        for source in above:
            downstream.setdefault(source, set()).add(name)
    return _steps(table, {name: frozenset(below) for name, below in downstream.items()})


def lineage_words(table: str, upstream: Upstream) -> str:
    """Both, as Markdown."""
    above, below = sources(table, upstream), uses(table, upstream)
    lines = []
    if above:
        lines.append(f"`{table}` is made from {_names(above[0])}.")
        lines += [f"{'These come' if len(above[place - 1]) > 1 else 'That comes'} from {_names(step)}."
                  for place, step in enumerate(above) if place]  # fmt: skip
    else:
        lines.append(f"`{table}` is read from the files that were dropped.")
    if below:
        lines.append(f"It is used by {_names(below[0])}.")
        lines += [f"From there it goes into {_names(step)}." for step in below[1:]]
    else:
        lines.append("No other table is made from it.")
    return "\n\n".join(lines)


def _steps(table: str, neighbours: Upstream) -> list[list[str]]:
    seen, steps, now = {table}, list[list[str]](), {table}
    while now := {name for one in now for name in neighbours.get(one, ())} - seen:
        seen |= now
        steps.append(sorted(now))
    return steps


def _names(tables: list[str]) -> str:
    quoted = [f"`{name}`" for name in tables]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"
