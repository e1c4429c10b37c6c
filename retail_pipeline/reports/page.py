"""A report as a page (one self-contained HTML file, printable) and as Markdown (for the Dagster UI)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retail_pipeline.reports import charts
from retail_pipeline.reports.contents import Contents
from retail_pipeline.reports.periods import Period, long_date
from retail_pipeline.reports.sentences import Row
from retail_pipeline.reports.words import Money, compared, percent

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).with_name("templates")
KINDS = {"day": "Daily report", "week": "Executive summary", "month": "Monthly report", "quarter": "Quarterly report"}
UNTOLD = "–"


@dataclass(frozen=True)
class Tile:
    """A headline figure with how it stands to the periods before."""

    title: str
    value: str
    changes: tuple[str, ...]
    definition: str


@dataclass(frozen=True)
class Chart:
    """A picture (SVG) with what it shows."""

    title: str
    caption: str
    svg: str


def render_page(contents: Contents) -> str:
    """The HTML of a report."""
    return environment().get_template("report.html.j2").render(**_context(contents), charts=_charts(contents))


def render_markdown(contents: Contents) -> str:
    """The report's figures and sentences as Markdown."""
    return environment().get_template("report.md.j2").render(**_context(contents))


@cache
def environment() -> "Environment":
    """What renders the templates of this package."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=lambda name: bool(name and name.endswith(".html.j2")),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters["cell"] = _markdown_cell
    environment.filters["unbroken"] = lambda text: text.replace(" %", "\N{NO-BREAK SPACE}%")
    return environment


def _context(contents: Contents) -> dict[str, Any]:
    money = Money(contents.currency)
    return {
        "kind": KINDS[contents.period.frequency],
        "title": contents.period.title[:1].upper() + contents.period.title[1:],
        "span": _span(contents.period),
        "is_partial": contents.figures["is_partial"],
        "data_until": long_date(contents.data_until),
        "before_title": contents.period.before.title,
        "tiles": _tiles(contents, money),
        "sentences": contents.sentences,
        "products": [_member_cells(row, money) for row in contents.products],
        "is_comparable": contents.is_comparable,
        "is_one_page": contents.period.frequency == "week",
    }


def _span(period: Period) -> str:
    if period.frequency == "day":
        return long_date(period.first_day)
    return f"{long_date(period.first_day)} to {long_date(period.last_day)}"


def _tiles(contents: Contents, money: Money) -> list[Tile]:
    figures = [_measures(row) for row in (contents.figures, contents.before, contents.year_before)]
    shown: tuple[tuple[str, str, Callable[[float], str], str], ...] = (
        ("Net sales", "net_sales", money.text, "sold after discounts, less returns and cancellations of the period"),
        ("Orders", "orders", _whole, "orders that sold something"),
        ("Customers", "customers", _whole, "known customers with an order"),
        ("New customers", "new_customers", _whole, "known customers whose first order it was"),
        ("Average order", "avg_order_value", money.text, "sold after discounts, by order"),
        ("Units per order", "units_per_order", lambda value: f"{value:,.1f}", "units sold, by order"),
        ("Return rate", "return_rate", percent, "returns and cancellations against what was sold"),
        ("Discount rate", "discount_rate", percent, "discounts against what was sold before them"),
    )
    return [
        Tile(title, UNTOLD if value is None else write(value), _changes(contents, name, figures), what)
        for title, name, write, what in shown
        for value in [figures[0][name]]
    ]


def _changes(contents: Contents, name: str, figures: Sequence[dict[str, float | None]]) -> tuple[str, ...]:
    """How a figure stands to the period before and to a year before, where all of these are whole."""
    others = (
        (contents.period.before, contents.before, figures[1]),
        (contents.period.year_before, contents.year_before, figures[2]),
    )
    value = figures[0][name]
    if contents.figures["is_partial"] or value is None:
        return ()
    return tuple(
        compared(value / other_value - 1, other.title)
        for other, row, other_figures in others
        if row and not row["is_partial"] and (other_value := other_figures[name]) and other_value > 0
    )


def _measures(row: Row) -> dict[str, float | None]:
    if not row:
        return {}
    orders, gross, sold = float(row["orders"]), float(row["gross_sales"]), float(row["gross_sales"] - row["discounts"])
    return {
        **{name: float(row[name]) for name in ("net_sales", "orders", "customers", "new_customers")},
        "avg_order_value": sold / orders if orders else None,
        "units_per_order": float(row["units"]) / orders if orders else None,
        "return_rate": float(row["returns"]) / sold if sold > 0 else None,
        "discount_rate": float(row["discounts"]) / gross if gross > 0 else None,
    }


def _charts(contents: Contents) -> list[Chart]:
    period, money = contents.period, contents.currency or "reporting currency"
    frequency = {"day": "daily", "week": "weekly", "month": "monthly", "quarter": "quarterly"}[period.frequency]
    made = []
    if period.frequency != "day" and len(contents.history) > 1:
        made.append(
            Chart(
                f"Net sales, {frequency}",
                f"{money}; this period in orange, partial ones pale",
                charts.periods_chart(contents.history, period),
            )
        )
    made.append(
        Chart(
            "Net sales by day" + (", the last four weeks" if period.frequency == "day" else ""),
            f"{money}; nine of ten days lie in the band, by season, weekday, trend and holidays",
            charts.days_chart(contents.days, period),
        )
    )
    if contents.drivers:
        made.append(
            Chart(
                f"What drove the change against {period.before.title}",
                f"{money}; the bars add up to the change of net sales",
                charts.drivers_chart(contents.drivers),
            )
        )
    if period.frequency != "week" and contents.is_comparable:
        for title, members in (("country", contents.countries), ("channel", contents.channels)):
            if len(members) > 1:
                caption = f"{money}; the {len(members)} with the highest net sales, against {period.before.title}"
                made.append(Chart(f"Change by {title}", caption, charts.members_chart(members)))
    return made


def _member_cells(row: Row, money: Money) -> dict[str, str]:
    before, now = row["net_sales_before"], row["net_sales"]
    return {
        "name": str(row["name"]),
        "units": f"{row['units']:,.0f}",
        "net_sales": money.text(now),
        "change": money.signed(now - before),
        "is_up": "up" if now >= before else "down",
    }


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _markdown_cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
