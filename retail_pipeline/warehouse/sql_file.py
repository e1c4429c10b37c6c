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
declare ``incremental``: see :class:`~retail_pipeline.warehouse.sql_header.Incremental`; a small table that others
depend on incrementally by its key declares ``log_changes: true``, and a rebuild then logs the keys whose rows differ
instead of counting as all new.
"""

import hashlib
import itertools
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import sqlglot
from sqlglot import Token, TokenType, exp
from sqlglot.errors import SqlglotError

from retail_pipeline.errors import SqlFileError
from retail_pipeline.warehouse.sql_header import IDENTIFIER, TableHeader, read_header

VOLATILE = {
    "current_date", "current_time", "current_timestamp", "get_current_timestamp", "localtime", "localtimestamp", "now",
    "today", "random", "uuid", "gen_random_uuid", "uuidv4", "uuidv7", "nextval",
}  # fmt: skip
"""Functions whose result changes from run to run though no table has changed."""


@dataclass(frozen=True, kw_only=True)
class SqlTable(TableHeader):
    """A parsed table file. ``name`` is ``schema.table``, from the folder and the file's own name."""

    name: str
    path: Path
    text: str

    @property
    def schema(self) -> str:
        return self.name.split(".")[0]

    @property
    def description(self) -> str:
        return f"A row is {self.row}.\n\n{self.about}".strip()

    @cached_property
    def tree(self) -> exp.Query:
        try:
            parsed = sqlglot.parse(self.text, read="duckdb")
        except SqlglotError as error:
            raise SqlFileError(f"{self.path}: the SQL cannot be parsed: {error}") from error
        statements = [tree for tree in parsed if tree is not None and not isinstance(tree, exp.Semicolon)]
        if len(statements) != 1 or not isinstance(statements[0], exp.Query):
            found = ", ".join(tree.key.upper() for tree in statements) or "nothing"
            raise SqlFileError(f"{self.path}: the file must hold exactly one SELECT, it holds {found}.")
        return statements[0]

    @cached_property
    def tokens(self) -> list[Token]:
        """The SELECT's tokens; comments are none."""
        tokens = sqlglot.tokenize(self.text, read="duckdb")
        return list(itertools.takewhile(lambda token: token.token_type is not TokenType.SEMICOLON, tokens))

    @property
    def query(self) -> str:
        """The file's own text up to the SELECT's end, to be put into a statement."""
        return self.text[: self.tokens[-1].end + 1]

    @cached_property
    def upstream(self) -> tuple[str, ...]:
        """The tables the SELECT reads, as ``schema.table``, sorted."""
        found = set()
        ctes = {cte.alias_or_name.lower() for cte in self.tree.find_all(exp.CTE)}
        for table in self.tree.find_all(exp.Table):
            if not isinstance(table.this, exp.Identifier):
                continue
            if table.catalog:
                raise SqlFileError(f"{self.path}: {table.sql('duckdb')} names a database; write it schema.table.")
            if table.db:
                found.add(f"{table.db}.{table.name}".lower())
            elif table.name.lower() not in ctes:
                raise SqlFileError(
                    f"{self.path}: the table {table.name!r} is no CTE and has no schema; write it schema.table."
                )
        if self.name in found:
            raise SqlFileError(f"{self.path}: the SELECT reads the table it makes.")
        return tuple(sorted(found))

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """The names of the bound ``$parameters``, sorted."""
        named = {node.name for node in self.tree.find_all(exp.Parameter, exp.Placeholder)}
        unnamed = sorted(name for name in named if not IDENTIFIER.match(name))
        if unnamed:
            raise SqlFileError(f"{self.path}: the parameter {unnamed[0]!r} has no snake_case name; write it $name.")
        return tuple(sorted(named))

    @cached_property
    def code_version(self) -> str:
        """A hash of the SELECT's tokens: comments and layout do not change it."""
        text = "\x00".join(f"{token.token_type.value} {token.text}" for token in self.tokens)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @cached_property
    def is_volatile(self) -> bool:
        """Whether the rows depend on the clock or on chance, so that they may change though nothing upstream has."""
        return any(token.text.lower() in VOLATILE for token in self.tokens if token.token_type is not TokenType.STRING)

    def check_columns(self, actual: list[str]) -> None:
        """Raise unless the columns that came out are the header's, in its order."""
        declared = list(self.columns)
        if actual != declared:
            missing = [name for name in declared if name not in actual]
            extra = [name for name in actual if name not in declared]
            twice = sorted({name for name in actual if actual.count(name) > 1})
            detail = "; ".join(
                part
                for part in (
                    f"declared but not selected: {', '.join(missing)}" if missing else "",
                    f"selected but not declared: {', '.join(extra)}" if extra else "",
                    f"selected twice: {', '.join(twice)}" if twice else "",
                    "" if missing or extra or twice else "same names in another order",
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
        if any(operation.args.get("by_name") for operation in self.tree.find_all(exp.SetOperation)):
            return {}  # sqlglot pairs these columns by place
        upstream = tuple((table, tuple(columns.items())) for table, columns in sorted(upstream_columns.items()))
        try:
            return _column_sources(self.query, upstream)
        except Exception:  # the parser meets SQL it does not know in many ways, and a built table must not fail by it
            return {}


@lru_cache(maxsize=256)
def _column_sources(
    query: str, upstream: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
) -> dict[str, list[tuple[str, str]]]:
    from sqlglot.lineage import lineage

    schema: dict[str, Any] = {}
    for table, columns in upstream:
        db, name = table.split(".")
        schema.setdefault(db, {})[name] = dict(columns)
    # trimming would copy the whole tree for each column
    nodes = lineage(None, query, schema=schema, dialect="duckdb", trim_selects=False)
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
        when the header is missing, incomplete or has unknown keys, or the SQL is not one SELECT from named tables.
    """
    for name in (path.parent.name, path.stem):
        if not IDENTIFIER.match(name):
            raise SqlFileError(f"{path}: {name!r} is not a snake_case name.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise SqlFileError(f"{path}: the file is not UTF-8: {error}") from error
    header = read_header(path, text)
    table = SqlTable(name=f"{path.parent.name}.{path.stem}", path=path, text=text, **vars(header))
    unread = set(table.incremental.sources if table.incremental else ()) - set(table.upstream)
    if unread:
        named = ", ".join(sorted(map(str, unread)))
        raise SqlFileError(f"{path}: incremental names {named}, which the SELECT does not read.")
    return table
