"""What is measured. A stage is a piece of work in a process of its own; it times itself and prints its seconds."""

import gzip
import importlib
import itertools
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb

from retail_pipeline.home import Home
from retail_pipeline_tests.real_data import LONG_AGO, ONLINE_RETAIL

SIMULATED_CUSTOMERS = 28_200
"""Customers of a simulated store with about as many lines as the Online Retail file."""
CUSTOMERS_OF_A_MILLION_LINES = 52_200
ITEMSETS = "baskets.frequent_itemsets"
RFM = ("customers.undone_lines", "customers.order_states", "customers.rfm_scores", "customers.rfm_segments")


@dataclass(frozen=True)
class Stage:
    """A measured piece of work.

    ``prepare`` readies the home before each run and is not timed; ``work`` is timed from inside its process, without
    the start of Python and without ``imports``; ``limit_seconds`` and ``limit_gib`` are the budget on two cores.
    Large stages run only when asked for, and no more than ``most_runs`` times.
    """

    name: str
    title: str
    limit_seconds: float
    prepare: Callable[[Home], None]
    work: Callable[[Home], None]
    limit_gib: float | None = None
    imports: tuple[str, ...] = ()
    most_runs: int | None = None
    is_large: bool = False


def drop_online_retail(home: Home) -> None:
    """Put 541,909 lines of csv into a home's drops: the real file, or a simulated store of that size."""
    home.create()
    if ONLINE_RETAIL.exists():
        target = home.drops / "data.csv"
        with gzip.open(ONLINE_RETAIL) as packed, target.open("wb") as plain:
            shutil.copyfileobj(packed, plain)
        os.utime(target, (LONG_AGO, LONG_AGO))
        return
    from retail_pipeline.simulator import preset, simulate_store

    shop = preset("demo", customers=SIMULATED_CUSTOMERS, dirt={"malformed": 0.0})
    (part,) = simulate_store(home.work / "simulated", shop, per="all").files
    target = home.drops / "simulated.csv"
    shutil.move(part, target)
    os.utime(target, (LONG_AGO, LONG_AGO))


def drop_many(home: Home, copies: int) -> None:
    """Put so many copies of the 541,909 lines into a home's drops, each of other orders and customers."""
    drop_online_retail(home)
    (whole,) = home.drops.iterdir()
    names = ("InvoiceNo", "CustomerID") if ONLINE_RETAIL.exists() else ("order_id", "customer_id")
    with duckdb.connect() as connection:
        if ONLINE_RETAIL.exists():
            whole.write_text(whole.read_text(encoding="cp1252"))
        connection.execute(f"create table lines as from read_csv('{whole}', all_varchar = true, header = true)")
        whole.unlink()
        for copy in range(copies):
            renamed = ", ".join(f"{name} || '{copy:02}' as {name}" for name in names)
            target = home.drops / f"part-{copy:03}.csv"
            connection.execute(f"copy (select * replace ({renamed}) from lines) to '{target}' (header)")
            os.utime(target, (LONG_AGO, LONG_AGO))


def drop_a_day(home: Home) -> None:
    """Put one more day of lines into a home's drops: orders and customers known and new, and cancellations."""
    header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
    lines = []
    for order, line in itertools.product(range(1500), range(12)):
        number, quantity = (f"C9{order:05}", -1) if order % 20 == 0 else (f"9{order:05}", 1 + line)
        lines.append(
            f"{number},{22000 + line * 7},LINE {line},{quantity},12/10/2011 {8 + order % 10}:26,2.55,"
            f"{12346 + (order % 900)}{order % 100:02},United Kingdom"
        )
    path = home.drops / "day.csv"
    path.write_text("\n".join([header, *lines]) + "\n")
    os.utime(path, (LONG_AGO, LONG_AGO))


def drop_daily_files(home: Home, days: int) -> None:
    """Put a file of 200 lines for each day into a home's drops."""
    home.create()
    header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
    for number in range(days):
        day = date(2009, 1, 1) + timedelta(number)
        lines = [
            f"{number:04}{order:02},{22000 + line * 7},LINE {line},{1 + line},{day:%m/%d/%Y} {8 + order % 10}:26,2.55,"
            f"{12346 + (number + order) % 900},United Kingdom"
            for order, line in itertools.product(range(20), range(10))
        ]
        path = home.drops / f"{day}.csv"
        path.write_text("\n".join([header, *lines]) + "\n")
        os.utime(path, (LONG_AGO, LONG_AGO))


def build_all(home: Home) -> None:
    """Load the drops, build core, RFM and itemsets, publish; without Dagster."""
    from retail_pipeline.warehouse.snapshot import publish
    from retail_pipeline_tests.stores import opened
    from retail_pipeline_tests.tables import build_tables

    with opened(home) as warehouse:
        build_tables(warehouse, ["core", *RFM, ITEMSETS])
        publish(warehouse, keep=1)


def refresh_once(home: Home) -> None:
    """Bring a home to the state after its first refresh."""
    drop_online_retail(home)
    _retail_run(home)


def load_code_location(home: Home) -> None:
    """Import the definitions, as Dagster does when it starts."""
    os.environ["RETAIL_HOME"] = str(home.root)
    import retail_pipeline.definitions  # noqa: F401


