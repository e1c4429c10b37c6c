"""Who buys and when: customers with their traits, and the purchases they make. No products here."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retail_pipeline.simulator.clock import Clock
from retail_pipeline.simulator.parameters import StoreParameters
from retail_pipeline.simulator.random_numbers import (
    Floats,
    GammaQuantiles,
    Integers,
    Stream,
    beta_quantiles,
    gamma_quantiles,
)

FIRST_GUEST = 90_000_000
"""From this number on, customers are guests: those who buy beside customer 0 and so on, unknown to each other."""
BLOCK = 1 << 16
ORDER = np.dtype([("ts", "<i8"), ("customer", "<i4"), ("number", "<i4")])
"""An order: the second since 1970 in store time, the customer, and which of its orders it is, from 0."""
_SMALLEST_RATE = 1e-12
_NODES = 48
_DROPOUT_NODES = 4_000


@dataclass(frozen=True)
class Traits:
    """What customers are: an entry a customer; ``spend_rate`` is the gamma-gamma model's nu."""

    tier: Integers
    region: Integers
    channel: Integers
    taste: Integers
    spend_rate: Floats


@dataclass(frozen=True)
class Histories:
    """What is true of a block of customers: an entry a customer.

    Attributes
    ----------
    rate, dropout
        The BG/NBD model's lambda [orders per average day] and p.
    orders
        Orders up to the end.
    first_order, last_order
        The seconds of the first and the last of them.
    is_active
        Whether the customer is still one at the end.
    """

    index: Integers
    traits: Traits
    rate: Floats
    dropout: Floats
    orders: Integers
    first_order: Integers
    last_order: Integers
    is_active: NDArray[np.bool_]


class Population:
    """The customers of a shop, known by their numbers from 0 on; guests from :data:`FIRST_GUEST` on."""

    def __init__(self, parameters: StoreParameters, clock: Clock) -> None:
        self.parameters = parameters
        self.clock = clock
        self._streams = {
            name: Stream(parameters.seed, f"customer {name}")
            for name in (
                *("tier", "region", "channel", "taste", "spend", "rate", "dropout", "arrival"),
                *("gap", "stay", "order channel", "other channel", "guest", "guest hour"),
            )
        }
        self._tiers = parameters.tiers
        self._spend = [gamma_quantiles(tier.q) for tier in self._tiers]
        self._rates = [gamma_quantiles(tier.r) for tier in self._tiers]
        self._channel_days = _channel_days(parameters, clock)
        won = np.cumsum(self._channel_days[:, :, -1], axis=1)
        self._channels = won / won[:, -1:]
        self._loyalty = np.array([channel.loyalty for channel in parameters.channels])
        self._any_channel = cumulative([channel.share for channel in parameters.channels])

    def traits(self, index: Integers) -> Traits:
        """What the customers are that have these numbers."""
        parameters, draw = self.parameters, self._draw
        tier = chosen(draw("tier", index), cumulative([tier.share for tier in self._tiers]))
        home = np.where(index >= FIRST_GUEST, index - FIRST_GUEST, index)
        region = chosen(draw("region", home), cumulative([region.share for region in parameters.regions]))
        spend = self._by_tier(tier, draw("spend", index), self._spend)
        return Traits(
            tier=tier,
            region=region,
            channel=(draw("channel", index)[:, None] >= self._channels[region, :-1]).sum(axis=1),
            taste=chosen(draw("taste", index), cumulative([taste.share for taste in parameters.tastes])),
            spend_rate=spend / np.array([tier.gamma for tier in self._tiers])[tier],
        )

    def histories(self) -> Iterator[tuple[NDArray[np.void], Histories]]:
        """The orders of all customers and guests, and what is true of the former, a block of customers at a time.

        Beside each order, a guest of the same region may place one on the same day.
        """
        for start in range(0, self.parameters.customers, BLOCK):
            yield self._block(np.arange(start, min(start + BLOCK, self.parameters.customers), dtype=np.int64))

    def order_channels(self, index: Integers, number: Integers, traits: Traits) -> Integers:
        """The channel of each order: the first comes as the customer was won, later ones by habit or any."""
        returns = self._draw("order channel", index, number) < self._loyalty[traits.channel]
        other = chosen(self._draw("other channel", index, number), self._any_channel)
        return np.asarray(np.where((number == 0) | returns, traits.channel, other))

    def expected_orders(self) -> float:
        """How many orders a customer has made on average by the end, by the parameters alone."""
        clock, parameters = self.clock, self.parameters
        region_shares = np.array([region.share for region in parameters.regions])
        shares = np.array([tier.share for tier in self._tiers])
        by_region = []
        for busy, by_channel in zip(clock.busy, self._channel_days, strict=True):
            reached, days = by_channel.sum(axis=0), np.arange(len(busy))
            arrivals = np.interp((np.arange(_NODES) + 0.5) / _NODES * reached[-1], reached, days[: len(reached)])
            left = busy[clock.days] - np.interp(arrivals, days, busy)
            repeats = [expected_repeats(tier.r, tier.alpha, tier.a, tier.b, left).mean() for tier in self._tiers]
            by_region.append(np.average(repeats, weights=shares))
        return 1 + float(np.average(by_region, weights=region_shares))

    def _block(self, index: Integers) -> tuple[NDArray[np.void], Histories]:
        clock, traits = self.clock, self.traits(index)
        rate = self._by_tier(traits.tier, self._draw("rate", index), self._rates)
        rate = np.maximum(rate / np.array([tier.alpha for tier in self._tiers])[traits.tier], _SMALLEST_RATE)
        dropout = np.zeros(len(index))
        for tier, of_tier in enumerate(self._tiers):
            places = np.flatnonzero(traits.tier == tier)
            dropout[places] = beta_quantiles(self._draw("dropout", index[places]), of_tier.a, of_tier.b)
        busy, ends = self._arrivals(index, traits), clock.end(traits.region)
        is_active = np.zeros(len(index), dtype=np.bool_)
        buying, taken = np.arange(len(index)), [(np.arange(len(index)), busy)]
        while buying.size:
            number = len(taken)
            busy = busy - np.log(self._draw("gap", index[buying], number)) / rate[buying]
            in_time = busy < ends[buying]
            is_active[buying[~in_time]] = True
            buying, busy = buying[in_time], busy[in_time]
            taken.append((buying, busy))
            stays = self._draw("stay", index[buying], number) >= dropout[buying]
            buying, busy = buying[stays], busy[stays]
        places = np.concatenate([part for part, _ in taken])
        numbers = np.repeat(np.arange(len(taken)), [len(part) for part, _ in taken])
        times = clock.store_time(traits.region[places], np.concatenate([moment for _, moment in taken]))
        last = np.zeros(len(index), dtype=np.int64)
        np.maximum.at(last, places, times)
        orders = np.bincount(places, minlength=len(index))
        histories = Histories(index, traits, rate, dropout, orders, times[: len(index)], last, is_active)
        known = _orders(times, index[places], numbers)
        return np.concatenate([known, self._guests(known)]), histories

    def _guests(self, orders: NDArray[np.void]) -> NDArray[np.void]:
        share = self.parameters.dirt.guests
        customer, number = orders["customer"].astype(np.int64), orders["number"].astype(np.int64)
        comes = self._draw("guest", customer, number) < share / (1 - share)
        customer, number = customer[comes], number[comes]
        day = self.clock.day_of(orders["ts"][comes].astype(np.int64))
        times = self.clock.at(day, self._draw("guest hour", customer, number))
        return _orders(times, customer + FIRST_GUEST, number)

    def _arrivals(self, index: Integers, traits: Traits) -> Floats:
        """Busy times of first purchases."""
        uniforms, days = self._draw("arrival", index), np.zeros(len(index))
        for region, by_channel in enumerate(self._channel_days):
            for channel, reached in enumerate(by_channel):
                places = np.flatnonzero((traits.region == region) & (traits.channel == channel))
                days[places] = np.interp(uniforms[places] * reached[-1], reached, np.arange(len(reached)))
        return self.clock.busy_time(traits.region, np.minimum(days, self.parameters.newcomer_days - 1e-9))

    def _by_tier(self, tier: Integers, uniforms: Floats, quantiles: list[GammaQuantiles]) -> Floats:
        found = np.zeros(len(tier))
        for number, quantile in enumerate(quantiles):
            places = np.flatnonzero(tier == number)
            found[places] = quantile(uniforms[places])
        return found

    def _draw(self, name: str, *places: Integers | int) -> Floats:
        return self._streams[name].uniform(*places)


