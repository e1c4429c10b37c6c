"""Every number the synthetic shop depends on, with its default and its limits. No simulation here."""

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ModelWrapValidatorHandler, ValidationError, model_validator

from retail_pipeline.errors import SettingsError

Share = Annotated[float, Field(ge=0, le=1)]
Rare = Annotated[float, Field(ge=0, le=0.5)]
Positive = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
Price = Annotated[float, Field(ge=0.01, le=1e6)]
Discount = Annotated[float, Field(gt=0, lt=0.95)]
Factor = Annotated[float, Field(gt=0, le=1e3)]
MonthDay = Annotated[str, Field(pattern=r"^((0[1-9]|1[0-2])-(0[1-9]|[12]\d)|(0[13-9]|1[0-2])-30|(0[13578]|1[02])-31)$")]
Months = Annotated[tuple[Positive, ...], Field(min_length=12, max_length=12)]
EVEN_MONTHS = (1.0,) * 12


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Region(_Section):
    """Where customers live; it stands in the column ``country``."""

    name: str
    share: Positive
    """Weight among the regions."""


class Channel(_Section):
    """How customers come."""

    name: str
    share: Positive
    """Weight among new customers at the start."""
    growth: float = Field(default=0.0, ge=-5, le=5)
    """New customers by this channel grow by exp(this) a year."""
    loyalty: Share = 0.5
    """Probability that a later order comes by this channel again, and not by any."""


class Tier(_Section):
    """A kind of customer. Purchases follow BG/NBD (Fader, Hardie & Lee 2005), values of orders gamma-gamma (2013)."""

    name: str
    share: Positive
    """Weight among the tiers."""
    r: Positive
    """BG/NBD r: shape of the gamma distribution of purchase rates (smaller: more unequal customers)."""
    alpha: Positive
    """BG/NBD alpha [days]: a customer buys r / alpha times on an average day, while it is one."""
    a: Positive
    """BG/NBD a: first shape of the beta distribution of the probability to leave after a repeat purchase."""
    b: Positive
    """BG/NBD b: second shape; a / (a + b) is the mean probability."""
    p: Positive = 4.0
    """Gamma-gamma p: shape of an order's value for a given customer."""
    q: Annotated[float, Field(gt=1, le=1e6)] = 6.0
    """Gamma-gamma q: shape of the gamma distribution of the customers' rates."""
    gamma: Positive
    """Gamma-gamma gamma [currency]: an order is worth p * gamma / (q - 1) on average."""


class Category(_Section):
    """A shelf of the catalogue."""

    name: str
    share: Positive
    """Weight among the categories, for customers of even taste."""
    price: Price
    """Median price [currency]."""
    price_sigma: Annotated[float, Field(ge=0, le=2)] = 0.4
    """Standard deviation of the logarithm of prices."""
    margin: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Share of the price that is no cost, on average."""
    elasticity: Annotated[float, Field(ge=0, le=6)] = 1.8
    """A price of (1 - d) times the usual sells (1 - d) ** -elasticity times as much."""
    months: Months = EVEN_MONTHS
    """Relative demand in the middle of January .. December, beside that of the whole shop."""
    return_factor: Annotated[float, Field(ge=0, le=10)] = 1.0
    """How often lines come back, relative to other categories."""


class Taste(_Section):
    """What some customers like more than others."""

    name: str
    share: Positive
    """Weight among the tastes."""
    favourites: dict[str, Positive] = {}
    """Categories, and how many times as often as others these customers choose them."""


class Holiday(_Section):
    """Days on which more is sold, every year."""

    name: str
    first: MonthDay
    """First day, as MM-DD."""
    last: MonthDay
    """Last day, included, as MM-DD."""
    demand: Factor = 1.0
    """Orders, relative to the same days without."""
    discount: Annotated[float, Field(ge=0, lt=0.95)] = 0.0
    """Discount on the products that are on sale."""
    products: Share = 0.0
    """Share of the products that are on sale."""


class Seasons(_Section):
    """When customers buy."""

    yearly_growth: float = Field(default=0.06, gt=-0.9, le=2)
    """Relative growth of demand per year."""
    months: Months = EVEN_MONTHS
    """Relative demand in the middle of January .. December; days between are interpolated."""
    weekdays: Annotated[tuple[Positive, ...], Field(min_length=7, max_length=7)] = (1.0,) * 7
    """Relative demand on Monday .. Sunday."""
    holidays: tuple[Holiday, ...] = ()
    """Days on which more, or less, is sold every year."""
    opening_hour: int = Field(default=7, ge=0, le=23)
    """First hour with orders."""
    closing_hour: int = Field(default=22, ge=1, le=24)
    """Hour at which orders stop."""


class Catalogue(_Section):
    """What the shop sells."""

    words: Literal["home", "grocer", "fashion"] = "home"
    """The words that product names are made of."""
    products: int = Field(default=400, ge=1, le=20_000)
    """Products, spread evenly over the categories."""
    categories: Annotated[tuple[Category, ...], Field(min_length=1, max_length=20)]
    popularity_exponent: float = Field(default=0.9, ge=0, le=3)
    """Zipf-Mandelbrot exponent of product popularity; 0 makes products equally popular."""
    cost_sigma: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Standard deviation of the logarithm of costs about what the margin leaves."""


