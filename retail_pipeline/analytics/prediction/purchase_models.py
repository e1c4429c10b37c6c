"""Models of whether a customer buys within a horizon, and the baselines they have to beat.

A fitted model gives each customer a score, of which :mod:`calibration` makes a probability.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from retail_pipeline.analytics.btyd.bg_nbd import BgNbd
from retail_pipeline.analytics.btyd.fitting import fit as fit_btyd
from retail_pipeline.analytics.btyd.summaries import summarise
from retail_pipeline.analytics.prediction.calibration import Calibration, calibrate, probability_to_odds
from retail_pipeline.analytics.prediction.matrix import FEATURES, GROUPS, column
from retail_pipeline.analytics.prediction.rows import latest_that_tell
from retail_pipeline.analytics.prediction.trees import TreeScores, boost, boost_gradients, grow_forest

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

BASE_RATE, RECENCY_ONLY = "base_rate", "recency_only"
BASELINES = (BASE_RATE, RECENCY_ONLY)
PURCHASE_FEATURES = ("purchase_days", "tenure_days", "recency_days")
"""What BG/NBD knows of a customer."""
PENALTY = 0.03
"""C of the logistic regression: strong, for features say the same in many ways."""


LEAST_EACH = 20
"""Customers who order, and who do not, without which nothing is learned or judged."""


@dataclass(frozen=True)
class Observed:
    """Customers as of cut-offs, and whether they bought within the horizon; a row a customer and cut-off.

    Attributes
    ----------
    values
        By :func:`matrix.matrix`; shape (rows, features).
    events
        1 where there was an order, else 0.
    customers
        Which rows are of the same customer, by numbers that do not depend on the others; two halves by odd and even.
    cutoffs
        The day [days since 1970].
    """

    values: Floats
    events: Floats
    customers: Integers
    cutoffs: Integers

    @property
    def tells(self) -> bool:
        """Whether customers enough ordered, and enough did not, to learn something or to judge by."""
        return min(int(self.events.sum()), int((1 - self.events).sum())) >= LEAST_EACH

    def where(self, kept: NDArray[np.bool_]) -> "Observed":
        """Some of the rows."""
        return Observed(self.values[kept], self.events[kept], self.customers[kept], self.cutoffs[kept])


class Scores(Protocol):
    """A fitted model, not calibrated."""

    def scores(self, values: Floats) -> Floats:
        """Of each customer a number that is higher the likelier an order is."""

    def contributions(self, values: Floats) -> Floats:
        """What each feature adds to a customer's score; shape of ``values``."""

    def to_json(self) -> dict[str, Any]:
        """The model as JSON holds it."""


@dataclass(frozen=True)
class NoScores:
    """The same for all: the base rate, once calibrated."""

    def scores(self, values: Floats) -> Floats:
        return np.zeros(len(values))

    def contributions(self, values: Floats) -> Floats:
        return np.zeros(values.shape)

    def to_json(self) -> dict[str, Any]:
        return {}


