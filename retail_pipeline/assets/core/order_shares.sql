/*
row: a line's share in what its export tells of the order as a whole
about: >
  Some exports give discounts, refunds or the cancellation for the order and not for its lines. They are spread over the
  order's sold lines by amount, each share rounded to the fourth decimal so that all add up. A discount is what the lines come to
  before it less the order's subtotal, or, without a subtotal, the order's discount less those of its lines. No more is
  taken off or given back than there is: what else a refund holds is tax and shipping. A cancelled order is given back
  as a whole. Units given back are the line's share of units.
key: [drop_id, source_row, source_part]
incremental:
  key: order_id
  sources:
    raw.transactions: order_id
    raw.formats: ~
columns:
  order_id: the order's id
  drop_id: the drop the line came with
  source_row: the line of the file it stood on
  source_part: which of the lines packed into that row it is
  discount: its share of the order's discount [currency]
  returned_quantity: units given back, null if nothing was [units]
  returned_amount: value given back, null if nothing was [currency]
  returned_at: when; the order's time where the export does not say [store time]
  return_type: return, or cancellation if the order was cancelled
*/
with told as (
    select distinct lines.drop_id, lines.order_id
    from raw.transactions as lines
    join raw.drops as drops on lines.drop_id = drops.drop_id
    join raw.formats as formats on drops.format = formats.format
    where lines.order_subtotal is not null
        or lines.order_discount <> 0
        or lines.order_refunded > 0
        or lines.refunded > 0
        or lines.cancelled_ts is not null
        or list_contains(formats.refunded_statuses, lower(lines.status))
),

lines as (
    select
        lines.*,
        coalesce(
            lines.amount,
            cast(
                cast(lines.quantity as decimal(19, 4)) * lines.unit_price - coalesce(lines.discount, 0)
                as decimal(18, 4)
            )
        ) as value,
        coalesce(list_contains(formats.refunded_statuses, lower(lines.status)), false) as is_refunded,
        lines.quantity > 0
        and lines.unit_price >= 0
        and (
            lines.cancelled_ts is not null
            or not coalesce(list_contains(formats.void_statuses, lower(lines.status)), false)
        )
        and not list_contains(formats.charge_products, upper(trim(lines.product_id))) as is_sold
    from raw.transactions as lines
    join told on lines.drop_id = told.drop_id and lines.order_id = told.order_id
    join raw.drops as drops on lines.drop_id = drops.drop_id
    join raw.formats as formats on drops.format = formats.format
),

orders as (
    select
        drop_id,
        order_id,
        sum(case when is_sold then value else 0 end) as value,
        case
            when sum(order_subtotal) is not null
                then sum(case when is_sold then value else 0 end) - sum(order_subtotal)
            else coalesce(sum(order_discount), 0) - coalesce(sum(case when is_sold then discount end), 0)
        end as discount,
        coalesce(sum(refunded), 0) as refunded_by_line,
        coalesce(sum(order_refunded), 0) as refunded,
        bool_or(is_refunded) as is_refunded,
        max(cancelled_ts) as cancelled_ts,
        max(refunded_ts) as refunded_ts
    from lines
    group by drop_id, order_id
),

spread as (
    select
        lines.order_id,
        lines.drop_id,
        lines.source_row,
        lines.source_part,
        lines.order_ts,
        lines.quantity,
        lines.value,
        lines.refunded as line_refunded,
        orders.value as order_value,
        greatest(0, least(orders.value, orders.discount)) as order_discount,
        orders.refunded_by_line,
        orders.refunded,
        orders.is_refunded,
        orders.cancelled_ts,
        orders.refunded_ts,
        sum(lines.value) over (
            partition by lines.drop_id, lines.order_id
            order by lines.source_row, lines.source_part
            rows between unbounded preceding and current row
        ) as value_by_now
    from lines
    join orders on lines.drop_id = orders.drop_id and lines.order_id = orders.order_id
    where lines.is_sold
),

discounted as (
    select
        *,
        case
            when order_value > 0
                then cast(
                    round(cast(order_discount as double) * cast(value_by_now as double) / cast(order_value as double), 4)
                    as decimal(18, 4)
                )
            else 0
        end as discount_by_now
    from spread
),

paid as (
    select
        *,
        discount_by_now - lag(discount_by_now, 1, 0) over in_order as discount,
        value_by_now - discount_by_now as paid_by_now,
        value - (discount_by_now - lag(discount_by_now, 1, 0) over in_order) as paid,
        order_value - order_discount as order_paid
    from discounted
    window in_order as (partition by drop_id, order_id order by source_row, source_part)
),

given_back as (
    select
        *,
        case
            when is_refunded and refunded = 0 and refunded_by_line = 0 then order_paid
            else greatest(0, least(refunded, order_paid))
        end as order_returned
    from paid
),

returned as (
    select
        *,
        case
            when order_paid > 0
                then cast(
                    round(cast(order_returned as double) * cast(paid_by_now as double) / cast(order_paid as double), 4)
                    as decimal(18, 4)
                )
            else 0
        end as returned_by_now
    from given_back
),

shares as (
    select
        order_id,
        drop_id,
        source_row,
        source_part,
        order_ts,
        quantity,
        discount,
        paid,
        cancelled_ts,
        refunded_ts,
        case
            when cancelled_ts is not null then paid
            when refunded_by_line > 0 then greatest(0, least(coalesce(line_refunded, 0), paid))
            else returned_by_now - lag(returned_by_now, 1, 0) over (
                partition by drop_id, order_id
                order by source_row, source_part
            )
        end as returned
    from returned
)

select
    order_id,
    drop_id,
    source_row,
    source_part,
    cast(discount as decimal(18, 4)) as discount,
    case
        when cancelled_ts is not null or (returned > 0 and returned = paid) then quantity
        when returned > 0
            then greatest(
                0.0001,
                cast(
                    round(cast(quantity as double) * cast(returned as double) / cast(paid as double), 4)
                    as decimal(18, 4)
                )
            )
    end as returned_quantity,
    case when cancelled_ts is not null or returned > 0 then cast(returned as decimal(18, 4)) end as returned_amount,
    case
        when cancelled_ts is not null then cancelled_ts
        when returned > 0 then coalesce(refunded_ts, order_ts)
    end as returned_at,
    case when cancelled_ts is not null then 'cancellation' when returned > 0 then 'return' end as return_type
from shares
