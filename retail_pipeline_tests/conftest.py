"""Fixtures for all tests."""

import os
from pathlib import Path

import pytest

from retail_pipeline.home import Home
from retail_pipeline_tests.real_data import CDNOW_SAMPLE
from retail_pipeline_tests.stores import ONLINE_RETAIL, ONLINE_RETAIL_XLSX


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine reaches a test."""
    for name in list(os.environ):
        if name.startswith("RETAIL_") or name == "DAGSTER_HOME":
            monkeypatch.delenv(name)
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "yes")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home."""
    return Home(tmp_path / "store").create()


@pytest.fixture(scope="session")
def online_retail() -> Path:
    """The packed csv of UCI Online Retail (541,909 lines)."""
    if not ONLINE_RETAIL.exists():
        pytest.skip(f"the real data are not here: {ONLINE_RETAIL}")
    return ONLINE_RETAIL


@pytest.fixture(scope="session")
def online_retail_workbook() -> Path:
    """The first 49,999 lines of UCI Online Retail as a workbook."""
    if not ONLINE_RETAIL_XLSX.exists():
        pytest.skip(f"the real data are not here: {ONLINE_RETAIL_XLSX}")
    return ONLINE_RETAIL_XLSX


@pytest.fixture(scope="session")
def cdnow() -> Path:
    """The purchases of CDNOW's sample of 2,357 customers."""
    if not CDNOW_SAMPLE.exists():
        pytest.skip(f"the real data are not here: {CDNOW_SAMPLE}")
    return CDNOW_SAMPLE
