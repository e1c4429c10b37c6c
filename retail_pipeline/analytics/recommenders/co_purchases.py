"""Products that are bought by the same: in one order, or by one customer at any time."""

import numpy as np

from retail_pipeline.analytics.recommenders.known import (
    POPULARITY,
    TREND_STRENGTH,
    Booleans,
    Codes,
    Floats,
    Known,
    Sparse,
)
from retail_pipeline.analytics.recommenders.ranking import best_of_rows, block_rows

DISCOUNT = 0.25
"""How much the popularity of the other product is held against it: 0 confidence, 1 lift."""
CO_PURCHASE, CO_PURCHASE_TRENDING = "co_purchase", "co_purchase_trending"
PRODUCT_MODELS = (POPULARITY, CO_PURCHASE, CO_PURCHASE_TRENDING)


class Partners:
    """What goes with a product, by what the same rows (orders, or customers) bought.

    With n(a, b) rows that have both, b goes with a by n(a, b) / n(a), which is the confidence of the rule, and this is
    divided by n(b)^0.25, so that what everybody buys does not go with everything (``co_purchase``), or multiplied by
    the root of b's trend (``co_purchase_trending``).

    Parameters
    ----------
    bought
        Rows x products, sparse, of ones.
    known
        For what is popular lately.
    least
        Rows that two products must have in common.
    """

    def __init__(self, bought: Sparse, known: Known, least: int) -> None:
        self._bought = bought
        self._by_product = bought.T.tocsr()
        self._rows = np.maximum(np.asarray(bought.sum(axis=0)).ravel(), 1.0)
        self._known = known
        self._least = least

    def together(self, products: Codes) -> Floats:
        """By how many rows each product was bought with some: products x all products, zero with itself."""
        counts = np.asarray((self._by_product[products] @ self._bought).toarray())
        counts[np.arange(len(products)), products] = 0.0
        return counts

    def scores(self, model: str, products: Codes, together: Floats) -> Floats:
        """How well each product goes with some, by one of :data:`PRODUCT_MODELS`: products x all products."""
        if model == POPULARITY:
            scores = np.tile(self._known.popularity, (len(products), 1))
            scores[np.arange(len(products)), products] = 0.0
            return scores
        weight = self._rows**-DISCOUNT if model == CO_PURCHASE else self._known.trend**TREND_STRENGTH
        confidence = np.where(together >= self._least, together, 0.0) / self._rows[products][:, None]
        return np.asarray(confidence * weight[None, :])


def likeness(orders: Sparse, in_range: Booleans, neighbours: int) -> Sparse:
    """For each product in range those most like it by who bought them: products x products, sparse.

    A customer of n products speaks with 1/n for each pair of them, so that those who buy everything do not decide;
    the sums are divided by the root of both products' own, as a cosine is (Sarwar et al. 2001).

    Parameters
    ----------
    orders
        Customers x products, sparse.
    neighbours
        Products that are kept of each, the most like it.
    """
    from scipy.sparse import csr_matrix, diags

    bought = orders.sign()
    sizes = np.asarray(bought.sum(axis=1)).ravel()
    weighted = diags(1.0 / np.sqrt(np.maximum(sizes, 1.0))) @ bought
    by_product = weighted.T.tocsr()
    own = np.asarray(weighted.multiply(weighted).sum(axis=0)).ravel()
    root = np.where(own > 0, 1.0 / np.sqrt(np.where(own > 0, own, 1.0)), 0.0)
    products, wanted = orders.shape[1], np.flatnonzero(in_range)
    rows, columns, values, step = [], [], [], block_rows(orders.shape[1])
    for start in range(0, len(wanted), step):
        block = wanted[start : start + step]
        like = (by_product[block] @ weighted).toarray() * root[block, None] * root[None, :]
        like[np.arange(len(block)), block] = 0.0
        places, told = best_of_rows(like, neighbours)
        kept = told > 0
        rows.append(np.repeat(block, kept.sum(axis=1)))
        columns.append(places[kept])
        values.append(told[kept].astype(np.float64))
    if not rows:
        return csr_matrix((products, products))
    joined = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    return csr_matrix(joined, shape=(products, products))
