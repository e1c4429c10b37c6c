"""customers.features: against a plain Python reading of its definitions, by hand, and blind to what comes later."""

import math
import random
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from statistics import mean, stdev
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retail_pipeline.assets.customers.feature_catalogue import FEATURES, catalogue
from retail_pipeline.assets.sql_parameters import sql_parameters
from retail_pipeline.home import Home
from retail_pipeline.settings import Settings
from retail_pipeline_tests.assets.store_tables import (
    LINES,
    MATCHES,
    PURCHASES,
    SQL_TABLES,
    TO_FEATURES,
    Row,
    Tables,
    built,
    rows_of,
)
from retail_pipeline_tests.stores import canonical, write_drop

START = date(2023, 10, 2)  # a Monday
DEFAULTS = sql_parameters(Settings())


def line(customer: str, order: str, day: int, amount: object = 1, number: int = 1, hour: int = 12, **more: Any) -> Row:
    """A line bought so many days after :data:`START`."""
    on = START + timedelta(days=day)
    return {
        "customer_id": customer,
        "order_id": order,
        "line_no": number,
        "order_ts": datetime.combine(on, time(hour)),
        "order_date": on,
        "product_id": "P",
        "quantity": 1,
        "amount": amount,
        "discount": 0,
        **more,
    }


def undo(sale: Row, day: int, quantity: int, amount: object = None) -> Row:
    """A cancellation of a line's units, so many days after :data:`START`, at noon."""
    whole = Decimal(str(sale["amount"])) / sale["quantity"]
    return {
        "sale_order_id": sale["order_id"],
        "sale_line_no": sale["line_no"],
        "cancelled_at": datetime.combine(START + timedelta(days=day), time(12)),
        "quantity": quantity,
        "amount": whole * quantity if amount is None else amount,
    }


def features(
    tables: Tables, purchases: Sequence[Row], matches: Sequence[Row] = (), *days: date, **parameters: Any
) -> list[Row]:
    """The features as of some days, or as of the day after the last line."""
    tables.fill("core.customer_purchases", PURCHASES, purchases)
    tables.fill("core.cancellation_matches", MATCHES, matches)
    tables.fill("core.order_lines", LINES, purchases)
    bound = {**DEFAULTS, "cutoffs": list(days) or None, **parameters}
    for name in TO_FEATURES:
        rows = tables.select(name, **{key: bound[key] for key in SQL_TABLES[name].parameters})
    return sorted(rows, key=lambda row: (row["as_of"], row["customer_id"]))


@st.composite
def stores(draw: st.DrawFn) -> tuple[list[Row], list[Row]]:
    """A few customers' lines and cancellations; orders now and then go on the next day."""
    drawn = draw(
        st.lists(
            st.tuples(
                st.sampled_from("ab"),
                st.integers(0, 4),
                st.sampled_from([0, 0, 0, 1]),
                st.integers(0, 23),
                st.sampled_from("PQR"),
                st.sampled_from(["tea", "cups", None]),
                st.integers(1, 3),
                st.integers(0, 40),
                st.integers(0, 3),
            ),
            min_size=1,
            max_size=14,
        )
    )
    gap = draw(st.sampled_from([1, 13, 40]))
    purchases = [
        line(
            customer,
            f"{customer}{order}",
            gap * order + more,
            Decimal(quarters) / 4 * quantity,
            number,
            hour,
            product_id=product,
            category=category,
            quantity=quantity,
            discount=Decimal(discount) / 4,
            country=f"country {hour % 2}",
            channel="web" if hour % 3 else None,
        )
        for number, (customer, order, more, hour, product, category, quantity, quarters, discount) in enumerate(drawn)
    ]
    undone = draw(
        st.lists(
            st.tuples(st.integers(0, len(purchases) - 1), st.integers(-1, 60), st.integers(1, 3)),
            max_size=6,
            unique_by=lambda cancellation: cancellation[0],
        )
    )
    matches = []
    for number, later, quantity in undone:
        sale = purchases[number]
        day = (sale["order_date"] - START).days + later
        parts = range(min(quantity, sale["quantity"]))
        matches += [undo(sale, day + 3 * part, 1) for part in parts]
    return purchases, matches


def test_features_are_those_of_their_definitions(tables: Tables) -> None:
    @settings(max_examples=60, deadline=None, derandomize=True)
    @given(store=stores(), day=st.integers(1, 190))
    def check(store: tuple[list[Row], list[Row]], day: int) -> None:
        as_of = START + timedelta(days=day)
        found = features(tables, *store, as_of)
        expected = reading_of_the_definitions(*store, as_of)
        assert [row["customer_id"] for row in found] == sorted(expected)
        for row in found:
            for name, value in expected[row["customer_id"]].items():
                if isinstance(value, float):
                    assert float(row[name]) == pytest.approx(value, abs=1e-5), name
                else:
                    assert row[name] == value, name

    check()


