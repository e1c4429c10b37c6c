"""Whatever became of the files in ``drops/``, run by run: tables hold what a full build makes of what is there."""

import hashlib
import itertools
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from retail_pipeline.assets.raw.drops import write_formats
from retail_pipeline.assets.sql_parameters import sql_parameters
from retail_pipeline.home import Home
from retail_pipeline.ingest import write_drop as writing
from retail_pipeline.ingest.loader import load_drops
from retail_pipeline.warehouse import chunks
from retail_pipeline.warehouse.table_build import build_table
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.assets.store_tables import SQL_ALONE, SQL_TABLES, rows_of
from retail_pipeline_tests.ingest.exports import export, shopify_line, shopify_order
from retail_pipeline_tests.ingest.sales import SALES_KINDS, Sale
from retail_pipeline_tests.stores import opened, write_drop
from retail_pipeline_tests.warehouse.test_incremental import assert_as_built_anew

TABLES = [name for name in SQL_ALONE if name.split(".")[0] in ("core", "customers")]
START = datetime(2024, 3, 1)
STEPS = 7


class History:
    """A home whose files come, change, are renamed and go, and a warehouse that takes part in each step.

    Orders 0 to 5 are of an appending format, some of them in several files; of Shopify's orders each export holds some,
    as they are by then.
    """

    def __init__(self, warehouse: Warehouse, dice: random.Random) -> None:
        self.warehouse = warehouse
        self.story: list[str] = []
        self._dice = dice
        self._names = itertools.count(1)
        self._contents: dict[str, str] = {}
        self._by_hash: dict[str, str] = {}

    def step(self) -> None:
        """One thing happens to the files, and then a run."""
        steps: list[Callable[[], None]] = [self.drop_lines, self.drop_orders, self.drop_orders, self.drop_rates]
        if self._contents:
            steps += [self.mend, self.rename, self.remove, self.put_back, self.go_on, self.delete]
        self._dice.choice(steps)()
        build(self.warehouse)

    def load_anew(self, warehouse: Warehouse) -> None:
        """Put what counts by now into another home, file by file in the order it was loaded in."""
        warehouse.home.privacy_key.write_text(self.warehouse.home.privacy_key.read_text())
        ledger = self.warehouse.execute("select file_name, sha256 from raw.drops order by loaded_at, file_name")
        for name, digest in ledger.fetchall():
            write_drop(warehouse.home, name, self._by_hash[digest])
            load_drops(warehouse)

    def drop_lines(self) -> None:
        """A file of lines, cancellations and returns among them, that may repeat those of another file."""
        self._drop("lines.csv", self._lines())

    def drop_orders(self) -> None:
        """An export that holds orders again, changed; it may be older than the one before."""
        self._drop("orders.csv", self._orders())

    def drop_rates(self) -> None:
        """Rates that may contradict those there are."""
        self._drop("rates.csv", self._rates())

    def mend(self) -> None:
        """A file gets other contents and is loaded again in place of what it was."""
        name = self._any()
        self._write(name, self._another(name))
        self._load(f"mend {name}", reload=[name])

    def put_back(self) -> None:
        """A file gets other contents without a word; both count."""
        name = self._any()
        self._write(name, self._another(name))
        self._load(f"change {name}")

    def go_on(self) -> None:
        """A file gets further lines behind those it has."""
        name = self._any()
        self._write(name, self._contents[name] + self._another(name).split("\n", 1)[1])
        self._load(f"append to {name}")

    def rename(self) -> None:
        """A file gets a name before or behind all others."""
        name = self._any()
        new = f"{self._dice.choice('az')}{next(self._names)}{name}"[-40:]
        (self.warehouse.home.drops / name).rename(self.warehouse.home.drops / new)
        self._contents[new] = self._contents.pop(name)
        self._load(f"rename {name} {new}")

    def remove(self) -> None:
        """A file is taken out with what it brought."""
        name = self._any()
        del self._contents[name]
        self._load(f"remove {name}", remove=[name])

    def delete(self) -> None:
        """A file is deleted; what it brought stays."""
        name = self._any()
        del self._contents[name]
        (self.warehouse.home.drops / name).unlink()
        self._load(f"delete {name}")

    def _drop(self, what: str, content: str) -> None:
        name = f"{self._dice.choice('bcd')}{next(self._names)}-{what}"
        self._write(name, content)
        self._load(f"drop {name}")

    def _load(self, what: str, **how: list[str]) -> None:
        self.story.append(what)
        report = load_drops(self.warehouse, **how)  # type: ignore[arg-type]
        assert report.refused == {}, self.story

    def _write(self, name: str, content: str) -> None:
        self._contents[name] = content
        self._by_hash[hashlib.sha256(content.encode()).hexdigest()] = content
        write_drop(self.warehouse.home, name, content)

    def _any(self) -> str:
        return self._dice.choice(sorted(self._contents))

    def _another(self, name: str) -> str:
        return {"lines": self._lines, "orders": self._orders, "rates": self._rates}[name.split("-")[-1][:-4]]()

    def _lines(self) -> str:
        dice = self._dice
        sales = [
            Sale(
                f"{dice.choice(['', '', 'C'])}{order}",
                START + timedelta(days=order),
                dice.choice(["", "1", "2"]),
                dice.choice(["p1", "P1", "p2", "POST"]),
                dice.choice(["one", "two"]),
                dice.choice([-1, 1, 2, 3]),
                dice.choice([1, 2]),  # type: ignore[arg-type]
            )
            for order in dice.choices(range(6), k=dice.randint(1, 4))
        ]
        return SALES_KINDS[dice.choice(["canonical", "online_retail"])].text(sales)

    def _orders(self) -> str:
        dice = self._dice
        rows: list[Any] = []
        for order in sorted(dice.sample(range(5), dice.randint(1, 3))):
            lines = [
                shopify_line(
                    dice.choice(["Mug", "Tote"]), dice.randint(1, 3), "10.00", dice.choice(["p1", "p9", "tip"])
                )
                for _ in range(dice.randint(1, 2))
            ]
            more = {"Refunded Amount": dice.choice(["0.00", "5.00", "99.00"]), "Discount Amount": "1.00"}
            if dice.random() < 0.2:
                more["Cancelled at"] = "2024-03-09 09:00:00 -0500"
            created = f"{START + timedelta(days=order):%Y-%m-%d} 10:00:00 -0500"
            customer, currency = dice.choice(["a@example.com", "b@example.com", ""]), dice.choice(["USD", "EUR", "GBP"])
            name = dice.choice([f"#{order}", f"#{order}", str(order)])  # a number that the other format has as well
            rows += shopify_order(name, lines, created=created, Email=customer, Currency=currency, **more)
        return export("shopify", rows)

    def _rates(self) -> str:
        dice = self._dice
        days = [START + timedelta(days=dice.randint(-2, 6)) for _ in range(dice.randint(1, 3))]
        return "date,currency,rate\n" + "".join(
            f"{day:%Y-%m-%d},{dice.choice(['EUR', 'GBP', 'USD'])},{dice.choice(['1.1', '2', '3'])}\n" for day in days
        )


