/*
row: a sale line and a cancellation or return of (a part of) it
about: >
  A cancellation undoes sales of the same customer, product and unit price. Cancellations are taken in the order of
  their time; each takes the latest earlier sale that has quantity left, then the one before it, until its
  quantity is used up. What finds no sale stays unmatched. Duplicates and guests take no part. Returns (negative
  quantities of formats without cancellations) are matched in the same way. The pairing is that of a stack: sales put their
  units on top, cancellations take units off the top, never below the bottom. Height after each event is the running sum
  less its running minimum below zero; what is left of a sale when a cancellation comes lies below the lowest height
  in between.
key: [sale_order_id, sale_line_no, cancellation_order_id, cancellation_line_no]
columns:
  customer_id: the customer
  product_id: the product
  sale_order_id: the sale's order
  sale_line_no: the sale's line
  sold_at: when the sale was placed [store time]
  cancellation_order_id: the cancellation's order
  cancellation_line_no: the cancellation's line
  cancelled_at: when the cancellation was placed [store time]
  quantity: units undone [units]
  amount: the part of the sale line's amount that is undone [currency]
*/
with undoing as (
    select distinct customer_id, product_id, unit_price
    from core.order_lines
    where line_type in ('cancellation', 'return') and quantity < 0 and not is_duplicate and customer_id is not null
),

events as (
    select
        lines.customer_id,
        lines.product_id,
        lines.unit_price,
        lines.order_id,
        lines.line_no,
        lines.order_ts,
        lines.line_type = 'sale' as is_sale,
        lines.quantity,
        lines.amount,
        row_number() over (
            partition by lines.customer_id, lines.product_id, lines.unit_price
            order by lines.order_ts, (lines.line_type = 'sale'), lines.order_id, lines.line_no
        ) as place
    from core.order_lines as lines
    join undoing
        on lines.customer_id = undoing.customer_id
        and lines.product_id = undoing.product_id
        and lines.unit_price = undoing.unit_price
    where not lines.is_duplicate
        and (
            (lines.line_type = 'sale' and lines.quantity > 0)
            or (lines.line_type in ('cancellation', 'return') and lines.quantity < 0)
        )
),

sums as (
    select
        *,
        sum(quantity) over (partition by customer_id, product_id, unit_price order by place) as running_sum
    from events
),

floors as (
    select
        *,
        least(0, min(running_sum) over (partition by customer_id, product_id, unit_price order by place)) as floor_sum
    from sums
),

heights as (
    select
        *,
        running_sum - floor_sum as height_after,
        coalesce(
            lag(running_sum - floor_sum) over (partition by customer_id, product_id, unit_price order by place), 0
        ) as height_before
    from floors
),

candidates as (
    select
        sales.customer_id,
        sales.product_id,
        sales.unit_price,
        sales.order_id as sale_order_id,
        sales.line_no as sale_line_no,
        sales.order_ts as sold_at,
        sales.quantity as sale_quantity,
        sales.amount as sale_amount,
        sales.place as sale_place,
        sales.height_before as sale_bottom,
        sales.height_after as sale_top,
        cancellations.order_id as cancellation_order_id,
        cancellations.line_no as cancellation_line_no,
        cancellations.order_ts as cancelled_at,
        cancellations.place as cancellation_place,
        cancellations.height_after as taken_bottom,
        cancellations.height_before as taken_top
    from heights as sales
    join heights as cancellations
        on sales.customer_id = cancellations.customer_id
        and sales.product_id = cancellations.product_id
        and sales.unit_price = cancellations.unit_price
        and sales.place < cancellations.place
        and sales.height_before < cancellations.height_before
        and sales.height_after > cancellations.height_after
    where sales.is_sale and not cancellations.is_sale
),

lowest as (
    select
        candidates.sale_order_id,
        candidates.sale_line_no,
        candidates.cancellation_order_id,
        candidates.cancellation_line_no,
        min(heights.height_after) as lowest_between
    from candidates
    join heights
        on candidates.customer_id = heights.customer_id
        and candidates.product_id = heights.product_id
        and candidates.unit_price = heights.unit_price
        and heights.place >= candidates.sale_place
        and heights.place < candidates.cancellation_place
    group by 1, 2, 3, 4
),

matched as (
    select
        candidates.*,
        least(candidates.sale_top, lowest.lowest_between, candidates.taken_top)
        - greatest(candidates.sale_bottom, candidates.taken_bottom) as matched_quantity
    from candidates
    join lowest
        on candidates.sale_order_id = lowest.sale_order_id
        and candidates.sale_line_no = lowest.sale_line_no
        and candidates.cancellation_order_id = lowest.cancellation_order_id
        and candidates.cancellation_line_no = lowest.cancellation_line_no
)

select
    customer_id,
    product_id,
    sale_order_id,
    sale_line_no,
    sold_at,
    cancellation_order_id,
    cancellation_line_no,
    cancelled_at,
    cast(matched_quantity as decimal(18, 4)) as quantity,
    cast(
        case
            when matched_quantity = sale_quantity then sale_amount
            else cast(sale_amount as double) * cast(matched_quantity as double) / cast(sale_quantity as double)
        end as decimal(18, 4)
    ) as amount
from matched
where matched_quantity > 0
