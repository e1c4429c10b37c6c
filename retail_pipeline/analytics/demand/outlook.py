"""What is expected of each product from now on, by the models that serve."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from retail_pipeline.analytics.demand.backtest import Serving
from retail_pipeline.analytics.demand.distributions import Scatter
from retail_pipeline.analytics.demand.kinds import KINDS
from retail_pipeline.analytics.demand.levels import Array
from retail_pipeline.analytics.demand.panel import History, Panel
from retail_pipeline.analytics.demand.prices import at_usual_prices
from retail_pipeline.analytics.demand.windows import Limits


@dataclass(frozen=True)
class Outlook:
    """What is expected of each product after the last whole week.

    Attributes
    ----------
    products, kinds
        Ids in order, and the kind of each.
    level
        Units to expect in a week [products].
    """

    products: Array
    weeks: Array
    history: History
    kinds: Array
    level: Array
    scatter: Scatter
    serving: Mapping[str, Serving]

    @classmethod
    def of(cls, panel: Panel, limits: Limits, serving: Mapping[str, Serving], *, with_prices: bool) -> "Outlook":
        """By all that is known at the panel's end."""
        history = panel.until(len(panel.weeks), limits.large_order_times)
        kinds = limits.kinds(history)
        learned, factor = at_usual_prices(history) if with_prices else (history, np.ones(len(kinds)))
        level = np.zeros(len(kinds))
        for kind, rows in _by_kind(kinds):
            found = serving[kind].candidate.level(learned.demand, learned.first)  # some look at all products together
            level[rows] = (np.where(np.isfinite(found), found, learned.demand[:, -1]) * factor)[rows]
        scatter = Scatter.of(history.demand, history.first)
        return cls(panel.products[history.rows], panel.weeks, history, kinds, level, scatter, serving)

    def quantiles(self, weeks: Array | float, chances: Array, *, together: bool = True) -> Array:
        """Quantiles of the demand of so many weeks, of each product by the model of its kind [products x chances].

        Parameters
        ----------
        weeks, chances
            The same for all products, or a number and a row of them a product.
        """
        found = np.zeros((len(self.level), np.shape(chances)[-1]))
        times = np.broadcast_to(np.asarray(weeks, dtype=np.float64), self.level.shape)
        asked = np.broadcast_to(np.asarray(chances, dtype=np.float64), found.shape)
        for kind, rows in _by_kind(self.kinds):
            found[rows] = self.serving[kind].shape.quantiles(
                self.level[rows], self.scatter.rows(rows), times[rows], asked[rows], together=together
            )
        return found

    def stays_within(self, weeks: Array, units: Array) -> Array:
        """The probability that the demand of so many weeks is no more than so many units [products]."""
        chance = np.ones(len(units))
        for kind, rows in _by_kind(self.kinds):
            shape = self.serving[kind].shape
            chance[rows] = shape.stays_within(self.level[rows], self.scatter.rows(rows), weeks[rows], units[rows])
        return chance


def _by_kind(kinds: Array) -> list[tuple[str, Array]]:
    """The places of each kind's products."""
    return [(kind, rows) for kind in KINDS if len(rows := np.flatnonzero(kinds == kind))]
