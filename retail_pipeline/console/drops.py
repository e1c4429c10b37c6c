"""``retail drops``: the loaded files, and which of their orders later files told anew."""

import duckdb
from rich import box
from rich.console import Console
from rich.table import Table

from retail_pipeline.errors import SnapshotMissingError
from retail_pipeline.home import Home
from retail_pipeline.warehouse.reader import open_snapshot

LEDGER = """
select
    drops.file_name,
    drops.format,
    drops.rows_loaded,
    drops.rows_rejected,
    drops.first_order_ts::date,
    drops.last_order_ts::date,
    drops.loaded_at,
    coalesce(sum((not versions.stands)::integer), 0)
from raw.drops as drops
left join core.order_versions as versions using (drop_id)
group by all
order by drops.loaded_at, drops.file_name
"""


def print_drops(home: Home, console: Console) -> None:
    """List what is loaded, as published.

    Raises
    ------
    SnapshotMissingError
        when nothing is published yet.
    """
    with open_snapshot(home) as snapshot:
        try:
            rows = snapshot.execute(LEDGER).fetchall()
        except duckdb.CatalogException as error:
            raise SnapshotMissingError("The snapshot is of an earlier release; run 'retail run' first.") from error
    table = Table(box=box.SIMPLE_HEAD)
    for title in ("file", "format", "rows", "rejected", "first day", "last day", "loaded (UTC)", "orders replaced"):
        table.add_column(title, justify="right" if title in ("rows", "rejected", "orders replaced") else "left")
    for name, format_name, loaded, rejected, first, last, loaded_at, replaced in rows:
        days = [str(day) if day else "-" for day in (first, last)]
        table.add_row(
            name, format_name, f"{loaded:,}", f"{rejected:,}", *days, f"{loaded_at:%Y-%m-%d %H:%M:%S}", f"{replaced:,}"
        )
    console.print(table if rows else "Nothing is loaded.")
    console.print("'retail drops remove NAME' takes out what a file brought.", highlight=False)
