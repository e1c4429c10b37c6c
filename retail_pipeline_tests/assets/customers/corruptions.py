"""Harm done to the tables of clusters, which are empty in a store of few customers, by the check that must find it."""

CHOSEN = "select 'rfm' as feature_set, 'kmeans' as algorithm, 3 as k, true as chosen, true as is_champion"
"""A right row of customers.cluster_selection."""
ASSIGNED = (
    "select '100' as customer_id, 'rfm' as feature_set, 'kmeans' as algorithm, 1 as cluster, "
    "'Big spenders' as persona, true as is_champion"
)
"""A right row of customers.clusters."""
PLACED = "select '100' as customer_id, 'rfm' as feature_set, 0.5 as x, 0.5 as y"
PROFILED = "select 'rfm' as feature_set, 'kmeans' as algorithm, 1 as cluster, 1 as customers, 1 as revenue"

VALUED = (
    "select features.customer_id, horizon_days, 0.5 as p_alive, horizon_days / 100 as expected_orders, "
    "10.5 as expected_value, 0 as lower, 30.5 as upper, features.total_spend as historic_value, 'bg_nbd' as model, "
    "false as is_validated, 'too little data' as reason, features.as_of "
    "from customers.features as features, (values (30), (90)) as horizons(horizon_days)"
)
"""Right rows of customers.lifetime_value."""


_SERVING = (
    "delete from models.champions; insert into models.champions by name select 'clv_90d' as task, 90 as horizon_days, "
    "'ridge' as model, 'it beats all' as reason"
)
_TOLD = "update customers.lifetime_value set is_validated = true, model = 'xgboost' where horizon_days = 90"


def _insert(table: str, row: str, *, times: int = 1, **changes: str) -> str:
    """The statement that adds a row, right but for the changes, so many times."""
    replaced = ", ".join(f"{value} as {name}" for name, value in changes.items())
    selected = f"select * replace ({replaced}) from ({row})" if changes else row
    return f"insert into customers.{table} by name select row_.* from ({selected}) as row_, range({times})"


def _valued(change: str) -> str:
    """Right rows of customers.lifetime_value, and then a change of them."""
    return f"insert into customers.lifetime_value by name {VALUED}; {change}"


CORRUPTIONS: dict[str, list[str]] = {
    "customers.lifetime_value:key_is_unique": [_valued(f"insert into customers.lifetime_value by name {VALUED}")],
    "customers.lifetime_value:everyone_is_in_it": [
        _valued("delete from customers.lifetime_value where customer_id = '200' and horizon_days = 90"),
        *(
            _valued(f"update customers.lifetime_value set {change} where customer_id = '200'")
            for change in ("historic_value = historic_value + 0.0001", "as_of = as_of + 1", "customer_id = 'stranger'")
        ),
    ],
    "customers.lifetime_value:predictions_can_be": [
        _valued(f"update customers.lifetime_value set {change} where customer_id = '200' and horizon_days = 90")
        for change in (
            *("p_alive = 1.1", "p_alive = 'nan'::double", "expected_orders = 0.1", "expected_orders = 'inf'::double"),
            *("expected_value = -1", "lower = 31", "lower = -1", "upper = 'inf'::double", "expected_orders = null"),
            *("is_validated = true, lower = 11", "is_validated = true, upper = 10"),
        )
    ]
    + [
        _valued(
            "update customers.lifetime_value set is_validated = true, expected_value = 20 - horizon_days / 10 "
            "where customer_id = '200'"
        )
    ],
    "customers.lifetime_value:champions_tell_it": [
        _valued(f"update customers.lifetime_value set {change} where customer_id = '200' and horizon_days = 90")
        for change in ("is_validated = true", "model = 'ridge'", "reason = ''", "reason = null")
    ]
    + [_valued(f"{_SERVING}; {change}") for change in ("select 1", _TOLD, _TOLD.replace("xgboost", "ridge"))],
    "customers.cluster_selection:key_is_unique": [
        _insert("cluster_selection", CHOSEN, times=2),
        _insert("cluster_selection", CHOSEN, k="null"),
    ],
    "customers.cluster_selection:one_is_chosen": [
        _insert("cluster_selection", CHOSEN, chosen="false"),
        _insert("cluster_selection", CHOSEN, is_champion="false"),
        _insert("cluster_selection", CHOSEN, times=2),
    ],
    "customers.clusters:key_is_unique": [_insert("clusters", ASSIGNED, times=2)],
    "customers.clusters:everyone_is_assigned": [
        _insert("cluster_selection", CHOSEN),
        _insert("clusters", ASSIGNED),
    ],
    "customers.clusters:a_cluster_has_one_persona": [
        _insert("clusters", ASSIGNED) + "; " + _insert("clusters", ASSIGNED, persona="'Small spenders'"),
        _insert("clusters", ASSIGNED) + "; " + _insert("clusters", ASSIGNED, cluster="2"),
        _insert("cluster_selection", CHOSEN) + "; " + _insert("clusters", ASSIGNED, is_champion="false"),
    ],
    "customers.cluster_map:key_is_unique": [_insert("cluster_map", PLACED, times=2)],
    "customers.cluster_map:everyone_has_a_place": [
        _insert("clusters", ASSIGNED),
        _insert("clusters", ASSIGNED) + "; " + _insert("cluster_map", PLACED, x="'nan'::double"),
    ],
    "customers.cluster_profiles:key_is_unique": [_insert("cluster_profiles", PROFILED, times=2)],
    "customers.cluster_profiles:profiles_hold_everyone": [
        _insert("cluster_profiles", PROFILED),
        _insert("clusters", ASSIGNED),
        _insert("cluster_profiles", PROFILED, customers="(select count(*) from customers.features)"),
        _insert("cluster_profiles", PROFILED, revenue="(select sum(total_spend) from customers.features)"),
    ],
}
