"""Every tunable, typed and explained, in one place.

A setting comes from ``retail.toml`` in the home or from ``RETAIL_<SECTION>__<KEY>`` in the environment, which
wins. Nothing else in the code reads the environment for tuning, and no analysis has a hidden constant of its own.
"""

import os
import re
import tomllib
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as SourceError

from retail_pipeline.errors import SettingsError
from retail_pipeline.home import HOME_VARIABLE, Home

PREFIX = "RETAIL_"
OWN_FORMATS = "formats"
"""The one part of the settings that is no section but a list of tables, ``[[formats]]``."""

MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
CRON_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day", 1, 31, {}),
    ("month", 1, 12, {name: number for number, name in enumerate(MONTHS, start=1)}),
    ("weekday", 0, 7, {name: number for number, name in enumerate(WEEKDAYS)}),
)
LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
CRON_PART = r"(\*|\d+(-\d+)?)(/[1-9]\d*)?"
CRON_FIELD = re.compile(f"{CRON_PART}(,{CRON_PART})*")

BYTES = {"KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30, "TiB": 2.0**40, "PiB": 2.0**50, "EiB": 2.0**60}
LEAST_MEMORY_MIB = 190  # 200 MB, as DuckDB rounds it down

FOUR_NUMBERS = "it must be four rising numbers, as in [30, 60, 90, 180]"
RISING_DAYS = "it must be a list of rising whole numbers, as in [30, 90, 365]"
ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
A_DATE = "it must be a date, as in 2011-12-10"
A_NUMBER = "it must be a number"
A_WHOLE_NUMBER = "it must be a whole number"
REASONS = {
    "literal_error": "use {expected}",
    "greater_than": "it must be more than {gt:g}",
    "greater_than_equal": "it must be {ge:g} or more",
    "less_than_equal": "it must be {le:g} or less",
    "finite_number": A_NUMBER,
    "float_parsing": A_NUMBER,
    "float_type": A_NUMBER,
    "int_parsing": A_WHOLE_NUMBER,
    "int_type": A_WHOLE_NUMBER,
    "int_from_float": A_WHOLE_NUMBER,
    "string_type": "it must be a text in quotes",
    "date_type": A_DATE,
    "date_parsing": A_DATE,
    "date_from_datetime_parsing": A_DATE,
    "date_from_datetime_inexact": A_DATE,
    "missing": FOUR_NUMBERS,
    "too_long": FOUR_NUMBERS,
    "tuple_type": FOUR_NUMBERS,
}
"""What pydantic's kinds of error mean, in words for whoever wrote the setting."""


def _known_timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except Exception as error:
        raise ValueError("no such time zone is known; use a name such as 'Europe/London' or 'UTC'") from error
    return name


def _cron_with_five_fields(expression: str) -> str:
    fields = expression.split()
    if len(fields) != len(CRON_FIELDS):
        raise ValueError("a cron line has five fields: minute hour day month weekday, as in '0 2 * * *'")
    for text, (name, lowest, highest, words) in zip(fields, CRON_FIELDS, strict=True):
        digits = text.lower()
        for word, number in words.items():
            digits = digits.replace(word, str(number))
        numbers = [int(number) for number in re.findall(r"(?<!/)\b\d+", digits)]
        if not CRON_FIELD.fullmatch(digits) or any(not lowest <= number <= highest for number in numbers):
            raise ValueError(
                f"its {name} {text!r} must be * or numbers from {lowest} to {highest}, as in '5', '1-5', '1,15', '*/15'"
            )
    _require_a_day(fields[2], fields[3].lower())
    return expression


def _require_a_day(days: str, months: str) -> None:
    """Refuse days that none of the months has: such a line never comes due, and Dagster does not take it."""
    if "*" in days or "*" in months:
        return
    names = [str(number) for number in range(1, 13)]
    for word, number in zip(MONTHS, names, strict=True):
        months = months.replace(word, number)
    longest = max(LONGEST_MONTHS[number - 1] for part in months.split(",") for number in _cron_range(part))
    if min(number for part in days.split(",") for number in _cron_range(part)) > longest:
        raise ValueError(f"none of its months has the day {days!r}")


def _cron_range(part: str) -> range:
    """The numbers from the first to the last of a part such as ``5``, ``1-5`` or ``1-9/2``, those left out included."""
    first, _, last = part.split("/")[0].partition("-")
    return range(int(first), max(int(last or first), int(first)) + 1)


def _memory_size(text: str) -> str:
    if not re.fullmatch(r"\d+(\.\d+)?\s*([KMGT](i?B)?|%)", text, re.IGNORECASE):
        raise ValueError("a size has a number and a unit, as in '8GB', '500MB' or '60%'")
    import duckdb

    try:
        with duckdb.connect(config={"memory_limit": text}) as connection:
            [[limit]] = connection.execute("select current_setting('memory_limit')").fetchall()
    except duckdb.OutOfMemoryException:
        limit = "0 bytes"
    except duckdb.Error as error:
        raise ValueError(f"DuckDB does not take it: {str(error).splitlines()[0]}") from error
    number, unit = str(limit).split()
    if float(number) * BYTES.get(unit, 1) < LEAST_MEMORY_MIB * BYTES["MiB"]:
        raise ValueError("DuckDB needs 200MB or more")
    return text


def _split_text(items: object) -> object:
    """The items in a text: in an environment variable ``30, 60, 90, 180`` is as good as ``[30, 60, 90, 180]``."""
    return re.split(r"[\s,;]+", items.strip()) if isinstance(items, str) else items


def _names(items: object) -> object:
    """The names in a list or text, each once."""
    names = _split_text(items)
    if not isinstance(names, (list, tuple)) or not names:
        raise ValueError("it must be a list of one name or more, as in ['rfm']")
    return list(dict.fromkeys(names)) if all(isinstance(name, str) for name in names) else names


def _three_shares(items: object) -> object:
    """The three numbers in a list or text."""
    shares = _split_text(items)
    if not isinstance(shares, (list, tuple)) or len(shares) != 3:
        raise ValueError("it must be three numbers, as in [0.98, 0.95, 0.9]")
    return shares


def _list_of_days(items: object) -> object:
    """The numbers in a list or text."""
    days = _split_text(items)
    if not isinstance(days, (list, tuple)) or not days:
        raise ValueError(RISING_DAYS)
    return days


def _rising_days(days: tuple[int, ...]) -> tuple[int, ...]:
    if any(after <= before for before, after in pairwise(days)):
        raise ValueError(RISING_DAYS)
    return days


def _strictly_rising(thresholds: tuple[float, ...]) -> tuple[float, ...]:
    if any(after <= before for before, after in pairwise(thresholds)):
        raise ValueError("thresholds must rise from left to right")
    return thresholds


RawField = Literal[
    "order_id", "line_no", "order_ts", "customer_id", "product_id", "product_name", "quantity", "unit_price", "amount",
    "discount", "status", "country", "currency", "channel", "store", "category", "order_subtotal", "order_discount",
    "order_refunded", "refunded", "refunded_ts", "cancelled_ts",
]  # fmt: skip
Header = str | tuple[str, ...]
Share = Annotated[float, Field(ge=0, le=1)]
Lever = Annotated[float, Field(ge=-1, le=10)]
HorizonDays = Annotated[
    tuple[Annotated[int, Field(gt=0, le=3_650)], ...], BeforeValidator(_list_of_days), AfterValidator(_rising_days)
]
OddsRatio = Annotated[float, Field(gt=0, le=1_000)]
RiskBands = Annotated[tuple[OddsRatio, OddsRatio], BeforeValidator(_split_text), AfterValidator(_strictly_rising)]
Positive = Annotated[float, Field(gt=0)]
ServiceLevel = Annotated[float, Field(gt=0.5, lt=1)]
ServiceLevels = Annotated[tuple[ServiceLevel, ServiceLevel, ServiceLevel], BeforeValidator(_three_shares)]
TwoLimits = Annotated[tuple[Positive, Positive], BeforeValidator(_split_text), AfterValidator(_strictly_rising)]
TwoShares = Annotated[tuple[Share, Share], BeforeValidator(_split_text), AfterValidator(_strictly_rising)]
FourThresholds = Annotated[
    tuple[float, float, float, float], BeforeValidator(_split_text), AfterValidator(_strictly_rising)
]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _take_nothing_for_what_it_is_not(cls, value: object, info: ValidationInfo) -> object:
        """No switch is a number or a text, and no number is a date: pydantic would take it for seconds since 1970."""
        field = cls.model_fields[info.field_name or ""]
        if isinstance(value, bool) and field.annotation is not bool:
            raise ValueError("it is not true or false; see docs/settings.md for what it is")
        is_date = date in (field.annotation, *get_args(field.annotation))
        if is_date and (isinstance(value, (int, float)) or (isinstance(value, str) and not ISO_DATE.match(value))):
            raise ValueError(A_DATE)
        return value


class IngestSettings(_Section):
    """Reading the files in ``drops/``."""

    settle_seconds: float = Field(
        2.0, ge=0, description="a file is loaded once it has not changed for so long [seconds]"
    )
    wait_seconds: float = Field(
        30.0, ge=0, description="how long a run waits for files that still grow before it leaves them out [seconds]"
    )
    max_unpacked_gib: float = Field(50.0, gt=0, description="a packed file that unpacks to more is refused [GiB]")
    timezone: Annotated[str, AfterValidator(_known_timezone)] | None = Field(
        None, description="the store's time zone, into which timestamps with an offset from UTC are brought"
    )
    stores: dict[str, str] = Field(
        {}, description="folders below drops/ to the store whose exports lie there; its order ids get its name in front"
    )


class OwnFormatSettings(_Section):
    """A shop's own export: which of its headers holds which field, and how it writes dates, numbers and returns."""

    name: Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")] = Field(
        description="what the format is called, in small letters, digits and _"
    )
    title: str | None = Field(None, description="its name in words")
    columns: dict[RawField, Header] = Field(
        description="fields to the headers that hold them; where several are given, their texts are joined"
    )
    constants: dict[RawField, str] = Field({}, description="fields that are the same for all lines, as in currency")
    dates: tuple[str, ...] = Field((), description="how dates are written, beside 2024-05-31 17:45:00")
    timezone: Annotated[str, AfterValidator(_known_timezone)] | None = Field(
        None, description="the time zone of its timestamps, if it is not the store's"
    )
    decimal: Literal[".", ","] = Field(".", description="the mark before a number's fraction")
    returns: dict[str, Header] = Field(
        {}, description="headers to the values that say that a line comes back, where quantities have no sign"
    )
    negative_quantity: Literal["return", "cancellation", "adjustment"] = Field(
        "return", description="what a line with a negative quantity is"
    )
    zero_price: Literal["sale", "adjustment"] = Field("sale", description="what a line with a price of zero is")
    cancellation_order_prefix: str | None = Field(None, description="what the order ids of cancellations begin with")
    cancellation_statuses: tuple[str, ...] = Field(
        (), description="statuses under which a negative quantity is a cancellation and no return"
    )
    void_statuses: tuple[str, ...] = Field((), description="statuses of orders that never became sales")
    charge_products: tuple[str, ...] = Field((), description="product codes that are postage, fees or the like")
    same_order: Literal["append", "replace"] = Field(
        "append",
        description="what an order that comes again with a later file does: 'append' its lines (equal ones are marked "
        "as duplicates) or 'replace' what it was",
    )
    personal_ids: bool = Field(False, description="whether customer ids are names or the like, to be stored as hashes")
    personal_columns: tuple[str, ...] = Field(
        (), description="headers of columns that tell who a person is, to be masked in rejected lines"
    )


