"""Fixtures for tests of the warehouse."""

from collections.abc import Iterator

import pytest

from retail_pipeline.home import Home
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.stores import opened


@pytest.fixture
def warehouse(home: Home) -> Iterator[Warehouse]:
    """The open working database of an empty home."""
    with opened(home) as warehouse:
        yield warehouse
