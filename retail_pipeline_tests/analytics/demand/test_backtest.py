"""Models of demand are chosen by what they were worth, and only what makes forecasts better is taken into account."""

from dataclasses import replace

import numpy as np
import pytest

from retail_pipeline.analytics.demand import measures
from retail_pipeline.analytics.demand.backtest import Entrant, Serving, Tried, _choose, run
from retail_pipeline.analytics.demand.distributions import Shape, Width
from retail_pipeline.analytics.demand.levels import Array, Candidate, season_factor
from retail_pipeline.analytics.demand.outcomes import Outcome
from retail_pipeline.analytics.demand.outlook import Outlook
from retail_pipeline.analytics.demand.panel import Panel
from retail_pipeline.analytics.demand.prices import at_usual_prices, elasticity, price_moves
from retail_pipeline.analytics.demand.windows import TEST, VALIDATION, Limits, lay_windows
from retail_pipeline_tests.studies.demand import panel_of

LIMITS = Limits(new_weeks=8, dead_weeks=12, dead_chance=0.01, least_products=20, large_order_times=5.0)


def drawn(products: int, weeks: int, seed: int) -> Array:
    """Weekly demand about levels that stay."""
    generator = np.random.Generator(np.random.PCG64(seed))
    mean = np.exp(generator.normal(2, 1, (products, 1)))
    return generator.negative_binomial(2.0, 2 / (2 + mean), (products, weeks)).astype(np.float64)


def tried(panel: Panel, before: dict[str, Serving] | None = None) -> Tried:
    return run(lay_windows(panel, LIMITS, horizon=4, count=4, least_weeks=12), 4, LIMITS, before or {})


@pytest.fixture(scope="module")
def steady() -> Tried:
    return tried(panel_of(drawn(120, 60, 1)))


def test_rmsse_is_that_of_m5_by_hand() -> None:
    demand = np.array([[0.0, 0, 4, 6, 3]])
    squares, sizes = measures.scales(demand, np.array([2]))
    assert (squares[0], sizes[0]) == ((4 + 9) / 2, (2 + 3) / 2)
    found = measures.rmsse(np.array([[5.0, 1]]), np.array([[3.0, 3]]), squares)
    assert found[0] == pytest.approx(np.sqrt((4 + 4) / 2 / 6.5))


def test_pinball_loss_by_hand() -> None:
    found = measures.pinball(np.array([10.0, 2.0]), np.array([[6.0, 12.0], [6.0, 12.0]]), [0.5, 0.9])
    assert found == pytest.approx(np.array([[2.0, 0.2], [2.0, 1.0]]))


def test_where_levels_stay_smoothing_beats_the_naive_forecast_and_chances_come_true(steady: Tried) -> None:
    told = {(row["model"], row["split"], row["metric"]): row for row in steady.rows if row["kind"] == "all"}
    assert told["served", "test", "rmsse"]["upper"] < told["naive", "test", "rmsse"]["lower"]
    assert told["served", "test", "pinball"]["value"] < told["naive", "test", "pinball"]["value"]
    assert 0.78 < told["served", "test", "coverage_80"]["value"] < 0.92  # of whole units, some more than 80 %
    assert told["served", "test", "below_95_horizon"]["value"] == pytest.approx(0.95, abs=0.05)
    assert abs(told["served", "test", "bias"]["value"]) < 0.1


def test_every_kind_has_one_champion_in_each_split(steady: Tried) -> None:
    for kind in {row["kind"] for row in steady.rows}:
        for split in ("validation", "test"):
            champions = {
                row["model"]
                for row in steady.rows
                if row["is_champion"] and (row["kind"], row["split"]) == (kind, split)
            }
            assert champions == {steady.serving[kind].candidate.model if kind != "all" else "served"}


def test_where_only_the_last_week_tells_the_naive_forecast_serves() -> None:
    """Random walks: nothing known before the last week says more than that."""
    steps = np.random.Generator(np.random.PCG64(2)).normal(0, 3, (120, 60))
    found = tried(panel_of(np.rint(200 + np.cumsum(steps, axis=1))))
    assert found.serving["regular"].candidate.model == "naive"
    assert found.serving["regular"].candidate.is_baseline


def test_nothing_after_an_origin_changes_what_was_forecast_at_it() -> None:
    demand = drawn(60, 60, 3)
    changed = demand.copy()
    changed[:, 56:] *= 7
    one, other = (
        lay_windows(panel_of(values), LIMITS, horizon=4, count=3, least_weeks=12)[-1] for values in (demand, changed)
    )
    assert one.origin == other.origin == 56
    assert np.array_equal(one.history.demand, other.history.demand)
    assert np.array_equal(one.kinds, other.kinds)
    assert np.array_equal(one.scatter.ratio, other.scatter.ratio)


def test_what_serves_stays_unless_another_is_better_beyond_chance(steady: Tried) -> None:
    again = tried(panel_of(drawn(120, 60, 1)), steady.serving)
    assert {kind: one.candidate for kind, one in again.serving.items()} == {
        kind: one.candidate for kind, one in steady.serving.items()
    }


