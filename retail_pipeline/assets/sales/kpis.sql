/*
row: a headline figure
about: >
  Of the last whole month, beside the month before and the same month a year before; where no month is whole, of the
  whole time. What a figure means stands in its definition.
key: [kpi]
columns:
  kpi: the figure's name
  place: its place in a list of all
  title: its name in words
  unit: what it is counted in
  period: the first day of the month, null for the whole time
  value: its value
  value_before: its value in the month before, null if that is not whole
  change: value against value_before [share]
  value_year_before: its value a year before, null if that is not whole
  change_year: value against value_year_before [share]
  definition: what it means
*/
with latest as (
    select max(month) as month
    from sales.monthly
    where not is_partial
),

chosen as (
    select 'now' as which, months.*
    from sales.monthly as months
    join latest on months.month = latest.month
    union all
    select 'before', months.*
    from sales.monthly as months
    join latest on months.month = cast(latest.month - interval 1 month as date) and not months.is_partial
    union all
    select 'year before', months.*
    from sales.monthly as months
    join latest on months.month = cast(latest.month - interval 1 year as date) and not months.is_partial
),

whole_time as (
    select
        'now' as which,
        cast(null as date) as month,
        sum(orders) as orders,
        (select count(distinct customer_id) from sales.order_days where orders > 0) as customers,
        (select count(distinct customer_id) from sales.order_days where orders > 0) as new_customers,
        sum(guest_orders) as guest_orders,
        sum(units) as units,
        sum(gross_sales) as gross_sales,
        sum(discounts) as discounts,
        sum(returns) as returns,
        sum(net_sales) as net_sales
    from sales.monthly
    cross join latest
    where latest.month is null
    having count(*) > 0
),

figures as (
    select which, month, orders, customers, new_customers, guest_orders, units, gross_sales, discounts, returns, net_sales
    from chosen
    union all
    select which, month, orders, customers, new_customers, guest_orders, units, gross_sales, discounts, returns, net_sales
    from whole_time
),

measures as (
    select
        which,
        month,
        unnest([
            {'place': 1, 'kpi': 'net_sales', 'value': cast(net_sales as double)},
            {'place': 2, 'kpi': 'orders', 'value': cast(orders as double)},
            {'place': 3, 'kpi': 'customers', 'value': cast(customers as double)},
            {'place': 4, 'kpi': 'new_customers', 'value': cast(new_customers as double)},
            {
                'place': 5,
                'kpi': 'avg_order_value',
                'value': cast(gross_sales - discounts as double) / nullif(cast(orders as double), 0)
            },
            {'place': 6, 'kpi': 'units_per_order', 'value': cast(units as double) / nullif(cast(orders as double), 0)},
            {
                'place': 7,
                'kpi': 'return_rate',
                'value': cast(returns as double) / nullif(cast(gross_sales - discounts as double), 0)
            },
            {
                'place': 8,
                'kpi': 'discount_rate',
                'value': cast(discounts as double) / nullif(cast(gross_sales as double), 0)
            },
            {
                'place': 9,
                'kpi': 'guest_share',
                'value': cast(guest_orders as double) / nullif(cast(orders as double), 0)
            }
        ]) as measure
    from figures
),

sides as (
    select
        measure.kpi as kpi,
        measure.place as place,
        max(case when which = 'now' then month end) as period,
        max(case when which = 'now' then measure.value end) as value,
        max(case when which = 'before' then measure.value end) as value_before,
        max(case when which = 'year before' then measure.value end) as value_year_before
    from measures
    group by measure.kpi, measure.place
)

select
    kpi,
    cast(place as bigint) as place,
    case kpi
        when 'net_sales' then 'Net sales'
        when 'orders' then 'Orders'
        when 'customers' then 'Customers'
        when 'new_customers' then 'New customers'
        when 'avg_order_value' then 'Average order value'
        when 'units_per_order' then 'Units per order'
        when 'return_rate' then 'Return rate'
        when 'discount_rate' then 'Discount rate'
        else 'Guest orders'
    end as title,
    case
        when kpi in ('net_sales', 'avg_order_value') then 'reporting currency'
        when kpi in ('return_rate', 'discount_rate', 'guest_share') then 'share'
        when kpi = 'units_per_order' then 'units'
        when kpi = 'orders' then 'orders'
        else 'customers'
    end as unit,
    period,
    value,
    value_before,
    value / nullif(value_before, 0) - 1 as change,
    value_year_before,
    value / nullif(value_year_before, 0) - 1 as change_year,
    case kpi
        when 'net_sales' then 'what was sold in the month after discounts, less what came back or was cancelled in it'
        when 'orders' then 'orders that sold something'
        when 'customers' then 'known customers with an order'
        when 'new_customers' then 'known customers whose first order it was'
        when 'avg_order_value' then 'what was sold after discounts, by order'
        when 'units_per_order' then 'units sold, by order'
        when 'return_rate' then 'what came back or was cancelled in the month, against what was sold in it'
        when 'discount_rate' then 'discounts against what was sold before them'
        else 'orders without a known customer, of all orders'
    end as definition
from sides
