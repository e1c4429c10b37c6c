"""Models of statsforecast and statsmodels, fitted to periods of even trade."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from retail_pipeline.analytics.forecasting.plain_models import Untuned
from retail_pipeline.analytics.forecasting.series import Floats, Forecast, Past, Tuning

LEVEL, NORMAL_80 = 80, 1.2815515655446004
"""The level of intervals asked for, and how many standard deviations it reaches."""
LONGEST_SEASON = 24
"""Exponential smoothing and ARIMA with longer seasons have more states than a shop has years."""
LEAST = 5
Told = TypeVar("Told")


@dataclass(frozen=True)
class Theta(Untuned):
    """The theta method (Assimakopoulos & Nikolopoulos 2000), with what season there is."""

    name: str = "theta"

    def forecast(self, past: Past, tuning: Tuning) -> Forecast | None:
        if past.n < max(LEAST, 2 * past.length):
            return None
        from statsforecast.models import Theta as Method

        even = past.even()
        kind = "multiplicative" if even.min() > 0 else "additive"
        return _quietly(lambda: _told(past, Method(season_length=past.length, decomposition_type=kind), even))


@dataclass(frozen=True)
class AutoEts:
    """Exponential smoothing of the form that the corrected AIC likes best (Hyndman & Khandakar 2008)."""

    name: str = "auto_ets"

    def tune(self, past: Past) -> Tuning:
        if past.n < LEAST or past.is_empty:
            return {}
        from statsforecast.models import AutoETS

        fitted = _quietly(lambda: AutoETS(season_length=_short(past)).fit(past.even()).model_["components"])
        return {"form": str(fitted)} if fitted else {}

    def forecast(self, past: Past, tuning: Tuning) -> Forecast | None:
        if past.n < max(LEAST, 2 * _short(past)):
            return None
        from statsforecast.models import AutoETS

        even, season = past.even(), _short(past)
        form = str(tuning.get("form", "ZZZN"))
        if "M" in form and even.min() <= 0:
            form = "ZZZN"
        damped = None if form.startswith("ZZZ") else form[3] != "N"
        return _quietly(lambda: _told(past, AutoETS(season_length=season, model=form[:3], damped=damped), even))


@dataclass(frozen=True)
class AutoArima:
    """ARIMA of the orders that a stepwise search by the corrected AIC finds (Hyndman & Khandakar 2008)."""

    name: str = "auto_arima"

    def tune(self, past: Past) -> Tuning:
        if past.n < LEAST or past.is_empty:
            return {}
        from statsforecast.models import AutoARIMA

        season = _short(past)
        method = AutoARIMA(
            season_length=season, max_p=2, max_q=2, max_P=1, max_Q=1, max_order=4, approximation=past.n > 100
        )
        fitted = _quietly(lambda: method.fit(past.even()).model_)
        if fitted is None:
            return {}
        p, q, more_p, more_q, _, d, more_d = (int(number) for number in fitted["arma"])
        named = {str(name) for name in fitted["coef"]}
        return {
            "order": [p, d, q],
            "seasonal": [more_p, more_d, more_q],
            "mean": bool(named & {"intercept", "mean"}),
            "drift": "drift" in named,
        }

    def forecast(self, past: Past, tuning: Tuning) -> Forecast | None:
        if past.n < max(LEAST, 2 * _short(past)) or not tuning:
            return None
        from statsforecast.models import ARIMA

        method = ARIMA(
            order=tuple(tuning["order"]),
            season_length=_short(past),
            seasonal_order=tuple(tuning["seasonal"]),
            include_mean=bool(tuning["mean"]),
            include_drift=bool(tuning["drift"]),
        )
        return _quietly(lambda: _told(past, method, past.even()))


@dataclass(frozen=True)
class Ets(Untuned):
    """Exponential smoothing with a damped trend and, where there is one, an added season: the one of statsmodels."""

    name: str = "ets"

    def forecast(self, past: Past, tuning: Tuning) -> Forecast | None:
        season = _short(past)
        if past.n < max(LEAST + 3, 2 * season + 2):
            return None
        import pandas as pd
        from statsmodels.tsa.exponential_smoothing.ets import ETSModel

        def fit() -> Forecast:
            model = ETSModel(
                pd.Series(past.even()), trend="add", damped_trend=True, seasonal="add" if season > 1 else None,
                seasonal_periods=season if season > 1 else None,
            )  # fmt: skip
            told = model.fit(disp=False).get_prediction(start=past.n, end=past.n + past.horizon - 1)
            return past.uneven(np.asarray(told.predicted_mean), np.sqrt(np.asarray(told.forecast_variance)))

        return _quietly(fit)


@dataclass(frozen=True)
class Arima(Untuned):
    """The airline model, (0,1,1)(0,1,1) (Box & Jenkins 1970), without its second part where there is no season."""

    name: str = "arima"

    def forecast(self, past: Past, tuning: Tuning) -> Forecast | None:
        season = _short(past)
        if past.n < max(LEAST + 3, 2 * season + 4):
            return None
        from statsmodels.tsa.arima.model import ARIMA

        def fit() -> Forecast:
            seasonal = (0, 1, 1, season) if season > 1 else (0, 0, 0, 0)
            model = ARIMA(past.even(), order=(0, 1, 1), seasonal_order=seasonal)
            told = model.fit(method_kwargs={"maxiter": 30}).get_forecast(past.horizon)
            return past.uneven(np.asarray(told.predicted_mean), np.asarray(told.se_mean))

        return _quietly(fit)


@dataclass(frozen=True)
class MstlHolidays(Untuned):
    """Season and trend taken apart by MSTL (Bandara, Hyndman & Bergmeir 2021), with what holidays did beside them."""

    name: str = "mstl_holidays"

    def forecast(self, past: Past, tuning: Tuning) -> Forecast | None:
        seasons = [past.season] if past.season > 1 else []
        seasons += [past.year] if past.years_known >= 2 else []
        if not seasons or past.n < 2 * max(seasons) + 1:
            return None
        from statsforecast.models import MSTL, AutoETS

        method = MSTL(season_length=seasons, trend_forecaster=AutoETS(model="ZZN"))
        return _quietly(lambda: _told(past, method, past.even(holidays=True), holidays=True))


def _short(past: Past) -> int:
    return past.length if past.length <= LONGEST_SEASON else 1


def _told(past: Past, method: Any, even: Floats, *, holidays: bool = False) -> Forecast | None:
    """A method's forecast, whose standard deviations its 80 % intervals tell."""
    told = method.forecast(y=even, h=past.horizon, level=[LEVEL])
    mean = np.asarray(told["mean"], dtype=np.float64)
    sd = (np.asarray(told[f"hi-{LEVEL}"], dtype=np.float64) - mean) / NORMAL_80
    return past.uneven(mean, np.nan_to_num(sd), holidays=holidays) if np.isfinite(mean).all() else None


def _quietly(fit: Callable[[], Told]) -> Told | None:
    """What a fit returns; None where the library cannot fit the series."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return fit()
        except Exception:  # which is what statsforecast raises where no model can be fitted
            return None
