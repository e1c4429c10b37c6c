"""Backtests: no look ahead, figures of origins that did not choose, intervals that hold what they say."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from retail_pipeline.analytics.forecasting import backtest, measures
from retail_pipeline.analytics.forecasting.backtest import (
    Backtest,
    Plan,
    calibration_rows,
    choose,
    horizon_rows,
    interval_widths,
    metric_rows,
    run,
)
from retail_pipeline.analytics.forecasting.conformal import half_width, half_widths, least_errors
from retail_pipeline.analytics.forecasting.reconciliation import reconcile
from retail_pipeline.analytics.forecasting.series import Past
from retail_pipeline_tests.analytics.forecasting.histories import past_of

NAMES = ("seasonal_naive", "naive", "drift")


def tried(values: np.ndarray, names: tuple[str, ...] = NAMES, horizon: int = 3) -> Backtest:
    plan = Plan(first=8, step=1, most=100, horizon=horizon)
    found, _ = run(lambda origin: past_of(values[:origin], horizon), values, plan, names)
    assert found is not None
    return found


def test_origins_end_one_period_before_the_last_and_are_the_latest() -> None:
    assert Plan(first=6, step=1, most=100, horizon=3).origins(12) == [6, 7, 8, 9, 10, 11]
    assert Plan(first=6, step=1, most=3, horizon=3).origins(12) == [9, 10, 11]
    assert Plan(first=20, step=6, most=100, horizon=12).origins(40) == [21, 27, 33, 39]
    assert Plan(first=12, step=1, most=100, horizon=3).origins(12) == []


def test_a_backtest_sees_nothing_of_what_comes() -> None:
    rng = np.random.default_rng(1)
    values = rng.gamma(5, 20, 30)
    seen: list[int] = []

    def past(origin: int) -> Past:
        seen.append(origin)
        return past_of(values[:origin], 3)

    found, _ = run(past, values, Plan(10, 1, 100, 3), NAMES)
    changed = values.copy()
    changed[20:] *= 7
    other, _ = run(lambda origin: past_of(changed[:origin], 3), changed, Plan(10, 1, 100, 3), NAMES)
    assert found is not None
    assert other is not None
    for name in NAMES:
        until = [place for place, origin in enumerate(found.origins) if origin <= 20]
        assert np.array_equal(found.mean[name][until], other.mean[name][until])
    assert max(seen) == len(values)  # for what serves, not for the backtest


def test_errors_that_choose_were_known_at_the_split_and_later_origins_judge() -> None:
    found = tried(np.arange(20.0) + np.random.default_rng(2).normal(0, 1, 20))
    assert found.origins == list(range(8, 20))
    assert found.split == 16  # a third of twelve origins do not choose
    assert found.ends[found.chose].max() == 15
    assert not (found.chose & found.tests).any()
    assert set(np.array(found.origins)[found.tests.any(axis=1)]) == {16, 17, 18, 19}


def test_the_best_on_the_earlier_origins_serves_if_it_keeps_up_later() -> None:
    line = 100 + 5 * np.arange(24.0) + np.random.default_rng(3).normal(0, 1, 24)
    choice = choose(tried(line), {})
    assert (choice.model, choice.chosen) == ("drift", "drift")
    assert "seasonal_naive" in choice.reason


def test_a_model_that_loses_to_the_seasonal_naive_later_does_not_serve() -> None:
    rises = 100 + 5 * np.arange(16.0)
    stays = np.full(8, rises[-1])
    noise = np.random.default_rng(4).normal(0, 0.5, 24)
    choice = choose(tried(np.concatenate([rises, stays]) + noise), {})
    assert (choice.model, choice.chosen) == ("seasonal_naive", "drift")
    assert "lost on the later ones" in choice.reason
    assert choice.reason.endswith(
        "for that seasonal_naive serves; no further model is tried after it, so that none is picked by the days that "
        "judge"
    )


def test_nothing_is_chosen_from_too_few_origins() -> None:
    values = np.arange(10.0)
    found, _ = run(lambda origin: past_of(values[:origin], 3), values, Plan(8, 1, 100, 3), NAMES)
    choice = choose(found, {})
    assert choice.model == "seasonal_naive"
    assert "too little history" in choice.reason
    assert choose(None, {}).model == "seasonal_naive"


def test_measures_are_those_of_their_definitions() -> None:
    values = np.array([1.0, 3.0, 2.0, 5.0, 4.0, 6.0, 5.0, 8.0, 9.0, 7.0, 11.0, 10.0])
    found = tried(values, ("seasonal_naive",), horizon=2)
    assert found.origins == [8, 9, 10, 11]
    assert found.split == 11
    scale = np.abs(np.diff(values[:11])).mean()  # nothing from the split on
    assert found.scale == pytest.approx(scale)
    rows = {row["metric"]: row["value"] for row in metric_rows(found, positive=True)}
    # one origin judges, 11: the last value 11 for 10
    assert rows["mase"] == pytest.approx(1 / scale)
    assert rows["smape"] == pytest.approx(2 / 21)
    assert rows["bias"] == pytest.approx(0.1)
    assert rows["rmsse"] == pytest.approx(np.sqrt(1 / np.square(np.diff(values[:11])).mean()))
    # before: 8 for 9 and 7 (from 8), 9 for 7 and 11 (from 9), 7 for 11 (from 10)
    assert rows["choice_mase"] == pytest.approx(np.mean([1, 1, 2, 2, 4]) / scale)


def test_what_is_judged_is_not_what_it_is_measured_by() -> None:
    values = np.random.default_rng(15).gamma(5, 20, 40)
    found = tried(values)
    later = values.copy()
    later[found.split :] *= 9
    assert tried(later).scale == found.scale == pytest.approx(np.abs(np.diff(values[: found.split])).mean())
    assert tried(later).squared_scale == found.squared_scale


def test_errors_by_horizon_make_the_whole() -> None:
    found = tried(np.random.default_rng(5).gamma(5, 20, 40))
    rows = [row for row in horizon_rows(found, 1) if row["model"] == "naive"]
    counts = found.tests.sum(axis=0)
    (mase,) = [row["value"] for row in metric_rows(found, positive=True)
               if (row["model"], row["metric"]) == ("naive", "mase")]  # fmt: skip
    assert [row["horizon"] for row in rows] == [1, 2, 3]
    assert np.average([row["mase"] for row in rows], weights=counts) == pytest.approx(mase)


def test_levels_ask_for_as_many_errors_as_conformal_prediction_does() -> None:
    assert (least_errors(0.5), least_errors(0.8), least_errors(0.9), least_errors(0.95)) == (1, 4, 9, 19)
    assert half_width(np.arange(1.0, 20.0), 0.95) == 19.0
    assert half_width(np.arange(1.0, 19.0), 0.95) is None


def test_conformal_intervals_hold_a_new_error_as_often_as_they_say() -> None:
    """Errors in any order: the probability is at least the level, and at most 1 / (n+1) more."""
    rng = np.random.default_rng(6)
    errors = rng.standard_t(3, (20_000, 25))
    for level in (0.8, 0.95):
        held = np.mean([abs(row[-1]) <= (half_width(row[:-1], level) or np.inf) for row in errors])
        assert level - 0.01 <= held <= level + 1 / 25 + 0.01


def test_half_widths_take_the_models_own_where_errors_are_too_few() -> None:
    errors = np.column_stack([np.arange(1.0, 21.0), np.arange(1.0, 21.0)]) / 10
    known = np.ones((20, 2), dtype=bool)
    known[5:, 1] = False  # five at the second horizon: enough for 80 %, too few for 95 %
    open_ = np.array([True, True])
    widths, conformal = half_widths(errors, known, np.full(2, 10.0), np.array([1.0, 1.0]), open_)
    assert conformal.tolist() == [[True, True], [True, False]]
    assert widths[:, 0] == pytest.approx([17.0, 20.0])  # the 17th and 20th of 20
    assert widths[0, 1] == pytest.approx(5.0)
    # the model's 95 % is as much wider as its 80 % had to be: 1.9600 by 1.2816
    assert widths[1, 1] == pytest.approx(5.0 * 1.959964 / 1.281552, rel=1e-5)


def test_a_higher_level_is_never_narrower_and_a_closed_shop_is_certain() -> None:
    rng = np.random.default_rng(7)
    for _ in range(50):
        errors = rng.standard_t(2, (rng.integers(0, 30), 4))
        known = rng.random(errors.shape) < 0.8
        open_ = np.array([True, True, False, True])
        widths, conformal = half_widths(errors, known, np.full(4, 3.0), rng.gamma(1, 1, 4), open_)
        assert (widths[1] >= widths[0]).all()
        assert (widths[:, 2] == 0).all()
        assert not conformal[:, 2].any()


def test_intervals_of_an_origin_know_only_errors_of_periods_that_had_ended() -> None:
    values = np.random.default_rng(8).gamma(5, 20, 60)
    found = tried(values)
    widths, conformal = interval_widths(found, "naive")
    late = values.copy()
    late[40:] *= 9
    others, _ = interval_widths(tried(late), "naive")
    until = [place for place, origin in enumerate(found.origins) if origin <= 40]
    assert np.array_equal(widths[:, until], others[:, until])
    first = found.origins[0]
    by_origin = dict(zip(found.origins, conformal[0], strict=True))
    assert not by_origin[first].any()
    # at horizon h an origin knows the errors of all origins h+1 and more before it
    assert [int(np.argmax([row[step] for row in by_origin.values()])) for step in range(3)] == [4, 5, 6]


def test_calibration_and_coverage_agree() -> None:
    found = tried(np.random.default_rng(9).gamma(5, 20, 80))
    rows = {row["metric"]: row["value"] for row in metric_rows(found, positive=True) if row["model"] == "naive"}
    levels = {row["level"]: row["coverage"] for row in calibration_rows(found, "naive")}
    assert levels[0.8] == pytest.approx(rows["coverage_80"], abs=0.03)  # widened by a lower level here and there
    assert list(levels) == sorted(levels)
    assert list(levels.values()) == sorted(levels.values())


def test_coverage_is_near_its_level_on_a_stationary_series() -> None:
    values = 100 + np.random.default_rng(10).normal(0, 10, 400)
    rows = {row["metric"]: row["value"] for row in metric_rows(tried(values), positive=True) if row["model"] == "naive"}
    assert rows["coverage_80"] == pytest.approx(0.8, abs=0.08)
    assert rows["coverage_95"] == pytest.approx(0.95, abs=0.05)
    assert rows["conformal_share_95"] == 1.0


def test_equal_figures_give_the_plainest_model() -> None:
    found = tried(100 + np.random.default_rng(11).normal(0, 5, 40))
    same: Mapping[str, np.ndarray] = dict.fromkeys(NAMES, found.mean["naive"])
    assert choose(replace(found, mean=same), {}).model == "seasonal_naive"


def test_reconciled_forecasts_add_up_and_what_is_certain_stays() -> None:
    rng = np.random.default_rng(12)
    given, variances = rng.normal(100, 30, (6, 4)), rng.gamma(2, 5, 6)
    groups = [[1, 2], [3, 4, 5]]
    found = reconcile(given, variances, groups)
    for group in groups:
        assert found[group].sum(axis=0) == pytest.approx(found[0])
    certain = variances.copy()
    certain[0] = 1e-12
    assert reconcile(given, certain, groups)[0] == pytest.approx(given[0])
    assert reconcile(found, variances, groups) == pytest.approx(found)  # what adds up is left alone


def test_reconciliation_is_that_by_the_structure_of_the_parts() -> None:
    """With one group it is S (S' W^-1 S)^-1 S' W^-1 y (Wickramasuriya et al. 2019, equation 9)."""
    rng = np.random.default_rng(13)
    given, variances = rng.normal(100, 30, (4, 2)), rng.gamma(2, 5, 4)
    structure = np.vstack([np.ones(3), np.eye(3)])
    inverse = np.diag(1 / variances)
    expected = structure @ np.linalg.solve(structure.T @ inverse @ structure, structure.T @ inverse @ given)
    assert reconcile(given, variances, [[1, 2, 3]]) == pytest.approx(expected)


def test_what_never_was_below_zero_is_not_moved_there_and_all_still_adds_up() -> None:
    rng = np.random.default_rng(14)
    given = rng.gamma(0.3, 100, (6, 200))
    given[:, 0] = 0.0
    groups = [[1, 2], [3, 4, 5]]
    for is_positive in (np.full(6, True), np.array([True, True, True, True, False, False])):
        found = reconcile(given, rng.gamma(2, 5, 6), groups, is_positive=is_positive)
        assert found[is_positive].min() == 0.0
        for group in groups:
            assert found[group].sum(axis=0) == pytest.approx(found[0], abs=1e-9)
    assert found[4:].min() < 0


def test_seasonal_errors_scale_by_the_lag() -> None:
    assert measures.seasonal_errors(np.array([1.0, 2.0, 4.0, 8.0]), 2).tolist() == [3.0, 6.0]


def test_a_level_is_the_last_years_since_the_start() -> None:
    assert backtest.level(np.array([100.0, 2.0, -4.0]), 2) == 3.0
    assert backtest.level(np.array([0.0, 0.0, 0.0, 8.0]), 3) == 8.0
    assert backtest.level(np.array([5.0, 0.0, 0.0]), 2) == 0.0
    assert backtest.level(np.zeros(3), 2) == 0.0


def test_a_series_that_starts_late_has_ranges_of_its_own_size() -> None:
    noise = np.random.default_rng(12).normal(0, 5, 60)
    for start in (30, 50, 56):
        values = np.where(np.arange(60) < start, 0.0, 100 + noise)
        scores = tried(values).scores("naive")
        assert np.nanmax(np.abs(scores)) < 10
        assert np.isfinite(scores).any() == (start < 59)