class Baskets(_Section):
    """What comes together in an order."""

    one_line: bool = False
    """Each order is one piece whose price is the order's value, to the penny; nothing below counts then."""
    mean_picks: Annotated[float, Field(gt=0, le=200)] | None = None
    """Poisson mean of the choices for a basket, of which none is empty; what the order's value asks for if not set."""
    more_units: Annotated[float, Field(ge=0, lt=0.95)] = 0.3
    """Probability that a product is taken once more, and once more again."""
    bundles: int = Field(default=12, ge=0)
    """Bundles: products of one shelf or of two that are often bought as a whole."""
    bundle_share: Annotated[float, Field(ge=0, lt=1)] = 0.03
    """Share of the choices for a basket that are a bundle."""
    substitutes: int = Field(default=6, ge=0)
    """Pairs of products of one category that stand in for each other."""
    substitute_lift: Share = 0.1
    """How often both of a pair are in a basket, relative to how often they would be without that."""


class Promotions(_Section):
    """Price promotions of single products."""

    per_month: int = Field(default=6, ge=0, le=1000)
    """Promotions that begin in a month."""
    products: int = Field(default=3, ge=1)
    """Products of each, all of one category."""
    days: int = Field(default=10, ge=1, le=60)
    """Days each lasts."""
    discounts: Annotated[tuple[Annotated[float, Field(gt=0, lt=0.95)], ...], Field(min_length=1)] = (
        0.1,
        0.15,
        0.2,
        0.3,
    )
    """Discounts among which each draws one."""


class Event(_Section):
    """Something that happens once, for diagnosis to find."""

    kind: Literal["slump", "stock_out", "viral", "price_rise", "outage"]
    """Fewer orders of a region; a product that cannot be bought; one that all want; higher prices of a category, to
    stay; days of which no line is exported."""
    name: str
    first: date
    """First day."""
    last: date | None = None
    """Last day, included; the first if not set. A price rise has none."""
    factor: Factor = 1.0
    """Times as many orders (slump), as much demand (viral), as high a price (price rise)."""
    region: str | None = None
    """The region of a slump."""
    category: str | None = None
    """The category of a price rise."""
    product_rank: Annotated[int, Field(ge=1)] | None = None
    """The product, by its popularity: 1 is the best seller."""

    @model_validator(mode="after")
    def _agree(self) -> Self:
        needed = {"slump": "region", "price_rise": "category", "stock_out": "product_rank", "viral": "product_rank"}
        if self.kind in needed and getattr(self, needed[self.kind]) is None:
            raise ValueError(f"{self.name}: a {self.kind} needs {needed[self.kind]}")
        if self.last and self.last < self.first:
            raise ValueError(f"{self.name}: last {self.last} is before first {self.first}")
        return self

    @property
    def end(self) -> date:
        """Its last day."""
        return self.last or self.first


class Dirt(_Section):
    """What makes real exports hard to read. All rates are relative to the true orders or lines."""

    guests: Rare = 0.0
    """Share of the orders that are placed without an account."""
    returns: Rare = 0.0
    """Share of the lines, of orders that are not cancelled, sent back, wholly or in part; some only after the end."""
    return_days: Annotated[float, Field(ge=1, le=365)] = 11.0
    """Mean days from sale to return."""
    quick_cancellations: Rare = 0.0
    """Share of the orders cancelled within half an hour."""
    late_cancellations: Rare = 0.0
    """Share of the orders cancelled after one to five weeks."""
    test_orders: Rare = 0.0
    """Orders of the shop's own staff, to try out the till."""
    corrections: Rare = 0.0
    """Stock corrections, relative to the lines: negative quantities without a price or a customer."""
    duplicates: Rare = 0.0
    """Lines repeated word for word in their file."""
    missing_names: Rare = 0.0
    """Lines without a product name."""
    padded_names: Rare = 0.0
    """Lines whose product name has outer blanks."""
    mixed_case: Rare = 0.0
    """Lines whose product code is in lower case; only in formats in which case tells no codes apart."""
    malformed: Rare = 0.0
    """Lines too many in csv files, made unreadable."""
    overlap_days: int = Field(default=0, ge=0, le=90)
    """Days of the file before that each file repeats."""