def reading_of_the_definitions(purchases: list[Row], matches: list[Row], as_of: date) -> dict[str, Row]:
    """By customer what the header says, worked out line by line."""
    known = [sale for sale in purchases if sale["order_date"] < as_of]
    paid = {
        (sale["product_id"], sale["order_date"]): mean_price(known, sale["product_id"], sale["order_date"])
        for sale in known
    }
    gone: dict[tuple[str, int], list[Row]] = defaultdict(list)
    for match in matches:
        gone[match["sale_order_id"], match["sale_line_no"]].append(match)
    left = []
    for sale in known:
        undone = [
            match
            for match in gone[sale["order_id"], sale["line_no"]]
            if max(match["cancelled_at"].date(), sale["order_date"]) < as_of
        ]
        quantity = sale["quantity"] - sum(match["quantity"] for match in undone)
        amount = sale["amount"] - sum((match["amount"] for match in undone), Decimal(0))
        if quantity > 0:
            left.append({**sale, "quantity": quantity, "amount": amount})
    gaps = {name: gaps_of([sale for sale in left if sale["customer_id"] == name]) for name in customers(left)}
    every_gap = [gap for of_one in gaps.values() for gap in of_one]
    usual = mean(every_gap) if every_gap else DEFAULTS["lifecycle_usual_gap_days"]
    return {
        name: of_one_customer(
            [sale for sale in known if sale["customer_id"] == name],
            [sale for sale in left if sale["customer_id"] == name],
            paid,
            gaps[name],
            usual,
            as_of,
        )
        for name in customers(left)
    }


def customers(lines: list[Row]) -> list[str]:
    return sorted({sale["customer_id"] for sale in lines})


def mean_price(known: list[Row], product: str, day: date) -> float:
    of_it = [sale for sale in known if sale["product_id"] == product and sale["order_date"] <= day]
    return float(sum(sale["amount"] for sale in of_it)) / float(sum(sale["quantity"] for sale in of_it))


def order_days(left: list[Row]) -> dict[str, date]:
    days: dict[str, date] = {}
    for sale in left:
        days[sale["order_id"]] = max(sale["order_date"], days.get(sale["order_id"], date.min))
    return days


def gaps_of(left: list[Row]) -> list[int]:
    days = sorted(set(order_days(left).values()))
    return [(later - earlier).days for earlier, later in pairwise(days)]


