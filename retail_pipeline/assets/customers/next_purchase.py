"""``customers.next_purchase`` and ``customers.churn_risk``: who will order, and who will not, by the serving models."""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from retail_pipeline.analytics.prediction import importance
from retail_pipeline.analytics.prediction.calibration import rising
from retail_pipeline.analytics.prediction.matrix import matrix
from retail_pipeline.analytics.prediction.thresholds import band_bounds
from retail_pipeline.analytics.prediction.timing import days_until_likely
from retail_pipeline.assets.frame_assets import FrameTable
from retail_pipeline.assets.models import purchase_training
from retail_pipeline.assets.models.champions import CHAMPIONS, told_model
from retail_pipeline.assets.models.purchase_training import CODE, SETTINGS, Fitted, current
from retail_pipeline.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

NEXT_PURCHASE, CHURN_RISK = "customers.next_purchase", "customers.churn_risk"
LATEST_DAYS = 365
"""An order later than so many days from now is not dated."""
BANDS = ("low", "medium", "high")


@dataclass(frozen=True)
class Scored:
    """All customers with their features, and the probability of an order within each horizon, not falling."""

    fitted: Fitted
    customers: "pd.Series[str]"
    as_of: date
    values: "np.ndarray[Any, np.dtype[np.float64]]"
    probabilities: "np.ndarray[Any, np.dtype[np.float64]]"


def probabilities(
    fitted: Fitted, values: "np.ndarray[Any, np.dtype[np.float64]]", day: date
) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """Of an order within each horizon that has a model, as its level is on a day; shape (customers, horizons).

    They do not fall from one horizon to a longer one.
    """
    import numpy as np

    return rising(np.column_stack([task.model(day).probabilities(values) for task in fitted.served]))


def _score(warehouse: Warehouse) -> Scored | None:
    """Score today's customers; None where no model serves or nobody is there."""
    fitted = current(warehouse, told_model(warehouse), CHAMPIONS)
    frame = warehouse.read("from customers.features order by customer_id")
    if fitted is None or not fitted.served or frame.empty:
        return None
    values = matrix(frame)
    as_of = frame["as_of"].iloc[0]
    return Scored(fitted, frame["customer_id"], as_of, values, probabilities(fitted, values, as_of))


def _make_next(warehouse: Warehouse) -> "pd.DataFrame":
    """A row a customer and horizon."""
    import numpy as np
    import pandas as pd

    scored = _score(warehouse)
    if scored is None:
        return pd.DataFrame(columns=list(NEXT_TABLE.columns))
    tasks = scored.fitted.served
    days = days_until_likely(scored.probabilities, [task.horizon_days for task in tasks])
    days = np.where(days <= LATEST_DAYS, np.floor(days), np.nan)
    expected = pd.Timestamp(scored.as_of) + pd.to_timedelta(pd.Series(days), unit="D")
    parts = [
        pd.DataFrame(
            {
                "customer_id": scored.customers,
                "horizon_days": task.horizon_days,
                "probability": scored.probabilities[:, place],
                "expected_date": expected,
                "model": task.champion,
                "as_of": scored.as_of,
            }
        )
        for place, task in enumerate(tasks)
    ]
    return pd.concat(parts, ignore_index=True)


def _make_churn(warehouse: Warehouse) -> "pd.DataFrame":
    """A row a customer and horizon, with reasons."""
    import numpy as np
    import pandas as pd

    scored = _score(warehouse)
    if scored is None:
        return pd.DataFrame(columns=list(CHURN_TABLE.columns))
    odds = warehouse.settings.prediction.risk_bands
    parts = []
    for place, task in enumerate(scored.fitted.served):
        probability = 1 - scored.probabilities[:, place]
        bounds = np.array(band_bounds(task.told["base_rate"], odds))
        model = task.model()
        added = model.contributions(scored.values)
        parts.append(
            pd.DataFrame(
                {
                    "customer_id": scored.customers,
                    "horizon_days": task.horizon_days,
                    "is_churn_horizon": task.horizon_days == scored.fitted.churn_days,
                    "probability": probability,
                    "risk_band": np.array(BANDS)[np.searchsorted(bounds, probability, side="right")],
                    "top_reasons": importance.churn_reasons(scored.values, added, groups=model.groups),
                    "model": task.champion,
                    "as_of": scored.as_of,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


_CODE = (purchase_training, *CODE)

NEXT_TABLE = FrameTable(
    name=NEXT_PURCHASE,
    row="a customer and a time to come, with the probability of an order in it",
    about="As of the day after the data's last, or core.as_of, by the models of models.champions: for each horizon of "
    "prediction.horizon_days, and for that of leaving. Where a customer's probability would fall from one horizon to "
    "a longer one, both take their mean. expected_date is the day by which an order has come with a probability of "
    "one half, at a steady rate within each horizon and after the longest. Empty where there are no models.",
    key=("customer_id", "horizon_days"),
    columns={
        "customer_id": ("varchar", "the customer"),
        "horizon_days": ("bigint", "the time to come, from as_of on [days]"),
        "probability": ("double", "probability of an order within it [0 to 1]"),
        "expected_date": (
            "date",
            "the day by which an order is as likely as not, null if later than a year from now [store time]",
        ),
        "model": ("varchar", "the model that serves for this horizon"),
        "as_of": ("date", "the day at whose start the time to come begins [store time]"),
    },
    upstream=(CHAMPIONS, "customers.features"),
    make=_make_next,
    code=_CODE,
    parameters=SETTINGS,
)

CHURN_TABLE = FrameTable(
    name=CHURN_RISK,
    row="a customer and a time to come, with the risk that no order comes in it, and why",
    about="One less the probability in customers.next_purchase, by the same model. Who buys nothing within the horizon "
    "that is_churn_horizon marks counts as having left: it is the gap that 90 % of repeat orders stay under, or "
    "prediction.churn_days. The label is what came after as_of, never recency, which is a feature. Risk bands are by "
    "odds: medium is a risk whose odds are half those of all customers (base_rate in models.champions) or more, high "
    "one whose odds are twice as high (prediction.risk_bands). Empty where there are no models.",
    key=("customer_id", "horizon_days"),
    columns={
        "customer_id": ("varchar", "the customer"),
        "horizon_days": ("bigint", "the time to come, from as_of on [days]"),
        "is_churn_horizon": ("boolean", "whether who orders nothing for so long counts as gone"),
        "probability": ("double", "probability that no order comes within it [0 to 1]"),
        "risk_band": ("varchar", "'low', 'medium' or 'high', against that of all customers"),
        "top_reasons": ("varchar", "what speaks most for or against, the strongest first, in words"),
        "model": ("varchar", "the model that serves for this horizon"),
        "as_of": ("date", "the day at whose start the time to come begins [store time]"),
    },
    upstream=(CHAMPIONS, "customers.features"),
    make=_make_churn,
    code=_CODE,
    parameters=SETTINGS,
)

TABLES = (NEXT_TABLE, CHURN_TABLE)
