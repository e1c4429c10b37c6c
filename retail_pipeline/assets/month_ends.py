"""Tables that hold, month end by month end, what a table file says as of a day.

A month's snapshot is what the file's own SELECT gives with the day after the month's end as its cut-off, so nothing
that came later is in it. It is worked out once: only months that are not there yet are, and those about whose past
something else is known now, as when a file is dropped late. The months that are missing are worked out together, in one
pass over what they are made from; several passes where there are so many customers that one would not fit into memory.
"""

import hashlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from retail_pipeline.assets.frame_assets import FrameTable
from retail_pipeline.assets.sql_parameters import sql_parameters
from retail_pipeline.warehouse.sql_file import SqlTable
from retail_pipeline.warehouse.warehouse import Materialisation, Warehouse

if TYPE_CHECKING:
    import pandas as pd

CUTOFFS, AS_OF = "cutoffs", "as_of"
MONTH = "the month, by its first day"
MADE_FROM = "a fingerprint of all that was known and of the settings; a month of which it differs is made anew"
ROWS_AT_ONCE = 4_000_000
"""Customers times months of one pass; a pass over the features of so many needs about 8 GB."""


@dataclass(frozen=True, kw_only=True)
class MonthEndTable(FrameTable):
    """The history of a table file whose SELECT takes ``$cutoffs``, a row of it for each month end.

    Attributes
    ----------
    of
        The table file.
    events
        The tables from which ``of`` takes what it knows, and of each the column with the day on which a row was known.
    """

    of: SqlTable
    events: Mapping[str, str]

    @property
    def code_version(self) -> str:
        return hashlib.sha256(f"{self.of.code_version} {self.columns}".encode()).hexdigest()[:16]

    def write(self, warehouse: Warehouse, fingerprint: str) -> Materialisation:
        """Make the months that are missing or no longer right, and drop those that have had their time."""
        started = time.perf_counter()
        values = sql_parameters(warehouse.settings)
        bound = {name: values[name] for name in self.of.parameters if name not in (CUTOFFS, AS_OF)}
        with warehouse.remembered_failure(self.name), warehouse.any_order():
            wanted = _fingerprints(warehouse, self, f"{self.code_version} {sorted(bound.items())}")
            with warehouse.transaction():
                changed = self._replace_months(warehouse, wanted, bound)
                warehouse.keep_described(self.name, self.row, self.descriptions)
                rows = warehouse.count(self.name)
                warehouse.books.record_table(
                    self.name,
                    row_is=self.row,
                    rows=rows,
                    upstream=self.upstream,
                    fingerprint=fingerprint,
                    changed=changed,
                    rebuilt=changed,
                )
        return Materialisation(self.name, rows, time.perf_counter() - started, "full" if changed else "unchanged")

    def _replace_months(self, warehouse: Warehouse, wanted: Mapping[date, str], bound: Mapping[str, Any]) -> bool:
        """Bring the table to the wanted months, each with its fingerprint; whether anything changed."""
        asked = {**bound, AS_OF: None, CUTOFFS: []}
        select = self._select(warehouse, {})
        is_new = warehouse.result_columns(self.name, select, asked) != list(warehouse.columns(self.name).items())
        if is_new or warehouse.full:
            warehouse.replace(self.name, select, asked)
        held = dict(warehouse.execute(f"select distinct as_of, made_from from {self.name}").fetchall())
        gone = [day for day, made_from in held.items() if wanted.get(day) != made_from]
        if gone:
            warehouse.delete(self.name, "as_of in (select unnest($days::date[]))", {"days": gone})
        missing = [day for day in sorted(wanted) if day not in held or day in gone]
        added = 0
        for days in _passes(warehouse, self, missing):
            select = self._select(warehouse, {day: wanted[day] for day in days})
            added += warehouse.value(f"insert into {self.name} {select}", {**asked, CUTOFFS: days})
        return bool(is_new or warehouse.full or gone or added)  # of a month without customers there is no row

    def _select(self, warehouse: Warehouse, made_from: Mapping[date, str]) -> str:
        """The file's SELECT, with the month before and its fingerprint behind its columns."""
        marks = " ".join(f"when date '{day}' then '{mark}'" for day, mark in made_from.items()) or "when null then ''"
        return (
            "select cast(as_of - interval 1 month as date) as month, snapshots.*, "
            f"case as_of {marks} end as made_from from ({self.of.query}) as snapshots"
        )


def month_end_table(of: SqlTable, *, name: str, row: str, about: str, events: Mapping[str, str]) -> MonthEndTable:
    """The history of a table file, in its columns."""
    texts = {"month": MONTH, **of.columns, "made_from": MADE_FROM}
    return MonthEndTable(
        name=name,
        row=row,
        about=about,
        key=(*of.key, "month"),
        columns={column: ("", text) for column, text in texts.items()},
        upstream=of.upstream,
        make=_no_frame,
        parameters=tuple(sorted({*of.parameters, "history_months"} - {CUTOFFS})),
        of=of,
        events=events,
    )


def month_ends(warehouse: Warehouse) -> list[date]:
    """The days after the ends of the last whole months, oldest first, as many as ``features.history_months`` says.

    A month is whole when the day after its last line, or ``core.as_of``, is not before its end.
    """
    first_day, last_day = warehouse.row("select min(order_date), max(order_date) from core.order_lines") or (None, None)
    if first_day is None:
        return []
    end = warehouse.settings.core.as_of or last_day + timedelta(days=1)
    days: list[date] = []
    while len(days) < warehouse.settings.features.history_months and (end := end.replace(day=1)) > first_day:
        days.append(end)
        end -= timedelta(days=1)
    return days[::-1]


def _fingerprints(warehouse: Warehouse, table: MonthEndTable, made_by: str) -> dict[date, str]:
    """For each month end, of all that is known as of it and of the code and settings."""
    days = month_ends(warehouse)
    known = {day: [made_by] for day in days}
    for source, known_from in table.events.items():
        columns = ", ".join(name for name in warehouse.columns(source) if name != "known_until")
        rows = warehouse.execute(
            f"select {known_from}, count(*), bit_xor(hash({columns})) from {source} group by {known_from} order by 1"
        ).fetchall()
        place, count, mark = 0, 0, 0
        for day in days:
            while place < len(rows) and rows[place][0] < day:
                count, mark, place = count + rows[place][1], mark ^ rows[place][2], place + 1
            known[day].append(f"{source} {count} {mark}")
    return {day: hashlib.sha256("\n".join(marks).encode()).hexdigest()[:16] for day, marks in known.items()}


def _passes(warehouse: Warehouse, table: MonthEndTable, days: list[date]) -> Iterator[list[date]]:
    """The month ends, so many at a time that a pass does not get too large."""
    source, known_from = next(iter(table.events.items()))
    batch: list[date] = []
    total = 0
    for day in days:
        customers = warehouse.value(
            f"select approx_count_distinct(customer_id) from {source} where {known_from} < $day", {"day": day}
        )
        if batch and total + customers > ROWS_AT_ONCE:
            yield batch
            batch, total = [], 0
        batch.append(day)
        total += customers
    if batch:
        yield batch


def _no_frame(warehouse: Warehouse) -> "pd.DataFrame":
    raise NotImplementedError("a month-end table is written by SQL")
