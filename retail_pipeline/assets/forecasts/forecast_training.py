"""The training of forecasts: models tried from earlier days, a champion for each series, saved with its figures.

What is saved is the choice, what it was tuned to and how wrong it was, no fitted model: each night fits the champion
to all periods there are by then.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from retail_pipeline.analytics import occasions
from retail_pipeline.analytics.forecasting import (
    backtest,
    boosting,
    candidates,
    conformal,
    library_models,
    measures,
    plain_models,
    series,
    shop,
    trading_calendar,
)
from retail_pipeline.analytics.forecasting.backtest import (
    Choice,
    calibration_rows,
    choose,
    horizon_rows,
    metric_rows,
    origin_errors,
)
from retail_pipeline.analytics.forecasting.candidates import BASELINE, names_for
from retail_pipeline.analytics.forecasting.shop import TOTAL, ShopSeries, series_of
from retail_pipeline.analytics.forecasting.trading_calendar import DAY, MONTH
from retail_pipeline.assets import model_training
from retail_pipeline.assets.forecasts import shop_read
from retail_pipeline.assets.forecasts.shop_read import ReadShop, largest_members, read_shop
from retail_pipeline.assets.model_training import origin, usable
from retail_pipeline.reports.forecast_charts import calibration_chart, horizons_chart
from retail_pipeline.saved_models import load_model, save_model
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import numpy as np

SUBJECT = "forecast"
CODE = (
    series, trading_calendar, plain_models, library_models, boosting, candidates, measures, conformal, backtest, shop,
    occasions, shop_read,
)  # fmt: skip
LEARNED_BY = ("horizon_months", "members", "origins", "least_orders")
SCORES = "scores"
HORIZONS_PICTURE, CALIBRATION_PICTURE = "horizons.svg", "calibration.svg"
ALWAYS_YEARLY = {
    "linear_regression": "a yearly wave",
    "gradient_boosting": "last year's values and months",
    "shrunken_seasonal_indices": "last year's shape, shrunken",
    candidates.COMBINATION: "last year's shape, shrunken, in one of its members",
}
"""What models that know of a year after one know of it then."""
NEEDS_TWO_YEARS = ("theta", "ets", "arima", "auto_ets", "auto_arima", "mstl_holidays")
DAYS_OF = {"day": 1.0, "week": 7.0, "month": 365.25 / 12}


@dataclass(frozen=True)
class Told:
    """What was found of a series: the choice, its figures, and the errors that intervals are made from."""

    series: str
    frequency: str
    choice: Choice
    names: tuple[str, ...]
    scores: "np.ndarray[Any, Any]"
    told: Mapping[str, Any]


@dataclass(frozen=True)
class Chosen:
    """The choices in use: their id, notes, the members told apart, and what was found of each series."""

    id: str
    notes: Mapping[str, Any]
    members: dict[str, list[str]]
    found: tuple[Told, ...]

    @property
    def is_provisional(self) -> bool:
        """Whether nothing could be tried yet, so that a night with more data tries again."""
        return not any(told.told["metrics"] for told in self.found)

    def of(self, name: str, frequency: str) -> Told | None:
        """What was found of a series; None if it was not there at the training."""
        return next((told for told in self.found if (told.series, told.frequency) == (name, frequency)), None)


def made_by(settings: Settings) -> str:
    """A hash of the code and settings that the choices depend on."""
    values = {name: getattr(settings.forecast, name) for name in LEARNED_BY}
    return model_training.made_by(CODE, {**values, "reporting_currency": settings.currency.reporting})


def fitting_choice(warehouse: Warehouse) -> Chosen | None:
    """The saved choices, if there are any made by these settings and this code.

    Raises
    ------
    ModelError
        when they are damaged.
    """
    saved = load_model(warehouse.home.models / SUBJECT)
    if saved is None or saved.numbers.get("made_by") != made_by(warehouse.settings):
        return None
    scores = saved.arrays.get(SCORES, {})
    found = tuple(
        Told(
            told["series"], told["frequency"], Choice(**told["choice"]), tuple(told["names"]), scores[str(place)], told
        )
        for place, told in enumerate(saved.numbers["found"])
    )
    return Chosen(saved.id, saved.notes, saved.numbers["members"], found)


def choice_in_use(warehouse: Warehouse) -> Chosen | None:
    """The saved choices; made first if a training is asked for, if none fit, or if nothing could be tried before.

    None of a shop that never sold anything.
    """
    if not has_sales(warehouse):
        return None
    chosen, reason = usable(warehouse, fitting_choice)
    if chosen and not reason and chosen.is_provisional and _has_more(warehouse, chosen):
        reason = "there was too little to try anything on before"
    return chosen if chosen and not reason else _train(warehouse, reason)


def is_current(warehouse: Warehouse, told: str | None) -> bool:
    """Whether the choices that a table tells of are in use and need no training."""
    if not has_sales(warehouse):
        return told is None
    chosen, reason = usable(warehouse, fitting_choice)
    return chosen is not None and not reason and chosen.id == told


def has_sales(warehouse: Warehouse) -> bool:
    """Whether there is a whole day on which something was sold."""
    return bool(
        warehouse.value(
            "select count(*) from sales.period_figures where frequency = 'day' and not is_partial and lines > 0"
        )
    )


def _has_more(warehouse: Warehouse, chosen: Chosen) -> bool:
    last: date = warehouse.value("select max(period) from sales.period_figures where frequency = 'day'")
    return str(last) > str(chosen.notes["last_day"])


def all_series(read: ReadShop, settings: Settings) -> list[ShopSeries]:
    """Every series: net sales of the whole and its parts by day, week and month, and counts by month."""
    found = read.shop.series(settings.forecast.horizon_months, settings.forecast.origins)
    return [*found, *counted_series(read, settings)]


def counted_series(read: ReadShop, settings: Settings) -> list[ShopSeries]:
    """Counts by month, as far as there are whole ones."""
    asked = settings.forecast
    alone = replace(read.shop, parts={}, periods={MONTH: read.shop.periods[MONTH]})
    return [
        series_of(name, values[: whole.grid.known], whole.grid, whole.calendar, asked.horizon_months, asked.origins)
        for whole in alone.series(asked.horizon_months, asked.origins)
        if whole.frequency == MONTH
        for name, values in read.counts.items()
    ]


def _train(warehouse: Warehouse, reason: str) -> Chosen:
    from threadpoolctl import threadpool_limits

    members = largest_members(warehouse, warehouse.settings.forecast.members)
    read = read_shop(warehouse, members)
    assert read is not None
    with threadpool_limits(limits=1):
        found = [_try(one, read, warehouse.settings) for one in all_series(read, warehouse.settings)]
    numbers = {
        "made_by": made_by(warehouse.settings),
        "members": members,
        "found": [
            {
                "series": told.series,
                "frequency": told.frequency,
                "choice": asdict(told.choice),
                "names": list(told.names),
                **told.told,
            }
            for told in found
        ],
    }
    arrays = {SCORES: {str(place): told.scores for place, told in enumerate(found)}}
    notes = {
        **origin(warehouse, reason, ("statsforecast", "statsmodels", "numpy", "retail-pipeline")),
        "last_day": str(read.shop.days[-1].date()),
        "run_id": warehouse.run_id,
    }
    saved = save_model(
        warehouse.home.models / SUBJECT, numbers, arrays if found else {}, notes, texts=dict(_pictures(found))
    )
    return Chosen(saved, notes, members, tuple(found))


def _pictures(found: list[Told]) -> Iterator[tuple[str, str]]:
    """By file name how wrong the models of the whole were by horizon, and what the champions' intervals held."""
    of_total = [told for told in found if told.series == TOTAL]
    backtests = {
        told.frequency: (told.told["horizons"], told.choice.model) for told in of_total if told.told["horizons"]
    }
    if backtests:
        yield HORIZONS_PICTURE, horizons_chart(backtests)
    lines = {
        told.frequency: [(row["level"], row["coverage"]) for row in told.told["calibration"]]
        for told in of_total
        if told.told["calibration"]
    }
    if lines:
        yield CALIBRATION_PICTURE, calibration_chart(lines)


