"""The Dagster instance of a home: its settings files and the environment its processes need."""

import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from retail_pipeline.errors import SettingsError
from retail_pipeline.home import HOME_VARIABLE, Home

if TYPE_CHECKING:
    import dagster as dg

INSTANCE_FILE = "dagster.yaml"
INSTANCE = """\
# Written by retail_pipeline when missing; yours to change.
nux:
  enabled: false
telemetry:
  enabled: false
freshness:
  enabled: true
# Capturing what steps print costs a process each; the pipeline logs through Dagster.
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
retention:
  schedule:
    purge_after_days: 90
  sensor:
    purge_after_days:
      skipped: 3
      failure: 30
      success: 90
"""

WORKSPACE = """\
load_from:
  - python_module:
      module_name: retail_pipeline.definitions
      location_name: retail_pipeline
"""


def prepare_dagster_home(home: Home) -> Path:
    """Make the home's Dagster instance usable and point this process and its children to it.

    Returns
    -------
    The workspace file for ``dagster dev``.

    Raises
    ------
    SettingsError
        when the instance's settings file is no YAML.
    """
    home.create()
    folder = home.dagster
    folder.mkdir(parents=True, exist_ok=True)
    _write_if_missing(folder / INSTANCE_FILE, INSTANCE)
    _require_yaml(folder / INSTANCE_FILE)
    workspace = folder / "workspace.yaml"
    _write_if_missing(workspace, WORKSPACE)
    os.environ[HOME_VARIABLE] = str(home.root)
    os.environ["DAGSTER_HOME"] = str(folder)
    return workspace


def open_instance(home: Home) -> "dg.DagsterInstance":
    """The home's Dagster instance, prepared before.

    Raises
    ------
    SettingsError
        when it cannot be opened.
    """
    import dagster as dg

    try:
        return dg.DagsterInstance.get()
    except Exception as error:  # of its configuration, or of whatever storage it names
        raise SettingsError(_cannot_use(home.dagster / INSTANCE_FILE, error)) from error


def _write_if_missing(path: Path, text: str) -> None:
    if path.exists():
        return
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")  # two commands may begin at once
    try:
        temporary.write_text(text)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _require_yaml(path: Path) -> None:
    import yaml

    try:
        yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(_cannot_use(path, error)) from error


def _cannot_use(path: Path, error: Exception) -> str:
    return (
        f"The Dagster instance cannot be opened with {path}: {' '.join(str(error).split())}. "
        "Mend that file, or delete it: it is written anew."
    )
