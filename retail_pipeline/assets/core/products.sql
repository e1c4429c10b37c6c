/*
row: a code that stands on a line, product or charge
about: >
  Figures leave duplicates aside. The category and the price are those of the latest sale, or, of a code that was never
  sold, the category of its latest line.
key: [product_id]
incremental:
  key: product_id
  sources:
    core.order_lines: product_id
columns:
  product_id: the product's code
  product_name: its one name, see core.product_names
  is_charge: whether the code is postage, a fee or the like and no product on all of its lines
  category: its category, where the export gives it
  last_unit_price: the unit price of its latest sale, null if never sold [that sale's currency]
  first_sold_at: its first sale, null if never sold [store time]
  last_sold_at: its latest sale, null if never sold [store time]
  orders: orders with a sale of it [orders]
  units: units sold, before returns [units]
  sales_amount: value sold after discount, before returns [reporting currency]
*/
with sold_in as (
    select distinct product_id, order_id
    from core.order_lines
    where line_type = 'sale' and not is_duplicate
),

order_counts as (
    select product_id, count(order_id) as orders
    from sold_in
    group by product_id
),

figures as (
    select
        product_id,
        max(product_name) as product_name,
        bool_and(is_charge) as is_charge,
        max(order_ts) as last_seen_at,
        min(case when line_type = 'sale' then order_ts end) as first_sold_at,
        max(case when line_type = 'sale' then order_ts end) as last_sold_at,
        cast(sum(case when line_type = 'sale' then quantity else 0 end) as decimal(18, 4)) as units,
        cast(coalesce(sum(case when line_type = 'sale' then reporting_amount else 0 end), 0) as decimal(18, 4)) as sales_amount
    from core.order_lines
    where not is_duplicate
    group by product_id
),

latest_lines as (
    select
        lines.product_id,
        lines.category,
        lines.unit_price,
        row_number() over (
            partition by lines.product_id
            order by lines.order_id desc, lines.line_no desc
        ) as place
    from core.order_lines as lines
    join figures
        on lines.product_id = figures.product_id
        and lines.order_ts = coalesce(figures.last_sold_at, figures.last_seen_at)
    where not lines.is_duplicate and (lines.line_type = 'sale' or figures.last_sold_at is null)
)

select
    figures.product_id,
    figures.product_name,
    figures.is_charge,
    latest_lines.category,
    case when figures.last_sold_at is not null then latest_lines.unit_price end as last_unit_price,
    figures.first_sold_at,
    figures.last_sold_at,
    coalesce(order_counts.orders, 0) as orders,
    figures.units,
    figures.sales_amount
from figures
join latest_lines on figures.product_id = latest_lines.product_id
left join order_counts on figures.product_id = order_counts.product_id
where latest_lines.place = 1
