"""``customers.lifetime_value``: what each customer will bring in times to come, by the models in use.

What a time brings is told by the champion of ``models.champions``, where one could be judged, else by the
buy-till-you-die models of ``models.btyd_parameters`` alone. These tell of all times who still is a customer.
"""

from typing import TYPE_CHECKING, Any

from retail_pipeline.analytics.btyd import beta_geometric, gamma_gamma, mbg_nbd, outlook, pareto_nbd, quadrature
from retail_pipeline.analytics.btyd.outlook import Histories
from retail_pipeline.analytics.prediction import calibration
from retail_pipeline.analytics.prediction.calibration import rising
from retail_pipeline.analytics.prediction.matrix import matrix
from retail_pipeline.assets.frame_assets import FrameTable
from retail_pipeline.assets.models import purchase_days, value_training
from retail_pipeline.assets.models.btyd import ORDER_MODELS, PARAMETERS, SETTINGS, Fitted, fitting_models
from retail_pipeline.assets.models.champions import CHAMPIONS, VALUES, told_model
from retail_pipeline.assets.models.purchase_days import CUSTOMERS, DAYS_OF, UPSTREAM, last_day
from retail_pipeline.assets.models.value_training import CODE as VALUE_CODE
from retail_pipeline.assets.models.value_training import SETTINGS as VALUE_SETTINGS
from retail_pipeline.assets.models.value_training import ValueTask, current_values
from retail_pipeline.errors import ModelError
from retail_pipeline.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd

LIFETIME_VALUE, FEATURES = "customers.lifetime_value", "customers.features"


def _models(warehouse: Warehouse) -> Fitted | None:
    """The models that the parameters' table tells of; None if that is empty.

    Raises
    ------
    ModelError
        when they are not there: the table was built by other settings or code, and not since.
    """
    told = warehouse.value(f"select min(saved_model) from {PARAMETERS}")
    if told is None:
        return None
    fitted = fitting_models(warehouse)
    if fitted is None or fitted.id != told:
        raise ModelError(
            f"The models {told} that {PARAMETERS} tells of are not in use any more. Build that first: "
            f"'retail run --select {PARAMETERS}', or all with 'retail run'."
        )
    return fitted


def _make(warehouse: Warehouse) -> "pd.DataFrame":
    """A row a customer and horizon."""
    import pandas as pd

    fitted, end = _models(warehouse), last_day(warehouse)
    if fitted is None or end is None:
        return pd.DataFrame(columns=list(TABLE.columns))
    values = current_values(warehouse, told_model(warehouse, VALUES), CHAMPIONS)
    judged = {task.horizon_days: task for task in values.served} if values else {}
    horizons = warehouse.settings.clv.horizon_days
    columns = f"features.* exclude (as_of), history.* exclude (customer_id) from {FEATURES} as features"
    rows = warehouse.read(
        f"select {columns if judged else f'history.* from {FEATURES} as features'} "
        f"join ({CUSTOMERS}) as history using (customer_id) order by features.customer_id",
        {"end": end},
    )
    foretold = _by_champions(rows, [judged[days] for days in horizons if days in judged])
    reasons = dict(
        warehouse.execute(f"select horizon_days, reason from {CHAMPIONS} where starts_with(task, 'clv_')").fetchall()
    )
    parts = []
    for days, by_btyd in _by_btyd(warehouse, fitted, rows, [days for days in horizons if days not in judged]).items():
        part = {
            "customer_id": rows["customer_id"],
            "horizon_days": days,
            **by_btyd,
            **foretold.get(days, {}),
            "historic_value": rows["spend"],
            "is_validated": days in judged,
            "reason": reasons.get(days, "no model of spend was tried"),
            "as_of": pd.Timestamp(end) + pd.Timedelta(days=1),
        }
        parts.append(pd.DataFrame(part))
    return pd.concat(never_less(parts), ignore_index=True)[list(TABLE.columns)]


def never_less(parts: "list[pd.DataFrame]") -> "list[pd.DataFrame]":
    """Of times in their order, what is expected and its upper end: no less than in a shorter time, which is in it."""
    import numpy as np

    found = parts[:1]
    for part in parts[1:]:
        more = {name: np.fmax(found[-1][name], part[name]) for name in ("expected_value", "upper")}
        found.append(part.assign(**more))
    return found


