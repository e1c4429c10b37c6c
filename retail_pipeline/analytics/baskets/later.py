"""Whether rules of the earlier weeks hold in the weeks after, for which they were not chosen."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from retail_pipeline.analytics.baskets.itemsets import Itemsets, Search, mine
from retail_pipeline.analytics.baskets.occurrences import Occurrences
from retail_pipeline.analytics.baskets.pair_counts import Counts
from retail_pipeline.analytics.baskets.rules import Lookup, Rules, all_rules

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]

LEAST_WEEKS = 8
"""With fewer weeks nothing is tried on later ones."""


@dataclass(frozen=True)
class RuleLimits:
    """What a rule must reach to be one."""

    min_confidence: float
    min_lift: float
    single_consequent: bool
    most_rules: int

    def keep(self, rules: Rules) -> NDArray[np.bool_]:
        """Which rules reach it."""
        return (rules.confidence >= self.min_confidence) & (rules.lift >= self.min_lift)


def first_later_basket(days: NDArray[np.datetime64], share: float) -> int | None:
    """The first basket of the later weeks; None where there are too few weeks to divide.

    Parameters
    ----------
    days
        Each basket's day, ascending.
    share
        The share of weeks, from Monday to Sunday, that are later: one at least, and all but one at most.

    Examples
    --------
    >>> days = np.arange("2024-01-01", "2024-03-25", dtype="datetime64[D]")  # twelve weeks, a basket a day
    >>> first_later_basket(days, 0.25), first_later_basket(days[:50], 0.25), first_later_basket(days[:49], 0.25)
    (63, 42, None)
    """
    weeks = (days.astype("datetime64[D]").astype(np.int64) + 3) // 7  # 1 January 1970 was a Thursday
    if not len(weeks) or weeks[-1] - weeks[0] + 1 < LEAST_WEEKS:
        return None
    count = int(weeks[-1] - weeks[0]) + 1
    later = min(max(round(share * count), 1), count - 1)
    return int(np.searchsorted(weeks, weeks[-1] - later + 1))


@dataclass(frozen=True)
class Tried:
    """The rules of the earlier weeks and what became of them.

    Attributes
    ----------
    itemsets, rules
        Found in the earlier weeks alone.
    orders, confidence, lift
        Of each rule in the weeks after; not a number where a side of it did not occur.
    """

    itemsets: Itemsets
    rules: Rules
    orders: Counts
    confidence: Floats
    lift: Floats


def try_later(held: Occurrences, first_later: int, search: Search, limits: RuleLimits) -> Tried:
    """Mine the earlier baskets alone, and count what was found in the later ones.

    Parameters
    ----------
    first_later
        The first later basket.
    search
        What is frequent in the earlier ones.
    """
    found = mine(held, replace(search, period_starts=(0, first_later), judged=1))
    rules = all_rules(
        found,
        first_later,
        periods=slice(0, 1),
        single_consequent=limits.single_consequent,
        most_rules=limits.most_rules,
    )
    rules = rules.take(limits.keep(rules))
    later = Lookup(found).counts[:, -1]  # one column where nothing is frequent
    both, first, second = later[rules.items], later[rules.antecedents], later[rules.consequents]
    with np.errstate(divide="ignore", invalid="ignore"):
        confidence = both / first
        lift = confidence / (second / (held.size - first_later))
    return Tried(found, rules, both, confidence, lift)
