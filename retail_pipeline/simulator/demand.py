"""Who buys what and when: the true lines of the shop, before any dirt and any file."""

import numpy as np
from numpy.typing import NDArray

from retail_pipeline.simulator.catalogue import Catalogue
from retail_pipeline.simulator.parameters import StoreParameters

COUNTRIES = ("United Kingdom", "Germany", "France", "Ireland", "Netherlands", "Spain")
CHANNELS = ("web", "store", "marketplace")
GUEST = -1

_ABROAD_SHARES = np.array([0.30, 0.26, 0.20, 0.14, 0.10])
_CHANNEL_SHARES = {True: (0.50, 0.36, 0.14), False: (0.74, 0.0, 0.26)}  # at home, abroad
_DISCOUNT_PERCENTS = (10, 15, 20, 30)
_LARGEST_QUANTITY = 12

_ORDER = [("ts", "datetime64[s]"), ("customer", "i8"), ("country", "i8"), ("channel", "i8")]
_LINE = [
    ("order", "i8"),
    ("line_no", "i8"),
    ("is_return", "?"),
    ("was_returned", "?"),
    ("product", "i8"),
    ("quantity", "i8"),
    ("unit_pence", "i8"),
    ("discount_pence", "i8"),
    *_ORDER,
]
Table = NDArray[np.void]  # a structured array, one of the two layouts above
Floats = NDArray[np.float64]
Moments = NDArray[np.datetime64]


class Calendar:
    """The shop's clock: turns *busy time*, in which demand is even, into store time.

    One unit of busy time is an average day; a busy day takes more than one, a quiet one less. Purchase
    processes run in busy time and are mapped here, so season, weekdays and trend shape them all alike.
    """

    def __init__(self, parameters: StoreParameters) -> None:
        self.days = np.arange(np.datetime64(parameters.start), np.datetime64(parameters.end) + 1)
        self.on_sale = _sale_days(self.days, parameters)
        weights = _day_weights(self.days, parameters) * np.where(self.on_sale, parameters.sale_uplift, 1.0)
        self._busy = np.concatenate([[0.0], np.cumsum(weights / weights.mean())])
        hours = np.arange(parameters.opening_hour, parameters.closing_hour)
        peaks = 0.5 + np.exp(-(((hours - 13) / 2.5) ** 2)) + 0.7 * np.exp(-(((hours - 18) / 1.5) ** 2))
        self._hour_edges = np.append(hours, parameters.closing_hour)
        self._hour_shares = np.concatenate([[0.0], np.cumsum(peaks) / peaks.sum()])

    def arrivals(self, uniforms: Floats, decline: float) -> Floats:
        """Return busy times of first purchases, thinning by exp(-`decline`) a year, for numbers in [0, 1)."""
        years = np.arange(len(self.days)) / 365.25
        reached = np.concatenate([[0.0], np.cumsum(np.diff(self._busy) * np.exp(-decline * years))])
        arrivals: Floats = np.interp(uniforms * reached[-1], reached, self._busy)
        return arrivals

    def store_time(self, busy: Floats) -> Moments:
        """Return the store time, to the second, of each busy time in [0, number of days)."""
        place = np.interp(busy, self._busy, np.arange(len(self._busy)))
        day = np.minimum(place.astype(np.int64), len(self.days) - 1)
        return self.at(self.days[day], place - day)

    def at(self, days: Moments, share_of_day: Floats) -> Moments:
        """Return the second of each day at which `share_of_day` of its trade is done."""
        hour = np.interp(share_of_day, self._hour_shares, self._hour_edges)
        second = np.minimum((hour * 3600).astype(np.int64), self._hour_edges[-1] * 3600 - 1)
        moments: Moments = days.astype("datetime64[s]") + second
        return moments


def purchase_times(
    parameters: StoreParameters, calendar: Calendar, rng: np.random.Generator
) -> tuple[NDArray[np.int64], Floats]:
    """Return the customer and the busy time of every purchase, first purchases included.

    The BG/NBD process of Fader, Hardie & Lee (2005), "Counting your customers the easy way", section 2: a
    customer repeats at rate lambda ~ gamma(r, alpha) and, after each repeat, leaves with p ~ beta(a, b).
    """
    rate = rng.gamma(parameters.rate_r, 1 / parameters.rate_alpha_days, parameters.customers)
    rate = np.maximum(rate, 1e-12)  # a small r can underflow to a rate of 0
    dropout = rng.beta(parameters.dropout_a, parameters.dropout_b, parameters.customers)
    active = np.arange(parameters.customers)
    now = calendar.arrivals(np.sort(rng.random(parameters.customers)), parameters.acquisition_decline)
    customers, times = [active], [now]
    while active.size:
        now = now + rng.standard_exponential(active.size) / rate[active]
        in_time = now < len(calendar.days)
        active, now = active[in_time], now[in_time]
        customers.append(active)
        times.append(now)
        stays = rng.random(active.size) >= dropout[active]
        active, now = active[stays], now[stays]
    return np.concatenate(customers), np.concatenate(times)


