"""Which files of a folder a simulation wrote: it replaces and removes those, and no others."""

import contextlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path

from retail_pipeline.errors import SettingsError

MANIFEST = ".simulated.json"
"""In the folder of the truth: the files that were simulated, with their sizes and times."""
UNFINISHED = ".unfinished"
"""What is put behind the name of a file, and a point before it, until it is whole."""
SCRATCH = ".orders-"
"""What the folders begin with in which orders wait."""


class OwnFiles:
    """Notes each file as soon as it is written, so that it is known also after a simulation was killed."""

    def __init__(self, folder: Path, truth: Path) -> None:
        self._folder, self._truth = folder, truth
        manifest = truth / MANIFEST
        with contextlib.suppress(OSError, ValueError):
            self._noted: dict[str, list[int]] = dict(json.loads(manifest.read_text()))
            return
        self._noted = {}

    def require(self, paths: Iterable[Path]) -> None:
        """Make sure that nothing is lost when files are written.

        Raises
        ------
        SettingsError
            when one of them is there and was not simulated, or was changed since.
        """
        for path in paths:
            if not path.exists() or self._is_own(path):
                continue
            what = "was changed since it was simulated" if self._key(path) in self._noted else "is no simulated file"
            raise SettingsError(
                f"{path} is there already and {what}, so nothing was written. Choose an empty folder, or move the file "
                "away."
            )

    def clear(self) -> None:
        """Remove all that was simulated here and not changed since, and what is left of files never finished."""
        for key in list(self._noted):
            path = self._truth / key.removeprefix("truth/") if key.startswith("truth/") else self._folder / key
            if self._is_own(path):
                path.unlink()
        for folder in (self._folder, self._truth):
            for left in folder.glob(f".*{UNFINISHED}*"):
                left.unlink()
        for folder in self._truth.glob(f"{SCRATCH}*"):
            shutil.rmtree(folder, ignore_errors=True)
        self._noted = {}
        (self._truth / MANIFEST).unlink(missing_ok=True)

    def note(self, path: Path) -> None:
        """Note a file that was written."""
        self._noted[self._key(path)] = _stamp(path)
        (self._truth / MANIFEST).write_text(json.dumps(self._noted, indent=1) + "\n")

    def _key(self, path: Path) -> str:
        return f"truth/{path.name}" if path.parent == self._truth else path.name

    def _is_own(self, path: Path) -> bool:
        return path.is_file() and self._noted.get(self._key(path)) == _stamp(path)


def _stamp(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]
