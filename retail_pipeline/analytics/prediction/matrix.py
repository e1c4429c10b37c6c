"""What models of purchases know of a customer: columns of numbers, and how each reads in words."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

WORDS: dict[str, str] = {
    "recency_days": "last order {:.0f} days ago",
    "recency_gaps": "last order {:.1f} usual gaps ago",
    "tenure_days": "first order {:.0f} days ago",
    "orders": "orders so far: {:.0f}",
    "purchase_days": "days with an order so far: {:.0f}",
    "purchase_rate": "an order on {:.1%} of days",
    "has_returned": "came a second time: {}",
    "total_spend": "spent {:,.0f} so far",
    "avg_order_value": "a mean order of {:,.0f}",
    "order_value_sd": "orders that differ by {:,.0f}",
    "last_order_value": "a last order of {:,.0f}",
    "largest_order_value": "a largest order of {:,.0f}",
    "avg_gap_days": "{:.0f} days between orders",
    "gap_sd_days": "gaps that differ by {:.0f} days",
    "last_gap_days": "a last gap of {:.0f} days",
    "longest_gap_days": "a longest gap of {:.0f} days",
    **{f"spend_{days}d": f"spent {{:,.0f}} in {days} days" for days in (14, 30, 60, 90, 180, 365)},
    **{f"orders_{days}d": f"orders in {days} days: {{:.0f}}" for days in (14, 30, 60, 90, 180, 365)},
    "spend_trend_30d": "a trend of spend over 30 days of {:+.1f}",
    "spend_trend_90d": "a trend of spend over 90 days of {:+.1f}",
    "orders_trend_30d": "a trend of orders over 30 days of {:+.1f}",
    "orders_trend_90d": "a trend of orders over 90 days of {:+.1f}",
    "spend_weighted": "a recent spend of {:,.0f}",
    "product_variety": "different products: {:.0f}",
    "product_entropy": "a variety of {:.1f}",
    "categories": "different categories: {:.0f}",
    "top_category_share": "{:.0%} of spend in one category",
    "basket_lines": "a mean order of {:.0f} lines",
    "basket_units": "a mean order of {:,.0f} units",
    "avg_unit_price": "a mean price of {:,.2f}",
    "price_level": "prices of {:.0%} of what others pay",
    "discount_share": "{:.0%} off by discounts",
    "return_rate": "{:.0%} sent back",
    "preferred_weekday": "weekday {:.0f}",
    "weekend_share": "{:.0%} of orders at weekends",
    "night_share": "{:.0%} of orders at night",
    "morning_share": "{:.0%} of orders in the morning",
    "afternoon_share": "{:.0%} of orders in the afternoon",
    "evening_share": "{:.0%} of orders in the evening",
    "active_months": "months of the year with orders: {:.0f}",
    "orders_season_ahead": "orders in the coming season a year ago: {:.0f}",
}
"""By feature its words. All are of ``customers.features`` or made of it by :func:`matrix`; the export's texts and the
twelve months, which over a single year tell the day of the cut-off, are left out."""
FEATURES = tuple(WORDS)
GROUPS: dict[str, str] = {
    **dict.fromkeys(("recency_days", "recency_gaps"), "recency"),
    **dict.fromkeys(
        ("tenure_days", "orders", "purchase_days", "purchase_rate", "has_returned", "active_months"), "frequency"
    ),
    **dict.fromkeys(("avg_gap_days", "gap_sd_days", "last_gap_days", "longest_gap_days"), "rhythm"),
    **dict.fromkeys(
        (name for name in WORDS if name.startswith(("spend_", "orders_")) and name != "orders_season_ahead"), "lately"
    ),
    **dict.fromkeys(
        ("total_spend", "avg_order_value", "order_value_sd", "last_order_value", "largest_order_value"), "value"
    ),
    **dict.fromkeys(("basket_lines", "basket_units", "avg_unit_price", "price_level"), "baskets"),
    **dict.fromkeys(("product_variety", "product_entropy", "categories", "top_category_share"), "variety"),
    **dict.fromkeys(
        ("preferred_weekday", "weekend_share", "night_share", "morning_share", "afternoon_share", "evening_share"),
        "hours",
    ),
}
"""Features that say much the same: a model may weigh one of them against another, so only their sum is a reason."""
GROWING = (
    *("tenure_days", "orders", "purchase_days", "has_returned", "active_months", "total_spend", "largest_order_value"),
    *("longest_gap_days", "product_variety", "product_entropy", "categories", "spend_365d", "orders_365d"),
)
"""Features that grow with the shop's age, whatever customers do: added up from the first order on, or over a year."""
UNKNOWN: dict[str, str] = {
    **dict.fromkeys(("avg_gap_days", "last_gap_days", "longest_gap_days"), "no second day with an order"),
    "gap_sd_days": "fewer than three days with an order",
    "order_value_sd": "a single order",
    **{
        f"{of}_trend_{days}d": f"no {of} in {2 * days} days" for of in ("spend", "orders") for days in (30, 90)
    },
}  # fmt: skip
"""How a feature that is not known reads."""


def matrix(features: "pd.DataFrame") -> Floats:
    """The columns :data:`FEATURES` of rows of ``customers.features``; what is not known is not a number.

    Values are rounded to single precision, in which trees compare them.
    """
    frame = features.assign(
        recency_gaps=features["recency_days"] / features["usual_gap_days"],
        purchase_rate=features["purchase_days"] / features["tenure_days"],
        has_returned=(features["purchase_days"] > 1).astype(float),
    )
    values = frame[list(FEATURES)].astype("float64").to_numpy(dtype=np.float64, na_value=np.nan)
    return np.asarray(values.astype(np.float32), dtype=np.float64)


def column(values: Floats, name: str) -> Floats:
    """One feature of a matrix; shape (customers,)."""
    return np.asarray(values[:, FEATURES.index(name)])


def in_words(name: str, value: float) -> str:
    """A feature's value as a reader says it.

    Examples
    --------
    >>> in_words("recency_days", 40.0), in_words("has_returned", 0.0), in_words("last_gap_days", float("nan"))
    ('last order 40 days ago', 'came a second time: no', 'no second day with an order')
    """
    if np.isnan(value):
        return UNKNOWN.get(name, f"{name.replace('_', ' ')} not known")
    if name == "has_returned":
        return WORDS[name].format("yes" if value else "no")
    return WORDS[name].format(value)
