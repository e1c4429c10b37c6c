"""What a format is: the headers that identify it, where each field stands, and what its lines mean."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

TEXT, IDENTIFIER, TIMESTAMP, DATE = "text", "identifier", "timestamp", "date"
MONEY, INTEGER, RATE = "money", "integer", "rate"

RAW_FIELDS = {
    "order_id": IDENTIFIER,
    "line_no": INTEGER,
    "order_ts": TIMESTAMP,
    "customer_id": IDENTIFIER,
    "product_id": IDENTIFIER,
    "product_name": TEXT,
    "quantity": MONEY,
    "unit_price": MONEY,
    "amount": MONEY,
    "discount": MONEY,
    "status": TEXT,
    "country": TEXT,
    "currency": TEXT,
    "channel": TEXT,
    "store": TEXT,
    "category": TEXT,
    "order_subtotal": MONEY,
    "order_discount": MONEY,
    "order_refunded": MONEY,
    "refunded": MONEY,
    "refunded_ts": TIMESTAMP,
    "cancelled_ts": TIMESTAMP,
}
"""The fields of ``raw.transactions`` and how their text is read; money and quantities become DECIMAL(18,4)."""

NEVER_EMPTY = ("order_id", "order_ts", "product_id", "quantity", "unit_price")


@dataclass(frozen=True)
class Target:
    """The table of ``raw`` that a format's lines go to: its fields with their kinds, and those a line cannot lack."""

    table: str
    fields: Mapping[str, str]
    never_empty: tuple[str, ...]


TRANSACTIONS = Target("raw.transactions", RAW_FIELDS, NEVER_EMPTY)
CURRENCY_RATES = Target(
    "raw.currency_rates", {"rate_date": DATE, "currency": TEXT, "rate": RATE}, ("rate_date", "currency", "rate")
)


@dataclass(frozen=True)
class Numbers:
    """How a format writes numbers.

    ``digits`` is the regular expression of a number without its sign, ``decimal`` the mark before the fraction. Where
    ``is_money`` is set, digits may be grouped, and a currency's sign or code, parentheses for what is negative and a
    sign behind the number are understood.
    """

    digits: str
    decimal: str = "."
    is_money: bool = False

    @property
    def pattern(self) -> str:
        """The regular expression that a text must match as a whole."""
        if not self.is_money:
            return f"^[+-]?{self.digits}$"
        sign, mark = r"[+\-\x{2212}]?", r"(?:[A-Z]{0,3}\p{Sc}|[A-Z]{3}|kr|z\x{142}|K\x{10d}|Ft|lei)?\s*"
        return rf"^{sign}\s*\(?\s*{sign}\s*{mark}{sign}\s*{self.digits}\s*{mark}\)?\s*{sign}$"


PLAIN_NUMBERS = Numbers(r"(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
POINT_MONEY = Numbers(r"(?:\d{1,3}(?:[,' \x{a0}\x{202f}\x{2019}]\d{3})+|\d+)?(?:\.\d*)?", ".", is_money=True)
COMMA_MONEY = Numbers(r"(?:\d{1,3}(?:[.' \x{a0}\x{202f}\x{2019}]\d{3})+|\d+)?(?:,\d*)?", ",", is_money=True)


@dataclass(frozen=True)
class LineRules:
    """How ``core`` classifies a format's lines; the first rule that fits decides.

    An order id with ``cancellation_order_prefix`` makes a cancellation, as does a negative quantity under a status
    among ``cancellation_statuses`` (in lower case); an order id with ``adjustment_order_prefix`` makes an adjustment,
    as does a status among ``void_statuses`` (in lower case: the order never became a sale), a negative price or a
    quantity of zero; other negative quantities are of ``negative_quantity_type`` and zero prices of
    ``zero_price_type``; ``charge_products`` (whole codes, in upper case) and ``charge_product_prefixes`` are charges
    and not products; all else is a sale. An order whose status is among ``refunded_statuses`` was given back whole,
    if the export does not say how much was.

    Where ``same_order`` is 'replace', an order that comes again with a later export replaces what it was; where it is
    'append', its lines are added, and those equal in every column to an earlier one are marked as duplicates.
    """

    cancellation_order_prefix: str | None = None
    cancellation_statuses: tuple[str, ...] = ()
    adjustment_order_prefix: str | None = None
    void_statuses: tuple[str, ...] = ()
    refunded_statuses: tuple[str, ...] = ()
    negative_quantity_type: str = "return"
    zero_price_type: str = "sale"
    charge_products: tuple[str, ...] = ()
    charge_product_prefixes: tuple[str, ...] = ()
    upper_case_products: bool = False
    same_order: Literal["append", "replace"] = "append"


@dataclass(frozen=True)
class Made:
    """A value made in SQL, and the headers that stand behind it, for reasons."""

    sql: str
    shown: str


@dataclass(frozen=True)
class Packed:
    """Lines packed into numbered columns of an order's row, as ``name:value`` parts.

    ``header`` is the regular expression of the (folded) headers, with the number as its group; ``parts`` are the names
    in their order, ``columns`` maps columns to them.
    """

    header: re.Pattern[str]
    parts: tuple[str, ...]
    columns: Mapping[str, str]


Headers = Mapping[str, str | tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class Format:
    """A kind of export.

    ``required`` and ``optional`` map columns to the header that holds them, or to several of which the first that is
    there counts. A column that is called like a field of the target is that field, unless ``made`` says how the
    field's text is made from the columns. ``numbers`` are further columns that hold numbers; ``worked_out`` gives a
    field's value from all fields and numbers, once they are typed.

    ``order_columns`` stand on the first row of an order (by the column ``order_id``) only and hold for all of them;
    ``packed`` says that rows are orders with their lines in numbered columns. ``has_no_quotes`` says that in files with
    tabs, quotes are characters like others.

    ``timestamp_patterns`` are strptime patterns beside ISO 8601, each with the regular expression of the texts it is
    for; ``timestamp_example`` is shown when a timestamp cannot be read. ``timestamp_zone`` is the zone of timestamps
    without an offset, None for store time; ``has_offsets`` says that they have one as a rule.

    ``has_personal_ids`` says that all customer ids tell who a person is, not only those that are e-mail addresses;
    ``personal_headers`` is the regular expression of the (folded) headers of columns that do.
    """

    name: str
    title: str
    required: Headers
    optional: Headers = field(default_factory=dict)
    made: Mapping[str, Made] = field(default_factory=dict)
    numbers: tuple[str, ...] = ()
    worked_out: Mapping[str, Made] = field(default_factory=dict)
    order_columns: tuple[str, ...] = ()
    packed: Packed | None = None
    has_no_quotes: bool = False
    number_style: Numbers = PLAIN_NUMBERS
    timestamp_patterns: tuple[tuple[str, str], ...] = ()
    timestamp_example: str = "2024-05-31 17:45:00"
    timestamp_zone: str | None = None
    has_offsets: bool = False
    has_personal_ids: bool = False
    personal_headers: re.Pattern[str] | None = None
    rules: LineRules = LineRules()
    target: Target = TRANSACTIONS
    is_own: bool = False
