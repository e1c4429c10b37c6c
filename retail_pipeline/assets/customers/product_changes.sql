/*
row: a day on which the products changed of which a customer has lines left
about: >
  Added up over the days before any day, the rows tell variety and entropy as of it, without a look at single lines. With n lines
  of a product, the sum of n * ln(n) over products and the number N of all lines give the entropy ln(N) - sum / N. Each
  n * ln(n) is cut to six decimals, so that sums are exact. A line counts until its last unit is undone.
key: [customer_id, date_day]
columns:
  customer_id: the customer
  date_day: the day, whose changes are known as of the day after [store time]
  lines: lines more, or less [lines]
  products: products more, or less, of which a line is left [products]
  n_log_n: change of the sum over products of n * ln(n), n being the lines left of a product
*/
with changes as (
    select customer_id, product_id, order_date as date_day, 1 as lines
    from core.customer_purchases
    where quantity > 0
    union all
    select customer_id, product_id, undone_on, -1
    from customers.undone_lines
    where lines = 1
),

days as (
    select customer_id, product_id, date_day, sum(lines) as lines
    from changes
    group by customer_id, product_id, date_day
),

counts as (
    select
        customer_id,
        date_day,
        lines as change,
        cast(sum(lines) over (partition by customer_id, product_id order by date_day) as bigint) as lines
    from days
),

before_and_after as (
    select customer_id, date_day, change, lines, lines - change as lines_before
    from counts
)

select
    customer_id,
    date_day,
    cast(sum(change) as bigint) as lines,
    cast(
        sum(case when lines > 0 then 1 else 0 end) - sum(case when lines_before > 0 then 1 else 0 end) as bigint
    ) as products,
    cast(
        sum(case when lines > 1 then cast(lines * ln(lines) as decimal(18, 6)) else 0 end)
        - sum(case when lines_before > 1 then cast(lines_before * ln(lines_before) as decimal(18, 6)) else 0 end)
        as decimal(18, 6)
    ) as n_log_n
from before_and_after
where change <> 0
group by customer_id, date_day
