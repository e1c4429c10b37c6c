"""What the figures are made of: files, rejected lines, checks, runs, tables and their sources; and questions in SQL."""

from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from retail_pipeline.console.query import QueryError
from retail_pipeline.dashboard.drawing import View, metric, say_unapplied
from retail_pipeline.dashboard.lineage import lineage_words, table_upstream
from retail_pipeline.dashboard.palette import ACCENT, ORANGE
from retail_pipeline.dashboard.questions import EXAMPLES, answer
from retail_pipeline.dashboard.snapshot import MOST_ROWS
from retail_pipeline.reports.words import counted, percent

LINE_TYPES = {
    "sale": "sales", "return": "returns", "cancellation": "cancellations", "adjustment": "adjustments",
    "charge": "charges",
}  # fmt: skip


def show(view: View) -> None:
    """The page."""
    say_unapplied(view.filters, (), "this page is about all that was loaded.")
    if view.snapshot.has("raw.drops"):
        _drops(view)
    _checks(view)
    _runs(view)
    _tables(view)
    _ask(view)


def _drops(view: View) -> None:
    drops = view.snapshot.frame(
        "select file_name, format, rows_read, rows_loaded, rows_rejected, first_order_ts, last_order_ts, loaded_at "
        "from raw.drops order by loaded_at desc, file_name"
    )
    read, rejected = int(drops["rows_read"].sum()), int(drops["rows_rejected"].sum())
    with st.container(horizontal=True, key="headlines"):
        metric("Files", f"{len(drops):,}", help_="loaded from drops/")
        metric("Lines read", f"{read:,}", help_="all of them are loaded or rejected")
        metric("Rejected", f"{rejected:,}", help_="kept in raw.rejected_rows with their text and reason")
        metric("Rejected share", percent(rejected / read) if read else "–", help_="of the lines read")
    if rejected:
        reasons = view.snapshot.frame(
            "select reason, count(*) as lines, any_value(raw) as example from raw.rejected_rows group by reason "
            "order by lines desc, reason"
        )
        view.table(
            "Why lines were rejected", reasons, ("raw.rejected_rows",),
            titles={"lines": "lines rejected for it [lines]", "example": "the text of one of them"},
            says="A file with few reasons and many lines is worth mending: 'retail run --reload NAME' loads it again.",
        )  # fmt: skip
    if view.snapshot.has("raw.refused_files"):
        refused = view.snapshot.frame("select file_name, reason from raw.refused_files order by 1")
        if len(refused):
            view.table("Files of which nothing could be loaded", refused, ("raw.refused_files",))
    view.table(
        "Files", drops, ("raw.drops",), empty="No file is loaded yet: 'retail add FILE', then 'retail run'.",
        says="The latest first.",
    )  # fmt: skip
    if view.snapshot.has("core.order_lines"):
        _line_types(view)


def _line_types(view: View) -> None:
    frame = view.snapshot.frame(
        "select line_type, count(*) as lines, count(*) filter (where is_duplicate) as duplicates, "
        "sum(reporting_amount) as reporting_amount from core.order_lines group by line_type order by lines desc"
    )

    def draw(frame: pd.DataFrame) -> Any:
        figure = go.Figure()
        whole = frame["lines"] - frame["duplicates"]
        names = [LINE_TYPES.get(name, name) for name in frame["line_type"]]
        for values, title, colour in (
            (whole, "count", ACCENT),
            (frame["duplicates"], "duplicates, left aside", ORANGE),
        ):
            figure.add_bar(
                y=names, x=values, name=title, orientation="h", marker_color=colour,
                hovertemplate="%{y}: %{x:,} lines<extra></extra>",
            )  # fmt: skip
        figure.update_layout(barmode="stack")
        figure.update_yaxes(autorange="reversed")
        figure.update_xaxes(title="lines")
        return figure

    view.chart(
        "How lines are classified", frame, draw, ("core.order_lines",), height=260,
        says="Nothing is deleted by cleaning; every line has a kind.",
        titles={"lines": "lines of the kind [lines]", "duplicates": "equal to an earlier line in every column [lines]"},
    )  # fmt: skip


def _checks(view: View) -> None:
    checks = view.snapshot.frame(
        "select passed, case when passed then '' else severity end as severity, table_name, "
        '"check", message, is_blocking, "at" from meta.checks order by passed, checks.severity, table_name, "check"'
    )
    failed = int((~checks["passed"].astype(bool)).sum()) if len(checks) else 0
    view.table(
        "Checks", checks, ("meta.checks",), empty="No check has run yet.",
        says=f"{failed} of {len(checks)} failed; a failing blocking check withholds new data from readers.",
    )  # fmt: skip


def _runs(view: View) -> None:
    runs = view.snapshot.frame(
        "select started, seconds, status, started_by, message, run from meta.runs order by started desc limit 50"
    )

    def draw(frame: pd.DataFrame) -> Any:
        known = frame[frame["seconds"].notna()]
        figure = go.Figure(
            go.Bar(
                x=known["started"], y=known["seconds"], customdata=known["status"],
                marker_color=[ACCENT if status == "success" else ORANGE for status in known["status"]],
                hovertemplate="%{x}: %{y:.1f} s, %{customdata}<extra></extra>",
            )
        )  # fmt: skip
        figure.update_xaxes(type="category", showticklabels=False, title="runs, the latest on the right")
        figure.update_xaxes(autorange="reversed")
        figure.update_yaxes(title="seconds")
        return figure

    view.chart("Runs", runs, draw, ("meta.runs",), says="The last fifty; orange ones failed.", height=240)


def _tables(view: View) -> None:
    tables = view.snapshot.frame(
        "select table_name, rows, row_is, materialised_at, is_stale, stale_reason from meta.tables"
    )
    view.table("Tables", tables, ("meta.tables",), says="What is published, and when each table was last made.")
    names = tables["table_name"].tolist()
    if not names:
        return
    with st.container(border=True, key="lineage"):
        st.markdown("#### Where a table comes from")
        name = st.selectbox("Table", names, key="table", bind="query-params", index=None, placeholder="Choose a table")
        if name is None:
            return
        words = view.snapshot.words().get(name)
        if words:
            st.markdown(" ".join(words.about.split()))
        st.markdown(lineage_words(name, table_upstream()))
        if words:
            with st.expander("Its columns"):
                columns = pd.DataFrame(words.columns.items(), columns=["column", "meaning"])
                view.rows("Its columns", columns, (), {})


def _ask(view: View) -> None:
    st.subheader("Ask in SQL")
    st.caption(
        "On the published snapshot: SELECT only, read-only, without access to files or the network, as 'retail sql'. "
        "Tables are written schema.table."
    )
    example = st.selectbox("Example", list(EXAMPLES), key="example")
    with st.form("sql-form", border=False):
        sql = st.text_area("Query", EXAMPLES[str(example)], height=160, key=f"sql-{example}")
        asked = st.form_submit_button("Run the query")
    if not asked:
        return
    try:
        frame = answer(view.snapshot, str(sql), MOST_ROWS)
    except QueryError as error:
        st.error(str(error).partition("\nTables:")[0])
        return
    if len(frame) == MOST_ROWS:
        st.warning(f"Only the first {MOST_ROWS:,} rows are read; 'retail sql --csv' prints all.")
    view.table("Answer", frame, (), says=counted(len(frame), "row"), empty="No row is found.")
