"""What models of purchases and spend learn from: customers as of cut-offs, and what they bought in the days after."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

from retail_pipeline.analytics.prediction.matrix import matrix
from retail_pipeline.analytics.prediction.purchase_models import Observed
from retail_pipeline.analytics.prediction.rows import as_number, at
from retail_pipeline.analytics.prediction.spending import Floats, Integers, Spending
from retail_pipeline.assets.customers.features_as_of import features_as_of
from retail_pipeline.assets.models.purchase_days import last_whole_day
from retail_pipeline.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd

UPSTREAM = (
    "core.order_lines",
    "customers.category_changes",
    "customers.features",
    "customers.order_states",
    "customers.product_changes",
    "sales.daily",
)
KNOWN = "known_from < $as_of and coalesce(known_until >= $as_of, true) and lines > 0"
"""Of ``customers.order_states`` those that hold as of the start of a day, and of which something is left."""
GAP = f"""
    with days as (
        select distinct customer_id, order_date
        from customers.order_states
        where {KNOWN}
    ),

    gaps as (
        select date_diff('day', lag(order_date) over (partition by customer_id order by order_date), order_date) as days
        from days
    )

    select quantile_disc(days, $share) from gaps where days is not null
"""
LABELS = """
    with cutoffs as (
        select unnest($cutoffs::date[]) as as_of
    )

    select cutoffs.as_of, states.customer_id, coalesce(sum(states.amount), 0) as spend
    from customers.order_states as states
    join cutoffs
        on states.order_date >= cutoffs.as_of
        and states.order_date < cutoffs.as_of + $days::integer
        and states.known_from < cutoffs.as_of + $days::integer
        and coalesce(states.known_until >= cutoffs.as_of + $days::integer, true)
    where states.lines > 0
    group by cutoffs.as_of, states.customer_id
"""
"""Who had orders from a cut-off on until the end of the horizon, of which something was left at that end, and what."""
CONTENTS = f"""
    select count(*), sum(md5_number_lower(concat_ws('|', customer_id, order_id, order_date, lines, amount))::hugeint)
    from customers.order_states
    where {KNOWN}
"""
CHURN_SHARE = 0.9
"""The share of repeat orders whose gap is no longer than that after which a customer counts as gone."""


@dataclass(frozen=True)
class Reach:
    """What there is: the first day, the day after the last whole one, the customers; days None without data."""

    first: date | None
    as_of: date | None
    customers: int

    @property
    def days(self) -> int:
        """Days of history."""
        return (self.as_of - self.first).days if self.first and self.as_of else 0


def reach(warehouse: Warehouse) -> Reach:
    """What there is to learn from."""
    last = last_whole_day(warehouse)
    first = warehouse.value("select min(order_date) from customers.order_states where lines > 0")
    as_of = last + timedelta(days=1) if last else None
    return Reach(first, as_of, warehouse.count("customers.features"))


def churn_days(warehouse: Warehouse, as_of: date) -> int | None:
    """The days without an order after which a customer counts as gone; None if nobody came twice."""
    asked = warehouse.settings.prediction.churn_days
    found: int | None = asked or warehouse.value(GAP, {"as_of": as_of, "share": CHURN_SHARE})
    return found


def contents(warehouse: Warehouse, as_of: date) -> str:
    """A hash of all orders as they were known as of a day, in whatever order they are stored."""
    return hashlib.sha256(repr(warehouse.row(CONTENTS, {"as_of": as_of})).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Seen:
    """Customers as of cut-offs, a row each, ordered by both.

    Attributes
    ----------
    rows
        ``as_of`` and ``customer_id``.
    values
        By :func:`matrix.matrix`; shape (rows, features).
    customers, cutoffs
        Numbers of them, as in :class:`purchase_models.Observed`.
    """

    rows: "pd.DataFrame"
    values: Floats
    customers: Integers
    cutoffs: Integers


def see(warehouse: Warehouse, cutoffs: Sequence[date], *, one_in: int = 1) -> Seen:
    """The customers known as of each cut-off, of so many one."""
    import pandas as pd

    features = features_as_of(warehouse, *cutoffs, one_in=one_in)
    features["as_of"] = pd.to_datetime(features["as_of"])
    numbers = {day: as_number(day.date()) for day in features["as_of"].unique()}
    names = {name: customer_number(name) for name in features["customer_id"].unique()}
    return Seen(
        features[["as_of", "customer_id"]],
        matrix(features),
        features["customer_id"].map(names).to_numpy(dtype=np.int64),
        features["as_of"].map(numbers).to_numpy(dtype=np.int64),
    )


def observe(warehouse: Warehouse, cutoffs: Sequence[date], horizon_days: int, *, one_in: int = 1) -> Observed:
    """The customers known as of each cut-off, of so many one, and who of them bought within the horizon.

    Rows are ordered by cut-off and customer.
    """
    seen = see(warehouse, cutoffs, one_in=one_in)
    has_bought = np.isfinite(_spent(warehouse, seen, cutoffs, horizon_days))
    return Observed(seen.values, has_bought.astype(np.float64), seen.customers, seen.cutoffs)


def observe_spend(warehouse: Warehouse, seen: Seen, cutoffs: Sequence[date], horizon_days: int) -> Spending:
    """Of the customers seen at some cut-offs, what they spent within the horizon and kept until its end, or nothing."""
    spent = np.maximum(np.nan_to_num(_spent(warehouse, seen, cutoffs, horizon_days)), 0)
    return at(Spending(seen.values, spent, seen.customers, seen.cutoffs), cutoffs)


def _spent(warehouse: Warehouse, seen: Seen, cutoffs: Sequence[date], horizon_days: int) -> Floats:
    """What each row's customer spent within the horizon; not a number where there was no order."""
    import pandas as pd

    bought = warehouse.read(LABELS, {"cutoffs": list(cutoffs), "days": horizon_days})
    bought["as_of"] = pd.to_datetime(bought["as_of"])
    spent = seen.rows.merge(bought, on=["as_of", "customer_id"], how="left")["spend"]
    return np.asarray(spent.to_numpy(dtype=np.float64, na_value=np.nan))


def customer_number(customer_id: str) -> int:
    """A number of a customer that depends neither on which others there are nor on who is drawn of many."""
    return int(hashlib.sha256(customer_id.encode()).hexdigest()[:15], 16)
