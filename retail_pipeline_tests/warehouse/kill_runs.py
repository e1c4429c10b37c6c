"""Kill runs with ``kill -9`` at random moments and see that nothing is lost, doubled or half-seen.

Run by hand::

    python -m retail_pipeline_tests.warehouse.kill_runs --runs 50

Round by round a home gets two more of the demo's monthly files and a ``retail run``, which is killed wherever it is:
while it loads, builds, checks or publishes. The next run must end as if nothing had happened, which is seen by
comparing every row of its snapshot (run ids and times aside) with that of a home where all was calm. Another process
queries the link all the while; each of its answers must come from one whole snapshot.
"""

import argparse
import contextlib
import itertools
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb

from retail_pipeline.home import Home
from retail_pipeline.warehouse.reader import open_snapshot
from retail_pipeline.warehouse.snapshot import current_snapshot
from retail_pipeline.warehouse.working_database import running

IDS_AND_TIMES = {"loaded_at", "materialised_at", "run_id", "at"}
OF_EACH_RUN = {"meta.runs", "meta.snapshot"}
FILES_A_ROUND = 2
WAIT_FOR_PUBLISH = 1 / 3
LOADING, BUILDING, PUBLISHING, PUBLISHED, ENDED = "loading", "building", "publishing", "just published", "too late"

RETAIL = "from retail_pipeline.cli import main; main()"
READ = """
import sys, time
from retail_pipeline.home import Home
from retail_pipeline_tests.warehouse.kill_runs import assert_whole
while True:
    assert_whole(Home.locate(sys.argv[1]))
    print('whole', flush=True)
    time.sleep(0.02)
"""


class KillTrial:
    """Rounds of killed runs over the same files; ``faults`` tells what should not be."""

    def __init__(self, folder: Path, files: list[Path], dice: random.Random) -> None:
        self.faults: list[str] = []
        self.stages: Counter[str] = Counter()
        self.answers = 0
        self._folder = folder
        self._rounds = [files[: place + FILES_A_ROUND] for place in range(0, len(files), FILES_A_ROUND)]
        self._calm: list[Path] = []
        self._seconds = 0.0
        self._dice = dice

    @property
    def killed(self) -> int:
        """How many runs were killed before their end."""
        return sum(self.stages.values()) - self.stages[ENDED]

    def run(self, wanted: int) -> None:
        """Kill as many runs as wanted, in a new home after each pass through the files."""
        self._keep_calm()
        for number in itertools.count():
            home = Home(self._folder / f"killed-{number}").create()
            with contextlib.ExitStack() as stack:
                for place, files in enumerate(self._rounds):
                    if self.killed >= wanted:
                        return
                    self._kill_and_recover(home, place, files)
                    if place == 0:
                        self._count_answers(stack.enter_context(reading_process(home)), stack)

    def _keep_calm(self) -> None:
        """What the snapshots are where no run is killed, and how long a run works."""
        home = Home(self._folder / "calm").create()
        seconds = []
        for place, files in enumerate(self._rounds):
            drop(home, files)
            process = retail_run(home)
            wait(process, lambda: running(home) is not None)
            started = time.monotonic()
            assert process.wait() == 0, (home.root / "run.log").read_text()
            seconds.append(time.monotonic() - started)
            snapshot = current_snapshot(home)
            assert snapshot
            self._calm.append(Path(shutil.copy(snapshot, self._folder / f"calm-{place}.duckdb")))
        self._seconds = statistics.median(seconds)
        print(f"{len(self._rounds)} calm runs, holding the working database for {self._seconds:.1f} s (median)")

    def _kill_and_recover(self, home: Home, place: int, files: list[Path]) -> None:
        drop(home, files)
        stage = kill_a_run(home, self._dice, self._seconds)
        self.stages[stage] += 1
        code = retail_run(home).wait()
        snapshot = current_snapshot(home)
        assert snapshot, (home.root / "run.log").read_text()
        found = differences(self._calm[place], snapshot) + unfinished_business(home)
        found += [f"the next run ended with {code}"] if code else []
        self.faults += [f"{home.root.name}, round {place}, killed while {stage}: {fault}" for fault in found]
        print(f"{self.killed:3} {home.root.name} round {place:2}, {stage}: {'; '.join(found) or 'as if undisturbed'}")

    def _count_answers(self, answers: Callable[[], int], stack: contextlib.ExitStack) -> None:
        def count() -> None:
            self.answers += answers()

        stack.callback(count)


def drop(home: Home, files: list[Path]) -> None:
    """Put files into drops/ that are not there yet; they keep their time, so nothing waits for them to settle."""
    for file in files:
        if not (home.drops / file.name).exists():
            shutil.copy2(file, home.drops / file.name)


def retail_run(home: Home) -> subprocess.Popen[str]:
    """Start ``retail run``; what it prints goes to ``run.log`` in the home."""
    command = [sys.executable, "-c", RETAIL, "--home", str(home.root), "run"]
    with (home.root / "run.log").open("w") as log:
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, text=True)