def take_orders(parameters: StoreParameters, calendar: Calendar, rng: np.random.Generator) -> Table:
    """Return the sale orders, by time; guests have customer `GUEST` and come evenly in busy time."""
    customer, busy = purchase_times(parameters, calendar, rng)
    guests = round(busy.size * parameters.guest_share / (1 - parameters.guest_share))
    country_shares = np.append(parameters.home_share, (1 - parameters.home_share) * _ABROAD_SHARES)
    homes = rng.choice(len(COUNTRIES), parameters.customers, p=country_shares)

    orders = np.empty(busy.size + guests, _ORDER)
    orders["customer"] = np.append(customer, np.full(guests, GUEST))
    orders["ts"] = calendar.store_time(np.append(busy, rng.random(guests) * len(calendar.days)))
    orders["country"] = np.append(homes[customer], rng.choice(len(COUNTRIES), guests, p=country_shares))
    for at_home, shares in _CHANNEL_SHARES.items():
        chosen = (orders["country"] == 0) == at_home
        orders["channel"][chosen] = rng.choice(len(CHANNELS), np.count_nonzero(chosen), p=shares)
    return orders[np.argsort(orders["ts"], kind="stable")]


def fill_baskets(
    orders: Table,
    catalogue: Catalogue,
    parameters: StoreParameters,
    calendar: Calendar,
    rng: np.random.Generator,
) -> Table:
    """Return the sale lines of `orders`, by order: each product at most once in an order."""
    appetite = rng.gamma(parameters.basket_shape, 1 / parameters.basket_shape, parameters.customers + 1)
    appetite[GUEST] = 0.6  # guests buy less, and come to try
    size = 1 + rng.poisson(parameters.basket_mean_extra * appetite[orders["customer"]])
    order = np.repeat(np.arange(orders.size), np.minimum(size, parameters.largest_basket))
    product = rng.choice(len(catalogue.names), order.size, p=catalogue.popularity)
    partner = catalogue.partner[product]
    joins = (partner >= 0) & (rng.random(order.size) < parameters.pair_share)
    order, product = np.append(order, order[joins]), np.append(product, partner[joins])

    _, first = np.unique(order * len(catalogue.names) + product, return_index=True)
    first = np.sort(first)
    first = first[np.argsort(order[first], kind="stable")]
    order, product = order[first], product[first]
    line_no = 1 + np.arange(order.size) - np.searchsorted(order, order)
    kept = line_no <= parameters.largest_basket
    order, product, line_no = order[kept], product[kept], line_no[kept]

    lines = np.zeros(order.size, _LINE)
    for name, _ in _ORDER:
        lines[name] = orders[name][order]
    lines["order"], lines["line_no"], lines["product"] = 1 + order, line_no, product
    lines["quantity"] = np.minimum(rng.geometric(0.6, order.size), _LARGEST_QUANTITY)
    lines["unit_pence"] = catalogue.unit_pence[product]
    day = (lines["ts"].astype("datetime64[D]") - calendar.days[0]).astype(np.int64)
    reduced = calendar.on_sale[day] & (rng.random(order.size) < parameters.sale_line_share)
    percent = np.where(reduced, rng.choice(_DISCOUNT_PERCENTS, order.size), 0)
    lines["discount_pence"] = lines["quantity"] * lines["unit_pence"] * percent // 100
    return lines


def take_returns(
    sales: Table,
    parameters: StoreParameters,
    calendar: Calendar,
    rng: np.random.Generator,
) -> Table:
    """Return return lines, by time, and mark their sales in `sales["was_returned"]`.

    Only known customers return, and only full-price lines: the canonical discount is never negative, so a
    refund of a discounted line could not be written at what was paid.
    """
    returnable = np.flatnonzero((sales["customer"] != GUEST) & (sales["discount_pence"] == 0))
    count = min(round(parameters.return_share * sales.size), returnable.size)
    sold = np.sort(rng.choice(returnable, count, replace=False))
    day = sales["ts"][sold].astype("datetime64[D]") + rng.geometric(1 / parameters.return_mean_days, count)
    ts = calendar.at(day, rng.random(count))
    quantity = -rng.integers(1, sales["quantity"][sold], endpoint=True)

    in_time = np.flatnonzero(day <= calendar.days[-1])
    in_time = in_time[np.argsort(ts[in_time], kind="stable")]
    sales["was_returned"][sold[in_time]] = True
    returns: Table = sales[sold[in_time]]
    returns["ts"], returns["quantity"] = ts[in_time], quantity[in_time]
    returns["order"], returns["line_no"] = 1 + np.arange(in_time.size), 1
    returns["is_return"], returns["was_returned"] = True, False
    return returns


def _sale_days(days: Moments, parameters: StoreParameters) -> NDArray[np.bool_]:
    month_day = np.array([f"{day:%m-%d}" for day in days.astype(object)])
    on_sale = np.zeros(days.size, dtype=bool)
    for first, last in parameters.sale_periods:
        on_sale |= (month_day >= first) & (month_day <= last)
    return on_sale


def _day_weights(days: Moments, parameters: StoreParameters) -> Floats:
    day_of_year = (days - days.astype("datetime64[Y]")).astype(np.int64)
    mid_months = (np.arange(12) + 0.5) * 365.25 / 12
    season = np.interp(day_of_year, mid_months, parameters.month_weights, period=365.25)
    weekday = np.array(parameters.weekday_weights)[(days.astype(np.int64) + 3) % 7]  # 1970-01-01: a Thursday
    trend = (1 + parameters.yearly_growth) ** (np.arange(days.size) / 365.25)
    weights: Floats = season * weekday * trend
    return weights
