"""The days at which a model is trained and judged, so that nothing is judged on what it was trained with."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

YEAR_DAYS = 364
"""A year of whole weeks."""
LEAST_SEASON_DAYS = 28
"""A shorter horizon is moved by single holidays, which fall on other days of the week each year."""


@dataclass(frozen=True)
class Fold:
    """A day from which predictions are judged, and the days whose customers may be trained with.

    Attributes
    ----------
    cutoff
        Predictions are of the ``horizon_days`` from this day on.
    training
        Cut-offs, ascending, whose own horizons end by ``cutoff``: their labels were known on that day.
    split
        'validation', by which models are chosen, or 'test', which is judged once.
    season
        The cut-offs a year before the latest of those, and before ``cutoff``; empty where the history is too short.
    """

    cutoff: date
    training: tuple[date, ...]
    split: str
    season: tuple[date, ...] = ()


@dataclass(frozen=True)
class Plan:
    """How cut-offs lie.

    Attributes
    ----------
    horizon_days
        Days that are predicted.
    step_days
        Days between two cut-offs.
    folds
        How many cut-offs are judged, the last of them as test.
    most_training
        Cut-offs to train with, at most, the latest.
    least_history_days
        Days of history before a cut-off is trained with or judged.
    """

    horizon_days: int
    step_days: int = 30
    folds: int = 3
    most_training: int = 12
    least_history_days: int = 90

    def lay(self, first_day: date, last_day: date) -> list[Fold]:
        """The folds, ascending, of data from one whole day to another; those without a cut-off to train with left out.

        Outcomes of the validation cut-offs end by the test cut-off, unless the history is too short for that.

        Examples
        --------
        >>> folds = Plan(horizon_days=30, least_history_days=60).lay(date(2024, 1, 1), date(2024, 7, 31))
        >>> [(str(fold.cutoff), len(fold.training), fold.split) for fold in folds]
        [('2024-05-03', 2, 'validation'), ('2024-06-02', 3, 'validation'), ('2024-07-02', 4, 'test')]
        >>> str(folds[-1].training[-1]), str(folds[-1].training[0])
        ('2024-06-02', '2024-03-04')
        """
        found = self._lay(first_day, last_day, max(self.step_days, self.horizon_days))
        return found if len(found) > 1 else self._lay(first_day, last_day, self.step_days)

    def _lay(self, first_day: date, last_day: date, apart: int) -> list[Fold]:
        """Folds of which the last but one is so many days before the last."""
        last = last_day + timedelta(1) - timedelta(self.horizon_days)
        found = []
        for back in range(self.folds):
            cutoff = last - timedelta(apart + (back - 1) * self.step_days if back else 0)
            training = self.training_before(first_day, cutoff)
            if training:
                split = "validation" if back else "test"
                found.append(Fold(cutoff, training, split, self.season_before(first_day, cutoff)))
        return found[::-1]

    def season_before(self, first_day: date, cutoff: date, until: date | None = None) -> tuple[date, ...]:
        """A year before: the latest cut-off that may be trained with, then ``cutoff``, then more up to ``until``.

        Those further on lie by steps up to a year before ``until``, as far as their outcome is known on ``cutoff``.
        None where the history is too short, or the horizon.

        Examples
        --------
        >>> plan = Plan(horizon_days=30, least_history_days=60)
        >>> [str(day) for day in plan.season_before(date(2022, 1, 1), date(2024, 7, 31))]
        ['2023-07-03', '2023-08-02']
        >>> plan.season_before(date(2023, 5, 5), date(2024, 7, 31))
        ()
        """
        base = cutoff - timedelta(YEAR_DAYS + self.horizon_days)
        is_short = base < first_day + timedelta(self.least_history_days)
        if is_short or not LEAST_SEASON_DAYS <= self.horizon_days <= YEAR_DAYS:
            return ()
        last = min((until or cutoff) - timedelta(YEAR_DAYS), cutoff - timedelta(self.horizon_days))
        day = cutoff - timedelta(YEAR_DAYS)
        days = [base]
        while day <= last:
            days.append(day)
            day += timedelta(self.step_days)
        return tuple(days)

    def training_before(self, first_day: date, cutoff: date) -> tuple[date, ...]:
        """The cut-offs that may be trained with on a day, ascending."""
        earliest = first_day + timedelta(self.least_history_days)
        days: list[date] = []
        day = cutoff - timedelta(self.horizon_days)
        while day >= earliest and len(days) < self.most_training:
            days.append(day)
            day -= timedelta(self.step_days)
        return tuple(reversed(days))


def all_days(folds: Sequence[Fold]) -> list[date]:
    """All cut-offs that features are needed of, ascending."""
    return sorted({day for fold in folds for day in (*fold.training, *fold.season, fold.cutoff)})
