"""Probabilities of scores: the likeliest curve, never a reversed order, and no fall from horizon to horizon."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from retail_pipeline.analytics.prediction.calibration import calibrate, probability_to_odds, rising


def test_the_curve_is_the_one_of_scikit_learn_on_platts_targets() -> None:
    rng = np.random.default_rng(1)
    scores = rng.normal(3, 5, 400)
    events = (rng.random(400) < 1 / (1 + np.exp(1 - scores / 2))).astype(float)
    yes, no = events.sum(), 400 - events.sum()
    high, low = (yes + 1) / (yes + 2), 1 / (no + 2)
    target = np.where(events > 0, high, low)
    reference = LogisticRegression(C=1e12, tol=1e-12, max_iter=10_000).fit(
        np.tile(scores[:, None], (2, 1)), np.repeat([1, 0], 400), sample_weight=np.concatenate([target, 1 - target])
    )
    found = calibrate(scores, events)
    assert found.slope == pytest.approx(reference.coef_[0, 0], rel=1e-4)
    assert found.intercept == pytest.approx(reference.intercept_[0], rel=1e-4)


def test_scores_that_tell_nothing_give_the_share_of_events() -> None:
    events = np.array([1.0] * 30 + [0.0] * 70)
    for scores in (np.zeros(100), -events, np.full(100, 7.0)):
        told = calibrate(scores, events).probabilities(scores)
        assert np.ptp(told) == 0
        assert told[0] == pytest.approx((30 * 31 / 32 + 70 / 72) / 100)  # Platt's targets, 31/32 and 1/72


def test_scores_that_part_all_stay_finite() -> None:
    events = np.array([0.0] * 50 + [1.0] * 50)
    told = calibrate(np.arange(100.0), events).probabilities(np.arange(100.0))
    assert 0 < told.min() < 0.05
    assert 0.95 < told.max() < 1


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_without_an_event_or_with_events_only_the_rate_is_near_it(share: float) -> None:
    told = calibrate(np.arange(98.0), np.full(98, share)).probabilities(np.arange(98.0))
    assert told == pytest.approx(np.full(98, 0.01 if share == 0 else 0.99), abs=1e-6)  # 1 of 100, or 99


def test_log_odds_stay_within_limits() -> None:
    assert probability_to_odds(np.array([0.0, 0.5, 1.0])).tolist() == [-30.0, 0.0, 30.0]


@given(arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 5)), elements=st.floats(0, 1, width=32)))
def test_rising_probabilities_are_those_of_isotonic_regression(told: np.ndarray[tuple[int, int], np.dtype]) -> None:
    found = rising(told)
    assert (np.diff(found, axis=1) >= 0).all()
    for row, of_row in zip(told, found, strict=True):
        expected = IsotonicRegression().fit_transform(np.arange(len(row)), row)
        assert of_row == pytest.approx(expected, abs=1e-9)
