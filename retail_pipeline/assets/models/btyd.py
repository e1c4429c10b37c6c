"""``models.btyd_parameters``: how often customers buy, and whether they still are customers, as fitted parameters.

Beside the table, the models are saved in ``models/btyd/`` in the home. They are fitted when 'retail train' asks for it,
or when none is there that fits the settings and the code; on all other nights the saved ones stay.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from math import isfinite
from typing import TYPE_CHECKING, Any

from retail_pipeline.analytics.btyd import (
    beta_geometric,
    bg_nbd,
    fitting,
    gamma_gamma,
    mbg_nbd,
    pareto_nbd,
    quadrature,
    summaries,
)
from retail_pipeline.analytics.btyd.bg_nbd import BgNbd
from retail_pipeline.analytics.btyd.fitting import Fit, fit
from retail_pipeline.analytics.btyd.gamma_gamma import GammaGamma, spends
from retail_pipeline.analytics.btyd.mbg_nbd import MbgNbd
from retail_pipeline.analytics.btyd.pareto_nbd import ParetoNbd
from retail_pipeline.analytics.btyd.summaries import summarise
from retail_pipeline.assets import model_training
from retail_pipeline.assets.frame_assets import FrameTable
from retail_pipeline.assets.model_training import origin, usable
from retail_pipeline.assets.models import purchase_days
from retail_pipeline.assets.models.purchase_days import (
    DAYS_OF,
    UPSTREAM,
    Extent,
    extent,
    grouped_purchases,
    repeat_spends,
)
from retail_pipeline.saved_models import load_model, save_model
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd

SUBJECT, PARAMETERS = "btyd", "models.btyd_parameters"
SPEND_MODEL = "gamma_gamma"
ORDER_MODELS: dict[str, type[BgNbd | MbgNbd | ParetoNbd]] = {
    "bg_nbd": BgNbd,
    "mbg_nbd": MbgNbd,
    "pareto_nbd": ParetoNbd,
}
CODE = (
    summaries, fitting, quadrature, beta_geometric, bg_nbd, mbg_nbd, pareto_nbd, gamma_gamma, purchase_days,
)  # fmt: skip
SETTINGS = (
    *("as_of", "revenue_policy", "reporting_currency"),
    *("clv_calibration_end", "clv_time_unit", "clv_least_customers", "clv_least_days"),
)


@dataclass(frozen=True)
class Fitted:
    """The models in use: their id, what was noted of them, the last day they saw, and of each what was found."""

    id: str
    notes: Mapping[str, Any]
    end: date
    models: dict[str, dict[str, Any]]

    def order_model(self, name: str) -> BgNbd | MbgNbd | ParetoNbd:
        """A model of orders with its parameters."""
        model = ORDER_MODELS[name]
        return model(*self._values(name, model.letters()))

    def spend_model(self) -> GammaGamma | None:
        """The model of spend; None where nobody came again."""
        return GammaGamma(*self._values(SPEND_MODEL, GammaGamma.letters())) if SPEND_MODEL in self.models else None

    def _values(self, name: str, letters: tuple[str, ...]) -> list[float]:
        return [float(self.models[name]["parameters"][letter]["value"]) for letter in letters]


def made_by(settings: Settings) -> str:
    """A hash of the code and settings that the models depend on: with other ones they are fitted anew."""
    clv = {"calibration_end": settings.clv.calibration_end, "time_unit": settings.clv.time_unit}
    return model_training.made_by(CODE, {**clv, **settings.core.model_dump(), **settings.currency.model_dump()})


def fitting_models(warehouse: Warehouse) -> Fitted | None:
    """The saved models, if there are any made by these settings and this code.

    Raises
    ------
    ModelError
        when they are damaged.
    """
    saved = load_model(warehouse.home.models / SUBJECT)
    if saved is None or saved.numbers.get("made_by") != made_by(warehouse.settings):
        return None
    return Fitted(saved.id, saved.notes, date.fromisoformat(saved.numbers["calibration_end"]), saved.numbers["models"])


def too_little(warehouse: Warehouse, there: Extent) -> str:
    """Why no model is fitted, empty if there is enough."""
    settings = warehouse.settings.clv
    if there.customers < settings.least_customers:
        return (
            f"too little data: {there.customers} customers, fewer than clv.least_customers = {settings.least_customers}"
        )
    if there.days < settings.least_days:
        return f"too little data: {there.days} days, fewer than clv.least_days = {settings.least_days}"
    return ""


def _make_parameters(warehouse: Warehouse) -> "pd.DataFrame":
    """The parameters of the models in use, which are fitted first if need be."""
    import pandas as pd

    there = extent(warehouse)
    rows: list[dict[str, Any]] = []
    if not too_little(warehouse, there):
        fitted, reason = usable(warehouse, fitting_models)
        if fitted is None or reason:
            fitted = _train(warehouse, there, reason)
        rows = [row for name, told in fitted.models.items() for row in _rows(fitted, name, told)]
    return pd.DataFrame(rows, columns=list(TABLE.columns)).assign(
        time_unit=warehouse.settings.clv.time_unit if rows else None
    )


def _rows(fitted: Fitted, name: str, told: Mapping[str, Any]) -> list[dict[str, Any]]:
    of_model = {
        "model": name,
        "log_likelihood": told["log_likelihood"],
        "customers": told["customers"],
        "calibration_end": fitted.end,
        "converged": told["converged"],
        "saved_model": fitted.id,
    }
    letters = GammaGamma.letters() if name == SPEND_MODEL else ORDER_MODELS[name].letters()
    return [{**of_model, "parameter": letter, **told["parameters"][letter]} for letter in letters]


def _train(warehouse: Warehouse, there: Extent, reason: str) -> Fitted:
    """Fit all models and save them."""
    assert there.end is not None
    days = DAYS_OF[warehouse.settings.clv.time_unit]
    rows = grouped_purchases(warehouse, there.end)
    data = summarise(rows["x"], rows["t_x_days"] / days, rows["total_days"] / days, rows["customers"])
    models = {name: _told(fit(model, data)) for name, model in ORDER_MODELS.items()}
    repeated = repeat_spends(warehouse, there.end)
    spent = spends(repeated["x"], repeated["mean"])
    if spent.customers:
        models[SPEND_MODEL] = _told(fit(GammaGamma, spent))
    numbers = {
        "made_by": made_by(warehouse.settings),
        "calibration_end": there.end.isoformat(),
        "time_unit": warehouse.settings.clv.time_unit,
        "models": models,
    }
    notes = {
        **origin(warehouse, reason, ("scipy", "numpy", "retail-pipeline")),
        "customers": there.customers,
        "history_days": there.days,
        "repeat_customers_without_value": len(repeated) - round(spent.customers),
    }
    model_id = save_model(warehouse.home.models / SUBJECT, numbers, {}, notes)
    return Fitted(model_id, notes, there.end, models)


def _told(fitted: Fit[Any]) -> dict[str, Any]:
    """A fitted model as JSON holds it; what is not known is null."""
    lower, upper = fitted.intervals
    columns = zip(fitted.values, fitted.std_errors, lower, upper, strict=True)
    names = ("value", "std_error", "lower", "upper")
    return {
        "parameters": {
            letter: dict(zip(names, map(_known, numbers), strict=True))
            for letter, numbers in zip(type(fitted.model).letters(), columns, strict=True)
        },
        "log_covariance": [[_known(one) for one in row] for row in fitted.covariance],
        "log_likelihood": fitted.log_likelihood,
        "customers": round(fitted.customers),
        "converged": fitted.converged,
    }


def _known(number: float) -> float | None:
    return float(number) if isfinite(number) else None


def _is_whole(warehouse: Warehouse) -> bool:
    """Whether the table tells of the models in use, which fit, and no training is asked for."""
    told = warehouse.value(f"select min(saved_model) from {PARAMETERS}")
    if told is None:
        return bool(too_little(warehouse, extent(warehouse)))
    fitted, reason = usable(warehouse, fitting_models)
    return fitted is not None and fitted.id == told and not reason


def _tell(warehouse: Warehouse) -> Mapping[str, Any]:
    """When and why the models were fitted; or why there is none."""
    told = warehouse.value(f"select min(saved_model) from {PARAMETERS}")
    if told is None:
        return {"no_models": too_little(warehouse, extent(warehouse))}
    saved = load_model(warehouse.home.models / SUBJECT)
    if saved is None:
        return {}
    names = ("created_at", "reason", "customers", "history_days", "repeat_customers_without_value")
    return {"saved_model": saved.id, **{name: saved.notes[name] for name in names}}


TABLE = FrameTable(
    name=PARAMETERS,
    row="a parameter of a buy-till-you-die model",
    about="Maximum likelihood on all customers until calibration_end, from the last training: 'retail train', "
    "weekly, or when settings or code have changed. A purchase is a day on which a customer bought something "
    "of which, as of the end of calibration_end, something was left (core.revenue_policy), at a price of zero"
    " too; x counts the days after the first, t_x reaches from it to the last and T to calibration_end. "
    "bg_nbd, mbg_nbd and pareto_nbd tell how often customers buy and when they leave; gamma_gamma what a "
    "repeat day is worth, of customers whose repeat days have a mean value above zero. Who bought before the "
    "data begin counts as new with the first day in them. With too little data (clv.least_customers, "
    "clv.least_days) there are no rows; the materialisation says why. The models are in models/ in the home.",
    key=("model", "parameter"),
    columns={
        "model": ("varchar", "bg_nbd, mbg_nbd, pareto_nbd or gamma_gamma"),
        "parameter": ("varchar", "its letter in the paper: r, alpha, a, b; r, alpha, s, beta; p, q, v"),
        "value": ("double", "the likeliest value [time_unit for alpha and beta, reporting currency for v]"),
        "std_error": ("double", "its standard error, null where the likelihood shows no peak, as at a limit"),
        "lower": ("double", "lower end of its 95 % interval, normal on the scale of logarithms"),
        "upper": ("double", "upper end of it"),
        "log_likelihood": ("double", "of all customers, at the model's likeliest parameters [nats]"),
        "customers": ("bigint", "customers whom the model was fitted to [customers]"),
        "time_unit": ("varchar", "the unit of time, 'day' or 'week'"),
        "calibration_end": ("date", "the last day whose purchases count [store time]"),
        "converged": ("boolean", "whether no likelier parameters are near"),
        "saved_model": ("varchar", "a hash of the models, which is the folder in models/btyd/"),
    },
    upstream=UPSTREAM,
    make=_make_parameters,
    code=CODE,
    parameters=SETTINGS,
    is_whole=_is_whole,
    tell=_tell,
)
