"""``retail fetch``: download a well-known public data set, check it, and put it into ``drops/``."""

import hashlib
import shutil
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import requests
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from retail_pipeline.console.add import put_into_drops
from retail_pipeline.errors import FetchError
from retail_pipeline.home import Home
from retail_pipeline.ingest.drops import content_hash, list_drops

BLOCK = 1 << 13
TIMEOUT_SECONDS = 30
MOST_UNPACKED_BYTES = 1 << 30
ATTEMPTS = 4
"""Connections per call; each goes on where the last one broke off."""


@dataclass(frozen=True)
class DataSet:
    """A public file: ``file_name`` is found at ``url``, alone or in a zip archive; ``sha256`` is that of its bytes."""

    name: str
    title: str
    url: str
    file_name: str
    sha256: str


ONLINE_RETAIL = DataSet(
    name="online-retail",
    title="UCI Online Retail (D. Chen, 2015; CC BY 4.0)",
    url="https://archive.ics.uci.edu/static/public/352/online+retail.zip",
    file_name="Online Retail.xlsx",
    sha256="43465a06f2ccf7c8b5bd2892bc7defb52f97487934fe93b16ae4c3936424676d",
)
DATA_SETS = {data_set.name: data_set for data_set in (ONLINE_RETAIL,)}


def fetch_data_set(home: Home, console: Console, data_set: DataSet, url: str | None = None) -> Path:
    """Download a data set into ``drops/``, unless it is there; what an earlier call got is not fetched again.

    Parameters
    ----------
    url
        Where to get it instead of at its home: a mirror, a zip archive or the file itself.

    Returns
    -------
    The file in ``drops/``.

    Raises
    ------
    FetchError
        when the server cannot be reached or has something else; what was downloaded so far stays for the next call
        in the first case and goes in the second.
    """
    home.create()
    present = next((drop.path for drop in list_drops(home) if content_hash(drop.path)[0] == data_set.sha256), None)
    if present:
        console.print(f"{data_set.title} is there already: {present}", markup=False, highlight=False)
        return present
    folder = home.work / "fetch" / data_set.name
    folder.mkdir(parents=True, exist_ok=True)
    source = url or data_set.url
    part = folder / f"{hashlib.sha256(source.encode()).hexdigest()[:16]}.part"
    _download(source, part, console)
    try:
        file = _checked_file(data_set, source, part)
        target, _ = put_into_drops(file, home)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    console.print(f"{data_set.title}: put into {target}", markup=False, highlight=False)
    return target


def _download(url: str, part: Path, console: Console) -> None:
    """Get a URL into a file, going on where it ends."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("downloading", total=None)

        def tell(done: int, total: int | None) -> None:
            progress.update(task, completed=done, total=total)

        for attempt in range(1, ATTEMPTS + 1):
            try:
                _download_rest(url, part, tell)
            except requests.HTTPError as error:
                raise FetchError(
                    f"{url} answers {error.response.status_code} {error.response.reason}. Try again later, give a "
                    "mirror with --from, or download the file with a browser and 'retail add' it."
                ) from error
            except (requests.RequestException, OSError) as error:
                if attempt == ATTEMPTS or not isinstance(error, requests.RequestException):
                    raise FetchError(_why_broken_off(url, part, error)) from error
            else:
                return


def _download_rest(url: str, part: Path, tell: Callable[[int, int | None], None]) -> None:
    done = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={done}-"} if done else {})}
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_SECONDS) as response:
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            return  # there is no more; whether it is the right file is seen by its hash
        response.raise_for_status()
        is_rest = response.status_code == requests.codes.partial_content
        done = done if is_rest else 0
        length = response.headers.get("Content-Length")
        total = done + int(length) if length else None
        with part.open("ab" if is_rest else "wb") as file:
            for block in response.iter_content(BLOCK):
                file.write(block)
                done += len(block)
                tell(done, total)


def _why_broken_off(url: str, part: Path, error: Exception) -> str:
    got = part.stat().st_size if part.exists() else 0
    kept = f" {got / 2**20:.1f} MiB are kept, the same command goes on from there." if got else ""
    if isinstance(error, OSError) and not isinstance(error, requests.RequestException):
        return f"{part} cannot be written ({error.strerror or error}).{kept}"
    kind = "does not answer" if isinstance(error, requests.Timeout) else "cannot be reached"
    if got and not isinstance(error, (requests.ConnectTimeout, requests.ConnectionError)):
        kind = "broke off"
    return (
        f"{url} {kind}; are you offline?{kept} You can also give a mirror with --from, or download the file with a "
        "browser and 'retail add' it."
    )


def _checked_file(data_set: DataSet, url: str, part: Path) -> Path:
    """The file itself, out of its archive, when its hash is right."""
    file = part.with_name(data_set.file_name)
    try:
        if _holds_file(part, data_set.file_name):
            _unpack(part, file)
        else:
            part.rename(file)
        found = f"its SHA-256 is {content_hash(file)[0]}"
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        found = f"it is a damaged archive ({error})"
    if not found.endswith(data_set.sha256):
        raise FetchError(
            f"What {url} holds is not {data_set.title}: {found}, the file's should be {data_set.sha256}. The "
            "download was thrown away; try again, or give a mirror with --from."
        )
    return file


def _holds_file(path: Path, name: str) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return name in archive.namelist()


def _unpack(part: Path, file: Path) -> None:
    """Take the file out of its archive, but no more than a wrong hash needs."""
    with zipfile.ZipFile(part) as archive, archive.open(file.name) as packed, file.open("wb") as plain:
        while plain.tell() < MOST_UNPACKED_BYTES and (block := packed.read(BLOCK)):
            plain.write(block)
