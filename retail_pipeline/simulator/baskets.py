"""What is in each order: choices of products and bundles, merged into lines. No dates are drawn here."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retail_pipeline.simulator.catalogue import Catalogue
from retail_pipeline.simulator.clock import Clock
from retail_pipeline.simulator.customers import Population, Traits
from retail_pipeline.simulator.lines import SALE, Lines
from retail_pipeline.simulator.offers import Offer, Offers
from retail_pipeline.simulator.parameters import StoreParameters
from retail_pipeline.simulator.random_numbers import (
    Floats,
    Integers,
    Keys,
    Stream,
    gamma_quantiles,
    geometric,
    mean_before_truncation,
    positive_poisson,
)

_BELOW_ONE = 1 - 2.0**-40


@dataclass(frozen=True)
class Appetite:
    """What draws an order's customer: an entry an order.

    Attributes
    ----------
    day
        The day, counted from the first of the offer.
    scale
        Poisson mean of the choices on a day on which all is as usual.
    """

    day: Integers
    taste: Integers
    scale: Floats


class Baskets:
    """Fills orders.

    An order's value z is gamma-gamma: gamma(p, nu) with a nu of the customer's (Fader & Hardie 2013, "The gamma-gamma
    model of monetary value"). It asks for z / v choices on average, v being what a choice is worth, but at least one.
    Each product is chosen a Poisson number of times, so products are independent of each other given the order's day,
    taste and value, and that it holds any; bundles are chosen in the same way, as a whole.
    """

    def __init__(
        self, parameters: StoreParameters, catalogue: Catalogue, clock: Clock, offers: Offers, population: Population
    ) -> None:
        self._parameters, self._catalogue, self._clock = parameters, catalogue, clock
        self._population = population
        self._value_per_choice = offers.value_per_choice()
        self._values = [gamma_quantiles(tier.p) for tier in parameters.tiers]
        self._by_category = np.argsort(catalogue.category, kind="stable")
        self._rivals = np.zeros(len(catalogue.names), dtype=np.bool_)
        self._rivals[catalogue.substitutes] = True
        self._streams = {
            name: Stream(parameters.seed, f"basket {name}")
            for name in ("order", "value", "choices", "shelf", "product", "units", "rival", "which rival")
        }

    def fill(self, orders: NDArray[np.void], offer: Offer) -> tuple[Lines, Appetite]:
        """The lines of orders, which must lie in the days of the offer; lines stand in the order of the orders."""
        customer, number = orders["customer"].astype(np.int64), orders["number"].astype(np.int64)
        traits = self._population.traits(customer)
        keys = self._streams["order"].keys(customer, number)
        value = self._order_values(keys, traits)
        appetite = self._appetite(orders, offer, traits, value)
        if self._parameters.baskets.one_line:
            count = len(orders)
            order, product, units = np.arange(count), np.zeros(count, dtype=np.int64), np.ones(count, dtype=np.int64)
            pence = np.maximum(np.rint(value), 1).astype(np.int64)
            discount = np.zeros(count, dtype=np.int64)
        else:
            order, product, units = self._chosen_lines(keys, appetite, offer)
            day = appetite.day[order]
            pence = offer.pence[day, product]
            discount = np.rint(offer.discount[day, product] * pence * units).astype(np.int64)
        first = np.flatnonzero(np.diff(order, prepend=-1))
        line_no = np.arange(len(order)) - np.repeat(first, np.diff(first, append=len(order))) + 1
        channel = self._population.order_channels(customer, number, traits)
        lines = Lines.of(
            kind=np.full(len(order), SALE),
            ts=orders["ts"].astype(np.int64)[order],
            placed=orders["ts"].astype(np.int64)[order],
            customer=customer[order],
            number=number[order],
            line_no=line_no,
            part=np.zeros(len(order)),
            product=product,
            units=units,
            pence=pence,
            discount=discount,
            region=traits.region[order],
            channel=channel[order],
        )
        return lines, appetite

    def _order_values(self, keys: Keys, traits: Traits) -> Floats:
        """Values of orders at usual prices [pence]."""
        uniforms, values = self._streams["value"].uniform(keys), np.zeros(len(keys))
        for tier, quantiles in enumerate(self._values):
            places = np.flatnonzero(traits.tier == tier)
            values[places] = quantiles(uniforms[places])
        return np.asarray(100 * values / traits.spend_rate)

    def _appetite(self, orders: NDArray[np.void], offer: Offer, traits: Traits, value: Floats) -> Appetite:
        mean = self._parameters.baskets.mean_picks
        if mean is None:
            scale = mean_before_truncation(value / self._value_per_choice[traits.taste])
        else:
            scale = np.full(len(value), mean)
        return Appetite(self._clock.day_of(orders["ts"].astype(np.int64)) - offer.first, traits.taste, scale)

    def _chosen_lines(self, keys: Keys, appetite: Appetite, offer: Offer) -> tuple[Integers, Integers, Integers]:
        """The order, product and units of each line, by order and product."""
        shelves = _Shelves(offer, self._catalogue, self._by_category)
        total = shelves.totals[appetite.day, appetite.taste]
        count = positive_poisson(self._streams["choices"].uniform(keys), appetite.scale * total)
        order = np.repeat(np.arange(len(keys)), count)
        turn = np.arange(len(order)) - np.repeat(np.cumsum(count) - count, count)
        of_order = keys[order]
        day, taste = appetite.day[order], appetite.taste[order]
        shelf = shelves.choose_shelf(day, taste, self._streams["shelf"].uniform(of_order, turn))
        within = self._streams["product"].uniform(of_order, turn) * _BELOW_ONE
        single = np.flatnonzero(shelf < shelves.categories)
        product = shelves.choose_product(day[single], shelf[single], within[single])
        more = self._parameters.baskets.more_units
        units = 1 + geometric(self._streams["units"].uniform(of_order[single], turn[single]), more)
        whole = np.flatnonzero(shelf == shelves.categories)
        place, in_bundles = shelves.choose_bundle(day[whole], within[whole])
        products = len(self._catalogue.names)
        codes = np.concatenate([order[single] * products + product, order[whole][place] * products + in_bundles])
        units = np.concatenate([units, np.ones(len(place), dtype=np.int64)])
        by_code = np.argsort(codes)
        codes, units = codes[by_code], units[by_code]
        starts = np.flatnonzero(np.diff(codes, prepend=-1))
        codes, units = codes[starts], np.add.reduceat(units, starts) if len(starts) else units
        kept = self._without_rivals(codes, keys)
        return codes[kept] // products, codes[kept] % products, units[kept]

    def _without_rivals(self, codes: Integers, keys: Keys) -> NDArray[np.bool_]:
        """Which lines stay where substitutes, whose numbers follow each other, met in one basket."""
        products = len(self._catalogue.names)
        kept = np.ones(len(codes), dtype=np.bool_)
        met = np.flatnonzero((np.diff(codes) == 1) & self._rivals[codes[:-1] % products])
        key, product = keys[codes[met] // products], codes[met] % products
        lift = self._parameters.baskets.substitute_lift
        met = met[self._streams["rival"].uniform(key, product) >= lift] if met.size else met
        key, product = keys[codes[met] // products], codes[met] % products
        kept[met + (self._streams["which rival"].uniform(key, product) < 0.5)] = False
        return kept


class _Shelves:
    """The offer as cumulative shares, to be searched: each day's categories and bundles, and what is in them."""

    def __init__(self, offer: Offer, catalogue: Catalogue, by_category: Integers) -> None:
        days, tastes, _ = offer.intensity.shape
        self.categories = int(catalogue.category.max()) + 1
        self._catalogue, self._by_category = catalogue, by_category
        starts = np.searchsorted(catalogue.category[by_category], np.arange(self.categories))
        sorted_intensity = offer.intensity[:, :, by_category]
        by_shelf = np.add.reduceat(sorted_intensity, starts, axis=2)
        bundles = np.broadcast_to(offer.bundle_intensity.sum(axis=1)[:, None, None], (days, tastes, 1))
        cumulative = np.cumsum(np.concatenate([by_shelf, bundles], axis=2), axis=2)
        self.totals = cumulative[:, :, -1]
        self._edges = cumulative / self.totals[:, :, None]
        # what is chosen within a category does not depend on the taste
        of_category = by_shelf[:, 0, catalogue.category[by_category]]
        shares = sorted_intensity[:, 0] / np.where(of_category > 0, of_category, 1)
        ends = _cumulative_within(shares, starts)
        self._products = (ends + catalogue.category[by_category] + self.categories * np.arange(days)[:, None]).ravel()
        whole = np.cumsum(offer.bundle_intensity, axis=1)
        self._bundles = whole / np.where(whole[:, -1:] > 0, whole[:, -1:], 1) if whole.size else whole
        sizes = np.array([len(bundle) for bundle in catalogue.bundles], dtype=np.int64)
        self._sizes, self._starts = sizes, np.cumsum(sizes) - sizes
        self._members = np.array([product for bundle in catalogue.bundles for product in bundle], dtype=np.int64)

    def choose_shelf(self, day: Integers, taste: Integers, uniforms: Floats) -> Integers:
        """A category's number, or that behind the last for a bundle."""
        rows = self._edges[day, taste]
        return np.asarray((uniforms[:, None] >= rows[:, :-1]).sum(axis=1))

    def choose_product(self, day: Integers, category: Integers, uniforms: Floats) -> Integers:
        """A product of a category."""
        places = np.searchsorted(self._products, day * self.categories + category + uniforms, side="right")
        return np.asarray(self._by_category[places % len(self._by_category)])

    def choose_bundle(self, day: Integers, uniforms: Floats) -> tuple[Integers, Integers]:
        """The products of a bundle for each choice: the choice's place, and the product."""
        bundle = np.zeros(len(day), dtype=np.int64)
        for place in range(self._bundles.shape[1] - 1):
            bundle += uniforms >= self._bundles[day, place]
        sizes = self._sizes[bundle] if len(day) else bundle
        choice = np.repeat(np.arange(len(day)), sizes)
        turn = np.arange(len(choice)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return choice, self._members[self._starts[bundle[choice]] + turn] if len(choice) else choice


def _cumulative_within(shares: Floats, starts: Integers) -> Floats:
    """Cumulative sums of rows that begin anew at each start; the last of each stretch is 1 exactly."""
    ends = np.zeros_like(shares)
    for start, stop in zip(starts.tolist(), [*starts[1:].tolist(), shares.shape[1]], strict=True):
        ends[:, start:stop] = np.cumsum(shares[:, start:stop], axis=1)
        ends[:, stop - 1] = 1.0
    return ends
