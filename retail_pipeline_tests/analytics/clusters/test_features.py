"""Measures become points: what is near stays near, whatever it is counted in."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from retail_pipeline.analytics.clusters.features import FEATURE_SETS, Preparation
from retail_pipeline_tests.analytics.clusters.blobs import customers

TRANSFORMS = ("yeo_johnson", "log", "none")


def test_sunday_is_as_near_to_monday_as_monday_to_tuesday() -> None:
    frame = pd.DataFrame({"preferred_weekday": [7.0, 1.0, 2.0, 4.0]})
    sunday, monday, tuesday, thursday = Preparation.fit(frame, ["preferred_weekday"]).transform(frame)
    assert np.linalg.norm(sunday - monday) == pytest.approx(np.linalg.norm(monday - tuesday))
    assert np.linalg.norm(monday - thursday) > np.linalg.norm(monday - tuesday)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_what_money_is_counted_in_moves_no_point(transform: str) -> None:
    frame = customers()
    dearer = frame.assign(total_spend=frame["total_spend"] * 10, avg_order_value=frame["avg_order_value"] * 10)
    measures = FEATURE_SETS["classic"]
    points = Preparation.fit(frame, measures, transform).transform(frame)
    assert np.allclose(points, Preparation.fit(dearer, measures, transform).transform(dearer), atol=1e-6)


def test_the_power_is_the_likeliest() -> None:
    values = np.random.default_rng(3).lognormal(2, 1, 500)
    frame = pd.DataFrame({"total_spend": values})
    power = Preparation.fit(frame, ["total_spend"]).scales["total_spend"].power
    _, expected = stats.yeojohnson(values / np.median(values))
    assert power == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("transform", ["yeo_johnson", "log"])
def test_skewed_measures_lose_their_skew(transform: str) -> None:
    frame = pd.DataFrame({"total_spend": np.random.default_rng(3).lognormal(4, 1, 2_000)})
    points = Preparation.fit(frame, ["total_spend"], transform, reach=100).transform(frame)
    assert stats.skew(frame["total_spend"]) > 2
    assert abs(stats.skew(points.ravel())) < 0.3


def test_outliers_stay_in_their_order_and_come_near() -> None:
    values = np.append(np.random.default_rng(3).normal(100, 10, 500), [300.0, 1_000.0, 1_000_000.0])
    frame = pd.DataFrame({"total_spend": values})
    places = Preparation.fit(frame.iloc[:500], ["total_spend"], "none").transform(frame).ravel()
    assert places[-4] < places[-3] < places[-2] < places[-1] < 16
    assert np.array_equal(np.argsort(places), np.argsort(values))


def test_a_point_within_reach_is_standardised() -> None:
    frame = pd.DataFrame({"orders": [1.0, 2.0, 3.0]})
    places = Preparation.fit(frame, ["orders"], "none").transform(frame).ravel()
    assert places == pytest.approx(np.array([-1, 0, 1]) / np.sqrt(2 / 3))


def test_a_constant_measure_tells_nobody_apart() -> None:
    frame = pd.DataFrame({"orders": [3.0, 3.0, 3.0]})
    assert Preparation.fit(frame, ["orders"]).transform(frame).tolist() == [[0], [0], [0]]


def test_what_is_not_known_is_taken_as_average() -> None:
    frame = pd.DataFrame({"orders": [1.0, 2.0, 6.0, np.nan], "preferred_weekday": [1.0, 2.0, 3.0, np.nan]})
    preparation = Preparation.fit(frame, ["orders", "preferred_weekday"], "none")
    assert preparation.transform(frame)[-1].tolist() == [0, 0, 0]
    assert preparation.columns == ["orders", "preferred_weekday_cos", "preferred_weekday_sin"]


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_a_preparation_told_as_numbers_is_the_same(transform: str) -> None:
    frame = customers()
    preparation = Preparation.fit(frame, FEATURE_SETS["classic"], transform)
    again = Preparation.from_json(preparation.to_json())
    assert np.array_equal(again.transform(frame), preparation.transform(frame))
