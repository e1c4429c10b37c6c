"""The level of probabilities follows what the season did a year before, where that is more than noise and does help."""

from datetime import date, timedelta

import numpy as np
import pytest

from retail_pipeline.analytics.prediction.calibration import Calibration
from retail_pipeline.analytics.prediction.cutoffs import LEAST_SEASON_DAYS, Plan
from retail_pipeline.analytics.prediction.experiment import SEASON, run
from retail_pipeline.analytics.prediction.matrix import FEATURES
from retail_pipeline.analytics.prediction.purchase_models import NoScores, Observed, PurchaseModel
from retail_pipeline.analytics.prediction.rows import as_number
from retail_pipeline.analytics.prediction.season import Level, Season, level, raised
from retail_pipeline.analytics.prediction.thresholds import Stakes

FIRST, LAST = date(2021, 1, 1), date(2023, 6, 30)


def customers(days: list[date], rates: list[float], *, count: int = 1_500, seed: int = 1) -> Observed:
    """Customers of whom so many order at each cut-off, those with a recent order twice as likely as others."""
    rng = np.random.default_rng(seed)
    values = np.full((len(days) * count, len(FEATURES)), 0.0)
    recent = rng.random(len(values)) < 0.5
    values[:, FEATURES.index("recency_days")] = np.where(recent, 10.0, 100.0)
    chance = np.repeat(rates, count) * np.where(recent, 4 / 3, 2 / 3)
    return Observed(
        values,
        (rng.random(len(values)) < chance).astype(np.float64),
        np.tile(np.arange(count), len(days)),
        np.repeat([as_number(day) for day in days], count),
    )


def base_rate_of(rate: float) -> PurchaseModel:
    return PurchaseModel("base_rate", NoScores(), Calibration(float(np.log(rate / (1 - rate))), 0.0))


def test_the_level_is_the_change_of_the_log_odds_of_all() -> None:
    observed = customers([LAST], [0.3], count=4_000)
    share = observed.events.mean()
    found = level(base_rate_of(0.1), observed)
    assert found.offset == pytest.approx(np.log(share / (1 - share)) - np.log(0.1 / 0.9))
    assert found.variance == pytest.approx(1 / (4_000 * share * (1 - share)))  # of a share's log odds, the delta method
    model = base_rate_of(0.1).raised(found.offset)
    assert model.probabilities(observed.values).mean() == pytest.approx(share)


def test_a_change_no_larger_than_its_noise_counts_for_nothing() -> None:
    assert raised(Level(0.1, 0.01), Level(0.2, 0.01)) == 0.0
    assert raised(Level(0.1, 0.01), Level(-0.9, 0.01)) == pytest.approx(-1 * (1 - 0.02))


def test_days_a_year_before_have_the_same_weekday_and_a_known_outcome() -> None:
    plan = Plan(horizon_days=90, least_history_days=60)
    base, *days = plan.season_before(FIRST, LAST, LAST + timedelta(90))
    assert [LAST - day for day in days] == [timedelta(364 - 30 * step) for step in range(4)]
    assert days[0] - base == timedelta(90)
    assert {day.weekday() for day in days[:1]} == {LAST.weekday()}
    far = plan.season_before(FIRST, LAST, LAST + timedelta(1_000))
    assert max(far) + timedelta(90) <= LAST


@pytest.mark.parametrize("horizon_days", [LEAST_SEASON_DAYS - 1, 365])
def test_a_week_or_more_than_a_year_follows_no_season(horizon_days: int) -> None:
    assert Plan(horizon_days).season_before(date(2010, 1, 1), LAST) == ()


def test_every_fold_has_its_own_season_which_needs_a_year_more_of_history() -> None:
    plan = Plan(horizon_days=30, least_history_days=60)
    folds = plan.lay(FIRST, LAST)
    for fold in folds:
        assert fold.season == (fold.cutoff - timedelta(394), fold.cutoff - timedelta(364))
        assert max(fold.season) + timedelta(30) <= fold.cutoff
    assert [fold.season for fold in plan.lay(LAST - timedelta(400), LAST)] == [(), (), ()]


def test_between_days_the_season_is_in_proportion_and_stays_afterwards() -> None:
    season = Season((date(2024, 1, 1), date(2024, 1, 31)), (0.3, -0.3))
    days = (date(2023, 12, 1), date(2024, 1, 16), date(2025, 1, 1))
    assert [season.on(day) for day in days] == pytest.approx([0.3, 0.0, -0.3])


def rate_of(day: date, season: float) -> float:
    """Half as many, or fewer, order in spring as in winter."""
    return 0.3 * (1 - season * (day.month in (2, 3, 4, 5)))


@pytest.mark.parametrize(
    ("season", "first", "follows"),
    [(0.6, FIRST, True), (0.0, FIRST, False), (0.6, date(2021, 11, 3), True), (0.6, date(2021, 11, 4), False)],
)
def test_levels_follow_a_season_that_comes_again_and_was_tried_at_a_validation_cutoff(
    season: float, first: date, follows: bool
) -> None:
    plan = Plan(horizon_days=30, most_training=3, least_history_days=60)
    last = date(2023, 3, 31)  # the validation cut-off at the end of January is the first of the quiet months
    folds = plan.lay(first, last)
    assert folds[1].cutoff == date(2023, 1, 31)
    assert bool(folds[1].season) == (first < date(2021, 11, 4))
    days = sorted({day for fold in folds for day in (*fold.training, *fold.season, fold.cutoff)})
    observed = customers(days, [rate_of(day + timedelta(15), season) for day in days])
    found = run(folds, observed, 30, Stakes(1, 3), models=("base_rate", "recency_only", "logistic_regression"))
    assert found.follows_season == follows
    assert found.verdict.reason.endswith(SEASON) == follows
    told = found.test.probabilities[found.verdict.champion]
    assert told.mean() == pytest.approx(found.test.observed.events.mean(), abs=0.03)