class PrivacySettings(_Section):
    """What is stored of who customers are."""

    customer_ids: Literal["hash", "keep"] = Field(
        "hash",
        description="'hash' stores e-mail addresses and names that serve as customer ids as keyed hashes, 'keep' as "
        "they are",
    )


class CurrencySettings(_Section):
    """Several currencies in one store."""

    reporting: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = Field(
        None,
        description="the currency of all totals, as in 'EUR'; the one currency there is, or of most lines, if not set",
    )


class CoreSettings(_Section):
    """Facts, and what counts as a purchase."""

    revenue_policy: Literal["net", "gross"] = Field(
        "net",
        description="what counts for customer analytics: 'net' (product sales without duplicates, less cancellations "
        "known by as_of) or 'gross' (customer present, quantity and price above zero, all else kept, but nothing twice "
        "that came with two drops)",
    )
    as_of: date | None = Field(
        None, description="analyse as if it were the start of this day; the day after the last order if not set"
    )


class RfmSettings(_Section):
    """Fixed thresholds for scores 2, 3, 4 and 5; quintiles by percent rank where not set."""

    recency_days_thresholds: FourThresholds | None = Field(
        None, description="up to the first: score 5; above the fourth: score 1 [days]"
    )
    frequency_thresholds: FourThresholds | None = Field(
        None, description="below the first: score 1; from the fourth on: score 5 [orders]"
    )
    monetary_thresholds: FourThresholds | None = Field(
        None, description="below the first: score 1; from the fourth on: score 5 [currency]"
    )


