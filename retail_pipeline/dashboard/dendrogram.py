"""How clusters merge, as lines to draw; from the fitted model that the snapshot's clusters name."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from retail_pipeline.errors import ModelError
from retail_pipeline.saved_models import load_model

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHOWN_MERGES = 30


@dataclass(frozen=True)
class Dendrogram:
    """The last merges of a tree: each line's four corners, and the height at which it is cut."""

    xs: list[list[float]]
    ys: list[list[float]]
    cut: float


def saved_linkage(folder: Path, model: str, feature_set: str) -> "NDArray[np.float64] | None":
    """The tree of Ward's merges of a saved model; None if the one in use is another one, or has none."""
    import numpy as np

    try:
        saved = load_model(folder)
    except ModelError:
        return None
    if saved is None or saved.id != model:
        return None
    linkage = saved.arrays.get(feature_set, {}).get("linkage")
    return None if linkage is None or not len(linkage) else np.asarray(linkage)


def last_merges(linkage: "NDArray[np.float64]", k: int) -> Dendrogram:
    """The lines of the last merges, and the height between those that leave k clusters and fewer."""
    from scipy.cluster.hierarchy import dendrogram

    heights = linkage[:, 2]
    cut = float(heights[-k] + heights[-k + 1]) / 2 if 2 <= k <= len(heights) else 0.0
    drawn = dendrogram(linkage, p=SHOWN_MERGES, truncate_mode="lastp", no_plot=True)
    return Dendrogram(drawn["icoord"], drawn["dcoord"], cut)
