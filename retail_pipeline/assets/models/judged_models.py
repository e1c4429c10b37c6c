"""What models that are judged on cut-offs share: when there is too little data, when to train, and which are in use."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Protocol, TypeVar

from retail_pipeline.analytics.prediction.choosing import LEAST_FOLDS
from retail_pipeline.assets.models.drifts import ServedTask, asked_by_drift
from retail_pipeline.assets.models.purchase_labels import Reach
from retail_pipeline.assets.sql_assets import find_sql_tables
from retail_pipeline.errors import ModelError
from retail_pipeline.settings import ClvSettings, PredictionSettings, Settings
from retail_pipeline.warehouse.warehouse import Warehouse

FEATURE_TABLES = ("undone_lines", "order_states", "product_changes", "category_changes", "features")
"""Tables of ``customers`` whose SELECTs make the features."""


class JudgedTask(ServedTask, Protocol):
    """A time to come, with the model that serves or why there is none."""

    @property
    def champion(self) -> str | None:
        """The model's name; None where there was too little data."""


class JudgedModels(Protocol):
    """The models in use, one a task."""

    @property
    def id(self) -> str:
        """By which they are saved."""

    @property
    def notes(self) -> Mapping[str, Any]:
        """What was noted when they were made."""

    @property
    def tasks(self) -> Sequence[JudgedTask]:
        """All, by rising horizon."""

    @property
    def served(self) -> Sequence[JudgedTask]:
        """Those with a model."""


Models = TypeVar("Models", bound=JudgedModels)


def feature_values(settings: Settings) -> dict[str, Any]:
    """The settings and SELECTs by which the features of customers are made."""
    made_from = {f"customers.{name}" for name in FEATURE_TABLES}
    return {
        "revenue_policy": settings.core.revenue_policy,
        "reporting_currency": settings.currency.reporting,
        "half_life_days": settings.features.half_life_days,
        "usual_gap_days": settings.lifecycle.usual_gap_days,
        "selects": sorted(table.text for table in find_sql_tables() if table.name in made_from),
    }


def too_little_data(section: str, asked: PredictionSettings | ClvSettings, there: Reach) -> str:
    """Why nothing is fitted, by the settings of a section, empty if there is enough."""
    if there.customers < asked.least_customers:
        least = f"{section}.least_customers = {asked.least_customers}"
        return f"too little data: {there.customers} customers, fewer than {least}"
    if there.days < asked.least_days:
        return f"too little data: {there.days} days of history, fewer than {section}.least_days = {asked.least_days}"
    return ""


def usable_models(
    warehouse: Warehouse,
    there: Reach,
    find: Callable[[Warehouse], Models | None],
    count_folds: Callable[[int], int],
) -> tuple[Models | None, str]:
    """The saved models, if they fit, and why to train, empty if there is no need.

    Parameters
    ----------
    find
        The saved models, if there are any made by these settings and this code.
    count_folds
        How many cut-offs models of a horizon [days] can be judged on.
    """
    try:
        fitted = find(warehouse)
    except ModelError as error:
        return None, f"the saved ones were refused: {error}"
    if fitted and any(learned_until(task) > there.as_of for task in fitted.served if there.as_of):
        return None, f"the saved ones have learned from days after {there.as_of}"
    if warehouse.training:
        return fitted, "a training was asked for"
    if fitted is None:
        return None, "none were saved by these settings and this code"
    for task in fitted.tasks:
        if not task.champion and count_folds(task.horizon_days) >= LEAST_FOLDS > task.told["folds"]:
            return fitted, f"the history now suffices for {task.horizon_days} days"
    return fitted, asked_by_drift(warehouse, there, date.fromisoformat(fitted.notes["data_until"]), fitted.served)


def learned_until(task: JudgedTask) -> date:
    """The day before which the model that serves has learned from orders."""
    return date.fromisoformat(task.told["as_of"])


def models_told_of(fitted: Models | None, told: str, table: str) -> Models:
    """The models in use, if they are those that a table tells of.

    Raises
    ------
    ModelError
        when they are not: the table was built by other settings or code, and not since.
    """
    if fitted is None or fitted.id != told:
        raise ModelError(
            f"The models {told} that {table} tells of are not in use any more. Build that first: "
            f"'retail run --select {table}', or all with 'retail run'."
        )
    return fitted
