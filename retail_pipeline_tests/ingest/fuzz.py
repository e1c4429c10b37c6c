"""Load damaged exports and see that each one ends as loaded or refused, with every row accounted for.

Run by hand::

    python -m retail_pipeline_tests.ingest.fuzz --minutes 15 --seed 1

Good exports of all formats, as csv, xlsx, parquet and packed files, are damaged in their headers, cells, quotes, bytes,
encodings and parts (:mod:`retail_pipeline_tests.ingest.mutations`), and put into ``drops/`` under all kinds of names. A
process of its own loads them one by one. What it raises, a lost or doubled row, a death, a minute without an end and
memory beyond the limit are finds: the input is kept beside its story, and a new process goes on.
"""

import argparse
import json
import os
import random
import select
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from retail_pipeline.home import Home
from retail_pipeline.ingest.loader import load_drops
from retail_pipeline.ingest.raw_tables import RAW_TABLES, create_raw_tables
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.ingest import mutations
from retail_pipeline_tests.ingest.sales import SALES_KINDS
from retail_pipeline_tests.stores import LONG_AGO, opened
from retail_pipeline_tests.tables import build_tables

KINDS = (*SALES_KINDS, "currency_rates")
MOST_SECONDS = 60.0
MOST_GIB = 4.0
FILES_A_HOME = 300
READERS = {
    "all": mutations.CONTAINERS,
    "text": ("csv", "tsv", "semicolon", "gz"),
    "workbook": ("xlsx",),
    "parquet": ("parquet",),
}
IN_CELLS = {"numbers", "dates", "texts"}
BUILD_EVERY = 10
"""One in so many of the small files that are loaded is built into tables too."""


@dataclass(frozen=True)
class Input:
    """A file to load: its name (as bytes: it may be no text) and contents, and how it came about.

    Where no more than cells below the header were changed, ``must_load`` is set: their lines alone may be rejected.
    """

    name: bytes
    content: bytes | Path
    kind: str
    container: str
    damage: tuple[str, ...]
    must_load: bool = False

    def put(self, home: Home) -> None:
        """Put it into ``drops/``, settled."""
        path = os.path.join(os.fsencode(home.drops), self.name)
        if isinstance(self.content, Path):
            shutil.move(self.content, path)
        else:
            with open(path, "wb") as file:
                file.write(self.content)
        os.utime(path, (LONG_AGO, LONG_AGO))


def damaged(seed: int, number: int, reader: str = "all") -> Input:
    """The input of a number; the same for the same seed and reader."""
    dice = random.Random(f"{seed}-{number}")
    kind, container = dice.choice(KINDS), dice.choice(READERS[reader])
    sheet = mutations.good_sheet(kind, dice)
    damage = []
    for mutate in dice.sample(mutations.TABLE_MUTATIONS, dice.choice([0, 1, 1, 2, 3])):
        mutate(sheet, dice)
        damage.append(mutate.__name__)
    content = mutations.write(sheet, container, dice)
    on_bytes = {"xlsx": [mutations.remake_parts] * 3, "gz": [mutations.repack], "parquet": []}
    for mutate_bytes in dice.sample(
        [mutations.splice, mutations.encode, *on_bytes.get(container, [])], dice.choice([0, 0, 1, 1, 1, 2])
    ):
        if mutate_bytes is mutations.remake_parts and not content.startswith(b"PK"):
            continue
        if mutate_bytes is mutations.encode and container in ("xlsx", "parquet"):
            continue
        try:
            content = mutate_bytes(content, dice)
        except Exception as error:  # a part that was damaged before cannot always be damaged again
            damage.append(type(error).__name__)
        damage.append(mutate_bytes.__name__)
    usual = {"xlsx": ".xlsx", "parquet": ".parquet", "gz": ".csv.gz"}.get(container, ".csv")
    suffix = usual if dice.random() < 0.8 else dice.choice(mutations.SUFFIXES)
    name = os.fsencode(dice.choice(mutations.NAMES) if dice.random() < 0.2 else "file")
    name = mutations.NO_TEXT_NAME if dice.random() < 0.02 else name
    must_load = suffix == usual and set(damage) <= IN_CELLS
    return Input(name + suffix.encode(), content, kind, container, tuple(damage), must_load)


# The process that loads


