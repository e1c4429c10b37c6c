"""A mapping for an export of no known format, to start from: what its headers are called, and how values are written.

Everything here is a guess for a person to check; what could not be guessed, or may be wrong, has a comment with '?'.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

from retail_pipeline.ingest.formats.header_words import COMES_BACK, DATE, PATTERNS, PERSONAL, TIME, squeeze
from retail_pipeline.ingest.formats.recognise import fold
from retail_pipeline.ingest.formats.value_styles import TIME_OF_DAY, dates_of, decimal_marks, is_date, is_number

SAMPLE_ROWS = 100
NUMERIC = ("quantity", "unit_price", "amount", "discount")
ORDER = (
    "order_id", "order_ts", "product_id", "product_name", "quantity", "unit_price", "amount", "discount", "customer_id",
    "country", "currency", "store",
)  # fmt: skip
MOST_KINDS = 10
"""A column with more different values than these does not say what kind of line it is."""
CURRENCY = re.compile("[A-Z]{3}")
FULL_NAME = re.compile(r"[^\W\d_][^\d@]*[ ,][^\d@]*[^\W\d_]\.?")
TESTS: dict[str, Callable[[str], bool]] = {
    DATE: is_date,
    TIME: lambda value: TIME_OF_DAY.fullmatch(value) is not None,
    "currency": lambda value: CURRENCY.fullmatch(value) is not None,
    "discount": lambda value: is_number(value) and "%" not in value,
    **dict.fromkeys(("quantity", "unit_price", "amount"), is_number),
}
"""What most values of a field's column are."""
LACKING = {
    "order_id": "the number of the order, receipt or invoice",
    "order_ts": "when it was bought; of a column with the date and one with the time: [\"Date\", \"Time\"]",
    "product_id": "the product's code, or product_name",
    "quantity": "how many; where each line is one piece, write above: constants = { quantity = \"1\" }",
    "unit_price": "the price of one, or amount, the line's total",
}  # fmt: skip
TO_CHECK = {
    "amount": "the line's total, not the order's?",
    "discount": "the line's, as money?",
}


