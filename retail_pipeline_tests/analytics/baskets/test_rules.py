"""Rules have the measures of mlxtend; which are redundant and how significant is checked by other means."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from retail_pipeline.analytics.baskets import significance
from retail_pipeline.analytics.baskets.itemsets import Itemsets, Search, mine
from retail_pipeline.analytics.baskets.later import RuleLimits, first_later_basket, try_later
from retail_pipeline.analytics.baskets.rules import Rules, all_rules, measures
from retail_pipeline.analytics.baskets.significance import adjusted_among, at_least, at_most, false_discovery_rates
from retail_pipeline.errors import TooManyItemsetsError
from retail_pipeline_tests.analytics.baskets.shelves import Baskets, as_dict, counted, drawn, occurrences

MEASURES = {"support": "support", "confidence": "confidence", "lift": "lift", "leverage": "leverage",
            "conviction": "conviction", "zhang": "zhangs_metric"}  # fmt: skip
EVERY = RuleLimits(min_confidence=0, min_lift=0, single_consequent=False, most_rules=10**7)
Sides = tuple[frozenset[int], frozenset[int]]


def sides(found: Itemsets, rules: Rules) -> list[Sides]:
    """What the rules say, by items."""
    flat = [frozenset(items) for of_length in found.items for items in of_length.tolist()]
    return [
        (flat[antecedents], flat[consequents])
        for antecedents, consequents in zip(rules.antecedents, rules.consequents, strict=True)
    ]


def found_rules(baskets: Baskets, items: int, min_count: int, *, single: bool = False) -> tuple[Itemsets, Rules]:
    """All rules of baskets."""
    found = mine(occurrences(baskets, items), Search(min_count))
    return found, all_rules(found, len(baskets), single_consequent=single, most_rules=10**7)


@pytest.mark.parametrize("seed", range(3))
def test_the_measures_are_those_of_mlxtend(seed: int) -> None:
    from mlxtend.frequent_patterns import association_rules

    baskets = [*drawn(seed, 600, 30, 4), *[frozenset({28, 29})] * 12]  # 29 without 28 is rare, or never
    baskets = [basket | {28} if 29 in basket else basket for basket in baskets]
    found, rules = found_rules(baskets, 30, 12)
    told = pd.DataFrame(
        [(frozenset(items), count / len(baskets)) for items, count in as_dict(found).items()],
        columns=["itemsets", "support"],
    )
    theirs = association_rules(told, num_itemsets=len(baskets), metric="support", min_threshold=0.0)
    by_sides = {(row.antecedents, row.consequents): row for row in theirs.itertuples()}
    ours = dict(zip(sides(found, rules), range(len(rules)), strict=True))
    assert ours.keys() == by_sides.keys()
    assert np.isinf(rules.conviction).any()
    assert rules.length.max() > 2
    for name, their_name in MEASURES.items():
        values = getattr(rules, name)
        expected = [getattr(by_sides[rule], their_name) for rule in ours]
        np.testing.assert_allclose(values, expected, rtol=1e-9, atol=1e-12)


@given(st.lists(st.frozensets(st.integers(0, 5), max_size=5), min_size=4, max_size=20))
@settings(max_examples=40, deadline=None)
def test_a_rule_is_redundant_where_fewer_antecedents_do_as_well(baskets: Baskets) -> None:
    found, rules = found_rules(baskets, 6, 2)
    counts = counted(baskets, 1)

    def confidence(antecedents: frozenset[int], consequents: frozenset[int]) -> float:
        both = counts.get(tuple(sorted(antecedents | consequents)), 0)
        return both / (counts[tuple(sorted(antecedents))] if antecedents else len(baskets))

    for (antecedents, consequents), told in zip(sides(found, rules), rules.is_redundant.tolist(), strict=True):
        shorter = [
            confidence(frozenset(fewer), consequents)
            for size in range(len(antecedents))
            for fewer in combinations(sorted(antecedents), size)
        ]
        assert told == (confidence(antecedents, consequents) <= max(shorter))


def test_single_consequents_are_asked_for() -> None:
    baskets = drawn(1, 300, 12, 4)
    found, every = found_rules(baskets, 12, 12)
    found, single = found_rules(baskets, 12, 12, single=True)
    assert set(sides(found, single)) == {rule for rule in sides(found, every) if len(rule[1]) == 1}
    kept = {
        rule: value for rule, value in zip(sides(found, every), every.is_redundant, strict=True) if len(rule[1]) == 1
    }
    assert dict(zip(sides(found, single), single.is_redundant, strict=True)) == kept


def test_too_many_rules_stop_with_a_hint() -> None:
    with pytest.raises(TooManyItemsetsError, match=r"baskets\.most_rules"):
        all_rules(
            mine(occurrences([frozenset(range(9))] * 2, 9), Search(2)), 2, single_consequent=False, most_rules=999
        )


def test_without_pairs_there_are_no_rules() -> None:
    for baskets in ([], [frozenset({1})], [frozenset({1}), frozenset({2})]):
        _, rules = found_rules(baskets, 3, 1)
        assert len(rules) == 0
        assert rules.is_redundant.tolist() == []


@given(st.data())
@settings(max_examples=120, deadline=None)
def test_tails_are_those_of_the_hypergeometric_distribution(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 400))
    first, second = data.draw(st.integers(1, size)), data.draw(st.integers(1, size))
    both = data.draw(st.integers(max(0, first + second - size), min(first, second)))
    given_ = np.array([both]), np.array([first]), np.array([second])
    above, below = stats.hypergeom.sf(both - 1, size, first, second), stats.hypergeom.cdf(both, size, first, second)
    np.testing.assert_allclose(at_least(*given_, size), above, rtol=1e-8, atol=1e-13)
    np.testing.assert_allclose(at_most(*given_, size), below, rtol=1e-8, atol=1e-13)


def test_a_p_value_is_that_of_fishers_test_also_far_out() -> None:
    table = [[90, 10], [400, 18_000]]
    expected = stats.fisher_exact(table, alternative="greater").pvalue
    assert expected < 1e-50
    found = at_least(np.array([90]), np.array([100]), np.array([490]), 18_500)
    np.testing.assert_allclose(found, expected, rtol=1e-7)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
def test_false_discovery_rates_are_those_of_scipy(p_values: list[float]) -> None:
    found = false_discovery_rates(np.array(p_values), len(p_values))
    np.testing.assert_allclose(found, stats.false_discovery_control(p_values), rtol=1e-12)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_some_of_a_family_are_adjusted_as_in_the_whole(p_values: list[float], block: int) -> None:
    every = np.array(p_values)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(significance, "BLOCK", block)
        found = adjusted_among(every[::3].copy(), every.copy())
    np.testing.assert_allclose(found, stats.false_discovery_control(every)[::3], rtol=1e-12)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
def test_no_adjusted_p_value_is_below_its_own(counts: list[int]) -> None:
    both, first = np.array(counts), np.array(counts) + 3
    p_values = at_least(both, first, first + 5, 59)
    assert (false_discovery_rates(p_values, len(p_values)) >= p_values).all()
    assert (at_least(both, first + 5, first, 59) == p_values).all()


def test_a_rule_that_just_reaches_the_least_lift_does_so_both_ways() -> None:
    # 6 of 50 baskets hold both, 10 and 25 one: 6 * 50 / (10 * 25) = 1.2
    for first, second in ((10, 25), (25, 10)):
        assert measures(np.array([6]), np.array([first]), np.array([second]), 50)["lift"] >= 1.2


def test_tests_that_are_not_at_hand_count_as_found_by_chance() -> None:
    p_values = np.array([0.001, 0.02, 0.2])
    whole = false_discovery_rates(np.append(p_values, np.ones(97)), 100)
    np.testing.assert_allclose(false_discovery_rates(p_values, 100), whole[:3])


def test_weeks_are_divided_at_a_monday() -> None:
    days = np.sort(np.random.default_rng(1).choice(np.arange("2023-01-04", "2023-07-01", dtype="datetime64[D]"), 500))
    first = first_later_basket(days, 0.25)
    assert first is not None
    # 26 weeks from the one of Wednesday, 4 January on; a quarter of them, rounded to even, is 6
    monday = np.datetime64("2023-05-22")
    assert days[first] >= monday > days[first - 1]


def test_earlier_rules_are_those_of_the_earlier_baskets_and_later_figures_those_of_the_later() -> None:
    baskets, cut = drawn(5, 800, 20, 4), 600
    tried = try_later(occurrences(baskets, 20), cut, Search(15), EVERY)
    found, alone = found_rules(baskets[:cut], 20, 15)
    assert sides(tried.itemsets, tried.rules) == sides(found, alone)
    np.testing.assert_array_equal(tried.rules.lift, alone.lift)
    later = baskets[cut:]
    for (antecedents, consequents), orders, confidence, lift in zip(
        sides(tried.itemsets, tried.rules), tried.orders, tried.confidence, tried.lift, strict=True
    ):
        with_first = [basket for basket in later if antecedents <= basket]
        with_both = sum(consequents <= basket for basket in with_first)
        share = sum(consequents <= basket for basket in later) / len(later)
        assert orders == with_both
        np.testing.assert_allclose(confidence, with_both / len(with_first))
        np.testing.assert_allclose(lift, with_both / len(with_first) / share)


def test_what_happens_later_changes_nothing_that_is_found_earlier() -> None:
    baskets = drawn(6, 500, 20, 4)
    changed = [*baskets[:400], *drawn(99, 100, 20, 9)]
    tried = [try_later(occurrences(each, 20), 400, Search(12), EVERY) for each in (baskets, changed)]
    assert sides(tried[0].itemsets, tried[0].rules) == sides(tried[1].itemsets, tried[1].rules)
    np.testing.assert_array_equal(tried[0].rules.p_value, tried[1].rules.p_value)
    assert (tried[0].orders != tried[1].orders).any()
