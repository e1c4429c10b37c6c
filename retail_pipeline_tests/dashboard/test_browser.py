"""The dashboard in a real browser: headless Chromium of the system, driven by Playwright."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from retail_pipeline.dashboard.palette import BACKGROUND, TEXT
from retail_pipeline.home import Home
from retail_pipeline.warehouse.snapshot import current_snapshot, point_link
from retail_pipeline_tests.dashboard.test_snapshot import publish_changed

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install -e '.[dev]'")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine: apt install chromium")

PATIENCE = 60_000
"""Milliseconds after which something is not to come any more."""
FIRST_ROWS_BOX: Any = {"x": 20, "y": 55}
"""Where a table has the box that chooses its first row."""
IDLE = '[data-testid="stApp"][data-test-script-state="notRunning"]'


@pytest.fixture(scope="module")
def store(small_store: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The small store's snapshot and models in a home of its own, which may be published to."""
    home = Home(tmp_path_factory.mktemp("browser") / "store").create()
    source = current_snapshot(small_store)
    assert source is not None
    shutil.copy(source, home.snapshots / source.name)
    shutil.copytree(small_store.models, home.models)
    shutil.copy(small_store.settings_file, home.settings_file)
    point_link(home.warehouse_link, home.snapshots / source.name)
    return home


