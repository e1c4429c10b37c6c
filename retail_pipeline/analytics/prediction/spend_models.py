"""Models of what customers spend within a horizon, and the baselines they have to beat.

Candidates learn how many times what is usual for them customers will spend (:mod:`spending`); baselines are as plain as
their names say.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, astuple, dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from retail_pipeline.analytics.btyd.bg_nbd import BgNbd
from retail_pipeline.analytics.btyd.fitting import fit as fit_btyd
from retail_pipeline.analytics.btyd.gamma_gamma import GammaGamma, spends
from retail_pipeline.analytics.btyd.summaries import summarise
from retail_pipeline.analytics.prediction.matrix import column
from retail_pipeline.analytics.prediction.purchase_models import purchases, standardised, standards
from retail_pipeline.analytics.prediction.spending import Spending, last_period, lesson, usual_spend
from retail_pipeline.analytics.prediction.trees import (
    TreeScores,
    boost,
    boost_multiples,
    boost_poisson,
    grow_multiples,
)

Floats = NDArray[np.float64]
Parameters = Mapping[str, Any]

MEAN, LAST_PERIOD, RFM_CELL_MEAN, BTYD = "mean", "last_period", "rfm_cell_mean", "btyd"
BASELINES = (MEAN, LAST_PERIOD, RFM_CELL_MEAN)
RFM = ("recency_days", "orders", "total_spend")
PARTS = 5
"""Equal parts of customers by each of recency, frequency and money."""
LEVELS = (
    *("spend_30d", "spend_90d", "spend_180d", "spend_365d", "total_spend"),
    *("orders_90d", "orders_365d", "orders", "recency_days", "tenure_days"),
)
"""What the linear regression knows of a customer."""
MOST_TIMES = 20.0
"""Nobody is expected to spend more than so many times what is usual,"""
MOST_OWN_TIMES = 1.5
"""and no more than so many times if that is more than what one spender in 100 exceeds."""


class SpendScores(Protocol):
    """A fitted model, its level not yet that of the latest cut-off."""

    def spend(self, values: Floats) -> Floats:
        """What each customer is expected to spend [reporting currency]; shape (customers,)."""

    def to_json(self) -> dict[str, Any]:
        """The model as JSON holds it."""


class Times(Protocol):
    """A fitted model of how many times what is usual customers spend."""

    def times(self, values: Floats) -> Floats:
        """Of each customer the number; shape (customers,)."""

    def to_json(self) -> dict[str, Any]:
        """The model as JSON holds it."""


@dataclass(frozen=True)
class MeanSpend:
    """The same for all."""

    mean: float

    def spend(self, values: Floats) -> Floats:
        return np.full(len(values), self.mean)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class LastPeriod:
    """As much again as in as many days before."""

    horizon_days: int

    def spend(self, values: Floats) -> Floats:
        return last_period(values, self.horizon_days)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class CellMeans:
    """The mean of customers alike in recency, frequency and money, a fifth of all each; of empty cells, that of all."""

    bounds: tuple[tuple[float, ...], ...]
    means: tuple[float, ...]

    def spend(self, values: Floats) -> Floats:
        return np.asarray(np.array(self.means)[_cells(values, self.bounds)])

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class BtydSpend:
    """BG/NBD for the days with an order that are to come, gamma-gamma for what such a day is worth.

    ``worth`` is empty where nobody had ever paid: then nobody is expected to.
    """

    orders: tuple[float, ...]
    worth: tuple[float, ...]
    horizon_days: int

    def spend(self, values: Floats) -> Floats:
        if not self.worth:
            return np.zeros(len(values))
        days = BgNbd(*self.orders).conditional_expected_orders(self.horizon_days, *purchases(values))
        each = GammaGamma(*self.worth).expected_spend(*_worth(values))
        return np.asarray(days * np.where(np.isfinite(each), each, 0))  # infinite only of those who never paid

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class TimesUsual:
    """So many times what is usual, as :func:`spending.usual_spend` takes it.

    Attributes
    ----------
    mean, top
        Of :class:`spending.Lesson`.
    """

    horizon_days: int
    mean: float
    top: float
    learned: Times

    def spend(self, values: Floats) -> Floats:
        usual = usual_spend(values, self.horizon_days, self.mean)
        expected = usual * np.clip(self.learned.times(values), 0, MOST_TIMES)
        return np.asarray(np.minimum(expected, np.maximum(self.top, MOST_OWN_TIMES * usual)))

    def to_json(self) -> dict[str, Any]:
        told = {"horizon_days": self.horizon_days, "mean": self.mean, "top": self.top}
        return {**told, "learned": self.learned.to_json()}


@dataclass(frozen=True)
class LinearSpend:
    """Linear regression on amounts, counts and days as they are; who spends more is allowed larger errors."""

    weights: tuple[float, ...]
    intercept: float

    def spend(self, values: Floats) -> Floats:
        return np.asarray(np.maximum(self.intercept + _weighed(_levels(values), self.weights), 0))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class RidgeTimes:
    """Ridge regression on logarithms, with signs, of standardised features; what is not known counts as usual."""

    means: tuple[float, ...]
    spreads: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float

    def times(self, values: Floats) -> Floats:
        known = standardised(values, np.array(self.means), np.array(self.spreads))
        return np.asarray(self.intercept + _weighed(known, self.weights))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class MeanTimes:
    """Trees whose score is the number itself."""

    trees: TreeScores

    def times(self, values: Floats) -> Floats:
        return self.trees.scores(values)

    def to_json(self) -> dict[str, Any]:
        return self.trees.to_json()


@dataclass(frozen=True)
class LogTimes:
    """Trees whose score is the logarithm of the number."""

    trees: TreeScores

    def times(self, values: Floats) -> Floats:
        return np.asarray(np.exp(np.minimum(self.trees.scores(values), np.log(MOST_TIMES))))

    def to_json(self) -> dict[str, Any]:
        return self.trees.to_json()


@dataclass(frozen=True)
class TwoStages:
    """The probability to spend anything, and how many times what is usual those spend who do."""

    chance: TreeScores
    those_who_do: LogTimes

    def times(self, values: Floats) -> Floats:
        return np.asarray(self.those_who_do.times(values) / (1 + np.exp(-self.chance.scores(values))))

    def to_json(self) -> dict[str, Any]:
        return {"chance": self.chance.to_json(), "those_who_do": self.those_who_do.to_json()}


@dataclass(frozen=True)
class Stack:
    """A sum of other models, each with a weight that is not below zero."""

    members: Mapping[str, SpendScores]
    weights: Mapping[str, float]

    def spend(self, values: Floats) -> Floats:
        parts = [self.weights[name] * model.spend(values) for name, model in self.members.items()]
        return np.asarray(np.sum([np.zeros(len(values)), *parts], axis=0))

    def to_json(self) -> dict[str, Any]:
        return {"members": {name: one.to_json() for name, one in self.members.items()}, "weights": dict(self.weights)}


def _weighed(values: Floats, weights: tuple[float, ...]) -> Floats:
    """The weighted sum of each row: not a matrix product, whose last digits depend on which rows are beside it."""
    return np.asarray((values * np.array(weights)).sum(axis=1))


def _levels(values: Floats) -> Floats:
    return np.asarray(np.nan_to_num(np.column_stack([column(values, name) for name in LEVELS]), nan=0.0))


def _worth(values: Floats) -> tuple[Floats, Floats]:
    """Days with an order and their mean value; none where that is nothing."""
    days, spent = column(values, "purchase_days"), np.maximum(np.nan_to_num(column(values, "total_spend")), 0)
    return np.where(spent > 0, days, 0.0), spent / np.maximum(days, 1)


def _cells(values: Floats, bounds: tuple[tuple[float, ...], ...]) -> NDArray[np.int64]:
    places = [np.searchsorted(np.array(of), column(values, name)) for name, of in zip(RFM, bounds, strict=True)]
    return np.asarray((places[0] * PARTS + places[1]) * PARTS + places[2])


def _fit_cells(data: Spending, horizon_days: int, asked: Parameters) -> CellMeans:
    steps = np.arange(1, PARTS) / PARTS
    bounds = tuple(tuple(np.quantile(column(data.values, name), steps, method="lower").tolist()) for name in RFM)
    cells = _cells(data.values, bounds)
    counts = np.bincount(cells, minlength=PARTS**3)
    sums = np.bincount(cells, data.spend, minlength=PARTS**3)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), data.spend.mean())
    return CellMeans(bounds, tuple(means.tolist()))


def _fit_btyd(data: Spending, horizon_days: int, asked: Parameters) -> BtydSpend:
    """To the purchases before the latest cut-off; what came afterwards has no part in it."""
    latest = data.values[data.cutoffs == data.cutoffs.max()]
    orders = fit_btyd(BgNbd, summarise(*purchases(latest))).model
    paid = spends(*_worth(latest))
    worth = astuple(fit_btyd(GammaGamma, paid).model) if paid.customers else ()
    return BtydSpend((orders.r, orders.alpha, orders.a, orders.b), worth, horizon_days)


def _fit_linear(data: Spending, horizon_days: int, asked: Parameters) -> LinearSpend:
    told = lesson(data, horizon_days)
    scale = np.sqrt(told.weights) / told.usual
    design = np.column_stack([_levels(data.values), np.ones(len(data.spend))])
    sizes = np.maximum(np.sqrt(((design * scale[:, None]) ** 2).mean(axis=0)), 1e-12)
    found = np.linalg.lstsq(design * scale[:, None] / sizes, told.cut * scale, rcond=1e-9)[0] / sizes
    return LinearSpend(tuple(found[:-1].tolist()), float(found[-1]))


def _fit_ridge(data: Spending, horizon_days: int, asked: Parameters) -> TimesUsual:
    from sklearn.linear_model import Ridge

    told = lesson(data, horizon_days)
    means, spreads = standards(data.values)
    model = Ridge(alpha=asked["penalty"]).fit(
        standardised(data.values, means, spreads), told.times, sample_weight=told.weights
    )
    learned = RidgeTimes(
        tuple(means.tolist()), tuple(spreads.tolist()), tuple(model.coef_.tolist()), float(model.intercept_)
    )
    return TimesUsual(horizon_days, told.mean, told.top, learned)


def _fit_forest(data: Spending, horizon_days: int, asked: Parameters) -> TimesUsual:
    told = lesson(data, horizon_days)
    return TimesUsual(
        horizon_days, told.mean, told.top, MeanTimes(grow_multiples(data.values, told.times, told.weights))
    )


def _fit_gradients(data: Spending, horizon_days: int, asked: Parameters) -> TimesUsual:
    told = lesson(data, horizon_days)
    return TimesUsual(horizon_days, told.mean, told.top, LogTimes(boost_poisson(data.values, told.times)))


def _fit_xgboost(data: Spending, horizon_days: int, asked: Parameters) -> TimesUsual:
    told = lesson(data, horizon_days)
    learned = boost_multiples(data.values, told.times, told.weights, depth=asked["depth"], power=asked["power"])
    return TimesUsual(horizon_days, told.mean, told.top, LogTimes(learned))


def _fit_two_stages(data: Spending, horizon_days: int, asked: Parameters) -> TimesUsual:
    told = lesson(data, horizon_days)
    spent = data.spend > 0
    amounts = boost_multiples(data.values[spent], told.times[spent], told.weights[spent], depth=3, power=1.5)
    chance = boost(data.values, spent.astype(np.float64))
    return TimesUsual(horizon_days, told.mean, told.top, TwoStages(chance, LogTimes(amounts)))


FIT: dict[str, Callable[[Spending, int, Parameters], SpendScores]] = {
    MEAN: lambda data, *_: MeanSpend(float(data.spend.mean())),
    LAST_PERIOD: lambda data, horizon_days, _: LastPeriod(horizon_days),
    RFM_CELL_MEAN: _fit_cells,
    "linear_regression": _fit_linear,
    "ridge": _fit_ridge,
    BTYD: _fit_btyd,
    "random_forest": _fit_forest,
    "gradient_boosting": _fit_gradients,
    "xgboost": _fit_xgboost,
    "xgboost_two_stage": _fit_two_stages,
}
"""Models that are fitted to customers, from plain to involved."""
STACK = "stacking"
STACKED = (LAST_PERIOD, "ridge", "random_forest", "xgboost", "xgboost_two_stage")
"""The members of the stack."""
CANDIDATES = (*(name for name in FIT if name not in BASELINES), STACK)
"""Of equals the first is taken."""
GRIDS: dict[str, tuple[Parameters, ...]] = {
    "ridge": tuple({"penalty": penalty} for penalty in (300.0, 3_000.0)),
    "xgboost": tuple({"depth": depth, "power": power} for depth, power in ((3, 1.2), (3, 1.5), (2, 1.2), (4, 1.5))),
}
"""By model what is searched through; the first where there are no earlier cut-offs to search on."""


def read_scores(name: str, told: Mapping[str, Any]) -> SpendScores:
    """A fitted model out of what ``to_json`` gave."""
    if name == STACK:
        return Stack({member: read_scores(member, one) for member, one in told["members"].items()}, told["weights"])
    if name in _READ_TIMES:
        return TimesUsual(told["horizon_days"], told["mean"], told["top"], _READ_TIMES[name](told["learned"]))
    return _READ[name](told)


_READ: dict[str, Callable[[Mapping[str, Any]], SpendScores]] = {
    MEAN: lambda told: MeanSpend(**told),
    LAST_PERIOD: lambda told: LastPeriod(**told),
    RFM_CELL_MEAN: lambda told: CellMeans(tuple(map(tuple, told["bounds"])), tuple(told["means"])),
    "linear_regression": lambda told: LinearSpend(tuple(told["weights"]), told["intercept"]),
    BTYD: lambda told: BtydSpend(tuple(told["orders"]), tuple(told["worth"]), told["horizon_days"]),
}
_READ_TIMES: dict[str, Callable[[Mapping[str, Any]], Times]] = {
    "ridge": lambda told: RidgeTimes(
        tuple(told["means"]), tuple(told["spreads"]), tuple(told["weights"]), told["intercept"]
    ),
    "random_forest": lambda told: MeanTimes(TreeScores.of(dict(told))),
    **dict.fromkeys(("gradient_boosting", "xgboost"), lambda told: LogTimes(TreeScores.of(dict(told)))),
    "xgboost_two_stage": lambda told: TwoStages(
        TreeScores.of(told["chance"]), LogTimes(TreeScores.of(told["those_who_do"]))
    ),
}
