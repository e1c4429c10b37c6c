"""``sales.change_contributions``: which members explain a change of net sales, and which of them is its root cause."""

from typing import TYPE_CHECKING

from retail_pipeline.analytics import contributions
from retail_pipeline.assets.frame_assets import FrameTable
from retail_pipeline.settings import InsightsSettings
from retail_pipeline.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd

ORDER_DIMENSIONS = ("country", "channel", "customer_type", "segment", "weekday")
DIMENSIONS = (*ORDER_DIMENSIONS, "category", "product")
SEASONS = {"week": 52, "month": 12, "quarter": 4}
"""Periods of a year."""
SMALLEST = 10_000
"""Parts of a unit of money that a decimal holds."""

PERIODS = """
    select frequency, period
    from sales.period_figures
    where not is_partial and frequency <> 'day'
    order by frequency, period
"""
MEMBERS = f"""
    select frequency, period, dimension, member,
        cast(cast(net_sales as decimal(38, 4)) * {SMALLEST} as bigint) as amount
    from sales.member_periods
    where not is_partial and net_sales <> 0
    order by frequency, period, dimension, member
"""
NAMES = "select product_id as member, product_name from core.product_names where product_name is not null order by 1"
SPLIT = f"""
    with causes as (
        select cause.cause, cause.dimension, cause.member, cause.place, cause.first_day, cause.last_day
        from (select unnest($causes::struct(
            cause bigint, dimension varchar, member varchar, place bigint, first_day date, last_day date
        )[]) as cause)
    ),

    orders as (
        select order_id, date_day, country, channel, customer_type, segment, weekday
        from sales.order_members
        where date_day in (
            select calendar.date_day
            from core.calendar as calendar
            join causes on calendar.date_day between causes.first_day and causes.last_day
        )
    ),

    lines as (
        select orders.*, lines.product_id as product, coalesce(products.category, '(unknown)') as category,
            sum(coalesce(lines.reporting_amount, 0)) as amount
        from core.order_lines as lines
        join orders on lines.order_id = orders.order_id and lines.order_date = orders.date_day
        left join sales.by_product as products on lines.product_id = products.product_id
        where not lines.is_duplicate and lines.line_type in ('sale', 'return', 'cancellation')
        group by all
    ),

    dimensions as (
        select unnest({list(DIMENSIONS)}) as dimension
    ),

    of_causes as (
        select causes.cause, causes.place, causes.dimension as cause_dimension, lines.*
        from lines
        join causes
            on lines.date_day between causes.first_day and causes.last_day
            and causes.member = case causes.dimension
                {" ".join(f"when '{name}' then lines.{name}" for name in DIMENSIONS)}
            end
    ),

    parts as (
        select of_causes.cause, of_causes.place, dimensions.dimension, of_causes.amount,
            case dimensions.dimension
                {" ".join(f"when '{name}' then of_causes.{name}" for name in DIMENSIONS)}
            end as member
        from of_causes
        join dimensions on dimensions.dimension <> of_causes.cause_dimension
    )

    select cause, place, dimension, member, cast(sum(amount) * {SMALLEST} as bigint) as amount
    from parts
    group by cause, place, dimension, member
    order by cause, place, dimension, member
"""


def make(warehouse: Warehouse) -> "pd.DataFrame":
    """All changes between whole periods, divided among members; root causes one level deeper."""
    settings = warehouse.settings.insights
    periods, members = warehouse.read(PERIODS), warehouse.read(MEMBERS)
    parts = []
    for frequency, season in SEASONS.items():
        days = periods.loc[periods["frequency"] == frequency, "period"].reset_index(drop=True)
        amounts = members[members["frequency"] == frequency]
        amounts = amounts.assign(place=days.searchsorted(amounts["period"]))
        divided = contributions.contributions(amounts, len(days), season=season, kept=settings.members_kept)
        parts.append(_dated(divided, days).assign(frequency=frequency, depth=1, parent=None))
    found = _joined(parts)
    found["is_root_cause"] = _are_root_causes(found, settings)
    found = _joined([found, _deeper(warehouse, found, settings)])
    return _told(found, warehouse.read(NAMES))


