"""What Dagster loads. :func:`build_defs` assembles the one Definitions object; tests call it with another home."""

import dagster as dg

from retail_pipeline.assets.baskets import (
    bundles,
    mining,
    pair_trends,
    product_costs,
    recommendation_checks,
    recommendations,
    rule_network,
    stock_partners,
    substitutes,
    use_checks,
)
from retail_pipeline.assets.baskets import checks as baskets_checks
from retail_pipeline.assets.core import checks as core_checks
from retail_pipeline.assets.customers import checks as customers_checks
from retail_pipeline.assets.customers import clusters, feature_catalogue, histories, lifetime_value, next_purchase
from retail_pipeline.assets.decisions import checks as decisions_checks
from retail_pipeline.assets.decisions import early_warning, insights, reports
from retail_pipeline.assets.forecasts import (
    archive,
    backtest,
    demand_checks,
    product_demand,
    reorder_plan,
    revenue,
    scenarios,
    stock,
)
from retail_pipeline.assets.forecasts import checks as forecasts_checks
from retail_pipeline.assets.forecasts import customers as forecast_customers
from retail_pipeline.assets.frame_assets import FrameTable, build_frame_assets
from retail_pipeline.assets.models import btyd, purchase, purchase_checks
from retail_pipeline.assets.models import checks as models_checks
from retail_pipeline.assets.raw import checks as raw_checks
from retail_pipeline.assets.raw.drops import build_raw_assets
from retail_pipeline.assets.sales import change_contributions, correlations, expected_range, root_causes
from retail_pipeline.assets.sales import checks as sales_checks
from retail_pipeline.assets.sql_assets import build_sql_assets, find_sql_tables
from retail_pipeline.assets.table_checks import TableCheck, build_checks
from retail_pipeline.automation.jobs import build_refresh_job, build_train_job
from retail_pipeline.automation.schedules import build_nightly_schedule, build_training_schedule
from retail_pipeline.automation.sensors import build_new_drops_sensor
from retail_pipeline.home import Home
from retail_pipeline.settings import load_settings
from retail_pipeline.warehouse.resource import WarehouseResource

CHECKS: list[TableCheck] = [
    *raw_checks.CHECKS,
    *core_checks.CHECKS,
    *sales_checks.CHECKS,
    *customers_checks.CHECKS,
    *baskets_checks.CHECKS,
    *use_checks.CHECKS,
    *models_checks.CHECKS,
    *recommendation_checks.CHECKS,
    *purchase_checks.CHECKS,
    *forecasts_checks.CHECKS,
    *demand_checks.CHECKS,
    *decisions_checks.CHECKS,
]


FRAME_TABLES: list[FrameTable] = [
    correlations.TABLE,
    expected_range.TABLE,
    change_contributions.TABLE,
    root_causes.TABLE,
    *clusters.TABLES,
    *histories.TABLES,
    *mining.TABLES,
    pair_trends.TABLE,
    substitutes.TABLE,
    product_costs.TABLE,
    bundles.TABLE,
    stock_partners.TABLE,
    rule_network.TABLE,
    *recommendations.TABLES,
    feature_catalogue.TABLE,
    btyd.TABLE,
    lifetime_value.TABLE,
    *purchase.TABLES,
    *next_purchase.TABLES,
    early_warning.TABLE,
    *backtest.TABLES,
    revenue.TABLE,
    scenarios.TABLE,
    archive.TABLE,
    forecast_customers.TABLE,
    *product_demand.TABLES,
    stock.TABLE,
    reorder_plan.TABLE,
    insights.TABLE,
    *reports.TABLES,
]


def build_defs(home: Home | None = None, resources: dict[str, object] | None = None) -> dg.Definitions:
    """Everything Dagster knows of a home: assets, checks, job, schedule, sensor, the warehouse.

    Parameters
    ----------
    home
        The store's home; ``RETAIL_HOME``, else ``data/``, if not given.
    resources
        Resources that stand in for the default ones, by name.

    Raises
    ------
    SettingsError
        when the home's settings are wrong.
    """
    home = home or Home.locate()
    settings = load_settings(home)
    refresh, train = build_refresh_job(), build_train_job()
    assets = [
        *build_raw_assets(settings),
        *build_sql_assets(find_sql_tables(), settings),
        *build_frame_assets(FRAME_TABLES, settings),
    ]
    return dg.Definitions(
        assets=assets,
        asset_checks=build_checks(CHECKS),
        jobs=[refresh, train],
        schedules=[build_nightly_schedule(refresh, settings), build_training_schedule(train, settings)],
        sensors=[build_new_drops_sensor(refresh, home, settings)],
        resources={
            "warehouse": WarehouseResource(
                home=str(home.root),
                blocking_checks=[check.full_name for check in CHECKS if check.blocking],
                known_checks=[check.full_name for check in CHECKS],
                known_tables=[".".join(key.path) for asset in assets for key in asset.keys],
            ),
            **(resources or {}),
        },
        executor=dg.in_process_executor,
    )


defs = build_defs()
