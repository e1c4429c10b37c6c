"""How right forecasts of net sales are: on a real shop, on shops whose expected path is known, on series of others.

``python -m retail_pipeline_tests.studies.forecasts [online] [simulated] [reference]``.

*online*: what ``forecasts.backtest`` holds of UCI Online Retail: every model on the whole by day, week and month, from
origins that did not choose the champion; of the parts, how often which model serves and what it was worth.

*simulated*: shops of the simulator's preset ``calm`` over four years, the same parameters with other seeds. The mean
over all other seeds is the path that was to be expected. From three days of the fourth year, what the model chosen
until then said of the 13 weeks, or 3 months, to come: how far its path is from the expected one and from what came,
and how much of that its intervals held.

*reference*: monthly and quarterly series that come with statsmodels and statsforecast. The champion chosen on earlier
origins, beside AutoETS and AutoARIMA of statsforecast with their own searches anew at each later origin.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from retail_pipeline.analytics.forecasting import measures
from retail_pipeline.analytics.forecasting.backtest import Backtest, Plan, choose, run
from retail_pipeline.analytics.forecasting.candidates import COMBINATION, NAMES, names_for
from retail_pipeline.analytics.forecasting.series import Floats, Past
from retail_pipeline.analytics.forecasting.shop import Shop, ShopSeries
from retail_pipeline.assets.forecasts.forecast_training import Told
from retail_pipeline.assets.forecasts.revenue import serve
from retail_pipeline.assets.frame_assets import build_frame_table
from retail_pipeline.definitions import FRAME_TABLES
from retail_pipeline.home import Home
from retail_pipeline.simulator import preset, simulate_store
from retail_pipeline_tests.real_data import ONLINE_RETAIL
from retail_pipeline_tests.stores import opened, write_drop
from retail_pipeline_tests.tables import build_tables

SHOWN = ("choice_mase", "mase", "rmsse", "smape", "bias", "coverage_80", "coverage_95", "width_80", "width_95")
TOTALS = """
    select frequency, model, is_champion, metric, value, folds
    from forecasts.backtest
    where series = 'total'
"""
CHAMPIONS = """
    select
        frequency,
        model,
        count(*) as series,
        sum(case when best_before is distinct from model then 1 else 0 end) as after_the_best_lost,
        avg(mase) as mase,
        avg(baseline_mase) as seasonal_naive
    from forecasts.champions
    where series <> 'total'
    group by frequency, model
    order by frequency, series desc, model
