"""What a format is: the headers that identify it, where each field stands, and what its lines mean."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from retail_pipeline.errors import UnreadableDropError

TEXT, IDENTIFIER, TIMESTAMP, MONEY, INTEGER = "text", "identifier", "timestamp", "money", "integer"

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
}
"""The fields of ``raw.transactions`` and how their text is read; money and quantities become DECIMAL(18,4)."""

NEVER_EMPTY = ("order_id", "order_ts", "product_id", "quantity", "unit_price")


@dataclass(frozen=True)
class LineRules:
    """How ``core`` classifies a format's lines; the first rule that fits decides.

    An order id with ``cancellation_order_prefix`` makes a cancellation, one with ``adjustment_order_prefix`` an
    adjustment, as does a negative price or a quantity of zero; other negative quantities are of
    ``negative_quantity_type`` and zero prices of ``zero_price_type``; ``charge_products`` (whole codes, in upper
    case) and ``charge_product_prefixes`` are charges and not products; all else is a sale.
    """

    cancellation_order_prefix: str | None = None
    adjustment_order_prefix: str | None = None
    negative_quantity_type: str = "return"
    zero_price_type: str = "sale"
    charge_products: tuple[str, ...] = ()
    charge_product_prefixes: tuple[str, ...] = ()
    upper_case_products: bool = False


@dataclass(frozen=True)
class Format:
    """A kind of export.

    ``required`` and ``optional`` map fields of ``raw.transactions`` to the header that holds them.
    ``timestamp_patterns`` are strptime patterns beside ISO 8601, each with the regular expression of the texts it is
    for; ``timestamp_example`` is shown when a timestamp cannot be read.
    """

    name: str
    title: str
    required: dict[str, str]
    optional: dict[str, str] = field(default_factory=dict)
    timestamp_patterns: tuple[tuple[str, str], ...] = ()
    timestamp_example: str = "2024-05-31 17:45:00"
    rules: LineRules = LineRules()


@dataclass(frozen=True)
class Recognised:
    """A header that fits a format: ``positions`` maps fields to column positions, ``unused`` names the rest."""

    format: Format
    positions: dict[str, int]
    unused: tuple[str, ...]


def fold(header: str) -> str:
    """A header as it is compared: no byte-order mark, no case, no outer blanks, one blank where there are more."""
    return " ".join(header.replace("\ufeff", "").split()).casefold()


def recognise(header: Sequence[str], formats: Sequence[Format], what: str) -> Recognised:
    """The format a header belongs to: of those whose required columns are all there, the one that uses most.

    Parameters
    ----------
    what
        The file (and sheet), for the error.

    Raises
    ------
    UnreadableDropError
        naming the nearest format and the columns it lacks.
    """
    folded = [fold(name) for name in header]
    fitting = [found for candidate in formats if (found := _fit(candidate, header, folded, what))]
    if fitting:
        return max(fitting, key=lambda found: len(found.positions))
    nearest = max(
        formats, key=lambda each: sum(fold(name) in folded for name in each.required.values()) / len(each.required)
    )
    lacking = [name for name in nearest.required.values() if fold(name) not in folded]
    shown = ", ".join(_shown(name) for name in header[:12]) + (", …" if len(header) > 12 else "")
    raise UnreadableDropError(
        f"{what} fits no known format. Its columns are: {shown}. Nearest is {nearest.name} ({nearest.title}); "
        f"it lacks: {', '.join(lacking)}. Rename the columns or export in one of: {', '.join(f.name for f in formats)}."
    )


def _shown(name: str) -> str:
    return "".join(character if character.isprintable() else " " for character in name[:40]).strip()


def _fit(candidate: Format, header: Sequence[str], folded: list[str], what: str) -> Recognised | None:
    if any(fold(name) not in folded for name in candidate.required.values()):
        return None
    wanted = {**candidate.required, **candidate.optional}
    doubled = [name for name in wanted.values() if folded.count(fold(name)) > 1]
    if doubled:
        raise UnreadableDropError(f"{what} has the column {doubled[0]!r} more than once; keep one of them.")
    positions = {name: folded.index(fold(column)) for name, column in wanted.items() if fold(column) in folded}
    unused = tuple(name for place, name in enumerate(header) if place not in positions.values())
    return Recognised(candidate, positions, unused)
