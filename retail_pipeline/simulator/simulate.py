"""A shop as files, with the truth beside them: the way in."""

import json
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Literal

import numpy as np

from retail_pipeline.errors import SettingsError
from retail_pipeline.simulator.clock import SECONDS
from retail_pipeline.simulator.customers import FIRST_GUEST
from retail_pipeline.simulator.exports import EXPORTS, Per
from retail_pipeline.simulator.exports.dirt import Dirtier
from retail_pipeline.simulator.exports.files import Files
from retail_pipeline.simulator.exports.line_table import LineTable
from retail_pipeline.simulator.lines import CANCELLATION, KINDS, RETURN, SALE, Lines
from retail_pipeline.simulator.parameters import StoreParameters
from retail_pipeline.simulator.store import Store
from retail_pipeline.simulator.truth import Truth, exported_days

MANIFEST = ".simulated.json"
"""In the folder of the truth: the files that were simulated, with their sizes and times."""


@dataclass
class SimulationSummary:
    """What was written; all counts and sums are of true lines in the files, each counted once.

    Attributes
    ----------
    files
        Rows of each file, repeated and unreadable ones included.
    lines
        Lines by kind.
    guest_lines
        Sales, returns and cancellations without a customer id.
    net_amount
        Sales less discounts, returns and cancellations.
    missing_lines
        Lines that fell into an outage, and are in no file.
    """

    parameters: StoreParameters
    truth: Path
    files: dict[Path, int] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    orders: int = 0
    customers: int = 0
    guest_lines: int = 0
    net_amount: Decimal = Decimal(0)
    missing_lines: int = 0
    first_order_ts: datetime | None = None
    last_order_ts: datetime | None = None

    @property
    def rows(self) -> int:
        """Rows of all files."""
        return sum(self.files.values())

    def add(self, lines: Lines) -> None:
        """Count lines that are written."""
        if not len(lines):
            return
        for name, count in zip(KINDS, np.bincount(lines.kind, minlength=len(KINDS)).tolist(), strict=True):
            self.lines[name] += count
        is_trade = np.isin(lines.kind, (SALE, RETURN, CANCELLATION))
        self.orders += int(np.count_nonzero((lines.kind == SALE) & (lines.line_no == 1)))
        self.guest_lines += int(np.count_nonzero(is_trade & (lines.customer >= FIRST_GUEST)))
        self.net_amount += Decimal(int(lines.amount[is_trade].sum())).scaleb(-2)
        self.first_order_ts = self.first_order_ts or _moment(int(lines.ts[0]))
        self.last_order_ts = _moment(int(lines.ts[-1]))


def simulate_store(
    folder: Path,
    parameters: StoreParameters,
    *,
    format: str = "canonical",  # noqa: A002
    kind: Literal["csv", "parquet"] = "csv",
    per: Per = "month",
    progress: Callable[[int, int], None] = lambda done, days: None,
) -> SimulationSummary:
    """Write a shop's files into a folder, and the truth into ``truth/`` beside them; returns what was written.

    In ``folder``/truth that is, or beside a folder called ``drops``, where files wait to be loaded. Files that it wrote
    before are replaced, each in one step, others are left alone.

    Parameters
    ----------
    format
        One of :data:`~retail_pipeline.simulator.exports.EXPORTS`.
    per
        What a file holds the lines of; ``all`` writes one file.
    progress
        Told how many days are written, of how many.

    Raises
    ------
    SettingsError
        when there is no such format, or a file of one of the names is there and is none that it wrote; nothing is
        written then.

    Examples
    --------
    >>> import tempfile
    >>> from retail_pipeline.simulator import preset, simulate_store
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     len(simulate_store(Path(folder), preset("small", customers=20)).files)
    24
    """
    if format not in EXPORTS:
        raise SettingsError(f"There is no format {format} to simulate; there are {', '.join(EXPORTS)}.")
    store = Store(parameters)
    dirtier = Dirtier(parameters.dirt, parameters.seed)
    table = LineTable(parameters, store.catalogue, store.clock, dirtier)
    files = Files(folder, table, dirtier, store, EXPORTS[format], per, kind)
    truth_folder = truth_beside(folder)
    _require_own_files(files.paths(), truth_folder)
    folder.mkdir(parents=True, exist_ok=True)
    truth_folder.mkdir(parents=True, exist_ok=True)
    summary = SimulationSummary(parameters, truth_folder, customers=parameters.customers)
    truth, is_exported = Truth(store, truth_folder), exported_days(store)
    with files, ThreadPoolExecutor(1) as writer:
        written: Future[None] | None = None
        for window in store.trade(truth_folder, truth.see_customers):
            truth.see(window)
            lines = window.lines.take(is_exported[store.clock.day_of(window.lines.ts)])
            summary.missing_lines += len(window.lines) - len(lines)
            summary.add(lines)
            if written:
                written.result()
                progress(window.first, store.clock.days)
            written = writer.submit(files.write, lines, window.first, window.behind)
        if written:
            written.result()
            progress(store.clock.days, store.clock.days)
    truth.write()
    summary.files = files.written
    _note_own_files(files.written, truth_folder)
    return summary


def truth_beside(folder: Path) -> Path:
    """Where the truth about a folder of files is."""
    return (folder.parent if folder.name == "drops" else folder) / "truth"


def _moment(second: int) -> datetime:
    return datetime(1970, 1, 1) + timedelta(days=second // SECONDS, seconds=second % SECONDS)


def _require_own_files(paths: list[Path], truth: Path) -> None:
    """Raise if a file that would be replaced is there and was not simulated."""
    manifest = truth / MANIFEST
    own = json.loads(manifest.read_text()) if manifest.exists() else {}
    for path in paths:
        if path.exists() and own.get(path.name) != _stamp(path):
            raise SettingsError(
                f"{path} is there already and is no simulated file, so nothing was written. Choose an empty folder, or "
                "move the file away."
            )


def _note_own_files(paths: dict[Path, int], truth: Path) -> None:
    (truth / MANIFEST).write_text(json.dumps({path.name: _stamp(path) for path in paths}, indent=1) + "\n")


def _stamp(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]
