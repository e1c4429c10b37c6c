"""Forecasts of a whole and its parts, made to add up."""

import numpy as np

from retail_pipeline.analytics.forecasting.series import Flags, Floats


def reconcile(
    forecasts: Floats,
    variances: Floats,
    groups: "list[list[int]]",
    whole: int = 0,
    *,
    is_positive: Flags | None = None,
) -> Floats:
    """The forecasts nearest to those given, by their variances, in which every group of parts adds up to the whole.

    y - W C' (C W C')^-1 C y for constraints C y = 0 and W the variances on the diagonal: the trace minimiser of
    Wickramasuriya, Athanasopoulos & Hyndman (2019) with errors that do not go together, in its form of a projection.
    What is more certain moves less; forecasts without bias stay so.

    Parameters
    ----------
    forecasts
        [series, horizon]
    variances
        Of the forecasts' errors [series].
    groups
        The places of parts that make up the whole, each group for itself.
    is_positive
        Series that are not moved below zero: one that would be stays at zero, and the others make up for it [series].

    Examples
    --------
    >>> reconcile(np.array([[100.0], [50.0], [80.0]]), np.array([1.0, 1.0, 1.0]), [[1, 2]]).ravel().tolist()
    [110.0, 40.0, 70.0]
    >>> given = np.array([[60.0], [50.0], [85.0], [0.0]])
    >>> reconcile(given, np.ones(4), [[1, 2, 3]], is_positive=np.full(4, True)).ravel().tolist()
    [85.0, 25.0, 60.0, 0.0]
    """
    if not groups:
        return forecasts.copy()
    constraints = np.zeros((len(groups), len(forecasts)))
    constraints[:, whole] = 1.0
    for row, places in enumerate(groups):
        constraints[row, places] = -1.0
    found = _projected(forecasts, variances, constraints)
    if is_positive is None:
        return found
    for step in range(forecasts.shape[1]):
        kept = np.zeros(len(forecasts), dtype=np.bool_)
        while (below := is_positive & ~kept & (found[:, step] < 0)).any():
            kept |= below
            given, free = np.where(kept, 0.0, forecasts[:, step]), np.where(kept, 0.0, variances)
            found[:, step] = np.where(kept, 0.0, _projected(given[:, None], free, constraints)[:, 0])
    return found


def _projected(forecasts: Floats, variances: Floats, constraints: Floats) -> Floats:
    """The nearest forecasts that meet the constraints; those without variance stay."""
    spread = variances[:, None] * constraints.T
    moved = spread @ np.linalg.lstsq(constraints @ spread, constraints @ forecasts, rcond=None)[0]
    return np.asarray(forecasts - moved)
