"""Trying models of spend on one cut-off after another: what each is worth on later time, and which one serves.

The champion is chosen on the validation cut-offs alone, by the rule of :mod:`choosing`: by squared errors, for these
are least for the mean, which is what is asked for, with spend and expectation counting up to what one spender in 100
exceeds, for else the few largest customers alone would choose. The test cut-off is looked at when that is settled.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retail_pipeline.analytics.prediction.choosing import LEAST_FOLDS, OVERLAP, Verdict, by_customer, verdict
from retail_pipeline.analytics.prediction.cutoffs import Fold
from retail_pipeline.analytics.prediction.experiment import metric_rows, seen
from retail_pipeline.analytics.prediction.measures import REGRESSION, RESAMPLES, estimate
from retail_pipeline.analytics.prediction.rows import at
from retail_pipeline.analytics.prediction.spend_models import BASELINES, CANDIDATES
from retail_pipeline.analytics.prediction.spend_training import SpendModel, capped_losses, train_all
from retail_pipeline.analytics.prediction.spending import Spending

Floats = NDArray[np.float64]

MODELS = (*BASELINES, *CANDIDATES)
LOSS = "squared error of capped spend"


@dataclass(frozen=True)
class Foretold:
    """What every model expected of the customers of a cut-off, between what ends it put it, and what came."""

    fold: Fold
    data: Spending
    expected: Mapping[str, Floats]
    ends: Mapping[str, tuple[Floats, Floats]]


@dataclass(frozen=True)
class SpendExperiment:
    """What came of trying all models.

    Attributes
    ----------
    metrics
        Rows of model, cutoff, split, metric, value, lower, upper, n.
    test
        What was foretold from the last cut-off.
    tested
        The champion as it was fitted for that.
    """

    verdict: Verdict
    metrics: list[dict[str, Any]]
    test: Foretold
    tested: SpendModel = field(repr=False)


def run_spend(
    folds: Sequence[Fold],
    data: Spending,
    horizon_days: int,
    *,
    models: Sequence[str] = MODELS,
    resamples: int = RESAMPLES,
) -> SpendExperiment:
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
        return _run(folds, data, horizon_days, models, resamples)


def _run(
    folds: Sequence[Fold], data: Spending, horizon_days: int, models: Sequence[str], resamples: int
) -> SpendExperiment:
    known, foretold, tested = list[Foretold](), list[Foretold](), dict[str, SpendModel]()
    for fold in folds:
        tested = train_all(models, at(data, fold.training), horizon_days)
        known.append(_foretell(seen(fold), data, tested))
        foretold.append(_foretell(fold, data, tested))
    chosen = choose_spend(foretold[:-1], resamples=resamples)
    if folds[-2].cutoff + timedelta(horizon_days) > folds[-1].cutoff:
        chosen = Verdict(chosen.champion, f"{chosen.reason}; {OVERLAP}")
    metrics = [row for one in (*known, *foretold) for row in _metrics(one, resamples)]
    return SpendExperiment(chosen, metrics, foretold[-1], tested[chosen.champion])


def _foretell(fold: Fold, data: Spending, models: Mapping[str, SpendModel]) -> Foretold:
    judged = at(data, [fold.cutoff])
    expected = {name: model.expected(judged.values) for name, model in models.items()}
    return Foretold(fold, judged, expected, {name: models[name].ranges.ends(told) for name, told in expected.items()})


def choose_spend(validation: Sequence[Foretold], *, resamples: int = RESAMPLES) -> Verdict:
    """The champion by the rule above, of what was foretold from cut-offs before the last."""
    customers = np.concatenate([one.data.customers for one in validation])
    losses = {
        name: by_customer(
            customers, np.concatenate([capped_losses(one.data.spend, one.expected[name]) for one in validation])
        )
        for name in validation[0].expected
    }
    return verdict(losses, CANDIDATES, BASELINES, loss=LOSS, resamples=resamples)


def _metrics(foretold: Foretold, resamples: int) -> list[dict[str, Any]]:
    spend = foretold.data.spend
    rows = []
    for name, expected in foretold.expected.items():
        found = estimate(REGRESSION, spend, expected, resamples=resamples)
        lower, upper = foretold.ends[name]
        losses = capped_losses(spend, expected)
        is_held = ((lower <= spend) & (spend <= upper)).astype(np.float64)
        plain = {
            "rmse_capped": (losses, _root_mean),
            "coverage_95": (is_held, _mean),
            "width_95": (upper - lower, _mean),
        }
        for metric, (of_each, measure) in plain.items():
            found |= estimate({metric: measure}, of_each, expected, resamples=resamples)
        rows += metric_rows(name, foretold.fold, found)
    return rows


def _mean(each: Floats, _: Floats, weights: Floats) -> Floats:
    return np.asarray(weights @ each / weights.sum(axis=1))


def _root_mean(each: Floats, _: Floats, weights: Floats) -> Floats:
    return np.sqrt(_mean(each, _, weights))
