/*
row: a sale line and a cancellation or return of (a part of) it
about: >
  A cancellation undoes sales of the same customer, product and unit price. Cancellations are taken in the order of
  their time; each takes the latest earlier sale that has quantity left, then the one before it, until its
  quantity is used up. What finds no sale stays unmatched. Duplicates and guests take no part. Returns (negative
  quantities of formats without cancellations) are matched in the same way. The pairing is that of a stack: sales put their
  units on top, cancellations take units off the top, never below the bottom. The stack's height after each event is the
  running sum less its running minimum below zero. All heights that occur cut the stack into levels; at each level
  sales and cancellations take turns, so a cancellation undoes, level by level, the sale before it.
  An undone part is worth the sale line's amount times the share undone by now, rounded down to the fourth decimal, less the
  parts undone before, so that the parts of a line undone as a whole add up to its amount. What was given back of an order
  without saying of which line (is_allocated) undoes its own lines, before all else.
key: [sale_order_id, sale_line_no, cancellation_order_id, cancellation_line_no]
incremental:
  key: customer_id
  sources:
    core.order_lines: customer_id
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
  amount: the part of the sale line's amount that is undone, null if there is no rate [reporting currency]
*/
with allocated as (
    select
        customer_id,
        product_id,
        order_id,
        line_no,
        order_ts,
        drop_id,
        source_row,
        source_part,
        -quantity as quantity,
        -reporting_amount as amount
    from core.order_lines
    where is_allocated and customer_id is not null and not is_duplicate
),

stacks as (
    select
        customer_id,
        product_id,
        unit_price,
        coalesce(currency, '') as currency,
        row_number() over (order by customer_id, product_id, unit_price, coalesce(currency, '')) as stack
    from core.order_lines
    where customer_id is not null
        and line_type in ('cancellation', 'return')
        and quantity < 0
        and not is_duplicate
        and not is_allocated
    group by customer_id, product_id, unit_price, coalesce(currency, '')
),

events as (
    -- at equal times cancellations come first: they undo earlier sales only
    select
        stacks.stack,
        row_number() over (
            partition by stacks.stack
            order by lines.order_ts, (lines.line_type = 'sale'), lines.order_id, lines.line_no
        ) as place,
        lines.line_type = 'sale' as is_sale,
        lines.customer_id,
        lines.product_id,
        lines.order_id,
        lines.line_no,
        lines.order_ts,
        cast(lines.quantity - coalesce(allocated.quantity, 0) as decimal(18, 4)) as quantity,
        cast(lines.reporting_amount - coalesce(allocated.amount, 0) as decimal(18, 4)) as amount
    from core.order_lines as lines
    join stacks
        on lines.customer_id = stacks.customer_id
        and lines.product_id = stacks.product_id
        and lines.unit_price = stacks.unit_price
        and coalesce(lines.currency, '') = stacks.currency
    left join allocated
        on lines.drop_id = allocated.drop_id
        and lines.source_row = allocated.source_row
        and lines.source_part = allocated.source_part
    where not lines.is_duplicate
        and not lines.is_allocated
        and (
            (lines.line_type = 'sale' and lines.quantity > coalesce(allocated.quantity, 0))
            or (lines.line_type in ('cancellation', 'return') and lines.quantity < 0)
        )
),

sums as (
    select
        stack,
        place,
        is_sale,
        sum(quantity) over (partition by stack order by place) as running_sum
    from events
),

heights as (
    select
        stack,
        place,
        is_sale,
        running_sum - least(0, min(running_sum) over (partition by stack order by place)) as height
    from sums
),

levels as (
    select
        stack,
        place,
        is_sale,
        height,
        case when height = 0 then 0 else dense_rank() over (partition by stack, height > 0 order by height) end as level
    from heights
),

thicknesses as (
    select stack, level, height - lag(height, 1, 0) over (partition by stack order by level) as thickness
    from levels
    where level > 0
    group by stack, level, height
),

moves as (
    select
        stack,
        place,
        is_sale,
        level as level_after,
        lag(level, 1, 0) over (partition by stack order by place) as level_before
    from levels
),

crossings as (
    select
        stack,
        place,
        is_sale,
        unnest(
            generate_series(least(level_before, level_after) + 1, greatest(level_before, level_after))
        ) as level
    from moves
    where level_before <> level_after
),

turns as (
    select
        stack,
        level,
        is_sale,
        place as cancellation_place,
        lag(place) over (partition by stack, level order by place) as sale_place
    from crossings
),

pairs as (
    select
        turns.stack,
        turns.sale_place,
        turns.cancellation_place,
        sum(thicknesses.thickness) as quantity
    from turns
    join thicknesses on turns.stack = thicknesses.stack and turns.level = thicknesses.level
    where not turns.is_sale
    group by turns.stack, turns.sale_place, turns.cancellation_place
),

undone as (
    select
        stack,
        sale_place,
        cancellation_place,
        cast(quantity as decimal(18, 4)) as quantity,
        cast(
            sum(quantity) over (partition by stack, sale_place order by cancellation_place) as decimal(18, 4)
        ) as undone_by_now
    from pairs
),

estimates as (
    -- DuckDB divides in DOUBLE only: start surely below (a double is off by less than 0.1) and add the rest, exactly
    select
        undone.*,
        sales.quantity as sale_quantity,
        sales.amount as sale_amount,
        cast(
            cast(sales.amount as double) * cast(undone.undone_by_now as double) / cast(sales.quantity as double) - 1
            as decimal(19, 4)
        ) as estimate
    from undone
    join events as sales on undone.stack = sales.stack and undone.sale_place = sales.place
),

remainders as (
    select
        *,
        cast(sale_amount as decimal(19, 4)) * undone_by_now - estimate * sale_quantity as remainder,
        cast(sale_quantity as decimal(19, 4)) * cast(0.0001 as decimal(5, 4)) as step
    from estimates
),

worth as (
    select
        *,
        estimate
        + cast((remainder - remainder % step) / step as decimal(9, 0)) * cast(0.0001 as decimal(5, 4)) as amount_by_now
    from remainders
)

select
    sales.customer_id,
    sales.product_id,
    sales.order_id as sale_order_id,
    sales.line_no as sale_line_no,
    sales.order_ts as sold_at,
    cancellations.order_id as cancellation_order_id,
    cancellations.line_no as cancellation_line_no,
    cancellations.order_ts as cancelled_at,
    worth.quantity,
    cast(
        worth.amount_by_now
        - lag(worth.amount_by_now, 1, 0) over (
            partition by worth.stack, worth.sale_place
            order by worth.cancellation_place
        ) as decimal(18, 4)
    ) as amount
from worth
join events as sales on worth.stack = sales.stack and worth.sale_place = sales.place
join events as cancellations on worth.stack = cancellations.stack and worth.cancellation_place = cancellations.place
union all
select
    allocated.customer_id,
    allocated.product_id,
    sales.order_id as sale_order_id,
    sales.line_no as sale_line_no,
    sales.order_ts as sold_at,
    allocated.order_id as cancellation_order_id,
    allocated.line_no as cancellation_line_no,
    allocated.order_ts as cancelled_at,
    cast(allocated.quantity as decimal(18, 4)) as quantity,
    cast(allocated.amount as decimal(18, 4)) as amount
from allocated
join core.order_lines as sales
    on allocated.drop_id = sales.drop_id
    and allocated.source_row = sales.source_row
    and allocated.source_part = sales.source_part
where not sales.is_allocated
