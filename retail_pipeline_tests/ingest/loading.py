"""Loading one file and looking at what became of it."""

import itertools
import shutil
from dataclasses import dataclass, field
from operator import itemgetter

from retail_pipeline.ingest.loader import load_drops
from retail_pipeline.ingest.raw_tables import RAW_TABLES, create_raw_tables
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.stores import CANONICAL_HEADER, write_drop

_numbers = itertools.count(1)


@dataclass
class Outcome:
    """What became of a file: ``rows`` are lines by source row, ``rejects`` the reason and text by source row."""

    refusal: str | None = None
    format: str = ""
    rows_read: int = 0
    rows: dict[int, dict[str, object]] = field(default_factory=dict)
    rejects: dict[int, tuple[str, str]] = field(default_factory=dict)

    def column(self, name: str) -> list[object]:
        """A column's values in the order of the file."""
        return [self.rows[row][name] for row in sorted(self.rows)]

    def reasons(self) -> dict[int, str]:
        """The reason of each rejected row."""
        return {row: reason for row, (reason, _) in sorted(self.rejects.items())}


def line(order_id: object = "1", **changes: object) -> str:
    """A canonical line in which all is well but for the changes, unquoted."""
    columns: dict[str, object] = {
        "order_id": order_id,
        "order_ts": "2024-05-31 17:45:00",
        "customer_id": "c",
        "product_id": "p",
        "product_name": "nail",
        "quantity": "2",
        "unit_price": "1.5",
        "country": "UK",
    }
    return ",".join(str(value) for value in {**columns, **changes}.values())


def text(*lines: str, header: str = CANONICAL_HEADER, end: str = "\n") -> str:
    """Lines below a header, each with its line end."""
    return "".join(each + end for each in (header, *lines))


def forget(warehouse: Warehouse) -> None:
    """Empty the tables of ``raw`` and take all files away."""
    create_raw_tables(warehouse)
    for table in RAW_TABLES:
        warehouse.execute(f"delete from {table.name}")
    shutil.rmtree(warehouse.home.drops)
    warehouse.home.create()


def load(warehouse: Warehouse, content: str | bytes, suffix: str = ".csv", name: str | None = None) -> Outcome:
    """Put a file into drops/, load it, and take it away again.

    That nothing is lost or doubled is asserted for every file any test loads in this way.
    """
    path = write_drop(warehouse.home, name or f"file{next(_numbers)}{suffix}", content)
    report = load_drops(warehouse)
    path.unlink()
    drop_name = path.relative_to(warehouse.home.drops).as_posix()
    if report.refused:
        return Outcome(report.refused[drop_name])
    (drop,) = report.loaded
    return _outcome(warehouse, drop_name, drop.format, drop.rows_read)


def _outcome(warehouse: Warehouse, file_name: str, format_name: str, rows_read: int) -> Outcome:
    drop_id = warehouse.value("select drop_id from raw.drops where file_name = ? order by loaded_at desc", [file_name])
    columns = list(warehouse.columns("raw.transactions"))
    lines = warehouse.execute("from raw.transactions where drop_id = ?", [drop_id]).fetchall()
    rejected = warehouse.execute(
        "select source_row, reason, raw from raw.rejected_rows where drop_id = ?", [drop_id]
    ).fetchall()
    rows = {row[1]: dict(zip(columns, row, strict=True)) for row in sorted(lines, key=itemgetter(1))}
    rejects = {row: (reason, raw) for row, reason, raw in rejected}
    assert len(rows) == len(lines), "a row of the file came twice"
    assert len(rejects) == len(rejected), "a row of the file was rejected twice"
    assert not rows.keys() & rejects.keys(), "a row of the file was both loaded and rejected"
    assert len(rows) + len(rejects) == rows_read
    return Outcome(None, format_name, rows_read, rows, rejects)
