"""Whether what is bought together is found: planted bundles and the real file beside mlxtend.

``python -m retail_pipeline_tests.studies.baskets [planted] [mlxtend] [online-retail]``.

*planted*: shops of the preset ``baskets``, whose products are independent but for the bundles planted in them. Of the
pairs in bundles, how many are significant (baskets.association_rules and all pairs of frequent products, before any
filter by lift); of what is significant, how much is not planted: the false discovery rate that
``baskets.false_discovery_rate`` is to keep. A rule is false if no bundle holds one of its antecedents with one of its
consequents. A bundle is found if all of its pairs are.

*mlxtend*: customer sales of UCI Online Retail under gross by raw description: itemsets at 1 % and 0.2 % with seconds
and memory of this package and of mlxtend's fpgrowth and apriori, each in a process of its own, and whether itemsets and
counts are the same.

*online-retail*: the strongest rules, by product with guests, to be read.
"""

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from retail_pipeline.analytics.baskets.itemsets import Search, least_count, mine
from retail_pipeline.analytics.baskets.occurrences import Occurrences
from retail_pipeline.assets.baskets.baskets_read import read_baskets
from retail_pipeline.assets.baskets.mining import TABLES, pair_significance
from retail_pipeline.home import Home
from retail_pipeline.simulator import preset, simulate_store
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.real_data import ONLINE_RETAIL
from retail_pipeline_tests.stores import opened, write_drop
from retail_pipeline_tests.tables import build_tables

LEVEL = 0.05
Pair = frozenset[str]


@contextmanager
def _mined(fill: Callable[[Home], object]) -> Iterator[tuple[Home, Warehouse]]:
    """A store with its baskets mined."""
    with tempfile.TemporaryDirectory(prefix="retail-study-") as folder:
        home = Home(Path(folder)).create()
        fill(home)
        with opened(home) as warehouse:
            build_tables(warehouse, ["core", *(table.name for table in TABLES)])
            yield home, warehouse


def planted(seeds: int) -> None:
    """Recall and false discovery rate, shop by shop and over all."""
    rows = []
    for seed in range(1, seeds + 1):
        rows.append(_planted(seed))
        print(pd.DataFrame(rows[-1:]).to_string(index=False, header=seed == 1), flush=True)
    frame = pd.DataFrame(rows)
    print(f"\n{seeds} shops")
    print(f"pairs in bundles found         {frame.found_pairs.sum()} of {frame.pairs.sum()}")
    print(f"bundles found whole            {frame.found_bundles.sum()} of {frame.bundles.sum()}")
    for things in ("pairs", "rules"):
        false, all_ = frame[f"false_{things}"], frame[f"significant_{things}"]
        rates = (false / all_.clip(lower=1)).to_numpy()
        half = 1.96 * rates.std(ddof=1) / len(rates) ** 0.5
        print(
            f"false among significant {things}  {false.sum()} of {all_.sum()}; mean of the shops "
            f"{rates.mean():.4f} (95 %: {max(rates.mean() - half, 0):.4f} to {rates.mean() + half:.4f})"
        )


def _planted(seed: int) -> dict[str, Any]:
    with _mined(lambda home: simulate_store(home.drops, preset("baskets", seed=seed), kind="parquet")) as (
        home,
        warehouse,
    ):
        pairs_file = next(home.root.rglob("pairs.parquet"))
        bundles: dict[int, set[str]] = {}
        for bundle, first, second in duckdb.execute(
            f"select bundle, product_a, product_b from '{pairs_file}' where kind = 'bundle'"
        ).fetchall():
            bundles.setdefault(bundle, set()).update((first, second))
        true = {frozenset(pair) for products in bundles.values() for pair in combinations(sorted(products), 2)}
        significant = _significant_pairs(warehouse)
        rules = warehouse.execute(
            "select antecedents, consequents from baskets.association_rules where is_significant"
        ).fetchall()
    false_rules = [
        rule for rule in rules if not any(frozenset((first, second)) in true for first in rule[0] for second in rule[1])
    ]
    return {
        "seed": seed,
        "pairs": len(true),
        "found_pairs": len(true & significant),
        "bundles": len(bundles),
        "found_bundles": sum(
            all(frozenset(pair) in significant for pair in combinations(products, 2)) for products in bundles.values()
        ),
        "significant_pairs": len(significant),
        "false_pairs": len(significant - true),
        "significant_rules": len(rules),
        "false_rules": len(false_rules),
    }


