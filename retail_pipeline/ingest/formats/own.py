"""A shop's own format, from a ``[[formats]]`` table in ``retail.toml``."""

import re
from collections.abc import Mapping

from retail_pipeline.errors import SettingsError
from retail_pipeline.ingest.formats.base import COMMA_MONEY, NEVER_EMPTY, POINT_MONEY, Format, LineRules, Made
from retail_pipeline.ingest.formats.recognise import fold
from retail_pipeline.settings import OwnFormatSettings

DIRECTIVES = {
    "d": r"\d{1,2}", "m": r"\d{1,2}", "Y": r"[1-9]\d{3}", "y": r"\d{2}", "H": r"\d{1,2}", "I": r"\d{1,2}",
    "M": r"\d{2}", "S": r"\d{2}", "f": r"\d{1,6}", "p": r"(?:AM|PM|am|pm)", "b": r"[A-Za-z]{3}", "B": r"[A-Za-z]+",
}  # fmt: skip
"""What may stand in a date's pattern, and the texts it is for."""

EXAMPLES = {
    "d": "31", "m": "05", "Y": "2024", "y": "24", "H": "17", "I": "05", "M": "45", "S": "00", "f": "0", "p": "PM",
    "b": "May", "B": "May",
}  # fmt: skip
JOINED_BY = {"order_id": "-", "product_id": "-", "customer_id": "-"}


def own_format(given: OwnFormatSettings) -> Format:
    """The format that a shop's mapping describes.

    Raises
    ------
    SettingsError
        naming the format and what it lacks.
    """
    columns: dict[str, str | tuple[str, ...]] = {str(field): headers for field, headers in given.columns.items()}
    required: dict[str, str] = {}
    made: dict[str, Made] = {}
    if "product_id" not in columns and "product_name" in columns:
        columns["product_id"] = columns["product_name"]
    for field, headers in columns.items():
        names = [headers] if isinstance(headers, str) else list(headers)
        if len(names) == 1 and field not in _shared(columns):
            required[field] = names[0]
            continue
        parts = [f"{field}_part_{number}" for number in range(1, len(names) + 1)]
        required.update(zip(parts, names, strict=True))
        texts = ", ".join(f"nullif(trim({part}), '')" for part in parts)
        made[field] = Made(f"concat_ws('{JOINED_BY.get(field, ' ')}', {texts})", ", ".join(names))
    for field, value in given.constants.items():
        made[field] = Made(_quoted(value), f"formats.{given.name}.constants")
    worked_out = {}
    if "unit_price" not in {**required, **made} and "amount" in {**required, **made}:
        shown = required.get("amount", "amount")
        worked_out["unit_price"] = Made(
            "case when quantity = 0 then amount "
            "else round((cast(amount as decimal(19, 4)) + coalesce(discount, 0)) / quantity, 4) end",
            shown,
        )
    _require_fields(given, {*required, *made, *worked_out})
    _mark_returns(given, required, made)
    return Format(
        name=given.name,
        title=given.title or f"{given.name}, by retail.toml",
        required=required,
        made=made,
        worked_out=worked_out,
        number_style=COMMA_MONEY if given.decimal == "," else POINT_MONEY,
        timestamp_patterns=tuple((_pattern(given, date), date) for date in given.dates),
        timestamp_example=_example(given.dates[0]) if given.dates else "2024-05-31 17:45:00",
        timestamp_zone=given.timezone,
        has_personal_ids=given.personal_ids,
        personal_headers=re.compile("|".join(f"^{re.escape(fold(name))}$" for name in given.personal_columns))
        if given.personal_columns
        else None,
        rules=LineRules(
            cancellation_order_prefix=given.cancellation_order_prefix,
            cancellation_statuses=tuple(status.lower() for status in given.cancellation_statuses),
            void_statuses=tuple(status.lower() for status in given.void_statuses),
            negative_quantity_type=given.negative_quantity,
            zero_price_type=given.zero_price,
            charge_products=tuple(code.upper() for code in given.charge_products),
            same_order=given.same_order,
        ),
        is_own=True,
    )


def _shared(columns: Mapping[str, str | tuple[str, ...]]) -> set[str]:
    """Fields read from a header that another field is read from as well."""
    seen: dict[str, str] = {}
    shared = set()
    for field, headers in columns.items():
        if isinstance(headers, str) and seen.setdefault(headers, field) != field:
            shared.add(field)
    return shared


def _require_fields(given: OwnFormatSettings, present: set[str]) -> None:
    lacking = [field for field in NEVER_EMPTY if field not in present]
    if lacking:
        raise SettingsError(
            f"retail.toml: the format {given.name!r} has no column for {', '.join(lacking)}. Name the file's headers "
            f'under formats.columns, as in {lacking[0]} = "Header" (instead of unit_price also amount, the line\'s '
            "total; instead of product_id also product_name)."
        )


def _mark_returns(given: OwnFormatSettings, required: dict[str, str], made: dict[str, Made]) -> None:
    """Where the export says in a column what comes back and writes quantities without a sign, give them one."""
    if not given.returns:
        return
    tests = []
    for number, (header, values) in enumerate(given.returns.items(), start=1):
        column = f"return_mark_{number}"
        required[column] = header
        wanted = ", ".join(_quoted(value.casefold()) for value in ([values] if isinstance(values, str) else values))
        tests.append(f"lower(trim({column})) in ({wanted})")
    for field in ("quantity", "amount"):
        if field in made or field in required:
            text = made[field].sql if field in made else field
            shown = made[field].shown if field in made else required[field]
            made[field] = Made(
                f"case when ({' or '.join(tests)}) and not starts_with(trim({text}), '-') and {text} <> '' "
                f"then '-' || trim({text}) else {text} end",
                shown,
            )


def _pattern(given: OwnFormatSettings, date: str) -> str:
    """The regular expression of the texts that a date's pattern is for."""
    pieces = re.split(r"%(.)", date)
    for directive in pieces[1::2]:
        if directive not in DIRECTIVES:
            raise SettingsError(
                f"retail.toml: the format {given.name!r} has the date {date!r} with %{directive}. Known are: "
                f"{', '.join(f'%{known}' for known in DIRECTIVES)}, as in '%d.%m.%Y %H:%M'."
            )
    return (
        "^" + "".join(DIRECTIVES[piece] if place % 2 else re.escape(piece) for place, piece in enumerate(pieces)) + "$"
    )


def _example(date: str) -> str:
    return re.sub(r"%(.)", lambda directive: EXAMPLES.get(directive[1], ""), date)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
