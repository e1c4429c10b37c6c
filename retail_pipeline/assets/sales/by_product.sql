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
with figures as (
    select
        product_id,
        sum(units) as units,
        sum(gross_sales) as gross_sales,
        sum(discounts) as discounts,
        sum(returns) as returns,
        min(case when lines > 0 then date_day end) as first_sold_on,
        max(case when lines > 0 then date_day end) as last_sold_on
    from sales.product_days
    group by product_id
),

sale_lines as (
    select product_id, order_id, customer_id, category
    from core.order_lines
    where line_type = 'sale' and not is_duplicate
),

buyers as (
    select product_id, count(distinct order_id) as orders, count(distinct customer_id) as customers
    from sale_lines
    group by product_id
),

categories as (
    select
        product_id,
        category,
        row_number() over (partition by product_id order by count(*) desc, category) as place
    from sale_lines
    where category is not null
    group by product_id, category
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
    coalesce(buyers.orders, 0) as orders,
    coalesce(buyers.customers, 0) as customers,
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
left join buyers on shares.product_id = buyers.product_id
left join core.product_names as names on shares.product_id = names.product_id
left join categories on shares.product_id = categories.product_id and categories.place = 1
