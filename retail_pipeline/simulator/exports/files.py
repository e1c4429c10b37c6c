"""Lines as files: cut by day, week or month, with dirt. Nothing here knows what a format's columns mean."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from retail_pipeline.simulator.clock import Clock
from retail_pipeline.simulator.exports.base import Export, Per
from retail_pipeline.simulator.exports.dirt import Dirtier
from retail_pipeline.simulator.exports.line_table import LineTable, Rows
from retail_pipeline.simulator.exports.net_prices import with_net_prices
from retail_pipeline.simulator.exports.one_file import Kind, OneFile
from retail_pipeline.simulator.exports.orders import Orders, order_starts
from retail_pipeline.simulator.lines import CANCELLATION, KINDS, RETURN, SALE, TEST, Lines
from retail_pipeline.simulator.store import Store


class Files:
    """Writes lines, which come in the order of their time, into one file a period; use it as a context.

    Where a format tells of orders as they stand, a file holds those placed in its period, those that it repeats, and
    each earlier one to which something happened. The pipeline tells the newer of two versions of an order by the newest
    order of their files; a file without new orders repeats the newest so far for that.

    Parameters
    ----------
    note
        Told of each file that is written.
    """

    def __init__(
        self,
        folder: Path,
        table: LineTable,
        dirtier: Dirtier,
        store: Store,
        export: Export,
        per: Per,
        kind: Kind,
        note: Callable[[Path], None] = lambda _: None,
    ) -> None:
        self._note = note
        self._folder, self._table, self._dirtier, self._clock = folder, table, dirtier, store.clock
        self._export, self._per, self._kind = export, per, kind
        self._orders = Orders(store)
        self._known = [KINDS.index(name) for name in export.kinds]
        self.written: dict[Path, int] = {}
        self._open: OneFile | None = None
        self._period: tuple[int, int] = (0, 0)
        self._recent = Lines.none()
        self._newest, self._newest_in_file = Lines.none(), 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open:
            self._close(keep=kind is None)

    def write(self, lines: Lines, first: int, behind: int) -> None:
        """Write the lines of all days from one up to that before another."""
        if len(self._known) < len(KINDS):
            lines = lines.take(np.isin(lines.kind, self._known))
        day = self._clock.day_of(lines.ts)
        for start, stop in periods(self._clock, self._per, first, behind):
            if self._open is None or not self._period[0] <= start < self._period[1]:
                self._begin(start)
            part = lines.take(slice(*np.searchsorted(day, [start, stop]).tolist()))
            if self._export.tells == "states":
                part = self._append_orders(part)
            else:
                self._append(part)
            self._remember(part, stop)

    def paths(self) -> list[Path]:
        """The files of all periods."""
        return [self._path(start) for start, _ in periods(self._clock, self._per, 0, self._clock.days)]

    def _path(self, day: int) -> Path:
        name = f"{self._export.prefix}{_period_name(self._clock.date(day), self._per)}"
        return self._folder / f"{name}{'.parquet' if self._kind == 'parquet' else self._export.suffix}"

    def _begin(self, day: int) -> None:
        if self._open:
            self._close(keep=True)
        self._period = _period_of(self._clock, self._per, day)
        self._open = OneFile(self._path(day), self._export, self._kind)
        self._newest_in_file = 0
        self._append(self._recent)

    def _append_orders(self, lines: Lines) -> Lines:
        """Write the orders among lines, and the earlier ones of which the other lines tell; returns the former's."""
        since, behind = self._period
        is_event = np.isin(lines.kind, (RETURN, CANCELLATION))
        events = lines.take(is_event)
        if len(events):
            self._append(self._orders.changed(events, since - self._dirtier.overlap_days, since, behind))
        placed = lines.take(np.isin(lines.kind, (SALE, TEST)))
        self._append(placed)
        if len(placed):
            self._newest = placed.take(slice(int(order_starts(placed)[-1]), None))
        return placed

    def _append(self, lines: Lines) -> None:
        assert self._open is not None
        if self._export.has_net_prices:
            lines = with_net_prices(lines)
        if len(lines):
            self._newest_in_file = max(self._newest_in_file, int(lines.placed.max()))
        rows, spoiled = self._rows(lines)
        self._open.append(self._table.select(rows, self._export), spoiled)

    def _rows(self, lines: Lines) -> tuple[Rows, np.ndarray]:
        """Lines as rows, with dirt, and the numbers of the rows to be spoiled."""
        starts = order_starts(lines) if self._export.lists else np.arange(len(lines))
        places, is_spoiled = self._dirtier.places(
            lines.take(starts) if self._export.lists else lines,
            may_repeat=self._export.may_repeat,
            may_spoil=self._kind == "csv",
        )
        spoiled = np.flatnonzero(is_spoiled)
        if not self._export.knows_orders:
            return Rows(lines.take(places), np.arange(len(places)), None), spoiled
        standing = self._orders.standing(lines, self._period[1])
        lengths = np.diff(starts, append=len(lines))[places]
        row = np.repeat(np.arange(len(places)), lengths)
        within = np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        taken = starts[places[row]] + within
        return Rows(lines.take(taken), row, standing.take(taken)), spoiled

    def _remember(self, lines: Lines, behind: int) -> None:
        days = self._dirtier.overlap_days
        if days:
            both = Lines.joined([self._recent, lines])
            self._recent = both.take(self._clock.day_of(both.ts) >= behind - days)

    def _close(self, *, keep: bool) -> None:
        assert self._open is not None
        is_late = self._newest_in_file and len(self._newest) and self._newest_in_file < self._newest.placed[0]
        if keep and is_late and self._export.tells == "states":
            self._append(self._newest)
        self._open.close(keep=keep)
        if keep:
            self.written[self._open.path] = self._open.rows
            self._note(self._open.path)
        self._open = None


def periods(clock: Clock, per: Per, first: int, behind: int) -> Iterator[tuple[int, int]]:
    """The stretches of days that lie in one period each."""
    while first < behind:
        stop = min(behind, _period_of(clock, per, first)[1])
        yield first, stop
        first = stop


def _period_of(clock: Clock, per: Per, day: int) -> tuple[int, int]:
    """The first day of a day's period, and that behind its last."""
    at = clock.date(day)
    if per == "all":
        return 0, clock.days
    if per == "day":
        return day, day + 1
    if per == "week":
        return day - at.weekday(), day - at.weekday() + 7
    first = at.replace(day=1)
    return clock.day(first), clock.day((first + timedelta(31)).replace(day=1))


def _period_name(at: date, per: Per) -> str:
    names = {"day": f"-{at:%Y-%m-%d}", "week": f"-{at:%G-W%V}", "month": f"-{at:%Y-%m}", "all": ""}
    return names[per]
