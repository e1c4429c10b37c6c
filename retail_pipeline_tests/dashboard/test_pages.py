"""Every page, drawn by Streamlit without a browser: on a store with all models, and on homes with little or nothing."""

import shutil
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from retail_pipeline.console.dashboard import APP
from retail_pipeline.dashboard.app import PAGES
from retail_pipeline.dashboard.snapshot import Snapshot, published
from retail_pipeline.dashboard.views import forecasts
from retail_pipeline.home import Home
from retail_pipeline.warehouse.snapshot import current_snapshot, point_link, publish
from retail_pipeline_tests.dashboard.test_snapshot import publish_changed
from retail_pipeline_tests.stores import CANONICAL_HEADER, opened, write_drop
from retail_pipeline_tests.tables import build_tables

NAMES = [page.name for page in PAGES]
CHARTS = {
    "overview": 7, "forecasts": 4, "why": 3, "rfm": 6, "segments": 6, "value": 8, "baskets": 4, "models": 5, "data": 2,
}  # fmt: skip
"""Figures that a page has at least on a store with all models."""
LOOKED_UP = {"customer", "score"}
"""Pages that show nothing until something is given."""


def _script(page: str) -> None:
    from retail_pipeline.dashboard.app import show_page

    show_page(page)


def page_of(home: Home, name: str, monkeypatch: pytest.MonkeyPatch, **query: Any) -> AppTest:
    """A page of a home, run once."""
    monkeypatch.setenv("RETAIL_HOME", str(home.root))
    app = AppTest.from_function(_script, args=(name,), default_timeout=60)
    for key, value in query.items():
        app.query_params[key] = value
    return app.run()


def texts(app: AppTest) -> str:
    """All that a page says in words."""
    kinds = (app.title, app.header, app.subheader, app.markdown, app.caption, app.info, app.warning, app.error)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