class FeatureSettings(_Section):
    """Features of customers."""

    half_life_days: float = Field(
        90.0, gt=0, description="the age at which an order counts half in spend_weighted [days]"
    )
    history_months: int = Field(
        24, ge=0, le=600, description="month ends kept in the histories of features and scores, the latest [months]"
    )


class LifecycleSettings(_Section):
    """Where the stages of a customer's life begin."""

    dormant_gaps: float = Field(
        3.0, gt=0, description="dormant when the last order is more than so many usual gaps ago [usual gaps]"
    )
    established_days: int = Field(4, ge=2, description="developing before so many days with an order [days]")
    declining_gaps: float = Field(
        2.0,
        gt=0,
        description="declining when the last order is more than so many of the customer's mean gaps ago [gaps]",
    )
    declining_spend_share: Share = Field(
        0.5, description="declining when the last 90 days brought less than this share of the 90 before"
    )
    usual_gap_days: float = Field(
        90.0, gt=0, description="the usual gap where no customer has come on two days yet [days]"
    )


class AnomalySettings(_Section):
    """Days and weeks outside their expected range."""

    false_alarms: float = Field(
        0.05, gt=0, le=5, description="how often chance may take a series outside its range [times a year]"
    )
    least_days: int = Field(56, ge=28, description="a series is judged from so many days on [days]")
    least_orders: float = Field(
        3.0, ge=1, description="a series of days (or weeks) is judged if it has so many orders (of categories and "
        "products: sale lines) a day (or week) on average [orders]"
    )  # fmt: skip
    members: int = Field(10, ge=0, description="how many countries, channels and categories are judged, the largest")
    products: int = Field(50, ge=0, description="how many products are judged, those of most sale lines")


