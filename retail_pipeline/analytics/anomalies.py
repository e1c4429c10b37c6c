"""Which days and weeks fell outside what season, trend and holidays led to expect.

A whole shop is decomposed by STL (Cleveland, Cleveland, McRae & Terpenning 1990) on a logarithmic scale; a part of it,
as a country, by its changing share in what was expected of the whole, and its own week. What is left is judged on a
square-root scale, on which counts, and sums over counts, spread alike at every level (Anscombe 1948), against a spread
that the anomalies themselves do not widen, with tails as heavy as theirs. Names of holidays come from ``occasions``.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

WHOLE_TREND_DAYS = 75
"""Days over which the trend of a whole is drawn: it must follow the year's season."""
PART_TREND_DAYS, CATEGORY_TREND_DAYS = 181, 91
"""Days over which the trend of a part's share is drawn: the season is the whole's, so weeks out of line stay so."""
TREND_WEEKS = 27
"""Weeks over which a small part's share is drawn."""
SEASONAL_CYCLES = 35
"""Weeks over which the pattern of the week may change."""
LEAST_TRADED = 0.15
"""A weekday with sales in a smaller share of the weeks is one on which the shop is closed."""
LEAST_COUNT_SPREAD = 0.5
"""Standard deviation of the square root of a Poisson count: no count spreads less."""
LEAST_RELATIVE_SPREAD = 0.005
"""No square root spreads less, relative to what is expected: where most days are alike, rounding is no event."""
RUN_DAYS, RUN_SCORE = 14, 3.0
"""Days that stray together count as a run from this score on, which is that of their sum."""
YEARLY_DAYS = 15
"""Days about each that its time of the year is drawn from."""
WEEKS_OF_A_YEAR = 52
NORMAL_BEGINS, NORMAL_RATE = 1.2816, 0.4894
"""Of the size of a standard normal score: its quantile at 80 %, and the distance from it to that at 95 % over log 4."""
LIKELY = 0.1
"""The share of days outside the narrower range, which is for pictures."""
MOST_RATE = 0.75
"""Scores that thin out more slowly are anomalies, not chance."""
_PASSES, _FILLINGS, _OUTER_PASSES = 3, 2, 6


def trading_days(days: pd.DatetimeIndex, has_sales: Flags) -> Flags:
    """Whether each day falls on a weekday on which there usually are sales.

    Examples
    --------
    >>> days = pd.date_range("2024-01-01", periods=28)
    >>> trading_days(days, days.dayofweek.to_numpy() != 5).reshape(4, 7)[0].tolist()
    [True, True, True, True, True, False, True]
    """
    weekday = days.dayofweek.to_numpy()
    traded = np.array([has_sales[weekday == number].mean() if (weekday == number).any() else 0 for number in range(7)])
    return np.asarray((traded >= LEAST_TRADED)[weekday])


