"""Every number the synthetic shop depends on, with its default and its limits. No simulation here."""

from datetime import date
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ModelWrapValidatorHandler, ValidationError, model_validator

from retail_pipeline.errors import SettingsError

Share = Annotated[float, Field(ge=0, le=1)]
Rare = Annotated[float, Field(ge=0, le=0.2)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
MonthDay = Annotated[str, Field(pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$")]


class StoreParameters(BaseModel):
    """The shop to simulate; equal parameters give equal files, byte for byte.

    Raises
    ------
    SettingsError
        If a number is out of its limits, a name is unknown, or two numbers contradict each other.

    Examples
    --------
    >>> StoreParameters(customers=50, seed=7).customers
    50
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    customers: int = Field(default=3000, ge=1, le=1_000_000)
    """Customers with an account who buy at least once."""
    products: int = Field(default=200, ge=20, le=208)
    """Products in the catalogue."""
    start: date = Field(default=date(2023, 1, 1), ge=date(1990, 1, 1))
    """First day of trade."""
    end: date = date(2024, 12, 31)
    """Last day of trade, included."""
    seed: int = Field(default=20230101, ge=0)
    """Seed of all randomness."""

    rate_r: Positive = 0.3
    """BG/NBD r: shape of the gamma distribution of purchase rates (smaller: more unequal customers)."""
    rate_alpha_days: Positive = 20.0
    """BG/NBD alpha, days: a customer buys r / alpha times a day on average while active."""
    dropout_a: Positive = 0.5
    """BG/NBD a: first shape of the beta distribution of the dropout probability."""
    dropout_b: Positive = 8.0
    """BG/NBD b: second shape; a / (a + b) is the mean probability to leave after a repeat purchase."""
    acquisition_decline: float = Field(default=1.0, ge=0, le=10)
    """New customers decline by exp(-this) a year; 0 spreads them evenly."""

    yearly_growth: float = Field(default=0.06, gt=-0.9, le=2)
    """Relative growth of demand per year."""
    month_weights: Annotated[tuple[Positive, ...], Field(min_length=12, max_length=12)] = (
        *(0.84, 0.82, 0.90, 0.94, 0.98, 0.94),
        *(0.90, 0.88, 1.00, 1.10, 1.45, 1.65),
    )
    """Relative demand in the middle of January .. December; days between are interpolated."""
    weekday_weights: Annotated[tuple[Positive, ...], Field(min_length=7, max_length=7)] = (
        *(0.90, 0.88, 0.94, 1.00, 1.16, 1.28, 0.84),
    )
    """Relative demand on Monday .. Sunday."""
    opening_hour: int = Field(default=8, ge=0, le=23)
    """First hour with orders."""
    closing_hour: int = Field(default=21, ge=1, le=24)
    """Hour at which orders stop."""

    basket_mean_extra: Positive = 3.9
    """Mean number of lines beyond the first in a basket."""
    basket_shape: Positive = 2.5
    """Shape of the gamma distribution of basket appetite over customers (smaller: more unequal)."""
    largest_basket: int = Field(default=12, ge=1, le=99)
    """Most lines in one order."""
    price_sigma: float = Field(default=0.45, ge=0, le=2)
    """Standard deviation of log prices inside a category."""
    popularity_exponent: float = Field(default=0.9, ge=0, le=3)
    """Zipf-Mandelbrot exponent of product popularity; 0 makes products equally popular."""
    pairs: int = Field(default=8, ge=0)
    """Pairs of products bought together."""
    pair_share: Share = 0.35
    """Probability that the partner joins a basket with the first of a pair."""

    home_share: Share = 0.84
    """Share of customers from the home country."""
    guest_share: float = Field(default=0.08, ge=0, le=0.9)
    """Share of sale orders without a customer id."""
    return_share: Rare = 0.03
    """Share of sale lines later returned (a little fewer: some would come back after the end)."""
    return_mean_days: float = Field(default=11.0, ge=1, le=365)
    """Mean days from sale to return."""
    sale_periods: tuple[tuple[MonthDay, MonthDay], ...] = (("07-01", "07-14"), ("11-20", "11-30"))
    """First and last day (MM-DD, included) of the sales held every year."""
    sale_line_share: Share = 0.6
    """Share of lines discounted during a sale."""
    sale_uplift: Positive = 1.25
    """Demand during a sale, relative to the same days without."""

    duplicate_share: Rare = 0.005
    """Lines repeated verbatim in their file, relative to the true lines."""
    malformed_share: Rare = 0.001
    """Share of true lines spoiled so that they cannot be read."""
    padded_name_share: Share = 0.002
    """Share of lines whose product name has outer blanks."""

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.end < self.start:
            raise ValueError(f"end {self.end} is before start {self.start}")
        if self.closing_hour <= self.opening_hour:
            raise ValueError(f"closing_hour {self.closing_hour} must be after opening_hour")
        if self.pairs > self.products // 4:
            raise ValueError(f"pairs {self.pairs} needs products >= {4 * self.pairs}, not {self.products}")
        for first, last in self.sale_periods:
            if last < first:
                raise ValueError(f"sale_periods: {last} is before {first}; write one over New Year as two")
        return self

    @model_validator(mode="wrap")
    @classmethod
    def _refuse(cls, values: Any, build: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return build(values)
        except ValidationError as error:
            found = "; ".join(f"{_place(e['loc'])}: {e['msg']} (got {e['input']!r})" for e in error.errors())
            raise SettingsError(f"Store parameters are wrong: {found}.") from error


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location)) or "together"
