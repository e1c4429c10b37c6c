"""How near expected values in ``customers.lifetime_value`` come to the simulator's true ones, and both to what came.

``python -m retail_pipeline_tests.studies.lifetime_value [--preset demo] [--customers N] [--seed N]``.

The shop is simulated, and all that ``customers.lifetime_value`` is made from is built by the pipeline's own tables,
with models fitted. Then the same shop trades on, without new customers: its histories are the same, and what each
customer's orders of the time to come were worth, less what was cancelled by its end, is taken from the tables again.

*true* is the expected value that ``truth/customers.parquet`` tells: by each customer's own rate and dropout
probability, the demand of the days to come, and whether the customer still is one, at usual prices. Nobody can know
all that.
*told the parameters* is what somebody may expect who sees a customer's purchases and knows all else: the tiers with
their parameters, and the demand of the days to come. It is the mean over tiers, by their posterior, of BG/NBD's
expected orders in busy time (Fader, Hardie & Lee 2005, eq. 10) times gamma-gamma's expected value of an order (Fader &
Hardie 2013, eq. 5), and takes the mean order for the mean of the values drawn, though baskets scatter about those.
*as before* is what the customer brought in as many days before.

For each two of them: Pearson's and Spearman's correlation over customers, and the first one's total against the
other's.
"""

import argparse
import os
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from retail_pipeline.analytics.btyd.bg_nbd import BgNbd
from retail_pipeline.analytics.btyd.summaries import Floats
from retail_pipeline.home import Home
from retail_pipeline.simulator import preset, simulate_store
from retail_pipeline.simulator.parameters import StoreParameters, Tier
from retail_pipeline.simulator.store import Store
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.assets.store_tables import TO_ORDER_STATES, upstream_of
from retail_pipeline_tests.stores import LONG_AGO, opened
from retail_pipeline_tests.studies.clusters import bg_nbd, gamma_gamma
from retail_pipeline_tests.tables import build_tables

Values = dict[int, "pd.Series[float]"]
"""By horizon a value of each customer who has one."""
LIFETIME_VALUE = "customers.lifetime_value"
BOUGHT = """
    select customer_id, cast(sum(amount) as double) as value
    from customers.order_states
    where order_date >= $first
        and order_date < $behind
        and known_from < $behind
        and coalesce(known_until >= $behind, true)
        and lines > 0
    group by customer_id
"""
"""What the orders of some days were worth, as known at their end."""
PURCHASES = """
    select customer_id, count(*) as orders, cast(avg(amount) as double) as mean
    from customers.order_states
    where known_until is null and lines > 0
    group by customer_id
"""


def study(shop: StoreParameters) -> None:
    """Compare values to come, for each horizon of the table."""
    with tempfile.TemporaryDirectory(prefix="retail-study-") as folder:
        told, purchases, before = _predicted(shop, Path(folder) / "until-now")
        truth = duckdb.sql(f"from '{Path(folder) / 'until-now' / 'truth' / 'customers.parquet'}'").df()
        horizons = sorted(told["horizon_days"].unique().tolist())
        came, before_again = _came(shop, Path(folder) / "later", horizons)
    if not all(before[days].sort_index().equals(before_again[days].sort_index()) for days in horizons):
        raise SystemExit("The shop that trades on has another past: what came tells nothing of these customers.")
    truth = truth.set_index("customer_id").loc[sorted(set(truth["customer_id"]) & set(told["customer_id"]))]
    purchases = purchases.set_index("customer_id").reindex(truth.index)
    print(f"\n{len(truth):,} customers of {shop.customers:,} are in {LIFETIME_VALUE}, as of the day after {shop.end}")
    for days in horizons:
        of_horizon = told[told["horizon_days"] == days].set_index("customer_id")
        values = {
            "predicted": of_horizon["expected_value"].reindex(truth.index),
            "as before": before[days].reindex(truth.index).fillna(0.0),
            "told the parameters": _told_the_parameters(shop, truth, purchases, days),
            "true": truth.get(f"expected_value_{days}d", None),
            "what came": came[days].reindex(truth.index).fillna(0.0),
        }
        models = ", ".join(sorted(of_horizon["model"].unique())) if "model" in of_horizon else ""
        print(f"\n{days} days ({models})")
        for first, second in (
            *(("predicted", "true"), ("as before", "true"), ("told the parameters", "true")),
            *(("predicted", "what came"), ("as before", "what came"), ("told the parameters", "what came")),
            ("true", "what came"),
        ):
            _compare(first, values[first], second, values[second])


def _compare(first: str, values: Any, second: str, others: Any) -> None:
    if values is None or others is None:
        return
    one, other = (pd.Series(np.asarray(column, dtype=np.float64)) for column in (values, others))
    known = one.notna()
    one, other = one[known], other[known]
    print(
        f"  {first:20} against {second:10}: Pearson {one.corr(other):.3f}, Spearman "
        f"{one.corr(other, method='spearman'):.3f}, total {one.sum():12,.0f} against {other.sum():12,.0f} "
        f"({one.sum() / other.sum() - 1:+.1%}), mean absolute difference {np.abs(one - other).mean():.2f}"
        f"{f', {(~known).sum():,} not predicted' if not known.all() else ''}"
    )