class InsightsSettings(_Section):
    """What counts as the explanation of a change."""

    members_kept: int = Field(
        10,
        ge=1,
        description="members of a dimension that are shown one by one in each change; the others are summed up",
    )
    surprise_level: float = Field(
        0.05,
        gt=0,
        lt=1,
        description="a member is a root cause if chance makes the most surprising of all members as surprising in no "
        "more than this share of changes [probability]",
    )
    least_excess_share: Share = Field(
        0.005, description="no root cause changes sales by less than this share of the larger of the two periods"
    )
    explains_most_share: Share = Field(
        0.5, description="a root cause that explains this share of a change or more is looked into one level deeper"
    )


class ClusterSettings(_Section):
    """Groups of customers who are alike."""

    feature_sets: Annotated[tuple[Literal["classic", "rfm"], ...], BeforeValidator(_names)] = Field(
        ("classic", "rfm"),
        description="by what customers are compared: 'classic' (total_spend, avg_order_value, orders, product_variety, "
        "recency_days, preferred_weekday) and 'rfm' (recency_days, orders, total_spend)",
    )
    algorithms: Annotated[
        tuple[Literal["kmeans", "agglomerative", "dbscan", "hdbscan", "gaussian_mixture"], ...], BeforeValidator(_names)
    ] = Field(
        ("kmeans", "agglomerative", "dbscan", "hdbscan", "gaussian_mixture"),
        description="the algorithms that are fitted",
    )
    transform: Literal["yeo_johnson", "log", "none"] = Field(
        "yeo_johnson", description="how skewed measures are brought nearer to a normal distribution"
    )
    reach: float = Field(3.0, gt=0, description="beyond it outliers are drawn in, as logarithms [standard deviations]")
    k_min: int = Field(
        3, ge=2, le=50, description="the number of clusters is chosen from this on; scores are told from 2 on"
    )
    k_max: int = Field(10, ge=2, le=50, description="the number of clusters is chosen up to this")
    least_customers: int = Field(50, ge=10, description="with fewer customers there are no clusters [customers]")
    sample_customers: int = Field(
        5_000,
        ge=100,
        le=20_000,
        description="scores are measured, and all algorithms but k-means fitted, on so many customers at most "
        "[customers]",
    )
    exact_customers: int = Field(
        50_000, ge=1_000, description="k-means goes by mini-batches above so many customers [customers]"
    )
    resamples: int = Field(10, ge=2, description="resamples for stability and the gap statistic")
    most_noise_share: Share = Field(0.1, description="a champion leaves no larger share of customers without a cluster")
    least_cluster_share: Share = Field(0.01, description="a champion's smallest cluster holds no smaller share")

    @field_validator("k_max")
    @classmethod
    def _not_below_k_min(cls, value: int, info: ValidationInfo) -> int:
        if value < info.data.get("k_min", 2):
            raise ValueError("it must be k_min or more")
        return value


class BasketSettings(_Section):
    """What goes together in an order."""

    items: Literal["product", "category", "description"] = Field(
        "product",
        description="what is counted: 'product' (product_id), 'category' (where the export gives one; UCI Online "
        "Retail has none), or 'description' (the name as it was exported, letter by letter)",
    )
    guests: bool = Field(
        True,
        description="whether orders of unknown customers are baskets; under core.revenue_policy = 'gross' none are",
    )
    least_items: int = Field(1, ge=1, description="different products in a basket, at least [products]")
    most_items: int | None = Field(
        None,
        ge=1,
        description="of a basket with more items only those are taken that most baskets hold; all if not set [items]",
    )
    min_support: float = Field(
        0.01, gt=0, le=1, description="an itemset is frequent if this share of baskets holds it [share]"
    )
    min_orders: int | None = Field(
        None, ge=1, description="instead of min_support: if so many baskets hold it [orders]"
    )
    max_length: int | None = Field(
        None, ge=1, description="items in an itemset, at most; any number if not set [items]"
    )
    most_itemsets: int = Field(1_000_000, ge=1, description="mining stops with an error above so many [itemsets]")
    min_confidence: Share = Field(0.3, description="a rule holds for this share of the baskets with its antecedents")
    min_lift: float = Field(
        1.2,
        ge=0,
        description="a rule's consequents are so many times as frequent with its antecedents as in all baskets",
    )
    single_consequent: bool = Field(False, description="whether rules have one consequent only")
    most_rules: int = Field(
        2_000_000, ge=1, description="an error above so many rules, weak ones included, that itemsets make [rules]"
    )
    later_share: float = Field(
        0.25,
        gt=0,
        lt=1,
        description="rules of the earlier weeks are tried on this share of weeks, the last, for later_lift [share]",
    )
    false_discovery_rate: float = Field(
        0.05, gt=0, lt=1, description="rules and pairs are significant if no larger share of such is chance [share]"
    )
    associations: int = Field(
        100, ge=0, description="rows of product_associations, two for each of the strongest pairs [rows]"
    )
    in_range_days: int = Field(
        60,
        ge=1,
        description="a product not sold for more than so many days is out of range: it is not recommended, nor in a "
        "bundle or advice on stock [days]",
    )


