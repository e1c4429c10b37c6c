"""core.cancellation_matches against a naive reading of its rule, event after event."""

import math
import random
import time
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retail_pipeline.home import Home
from retail_pipeline_tests.assets.store_tables import LINES, SQL_TABLES, Row, Tables, built, online_retail_csv, rows_of
from retail_pipeline_tests.stores import canonical, write_drop

START = datetime(2024, 1, 1)
STEP = Decimal("0.0001")
MATCH_COLUMNS = (
    "sale_order_id", "sale_line_no", "cancellation_order_id", "cancellation_line_no", "quantity", "amount"
)  # fmt: skip


@dataclass(frozen=True)
class Event:
    """A line that may be matched; what comes back has a negative quantity."""

    minute: int
    quantity: Decimal
    order_id: str = ""
    line_no: int = 1
    customer_id: str | None = "c1"
    product_id: str = "P"
    unit_price: Decimal = Decimal("2.50")
    discount: Decimal = Decimal(0)
    line_type: str = ""
    is_duplicate: bool = False

    @property
    def amount(self) -> Decimal:
        discount = self.discount.copy_sign(self.quantity) if self.quantity < 0 else self.discount
        return (self.quantity * self.unit_price - discount).quantize(STEP, ROUND_HALF_UP)

    def row(self) -> Row:
        kind = self.line_type or ("sale" if self.quantity > 0 else "cancellation")
        return {
            **{name: getattr(self, name) for name in LINES if hasattr(self, name)},
            "line_type": kind,
            "order_ts": START + timedelta(minutes=self.minute),
            "order_date": START.date(),
            "reporting_amount": self.amount,
            "is_allocated": False,
        }


Match = tuple[str, int, str, int, Decimal, Decimal]


def naive_matches(rows: list[Row]) -> list[Match]:
    """The rule read word for word: each cancellation in time order takes the latest earlier sale that has some left."""
    left: dict[tuple[Any, ...], Decimal] = {}
    undone: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    known = [row for row in rows if row["customer_id"] is not None and not row["is_duplicate"]]
    sales = [row for row in known if row["line_type"] == "sale"]
    cancellations = [row for row in known if row["line_type"] in ("cancellation", "return") and row["quantity"] < 0]
    for sale in sales:
        left[place(sale)] = sale["quantity"]
    found = []
    for cancellation in sorted(cancellations, key=place):
        wanted = -cancellation["quantity"]
        for sale in sorted(sales, key=place, reverse=True):
            alike = all(sale[name] == cancellation[name] for name in ("customer_id", "product_id", "unit_price"))
            taken = min(wanted, left[place(sale)])
            if not alike or sale["order_ts"] >= cancellation["order_ts"] or taken <= 0:
                continue
            before = worth(sale, undone[place(sale)])
            undone[place(sale)] += taken
            left[place(sale)] -= taken
            wanted -= taken
            amount = worth(sale, undone[place(sale)]) - before
            ids = (sale["order_id"], sale["line_no"], cancellation["order_id"], cancellation["line_no"])
            found.append((*ids, taken, amount))
    return sorted(found)


def place(row: Row) -> tuple[Any, ...]:
    return row["order_ts"], row["order_id"], row["line_no"]


def worth(sale: Row, quantity: Decimal) -> Decimal:
    """What the share of a sale line is worth, rounded down to the fourth decimal."""
    exact = Fraction(sale["amount"]) * Fraction(quantity) / Fraction(sale["quantity"])
    return math.floor(exact * 10_000) * STEP


def matches(tables: Tables, rows: list[Row]) -> list[Match]:
    tables.fill("core.order_lines", LINES, rows)
    return sorted(tuple(row[name] for name in MATCH_COLUMNS) for row in tables.select("core.cancellation_matches"))


def numbered(events: list[Event]) -> list[Row]:
    """Events as lines of orders named in their order, a, b, c and so on."""
    return [{**event.row(), "order_id": event.order_id or chr(97 + number)} for number, event in enumerate(events)]


def plus(minute: int, quantity: str, **more: Any) -> Event:
    return Event(minute, Decimal(quantity), **more)


