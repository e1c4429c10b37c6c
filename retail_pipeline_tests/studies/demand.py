"""How right forecasts of demand are, what they cost, and whether the reorder plan keeps the service it promises.

``python -m retail_pipeline_tests.studies.demand online_retail`` prints the backtest on UCI Online Retail, ``timing``
the seconds of 2,000 products, ``stationary`` what comes of the plan where demand is drawn from distributions that are
known, ``shops`` where simulated shops live on after the plan was made: stock is moved forward week by week with what
was really demanded.
"""

import argparse
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from retail_pipeline.analytics.demand.backtest import Tried, run
from retail_pipeline.analytics.demand.kinds import DEAD
from retail_pipeline.analytics.demand.levels import Array
from retail_pipeline.analytics.demand.outlook import Outlook
from retail_pipeline.analytics.demand.panel import Panel
from retail_pipeline.analytics.demand.stock import Policy, Terms, policy
from retail_pipeline.analytics.demand.windows import Limits, lay_windows
from retail_pipeline.assets.forecasts.demand_training import limits_of, read_panel
from retail_pipeline.home import Home
from retail_pipeline.settings import DemandSettings, load_settings
from retail_pipeline.simulator import preset, simulate_store
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.assets.store_tables import built, upstream_of
from retail_pipeline_tests.stores import ONLINE_RETAIL, opened, write_drop
from retail_pipeline_tests.tables import build_tables

ASKED = DemandSettings()
LEAD, REVIEW = 2, 1
"""Weeks from order to shelf, and from one look at the stock to the next."""
COVER = 4
"""Weeks that an order is for."""
WARM_UP = 4
"""Weeks until the stock that one began with counts for nothing."""
SERVICE = (0.9, 0.95, 0.98)
SHOWN = ("rmsse", "pinball", "pinball_90", "bias", "coverage_80", "coverage_80_horizon", "below_95_horizon")


@dataclass(frozen=True)
class Replay:
    """What came of moving stock forward.

    Attributes
    ----------
    cycles, kept
        Deliveries, and those before which stock had lasted.
    weeks_kept
        Share of weeks at whose end there was no backorder.
    fill_rate
        Share of units that were on the shelf when they were asked for.
    """

    cycles: int
    kept: int
    weeks_kept: float
    fill_rate: float


def replay(demand: Array, plan: Policy, *, lead: int = LEAD, warm_up: int = WARM_UP) -> Replay:
    """Move stock forward from the order-up-to level, reviewed each week; what is missing is delivered later.

    Parameters
    ----------
    demand
        Units of each week [products x weeks].
    """
    products, weeks = demand.shape
    on_hand = plan.order_up_to.copy()
    coming = np.zeros((products, weeks + lead + 1))
    cycles = kept = units = filled = quiet = counted = 0.0
    for week in range(weeks):
        is_counted = week >= warm_up
        arrives = coming[:, week] > 0
        if is_counted:
            cycles += arrives.sum()
            kept += (on_hand[arrives] >= 0).sum()
        on_hand = on_hand + coming[:, week]
        position = on_hand + coming[:, week + 1 :].sum(axis=1)
        orders = np.where((position <= plan.reorder_point) & (plan.order_quantity > 0), plan.order_up_to - position, 0)
        coming[:, week + lead] += orders
        if lead == 0:
            on_hand = on_hand + orders
        if is_counted:
            units += demand[:, week].sum()
            filled += np.minimum(demand[:, week], np.maximum(on_hand, 0)).sum()
        on_hand = on_hand - demand[:, week]
        if is_counted:
            quiet += (on_hand >= 0).sum()
            counted += products
    return Replay(int(cycles), int(kept), quiet / max(counted, 1), filled / max(units, 1))


def drawn_panel(products: int, weeks: int, seed: int) -> tuple[Panel, Array]:
    """Demand drawn from negative binomial distributions that stay the same, and the chance of none at all in a week.

    Returns the panel and all weeks' demand, of which the panel holds the first two thirds.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    mean = np.exp(generator.normal(1.5, 1.5, (products, 1)))
    size = generator.uniform(0.3, 5.0, (products, 1))
    chance = np.where(generator.random((products, 1)) < 0.5, 1.0, generator.uniform(0.1, 0.9, (products, 1)))
    drawn = generator.negative_binomial(size, size / (size + mean / chance), (products, weeks)).astype(np.float64)
    demand = np.where(generator.random((products, weeks)) < chance, drawn, 0.0)
    return panel_of(demand[:, : 2 * weeks // 3]), demand


def panel_of(demand: Array) -> Panel:
    """A panel of weekly demand whose orders are small, of products that were sold at all."""
    row, column = np.nonzero(demand)
    units = demand[row, column]
    days = np.datetime64("2022-01-03") + 7 * np.arange(demand.shape[1])
    return Panel.of(
        np.array([f"{place:05d}" for place in range(len(demand))], dtype=object), days, row, column,
        demand=units, known=units, largest=np.minimum(units, 1.0), largest_known=np.minimum(units, 1.0),
        prices=np.ones(len(units)),
    )  # fmt: skip


def choose(panel: Panel, limits: Limits) -> Tried:
    """What serves, by the backtest with the settings' defaults."""
    laid = lay_windows(panel, limits, horizon=ASKED.horizon_weeks, count=ASKED.windows, least_weeks=ASKED.least_weeks)
    with threadpool_limits(limits=1, user_api="blas"):
        return run(laid, ASKED.horizon_weeks, limits, {})


