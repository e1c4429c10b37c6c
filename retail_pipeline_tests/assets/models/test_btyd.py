"""``models.btyd_parameters``: fitted when asked or needed, else kept, and empty where there is too little."""

import json
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retail_pipeline.analytics.btyd.bg_nbd import BgNbd
from retail_pipeline.analytics.btyd.fitting import fit
from retail_pipeline.analytics.btyd.summaries import summarise
from retail_pipeline.assets.models.btyd import SUBJECT, TABLE
from retail_pipeline.home import Home
from retail_pipeline.saved_models import load_model
from retail_pipeline_tests.assets.models.purchase_store import Order, PurchaseStore, standing
from retail_pipeline_tests.assets.store_tables import rows_of

FIRST, DAYS = date(2024, 1, 1), 210
FEW = "[clv]\nleast_customers = 300\n"
LETTERS = {
    "bg_nbd": ["r", "alpha", "a", "b"],
    "mbg_nbd": ["r", "alpha", "a", "b"],
    "pareto_nbd": ["r", "alpha", "s", "beta"],
    "gamma_gamma": ["p", "q", "v"],
}


def orders(customers: int = 400, *, seed: int = 1, days: int = DAYS) -> list[Order]:
    """Customers who buy at rates of their own and may leave after each purchase."""
    rng = np.random.default_rng(seed)
    found: list[Order] = [("closing", FIRST, 1.0), ("closing", FIRST + timedelta(days=days - 1), 1.0)]
    for number in range(customers - 1):
        time, worth = float(rng.integers(0, days // 2)), rng.gamma(4, 10)
        rate, leaves = rng.gamma(0.7, 1 / 20), rng.beta(0.8, 4)
        while time < days:
            found.append(
                (f"c{number}", FIRST + timedelta(days=int(time)), round(worth * rng.gamma(6, 1 / 6) + 0.01, 2))
            )
            if len(found) > 1 and found[-2][0] == f"c{number}" and rng.random() < leaves:
                break
            time += rng.exponential(1 / rate)
    return found


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PurchaseStore]:
    """A store of 400 customers, with models."""
    store = PurchaseStore(Home(tmp_path_factory.mktemp("fitted")).create(), FEW)
    store.give(standing(orders()))
    store.build(TABLE)
    yield store
    store.close()


@pytest.fixture
def store(fitted: PurchaseStore, tmp_path: Path) -> Iterator[PurchaseStore]:
    """The same, for a test that changes it."""
    home = Home(tmp_path / "store").create()
    shutil.copytree(fitted.home.models, home.models)
    store = PurchaseStore(home, FEW)
    store.give(standing(orders()))
    store.build(TABLE)
    yield store
    store.close()


def parameters(store: PurchaseStore, model: str = "bg_nbd") -> dict[str, float]:
    rows = rows_of(
        store.warehouse, "select parameter, value from models.btyd_parameters where model = $model", {"model": model}
    )
    return {row["parameter"]: row["value"] for row in rows}


def reason(store: PurchaseStore) -> str:
    """Why the models in use were fitted."""
    saved = load_model(store.home.models / SUBJECT)
    assert saved
    return str(saved.notes["reason"])


def test_the_table_holds_what_the_models_find_in_the_customers(fitted: PurchaseStore) -> None:
    days: dict[str, set[date]] = {}
    for customer, day, _ in orders():
        days.setdefault(customer, set()).add(day)
    end = FIRST + timedelta(days=DAYS - 1)
    told = [(len(of) - 1, (max(of) - min(of)).days, (end - min(of)).days) for of in days.values()]
    expected = fit(BgNbd, summarise(*zip(*told, strict=True)))
    assert list(parameters(fitted).values()) == pytest.approx(expected.values.tolist(), rel=1e-9)
    rows = rows_of(fitted.warehouse, "from models.btyd_parameters where model = 'bg_nbd'")
    assert [row["std_error"] for row in rows] == pytest.approx(expected.std_errors.tolist(), rel=1e-6)
    one = rows[0]
    assert one["log_likelihood"] == pytest.approx(expected.log_likelihood)
    assert (one["customers"], one["time_unit"], one["calibration_end"], one["converged"]) == (400, "day", end, True)


def test_cdnow_gives_the_published_parameters(cdnow: Path, home: Home) -> None:
    store = PurchaseStore(home, "[clv]\ncalibration_end = 1997-09-30\ntime_unit = 'week'\n")
    try:
        lines = [line.split() for line in cdnow.read_text().splitlines()]
        days = [f"{day[:4]}-{day[4:6]}-{day[6:]}" for _, _, day, _, _ in lines]
        given = [(line[1], date.fromisoformat(day), float(line[4])) for line, day in zip(lines, days, strict=True)]
        store.give(standing(given))
        store.build(TABLE)
        published = {
            "bg_nbd": (0.243, 4.414, 0.793, 2.426),
            "mbg_nbd": (0.525, 6.183, 0.891, 1.614),
            "pareto_nbd": (0.553, 10.578, 0.606, 11.668),
            "gamma_gamma": (6.25, 3.744, 15.444),
        }
        for model, values in published.items():
            assert list(parameters(store, model).values()) == pytest.approx(values, abs=0.0011)
    finally:
        store.close()


def test_every_model_has_its_letters(fitted: PurchaseStore) -> None:
    for model, letters in LETTERS.items():
        assert list(parameters(fitted, model)) == letters


def test_the_materialisation_tells_of_the_training(fitted: PurchaseStore) -> None:
    told = TABLE.tell(fitted.warehouse)
    assert told["reason"] == "none was saved by these settings and this code"
    assert (told["customers"], told["history_days"], told["repeat_customers_without_value"]) == (400, DAYS, 0)
    assert told["saved_model"] == fitted.warehouse.value("select distinct saved_model from models.btyd_parameters")


def test_a_night_with_new_orders_keeps_the_parameters(store: PurchaseStore) -> None:
    before = parameters(store)
    store.give(standing([*orders(), ("new", FIRST + timedelta(days=DAYS), 3.0)]))
    store.build(TABLE)
    assert parameters(store) == before


def test_a_training_finds_what_there_is_then(store: PurchaseStore) -> None:
    before = parameters(store)
    store.give(standing(orders(seed=2)))
    store.build(TABLE, training=True)
    assert reason(store) == "a training was asked for"
    assert parameters(store) != before


def test_a_training_on_the_same_orders_in_another_order_leads_to_the_same_models(store: PurchaseStore) -> None:
    saved = store.warehouse.value("select min(saved_model) from models.btyd_parameters")
    mixed = standing(orders())
    np.random.default_rng(3).shuffle(mixed)  # type: ignore[arg-type]
    store.give(mixed)
    store.build(TABLE, training=True)
    assert store.warehouse.value("select min(saved_model) from models.btyd_parameters") == saved


def test_in_weeks_alpha_is_a_seventh(store: PurchaseStore) -> None:
    by_days, likely = parameters(store), log_likelihoods(store)
    store.home.settings_file.write_text(FEW + "time_unit = 'week'\n")
    store.build(TABLE)
    by_weeks = parameters(store)
    assert reason(store) == "none was saved by these settings and this code"
    assert by_weeks["alpha"] == pytest.approx(by_days["alpha"] / 7, rel=1e-3)
    assert [by_weeks[letter] for letter in "rab"] == pytest.approx([by_days[letter] for letter in "rab"], rel=5e-3)
    # a density by weeks is seven times that by days, for each repeat
    repeats = len({(customer, day) for customer, day, _ in orders()}) - 400
    assert log_likelihoods(store)["bg_nbd"] == pytest.approx(likely["bg_nbd"] + repeats * np.log(7), abs=1e-3)
    assert log_likelihoods(store)["gamma_gamma"] == pytest.approx(likely["gamma_gamma"])


def log_likelihoods(store: PurchaseStore) -> dict[str, float]:
    rows = rows_of(store.warehouse, "select distinct model, log_likelihood from models.btyd_parameters")
    return {row["model"]: row["log_likelihood"] for row in rows}


def test_purchases_after_the_end_of_the_calibration_change_nothing(store: PurchaseStore) -> None:
    end = FIRST + timedelta(days=190)
    store.home.settings_file.write_text(f"{FEW}calibration_end = {end}\n")
    store.build(TABLE)
    before = parameters(store)
    store.give(standing([one for one in orders() if one[1] <= end]))
    store.build(TABLE, training=True)
    assert parameters(store) == before


@pytest.mark.parametrize("name", ["model.json", "manifest.json"])
def test_changed_models_are_refused_and_fitted_anew(store: PurchaseStore, name: str) -> None:
    folder, before = store.home.models / SUBJECT, parameters(store)
    model = json.loads((folder / "current.json").read_text())["id"]
    (folder / model / name).write_bytes(b"{}")
    store.build(TABLE)
    assert reason(store).startswith("the saved one was refused: ")
    assert parameters(store) == before


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"customers": 299}, "too little data: 299 customers, fewer than clv.least_customers = 300"),
        ({"days": 179}, "too little data: 179 days, fewer than clv.least_days = 180"),
    ],
)
def test_too_little_data_is_told_and_not_guessed(home: Home, given: dict[str, Any], why: str) -> None:
    store = PurchaseStore(home, FEW)
    try:
        store.give(standing(orders(**given)))
        store.build(TABLE)
        assert store.warehouse.count(TABLE.name) == 0
        assert TABLE.tell(store.warehouse) == {"no_models": why}
        assert not (home.models / SUBJECT).exists()
    finally:
        store.close()
