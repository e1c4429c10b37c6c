"""The customers of one file, scored by the saved models in a place of its own; nothing of it is kept."""

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

from retail_pipeline.assets.frame_assets import FrameTable, build_frame_table
from retail_pipeline.assets.raw.drops import write_formats
from retail_pipeline.assets.sql_assets import find_sql_tables
from retail_pipeline.assets.sql_parameters import sql_parameters
from retail_pipeline.errors import UnreadableDropError
from retail_pipeline.home import Home
from retail_pipeline.ingest.loader import load_drops
from retail_pipeline.settings import load_settings
from retail_pipeline.warehouse.sql_file import SqlTable
from retail_pipeline.warehouse.table_build import build_table
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline.warehouse.working_database import WorkingDatabase

if TYPE_CHECKING:
    import pandas as pd

SCORES = ("customers.rfm_scores", "customers.clusters", "customers.churn_risk", "customers.lifetime_value")
SETTLED = 1_000_000_000
"""A time of change long past: the file does not grow."""
RESULT = """
    select
        scores.customer_id,
        scores.segment,
        scores.rfm_score,
        scores.recency_days,
        scores.frequency,
        scores.monetary,
        clusters.persona as cluster,
        risks.horizon_days as churn_days,
        risks.probability as churn_probability,
        risks.risk_band,
        risks.top_reasons,
        worth.horizon_days as value_days,
        worth.expected_value,
        worth.lower,
        worth.upper
    from customers.rfm_scores as scores
    left join customers.clusters as clusters
        on scores.customer_id = clusters.customer_id
        and clusters.is_champion
        and clusters.feature_set = (select max(feature_set) from customers.clusters)
    left join customers.churn_risk as risks on scores.customer_id = risks.customer_id and risks.is_churn_horizon
    left join customers.lifetime_value as worth
        on scores.customer_id = worth.customer_id
        and worth.horizon_days = (
            select coalesce(max(horizon_days) filter (where is_validated), min(horizon_days))
            from customers.lifetime_value
        )
    order by scores.monetary desc, scores.customer_id
"""


@dataclass(frozen=True)
class ScoredFile:
    """What a file's customers are: a row a customer, and what became of the file's lines."""

    customers: "pd.DataFrame"
    format: str
    rows_read: int
    rows_rejected: int
    as_of: object


def score_file(home: Home, name: str, content: bytes, read: "Callable[[str], pd.DataFrame | None]") -> ScoredFile:
    """Score the customers of a file by the models that the published tables tell of.

    Recency is counted to the file's own last day. RFM scores set the file's customers beside each other; clusters,
    risks and values are those of the models as they were trained on the store. No model is fitted.

    Parameters
    ----------
    home
        Whose models, settings and key of customers' ids are used; nothing is written there.
    read
        Returns a published table, None if there is none.

    Raises
    ------
    UnreadableDropError
        when the file fits no format, or holds no customer.
    ModelError
        when the models are not those that the published tables tell of any more.
    """
    with tempfile.TemporaryDirectory(prefix="retail-score-") as folder:
        scratch = _scratch_home(home, Path(folder) / "store")
        path = scratch.drops / (Path(name).name or "file.csv")
        path.write_bytes(content)
        os.utime(path, (SETTLED, SETTLED))
        settings = load_settings(scratch)
        database = WorkingDatabase.open(scratch, "score-file", settings.warehouse)
        try:
            return _score(Warehouse(database.connection, scratch, settings, "score-file"), read)
        finally:
            database.close()


def _scratch_home(home: Home, root: Path) -> Home:
    """A home with copies of what the scores are worked out by."""
    scratch = Home(root).create()
    for source, target in ((home.settings_file, scratch.settings_file), (home.privacy_key, scratch.privacy_key)):
        if source.exists():
            shutil.copy(source, target)
    if home.models.is_dir():
        shutil.copytree(home.models, scratch.models)
    return scratch


def _score(warehouse: Warehouse, read: "Callable[[str], pd.DataFrame | None]") -> ScoredFile:
    report = load_drops(warehouse)
    if report.refused or not report.loaded:
        reasons = list(report.refused.values())
        raise UnreadableDropError(reasons[0] if reasons else "The file cannot be read: its name is that of no drop.")
    write_formats(warehouse)
    _build(warehouse, read)
    customers = warehouse.read(RESULT)
    if customers.empty:
        raise UnreadableDropError("No known customer bought anything in this file, so nobody can be scored.")
    format_, rows_read, rows_rejected = warehouse.row(
        "select any_value(format), sum(rows_read), sum(rows_rejected) from raw.drops"
    ) or ("", 0, 0)
    as_of = warehouse.value("select max(as_of) from customers.rfm_scores")
    return ScoredFile(customers, str(format_), int(rows_read), int(rows_rejected), as_of)


def _build(warehouse: Warehouse, read: "Callable[[str], pd.DataFrame | None]") -> None:
    """Build the scores and what they are made from; what tells of models is as it is published."""
    from retail_pipeline.definitions import FRAME_TABLES

    tables: dict[str, SqlTable | FrameTable] = {table.name: table for table in find_sql_tables()}
    tables |= {table.name: table for table in FRAME_TABLES}
    for name in _in_order(tables):
        table = tables[name]
        if isinstance(table, SqlTable):
            build_table(warehouse, table, sql_parameters(warehouse.settings))
        elif _tells_of_models(table):
            _put_published(warehouse, table, read(name))
        else:
            build_frame_table(warehouse, table)


def _in_order(tables: "Mapping[str, SqlTable | FrameTable]") -> list[str]:
    """The tables to build, each after those it is made from; what models were learned from is not among them."""
    found, waiting = dict[str, set[str]](), list(SCORES)
    while waiting:
        name = waiting.pop()
        if name in tables and name not in found:
            table = tables[name]
            found[name] = set() if _tells_of_models(table) else {each for each in table.upstream if each in tables}
            waiting += found[name]
    return list(TopologicalSorter(found).static_order())


def _tells_of_models(table: SqlTable | FrameTable) -> bool:
    """Whether a table comes from a training: it says which saved model serves."""
    return isinstance(table, FrameTable) and (table.schema == "models" or table.name == "customers.cluster_selection")


def _put_published(warehouse: Warehouse, table: FrameTable, frame: "pd.DataFrame | None") -> None:
    import pandas as pd

    columns = list(table.columns)
    warehouse.write(
        table.name,
        pd.DataFrame(columns=columns) if frame is None else frame[columns],
        row_is=table.row,
        columns=table.descriptions,
        types={name: type_ for name, (type_, _) in table.columns.items()},
    )