def _dated(divided: "pd.DataFrame", days: "pd.Series[pd.Timestamp]") -> "pd.DataFrame":
    places = divided["place"].astype("int64")
    before = places - 1
    return divided.assign(
        period=days.reindex(places).to_numpy(),
        period_before=days.reindex(before).to_numpy(),
    )


def _are_root_causes(found: "pd.DataFrame", settings: InsightsSettings) -> "pd.Series[bool]":
    """Of each change the member that chance explains least, if it is surprising, matters and moved to that side."""
    import pandas as pd

    totals = found.groupby(["frequency", "period", "dimension"], sort=False)[["before", "after"]].transform("sum")
    matters = found["excess"].abs().fillna(0) >= settings.least_excess_share * totals.max(axis=1)
    agrees = found["excess"] * found["surprise"] > 0
    candidates = found[(found["p_value"] < settings.surprise_level) & matters & agrees]
    order = candidates.assign(size=-candidates["excess"].abs(), dimension=candidates["dimension"].map(DIMENSIONS.index))
    best = order.sort_values(["p_value", "size", "dimension", "member"]).drop_duplicates(["frequency", "period"])
    return pd.Series(found.index.isin(best.index), index=found.index)


def _deeper(warehouse: Warehouse, found: "pd.DataFrame", settings: InsightsSettings) -> "pd.DataFrame":
    """Root causes that explain most of their change, divided by the other dimensions, in the two periods alone."""
    most = settings.explains_most_share
    causes = found[
        found["is_root_cause"] & ((found["share_explained"] >= most) | (found["share_of_shift"] >= most))
    ].reset_index(drop=True)
    if causes.empty:
        return found.head(0)
    asked = [
        {
            "cause": number,
            "dimension": row.dimension,
            "member": row.member,
            "place": place,
            "first_day": first.date(),
            "last_day": _last_day(row.frequency, first),
        }
        for number, row in enumerate(causes.itertuples())
        for place, first in enumerate((row.period_before, row.period))
    ]
    amounts = warehouse.read(SPLIT, {"causes": asked})
    parts = []
    for number, cause in causes.iterrows():
        of_cause = amounts[(amounts["cause"] == number) & (amounts["amount"] != 0)]
        divided = contributions.contributions(of_cause, 2, season=None, kept=settings.members_kept)
        of_whole = {name: cause[name] for name in ("frequency", "period", "period_before")}
        divided = divided.assign(**of_whole, depth=2, parent=_path(cause["dimension"], cause["member"]))
        divided["is_root_cause"] = _is_followed(divided, most)
        parts.append(divided)
    return _joined(parts)


def _joined(parts: "list[pd.DataFrame]") -> "pd.DataFrame":
    """All parts that have rows, one after the other."""
    import pandas as pd

    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)


def _last_day(frequency: str, first: "pd.Timestamp") -> object:
    import pandas as pd

    length = {"week": pd.DateOffset(days=6), "month": pd.offsets.MonthEnd(), "quarter": pd.offsets.QuarterEnd()}
    return (first + length[frequency]).date()


def _is_followed(divided: "pd.DataFrame", most: float) -> "pd.Series[bool]":
    """The part that explains most of its cause and twice what its weight in it would let expect, if there is one."""
    import pandas as pd

    weighty = divided["expected_change"].abs() * 2 <= divided["change"].abs()
    candidates = divided[(divided["share_explained"] >= most) & weighty & divided["rank"].notna()]
    order = candidates.assign(
        size=-candidates["excess"].abs(), dimension=candidates["dimension"].map(DIMENSIONS.index)
    ).sort_values(["size", "dimension", "member"])
    return pd.Series(divided.index.isin(order.index[:1]), index=divided.index)


def _path(dimension: str, member: str) -> str:
    return f"{dimension}={member}"


