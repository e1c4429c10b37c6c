"""Which members explain a change from one period to the next, and how surprising each one's part is.

Amounts are whole numbers (of the smallest unit of money), so that parts add up to the whole exactly.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

OTHERS = "(all others)"
"""The member that stands for all that are not kept."""
COLUMNS = (
    "place", "dimension", "member", "members", "rank", "before", "after", "change", "whole_change", "share_explained",
    "share_before", "expected_change", "excess", "share_of_shift", "usual_share", "history", "surprise",
    "p_value",
)  # fmt: skip
LEVEL_PERIODS = 4
"""The usual level of a share is the median of so many periods before."""
MEDIAN_VARIANCE = 1.2
"""How much the median of three or four values varies, relative to their mean."""
PRIOR_PERIODS = 12
"""How many periods of a member's own outweigh what is usual for the members of its dimension."""
LEAST_DEGREES, DEGREES_PER_PERIOD = 20.0, 0.4
"""Degrees of freedom: a median of absolute values tells about 0.4 times as much as a standard deviation."""
MEDIAN_TO_DEVIATION = 1.4826
"""The standard deviation of normal values by the median of their absolute values."""


@dataclass(frozen=True)
class Surprises:
    """How unusual each member's share is, all arrays (periods, members); unknown where the history is too short.

    Attributes
    ----------
    surprise
        The departure of the member's share from its level of late, in units of its own usual departures.
    p_value
        Two-sided, for one member looked at alone.
    habit
        Share of the earlier periods in which some member was as surprising, the first such period not counted.
    usual_share
        The median of its shares in all earlier periods.
    history
        Earlier periods whose departure is known.
    """

    surprise: np.ndarray
    p_value: np.ndarray
    habit: np.ndarray
    usual_share: np.ndarray
    history: np.ndarray


def surprises(amounts: np.ndarray, *, season: int, least_history: int = 6) -> Surprises:
    """Hold each member's share against its own earlier ones, and nothing later.

    A share s is taken as asin(sqrt(s)), whose variance does not depend on s (the angular transformation; Cohen 1988,
    "Statistical power analysis", chapter 6). Its departure is what it differs from the median of the four periods
    before, divided by the root of the sum of 1/V, V being the period's total, and the like for that median: what
    chance does to shares is so made alike for large and small members and periods. The usual size of a member's
    departures is 1.4826 times the median of the absolute values of those that are not zero, shrunk towards the median
    of all members' as in moderated t-statistics (Smyth 2004, "Linear models and empirical Bayes methods"). What came a
    season earlier as well is no surprise: of the departure, and what it differs from that of a season earlier, the
    smaller counts, and neither if they point to different sides.

    Parameters
    ----------
    amounts
        A row a period, in order and without gaps, a column a member.
    season
        Periods of a year.
    least_history
        Earlier departures that a member must have for a judgement.

    Examples
    --------
    >>> steady = np.array([[50, 50], [51, 49], [49, 51], [50, 50], [51, 49], [50, 50], [49, 51], [50, 50], [20, 50]])
    >>> found = surprises(steady, season=12)
    >>> found.history[-1].tolist(), bool(found.surprise[-1, 0] < -10), bool(found.p_value[-1, 0] < 0.001)
    ([7, 7], True, True)
    """
    periods, members = amounts.shape
    shape = (periods, members)
    surprise, p_value, habit, usual_share = (np.full(shape, np.nan) for _ in range(4))
    found = Surprises(surprise, p_value, habit, usual_share, np.zeros(shape, dtype=np.int64))
    shares = _shares(amounts)
    departures = _departures(amounts, shares)
    for place in range(1, periods):
        found.usual_share[place] = _medians(shares[:place])
        _judge(place, departures, season, least_history, found)
    return found


def _shares(amounts: np.ndarray) -> np.ndarray:
    totals = amounts.sum(axis=1, keepdims=True).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(totals > 0, amounts / totals, np.nan)