def expect_days(
    days: pd.DatetimeIndex,
    value: Floats,
    *,
    is_count: bool,
    is_known: Flags,
    occasion: "pd.Series[str]",
    whole: pd.DataFrame | None = None,
    trend_days: int = WHOLE_TREND_DAYS,
) -> pd.DataFrame:
    """What each day of a series was expected to bring, and how far days stray from that.

    Parameters
    ----------
    days
        Days on which the shop trades, rising, with no other left out.
    value
        What they brought; below zero where more came back than was sold.
    is_count
        Whether these are counts.
    is_known
        Whether a day's value can be believed; the others, as those of an outage, are expected from their neighbours.
    occasion
        By day a holiday's name, missing on usual days. An occasion is expected to do what it did on its other dates,
        and what a usual day would have brought is no anomaly either. One that is there only once may be as low as it
        likes, for the shop may be closed.
    whole
        What the shop was expected to bring, if the series is a part of it: what came out of here for it, day by day.
    trend_days
        Days over which the trend is drawn.

    Returns
    -------
    DataFrame
        A row a day: ``day``, ``value``, ``expected``, ``usual`` (expected without the occasion), ``spread`` (standard
        deviation of the square root), ``is_count``, ``may_be_nothing``.
    """
    period = len(np.unique(days.dayofweek))
    is_named = occasion.notna().to_numpy()
    usable = is_known & ~is_named
    if whole is None:
        unit = max(float(np.median(value[usable])) / 20, 1e-9)
        level = np.arcsinh(value / (2 * unit))
        usual = _decompose(level, usable, period, trend_days)
        usual = usual + _yearly_effect(days, level - usual, usable)
        effect, seen = _occasion_effects(level - usual, occasion, is_known)
        middles = [np.maximum(2 * unit * np.sinh(one), 0) for one in (usual, usual + effect)]
    else:
        scales = _scales(whole)
        level = _root(value / scales["expected"])
        usual = _decompose(level, usable, period, trend_days)
        usual = np.maximum(usual + _yearly_effect(days, level - usual, usable), 0)
        effect, seen = _occasion_effects(level - usual, occasion, is_known)
        middles = [usual**2 * scales["usual"], np.maximum(usual + effect, 0) ** 2 * scales["expected"]]
    residual = _from_root_of(value, middles[0], is_count)
    wider = np.where(is_named, np.sqrt(1 + 1 / np.maximum(seen, 1)), 1.0)
    return pd.DataFrame(
        {
            "day": days,
            "value": value,
            "expected": middles[1],
            "usual": middles[0],
            "spread": _robust_spread(residual[usable], is_count) * wider,
            "is_count": is_count,
            "may_be_nothing": is_named & (seen == 0),
        }
    )


def expect_weeks(weeks: pd.DatetimeIndex, value: Floats, of_days: pd.DataFrame, *, is_count: bool) -> pd.DataFrame:
    """The same of weeks, given ``expected`` and ``usual`` of their days together, but for a common factor."""
    expected, usual = (of_days[name].to_numpy(dtype=np.float64) for name in ("expected", "usual"))
    is_expected = expected > 0
    ratio = max(float(np.median(value[is_expected] / expected[is_expected])), 0.0) if is_expected.any() else 1.0
    spread = _robust_spread(_from_root_of(value, expected * ratio, is_count), is_count)
    return pd.DataFrame(
        {
            "day": weeks,
            "value": value,
            "expected": expected * ratio,
            "usual": usual * ratio,
            "spread": spread,
            "is_count": is_count,
            "may_be_nothing": of_days["may_be_nothing"].to_numpy(dtype=np.bool_),
        }
    )


def expect_share(weeks: pd.DatetimeIndex, value: Floats, whole: pd.DataFrame, *, is_count: bool) -> pd.DataFrame:
    """The same of weeks of a small part, as a product, by its slowly changing share in what was expected of a whole."""
    scales = _scales(whole)
    level = _root(value / scales["expected"])
    share = np.maximum(_smooth(level, TREND_WEEKS), 0) ** 2
    of_days = pd.DataFrame({name: share * scale for name, scale in scales.items()}).assign(may_be_nothing=False)
    return expect_weeks(weeks, value, of_days, is_count=is_count)