def _told(found: "pd.DataFrame", names: "pd.DataFrame") -> "pd.DataFrame":
    """With amounts in units of money and the columns of the table."""
    money = {
        "net_sales_before": "before", "net_sales": "after", "change": "change", "whole_change": "whole_change",
        "expected_change": "expected_change", "excess": "excess",
    }  # fmt: skip
    amounts = {name: found[source].astype("float64") / SMALLEST for name, source in money.items()}
    own = found["dimension"].astype("object") + "=" + found["member"].astype("object")
    path = own.where(found["parent"].isna(), found["parent"].astype("object") + " > " + own)
    product_names = found["member"].map(names.set_index("member")["product_name"])
    named = product_names.where(found["dimension"] == "product").fillna(found["member"])
    integers = {name: found[name].astype("Int64") for name in ("members", "rank", "history", "depth")}
    told = found.assign(**amounts, **integers, path=path, member_name=named.astype("object"))
    return told.sort_values(["frequency", "period", "depth", "path"], ignore_index=True)[list(TABLE.columns)]


TABLE = FrameTable(
    name="sales.change_contributions",
    row="a member's part in the change of net sales from one period to the next",
    about="Weeks, months and quarters that the data hold wholly, each beside the one before. The rows of a dimension "
    "add up to the change, to the last digit: members that explain most or moved most unlike all have a row of their "
    "own, the others one together, (all others). Surprise holds a member's share of net sales against its level in the "
    "four periods before, by how far it used to depart from that, and knows nothing later; what came a season earlier "
    "as well is no surprise. The most surprising member of a change, if it matters, is its root cause; where it "
    "explains most of the change, or most of what did not move with all, it is divided by the other dimensions (depth "
    "2; whole_change is then its change). See sales.root_causes for one row a change.",
    key=("frequency", "period", "path"),
    columns={
        "frequency": ("varchar", "week, month or quarter"),
        "period": ("date", "its first day"),
        "period_before": ("date", "the first day of the period before"),
        "depth": ("bigint", "1 for parts of the whole change, 2 for parts of its root cause"),
        "path": ("varchar", "where the part is, as in country=France or country=France > channel=web"),
        "dimension": ("varchar", "country, channel, customer_type, segment, weekday, category or product"),
        "member": ("varchar", "which one; of a product its code; (all others) for those without a row of their own"),
        "member_name": ("varchar", "the product's name, else as member"),
        "members": ("bigint", "members in this row: 1, or how many (all others) are [members]"),
        "rank": ("bigint", "1 for the member of the dimension that explains most, null for (all others)"),
        "net_sales_before": ("decimal(18, 4)", "its net sales in the period before [reporting currency]"),
        "net_sales": ("decimal(18, 4)", "its net sales in the period [reporting currency]"),
        "change": ("decimal(18, 4)", "net_sales less net_sales_before [reporting currency]"),
        "whole_change": ("decimal(18, 4)", "the change of all, or at depth 2 of the root cause [reporting currency]"),
        "share_explained": ("double", "change by whole_change; below zero if it went the other way [share]"),
        "share_before": ("double", "its share of net sales in the period before [share]"),
        "expected_change": (
            "decimal(18, 4)",
            "share_before times whole_change: its change had all moved alike [reporting currency]",
        ),
        "excess": ("decimal(18, 4)", "change less expected_change [reporting currency]"),
        "share_of_shift": ("double", "its part in the excess of all members that gained, or of all that lost [share]"),
        "usual_share": ("double", "the median of its shares of net sales in the earlier periods [share]"),
        "history": ("bigint", "earlier periods whose departure from the level before is known of it [periods]"),
        "surprise": (
            "double",
            "its share's departure from the level before, in units of its usual departures; null where history is "
            "below six and at depth 2",
        ),
        "p_value": ("double", "chance that any member of any dimension is so surprising [probability]"),
        "is_root_cause": ("boolean", "whether it is the root cause, or at depth 2 the part in which that lies"),
    },
    upstream=(
        "core.calendar",
        "core.order_lines",
        "core.product_names",
        "sales.by_product",
        "sales.member_periods",
        "sales.order_members",
        "sales.period_figures",
    ),
    make=make,
    code=(contributions,),
    parameters=("members_kept", "surprise_level", "least_excess_share", "explains_most_share"),
)
