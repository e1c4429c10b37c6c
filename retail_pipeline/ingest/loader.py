"""Loading drops: each file in one transaction, wholly in or wholly out, the same bytes only once."""

import errno
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from retail_pipeline.errors import SelectionError, UnreadableDropError
from retail_pipeline.ingest.drops import DroppedFile, as_text, content_hash, list_drops, settled_drops
from retail_pipeline.ingest.formats.known import known_formats
from retail_pipeline.ingest.privacy import require_same_key
from retail_pipeline.ingest.raw_tables import REFUSED_FILES, create_raw_tables
from retail_pipeline.ingest.read_csv import stage_text
from retail_pipeline.ingest.read_parquet import stage_parquet
from retail_pipeline.ingest.read_workbook import stage_workbook
from retail_pipeline.ingest.staged import Staged
from retail_pipeline.ingest.unpack import unpack_lines
from retail_pipeline.ingest.write_drop import CHANGED_TABLES, remove_drops, rename_drop, replace_drop
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
    warehouse: Warehouse,
    reload: Sequence[str] = (),
    say: Callable[[str], None] = lambda _: None,
    remove: Sequence[str] = (),
) -> LoadReport:
    """Load what is new in ``drops/``. A file that cannot be read is refused and holds up no other.

    Parameters
    ----------
    remove
        Names of loaded files whose lines are to go first; those still in ``drops/`` are put into ``withdrawn/``.
    reload
        Names of files to load again: all lines that files of this name brought before go, in the same transaction.
    say
        Told what happens to each file.

    Raises
    ------
    SelectionError
        when a name to reload is not in ``drops/``, or still grows.
    """
    create_raw_tables(warehouse)
    require_same_key(warehouse)
    for name in remove:
        _withdraw(warehouse, name, say)
    ingest = warehouse.settings.ingest
    drops, growing = settled_drops(warehouse.home, ingest.settle_seconds, ingest.wait_seconds)
    _check_reload(warehouse, reload, drops, growing)
    _remove_leftovers(warehouse)
    report = LoadReport(growing=[drop.name for drop in growing])
    for drop in growing:
        say(f"{drop.name} is still growing; it waits for the next run.")
    loading = _Loading(warehouse, {drop.name for drop in [*drops, *growing]}, set(reload), say, report)
    loading.remember_hashes()
    known = {drop.name: digest for drop in drops if (digest := loading.take(drop))}
    for drop in drops:  # what a file held that has been replaced since is now held by its copy alone
        if drop.name in known and not loading.find_loaded(known[drop.name]):
            loading.take(drop)
    report.known = [name for name in known if name not in {drop.file_name for drop in report.loaded}]
    loading.note_hashes(drops)
    _record_refusals(warehouse, loading.refusals)
    _record_unchanged(warehouse)
    return report


