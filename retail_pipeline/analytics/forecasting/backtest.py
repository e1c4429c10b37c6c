"""Rolling-origin backtests: what each model said on earlier days, against what came; and which of them is to serve.

At a *split* day the champion is chosen by what was known then: errors of earlier origins in periods that had ended.
Origins from the split on did not choose it; the figures told of it are theirs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from retail_pipeline.analytics.forecasting import measures
from retail_pipeline.analytics.forecasting.candidates import BASELINE, forecasts, needed, tunings
from retail_pipeline.analytics.forecasting.conformal import LEVELS, half_widths
from retail_pipeline.analytics.forecasting.series import Flags, Floats, Past, Tuning, naive_lag

TEST_SHARE = 1 / 3
"""Of the origins, the latest, so many do not choose."""
LEAST_CHOOSING = 3
"""With fewer origins that choose, nothing is chosen and the seasonal naive serves."""
CALIBRATION_LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


@dataclass(frozen=True)
class Plan:
    """Where origins lie: the first one, how far apart, how many at most (the latest), and how far each looks."""

    first: int
    step: int
    most: int
    horizon: int

    def origins(self, periods: int) -> list[int]:
        """Numbers of periods after which forecasts are made; each has one period at least to be held against."""
        return list(range(periods - 1, self.first - 1, -self.step))[: self.most][::-1]


@dataclass(frozen=True)
class Backtest:
    """What models said of a series at each origin.

    Attributes
    ----------
    origins
        [origins]
    actual
        What came, not a number where nothing is known [origins, horizon].
    mean, sd
        What each model said [origins, horizon].
    is_open
        Whether there was to be any trade, as known then [origins, horizon].
    levels
        The level of the series at each origin, by which errors are made comparable, 0 before its start [origins].
    scale, squared_scale
        The seasonal naive's mean absolute and squared error within the history before the split, so that no error
        is measured by what was still to come where models are judged.
    """

    origins: list[int]
    actual: Floats
    mean: Mapping[str, Floats]
    sd: Mapping[str, Floats]
    is_open: Flags
    levels: Floats
    scale: float
    squared_scale: float
    split: int

    @property
    def ends(self) -> np.ndarray:
        """The place of each period that was forecast [origins, horizon]."""
        return np.array(self.origins)[:, None] + np.arange(self.actual.shape[1])

    @property
    def chose(self) -> np.ndarray:
        """Whether an error was known at the split [origins, horizon]."""
        return np.isfinite(self.actual) & (self.ends < self.split) & (np.array(self.origins)[:, None] < self.split)

    @property
    def tests(self) -> np.ndarray:
        """Whether an error is of an origin from the split on [origins, horizon]."""
        return np.isfinite(self.actual) & (np.array(self.origins)[:, None] >= self.split)

    def errors(self, model: str) -> Floats:
        """Forecast less actual [origins, horizon]."""
        return np.asarray(self.mean[model] - self.actual)

    def scores(self, model: str) -> Floats:
        """Errors by their scale, unknown from origins before there was anything [origins, horizon]."""
        errors = np.where(self.levels[:, None] > 0, self.errors(model), np.nan)
        return np.asarray(errors / error_scale(self.mean[model], self.levels[:, None]))


@dataclass(frozen=True)
class Choice:
    """Which model serves and why, what it was tuned to, the mean of its squared errors, and which one was chosen.

    Not the chosen one serves but the seasonal naive where the chosen one lost to it on the origins that did not choose.
    """

    model: str
    reason: str
    tuning: dict[str, Any] = field(default_factory=dict)
    error_variance: float | None = None
    chosen: str | None = None


def run(
    past_of: Callable[[int], Past], values: Floats, plan: Plan, names: tuple[str, ...]
) -> tuple[Backtest | None, dict[str, Tuning]]:
    """Forecast from every origin with every model that can be fitted at all of them.

    Parameters
    ----------
    past_of
        The series until an origin, with what was known of the calendar then.
    values
        The whole series.

    Returns
    -------
    Backtest, tunings
        None without an origin; what models settle, from the whole series, for those that are to serve.
    """
    origins = plan.origins(len(values))
    if not origins or not np.any(values):
        return None, {}
    split = origins[len(origins) - max(1, round(len(origins) * TEST_SHARE))] if len(origins) > 1 else origins[0]
    tuned = tunings(past_of(split), names)
    pasts = [past_of(origin) for origin in origins]
    told = [forecasts(past, names, tuned) for past in pasts]
    kept = [name for name in names if all(name in of_origin for of_origin in told)]
    actual = np.full((len(origins), plan.horizon), np.nan)
    for row, origin in enumerate(origins):
        came = values[origin : origin + plan.horizon]
        actual[row, : len(came)] = came
    first = pasts[0]
    lag = naive_lag(first.season, first.year, first.years_known)
    errors = measures.seasonal_errors(values[:split], lag)
    found = Backtest(
        origins=origins,
        actual=actual,
        mean={name: np.stack([of_origin[name].mean for of_origin in told]) for name in kept},
        sd={name: np.stack([of_origin[name].sd for of_origin in told]) for name in kept},
        is_open=np.stack([past.trading[past.n :] > 0 for past in pasts]),
        levels=np.array([level(values[:origin], first.year) for origin in origins]),
        scale=float(np.abs(errors).mean()) if len(errors) else 0.0,
        squared_scale=float(np.square(errors).mean()) if len(errors) else 0.0,
        split=split,
    )
    return found, tunings(past_of(len(values)), names)


def level(values: Floats, year: int) -> float:
    """The level of a series: the mean size of its values in the last year, since its start; 0 where there is nothing.

    Examples
    --------
    >>> level(np.array([0.0, 0.0, 6.0, -2.0]), year=12)
    4.0
    """
    started = np.flatnonzero(values)
    if not len(started):
        return 0.0
    return float(np.abs(values[max(len(values) - year, int(started[0])) :]).mean())


def error_scale(mean: Floats, level_: Floats | float) -> Floats:
    """What errors are measured by to be comparable: the size of what is expected, but half of the level at least.

    In a peak errors are larger than in a trough, and this year's larger than those of a smaller shop last year. Where
    both are nothing it is 1.
    """
    size = np.maximum(np.abs(mean), np.asarray(level_) / 2)
    return np.where(size > 0, size, 1.0)


def choose(found: Backtest | None, tuned: Mapping[str, Tuning]) -> Choice:
    """The model of the lowest MASE at the split, if it is no worse than the seasonal naive later too; else that one."""
    if found is None or BASELINE not in found.mean:
        name = BASELINE if found is None or not found.mean else next(iter(found.mean))
        return Choice(name, "too little history to hold forecasts against what came")
    chose = found.chose
    if chose.any(axis=1).sum() < LEAST_CHOOSING or found.scale == 0:
        why = f"too little history to choose by: {int(chose.any(axis=1).sum())} origins"
        if found.scale == 0:
            why += ", and no change before the others by which errors could be measured"
        return Choice(BASELINE, why, {}, _variance(found, BASELINE))
    by_name = {name: measures.mase(found.errors(name)[chose], found.scale) for name in found.mean}
    best = min(by_name, key=lambda name: by_name[name])  # of equals the plainest, which comes first
    told = f"the lowest MASE on the origins that choose, {by_name[best]:.3f} (seasonal_naive {by_name[BASELINE]:.3f})"
    if best == BASELINE:
        why = f"no candidate has a lower MASE than {by_name[BASELINE]:.3f} on the origins that choose"
        return Choice(BASELINE, why, {}, _variance(found, BASELINE), best)
    if found.tests.any():
        later, naive = (measures.mase(found.errors(name)[found.tests], found.scale) for name in (best, BASELINE))
        if later > naive:
            why = (
                f"{best} has {told}, but lost on the later ones, {later:.3f} to {naive:.3f}: for that seasonal_naive "
                "serves; no further model is tried after it, so that none is picked by the days that judge"
            )
            return Choice(BASELINE, why, {}, _variance(found, BASELINE), best)
        told += f", and on the later ones {later:.3f} ({naive:.3f})"
    of_best = {name: dict(tuned.get(name, {})) for name in needed(best, tuple(found.mean)) if tuned.get(name)}
    return Choice(best, told, of_best, _variance(found, best), best)


def _variance(found: Backtest, name: str) -> float:
    return float(np.nanmean(np.square(found.errors(name))))


def interval_widths(found: Backtest, model: str, levels: Sequence[float] = LEVELS) -> tuple[Floats, Flags]:
    """Half widths as they would have been served, and whether they were conformal [levels, origins, horizon].

    At an origin the errors of earlier ones count in periods that had ended by then.
    """
    scores, ends = found.scores(model), found.ends
    shape = (len(levels), *scores.shape)
    widths, conformal = np.empty(shape), np.zeros(shape, dtype=np.bool_)
    for row, origin in enumerate(found.origins):
        known = np.isfinite(scores[:row]) & (ends[:row] < origin)
        widths[:, row], conformal[:, row] = half_widths(
            scores[:row],
            known,
            error_scale(found.mean[model][row], found.levels[row]),
            found.sd[model][row],
            found.is_open[row],
            levels,
        )
    return widths, conformal


def metric_rows(found: Backtest, *, positive: bool) -> list[dict[str, Any]]:
    """Every model's measures; those without a prefix are of the origins that chose nothing, ``choice_`` of the others.

    Parameters
    ----------
    positive
        Whether lower ends stay at zero, since the series never was below it.
    """
    rows = []
    for name in found.mean:
        errors = found.errors(name)
        for prefix, mask in (("", found.tests), ("choice_", found.chose)):
            if not mask.any():
                continue
            folds = int(mask.any(axis=1).sum())
            told = _measures(found, errors[mask], found.actual[mask], found.mean[name][mask])
            rows += [{"model": name, "metric": prefix + metric, "value": value, "folds": folds}
                     for metric, value in told.items()]  # fmt: skip
        rows += [{"model": name, **row} for row in _interval_rows(found, name, positive=positive)]
    return rows


def _measures(found: Backtest, errors: Floats, actual: Floats, said: Floats) -> dict[str, float | None]:
    return {
        "mase": measures.mase(errors, found.scale) if found.scale else None,
        "rmsse": measures.rmsse(errors, found.squared_scale) if found.squared_scale else None,
        "smape": measures.smape(actual, said),
        "bias": _known(measures.bias(actual, said)),
    }


def _interval_rows(found: Backtest, name: str, *, positive: bool) -> list[dict[str, Any]]:
    """Coverage and width of the intervals on the origins that chose nothing."""
    mask = found.tests
    if not mask.any():
        return []
    errors, folds, rows = np.abs(found.errors(name)), int(mask.any(axis=1).sum()), []
    for level_, widths, conformal in zip(LEVELS, *interval_widths(found, name), strict=True):
        lower = found.mean[name] - widths
        low = np.maximum(lower, np.minimum(0.0, found.mean[name])) if positive else lower
        percent = round(100 * level_)
        told = {
            f"coverage_{percent}": float((errors[mask] <= widths[mask]).mean()),
            f"width_{percent}": float((found.mean[name] + widths - low)[mask].mean()),
            f"conformal_share_{percent}": float(conformal[mask].mean()),
        }
        rows += [{"metric": metric, "value": value, "folds": folds} for metric, value in told.items()]
    return rows


def horizon_rows(found: Backtest, step: int) -> list[dict[str, Any]]:
    """Every model's MASE by how far it looked, in steps of so many periods, on the origins that chose nothing."""
    if not found.scale:
        return []
    rows = []
    for name in found.mean:
        errors = np.abs(found.errors(name))
        for first in range(0, found.actual.shape[1], step):
            near = found.tests[:, first : first + step]
            if near.any():
                rows.append({
                    "model": name, "horizon": first // step + 1, "folds": int(near.any(axis=1).sum()),
                    "mase": float(errors[:, first : first + step][near].mean() / found.scale),
                })  # fmt: skip
    return rows


def calibration_rows(found: Backtest, model: str) -> list[dict[str, Any]]:
    """Of a model's intervals at several levels the share of outcomes inside, on the origins that chose nothing."""
    mask = found.tests
    if not mask.any() or model not in found.mean:
        return []
    errors = np.abs(found.errors(model))
    widths, _ = interval_widths(found, model, CALIBRATION_LEVELS)
    return [
        {"level": level_, "coverage": float((errors[mask] <= of_level[mask]).mean())}
        for level_, of_level in zip(CALIBRATION_LEVELS, widths, strict=True)
    ]


def origin_errors(found: Backtest, model: str) -> dict[str, float | None]:
    """Of a model's mean scaled errors from each origin their mean, and the largest."""
    if not found.scale:
        return {"error_mean": None, "error_most": None}
    by_origin = np.nanmean(np.abs(found.errors(model)), axis=1) / found.scale
    return {"error_mean": float(by_origin.mean()), "error_most": float(by_origin.max())}


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None
