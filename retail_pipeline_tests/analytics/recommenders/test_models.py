"""Recommenders find tastes that are there, offer nothing out of range, and depend on nothing that does not matter."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from retail_pipeline.analytics.recommenders.co_purchases import PRODUCT_MODELS, Partners, likeness
from retail_pipeline.analytics.recommenders.factors import factorise
from retail_pipeline.analytics.recommenders.known import Codes
from retail_pipeline.analytics.recommenders.models import FOR_NEW, MODELS, Recommenders
from retail_pipeline.analytics.recommenders.ranking import best_of_rows, recommend
from retail_pipeline.analytics.recommenders.reasons import strongest_reasons
from retail_pipeline_tests.analytics.recommenders.shops import TUNING, known, two_tastes

EVERYBODY = np.arange(60, dtype=np.int32)


@pytest.fixture(scope="module")
def recommenders() -> Recommenders:
    return Recommenders(two_tastes(), TUNING)


def listed(recommenders: Recommenders, model: str, *, new_only: bool, count: int = 5) -> Codes:
    shop = recommenders.known
    own = shop.orders[EVERYBODY] if new_only else None
    scores = recommenders.block(EVERYBODY).scores(model)
    return recommend(scores, shop.in_range, count, own=own, popularity=shop.popularity)[0]


@pytest.mark.parametrize("model", MODELS)
def test_nothing_out_of_range_is_recommended(recommenders: Recommenders, model: str) -> None:
    assert not recommenders.known.in_range[20]
    assert 20 not in listed(recommenders, model, new_only=False, count=20)


@pytest.mark.parametrize("model", FOR_NEW)
def test_what_is_new_was_not_bought_before(recommenders: Recommenders, model: str) -> None:
    lists = listed(recommenders, model, new_only=True)
    assert (lists >= 0).all()
    assert not recommenders.known.orders.toarray()[EVERYBODY[:, None], lists].any()


@pytest.mark.parametrize("model", ["item_item", "matrix_factorisation", "blend"])
def test_customers_are_recommended_new_products_of_their_own_taste(recommenders: Recommenders, model: str) -> None:
    lists = listed(recommenders, model, new_only=True)
    of_their_taste = lists // 10 == (EVERYBODY % 2)[:, None]
    assert of_their_taste.mean() > 0.9


def test_popularity_knows_no_taste(recommenders: Recommenders) -> None:
    lists = listed(recommenders, "popularity", new_only=False)
    assert len(np.unique(lists, axis=0)) == 1


def test_what_was_bought_most_often_comes_first_then_what_was_bought_last_then_what_sells() -> None:
    shop = known([(0, 0, 3, 50), (0, 1, 1, 5), (0, 2, 1, 40), (0, 3, 1, 40), (1, 3, 9, 2)], (2, 4))
    scores = Recommenders(shop, TUNING).block(np.array([0])).scores("buy_again")
    assert best_of_rows(scores, 4)[0].tolist() == [[0, 1, 3, 2]]


def test_old_purchases_say_less() -> None:
    shop = known([(0, 0, 1, 5), (0, 1, 1, 300), (1, 0, 2, 5)], (2, 2))
    weights = Recommenders(shop, TUNING).weights.toarray()
    assert weights[0, 0] == pytest.approx(np.log1p(0.5 ** (5 / 120)))
    assert weights[1, 0] > weights[0, 0] > weights[0, 1] > 0


def test_popularity_trend_and_range_are_those_worked_out_by_hand() -> None:
    shop = known([(0, 0, 4, 14), (0, 1, 2, 28), (0, 2, 8, 61)], (1, 3))
    assert shop.popularity[:2].tolist() == [4 / 2, 2 / 4]
    assert shop.in_range.tolist() == [True, True, False]
    # of all sales of a product a half and a quarter are of lately; the median of the two is 3/8
    assert shop.trend[:2].tolist() == pytest.approx([4 / 3, 2 / 3])


def test_likeness_is_a_cosine_in_which_buyers_of_much_speak_softly() -> None:
    orders = csr_matrix(np.array([[1.0, 2, 0], [1, 1, 1], [0, 3, 1]]))
    like = likeness(orders, np.array([True, True, False]), 2).toarray()
    # of products 0 and 1: customers of two and of three products have both
    shared, of_0, of_1 = 1 / 2 + 1 / 3, 1 / 2 + 1 / 3, 1 / 2 + 1 / 3 + 1 / 2
    assert like[0, 1] == pytest.approx(shared / np.sqrt(of_0 * of_1), rel=1e-6)
    assert like[1, 0] == like[0, 1]
    assert np.diag(like).tolist() == [0, 0, 0]
    assert not like[2].any()


def test_the_score_of_what_goes_with_a_product_is_worked_out_by_hand() -> None:
    shop = known([(0, 0, 1, 1), (0, 1, 1, 1), (1, 0, 1, 1), (1, 1, 1, 1), (2, 1, 1, 1), (2, 2, 1, 1)], (3, 3))
    partners = Partners(shop.orders, shop, least=2)
    together = partners.together(np.array([1, 2]))
    assert together.tolist() == [[2, 0, 1], [0, 1, 0]]
    scores = partners.scores("co_purchase", np.array([1, 2]), together)
    assert scores[0].tolist() == pytest.approx([2 / 3 / 2**0.25, 0, 0])
    assert scores[1].tolist() == [0, 0, 0]


@pytest.mark.parametrize("model", PRODUCT_MODELS)
def test_no_product_goes_with_itself(recommenders: Recommenders, model: str) -> None:
    shop, products = recommenders.known, np.arange(20, dtype=np.int32)
    partners = Partners(shop.orders.sign(), shop, least=1)
    scores = partners.scores(model, products, partners.together(products))
    assert (recommend(scores, shop.in_range, 20)[0] != products[:, None]).all()


def test_ties_go_to_the_first_product_and_scores_never_rise() -> None:
    scores = np.random.default_rng(1).integers(0, 6, size=(200, 30)).astype(np.float64)
    places, values = best_of_rows(scores, 7)
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :7]
    assert places.tolist() == expected.tolist()
    assert values.tolist() == np.take_along_axis(scores, expected, axis=1).tolist()


def test_where_scores_say_nothing_popular_products_fill_up_with_a_score_of_zero() -> None:
    listed, values = recommend(
        np.array([[0.0, 0.4, 0.0, 0.9]]), np.array([True] * 4), 4, popularity=np.array([1.0, 0.0, 5.0, 2.0])
    )
    assert (listed.tolist(), [round(float(value), 4) for value in values[0]]) == ([[3, 1, 2, 0]], [0.9, 0.4, 0, 0])
    alone, _ = recommend(np.array([[0.0, 0.4, 0.0, 0.9]]), np.array([True] * 4), 4)
    assert alone.tolist() == [[3, 1, -1, -1]]


@pytest.mark.parametrize("model", MODELS)
def test_a_customers_scores_do_not_depend_on_who_is_asked_with_them(recommenders: Recommenders, model: str) -> None:
    together = recommenders.block(EVERYBODY).scores(model).astype(np.float32)
    alone = np.concatenate([recommenders.block(EVERYBODY[[one]]).scores(model) for one in EVERYBODY])
    assert np.array_equal(together, alone.astype(np.float32))


def test_factors_are_the_same_each_time_and_come_near_what_was_bought(recommenders: Recommenders) -> None:
    of_customers, of_products = factorise(recommenders.weights, 4)
    again, _ = factorise(recommenders.weights, 4)
    assert np.array_equal(of_customers, again)
    told = of_customers @ of_products.T
    bought = recommenders.known.orders.toarray() > 0
    assert told[bought].mean() > 0.6 > 0.2 > told[:, :20][~bought[:, :20]].mean()


def test_the_reason_is_the_own_product_most_like_the_one_recommended() -> None:
    weights = csr_matrix(np.array([[1.0, 0.5, 0, 0], [0, 0, 0, 1]]))
    neighbours = csr_matrix(np.array([[0, 0, 0, 0], [0, 0, 0, 0], [0.3, 0.9, 0, 0], [0.4, 0.8, 0, 0]]))
    found = strongest_reasons(weights, neighbours, np.array([0, 0, 1, 1]), np.array([2, 3, 2, 0]))
    # 0.5 x 0.9 is more than 0.3; 0.5 x 0.8 and 0.4 are equal, so the first; the second customer has nothing like it
    assert found.tolist() == [1, 0, -1, -1]


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (2, 3)])
def test_nothing_known_recommends_nothing(shape: tuple[int, int]) -> None:
    nothing = np.empty(0, dtype=np.int32)
    from retail_pipeline.analytics.recommenders.known import known_purchases

    shop = known_purchases((nothing, nothing, nothing, nothing), (nothing, nothing, nothing), shape, TUNING)
    block = Recommenders(shop, TUNING).block(np.arange(shape[0], dtype=np.int32))
    for model in MODELS:
        lists, _ = recommend(block.scores(model), shop.in_range, 5, popularity=shop.popularity)
        assert lists.size == 0
