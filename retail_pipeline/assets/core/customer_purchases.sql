/*
row: a line that counts as a known customer's purchase
about: >
  Which lines count is set by core.revenue_policy. Under net: sale lines, duplicates aside, and each line less the
  cancellations matched to it, which the reader takes off as of a date (core.cancellation_matches, cancelled_at before that
  date). Under gross, the usual filter of the field: every line with a known customer, a quantity and a price above
  zero, charges and a file's own duplicates too, but not what an earlier drop brought already; nothing is taken off.
key: [order_id, line_no]
incremental:
  key: order_id
  sources:
    core.order_lines: order_id
columns:
  customer_id: the customer
  order_id: the order
  line_no: the line within the order
  order_ts: when it was bought [store time]
  order_date: its day [store time]
  product_id: the product
  quantity: units bought, before cancellations [units]
  amount: value after discount, before cancellations, null if there is no rate [reporting currency]
  discount: money off the line, null if there is no rate [reporting currency]
  category: the product's category, where the export gives it
  country: the customer's country
  channel: the sales channel, where the export gives it
*/
select
    customer_id,
    order_id,
    line_no,
    order_ts,
    order_date,
    product_id,
    quantity,
    reporting_amount as amount,
    case
        when reporting_amount = amount or discount = 0 then discount
        when amount <> 0 then cast(
            cast(discount as double) * (cast(reporting_amount as double) / cast(amount as double)) as decimal(18, 4)
        )
    end as discount,
    category,
    country,
    channel
from core.order_lines
where customer_id is not null
    and case
        when $revenue_policy = 'gross' then quantity > 0 and unit_price > 0 and not is_reexported
        else line_type = 'sale' and not is_duplicate
    end
