"""``retail demo`` and ``retail simulate``: the synthetic store."""

from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rich.console import Console

from retail_pipeline.console.run import run_pipeline
from retail_pipeline.errors import SettingsError
from retail_pipeline.home import Home
from retail_pipeline.simulator import StoreParameters, simulate_store

WHAT_TO_LOOK_AT = """
What to look at:
  retail --home {home} sql "select table_name, rows, row_is from meta.tables"
  retail --home {home} sql "select * from customers.rfm_scores order by monetary desc limit 10"
  retail --home {home} status
  retail --home {home} ui
  retail --home {home} export
"""


def run_demo(home: Home, console: Console) -> int:
    """Simulate the default store into a home's drops, run the pipeline; returns the exit code."""
    home.create()
    simulate_into(home.drops, console, {})
    code = run_pipeline(home, console)
    if code == 0:
        from retail_pipeline.console.query import run_query

        run_query(
            home, console, "select segment, customers, revenue from customers.rfm_segments order by 3 desc", "table"
        )
        console.print(WHAT_TO_LOOK_AT.format(home=home.root), markup=False, highlight=False)
    return code


def simulate_into(folder: Path, console: Console, given: dict[str, Any]) -> None:
    """Write a store's files and print what is in them."""
    values = {name: value.date() if isinstance(value, datetime) else value for name, value in given.items()}
    try:
        parameters = StoreParameters(**values)
    except ValidationError as error:
        raise SettingsError("\n".join(f"{item['loc'][0]}: {item['msg']}" for item in error.errors())) from error
    summary = simulate_store(folder, parameters)
    console.print(
        f"Simulated {summary.customers:,} customers, {summary.orders:,} orders and {summary.lines:,} lines "
        f"({summary.malformed_lines} malformed on purpose) into {len(summary.files)} files in {folder}",
        markup=False,
        highlight=False,
    )
