"""Scores against scikit-learn's, and by hand."""

import numpy as np
import pytest
from sklearn import metrics
from sklearn.cluster import KMeans

from retail_pipeline.analytics.clusters import scores
from retail_pipeline.analytics.clusters.algorithms import fit_kmeans, knee

RNG = np.random.default_rng(5)
POINTS = RNG.normal(size=(200, 3)) + RNG.integers(0, 3, 200)[:, None] * 4
LABELS = KMeans(4, n_init=1, random_state=0).fit_predict(POINTS).astype(np.int64)


def test_scores_are_those_of_scikit_learn() -> None:
    assert scores.Distances(POINTS).silhouette(LABELS) == pytest.approx(
        metrics.silhouette_score(POINTS, LABELS), abs=1e-5
    )
    assert scores.calinski_harabasz(POINTS, LABELS) == pytest.approx(metrics.calinski_harabasz_score(POINTS, LABELS))
    assert scores.davies_bouldin(POINTS, LABELS) == pytest.approx(metrics.davies_bouldin_score(POINTS, LABELS))
    fitted = KMeans(4, n_init=1, random_state=0).fit(POINTS)
    assert scores.inertia(POINTS, fitted.labels_) == pytest.approx(fitted.inertia_)


def test_a_customer_alone_in_its_cluster_has_no_silhouette() -> None:
    points, labels = np.array([[0.0], [1.0], [9.0]]), np.array([0, 0, 1])
    assert scores.Distances(points).silhouette(labels) == pytest.approx((8 / 9 + 7 / 8 + 0) / 3)


def test_noise_has_no_part_in_scores() -> None:
    labels = np.append(LABELS, [-1])
    points = np.vstack([POINTS, [[99.0, 99, 99]]])
    assert scores.Distances(points).silhouette(labels) == pytest.approx(scores.Distances(POINTS).silhouette(LABELS))
    assert scores.davies_bouldin(points, labels) == scores.davies_bouldin(POINTS, LABELS)
    assert scores.calinski_harabasz(points, labels) == pytest.approx(scores.calinski_harabasz(POINTS, LABELS))


def test_one_cluster_has_no_scores() -> None:
    same = np.zeros(200, dtype=np.int64)
    assert scores.Distances(POINTS).silhouette(same) is None
    assert scores.calinski_harabasz(POINTS, same) is None
    assert scores.davies_bouldin(POINTS, same) is None


@pytest.mark.parametrize("seed", range(5))
def test_agreement_is_that_of_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, other = rng.integers(0, 4, 60), rng.integers(-1, 3, 60)
    assert scores.adjusted_rand(one, other) == pytest.approx(metrics.adjusted_rand_score(one, other))
    assert scores.adjusted_rand(one, (one + 1) % 4) == 1


def assign(points: np.ndarray, k: int) -> np.ndarray:
    return fit_kmeans(points, k, 1, starts=3).assign(points)


def test_the_gap_is_widest_at_the_true_number_of_clusters() -> None:
    rng = np.random.default_rng(2)
    points = rng.normal(size=(300, 2)) + np.repeat([[0, 0], [12, 0], [0, 12]], 100, axis=0)
    gaps = scores.gap_statistic(points, [1, 2, 3, 4, 5], assign, rounds=5, most=300, seed=1)
    assert max(gaps, key=lambda k: gaps[k][0]) == 3
    first = next(k for k in (1, 2, 3, 4) if gaps[k][0] >= gaps[k + 1][0] - gaps[k + 1][1])  # Tibshirani's rule
    assert first == 3


def test_clusters_that_are_apart_are_stable_and_those_of_a_crowd_are_not() -> None:
    rng = np.random.default_rng(2)

    def refit(points: np.ndarray, seed: int) -> object:
        return fit_kmeans(points, 3, seed, starts=1 if seed else 3).assign

    crowd = rng.uniform(size=(300, 2))
    apart = crowd + np.repeat([[0, 0], [9, 0], [0, 9]], 100, axis=0)
    found = [
        scores.stability(points, assign(points, 3), refit, rounds=4, most=300, seed=3)  # type: ignore[arg-type]
        for points in (apart, crowd)
    ]
    assert found[0] == 1
    assert found[1] < 0.9


def test_the_knee_is_farthest_from_the_line_between_the_ends() -> None:
    assert knee(np.array([0.0, 0, 0, 1, 2, 3])) == 2
    assert knee(np.array([1.0, 1.0, 1.0])) == 0
