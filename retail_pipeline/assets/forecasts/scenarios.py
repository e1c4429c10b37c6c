"""``forecasts.scenarios``: three paths that net sales may take in the months to come, and what each of them assumes."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from retail_pipeline.analytics.forecasting import scenarios
from retail_pipeline.analytics.forecasting.scenarios import Levers, path_at, simulated_paths, what_if
from retail_pipeline.assets.forecasts.backtest import CHAMPIONS, READS, SETTINGS, choice_told
from retail_pipeline.assets.forecasts.revenue import REVENUE
from retail_pipeline.assets.frame_assets import FrameTable
from retail_pipeline.settings import ScenarioSettings
from retail_pipeline.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd

SCENARIOS = "forecasts.scenarios"
NAMES = ("conservative", "moderate", "aggressive")
NORMAL_80 = 1.2815515655446004
EXPECTED = f"""
    select period, model, value, (upper_80 - value) / {NORMAL_80} as sd
    from {REVENUE}
    where series = 'total' and frequency = 'month' and is_champion
    order by period
"""
SHARES = """
    with months as (
        select distinct period
        from sales.member_periods
        where frequency = 'month' and dimension = 'customer_type' and not is_partial
        order by period desc
        limit 12
    )

    select member, cast(sum(net_sales) as double) as net_sales, count(distinct periods.period) as months
    from sales.member_periods as periods
    join months on periods.period = months.period
    where periods.frequency = 'month' and periods.dimension = 'customer_type'
    group by member
    order by member
"""


def levers_of(settings: ScenarioSettings, name: str) -> tuple[float, Levers]:
    """The share of paths that a scenario lies above, and its levers."""
    if name == "moderate":
        return 0.5, Levers()
    told = settings.model_dump()
    return told[f"{name}_share"], Levers(
        *(told[f"{name}_{lever}"] for lever in ("retention", "order_value", "traffic"))
    )


def _make(warehouse: Warehouse) -> "pd.DataFrame":
    import numpy as np
    import pandas as pd

    expected = warehouse.read(EXPECTED)
    chosen = choice_told(warehouse)
    if chosen is None or expected.empty:
        return pd.DataFrame({name: pd.Series(dtype="object") for name in TABLE.columns})
    returning, months = share_of_returning(warehouse)
    told = chosen.of("total", "month")
    mean, sd = (expected[name].to_numpy(dtype=np.float64) for name in ("value", "sd"))
    paths = simulated_paths(mean, sd, told.scores if told is not None else np.empty((0, len(mean))))
    parts = []
    for name in NAMES:
        share, levers = levers_of(warehouse.settings.scenarios, name)
        path = mean if share == 0.5 else path_at(paths, share)
        value = what_if(path * returning, path * (1 - returning), levers)
        parts.append(
            pd.DataFrame(
                {
                    "scenario": name, "period": expected["period"], "value": value, "model_value": path,
                    "returning_value": path * returning, "other_value": path * (1 - returning),
                    "retention": levers.retention, "order_value": levers.order_value, "traffic": levers.traffic,
                    "path_share": share, "model": expected["model"],
                    "assumptions": assumptions(share, levers, returning, months),
                }
            )
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def share_of_returning(warehouse: Warehouse) -> tuple[float, int]:
    """Returning customers' share of net sales in the last twelve whole months, and how many there were."""
    rows = {member: (float(value), months) for member, value, months in warehouse.execute(SHARES).fetchall()}
    total = sum(value for value, _ in rows.values())
    months = max((months for _, months in rows.values()), default=0)
    share = rows.get("returning", (0.0, 0))[0] / total if total > 0 else 0.0
    return min(max(share, 0.0), 1.0), months


def assumptions(share: float, levers: Levers, returning: float, months: int) -> str:
    """What a scenario assumes, in words."""
    if share == 0.5:
        base = "what the model expects"
    else:
        base = f"a path of the model below which {share:.0%} of its simulated paths lie, by their totals"
    pulled = [
        f"{what} {change:+.0%}"
        for what, change in (
            ("orders of returning customers", levers.retention),
            ("value of an order", levers.order_value),
            ("orders of new customers and guests", levers.traffic),
        )
        if change
    ]
    shares = f"returning customers bring {returning:.0%} of net sales, as in the last {months} whole months"
    return "; ".join([base, ", ".join(pulled) or "nothing is done otherwise", shares])


def _tell(warehouse: Warehouse) -> Mapping[str, Any]:
    """The totals and the assumptions of each scenario."""
    rows = warehouse.execute(
        f"select scenario, sum(value), min(assumptions) from {SCENARIOS} group by scenario order by sum(value)"
    ).fetchall()
    if not rows:
        return {"no_scenarios": "there is no forecast by month"}
    return {name: f"{value:,.0f}: {text}" for name, value, text in rows}


TABLE = FrameTable(
    name=SCENARIOS,
    row="a scenario and a month to come, with the net sales it means",
    about="moderate is the champion's forecast of the whole by month. conservative and aggressive take a path from the "
    "forecast's distribution (4,000 simulated paths with the spread of its intervals, errors of successive months "
    "going together as they did in the backtest) and pull levers on it, whose sizes are settings ([scenarios]), not "
    "findings: orders of returning customers, value of an order, orders of new customers and guests. To ask for "
    "others, use retail_pipeline.reports.what_if.",
    key=("scenario", "period"),
    columns={
        "scenario": ("varchar", "conservative, moderate or aggressive"),
        "period": ("date", "the month's first day"),
        "value": ("double", "net sales [reporting currency]"),
        "model_value": ("double", "of which without the levers, on the model's path [reporting currency]"),
        "returning_value": ("double", "the part of model_value from returning customers [reporting currency]"),
        "other_value": ("double", "the part from new customers and guests [reporting currency]"),
        "retention": ("double", "change of returning customers' orders [share]"),
        "order_value": ("double", "change of an order's value [share]"),
        "traffic": ("double", "change of new customers' and guests' orders [share]"),
        "path_share": ("double", "share of simulated paths below the model's path"),
        "model": ("varchar", "the model of the forecast"),
        "assumptions": ("varchar", "all of this in words"),
    },
    upstream=(CHAMPIONS, REVENUE, "sales.member_periods"),
    make=_make,
    code=(scenarios, *READS),
    parameters=(*SETTINGS, *(f"scenario_{name}" for name in ScenarioSettings.model_fields)),
    tell=_tell,
)
