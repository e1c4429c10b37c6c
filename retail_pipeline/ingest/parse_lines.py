"""The SQL that turns a line's text into typed fields, or says why it cannot.

Each field's reading is one expression, and each reason one ``case`` branch, so that DuckDB does the work for all
lines at once and no line is judged twice in different ways.
"""

import re
from collections.abc import Callable, Sequence

from retail_pipeline.ingest.formats import Format, Recognised
from retail_pipeline.ingest.formats.base import IDENTIFIER, INTEGER, MONEY, NEVER_EMPTY, RAW_FIELDS, TIMESTAMP

ISO_TIMESTAMP = r"^[1-9]\d{3}-\d{2}-\d{2}([ T]([01]\d|2[0-3]):\d{2}(:\d{2}(\.\d{1,9})?)?)?$"
NUMBERS = {MONEY: r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$", INTEGER: r"^[+-]?\d+(\.0*)?$"}
NOT_ZERO = r"^[^eE]*[1-9]"
SQL_TYPES = {TIMESTAMP: "timestamp", MONEY: "decimal(18, 4)", INTEGER: "bigint"}
MOST = {"quantity": 10**9}
MOST_MONEY = 10**11
"""Larger numbers are no sales; sums of thousands of lines must still be held by DECIMAL(18,4)."""
NO_IDS = ("NULL", "null", r"\N", "NaN", "nan", "None", "<NA>", "#N/A")
"""How databases, pandas and spreadsheets write that there is no id."""
OUTER_BLANKS = "' ' || chr(9) || chr(10) || chr(13) || chr(160)"


def typed_select(recognised: Recognised, staged: str) -> str:
    """A SELECT of ``source_row``, every field of ``raw.transactions`` typed, and ``reason``: null for a good line."""
    present = recognised.positions
    cleaned = ", ".join(f"{_cleaned(field, kind)} as {field}" for field, kind in RAW_FIELDS.items() if field in present)
    typed = ", ".join(
        f"{_typed(field, kind, recognised.format)} as {field}" for field, kind in RAW_FIELDS.items() if field in present
    )
    absent = ", ".join(
        f"null::{SQL_TYPES.get(kind, 'varchar')} as {field}"
        for field, kind in RAW_FIELDS.items()
        if field not in present
    )
    reasons = " ".join(_reasons(recognised))
    return f"""
        with cleaned as (select source_row, {cleaned} from {staged}),
        typed as (
            select source_row, {typed}{", " + absent if absent else ""},
                {", ".join(f"cleaned.{field} as text_{field}" for field in present)}
            from cleaned
        )
        select source_row, {", ".join(RAW_FIELDS)}, case {reasons} end as reason
        from typed
    """


def good_line_test(recognised: Recognised) -> Callable[[Sequence[bytes]], bool]:
    """A test of whether columns, as bytes, have all that a line cannot do without, each of its kind."""
    format_, tests = recognised.format, []
    timestamps = "|".join([ISO_TIMESTAMP, *(pattern for pattern, _ in format_.timestamp_patterns)])
    for field in NEVER_EMPTY:
        kind = RAW_FIELDS[field]
        pattern = timestamps if kind == TIMESTAMP else NUMBERS.get(kind, r"(?s).*\S.*")
        tests.append((recognised.positions[field], re.compile(pattern.encode())))
    return lambda columns: all(pattern.fullmatch(columns[place].strip(b" ")) for place, pattern in tests)


def _cleaned(field: str, kind: str) -> str:
    if kind == IDENTIFIER:
        # a number that a spreadsheet made of an id loses its '.0'; all else stays as it is, leading zeros included
        trimmed = f"trim({field}, {OUTER_BLANKS})"
        kept = field if field == "product_id" else trimmed
        branches = (
            f"when {trimmed} in ('', {', '.join(map(_quoted, NO_IDS))}) then null",
            rf"when ends_with({trimmed}, '.0') and regexp_full_match({trimmed}, '\d+\.0') "
            f"then left({trimmed}, length({trimmed}) - 2)",
            f"""when starts_with({trimmed}, '="') and regexp_full_match({trimmed}, '="[^"]+"') """
            f"then {trimmed}[3:-2]",
        )
        return f"case {' '.join(branches)} else {kept} end"
    if kind in SQL_TYPES:
        return f"nullif(trim({field}), '')"
    return f"nullif({field}, '')"


def _typed(field: str, kind: str, format_: Format) -> str:
    if kind == TIMESTAMP:
        others = "".join(
            f" when regexp_matches({field}, '{pattern}') then try_strptime({field}, '{strptime}')"
            for pattern, strptime in format_.timestamp_patterns
        )
        return f"case{others} when regexp_matches({field}, '{ISO_TIMESTAMP}') then try_cast({field} as timestamp) end"
    if kind in SQL_TYPES:
        return f"case when regexp_matches({field}, '{NUMBERS[kind]}') then try_cast({field} as {SQL_TYPES[kind]}) end"
    return field


def _reasons(recognised: Recognised) -> list[str]:
    """One branch a fault, the first that fits is the line's reason."""
    headers = {**recognised.format.required, **recognised.format.optional}
    branches = []
    for field, kind in RAW_FIELDS.items():
        if field not in recognised.positions:
            continue
        header = headers[field].replace("'", "''")
        text = f"text_{field}"
        shown = f"left({text}, 100)"
        if field in NEVER_EMPTY:
            branches.append(f"when coalesce(trim({text}), '') = '' then '{header} is empty'")
        if kind == TIMESTAMP:
            example = recognised.format.timestamp_example
            branches.append(
                f"when {text} is not null and {field} is null then '{header} ''' || {shown} || ''' is not a date and "
                f"time such as {example}'"
            )
        elif kind in SQL_TYPES:
            most = MOST.get(field, MOST_MONEY)
            is_too_much = f" or abs({field}) > {most}" if kind == MONEY else ""
            limit = "an integer" if kind == INTEGER else f"a number up to {most:,}"
            branches.append(
                f"when {text} is not null and ({field} is null{is_too_much}) then '{header} ''' || {shown} || "
                f"''' is not {limit}'"
            )
        if kind == MONEY:
            branches.append(
                f"when {field} = 0 and regexp_matches({text}, '{NOT_ZERO}') then '{header} ''' || {shown} || ''' is "
                "nearer to zero than 0.0001'"
            )
    branches.append(
        f"when abs(quantity::double * unit_price::double) > {MOST_MONEY} "
        f"then 'the line is worth more than {MOST_MONEY:,}: quantity times price'"
    )
    return branches


def _quoted(text: str) -> str:
    return f"'{text}'"
