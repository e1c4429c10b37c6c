"""From scores to the first few: ties go to the product whose id comes first."""

import numpy as np
from numpy.typing import NDArray

from retail_pipeline.analytics.recommenders.known import Booleans, Codes, Floats, Sparse

BLOCK = 250_000
"""Scores that are worked on at a time, rows x products: they fit into a processor's cache."""
NOBODY = -1
"""Stands where there is no product left to recommend."""
Values = NDArray[np.float32]


def block_rows(products: int) -> int:
    """Rows of a block of scores."""
    return max(1, BLOCK // max(products, 1))


def best_of_rows(scores: Floats | Values, count: int) -> tuple[Codes, Values]:
    """The products with the highest scores of each row, best first, and their scores.

    Scores are compared as float32: what differs by less was equal before the last digit of a sum was lost.
    """
    values = scores.astype(np.float32, copy=False)
    rows, products = values.shape
    count = min(count, products)
    if not rows or not count:
        return np.empty((rows, count), dtype=np.int32), np.empty((rows, count), dtype=np.float32)
    bounds = np.partition(values, products - count, axis=1)[:, products - count]
    row, product = np.nonzero(values >= bounds[:, None])
    found = values[row, product]
    order = np.lexsort((product, -found, row))
    starts = np.searchsorted(row, np.arange(rows))  # rows keep their places: they are the first key
    places = order[starts[:, None] + np.arange(count)[None, :]]
    return product[places].astype(np.int32), found[places]


def recommend(
    scores: Floats,
    in_range: Booleans,
    count: int,
    *,
    own: Sparse | None = None,
    popularity: Floats | None = None,
) -> tuple[Codes, Values]:
    """The first few products of each row, and their scores; where nothing is left, :data:`NOBODY`.

    Parameters
    ----------
    own
        Rows x products, sparse: what is not recommended to a row.
    popularity
        By it come the products of which the scores say nothing, behind all others and with a score of zero; without it
        they are not recommended.
    """
    offered = np.flatnonzero(in_range)
    told = scores[:, offered].astype(np.float32)
    behind = np.full(len(offered), -np.inf)
    if popularity is not None:
        behind = 0.5 * popularity[offered] / max(float(popularity.max(initial=0.0)), 1e-9) - 1.0
    told = np.where(told > 0, told, behind.astype(np.float32)[None, :])
    if own is not None:
        rows, products = own.tocsc()[:, offered].nonzero()
        told[rows, products] = -np.inf
    places, values = best_of_rows(told, count)
    listed = offered[places] if len(offered) else places
    return np.where(np.isfinite(values), listed, NOBODY).astype(np.int32), np.maximum(values, 0.0)
