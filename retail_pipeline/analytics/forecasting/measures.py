"""How wrong forecasts were: measures over errors at all origins and horizons."""

import numpy as np
from numpy.typing import ArrayLike

from retail_pipeline.analytics.forecasting.series import Floats


def seasonal_errors(values: Floats, lag: int) -> Floats:
    """What the seasonal naive was wrong by within a history: each value less the one a season before."""
    return np.asarray(values[lag:] - values[:-lag])


def mase(errors: ArrayLike, scale: float) -> float:
    """Mean absolute error by that of the seasonal naive within the history (Hyndman & Koehler 2006).

    Examples
    --------
    >>> mase([1.0, -3.0], scale=4.0)
    0.5
    """
    return float(np.abs(errors).mean() / scale)


def rmsse(errors: ArrayLike, squared_scale: float) -> float:
    """Root mean squared error by that of the seasonal naive within the history (Makridakis et al. 2022).

    Examples
    --------
    >>> rmsse([3.0, 4.0], squared_scale=50.0)
    0.5
    """
    return float(np.sqrt(np.square(errors).mean() / squared_scale))


def smape(actual: ArrayLike, forecast: ArrayLike) -> float:
    """Mean of twice the absolute error by the sizes of both, 0 to 2; where both are nothing there is no error.

    Examples
    --------
    >>> smape([100.0, 0.0], [300.0, 0.0])
    0.5
    """
    came, said = np.asarray(actual), np.asarray(forecast)
    sizes = np.abs(came) + np.abs(said)
    return float(np.where(sizes > 0, 2 * np.abs(came - said) / np.where(sizes > 0, sizes, 1.0), 0.0).mean())


def bias(actual: ArrayLike, forecast: ArrayLike) -> float:
    """What was forecast too much, against what came: 0.1 is a tenth too much; unknown where nothing came.

    Examples
    --------
    >>> round(bias([100.0, 100.0], [120.0, 100.0]), 6)
    0.1
    """
    came, said = np.asarray(actual), np.asarray(forecast)
    total = np.abs(came.sum())
    return float((said - came).sum() / total) if total > 0 else float("nan")
