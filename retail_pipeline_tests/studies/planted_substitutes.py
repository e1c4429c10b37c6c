"""How many of the substitutes planted in simulated shops ``baskets.substitutes`` finds, and how many it makes up.

``python -m retail_pipeline_tests.studies.planted_substitutes --seeds 20``. The limits of ``[substitutes]`` were set on
the seeds from 1000 on; report others. A planted pair can be found where both products are frequent and chance would
bring them together in ``substitutes.least_expected`` baskets.
"""

import argparse
import multiprocessing
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from retail_pipeline.home import Home
from retail_pipeline.simulator import preset, simulate_store
from retail_pipeline_tests.assets.store_tables import TO_ORDER_LINES, built
from retail_pipeline_tests.stores import write_drop
from retail_pipeline_tests.studies.planted_events import wilson

TABLES = (
    *TO_ORDER_LINES, "core.orders", "core.products", "baskets.frequent_itemsets", "baskets.substitutes",
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """Of a shop: pairs planted, those of frequent products, pairs found, and how many of these were planted."""

    shop: str
    seed: int
    planted: int
    frequent: int
    found: int
    right: int


def study(task: tuple[str, int]) -> Outcome:
    """One shop."""
    shop, seed = task
    with tempfile.TemporaryDirectory(prefix="retail-study-") as folder:
        files = Path(folder) / "files"
        summary = simulate_store(files, preset(shop, seed=seed), kind="parquet", per="all")
        home = Home(Path(folder) / "home").create()
        home.settings_file.write_text("[warehouse]\nthreads = 1\n")
        for path in summary.files:
            write_drop(home, path.name, path.read_bytes())
        planted = duckdb.sql(
            f"select product_a, product_b from '{files / 'truth' / 'pairs.parquet'}' where kind = 'substitutes'"
        ).fetchall()
        with built(home, only=TABLES) as warehouse:
            found = warehouse.execute("select product_a, product_b from baskets.substitutes").fetchall()
            rows = warehouse.execute("select itemset[1] from baskets.frequent_itemsets where length = 1").fetchall()
    frequent = {item for (item,) in rows}
    able = [pair for pair in planted if frequent.issuperset(pair)]
    return Outcome(shop, seed, len(planted), len(able), len(found), len(set(found) & set(planted)))


def report(outcomes: Sequence[Outcome]) -> str:
    """Recall and false discoveries by kind of shop."""
    lines = [
        f"{'shop':10} {'shops':>5} {'planted':>8} {'frequent':>9} {'found':>6}  {'of the frequent':24} {'made up':24}"
    ]
    for shop in dict.fromkeys(outcome.shop for outcome in outcomes):
        ours = [outcome for outcome in outcomes if outcome.shop == shop]
        planted, frequent, found, right = (
            sum(getattr(outcome, name) for outcome in ours) for name in ("planted", "frequent", "found", "right")
        )
        shares = []
        for hits, tries in ((right, frequent), (found - right, found)):
            low, high = wilson(hits, tries)
            shares.append(f"{hits / max(tries, 1):.0%} ({low:.0%} to {high:.0%})")
        lines.append(f"{shop:10} {len(ours):>5} {planted:>8} {frequent:>9} {found:>6}  {shares[0]:24} {shares[1]:24}")
    return "\n".join(lines)


def main() -> None:
    """Simulate, look, and print."""
    parser = argparse.ArgumentParser(
        prog="python -m retail_pipeline_tests.studies.planted_substitutes", description=__doc__
    )
    parser.add_argument("--seeds", type=int, default=20, help="how many seeds [default: 20]")
    parser.add_argument("--first-seed", type=int, default=1, help="the first of them [default: 1]")
    parser.add_argument("--shops", nargs="+", default=["demo", "fashion", "grocer"], help="presets of the simulator")
    parser.add_argument("--jobs", type=int, default=2, help="shops at a time [default: 2]")
    given = parser.parse_args()
    seeds = range(given.first_seed, given.first_seed + given.seeds)
    tasks = [(shop, seed) for shop in given.shops for seed in seeds]
    with multiprocessing.get_context("spawn").Pool(given.jobs) as pool:
        outcomes = pool.map(study, tasks, chunksize=1)
    print(f"{given.seeds} seeds from {given.first_seed}, 95 % intervals")
    print(report(outcomes))


if __name__ == "__main__":
    main()
