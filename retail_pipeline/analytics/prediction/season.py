"""What the season does to the level of probabilities: by how much the same days a year before raised or lowered it.

A model is calibrated on the latest cut-off whose outcome is known, which lies a horizon back: half a year for who is
slow to come. What all customers do more or less of since then, a year of history cannot tell; the year before can.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from retail_pipeline.analytics.prediction.calibration import odds_to_probability, probability_to_odds
from retail_pipeline.analytics.prediction.purchase_models import Observed, PurchaseModel

Floats = NDArray[np.float64]

STEPS, CLOSE, LONGEST_STEP = 100, 1e-10, 1.0


@dataclass(frozen=True)
class Level:
    """By how much log odds have to be raised to be right of all customers together, and the variance of that."""

    offset: float
    variance: float


@dataclass(frozen=True)
class Season:
    """By day, ascending, by how much log odds are raised; between days in proportion, beyond them as on the last."""

    days: tuple[date, ...]
    raised: tuple[float, ...]

    def on(self, day: date) -> float:
        """By how much they are raised on a day.

        Examples
        --------
        >>> Season((date(2024, 1, 1), date(2024, 1, 11)), (0.1, 0.2)).on(date(2024, 1, 6))
        0.15000000000000002
        """
        numbers = [one.toordinal() for one in self.days]
        return float(np.interp(day.toordinal(), numbers, self.raised))


def level(model: PurchaseModel, observed: Observed) -> Level:
    """How a model's level stands to what came at a cut-off: the likeliest offset, by Newton's method."""
    log_odds, offset = probability_to_odds(model.probabilities(observed.values)), 0.0
    curvature = CLOSE
    for _ in range(STEPS):
        probability = odds_to_probability(log_odds + offset)
        curvature = float((probability * (1 - probability)).sum()) + CLOSE
        step = float((observed.events - probability).sum()) / curvature
        offset += float(np.clip(step, -LONGEST_STEP, LONGEST_STEP))
        if abs(step) <= CLOSE:
            break
    return Level(offset, 1 / curvature)


def raised(before: Level, after: Level) -> float:
    """The change from one level to another, less the share of it that is noise (James & Stein 1961).

    Examples
    --------
    >>> round(raised(Level(0.0, 0.01), Level(0.4, 0.01)), 3), raised(Level(0.0, 0.01), Level(0.1, 0.01))
    (0.35, 0.0)
    """
    change, noise = after.offset - before.offset, before.variance + after.variance
    return 0.0 if change**2 <= noise else change * (1 - noise / change**2)
