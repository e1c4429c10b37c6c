/*
row: a month and customers who went in it from one segment to another, or stayed
about: >
  From customers.rfm_history, month end against month end, each by what was known then. A customer without a segment at the month
  before has bought for the first time (from new to the shop), one without a segment after it has had all orders
  cancelled (to nothing left). Scores are relative to all other customers, so that a customer may change segment by
  what others do.
key: [month, from_segment, to_segment]
columns:
  month: the month in which they went, by its first day
  from_segment: the segment at the end of the month before, or 'new to the shop'
  to_segment: the segment at the month's end, or 'nothing left'
  customers: customers [customers]
  share_from: of all who were in from_segment [share]
  share_to: of all who are in to_segment [share]
  monetary_before: value of what they had bought by the end of the month before [reporting currency]
  monetary_after: value of what they had bought by the month's end [reporting currency]
*/
with months as (
    select distinct as_of, month
    from customers.rfm_history
),

steps as (
    -- also into and out of a month at whose end nothing was left of any order
    select month, as_of, month as as_of_before
    from months
    where as_of > (select min(as_of) from months)
    union
    select as_of as month, cast(as_of + interval 1 month as date) as as_of, as_of as as_of_before
    from months
    where as_of < (select max(as_of) from months)
),

ends as (
    select steps.month, history.customer_id, history.segment, history.monetary
    from customers.rfm_history as history
    join steps on history.as_of = steps.as_of
),

starts as (
    select steps.month, history.customer_id, history.segment, history.monetary
    from customers.rfm_history as history
    join steps on history.as_of = steps.as_of_before
),

moves as (
    select
        coalesce(ends.month, starts.month) as month,
        coalesce(starts.segment, 'new to the shop') as from_segment,
        coalesce(ends.segment, 'nothing left') as to_segment,
        starts.monetary as monetary_before,
        ends.monetary as monetary_after
    from starts
    full join ends on starts.month = ends.month and starts.customer_id = ends.customer_id
)

select
    month,
    from_segment,
    to_segment,
    count(*) as customers,
    count(*) / cast(sum(count(*)) over (partition by month, from_segment) as double) as share_from,
    count(*) / cast(sum(count(*)) over (partition by month, to_segment) as double) as share_to,
    cast(coalesce(sum(monetary_before), 0) as decimal(18, 4)) as monetary_before,
    cast(coalesce(sum(monetary_after), 0) as decimal(18, 4)) as monetary_after
from moves
group by month, from_segment, to_segment
