"""Fitting models of spend: searched over earlier cut-offs, brought to the right level, with a range a customer."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retail_pipeline.analytics.prediction.spend_models import (
    BASELINES,
    FIT,
    GRIDS,
    STACK,
    STACKED,
    Parameters,
    SpendScores,
    Stack,
    read_scores,
)
from retail_pipeline.analytics.prediction.spending import Spending, largest, lesson

Floats = NDArray[np.float64]

LEVEL_LIMITS = (1 / 3, 3.0)
COVERED = 0.95
GROUPS = 10
"""Groups of customers by what is expected of them, each with a range of its own."""
LEAST_IN_GROUP = 100
SMALLEST_SHARE = 0.01
"""What is expected counts as so much of the mean, at least, where a range is a multiple of it."""
SEARCHED = 1
"""Cut-offs that a search judges on, at most, the latest."""


@dataclass(frozen=True)
class Ranges:
    """Between what a customer's spend will be: multiples of what is expected, by groups of that.

    Attributes
    ----------
    bounds
        What is expected at most in each group but the last, ascending.
    lower, upper
        By group the multiples; shape (groups,).
    least
        What is expected counts as this, at least [reporting currency].
    """

    bounds: tuple[float, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    least: float

    def ends(self, expected: Floats) -> tuple[Floats, Floats]:
        """Lower and upper end for each customer, with what is expected between them."""
        group = np.searchsorted(np.array(self.bounds), expected)
        scale = np.maximum(expected, self.least)
        lower, upper = np.array(self.lower)[group] * scale, np.array(self.upper)[group] * scale
        return np.minimum(lower, expected), np.maximum(upper, expected)


@dataclass(frozen=True)
class SpendModel:
    """A fitted model, its level that of the latest cut-off it learned from."""

    name: str
    fitted: SpendScores
    level: float
    ranges: Ranges

    def expected(self, values: Floats) -> Floats:
        """What each customer is expected to spend within the horizon [reporting currency]; shape (customers,)."""
        return np.asarray(self.level * self.fitted.spend(values))

    def to_json(self) -> dict[str, Any]:
        """The model as JSON holds it."""
        return {
            "name": self.name, "fitted": self.fitted.to_json(), "level": self.level, "ranges": asdict(self.ranges),
        }  # fmt: skip

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "SpendModel":
        """What :meth:`to_json` gave."""
        ends = told["ranges"]
        ranges = Ranges(tuple(ends["bounds"]), tuple(ends["lower"]), tuple(ends["upper"]), ends["least"])
        return cls(told["name"], read_scores(told["name"], told["fitted"]), told["level"], ranges)


def train_all(names: Sequence[str], data: Spending, horizon_days: int) -> dict[str, SpendModel]:
    """Fit models to all rows, and take level, ranges and the weights of a stack from what they say blindly.

    Blindly means that a model of each half of the customers says what the other half will spend, so that nobody is told
    by a model that has seen what came.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):  # sums in one order, whatever the machine; on little data it is faster, too
        return _train_all(names, data, horizon_days)


def _train_all(names: Sequence[str], data: Spending, horizon_days: int) -> dict[str, SpendModel]:
    members = STACKED if STACK in names else ()
    fitted, blind = dict[str, SpendScores](), dict[str, Floats]()
    for name in dict.fromkeys((*members, *(name for name in names if name != STACK))):
        asked = search(name, data, horizon_days)
        blind[name] = _blind(name, data, horizon_days, asked)
        fitted[name] = FIT[name](data, horizon_days, asked)
    if members:
        weights = _stacked(data, {name: blind[name] for name in members}, horizon_days)
        used = {name: weight for name, weight in weights.items() if weight > 0}
        fitted[STACK] = Stack({name: fitted[name] for name in used}, used)
        blind[STACK] = np.sum([weight * blind[name] for name, weight in used.items()], axis=0)
    found = {}
    for name in names:
        factor = 1.0 if name in BASELINES else level(data.spend, blind[name])
        found[name] = SpendModel(name, fitted[name], factor, ranges(data.spend, factor * blind[name]))
    return found


