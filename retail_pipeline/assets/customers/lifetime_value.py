"""``customers.lifetime_value``: what each customer will bring in times to come, by the models of purchases in use."""

from typing import TYPE_CHECKING

from retail_pipeline.analytics.btyd import beta_geometric, gamma_gamma, outlook, pareto_nbd, quadrature
from retail_pipeline.analytics.btyd.outlook import Histories
from retail_pipeline.assets.frame_assets import FrameTable
from retail_pipeline.assets.models import purchase_days
from retail_pipeline.assets.models.btyd import ORDER_MODELS, PARAMETERS, SETTINGS, Fitted, fitting_models
from retail_pipeline.assets.models.purchase_days import DAYS_OF, UPSTREAM, customers_as_of, last_day
from retail_pipeline.errors import ModelError
from retail_pipeline.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd

LIFETIME_VALUE = "customers.lifetime_value"


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
    import numpy as np
    import pandas as pd

    fitted, end = _models(warehouse), last_day(warehouse)
    if fitted is None or end is None:
        return pd.DataFrame(columns=list(TABLE.columns))
    name = likeliest(fitted)
    model, spend = fitted.order_model(name), fitted.spend_model()
    rows, unit = customers_as_of(warehouse, end), DAYS_OF[warehouse.settings.clv.time_unit]
    x = rows["x"].to_numpy(dtype=np.int64)
    customers = Histories(
        x=x,
        t_x=rows["t_x_days"].to_numpy(dtype=np.float64) / unit,
        T=rows["total_days"].to_numpy(dtype=np.float64) / unit,
        mean=rows["repeat_spend"].to_numpy(dtype=np.float64) / np.maximum(x, 1),
    )
    parts = []
    for days in warehouse.settings.clv.horizon_days:
        told = outlook.outlook(model, spend, customers, days / unit)
        parts.append(
            pd.DataFrame(
                {
                    "customer_id": rows["customer_id"],
                    "horizon_days": days,
                    "p_alive": told.p_alive,
                    "expected_orders": told.orders,
                    "expected_value": told.value,
                    "lower": told.lower,
                    "upper": told.upper,
                    "historic_value": rows["spend"],
                    "model": name,
                    "as_of": pd.Timestamp(end) + pd.Timedelta(days=1),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def likeliest(fitted: Fitted) -> str:
    """The model of orders of the highest likelihood, all having four parameters; of equals the first by name."""
    return min(ORDER_MODELS, key=lambda name: (-fitted.models[name]["log_likelihood"], name))


TABLE = FrameTable(
    name=LIFETIME_VALUE,
    row="a customer and a time to come, with what the customer is expected to bring in it",
    about="As of the day after the data's last, or core.as_of, by the saved models of models.btyd_parameters: of the "
    "three models of orders the one of the highest likelihood, all of them having four parameters, and gamma_gamma for "
    "the value of a day with orders. Nothing predicted contains what was bought before, and historic_value nothing "
    "predicted. Of customers without a repeat day, or whose repeat days were worth nothing, the mean of all is taken "
    "as the value of a day. Ranges come from 400 futures drawn for each customer, by the same random numbers for all. "
    "Seasons are not in it. Empty where there are no models.",
    key=("customer_id", "horizon_days"),
    columns={
        "customer_id": ("varchar", "the customer"),
        "horizon_days": ("bigint", "the time to come, from as_of on (clv.horizon_days) [days]"),
        "p_alive": ("double", "probability that the customer still is one [0 to 1]"),
        "expected_orders": ("double", "expected days with an order [days]"),
        "expected_value": (
            "double",
            "expected value of these, null if the mean of all is infinite [reporting currency]",
        ),
        "lower": ("double", "the value will be between this ... [reporting currency]"),
        "upper": ("double", "... and this with a probability of 95 % by the models [reporting currency]"),
        "historic_value": ("decimal(18, 4)", "value of what was bought before as_of and is left [reporting currency]"),
        "model": ("varchar", "the model of orders: bg_nbd, mbg_nbd or pareto_nbd"),
        "as_of": ("date", "the day at whose start the time to come begins [store time]"),
    },
    upstream=(*UPSTREAM, PARAMETERS),
    make=_make,
    code=(beta_geometric, gamma_gamma, outlook, pareto_nbd, quadrature, purchase_days),
    parameters=(*SETTINGS, "clv_horizon_days"),
)
