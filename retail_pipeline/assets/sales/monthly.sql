/*
row: a month
about: See sales.period_figures for what is booked when, and which periods are partial.
key: [month]
columns:
  month: its first day
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
  growth_previous: net_sales against the period before, both whole [share]
  growth_year: net_sales against the same month a year before, both whole [share]
*/
select
    period as month,
    last_day,
    is_partial,
    orders,
    customers,
    new_customers,
    returning_customers,
    guest_orders,
    lines,
    units,
    gross_sales,
    discounts,
    returns,
    net_sales,
    charges,
    all_lines_net,
    avg_order_value,
    lines_per_order,
    growth_previous,
    growth_year
from sales.period_figures
where frequency = 'month'
