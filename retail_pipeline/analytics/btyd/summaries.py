"""Customers as the models see them: x, t_x and T, equal ones counted once with their number as weight."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Summaries:
    """Different customers, sorted, each with the number of those like it.

    Attributes
    ----------
    x
        Repeat purchases, whole numbers from 0 on.
    t_x
        Time from the first purchase to the last, 0 where x is 0.
    T
        Time from the first purchase to the end of the observation.
    weights
        Customers that are so.
    """

    x: Integers
    t_x: Floats
    T: Floats
    weights: Floats

    def __len__(self) -> int:
        return len(self.x)

    @property
    def customers(self) -> float:
        """How many customers there are."""
        return float(self.weights.sum())

    def sample(self, customers: int) -> "Summaries":
        """About so many customers, taken at even steps through all of them in their order."""
        reached = np.cumsum(self.weights)
        steps = (np.arange(customers) + 0.5) * (reached[-1] / customers)
        picks = np.bincount(np.searchsorted(reached, steps, side="right"), minlength=len(self))
        taken = np.flatnonzero(picks)
        return Summaries(self.x[taken], self.t_x[taken], self.T[taken], picks[taken].astype(np.float64))

    def resample(self, rng: np.random.Generator) -> "Summaries":
        """As many customers, drawn from these with replacement."""
        drawn = rng.multinomial(round(self.customers), self.weights / self.weights.sum()).astype(np.float64)
        taken = np.flatnonzero(drawn)
        return Summaries(self.x[taken], self.t_x[taken], self.T[taken], drawn[taken])


def summarise(x: ArrayLike, t_x: ArrayLike, T: ArrayLike, weights: ArrayLike | None = None) -> Summaries:  # noqa: N803
    """Count equal customers together.

    Parameters
    ----------
    x, t_x, T
        A value a customer.
    weights
        Customers that each stands for, 1 if not given.

    Raises
    ------
    ValueError
        where x is no whole number from 0 on, 0 <= t_x <= T does not hold, or t_x is not 0 though x is.

    Examples
    --------
    >>> told = summarise([0, 2, 0], [0, 5, 0], [9, 9, 9])
    >>> told.x.tolist(), told.weights.tolist()
    ([0, 2], [2.0, 1.0])
    """
    rows = np.column_stack([np.asarray(values, dtype=np.float64).ravel() for values in (x, t_x, T)])
    number = np.ones(len(rows)) if weights is None else np.asarray(weights, dtype=np.float64).ravel()
    counts, last, observed = rows.T
    right = (counts >= 0) & (counts == np.floor(counts)) & (last >= 0) & (last <= observed) & np.isfinite(observed)
    right &= ((counts > 0) | (last == 0)) & (number >= 0)
    if not right.all():
        at = int(np.argmin(right))
        raise ValueError(
            f"x = {counts[at]:g}, t_x = {last[at]:g}, T = {observed[at]:g} is no customer: x must be a whole number "
            "from 0 on, 0 <= t_x <= T, and t_x 0 where x is 0."
        )
    order = np.lexsort((observed, last, counts))
    rows, number = rows[order], number[order]
    is_new = np.ones(len(rows), dtype=np.bool_)
    is_new[1:] = (rows[1:] != rows[:-1]).any(axis=1)
    starts = np.flatnonzero(is_new)
    together = np.add.reduceat(number, starts) if len(rows) else number
    kept = rows[starts][together > 0]
    return Summaries(kept[:, 0].astype(np.int64), kept[:, 1], kept[:, 2], together[together > 0])


def by_count(function: Callable[[Floats], Floats], x: Integers) -> Floats:
    """A function of x, worked out once for each number that x may be."""
    return function(np.arange(int(x.max(initial=0)) + 1, dtype=np.float64))[x]
