/*
row: the one currency of all totals
about: >
  It is currency.reporting where that is set; else the currency of most lines, the first in the alphabet among equals, null if no
  export tells a currency. Lines without a currency count as being in it.
key: [currency]
columns:
  currency: the currency of all totals, null if none is known
  is_set: whether the settings name it
  currencies: different currencies on lines [currencies]
*/
with used as (
    select currency, count(*) as lines
    from raw.transactions
    where currency is not null
    group by currency
),

ranked as (
    select currency, row_number() over (order by lines desc, currency) as place
    from used
)

select
    coalesce($reporting_currency, max(case when place = 1 then currency end)) as currency,
    $reporting_currency is not null as is_set,
    count(*) as currencies
from ranked
