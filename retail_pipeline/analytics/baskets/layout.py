"""Places for a picture of a network: parts of it side by side, labels that do not overlap. No chance is in it.

References
----------
T. M. J. Fruchterman, E. M. Reingold (1991), Graph drawing by force-directed placement, Software: Practice and
Experience 21(11), pages 1129 to 1164.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retail_pipeline.analytics.baskets.occurrences import Integers

Floats = NDArray[np.float64]

STEPS = 150
MOST_PUSHES = 2_000
PUSHES_BEFORE_WIDER, WIDER = 20, 1.02
"""In a crowd each push makes others meet, on and on: after so many all places go apart by that factor."""


def components(edges: Integers, nodes: int) -> Integers:
    """The part of the network that each node is in, numbered by its first node; shape (nodes,).

    Parameters
    ----------
    edges
        Pairs of nodes; shape (edges, 2).

    Examples
    --------
    >>> components(np.array([[0, 3], [1, 2], [3, 4]]), 5).tolist()
    [0, 1, 1, 0, 0]
    """
    part = np.arange(nodes)
    while True:
        lowest = np.minimum(part[edges[:, 0]], part[edges[:, 1]])
        before = part.copy()
        np.minimum.at(part, edges[:, 0], lowest)
        np.minimum.at(part, edges[:, 1], lowest)
        if (part == before).all():
            return np.asarray(np.unique(part, return_inverse=True)[1], dtype=np.int64)


def lay_out(edges: Integers, boxes: Floats, *, width: float, gap: float) -> Floats:
    """A place for the middle of each node's box, so that no two boxes meet; shape (nodes, 2).

    Parameters
    ----------
    edges
        Pairs of nodes; shape (edges, 2).
    boxes
        Width and height of each node's box; shape (nodes, 2).
    width
        Of the picture, in the same unit; a part that is wider than that makes it wider.
    gap
        Room between boxes.
    """
    part = components(edges, len(boxes))
    placed: list[tuple[Integers, Floats]] = []
    for number in range(int(part.max(initial=-1)) + 1):
        inside = np.flatnonzero(part == number)
        of_part = np.searchsorted(inside, edges[part[edges[:, 0]] == number])
        places = push_apart(_spread(of_part, boxes[inside], gap), boxes[inside] + gap)
        placed.append((inside, places))
    return _pack(placed, boxes, width, gap)


def _spread(edges: Integers, boxes: Floats, gap: float) -> Floats:
    """The forces of Fruchterman and Reingold on one part: edges pull, nodes push."""
    nodes = len(boxes)
    length = 0.7 * float(boxes.mean()) + gap
    angles = 2 * np.pi * np.arange(nodes) / max(nodes, 1)
    places: Floats = length * np.sqrt(nodes) * np.column_stack([np.cos(angles), 0.7 * np.sin(angles)])
    for step in range(STEPS):
        apart = places[:, None] - places[None, :]
        distance = np.maximum(np.sqrt((apart**2).sum(axis=2)), 1e-6)
        move = (apart / distance[..., None] ** 2 * length**2).sum(axis=1)
        along = places[edges[:, 0]] - places[edges[:, 1]]
        pull = along * np.sqrt((along**2).sum(axis=1))[:, None] / length
        np.subtract.at(move, edges[:, 0], pull)
        np.add.at(move, edges[:, 1], pull)
        far = np.maximum(np.sqrt((move**2).sum(axis=1)), 1e-6)
        most = length * (1 - step / STEPS)
        places = places + move / far[:, None] * np.minimum(far, most)[:, None]
    return places


def push_apart(places: Floats, boxes: Floats) -> Floats:
    """Move boxes that overlap apart, each two of them the shorter way, until none do.

    Examples
    --------
    >>> push_apart(np.array([[0.0, 0.0], [0.5, 0.0]]), np.array([[1.0, 1.0], [1.0, 1.0]])).tolist()
    [[-0.25, 0.0], [0.75, 0.0]]
    """
    places = places.copy()
    first, second = np.triu_indices(len(places), k=1)
    needed = (boxes[first] + boxes[second]) / 2
    for push in range(1, MOST_PUSHES + 1):
        apart = places[second] - places[first]
        overlap = needed - np.abs(apart)
        meet = np.flatnonzero((overlap > 1e-9).all(axis=1))
        if not len(meet):
            break
        # one axis a pair; what lies exactly on another goes up
        axis = (overlap[meet, 1] <= overlap[meet, 0]).astype(np.int64)
        side = np.where(apart[meet, axis] >= 0, 1.0, -1.0)
        shift = side * overlap[meet, axis] / 2
        np.subtract.at(places, (first[meet], axis), shift)
        np.add.at(places, (second[meet], axis), shift)
        if push % PUSHES_BEFORE_WIDER == 0:
            places *= WIDER
    return places


def _pack(placed: list[tuple[Integers, Floats]], boxes: Floats, width: float, gap: float) -> Floats:
    """Parts in rows, the tallest first, each in the first row that has room for it; rows from the top."""
    result = np.zeros((len(boxes), 2))
    frames = []
    for inside, places in placed:
        low = (places - boxes[inside] / 2).min(axis=0)
        high = (places + boxes[inside] / 2).max(axis=0)
        frames.append((inside, places - low, high - low))
    frames.sort(key=lambda frame: (-round(float(frame[2][1]), 6), int(frame[0][0])))
    rows: list[_Row] = []
    for inside, places, size in frames:
        row = next((row for row in rows if row.end + size[0] <= width), None)
        if row is None:
            row = _Row(top=rows[-1].top - rows[-1].height - 2 * gap if rows else 0.0, height=float(size[1]))
            rows.append(row)
        result[inside] = places + np.array([row.end, row.top - (row.height + size[1]) / 2])
        row.end += float(size[0]) + 2 * gap
    return result


@dataclass
class _Row:
    top: float
    height: float
    end: float = 0.0
