"""How often ``sales.root_causes`` names and dates the events of a simulated shop, and how often it cries wolf.

``python -m retail_pipeline_tests.studies.planted_events --seeds 50``. Each seed makes two shops that differ in nothing
but their events: the demo shop of two years without dirt, calm; and the same with one event of each kind, whose member,
date, length and size the seed draws. An event is found if the root cause of a week, month or quarter is its member,
moved to its side, in the period in which it begins or in the next one. In the calm shop every root cause is a false
alarm, unless a promotion of the product, the season of the category or the holidays of the year's end explain it.
Thresholds were set on the seeds from 1000 on; report others.
"""

import argparse
import multiprocessing
import random
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import sqrt
from pathlib import Path
from typing import Any

import duckdb

from retail_pipeline.home import Home
from retail_pipeline.simulator import StoreParameters, preset, simulate_store
from retail_pipeline.simulator.parameters import Event
from retail_pipeline_tests.assets.store_tables import TO_ORDER_LINES, built, rows_of
from retail_pipeline_tests.stores import write_drop

KINDS = ("slump", "stock_out", "viral", "price_rise", "outage")
FREQUENCIES = ("week", "month", "quarter")
FIRST_EVENT, DAYS_APART, LEEWAY = date(2023, 4, 10), 84, 35
"""Events begin so many days apart, each up to so many days later: none meets another."""
SEASONAL = {"lighting", "garden", "toys"}
"""Categories whose demand has a season of its own."""
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
TABLES = (
    *TO_ORDER_LINES, "core.calendar", "sales.order_days", "sales.product_days", "sales.period_figures",
    "sales.by_product", "sales.daily", "sales.order_members", "sales.member_days", "sales.member_periods",
    "sales.change_contributions", "sales.root_causes",
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """An event at one frequency: whether it was found, its member's place by p-value, how far off the date is."""

    seed: int
    event: Event
    frequency: str
    found: bool
    place: int | None
    days_off: int | None


@dataclass(frozen=True)
class Alarms:
    """Root causes in a calm shop: changes judged, those with a cause, and those that nothing true explains."""

    seed: int
    frequency: str
    changes: int
    causes: int
    unexplained: int
    named: tuple[str, ...]


def draw_events(seed: int, parameters: StoreParameters) -> tuple[Event, ...]:
    """One event of each kind, in an order, at dates and of sizes that the seed draws."""
    rng = random.Random(seed)
    kinds = rng.sample(KINDS, len(KINDS))
    events = []
    for place, kind in enumerate(kinds):
        first = FIRST_EVENT + timedelta(days=place * DAYS_APART + rng.randrange(LEEWAY))
        more: dict[str, Any] = {
            "slump": {
                "region": rng.choice(parameters.regions).name,
                "factor": rng.uniform(0.3, 0.6),
                "last": first + timedelta(days=rng.randrange(13, 42)),
            },
            "stock_out": {"product_rank": rng.randint(1, 10), "last": first + timedelta(days=rng.randrange(13, 42))},
            "viral": {
                "product_rank": rng.randint(20, 80),
                "factor": rng.uniform(8, 20),
                "last": first + timedelta(days=rng.randrange(6, 21)),
            },
            "price_rise": {
                "category": rng.choice(parameters.catalogue.categories).name,
                "factor": rng.uniform(1.3, 1.8),
            },
            "outage": {},
        }[kind]
        events.append(Event(kind=kind, name=kind, first=first, **more))
    return tuple(events)


def member_of(event: Event, products: dict[int, str]) -> tuple[str, str, int]:
    """The dimension and member that an event is about, and to which side it moves."""
    if event.kind == "slump":
        return "country", str(event.region), -1
    if event.kind == "price_rise":
        return "category", str(event.category), -1
    if event.kind == "outage":
        return "weekday", WEEKDAYS[event.first.weekday()], -1
    return "product", products[event.product_rank or 0], 1 if event.kind == "viral" else -1


def study(task: tuple[int, int]) -> tuple[list[Outcome], list[Alarms]]:
    """Both shops of a seed."""
    seed, customers = task
    calm = preset("calm", customers=customers, seed=seed)
    with tempfile.TemporaryDirectory(prefix="retail-study-") as folder:
        alarms = list(_alarms(seed, calm, Path(folder) / "calm"))
        events = draw_events(seed, calm)
        outcomes = list(
            _outcomes(seed, preset("calm", customers=customers, seed=seed, events=events), Path(folder) / "events")
        )
    return outcomes, alarms


def causes_of(parameters: StoreParameters, folder: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The root causes of a simulated shop, and all judged contributions."""
    summary = simulate_store(folder / "files", parameters, kind="parquet", per="all")
    home = Home(folder / "home").create()
    home.settings_file.write_text("[warehouse]\nthreads = 1\n")
    for path in summary.files:
        write_drop(home, path.name, path.read_bytes())
    with built(home, only=TABLES) as warehouse:
        causes = rows_of(warehouse, "select * from sales.root_causes where is_judged order by frequency, period")
        judged = rows_of(
            warehouse,
            "select frequency, period, dimension, member, excess, surprise, p_value, row_number() over "
            "(partition by frequency, period order by p_value, abs(excess) desc, dimension, member) as place "
            "from sales.change_contributions where p_value is not null",
        )
    return causes, judged


def _outcomes(seed: int, parameters: StoreParameters, folder: Path) -> Iterator[Outcome]:
    causes, judged = causes_of(parameters, folder)
    truth = folder / "files" / "truth" / "products.parquet"
    products = dict(duckdb.sql(f"select rank, product_id from '{truth}'").fetchall())
    for event in parameters.events:
        dimension, member, side = member_of(event, products)
        for frequency in FREQUENCIES:
            ours = [row for row in causes if row["frequency"] == frequency]
            periods = [row["period"] for row in ours if row["last_day"] >= event.first][:2]
            hits = [
                row
                for row in ours
                if row["period"] in periods
                and (row["dimension"], row["member"]) == (dimension, member)
                and row["excess"] * side > 0
            ]
            places = [
                row["place"]
                for row in judged
                if row["frequency"] == frequency
                and row["period"] in periods
                and (row["dimension"], row["member"]) == (dimension, member)
                and row["excess"] is not None
                and row["excess"] * side > 0
            ]
            off = (hits[0]["began_on"] - event.first).days if hits else None
            yield Outcome(seed, event, frequency, bool(hits), min(places, default=None), off)


def _alarms(seed: int, parameters: StoreParameters, folder: Path) -> Iterator[Alarms]:
    causes, _ = causes_of(parameters, folder)
    truth = folder / "files" / "truth" / "promotions.parquet"
    promotions = duckdb.sql(f"select product_id, first, last from '{truth}'").fetchall()
    for frequency in FREQUENCIES:
        ours = [row for row in causes if row["frequency"] == frequency]
        named = [row for row in ours if row["member"] is not None]
        unexplained = [row for row in named if not _is_explained(row, promotions)]
        paths = tuple(f"{row['period']} {row['path']}" for row in unexplained)
        yield Alarms(seed, frequency, len(ours), len(named), len(unexplained), paths)


def _is_explained(row: dict[str, Any], promotions: Sequence[tuple[str, date, date]]) -> bool:
    if row["dimension"] == "weekday" and row["frequency"] == "week":
        # Christmas and New Year fall on other weekdays each year
        return (row["last_day"].month, row["last_day"].day) >= (12, 25) or (
            row["period_before"].month == 12 and row["last_day"] >= row["period_before"].replace(day=25)
        )
    if row["dimension"] == "category":
        return row["member"] in SEASONAL
    return row["dimension"] == "product" and any(
        product == row["member"] and first <= row["last_day"] and last >= row["period_before"]
        for product, first, last in promotions
    )


def wilson(hits: int, tries: int) -> tuple[float, float]:
    """The 95 % interval of a rate (Wilson 1927, "Probable inference, the law of succession, ...", JASA 22)."""
    if not tries:
        return 0.0, 1.0
    z, rate = 1.959964, hits / tries
    middle, spread = rate + z * z / (2 * tries), z * sqrt(rate * (1 - rate) / tries + z * z / (4 * tries * tries))
    return max(0.0, (middle - spread) / (1 + z * z / tries)), min(1.0, (middle + spread) / (1 + z * z / tries))


def report(outcomes: Sequence[Outcome], alarms: Sequence[Alarms]) -> str:
    """Both tables."""
    lines = [
        f"{'event':12} {'frequency':10} {'found':>9} {'rate':>6}  {'95 % interval':14} {'first three':>11} "
        f"{'days off, median (90 % within)':>31}"
    ]
    for kind in KINDS:
        for frequency in (*FREQUENCIES, "any"):
            rows = [row for row in outcomes if row.event.kind == kind and frequency in (row.frequency, "any")]
            groups = {row.seed: [each for each in rows if each.seed == row.seed] for row in rows}
            hits = sum(any(row.found for row in group) for group in groups.values())
            near = sum(any((row.place or 99) <= 3 for row in group) for group in groups.values())
            off = sorted(
                min((row.days_off for row in group if row.days_off is not None), key=abs)
                for group in groups.values()
                if any(row.days_off is not None for row in group)
            )
            within = sorted(map(abs, off))[max(0, -(-9 * len(off) // 10) - 1)] if off else "-"
            dated = f"{statistics.median(map(abs, off)):g} ({within})" if off else "-"
            low, high = wilson(hits, len(groups))
            lines.append(
                f"{kind:12} {frequency:10} {hits:>4}/{len(groups):<4} {hits / max(1, len(groups)):6.0%}  "
                f"{low:5.0%} to {high:4.0%}  {near / max(1, len(groups)):11.0%} {dated:>31}"
            )
    lines += [
        "",
        f"{'calm shops':12} {'changes':>9} {'with a cause':>13} {'unexplained':>12} {'rate':>7}  95 % interval",
    ]
    for frequency in FREQUENCIES:
        rows_ = [row for row in alarms if row.frequency == frequency]
        changes, causes, false = (
            sum(getattr(row, name) for row in rows_) for name in ("changes", "causes", "unexplained")
        )
        low, high = wilson(false, changes)
        lines.append(
            f"{frequency:12} {changes:>9} {causes:>13} {false:>12} {false / max(1, changes):7.2%}  "
            f"{low:.2%} to {high:.2%}"
        )
    return "\n".join(lines)


def main() -> None:
    """Simulate, look, and print."""
    parser = argparse.ArgumentParser(prog="python -m retail_pipeline_tests.studies.planted_events", description=__doc__)
    parser.add_argument("--seeds", type=int, default=50, help="how many seeds [default: 50]")
    parser.add_argument("--first-seed", type=int, default=1, help="the first of them [default: 1]")
    parser.add_argument("--customers", type=int, default=10_000, help="customers of each shop [default: 10000]")
    parser.add_argument("--jobs", type=int, default=2, help="shops at a time [default: 2]")
    parser.add_argument("--details", action="store_true", help="print every event and unexplained cause as well")
    given = parser.parse_args()
    seeds = range(given.first_seed, given.first_seed + given.seeds)
    outcomes: list[Outcome] = []
    alarms: list[Alarms] = []
    with multiprocessing.get_context("spawn").Pool(given.jobs) as pool:
        for found, calm in pool.imap(study, [(seed, given.customers) for seed in seeds]):
            outcomes += found
            alarms += calm
    if given.details:
        for outcome in outcomes:
            print(outcome.seed, outcome.frequency, outcome.found, outcome.place, outcome.days_off, repr(outcome.event))
        for alarm in alarms:
            print(alarm.seed, alarm.frequency, alarm.causes, *alarm.named, sep="; ")
    print(f"{given.seeds} seeds from {given.first_seed}, {given.customers:,} customers a shop")
    print(report(outcomes, alarms))


if __name__ == "__main__":
    main()
