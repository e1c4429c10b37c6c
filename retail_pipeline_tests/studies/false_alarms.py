"""How often ``sales.anomalies`` cries wolf, and what it finds.

``python -m retail_pipeline_tests.studies.false_alarms --seeds 50`` simulates shops without events (seasons, weekdays,
holidays, sales and promotions; with and without dirt), loads and builds them as any other; all they raise is a false
alarm. Then it does so with shops in which events are planted: a hit is an episode of the member that it is about, in
its direction, whose days overlap with its own. The method was tuned on seeds below 1,000; reported are those from 1,001
on. Intervals are Wilson's at 95 %.
"""

import argparse
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pandas as pd
from scipy.stats import binomtest

from retail_pipeline.home import Home
from retail_pipeline.simulator import preset, simulate_store
from retail_pipeline.simulator.parameters import Event
from retail_pipeline_tests.real_data import LONG_AGO
from retail_pipeline_tests.stores import opened
from retail_pipeline_tests.tables import build_tables

FIRST_SEED = 1_001
TABLES = (
    "core", "sales.order_days", "sales.product_days", "sales.period_figures", "sales.daily", "sales.by_country",
    "sales.by_product", "sales.expected_range", "sales.anomalies",
)  # fmt: skip
EVENTS = {
    "slump, 6 weeks at 45 % of a country with 16 % of orders": Event(
        kind="slump", name="a", region="Germany", first=date(2023, 3, 6), last=date(2023, 4, 16), factor=0.45
    ),
    "slump, 2 weeks at 45 % of a country with 62 % of orders": Event(
        kind="slump", name="b", region="United Kingdom", first=date(2023, 9, 4), last=date(2023, 9, 17), factor=0.45
    ),
    "slump, 2 weeks at 70 % of a country with 62 % of orders": Event(
        kind="slump", name="c", region="United Kingdom", first=date(2023, 2, 6), last=date(2023, 2, 19), factor=0.7
    ),
    "best seller out of stock, 4 weeks": Event(
        kind="stock_out", name="d", product_rank=1, first=date(2023, 6, 5), last=date(2023, 7, 2)
    ),
    "20th product out of stock, 4 weeks": Event(
        kind="stock_out", name="e", product_rank=20, first=date(2023, 10, 2), last=date(2023, 10, 29)
    ),
    "40th product at 15 times demand, 2 weeks": Event(
        kind="viral", name="f", product_rank=40, first=date(2023, 10, 9), last=date(2023, 10, 22), factor=15
    ),
    "25th product at 3 times demand, 2 weeks": Event(
        kind="viral", name="g", product_rank=25, first=date(2023, 5, 8), last=date(2023, 5, 21), factor=3
    ),
    "category 15 % dearer, to stay": Event(
        kind="price_rise", name="h", category="lighting", first=date(2024, 2, 1), factor=1.15
    ),
    "outage of a day": Event(kind="outage", name="i", first=date(2024, 4, 17)),
    "outage of 3 days": Event(kind="outage", name="j", first=date(2023, 8, 8), last=date(2023, 8, 10)),
}
"""What is planted, all in each shop: their members and days do not meet."""


def study(shop: str, customers: int, seed: int, events: tuple[Event, ...] = ()) -> dict[str, pd.DataFrame]:
    """Simulate a shop, build its tables and return the ranges, the anomalies and the products of the truth."""
    with tempfile.TemporaryDirectory(prefix="retail-study-") as folder:
        home = Home(Path(folder)).create()
        made = preset(shop, customers=customers, seed=seed, events=events)
        summary = simulate_store(home.drops, made, kind="parquet", per="all")
        for path in summary.files:
            os.utime(path, (LONG_AGO, LONG_AGO))
        with opened(home) as warehouse:
            build_tables(warehouse, TABLES)
            found = {name: warehouse.read(f"sales.{name}") for name in ("expected_range", "anomalies")}
        happened = duckdb.sql(f"from '{Path(summary.truth) / 'events.parquet'}'").df()
    return {**found, "events": happened}


