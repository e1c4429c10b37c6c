"""Fixtures of the tests of assets."""

from collections.abc import Iterator

import pytest

from retail_pipeline_tests.assets.store_tables import Tables


@pytest.fixture(scope="module")
def tables() -> Iterator[Tables]:
    """Upstream tables in memory, shared by a module's tests: each fills what it reads."""
    tables = Tables()
    yield tables
    tables.connection.close()
