"""``retail forget``: a customer's identity goes from everything that is kept, their lines stay."""

import uuid

from rich.console import Console

from retail_pipeline.console.run import run_pipeline
from retail_pipeline.home import Home
from retail_pipeline.ingest.forget import Forgotten, forget_customer
from retail_pipeline.settings import load_settings
from retail_pipeline.warehouse.bookkeeping import Bookkeeping
from retail_pipeline.warehouse.rewrite import rewrite_snapshots, rewrite_working_database
from retail_pipeline.warehouse.snapshot import remove_leftovers, snapshots
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline.warehouse.working_database import WorkingDatabase


def forget(home: Home, console: Console, customer: str) -> int:
    """Forget a customer in raw, in all that is made from it, and in every kept snapshot; returns the exit code."""
    settings = load_settings(home)
    if not home.working_database.exists():
        console.print("Nothing is loaded, so there is nobody to forget.")
        return 0
    forgotten = _forget_in_raw(home, console, customer)
    if not forgotten.lines and not forgotten.rejected and not snapshots(home):
        console.print("Nothing was found of them; should they come with a later file, they will be a guest.")
        return 0
    code = run_pipeline(home, console)
    database = WorkingDatabase.open(home, f"forget-{uuid.uuid4().hex[:8]}", settings.warehouse, console.print)
    try:
        Bookkeeping(database.connection, database.run_id).forget_logged_values(forgotten.replacement.names)
        remove_leftovers(home)
        rewritten = rewrite_snapshots(home, forgotten.replacement)
        rewrite_working_database(database)
    finally:
        database.close()
    console.print(
        f"Forgotten: {forgotten.lines:,} lines now stand under {forgotten.replacement.pseudonym}, "
        f"{forgotten.rejected:,} rejected lines are blank, {len(rewritten)} snapshots were written anew.",
        markup=False,
        highlight=False,
    )
    if forgotten.files:
        console.print(
            f"Their lines came with {', '.join(forgotten.files)}: the pipeline does not change your files. What comes "
            "again of them counts as a guest's. exports/ and copies of the database elsewhere are yours to clear too.",
            markup=False,
            highlight=False,
        )
    return code


def _forget_in_raw(home: Home, console: Console, customer: str) -> Forgotten:
    settings = load_settings(home)
    run_id = f"forget-{uuid.uuid4().hex[:8]}"
    database = WorkingDatabase.open(home, run_id, settings.warehouse, console.print)
    try:
        return forget_customer(Warehouse(database.connection, home, settings, run_id), customer)
    finally:
        database.close()
