"""What choices in models of spend are worth on UCI Online Retail, and what a million customers cost.

``python -m retail_pipeline_tests.studies.spend [losses] [bound] [pairs] [million]``.

*losses*: where one cut-off chooses the model for a later one whose days do not overlap, how much worse the chosen one
is than the best, by the loss that was chosen by.

*bound*: R2 on cut-offs before the tests, with customers of whom much is usual expected to spend so many times that, at
most.

*pairs*: on the test cut-offs, in what share of draws of customers one model's R2 is above another's.

*million*: CPU seconds to train with, and to tell the values of, copies of the store's customers.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from itertools import combinations
from pathlib import Path

import numpy as np

from retail_pipeline.analytics.prediction import spend_models
from retail_pipeline.analytics.prediction.cutoffs import Plan
from retail_pipeline.analytics.prediction.measures import r2, resampled
from retail_pipeline.analytics.prediction.rows import at
from retail_pipeline.analytics.prediction.spend_experiment import MODELS
from retail_pipeline.analytics.prediction.spend_training import SpendModel, capped_losses, train_all
from retail_pipeline.analytics.prediction.spending import Spending
from retail_pipeline.assets.customers import lifetime_value
from retail_pipeline.assets.frame_assets import build_frame_table
from retail_pipeline.assets.models import btyd, purchase
from retail_pipeline.assets.models.purchase_labels import observe_spend, see
from retail_pipeline.home import Home
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.assets.store_tables import TO_FEATURES
from retail_pipeline_tests.real_data import ONLINE_RETAIL
from retail_pipeline_tests.stores import opened, write_drop
from retail_pipeline_tests.tables import build_tables

FIRST, AS_OF = date(2010, 12, 1), date(2011, 12, 10)
CUTOFFS = {30: 7, 90: 5}
"""By horizon how many cut-offs, 30 days apart, the last of them the test."""
COPIED = ("customers.order_states", "customers.product_changes", "customers.category_changes", "customers.features")


@contextmanager
def online_retail(settings: str = "") -> Iterator[Warehouse]:
    """The store, up to the features of its customers."""
    with tempfile.TemporaryDirectory(prefix="retail-study-") as folder:
        home = Home(Path(folder)).create()
        home.settings_file.write_text(settings)
        write_drop(home, ONLINE_RETAIL.name, ONLINE_RETAIL.read_bytes())
        with opened(home) as warehouse:
            build_tables(warehouse, ("core", *TO_FEATURES))
            yield warehouse


def tried(
    warehouse: Warehouse, horizon_days: int, models: tuple[str, ...] = MODELS
) -> Iterator[tuple[date, Spending, dict[str, SpendModel]]]:
    """Cut-offs, ascending, what came after them, and models fitted to what was known on that day."""
    plan = Plan(horizon_days, least_history_days=60, most_training=6)
    last = AS_OF - timedelta(horizon_days)
    days = [last - timedelta(30 * back) for back in reversed(range(CUTOFFS[horizon_days]))]
    known = {day: plan.training_before(FIRST, day) for day in days}
    all_days = sorted({*days, *(day for of in known.values() for day in of)})
    data = observe_spend(warehouse, see(warehouse, all_days), all_days, horizon_days)
    for day in days:
        yield day, at(data, [day]), train_all(models, at(data, known[day]), horizon_days)


def losses(warehouse: Warehouse) -> None:
    """How much worse than the best the chosen model is."""
    for horizon in CUTOFFS:
        found: dict[date, dict[str, dict[str, float]]] = {}
        for day, data, models in tried(warehouse, horizon):
            of_day = found[day] = {"squared": {}, "capped": {}, "tweedie": {}, "absolute": {}}
            for name, model in models.items():
                expected = model.expected(data.values)
                safe = np.maximum(expected, 0.01 * data.spend.mean())
                of_day["squared"][name] = float(((data.spend - expected) ** 2).mean())
                of_day["capped"][name] = float(capped_losses(data.spend, expected).mean())
                of_day["tweedie"][name] = float(((np.sqrt(data.spend) - np.sqrt(safe)) ** 2 / np.sqrt(safe)).mean())
                of_day["absolute"][name] = float(np.abs(data.spend - expected).mean())
        pairs = [(early, late) for early, late in combinations(found, 2) if (late - early).days >= horizon]
        for chosen_by in ("squared", "capped", "tweedie"):
            worse = {
                judged_by: np.mean([_worse(found[early][chosen_by], found[late][judged_by]) for early, late in pairs])
                for judged_by in ("squared", "capped", "absolute")
            }
            told = ", ".join(f"{name} error {share:.1%}" for name, share in worse.items())
            print(f"{horizon} days, chosen by {chosen_by} errors, {len(pairs)} pairs: above the best one's by {told}")


def _worse(chosen: dict[str, float], judged: dict[str, float]) -> float:
    return judged[min(chosen, key=lambda name: chosen[name])] / min(judged.values()) - 1


def bound(warehouse: Warehouse) -> None:
    """R2 by how many times what is usual is expected at most."""
    names = ("ridge", "random_forest", "xgboost", "xgboost_two_stage")
    for times in (1.0, 1.25, 1.5, 2.0, 20.0):
        spend_models.MOST_OWN_TIMES = times
        for horizon in CUTOFFS:
            *before, _ = [
                [_r2(data, models[name]) for name in names] for _, data, models in tried(warehouse, horizon, names)
            ]
            means = dict(zip(names, np.mean(before, axis=0).round(3).tolist(), strict=True))
            print(f"{horizon} days, at most {times} times, mean R2 of {len(before)} cut-offs: {means}")


def _r2(data: Spending, model: SpendModel) -> float:
    return float(r2(data.spend, model.expected(data.values), np.ones((1, len(data.spend))))[0])


def pairs(warehouse: Warehouse) -> None:
    """Which model's R2 is above which on the test cut-offs."""
    for horizon in CUTOFFS:
        *_, (day, data, models) = tried(warehouse, horizon)
        draws = resampled(len(data.spend), 2_000)
        told = {name: r2(data.spend, model.expected(data.values), draws) for name, model in models.items()}
        for name in ("ridge", "linear_regression"):
            for other in ("last_period", "btyd"):
                more = told[name] - told[other]
                low, high = np.quantile(more, (0.025, 0.975))
                print(
                    f"{horizon} days from {day}: R2 of {name} above that of {other} in {(more > 0).mean():.1%} of "
                    f"draws, by {low:.3f} to {high:.3f}"
                )


