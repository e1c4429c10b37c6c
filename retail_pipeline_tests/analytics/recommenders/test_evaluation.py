"""The champion has to earn it; measuring knows what is new and what is left of an order."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from retail_pipeline.analytics.recommenders.co_purchases import Partners
from retail_pipeline.analytics.recommenders.evaluation import (
    TEST,
    VALIDATION,
    Choice,
    Outcome,
    choose,
    customer_outcomes,
    metric_rows,
    one_of_each,
    product_outcomes,
    without_seed,
)
from retail_pipeline.analytics.recommenders.measures import DECISIVE
from retail_pipeline.analytics.recommenders.models import FOR_NEW, MODELS, Recommenders
from retail_pipeline_tests.analytics.recommenders.shops import TUNING, two_tastes

NAMES = np.array([f"C{number:03d}" for number in range(200)], dtype=object)
LUCK = np.random.default_rng(5).random(200)


def outcome(model: str, split: str, gain: float, noise: float = 0.0) -> Outcome:
    """A model that is ahead of luck by a gain that differs from customer to customer."""
    differs = noise * np.random.default_rng(len(model)).normal(size=200)
    return Outcome(model, "2024-05-01", split, NAMES, {DECISIVE: LUCK + gain + differs}, {})


def race(validation: float, test: float, noise: float = 0.1) -> Choice:
    """A challenger against two baselines, by how far it is ahead of the better one."""
    return choose(
        [
            *(outcome("popularity", split, 0.0) for split in (VALIDATION, TEST)),
            *(outcome("buy_again", split, 0.2) for split in (VALIDATION, TEST)),
            outcome("blend", VALIDATION, 0.2 + validation, noise),
            outcome("blend", TEST, 0.2 + test, noise),
        ],
        least_customers=100,
    )


def test_who_is_ahead_in_both_windows_is_champion() -> None:
    choice = race(0.05, 0.05)
    assert choice.champion == "blend"
    assert choice.gain_lower is not None
    assert 0 < choice.gain_lower < 0.05 < choice.gain_upper < 0.1  # type: ignore[operator]


@pytest.mark.parametrize(
    ("validation", "test", "reason"),
    [
        (0.002, 0.05, "not ahead of buy_again"),
        (-0.05, 0.05, "not ahead"),
        (0.05, -0.05, "not beyond chance in the last"),
    ],
)
def test_else_the_best_baseline_serves_and_it_is_said_why(validation: float, test: float, reason: str) -> None:
    choice = race(validation, test)
    assert choice.champion == "buy_again"
    assert reason in choice.reason


def test_too_few_customers_to_tell_leave_what_is_popular() -> None:
    choice = choose([outcome("popularity", VALIDATION, 0), outcome("blend", VALIDATION, 1)], least_customers=100)
    assert (choice.champion, choice.gain) == ("popularity", None)
    assert choice.reason == "measured on 0 customers or orders, fewer than 100"
    assert choose([], least_customers=10).champion == "popularity"


def test_chance_rarely_crowns_a_challenger_that_is_no_better() -> None:
    crowned = 0
    for seed in range(40):
        noise = np.random.default_rng(seed).normal(size=(2, 200))
        outcomes = [outcome("popularity", split, 0) for split in (VALIDATION, TEST)]
        for split, differs in zip((VALIDATION, TEST), noise, strict=True):
            outcomes.append(Outcome("blend", "2024-05-01", split, NAMES, {DECISIVE: LUCK + 0.1 * differs}, {}))
        crowned += choose(outcomes, least_customers=100).champion == "blend"
    assert crowned <= 1


def test_rows_hold_each_measure_within_its_interval_and_name_the_champion() -> None:
    recommenders = Recommenders(two_tastes(), TUNING)
    customers = np.arange(60, dtype=np.int32)
    bought = csr_matrix(np.eye(21)[10 * (customers % 2) + customers % 10])
    of_all, of_new = customer_outcomes(recommenders, customers, bought, ("2024-05-01", TEST), NAMES[:60])
    assert [one.model for one in of_all] == list(MODELS)
    assert [one.model for one in of_new] == list(FOR_NEW)
    rows = metric_rows(of_all, "blend")
    assert len(rows) == len(MODELS) * 5 * 3
    assert {row["model"] for row in rows if row["is_champion"]} == {"blend"}
    assert {row["model"] for row in rows if row["is_baseline"]} == {"popularity", "buy_again"}
    with_interval = [row for row in rows if row["lower"] is not None]
    assert {row["metric"].split("_at_")[0] for row in rows if row["lower"] is None} == {"coverage"}
    assert all(row["lower"] <= row["value"] <= row["upper"] for row in with_interval)


def test_new_counts_only_what_a_customer_had_not_bought() -> None:
    shop = two_tastes()
    recommenders = Recommenders(shop, TUNING)
    customers = np.arange(60, dtype=np.int32)
    _, of_new = customer_outcomes(recommenders, customers, shop.orders.sign(), ("2024-05-01", TEST), NAMES[:60])
    assert {len(one.customers) for one in of_new} == {0}
    assert [row["metric"] for row in metric_rows(of_new, "popularity") if row["lower"] is not None] == []


def test_what_is_new_and_of_their_taste_is_found_by_tastes_only() -> None:
    shop = two_tastes()
    customers = np.arange(60, dtype=np.int32)
    of_taste = (np.arange(21)[None, :] // 10 == (customers % 2)[:, None]) & (np.arange(21) < 20)
    new = csr_matrix(of_taste & (shop.orders.toarray() == 0), dtype=np.float64)
    _, of_new = customer_outcomes(Recommenders(shop, TUNING), customers, new, ("2024-05-01", TEST), NAMES[:60])
    recall = {one.model: one.told["recall_at_5"].mean() for one in of_new}
    assert recall["item_item"] == 1
    assert min(recall["matrix_factorisation"], recall["blend"]) > 0.9
    assert recall["popularity"] < 0.8


def test_one_product_of_a_basket_leaves_the_rest() -> None:
    baskets = csr_matrix(np.array([[1.0, 1, 0, 1], [0, 1, 0, 0], [1, 0, 1, 0]]))
    seeds = one_of_each(baskets)
    assert baskets.toarray()[np.arange(3), seeds].tolist() == [1, 1, 1]
    rest = without_seed(baskets, seeds)
    assert np.diff(rest.indptr).tolist() == [2, 0, 1]
    assert rest.toarray()[np.arange(3), seeds].tolist() == [0, 0, 0]


def test_partners_are_measured_on_the_rest_of_a_basket() -> None:
    shop = two_tastes()
    partners = Partners(shop.orders.sign(), shop, least=1)
    baskets = shop.orders.sign()[:, :20].tocsr()
    seeds = one_of_each(baskets)
    rest = csr_matrix(without_seed(baskets, seeds), shape=(60, 21))
    told = {
        one.model: one.told["recall_at_10"].mean()
        for one in product_outcomes(partners, shop, seeds, rest, ("2024-05-01", TEST), NAMES[:60])
    }
    # nine others are of the same taste, and none of the other
    assert told["co_purchase"] == 1
    assert told["popularity"] < 0.8
