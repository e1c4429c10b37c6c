"""``retail demo``: a synthetic shop in a home of its own, from nothing to results."""

import hashlib

from rich.console import Console

from retail_pipeline.console.run import run_pipeline
from retail_pipeline.console.simulate import simulate_into
from retail_pipeline.home import Home
from retail_pipeline.simulator import preset

WHAT_TO_LOOK_AT = """
What to look at:
  retail --home {home} sql "select table_name, rows, row_is from meta.tables"
  retail --home {home} sql "select text, certainty from decisions.insights order by rank limit 10"
  {home}/reports: a page for each of the last days, weeks, months and quarters
  retail --home {home} sql "select * from customers.rfm_scores order by monetary desc limit 10"
  retail --home {home} status
  retail --home {home} dashboard
  retail --home {home} ui
  retail --home {home} export
"""


def run_demo(home: Home, console: Console) -> int:
    """Simulate the demo shop into a home's drops, run the pipeline; returns the exit code.

    Should files be other ones than those of an earlier demo, as with a new release, they take their place.
    """
    home.create()
    before = _digests(home)
    simulate_into(home.drops, console, preset("demo"))
    after = _digests(home)
    changed = [name for name, digest in before.items() if after.get(name, digest) != digest]
    code = run_pipeline(home, console, reload=changed)
    if code == 0:
        from retail_pipeline.console.query import run_query

        run_query(
            home, console, "select segment, customers, revenue from customers.rfm_segments order by 3 desc", "table"
        )
        console.print(WHAT_TO_LOOK_AT.format(home=home.root), markup=False, highlight=False)
    return code


def _digests(home: Home) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in home.drops.glob("*.csv")}
