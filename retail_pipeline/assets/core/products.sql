/*
row: a code that stands on a line, product or charge
about: Figures leave duplicates aside. The category and the price are those of the latest sale.
key: [product_id]
columns:
  product_id: the product's code
  product_name: its one name, see core.product_names
  is_charge: whether the code is postage, a fee or the like, and no product
  category: its category, where the export gives it
  last_unit_price: the unit price of its latest sale, null if never sold [currency]
  first_sold_at: its first sale, null if never sold [store time]
  last_sold_at: its latest sale, null if never sold [store time]
  orders: orders with a sale of it [orders]
  units: units sold, before returns [units]
  sales_amount: value sold after discount, before returns [currency]
*/
with ranked as (
    select
        *,
        row_number() over (
            partition by product_id
            order by (line_type <> 'sale'), order_ts desc, order_id desc, line_no desc
        ) as place
    from core.order_lines
    where not is_duplicate
)

select
    product_id,
    max(product_name) as product_name,
    count(case when line_type = 'charge' then 1 end) > 0 as is_charge,
    max(case when place = 1 then category end) as category,
    max(case when place = 1 and line_type = 'sale' then unit_price end) as last_unit_price,
    min(case when line_type = 'sale' then order_ts end) as first_sold_at,
    max(case when line_type = 'sale' then order_ts end) as last_sold_at,
    count(distinct case when line_type = 'sale' then order_id end) as orders,
    cast(sum(case when line_type = 'sale' then quantity else 0 end) as decimal(18, 4)) as units,
    cast(sum(case when line_type = 'sale' then amount else 0 end) as decimal(18, 4)) as sales_amount
from ranked
group by product_id
