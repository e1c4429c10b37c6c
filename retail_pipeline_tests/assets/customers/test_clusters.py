"""Clusters as tables: fitted when asked or needed, else assigned by the saved model."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from retail_pipeline.assets.customers.clusters import CLUSTERS_TABLE, SELECTION_TABLE, SUBJECT, TABLES
from retail_pipeline.assets.frame_assets import build_frame_table
from retail_pipeline.definitions import CHECKS
from retail_pipeline.errors import ModelError
from retail_pipeline.home import Home
from retail_pipeline.saved_models import load_model
from retail_pipeline.settings import load_settings
from retail_pipeline.warehouse.resource import TRAIN_TAG
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline.warehouse.working_database import WorkingDatabase
from retail_pipeline_tests.analytics.clusters.blobs import customers
from retail_pipeline_tests.assets.store_tables import one_row, rows_of
from retail_pipeline_tests.stores import refresh

QUICK = """
[clusters]
feature_sets = ["rfm"]
k_max = 5
resamples = 2
"""
TYPES = {"customer_id": "varchar", "as_of": "date", "total_spend": "decimal(18, 4)"}
BUILT = [check for check in CHECKS if check.table in {table.name for table in TABLES}]


class Store:
    """A home whose customers' features are given."""

    def __init__(self, home: Home) -> None:
        self.home = home
        home.settings_file.write_text(QUICK)
        self._database = WorkingDatabase.open(home, "test-run", load_settings(home).warehouse)
        self.warehouse = self.open()

    def open(self, *, training: bool = False) -> Warehouse:
        """A run's hold on it."""
        self.warehouse = Warehouse(
            self._database.connection, self.home, load_settings(self.home), "test-run", training=training
        )
        return self.warehouse

    def give(self, frame: pd.DataFrame) -> None:
        """Replace the features."""
        told = frame.drop(columns="group").assign(as_of=pd.Timestamp("2024-05-31"))
        types = {**dict.fromkeys(told.columns, "double"), **TYPES}
        self.warehouse.write(
            "customers.features",
            told,
            row_is="a customer",
            columns=dict.fromkeys(told.columns, "what it holds"),
            types={name: types[name] for name in told.columns},
        )

    def build(self, *, training: bool = False) -> Warehouse:
        """All tables of clusters, checked."""
        warehouse = self.open(training=training)
        for table in TABLES:
            build_frame_table(warehouse, table)
        failing = {
            check.full_name: check.find(warehouse).message for check in BUILT if not check.find(warehouse).passed
        }
        assert failing == {}
        return warehouse

    @property
    def reason(self) -> str:
        """Why the model in use was fitted."""
        saved = load_model(self.home.models / SUBJECT)
        assert saved
        return str(saved.notes["reason"])

    def close(self) -> None:
        self._database.close()


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store of 180 customers in three groups, with clusters."""
    store = Store(Home(tmp_path_factory.mktemp("fitted")).create())
    store.give(customers())
    store.build()
    yield store
    store.close()


@pytest.fixture
def store(fitted: Store, tmp_path: Path) -> Iterator[Store]:
    """The same, for a test that changes it."""
    home = Home(tmp_path / "store").create()
    shutil.copytree(fitted.home.models, home.models)
    store = Store(home)
    store.give(customers())
    store.build()
    yield store
    store.close()


def test_all_customers_are_in_a_cluster_of_each_algorithm(fitted: Store) -> None:
    rows = rows_of(fitted.warehouse, "select algorithm, count(*) as n from customers.clusters group by 1 order by 1")
    assert [(row["algorithm"], row["n"]) for row in rows] == [
        ("agglomerative", 180), ("dbscan", 180), ("gaussian_mixture", 180), ("hdbscan", 180), ("kmeans", 180),
    ]  # fmt: skip
    assert fitted.warehouse.value("select count(*) from customers.clusters where is_champion") == 180


def test_profiles_add_up_to_all_customers_and_their_money(fitted: Store) -> None:
    row = one_row(
        fitted.warehouse,
        "select sum(customers) as n, sum(share_customers) as share, sum(share_revenue) as money, count(*) as clusters "
        "from customers.cluster_profiles where is_champion",
    )
    assert (row["n"], row["clusters"]) == (180, 3)
    assert row["share"] == pytest.approx(1)
    assert row["money"] == pytest.approx(1)


def test_the_first_cluster_brings_most_and_its_description_says_so(fitted: Store) -> None:
    row = one_row(
        fitted.warehouse,
        "select description, share_revenue, median_orders, sets_apart from customers.cluster_profiles "
        "where algorithm = 'kmeans' and cluster = 1",
    )
    assert row["share_revenue"] > 0.9
    assert row["median_orders"] > 30
    assert row["description"].endswith(f", 33 % of customers, {100 * row['share_revenue']:.0f} % of revenue")
    assert "total spend +" in row["sets_apart"]


def test_the_manifest_tells_the_origin_of_the_model(fitted: Store) -> None:
    saved = load_model(fitted.home.models / SUBJECT)
    assert saved
    assert saved.notes["reason"] == "none was saved by these settings and this code"
    assert saved.notes["feature_sets"] == {"rfm": ["recency_days", "orders", "total_spend"]}
    assert saved.notes["customers"] == 180
    assert set(saved.notes["versions"]) > {"scikit-learn", "numpy"}
    assert fitted.warehouse.value("select distinct model from customers.cluster_selection") == saved.id


def test_the_dendrogram_is_stored_and_pictures_are_told(fitted: Store) -> None:
    saved = load_model(fitted.home.models / SUBJECT)
    assert saved
    assert saved.arrays["rfm"]["linkage"].shape == (179, 4)
    assert SELECTION_TABLE.tell is not None
    told = {**SELECTION_TABLE.tell(fitted.warehouse), **TABLES[2].tell(fitted.warehouse)}
    for name in ("elbow_and_silhouette_rfm", "dendrogram_rfm", "distance_curve_rfm", "map_rfm"):
        assert told[name].md_str.startswith("![")
        assert "data:image/svg+xml;base64," in told[name].md_str


def test_a_night_with_new_customers_assigns_and_does_not_fit(store: Store) -> None:
    model = store.warehouse.value("select min(model) from customers.cluster_selection")
    before = rows_of(store.warehouse, "select * from customers.clusters where algorithm = 'kmeans'")
    newcomers = customers(of_each=4, seed=9)
    newcomers["customer_id"] = "N" + newcomers["customer_id"]
    store.give(pd.concat([customers(), newcomers], ignore_index=True))
    warehouse = store.build()
    assert warehouse.value("select min(model) from customers.cluster_selection") == model
    now = rows_of(warehouse, "select * from customers.clusters where algorithm = 'kmeans'")
    assert [row for row in now if not row["customer_id"].startswith("N")] == sorted(
        before, key=lambda row: row["customer_id"]
    )
    assert len(now) == 192


def test_training_on_the_same_customers_leads_to_the_same_model(store: Store) -> None:
    model = store.warehouse.value("select min(model) from customers.cluster_selection")
    warehouse = store.build(training=True)
    assert store.reason == "a training was asked for"
    assert warehouse.value("select min(model) from customers.cluster_selection") == model


def test_a_training_keeps_numbers_and_names(store: Store) -> None:
    named = "select distinct cluster, persona from customers.clusters where algorithm = 'kmeans' order by 1"
    before = rows_of(store.warehouse, named)
    # the lapsed have bought most, so by value they would be first
    frame = customers(seed=5)
    frame.loc[frame["group"] == "lapsed", "total_spend"] *= 1.05
    store.give(frame)
    warehouse = store.build(training=True)
    assert rows_of(warehouse, named) == before


def test_a_run_with_the_tag_of_a_training_fits_anew(store: Store) -> None:
    store.close()
    result = refresh(store.home, select=[SELECTION_TABLE.name], tags={TRAIN_TAG: "true"})
    assert result.success
    assert store.reason == "a training was asked for"


def test_a_model_saved_by_a_training_that_was_killed_is_taken_up_by_the_next_run(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.give(customers(seed=5))
    store.build()
    with monkeypatch.context() as killed:
        killed.setattr(Warehouse, "write", _be_killed)
        with pytest.raises(KeyboardInterrupt):
            build_frame_table(store.open(training=True), SELECTION_TABLE)
    saved = load_model(store.home.models / SUBJECT)
    assert saved
    assert store.warehouse.value("select min(model) from customers.cluster_selection") != saved.id
    warehouse = store.build()
    assert warehouse.value("select min(model) from customers.cluster_selection") == saved.id
    assert SELECTION_TABLE.tell(warehouse)["model"] == saved.id


def _be_killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_other_settings_ask_for_a_new_model(store: Store) -> None:
    store.home.settings_file.write_text(QUICK.replace("k_max = 5", "k_max = 4"))
    warehouse = store.build()
    assert warehouse.value("select max(k) from customers.cluster_selection where algorithm = 'kmeans'") == 4
    assert store.reason == "none was saved by these settings and this code"


def test_tables_of_a_model_that_is_gone_are_not_emptied(store: Store) -> None:
    rows = store.warehouse.count(CLUSTERS_TABLE.name)
    store.home.settings_file.write_text(QUICK.replace("k_max = 5", "k_max = 4"))
    with pytest.raises(ModelError, match=r"retail run --select customers\.cluster_selection"):
        build_frame_table(store.open(), CLUSTERS_TABLE)
    assert store.warehouse.count(CLUSTERS_TABLE.name) == rows


@pytest.mark.parametrize("name", ["model.json", "rfm.npz", "manifest.json"])
def test_a_changed_model_is_refused_and_fitted_anew(store: Store, name: str) -> None:
    folder = store.home.models / SUBJECT
    model = json.loads((folder / "current.json").read_text())["id"]
    (folder / model / name).write_bytes(b"{}")
    warehouse = store.build()
    assert store.reason.startswith("the saved one was refused: ")
    assert name in store.reason or "cannot be read" in store.reason
    assert warehouse.value("select min(model) from customers.cluster_selection") == model


@pytest.mark.parametrize("count", [0, 1, 16])
def test_too_few_customers_have_no_clusters_and_are_told_why(home: Home, count: int) -> None:
    store = Store(home)
    try:
        store.give(customers(of_each=17).head(count))
        warehouse = store.build()
        assert [warehouse.count(table.name) for table in TABLES] == [0, 0, 0, 0]
        told = SELECTION_TABLE.tell(warehouse)
        assert told == {"no_clusters": f"{count} customers, fewer than clusters.least_customers = 50"}
        assert not (home.models / SUBJECT).exists()
        store.give(customers(of_each=17))
        assert store.build().count(CLUSTERS_TABLE.name) == 51 * 5
    finally:
        store.close()


def test_customers_all_alike_have_no_clusters(home: Home) -> None:
    store = Store(home)
    try:
        same = pd.concat([customers(of_each=1, groups=("new",))] * 60, ignore_index=True)
        store.give(same.assign(customer_id=[str(number) for number in range(60)]))
        warehouse = store.build(training=True)
        assert warehouse.count(CLUSTERS_TABLE.name) == 0
        assert SELECTION_TABLE.tell(warehouse) == {"no_clusters": "the measures tell no two customers apart"}
    finally:
        store.close()
