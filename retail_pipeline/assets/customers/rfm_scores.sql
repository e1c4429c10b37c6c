/*
row: a customer who has bought, with recency, frequency and monetary value scored 1 to 5
about: >
  As of the day after the last line, or core.as_of; of each month's end in customers.rfm_history. What counts as bought is
  set by core.revenue_policy; under net, cancellations known by the as-of date are taken off, and an order with nothing left
  does not count (customers.order_states). A score is
  least(5, 1 + floor(5 * percent_rank)), recency reversed, so customers with equal values have equal scores; with
  thresholds in the settings, a score is 1 plus the thresholds reached. churn_risk is High at a recency score of 1 or 2,
  Medium at 3, or at 4 for a customer with a single order, else Low.
key: [customer_id]
columns:
  customer_id: the customer
  as_of: the day at whose start the scores hold
  recency_days: days from the last order's day to as_of [days]
  frequency: orders [orders]
  monetary: value of what was bought, in total [reporting currency]
  r_score: 5 for the most recent, 1 for the least
  f_score: 5 for the most orders, 1 for the fewest
  m_score: 5 for the highest value, 1 for the lowest
  rfm_score: the three scores side by side, as in 555
  segment: one of ten segments by r_score and f_score
  segment_group: the segment's group, one of six
  churn_risk: Low, Medium or High
*/
with asked as (
    select
        coalesce(
            cast($cutoffs as date[]), [coalesce(cast($as_of as date), cast(max(order_date) + 1 as date))]
        ) as days
    from core.order_lines
),

cutoffs as (
    select cast(unnest(days) as date) as as_of
    from asked
),

measures as (
    select
        states.customer_id,
        cutoffs.as_of,
        date_diff('day', max(states.order_date), cutoffs.as_of) as recency_days,
        count(*) as frequency,
        cast(sum(states.amount) as decimal(18, 4)) as monetary
    from customers.order_states as states
    join cutoffs
        on states.known_from < cutoffs.as_of
        and (states.known_until is null or states.known_until >= cutoffs.as_of)
    where states.lines > 0
    group by states.customer_id, cutoffs.as_of
),

ranks as (
    select
        *,
        percent_rank() over (partition by as_of order by recency_days desc) as r_rank,
        percent_rank() over (partition by as_of order by frequency) as f_rank,
        percent_rank() over (partition by as_of order by monetary) as m_rank
    from measures
),

scores as (
    select
        *,
        case
            when $recency_days_thresholds is null then cast(least(5, 1 + floor(5 * r_rank)) as integer)
            else cast(
                1 + array_length(
                    list_filter(cast($recency_days_thresholds as double[]), lambda threshold: recency_days <= threshold)
                ) as integer
            )
        end as r_score,
        case
            when $frequency_thresholds is null then cast(least(5, 1 + floor(5 * f_rank)) as integer)
            else cast(
                1 + array_length(
                    list_filter(cast($frequency_thresholds as double[]), lambda threshold: frequency >= threshold)
                ) as integer
            )
        end as f_score,
        case
            when $monetary_thresholds is null then cast(least(5, 1 + floor(5 * m_rank)) as integer)
            else cast(
                1 + array_length(
                    list_filter(cast($monetary_thresholds as double[]), lambda threshold: monetary >= threshold)
                ) as integer
            )
        end as m_score
    from ranks
),

segments as (
    select
        *,
        case
            when r_score = 5 and f_score >= 4 then 'Champions'
            when r_score >= 3 and f_score >= 4 then 'Loyal'
            when r_score >= 4 and f_score >= 2 then 'Potential Loyalists'
            when r_score = 5 then 'New'
            when r_score = 4 then 'Promising'
            when r_score = 3 and f_score = 3 then 'Need Attention'
            when r_score = 3 then 'About To Sleep'
            when f_score = 5 then 'Cannot Lose'
            when f_score >= 3 then 'At Risk'
            else 'Hibernating'
        end as segment
    from scores
)

select
    customer_id,
    as_of,
    recency_days,
    frequency,
    monetary,
    r_score,
    f_score,
    m_score,
    cast(r_score as varchar) || cast(f_score as varchar) || cast(m_score as varchar) as rfm_score,
    segment,
    case
        when segment = 'Champions' then 'Champions'
        when segment in ('Loyal', 'Potential Loyalists') then 'Loyal Customers'
        when segment in ('New', 'Promising') then 'Promising'
        when segment in ('Need Attention', 'About To Sleep') then 'Regular'
        when segment in ('At Risk', 'Cannot Lose') then 'At-Risk Customers'
        else 'Lost'
    end as segment_group,
    case
        when r_score <= 2 then 'High'
        when r_score = 3 or (r_score = 4 and frequency = 1) then 'Medium'
        else 'Low'
    end as churn_risk
from segments
