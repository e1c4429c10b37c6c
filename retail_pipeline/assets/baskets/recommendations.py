"""``baskets.recommender_metrics`` and ``baskets.recommendations``: what to offer with a product, and to a customer.

The first holds how all recommenders did on purchases they had not seen, and saves the choice in the home, in
``models/recommenders/``; the second is made by the champions, each night from all purchases there are.
"""

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np

from retail_pipeline.analytics.recommenders import reasons
from retail_pipeline.analytics.recommenders.co_purchases import PRODUCT_MODELS, Partners
from retail_pipeline.analytics.recommenders.evaluation import TEST
from retail_pipeline.analytics.recommenders.known import POPULARITY, Codes, Known, Sparse
from retail_pipeline.analytics.recommenders.models import BUY_AGAIN, MODELS, Recommenders
from retail_pipeline.analytics.recommenders.ranking import NOBODY, block_rows, recommend
from retail_pipeline.analytics.recommenders.reasons import strongest_reasons
from retail_pipeline.assets import model_training
from retail_pipeline.assets.baskets import recommender_training
from retail_pipeline.assets.baskets.known_purchases import PRODUCTS, UPSTREAM, as_of, baskets, known_at, tuning
from retail_pipeline.assets.baskets.recommender_training import (
    ALSO_BOUGHT,
    BOUGHT_TOGETHER,
    CODE,
    FOR_CUSTOMER,
    KINDS,
    NEW_FOR_CUSTOMER,
    TASKS,
    Chosen,
    choice_in_use,
    fitting_choice,
)
from retail_pipeline.assets.frame_assets import FrameTable
from retail_pipeline.assets.model_training import usable
from retail_pipeline.assets.pictures import image
from retail_pipeline.errors import ModelError
from retail_pipeline.reports.recommender_charts import recommenders_chart
from retail_pipeline.settings import RecommendationSettings
from retail_pipeline.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd

METRICS, RECOMMENDATIONS = "baskets.recommender_metrics", "baskets.recommendations"
SETTINGS = (
    "as_of",
    "basket_in_range_days",
    *(f"recommendation_{name}" for name in RecommendationSettings.model_fields),
)
REASONS = ("bought in the same orders", "bought by the same customers", "bought before", "like", "popular")
_TOGETHER, _SAME_CUSTOMERS, _BEFORE, _LIKE, _POPULAR = range(len(REASONS))
_CODES = ("kind", "customer", "for_product", "rank", "product", "score", "orders", "customers", "reason", "because")
_NONE = -1
"""A code of nothing, or a count of nothing."""


def _make_metrics(warehouse: Warehouse) -> "pd.DataFrame":
    """How the recommenders did, which is measured first if need be."""
    import pandas as pd

    day = as_of(warehouse)
    rows: list[dict[str, Any]] = []
    if day:
        chosen = choice_in_use(warehouse, day)
        rows = [{**row, "run_id": chosen.notes["run_id"], "saved_as": chosen.id} for row in chosen.rows]
    frame = pd.DataFrame(rows, columns=list(METRICS_TABLE.columns))
    return frame.astype(dict.fromkeys(("value", "lower", "upper"), "float64"))


def _is_whole(warehouse: Warehouse) -> bool:
    """Whether the table tells of the choice in use, which fits, and no training is asked for."""
    chosen, reason = usable(warehouse, fitting_choice)
    told = warehouse.value(f"select min(saved_as) from {METRICS}")
    return not reason and chosen is not None and (not chosen.rows or chosen.id == told)


def _choice(warehouse: Warehouse) -> Chosen | None:
    """The choice that the metrics tell of; None of a store without lines.

    Raises
    ------
    ModelError
        when it is not there: the metrics were measured by other settings or code, and not since.
    """
    if as_of(warehouse) is None:
        return None
    told = warehouse.value(f"select min(saved_as) from {METRICS}")
    chosen = fitting_choice(warehouse)
    if chosen is None or (told is not None and chosen.id != told):
        raise ModelError(
            f"The choice that {METRICS} tells of is not in use any more. Build that first: "
            f"'retail run --select {METRICS}', or all with 'retail run'."
        )
    return chosen


