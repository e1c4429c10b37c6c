"""Loading drops: each file in one transaction, wholly in or wholly out, the same bytes only once."""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from retail_pipeline.errors import RetailPipelineError, UnreadableDropError
from retail_pipeline.ingest.drops import DroppedFile, content_hash, settled_drops
from retail_pipeline.ingest.formats.base import RAW_FIELDS
from retail_pipeline.ingest.parse_lines import typed_select
from retail_pipeline.ingest.raw_tables import DROPS, REFUSED_FILES, REJECTED_ROWS, TRANSACTIONS, create_raw_tables
from retail_pipeline.ingest.read_csv import stage_text
from retail_pipeline.ingest.read_parquet import stage_parquet
from retail_pipeline.ingest.read_workbook import stage_workbook
from retail_pipeline.ingest.staged import Reject, Staged
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline.warehouse.working_database import utc_now

LONGEST_RAW = 10_000
ZIP_MAGIC, OLE_MAGIC, PARQUET_MAGIC = b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"PAR1"
RAW_ORDER_LOG = "order_id"


@dataclass(frozen=True)
class LoadedDrop:
    """What loading one file did."""

    file_name: str
    format: str
    rows_read: int
    rows_loaded: int
    rows_rejected: int


@dataclass
class LoadReport:
    """What became of the files in ``drops/``; ``known`` were loaded before, ``growing`` wait for the next run."""

    loaded: list[LoadedDrop] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    known: list[str] = field(default_factory=list)
    growing: list[str] = field(default_factory=list)


def load_drops(
    warehouse: Warehouse, reload: Sequence[str] = (), say: Callable[[str], None] = lambda _: None
) -> LoadReport:
    """Load what is new in ``drops/``. A file that cannot be read is refused and holds up no other.

    Parameters
    ----------
    reload
        Names of files to load again: the lines they brought before go, in the same transaction.
    say
        Told what happens to each file.

    Raises
    ------
    RetailPipelineError
        when a name to reload is not in ``drops/``.
    """
    create_raw_tables(warehouse)
    ingest = warehouse.settings.ingest
    drops, growing = settled_drops(warehouse.home, ingest.settle_seconds, ingest.wait_seconds)
    report = LoadReport(growing=[drop.name for drop in growing])
    for drop in growing:
        say(f"{drop.name} is still growing; it waits for the next run.")
    _check_reload(reload, drops, warehouse)
    refusals: list[tuple[str, str, str]] = []
    for drop in drops:
        digest = ""
        try:
            earlier = warehouse.row(
                "select drop_id, sha256, bytes from raw.drops where file_name = ? order by loaded_at desc limit 1",
                [drop.name],
            )
            digest, start = content_hash(drop.path, earlier[2] if earlier else None)
            again = drop.name in reload
            known = warehouse.value("select file_name from raw.drops where sha256 = ?", [digest])
            if known is not None and not again:
                report.known.append(drop.name)
                if known != drop.name:
                    say(f"{drop.name} holds the same bytes as {known}, which is loaded; it is not loaded twice.")
                continue
            replaced = _replaced_drops(warehouse, drop, again=again, grown=bool(earlier and start == earlier[1]))
            loaded = _load(warehouse, drop, digest, replaced, say)
            report.loaded.append(loaded)
            say(
                f"{drop.name}: {loaded.format}, {loaded.rows_read:,} rows read, {loaded.rows_loaded:,} loaded, "
                f"{loaded.rows_rejected:,} rejected"
            )
        except UnreadableDropError as error:
            report.refused[drop.name] = str(error)
            refusals.append((drop.name, digest, str(error)))
            say(f"Refused: {error}")
    _record_refusals(warehouse, refusals)
    _record_unchanged(warehouse)
    return report


