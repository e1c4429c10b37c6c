"""Whom to contact, and what it brings: the confusion matrix when the likeliest customers are contacted; pure."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Contacted:
    """Customers of the test cut-off by whether they were contacted and whether they ordered.

    Attributes
    ----------
    hits, misses
        Who ordered: contacted, and not.
    wasted, left_alone
        Who did not: contacted, and not.
    """

    hits: int
    misses: int
    wasted: int
    left_alone: int

    @property
    def contacted(self) -> int:
        return self.hits + self.wasted

    @property
    def precision(self) -> float | None:
        """Of the contacted those who ordered [share]."""
        return self.hits / self.contacted if self.contacted else None

    @property
    def recall(self) -> float | None:
        """Of those who ordered the contacted [share]."""
        orders = self.hits + self.misses
        return self.hits / orders if orders else None

    def profit(self, cost: float, value: float) -> float:
        """What it brings when a contact costs and an order of a contacted customer is worth so much [money]."""
        return self.hits * value - self.contacted * cost


def contacted_customers(false_share: float, true_share: float, customers: int, events: int) -> Contacted:
    """The confusion matrix at a point of a ROC curve.

    Parameters
    ----------
    false_share, true_share
        The point: of those without the event, and with it, who stand above the threshold [share].
    customers, events
        All customers, and those with the event.

    Examples
    --------
    >>> contacted_customers(0.1, 0.8, customers=100, events=20)
    Contacted(hits=16, misses=4, wasted=8, left_alone=72)
    """
    hits, wasted = round(true_share * events), round(false_share * (customers - events))
    return Contacted(hits, events - hits, wasted, customers - events - wasted)


def best_point(points: Sequence[Contacted], cost: float, value: float) -> int:
    """The place of the point that brings most, the first of several."""
    profits = [point.profit(cost, value) for point in points]
    return profits.index(max(profits))
