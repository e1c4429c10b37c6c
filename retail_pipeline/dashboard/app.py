"""The script that Streamlit runs: the frame around every page, and the way between pages."""

import contextlib
import importlib
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial

import duckdb
import streamlit as st

from retail_pipeline.dashboard import ways
from retail_pipeline.dashboard.drawing import View
from retail_pipeline.dashboard.filters import GUESTS, PERIODS, Filters, period_bounds
from retail_pipeline.dashboard.freshness import data_end, freshness, reporting_currency
from retail_pipeline.dashboard.snapshot import Snapshot, published
from retail_pipeline.errors import RetailPipelineError, SnapshotMissingError
from retail_pipeline.home import Home
from retail_pipeline.settings import load_settings
from retail_pipeline.warehouse.snapshot import current_snapshot
from retail_pipeline.warehouse.working_database import utc_now

LOOK_EVERY_SECONDS = 15
SHOWN_WARNINGS = 3
UNKNOWN = "(unknown)"


@dataclass(frozen=True)
class Page:
    """A page: the name of its module in ``views`` and in the address, its title, its icon and its section."""

    name: str
    title: str
    icon: str
    section: str


PAGES = (
    Page("overview", "Overview", "monitoring", "Sales"),
    Page("forecasts", "Forecasts", "trending_up", "Sales"),
    Page("why", "Why", "help_center", "Sales"),
    Page("rfm", "RFM", "star", "Customers"),
    Page("segments", "Segments", "bubble_chart", "Customers"),
    Page("value", "Value and churn", "savings", "Customers"),
    Page("customer", "One customer", "person", "Customers"),
    Page("baskets", "Baskets", "shopping_basket", "Products"),
    Page("models", "Models", "model_training", "Trust"),
    Page("data", "Data", "database", "Trust"),
    Page("score", "Score a file", "upload_file", "Tools"),
)


def main() -> None:
    """Show the page that the address asks for, in its frame."""
    st.set_page_config(page_title="Retail dashboard", page_icon="🛍️", layout="wide")
    views: list[View] = []
    sections: dict[str, list[st.Page]] = {}
    known: dict[str, st.Page] = {}
    for page in PAGES:
        entry = st.Page(
            partial(_show_with, page.name, views),
            title=page.title,
            icon=f":material/{page.icon}:",
            url_path=page.name,
            default=page is PAGES[0],
        )
        known[page.name] = entry
        sections.setdefault(page.section, []).append(entry)
    st.session_state[ways.PAGES] = known
    chosen = st.navigation(sections)
    st.title(chosen.title)
    with _faults_told():
        views.append(_prepare())  # outside of the page, so that filters stay from page to page
        chosen.run()


def show_page(name: str) -> None:
    """One page in its frame, without the way to the others."""
    st.title(next(page.title for page in PAGES if page.name == name))
    with _faults_told():
        _show_with(name, [_prepare()])


def _show_with(name: str, views: list[View]) -> None:
    importlib.import_module(f"retail_pipeline.dashboard.views.{name}").show(views[0])


def _prepare() -> View:
    """The newest snapshot with the filters asked for; says how fresh it is."""
    home = Home.locate()
    snapshot = published(home)
    _follow(home, snapshot)
    view = View(snapshot, _ask_filters(snapshot), reporting_currency(snapshot))
    _show_freshness(home, snapshot)
    return view


@contextlib.contextmanager
def _faults_told() -> Iterator[None]:
    """What goes wrong inside is said on the page; without a snapshot what to do."""
    try:
        yield
    except SnapshotMissingError as error:
        _show_beginning(Home.locate(), error)
    except RetailPipelineError as error:
        st.error(str(error), icon="🛑")
    except duckdb.Error as error:
        st.error(f"This page cannot be shown: {_first_line(error)}. 'retail run' builds what is missing.", icon="🛑")
    except Exception as error:  # the message may hold data of customers, which belong in no log
        _log_place(error)
        st.error(f"This page cannot be shown ({type(error).__name__}); the place is in the log.", icon="🛑")


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


