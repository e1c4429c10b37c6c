"""``retail add``: check a file, say what it is, put it into ``drops/`` at one stroke."""

import itertools
import os
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import duckdb
from rich.console import Console

from retail_pipeline.errors import SettingsError, UnreadableDropError
from retail_pipeline.home import Home
from retail_pipeline.ingest.drops import content_hash, list_drops, loadable_name
from retail_pipeline.ingest.formats.known import known_formats
from retail_pipeline.ingest.loader import stage
from retail_pipeline.ingest.parse_lines import LineParser
from retail_pipeline.settings import Settings, load_settings
from retail_pipeline.warehouse.warehouse import Warehouse


@dataclass(frozen=True)
class FileReport:
    """What a file holds: ``rejected`` counts reasons, ``unused`` are columns that no field is read from."""

    format: str
    title: str
    rows_read: int
    rejected: Counter[str]
    first_order_ts: object
    last_order_ts: object
    unused: tuple[str, ...]


def inspect_file(path: Path, home: Home, settings: Settings) -> FileReport:
    """Read a file as a run would, without loading it.

    Raises
    ------
    UnreadableDropError
        when it would be refused.
    """
    rejected: Counter[str] = Counter()
    rows, first, last = 0, None, None
    scratch = Path(tempfile.mkdtemp(prefix="retail-add-"))
    try:
        with duckdb.connect() as connection:
            warehouse = Warehouse(connection, home, settings, "add")
            parts = stage(warehouse, path, scratch, lambda _: None)
            for part in parts:
                rows += part.rows_read
                rejected.update(reject.reason.split(" '")[0] for reject in part.rejects)
                select = LineParser(part.recognised, settings.ingest.timezone).typed_select(part.lines)
                for reason, count in warehouse.execute(
                    f"select split_part(reason, ' ''', 1), count(*) from ({select}) where reason is not null group by 1"
                ).fetchall():
                    rejected[reason] += count
                span = warehouse.row(f"select min(order_ts), max(order_ts) from ({select}) where reason is null")
                assert span is not None
                first = min(filter(None, (first, span[0])), default=None)
                last = max(filter(None, (last, span[1])), default=None)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    recognised = parts[0].recognised
    return FileReport(recognised.format.name, recognised.format.title, rows, rejected, first, last, recognised.unused)


def put_into_drops(path: Path, home: Home) -> tuple[Path, bool]:
    """Copy a file into ``drops/`` under its own name, or a numbered one if that is taken by other contents.

    A name that would be left out as hidden or unfinished loses what says so.

    Returns
    -------
    The file in drops/, and whether it is new there.
    """
    home.create()
    digest = content_hash(path)[0]
    for drop in list_drops(home):
        if drop.size == path.stat().st_size and content_hash(drop.path)[0] == digest:
            return drop.path, False
    descriptor, copy = tempfile.mkstemp(prefix=".add-", dir=home.drops)
    os.close(descriptor)
    temporary = Path(copy)
    try:
        shutil.copyfile(path, temporary)
        shutil.copystat(path, temporary)
        return _move_to_free_name(temporary, home.drops / loadable_name(path.name)), True
    finally:
        temporary.unlink(missing_ok=True)


def _move_to_free_name(temporary: Path, wanted: Path) -> Path:
    """Give a file a name, or a numbered one, that no other has: not even one that appears meanwhile."""
    for number in itertools.count(1):
        target = wanted if number == 1 else wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}")
        try:
            os.link(temporary, target)
        except FileExistsError:
            continue
        except OSError:  # a file system without hard links: take the name, then put the file in its place
            try:
                os.close(os.open(target, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                continue
            temporary.replace(target)
        return target
    raise AssertionError


def require_format(report: FileReport, wanted: str | None, name: str) -> None:
    """Raise unless the file is of the format the user expects."""
    if wanted and report.format != wanted:
        raise UnreadableDropError(
            f"{name} is {report.format} ({report.title}), not {wanted}. Leave out --format, or export it as {wanted}."
        )


def add_files(home: Home, console: Console, errors: Console, files: tuple[Path, ...], format_name: str | None) -> int:
    """Check and add each file, printing what it is; returns the exit code: 1 if one was refused."""
    settings = load_settings(home)
    known = [format_.name for format_ in known_formats(settings)]
    if format_name and format_name not in known:
        raise SettingsError(f"--format {format_name} is no known format. Formats: {', '.join(known)}.")
    refused = 0

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False)

    for path in files:
        try:
            report = inspect_file(path, home, settings)
            require_format(report, format_name, path.name)
        except UnreadableDropError as error:
            refused += 1
            errors.print(f"Refused: {error}", style="red", markup=False, highlight=False)
            continue
        target, is_new = put_into_drops(path, home)
        say(f"{path.name}: {report.title} ({report.format}), {report.rows_read:,} rows, {_span(report)}")
        for reason, count in report.rejected.most_common():
            say(f"  {count:,} rows will be rejected: {reason}")
        if report.unused:
            say(f"  columns not used: {', '.join(report.unused)}")
        say(f"  {'put into' if is_new else 'already there as'} {target}")
        if is_new and loadable_name(path.name) != path.name:
            say(f"  not as {path.name}: a file of such a name counts as hidden or unfinished and is never loaded")
    return 1 if refused else 0


def _span(report: FileReport) -> str:
    return (
        f"{report.first_order_ts} to {report.last_order_ts}" if report.first_order_ts else "no line that can be loaded"
    )
