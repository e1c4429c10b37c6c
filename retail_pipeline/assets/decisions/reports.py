"""``decisions.<frequency>_reports``: the pages in ``reports/``, a row each."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from retail_pipeline.assets.frame_assets import FrameTable
from retail_pipeline.reports import cause_rules, charts, contents, customer_rules, page, sales_rules, sentences, words
from retail_pipeline.reports.contents import UPSTREAM, Contents, collect, known_periods
from retail_pipeline.reports.files import page_code, page_state, read_rows, report_path, says, write_report
from retail_pipeline.reports.page import render_markdown
from retail_pipeline.reports.periods import FREQUENCIES, Period
from retail_pipeline.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd

NAMES = {"day": "daily", "week": "weekly", "month": "monthly", "quarter": "quarterly"}


def _table(frequency: str) -> FrameTable:
    name = f"decisions.{NAMES[frequency]}_reports"
    return FrameTable(
        name=name,
        row=f"a {frequency} whose report lies in the home's reports/{frequency}/",
        about=f"The last {frequency}s, as many as the setting reports.{frequency}s says; 'retail report --period NAME' "
        "writes any other. A page is written when it is missing or when what it says has changed. The newest is the "
        "materialisation's metadata report.",
        key=("period",),
        columns={
            "period": ("date", f"the {frequency}'s first day"),
            "name": ("varchar", "its name, as 'retail report --period' takes it"),
            "title": ("varchar", "its name in words"),
            "is_partial": ("boolean", "whether the data hold only a part of it"),
            "file_name": ("varchar", "the page, below reports/ in the home"),
            "headline": ("varchar", "its first sentence"),
            "contents": ("varchar", "a hash of what the page says and of the code that makes it"),
        },
        upstream=UPSTREAM,
        make=_maker(frequency, name),
        code=(contents, page, charts, sentences, sales_rules, cause_rules, customer_rules, words),
        parameters=(f"report_{frequency}s",),
        is_whole=_finder(name),
        tell=_teller(frequency, name),
    )


def _maker(frequency: str, name: str) -> "Callable[[Warehouse], pd.DataFrame]":
    def make(warehouse: Warehouse) -> "pd.DataFrame":
        import pandas as pd

        read = read_rows(warehouse.connection)
        folder = warehouse.home.reports
        kept = getattr(warehouse.settings.reports, f"{frequency}s")
        rows = []
        for period in known_periods(frequency, read)[-kept:] if kept else []:
            found = collect(period, read)
            path = report_path(folder, period)
            file_name, state = f"{frequency}/{path.name}", page_state(found)
            if not says(path, state):
                write_report(folder, found)
            rows.append(_row(found, file_name, state))
        return pd.DataFrame(
            rows, columns=["period", "name", "title", "is_partial", "file_name", "headline", "contents"]
        )

    return make


def _row(found: Contents, file_name: str, state: str) -> tuple[object, ...]:
    period = found.period
    headline = found.sentences[0].text if found.sentences else ""
    is_partial = bool(found.figures["is_partial"])
    return period.first_day, period.name, period.title, is_partial, file_name, headline, state


def _finder(name: str) -> Callable[[Warehouse], bool]:
    """Whether all pages are there that the table speaks of, as it says and made by this code."""

    def is_whole(warehouse: Warehouse) -> bool:
        files = warehouse.execute(f"select file_name, contents from {name}").fetchall()
        return all(
            state.endswith(page_code()) and says(warehouse.home.reports / file_name, state)
            for file_name, state in files
        )

    return is_whole


def _teller(frequency: str, name: str) -> Callable[[Warehouse], Mapping[str, Any]]:
    """The newest whole report as Markdown, for the Dagster UI."""

    def tell(warehouse: Warehouse) -> Mapping[str, Any]:
        first_day = warehouse.value(
            f"select coalesce(max(case when not is_partial then period end), max(period)) from {name}"
        )
        if first_day is None:
            return {}
        found = collect(Period(frequency, first_day), read_rows(warehouse.connection))
        return {
            "report": dg.MetadataValue.md(render_markdown(found)),
            "page": dg.MetadataValue.path(str(report_path(warehouse.home.reports, found.period))),
        }

    return tell


TABLES = [_table(frequency) for frequency in FREQUENCIES]
