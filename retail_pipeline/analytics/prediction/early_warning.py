"""Whose risk rose: what is at stake with it, and why it rose, out of what a model says of a customer on two days."""

from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter

import numpy as np
from numpy.typing import NDArray

from retail_pipeline.analytics.prediction.importance import LEAST_CONTRIBUTION
from retail_pipeline.analytics.prediction.matrix import FEATURES, GROUPS, WORDS, in_words

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Change:
    """Why a risk rose: ``text`` in words, and the ``groups`` of features behind it, the strongest first."""

    text: str
    groups: tuple[str, ...]


def value_if_staying(expected: Floats, purchase: Floats, pace: Floats) -> Floats:
    """What a customer brings within a horizon who does buy in it, by what is expected of all alike, or by their past.

    The expected value is the probability of a purchase times this, so it is that over the probability; but never more
    than the pace, for a small probability would make much of little. Where nothing is expected of, it is the pace.

    Parameters
    ----------
    expected
        Expected value within the horizon, not a number where there is none [currency].
    purchase
        Probability of an order within it.
    pace
        What the customer brought in as many days on average, from the first order to the last [currency].

    Examples
    --------
    >>> value_if_staying(np.array([30.0, 30, np.nan]), np.array([0.5, 0.01, 0.5]), np.array([90.0, 90, 90])).tolist()
    [60.0, 90.0, 90.0]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        given = np.where(np.isfinite(expected), expected / purchase, np.inf)
    return np.asarray(np.minimum(np.where(np.isnan(given), 0.0, given), pace))


def changes(
    before: Floats,
    now: Floats,
    added_before: Floats,
    added_now: Floats,
    *,
    most: int = 3,
    groups: Mapping[str, str] = GROUPS,
) -> list[Change]:
    """Of each customer what raised the risk that no order comes from one day to another, the strongest first.

    What features add to the log odds of an order on the later day, less what they added on the earlier one, is what
    the model makes of their change; over all features it adds up to the change of the log odds. Of features that say
    much the same the changes are summed up, and the one that speaks loudest for the sum is named.

    Parameters
    ----------
    before, now, added_before, added_now
        Features and what each adds to the log odds of an order, on both days; shape (customers, features).
    groups
        By feature the group of those that are summed up.
    """
    names = [groups.get(name, name) for name in FEATURES]
    in_order = list(dict.fromkeys(names))
    raised = added_before - added_now
    members = [np.flatnonzero([name == group for name in names]) for group in in_order]
    sums = np.column_stack([raised[:, places].sum(axis=1) for places in members])
    strongest = np.argsort(-sums, axis=1, kind="stable")[:, :most]
    found = []
    for row, order in enumerate(strongest):
        told = [int(group) for group in order if sums[row, group] >= LEAST_CONTRIBUTION]
        places = [int(members[group][np.argmax(raised[row, members[group]])]) for group in told]
        texts = [_changed(FEATURES[place], float(before[row, place]), float(now[row, place])) for place in places]
        found.append(Change("; ".join(texts) or "nothing stands out", tuple(in_order[group] for group in told)))
    return found


def _changed(name: str, before: float, now: float) -> str:
    """A feature as it is, and as it was, if that reads differently.

    Examples
    --------
    >>> _changed("recency_days", 15.0, 45.0), _changed("return_rate", 0.1, 0.1)
    ('last order 45 days ago (was 15)', '10% sent back')
    """
    text, earlier = in_words(name, now), in_words(name, before)
    if text == earlier:
        return text
    return f"{text} (was {_number(name, before) if np.isfinite(before) else earlier})"


def _number(name: str, value: float) -> str:
    """The number alone, written as the feature's words have it."""
    if name == "has_returned":
        return "yes" if value else "no"
    return "".join(format(value, spec) for _, _, spec, _ in Formatter().parse(WORDS[name]) if spec is not None)
