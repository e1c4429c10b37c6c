"""The shop as files: dirt, csv text, atomic writing and the summary of what was written."""

import calendar as gregorian
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retail_pipeline.errors import SettingsError
from retail_pipeline.simulator.catalogue import Catalogue, build_catalogue
from retail_pipeline.simulator.demand import (
    CHANNELS,
    COUNTRIES,
    GUEST,
    Calendar,
    Table,
    fill_baskets,
    take_orders,
    take_returns,
)
from retail_pipeline.simulator.parameters import StoreParameters

HEADER = (
    *("order_id", "order_ts", "customer_id", "product_id", "product_name", "quantity"),
    *("unit_price", "country", "line_no", "currency", "channel", "discount"),
)
SIMULATED_LINE = re.compile(r"([OR]\d{7})?,")
Row = tuple[str, ...]  # csv fields, quoted where they must be


@dataclass(frozen=True)
class SimulationSummary:
    """What was written. All but the first four describe the well-formed lines, each counted once.

    Attributes
    ----------
    files
        The monthly files, by month.
    lines
        Data lines in the files, malformed ones and duplicates included.
    malformed_lines
        Lines that cannot be read.
    duplicate_lines
        Verbatim repetitions of a line (the first appearance not counted).
    guest_lines
        Lines without a customer id.
    orders
        Distinct order ids, those of returns included.
    customers
        Distinct customer ids.
    net_amount
        Exact sum of quantity * unit_price - discount, in pounds; returns count negative.
    first_order_ts, last_order_ts
        Earliest and latest order_ts, store time.
    """

    files: list[Path]
    lines: int
    malformed_lines: int
    duplicate_lines: int
    guest_lines: int
    orders: int
    customers: int
    net_amount: Decimal
    first_order_ts: datetime
    last_order_ts: datetime


_DEFAULT_SHOP = StoreParameters()


def simulate_store(folder: Path, parameters: StoreParameters = _DEFAULT_SHOP) -> SimulationSummary:
    """Write `folder`/transactions-YYYY-MM.csv for every month of the shop and return what was written.

    The folder is made when missing; files of the same names that it wrote before are replaced, each in one step,
    others are left alone. A month without trade gets a file with a header only.

    Raises
    ------
    SettingsError
        when a file of one of the names is there and is none that it wrote; nothing is written then.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     len(simulate_store(Path(folder), StoreParameters(customers=50)).files)
    24
    """
    # One stream a stage: a change to one stage leaves the draws of the others as they were.
    streams = np.random.SeedSequence(parameters.seed).spawn(5)
    catalogue_rng, orders_rng, baskets_rng, returns_rng, dirt_rng = (
        np.random.Generator(np.random.PCG64(stream)) for stream in streams
    )
    calendar = Calendar(parameters)
    catalogue = build_catalogue(parameters, catalogue_rng)
    orders = take_orders(parameters, calendar, orders_rng)
    sales = fill_baskets(orders, catalogue, parameters, calendar, baskets_rng)
    returns = take_returns(sales, parameters, calendar, returns_rng)
    lines = np.concatenate([sales, returns])
    lines = lines[np.lexsort((lines["line_no"], lines["order"], lines["is_return"], lines["ts"]))]

    malformed, duplicated = _choose_dirt(lines, parameters, dirt_rng)
    rows = _rows(lines, catalogue, dirt_rng.random(lines.size) < parameters.padded_name_share)
    for turn, place in enumerate(malformed.tolist()):
        ways = _spoiled(rows[place])
        rows[place] = ways[turn % len(ways)]

    month = lines["ts"].astype("datetime64[M]")
    written = _with_duplicates(month, duplicated, dirt_rng)
    files = _write_months(folder, calendar.days, month[written], [rows[place] for place in written.tolist()])
    return _summary(files, np.delete(lines, malformed), malformed.size, duplicated.size)