"""
FIRST, LAST = date(2020, 1, 1), date(2024, 3, 31)
ENDS = ("2023-03-31", "2023-07-31", "2023-12-31")


def online() -> None:
    """The tables of forecasts on UCI Online Retail."""
    with tempfile.TemporaryDirectory(prefix="retail-study-") as folder:
        home = Home(Path(folder)).create()
        write_drop(home, ONLINE_RETAIL.name, ONLINE_RETAIL.read_bytes())
        with opened(home) as warehouse:
            build_tables(warehouse, ("core", "sales"))
            tables = {table.name: table for table in FRAME_TABLES}
            _timed("training", lambda: build_frame_table(warehouse, tables["forecasts.champions"]))
            build_frame_table(warehouse, tables["forecasts.backtest"])
            _timed("forecasts of a night", lambda: build_frame_table(warehouse, tables["forecasts.revenue"]))
            rows = warehouse.read(TOTALS)
            told = warehouse.read("from forecasts.champions where series = 'total' order by frequency")
            for champion in told.itertuples():
                of_frequency = rows[rows["frequency"] == champion.frequency]
                wide = of_frequency.pivot(index="model", columns="metric", values="value")[list(SHOWN)]
                print(f"\nthe whole by {champion.frequency}: {champion.model} serves: {champion.reason}")
                print(f"{champion.season}; {champion.origins} origins, of which {champion.folds} judge\n")
                print(wide.sort_values("mase").round(3).to_string())
            print("\nparts, orders and customers: which model serves, and its mean MASE where it was judged\n")
            print(warehouse.read(CHAMPIONS).round(3).to_string(index=False))


def simulated(seeds: range, customers: int, frequencies: tuple[str, ...]) -> None:
    """Forecasts against the expected path of simulated shops."""
    shops = [_simulated_shop(seed, customers) for seed in seeds]
    totals = np.stack([shop.total for shop in shops])
    found = [row for place in range(len(shops)) for row in _of_one_shop(shops, totals, place, frequencies)]
    frame = pd.DataFrame(found)
    print(f"\n{len(shops)} shops of {customers:,} customers, {FIRST} to {LAST}, forecast from {', '.join(ENDS)}")
    print("path: mean distance of the forecast from the expected path, against that; noise: of what came from it\n")
    columns = ["path", "path_bias", "noise", "error", "naive_error", "held_80", "held_95", "width_80", "width_95"]
    print(frame.groupby(["frequency", "end"])[columns].mean().round(3).to_string())
    print()
    print(frame.groupby("frequency")[columns].mean().round(3).to_string())
    print("\nwhich model served\n")
    print(frame.groupby(["frequency", "model"]).size().rename("times").to_string())


def _simulated_shop(seed: int, customers: int) -> Shop:
    shop = preset("calm", customers=customers, start=FIRST, end=LAST, seed=seed)
    with tempfile.TemporaryDirectory(prefix="retail-study-") as folder:
        simulate_store(Path(folder) / "drops", shop, kind="parquet", per="all")
        days = pd.read_parquet(Path(folder) / "truth" / "days.parquet")
    daily = days.assign(net_sales=days["net_sales"].astype(float)).groupby("day")["net_sales"].sum()
    index = pd.DatetimeIndex(daily.index)
    return Shop(index, daily.to_numpy(), np.ones(len(index), dtype=bool), {}, {}, "United Kingdom")


def _of_one_shop(
    shops: list[Shop], totals: Floats, place: int, frequencies: tuple[str, ...]
) -> Iterator[dict[str, Any]]:
    """What was said from each end of a shop's past."""
    others = np.delete(totals, place, axis=0).mean(axis=0)
    for end in ENDS:
        last = int(shops[place].days.get_loc(pd.Timestamp(end))) + 1
        past = _until(shops[place], last)
        for one in past.series(3, 39):
            if one.frequency not in frequencies:
                continue
            names = names_for(is_total=True, is_daily=one.frequency == "day")
            found, tuned = run(one.past, one.values, one.plan, names)
            assert found is not None
            choice = choose(found, tuned)
            served = serve(one, Told("total", one.frequency, choice, names, found.scores(choice.model), {}))
            naive = serve(one, None, baseline=True)
            assert served is not None
            assert naive is not None
            came, expected = (_later(one, values, past) for values in (totals[place], others))
            distance = np.abs(came - served.mean)
            size = expected.mean()
            yield {
                "end": end, "frequency": one.frequency, "model": choice.model,
                "path": np.abs(served.mean - expected).mean() / size,
                "path_bias": (served.mean - expected).mean() / size,
                "noise": np.abs(came - expected).mean() / size,
                "error": distance.mean() / size,
                "naive_error": np.abs(came - naive.mean).mean() / size,
                **{f"held_{level}": (distance <= width).mean()
                   for level, width in zip((80, 95), served.widths, strict=True)},
                **{f"width_{level}": 2 * width.mean() / size
                   for level, width in zip((80, 95), served.widths, strict=True)},
            }  # fmt: skip


def _until(shop: Shop, days: int) -> Shop:
    """A shop as it was known after so many days."""
    index = shop.days[:days]
    weeks = [day for day in index[index.dayofweek == 0] if day + pd.Timedelta(days=6) <= index[-1]]
    months = [day for day in index[index.day == 1] if day + pd.offsets.MonthEnd(0) <= index[-1]]
    periods = {"week": pd.DatetimeIndex(weeks), "month": pd.DatetimeIndex(months)}
    return replace(shop, days=index, total=shop.total[:days], has_sales=shop.has_sales[:days], periods=periods)


def _later(one: ShopSeries, values: Floats, past: Shop) -> Floats:
    """What days bring in the periods that were forecast."""
    first = one.grid.periods[one.grid.known]
    begin = int((first - past.days[0]).days)
    ends = [*one.grid.periods[one.grid.known + 1 : one.grid.known + one.horizon], None]
    step = {"day": pd.Timedelta(days=1), "week": pd.Timedelta(days=7)}.get(one.frequency, pd.DateOffset(months=1))
    ends[-1] = one.grid.periods[one.grid.known + one.horizon - 1] + step
    places = [begin, *(int((end - past.days[0]).days) for end in ends)]
    return np.array([values[start:end].sum() for start, end in pairwise(places)])