def _departures(amounts: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Of each share from the level before, scaled by what the periods' totals let chance do; unknown of newcomers."""
    angles = np.arcsin(np.sqrt(np.clip(shares, 0, 1)))
    totals = amounts.sum(axis=1).astype(np.float64)
    with np.errstate(divide="ignore"):
        noise = np.where(totals > 0, 1 / totals, np.nan)
    is_known = np.cumsum(amounts != 0, axis=0) > 0
    departures = np.full(amounts.shape, np.nan)
    for place in range(1, len(amounts)):
        before = slice(max(0, place - LEVEL_PERIODS), place)
        told = np.count_nonzero(np.isfinite(noise[before]))
        if not told or not np.isfinite(noise[place]):
            continue
        of_level = np.nanmean(noise[before]) / told * (MEDIAN_VARIANCE if told > 2 else 1.0)
        departure = (angles[place] - _medians(angles[before])) / np.sqrt(noise[place] + of_level)
        departures[place] = np.where(is_known[place - 1], departure, np.nan)
    return departures


def _judge(place: int, departures: np.ndarray, season: int, least_history: int, found: Surprises) -> None:
    """Fill in one period's row."""
    from scipy.stats import t

    earlier = departures[:place]
    found.history[place] = np.isfinite(earlier).sum(axis=0)
    own = MEDIAN_TO_DEVIATION * _medians(np.where(earlier == 0, np.nan, np.abs(earlier)))
    told = (np.isfinite(earlier) & (earlier != 0)).sum(axis=0)
    is_judged = (found.history[place] >= least_history) & np.isfinite(departures[place])
    common = own[is_judged & np.isfinite(own)]
    if not len(common):
        return
    variance = (PRIOR_PERIODS * np.median(common) ** 2 + told * np.where(told, own, 0.0) ** 2) / (PRIOR_PERIODS + told)
    raw = departures[place] / np.sqrt(variance)
    if place - season > 0:
        beyond = (departures[place] - departures[place - season]) / np.sqrt(2 * variance)
        smaller = np.sign(raw) * np.minimum(np.abs(raw), np.abs(beyond))
        raw = np.where(np.isnan(beyond), raw, np.where(raw * beyond > 0, smaller, 0.0))
    found.surprise[place] = np.where(is_judged, raw, np.nan)
    degrees = LEAST_DEGREES + DEGREES_PER_PERIOD * told
    found.p_value[place] = np.where(is_judged, 2 * t.sf(np.abs(raw), degrees), np.nan)
    largest = np.array([np.nanmax(np.abs(row)) for row in found.surprise[:place] if np.isfinite(row).any()])
    alike = np.count_nonzero(largest[:, None] >= np.abs(raw), axis=0)
    found.habit[place] = np.where(is_judged, np.maximum(alike - 1, 0) / max(1, len(largest)), np.nan)


def _medians(values: np.ndarray) -> np.ndarray:
    """Of each column, of the values that are known."""
    ranked = np.sort(values, axis=0)  # unknown ones last
    known = np.isfinite(values).sum(axis=0)
    columns = np.arange(values.shape[1])
    low, high = ranked[np.maximum(known - 1, 0) // 2, columns], ranked[np.minimum(known // 2, len(values) - 1), columns]
    return np.where(known > 0, (low + high) / 2, np.nan)


def contributions(amounts: pd.DataFrame, periods: int, *, season: int | None, kept: int) -> pd.DataFrame:
    """Divide each change from one period to the next among the members of each dimension.

    Parameters
    ----------
    amounts
        ``dimension``, ``member``, ``place`` (0 for the first period) and ``amount``; a member that had nothing in a
        period needs no row.
    periods
        How many periods there are.
    season
        Periods of a year, for :func:`surprises`; not set, nothing is judged.
    kept
        Members of a dimension and period that keep their own row: those that explain most, and as many that moved
        most unlike all others. The rest are one row, so that all rows of a dimension add up to the change.

    Returns
    -------
    DataFrame
        A row a period (but the first), dimension and kept member. ``rank`` is by the part of the change explained,
        1 for the largest; ``expected_change`` is the member's part had all members moved alike; ``excess`` is the
        rest, and ``share_of_shift`` its share among all of the same sign. ``p_value`` is that of the best of all
        members of all dimensions that have several (Bonferroni), and no lower than the share of earlier periods in
        which a member of the dimension was as surprising: where single large orders are the rule, none is news.
    """
    parts = [
        _of_dimension(str(dimension), rows, periods, season, kept)
        for dimension, rows in amounts.groupby("dimension", sort=True)
    ]
    parts = [part for part in parts if len(part)]
    if not parts:
        return pd.DataFrame(columns=list(COLUMNS))
    found = pd.concat(parts, ignore_index=True)
    several = found[found["judged"] > 1].groupby("place")["dimension"].nunique()
    looks = found["judged"] * found["place"].map(several).fillna(1)
    by_chance = np.maximum(found["p_value"] * looks, found["habit"])
    return found.assign(p_value=np.minimum(1.0, by_chance))[list(COLUMNS)]


def _of_dimension(dimension: str, rows: pd.DataFrame, periods: int, season: int | None, kept: int) -> pd.DataFrame:
    members = np.array(sorted(rows["member"].unique()), dtype=object)
    table = np.zeros((periods, len(members)), dtype=np.int64)
    table[rows["place"].to_numpy(), np.searchsorted(members, rows["member"].to_numpy())] = rows["amount"].to_numpy()
    judged = surprises(table, season=season) if season else None
    parts = [_of_change(place, table, judged, members, kept) for place in range(1, periods)]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]} if parts else {}
    return pd.DataFrame(columns).assign(dimension=dimension) if columns and len(columns["place"]) else pd.DataFrame()


