"""The synthetic shop in every format: what the pipeline makes of its files must be what is true, to the penny."""

import csv
import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow.parquet as pq
import pytest

from retail_pipeline.home import Home
from retail_pipeline.ingest.loader import LoadReport, load_drops
from retail_pipeline.simulator import SimulationSummary, StoreParameters, preset, simulate_store
from retail_pipeline.simulator.exports import EXPORTS, Per
from retail_pipeline.simulator.exports.net_prices import with_net_prices
from retail_pipeline.simulator.exports.orders import Orders
from retail_pipeline.simulator.lines import SALE, Lines
from retail_pipeline.simulator.store import Store
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.assets.store_tables import TO_ORDER_LINES, rows_of
from retail_pipeline_tests.ingest.exports import KINDS, WOOCOMMERCE
from retail_pipeline_tests.stores import LONG_AGO, opened
from retail_pipeline_tests.tables import build_tables

DIRT = {
    "guests": 0.1, "returns": 0.12, "quick_cancellations": 0.04, "late_cancellations": 0.06, "test_orders": 0.04,
    "corrections": 0.02, "duplicates": 0.03, "missing_names": 0.03, "padded_names": 0.03, "mixed_case": 0.05,
    "malformed": 0.03, "overlap_days": 2,
}  # fmt: skip
EVENTS_AS_THEY_HAPPEN = ("canonical", "online_retail", "online_retail_ii", "square")
ORDERS_AS_THEY_STAND = ("shopify", "woocommerce", "amazon_all_orders")
SALES_ONLY = ("etsy", "amazon_new_orders")
FORMATS = (*EVENTS_AS_THEY_HAPPEN, *ORDERS_AS_THEY_STAND, *SALES_ONLY)
HAVE_NO_SALE_OF_WHAT_WAS_CANCELLED = ("woocommerce", "amazon_all_orders")
Kind = Literal["csv", "parquet"]


def shop(*, dirt: dict[str, Any] | None = None, **changes: Any) -> StoreParameters:
    """Four months of a small shop with promotions and all kinds of dirt."""
    period = {"start": date(2023, 9, 1), "end": date(2023, 12, 31), **changes}
    return preset("small", **{"customers": 150, "dirt": {**DIRT, **(dirt or {})}, **period})


@dataclass(frozen=True)
class Truth:
    """What is true of the days that were exported; money is that of all of them."""

    orders: int
    units: int
    sales: Decimal
    returns: Decimal
    cancellations: Decimal
    customers: int

    @classmethod
    def of(cls, summary: SimulationSummary) -> "Truth":
        days = [row for row in pq.read_table(summary.truth / "days.parquet").to_pylist() if row["is_exported"]]

        def total(name: str) -> Decimal:
            return sum((Decimal(round(100 * row[name])) for row in days), Decimal(0)) / 100

        return cls(
            orders=sum(row["orders"] for row in days),
            units=sum(row["units"] for row in days),
            sales=total("gross_sales") - total("discounts"),
            returns=total("returns"),
            cancellations=total("cancellations"),
            customers=pq.read_metadata(summary.truth / "customers.parquet").num_rows,
        )

    def by_type(self, name: str) -> dict[str, Decimal]:
        """What a format can say of it: the amounts of the lines that count, by their type."""
        undone = self.returns + self.cancellations
        sold = {"sale": self.sales}
        return {
            "canonical": {**sold, "return": -self.returns, "cancellation": -self.cancellations},
            "online_retail": {**sold, "cancellation": -undone},
            "online_retail_ii": {**sold, "cancellation": -undone},
            "square": {**sold, "return": -undone},
            "shopify": {**sold, "return": -self.returns, "cancellation": -self.cancellations},
            "woocommerce": {"sale": self.sales - self.cancellations, "return": -self.returns},
            "amazon_all_orders": {"sale": self.sales - self.cancellations},
            "etsy": sold,
            "amazon_new_orders": sold,
        }[name]


@contextmanager
def simulated(
    home: Home, parameters: StoreParameters, name: str, *, per: Per = "month", kind: Kind = "csv"
) -> Iterator[tuple[SimulationSummary, LoadReport, Warehouse]]:
    """A home with a shop's files in drops/, loaded, and the lines of orders and the orders built."""
    summary = simulate_store(home.drops, parameters, format=name, per=per, kind=kind)
    for path in summary.files:
        os.utime(path, (LONG_AGO, LONG_AGO))
    with opened(home) as warehouse:
        report = load_drops(warehouse)
        build_tables(warehouse, (*TO_ORDER_LINES, "core.orders"))
        yield summary, report, warehouse


