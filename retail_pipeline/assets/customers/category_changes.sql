/*
row: a day on which it changed what a customer has bought of a category
about: >
  Added up over the days before any day, the rows tell a customer's spend by category as of it. Empty where the exports give no
  category.
key: [customer_id, category, date_day]
columns:
  customer_id: the customer
  category: the category
  date_day: the day, whose changes are known as of the day after [store time]
  lines: lines more, or less, of which something is left [lines]
  amount: spend more, or less [reporting currency]
*/
with changes as (
    select customer_id, category, order_date as date_day, 1 as lines, coalesce(amount, 0) as amount
    from core.customer_purchases
    where quantity > 0 and category is not null
    union all
    select customer_id, category, undone_on, -lines, -amount
    from customers.undone_lines
    where category is not null
)

select
    customer_id,
    category,
    date_day,
    cast(sum(lines) as bigint) as lines,
    cast(sum(amount) as decimal(18, 4)) as amount
from changes
group by customer_id, category, date_day
