"""A warehouse to load files into."""

from collections.abc import Iterator

import pytest

from retail_pipeline.home import Home
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.ingest.loading import forget
from retail_pipeline_tests.stores import opened


@pytest.fixture(scope="module")
def shared_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """The open working database of a home that all tests of a module load files into."""
    with opened(Home(tmp_path_factory.mktemp("shared") / "store").create()) as warehouse:
        yield warehouse


@pytest.fixture
def warehouse(shared_warehouse: Warehouse) -> Warehouse:
    """The shared warehouse, with empty tables and no files; opening one for each test would take most of the time."""
    forget(shared_warehouse)
    return shared_warehouse
