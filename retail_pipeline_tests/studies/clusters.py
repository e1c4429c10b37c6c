"""What clusters show of UCI Online Retail, how far they agree with the simulator's tiers, and what a million cost.

``python -m retail_pipeline_tests.studies.clusters [online-retail] [month-ends] [tiers] [million]``.

*online-retail*: silhouettes of the RFM preset by k beside those of the recipe that is published most (Amount with
cancellations, Frequency in lines, Recency; three filters at 1.5 times the range from the 5 % to the 95 % quantile
outside it; standardised); all algorithms with their scores; sizes and personas.

*month-ends*: over six of them, trained at each, how many clusters and customers of it kept their persona, by the rules
as they are and without them.

*tiers*: the adjusted Rand index between clusters and the tier each simulated customer is of, beside two bounds. The
first classifier knows the shop's parameters and each customer's own traits: the purchase rate, the dropout probability
and the spend rate that the simulator drew. What a customer buys depends on its tier by these three alone, so no method
that sees purchases can name more tiers rightly (data processing inequality). The second knows the parameters and
sees purchases: its posterior is prior times the BG/NBD likelihood of (x, t_x, T) in the simulator's busy time (Fader,
Hardie & Lee 2005, eq. 6) times the gamma-gamma likelihood of the mean order (Fader & Hardie 2013, eq. 1a). It takes the
mean order for the mean of the values drawn, though baskets scatter about those; so it is what can be reached by a
method that was told the truth about everything else, not a bound in the strict sense. Both name the likeliest tier,
which makes most names right; the index of that naming is what is told.

*million*: seconds and memory of training and assigning a million customers made with NumPy.
"""

import argparse
import contextlib
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import betaln, gammaln
from scipy.stats import beta, gamma

from retail_pipeline.analytics.clusters.algorithms import fit_kmeans
from retail_pipeline.analytics.clusters.matching import match
from retail_pipeline.analytics.clusters.personas import Levels, personas
from retail_pipeline.analytics.clusters.profiles import Population as Profiles
from retail_pipeline.analytics.clusters.scores import Distances, adjusted_rand
from retail_pipeline.analytics.clusters.search import Limits
from retail_pipeline.analytics.clusters.training import Clustering, train
from retail_pipeline.assets.customers.clusters import FEATURES
from retail_pipeline.home import Home
from retail_pipeline.settings import Settings
from retail_pipeline.simulator import preset, simulate_store
from retail_pipeline.simulator.store import Store
from retail_pipeline_tests.real_data import LONG_AGO, ONLINE_RETAIL
from retail_pipeline_tests.stores import opened
from retail_pipeline_tests.tables import build_tables

MONTH_ENDS = tuple(date(2011, month, 1) for month in range(7, 13))
PUBLISHED = {2: 0.542, 3: 0.508, 4: 0.482, 5: 0.465, 6: 0.417}
TABLES = ("core", "customers.order_states", "customers.product_changes", "customers.features")
Floats = NDArray[np.float64]
RECIPE = f"""
    select
        sum(Quantity * UnitPrice) as amount,
        count(*) as frequency,
        date_diff('day', max(strptime(InvoiceDate, '%m/%d/%Y %H:%M')), timestamp '2011-12-09 12:50') as recency
    from read_csv('{ONLINE_RETAIL}', encoding = 'latin-1', types = {{'InvoiceNo': 'varchar', 'InvoiceDate': 'varchar'}})
    where CustomerID is not null
    group by CustomerID
    order by CustomerID
"""


def online_retail() -> None:
    """All that is told of UCI Online Retail."""
    with tempfile.TemporaryDirectory(prefix="retail-study-") as folder:
        home = _online_retail_home(Path(folder))
        frame = features(home)
        found = {name: _trained(frame, name) for name in ("rfm", "classic")}
        _tell_silhouettes(frame, found["rfm"])
        for name, clustering in found.items():
            _tell_algorithms(frame, name, clustering)


