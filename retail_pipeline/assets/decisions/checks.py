"""Checks on what is said and advised."""

from retail_pipeline.assets.decisions.reports import NAMES
from retail_pipeline.assets.decisions.warning_actions import ACTIONS
from retail_pipeline.assets.table_checks import Finding, TableCheck, no_rows, unique_key
from retail_pipeline.warehouse.warehouse import Warehouse


def _find_unsupported(warehouse: Warehouse) -> Finding:
    rows = warehouse.execute("select rank, text, evidence from decisions.insights order by rank").fetchall()
    for rank, text, evidence in rows:
        found = len(warehouse.execute(evidence).fetchall())
        if found != 1:
            return Finding(False, f"sentence {rank} ({text[:60]}) is backed by {found} rows. Please report it.")
    return Finding(True, f"{len(rows)} sentences, each with the row that backs it")


def _page_check(table: str) -> TableCheck:
    def find(warehouse: Warehouse) -> Finding:
        files = warehouse.execute(f"select file_name from {table} order by period").fetchall()
        missing = [name for (name,) in files if not (warehouse.home.reports / name).is_file()]
        if missing:
            return Finding(False, f"{missing[0]} is not in {warehouse.home.reports}; the next run writes it.", "WARN")
        return Finding(True, f"{len(files)} pages")

    return TableCheck(table, "pages_are_there", "every report's page lies in reports/", find, blocking=False)


KINDS = ", ".join(f"'{action.kind}'" for action in ACTIONS)
REBUILD = "'retail run --full' builds all tables anew; if that does not help, please report it."

CHECKS: list[TableCheck] = [
    unique_key("decisions.insights", "rank"),
    TableCheck(
        "decisions.insights", "evidence_is_one_row", "each sentence's evidence returns the one row it is made from",
        _find_unsupported, blocking=False,
    ),
    unique_key("decisions.early_warning", "customer_id"),
    no_rows(
        "decisions.early_warning",
        "risks_are_those_told_of_customers",
        "risk, model and day are those of customers.churn_risk, and historic values those of customers.features",
        """
        with told as (
            select customer_id, horizon_days, risk, model, as_of, historic_value
            from decisions.early_warning
        )

        from told
        except
        select risks.customer_id, risks.horizon_days, risks.probability, risks.model, risks.as_of, features.total_spend
        from customers.churn_risk as risks
        join customers.features as features using (customer_id)
        """,
        remedy=REBUILD,
    ),
    no_rows(
        "decisions.early_warning",
        "stakes_follow_from_risks",
        "the rise is the risk less that of before, at stake is the rise times the value, most of it first; "
        "reasons and actions are given, and no more customers than asked for, of risks that rose enough, are listed",
        f"""
        select rank, risk, risk_before, rise, value_at_stake, value_if_staying, reason, action_kind, action
        from (
            select
                *,
                lag(value_at_stake) over (order by rank) as stake_before,
                row_number() over (order by rank) as place
            from decisions.early_warning
        )
        where (
            rank = place
            and rank <= $early_warning_customers
            and value_at_stake <= coalesce(stake_before, value_at_stake)
            and risk between 0 and 1
            and risk_before between 0 and 1
            and rise = risk - risk_before
            and rise >= $early_warning_least_rise
            and value_at_stake = rise * value_if_staying
            and value_at_stake > 0
            and isfinite(value_at_stake)
            and before = as_of - $early_warning_days_before::integer
            and last_order_date < as_of
            and reason <> ''
            and action <> ''
            and action_kind in ({KINDS})
        ) is not true
        """,
        remedy=REBUILD,
        parameters=("early_warning_customers", "early_warning_least_rise", "early_warning_days_before"),
    ),
    *(unique_key(f"decisions.{name}_reports", "period") for name in NAMES.values()),
    *(_page_check(f"decisions.{name}_reports") for name in NAMES.values()),
]  # fmt: skip