def _make_recommendations(warehouse: Warehouse) -> "pd.DataFrame":
    """The first products for each product and customer."""
    import pandas as pd
    from threadpoolctl import threadpool_limits

    day, chosen = as_of(warehouse), _choice(warehouse)
    if day is None or chosen is None:
        return pd.DataFrame({name: pd.Series(dtype="object") for name in RECOMMENDATIONS_TABLE.columns})
    customers, known = known_at(warehouse, day)
    champions = {kind: choice.champion for kind, choice in chosen.choices.items()}
    with threadpool_limits(limits=1, user_api="blas"):
        parts = [
            *_with_products(warehouse, day, known, champions),
            *_for_customers(warehouse, known, champions),
        ]
    if not parts:  # nothing was ever sold
        return pd.DataFrame({name: pd.Series(dtype="object") for name in RECOMMENDATIONS_TABLE.columns})
    return _frame(warehouse, customers, parts, [champions[kind] for kind in KINDS])


def _with_products(warehouse: Warehouse, day: date, known: Known, champions: Mapping[str, str]) -> list[dict[str, Any]]:
    """What goes with each product in range."""
    settings = warehouse.settings.recommendations
    subjects = np.flatnonzero(known.in_range).astype(np.int32)
    sold = baskets(warehouse, day, known_by=day, most=settings.sample_orders).products
    parts = []
    for kind, bought in ((BOUGHT_TOGETHER, sold), (ALSO_BOUGHT, known.orders.sign())):
        model, is_basket = champions[kind], kind == BOUGHT_TOGETHER
        reason = _POPULAR if model == POPULARITY else _TOGETHER if is_basket else _SAME_CUSTOMERS
        partners, step = Partners(bought, known, settings.least_together), block_rows(known.products)
        for start in range(0, len(subjects), step):
            block = subjects[start : start + step]
            together = partners.together(block)
            listed, values = recommend(partners.scores(model, block, together), known.in_range, settings.per_product)
            places, products, ranks, scores = _listed(listed, values)
            counted = together[places, products].astype(np.int32)
            parts.append(
                _part(
                    kind,
                    for_product=block[places],
                    product=products,
                    rank=ranks,
                    score=scores,
                    reason=np.full(len(ranks), reason, dtype=np.int8),
                    **{"orders" if is_basket else "customers": counted},
                )
            )
    return parts


def _for_customers(warehouse: Warehouse, known: Known, champions: Mapping[str, str]) -> list[dict[str, Any]]:
    """What to offer each customer, and of it only what is new to them."""
    recommenders = Recommenders(known, tuning(warehouse))
    parts: dict[str, list[dict[str, Any]]] = {FOR_CUSTOMER: [], NEW_FOR_CUSTOMER: []}
    step = block_rows(known.products)
    for start in range(0, known.customers, step):
        customers = np.arange(start, min(start + step, known.customers), dtype=np.int32)
        block, own = recommenders.block(customers), known.orders[customers]
        for kind, of_kind in parts.items():
            listed, values = recommend(
                block.scores(champions[kind]),
                known.in_range,
                warehouse.settings.recommendations.per_customer,
                own=own if kind == NEW_FOR_CUSTOMER else None,
                popularity=known.popularity,
            )
            places, products, ranks, scores = _listed(listed, values)
            orders = _at(own, places, products)
            because = _because(recommenders, champions[kind], customers[places], products, orders, scores)
            reason = np.where(orders > 0, _BEFORE, np.where(because != NOBODY, _LIKE, _POPULAR))
            of_kind.append(
                _part(
                    kind,
                    customer=customers[places],
                    product=products,
                    rank=ranks,
                    score=scores,
                    orders=orders,
                    reason=reason.astype(np.int8),
                    because=because,
                )
            )
    return [*parts[FOR_CUSTOMER], *parts[NEW_FOR_CUSTOMER]]


def _at(counts: Sparse, rows: Any, columns: Codes) -> Codes:
    """Single values of a sparse matrix of counts, which with no place asked for would stay a matrix."""
    if not len(rows):
        return np.empty(0, dtype=np.int32)
    return np.asarray(counts[rows, columns]).ravel().astype(np.int32)