class PairTrendSettings(_Section):
    """Which pairs of products are called rising or falling."""

    least_change: float = Field(
        0.2, ge=0, description="a pair whose share of baskets changed by less than this share of it is steady [share]"
    )


class SubstituteSettings(_Section):
    """Which pairs of products are called substitutes."""

    most_lift: float = Field(
        0.33, ge=0, le=1, description="they are in one basket so many times as often as by chance, at most [times]"
    )
    least_lift_apart: float = Field(
        1.0,
        ge=0,
        description="the same customers buy them in different baskets so many times as often as by chance, at least "
        "[times]",
    )
    least_expected: float = Field(
        5.0, gt=0, description="only pairs are tested that chance brings together in so many baskets [orders]"
    )


class BundleSettings(_Section):
    """Sets of products worth selling together."""

    most_bundles: int = Field(30, ge=0, description="bundles that are proposed, the best [bundles]")
    most_products: int = Field(4, ge=2, description="products in a bundle, at most [products]")
    days: int = Field(365, ge=28, description="orders are those of the last days [days]")
    least_lift: float = Field(
        1.5,
        ge=0,
        description="each two products of a bundle are in one order so many times as often as by chance in orders of "
        "the same month and size, at least [times]",
    )
    uptake: float = Field(
        0.2,
        ge=0,
        description="the assumption: where an order holds all of a bundle's products but one, the missing one's share "
        "grows by this share of it",
    )
    discount: Share = Field(0.05, description="what a bundle's price is below the sum of its products' prices [share]")
    costs_file: str | None = Field(
        None,
        description="a csv file in the home with product_id,unit_cost, as in 'costs.csv'; margins are told where costs "
        "are known",
    )


class StockPartnerSettings(_Section):
    """What a day out of stock costs, with what is bought together with the product."""

    days: int = Field(90, ge=7, description="sales are those of the last days [days]")


class RuleNetworkSettings(_Section):
    """The picture of the strongest rules."""

    edges: int = Field(60, ge=1, le=500, description="pairs of items that are shown, the strongest [pairs]")


class ClvSettings(_Section):
    """What customers will still bring: buy-till-you-die models."""

    calibration_end: date | None = Field(
        None,
        description="the last day whose purchases the models are fitted to; the day before core.as_of, or the last day "
        "of the data, if not set",
    )
    horizon_days: HorizonDays = Field(
        (30, 90, 365), description="the times to come for which customers' orders and value are predicted [days]"
    )
    time_unit: Literal["day", "week"] = Field("day", description="the unit of time of the models' parameters")
    least_customers: int = Field(500, ge=50, description="with fewer customers no model is fitted [customers]")
    least_days: int = Field(180, ge=28, description="with a shorter history no model is fitted [days]")
    least_history_days: int = Field(
        60, ge=14, description="history before a cut-off that a model of spend learns from or is judged on [days]"
    )
    most_training_cutoffs: int = Field(
        6, ge=1, description="cut-offs that a model of spend learns from, at most, the latest"
    )


class RecommendationSettings(_Section):
    """What to offer with a product and to a customer."""

    per_product: int = Field(10, ge=1, le=100, description="products recommended with a product, of each kind")
    per_customer: int = Field(10, ge=1, le=100, description="products recommended to a customer, of each kind")
    least_together: int = Field(
        3, ge=1, description="two products go together from so many orders, or customers, with both on"
    )
    horizon_days: int = Field(
        30, ge=1, le=366, description="recommendations are measured on what is bought in so many days after [days]"
    )
    windows: int = Field(
        3, ge=2, le=12, description="they are measured in so many windows; the last one is kept out of the choice"
    )
    least_customers: int = Field(
        100, ge=10, description="with fewer customers (or orders) to measure on, what is popular serves"
    )
    sample_customers: int = Field(
        50_000, ge=100, description="in a training recommenders learn from so many customers at most [customers]"
    )
    test_customers: int = Field(
        5_000, ge=100, description="they are measured on so many customers (or orders) of a window at most"
    )
    sample_orders: int = Field(
        200_000, ge=1_000, description="what is bought together is learned from so many orders, the latest [orders]"
    )
    trend_half_life_days: float = Field(
        14.0, gt=0, description="the age at which a sale counts half in what is popular lately [days]"
    )
    memory_half_life_days: float = Field(
        120.0, gt=0, description="the age at which a customer's last purchase of a product counts half [days]"
    )
    neighbours: int = Field(200, ge=1, le=5_000, description="products like a product that item-item looks at")
    factors: int = Field(32, ge=1, le=512, description="factors of the matrix factorisation")