def _try(one: ShopSeries, read: ReadShop, settings: Settings) -> Told:
    """What the models were worth on a series; of too few orders nothing is tried and the seasonal naive serves."""
    import numpy as np

    orders = read.orders.get(one.name, read.orders[TOTAL]) * DAYS_OF[one.frequency]
    names = names_for(is_total=":" not in one.name, is_daily=one.frequency == DAY)
    about = {
        "periods": len(one.values), "years_known": one.years_known,
        "metrics": [], "horizons": [], "calibration": [], "split": None, "scale": None, "origins": 0,
        "error_mean": None, "error_most": None,
    }  # fmt: skip
    nothing = np.empty((0, one.horizon))
    if orders < settings.forecast.least_orders:
        why = f"too few orders to tell models apart: {orders:.1f} a {one.frequency} (forecast.least_orders)"
        return _told(one, Choice(BASELINE, why), names, nothing, about)
    found, tuned = backtest.run(one.past, one.values, one.plan, names)
    choice = choose(found, tuned)
    if found is None or choice.model not in found.mean:
        return _told(one, choice, names, nothing, about)
    about |= {
        "metrics": metric_rows(found, positive=one.is_positive),
        "horizons": horizon_rows(found, one.season),
        "calibration": calibration_rows(found, choice.model),
        **origin_errors(found, choice.model),
        "split": str(one.grid.periods[found.split].date()),
        "scale": found.scale,
        "origins": len(found.origins),
    }
    return _told(one, choice, names, found.scores(choice.model), about)


