"""What becomes of orders: returns and cancellations, and the staff's own entries among them."""

import numpy as np

from retail_pipeline.simulator.catalogue import Catalogue
from retail_pipeline.simulator.clock import SECONDS, Clock
from retail_pipeline.simulator.lines import CANCELLATION, CORRECTION, RETURN, TEST, Lines
from retail_pipeline.simulator.parameters import StoreParameters
from retail_pipeline.simulator.random_numbers import Integers, Stream

QUICK_SECONDS = 1800
LATE_DAYS = (7, 35)
MOST_CORRECTED = 20
_ENTRIES = ("quick", "late", "moment", "return", "days", "hour", "units", "test", "correction", "correction units")


class Aftermath:
    """What follows from orders. Lines that come after the last day are left out: no file would hold them.

    Nothing comes back of an order that is cancelled at any time, be it after the last day.
    """

    def __init__(self, parameters: StoreParameters, catalogue: Catalogue, clock: Clock) -> None:
        self._dirt, self._clock = parameters.dirt, clock
        self._end = (clock.first + clock.days) * SECONDS
        factors = np.array([kind.return_factor for kind in parameters.catalogue.categories])
        usual = np.average(factors[catalogue.category], weights=catalogue.popularity)
        self._return_share = np.minimum(self._dirt.returns * factors[catalogue.category] / max(usual, 1e-12), 1)
        self._streams = {name: Stream(parameters.seed, f"aftermath {name}") for name in _ENTRIES}

    def of(self, sales: Lines) -> Lines:
        """The lines that follow from sales, by their time."""
        is_cancelled, cancellations = self._cancellations(sales)
        parts = [cancellations, self._returns(sales.take(~is_cancelled)), *self._entries_of_staff(sales)]
        found = Lines.joined([part for part in parts if len(part)])
        return found.take(found.ts < self._end)

    def _cancellations(self, sales: Lines) -> tuple[np.ndarray, Lines]:
        quick, late = self._dirt.quick_cancellations, self._dirt.late_cancellations
        key = (sales.customer, sales.number)
        is_quick = self._streams["quick"].uniform(*key) < quick
        is_late = ~is_quick & (self._streams["late"].uniform(*key) < late)
        is_cancelled = is_quick | is_late
        lines, is_late = sales.take(is_cancelled), is_late[is_cancelled]
        moment = self._streams["moment"].uniform(lines.customer, lines.number)
        soon = lines.ts + 60 + (moment * (QUICK_SECONDS - 60)).astype(np.int64)
        days = LATE_DAYS[0] + (moment * (LATE_DAYS[1] - LATE_DAYS[0] + 1)).astype(np.int64)
        hour = self._streams["hour"].uniform(lines.customer, lines.number)
        later = self._clock.at(self._clock.day_of(lines.ts) + days, hour)
        undone = lines.changed(
            kind=np.full(len(lines), CANCELLATION),
            ts=np.where(is_late, later, soon),
            units=-lines.units,
            discount=-lines.discount,
        )
        return is_cancelled, undone

    def _returns(self, sales: Lines) -> Lines:
        key = (sales.customer, sales.number, sales.line_no)
        lines = sales.take(self._streams["return"].uniform(*key) < self._return_share[sales.product])
        key = (lines.customer, lines.number, lines.line_no)
        waited = -np.log(self._streams["days"].uniform(*key)) * (self._dirt.return_days - 1)
        day = self._clock.day_of(lines.ts) + 1 + np.rint(waited).astype(np.int64)
        units = 1 + (self._streams["units"].uniform(*key) * lines.units).astype(np.int64)
        return lines.changed(
            kind=np.full(len(lines), RETURN),
            ts=self._clock.at(day, self._streams["hour"].uniform(*key)),
            line_no=np.ones(len(lines)),
            part=lines.line_no,
            units=-units,
            discount=-_share_of(lines.discount, units, lines.units),
        )

    def _entries_of_staff(self, sales: Lines) -> tuple[Lines, Lines]:
        """Test orders a minute after true ones, and stock corrections after closing."""
        first = sales.take(sales.line_no == 1)
        tests = first.take(self._streams["test"].uniform(first.customer, first.number) < self._dirt.test_orders)
        tests = tests.changed(
            kind=np.full(len(tests), TEST),
            ts=tests.ts + 60,
            product=np.zeros(len(tests)),
            units=np.ones(len(tests)),
            pence=np.ones(len(tests)),
            discount=np.zeros(len(tests)),
        )
        key = (sales.customer, sales.number, sales.line_no)
        wrong = sales.take(self._streams["correction"].uniform(*key) < self._dirt.corrections)
        key = (wrong.customer, wrong.number, wrong.line_no)
        lost = 1 + (self._streams["correction units"].uniform(*key) * MOST_CORRECTED).astype(np.int64)
        closing = self._clock.at(self._clock.day_of(wrong.ts), np.ones(len(wrong)))
        return tests, wrong.changed(
            kind=np.full(len(wrong), CORRECTION),
            ts=closing,
            line_no=np.ones(len(wrong)),
            part=wrong.line_no,
            units=-lost,
            pence=np.zeros(len(wrong)),
            discount=np.zeros(len(wrong)),
        )


def _share_of(discount: Integers, part: Integers, whole: Integers) -> Integers:
    """The part of a line's discount that falls on some of its units, rounded half up."""
    return np.asarray((2 * discount * part + whole) // (2 * whole))
