"""What the shop sells: names, prices, costs, popularity, and which products belong together. No customers here."""

from dataclasses import dataclass

import numpy as np

from retail_pipeline.errors import SettingsError
from retail_pipeline.simulator.parameters import StoreParameters
from retail_pipeline.simulator.random_numbers import Floats, Integers
from retail_pipeline.simulator.vocabulary import product_names

_RANK_SHIFT = 4.0  # Mandelbrot's: keeps the best sellers at a few percent of lines each
_BUNDLE_SHIFT = 3


@dataclass(frozen=True)
class Catalogue:
    """The products of the shop; arrays and lists have an entry a product unless said otherwise.

    Attributes
    ----------
    category
        Its number.
    pence, cost_pence
        Usual price and cost, in hundredths of the currency.
    share
        Probability that a choice in its category is this product; sums to 1 in each.
    popularity
        Share of all choices on a usual day that put this product into a basket, alone or in a bundle.
    rank
        1 for the product that is chosen most often in the whole shop.
    bundles
        The products of each bundle, two or three; no product is in two.
    bundle_share
        Probability that a bundle chosen is this one: an entry a bundle.
    substitutes
        The first of each pair that stand in for each other; the second has the next number.
    """

    names: list[str]
    category: Integers
    pence: Integers
    cost_pence: Integers
    share: Floats
    popularity: Floats
    rank: Integers
    bundles: list[tuple[int, ...]]
    bundle_share: Floats
    substitutes: Integers


def build_catalogue(parameters: StoreParameters) -> Catalogue:
    """The catalogue of a shop."""
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(parameters.seed, spawn_key=(1,))))
    asked = parameters.catalogue
    category = np.sort(np.arange(asked.products) % len(asked.categories))
    kinds = [asked.categories[number] for number in category.tolist()]
    names = [
        name
        for number, kind in enumerate(asked.categories)
        for name in product_names(asked.words, kind.name, int(np.count_nonzero(category == number)))
    ]
    price = np.array([kind.price for kind in kinds]) * np.exp(
        np.array([kind.price_sigma for kind in kinds]) * rng.standard_normal(asked.products)
    )
    pence = _charm(price)
    margin = np.array([kind.margin for kind in kinds])
    cost = pence * (1 - margin) * np.exp(asked.cost_sigma * rng.standard_normal(asked.products))
    share = _shares_by_category(category, asked.popularity_exponent, rng)
    overall = share * np.array([kind.share for kind in kinds])

    order, substitutes = _numbering(parameters, category, overall, rng)
    overall, category = overall[order], category[order]
    bundles = _bundles(parameters, category, overall, substitutes, rng)
    weights = 1.0 / (np.arange(len(bundles)) + _BUNDLE_SHIFT)
    bundle_share = weights / weights.sum() if bundles else weights
    tastes = np.average(taste_shares(parameters), axis=0, weights=[taste.share for taste in parameters.tastes])
    in_bundles = parameters.baskets.bundle_share if bundles else 0.0
    popularity = (1 - in_bundles) * tastes[category] * share[order]
    for bundle, chance in zip(bundles, bundle_share, strict=True):
        popularity[list(bundle)] += in_bundles * chance
    rank = np.empty(asked.products, dtype=np.int64)
    rank[np.argsort(-popularity, kind="stable")] = np.arange(asked.products) + 1
    return Catalogue(
        names=[names[place] for place in order.tolist()],
        category=category,
        pence=pence[order],
        cost_pence=np.maximum(np.minimum(np.rint(cost), pence), 1).astype(np.int64)[order],
        share=share[order],
        popularity=popularity,
        rank=rank,
        bundles=bundles,
        bundle_share=bundle_share,
        substitutes=substitutes,
    )


def taste_shares(parameters: StoreParameters) -> Floats:
    """How often customers of a taste choose a category: tastes x categories, each row sums to 1."""
    kinds = parameters.catalogue.categories
    weights = np.array(
        [[kind.share * taste.favourites.get(kind.name, 1.0) for kind in kinds] for taste in parameters.tastes]
    )
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def product_code(product: int) -> str:
    """The code of a product in the files."""
    return f"P{1 + product:04d}"


def _charm(price: Floats) -> Integers:
    """Prices such as 4.49, 4.99, 5.49 in pence; below 1 such as .45."""
    pence = 100 * price
    dear = np.maximum(np.rint(pence / 50), 1) * 50 - 1
    return np.where(pence >= 100, dear, np.maximum(np.rint(pence / 5), 1) * 5).astype(np.int64)


def _shares_by_category(category: Integers, exponent: float, rng: np.random.Generator) -> Floats:
    share = np.zeros(len(category))
    for number in np.unique(category).tolist():
        places = np.flatnonzero(category == number)
        weights = (1 + rng.permutation(len(places)) + _RANK_SHIFT) ** -exponent
        share[places] = weights / weights.sum()
    return share


def _numbering(
    parameters: StoreParameters, category: Integers, overall: Floats, rng: np.random.Generator
) -> tuple[Integers, Integers]:
    """The products in the order of their codes, which tell nothing, and the first of each pair of substitutes."""
    asked = 0 if parameters.baskets.one_line else parameters.baskets.substitutes
    pairs: list[tuple[int, int]] = []
    free = np.argsort(-overall, kind="stable").tolist()
    while free and len(pairs) < asked:
        number = free.pop(0)
        near = next((other for other in free if category[other] == category[number]), None)
        if near is not None:
            free.remove(near)
            pairs.append((number, near))
    if len(pairs) < asked:
        raise SettingsError(
            f"baskets.substitutes {asked} are more than there are pairs of products in a category ({len(pairs)})."
        )
    in_pairs = [product for pair in pairs for product in pair]
    singles = np.setdiff1d(np.arange(len(category)), in_pairs)
    shelves = [*([product] for product in singles.tolist()), *map(list, pairs)]
    shuffled = [shelves[place] for place in rng.permutation(len(shelves)).tolist()]
    order = np.array([product for shelf in shuffled for product in shelf], dtype=np.int64)
    firsts = {pair[0] for pair in pairs}
    return order, np.flatnonzero([product in firsts for product in order.tolist()])


def _bundles(
    parameters: StoreParameters, category: Integers, overall: Floats, substitutes: Integers, rng: np.random.Generator
) -> list[tuple[int, ...]]:
    """Bundles of the better-known half, each third one of three products; every other one spans two categories."""
    asked = 0 if parameters.baskets.one_line else parameters.baskets.bundles
    known = np.argsort(-overall, kind="stable")[: len(overall) // 2]
    free = list(rng.permutation(np.setdiff1d(known, np.concatenate([substitutes, substitutes + 1]))).tolist())
    bundles: list[tuple[int, ...]] = []
    for number in range(asked):
        size = 3 if number % 3 == 2 else 2
        first = free.pop()
        like = [other for other in free if category[other] == category[first]]
        unlike = [other for other in free if category[other] != category[first]]
        fitting = (like + unlike) if number % 2 == 0 else (unlike + like)
        bundle = (first, *fitting[: size - 1])
        free = [product for product in free if product not in bundle]
        bundles.append(tuple(sorted(bundle)))
    return bundles
