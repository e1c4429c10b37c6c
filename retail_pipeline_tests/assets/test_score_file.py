"""Scoring a file by the saved models: as the store itself is scored, and without a trace."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
import pytest

from retail_pipeline.assets.score_file import ScoredFile, score_file
from retail_pipeline.errors import ModelError, UnreadableDropError
from retail_pipeline.home import Home
from retail_pipeline.warehouse.reader import open_snapshot
from retail_pipeline_tests.stores import CANONICAL_HEADER

Read = Callable[[str], "pd.DataFrame | None"]


@pytest.fixture
def read(small_store: Home) -> Read:
    """Reads the small store's published tables."""

    def read(table: str) -> pd.DataFrame | None:
        with open_snapshot(small_store) as snapshot:
            return snapshot.execute(f"from {table}").df()

    return read


def files_of(root: Path) -> Mapping[str, float]:
    return {str(path): path.stat().st_mtime_ns for path in root.rglob("*")}


def whole_export(store: Home) -> bytes:
    """All of a store's drops as one file."""
    first, *others = sorted(store.drops.glob("*.csv"))
    return b"".join([first.read_bytes(), *(path.read_bytes().partition(b"\n")[2] for path in others)])


def test_the_stores_own_export_gets_the_scores_that_are_published(small_store: Home, read: Read) -> None:
    before = files_of(small_store.root)
    found = score_file(small_store, "all.csv", whole_export(small_store), read).customers.set_index("customer_id")
    assert files_of(small_store.root) == before
    with open_snapshot(small_store) as snapshot:
        published = snapshot.execute(
            "select customer_id, segment, rfm_score, persona as cluster, probability as churn_probability, "
            "top_reasons, expected_value from customers.rfm_scores "
            "join customers.clusters using (customer_id) join customers.churn_risk using (customer_id) "
            "join customers.lifetime_value as worth using (customer_id) "
            "where clusters.is_champion and feature_set = 'rfm' and is_churn_horizon and is_validated "
            "and worth.horizon_days = 90"
        ).df()
    expected = published.set_index("customer_id").sort_index()
    pd.testing.assert_frame_equal(found.sort_index()[list(expected)], expected, check_exact=False, rtol=1e-9)


def scored(home: Home, read: Read, *lines: str) -> ScoredFile:
    return score_file(home, "../file.csv", "\n".join([CANONICAL_HEADER, *lines]).encode(), read)


def test_lines_that_cannot_be_read_are_counted_and_the_rest_is_scored(small_store: Home, read: Read) -> None:
    found = scored(small_store, read, "1,2024-05-01,A,P1,Bowl,1,5,UK", "2,never,B,P1,Bowl,1,5,UK")
    assert (found.rows_read, found.rows_rejected, found.customers["customer_id"].tolist()) == (2, 1, ["A"])
    assert str(found.as_of)[:10] == "2024-05-02"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a,b\n1,2\n", "header|format"),
        (b"", "empty|header|format"),
        (f"{CANONICAL_HEADER}\n1,2024-05-01,,P1,Bowl,1,5,UK\n".encode(), "nobody can be scored"),
    ],
)
def test_a_file_that_says_nothing_of_customers_is_refused(
    small_store: Home, read: Read, content: bytes, reason: str
) -> None:
    with pytest.raises(UnreadableDropError, match=reason):
        score_file(small_store, "file.csv", content, read)


def test_without_models_customers_get_rfm_scores_alone(home: Home) -> None:
    found = scored(home, lambda _: None, "1,2024-05-01,A,P1,Bowl,1,5,UK")
    assert found.customers["rfm_score"].notna().all()
    assert found.customers[["cluster", "churn_probability", "expected_value"]].isna().all(axis=None)


def test_models_that_are_not_those_of_the_published_tables_are_not_used(home: Home, read: Read) -> None:
    with pytest.raises(ModelError, match="not in use any more"):
        scored(home, read, "1,2024-05-01,A,P1,Bowl,1,5,UK")
