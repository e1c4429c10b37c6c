"""Checks on what is said and advised."""

from retail_pipeline.assets.decisions.reports import NAMES
from retail_pipeline.assets.table_checks import Finding, TableCheck, unique_key
from retail_pipeline.warehouse.warehouse import Warehouse


def _find_unsupported(warehouse: Warehouse) -> Finding:
    rows = warehouse.execute("select rank, text, evidence from decisions.insights order by rank").fetchall()
    for rank, text, evidence in rows:
        found = len(warehouse.execute(evidence).fetchall())
        if found != 1:
            return Finding(False, f"sentence {rank} ({text[:60]}) is backed by {found} rows. Please report it.")
    return Finding(True, f"{len(rows)} sentences, each with the row that backs it")


def _page_check(table: str) -> TableCheck:
    def find(warehouse: Warehouse) -> Finding:
        files = warehouse.execute(f"select file_name from {table} order by period").fetchall()
        missing = [name for (name,) in files if not (warehouse.home.reports / name).is_file()]
        if missing:
            return Finding(False, f"{missing[0]} is not in {warehouse.home.reports}; the next run writes it.", "WARN")
        return Finding(True, f"{len(files)} pages")

    return TableCheck(table, "pages_are_there", "every report's page lies in reports/", find, blocking=False)


CHECKS: list[TableCheck] = [
    unique_key("decisions.insights", "rank"),
    TableCheck(
        "decisions.insights", "evidence_is_one_row", "each sentence's evidence returns the one row it is made from",
        _find_unsupported, blocking=False,
    ),
    *(unique_key(f"decisions.{name}_reports", "period") for name in NAMES.values()),
    *(_page_check(f"decisions.{name}_reports") for name in NAMES.values()),
]  # fmt: skip
