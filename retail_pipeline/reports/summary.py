"""The project on one printable page: the data, what was found, what the models are worth, what all that cannot say."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from retail_pipeline.reports.page import environment
from retail_pipeline.reports.periods import long_date
from retail_pipeline.reports.sentences import Read, Row, reporting_currency
from retail_pipeline.reports.words import Money

UNTOLD = "–"
INSIGHTS = "decisions.insights"


@dataclass(frozen=True)
class Section:
    """A part of the page: a query whose columns are the table's, underscores as spaces.

    Attributes
    ----------
    tables
        Those that the query reads: where one is missing, the section is left out.
    note
        What one must know to read it.
    empty
        What is said instead of a table without rows; nothing if empty.
    """

    title: str
    tables: tuple[str, ...]
    query: str
    note: str
    empty: str = ""


SECTIONS = (
    Section(
        "The data",
        ("raw.drops", "core.order_lines"),
        "select count(*)::bigint as files, sum(rows_read)::bigint as rows_read, sum(rows_loaded)::bigint as loaded, "
        "sum(rows_rejected)::bigint as rejected, min(first_order_ts)::date as first_day, "
        "max(last_order_ts)::date as last_day, "
        "(select count(*) from core.order_lines where line_type = 'sale' and not is_duplicate) as sale_lines, "
        "(select count(*) from core.order_lines where line_type in ('return', 'cancellation') and not is_duplicate) "
        "as returned_or_cancelled, "
        "(select count(*) from core.order_lines where is_duplicate) as duplicates from raw.drops having count(*) > 0",
        "Rows read are those loaded and those rejected, without exception; raw.rejected_rows tells why.",
        "No file has been loaded.",
    ),
    Section(
        "Sales",
        ("sales.daily",),
        "select sum(net_sales)::decimal(18, 2) as net_sales, sum(gross_sales)::decimal(18, 2) as gross_sales, "
        "sum(returns)::decimal(18, 2) as returned_or_cancelled, sum(orders)::bigint as orders, "
        "(select count(*) from core.customers) as customers, "
        "(sum(net_sales) / nullif(sum(orders), 0))::decimal(18, 2) as net_sales_per_order "
        "from sales.daily having count(*) > 0",
        "All days, each thing booked on the day it happened; net is gross less discounts, returns and cancellations.",
    ),
    Section(
        "Customers by segment",
        ("customers.rfm_segments",),
        "select segment, customers, share_customers as of_customers, share_revenue as of_what_was_bought "
        "from customers.rfm_segments where customers > 0 order by revenue desc, segment",
        "By recency, frequency and value of purchases (customers.rfm_scores), guests left out.",
    ),
    Section(
        "What goes together",
        ("baskets.bundles",),
        "select array_to_string(names, ' + ') as products, orders, lift from baskets.bundles "
        "order by expected_extra_revenue desc nulls last, bundle_id limit 3",
        "Bundles by what they would bring (baskets.bundles); lift: times as often together as by chance.",
    ),
    Section(
        "What comes next",
        ("forecasts.revenue",),
        "select strftime(period::date, '%Y-%m') as month, value::decimal(18, 0) as net_sales, "
        "lower_80::decimal(18, 0) as at_least, upper_80::decimal(18, 0) as at_most, model from forecasts.revenue "
        "where series = 'total' and frequency = 'month' and kind = 'forecast' and is_champion order by period limit 3",
        "By the model that serves by the rule of forecasts.champions: the best on earlier days if it held up on later "
        "ones, else the seasonal naive. The range is made to hold with a probability of 80 %.",
    ),
    Section(
        "How wrong such forecasts were",
        ("forecasts.backtest",),
        """
        with measured as (
            select
                model,
                max(value) filter (metric = 'bias') as bias,
                max(value) filter (metric = 'mase') as mase,
                max(value) filter (metric = 'coverage_80') as coverage,
                max(folds) filter (metric = 'bias') as folds
            from forecasts.backtest
            where series = 'total' and frequency = 'month' and is_champion
            group by model
        )
        select
            model,
            case
                when bias is null then null
                when round(100 * bias) = 0 then 'neither too low nor too high'
                else concat(abs(round(100 * bias))::bigint, ' % too ', if(bias < 0, 'low', 'high'))
            end as on_average,
            mase as mean_scaled_error,
            coverage as of_results_within_the_range,
            folds as forecasts_made
        from measured
        where folds > 0
        order by model
        """,
        "On later months than those the model was chosen by (forecasts.backtest); a scaled error of 1 is that of the "
        "seasonal naive in the history before. Few forecasts tell little.",
        "Too little history to tell.",
    ),
    Section(
        "What the models are worth",
        ("models.metrics",),
        """
        with judged as (
            select task, model, value, lower, upper, is_champion, is_baseline, metric
            from models.metrics
            where split = 'test'
                and metric = case when task like 'purchase%' then 'roc_auc' when task like 'clv%' then 'spearman' end
        )
        select
            champion.task,
            champion.model,
            if(champion.metric = 'roc_auc', 'AUC', 'rank correlation') as measure,
            round(champion.value, 3) as on_later_days,
            round(champion.lower, 3) as "from",
            round(champion.upper, 3) as "to",
            round(max(baseline.value), 3) as best_baseline
        from judged as champion
        left join judged as baseline on champion.task = baseline.task and baseline.is_baseline
        where champion.is_champion
        group by all
        order by champion.task
        """,
        "On days after all that the models learned from, with 95 % intervals (models.metrics, models.champions).",
        "No model has been trained.",
    ),
)
LIMITS = (
    Section(
        "",
        ("models.champions",),
        "select concat(task, ': ', reason) as text from models.champions where model is null or is_baseline "
        "order by task",
        "",
    ),
    Section(
        "",
        ("meta.tables",),
        "select concat(table_name, ' is stale: ', stale_reason) as text from meta.tables where is_stale "
        "order by table_name limit 5",
        "",
    ),
    Section(
        "",
        ("meta.checks",),
        """select concat('the check "', "check", '" of ', table_name, ' warns: ', message) as text """
        "from meta.checks where not passed order by table_name, 1 limit 5",
        "",
    ),
    Section(
        "",
        ("core.calendar",),
        "select 'less than two years of data: a yearly season cannot be told from growth' as text "
        "from core.calendar having count(*) < 730",
        "",
    ),
)
"""What the figures do not bear, a sentence a row."""
STANDING_LIMITS = (
    "what is known of customers is what they bought here; guests are in sales and baskets, not in customer figures",
    "models foretell what goes on as before: prices, offers and competitors to come are not in them",
    "what was found together or one after the other is no proof of cause: try it with a part of the customers first",
)


def render_summary(read: Read, known: Collection[str]) -> str:
    """The page's HTML.

    Parameters
    ----------
    read
        Runs a query on the snapshot.
    known
        The tables that are published.
    """
    money = Money(reporting_currency(read) if "core.reporting_currency" in known else None)
    sections = [_filled(section, read, money) for section in SECTIONS if set(section.tables) <= set(known)]
    limits = [
        str(row["text"]) for limit in LIMITS if set(limit.tables) <= set(known) for row in read(limit.query)
    ] + list(STANDING_LIMITS)
    insights = read("select text from decisions.insights order by rank limit 5") if INSIGHTS in known else []
    published = read("select published_at, pipeline_version from meta.snapshot")[0]
    return (
        environment()
        .get_template("summary.html.j2")
        .render(
            sections=sections,
            insights=[row["text"] for row in insights],
            limits=limits,
            published=f"{published['published_at']:%Y-%m-%d %H:%M} UTC",
            release=published["pipeline_version"],
            currency=money.currency,
        )
    )


def _filled(section: Section, read: Read, money: Money) -> dict[str, Any]:
    rows = read(section.query)
    return {
        "title": section.title,
        "note": section.note,
        "empty": section.empty,
        "head": [name.replace("_", " ") for name in rows[0]] if rows else [],
        "rows": [_cells(row, money) for row in rows],
    }


def _cells(row: Row, money: Money) -> list[str]:
    return [_cell(name, value, money) for name, value in row.items()]


def _cell(name: str, value: Any, money: Money) -> str:
    """A value in words: amounts with their currency, shares in percent."""
    if value is None:
        return UNTOLD
    if isinstance(value, Decimal):
        return money.text(value)
    if isinstance(value, float):
        return f"{value:.1%}" if name.startswith("of_") else f"{value:,.3g}"
    if isinstance(value, (date, datetime)):
        return long_date(value)
    return f"{value:,}" if isinstance(value, int) else str(value)
