"""Models of the next purchase in a store: labels, training, keeping, scoring, and too little data."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from retail_pipeline.analytics.prediction import trees
from retail_pipeline.analytics.prediction.drift import NOTABLE
from retail_pipeline.analytics.prediction.experiment import SEASON
from retail_pipeline.analytics.prediction.matrix import FEATURES, column, matrix
from retail_pipeline.analytics.prediction.purchase_models import BASELINES, CANDIDATES
from retail_pipeline.assets.customers import lifetime_value, next_purchase
from retail_pipeline.assets.customers.features_as_of import features_as_of
from retail_pipeline.assets.decisions import early_warning
from retail_pipeline.assets.frame_assets import build_frame_table
from retail_pipeline.assets.models import purchase
from retail_pipeline.assets.models.drifts import asked_by_drift, drift_rows
from retail_pipeline.assets.models.purchase_labels import (
    GAP,
    LABELS,
    churn_days,
    contents,
    customer_number,
    observe,
    reach,
)
from retail_pipeline.assets.models.purchase_training import (
    SUBJECT,
    Fitted,
    Task,
    _train_task,
    fitting_models,
    folds_of,
    train_models,
    usable,
)
from retail_pipeline.definitions import CHECKS
from retail_pipeline.errors import ModelError
from retail_pipeline.home import Home
from retail_pipeline.reports.contents import RULES
from retail_pipeline.reports.files import read_rows
from retail_pipeline.reports.sentences import write_sentences
from retail_pipeline.saved_models import load_model, save_model
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.assets.models.test_btyd import DAYS, FIRST, orders
from retail_pipeline_tests.assets.store_tables import TO_FEATURES, one_row, rows_of
from retail_pipeline_tests.stores import canonical, opened, write_drop
from retail_pipeline_tests.tables import build_tables

SETTINGS = (
    "[clv]\nleast_customers = 300\n"
    "[prediction]\nhorizon_days = [14, 30]\nchurn_days = 30\nleast_customers = 300\ncutoffs = 2\n"
    "most_training_cutoffs = 3\n"
)
AS_OF = FIRST + timedelta(days=DAYS)
TABLES = (*purchase.TABLES, *next_purchase.TABLES, lifetime_value.TABLE, early_warning.TABLE)
SALES = ("sales.order_days", "sales.period_figures", "sales.daily")
BESIDE = (*SALES, "customers.rfm_scores", "models.btyd_parameters")


def store_of(home: Home, settings: str = SETTINGS) -> None:
    """A store of 400 customers and 210 days, up to the features."""
    home.settings_file.write_text(settings)
    lines = [
        [f"o{number}", f"{day} 12:00:00", customer, "P", "Pen", 1, amount, "France"]
        for number, (customer, day, amount) in enumerate(orders())
    ]
    write_drop(home, "all.csv", canonical(lines))
    with opened(home) as warehouse:
        build_tables(warehouse, ["core", *TO_FEATURES, *BESIDE])


def build(warehouse: Warehouse, *, training: bool = False) -> None:
    """All tables of next purchases, checked."""
    warehouse.training = training
    for table in TABLES:
        build_frame_table(warehouse, table)
    warehouse.training = False
    names = {table.name for table in TABLES}
    findings = {check.full_name: check.find(warehouse) for check in CHECKS if check.table in names and check.blocking}
    assert {name: found.message for name, found in findings.items() if not found.passed} == {}


@pytest.fixture(scope="module", autouse=True)
def few_trees() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trees, "BOOSTED_TREES", 20)
        patch.setattr(trees, "FOREST_TREES", 10)
        yield


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home with models, closed."""
    home = Home(tmp_path_factory.mktemp("predicted")).create()
    store_of(home)
    with opened(home) as warehouse:
        build(warehouse)
    return home


@pytest.fixture(scope="module")
def trained(built: Home) -> Iterator[Warehouse]:
    """The same, opened to look at."""
    with opened(built) as warehouse:
        yield warehouse


@pytest.fixture
def changing(built: Home, trained: Warehouse, tmp_path: Path) -> Iterator[Warehouse]:
    """The same with a copy of the models, for a test that makes others; the tables it leaves are as they were."""
    home = Home(tmp_path / "copy").create()
    shutil.copytree(built.models, home.models)
    shutil.copy(built.settings_file, home.settings_file)
    before = trained.home
    trained.home = home
    yield trained
    trained.home = before