def load_all(root: Path) -> None:
    """Load each file as it is announced on standard input, and tell on standard output what became of it."""
    home = Home(root)
    with opened(home) as warehouse:
        loaded = 0
        for request in sys.stdin:
            try:
                answer = _load(warehouse)
                loaded += answer["end"] == "loaded"
                if answer["end"] == "loaded" and loaded % BUILD_EVERY == 0 and request.strip() == "build":
                    build_tables(warehouse)
            except BaseException:
                answer = {"end": "raised", "story": traceback.format_exc()}
            print(json.dumps(answer), flush=True)
            if answer["end"] == "raised":
                return


def _load(warehouse: Warehouse) -> dict[str, str]:
    create_raw_tables(warehouse)
    for table in RAW_TABLES:
        warehouse.execute(f"delete from {table.name}")
    temporary = _temporary_tables(warehouse)
    report = load_drops(warehouse)
    lines = warehouse.count("raw.transactions") + warehouse.count("raw.currency_rates")
    rejected = warehouse.count("raw.rejected_rows")
    if report.refused:
        assert not report.loaded
        assert (lines, rejected, warehouse.count("raw.drops")) == (0, 0, 0), "a refused file left something"
        (reason,) = report.refused.values()
        assert "please report" not in reason, reason
        assert reason.strip(), "refused without a reason"
        return {"end": "refused", "reason": reason}
    (drop,) = report.loaded
    assert drop.rows_read == drop.rows_loaded + drop.rows_rejected
    assert (drop.rows_loaded, drop.rows_rejected) == (lines, rejected)
    _require_one_place_a_row(warehouse)
    assert _temporary_tables(warehouse) <= temporary, "temporary tables were left behind"
    return {"end": "loaded", "format": drop.format, "rejected": str(rejected > 0)}


def _temporary_tables(warehouse: Warehouse) -> set[str]:
    found = warehouse.execute("select table_name from duckdb_tables() where temporary").fetchall()
    return {name for (name,) in found}


def _require_one_place_a_row(warehouse: Warehouse) -> None:
    doubled = warehouse.row(
        "select source_row, source_part from raw.transactions group by all having count(*) > 1 limit 1"
    )
    assert doubled is None, f"row {doubled} is there twice"
    empty = warehouse.row("select source_row from raw.rejected_rows where reason is null or raw is null limit 1")
    assert empty is None, f"row {empty} was rejected without a reason or its text"


# The process that watches


class Loader:
    """A process that loads files in a home of its own."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(Path(tempfile.mkdtemp(dir=folder)) / "store").create()
        self.home.settings_file.write_text(mutations.SETTINGS)
        self._stderr = (self.home.root / "stderr").open("w+")
        command = [sys.executable, "-m", "retail_pipeline_tests.ingest.fuzz", "--loader", str(self.home.root)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._stderr, text=True
        )
        self.files = 0

    def load(self, given: Input) -> dict[str, str]:
        """What became of a file; ``end`` is 'loaded', 'refused', or what no file may end in."""
        assert self.process.stdin
        assert self.process.stdout
        self.files += 1
        for entry in os.listdir(os.fsencode(self.home.drops)):
            os.unlink(os.path.join(os.fsencode(self.home.drops), entry))
        given.put(self.home)
        started = time.monotonic()
        self.process.stdin.write("load\n" if isinstance(given.content, Path) else "build\n")
        self.process.stdin.flush()
        while not select.select([self.process.stdout], [], [], 0.1)[0]:
            if time.monotonic() - started > MOST_SECONDS:
                return self._ended("took too long")
            if self._gib() > MOST_GIB:
                return self._ended("took too much memory")
        answer = self.process.stdout.readline()
        if not answer:
            return self._ended("died")
        return {**json.loads(answer), "seconds": f"{time.monotonic() - started:.1f}", "gib": f"{self._gib():.1f}"}

    def end(self) -> str:
        """End the process; what it said last."""
        self.process.kill()
        self.process.wait()
        self._stderr.seek(0)
        said = self._stderr.read()[-4000:]
        self._stderr.close()
        shutil.rmtree(self.home.root.parent, ignore_errors=True)
        return said

    def _ended(self, how: str) -> dict[str, str]:
        self.process.kill()
        code = self.process.wait()
        self._stderr.seek(0)
        return {"end": how, "story": f"exit code {code}\n{self._stderr.read()[-4000:]}"}

    def _gib(self) -> float:
        """The memory that the process holds, without the pages of files."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return 0.0
        return next((int(line.split()[1]) / 2**20 for line in status.splitlines() if line.startswith("RssAnon")), 0.0)


