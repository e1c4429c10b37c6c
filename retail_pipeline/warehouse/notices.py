"""Small files beside the snapshots that tell readers what no snapshot can: how the last run ended, what is withheld."""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from retail_pipeline.home import Home


@dataclass(frozen=True)
class LastRun:
    """The run that ended last, published or not; ``started`` in UTC, ``status`` is 'success' or 'failed'."""

    run: str
    started: str
    seconds: float
    status: str
    started_by: str
    message: str


def note_last_run(home: Home, ended: LastRun) -> None:
    """Leave word of how a run ended; who cannot (a full disk) has ended all the same."""
    with contextlib.suppress(OSError):
        write_notice(home.last_run_notice, asdict(ended))


def last_run(home: Home) -> LastRun | None:
    """The run that ended last, None if no word of one is left."""
    try:
        return LastRun(**read_notice(home.last_run_notice) or {})
    except TypeError:
        return None


def withheld_notice(home: Home) -> dict[str, Any] | None:
    """Why newer data are withheld from readers, None if nothing is."""
    return read_notice(home.withheld_notice)


def write_notice(path: Path, notice: Mapping[str, Any]) -> None:
    """Write a notice at one stroke."""
    temporary = path.with_name(f".{path.name}")
    temporary.write_text(json.dumps(notice, indent=1))
    temporary.replace(path)


def read_notice(path: Path) -> dict[str, Any] | None:
    """What a notice says, None if there is none that can be read."""
    try:
        return dict(json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None
