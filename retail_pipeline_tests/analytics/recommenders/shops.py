"""Small shops for tests of recommenders, with tastes that a recommender can find."""

import numpy as np

from retail_pipeline.analytics.recommenders.known import Known, Tuning, known_purchases

TUNING = Tuning(neighbours=20, factors=2)


def known(purchases: list[tuple[int, int, int, int]], shape: tuple[int, int], like: Tuning = TUNING) -> Known:
    """What is known from (customer, product, orders, age in days); sales are just these purchases."""
    columns = [np.array(column, dtype=np.int32) for column in zip(*sorted(purchases), strict=True)]
    ages = sorted({(product, age) for _, product, _, age in purchases})
    lines = [sum(n for _, p, n, a in purchases if (p, a) == pair) for pair in ages]
    sales = [np.array(column, dtype=np.int32) for column in (*zip(*ages, strict=True), lines)]
    return known_purchases((*columns,), (*sales,), shape, like)  # type: ignore[arg-type]


def two_tastes(customers: int = 60, seed: int = 0) -> Known:
    """Products 0 to 9 are bought by the even customers, 10 to 19 by the odd ones, five each; 20 by nobody lately."""
    rng = np.random.default_rng(seed)
    rows = [(customer, 20, 1, 200) for customer in range(customers)]
    for customer in range(customers):
        rows += [
            (customer, int(product) + 10 * (customer % 2), int(rng.integers(1, 4)), int(rng.integers(1, 50)))
            for product in rng.choice(10, size=5, replace=False)
        ]
    return known(rows, (customers, 21))