def champions(warehouse: Warehouse) -> list[dict[str, Any]]:
    return rows_of(warehouse, "from models.champions where starts_with(task, 'purchase_') order by horizon_days")


def test_every_model_is_measured_beside_the_baselines_on_every_split(trained: Warehouse) -> None:
    rows = rows_of(
        trained,
        "select distinct task, split, model, is_baseline from models.metrics where starts_with(task, 'purchase_')",
    )
    assert {(row["task"], row["split"], row["model"], row["is_baseline"]) for row in rows} == {
        (task, split, model, model in BASELINES)
        for task in ("purchase_14d", "purchase_30d")
        for split in ("train", "validation", "test")
        for model in (*BASELINES, *CANDIDATES)
    }


def test_the_test_cutoff_is_the_last_whose_outcome_is_known(trained: Warehouse) -> None:
    for row in champions(trained):
        assert row["test_cutoff"] == AS_OF - timedelta(days=row["horizon_days"])
        assert row["learned_until"] == AS_OF
        assert row["is_churn_horizon"] == (row["horizon_days"] == 30)
        validation = one_row(
            trained,
            "select max(cutoff) as day from models.metrics where task = $task and split = 'validation'",
            {"task": row["task"]},
        )["day"]
        assert validation == row["test_cutoff"] - timedelta(days=30)


def test_the_model_learned_only_from_outcomes_known_on_the_day_it_is_judged_from(built: Home) -> None:
    saved = load_model(built.models / SUBJECT)
    assert saved
    for days, told in saved.numbers["tasks"].items():
        assert date.fromisoformat(told["learned_from"][-1]) + timedelta(days=int(days)) <= AS_OF


def test_labels_are_the_orders_of_the_days_after(trained: Warehouse) -> None:
    cutoffs = [FIRST + timedelta(days=120), FIRST + timedelta(days=150)]
    found = observe(trained, cutoffs, 30)
    history: dict[str, list[date]] = {}
    for customer, day, _ in orders():
        history.setdefault(customer, []).append(day)
    expected = {
        (cutoff, customer_number(customer)): any(cutoff <= day < cutoff + timedelta(days=30) for day in days)
        for cutoff in cutoffs
        for customer, days in history.items()
        if min(days) < cutoff
    }
    told = [date(1970, 1, 1) + timedelta(days=int(number)) for number in found.cutoffs]
    rows = zip(zip(told, found.customers.tolist(), strict=True), found.events, strict=True)
    assert {key: bool(event) for key, event in rows} == expected
    assert 0.1 < found.events.mean() < 0.9


def test_what_happens_from_the_cutoff_on_is_in_no_feature(trained: Warehouse) -> None:
    cutoff = FIRST + timedelta(days=150)
    found = observe(trained, [cutoff], 30)
    last: dict[str, date] = {}
    for who, day, _ in orders():
        if day < cutoff:
            last[who] = max(day, last.get(who, day))
    expected = {customer_number(who): float((cutoff - day).days) for who, day in last.items()}
    told = dict(zip(found.customers.tolist(), column(found.values, "recency_days").tolist(), strict=True))
    assert told == expected
    assert column(found.values, "recency_days").min() >= 1


def test_of_many_customers_the_same_are_drawn_at_each_cutoff_into_both_halves(trained: Warehouse) -> None:
    days = [FIRST + timedelta(days=150), AS_OF]
    drawn, all_ = observe(trained, days, 30, one_in=2), observe(trained, days, 30)
    first, second = (set(drawn.customers[drawn.cutoffs == cutoff].tolist()) for cutoff in np.unique(drawn.cutoffs))
    known = set(all_.customers[all_.cutoffs == all_.cutoffs.min()].tolist())
    assert first == second & known
    assert 150 < len(second) < 250
    assert 50 < sum(number % 2 for number in second) < 150


