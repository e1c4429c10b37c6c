"""The recommenders for customers, by name. Each gives customers a score a product; zero says nothing of it."""

from functools import cached_property

import numpy as np

from retail_pipeline.analytics.recommenders.co_purchases import likeness
from retail_pipeline.analytics.recommenders.factors import factorise
from retail_pipeline.analytics.recommenders.known import (
    POPULARITY,
    TREND_STRENGTH,
    Codes,
    Floats,
    Known,
    Sparse,
    Tuning,
)

BUY_AGAIN = "buy_again"
BASELINES = (POPULARITY, BUY_AGAIN)
MODELS = (*BASELINES, "buy_again_trending", "item_item", "matrix_factorisation", "blend")
FOR_NEW = tuple(name for name in MODELS if not name.startswith(BUY_AGAIN))
"""Those that know of products which a customer has not bought yet."""
POPULARITY_STRENGTH, LEAST_POPULARITY = 0.2, 0.1
"""The power of its popularity by which buying again is, and the least that it counts as."""
RECENCY_WEIGHT, RECENCY_HALF_LIFE_DAYS = 0.5, 60.0
"""What a purchase of today adds to the number of orders, and when half of it is left."""
TIE_WEIGHT = 1e-3
"""What popularity adds at most, so that it decides between products bought as often and as lately."""
OWN_WEIGHT = 4.0
"""The weight in the blend of what a customer bought before; the other parts share 1."""


class Recommenders:
    """All recommenders over what is known at a cut-off; what one learns is learned when it is first asked."""

    def __init__(self, known: Known, like: Tuning) -> None:
        self.known = known
        self.like = like

    def block(self, customers: Codes) -> "Block":
        """What the recommenders say to some customers."""
        return Block(self, customers)

    @cached_property
    def weights(self) -> Sparse:
        """Customers x products, sparse: the logarithm of orders and their age, for what is learned from them."""
        weights = self.known.orders.copy()
        decayed = 0.5 ** (self.known.ages.data / self.like.memory_half_life_days)
        weights.data = np.log1p(self.known.orders.data * decayed)
        return weights

    @cached_property
    def repeats(self) -> Sparse:
        """Customers x products, sparse: orders, a little more if the last is not long ago."""
        repeats = self.known.orders.copy()
        recency = 0.5 ** (self.known.ages.data / RECENCY_HALF_LIFE_DAYS)
        repeats.data = self.known.orders.data + RECENCY_WEIGHT * recency
        return repeats

    @cached_property
    def neighbours(self) -> Sparse:
        """For each product in range those most like it."""
        return likeness(self.known.orders, self.known.in_range, self.like.neighbours)

    @cached_property
    def from_neighbours(self) -> Sparse:
        """For each product those that it is most like."""
        return self.neighbours.T.tocsr()

    @cached_property
    def factors(self) -> tuple[Floats, Floats]:
        """Factors of customers and of products."""
        return factorise(self.weights, self.like.factors)

    @cached_property
    def pull(self) -> Floats:
        """By what a product's trend multiplies its scores."""
        return np.asarray(self.known.trend**TREND_STRENGTH)


class Block:
    """The scores of some customers by each model; a part that several models share is worked out once."""

    def __init__(self, learned: Recommenders, customers: Codes) -> None:
        self._learned = learned
        self._customers = customers

    def scores(self, model: str) -> Floats:
        """Customers x products, by one of :data:`MODELS`."""
        found: Floats = getattr(self, f"_{model}")
        return found

    @cached_property
    def _popularity(self) -> Floats:
        return np.tile(self._learned.known.popularity, (len(self._customers), 1))

    @cached_property
    def _repeats(self) -> Floats:
        return np.asarray(self._learned.repeats[self._customers].toarray())

    @cached_property
    def _buy_again(self) -> Floats:
        """By the number of orders, of equal ones the one bought last, then the one that is more popular."""
        popularity = self._learned.known.popularity
        tie = TIE_WEIGHT * popularity / max(float(popularity.max(initial=0.0)), 1e-12)
        return np.where(self._repeats > 0, self._repeats + tie[None, :], 0.0)

    @cached_property
    def _buy_again_trending(self) -> Floats:
        popularity = np.maximum(self._learned.known.popularity, LEAST_POPULARITY) ** POPULARITY_STRENGTH
        return self._repeats * popularity[None, :]

    @cached_property
    def _item_item(self) -> Floats:
        """Products like those that a customer bought, by how much they did and how like they are."""
        summed = (self._learned.weights[self._customers] @ self._learned.from_neighbours).toarray()
        return np.asarray(summed) * self._learned.pull[None, :]

    @cached_property
    def _matrix_factorisation(self) -> Floats:
        of_customers, of_products = self._learned.factors
        return np.maximum(of_customers[self._customers] @ of_products.T, 0.0) * self._learned.pull[None, :]

    @cached_property
    def _blend(self) -> Floats:
        """What like products and factors agree on, and above all what was bought before; each at most 1."""
        new = _at_most_one(self._item_item) + _at_most_one(self._matrix_factorisation)
        return 0.5 * new + OWN_WEIGHT * _at_most_one(self._buy_again_trending)


def _at_most_one(scores: Floats) -> Floats:
    return np.asarray(scores / np.maximum(scores.max(axis=1, keepdims=True, initial=0.0), 1e-12))
