"""Orders as they stand at some time: what came of them by then, and which of the earlier ones changed."""

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from retail_pipeline.simulator.clock import SECONDS
from retail_pipeline.simulator.customers import ORDER
from retail_pipeline.simulator.lines import CANCELLATION, RETURN, SALE, Lines
from retail_pipeline.simulator.random_numbers import Integers
from retail_pipeline.simulator.store import Store
from retail_pipeline.simulator.truth import exported_days

NEVER = np.iinfo(np.int64).min
OFFER_DAYS = 31


@dataclass(frozen=True)
class Standing:
    """How lines and their orders stand; arrays with an entry a line, money in pence.

    Attributes
    ----------
    is_first
        Whether the line is the first of its order.
    returned, returned_ts
        What was given back for the line, and when; :data:`NEVER` if nothing was.
    cancelled_ts
        When the order was cancelled, :data:`NEVER` if it was not.
    order_amount, order_discount, order_returned
        What the lines of the order come to after discounts, the discounts, and what was given back.
    """

    is_first: NDArray[np.bool_]
    returned: Integers
    returned_ts: Integers
    cancelled_ts: Integers
    order_amount: Integers
    order_discount: Integers
    order_returned: Integers

    def take(self, places: NDArray[Any]) -> Self:
        """How the lines at places stand."""
        return type(self)(**{field.name: getattr(self, field.name)[places] for field in fields(self)})


class Orders:
    """Knows what comes of orders.

    All that becomes of an order can be drawn again from its customer and number, so nothing has to be kept in memory
    until it happens. What happens on a day of an outage is known to no file, and neither are orders placed on one.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._is_exported = exported_days(store)

    def standing(self, lines: Lines, behind: int) -> Standing:
        """How orders, given with all their lines one after the other, stand when a day begins."""
        starts = order_starts(lines)
        lengths = np.diff(starts, append=len(lines))
        returned = np.zeros(len(lines), dtype=np.int64)
        returned_ts, cancelled_ts = np.full((2, len(lines)), NEVER)
        sales = np.flatnonzero(lines.kind == SALE)
        events = self._events(lines.take(sales), behind)
        if len(events):
            keys = _line_keys(lines.take(sales), lines.line_no[sales])
            by_key = np.argsort(keys)
            undone = np.where(events.kind == RETURN, events.part, events.line_no)
            place = sales[by_key[np.searchsorted(keys[by_key], _line_keys(events, undone))]]
            is_return = events.kind == RETURN
            back, gone = place[is_return], place[~is_return]
            returned[back], returned_ts[back] = -events.amount[is_return], events.ts[is_return]
            cancelled_ts[gone] = events.ts[~is_return]
        amounts = (lines.amount, lines.discount.astype(np.int64), returned)
        of_orders = [np.repeat(_summed(amount, starts), lengths) for amount in amounts]
        is_first = np.zeros(len(lines), dtype=np.bool_)
        is_first[starts] = True
        return Standing(is_first, returned, returned_ts, cancelled_ts, *of_orders)

    def changed(self, events: Lines, placed_before: int, since: int, behind: int) -> Lines:
        """The sales of the orders to which something happened for the first time in a while, each order once.

        Parameters
        ----------
        events
            What happened.
        placed_before
            The day before which the orders must have been placed.
        since, behind
            The days of the while; orders to which something had happened in it before the first of the events are
            left out.
        """
        day = self._store.clock.day_of(events.placed)
        events = events.take((day < placed_before) & self._is_exported[day])
        if not len(events):
            return Lines.none()
        orders = np.zeros(len(events), dtype=ORDER)
        orders["ts"], orders["customer"], orders["number"] = events.placed, events.customer, events.number
        sales = self._sales(np.unique(orders))  # by time, customer and number
        found = self._events(sales, behind)
        is_before = (found.ts >= self._second(since)) & (found.ts < events.ts.min())
        return sales.take(~np.isin(_order_keys(sales), _order_keys(found.take(is_before))))

    def _sales(self, orders: NDArray[np.void]) -> Lines:
        day = self._store.clock.day_of(orders["ts"].astype(np.int64))
        parts = []
        for place in np.unique(day // OFFER_DAYS).tolist():
            some = day // OFFER_DAYS == place
            offer = self._store.offers.of_days(int(day[some].min()), int(day[some].max()) + 1)
            parts.append(self._store.baskets.fill(orders[some], offer)[0])
        return Lines.joined(parts)

    def _events(self, sales: Lines, behind: int) -> Lines:
        """Returns and cancellations before a day that files know of."""
        if not len(sales):
            return sales
        events = self._store.aftermath.of(sales)
        events = events.take(np.isin(events.kind, (RETURN, CANCELLATION)) & (events.ts < self._second(behind)))
        return events.take(self._is_exported[self._store.clock.day_of(events.ts)])

    def _second(self, day: int) -> int:
        return (self._store.clock.first + day) * SECONDS


def order_starts(lines: Lines) -> Integers:
    """The places at which orders begin, of lines that stand by their orders."""
    is_new = np.ones(len(lines), dtype=np.bool_)
    columns = (lines.kind, lines.customer, lines.number, lines.part)
    is_new[1:] = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    return np.flatnonzero(is_new)


def _summed(values: Integers, starts: Integers) -> Integers:
    return np.asarray(np.add.reduceat(values, starts)) if len(starts) else values


def _order_keys(lines: Lines) -> NDArray[np.uint64]:
    return _line_keys(lines, np.zeros(len(lines)))


def _line_keys(lines: Lines, line_no: NDArray[Any]) -> NDArray[np.uint64]:
    """A number for each line: the customer in 28 bits, the order in 20, the line in 16."""
    customer, number = lines.customer.astype(np.uint64), lines.number.astype(np.uint64)
    return np.asarray(customer << np.uint64(36) | number << np.uint64(16) | line_no.astype(np.uint64))
