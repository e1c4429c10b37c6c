"""Checks on the facts: every raw line is there once, every reference leads somewhere, the money adds up exactly."""

from datetime import timedelta

from retail_pipeline.assets.table_checks import Finding, TableCheck, equal_totals, no_rows, unique_key
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline.warehouse.working_database import utc_now

REBUILD = "'retail run --full' builds all tables anew; if that does not help, please report it."


def find_dates_out_of_range(warehouse: Warehouse) -> Finding:
    """Fail on orders before quality.earliest_order_date or after tomorrow."""
    earliest = warehouse.settings.quality.earliest_order_date
    latest = (utc_now() + timedelta(days=1)).date()
    out = "from core.order_lines join raw.drops using (drop_id) where order_date not between $earliest and $latest"
    limits = {"earliest": earliest, "latest": latest}
    count = warehouse.value(f"select count(*) {out}", limits)
    if not count:
        return Finding(True, f"all orders are between {earliest} and {latest}")
    first = warehouse.row(f"select file_name, source_row, order_ts {out} order by all limit 1", limits)
    assert first is not None
    return Finding(
        False,
        f"{count} lines are dated outside {earliest} to {latest}, the first in {first[0]}, row {first[1]}: {first[2]}. "
        "Mend the file and load it again with 'retail run --reload NAME', or set quality.earliest_order_date.",
    )


def find_lines_without_rate(warehouse: Warehouse) -> Finding:
    """Fail when lines are in a currency without a rate on their day: they are in no total."""
    missing = warehouse.execute(
        "select currency, count(*), min(order_date), max(order_date) from core.order_lines "
        "where reporting_amount is null and amount is not null group by currency order by 2 desc, 1"
    ).fetchall()
    if not missing:
        return Finding(True, "all amounts are in the reporting currency")
    row = warehouse.row("select currency, is_set from core.reporting_currency")
    reporting, is_set = row or (None, False)
    found = "; ".join(f"{currency}: {lines:,} lines, {first} to {last}" for currency, lines, first, last in missing)
    how = "" if is_set else " (that of most lines; currency.reporting sets another)"
    return Finding(
        False,
        f"Without a rate into {reporting}{how}, and so in no total: {found}. Add a csv with the columns "
        "date,currency,rate (what one unit is worth from that day on) to drops/.",
    )


