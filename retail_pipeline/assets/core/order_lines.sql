/*
row: a line of raw.transactions, classified; or what was given back of one, where the export tells it of the order only
about: >
  Every raw line is here but those of orders that a later export told anew (core.order_versions); nothing is deleted by
  cleaning. line_type is decided by the rules of the line's format (see raw.formats), in this order: an order id of a
  cancellation, or a negative quantity under a status of one; an order id of an adjustment; an order that never became a sale, a negative price or a quantity of zero
  (adjustment); another negative quantity; a zero price; a code that is no product (charge); else sale. A line of an
  appending format is a duplicate when an earlier line, by the time its drop was loaded, the file's name and then its
  place in the file, is equal in every exported column. line_no numbers an order's lines by what they say, duplicates
  last, so it does not depend on how an export was cut into files. Look-alikes are lines of an order with the same
  product, quantity and price: only among them can there be duplicates, and only they are compared in all of their
  columns. Discounts and refunds of whole orders are spread over their lines (core.order_shares): a discount lowers the
  line's amount, what was given back becomes a line of its own, marked is_allocated.
key: [order_id, line_no]
incremental:
  key: order_id
  log: [customer_id, product_id]
  chunks_of: raw.transactions
  sources:
    raw.transactions: order_id
    raw.formats: ~
    core.product_names: product_id
    core.order_versions: order_id
    core.order_shares: order_id
    core.reporting_currency: ~
    core.exchange_rates: ~
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
  discount: money off the line, its share of the order's included, negative on a line that comes back [currency]
  allocated_discount: the part of it that is a share of the order's discount [currency]
  amount: the line's value after discount, negative for what comes back [currency]
  reporting_amount: the same in the currency of all totals, null if there is no rate [reporting currency]
  is_duplicate: whether an earlier line is equal in every exported column
  is_reexported: whether it is a duplicate of a line that came with an earlier drop, not of one in its own
  is_allocated: whether the line is a share of what was given back of the order, and stands in no file
  status: the order's status, where the export gives one
  country: the customer's country
  currency: the currency, where the export gives it
  channel: the sales channel, where the export gives it
  store: the store, where the export gives it
  category: the product's category, where the export gives it
  format: the export format by whose rules the line is classified
  drop_id: the drop the line came with
  source_row: the line of the file it stood on
  source_part: which of the lines packed into that row it is
*/
with drops as (
    select
        drops.drop_id,
        drops.loaded_at,
        drops.file_name,
        -- a number for each row of each drop: no file has a million million rows
        row_number() over (order by drops.drop_id) * 1000000000000 as first_place,
        formats.*
    from raw.drops as drops
    join raw.formats as formats on drops.format = formats.format
),

charges as (
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
        lines.source_part,
        dense_rank() over (
            partition by lines.order_id, lines.product_id, lines.quantity, lines.unit_price
            order by
                lines.line_no, lines.order_ts, lines.product_name, lines.customer_id, lines.amount, lines.discount,
                lines.status, lines.country, lines.currency, lines.channel, lines.store, lines.category,
                lines.order_subtotal, lines.order_discount, lines.order_refunded, lines.refunded, lines.refunded_ts,
                lines.cancelled_ts
        ) as kind
    from raw.transactions as lines
    join drops on lines.drop_id = drops.drop_id and drops.same_order = 'append'
    semi join look_alikes
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
            order by source_row, source_part
        ) as occurrence_in_drop,
        row_number() over (
            partition by order_id, product_id, quantity, unit_price, kind
            order by loaded_at, file_name, drop_id, source_row, source_part
        ) as occurrence,
        row_number() over (
            partition by order_id, product_id, quantity, unit_price
            order by kind, loaded_at, file_name, drop_id, source_row, source_part
        ) as place
    from compared
),

copied as (
    select
        *,
        row_number() over (
            partition by order_id, product_id, quantity, unit_price, kind, occurrence_in_drop
            order by loaded_at, file_name, drop_id
        ) as copy
    from numbered
),

behind_the_first as (
    select drop_id, source_row, source_part, place, occurrence, copy
    from copied
    where place > 1 or occurrence > 1 or copy > 1
),

-- only what the numbers depend on, for what is sorted is best narrow
numbered_lines as (
    select
        lines.place_in_drops,
        lines.source_part,
        lines.is_duplicate,
        lines.is_reexported,
        lines.is_allocated,
        row_number() over (
            partition by lines.order_id
            order by
                case when lines.is_allocated then 2 else 0 end + case when lines.is_duplicate then 1 else 0 end,
                lines.line_no, lines.order_ts, lines.product_id, lines.quantity desc, lines.unit_price, lines.place
        ) as line_no
    from (
        select
            lines.order_id,
            lines.line_no,
            lines.order_ts,
            lines.product_id,
            lines.quantity,
            lines.unit_price,
            drops.first_place + lines.source_row as place_in_drops,
            lines.source_part,
            coalesce(behind_the_first.occurrence > 1, false) as is_duplicate,
            coalesce(behind_the_first.copy > 1, false) as is_reexported,
            case
                when drops.same_order = 'replace' then lines.source_row * 1000000 + lines.source_part
                else coalesce(behind_the_first.place, 1)
            end as place,
            unnest(case when shares.returned_amount is not null then [false, true] else [false] end) as is_allocated
        from raw.transactions as lines
        join drops on lines.drop_id = drops.drop_id
        left join behind_the_first
            on lines.drop_id = behind_the_first.drop_id
            and lines.source_row = behind_the_first.source_row
            and lines.source_part = behind_the_first.source_part
        left join core.order_versions as versions
            on lines.order_id = versions.order_id and lines.drop_id = versions.drop_id
        left join core.order_shares as shares
            on lines.drop_id = shares.drop_id
            and lines.source_row = shares.source_row
            and lines.source_part = shares.source_part
        where coalesce(versions.stands, true)
    ) as lines
),

