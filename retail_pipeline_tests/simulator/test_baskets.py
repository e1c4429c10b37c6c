"""Baskets hold what the parameters say: values, products, bundles, substitutes, answers to prices."""

from datetime import date
from itertools import combinations
from math import exp, sqrt
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from retail_pipeline.simulator import StoreParameters, preset
from retail_pipeline.simulator.lines import Lines
from retail_pipeline.simulator.parameters import Event, Promotions, Taste
from retail_pipeline.simulator.store import Store
from retail_pipeline.simulator.truth import Truth
from retail_pipeline_tests.simulator.shops import plain, sales, traded

MEAN_PICKS, BUNDLE_SHARE = 4.0, 0.1


def held(lines: Lines, products: int) -> NDArray[np.bool_]:
    """Which orders hold which products: orders x products."""
    order = np.cumsum(lines.line_no == 1) - 1
    found = np.zeros((order[-1] + 1, products), dtype=np.bool_)
    found[order, lines.product] = True
    return found


@pytest.fixture(scope="module")
def planted() -> tuple[Store, NDArray[np.bool_]]:
    """A shop of independent products with planted bundles, and what its orders hold."""
    parameters = plain(customers=12_000, baskets={"mean_picks": MEAN_PICKS, "bundle_share": BUNDLE_SHARE})
    return Store(parameters), held(sales(traded(parameters)), parameters.catalogue.products)


def means(store: Store) -> tuple[NDArray[Any], NDArray[Any], float]:
    """How often an order chooses each product alone, each bundle, and whether it chooses at all."""
    catalogue = store.catalogue
    alone = MEAN_PICKS * (1 - BUNDLE_SHARE) * catalogue.share
    return alone, MEAN_PICKS * BUNDLE_SHARE * catalogue.bundle_share, 1 - exp(-MEAN_PICKS)


def test_products_are_in_as_many_orders_as_their_popularity_says(planted: tuple[Store, NDArray[np.bool_]]) -> None:
    store, orders = planted
    alone, whole, any_choice = means(store)
    for number, bundle in enumerate(store.catalogue.bundles):
        alone[list(bundle)] += whole[number]
    expected = (1 - np.exp(-alone)) / any_choice
    deviation = (orders.mean(axis=0) - expected) / np.sqrt(expected * (1 - expected) / len(orders))
    assert np.abs(deviation).max() < 4.5
    assert np.mean(deviation**2) == pytest.approx(1, abs=0.6)


def test_planted_bundles_are_together_as_often_as_worked_out_by_hand(planted: tuple[Store, NDArray[np.bool_]]) -> None:
    store, orders = planted
    alone, whole, any_choice = means(store)
    assert len(store.catalogue.bundles) == 12
    for number, bundle in enumerate(store.catalogue.bundles):
        for first, second in combinations(bundle, 2):
            x, y, w = alone[first], alone[second], whole[number]
            expected = (1 - exp(-x - w) - exp(-y - w) + exp(-x - y - w)) / any_choice
            both = (orders[:, first] & orders[:, second]).mean()
            assert abs(both - expected) < 4 * sqrt(expected * (1 - expected) / len(orders))


def test_other_products_are_together_by_chance_only(planted: tuple[Store, NDArray[np.bool_]]) -> None:
    store, orders = planted
    bundled = {product for bundle in store.catalogue.bundles for product in bundle}
    popular = [p for p in np.argsort(store.catalogue.rank).tolist() if p not in bundled][:12]
    _, _, any_choice = means(store)
    for first, second in combinations(popular, 2):
        # given that a basket is not empty, independent choices have a lift of the probability of that
        expected = any_choice * orders[:, first].mean() * orders[:, second].mean()
        both = (orders[:, first] & orders[:, second]).mean()
        assert abs(both - expected) < 4.5 * sqrt(expected / len(orders))


