"""Why a product is recommended: the one among a customer's own that speaks most for it."""

import numpy as np

from retail_pipeline.analytics.recommenders.known import Codes, Sparse
from retail_pipeline.analytics.recommenders.ranking import NOBODY


def strongest_reasons(weights: Sparse, neighbours: Sparse, customers: Codes, products: Codes) -> Codes:
    """For pairs of a customer and a product the customer's product that item-item weighs most, -1 if there is none.

    Of equal ones it is the first.

    Parameters
    ----------
    weights
        Customers x products, sparse: how much each of a customer's products says.
    neighbours
        Products x products, sparse: for each product those like it.
    """
    found = np.full(len(customers), NOBODY, dtype=np.int32)
    if not len(customers):
        return found
    told = weights[customers].multiply(neighbours[products]).tocsr()
    told.sort_indices()
    sizes = np.diff(told.indptr)
    pair = np.repeat(np.arange(len(customers)), sizes)
    order = np.lexsort((told.indices, -told.data.astype(np.float32), pair))
    some = sizes > 0
    found[some] = told.indices[order[told.indptr[:-1][some]]]
    return found
