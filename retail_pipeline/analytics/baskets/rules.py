"""Association rules from frequent itemsets: their measures, their significance, and which say nothing new.

References
----------
R. Agrawal, T. Imielinski, A. Swami (1993), Mining association rules between sets of items in large databases, SIGMOD.
S. Brin et al. (1997), Dynamic itemset counting and implication rules for market basket data (conviction), SIGMOD.
T. Zhang (2000), Association rules, PAKDD. R. J. Bayardo, R. Agrawal, D. Gunopulos (2000), Constraint-based rule mining
in large, dense databases (improvement), Data Mining and Knowledge Discovery 4.
"""

from dataclasses import dataclass, fields
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retail_pipeline.analytics.baskets.itemsets import Itemsets
from retail_pipeline.analytics.baskets.pair_counts import Counts
from retail_pipeline.analytics.baskets.significance import at_least
from retail_pipeline.errors import TooManyItemsetsError

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]


class Lookup:
    """Finds itemsets by their items.

    An itemset's number is its place among all, shorter ones first, each length in lexicographic order. It is found by
    way of its beginnings, which are frequent as well.
    """

    def __init__(self, itemsets: Itemsets) -> None:
        self.counts = np.concatenate(itemsets.counts) if itemsets.counts else np.zeros((0, 1), dtype=np.int64)
        self.starts = np.append(0, np.cumsum([len(items) for items in itemsets.items])).astype(np.int64)
        self._most = 1 + max((int(items.max()) for items in itemsets.items if items.size), default=0)
        self._keys: list[Integers] = []
        for length, items in enumerate(itemsets.items, start=1):
            self._keys.append(self._key(self.find(items[:, :-1]), items[:, -1]) if length > 1 else items[:, 0])

    def find(self, items: Integers) -> Integers:
        """The numbers of itemsets of one length, their items ascending, shape (n, length); -1 where not frequent."""
        numbers = np.full(len(items), -1, dtype=np.int64)
        for length in range(items.shape[1]):
            if length >= len(self._keys):
                return np.full(len(items), -1, dtype=np.int64)
            keys = self._keys[length]
            sought = self._key(numbers, items[:, length]) if length else items[:, 0]
            place = np.minimum(np.searchsorted(keys, sought), max(len(keys) - 1, 0))
            is_found = (keys[place] == sought) & ((numbers >= 0) | (length == 0)) if len(keys) else numbers > 0
            numbers = np.where(is_found, place + self.starts[length], -1)
        return numbers

    def _key(self, beginning: Integers, last: Integers) -> Integers:
        return beginning * self._most + last


@dataclass(frozen=True)
class Rules:
    """Rules: who buys the antecedents buys the consequents. A rule an entry.

    Attributes
    ----------
    items
        Number of the itemset of antecedents and consequents together, see :class:`Lookup`.
    antecedents, consequents
        Numbers of their itemsets.
    length
        Items in all.
    orders
        Baskets that hold all of them.
    support, confidence, lift, leverage, conviction, zhang
        As in the field; conviction is infinite where the rule never fails.
    p_value
        Of Fisher's exact test, that by chance so many baskets or more hold both.
    best_shorter
        The highest confidence with fewer of the antecedents, their absence included (the consequents' support).
    """

    items: Integers
    antecedents: Integers
    consequents: Integers
    length: Integers
    orders: Counts
    support: Floats
    confidence: Floats
    lift: Floats
    leverage: Floats
    conviction: Floats
    zhang: Floats
    p_value: Floats
    best_shorter: Floats

    def __len__(self) -> int:
        return len(self.items)

    @property
    def is_redundant(self) -> NDArray[np.bool_]:
        """Whether a rule with fewer antecedents has the same confidence or a higher one."""
        return self.confidence <= self.best_shorter

    def take(self, chosen: Integers | NDArray[np.bool_]) -> "Rules":
        """Only some rules."""
        return Rules(**{name: getattr(self, name)[chosen] for name in _FIELDS})


_FIELDS = [field.name for field in fields(Rules)]
_WHOLE = ("items", "antecedents", "consequents", "length", "orders")


