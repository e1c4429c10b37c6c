"""``baskets.rule_network``: the strongest rules as a network, and its picture."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np

from retail_pipeline.analytics.baskets import layout
from retail_pipeline.analytics.baskets.layout import components, lay_out
from retail_pipeline.assets.frame_assets import FrameTable
from retail_pipeline.assets.pictures import image
from retail_pipeline.reports import basket_charts
from retail_pipeline.reports.basket_charts import label_size, network_chart
from retail_pipeline.reports.files import read_rows
from retail_pipeline.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd

NAME = "baskets.rule_network"
STRONGEST = """
    with rules as (
        select
            antecedents[1] as source,
            consequents[1] as target,
            antecedent_names[1] as source_name,
            consequent_names[1] as target_name,
            orders, confidence, lift,
            row_number() over (
                partition by least(antecedents[1], consequents[1]), greatest(antecedents[1], consequents[1])
                order by confidence desc, antecedents[1]
            ) as place
        from baskets.association_rules
        where len(antecedents) = 1 and len(consequents) = 1 and is_significant and not is_redundant
    )

    select * exclude (place)
    from rules
    where place = 1
    order by lift desc, orders desc, source, target
    limit $edges
"""
WIDTH, GAP = 9.5, 0.22
"""Of the picture, and between labels [inches]."""


def _make(warehouse: Warehouse) -> "pd.DataFrame":
    """The strongest rules of two items, with places for both."""
    edges = warehouse.read(STRONGEST, {"edges": warehouse.settings.rule_network.edges})
    ends = edges[["source", "target"]].to_numpy()
    names = dict(zip(ends.ravel(), edges[["source_name", "target_name"]].to_numpy().ravel(), strict=True))
    nodes = sorted(names)
    number = {node: place for place, node in enumerate(nodes)}
    pairs = np.array([[number[source], number[target]] for source, target in ends], dtype=np.int64).reshape(-1, 2)
    boxes = np.array([label_size(names[node]) for node in nodes], dtype=np.float64).reshape(-1, 2)
    places = np.round(lay_out(pairs, boxes, width=WIDTH, gap=GAP), 4)
    edges["part"] = components(pairs, len(nodes))[pairs[:, 0]] + 1
    for side, end in enumerate(("source", "target")):
        edges[f"{end}_x"], edges[f"{end}_y"] = places[pairs[:, side]].T
    return edges[list(TABLE.columns)]


def _tell(warehouse: Warehouse) -> Mapping[str, Any]:
    rows = read_rows(warehouse.connection)(f"select * from {NAME} order by lift desc, source, target")
    if not rows:
        of = warehouse.settings.baskets.items
        return {"no network": f"no rule of one item to one other is significant (baskets.items is {of!r})"}
    return {"network": dg.MetadataValue.md(image("network of the strongest rules", network_chart(rows)))}


_ITEM = "product, or category or description by baskets.items"
TABLE = FrameTable(
    name=NAME,
    row="two items whose rule is among the strongest, as an edge of a network",
    about="Of the significant rules of one item to one other that are not redundant the highest lifts "
    "(rule_network.edges), each two items once, from the one whose rule has more confidence. The picture is on the "
    "asset's page; the places are those in it.",
    key=("source", "target"),
    columns={
        "source": ("varchar", f"who buys this {_ITEM}"),
        "target": ("varchar", f"buys this {_ITEM}"),
        "source_name": ("varchar", "the name of source"),
        "target_name": ("varchar", "the name of target"),
        "orders": ("bigint", "baskets that hold both [orders]"),
        "confidence": ("double", "of the baskets with source those with target too [share]"),
        "lift": ("double", "confidence by target's share of all baskets [times]"),
        "part": ("bigint", "the part of the network that hangs together"),
        "source_x": ("double", "place of source from the left [inches]"),
        "source_y": ("double", "place of source from the top, negative [inches]"),
        "target_x": ("double", "place of target from the left [inches]"),
        "target_y": ("double", "place of target from the top, negative [inches]"),
    },
    upstream=("baskets.association_rules",),
    make=_make,
    code=(layout, basket_charts),
    parameters=("rule_network_edges",),
    tell=_tell,
)
