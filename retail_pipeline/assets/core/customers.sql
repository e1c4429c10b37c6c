/*
row: a known customer, whatever their lines are
about: Guests are not here. The country is that of the customer's latest order.
key: [customer_id]
columns:
  customer_id: the customer's id
  first_order_ts: their first order that is a sale, null if none [store time]
  last_order_ts: their last order that is a sale, null if none [store time]
  orders: orders that are sales [orders]
  country: the country of their latest order
  sales_amount: value of their sale lines, before cancellations [currency]
  returns_amount: value of their returns and cancellations, negative [currency]
*/
with ranked as (
    select
        *,
        row_number() over (partition by customer_id order by order_ts desc, order_id desc) as place
    from core.orders
    where customer_id is not null
)

select
    customer_id,
    min(case when order_type = 'sale' then order_ts end) as first_order_ts,
    max(case when order_type = 'sale' then order_ts end) as last_order_ts,
    count(case when order_type = 'sale' then 1 end) as orders,
    max(case when place = 1 then country end) as country,
    cast(sum(sales_amount) as decimal(18, 4)) as sales_amount,
    cast(sum(returns_amount) as decimal(18, 4)) as returns_amount
from ranked
group by customer_id
