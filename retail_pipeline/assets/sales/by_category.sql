/*
row: a category of products
about: Over all time, with each product in the category of most of its lines. Products without one have a row of their own.
key: [category]
columns:
  category: the category, null where the export gives none
  products: products that were sold or came back [products]
  units: units sold [units]
  gross_sales: value of what was sold before discount [reporting currency]
  discounts: money off what was sold [reporting currency]
  returns: value of what came back or was cancelled [reporting currency]
  net_sales: gross_sales less discounts and returns [reporting currency]
  return_rate: returns against what was sold after discount [share]
  share_net_sales: of the net sales of all [share]
*/
select
    category,
    count(*) as products,
    cast(sum(units) as decimal(18, 4)) as units,
    cast(sum(gross_sales) as decimal(18, 4)) as gross_sales,
    cast(sum(discounts) as decimal(18, 4)) as discounts,
    cast(sum(returns) as decimal(18, 4)) as returns,
    cast(sum(net_sales) as decimal(18, 4)) as net_sales,
    cast(sum(returns) as double) / nullif(cast(sum(gross_sales - discounts) as double), 0) as return_rate,
    cast(sum(net_sales) as double) / nullif(cast(sum(sum(net_sales)) over () as double), 0) as share_net_sales
from sales.by_product
group by category