@pytest.mark.parametrize("name", NAMES)
def test_every_page_shows_its_figures_without_an_error(
    small_store: Home, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    app = page_of(small_store, name, monkeypatch)
    assert not app.exception
    assert [error.value for error in app.error] == []
    assert app.title[0].value == next(page.title for page in PAGES if page.name == name)
    assert "Data to 30 June 2024" in app.caption[0].value
    assert len(app.get("plotly_chart")) >= CHARTS.get(name, 0)
    assert name in CHARTS or name in LOOKED_UP


def test_the_script_that_streamlit_runs_begins_with_the_overview(
    small_store: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETAIL_HOME", str(small_store.root))
    app = AppTest.from_file(str(APP), default_timeout=60).run()
    assert not app.exception
    assert app.title[0].value == "Overview"
    assert len(app.get("plotly_chart")) >= CHARTS["overview"]


@pytest.mark.parametrize("name", NAMES)
def test_before_any_run_every_page_says_what_to_do(home: Home, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    app = page_of(home, name, monkeypatch)
    assert not app.exception
    assert not app.error
    assert "Nothing is published" in texts(app)
    assert "retail run" in texts(app)


@pytest.fixture(scope="module")
def without_lines(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home whose only file has a header and no line, published with all tables, empty."""
    home = Home(tmp_path_factory.mktemp("without-lines") / "store").create()
    write_drop(home, "a.csv", CANONICAL_HEADER + "\n")
    with opened(home) as warehouse:
        build_tables(warehouse)
        publish(warehouse, keep=1)
    return home


@pytest.mark.parametrize("name", NAMES)
def test_pages_on_empty_tables_say_that_there_is_nothing(
    without_lines: Home, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    app = page_of(without_lines, name, monkeypatch)
    assert not app.exception
    assert not app.error
    assert len(app.get("plotly_chart")) == 0
    assert app.info or name == "score"


@pytest.mark.parametrize("name", NAMES)
def test_pages_on_a_snapshot_without_their_tables_say_what_is_missing(
    home: Home, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with opened(home) as warehouse:
        build_tables(warehouse, only=())
        publish(warehouse, keep=1)
    app = page_of(home, name, monkeypatch)
    assert not app.exception
    assert not app.error
    assert app.info


@pytest.fixture
def shown(small_store: Home, monkeypatch: pytest.MonkeyPatch) -> Snapshot:
    """The small store's snapshot, to compare with."""
    monkeypatch.setenv("RETAIL_HOME", str(small_store.root))
    return published(small_store)


def metric_of(app: AppTest, label: str) -> str:
    (found,) = [metric.value for metric in app.metric if metric.label == label]
    return str(found)


JUNE = "from sales.order_members where date_day between date '2024-06-01' and date '2024-06-30'"


def test_headline_figures_are_those_of_the_last_whole_month(
    shown: Snapshot, small_store: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = page_of(small_store, "overview", monkeypatch)
    orders, customers = shown.frame(
        f"select sum(orders), count(distinct case when orders > 0 then customer_id end) {JUNE}"
    ).iloc[0]
    assert metric_of(app, "Orders") == f"{int(orders):,}"
    assert metric_of(app, "Customers") == f"{int(customers):,}"
    assert "June 2024, the last whole month, against May 2024" in texts(app)


def test_the_return_rate_changes_by_percentage_points(
    shown: Snapshot, small_store: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    june, may = (
        shown.value(
            "select sum(returns) / sum(gross_sales - discounts) from sales.order_members "
            "where date_trunc('month', date_day) = $month",
            month=month,
        )
        for month in ("2024-06-01", "2024-05-01")
    )
    app = page_of(small_store, "overview", monkeypatch)
    (rate,) = [one for one in app.metric if one.label == "Return rate"]
    told, unit = rate.delta.split(" % ")
    assert unit == "points"
    assert float(told) == pytest.approx(100 * (june - may), abs=0.51)


def test_filters_come_from_the_address_and_narrow_the_figures(
    shown: Snapshot, small_store: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = page_of(
        small_store, "overview", monkeypatch, period="Last 30 days", country="Germany", guests="Without guests"
    )
    assert app.multiselect(key="country").value == ["Germany"]
    orders = shown.value(f"select sum(orders) {JUNE} and country = 'Germany' and customer_type <> 'guest'")
    assert metric_of(app, "Orders") == f"{int(orders):,}"
    assert "Not narrowed by period and country and guests" in texts(app)


def test_an_unknown_filter_in_the_address_is_left_aside(small_store: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    app = page_of(small_store, "overview", monkeypatch, country="Atlantis", period="never")
    assert not app.exception
    assert app.multiselect(key="country").value == []


def test_choosing_a_filter_changes_the_figures(
    shown: Snapshot, small_store: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = page_of(small_store, "rfm", monkeypatch)
    whole = metric_of(app, "Customers")
    app.multiselect(key="segment").set_value(["Champions"]).run()
    champions = shown.value("select count(*) from customers.rfm_scores where segment = 'Champions'")
    assert metric_of(app, "Customers") == f"{int(champions):,}" != whole


def test_a_customers_page_shows_that_customer(
    shown: Snapshot, small_store: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = shown.frame(
        "select scores.* from customers.rfm_scores as scores join customers.churn_risk using (customer_id) "
        "order by monetary desc limit 1"
    ).iloc[0]
    app = page_of(small_store, "customer", monkeypatch, customer=row["customer_id"])
    assert metric_of(app, "Segment") == row["segment"]
    assert metric_of(app, "RFM score") == row["rfm_score"]
    assert {"#### What to do", "#### Next order", "#### History", "#### What to offer"} <= {
        element.value for element in app.markdown
    }


def test_nobody_is_shown_for_an_unknown_customer(small_store: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    app = page_of(small_store, "customer", monkeypatch, customer="nobody")
    assert "No customer has this id" in app.warning[-1].value
    assert not app.metric


def test_the_slider_of_contacts_moves_the_confusion_matrix(small_store: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    app = page_of(small_store, "value", monkeypatch)
    (slider,) = [one for one in app.select_slider if one.label.startswith("Contact so many")]
    best = metric_of(app, "Profit")
    slider.set_value(0).run()
    assert metric_of(app, "Contacted") == "0"
    assert float(metric_of(app, "Profit").split()[0]) == 0 <= float(best.split()[0].replace(",", ""))


def test_queries_are_answered_and_faults_are_said(small_store: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    app = page_of(small_store, "data", monkeypatch)
    (box,) = [area for area in app.text_area if area.label == "Query"]
    box.set_value("select 41 + 1 as answer")
    (run,) = [button for button in app.button if button.label == "Run the query"]
    run.click().run()
    assert app.dataframe[-1].value["answer"].tolist() == [42]
    (box,) = [area for area in app.text_area if area.label == "Query"]
    box.set_value("drop table core.orders")
    (run,) = [button for button in app.button if button.label == "Run the query"]
    run.click().run()
    assert "Only SELECT" in app.error[0].value


def test_the_lineage_of_a_table_is_told_in_words(small_store: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    app = page_of(small_store, "data", monkeypatch, table="customers.rfm_segments")
    assert "`customers.rfm_segments` is made from `customers.rfm_scores`" in texts(app)


def test_a_snapshot_published_between_two_interactions_is_shown(
    small_store: Home, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = current_snapshot(small_store)
    assert source is not None
    shutil.copy(source, home.snapshots / source.name)
    point_link(home.warehouse_link, home.snapshots / source.name)
    app = page_of(home, "overview", monkeypatch)
    assert metric_of(app, "Net sales").endswith("GBP")
    publish_changed(home, "warehouse-2.duckdb", "update core.reporting_currency set currency = 'EUR'")
    app.run()
    assert metric_of(app, "Net sales").endswith("EUR")


def test_a_fault_in_a_page_shows_no_data_and_logs_only_its_place(
    small_store: Home, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from retail_pipeline.dashboard.views import overview

    def fail(_: object) -> None:
        raise ValueError("customer jane@example.com")

    monkeypatch.setattr(overview, "show", fail)
    app = page_of(small_store, "overview", monkeypatch)
    assert "ValueError" in app.error[0].value
    said = texts(app) + "".join(capfd.readouterr())
    assert "jane@example.com" not in said
    assert "ValueError at" in said


def test_levers_multiply_the_forecast(shown: Snapshot, small_store: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    app = page_of(small_store, "forecasts", monkeypatch)
    expected = shown.value("select sum(value) from forecasts.scenarios where scenario = 'moderate'")
    app.slider(key="lever-2").set_value(10).run()
    assert f"{expected * 1.1:,.0f} instead of {expected:,.0f}" in texts(app)


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        (
            (-0.2351, 1 / 3, 2, 3, "month"),
            "Forecast from 2 earlier dates that did not choose it, it was on average 24 % too low; 1 of 3 months "
            "(33 %) came within its 80 % range.",
        ),
        (
            (0.104, 0.7318, 1, None, "day"),
            "Forecast from one earlier date that did not choose it, it was on average 10 % too high; 73 % of days came "
            "within its 80 % range.",
        ),
        (
            (-0.004, None, 5, 9, "week"),
            "Forecast from 5 earlier dates that did not choose it, it was on average neither too low nor too high.",
        ),
        ((None, None, 0, None, "week"), ""),
    ],
)
def test_how_wrong_forecasts_were_is_said_in_words(figures: Any, said: str) -> None:
    assert forecasts.how_wrong(*figures) == said


def test_the_page_says_how_wrong_the_serving_model_was(
    shown: Snapshot, small_store: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = page_of(small_store, "forecasts", monkeypatch, **{"forecast-by": "week"})
    measured = (
        "select value from forecasts.backtest where series = 'total' and frequency = 'week' and is_champion and metric"
    )
    bias, held = (shown.value(f"{measured} = '{metric}'") for metric in ("bias", "coverage_80"))
    cases = shown.value(
        "select sum(folds) from forecasts.backtest_horizons where series = 'total' and frequency = 'week' and "
        "is_champion"
    )
    assert (held * cases) % 1 == pytest.approx(0, abs=1e-9) or (held * cases) % 1 == pytest.approx(1, abs=1e-9)
    assert f"on average {abs(bias):.0%}".replace("%", " %") in texts(app)
    assert f"{held * cases:.0f} of {cases:.0f} weeks ({100 * held:.0f} %) came within its 80 % range" in texts(app)


def test_the_reorder_plan_is_shown_with_what_sells_most_first(
    shown: Snapshot, small_store: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = page_of(small_store, "forecasts", monkeypatch)
    (plan,) = [frame.value for frame in app.dataframe if "reorder_point" in frame.value]
    best = shown.value("select product_id from forecasts.reorder_plan order by revenue desc, product_id limit 1")
    assert plan["product_id"].iloc[0] == best


VALIDATED = "select horizon_days from customers.lifetime_value group by 1 having bool_and(is_validated) order by 1 desc"


def test_value_opens_on_the_longest_validated_horizon_and_an_unvalidated_one_is_marked(
    shown: Snapshot, small_store: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    horizons = shown.frame("select distinct horizon_days from customers.lifetime_value order by 1")["horizon_days"]
    validated = shown.frame(VALIDATED)["horizon_days"].tolist()
    assert len(validated) < len(horizons)
    opened_on = validated[0] if validated else min(horizons)
    app = page_of(small_store, "value", monkeypatch)
    assert app.get("button_group")[0].value == opened_on
    total = shown.value(
        "select sum(expected_value) from customers.lifetime_value where horizon_days = 365 and not is_validated"
    )
    app = page_of(small_store, "value", monkeypatch, **{"clv-days": "365"})
    marked = metric_of(app, ":orange[Not validated:] value to come")
    assert float(marked.split()[0].replace(",", "")) == pytest.approx(total, abs=0.51)


def test_a_customer_who_is_warned_of_gets_one_advice(small_store: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home_of = published(small_store)
    warned = home_of.frame("select customer_id, action from decisions.early_warning order by rank limit 1").iloc[0]
    other = home_of.frame(
        "select scores.customer_id, actions.action from customers.rfm_scores as scores "
        "join customers.segment_actions as actions on scores.segment = actions.segment "
        "where scores.customer_id not in (select customer_id from decisions.early_warning) order by 1 limit 1"
    ).iloc[0]
    for row in (warned, other):
        app = page_of(small_store, "customer", monkeypatch, customer=row["customer_id"])
        advices = [one.value for one in app.markdown if one.value.startswith("**")]
        assert len(advices) == 1
        assert advices[0].startswith(f"**{row['action']}")


def test_lists_show_first_what_is_asked_for(small_store: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    app = page_of(small_store, "value", monkeypatch)
    (warned,) = [frame.value for frame in app.dataframe if "value_at_stake" in frame.value]
    assert list(warned)[:5] == ["rank", "customer_id", "reason", "action", "value_at_stake"]
    (checks,) = [frame.value for frame in page_of(small_store, "data", monkeypatch).dataframe if "check" in frame.value]
    assert set(checks.loc[checks["passed"], "severity"]) == {""}
