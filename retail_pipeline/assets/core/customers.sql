/*
row: a known customer, whatever their lines are
about: >
  Guests are not here. Figures leave duplicates aside. Should an order hold lines of several customers, each has their
  own part of it. The country is that of the customer's latest order, the first in the alphabet if it holds several.
key: [customer_id]
incremental:
  key: customer_id
  sources:
    core.order_lines: customer_id
columns:
  customer_id: the customer's id
  first_order_ts: their first order with a sale, null if none [store time]
  last_order_ts: their last order with a sale, null if none [store time]
  orders: orders with a sale [orders]
  country: the country of their latest order
  sales_amount: value of their sale lines, before cancellations [reporting currency]
  returns_amount: value of their returns and cancellations, negative [reporting currency]
*/
with customer_orders as (
    select
        customer_id,
        order_id,
        min(order_ts) as order_ts,
        max(case when line_type = 'sale' then 1 else 0 end) as sales,
        min(country) as country,
        sum(case when line_type = 'sale' then reporting_amount else 0 end) as sales_amount,
        sum(case when line_type in ('return', 'cancellation') then reporting_amount else 0 end) as returns_amount
    from core.order_lines
    where customer_id is not null and not is_duplicate
    group by customer_id, order_id
),

ranked as (
    select
        *,
        row_number() over (partition by customer_id order by order_ts desc, order_id desc) as place
    from customer_orders
)

select
    customer_id,
    min(case when sales = 1 then order_ts end) as first_order_ts,
    max(case when sales = 1 then order_ts end) as last_order_ts,
    cast(sum(sales) as bigint) as orders,
    max(case when place = 1 then country end) as country,
    cast(coalesce(sum(sales_amount), 0) as decimal(18, 4)) as sales_amount,
    cast(coalesce(sum(returns_amount), 0) as decimal(18, 4)) as returns_amount
from ranked
group by customer_id