@pytest.fixture(scope="module")
def server(store: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of a dashboard on the store, started as a user does but from a folder of strangers; and its log."""
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "streamlit.py").write_text("raise RuntimeError('a stray file was imported')")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = folder / "log"
    root = str(Path(__file__).resolve().parents[2])
    command = [sys.executable, "-P", "-m", "retail_pipeline.cli", "--home", str(store.root), "dashboard"]
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, "--port", str(port)],
            cwd=folder,
            stdout=output,
            stderr=output,
            env={**os.environ, "PYTHONPATH": root},
        )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{address}/_stcore/health").close()
                break
            except OSError:
                assert process.poll() is None, log.read_text()
                time.sleep(0.25)
        yield address, log
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    sync_api.expect.set_options(timeout=PATIENCE)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: "Browser") -> "Iterator[Page]":
    """A tab that fails the test when it asks anything of another machine."""
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.set_default_timeout(PATIENCE)
    strangers: list[str] = []
    page.on("request", lambda request: strangers.append(request.url) if _is_outside(request.url) else None)
    yield page
    page.close()
    assert strangers == []


def _is_outside(url: str) -> bool:
    return url.startswith(("http", "ws")) and "//127.0.0.1:" not in url


def open_page(page: "Page", address: str) -> None:
    page.goto(address)
    page.wait_for_selector("h1")
    page.wait_for_selector(IDLE)


def test_opening_filtering_and_going_back_by_the_address(server: tuple[str, Path], page: "Page") -> None:
    address, _ = server
    open_page(page, address)
    orders = page.get_by_test_id("stMetric").filter(has_text="Orders").get_by_test_id("stMetricValue")
    before = orders.inner_text()
    page.get_by_role("combobox", name="Country").click()
    page.get_by_role("option", name="Germany").click()
    page.wait_for_url(re.compile("country=Germany"))
    sync_api.expect(orders).not_to_have_text(before)
    narrowed = orders.inner_text()
    open_page(page, page.url)  # as whoever gets the link does
    sync_api.expect(orders).to_have_text(narrowed)
    page.get_by_role("link", name="RFM").click()
    page.wait_for_url(re.compile("/rfm.*country=Germany"))
    sync_api.expect(page.get_by_role("heading", name="RFM", exact=True)).to_be_visible()


def test_a_row_of_a_list_leads_to_the_customer(server: tuple[str, Path], page: "Page") -> None:
    address, _ = server
    open_page(page, f"{address}/rfm?rfm-list=Champions")
    table = page.locator(".st-key-chart-customers-champions").get_by_test_id("stDataFrame")
    customer = re.compile(r"/customer\?.*customer=")
    for _ in range(20):  # what is drawn on a canvas tells nobody when it is there
        table.click(position=FIRST_ROWS_BOX)
        with contextlib.suppress(sync_api.TimeoutError):
            page.wait_for_url(customer, timeout=3_000)
            break
    assert customer.search(page.url)
    sync_api.expect(page.get_by_text("What to do", exact=True)).to_be_visible()


def test_what_a_chart_shows_is_downloaded(server: tuple[str, Path], page: "Page", tmp_path: Path) -> None:
    address, _ = server
    open_page(page, address)
    chart = page.locator(".st-key-chart-monthly-revenue")
    chart.get_by_text("Definition, table, download").click()
    with page.expect_download() as waiting:
        chart.get_by_role("button", name="Download csv").click()
    waiting.value.save_as(tmp_path / "months.csv")
    header, *rows = (tmp_path / "months.csv").read_text(encoding="utf-8-sig").splitlines()
    assert waiting.value.suggested_filename == "monthly-revenue.csv"
    assert header.startswith("net_sales,orders,customers")
    assert len(rows) == 24


def test_a_file_is_scored_downloaded_and_not_kept(
    server: tuple[str, Path], store: Home, small_store: Home, page: "Page", tmp_path: Path
) -> None:
    address, _ = server
    before = {path for path in store.root.rglob("*") if path.is_file()}
    open_page(page, f"{address}/score")
    page.locator("input[type=file]").set_input_files(small_store.drops / "transactions-2023-11.csv")
    scored = page.locator(".st-key-chart-scored-customers")
    scored.get_by_text("Definition, download").click()
    with page.expect_download() as waiting:
        scored.get_by_role("button", name="Download csv").click()
    waiting.value.save_as(tmp_path / "scored.csv")
    header, *rows = (tmp_path / "scored.csv").read_text(encoding="utf-8-sig").splitlines()
    assert {"customer_id", "segment", "cluster", "churn_probability", "expected_value"} <= set(header.split(","))
    assert len(rows) > 10
    assert {path for path in store.root.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("size", [(1400, 900), (390, 844)], ids=["desktop", "phone"])
def test_no_page_is_wider_than_its_window(server: tuple[str, Path], page: "Page", size: tuple[int, int]) -> None:
    address, _ = server
    page.set_viewport_size({"width": size[0], "height": size[1]})
    for name in ("", "rfm", "value", "data"):
        open_page(page, f"{address}/{name}")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name


def test_the_page_is_dark_wherever_it_was_started_and_charts_tell_what_they_show(
    server: tuple[str, Path], page: "Page"
) -> None:
    address, _ = server
    open_page(page, address)
    style = page.evaluate(
        "(() => { const s = getComputedStyle(document.querySelector('[data-testid=stApp]'));"
        " return [s.backgroundColor, s.color]; })()"
    )
    assert style == [_rgb(BACKGROUND), _rgb(TEXT)]
    chart = page.get_by_role("figure", name=re.compile("^Monthly revenue. Net sales of each month"))
    sync_api.expect(chart).to_be_visible()


def _rgb(colour: str) -> str:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgb({red}, {green}, {blue})"


def test_widgets_are_reached_by_the_keyboard(server: tuple[str, Path], page: "Page") -> None:
    address, _ = server
    open_page(page, address)
    period = page.get_by_role("combobox", name="Period")
    period.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("period=Last"))


def test_a_refresh_published_while_the_page_is_open_is_shown_by_itself(
    server: tuple[str, Path], store: Home, page: "Page"
) -> None:
    address, log = server
    open_page(page, address)
    sales = page.get_by_test_id("stMetric").filter(has_text="Net sales").get_by_test_id("stMetricValue")
    sync_api.expect(sales).to_have_text(re.compile("GBP$"))
    publish_changed(store, "warehouse-2.duckdb", "update core.reporting_currency set currency = 'EUR'")
    sync_api.expect(sales).to_have_text(re.compile("EUR$"))
    assert not re.search(r"C0000|Traceback", log.read_text())
