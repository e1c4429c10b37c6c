/*
row: a product in a week in which it was ordered
about: >
  What was demanded: sale lines (duplicates and charges aside) less what was cancelled of them within
  demand.cancelled_within_days, as core.cancellation_matches knows it: an order that was undone at once never was one. What
  comes back later was demanded all the same: it had to be in stock. Cancellations that match no sale, and
  those of guests, take nothing off. Weeks in which a product was not ordered are not here. The price is that of the middle order, so
  that quantity discounts of large orders do not move it.
key: [product_id, week]
columns:
  product_id: the product's code
  week: the Monday of the week [store time]
  is_partial: whether the data hold only a part of the week
  units_sold: units on sale lines of the week [units]
  units_undone: units of them cancelled within demand.cancelled_within_days [units]
  units_undone_at_once: units of them cancelled before the week was over [units]
  demand: units_sold less units_undone [units]
  largest_order: units that the largest order of the week took, less what was soon cancelled of it [units]
  largest_order_at_once: the same, less only what was cancelled of it before the week was over [units]
  orders: orders with the product of which something is left [orders]
  revenue: value of what was demanded, after discount, 0 if there is no rate [reporting currency]
  unit_price: what a unit cost in the middle order of the week (the mean of two), null if there is no rate [reporting currency]
*/
with undone as (
    select
        sale_order_id,
        sale_line_no,
        sum(quantity) as quantity,
        sum(case when cast(cancelled_at as date) < weeks.week + 7 then quantity else 0 end) as quantity_at_once
    from core.cancellation_matches as matches
    join core.calendar as weeks on cast(matches.sold_at as date) = weeks.date_day
    where cast(cancelled_at as date) <= cast(sold_at as date) + cast($demand_cancelled_within_days as integer)
        and (cancelled_at < $as_of or $as_of is null)
    group by sale_order_id, sale_line_no
),

lines as (
    select
        lines.product_id,
        days.week,
        lines.order_id,
        lines.quantity,
        lines.reporting_amount as amount,
        coalesce(undone.quantity, 0) as undone,
        coalesce(undone.quantity_at_once, 0) as undone_at_once
    from core.order_lines as lines
    join core.calendar as days on lines.order_date = days.date_day
    left join undone on lines.order_id = undone.sale_order_id and lines.line_no = undone.sale_line_no
    where lines.line_type = 'sale'
        and not lines.is_duplicate
        and not lines.is_charge
        and lines.quantity > 0
        and (lines.order_date < $as_of or $as_of is null)
),

by_order as (
    select
        product_id,
        week,
        order_id,
        sum(quantity) as quantity,
        sum(undone) as undone,
        sum(undone_at_once) as undone_at_once,
        cast(sum(amount) as double) / cast(sum(quantity) as double) as unit_price
    from lines
    group by product_id, week, order_id
)

select
    by_order.product_id,
    by_order.week,
    bool_or(weeks.is_partial or coalesce(by_order.week + 7 > $as_of, false)) as is_partial,
    cast(sum(by_order.quantity) as decimal(18, 4)) as units_sold,
    cast(sum(by_order.undone) as decimal(18, 4)) as units_undone,
    cast(sum(by_order.undone_at_once) as decimal(18, 4)) as units_undone_at_once,
    cast(sum(by_order.quantity - by_order.undone) as decimal(18, 4)) as demand,
    cast(max(by_order.quantity - by_order.undone) as decimal(18, 4)) as largest_order,
    cast(max(by_order.quantity - by_order.undone_at_once) as decimal(18, 4)) as largest_order_at_once,
    cast(sum(case when by_order.quantity > by_order.undone then 1 else 0 end) as bigint) as orders,
    cast(
        sum(
            coalesce(
                cast(by_order.unit_price * cast(by_order.quantity - by_order.undone as double) as decimal(18, 4)), 0
            )
        ) as decimal(18, 4)
    ) as revenue,
    median(by_order.unit_price) as unit_price
from by_order
join sales.weekly as weeks on by_order.week = weeks.week
group by by_order.product_id, by_order.week