def _log_place(error: Exception) -> None:
    places = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-3:]]
    print(f"{type(error).__name__} at {' < '.join(reversed(places))}", file=sys.stderr)


def _show_beginning(home: Home, error: SnapshotMissingError) -> None:
    """What to do before anything is published."""
    st.info(str(error), icon="👋")
    st.markdown(
        f"This dashboard shows what is published in `{home.root}`.\n\n"
        "1. `retail add export.csv` checks an export of your shop and puts it into its folder of drops; "
        "`retail fetch online-retail` or `retail simulate` give data to try.\n"
        "2. `retail run` loads it, builds and checks every table, and publishes.\n"
        "3. This page then fills by itself. For a shop to look around in: `retail demo`, then "
        f"`retail --home {home.root}/demo dashboard`."
    )
    _wait_for_first(home)


@st.fragment(run_every=LOOK_EVERY_SECONDS)
def _wait_for_first(home: Home) -> None:
    if current_snapshot(home) is not None:
        st.rerun()


@st.fragment(run_every=LOOK_EVERY_SECONDS)
def _follow(home: Home, shown: Snapshot) -> None:
    """Go on with a newer snapshot once there is one, between two interactions."""
    newest = current_snapshot(home)
    if newest is not None and newest != shown.path:
        st.toast("New data were published; the page shows them now.", icon=":material/update:")
        st.rerun()


def _show_freshness(home: Home, snapshot: Snapshot) -> None:
    told = freshness(home, snapshot, utc_now(), load_settings(home).quality.fresh_within_hours)
    st.caption(told.line)
    if told.warnings:
        shown = list(told.warnings[:SHOWN_WARNINGS])
        if len(told.warnings) > SHOWN_WARNINGS:
            shown.append(f"and {len(told.warnings) - SHOWN_WARNINGS} more: see the page Data.")
        st.warning("\n\n".join(shown), icon="⚠️")


def _ask_filters(snapshot: Snapshot) -> Filters:
    """The filters beside every page; what is chosen stands in the address, so that a view can be passed on."""
    with st.sidebar:
        period = st.selectbox(
            "Period", list(PERIODS), format_func=PERIODS.__getitem__, key="period", bind="query-params"
        )
        own: tuple[date, ...] = ()
        last_day = data_end(snapshot)
        if period == "own" and last_day is not None:
            first_day = snapshot.value("select min(date_day) from core.calendar").date()
            own = st.date_input(
                "From, to",
                value=(first_day, last_day),
                min_value=first_day,
                max_value=last_day,
                key="days",
                bind="query-params",
                format="YYYY-MM-DD",
            )
        members = {name: _members(snapshot, name) for name in ("country", "channel")}
        countries = _ask_members("Country", "country", members["country"])
        channels = _ask_members("Channel", "channel", members["channel"])
        segments = _ask_members("Segment", "segment", _segments(snapshot))
        guests = st.selectbox("Guests", list(GUESTS), format_func=GUESTS.__getitem__, key="guests", bind="query-params")
    first, last = period_bounds(str(period), own, last_day)
    return Filters(first, last, countries, channels, segments, str(guests))


def _ask_members(title: str, key: str, options: list[str]) -> tuple[str, ...]:
    if not options or options == [UNKNOWN]:
        return ()
    return tuple(st.multiselect(title, options, key=key, bind="query-params", placeholder="All"))


def _members(snapshot: Snapshot, dimension: str) -> list[str]:
    if not snapshot.has("sales.order_members"):
        return []
    frame = snapshot.frame(
        f"select {dimension} as member from sales.order_members group by 1 order by sum(gross_sales) desc, 1"
    )
    return [str(member) for member in frame["member"]]


def _segments(snapshot: Snapshot) -> list[str]:
    if not snapshot.has("customers.rfm_segments", "customers.segment_actions"):
        return []
    frame = snapshot.frame(
        "select segment from customers.rfm_segments join customers.segment_actions using (segment) order by priority"
    )
    return [str(segment) for segment in frame["segment"]]


if __name__ == "__main__":
    main()
