"""Loading drops: each file wholly in or wholly out, the same bytes only once, many small files in one transaction."""

import contextlib
import errno
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import duckdb

from retail_pipeline.errors import SelectionError, UnreadableDropError
from retail_pipeline.ingest.drops import DroppedFile, list_drops, settled_drops
from retail_pipeline.ingest.ledger import Ledger
from retail_pipeline.ingest.privacy import require_same_key
from retail_pipeline.ingest.raw_tables import REFUSED_FILES, create_raw_tables
from retail_pipeline.ingest.read_ahead import SCRATCH_PREFIX, ReadAhead, ReadFile
from retail_pipeline.ingest.stage_file import stage, text_reading
from retail_pipeline.ingest.staged import Staged
from retail_pipeline.ingest.write_drop import (
    CHANGED_TABLES,
    enter_drops,
    remove_drops,
    rename_drop,
    take_out,
    write_drops,
)
from retail_pipeline.warehouse.warehouse import Warehouse

MOST_BYTES_TOGETHER, MOST_FILES_TOGETHER = 1 << 24, 100
"""Up to which files are loaded in one transaction."""
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
    loading.load(drops)
    loading.note_hashes(drops)
    _record_refusals(warehouse, loading.refusals)
    _record_unchanged(warehouse)
    return report


@dataclass(frozen=True)
class _Waiting:
    """A file that is to be loaded: ``replaced`` are the drops whose lines go when it is."""

    drop: DroppedFile
    read: ReadFile
    replaced: list[str]


@dataclass
class _Loading:
    """One pass over ``drops/``; ``present`` are the names of all files there.

    Files that bring new lines and take none away wait for each other, so that many small ones are written in one
    transaction. If that fails they are loaded one by one, which tells whose fault it is.
    """

    warehouse: Warehouse
    present: set[str]
    reload: set[str]
    say: Callable[[str], None]
    report: LoadReport
    refusals: list[tuple[str, str, str]] = field(default_factory=list)
    hashes: dict[tuple[str, str], str] = field(default_factory=dict)
    waiting: list[_Waiting] = field(default_factory=list)
    ledger: Ledger = field(default_factory=lambda: Ledger([]))

    def load(self, drops: Sequence[DroppedFile]) -> None:
        """Load what is new among the files."""
        self.remember_hashes()
        self._read_ledger()
        unread = [drop for drop in drops if not self._is_known_unread(drop)]
        prefixes = {drop: self._sizes_of_earlier(drop) for drop in unread}
        with ReadAhead(unread, self.warehouse.home.work, text_reading(self.warehouse), prefixes.__getitem__) as ahead:
            try:
                known = {drop.name: digest for drop in drops if (digest := self.take(drop, ahead))}
                self._load_waiting()
                for drop in drops:  # what a file held that has been replaced since is now held by its copy alone
                    if drop.name in known and not self.find_loaded(known[drop.name]):
                        self.take(drop, ahead)
                self._load_waiting()
            finally:
                for each in self.waiting:
                    each.read.remove_copies()
        self.report.known = [name for name in known if name not in {drop.file_name for drop in self.report.loaded}]

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

    def take(self, drop: DroppedFile, ahead: ReadAhead) -> str | None:
        """Have a file loaded, or refuse it; one whose bytes are loaded is left as it is, and its SHA-256 returned."""
        if self._is_known_unread(drop):
            return self.hashes[drop.name, drop.full_stamp]
        if any(drop.name == each.drop.name for each in self.waiting):  # names that are no text may look the same
            self._load_waiting()
        try:
            read = ahead.read(drop, self._sizes_of_earlier(drop))
        except OSError as error:
            self._refuse(drop, "", error)
            return None
        self.hashes[drop.name, drop.full_stamp] = read.sha256
        if any(read.sha256 == each.read.sha256 for each in self.waiting):
            self._load_waiting()
        known = self.find_loaded(read.sha256)
        if known is not None and drop.name not in self.reload:
            read.remove_copies()
            self._tell_of_known(drop, known, read.sha256)
            return read.sha256
        replaced = self._find_replaced(drop, read)
        is_alone = bool(replaced) or not read.is_good_text
        if is_alone:
            self._load_waiting()
        self.waiting.append(_Waiting(drop, read, replaced))
        if is_alone or _is_enough(self.waiting):
            self._load_waiting()
        return None

    def find_loaded(self, digest: str) -> str | None:
        """The name under which bytes are loaded; None if they are not."""
        return self.ledger.names.get(digest)

    def _is_known_unread(self, drop: DroppedFile) -> bool:
        """Whether a file is loaded, and nobody has written to it since."""
        digest = self.hashes.get((drop.name, drop.full_stamp), "")
        return bool(digest) and drop.name not in self.reload and self.find_loaded(digest) == drop.name

    def _read_ledger(self) -> None:
        rows = self.warehouse.execute("select file_name, drop_id, sha256, bytes from raw.drops").fetchall()
        self.ledger = Ledger(rows, self.present)

    def _sizes_of_earlier(self, drop: DroppedFile) -> list[int]:
        return [entry.size for entry in self.ledger.earlier(drop)]

    def _find_replaced(self, drop: DroppedFile, read: ReadFile) -> list[str]:
        """The drops whose lines go when a file is loaded.

        On reload, these are all that came from a file of this name, and its own bytes; without, the earlier states of
        this file that it continues (its first bytes are theirs to the bit), so that a line appended to a log, or a file
        loaded while it was still being copied, is not there twice. A file that is gone may have got a new name.
        """
        again = drop.name in self.reload
        replaced = {
            entry.drop_id
            for entry in self.ledger.earlier(drop)
            if (again and entry.file_name == drop.name)
            or (entry.sha256 != read.sha256 and read.starts.get(entry.size) == entry.sha256)
        }
        own = {read.sha256[:16]} if self.find_loaded(read.sha256) else set()
        return sorted(replaced | own)

    def _load_waiting(self) -> None:
        """Load the files that wait, all at once or, if that fails, one by one."""
        waiting, self.waiting = self.waiting, []
        try:
            if len(waiting) > 1:
                try:
                    self._note_loaded(_load(self.warehouse, waiting, self.say))
                except (UnreadableDropError, OSError, _FileChangedError, duckdb.Error):
                    self._load_each(waiting)
            else:
                self._load_each(waiting)
        finally:
            for each in waiting:
                each.read.remove_copies()
        if waiting:
            self._read_ledger()

    def _load_each(self, waiting: Sequence[_Waiting]) -> None:
        for each in waiting:
            try:
                self._note_loaded(_load(self.warehouse, [each], self.say))
            except (UnreadableDropError, OSError, _FileChangedError) as error:
                self._refuse(each.drop, each.read.sha256, error)

    def _note_loaded(self, drops: Sequence[LoadedDrop]) -> None:
        self.report.loaded += drops
        for drop in drops:
            self.say(
                f"{drop.file_name}: {drop.format}, {drop.rows_read:,} rows read, {drop.rows_loaded:,} loaded, "
                f"{drop.rows_rejected:,} rejected"
            )

    def _tell_of_known(self, drop: DroppedFile, known: str, digest: str) -> None:
        if known == drop.name:
            return
        if known in self.present:
            self.say(f"{drop.name} holds the same bytes as {known}, which is loaded; it is not loaded twice.")
            return
        self._load_waiting()
        with self.warehouse.transaction():
            rename_drop(self.warehouse, digest[:16], drop.name)
        self._read_ledger()
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


