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


def _insert(table: str, row: str, *, times: int = 1, **changes: str) -> str:
    """The statement that adds a row, right but for the changes, so many times."""
    replaced = ", ".join(f"{value} as {name}" for name, value in changes.items())
    selected = f"select * replace ({replaced}) from ({row})" if changes else row
    return f"insert into customers.{table} by name select row_.* from ({selected}) as row_, range({times})"


CORRUPTIONS: dict[str, list[str]] = {
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
