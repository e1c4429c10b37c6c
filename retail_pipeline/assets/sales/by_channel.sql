/*
row: a channel
about: Over all time; see sales.order_days for what is booked. Orders whose channel is not known have a row of their own.
key: [channel]
columns:
  channel: the sales channel, null where the export gives none
  orders: orders that sold something [orders]
  customers: known customers with an order [customers]
  guest_orders: orders without a known customer [orders]
  units: units sold [units]
  gross_sales: value of what was sold before discount [reporting currency]
  discounts: money off what was sold [reporting currency]
  returns: value of what came back or was cancelled [reporting currency]
  net_sales: gross_sales less discounts and returns [reporting currency]
  avg_order_value: value of what was sold after discount, by order [reporting currency]
  return_rate: returns against what was sold after discount [share]
  share_net_sales: of the net sales of all [share]
  first_day: the first day with an order
  last_day: the last day with an order
*/
with figures as (
    select
        channel,
        sum(orders) as orders,
        count(distinct case when orders > 0 then customer_id end) as customers,
        sum(case when customer_id is null then orders else 0 end) as guest_orders,
        sum(units) as units,
        sum(gross_sales) as gross_sales,
        sum(discounts) as discounts,
        sum(returns) as returns,
        min(case when orders > 0 then date_day end) as first_day,
        max(case when orders > 0 then date_day end) as last_day
    from sales.order_days
    group by channel
)

select
    channel,
    cast(orders as bigint) as orders,
    customers,
    cast(guest_orders as bigint) as guest_orders,
    cast(units as decimal(18, 4)) as units,
    cast(gross_sales as decimal(18, 4)) as gross_sales,
    cast(discounts as decimal(18, 4)) as discounts,
    cast(returns as decimal(18, 4)) as returns,
    cast(gross_sales - discounts - returns as decimal(18, 4)) as net_sales,
    cast(gross_sales - discounts as double) / nullif(cast(orders as double), 0) as avg_order_value,
    cast(returns as double) / nullif(cast(gross_sales - discounts as double), 0) as return_rate,
    cast(gross_sales - discounts - returns as double)
    / nullif(cast(sum(gross_sales - discounts - returns) over () as double), 0) as share_net_sales,
    first_day,
    last_day
from figures