def minus(minute: int, quantity: str, **more: Any) -> Event:
    return Event(minute, -Decimal(quantity), **more)


BY_HAND: dict[str, tuple[list[Event], list[tuple[str, str, str]]]] = {
    "the whole of a sale": ([plus(0, "3"), minus(1, "3")], [("a", "b", "3")]),
    "a part of a sale": ([plus(0, "3"), minus(1, "2")], [("a", "b", "2")]),
    "more than was sold": ([plus(0, "3"), minus(1, "5")], [("a", "b", "3")]),
    "nothing sold": ([minus(1, "5")], []),
    "nothing sold before": ([minus(0, "5"), plus(1, "5")], []),
    "at the same time": ([plus(0, "5"), minus(0, "5")], []),
    "the latest of two sales": ([plus(0, "3"), plus(1, "3"), minus(2, "2")], [("b", "c", "2")]),
    "several sales, the latest first": (
        [plus(0, "3"), plus(1, "3"), minus(2, "5")],
        [("a", "c", "2"), ("b", "c", "3")],
    ),
    "what an earlier cancellation left": (
        [plus(0, "5"), plus(1, "2"), minus(2, "3"), minus(3, "9")],
        [("a", "c", "1"), ("a", "d", "4"), ("b", "c", "2")],
    ),
    "a cancellation between sales": (
        [plus(0, "4"), minus(1, "1"), plus(2, "4"), minus(3, "6")],
        [("a", "b", "1"), ("a", "d", "2"), ("c", "d", "4")],
    ),
    "too much, and a sale after it": (
        [plus(0, "1"), minus(1, "9"), plus(2, "5"), minus(3, "2")],
        [("a", "b", "1"), ("c", "d", "2")],
    ),
    "fractions": ([plus(0, "0.7501"), plus(1, "0.25"), minus(2, "0.3333")], [("a", "c", "0.0833"), ("b", "c", "0.25")]),
    "another product": ([plus(0, "3", product_id="Q"), minus(1, "3")], []),
    "another price": ([plus(0, "3", unit_price=Decimal("2.49")), minus(1, "3")], []),
    "another customer": ([plus(0, "3", customer_id="c2"), minus(1, "3")], []),
    "guests": ([plus(0, "3", customer_id=None), minus(1, "3", customer_id=None)], []),
    "a duplicate sale": ([plus(0, "3"), plus(1, "3", is_duplicate=True), minus(2, "5")], [("a", "c", "3")]),
    "a duplicate cancellation": ([plus(0, "9"), minus(1, "3"), minus(1, "3", is_duplicate=True)], [("a", "b", "3")]),
    "a return": ([plus(0, "3"), minus(1, "1", line_type="return")], [("a", "b", "1")]),
    "adjustments and charges aside": (
        [plus(0, "3", line_type="charge"), plus(1, "3", line_type="adjustment"), minus(2, "3", line_type="adjustment")],
        [],
    ),
    "a cancellation that counts up": ([plus(0, "3"), plus(1, "3", line_type="cancellation")], []),
}  # fmt: skip


@pytest.mark.parametrize(("events", "expected"), BY_HAND.values(), ids=BY_HAND.keys())
def test_a_cancellation_undoes(tables: Tables, events: list[Event], expected: list[tuple[str, str, str]]) -> None:
    found = matches(tables, numbered(events))
    assert [(match[0], match[2], match[4]) for match in found] == [
        (sale, cancellation, Decimal(quantity)) for sale, cancellation, quantity in expected
    ]


quantities = st.one_of(
    st.integers(1, 6).map(Decimal),
    st.integers(1, 30_000).map(lambda number: number * STEP),
)
events = st.builds(
    Event,
    minute=st.integers(0, 6),
    quantity=st.tuples(quantities, st.sampled_from([1, -1])).map(lambda pair: pair[0] * pair[1]),
    line_no=st.integers(1, 9),
    customer_id=st.sampled_from(["c1"] * 8 + ["c2", None]),
    product_id=st.sampled_from(["P"] * 8 + ["Q"]),
    unit_price=st.sampled_from([Decimal("2.50")] * 8 + [Decimal("0.0003"), Decimal(0)]),
    discount=st.sampled_from([Decimal(0), Decimal(0), Decimal("0.3333"), Decimal("99.99")]),
    line_type=st.sampled_from([""] * 8 + ["return", "charge"]),
    is_duplicate=st.sampled_from([False] * 8 + [True]),
)


