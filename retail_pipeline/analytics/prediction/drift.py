"""How far today's customers are from those a model learned from: the population stability index."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retail_pipeline.analytics.prediction.matrix import GROWING

Floats = NDArray[np.float64]

BINS = 10
SMALLEST_SHARE = 0.0005
NOTABLE = 0.25
"""An index above which customers count as others than before; below 0.1 as the same (Siddiqi 2006)."""


def reference(values: Floats) -> dict[str, Any]:
    """What :func:`psi` must know of the values learned from: the bounds of tenths, and the shares between them."""
    known = values[np.isfinite(values)]
    bounds = np.unique(np.quantile(known, np.arange(1, BINS) / BINS, method="lower")) if len(known) else np.array([])
    return {"bounds": bounds.tolist(), "shares": _shares(values, bounds).tolist()}


def psi(told: dict[str, Any], values: Floats) -> float:
    """The population stability index: sum of (share now - share then) * ln(share now / share then).

    Values not known are a group of their own. Shares below 1 in 2,000 count as that.

    Examples
    --------
    >>> before = np.array([1.0, 2.0])
    >>> round(psi(reference(before), np.array([1.0, 1, 1, 2])), 4)  # .75 and .25 against .5 each
    0.2747
    """
    then = np.maximum(np.array(told["shares"]), SMALLEST_SHARE)
    now = np.maximum(_shares(values, np.array(told["bounds"])), SMALLEST_SHARE)
    return float(np.sum((now - then) * np.log(now / then)))


def counts(feature: str) -> bool:
    """Whether a drift in a feature, or in the 'probability', says that customers are others than before."""
    return feature not in GROWING


def _shares(values: Floats, bounds: "Sequence[float] | Floats") -> Floats:
    """Shares of values up to each bound and above all, and of those not known last."""
    is_known = np.isfinite(values)
    groups = np.where(is_known, np.searchsorted(np.asarray(bounds), values, side="left"), len(bounds) + 1)
    return np.asarray(np.bincount(groups, minlength=len(bounds) + 2) / max(len(values), 1))