def _because(
    recommenders: Recommenders, model: str, customers: Codes, products: Codes, orders: Any, scores: Any
) -> Codes:
    """The customer's product that speaks most for one that is new to them, where the model goes by such things."""
    because = np.full(len(products), NOBODY, dtype=np.int32)
    if model == POPULARITY or model.startswith(BUY_AGAIN):
        return because
    is_asked = (orders == 0) & (scores > 0)
    because[is_asked] = strongest_reasons(
        recommenders.weights, recommenders.neighbours, customers[is_asked], products[is_asked]
    )
    return because


def _listed(listed: Codes, values: Any) -> tuple[Any, Codes, Any, Any]:
    """Lists as rows: place of the subject in the block, product, rank and score."""
    there = listed != NOBODY
    places, ranks = np.nonzero(there)
    return places, listed[there], (ranks + 1).astype(np.int16), values[there]


def _part(kind: str, **columns: Any) -> dict[str, Any]:
    """Rows of a kind as numbers, -1 where a column says nothing."""
    rows = len(columns["rank"])
    nothing = np.full(rows, _NONE, dtype=np.int32)
    return {
        **dict.fromkeys(_CODES, nothing),
        **columns,
        "kind": np.full(rows, KINDS.index(kind), dtype=np.int8),
    }


def _frame(warehouse: Warehouse, customers: Any, parts: list[dict[str, Any]], champions: list[str]) -> "pd.DataFrame":
    """Numbers as names: what the table holds."""
    import pandas as pd

    products = warehouse.read(PRODUCTS)
    codes = {name: np.concatenate([part[name] for part in parts]) for name in _CODES}
    ids = products["product_id"].to_numpy()
    name_codes, names = pd.factorize(products["product_name"])
    of_product = np.append(name_codes, _NONE)  # the last stands for no product
    model_codes, models = pd.factorize(np.array(champions, dtype=object))
    return pd.DataFrame(
        {
            "kind": _categories(codes["kind"], KINDS),
            "customer_id": _categories(codes["customer"], customers),
            "for_product_id": _categories(codes["for_product"], ids),
            "rank": codes["rank"],
            "product_id": _categories(codes["product"], ids),
            "product_name": _categories(of_product[codes["product"]], names),
            "score": codes["score"],
            "orders": pd.arrays.IntegerArray(codes["orders"], codes["orders"] < 0),
            "customers": pd.arrays.IntegerArray(codes["customers"], codes["customers"] < 0),
            "reason": _categories(codes["reason"], REASONS),
            "because_product_id": _categories(codes["because"], ids),
            "because_product_name": _categories(of_product[codes["because"]], names),
            "model": _categories(model_codes[codes["kind"]], models),
        }
    )


def _categories(codes: Any, names: Any) -> Any:
    """Texts as numbers into a list of them, -1 for none: millions of rows stay small."""
    import pandas as pd

    return pd.Categorical.from_codes(codes, categories=pd.Index(names, dtype="object"))


def _tell(warehouse: Warehouse) -> Mapping[str, Any]:
    """The champion of each kind and why it is, and how the recommenders did in the last window."""
    chosen = _choice(warehouse)
    if chosen is None:
        return {"no_recommendations": "there are no sales"}
    told: dict[str, Any] = {
        "model": chosen.id,
        "measured_at": chosen.notes["created_at"],
        "measured_because": chosen.notes["reason"],
    }
    for kind, choice in chosen.choices.items():
        told[f"champion_{kind}"] = f"{choice.champion}: {choice.reason}"
        rows = [row for row in chosen.rows if row["task"].rpartition("_")[0] == TASKS[kind] and row["split"] == TEST]
        if any(row["lower"] is not None for row in rows):
            svg = recommenders_chart(rows)
            told[f"last_window_{kind}"] = dg.MetadataValue.md(image(f"hit rate and NDCG, {kind}", svg))
    return told


_TASK = (
    "varchar",
    "bought_together, customers_also_bought, recommend or recommend_new, with the days of a window: recommend_30d",
)

