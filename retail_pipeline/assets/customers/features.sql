/*
row: a customer of whose orders something is left, with what is known of them before a day
about: >
  The one place where features of customers are worked out, for tables, training and serving alike: as of the day after the
  last line, or core.as_of, or each of many days (customers.features_history). What happens on that day or later has no part in
  it; a cancellation takes its sale back from the day after it was made, not before. An order is of the day of its latest line
  that is left. Money is summed up exactly, and so is what was weighted, cut to four decimals before. lifecycle_stage is the
  first that applies of: dormant, if the last order is more than lifecycle.dormant_gaps times usual_gap_days ago; new, with orders
  on a single day; reactivated, if the last gap was longer than so many usual gaps, the mean of the gaps before it taken for the
  customer's own; developing, with orders on fewer than lifecycle.established_days days; declining, if the last order is more than
  lifecycle.declining_gaps own mean gaps ago, or the spend of the last 90 days less than lifecycle.declining_spend_share of that of the
  90 days before; else established. Statistics over customers, such as z-scores, are a model's own business and not here.
key: [customer_id]
columns:
  customer_id: the customer
  as_of: the day at whose start the features hold; all that is known of the days before it, nothing later
  recency_days: from the last order's day to as_of [days]
  tenure_days: from the first order's day to as_of [days]
  orders: orders of which something is left [orders]
  purchase_days: different days with such an order [days]
  total_spend: value of what was bought and is left [reporting currency]
  avg_order_value: mean value of an order [reporting currency]
  order_value_sd: standard deviation of the orders' values, null for a single order [reporting currency]
  last_order_value: value of the last order [reporting currency]
  largest_order_value: value of the largest order [reporting currency]
  avg_gap_days: mean time between two successive days with an order, null before the second [days]
  gap_sd_days: standard deviation of these times, null before the third such day [days]
  last_gap_days: time between the last two days with an order [days]
  longest_gap_days: longest time between two successive days with an order [days]
  spend_14d: value of the orders of the last 14 days [reporting currency]
  spend_30d: value of the orders of the last 30 days [reporting currency]
  spend_60d: value of the orders of the last 60 days [reporting currency]
  spend_90d: value of the orders of the last 90 days [reporting currency]
  spend_180d: value of the orders of the last 180 days [reporting currency]
  spend_365d: value of the orders of the last 365 days [reporting currency]
  orders_14d: orders of the last 14 days [orders]
  orders_30d: orders of the last 30 days [orders]
  orders_60d: orders of the last 60 days [orders]
  orders_90d: orders of the last 90 days [orders]
  orders_180d: orders of the last 180 days [orders]
  orders_365d: orders of the last 365 days [orders]
  spend_trend_30d: spend of the last 30 days less that of the 30 before, over both together; null if both are nothing [-1 to 1]
  spend_trend_90d: spend of the last 90 days less that of the 90 before, over both together; null if both are nothing [-1 to 1]
  orders_trend_30d: orders of the last 30 days less that of the 30 before, over both together; null if both are nothing [-1 to 1]
  orders_trend_90d: orders of the last 90 days less that of the 90 before, over both together; null if both are nothing [-1 to 1]
  spend_weighted: spend in which an order counts half as much for every features.half_life_days of its age [reporting currency]
  product_variety: different products of which a line is left [products]
  product_entropy: entropy of the lines over products, 0 for a single product and ln(n) for n alike [nats]
  categories: different categories of which a line is left, where the export gives them [categories]
  top_category: the category of most spend, the first in the alphabet of several
  top_category_share: its share in the spend of all categories, of those on which anything was spent [share]
  basket_lines: mean lines of an order [lines]
  basket_units: mean units of an order [units]
  avg_unit_price: mean price of a unit [reporting currency]
  price_level: price paid against the mean price that customers had paid for the same products until then; 1 for the same [ratio]
  discount_share: money off against the value before discount, of all lines ever bought [share]
  return_rate: value cancelled or returned since, of all that was ever bought, 1 at most, null if that was nothing; always 0 under the gross policy [share]
  preferred_weekday: the weekday of most orders, the first of the week of several [1 Monday to 7 Sunday]
  weekend_share: orders on a Saturday or Sunday [share]
  night_share: orders before 6 in the morning [share]
  morning_share: orders from 6 to 12 [share]
  afternoon_share: orders from 12 to 18 [share]
  evening_share: orders from 18 on [share]
  orders_in_january: orders in January, of all years [orders]
  orders_in_february: orders in February, of all years [orders]
  orders_in_march: orders in March, of all years [orders]
  orders_in_april: orders in April, of all years [orders]
  orders_in_may: orders in May, of all years [orders]
  orders_in_june: orders in June, of all years [orders]
  orders_in_july: orders in July, of all years [orders]
  orders_in_august: orders in August, of all years [orders]
  orders_in_september: orders in September, of all years [orders]
  orders_in_october: orders in October, of all years [orders]
  orders_in_november: orders in November, of all years [orders]
  orders_in_december: orders in December, of all years [orders]
  active_months: months of the year, of twelve, in which there was an order [months]
  orders_season_ahead: orders in the 90 days that began 364 days before as_of, the coming season a year earlier [orders]
  country: country of the last order
  acquisition_channel: channel of the first order, where the export gives it
  usual_gap_days: mean gap of all customers, lifecycle.usual_gap_days if there is none; from the third day with an order on the customer's own if longer [days]
  lifecycle_stage: new, developing, established, declining, dormant or reactivated
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

known as (
    select
        cutoffs.as_of,
        states.customer_id,
        states.order_id,
        states.order_date,
        states.order_ts,
        states.lines,
        states.units,
        states.amount,
        states.amount_bought,
        states.discount_bought,
        states.catalogue_amount,
        states.country,
        states.channel,
        date_diff('day', states.order_date, cutoffs.as_of) as age_days
    from customers.order_states as states
    join cutoffs
        on states.known_from < cutoffs.as_of
        and (states.known_until is null or states.known_until >= cutoffs.as_of)
),

bought as (
    select
        as_of,
        customer_id,
        sum(amount) as amount,
        sum(amount_bought) as amount_bought,
        sum(discount_bought) as discount_bought,
        sum(catalogue_amount) as catalogue_amount
    from known
    group by as_of, customer_id
),

kept as (
    -- 1900-01-01 was a Monday; the double modulo keeps days before it right
    select
        *,
        1 + (date_diff('day', date '1900-01-01', order_date) % 7 + 7) % 7 as weekday,
        extract(month from order_date) as month_of_year,
        extract(hour from order_ts) as hour,
        row_number() over (partition by as_of, customer_id order by order_date, order_ts, order_id) as place,
        date_diff(
            'day',
            lag(order_date) over (partition by as_of, customer_id order by order_date, order_ts, order_id),
            order_date
        ) as gap_days,
        lead(order_id) over (partition by as_of, customer_id order by order_date, order_ts, order_id) is null as is_last
    from known
    where lines > 0
),

sums as (
    select
        as_of,
        customer_id,
        min(age_days) as recency_days,
        max(age_days) as tenure_days,
        count(*) as orders,
        cast(sum(case when place = 1 or gap_days > 0 then 1 else 0 end) as bigint) as purchase_days,
        cast(sum(amount) as decimal(18, 4)) as total_spend,
        sum(cast(amount as decimal(19, 4)) * cast(amount as decimal(19, 4))) as squares,
        max(case when is_last then amount end) as last_order_value,
        max(amount) as largest_order_value,
        cast(sum(gap_days * gap_days) as bigint) as gap_squares,
        max_by(gap_days, case when gap_days > 0 then order_date end) as last_gap_days,
        max(case when gap_days > 0 then gap_days end) as longest_gap_days,
        cast(sum(case when age_days <= 14 then amount else 0 end) as decimal(18, 4)) as spend_14d,
        cast(sum(case when age_days <= 30 then amount else 0 end) as decimal(18, 4)) as spend_30d,
        cast(sum(case when age_days <= 60 then amount else 0 end) as decimal(18, 4)) as spend_60d,
        cast(sum(case when age_days <= 90 then amount else 0 end) as decimal(18, 4)) as spend_90d,
        cast(sum(case when age_days <= 180 then amount else 0 end) as decimal(18, 4)) as spend_180d,
        cast(sum(case when age_days <= 365 then amount else 0 end) as decimal(18, 4)) as spend_365d,
        cast(sum(case when age_days <= 14 then 1 else 0 end) as bigint) as orders_14d,
        cast(sum(case when age_days <= 30 then 1 else 0 end) as bigint) as orders_30d,
        cast(sum(case when age_days <= 60 then 1 else 0 end) as bigint) as orders_60d,
        cast(sum(case when age_days <= 90 then 1 else 0 end) as bigint) as orders_90d,
        cast(sum(case when age_days <= 180 then 1 else 0 end) as bigint) as orders_180d,
        cast(sum(case when age_days <= 365 then 1 else 0 end) as bigint) as orders_365d,
        cast(sum(case when month_of_year = 1 then 1 else 0 end) as bigint) as orders_in_january,
        cast(sum(case when month_of_year = 2 then 1 else 0 end) as bigint) as orders_in_february,
        cast(sum(case when month_of_year = 3 then 1 else 0 end) as bigint) as orders_in_march,
        cast(sum(case when month_of_year = 4 then 1 else 0 end) as bigint) as orders_in_april,
        cast(sum(case when month_of_year = 5 then 1 else 0 end) as bigint) as orders_in_may,
        cast(sum(case when month_of_year = 6 then 1 else 0 end) as bigint) as orders_in_june,
        cast(sum(case when month_of_year = 7 then 1 else 0 end) as bigint) as orders_in_july,
        cast(sum(case when month_of_year = 8 then 1 else 0 end) as bigint) as orders_in_august,
        cast(sum(case when month_of_year = 9 then 1 else 0 end) as bigint) as orders_in_september,
        cast(sum(case when month_of_year = 10 then 1 else 0 end) as bigint) as orders_in_october,
        cast(sum(case when month_of_year = 11 then 1 else 0 end) as bigint) as orders_in_november,
        cast(sum(case when month_of_year = 12 then 1 else 0 end) as bigint) as orders_in_december,
        cast(
            sum(
                cast(cast(amount as double) * pow(0.5, age_days / $feature_half_life_days) as decimal(18, 4))
            ) as decimal(18, 4)
        ) as spend_weighted,
        sum(lines) as lines,
        sum(units) as units,
        sum(case when weekday = 1 then 1 else 0 end) as weekday_1,
        sum(case when weekday = 2 then 1 else 0 end) as weekday_2,
        sum(case when weekday = 3 then 1 else 0 end) as weekday_3,
        sum(case when weekday = 4 then 1 else 0 end) as weekday_4,
        sum(case when weekday = 5 then 1 else 0 end) as weekday_5,
        sum(case when weekday = 6 then 1 else 0 end) as weekday_6,
        sum(case when weekday = 7 then 1 else 0 end) as weekday_7,
        sum(case when hour < 6 then 1 else 0 end) as night_orders,
        sum(case when hour >= 6 and hour < 12 then 1 else 0 end) as morning_orders,
        sum(case when hour >= 12 and hour < 18 then 1 else 0 end) as afternoon_orders,
        sum(case when hour >= 18 then 1 else 0 end) as evening_orders,
        cast(sum(case when age_days <= 364 and age_days > 274 then 1 else 0 end) as bigint) as orders_season_ahead,
        max(case when is_last then country end) as country,
        max(case when place = 1 then channel end) as acquisition_channel
    from kept
    group by as_of, customer_id
),

varieties as (
    select
        cutoffs.as_of,
        changes.customer_id,
        cast(sum(changes.lines) as bigint) as lines,
        cast(sum(changes.products) as bigint) as products,
        sum(changes.n_log_n) as n_log_n
    from customers.product_changes as changes
    join cutoffs on changes.date_day < cutoffs.as_of
    group by cutoffs.as_of, changes.customer_id
),

category_spend as (
    select
        cutoffs.as_of,
        changes.customer_id,
        changes.category,
        sum(changes.amount) as amount
    from customers.category_changes as changes
    join cutoffs on changes.date_day < cutoffs.as_of
    group by cutoffs.as_of, changes.customer_id, changes.category
    having sum(changes.lines) > 0
),

top_amounts as (
    select
        as_of,
        customer_id,
        count(*) as categories,
        sum(case when amount > 0 then amount else 0 end) as amount,
        max(amount) as top_amount
    from category_spend
    group by as_of, customer_id
),

top_categories as (
    select
        top_amounts.as_of,
        top_amounts.customer_id,
        top_amounts.categories,
        top_amounts.amount,
        top_amounts.top_amount,
        min(category_spend.category) as category
    from top_amounts
    join category_spend
        on top_amounts.as_of = category_spend.as_of
        and top_amounts.customer_id = category_spend.customer_id
        and top_amounts.top_amount = category_spend.amount
    group by 1, 2, 3, 4, 5
),

usual_gaps as (
    -- of all customers, each gap counted once
    select
        as_of,
        cast(sum(tenure_days - recency_days) as double) / nullif(sum(purchase_days - 1), 0) as gap_days
    from sums
    group by as_of
),

joined as (
    select
        sums.*,
        bought.amount_bought,
        bought.amount as amount_left,
        bought.discount_bought,
        bought.catalogue_amount,
        varieties.lines as product_lines,
        varieties.products,
        varieties.n_log_n,
        top_categories.categories,
        top_categories.category as top_category,
        case
            when top_categories.amount > 0
                then cast(top_categories.top_amount as double) / cast(top_categories.amount as double)
        end as top_category_share,
        coalesce(usual_gaps.gap_days, $lifecycle_usual_gap_days) as all_gap_days,
        cast(sums.tenure_days - sums.recency_days as double) / nullif(sums.purchase_days - 1, 0) as avg_gap_days,
        -- without the last one
        cast(sums.tenure_days - sums.recency_days - sums.last_gap_days as double) / nullif(sums.purchase_days - 2, 0)
            as avg_gap_days_before,
        greatest(weekday_1, weekday_2, weekday_3, weekday_4, weekday_5, weekday_6, weekday_7) as most_on_a_weekday
    from sums
    join bought on sums.as_of = bought.as_of and sums.customer_id = bought.customer_id
    join usual_gaps on sums.as_of = usual_gaps.as_of
    left join top_categories
        on sums.as_of = top_categories.as_of and sums.customer_id = top_categories.customer_id
    left join varieties on sums.as_of = varieties.as_of and sums.customer_id = varieties.customer_id
),

paced as (
    select
        *,
        case when purchase_days >= 3 then greatest(avg_gap_days, all_gap_days) else all_gap_days end as usual_gap_days,
        case when purchase_days >= 3 then greatest(avg_gap_days_before, all_gap_days) else all_gap_days end
            as usual_gap_days_before
    from joined
)

select
    customer_id,
    as_of,
    recency_days,
    tenure_days,
    orders,
    purchase_days,
    total_spend,
    cast(total_spend as double) / orders as avg_order_value,
    case
        when orders > 1 and largest_order_value < 10000000 and orders < 1000000
            then sqrt(
                cast(
                    cast(orders as decimal(19, 0)) * squares
                    - cast(total_spend as decimal(19, 4)) * cast(total_spend as decimal(19, 4)) as double
                )
                / orders / (orders - 1)
            )
        when orders > 1
            then sqrt(
                greatest(0, cast(squares as double) - power(cast(total_spend as double), 2) / orders) / (orders - 1)
            )
    end as order_value_sd,
    last_order_value,
    largest_order_value,
    avg_gap_days,
    case
        when purchase_days > 2
            then sqrt(
                cast(
                    (purchase_days - 1) * gap_squares
                    - (tenure_days - recency_days) * (tenure_days - recency_days) as double
                )
                / (purchase_days - 1) / (purchase_days - 2)
            )
    end as gap_sd_days,
    last_gap_days,
    longest_gap_days,
    spend_14d,
    spend_30d,
    spend_60d,
    spend_90d,
    spend_180d,
    spend_365d,
    orders_14d,
    orders_30d,
    orders_60d,
    orders_90d,
    orders_180d,
    orders_365d,
    cast(2 * spend_30d - spend_60d as double) / nullif(cast(spend_60d as double), 0) as spend_trend_30d,
    cast(2 * spend_90d - spend_180d as double) / nullif(cast(spend_180d as double), 0) as spend_trend_90d,
    cast(2 * orders_30d - orders_60d as double) / nullif(cast(orders_60d as double), 0) as orders_trend_30d,
    cast(2 * orders_90d - orders_180d as double) / nullif(cast(orders_180d as double), 0) as orders_trend_90d,
    spend_weighted,
    coalesce(products, 0) as product_variety,
    coalesce(ln(product_lines) - cast(n_log_n as double) / product_lines, 0) as product_entropy,
    coalesce(categories, 0) as categories,
    top_category,
    top_category_share,
    cast(lines as double) / orders as basket_lines,
    cast(units as double) / orders as basket_units,
    cast(total_spend as double) / nullif(cast(units as double), 0) as avg_unit_price,
    cast(amount_bought as double) / nullif(cast(catalogue_amount as double), 0) as price_level,
    cast(discount_bought as double) / nullif(cast(amount_bought + discount_bought as double), 0) as discount_share,
    case
        when amount_bought > 0
            then greatest(0, least(1, cast(amount_bought - amount_left as double) / cast(amount_bought as double)))
    end as return_rate,
    case
        when weekday_1 = most_on_a_weekday then 1
        when weekday_2 = most_on_a_weekday then 2
        when weekday_3 = most_on_a_weekday then 3
        when weekday_4 = most_on_a_weekday then 4
        when weekday_5 = most_on_a_weekday then 5
        when weekday_6 = most_on_a_weekday then 6
        when weekday_7 = most_on_a_weekday then 7
    end as preferred_weekday,
    cast(weekday_6 + weekday_7 as double) / orders as weekend_share,
    cast(night_orders as double) / orders as night_share,
    cast(morning_orders as double) / orders as morning_share,
    cast(afternoon_orders as double) / orders as afternoon_share,
    cast(evening_orders as double) / orders as evening_share,
    orders_in_january,
    orders_in_february,
    orders_in_march,
    orders_in_april,
    orders_in_may,
    orders_in_june,
    orders_in_july,
    orders_in_august,
    orders_in_september,
    orders_in_october,
    orders_in_november,
    orders_in_december,
    case when orders_in_january > 0 then 1 else 0 end
    + case when orders_in_february > 0 then 1 else 0 end
    + case when orders_in_march > 0 then 1 else 0 end
    + case when orders_in_april > 0 then 1 else 0 end
    + case when orders_in_may > 0 then 1 else 0 end
    + case when orders_in_june > 0 then 1 else 0 end
    + case when orders_in_july > 0 then 1 else 0 end
    + case when orders_in_august > 0 then 1 else 0 end
    + case when orders_in_september > 0 then 1 else 0 end
    + case when orders_in_october > 0 then 1 else 0 end
    + case when orders_in_november > 0 then 1 else 0 end
    + case when orders_in_december > 0 then 1 else 0 end as active_months,
    orders_season_ahead,
    country,
    acquisition_channel,
    usual_gap_days,
    case
        when recency_days > $lifecycle_dormant_gaps * usual_gap_days then 'dormant'
        when purchase_days = 1 then 'new'
        when last_gap_days > $lifecycle_dormant_gaps * usual_gap_days_before then 'reactivated'
        when purchase_days < $lifecycle_established_days then 'developing'
        when recency_days > $lifecycle_declining_gaps * avg_gap_days then 'declining'
        when spend_90d < $lifecycle_declining_spend_share * (spend_180d - spend_90d) then 'declining'
        else 'established'
    end as lifecycle_stage
from paced
