"""What to do about a customer whose risk rose: the first rule that holds, of a short table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]

YEAR_DAYS, SEASON_DAYS = 364, 90
"""``orders_season_ahead`` are of the first so many days after the day so long ago."""
REGULAR_DAYS = 3
"""Who ordered on so many days has a rhythm of their own."""
LATE_GAPS = 2
"""Whoever is later than so many usual gaps does not come for a reminder alone."""
RETURNED_SHARE = 0.2


@dataclass(frozen=True)
class Action:
    """A rule: what it is called, when it holds, and what is to be done, in words."""

    kind: str
    holds: Callable[[Row], bool]
    say: Callable[[Row], str]


def _is_out_of_season(row: Row) -> bool:
    """A customer for a year, whose risk the season raised; or whose quarter a year ago was quiet, against habit."""
    if row["tenure_days"] <= YEAR_DAYS:
        return False
    is_regular = row["purchase_days"] >= REGULAR_DAYS and row["usual_gap_days"] <= SEASON_DAYS
    return row["groups"][:1] == ("orders_season_ahead",) or bool(is_regular and row["orders_season_ahead"] == 0)


def _sends_back(row: Row) -> bool:
    return "return_rate" in row["groups"] and (row["return_rate"] or 0) >= RETURNED_SHARE


def _is_regular_and_a_little_late(row: Row) -> bool:
    return bool(row["purchase_days"] >= REGULAR_DAYS and row["recency_days"] <= LATE_GAPS * row["usual_gap_days"])


def _favourite(row: Row) -> str:
    """The product that they bought on most days, with how many, and the category of most spend."""
    days = f"bought on {row['product_days']} days" if row["product_days"] > 1 else "bought once"
    category = f"; most spent on {row['category']}" if row["category"] else ""
    return f"{row['product']} ({days}{category})"


ACTIONS: tuple[Action, ...] = (
    Action(
        "wait",
        _is_out_of_season,
        lambda row: "wait, it may be the season alone: a year ago they ordered as little in the weeks to come",
    ),
    Action(
        "call",
        lambda row: bool(row["may_be_called"]),
        lambda row: f"call or write in person, and ask what they need; they know you for {_favourite(row)}",
    ),
    Action(
        "ask about returns",
        _sends_back,
        lambda row: f"ask what was wrong before offering anything: {row['return_rate']:.0%} was sent back",
    ),
    Action(
        "second-order offer",
        lambda row: row["purchase_days"] == 1,
        lambda row: f"offer something for a second order, to go with {_favourite(row)}",
    ),
    Action(
        "replenishment reminder",
        _is_regular_and_a_little_late,
        lambda row: f"remind them of {_favourite(row)}; they came every {row['avg_gap_days']:.0f} days on average",
    ),
    Action(
        "win-back offer",
        lambda row: True,
        lambda row: f"make an offer for a limited time on {_favourite(row)}",
    ),
)
"""In the order in which they are tried; the last one always holds."""


def choose(row: Row) -> tuple[str, str]:
    """The kind of action and what is to be done.

    Parameters
    ----------
    row
        Columns of ``customers.features``, and: ``groups`` of features that raised the risk, the strongest first;
        whether the customer ``may_be_called``; ``product``, ``product_days`` and ``category`` they like best.
    """
    action = next(action for action in ACTIONS if action.holds(row))
    return action.kind, action.say(row)
