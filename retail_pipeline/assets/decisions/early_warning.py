"""``decisions.early_warning``: valuable customers whose risk rose most, why, what is at stake, and what to do."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from retail_pipeline.analytics.prediction import early_warning
from retail_pipeline.analytics.prediction.early_warning import changes, value_if_staying
from retail_pipeline.analytics.prediction.matrix import matrix
from retail_pipeline.assets.customers import next_purchase
from retail_pipeline.assets.customers.features_as_of import features_as_of
from retail_pipeline.assets.customers.lifetime_value import LIFETIME_VALUE
from retail_pipeline.assets.customers.next_purchase import CHURN_RISK, probabilities
from retail_pipeline.assets.decisions import warning_actions
from retail_pipeline.assets.decisions.warning_actions import choose
from retail_pipeline.assets.frame_assets import FrameTable
from retail_pipeline.assets.models import purchase_training
from retail_pipeline.assets.models.champions import CHAMPIONS, told_model
from retail_pipeline.assets.models.purchase_training import CODE, FEATURE_SETTINGS, Fitted, Task, current
from retail_pipeline.settings import EarlyWarningSettings
from retail_pipeline.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

EARLY_WARNING = "decisions.early_warning"
VALUABLE = f"""
    with bounds as (
        select quantile_disc(total_spend, 1 - $top_share) as least_spend
        from customers.features
        where total_spend > 0
    )

    select features.*, risks.probability as risk, values.expected_value, segments.segment
    from customers.features as features
    join bounds on features.total_spend >= bounds.least_spend
    join {CHURN_RISK} as risks on risks.customer_id = features.customer_id and risks.horizon_days = $horizon
    left join {LIFETIME_VALUE} as values
        on values.customer_id = features.customer_id and values.horizon_days = $value_horizon
    left join customers.rfm_scores as segments on segments.customer_id = features.customer_id
    order by features.customer_id
"""
"""Today's features of the best customers by what they spent, equal ones alike, with their risk and expected value."""
FAVOURITES = """
    with bought as (
        select
            customer_id,
            product_id,
            count(distinct order_date) as product_days,
            sum(amount) as amount
        from core.customer_purchases
        where order_date < $as_of and quantity > 0 and customer_id in (select unnest($customers::varchar[]))
        group by customer_id, product_id
    ),

    ranked as (
        select
            *,
            row_number() over (
                partition by customer_id order by product_days desc, amount desc nulls last, product_id
            ) as place
        from bought
    )

    select
        ranked.customer_id,
        coalesce(names.product_name, ranked.product_id) as product,
        ranked.product_days
    from ranked
    left join core.product_names as names on names.product_id = ranked.product_id
    where ranked.place = 1
"""


@dataclass(frozen=True)
class Days:
    """The task by which customers are judged, today and the day so long before; the horizon of the expected value."""

    fitted: Fitted
    task: Task
    as_of: date
    before: date
    value_horizon: int


def _days(warehouse: Warehouse) -> Days | str:
    """What is compared, or why nothing can be."""
    fitted = current(warehouse, told_model(warehouse), CHAMPIONS)
    served = fitted.served if fitted else ()
    if not fitted or not served:
        return "no model of purchases serves: models.champions says why"
    asked = warehouse.settings.early_warning
    wanted = asked.horizon_days or fitted.churn_days or served[-1].horizon_days
    task = min(served, key=lambda task: (abs(task.horizon_days - wanted), task.horizon_days))
    as_of: date | None = warehouse.value("select max(as_of) from customers.features")
    first = warehouse.value("select min(order_date) from customers.order_states where lines > 0")
    if as_of is None or first is None:
        return "there are no customers"
    before = as_of - timedelta(days=asked.days_before)
    if before <= first:
        return f"the history begins on {first}, less than early_warning.days_before = {asked.days_before} days ago"
    days = task.horizon_days
    horizons = [row[0] for row in warehouse.execute(f"select distinct horizon_days from {LIFETIME_VALUE}").fetchall()]
    return Days(fitted, task, as_of, before, min(horizons, key=lambda each: (abs(each - days), each), default=0))


