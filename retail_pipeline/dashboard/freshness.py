"""How fresh the published data are, and what failed, in sentences; pure, but for the notices beside the snapshot."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from retail_pipeline.dashboard.snapshot import Snapshot
from retail_pipeline.home import Home
from retail_pipeline.reports.words import counted
from retail_pipeline.warehouse.notices import LastRun, last_run
from retail_pipeline.warehouse.reader import withheld_notice

CHECKS = 'select severity, table_name, "check", message from meta.checks where not passed order by 1, 2, 3'
STALE = "select table_name, stale_reason from meta.tables where is_stale order by 1"


@dataclass(frozen=True)
class Freshness:
    """What a reader must know before believing a figure.

    Attributes
    ----------
    line
        Data until when, published when, how many checks passed.
    warnings
        What failed, is held back or is out of date, a sentence each.
    """

    line: str
    warnings: tuple[str, ...]


def freshness(home: Home, snapshot: Snapshot, now: datetime, fresh_within_hours: float) -> Freshness:
    """How fresh a home's snapshot is.

    Parameters
    ----------
    now
        The present, UTC without zone.
    """
    (head,) = snapshot.frame("select published_at, run_id from meta.snapshot").to_dict("records")
    last_day = data_end(snapshot)
    passed = snapshot.value("select count(*) from meta.checks where passed") or 0
    failed = snapshot.frame(CHECKS).to_dict("records")
    until = f"Data to {last_day:%d %B %Y}" if last_day else "No data yet"
    checks = f"{counted(int(passed), 'check')} passed" + (f", {len(failed)} failed" if failed else "")
    age = now - head["published_at"].to_pydatetime()
    currency = reporting_currency(snapshot)
    amounts = f"amounts in {currency}" if currency else "the currency of amounts is not known"
    line = f"{until} · published {ago(age.total_seconds())} · {amounts} · {checks}"
    warnings = [*_withheld(home), *_failed_run(last_run(home), head["published_at"].to_pydatetime())]
    warnings += [f"{row['severity']} {row['table_name']}: {row['check']}: {row['message']}" for row in failed]
    warnings += [
        f"Stale: {row['table_name']}: {row['stale_reason']}" for row in snapshot.frame(STALE).to_dict("records")
    ]
    if age.total_seconds() > fresh_within_hours * 3600:
        warnings.append(
            f"Nothing new was published for more than {fresh_within_hours:g} hours: look at 'retail status', and "
            "whether the nightly schedule is on ('retail ui')."
        )
    return Freshness(line, tuple(warnings))


def data_end(snapshot: Snapshot) -> date | None:
    """The last day of the data, None without any."""
    found = snapshot.value("select max(date_day) from core.calendar") if snapshot.has("core.calendar") else None
    return found.date() if found is not None else None


def reporting_currency(snapshot: Snapshot) -> str | None:
    """The currency of all amounts, None where it is not known (currency.reporting sets it)."""
    if not snapshot.has("core.reporting_currency"):
        return None
    found = snapshot.value("select currency from core.reporting_currency")
    return str(found) if found is not None else None


def ago(seconds: float) -> str:
    """How long ago something was.

    Examples
    --------
    >>> ago(30), ago(5_400), ago(200_000)
    ('just now', '90 minutes ago', '2 days ago')
    """
    minutes = int(seconds // 60)
    if minutes < 2:
        return "just now"
    if minutes < 120:
        return f"{minutes} minutes ago"
    return f"{minutes // 60} hours ago" if minutes < 48 * 60 else f"{minutes // 1440} days ago"


def _withheld(home: Home) -> list[str]:
    notice: dict[str, Any] | None = withheld_notice(home)
    return [f"Newer data are withheld since {notice['since']} UTC: {notice['reason']}"] if notice else []


def _failed_run(last: LastRun | None, published_at: datetime) -> list[str]:
    """The last run, if it failed after what is shown was published, or in publishing it."""
    if last is None or last.status == "success":
        return []
    return [f"The last run ({last.started} UTC, {last.started_by}) failed: {last.message.removeprefix('failed: ')}"]
