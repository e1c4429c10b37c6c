"""Substitutes: found where they are planted, and not where size, season or taste keep products apart."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from retail_pipeline.analytics.baskets.chance import Strata, expected_of_pairs, expected_together, size_classes
from retail_pipeline.analytics.baskets.occurrences import Occurrences
from retail_pipeline.analytics.baskets.substitutes import SubstituteLimits, Substitutes, find_substitutes

LIMITS = SubstituteLimits(most_lift=0.33, least_lift_apart=1.0, least_expected=5.0, false_discovery_rate=0.05)
LOOSE = replace(LIMITS, most_lift=1.0, least_lift_apart=0.0, least_expected=0.5, false_discovery_rate=1.0)


def held_of(holds: NDArray[np.bool_]) -> Occurrences:
    """From a matrix of baskets by items."""
    baskets, items = np.nonzero(holds)
    return Occurrences.from_pairs(baskets, items, *holds.shape)


def find(
    holds: NDArray[np.bool_], months: NDArray[np.int64], customers: NDArray[np.int64], limits: SubstituteLimits
) -> Substitutes:
    """Of baskets that hold nothing else."""
    return find_substitutes(held_of(holds), months, holds.sum(axis=1), customers, limits)


def draw(rates: NDArray[np.float64], scale: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Baskets that hold each item independently, some baskets larger than others; shape (baskets, items)."""
    return rng.random((len(scale), rates.shape[-1])) < -np.expm1(-rates * scale[:, None])