def _make(warehouse: Warehouse) -> "pd.DataFrame":
    """A row a customer, the most at stake first."""
    import pandas as pd

    days = _days(warehouse)
    empty = pd.DataFrame(columns=list(TABLE.columns))
    if isinstance(days, str):
        return empty
    risen = _risen(warehouse, days)
    if risen is None:
        return empty
    now, before = risen
    model = days.task.model()
    values, values_before = matrix(now), matrix(before)
    told = changes(
        values_before, values, model.contributions(values_before), model.contributions(values), groups=model.groups
    )
    liked = warehouse.read(FAVOURITES, {"as_of": days.as_of, "customers": now["customer_id"].tolist()})
    now = now.merge(liked, on="customer_id", how="left").assign(
        groups=[change.groups for change in told], category=now["top_category"].where(now["top_category"].notna(), None)
    )
    actions = _actions(now.to_dict("records"), warehouse.settings.early_warning)
    found = pd.DataFrame(
        {
            "rank": range(1, len(now) + 1),
            "customer_id": now["customer_id"],
            "segment": now["segment"],
            "horizon_days": days.task.horizon_days,
            "risk": now["risk"],
            "risk_before": now["risk_before"],
            "rise": now["rise"],
            "reason": [change.text for change in told],
            "value_at_stake": now["value_at_stake"],
            "value_if_staying": now["value_if_staying"],
            "expected_value": now["expected"],
            "historic_value": now["total_spend"],
            "last_order_date": pd.to_datetime(now["as_of"]) - pd.to_timedelta(now["recency_days"], unit="D"),
            "usual_gap_days": now["avg_gap_days"],
            "favourite_product": now["product"],
            "action_kind": [kind for kind, _ in actions],
            "action": [text for _, text in actions],
            "model": days.task.champion,
            "before": pd.Timestamp(days.before),
            "as_of": now["as_of"],
        }
    )
    return found[list(TABLE.columns)]


def _risen(warehouse: Warehouse, days: Days) -> "tuple[pd.DataFrame, pd.DataFrame] | None":
    """The customers to warn of, ranked, with today's features, and their features of the day before, in that order."""
    import numpy as np

    asked, horizon = warehouse.settings.early_warning, days.task.horizon_days
    now = warehouse.read(
        VALUABLE, {"top_share": asked.top_share, "horizon": horizon, "value_horizon": days.value_horizon}
    )
    before = features_as_of(warehouse, days.before)
    before = before[before["lifecycle_stage"] != "dormant"]
    now = now[now["recency_days"] > np.minimum(now["usual_gap_days"], asked.days_before)]
    both = sorted({*now["customer_id"]} & {*before["customer_id"]})
    if not both:
        return None
    now, before = (frame.set_index("customer_id", drop=False).loc[both].rename_axis(None) for frame in (now, before))
    place = days.fitted.served.index(days.task)
    risk_before = 1 - probabilities(days.fitted, matrix(before), days.as_of)[:, place]
    rise = now["risk"].to_numpy() - risk_before
    expected = now["expected_value"].to_numpy(dtype=np.float64, na_value=np.nan) * (
        horizon / days.value_horizon if days.value_horizon else np.nan
    )
    staying = value_if_staying(expected, 1 - now["risk"].to_numpy(), _pace(now, horizon))
    now = now.assign(
        risk_before=risk_before,
        rise=rise,
        expected=expected,
        value_if_staying=staying,
        value_at_stake=rise * staying,
    )
    at_stake = now["value_at_stake"].to_numpy()
    kept = np.flatnonzero((rise >= asked.least_rise) & (at_stake > 0))
    order = kept[np.argsort(-at_stake[kept], kind="stable")][: asked.customers]
    if not len(order):
        return None
    return now.iloc[order].reset_index(drop=True), before.iloc[order].reset_index(drop=True)


def _pace(features: "pd.DataFrame", horizon_days: int) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """What customers brought in so many days on average, between the first order and the last; all, if that is less."""
    import numpy as np

    span = np.maximum(features["tenure_days"].to_numpy() - features["recency_days"].to_numpy(), horizon_days)
    return np.asarray(features["total_spend"].to_numpy(dtype=np.float64) * horizon_days / span)


def _actions(rows: "list[dict[str, Any]]", asked: EarlyWarningSettings) -> list[tuple[str, str]]:
    """What to do about each, the first so many of whom nobody need wait for being called."""
    found: list[tuple[str, str]] = []
    called = 0
    for row in rows:
        kind, text = choose({**row, "may_be_called": called < asked.calls})
        called += kind == "call"
        found.append((kind, text))
    return found


