"""Harm done to the tables of next purchases, which hold nothing in a small store, by the check that must find it."""

CHAMPION = (
    "select 'purchase_30d' as task, 30 as horizon_days, false as is_churn_horizon, 'xgboost' as model, "
    "'it beats all' as reason, false as is_baseline, date '2024-06-30' as learned_until, "
    "date '2024-05-31' as latest_cutoff, date '2024-05-31' as test_cutoff, 0.4 as contact_from, "
    "0.5::double as base_rate, 'x' as data_hash, "
    "'abc' as saved_model"
)
MEASURED = (
    "select 'purchase_30d' as task, model, date '2024-05-31' as cutoff, 'test' as split, metric, 0.5 as value, "
    "0.4 as lower, 0.6 as upper, 900 as n, model = 'xgboost' as is_champion, model <> 'xgboost' as is_baseline, "
    "'run' as run_id from (values ('xgboost'), ('base_rate'), ('recency_only')) as models(model), "
    "(values ('roc_auc'), ('log_loss'), ('ece'), ('threshold')) as measures(metric)"
)
SPEND_CHAMPION = (
    "select * replace ('clv_30d' as task, 'ridge' as model, null as contact_from, null as base_rate, "
    "'def' as saved_model) "
    f"from ({CHAMPION})"
)
SPEND_MEASURED = (
    "select 'clv_30d' as task, model, date '2024-05-31' as cutoff, 'test' as split, metric, 0.5 as value, "
    "0.4 as lower, 0.6 as upper, 900 as n, model = 'ridge' as is_champion, model <> 'ridge' as is_baseline, "
    "'run' as run_id from (values ('ridge'), ('mean'), ('last_period'), ('rfm_cell_mean')) as models(model), "
    "(values ('r2'), ('rmse_capped'), ('coverage_95'), ('gini'), ('mae')) as measures(metric)"
)
DECILES = (
    "select 'clv_30d' as task, 'ridge' as model, 'deciles' as curve, point, 10 * point as x, 12 * point as y, "
    "10 * point as customers, date '2024-05-31' as cutoff, true as is_champion from range(1, 4) as points(point)"
)
POINTS = (
    "select 'purchase_30d' as task, 'xgboost' as model, 'roc' as curve, point, point / 4 as x, point / 3 as y, "
    "10 * point as customers, date '2024-05-31' as cutoff, true as is_champion from range(1, 4) as points(point)"
)
WEIGHTS = (
    "select 'purchase_30d' as task, 'xgboost' as model, date '2024-05-31' as cutoff, 'recency_days' as feature, "
    "method, 0.2 as value from (values ('shap'), ('permutation')) as methods(method)"
)
DRIFTED = (
    "select 'purchase_30d' as task, 'recency_days' as feature, 0.1 as psi, true as asks, "
    "date '2024-05-31' as reference_cutoff, date '2024-06-30' as as_of, 30 as label_delay_days"
)
ROWS = (
    "select features.customer_id, horizon_days, horizon_days / 100 as probability, 'xgboost' as model, as_of "
    "from customers.features as features, (values (30), (60)) as horizons(horizon_days)"
)
PURCHASES = f"select *, as_of + 40 as expected_date from ({ROWS})"
RISKS = (
    f"select * replace (1 - probability as probability), horizon_days = 60 as is_churn_horizon, "
    f"case when probability <= 0.3 then 'high' else 'medium' end as risk_band, 'why' as top_reasons from ({ROWS})"
)
WARNED = (
    "select 1 as rank, customer_id, 'At Risk' as segment, 60 as horizon_days, 1 - 60 / 100 as risk, "
    "0.25::double as risk_before, 1 - 60 / 100 - 0.25::double as rise, 'why' as reason, "
    "(1 - 60 / 100 - 0.25::double) * 80::double as value_at_stake, 80::double as value_if_staying, "
    "48::double as expected_value, total_spend as historic_value, as_of - recency_days::integer as last_order_date, "
    "30 as usual_gap_days, 'Pen' as favourite_product, 'call' as action_kind, 'call them' as action, "
    "'xgboost' as model, as_of - 30 as before, as_of from customers.features where customer_id = '200'"
)
SPLITS = ("train", "validation", "test")
TOLD = {
    "models.champions": CHAMPION,
    "models.metrics": MEASURED,
    "models.curves": POINTS,
    "models.feature_importance": WEIGHTS,
    "models.drift": DRIFTED,
    "customers.next_purchase": PURCHASES,
    "customers.churn_risk": RISKS,
    "decisions.early_warning": WARNED,
}
"""By table its right rows."""


