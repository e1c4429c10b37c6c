"""Whether buy-till-you-die models find the truth of simulated shops, and what a million customers cost.

``python -m retail_pipeline_tests.studies.btyd [coverage] [million] [holdout]``.

*coverage*: of shops of the simulator's preset ``btyd`` (BG/NBD with gamma-gamma orders, 20,000 customers, two years),
in how many the 95 % intervals hold the parameters that the shop was made with, and how far off the estimates are.
Once with a purchase for each order at its time, as the model has it, and once with one for each day on which a
customer bought, as ``models.btyd_parameters`` has it: of two orders on a day it sees one, and no hours.

*holdout*: fitted to the days of UCI Online Retail until two days in 2011, what the models expected of the 90 days
after, and what came; beside them what each customer bought in the 90 days before, and the mean of all.

*million*: CPU seconds to summarise, fit and predict customers of that shop, drawn directly.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import TypeVar

import duckdb
import numpy as np
import pandas as pd

from retail_pipeline.analytics.btyd.bg_nbd import BgNbd
from retail_pipeline.analytics.btyd.fitting import Fit, fit
from retail_pipeline.analytics.btyd.gamma_gamma import GammaGamma, spends
from retail_pipeline.analytics.btyd.mbg_nbd import MbgNbd
from retail_pipeline.analytics.btyd.outlook import Histories, outlook
from retail_pipeline.analytics.btyd.pareto_nbd import ParetoNbd
from retail_pipeline.analytics.btyd.summaries import Floats, summarise
from retail_pipeline.assets.models.purchase_days import customers_as_of
from retail_pipeline.home import Home
from retail_pipeline.simulator import preset, simulate_store
from retail_pipeline.simulator.parameters import StoreParameters
from retail_pipeline_tests.real_data import ONLINE_RETAIL
from retail_pipeline_tests.stores import opened, write_drop
from retail_pipeline_tests.tables import build_tables

T = TypeVar("T")
EVENTS = {
    "orders": "epoch(order_ts) / 86400.0",
    "days": "cast(date_diff('day', date '1970-01-01', cast(order_ts as date)) as double)",
}
"""By name the time of a purchase, in days."""
CUSTOMERS = """
    with purchases as (
        select customer_id, {time} as moment, sum(quantity * unit_price) as amount
        from '{file}'
        group by 1, 2
    )

    select
        count(*) - 1 as x,
        max(moment) - min(moment) as t_x,
        {end} - min(moment) as total,
        cast(sum(amount) - min_by(amount, moment) as double) / nullif(count(*) - 1, 0) as mean
    from purchases
    group by customer_id
    order by all