def month_ends() -> None:
    """How far personas of UCI Online Retail last."""
    with tempfile.TemporaryDirectory(prefix="retail-study-") as folder:
        home = _online_retail_home(Path(folder))
        months = [features(home, Settings(core={"as_of": day})) for day in MONTH_ENDS]  # type: ignore[arg-type]
    for name in ("rfm", "classic"):
        _tell_kept(name, months)


def _online_retail_home(folder: Path) -> Home:
    home = Home(folder).create()
    (home.drops / "data.csv.gz").write_bytes(ONLINE_RETAIL.read_bytes())
    os.utime(home.drops / "data.csv.gz", (LONG_AGO, LONG_AGO))
    return home


def features(home: Home, settings: Settings | None = None) -> pd.DataFrame:
    """The customers of a home."""
    with opened(home, settings) as warehouse:
        build_tables(warehouse, TABLES)
        return warehouse.read(FEATURES)


def _trained(frame: pd.DataFrame, name: str, limits: Limits | None = None, **more: Any) -> Clustering:
    found = train(frame, name, limits or Limits(), **more)
    assert found
    return found


def _tell_silhouettes(frame: pd.DataFrame, clustering: Clustering) -> None:
    recipe = duckdb.sql(RECIPE).df()
    for name in ("amount", "recency", "frequency"):
        low, high = recipe[name].quantile([0.05, 0.95])
        recipe = recipe[recipe[name].between(low - 1.5 * (high - low), high + 1.5 * (high - low))]
    points = ((recipe - recipe.mean()) / recipe.std(ddof=0)).to_numpy(dtype=np.float64)
    raw = frame[["recency_days", "orders", "total_spend"]].to_numpy(dtype=np.float64)
    raw = (raw - raw.mean(axis=0)) / raw.std(axis=0)
    rows = {row["k"]: row for row in clustering.selection if row["algorithm"] == "kmeans"}
    between = {"recipe": (Distances(points), points), "raw": (Distances(raw), raw)}
    print(f"\nRFM by k-means; published recipe: {len(recipe):,} customers left of 4,372; ours: all {len(frame):,}")
    print("   k  published  recipe  raw, untrimmed    ours  elbow     gap   stability  Calinski-H.  Davies-B.")
    for k, row in rows.items():
        again = {
            name: distances.silhouette(fit_kmeans(of, k, 0).assign(of)) for name, (distances, of) in between.items()
        }
        print(
            f"  {k:2}  {PUBLISHED.get(k, float('nan')):9.3f}  {again['recipe']:6.3f}  {again['raw']:14.3f}  "
            f"{row['silhouette']:6.3f}  {'elbow' if row['is_elbow'] else '':5}  {row['gap']:6.3f}  "
            f"{row['stability_ari']:10.3f}  {row['calinski_harabasz']:11.0f}  {row['davies_bouldin']:9.3f}"
            f"{'  chosen' if row['chosen'] else ''}"
        )


def _tell_algorithms(frame: pd.DataFrame, name: str, clustering: Clustering) -> None:
    print(f"\n{name}: algorithms as chosen, champion {clustering.champion}")
    for row in clustering.selection:
        if row["chosen"]:
            silhouette = float("nan") if row["silhouette"] is None else row["silhouette"]
            print(
                f"  {row['algorithm']:17} k {row['k']:2}  silhouette {silhouette:6.3f}  stability "
                f"{row['stability_ari'] or float('nan'):6.3f}  noise {row['noise_share']:6.3f}  smallest "
                f"{row['smallest_share']:6.3f}  standing {row['standing']:6.3f}"
            )
    assigned, spent = clustering.assign(frame), frame["total_spend"].to_numpy(dtype=np.float64)
    for algorithm, clusters in assigned.items():
        told = [
            f"{clustering.divisions[algorithm].persona(int(one))}: {(clusters == one).mean():.0%} of customers, "
            f"{spent[clusters == one].sum() / spent.sum():.0%} of revenue"
            for one in np.unique(clusters)
        ]
        print(f"  {algorithm}: " + "; ".join(told))


