"""sales.expected_range and sales.anomalies: events planted in a simulated shop, episodes, settings, when made anew."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from retail_pipeline.assets.frame_assets import build_frame_table
from retail_pipeline.assets.sales import expected_range
from retail_pipeline.home import Home
from retail_pipeline.simulator import preset, simulate_store
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.assets.store_tables import SQL_TABLES, Row, built, rows_of, upstream_of
from retail_pipeline_tests.stores import opened, write_drop

ONLY = upstream_of("sales.anomalies") | {"sales.weekly"}
OUTAGE = date(2023, 4, 18)
VIRAL = {"first": date(2022, 10, 10), "last": date(2022, 10, 23)}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A shop of a year with an outage and a product that all want for two weeks, all tables built."""
    folder = tmp_path_factory.mktemp("shop")
    events = (
        {"kind": "outage", "name": "failed", "first": OUTAGE},
        {"kind": "viral", "name": "seen", "product_rank": 5, "factor": 15, **VIRAL},
    )
    made = preset("small", customers=4000, end=date(2023, 6, 30), events=events)
    summary = simulate_store(folder / "files", made)
    home = Home(folder / "home").create()
    for path in summary.files:
        write_drop(home, path.name, path.read_bytes())
    (home.root / "viral.txt").write_text(_product_of_event(Path(summary.truth)))
    with built(home, only=ONLY):
        pass
    return home


@pytest.fixture
def shop(home: Home) -> Iterator[Warehouse]:
    with opened(home) as warehouse:
        yield warehouse


def _product_of_event(truth: Path) -> str:
    with duckdb.connect() as connection:
        query = f"select product_id from '{truth / 'events.parquet'}' where kind = 'viral'"
        (product,) = connection.execute(query).fetchone() or ("",)
    return str(product)


def test_an_outage_is_one_day_of_the_shop(shop: Warehouse) -> None:
    rows = rows_of(shop, "select * from sales.anomalies where is_missing_day order by measure")
    assert [(row["member"], row["measure"], row["period"], row["value"]) for row in rows] == [
        ("total", "net_sales", OUTAGE, 0),
        ("total", "orders", OUTAGE, 0),
    ]
    assert {(row["direction"], row["difference"]) for row in rows} == {("low", -1)}
    assert {(row["episode_first"], row["episode_last"]) for row in rows} == {(OUTAGE, OUTAGE)}


def test_a_product_that_all_want_is_found_in_its_weeks(home: Home, shop: Warehouse) -> None:
    product = (home.root / "viral.txt").read_text()
    rows = rows_of(shop, f"select * from sales.anomalies where member = '{product}' and direction = 'high'")
    episodes = {(row["episode_first"], row["episode_last"]) for row in rows}
    assert (VIRAL["first"], VIRAL["last"]) in episodes
    assert {row["dimension"] for row in rows} == {"product"}


def test_anomalies_are_the_ranges_that_are_outside(shop: Warehouse) -> None:
    shared = "dimension, member, measure, frequency, period, value, expected, lower, upper, score, q_value"
    ranges = rows_of(shop, f"select {shared} from sales.expected_range where is_outside order by all")
    assert rows_of(shop, f"select {shared} from sales.anomalies order by all") == ranges
    assert ranges


def test_series_are_the_largest_members_and_each_has_a_row_for_every_week(shop: Warehouse) -> None:
    counts = {
        row["dimension"]: row["members"]
        for row in rows_of(
            shop, "select dimension, count(distinct member) as members from sales.expected_range group by 1"
        )
    }
    assert counts["total"] == 1
    assert counts["country"] == 4
    assert counts["product"] > 5
    weeks = "select count(*) as n from sales.weekly where not is_partial"
    ((total,), (expected,)) = (
        shop.execute("select count(*) from sales.expected_range where member = 'total' and frequency = 'week' "
                     "and measure = 'orders'").fetchall()[0],
        shop.execute(weeks).fetchall()[0],
    )  # fmt: skip
    assert total == expected