def _told(
    one: ShopSeries, choice: Choice, names: tuple[str, ...], scores: "np.ndarray[Any, Any]", about: Mapping[str, Any]
) -> Told:
    return Told(one.name, one.frequency, choice, names, scores, {"season": season_told(one, choice.model), **about})


def season_told(one: ShopSeries, model: str) -> str:
    """Which seasons the model that serves knows of, in words; or why not the year's."""
    units = {"day": "trading days", "week": "weeks", "month": "months"}[one.frequency]
    week = ("the same weekday a week before" if model == BASELINE else "weekdays") if one.season > 1 else ""
    if year := _year_told(one, model):
        return " and ".join(filter(None, (week, year)))
    none = f"no yearly season: {len(one.values)} {units} are less than two years"
    if one.years_known:
        none = f"no yearly season: {model} looks for none in {units}"
        if one.years_known == 1 and model in NEEDS_TWO_YEARS:
            none = f"no yearly season: {model} needs two years before the first day it is tried from"
    elif len(one.values) >= 2 * one.year:
        none = f"no yearly season: {len(one.values)} {units} are too few to try one on"
    return "; ".join(filter(None, (week, none)))


def _year_told(one: ShopSeries, model: str) -> str:
    """What the model knows of the year; empty if nothing."""
    if not one.years_known:
        return ""
    if model == BASELINE:
        return "" if one.season > 1 else f"the same {one.frequency} a year before"
    if model in ALWAYS_YEARLY and one.years_known == 1:
        return ALWAYS_YEARLY[model]
    if model in ALWAYS_YEARLY or (model in NEEDS_TWO_YEARS and one.years_known >= 2 and _has_room(one, model)):
        return "the year"
    return ""


def _has_room(one: ShopSeries, model: str) -> bool:
    """Whether a season as long as a year is fitted: models of one season take the week's where there is one."""
    if model == "mstl_holidays":
        return True
    return one.season == 1 and (model == "theta" or one.year <= library_models.LONGEST_SEASON)