def _choose_dirt(
    lines: Table, parameters: StoreParameters, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the places of the lines to spoil and to repeat: disjoint, and no returned sale is spoiled."""
    spoilable = np.flatnonzero(~(lines["is_return"] | lines["was_returned"]))
    malformed = rng.choice(spoilable, round(parameters.malformed_share * lines.size), replace=False)
    readable = np.setdiff1d(np.arange(lines.size), malformed)
    duplicated = rng.choice(readable, round(parameters.duplicate_share * lines.size), replace=False)
    return malformed, np.sort(duplicated)


def _with_duplicates(
    month: NDArray[np.datetime64], duplicated: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return the places of all lines in writing order; a duplicate lands after its original, same month."""
    last_of_month = np.searchsorted(month, month[duplicated], side="right") - 1
    # The half puts it between two originals, or behind the last one of the month.
    landing = duplicated + 0.5 + np.floor(rng.random(duplicated.size) * (last_of_month - duplicated + 1))
    places = np.append(np.arange(month.size), duplicated)
    return places[np.argsort(np.append(np.arange(month.size), landing), kind="stable")]


def _rows(lines: Table, catalogue: Catalogue, padded: NDArray[np.bool_]) -> list[Row]:
    names = [_quoted(name) for name in catalogue.names] + [_quoted(f"  {name} ") for name in catalogue.names]
    columns = (
        [
            f"{'R' if back else 'O'}{n:07d}"
            for back, n in zip(lines["is_return"].tolist(), lines["order"].tolist(), strict=True)
        ],
        map(str, lines["ts"].astype(object)),
        ["" if customer == GUEST else f"C{1 + customer:05d}" for customer in lines["customer"].tolist()],
        [f"P{1 + product:04d}" for product in lines["product"].tolist()],
        [names[place] for place in (lines["product"] + padded * len(catalogue.names)).tolist()],
        map(str, lines["quantity"].tolist()),
        map(_money, lines["unit_pence"].tolist()),
        [COUNTRIES[country] for country in lines["country"].tolist()],
        map(str, lines["line_no"].tolist()),
        ["GBP"] * lines.size,
        [CHANNELS[channel] for channel in lines["channel"].tolist()],
        map(_money, lines["discount_pence"].tolist()),
    )
    return list(zip(*columns, strict=True))


def _spoiled(row: Row) -> tuple[Row, ...]:
    """Return the ways in which `row` can be made unreadable."""
    return (
        _with(row, "order_ts", _impossible_date(row[HEADER.index("order_ts")])),
        _with(row, "quantity", "abc"),
        _with(row, "order_id", ""),
        _with(row, "unit_price", '"12,x"'),
        row[:-4],
        (*row, "0.00"),
    )


def _with(row: Row, column: str, field: str) -> Row:
    place = HEADER.index(column)
    return (*row[:place], field, *row[place + 1 :])


def _impossible_date(ts: str) -> str:
    """Return `ts` on the day after the last of its month, as in 2024-02-30."""
    year, month = int(ts[:4]), int(ts[5:7])
    return f"{ts[:8]}{gregorian.monthrange(year, month)[1] + 1}{ts[10:]}"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if "," in text or '"' in text else text


def _money(pence: int) -> str:
    return f"{pence // 100}.{pence % 100:02d}"


def _write_months(
    folder: Path, days: NDArray[np.datetime64], month: NDArray[np.datetime64], rows: list[Row]
) -> list[Path]:
    """Write `rows`, whose months ascend, to a file for every month `days` touch; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    months = np.unique(days.astype("datetime64[M]"))
    bounds = [*np.searchsorted(month, months).tolist(), len(rows)]
    texts = {}
    for name, first, behind in zip(months.astype(str), bounds, bounds[1:], strict=False):
        text = "\n".join([",".join(HEADER), *map(",".join, rows[first:behind]), ""])
        texts[folder / f"transactions-{name}.csv"] = text
    _require_own_files(texts)
    return [_write_atomically(path, text) for path, text in texts.items()]


def _require_own_files(paths: Iterable[Path]) -> None:
    """Raise if a file that would be replaced is there and was not simulated."""
    for path in paths:
        if path.exists() and not _is_simulated(path):
            raise SettingsError(
                f"{path} is there already and is no simulated file, so nothing was written. Choose an empty folder, or "
                "move the file away."
            )


def _is_simulated(path: Path) -> bool:
    """Whether a file has the header and, on each line that has an order id, an id of :func:`_rows`."""
    header, *lines = path.read_bytes().decode(errors="replace").splitlines() or [""]
    return header == ",".join(HEADER) and all(SIMULATED_LINE.match(line) for line in lines)


def _write_atomically(path: Path, text: str) -> Path:
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        unfinished.write_bytes(text.encode())
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def _summary(files: list[Path], readable: Table, malformed: int, duplicates: int) -> SimulationSummary:
    pence = readable["quantity"] * readable["unit_pence"] - readable["discount_pence"]
    known = readable["customer"] != GUEST
    return SimulationSummary(
        files=files,
        lines=readable.size + malformed + duplicates,
        malformed_lines=malformed,
        duplicate_lines=duplicates,
        guest_lines=int(np.count_nonzero(~known)),
        orders=np.unique(readable[["is_return", "order"]]).size,
        customers=np.unique(readable["customer"][known]).size,
        net_amount=Decimal(int(pence.sum())).scaleb(-2),
        first_order_ts=readable["ts"].min().item(),
        last_order_ts=readable["ts"].max().item(),
    )