def _by_champions(rows: "pd.DataFrame", tasks: list[ValueTask]) -> "dict[int, dict[str, Any]]":
    """By horizon what the champions expect of each customer, more time not less, and between what ends."""
    import numpy as np

    if not tasks:
        return {}
    values, models = matrix(rows), [task.model() for task in tasks]
    expected = rising(np.column_stack([model.expected(values) for model in models]))
    found = {}
    for place, (task, model) in enumerate(zip(tasks, models, strict=True)):
        lower, upper = model.ranges.ends(expected[:, place])
        told = {"expected_value": expected[:, place], "lower": lower, "upper": upper, "model": model.name}
        found[task.horizon_days] = told
    return found


def _by_btyd(
    warehouse: Warehouse, fitted: Fitted, rows: "pd.DataFrame", alone: list[int]
) -> "dict[int, dict[str, Any]]":
    """By horizon what the likeliest model of orders says; of those that it tells of alone, the value and its range."""
    import numpy as np

    name = likeliest(fitted)
    model, spend = fitted.order_model(name), fitted.spend_model()
    unit = DAYS_OF[warehouse.settings.clv.time_unit]
    x = rows["x"].to_numpy(dtype=np.int64)
    customers = Histories(
        x=x,
        t_x=rows["t_x_days"].to_numpy(dtype=np.float64) / unit,
        T=rows["total_days"].to_numpy(dtype=np.float64) / unit,
        mean=rows["repeat_spend"].to_numpy(dtype=np.float64) / np.maximum(x, 1),
    )
    found = {}
    for days in warehouse.settings.clv.horizon_days:
        told = outlook.outlook(model, spend, customers, days / unit, ranges=days in alone)
        found[days] = {
            "p_alive": told.p_alive,
            "expected_orders": told.orders,
            "expected_value": told.value,
            "lower": told.lower,
            "upper": told.upper,
            "model": name,
        }
    return found


def likeliest(fitted: Fitted) -> str:
    """The model of orders of the highest likelihood, all having four parameters; of equals the first by name."""
    return min(ORDER_MODELS, key=lambda name: (-fitted.models[name]["log_likelihood"], name))


_READS = (value_training, *VALUE_CODE)

TABLE = FrameTable(
    name=LIFETIME_VALUE,
    row="a customer and a time to come, with what the customer is expected to bring in it",
    about="As of the day after the data's last, or core.as_of. Where models of spend could be judged on later days "
    "(is_validated), by the champion of models.champions: what it was worth beside its baselines is in models.metrics "
    "(task 'clv_90d' and so on). Its ranges hold 95 % of customers of like expectations whom it had not learned from; "
    "coverage_95 there tells how many they held later. Other times are told by buy-till-you-die models alone, not "
    "validated: of the three models of orders of models.btyd_parameters the one of the highest likelihood, all of them "
    "having four parameters, and gamma_gamma for the value of a day with orders, or the mean of all for customers "
    "without a repeat day, or whose repeat days were worth nothing; ranges are of 400 futures drawn for each customer, "
    "by the same random numbers for all. Each time has a model of its own: where that of a longer time says less than "
    "that of a shorter one, the shorter one's figures stand for both. p_alive and expected_orders are of the models of "
    "orders for all times. Nothing predicted contains what was bought before, and historic_value nothing predicted. "
    "With less than two years of data no season is in it. Empty where there are no models.",
    key=("customer_id", "horizon_days"),
    columns={
        "customer_id": ("varchar", "the customer"),
        "horizon_days": ("bigint", "the time to come, from as_of on (clv.horizon_days) [days]"),
        "p_alive": ("double", "probability that the customer still is one [0 to 1]"),
        "expected_orders": ("double", "expected days with an order [days]"),
        "expected_value": (
            "double",
            "expected spend, null if nobody paid on a repeat day or BTYD's mean is infinite [reporting currency]",
        ),
        "lower": ("double", "the value will be between this ... [reporting currency]"),
        "upper": ("double", "... and this with a probability of 95 % [reporting currency]"),
        "historic_value": ("decimal(18, 4)", "value of what was bought before as_of and is left [reporting currency]"),
        "model": ("varchar", "the champion, or the model of orders: bg_nbd, mbg_nbd or pareto_nbd"),
        "is_validated": ("boolean", "whether the model was judged on later days beside baselines"),
        "reason": ("varchar", "why the champion serves, or why none could be judged"),
        "as_of": ("date", "the day at whose start the time to come begins [store time]"),
    },
    upstream=(*UPSTREAM, PARAMETERS, CHAMPIONS, FEATURES),
    make=_make,
    code=(
        *(beta_geometric, gamma_gamma, mbg_nbd, outlook, pareto_nbd, quadrature, purchase_days, calibration),
        *(module for module in _READS if module not in (gamma_gamma, purchase_days)),
    ),
    parameters=(*SETTINGS, *(name for name in VALUE_SETTINGS if name not in SETTINGS)),
)
