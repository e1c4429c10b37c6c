"""How measures go together: correlations of all pairs, with what chance alone would make of so many."""

from itertools import combinations

import numpy as np
import pandas as pd

COLUMNS = (
    "measure_a", "measure_b", "n", "pearson", "pearson_p_value", "pearson_q_value", "spearman", "spearman_p_value",
    "spearman_q_value",
)  # fmt: skip
FEWEST = 4
"""Observations below which no correlation is told: with three, chance makes any."""


def correlate(measures: pd.DataFrame) -> pd.DataFrame:
    """Pearson's and Spearman's correlation of each pair of columns.

    Parameters
    ----------
    measures
        A row an observation, a column a measure; of each pair the rows count in which both are known.

    Returns
    -------
    DataFrame
        A row a pair, in the order of the columns: ``n`` observations; the coefficient; its two-sided p-value (of
        Pearson's exact under normality, of Spearman's by Student's t); and its q-value, the false discovery rate at
        which it is told apart from chance among all pairs (Benjamini & Hochberg 1995). Coefficients of fewer than four
        observations, and of measures that do not vary, are missing.

    Examples
    --------
    >>> correlate(pd.DataFrame({"a": [1, 2, 3, 4, 5], "b": [2, 4, 6, 8, 11]}))[["n", "spearman"]].values.tolist()
    [[5.0, 1.0]]
    """
    rows = [[one, other, *_of_pair(measures[one], measures[other])] for one, other in combinations(measures.columns, 2)]
    names = [name for name in COLUMNS if not name.endswith("q_value")]
    found = pd.DataFrame(rows, columns=names).astype(
        {name: "float64" for name in names if name not in ("measure_a", "measure_b", "n")} | {"n": "int64"}
    )
    for method in ("pearson", "spearman"):
        found[f"{method}_q_value"] = _q_values(found[f"{method}_p_value"].to_numpy())
    return found[list(COLUMNS)]


def _of_pair(one: "pd.Series[float]", other: "pd.Series[float]") -> tuple[int, float, float, float, float]:
    from scipy.stats import pearsonr, spearmanr

    is_known = (one.notna() & other.notna()).to_numpy()
    x, y = one.to_numpy(dtype=np.float64)[is_known], other.to_numpy(dtype=np.float64)[is_known]
    if len(x) < FEWEST or np.ptp(x) == 0 or np.ptp(y) == 0:
        return len(x), np.nan, np.nan, np.nan, np.nan
    pearson, spearman = pearsonr(x, y), spearmanr(x, y)
    return len(x), pearson.statistic, pearson.pvalue, spearman.statistic, spearman.pvalue


def _q_values(p_values: np.ndarray) -> np.ndarray:
    from scipy.stats import false_discovery_control

    q_values = np.full(len(p_values), np.nan)
    is_known = ~np.isnan(p_values)
    if is_known.any():
        q_values[is_known] = false_discovery_control(p_values[is_known])
    return q_values
