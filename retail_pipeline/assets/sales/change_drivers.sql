/*
row: a driver's part in the change of net sales from one period to the next
about: >
  Weeks, months and quarters, each beside the one before. Two splits, each of which adds up to the change to the last digit. By
  customers: what was sold after discounts is buyers (known customers and guest orders) x orders per buyer x lines per order x
  units per line x price per unit; the change of a product of factors is divided by logarithmic means (LMDI; Ang 2004, "Decomposition
  analysis for policymaking in energy", equation 6), which leaves no rest and treats all factors alike. By products: price
  is what the units sold now cost more than before, each product for itself; volume is what as many units more bring at the mean price
  before; mix is what is left, since dearer or cheaper products were sold. Products of one of the two periods only have no price
  effect. In both, returns lower net sales. Where one of the periods had no order or sold nothing, there is one driver alone, sales.
key: [frequency, period, split, driver]
columns:
  frequency: week, month or quarter
  period: its first day
  period_before: the first day of the period before
  is_partial: whether the data hold only a part of one of the two
  net_sales_before: net sales of the period before [reporting currency]
  net_sales: net sales of the period [reporting currency]
  change: net_sales less net_sales_before [reporting currency]
  split: customers or products
  driver: buyers, orders_per_buyer, lines_per_order, units_per_line, price, volume, mix, returns or sales
  place: its place in the split
  value_before: the driver in the period before, null for mix
  value: the driver in the period, null for mix
  effect: its part of the change [reporting currency]
*/
with periods as (
    select
        frequency,
        period,
        last_day,
        is_partial,
        customers + guest_orders as buyers,
        orders,
        lines,
        units,
        gross_sales - discounts as sold,
        returns,
        net_sales
    from sales.period_figures
    where frequency <> 'day'
),

pairs as (
    select
        now.frequency,
        now.period,
        before.period as period_before,
        now.is_partial or before.is_partial as is_partial,
        before.net_sales as net_sales_before,
        now.net_sales,
        now.sold - before.sold as sold_change,
        before.sold as sold_before,
        now.sold,
        before.returns as returns_before,
        now.returns,
        before.units as units_before,
        now.units,
        least(before.sold, now.sold) > 0
        and least(before.units, now.units) > 0
        and least(before.orders, now.orders) > 0 as is_divisible,
        case
            when before.sold > 0 and now.sold > 0 and before.sold <> now.sold
                then cast(now.sold - before.sold as double) / ln(cast(now.sold as double) / cast(before.sold as double))
            else cast(now.sold as double)
        end as weight,
        cast(before.buyers as double) as buyers_before,
        cast(now.buyers as double) as buyers,
        cast(before.orders as double) / nullif(before.buyers, 0) as orders_per_buyer_before,
        cast(now.orders as double) / nullif(now.buyers, 0) as orders_per_buyer,
        cast(before.lines as double) / nullif(before.orders, 0) as lines_per_order_before,
        cast(now.lines as double) / nullif(now.orders, 0) as lines_per_order,
        cast(before.units as double) / nullif(before.lines, 0) as units_per_line_before,
        cast(now.units as double) / nullif(now.lines, 0) as units_per_line,
        cast(before.sold as double) / nullif(cast(before.units as double), 0) as price_before,
        cast(now.sold as double) / nullif(cast(now.units as double), 0) as price
    from periods as now
    join periods as before on now.frequency = before.frequency and before.last_day = now.period - 1
),

product_periods as (
    select periods.frequency, periods.period, days.product_id, sum(days.units) as units,
        sum(days.gross_sales - days.discounts) as sold
    from sales.product_days as days
    join periods on days.date_day between periods.period and periods.last_day
    group by periods.frequency, periods.period, days.product_id
),

price_effects as (
    select
        pairs.frequency,
        pairs.period,
        sum(
            cast(
                round(cast(now.sold as double) - cast(before.sold as double) / cast(before.units as double) * cast(now.units as double), 4)
                as decimal(18, 4)
            )
        ) as price_effect
    from pairs
    join product_periods as now on pairs.frequency = now.frequency and pairs.period = now.period and now.units > 0
    join product_periods as before
        on pairs.frequency = before.frequency
        and pairs.period_before = before.period
        and now.product_id = before.product_id
        and before.units > 0
    group by pairs.frequency, pairs.period
),

effects as (
    select
        pairs.*,
        cast(round(weight * ln(buyers / buyers_before), 4) as decimal(18, 4)) as buyers_effect,
        cast(round(weight * ln(orders_per_buyer / orders_per_buyer_before), 4) as decimal(18, 4)) as orders_effect,
        cast(round(weight * ln(lines_per_order / lines_per_order_before), 4) as decimal(18, 4)) as lines_effect,
        cast(round(weight * ln(units_per_line / units_per_line_before), 4) as decimal(18, 4)) as units_effect,
        cast(coalesce(price_effects.price_effect, 0) as decimal(18, 4)) as price_effect,
        cast(
            round(cast(sold_before as double) / cast(units_before as double) * cast(units - units_before as double), 4)
            as decimal(18, 4)
        ) as volume_effect
    from pairs
    left join price_effects on pairs.frequency = price_effects.frequency and pairs.period = price_effects.period
    where pairs.is_divisible
),

parts as (
    select frequency, period, 'customers' as split, 'buyers' as driver, 1 as place,
        buyers_before as value_before, buyers as value, buyers_effect as effect
    from effects
    union all
    select frequency, period, 'customers', 'orders_per_buyer', 2, orders_per_buyer_before, orders_per_buyer, orders_effect
    from effects
    union all
    select frequency, period, 'customers', 'lines_per_order', 3, lines_per_order_before, lines_per_order, lines_effect
    from effects
    union all
    select frequency, period, 'customers', 'units_per_line', 4, units_per_line_before, units_per_line, units_effect
    from effects
    union all
    select frequency, period, 'customers', 'price', 5, price_before, price,
        sold_change - buyers_effect - orders_effect - lines_effect - units_effect
    from effects
    union all
    select frequency, period, 'products', 'price', 1, price_before, price, price_effect
    from effects
    union all
    select frequency, period, 'products', 'volume', 2, cast(units_before as double), cast(units as double), volume_effect
    from effects
    union all
    select frequency, period, 'products', 'mix', 3, cast(null as double), cast(null as double),
        sold_change - price_effect - volume_effect
    from effects
    union all
    select pairs.frequency, pairs.period, splits.split, 'sales', 1, cast(sold_before as double), cast(sold as double), sold_change
    from pairs
    cross join (select unnest(['customers', 'products']) as split) as splits
    where not pairs.is_divisible
    union all
    select pairs.frequency, pairs.period, splits.split, 'returns', 6, cast(returns_before as double), cast(returns as double),
        returns_before - returns
    from pairs
    cross join (select unnest(['customers', 'products']) as split) as splits
)

select
    pairs.frequency,
    pairs.period,
    pairs.period_before,
    pairs.is_partial,
    pairs.net_sales_before,
    pairs.net_sales,
    cast(pairs.net_sales - pairs.net_sales_before as decimal(18, 4)) as change,
    parts.split,
    parts.driver,
    cast(parts.place as bigint) as place,
    parts.value_before,
    parts.value,
    cast(parts.effect as decimal(18, 4)) as effect
from parts
join pairs on parts.frequency = pairs.frequency and parts.period = pairs.period