def amounts_by_type(warehouse: Warehouse) -> dict[str, Decimal]:
    rows = rows_of(
        warehouse,
        "select line_type, sum(reporting_amount) as amount from core.order_lines "
        "where not is_duplicate and line_type in ('sale', 'return', 'cancellation') group by 1",
    )
    return {row["line_type"]: row["amount"] for row in rows}


def placed_orders(warehouse: Warehouse) -> int:
    """Orders of customers, cancelled ones that are no sales among them."""
    return int(
        warehouse.value(
            "select count(distinct order_id) from core.order_lines "
            "where line_type = 'sale' or (lower(status) = 'cancelled' and quantity >= 0)"
        )
    )


def orders_twice_in_a_file(warehouse: Warehouse) -> list[str]:
    """No order of the shop holds a product on two lines."""
    rows = rows_of(
        warehouse,
        "select distinct order_id from raw.transactions group by drop_id, order_id, product_id having count(*) > 1",
    )
    return [row["order_id"] for row in rows]


def texts(summary: SimulationSummary) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in summary.files}


def test_every_format_that_the_pipeline_reads_is_written() -> None:
    from retail_pipeline.ingest.formats import FORMATS as READ

    rules = {format_.name: format_.rules.same_order for format_ in READ if format_.name != "currency_rates"}
    assert set(EXPORTS) == set(rules) == set(FORMATS)
    # where an order replaces what it was, a line that stands twice in a file is sold twice
    assert {name: export.may_repeat for name, export in EXPORTS.items()} == {
        name: rule == "append" for name, rule in rules.items()
    }


@pytest.mark.parametrize("name", FORMATS)
def test_the_pipeline_finds_the_truth_in_dirty_files(home: Home, tmp_path: Path, name: str) -> None:
    clean = simulate_store(tmp_path / "clean", shop(dirt={"malformed": 0}), format=name)
    with simulated(home, shop(), name) as (summary, report, warehouse):
        truth = Truth.of(summary)
        assert not report.refused
        assert {drop.file_name: drop.format for drop in report.loaded} == {path.name: name for path in summary.files}
        spoiled = {
            path.name: rows - clean.files[tmp_path / "clean" / path.name] for path, rows in summary.files.items()
        }
        assert sum(spoiled.values()) >= 10
        rejected = rows_of(
            warehouse,
            "select file_name, count(distinct source_row) as lines, count(distinct reason) as reasons "
            "from raw.rejected_rows join raw.drops using (drop_id) group by 1",
        )
        assert {row["file_name"]: row["lines"] for row in rejected} == {k: n for k, n in spoiled.items() if n}
        assert max(row["reasons"] for row in rejected) >= 4
        assert truth.returns > 0
        assert truth.cancellations > 0
        assert amounts_by_type(warehouse) == truth.by_type(name)
        totals = warehouse.row("select sum(sales_amount), sum(returns_amount) from core.orders")
        expected = truth.by_type(name)
        assert totals == (expected["sale"], sum(expected.values()) - expected["sale"])
        assert placed_orders(warehouse) == truth.orders == summary.orders
        customers = warehouse.value("select count(distinct customer_id) from core.order_lines")
        assert customers == (0 if name == "amazon_all_orders" else truth.customers)
        if name not in HAVE_NO_SALE_OF_WHAT_WAS_CANCELLED:
            units = "select sum(quantity) from core.order_lines where line_type = 'sale' and not is_duplicate"
            assert warehouse.value(units) == truth.units


@pytest.mark.parametrize("name", FORMATS)
def test_parquet_files_hold_the_same(home: Home, name: str) -> None:
    with simulated(home, shop(), name, kind="parquet") as (summary, report, warehouse):
        assert {(drop.format, drop.rows_rejected) for drop in report.loaded} == {(name, 0)}
        assert {path.suffix for path in summary.files} == {".parquet"}
        assert amounts_by_type(warehouse) == Truth.of(summary).by_type(name)


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_shop_is_the_same_bytes(tmp_path: Path, name: str) -> None:
    parameters = shop(end=date(2023, 10, 20))
    once = simulate_store(tmp_path / "once", parameters, format=name, per="week")
    again = simulate_store(tmp_path / "again", parameters, format=name, per="week")
    assert texts(once) == texts(again)
    left = {path.name for path in (tmp_path / "once").iterdir()}
    assert left == {*texts(once), "truth"}


