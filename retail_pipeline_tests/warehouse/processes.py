"""Other processes that hold, wait for or read a home while a test looks on."""

import contextlib
import multiprocessing
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

from retail_pipeline.home import Home

OPEN = """
import sys, time
from retail_pipeline.home import Home
from retail_pipeline.settings import WarehouseSettings
from retail_pipeline.warehouse.working_database import WorkingDatabase
home = Home.locate(sys.argv[1])
def open_database(run_id, seconds=60.0):
    settings = WarehouseSettings(lock_timeout_seconds=seconds)
    return WorkingDatabase.open(home, run_id, settings, lambda text: print(text, flush=True))
"""


@contextlib.contextmanager
def running_process(code: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A Python process; it is killed at the end if it is still there."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONFAULTHANDLER": "1"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextlib.contextmanager
def holding_process(home: Home, run_id: str) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the working database until it is told to let go by a line on its input, or killed."""
    code = OPEN + f"database = open_database({run_id!r})\nprint('open', flush=True)\ntime.sleep(60)\n"
    with running_process(code, home.root) as process:
        assert process.stdout
        assert process.stdout.readline() == "open\n", process.stderr and process.stderr.read()
        yield process


_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["retail_pipeline_tests.warehouse.small_store"])


@contextlib.contextmanager
def forked_process(function: Callable[..., object], *arguments: object) -> Iterator[BaseProcess]:
    """A process that runs a function of a module; it is there at once, for the imports are done beforehand."""
    process = _forks.Process(target=function, args=arguments)
    process.start()
    try:
        yield process
    finally:
        kill(process)


def run_to_end(code: str, *arguments: object, seconds: float = 60) -> str:
    """What a Python process prints, once it has ended well."""
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def kill(process: subprocess.Popen[str] | BaseProcess) -> None:
    """Send it a kill -9, and wait until it is gone."""
    process.kill()
    if isinstance(process, BaseProcess):
        process.join()
    else:
        process.wait()


def wait_until(condition: Callable[[], object], seconds: float = 60) -> None:
    """Look again and again until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


def files_below(folder: Path) -> set[str]:
    """The names of all files below a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