def _tell_kept(name: str, months: list[pd.DataFrame]) -> None:
    """Train k-means at each month-end and compare with the one before."""
    limits = Limits(algorithms=("kmeans",), rounds=2)
    before: pd.Series[int] | None = None
    levels: dict[int, Levels] = {}
    names: dict[int, str] = {}
    plain: dict[int, str] = {}
    plain_before: pd.Series[int] | None = None
    kept = dict.fromkeys(("clusters", "named", "plainly named", "customers", "same persona", "same plain persona"), 0)
    ks, first, changed = [], None, list[str]()
    for frame in months:
        frame = frame.sort_values("customer_id", ignore_index=True)
        found = _trained(
            frame, name, limits,
            before=None if before is None else {"kmeans": before}, levels_before={"kmeans": levels},
            k_before={"kmeans": len(names)},
        )  # fmt: skip
        division = found.divisions["kmeans"]
        now = pd.Series(found.assign(frame)["kmeans"], index=frame["customer_id"])
        own = pd.Series(division.model.assign(found.preparation.transform(frame)), index=frame["customer_id"])
        now_plain = {c: told["name"] for c, told in personas(Profiles(frame).profile(own.to_numpy())).items()}
        now_names = {c: told["name"] for c, told in division.personas.items()}
        first = first or found
        ks.append(len(now_names))
        if before is not None and plain_before is not None:
            kept["clusters"] += len(names)
            kept["named"] += sum(now_names.get(cluster) == persona for cluster, persona in names.items())
            both = now.index.intersection(before.index)
            pairs = match(own[both].to_numpy(), plain_before[both].to_numpy())
            kept["plainly named"] += sum(plain[old] == now_plain[new] for new, old in pairs.items() if old in plain)
            kept["customers"] += len(both)
            kept["same persona"] += int((now[both].map(now_names) == before[both].map(names)).sum())
            kept["same plain persona"] += int((own[both].map(now_plain) == plain_before[both].map(plain)).sum())
        changed += [f"{persona} -> {now_names.get(c)}" for c, persona in names.items() if now_names.get(c) != persona]
        before, plain_before, levels = now, own, {c: told["levels"] for c, told in division.personas.items()}
        names, plain = now_names, now_plain
    share = {one: kept[one] / kept["clusters"] for one in ("named", "plainly named")}
    share |= {one: kept[one] / kept["customers"] for one in ("same persona", "same plain persona")}
    print(f"\n{name}: six month-ends, trained at each; clusters {ks}; customers {[len(frame) for frame in months]}")
    print(f"  clusters that kept number and name: {kept['named']} of {kept['clusters']} ({share['named']:.0%});")
    print(f"  changed: {'; '.join(changed) or 'none'}")
    print(f"  of those matched, with the same name without leeway: {kept['plainly named']} of {kept['clusters']}")
    print(f"  customers with the same persona a month later: {share['same persona']:.1%}")
    print(f"  the same without matching and leeway: {share['same plain persona']:.1%}")
    assert first
    stays = []
    for one, other in pairwise(months):
        joined = one.merge(other, on="customer_id", suffixes=("", "_later"))
        later = other.set_index("customer_id").loc[joined["customer_id"]].reset_index()
        stays.append((first.assign(joined)["kmeans"] == first.assign(later)["kmeans"]).mean())
    print(f"  assigned by the first month's model (no name changes): in the same cluster {np.mean(stays):.1%}")


