"""The ``$parameters`` that table files may use, and the settings they come from."""

from typing import Any

from retail_pipeline.settings import Settings


def sql_parameters(settings: Settings) -> dict[str, Any]:
    """Values by parameter name; a parameter that is not set is None."""
    return {
        "as_of": settings.core.as_of,
        "cutoffs": None,
        "reporting_currency": settings.currency.reporting,
        "revenue_policy": settings.core.revenue_policy,
        "recency_days_thresholds": _as_list(settings.rfm.recency_days_thresholds),
        "frequency_thresholds": _as_list(settings.rfm.frequency_thresholds),
        "monetary_thresholds": _as_list(settings.rfm.monetary_thresholds),
        "history_months": settings.features.history_months,
        "feature_half_life_days": settings.features.half_life_days,
        **{f"lifecycle_{name}": limit for name, limit in settings.lifecycle.model_dump().items()},
        **{f"report_{name}": kept for name, kept in settings.reports.model_dump().items()},
        "anomaly_false_alarms": settings.anomalies.false_alarms,
        "anomaly_least_days": settings.anomalies.least_days,
        "anomaly_least_orders": settings.anomalies.least_orders,
        "anomaly_members": settings.anomalies.members,
        "anomaly_products": settings.anomalies.products,
        "members_kept": settings.insights.members_kept,
        "surprise_level": settings.insights.surprise_level,
        "least_excess_share": settings.insights.least_excess_share,
        "explains_most_share": settings.insights.explains_most_share,
        **{f"cluster_{name}": value for name, value in settings.clusters.model_dump().items()},
        **{f"basket_{name}": value for name, value in settings.baskets.model_dump().items()},
        **{f"pair_trend_{name}": value for name, value in settings.pair_trends.model_dump().items()},
        **{f"substitute_{name}": value for name, value in settings.substitutes.model_dump().items()},
        **{f"bundle_{name}": value for name, value in settings.bundles.model_dump().items()},
        **{f"stock_partner_{name}": value for name, value in settings.stock_partners.model_dump().items()},
        **{f"rule_network_{name}": value for name, value in settings.rule_network.model_dump().items()},
        **{f"clv_{name}": value for name, value in settings.clv.model_dump().items()},
        **{f"recommendation_{name}": value for name, value in settings.recommendations.model_dump().items()},
        **{f"prediction_{name}": value for name, value in settings.prediction.model_dump().items()},
        **{f"early_warning_{name}": value for name, value in settings.early_warning.model_dump().items()},
        **{f"forecast_{name}": value for name, value in settings.forecast.model_dump().items()},
        **{f"scenario_{name}": value for name, value in settings.scenarios.model_dump().items()},
        **{f"demand_{name}": value for name, value in settings.demand.model_dump().items()},
        **{f"reorder_{name}": value for name, value in settings.reorder.model_dump().items()},
    }


def _as_list(thresholds: tuple[float, ...] | None) -> list[float] | None:
    return None if thresholds is None else list(thresholds)
