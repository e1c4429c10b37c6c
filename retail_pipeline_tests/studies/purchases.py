"""How well orders of the next days are told from none, and how right the level of the probabilities is.

``python -m retail_pipeline_tests.studies.purchases [ranking] [levels] [--shops online-retail demo demo-3 ...]``.

Shops are UCI Online Retail, and the simulator's presets of two years each, or of as many as the number behind them.

*ranking*: areas under the ROC curve for an order within 30 days on the test cut-off, with 95 % intervals, of all models
beside the baselines.

*levels*: expected calibration error and log-loss, the means over all cut-offs 30 days apart at which all of these can
be known: as calibrated on the latest known outcome; with the log odds raised by half of what they were too low by at
the cut-off before, and by all of it (*trend*); raised by what the season did a year before, and by that less its noise
(*season*), as the pipeline does where it was right of the validation cut-offs.
"""

import argparse
import contextlib
import os
import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from retail_pipeline.analytics.prediction.cutoffs import Fold, Plan, all_days
from retail_pipeline.analytics.prediction.experiment import at, run, season_of
from retail_pipeline.analytics.prediction.measures import Floats, ece, log_loss
from retail_pipeline.analytics.prediction.purchase_models import PurchaseModel, train
from retail_pipeline.analytics.prediction.season import level
from retail_pipeline.analytics.prediction.thresholds import Stakes
from retail_pipeline.assets.models.purchase_labels import Observed, Reach, observe, reach
from retail_pipeline.home import Home
from retail_pipeline.simulator import preset, simulate_store
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.assets.store_tables import TO_FEATURES
from retail_pipeline_tests.real_data import ONLINE_RETAIL
from retail_pipeline_tests.stores import LONG_AGO, opened, write_drop
from retail_pipeline_tests.tables import build_tables

REAL = "online-retail"
SHOPS = (REAL, "demo", "demo-3", "fashion", "grocer")
SALES = ("sales.order_days", "sales.period_figures", "sales.daily")
MOST_CUSTOMERS = 5_000
HORIZONS = (30, 90)
MODELS = ("logistic_regression", "btyd")
MANY = 1_000
"""More cut-offs than there are."""


@contextlib.contextmanager
def _shop(name: str) -> Iterator[Warehouse]:
    """A shop's features and what they are made from."""
    with tempfile.TemporaryDirectory(prefix="retail-study-") as folder:
        home = Home(Path(folder)).create()
        if name == REAL:
            write_drop(home, ONLINE_RETAIL.name, ONLINE_RETAIL.read_bytes())
        else:
            kind, _, years = name.partition("-")
            shop = preset(kind)
            if years:
                shop = preset(kind, start=shop.start.replace(year=shop.end.year - int(years)))
            for path in simulate_store(home.drops, shop, kind="parquet", per="all").files:
                os.utime(path, (LONG_AGO, LONG_AGO))
        with opened(home) as warehouse:
            build_tables(warehouse, ["core", *TO_FEATURES, *SALES])
            yield warehouse


def _observed(warehouse: Warehouse, there: Reach, days: list[date], horizon_days: int) -> Observed:
    return observe(warehouse, days, horizon_days, one_in=-(-there.customers // MOST_CUSTOMERS))


def _folds(there: Reach, horizon_days: int, folds: int) -> list[Fold]:
    assert there.first
    assert there.as_of
    return Plan(horizon_days, folds=folds).lay(there.first, there.as_of - timedelta(days=1))


def ranking(name: str) -> None:
    """Areas under the ROC curve for 30 days."""
    with _shop(name) as warehouse:
        there = reach(warehouse)
        folds = _folds(there, 30, 3)
        observed = _observed(warehouse, there, all_days(folds), 30)
    found = run(folds, observed, 30, Stakes(1, 3))
    print(f"\n{name}, {there.days} days, an order within 30 days of {found.test.fold.cutoff}")
    rows = [row for row in found.metrics if row["split"] == "test" and row["metric"] == "roc_auc"]
    for row in sorted(rows, key=lambda row: -row["value"]):
        serves = "serves" if row["model"] == found.verdict.champion else ""
        interval = f"{row['lower']:.3f} to {row['upper']:.3f}"
        print(f"  {row['model']:20} {row['value']:.3f} ({interval}), {row['n']:,} customers {serves}")


def levels(name: str) -> None:
    """Calibration errors by ways to set the level."""
    with _shop(name) as warehouse:
        there = reach(warehouse)
        print(f"\n{name}, {there.days} days: expected calibration error / log-loss")
        for horizon_days in HORIZONS:
            folds = _folds(there, horizon_days, MANY)
            folds = [fold for fold in folds if (folds[-1].cutoff - fold.cutoff).days % 30 == 0]
            observed = _observed(warehouse, there, all_days(folds), horizon_days)
            for model in MODELS:
                _levels_of(model, folds, observed, horizon_days)


def _levels_of(name: str, folds: list[Fold], observed: Observed, horizon_days: int) -> None:
    fitted: dict[date, PurchaseModel] = {}
    for fold in folds:
        learned = at(observed, fold.training)
        if learned.tells and at(observed, [fold.cutoff]).tells:
            fitted[fold.cutoff] = train(name, learned, horizon_days)
    missed = {day: level(model, at(observed, [day])).offset for day, model in fitted.items()}
    told: dict[str, list[tuple[float, float]]] = {}
    with_season: dict[str, list[tuple[float, float]]] = {}
    for fold in folds:
        known = [day for day in missed if day <= fold.cutoff - timedelta(horizon_days)]
        if fold.cutoff not in fitted or not known:
            continue
        model, judged = fitted[fold.cutoff], at(observed, [fold.cutoff])
        by = {"as calibrated": 0.0, "half the trend": missed[known[-1]] / 2, "the trend": missed[known[-1]]}
        if fold.season and all(at(observed, [day]).tells for day in fold.season):
            base, now = (level(model, at(observed, [day])).offset for day in fold.season)
            by |= {"the season": now - base, "the season less noise": season_of(fold, observed, model)}
        for way, raised in by.items():
            scores = _scores(model.raised(raised), judged)
            told.setdefault(way, []).append(scores)
            if len(by) > 3:
                with_season.setdefault(way, []).append(scores)
    for title, scored in (("", told), (", those with a year before", with_season)):
        if scored:
            first = len(scored["as calibrated"])
            means = {way: np.mean(pairs, axis=0) for way, pairs in scored.items() if len(pairs) == first}
            text = ", ".join(f"{way} {mean[0]:.3f} / {mean[1]:.4f}" for way, mean in means.items())
            print(f"  {horizon_days} days, {name}, {first} cut-offs{title}: {text}", flush=True)


def _scores(model: PurchaseModel, judged: Observed) -> tuple[float, float]:
    probabilities, once = model.probabilities(judged.values), np.ones((1, len(judged.events)))

    def of(measured: Floats) -> float:
        return float(measured[0])

    return of(ece(judged.events, probabilities, once)), of(log_loss(judged.events, probabilities, once))


PARTS = {"ranking": ranking, "levels": levels}


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m retail_pipeline_tests.studies.purchases", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help="ranking, levels [both]")
    parser.add_argument("--shops", nargs="+", default=SHOPS, help="of which shops")
    given = parser.parse_args()
    for part in given.parts or PARTS:
        if part not in PARTS:
            parser.error(f"there is no {part}")
        for shop in given.shops:
            PARTS[part](shop)


if __name__ == "__main__":
    main()
