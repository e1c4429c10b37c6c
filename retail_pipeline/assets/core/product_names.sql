/*
row: a product code and the one name it goes by
about: >
  A product's name is the one most of its lines carry (blanks around it cut off); among equals the one used last,
  then the first in the alphabet. Codes are trimmed, and upper-cased where the format says that case means nothing.
key: [product_id]
log_changes: true
columns:
  product_id: the product's code
  product_name: its name, null if no line has one
*/
with lines as (
    select
        case
            when formats.upper_case_products then upper(trim(lines.product_id))
            else trim(lines.product_id)
        end as product_id,
        trim(lines.product_name) as product_name,
        lines.order_ts
    from raw.transactions as lines
    join raw.drops as drops on lines.drop_id = drops.drop_id
    join raw.formats as formats on drops.format = formats.format
),

names as (
    select product_id, nullif(product_name, '') as product_name, count(*) as lines, max(order_ts) as last_used
    from lines
    group by 1, 2
),

ranked as (
    select
        product_id,
        product_name,
        row_number() over (
            partition by product_id
            order by (product_name is null), lines desc, last_used desc, product_name
        ) as place
    from names
)

select product_id, product_name
from ranked
where place = 1
