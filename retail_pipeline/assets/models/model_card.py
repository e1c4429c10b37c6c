"""A card for each model of purchases: what it is for, learned from, is worth, and must not be used for."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

SHOWN = ("roc_auc", "pr_auc", "base_rate", "brier", "log_loss", "ece", "top_decile_lift", "profit_per_customer")
LIMITS = """\
- Probabilities are of customers who have bought before; of newcomers nothing is known.
- The level is that of the latest cut-off whose outcome was known, moved by the season of a year before where the reason
  says so. Where that is not, or this year is another, probabilities are too low or too high while a season raises or
  lowers all orders at once, until its outcome is known: ece on the test cut-off shows by how much.
- What was learned is a habit, not an effect: that a customer is likely to buy does not say that contacting helps.
- An order counts if something of it was left at the end of the horizon; a later return is not foreseen.
"""


def model_card(numbers: Mapping[str, Any], notes: Mapping[str, Any]) -> str:
    """The cards of all tasks, as Markdown.

    Parameters
    ----------
    numbers, notes
        What is saved of the models. The time of the training has no part in it: the same models have the same card.
    """
    parts = ["# Models of the next purchase\n"]
    for days, told in sorted(numbers["tasks"].items(), key=lambda task: int(task[0])):
        parts.append(f"## An order within {days} days\n")
        parts.append(_card(told) if told["model"] else f"No model: {told['reason']}.\n")
    versions = ", ".join(f"{name} {number}" for name, number in sorted(notes["versions"].items()))
    parts.append(f"## Limits\n\n{LIMITS}\n## Versions\n\n{versions}; code and settings {numbers['made_by']}.\n")
    return "\n".join(parts)


def _card(told: Mapping[str, Any]) -> str:
    champion = told["model"]["name"]
    calibration = told["model"]["calibration"]
    learned = told["learned_from"]
    facts = [
        f"Serves: **{champion}**. Why: {told['reason']}.",
        f"Learned from {len(learned)} cut-offs, {learned[0]} to {learned[-1]}; calibrated on the last, of "
        f"{told['customers']:,} customers: "
        f"log odds = {calibration['intercept']:.3f} + {calibration['slope']:.3f} x score.",
        f"Orders as of {told['as_of']}, data hash {told['data_hash']}; seed {told['seed']}.",
        f"Contacting customers pays best from a probability of {told['threshold']:.3f} on.",
        f"Features ({len(told['features'])}): {', '.join(told['features'])}.",
    ]
    if told.get("season"):
        moved = ", ".join(
            f"{day} {by:+.3f}" for day, by in zip(told["season"]["days"], told["season"]["raised"], strict=True)
        )
        facts.append(f"Log odds are raised by what the season did a year before: {moved}.")
    judged = f"On the test cut-off {told['test_cutoff']}, by models that were fitted to earlier outcomes alone:"
    return "\n\n".join(facts) + f"\n\n{judged}\n\n{figures(told['metrics'], SHOWN)}"


def figures(metrics: Iterable[Mapping[str, Any]], shown: Sequence[str]) -> str:
    """Some figures of the test cut-off as a Markdown table, a model a row, with 95 % intervals."""
    rows = [row for row in metrics if row["split"] == "test" and row["metric"] in shown]
    models = list(dict.fromkeys(row["model"] for row in rows))
    cells = {(row["model"], row["metric"]): _cell(row) for row in rows}
    lines = [f"| model | {' | '.join(shown)} |", f"|---|{'---|' * len(shown)}"]
    lines += [f"| {name} | {' | '.join(cells.get((name, metric), '') for metric in shown)} |" for name in models]
    return "\n".join(lines) + "\n"


def _cell(row: Mapping[str, Any]) -> str:
    if row["value"] is None:
        return "not defined"
    interval = f" ({row['lower']:.3f} to {row['upper']:.3f})" if row["lower"] is not None else ""
    return f"{row['value']:.3f}{interval}"
