/*
row: a member of a dimension on a day on which something of it happened
about: >
  The dimensions are country, channel, customer_type, segment and weekday (see sales.order_members), product, and category, with
  each product in the category of most of its lines. In each of them the members make up the day's figures in sales.daily, to the
  last digit; only orders are not told of products and categories, since an order may hold several.
key: [dimension, member, date_day]
columns:
  dimension: country, channel, customer_type, segment, weekday, category or product
  member: which one; of a product its code; (unknown) where the export does not say
  date_day: the day [store time]
  orders: orders that sold something, null for products and categories [orders]
  lines: sale lines [lines]
  units: units sold [units]
  gross_sales: value of what was sold before discount [reporting currency]
  discounts: money off what was sold [reporting currency]
  returns: value of what came back or was cancelled [reporting currency]
  net_sales: gross_sales less discounts and returns [reporting currency]
*/
with dimensions as (
    select unnest(['country', 'channel', 'customer_type', 'segment', 'weekday']) as dimension
),

order_groups as (
    select date_day, country, channel, customer_type, segment, weekday, sum(orders) as orders, sum(lines) as lines,
        sum(units) as units, sum(gross_sales) as gross_sales, sum(discounts) as discounts, sum(returns) as returns
    from sales.order_members
    group by date_day, country, channel, customer_type, segment, weekday
),

members as (
    select
        dimensions.dimension,
        case dimensions.dimension
            when 'country' then order_groups.country
            when 'channel' then order_groups.channel
            when 'customer_type' then order_groups.customer_type
            when 'segment' then order_groups.segment
            else order_groups.weekday
        end as member,
        order_groups.date_day,
        order_groups.orders,
        order_groups.lines,
        order_groups.units,
        order_groups.gross_sales,
        order_groups.discounts,
        order_groups.returns
    from order_groups
    cross join dimensions
    union all
    select 'product', product_id, date_day, cast(null as bigint), lines, units, gross_sales, discounts, returns
    from sales.product_days
    union all
    select 'category', coalesce(products.category, '(unknown)'), days.date_day, cast(null as bigint), days.lines, days.units,
        days.gross_sales, days.discounts, days.returns
    from sales.product_days as days
    join sales.by_product as products on days.product_id = products.product_id
)

select
    dimension,
    member,
    date_day,
    cast(sum(orders) as bigint) as orders,
    cast(sum(lines) as bigint) as lines,
    cast(sum(units) as decimal(18, 4)) as units,
    cast(sum(gross_sales) as decimal(18, 4)) as gross_sales,
    cast(sum(discounts) as decimal(18, 4)) as discounts,
    cast(sum(returns) as decimal(18, 4)) as returns,
    cast(sum(gross_sales - discounts - returns) as decimal(18, 4)) as net_sales
from members
group by dimension, member, date_day
