/*
row: an order on a day, with the members of each dimension it belongs to
about: >
  A row for each of sales.order_days. What is said of the customer was known before the day began, so that no group is made of
  what happened in it. A customer is new on the day of their first order and returning on any later one; that makes as many new
  customers as sales.monthly has. The segment is no RFM segment, which would be scored at the data's end: it goes by the orders on
  earlier days and the days since the last of them. What the export does not give is (unknown).
key: [order_id, date_day]
columns:
  order_id: the order's id
  date_day: the day [store time]
  country: the customer's country
  channel: the sales channel
  customer_type: new, returning or guest
  segment: guest, first order, occasional (1 to 3 earlier orders), regular (4 or more) or back after 180 days
  weekday: the day's name in English
  customer_id: the customer's id, null for a guest
  orders: 1 on the first day on which the order sold something, else 0 [orders]
  lines: sale lines [lines]
  units: units sold [units]
  gross_sales: value of what was sold before discount [reporting currency]
  discounts: money off what was sold [reporting currency]
  returns: value of what came back or was cancelled [reporting currency]
*/
with customer_days as (
    select customer_id, date_day, sum(orders) as orders
    from sales.order_days
    where customer_id is not null
    group by customer_id, date_day
),

histories as (
    select
        customer_id,
        date_day,
        coalesce(sum(orders) over earlier, 0) as earlier_orders,
        max(case when orders > 0 then date_day end) over earlier as last_order_day
    from customer_days
    window earlier as (
        partition by customer_id order by date_day rows between unbounded preceding and 1 preceding
    )
)

select
    days.order_id,
    days.date_day,
    coalesce(days.country, '(unknown)') as country,
    coalesce(days.channel, '(unknown)') as channel,
    case
        when days.customer_id is null then 'guest'
        when histories.earlier_orders = 0 then 'new'
        else 'returning'
    end as customer_type,
    case
        when days.customer_id is null then 'guest'
        when histories.earlier_orders = 0 then 'first order'
        when date_diff('day', histories.last_order_day, days.date_day) > 180 then 'back after 180 days'
        when histories.earlier_orders >= 4 then 'regular'
        else 'occasional'
    end as segment,
    case calendar.weekday
        when 1 then 'Monday'
        when 2 then 'Tuesday'
        when 3 then 'Wednesday'
        when 4 then 'Thursday'
        when 5 then 'Friday'
        when 6 then 'Saturday'
        else 'Sunday'
    end as weekday,
    days.customer_id,
    days.orders,
    days.lines,
    days.units,
    days.gross_sales,
    days.discounts,
    days.returns
from sales.order_days as days
join core.calendar as calendar on days.date_day = calendar.date_day
left join histories on days.customer_id = histories.customer_id and days.date_day = histories.date_day
