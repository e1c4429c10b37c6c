"""Correlations of all pairs: against pandas, against scipy on a known case, and where there is nothing to tell."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from retail_pipeline.analytics.correlations import COLUMNS, correlate

RNG = np.random.default_rng(5)


@pytest.fixture
def measures() -> pd.DataFrame:
    common = RNG.normal(size=200)
    frame = pd.DataFrame(
        {
            "a": common + RNG.normal(size=200),
            "b": np.exp(common),
            "c": RNG.normal(size=200),
            "d": -common + 0.1 * RNG.normal(size=200),
        }
    )
    frame.loc[RNG.choice(200, 40, replace=False), "c"] = np.nan
    return frame


def test_coefficients_are_those_of_pandas_over_the_rows_where_both_are_known(measures: pd.DataFrame) -> None:
    found = correlate(measures).set_index(["measure_a", "measure_b"])
    assert list(found.index) == list(combinations("abcd", 2))
    for method in ("pearson", "spearman"):
        expected = measures.corr(method=method)  # type: ignore[arg-type]
        for one, other in found.index:
            assert found.loc[(one, other), method] == pytest.approx(expected.loc[one, other])
    assert found.loc[("a", "c"), "n"] == 160


def test_p_values_are_those_of_students_t(measures: pd.DataFrame) -> None:
    for row in correlate(measures).to_dict("records"):
        for method in ("pearson", "spearman"):
            t = row[method] * np.sqrt((row["n"] - 2) / (1 - row[method] ** 2))
            assert row[f"{method}_p_value"] == pytest.approx(2 * stats.t.sf(abs(t), row["n"] - 2), rel=1e-6, abs=1e-300)


def test_q_values_are_those_of_benjamini_and_hochberg(measures: pd.DataFrame) -> None:
    found = correlate(measures).sort_values("pearson_p_value")
    p_values = found["pearson_p_value"].to_numpy()
    expected = [
        min(p * len(p_values) / rank for rank, p in list(enumerate(p_values, 1))[k:]) for k in range(len(p_values))
    ]
    np.testing.assert_allclose(found["pearson_q_value"], np.minimum(expected, 1), rtol=1e-12)


def test_chance_alone_is_seldom_told_from_chance() -> None:
    told = sum((correlate(pd.DataFrame(RNG.normal(size=(60, 6))))["pearson_q_value"] < 0.05).any() for _ in range(200))
    assert told < 200 * 0.05 + 4 * np.sqrt(200 * 0.05 * 0.95)


def test_order_of_rows_does_not_matter(measures: pd.DataFrame) -> None:
    shuffled = correlate(measures.sample(frac=1, random_state=1))
    pd.testing.assert_frame_equal(shuffled, correlate(measures))


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"a": [1.0, 2, 3], "b": [3.0, 1, 2]}),
        pd.DataFrame({"a": [1.0, 2, 3, 4, 5], "b": [7.0] * 5}),
        pd.DataFrame({"a": [1.0, 2, 3, 4, 5], "b": [np.nan] * 5}),
        pd.DataFrame({"a": pd.Series(dtype=float), "b": pd.Series(dtype=float)}),
    ],
)
def test_too_few_or_constant_measures_have_no_coefficient(frame: pd.DataFrame) -> None:
    found = correlate(frame)
    assert list(found.columns) == list(COLUMNS)
    assert len(found) == 1
    assert found[["pearson", "spearman", "pearson_q_value", "spearman_q_value"]].isna().all(axis=None)
