/*
row: a product on a day on which it was sold or came back
about: Booked as in sales.order_days. Charge codes are not here.
key: [product_id, date_day]
columns:
  product_id: the product's code
  date_day: the day [store time]
  lines: sale lines [lines]
  units: units sold [units]
  gross_sales: value of what was sold before discount [reporting currency]
  discounts: money off what was sold [reporting currency]
  returns: value of what came back or was cancelled, positive [reporting currency]
*/
with lines as (
    select
        lines.product_id,
        lines.order_date,
        lines.line_type = 'sale' as is_sale,
        lines.quantity,
        coalesce(lines.reporting_amount, 0) as amount,
        case
            when lines.reporting_amount is null then 0
            when coalesce(lines.currency, reporting.currency, '') = coalesce(reporting.currency, '') then lines.discount
            else cast(lines.discount * rates.rate as decimal(18, 4))
        end as reporting_discount
    from core.order_lines as lines
    cross join core.reporting_currency as reporting
    left join core.exchange_rates as rates
        on lines.currency = rates.currency
        and lines.order_date >= rates.valid_from
        and (lines.order_date < rates.valid_to or rates.valid_to is null)
    where not lines.is_duplicate and lines.line_type in ('sale', 'return', 'cancellation')
)

select
    product_id,
    order_date as date_day,
    cast(sum(case when is_sale then 1 else 0 end) as bigint) as lines,
    cast(sum(case when is_sale then quantity else 0 end) as decimal(18, 4)) as units,
    cast(sum(case when is_sale then amount + reporting_discount else 0 end) as decimal(18, 4)) as gross_sales,
    cast(sum(case when is_sale then reporting_discount else 0 end) as decimal(18, 4)) as discounts,
    cast(-sum(case when is_sale then 0 else amount end) as decimal(18, 4)) as returns
from lines
group by product_id, order_date
