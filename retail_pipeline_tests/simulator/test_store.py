"""The synthetic shop, seen from outside: files are read back with the csv module, not with our readers."""

import csv
import hashlib
import os
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from math import exp, lgamma, sqrt
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from retail_pipeline.errors import SettingsError
from retail_pipeline.simulator import SimulationSummary, StoreParameters, simulate_store
from retail_pipeline.simulator.catalogue import build_catalogue
from retail_pipeline.simulator.demand import Calendar, fill_baskets, purchase_times, take_orders

HEADER = (
    "order_id,order_ts,customer_id,product_id,product_name,quantity,unit_price,country,line_no,"
    "currency,channel,discount"
)
DIRTY = StoreParameters(
    customers=300, malformed_share=0.01, duplicate_share=0.02, return_share=0.05, padded_name_share=0.05
)
CLEAN = StoreParameters(customers=300, malformed_share=0, duplicate_share=0, padded_name_share=0)


class Line(NamedTuple):
    order_id: str
    ts: datetime
    customer_id: str
    product_id: str
    product_name: str
    quantity: int
    unit_price: Decimal
    country: str
    line_no: int
    currency: str
    channel: str
    discount: Decimal

    @property
    def amount(self) -> Decimal:
        return self.quantity * self.unit_price - self.discount


class Shop(NamedTuple):
    """A shop read back: well-formed lines (each once), what was wrong, and the summary it came with."""

    summary: SimulationSummary
    lines: list[Line]
    faults: Counter[str]
    duplicates: int

    @property
    def sales(self) -> list[Line]:
        return [line for line in self.lines if line.quantity > 0]


def fault_of(row: list[str]) -> str:
    """Return what makes `row` unreadable, or an empty text."""
    if len(row) != 12:
        return "too few fields" if len(row) < 12 else "too many fields"
    if not row[0]:
        return "order_id"
    checks: dict[str, Any] = {
        "order_ts": lambda: datetime.strptime(row[1], "%Y-%m-%d %H:%M:%S"),
        "quantity": lambda: int(row[5]),
        "unit_price": lambda: Decimal(row[6]),
    }
    for column, check in checks.items():
        try:
            check()
        except (ValueError, InvalidOperation):
            return column
    return ""


def read_back(summary: SimulationSummary) -> Shop:
    readable: dict[tuple[str, ...], None] = {}
    faults: Counter[str] = Counter()
    duplicates = 0
    for path in summary.files:
        with path.open(encoding="utf-8", newline="") as file:
            for row in list(csv.reader(file))[1:]:
                if fault := fault_of(row):
                    faults[fault] += 1
                elif tuple(row) in readable:
                    duplicates += 1
                else:
                    readable[tuple(row)] = None
    return Shop(summary, [parsed(*row) for row in readable], faults, duplicates)


def parsed(*row: str) -> Line:
    order_id, ts, customer_id, product_id, name, quantity, price, country, line_no, *rest = row
    currency, channel, discount = rest
    return Line(
        *(order_id, datetime.fromisoformat(ts), customer_id, product_id, name, int(quantity), Decimal(price)),
        *(country, int(line_no), currency, channel, Decimal(discount)),
    )


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return read_back(simulate_store(tmp_path_factory.mktemp("dirty"), DIRTY))


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return read_back(simulate_store(tmp_path_factory.mktemp("clean"), CLEAN))


def digest(folder: Path) -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(folder.iterdir()))).hexdigest()


# --- files


def test_equal_parameters_give_equal_bytes_in_another_process(tmp_path: Path, dirty: Shop) -> None:
    script = (
        "import sys, pathlib; from retail_pipeline.simulator import StoreParameters, simulate_store;"
        "simulate_store(pathlib.Path(sys.argv[1]), StoreParameters.model_validate_json(sys.argv[2]))"
    )
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "TZ": "Asia/Tokyo", "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", script, str(tmp_path), DIRTY.model_dump_json()]
    subprocess.run(command, check=True, env=environment)
    assert digest(tmp_path) == digest(dirty.summary.files[0].parent)


def test_another_seed_gives_another_shop(tmp_path: Path, clean: Shop) -> None:
    other = simulate_store(tmp_path, CLEAN.model_copy(update={"seed": CLEAN.seed + 1}))
    assert other.net_amount != clean.summary.net_amount
    assert digest(tmp_path) != digest(clean.summary.files[0].parent)


