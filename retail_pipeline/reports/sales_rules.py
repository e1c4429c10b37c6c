"""Sentences about how much was sold, what drove the change, and which rates left their usual range."""

from collections.abc import Callable

from retail_pipeline.reports.periods import WEEKDAYS, Period
from retail_pipeline.reports.sentences import Context, Row, Rule, Said
from retail_pipeline.reports.words import compared, counted, percent

PERIODS = ("day", "week", "month", "quarter")
PAIRED = ("week", "month", "quarter")
FEWEST_EARLIER = 4
"""Earlier periods below which nothing is said of what is usual."""
FEWEST_FOR_RATES = 6
FEWEST_ORDERS = 30
"""Orders below which no hour is called the busiest."""
DRIVER_WORDS = {
    "buyers": ("more buyers", "fewer buyers"),
    "orders_per_buyer": ("more orders per buyer", "fewer orders per buyer"),
    "lines_per_order": ("more lines per order", "fewer lines per order"),
    "units_per_line": ("more units per line", "fewer units per line"),
    "price": ("a higher price per unit", "a lower price per unit"),
    "returns": ("fewer returns", "more returns"),
    "sales": ("sales", "sales"),
}

NET_SALES = """
with periods as (
    select * from sales.period_figures where frequency = '{frequency}' and period <= date '{period}'
)
select
    this.period, this.is_partial, this.net_sales, this.orders, this.growth_previous, this.growth_year,
    before.net_sales as net_sales_before, before.is_partial as before_is_partial,
    (select count(*) from periods where period < date '{period}' and growth_previous is not null) as earlier_changes,
    (
        select count(*)
        from periods
        where period < date '{period}' and abs(growth_previous) < abs(this.growth_previous)
    ) as smaller_changes
from periods as this
left join periods as before on before.last_day = this.period - 1
where this.period = date '{period}'
"""

DRIVERS = """
with drivers as (
    select
        *,
        effect * sign(change) as push,
        row_number() over (order by effect * sign(change) desc, place) as place_with,
        row_number() over (order by effect * sign(change), place) as place_against
    from sales.change_drivers
    where frequency = '{frequency}' and period = date '{period}' and split = 'customers' and not is_partial
        and change <> 0
)
select
    main.change, main.driver, main.effect, main.value_before, main.value,
    against.driver as driver_against, against.effect as effect_against
from drivers as main
left join drivers as against on against.place_against = 1 and against.push < 0
where main.place_with = 1
"""

MIX = """
select
    min(change) as change,
    sum(case when driver = 'volume' then effect end) as volume,
    sum(case when driver = 'price' then effect end) as price,
    sum(case when driver = 'mix' then effect end) as mix
from sales.change_drivers
where frequency = '{frequency}' and period = date '{period}' and split = 'products' and not is_partial
having sum(case when driver = 'price' then effect end) is not null and min(change) <> 0
"""

UNPRICED = """
select count(*) as lines, count(distinct order_id) as orders, min(currency) as currency,
    count(distinct currency) as currencies
from core.order_lines
where order_date between date '{period}' and date '{last_day}' and reporting_amount is null and amount is not null
having count(*) > 0
"""

BEST_DAY = """
select date_day, net_sales, orders, (
    select sum(net_sales) from sales.daily where date_day between date '{period}' and date '{last_day}'
) as net_sales_of_all
from sales.daily
where date_day between date '{period}' and date '{last_day}' and orders > 0
order by net_sales desc, date_day
"""

BUSIEST_HOUR = """
select weekday, hour, orders, orders_per_day, (select sum(orders) from sales.by_hour) as orders_of_all,
    (select sum(orders) from sales.by_hour where hour = 0) as orders_at_midnight
from sales.by_hour
where orders > 0
order by orders_per_day desc, orders desc, weekday, hour
"""


def _rate(expression: str) -> str:
    """A query for a rate of whole periods and where it stands among the earlier ones."""
    return f"""
with periods as (
    select period, cast({expression} as double) as rate
    from sales.period_figures
    where frequency = '{{frequency}}' and period <= date '{{period}}' and not is_partial and orders > 0
)
select
    this.rate,
    (select median(rate) from periods where period < date '{{period}}') as usual,
    (select count(rate) from periods where period < date '{{period}}') as earlier,
    (select count(*) from periods where period < date '{{period}}' and rate < this.rate) as lower_ones,
    (select count(*) from periods where period < date '{{period}}' and rate > this.rate) as higher_ones
from periods as this
where this.period = date '{{period}}'
"""


def _say_net_sales(row: Row, context: Context) -> Said | None:
    period = context.period
    assert period is not None
    amount = context.money.text(row["net_sales"])
    if row["is_partial"]:
        return Said(
            f"{_capital(period.title)} is partial, for the data hold only a part of it: net sales so far are {amount} "
            f"from {counted(row['orders'], 'order')}.",
            "counted, but not yet whole",
            1.0,
        )
    text = f"Net sales of {period.title} were {amount} from {counted(row['orders'], 'order')}"
    if row["growth_previous"] is not None:
        before = context.money.text(row["net_sales_before"])
        text += f", {compared(row['growth_previous'], f'{period.before.title} ({before})')}"
    if row["growth_year"] is not None:
        joint = "," if row["growth_previous"] is None else " and"
        text += f"{joint} {compared(row['growth_year'], period.year_before.title)}"
    return Said(f"{text}.", _among_earlier(row, period), 1.0)


