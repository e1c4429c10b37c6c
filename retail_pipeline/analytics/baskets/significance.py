"""How easily chance brings two things together so often, or so seldom; and how many of many findings are false.

References
----------
R. A. Fisher (1935), The logic of inductive inference. Y. Benjamini, Y. Hochberg (1995), Controlling the false discovery
rate, Journal of the Royal Statistical Society B 57(1), pages 289 to 300.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

BLOCK = 1 << 20
NEGLIGIBLE = 1e-17
"""A term so much smaller than the sum so far changes it no more, nor do those after it."""


def at_least(both: Counts, first: Counts, second: Counts, size: int) -> Floats:
    """P values of Fisher's exact test, one-sided: of so many baskets or more that hold both.

    Parameters
    ----------
    both, first, second
        Baskets that hold both, the first, the second; shape (pairs,).
    size
        All baskets.

    Examples
    --------
    Two of four baskets hold A, two hold B: of the six ways to place them one brings them together twice.

    >>> at_least(np.array([2, 1, 0]), np.array([2, 2, 2]), np.array([2, 2, 2]), 4).round(4).tolist()
    [0.1667, 0.8333, 1.0]
    """
    return _tail(both, np.minimum(first, second), np.maximum(first, second), size, upward=True)


def at_most(both: Counts, first: Counts, second: Counts, size: int) -> Floats:
    """P values of Fisher's exact test to the other side: of so many baskets or fewer that hold both.

    Examples
    --------
    >>> at_most(np.array([2, 1, 0]), np.array([2, 2, 2]), np.array([2, 2, 2]), 4).round(4).tolist()
    [1.0, 0.8333, 0.1667]
    """
    return _tail(both, np.minimum(first, second), np.maximum(first, second), size, upward=False)


def false_discovery_rates(p_values: Floats, tests: int) -> Floats:
    """Adjusted p values of Benjamini and Hochberg.

    Parameters
    ----------
    p_values
        Those at hand; the others of the family are taken as 1.
    tests
        How many there are in the family.

    Examples
    --------
    >>> false_discovery_rates(np.array([0.01, 0.04, 0.03]), 4).round(4).tolist()
    [0.04, 0.0533, 0.0533]
    """
    order = np.argsort(p_values, kind="stable")
    ranked = p_values[order] * tests / np.arange(1, len(order) + 1)
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(np.minimum.accumulate(ranked[::-1])[::-1], 1)
    return np.maximum(adjusted, p_values)  # p n / n may be a little less than p


def adjusted_among(p_values: Floats, every: Floats) -> Floats:
    """Adjusted p values of some tests of a family whose p values are all at hand, and are used up.

    Parameters
    ----------
    every
        The p values of the whole family, those asked for among them.

    Examples
    --------
    >>> adjusted_among(np.array([0.04]), np.array([0.04, 0.01, 0.03, 1.0])).round(4).tolist()
    [0.0533]
    """
    every.sort()
    places = np.searchsorted(every, p_values, side="right") - 1  # of equal ones the last has the smallest
    least = 1.0
    for end in range(len(every), 0, -BLOCK):
        block = every[max(end - BLOCK, 0) : end]
        block *= len(every) / np.arange(end - len(block) + 1, end + 1)
        np.minimum(np.minimum.accumulate(block[::-1])[::-1], least, out=block)
        least = block[0]
    return np.maximum(every[places], p_values)


def _tail(both: Counts, first: Counts, second: Counts, size: int, *, upward: bool) -> Floats:
    """The sum of hypergeometric probabilities from ``both`` on, upward or downward.

    The terms shrink away from the mode. Where the sum would have to pass it, the other side is taken from one.
    """
    x, a, c = (np.asarray(counts, dtype=np.float64) for counts in (both, first, second))
    mode = np.floor((a + 1) * (c + 1) / (size + 2))
    passes_mode = x <= mode if upward else x >= mode
    goes_up = passes_mode != upward
    start = np.where(passes_mode, x - 1 if upward else x + 1, x)
    total = np.zeros(len(x))
    for up in (True, False):
        chosen = np.flatnonzero(goes_up == up)
        total[chosen] = _sum(start[chosen], a[chosen], c[chosen], float(size), up=up)
    return np.clip(np.where(passes_mode, 1 - total, total), 0, 1)


def _sum(start: Floats, first: Floats, second: Floats, size: float, *, up: bool) -> Floats:
    low, high = np.maximum(0, first + second - size), np.minimum(first, second)
    total = np.zeros(len(start))
    active = np.flatnonzero((start >= low) & (start <= high))
    x, a, c = start[active], first[active], second[active]
    term = np.exp(_log_probability(x, a, c, size))
    while len(active):
        total[active] += term
        if up:
            term = term * ((a - x) / (x + 1) * ((c - x) / (size - a - c + x + 1)))
            x = x + 1
        else:
            term = term * (x / (a - x + 1) * ((size - a - c + x) / (c - x + 1)))
            x = x - 1
        goes_on = term > NEGLIGIBLE * total[active]
        active, x, a, c, term = active[goes_on], x[goes_on], a[goes_on], c[goes_on], term[goes_on]
    return total


def _log_probability(x: Floats, a: Floats, c: Floats, size: float) -> Floats:
    from scipy.special import gammaln

    def log_choose(n: Floats | float, k: Floats) -> Floats:
        return np.asarray(gammaln(np.add(n, 1)) - gammaln(k + 1) - gammaln(n - k + 1), dtype=np.float64)

    return log_choose(a, x) + log_choose(size - a, c - x) - log_choose(size, c)
