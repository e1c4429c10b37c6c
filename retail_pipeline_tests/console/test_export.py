"""The files people carry away: the four classic csv files, the workbook, the summary of the project."""

import csv
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest

from retail_pipeline.console import workbook
from retail_pipeline.console.export import export_classic_files, export_summary, export_tables
from retail_pipeline.errors import WarehouseError
from retail_pipeline.home import Home

TABLES = """
    create schema customers; create schema baskets; create schema forecasts; create schema core; create schema meta;
    create schema sales; create schema decisions;
    create table customers.rfm_scores as
        select 'C1' as customer_id, 3 as recency_days, 7 as frequency, 4310.25::decimal(18, 4) as monetary,
            5 as r_score, 5 as f_score, 4 as m_score, '554' as rfm_score, 'Champions' as segment, 'Low' as churn_risk;
    create table customers.features as
        from (values ('C1', 4310.25::decimal(18, 4), 615.75, 7, 103, 3, 2),
            ('C2', 10::decimal(18, 4), 10.0, 1, 1, 80, 7))
            as rows (customer_id, total_spend, avg_order_value, orders, product_variety, recency_days,
            preferred_weekday);
    create table customers.clusters as
        from (values ('C1', 'classic', 'kmeans', 'Big spenders', true), ('C1', 'classic', 'dbscan', 'Other', false),
            ('C1', 'rfm', 'kmeans', 'Recent', true), ('C2', 'classic', 'kmeans', 'One-time', true))
            as rows (customer_id, feature_set, algorithm, persona, is_champion);
    create table baskets.product_associations as
        select 'P1' as product_a, 'P2' as product_b, 'Cup' as name_a, null as name_b, 0.01 as support,
            0.5 as confidence, 3.5 as lift;
    create table forecasts.revenue as
        from (values ('total', 'month', date '2024-01-01', null, 'history', 100.0, false),
            ('total', 'month', date '2024-02-01', null, 'history', 110.0, false),
            ('total', 'month', date '2024-03-01', null, 'history', 120.0, false),
            ('total', 'month', date '2024-04-01', 'theta', 'forecast', 125.0, true),
            ('total', 'month', date '2024-04-01', 'naive', 'forecast', 120.0, false),
            ('country:UK', 'month', date '2024-04-01', 'theta', 'forecast', 60.0, true),
            ('total', 'week', date '2024-04-01', 'theta', 'forecast', 30.0, true))
            as rows (series, frequency, period, model, kind, value, is_champion);
    alter table forecasts.revenue add column lower_80 double; alter table forecasts.revenue add column upper_80 double;
    create table meta.snapshot as select now()::timestamp as published_at, '0.1' as pipeline_version;
    comment on table customers.rfm_scores is 'a customer with their scores';
    comment on column customers.rfm_scores.monetary is 'value of what was bought [reporting currency]';
"""


@pytest.fixture
def shop(home: Home) -> Home:
    """A home whose snapshot holds a few rows of the tables that files are made from."""
    publish(home, TABLES)
    return home