class PredictionSettings(_Section):
    """Whether customers will buy again, and when they are at risk."""

    horizon_days: HorizonDays = Field(
        (7, 30, 90), description="the times to come in which an order is predicted [days]"
    )
    churn_days: int | None = Field(
        None,
        ge=7,
        le=3_650,
        description="who buys nothing for so long from now on has left; the gap that 90 % of repeat orders stay under "
        "if not set [days]",
    )
    least_customers: int = Field(500, ge=50, description="with fewer customers no model is fitted [customers]")
    least_days: int = Field(180, ge=28, description="with a shorter history no model is fitted [days]")
    least_history_days: int = Field(
        90, ge=14, description="history before a cut-off that a model learns from or is judged on [days]"
    )
    cutoffs: int = Field(
        3, ge=2, le=24, description="cut-offs that models are judged on, the last of them after all is chosen"
    )
    step_days: int = Field(30, ge=1, description="days between two cut-offs [days]")
    most_training_cutoffs: int = Field(12, ge=1, description="cut-offs that a model learns from, at most, the latest")
    most_customers: int = Field(
        5_000, ge=500, description="a model learns from so many customers, at most; of more some are drawn [customers]"
    )
    contact_cost: float = Field(1.0, gt=0, description="what it costs to contact a customer [any unit of money]")
    contact_value: float = Field(3.0, gt=0, description="what an order of a contacted customer brings [the same unit]")
    drift_days: int = Field(
        30,
        ge=1,
        description="customers who have drifted ask for a training so many days of data after the last one [days]",
    )
    risk_bands: RiskBands = Field(
        (0.5, 2.0),
        description="odds of leaving, in those of all customers, from which the risk is medium, and high [ratio]",
    )


class EarlyWarningSettings(_Section):
    """Of which customers whose risk rose the list tells."""

    customers: int = Field(100, ge=1, le=100_000, description="customers on the list, at most, by value at stake")
    top_share: Share = Field(0.2, gt=0, description="so many customers are valuable, by what they spent so far [share]")
    days_before: int = Field(30, ge=1, le=366, description="risks are compared with those of so many days ago [days]")
    least_rise: Share = Field(0.05, gt=0, description="a risk has to rise by so much to be told of [0 to 1]")
    horizon_days: int | None = Field(
        None,
        ge=1,
        le=3_650,
        description="the time in which no order is the risk, or the nearest that has a model; that after which "
        "customers count as gone if not set [days]",
    )
    calls: int = Field(10, ge=0, description="so many customers are to be called in person, those with most at stake")


class ForecastSettings(_Section):
    """Net sales in times to come."""

    horizon_months: int = Field(3, ge=1, le=24, description="how far ahead to forecast [months]")
    members: int = Field(
        3, ge=0, le=50, description="countries, channels and categories with forecasts of their own; the rest together"
    )
    origins: int = Field(
        39, ge=4, le=500, description="models are tried from so many earlier days at most, the latest [origins]"
    )
    least_orders: float = Field(
        1.0, ge=0, description="of a series with fewer orders a period no models are tried [orders]"
    )
    archive_days: int = Field(800, ge=31, description="forecasts are kept for so long [days]")


class ScenarioSettings(_Section):
    """What conservative and aggressive scenarios of net sales assume; the moderate one is the forecast itself."""

    conservative_share: Share = Field(
        0.2, description="the conservative path lies above this share of the model's simulated paths"
    )
    conservative_retention: Lever = Field(-0.05, description="returning customers order so much more [share]")
    conservative_order_value: Lever = Field(-0.02, description="an order is worth so much more [share]")
    conservative_traffic: Lever = Field(-0.1, description="new customers and guests order so much more [share]")
    aggressive_share: Share = Field(
        0.8, description="the aggressive path lies above this share of the model's simulated paths"
    )
    aggressive_retention: Lever = Field(0.05, description="returning customers order so much more [share]")
    aggressive_order_value: Lever = Field(0.02, description="an order is worth so much more [share]")
    aggressive_traffic: Lever = Field(0.1, description="new customers and guests order so much more [share]")


class DemandSettings(_Section):
    """How many units of each product are asked for, week by week."""

    cancelled_within_days: int = Field(
        7,
        ge=0,
        le=7,
        description="what is cancelled within so many days was never demanded; what comes back later was [days]",
    )
    horizon_weeks: int = Field(4, ge=1, le=26, description="weeks that are forecast, and models judged on [weeks]")
    windows: int = Field(
        5, ge=2, le=24, description="models are judged in so many windows of that length; by the last none is chosen"
    )
    least_weeks: int = Field(
        12, ge=4, description="with fewer whole weeks no model is chosen: the mean of all weeks serves [weeks]"
    )
    least_products: int = Field(
        30, ge=1, description="a kind with fewer products to judge models on takes the choice for all kinds [products]"
    )
    most_products: int = Field(
        5_000, ge=100, description="models are chosen on so many products at most, evenly spread over all [products]"
    )
    new_weeks: int = Field(8, ge=1, le=52, description="a product first sold within so many weeks is new [weeks]")
    dead_weeks: int = Field(
        12, ge=1, description="a product is dead if it has not been sold for so many weeks, at least [weeks]"
    )
    dead_chance: float = Field(
        0.01,
        gt=0,
        lt=1,
        description="and if so long a gap has no greater chance at the pace at which it used to be sold [probability]",
    )
    large_order_times: float | None = Field(
        5.0,
        gt=1,
        description="forecasts learn from an order of more than so many times the product's usual week as if it were "
        "of that many; as it is if not set [times]",
    )


