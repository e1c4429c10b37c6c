/*
row: a day, week, month or quarter from the first line's to the last line's, with or without orders
about: >
  sales.daily, weekly, monthly and quarterly are its parts. A customer is new in the period of their first order, and
  returning in any later one; guests are in neither. A period is partial where the data begin after its first day or end before
  its last one; the last day is partial if its last line is earlier than that of any of the 28 days before that had any. Growth
  is told between whole periods only.
key: [frequency, period]
columns:
  frequency: day, week, month or quarter
  period: its first day; weeks begin on Monday
  last_day: its last day
  is_partial: whether the data hold only a part of it
  orders: orders that sold something [orders]
  customers: known customers with an order [customers]
  new_customers: those of them whose first order it was [customers]
  returning_customers: the others [customers]
  guest_orders: orders without a known customer [orders]
  lines: sale lines [lines]
  units: units sold [units]
  gross_sales: value of what was sold before discount [reporting currency]
  discounts: money off what was sold [reporting currency]
  returns: value of what came back or was cancelled in it [reporting currency]
  net_sales: gross_sales less discounts and returns [reporting currency]
  charges: postage, fees and the like [reporting currency]
  all_lines_net: value of all lines, with charges, adjustments and duplicates [reporting currency]
  avg_order_value: value of what was sold after discount, by order [reporting currency]
  lines_per_order: sale lines by order [lines]
  growth_previous: net_sales against the period before [share]
  growth_year: net_sales against the same period a year before; of days and weeks, that 364 days before [share]
*/
with bounds as (
    select min(date_day) as first_day, max(date_day) as last_day
    from core.calendar
),

last_lines as (
    select order_date, max(date_diff('second', cast(order_date as timestamp), order_ts)) as last_second
    from core.order_lines
    group by order_date
),

last_day as (
    select
        bounds.last_day,
        max(case when last_lines.order_date = bounds.last_day then last_lines.last_second end)
        < min(case when last_lines.order_date < bounds.last_day then last_lines.last_second end) as is_partial
    from bounds
    join last_lines on last_lines.order_date >= bounds.last_day - 28
    group by bounds.last_day
),

frequencies as (
    select date_day, 'day' as frequency, date_day as period, date_day as until_day
    from core.calendar
    union all
    select date_day, 'week', week, cast(week + 6 as date)
    from core.calendar
    union all
    select date_day, 'month', month, cast(month + interval 1 month - interval 1 day as date)
    from core.calendar
    union all
    select
        date_day,
        'quarter',
        cast(date_trunc('quarter', date_day) as date),
        cast(date_trunc('quarter', date_day) + interval 3 month - interval 1 day as date)
    from core.calendar
),

periods as (
    select
        frequencies.frequency,
        frequencies.period,
        frequencies.until_day,
        frequencies.period < min(bounds.first_day)
        or frequencies.until_day > min(bounds.last_day)
        or (frequencies.until_day = min(bounds.last_day) and coalesce(bool_or(last_day.is_partial), false)) as is_partial
    from frequencies
    cross join bounds
    left join last_day on frequencies.until_day = last_day.last_day
    group by frequencies.frequency, frequencies.period, frequencies.until_day
),

first_days as (
    select customer_id, min(date_day) as first_day
    from sales.order_days
    where customer_id is not null and orders > 0
    group by customer_id
),

figures as (
    select
        frequencies.frequency,
        frequencies.period,
        sum(days.orders) as orders,
        count(distinct case when days.orders > 0 then days.customer_id end) as customers,
        count(distinct case when days.orders > 0 and first_days.first_day >= frequencies.period then days.customer_id end)
            as new_customers,
        sum(case when days.customer_id is null then days.orders else 0 end) as guest_orders,
        sum(days.lines) as lines,
        sum(days.units) as units,
        sum(days.gross_sales) as gross_sales,
        sum(days.discounts) as discounts,
        sum(days.returns) as returns,
        sum(days.charges) as charges,
        sum(days.all_lines_amount) as all_lines_net
    from frequencies
    join sales.order_days as days on frequencies.date_day = days.date_day
    left join first_days on days.customer_id = first_days.customer_id
    group by frequencies.frequency, frequencies.period
),

complete as (
    select
        periods.frequency,
        periods.period,
        periods.until_day as last_day,
        periods.is_partial,
        coalesce(figures.orders, 0) as orders,
        coalesce(figures.customers, 0) as customers,
        coalesce(figures.new_customers, 0) as new_customers,
        coalesce(figures.guest_orders, 0) as guest_orders,
        coalesce(figures.lines, 0) as lines,
        coalesce(figures.units, 0) as units,
        coalesce(figures.gross_sales, 0) as gross_sales,
        coalesce(figures.discounts, 0) as discounts,
        coalesce(figures.returns, 0) as returns,
        coalesce(figures.gross_sales, 0) - coalesce(figures.discounts, 0) - coalesce(figures.returns, 0) as net_sales,
        coalesce(figures.charges, 0) as charges,
        coalesce(figures.all_lines_net, 0) as all_lines_net
    from periods
    left join figures on periods.frequency = figures.frequency and periods.period = figures.period
),

compared as (
    select
        current_periods.*,
        case when not before.is_partial and before.net_sales > 0 then cast(before.net_sales as double) end
            as net_sales_before,
        case when not year_before.is_partial and year_before.net_sales > 0 then cast(year_before.net_sales as double) end
            as net_sales_year_before
    from complete as current_periods
    left join complete as before
        on current_periods.frequency = before.frequency
        and before.last_day = current_periods.period - 1
    left join complete as year_before
        on current_periods.frequency = year_before.frequency
        and year_before.period = case
            when current_periods.frequency in ('day', 'week') then cast(current_periods.period - 364 as date)
            else cast(current_periods.period - interval 1 year as date)
        end
)

select
    frequency,
    period,
    last_day,
    is_partial,
    cast(orders as bigint) as orders,
    customers,
    new_customers,
    customers - new_customers as returning_customers,
    cast(guest_orders as bigint) as guest_orders,
    cast(lines as bigint) as lines,
    cast(units as decimal(18, 4)) as units,
    cast(gross_sales as decimal(18, 4)) as gross_sales,
    cast(discounts as decimal(18, 4)) as discounts,
    cast(returns as decimal(18, 4)) as returns,
    cast(net_sales as decimal(18, 4)) as net_sales,
    cast(charges as decimal(18, 4)) as charges,
    cast(all_lines_net as decimal(18, 4)) as all_lines_net,
    cast(gross_sales - discounts as double) / nullif(cast(orders as double), 0) as avg_order_value,
    cast(lines as double) / nullif(cast(orders as double), 0) as lines_per_order,
    case when not is_partial then cast(net_sales as double) / net_sales_before - 1 end as growth_previous,
    case when not is_partial then cast(net_sales as double) / net_sales_year_before - 1 end as growth_year
from compared