def _significant_pairs(warehouse: Warehouse) -> set[Pair]:
    """All pairs of frequent products that are significant, also those that are no frequent pair themselves."""
    baskets = read_baskets(warehouse)
    frequent = np.flatnonzero(baskets.held.counts >= baskets.least)
    first, second = np.triu_indices(len(frequent), k=1)
    pairs = np.stack([frequent[first], frequent[second]], axis=1)
    _, q_values = pair_significance(baskets, frequent, pairs)
    return {frozenset((baskets.items[one], baskets.items[other])) for one, other in pairs[q_values <= LEVEL].tolist()}


def mlxtend() -> None:
    """Seconds and memory beside mlxtend."""
    runs = [("ours", 0.01), ("fpgrowth", 0.01), ("apriori", 0.01), ("ours", 0.002), ("fpgrowth", 0.002)]
    ours: dict[float, list[tuple[list[int], int]]] = {}
    for name, support in runs:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            found, seconds, before, peak = pool.apply(_time, (name, support))
        is_same = found == ours.setdefault(support, found)
        print(
            f"{name:9} at {support:.1%}: {len(found):7,} itemsets{'' if is_same else ' (OTHERS)'}, {seconds:7.2f} s, "
            f"peak {peak:5.2f} GiB, {peak - before:5.2f} GiB of it for mining",
            flush=True,
        )


def _time(name: str, support: float) -> tuple[list[tuple[list[int], int]], float, float, float]:
    """Itemsets with their counts, seconds, and peak memory before and after [GiB]."""
    pairs = duckdb.execute(
        f"""
        select
            dense_rank() over (order by InvoiceNo) - 1 as basket,
            dense_rank() over (order by Description) - 1 as item
        from (
            select distinct InvoiceNo, Description
            from read_csv('{ONLINE_RETAIL}', encoding = 'latin-1', types = {{'InvoiceNo': 'varchar'}})
            where CustomerID is not null and Quantity > 0 and UnitPrice > 0
        )
        """
    ).fetchnumpy()
    baskets, items = np.asarray(pairs["basket"]), np.asarray(pairs["item"])
    size, count = int(baskets.max()) + 1, int(items.max()) + 1
    if name == "ours":
        before, started = _peak(), time.perf_counter()
        held = Occurrences.from_pairs(baskets, items, size, count)
        mined = mine(held, Search(least_count(support, size)))
        seconds, peak = time.perf_counter() - started, _peak()
        parts = zip(mined.items, mined.counts, strict=True)
        rows = [row for part in parts for row in zip(part[0].tolist(), part[1][:, 0].tolist(), strict=True)]
        return sorted(rows), seconds, before, peak
    from mlxtend import frequent_patterns

    table = np.zeros((size, count), dtype=np.bool_)
    table[baskets, items] = True
    frame = pd.DataFrame(table)
    before, started = _peak(), time.perf_counter()
    told = getattr(frequent_patterns, name)(frame, min_support=support)
    seconds, peak = time.perf_counter() - started, _peak()
    theirs = zip(told["itemsets"], told["support"], strict=True)
    return sorted((sorted(map(int, items)), round(share * size)) for items, share in theirs), seconds, before, peak


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def online_retail() -> None:
    """The strongest rules, and what became of rules."""
    with _mined(lambda home: write_drop(home, "data.csv.gz", ONLINE_RETAIL.read_bytes())) as (_, warehouse):
        for table in TABLES:
            print(table.name, warehouse.count(table.name), dict(table.tell(warehouse)))
        rules = warehouse.read(
            """
            select antecedent_names, consequent_names, orders, confidence, lift, later_lift
            from baskets.association_rules
            where is_significant and not is_redundant
            order by lift desc, confidence desc
            limit 40
            """
        )
        print(rules.to_string(max_colwidth=90))


def main() -> None:
    """Print what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m retail_pipeline_tests.studies.baskets", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help="planted, mlxtend, online-retail [default: all]")
    parser.add_argument("--seeds", type=int, default=50, help="shops [default: 50]")
    given = parser.parse_args()
    parts: dict[str, Callable[[], None]] = {
        "planted": lambda: planted(given.seeds),
        "mlxtend": mlxtend,
        "online-retail": online_retail,
    }
    for part in given.parts or parts:
        if part not in parts:
            sys.exit(f"no such part: {part}")
        parts[part]()


if __name__ == "__main__":
    main()
