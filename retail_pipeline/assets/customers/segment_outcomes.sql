/*
row: a segment and what its customers did in the 90 days after a month's end at which they were in it
about: >
  Of all month ends in customers.rfm_history after which 90 days are known. What was bought is what was known of it when the 90 days
  were over. A customer is seen at many month ends, which are not independent: variances are those of a ratio of sums over
  customers (Cochran 1977, Sampling Techniques, section 6.3; each customer a cluster). The interval of the share is
  Wilson's with the number of independent observations that has this variance; that of the spend is normal. Both at 95 %. What
  befalls all customers alike, a season say, is in none of them. Compared are the segment's customers with those in
  any other segment.
key: [segment]
columns:
  segment: the segment at the month's end
  segment_group: its group
  month_ends: month ends at which it had customers [month ends]
  customers: different customers seen in it [customers]
  observations: customers times month ends [observations]
  bought_again: observations with an order within the 90 days [share]
  bought_again_lower: lower end of its interval [share]
  bought_again_upper: upper end of its interval [share]
  others_bought_again: the same share in all other segments together [share]
  verdict: whether the segment's customers leave more than others, less than others, or whether no difference shows
  orders_per_customer: mean orders within the 90 days [orders]
  spend_per_customer: mean spend within the 90 days [reporting currency]
  spend_lower: lower end of its interval, null for a single customer [reporting currency]
  spend_upper: upper end of its interval, null for a single customer [reporting currency]
*/
with data_end as (
    select coalesce(cast($as_of as date), cast(max(order_date) + 1 as date)) as last_as_of
    from core.order_lines
),

seen as (
    select
        history.customer_id,
        history.as_of,
        history.segment,
        history.segment_group,
        cast(history.as_of + 90 as date) as ends_at
    from customers.rfm_history as history
    cross join data_end
    where history.as_of + 90 <= data_end.last_as_of
),

spans as (
    select distinct as_of, ends_at
    from seen
),

changed as (
    -- an order that went on after a month's end was there before: that part is not spent again
    select customer_id, order_id, known_from, known_until, amount
    from customers.order_states
    where known_until is not null
),

bought as (
    select
        spans.as_of,
        states.customer_id,
        count(*) as orders,
        sum(greatest(states.amount - coalesce(changed.amount, 0), 0)) as spend
    from customers.order_states as states
    join spans
        on states.order_date >= spans.as_of
        and states.order_date < spans.ends_at
        and states.known_from < spans.ends_at
        and (states.known_until is null or states.known_until >= spans.ends_at)
    left join changed
        on states.customer_id = changed.customer_id
        and states.order_id = changed.order_id
        and changed.known_from < spans.as_of
        and changed.known_until >= spans.as_of
    where states.lines > 0
    group by spans.as_of, states.customer_id
),

by_customer as (
    select
        seen.segment,
        seen.segment_group,
        seen.customer_id,
        count(*) as observations,
        sum(case when bought.orders > 0 then 1 else 0 end) as again,
        sum(coalesce(bought.orders, 0)) as orders,
        cast(sum(coalesce(bought.spend, 0)) as decimal(18, 2)) as spend
    from seen
    left join bought on seen.as_of = bought.as_of and seen.customer_id = bought.customer_id
    group by seen.segment, seen.segment_group, seen.customer_id
),

month_ends as (
    select segment, count(distinct as_of) as month_ends
    from seen
    group by segment
),

-- sums of whole numbers and decimals, exact in any order
sums as (
    select
        segment,
        segment_group,
        cast(count(*) as double) as customers,
        cast(sum(observations) as double) as n,
        cast(sum(again) as double) as y,
        cast(sum(observations * observations) as double) as nn,
        cast(sum(again * again) as double) as yy,
        cast(sum(again * observations) as double) as yn,
        cast(sum(orders) as double) as orders,
        cast(sum(spend) as double) as s,
        cast(sum(cast(spend as decimal(19, 2)) * cast(spend as decimal(19, 2))) as double) as ss,
        cast(sum(cast(spend as decimal(19, 2)) * observations) as double) as sn
    from by_customer
    group by segment, segment_group
),

ratios as (
    select
        *,
        y / n as share,
        s / n as mean_spend,
        (sum(y) over () - y) / nullif(sum(n) over () - n, 0) as others_share,
        case
            when customers > 1
                then greatest(0, yy - 2 * (y / n) * yn + (y / n) * (y / n) * nn)
                    * customers / (customers - 1) / (n * n)
        end as share_variance,
        case
            when customers > 1
                then greatest(0, ss - 2 * (s / n) * sn + (s / n) * (s / n) * nn)
                    * customers / (customers - 1) / (n * n)
        end as spend_variance
    from sums
),

sized as (
    -- never more than there are observations; customers, where all of them or none came back
    select
        *,
        case
            when share_variance > 0 and share > 0 and share < 1 then least(n, share * (1 - share) / share_variance)
            else customers
        end as effective
    from ratios
),

intervals as (
    select
        *,
        (share + 1.9207294 / effective) / (1 + 3.8414588 / effective) as middle,
        1.9599640 * sqrt(share * (1 - share) / effective + 0.9603647 / (effective * effective))
        / (1 + 3.8414588 / effective) as half_width
    from sized
),

bounds as (
    select
        *,
        greatest(0, middle - half_width) as lower_share,
        least(1, middle + half_width) as upper_share
    from intervals
)

select
    bounds.segment,
    bounds.segment_group,
    month_ends.month_ends,
    cast(bounds.customers as bigint) as customers,
    cast(bounds.n as bigint) as observations,
    bounds.share as bought_again,
    bounds.lower_share as bought_again_lower,
    bounds.upper_share as bought_again_upper,
    bounds.others_share as others_bought_again,
    case
        when bounds.upper_share < bounds.others_share then 'leave more than others'
        when bounds.lower_share > bounds.others_share then 'leave less than others'
        else 'no difference shows'
    end as verdict,
    bounds.orders / bounds.n as orders_per_customer,
    bounds.mean_spend as spend_per_customer,
    case
        when bounds.spend_variance is not null
            then greatest(0, bounds.mean_spend - 1.9599640 * sqrt(bounds.spend_variance))
    end as spend_lower,
    bounds.mean_spend + 1.9599640 * sqrt(bounds.spend_variance) as spend_upper
from bounds
join month_ends on bounds.segment = month_ends.segment
