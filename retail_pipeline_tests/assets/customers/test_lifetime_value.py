"""``customers.lifetime_value``: by the saved models, of today's customers, apart from what they have spent."""

from collections.abc import Iterator
from datetime import timedelta

import pandas as pd
import pytest

from retail_pipeline.analytics.btyd.bg_nbd import BgNbd
from retail_pipeline.analytics.btyd.gamma_gamma import GammaGamma
from retail_pipeline.assets.customers.lifetime_value import TABLE, never_less
from retail_pipeline.assets.frame_assets import build_frame_table
from retail_pipeline.assets.models.btyd import TABLE as PARAMETERS
from retail_pipeline.assets.models.btyd import fitting_models
from retail_pipeline.errors import ModelError
from retail_pipeline.home import Home
from retail_pipeline_tests.assets.models.purchase_store import PurchaseStore, standing
from retail_pipeline_tests.assets.models.test_btyd import DAYS, FEW, FIRST, orders
from retail_pipeline_tests.assets.store_tables import one_row, rows_of

HAND = [("hand", FIRST + timedelta(days=150), 5.0), ("hand", FIRST + timedelta(days=160), 30.0)]
"""A customer who came on two days."""


@pytest.fixture(scope="module")
def valued(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PurchaseStore]:
    """A store of 401 customers, with models and values."""
    store = PurchaseStore(Home(tmp_path_factory.mktemp("valued")).create(), FEW)
    store.give(standing([*orders(), *HAND]))
    store.build(PARAMETERS, TABLE)
    yield store
    store.close()


def parameters(store: PurchaseStore, model: str) -> dict[str, float]:
    rows = rows_of(store.warehouse, "from models.btyd_parameters where model = $model", {"model": model})
    return {row["parameter"]: row["value"] for row in rows}


def test_figures_are_those_of_the_likeliest_model_and_of_gamma_gamma(valued: PurchaseStore) -> None:
    best = one_row(
        valued.warehouse,
        "select max_by(model, log_likelihood) as model from models.btyd_parameters where model <> 'gamma_gamma'",
    )["model"]
    row = one_row(valued.warehouse, "from customers.lifetime_value where customer_id = 'hand' and horizon_days = 90")
    assert row["model"] == best == "bg_nbd"  # the customers were drawn from it
    model, spend = BgNbd(**parameters(valued, best)), GammaGamma(**parameters(valued, "gamma_gamma"))
    told = (1, 10, DAYS - 1 - 150)  # x, t_x and T in days
    assert row["p_alive"] == pytest.approx(model.p_alive(*told)[0])
    assert row["expected_orders"] == pytest.approx(model.conditional_expected_orders(90, *told)[0])
    assert row["expected_value"] == pytest.approx(row["expected_orders"] * spend.expected_spend(1, 30.0)[0])
    assert float(row["historic_value"]) == 35.0
    assert row["as_of"] == FIRST + timedelta(days=DAYS)


def test_every_customer_has_every_horizon(valued: PurchaseStore) -> None:
    rows = rows_of(
        valued.warehouse,
        "select horizon_days, count(*) as n from customers.lifetime_value group by 1 order by 1",
    )
    assert [(row["horizon_days"], row["n"]) for row in rows] == [(30, 401), (90, 401), (365, 401)]


def test_a_night_values_todays_customers_by_the_saved_models(home: Home) -> None:
    store = PurchaseStore(home, FEW + "horizon_days = [60]\n")
    try:
        store.give(standing(orders()))
        store.build(PARAMETERS, TABLE)
        before = parameters(store, "bg_nbd")
        store.give(standing([*orders(), ("new", FIRST + timedelta(days=DAYS + 9), 3.0)]))
        store.build(PARAMETERS, TABLE)
        assert parameters(store, "bg_nbd") == before
        row = one_row(store.warehouse, "from customers.lifetime_value where customer_id = 'new'")
        assert row["horizon_days"] == 60
        assert row["as_of"] == FIRST + timedelta(days=DAYS + 10)
        newcomer = BgNbd(**before).expected_orders(60)
        assert row["expected_orders"] == pytest.approx(float(newcomer))
        store.build(PARAMETERS, TABLE, training=True)
        by_days = rows_of(store.warehouse, "from customers.lifetime_value order by customer_id")
        # in weeks the parameters are others, and the customers' prospects the same
        home.settings_file.write_text(FEW + "horizon_days = [60]\ntime_unit = 'week'\n")
        store.build(PARAMETERS, TABLE)
        by_weeks = rows_of(store.warehouse, "from customers.lifetime_value order by customer_id")
        assert [row["expected_value"] for row in by_weeks] == pytest.approx(
            [row["expected_value"] for row in by_days], rel=1e-3
        )
    finally:
        store.close()


def test_without_models_nobody_has_a_value(home: Home) -> None:
    store = PurchaseStore(home)  # 400 customers are too few by the default
    try:
        store.give(standing(orders()))
        assert store.build(PARAMETERS, TABLE).count(TABLE.name) == 0
    finally:
        store.close()


def test_values_of_models_that_are_gone_are_not_replaced(home: Home) -> None:
    store = PurchaseStore(home, FEW)
    try:
        store.give(standing(orders()))
        rows = store.build(PARAMETERS, TABLE).count(TABLE.name)
        home.settings_file.write_text(FEW + "time_unit = 'week'\n")
        warehouse = store.open()
        assert fitting_models(warehouse) is None
        with pytest.raises(ModelError, match=r"retail run --select models\.btyd_parameters"):
            build_frame_table(warehouse, TABLE)
        assert warehouse.count(TABLE.name) == rows > 0
    finally:
        store.close()


def test_a_longer_time_never_brings_less_than_a_shorter_one() -> None:
    shorter = pd.DataFrame({"expected_value": [10.0, 20.0, None], "lower": [0.0, 1.0, 0.0], "upper": [50.0, 90.0, 5.0]})
    longer = pd.DataFrame({"expected_value": [30.0, 15.0, 7.0], "lower": [2.0, 0.0, 0.0], "upper": [40.0, 95.0, 9.0]})
    first, second = never_less([shorter, longer])
    assert first.equals(shorter)
    assert second["expected_value"].tolist() == [30.0, 20.0, 7.0]
    assert second["upper"].tolist() == [50.0, 95.0, 9.0]
    assert second["lower"].tolist() == [2.0, 0.0, 0.0]
