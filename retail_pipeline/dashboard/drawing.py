"""How a page shows a figure: under its title, with its definition, its table and a download; or why there is none."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from retail_pipeline.dashboard.definitions import LONGEST_UNIT, MONEY, SHARES, column_words, definition, unit_text
from retail_pipeline.dashboard.downloads import csv_of, file_name
from retail_pipeline.dashboard.filters import Filters
from retail_pipeline.dashboard.palette import NO_TOOLS, styled
from retail_pipeline.dashboard.snapshot import Snapshot
from retail_pipeline.reports.words import Money, percent

NO_CURRENCY = "money"
"""The unit of amounts whose currency is not known."""
SHOWN_ROWS = 1_000
TABLE_HEIGHT = 320
METRIC_WIDTH = 171
"""Two beside each other on a phone [pixels]."""


@dataclass(frozen=True)
class View:
    """What a page is given: the snapshot, the filters, and the currency of all amounts."""

    snapshot: Snapshot
    filters: Filters
    currency: str | None

    @property
    def money(self) -> Money:
        """Writes amounts."""
        return Money(self.currency)

    @property
    def money_unit(self) -> str:
        """The unit of amounts in words."""
        return self.currency or NO_CURRENCY

    def lacks(self, *tables: str, why: str = "") -> bool:
        """Whether a table is not published; says so, and how to get it."""
        missing = [name for name in tables if not self.snapshot.has(name)]
        if missing:
            st.info(f"`{missing[0]}` is not published yet. {why or 'Run `retail run`, which makes it.'}", icon="ℹ️")
        return bool(missing)

    def chart(
        self,
        title: str,
        frame: pd.DataFrame,
        figure: Callable[[pd.DataFrame], Any],
        tables: Sequence[str],
        *,
        says: str = "",
        height: int = 340,
        empty: str = "There is nothing to show for what is chosen.",
        titles: Mapping[str, str] | None = None,
    ) -> None:
        """A figure drawn from a frame, with what belongs to it.

        Parameters
        ----------
        figure
            Makes the Plotly figure; only called if there are rows.
        tables
            Those the frame is read from; their comments are its definition.
        says
            How to read it, in a sentence.
        empty
            Why there may be nothing.
        titles
            Meanings of columns that stand in no table.
        """
        with st.container(border=True, key=_key("chart", title)):
            st.markdown(f"#### {title}")
            if says:
                st.caption(plain(says))
            if frame.empty:
                st.info(empty, icon="ℹ️")
                return
            self._draw(title, figure(frame), says, height)
            with st.expander("Definition, table, download"):
                self._details(title, frame, tables, titles or {})

    def figure(
        self,
        title: str,
        figure: Any,
        says: str,
        height: int = 340,
        *,
        frame: pd.DataFrame,
        titles: Mapping[str, str],
        tables: Sequence[str] = (),
    ) -> None:
        """A figure within a container of its own page, with what was worked out for it, its meaning and download."""
        st.caption(plain(says))
        self._draw(title, figure, says, height)
        with st.expander("Definition, table, download"):
            self._details(title, frame, tables, titles)

    def _draw(self, title: str, figure: Any, says: str, height: int) -> None:
        """In the dashboard's look; what it says is its text for who cannot see it."""
        st.plotly_chart(
            styled(figure, height),
            theme=None,
            config=NO_TOOLS,
            key=_key("figure", title),
            alt=f"{title}. {says}".strip(),
        )

    def table(
        self,
        title: str,
        frame: pd.DataFrame,
        tables: Sequence[str],
        *,
        says: str = "",
        empty: str = "There is nothing to show for what is chosen.",
        titles: Mapping[str, str] | None = None,
        pick: str | None = None,
    ) -> Any:
        """A frame as a table with its definition and download.

        Parameters
        ----------
        pick
            The column whose value is returned when a row is chosen.

        Returns
        -------
        The value of ``pick`` in the chosen row, None if none is chosen.
        """
        with st.container(border=True, key=_key("chart", title)):
            st.markdown(f"#### {title}")
            if says:
                st.caption(plain(says))
            if frame.empty:
                st.info(empty, icon="ℹ️")
                return None
            chosen = self.rows(title, frame, tables, titles or {}, pick=pick)
            with st.expander("Definition, download"):
                self._words(frame, tables, titles or {})
                self._download(title, frame)
        return chosen

    def rows(
        self, title: str, frame: pd.DataFrame, tables: Sequence[str], titles: Mapping[str, str], pick: str | None = None
    ) -> Any:
        """The rows of a frame, the first thousand; returns the value of ``pick`` in the chosen one."""
        shown = frame.head(SHOWN_ROWS)
        options: dict[str, Any] = {"on_select": "rerun", "selection_mode": "single-row"} if pick else {}
        state = st.dataframe(
            shown,
            hide_index=True,
            column_config=self._columns(frame, tables, titles),
            height=min(TABLE_HEIGHT, 38 + 35 * len(shown)),
            key=_key("rows", title),
            alt=title,
            **options,
        )
        if len(frame) > SHOWN_ROWS:
            st.caption(f"The first {SHOWN_ROWS:,} of {len(frame):,} rows are shown; the download has all.")
        if not pick:
            return None
        places = state["selection"]["rows"]
        return shown.iloc[places[0]][pick] if places and places[0] < len(shown) else None

    def _details(self, title: str, frame: pd.DataFrame, tables: Sequence[str], titles: Mapping[str, str]) -> None:
        self._words(frame, tables, titles)
        self.rows(title, frame, tables, titles)
        self._download(title, frame)

    def _words(self, frame: pd.DataFrame, tables: Sequence[str], titles: Mapping[str, str]) -> None:
        words = definition(
            self.snapshot.words(), tables, [name for name in frame if name not in titles], self.money_unit
        )
        own = [f"- **{name}**: {meaning}" for name, meaning in titles.items() if name in frame]
        st.markdown("\n".join([words, *own]).replace(f"[{MONEY}]", f"[{self.money_unit}]"))

    def _download(self, title: str, frame: pd.DataFrame) -> None:
        st.download_button(
            "Download csv",
            data=lambda: csv_of(frame),
            file_name=file_name(title),
            mime="text/csv",
            key=_key("download", title),
            on_click="ignore",
            icon=":material/download:",
        )

    def _columns(self, frame: pd.DataFrame, tables: Sequence[str], titles: Mapping[str, str]) -> dict[str, Any]:
        comments: dict[str, str] = {}
        for name in reversed(tables):
            table = self.snapshot.words().get(name)
            comments |= table.columns if table else {}
        comments |= titles
        columns = {}
        for name, dtype in frame.dtypes.items():
            meant = column_words(comments.get(str(name), ""))
            unit = unit_text(meant.unit, self.money_unit)
            label = str(name).replace("_", " ")
            if dtype.kind in "iuf":
                is_share = meant.unit in SHARES
                is_told = unit and not is_share and len(unit) <= LONGEST_UNIT
                columns[name] = st.column_config.NumberColumn(
                    f"{label} [{unit}]" if is_told else label,
                    help=(f"{meant.meaning} [{unit}]" if unit else meant.meaning) or None,
                    format="percent" if is_share else "localized",
                    step=None if dtype.kind != "f" or is_share else 0.01,
                )
            elif dtype.kind == "M":
                known = frame[name].dropna()
                is_day = bool((known == known.dt.normalize()).all())
                columns[name] = st.column_config.DatetimeColumn(
                    label, help=meant.meaning or None, format="YYYY-MM-DD" if is_day else "YYYY-MM-DD HH:mm"
                )
            else:
                columns[name] = st.column_config.Column(label, help=meant.meaning or None)
        return columns