def _load(warehouse: Warehouse, waiting: Sequence[_Waiting], say: Callable[[str], None]) -> list[LoadedDrop]:
    """Load one file, or several texts, in one transaction."""
    gone = sorted({drop_id for each in waiting for drop_id in each.replaced})
    names = ", ".join(each.drop.name for each in waiting)
    staged: list[list[Staged]] = []
    try:
        for number, each in enumerate(waiting):
            if not each.drop.is_unchanged():  # it may have been read long ago
                raise _FileChangedError
            staged.append(stage(warehouse, each.drop.path, each.read.scratch, say, each.read, number))
        with warehouse.transaction():
            if gone:
                take_out(warehouse, gone)
            written = write_drops(warehouse, [(each.drop, each.read.sha256) for each in waiting], staged)
            enter_drops(warehouse, written, gone)
            if not all(each.drop.is_unchanged() for each in waiting):
                raise _FileChangedError
    except duckdb.Error as error:
        if not all(each.drop.is_unchanged() for each in waiting):
            raise _FileChangedError from error
        if not isinstance(error, duckdb.InvalidInputException | duckdb.DataError):
            raise
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UnreadableDropError(f"{names} could not be loaded: {reason}") from error
    finally:
        _drop_staged(warehouse, [part for parts in staged for part in parts])
    rows = warehouse.execute(
        "select file_name, format, rows_read, rows_loaded, rows_rejected from raw.drops "
        "where drop_id in (select unnest(?)) order by loaded_at",
        [[one.drop_id for one in written]],
    ).fetchall()
    return [LoadedDrop(*row) for row in rows]


def _drop_staged(warehouse: Warehouse, staged: Sequence[Staged]) -> None:
    for name in {name for part in staged for name in part.temporary}:
        kind, table = name.split()
        with contextlib.suppress(duckdb.Error):  # only a broken connection gets here, and has raised before
            warehouse.execute(f"drop {kind} if exists temp.{table}")


def _is_enough(waiting: Sequence[_Waiting]) -> bool:
    size = sum(each.drop.size for each in waiting)
    return size >= MOST_BYTES_TOGETHER or len(waiting) >= MOST_FILES_TOGETHER


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
