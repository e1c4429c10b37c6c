"""Models of spend in a store: labels, training, keeping, the values of customers, and too little data."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retail_pipeline.analytics.prediction import trees
from retail_pipeline.analytics.prediction.matrix import FEATURES
from retail_pipeline.analytics.prediction.spend_models import BASELINES, CANDIDATES
from retail_pipeline.assets.customers import lifetime_value
from retail_pipeline.assets.frame_assets import build_frame_table
from retail_pipeline.assets.models import btyd, purchase
from retail_pipeline.assets.models.model_card import model_card
from retail_pipeline.assets.models.purchase_labels import contents, customer_number, observe_spend, reach, see
from retail_pipeline.assets.models.value_card import value_card
from retail_pipeline.assets.models.value_training import (
    SUBJECT,
    FittedValue,
    ValueTask,
    _see,
    _train_task,
    fitting_values,
    usable_values,
)
from retail_pipeline.definitions import CHECKS
from retail_pipeline.errors import ModelError
from retail_pipeline.home import Home
from retail_pipeline.saved_models import load_model
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.assets.models.test_btyd import DAYS, FIRST, orders
from retail_pipeline_tests.assets.models.test_purchase import store_of
from retail_pipeline_tests.assets.store_tables import one_row, rows_of
from retail_pipeline_tests.stores import opened

SETTINGS = (
    "[clv]\nhorizon_days = [14, 30, 365]\nleast_customers = 300\nmost_training_cutoffs = 3\n[prediction]\ncutoffs = 2\n"
)
AS_OF = FIRST + timedelta(days=DAYS)
TABLES = (btyd.TABLE, *purchase.TABLES, lifetime_value.TABLE)
JUDGED = ("clv_14d", "clv_30d")


def build(warehouse: Warehouse, *, training: bool = False) -> None:
    """All tables of spend, checked."""
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
        patch.setattr(trees, "BOOSTED_TREES", 15)
        patch.setattr(trees, "FOREST_TREES", 8)
        yield


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home with models, closed; there are too few customers for models of purchases."""
    home = Home(tmp_path_factory.mktemp("valued")).create()
    store_of(home, SETTINGS)
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
    return rows_of(warehouse, "from models.champions where starts_with(task, 'clv_') order by horizon_days")


def test_labels_are_what_was_spent_in_the_days_after(trained: Warehouse) -> None:
    cutoff = FIRST + timedelta(days=120)
    found = observe_spend(trained, see(trained, [cutoff]), [cutoff], 30)
    spent: dict[int, float] = {}
    for customer, day, amount in orders():
        if cutoff <= day < cutoff + timedelta(days=30):
            spent[customer_number(customer)] = spent.get(customer_number(customer), 0) + amount
    known = {customer_number(customer) for customer, day, _ in orders() if day < cutoff}
    assert set(found.customers.tolist()) == known
    told = dict(zip(found.customers.tolist(), found.spend.tolist(), strict=True))
    assert told == pytest.approx({customer: spent.get(customer, 0.0) for customer in known})


def test_every_model_is_measured_beside_the_baselines_on_every_split(trained: Warehouse) -> None:
    rows = rows_of(trained, "select distinct task, split, model, is_baseline from models.metrics")
    assert {(row["task"], row["split"], row["model"], row["is_baseline"]) for row in rows} == {
        (task, split, model, model in BASELINES)
        for task in JUDGED
        for split in ("train", "validation", "test")
        for model in (*BASELINES, *CANDIDATES)
    }


def test_the_test_cutoff_is_the_last_whose_outcome_is_known(trained: Warehouse) -> None:
    for row in champions(trained)[:2]:
        assert row["test_cutoff"] == AS_OF - timedelta(days=row["horizon_days"])
        assert row["learned_until"] == AS_OF
    saved = load_model(trained.home.models / SUBJECT)
    assert saved
    for days, told in saved.numbers["tasks"].items():
        if told["model"]:
            assert date.fromisoformat(told["learned_from"][-1]) + timedelta(days=int(days)) <= AS_OF


