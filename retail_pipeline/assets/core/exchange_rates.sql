/*
row: a currency's rate and the days it holds for
about: >
  From the dropped files of rates. A rate holds from its day until the day of the next one; where files disagree on a day, the one
  loaded last stands.
key: [currency, valid_from]
columns:
  currency: the currency
  valid_from: the first day the rate holds for
  valid_to: the day it no longer holds for, null if it still does
  rate: what one unit of the currency is worth [reporting currency]
*/
with ranked as (
    select
        rates.currency,
        rates.rate_date,
        rates.rate,
        row_number() over (
            partition by rates.currency, rates.rate_date
            order by drops.loaded_at desc, drops.file_name desc, rates.source_row desc
        ) as place
    from raw.currency_rates as rates
    join raw.drops as drops on rates.drop_id = drops.drop_id
)

select
    currency,
    rate_date as valid_from,
    lead(rate_date) over (partition by currency order by rate_date) as valid_to,
    rate
from ranked
where place = 1
