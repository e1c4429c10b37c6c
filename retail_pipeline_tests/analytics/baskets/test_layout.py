"""Places of a network: no labels overlap, parts stay together, the same each time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from retail_pipeline.analytics.baskets.layout import components, lay_out, push_apart


def meet(places: NDArray[np.float64], boxes: NDArray[np.float64]) -> bool:
    """Whether any two boxes have a point inside both."""
    first, second = np.triu_indices(len(places), k=1)
    room = np.abs(places[first] - places[second]) - (boxes[first] + boxes[second]) / 2
    return bool((room < -1e-6).all(axis=1).any())


@st.composite
def networks(draw: st.DrawFn) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    nodes = draw(st.integers(2, 14))
    ends = st.integers(0, nodes - 1)
    edges = draw(st.lists(st.tuples(ends, ends).filter(lambda pair: pair[0] != pair[1]), min_size=1, max_size=25))
    sizes = st.tuples(st.floats(0.3, 1.5), st.floats(0.2, 0.6))
    boxes = draw(st.lists(sizes, min_size=nodes, max_size=nodes))
    return np.array(edges, dtype=np.int64), np.array(boxes)


@settings(max_examples=8, deadline=None)
@given(networks())
def test_no_two_labels_overlap(network: tuple[NDArray[np.int64], NDArray[np.float64]]) -> None:
    edges, boxes = network
    places = lay_out(edges, boxes, width=8, gap=0.2)
    assert not meet(places, boxes)
    assert (lay_out(edges, boxes, width=8, gap=0.2) == places).all()


def test_sixty_rules_of_one_product_and_a_clique_leave_no_labels_overlapping() -> None:
    star = [(0, node) for node in range(1, 41)]
    clique = [(first, second) for first in range(41, 48) for second in range(first + 1, 48)]
    boxes = np.tile([1.2, 0.4], (48, 1))
    assert not meet(lay_out(np.array(star + clique), boxes, width=9.5, gap=0.2), boxes)


def test_parts_lie_side_by_side_within_the_width() -> None:
    boxes = np.tile([1.0, 0.3], (12, 1))
    places = lay_out(np.arange(12).reshape(-1, 2), boxes, width=6, gap=0.2)
    assert (places - boxes / 2).min(axis=0)[0] == pytest.approx(0)
    assert (places + boxes / 2).max(axis=0)[0] <= 6 + 1e-9
    assert (places + boxes / 2).max(axis=0)[1] <= 1e-9
    assert len({round(float(y), 3) for y in places[:, 1]}) < 12


def test_what_is_connected_lies_nearer_than_what_is_not() -> None:
    edges = np.array([[0, 1], [1, 2], [2, 3], [3, 4], [4, 5]])
    places = lay_out(edges, np.tile([0.5, 0.3], (6, 1)), width=20, gap=0.1)
    distances = np.sqrt(((places[:, None] - places[None]) ** 2).sum(axis=2))
    assert distances[edges[:, 0], edges[:, 1]].max() < distances[0, 3:].min()


@settings(max_examples=8, deadline=None)
@given(networks())
def test_components_are_what_edges_reach(network: tuple[NDArray[np.int64], NDArray[np.float64]]) -> None:
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    edges, boxes = network
    part = components(edges, len(boxes))
    graph = csr_matrix((np.ones(len(edges)), edges.T), shape=(len(boxes), len(boxes)))
    _, reference = connected_components(graph, directed=False)
    assert ((part[:, None] == part) == (reference[:, None] == reference)).all()


def test_boxes_that_do_not_meet_stay_where_they_are() -> None:
    places = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
    assert (push_apart(places, np.tile([1.0, 0.5], (3, 1))) == places).all()


def test_a_crowd_of_boxes_comes_apart_wholly() -> None:
    angles = 2 * np.pi * np.arange(200) / 200
    crowd = 4 * np.column_stack([np.cos(angles), np.sin(angles)])
    boxes = np.tile([1.4, 0.6], (200, 1))
    assert not meet(push_apart(crowd, boxes), boxes)


def test_an_empty_network_has_no_places() -> None:
    assert lay_out(np.zeros((0, 2), dtype=np.int64), np.zeros((0, 2)), width=5, gap=0.1).shape == (0, 2)
