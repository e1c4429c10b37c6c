/*
row: the first-time buyers of a group, so many days after their first order
about: >
  Known customers by the country and channel of their first order and by the products in it (a customer counts for each of
  these). Only those count whose first order is so many days before the end of the data, so that all had the same time. Products of fewer
  than 30 such customers are left out.
key: [dimension, member, within_days]
columns:
  dimension: all, country, channel or product
  member: the country, channel or product code; null where the export gives none, and for all
  within_days: days after the day of the first order [days]
  customers: customers whose first order is at least so long ago [customers]
  returned_customers: those of them with another order within these days [customers]
  repurchase_rate: returned_customers by customers [share]
*/
with orders as (
    select
        customer_id,
        order_id,
        date_day,
        country,
        channel,
        row_number() over (partition by customer_id order by first_ts, order_id) as number
    from sales.order_days
    where customer_id is not null and orders > 0
),

customers as (
    select
        first_orders.customer_id,
        first_orders.order_id,
        first_orders.country,
        first_orders.channel,
        first_orders.date_day as first_day,
        second_orders.date_day as second_day
    from orders as first_orders
    left join orders as second_orders
        on first_orders.customer_id = second_orders.customer_id and second_orders.number = 2
    where first_orders.number = 1
),

members as (
    select customer_id, 'all' as dimension, cast(null as varchar) as member, first_day, second_day
    from customers
    union all
    select customer_id, 'country', country, first_day, second_day
    from customers
    union all
    select customer_id, 'channel', channel, first_day, second_day
    from customers
    union all
    select distinct customers.customer_id, 'product', lines.product_id, customers.first_day, customers.second_day
    from customers
    join core.order_lines as lines
        on customers.order_id = lines.order_id and lines.line_type = 'sale' and not lines.is_duplicate
),

bounds as (
    select max(date_day) as last_day
    from core.calendar
)

select
    members.dimension,
    members.member,
    cast(horizons.within_days as bigint) as within_days,
    count(*) as customers,
    cast(
        sum(case when date_diff('day', members.first_day, members.second_day) <= horizons.within_days then 1 else 0 end)
        as bigint
    ) as returned_customers,
    cast(
        sum(case when date_diff('day', members.first_day, members.second_day) <= horizons.within_days then 1 else 0 end)
        as double
    ) / count(*) as repurchase_rate
from members
cross join bounds
cross join (select unnest([30, 60, 90, 180, 365]) as within_days) as horizons
where date_diff('day', members.first_day, bounds.last_day) >= horizons.within_days
group by members.dimension, members.member, horizons.within_days
having count(*) >= 30 or members.dimension <> 'product'