def _tell(warehouse: Warehouse) -> Mapping[str, Any]:
    """What the table says in all; or why it is empty."""
    rows, stake = warehouse.row(
        f"select count(*), sum(value_at_stake::decimal(18, 2)) from {EARLY_WARNING}"
    ) or (0, None)  # fmt: skip
    if rows:
        return {"customers": rows, "value_at_stake": float(stake)}
    days = _days(warehouse)
    least = warehouse.settings.early_warning.least_rise
    return {
        "empty_because": days
        if isinstance(days, str)
        else f"of no valuable customer did the risk rise by early_warning.least_rise = {least} since {days.before}, "
        "but for those who have ordered since and are not late"
    }


TABLE = FrameTable(
    name=EARLY_WARNING,
    row="a valuable customer whose risk of not buying again rose, with why, what is at stake and what to do",
    about="Both risks are of the one model that serves (models.champions), as of as_of and as of the day "
    "early_warning.days_before earlier, of what was known on each, at the level of as_of: the rise is the customer's, "
    "not the model's or the season's. The time to come is that in which whoever orders nothing counts as gone, or "
    "early_warning.horizon_days. Valuable are the early_warning.top_share of customers by historic value, equal ones "
    "alike; who came within the month has no earlier risk. Not warned of is who was dormant before (lifecycle_stage), "
    "or has ordered since and is not later than usual (usual_gap_days): after an order nobody needs the next one at "
    "once. Listed are the early_warning.customers with most at stake, of those whose risk rose by "
    "early_warning.least_rise. Reasons are the exact SHAP values of today less those of the day before. Actions are "
    "by rule, the first that holds: wait, where it may be the season; call, the early_warning.calls with most at "
    "stake; ask about returns; a second-order offer; a replenishment reminder for regulars who are a little late; "
    "else a win-back offer. They are the trade's rules of thumb: that one helps has to be tried. Empty without a "
    "model; the materialisation says why.",
    key=("customer_id",),
    columns={
        "rank": ("bigint", "1 for the most at stake"),
        "customer_id": ("varchar", "the customer"),
        "segment": ("varchar", "their segment in customers.rfm_scores"),
        "horizon_days": ("bigint", "the time to come in which an order is or is not to be expected [days]"),
        "risk": ("double", "probability that no order comes within it, as of as_of: customers.churn_risk [0 to 1]"),
        "risk_before": ("double", "the same as of before, by the same model [0 to 1]"),
        "rise": ("double", "risk less risk_before [0 to 1]"),
        "reason": ("varchar", "what raised the risk since then, the strongest first, and what it was then"),
        "value_at_stake": (
            "double",
            "what the rise costs on average within horizon_days: rise times value_if_staying [reporting currency]",
        ),
        "value_if_staying": (
            "double",
            "what they bring within horizon_days if they buy at all: expected_value over the probability of an order, "
            "at most what they brought in as many days from their first order to their last [reporting currency]",
        ),
        "expected_value": (
            "double",
            "what to expect of them within horizon_days: customers.lifetime_value at the nearest horizon, in "
            "proportion; null if there is none [reporting currency]",
        ),
        "historic_value": ("decimal(18, 4)", "value of what they bought so far and is left [reporting currency]"),
        "last_order_date": ("date", "day of the last order [store time]"),
        "usual_gap_days": ("double", "mean time between their days with an order, null of one day [days]"),
        "favourite_product": ("varchar", "the product they bought on most days, of several the one of most spend"),
        "action_kind": (
            "varchar",
            "'wait', 'call', 'ask about returns', 'second-order offer', 'replenishment reminder' or 'win-back offer'",
        ),
        "action": ("varchar", "what to do, in words"),
        "model": ("varchar", "the model that serves for this horizon"),
        "before": ("date", "the earlier day, at whose start risk_before holds [store time]"),
        "as_of": ("date", "the day at whose start the time to come begins [store time]"),
    },
    upstream=(
        "core.customer_purchases",
        "core.product_names",
        "customers.category_changes",
        CHURN_RISK,
        "customers.features",
        LIFETIME_VALUE,
        "customers.order_states",
        "customers.product_changes",
        "customers.rfm_scores",
        CHAMPIONS,
    ),
    make=_make,
    code=(early_warning, warning_actions, next_purchase, purchase_training, *CODE),
    parameters=(*FEATURE_SETTINGS, *(f"early_warning_{name}" for name in EarlyWarningSettings.model_fields)),
    tell=_tell,
)
