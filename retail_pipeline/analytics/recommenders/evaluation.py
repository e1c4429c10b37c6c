"""Recommenders on purchases they have not seen, and which of them stands as champion.

At each cut-off a recommender knows what was bought before and is measured on the days after. The last window is kept
out of the choice: it tells how good the chosen one is, and may refuse it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from retail_pipeline.analytics.recommenders.co_purchases import PRODUCT_MODELS, Partners
from retail_pipeline.analytics.recommenders.known import POPULARITY, Codes, Floats, Known, Sparse
from retail_pipeline.analytics.recommenders.measures import (
    CUTS,
    DECISIVE,
    coverage,
    interval,
    measure,
    resampled,
)
from retail_pipeline.analytics.recommenders.models import BASELINES, FOR_NEW, MODELS, Recommenders
from retail_pipeline.analytics.recommenders.ranking import block_rows, recommend

VALIDATION, TEST = "validation", "test"
SEED = 0
_NO_LISTS: Codes = np.empty((0, max(CUTS)), dtype=np.int32)


@dataclass(frozen=True)
class Outcome:
    """How a model did in a window: each customer's measures, and the share of products it recommends to anybody."""

    model: str
    cutoff: str
    split: str
    customers: "np.ndarray[Any, Any]"
    told: Mapping[str, Floats]
    coverage: Mapping[str, float]


@dataclass(frozen=True)
class Choice:
    """The champion of a task, why it is, and by how much the best challenger was ahead of the best baseline."""

    champion: str
    reason: str
    customers: int
    gain: float | None = None
    gain_lower: float | None = None
    gain_upper: float | None = None


def customer_outcomes(
    recommenders: Recommenders,
    customers: Codes,
    bought: Sparse,
    window: tuple[str, str],
    names: "np.ndarray[Any, Any]",
) -> tuple[list[Outcome], list[Outcome]]:
    """How each model does for customers who bought something in a window: on all of it, and on what was new to them.

    Parameters
    ----------
    customers
        Their numbers among the known ones.
    bought
        These customers x products, sparse: what they bought in the window.
    window
        Its cut-off and its split.
    names
        Their ids, by which customers of several windows are brought together.
    """
    known = recommenders.known
    lists: dict[tuple[str, bool], list[Codes]] = {
        **{(model, False): [_NO_LISTS] for model in MODELS},
        **{(model, True): [_NO_LISTS] for model in FOR_NEW},
    }
    step = block_rows(known.products)
    for start in range(0, len(customers), step):
        asked = customers[start : start + step]
        block, own = recommenders.block(asked), known.orders[asked]
        for (model, new_only), found in lists.items():
            listed, _ = recommend(
                block.scores(model),
                known.in_range,
                max(CUTS),
                own=own if new_only else None,
                popularity=known.popularity,
            )
            found.append(_padded(listed))
    new = _without(bought, known.orders[customers])
    has_new = np.diff(new.indptr) > 0
    of_all, of_new = [], []
    for (model, new_only), found in lists.items():
        listed = np.concatenate(found)
        if new_only:
            of_new.append(_outcome(model, window, names[has_new], listed[has_new], new[has_new], known))
        else:
            of_all.append(_outcome(model, window, names, listed, bought, known))
    return of_all, of_new


def product_outcomes(
    partners: Partners,
    known: Known,
    seeds: Codes,
    bought: Sparse,
    window: tuple[str, str],
    names: "np.ndarray[Any, Any]",
) -> list[Outcome]:
    """How what goes with one product, and what is popular, does on what was bought beside it.

    Parameters
    ----------
    seeds
        Of each case (an order, a customer) the product that is known.
    bought
        Cases x products, sparse: what else was bought.
    names
        The cases' ids.
    """
    some = np.diff(bought.indptr) > 0
    seeds, bought, names = seeds[some], bought[some], names[some]
    products, place = np.unique(seeds, return_inverse=True)
    lists: dict[str, list[Codes]] = {model: [_NO_LISTS] for model in PRODUCT_MODELS}
    step = block_rows(known.products)
    for start in range(0, len(products), step):
        block = products[start : start + step]
        together = partners.together(block)
        for model, found in lists.items():
            listed, _ = recommend(partners.scores(model, block, together), known.in_range, max(CUTS))
            found.append(_padded(listed))
    return [
        _outcome(model, window, names, np.concatenate(found)[place], bought, known) for model, found in lists.items()
    ]


def one_of_each(bought: Sparse) -> Codes:
    """Of each row one of its products, drawn evenly; every row has some."""
    sizes = np.diff(bought.indptr)
    drawn = np.floor(np.random.default_rng(SEED).random(len(sizes)) * sizes).astype(np.int64)
    return np.asarray(bought.indices[bought.indptr[:-1] + drawn], dtype=np.int32)


def without_seed(bought: Sparse, seeds: Codes) -> Sparse:
    """Rows x products without one product a row."""
    from scipy.sparse import csr_matrix

    rows = np.arange(bought.shape[0])
    return _without(bought, csr_matrix((np.ones(len(seeds)), (rows, seeds)), shape=bought.shape))