def build(warehouse: Warehouse) -> None:
    write_formats(warehouse)
    for name in TABLES:
        build_table(warehouse, SQL_TABLES[name], sql_parameters(warehouse.settings))


@pytest.fixture(autouse=True)
def _each_load_has_a_time_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """In whole seconds, as the times of this history are."""
    seconds = itertools.count()
    monkeypatch.setattr(writing, "precise_utc_now", lambda: START + timedelta(seconds=next(seconds)))


@pytest.mark.parametrize("seed", range(3))
def test_after_any_history_the_tables_are_as_a_full_build_makes_them(
    home: Home, tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each step of what is in raw, at the end of files that are loaded anew, and in parts."""
    with opened(home) as warehouse, opened(Home(tmp_path / "anew").create()) as anew:
        history = History(warehouse, random.Random(seed))
        try:
            for _ in range(STEPS):
                history.step()
                for name in TABLES:
                    parameters = {key: sql_parameters(warehouse.settings)[key] for key in SQL_TABLES[name].parameters}
                    assert_as_built_anew(warehouse, SQL_TABLES[name], parameters)
            history.load_anew(anew)
            build(anew)
            rows = {name: rows_of(warehouse, name) for name in TABLES}
            assert rows == {name: rows_of(anew, name) for name in TABLES}
            monkeypatch.setattr(chunks, "CHUNK_ROWS", 1)
            warehouse.full = True
            build(warehouse)
            assert rows == {name: rows_of(warehouse, name) for name in TABLES}
        except AssertionError as error:
            raise AssertionError("; ".join(history.story)) from error
