"""``forecasts.champions``, ``backtest``, ``backtest_horizons``, ``calibration``: which models forecast, and how well.

The first of them trains when 'retail train' asks for it or when no fitting choice is saved in ``models/forecast/`` in
the home; the others tell of that one. On all other nights the choice stays, and only forecasts are made anew.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from retail_pipeline.analytics.forecasting.candidates import BASELINE
from retail_pipeline.analytics.forecasting.trading_calendar import FREQUENCIES
from retail_pipeline.assets.forecasts import forecast_training
from retail_pipeline.assets.forecasts.forecast_training import (
    CALIBRATION_PICTURE,
    CODE,
    HORIZONS_PICTURE,
    SUBJECT,
    Chosen,
    Told,
    choice_in_use,
    fitting_choice,
    is_current,
)
from retail_pipeline.assets.forecasts.shop_read import UPSTREAM
from retail_pipeline.assets.frame_assets import FrameTable
from retail_pipeline.assets.pictures import image
from retail_pipeline.errors import ModelError
from retail_pipeline.saved_models import load_model
from retail_pipeline.settings import ForecastSettings
from retail_pipeline.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd

CHAMPIONS, BACKTEST, HORIZONS, CALIBRATION = (
    f"forecasts.{name}" for name in ("champions", "backtest", "backtest_horizons", "calibration")
)
SETTINGS = ("reporting_currency", *(f"forecast_{name}" for name in ForecastSettings.model_fields))
READS = (forecast_training, *CODE)


def choice_told(warehouse: Warehouse) -> Chosen | None:
    """The choices that the table of champions tells of; None if that is empty.

    Raises
    ------
    ModelError
        when they are not there: the table was built by other settings or code, and not since.
    """
    told = warehouse.value(f"select min(saved_model) from {CHAMPIONS}")
    if told is None:
        return None
    chosen = fitting_choice(warehouse)
    if chosen is None or chosen.id != told:
        raise ModelError(
            f"The choices {told} that {CHAMPIONS} tells of are not in use any more. Build that first: "
            f"'retail run --select {CHAMPIONS}', or all with 'retail run'."
        )
    return chosen


def _make_champions(warehouse: Warehouse) -> "pd.DataFrame":
    """A row a series and frequency, of the choices in use, which are made first if need be."""
    chosen = choice_in_use(warehouse)
    if chosen is None:
        return frame_of(CHAMPIONS_TABLE, [])
    return frame_of(CHAMPIONS_TABLE, [_champion_row(chosen, told) for told in chosen.found])


def _champion_row(chosen: Chosen, told: Told) -> dict[str, Any]:
    figures = {row["metric"]: row for row in told.told["metrics"] if row["model"] == told.choice.model}
    baseline = {row["metric"]: row for row in told.told["metrics"] if row["model"] == BASELINE}
    mase = figures.get("mase", {})
    return {
        "series": told.series,
        "frequency": told.frequency,
        "model": told.choice.model,
        "reason": told.choice.reason,
        "best_before": told.choice.chosen,
        "season": told.told["season"],
        "periods": told.told["periods"],
        "origins": told.told["origins"],
        "tested_from": told.told["split"],
        "folds": mase.get("folds"),
        "mase": mase.get("value"),
        "baseline_mase": baseline.get("mase", {}).get("value"),
        "scale": told.told["scale"],
        "error_mean": told.told["error_mean"],
        "error_most": told.told["error_most"],
        "trained_until": chosen.notes["last_day"],
        "saved_model": chosen.id,
    }


def frame_of(table: FrameTable, rows: list[dict[str, Any]]) -> "pd.DataFrame":
    """Rows as a table's columns, right also without any."""
    import pandas as pd

    return pd.DataFrame(rows, columns=list(table.columns), dtype=None if rows else "object")


def _of_all(field: str, table: Callable[[], FrameTable]) -> Callable[[Warehouse], "pd.DataFrame"]:
    def make(warehouse: Warehouse) -> "pd.DataFrame":
        rows = []
        for told in _told(warehouse):
            for row in told.told[field]:
                model = row.get("model", told.choice.model)
                rows.append(
                    {
                        "series": told.series,
                        "frequency": told.frequency,
                        "model": model,
                        **row,
                        "is_champion": model == told.choice.model,
                        "is_baseline": model == BASELINE,
                    }
                )
        kept = list(table().columns)
        return frame_of(table(), [{name: row.get(name) for name in kept} for row in rows])

    return make


