"""How good ranked lists are against what was bought afterwards."""

from typing import Any

import numpy as np

from retail_pipeline.analytics.recommenders.known import Booleans, Codes, Floats, Sparse

CUTS = (5, 10, 20)
"""Lengths of the lists that are measured."""
MEASURES = ("hit_rate", "recall", "map", "ndcg")
DECISIVE = "ndcg_at_10"
"""The measure by which recommenders are chosen."""


def measure(listed: Codes, bought: Sparse, cuts: tuple[int, ...] = CUTS) -> dict[str, Floats]:
    """Hit rate, recall, average precision and NDCG of each row's list at each length, by name and length.

    Average precision is divided by the hits that were possible: the smaller of the length and of what was bought. The
    gain of a hit at place i is 1 / log2(i + 1) (Järvelin & Kekäläinen 2002), divided by that of the best list.

    Parameters
    ----------
    listed
        Rows x places, best first; negative where nothing is recommended.
    bought
        Rows x products, sparse: what was bought afterwards, something in each row.

    Examples
    --------
    >>> from scipy.sparse import csr_matrix
    >>> told = measure(np.array([[2, 0]]), csr_matrix([[1, 0, 0]]), cuts=(2,))
    >>> [(name, round(float(values[0]), 4)) for name, values in told.items()]
    [('hit_rate_at_2', 1.0), ('recall_at_2', 1.0), ('map_at_2', 0.5), ('ndcg_at_2', 0.6309)]
    """
    hits = _hits(listed, bought)
    sizes = np.diff(bought.indptr)
    place = np.arange(1, listed.shape[1] + 1)
    precision = np.cumsum(hits, axis=1) / place
    gains = 1.0 / np.log2(place + 1)
    told: dict[str, Any] = {}
    for cut in cuts:
        first, possible = hits[:, :cut], np.minimum(sizes, cut)
        best = np.concatenate([[0.0], np.cumsum(1.0 / np.log2(np.arange(2, cut + 2)))])[possible]
        told[f"hit_rate_at_{cut}"] = first.any(axis=1).astype(np.float64)
        told[f"recall_at_{cut}"] = first.sum(axis=1) / sizes
        told[f"map_at_{cut}"] = (precision[:, :cut] * first).sum(axis=1) / possible
        told[f"ndcg_at_{cut}"] = (gains[:cut] * first).sum(axis=1) / best
    return told


def coverage(listed: Codes, in_range: Booleans, cuts: tuple[int, ...] = CUTS) -> dict[str, float]:
    """The share of the products in range that stand in the list of anybody, at each length."""
    some = max(int(in_range.sum()), 1)
    return {f"coverage_at_{cut}": len(np.unique(listed[:, :cut][listed[:, :cut] >= 0])) / some for cut in cuts}


def _hits(listed: Codes, bought: Sparse) -> Booleans:
    rows, products = listed.shape[0], bought.shape[1]
    row = np.repeat(np.arange(rows, dtype=np.int64), np.diff(bought.indptr))
    there = row * products + bought.indices
    asked = np.arange(rows, dtype=np.int64)[:, None] * products + listed
    return np.isin(np.where(listed >= 0, asked, -1), there)


RESAMPLES, SEED = 1_000, 0
_AT_A_TIME = 50


def resampled(values: Floats, customers: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> Floats:
    """Means of columns over rows, when customers are drawn anew: resamples x columns.

    A customer with several rows is drawn with all of them, a Poisson number of times, which for more than a few
    customers is the bootstrap (Chamandy et al. 2012, "Estimating uncertainty for massive data streams").

    Parameters
    ----------
    values
        Rows x columns.
    customers
        Of each row its customer, as a number from 0 on.
    """
    number = int(customers.max()) + 1
    rows = np.bincount(customers, minlength=number).astype(np.float64)
    sums = np.column_stack([np.bincount(customers, weights=column, minlength=number) for column in values.T])
    draws = np.random.default_rng(SEED)
    means = []
    for _ in range(RESAMPLES // _AT_A_TIME):
        drawn = draws.poisson(1.0, size=(_AT_A_TIME, number)).astype(np.float64)
        means.append((drawn @ sums) / np.maximum(drawn @ rows, 1.0)[:, None])
    return np.concatenate(means)


def interval(means: Floats) -> tuple[Floats, Floats]:
    """The middle 95 % of resampled means, by column."""
    lower, upper = np.quantile(means, [0.025, 0.975], axis=0)
    return lower, upper