class ReorderSettings(_Section):
    """When to order how much of each product."""

    stock_file: str | None = Field(
        None,
        description="a csv file in the home with product_id and any of on_hand, on_order, lead_time_days, min_order, "
        "pack_size, unit_cost, as in 'stock.csv'; what an empty cell would say is taken from the settings or unknown",
    )
    lead_time_days: float = Field(14.0, ge=0, le=365, description="from order to shelf, where no file says it [days]")
    review_days: float = Field(7.0, gt=0, le=365, description="how often stock is looked at and ordered [days]")
    service_levels: ServiceLevels = Field(
        (0.98, 0.95, 0.9),
        description="how likely stock lasts until the next delivery, for products of class A, B and C [probability]",
    )
    abc_shares: TwoShares = Field(
        (0.8, 0.95), description="class A makes this share of revenue, A and B together that [share]"
    )
    xyz_limits: TwoLimits = Field(
        (0.5, 1.0),
        description="weekly demand with a coefficient of variation up to the first is X, up to the second Y, else Z",
    )
    class_weeks: int = Field(52, ge=4, description="classes go by the last weeks [weeks]")
    cover_weeks: float = Field(
        4.0, gt=0, le=104, description="an order is for so many weeks where costs do not tell a better size [weeks]"
    )
    order_cost: float | None = Field(
        None, gt=0, description="what an order of a product costs, whatever its size; unknown if not set [currency]"
    )
    holding_share: float = Field(
        0.25, gt=0, le=5, description="what holding a unit for a year costs, of its unit cost [share]"
    )


class QualitySettings(_Section):
    """When a check warns and when it fails."""

    rejected_share_warn: Share = Field(0.01, description="warn above this share of a file's rows rejected")
    rejected_share_fail: Share = Field(
        0.25, description="withhold the snapshot above this share of a file's rows rejected"
    )
    earliest_order_date: date = Field(date(1990, 1, 1), description="an older order is an error in the data")
    fresh_within_hours: float = Field(
        36.0, ge=0.1, le=87_600, description="a table not refreshed for so long is overdue [hours]"
    )


class ReportSettings(_Section):
    """How many reports each run keeps up to date; 'retail report' writes any other."""

    days: int = Field(7, ge=0, description="daily reports, of the last days")
    weeks: int = Field(8, ge=0, description="weekly executive summaries, of the last weeks")
    months: int = Field(13, ge=0, description="monthly reports, of the last months")
    quarters: int = Field(5, ge=0, description="quarterly reports, of the last quarters")


class ScheduleSettings(_Section):
    """When the pipeline runs by itself."""

    nightly: Annotated[str, AfterValidator(_cron_with_five_fields)] = Field(
        "0 2 * * *", description="the nightly refresh, as a cron line"
    )
    training: Annotated[str, AfterValidator(_cron_with_five_fields)] = Field(
        "0 3 * * 0", description="the weekly training of all models, as a cron line"
    )
    timezone: Annotated[str, AfterValidator(_known_timezone)] = Field(
        "UTC", description="the time zone of the cron lines"
    )
    drops_every_seconds: int = Field(30, ge=5, description="how often new drops are looked for [seconds]")


class WarehouseSettings(_Section):
    """The database engine and its files."""

    lock_timeout_seconds: float = Field(
        3600.0, ge=0, description="how long a run waits for another one to end before it gives up [seconds]"
    )
    keep_snapshots: int = Field(3, ge=1, description="published snapshots kept on disk, the newest included")
    memory_limit: Annotated[str, AfterValidator(_memory_size)] | None = Field(
        None, description="DuckDB's memory limit, as in '8GB'; 80 % of RAM if not set"
    )
    threads: int | None = Field(None, ge=1, description="DuckDB's threads; all cores if not set")


class Settings(BaseSettings):
    """All settings of a home. Use :func:`load_settings` to read them."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    ingest: IngestSettings = IngestSettings()
    formats: tuple[OwnFormatSettings, ...] = ()
    privacy: PrivacySettings = PrivacySettings()
    currency: CurrencySettings = CurrencySettings()
    core: CoreSettings = CoreSettings()
    rfm: RfmSettings = RfmSettings()
    features: FeatureSettings = FeatureSettings()
    lifecycle: LifecycleSettings = LifecycleSettings()
    anomalies: AnomalySettings = AnomalySettings()
    insights: InsightsSettings = InsightsSettings()
    clusters: ClusterSettings = ClusterSettings()
    baskets: BasketSettings = BasketSettings()
    pair_trends: PairTrendSettings = PairTrendSettings()
    substitutes: SubstituteSettings = SubstituteSettings()
    bundles: BundleSettings = BundleSettings()
    stock_partners: StockPartnerSettings = StockPartnerSettings()
    rule_network: RuleNetworkSettings = RuleNetworkSettings()
    clv: ClvSettings = ClvSettings()
    recommendations: RecommendationSettings = RecommendationSettings()
    prediction: PredictionSettings = PredictionSettings()
    early_warning: EarlyWarningSettings = EarlyWarningSettings()
    forecast: ForecastSettings = ForecastSettings()
    scenarios: ScenarioSettings = ScenarioSettings()
    demand: DemandSettings = DemandSettings()
    reorder: ReorderSettings = ReorderSettings()
    quality: QualitySettings = QualitySettings()
    reports: ReportSettings = ReportSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    warehouse: WarehouseSettings = WarehouseSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment over what is given, which is the settings file's contents."""
        return env_settings, init_settings


