"""Customers made up for tests of clusters: groups that are well apart, or a crowd without any."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retail_pipeline.analytics.clusters.search import Limits

QUICK = Limits(k_max=6, rounds=2, resampled=300)
GROUPS = {
    # recency_days, orders, total_spend, product_variety, preferred_weekday
    "regulars": (8, 40, 9_000, 200, 2),
    "lapsed": (300, 3, 90, 4, 5),
    "new": (8, 3, 90, 4, 5),
}
"""Medians of groups of customers who differ in at least one measure by far."""


def customers(of_each: int = 60, seed: int = 1, groups: tuple[str, ...] = tuple(GROUPS)) -> pd.DataFrame:
    """So many customers of each group, spread by a tenth about its medians, with the group they are of.

    Counts have fractions: whole ones would lie in clumps of their own.
    """
    rng = np.random.default_rng(seed)
    parts = []
    for name in groups:
        recency, orders, spend, variety, weekday = GROUPS[name]
        near = rng.lognormal(0, 0.1, size=(of_each, 4))
        parts.append(
            pd.DataFrame(
                {
                    "recency_days": recency * near[:, 0],
                    "orders": orders * near[:, 1],
                    "total_spend": np.round(spend * near[:, 2], 2),
                    "product_variety": variety * near[:, 3],
                    "preferred_weekday": float(weekday),
                    "group": name,
                }
            )
        )
    frame = pd.concat(parts, ignore_index=True)
    frame["avg_order_value"] = frame["total_spend"] / frame["orders"]
    return frame.assign(customer_id=[f"C{number:04d}" for number in range(len(frame))])


def codes(frame: pd.DataFrame) -> NDArray[np.int64]:
    """The groups as numbers."""
    return frame["group"].astype("category").cat.codes.to_numpy(dtype=np.int64)