def tiers(customers: int, seeds: range) -> None:
    """Agreement with the simulator's tiers."""
    rows = []
    for seed in seeds:
        shop = preset("demo", customers=customers, seed=seed)
        with _simulated(shop) as (home, truth):
            frame = features(home)
        true = truth.set_index("customer_id").loc[frame["customer_id"]]
        codes = true["tier"].astype("category").cat.codes.to_numpy(dtype=np.int64)
        row: dict[str, float] = {}
        for name in ("rfm", "classic"):
            limits = replace(Limits(), k_min=3, k_max=3, rounds=2)
            three, free = _trained(frame, name, limits), _trained(frame, name, Limits(rounds=2))
            for algorithm, clusters in three.assign(frame).items():
                row[f"{name} {algorithm}, k = 3 where it can be set"] = adjusted_rand(codes, clusters)
            row[f"{name} champion as chosen"] = adjusted_rand(codes, free.assign(frame)[free.champion])
        by_traits, by_purchases = _bounds(shop, frame, true)
        order = sorted(true["tier"].unique())
        for title, guess in (("traits", by_traits), ("purchases", by_purchases)):
            guessed = np.array([order.index(tier) for tier in guess])
            row[f"bound: told the {title}"] = adjusted_rand(codes, guessed)
            row[f"bound: told the {title}, tiers named rightly"] = float((codes == guessed).mean())
        row["the most frequent tier named rightly"] = float(np.bincount(codes).max() / len(codes))
        rows.append(row)
    print(
        f"\ndemo shop, {customers:,} customers, seeds {seeds.start} to {seeds.stop - 1}: adjusted Rand index with tiers"
    )
    for title, values in pd.DataFrame(rows).items():
        print(f"  {title:58} {values.mean():6.3f}  ({values.min():.3f} to {values.max():.3f})")


@contextlib.contextmanager
def _simulated(shop: Any) -> Iterator[tuple[Home, pd.DataFrame]]:
    with tempfile.TemporaryDirectory(prefix="retail-study-") as folder:
        home = Home(Path(folder)).create()
        summary = simulate_store(home.drops, shop, kind="parquet", per="all")
        for path in summary.files:
            os.utime(path, (LONG_AGO, LONG_AGO))
        yield home, duckdb.sql(f"from '{Path(summary.truth) / 'customers.parquet'}'").df()


def _bounds(shop: Any, frame: pd.DataFrame, true: pd.DataFrame) -> tuple[list[str], list[str]]:
    """The likeliest tier of each customer by its true traits, and by its purchases."""
    store = Store(shop)
    numbers = true.index.str.removeprefix("C").astype(np.int64).to_numpy() - 1
    traits = store.population.traits(numbers)
    clock = store.clock

    def busy(moments: "pd.Series[Any]") -> Floats:
        days = moments.astype("int64").to_numpy() / (86_400 * _per_second(moments)) - clock.first
        return clock.busy_time(traits.region, days)

    first, last = busy(true["first_order_ts"]), busy(true["last_order_ts"])
    x, t_x, total = true["orders"].to_numpy() - 1.0, last - first, clock.end(traits.region) - first
    rate, dropout = true["orders_per_day"].to_numpy(), true["dropout"].to_numpy()
    value, orders = frame["avg_order_value"].to_numpy(), frame["orders"].to_numpy()
    by_traits, by_purchases = [], []
    for tier in shop.tiers:
        prior = np.log(tier.share)
        by_traits.append(
            prior
            + gamma.logpdf(rate, tier.r, scale=1 / tier.alpha)
            + beta.logpdf(np.clip(dropout, 1e-12, 1 - 1e-12), tier.a, tier.b)
            + gamma.logpdf(traits.spend_rate, tier.q, scale=1 / tier.gamma)
        )
        by_purchases.append(
            prior + bg_nbd(x, np.minimum(t_x, total), total, tier) + gamma_gamma(np.maximum(value, 0.01), orders, tier)
        )
    names = np.array([tier.name for tier in shop.tiers])
    return names[np.argmax(by_traits, axis=0)].tolist(), names[np.argmax(by_purchases, axis=0)].tolist()


