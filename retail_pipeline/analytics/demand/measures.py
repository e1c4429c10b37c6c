"""How right forecasts were: RMSSE and scaled pinball loss of each product, and their means with intervals.

Sums over draws are matrix products: bound the threads of BLAS to one where the last digit matters.
"""

from collections.abc import Sequence

import numpy as np

from retail_pipeline.analytics.demand.levels import Array, floats

DRAWS, SEED = 200, 20_111_209


def scales(demand: Array, first: Array) -> tuple[Array, Array]:
    """Mean squared and mean absolute change from week to week since the first one, NaN where there is none
    [products].
    """
    weeks = demand.shape[1]
    change = np.diff(demand, axis=1)
    counts = np.arange(1, weeks)[None, :] > first[:, None]
    count = np.maximum(counts.sum(axis=1), 1)
    squares = np.where(counts, change**2, 0.0).sum(axis=1) / count
    sizes = np.where(counts, np.abs(change), 0.0).sum(axis=1) / count
    return np.where(squares > 0, squares, np.nan), np.where(sizes > 0, sizes, np.nan)


def rmsse(actual: Array, expected: Array, squares: Array) -> Array:
    """The root mean squared scaled error of each product: 1 is as wrong as naive forecasts were in the history.

    Makridakis, Spiliotis & Assimakopoulos (2022), The M5 accuracy competition, equation 1.

    Parameters
    ----------
    actual, expected
        Units [products x weeks].
    squares
        Of :func:`scales`.
    """
    return np.asarray(np.sqrt(((actual - expected) ** 2).mean(axis=1) / squares))


def pinball(actual: Array, quantiles: Array, chances: Sequence[float]) -> Array:
    """The pinball loss of quantiles [... x chances]; ``actual`` has one dimension less, or one of length 1."""
    behind = actual[..., None] - quantiles
    asked = np.asarray(chances)
    return np.asarray(np.maximum(asked * behind, (asked - 1) * behind))


def draws_of(products: Array) -> Array:
    """How often each row counts in each draw of products, with replacement: a product's rows are drawn together [draws
    x rows].
    """
    ids, place = np.unique(products, return_inverse=True)
    generator = np.random.Generator(np.random.PCG64(SEED))
    times = generator.multinomial(len(ids), np.full(len(ids), 1 / len(ids)), size=DRAWS)
    return floats(times[:, place])


def means_and_intervals(losses: Array, draws: Array) -> Array:
    """The mean of each column, what is not defined left out, and a 95 % interval [columns x (mean, lower, upper)]."""
    known = np.isfinite(losses)
    values = np.where(known, losses, 0.0)
    sums, counts = draws @ values, draws @ known.astype(np.float64)
    drawn = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    count = known.sum(axis=0)
    mean = np.divide(values.sum(axis=0), count, out=np.full(len(count), np.nan), where=count > 0)
    found = np.full((len(count), 3), np.nan)
    found[:, 0] = mean
    is_told = np.isfinite(drawn).any(axis=0)
    if is_told.any():
        found[is_told, 1:] = np.nanquantile(drawn[:, is_told], [0.025, 0.975], axis=0).T
    return found
