"""The jobs. ``refresh`` loads new drops, builds every table and publishes."""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

AssetJob = UnresolvedAssetJobDefinition
REFRESH = "refresh"


def build_refresh_job() -> AssetJob:
    """Everything, checks included, in one process."""
    return dg.define_asset_job(
        REFRESH,
        selection=dg.AssetSelection.all(),
        description="Load new drops, build every table, run every check, publish the snapshot.",
        executor_def=dg.in_process_executor,
    )
