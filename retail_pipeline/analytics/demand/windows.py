"""Windows on which models are tried: an origin, what was known there, and what came in the weeks after."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from retail_pipeline.analytics.demand import measures
from retail_pipeline.analytics.demand.distributions import Scatter
from retail_pipeline.analytics.demand.kinds import kinds_of
from retail_pipeline.analytics.demand.levels import Array, Candidate
from retail_pipeline.analytics.demand.panel import History, Panel
from retail_pipeline.analytics.demand.prices import at_usual_prices

VALIDATION, TEST = "validation", "test"
ALL = "all"
"""In place of a kind: all of them."""


@dataclass(frozen=True)
class Limits:
    """When a product is new or dead, how few of a kind are enough to choose by, and what an order counts at most."""

    new_weeks: int
    dead_weeks: int
    dead_chance: float
    least_products: int
    large_order_times: float | None

    def kinds(self, history: History) -> Array:
        """Of each product, as far as was known."""
        return kinds_of(
            history.demand,
            history.first,
            new_weeks=self.new_weeks,
            dead_weeks=self.dead_weeks,
            dead_chance=self.dead_chance,
        )


@dataclass(frozen=True)
class Window:
    """An origin, what was known there, and what came in the weeks after.

    Attributes
    ----------
    actual
        Units of the weeks after the origin [products x weeks].
    kinds
        As they were seen at the origin [products].
    learned, factor
        The history that levels rest on, and by what they are multiplied: other than the plain ones if adjusted.
    """

    origin: int
    history: History
    actual: Array
    kinds: Array
    split: str
    learned: History
    factor: Array
    _levels: dict[str, Array] = field(default_factory=dict, compare=False)

    @cached_property
    def scatter(self) -> Scatter:
        """How each product's demand scattered up to the origin."""
        return Scatter.of(self.history.demand, self.history.first)

    @cached_property
    def scales(self) -> tuple[Array, Array]:
        """What squares and sizes of errors are scaled by."""
        return measures.scales(self.history.full, self.history.first)

    def level(self, candidate: Candidate) -> Array:
        """The weekly demand to expect; where the candidate has nothing to say, that of the last week."""
        name = f"{candidate.model} {candidate.setting}"
        if name not in self._levels:
            found = candidate.level(self.learned.demand, self.learned.first)
            self._levels[name] = np.where(np.isfinite(found), found, self.learned.demand[:, -1]) * self.factor
        return self._levels[name]

    def priced(self) -> "Window":
        """The same window, with forecasts that take prices into account."""
        learned, factor = at_usual_prices(self.history)
        return Window(self.origin, self.history, self.actual, self.kinds, self.split, learned, factor)


def lay_windows(panel: Panel, limits: Limits, *, horizon: int, count: int, least_weeks: int) -> list[Window]:
    """Windows that follow each other up to the data's end, the earliest first; left out are those with too little
    before.
    """
    found = []
    for back in range(count, 0, -1):
        origin = len(panel.weeks) - back * horizon
        if origin >= least_weeks:
            history = panel.until(origin, limits.large_order_times)
            actual = panel.demand[history.rows, origin : origin + horizon]
            split = TEST if back == 1 else VALIDATION
            plain = np.ones(len(history.rows))
            found.append(Window(origin, history, actual, limits.kinds(history), split, history, plain))
    return found


@dataclass(frozen=True)
class Part:
    """Products of some windows, one window below the other: those of a kind, say.

    ``rows`` has, of each window, the places of its products that are in here.
    """

    windows: tuple[Window, ...]
    rows: tuple[Array, ...]

    @classmethod
    def of(cls, windows: Sequence[Window], split: str, kind: str) -> "Part":
        """A kind's products in the windows of a split; all of them for ``ALL``."""
        chosen = tuple(window for window in windows if window.split == split)
        return cls(chosen, tuple(np.flatnonzero((window.kinds == kind) | (kind == ALL)) for window in chosen))

    def sample(self, most: int) -> "Part":
        """So many rows at most, evenly spread."""
        step = max(1, -(-sum(len(rows) for rows in self.rows) // most))
        return Part(self.windows, tuple(rows[::step] for rows in self.rows))

    def stack(self, values: Sequence[Array]) -> Array:
        """What each window has of its products, of those that are in here."""
        return np.concatenate([of_one[rows] for of_one, rows in zip(values, self.rows, strict=True)])

    @cached_property
    def products(self) -> Array:
        """Places in the panel."""
        return self.stack([window.history.rows for window in self.windows]) if self.windows else np.zeros(0, dtype=int)

    @cached_property
    def actual(self) -> Array:
        """Units that came [rows x weeks]."""
        return self.stack([window.actual for window in self.windows])

    @cached_property
    def squares(self) -> Array:
        """What squared errors are scaled by."""
        return self.stack([window.scales[0] for window in self.windows])

    @cached_property
    def sizes(self) -> Array:
        """What the sizes of errors are scaled by."""
        return self.stack([window.scales[1] for window in self.windows])

    def level(self, candidate: Candidate) -> Array:
        """The weekly demand to expect."""
        return self.stack([window.level(candidate) for window in self.windows])

    def variance(self, level: Array) -> Array:
        """Of a week's demand at the level expected."""
        cuts = np.cumsum([len(rows) for rows in self.rows])[:-1]
        parts = zip(self.windows, self.rows, np.split(level, cuts), strict=True)
        return np.concatenate([window.scatter.rows(rows).variance(of_one) for window, rows, of_one in parts])