def _blind(name: str, data: Spending, horizon_days: int, asked: Parameters) -> Floats:
    """What each customer will spend by a model of the other half of the customers."""
    half, expected = data.customers % 2 == 0, np.zeros(len(data.spend))
    for learned in (half, ~half):
        if data.spend[learned].any() and not learned.all():
            expected[~learned] = FIT[name](data.where(learned), horizon_days, asked).spend(data.values[~learned])
    return expected


def search(name: str, data: Spending, horizon_days: int) -> Parameters:
    """The parameters of a model's grid that were best on later cut-offs, learned from those whose outcome was known.

    The first of the grid, where no cut-off has an earlier one whose horizon had ended by it.
    """
    grid = GRIDS.get(name, ({},))
    days = np.unique(data.cutoffs)
    judged = [day for day in days[-SEARCHED:] if (days + horizon_days <= day).any()]
    if len(grid) == 1 or not judged:
        return grid[0]
    lost = np.zeros(len(grid))
    for day in judged:
        learned, later = data.where(data.cutoffs + horizon_days <= day), data.where(data.cutoffs == day)
        if not learned.tells:
            continue
        for place, asked in enumerate(grid):
            expected = FIT[name](learned, horizon_days, asked).spend(later.values)
            lost[place] += capped_losses(later.spend, expected).mean()
    return grid[int(np.argmin(lost))]


def capped_losses(spend: Floats, expected: Floats) -> Floats:
    """Each customer's squared error, spend and expectation counting up to what one spender in 100 exceeds."""
    cap = largest(spend)
    return np.asarray((np.minimum(spend, cap) - np.minimum(expected, cap)) ** 2)


def level(spend: Floats, expected: Floats) -> float:
    """The factor that makes expectations add up to what came, each counting up to what one spender in 100 exceeds.

    Examples
    --------
    >>> round(level(np.array([10.0, 20, 30]), np.array([5.0, 10, 15])), 6)
    2.0
    """
    cap = largest(spend)
    came = float(np.minimum(spend, cap).sum())
    low, high = LEVEL_LIMITS
    for _ in range(60):
        middle = (low + high) / 2
        if np.minimum(middle * expected, cap).sum() < came:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def ranges(spend: Floats, expected: Floats) -> Ranges:
    """Ranges that hold 95 % of each group of customers to whom it was not known what came.

    Split conformal prediction (Lei et al. 2018) of the two ends by groups: of n multiples that came, the lower end is
    the one of rank (n + 1) * 2.5 %, and the upper end that of rank (n + 1) * 97.5 %, both rounded outwards.
    """
    count = len(spend)
    groups = int(np.clip(count // LEAST_IN_GROUP, 1, GROUPS))
    bounds = np.unique(np.quantile(expected, np.arange(1, groups) / groups, method="lower")) if count else np.array([])
    bounds = bounds[bounds < expected.max(initial=0.0)]  # nobody is above that, so there is no group
    group = np.searchsorted(bounds, expected)
    least = max(SMALLEST_SHARE * float(np.mean(np.minimum(spend, largest(spend)))), 1e-9)
    times = spend / np.maximum(expected, least)
    ends = [_ends(np.sort(times[group == place])) for place in range(len(bounds) + 1)]
    return Ranges(tuple(bounds.tolist()), tuple(low for low, _ in ends), tuple(high for _, high in ends), least)


def _ends(ordered: Floats) -> tuple[float, float]:
    count, tail = len(ordered), (1 - COVERED) / 2
    if not count:
        return 0.0, 0.0
    lower = int(np.floor((count + 1) * tail))
    upper = int(np.ceil((count + 1) * (1 - tail)))
    return float(ordered[lower - 1]) if lower else 0.0, float(ordered[min(upper, count) - 1])


def _stacked(data: Spending, blind: Mapping[str, Floats], horizon_days: int) -> dict[str, float]:
    """Weights, none below zero, with which models together come nearest to what came, as they learn it."""
    from scipy.optimize import nnls

    told = lesson(data, horizon_days)
    scale = np.sqrt(told.weights) / told.usual
    design = np.column_stack([np.minimum(blind[name], told.cut.max()) * scale for name in blind])
    found, _ = nnls(design, told.cut * scale)
    if not found.any():
        found = np.ones(len(blind)) / len(blind)
    return dict(zip(blind, found.tolist(), strict=True))
