"""What a run tells Dagster of every table it built, and of every check it made."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from retail_pipeline.assets.sql_assets import OWNERS
from retail_pipeline.definitions import CHECKS, build_defs
from retail_pipeline.home import Home
from retail_pipeline_tests.assets.store_tables import SQL_TABLES, online_retail_csv, up_to
from retail_pipeline_tests.stores import refresh, write_drop

LINES = [
    ["1", "MUG1", "RED | MUG", 6, "12/1/2010 8:26", "2.50", "100", "France"],
    ["2", "MUG1", "RED | MUG", 1, "12/2/2010 8:26", "2.50", "200", "France"],
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("store")).create()
    write_drop(home, "a.csv", online_retail_csv(LINES))
    return home


@pytest.fixture(scope="module")
def run(home: Home) -> dg.ExecuteInProcessResult:
    result = refresh(home)
    assert result.success
    return result


def metadata_of(run: dg.ExecuteInProcessResult, table: str) -> dict[str, Any]:
    (event,) = [
        event for event in run.get_asset_materialization_events() if event.asset_key == dg.AssetKey(table.split("."))
    ]
    return dict(event.materialization.metadata)


def test_a_run_materialises_every_asset_and_makes_every_check(home: Home, run: dg.ExecuteInProcessResult) -> None:
    built = {event.asset_key for event in run.get_asset_materialization_events()}
    assert built == set(build_defs(home).resolve_asset_graph().get_all_asset_keys())
    made = {f"{check.asset_key.to_user_string().replace('/', '.')}:{check.check_name}" for check in checks(run)}
    assert made == {check.full_name for check in CHECKS}
    assert all(check.passed for check in checks(run))


def checks(run: dg.ExecuteInProcessResult) -> list[dg.AssetCheckEvaluation]:
    return list(run.get_asset_check_evaluations())


@pytest.mark.parametrize("table", ["core.order_lines", "customers.rfm_scores"])
def test_a_materialisation_tells_rows_columns_and_sql(run: dg.ExecuteInProcessResult, table: str) -> None:
    metadata = metadata_of(run, table)
    assert metadata["dagster/row_count"].value == 2
    assert metadata["dagster/table_name"].value == table
    assert metadata["mode"].value == "full"
    assert metadata["seconds"].value >= 0
    assert SQL_TABLES[table].text.splitlines()[-1] in metadata["sql"].value
    columns = metadata["dagster/column_schema"].value.columns
    assert {column.name: column.description for column in columns} == SQL_TABLES[table].columns
    types = {column.name: column.type for column in columns}
    assert types[{"core.order_lines": "amount", "customers.rfm_scores": "monetary"}[table]] == "DECIMAL(18,4)"


def test_a_preview_is_a_table_whatever_its_cells_hold(run: dg.ExecuteInProcessResult) -> None:
    preview = metadata_of(run, "core.order_lines")["preview"].value.splitlines()
    assert len(preview) == 2 + len(LINES)
    assert {line.replace("\\|", "").count("|") for line in preview} == {len(SQL_TABLES["core.order_lines"].columns) + 1}


def test_column_lineage_leads_back_to_the_columns_a_value_is_made_of(run: dg.ExecuteInProcessResult) -> None:
    lineage = metadata_of(run, "core.order_lines")["dagster/column_lineage"].value.deps_by_column
    sources = {(dep.asset_key.to_user_string(), dep.column_name) for dep in lineage["amount"]}
    assert {("raw/transactions", name) for name in ("amount", "quantity", "unit_price", "discount")} <= sources
    assert ("core/product_names", "product_name") in {
        (dep.asset_key.to_user_string(), dep.column_name) for dep in lineage["product_name"]
    }


def test_an_asset_tells_who_owns_it_what_it_is_and_which_code_made_it(home: Home) -> None:
    graph = build_defs(home).resolve_asset_graph()
    for name, table in SQL_TABLES.items():
        node = graph.get(dg.AssetKey(name.split(".")))
        assert node.description is not None
        assert node.description.startswith(f"A row is {table.row}.")
        assert node.owners == OWNERS
        assert node.code_version == table.code_version


def test_every_asset_says_when_it_is_overdue(tmp_path: Path) -> None:
    home = Home(tmp_path).create()
    home.settings_file.write_text("[quality]\nfresh_within_hours = 12\n")
    for spec in build_defs(home).resolve_all_asset_specs():
        assert spec.freshness_policy == dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=12)), spec.key


def test_a_check_tells_what_it_found(run: dg.ExecuteInProcessResult) -> None:
    assert {check.metadata["found"].value for check in checks(run)} > {"no rows at fault"}


def test_a_second_run_finds_nothing_to_do_where_it_may_look(home: Home, run: dg.ExecuteInProcessResult) -> None:
    again = refresh(home, select=up_to("core.order_lines"))
    assert again.success
    assert metadata_of(again, "core.order_lines")["mode"].value == "unchanged"
    assert metadata_of(again, "core.order_lines")["dagster/row_count"].value == 2
