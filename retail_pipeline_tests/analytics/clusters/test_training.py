"""Clusters as a whole: planted groups come back, and no result depends on what it should not depend on."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from retail_pipeline.analytics.clusters import models
from retail_pipeline.analytics.clusters.algorithms import ALGORITHMS, fit_gaussian_mixture, fit_kmeans, ward_linkage
from retail_pipeline.analytics.clusters.scores import adjusted_rand
from retail_pipeline.analytics.clusters.search import Candidate, Limits, choose, crown
from retail_pipeline.analytics.clusters.training import Clustering, train
from retail_pipeline_tests.analytics.clusters.blobs import QUICK, codes, customers


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return customers()


@pytest.fixture(scope="module")
def clustering(frame: pd.DataFrame) -> Clustering:
    found = train(frame, "rfm", QUICK)
    assert found
    return found


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_planted_groups_are_recovered(frame: pd.DataFrame, clustering: Clustering, algorithm: str) -> None:
    clusters = clustering.assign(frame)[algorithm]
    known = clusters != models.NOISE
    assert known.all() if algorithm not in ("dbscan", "hdbscan") else known.mean() > 0.8
    assert adjusted_rand(clusters[known], codes(frame)[known]) > 0.99


def test_the_number_of_clusters_is_that_of_the_groups(clustering: Clustering) -> None:
    chosen = {row["algorithm"]: row["k"] for row in clustering.selection if row["chosen"]}
    assert chosen == dict.fromkeys(ALGORITHMS, 3)


def test_every_number_of_clusters_has_all_scores(clustering: Clustering) -> None:
    rows = [row for row in clustering.selection if row["algorithm"] == "kmeans"]
    assert [row["k"] for row in rows] == [2, 3, 4, 5, 6]
    scores = ("silhouette", "calinski_harabasz", "davies_bouldin", "inertia", "gap", "gap_error", "stability_ari")
    assert all(row[name] is not None for row in rows for name in scores)
    assert [row["k"] for row in rows if row["is_elbow"]] == [3]
    assert np.all(np.diff([row["inertia"] for row in rows]) < 0)


def test_shuffled_rows_and_other_names_change_nothing(frame: pd.DataFrame, clustering: Clustering) -> None:
    shuffled = frame.sample(frac=1, random_state=4)
    renamed = shuffled.assign(customer_id=[f"Z{number}" for number in range(len(frame))][::-1])
    for other in (shuffled, renamed):
        again = train(other, "rfm", QUICK)
        assert again
        for name, clusters in again.assign(frame).items():
            assert np.array_equal(clusters, clustering.assign(frame)[name]), name
        assert again.selection == clustering.selection


def test_money_in_pence_changes_no_label() -> None:
    frame = customers(of_each=30)
    pence = frame.assign(total_spend=frame["total_spend"] * 100, avg_order_value=frame["avg_order_value"] * 100)
    one, other = train(frame, "classic", QUICK), train(pence, "classic", QUICK)
    assert one
    assert other
    for name, clusters in one.assign(frame).items():
        assert np.array_equal(clusters, other.assign(pence)[name]), name


def test_equal_customers_are_in_equal_clusters(frame: pd.DataFrame) -> None:
    doubled = pd.concat([frame, frame.assign(customer_id="Z" + frame["customer_id"])], ignore_index=True)
    found = train(doubled, "rfm", QUICK)
    assert found
    for clusters in found.assign(doubled).values():
        assert np.array_equal(clusters[: len(frame)], clusters[len(frame) :])


def test_a_new_customer_is_assigned_without_fitting(frame: pd.DataFrame, clustering: Clustering) -> None:
    new = customers(of_each=5, seed=99)
    together = pd.concat([frame, new], ignore_index=True)
    for name, clusters in clustering.assign(new).items():
        assert np.array_equal(clusters, clustering.assign(together)[name][-len(new) :])
        groups = pd.Series(clustering.assign(frame)[name]).groupby(frame["group"]).agg(lambda one: one.mode()[0])
        known = clusters != models.NOISE
        assert known.mean() > 0.6
        assert np.array_equal(clusters[known], new["group"].map(groups)[known])


def test_a_place_on_the_map_does_not_depend_on_other_customers(frame: pd.DataFrame, clustering: Clustering) -> None:
    alone = [clustering.place(frame.iloc[[row]])[0] for row in range(40)]
    assert np.array_equal(clustering.place(frame)[:40], alone)


def test_a_clustering_told_as_numbers_and_arrays_is_the_same(frame: pd.DataFrame, clustering: Clustering) -> None:
    again = Clustering.of(clustering.to_json(), clustering.arrays())
    for name, clusters in again.assign(frame).items():
        assert np.array_equal(clusters, clustering.assign(frame)[name])
    assert np.array_equal(again.place(frame), clustering.place(frame))
    assert again.champion == clustering.champion


def test_a_retrained_model_keeps_the_numbers_of_the_last_one(frame: pd.DataFrame, clustering: Clustering) -> None:
    before = {
        name: pd.Series((clusters * 7) % 4 + 10, index=frame["customer_id"])
        for name, clusters in clustering.assign(frame).items()
        if name == "kmeans"
    }
    again = train(frame, "rfm", QUICK, before=before)
    assert again
    assert np.array_equal(again.assign(frame)["kmeans"], before["kmeans"].to_numpy())


def test_clusters_are_numbered_by_what_they_bring(frame: pd.DataFrame, clustering: Clustering) -> None:
    brought = frame.groupby(clustering.assign(frame)["kmeans"])["total_spend"].sum()
    assert brought.sort_values(ascending=False).index.tolist() == [1, 2, 3]


def test_customers_without_any_difference_have_no_clusters() -> None:
    same = pd.concat([customers(of_each=1, groups=("new",))] * 60, ignore_index=True)
    same["customer_id"] = [str(number) for number in range(60)]
    assert train(same, "classic", QUICK) is None


def test_two_kinds_of_customers_have_two_clusters() -> None:
    two = pd.concat([customers(of_each=1, groups=("new", "regulars"))] * 30, ignore_index=True)
    two["customer_id"] = [str(number) for number in range(60)]
    found = train(two, "rfm", QUICK)
    assert found
    assert adjusted_rand(found.assign(two)["kmeans"], codes(two)) == 1


def test_above_the_limits_samples_and_mini_batches_find_the_same_groups() -> None:
    frame = customers(of_each=700)
    found = train(frame, "rfm", replace(QUICK, sample=300, exact=500))
    assert found
    for name, clusters in found.assign(frame).items():
        known = clusters != models.NOISE
        assert known.mean() > 0.8, name
        assert adjusted_rand(clusters[known], codes(frame)[known]) > 0.99, name
    assert len(found.linkage) == 299
    inertia = {row["k"]: row["inertia"] for row in found.selection if row["algorithm"] == "kmeans"}
    exact = train(frame, "rfm", replace(QUICK, sample=300, exact=5_000, algorithms=("kmeans",)))
    assert exact
    assert exact.selection[1]["inertia"] == pytest.approx(inertia[3], rel=0.05)


def test_assigning_is_what_scikit_learn_predicts() -> None:
    from sklearn.cluster import KMeans
    from sklearn.mixture import GaussianMixture

    points = np.random.default_rng(8).normal(size=(400, 3))
    expected = KMeans(4, n_init=10, random_state=3).fit(points)
    assert np.array_equal(fit_kmeans(points, 4, 3).assign(points), expected.labels_)
    mixture, bic = fit_gaussian_mixture(points, 3, 3)
    reference = GaussianMixture(3, reg_covar=0.05, max_iter=200, random_state=3).fit(points)
    assert np.array_equal(mixture.assign(points), reference.predict(points))
    assert bic == pytest.approx(reference.bic(points))


def test_neighbours_lend_their_cluster_within_reach() -> None:
    known = models.Neighbours.of(np.array([[0.0], [10.0]]), np.array([0, 1]), reach=2.0)
    assert known.assign(np.array([[1.0], [9.0], [5.0]])).tolist() == [0, 1, models.NOISE]


def test_the_tree_merges_what_is_nearest_first() -> None:
    linkage = ward_linkage(np.array([[0.0], [1.0], [10.0], [12.0]]))
    assert linkage[:2, :2].astype(int).tolist() == [[0, 1], [2, 3]]
    assert linkage[-1, 3] == 4


def candidate(algorithm: str, k: int, silhouette: float | None, **more: float) -> Candidate:
    values = {"stability_ari": 1.0, "noise_share": 0.0, "smallest_share": 0.2, **more}
    model = models.Centroids(np.zeros((k, 1)))
    return Candidate(algorithm, k, model, silhouette, None, None, 0.0, **values)


def test_the_number_of_clusters_has_the_highest_silhouette_in_the_range_and_is_the_smaller_of_equal_ones() -> None:
    tried = [candidate("kmeans", k, value) for k, value in {2: 0.9, 3: 0.4, 4: 0.6, 5: 0.6, 6: 0.5}.items()]
    assert choose(tried, Limits(k_min=3)).k == 4
    assert choose(tried, Limits(k_min=2)).k == 2
    assert choose(tried[:1], Limits(k_min=3)).k == 2


def test_the_last_number_of_clusters_stays_while_its_silhouette_is_nearly_the_highest() -> None:
    tried = [candidate("kmeans", k, value) for k, value in {3: 0.39, 4: 0.40, 5: 0.37}.items()]
    assert [choose(tried, Limits(), before).k for before in (None, 3, 4, 5, 8)] == [4, 3, 4, 4, 4]


def test_the_champion_stands_highest_of_those_that_may_lead() -> None:
    chosen = {
        "kmeans": candidate("kmeans", 4, 0.5, stability_ari=0.9),
        "agglomerative": candidate("agglomerative", 4, 0.6, stability_ari=0.5),
        "dbscan": candidate("dbscan", 3, 0.9, noise_share=0.2),
        "hdbscan": candidate("hdbscan", 4, 0.9, smallest_share=0.001),
        "gaussian_mixture": candidate("gaussian_mixture", 2, 0.9),
    }
    assert crown(chosen, Limits()) == "kmeans"
    assert crown({**chosen, "agglomerative": candidate("agglomerative", 4, 0.6)}, Limits()) == "agglomerative"
    assert crown({name: chosen[name] for name in ("kmeans", "dbscan")}, Limits(least_share=0.5)) == "kmeans"