def _told(warehouse: Warehouse) -> Iterator[Told]:
    chosen = choice_told(warehouse)
    return iter(chosen.found if chosen else ())


def _make_backtest(warehouse: Warehouse) -> "pd.DataFrame":
    return _of_all("metrics", lambda: BACKTEST_TABLE)(warehouse)


def _make_horizons(warehouse: Warehouse) -> "pd.DataFrame":
    return _of_all("horizons", lambda: HORIZONS_TABLE)(warehouse)


def _make_calibration(warehouse: Warehouse) -> "pd.DataFrame":
    return _of_all("calibration", lambda: CALIBRATION_TABLE)(warehouse)


def _is_whole(warehouse: Warehouse) -> bool:
    return is_current(warehouse, warehouse.value(f"select min(saved_model) from {CHAMPIONS}"))


def _tell_champions(warehouse: Warehouse) -> Mapping[str, Any]:
    """When and why choices were made, and of the whole which model serves and why; or why there is none."""
    chosen = choice_told(warehouse)
    if chosen is None:
        return {"no_forecasts": "nothing was ever sold on a whole day"}
    saved = load_model(warehouse.home.models / SUBJECT)
    assert saved is not None
    of_total = {
        f"total_by_{told.frequency}": f"{told.choice.model}: {told.choice.reason}; {told.told['season']}"
        for told in chosen.found
        if told.series == "total"
    }
    return {"saved_model": chosen.id, **{name: chosen.notes[name] for name in ("created_at", "reason")}, **of_total}


def _tell_horizons(warehouse: Warehouse) -> Mapping[str, Any]:
    """The error of each model of the whole by how far it looked."""
    return _picture(warehouse, HORIZONS_PICTURE, "error by horizon")


def _tell_calibration(warehouse: Warehouse) -> Mapping[str, Any]:
    """How many outcomes intervals held, by level, for the whole."""
    return _picture(warehouse, CALIBRATION_PICTURE, "calibration of the whole")


def _picture(warehouse: Warehouse, file_name: str, title: str) -> Mapping[str, Any]:
    """A picture that was drawn at the training; nothing if nothing was tried."""
    chosen = choice_told(warehouse)
    path = warehouse.home.models / SUBJECT / chosen.id / file_name if chosen else None
    if path is None or not path.exists():
        return {}
    return {title.replace(" ", "_"): dg.MetadataValue.md(image(title, path.read_text(encoding="utf-8")))}


SERIES = (
    "varchar",
    "total, or a part as in country:France, with (others) for the rest of a dimension; orders and customers are counts",
)
FREQUENCY = ("varchar", f"{', '.join(FREQUENCIES[:-1])} or {FREQUENCIES[-1]}")
MODEL = (
    "varchar",
    "seasonal_naive (the baseline), naive, drift, linear_regression, shrunken_seasonal_indices, theta, ets and arima "
    "(of statsmodels), auto_ets, auto_arima, mstl_holidays, gradient_boosting, or combination, the mean of some",
)
_IS_CHAMPION = ("boolean", "whether the model serves")
_IS_BASELINE = ("boolean", "whether it is the baseline")