def entrant(model: str, errors: Array, **parameters: float) -> Entrant:
    """A model with an error for each product in two windows, and losses of the same size."""
    nothing = np.zeros(len(errors))
    outcome = Outcome(np.arange(len(errors)), errors, errors[:, None], *(nothing for _ in range(5)))
    candidate = Candidate(model, parameters, is_baseline=model == "naive")
    return Entrant(candidate, Shape(Width()), {VALIDATION: outcome, TEST: outcome})


@pytest.mark.parametrize(("worse_by", "stays"), [(0.001, True), (0.2, False)])
def test_a_model_that_served_stays_with_new_parameters_unless_another_is_better_beyond_chance(
    worse_by: float, stays: bool
) -> None:
    generator = np.random.Generator(np.random.PCG64(7))
    noise = generator.normal(0, 0.1, (3, 100))
    entrants = [
        entrant("naive", 2.0 + noise[0]), entrant("ses", 1.0 + noise[1], alpha=0.2),
        entrant("tsb", 1.0 + worse_by + noise[1] + noise[2] - noise[2].mean()),
    ]  # fmt: skip
    before = Serving(Candidate("tsb", {"alpha_size": 0.3}), Shape(Width()), "")
    serves = _choose(entrants, before, is_own=True, least=20)
    assert serves.candidate == (entrants[2] if stays else entrants[1]).candidate
    assert _choose(entrants, None, is_own=True, least=20).candidate.model == "ses"


def test_what_was_chosen_is_the_same_after_it_was_saved(steady: Tried) -> None:
    for one in steady.serving.values():
        assert Serving.as_told(one.told()) == one


def test_with_too_few_products_the_mean_serves_and_says_why() -> None:
    found = tried(panel_of(drawn(12, 60, 4)))
    assert {one.candidate.model for one in found.serving.values()} == {"historical_mean"}
    assert "too little data: 12 products" in found.serving["regular"].reason


def priced(products: int, weeks: int, of_price: float) -> Panel:
    """Demand that goes with prices, which are a quarter lower now and then, for some weeks each time."""
    generator = np.random.Generator(np.random.PCG64(5))
    is_lower = np.cumsum(generator.random((products, weeks)) < 0.12, axis=1) % 3 == 1
    prices = np.where(is_lower, 7.5, 10.0)
    mean = np.exp(generator.normal(3, 0.5, (products, 1))) * (prices / 10) ** -of_price
    demand = np.maximum(generator.poisson(mean), 1).astype(np.float64)
    panel = panel_of(demand)
    return replace(panel, prices=prices)


def test_the_elasticity_that_was_planted_is_found() -> None:
    history = priced(200, 60, 2.0).until(60)
    found = elasticity(history.demand, history.first, price_moves(history.prices))
    assert found == pytest.approx(2.0, abs=0.1)
    cleaned, factor = at_usual_prices(history)
    assert factor.max() == pytest.approx(0.75**-2.0, rel=0.1)
    moved = np.abs(price_moves(history.prices)) > 0.03
    recent = cleaned.demand[:, -26:]
    assert recent[moved].mean() == pytest.approx(recent[~moved].mean(), rel=0.05)


def test_where_prices_move_nothing_the_elasticity_is_next_to_nothing() -> None:
    history = priced(200, 60, 0.0).until(60)
    assert elasticity(history.demand, history.first, price_moves(history.prices)) == pytest.approx(0.0, abs=0.05)


def test_the_season_is_the_change_of_a_year_ago() -> None:
    demand = np.full((3, 70), 10.0)
    demand[:, 18:22] = 15.0  # 52 weeks before the four to come
    assert season_factor(demand, 4) == pytest.approx(1.5)
    assert season_factor(demand[:, 15:], 4) == 1.0  # no year and eight weeks


def course(weeks: Array) -> Array:
    """A season of a year, on what grows by half a year."""
    return np.asarray((1 + 0.6 * np.sin(2 * np.pi * weeks / 52)) * 1.5 ** (weeks / 52))


def test_a_season_that_comes_again_is_taken_into_account() -> None:
    weeks = 150
    season = course(np.arange(weeks))
    generator = np.random.Generator(np.random.PCG64(6))
    demand = generator.poisson(np.exp(generator.normal(4, 0.5, (120, 1))) * season).astype(np.float64)
    panel = panel_of(demand)
    found = tried(panel)
    assert found.serving["regular"].candidate.model == "seasonal_ses"
    outlook = Outlook.of(panel, LIMITS, found.serving, with_prices=found.with_prices)
    coming = course(np.arange(weeks, weeks + 4))
    assert outlook.level.sum() == pytest.approx(demand.sum() / season.sum() * coming.mean(), rel=0.1)


def test_prices_are_taken_into_account_where_they_make_forecasts_better() -> None:
    found = tried(priced(120, 60, 2.5))
    assert found.with_prices
    champions = {row["model"] for row in found.rows if row["is_champion"] and row["kind"] == "all"}
    assert champions == {"served with prices"}
    assert not tried(priced(120, 60, 0.0)).with_prices
