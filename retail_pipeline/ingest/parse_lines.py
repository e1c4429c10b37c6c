"""The SQL that turns a line's text into typed fields, or says why it cannot.

Each field's reading is one expression, and each reason one ``case`` branch, so that DuckDB does the work for all
lines at once and no line is judged twice in different ways.
"""

import re
from collections.abc import Callable, Mapping, Sequence

from retail_pipeline.ingest.formats import Recognised
from retail_pipeline.ingest.formats.base import DATE, IDENTIFIER, INTEGER, MONEY, RATE, TIMESTAMP, Format, Numbers

ISO_DATE = r"[1-9]\d{3}-\d{2}-\d{2}"
ISO_TIME = r"([01]\d|2[0-3]):\d{2}(:\d{2}(\.\d{1,9})?)?"
ISO_TIMESTAMP = rf"^{ISO_DATE}([ T]{ISO_TIME})?$"
OFFSET_TIMESTAMP = rf"^{ISO_DATE}[ T]{ISO_TIME} ?(Z|UTC|[+-]\d{{2}}(:?\d{{2}})?)$"
INTEGERS = r"^[+-]?\d+(\.0*)?$"
NOT_ZERO = r"^[^eE]*[1-9]"
SQL_TYPES = {
    TIMESTAMP: "timestamp", DATE: "date", MONEY: "decimal(18, 4)", INTEGER: "bigint", RATE: "decimal(18, 10)",
}  # fmt: skip
MOST = {"quantity": 10**9, "rate": 10**8}
MOST_MONEY = 10**11
"""Larger numbers are no sales; sums of thousands of lines must still be held by DECIMAL(18,4)."""
SMALLEST = {MONEY: "0.0001", RATE: "0.0000000001"}
NO_IDS = ("NULL", "null", r"\N", "NaN", "nan", "None", "<NA>", "#N/A")
"""How databases, pandas and spreadsheets write that there is no id."""
NO_ID = "|".join(["", *map(re.escape, NO_IDS)])
"""As a pattern: DuckDB makes a join of a list of so many constants, which looks at every line."""
ODD_ID = rf"^(?:{NO_ID})$|^[\s\x{{a0}}=]|[\s\x{{a0}}]$|\.0$"
OUTER_BLANKS = "' ' || chr(9) || chr(10) || chr(13) || chr(160)"
PLACE = ("source_row", "source_part")