@pytest.mark.parametrize("name", [*EVENTS_AS_THEY_HAPPEN, *SALES_ONLY])
def test_files_of_any_period_hold_the_same_lines(tmp_path: Path, name: str) -> None:
    parameters = shop(dirt={"malformed": 0, "overlap_days": 0}, end=date(2023, 10, 8))
    periods: tuple[Per, ...] = ("day", "week", "month", "all")
    found = []
    for per in periods:
        summary = simulate_store(tmp_path / per, parameters, format=name, per=per)
        lines = [line for text in texts(summary).values() for line in text.splitlines()[1:]]
        assert len(lines) == summary.rows
        found.append(Counter(lines))
    assert found[0] == found[1] == found[2] == found[3]


@pytest.mark.parametrize(
    ("name", "per", "overlap_days"),
    [
        *((name, "day", 3) for name in ORDERS_AS_THEY_STAND),
        *((name, "week", 0) for name in ORDERS_AS_THEY_STAND),
        *((name, "all", 0) for name in ORDERS_AS_THEY_STAND),
        ("shopify", "day", 0),
        ("shopify", "week", 3),
    ],
)
def test_orders_end_as_they_stand_whatever_the_period(home: Home, name: str, per: Per, overlap_days: int) -> None:
    dirt = {"malformed": 0, "overlap_days": overlap_days, "returns": 0.5, "return_days": 5, "quick_cancellations": 0.15}
    parameters = shop(dirt=dirt, customers=30, end=date(2023, 10, 12))
    with simulated(home, parameters, name, per=per) as (summary, _, warehouse):
        truth = Truth.of(summary)
        assert truth.returns > 0
        assert truth.cancellations > 0
        assert amounts_by_type(warehouse) == truth.by_type(name)
        assert placed_orders(warehouse) == truth.orders
        assert not orders_twice_in_a_file(warehouse)


