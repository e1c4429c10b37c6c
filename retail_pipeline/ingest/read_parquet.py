"""Reading parquet files: typed columns become the text a csv export would hold."""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from retail_pipeline.errors import UnreadableDropError
from retail_pipeline.ingest.formats import FORMATS, recognise
from retail_pipeline.ingest.staged import Staged
from retail_pipeline.warehouse.warehouse import Warehouse


def stage_parquet(warehouse: Warehouse, path: Path) -> Staged:
    """Stage a parquet file; ``source_row`` counts its rows from 1.

    Raises
    ------
    UnreadableDropError
        when it is damaged or of no known format.
    """
    try:
        described = warehouse.execute("describe select * from read_parquet(?)", [str(path)]).fetchall()
        header = [row[0] for row in described]
        recognised = recognise(header, FORMATS, path.name)
        fields = ", ".join(
            f'"{header[place].replace(chr(34), chr(34) * 2)}"::varchar as {field}'
            for field, place in recognised.positions.items()
        )
        warehouse.execute(
            f"create or replace temp table staged_parquet as select file_row_number + 1 as source_row, {fields} "
            "from read_parquet(?, file_row_number = true)",
            [str(path)],
        )
    except (
        duckdb.InvalidInputException,
        duckdb.IOException,
        duckdb.BinderException,
        duckdb.SerializationException,
    ) as error:
        raise UnreadableDropError(f"{path.name} is no readable parquet file: {str(error).splitlines()[0]}") from error

    def raw_texts(source_rows: Sequence[int]) -> list[str]:
        rows = warehouse.execute(
            "select to_json(line)::varchar from staged_parquet line where source_row in (select unnest(?)) "
            "order by source_row",
            [list(source_rows)],
        ).fetchall()
        return [row[0] for row in rows]

    return Staged("staged_parquet", recognised, warehouse.count("temp.staged_parquet"), raw_texts)
