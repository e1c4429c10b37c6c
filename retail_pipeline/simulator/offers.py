"""What is on offer on each day, at what price, and how strongly it draws: promotions, holidays and events."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retail_pipeline.errors import SettingsError
from retail_pipeline.simulator.catalogue import Catalogue, taste_shares
from retail_pipeline.simulator.clock import Clock, is_holiday, month_curve
from retail_pipeline.simulator.parameters import Event, StoreParameters
from retail_pipeline.simulator.random_numbers import Floats, Integers


@dataclass(frozen=True)
class Promotion:
    """A lower price of some products from one day to another, both included."""

    name: str
    products: Integers
    first: int
    last: int
    discount: float


@dataclass(frozen=True)
class Offer:
    """The offer of some days in a row.

    Attributes
    ----------
    first
        The first of the days, counted from the start of trade.
    pence
        Prices before discount: days x products.
    discount
        Share taken off: days x products.
    intensity
        Choices of a product relative to all choices on a usual day, for customers of a taste: days x tastes x products.
    bundle_intensity
        The same for bundles as a whole: days x bundles.
    """

    first: int
    pence: Integers
    discount: Floats
    intensity: Floats
    bundle_intensity: Floats


class Offers:
    """The offers of all days. ``promotions`` holds those of holidays too."""

    def __init__(self, parameters: StoreParameters, catalogue: Catalogue, clock: Clock) -> None:
        self._parameters, self._catalogue, self._clock = parameters, catalogue, clock
        kinds = parameters.catalogue.categories
        self.elasticity = np.array([kind.elasticity for kind in kinds])[catalogue.category]
        self.promotions = [*_promotions(parameters, catalogue, clock), *_holiday_sales(parameters, catalogue, clock)]
        self.taste_shares = taste_shares(parameters)
        self._firsts = np.array([promotion.first for promotion in self.promotions], dtype=np.int64)
        self._lasts = np.array([promotion.last for promotion in self.promotions], dtype=np.int64)
        share = 0.0 if not catalogue.bundles else parameters.baskets.bundle_share
        self.usual = (1 - share) * self.taste_shares[:, catalogue.category] * catalogue.share
        self.usual_bundles = share * catalogue.bundle_share

    def value_per_choice(self) -> Floats:
        """What a choice is worth on average at usual prices, by taste [pence]."""
        catalogue, baskets = self._catalogue, self._parameters.baskets
        single = self.usual @ catalogue.pence / (1 - baskets.more_units)
        worth = [catalogue.pence[list(bundle)].sum() for bundle in catalogue.bundles]
        return np.asarray(single + float(np.dot(self.usual_bundles, worth)))

    def of_days(self, first: int, behind: int) -> Offer:
        """The offer from one day up to the day before another."""
        catalogue, days = self._catalogue, np.arange(first, behind)
        shape = (len(days), len(catalogue.names))
        pence = np.tile(catalogue.pence.astype(np.float64), (len(days), 1))
        discount, demand = np.zeros(shape), np.ones(shape)
        for place in np.flatnonzero((self._lasts >= first) & (self._firsts < behind)).tolist():
            promotion = self.promotions[place]
            during = np.flatnonzero((days >= promotion.first) & (days <= promotion.last))
            cells = np.ix_(during, promotion.products)
            discount[cells] = np.maximum(discount[cells], promotion.discount)
        demand *= (1 - discount) ** -self.elasticity
        available = np.ones(shape, dtype=np.bool_)
        for event in self._parameters.events:
            self._apply(event, days, pence, demand, available)
        dates = np.datetime64(self._parameters.start) + days
        curves = [month_curve(kind.months, dates) for kind in self._parameters.catalogue.categories]
        demand *= np.stack(curves, axis=1)[:, catalogue.category] * available
        if not available.any(axis=1).all():
            day = self._clock.date(first + int(np.argmin(available.any(axis=1))))
            raise SettingsError(
                f"On {day} all products are out of stock, so there is nothing to buy: change the events."
            )
        offered = [available[:, list(bundle)].all(axis=1) for bundle in catalogue.bundles]
        bundles = np.stack(offered, axis=1) * self.usual_bundles if offered else np.zeros((len(days), 0))
        return Offer(
            first=first,
            pence=np.rint(pence).astype(np.int64),
            discount=discount,
            intensity=self.usual[None] * demand[:, None],
            bundle_intensity=bundles,
        )

    def _apply(self, event: Event, days: Integers, pence: Floats, demand: Floats, available: NDArray[np.bool_]) -> None:
        during = (days >= self._clock.day(event.first)) & (days <= self._clock.day(event.end))
        if event.kind in ("stock_out", "viral"):
            product = product_of(event, self._catalogue)
            if event.kind == "viral":
                demand[during, product] *= event.factor
            else:
                available[during, product] = False
        elif event.kind == "price_rise":
            later = np.flatnonzero(days >= self._clock.day(event.first))
            names = [kind.name for kind in self._parameters.catalogue.categories]
            products = np.flatnonzero(self._catalogue.category == names.index(str(event.category)))
            cells = np.ix_(later, products)
            pence[cells] = np.rint(pence[cells] * event.factor)
            demand[cells] *= event.factor ** -self.elasticity[products]


def product_of(event: Event, catalogue: Catalogue) -> int:
    """The product an event is about."""
    assert event.product_rank is not None
    return int(np.argmin(np.abs(catalogue.rank - event.product_rank)))


def _promotions(parameters: StoreParameters, catalogue: Catalogue, clock: Clock) -> list[Promotion]:
    """Promotions by month, each month's drawn for itself so that a later end adds to them only."""
    asked, promotions = parameters.promotions, []
    months = np.arange(np.datetime64(parameters.start, "M"), np.datetime64(parameters.end, "M") + 1)
    for month in months.tolist():
        key = 12 * month.year + month.month
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(parameters.seed, spawn_key=(2, key))))
        for number in range(asked.per_month):
            lead = int(rng.integers(len(catalogue.names)))
            like = np.flatnonzero(catalogue.category == catalogue.category[lead])
            others = rng.permutation(like[like != lead])[: asked.products - 1]
            first = clock.day(month) + int(rng.integers(28))
            discount = asked.discounts[int(rng.integers(len(asked.discounts)))]
            products = np.sort(np.append(others, lead))
            name = f"promotion {month:%Y-%m} no. {number + 1}"
            promotions.append(Promotion(name, products, first, first + asked.days - 1, discount))
    return promotions


def _holiday_sales(parameters: StoreParameters, catalogue: Catalogue, clock: Clock) -> list[Promotion]:
    sales = []
    dates = np.datetime64(parameters.start) + np.arange(parameters.days)
    for place, holiday in enumerate(parameters.seasons.holidays):
        days = np.flatnonzero(is_holiday(holiday, dates))
        if not holiday.discount or not holiday.products or not days.size:
            continue
        for run in np.split(days, np.flatnonzero(np.diff(days) > 1) + 1):
            year = clock.date(int(run[0])).year
            rng = np.random.Generator(
                np.random.PCG64(np.random.SeedSequence(parameters.seed, spawn_key=(3, place, year)))
            )
            products = np.flatnonzero(rng.random(len(catalogue.names)) < holiday.products)
            sales.append(Promotion(f"{holiday.name} {year}", products, int(run[0]), int(run[-1]), holiday.discount))
    return sales
