"""The lineage graph cannot change unseen, and is the one the table files and checks say."""

import difflib

from retail_pipeline.definitions import CHECKS, FRAME_TABLES
from retail_pipeline.ingest.raw_tables import FORMATS_TABLE, RAW_TABLES
from retail_pipeline_tests.assets.lineage import LINEAGE_FILE, REGENERATE, current_lineage
from retail_pipeline_tests.assets.store_tables import SQL_TABLES
from retail_pipeline_tests.warehouse.package_tables import FROM_NO_COLUMN


def test_the_lineage_is_the_committed_one() -> None:
    committed, current = LINEAGE_FILE.read_text().splitlines(), current_lineage().splitlines()
    changes = "\n".join(difflib.unified_diff(committed, current, "committed", "current", lineterm=""))
    assert not changes, (
        f"The lineage graph changed:\n{changes}\nIf that is what you want, run '{REGENERATE}' and commit "
        f"{LINEAGE_FILE.name} with your change: its diff is what reviewers look at."
    )


def test_a_table_files_place_and_query_make_its_group_and_upstream() -> None:
    paragraphs = current_lineage().split("\n\n")
    found = {paragraph.splitlines()[0]: paragraph for paragraph in paragraphs}
    for name, table in SQL_TABLES.items():
        lines = found[name.replace(".", "/")].splitlines()
        assert f"    group: {name.split('.')[0]}" in lines
        upstream = [line.removeprefix("    from: ").replace("/", ".") for line in lines if "    from: " in line]
        assert upstream == list(table.upstream)


def test_every_check_is_in_the_graph_and_blocks_if_it_says_so() -> None:
    lineage = current_lineage()
    for check in CHECKS:
        assert f"    check: {check.name}{', blocking' if check.blocking else ''}\n" in lineage
    assert lineage.count("    check: ") == len(CHECKS)


def test_every_columns_sources_are_known() -> None:
    """The Dagster UI shows where a column comes from; only counts, numbers of rows and constants come from none."""
    raw = {table.name: dict.fromkeys(table.columns, "varchar") for table in (*RAW_TABLES, FORMATS_TABLE)}
    tables = [*SQL_TABLES.values(), *FRAME_TABLES]
    columns = raw | {table.name: dict.fromkeys(table.columns, "varchar") for table in tables}
    for name, table in SQL_TABLES.items():
        sources = table.column_sources({upstream: columns[upstream] for upstream in table.upstream})
        assert {column for column in table.columns if column not in sources} <= FROM_NO_COLUMN.get(name, set()), name