def judge(expectations: pd.DataFrame, level: float) -> pd.DataFrame:
    """Ranges, scores and p-values of series of one kind, which share the weight of their tails.

    Parameters
    ----------
    expectations
        Rows of ``expect_days``, ``expect_weeks`` or ``expect_share``, of one series or several.
    level
        The share of days that fall outside their range by chance.

    Returns
    -------
    DataFrame
        The rows with ``score`` (how many standard deviations from the nearer of what was expected and what is usual),
        its two-sided ``p_value``, ``lower`` and ``upper``, and ``likely_lower`` and ``likely_upper`` of the narrower
        range in which nine of ten days lie.
    """
    judged = expectations.copy()
    shift = np.where(judged["is_count"], 0.375, 0.0)
    value = _root(judged["value"].to_numpy() + shift)
    middles = np.sqrt(judged[["expected", "usual"]].to_numpy() + shift[:, None])
    low, high = middles.min(axis=1), middles.max(axis=1)
    spread = np.maximum(judged["spread"].to_numpy(), LEAST_RELATIVE_SPREAD * high)
    beyond = np.where(value > high, value - high, np.where(value < low, value - low, 0.0))
    beyond = np.where(judged["may_be_nothing"] & (beyond < 0), 0.0, beyond)
    with np.errstate(divide="ignore", invalid="ignore"):
        score = np.where(spread > 0, beyond / spread, 0.0)
        plain = np.where(spread > 0, (value - middles[:, 1]) / spread, 0.0)
    tail = _Tail.of(plain[low == high])
    judged["score"] = score
    judged["p_value"] = tail.p_value(score)
    for prefix, share in (("", level), ("likely_", max(level, LIKELY))):
        reach = tail.score(share) * spread
        lower = _square(low - reach) - shift
        lower = np.where(judged["is_count"], np.maximum(lower, 0), lower)
        lower = np.where(judged["may_be_nothing"], np.minimum(lower, np.minimum(judged["value"], 0)), lower)
        judged[f"{prefix}lower"], judged[f"{prefix}upper"] = lower, _square(high + reach) - shift
    return judged


def _scales(whole: pd.DataFrame) -> dict[str, Floats]:
    """What was expected of a whole, relative to its mean, and nowhere nothing."""
    mean = max(float(whole["expected"].mean()), 1e-12)
    return {name: np.maximum(whole[name].to_numpy(dtype=np.float64) / mean, 1e-3) for name in ("expected", "usual")}


def _decompose(level: Floats, usable: Flags, period: int, trend_days: int) -> Floats:
    """Trend and week by robust STL; days that are not usable are filled with what it finds.

    Robust weights resist single days. A run of them would pull the trend along, so days of runs that are out of line
    are not used in the next pass.
    """
    places = np.arange(len(level))
    filled = np.where(usable, level, np.interp(places, places[usable], level[usable]))
    trend = max(int(trend_days * period / 7), period + 1) // 2 * 2 + 1
    used = usable
    for _ in range(_PASSES):
        for _ in range(_FILLINGS):
            fitted = _smooth(filled, trend) if period == 1 else _stl(filled, period, trend)
            filled = np.where(used, level, fitted)
        used = usable & ~_in_a_run(np.where(usable, level - fitted, 0.0), usable)
        filled = np.where(used, level, fitted)
    return fitted


def _in_a_run(residual: Floats, usable: Flags) -> Flags:
    """Whether a day is in the middle of so many whose residuals have a sum that chance would hardly make."""
    spread = _robust_spread(residual[usable], is_count=False)
    if spread == 0:
        return np.zeros(len(residual), dtype=np.bool_)
    window = np.ones(min(RUN_DAYS, len(residual)))
    total = np.convolve(residual, window, mode="same")
    days = np.maximum(np.convolve(usable.astype(np.float64), window, mode="same"), 1)
    return np.asarray(np.abs(total) / (spread * np.sqrt(days)) > RUN_SCORE)


def _stl(level: Floats, period: int, trend: int) -> Floats:
    from statsmodels.tsa.seasonal import STL

    stl = STL(
        level, period=period, seasonal=SEASONAL_CYCLES, trend=trend, robust=True,
        seasonal_jump=SEASONAL_CYCLES // 10, trend_jump=trend // 10,
    )  # fmt: skip
    found = stl.fit(inner_iter=1, outer_iter=_OUTER_PASSES)
    return np.asarray(found.trend + found.seasonal, dtype=np.float64)


def _smooth(level: Floats, window: int) -> Floats:
    """A robust local line."""
    from statsmodels.nonparametric.smoothers_lowess import lowess

    places = np.arange(len(level), dtype=np.float64)
    found = lowess(level, places, frac=min(1.0, window / len(level)), it=2, return_sorted=False)
    return np.where(np.isnan(found), np.median(level), found)