def publish(home: Home, statements: str) -> None:
    home.create()
    path = home.snapshots / "warehouse-20240401T000000000000Z-test.duckdb"
    path.unlink(missing_ok=True)
    with duckdb.connect(str(path)) as connection:
        connection.execute(statements)
    home.warehouse_link.unlink(missing_ok=True)
    home.warehouse_link.symlink_to(path)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_four_classic_files_have_their_usual_columns(shop: Home, tmp_path: Path) -> None:
    written = export_classic_files(shop, tmp_path)
    assert [(path.name, rows) for path, rows in written] == [
        ("rfm_analysis.csv", 1), ("customer_segments.csv", 2), ("product_associations.csv", 1),
        ("sales_forecast.csv", 4),
    ]  # fmt: skip
    assert rows_of(tmp_path / "rfm_analysis.csv") == [
        {
            "CustomerID": "C1", "Recency": "3", "Frequency": "7", "Monetary": "4310.2500", "R_Score": "5",
            "F_Score": "5", "M_Score": "4", "RFM_Score": "554", "RFM_Segment": "Champions", "Churn_Risk": "Low",
        }
    ]  # fmt: skip
    assert rows_of(tmp_path / "customer_segments.csv") == [
        {
            "CustomerID": "C1", "TotalSpending": "4310.2500", "AvgOrderValue": "615.75", "Frequency": "7",
            "ProductVariety": "103", "DaysSinceLastPurchase": "3", "PreferredDay": "Tuesday", "Segment": "Big spenders",
        },
        {
            "CustomerID": "C2", "TotalSpending": "10.0000", "AvgOrderValue": "10.00", "Frequency": "1",
            "ProductVariety": "1", "DaysSinceLastPurchase": "80", "PreferredDay": "Sunday", "Segment": "One-time",
        },
    ]  # fmt: skip
    assert rows_of(tmp_path / "product_associations.csv") == [
        {"Product_A": "Cup", "Product_B": "P2", "Support": "0.01", "Confidence": "0.5", "Lift": "3.5"}
    ]


def test_the_forecast_file_goes_on_from_history_with_the_line_through_it(shop: Home, tmp_path: Path) -> None:
    export_classic_files(shop, tmp_path)
    rows = [tuple(row.values()) for row in rows_of(tmp_path / "sales_forecast.csv")]
    assert [(month, float(revenue), kind, round(float(trend), 9)) for month, revenue, kind, trend in rows] == [
        ("2024-01", 100, "Historical", 100), ("2024-02", 110, "Historical", 110), ("2024-03", 120, "Historical", 120),
        ("2024-04", 125, "Forecast", 130),
    ]  # fmt: skip
    assert list(rows_of(tmp_path / "sales_forecast.csv")[0]) == ["Month", "Revenue", "Type", "Trend"]


def test_a_classic_file_whose_table_is_not_published_is_left_out(home: Home, tmp_path: Path) -> None:
    publish(home, TABLES + "drop table forecasts.revenue; drop table customers.clusters")
    names = [path.name for path, _ in export_classic_files(home, tmp_path)]
    assert names == ["rfm_analysis.csv", "product_associations.csv"]


def test_all_tables_as_xlsx_are_one_workbook_that_tells_what_stands_where(shop: Home, tmp_path: Path) -> None:
    [(path, rows)] = export_tables(shop, tmp_path, "xlsx", ())
    assert (path.name, rows) == ("tables.xlsx", 15)
    book = openpyxl.load_workbook(path)
    tables = ["baskets.product_associations", "customers.clusters", "customers.features", "customers.rfm_scores"]
    assert book.sheetnames == ["Contents", "Columns", *tables, "forecasts.revenue"]
    assert ("customers.rfm_scores", 1, "a customer with their scores") in list(book["Contents"].values)
    told = [row for row in book["Columns"].values if row[:2] == ("customers.rfm_scores", "monetary")]
    assert told == [
        ("customers.rfm_scores", "monetary", "DECIMAL(18,4)", "value of what was bought [reporting currency]")
    ]
    sheet = book["customers.rfm_scores"]
    assert [cell.value for cell in sheet[1]][:4] == ["customer_id", "recency_days", "frequency", "monetary"]
    assert (sheet["D2"].value, sheet["D2"].number_format) == (4310.25, "#,##0.00")
    assert (sheet.freeze_panes, sheet.auto_filter.ref, sheet["A1"].font.bold) == ("A2", "A1:J2", True)
    assert book["forecasts.revenue"]["C2"].number_format == "yyyy-mm-dd"


def test_a_long_table_has_no_sheet_and_the_contents_say_how_to_get_it(
    shop: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbook, "MOST_ROWS", 3)
    [(path, _)] = export_tables(shop, tmp_path, "xlsx", ())
    book = openpyxl.load_workbook(path)
    assert "customers.clusters" not in book.sheetnames
    told = {row[0]: row[2] for row in book["Contents"].values}
    assert "'retail export --table customers.clusters' writes it" in told["customers.clusters"]


