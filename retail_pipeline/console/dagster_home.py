"""The Dagster instance of a home: its settings files and the environment its processes need."""

import os
from pathlib import Path

from retail_pipeline.home import HOME_VARIABLE, Home

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
    """
    home.create()
    folder = home.dagster
    folder.mkdir(parents=True, exist_ok=True)
    instance = folder / "dagster.yaml"
    if not instance.exists():
        instance.write_text(INSTANCE)
    workspace = folder / "workspace.yaml"
    if not workspace.exists():
        workspace.write_text(WORKSPACE)
    os.environ[HOME_VARIABLE] = str(home.root)
    os.environ["DAGSTER_HOME"] = str(folder)
    return workspace
