"""``retail add``: check a file, say what it is, put it into ``drops/`` at one stroke."""

import itertools
import os
import shutil
import tempfile
from pathlib import Path

from rich.console import Console

from retail_pipeline.console.explain import explain
from retail_pipeline.console.staged_file import FileReport, staged_file, tell_of_file
from retail_pipeline.console.unknown_file import suggest_for
from retail_pipeline.errors import SettingsError, UnreadableDropError
from retail_pipeline.home import Home
from retail_pipeline.ingest.drops import content_hash, list_drops, loadable_name
from retail_pipeline.ingest.formats.known import known_formats
from retail_pipeline.settings import load_settings


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


def add_files(
    home: Home,
    console: Console,
    errors: Console,
    files: tuple[Path, ...],
    format_name: str | None,
    *,
    only_explain: bool = False,
) -> int:
    """Check and add each file, printing what it is; returns the exit code: 1 if one was refused.

    Parameters
    ----------
    format_name
        The format that the files must be of; None for any.
    only_explain
        Whether to say more of each file, and to add none.
    """
    settings = load_settings(home)
    known = [format_.name for format_ in known_formats(settings)]
    if format_name and format_name not in known:
        raise SettingsError(f"--format {format_name} is no known format. Formats: {', '.join(known)}.")
    refused = 0

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False)

    for path in files:
        try:
            with staged_file(path, home, settings) as staged:
                report = staged.report()
                require_format(report, format_name, path.name)
                tell_of_file(say, path.name, report)
                if only_explain:
                    explain(console, path, staged, report)
        except UnreadableDropError as error:
            refused += 1
            errors.print(f"Refused: {error}", style="red", markup=False, highlight=False)
            if mapping := suggest_for(path, home, settings):
                say(f"# To read {path.name}, check what is guessed here and put it into {home.settings_file}:\n")
                say(mapping)
            continue
        if only_explain:
            continue
        target, is_new = put_into_drops(path, home)
        say(f"  {'put into' if is_new else 'already there as'} {target}")
        if is_new and loadable_name(path.name) != path.name:
            say(f"  not as {path.name}: a file of such a name counts as hidden or unfinished and is never loaded")
    return 1 if refused else 0