METRICS_TABLE = FrameTable(
    name=METRICS,
    row="a measure of how a recommender did in a window of days it had not seen",
    about="From the last training: 'retail train', weekly, or when settings or code have changed. Windows of "
    "recommendations.horizon_days follow each other and end with the data. A recommender knows what was bought "
    "before a window begins, and recommends up to 20 products of what is in range by then. It is measured on what "
    "known customers bought in the window (recommend), on what of it they had not bought before (recommend_new), "
    "on what else they bought in it when one product is known (customers_also_bought), and on the rest of an "
    "order when one product is known (bought_together). Champion of a task is the model with the highest NDCG at "
    "10 in the earlier windows (validation), if it is ahead of the best baseline beyond chance there and in the "
    "last one (test); else that baseline. Baselines are what is popular lately and what the customer bought most "
    "often, which has nothing to say of new products. With little data (recommendations.least_customers) what is "
    "popular serves; the materialisation says why.",
    key=("task", "model", "cutoff", "split", "metric"),
    columns={
        "task": _TASK,
        "model": ("varchar", f"for customers {', '.join(MODELS)}; for products {', '.join(PRODUCT_MODELS)}"),
        "cutoff": ("date", "the window's first day; all before it is known"),
        "split": ("varchar", "validation, by which the champion is chosen, or test, the last window"),
        "metric": ("varchar", "hit_rate, recall, map, ndcg or coverage, with _at_ the length of the list"),
        "value": (
            "double",
            "its mean over customers; of coverage, the share of products in range that are on anybody's list",
        ),
        "lower": ("double", "lower end of its 95 % interval by resampled customers, null for coverage"),
        "upper": ("double", "upper end of it"),
        "n": ("bigint", "customers, or orders, it was measured on"),
        "is_champion": ("boolean", "whether the model serves for the task"),
        "is_baseline": ("boolean", "whether it is one of the baselines"),
        "run_id": ("varchar", "the run that measured"),
        "saved_as": ("varchar", "a hash of the choice, which is the folder in models/recommenders/"),
    },
    upstream=UPSTREAM,
    make=_make_metrics,
    code=(*CODE, recommender_training, model_training),
    parameters=SETTINGS,
    is_whole=_is_whole,
    tell=_tell,
)
RECOMMENDATIONS_TABLE = FrameTable(
    name=RECOMMENDATIONS,
    row="a product or customer and a product to offer with or to it, by rank",
    about="Of four kinds: bought_together and customers_also_bought are for each product in range, for_customer and "
    "new_for_customer (only what they have not bought before) for each customer. What goes with a product is ranked by "
    "the share of its orders (or customers) that have the other too, discounted by how popular that is anyway. Never "
    "recommended is a charge, the product itself, or what has not been sold for baskets.in_range_days. As of "
    "core.as_of or the day after the last line; a line cancelled as a whole by then does not count (in itemsets and "
    "rules it does), and bought_together counts guests' orders, whatever baskets.guests says. Where popularity is the "
    "champion, everybody is offered what sells: no model did better here beyond chance. Each kind is made "
    "by the champion of its task (baskets.recommender_metrics), anew each night from all purchases. Fewer rows than "
    "asked for are left where no more products go together or are in range.",
    key=("kind", "customer_id", "for_product_id", "rank"),
    columns={
        "kind": ("varchar", "bought_together, customers_also_bought, for_customer or new_for_customer"),
        "customer_id": ("varchar", "the customer, null for what goes with a product"),
        "for_product_id": ("varchar", "the product it goes with, null for what is for a customer"),
        "rank": ("integer", "1 for the first"),
        "product_id": ("varchar", "the product to offer"),
        "product_name": ("varchar", "its name"),
        "score": (
            "double",
            "what the model ranks by, comparable within a list only; 0 where it knows nothing of the product",
        ),
        "orders": ("bigint", "orders that had both; for customers, their orders with the product [orders]"),
        "customers": ("bigint", "of customers_also_bought: customers who bought both [customers]"),
        "reason": ("varchar", f"why: {', '.join(REASONS)}; like means like because_product_id"),
        "because_product_id": ("varchar", "the customer's own product that speaks most for one that is new to them"),
        "because_product_name": ("varchar", "its name"),
        "model": ("varchar", "the champion that made the list"),
    },
    upstream=(*UPSTREAM, METRICS),
    make=_make_recommendations,
    code=(*CODE, reasons, recommender_training),
    parameters=SETTINGS,
)
TABLES = (METRICS_TABLE, RECOMMENDATIONS_TABLE)
