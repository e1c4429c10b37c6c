/*
row: a share of the customers or of the products, the best first
about: >
  By net sales over all time; known customers with an order, and products that were sold. The best 1 % of 50 is one, for shares are
  rounded up. Where equal ones stand at the border, the first by their id count. The Gini coefficient is 0 where all are worth the same
  and near 1 where one is worth all; what is below zero counts as zero.
key: [of_what, top_share]
columns:
  of_what: customers or products
  top_share: the share of them, the best first [share]
  members: how many these are
  all_members: how many there are
  net_sales: their net sales [reporting currency]
  share_net_sales: of the positive net sales of all [share]
  gini: Gini coefficient of all of them, the same in each row
*/
with members as (
    select 'customers' as of_what, customer_id as member, greatest(sum(gross_sales - discounts - returns), 0) as net_sales
    from sales.order_days
    where customer_id is not null
    group by customer_id
    having sum(orders) > 0
    union all
    select 'products', product_id, greatest(net_sales, 0)
    from sales.by_product
    where orders > 0
),

ranked as (
    select
        of_what,
        net_sales,
        row_number() over (partition by of_what order by net_sales desc, member) as place,
        row_number() over (partition by of_what order by net_sales, member desc) as place_from_below
    from members
),

totals as (
    select
        of_what,
        count(*) as all_members,
        sum(net_sales) as all_net_sales,
        case
            when sum(net_sales) > 0
                then 2 * cast(sum(cast(place_from_below as decimal(18, 0)) * net_sales) as double)
                / (count(*) * cast(sum(net_sales) as double))
                - (count(*) + 1) / cast(count(*) as double)
        end as gini
    from ranked
    group by of_what
),

shares as (
    select
        totals.*,
        tops.top_share,
        cast(ceil(tops.top_share * totals.all_members) as bigint) as members
    from totals
    cross join (select unnest([0.01, 0.05, 0.1, 0.2]) as top_share) as tops
)

select
    shares.of_what,
    cast(shares.top_share as double) as top_share,
    shares.members,
    shares.all_members,
    cast(sum(ranked.net_sales) as decimal(18, 4)) as net_sales,
    cast(sum(ranked.net_sales) as double) / nullif(cast(shares.all_net_sales as double), 0) as share_net_sales,
    shares.gini
from shares
join ranked on shares.of_what = ranked.of_what and ranked.place <= shares.members
group by shares.of_what, shares.top_share, shares.members, shares.all_members, shares.all_net_sales, shares.gini