def million(warehouse: Warehouse, copies: int) -> None:
    """Seconds to train and to tell values, of so many copies of each customer."""
    for table in COPIED:
        names = [name for name in ("customer_id", "order_id") if name in warehouse.columns(table)]
        changed = ", ".join(f"{name} || '-' || copy as {name}" for name in names)
        warehouse.execute(
            f"create temp table copies as select base.* replace ({changed}) "
            f"from {table} as base, range({copies}) as numbers(copy)"
        )
        warehouse.execute(f"create or replace table {table} as from copies; drop table copies")
    print(f"{warehouse.count('customers.features'):,} customers")
    for table in (btyd.TABLE, purchase.CHAMPIONS_TABLE, lifetime_value.TABLE):
        began, at_first = time.process_time(), time.perf_counter()
        build_frame_table(warehouse, table)
        print(f"{table.name}: {time.process_time() - began:.1f} s CPU, {time.perf_counter() - at_first:.1f} s")


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("studies", nargs="*", default=["losses", "bound", "pairs"])
    asked.add_argument("--copies", type=int, default=231, help="of each of 4,324 customers")
    given = asked.parse_args()
    for study in given.studies:
        # no models of purchases among the million, which would be trained as well
        with online_retail("[prediction]\nleast_days = 3650\n" if study == "million" else "") as store:
            if study == "million":
                million(store, given.copies)
            else:
                {"losses": losses, "bound": bound, "pairs": pairs}[study](store)