def load_settings(home: Home) -> Settings:
    """The settings of a home: environment over ``retail.toml`` over defaults.

    Raises
    ------
    SettingsError
        naming the file or variable, the key, the value and what is allowed.
    """
    _refuse_unknown_variables()
    values = _read_toml(home.settings_file)
    try:
        return Settings(**values)
    except SourceError as error:
        raise SettingsError(f"A {PREFIX}… environment variable cannot be read: {error.__cause__ or error}") from error
    except ValidationError as error:
        faults: dict[tuple[Any, ...], str] = {}
        for item in error.errors():
            kept = None if item["loc"][0] == OWN_FORMATS else 2
            faults.setdefault(item["loc"][:kept], _explain(item, home.settings_file))
        raise SettingsError("\n".join(faults.values())) from error


def _read_toml(path: Path) -> dict[str, Any]:
    """The sections of ``retail.toml``, none if there is no such file; a byte-order mark at its start is no fault."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8 text. Save it again with the encoding UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(
            f"{path} is not valid TOML: {error}. Settings are written as [section] and below it key = value; "
            "texts are in quotes."
        ) from error


def _refuse_unknown_variables() -> None:
    sections = sorted(set(Settings.model_fields) - {OWN_FORMATS})
    for variable in sorted(os.environ):
        if not variable.upper().startswith(PREFIX) or variable == HOME_VARIABLE:
            continue
        section, _, key = variable[len(PREFIX) :].lower().partition("__")
        if section not in sections or not key or "__" in key:
            raise SettingsError(
                f"The environment variable {variable} is no setting. Settings are {PREFIX}<SECTION>__<KEY>, "
                f"with the sections: {', '.join(sections)}."
            )


def _explain(item: Any, settings_file: Path) -> str:
    """One fault that pydantic found, in words: where it was set, which setting, what is allowed."""
    if item["loc"][0] == OWN_FORMATS:
        return _explain_own_format(item, settings_file)
    path = [str(part) for part in item["loc"][:2]]
    name, section = ".".join(path), Settings.model_fields.get(path[0])
    variable = PREFIX + "__".join(part.upper() for part in path)
    origin = variable if variable in {name.upper() for name, value in os.environ.items() if value} else settings_file
    keys = ", ".join(sorted(section.annotation.model_fields)) if section and section.annotation else ""
    if item["type"] == "extra_forbidden":
        allowed = f"in [{path[0]}]: {keys}" if keys else f"as sections: {', '.join(sorted(Settings.model_fields))}"
        return f"{origin}: {name} is no setting. Allowed {allowed}."
    value = repr(item["input"]) if isinstance(item["input"], str) else str(item["input"])
    if len(path) == 1:
        reason = f"it is a section; write [{name}] and below it any of {keys}"
    else:
        template = REASONS.get(item["type"])
        reason = template.format(**item.get("ctx", {})) if template else item["msg"].removeprefix("Value error, ")
    return f"{origin}: {name} = {value} is not allowed: {reason}."


def _explain_own_format(item: Any, settings_file: Path) -> str:
    """One fault in a ``[[formats]]`` table, in words."""
    _, *rest = item["loc"]
    if not rest or not isinstance(rest[0], int):
        return f"{settings_file}: formats must be written as [[formats]], one for each format, and below it name = ..."
    number, *path = rest
    place = f"{settings_file}: [[formats]] {number + 1}"
    name = ".".join(str(part) for part in path if part not in ("[key]", "str", "tuple[str, ...]"))
    keys = ", ".join(OwnFormatSettings.model_fields)
    if item["type"] == "extra_forbidden":
        return f"{place}: {name} is no setting. Allowed are: {keys}."
    if item["type"] == "missing":
        return f"{place}: {name} is not set. {OwnFormatSettings.model_fields[name].description}."
    if "[key]" in path:
        return f"{place}: {path[0]} knows no field {item['input']!r}; use {item.get('ctx', {}).get('expected', '')}."
    template = REASONS.get(item["type"])
    reason = template.format(**item.get("ctx", {})) if template else item["msg"].removeprefix("Value error, ")
    return f"{place}: {name} = {item['input']!r} is not allowed: {reason}."