def test_sheets_of_tables_with_long_names_are_told_apart(home: Home, tmp_path: Path) -> None:
    name = "a_table_with_a_name_that_is_too_long_for_excel"
    publish(
        home, f"create schema s; create table s.{name}_1 as select 1 as a; create table s.{name}_2 as select 2 as a"
    )
    [(path, _)] = export_tables(home, tmp_path, "xlsx", ())
    book = openpyxl.load_workbook(path)
    first, second = book.sheetnames[2:]
    assert max(len(first), len(second)) == 31
    assert (book[first]["A2"].value, book[second]["A2"].value) == (1, 2)


def test_the_summary_holds_figures_and_limits_and_no_markup_of_the_data(home: Home, tmp_path: Path) -> None:
    insights = "create table decisions.insights as select 1 as rank, 'Net sales of <b>May</b> rose' as text;"
    champions = """
        create schema models;
        create table models.champions as
            select 'purchase_7d' as task, null as model, 'too little data: 3 customers' as reason, false as is_baseline;
        create table models.metrics as
            from (values
                ('clv_90d', 'ridge', 'test', 'spearman', 0.61234::double, 0.58::double, 0.64::double, true, false),
                ('clv_90d', 'mean', 'test', 'spearman', 0.0, 0.0, 0.0, false, true),
                ('clv_90d', 'last_period', 'test', 'spearman', 0.5, 0.4, 0.6, false, true),
                ('clv_90d', 'ridge', 'validation', 'spearman', 0.9, 0.9, 0.9, true, false))
                as rows (task, model, split, metric, value, lower, upper, is_champion, is_baseline);
    """
    publish(home, TABLES + insights + champions)
    text = export_summary(home, tmp_path).read_text()
    assert "Net sales of &lt;b&gt;May&lt;/b&gt; rose" in text
    cells = ("clv_90d", "ridge", "rank correlation", "0.612", "0.58", "0.64", "0.5")
    assert "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>" in text
    assert "purchase_7d: too little data: 3 customers" in text


def test_the_summary_says_by_which_rule_a_model_serves_and_how_wrong_it_was(home: Home, tmp_path: Path) -> None:
    measured = """
        create table forecasts.backtest as
            select 'total' as series, 'month' as frequency, *
            from (values
                ('seasonal_naive', 'bias', -0.2351::double, 2, true), ('seasonal_naive', 'mase', 2.29, 2, true),
                ('seasonal_naive', 'coverage_80', 1 / 3, 2, true), ('seasonal_naive', 'choice_mase', 1.1, 4, true),
                ('drift', 'bias', 0.5, 2, false)) as rows (model, metric, value, folds, is_champion);
    """
    publish(home, TABLES + measured)
    text = export_summary(home, tmp_path).read_text()
    cells = ("seasonal_naive", "24 % too low", "2.29", "33.3%", "2")
    assert "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>" in text
    assert "else the seasonal naive" in text
    assert "The best model" not in text


def test_a_snapshot_of_another_release_is_named_as_such(home: Home, tmp_path: Path) -> None:
    publish(home, TABLES + "alter table customers.rfm_scores drop column churn_risk")
    with pytest.raises(WarehouseError, match=r"churn_risk.*Run 'retail run'"):
        export_classic_files(home, tmp_path)


def test_nothing_is_left_of_a_file_that_could_not_be_written(
    shop: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(workbook, "_write_columns", fail)
    (tmp_path / "tables.xlsx").write_text("the last one")
    with pytest.raises(OSError, match="disk full"):
        export_tables(shop, tmp_path, "xlsx", ())
    assert [(path.name, path.read_text()) for path in tmp_path.glob("*tables*")] == [("tables.xlsx", "the last one")]
