"""What features do to predictions: how much they move them, and what is lost without them; and reasons in words."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retail_pipeline.analytics.prediction.matrix import FEATURES, GROUPS, in_words
from retail_pipeline.analytics.prediction.measures import Measure, gini, roc_auc
from retail_pipeline.analytics.prediction.purchase_models import PurchaseModel
from retail_pipeline.analytics.prediction.spend_training import SpendModel

Floats = NDArray[np.float64]

SEED, SHUFFLES = 20_111_209, 3
LEAST_CONTRIBUTION = 0.05
"""A reason moves the log odds by so much, at least."""


def importance(model: PurchaseModel, values: Floats, events: Floats) -> list[dict[str, Any]]:
    """By feature and method its weight in a model's predictions of customers it has not seen; those of none left out.

    *shap*: mean size of its contribution to the log odds. *permutation*: the area under the ROC curve that is lost
    when its values are dealt out anew among customers, the mean of a few times.
    """
    told = np.abs(model.contributions(values)).mean(axis=0)
    used = np.flatnonzero(told > 0).tolist()
    rows = [_row(place, "shap", float(told[place])) for place in used]
    return rows + _permuted(used, roc_auc, model.probabilities, values, events)


def spend_importance(model: SpendModel, values: Floats, spend: Floats) -> list[dict[str, Any]]:
    """By feature the Gini coefficient that is lost when its values are dealt out anew among customers.

    The features that a model does not use lose nothing and are left out.
    """
    rows = _permuted(range(len(FEATURES)), gini, model.expected, values, spend)
    return [row for row in rows if row["value"] != 0]


def _permuted(
    places: Iterable[int], measure: Measure, predict: Callable[[Floats], Floats], values: Floats, actual: Floats
) -> list[dict[str, Any]]:
    """By feature what a measure loses when its values are dealt out anew among customers, the mean of a few times."""
    once = np.ones((1, len(actual)))
    whole = float(measure(actual, predict(values), once)[0])
    rng = np.random.default_rng(SEED)
    deals = [rng.permutation(len(actual)) for _ in range(SHUFFLES)]
    rows = []
    for place in places:
        left = []
        for deal in deals:
            dealt = values.copy()
            dealt[:, place] = values[deal, place]
            left.append(float(measure(actual, predict(dealt), once)[0]))
        lost = whole - float(np.mean(left))
        if np.isfinite(lost):
            rows.append(_row(place, "permutation", lost))
    return rows


def _row(place: int, method: str, value: float) -> dict[str, Any]:
    return {"feature": FEATURES[place], "method": method, "value": value}


def churn_reasons(
    values: Floats, contributions: Floats, most: int = 3, groups: Mapping[str, str] = GROUPS
) -> list[str]:
    """Of each customer what speaks most for or against another order, in words, the strongest first.

    Contributions of features that say much the same are summed up; the one that speaks loudest for the sum is named.

    Parameters
    ----------
    values, contributions
        Features, and what each adds to the log odds of an order; shape (customers, features).
    groups
        By feature the group of those that are summed up.
    """
    names = [groups.get(name, name) for name in FEATURES]
    members = [[place for place, name in enumerate(names) if name == group] for group in dict.fromkeys(names)]
    sums = np.column_stack([contributions[:, places].sum(axis=1) for places in members])
    loudest = np.column_stack(
        [
            np.array(places)[np.argmax(contributions[:, places] * np.sign(sums[:, [group]]), axis=1)]
            for group, places in enumerate(members)
        ]
    )
    order = np.argsort(-np.abs(sums), axis=1, kind="stable")[:, :most]
    found = []
    for row, added, named, strongest in zip(values, sums, loudest, order, strict=True):
        told = [
            f"{in_words(FEATURES[named[group]], float(row[named[group]]))} "
            f"({'lowers' if added[group] > 0 else 'raises'} the risk)"
            for group in strongest
            if abs(added[group]) >= LEAST_CONTRIBUTION
        ]
        found.append("; ".join(told) or "nothing stands out")
    return found
