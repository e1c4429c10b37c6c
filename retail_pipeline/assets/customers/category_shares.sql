/*
row: a category in which a customer has bought something that is left
about: As of the day of customers.features, by the same rule; the shares of a customer make up one. Lines without a category have none.
key: [customer_id, category]
columns:
  customer_id: the customer
  as_of: the day at whose start the shares hold
  category: the category
  spend: value of what was bought in it and is left [reporting currency]
  share: of the customer's spend in all categories on which anything was spent, null if there is none [share]
*/
with as_of as (
    select coalesce(cast($as_of as date), cast(max(order_date) + 1 as date)) as as_of
    from core.order_lines
),

spends as (
    select
        changes.customer_id,
        as_of.as_of,
        changes.category,
        sum(changes.amount) as amount
    from customers.category_changes as changes
    join as_of on changes.date_day < as_of.as_of
    group by changes.customer_id, as_of.as_of, changes.category
    having sum(changes.lines) > 0
),

above_nothing as (
    select *, case when amount > 0 then amount else 0 end as amount_above_nothing
    from spends
)

select
    customer_id,
    as_of,
    category,
    cast(amount as decimal(18, 4)) as spend,
    cast(amount_above_nothing as double)
    / nullif(cast(sum(amount_above_nothing) over (partition by customer_id) as double), 0) as share
from above_nothing