"""


def coverage(seeds: range, alpha: float | None) -> None:
    """How often intervals hold the truth."""
    shop = _shop(alpha)
    (tier,) = shop.tiers
    truth = {"r": tier.r, "alpha": tier.alpha, "a": tier.a, "b": tier.b, "p": tier.p, "q": tier.q, "v": tier.gamma}
    found = pd.concat([_of_one_shop(_shop(alpha, seed=seed)) for seed in seeds], ignore_index=True)
    found["true"] = found["parameter"].map(truth)
    found["holds"] = (found["lower"] <= found["true"]) & (found["true"] <= found["upper"])
    found["off"] = found["value"] / found["true"] - 1
    found["errors"] = np.log(found["value"] / found["true"]) / found["log_error"]
    print(f"\n{len(seeds)} shops of {shop.customers:,} customers: intervals that hold the truth; estimates against it")
    for (events, parameter), rows in found.groupby(["events", "parameter"], sort=False):
        print(
            f"  {events:7} {parameter:6} {rows['true'].iloc[0]:6g}: {rows['holds'].sum():3} of {len(rows)} hold it; "
            f"mean {rows['off'].mean():+.1%}, {rows['errors'].mean():+.2f} standard errors, "
            f"whose own spread is {rows['errors'].std():.2f}"
        )
    for events, rows in found.groupby("events", sort=False):
        print(f"  {events}: {rows['holds'].mean():.1%} of all {len(rows)} intervals hold the truth")


def _shop(alpha: float | None, **changes: int) -> StoreParameters:
    """The preset, or one whose customers take their time."""
    shop = preset("btyd", **changes)
    return (
        shop if alpha is None else preset("btyd", tiers=(shop.tiers[0].model_copy(update={"alpha": alpha}),), **changes)
    )


def _of_one_shop(shop: StoreParameters) -> pd.DataFrame:
    """A row a kind of events and parameter."""
    with tempfile.TemporaryDirectory(prefix="retail-study-") as folder:
        (file,) = simulate_store(Path(folder) / "drops", shop, kind="parquet", per="all").files
        last = f"date_diff('day', date '1970-01-01', date '{shop.end}')"
        ends = {"orders": f"{last} + 1", "days": last}
        rows = []
        for events, moment in EVENTS.items():
            told = duckdb.sql(CUSTOMERS.format(time=moment, file=file, end=ends[events])).df()
            rows += _parameters(fit(BgNbd, summarise(told["x"], told["t_x"], told["total"])), events)
            repeated = told[told["x"] > 0]
            rows += _parameters(fit(GammaGamma, spends(repeated["x"], repeated["mean"])), events)
    return pd.DataFrame(rows)


def _parameters(fitted: Fit[BgNbd] | Fit[GammaGamma], events: str) -> list[dict[str, object]]:
    lower, upper = fitted.intervals
    errors = np.sqrt(np.diag(fitted.covariance))
    return [
        {"events": events, "parameter": letter, "value": value, "lower": low, "upper": high, "log_error": error}
        for letter, value, low, high, error in zip(
            type(fitted.model).letters(), fitted.values, lower, upper, errors, strict=True
        )
    ]


def million(customers: int) -> None:
    """Seconds and memory for a million customers."""
    (tier,) = preset("btyd").tiers
    x, t_x, total = _drawn(BgNbd(tier.r, tier.alpha, tier.a, tier.b), customers, days=730)
    data = _timed(f"{customers:,} customers summarised", lambda: summarise(x, t_x, total))
    print(f"  {len(data):,} of them different")
    for model in (BgNbd, MbgNbd, ParetoNbd):
        fitted = _timed(f"{model.__name__} fitted", lambda model=model: fit(model, data))
        print(f"  {dict(zip(model.letters(), fitted.values.round(4).tolist(), strict=True))}, {fitted.converged=}")
        _timed("  P(alive)", lambda fitted=fitted: fitted.model.p_alive(x, t_x, total))
        _timed("  orders in 90 days", lambda fitted=fitted: fitted.model.conditional_expected_orders(90, x, t_x, total))
        _timed(
            "  discounted orders, of different customers",
            lambda fitted=fitted: fitted.model.discounted_orders(0.0003, data.x, data.t_x, data.T),
        )
    worth = np.where(x > 0, np.random.default_rng(2).gamma(4, 10, customers), 0.0)
    everyone = Histories(x.astype(np.int64), t_x, total, worth)
    spend, model = GammaGamma(tier.p, tier.q, tier.gamma), BgNbd(tier.r, tier.alpha, tier.a, tier.b)
    _timed("outlook for 90 days, with ranges", lambda: outlook(model, spend, everyone, 90))
    _timed("outlook for 90 days, without", lambda: outlook(model, spend, everyone, 90, ranges=False))
    print(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB")


def holdout(days: int = 90) -> None:
    """Expectations against what came."""
    with tempfile.TemporaryDirectory(prefix="retail-study-") as folder:
        home = Home(Path(folder)).create()
        write_drop(home, ONLINE_RETAIL.name, ONLINE_RETAIL.read_bytes())
        with opened(home) as warehouse:
            build_tables(warehouse, ("core", "customers.undone_lines", "customers.order_states"))
            for end in (date(2011, 6, 10), date(2011, 9, 10)):
                customers = customers_as_of(warehouse, end)
                earlier, later = (
                    customers_as_of(warehouse, end + timedelta(days=step)).set_index("customer_id")["x"]
                    for step in (-days, days)
                )
                x = customers.set_index("customer_id")["x"]
                came = (later.reindex(x.index) - x).fillna(0).clip(lower=0)
                lately = (x - earlier.reindex(x.index)).fillna(x + 1).clip(lower=0)
                _compare(end, customers, came.to_numpy(dtype=np.float64), lately.to_numpy(dtype=np.float64), days)


def _compare(end: date, customers: pd.DataFrame, came: Floats, lately: Floats, days: int) -> None:
    x, t_x, total = (customers[name].to_numpy(dtype=np.float64) for name in ("x", "t_x_days", "total_days"))
    expected: dict[str, Floats] = {
        model.__name__: fit(model, summarise(x, t_x, total)).model.conditional_expected_orders(days, x, t_x, total)
        for model in (BgNbd, MbgNbd, ParetoNbd)
    }
    expected["as before"] = lately
    expected["mean of all"] = np.full(len(x), days * x.sum() / total.sum())
    print(f"\n{len(x):,} customers until {end}: {came.sum():,.0f} repeat days in the {days} days after")
    for title, orders in expected.items():
        order = pd.Series(orders).corr(pd.Series(came), method="spearman") if np.ptp(orders) > 1e-9 else 0.0
        error = np.abs(orders - came).mean()
        print(
            f"  {title:12} expected {orders.sum():7,.0f}, mean absolute error {error:.3f}, rank correlation {order:.3f}"
        )


def _timed(title: str, work: Callable[[], T]) -> T:
    began = time.process_time()
    done = work()
    print(f"{title}: {time.process_time() - began:.1f} s CPU")
    return done


def _drawn(model: BgNbd, customers: int, *, days: int) -> tuple[Floats, Floats, Floats]:
    """Customers of the model by whole days, who came evenly over all days."""
    rng = np.random.default_rng(1)
    total = rng.integers(0, days, customers).astype(np.float64)
    rate, leaves = rng.gamma(model.r, 1 / model.alpha, customers), rng.beta(model.a, model.b, customers)
    x, t_x, moment = np.zeros(customers), np.zeros(customers), np.zeros(customers)
    buying = np.arange(customers)
    while len(buying):
        moment[buying] += rng.exponential(1 / np.maximum(rate[buying], 1e-9))
        buying = buying[moment[buying] <= total[buying]]
        x[buying] += 1
        t_x[buying] = np.floor(moment[buying])
        buying = buying[rng.random(len(buying)) >= leaves[buying]]
    return x, t_x, total


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m retail_pipeline_tests.studies.btyd", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help="coverage, million, holdout [the first]")
    parser.add_argument("--seeds", type=int, default=50, help="shops")
    parser.add_argument("--alpha", type=float, help="of the shops; a larger one makes slower customers [days]")
    parser.add_argument("--customers", type=int, default=1_000_000, help="customers of the million")
    given = parser.parse_args()
    for part in given.parts or ["coverage"]:
        if part == "coverage":
            coverage(range(1, 1 + given.seeds), given.alpha)
        elif part == "holdout":
            holdout()
        elif part == "million":
            million(given.customers)
        else:
            parser.error(f"there is no {part}")


if __name__ == "__main__":
    main()