@dataclass
class Trial:
    """A run of the fuzzer; ``finds`` is where inputs are kept that ended as none may."""

    folder: Path
    finds: Path
    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    damages: Counter[tuple[str, str]] = field(default_factory=Counter)
    found: list[str] = field(default_factory=list)
    loader: Loader | None = None

    def take(self, given: Input, label: str) -> None:
        """Load an input, count it, and keep it if it is a find."""
        if self.loader is None or self.loader.files >= FILES_A_HOME:
            self.stop()
            self.loader = Loader(self.folder)
        answer = self.loader.load(given)
        end = answer["end"]
        if end == "refused" and given.must_load:
            end, answer["story"] = "refused for some cells", answer["reason"]
        self.counts[given.kind, given.container, end if answer.get("rejected") != "True" else "with rejects"] += 1
        for damage in given.damage or ("none",):
            self.damages[damage, end] += 1
        if given.container == "bomb":
            print(f"{given.kind}: {end}, {answer.get('seconds')} s, {answer.get('gib')} GiB", flush=True)
        if end in ("loaded", "refused"):
            return
        self.finds.mkdir(parents=True, exist_ok=True)
        if isinstance(given.content, bytes):
            (self.finds / f"{label}.input").write_bytes(given.content)
        story = f"{given.name!r} {given.kind} {given.container} {given.damage}\n{end}\n{answer.get('story', '')}"
        (self.finds / f"{label}.story").write_text(story)
        self.found.append(f"{label}: {end}: {(answer.get('story') or '?').strip().splitlines()[-1][:200]}")
        print(f"find {self.found[-1]}", flush=True)
        self.stop()

    def stop(self) -> None:
        """End the process that loads."""
        if self.loader:
            self.loader.end()
            self.loader = None

    def told(self) -> Iterator[str]:
        """The counts, line by line."""
        yield "format, container: ends"
        groups = sorted({key[:2] for key in self.counts})
        for kind, container in groups:
            ends = {
                end: count for (*group, end), count in sorted(self.counts.items()) if (kind, container) == tuple(group)
            }
            yield f"  {kind}, {container}: {', '.join(f'{count} {end}' for end, count in ends.items())}"
        yield "damage: ends"
        for damage in sorted({key[0] for key in self.damages}):
            ends = {end: count for (name, end), count in sorted(self.damages.items()) if name == damage}
            yield f"  {damage}: {', '.join(f'{count} {end}' for end, count in ends.items())}"
        yield f"{sum(self.counts.values())} inputs, {len(self.found)} finds" + (
            f" in {self.finds}" if self.found else ""
        )


def fuzz(minutes: float, seed: int, finds: Path, *, reader: str = "all", with_bombs: bool = True) -> Trial:
    """Load damaged files for some minutes, large ones first."""
    deadline = time.monotonic() + 60 * minutes
    with tempfile.TemporaryDirectory(prefix="retail-fuzz-") as folder:
        trial = Trial(Path(folder), finds)
        try:
            for what, make in mutations.bombs(Path(folder)).items() if with_bombs else ():
                path = make()
                trial.take(Input(os.fsencode(path.name), path, what, "bomb", ("bomb",)), path.stem)
            number = 0
            while time.monotonic() < deadline:
                trial.take(damaged(seed, number, reader), f"{seed}-{number}")
                number += 1
        finally:
            trial.stop()
    return trial


def main() -> None:
    """Fuzz for as long as is asked for; exit code 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="python -m retail_pipeline_tests.ingest.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="how long [default: 5]")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="of the inputs [default: any]")
    parser.add_argument("--finds", type=Path, default=Path("fuzz-finds"), help="where finds go [default: fuzz-finds]")
    parser.add_argument("--reader", choices=READERS, default="all", help="whose files only [default: all]")
    parser.add_argument("--no-bombs", action="store_true", help="leave the large files out")
    parser.add_argument("--again", type=int, metavar="NUMBER", help="only this input of the seed")
    parser.add_argument("--loader", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.loader:
        load_all(given.loader)
        return
    print(f"seed {given.seed}", flush=True)
    if given.again is not None:
        given.finds.mkdir(parents=True, exist_ok=True)
        one = damaged(given.seed, given.again, given.reader)
        with tempfile.TemporaryDirectory(prefix="retail-fuzz-") as folder:
            trial = Trial(Path(folder), given.finds)
            trial.take(one, f"{given.seed}-{given.again}")
            trial.stop()
    else:
        trial = fuzz(given.minutes, given.seed, given.finds, reader=given.reader, with_bombs=not given.no_bombs)
    print("\n".join(trial.told()))
    sys.exit(bool(trial.found))


if __name__ == "__main__":
    main()