class LineParser:
    """Reads the lines of one recognised table.

    Parameters
    ----------
    timezone
        The store's time zone, into which timestamps with an offset are brought; None if it is not known.
    """

    def __init__(self, recognised: Recognised, timezone: str | None) -> None:
        self._format: Format = recognised.format
        self._columns = recognised.columns
        self._headers = recognised.headers
        self._timezone = timezone
        fields = self._format.target.fields
        self._kinds = {**fields, **dict.fromkeys(self._format.numbers, MONEY)}
        self._read = [name for name in self._kinds if name in self._columns or name in self._format.made]

    def typed_select(self, staged: str, place: Sequence[str] = PLACE) -> str:
        """A SELECT of the line's place, every field of the target typed, and ``reason``: null for a good line.

        Parameters
        ----------
        place
            The columns that say where a line stands.
        """
        format_ = self._format
        missing = [name for name in (*format_.required, *format_.optional) if name not in self._columns]
        columns = ", ".join([*place, *self._columns, *(f"null::varchar as {name}" for name in missing)])
        texts = ", ".join(f"{self._cleaned(name)} as text_{name}" for name in self._read)
        typed = ", ".join(
            f"{self._typed(name, kind) if name in self._read else f'null::{_sql_type(kind)}'} as {name}"
            for name, kind in self._kinds.items()
        )
        places = ", ".join(place)
        worked_out = ", ".join(
            f"try_cast(({format_.worked_out[name].sql}) as {_sql_type(kind)}) as {name}"
            if name in format_.worked_out
            else name
            for name, kind in self._kinds.items()
        )
        final = f"select {places}, {worked_out}, {', '.join(f'text_{name}' for name in self._read)} from typed"
        reasons = " ".join([*self._reasons(), "end"])
        return f"""
            with columns as (select {columns} from {staged}),
            texts as (select {places}, {texts} from columns),
            typed as (select *, {typed} from texts),
            final as ({final if format_.worked_out else "from typed"})
            select {places}, {", ".join(format_.target.fields)}, case {reasons} as reason
            from final
        """

    def good_line_test(self, positions: Mapping[str, int]) -> Callable[[Sequence[bytes]], bool]:
        """A test of whether columns, as bytes, have all that a line cannot do without, each of its kind.

        Parameters
        ----------
        positions
            Where each column stands.
        """
        tests = [
            (positions[name], re.compile(self._bytes_pattern(self._kinds[name])))
            for name in self._format.target.never_empty
            if name in positions and name not in self._format.made
        ]
        return lambda columns: (
            bool(tests) and all(pattern.fullmatch(columns[place].strip(b" ")) for place, pattern in tests)
        )

    def _bytes_pattern(self, kind: str) -> bytes:
        if kind == TIMESTAMP:
            patterns = (pattern for pattern, _ in self._format.timestamp_patterns)
            return "|".join([ISO_TIMESTAMP, OFFSET_TIMESTAMP, *patterns]).encode()
        if kind in (MONEY, RATE):
            numbers = self._format.number_style
            return rb"[^A-Za-z]*\d[^A-Za-z]*" if numbers.is_money else numbers.pattern.encode()
        return INTEGERS.encode() if kind == INTEGER else rb"(?s).*\S.*"

    def _cleaned(self, name: str) -> str:
        kind = self._kinds[name]
        made = self._format.made.get(name)
        text = f"({made.sql})" if made else name
        if kind == IDENTIFIER:
            return _cleaned_id(text, keep_blanks=name == "product_id")
        return f"nullif(trim({text}), '')" if kind in SQL_TYPES else f"nullif({text}, '')"

    def _typed(self, name: str, kind: str) -> str:
        text = f"text_{name}"
        if kind == TIMESTAMP:
            return self._timestamp(text)
        if kind == DATE:
            return f"cast({self._timestamp(text)} as date)"
        if kind == INTEGER:
            return f"case when regexp_matches({text}, '{INTEGERS}') then try_cast({text} as bigint) end"
        if kind in (MONEY, RATE):
            return _number(text, SQL_TYPES[kind], self._format.number_style)
        return text

    def _timestamp(self, text: str) -> str:
        zone, store = self._format.timestamp_zone, self._timezone or "UTC"

        def in_store_time(local: str) -> str:
            return f"timezone('{store}', timezone('{zone}', {local}))" if zone else local

        branches = []
        for pattern, form in self._format.timestamp_patterns:
            read = in_store_time(f"try_strptime({text}, {_quoted(form)})")
            branches.append(f"when regexp_matches({text}, {_quoted(pattern)}) then {read}")
        branches.append(
            f"when regexp_matches({text}, '{ISO_TIMESTAMP}') then {in_store_time(f'try_cast({text} as timestamp)')}"
        )
        if self._timezone or self._format.has_offsets:
            # DuckDB takes neither a blank before an offset nor one without a colon
            tight = rf"regexp_replace(regexp_replace({text}, ' ([+-])', '\1'), '([+-]\d{{2}})(\d{{2}})$', '\1:\2')"
            branches.append(
                f"when regexp_matches({text}, '{OFFSET_TIMESTAMP}') "
                f"then timezone('{store}', try_cast({tight} as timestamptz))"
            )
        return f"case {' '.join(branches)} end"

    def _shown(self, name: str) -> str:
        made = self._format.made.get(name) or self._format.worked_out.get(name)
        return (made.shown if made else self._headers.get(name, name)).replace("'", "''")

    def _reasons(self) -> list[str]:
        """One branch a fault, the first that fits is the line's reason."""
        branches = []
        never_empty = self._format.target.never_empty
        for name, kind in self._kinds.items():
            if name in self._read:
                branches += self._faults(name, kind, may_be_empty=name not in never_empty)
        branches += [
            f"when {name} is null and ({made.sql}) is not null "
            f"then '{self._shown(name)} makes a {name} that is not a number up to {MOST_MONEY:,}'"
            for name, made in self._format.worked_out.items()
        ]
        branches += [
            f"when {name} is null then '{self._shown(name)} is empty'"
            for name in never_empty
            if name not in self._read or name in self._format.worked_out
        ]
        if {"quantity", "unit_price"} <= set(never_empty):
            branches.append(
                f"when abs(quantity::double * unit_price::double) > {MOST_MONEY} "
                f"then 'the line is worth more than {MOST_MONEY:,}: quantity times price'"
            )
        return branches

    def _faults(self, name: str, kind: str, *, may_be_empty: bool) -> list[str]:
        header, text, shown = self._shown(name), f"text_{name}", f"left(text_{name}, 100)"
        branches = []
        if not may_be_empty and name not in self._format.worked_out:
            is_cleaned = kind == IDENTIFIER or kind in SQL_TYPES  # these are null where nothing but blanks is left
            is_empty = f"{text} is null" if is_cleaned else f"coalesce(trim({text}), '') = ''"
            branches.append(f"when {is_empty} then '{header} is empty'")
        if kind in (TIMESTAMP, DATE):
            example = self._format.timestamp_example
            what = f"a date and time such as {example}" if kind == TIMESTAMP else f"a date such as {example[:10]}"
            fault = f"' is not {what}'"
            if kind == TIMESTAMP and not self._timezone and not self._format.has_offsets:
                remedy = "' has an offset from UTC; set ingest.timezone to the store''s time zone'"
                fault = f"case when regexp_matches({text}, '{OFFSET_TIMESTAMP}') then {remedy} else {fault} end"
            branches.append(
                f"when {text} is not null and {name} is null then '{header} ''' || {shown} || '''' || {fault}"
            )
        elif kind in SQL_TYPES:
            most = MOST.get(name, MOST_MONEY)
            is_too_much = f" or abs({name}) > {most}" if kind != INTEGER else ""
            limit = "an integer" if kind == INTEGER else f"a number up to {most:,}"
            branches.append(
                f"when {text} is not null and ({name} is null{is_too_much}) then '{header} ''' || {shown} || "
                f"''' is not {limit}'"
            )
        if kind in SMALLEST:
            branches.append(
                f"when {name} = 0 and regexp_matches({text}, '{NOT_ZERO}') then '{header} ''' || {shown} || ''' is "
                f"nearer to zero than {SMALLEST[kind]}'"
            )
        return branches


