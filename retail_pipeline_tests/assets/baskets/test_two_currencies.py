"""Bundles and stock partners of a shop that sells in two currencies, to guests too, and on two lines of an order."""

from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from retail_pipeline.assets.baskets.use_checks import CHECKS
from retail_pipeline.home import Home
from retail_pipeline.settings import BasketSettings, BundleSettings, CoreSettings, Settings, StockPartnerSettings
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.assets.baskets.test_uses import TABLES, build
from retail_pipeline_tests.assets.store_tables import built, one_row, rows_of
from retail_pipeline_tests.stores import CANONICAL_HEADER, canonical, write_drop

FIRST, DAYS = date(2024, 1, 1), 200
LAST_OF_DE, GUESTS_FROM, YEN_FROM = 149, 170, 190
PRICES = {"A": 10, "B": 20, "C": 5, "D": 8, "E": 4, "F": 6, "G": 7, **dict.fromkeys("UVWXYZ", 1)}
YEN, RATE = 150, 0.0066


def orders_of(day: int) -> list[str]:
    return ["AB", "CF", "CG", "C", "UVWXYZ"] + (["DE"] if day <= LAST_OF_DE else [])


def lines() -> Iterator[list[object]]:
    """A has two lines in each of its orders, of one unit and of two."""
    number = 0
    for day in range(DAYS):
        for items in orders_of(day):
            number += 1
            customer = "" if day >= GUESTS_FROM else f"c{day % 10}"
            factor, currency = (YEN, "JPY") if day >= YEN_FROM else (1, "EUR")
            for item, units in [(item, 1) for item in items] + [("A", 2)] * ("A" in items):
                placed = f"{FIRST + timedelta(days=day)} 12:00:00"
                yield [number, placed, customer, item, item, units, PRICES[item] * factor, "France", currency]


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    home = Home(tmp_path_factory.mktemp("market")).create()
    write_drop(home, "a.csv", canonical(list(lines()), f"{CANONICAL_HEADER},currency"))
    write_drop(home, "rates.csv", f"date,currency,rate\n2024-01-01,JPY,{RATE}\n")
    home.settings_file.write_text("[bundles]\ncosts_file = 'costs.csv'\nleast_lift = 1.0\n")
    (home.root / "costs.csv").write_text("product_id,unit_cost\nA,6\nB,12\n")
    with built(home, only={*TABLES, "raw.currency_rates"}) as warehouse:
        assert warehouse.value("select currency from core.reporting_currency") == "EUR"
        yield warehouse


def made(market: Warehouse, table: str, settings: Settings) -> list[dict[str, object]]:
    """A table by other settings, and all that baskets tell before it."""
    build(market, settings, *(name for name in TABLES if name.startswith("baskets.")))
    return rows_of(market, f"baskets.{table}")


def by_products(rows: list[dict[str, object]]) -> dict[str, dict[str, object]]:
    return {"".join(row["products"]): row for row in rows}  # type: ignore[arg-type]


BUNDLES = BundleSettings(costs_file="costs.csv", least_lift=1.0)


@pytest.mark.parametrize(
    ("as_of", "price"),
    [(None, (10 + 20) * YEN * RATE), (FIRST + timedelta(days=YEN_FROM), 10 + 20)],
    ids=["in_yen", "before"],
)
def test_prices_are_those_of_the_latest_days_in_the_reporting_currency(
    market: Warehouse, as_of: date | None, price: float
) -> None:
    latest = BasketSettings(in_range_days=DAYS - YEN_FROM)
    settings = Settings(core=CoreSettings(as_of=as_of), bundles=BUNDLES, baskets=latest)
    row = by_products(made(market, "bundles", settings))["AB"]
    assert row["price"] == pytest.approx(price)
    assert row["bundle_price"] == pytest.approx(0.95 * price, abs=0.0051)  # to the cent
    assert row["margin"] == pytest.approx(row["bundle_price"] - 6 - 12)


def test_bundles_of_known_customers_count_the_days_before_the_last_sale_to_anyone(market: Warehouse) -> None:
    known = BasketSettings(guests=False)
    for days, orders in ((60, 60 - (DAYS - GUESTS_FROM)), (28, None)):
        settings = Settings(baskets=known, bundles=BUNDLES.model_copy(update={"days": days}))
        found = by_products(made(market, "bundles", settings))
        assert found.get("AB", {}).get("orders") == orders


def test_bundles_are_mined_to_no_more_products_than_itemsets_hold(market: Warehouse) -> None:
    # of six products in one order 21 itemsets are of one or two, 56 of up to four
    settings = Settings(baskets=BasketSettings(max_length=2, most_itemsets=40), bundles=BUNDLES)
    found = by_products(made(market, "bundles", settings))
    assert {len(products) for products in found} == {2}


def test_before_the_first_order_there_is_nothing_to_bundle(market: Warehouse) -> None:
    settings = Settings(core=CoreSettings(as_of=FIRST))
    assert made(market, "bundles", settings) == []
    assert market.count("baskets.stock_partners") == 0


def test_orders_a_day_are_orders_however_many_lines_they_have(market: Warehouse) -> None:
    made(market, "stock_partners", market.settings)
    of_a, of_b = (one_row(market, f"select * from baskets.stock_partners where product_id = '{item}'") for item in "AB")
    assert of_a["orders_per_day"] == of_b["orders_per_day"] == 1
    # who buys the one buys the other: the same share of either's sales goes with its partner
    share = of_a["partner_revenue_per_day"] / of_b["own_revenue_per_day"]
    assert share == pytest.approx(of_b["partner_revenue_per_day"] / of_a["own_revenue_per_day"])
    assert 0 < share < 1


def test_what_was_last_sold_before_the_days_of_the_rates_is_in_range_and_costs_nothing(market: Warehouse) -> None:
    settings = Settings(
        baskets=BasketSettings(in_range_days=DAYS - LAST_OF_DE), stock_partners=StockPartnerSettings(days=30)
    )
    assert {row["product_id"] for row in made(market, "stock_partners", settings)} >= set("ABDE")
    of_d = one_row(market, "select * from baskets.stock_partners where product_id = 'D'")
    assert (of_d["partners"], of_d["orders_per_day"], of_d["stock_out_cost_per_day"]) == (["E"], 0, 0)
    assert all(check.find(market).passed for check in CHECKS if check.table == "baskets.stock_partners")
    settings = Settings(
        baskets=BasketSettings(in_range_days=DAYS - LAST_OF_DE - 1), stock_partners=StockPartnerSettings(days=90)
    )
    assert "D" not in {row["product_id"] for row in made(market, "stock_partners", settings)}
