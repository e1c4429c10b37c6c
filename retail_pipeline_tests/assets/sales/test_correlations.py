"""sales.correlations: what is correlated, and when it is made anew."""

from itertools import pairwise
from statistics import correlation

import pytest

from retail_pipeline.assets.frame_assets import build_frame_table
from retail_pipeline.assets.sales import correlations
from retail_pipeline.home import Home
from retail_pipeline_tests.assets.sales.test_marts import HEADER, random_store
from retail_pipeline_tests.assets.store_tables import built, one_row, rows_of, upstream_of
from retail_pipeline_tests.stores import canonical, write_drop

ONLY = upstream_of("sales.correlations")


def test_customers_and_weeks_are_correlated_as_their_measures_say(home: Home) -> None:
    write_drop(home, "a.csv", canonical([line.cells() for line in random_store(5, orders=600)], HEADER))
    with built(home, only=ONLY) as warehouse:
        rows = rows_of(warehouse, "sales.correlations")
        assert {row["grain"] for row in rows} == {"customer", "week"}
        customers = one_row(warehouse, "select count(distinct customer_id) as n from sales.order_days where orders > 0")
        assert {row["n"] for row in rows if row["grain"] == "customer"} == {customers["n"]}
        expected = one_row(
            warehouse,
            """
            select corr(orders, net_sales) as orders
            from (
                select customer_id, sum(orders) as orders, sum(gross_sales - discounts - returns) as net_sales
                from sales.order_days
                where customer_id is not null
                group by customer_id
            )
            """,
        )
        found = {(row["grain"], row["measure_a"], row["measure_b"]): row["pearson"] for row in rows}
        assert found["customer", "orders", "net_sales"] == pytest.approx(expected["orders"])
        weeks = rows_of(warehouse, "select * from sales.weekly where not is_partial order by week")
        changes = [
            (after["orders"] - before["orders"], float(after["net_sales"] - before["net_sales"]))
            for before, after in pairwise(weeks)
        ]
        assert found["week", "orders", "net_sales"] == pytest.approx(correlation(*zip(*changes, strict=True)))


def test_it_is_made_anew_only_when_something_changed(home: Home) -> None:
    lines = random_store(6)
    write_drop(home, "a.csv", canonical([line.cells() for line in lines[:150]], HEADER))
    with built(home, only=ONLY) as warehouse:
        assert build_frame_table(warehouse, correlations.TABLE).mode == "unchanged"
    write_drop(home, "b.csv", canonical([line.cells() for line in lines[150:]], HEADER))
    with built(home, only=ONLY - {"sales.correlations"}) as warehouse:
        before = rows_of(warehouse, "sales.correlations")
        assert build_frame_table(warehouse, correlations.TABLE).mode == "full"
        assert rows_of(warehouse, "sales.correlations") != before
        assert build_frame_table(warehouse, correlations.TABLE).mode == "unchanged"
