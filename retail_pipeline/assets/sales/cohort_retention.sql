/*
row: the customers who first bought in a month, so many months later
about: >
  Known customers only; guests have no later month. Months up to the last one are here, also those in which nobody came
  back. Revenue is net sales: what the cohort bought less what it sent back that month; what someone sent back in a month
  before their first order is in no cohort. Figures of a partial month are too low.
key: [cohort_month, months_since_first]
columns:
  cohort_month: the month of their first order, its first day
  months_since_first: months since then, 0 for that month itself [months]
  month: the month that is, its first day
  is_partial: whether the data hold only a part of that month
  customers: customers of the cohort [customers]
  active_customers: those of them with an order in that month [customers]
  retention: active_customers by customers [share]
  orders: their orders [orders]
  revenue: their net sales in that month [reporting currency]
*/
with first_months as (
    select customer_id, cast(date_trunc('month', min(date_day)) as date) as cohort_month
    from sales.order_days
    where customer_id is not null and orders > 0
    group by customer_id
),

cohorts as (
    select cohort_month, count(*) as customers
    from first_months
    group by cohort_month
),

cells as (
    select cohorts.cohort_month, cohorts.customers, months.month, months.is_partial
    from cohorts
    join sales.monthly as months on cohorts.cohort_month <= months.month
),

figures as (
    select
        first_months.cohort_month,
        cast(date_trunc('month', days.date_day) as date) as month,
        count(distinct case when days.orders > 0 then days.customer_id end) as active_customers,
        sum(days.orders) as orders,
        sum(days.gross_sales - days.discounts - days.returns) as revenue
    from sales.order_days as days
    join first_months on days.customer_id = first_months.customer_id
    group by first_months.cohort_month, cast(date_trunc('month', days.date_day) as date)
)

select
    cells.cohort_month,
    cast(date_diff('month', cells.cohort_month, cells.month) as bigint) as months_since_first,
    cells.month,
    cells.is_partial,
    cells.customers,
    coalesce(figures.active_customers, 0) as active_customers,
    coalesce(figures.active_customers, 0) / cast(cells.customers as double) as retention,
    cast(coalesce(figures.orders, 0) as bigint) as orders,
    cast(coalesce(figures.revenue, 0) as decimal(18, 4)) as revenue
from cells
left join figures on cells.cohort_month = figures.cohort_month and cells.month = figures.month
