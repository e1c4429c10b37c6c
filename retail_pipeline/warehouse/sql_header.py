"""The header of a ``.sql`` table file: what a row is, what identifies it, what each column holds."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from retail_pipeline.errors import SqlFileError

HEADER = re.compile(r"\A\s*/\*(?P<header>.*?)\*/", re.DOTALL)
HEADER_KEYS = {"row", "about", "key", "columns", "incremental", "log_changes"}
INCREMENTAL_KEYS = {"key", "sources"}
LOG, CHUNKS_OF = "log", "chunks_of"
IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]*\Z")


@dataclass(frozen=True)
class Incremental:
    """How a run replaces only the rows that a change upstream can have touched.

    ``key`` is a column of the table whose value confines a row: all that a row is made of comes from source rows
    with the same value. ``sources`` maps each upstream table whose changes matter to the column its changes
    are logged by. Where that column is ``key`` itself, the SELECT is given only the source's affected rows; where
    it is another column (a product's name, say), the affected keys are those of the rows that hold the changed value;
    where it is null (``~``), any change of the source asks for a full build. Upstream tables that are not named here
    do not trigger a replacement: name all but those whose changes always come along with a named one's. ``log`` are
    further columns by which the table's own changes are logged, for tables that are confined by these. ``chunks_of`` is
    the source, one with the key and never without a value in it, by whose rows a large table is built part by part
    where it is built as a whole.
    """

    key: str
    sources: dict[str, str | None]
    log: tuple[str, ...] = ()
    chunks_of: str | None = None


@dataclass(frozen=True, kw_only=True)
class TableHeader:
    """A parsed header."""

    row: str
    about: str
    key: tuple[str, ...]
    columns: dict[str, str]
    incremental: Incremental | None
    log_changes: bool


def read_header(path: Path, text: str) -> TableHeader:
    """Parse the header of a file's text.

    Raises
    ------
    SqlFileError
        naming the file and what is missing, unknown or wrong.
    """
    header = _read_yaml(path, text)
    columns = _read_columns(path, header["columns"])
    key = header["key"]
    if not isinstance(key, list) or any(name not in list(columns) for name in key):
        raise SqlFileError(f"{path}: the key {key!r} must be a list of columns that the header declares, as in [id].")
    if header.get("log_changes", False) not in (True, False):
        raise SqlFileError(f"{path}: log_changes is {header['log_changes']!r}; it must be true or false.")
    read = TableHeader(
        row=str(header["row"]).strip(),
        about=str(header.get("about") or "").strip(),
        key=tuple(key),
        columns=columns,
        incremental=_read_incremental(path, header.get("incremental"), list(columns)),
        log_changes=bool(header.get("log_changes", False)),
    )
    if read.log_changes and (len(key) != 1 or read.incremental):
        raise SqlFileError(f"{path}: log_changes is for a table with one key column that is rebuilt as a whole.")
    return read


def _read_yaml(path: Path, text: str) -> dict[str, Any]:
    match = HEADER.match(text)
    if not match:
        raise SqlFileError(f"{path}: the file must begin with a /* header */ that says what a row is.")
    try:
        header = yaml.safe_load(match["header"]) or {}
    except yaml.YAMLError as error:
        raise SqlFileError(f"{path}: the header is not valid YAML: {error}") from error
    known = ", ".join(sorted(HEADER_KEYS))
    if not isinstance(header, dict):
        raise SqlFileError(f"{path}: the header must be YAML with the keys {known}.")
    unknown = {str(name) for name in header} - HEADER_KEYS
    missing = {name for name in ("row", "key", "columns") if header.get(name) is None}
    if unknown or missing:
        what = f"lacks {', '.join(sorted(missing))}" if missing else f"has unknown keys {', '.join(sorted(unknown))}"
        raise SqlFileError(f"{path}: the header {what}; known keys: {known}.")
    return header


def _read_columns(path: Path, columns: Any) -> dict[str, str]:
    if not isinstance(columns, dict) or not columns:
        raise SqlFileError(f"{path}: columns must map each column to what it holds, as in 'units: units sold [units]'.")
    for name, text in columns.items():
        if not isinstance(name, str) or not IDENTIFIER.match(name):
            raise SqlFileError(
                f"{path}: the column {name!r} is not a snake_case name (quote it if YAML reads it as one)."
            )
        if text is None or not str(text).strip():
            raise SqlFileError(f"{path}: the header does not say what the column {name} holds.")
    return {name: str(text).strip() for name, text in columns.items()}


def _read_incremental(path: Path, declared: Any, columns: list[str]) -> Incremental | None:
    if declared is None:
        return None
    complete = isinstance(declared, dict) and set(declared) - {LOG, CHUNKS_OF} == INCREMENTAL_KEYS
    log = declared.get(LOG, []) if complete else []
    chunks_of = declared.get(CHUNKS_OF) if complete else None
    if (
        not complete
        or not isinstance(declared["sources"], dict)
        or not declared["sources"]
        or not isinstance(log, list)
    ):
        raise SqlFileError(
            f"{path}: incremental must have a key (a column) and sources (upstream table: the column its changes are "
            "logged by, or ~); it may have a log (further columns by which to log changes, as in [customer_id]) and "
            "chunks_of (a source)."
        )
    if chunks_of is not None and declared["sources"].get(chunks_of) != declared["key"]:
        raise SqlFileError(f"{path}: incremental has chunks_of {chunks_of}, no source that is logged by the key.")
    used = [declared["key"], *log, *(column for column in declared["sources"].values() if column is not None)]
    strangers = sorted({str(column) for column in used if column not in columns})
    if strangers:
        raise SqlFileError(f"{path}: incremental uses {', '.join(strangers)}, not among the columns.")
    return Incremental(declared["key"], dict(declared["sources"]), tuple(log), chunks_of)
