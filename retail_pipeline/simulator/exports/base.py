"""What an export of the shop is: its columns as SQL, which lines it tells of and how, and how its files look."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Per = Literal["day", "week", "month", "all"]
"""What a file holds the lines of."""


@dataclass(frozen=True)
class Cells:
    """The headers of the cells that make a line unreadable when they are spoiled; None for a cell it does not have."""

    order: str
    date: str
    units: str | None = None
    price: str | None = None


@dataclass(frozen=True, kw_only=True)
class Export:
    """A format's files.

    Attributes
    ----------
    header
        All headers in their order; those that ``columns`` do not name stay empty.
    columns
        SQL for a header, over the lines as they are given by
        :class:`retail_pipeline.simulator.exports.line_table.LineTable`.
    lists
        SQL over a line, by names under which ``columns`` find the list of its values for all lines of an order. Where
        there are any, a row is an order; that called ``items`` is written into numbered columns ``item_header``,
        as many as the largest order of a file needs.
    kinds
        The kinds of lines that the format knows.
    tells
        ``events``: each line is written when it happens. ``states``: a file holds the orders placed in its period
        as they stand at its end, and those placed earlier that changed in it.
    knows_orders
        Whether columns say something of orders as a whole, so that it must be worked out.
    may_repeat
        Whether the same line twice in a file is a mistake that can be told. Where an order that comes again replaces
        what it was, two equal lines of a file are two lines, so no line is repeated there.
    has_net_prices
        Whether there is no column for discounts, so that prices have to carry them.
    folds_case
        Whether upper and lower case tell no product codes apart.
    is_quoted
        Whether cells that hold a delimiter or a quote are quoted; if not, quotes are characters like others.
    mark
        What stands before the header.
    """

    name: str
    header: tuple[str, ...]
    columns: Mapping[str, str]
    cells: Cells
    lists: Mapping[str, str] = field(default_factory=dict)
    item_header: str = ""
    kinds: tuple[str, ...] = ("sale", "return", "cancellation", "test", "correction")
    tells: Literal["events", "states"] = "events"
    knows_orders: bool = False
    may_repeat: bool = False
    has_net_prices: bool = False
    folds_case: bool = False
    delimiter: str = ","
    is_quoted: bool = True
    line_end: str = "\n"
    mark: str = ""
    encoding: str = "utf-8"
    prefix: str = "transactions"
    suffix: str = ".csv"

    @property
    def select_list(self) -> str:
        """The columns, of which each header gets one."""
        named = [f'{self.columns.get(name, "null::varchar")} as "{name}"' for name in self.header]
        return ", ".join([*named, *(["items"] if "items" in self.lists else [])])


def on_first_row(columns: Mapping[str, str], otherwise: str = "null") -> dict[str, str]:
    """Columns that are filled on the first row of an order only."""
    return {header: f"case when is_first then {sql} else {otherwise} end" for header, sql in columns.items()}