def _cleaned_id(text: str, *, keep_blanks: bool) -> str:
    """An id: a number that a spreadsheet made of it loses its '.0'; all else stays, leading zeros included.

    One look tells the many that stay as they are.
    """
    trimmed = f"trim({text}, {OUTER_BLANKS})"
    branches = (
        f"when not regexp_matches({text}, {_quoted(ODD_ID)}) then {text}",
        f"when regexp_full_match({trimmed}, {_quoted(NO_ID)}) then null",
        rf"when ends_with({trimmed}, '.0') and regexp_full_match({trimmed}, '\d+\.0') "
        f"then left({trimmed}, length({trimmed}) - 2)",
        f"""when starts_with({trimmed}, '="') and regexp_full_match({trimmed}, '="[^"]+"') """
        f"then {trimmed}[3:-2]",
    )
    return f"case {' '.join(branches)} else {text if keep_blanks else trimmed} end"


def _number(text: str, type_: str, style: Numbers) -> str:
    matches = f"regexp_matches({text}, {_quoted(style.pattern)})"
    if not style.is_money:
        return f"case when {matches} then try_cast({text} as {type_}) end"
    digits = f"regexp_replace({text}, '[^0-9{style.decimal}]', '', 'g')"
    if style.decimal != ".":
        digits = f"replace({digits}, '{style.decimal}', '.')"
    sign = rf"case when regexp_matches({text}, '[(\-\x{{2212}}]') then -1 else 1 end"
    value = f"cast({sign} * try_cast({digits} as {type_}) as {type_})"
    return rf"case when {matches} and regexp_matches({text}, '\d') then {value} end"


def _sql_type(kind: str) -> str:
    return SQL_TYPES.get(kind, "varchar")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