@dataclass(frozen=True)
class RecencyScores:
    """Less the longer ago the last order is; ``usual`` is the mean logarithm of the days."""

    usual: float

    def scores(self, values: Floats) -> Floats:
        return np.asarray(self.usual - np.log1p(column(values, "recency_days")))

    def contributions(self, values: Floats) -> Floats:
        found = np.zeros(values.shape)
        found[:, FEATURES.index("recency_days")] = self.scores(values)
        return found

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class LinearScores:
    """Logistic regression on logarithms, with signs, of standardised features; what is not known counts as usual."""

    means: tuple[float, ...]
    spreads: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float

    def scores(self, values: Floats) -> Floats:
        return np.asarray(self.intercept + self.contributions(values).sum(axis=1))

    def contributions(self, values: Floats) -> Floats:
        """Weight times distance from the mean: the exact SHAP values of a linear model."""
        return np.asarray(standardised(values, np.array(self.means), np.array(self.spreads)) * np.array(self.weights))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class AliveScores:
    """Log odds of a purchase within the horizon by BG/NBD: being alive, and then not waiting longer than that.

    Fader, Hardie & Lee (2005): who is alive stays so until the next purchase, whose time is gamma-exponential.
    """

    r: float
    alpha: float
    a: float
    b: float
    horizon_days: int
    usual: tuple[float, float, float]
    """A usual customer's days with an order, days since the first and since the last."""

    def scores(self, values: Floats) -> Floats:
        x, t_x, observed = purchases(values)
        alive = BgNbd(self.r, self.alpha, self.a, self.b).p_alive(x, t_x, observed)
        waits = (self.r + x) * np.log((self.alpha + observed) / (self.alpha + observed + self.horizon_days))
        return probability_to_odds(np.asarray(alive * -np.expm1(waits)))

    def contributions(self, values: Floats) -> Floats:
        """Shapley values of the three features against a usual customer (Sundararajan & Najmi 2020)."""
        places = [FEATURES.index(name) for name in PURCHASE_FEATURES]
        scores = {}
        for known in product((False, True), repeat=len(places)):
            mixed = values.copy()
            for is_known, place, usual in zip(known, places, self.usual, strict=True):
                if not is_known:
                    mixed[:, place] = usual
            scores[known] = self.scores(mixed)
        found = np.zeros(values.shape)
        for number, place in enumerate(places):
            for known, score in scores.items():
                if known[number]:
                    without = scores[(*known[:number], False, *known[number + 1 :])]
                    found[:, place] += (score - without) / (3 if sum(known) in (1, 3) else 6)
        return found

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def purchases(values: Floats) -> tuple[Integers, Floats, Floats]:
    """Repeat days, and the days from the first purchase to the last and to the day before the cut-off."""
    x = (column(values, "purchase_days") - 1).astype(np.int64)
    observed = np.maximum(column(values, "tenure_days") - 1, 0)
    return x, np.clip(observed + 1 - column(values, "recency_days"), 0, observed), observed


def standardised(values: Floats, means: Floats, spreads: Floats) -> Floats:
    """Signed logarithms, less their mean in units of their spread; zero where not known."""
    return np.nan_to_num((_logarithms(values) - means) / spreads, nan=0.0)


def standards(values: Floats) -> tuple[Floats, Floats]:
    """Mean and spread of the signed logarithms of each column's known values."""
    logs = _logarithms(values)
    known = np.isfinite(logs)
    counts = np.maximum(known.sum(axis=0), 1)
    means = np.where(known, logs, 0).sum(axis=0) / counts
    spreads = np.sqrt(np.where(known, (logs - means) ** 2, 0).sum(axis=0) / counts)
    return means, np.where(spreads > 0, spreads, 1.0)


def _logarithms(values: Floats) -> Floats:
    return np.asarray(np.sign(values) * np.log1p(np.abs(values)))


def _fit_nothing(data: Observed, horizon_days: int) -> NoScores:
    return NoScores()


def _fit_recency(data: Observed, horizon_days: int) -> RecencyScores:
    return RecencyScores(float(np.log1p(column(data.values, "recency_days")).mean()))


def _fit_linear(data: Observed, horizon_days: int) -> LinearScores:
    from sklearn.linear_model import LogisticRegression

    means, spreads = standards(data.values)
    design = standardised(data.values, means, spreads)
    model = LogisticRegression(C=PENALTY, max_iter=500).fit(design, data.events)
    return LinearScores(
        tuple(means.tolist()), tuple(spreads.tolist()), tuple(model.coef_[0].tolist()), float(model.intercept_[0])
    )


def _fit_alive(data: Observed, horizon_days: int) -> AliveScores:
    """To the purchases before the latest cut-off; what came afterwards has no part in it."""
    latest = data.where(data.cutoffs == data.cutoffs.max())
    model = fit_btyd(BgNbd, summarise(*purchases(latest.values))).model
    usual = [round(float(column(latest.values, name).mean())) for name in PURCHASE_FEATURES]
    return AliveScores(model.r, model.alpha, model.a, model.b, horizon_days, (usual[0], usual[1], usual[2]))