@dataclass
class _Loading:
    """One pass over ``drops/``; ``present`` are the names of all files there."""

    warehouse: Warehouse
    present: set[str]
    reload: set[str]
    say: Callable[[str], None]
    report: LoadReport
    refusals: list[tuple[str, str, str]] = field(default_factory=list)
    hashes: dict[tuple[str, str], str] = field(default_factory=dict)

    def remember_hashes(self) -> None:
        """Recall the hashes of files that nobody has written to since: reading all of them at each run takes long."""
        self.warehouse.execute(
            "create table if not exists pipeline.file_hashes (file_name varchar, stamp varchar, sha256 varchar)"
        )
        rows = self.warehouse.execute("select file_name, stamp, sha256 from pipeline.file_hashes").fetchall()
        self.hashes = {(name, stamp): digest for name, stamp, digest in rows}

    def note_hashes(self, drops: Sequence[DroppedFile]) -> None:
        """Note the hashes of the files that are there."""
        kept = [
            {"name": drop.name, "stamp": drop.full_stamp, "sha256": self.hashes[drop.name, drop.full_stamp]}
            for drop in drops
            if (drop.name, drop.full_stamp) in self.hashes
        ]
        with self.warehouse.transaction():
            self.warehouse.execute("delete from pipeline.file_hashes")
            self.warehouse.execute(
                "insert into pipeline.file_hashes select file.* from "
                "(select unnest($files::struct(name varchar, stamp varchar, sha256 varchar)[]) as file)",
                {"files": kept},
            )

    def take(self, drop: DroppedFile) -> str | None:
        """Load a file, or refuse it; one whose bytes are loaded is left as it is, and its SHA-256 returned."""
        digest = self.hashes.get((drop.name, drop.full_stamp), "")
        if digest and drop.name not in self.reload and self.find_loaded(digest) == drop.name:
            return digest
        try:
            digest, replaced = self._identify(drop)
            self.hashes[drop.name, drop.full_stamp] = digest
            known = self.find_loaded(digest)
            if known is not None and drop.name not in self.reload:
                self._tell_of_known(drop, known, digest)
                return digest
            loaded = _load(self.warehouse, drop, digest, replaced, self.say)
        except (UnreadableDropError, OSError, _FileChangedError) as error:
            self._refuse(drop, digest, error)
            return None
        self.report.loaded.append(loaded)
        self.say(
            f"{drop.name}: {loaded.format}, {loaded.rows_read:,} rows read, {loaded.rows_loaded:,} loaded, "
            f"{loaded.rows_rejected:,} rejected"
        )
        return None

    def find_loaded(self, digest: str) -> str | None:
        """The name under which bytes are loaded; None if they are not."""
        name: str | None = self.warehouse.value("select file_name from raw.drops where sha256 = ?", [digest])
        return name

    def _identify(self, drop: DroppedFile) -> tuple[str, list[str]]:
        """A file's SHA-256, and the drops whose lines go when it is loaded.

        On reload, these are all that came from a file of this name; without, the earlier states of this file that it
        continues (its first bytes are theirs to the bit), so that a line appended to a log, or a file loaded while it
        was still being copied, is not there twice. A file that is gone may have got a new name.
        """
        ledger = self.warehouse.execute("select file_name, drop_id, sha256, bytes from raw.drops").fetchall()
        earlier = [row for row in ledger if row[0] == drop.name or row[0] not in self.present]
        digest, starts = content_hash(drop.path, [size for *_, size in earlier])
        again = drop.name in self.reload
        return digest, [
            drop_id
            for name, drop_id, sha256, size in earlier
            if (again and name == drop.name) or (sha256 != digest and starts.get(size) == sha256)
        ]

    def _tell_of_known(self, drop: DroppedFile, known: str, digest: str) -> None:
        if known == drop.name:
            return
        if known in self.present:
            self.say(f"{drop.name} holds the same bytes as {known}, which is loaded; it is not loaded twice.")
            return
        with self.warehouse.transaction():
            rename_drop(self.warehouse, digest[:16], drop.name)
        self.say(f"{drop.name} is {known} under a new name.")

    def _refuse(self, drop: DroppedFile, digest: str, error: Exception) -> None:
        if not drop.is_unchanged():
            self.report.growing.append(drop.name)
            self.say(f"{drop.name} was changed or taken away while it was read; it waits for the next run.")
            return
        reason = _why_refused(drop, error)
        self.report.refused[drop.name] = reason
        self.refusals.append((drop.name, digest, reason))
        self.say(f"Refused: {reason}")


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
    staged = _stage_by_kind(warehouse, path, scratch, say)
    for number, part in enumerate(staged):
        unpack_lines(warehouse, part, number)
    return staged


def _stage_by_kind(warehouse: Warehouse, path: Path, scratch: Path, say: Callable[[str], None]) -> list[Staged]:
    formats = known_formats(warehouse.settings)
    with path.open("rb") as file:
        start = file.read(4)
    if start == PARQUET_MAGIC:
        return [stage_parquet(warehouse, path, formats)]
    if start == OLE_MAGIC or (start == ZIP_MAGIC and path.suffix.lower() != ".zip"):
        return stage_workbook(warehouse, path, formats, say)
    if start == ZIP_MAGIC:
        raise UnreadableDropError(f"{path.name} is a zip archive. Unpack it and add the files in it.")
    return [stage_text(warehouse, path, scratch, formats)]


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


def _withdraw(warehouse: Warehouse, name: str, say: Callable[[str], None]) -> None:
    """Take out what a file brought, and the file out of ``drops/``, which goes first: it must not be loaded again."""
    found = warehouse.execute("select drop_id from raw.drops where file_name = ?", [name]).fetchall()
    if not found:
        names = [row[0] for row in warehouse.execute("select distinct file_name from raw.drops order by 1").fetchall()]
        raise SelectionError(
            f"{name} is not loaded, so it cannot be removed. Loaded are: {', '.join(names) or 'none'}."
        )
    path = next((drop.path for drop in list_drops(warehouse.home) if drop.name == name), None)
    if path is not None:
        target = warehouse.home.withdrawn / name
        number = 2
        while target.exists():
            target = target.with_name(f"{path.stem}-{number}{path.suffix}")
            number += 1
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, target)
    with warehouse.transaction():
        remove_drops(warehouse, [drop_id for (drop_id,) in found])
    say(f"{name}: removed" + (f"; the file is in {target}" if path is not None else ""))


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
            raise SelectionError(f"{name} is still growing, so it cannot be loaded again yet. Try once it is whole.")
        if name not in names:
            raise SelectionError(
                f"{name} is not in {warehouse.home.drops}, so it cannot be loaded again. There are: "
                f"{', '.join(names) or 'no files'}."
            )
