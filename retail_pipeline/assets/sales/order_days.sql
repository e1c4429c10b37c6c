/*
row: an order on a day on which something of it happened
about: >
  What sales.* is added up from. Everything is booked on the day it happens: sales when the order was placed, returns and
  cancellations on their own day. Duplicates are left aside but in all_lines_amount. Amounts are in the reporting
  currency; lines without a rate are in none. An order counts on the first day on which it sold something.
key: [order_id, date_day]
incremental:
  key: order_id
  sources:
    core.order_lines: order_id
    core.reporting_currency: ~
    core.exchange_rates: ~
columns:
  order_id: the order's id
  date_day: the day [store time]
  first_ts: its first line that day [store time]
  customer_id: the customer's id, null for a guest
  country: the customer's country
  channel: the sales channel, where the export gives it
  store: the store, where the export gives it
  orders: 1 on the first day on which the order sold something, else 0 [orders]
  lines: sale lines [lines]
  units: units on its sale lines [units]
  gross_sales: value of its sale lines before discount [reporting currency]
  discounts: money off its sale lines [reporting currency]
  returns: value of what came back or was cancelled, positive [reporting currency]
  charges: value of postage, fees and the like [reporting currency]
  adjustments: value of adjustments [reporting currency]
  all_lines_amount: value of all its lines, duplicates included [reporting currency]
*/
with lines as (
    select
        lines.order_id,
        lines.order_date,
        lines.order_ts,
        lines.customer_id,
        lines.country,
        lines.channel,
        lines.store,
        not lines.is_duplicate as counts,
        lines.line_type,
        lines.quantity,
        lines.reporting_amount,
        case
            when lines.reporting_amount is null then 0
            when coalesce(lines.currency, reporting.currency, '') = coalesce(reporting.currency, '') then lines.discount
            else cast(lines.discount * rates.rate as decimal(18, 4))
        end as reporting_discount
    from core.order_lines as lines
    cross join core.reporting_currency as reporting
    left join core.exchange_rates as rates
        on lines.currency = rates.currency
        and lines.order_date >= rates.valid_from
        and (lines.order_date < rates.valid_to or rates.valid_to is null)
),

days as (
    select
        order_id,
        order_date as date_day,
        min(order_ts) as first_ts,
        min(customer_id) as customer_id,
        min(country) as country,
        min(channel) as channel,
        min(store) as store,
        sum(case when counts and line_type = 'sale' then 1 else 0 end) as lines,
        sum(case when counts and line_type = 'sale' then quantity else 0 end) as units,
        sum(case when counts and line_type = 'sale' then reporting_amount else 0 end) as sales_amount,
        sum(case when counts and line_type = 'sale' then reporting_discount else 0 end) as discounts,
        sum(case when counts and line_type in ('return', 'cancellation') then reporting_amount else 0 end) as returned,
        sum(case when counts and line_type = 'charge' then reporting_amount else 0 end) as charges,
        sum(case when counts and line_type = 'adjustment' then reporting_amount else 0 end) as adjustments,
        sum(reporting_amount) as all_lines_amount
    from lines
    group by order_id, order_date
)

select
    order_id,
    date_day,
    first_ts,
    customer_id,
    country,
    channel,
    store,
    case
        when lines > 0
            and date_day = min(case when lines > 0 then date_day end) over (partition by order_id)
            then 1
        else 0
    end as orders,
    cast(lines as bigint) as lines,
    cast(units as decimal(18, 4)) as units,
    cast(coalesce(sales_amount, 0) + discounts as decimal(18, 4)) as gross_sales,
    cast(discounts as decimal(18, 4)) as discounts,
    cast(-coalesce(returned, 0) as decimal(18, 4)) as returns,
    cast(coalesce(charges, 0) as decimal(18, 4)) as charges,
    cast(coalesce(adjustments, 0) as decimal(18, 4)) as adjustments,
    cast(coalesce(all_lines_amount, 0) as decimal(18, 4)) as all_lines_amount
from days