def test_a_year_that_cannot_be_held_out_is_left_to_btyd_and_said_so(trained: Warehouse) -> None:
    *_, year = champions(trained)
    assert (year["task"], year["model"]) == ("clv_365d", None)
    assert year["reason"] == "too little data: 210 days of history, fewer than 820"
    rows = rows_of(trained, "select distinct horizon_days, model, is_validated, reason from customers.lifetime_value")
    told = {row["horizon_days"]: row for row in rows}
    assert len(rows) == 3
    assert not told[365]["is_validated"]
    assert told[365]["model"] in ("bg_nbd", "mbg_nbd", "pareto_nbd")
    assert told[365]["reason"] == year["reason"]
    assert told[30]["is_validated"]
    assert told[14]["is_validated"]


def test_values_are_those_of_the_saved_champions(trained: Warehouse) -> None:
    fitted = fitting_values(trained)
    assert fitted
    values = see(trained, [AS_OF]).values  # the customers of today
    told = np.array([task.model().expected(values) for task in fitted.served])
    rows = rows_of(trained, "from customers.lifetime_value where is_validated order by horizon_days, customer_id")
    found = np.array([row["expected_value"] for row in rows]).reshape(2, -1)
    fine = told[0] <= told[1]
    assert fine.mean() > 0.5
    assert np.allclose(found[:, fine], told[:, fine])
    assert np.allclose(found[:, ~fine], told[:, ~fine].mean(axis=0))  # more time brings no less
    upper = np.array([row["upper"] for row in rows]).reshape(2, -1)
    assert np.allclose(upper[1], np.maximum(upper[0], fitted.served[1].model().ranges.ends(found[1])[1]))
    assert {row["model"] for row in rows[: len(rows) // 2]} == {fitted.served[0].champion}


def test_historic_value_is_what_was_spent(trained: Warehouse) -> None:
    spent: dict[str, float] = {}
    for customer, _, amount in orders():
        spent[customer] = spent.get(customer, 0) + amount
    row = one_row(trained, "select sum(historic_value) as total from customers.lifetime_value where horizon_days = 30")
    assert float(row["total"]) == pytest.approx(sum(spent.values()))


def test_a_card_and_pictures_are_told(trained: Warehouse, built: Home) -> None:
    row, *_ = champions(trained)
    card = (built.models / SUBJECT / row["saved_model"] / "card.md").read_text()
    for text in (
        row["data_hash"],
        str(trees.SEED),
        "xgboost",
        "top_decile_gain",
        "## Limits",
        row["reason"],
        *FEATURES,
    ):
        assert text in card
    told = purchase.CHAMPIONS_TABLE.tell(trained)
    assert told["spend_model_card"].value == card
    assert told["no_models"] == "too little data: 400 customers, fewer than prediction.least_customers = 500"
    assert set(purchase.METRICS_TABLE.tell(trained)) == {"deciles_clv_14d", "deciles_clv_30d"}


@pytest.mark.parametrize("write", [value_card, model_card])
def test_a_card_tells_of_the_nearest_time_first(write: Callable[..., str]) -> None:
    none = {"model": None, "reason": "too little data"}
    tasks = json.loads(json.dumps({"111": none, "30": none, "7": none}, sort_keys=True))  # as it is saved
    card = write({"tasks": tasks, "made_by": "x"}, {"versions": {}})
    assert [line.split()[-2] for line in card.splitlines() if line.endswith(" days")] == ["7", "30", "111"]


def test_curves_weights_and_drift_are_there_for_each_task(trained: Warehouse) -> None:
    curves = rows_of(trained, "select distinct task, curve from models.curves order by all")
    assert [(row["task"], row["curve"]) for row in curves] == [
        (task, curve) for task in JUDGED for curve in ("deciles", "gain")
    ]
    weights = rows_of(trained, "select task, count(*) as n from models.feature_importance group by 1 order by 1")
    assert [row["task"] for row in weights] == list(JUDGED)
    drift = rows_of(trained, "select task from models.drift where feature = 'expected_value' order by 1")
    assert [row["task"] for row in drift] == list(JUDGED)


def test_a_run_without_news_leaves_all_tables(trained: Warehouse) -> None:
    assert [build_frame_table(trained, table).mode for table in TABLES] == ["unchanged"] * len(TABLES)


def test_a_training_without_a_later_outcome_keeps_what_serves(changing: Warehouse) -> None:
    before = champions(changing)
    build(changing, training=True)
    assert champions(changing) == before
    saved = load_model(changing.home.models / SUBJECT)
    assert saved
    assert "stays: no outcome is known yet" in saved.notes["decisions"]["30"]


def earlier(warehouse: Warehouse, **changes: Any) -> FittedValue:
    """The models as if they had been trained before the test cut-off, with one task alone."""
    fitted = fitting_values(warehouse)
    assert fitted
    day = AS_OF - timedelta(days=30)
    told = {**fitted.tasks[1].told, "as_of": day.isoformat(), "data_hash": contents(warehouse, day), **changes}
    return replace(fitted, tasks=(ValueTask(30, told),))


def test_a_challenger_takes_over_only_if_it_is_better(changing: Warehouse) -> None:
    there = reach(changing)
    ranges = {"bounds": [], "lower": [0.0], "upper": [9.0], "least": 1.0}
    absurd = {"name": "mean", "fitted": {"mean": 10_000.0}, "level": 1.0, "ranges": ranges}
    (weak,) = earlier(changing, model=absurd).tasks
    seen = _see(changing, there, [14, 30])  # the days of another horizon do no harm
    task, told = _train_task(changing, there, 30, weak, seen)
    assert task.champion != "mean" or task.told["model"]["fitted"]["mean"] < 10_000
    assert "serves" in told
    (knowing,) = earlier(changing).tasks
    task, told = _train_task(changing, there, 30, knowing, seen)
    assert (task == knowing) == ("stays: a capped error of" in told)


def test_a_changed_model_is_refused_and_trained_anew(changing: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    model_id = champions(changing)[0]["saved_model"]
    place = changing.home.models / SUBJECT / model_id / "model.json"
    told = json.loads(place.read_text())
    told["tasks"]["30"]["model"]["level"] = 9
    place.write_text(json.dumps(told))
    monkeypatch.setattr(changing, "run_id", "another-run")
    with pytest.raises(ModelError, match="changed since it was saved"):
        fitting_values(changing)
    build(changing)
    assert champions(changing)[0]["saved_model"] == model_id  # the same data make the same models, whichever run
    saved = load_model(changing.home.models / SUBJECT)
    assert saved
    assert "refused" in saved.notes["reason"]
    fitted = fitting_values(changing)
    assert fitted
    assert {task.told["run_id"] for task in fitted.served} == {"another-run"}


def test_models_that_learned_from_days_after_as_of_do_not_serve(changing: Warehouse) -> None:
    there = reach(changing)
    assert usable_values(changing, there)[1] == ""
    fitted, reason = usable_values(changing, replace(there, as_of=AS_OF - timedelta(days=20)))
    assert fitted is None
    assert reason == f"the saved ones have learned from days after {AS_OF - timedelta(days=20)}"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ("least_customers = 401", "too little data: 400 customers, fewer than clv.least_customers = 401"),
        ("least_days = 211", "too little data: 210 days of history, fewer than clv.least_days = 211"),
        ("least_history_days = 190", "too little data: 210 days of history, fewer than 248"),
    ],
)
def test_too_little_data_is_told(built: Home, home: Home, changed: str, why: str) -> None:
    shutil.copytree(built.root, home.root, dirs_exist_ok=True, ignore=shutil.ignore_patterns("models"))
    name = changed.split(" = ")[0]
    lines = [line for line in SETTINGS.splitlines() if not line.startswith(f"{name} =")]
    home.settings_file.write_text("\n".join([lines[0], changed, *lines[1:], ""]))
    with opened(home) as warehouse:
        build(warehouse)
        assert why in [row["reason"] for row in champions(warehouse)]
        assert [row["model"] for row in champions(warehouse)] == [None] * 3
        assert warehouse.value("select count(*) from customers.lifetime_value where is_validated") == 0
        told = purchase.CHAMPIONS_TABLE.tell(warehouse)
        assert why in (told.get("no_models_of_spend"), told.get("spend_decision_14d"), told.get("spend_decision_30d"))
