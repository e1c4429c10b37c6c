/*
row: a line of raw.transactions, classified
about: >
  Every raw line is here; nothing is deleted by cleaning. line_type is decided by the rules of the line's format (see
  raw.formats), in this order: an order id of a cancellation; of an adjustment; a negative price or a quantity of
  zero (adjustment); another negative quantity; a zero price; a code that is no product (charge); else sale. A
  line is a duplicate when an earlier line, by the time its drop was loaded and then its place in the file, is equal in
  every exported column. line_no numbers an order's lines by what they say, duplicates last, so it does not
  depend on how an export was cut into files.
key: [order_id, line_no]
incremental:
  key: order_id
  sources:
    raw.transactions: order_id
    core.product_names: product_id
columns:
  order_id: the order's id
  line_no: the line's number within the order
  line_type: sale, return, cancellation, adjustment or charge
  order_ts: when the order was placed [store time]
  order_date: its day [store time]
  customer_id: the customer's id, null for a guest
  is_guest: whether the customer is unknown
  product_id: the product's code, trimmed and, where the format says so, upper-cased
  product_name: the product's one name
  quantity: units, negative for what comes back [units]
  unit_price: price of one unit before discount [currency]
  discount: money off the line [currency]
  amount: the line's value after discount, negative for what comes back [currency]
  is_duplicate: whether an earlier line is equal in every exported column
  status: the order's status, where the export gives one
  country: the customer's country
  currency: the currency, where the export gives it
  channel: the sales channel, where the export gives it
  store: the store, where the export gives it
  category: the product's category, where the export gives it
  drop_id: the drop the line came with
  source_row: the line of the file it stood on
*/
with lines as (
    select
        lines.order_id,
        lines.line_no as exported_line_no,
        lines.order_ts,
        lines.customer_id,
        lines.product_id as exported_product_id,
        case when formats.upper_case_products then upper(trim(lines.product_id)) else trim(lines.product_id) end as product_id,
        lines.product_name as exported_name,
        lines.quantity,
        lines.unit_price,
        lines.amount as exported_amount,
        lines.discount as exported_discount,
        coalesce(lines.discount, 0) as discount,
        lines.status,
        lines.country,
        lines.currency,
        lines.channel,
        lines.store,
        lines.category,
        lines.drop_id,
        lines.source_row,
        drops.loaded_at,
        formats.format,
        formats.negative_quantity_type,
        formats.zero_price_type,
        coalesce(starts_with(lines.order_id, formats.cancellation_order_prefix), false) as is_cancellation_order,
        coalesce(starts_with(lines.order_id, formats.adjustment_order_prefix), false) as is_adjustment_order
    from raw.transactions as lines
    join raw.drops as drops on lines.drop_id = drops.drop_id
    join raw.formats as formats on drops.format = formats.format
),

charges as (
    select distinct lines.format, lines.product_id
    from lines
    join raw.formats as formats on lines.format = formats.format
    where list_contains(formats.charge_products, upper(lines.product_id))
        or len(list_filter(formats.charge_product_prefixes, lambda prefix: starts_with(upper(lines.product_id), prefix))) > 0
),

orders_with_repeats as (
    select distinct order_id
    from (
        select order_id
        from lines
        group by
            order_id, exported_line_no, order_ts, customer_id, exported_product_id, exported_name, quantity,
            unit_price, exported_amount, exported_discount, status, country, currency, channel, store, category
        having count(*) > 1
    ) as repeated
),

occurrences as (
    select
        drop_id,
        source_row,
        row_number() over (
            partition by
                order_id, exported_line_no, order_ts, customer_id, exported_product_id, exported_name, quantity,
                unit_price, exported_amount, exported_discount, status, country, currency, channel, store, category
            order by loaded_at, drop_id, source_row
        ) as occurrence
    from lines
    where order_id in (select order_id from orders_with_repeats)
),

repeats as (
    select lines.*, coalesce(occurrences.occurrence, 1) as occurrence
    from lines
    left join occurrences on lines.drop_id = occurrences.drop_id and lines.source_row = occurrences.source_row
)

select
    repeats.order_id,
    row_number() over (
        partition by repeats.order_id
        order by
            (repeats.occurrence > 1), repeats.exported_line_no, repeats.order_ts, repeats.exported_product_id,
            repeats.quantity desc, repeats.unit_price, repeats.exported_name, repeats.customer_id,
            repeats.exported_amount, repeats.exported_discount, repeats.status, repeats.country, repeats.currency,
            repeats.channel, repeats.store, repeats.category, repeats.occurrence
    ) as line_no,
    case
        when repeats.is_cancellation_order then 'cancellation'
        when repeats.is_adjustment_order or repeats.unit_price < 0 or repeats.quantity = 0 then 'adjustment'
        when repeats.quantity < 0 then repeats.negative_quantity_type
        when repeats.unit_price = 0 and repeats.zero_price_type <> 'sale' then repeats.zero_price_type
        when charges.product_id is not null then 'charge'
        else 'sale'
    end as line_type,
    repeats.order_ts,
    cast(repeats.order_ts as date) as order_date,
    repeats.customer_id,
    repeats.customer_id is null as is_guest,
    repeats.product_id,
    names.product_name,
    repeats.quantity,
    repeats.unit_price,
    repeats.discount,
    cast(
        coalesce(repeats.exported_amount, repeats.quantity * repeats.unit_price - repeats.discount) as decimal(18, 4)
    ) as amount,
    repeats.occurrence > 1 as is_duplicate,
    repeats.status,
    repeats.country,
    repeats.currency,
    repeats.channel,
    repeats.store,
    repeats.category,
    repeats.drop_id,
    repeats.source_row
from repeats
left join charges on repeats.format = charges.format and repeats.product_id = charges.product_id
left join core.product_names as names on repeats.product_id = names.product_id
