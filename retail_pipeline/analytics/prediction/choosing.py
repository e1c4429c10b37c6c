"""Choosing the model that serves, out of what each one's predictions lost, customer by customer.

The champion is the plainest of the candidates that are not worse than the best one beyond noise, and beat every
baseline beyond noise; if there is none, the best baseline. Noise is what drawing the customers anew changes: beyond it
is what happens in 97.5 % of draws.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retail_pipeline.analytics.prediction.measures import RESAMPLES, resampled

Floats = NDArray[np.float64]

BEYOND_NOISE = 0.975
LEAST_FOLDS = 2
"""A cut-off to choose by, and one to judge on."""
OVERLAP = "the history is too short to choose on days before the test's, so that its figures are not independent of it"


@dataclass(frozen=True)
class Verdict:
    """The model that serves, and why, in a sentence."""

    champion: str
    reason: str


def verdict(
    losses: Mapping[str, Floats],
    candidates: Sequence[str],
    baselines: Sequence[str],
    *,
    loss: str,
    resamples: int = RESAMPLES,
) -> Verdict:
    """The champion by the rule above.

    Parameters
    ----------
    losses
        By model a number a customer, smaller where it was nearer to what came.
    candidates, baselines
        Models, from plain to involved; those without losses were not tried.
    loss
        What the losses are, in words.
    """
    total = {name: float(of_name.sum()) for name, of_name in losses.items()}
    candidates = [name for name in candidates if name in losses]
    baselines = [name for name in baselines if name in losses]
    best_baseline = min(baselines, key=lambda name: (total[name], name))
    if not candidates:
        return Verdict(best_baseline, "no candidate was tried")
    best = min(candidates, key=lambda name: (total[name], candidates.index(name)))

    def beats(name: str) -> dict[str, float]:
        return {each: share_better(losses[name], losses[each], resamples=resamples) for each in baselines}

    within_noise = (
        name
        for name in candidates
        if name == best or share_better(losses[best], losses[name], resamples=resamples) < BEYOND_NOISE
    )
    champion = next((name for name in within_noise if min(beats(name).values()) >= BEYOND_NOISE), None)
    if champion is None:
        told = ", ".join(
            f"{name} in {share:.1%} of draws" for name, share in beats(best).items() if share < BEYOND_NOISE
        )
        return Verdict(best_baseline, f"{best}, the best candidate, beats {told} only, less than 97.5 %")
    shares = beats(champion)
    *most, last = [f"{name} in {shares[name]:.1%}" for name in baselines]
    told = f"{', '.join(most)} and {last}" if most else last
    plainest = f"the lowest {loss}" if champion == best else f"the plainest within noise of {best}"
    return Verdict(champion, f"{plainest} on the validation cut-offs; it beats {told} of draws")


def by_customer(customers: NDArray[np.int64], losses: Floats) -> Floats:
    """The sum of each customer's losses over the cut-offs, customers in a fixed order."""
    _, place = np.unique(customers, return_inverse=True)
    return np.asarray(np.bincount(place, losses), dtype=np.float64)


def share_better(first: Floats, second: Floats, *, resamples: int = RESAMPLES) -> float:
    """In what share of draws of customers the first losses are smaller than the second, of each customer the sum."""
    return float(np.mean(resampled(len(first), resamples) @ (first - second) < 0))
