/*
row: a member of a dimension in a week, month or quarter in which something of it happened
about: >
  Added up from sales.member_days. In each dimension the members make up the period's figures in sales.period_figures, to
  the last digit.
key: [frequency, period, dimension, member]
columns:
  frequency: week, month or quarter
  period: its first day
  dimension: country, channel, customer_type, segment, weekday, category or product
  member: which one; of a product its code; (unknown) where the export does not say
  is_partial: whether the data hold only a part of the period
  orders: orders that sold something, null for products and categories [orders]
  lines: sale lines [lines]
  units: units sold [units]
  gross_sales: value of what was sold before discount [reporting currency]
  discounts: money off what was sold [reporting currency]
  returns: value of what came back or was cancelled [reporting currency]
  net_sales: gross_sales less discounts and returns [reporting currency]
  share_net_sales: of the period's net sales, null if these are not above zero [share]
*/
with frequencies as (
    select date_day, 'week' as frequency, week as period
    from core.calendar
    union all
    select date_day, 'month', month
    from core.calendar
    union all
    select date_day, 'quarter', cast(date_trunc('quarter', date_day) as date)
    from core.calendar
),

figures as (
    select
        frequencies.frequency,
        frequencies.period,
        days.dimension,
        days.member,
        sum(days.orders) as orders,
        sum(days.lines) as lines,
        sum(days.units) as units,
        sum(days.gross_sales) as gross_sales,
        sum(days.discounts) as discounts,
        sum(days.returns) as returns,
        sum(days.net_sales) as net_sales
    from sales.member_days as days
    join frequencies on days.date_day = frequencies.date_day
    group by frequencies.frequency, frequencies.period, days.dimension, days.member
)

select
    figures.frequency,
    figures.period,
    figures.dimension,
    figures.member,
    periods.is_partial,
    cast(figures.orders as bigint) as orders,
    cast(figures.lines as bigint) as lines,
    cast(figures.units as decimal(18, 4)) as units,
    cast(figures.gross_sales as decimal(18, 4)) as gross_sales,
    cast(figures.discounts as decimal(18, 4)) as discounts,
    cast(figures.returns as decimal(18, 4)) as returns,
    cast(figures.net_sales as decimal(18, 4)) as net_sales,
    case when periods.net_sales > 0 then cast(figures.net_sales as double) / cast(periods.net_sales as double) end
        as share_net_sales
from figures
join sales.period_figures as periods on figures.frequency = periods.frequency and figures.period = periods.period
