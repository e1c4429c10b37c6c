"""The days at which a model is trained and judged, so that nothing is judged on what it was trained with."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta


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
    """

    cutoff: date
    training: tuple[date, ...]
    split: str


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
                found.append(Fold(cutoff, training, "validation" if back else "test"))
        return found[::-1]

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
    return sorted({day for fold in folds for day in (*fold.training, fold.cutoff)})
