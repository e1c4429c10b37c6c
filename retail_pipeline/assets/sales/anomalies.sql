/*
row: a day or week of a series that fell outside its expected range
about: >
  The rows of sales.expected_range that are outside. Periods of a series that are outside on the same side make an episode, if no
  more than two trading days (or no week) lie between them. A long slump of a small part may show in its weeks only, a short one
  in its days. Of every series chance brings so many a year as the setting anomalies.false_alarms says.
key: [dimension, member, measure, frequency, period]
columns:
  dimension: total, country, channel, category or product
  member: which one of them; total for the shop
  measure: orders, net_sales, avg_order_value, returns or (sale) lines
  frequency: day or week
  period: the day, or the week's Monday
  direction: high or low
  value: what it brought [orders, lines or reporting currency]
  expected: what was expected [as value]
  lower: lower end of the range [as value]
  upper: upper end of the range [as value]
  difference: value against expected, null where nothing was expected [share]
  score: robust standard deviations from what was expected
  p_value: share of periods that chance takes as far
  q_value: share of false ones among all in sales.expected_range that are as far
  occasion: the holiday or the like that it is, or the first one of the week
  is_missing_day: whether the shop has no sales at all on a day on which there should be some
  episode: the number of its episode in the series
  episode_first: the episode's first day
  episode_last: the episode's last day
*/
with numbered as (
    select
        *,
        case when value > upper then 'high' else 'low' end as direction,
        row_number() over (partition by dimension, member, measure, frequency order by period) as place
    from sales.expected_range
),

outside as (
    select
        *,
        lag(place) over (partition by dimension, member, measure, frequency order by period) as place_before,
        lag(direction) over (partition by dimension, member, measure, frequency order by period) as direction_before
    from numbered
    where is_outside
),

episodes as (
    select
        *,
        sum(
            case
                when direction = direction_before
                    and place - place_before <= case when frequency = 'day' then 3 else 1 end
                    then 0
                else 1
            end
        ) over (
            partition by dimension, member, measure, frequency
            order by period
            rows between unbounded preceding and current row
        ) as episode
    from outside
)

select
    dimension,
    member,
    measure,
    frequency,
    period,
    direction,
    value,
    expected,
    lower,
    upper,
    value / nullif(expected, 0) - 1 as difference,
    score,
    p_value,
    q_value,
    occasion,
    is_missing_day,
    cast(episode as bigint) as episode,
    min(period) over (partition by dimension, member, measure, frequency, episode) as episode_first,
    cast(
        max(period) over (partition by dimension, member, measure, frequency, episode)
        + case when frequency = 'day' then 0 else 6 end
        as date
    ) as episode_last
from episodes
