"""What net sales would be if customers did otherwise: the question behind the scenarios, for any levers."""

from dataclasses import dataclass
from datetime import date

import numpy as np

from retail_pipeline.analytics.forecasting.scenarios import Levers
from retail_pipeline.analytics.forecasting.scenarios import what_if as with_levers
from retail_pipeline.reports.sentences import Read

MODERATE = """
    select period, value, returning_value, other_value
    from forecasts.scenarios
    where scenario = 'moderate'
    order by period
"""


@dataclass(frozen=True)
class Answer:
    """What levers would do: months, what is expected and what it would be [reporting currency], and a sentence."""

    months: tuple[date, ...]
    expected: tuple[float, ...]
    value: tuple[float, ...]
    text: str


def what_if(read: Read, *, retention: float = 0.0, order_value: float = 0.0, traffic: float = 0.0) -> Answer:
    """Net sales by month if returning customers ordered more, orders were worth more, or more new customers came.

    ``what_if(read_rows(connection), retention=0.10)`` asks: what if returning customers order 10 % more?

    Parameters
    ----------
    read
        Runs a query on a snapshot, as :func:`retail_pipeline.reports.files.read_rows` makes it.
    retention, order_value, traffic
        Changes of returning customers' orders, of an order's value, and of new customers' and guests' orders [shares].

    Raises
    ------
    ValueError
        when a change is below -1: nobody orders less than nothing.
    """
    if min(retention, order_value, traffic) < -1:
        raise ValueError("A change below -1 would be less than nothing; -0.1 is 10 % less.")
    rows = read(MODERATE)
    returning, others = (np.array([float(row[name]) for row in rows]) for name in ("returning_value", "other_value"))
    value = with_levers(returning, others, Levers(retention, order_value, traffic))
    expected = [float(row["value"]) for row in rows]
    return Answer(
        months=tuple(row["period"] for row in rows),
        expected=tuple(expected),
        value=tuple(value.tolist()),
        text=_sentence(expected, value.tolist(), Levers(retention, order_value, traffic)),
    )


def _sentence(expected: list[float], value: list[float], levers: Levers) -> str:
    if not expected:
        return "There is no forecast by month, so nothing can be said."
    asked = [
        f"{what} by {change:+.0%}"
        for what, change in (
            ("returning customers' orders", levers.retention),
            ("the value of orders", levers.order_value),
            ("new customers' and guests' orders", levers.traffic),
        )
        if change
    ]
    more = sum(value) - sum(expected)
    share = f" ({more / sum(expected):+.1%})" if sum(expected) > 0 else ""
    return (
        f"A change of {', '.join(asked) or 'nothing'} makes net sales of the next {len(expected)} months "
        f"{sum(value):,.0f} instead of {sum(expected):,.0f}: {more:+,.0f}{share}, if all else comes as expected."
    )
