"""The jobs. ``refresh`` loads new drops, builds every table, publishes; ``train`` does so with models fitted anew."""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from retail_pipeline.warehouse.resource import TRAIN_TAG

AssetJob = UnresolvedAssetJobDefinition
REFRESH, TRAIN = "refresh", "train"


def build_refresh_job() -> AssetJob:
    """Everything, checks included, in one process."""
    return dg.define_asset_job(
        REFRESH,
        selection=dg.AssetSelection.all(),
        description="Load new drops, build every table, run every check, publish the snapshot.",
        executor_def=dg.in_process_executor,
    )


def build_train_job() -> AssetJob:
    """The same, and every model is searched for and fitted anew."""
    return dg.define_asset_job(
        TRAIN,
        selection=dg.AssetSelection.all(),
        description="Do all that refresh does, and search, fit and crown the models anew.",
        tags={TRAIN_TAG: "true"},
        executor_def=dg.in_process_executor,
    )
