"""What tables of fitted models share: when to fit anew, by what a model was made, and where it comes from."""

import hashlib
import inspect
import platform
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from types import ModuleType
from typing import Any, TypeVar

from retail_pipeline.errors import ModelError
from retail_pipeline.warehouse.warehouse import Warehouse

Model = TypeVar("Model")


def made_by(code: Iterable[ModuleType], values: Mapping[str, Any]) -> str:
    """A hash of the code and settings that a model depends on: with other ones it is fitted anew."""
    sources = [inspect.getsource(module) for module in code]
    return hashlib.sha256("\n".join([*sources, repr(dict(values))]).encode()).hexdigest()[:16]


def usable(warehouse: Warehouse, find: Callable[[Warehouse], Model | None]) -> tuple[Model | None, str]:
    """The saved model, if it fits, and why to train, empty if there is no need.

    Parameters
    ----------
    find
        The saved model, if one was made by these settings and this code.
    """
    try:
        fitted = find(warehouse)
    except ModelError as error:
        return None, f"the saved one was refused: {error}"
    if warehouse.training:
        return fitted, "a training was asked for"
    return fitted, "" if fitted else "none was saved by these settings and this code"


def origin(warehouse: Warehouse, reason: str, packages: Iterable[str]) -> dict[str, Any]:
    """What is noted of every model: why and when it was fitted, and by which versions."""
    return {
        "reason": reason,
        "created_at": str(warehouse.value("select strftime(now() at time zone 'UTC', '%Y-%m-%d %H:%M:%S')")),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in packages}},
    }