@st.composite
def stores(draw: st.DrawFn) -> list[Row]:
    """Lines with order ids in no order; a sale that comes back is none, and what comes back is no sale."""
    drawn = draw(st.lists(events, min_size=2, max_size=16))
    names = draw(st.permutations([f"o{number}" for number in range(len(drawn))]))
    rows = [{**event.row(), "order_id": name} for event, name in zip(drawn, names, strict=True)]
    return [row for row in rows if not (row["line_type"] == "return" and row["quantity"] > 0)]


def random_store(chance: random.Random) -> list[Row]:
    """Up to 24 lines of two customers, most of which can be matched."""
    rows = []
    for name in chance.sample([f"o{number}" for number in range(24)], chance.randint(2, 24)):
        size = chance.choice([Decimal(chance.randint(1, 6)), chance.randint(1, 30_000) * STEP])
        event = Event(
            minute=chance.randint(0, 12),
            quantity=size if chance.random() < 0.6 else -size,
            order_id=name,
            line_no=chance.randint(1, 9),
            customer_id=chance.choice(["c1", "c1", "c1", "c2"]),
            discount=chance.choice([Decimal(0), Decimal("0.3333"), Decimal("99.99")]),
            is_duplicate=chance.random() < 0.1,
        )
        rows.append(event.row())
    return rows


def test_matches_of_random_stores_are_those_of_the_naive_reading(tables: Tables) -> None:
    found = 0
    for seed in range(150):
        rows = random_store(random.Random(seed))
        expected = naive_matches(rows)
        assert matches(tables, rows) == expected, f"seed {seed}"
        found += len(expected)
    assert found > 500, "the stores are there to be matched"


@settings(max_examples=100, deadline=None, derandomize=True)
@given(rows=stores())
def test_matches_are_those_of_the_naive_reading(tables: Tables, rows: list[Row]) -> None:
    assert matches(tables, rows) == naive_matches(rows)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(rows=stores(), chance=st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_no_match(tables: Tables, rows: list[Row], chance: random.Random) -> None:
    assert matches(tables, chance.sample(rows, len(rows))) == matches(tables, rows)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(rows=stores(), minute=st.integers(0, 6))
def test_what_happens_later_changes_no_match_known_before(tables: Tables, rows: list[Row], minute: int) -> None:
    until = START + timedelta(minutes=minute)
    before = {row["order_id"] for row in rows if row["order_ts"] < until}
    known = [match for match in matches(tables, rows) if match[2] in before]
    assert matches(tables, [row for row in rows if row["order_id"] in before]) == known


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    quantity=st.integers(1, 10**9),
    amount=st.integers(-(10**17), 10**18 - 1),
    cuts=st.lists(st.floats(0.001, 0.6), min_size=1, max_size=6),
)
def test_the_parts_of_a_sale_undone_as_a_whole_add_up_to_its_amount(
    tables: Tables, quantity: int, amount: int, cuts: list[float]
) -> None:
    sale = {**plus(0, "1").row(), "order_id": "sale", "quantity": quantity * STEP}
    sale["amount"] = sale["reporting_amount"] = amount * STEP
    left, rows = quantity, [sale]
    for number, share in enumerate(cuts):
        taken = max(1, int(left * share)) if left else 0
        if taken:
            rows.append({**minus(1 + number, str(taken * STEP)).row(), "order_id": f"c{number}"})
        left -= taken
    rows.append({**minus(99, str(left * STEP + 1)).row(), "order_id": "last"})
    found = matches(tables, rows)
    assert found == naive_matches(rows)
    assert sum(match[4] for match in found) == sale["quantity"]
    assert sum(match[5] for match in found) == sale["amount"]