def of_one_customer(
    known: list[Row],
    left: list[Row],
    paid: dict[tuple[str, date], float],
    gaps: list[int],
    usual_of_all: float,
    as_of: date,
) -> Row:
    days = order_days(left)
    first_ts = {
        order: min(sale["order_ts"] for sale in known if sale["order_id"] == order and sale["order_date"] == day)
        for order, day in days.items()
    }
    ordered = sorted(days, key=lambda order: (days[order], first_ts[order], order))
    value = {order: sum(sale["amount"] for sale in left if sale["order_id"] == order) for order in ordered}
    age = {order: (as_of - days[order]).days for order in ordered}
    spend, orders = sum(value.values(), Decimal(0)), len(ordered)
    of_product = Counter(sale["product_id"] for sale in left)
    shares = [count / len(left) for count in of_product.values()]
    by_category: dict[str, Decimal] = defaultdict(Decimal)
    for sale in left:
        if sale["category"]:
            by_category[sale["category"]] += sale["amount"]
    top = min(by_category, key=lambda name: (-by_category[name], name)) if by_category else None
    weekdays = Counter(day.isoweekday() for day in days.values())
    bought, units = sum(sale["amount"] for sale in known), sum(sale["quantity"] for sale in left)
    discount = sum(sale["discount"] for sale in known)
    catalogue_value = sum(sale["quantity"] * paid[sale["product_id"], sale["order_date"]] for sale in known)

    def within(window: int) -> list[str]:
        return [order for order in ordered if age[order] <= window]

    def spent(window: int) -> Decimal:
        return sum((value[order] for order in within(window)), Decimal(0))

    found: Row = {
        "as_of": as_of,
        "recency_days": min(age.values()),
        "tenure_days": max(age.values()),
        "orders": orders,
        "purchase_days": len(set(days.values())),
        "total_spend": spend,
        "avg_order_value": float(spend / orders),
        "order_value_sd": float(stdev(value.values())) if orders > 1 else None,
        "last_order_value": value[ordered[-1]],
        "largest_order_value": max(value.values()),
        "avg_gap_days": float(mean(gaps)) if gaps else None,
        "gap_sd_days": float(stdev(gaps)) if len(gaps) > 1 else None,
        "last_gap_days": gaps[-1] if gaps else None,
        "longest_gap_days": max(gaps) if gaps else None,
        "spend_weighted": float(sum(rounded(float(value[order]) * 0.5 ** (age[order] / 90)) for order in ordered)),
        "product_variety": len(of_product),
        "product_entropy": -sum(share * math.log(share) for share in shares) + 0.0,
        "categories": len(by_category),
        "top_category": top,
        "top_category_share": float(by_category[top] / total) if top and (total := sum(by_category.values())) else None,
        "basket_lines": len(left) / orders,
        "basket_units": float(units / orders),
        "avg_unit_price": float(spend / units),
        "price_level": float(bought) / catalogue_value if catalogue_value else None,
        "discount_share": float(discount / (bought + discount)) if bought + discount else None,
        "return_rate": float((bought - spend) / bought) if bought else None,
        "preferred_weekday": min(weekdays, key=lambda weekday: (-weekdays[weekday], weekday)),
        "weekend_share": (weekdays[6] + weekdays[7]) / orders,
        "active_months": len({day.month for day in days.values()}),
        "orders_season_ahead": sum(274 < age[order] <= 364 for order in ordered),
        "country": min(
            sale["country"] for sale in known if sale["order_id"] == ordered[-1] and sale["order_date"] <= as_of
        ),
        "acquisition_channel": min(
            (sale["channel"] for sale in known if sale["order_id"] == ordered[0] and sale["channel"]), default=None
        ),
    }
    for part, (begins, ends) in {
        "night": (0, 6),
        "morning": (6, 12),
        "afternoon": (12, 18),
        "evening": (18, 24),
    }.items():
        found[f"{part}_share"] = sum(begins <= first_ts[order].hour < ends for order in ordered) / orders
    for window in (14, 30, 60, 90, 180, 365):
        found[f"spend_{window}d"] = spent(window)
        found[f"orders_{window}d"] = len(within(window))
    for window in (30, 90):
        for name, now, both in (
            ("spend", spent(window), spent(2 * window)),
            ("orders", len(within(window)), len(within(2 * window))),
        ):
            found[f"{name}_trend_{window}d"] = float((now - (both - now)) / both) if both else None
    for month in range(1, 13):
        name = f"orders_in_{date(2000, month, 1):%B}".lower()
        found[name] = sum(day.month == month for day in days.values())
    found["usual_gap_days"] = float(max(mean(gaps), usual_of_all) if len(gaps) >= 2 else usual_of_all)
    found["lifecycle_stage"] = stage_of(found, gaps, usual_of_all)
    return found


def rounded(value: float) -> Decimal:
    return Decimal(value).quantize(Decimal("0.0001"), ROUND_HALF_UP)


def stage_of(found: Row, gaps: list[int], usual_of_all: float) -> str:
    if found["recency_days"] > 3 * found["usual_gap_days"]:
        return "dormant"
    if not gaps:
        return "new"
    before = max(mean(gaps[:-1]), usual_of_all) if len(gaps) >= 2 else usual_of_all
    if gaps[-1] > 3 * before:
        return "reactivated"
    if len(gaps) < 3:
        return "developing"
    earlier = found["spend_180d"] - found["spend_90d"]
    if found["recency_days"] > 2 * mean(gaps) or float(found["spend_90d"]) < 0.5 * float(earlier):
        return "declining"
    return "established"


def test_every_feature_is_read_by_the_tests() -> None:
    sale = line("a", "a0", 0, Decimal(1), category=None, country="x", channel=None)
    (expected,) = reading_of_the_definitions([sale], [], START + timedelta(days=1)).values()
    assert set(expected) | {"customer_id"} == set(SQL_TABLES["customers.features"].columns)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(store=stores(), day=st.integers(1, 190), chance=st.randoms(use_true_random=False))
