"""Trying models on one cut-off after another: what each is worth on later time, and which one serves.

The champion is chosen on the validation cut-offs alone, by the log-loss: of the candidates that are not worse than the
best one beyond noise, and beat every baseline beyond noise, the plainest; if there is none, the best baseline. Noise is
what drawing the customers anew changes: beyond it is what happens in 97.5 % of draws. The test cut-off is looked at
when that is settled. Where the history is short, outcomes of the validation cut-offs reach into the test's; the verdict
says so. Where it is long enough at a validation cut-off, all models are tried once more with the level moved by what
the season did a year before; that is kept if it lowers the log-loss of the best candidate on the validation cut-offs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retail_pipeline.analytics.prediction.cutoffs import Fold
from retail_pipeline.analytics.prediction.measures import (
    CLASSIFICATION,
    RESAMPLES,
    SMALLEST_PROBABILITY,
    estimate,
    resampled,
)
from retail_pipeline.analytics.prediction.purchase_models import (
    BASELINES,
    CANDIDATES,
    FIT,
    Observed,
    PurchaseModel,
    train,
)
from retail_pipeline.analytics.prediction.season import level, raised
from retail_pipeline.analytics.prediction.thresholds import Stakes, best_threshold, threshold_measures

Floats = NDArray[np.float64]

BEYOND_NOISE = 0.975
LEAST_FOLDS = 2
"""A cut-off to choose by, and one to judge on."""
OVERLAP = "the history is too short to choose on days before the test's, so that its figures are not independent of it"
SEASON = "levels are moved by what the season did a year before"
EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Predicted:
    """What every model said of the customers of a cut-off, and what came; models that were tried, by name."""

    fold: Fold
    observed: Observed
    probabilities: Mapping[str, Floats]


@dataclass(frozen=True)
class Verdict:
    """The model that serves, and why, in a sentence."""

    champion: str
    reason: str


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


def as_number(day: date) -> int:
    """Days since 1970."""
    return (day - EPOCH).days


def at(observed: Observed, days: Sequence[date]) -> Observed:
    """The rows of some cut-offs."""
    return observed.where(np.isin(observed.cutoffs, [as_number(day) for day in days]))


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
    verdict = choose(validation, resamples=resamples)
    if follows_season:
        verdict = Verdict(verdict.champion, f"{verdict.reason}; {SEASON}")
    if folds[-2].cutoff + timedelta(horizon_days) > folds[-1].cutoff:
        verdict = Verdict(verdict.champion, f"{verdict.reason}; {OVERLAP}")
    thresholds = {name: _threshold(name, validation, stakes) for name in models}
    metrics = [row for one in predicted for row in _metrics(one, thresholds, stakes, resamples)]
    return Experiment(verdict, metrics, thresholds, test, tested[verdict.champion], follows_season)


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
    """The champion by the rule above, of predictions for cut-offs before the last."""
    losses = losses_by_customer(validation)
    mean = {name: float(loss.sum()) for name, loss in losses.items()}
    candidates = [name for name in CANDIDATES if name in losses]
    baselines = [name for name in BASELINES if name in losses]
    best_baseline = min(baselines, key=lambda name: (mean[name], name))
    if not candidates:
        return Verdict(best_baseline, "no candidate was tried")
    best = min(candidates, key=lambda name: (mean[name], candidates.index(name)))

    def beats(name: str) -> dict[str, float]:
        return {each: share_better(losses[name], losses[each], resamples=resamples) for each in baselines}

    within_noise = (
        name
        for name in candidates
        if name == best or share_better(losses[best], losses[name], resamples=resamples) < BEYOND_NOISE
    )
    champion = next((name for name in within_noise if min(beats(name).values()) >= BEYOND_NOISE), None)
    if champion is None:
        told = ", ".join(
            f"{name} in {share:.1%} of draws" for name, share in beats(best).items() if share < BEYOND_NOISE
        )
        return Verdict(best_baseline, f"{best}, the best candidate, beats {told} only, less than 97.5 %")
    shares = beats(champion)
    told = " and ".join(f"{name} in {shares[name]:.1%}" for name in baselines)
    plainest = "the lowest log-loss" if champion == best else f"the plainest within noise of {best}"
    return Verdict(champion, f"{plainest} on the validation cut-offs; it beats {told} of draws")


def losses_by_customer(validation: Sequence[Predicted]) -> dict[str, Floats]:
    """By model the sum of log-losses of each customer over the cut-offs, customers in a fixed order."""
    customers = np.concatenate([one.observed.customers for one in validation])
    _, place = np.unique(customers, return_inverse=True)
    events = np.concatenate([one.observed.events for one in validation])
    found: dict[str, Floats] = {}
    for name in validation[0].probabilities:
        told = np.concatenate([one.probabilities[name] for one in validation])
        found[name] = np.asarray(np.bincount(place, log_losses(events, told)), dtype=np.float64)
    return found


def log_losses(events: Floats, probabilities: Floats) -> Floats:
    """Each customer's negative log likelihood [nats]."""
    safe = np.clip(probabilities, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    return np.asarray(-(events * np.log(safe) + (1 - events) * np.log1p(-safe)))


def share_better(first: Floats, second: Floats, *, resamples: int = RESAMPLES) -> float:
    """In what share of draws of customers the first losses are smaller than the second, of each customer the sum."""
    return float(np.mean(resampled(len(first), resamples) @ (first - second) < 0))


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
        for metric, one in found.items():
            rows.append(
                {
                    "model": name,
                    "cutoff": predicted.fold.cutoff.isoformat(),
                    "split": predicted.fold.split,
                    "metric": metric,
                    "value": _known(one.value),
                    "lower": _known(one.lower),
                    "upper": _known(one.upper),
                    "n": one.n,
                }
            )
    return rows


def _known(number: float) -> float | None:
    return float(number) if np.isfinite(number) else None
