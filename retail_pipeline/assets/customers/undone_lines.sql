/*
row: a line that a customer bought, and a day on which units of it were cancelled or returned
about: >
  From core.cancellation_matches, so that no table of customers.* has to ask twice what was left of a line, and since when.
  With its last unit a line loses all that was left of it. Empty under the gross policy of core.revenue_policy. What is
  undone on a day is known as of the day after.
key: [order_id, line_no, undone_on]
columns:
  customer_id: the customer
  order_id: the order
  line_no: the line within the order
  product_id: the product
  category: the product's category, where the export gives it
  order_date: the day on which it was bought [store time]
  undone_on: the day, never before the day on which it was bought [store time]
  lines: 1 if nothing is left of the line from then on, else 0 [lines]
  quantity: units undone on the day [units]
  amount: their value, 0 if there is no rate [reporting currency]
*/
with undone_days as (
    select
        purchases.customer_id,
        purchases.order_id,
        purchases.line_no,
        purchases.product_id,
        purchases.category,
        purchases.order_date,
        purchases.quantity as bought_quantity,
        purchases.amount as bought_amount,
        greatest(cast(matches.cancelled_at as date), purchases.order_date) as undone_on,
        sum(matches.quantity) as quantity,
        sum(coalesce(matches.amount, 0)) as amount
    from core.cancellation_matches as matches
    join core.customer_purchases as purchases
        on matches.sale_order_id = purchases.order_id and matches.sale_line_no = purchases.line_no
    where $revenue_policy = 'net' and purchases.quantity > 0
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9
),

so_far as (
    select
        *,
        sum(quantity) over (partition by order_id, line_no order by undone_on) as quantity_so_far,
        sum(amount) over (partition by order_id, line_no order by undone_on) as amount_so_far
    from undone_days
)

select
    customer_id,
    order_id,
    line_no,
    product_id,
    category,
    order_date,
    undone_on,
    case when quantity_so_far >= bought_quantity then 1 else 0 end as lines,
    cast(
        case
            when quantity_so_far >= bought_quantity then bought_quantity - (quantity_so_far - quantity)
            else quantity
        end as decimal(18, 4)
    ) as quantity,
    cast(
        coalesce(
            case
                when bought_amount is null then 0
                when quantity_so_far >= bought_quantity then bought_amount - (amount_so_far - amount)
                else amount
            end,
            0
        ) as decimal(18, 4)
    ) as amount
from so_far
where quantity_so_far - quantity < bought_quantity
