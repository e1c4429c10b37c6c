"""A card for each model of spend: what it is for, learned from, is worth, and must not be used for."""

from collections.abc import Mapping
from typing import Any

from retail_pipeline.assets.models.model_card import figures

SHOWN = (
    *("r2", "mae", "rmse", "spearman", "gini", "total_bias", "decile_error", "top_decile_gain"),
    *("rmse_capped", "coverage_95", "width_95"),
)
LIMITS = """\
- Spend is of customers who have bought before; of newcomers nothing is known.
- The level is that of the cut-offs learned from. With less than two years of data no season is known beforehand:
  total_bias on the test cut-off shows what that costs, and coverage_95 what it does to the ranges.
- Few customers bring much of the money. r2 and rmse hang on them, so that their intervals are wide; what all others
  will spend is better judged by rmse_capped, spearman and gini.
- Ridge and trees expect of nobody more than what one spender in 100 exceeds, unless half as much again as usual is
  more, times the factor that brings them to their level; the other models have no such bound.
- What was learned is a habit, not an effect: that a customer is likely to spend does not say that contacting helps.
- What is sent back after the end of the horizon is not foreseen.
"""


def value_card(numbers: Mapping[str, Any], notes: Mapping[str, Any]) -> str:
    """The cards of all tasks, as Markdown.

    Parameters
    ----------
    numbers, notes
        What is saved of the models. The time of the training has no part in it: the same models have the same card.
    """
    parts = ["# Models of spend\n"]
    for days, told in sorted(numbers["tasks"].items(), key=lambda task: int(task[0])):
        parts.append(f"## Spend within {days} days\n")
        parts.append(_card(told) if told["model"] else f"No model: {told['reason']}.\n")
    known = ", ".join(f"{name} {number}" for name, number in sorted(notes["versions"].items()))
    parts.append(f"## Limits\n\n{LIMITS}\n## Versions\n\n{known}; code and settings {numbers['made_by']}.\n")
    return "\n".join(parts)


def _card(told: Mapping[str, Any]) -> str:
    learned = told["learned_from"]
    facts = [
        f"Serves: **{told['model']['name']}**. Why: {told['reason']}.",
        f"Learned from {len(learned)} cut-offs, {learned[0]} to {learned[-1]}, the last with {told['customers']:,} "
        f"customers; brought to their level by a factor of {told['model']['level']:.3f}.",
        f"Orders as of {told['as_of']}, data hash {told['data_hash']}; seed {told['seed']}.",
        f"Features ({len(told['features'])}): {', '.join(told['features'])}.",
    ]
    judged = f"On the test cut-off {told['test_cutoff']}, by models that were fitted to earlier outcomes alone:"
    return "\n\n".join(facts) + f"\n\n{judged}\n\n{figures(told['metrics'], SHOWN)}"
