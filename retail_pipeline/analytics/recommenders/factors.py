"""Matrix factorisation of what customers bought: alternating least squares on implicit feedback."""

import numpy as np

from retail_pipeline.analytics.recommenders.known import Floats, Sparse

SEED = 0
ITERATIONS = 10
CONFIDENCE, REGULARISATION = 3.0, 1.0
"""How much more a purchase counts than its absence, and the penalty on large factors."""
LEARNED_CUSTOMERS = 100_000
"""Products' factors are learned from so many customers at most, spread evenly; all customers get theirs from them."""


def factorise(weights: Sparse, factors: int) -> tuple[Floats, Floats]:
    """Factors of customers and of products, whose product says how likely a customer buys a product.

    Hu, Koren & Volinsky (2008), "Collaborative filtering for implicit feedback datasets", solved by conjugate gradients
    (Takács et al. 2011).

    Parameters
    ----------
    weights
        Customers x products, sparse: how much a customer's purchases of a product say.
    """
    from implicit.cpu.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    customers, products = weights.shape
    used = weights.astype(np.float32)
    if not used.nnz:
        return np.zeros((customers, 1)), np.zeros((products, 1))
    step = -(-customers // LEARNED_CUSTOMERS)
    with threadpool_limits(limits=1, user_api="blas"):
        model = AlternatingLeastSquares(
            factors=min(factors, customers, products),
            regularization=REGULARISATION,
            alpha=CONFIDENCE,
            iterations=ITERATIONS,
            random_state=SEED,
            num_threads=1,
        )
        model.fit(used[::step], show_progress=False)
        of_customers = model.user_factors
        if step > 1:
            of_customers = model.recalculate_user(np.arange(customers), used)
    return of_customers.astype(np.float64), model.item_factors.astype(np.float64)