def choose(outcomes: Sequence[Outcome], least_customers: int) -> Choice:
    """The champion: the best of all by the earlier windows, if it beats the baselines there and in the last window.

    Ahead means that the 95 % interval of the difference, by resampled customers, lies above zero. Otherwise the best
    baseline serves; with too few customers to tell, the most popular products do.
    """
    cases = {
        split: len({name for outcome in outcomes if outcome.split == split for name in outcome.customers})
        for split in (VALIDATION, TEST)
    }
    fewest = min(cases.values())
    if fewest < least_customers:
        reason = f"measured on {fewest} customers or orders, fewer than {least_customers}"
        return Choice(POPULARITY, reason, fewest)
    standing = {model: _joined(outcomes, model, VALIDATION)[0].mean() for model in _models(outcomes)}
    baseline = max((name for name in standing if name in BASELINES), key=lambda name: standing[name])
    challenger = max((name for name in standing if name not in BASELINES), key=lambda name: standing[name])
    gain, lower, upper = _gain(outcomes, challenger, baseline, VALIDATION)
    if lower <= 0:
        champion, reason = baseline, f"{challenger} is not ahead of {baseline} beyond chance"
    elif _gain(outcomes, challenger, baseline, TEST)[1] <= 0:
        champion, reason = baseline, f"{challenger} was ahead of {baseline}, but not beyond chance in the last window"
    else:
        champion, reason = challenger, f"ahead of {baseline} beyond chance, in the last window too"
    return Choice(champion, reason, fewest, gain, lower, upper)


def metric_rows(outcomes: Sequence[Outcome], champion: str) -> list[dict[str, Any]]:
    """A row a model, window and measure, with 95 % intervals by resampling customers; coverage has none."""
    rows = []
    for window in dict.fromkeys((outcome.cutoff, outcome.split) for outcome in outcomes):
        of_window = [outcome for outcome in outcomes if (outcome.cutoff, outcome.split) == window]
        intervals = _intervals(of_window)
        for outcome in of_window:
            common = {
                "model": outcome.model,
                "cutoff": outcome.cutoff,
                "split": outcome.split,
                "n": len(outcome.customers),
                "is_champion": outcome.model == champion,
                "is_baseline": outcome.model in BASELINES,
            }
            for metric, value, lower, upper in intervals.get(outcome.model, []):
                rows.append({**common, "metric": metric, "value": value, "lower": lower, "upper": upper})
            for metric, value in outcome.coverage.items():
                rows.append({**common, "metric": metric, "value": value, "lower": None, "upper": None})
    return rows


def _intervals(of_window: Sequence[Outcome]) -> dict[str, list[tuple[str, float, float, float]]]:
    """By model each measure with its mean and its interval; a window's models are of the same customers."""
    names = of_window[0].customers
    if not len(names):
        return {}
    values = np.column_stack([column for outcome in of_window for column in outcome.told.values()])
    lower, upper = interval(resampled(values, np.unique(names, return_inverse=True)[1]))
    mean, found, place = values.mean(axis=0), {}, 0
    for outcome in of_window:
        found[outcome.model] = [
            (metric, float(mean[place + at]), float(lower[place + at]), float(upper[place + at]))
            for at, metric in enumerate(outcome.told)
        ]
        place += len(outcome.told)
    return found


def _models(outcomes: Sequence[Outcome]) -> list[str]:
    return list(dict.fromkeys(outcome.model for outcome in outcomes))


def _joined(outcomes: Sequence[Outcome], model: str, split: str) -> tuple[Floats, "np.ndarray[Any, Any]"]:
    """A model's decisive measure over the windows of a split, and whose it is."""
    chosen = [outcome for outcome in outcomes if outcome.model == model and outcome.split == split]
    values = np.concatenate([outcome.told[DECISIVE] for outcome in chosen])
    return values, np.concatenate([outcome.customers for outcome in chosen])


def _gain(outcomes: Sequence[Outcome], challenger: str, baseline: str, split: str) -> tuple[float, float, float]:
    """By how much one is ahead of the other, customer by customer, with its 95 % interval."""
    values, names = _joined(outcomes, challenger, split)
    others, _ = _joined(outcomes, baseline, split)
    difference = values - others
    means = resampled(difference[:, None], np.unique(names, return_inverse=True)[1])
    lower, upper = interval(means)
    return float(difference.mean()), float(lower[0]), float(upper[0])


def _outcome(
    model: str,
    window: tuple[str, str],
    names: "np.ndarray[Any, Any]",
    listed: Codes,
    bought: Sparse,
    known: Known,
) -> Outcome:
    cutoff, split = window
    return Outcome(model, cutoff, split, names, measure(listed, bought), coverage(listed, known.in_range))


def _without(bought: Sparse, other: Sparse) -> Sparse:
    """What is bought and not in the other, sparse."""
    left = (bought - bought.multiply(other.sign())).tocsr()
    left.eliminate_zeros()
    left.sort_indices()
    return left


def _padded(listed: Codes) -> Codes:
    missing = max(CUTS) - listed.shape[1]
    return np.pad(listed, ((0, 0), (0, missing)), constant_values=-1) if missing > 0 else listed