def ingest_and_core(home: Home) -> None:
    """Load the drop, build the tables of core, close the database; without Dagster and publishing."""
    from retail_pipeline_tests.stores import opened
    from retail_pipeline_tests.tables import build_tables

    with opened(home) as warehouse:
        build_tables(warehouse, ["core"])


def ingest(home: Home) -> None:
    """Load the drops, close the database; without Dagster."""
    from retail_pipeline.ingest.loader import load_drops
    from retail_pipeline_tests.stores import opened

    with opened(home) as warehouse:
        load_drops(warehouse)


def retail_run(home: Home) -> None:
    """``retail run`` from the shell."""
    _retail_run(home)


def demo(home: Home) -> None:
    """``retail demo`` from the shell: a simulated shop, loaded, built and published."""
    command = [sys.executable, "-m", "retail_pipeline.cli", "--home", str(home.root), "demo"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def simulate(home: Home, million_lines: int) -> None:
    """Write a shop of so many lines as parquet, with the truth behind it."""
    from retail_pipeline.simulator import preset, simulate_store

    shop = preset("large", customers=CUSTOMERS_OF_A_MILLION_LINES * million_lines)
    simulate_store(home.work / "shop", shop, kind="parquet")


def _retail_run(home: Home) -> None:
    command = [sys.executable, "-m", "retail_pipeline.cli", "--home", str(home.root), "run"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _nothing(home: Home) -> None:
    home.create()


def build_and_drop_a_day(home: Home, copies: int) -> None:
    """Bring a home to the state after a large refresh, with a day's drop waiting."""
    drop_many(home, copies)
    build_all(home)
    drop_a_day(home)


def build_many(home: Home, copies: int) -> None:
    """Bring a home to the state of built facts, of so many copies of the lines."""
    drop_many(home, copies)
    ingest_and_core(home)


def build_itemsets(home: Home) -> None:
    """Read the baskets from the facts, mine them, write the itemsets."""
    from retail_pipeline_tests.stores import opened
    from retail_pipeline_tests.tables import build_tables

    with opened(home) as warehouse:
        build_tables(warehouse, [ITEMSETS])


SIMULATOR = ("retail_pipeline.simulator",)
IMPORTS = ("retail_pipeline_tests.stores", "retail_pipeline_tests.tables")

STAGES = [
    Stage("load", "load the code location", 2, _nothing, load_code_location),
    Stage(
        "ingest_core",
        "ingest and core, 541,909 lines csv",
        3,
        drop_online_retail,
        ingest_and_core,
        imports=IMPORTS,
    ),
    Stage(
        "daily", "ingest, 1,095 daily files", 10, lambda home: drop_daily_files(home, 1095), ingest, imports=IMPORTS
    ),
    Stage("first_run", "first 'retail run' from the shell", 180, drop_online_retail, retail_run, 3),
    Stage("refresh", "'retail run' from the shell, nothing new", 30, refresh_once, retail_run, 3),
    Stage("demo", "'retail demo' from nothing to results", 90, _nothing, demo),
    Stage(
        "simulate_1", "simulate a million lines", 3.4, _nothing, lambda home: simulate(home, 1), 4, imports=SIMULATOR
    ),
    Stage(
        "simulate_10", "simulate 10 million lines", 34, _nothing, lambda home: simulate(home, 10), 4,
        imports=SIMULATOR, most_runs=2, is_large=True,
    ),
    Stage(
        "simulate_100", "simulate 100 million lines", 334, _nothing, lambda home: simulate(home, 100), 4,
        imports=SIMULATOR, most_runs=1, is_large=True,
    ),
    Stage(
        "times_10",
        "raw, core, RFM, itemsets, snapshot, 5.4 million lines",
        18,
        lambda home: drop_many(home, 10),
        build_all,
        14,
        imports=IMPORTS,
        most_runs=3,
        is_large=True,
    ),
    Stage(
        "times_100",
        "raw, core, RFM, itemsets, snapshot, 54 million lines",
        180,
        lambda home: drop_many(home, 100),
        build_all,
        14,
        imports=IMPORTS,
        most_runs=1,
        is_large=True,
    ),
    Stage(
        "itemsets_10", "itemsets at 1 % of 5.4 million lines, with the read", 6,
        lambda home: build_many(home, 10), build_itemsets, 10, imports=IMPORTS, most_runs=3, is_large=True,
    ),
    Stage(
        "itemsets_100", "itemsets at 1 % of 54 million lines, with the read", 60,
        lambda home: build_many(home, 100), build_itemsets, 10, imports=IMPORTS, most_runs=3, is_large=True,
    ),
    Stage(
        "day_10", "a day's drop on 5.4 million lines", 5, lambda home: build_and_drop_a_day(home, 10), build_all, 14,
        imports=IMPORTS, most_runs=3, is_large=True,
    ),
    Stage(
        "day_100", "a day's drop on 54 million lines", 45, lambda home: build_and_drop_a_day(home, 100), build_all, 14,
        imports=IMPORTS, most_runs=1, is_large=True,
    ),
]  # fmt: skip


def main() -> None:
    """Run one stage on a prepared home and print its seconds."""
    name, home = sys.argv[1], Home(Path(sys.argv[2]))
    stage = next(stage for stage in STAGES if stage.name == name)
    for module in stage.imports:
        importlib.import_module(module)
    started = time.perf_counter()
    stage.work(home)
    print(f"seconds {time.perf_counter() - started:.3f}")


if __name__ == "__main__":
    main()
