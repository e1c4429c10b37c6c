/*
row: a customer's order as it stood from one day on
about: >
  What customers.* is added up from, as of any day. An order changes when lines of it are bought and, under the net policy of
  core.revenue_policy, when they are cancelled or returned (customers.undone_lines). As of a day, the one state holds that has
  known_from before it and known_until, if any, not before it; it knows of nothing that came later. A line of which nothing
  is left does not count; a state without lines is an order of which nothing is left, kept for what it once was. An order
  bought on several days is of the day of its latest line that is left.
key: [customer_id, order_id, known_from]
columns:
  customer_id: the customer
  order_id: the order
  order_date: the day of its latest line that is left, or that was bought if none is left [store time]
  order_ts: the first time at which it was bought from on that day [store time]
  known_from: the day on which it came to be so, which is known as of the day after [store time]
  known_until: the next day on which it changes, as of which this state is still the known one; null if it stands [store time]
  lines: lines of which something is left [lines]
  units: units left [units]
  amount: value left, after discount [reporting currency]
  lines_bought: lines bought, those cancelled since included [lines]
  amount_bought: their value after discount [reporting currency]
  discount_bought: money off them [reporting currency]
  catalogue_amount: their value at the mean price that customers had paid for each product until that day [reporting currency]
  country: the customer's country, the first in the alphabet if its lines disagree
  channel: the sales channel, where the export gives it, the first in the alphabet if its lines disagree
*/
with product_days as (
    select product_id, order_date, sum(amount) as amount, sum(quantity) as quantity
    from core.customer_purchases
    where amount is not null and quantity > 0
    group by product_id, order_date
),

prices as (
    select
        product_id,
        order_date,
        cast(sum(amount) over (partition by product_id order by order_date) as double)
        / cast(sum(quantity) over (partition by product_id order by order_date) as double) as price
    from product_days
),

bought as (
    -- each product of a double is cut to four decimals before it is summed up, so that the sum is exact
    select
        purchases.customer_id,
        purchases.order_id,
        purchases.order_date,
        min(purchases.order_ts) as order_ts,
        count(*) as lines,
        sum(purchases.quantity) as units,
        sum(purchases.amount) as amount,
        sum(purchases.discount) as discount,
        sum(
            case
                when purchases.amount is not null
                    then cast(cast(purchases.quantity as double) * prices.price as decimal(18, 4))
            end
        ) as catalogue_amount,
        min(purchases.country) as country,
        min(purchases.channel) as channel
    from core.customer_purchases as purchases
    left join prices on purchases.product_id = prices.product_id and purchases.order_date = prices.order_date
    where purchases.quantity > 0
    group by purchases.customer_id, purchases.order_id, purchases.order_date
),

changes as (
    select customer_id, order_id, order_date, order_date as known_from, lines, units, coalesce(amount, 0) as amount
    from bought
    union all
    select customer_id, order_id, order_date, undone_on, -lines, -quantity, -amount
    from customers.undone_lines
),

changed_days as (
    select
        customer_id,
        order_id,
        order_date,
        known_from,
        sum(lines) as lines,
        sum(units) as units,
        sum(amount) as amount
    from changes
    group by customer_id, order_id, order_date, known_from
),

part_states as (
    select
        customer_id,
        order_id,
        order_date,
        known_from,
        lead(known_from) over (partition by customer_id, order_id, order_date order by known_from) as known_until,
        sum(lines) over (partition by customer_id, order_id, order_date order by known_from) as lines,
        sum(units) over (partition by customer_id, order_id, order_date order by known_from) as units,
        sum(amount) over (partition by customer_id, order_id, order_date order by known_from) as amount
    from changed_days
),

parts as (
    -- what was bought of an order on one day, as it stood from a day on
    select
        states.customer_id,
        states.order_id,
        states.order_date,
        bought.order_ts,
        states.known_from,
        states.known_until,
        states.lines,
        states.units,
        states.amount,
        bought.lines as lines_bought,
        coalesce(bought.amount, 0) as amount_bought,
        coalesce(bought.discount, 0) as discount_bought,
        coalesce(bought.catalogue_amount, 0) as catalogue_amount,
        bought.country,
        bought.channel
    from part_states as states
    join bought
        on states.customer_id = bought.customer_id
        and states.order_id = bought.order_id
        and states.order_date = bought.order_date
),

several_days as (
    select customer_id, order_id
    from bought
    group by customer_id, order_id
    having count(*) > 1
),

moments as (
    select distinct parts.customer_id, parts.order_id, parts.known_from
    from parts
    semi join several_days
        on parts.customer_id = several_days.customer_id and parts.order_id = several_days.order_id
),

stretches as (
    select
        customer_id,
        order_id,
        known_from,
        lead(known_from) over (partition by customer_id, order_id order by known_from) as known_until
    from moments
),

together as (
    select
        stretches.customer_id,
        stretches.order_id,
        coalesce(max(case when parts.lines > 0 then parts.order_date end), max(parts.order_date)) as order_date,
        stretches.known_from,
        stretches.known_until,
        sum(parts.lines) as lines,
        sum(parts.units) as units,
        sum(parts.amount) as amount,
        sum(parts.lines_bought) as lines_bought,
        sum(parts.amount_bought) as amount_bought,
        sum(parts.discount_bought) as discount_bought,
        sum(parts.catalogue_amount) as catalogue_amount,
        min(parts.country) as country,
        min(parts.channel) as channel
    from stretches
    join parts
        on stretches.customer_id = parts.customer_id
        and stretches.order_id = parts.order_id
        and parts.known_from <= stretches.known_from
        and (parts.known_until is null or parts.known_until > stretches.known_from)
    group by stretches.customer_id, stretches.order_id, stretches.known_from, stretches.known_until
),

states as (
    select
        parts.customer_id, parts.order_id, parts.order_date, parts.order_ts, parts.known_from, parts.known_until,
        parts.lines, parts.units, parts.amount, parts.lines_bought, parts.amount_bought, parts.discount_bought,
        parts.catalogue_amount, parts.country, parts.channel
    from parts
    anti join several_days
        on parts.customer_id = several_days.customer_id and parts.order_id = several_days.order_id
    union all
    select
        together.customer_id, together.order_id, together.order_date, bought.order_ts, together.known_from,
        together.known_until, together.lines, together.units, together.amount, together.lines_bought,
        together.amount_bought, together.discount_bought, together.catalogue_amount, together.country,
        together.channel
    from together
    join bought
        on together.customer_id = bought.customer_id
        and together.order_id = bought.order_id
        and together.order_date = bought.order_date
)

select
    customer_id,
    order_id,
    order_date,
    order_ts,
    known_from,
    known_until,
    cast(lines as bigint) as lines,
    cast(units as decimal(18, 4)) as units,
    cast(amount as decimal(18, 4)) as amount,
    cast(lines_bought as bigint) as lines_bought,
    cast(amount_bought as decimal(18, 4)) as amount_bought,
    cast(discount_bought as decimal(18, 4)) as discount_bought,
    cast(catalogue_amount as decimal(18, 4)) as catalogue_amount,
    country,
    channel
from states
