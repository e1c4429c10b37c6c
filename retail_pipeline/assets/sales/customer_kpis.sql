/*
row: a month
about: >
  Known customers by what they did, with an order in this month: new in the month of their first order, returning if they had one
  in the three months before, else reactivated. A customer lapses in the third month without an order, and may come back
  later. So active_customers is new, returning and reactivated ones together, and customers_at_end, who are those not lapsed, is that of the
  month before with new and reactivated ones and without the lapsed.
key: [month]
columns:
  month: its first day
  is_partial: whether the data hold only a part of it
  active_customers: customers with an order in it [customers]
  new_customers: those of them whose first order it was [customers]
  returning_customers: those who had one in the three months before [customers]
  reactivated_customers: those whose last one was longer ago [customers]
  lapsed_customers: customers for whom it is the third month without an order [customers]
  customers_at_end: customers with an order in it or the two months before [customers]
  churn_rate: lapsed_customers by customers_at_end of the month before [share]
*/
with months as (
    select
        month,
        is_partial,
        row_number() over (order by month) as number
    from sales.monthly
),

active as (
    select distinct days.customer_id, months.number
    from sales.order_days as days
    join months on cast(date_trunc('month', days.date_day) as date) = months.month
    where days.customer_id is not null and days.orders > 0
),

steps as (
    select
        customer_id,
        number,
        lag(number) over (partition by customer_id order by number) as number_before,
        lead(number) over (partition by customer_id order by number) as number_after
    from active
),

came as (
    select
        number,
        count(*) as active_customers,
        sum(case when number_before is null then 1 else 0 end) as new_customers,
        sum(case when number - number_before <= 3 then 1 else 0 end) as returning_customers,
        sum(case when number - number_before > 3 then 1 else 0 end) as reactivated_customers
    from steps
    group by number
),

lapsed as (
    select number + 3 as number, count(*) as lapsed_customers
    from steps
    where number_after is null or number_after - number > 3
    group by number + 3
),

figures as (
    select
        months.month,
        months.is_partial,
        months.number,
        coalesce(came.active_customers, 0) as active_customers,
        cast(coalesce(came.new_customers, 0) as bigint) as new_customers,
        cast(coalesce(came.returning_customers, 0) as bigint) as returning_customers,
        cast(coalesce(came.reactivated_customers, 0) as bigint) as reactivated_customers,
        coalesce(lapsed.lapsed_customers, 0) as lapsed_customers
    from months
    left join came on months.number = came.number
    left join lapsed on months.number = lapsed.number
),

running as (
    select
        *,
        sum(new_customers + reactivated_customers - lapsed_customers) over (
            order by number
            rows between unbounded preceding and current row
        ) as customers_at_end
    from figures
)

select
    month,
    is_partial,
    active_customers,
    new_customers,
    returning_customers,
    reactivated_customers,
    lapsed_customers,
    cast(customers_at_end as bigint) as customers_at_end,
    lapsed_customers / nullif(cast(lag(customers_at_end) over (order by number) as double), 0) as churn_rate
from running
