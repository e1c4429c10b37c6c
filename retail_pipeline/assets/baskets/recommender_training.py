"""The training of recommenders: measured on windows they have not seen, a champion for each kind, saved beside it.

What is saved is the choice and its figures, no factors: each night learns from all purchases there are by then, which
takes a second or two, and so knows new customers and products.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np

from retail_pipeline.analytics.recommenders import (
    co_purchases,
    evaluation,
    factors,
    known,
    measures,
    models,
    ranking,
)
from retail_pipeline.analytics.recommenders.co_purchases import Partners
from retail_pipeline.analytics.recommenders.evaluation import (
    TEST,
    VALIDATION,
    Choice,
    Outcome,
    choose,
    customer_outcomes,
    metric_rows,
    one_of_each,
    product_outcomes,
    without_seed,
)
from retail_pipeline.analytics.recommenders.models import Recommenders
from retail_pipeline.assets import model_training
from retail_pipeline.assets.baskets import known_purchases
from retail_pipeline.assets.baskets.known_purchases import Rows, baskets, bought_by_customers, known_at, tuning
from retail_pipeline.assets.model_training import origin, usable
from retail_pipeline.saved_models import load_model, save_model
from retail_pipeline.settings import RecommendationSettings, Settings
from retail_pipeline.warehouse.warehouse import Warehouse

SUBJECT = "recommenders"
BOUGHT_TOGETHER, ALSO_BOUGHT = "bought_together", "customers_also_bought"
FOR_CUSTOMER, NEW_FOR_CUSTOMER = "for_customer", "new_for_customer"
KINDS = (BOUGHT_TOGETHER, ALSO_BOUGHT, FOR_CUSTOMER, NEW_FOR_CUSTOMER)
TASKS = {
    BOUGHT_TOGETHER: "bought_together",
    ALSO_BOUGHT: "customers_also_bought",
    FOR_CUSTOMER: "recommend",
    NEW_FOR_CUSTOMER: "recommend_new",
}
CODE = (known, ranking, co_purchases, factors, models, measures, evaluation, known_purchases)
LEARNED_BY = tuple(name for name in RecommendationSettings.model_fields if not name.startswith("per_"))
"""Settings on which the choice depends."""


@dataclass(frozen=True)
class Chosen:
    """The choice in use: its id, what was noted of it, the champion of each kind, and all that was measured."""

    id: str
    notes: Mapping[str, Any]
    choices: dict[str, Choice]
    rows: list[dict[str, Any]]

    @property
    def is_provisional(self) -> bool:
        """Whether there was too little to measure anything on, so that a night with more data chooses anew."""
        return all(choice.gain is None for choice in self.choices.values())


def fitting_choice(warehouse: Warehouse) -> Chosen | None:
    """The saved choice, if there is one made by these settings and this code.

    Raises
    ------
    ModelError
        when it is damaged.
    """
    saved = load_model(warehouse.home.models / SUBJECT)
    if saved is None or saved.numbers.get("made_by") != made_by(warehouse.settings):
        return None
    choices = {kind: Choice(**told) for kind, told in saved.numbers["choices"].items()}
    return Chosen(saved.id, saved.notes, choices, saved.numbers["rows"])


def made_by(settings: Settings) -> str:
    """A hash of the code and settings that the choice depends on."""
    values = {name: getattr(settings.recommendations, name) for name in LEARNED_BY}
    return model_training.made_by(CODE, {**values, "in_range_days": settings.baskets.in_range_days})


def choice_in_use(warehouse: Warehouse, as_of: date) -> Chosen:
    """The saved choice; made first if a training is asked for, if none fits, or if the last had too little to go by."""
    chosen, reason = usable(warehouse, fitting_choice)
    if chosen and not reason and chosen.is_provisional:
        reason = "the last one had too little to be measured on"
    return chosen if chosen and not reason else _train(warehouse, as_of, reason)


def windows(warehouse: Warehouse, as_of: date) -> list[tuple[date, date, str]]:
    """Cut-off, end and split of each window, the earliest first: they follow each other and end with the data.

    Left out are those before which there is less than a window's time of data.
    """
    settings = warehouse.settings.recommendations
    first = warehouse.value("select min(order_date) from core.order_lines")
    length = timedelta(days=settings.horizon_days)
    found = []
    for back in range(settings.windows, 0, -1):
        cutoff = as_of - back * length
        if cutoff - length >= first:
            found.append((cutoff, cutoff + length, TEST if back == 1 else VALIDATION))
    return found


def _train(warehouse: Warehouse, as_of: date, reason: str) -> Chosen:
    from threadpoolctl import threadpool_limits

    settings = warehouse.settings.recommendations
    outcomes: dict[str, list[Outcome]] = {kind: [] for kind in KINDS}
    with threadpool_limits(limits=1, user_api="blas"):  # sums in one order, however many cores there are
        for cutoff, until, split in windows(warehouse, as_of):
            for kind, found in _outcomes(warehouse, as_of, cutoff, until, split):
                outcomes[kind] += found
        choices = {kind: choose(found, settings.least_customers) for kind, found in outcomes.items()}
        rows = [
            {"task": f"{TASKS[kind]}_{settings.horizon_days}d", **row}
            for kind, found in outcomes.items()
            for row in metric_rows(found, choices[kind].champion)
        ]
    notes = {
        **origin(warehouse, reason, ("implicit", "scipy", "numpy", "retail-pipeline")),
        "as_of": str(as_of),
        "run_id": warehouse.run_id,
    }
    numbers = {
        "made_by": made_by(warehouse.settings),
        "choices": {kind: asdict(choice) for kind, choice in choices.items()},
        "rows": rows,
    }
    saved = save_model(warehouse.home.models / SUBJECT, numbers, {}, notes)
    return Chosen(saved, notes, choices, rows)


def _outcomes(
    warehouse: Warehouse, as_of: date, cutoff: date, until: date, split: str
) -> Iterator[tuple[str, list[Outcome]]]:
    """Of each kind how its models do in a window."""
    settings = warehouse.settings.recommendations
    window, least = (str(cutoff), split), settings.least_together
    ids, before = known_at(warehouse, cutoff, most=settings.sample_customers)
    after = bought_by_customers(warehouse, cutoff, until, as_of)
    customers, bought, names = _known_buyers(ids, after, settings.test_customers)
    of_all, of_new = customer_outcomes(Recommenders(before, tuning(warehouse)), customers, bought, window, names)
    yield FOR_CUSTOMER, of_all
    yield NEW_FOR_CUSTOMER, of_new
    seeds = one_of_each(bought)
    partners = Partners(before.orders.sign(), before, least)
    yield ALSO_BOUGHT, product_outcomes(partners, before, seeds, without_seed(bought, seeds), window, names)
    sold = baskets(warehouse, cutoff, known_by=cutoff, most=settings.sample_orders)
    later = baskets(warehouse, until, known_by=as_of, first=cutoff)
    cases = _spread(np.arange(len(later.ids)), settings.test_customers)
    seeds = one_of_each(later.products[cases])
    rest = without_seed(later.products[cases], seeds)
    partners = Partners(sold.products, before, least)
    yield BOUGHT_TOGETHER, product_outcomes(partners, before, seeds, rest, window, later.ids[cases])


def _known_buyers(ids: Any, after: Rows, most: int) -> tuple[Any, Any, Any]:
    """Numbers, purchases and ids of the known customers who bought again."""
    place = np.searchsorted(ids, after.ids)
    is_known = np.zeros(len(after.ids), dtype=bool)
    inside = place < len(ids)
    is_known[inside] = ids[place[inside]] == after.ids[inside]
    rows = _spread(np.flatnonzero(is_known), most)
    return place[rows].astype(np.int32), after.products[rows], after.ids[rows]


def _spread(rows: Any, most: int) -> Any:
    """So many rows at most, evenly spread."""
    return rows[:: max(1, -(-len(rows) // most))]