def test_no_feature_moves_when_what_comes_later_is_deleted_shuffled_or_changed(
    tables: Tables, store: tuple[list[Row], list[Row]], day: int, chance: random.Random
) -> None:
    purchases, matches = store
    as_of = START + timedelta(days=day)
    before = features(tables, purchases, matches, as_of)
    early = [sale for sale in purchases if sale["order_date"] < as_of]
    known = [match for match in matches if match["cancelled_at"].date() < as_of]
    assert features(tables, early, known, as_of) == before
    late = [
        {
            **sale,
            "customer_id": chance.choice("abc"),
            "product_id": chance.choice("PQRS"),
            "category": chance.choice(["tea", "pots", None]),
            "amount": chance.randint(0, 1000),
            "country": "elsewhere",
            "channel": "a shop",
            "order_date": (on := sale["order_date"] + timedelta(days=chance.randint(0, 99))),
            "order_ts": datetime.combine(on, time(chance.randint(0, 23))),
        }
        for sale in purchases
        if sale["order_date"] >= as_of
    ]
    late_matches = [
        {**match, "cancelled_at": match["cancelled_at"] + timedelta(days=chance.randint(0, 9))}
        for match in matches
        if match["cancelled_at"].date() >= as_of
    ]
    changed, changed_matches = early + late, known + late_matches
    chance.shuffle(changed)
    chance.shuffle(changed_matches)
    assert features(tables, changed, changed_matches, as_of) == before


@settings(max_examples=15, deadline=None, derandomize=True)
@given(store=stores(), days=st.lists(st.integers(1, 190), min_size=2, max_size=4, unique=True))
def test_many_cut_offs_at_once_give_what_each_gives_alone(
    tables: Tables, store: tuple[list[Row], list[Row]], days: list[int]
) -> None:
    cutoffs = [START + timedelta(days=day) for day in sorted(days)]
    alone = [row for cutoff in cutoffs for row in features(tables, *store, cutoff)]
    assert features(tables, *store, *cutoffs) == alone


def test_a_cancellation_does_not_reach_back(tables: Tables) -> None:
    """Bought on day 0 for 30, two of three units undone on day 5 and the third on day 9."""
    sale = line("anna", "1", 0, 30, quantity=3)
    other = line("anna", "2", 1, 7)
    matches = [undo(sale, 5, 2), undo(sale, 9, 1)]
    days = [START + timedelta(days=day) for day in (5, 6, 9, 10)]
    found = features(tables, [sale, other], matches, *days)
    assert [(row["orders"], row["total_spend"], row["tenure_days"]) for row in found] == [
        (2, 37, 5),
        (2, 17, 6),
        (2, 17, 9),
        (1, 7, 9),
    ]
    assert [row["return_rate"] for row in found] == [0, 20 / 37, 20 / 37, 30 / 37]


def test_under_gross_nothing_is_taken_off(tables: Tables) -> None:
    sale = line("anna", "1", 0, 30, quantity=3)
    (row,) = features(tables, [sale], [undo(sale, 0, 3)], START + timedelta(days=9), revenue_policy="gross")
    assert (row["orders"], row["total_spend"], row["return_rate"]) == (1, 30, 0)


def test_lines_discounted_below_nothing_leave_shares_between_0_and_1(tables: Tables) -> None:
    """10 for A, less 2 for a free B with a discount; the A is sent back."""
    sale = line("c", "1", 0, 10, category="A")
    lines = [sale, line("c", "1", 0, -2, number=2, product_id="B", category="B")]
    (before,) = features(tables, lines)
    assert (before["total_spend"], before["top_category"], before["top_category_share"]) == (8, "A", 1)
    (after,) = features(tables, lines, [undo(sale, 1, 1)], START + timedelta(days=2))
    assert (after["total_spend"], after["return_rate"], after["top_category_share"]) == (-2, 1, None)
    (only,) = features(tables, lines[1:])
    assert (only["return_rate"], only["top_category_share"]) == (None, None)


def test_lines_without_a_rate_count_as_orders_of_no_value(tables: Tables) -> None:
    found = features(tables, [line("anna", "1", 0, None, discount=None), line("anna", "2", 3, 8)])
    assert [(row["orders"], row["total_spend"], row["avg_order_value"]) for row in found] == [(2, 8, 4)]


STAGES = {
    # days of orders of 10 each; Bert comes every 10 days all along, so that the usual gap is about that
    "new": [95],
    "dormant": [0, 10],
    "developing": [85, 95],
    "reactivated": [0, 10, 92],
    "established": [60, 70, 80, 90],
    "declining": [45, 51, 57, 63, 69, 75],
}


@pytest.mark.parametrize("stage", STAGES)
def test_each_stage_of_life(tables: Tables, stage: str) -> None:
    bert = [line("bert", f"b{day}", day) for day in range(0, 100, 10)]
    anna = [line("anna", f"a{day}", day, 10) for day in STAGES[stage]]
    found = features(tables, bert + anna, [], START + timedelta(days=100))
    assert found[0]["lifecycle_stage"] == stage


