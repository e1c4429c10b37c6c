"""A SQL table is one file: a YAML header in its first comment, then one SELECT.

The header says what a row is, what identifies it and what each column holds; the SELECT says where it comes
from. Upstream tables are read off the SELECT itself, so that lineage cannot drift from the query. ::

    /*
    row: a product sold at least once
    about: Longer text for whoever reads the lineage graph.
    key: [product_id]
    columns:
      product_id: the product's code
      units: units sold [units]
    */
    select ...

Every table is written ``schema.table``. Parameters are written ``$name`` and bound, never pasted. A header may
declare ``incremental``: see :class:`Incremental`; a small table that others depend on incrementally by its key
declares ``log_changes: true``, and a rebuild then logs the keys whose rows differ instead of counting as all new.
"""

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import sqlglot
import yaml
from sqlglot import exp
from sqlglot.errors import SqlglotError

from retail_pipeline.errors import SqlFileError

HEADER = re.compile(r"\A\s*/\*(?P<header>.*?)\*/", re.DOTALL)
HEADER_KEYS = {"row", "about", "key", "columns", "incremental", "log_changes"}
IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]*\Z")


@dataclass(frozen=True)
class Incremental:
    """How a run replaces only the rows that a change upstream can have touched.

    ``key`` is a column of the table whose value confines a row: all that a row is made of comes from source rows
    with the same value. ``sources`` maps each upstream table whose changes matter to the column its changes
    are logged by. Where that column is ``key`` itself, the SELECT is given only the source's affected rows; where
    it is another column (a product's name, say), the affected keys are those of the rows that hold the changed value.
    Upstream tables that are not named here do not trigger a replacement.
    """

    key: str
    sources: dict[str, str]


@dataclass(frozen=True)
class SqlTable:
    """A parsed table file. ``name`` is ``schema.table``, from the folder and the file's own name."""

    name: str
    path: Path
    text: str
    row: str
    about: str
    key: tuple[str, ...]
    columns: dict[str, str]
    incremental: Incremental | None
    log_changes: bool = False

    @property
    def schema(self) -> str:
        return self.name.split(".")[0]

    @property
    def description(self) -> str:
        return f"A row is {self.row}.\n\n{self.about}".strip()

    @cached_property
    def tree(self) -> exp.Query:
        try:
            statements = [tree for tree in sqlglot.parse(self.text, read="duckdb") if tree is not None]
        except SqlglotError as error:
            raise SqlFileError(f"{self.path}: the SQL cannot be parsed: {error}") from error
        if len(statements) != 1 or not isinstance(statements[0], exp.Query):
            raise SqlFileError(
                f"{self.path}: the file must hold exactly one SELECT, it holds {len(statements)} statements."
            )
        return statements[0]

    @cached_property
    def upstream(self) -> tuple[str, ...]:
        """The tables the SELECT reads, as ``schema.table``, sorted."""
        found = set()
        ctes = {cte.alias_or_name for cte in self.tree.find_all(exp.CTE)}
        for table in self.tree.find_all(exp.Table):
            if not isinstance(table.this, exp.Identifier):
                continue
            if table.db:
                found.add(f"{table.db}.{table.name}")
            elif table.name not in ctes:
                raise SqlFileError(
                    f"{self.path}: the table {table.name!r} is no CTE and has no schema; write it schema.table."
                )
        if self.name in found:
            raise SqlFileError(f"{self.path}: the SELECT reads the table it makes.")
        return tuple(sorted(found))

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """The names of the bound ``$parameters``, sorted."""
        named = {node.name for node in self.tree.find_all(exp.Parameter, exp.Placeholder) if node.name}
        return tuple(sorted(named))

    @cached_property
    def code_version(self) -> str:
        """A hash of the SELECT's tokens: comments and layout do not change it."""
        tokens = sqlglot.tokenize(self.text, read="duckdb")
        return hashlib.sha256("\x00".join(token.text for token in tokens).encode()).hexdigest()[:16]

    def check_columns(self, actual: list[str]) -> None:
        """Raise unless the columns that came out are the header's, in its order."""
        declared = list(self.columns)
        if actual != declared:
            missing = [name for name in declared if name not in actual]
            extra = [name for name in actual if name not in declared]
            detail = "; ".join(
                part
                for part in (
                    f"declared but not selected: {', '.join(missing)}" if missing else "",
                    f"selected but not declared: {', '.join(extra)}" if extra else "",
                    "" if missing or extra else "same names in another order",
                )
                if part
            )
            raise SqlFileError(f"{self.path}: the header's columns are not those of the SELECT ({detail}).")

    def column_sources(self, upstream_columns: dict[str, dict[str, str]]) -> dict[str, list[tuple[str, str]]]:
        """Each column's source columns as ``(schema.table, column)``; columns that do not resolve are left out.

        Parameters
        ----------
        upstream_columns
            ``schema.table`` to its columns and their types.
        """
        schema: dict[str, Any] = {}
        for table, columns in upstream_columns.items():
            db, name = table.split(".")
            schema.setdefault(db, {})[name] = columns
        try:
            return _column_sources(self.tree, schema)
        except SqlglotError:
            return {}


