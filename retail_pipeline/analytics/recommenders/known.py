"""What is known of purchases at a cut-off: all that a recommender may see."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.int32]
Booleans = NDArray[np.bool_]
Sparse = Any
"""A ``scipy.sparse.csr_matrix``, whose module is imported where it is used only."""
POPULARITY = "popularity"
"""The baseline that every recommender is held against: what sells lately."""
TREND_STRENGTH = 0.5
"""The power of a product's trend by which scores are multiplied."""


@dataclass(frozen=True)
class Tuning:
    """How recommenders look at purchases.

    Attributes
    ----------
    trend_half_life_days
        The age at which a sale counts half in how popular a product is lately.
    memory_half_life_days
        The age at which a customer's last purchase of a product counts half in what they like.
    neighbours
        Products like a product that item-item looks at.
    factors
        Factors of the matrix factorisation.
    range_days
        A product not sold for so long is out of range.
    least_together
        Orders (or customers) that two products must have in common before one is recommended with the other.
    """

    trend_half_life_days: float = 14.0
    memory_half_life_days: float = 120.0
    neighbours: int = 200
    factors: int = 32
    range_days: int = 60
    least_together: int = 3


@dataclass(frozen=True)
class Known:
    """What is known at a cut-off.

    Attributes
    ----------
    orders
        Customers x products, sparse: orders in which the customer bought the product.
    ages
        The same places: days since the customer bought it last.
    popularity
        Of each product: orders lately, older ones counting less.
    trend
        Of each product: which part of all its sales is of lately, 1 for the middle one of those in range.
    in_range
        Of each product: whether it is still sold.
    """

    orders: Sparse
    ages: Sparse
    popularity: Floats
    trend: Floats
    in_range: Booleans

    @property
    def customers(self) -> int:
        return int(self.orders.shape[0])

    @property
    def products(self) -> int:
        return int(self.orders.shape[1])


def known_purchases(
    purchases: tuple[Codes, Codes, Codes, Codes],
    sales: tuple[Codes, Codes, Codes],
    shape: tuple[int, int],
    like: Tuning,
) -> Known:
    """What is known, from lists of purchases and sales.

    Parameters
    ----------
    purchases
        Customer, product, orders, and days since the last of them: a pair once, sorted by customer and product.
    sales
        Product, age in days, and lines of all its sales at that age: sorted by product and age.
    shape
        Customers and products in all.
    """
    from scipy.sparse import csr_matrix

    customers, products = shape
    customer, product, orders, age_days = purchases
    starts = np.searchsorted(customer, np.arange(customers + 1))
    sold, sold_age_days, lines = sales
    decayed = lines * 0.5 ** (sold_age_days / like.trend_half_life_days)
    popularity = np.bincount(sold, weights=decayed, minlength=products)
    total = np.bincount(sold, weights=lines.astype(np.float64), minlength=products)
    youngest = np.full(products, np.iinfo(np.int32).max, dtype=np.int64)
    np.minimum.at(youngest, sold, sold_age_days)
    in_range = youngest <= like.range_days
    trend = popularity / np.maximum(total, 1.0)
    middle = float(np.median(trend[in_range])) if in_range.any() else 1.0
    return Known(
        csr_matrix((orders.astype(np.float64), product, starts), shape=shape),
        csr_matrix((age_days.astype(np.float64), product, starts), shape=shape),
        np.asarray(popularity, dtype=np.float64),
        trend / middle if middle else np.ones(products),
        in_range,
    )


def incidence(rows: Codes, products: Codes, shape: tuple[int, int]) -> Sparse:
    """Rows x products, sparse, 1 where a row (an order, a customer) has a product; pairs once, sorted."""
    from scipy.sparse import csr_matrix

    starts = np.searchsorted(rows, np.arange(shape[0] + 1))
    return csr_matrix((np.ones(len(products), dtype=np.float64), products, starts), shape=shape)
