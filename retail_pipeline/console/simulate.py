"""``retail simulate``: a synthetic shop by its parameters, as files."""

import tomllib
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from pydantic import BaseModel
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from retail_pipeline.errors import SettingsError
from retail_pipeline.simulator import SimulationSummary, StoreParameters, simulate_store
from retail_pipeline.simulator import preset as preset_parameters
from retail_pipeline.simulator.customers import expected_repeats


def simulated_shop(
    preset: str,
    customers: int | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    seed: int | None = None,
    settings: Sequence[str] = (),
) -> StoreParameters:
    """The parameters of a preset with those that are given in their place.

    Parameters
    ----------
    settings
        ``NAME=VALUE``, the name as :func:`show_parameters` prints it, the value as in TOML (text needs no quotes, and
        nothing unsets what need not be set).

    Raises
    ------
    SettingsError
        when there is no such preset or parameter, or a value is wrong.
    """
    values = preset_parameters(preset).model_dump()
    given = {"customers": customers, "seed": seed, "start": start and start.date(), "end": end and end.date()}
    values |= {name: value for name, value in given.items() if value is not None}
    for setting in settings:
        name, is_given, text = setting.partition("=")
        if not is_given:
            raise SettingsError(f"--set {setting}: write it as NAME=VALUE, as in --set dirt.guests=0.1.")
        _put(values, name.strip(), _value(text.strip()))
    return StoreParameters(**values)


def show_parameters(parameters: StoreParameters, console: Console) -> None:
    """Print every parameter as ``--set`` takes it, with what it means."""
    for name, value, meaning in flat_parameters(parameters):
        if name.endswith(".name"):
            continue  # the name stands in all others of its section
        text = " ".join(meaning.split())
        shown = f"{name}={_as_toml(value)}" + (f"    # {text}" if text else "")
        console.print(shown, markup=False, highlight=False)


def simulate_into(folder: Path, console: Console, parameters: StoreParameters, **how: Any) -> SimulationSummary:
    """Write a shop's files, with live progress, and print what is in them."""
    columns = (TextColumn("simulating"), BarColumn(), TextColumn("{task.completed:,} of {task.total:,} days"))
    with Progress(*columns, TimeElapsedColumn(), console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=parameters.days)
        summary = simulate_store(
            folder, parameters, progress=lambda done, _: progress.update(task, completed=done), **how
        )
    for line in described(summary, folder):
        console.print(line, markup=False, highlight=False)
    console.print(table_of_tiers(summary))
    return summary


def table_of_tiers(summary: SimulationSummary) -> Table:
    """The tiers as they came out beside what their parameters let expect."""
    parameters = summary.parameters
    worth = f"worth in {parameters.value_days:,} days"
    table = Table("tier", "customers", "(asked)", "orders each", "order value", "(asked)", f"({worth})", box=SIMPLE)
    for column in table.columns[1:]:
        column.justify = "right"
    with duckdb.connect() as connection:
        rows = connection.execute(
            "select tier, count(*), avg(orders), sum(mean_order_value * orders) / sum(orders) "
            "from read_parquet(?) group by tier",
            [str(summary.truth / "customers.parquet")],
        ).fetchall()
    found = {tier: figures for tier, *figures in rows}
    shares = sum(tier.share for tier in parameters.tiers)
    for tier in parameters.tiers:
        count, orders, value = found.get(tier.name, (0, 0.0, 0.0))
        asked = tier.p * tier.gamma / (tier.q - 1)
        days = np.array([float(parameters.value_days)])
        total = asked * (1 + float(expected_repeats(tier.r, tier.alpha, tier.a, tier.b, days)[0]))
        share = parameters.customers * tier.share / shares
        table.add_row(
            tier.name, f"{count:,}", f"{share:,.0f}", f"{orders:.2f}", f"{value:,.2f}", f"{asked:,.2f}", f"{total:,.0f}"
        )
    return table


def described(summary: SimulationSummary, folder: Path) -> list[str]:
    """What was simulated, in words."""
    lines = summary.lines
    kinds = ", ".join(f"{count:,} {name}" for name, count in lines.items() if count)
    files = f"{len(summary.files):,} files" if len(summary.files) != 1 else "one file"
    told = [
        f"Simulated {summary.customers:,} customers with {summary.orders:,} orders from {summary.first_order_ts} to "
        f"{summary.last_order_ts}: {summary.rows:,} rows in {files} in {folder}",
        f"  true lines: {kinds}; net sales {summary.net_amount:,.2f} {summary.parameters.currency}",
    ]
    untold = ", ".join(f"{lines[name]:,} {name}" for name in summary.untold_kinds if lines[name])
    if untold:
        told.append(f"  of these, the format has no word for: {untold}")
    if summary.repeated_rows or summary.unreadable_rows:
        told.append(
            f"  on purpose, {summary.repeated_rows:,} rows repeat one, {summary.unreadable_rows:,} cannot be read"
        )
    if summary.missing_lines:
        told.append(f"  not exported, for an outage: {summary.missing_lines:,} lines")
    return [*told, f"  the truth behind it: {summary.truth}"]


def _value(text: str) -> Any:
    """What a text stands for in TOML; itself if it is none, and None if it is empty."""
    if not text:
        return None
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _put(values: dict[str, Any], name: str, value: Any) -> None:
    """Put a value where a dotted name says; the items of a list go by their names."""
    *path, last = name.split(".")
    place: Any = values
    for step in [*path, last]:
        known = _names(place)
        is_open = isinstance(place, dict) and all(isinstance(each, float) for each in place.values())
        if step not in known and not (step is last and is_open):
            raise SettingsError(
                f"--set {name}: "
                + (f"{step} is none of {', '.join(known)}." if known else f"nothing that has a name is above {step}.")
            )
        inside = place
        place = place.get(step) if isinstance(place, dict) else place[known.index(step)]
    if not isinstance(inside, dict):
        raise SettingsError(f"--set {name}: say which of its values: {', '.join(f'{name}.{each}' for each in place)}.")
    inside[last] = value


def _names(place: Any) -> list[str]:
    if isinstance(place, dict):
        return list(place)
    if isinstance(place, tuple):
        return [item["name"] if isinstance(item, dict) else "" for item in place]
    return []


def flat_parameters(section: BaseModel, prefix: str = "") -> Iterator[tuple[str, Any, str]]:
    """The name, value and meaning of each parameter of a section and those in it."""
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            yield from flat_parameters(value, f"{prefix}{name}.")
        elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            for item in value:
                yield from flat_parameters(item, f"{prefix}{name}.{getattr(item, 'name', '')}.")
        else:
            yield f"{prefix}{name}", value, field.description or ""


def _as_toml(value: Any) -> str:
    """A value as ``--set`` takes it: nothing for what is not set."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{key}" = {each}' for key, each in value.items()) + "}"
    if isinstance(value, tuple):
        return "[" + ", ".join(_as_toml(each) for each in value) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)