def _column_sources(tree: exp.Query, schema: dict[str, Any]) -> dict[str, list[tuple[str, str]]]:
    from sqlglot.lineage import lineage

    nodes = lineage(None, tree.copy(), schema=schema, dialect="duckdb")
    sources: dict[str, list[tuple[str, str]]] = {}
    for column, node in nodes.items():
        leaves = {
            (f"{leaf.expression.db}.{leaf.expression.name}", leaf.name.split(".")[-1].strip('"'))
            for leaf in node.walk()
            if isinstance(leaf.expression, exp.Table) and leaf.expression.db
        }
        if leaves:
            sources[column] = sorted(leaves)
    return sources


def read_sql_table(path: Path) -> SqlTable:
    """Parse one table file.

    Raises
    ------
    SqlFileError
        when the header is missing, incomplete or has unknown keys, or the SQL does not parse.
    """
    text = path.read_text(encoding="utf-8")
    match = HEADER.match(text)
    if not match:
        raise SqlFileError(f"{path}: the file must begin with a /* header */ that says what a row is.")
    try:
        header = yaml.safe_load(match["header"]) or {}
    except yaml.YAMLError as error:
        raise SqlFileError(f"{path}: the header is not valid YAML: {error}") from error
    if not isinstance(header, dict):
        raise SqlFileError(f"{path}: the header must be YAML with the keys {', '.join(sorted(HEADER_KEYS))}.")
    unknown = set(header) - HEADER_KEYS
    missing = {"row", "key", "columns"} - set(header)
    if unknown or missing:
        what = f"lacks {', '.join(sorted(missing))}" if missing else f"has unknown keys {', '.join(sorted(unknown))}"
        raise SqlFileError(f"{path}: the header {what}; known keys: {', '.join(sorted(HEADER_KEYS))}.")
    columns = {str(name): str(text).strip() for name, text in header["columns"].items()}
    key = tuple(header["key"])
    for name in (*columns, path.parent.name, path.stem):
        if not IDENTIFIER.match(name):
            raise SqlFileError(f"{path}: {name!r} is not a snake_case name.")
    if not set(key) <= set(columns):
        raise SqlFileError(f"{path}: the key {list(key)} names columns that the header does not declare.")
    incremental = header.get("incremental")
    table = SqlTable(
        name=f"{path.parent.name}.{path.stem}",
        path=path,
        text=text,
        row=str(header["row"]).strip(),
        about=str(header.get("about", "")).strip(),
        key=key,
        columns=columns,
        incremental=Incremental(incremental["key"], dict(incremental["sources"])) if incremental else None,
        log_changes=bool(header.get("log_changes", False)),
    )
    _check_incremental(table)
    return table


def _check_incremental(table: SqlTable) -> None:
    if table.log_changes and (len(table.key) != 1 or table.incremental):
        raise SqlFileError(f"{table.path}: log_changes is for a table with one key column that is rebuilt as a whole.")
    if table.incremental is None:
        return
    unread = set(table.incremental.sources) - set(table.upstream)
    if unread:
        raise SqlFileError(
            f"{table.path}: incremental names {', '.join(sorted(unread))}, which the SELECT does not read."
        )
    strangers = {table.incremental.key, *table.incremental.sources.values()} - set(table.columns)
    if strangers:
        raise SqlFileError(f"{table.path}: incremental uses {', '.join(sorted(strangers))}, not among the columns.")
