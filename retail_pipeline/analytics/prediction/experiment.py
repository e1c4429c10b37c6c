"""Trying models on one cut-off after another: what each is worth on later time, and which one serves.

The champion is chosen on the validation cut-offs alone, by the log-loss and the rule of :mod:`choosing`. The test
cut-off is looked at when that is settled. Where the history is short, outcomes of the validation cut-offs reach into
the test's; the verdict says so. Where it is long enough at a validation cut-off, all models are tried once more with
the level moved by what the season did a year before; that is kept if it lowers the log-loss of the best candidate on
the validation cut-offs. What models are worth on cut-offs that they learned from is measured for comparison.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retail_pipeline.analytics.prediction.choosing import LEAST_FOLDS, OVERLAP, Verdict, by_customer, verdict
from retail_pipeline.analytics.prediction.cutoffs import Fold
from retail_pipeline.analytics.prediction.measures import (
    CLASSIFICATION,
    RESAMPLES,
    SMALLEST_PROBABILITY,
    Estimate,
    estimate,
)
from retail_pipeline.analytics.prediction.purchase_models import (
    BASELINES,
    CANDIDATES,
    FIT,
    Observed,
    PurchaseModel,
    train,
)
from retail_pipeline.analytics.prediction.rows import at
from retail_pipeline.analytics.prediction.season import level, raised
from retail_pipeline.analytics.prediction.thresholds import Stakes, best_threshold, threshold_measures

Floats = NDArray[np.float64]

SEASON = "levels are moved by what the season did a year before"


@dataclass(frozen=True)
class Predicted:
    """What every model said of the customers of a cut-off, and what came; models that were tried, by name."""

    fold: Fold
    observed: Observed
    probabilities: Mapping[str, Floats]


@dataclass(frozen=True)
class Experiment:
    """What came of trying all models.

    Attributes
    ----------
    metrics
        Rows of model, cutoff, split, metric, value, lower, upper, n.
    thresholds
        By model the probability from which contacting customers pays best on the validation cut-offs.
    test
        The predictions for the last cut-off.
    tested
        The champion as it was fitted for that.
    follows_season
        Whether all this is of models whose level is moved by what the season did a year before.
    """

    verdict: Verdict
    metrics: list[dict[str, Any]]
    thresholds: dict[str, float]
    test: Predicted
    tested: PurchaseModel = field(repr=False)
    follows_season: bool = False


def run(
    folds: Sequence[Fold],
    observed: Observed,
    horizon_days: int,
    stakes: Stakes,
    *,
    models: Sequence[str] = tuple(FIT),
    resamples: int = RESAMPLES,
) -> Experiment:
    """Try models on folds, ascending, of which the last is the test.

    Raises
    ------
    ValueError
        when there is no fold to choose by beside the last.
    """
    if len(folds) < LEAST_FOLDS:
        raise ValueError(f"{len(folds)} cut-offs, but {LEAST_FOLDS} are needed: one to choose by, one to judge on.")
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        return _run(folds, observed, horizon_days, stakes, models, resamples)


def _run(
    folds: Sequence[Fold],
    observed: Observed,
    horizon_days: int,
    stakes: Stakes,
    models: Sequence[str],
    resamples: int,
) -> Experiment:
    plain = [_fitted(fold, observed, horizon_days, models) for fold in folds]
    known = _predict([seen(fold) for fold in folds], observed, plain)
    predicted, tested = _predict(folds, observed, plain), plain[-1]
    follows_season = False
    if any(_tells_season(fold, observed) for fold in folds[:-1]):
        moved = [
            {name: model.raised(season_of(fold, observed, model)) for name, model in of_fold.items()}
            if _tells_season(fold, observed)
            else of_fold
            for fold, of_fold in zip(folds, plain, strict=True)
        ]
        told = _predict(folds, observed, moved)
        if _least_loss(told[:-1]) < _least_loss(predicted[:-1]):
            predicted, tested, follows_season = told, moved[-1], True
    validation, test = predicted[:-1], predicted[-1]
    chosen = choose(validation, resamples=resamples)
    if follows_season:
        chosen = Verdict(chosen.champion, f"{chosen.reason}; {SEASON}")
    if folds[-2].cutoff + timedelta(horizon_days) > folds[-1].cutoff:
        chosen = Verdict(chosen.champion, f"{chosen.reason}; {OVERLAP}")
    thresholds = {name: _threshold(name, validation, stakes) for name in models}
    metrics = [row for one in (*known, *predicted) for row in _metrics(one, thresholds, stakes, resamples)]
    return Experiment(chosen, metrics, thresholds, test, tested[chosen.champion], follows_season)


def _fitted(fold: Fold, observed: Observed, horizon_days: int, models: Sequence[str]) -> dict[str, PurchaseModel]:
    learned = at(observed, fold.training)
    return {name: train(name, learned, horizon_days) for name in models}


def _predict(
    folds: Sequence[Fold], observed: Observed, fitted: Sequence[Mapping[str, PurchaseModel]]
) -> list[Predicted]:
    predicted = []
    for fold, models in zip(folds, fitted, strict=True):
        judged = at(observed, [fold.cutoff])
        told = {name: model.probabilities(judged.values) for name, model in models.items()}
        predicted.append(Predicted(fold, judged, told))
    return predicted


def _tells_season(fold: Fold, observed: Observed) -> bool:
    return bool(fold.season) and all(at(observed, [day]).tells for day in fold.season)


def season_of(fold: Fold, observed: Observed, model: PurchaseModel) -> float:
    """By how much a year before the level rose from the cut-off that a model is calibrated on to that of the fold."""
    base, now = (level(model, at(observed, [day])) for day in fold.season[:2])
    return raised(base, now)


def _least_loss(validation: Sequence[Predicted]) -> float:
    """The least log-loss of a candidate, or of a baseline where none is tried."""
    sums = {name: float(loss.sum()) for name, loss in losses_by_customer(validation).items()}
    return min(loss for name, loss in sums.items() if name in CANDIDATES or not sums.keys() & set(CANDIDATES))


def choose(validation: Sequence[Predicted], *, resamples: int = RESAMPLES) -> Verdict:
    """The champion by the rule of :mod:`choosing`, of predictions for cut-offs before the last."""
    return verdict(losses_by_customer(validation), CANDIDATES, BASELINES, loss="log-loss", resamples=resamples)


def losses_by_customer(validation: Sequence[Predicted]) -> dict[str, Floats]:
    """By model the sum of log-losses of each customer over the cut-offs, customers in a fixed order."""
    customers = np.concatenate([one.observed.customers for one in validation])
    events = np.concatenate([one.observed.events for one in validation])
    found: dict[str, Floats] = {}
    for name in validation[0].probabilities:
        told = np.concatenate([one.probabilities[name] for one in validation])
        found[name] = by_customer(customers, log_losses(events, told))
    return found


def log_losses(events: Floats, probabilities: Floats) -> Floats:
    """Each customer's negative log likelihood [nats]."""
    safe = np.clip(probabilities, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    return np.asarray(-(events * np.log(safe) + (1 - events) * np.log1p(-safe)))


def _threshold(name: str, validation: Sequence[Predicted], stakes: Stakes) -> float:
    events = np.concatenate([one.observed.events for one in validation])
    return best_threshold(events, np.concatenate([one.probabilities[name] for one in validation]), stakes)


def _metrics(
    predicted: Predicted, thresholds: Mapping[str, float], stakes: Stakes, resamples: int
) -> list[dict[str, Any]]:
    rows = []
    for name, told in predicted.probabilities.items():
        measures = {**CLASSIFICATION, **threshold_measures(thresholds[name], stakes)}
        found = estimate(measures, predicted.observed.events, told, resamples=resamples)
        rows += metric_rows(name, predicted.fold, found)
    return rows


def metric_rows(model: str, fold: Fold, found: Mapping[str, Estimate]) -> list[dict[str, Any]]:
    """Measures of a model on a cut-off, a row each, as ``models.metrics`` has them; what is not defined is null."""
    return [
        {
            "model": model,
            "cutoff": fold.cutoff.isoformat(),
            "split": fold.split,
            "metric": metric,
            "value": _known(one.value),
            "lower": _known(one.lower),
            "upper": _known(one.upper),
            "n": one.n,
        }
        for metric, one in found.items()
    ]


def seen(fold: Fold) -> Fold:
    """The latest cut-off that was learned from for a fold: what models are worth where they have seen what came."""
    return Fold(fold.training[-1], fold.training, "train")


def _known(number: float) -> float | None:
    return float(number) if np.isfinite(number) else None
