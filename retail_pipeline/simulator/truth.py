"""The truth behind a shop, as tables: what tests and models are held against."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.special import gammainc, gammaincc

from retail_pipeline.simulator.catalogue import product_code
from retail_pipeline.simulator.customers import Histories
from retail_pipeline.simulator.lines import CANCELLATION, RETURN, SALE, money
from retail_pipeline.simulator.offers import Offer, product_of
from retail_pipeline.simulator.own_files import UNFINISHED
from retail_pipeline.simulator.random_numbers import Floats, Integers
from retail_pipeline.simulator.store import Store, Window

CUSTOMERS, PARAMETERS = "customers.parquet", "parameters.json"
TRUTH_FILES = (
    *(CUSTOMERS, "products.parquet", "pairs.parquet", "promotions.parquet", "events.parquet", "days.parquet"),
    PARAMETERS,
)
HORIZONS = (30, 90, 180, 365)
"""Days after the end for which a customer's future is told, beside ``value_days``."""
_MEASURES = ("orders", "units", "gross_sales", "discounts", "returns", "cancellations")


class Truth:
    """Gathers what is true while a shop trades, and writes it into a folder.

    ``customers.parquet`` (a customer: traits, BG/NBD rate and dropout, whether still one, and what to expect of it at
    usual prices), ``products.parquet``, ``pairs.parquet`` (of bundles and substitutes: the orders expected to hold
    them, and the lift), ``promotions.parquet`` (a product in a promotion), ``events.parquet``, ``days.parquet`` (a day
    and region: relative demand, and the true totals, cancelled orders among them) and ``parameters.json``.
    """

    def __init__(self, store: Store, folder: Path, note: Callable[[Path], None] = lambda _: None) -> None:
        self._store, self.folder, self._note = store, folder, note
        self._customers: pq.ParquetWriter | None = None
        regions, days = len(store.parameters.regions), store.clock.days
        self.totals = {name: np.zeros((days, regions), dtype=np.int64) for name in _MEASURES}
        self._pairs = _Pairs(store)
        self._value_per_choice = store.offers.value_per_choice()

    def see_customers(self, histories: Histories) -> None:
        """Write what is true of a block of customers."""
        table = pa.table(self._customer_columns(histories))
        if self._customers is None:
            self._customers = pq.ParquetWriter(self.folder / f".{CUSTOMERS}{UNFINISHED}", table.schema)
        self._customers.write_table(table)

    def see(self, window: Window) -> None:
        """Add up what was traded in a window."""
        lines = window.lines
        cell = self._store.clock.day_of(lines.ts) * len(self._store.parameters.regions) + lines.region
        gross = lines.units.astype(np.int64) * lines.pence
        is_sale, is_return = lines.kind == SALE, lines.kind == RETURN
        added = {
            "orders": (is_sale & (lines.line_no == 1)).astype(np.int64),
            "units": np.where(is_sale, lines.units, 0),
            "gross_sales": np.where(is_sale, gross, 0),
            "discounts": np.where(is_sale, lines.discount, 0),
            "returns": np.where(is_return, -lines.amount, 0),
            "cancellations": np.where(lines.kind == CANCELLATION, -lines.amount, 0),
        }
        for name, values in added.items():
            total = self.totals[name].reshape(-1)
            total += np.bincount(cell, weights=values, minlength=len(total)).astype(np.int64)
        for appetite in window.appetites:
            self._pairs.see(window.offer, appetite.day, appetite.taste, appetite.scale)

    def write(self) -> None:
        """Write all that is not written yet."""
        if self._customers:
            self._customers.close()
            os.replace(self.folder / f".{CUSTOMERS}{UNFINISHED}", self.folder / CUSTOMERS)
            self._note(self.folder / CUSTOMERS)
        tables: dict[str, Mapping[str, Any]] = {
            "products": self._products(),
            "pairs": self._pairs.columns(),
            "promotions": self._promotions(),
            "events": self._events(),
            "days": self._days(),
        }
        for name, columns in tables.items():
            pq.write_table(pa.table(dict(columns)), self.folder / f"{name}.parquet")
            self._note(self.folder / f"{name}.parquet")
        parameters = self._store.parameters.model_dump(mode="json")
        (self.folder / PARAMETERS).write_text(json.dumps(parameters, indent=2) + "\n")
        self._note(self.folder / PARAMETERS)

    def mean_order_value(self, histories: Histories) -> Floats:
        """What an order of a customer is worth on average, at usual prices and without promotions [currency].

        The mean of max(z, v) over z ~ gamma(p, nu): an order has at least one choice, worth v.
        """
        traits, parameters = histories.traits, self._store.parameters
        p = np.array([tier.p for tier in parameters.tiers])[traits.tier]
        if parameters.baskets.one_line:
            return np.asarray(p / traits.spend_rate)
        choice = self._value_per_choice[traits.taste] / 100
        mean = parameters.baskets.mean_picks
        if mean:
            return np.asarray(choice * mean / -np.expm1(-mean))
        least = traits.spend_rate * choice
        return np.asarray(choice * gammainc(p, least) + p / traits.spend_rate * gammaincc(p + 1, least))

    def _customer_columns(self, histories: Histories) -> dict[str, Any]:
        parameters, clock, traits = self._store.parameters, self._store.clock, histories.traits
        value = self.mean_order_value(histories)
        columns: dict[str, Any] = {
            "customer_id": [f"C{1 + number:08d}" for number in histories.index.tolist()],
            "tier": _named(traits.tier, parameters.tiers),
            "region": _named(traits.region, parameters.regions),
            "channel": _named(traits.channel, parameters.channels),
            "taste": _named(traits.taste, parameters.tastes),
            "first_order_ts": pa.array(histories.first_order).cast(pa.timestamp("s")),
            "last_order_ts": pa.array(histories.last_order).cast(pa.timestamp("s")),
            "orders": histories.orders,
            "orders_per_day": histories.rate,
            "dropout": histories.dropout,
            "is_active": histories.is_active,
            "left_on": pa.array(histories.last_order, mask=histories.is_active)
            .cast(pa.timestamp("s"))
            .cast(pa.date32()),
            "mean_order_value": value,
        }
        end = clock.end(traits.region)
        for days in dict.fromkeys((*HORIZONS, parameters.value_days)):
            ahead = clock.busy[traits.region, clock.days + days] - end
            leaving = np.maximum(histories.dropout, 1e-12)
            orders = -np.expm1(-histories.rate * leaving * ahead) / leaving * histories.is_active
            columns |= {f"expected_orders_{days}d": orders, f"expected_value_{days}d": orders * value}
        return columns

    def _products(self) -> dict[str, Any]:
        catalogue, kinds = self._store.catalogue, self._store.parameters.catalogue.categories
        return {
            "product_id": [product_code(product) for product in range(len(catalogue.names))],
            "product_name": catalogue.names,
            "category": [kinds[number].name for number in catalogue.category.tolist()],
            "price": money(catalogue.pence),
            "cost": money(catalogue.cost_pence),
            "popularity": catalogue.popularity,
            "rank": catalogue.rank,
            "elasticity": self._store.offers.elasticity,
        }

    def _promotions(self) -> dict[str, Any]:
        offers, clock = self._store.offers, self._store.clock
        seen = [promotion for promotion in offers.promotions if promotion.last >= 0 and promotion.first < clock.days]
        rows = [(promotion, product) for promotion in seen for product in promotion.products.tolist()]
        return {
            "promotion": pa.array([promotion.name for promotion, _ in rows], pa.string()),
            "product_id": pa.array([product_code(product) for _, product in rows], pa.string()),
            "first": pa.array([clock.date(promotion.first) for promotion, _ in rows], pa.date32()),
            "last": pa.array([clock.date(promotion.last) for promotion, _ in rows], pa.date32()),
            "discount": pa.array([promotion.discount for promotion, _ in rows], pa.float64()),
            "intensity_factor": pa.array(
                [(1 - promotion.discount) ** -offers.elasticity[product] for promotion, product in rows], pa.float64()
            ),
        }

    def _events(self) -> dict[str, Any]:
        events, catalogue = self._store.parameters.events, self._store.catalogue
        products = [product_code(product_of(event, catalogue)) if event.product_rank else None for event in events]
        return {
            "event": pa.array([event.name for event in events], pa.string()),
            "kind": pa.array([event.kind for event in events], pa.string()),
            "first": pa.array([event.first for event in events], pa.date32()),
            "last": pa.array([None if event.kind == "price_rise" else event.end for event in events], pa.date32()),
            "factor": pa.array([event.factor for event in events], pa.float64()),
            "region": pa.array([event.region for event in events], pa.string()),
            "category": pa.array([event.category for event in events], pa.string()),
            "product_id": pa.array(products, pa.string()),
        }

    def _days(self) -> dict[str, Any]:
        clock, parameters = self._store.clock, self._store.parameters
        regions = [region.name for region in parameters.regions]
        pence = {name: self.totals[name].reshape(-1) for name in _MEASURES[2:]}
        pence["net_sales"] = pence["gross_sales"] - pence["discounts"] - pence["returns"] - pence["cancellations"]
        return {
            "day": pa.array(np.repeat([clock.date(day) for day in range(clock.days)], len(regions)), pa.date32()),
            "region": regions * clock.days,
            "demand": clock.weights[:, : clock.days].T.reshape(-1),
            "is_exported": np.repeat(exported_days(self._store), len(regions)),
            "orders": self.totals["orders"].reshape(-1),
            "units": self.totals["units"].reshape(-1),
            **{name: money(values) for name, values in pence.items()},
        }


