/*
row: a product that was sold or came back
about: >
  Over all time; charge codes are not here. Products are ranked by net sales, equal ones by their code. The ABC class is A
  for the products that make the first 80 % of all positive net sales, B up to 95 %, C for the others: a product belongs to the
  class in which its own part begins.
key: [product_id]
columns:
  product_id: the product's code
  product_name: its name
  category: the category of most of its sale lines, where the export gives it
  orders: orders with it [orders]
  customers: known customers who bought it [customers]
  units: units sold [units]
  gross_sales: value of what was sold before discount [reporting currency]
  discounts: money off what was sold [reporting currency]
  returns: value of what came back or was cancelled [reporting currency]
  net_sales: gross_sales less discounts and returns [reporting currency]
  avg_price: value of what was sold after discount, by unit [reporting currency]
  return_rate: returns against what was sold after discount [share]
  rank: 1 for the highest net sales
  share_net_sales: of the net sales of all products [share]
  cumulative_share: of the positive net sales, with all products of a better rank [share]
  abc_class: A, B or C
  first_sold_on: the first day it was sold
  last_sold_on: the last day it was sold
*/
with lines as (
    select
        lines.product_id,
        lines.order_id,
        lines.customer_id,
        lines.order_date,
        lines.category,
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
),

categories as (
    select
        product_id,
        category,
        row_number() over (partition by product_id order by count(*) desc, category) as place
    from lines
    where is_sale and category is not null
    group by product_id, category
),

figures as (
    select
        product_id,
        count(distinct case when is_sale then order_id end) as orders,
        count(distinct case when is_sale then customer_id end) as customers,
        sum(case when is_sale then quantity else 0 end) as units,
        sum(case when is_sale then amount + reporting_discount else 0 end) as gross_sales,
        sum(case when is_sale then reporting_discount else 0 end) as discounts,
        -sum(case when is_sale then 0 else amount end) as returns,
        min(case when is_sale then order_date end) as first_sold_on,
        max(case when is_sale then order_date end) as last_sold_on
    from lines
    group by product_id
),

ranked as (
    select
        *,
        gross_sales - discounts - returns as net_sales,
        row_number() over (order by gross_sales - discounts - returns desc, product_id) as rank
    from figures
),

shares as (
    select
        *,
        sum(net_sales) over () as all_net_sales,
        sum(greatest(net_sales, 0)) over () as positive_net_sales,
        sum(greatest(net_sales, 0)) over (order by rank rows between unbounded preceding and current row) as net_sales_by_now
    from ranked
)

select
    shares.product_id,
    names.product_name,
    categories.category,
    shares.orders,
    shares.customers,
    cast(shares.units as decimal(18, 4)) as units,
    cast(shares.gross_sales as decimal(18, 4)) as gross_sales,
    cast(shares.discounts as decimal(18, 4)) as discounts,
    cast(shares.returns as decimal(18, 4)) as returns,
    cast(shares.net_sales as decimal(18, 4)) as net_sales,
    cast(shares.gross_sales - shares.discounts as double) / nullif(cast(shares.units as double), 0) as avg_price,
    cast(shares.returns as double) / nullif(cast(shares.gross_sales - shares.discounts as double), 0) as return_rate,
    shares.rank,
    cast(shares.net_sales as double) / nullif(cast(shares.all_net_sales as double), 0) as share_net_sales,
    cast(shares.net_sales_by_now as double) / nullif(cast(shares.positive_net_sales as double), 0) as cumulative_share,
    case
        when shares.net_sales <= 0 then 'C'
        when shares.net_sales_by_now - shares.net_sales < 0.8 * shares.positive_net_sales then 'A'
        when shares.net_sales_by_now - shares.net_sales < 0.95 * shares.positive_net_sales then 'B'
        else 'C'
    end as abc_class,
    shares.first_sold_on,
    shares.last_sold_on
from shares
left join core.product_names as names on shares.product_id = names.product_id
left join categories on shares.product_id = categories.product_id and categories.place = 1
