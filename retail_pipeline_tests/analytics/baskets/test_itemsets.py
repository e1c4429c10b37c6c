"""Itemsets are those that counting every subset finds, and those that mlxtend finds."""

import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retail_pipeline.analytics.baskets import itemsets, pair_counts
from retail_pipeline.analytics.baskets.itemsets import Search, least_count, mine
from retail_pipeline.analytics.baskets.occurrences import Occurrences
from retail_pipeline.errors import TooManyItemsetsError
from retail_pipeline_tests.analytics.baskets.shelves import Baskets, as_dict, counted, drawn, occurrences

ITEMS = 9
SHELVES = st.lists(st.frozensets(st.integers(0, ITEMS - 1), max_size=7), max_size=40)


def one_hot(baskets: Baskets, items: int) -> pd.DataFrame:
    """Baskets as mlxtend takes them."""
    return pd.DataFrame([[item in basket for item in range(items)] for basket in baskets], columns=range(items))


@given(SHELVES, st.integers(1, 6), st.sampled_from([None, 1, 2, 3]))
@settings(max_examples=150, deadline=None)
def test_every_frequent_subset_is_found_with_its_count_and_no_other(
    baskets: Baskets, min_count: int, max_length: int | None
) -> None:
    found = mine(occurrences(baskets, ITEMS), Search(min_count, max_length))
    assert as_dict(found) == counted(baskets, min_count, max_length)


@pytest.mark.parametrize("seed", range(4))
def test_the_itemsets_are_those_of_mlxtend(seed: int) -> None:
    from mlxtend.frequent_patterns import apriori, fpgrowth

    baskets, items, support = drawn(seed, 700, 40, 5), 40, 0.02
    found = mine(occurrences(baskets, items), Search(least_count(support, len(baskets))))
    ours = {frozenset(of): count for of, count in as_dict(found).items()}
    assert max(map(len, ours)) > 2
    for reference in (apriori, fpgrowth):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            told = reference(one_hot(baskets, items), min_support=support, use_colnames=True)
        theirs = zip(told["itemsets"], told["support"], strict=True)
        assert {frozenset(of): round(share * len(baskets)) for of, share in theirs} == ours