def exported_days(store: Store) -> np.ndarray:
    """Whether the lines of each day are in the files: those of an outage are not."""
    exported = np.ones(store.clock.days, dtype=np.bool_)
    for event in store.parameters.events:
        if event.kind == "outage":
            first, behind = store.clock.day(event.first), store.clock.day(event.end) + 1
            exported[max(first, 0) : max(behind, 0)] = False
    return exported


class _Pairs:
    """How many orders are expected to hold the products of planted pairs, given the orders' days, tastes and values.

    With choices that are Poisson with means x and y for two products and w for the bundle that holds both, an order
    holds a product with probability 1 - exp(-x - w), and both with 1 - exp(-x - w) - exp(-y - w) + exp(-x - y - w);
    all divided by the probability of any choice, for no order is empty. Of substitutes that meet, one goes.
    """

    def __init__(self, store: Store) -> None:
        catalogue = store.catalogue
        self._store = store
        bundled = [
            (number, first, second)
            for number, bundle in enumerate(catalogue.bundles)
            for place, first in enumerate(bundle)
            for second in bundle[place + 1 :]
        ]
        self._pairs = [*bundled, *((-1, first, first + 1) for first in catalogue.substitutes.tolist())]
        self._pairs = [] if store.parameters.baskets.one_line else self._pairs
        self._sums = np.zeros((len(self._pairs), 3))
        self._orders = 0

    def see(self, offer: Offer, day: Integers, taste: Integers, scale: Floats) -> None:
        """Add orders by their day in the offer, their taste and their number of choices on a usual day."""
        self._orders += len(day)
        if not self._pairs:
            return
        total = offer.intensity.sum(axis=2) + offer.bundle_intensity.sum(axis=1)[:, None]
        is_any = -np.expm1(-scale * total[day, taste])
        lift = self._store.parameters.baskets.substitute_lift
        for place, (bundle, first, second) in enumerate(self._pairs):
            x = scale * offer.intensity[day, taste, first]
            y = scale * offer.intensity[day, taste, second]
            w = scale * offer.bundle_intensity[day, bundle] if bundle >= 0 else np.zeros(len(day))
            one, other = -np.expm1(-x - w), -np.expm1(-y - w)
            both = one + other + np.expm1(-x - y - w)
            if bundle < 0:
                one, other, both = one - (1 - lift) * both / 2, other - (1 - lift) * both / 2, lift * both
            self._sums[place] += (one / is_any).sum(), (other / is_any).sum(), (both / is_any).sum()

    def columns(self) -> dict[str, Any]:
        """A row a pair."""
        one, other, both = self._sums.T
        with np.errstate(divide="ignore", invalid="ignore"):
            lift = both * self._orders / (one * other)
        return {
            "kind": pa.array(["bundle" if bundle >= 0 else "substitutes" for bundle, *_ in self._pairs], pa.string()),
            "bundle": pa.array([bundle if bundle >= 0 else None for bundle, *_ in self._pairs], pa.int64()),
            "product_a": pa.array([product_code(first) for _, first, _ in self._pairs], pa.string()),
            "product_b": pa.array([product_code(second) for *_, second in self._pairs], pa.string()),
            "orders": np.full(len(self._pairs), self._orders),
            "expected_orders_a": one,
            "expected_orders_b": other,
            "expected_orders_both": both,
            "lift": lift,
        }


def _days(seconds: Integers, is_known: NDArray[np.bool_]) -> pa.Array:
    return pa.array(seconds, mask=~is_known).cast(pa.timestamp("s")).cast(pa.date32())


def _named(numbers: Integers, named: Any) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(numbers, pa.int32()), pa.array([item.name for item in named]))
