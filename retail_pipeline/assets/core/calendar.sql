/*
row: a day from the first line's to the last line's, with or without orders
key: [date_day]
columns:
  date_day: the day
  year: its year
  quarter: its quarter, 1 to 4
  month: the first day of its month
  week: the Monday of its week
  month_of_year: 1 January to 12 December
  day_of_month: 1 to 31
  day_of_year: 1 to 366
  weekday: 1 Monday to 7 Sunday
  is_weekend: whether it is a Saturday or a Sunday
*/
with bounds as (
    select min(order_date) as first_day, max(order_date) as last_day
    from core.order_lines
),

days as (
    select cast(unnest(generate_series(first_day, last_day, interval 1 day)) as date) as date_day
    from bounds
),

weekdays as (
    -- 1900-01-01 was a Monday; the double modulo keeps days before it right
    select date_day, 1 + (date_diff('day', date '1900-01-01', date_day) % 7 + 7) % 7 as weekday
    from days
)

select
    date_day,
    extract(year from date_day) as year,
    extract(quarter from date_day) as quarter,
    cast(date_trunc('month', date_day) as date) as month,
    cast(date_day - cast(weekday - 1 as integer) as date) as week,
    extract(month from date_day) as month_of_year,
    extract(day from date_day) as day_of_month,
    extract(doy from date_day) as day_of_year,
    weekday,
    weekday >= 6 as is_weekend
from weekdays
