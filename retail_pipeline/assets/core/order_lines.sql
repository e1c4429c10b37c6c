/*
row: a line of raw.transactions, classified; or what was given back of one, where the export tells it of the order only
about: >
  Every raw line is here but those of orders that a later export told anew (core.order_versions); nothing is deleted by
  cleaning. line_type is decided by the rules of the line's format (see raw.formats), in this order: an order id of a
  cancellation; of an adjustment; an order that never became a sale, a negative price or a quantity of zero
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
    join raw.drops as drops on lines.drop_id = drops.drop_id
    join raw.formats as formats on drops.format = formats.format and formats.same_order = 'append'
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

behind_the_first as (
    select
        drop_id,
        source_row,
        source_part,
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
        cast(lines.order_ts as date) as placed_on,
        lines.customer_id,
        lines.product_id as exported_product_id,
        case
            when formats.upper_case_products then upper(trim(lines.product_id))
            else trim(lines.product_id)
        end as product_id,
        lines.quantity,
        lines.unit_price,
        lines.amount as exported_amount,
        coalesce(shares.discount, 0) as allocated_discount,
        case
            when lines.quantity < 0 then -abs(coalesce(lines.discount, 0))
            else coalesce(lines.discount, 0)
        end + coalesce(shares.discount, 0) as discount,
        shares.returned_quantity,
        shares.returned_amount,
        shares.returned_at,
        shares.return_type,
        lines.status,
        lines.country,
        lines.currency,
        lines.channel,
        lines.store,
        lines.category,
        formats.format,
        lines.drop_id,
        lines.source_row,
        lines.source_part,
        formats.negative_quantity_type,
        formats.zero_price_type,
        coalesce(starts_with(lines.order_id, formats.cancellation_order_prefix), false) as is_cancellation_order,
        coalesce(starts_with(lines.order_id, formats.adjustment_order_prefix), false)
        or (
            lines.cancelled_ts is null
            and coalesce(list_contains(formats.void_statuses, lower(lines.status)), false)
        ) as is_adjustment_order,
        coalesce(behind_the_first.occurrence > 1, false) as is_duplicate,
        coalesce(behind_the_first.copy > 1, false) as is_reexported,
        case
            when formats.same_order = 'replace' then lines.source_row * 1000000 + lines.source_part
            else coalesce(behind_the_first.place, 1)
        end as place
    from raw.transactions as lines
    join raw.drops as drops on lines.drop_id = drops.drop_id
    join raw.formats as formats on drops.format = formats.format
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
),

with_returns as (
    select
        *,
        unnest(case when returned_amount is not null then [false, true] else [false] end) as is_allocated
    from lines
),

valued as (
    select
        * exclude (order_ts, quantity, discount, allocated_discount),
        case when is_allocated then returned_at else order_ts end as order_ts,
        case when is_allocated then -returned_quantity else quantity end as quantity,
        -- the wider type holds every product: DECIMAL(18,4) times DECIMAL(18,4) overflows from 10,000,000,000 on
        case
            when is_allocated
                then cast(returned_amount - cast(returned_quantity as decimal(19, 4)) * unit_price as decimal(18, 4))
            else discount
        end as discount,
        case when is_allocated then 2 when is_duplicate then 1 else 0 end as lateness,
        case when is_allocated then 0 else allocated_discount end as allocated_discount,
        cast(
            case
                when is_allocated then -returned_amount
                when exported_amount is not null then exported_amount - allocated_discount
                else cast(quantity as decimal(19, 4)) * unit_price - discount
            end as decimal(18, 4)
        ) as amount
    from with_returns
),

numbered_lines as (
    select
        *,
        row_number() over (
            partition by order_id
            order by lateness, exported_line_no, order_ts, exported_product_id, quantity desc, unit_price, place
        ) as line_no
    from valued
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
    cast(lines.discount as decimal(18, 4)) as discount,
    cast(lines.allocated_discount as decimal(18, 4)) as allocated_discount,
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
from numbered_lines as lines
cross join core.reporting_currency as reporting
left join core.exchange_rates as rates
    on lines.currency = rates.currency
    and lines.placed_on >= rates.valid_from
    and (lines.placed_on < rates.valid_to or rates.valid_to is null)
left join charges on lines.format = charges.format and lines.product_id = charges.product_id
left join core.product_names as names on lines.product_id = names.product_id
