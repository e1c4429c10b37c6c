"""Weekly demand of all products as matrices, and what of it was known at the end of a week."""

from dataclasses import dataclass

import numpy as np

from retail_pipeline.analytics.demand.levels import Array, floats

LEAST_USUAL_WEEKS = 3
"""Weeks with demand from which on a product has a usual week."""


@dataclass(frozen=True)
class Panel:
    """Weekly demand of products.

    Attributes
    ----------
    products, weeks
        Ids, sorted; Mondays, one after the other.
    demand
        Units demanded, less what was soon cancelled [products x weeks].
    known
        The same as it was known at the end of each week: what was cancelled in the week after is still in it.
    largest
        Units of each week's largest order [products x weeks].
    largest_known
        The same as it was known at the end of each week.
    prices
        What a unit cost, NaN in weeks without an order [products x weeks].
    first
        The week of each product's first order; products that have none are not here [products].
    """

    products: Array
    weeks: Array
    demand: Array
    known: Array
    largest: Array
    largest_known: Array
    prices: Array
    first: Array

    @classmethod
    def of(cls, products: Array, weeks: Array, row: Array, column: Array, **units: Array) -> "Panel":
        """From the places of the products' weeks with an order, and what each has of ``demand`` and so on.

        Parameters
        ----------
        products, weeks
            All of them, in order; weeks without an order are among them.
        row, column
            Of each week of a product, its places in these.
        units
            ``demand``, ``known``, ``largest``, ``largest_known`` and ``prices`` of each.
        """
        matrices = {}
        for name, values in units.items():
            matrices[name] = np.full((len(products), len(weeks)), np.nan if name == "prices" else 0.0)
            matrices[name][row, column] = values
        first = np.full(len(products), len(weeks))
        np.minimum.at(first, row, column)
        return cls(products, weeks, first=first, **matrices)

    def sample(self, most: int) -> "Panel":
        """So many products at most, evenly spread over them."""
        rows = np.arange(0, len(self.products), max(1, -(-len(self.products) // most)))
        matrices = (
            getattr(self, name)[rows] for name in ("demand", "known", "largest", "largest_known", "prices", "first")
        )
        return Panel(self.products[rows], self.weeks, *matrices)

    def until(self, origin: int, large_order_times: float | None = None) -> "History":
        """What was known when so many weeks had passed, of the products that had been sold by then.

        Parameters
        ----------
        large_order_times
            A single order counts up to so many usual weeks of its product; in full if not given.
        """
        rows = np.flatnonzero(self.first < origin)
        demand, largest = self.demand[rows, :origin].copy(), self.largest[rows, :origin].copy()
        demand[:, -1:] = self.known[rows, origin - 1 : origin]
        largest[:, -1:] = self.largest_known[rows, origin - 1 : origin]
        first = self.first[rows]
        small = tempered(demand, largest, large_order_times)
        return History(rows, small, demand, first, self.prices[rows, :origin])


@dataclass(frozen=True)
class History:
    """What is learned from at an origin.

    Attributes
    ----------
    rows
        The products' places in the panel.
    demand
        Weekly demand with large orders tempered [products x weeks].
    full
        The same with these as they were.
    first
        The week of each product's first order.
    prices
        What a unit cost, NaN where it is not known [products x weeks].
    """

    rows: Array
    demand: Array
    full: Array
    first: Array
    prices: Array

    @property
    def weeks(self) -> int:
        """How many weeks have passed."""
        return int(self.demand.shape[1])


def tempered(demand: Array, largest: Array, times: float | None) -> Array:
    """Demand in which no single order counts for more than so many times the product's usual week.

    The usual week is the median of the weeks with demand; with fewer than three of them nothing is usual.

    Examples
    --------
    >>> tempered(np.array([[2.0, 0, 3, 500, 4]]), np.array([[1.0, 0, 3, 490, 4]]), 10)
    array([[ 2.,  0.,  3., 45.,  4.]])
    """
    if times is None or demand.size == 0:
        return floats(demand)
    ordered = np.where(demand > 0, demand, np.nan)
    weeks = (demand > 0).sum(axis=1)
    usual = np.full(len(demand), np.inf)
    rows = weeks >= LEAST_USUAL_WEEKS
    usual[rows] = np.nanmedian(ordered[rows], axis=1)
    excess = np.maximum(largest - times * usual[:, None], 0.0)
    return np.asarray(np.maximum(demand - excess, np.minimum(demand, times * usual[:, None])))
