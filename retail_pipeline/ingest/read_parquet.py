"""Reading parquet files: typed columns become the text a csv export would hold."""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from retail_pipeline.errors import UnreadableDropError
from retail_pipeline.ingest.drops import literal_path
from retail_pipeline.ingest.formats import REFUSALS, Format, recognise
from retail_pipeline.ingest.privacy import Pseudonyms
from retail_pipeline.ingest.staged import Staged
from retail_pipeline.warehouse.warehouse import Warehouse

ROW_NUMBER = "file_row_number"
FILE = f"read_parquet($path, {ROW_NUMBER} = true, hive_partitioning = false, binary_as_string = true)"
MOST_WHOLE = 2**63


def stage_parquet(warehouse: Warehouse, path: Path, formats: Sequence[Format]) -> Staged:
    """Stage a parquet file; ``source_row`` counts its rows from 1.

    Parameters
    ----------
    formats
        Those it may be of.

    Raises
    ------
    UnreadableDropError
        when it is damaged or of no known format.
    """
    file = {"path": literal_path(path)}
    if ROW_NUMBER in _column_names(warehouse, path, file):
        raise UnreadableDropError(f"{path.name} has a column called {ROW_NUMBER}; rename it or leave it out.")
    _read_apart(path, file)
    try:
        recognised = recognise(_column_names(warehouse, path, file), formats, path.name, REFUSALS)
        described = warehouse.execute(f"describe select * exclude (file_row_number) from {FILE}", file).fetchall()
        header = [row[0] for row in described]
        types = [row[1] for row in described]
        fields = ", ".join(
            f"{_as_text(_quoted(header[place]), types[place])} as {field}"
            for field, place in recognised.positions.items()
        )
        warehouse.execute(
            f"create or replace temp table staged_parquet as select file_row_number + 1 as source_row, {fields} "
            f"from {FILE}",
            file,
        )
    except (duckdb.ProgrammingError, duckdb.DataError) as error:
        raise _refusal(path, error) from error

    pseudonyms = Pseudonyms.of(warehouse.home, warehouse.settings)

    def raw_texts(source_rows: Sequence[int]) -> list[str]:
        cells = ", ".join(f"{_quoted(name)} := {_quoted(name)}" for name in header)
        found = warehouse.execute(
            f"select file_row_number + 1, to_json(struct_pack({cells}))::varchar from {FILE} "
            "where file_row_number + 1 in (select unnest($rows))",
            {**file, "rows": list(source_rows)},
        ).fetchall()
        texts = {row: pseudonyms.mask_cells(text, recognised) for row, text in found}
        return [texts[row] for row in source_rows]

    rows = warehouse.count("temp.staged_parquet")
    return Staged("staged_parquet", recognised, rows, raw_texts, temporary=("table staged_parquet",))


def _read_apart(path: Path, file: dict[str, str]) -> None:
    """Read all of a file in a database of its own: some damage makes DuckDB give up the database that reads it."""
    try:
        with duckdb.connect() as apart:
            apart.execute(f"select max(hash(line)) from {FILE} as line", file).fetchall()
    except duckdb.InterruptException:
        raise
    except duckdb.Error as error:  # damaged files end in many kinds of error
        raise _refusal(path, error) from error


def _refusal(path: Path, error: duckdb.Error) -> UnreadableDropError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return UnreadableDropError(f"{path.name} is no readable parquet file ({reason}). Copy or export it again.")


def _as_text(column: str, type_: str) -> str:
    """A column as the text a csv export would hold: nothing for what is no number, no powers for whole numbers."""
    if type_ not in ("FLOAT", "DOUBLE"):
        return f"{column}::varchar"
    return (
        f"case when isnan({column}) then null "
        f"when {column} = trunc({column}) and abs({column}) < {MOST_WHOLE} then {column}::hugeint::varchar "
        f"else {column}::varchar end"
    )


def _column_names(warehouse: Warehouse, path: Path, file: dict[str, str]) -> list[str]:
    """The names of the columns as the file has them; DuckDB renames empty ones and those that differ in case alone."""
    try:
        nodes = warehouse.execute("select name, coalesce(num_children, 0) from parquet_schema($path)", file).fetchall()
    except duckdb.Error as error:
        raise _refusal(path, error) from error
    names: list[str] = []
    nested = 0
    for name, children in nodes[1:]:  # the first is the table itself
        if nested:
            nested += children - 1
        else:
            names.append(name)
            nested = children
    return names


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