CHECKS: list[TableCheck] = [
    unique_key("core.order_lines", "order_id", "line_no"),
    equal_totals(
        "core.order_lines",
        "rows_equal_raw",
        "every line of raw.transactions is here exactly once, unless a later version of its order stands, with its "
        "money to the last digit",
        """
        select
            count(*) as lines,
            sum(cast(hash(drop_id, source_row, source_part) as hugeint)) as sum_of_places,
            sum(amount + allocated_discount) as amount
        from core.order_lines
        where not is_allocated
        """,
        """
        select
            count(*) as lines,
            sum(cast(hash(drop_id, source_row, source_part) as hugeint)) as sum_of_places,
            sum(
                coalesce(
                    amount,
                    cast(
                        cast(quantity as decimal(19, 4)) * unit_price
                        - case when quantity < 0 then -abs(coalesce(discount, 0)) else coalesce(discount, 0) end
                        as decimal(18, 4)
                    )
                )
            ) as amount
        from raw.transactions
        left join core.order_versions using (order_id, drop_id)
        where coalesce(stands, true)
        """,
        remedy=REBUILD,
    ),
    TableCheck(
        "core.order_lines",
        "dates_in_range",
        "orders are dated between quality.earliest_order_date and tomorrow",
        find_dates_out_of_range,
    ),
    TableCheck(
        "core.order_lines",
        "amounts_are_in_one_currency",
        "every line's amount is, or could be brought, into the reporting currency",
        find_lines_without_rate,
        blocking=False,
    ),
    unique_key("core.order_versions", "order_id", "drop_id"),
    no_rows(
        "core.order_lines",
        "orders_are_of_one_format",
        "no order id stands for orders of two formats",
        """
        select versions.order_id, min(versions.format) as format, min(lines.format) as other_format
        from core.order_versions as versions
        join core.order_lines as lines
            on versions.order_id = lines.order_id and versions.format <> lines.format
        group by versions.order_id
        """,
        remedy="Put the exports of each store into a folder of their own and name it in ingest.stores.",
        blocking=False,
    ),
    unique_key("core.order_shares", "drop_id", "source_row", "source_part"),
    unique_key("core.exchange_rates", "currency", "valid_from"),
    unique_key("core.orders", "order_id"),
    equal_totals(
        "core.orders",
        "money_equals_lines",
        "orders hold the lines without duplicates, and their amounts to the last digit",
        "select coalesce(sum(lines), 0) as lines, coalesce(sum(amount), 0) as amount from core.orders",
        "select count(*) as lines, coalesce(sum(reporting_amount), 0) as amount from core.order_lines "
        "where not is_duplicate",
        remedy=REBUILD,
    ),
    unique_key("core.customers", "customer_id"),
    no_rows(
        "core.customers",
        "lines_have_customers",
        "every line's customer is here, unless it is a guest's",
        "select distinct customer_id from core.order_lines anti join core.customers using (customer_id) "
        "where customer_id is not null",
        remedy=REBUILD,
    ),
    equal_totals(
        "core.customers",
        "money_equals_lines",
        "customers hold the sales and the returns of their lines to the last digit",
        "select coalesce(sum(sales_amount), 0) as sales, coalesce(sum(returns_amount), 0) as returned "
        "from core.customers",
        """
        select
            coalesce(sum(case when line_type = 'sale' then reporting_amount else 0 end), 0) as sales,
            coalesce(
                sum(case when line_type in ('return', 'cancellation') then reporting_amount else 0 end), 0
            ) as returned
        from core.order_lines
        where customer_id is not null and not is_duplicate
        """,
        remedy=REBUILD,
    ),
    unique_key("core.products", "product_id"),
    no_rows(
        "core.products",
        "lines_have_products",
        "every line's product is here",
        "select distinct product_id from core.order_lines anti join core.products using (product_id)",
        remedy=REBUILD,
    ),
    equal_totals(
        "core.products",
        "money_equals_lines",
        "products hold the units and the sales of their lines to the last digit",
        "select coalesce(sum(units), 0) as units, coalesce(sum(sales_amount), 0) as sales from core.products",
        """
        select
            coalesce(sum(case when line_type = 'sale' then quantity else 0 end), 0) as units,
            coalesce(sum(case when line_type = 'sale' then reporting_amount else 0 end), 0) as sales
        from core.order_lines
        where not is_duplicate
        """,
        remedy=REBUILD,
    ),
    unique_key("core.calendar", "date_day"),
    no_rows(
        "core.calendar",
        "lines_have_days",
        "every line's day is here",
        "select distinct order_date from core.order_lines "
        "anti join core.calendar on order_lines.order_date = calendar.date_day",
        remedy=REBUILD,
    ),
    unique_key(
        "core.cancellation_matches", "sale_order_id", "sale_line_no", "cancellation_order_id", "cancellation_line_no"
    ),
    no_rows(
        "core.cancellation_matches",
        "never_more_than_sold",
        "what is cancelled of a sale is not more than was sold, nor more than the cancellation took back",
        """
        select
            sale_order_id as order_id,
            sale_line_no as line_no,
            sum(matches.quantity) as matched,
            max(lines.quantity) as quantity
        from core.cancellation_matches as matches
        left join core.order_lines as lines on sale_order_id = lines.order_id and sale_line_no = lines.line_no
        group by all
        having sum(matches.quantity) > coalesce(max(lines.quantity), 0)
        union all
        select cancellation_order_id, cancellation_line_no, sum(matches.quantity), max(-lines.quantity)
        from core.cancellation_matches as matches
        left join core.order_lines as lines
            on cancellation_order_id = lines.order_id and cancellation_line_no = lines.line_no
        group by all
        having sum(matches.quantity) > coalesce(max(-lines.quantity), 0)
        """,
        remedy=REBUILD,
    ),
    no_rows(
        "core.cancellation_matches",
        "undone_sales_come_to_nothing",
        "of a sale line undone as a whole, all of its amount is undone, to the last digit",
        """
        select
            matches.sale_order_id as order_id,
            matches.sale_line_no as line_no,
            sum(matches.amount) as undone,
            max(lines.reporting_amount) as amount
        from core.cancellation_matches as matches
        join core.order_lines as lines
            on matches.sale_order_id = lines.order_id and matches.sale_line_no = lines.line_no
        group by all
        having sum(matches.quantity) = max(lines.quantity) and sum(matches.amount) <> max(lines.reporting_amount)
        """,
        remedy=REBUILD,
    ),
]