def test_who_is_drawn_has_the_features_they_have_among_all(trained: Warehouse) -> None:
    drawn, all_ = features_as_of(trained, AS_OF, one_in=2), features_as_of(trained, AS_OF)
    same = all_[all_["customer_id"].isin(drawn["customer_id"])].reset_index(drop=True)
    by_all_gaps = ["usual_gap_days", "lifecycle_stage"]
    assert len(drawn) == len(same) < len(all_)
    pd.testing.assert_frame_equal(drawn.drop(columns=by_all_gaps), same.drop(columns=by_all_gaps))
    (left,) = trained.row("select count(*) from duckdb_tables() where table_name like 'drawn_%'") or ()
    assert left == 0


@pytest.fixture
def states() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database with hand-made states of orders: ann's is cancelled within the window, bob's after it."""
    with duckdb.connect() as connection:
        connection.execute(
            "create schema customers; create table customers.order_states (customer_id varchar, order_id varchar, "
            "order_date date, known_from date, known_until date, lines bigint, amount decimal(18, 4))"
        )
        connection.execute(
            """
            insert into customers.order_states values
                ('ann', '1', '2024-01-05', '2024-01-05', '2024-01-10', 1, 10),
                ('ann', '1', '2024-01-05', '2024-01-10', null, 0, 0),
                ('bob', '2', '2024-01-05', '2024-01-05', '2024-02-10', 1, 20),
                ('bob', '2', '2024-01-05', '2024-02-10', null, 0, 0),
                ('eve', '3', '2024-01-01', '2024-01-01', '2024-01-20', 2, 30),
                ('eve', '3', '2024-01-01', '2024-01-20', null, 1, 12.5),
                ('eve', '7', '2024-01-01', '2024-01-01', null, 1, 1),
                ('joe', '4', '2023-12-31', '2023-12-31', null, 1, 40),
                ('kim', '5', '2024-01-30', '2024-01-30', null, 1, null),
                ('lea', '6', '2024-01-31', '2024-01-31', null, 1, 60)
            """
        )
        yield connection


def test_an_order_counts_as_it_stood_at_the_end_of_the_horizon(states: duckdb.DuckDBPyConnection) -> None:
    found = states.execute(LABELS, {"cutoffs": [date(2024, 1, 1)], "days": 30}).fetchall()
    # the first and the last day count; a return counts once it is known; an order of unknown value is one all the same
    assert sorted((name, float(spend)) for _, name, spend in found) == [("bob", 20.0), ("eve", 13.5), ("kim", 0.0)]


def test_the_gap_that_nine_of_ten_repeat_orders_stay_under(states: duckdb.DuckDBPyConnection) -> None:
    states.execute(
        "insert into customers.order_states select 'zoe', 'z' || place, date '2020-01-01' + (place * (place + 1) // 2)"
        "::integer, date '2020-01-01', null, 1, 5 from range(11) as places(place)"
    )  # gaps of 1 to 10 days
    found = states.execute(GAP, {"as_of": date(2024, 3, 1), "share": 0.9}).fetchone()
    assert found == (9,)


@pytest.mark.parametrize(("last_line", "known"), [("12:00:00", DAYS), ("11:59:59", DAYS - 1), ("12:00:01", DAYS)])
def test_a_day_that_the_data_end_in_the_middle_of_is_no_outcome(home: Home, last_line: str, known: int) -> None:
    """On each of the days before the last line is of 12:00."""
    opened_store(home, [*closed_for(1, DAYS - 1), last_day_line(last_line)], SETTINGS)
    with opened(home) as warehouse:
        there = reach(warehouse)
        assert there.as_of == FIRST + timedelta(days=known)
        assert there.days == known
        for days in (14, 30):
            folds = folds_of(warehouse.settings, there, days)
            assert folds[-1].cutoff == FIRST + timedelta(days=known - days)
        assert warehouse.value("select max(as_of) from customers.features") == AS_OF  # what is known is used


def test_a_day_before_which_all_is_asked_for_is_whole(home: Home) -> None:
    lines = [*closed_for(1, DAYS - 1), last_day_line("09:00:00")]
    opened_store(home, lines, f"[core]\nas_of = {AS_OF - timedelta(days=1)}\n{SETTINGS}")
    with opened(home) as warehouse:
        assert reach(warehouse).as_of == AS_OF - timedelta(days=1)


def last_day_line(time: str) -> list[object]:
    return ["last", f"{AS_OF - timedelta(days=1)} {time}", "closing", "P", "Pen", 1, 5, "France"]


def drifted(warehouse: Warehouse, feature: str, days_ago: int) -> Fitted:
    """The models as if the last training were so long ago, and its customers had had another value of a feature."""
    fitted = fitting_models(warehouse)
    assert fitted
    far = {feature: {"bounds": [-5.0], "shares": [1.0, 0.0, 0.0]}}
    (first, second) = fitted.tasks
    tasks = (first, replace(second, told={**second.told, "reference": far}))
    return replace(fitted, notes={**fitted.notes, "data_until": str(AS_OF - timedelta(days=days_ago))}, tasks=tasks)


@pytest.mark.parametrize(
    ("feature", "days_ago", "asks"),
    [
        *(("recency_days", 30, True), ("recency_days", 29, False), ("recency_days", 400, True)),
        *(("probability", 30, True), ("tenure_days", 400, False), ("orders", 400, False)),
    ],
)
def test_drift_asks_for_a_training_but_not_soon_after_one_nor_for_what_grows_by_itself(
    trained: Warehouse, feature: str, days_ago: int, asks: bool
) -> None:
    told = asked(trained, drifted(trained, feature, days_ago))
    assert (told != "") == asks
    if asks:
        assert told.startswith(f"customers have drifted: {feature} has an index of ")
        assert told.endswith(" for purchase_30d")


def asked(warehouse: Warehouse, fitted: Fitted) -> str:
    last_training = date.fromisoformat(fitted.notes["data_until"])
    return asked_by_drift(warehouse, reach(warehouse), last_training, fitted.served)


def test_customers_as_before_ask_for_nothing(trained: Warehouse) -> None:
    fitted = fitting_models(trained)
    assert fitted
    long_ago = replace(fitted, notes={**fitted.notes, "data_until": str(FIRST)})
    rows = [row for row in drift_rows(trained.read("customers.features"), fitted.served) if row["asks"]]
    assert {row["task"] for row in rows} == {"purchase_14d", "purchase_30d"}
    assert (asked(trained, long_ago) == "") == (max(row["psi"] for row in rows) <= NOTABLE)


def test_a_run_after_a_drift_trains_once(changing: Warehouse, built: Home) -> None:
    saved = load_model(changing.home.models / SUBJECT)
    assert saved
    told = drifted(changing, "recency_days", 40)
    numbers = {**saved.numbers, "tasks": {str(task.horizon_days): task.told for task in told.tasks}}
    save_model(changing.home.models / SUBJECT, numbers, {}, told.notes)
    there = reach(changing)
    build(changing)
    after = load_model(changing.home.models / SUBJECT)
    assert after
    assert after.notes["reason"].startswith("customers have drifted: recency_days")
    assert after.notes["data_until"] == str(AS_OF)
    assert usable(changing, there)[1] == ""  # though what they learned from is as far away as before
    build(changing)
    again = load_model(changing.home.models / SUBJECT)
    assert again == after
    shutil.rmtree(changing.home.models)
    shutil.copytree(built.models, changing.home.models)
    build(changing)


def test_a_customer_like_all_is_at_medium_risk_whatever_the_horizon(trained: Warehouse) -> None:
    for row in champions(trained):
        rows = rows_of(trained, "from customers.churn_risk where horizon_days = $days", {"days": row["horizon_days"]})
        base = (1 - row["base_rate"]) / row["base_rate"]
        for risk in rows:
            odds = risk["probability"] / (1 - risk["probability"]) / base
            expected = "high" if odds >= 2 else "medium" if odds >= 0.5 else "low"
            assert risk["risk_band"] == expected or min(abs(odds - 2), abs(odds - 0.5)) < 1e-9
        assert {risk["risk_band"] for risk in rows} == {"low", "medium", "high"}


def test_the_gap_can_be_set(trained: Warehouse) -> None:
    assert churn_days(trained, AS_OF) == 30


def test_a_card_lies_beside_the_models(trained: Warehouse, built: Home) -> None:
    (row, _) = champions(trained)
    card = (built.models / SUBJECT / row["saved_model"] / "card.md").read_text()
    for text in (row["data_hash"], str(trees.SEED), "scikit-learn", "roc_auc", "## Limits", row["reason"], *FEATURES):
        assert text in card
    told = purchase.CHAMPIONS_TABLE.tell(trained)
    assert told["model_card"].value == card


def test_pictures_of_the_curves_are_told(trained: Warehouse) -> None:
    told = purchase.METRICS_TABLE.tell(trained)
    assert set(told) == {"roc_14d", "roc_30d", "reliability_14d", "reliability_30d", "deciles_clv_30d"}


def test_scores_are_those_of_the_saved_models(trained: Warehouse) -> None:
    fitted = fitting_models(trained)
    assert fitted
    values = observe(trained, [AS_OF], 1).values  # the customers of today
    told = [task.model().probabilities(values) for task in fitted.served]
    rows = rows_of(trained, "from customers.next_purchase order by horizon_days, customer_id")
    assert len(rows) == 2 * len(values)
    found = np.array([row["probability"] for row in rows]).reshape(2, -1)
    fine = told[0] <= told[1]
    assert 0.5 < fine.mean() < 1
    assert np.allclose(found[:, fine], np.array(told)[:, fine], atol=1e-9)
    assert np.allclose(found[:, ~fine].mean(axis=0), np.mean(told, axis=0)[~fine], atol=1e-9)


def test_likelier_customers_did_come_back_more_often(trained: Warehouse) -> None:
    row = one_row(
        trained,
        "select value from models.metrics where task = 'purchase_30d' and split = 'test' and metric = 'roc_auc' "
        "and is_champion",
    )
    assert row["value"] > 0.6


def test_reasons_are_in_words(trained: Warehouse) -> None:
    rows = rows_of(trained, "select top_reasons from customers.churn_risk where is_churn_horizon")
    assert all("the risk" in row["top_reasons"] or row["top_reasons"] == "nothing stands out" for row in rows)


def test_a_run_without_news_leaves_all_tables(trained: Warehouse) -> None:
    before = champions(trained)[0]["saved_model"]
    assert [build_frame_table(trained, table).mode for table in TABLES] == ["unchanged"] * len(TABLES)
    assert champions(trained)[0]["saved_model"] == before


def test_a_training_without_a_later_outcome_keeps_what_serves(changing: Warehouse) -> None:
    before = champions(changing)
    build(changing, training=True)
    assert champions(changing) == before
    saved = load_model(changing.home.models / SUBJECT)
    assert saved
    assert "stays: no outcome is known yet" in saved.notes["decisions"]["30"]


def earlier(warehouse: Warehouse, **changes: Any) -> Fitted:
    """The models as if they had been trained before the test cut-off, with one task alone."""
    fitted = fitting_models(warehouse)
    assert fitted
    day = AS_OF - timedelta(days=30)
    told = {**fitted.tasks[1].told, "as_of": day.isoformat(), "data_hash": contents(warehouse, day), **changes}
    return replace(fitted, tasks=(Task(30, told),))


def test_a_challenger_takes_over_only_if_it_is_better(changing: Warehouse) -> None:
    there = reach(changing)
    constant = {"name": "base_rate", "fitted": {}, "calibration": {"intercept": 3.0, "slope": 0.0}}
    found = train_models(changing, there, earlier(changing, model=constant), "")
    assert found.tasks[1].champion != "base_rate"
    assert "serves" in found.notes["decisions"]["30"]
    # one that has seen the outcomes is hard to beat
    knowing = earlier(changing)
    kept = train_models(changing, there, knowing, "")
    old = knowing.tasks[0].told["model"]
    assert (kept.tasks[1].told["model"] == old) == ("stays: a log-loss of" in kept.notes["decisions"]["30"])


def test_models_of_orders_that_have_changed_since_go(changing: Warehouse) -> None:
    other = earlier(changing, data_hash="other", as_of=AS_OF.isoformat(), reason="old")
    found = train_models(changing, reach(changing), other, "")
    assert found.tasks[1].told["reason"] != "old"


def test_a_changed_model_is_refused_and_trained_anew(changing: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    model_id = champions(changing)[0]["saved_model"]
    place = changing.home.models / SUBJECT / model_id / "model.json"
    told = json.loads(place.read_text())
    told["tasks"]["30"]["model"]["calibration"]["slope"] = 9
    place.write_text(json.dumps(told))
    monkeypatch.setattr(changing, "run_id", "another-run")
    with pytest.raises(ModelError, match="changed since it was saved"):
        fitting_models(changing)
    build(changing)
    assert champions(changing)[0]["saved_model"] == model_id  # the same data make the same models, whichever run
    saved = load_model(changing.home.models / SUBJECT)
    assert saved
    assert "refused" in saved.notes["reason"]
    fitted = fitting_models(changing)
    assert fitted
    assert {task.told["run_id"] for task in fitted.served} == {"another-run"}


def warnings(warehouse: Warehouse) -> list[dict[str, Any]]:
    return rows_of(warehouse, "from decisions.early_warning order by rank")


def test_the_risk_a_month_ago_is_what_the_same_models_say_of_a_store_that_ends_then(
    trained: Warehouse, home: Home
) -> None:
    before = AS_OF - timedelta(days=30)
    lines = [line for line in closed_for(0, 0) if str(line[1]) < str(before)]
    closing = ["closing", f"{before - timedelta(days=1)} 12:00:00", "", "P", "Pen", 1, 5, "France"]
    opened_store(home, [*lines, closing], SETTINGS)
    fitted = fitting_models(trained)
    assert fitted
    with opened(home) as warehouse:
        frame = warehouse.read("from customers.features order by customer_id")
    risks = 1 - next_purchase.probabilities(fitted, matrix(frame), AS_OF)[:, 1]
    expected = dict(zip(frame["customer_id"], risks.tolist(), strict=True))
    rows = warnings(trained)
    assert len(rows) > 5
    for row in rows:
        assert (row["before"], row["horizon_days"]) == (before, 30)
        assert row["risk_before"] == expected[row["customer_id"]]


def test_warned_of_are_those_who_spent_most(trained: Warehouse) -> None:
    spent: dict[str, float] = {}
    for customer, _, amount in orders():
        spent[customer] = spent.get(customer, 0) + amount
    best = sorted(spent.values(), reverse=True)[: -(-len(spent) // 5) + 1]
    assert all(float(row["historic_value"]) == pytest.approx(spent[row["customer_id"]]) for row in warnings(trained))
    assert min(float(row["historic_value"]) for row in warnings(trained)) >= best[-1] - 0.001


@pytest.mark.parametrize(
    ("recency_days", "usual_gap_days", "is_warned_of"),
    [
        (30, 30, False),  # ordered since the day before, and no later than usual
        (31, 60, True),  # silent for all of the time
        (30, 29, True),  # ordered since, but should have come again
    ],
)
def test_who_has_ordered_since_and_is_not_late_is_not_warned_of(
    trained: Warehouse, recency_days: int, usual_gap_days: int, is_warned_of: bool
) -> None:
    first, *others = [row["customer_id"] for row in warnings(trained)]
    trained.execute("create temp table kept as from customers.features")
    try:
        trained.execute(
            "update customers.features set recency_days = $days, usual_gap_days = $gap where customer_id = $id",
            {"days": recency_days, "gap": usual_gap_days, "id": first},
        )
        found = early_warning.TABLE.make(trained)["customer_id"].tolist()
    finally:
        trained.execute("delete from customers.features")
        trained.execute("insert into customers.features from kept")
        trained.execute("drop table kept")
    assert found == ([first, *others] if is_warned_of else others)


def test_what_is_at_stake_by_hand(trained: Warehouse) -> None:
    history: dict[str, list[tuple[date, float]]] = {}
    for customer, day, amount in orders():
        history.setdefault(customer, []).append((day, amount))
    values = {
        row["customer_id"]: row["expected_value"]
        for row in rows_of(trained, "from customers.lifetime_value where horizon_days = 30")
    }
    capped = 0
    for row in warnings(trained):
        bought = history[row["customer_id"]]
        span = (max(bought)[0] - min(bought)[0]).days
        pace = sum(amount for _, amount in bought) * 30 / max(span, 30)
        given = values[row["customer_id"]] / (1 - row["risk"])
        capped += pace < given
        assert row["expected_value"] == values[row["customer_id"]]
        assert row["value_if_staying"] == pytest.approx(min(pace, given))
        assert row["value_at_stake"] == pytest.approx((row["risk"] - row["risk_before"]) * min(pace, given))
        assert row["last_order_date"] == max(bought)[0]
        assert row["favourite_product"] == "Pen"
    assert 0 < capped < len(warnings(trained))


def test_the_first_are_to_be_called_and_every_one_has_a_reason(trained: Warehouse) -> None:
    rows = warnings(trained)
    assert [row["rank"] for row in rows if row["action_kind"] == "call"] == list(range(1, min(len(rows), 10) + 1))
    assert all("was" in row["reason"] for row in rows)


def test_the_warning_is_said_in_a_sentence(trained: Warehouse) -> None:
    rules = [rule for rule in RULES if rule.name == "early_warning"]
    (said,) = write_sentences(rules, None, read_rows(trained.connection))
    stake = round(sum(row["value_at_stake"] for row in warnings(trained)))
    assert f"has risen for {len(warnings(trained))} valuable customers since {AS_OF - timedelta(days=30)}" in said.text
    assert "within 30 days" in said.text
    assert f"{stake:,} is at stake" in said.text


def test_the_list_is_as_long_as_asked_for_and_the_first_stay_the_first(changing: Warehouse) -> None:
    before = warnings(changing)
    settings = changing.settings
    changing.settings = settings.model_copy(
        update={"early_warning": settings.early_warning.model_copy(update={"customers": 3, "calls": 1})}
    )
    try:
        build_frame_table(changing, early_warning.TABLE)
        rows = warnings(changing)
        assert [row["customer_id"] for row in rows] == [row["customer_id"] for row in before[:3]]
        assert [row["action_kind"] == "call" for row in rows] == [True, False, False]
    finally:
        changing.settings = settings
        build_frame_table(changing, early_warning.TABLE)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"days_before": 366}, f"the history begins on {FIRST}, less than early_warning.days_before = 366 days ago"),
        ({"least_rise": 1.0}, "of no valuable customer did the risk rise by early_warning.least_rise = 1.0 since"),
    ],
)
def test_an_empty_list_says_why(changing: Warehouse, changed: dict[str, Any], why: str) -> None:
    settings = changing.settings
    changing.settings = settings.model_copy(update={"early_warning": settings.early_warning.model_copy(update=changed)})
    try:
        build_frame_table(changing, early_warning.TABLE)
        assert warnings(changing) == []
        assert early_warning.TABLE.tell(changing)["empty_because"].startswith(why)
    finally:
        changing.settings = settings
        build_frame_table(changing, early_warning.TABLE)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ("least_customers = 401", "too little data: 400 customers, fewer than prediction.least_customers = 401"),
        ("least_days = 211", "too little data: 210 days of history, fewer than prediction.least_days = 211"),
        ("least_history_days = 200", "too little data: 210 days of history, fewer than 290"),
    ],
)
def test_too_little_data_is_told_and_nobody_is_scored(built: Home, home: Home, changed: str, why: str) -> None:
    shutil.copytree(built.root, home.root, dirs_exist_ok=True, ignore=shutil.ignore_patterns("purchase", "value"))
    name = changed.split(" = ")[0]
    lines = [line for line in SETTINGS.splitlines() if not line.startswith(f"{name} =")]
    home.settings_file.write_text("\n".join([*lines, changed, ""]))
    with opened(home) as warehouse:
        build(warehouse)
        assert why in [row["reason"] for row in champions(warehouse)]
        assert [row["model"] for row in champions(warehouse)] == [None, None]
        assert warehouse.count("customers.next_purchase") == 0
        assert warehouse.value("select count(*) from models.metrics where starts_with(task, 'purchase_')") == 0
        assert warehouse.count("decisions.early_warning") == 0
        told = early_warning.TABLE.tell(warehouse)
        assert told == {"empty_because": "no model of purchases serves: models.champions says why"}


def test_history_that_has_become_long_enough_is_learned_from(trained: Warehouse, changing: Warehouse) -> None:
    fitted = fitting_models(changing)
    assert fitted
    short = replace(
        fitted, tasks=(fitted.tasks[0], Task(30, {"model": None, "reason": "too little data: days", "folds": 1}))
    )
    found = train_models(changing, reach(changing), short, "")
    assert found.tasks[1].champion
    assert found.tasks[0].told == fitted.tasks[0].told


def test_models_that_learned_from_days_after_as_of_do_not_serve(changing: Warehouse) -> None:
    there = reach(changing)
    assert usable(changing, there)[1] == ""
    before = replace(there, as_of=AS_OF - timedelta(days=20))
    fitted, reason = usable(changing, before)
    assert fitted is None
    assert reason == f"the saved ones have learned from days after {AS_OF - timedelta(days=20)}"


def closed_for(days: int, first: int) -> list[list[object]]:
    """The orders but those of some days, on which the shop was closed."""
    closed = range(first, first + days)
    return [
        [f"o{number}", f"{day} 12:00:00", customer, "P", "Pen", 1, amount, "France"]
        for number, (customer, day, amount) in enumerate(orders())
        if (day - FIRST).days not in closed
    ]


def opened_store(home: Home, lines: list[list[object]], settings: str) -> Home:
    home.settings_file.write_text(settings)
    write_drop(home, "all.csv", canonical(lines))
    with opened(home) as warehouse:
        build_tables(warehouse, ["core", *TO_FEATURES, *SALES])
    return home


def test_a_fortnight_without_orders_costs_no_model_and_no_training_each_night(home: Home) -> None:
    settings = "[prediction]\nhorizon_days = [14]\nchurn_days = 14\nleast_customers = 300\ncutoffs = 2\n"
    opened_store(home, closed_for(14, DAYS - 44), settings)  # the outcome of the one validation cut-off
    with opened(home) as warehouse:
        there = reach(warehouse)
        found = train_models(warehouse, there, None, "")
        (task,) = found.tasks
        assert task.champion is None
        assert task.told["reason"] == "too little data: at too few cut-offs 20 customers order and 20 do not"
        assert usable(warehouse, there)[1] == ""
        serving = replace(task, told={"model": {"name": "btyd"}, "as_of": FIRST.isoformat(), "data_hash": ""})
        assert _train_task(warehouse, there, 14, serving) == (serving, f"btyd stays: {task.told['reason']}")


YEARS = 820
QUIET_FROM = 760
"""A quiet season begins on that day, and a year of whole weeks before."""


def quiet_seasons() -> list[list[object]]:
    """The orders of more than two years, of which few are left in ninety days of each of the last two."""
    quiet = {day - back for day in range(QUIET_FROM, QUIET_FROM + 90) for back in (0, 364)}
    found: list[list[object]] = []
    for number, (customer, day, amount) in enumerate(orders(600, days=YEARS)):
        if (day - FIRST).days not in quiet or number % 4 == 0 or customer == "closing":
            found.append([f"o{number}", f"{day} 12:00:00", customer, "P", "Pen", 1, amount, "France"])
    return found


def test_levels_follow_the_season_of_a_year_before(home: Home) -> None:
    settings = (
        "[prediction]\nhorizon_days = [30]\nchurn_days = 30\nleast_customers = 300\ncutoffs = 2\n"
        "most_training_cutoffs = 3\n"
    )
    opened_store(home, quiet_seasons(), settings)
    with opened(home) as warehouse:
        there = reach(warehouse)
        assert there.as_of
        (task,) = train_models(warehouse, there, None, "").tasks
        told = task.told["season"]
        assert SEASON in task.told["reason"]
        saved = load_model(warehouse.home.models / SUBJECT)
        assert saved
        place = warehouse.home.models / SUBJECT / saved.id / "card.md"
        assert f"the season did a year before: {there.as_of} " in place.read_text()
        assert told["days"] == [str(there.as_of + timedelta(days=step)) for step in (0, 30, 60, 90)]
        # it was judged where the quiet season began, and is calibrated in it: no more is to be taken off before it ends
        values = observe(warehouse, [there.as_of], 1).values
        means = [task.model(there.as_of + timedelta(days=step)).probabilities(values).mean() for step in (0, 30, 60)]
        assert means[0] == pytest.approx(task.model().probabilities(values).mean(), rel=0.15)
        assert means[1] > 1.5 * means[0]
        assert task.model(date(2040, 1, 1)).probabilities(values).mean() == pytest.approx(
            task.model(date.fromisoformat(told["days"][-1])).probabilities(values).mean()
        )


def test_a_stray_line_of_long_ago_is_no_history(home: Home) -> None:
    lines = [*closed_for(0, 0), ["stray", "2015-01-01 12:00:00", "", "P", "Pen", 1, 5, "France"]]
    opened_store(home, lines, SETTINGS)
    with opened(home) as warehouse:
        assert reach(warehouse).first == FIRST
