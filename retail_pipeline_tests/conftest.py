"""Fixtures for all tests."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from retail_pipeline.home import Home
from retail_pipeline.simulator import preset, simulate_store
from retail_pipeline_tests.real_data import CDNOW_SAMPLE
from retail_pipeline_tests.stores import FEW_PAGES, ONLINE_RETAIL, ONLINE_RETAIL_XLSX, refresh

MODELS_OF_FEW = "[clv]\nleast_customers = 50\n[prediction]\nleast_customers = 50\n"
"""Settings by which a store of few customers has all models."""


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
def small_store(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Home:
    """A small simulated store, published with all its models: built once for all workers, and only to be read."""

    def build(home: Home) -> None:
        home.settings_file.write_text(f"{FEW_PAGES}{MODELS_OF_FEW}")
        simulate_store(home.drops, preset("small", customers=200))
        assert refresh(home).success

    return once_for_all_workers(tmp_path_factory, worker_id, "small-store", build)


def once_for_all_workers(
    tmp_path_factory: pytest.TempPathFactory, worker_id: str, name: str, build: Callable[[Home], None]
) -> Home:
    """A home that the first worker to ask for it builds, while the others wait; only to be read, or copied."""
    shared = tmp_path_factory.getbasetemp() if worker_id == "master" else tmp_path_factory.getbasetemp().parent
    home, done = Home(shared / name), shared / f"{name}.done"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            build(home.create())
            done.touch()
    return home


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
