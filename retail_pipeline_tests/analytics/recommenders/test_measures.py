"""Measures of ranked lists, against arithmetic by hand."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from retail_pipeline.analytics.recommenders.measures import coverage, interval, measure, resampled

BOUGHT = csr_matrix(np.array([[1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1]], dtype=np.float64))
LISTED = np.array([[2, 0, 3, 1], [0, 1, 2, -1]])


def test_measures_are_those_worked_out_by_hand() -> None:
    told = measure(LISTED, BOUGHT, cuts=(2, 4))
    assert told["hit_rate_at_2"].tolist() == [1, 0]
    assert told["recall_at_2"].tolist() == [0.5, 0]
    assert told["recall_at_4"].tolist() == [1, 0]
    assert told["map_at_4"].tolist() == pytest.approx([(1 / 2 + 2 / 4) / 2, 0])
    best = 1 + 1 / np.log2(3)
    assert told["ndcg_at_4"].tolist() == pytest.approx([(1 / np.log2(3) + 1 / np.log2(5)) / best, 0])
    assert told["ndcg_at_2"].tolist() == pytest.approx([1 / np.log2(3) / best, 0])


def test_ndcg_agrees_with_scikit_learn() -> None:
    from sklearn.metrics import ndcg_score

    rng = np.random.default_rng(3)
    scores, truth = rng.random((40, 30)), (rng.random((40, 30)) < 0.2).astype(float)
    truth[:, 0] = 1
    listed = np.argsort(-scores, axis=1)[:, :20]
    told = measure(listed, csr_matrix(truth))
    for cut in (5, 10, 20):
        assert told[f"ndcg_at_{cut}"].mean() == pytest.approx(ndcg_score(truth, scores, k=cut))


def test_a_list_of_just_what_was_bought_is_perfect() -> None:
    told = measure(np.array([[0, 1, 2, 3, 4]]), BOUGHT[:1], cuts=(2, 5))
    assert {name: values.tolist() for name, values in told.items()} == {
        f"{name}_at_{cut}": [1.0] for cut in (2, 5) for name in ("hit_rate", "recall", "map", "ndcg")
    }


def test_coverage_counts_products_in_range_that_anybody_gets() -> None:
    in_range = np.array([True, True, True, True, False, False])
    assert coverage(LISTED, in_range, cuts=(1, 4)) == {"coverage_at_1": 2 / 4, "coverage_at_4": 4 / 4}


def test_an_interval_is_as_wide_as_the_mean_is_uncertain() -> None:
    values = np.random.default_rng(0).normal(5, 2, size=(400, 1))
    lower, upper = interval(resampled(values, np.arange(400)))
    error = 1.96 * values.std() / np.sqrt(400)
    assert lower[0] == pytest.approx(values.mean() - error, abs=0.1 * error)
    assert upper[0] == pytest.approx(values.mean() + error, abs=0.1 * error)


def test_a_customer_of_many_windows_counts_as_one() -> None:
    once = np.random.default_rng(0).normal(size=(300, 1))
    alone = interval(resampled(once, np.arange(300)))
    thrice = interval(resampled(np.repeat(once, 3, axis=0), np.repeat(np.arange(300), 3)))
    assert np.allclose(alone, thrice)
