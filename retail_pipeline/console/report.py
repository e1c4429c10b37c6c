"""``retail report``: the page of any period, from the published snapshot."""

from pathlib import Path

import duckdb
from rich.console import Console

from retail_pipeline.errors import WarehouseError
from retail_pipeline.home import Home
from retail_pipeline.reports.contents import collect, latest_whole_periods
from retail_pipeline.reports.files import read_rows, write_report
from retail_pipeline.reports.page import render_markdown
from retail_pipeline.reports.periods import parse_period
from retail_pipeline.warehouse.reader import open_snapshot


def print_report(home: Home, console: Console, period_name: str | None, *, text: bool) -> None:
    """Write a period's page and say where it lies and how it begins, or print it as Markdown.

    Parameters
    ----------
    period_name
        As in 2011-11-30, 2011-W48, 2011-11 or 2011-Q4; the last whole month if None, or else week or day.
    text
        Print the report instead of writing a page.

    Raises
    ------
    SelectionError
        when the name is none, or the data have no day of the period.
    WarehouseError
        when the snapshot lacks the tables a report is made from.
    """
    asked = parse_period(period_name) if period_name else None
    with open_snapshot(home) as snapshot:
        read = read_rows(snapshot)
        try:
            latest = latest_whole_periods(read, ("month", "week", "day"))
            if asked is None and not latest:
                console.print("No day of the data is whole yet, so there is nothing to report.", markup=False)
                return
            contents = collect(asked or latest[0], read)
        except duckdb.CatalogException as error:
            reason = str(error).splitlines()[0]
            raise WarehouseError(
                f"The snapshot lacks what a report is made from ({reason}). Run 'retail run', then ask again."
            ) from error
    if text:
        console.print(render_markdown(contents), markup=False, highlight=False, soft_wrap=True)
        return
    path: Path = write_report(home.reports, contents)
    for sentence in contents.sentences[:3]:
        console.print(sentence.text, markup=False, highlight=False)
    console.print(f"Written: {path}", markup=False, highlight=False, soft_wrap=True)
