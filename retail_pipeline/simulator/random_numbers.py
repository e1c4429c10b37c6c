"""Random numbers as a function of what they are for: whoever asks for the same gets the same, in any order.

Every draw is named by a seed, a purpose and whole numbers (the customer, its order, the line), so a shop can be
simulated in pieces of any size on any number of cores, and a larger shop repeats the histories of a smaller one.
"""

import hashlib
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, gammainccinv, gammaincinv

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Keys = NDArray[np.uint64]

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_LARGEST_MEAN = 500.0
_LOGITS = np.linspace(-38.0, 38.0, 1 << 14)
_MEANS = np.concatenate([[1e-9], np.geomspace(1e-4, _LARGEST_MEAN, 1 << 14)])
_TRUNCATED_MEANS = np.concatenate([[1.0], _MEANS[1:] / -np.expm1(-_MEANS[1:])])


class Stream:
    """Numbers for one purpose.

    A counter-based generator (Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3"): keys
    are mixed by the finaliser of SplitMix64 (Steele, Lea & Flood 2014), once for each.
    """

    def __init__(self, seed: int, purpose: str) -> None:
        digest = hashlib.blake2b(f"{seed}/{purpose}".encode(), digest_size=8).digest()
        self._start = np.frombuffer(digest, dtype=np.uint64)

    def keys(self, *places: ArrayLike) -> Keys:
        """A 64-bit key for each place, given as whole numbers that are broadcast together."""
        state = self._start
        for place in places:
            state = _mixed((state ^ np.asarray(place).astype(np.uint64)) + _STEP)
        return state

    def uniform(self, *places: ArrayLike) -> Floats:
        """A number in the open interval (0, 1) for each place."""
        high_bits = (self.keys(*places) >> np.uint64(11)).astype(np.float64)
        return np.asarray((high_bits + 0.5) * 2.0**-53)


class GammaQuantiles:
    """Quantiles of a gamma distribution with a rate of 1, interpolated to about six digits."""

    def __init__(self, shape: float) -> None:
        shares = 1 / (1 + np.exp(-_LOGITS))
        others = 1 / (1 + np.exp(_LOGITS))
        quantiles = np.where(_LOGITS < 0, gammaincinv(shape, shares), gammainccinv(shape, others))
        self._logs = np.log(np.maximum(quantiles, 1e-300))

    def __call__(self, uniforms: Floats) -> Floats:
        return np.asarray(np.exp(np.interp(np.log(uniforms) - np.log1p(-uniforms), _LOGITS, self._logs)))


@lru_cache(maxsize=64)
def gamma_quantiles(shape: float) -> GammaQuantiles:
    """The quantiles of a shape, whose table is made once."""
    return GammaQuantiles(shape)


def beta_quantiles(uniforms: Floats, a: float, b: float) -> Floats:
    """Quantiles of a beta distribution."""
    return np.asarray(betaincinv(a, b, uniforms), dtype=np.float64)


def positive_poisson(uniforms: Floats, means: Floats) -> Integers:
    """Quantiles of Poisson distributions, given that the number is not 0; ``means`` are those without that."""
    means = np.minimum(means, _LARGEST_MEAN)
    chances = np.exp(-means)
    rest = uniforms * -np.expm1(-means)
    counts = np.zeros(len(means), dtype=np.int64)
    open_ = np.arange(len(means))
    number = 0
    while open_.size:
        number += 1
        chances = chances * means / number
        rest = rest - chances
        counts[open_] = number
        is_open = (rest > 0) & ((number < means) | (chances > 1e-18))
        open_, means, chances, rest = open_[is_open], means[is_open], chances[is_open], rest[is_open]
    return counts


def mean_before_truncation(means: Floats) -> Floats:
    """The Poisson means of which those numbers that are not 0 have these means; next to 0 where that is 1 or less.

    The inverse of x / (1 - exp(-x)), interpolated to six digits.
    """
    return np.asarray(np.interp(means, _TRUNCATED_MEANS, _MEANS))


def geometric(uniforms: Floats, share: float) -> Integers:
    """How often in a row something of a chance ``share`` happens."""
    if share == 0:
        return np.zeros(len(uniforms), dtype=np.int64)
    return np.asarray(np.log(uniforms) / np.log(share)).astype(np.int64)


def _mixed(state: Keys) -> Keys:
    state = (state ^ (state >> np.uint64(30))) * _FIRST
    state = (state ^ (state >> np.uint64(27))) * _SECOND
    return np.asarray(state ^ (state >> np.uint64(31)))