def plan_for(found: Outlook, service: float) -> Policy:
    """The plan that forecasts.reorder_plan makes where costs and packs are not known."""
    level = np.where(found.kinds == DEAD, 0.0, found.level)
    high = np.where(found.kinds == DEAD, 0.0, found.quantiles(float(LEAD + REVIEW), np.array([service]))[:, 0])
    unknown = np.full(len(level), np.nan)
    terms = Terms(np.full(len(level), float(LEAD)), np.full(len(level), float(REVIEW)), unknown, unknown, unknown)
    return policy(level * (LEAD + REVIEW), high, level * COVER, terms)


def told_coverage(found: Outlook, future: Array) -> list[str]:
    """How often what came was within what had been forecast."""
    weekly = found.quantiles(1.0, np.array([0.1, 0.9]), together=False)
    together = found.quantiles(float(LEAD + REVIEW), np.array([0.95]))
    first = future[:, : LEAD + REVIEW]
    inside = (first >= weekly[:, :1]) & (first <= weekly[:, 1:])
    below, level = first.sum(axis=1) <= together[:, 0], found.level.sum()
    return [
        f"weeks within the 80 % interval: {inside.mean():.1%}; above it: {(first > weekly[:, 1:]).mean():.1%}",
        f"demand of {LEAD + REVIEW} weeks within the 95 % quantile: {below.mean():.1%}",
        f"units expected against those that came: {level / max(first.mean(axis=1).sum(), 1e-9):.2f}",
    ]


def told_service(found: Outlook, future: Array) -> list[str]:
    """What became of the plan at each service level."""
    heads = ("service level", "deliveries", "stock lasted", "weeks without stock-out", "fill rate")
    lines = [" ".join(f"{head:>{max(len(head), 13)}}" for head in heads)]
    for service in SERVICE:
        came = replay(future, plan_for(found, service))
        lines.append(
            f"{service:>13.0%} {came.cycles:>13,} {came.kept / max(came.cycles, 1):>13.1%} {came.weeks_kept:>23.1%} "
            f"{came.fill_rate:>13.1%}"
        )
    return lines


def stationary(products: int, seeds: Sequence[int]) -> None:
    """Demand that stays as it was."""
    for seed in seeds:
        panel, demand = drawn_panel(products, 156, seed)
        limits = limits_of(ASKED)
        tried = choose(panel, limits)
        found = Outlook.of(panel, limits, tried.serving, with_prices=tried.with_prices)
        future = demand[[int(product) for product in found.products], len(panel.weeks) :]
        known, later = len(panel.weeks), future.shape[1]
        print(f"\nseed {seed}: {len(found.products):,} products, {known} weeks known, {later} to come")
        print("\n".join([*told_coverage(found, future), *told_service(found, future)]))


def shops(names: Sequence[str], seeds: Sequence[int], weeks: int) -> None:
    """Simulated shops that live on after the plan was made."""
    for name in names:
        for seed in seeds:
            with tempfile.TemporaryDirectory(prefix="retail-study-") as folder:
                files = Path(folder) / "files"
                shop = preset(name, seed=seed)
                summary = simulate_store(files, shop, kind="parquet", per="all")
                home = Home(Path(folder) / "home").create()
                for path in summary.files:
                    write_drop(home, path.name, path.read_bytes())
                today = shop.end + timedelta(days=1)
                cut = today - timedelta(days=today.weekday() + 7 * weeks)
                panel = _panel_as_of(home, cut)
                with opened(home) as warehouse:
                    build_tables(warehouse, only=["forecasts.product_weeks"])
                    later = read_panel(warehouse)
            limits = limits_of(ASKED)
            tried = choose(panel, limits)
            found = Outlook.of(panel, limits, tried.serving, with_prices=tried.with_prices)
            row = {product: place for place, product in enumerate(later.products)}
            start = int(np.searchsorted(later.weeks, np.datetime64(cut)))
            future = later.demand[[row[product] for product in found.products], start : start + weeks]
            print(f"\n{name}, seed {seed}: {len(found.products)} products, {len(panel.weeks)} weeks known on {cut}, "
                  f"{future.shape[1]} to come, with prices: {tried.with_prices}")  # fmt: skip
            print("\n".join([*told_coverage(found, future), *told_service(found, future)]))