def _per_second(moments: "pd.Series[Any]") -> int:
    return {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[np.datetime_data(moments.dtype)[0]]


def bg_nbd(x: Floats, t_x: Floats, total: Floats, tier: Any) -> Floats:
    """The logarithm of the likelihood of x repeat purchases, the last at t_x, within a time (equation 6)."""
    r, alpha, a, b = tier.r, tier.alpha, tier.a, tier.b
    outer = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    alive = betaln(a, b + x) - betaln(a, b) - (r + x) * np.log(alpha + total)
    with np.errstate(invalid="ignore", divide="ignore"):
        gone = betaln(a + 1, np.maximum(b + x - 1, 1e-9)) - betaln(a, b) - (r + x) * np.log(alpha + t_x)
    return np.asarray(outer + np.logaddexp(alive, np.where(x > 0, gone, -np.inf)))


def gamma_gamma(mean: Floats, orders: Floats, tier: Any) -> Floats:
    """The logarithm of the density of a customer's mean order value (equation 1a)."""
    p, q, g = tier.p, tier.q, tier.gamma
    shape = p * orders
    return np.asarray(
        gammaln(shape + q) - gammaln(shape) - gammaln(q) + q * np.log(g) + (shape - 1) * np.log(mean)
        + shape * np.log(orders) - (shape + q) * np.log(g + orders * mean)
    )  # fmt: skip


def million(customers: int, algorithms: tuple[str, ...]) -> None:
    """Seconds and memory for a million customers."""
    rng = np.random.default_rng(1)
    rate = rng.gamma(0.8, 1 / 0.8, customers)
    orders = 1.0 + rng.poisson(4 * rate)
    spend = np.round(orders * rng.lognormal(3.5, 0.8, customers), 2)
    frame = pd.DataFrame(
        {
            "customer_id": [f"C{number:07d}" for number in range(customers)],
            "recency_days": np.ceil(rng.exponential(200 / (0.3 + rate))).clip(1, 730),
            "orders": orders,
            "total_spend": spend,
            "avg_order_value": spend / orders,
            "product_variety": np.ceil(orders * rng.gamma(3, 2, customers)),
            "preferred_weekday": rng.integers(1, 8, customers).astype(float),
        }
    )
    for name in ("rfm", "classic"):
        began, cpu = time.perf_counter(), time.process_time()
        clustering = _trained(frame, name, Limits(algorithms=algorithms))
        fitted, fitted_cpu = time.perf_counter() - began, time.process_time() - cpu
        began, cpu = time.perf_counter(), time.process_time()
        assigned = clustering.assign(frame)
        chosen = {row["algorithm"]: row["k"] for row in clustering.selection if row["chosen"]}
        sizes = {key: np.bincount(np.maximum(clusters, 0)).tolist() for key, clusters in assigned.items()}
        print(
            f"{customers:,} customers, {name}, {', '.join(algorithms)}: trained in {fitted:.0f} s ({fitted_cpu:.0f} s "
            f"CPU), assigned in {time.perf_counter() - began:.0f} s ({time.process_time() - cpu:.0f} s CPU); "
            f"k {chosen}; peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB; sizes {sizes}"
        )


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m retail_pipeline_tests.studies.clusters", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help="online-retail, month-ends, tiers, million [the first]"
    )
    parser.add_argument("--customers", type=int, help="customers of each shop, or of the million")
    parser.add_argument("--seeds", type=int, default=3, help="shops")
    parser.add_argument("--algorithms", default="kmeans", help="of the million, separated by commas")
    given = parser.parse_args()
    for part in given.parts or ["online-retail"]:
        if part == "online-retail":
            online_retail()
        elif part == "month-ends":
            month_ends()
        elif part == "tiers":
            tiers(given.customers or 10_000, range(1, 1 + given.seeds))
        elif part == "million":
            million(given.customers or 1_000_000, tuple(given.algorithms.split(",")))
        else:
            parser.error(f"there is no {part}")


if __name__ == "__main__":
    main()