def test_every_month_has_one_file_and_nothing_else_is_left(dirty: Shop) -> None:
    expected = [f"transactions-{year}-{month:02d}.csv" for year in (2023, 2024) for month in range(1, 13)]
    assert [path.name for path in dirty.summary.files] == expected
    assert sorted(path.name for path in dirty.summary.files[0].parent.iterdir()) == expected


def test_every_file_starts_with_the_canonical_header(dirty: Shop) -> None:
    assert {path.read_text("utf-8").split("\n")[0] for path in dirty.summary.files} == {HEADER}


def test_lines_stand_in_the_file_of_their_month(dirty: Shop) -> None:
    for path in dirty.summary.files:
        with path.open(encoding="utf-8", newline="") as file:
            months = {row[1][:7] for row in list(csv.reader(file))[1:]}
        assert months == {path.stem.removeprefix("transactions-")}


def test_a_month_without_trade_gets_a_header_only(tmp_path: Path) -> None:
    summary = simulate_store(tmp_path, StoreParameters(customers=1, guest_share=0, rate_r=1e-9))
    texts = [path.read_text("utf-8") for path in summary.files]
    assert summary.orders == 1
    assert texts.count(HEADER + "\n") == 23


def test_a_second_run_replaces_the_files_of_the_first(tmp_path: Path) -> None:
    simulate_store(tmp_path, StoreParameters(customers=20))
    (tmp_path / "notes.txt").write_text("kept")
    simulate_store(tmp_path, StoreParameters(customers=10))
    simulate_store(tmp_path / "fresh", StoreParameters(customers=10))
    (tmp_path / "notes.txt").rename(tmp_path / "fresh" / "notes.txt")
    kept = {path.name: path.read_bytes() for path in tmp_path.glob("*.csv")}
    assert kept == {path.name: path.read_bytes() for path in (tmp_path / "fresh").glob("*.csv")}


# --- summary


@pytest.mark.parametrize("name", ["dirty", "clean"])
def test_summary_agrees_with_the_files(name: str, request: pytest.FixtureRequest) -> None:
    shop: Shop = request.getfixturevalue(name)
    summary, lines = shop.summary, shop.lines
    assert summary.lines == len(lines) + shop.faults.total() + shop.duplicates
    assert summary.malformed_lines == shop.faults.total()
    assert summary.duplicate_lines == shop.duplicates
    assert summary.guest_lines == sum(not line.customer_id for line in lines)
    assert summary.orders == len({line.order_id for line in lines})
    assert summary.customers == len({line.customer_id for line in lines} - {""})
    assert summary.net_amount == sum(line.amount for line in lines)
    assert summary.first_order_ts == min(line.ts for line in lines)
    assert summary.last_order_ts == max(line.ts for line in lines)


# --- dirt


def test_malformed_and_duplicate_lines_are_as_many_as_asked(dirty: Shop) -> None:
    true_lines = dirty.summary.lines - dirty.summary.duplicate_lines
    assert dirty.summary.malformed_lines == round(0.01 * true_lines)
    assert dirty.summary.duplicate_lines == round(0.02 * true_lines)


def test_lines_are_malformed_in_six_ways_equally_often(dirty: Shop) -> None:
    assert set(dirty.faults) == {
        *("order_id", "order_ts", "quantity", "unit_price", "too few fields", "too many fields")
    }
    assert max(dirty.faults.values()) - min(dirty.faults.values()) <= 1


def test_duplicates_repeat_a_line_of_their_file_verbatim(dirty: Shop) -> None:
    repeated = 0
    for path in dirty.summary.files:
        texts = path.read_text("utf-8").splitlines()
        repeated += len(texts) - len(set(texts))
    assert repeated == dirty.summary.duplicate_lines > 0


def test_a_clean_shop_has_no_dirt(clean: Shop) -> None:
    assert not clean.faults
    assert clean.duplicates == 0
    assert all(line.product_name == line.product_name.strip() for line in clean.lines)


def test_padded_names_differ_from_the_others_by_outer_blanks_only(dirty: Shop) -> None:
    padded = sum(line.product_name != line.product_name.strip() for line in dirty.lines)
    share = padded / len(dirty.lines)
    assert abs(share - 0.05) < 4 * sqrt(0.05 * 0.95 / len(dirty.lines))
    assert len({(line.product_id, line.product_name.strip()) for line in dirty.lines}) == DIRTY.products


def test_names_with_commas_quotes_and_accents_survive_csv(clean: Shop) -> None:
    names = {line.product_name for line in clean.lines}
    assert {"Plates, set of 4", 'Picture frame 8" x 10"', "Café au lait jug"} <= names