def expected_repeats(r: float, alpha: float, a: float, b: float, times: Floats) -> Floats:
    """Repeat purchases by BG/NBD within times after the first: the mean over rates and dropout probabilities.

    Given both it is (1 - exp(-lambda p t)) / p; its mean over lambda ~ gamma(r, alpha) is
    (1 - (alpha / (alpha + p t)) ** r) / p (Fader, Hardie & Lee 2005, appendix), which is averaged over p ~ beta(a, b).
    """
    nodes = (np.arange(_DROPOUT_NODES) + 0.5) / _DROPOUT_NODES
    dropouts = np.maximum(beta_quantiles(nodes, a, b), 1e-12)[:, None]
    return np.asarray((-np.expm1(-r * np.log1p(dropouts * times / alpha)) / dropouts).mean(axis=0))


def cumulative(weights: list[float]) -> Floats:
    """Cumulative shares of weights."""
    shares = np.cumsum(weights)
    return np.asarray(shares / shares[-1])


def chosen(uniforms: Floats, shares: Floats) -> Integers:
    """Which of the cumulative shares each number falls into."""
    places = np.zeros(len(uniforms), dtype=np.int64)
    for share in shares[:-1].tolist():
        places += uniforms >= share
    return places


def _channel_days(parameters: StoreParameters, clock: Clock) -> Floats:
    """New customers up to each day, as weights: regions x channels x days."""
    days = parameters.newcomer_days
    shares = np.array([channel.share for channel in parameters.channels])
    growth = np.array([channel.growth for channel in parameters.channels])
    by_channel = shares[:, None] * np.exp(growth[:, None] * np.arange(days) / 365.25)
    reached = np.cumsum(by_channel[None] * clock.weights[:, None, :days], axis=2)
    return np.concatenate([np.zeros((*reached.shape[:2], 1)), reached], axis=2)


def _orders(times: Integers, customers: Integers, numbers: Integers) -> NDArray[np.void]:
    orders = np.empty(len(times), dtype=ORDER)
    orders["ts"], orders["customer"], orders["number"] = times, customers, numbers
    return orders
