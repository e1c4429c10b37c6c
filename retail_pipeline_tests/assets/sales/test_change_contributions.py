"""Members' figures and contributions against a plain rendering in Python, and root causes against planted events."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from retail_pipeline.assets.frame_assets import build_frame_table
from retail_pipeline.assets.sales import change_contributions
from retail_pipeline.home import Home
from retail_pipeline.simulator import preset, simulate_store
from retail_pipeline.simulator.parameters import Event
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.assets.sales.test_marts import (
    HEADER,
    PERIODS,
    Line,
    by_hand,
    line,
    random_store,
)
from retail_pipeline_tests.assets.store_tables import Row, built, rows_of, upstream_of
from retail_pipeline_tests.stores import canonical, write_drop

ONLY = upstream_of("sales.root_causes")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
FREQUENCIES = {"week": "weekly", "month": "monthly", "quarter": "quarterly"}
CAUSES = "select * from sales.root_causes where member is not null order by frequency, period"


@pytest.fixture(scope="module", params=[11, 12])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    lines = random_store(request.param, orders=500)
    home = Home(tmp_path_factory.mktemp("contributions")).create()
    write_drop(home, "a.csv", canonical([each.cells() for each in lines], HEADER))
    home.settings_file.write_text("[insights]\nmembers_kept = 2\nsurprise_level = 0.9\n")
    with built(home, only=ONLY) as warehouse:
        yield warehouse, [each for each in lines if each.status != "test"]


def members_of(each: Line, lines: list[Line]) -> dict[str, str]:
    """The member of each dimension that a line belongs to, looked up among all lines."""
    day = each.at.date()
    earlier = {
        other.order: other.at.date()
        for other in lines
        if other.customer == each.customer and other.quantity > 0 and other.at.date() < day
    }
    customer_type = "guest" if not each.customer else "returning" if earlier else "new"
    if not each.customer:
        segment = "guest"
    elif not earlier:
        segment = "first order"
    elif (day - max(earlier.values())).days > 180:
        segment = "back after 180 days"
    else:
        segment = "regular" if len(earlier) >= 4 else "occasional"
    return {
        "country": each.country or "(unknown)",
        "channel": each.channel or "(unknown)",
        "customer_type": customer_type,
        "segment": segment,
        "weekday": WEEKDAYS[day.weekday()],
        "category": "art" if each.product in "AB" else "(unknown)",
        "product": each.product,
    }


def net_sales_by_member(lines: list[Line]) -> dict[tuple[str, date, str, str], Decimal]:
    sums: dict[tuple[str, date, str, str], Decimal] = defaultdict(Decimal)
    for each in lines:
        for dimension, member in members_of(each, lines).items():
            for frequency, table in FREQUENCIES.items():
                sums[frequency, PERIODS[table][1](each.at.date()), dimension, member] += each.amount
    return sums


def test_members_hold_what_is_theirs_in_each_period(store: tuple[Warehouse, list[Line]]) -> None:
    warehouse, lines = store
    found = {
        (row["frequency"], row["period"], row["dimension"], row["member"]): row["net_sales"]
        for row in rows_of(warehouse, "sales.member_periods")
    }
    expected = net_sales_by_member(lines)
    assert {key: value for key, value in found.items() if value} == {
        key: value for key, value in expected.items() if value
    }


def test_orders_and_units_of_members_are_those_of_their_lines(store: tuple[Warehouse, list[Line]]) -> None:
    warehouse, lines = store
    orders: dict[tuple[date, str, str], set[str]] = defaultdict(set)
    units: dict[tuple[date, str, str], int] = defaultdict(int)
    for each in lines:
        for dimension, member in members_of(each, lines).items():
            key = (each.at.date(), dimension, member)
            if each.quantity > 0:
                orders[key].add(each.order)
                units[key] += each.quantity
    for row in rows_of(warehouse, "sales.member_days"):
        key = (row["date_day"], row["dimension"], row["member"])
        assert row["units"] == units[key]
        assert row["orders"] == (None if row["dimension"] in ("product", "category") else len(orders[key]))


def test_contributions_are_those_of_a_plain_reading(store: tuple[Warehouse, list[Line]]) -> None:
    warehouse, lines = store
    net = net_sales_by_member(lines)
    whole = {
        (row["frequency"], row["period"]): row["last_day"]
        for row in rows_of(warehouse, "select * from sales.period_figures where not is_partial and frequency <> 'day'")
    }
    rows = rows_of(warehouse, "select * from sales.change_contributions where depth = 1")
    assert {(row["frequency"], row["period"]) for row in rows} <= set(whole)
    by_change: dict[tuple[str, date, str], list[Row]] = defaultdict(list)
    for row in rows:
        by_change[row["frequency"], row["period"], row["dimension"]].append(row)
    told = 0
    for (frequency, period, dimension), members in by_change.items():
        before = max(first for each, first in whole if each == frequency and first < period)
        all_before = sum(value for key, value in net.items() if key[:3] == (frequency, before, dimension))
        change = sum(value for key, value in net.items() if key[:3] == (frequency, period, dimension)) - all_before
        names = {
            key[3]
            for key, value in net.items()
            if key[0] == frequency and key[1] in (before, period) and key[2] == dimension and value
        }
        changes = {
            name: net.get((frequency, period, dimension, name), Decimal(0))
            - net.get((frequency, before, dimension, name), Decimal(0))
            for name in names
        }
        direction = 1 if change >= 0 else -1
        assert sum(row["change"] for row in members) == change
        for row in members:
            assert row["period_before"] == before
            assert row["whole_change"] == change
            if row["rank"] is None:
                continue
            told += 1
            assert row["change"] == changes[row["member"]]
            better = [name for name, value in changes.items() if value * direction > row["change"] * direction]
            assert row["rank"] > len(better)
            assert row["share_explained"] == (pytest.approx(float(row["change"] / change)) if change else None)
            if all_before > 0:
                share = net.get((frequency, before, dimension, row["member"]), Decimal(0)) / all_before
                assert row["share_before"] == pytest.approx(float(share))
                assert float(row["expected_change"]) == pytest.approx(float(share * change), abs=0.0001)
                assert row["excess"] == row["change"] - row["expected_change"]
    assert told > 1_000


def test_only_some_members_keep_a_row_of_their_own(store: tuple[Warehouse, list[Line]]) -> None:
    warehouse, _ = store
    rows = rows_of(
        warehouse,
        "select frequency, period, depth, dimension, count(*) as rows, sum(members) as members "
        "from sales.change_contributions group by all",
    )
    assert max(row["rows"] for row in rows) <= 2 + 2 + 1 + 1
    weekdays = [row for row in rows if row["dimension"] == "weekday" and row["frequency"] == "quarter"]
    assert {row["members"] for row in weekdays if row["depth"] == 1} == {7}


def test_a_root_cause_is_divided_by_the_other_dimensions(store: tuple[Warehouse, list[Line]]) -> None:
    warehouse, lines = store
    known = [(each, members_of(each, lines)) for each in lines]
    deeper = rows_of(warehouse, "select * from sales.change_contributions where depth = 2 and members = 1")
    assert len(deeper) > 50
    for row in deeper[:: max(1, len(deeper) // 200)]:
        cause, _ = row["path"].split(" > ")
        dimension, member = cause.split("=")
        period_of = PERIODS[FREQUENCIES[row["frequency"]]][1]
        amounts = {
            period: sum(
                (
                    each.amount
                    for each, of in known
                    if of[dimension] == member
                    and of[row["dimension"]] == row["member"]
                    and period_of(each.at.date()) == period
                ),
                Decimal(0),
            )
            for period in (row["period_before"], row["period"])
        }
        assert (row["net_sales_before"], row["net_sales"]) == (amounts[row["period_before"]], amounts[row["period"]])


def test_what_comes_later_changes_no_judgement(tmp_path_factory: pytest.TempPathFactory) -> None:
    lines = random_store(13, orders=600)
    end = date(2023, 12, 31)
    found = []
    for until in (end, date(2024, 12, 31)):
        home = Home(tmp_path_factory.mktemp("until")).create()
        kept = [each for each in lines if each.at.date() <= until]
        write_drop(home, "a.csv", canonical([each.cells() for each in kept], HEADER))
        with built(home, only=ONLY) as warehouse:
            found.append(
                rows_of(
                    warehouse,
                    "select frequency, period, path, rank, change, surprise, p_value, usual_share, is_root_cause from "
                    "sales.change_contributions where period < date '2023-12-01' and frequency <> 'quarter' "
                    "order by all",
                )
            )
    assert found[0] == found[1]
    assert sum(row["surprise"] is not None for row in found[0]) > 100


def test_it_is_made_anew_when_a_threshold_changes(home: Home) -> None:
    write_drop(home, "a.csv", canonical([each.cells() for each in random_store(14)], HEADER))
    with built(home, only=ONLY) as warehouse:
        assert build_frame_table(warehouse, change_contributions.TABLE).mode == "unchanged"
    home.settings_file.write_text("[insights]\nmembers_kept = 1\n")
    with built(home, only=["core"]) as warehouse:
        assert build_frame_table(warehouse, change_contributions.TABLE).mode == "full"


def test_a_drop_in_one_countrys_channel_is_traced_to_it_and_dated(home: Home) -> None:
    # each day France and Spain sell 160 each, but France only 70 from the 14th of November, none of it by the web
    first, last = date(2023, 1, 1), date(2023, 12, 31)
    lines = []
    for number in range((last - first).days + 1):
        day = first + timedelta(number)
        for place, (country, channel, price) in enumerate(
            (("France", "web", 90), ("France", "shop", 70), ("Spain", "web", 110), ("Spain", "shop", 50))
        ):
            # a little to and fro, so that there is something usual
            wave = 1 + (number * (place + 3) % 7 - 3) / 40
            if (country, channel) == ("France", "web") and day >= date(2023, 11, 14):
                continue
            lines.append(
                line(
                    f"{number}-{place}",
                    f"{day}T10:00",
                    1,
                    f"{price * wave:.2f}",
                    country=country,
                    channel=channel,
                    customer=f"C{place}",
                )
            )
    lines.append(line("late", f"{last}T23:00"))
    by_hand(home, *lines)
    with built(home, only=ONLY) as warehouse:
        (cause,) = [row for row in rows_of(warehouse, CAUSES) if row["period"] == date(2023, 11, 1)]
        # of two members that mirror each other, both are as surprising: the larger excess is the one that fell or rose
        assert cause["frequency"] == "month"
        assert cause["direction"] == "fall"
        assert cause["dimension"] == "country"
        assert cause["began_on"] == date(2023, 11, 14)
        assert cause["ended_on"] == date(2023, 11, 30)
        assert cause["change"] < -700
        if cause["member"] == "France":
            assert cause["path"] == "country=France > channel=web"


def causes_in(folder: Any, event: Event, **changes: Any) -> tuple[list[Row], dict[int, str]]:
    """The root causes of a small shop with one event, and its products by their rank."""
    summary = simulate_store(
        folder / "files",
        preset("calm", events=(event,), start=date(2023, 1, 1), end=date(2023, 12, 31), **changes),
        kind="parquet",
        per="all",
    )
    home = Home(folder / "home").create()
    for path in summary.files:
        write_drop(home, path.name, path.read_bytes())
    with built(home, only=ONLY) as warehouse:
        causes = rows_of(warehouse, CAUSES)
    truth = folder / "files" / "truth" / "products.parquet"
    with duckdb.connect() as connection:
        return causes, dict(connection.execute(f"select rank, product_id from '{truth}'").fetchall())


FEW_PRODUCTS = {
    "catalogue": {"products": 60, "popularity_exponent": 1.5},
    "baskets": {"bundles": 0, "substitutes": 0},
}
STRIKE = Event(
    kind="slump", name="strike", region="Germany", first=date(2023, 9, 4), last=date(2023, 9, 30), factor=0.1
)
SEEN = Event(kind="viral", name="seen", product_rank=30, first=date(2023, 9, 12), last=date(2023, 9, 24), factor=25)
GONE = Event(kind="stock_out", name="gone", product_rank=1, first=date(2023, 9, 4), last=date(2023, 10, 8))
DEARER = Event(kind="price_rise", name="dearer", category="textiles", first=date(2023, 9, 1), factor=2.5)
FAILED = Event(kind="outage", name="failed", first=date(2023, 9, 13))


@pytest.mark.parametrize(
    ("event", "dimension", "member", "frequency", "days_off", "changes"),
    [
        (STRIKE, "country", "Germany", "month", 2, {"customers": 6_000}),
        (SEEN, "product", 30, "week", 0, {"customers": 2_000}),
        (GONE, "product", 1, "month", 2, {"customers": 3_000, **FEW_PRODUCTS}),
        (DEARER, "category", "textiles", "month", 2, {"customers": 6_000}),
        (FAILED, "weekday", "Wednesday", "week", 0, {"customers": 2_000}),
    ],
    ids=lambda value: value.kind if isinstance(value, Event) else None,
)
def test_a_planted_event_is_found_named_and_dated(
    tmp_path: Any, event: Event, dimension: str, member: object, frequency: str, days_off: int, changes: dict[str, Any]
) -> None:
    causes, products = causes_in(tmp_path, event, **changes)
    (cause,) = [
        row for row in causes if row["frequency"] == frequency and row["period"] <= event.first <= row["last_day"]
    ]
    assert (cause["dimension"], cause["member"]) == (dimension, products.get(member, member))  # type: ignore[call-overload]
    assert (cause["excess"] > 0) == (event.kind == "viral")
    assert abs((cause["began_on"] - event.first).days) <= days_off
    assert cause["is_back_to_usual"] is False
