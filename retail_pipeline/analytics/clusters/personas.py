"""Names for clusters, by rule, from what their profiles show.

A cluster is recent or lapsed, frequent or rare, of big or small spenders, if the median of its customers lies above
two thirds or below one third of all customers; of one order if half of them have no other. Clusters that would be
called alike are told apart by what differs most between them. A cluster that was there before keeps a word until its
median has gone a little beyond the boundary, so that names do not flicker.
"""

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from retail_pipeline.analytics.clusters.models import NOISE
from retail_pipeline.analytics.clusters.profiles import LEVEL_MEASURES, WEEKDAYS

LOW, HIGH = 1 / 3, 2 / 3
LEEWAY = 0.05
"""How far beyond a boundary a median must be for a word to change, as a share of all customers."""
NOISE_PERSONA = "Unlike any group"
MOST_ON_WEEKDAY = 0.5
"""A cluster is told by a weekday if this share of its customers buy mostly on it."""
ONE_TIME = "one_time"
LEVELLED = ("recency_days", "orders", "total_spend")
Levels = dict[str, str]

_RECENCY = {"low": "recent", "high": "lapsed"}
_ORDERS = {"low": "rare", "high": "frequent"}
_SPEND = {"low": "small spenders", "middle": "middling spenders", "high": "big spenders"}
_APART = {
    "total_spend": ("spending less", "spending more"),
    "avg_order_value": ("with small orders", "with large orders"),
    "orders": ("ordering less often", "ordering more often"),
    "product_variety": ("of few products", "of many products"),
    "recency_days": ("away less long", "away longer"),
}


def levels(profile: Mapping[str, Any], before: Levels | None = None) -> Levels:
    """Low, middle or high for each measure that gives a word, and whether most customers ordered once.

    ``before`` are those of the same cluster last time.
    """
    known = before or {}
    found = {name: _level(profile[f"position_{name}"], known.get(name)) for name in LEVELLED}
    leeway = LEEWAY if known.get(ONE_TIME) == "no" else -LEEWAY if known else 0
    return {**found, ONE_TIME: "yes" if profile["one_time_share"] >= 0.5 + leeway else "no"}


def personas(profiles: list[dict[str, Any]], before: Mapping[int, Levels] | None = None) -> dict[int, dict[str, Any]]:
    """By cluster its ``name`` and its ``levels``, from all profiles of a division.

    Parameters
    ----------
    before
        By cluster the levels of the last run.
    """
    known = before or {}
    found: dict[int, dict[str, Any]] = {}
    for profile in profiles:
        cluster = profile["cluster"]
        if cluster == NOISE:
            found[cluster] = {"name": NOISE_PERSONA, "levels": {}}
            continue
        of_cluster = levels(profile, known.get(cluster))
        found[cluster] = {"name": _name(of_cluster), "levels": of_cluster}
    by_cluster = {profile["cluster"]: profile for profile in profiles}
    used: set[str] = set()
    while alike := _alike(found):
        _tell_apart(alike, found, by_cluster, used)
    for cluster in found:
        name = found[cluster]["name"]
        found[cluster]["name"] = name[0].upper() + name[1:]
    return found


def sentence(name: str, share_customers: float, share_revenue: float | None) -> str:
    """A persona with its weight.

    Examples
    --------
    >>> sentence("Recent big spenders", 0.12, 0.484)
    'Recent big spenders, 12 % of customers, 48 % of revenue'
    """
    told = f"{name}, {_percent(share_customers)} of customers"
    return told if share_revenue is None else f"{told}, {_percent(share_revenue)} of revenue"


def _percent(share: float) -> str:
    return "under 1 %" if 0 < share < 0.005 else f"{100 * share:.0f} %"


def _level(position: float, before: str | None) -> str:
    low = LOW + (LEEWAY if before == "low" else -LEEWAY if before else 0)
    high = HIGH - (LEEWAY if before == "high" else -LEEWAY if before else 0)
    return "low" if position < low else "high" if position > high else "middle"


def _name(of_cluster: Levels) -> str:
    often = "one-time" if of_cluster[ONE_TIME] == "yes" else _ORDERS.get(of_cluster["orders"])
    words = (_RECENCY.get(of_cluster["recency_days"]), often, _SPEND[of_cluster["total_spend"]])
    return " ".join(word for word in words if word)


def _alike(found: Mapping[int, dict[str, Any]]) -> list[int]:
    """Clusters that share one name, the first such; none if all names differ."""
    order = sorted(found, key=lambda cluster: (found[cluster]["name"], cluster))
    for _, group in groupby(order, key=lambda cluster: found[cluster]["name"]):
        clusters = list(group)
        if len(clusters) > 1:
            return clusters
    return []


def _tell_apart(
    alike: list[int], found: dict[int, dict[str, Any]], profiles: Mapping[int, Mapping[str, Any]], used: set[str]
) -> None:
    """Add to the names of clusters called alike what differs most between them."""
    name = found[alike[0]]["name"]
    days = {cluster: profiles[cluster]["weekday"] for cluster in alike}
    by_day = [c for c in alike if (profiles[c]["weekday_share"] or 0) >= MOST_ON_WEEKDAY]
    if f"{name}: day" not in used and len({days[cluster] for cluster in by_day}) > 1:
        used.add(f"{name}: day")
        for cluster in by_day:
            found[cluster]["name"] = f"{name} buying on {WEEKDAYS[days[cluster] - 1]}s"
        return
    spans = {
        measure: _span([profiles[cluster][f"position_{measure}"] for cluster in alike])
        for measure in LEVEL_MEASURES
        if f"{name}: {measure}" not in used
    }
    best = max(spans, key=lambda measure: spans[measure], default=None)
    if best is None or not spans[best]:
        for place, cluster in enumerate(alike, start=1):
            found[cluster]["name"] = f"{name} ({place})"
        return
    used.add(f"{name}: {best}")
    order = sorted(alike, key=lambda cluster: profiles[cluster][f"position_{best}"])
    lower, higher = _APART[best]
    middle = (profiles[order[0]][f"position_{best}"] + profiles[order[-1]][f"position_{best}"]) / 2
    for cluster in order:
        word = higher if profiles[cluster][f"position_{best}"] > middle else lower
        found[cluster]["name"] = f"{name} {word}"


def _span(values: list[float]) -> float:
    return round(max(values) - min(values), 6)