def shop(seed: int, baskets: int = 6_000) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]:
    """Independent products, sizes that vary widely with the customer; three months."""
    rng = np.random.default_rng(seed)
    customers = np.sort(rng.integers(0, baskets // 5, baskets))
    scale = rng.gamma(1, 1, baskets // 5)[customers] * rng.gamma(2, 0.5, baskets)
    order = rng.permutation(baskets)
    holds = draw(np.full(30, 0.12), scale[order], rng)
    return holds, customers[order], np.arange(baskets) * 3 // baskets


def plant(holds: NDArray[np.bool_], first: int, second: int, share: float, seed: int) -> None:
    """Take one of two products out of most baskets with both."""
    rng = np.random.default_rng(seed)
    both = np.flatnonzero(holds[:, first] & holds[:, second])
    both = both[rng.random(len(both)) >= share]
    goes = np.where(rng.random(len(both)) < 0.5, first, second)
    holds[both, goes] = False


def test_expected_numbers_add_up_over_the_strata() -> None:
    rng = np.random.default_rng(3)
    counts, weights = rng.integers(0, 50, (4, 6)).astype(float), rng.random(6) / 100
    expected = expected_together(counts, weights, range(1, 3))
    for row, item in enumerate((1, 2)):
        for other in range(4):
            by_hand = sum(counts[item, stratum] * counts[other, stratum] * weights[stratum] for stratum in range(6))
            assert expected[row, other] == pytest.approx(by_hand, abs=1e-6)


def test_the_expected_number_of_a_pair_is_that_of_all_pairs() -> None:
    holds, _, months = shop(seed=1, baskets=500)
    strata = Strata.of(held_of(holds), months, holds.sum(axis=1))
    first, second = np.triu_indices(30, k=1)
    of_all = expected_together(strata.counts, strata.weights, range(30))[first, second]
    assert expected_of_pairs(strata, first, second) == pytest.approx(of_all, abs=1e-6)


def test_baskets_of_one_item_bring_nothing_together() -> None:
    holds = np.eye(2, dtype=bool).repeat(50, axis=0)
    strata = Strata.of(held_of(holds), np.zeros(100, dtype=np.int64), np.ones(100, dtype=np.int64))
    assert expected_together(strata.counts, strata.weights, range(2)).tolist() == [[0, 0], [0, 0]]


def test_expected_numbers_of_all_pairs_are_the_pairs_there_are() -> None:
    """However unequal the baskets: taken for independent, there would be half as many."""
    holds, _, months = shop(seed=1)
    held = held_of(holds)
    strata = Strata.of(held, months, holds.sum(axis=1))
    expected = np.triu(expected_together(strata.counts, strata.weights, range(30)), k=1).sum()
    sizes = holds.sum(axis=1)
    pairs = (sizes * (sizes - 1) // 2).sum()
    assert expected == pytest.approx(pairs)
    assert (np.triu(np.outer(held.counts, held.counts), k=1) / len(holds)).sum() < 0.6 * pairs


def test_independent_products_are_no_substitutes_however_unequal_the_baskets() -> None:
    found = 0
    for seed in range(5):
        holds, customers, months = shop(seed)
        found += len(find(holds, months, customers, replace(LIMITS, most_lift=1.0)))
    assert found == 0


def test_planted_substitutes_are_found_and_nothing_else() -> None:
    holds, customers, months = shop(seed=2)
    plant(holds, 4, 17, share=0.1, seed=0)
    plant(holds, 9, 20, share=0.1, seed=1)
    found = find(holds, months, customers, LIMITS)
    assert set(zip(found.first.tolist(), found.second.tolist(), strict=True)) == {(4, 17), (9, 20)}
    assert (
        found.orders == [(holds[:, i] & holds[:, j]).sum() for i, j in zip(found.first, found.second, strict=True)]
    ).all()
    assert found.tested == 30 * 29 / 2


def test_what_other_customers_like_is_no_substitute() -> None:
    rng = np.random.default_rng(5)
    baskets = 6_000
    customers, months = rng.integers(0, 1_000, baskets), np.zeros(baskets, dtype=np.int64)
    rates = np.full((baskets, 30), 0.1)
    rates[customers % 2 == 0, 0] = rates[customers % 2 == 1, 1] = 0.0
    rates[customers % 2 == 1, 0] = rates[customers % 2 == 0, 1] = 0.3
    holds = draw(rates, np.ones(baskets), rng)
    assert len(find(holds, months, customers, LIMITS)) == 0
    apart = find(holds, months, customers, LOOSE)
    (place,) = np.flatnonzero((apart.first == 0) & (apart.second == 1))
    assert (apart.lift[place], apart.lift_apart[place]) == (0, 0)


def test_what_leaves_no_room_in_a_basket_is_no_substitute() -> None:
    """Two products come as a bundle, in baskets that are otherwise as full as others; rare products are no items."""
    rng = np.random.default_rng(8)
    baskets, customers = 12_000, rng.integers(0, 2_000, 12_000)
    holds = np.zeros((baskets, 40), dtype=bool)
    for basket, size in enumerate(rng.integers(2, 5, baskets)):
        if rng.random() < 0.1:
            holds[basket, :2] = True
        more = size - holds[basket].sum()
        holds[basket, rng.choice(np.arange(2, 40), more, replace=False)] = True
    frequent = held_of(holds[:, :12])
    months = np.zeros(baskets, dtype=np.int64)
    found = find_substitutes(frequent, months, holds.sum(axis=1), customers, LIMITS)
    assert len(found) == 0
    assert len(find(holds[:, :12], months, customers, LIMITS)) > 0  # by the number of frequent items it would be


def test_what_is_sold_in_other_months_is_no_substitute() -> None:
    holds, customers, months = shop(seed=6)
    holds[months == 0, 3] = False
    holds[months > 0, 8] = False
    found = find(holds, months, customers, replace(LIMITS, most_lift=1.0))
    assert (3, 8) not in zip(found.first.tolist(), found.second.tolist(), strict=True)


def test_the_lift_apart_is_that_of_all_pairs_of_a_customers_baskets() -> None:
    rng = np.random.default_rng(7)
    holds = rng.random((60, 5)) < 0.4
    customers, months = rng.integers(-1, 12, 60), np.arange(60) // 30
    held = held_of(holds)
    strata = Strata.of(held, months, holds.sum(axis=1))
    shares = strata.counts / strata.baskets
    found = find(holds, months, customers, LOOSE)
    assert len(found) > 3
    for place, (first, second) in enumerate(zip(found.first, found.second, strict=True)):
        met = expected = 0.0
        for basket, other in itertools.permutations(range(60), 2):
            if customers[basket] == customers[other] >= 0:
                weight = 1 / ((customers == customers[basket]).sum() - 1)
                met += weight * (holds[basket, first] & holds[other, second])
                expected += weight * shares[first, strata.of_basket[basket]] * shares[second, strata.of_basket[other]]
        assert found.lift_apart[place] == pytest.approx(met / expected)


def test_numbers_of_customers_and_guests_baskets_change_nothing_but_the_lift_apart() -> None:
    holds, customers, months = shop(seed=2)
    plant(holds, 4, 17, share=0.1, seed=0)
    found = find(holds, months, customers, LIMITS)
    renumbered = find(holds, months, np.random.default_rng(0).permutation(1_200)[customers], LIMITS)
    assert renumbered.lift_apart == pytest.approx(found.lift_apart)
    guests = np.where(np.arange(len(customers)) % 10 == 0, -1, customers)
    some = find(holds, months, guests, LIMITS)
    assert some.p_value.tolist() == found.p_value.tolist()
    nobody = find(holds, months, np.full(len(customers), -1), LIMITS)
    assert len(nobody) == 0


def test_no_baskets_have_no_substitutes() -> None:
    nothing = np.zeros(0, dtype=np.int64)
    assert len(find(np.zeros((0, 0), dtype=bool), nothing, nothing, LIMITS)) == 0
    assert size_classes(nothing).tolist() == []
