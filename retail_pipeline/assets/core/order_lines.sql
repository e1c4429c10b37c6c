/*
row: a line of raw.transactions, classified
about: >
  Every raw line is here; nothing is deleted by cleaning. line_type is decided by the rules of the line's format (see
  raw.formats), in this order: an order id of a cancellation; of an adjustment; a negative price or a quantity of
  zero (adjustment); another negative quantity; a zero price; a code that is no product (charge); else sale. A
  line is a duplicate when an earlier line, by the time its drop was loaded, the file's name and then its place in the
  file, is equal in every exported column. line_no numbers an order's lines by what they say, duplicates last, so it does not
  depend on how an export was cut into files. Look-alikes are lines of an order with the same product, quantity and
  price: only among them can there be duplicates, and only they are compared in all of their columns.
key: [order_id, line_no]
incremental:
  key: order_id
  sources:
    raw.transactions: order_id
    raw.formats: ~
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
  is_charge: whether the code is postage, a fee or the like and no product, whatever the line's type
  quantity: units, negative for what comes back [units]
  unit_price: price of one unit before discount [currency]
  discount: money off the line, negative on a line that comes back [currency]
  amount: the line's value after discount, negative for what comes back [currency]
  is_duplicate: whether an earlier line is equal in every exported column
  is_reexported: whether it is a duplicate of a line that came with an earlier drop, not of one in its own
  status: the order's status, where the export gives one
  country: the customer's country
  currency: the currency, where the export gives it
  channel: the sales channel, where the export gives it
  store: the store, where the export gives it
  category: the product's category, where the export gives it
  format: the export format by whose rules the line is classified
  drop_id: the drop the line came with
  source_row: the line of the file it stood on
*/
with charges as (
    select formats.format, names.product_id
    from core.product_names as names
    cross join raw.formats as formats
    where list_contains(formats.charge_products, upper(names.product_id))
        or list_contains(
            list_transform(formats.charge_product_prefixes, lambda prefix: starts_with(upper(names.product_id), prefix)),
            true
        )
),

look_alikes as (
    select order_id, product_id, quantity, unit_price
    from raw.transactions
    group by order_id, product_id, quantity, unit_price
    having count(*) > 1
),

compared as (
    select
        lines.order_id,
        lines.product_id,
        lines.quantity,
        lines.unit_price,
        drops.loaded_at,
        drops.file_name,
        lines.drop_id,
        lines.source_row,
        dense_rank() over (
            partition by lines.order_id, lines.product_id, lines.quantity, lines.unit_price
            order by
                lines.line_no, lines.order_ts, lines.product_name, lines.customer_id, lines.amount, lines.discount,
                lines.status, lines.country, lines.currency, lines.channel, lines.store, lines.category
        ) as kind
    from raw.transactions as lines
    join raw.drops as drops on lines.drop_id = drops.drop_id
    join look_alikes
        on lines.order_id = look_alikes.order_id
        and lines.product_id = look_alikes.product_id
        and lines.quantity = look_alikes.quantity
        and lines.unit_price = look_alikes.unit_price
),

numbered as (
    select
        *,
        row_number() over (
            partition by order_id, product_id, quantity, unit_price, kind, drop_id
            order by source_row
        ) as occurrence_in_drop,
        row_number() over (
            partition by order_id, product_id, quantity, unit_price, kind
            order by loaded_at, file_name, drop_id, source_row
        ) as occurrence,
        row_number() over (
            partition by order_id, product_id, quantity, unit_price
            order by kind, loaded_at, file_name, drop_id, source_row
        ) as place
    from compared
),

behind_the_first as (
    select
        drop_id,
        source_row,
        place,
        occurrence,
        row_number() over (
            partition by order_id, product_id, quantity, unit_price, kind, occurrence_in_drop
            order by loaded_at, file_name, drop_id
        ) as copy
    from numbered
),

lines as (
    select
        lines.order_id,
        lines.line_no as exported_line_no,
        lines.order_ts,
        lines.customer_id,
        lines.product_id as exported_product_id,
        case
            when formats.upper_case_products then upper(trim(lines.product_id))
            else trim(lines.product_id)
        end as product_id,
        lines.quantity,
        lines.unit_price,
        lines.amount as exported_amount,
        case
            when lines.quantity < 0 then -abs(coalesce(lines.discount, 0))
            else coalesce(lines.discount, 0)
        end as discount,
        lines.status,
        lines.country,
        lines.currency,
        lines.channel,
        lines.store,
        lines.category,
        formats.format,
        lines.drop_id,
        lines.source_row,
        formats.negative_quantity_type,
        formats.zero_price_type,
        coalesce(starts_with(lines.order_id, formats.cancellation_order_prefix), false) as is_cancellation_order,
        coalesce(starts_with(lines.order_id, formats.adjustment_order_prefix), false) as is_adjustment_order,
        coalesce(behind_the_first.occurrence > 1, false) as is_duplicate,
        coalesce(behind_the_first.copy > 1, false) as is_reexported,
        coalesce(behind_the_first.place, 1) as place
    from raw.transactions as lines
    join raw.drops as drops on lines.drop_id = drops.drop_id
    join raw.formats as formats on drops.format = formats.format
    left join behind_the_first
        on lines.drop_id = behind_the_first.drop_id and lines.source_row = behind_the_first.source_row
)

select
    lines.order_id,
    row_number() over (
        partition by lines.order_id
        order by
            lines.is_duplicate, lines.exported_line_no, lines.order_ts, lines.exported_product_id,
            lines.quantity desc, lines.unit_price, lines.place
    ) as line_no,
    case
        when lines.is_cancellation_order then 'cancellation'
        when lines.is_adjustment_order or lines.unit_price < 0 or lines.quantity = 0 then 'adjustment'
        when lines.quantity < 0 then lines.negative_quantity_type
        when lines.unit_price = 0 and lines.zero_price_type <> 'sale' then lines.zero_price_type
        when charges.product_id is not null then 'charge'
        else 'sale'
    end as line_type,
    lines.order_ts,
    cast(lines.order_ts as date) as order_date,
    lines.customer_id,
    lines.customer_id is null as is_guest,
    lines.product_id,
    names.product_name,
    charges.product_id is not null as is_charge,
    lines.quantity,
    lines.unit_price,
    lines.discount,
    -- the wider type holds every product: DECIMAL(18,4) times DECIMAL(18,4) overflows from 10,000,000,000 on
    cast(
        coalesce(
            lines.exported_amount,
            cast(lines.quantity as decimal(19, 4)) * lines.unit_price - lines.discount
        ) as decimal(18, 4)
    ) as amount,
    lines.is_duplicate,
    lines.is_reexported,
    lines.status,
    lines.country,
    lines.currency,
    lines.channel,
    lines.store,
    lines.category,
    lines.format,
    lines.drop_id,
    lines.source_row
from lines
left join charges on lines.format = charges.format and lines.product_id = charges.product_id
left join core.product_names as names on lines.product_id = names.product_id