# --- lines


def test_returns_refer_to_an_earlier_sale_of_the_same_customer_product_and_price(dirty: Shop) -> None:
    sold = defaultdict(list)
    for line in dirty.sales:
        sold[line.customer_id, line.product_id, line.unit_price].append(line)
    returns = [line for line in dirty.lines if line.quantity < 0]
    assert returns
    for line in returns:
        candidates = sold[line.customer_id, line.product_id, line.unit_price]
        assert any(sale.ts < line.ts and sale.quantity >= -line.quantity for sale in candidates)
        assert line.customer_id
        assert line.discount == 0


def test_a_return_has_an_order_of_its_own(dirty: Shop) -> None:
    returned = [line.order_id for line in dirty.lines if line.quantity < 0]
    assert len(returned) == len(set(returned))
    assert set(returned).isdisjoint(line.order_id for line in dirty.sales)


def test_returns_are_near_the_share_asked(dirty: Shop) -> None:
    # At most the share, less those still to come back at the end: here well under a third.
    share = (len(dirty.lines) - len(dirty.sales)) / len(dirty.sales)
    assert 0.05 * 2 / 3 < share < 0.05 * 1.02


def test_discounts_are_given_in_sale_periods_only_and_never_reach_the_value(clean: Shop) -> None:
    discounted = [line for line in clean.lines if line.discount]
    days = {(line.ts.month, line.ts.day) for line in discounted}
    assert days <= {(7, day) for day in range(1, 15)} | {(11, day) for day in range(20, 31)}
    assert {month for month, _ in days} == {7, 11}
    assert all(0 <= line.discount < line.quantity * line.unit_price for line in clean.sales)


def test_orders_are_whole_and_hold_a_product_once(clean: Shop) -> None:
    baskets = defaultdict(list)
    for line in clean.lines:
        baskets[line.order_id].append(line)
    for basket in baskets.values():
        assert [line.line_no for line in basket] == list(range(1, len(basket) + 1))
        assert len(basket) <= CLEAN.largest_basket
        assert len({line.product_id for line in basket}) == len(basket)
        assert len({(line.ts, line.customer_id, line.country, line.channel) for line in basket}) == 1


def test_a_product_has_one_name_and_one_price(clean: Shop) -> None:
    seen = {(line.product_id, line.product_name, line.unit_price) for line in clean.lines}
    assert len(seen) == len({line.product_id for line in clean.lines})


def test_orders_come_in_opening_hours_between_start_and_end(tmp_path: Path) -> None:
    asked = {"start": date(2024, 2, 10), "end": date(2024, 5, 3), "opening_hour": 10, "closing_hour": 12}
    shop = read_back(simulate_store(tmp_path, StoreParameters(customers=200, **asked)))
    assert len(shop.summary.files) == 4
    assert {line.ts.hour for line in shop.lines} == {10, 11}
    assert min(line.ts for line in shop.lines).date() >= date(2024, 2, 10)
    assert max(line.ts for line in shop.lines).date() <= date(2024, 5, 3)


# --- behaviour


def test_december_sells_more_than_a_summer_month(clean: Shop) -> None:
    amounts: Counter[tuple[int, int]] = Counter()
    for line in clean.lines:
        amounts[line.ts.year, line.ts.month] += line.amount  # type: ignore[assignment]
    for year in (2023, 2024):
        assert amounts[year, 12] > max(amounts[year, month] for month in (6, 7, 8))


def test_weekdays_share_the_trade_by_their_weights() -> None:
    weights = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0)
    level: dict[str, Any] = {"month_weights": (1.0,) * 12, "yearly_growth": 0, "sale_periods": ()}
    weeks = {"start": date(2024, 1, 1), "end": date(2024, 2, 25)}  # a Monday, and a Sunday eight weeks on
    calendar = Calendar(StoreParameters(weekday_weights=weights, **level, **weeks))
    evenly = (np.arange(28_000) + 0.5) * len(calendar.days) / 28_000
    weekdays = Counter(ts.weekday() for ts in calendar.store_time(evenly).tolist())
    for weekday, weight in enumerate(weights):
        assert abs(weekdays[weekday] - 28_000 * weight / sum(weights)) <= 8  # rounding: one a week


def test_guests_place_their_share_of_orders(clean: Shop) -> None:
    orders = {line.order_id: line.customer_id for line in clean.sales}
    guests = sum(not customer for customer in orders.values())
    assert abs(guests / len(orders) - CLEAN.guest_share) <= 1 / len(orders)