def _among_earlier(row: Row, period: Period) -> str:
    if row["growth_previous"] is None:
        if row["before_is_partial"] is False:
            return "counted; the period before it had no net sales above zero to compare with"
        return "counted; there is no whole period before it to compare with"
    earlier, smaller = row["earlier_changes"], row["smaller_changes"]
    if earlier < FEWEST_EARLIER:
        return f"counted; too few {period.frequency}s before it to say whether the change is unusual"
    return f"counted; in percent, the change is larger than {smaller} of the {earlier} before it"


def _say_drivers(row: Row, context: Context) -> Said | None:
    if row["driver"] == "sales":
        return None  # one of the periods sold nothing: that is no reason
    money = context.money
    up, down = DRIVER_WORDS[row["driver"]]
    kind = "rise" if row["change"] > 0 else "fall"
    text = (
        f"The {kind} of {money.text(abs(row['change']))} in {context.title} came most from "
        f"{up if row['effect'] > 0 else down} ({money.signed(row['effect'])})"
    )
    if row["driver_against"] is not None:
        up, down = DRIVER_WORDS[row["driver_against"]]
        against = up if row["effect_against"] > 0 else down
        text += f"; {against} worked against it ({money.signed(row['effect_against'])})"
    return Said(f"{text}.", "exact: the drivers add up to the change", 0.9)


def _say_mix(row: Row, context: Context) -> Said | None:
    money = context.money
    return Said(
        f"By product, the change of {context.title} is {money.signed(row['volume'])} from the units sold, "
        f"{money.signed(row['price'])} from prices and {money.signed(row['mix'])} from the mix of cheaper and dearer "
        "products.",
        "exact: the parts and the change of returns add up to the whole",
        0.6,
    )


def _say_unpriced(row: Row, context: Context) -> Said | None:
    others = "" if row["currencies"] <= 1 else " and other currencies"
    return Said(
        f"{counted(row['lines'], 'line')} of {counted(row['orders'], 'order')} of {context.title} in {row['currency']}"
        f"{others} have no exchange rate: they count as orders, but are in no amount.",
        "counted; add a file of rates, and all amounts are made anew",
        0.99,
    )


def _say_best_day(row: Row, context: Context) -> Said | None:
    if row["net_sales"] <= 0 or row["net_sales_of_all"] <= 0:
        return None
    day = Period("day", row["date_day"])
    share = row["net_sales"] / row["net_sales_of_all"]
    return Said(
        f"The best day of {context.title} was {day.title}: {context.money.text(row['net_sales'])} from "
        f"{counted(row['orders'], 'order')}, {percent(share)} of the whole.",
        "counted",
        0.3,
    )


def _say_busiest_hour(row: Row, context: Context) -> Said | None:
    hour = row["hour"]
    if row["orders_of_all"] < FEWEST_ORDERS or 2 * row["orders_at_midnight"] > row["orders_of_all"]:
        return None  # dates without times lie at midnight
    return Said(
        f"The busiest hour is {WEEKDAYS[row['weekday'] - 1]} from {hour}:00 to {hour + 1}:00, with "
        f"{float(row['orders_per_day']):,.1f} orders a day, {percent(row['orders'] / row['orders_of_all'])} of all.",
        "counted",
        0.2,
    )


def _say_rate(what: str, weight: float) -> Callable[[Row, Context], Said | None]:
    """Speaks of a rate that is above or below nearly all of the earlier ones."""

    def say(row: Row, context: Context) -> Said | None:
        earlier = row["earlier"]
        if earlier < FEWEST_FOR_RATES or not row["usual"]:
            return None
        beyond = max(row["lower_ones"], row["higher_ones"])
        if beyond < 0.9 * earlier or abs(row["rate"] / row["usual"] - 1) < 0.1:
            return None
        side, which = ("above", "lower") if row["lower_ones"] == beyond else ("below", "higher")
        frequency = context.period.frequency if context.period else "period"
        return Said(
            f"{what} of {context.title} was {percent(row['rate'])}, {side} its usual {percent(row['usual'])}.",
            f"counted; it was {which} in {beyond} of the {earlier} {frequency}s before",
            weight,
        )

    return say


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _rate_rule(name: str, what: str, expression: str, next_look: str) -> Rule:
    return Rule(name, "sales", _rate(expression), _say_rate(what, 0.55), next_look, PAIRED)


RULES = (
    Rule("net_sales", "sales", NET_SALES, _say_net_sales, "sales.period_figures, and the drivers below", PERIODS),
    Rule("drivers", "sales", DRIVERS, _say_drivers, "sales.change_drivers, split customers", PAIRED),
    Rule("mix", "sales", MIX, _say_mix, "sales.change_drivers, split products; sales.by_product", PAIRED),
    _rate_rule(
        "return_rate", "The return rate", "returns / nullif(gross_sales - discounts, 0)",
        "sales.by_product, column return_rate",
    ),
    _rate_rule(
        "discount_rate", "The discount rate", "discounts / nullif(gross_sales, 0)", "sales.by_channel, column discounts"
    ),
    _rate_rule(
        "guest_share", "The share of guest orders", "guest_orders / nullif(orders, 0)",
        "sales.period_figures, column guest_orders",
    ),
    Rule("unpriced", "data", UNPRICED, _say_unpriced, "core.order_lines where reporting_amount is null", PERIODS),
    Rule("best_day", "sales", BEST_DAY, _say_best_day, "sales.daily", PAIRED),
    Rule("busiest_hour", "sales", BUSIEST_HOUR, _say_busiest_hour, "sales.by_hour", ()),
)  # fmt: skip