@pytest.mark.parametrize("name", ["demo", "grocer"])
def test_the_lifts_told_as_true_are_those_found(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    parameters = preset(name, customers=6_000 if name == "demo" else 400, dirt={"guests": 0.1})
    store = Store(parameters)
    truth, parts = Truth(store, tmp_path_factory.mktemp("truth")), []
    for window in store.trade(see=truth.see_customers):
        truth.see(window)
        parts.append(window.lines)
    orders = held(sales(Lines.joined(parts)), parameters.catalogue.products)
    pairs = truth._pairs.columns()
    assert pairs["orders"][0] == len(orders)
    lifts: dict[str, list[float]] = {"bundle": [], "substitutes": []}
    for place, kind in enumerate(pairs["kind"].to_pylist()):
        first, second = (int(pairs[f"product_{which}"][place].as_py()[1:]) - 1 for which in "ab")
        expected = pairs["expected_orders_both"][place]
        found = np.count_nonzero(orders[:, first] & orders[:, second])
        assert abs(found - expected) < 4.5 * sqrt(expected) + 1
        assert abs(np.count_nonzero(orders[:, first]) - pairs["expected_orders_a"][place]) < 4.5 * sqrt(
            pairs["expected_orders_a"][place]
        )
        lifts[kind].append(pairs["lift"][place])
    assert min(lifts["bundle"]) > 2
    assert max(lifts["substitutes"]) < 0.5


def test_orders_of_one_piece_are_gamma_gamma_to_the_penny() -> None:
    parameters = preset("btyd", customers=30_000)
    (tier,) = parameters.tiers
    lines = sales(traded(parameters))
    assert (lines.units == 1).all()
    first = lines.pence[lines.number == 0] / 100
    # gamma(p, nu) with nu ~ gamma(q, gamma): z / (z + gamma) is beta(p, q)
    assert stats.kstest(first / (first + tier.gamma), stats.beta(tier.p, tier.q).cdf).pvalue > 0.001
    second = np.zeros(30_000)
    second[lines.customer[lines.number == 1]] = lines.pence[lines.number == 1] / 100
    by_customer = np.zeros(30_000)
    by_customer[lines.customer[lines.number == 0]] = first
    both = second > 0
    # the same customer's orders share its nu: var(nu part) / var = p / (p + q - 1), about
    shared = np.corrcoef(np.log(by_customer[both]), np.log(second[both]))[0, 1]
    spread_between, spread_within = (float(stats.loggamma(shape).var()) for shape in (tier.q, tier.p))
    expected = spread_between / (spread_between + spread_within)
    assert abs(shared - expected) < 4 / sqrt(np.count_nonzero(both))


def test_order_values_are_on_average_what_the_model_says_where_nothing_else_is_at_work() -> None:
    parameters = plain(customers=8_000, baskets={"mean_picks": None, "more_units": 0.3})
    store = Store(parameters)
    lines = sales(traded(parameters))
    (tier,) = parameters.tiers
    value = lines.amount.sum() / np.count_nonzero(lines.line_no == 1) / 100
    choice = store.offers.value_per_choice()[0] / 100
    draws = stats.beta(tier.p, tier.q).ppf((np.arange(20_000) + 0.5) / 20_000)
    expected = np.maximum(tier.gamma * draws / (1 - draws), choice).mean()
    assert value == pytest.approx(expected, rel=0.03)


def test_a_lower_price_sells_more_as_the_elasticity_says() -> None:
    parameters = plain(customers=12_000, promotions=Promotions(per_month=25, products=2, days=14, discounts=(0.3, 0.5)))
    store = Store(parameters)
    lines = sales(traded(parameters))
    days, products = store.clock.days, parameters.catalogue.products
    sold = np.zeros((days, products))
    np.add.at(sold, (store.clock.day_of(lines.ts), lines.product), 1)
    discount = store.offers.of_days(0, days).discount
    orders = np.bincount(store.clock.day_of(lines.ts[lines.line_no == 1]), minlength=days)
    bundled = [product for bundle in store.catalogue.bundles for product in bundle]
    discount[:, bundled] = np.nan
    popularity = store.offers.usual[0]
    elasticity = parameters.catalogue.categories[0].elasticity
    for depth in (0.3, 0.5):
        cells = discount == depth
        expected = (orders[:, None] * (1 - np.exp(-4 * popularity * (1 - depth) ** -elasticity)))[cells].sum()
        expected /= 1 - exp(-4)  # a little less, as promotions make empty baskets rarer
        found = sold[cells].sum()
        assert abs(found / expected - 1) < 4 / sqrt(found) + 0.015


def test_discounts_are_those_of_the_promotions() -> None:
    parameters = preset("calm", customers=500)
    store, lines = Store(parameters), sales(traded(preset("calm", customers=500)))
    offer = store.offers.of_days(0, store.clock.days)
    asked = offer.discount[store.clock.day_of(lines.ts), lines.product]
    assert (np.abs(lines.discount - asked * lines.units * lines.pence) <= 0.5).all()
    assert 0.03 < (lines.discount > 0).mean() < 0.3


def test_customers_choose_their_favourites_more_often() -> None:
    tastes = (Taste(name="even", share=1), Taste(name="gardener", share=1, favourites={"garden": 8}))
    parameters = preset("calm", customers=4_000, tastes=tastes, baskets={"bundles": 0})
    store, lines = Store(parameters), sales(traded(parameters))
    taste = store.population.traits(lines.customer.astype(np.int64)).taste
    garden = [kind.name for kind in parameters.catalogue.categories].index("garden")
    odds = []
    for number in (0, 1):
        mine = lines.take(taste == number)
        share = np.average(store.catalogue.category[mine.product] == garden, weights=mine.units)
        odds.append(share / (1 - share))
    assert odds[1] / odds[0] == pytest.approx(8, rel=0.12)


def event_shop(event: Event) -> tuple[Store, Lines]:
    parameters = preset("calm", customers=6_000, events=(event,), promotions=Promotions(per_month=0))
    return Store(parameters), sales(traded(parameters))


def in_days(store: Store, lines: Lines, first: date, last: date) -> NDArray[np.bool_]:
    day = store.clock.day_of(lines.ts)
    return np.asarray((day >= store.clock.day(first)) & (day <= store.clock.day(last)))


def test_a_product_out_of_stock_is_not_sold_and_comes_back() -> None:
    event = Event(kind="stock_out", name="gone", product_rank=1, first=date(2023, 6, 1), last=date(2023, 7, 31))
    store, lines = event_shop(event)
    best = int(np.argmin(store.catalogue.rank))
    assert not (lines.product[in_days(store, lines, event.first, event.end)] == best).any()
    assert (lines.product[in_days(store, lines, date(2023, 8, 1), date(2023, 9, 30))] == best).sum() > 20


def test_a_viral_product_sells_so_many_times_as_often() -> None:
    event = Event(
        kind="viral", name="seen", product_rank=60, first=date(2023, 9, 1), last=date(2023, 10, 31), factor=12
    )
    store, lines = event_shop(event)
    product = int(np.flatnonzero(store.catalogue.rank == 60)[0])
    during, usual = (
        in_days(store, lines, *days) for days in ((event.first, event.end), (date(2023, 7, 1), date(2023, 8, 31)))
    )
    shares = [(lines.product[days] == product).mean() for days in (usual, during)]
    few = np.count_nonzero(lines.product[usual] == product)
    assert shares[1] / shares[0] == pytest.approx(12, rel=4 / sqrt(few) + 0.1)


def test_a_price_rise_stays_and_lowers_demand() -> None:
    event = Event(kind="price_rise", name="dearer", category="kitchen", first=date(2023, 7, 1), factor=1.5)
    store, lines = event_shop(event)
    kitchen = store.catalogue.category[lines.product] == 0
    later = in_days(store, lines, event.first, date(2024, 6, 30))
    rise = lines.pence / store.catalogue.pence[lines.product]
    assert rise[later & kitchen] == pytest.approx(1.5, rel=0.01)
    assert (rise[~(later & kitchen)] == 1).all()
    odds = [kitchen[days].mean() / (1 - kitchen[days].mean()) for days in (~later, later)]
    elasticity = store.parameters.catalogue.categories[0].elasticity
    # the other shelves have seasons of their own, of equal weight in both years
    assert odds[1] / odds[0] == pytest.approx(1.5**-elasticity, rel=0.15)


def test_a_slump_halves_the_orders_of_its_region() -> None:
    event = Event(
        kind="slump", name="strike", region="Germany", first=date(2023, 3, 1), last=date(2023, 4, 30), factor=0.5
    )
    store, lines = event_shop(event)
    first = lines.take(lines.line_no == 1)
    during = in_days(store, first, event.first, event.end)
    before = in_days(store, first, date(2023, 1, 1), date(2023, 2, 28))
    german = first.region == 1
    odds = [german[days].mean() / (1 - german[days].mean()) for days in (before, during)]
    few = np.count_nonzero(german & during)
    assert odds[1] / odds[0] == pytest.approx(0.5, rel=4 / sqrt(few) + 0.05)


@pytest.mark.parametrize("parameters", [preset(name, customers=40) for name in ("demo", "grocer", "fashion")])
def test_orders_hold_a_product_once_and_number_their_lines(parameters: StoreParameters) -> None:
    lines = sales(traded(parameters))
    order = np.cumsum(lines.line_no == 1)
    assert len(np.unique(order * 100_000 + lines.product)) == len(lines)
    assert (lines.line_no[1:][order[1:] == order[:-1]] == lines.line_no[:-1][order[1:] == order[:-1]] + 1).all()
    assert (lines.units > 0).all()
    assert (lines.amount > 0).all()