def false_alarms(shop: str, customers: int, seeds: range) -> None:
    """Measure and print how often shops without events are outside their ranges."""
    outside: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    episodes, q_episodes, total_days, total_alarms, years, cpu = [], [], 0, 0, 0.0, time.process_time()
    for seed in seeds:
        found = study(shop, customers, seed)
        ranges, alarms = found["expected_range"], found["anomalies"]
        for (dimension, frequency), rows in ranges.groupby(["dimension", "frequency"]):
            outside[dimension, frequency][0] += int(rows["is_outside"].sum())
            outside[dimension, frequency][1] += len(rows)
        of_total = ranges[(ranges["dimension"] == "total") & (ranges["frequency"] == "day")]
        by_day = of_total.groupby("period")["is_outside"].any()
        total_days, total_alarms = total_days + len(by_day), total_alarms + int(by_day.sum())
        episodes.append(len(alarms.drop_duplicates(["dimension", "member", "measure", "frequency", "episode"])))
        q_episodes.append(
            len(alarms[alarms["q_value"] < 0.05].drop_duplicates(["dimension", "member", "measure", "frequency"]))
        )
        years = (ranges["period"].max() - ranges["period"].min()).days / 365.25
        series = ranges.groupby(["dimension", "member", "measure", "frequency"]).ngroups
    print(f"\n{shop} without events, {customers:,} customers, seeds {seeds.start} to {seeds.stop - 1}, {series} series")
    for (dimension, frequency), (hits, of) in sorted(outside.items()):
        print(f"  {dimension:9} {frequency:5} outside {share(hits, of)}")
    print(f"  days with any alarm of the whole shop {share(total_alarms, total_days)}")
    print(
        f"  episodes a year, all series: mean {sum(episodes) / len(episodes) / years:.1f}, least "
        f"{min(episodes) / years:.1f}, most {max(episodes) / years:.1f}; series with q < 0.05 a year: "
        f"{sum(q_episodes) / len(q_episodes) / years:.2f}; CPU {(time.process_time() - cpu) / len(seeds):.1f} s a shop"
    )


def hits(shop: str, customers: int, seeds: range) -> None:
    """Measure and print how often each kind of event is found, and how well it is dated."""
    print(f"\n{shop} with {len(EVENTS)} events, {customers:,} customers, seeds {seeds.start} to {seeds.stop - 1}")
    shops = [study(shop, customers, seed, tuple(EVENTS.values())) for seed in seeds]
    for title, event in EVENTS.items():
        found = [_find(event, one) for one in shops]
        met = [one for one in found if one is not None]
        firsts, lasts = ([one[name] for one in met] for name in ("first_off", "last_off"))
        by_day = sum(one["by_day"] for one in met)
        judged = sum(_member(event, one) in set(one["expected_range"]["member"]) for one in shops)
        print(
            f"  {title:56} found {share(len(met), len(found))}, judged {judged}, by day {by_day}, "
            f"first day off by {_spread(firsts)}, last by {_spread(lasts)}"
        )


def _find(event: Event, found: Mapping[str, pd.DataFrame]) -> dict[str, int] | None:
    """By how many days the episodes of an event are off, and whether one is of days; None if there are none."""
    last = event.first + timedelta(days=27) if event.kind == "price_rise" else event.end
    alarms = found["anomalies"]
    alarms = alarms[alarms["member"] == _member(event, found)]
    if event.kind != "price_rise":
        alarms = alarms[alarms["direction"] == ("high" if event.kind == "viral" else "low")]
    if event.kind == "outage":
        alarms = alarms[alarms["is_missing_day"]]
    first, until = pd.Timestamp(event.first), pd.Timestamp(last)
    near = alarms[(alarms["episode_first"] <= until) & (alarms["episode_last"] >= first)]
    if near.empty:
        return None
    return {
        "by_day": int((near["frequency"] == "day").any()),
        "first_off": (near["episode_first"].min() - first).days,
        "last_off": (near["episode_last"].max() - until).days,
    }


def _member(event: Event, found: Mapping[str, pd.DataFrame]) -> str:
    """The member that an event is about."""
    happened = found["events"].set_index("event").loc[event.name]
    return str(event.region or event.category or happened["product_id"] or "total")


def share(part: int, whole: int) -> str:
    """A share with its interval."""
    interval = binomtest(part, whole).proportion_ci(0.95, method="wilson")
    digits = 3 if part < whole * 0.1 else 0
    return f"{part} of {whole}: {part / whole:.{digits}%} ({interval.low:.{digits}%} to {interval.high:.{digits}%})"


def _spread(values: list[int]) -> str:
    if not values:
        return "-"
    ordered = sorted(values)
    return f"{ordered[len(ordered) // 2]:+d} ({ordered[0]:+d} to {ordered[-1]:+d})"


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m retail_pipeline_tests.studies.false_alarms", description=__doc__)
    parser.add_argument("--seeds", type=int, default=50, help="shops of each kind without events [default: 50]")
    parser.add_argument("--events", type=int, default=20, help="shops with events [default: 20]")
    parser.add_argument("--customers", type=int, default=10_000, help="customers of each shop [default: 10000]")
    parser.add_argument(
        "--first-seed", type=int, default=FIRST_SEED, help=f"seed to begin with [default: {FIRST_SEED}]"
    )
    parser.add_argument("--shops", nargs="*", default=["calm", "demo"], help="presets [default: calm demo]")
    given = parser.parse_args()
    if given.seeds:
        for shop in given.shops:
            false_alarms(shop, given.customers, range(given.first_seed, given.first_seed + given.seeds))
    if given.events:
        hits(given.shops[-1], given.customers, range(given.first_seed, given.first_seed + given.events))


if __name__ == "__main__":
    main()