def _panel_as_of(home: Home, cut: date) -> Panel:
    """Weekly demand as it was known on a day."""
    home.settings_file.write_text(f"[core]\nas_of = {cut}\n")
    with built(home, only=upstream_of("forecasts.product_weeks")) as warehouse:
        found = read_panel(warehouse)
    home.settings_file.unlink()
    return found


def timing(products: int) -> None:
    """What 2,000 products cost."""
    panel, _ = drawn_panel(products, 156, 1)
    limits = limits_of(ASKED)
    started = time.process_time()
    tried = choose(panel, limits)
    chosen = time.process_time()
    found = Outlook.of(panel, limits, tried.serving, with_prices=tried.with_prices)
    found.quantiles(1.0, np.array([0.1, 0.5, 0.9, 0.95]), together=False)
    plan_for(found, 0.95)
    done = time.process_time()
    print(f"{products:,} products of {len(panel.weeks)} weeks, seconds of the processor:")
    print(f"{chosen - started:.1f} to choose, {done - chosen:.2f} to forecast with all quantiles and plan")


def online_retail() -> None:
    """The backtest on real data, and what tempering large orders is worth."""
    with tempfile.TemporaryDirectory(prefix="retail-study-") as folder:
        home = Home(Path(folder) / "home").create()
        write_drop(home, "online_retail.csv.gz", ONLINE_RETAIL.read_bytes())
        with built(home, only=upstream_of("forecasts.product_weeks")) as warehouse:
            panel = read_panel(warehouse)
            _tell_lines(warehouse)
    limits = limits_of(load_settings(home).demand)
    started = time.process_time()
    tried = choose(panel, limits)
    seconds = time.process_time() - started
    print(f"{len(panel.products):,} products, {len(panel.weeks)} weeks; {seconds:.1f} s of the processor to choose")
    for kind, serving in tried.serving.items():
        print(f"{kind:13} {serving.candidate.model} {serving.candidate.setting}: {serving.reason}")
    for kind in ("all", *tried.serving):
        print(f"\n{kind:44} " + " ".join(f"{name:>20}" for name in SHOWN))
        for split in ("validation", "test"):
            of_split = [row for row in tried.rows if (row["kind"], row["split"]) == (kind, split)]
            for model in dict.fromkeys(row["model"] for row in of_split):
                told = {row["metric"]: row for row in of_split if row["model"] == model}
                print(f"{split:10} {model:33} " + " ".join(_told(told[name]) for name in SHOWN))
    plain = choose(panel, Limits(limits.new_weeks, limits.dead_weeks, limits.dead_chance, limits.least_products, None))
    print("\nwithout tempering of large orders:")
    for row in plain.rows:
        if row["model"] == "served" and row["metric"] in ("rmsse", "pinball"):
            print(f"{row['split']:10} {row['metric']:8} {_told(row)}")


def _tell_lines(warehouse: Warehouse) -> None:
    sold, undone = warehouse.row("select sum(units_sold), sum(units_undone) from forecasts.product_weeks") or (0, 0)
    print(f"{sold:,.0f} units sold, {undone:,.0f} of them cancelled within {ASKED.cancelled_within_days} days")


def _told(row: Mapping[str, object]) -> str:
    value, lower, upper = (row[name] for name in ("value", "lower", "upper"))
    return f"{value:6.3f} ({lower:5.2f} - {upper:5.2f})" if value is not None else " " * 20


def main() -> None:
    """Run one of the studies."""
    parser = argparse.ArgumentParser(prog="python -m retail_pipeline_tests.studies.demand", description=__doc__)
    parser.add_argument("study", choices=["online_retail", "timing", "stationary", "shops"])
    parser.add_argument("--products", type=int, default=2_000, help="of drawn demand [default: 2000]")
    parser.add_argument("--seeds", type=int, default=3, help="how many seeds [default: 3]")
    parser.add_argument("--first-seed", type=int, default=1, help="the first of them [default: 1]")
    parser.add_argument("--shops", nargs="+", default=["demo", "grocer", "fashion"], help="presets of the simulator")
    parser.add_argument("--weeks", type=int, default=16, help="weeks that shops live on [default: 16]")
    given = parser.parse_args()
    seeds = range(given.first_seed, given.first_seed + given.seeds)
    if given.study == "online_retail":
        online_retail()
    elif given.study == "timing":
        timing(given.products)
    elif given.study == "stationary":
        stationary(given.products, seeds)
    else:
        shops(given.shops, seeds, given.weeks)


if __name__ == "__main__":
    main()