def _simulate(shop: StoreParameters, place: Path) -> Home:
    home = Home(place).create()
    for path in simulate_store(home.drops, shop, kind="parquet", per="all").files:
        os.utime(path, (LONG_AGO, LONG_AGO))
    return home


def _predicted(shop: StoreParameters, place: Path) -> tuple[pd.DataFrame, pd.DataFrame, Values]:
    """The table, what each customer bought, and the value of as many days before."""
    with opened(_simulate(shop, place)) as warehouse:
        build_tables(warehouse, upstream_of(LIFETIME_VALUE) | set(TO_ORDER_STATES) | {"core"})
        told = warehouse.read(f"from {LIFETIME_VALUE} order by horizon_days, customer_id")
        if told.empty:
            raise SystemExit(f"{LIFETIME_VALUE} is empty: too few customers for a model, or too short a history.")
        return told, warehouse.read(PURCHASES), _before(warehouse, shop, told["horizon_days"].unique().tolist())


def _came(shop: StoreParameters, place: Path, horizons: list[int]) -> tuple[Values, Values]:
    """What each customer's orders after the end were worth, where the shop trades on, and before it, by horizon."""
    first = shop.end + timedelta(days=1)
    later = StoreParameters(
        **{**dict(shop), "end": shop.end + timedelta(days=max(horizons)), "newcomers_until": shop.end}
    )
    with opened(_simulate(later, place)) as warehouse:
        build_tables(warehouse, {"core", *TO_ORDER_STATES})
        came = {days: _bought(warehouse, first, first + timedelta(days=days)) for days in horizons}
        return came, _before(warehouse, shop, horizons)


def _before(warehouse: Warehouse, shop: StoreParameters, horizons: list[int]) -> Values:
    behind = shop.end + timedelta(days=1)
    return {days: _bought(warehouse, behind - timedelta(days=days), behind) for days in horizons}


def _bought(warehouse: Warehouse, first: Any, behind: Any) -> "pd.Series[float]":
    return warehouse.read(BOUGHT, {"first": first, "behind": behind}).set_index("customer_id")["value"]


def _told_the_parameters(shop: StoreParameters, truth: pd.DataFrame, purchases: pd.DataFrame, days: int) -> Floats:
    """The expected value of each customer, by purchases and the shop's parameters alone."""
    store = Store(shop)
    clock = store.clock
    traits = store.population.traits(truth.index.str.removeprefix("C").astype(np.int64).to_numpy() - 1)
    first, last = (
        clock.busy_time(
            traits.region, truth[name].to_numpy().astype("datetime64[s]").astype(np.float64) / 86_400 - clock.first
        )
        for name in ("first_order_ts", "last_order_ts")
    )
    total = clock.end(traits.region) - first
    x, t_x = truth["orders"].to_numpy(dtype=np.int64) - 1, np.clip(last - first, 0, total)
    ahead = clock.busy[traits.region, clock.days + days] - clock.end(traits.region)
    orders = purchases["orders"].fillna(1).to_numpy(dtype=np.float64)
    mean = np.maximum(purchases["mean"].fillna(0.01).to_numpy(dtype=np.float64), 0.01)
    weights, values = [], []
    for tier in shop.tiers:
        weights.append(
            np.log(tier.share) + bg_nbd(x.astype(np.float64), t_x, total, tier) + gamma_gamma(mean, orders, tier)
        )
        values.append(_orders_ahead(tier, ahead, x, t_x, total) * _value_of_an_order(tier, orders, mean))
    posterior = np.exp(np.array(weights) - np.max(weights, axis=0))
    return np.asarray((posterior * np.array(values)).sum(axis=0) / posterior.sum(axis=0))


def _orders_ahead(tier: Tier, ahead: Floats, x: Any, t_x: Floats, total: Floats) -> Floats:
    model, found = BgNbd(tier.r, tier.alpha, tier.a, tier.b), np.zeros(len(x))
    for time in np.unique(ahead).tolist():
        rows = ahead == time
        found[rows] = model.conditional_expected_orders(time, x[rows], t_x[rows], total[rows])
    return found


def _value_of_an_order(tier: Tier, orders: Floats, mean: Floats) -> Floats:
    return np.asarray(tier.p * (tier.gamma + orders * mean) / (tier.p * orders + tier.q - 1))


def main() -> None:
    """Measure the shop that is asked for."""
    parser = argparse.ArgumentParser(prog="python -m retail_pipeline_tests.studies.lifetime_value", description=__doc__)
    parser.add_argument("--preset", default="demo", help="the shop")
    parser.add_argument("--customers", type=int, help="of the shop, if not the preset's")
    parser.add_argument("--seed", type=int, help="another seed makes another shop")
    given = parser.parse_args()
    changes = {name: value for name in ("customers", "seed") if (value := getattr(given, name)) is not None}
    study(preset(given.preset, **changes))


if __name__ == "__main__":
    main()