class StoreParameters(_Section):
    """The shop to simulate; equal parameters give equal files, byte for byte.

    Raises
    ------
    SettingsError
        If a number is out of its limits, a name is unknown, or two numbers contradict each other.
    """

    customers: int = Field(default=10_000, ge=1, le=89_000_000)
    """Customers with an account who buy at least once."""
    start: date = Field(default=date(2022, 7, 1), ge=date(1990, 1, 1), le=date(2100, 1, 1))
    """First day of trade."""
    end: date = Field(default=date(2024, 6, 30), le=date(2110, 1, 1))
    """Last day of trade, included."""
    newcomers_until: date | None = None
    """Last day on which new customers come; the end if not set. With it, a later end continues the same histories."""
    seed: int = Field(default=20_220_701, ge=0, lt=1 << 64)
    """Seed of all randomness."""
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "GBP"
    """Currency of all prices."""
    value_days: int = Field(default=1825, ge=1, le=36_500)
    """Days of a long-run value: after the first purchase that of a tier, after the end what the truth expects."""
    regions: Annotated[tuple[Region, ...], Field(min_length=1, max_length=50)]
    channels: Annotated[tuple[Channel, ...], Field(min_length=1, max_length=50)]
    tiers: Annotated[tuple[Tier, ...], Field(min_length=1, max_length=20)]
    tastes: Annotated[tuple[Taste, ...], Field(min_length=1, max_length=50)] = (Taste(name="even", share=1),)
    seasons: Seasons = Seasons()
    catalogue: Catalogue
    baskets: Baskets = Baskets()
    promotions: Promotions = Promotions(per_month=0)
    events: tuple[Event, ...] = ()
    dirt: Dirt = Dirt()

    @property
    def days(self) -> int:
        """How many days the shop is open."""
        return (self.end - self.start).days + 1

    @property
    def newcomer_days(self) -> int:
        """Days from the start on which new customers come."""
        return (min(self.newcomers_until or self.end, self.end) - self.start).days + 1

    @model_validator(mode="after")
    def _agree(self) -> Self:
        seasons, baskets, catalogue = self.seasons, self.baskets, self.catalogue
        if self.end < self.start:
            raise ValueError(f"end {self.end} is before start {self.start}")
        if self.newcomer_days < 1:
            raise ValueError(f"newcomers_until {self.newcomers_until} is before start {self.start}")
        if seasons.closing_hour <= seasons.opening_hour:
            raise ValueError(f"closing_hour {seasons.closing_hour} must be after opening_hour")
        for holiday in seasons.holidays:
            if holiday.last < holiday.first:
                raise ValueError(f"holiday {holiday.name}: {holiday.last} is before {holiday.first}; write it as two")
        if catalogue.products < len(catalogue.categories):
            raise ValueError(f"products {catalogue.products} are fewer than the categories")
        needed = 8 * baskets.bundles + 4 * baskets.substitutes
        if not baskets.one_line and catalogue.products < needed:
            raise ValueError(f"bundles and substitutes need products >= {needed}, not {catalogue.products}")
        self._check_names()
        return self

    def _check_names(self) -> None:
        categories = [category.name for category in self.catalogue.categories]
        regions = [region.name for region in self.regions]
        named = (self.regions, self.channels, self.tiers, self.tastes, self.catalogue.categories, self.events)
        for items in (*named, self.seasons.holidays):
            names = [item.name for item in items]
            if len(set(names)) < len(names):
                raise ValueError(f"two of {', '.join(names)} are called alike")
        ranks = [event for event in self.events if (event.product_rank or 0) > self.catalogue.products]
        if ranks:
            raise ValueError(f"{ranks[0].name}: product_rank is more than the {self.catalogue.products} products")
        asked = [("category", name, categories) for taste in self.tastes for name in taste.favourites]
        asked += [("category", event.category, categories) for event in self.events if event.category]
        asked += [("region", event.region, regions) for event in self.events if event.region]
        for what, name, known in asked:
            if name not in known:
                raise ValueError(f"there is no {what} {name}; there are {', '.join(known)}")

    @model_validator(mode="wrap")
    @classmethod
    def _refuse(cls, values: Any, build: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return build(values)
        except ValidationError as error:
            found = "; ".join(_fault(dict(one), values) for one in error.errors())
            raise SettingsError(f"The shop's parameters are wrong: {found}.") from error


_WORDS = {
    "tuple_type": "must be a list",
    "model_type": "must be a table of values",
    "model_attributes_type": "must be a table of values",
    "dict_type": "must be a table of numbers, as in {garden = 4.0}",
    "missing": "is missing",
    "extra_forbidden": "is no parameter",
}


def _fault(error: dict[str, Any], values: Any) -> str:
    """An error in words: which parameter, what is wrong, and the value if it is short."""
    message = str(error["msg"]).removeprefix("Value error, ")
    place = _place(error["loc"], values)
    if not place:
        return message
    given = error["input"]
    shown = "" if isinstance(given, (dict, list, tuple, BaseModel)) else f" (got {given})"
    return f"{place} {_WORDS[error['type']]}" if error["type"] in _WORDS else f"{place}: {message}{shown}"


def _place(location: tuple[int | str, ...], values: Any) -> str:
    """The dotted name of a parameter; the items of a list go by their names."""
    names = []
    for step in location:
        if isinstance(step, int) and isinstance(values, (list, tuple)):
            values = values[step]
            named = values.get("name") if isinstance(values, dict) else getattr(values, "name", None)
            names.append(str(named or step))
        else:
            values = values.get(step) if isinstance(values, dict) else getattr(values, str(step), None)
            names.append(str(step))
    return ".".join(names)