FIT: dict[str, Callable[[Observed, int], Scores]] = {
    BASE_RATE: _fit_nothing,
    RECENCY_ONLY: _fit_recency,
    "logistic_regression": _fit_linear,
    "btyd": _fit_alive,
    "random_forest": lambda data, _: grow_forest(data.values, data.events),
    "gradient_boosting": lambda data, _: boost_gradients(data.values, data.events),
    "xgboost": lambda data, _: boost(data.values, data.events),
}
"""All models, from plain to involved: of equals the first is taken."""
READ: dict[str, Callable[[Mapping[str, Any]], Scores]] = {
    BASE_RATE: lambda _: NoScores(),
    RECENCY_ONLY: lambda told: RecencyScores(**told),
    "logistic_regression": lambda told: LinearScores(
        tuple(told["means"]), tuple(told["spreads"]), tuple(told["weights"]), told["intercept"]
    ),
    "btyd": lambda told: AliveScores(**{**told, "usual": tuple(told["usual"])}),
    **dict.fromkeys(("random_forest", "gradient_boosting", "xgboost"), lambda told: TreeScores.of(dict(told))),
}
CANDIDATES = tuple(name for name in FIT if name not in BASELINES)


@dataclass(frozen=True)
class PurchaseModel:
    """A fitted and calibrated model."""

    name: str
    fitted: Scores
    calibration: Calibration

    def probabilities(self, values: Floats) -> Floats:
        """The probability that each customer buys within the horizon; shape (customers,)."""
        return self.calibration.probabilities(self.fitted.scores(values))

    def raised(self, by: float) -> "PurchaseModel":
        """The same model with its log odds raised by so much."""
        return replace(self, calibration=replace(self.calibration, intercept=self.calibration.intercept + by))

    def contributions(self, values: Floats) -> Floats:
        """What each feature adds to the log odds of that; shape of ``values``."""
        return self.calibration.slope * self.fitted.contributions(values)

    @property
    def groups(self) -> Mapping[str, str]:
        """By feature the group in which it is a reason. Those of BG/NBD mean something only together."""
        return {**GROUPS, **dict.fromkeys(PURCHASE_FEATURES, "recency")} if self.name == "btyd" else GROUPS

    def to_json(self) -> dict[str, Any]:
        """The model as JSON holds it."""
        return {"name": self.name, "fitted": self.fitted.to_json(), "calibration": asdict(self.calibration)}

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "PurchaseModel":
        """What :meth:`to_json` gave."""
        return cls(told["name"], READ[told["name"]](told["fitted"]), Calibration(**told["calibration"]))


def train(name: str, data: Observed, horizon_days: int) -> PurchaseModel:
    """Fit a model to all rows, and calibrate it on the latest cut-off, or the latest few where one tells too little.

    For the calibration, a model of each half of the customers scores the other half at the latest cut-off, so that
    nobody is scored by a model that has seen what came. Both are fitted to the same days as the model that serves: of
    one that knew fewer days, the calibration would make up for a change that the other knows already.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):  # sums in one order, whatever the machine; on little data it is faster, too
        return _train(name, data, horizon_days)


def _train(name: str, data: Observed, horizon_days: int) -> PurchaseModel:
    latest, half = latest_that_tell(data), data.customers % 2 == 0
    scores = np.zeros(len(data.events))
    for learned in (half, ~half):
        scored = latest & ~learned
        if scored.any():
            scores[scored] = _fit(name, data.where(learned), horizon_days).scores(data.values[scored])
    return PurchaseModel(name, _fit(name, data, horizon_days), calibrate(scores[latest], data.events[latest]))


def _fit(name: str, data: Observed, horizon_days: int) -> Scores:
    """A fitted model; of rows that are all with an event, or all without, nothing can be learned."""
    return FIT[name](data, horizon_days) if len(np.unique(data.events)) > 1 else NoScores()
