"""Forecasts of a whole and its parts, made to add up."""

import numpy as np

from retail_pipeline.analytics.forecasting.series import Floats


def reconcile(forecasts: Floats, variances: Floats, groups: "list[list[int]]", whole: int = 0) -> Floats:
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

    Examples
    --------
    >>> reconcile(np.array([[100.0], [50.0], [80.0]]), np.array([1.0, 1.0, 1.0]), [[1, 2]]).ravel().tolist()
    [110.0, 40.0, 70.0]
    """
    if not groups:
        return forecasts.copy()
    constraints = np.zeros((len(groups), len(forecasts)))
    constraints[:, whole] = 1.0
    for row, places in enumerate(groups):
        constraints[row, places] = -1.0
    spread = variances[:, None] * constraints.T
    moved = spread @ np.linalg.solve(constraints @ spread, constraints @ forecasts)
    return np.asarray(forecasts - moved)