def measures(orders: Counts, antecedent: Counts, consequent: Counts, baskets: int) -> dict[str, Floats]:
    """The measures of rules.

    Parameters
    ----------
    orders, antecedent, consequent
        Baskets that hold both sides, the antecedents, the consequents; shape (rules,).
    baskets
        All baskets.

    Examples
    --------
    Of 100 baskets 20 hold A, 10 hold B, 8 both.

    >>> found = measures(np.array([8]), np.array([20]), np.array([10]), 100)
    >>> {name: round(float(values[0]), 4) for name, values in found.items()}
    {'support': 0.08, 'confidence': 0.4, 'lift': 4.0, 'leverage': 0.06, 'conviction': 1.5, 'zhang': 0.9375}
    """
    support, support_a, support_c = (counts / max(baskets, 1) for counts in (orders, antecedent, consequent))
    confidence = orders / antecedent
    leverage = support - support_a * support_c
    never_fails = orders == antecedent
    with np.errstate(divide="ignore", invalid="ignore"):
        conviction = np.where(never_fails, np.inf, (1 - support_c) / (1 - confidence))
        scale = np.maximum(support * (1 - support_a), support_a * (support_c - support))
        zhang = np.where(scale == 0, 0.0, leverage / scale)
    return {
        "support": support,
        "confidence": confidence,
        "lift": orders * baskets / (antecedent * consequent),
        "leverage": leverage,
        "conviction": conviction,
        "zhang": zhang,
    }


def all_rules(
    itemsets: Itemsets, baskets: int, *, periods: slice = slice(None), single_consequent: bool, most_rules: int
) -> Rules:
    """All rules that frequent itemsets make, however weak.

    Parameters
    ----------
    baskets
        Baskets in the periods.
    periods
        The periods whose baskets are counted.
    single_consequent
        Whether rules have one consequent only.

    Raises
    ------
    TooManyItemsetsError
        when there are more than ``most_rules``.
    """
    lookup = Lookup(itemsets)
    counts = lookup.counts[:, periods].sum(axis=1)
    parts: list[dict[str, NDArray[Any]]] = []
    made, before = 0, _Confidences(np.zeros(0, dtype=np.int64), np.zeros(0))
    for length in range(2, len(itemsets.items) + 1):
        items = itemsets.items[length - 1]
        numbers = np.arange(len(items)) + lookup.starts[length - 1]
        of_length = []
        for size in range(length - 1, 0, -1):
            if single_consequent and size < length - 1:
                break
            for places in combinations(range(length), size):
                made += len(items)
                if made > most_rules:
                    raise TooManyItemsetsError(made, most_rules, "rules")
                of_length.append(_split(items, places, numbers, counts, lookup, before, baskets))
        parts += of_length
        before = _Confidences.of(of_length, len(counts))
    if not parts:
        nothing: dict[str, Any] = {name: np.zeros(0, np.int64 if name in _WHOLE else np.float64) for name in _FIELDS}
        return Rules(**nothing)
    return Rules(**{name: np.concatenate([part[name] for part in parts]) for name in parts[0]})


@dataclass(frozen=True)
class _Confidences:
    """The highest confidence of each rule of a length and of those with fewer of its antecedents."""

    keys: Integers
    values: Floats

    @classmethod
    def of(cls, parts: list[dict[str, NDArray[Any]]], itemsets: int) -> "_Confidences":
        keys = np.concatenate([part["antecedents"] * itemsets + part["consequents"] for part in parts])
        best = np.concatenate([np.maximum(part["confidence"], part["best_shorter"]) for part in parts])
        order = np.argsort(keys, kind="stable")
        return cls(keys[order], best[order])

    def find(self, keys: Integers) -> Floats:
        return self.values[np.searchsorted(self.keys, keys)]


def _split(
    items: Integers,
    places: tuple[int, ...],
    numbers: Integers,
    counts: Counts,
    lookup: Lookup,
    before: _Confidences,
    baskets: int,
) -> dict[str, NDArray[Any]]:
    """The rules of itemsets of one length whose antecedents stand at some places."""
    others = [place for place in range(items.shape[1]) if place not in places]
    antecedents, consequents = lookup.find(items[:, list(places)]), lookup.find(items[:, others])
    best = counts[consequents] / max(baskets, 1)
    if len(places) > 1:
        for left_out in places:
            fewer = lookup.find(items[:, [place for place in places if place != left_out]])
            best = np.maximum(best, before.find(fewer * len(counts) + consequents))
    sides = counts[numbers], counts[antecedents], counts[consequents]
    return {
        "items": numbers,
        "antecedents": antecedents,
        "consequents": consequents,
        "length": np.full(len(numbers), items.shape[1], dtype=np.int64),
        "orders": sides[0],
        **measures(*sides, baskets),
        "p_value": at_least(*sides, baskets),
        "best_shorter": best,
    }