def stage(warehouse: Warehouse, path: Path, scratch: Path, say: Callable[[str], None]) -> list[Staged]:
    """Stage a file by what its bytes say it is, whatever its name.

    Raises
    ------
    UnreadableDropError
        when it is of no known kind or format.
    """
    with path.open("rb") as file:
        start = file.read(4)
    if start == PARQUET_MAGIC:
        return [stage_parquet(warehouse, path)]
    if start == OLE_MAGIC or (start == ZIP_MAGIC and path.suffix.lower() != ".zip"):
        return stage_workbook(warehouse, path, say)
    if start == ZIP_MAGIC:
        raise UnreadableDropError(f"{path.name} is a zip archive. Unpack it and add the files in it.")
    return [stage_text(warehouse, path, scratch)]


def _load(
    warehouse: Warehouse, drop: DroppedFile, digest: str, replaced: list[str], say: Callable[[str], None]
) -> LoadedDrop:
    drop_id = digest[:16]
    scratch = Path(tempfile.mkdtemp(prefix="drop-", dir=warehouse.home.work))
    try:
        staged = stage(warehouse, drop.path, scratch, say)
        with warehouse.transaction():
            first_load = not warehouse.value("select count(*) from raw.transactions")
            _remove(warehouse, [*replaced, drop_id])
            for part in staged:
                _insert(warehouse, part, drop_id)
            rows_read = sum(part.rows_read for part in staged)
            _write_ledger(warehouse, drop, digest, staged[0].recognised.format.name, rows_read)
            _record_change(warehouse, [*replaced, drop_id], first_load=first_load)
    except duckdb.OutOfMemoryException:
        raise
    except (duckdb.InvalidInputException, duckdb.ConversionException) as error:
        raise UnreadableDropError(f"{drop.name} could not be loaded: {str(error).splitlines()[0]}") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    row = warehouse.row(
        "select format, rows_read, rows_loaded, rows_rejected from raw.drops where drop_id = ?", [drop_id]
    )
    assert row is not None
    return LoadedDrop(drop.name, *row)


def _insert(warehouse: Warehouse, staged: Staged, drop_id: str) -> None:
    """Good lines into ``raw.transactions``, the others into ``raw.rejected_rows``."""
    select = typed_select(staged.recognised, f"temp.{staged.table}")
    fields = ", ".join(RAW_FIELDS)
    before = warehouse.count("raw.transactions")
    warehouse.execute(
        f"insert into raw.transactions select $drop_id, source_row, {fields} from ({select}) where reason is null",
        {"drop_id": drop_id},
    )
    rejects = list(staged.rejects)
    if warehouse.count("raw.transactions") - before + len(rejects) < staged.rows_read:
        faulty = warehouse.execute(
            f"select source_row, reason from ({select}) where reason is not null order by source_row"
        ).fetchall()
        raws = staged.raw_texts([row for row, _ in faulty])
        rejects += [Reject(row, reason, raw) for (row, reason), raw in zip(faulty, raws, strict=True)]
    _insert_rejects(warehouse, rejects, drop_id, staged.place)


def _insert_rejects(warehouse: Warehouse, rejects: list[Reject], drop_id: str, place: str) -> None:
    if not rejects:
        return
    import pyarrow as pa

    prefix = f"{place}: " if place else ""
    table = pa.table(
        {
            "source_row": [reject.source_row for reject in rejects],
            "reason": [prefix + reject.reason for reject in rejects],
            "raw": [reject.raw[:LONGEST_RAW] for reject in rejects],
        }
    )
    warehouse.connection.register("rejected_lines", table)
    warehouse.execute(
        "insert into raw.rejected_rows select $drop_id, source_row, reason, raw from rejected_lines order by 2",
        {"drop_id": drop_id},
    )
    warehouse.connection.unregister("rejected_lines")


