"""Returns, cancellations and staff entries refer to true orders, and come as often and as late as asked."""

from collections.abc import Iterator
from math import sqrt
from typing import Any

import numpy as np
import pytest
from scipy import stats

from retail_pipeline.simulator import preset
from retail_pipeline.simulator.aftermath import LATE_DAYS, QUICK_SECONDS
from retail_pipeline.simulator.catalogue import build_catalogue
from retail_pipeline.simulator.lines import CANCELLATION, CORRECTION, RETURN, TEST, Lines
from retail_pipeline_tests.simulator.shops import sales, traded

RATES = {
    "returns": 0.1, "return_days": 5.0, "quick_cancellations": 0.03, "late_cancellations": 0.04, "test_orders": 0.02,
    "corrections": 0.01,
}  # fmt: skip
SHARES = {"catalogue": {"categories": [{"name": "kitchen", "share": 1, "price": 20}], "products": 200}}


@pytest.fixture(scope="module")
def shop() -> Lines:
    return traded(preset("calm", customers=3_000, dirt=RATES, tastes=[{"name": "even", "share": 1}], **SHARES))


def keys(lines: Lines) -> Any:
    return lines.customer.astype(np.int64) * 10_000 + lines.number


def of_kind(lines: Lines, kind: int) -> Lines:
    return lines.take(lines.kind == kind)


def sold(shop: Lines) -> dict[tuple[int, int], int]:
    """The place of each sale line by its order and number."""
    lines = sales(shop)
    return {key: place for place, key in enumerate(zip(keys(lines).tolist(), lines.line_no.tolist(), strict=True))}


def pairs(shop: Lines, kind: int) -> Iterator[tuple[int, int]]:
    """Places of lines of a kind among their like, each with the place of the sale line it belongs to."""
    found, lines = sold(shop), of_kind(shop, kind)
    number = np.where(lines.part > 0, lines.part, lines.line_no)
    for place, key in enumerate(zip(keys(lines).tolist(), number.tolist(), strict=True)):
        yield place, found[key]


def test_lines_come_in_the_order_of_time(shop: Lines) -> None:
    assert (np.diff(shop.ts) >= 0).all()


@pytest.mark.parametrize("kind", [RETURN, CANCELLATION])
def test_what_comes_back_was_sold_before_at_the_same_price(shop: Lines, kind: int) -> None:
    back, whole = of_kind(shop, kind), sales(shop)
    places, of = np.array(list(pairs(shop, kind))).T
    assert len(places) == len(back) > 100
    for name in ("product", "pence", "customer", "region", "channel", "placed"):
        assert (getattr(back, name)[places] == getattr(whole, name)[of]).all()
    assert (back.ts[places] > whole.ts[of]).all()
    assert (-back.units[places] <= whole.units[of]).all()
    assert (-back.discount[places] <= whole.discount[of]).all()
    is_whole = -back.units[places] == whole.units[of]
    assert (-back.amount[places][is_whole] == whole.amount[of][is_whole]).all()


def test_cancellations_undo_whole_orders_and_nothing_of_them_is_returned(shop: Lines) -> None:
    cancelled = of_kind(shop, CANCELLATION)
    lines = sales(shop)
    assert sorted(keys(lines)[np.isin(keys(lines), keys(cancelled))]) == sorted(keys(cancelled))
    assert not np.isin(keys(of_kind(shop, RETURN)), keys(cancelled)).any()


def test_orders_are_cancelled_as_often_as_asked_at_once_or_weeks_later(shop: Lines) -> None:
    lines, cancelled = sales(shop), of_kind(shop, CANCELLATION)
    orders = np.count_nonzero(lines.line_no == 1)
    first = cancelled.take(cancelled.line_no == 1)
    waited = first.ts - first.placed
    quick = waited <= QUICK_SECONDS
    assert abs(quick.sum() - 0.03 * orders) < 4 * sqrt(0.03 * orders)
    early_enough = np.count_nonzero((lines.line_no == 1) & (lines.ts < shop.ts[-1] - 36 * 86_400))
    late = waited[~quick & (first.placed < shop.ts[-1] - 36 * 86_400)]
    assert abs(len(late) - 0.97 * 0.04 * early_enough) < 4 * sqrt(0.04 * early_enough)
    days = (first.ts // 86_400 - first.placed // 86_400)[~quick]
    assert (days.min(), days.max()) == LATE_DAYS


def test_lines_come_back_as_often_and_as_late_as_asked(shop: Lines) -> None:
    lines, back = sales(shop), of_kind(shop, RETURN)
    early_enough = shop.ts[-1] - 90 * 86_400
    stand = ~np.isin(keys(lines), keys(of_kind(shop, CANCELLATION))) & (lines.ts < early_enough)
    returned = back.take(back.placed < early_enough)
    expected = 0.1 * np.count_nonzero(stand)
    assert abs(len(returned) - expected) < 4 * sqrt(expected)
    waited = (returned.ts // 86_400 - returned.placed // 86_400).astype(float)
    assert waited.mean() == pytest.approx(5.0, abs=4 * 4 / sqrt(len(waited)))
    # the days beyond the first are exponential, rounded
    late = np.bincount((waited - 1).astype(int), minlength=12)[:12]
    edges = np.concatenate([[0], np.arange(0.5, 12)])
    chances = np.diff(stats.expon(scale=4).cdf(edges))
    np.testing.assert_allclose(late, chances * len(waited), atol=4.5 * sqrt(len(waited) * 0.2))


def test_categories_send_back_as_their_factors_say_and_the_shop_as_asked() -> None:
    factors = {"kept": 0, "rare": 1, "often": 3}
    categories = [
        {"name": name, "share": 1 + place, "price": 20, "return_factor": factor}
        for place, (name, factor) in enumerate(factors.items())
    ]
    asked = preset(
        "calm",
        customers=3_000,
        dirt={"returns": 0.15},
        tastes=[{"name": "even", "share": 1}],
        catalogue={"categories": categories, "products": 300},
        baskets={"bundles": 0},
    )
    shop, category = traded(asked), build_catalogue(asked).category
    early = shop.take(shop.placed < shop.ts[-1] - 150 * 86_400)
    back, whole = of_kind(early, RETURN), sales(early)
    assert abs(len(back) / len(whole) - 0.15) < 4 * sqrt(0.15 * 0.85 / len(whole)) + 0.002
    rates = [
        np.count_nonzero(category[back.product] == place) / np.count_nonzero(category[whole.product] == place)
        for place in range(3)
    ]
    assert rates[0] == 0
    assert rates[2] / rates[1] == pytest.approx(3, rel=0.1)


def test_staff_entries_are_worth_next_to_nothing(shop: Lines) -> None:
    tests, corrections = of_kind(shop, TEST), of_kind(shop, CORRECTION)
    orders, lines = np.count_nonzero(sales(shop).line_no == 1), len(sales(shop))
    assert abs(len(tests) - 0.02 * orders) < 4 * sqrt(0.02 * orders)
    assert abs(len(corrections) - 0.01 * lines) < 4 * sqrt(0.01 * lines)
    assert (tests.amount == 1).all()
    assert (corrections.amount == 0).all()
    assert (corrections.units < 0).all()
