"""Every table file renders to Spark SQL, so that the same files can run where one machine is too small.

Nothing is run on Spark here. What is known to be rendered wrongly, or to be unknown there, is refused by kind.
"""

import pytest
import sqlglot
from sqlglot import exp

from retail_pipeline_tests.assets.store_tables import SQL_TABLES

REFUSED = {
    exp.Anonymous: "a function that sqlglot does not know is passed on under DuckDB's name",
    exp.DayOfWeek: "Spark counts weekdays otherwise: take weekday from core.calendar",
    exp.DayOfWeekIso: "it is rendered wrongly: take weekday from core.calendar",
    exp.Pivot: "PIVOT is rendered wrongly",
    exp.PercentileCont: "quantile_cont is rendered wrongly",
    exp.Quantile: "quantiles are rendered wrongly",
    exp.Length: "len() of a list becomes LENGTH(), which knows texts only: use array_length",
    exp.Qualify: "QUALIFY does not go with *; number the rows in a CTE and filter them",
}
ONLY_IN_DUCKDB = {"INT128", "UINT128", "UBIGINT", "UINTEGER", "UTINYINT", "USMALLINT", "HUGEINT", "TIMESTAMP_NS"}


@pytest.mark.parametrize("name", SQL_TABLES)
def test_a_table_file_renders_to_spark_sql(name: str) -> None:
    tree = SQL_TABLES[name].tree
    rendered = tree.sql("spark", unsupported_level=sqlglot.ErrorLevel.RAISE)
    again = sqlglot.parse_one(rendered, read="spark")
    assert isinstance(again, exp.Query)
    assert [column.alias_or_name for column in again.selects] == list(SQL_TABLES[name].columns)


@pytest.mark.parametrize("name", SQL_TABLES)
def test_a_table_file_uses_nothing_that_spark_would_take_for_something_else(name: str) -> None:
    tree = SQL_TABLES[name].tree
    for node in tree.walk():
        assert type(node) not in REFUSED, f"{node.sql('duckdb')}: {REFUSED[type(node)]}"
        if isinstance(node, exp.ArrayAgg):
            assert not node.find(exp.Order), "list(x order by y) loses its order"
        if isinstance(node, exp.Join):
            assert "ASOF" not in (node.method, node.kind), "Spark knows no ASOF join"
        if isinstance(node, exp.DataType):
            assert node.this.value not in ONLY_IN_DUCKDB, f"Spark has no type {node.this.value}"


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("select isodow(d) from t", exp.DayOfWeekIso),
        ("select quantile_cont(x, 0.5) from t", exp.PercentileCont),
        ("select len(list_filter(x, lambda v: v > 1)) from t", exp.Length),
        ("select * from t qualify row_number() over (order by x) = 1", exp.Qualify),
    ],
)
def test_what_is_refused_is_recognised(sql: str, what: type[exp.Expression]) -> None:
    assert what in REFUSED
    assert sqlglot.parse_one(sql, read="duckdb").find(what)
