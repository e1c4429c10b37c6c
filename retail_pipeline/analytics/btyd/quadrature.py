"""Integrals that the models need, by Gauss' rules."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from retail_pipeline.analytics.btyd.summaries import Floats

BETA_NODES = 48
LEGENDRE_NODES = 32
LEAST_WEIGHT = 40.0
"""Where an integrand has fallen to exp(-this) of its largest value, it is taken to be nothing."""


@lru_cache(maxsize=4096)
def beta_nodes(a: float, b: float, nodes: int = BETA_NODES) -> tuple[Floats, Floats]:
    """Values in (0, 1) and weights that add up to 1, whose weighted mean is that over the beta distribution (a, b).

    Exact for polynomials up to the degree 2 * nodes - 1. From the recurrence of the Jacobi polynomials by the
    eigenvalues of their tridiagonal matrix (Golub & Welsch 1969), so that no weight overflows for large shapes.
    """
    from scipy.linalg import eigh_tridiagonal

    k = np.arange(1, nodes, dtype=np.float64)
    both = a + b - 2
    middle = np.empty(nodes)
    middle[0] = (a - b) / (a + b)
    middle[1:] = (a - b) * both / ((2 * k + both) * (2 * k + both + 2))
    side = np.empty(nodes - 1)
    side[0] = 4 * a * b / ((a + b) ** 2 * (a + b + 1))
    later = k[1:]
    side[1:] = (
        4 * later * (later + b - 1) * (later + a - 1) * (later + both)
        / ((2 * later + both) ** 2 * (2 * later + both + 1) * (2 * later + both - 1))
    )  # fmt: skip
    places, vectors = eigh_tridiagonal(middle, np.sqrt(side))
    values, weights = np.maximum((1 + places) / 2, 1e-300), vectors[0] ** 2
    values.flags.writeable = weights.flags.writeable = False
    return values, weights


@lru_cache(maxsize=1)
def legendre_nodes() -> tuple[Floats, Floats]:
    """Values in (0, 1) and weights for integrals from 0 to 1."""
    places, weights = np.polynomial.legendre.leggauss(LEGENDRE_NODES)
    return (1 + places) / 2, weights / 2


def discounted(expected: Callable[[Floats], Floats], rate: float, scale: float) -> Floats:
    """What is expected in all time, each purchase worth exp(-rate * its time).

    By parts, the integral of exp(-rate t) dE(t) is that of rate exp(-rate t) E(t) dt. It is taken over
    ln(1 + t / scale), on which expectations bend evenly, up to where nothing is left.

    Parameters
    ----------
    expected
        From times to what is expected within each [times, customers].
    scale
        A time from which on expectations bend.
    """
    if rate <= 0:
        raise ValueError(f"The discount rate must be above 0, and not {rate:g}.")
    places, weights = legendre_nodes()
    longest = np.log1p(LEAST_WEIGHT / (rate * scale))
    times = scale * np.expm1(places * longest)
    shares = weights * longest * (times + scale) * rate * np.exp(-rate * times)
    return np.asarray(np.einsum("i,ij->j", shares, expected(times)))
