"""One file of an export: text or parquet, which appears under its name only when it is whole."""

import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from retail_pipeline.simulator.exports.base import Export
from retail_pipeline.simulator.exports.dirt import Spoiler
from retail_pipeline.simulator.own_files import UNFINISHED
from retail_pipeline.simulator.random_numbers import Integers

Kind = Literal["csv", "parquet"]


class OneFile:
    """Takes rows part by part; ``rows`` counts them."""

    def __init__(self, path: Path, export: Export, kind: Kind) -> None:
        self.path, self.rows = path, 0
        self._export, self._kind = export, kind
        self._unfinished = path.with_name(f".{path.name}{UNFINISHED}")
        self._content: _Text | _Parquet | None = None
        self._packed = _PackedRows(path.with_name(f".{path.name}.packed")) if export.lists else None

    def append(self, relation: duckdb.DuckDBPyRelation, spoiled: Integers) -> None:
        """Write rows, some of them spoiled."""
        if self._packed:
            self._packed.put(relation.to_arrow_table(), spoiled)
        else:
            self._write(relation, spoiled)

    def close(self, *, keep: bool) -> None:
        """Finish the file, or take it away."""
        try:
            if self._packed and keep:
                for relation, spoiled in self._packed.unpacked(self._export.item_header):
                    self._write(relation, spoiled)
            if self._content:
                self._content.close()
            if keep:
                os.replace(self._unfinished, self.path)
        finally:
            if self._packed:
                self._packed.close()
            self._unfinished.unlink(missing_ok=True)

    def _write(self, relation: duckdb.DuckDBPyRelation, spoiled: Integers) -> None:
        if self._content is None:
            if self._kind == "parquet":
                self._content = _Parquet(self._unfinished)
            else:
                self._content = _Text(self._unfinished, self._export, relation.columns)
        self.rows += self._content.append(relation, spoiled)


class _Text:
    def __init__(self, path: Path, export: Export, headers: list[str]) -> None:
        self._export, self._spoiler = export, Spoiler(export, headers)
        self._part = path.with_name(f"{path.name}.part")
        self._file = path.open("wb")
        self._file.write(export.mark.encode())
        header = io.StringIO()
        csv.writer(header, delimiter=export.delimiter, lineterminator="\n").writerow(headers)
        self._put(header.getvalue().encode())

    def append(self, relation: duckdb.DuckDBPyRelation, spoiled: Integers) -> int:
        text = self._quoted(relation) if self._export.is_quoted else self._plain(relation)
        self._put(self._spoiler.spoil(text, spoiled))
        return text.count(b"\n")

    def close(self) -> None:
        self._file.close()
        self._part.unlink(missing_ok=True)

    def _quoted(self, relation: duckdb.DuckDBPyRelation) -> bytes:
        relation.write_csv(str(self._part), header=False, sep=self._export.delimiter)
        text = self._part.read_bytes()
        self._part.unlink()
        return text

    def _plain(self, relation: duckdb.DuckDBPyRelation) -> bytes:
        """Rows as text without quotes, which DuckDB does not write by itself: quotes in cells are characters."""
        cells = " || $delimiter || ".join(f"coalesce(\"{name}\"::varchar, '')" for name in relation.columns)
        cells = cells.replace("$delimiter", f"'{self._export.delimiter}'")
        table = relation.project(f"{cells} || chr(10) as line").to_arrow_table()
        return "".join(table.column("line").to_pylist()).encode()

    def _put(self, text: bytes) -> None:
        if self._export.line_end != "\n":
            text = text.replace(b"\n", self._export.line_end.encode())
        if self._export.encoding != "utf-8":
            text = text.decode().encode(self._export.encoding, "replace")
        self._file.write(text)


class _Parquet:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: Any = None

    def append(self, relation: duckdb.DuckDBPyRelation, _: Integers) -> int:
        table = relation.to_arrow_table()
        self._writer = self._writer or pq.ParquetWriter(self._path, table.schema)
        if len(table):
            self._writer.write_table(table)
        return len(table)

    def close(self) -> None:
        if self._writer:
            self._writer.close()


class _PackedRows:
    """Rows with a list of items each, on disk until the longest list of the file is known."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: Any = None
        self._spoiled: list[Integers] = []
        self._most = 1

    def put(self, table: pa.Table, spoiled: Integers) -> None:
        self._writer = self._writer or pa.ipc.new_file(self._path, table.schema)
        self._writer.write_batch(table.combine_chunks().to_batches()[0] if len(table) else _no_rows(table.schema))
        self._spoiled.append(spoiled)
        lengths = table.column("items").combine_chunks().value_lengths()
        self._most = max(self._most, *lengths.to_pylist()) if len(table) else self._most

    def unpacked(self, header: str) -> Iterator[tuple[duckdb.DuckDBPyRelation, Integers]]:
        self._writer.close()
        columns = ", ".join(f'items[{number}] as "{header}{number}"' for number in range(1, self._most + 1))
        with duckdb.connect() as connection, pa.memory_map(str(self._path)) as file:
            connection.execute("set threads = 1")
            batches = pa.ipc.open_file(file)
            for number, spoiled in enumerate(self._spoiled):
                connection.register("packed", pa.Table.from_batches([batches.get_batch(number)]))
                yield connection.sql(f"select * exclude (items), {columns} from packed"), spoiled

    def close(self) -> None:
        if self._writer:
            self._writer.close()
        self._path.unlink(missing_ok=True)


def _no_rows(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([], field.type) for field in schema], schema=schema)
