"""The shop as a whole: orders are drawn, put in the order of time by way of the disk, filled, and handed on by days."""

import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retail_pipeline.errors import SettingsError
from retail_pipeline.simulator.aftermath import Aftermath
from retail_pipeline.simulator.baskets import Appetite, Baskets
from retail_pipeline.simulator.catalogue import build_catalogue
from retail_pipeline.simulator.clock import SECONDS, Clock
from retail_pipeline.simulator.customers import ORDER, Histories, Population
from retail_pipeline.simulator.lines import Lines
from retail_pipeline.simulator.offers import Offer, Offers
from retail_pipeline.simulator.own_files import SCRATCH
from retail_pipeline.simulator.parameters import StoreParameters

ORDERS_AT_ONCE = 32_768
WINDOW_ORDERS = 4 * ORDERS_AT_ONCE
LONGEST_WINDOW = 31
MOST_CHOICES = 100
"""Products that an order of a tier may hold on average."""


@dataclass(frozen=True)
class Window:
    """Some days in a row: all their true lines by time, and what their orders are made from."""

    first: int
    behind: int
    lines: Lines
    offer: Offer
    appetites: list[Appetite]


class Store:
    """A shop that trades: its parts, and its lines, window by window.

    Memory is bounded by the customers' block and the window, whatever the size of the shop; orders wait on disk.
    """

    def __init__(self, parameters: StoreParameters) -> None:
        self.parameters = parameters
        self.clock = Clock(parameters)
        self.catalogue = build_catalogue(parameters)
        self.population = Population(parameters, self.clock)
        self.offers = Offers(parameters, self.catalogue, self.clock)
        self.baskets = Baskets(parameters, self.catalogue, self.clock, self.offers, self.population)
        self.aftermath = Aftermath(parameters, self.catalogue, self.clock)
        self._require_baskets_of_some_size()

    def _require_baskets_of_some_size(self) -> None:
        if self.parameters.baskets.one_line or self.parameters.baskets.mean_picks:
            return
        for tier in self.parameters.tiers:
            value = tier.p * tier.gamma / (tier.q - 1)
            choices = 100 * value / float(self.offers.value_per_choice().min())
            if choices > MOST_CHOICES:
                raise SettingsError(
                    f"tiers.{tier.name}: an order of {value:,.0f} would hold {choices:,.0f} products, more than "
                    f"{MOST_CHOICES}. Lower its gamma, or raise the prices."
                )

    def expected_orders(self) -> float:
        """How many orders there will be, by the parameters alone."""
        known = self.parameters.customers * self.population.expected_orders()
        return known / (1 - self.parameters.dirt.guests)

    def trade(self, scratch: Path | None = None, see: Callable[[Histories], None] = lambda _: None) -> Iterator[Window]:
        """All true lines, by windows of days.

        Parameters
        ----------
        scratch
            The folder in which orders wait; the system's own if not given.
        see
            Told what is true of each block of customers, before the first window comes.
        """
        a_day = self.expected_orders() / self.clock.days
        length = int(min(max(WINDOW_ORDERS / max(a_day, 1e-9), 1), LONGEST_WINDOW))
        starts = list(range(0, self.clock.days, length))
        with (
            tempfile.TemporaryDirectory(prefix=SCRATCH, dir=scratch) as folder,
            ThreadPoolExecutor(os.cpu_count()) as pool,
        ):
            spill = _Spill(Path(folder), len(starts))
            for orders, histories in self.population.histories():
                see(histories)
                spill.put(orders, self.clock.day_of(orders["ts"]) // length)
            pending = Lines.none()
            begun = [self._begin(pool, spill.get(0), 0, length)]
            for number in range(1, len(starts) + 1):
                if number < len(starts):  # the next window is filled while this one is written
                    begun.append(self._begin(pool, spill.get(number), starts[number], length))
                window, pending = self._close(begun.pop(0), pending)
                yield window

    def _begin(self, pool: ThreadPoolExecutor, orders: NDArray[np.void], first: int, length: int) -> "_Filling":
        """Have the orders of a window filled, a chunk at a time."""
        behind = min(first + length, self.clock.days)
        offer = self.offers.of_days(first, behind)
        chunks = [orders[place : place + ORDERS_AT_ONCE] for place in range(0, len(orders), ORDERS_AT_ONCE)]
        return _Filling(first, behind, offer, [pool.submit(self._fill, chunk, offer) for chunk in chunks])

    def _close(self, filling: "_Filling", pending: Lines) -> tuple[Window, Lines]:
        """The window once it is filled, and the lines that come after it."""
        parts = [chunk.result() for chunk in filling.chunks]
        sales, after = Lines.joined([part for part, _, _ in parts]), [part for _, part, _ in parts]
        end = (self.clock.first + filling.behind) * SECONDS
        due, pending = _until(Lines.joined([pending, *after]), end)
        lines = Lines.joined([sales, due])
        lines = lines.take(np.argsort(lines.ts, kind="stable"))
        appetites = [appetite for _, _, appetite in parts]
        return Window(filling.first, filling.behind, lines, filling.offer, appetites), pending

    def _fill(self, orders: NDArray[np.void], offer: Offer) -> tuple[Lines, Lines, Appetite]:
        sales, appetite = self.baskets.fill(orders, offer)
        return sales, self.aftermath.of(sales), appetite


@dataclass(frozen=True)
class _Filling:
    """A window whose orders are being filled: sales, what follows from them, and appetites by chunk."""

    first: int
    behind: int
    offer: Offer
    chunks: list[Future[tuple[Lines, Lines, Appetite]]]


class _Spill:
    """Orders on disk, by the window they belong to."""

    def __init__(self, folder: Path, windows: int) -> None:
        self._paths = [folder / str(number) for number in range(windows)]

    def put(self, orders: NDArray[np.void], window: NDArray[np.int64]) -> None:
        by_window = np.argsort(window, kind="stable")
        orders, window = orders[by_window], window[by_window]
        starts = np.flatnonzero(np.diff(window, prepend=-1))
        for start, stop in zip(starts.tolist(), [*starts[1:].tolist(), len(orders)], strict=True):
            with self._paths[int(window[start])].open("ab") as file:
                orders[start:stop].tofile(file)

    def get(self, window: int) -> NDArray[np.void]:
        """The orders of a window, by time and customer."""
        path = self._paths[window]
        if not path.exists():
            return np.zeros(0, dtype=ORDER)
        orders = np.fromfile(path, dtype=ORDER)
        path.unlink()
        return orders[np.lexsort((orders["number"], orders["customer"], orders["ts"]))]


def _until(lines: Lines, end: int) -> tuple[Lines, Lines]:
    """The lines before a point in time, by what they are, and the others."""
    is_due = lines.ts < end
    due = lines.take(is_due)
    order = np.lexsort((due.line_no, due.part, due.number, due.customer, due.kind, due.ts))
    return due.take(order), lines.take(~is_due)