def test_a_third_of_a_line_is_rounded_down_and_the_last_part_takes_the_rest(tables: Tables) -> None:
    rows = [{**plus(0, "3").row(), "order_id": "s", "amount": Decimal(10), "reporting_amount": Decimal(10)}]
    rows += [{**minus(minute, "1").row(), "order_id": f"c{minute}"} for minute in (1, 2, 3)]
    amounts = [match[5] for match in matches(tables, rows)]
    assert amounts == [Decimal("3.3333"), Decimal("3.3333"), Decimal("3.3334")]


def crowd(sales: int, cancellations: int) -> list[Row]:
    """One customer's thousands of lines of one product at one price, in a random order, with fractional quantities."""
    chance = random.Random(16446)
    counts = [chance.randint(1, 50_000) for _ in range(sales)] + [
        -chance.randint(1, 400_000) for _ in range(cancellations)
    ]
    chance.shuffle(counts)
    return [{**Event(minute, count * STEP).row(), "order_id": f"o{minute:05}"} for minute, count in enumerate(counts)]


def test_thousands_of_lines_alike_are_matched_in_little_time_and_memory(tables: Tables) -> None:
    rows = crowd(5_000, 500)
    tables.fill("core.order_lines", LINES, rows)
    tables.connection.execute("set memory_limit = '400MB'; set threads = 2")
    started = time.process_time()
    found = tables.select("core.cancellation_matches")
    assert time.process_time() - started < 5
    sold, back = (sum(abs(row["quantity"]) for row in rows if (row["quantity"] > 0) is sold) for sold in (True, False))
    assert sum(row["quantity"] for row in found) <= min(sold, back)
    assert len(found) <= len(rows), "each match uses up a sale or a cancellation"


def test_a_crowd_is_matched_as_the_naive_reading_says(tables: Tables) -> None:
    rows = crowd(300, 60)
    assert matches(tables, rows) == naive_matches(rows)


def test_cancellations_of_a_dropped_file_undo_its_sales(home: Home) -> None:
    def line(order: str, quantity: int, ts: str, customer: str = "16446") -> list[object]:
        return [order, "23843", "PAPER CRAFT", quantity, ts, "2.08", customer, "United Kingdom"]

    bought, back = "12/9/2011 9:15", "12/9/2011 9:27"
    lines = [line("581483", 80995, bought), line("C581484", -80995, back), line("C581484", -80995, back)]
    write_drop(home, "a.csv", online_retail_csv([*lines, line("1", 5, bought, ""), line("C2", -5, back, "")]))
    with built(home, only=("core",)) as warehouse:
        (match,) = rows_of(warehouse, "core.cancellation_matches")
    assert match == {
        "customer_id": "16446",
        "product_id": "23843",
        "sale_order_id": "581483",
        "sale_line_no": 1,
        "sold_at": datetime(2011, 12, 9, 9, 15),
        "cancellation_order_id": "C581484",
        "cancellation_line_no": 1,
        "cancelled_at": datetime(2011, 12, 9, 9, 27),
        "quantity": Decimal(80995),
        "amount": Decimal("168469.60"),
    }


def test_a_return_of_a_discounted_canonical_line_undoes_what_was_paid(home: Home) -> None:
    header = "order_id,order_ts,customer_id,product_id,product_name,quantity,unit_price,country,discount"
    lines = [
        ["1", "2024-01-01 10:00:00", "c1", "P", "Pen", 3, "10", "France", "2"],
        ["2", "2024-01-02 10:00:00", "c1", "P", "Pen", -1, "10", "France", ""],
    ]
    write_drop(home, "a.csv", canonical(lines, header))
    with built(home, only=("core",)) as warehouse:
        (match,) = rows_of(warehouse, "core.cancellation_matches")
    assert (match["quantity"], match["amount"]) == (1, Decimal("9.3333"))  # a third of 28


def test_the_header_names_the_key() -> None:
    key = SQL_TABLES["core.cancellation_matches"].key
    assert key == ("sale_order_id", "sale_line_no", "cancellation_order_id", "cancellation_line_no")
