"""A shop as files, with the truth beside them: the way in."""

import contextlib
import errno
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Literal

import duckdb
import numpy as np
import pyarrow as pa

from retail_pipeline.errors import SettingsError, SimulationError
from retail_pipeline.simulator.clock import SECONDS
from retail_pipeline.simulator.customers import FIRST_GUEST
from retail_pipeline.simulator.exports import EXPORTS, Per
from retail_pipeline.simulator.exports.dirt import Dirtier
from retail_pipeline.simulator.exports.files import Files
from retail_pipeline.simulator.exports.line_table import LineTable
from retail_pipeline.simulator.lines import CANCELLATION, KINDS, RETURN, SALE, Lines
from retail_pipeline.simulator.own_files import OwnFiles
from retail_pipeline.simulator.parameters import StoreParameters
from retail_pipeline.simulator.store import Store
from retail_pipeline.simulator.truth import TRUTH_FILES, Truth, exported_days


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
    untold_kinds
        Kinds of lines that the format cannot tell of.
    repeated_rows, unreadable_rows
        Rows that repeat another word for word, and rows that cannot be read, on purpose.
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
    untold_kinds: tuple[str, ...] = ()
    repeated_rows: int = 0
    unreadable_rows: int = 0
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
    SimulationError
        when the folder cannot be written to, or is full.

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
    store, export, truth_folder = Store(parameters), EXPORTS[format], truth_beside(folder)
    dirtier = Dirtier(parameters.dirt, parameters.seed)
    table = LineTable(parameters, store.catalogue, store.clock, dirtier)
    own = OwnFiles(folder, truth_folder)
    files = Files(folder, table, dirtier, store, export, per, kind, own.note)
    own.require([*files.paths(), *(truth_folder / name for name in TRUTH_FILES)])
    summary = SimulationSummary(parameters, truth_folder, customers=parameters.customers)
    summary.untold_kinds = tuple(name for name in KINDS if name not in export.kinds)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        truth_folder.mkdir(parents=True, exist_ok=True)
        own.clear()
        _write(store, files, Truth(store, truth_folder, own.note), summary, progress)
    except BaseException as error:
        with contextlib.suppress(OSError):
            own.clear()
        if isinstance(error, (OSError, duckdb.IOException, pa.ArrowException)):
            raise SimulationError(f"{folder} cannot be written, so nothing is left there: {_reason(error)}.") from error
        raise
    summary.files = files.written
    summary.repeated_rows, summary.unreadable_rows = dirtier.repeated, dirtier.spoiled
    return summary


def _write(
    store: Store, files: Files, truth: Truth, summary: SimulationSummary, progress: Callable[[int, int], None]
) -> None:
    is_exported = exported_days(store)
    with files, ThreadPoolExecutor(1) as writer:
        written: Future[None] | None = None
        for window in store.trade(truth.folder, truth.see_customers):
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


def _reason(error: Exception) -> str:
    """What the machine says: DuckDB wraps it in words of its own."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = str(error).splitlines()[0]
    return next((known for known in map(os.strerror, (errno.ENOSPC, errno.EDQUOT, errno.EIO)) if known in text), text)


def truth_beside(folder: Path) -> Path:
    """Where the truth about a folder of files is: in it, but beside ``drops``, in which everything is loaded."""
    whole = folder.absolute()
    for place in (whole, *whole.parents):
        if place.name == "drops":
            return place.parent / "truth" / whole.relative_to(place)
    return folder / "truth"


def _moment(second: int) -> datetime:
    return datetime(1970, 1, 1) + timedelta(days=second // SECONDS, seconds=second % SECONDS)
