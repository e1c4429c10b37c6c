/*
row: a segment that has customers
about: Shares and means are quotients of exact sums, so that they do not differ from run to run.
key: [segment]
columns:
  segment: the segment
  segment_group: its group
  customers: customers in it [customers]
  share_customers: of all scored customers [share]
  orders: their orders [orders]
  revenue: value of what they bought [reporting currency]
  share_revenue: of the value of all scored customers [share]
  avg_recency_days: mean days since their last order [days]
  avg_frequency: mean orders a customer [orders]
  avg_monetary: mean value a customer [reporting currency]
*/
select
    segment,
    segment_group,
    count(*) as customers,
    count(*) / cast(sum(count(*)) over () as double) as share_customers,
    cast(sum(frequency) as bigint) as orders,
    cast(sum(monetary) as decimal(18, 4)) as revenue,
    coalesce(
        cast(sum(monetary) as double) / nullif(cast(sum(sum(monetary)) over () as double), 0), 0
    ) as share_revenue,
    cast(sum(recency_days) as double) / count(*) as avg_recency_days,
    cast(sum(frequency) as double) / count(*) as avg_frequency,
    cast(sum(monetary) as double) / count(*) as avg_monetary
from customers.rfm_scores
group by segment, segment_group
