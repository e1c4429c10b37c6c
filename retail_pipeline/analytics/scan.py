"""When something was unlike the rest: the interval of days in which a series left what was expected of it."""

import numpy as np


def strongest_interval(
    values: np.ndarray, expected: np.ndarray, *, rises: bool, start: int = 0, reach: int = 0
) -> tuple[int, int]:
    """The interval that differs most from the days outside it, by the scan statistic of Kulldorff (1997).

    "A spatial scan statistic", Communications in Statistics 26(6), with one dimension, time: of all intervals the one
    with the highest likelihood ratio of one level within and another outside, both relative to what is expected.

    Parameters
    ----------
    values
        What happened, a day each; below zero counts as zero.
    expected
        What could have happened, in any unit: only the proportions count.
    rises
        Whether values are looked for that are higher than outside, or lower.
    start
        The first place at which an interval may begin.
    reach
        The first place at which it may end.

    Returns
    -------
    tuple
        The places of its first and last day; from ``start`` to the end if no interval differs in that direction. Of
        equal ones the earliest and shortest.

    Examples
    --------
    >>> strongest_interval(np.array([5, 4, 5, 1, 0, 1, 5]), np.ones(7), rises=False)
    (3, 5)
    """
    days = len(values)
    happened = np.concatenate([[0.0], np.cumsum(np.maximum(values.astype(np.float64), 0))])
    could = np.concatenate([[0.0], np.cumsum(np.maximum(expected.astype(np.float64), 0))])
    if happened[-1] <= 0 or could[-1] <= 0:
        return start, days - 1
    could *= happened[-1] / could[-1]
    first, last = np.meshgrid(np.arange(days), np.arange(days), indexing="ij")
    inside = happened[last + 1] - happened[first]
    usual = could[last + 1] - could[first]
    differs = inside > usual * (1 + 1e-9) if rises else inside < usual * (1 - 1e-9)
    allowed = differs & (first <= last) & (first >= start) & (last >= reach)
    if not allowed.any():
        return start, days - 1
    ratio = _times_log(inside, usual) + _times_log(happened[-1] - inside, happened[-1] - usual)
    place = int(np.argmax(np.where(allowed, ratio, -np.inf)))
    return place // days, place % days


def _times_log(count: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Count times the logarithm of count by expected, 0 where there is nothing to count."""
    count, expected = np.maximum(count, 0.0), np.maximum(expected, 1e-9)
    return np.where(count > 0, count * np.log(np.maximum(count, 1e-300) / expected), 0.0)
