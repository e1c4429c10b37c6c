/*
row: an hour of a weekday
about: All 168 are here. An order counts in the hour of its first line that day.
key: [weekday, hour]
columns:
  weekday: 1 Monday to 7 Sunday
  hour: 0 to 23 [store time]
  days: days of this weekday from the first line's to the last line's [days]
  orders: orders that sold something [orders]
  customers: known customers with an order [customers]
  units: units sold [units]
  net_sales: what was sold less what came back in that hour [reporting currency]
  orders_per_day: orders by day of this weekday [orders]
*/
with hours as (
    select weekdays.weekday, weekdays.days, cast(hours.hour as bigint) as hour
    from (select weekday, count(*) as days from core.calendar group by weekday) as weekdays
    cross join (select unnest(generate_series(0, 23)) as hour) as hours
),

figures as (
    select
        calendar.weekday,
        extract(hour from days.first_ts) as hour,
        sum(days.orders) as orders,
        count(distinct case when days.orders > 0 then days.customer_id end) as customers,
        sum(days.units) as units,
        sum(days.gross_sales - days.discounts - days.returns) as net_sales
    from sales.order_days as days
    join core.calendar as calendar on days.date_day = calendar.date_day
    group by calendar.weekday, extract(hour from days.first_ts)
)

select
    hours.weekday,
    hours.hour,
    hours.days,
    cast(coalesce(figures.orders, 0) as bigint) as orders,
    coalesce(figures.customers, 0) as customers,
    cast(coalesce(figures.units, 0) as decimal(18, 4)) as units,
    cast(coalesce(figures.net_sales, 0) as decimal(18, 4)) as net_sales,
    cast(coalesce(figures.orders, 0) as double) / hours.days as orders_per_day
from hours
left join figures on hours.weekday = figures.weekday and hours.hour = figures.hour