def test_some_customers_buy_once_and_some_very_often(clean: Shop) -> None:
    orders = {line.order_id: line.customer_id for line in clean.sales if line.customer_id}
    counts = sorted(Counter(orders.values()).values())
    assert len(counts) == CLEAN.customers
    assert 0.35 < counts.count(1) / len(counts) < 0.60
    assert counts[-1] >= 20


def test_one_country_dominates(clean: Shop) -> None:
    customers = {line.customer_id: line.country for line in clean.lines if line.customer_id}
    home = sum(country == "United Kingdom" for country in customers.values()) / len(customers)
    assert abs(home - CLEAN.home_share) < 4 * sqrt(0.84 * 0.16 / len(customers))
    assert len(set(customers.values())) > 3


def bgnbd_probability(x: int, t: float, p: StoreParameters) -> float:
    """Return P(X(t) = x), equation 8 of Fader, Hardie & Lee (2005)."""
    r, alpha, a, b = p.rate_r, p.rate_alpha_days, p.dropout_a, p.dropout_b

    def log_beta(first: float, second: float) -> float:
        return lgamma(first) + lgamma(second) - lgamma(first + second)

    def negative_binomial(j: int) -> float:
        ways = exp(lgamma(r + j) - lgamma(r) - lgamma(j + 1))
        chance: float = ways * (alpha / (alpha + t)) ** r * (t / (alpha + t)) ** j
        return chance

    stayed = exp(log_beta(a, b + x) - log_beta(a, b)) * negative_binomial(x)
    if x == 0:
        return stayed
    left = exp(log_beta(a + 1, b + x - 1) - log_beta(a, b))
    return stayed + left * (1 - sum(negative_binomial(j) for j in range(x)))


@pytest.mark.parametrize("repeats", [0, 1, 2, 5])
def test_repeat_purchases_follow_the_bgnbd_distribution(repeats: int) -> None:
    parameters = StoreParameters(customers=20_000, rate_r=0.8, rate_alpha_days=40, dropout_a=1, dropout_b=3)
    calendar = Calendar(parameters)
    customers, times = purchase_times(parameters, calendar, np.random.default_rng(11))
    first = times[: parameters.customers]
    chances = np.array([bgnbd_probability(repeats, len(calendar.days) - born, parameters) for born in first])
    found = np.count_nonzero(np.bincount(customers) - 1 == repeats)
    assert abs(found - chances.sum()) < 4 * sqrt((chances * (1 - chances)).sum())


def test_a_certain_partner_is_in_every_basket_with_its_first() -> None:
    parameters = StoreParameters(customers=200, pair_share=1, largest_basket=99)
    rng = np.random.default_rng(5)
    calendar, catalogue = Calendar(parameters), build_catalogue(parameters, rng)
    lines = fill_baskets(take_orders(parameters, calendar, rng), catalogue, parameters, calendar, rng)
    baskets = set(zip(lines["order"].tolist(), lines["product"].tolist(), strict=True))
    firsts = np.flatnonzero(catalogue.partner >= 0).tolist()
    assert len(firsts) == parameters.pairs
    with_first = [(order, product) for order, product in baskets if product in firsts]
    assert {(order, int(catalogue.partner[product])) for order, product in with_first} <= baskets


# --- parameters


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"customers": 0}, "customers"),
        ({"products": 9999}, "products"),
        ({"guest_share": -0.1}, "guest_share"),
        ({"rate_r": float("nan")}, "rate_r"),
        ({"start": "2024-02-30"}, "start"),
        ({"start": date(2024, 1, 2), "end": date(2024, 1, 1)}, "end"),
        ({"opening_hour": 12, "closing_hour": 12}, "closing_hour"),
        ({"month_weights": (1.0,) * 11}, "month_weights"),
        ({"sale_periods": (("07-14", "07-01"),)}, "sale_periods"),
        ({"products": 20, "pairs": 6}, "pairs"),
        ({"custmers": 10}, "custmers"),
    ],
)
def test_a_wrong_parameter_is_refused_by_name(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        StoreParameters(**wrong)


def test_every_parameter_is_documented() -> None:
    assert all(field.description for field in StoreParameters.model_fields.values())


def test_parameters_cannot_be_changed_after_the_check() -> None:
    with pytest.raises(ValueError, match="frozen"):
        StoreParameters().customers = 5  # type: ignore[misc]
