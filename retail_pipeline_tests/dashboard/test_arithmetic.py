"""What pages work out beyond queries, by hand."""

from datetime import date

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from retail_pipeline.dashboard.compared import compared_days
from retail_pipeline.dashboard.contacting import Contacted, best_point, contacted_customers
from retail_pipeline.dashboard.definitions import definition
from retail_pipeline.dashboard.dendrogram import last_merges
from retail_pipeline.dashboard.downloads import csv_of, file_name
from retail_pipeline.dashboard.filters import Filters
from retail_pipeline.dashboard.labels import name_rows, row_keys
from retail_pipeline.dashboard.lineage import lineage_words, sources, uses
from retail_pipeline.dashboard.palette import MUTED, RED
from retail_pipeline.dashboard.places import place_of
from retail_pipeline.dashboard.snapshot import TableWords
from retail_pipeline.dashboard.views.models import drift_colour

FIRST, LAST = date(2024, 1, 1), date(2024, 6, 20)


def test_without_a_period_the_last_whole_month_is_set_against_the_month_before() -> None:
    found = compared_days(Filters(), FIRST, LAST, whole_month=date(2024, 5, 1))
    assert found.now == (date(2024, 5, 1), date(2024, 5, 31))
    assert found.before == (date(2024, 4, 1), date(2024, 4, 30))


def test_a_period_is_set_against_as_many_days_before_it() -> None:
    found = compared_days(Filters(first=date(2024, 6, 11), last=LAST), FIRST, LAST, date(2024, 5, 1))
    assert (found.now, found.before) == ((date(2024, 6, 11), LAST), (date(2024, 6, 1), date(2024, 6, 10)))


def test_days_before_the_data_begin_are_compared_with_nothing() -> None:
    assert compared_days(Filters(first=date(2024, 1, 5)), FIRST, LAST, None).before is None
    assert compared_days(Filters(), FIRST, LAST, whole_month=date(2024, 1, 1)).before is None


def test_a_point_of_a_roc_curve_makes_a_confusion_matrix() -> None:
    found = contacted_customers(0.25, 0.5, customers=100, events=20)
    assert found == Contacted(hits=10, misses=10, wasted=20, left_alone=60)
    assert (found.contacted, found.precision, found.recall) == (30, 1 / 3, 0.5)
    assert found.profit(cost=1, value=4) == 10


def test_whoever_contacts_nobody_has_no_precision() -> None:
    nobody = contacted_customers(0, 0, customers=10, events=0)
    assert (nobody.precision, nobody.recall, nobody.profit(1, 3)) == (None, None, 0)


def test_the_best_point_brings_most() -> None:
    points = [contacted_customers(x, y, customers=100, events=50) for x, y in ((0, 0), (0.1, 0.6), (1, 1))]
    assert [point.profit(1, 3) for point in points] == [0, 55, 50]
    assert best_point(points, cost=1, value=3) == 1
    assert best_point(points, cost=5, value=3) == 0


def test_a_downloaded_csv_carries_no_formula_and_no_arrays() -> None:
    frame = pd.DataFrame(
        {"text": ["=1+1", "fine", None], "list": [["a", "b"], np.array(["c"]), None], "n": [1.5, -2, 3]}
    )
    assert csv_of(frame).decode("utf-8-sig").splitlines() == [
        "text,list,n",
        '\'=1+1,"a, b",1.5',
        "fine,c,-2.0",
        ",,3.0",
    ]


def test_file_names_are_plain() -> None:
    assert file_name("Customers: At Risk / 2") == "customers-at-risk-2.csv"


UPSTREAM = {
    "core.b": frozenset({"raw.a"}),
    "sales.c": frozenset({"core.b", "raw.a"}),
    "sales.d": frozenset({"sales.c"}),
}


def test_lineage_goes_back_and_forth_step_by_step() -> None:
    assert sources("sales.d", UPSTREAM) == [["sales.c"], ["core.b", "raw.a"]]
    assert uses("raw.a", UPSTREAM) == [["core.b", "sales.c"], ["sales.d"]]
    assert lineage_words("sales.d", UPSTREAM).splitlines() == [
        "`sales.d` is made from `sales.c`.",
        "",
        "That comes from `core.b` and `raw.a`.",
        "",
        "No other table is made from it.",
    ]


def test_countries_are_found_by_the_names_that_exports_use() -> None:
    assert place_of("EIRE") == place_of("Ireland") == place_of("ie") != None  # noqa: E711
    assert place_of("U.S.A.") == place_of("United States")
    assert place_of("(unknown)") is None


def test_a_definition_tells_what_the_comments_tell_with_the_currency() -> None:
    words = {
        "sales.x": TableWords("A row is a day", {"net": "what is left [reporting currency]", "other": "not shown"})
    }
    told = definition(words, ["sales.x", "sales.unknown"], ["net"], "GBP")
    assert told == "From `sales.x`. A row is a day.\n- **net**: what is left [GBP]"


def test_the_last_merges_are_cut_between_the_heights_that_make_k_clusters() -> None:
    from scipy.cluster.hierarchy import linkage

    tree = last_merges(linkage(np.array([[0.0], [1.0], [10.0], [12.0]]), method="single"), k=2)
    assert len(tree.xs) == len(tree.ys) == 3
    assert tree.cut == (2 + 9) / 2


def test_long_names_that_begin_alike_stay_two_bars() -> None:
    rows = pd.DataFrame(
        {
            "name": ["White hanging heart candle holder, small", "White hanging heart candle holder, large"],
            "sales": [3, 2],
        }
    )
    figure = go.Figure(go.Bar(x=rows["sales"], y=row_keys(rows), orientation="h"))
    name_rows(figure, rows["name"])
    assert len(set(figure.data[0].y)) == 2
    assert figure.layout.yaxis.tickvals == figure.data[0].y
    assert figure.layout.yaxis.type == "category"
    assert figure.layout.yaxis.ticktext == ("White hanging heart c…",) * 2


def test_drift_that_asks_for_no_training_is_grey_however_far_it_is() -> None:
    assert drift_colour(0.9, asks=False) == MUTED
    assert drift_colour(0.9, asks=True) == RED
