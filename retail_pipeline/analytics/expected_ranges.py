"""The expected ranges of a shop's series: the whole, its parts day by day and week by week, products by week."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from retail_pipeline.analytics.anomalies import (
    CATEGORY_TREND_DAYS,
    PART_TREND_DAYS,
    WHOLE_TREND_DAYS,
    Flags,
    expect_days,
    expect_share,
    expect_weeks,
    judge,
    trading_days,
)
from retail_pipeline.analytics.occasions import near_occasions, occasions

COLUMNS = (
    "dimension", "member", "measure", "frequency", "period", "value", "expected", "lower", "upper",
    "likely_lower", "likely_upper", "score", "p_value",
    "q_value", "occasion", "is_missing_day", "is_outside",
)  # fmt: skip
COUNTS = ("orders", "lines")
WHOLE_OF = {"orders": "orders", "net_sales": "net_sales", "lines": "lines", "returns": "net_sales"}
"""By measure of a part that of the whole whose season it follows."""
LEAST_FILLED = 0.5
"""Series with nothing in a larger share of their days (or weeks) are left out: chance decides them."""
TOTAL = "total"
PERIODS_A_YEAR = {"day": 365.25, "week": 52.18}


@dataclass(frozen=True)
class Limits:
    """What is judged, and how strictly.

    ``false_alarms`` are those that chance makes in a series and year, ``least_days`` the fewest days of a series,
    ``least_events`` the fewest orders (of products and categories, lines) by day or week on average.
    """

    false_alarms: float
    least_days: int
    least_events: float


@dataclass(frozen=True)
class _Days:
    """The days on which the shop trades, what is known of each, and its whole weeks."""

    days: pd.DatetimeIndex
    occasion: "pd.Series[str]"
    is_known: Flags
    is_missing: Flags
    weeks: pd.DatetimeIndex

    def week_of(self, days: pd.DatetimeIndex) -> pd.DatetimeIndex:
        return days - pd.to_timedelta(days.dayofweek, unit="D")


def expected_ranges(
    total: pd.DataFrame, parts: pd.DataFrame, products: pd.DataFrame, countries: Mapping[str, str], limits: Limits
) -> pd.DataFrame:
    """What each period of each series was expected to bring, in which range, and whether it did.

    Parameters
    ----------
    total
        A row a day of the whole shop, all whole days and no other: ``day``, ``orders``, ``net_sales``, ``lines``,
        ``returns``, ``avg_order_value``.
    parts
        A row a member and day with sales or returns: ``dimension``, ``member``, ``day``, a column a measure:
        ``net_sales`` and either of ``orders`` and ``lines``, the other missing.
    products
        A row a product and day: ``member``, ``category`` (or missing), ``day``, ``lines``.
    countries
        By member of the dimension country, and for the whole under ``total``, the country whose holidays count.
    limits
        What is judged, and how strictly.

    Returns
    -------
    DataFrame
        A row a series and period, with ``COLUMNS``; none if there is too little data. Days on which the shop is closed
        (weekdays without sales, and days without sales beside a holiday) are left out.
    """
    empty = pd.DataFrame({name: pd.Series(dtype=object) for name in COLUMNS})
    total = total.sort_values("day", ignore_index=True)
    shop = _look_at(total, countries.get(TOTAL))
    if shop is None or shop.is_known.sum() < limits.least_days:
        return empty
    expectations = [*_of_series(total, parts, products, countries, shop, limits)]
    if not expectations:
        return empty
    judged = pd.concat(
        [
            judge(group, limits.false_alarms / PERIODS_A_YEAR[frequency])
            for (_, frequency, _), group in pd.concat(expectations).groupby(["kind", "frequency", "measure"], sort=True)
        ]
    )
    return _finish(judged)


def _look_at(total: pd.DataFrame, country: str | None) -> _Days | None:
    all_days = pd.DatetimeIndex(total["day"])
    has_sales = (total["lines"] > 0).to_numpy()
    if not has_sales.any():
        return None
    begin, trades = int(np.argmax(has_sales)), trading_days(all_days, has_sales)
    named = occasions(all_days, country)
    is_closed = ~has_sales & near_occasions(named)
    kept = trades & (np.arange(len(all_days)) >= begin)
    days = all_days[kept]
    mondays = all_days[(all_days.dayofweek == 0) & (np.arange(len(all_days)) >= begin)]
    weeks = mondays[mondays + pd.Timedelta(days=6) <= all_days[-1]]
    is_missing = (~has_sales & ~is_closed)[kept]
    return _Days(days, named[kept], has_sales[kept], is_missing, weeks)


def _of_series(
    total: pd.DataFrame,
    parts: pd.DataFrame,
    products: pd.DataFrame,
    countries: Mapping[str, str],
    shop: _Days,
    limits: Limits,
) -> Iterator[pd.DataFrame]:
    """The expectations of all series worth judging, one after another."""
    by_day = total.assign(day=pd.DatetimeIndex(total["day"])).set_index("day").fillna(0.0)
    mean = float(by_day["orders"][shop.days].to_numpy()[shop.is_known].mean())
    is_daily = mean >= limits.least_events
    wholes: dict[str, pd.DataFrame] = {}
    for measure in ("orders", "net_sales", "lines", "avg_order_value", "returns"):
        values = by_day[measure]
        if (values[shop.days] != 0).to_numpy()[shop.is_known].mean() < LEAST_FILLED:
            continue
        whole = wholes.get(WHOLE_OF[measure]) if measure == "returns" else None
        trend = WHOLE_TREND_DAYS if whole is None else PART_TREND_DAYS
        found = _days_of(values, shop, measure, shop.occasion, whole, trend)
        wholes[measure] = found
        if measure == "lines":
            continue
        if is_daily:
            yield _named(
                _reported(found, shop, is_total=measure in ("orders", "net_sales")), TOTAL, TOTAL, measure, "day"
            )
        if measure != "avg_order_value" and len(shop.weeks) and 7 * mean >= limits.least_events:
            yield _named(_weeks_of(values, found, shop, measure), TOTAL, TOTAL, measure, "week")
    if not {"orders", "net_sales", "lines"} <= set(wholes):
        return
    for (dimension, member), rows in parts.groupby(["dimension", "member"], sort=True):
        occasion = shop.occasion
        if dimension == "country" and countries.get(member, "") != countries.get(TOTAL):
            occasion = occasions(shop.days, countries.get(member))
        yield from _of_part(rows, str(dimension), str(member), wholes, shop, occasion, limits)
    for member, rows in products.groupby("member", sort=True):
        whole = wholes.get(f"category {rows['category'].iloc[0]}", wholes["lines"])
        yield from _of_product(rows, str(member), whole, shop, limits)


def _of_part(
    rows: pd.DataFrame,
    dimension: str,
    member: str,
    wholes: dict[str, pd.DataFrame],
    shop: _Days,
    occasion: "pd.Series[str]",
    limits: Limits,
) -> Iterator[pd.DataFrame]:
    by_day = rows.assign(day=pd.DatetimeIndex(rows["day"])).set_index("day").sort_index()
    count = "orders" if rows["orders"].notna().any() else "lines"
    sold = by_day[count][by_day[count] > 0]
    if sold.empty:
        return
    begins = shop.days >= sold.index.min()
    if (begins & shop.is_known).sum() < limits.least_days:
        return
    since = _Days(
        shop.days[begins], occasion[begins], shop.is_known[begins], shop.is_missing[begins],
        shop.weeks[shop.weeks >= sold.index.min()],
    )  # fmt: skip
    events = by_day[count].reindex(since.days, fill_value=0.0)
    mean = float(events.to_numpy()[since.is_known].mean())
    is_daily = mean >= limits.least_events and (events > 0).mean() >= LEAST_FILLED
    by_week = mean * len(since.days) / max(len(since.weeks), 1)
    for measure in (count, "net_sales"):
        values, whole = by_day[measure].astype(float), wholes[measure][begins]
        if is_daily:
            trend = CATEGORY_TREND_DAYS if dimension == "category" else PART_TREND_DAYS
            found = _days_of(values, since, measure, since.occasion, whole, trend)
            if measure == "lines" and len(found) == len(shop.days):
                wholes[f"{dimension} {member}"] = found
            yield _named(_reported(found, since, is_total=False), dimension, member, measure, "day")
            if len(since.weeks):
                yield _named(_weeks_of(values, found, since, measure), dimension, member, measure, "week")
        elif by_week >= limits.least_events and len(since.weeks) >= limits.least_days / 7:
            yield _named(_share_of(values, whole, since, measure), dimension, member, measure, "week")


def _of_product(
    rows: pd.DataFrame, member: str, whole: pd.DataFrame, shop: _Days, limits: Limits
) -> Iterator[pd.DataFrame]:
    values = rows.assign(day=pd.DatetimeIndex(rows["day"])).set_index("day")["lines"].astype(float).sort_index()
    sold = values[values > 0]
    if sold.empty:
        return
    weeks = shop.weeks[shop.weeks >= sold.index.min()]
    since = _Days(shop.days, shop.occasion, shop.is_known, shop.is_missing, weeks)
    if len(weeks) < limits.least_days / 7 or sold[weeks[0] :].sum() / len(weeks) < limits.least_events:
        return
    yield _named(_share_of(values, whole, since, "lines"), "product", member, "lines", "week")


def _days_of(
    values: "pd.Series[float]",
    shop: _Days,
    measure: str,
    occasion: "pd.Series[str]",
    whole: pd.DataFrame | None,
    trend_days: int,
) -> pd.DataFrame:
    value = values.reindex(shop.days, fill_value=0.0).to_numpy(dtype=np.float64)
    found = expect_days(
        shop.days,
        value,
        is_count=measure in COUNTS,
        is_known=shop.is_known,
        occasion=occasion,
        whole=whole,
        trend_days=trend_days,
    )
    return found.assign(occasion=occasion.to_numpy(), is_missing_day=shop.is_missing, is_known=shop.is_known)


def _weeks_of(values: "pd.Series[float]", found: pd.DataFrame, shop: _Days, measure: str) -> pd.DataFrame:
    """Weeks, expected from their days; those without data are told of by day, and expected to bring nothing here."""
    of_days = _by_week(found, shop)
    value = values.groupby(shop.week_of(pd.DatetimeIndex(values.index))).sum().reindex(shop.weeks, fill_value=0.0)
    weeks = expect_weeks(shop.weeks, value.to_numpy(dtype=np.float64), of_days, is_count=measure in COUNTS)
    return weeks.assign(occasion=_of_weeks(shop), is_missing_day=False)


def _by_week(found: pd.DataFrame, shop: _Days) -> pd.DataFrame:
    """What the days of each week were expected to bring together, without those on which there are no data."""
    known = found[found["is_known"]]
    weeks = shop.week_of(pd.DatetimeIndex(known["day"]))
    summed = known.groupby(weeks)[["expected", "usual", "may_be_nothing"]].sum().reindex(shop.weeks, fill_value=0)
    return summed.assign(may_be_nothing=summed["may_be_nothing"] > 0)


def _share_of(values: "pd.Series[float]", whole: pd.DataFrame, shop: _Days, measure: str) -> pd.DataFrame:
    of_days = _by_week(whole, shop)
    value = values.groupby(shop.week_of(pd.DatetimeIndex(values.index))).sum().reindex(shop.weeks, fill_value=0.0)
    weeks = expect_share(shop.weeks, value.to_numpy(dtype=np.float64), of_days, is_count=measure in COUNTS)
    return weeks.assign(occasion=_of_weeks(shop), is_missing_day=False)


def _of_weeks(shop: _Days) -> list[str | None]:
    """The first occasion of each week."""
    named = shop.occasion.dropna()
    first = named.groupby(shop.week_of(pd.DatetimeIndex(named.index))).first()
    return [first.get(week) for week in shop.weeks]


def _reported(found: pd.DataFrame, shop: _Days, *, is_total: bool) -> pd.DataFrame:
    """The days that are judged: those with sales, and of the whole's sums also those that should have had some."""
    return found[shop.is_known | (shop.is_missing & is_total)]


def _named(found: pd.DataFrame, dimension: str, member: str, measure: str, frequency: str) -> pd.DataFrame:
    """With its names; ``kind`` is that of the series whose tails are taken to be alike."""
    kind = dimension if dimension == "product" or (dimension == TOTAL and frequency == "day") else "parts"
    return found.assign(dimension=dimension, member=member, measure=measure, frequency=frequency, kind=kind)


def _finish(judged: pd.DataFrame) -> pd.DataFrame:
    from scipy.stats import false_discovery_control

    judged = judged.rename(columns={"day": "period"})
    value = judged["value"].to_numpy()
    judged["is_outside"] = (value < judged["lower"].to_numpy()) | (value > judged["upper"].to_numpy())
    judged["is_outside"] &= judged["score"] != 0  # without any spread nothing can be judged
    judged["is_missing_day"] &= judged["is_outside"]
    judged["q_value"] = false_discovery_control(judged["p_value"].to_numpy())
    order = ["dimension", "member", "measure", "frequency", "period"]
    return judged.sort_values(order, ignore_index=True)[list(COLUMNS)]
