/*
row: an order
about: >
  Totals leave duplicates aside. An order is the first of sale, cancellation, return, charge and adjustment that one of
  its lines is. Should the lines of an order disagree on the customer, the country or another attribute, the first in the
  alphabet stands.
key: [order_id]
incremental:
  key: order_id
  sources:
    core.order_lines: order_id
columns:
  order_id: the order's id
  order_type: sale, return, cancellation, adjustment or charge
  order_ts: its first line's time [store time]
  order_date: its day [store time]
  customer_id: the customer's id, null for a guest
  is_guest: whether the customer is unknown
  country: the customer's country
  currency: the currency, where the export gives it
  channel: the sales channel, where the export gives it
  store: the store, where the export gives it
  lines: lines, duplicates aside [lines]
  products: different products on its sale lines [products]
  units: units on its sale lines [units]
  sales_amount: value of its sale lines after discount [reporting currency]
  discount: money off its sale lines [currency]
  charges_amount: value of its charges [reporting currency]
  returns_amount: value of its returns and cancellations, negative [reporting currency]
  adjustments_amount: value of its adjustments [reporting currency]
  amount: value of all its lines [reporting currency]
*/
with counted as (
    select
        *,
        case line_type
            when 'sale' then 1
            when 'cancellation' then 2
            when 'return' then 3
            when 'charge' then 4
            else 5
        end as type_rank
    from core.order_lines
    where not is_duplicate
)

select
    order_id,
    case min(type_rank)
        when 1 then 'sale'
        when 2 then 'cancellation'
        when 3 then 'return'
        when 4 then 'charge'
        else 'adjustment'
    end as order_type,
    min(order_ts) as order_ts,
    cast(min(order_ts) as date) as order_date,
    min(customer_id) as customer_id,
    min(customer_id) is null as is_guest,
    min(country) as country,
    min(currency) as currency,
    min(channel) as channel,
    min(store) as store,
    count(*) as lines,
    count(distinct case when line_type = 'sale' then product_id end) as products,
    cast(sum(case when line_type = 'sale' then quantity else 0 end) as decimal(18, 4)) as units,
    cast(coalesce(sum(case when line_type = 'sale' then reporting_amount else 0 end), 0) as decimal(18, 4)) as sales_amount,
    cast(sum(case when line_type = 'sale' then discount else 0 end) as decimal(18, 4)) as discount,
    cast(coalesce(sum(case when line_type = 'charge' then reporting_amount else 0 end), 0) as decimal(18, 4)) as charges_amount,
    cast(coalesce(sum(case when line_type in ('return', 'cancellation') then reporting_amount else 0 end), 0) as decimal(18, 4)) as returns_amount,
    cast(coalesce(sum(case when line_type = 'adjustment' then reporting_amount else 0 end), 0) as decimal(18, 4)) as adjustments_amount,
    cast(coalesce(sum(reporting_amount), 0) as decimal(18, 4)) as amount
from counted
group by order_id