def _right(*more: str) -> str:
    """The statements that make all tables right, of one task and, for customers, of two horizons; then others."""
    second = "insert into models.champions by name select * replace ('purchase_60d' as task, 60 as horizon_days, "
    second += f"date '2024-04-30' as latest_cutoff, date '2024-04-30' as test_cutoff) from ({CHAMPION})"
    others = "insert into models.metrics by name select * replace ('purchase_60d' as task, "
    others += f"date '2024-04-30' as cutoff) from ({MEASURED})"
    spend = [
        f"insert into models.champions by name {SPEND_CHAMPION}",
        f"insert into models.metrics by name {SPEND_MEASURED}",
        f"insert into models.curves by name {DECILES}",
    ]
    earlier = [
        f"insert into models.metrics by name select * replace ('{split}' as split, cutoff - {days} as cutoff) "
        "from models.metrics where split = 'test'"
        for split, days in (("validation", 30), ("train", 60))
    ]
    cleared = [f"delete from {table}" for table in TOLD]
    filled = [f"insert into {table} by name {rows}" for table, rows in TOLD.items()]
    return "; ".join([*cleared, *filled, second, others, *spend, *earlier, *more])


def _twice(table: str) -> str:
    return _right(f"insert into {table} by name {TOLD[table]}")


def _changed(table: str, *changes: str, where: str = "true") -> list[str]:
    return [_right(f"update {table} set {change} where {where}") for change in changes]


