"""Intervals from how wrong a model was, where that is known often enough; else from the model itself."""

from collections.abc import Sequence
from math import ceil

import numpy as np
from numpy.typing import ArrayLike

from retail_pipeline.analytics.forecasting.series import Flags, Floats

LEVELS = (0.8, 0.95)


def least_errors(level: float) -> int:
    """How many errors a level asks for: with fewer no quantile of them reaches it.

    Examples
    --------
    >>> least_errors(0.8), least_errors(0.95)
    (4, 19)
    """
    count = 1
    while ceil(round((count + 1) * level, 9)) > count:
        count += 1
    return count


def half_width(errors: ArrayLike, level: float) -> float | None:
    """The half width within which a new error lies with a level's probability, were it one of these in any order.

    The k-th smallest absolute error of n, with k = ceil((n+1) level) (Vovk, Gammerman & Shafer 2005); None with too
    few.

    Examples
    --------
    >>> half_width([3.0, -1.0, 2.0, 4.0], 0.8), half_width([1.0, 2.0, 3.0], 0.8)
    (4.0, None)
    """
    sizes = np.sort(np.abs(np.asarray(errors, dtype=np.float64)))
    place = ceil(round((len(sizes) + 1) * level, 9))
    return float(sizes[place - 1]) if place <= len(sizes) else None


def half_widths(
    errors: Floats,
    known: Flags,
    scale: Floats,
    sd: Floats,
    is_open: Flags,
    levels: Sequence[float] = LEVELS,
) -> tuple[Floats, Flags]:
    """Half widths by level and horizon, and whether they are conformal [levels, horizon].

    Where there are too few errors for a level, the model's own standard deviation makes it; if a lower level is
    conformal and wider than the model had it, the model's is widened as much. No level is narrower than a lower one.

    Parameters
    ----------
    errors
        Of earlier origins, each by its scale then [origins, horizon].
    known
        Which of them are known by now [origins, horizon].
    scale
        That of errors now [horizon].
    sd
        The model's own standard deviations [horizon].
    is_open
        Whether there is any trade: where the shop is closed nothing comes, for certain [horizon].
    levels
        Rising.
    """
    from scipy.special import ndtri

    count = known.sum(axis=0)
    sizes = np.sort(np.where(known, np.abs(errors), np.inf), axis=0)
    widths, conformal = np.empty((len(levels), len(sd))), np.zeros((len(levels), len(sd)), dtype=np.bool_)
    widened, least = np.ones(len(sd)), np.zeros(len(sd))
    for row, level in enumerate(levels):
        own = float(ndtri((1 + level) / 2)) * sd
        place = np.ceil(np.round((count + 1) * level, 9)).astype(np.int64)
        enough = (place <= count) & (count > 0) & is_open
        conformal[row] = enough
        widths[row] = own * widened * is_open
        if enough.any():
            found = sizes[place[enough] - 1, np.flatnonzero(enough)] * scale[enough]
            widths[row, enough] = found
            more = np.divide(found, own[enough], out=np.ones(len(found)), where=own[enough] > 0)
            widened[enough] = np.maximum(more, 1.0)
        widths[row] = least = np.maximum(widths[row], least)
    return widths, conformal