CHAMPIONS_TABLE = FrameTable(
    name=CHAMPIONS,
    row="a series and frequency, with the model that forecasts it and why that one",
    about="From the last training: 'retail train', weekly, or when settings or code have changed. Models are tried "
    "from forecast.origins earlier days. Up to tested_from, errors that were known by then choose the model of the "
    "lowest MASE; later origins judge it (folds, mase). It serves if it is better than the seasonal naive on the first "
    "and no worse on the later ones; else that one does. Partial periods at either end are left out. A yearly season "
    "is told of only with two years of data; season says what is known. The choices are in models/forecast/.",
    key=("series", "frequency"),
    columns={
        "series": SERIES,
        "frequency": FREQUENCY,
        "model": ("varchar", "the model that serves"),
        "reason": ("varchar", "why it serves: figures, or too little of what"),
        "best_before": (
            "varchar",
            "the best before tested_from, which serves unless it lost after; null if none chosen",
        ),
        "season": ("varchar", "which seasons the model that serves knows of, or why not the year's"),
        "periods": ("bigint", "whole periods there were [periods]"),
        "origins": ("bigint", "earlier days from which models were tried [origins]"),
        "tested_from": ("date", "first period of the origins that did not choose, null without origins"),
        "folds": ("bigint", "origins from then on, on which the model was judged [origins]"),
        "mase": ("double", "its mean absolute scaled error on them [seasonal naive's errors in the history]"),
        "baseline_mase": ("double", "the same of the seasonal naive"),
        "scale": ("double", "the seasonal naive's mean error before tested_from, null without origins [as the series]"),
        "error_mean": ("double", "mean scaled error of the model's forecasts from an origin, of all origins"),
        "error_most": ("double", "the same of the worst origin"),
        "trained_until": ("date", "the last day known at the training"),
        "saved_model": ("varchar", "a hash of the choices, which is the folder in models/forecast/"),
    },
    upstream=UPSTREAM,
    make=_make_champions,
    code=READS,
    parameters=SETTINGS,
    is_whole=_is_whole,
    tell=_tell_champions,
)

BACKTEST_TABLE = FrameTable(
    name=BACKTEST,
    row="a series, a frequency, a model and a measure of how wrong it was",
    about="On origins from forecasts.champions.tested_from on, which did not choose the champion; measures with "
    "choice_ in front are of the earlier ones, which did. mase and rmsse: errors by those of the seasonal naive in "
    "the history before that day (the week before for days, the year before for weeks and months, or the period before "
    "where no season is known). smape from 0 to 2. bias: forecast less actual, against actual. coverage_80, "
    "coverage_95: share of outcomes within intervals as they would have been served then; width_80, width_95 "
    "their mean widths; conformal_share_80 and _95 how many of them came from earlier errors, not from the model.",
    key=("series", "frequency", "model", "metric"),
    columns={
        "series": SERIES,
        "frequency": FREQUENCY,
        "model": MODEL,
        "metric": ("varchar", "the measure"),
        "value": ("double", "its value, null where it is not defined [as the measure; width: reporting currency]"),
        "folds": ("bigint", "origins it was measured on [origins]"),
        "is_champion": _IS_CHAMPION,
        "is_baseline": _IS_BASELINE,
    },
    upstream=(CHAMPIONS,),
    make=_make_backtest,
    code=READS,
    parameters=SETTINGS,
)

HORIZONS_TABLE = FrameTable(
    name=HORIZONS,
    row="a series, a frequency, a model and how far it looked, with how wrong it was there",
    about="On the origins that did not choose the champion.",
    key=("series", "frequency", "model", "horizon"),
    columns={
        "series": SERIES,
        "frequency": FREQUENCY,
        "model": MODEL,
        "horizon": ("bigint", "how far ahead [weeks for days and weeks, months for months]"),
        "mase": ("double", "mean absolute scaled error [seasonal naive's errors in the history]"),
        "folds": ("bigint", "origins it was measured on [origins]"),
        "is_champion": _IS_CHAMPION,
        "is_baseline": _IS_BASELINE,
    },
    upstream=(CHAMPIONS,),
    make=_make_horizons,
    code=READS,
    parameters=SETTINGS,
    tell=_tell_horizons,
)

CALIBRATION_TABLE = FrameTable(
    name=CALIBRATION,
    row="a series, a frequency and a level of the champion's intervals, with the share of outcomes inside",
    about="On the origins that did not choose the champion, with intervals as they would have been served then.",
    key=("series", "frequency", "level"),
    columns={
        "series": SERIES,
        "frequency": FREQUENCY,
        "model": ("varchar", "the champion"),
        "level": ("double", "what the intervals are to hold [0 to 1]"),
        "coverage": ("double", "what they held [0 to 1]"),
    },
    upstream=(CHAMPIONS,),
    make=_make_calibration,
    code=READS,
    parameters=SETTINGS,
    tell=_tell_calibration,
)

TABLES = (CHAMPIONS_TABLE, BACKTEST_TABLE, HORIZONS_TABLE, CALIBRATION_TABLE)