lines as (
    select
        lines.order_id,
        numbers.line_no,
        case when numbers.is_allocated then shares.returned_at else lines.order_ts end as order_ts,
        cast(lines.order_ts as date) as placed_on,
        lines.customer_id,
        case
            when drops.upper_case_products then upper(trim(lines.product_id))
            else trim(lines.product_id)
        end as product_id,
        case when numbers.is_allocated then -shares.returned_quantity else lines.quantity end as quantity,
        lines.unit_price,
        case
            when lines.quantity < 0 then -abs(coalesce(lines.discount, 0))
            else coalesce(lines.discount, 0)
        end as line_discount,
        case when numbers.is_allocated then 0 else coalesce(shares.discount, 0) end as allocated_discount,
        lines.amount as exported_amount,
        numbers.is_duplicate,
        numbers.is_reexported,
        numbers.is_allocated,
        shares.returned_quantity,
        shares.returned_amount,
        shares.return_type,
        lines.status,
        lines.country,
        lines.currency,
        lines.channel,
        lines.store,
        lines.category,
        drops.format,
        lines.drop_id,
        lines.source_row,
        lines.source_part,
        drops.negative_quantity_type,
        drops.zero_price_type,
        coalesce(starts_with(lines.order_id, drops.cancellation_order_prefix), false)
        or (
            lines.quantity < 0
            and coalesce(list_contains(drops.cancellation_statuses, lower(lines.status)), false)
        ) as is_cancellation_order,
        coalesce(starts_with(lines.order_id, drops.adjustment_order_prefix), false)
        or (
            lines.cancelled_ts is null
            and coalesce(list_contains(drops.void_statuses, lower(lines.status)), false)
        ) as is_adjustment_order
    from raw.transactions as lines
    join drops on lines.drop_id = drops.drop_id
    join numbered_lines as numbers
        on drops.first_place + lines.source_row = numbers.place_in_drops
        and lines.source_part = numbers.source_part
    left join core.order_shares as shares
        on lines.drop_id = shares.drop_id
        and lines.source_row = shares.source_row
        and lines.source_part = shares.source_part
),

-- decimals of more than 18 digits are slow, so sums and products are taken only where they must be
valued as (
    select
        * exclude (line_discount),
        case
            when is_allocated
                then cast(returned_amount - cast(returned_quantity as decimal(19, 4)) * unit_price as decimal(18, 4))
            when allocated_discount = 0 then line_discount
            else cast(line_discount + allocated_discount as decimal(18, 4))
        end as discount,
        case
            when is_allocated then -returned_amount
            when exported_amount is not null and allocated_discount = 0 then exported_amount
            when exported_amount is not null then cast(exported_amount - allocated_discount as decimal(18, 4))
            -- DECIMAL(18,4) times DECIMAL(18,4) overflows from 10,000,000,000 on
            when line_discount = 0
                and allocated_discount = 0
                and abs(cast(quantity as double) * cast(unit_price as double)) < 1000000000
                then cast(quantity * unit_price as decimal(18, 4))
            else cast(
                cast(quantity as decimal(19, 4)) * unit_price - line_discount - allocated_discount as decimal(18, 4)
            )
        end as amount
    from lines
)

select
    lines.order_id,
    lines.line_no,
    case
        when lines.is_allocated then lines.return_type
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
    lines.allocated_discount,
    lines.amount,
    case
        when coalesce(lines.currency, reporting.currency, '') = coalesce(reporting.currency, '') then lines.amount
        else cast(lines.amount * rates.rate as decimal(18, 4))
    end as reporting_amount,
    lines.is_duplicate,
    lines.is_reexported,
    lines.is_allocated,
    lines.status,
    lines.country,
    lines.currency,
    lines.channel,
    lines.store,
    lines.category,
    lines.format,
    lines.drop_id,
    lines.source_row,
    lines.source_part
from valued as lines
cross join core.reporting_currency as reporting
left join core.exchange_rates as rates
    on lines.currency = rates.currency
    and lines.placed_on >= rates.valid_from
    and (lines.placed_on < rates.valid_to or rates.valid_to is null)
left join charges on lines.format = charges.format and lines.product_id = charges.product_id
left join core.product_names as names on lines.product_id = names.product_id
