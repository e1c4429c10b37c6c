"""What ``models.champions`` tells: by task, of purchases and of spend, the model that serves, trained if need be."""

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import dagster as dg

from retail_pipeline.analytics.prediction.purchase_models import BASELINES as PURCHASE_BASELINES
from retail_pipeline.analytics.prediction.spend_models import BASELINES as SPEND_BASELINES
from retail_pipeline.assets.models import purchase_training, value_training
from retail_pipeline.assets.models.model_card import model_card
from retail_pipeline.assets.models.purchase_labels import Reach, reach
from retail_pipeline.assets.models.purchase_training import Task, current, too_little, train_models, usable
from retail_pipeline.assets.models.value_card import value_card
from retail_pipeline.assets.models.value_training import (
    ValueTask,
    current_values,
    too_little_value,
    train_values,
    usable_values,
)
from retail_pipeline.saved_models import load_model
from retail_pipeline.warehouse.warehouse import Warehouse

CHAMPIONS = "models.champions"
PURCHASES, VALUES = "purchase_", "clv_"
"""How names of tasks start."""
BASELINES = (*PURCHASE_BASELINES, *SPEND_BASELINES)


def champion_rows(warehouse: Warehouse) -> list[dict[str, Any]]:
    """A row a task, of the models in use, which are trained first if need be; or why there is none."""
    there = reach(warehouse)
    return [*_purchase_champions(warehouse, there), *_value_champions(warehouse, there)]


def _purchase_champions(warehouse: Warehouse, there: Reach) -> list[dict[str, Any]]:
    why = too_little(warehouse, there)
    if why:
        names = [f"purchase_{days}d" for days in warehouse.settings.prediction.horizon_days]
        rows = [
            {"task": name, "horizon_days": days, "is_churn_horizon": False, "reason": why}
            for name, days in zip(names, warehouse.settings.prediction.horizon_days, strict=True)
        ]
        return rows if there.customers else []
    fitted, reason = usable(warehouse, there)
    if fitted is None or reason:
        fitted = train_models(warehouse, there, fitted, reason)
    return [_champion_row(task, fitted.id, task.horizon_days == fitted.churn_days) for task in fitted.tasks]


def _value_champions(warehouse: Warehouse, there: Reach) -> list[dict[str, Any]]:
    why = too_little_value(warehouse, there)
    if why:
        tasks = [ValueTask(days, {"model": None, "reason": why}) for days in warehouse.settings.clv.horizon_days]
        return [_champion_row(task, None) for task in tasks] if there.customers else []
    fitted, reason = usable_values(warehouse, there)
    if fitted is None or reason:
        fitted = train_values(warehouse, there, fitted, reason)
    return [_champion_row(task, fitted.id) for task in fitted.tasks]


def _champion_row(task: Task | ValueTask, model_id: str | None, is_churn_horizon: bool = False) -> dict[str, Any]:
    row = {
        "task": task.name,
        "horizon_days": task.horizon_days,
        "is_churn_horizon": is_churn_horizon,
        "model": task.champion,
        "reason": task.told["reason"],
        "saved_model": model_id,
    }
    if not task.champion:
        return row
    return {
        **row,
        "is_baseline": task.champion in BASELINES,
        "learned_until": task.told["as_of"],
        "latest_cutoff": task.told["learned_from"][-1],
        "test_cutoff": task.told["test_cutoff"],
        "contact_from": task.told.get("threshold"),
        "base_rate": task.told.get("base_rate"),
        "data_hash": task.told["data_hash"],
    }


def told_model(warehouse: Warehouse, tasks: str = PURCHASES) -> str | None:
    """The saved models that the table of champions tells of, of the tasks whose names start so."""
    told: str | None = warehouse.value(
        f"select min(saved_model) from {CHAMPIONS} where starts_with(task, $tasks)", {"tasks": tasks}
    )
    return told


def served(warehouse: Warehouse) -> tuple[Task | ValueTask, ...]:
    """The tasks with a model, of those that the table of champions tells of."""
    purchases = current(warehouse, told_model(warehouse), CHAMPIONS)
    values = current_values(warehouse, told_model(warehouse, VALUES), CHAMPIONS)
    return (*(purchases.served if purchases else ()), *(values.served if values else ()))


def is_whole(warehouse: Warehouse) -> bool:
    """Whether the table tells of the models in use, which fit, and no training is asked for."""
    there, told, told_value = reach(warehouse), told_model(warehouse), told_model(warehouse, VALUES)
    fitted, reason = (None, "") if too_little(warehouse, there) else usable(warehouse, there)
    values, why = (None, "") if too_little_value(warehouse, there) else usable_values(warehouse, there)
    ids = (fitted.id if fitted else None, values.id if values else None)
    return ids == (told, told_value) and not reason and not why


def tell_champions(warehouse: Warehouse) -> Mapping[str, Any]:
    """When and why the models were fitted, and their cards; or why there is none."""
    there = reach(warehouse)
    told: dict[str, Any] = {}
    if told_model(warehouse) is None:
        told["no_models"] = too_little(warehouse, there) or "no horizon has enough history"
    else:
        told |= _tell_saved(warehouse, purchase_training, model_card)
    if told_model(warehouse, VALUES) is None:
        told["no_models_of_spend"] = too_little_value(warehouse, there) or "no horizon has enough history"
    else:
        saved = _tell_saved(warehouse, value_training, value_card)
        told |= {f"spend_{name}": one for name, one in saved.items()}
    return told


def _tell_saved(
    warehouse: Warehouse, training: ModuleType, write: Callable[[Mapping[str, Any], Mapping[str, Any]], str]
) -> dict[str, Any]:
    saved = load_model(warehouse.home.models / training.SUBJECT)
    if saved is None or saved.numbers.get("made_by") != training.made_by(warehouse.settings):
        return {}
    decisions = {f"decision_{days}d": text for days, text in saved.notes["decisions"].items()}
    names = ("created_at", "reason", "customers", "history_days")
    return {
        "saved_model": saved.id,
        **{name: saved.notes[name] for name in names},
        **decisions,
        "model_card": dg.MetadataValue.md(write(saved.numbers, saved.notes)),
    }
