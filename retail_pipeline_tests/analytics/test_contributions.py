"""Contributions and surprises against arithmetic by hand and properties; dates against all intervals one by one."""

import random
from math import log

import numpy as np
import pandas as pd
import pytest

from retail_pipeline.analytics.contributions import OTHERS, contributions, surprises
from retail_pipeline.analytics.scan import strongest_interval


def steady(periods: int, members: int, seed: int = 1) -> np.ndarray:
    """Amounts that vary by chance alone."""
    rng = np.random.default_rng(seed)
    return rng.poisson(np.linspace(200, 2_000, members), (periods, members)) * 10_000


def as_rows(table: np.ndarray, dimension: str = "country") -> pd.DataFrame:
    places, members = np.nonzero(table)
    names = [f"M{member:03}" for member in members]
    return pd.DataFrame({"dimension": dimension, "member": names, "place": places, "amount": table[places, members]})


def test_a_change_is_divided_as_by_hand() -> None:
    # 100 = 60 + 30 + 10 becomes 80 = 30 + 40 + 10: had all moved alike, 60 would have lost 12, 30 6 and 10 2
    found = contributions(as_rows(np.array([[60, 30, 10], [30, 40, 10]])), 2, season=None, kept=10)
    assert found["change"].tolist() == [-30, 0, 10]
    assert found["rank"].tolist() == [1, 2, 3]
    assert found["member"].tolist() == ["M000", "M002", "M001"]
    assert found["share_explained"].tolist() == [1.5, 0, -0.5]
    assert found["expected_change"].tolist() == [-12, -2, -6]
    assert found["excess"].tolist() == [-18, 2, 16]
    assert found["share_of_shift"].tolist() == pytest.approx([1, 2 / 18, 16 / 18])


def test_members_without_a_row_of_their_own_are_summed_up() -> None:
    table = steady(3, 40)
    found = contributions(as_rows(table), 3, season=None, kept=3)
    for place in (1, 2):
        rows = found[found["place"] == place]
        assert rows["change"].sum() == table[place].sum() - table[place - 1].sum()
        assert rows["members"].sum() == 40
        assert rows["excess"].sum() == pytest.approx(0, abs=40)
        assert (rows["member"] == OTHERS).sum() == 1


def test_chance_alone_surprises_no_more_often_than_it_says() -> None:
    found = [surprises(steady(40, 30, seed), season=100) for seed in range(20)]
    p_values = np.concatenate([each.p_value[10:].ravel() for each in found])
    assert np.mean(p_values < 0.05) == pytest.approx(0.05, abs=0.015)
    assert np.mean(p_values < 0.001) < 0.003


def test_a_surprise_knows_nothing_later() -> None:
    table = steady(30, 12)
    whole, until = surprises(table, season=12), surprises(table[:20], season=12)
    for name in ("surprise", "p_value", "habit", "usual_share", "history"):
        np.testing.assert_array_equal(getattr(whole, name)[:20], getattr(until, name))


def test_what_came_a_season_earlier_too_is_no_surprise() -> None:
    table = steady(24, 8)
    table[11::12, 0] *= 5
    found = surprises(table, season=12)
    assert found.surprise[11, 0] > 8
    assert abs(found.surprise[23, 0]) < 4


def test_what_happens_all_the_time_is_a_habit() -> None:
    table = np.random.default_rng(5).poisson(1_000, (40, 40)) * 10_000
    for place in range(4, 38, 3):
        table[place, place] *= 3  # each time another member
    found = surprises(table, season=100)
    assert found.surprise[37, 37] > 10
    assert found.habit[37, 37] > 0.1
    table[4:37] = np.random.default_rng(6).poisson(1_000, (33, 40)) * 10_000
    found = surprises(table, season=100)
    assert found.surprise[37, 37] > 10
    assert found.habit[37, 37] == 0


def test_the_unit_of_money_and_the_order_of_members_do_not_matter() -> None:
    table = steady(20, 10)
    order = np.random.default_rng(3).permutation(10)
    found = surprises(table, season=12)
    np.testing.assert_allclose(surprises(table * 7, season=12).surprise, found.surprise, rtol=1e-9)
    np.testing.assert_allclose(surprises(table[:, order], season=12).surprise, found.surprise[:, order], rtol=1e-9)


def test_a_short_history_is_no_ground_for_a_judgement() -> None:
    found = surprises(steady(12, 5), season=12)
    assert np.isnan(found.surprise[:7]).all()
    assert np.isfinite(found.surprise[7:]).all()


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("rises", [True, False])
def test_the_interval_is_the_best_of_all(seed: int, rises: bool) -> None:
    rng = random.Random(seed)
    values, expected = [rng.randrange(20) for _ in range(15)], [rng.randrange(1, 9) for _ in range(15)]
    start, reach = rng.randrange(5), rng.randrange(5, 12)
    scale = sum(values) / sum(expected)

    def ratio(first: int, last: int) -> float:
        inside, usual = sum(values[first : last + 1]), scale * sum(expected[first : last + 1])
        outside, usual_outside = sum(values) - inside, scale * sum(expected) - usual
        parts = ((inside, usual), (outside, usual_outside))
        return sum(count * log(count / of) for count, of in parts if count > 0)

    scores = [
        ratio(first, last)
        for first in range(start, 15)
        for last in range(max(first, reach), 15)
        if (sum(values[first : last + 1]) > scale * sum(expected[first : last + 1]) * (1 + 1e-9)) == rises
        and (first, last) != (0, 14)
    ]
    first, last = strongest_interval(np.array(values), np.array(expected), rises=rises, start=start, reach=reach)
    assert first >= start
    assert last >= reach
    assert ratio(first, last) == pytest.approx(max(scores))


def test_days_without_anything_have_no_date_of_their_own() -> None:
    assert strongest_interval(np.zeros(5), np.ones(5), rises=True, start=1, reach=2) == (1, 4)
