"""A store whose customers' orders are given, for the tables of models."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

import pandas as pd

from retail_pipeline.assets.frame_assets import FrameTable, build_frame_table
from retail_pipeline.assets.models.purchase import CHAMPIONS_TABLE
from retail_pipeline.definitions import CHECKS
from retail_pipeline.home import Home
from retail_pipeline.settings import load_settings
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline.warehouse.working_database import WorkingDatabase

STATES = {
    "customer_id": "varchar",
    "order_id": "varchar",
    "order_date": "date",
    "known_from": "date",
    "known_until": "date",
    "lines": "bigint",
    "amount": "decimal(18, 4)",
}
Order = tuple[str, date, float]
"""Customer, day and value."""


def standing(orders: Iterable[Order]) -> list[dict[str, Any]]:
    """States of orders of which nothing was cancelled."""
    return [
        {
            "customer_id": customer,
            "order_id": f"o{number}",
            "order_date": day,
            "known_from": day,
            "known_until": None,
            "lines": 1,
            "amount": amount,
        }
        for number, (customer, day, amount) in enumerate(orders)
    ]


class PurchaseStore:
    """A home in which the tables before the models are given."""

    def __init__(self, home: Home, settings: str = "") -> None:
        self.home = home
        home.settings_file.write_text(settings)
        self._database = WorkingDatabase.open(home, "test-run", load_settings(home).warehouse)
        self.warehouse = self.open()

    def open(self, *, training: bool = False) -> Warehouse:
        """A run's hold on it."""
        settings = load_settings(self.home)
        self.warehouse = Warehouse(self._database.connection, self.home, settings, "test-run", training=training)
        return self.warehouse

    def give(self, states: list[dict[str, Any]]) -> None:
        """Replace the states of orders, and what tells of them: lines, one each, and features; no champion serves."""
        frame = pd.DataFrame(states, columns=list(STATES))
        lines = frame[["order_date"]]
        self._write("customers.order_states", frame, STATES)
        self._write("core.order_lines", lines, {"order_date": "date"})
        kept = frame[frame["known_until"].isna() & (frame["lines"] > 0)]
        features = kept.groupby("customer_id", as_index=False).agg(total_spend=("amount", "sum"))
        as_of = None if frame.empty else max(frame["order_date"]) + timedelta(days=1)
        types = {"customer_id": "varchar", "total_spend": "decimal(18, 4)", "as_of": "date"}
        self._write("customers.features", features.assign(as_of=as_of), types)
        champions = {name: type_ for name, (type_, _) in CHAMPIONS_TABLE.columns.items()}
        self._write("models.champions", pd.DataFrame(columns=list(champions)), champions)

    def build(self, *tables: FrameTable, training: bool = False) -> Warehouse:
        """Tables of models, checked."""
        warehouse = self.open(training=training)
        for table in tables:
            build_frame_table(warehouse, table)
        names = {table.name for table in tables}
        findings = {check.full_name: check.find(warehouse) for check in CHECKS if check.table in names}
        assert {name: found.message for name, found in findings.items() if not found.passed} == {}
        return warehouse

    def close(self) -> None:
        self._database.close()

    def _write(self, table: str, frame: pd.DataFrame, types: Mapping[str, str]) -> None:
        self.warehouse.write(
            table, frame, row_is="a row", columns=dict.fromkeys(types, "what it holds"), types=dict(types)
        )
