"""The models that compete, from the plainest on, and the mean of some of them."""

from collections.abc import Mapping

import numpy as np

from retail_pipeline.analytics.forecasting.boosting import Boosting
from retail_pipeline.analytics.forecasting.library_models import Arima, AutoArima, AutoEts, Ets, MstlHolidays, Theta
from retail_pipeline.analytics.forecasting.plain_models import Drift, LastYearsShape, Naive, Regression, SeasonalNaive
from retail_pipeline.analytics.forecasting.series import Candidate, Forecast, Past, Tuning

COMBINATION = "combination"
MEMBERS = ("theta", "auto_ets", "auto_arima", "mstl_holidays", "shrunken_seasonal_indices")
"""Of these the combination is the mean, as far as they can be fitted."""
LEAST_MEMBERS = 2
ALL: tuple[Candidate, ...] = (
    SeasonalNaive(), Naive(), Drift(), Regression(), LastYearsShape(), Theta(), Ets(), AutoEts(), Arima(),
    AutoArima(), MstlHolidays(), Boosting(),
)  # fmt: skip
BASELINE = "seasonal_naive"
NAMES = (*(candidate.name for candidate in ALL), COMBINATION)
BY_NAME: Mapping[str, Candidate] = {candidate.name: candidate for candidate in ALL}
FOR_PARTS = (
    "seasonal_naive", "naive", "linear_regression", "shrunken_seasonal_indices", "theta", "auto_ets", "mstl_holidays",
    COMBINATION,
)  # fmt: skip
"""What is tried for parts of the whole: there are many of them, and what takes long seldom won."""
NOT_BY_DAY = ("ets", "arima")
"""What is not tried on days: the fits of statsmodels take seconds there."""


def names_for(*, is_total: bool, is_daily: bool) -> tuple[str, ...]:
    """The models that are tried for a series, from the plainest on."""
    if not is_total:
        return FOR_PARTS
    return tuple(name for name in NAMES if not (is_daily and name in NOT_BY_DAY))


def needed(model: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """The models that one needs of those tried: itself, or what it is the mean of."""
    return tuple(name for name in MEMBERS if name in names) if model == COMBINATION else (model,)


def combine(forecasts: Mapping[str, Forecast]) -> Forecast | None:
    """The mean of the members, each with equal weight; its spread is as if their errors went together."""
    members = [forecasts[name] for name in MEMBERS if name in forecasts]
    if len(members) < LEAST_MEMBERS:
        return None
    return Forecast(
        np.mean([member.mean for member in members], axis=0), np.mean([member.sd for member in members], axis=0)
    )


def tunings(past: Past, names: tuple[str, ...]) -> dict[str, Tuning]:
    """What the models settle once for a series."""
    return {name: BY_NAME[name].tune(past) for name in _single(names)}


def forecasts(past: Past, names: tuple[str, ...], tuned: Mapping[str, Tuning]) -> dict[str, Forecast]:
    """What each of the named models says, by name; those that cannot be fitted, or say no number, are left out.

    Of a series that never was below zero none is expected below it.
    """
    found: dict[str, Forecast] = {}
    for name in _single(names):
        told = BY_NAME[name].forecast(past, tuned.get(name, {}))
        if told is not None and np.isfinite([told.mean, told.sd]).all():
            found[name] = Forecast(np.maximum(told.mean, 0.0), told.sd) if past.is_positive else told
    combined = combine(found) if COMBINATION in names else None
    if combined is not None:
        found[COMBINATION] = combined
    return {name: found[name] for name in names if name in found}


def _single(names: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the named models that are fitted themselves."""
    return tuple(name for name in BY_NAME if name in names)
