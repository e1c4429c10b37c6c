"""What the shop sells: names, prices, popularity and the pairs bought together. No customers here."""

from dataclasses import dataclass
from itertools import product as combinations

import numpy as np
from numpy.typing import NDArray

from retail_pipeline.simulator.parameters import StoreParameters

# Category: (median price in pence, awkward names csv must survive, makes, things).
_CATEGORIES: dict[str, tuple[int, list[str], str, str]] = {
    "kitchen": (
        1200,
        ["Café au lait jug"],
        "Oak|Walnut|Enamel|Stoneware|Slate",
        "serving board|fruit bowl|utensil jar|butter dish|cake stand",
    ),
    "tableware": (
        800,
        ["Plates, set of 4"],
        "Speckled|Fluted|Scalloped|Harbour blue|Rustic",
        "dinner plate|espresso cup|soup bowl|milk jug|egg cup",
    ),
    "textiles": (
        1600,
        ['Tablecloth "Provence", large'],
        "Linen|Striped|Quilted|Herringbone|Indigo",
        "table runner|cushion cover|tea towel|throw|apron",
    ),
    "lighting": (
        2600,
        ["Fairy lights, 10 m"],
        "Brass|Rattan|Smoked glass|Paper|Ceramic",
        "table lamp|pendant shade|lantern|wall light|candle holder",
    ),
    "garden": (
        1100,
        ["Gardener's twine, green"],
        "Terracotta|Zinc|Woven|Galvanised|Cedar",
        "planter|bird feeder|hanging basket|herb trough|plant stand",
    ),
    "stationery": (
        500,
        ['Picture frame 8" x 10"'],
        "Marbled|Kraft|Botanical|Gilt-edged|Pocket",
        "notebook|card set|desk planner|gift box|photo album",
    ),
    "bath": (
        700,
        ["Rosé and bergamot soap"],
        "Lavender|Cedarwood|Sea salt|Rosemary|Oatmeal",
        "soap bar|bath soak|hand cream|body scrub|reed diffuser",
    ),
    "toys": (
        1400,
        ['Board game "Lost Harbour", 2-4 players'],
        "Wooden|Felt|Knitted|Tin|Painted",
        "fox|train|rabbit|sailing boat|money box",
    ),
}

_RANK_SHIFT = 4.0  # Mandelbrot's: keeps the best sellers at a few percent of lines each


@dataclass(frozen=True)
class Catalogue:
    """The products of the shop; every array and list has one entry a product.

    Attributes
    ----------
    names
        Product names, as text (not yet quoted for csv).
    unit_pence
        Unit prices in pence.
    popularity
        Probability that a line of a basket is this product; sums to 1.
    partner
        Index of the product often bought with this one, -1 for none.
    """

    names: list[str]
    unit_pence: NDArray[np.int64]
    popularity: NDArray[np.float64]
    partner: NDArray[np.int64]


def build_catalogue(parameters: StoreParameters, rng: np.random.Generator) -> Catalogue:
    """Return a catalogue of `parameters.products` products drawn evenly from the categories."""
    by_category = [
        [(name, median, category) for name in [*awkward, *_combined(makes, things)]]
        for category, (median, awkward, makes, things) in enumerate(_CATEGORIES.values())
    ]
    offered = [item for shelf in zip(*by_category, strict=True) for item in shelf][: parameters.products]
    offered = [offered[place] for place in rng.permutation(len(offered))]
    names, median_pence, categories = zip(*offered, strict=True)
    pence = np.array(median_pence) * rng.lognormal(0.0, parameters.price_sigma, len(names))
    charm_pence = np.maximum(np.rint(pence / 50), 1).astype(np.int64) * 50 - 1  # 4.49, 4.99, 5.49 ...

    rank = 1 + rng.permutation(len(names))
    weight = (rank + _RANK_SHIFT) ** -parameters.popularity_exponent
    # Pairs are neighbours in a category, from the better-known half: bought often enough to be found.
    known = np.argsort(rank)[: len(names) // 2]
    known = known[np.argsort(np.array(categories)[known], kind="stable")]
    first = 2 * rng.permutation(len(known) // 2)[: parameters.pairs]
    partner = np.full(len(names), -1)
    partner[known[first]] = known[first + 1]
    return Catalogue(list(names), charm_pence, weight / weight.sum(), partner)


def _combined(makes: str, things: str) -> list[str]:
    return [f"{make} {thing}" for thing, make in combinations(things.split("|"), makes.split("|"))]