def kill_a_run(home: Home, dice: random.Random, seconds: float) -> str:
    """Start a run, kill it within so many seconds after it got hold of the working database; what it was at.

    Every third is left alone until it begins to publish, for that takes but a small part of the time.
    """
    before = current_snapshot(home)
    process = retail_run(home)
    wait(process, lambda: running(home) is not None)
    if dice.random() < WAIT_FOR_PUBLISH:
        wait(process, lambda: bool(unfinished_snapshots(home)))
        time.sleep(dice.uniform(0, 0.3))
    else:
        time.sleep(dice.uniform(0, seconds))
    had_ended = process.poll() is not None
    process.kill()
    process.wait()
    if had_ended:
        return ENDED
    if unfinished_snapshots(home):
        return PUBLISHING
    if current_snapshot(home) != before:
        return PUBLISHED
    return BUILDING if "core." in (home.root / "run.log").read_text() else LOADING


def wait(process: subprocess.Popen[str], condition: Callable[[], bool]) -> None:
    """Until a condition holds or the process has ended."""
    while process.poll() is None and not condition():
        time.sleep(0.002)


def unfinished_snapshots(home: Home) -> list[Path]:
    """Snapshots that are being written, or were when their run was killed."""
    return list(home.snapshots.glob("*.tmp"))


def assert_whole(home: Home) -> None:
    """What readers see fits together: the tables with each other and with what ``meta`` says of them."""
    with open_snapshot(home) as snapshot:
        tables = dict(snapshot.execute("select table_name, rows from meta.tables").fetchall())
        found = {table: snapshot.execute(f"select count(*) from {table}").fetchall()[0][0] for table in tables}
    assert found == tables
    assert found.get("raw.transactions") == found.get("core.order_lines")


def differences(one: Path, other: Path) -> list[str]:
    """In what two snapshots differ, run ids and times aside; empty if in nothing."""
    with duckdb.connect() as connection:
        for name, path in (("one", one), ("other", other)):
            connection.execute(f"attach '{path}' as {name} (read_only)")
        columns, others = _columns(connection, "one"), _columns(connection, "other")
        found = [f"{table} is not there or has other columns" for table in columns.keys() ^ others.keys()]
        for table in sorted((columns.keys() & others.keys()) - OF_EACH_RUN):
            compared = ", ".join(f'"{column}"' for column in columns[table] if column not in IDS_AND_TIMES)
            here, there = (f"select {compared} from {name}.{table}" for name in ("one", "other"))
            rows = connection.execute(
                f"(from ({here}) except all ({there})) union all (from ({there}) except all ({here}))"
            ).fetchall()
            if rows:
                found.append(f"{table}: {len(rows)} rows differ, such as {rows[0]}")
    return found


def _columns(connection: duckdb.DuckDBPyConnection, database: str) -> dict[str, list[str]]:
    rows = connection.execute(
        "select schema_name || '.' || table_name, list(column_name order by column_index) "
        "from duckdb_columns() where database_name = ? and not internal group by 1",
        [database],
    ).fetchall()
    return dict(rows)


def unfinished_business(home: Home) -> list[str]:
    """What a run must not leave: half files, runs that Dagster takes for alive."""
    import dagster as dg
    from dagster._core.instance.ref import InstanceRef

    left = [*unfinished_snapshots(home), *home.work.glob("drop-*"), *home.work.glob("tmp/*")]
    found = [f"{path.relative_to(home.root)} is left" for path in left]
    if home.dagster.exists():
        with dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(home.dagster))) as instance:
            found += [f"run {run.run_id} is {run.status.value}" for run in instance.get_runs() if not run.is_finished]
    return found


@contextlib.contextmanager
def reading_process(home: Home) -> Iterator[Callable[[], int]]:
    """A process that queries the link without end; yields how many answers it got so far."""
    with tempfile.TemporaryFile("w+") as told, tempfile.TemporaryFile("w+") as complaint:
        process = subprocess.Popen([sys.executable, "-c", READ, str(home.root)], stdout=told, stderr=complaint)

        def answers() -> int:
            complaint.seek(0)
            assert process.poll() is None, f"a reader saw what is not whole: {complaint.read()}"
            told.seek(0)
            return len(told.readlines())

        try:
            yield answers
            answers()
        finally:
            process.kill()
            process.wait()


def main(arguments: list[str] | None = None) -> int:
    """Kill runs, print each round and the figures; exit code 1 if anything is not as it should be."""
    from retail_pipeline.simulator import preset, simulate_store

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=50, help="how many runs to kill [50]")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other moments [0]")
    parser.add_argument("--folder", type=Path, help="where to work, kept; a temporary folder if not given")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        files = sorted(simulate_store(folder / "files", preset("small", customers=3_000)).files)
        trial = KillTrial(folder, files, random.Random(given.seed))
        started = time.monotonic()
        trial.run(given.runs)
    stages = ", ".join(f"{count} {stage}" for stage, count in trial.stages.most_common())
    print(
        f"{trial.killed} runs killed in {time.monotonic() - started:.0f} s ({stages}); "
        f"{len(trial.faults)} faults; a reader got {trial.answers:,} whole answers meanwhile"
    )
    return 1 if trial.faults else 0


if __name__ == "__main__":
    sys.exit(main())