def reference() -> None:
    """The champion beside AutoETS and AutoARIMA on series that others made."""
    rows = []
    for name, values, year, horizon in _reference_series():
        began = time.process_time()
        found, tuned = run(
            _past_of(values, year, horizon), values, Plan(len(values) // 2, year // 4, 24, horizon), NAMES
        )
        assert found is not None
        choice = choose(found, tuned)
        row: dict[str, Any] = {"series": name, "n": len(values), "horizon": horizon}
        row |= {"judged": int(found.tests.any(axis=1).sum()), "champion": choice.model, "best before": choice.chosen}
        row |= {"MASE": _mase(found, choice.model), "of best before": _mase(found, choice.chosen or choice.model)}
        row |= {"combination": _mase(found, COMBINATION), "seasonal naive": _mase(found, "seasonal_naive")}
        row |= {title: _searched_anew(found, values, year, make) for title, make in _searches().items()}
        best = min((candidate for candidate in found.mean), key=lambda candidate: _mase(found, candidate))
        rows.append({**row, "best after": best, "CPU s": round(time.process_time() - began, 1)})
    frame = pd.DataFrame(rows)
    print(frame.round(3).to_string(index=False))
    figures = ["MASE", "of best before", "combination", "seasonal naive", *_searches()]
    print("\nmean", frame[figures].mean().round(3).to_dict())


def _reference_series() -> Iterator[tuple[str, Floats, int, int]]:
    """Name, values, periods in a year, horizon."""
    from statsforecast.utils import AirPassengers
    from statsmodels.datasets import co2, elec_equip, elnino, macrodata

    yield "air passengers, monthly", np.asarray(AirPassengers, dtype=np.float64), 12, 12
    equipment = elec_equip.load_pandas().data.iloc[:, 0]
    yield "electrical equipment orders, monthly", equipment.to_numpy(dtype=np.float64), 12, 12
    by_month = co2.load_pandas().data["co2"].resample("MS").mean().interpolate()
    yield "carbon dioxide, monthly", by_month.to_numpy(dtype=np.float64)[-240:], 12, 12
    sea = elnino.load_pandas().data.drop(columns="YEAR").to_numpy(dtype=np.float64).ravel()
    yield "sea surface temperature, monthly", sea[-240:], 12, 12
    macro = macrodata.load_pandas().data
    for column in ("realcons", "realgdp", "unemp", "cpi"):
        yield f"{column}, quarterly", macro[column].to_numpy(dtype=np.float64), 4, 8


def _past_of(values: Floats, year: int, horizon: int) -> Callable[[int], Past]:
    """Periods of even trade, whose year models know."""

    def past(origin: int) -> Past:
        count = origin + horizon
        place = np.arange(count)
        calendar = np.column_stack([np.zeros(count), 1 + (place % year) * 12 // year, np.full(count, 30.0)])
        return Past(values[:origin], np.ones(count), np.ones(count), calendar.astype(np.float64), 1, year, 2)

    return past


def _mase(found: Backtest, model: str) -> float:
    return measures.mase(found.errors(model)[found.tests], found.scale)


def _searches() -> dict[str, Callable[[int], Any]]:
    from statsforecast.models import AutoARIMA, AutoETS

    return {
        "AutoETS": lambda year: AutoETS(season_length=year),
        "AutoARIMA": lambda year: AutoARIMA(season_length=year),
    }


def _searched_anew(found: Backtest, values: Floats, year: int, make: Callable[[int], Any]) -> float:
    """The MASE of a search at each origin that judges."""
    errors = []
    for row, origin in enumerate(found.origins):
        if found.tests[row].any():
            said = make(year).forecast(values[:origin], found.actual.shape[1])["mean"]
            errors.append((said - found.actual[row])[found.tests[row]])
    return measures.mase(np.concatenate(errors), found.scale)


def _timed(title: str, work: Callable[[], object]) -> None:
    began = time.process_time()
    work()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{title}: {time.process_time() - began:.1f} s CPU, peak {peak:.1f} GiB")


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m retail_pipeline_tests.studies.forecasts", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help="online, simulated, reference [the first]")
    parser.add_argument("--seeds", type=int, default=8, help="simulated shops")
    parser.add_argument("--frequencies", default="week,month", help="of their forecasts; 'day' takes minutes a shop")
    parser.add_argument("--customers", type=int, default=10_000, help="of a simulated shop")
    given = parser.parse_args()
    for part in given.parts or ["online"]:
        if part == "online":
            online()
        elif part == "simulated":
            simulated(range(1, 1 + given.seeds), given.customers, tuple(given.frequencies.split(",")))
        elif part == "reference":
            reference()
        else:
            parser.error(f"there is no {part}")


if __name__ == "__main__":
    main()