def test_making_it_again_gives_the_same(home: Home, shop: Warehouse) -> None:
    before = rows_of(shop, "sales.expected_range")
    assert build_frame_table(shop, expected_range.TABLE).mode == "unchanged"
    shop.execute("drop table sales.expected_range")
    build_frame_table(shop, expected_range.TABLE)
    assert rows_of(shop, "sales.expected_range") == before


def test_settings_say_what_is_judged(home: Home) -> None:
    home.settings_file.write_text("[anomalies]\nmembers = 2\nproducts = 0\nfalse_alarms = 1.0\n")
    try:
        with opened(home) as warehouse:
            few = rows_of(warehouse, "select * from sales.expected_range where is_outside")
            assert build_frame_table(warehouse, expected_range.TABLE).mode == "full"
            rows = rows_of(warehouse, "sales.expected_range")
            assert {row["dimension"] for row in rows} == {"total", "country", "channel", "category"}
            for dimension in ("country", "channel", "category"):
                assert len({row["member"] for row in rows if row["dimension"] == dimension}) == 2
            is_shared = {(row["member"], row["measure"], row["frequency"], row["period"]) for row in rows}
            outside = [row for row in rows if row["is_outside"]]
            few = [row for row in few if (row["member"], row["measure"], row["frequency"], row["period"]) in is_shared]
            assert len(outside) > len(few)
    finally:
        home.settings_file.unlink()
        with opened(home) as warehouse:
            build_frame_table(warehouse, expected_range.TABLE)


def day(number: int, *, frequency: str = "day", value: float = 2, **changes: Any) -> Row:
    """A row of sales.expected_range on that day of January 2024, with a range from 1 to 3."""
    return {
        "dimension": "total", "member": "total", "measure": "orders", "frequency": frequency,
        "period": date(2024, 1, number), "value": value, "expected": 2, "lower": 1, "upper": 3, "likely_lower": 1,
        "likely_upper": 3, "score": value - 2,
        "p_value": 0.1, "q_value": 0.1, "occasion": None, "is_missing_day": False,
        "is_outside": not 1 <= value <= 3, **changes,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "episodes"),
    [
        # highs with up to two usual days between them belong together, three part them
        ([day(1, value=4), day(2), day(3), day(4, value=5)], [(1, 1, 4), (1, 1, 4)]),
        ([day(1, value=4), day(2), day(3), day(4), day(5, value=5)], [(1, 1, 1), (2, 5, 5)]),
        # the other side is another episode
        ([day(1, value=4), day(2, value=0), day(3, value=0)], [(1, 1, 1), (2, 2, 3), (2, 2, 3)]),
        # days on which the shop is closed are not there
        ([day(5, value=0), day(9, value=0)], [(1, 5, 9), (1, 5, 9)]),
        # weeks follow on each other, and end on a Sunday
        ([day(1, frequency="week", value=4), day(8, frequency="week", value=4)], [(1, 1, 14), (1, 1, 14)]),
        (
            [day(1, frequency="week", value=4), day(8, frequency="week"), day(15, frequency="week", value=4)],
            [(1, 1, 7), (2, 15, 21)],
        ),
        # series are numbered each for itself
        ([day(1, value=4), day(1, value=4, member="France")], [(1, 1, 1), (1, 1, 1)]),
    ],
)
def test_periods_outside_on_one_side_make_an_episode(rows: list[Row], episodes: list[tuple[int, int, int]]) -> None:
    types = {name: type_ for name, (type_, _) in expected_range.TABLE.columns.items()}
    with duckdb.connect() as connection:
        connection.execute("create schema sales")
        columns = ", ".join(f"{name} {type_}" for name, type_ in types.items())
        connection.execute(f"create table sales.expected_range ({columns})")
        marks = ", ".join("?" for _ in types)
        for row in reversed(rows):
            connection.execute(f"insert into sales.expected_range values ({marks})", [row[name] for name in types])
        found = rows_of(connection, SQL_TABLES["sales.anomalies"].text + " order by period, member")
    assert [(row["episode"], row["episode_first"].day, row["episode_last"].day) for row in found] == episodes
    assert [row["direction"] for row in found] == ["high" if row["score"] > 0 else "low" for row in found]