@pytest.mark.parametrize("limit", ["MOST_CLASS_BYTES", "MOST_COUNT_BYTES"])
def test_nothing_changes_where_memory_is_short(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    held = occurrences(drawn(1, 900, 30, 6), 30)
    plenty = as_dict(mine(held, Search(20, period_starts=(0, 100, 500))))
    monkeypatch.setattr(itemsets, limit, 40)
    assert as_dict(mine(held, Search(20, period_starts=(0, 100, 500)))) == plenty


def test_longer_itemsets_take_the_memory_of_a_class_a_length_and_no_more() -> None:
    baskets, items = np.nonzero(np.random.default_rng(1).random((60_000, 40)) < 0.5)
    held = Occurrences.from_pairs(baskets, items, 60_000, 40)
    peaks = []
    for length in (2, 3):
        tracemalloc.start()
        found = mine(held, Search(6_000, max_length=length))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert len(found.items[2]) == 40 * 39 * 38 / 6
    told = sum(numbers.nbytes + counts.nbytes for numbers, counts in zip(found.items, found.counts, strict=True))
    one_class = 40 * (30_000 // 64 + 2) * 8
    assert peaks[1] - peaks[0] < 2 * told + 4 * one_class  # all classes of one universe would be nineteen


def test_pairs_are_counted_across_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair_counts, "MOST_TILE_BYTES", 0)  # then a tile holds 512 baskets
    baskets = drawn(2, 1500, 20, 4)
    both = pair_counts.pair_counts(occurrences(baskets, 20))
    expected = {pair: count for pair, count in counted(baskets, 1, 2).items() if len(pair) == 2}
    assert {(int(i), int(j)): int(both[i, j]) for i, j in zip(*np.nonzero(both), strict=True)} == expected


@given(SHELVES, st.lists(st.integers(0, 40), max_size=3))
@settings(max_examples=60, deadline=None)
def test_counts_by_period_are_those_of_the_periods_baskets(baskets: Baskets, cuts: list[int]) -> None:
    starts = [0, *sorted(min(cut, len(baskets)) for cut in cuts)]
    found = mine(occurrences(baskets, ITEMS), Search(2, period_starts=starts))
    ends = [*starts[1:], len(baskets)]
    for items, counts in zip(found.items, found.counts, strict=True):
        for itemset, told in zip(items.tolist(), counts.tolist(), strict=True):
            by_hand = [
                sum(set(itemset) <= basket for basket in baskets[start:end])
                for start, end in zip(starts, ends, strict=True)
            ]
            assert told == by_hand


@given(SHELVES, st.integers(0, 40), st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_only_the_judged_periods_decide_what_is_frequent(baskets: Baskets, cut: int, min_count: int) -> None:
    cut = min(cut, len(baskets))
    found = mine(occurrences(baskets, ITEMS), Search(min_count, period_starts=(0, cut), judged=1))
    judged = {
        tuple(items): int(counts[0])
        for of_length, counted_in in zip(found.items, found.counts, strict=True)
        for items, counts in zip(of_length.tolist(), counted_in, strict=True)
    }
    assert judged == counted(baskets[:cut], min_count)


def test_the_order_of_baskets_changes_nothing() -> None:
    baskets = drawn(3, 500, 25, 5)
    assert as_dict(mine(occurrences(baskets[::-1], 25), Search(15))) == as_dict(
        mine(occurrences(baskets, 25), Search(15))
    )


def test_a_search_for_too_many_stops_and_says_how_many_there_were() -> None:
    baskets = [frozenset(range(24))] * 3  # 16,777,215 itemsets
    with pytest.raises(TooManyItemsetsError, match=r"baskets.most_itemsets = 5,000: .*baskets\.min_support") as stopped:
        mine(occurrences(baskets, 24), Search(3, most_itemsets=5_000))
    assert 5_000 < stopped.value.found < 6_000


@pytest.mark.parametrize(("support", "baskets"), [(0.01, 18_532), (0.1, 30), (0.29, 100), (1.0, 7), (0.0001, 50)])
def test_the_least_count_is_the_first_whose_share_reaches_the_support(support: float, baskets: int) -> None:
    least = least_count(support, baskets)
    assert least / baskets >= support
    assert least == 1 or (least - 1) / baskets < support


def test_candidates_are_the_pairs_that_differ_in_the_last_item() -> None:
    baskets = [frozenset({0, 1, 2, 3})] * 2 + [frozenset({0, 4})] * 2
    found = mine(occurrences(baskets, 5), Search(2))
    # 5 items, their 10 pairs; of the frequent 01 02 03 04, 12 13, 23 the joins 6 + 1; of 012 013 023, 123 one
    assert found.candidates == [5, 10, 7, 1]


def test_capped_baskets_keep_what_most_baskets_hold() -> None:
    held, cut = occurrences([frozenset({0, 1, 2}), frozenset({1, 2}), frozenset({2})], 3).capped(2)
    assert [held.of(item).tolist() for item in range(3)] == [[], [0, 1], [0, 1, 2]]
    assert cut == 1


def test_a_basket_counts_an_item_once() -> None:
    held = Occurrences.from_pairs(np.array([0, 0, 0]), np.array([1, 1, 0]), size=1, item_count=2)
    assert held.counts.tolist() == [1, 1]


@given(SHELVES, st.integers(0, 40), st.integers(0, 40))
@settings(max_examples=60, deadline=None)
def test_part_of_the_baskets_is_as_if_there_were_no_others(baskets: Baskets, first: int, end: int) -> None:
    first, end = sorted((min(first, len(baskets)), min(end, len(baskets))))
    part, alone = occurrences(baskets, ITEMS).between(first, end), occurrences(baskets[first:end], ITEMS)
    assert part.size == alone.size
    assert [part.of(item).tolist() for item in range(ITEMS)] == [alone.of(item).tolist() for item in range(ITEMS)]
