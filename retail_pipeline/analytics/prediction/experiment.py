"""Trying models on one cut-off after another: what each is worth on later time, and which one serves.

The champion is chosen on the validation cut-offs alone, by the log-loss: of the candidates that are not worse than the
best one beyond noise, and beat every baseline beyond noise, the plainest; if there is none, the best baseline. Noise is
what drawing the customers anew changes: beyond it is what happens in 97.5 % of draws. The test cut-off is looked at
when that is settled. Where the history is short, outcomes of the validation cut-offs reach into the test's; the verdict
says so.
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
from retail_pipeline.analytics.prediction.thresholds import Stakes, best_threshold, threshold_measures

Floats = NDArray[np.float64]

BEYOND_NOISE = 0.975
LEAST_FOLDS = 2
"""A cut-off to choose by, and one to judge on."""
OVERLAP = "the history is too short to choose on days before the test's, so that its figures are not independent of it"
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
    """

    verdict: Verdict
    metrics: list[dict[str, Any]]
    thresholds: dict[str, float]
    test: Predicted
    tested: PurchaseModel = field(repr=False)


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
    predicted, tested = [], {}
    for fold in folds:
        learned, judged = at(observed, fold.training), at(observed, [fold.cutoff])
        tested = {name: train(name, learned, horizon_days) for name in models}
        told = {name: model.probabilities(judged.values) for name, model in tested.items()}
        predicted.append(Predicted(fold, judged, told))
    validation, test = predicted[:-1], predicted[-1]
    verdict = choose(validation, resamples=resamples)
    if folds[-2].cutoff + timedelta(horizon_days) > folds[-1].cutoff:
        verdict = Verdict(verdict.champion, f"{verdict.reason}; {OVERLAP}")
    thresholds = {name: _threshold(name, validation, stakes) for name in models}
    metrics = [row for one in predicted for row in _metrics(one, thresholds, stakes, resamples)]
    return Experiment(verdict, metrics, thresholds, test, tested[verdict.champion])


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
