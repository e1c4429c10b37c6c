"""``sales.root_causes``: the one best explanation of each change, with its dates."""

from datetime import timedelta
from typing import TYPE_CHECKING

from retail_pipeline.analytics import scan
from retail_pipeline.assets.frame_assets import FrameTable
from retail_pipeline.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd

LEAST_DAYS = 56
"""Days before the period within which a cause's usual level is looked for, or two periods if these are longer."""

CHANGES = """
    select changes.frequency, changes.period, before.period as period_before, changes.last_day,
        before.net_sales as net_sales_before, changes.net_sales, changes.net_sales - before.net_sales as change
    from sales.period_figures as changes
    join sales.period_figures as before
        on changes.frequency = before.frequency and before.last_day = changes.period - 1 and not before.is_partial
    where changes.frequency <> 'day' and not changes.is_partial
    order by changes.frequency, changes.period
"""
CAUSES = """
    select frequency, period, depth, path, dimension, member, member_name, net_sales_before, net_sales, change,
        share_explained, share_before, usual_share, excess, surprise, p_value
    from sales.change_contributions
    where is_root_cause
    order by frequency, period, depth
"""
JUDGED = "select distinct frequency, period from sales.change_contributions where p_value is not null order by all"
DAYS = """
    select calendar.date_day, cast(coalesce(daily.net_sales, 0) as double) as value,
        cast(coalesce(sales.net_sales, 0) as double) as total,
        case calendar.weekday when 1 then 'Monday' when 2 then 'Tuesday' when 3 then 'Wednesday' when 4 then 'Thursday'
            when 5 then 'Friday' when 6 then 'Saturday' else 'Sunday' end as weekday
    from core.calendar as calendar
    left join sales.member_days as daily
        on calendar.date_day = daily.date_day and daily.dimension = $dimension and daily.member = $member
    left join sales.daily as sales on calendar.date_day = sales.date_day
    where calendar.date_day between $first_day and $last_day
    order by calendar.date_day
"""


def make(warehouse: Warehouse) -> "pd.DataFrame":
    """A row a change, with its cause if there is one."""
    import pandas as pd

    changes, causes = warehouse.read(CHANGES), warehouse.read(CAUSES)
    of_all = causes[causes["depth"] == 1].drop(columns="depth").rename(columns=OF_CAUSE)
    found = changes.merge(of_all, on=["frequency", "period"], how="left")
    deepest = causes.drop_duplicates(["frequency", "period"], keep="last").set_index(["frequency", "period"])["path"]
    key = pd.MultiIndex.from_frame(found[["frequency", "period"]])
    judged = pd.MultiIndex.from_frame(warehouse.read(JUDGED))
    usual, before = found["usual_share"], found["share_before"]
    share = found["cause_net_sales"].astype("float64") / found["net_sales"].astype("float64")
    dates = [_dates(warehouse, row) for row in found.to_dict("records")]
    found = found.assign(
        is_judged=key.isin(judged),
        path=deepest.reindex(key).to_numpy(),
        is_back_to_usual=((share - usual).abs() < (before - usual).abs()).where(found["member"].notna()),
        began_on=[first for first, _ in dates],
        ended_on=[last for _, last in dates],
        direction=[("fall", "none", "rise")[(value > 0) - (value < 0) + 1] for value in found["change"]],
    )
    return found[list(TABLE.columns)]


OF_CAUSE = {
    "net_sales_before": "cause_net_sales_before",
    "net_sales": "cause_net_sales",
    "change": "cause_change",
    "path": "cause_path",
}


def _dates(warehouse: Warehouse, row: dict[str, object]) -> tuple[object, object]:
    """The first and last day on which a cause was unlike the rest, within the two periods."""
    import pandas as pd

    if pd.isna(row["member"]):
        return None, None
    period, before, until = (pd.Timestamp(row[name]).date() for name in ("period", "period_before", "last_day"))
    first = min(before - (period - before), period - timedelta(days=LEAST_DAYS))
    asked = {"dimension": row["dimension"], "member": row["member"], "first_day": first, "last_day": until}
    days = warehouse.read(DAYS, asked)
    dated = pd.to_datetime(days["date_day"]).dt.date
    if row["dimension"] == "weekday":
        days = days.assign(total=(days["weekday"] == row["member"]).astype("float64"))
        days, dated = days[days["total"] > 0], dated[days["total"] > 0]
    start, reach = int((dated < before).sum()), int((dated < period).sum())
    begin, end = scan.strongest_interval(
        days["value"].to_numpy(),
        days["total"].to_numpy(),
        rises=float(str(row["excess"])) > 0,
        start=start,
        reach=reach,
    )
    return dated.iloc[begin], dated.iloc[end]


TABLE = FrameTable(
    name="sales.root_causes",
    row="a change of net sales from one period to the next, with the one member that explains it, if any stands out",
    about="Weeks, months and quarters that the data hold wholly. The cause is the most surprising member of "
    "sales.change_contributions; its columns are null where none stands out, be it that all moved alike. It was unlike "
    "the rest from began_on to ended_on: the days of the two periods that differ most from those before and between (a "
    "scan statistic); they may begin in the period before. A cause may have moved against the change: share_explained "
    "is then below zero.",
    key=("frequency", "period"),
    columns={
        "frequency": ("varchar", "week, month or quarter"),
        "period": ("date", "its first day"),
        "period_before": ("date", "the first day of the period before"),
        "last_day": ("date", "the period's last day"),
        "net_sales_before": ("decimal(18, 4)", "net sales of the period before [reporting currency]"),
        "net_sales": ("decimal(18, 4)", "net sales of the period [reporting currency]"),
        "change": ("decimal(18, 4)", "net_sales less net_sales_before [reporting currency]"),
        "direction": ("varchar", "rise, fall or none"),
        "is_judged": ("boolean", "whether there is history enough to say of any member what is unusual"),
        "path": (
            "varchar",
            "the cause and, if most of it lies in one part, that: country=France > channel=web",
        ),
        "dimension": ("varchar", "the cause's dimension"),
        "member": ("varchar", "the cause: a member of it"),
        "member_name": ("varchar", "the product's name, else as member"),
        "cause_net_sales_before": ("decimal(18, 4)", "the cause's net sales in the period before [reporting currency]"),
        "cause_net_sales": ("decimal(18, 4)", "the cause's net sales in the period [reporting currency]"),
        "cause_change": ("decimal(18, 4)", "its change [reporting currency]"),
        "share_explained": ("double", "cause_change by change [share]"),
        "share_before": ("double", "the cause's share of net sales in the period before [share]"),
        "usual_share": ("double", "the median of its shares of net sales in the earlier periods [share]"),
        "excess": ("decimal(18, 4)", "its change beyond what it would be had all moved alike [reporting currency]"),
        "surprise": ("double", "its share's departure from its level before, in units of its usual departures"),
        "p_value": ("double", "chance that any member of any dimension is so surprising [probability]"),
        "is_back_to_usual": ("boolean", "whether its share came nearer to the usual: the end of an earlier cause"),
        "began_on": ("date", "the first day on which it was unlike the rest"),
        "ended_on": ("date", "the last such day up to the period's end"),
    },
    upstream=(
        "core.calendar",
        "sales.change_contributions",
        "sales.daily",
        "sales.member_days",
        "sales.period_figures",
    ),
    make=make,
    code=(scan,),
)