def _write_ledger(warehouse: Warehouse, drop: DroppedFile, digest: str, format_name: str, rows_read: int) -> None:
    warehouse.execute(
        """
        insert into raw.drops
        select $drop_id, $file_name, $format, $sha256, $bytes, $rows_read, count(*),
            (select count(*) from raw.rejected_rows where drop_id = $drop_id), min(order_ts), max(order_ts), $loaded_at
        from raw.transactions
        where drop_id = $drop_id
        """,
        {
            "drop_id": digest[:16],
            "file_name": drop.name,
            "format": format_name,
            "sha256": digest,
            "bytes": drop.size,
            "rows_read": rows_read,
            "loaded_at": utc_now(),
        },
    )


def _replaced_drops(warehouse: Warehouse, drop: DroppedFile, *, again: bool, grown: bool) -> list[str]:
    """The drops whose lines go when this file is loaded.

    On reload, all that came from a file of this name; without, an earlier state of this file of which it is
    the continuation (its first bytes are the earlier state to the bit), so that a line appended to a log, or a file
    loaded while it was still being copied, is not there twice.
    """
    if not (again or grown):
        return []
    order = "" if again else "order by loaded_at desc limit 1"
    rows = warehouse.execute(f"select drop_id from raw.drops where file_name = ? {order}", [drop.name]).fetchall()
    return [drop_id for (drop_id,) in rows]


def _remove(warehouse: Warehouse, drop_ids: list[str]) -> None:
    """Take the lines of drops out, after noting the orders they belong to."""
    warehouse.execute(
        "create or replace temp table removed_orders as "
        "select distinct order_id from raw.transactions where drop_id in (select unnest(?))",
        [drop_ids],
    )
    for table in (TRANSACTIONS, REJECTED_ROWS, DROPS):
        warehouse.execute(f"delete from {table.name} where drop_id in (select unnest(?))", [drop_ids])


def _record_change(warehouse: Warehouse, drop_ids: list[str], *, first_load: bool) -> None:
    for table in (TRANSACTIONS, REJECTED_ROWS, DROPS):
        generation = warehouse.books.record_table(
            table.name,
            row_is=table.row,
            rows=warehouse.count(table.name),
            upstream=(),
            fingerprint="",
            changed=True,
            rebuilt=first_load or table is not TRANSACTIONS,
        )
        if table is TRANSACTIONS and not first_load:
            loaded = ", ".join(f"'{drop_id}'" for drop_id in drop_ids)
            warehouse.books.log_changed_keys(
                table.name,
                RAW_ORDER_LOG,
                f"select order_id from raw.transactions where drop_id in ({loaded}) union from removed_orders",
                generation,
            )


def _record_unchanged(warehouse: Warehouse) -> None:
    """Note that the tables of ``raw`` are as current as ``drops/``."""
    with warehouse.transaction():
        for table in (TRANSACTIONS, REJECTED_ROWS, DROPS):
            warehouse.books.record_table(
                table.name,
                row_is=table.row,
                rows=warehouse.count(table.name),
                upstream=(),
                fingerprint="",
                changed=False,
                rebuilt=False,
            )


def _record_refusals(warehouse: Warehouse, refusals: list[tuple[str, str, str]]) -> None:
    with warehouse.transaction():
        before = warehouse.execute("from raw.refused_files order by all").fetchall()
        warehouse.execute("delete from raw.refused_files")
        for refusal in refusals:
            warehouse.execute("insert into raw.refused_files values (?, ?, ?)", list(refusal))
        warehouse.books.record_table(
            REFUSED_FILES.name,
            row_is=REFUSED_FILES.row,
            rows=len(refusals),
            upstream=(),
            fingerprint="",
            changed=before != sorted(refusals),
            rebuilt=True,
        )


def _check_reload(reload: Sequence[str], drops: list[DroppedFile], warehouse: Warehouse) -> None:
    names = [drop.name for drop in drops]
    for name in reload:
        if name not in names:
            raise RetailPipelineError(
                f"{name} is not in {warehouse.home.drops}, so it cannot be loaded again. There are: "
                f"{', '.join(names) or 'no files'}."
            )