RIGHT = _right()
CORRUPTIONS: dict[str, list[str]] = {
    **{f"{table}:key_is_unique": [_twice(table)] for table in TOLD},
    "models.champions:outcomes_were_known": _changed(
        "models.champions",
        *(
            "base_rate = null",
            "learned_until = latest_cutoff + 29",
            "test_cutoff = test_cutoff + 1",
            "model = null",
            "reason = null",
        ),
        *("contact_from = 2", "is_baseline = true", "latest_cutoff = null"),
    )
    + _changed("models.champions", "contact_from = 2", "model = 'mean'", where="task = 'clv_30d'"),
    "models.metrics:champions_stand_beside_baselines": [
        _right("delete from models.metrics where model = 'recency_only' and task = 'purchase_30d'"),
        _right("delete from models.metrics where metric = 'ece' and task = 'purchase_30d'"),
        *_changed("models.metrics", "split = 'validation'", "cutoff = cutoff - 1", "is_champion = true"),
        *_changed("models.metrics", "task = 'purchase_8d'", where="metric = 'ece'"),
        *_changed("models.champions", "model = 'btyd'"),
        _right("delete from models.metrics where model = 'rfm_cell_mean' and split = 'test'"),
        _right("delete from models.metrics where metric = 'coverage_95'"),
    ],
    "models.metrics:every_split_is_measured": [
        *(_right(f"delete from models.metrics where task = 'clv_30d' and split = '{split}'") for split in SPLITS),
        *_changed("models.metrics", "cutoff = cutoff + 31", where="split = 'train' and task = 'clv_30d'"),
    ],
    "models.metrics:measures_can_be": [
        *_changed(
            "models.metrics",
            *("value = 1.5", "value = -0.1", "lower = 0.7", "n = 0", "value = 'nan'::double"),
            where="metric = 'roc_auc' and model = 'xgboost'",
        ),
        *_changed("models.metrics", "value = 1.1", where="metric = 'coverage_95'"),
        *_changed("models.metrics", "value = -1.1, lower = null", where="metric = 'gini'"),
        *_changed("models.metrics", "value = -1, lower = null", where="metric = 'mae'"),
    ],
    "models.curves:points_are_on_the_square": _changed(
        "models.curves",
        "x = 1.5",
        "y = 0.1",
        "x = 0.1",
        "y = 'nan'::double",
        "customers = -1",
        where="point = 2 and curve = 'roc'",
    )
    + _changed("models.curves", "x = 1.5", "y = -1", "y = 'inf'::double", where="point = 2 and curve = 'deciles'"),
    "models.feature_importance:weights_can_be": _changed(
        "models.feature_importance",
        *("value = 'nan'::double", "value = -1", "method = 'gini'", "model = 'btyd'"),
        where="method = 'shap'",
    ),
    "models.drift:indices_can_be": _changed("models.drift", "psi = -0.1", "psi = null", "psi = 'inf'::double"),
    "models.drift:customers_are_as_before": _changed("models.drift", "psi = 0.26"),
    "customers.next_purchase:everyone_is_in_it": [
        _right("delete from customers.next_purchase where customer_id = '200' and horizon_days = 60"),
        *_changed(
            "customers.next_purchase",
            *("customer_id = 'stranger'", "as_of = as_of + 1", "model = 'btyd'"),
            where="customer_id = '200'",
        ),
        _right("delete from models.champions where horizon_days = 60"),
    ],
    "customers.next_purchase:predictions_can_be": _changed(
        "customers.next_purchase",
        *("probability = 1.1", "probability = 0.2", "probability = 'nan'::double", "expected_date = as_of - 1"),
        *("expected_date = null", "expected_date = as_of + 41"),
        where="horizon_days = 60",
    ),
    "customers.churn_risk:is_one_less_a_purchase": [
        *_changed("customers.churn_risk", "probability = probability + 1e-9", "model = 'btyd'", "as_of = as_of + 1"),
        _right("delete from customers.churn_risk where customer_id = '200'"),
        _right("delete from customers.next_purchase where customer_id = '200'"),
    ],
    "customers.churn_risk:bands_follow_the_settings": [
        *_changed(
            "customers.churn_risk",
            *("risk_band = 'low'", "top_reasons = ''", "is_churn_horizon = true", "probability = null"),
        ),
        *_changed("models.champions", "base_rate = 0.1", "base_rate = 0.9"),
    ],
    "decisions.early_warning:risks_are_those_told_of_customers": _changed(
        "decisions.early_warning",
        *("risk = risk + 1e-9", "model = 'btyd'", "horizon_days = 30", "historic_value = historic_value + 0.0001"),
        *("as_of = as_of + 1", "customer_id = 'stranger'"),
    ),
    "decisions.early_warning:stakes_follow_from_risks": [
        *_changed(
            "decisions.early_warning",
            *("rank = 2", "rise = rise + 1e-9", "risk_before = 1.1", "risk_before = null", "before = as_of - 29"),
            *("value_at_stake = value_at_stake + 1e-9", "value_at_stake = 0, value_if_staying = 0", "reason = ''"),
            *("value_at_stake = 'inf', value_if_staying = 'inf'", "action_kind = 'pray'", "action = null"),
            "risk_before = risk - 0.04, rise = risk - (risk - 0.04), value_at_stake = (risk - (risk - 0.04)) * 80",
            "last_order_date = as_of",
        ),
        _right(
            f"insert into decisions.early_warning by name select * replace (2 as rank, 'x' as customer_id, "
            f"value_at_stake * 2 as value_at_stake, value_if_staying * 2 as value_if_staying) from ({WARNED})"
        ),
    ],
}
