"""Rows of customers as of cut-offs, whatever is to be learned of them."""

from collections.abc import Sequence
from datetime import date
from typing import Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

EPOCH = date(1970, 1, 1)


class Rows(Protocol):
    """Customers as of cut-offs."""

    @property
    def cutoffs(self) -> NDArray[np.int64]:
        """The day of each row [days since 1970]."""

    @property
    def tells(self) -> bool:
        """Whether there is enough to learn something or to judge by."""

    def where(self, kept: NDArray[np.bool_]) -> Self:
        """Some of the rows."""


Some = TypeVar("Some", bound=Rows)


def as_number(day: date) -> int:
    """Days since 1970."""
    return (day - EPOCH).days


def at(rows: Some, days: Sequence[date]) -> Some:
    """The rows of some cut-offs."""
    return rows.where(np.isin(rows.cutoffs, [as_number(day) for day in days]))


def latest_that_tell(rows: Rows) -> NDArray[np.bool_]:
    """Which rows are of the latest cut-off, or of the latest few where one tells too little."""
    chosen = np.zeros(len(rows.cutoffs), dtype=np.bool_)
    for day in np.unique(rows.cutoffs)[::-1]:
        chosen |= rows.cutoffs == day
        if rows.where(chosen).tells:
            break
    return chosen
