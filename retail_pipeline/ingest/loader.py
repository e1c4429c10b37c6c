"""Loading drops: each file in one transaction, wholly in or wholly out, the same bytes only once."""

import errno
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from retail_pipeline.errors import RetailPipelineError, UnreadableDropError
from retail_pipeline.ingest.drops import DroppedFile, as_text, content_hash, settled_drops
from retail_pipeline.ingest.raw_tables import REFUSED_FILES, create_raw_tables
from retail_pipeline.ingest.read_csv import stage_text
from retail_pipeline.ingest.read_parquet import stage_parquet
from retail_pipeline.ingest.read_workbook import stage_workbook
from retail_pipeline.ingest.staged import Staged
from retail_pipeline.ingest.write_drop import CHANGED_TABLES, replace_drop
from retail_pipeline.warehouse.warehouse import Warehouse

ZIP_MAGIC, OLE_MAGIC, PARQUET_MAGIC = b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"PAR1"
SCRATCH_PREFIX = "drop-"
FAULTS_OF_THE_MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EROFS}


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


class _FileChangedError(Exception):
    """A file was written to or replaced while it was read."""


def load_drops(
    warehouse: Warehouse, reload: Sequence[str] = (), say: Callable[[str], None] = lambda _: None
) -> LoadReport:
    """Load what is new in ``drops/``. A file that cannot be read is refused and holds up no other.

    Parameters
    ----------
    reload
        Names of files to load again: all lines that files of this name brought before go, in the same transaction.
    say
        Told what happens to each file.

    Raises
    ------
    RetailPipelineError
        when a name to reload is not in ``drops/``, or still grows.
    """
    create_raw_tables(warehouse)
    ingest = warehouse.settings.ingest
    drops, growing = settled_drops(warehouse.home, ingest.settle_seconds, ingest.wait_seconds)
    _check_reload(warehouse, reload, drops, growing)
    _remove_leftovers(warehouse)
    report = LoadReport(growing=[drop.name for drop in growing])
    for drop in growing:
        say(f"{drop.name} is still growing; it waits for the next run.")
    refusals: list[tuple[str, str, str]] = []
    for drop in drops:
        digest = ""
        try:
            digest, replaced = _identify(warehouse, drop, again=drop.name in reload)
            known = warehouse.value("select file_name from raw.drops where sha256 = ?", [digest])
            if known is not None and drop.name not in reload:
                report.known.append(drop.name)
                if known != drop.name:
                    say(f"{drop.name} holds the same bytes as {known}, which is loaded; it is not loaded twice.")
                continue
            loaded = _load(warehouse, drop, digest, replaced, say)
        except (UnreadableDropError, OSError, _FileChangedError) as error:
            if not drop.is_unchanged():
                report.growing.append(drop.name)
                say(f"{drop.name} was changed or taken away while it was read; it waits for the next run.")
                continue
            reason = _why_refused(drop, error)
            report.refused[drop.name] = reason
            refusals.append((drop.name, digest, reason))
            say(f"Refused: {reason}")
            continue
        report.loaded.append(loaded)
        say(
            f"{drop.name}: {loaded.format}, {loaded.rows_read:,} rows read, {loaded.rows_loaded:,} loaded, "
            f"{loaded.rows_rejected:,} rejected"
        )
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
    if as_text(path.name) != path.name:  # no engine takes a name that is no text
        link = scratch / as_text(path.name)
        link.symlink_to(path.absolute())
        path = link
    with path.open("rb") as file:
        start = file.read(4)
    if start == PARQUET_MAGIC:
        return [stage_parquet(warehouse, path)]
    if start == OLE_MAGIC or (start == ZIP_MAGIC and path.suffix.lower() != ".zip"):
        return stage_workbook(warehouse, path, say)
    if start == ZIP_MAGIC:
        raise UnreadableDropError(f"{path.name} is a zip archive. Unpack it and add the files in it.")
    return [stage_text(warehouse, path, scratch)]


def _identify(warehouse: Warehouse, drop: DroppedFile, *, again: bool) -> tuple[str, list[str]]:
    """A file's SHA-256, and the drops whose lines go when it is loaded.

    On reload, these are all that came from a file of this name; without, the earlier states of this file that it
    continues (its first bytes are theirs to the bit), so that a line appended to a log, or a file loaded while it
    was still being copied, is not there twice.
    """
    earlier = warehouse.execute(
        "select drop_id, sha256, bytes from raw.drops where file_name = ?", [drop.name]
    ).fetchall()
    digest, starts = content_hash(drop.path, [size for _, _, size in earlier])
    return digest, [drop_id for drop_id, sha256, size in earlier if again or starts.get(size) == sha256]


def _load(
    warehouse: Warehouse, drop: DroppedFile, digest: str, replaced: Sequence[str], say: Callable[[str], None]
) -> LoadedDrop:
    scratch = Path(tempfile.mkdtemp(prefix=SCRATCH_PREFIX, dir=warehouse.home.work))
    try:
        staged = stage(warehouse, drop.path, scratch, say)
        with warehouse.transaction():
            replace_drop(warehouse, drop, digest, staged, replaced)
            if not drop.is_unchanged():
                raise _FileChangedError
    except (duckdb.InvalidInputException, duckdb.DataError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UnreadableDropError(f"{drop.name} could not be loaded: {reason}") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    for name in (name for part in staged for name in part.temporary):
        kind, table = name.split()
        warehouse.execute(f"drop {kind} if exists temp.{table}")
    row = warehouse.row(
        "select format, rows_read, rows_loaded, rows_rejected from raw.drops where drop_id = ?", [digest[:16]]
    )
    assert row is not None
    return LoadedDrop(drop.name, *row)


def _why_refused(drop: DroppedFile, error: Exception) -> str:
    if isinstance(error, OSError):
        if error.errno in FAULTS_OF_THE_MACHINE:
            raise error
        return f"{drop.name} cannot be read ({error.strerror or error}). Mend its permissions or copy it again."
    return str(error)


def _remove_leftovers(warehouse: Warehouse) -> None:
    """Scratch folders of runs that were killed; no other run can be at work while this one holds the database."""
    for folder in warehouse.home.work.glob(f"{SCRATCH_PREFIX}*"):
        shutil.rmtree(folder, ignore_errors=True)


def _record_unchanged(warehouse: Warehouse) -> None:
    """Note that the tables of ``raw`` are as current as ``drops/``."""
    with warehouse.transaction():
        for table in CHANGED_TABLES:
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


def _check_reload(
    warehouse: Warehouse, reload: Sequence[str], drops: Sequence[DroppedFile], growing: Sequence[DroppedFile]
) -> None:
    names = [drop.name for drop in drops]
    for name in reload:
        if name in [drop.name for drop in growing]:
            raise RetailPipelineError(
                f"{name} is still growing, so it cannot be loaded again yet. Try once it is whole."
            )
        if name not in names:
            raise RetailPipelineError(
                f"{name} is not in {warehouse.home.drops}, so it cannot be loaded again. There are: "
                f"{', '.join(names) or 'no files'}."
            )