def test_the_stages_follow_their_settings(tables: Tables) -> None:
    bert = [line("bert", f"b{day}", day) for day in range(0, 100, 10)]
    anna = [line("anna", f"a{day}", day, 10) for day in STAGES["dormant"]]
    found = features(tables, bert + anna, [], START + timedelta(days=100), lifecycle_dormant_gaps=20.0)
    assert found[0]["lifecycle_stage"] == "developing"


def test_sums_of_weighted_spend_and_entropy_are_the_same_in_any_order(tables: Tables) -> None:
    chance = random.Random(5)
    bought = [
        line("anna", str(number), number % 50, Decimal(chance.randint(1, 10**6)) / 10**4, product_id=f"P{number % 7}")
        for number in range(300)
    ]
    first = features(tables, bought)
    for _ in range(3):
        chance.shuffle(bought)
        assert features(tables, bought) == first


def columns_upstream() -> dict[str, dict[str, str]]:
    return {
        name: dict.fromkeys(SQL_TABLES[name].columns, "varchar") for name in FEATURES.upstream if name in SQL_TABLES
    }


def test_the_catalogue_says_of_each_feature_what_it_is() -> None:
    found = {row["feature"]: row for row in catalogue(FEATURES, columns_upstream())}
    assert list(found) == list(FEATURES.columns)
    assert found["spend_90d"] == {
        "place": list(FEATURES.columns).index("spend_90d") + 1,
        "feature": "spend_90d",
        "meaning": "value of the orders of the last 90 days",
        "unit": "reporting currency",
        "window": "the last 90 days",
        "source": "customers.order_states.amount, customers.order_states.order_date",
    }


@pytest.fixture(scope="module")
def windows() -> dict[str, Any]:
    return {str(row["feature"]): row["window"] for row in catalogue(FEATURES, columns_upstream())}


def test_windows_are_those_of_the_names(windows: dict[str, Any]) -> None:
    for name, window in windows.items():
        if days := re.fullmatch(r"(?:spend|orders)_(\d+)d", name):
            assert window == f"the last {days[1]} days"
        if days := re.fullmatch(r"\w+_trend_(\d+)d", name):
            assert window == f"the last {2 * int(days[1])} days"
    assert windows["orders_season_ahead"] == "the 90 days that began 364 days before as_of"


def test_shares_of_categories_are_of_what_is_left_before_the_day(home: Home) -> None:
    header = "order_id,order_ts,customer_id,product_id,product_name,quantity,unit_price,country,category"
    write_drop(
        home,
        "a.csv",
        canonical(
            [
                ["1", "2024-05-01 12:00:00", "anna", "P", "Spade", 3, 10, "France", "garden"],
                ["2", "2024-05-02 12:00:00", "anna", "Q", "Doll", 1, 10, "France", "toys"],
                ["3", "2024-05-03 12:00:00", "anna", "R", "Pen", 1, 10, "France", ""],
                ["4", "2024-05-10 12:00:00", "anna", "Q", "Doll", 1, 90, "France", "toys"],
            ],
            header,
        ),
    )
    home.settings_file.write_text("[core]\nas_of = 2024-05-10\n")
    with built(home, only=("core", *TO_FEATURES, "customers.category_shares")) as warehouse:
        found = rows_of(warehouse, "select category, spend, share from customers.category_shares order by category")
        [feature] = rows_of(warehouse, "select categories, top_category, top_category_share from customers.features")
    assert found == [
        {"category": "garden", "spend": Decimal(30), "share": 0.75},
        {"category": "toys", "spend": Decimal(10), "share": 0.25},
    ]
    assert feature == {"categories": 2, "top_category": "garden", "top_category_share": 0.75}


def test_a_category_discounted_below_nothing_has_no_share_in_either_table(home: Home) -> None:
    header = "order_id,order_ts,customer_id,product_id,product_name,quantity,unit_price,country,discount,category"
    lines = [
        ["1", "2024-05-01 12:00:00", "anna", "P", "Spade", 1, 10, "France", 0, "garden"],
        ["1", "2024-05-01 12:00:00", "anna", "Q", "Doll", 1, 0, "France", 2, "toys"],
    ]
    write_drop(home, "a.csv", canonical(lines, header))
    with built(home, only=("core", *TO_FEATURES, "customers.category_shares")) as warehouse:
        found = rows_of(warehouse, "select category, spend, share from customers.category_shares order by category")
        [feature] = rows_of(warehouse, "select categories, total_spend, top_category_share from customers.features")
    assert [(row["spend"], row["share"]) for row in found] == [(10, 1), (-2, 0)]
    assert feature == {"categories": 2, "total_spend": Decimal(8), "top_category_share": 1}
