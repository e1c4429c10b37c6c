"""Checks on models of purchases and of spend, and on what is said of purchases: fair cut-offs, all measured."""

from retail_pipeline.analytics.prediction.drift import NOTABLE
from retail_pipeline.assets.table_checks import TableCheck, no_rows, unique_key, warning

RETRAIN = "'retail train' fits new models; if that does not help, please report it."
REBUILD = "'retail run --full' builds all tables anew; if that does not help, please report it."


CHECKS: list[TableCheck] = [
    unique_key("models.champions", "task"),
    no_rows(
        "models.champions",
        "outcomes_were_known",
        "every task has a model, of cut-offs whose outcome was known when it was trained, or a reason why not",
        """
        select task, model, reason, learned_until, latest_cutoff, test_cutoff
        from models.champions
        where (
            reason <> ''
            and case
                when model is null then starts_with(reason, 'too little data')
                else latest_cutoff + horizon_days::integer <= learned_until
                    and test_cutoff + horizon_days::integer <= learned_until
                    and (
                        (contact_from between 0 and 1 and base_rate between 0 and 1)
                        or (starts_with(task, 'clv_') and contact_from is null and base_rate is null)
                    )
                    and is_baseline = (model in ('base_rate', 'recency_only', 'mean', 'last_period', 'rfm_cell_mean'))
            end
        ) is not true
        """,
        remedy=RETRAIN,
    ),
    unique_key("models.metrics", "task", "model", "cutoff", "split", "metric"),
    no_rows(
        "models.metrics",
        "champions_stand_beside_baselines",
        "of each task that has a model, the champion and all baselines were measured on one test cut-off",
        """
        with wanted(kind, baseline, metric) as (
            values
            ('purchase', null, 'roc_auc'), ('purchase', null, 'log_loss'), ('purchase', null, 'ece'),
            ('purchase', null, 'threshold'), ('purchase', 'base_rate', 'log_loss'),
            ('purchase', 'recency_only', 'log_loss'), ('clv', null, 'r2'), ('clv', null, 'rmse_capped'),
            ('clv', null, 'coverage_95'), ('clv', 'mean', 'rmse_capped'), ('clv', 'last_period', 'rmse_capped'),
            ('clv', 'rfm_cell_mean', 'rmse_capped')
        ),

        expected as (
            select distinct
                champions.task,
                coalesce(wanted.baseline, champions.model) as model,
                coalesce(wanted.baseline = champions.model, true) as is_champion,
                champions.test_cutoff as cutoff,
                wanted.metric
            from models.champions as champions
            join wanted on starts_with(champions.task, wanted.kind || '_')
            where champions.model is not null
        )

        (
            select task, model, is_champion, cutoff, metric
            from expected
            except
            select task, model, is_champion, cutoff, metric
            from models.metrics
            where split = 'test'
        )
        union all
        select metrics.task, metrics.model, metrics.is_champion, metrics.cutoff, metrics.metric
        from models.metrics as metrics
        left join models.champions as champions using (task)
        where (starts_with(metrics.task, 'purchase_') or starts_with(metrics.task, 'clv_'))
            and (
                (metrics.is_champion = (metrics.model = champions.model)) is not true
                or (metrics.cutoff < champions.test_cutoff) = (metrics.split = 'test')
            )
        """,
        remedy=RETRAIN,
    ),
    no_rows(
        "models.metrics",
        "every_split_is_measured",
        "champions were measured on what they learned from, on what they were chosen by, and on the test",
        """
        select champions.task, splits.split, champions.model
        from models.champions as champions
        cross join (values ('train'), ('validation'), ('test')) as splits(split)
        anti join models.metrics as metrics
            on metrics.task = champions.task
            and metrics.model = champions.model
            and metrics.split = splits.split
            and (metrics.split <> 'train' or metrics.cutoff + champions.horizon_days::integer <= champions.test_cutoff)
        where champions.model is not null
        """,
        remedy=RETRAIN,
    ),
    no_rows(
        "models.metrics",
        "measures_can_be",
        "intervals are in order, shares lie between 0 and 1, and the customers measured are not none",
        """
        select task, model, cutoff, metric, value, lower, upper, n
        from models.metrics
        where (
            n > 0
            and (value is null or isfinite(value))
            and (lower is null or lower <= upper)
            and (
                value is null
                or metric not in (
                    'roc_auc', 'pr_auc', 'base_rate', 'brier', 'ece', 'top_decile_gain', 'threshold', 'precision',
                    'recall', 'f1', 'accuracy', 'coverage_95'
                )
                or value between 0 and 1
            )
            and (value is null or metric not in ('gini', 'spearman') or value between -1 - 1e-9 and 1 + 1e-9)
            and (
                value is null
                or metric not in ('mae', 'rmse', 'rmse_capped', 'width_95', 'decile_error', 'log_loss')
                or value >= 0
            )
        ) is not true
        """,
        remedy=RETRAIN,
    ),
    unique_key("models.curves", "task", "model", "curve", "point"),
    no_rows(
        "models.curves",
        "points_are_on_the_square",
        "points lie between 0 and 1, or are no negative amounts, and a curve of shares never falls",
        """
        select task, model, curve, point, x, y
        from (
            select
                *,
                lag(x, 1, 0) over (partition by task, model, curve order by point) as x_before,
                lag(y, 1, 0) over (partition by task, model, curve order by point) as y_before
            from models.curves
        )
        where (
            x >= 0
            and y >= 0
            and isfinite(x)
            and isfinite(y)
            and (curve = 'deciles' or (x <= 1 and y <= 1))
            and x >= x_before
            and (curve in ('reliability', 'deciles') or y >= y_before)
            and customers >= 0
        ) is not true
        """,
        remedy=RETRAIN,
    ),
    unique_key("models.feature_importance", "task", "feature", "method"),
    no_rows(
        "models.feature_importance",
        "weights_can_be",
        "weights are numbers, those by SHAP above zero, and of the champion",
        """
        select task, feature, method, value
        from models.feature_importance
        left join models.champions as champions using (task)
        where (
            isfinite(value)
            and (method = 'permutation' or (method = 'shap' and value > 0))
            and feature_importance.model = champions.model
        ) is not true
        """,
        remedy=RETRAIN,
    ),
    unique_key("models.drift", "task", "feature"),
    no_rows(
        "models.drift",
        "indices_can_be",
        "indices are numbers not below zero",
        "select task, feature, psi from models.drift where (psi >= 0 and isfinite(psi)) is not true",
        remedy=RETRAIN,
    ),
    warning(
        no_rows(
            "models.drift",
            "customers_are_as_before",
            f"no feature of weight, nor what is predicted, has a population stability index above {NOTABLE} against "
            "the customers that the model learned from, but for what grows with the shop's age; how right it is now is "
            "known only after label_delay_days",
            f"""
            select task, feature, round(psi, 3) as psi, label_delay_days
            from models.drift
            where psi > {NOTABLE} and not isnan(psi) and asks
            """,
            remedy="Customers are others than those the model knows: a run tries a new one, once the last training is "
            "prediction.drift_days of data ago; 'retail train' does now.",
            blocking=False,
        )
    ),
    unique_key("customers.next_purchase", "customer_id", "horizon_days"),
    no_rows(
        "customers.next_purchase",
        "everyone_is_in_it",
        "every customer of customers.features is in each horizon that has a model, as of the same day",
        """
        with expected as (
            select features.customer_id, champions.horizon_days, champions.model, features.as_of
            from customers.features as features
            cross join models.champions as champions
            where champions.model is not null and starts_with(champions.task, 'purchase_')
        ),

        told as (select customer_id, horizon_days, model, as_of from customers.next_purchase)

        (from expected except from told) union all (from told except from expected)
        """,
        remedy=REBUILD,
    ),
    no_rows(
        "customers.next_purchase",
        "predictions_can_be",
        "probabilities are from 0 to 1, more time makes none smaller, and no order is expected before today",
        """
        select customer_id, horizon_days, probability, expected_date
        from (
            select
                *,
                lag(probability, 1, 0) over (partition by customer_id order by horizon_days) as before,
                min(expected_date) over (partition by customer_id) as earliest,
                max(expected_date) over (partition by customer_id) as latest
            from customers.next_purchase
        )
        where (
            probability between 0 and 1
            and probability >= before
            and (earliest is null or (earliest = latest and earliest = expected_date and expected_date >= as_of))
        ) is not true
        """,
        remedy=RETRAIN,
    ),
    unique_key("customers.churn_risk", "customer_id", "horizon_days"),
    no_rows(
        "customers.churn_risk",
        "is_one_less_a_purchase",
        "the risk is exactly one less the probability of an order in customers.next_purchase, by the same model",
        """
        with purchases as (
            select customer_id, horizon_days, 1 - probability as probability, model, as_of from customers.next_purchase
        ),

        risks as (select customer_id, horizon_days, probability, model, as_of from customers.churn_risk)

        (from purchases except from risks) union all (from risks except from purchases)
        """,
        remedy=REBUILD,
        beside=("customers.next_purchase",),
    ),
    no_rows(
        "customers.churn_risk",
        "bands_follow_the_settings",
        "bands are those of prediction.risk_bands against the base rate, reasons are given, and one horizon at most "
        "marks who has left",
        """
        with bounds as (
            select
                horizon_days,
                $prediction_risk_bands[1] * (1 - base_rate)
                / ($prediction_risk_bands[1] * (1 - base_rate) + base_rate) as medium_from,
                $prediction_risk_bands[2] * (1 - base_rate)
                / ($prediction_risk_bands[2] * (1 - base_rate) + base_rate) as high_from
            from models.champions
            where starts_with(task, 'purchase_')
        ),

        marked as (
            select *, count(*) filter (where is_churn_horizon) over (partition by customer_id) as marked
            from customers.churn_risk
        )

        select marked.customer_id, horizon_days, marked.probability, marked.risk_band, marked.top_reasons
        from marked
        left join bounds using (horizon_days)
        where (
            risk_band = case
                when probability >= high_from then 'high'
                when probability >= medium_from then 'medium'
                when probability < medium_from then 'low'
            end
            and top_reasons <> ''
            and marked <= 1
        ) is not true
        """,
        remedy=REBUILD,
        parameters=("prediction_risk_bands",),
    ),
]