@dataclass(frozen=True)
class Sample:
    """The header of an export, and the first of its rows as text."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def values(self, header: str) -> list[str]:
        """What the first rows have in a column, where it is not empty."""
        place = self.header.index(header)
        texts = (row[place].strip() for row in self.rows if len(row) > place)
        return [text for text in texts if text]


@dataclass
class Guess:
    """Which header seems to hold which field; ``lacking`` are needed fields that none was found for."""

    columns: dict[str, list[str]] = field(default_factory=dict)
    lacking: list[str] = field(default_factory=list)

    @property
    def used(self) -> set[str]:
        """The headers that are read."""
        return {name for names in self.columns.values() for name in names}


def suggest_mapping(sample: Sample, taken_names: Collection[str], file_name: str) -> str:
    """A ``[[formats]]`` table for ``retail.toml``, valid TOML even where it has gaps.

    Parameters
    ----------
    taken_names
        What other formats are called.
    file_name
        What the new one is called after.
    """
    guess = guess_columns(sample)
    marking, returned = _returns(sample, guess)
    lines = [
        "[[formats]]",
        f"name = {_quoted(_free_name(file_name, taken_names))}",
        *_dates(sample, guess),
        *_decimal(sample, guess),
        *returned,
        *_persons(sample, guess),
        "",
        "[formats.columns]",
        *_columns(guess),
    ]
    unused = [name for name in sample.header if name.strip() and name not in {*guess.used, marking}]
    if unused:
        lines.append(f"# not used: {', '.join(map(_header, unused))}")
    return "\n".join(lines) + "\n"


def guess_columns(sample: Sample) -> Guess:
    """The headers that seem to hold fields, by what they are called and what stands below them."""
    folded = Counter(fold(name) for name in sample.header)
    free = [name for name in sample.header if squeeze(name) and folded[fold(name)] == 1]
    found: dict[str, str] = {}
    for name in PATTERNS:
        if header := _find(name, free, sample):
            found[name] = header
            free.remove(header)
    return _joined(found, sample)


def _find(name: str, free: Sequence[str], sample: Sample) -> str | None:
    for pattern in PATTERNS[name]:
        for header in free:
            if re.fullmatch(pattern, squeeze(header)) and _fits(name, header, sample):
                return header
    return None


def _fits(name: str, header: str, sample: Sample) -> bool:
    """Whether most values of a column are such as a field has."""
    if name == "discount" and "%" in header:
        return False
    values, test = sample.values(header), TESTS.get(name)
    return test is None or 2 * sum(map(test, values)) >= len(values)


def _joined(found: dict[str, str], sample: Sample) -> Guess:
    """Fields of what was found: dates with their times, order numbers with the stores that give them."""
    columns = {name: [header] for name, header in found.items() if name not in (DATE, TIME)}
    if DATE in found:
        has_time = any(":" in value for value in sample.values(found[DATE]))
        columns["order_ts"] = [found[DATE], *([found[TIME]] if TIME in found and not has_time else [])]
    if "order_id" in columns and "store" in columns:
        columns["order_id"] = [*columns["store"], *columns["order_id"]]
    if "unit_price" in columns:
        columns.pop("amount", None)
    present = {*columns, *(["product_id"] if "product_name" in columns else [])}
    present |= {"unit_price"} if "amount" in columns else set()
    return Guess(columns, [name for name in LACKING if name not in present])


def _columns(guess: Guess) -> Iterator[str]:
    for name in ORDER:
        if name in guess.columns:
            headers = [_header(header) for header in guess.columns[name]]
            value = headers[0] if len(headers) == 1 else f"[{', '.join(headers)}]"
            yield f"{name} = {value}" + (f"  # ? {TO_CHECK[name]}" if name in TO_CHECK else "")
        elif name in guess.lacking:
            yield f'# ? {name} = "..."  {LACKING[name]}'


def _dates(sample: Sample, guess: Guess) -> Iterator[str]:
    headers = guess.columns.get("order_ts", [])
    if not headers:
        return
    places = [sample.header.index(header) for header in headers]
    texts = (" ".join(row[place].strip() for place in places if len(row) > place).strip() for row in sample.rows)
    values = [text for text in texts if text]
    dates = dates_of(values)
    patterns = f"dates = [{', '.join(map(_quoted, dates.patterns))}]"
    if dates.has_offsets:
        yield "# ? times have an offset from UTC: timezone in [ingest] must be set to the store's"
    if not values:
        yield f"# ? {patterns}  say how dates are written, as in %d.%m.%Y %H:%M: there are none in the first rows"
    elif dates.strange or len(dates.patterns) > 1:
        yield f"# ? {patterns}  not all dates are written alike: {_comment(dates.strange or values[0])}"
    elif dates.patterns:
        if not dates.is_sure:
            yield f"# ? check the order of day (%d) and month (%m): {_comment(values[0])} does not tell it"
        yield patterns


def _decimal(sample: Sample, guess: Guess) -> Iterator[str]:
    headers = [header for name in NUMERIC for header in guess.columns.get(name, [])]
    numbers = [value for header in headers for value in sample.values(header) if is_number(value)]
    marks = decimal_marks(numbers)
    if marks >= {",", "."}:
        yield '# ? decimal = ","  some fractions have a comma before them and some a point'
    elif marks == {"?"}:
        example = next(value for value in numbers if decimal_marks([value]))
        yield f'# ? decimal = ","  is {_comment(example)} above a thousand (mark "." or ",") or a fraction?'
    elif "," in marks or "." in marks:
        yield f"decimal = {_quoted(',' if ',' in marks else '.')}"


def _returns(sample: Sample, guess: Guess) -> tuple[str | None, list[str]]:
    """Where quantities have no sign, the column that says which lines come back, and the setting for it."""
    quantities = [value for header in guess.columns.get("quantity", []) for value in sample.values(header)]
    if any(value.startswith(("-", "(")) or value.endswith("-") for value in quantities):
        return None, []
    for header in sample.header:
        kinds = sorted(set(sample.values(header))) if sample.header.count(header) == 1 else []
        values = [_quoted(kind) for kind in kinds if COMES_BACK.fullmatch(squeeze(kind))]
        if values and len(kinds) <= MOST_KINDS and header not in guess.used:
            return header, [f"returns = {{ {_header(header)} = [{', '.join(values)}] }}  # ? all that says so?"]
    return None, []


def _persons(sample: Sample, guess: Guess) -> Iterator[str]:
    """What tells who a person is: customer ids that are names, and further columns."""
    personal = [header for header in dict.fromkeys(sample.header) if PERSONAL.search(squeeze(header))]
    for header in guess.columns.get("customer_id", []):
        values = sample.values(header)
        names = sum(FULL_NAME.fullmatch(value) is not None for value in values)
        if header in personal or 2 * names > len(values):
            yield "personal_ids = true"
            personal = list(dict.fromkeys([header, *personal]))
    if personal:
        yield f"personal_columns = [{', '.join(map(_header, personal))}]"


def _free_name(file_name: str, taken: Collection[str]) -> str:
    """A format's name after a file's, in letters and digits, that no other format has."""
    words = "_".join(filter(None, map(squeeze, re.split(r"[\W_]+", file_name))))
    wanted = words if words[:1].isalpha() else f"export_{words}".strip("_")
    number, name = 1, wanted
    while name in taken:
        number += 1
        name = f"{wanted}_{number}"
    return name


def _header(name: str) -> str:
    """A header as it is compared, but for its case: one blank where there are more."""
    return _quoted(" ".join(name.split()))


def _quoted(text: str) -> str:
    """A TOML string; JSON writes them alike, but for the one control character that it leaves as it is."""
    return json.dumps(text.replace("\ufeff", "").strip(), ensure_ascii=False).replace("\x7f", "\\u007f")


def _comment(text: str) -> str:
    return _quoted(text[:40])
