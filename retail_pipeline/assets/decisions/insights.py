"""``decisions.insights``: what happened, and why, in ranked sentences."""

from typing import TYPE_CHECKING

from retail_pipeline.assets.frame_assets import FrameTable
from retail_pipeline.reports import cause_rules, customer_rules, sales_rules, sentences, words
from retail_pipeline.reports.contents import UPSTREAM, all_sentences, latest_whole_periods
from retail_pipeline.reports.files import read_rows
from retail_pipeline.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd


def make(warehouse: Warehouse) -> "pd.DataFrame":
    """The sentences of the last whole day, week, month and quarter, and those of all time."""
    import pandas as pd

    read = read_rows(warehouse.connection)
    found = all_sentences(latest_whole_periods(read), read)
    rows = [
        (
            place,
            period.frequency if period else "all time",
            period.first_day if period else None,
            sentence.topic,
            sentence.rule,
            sentence.text,
            sentence.certainty,
            sentence.next_look,
            sentence.weight,
            sentence.evidence,
        )
        for place, (period, sentence) in enumerate(found, start=1)
    ]
    return pd.DataFrame(rows, columns=list(TABLE.columns))


TABLE = FrameTable(
    name="decisions.insights",
    row="a sentence that the tables support",
    about="About the last whole day, week, month and quarter, and about all time. Each sentence is made from the one "
    "row that its evidence returns, and says nothing else: run it with 'retail sql'. 'retail report' says the same of "
    "any other period.",
    key=("rank",),
    columns={
        "rank": ("bigint", "1 for what an owner wants to know first"),
        "frequency": ("varchar", "day, week, month, quarter or all time"),
        "period": ("date", "its first day, null for all time"),
        "topic": ("varchar", "sales, causes, anomalies, customers or data"),
        "rule": ("varchar", "the kind of sentence"),
        "text": ("varchar", "the sentence"),
        "certainty": ("varchar", "how sure it is, in words"),
        "next_look": ("varchar", "what to look at next"),
        "weight": ("double", "how much an owner wants to know it, from 0 to 1"),
        "evidence": ("varchar", "the query whose one row it is made from"),
    },
    upstream=(*UPSTREAM, "decisions.early_warning"),
    make=make,
    code=(sentences, sales_rules, cause_rules, customer_rules, words),
)
