"""How far today's customers are from those that the models in use were made for, and when that asks for a training."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol

from retail_pipeline.analytics.prediction import drift
from retail_pipeline.analytics.prediction.matrix import column, matrix
from retail_pipeline.assets.models.purchase_labels import Reach
from retail_pipeline.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

PREDICTED = ("probability", "expected_value")
"""What stands among the features for what is predicted."""


class ServedTask(Protocol):
    """A task with a model that serves."""

    @property
    def horizon_days(self) -> int:
        """The time to come [days]."""

    @property
    def told(self) -> Mapping[str, Any]:
        """All that was found when the model was made."""

    @property
    def name(self) -> str:
        """As in ``models.metrics``."""

    def predict(self, values: "np.ndarray[Any, np.dtype[np.float64]]") -> "np.ndarray[Any, np.dtype[np.float64]]":
        """What the model says of each customer; shape (customers,)."""


def drift_rows(features: "pd.DataFrame", tasks: Sequence[ServedTask]) -> list[dict[str, Any]]:
    """How far customers are from those that the tasks' models were calibrated on: rows of ``models.drift``.

    Parameters
    ----------
    features
        Of today's customers, as in ``customers.features``.
    """
    if not tasks or features.empty:
        return []
    values = matrix(features)
    return [
        {
            "task": task.name,
            "feature": name,
            "psi": drift.psi(told, task.predict(values) if name in PREDICTED else column(values, name)),
            "asks": drift.counts(name),
            "reference_cutoff": task.told["learned_from"][-1],
            "as_of": features["as_of"].iloc[0],
            "label_delay_days": task.horizon_days,
        }
        for task in tasks
        for name, told in task.told["reference"].items()
    ]


def asked_by_drift(warehouse: Warehouse, there: Reach, last_training: date, tasks: Sequence[ServedTask]) -> str:
    """Which drift of the customers asks for a training; empty if none does, or the last one is not long ago.

    Parameters
    ----------
    last_training
        The day after the data's last then.
    """
    if there.as_of is None or (there.as_of - last_training).days < warehouse.settings.prediction.drift_days:
        return ""
    features = warehouse.read("from customers.features order by customer_id")
    found = [row for row in drift_rows(features, tasks) if row["asks"] and row["psi"] > drift.NOTABLE]
    if not found:
        return ""
    worst = max(found, key=lambda row: row["psi"])
    return f"customers have drifted: {worst['feature']} has an index of {worst['psi']:.2f} for {worst['task']}"