def metric(
    title: str, value: str, *, change: float | None = None, help_: str = "", line: Any = None,
    more_is_better: bool = True, in_points: bool = False,
) -> None:  # fmt: skip
    """A headline figure with its change and its course.

    Parameters
    ----------
    change
        As a share of what it was; with ``in_points`` the difference of two shares.
    """
    known = change is not None and not pd.isna(change)
    moved = percent(abs(change)) if change is not None and known else None
    delta = moved if moved in (None, "0 %") else f"{'+' if (change or 0) > 0 else '-'}{moved}"
    if in_points and delta:
        delta = f"{delta} points"
    st.metric(
        title,
        value,
        delta,
        delta_color="off" if moved == "0 %" else "normal" if more_is_better else "inverse",
        delta_arrow="off" if moved == "0 %" else "auto",
        help=plain(help_) or None,
        chart_data=line,
        chart_type="area",
        border=True,
        width=METRIC_WIDTH,
    )


def with_first(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """The frame with some of its columns before the others.

    Examples
    --------
    >>> list(with_first(pd.DataFrame(columns=["a", "b", "c"]), ("c", "x", "b")))
    ['c', 'b', 'a']
    """
    first = [name for name in names if name in frame]
    return frame[[*first, *(name for name in frame if name not in first)]]


def say_unapplied(filters: Filters, applied: Sequence[str], why: str) -> None:
    """Say which of the filters that are set do nothing here, and why."""
    idle = [name for name in filters.set_ones() if name not in applied]
    if idle:
        st.caption(f":orange[Not narrowed by {' and '.join(idle)}:] {why}")


def plain(text: object) -> str:
    """Text that Markdown leaves as it is."""
    return str(text).replace("$", r"\$").replace("~", r"\~").replace("[", r"\[").replace("]", r"\]")


def _key(kind: str, title: str) -> str:
    return f"{kind}-{file_name(title).removesuffix('.csv')}"