def _of_change(
    place: int, table: np.ndarray, judged: Surprises | None, names: np.ndarray, kept: int
) -> dict[str, np.ndarray]:
    """One change, of the members that were there before or after it: columns, in the order of ranks."""
    active = np.flatnonzero((table[place] != 0) | (table[place - 1] != 0))
    before, after = table[place - 1, active], table[place, active]
    change, whole = after - before, int(after.sum() - before.sum())
    total = before.sum()
    shares = before / total if total > 0 else np.full(len(active), np.nan)
    expected = np.rint(shares * whole) if total > 0 else np.full(len(active), np.nan)
    excess = change - expected
    in_rank = np.lexsort((active, -change * (np.sign(whole) or 1)))
    rank = np.empty(len(active), dtype=np.int64)
    rank[in_rank] = np.arange(1, len(active) + 1)
    unlike = np.empty(len(active), dtype=np.int64)
    unlike[np.lexsort((active, -np.abs(np.nan_to_num(excess))))] = np.arange(1, len(active) + 1)
    unknown = np.full(len(active), np.nan)
    columns = {
        "place": np.full(len(active), place),
        "member": names[active],
        "members": np.ones(len(active), dtype=np.int64),
        "rank": rank,
        "before": before,
        "after": after,
        "change": change,
        "whole_change": np.full(len(active), whole),
        "share_explained": change / whole if whole else unknown,
        "share_before": shares,
        "expected_change": expected,
        "excess": excess,
        "share_of_shift": _shares_of_sign(excess),
        "usual_share": judged.usual_share[place, active] if judged else unknown,
        "history": judged.history[place, active] if judged else np.zeros(len(active)),
        "surprise": judged.surprise[place, active] if judged else unknown,
        "p_value": judged.p_value[place, active] if judged else unknown,
        "habit": judged.habit[place, active] if judged else unknown,
        "judged": np.full(len(active), np.isfinite(judged.p_value[place]).sum() if judged else 0),
    }
    is_kept = (rank <= kept) | (unlike <= kept)
    if np.isfinite(columns["p_value"]).any():
        is_kept |= columns["p_value"] == np.nanmin(columns["p_value"])
    if np.count_nonzero(~is_kept) == 1:
        is_kept[:] = True  # one alone is no sum
    rest = {name: values[~is_kept] for name, values in columns.items()}
    ranked = in_rank[is_kept[in_rank]]
    columns = {name: values[ranked] for name, values in columns.items()}
    if is_kept.all():
        return columns
    others = _others(rest)
    return {name: np.append(values, others.get(name, np.nan)) for name, values in columns.items()}


def _shares_of_sign(excess: np.ndarray) -> np.ndarray:
    """Each excess by the sum of all that have its sign."""
    gained, lost = excess[excess > 0].sum(), excess[excess < 0].sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(excess > 0, excess / gained, np.where(excess < 0, excess / lost, np.nan))


def _others(rest: dict[str, np.ndarray]) -> dict[str, Any]:
    """All members that are not kept, as one row; what cannot be told of several is left out."""
    place, whole = int(rest["place"][0]), int(rest["whole_change"][0])
    row: dict[str, Any] = {"place": place, "member": OTHERS, "whole_change": whole}
    row |= {name: int(rest[name].sum()) for name in ("members", "before", "after", "change")}
    row |= {name: _known_sum(rest[name]) for name in ("share_before", "expected_change", "excess")}
    row["share_explained"] = row["change"] / whole if whole else np.nan
    return row


def _known_sum(values: np.ndarray) -> float:
    """Of the values that are known, if there are any."""
    known = values[np.isfinite(values)]
    return float(known.sum()) if len(known) else np.nan