@pytest.mark.parametrize("name", ORDERS_AS_THEY_STAND)
def test_a_file_of_many_windows_holds_each_order_once(home: Home, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr("retail_pipeline.simulator.store.WINDOW_ORDERS", 8)  # windows of some days
    assert len(list(Store(shop()).trade())) > 24
    with simulated(home, shop(dirt={"returns": 0.4}), name) as (summary, _, warehouse):
        truth = Truth.of(summary)
        assert amounts_by_type(warehouse) == truth.by_type(name)
        assert placed_orders(warehouse) == truth.orders
        assert not orders_twice_in_a_file(warehouse)


def test_a_refund_changes_an_order_in_the_file_of_its_day_and_not_before(home: Home) -> None:
    with simulated(home, shop(dirt={"overlap_days": 0}), "shopify") as (_, _, warehouse):
        versions = rows_of(
            warehouse,
            "from (select order_id, file_name, stands, sum(order_refunded) as refunded, "
            "max(cancelled_ts) is not null as is_cancelled, min(order_ts) as placed from raw.transactions "
            "join core.order_versions using (order_id, drop_id) join raw.drops using (drop_id) group by all) "
            "qualify count(*) over (partition by order_id) > 1 order by order_id, file_name",
        )
    first = [row for row in versions if row["file_name"] == f"orders_export-{row['placed']:%Y-%m}.csv"]
    later = [row for row in versions if row not in first]
    assert len(first) == len({row["order_id"] for row in versions}) > 5
    for before, after in pairwise(versions):
        if before["order_id"] == after["order_id"]:
            assert after["refunded"] > before["refunded"]
            assert not before["is_cancelled"]
    assert any(row["is_cancelled"] for row in later)
    newest = {row["order_id"]: row["file_name"] for row in versions}
    assert all(row["stands"] == (newest[row["order_id"]] == row["file_name"]) for row in versions)


OUTAGE = {"kind": "outage", "name": "no export", "first": date(2023, 10, 10), "last": date(2023, 10, 16)}


@pytest.mark.parametrize("name", ["canonical", "square", *ORDERS_AS_THEY_STAND])
def test_an_outage_is_in_no_file(home: Home, name: str) -> None:
    parameters = shop(events=(OUTAGE,), dirt={"returns": 0, "late_cancellations": 0, "quick_cancellations": 0})
    with simulated(home, parameters, name) as (summary, _, warehouse):
        assert summary.missing_lines > 0
        truth = Truth.of(summary)
        assert amounts_by_type(warehouse) == {"sale": truth.sales}
        assert placed_orders(warehouse) == truth.orders


def test_orders_of_an_outage_stay_unknown_when_they_come_back(home: Home) -> None:
    parameters = shop(events=(OUTAGE,), dirt={"returns": 0.5})
    with simulated(home, parameters, "shopify", per="week") as (summary, _, warehouse):
        truth = Truth.of(summary)
        found = amounts_by_type(warehouse)
        assert found["sale"] == truth.sales
        assert 0 < -found["return"] < truth.returns  # some of those of its days, told later, have no order to stand in
        during = "select count(*) from raw.transactions where order_ts::date between $first and $last"
        assert warehouse.value(during, {name: OUTAGE[name] for name in ("first", "last")}) == 0


@pytest.mark.parametrize("name", [*KINDS, "online_retail", "online_retail_ii"])
def test_files_look_like_those_of_the_store(tmp_path: Path, name: str) -> None:
    summary = simulate_store(tmp_path, shop(dirt={"malformed": 0}), format=name)
    text = next(iter(texts(summary).values()))
    if name.startswith("online_retail"):
        headers = {
            "online_retail": b"InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\r\n",
            "online_retail_ii": b"Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n",
        }
        assert text.startswith(headers[name])
        assert "é".encode("latin-1" if name == "online_retail" else "utf-8") in b"".join(texts(summary).values())
        return
    kind = KINDS[name]
    header, rest = text.removeprefix(kind.mark.encode()).split(kind.line_end.encode(), 1)
    assert text.startswith(kind.mark.encode())
    assert rest.count(b"\n") == rest.count(kind.line_end.encode()) == next(iter(summary.files.values()))
    names = header.decode().split(kind.delimiter)
    if name == "woocommerce":
        fixed = WOOCOMMERCE.split(",line_item_1")[0].split(",")
        items = [f"line_item_{number}" for number in range(1, len(names) - len(fixed) + 1)]
        assert names == [*fixed, *items]
        last = [row[-1] for row in csv.reader(rest.decode().splitlines())]
        assert any(last)  # as many as the largest order needs
    else:
        assert names == kind.header.split(",")
    if not kind.is_quoted:
        assert {line.count(b"\t") for line in rest.splitlines()} == {len(names) - 1}
        assert b'8" x 10"' in b"".join(texts(summary).values())


@pytest.mark.parametrize("name", FORMATS)
def test_persons_are_plainly_invented(tmp_path: Path, name: str) -> None:
    summary = simulate_store(tmp_path, shop(), format=name)
    every = b"".join(texts(summary).values()).decode("utf-8", "replace")
    addresses = re.findall(r"[\w.+-]+@[\w.-]+", every)
    assert all(re.fullmatch(r"c\d{8}@example\.com", address) for address in addresses)
    assert bool(addresses) == (name in ("shopify", "woocommerce", "amazon_new_orders"))


def test_net_prices_are_worth_the_same_and_have_no_discount() -> None:
    rng = np.random.default_rng(3)
    units = rng.integers(1, 9, 500) * rng.choice([-1, 1], 500)
    pence = rng.integers(50, 900, 500)
    discount = (
        np.sign(units) * (rng.random(500) * np.abs(units) * pence * 0.9).astype(np.int64) * rng.integers(0, 2, 500)
    )
    zeros = np.zeros(500)
    lines = Lines.of(
        kind=zeros, ts=zeros, placed=zeros, customer=np.arange(500), number=zeros, line_no=zeros, part=zeros,
        product=zeros, units=units, pence=pence, discount=discount, region=zeros, channel=zeros,
    )  # fmt: skip
    net = with_net_prices(lines)
    assert not net.discount.any()
    for column in ("amount", "units"):
        summed = np.bincount(net.customer, getattr(net, column))
        assert summed.tolist() == getattr(lines, column).tolist()
    assert np.bincount(net.customer).max() == 2
    assert ((net.units > 0) == (lines.units[net.customer] > 0)).all()
    assert (net.pence >= 0).all()
    untouched = lines.discount == 0
    assert (np.bincount(net.customer)[untouched] == 1).all()


def test_orders_are_made_again_as_they_were() -> None:
    store = Store(shop())
    lines = Lines.joined([window.lines for window in store.trade()])
    events = lines.take(lines.kind != SALE)
    again = Orders(store).changed(events, store.clock.days, 0, store.clock.days)

    def by_line(some: Lines) -> dict[tuple[int, int, int], tuple[int, ...]]:
        values = (some.ts, some.product, some.units, some.pence, some.discount, some.region, some.channel)
        keys = zip(some.customer.tolist(), some.number.tolist(), some.line_no.tolist(), strict=True)
        return dict(zip(keys, zip(*(value.tolist() for value in values), strict=True), strict=True))

    known, found = by_line(lines.take(lines.kind == SALE)), by_line(again)
    assert len(found) == len(again) > 100
    assert all(known[key] == values for key, values in found.items())