def _yearly_effect(days: pd.DatetimeIndex, residual: Floats, usable: Flags) -> Floats:
    """The part of what is left of trend and week that was there in other years too, at the same time.

    Departures are drawn as the median of so many days about each; of this year's and the median of other years' the
    smaller counts if both are on the same side. What came in one year only is no season. No more than a trend can be
    told from less than two years.
    """
    known = pd.Series(np.where(usable, residual, np.nan), index=days).asfreq("D")
    drawn = known.rolling(YEARLY_DAYS, center=True, min_periods=YEARLY_DAYS // 3).median()
    years = int((days[-1] - days[0]).days // WEEKS_OF_A_YEAR // 7)
    shifts = [7 * WEEKS_OF_A_YEAR * year for year in range(-years, years + 1) if year]
    own = drawn.reindex(days).to_numpy()
    if not shifts:
        return np.zeros(len(days))
    others = pd.DataFrame({shift: drawn.shift(shift).reindex(days) for shift in shifts}).median(axis=1).to_numpy()
    shared = np.where(np.sign(own) == np.sign(others), np.sign(own) * np.minimum(np.abs(own), np.abs(others)), 0.0)
    return np.nan_to_num(shared)


def _occasion_effects(residual: Floats, occasion: "pd.Series[str]", is_known: Flags) -> tuple[Floats, Floats]:
    """What an occasion did on its other dates, by day, and on how many of them."""
    effect, seen = np.zeros(len(residual)), np.zeros(len(residual))
    names = occasion.to_numpy()
    for name in sorted(set(occasion.dropna())):
        places = np.flatnonzero((names == name) & is_known)
        for place in np.flatnonzero(names == name):
            others = places[places != place]
            seen[place] = len(others)
            effect[place] = np.median(residual[others]) if len(others) else 0.0
    return effect, seen


def _from_root_of(value: Floats, middle: Floats, is_count: bool) -> Floats:
    """How far the square root of what came is from that of what was expected."""
    shift = 0.375 if is_count else 0.0
    return np.asarray(_root(value + shift) - np.sqrt(middle + shift))


def _robust_spread(residual: Floats, is_count: bool) -> float:
    """The standard deviation that the median absolute deviation stands for under normality."""
    spread = float(1.4826 * np.median(np.abs(residual - np.median(residual))))
    return max(spread, LEAST_COUNT_SPREAD) if is_count else spread


@dataclass(frozen=True)
class _Tail:
    """How often chance brings a score: within four in five as under normality, beyond falling at a constant rate.

    Where that begins and how fast it falls is read off the quantiles at 80 and 95 %, so that anomalies, if they are
    fewer than one in twenty, do not count as chance. An exponential tail is heavier than a normal one and lighter than
    most of Student's.
    """

    begins: float
    rate: float

    @classmethod
    def of(cls, scores: Floats) -> "_Tail":
        near, far = np.quantile(np.abs(scores), [0.8, 0.95]) if len(scores) else (0.0, 0.0)
        begins = max(float(near), NORMAL_BEGINS)
        return cls(begins, min(max((float(far) - begins) / np.log(4), NORMAL_RATE), MOST_RATE))

    def p_value(self, score: Floats) -> Floats:
        from scipy.stats import norm

        size = np.abs(score)
        inside = 2 * norm.sf(np.minimum(size / self.begins, 1) * NORMAL_BEGINS)
        return np.asarray(inside * np.exp(-np.maximum(size - self.begins, 0) / self.rate))

    def score(self, p_value: float) -> float:
        """The score of a p-value below one in five."""
        return self.begins + self.rate * float(np.log(0.2 / p_value))


def _root(value: Floats) -> Floats:
    return np.asarray(np.sign(value) * np.sqrt(np.abs(value)))


def _square(root: Floats) -> Floats:
    return np.asarray(np.sign(root) * root**2)
