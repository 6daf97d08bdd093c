"""Sparsity patterns: validation, live neurons, groups, restriction, drawing, equality."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest

import sparseopt as so
from sparseopt.pattern import SparsityPattern

DENSE = [[[1], [1]], [[1, 1]]]
MIXED = SparsityPattern(
    [[[1, 0], [0, 0], [1, 1], [0, 0]], [[1, 1, 0, 0], [0, 1, 0, 0]]],
    biases=[[1, 1, 0, 0], [1, 0]],
    skip=[[0, 1], [0, 0]],
)
"""Hidden 0 is live, hidden 1 a constant, hidden 2 dead, hidden 3 neither sees nor is seen; output 1 is a constant."""


def random_patterns(count: int, seed: int) -> list[SparsityPattern]:
    """Random patterns with 1 to 3 hidden layers of 1 to 4 neurons."""
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(count):
        sizes = rng.integers(1, 5, size=rng.integers(2, 6))
        density = rng.uniform(0.2, 0.8)
        out.append(SparsityPattern([rng.random((b, a)) < density for a, b in pairwise(sizes)]))
    return out


def paths(pattern: SparsityPattern) -> list[list[tuple[int, int]]]:
    """Every path of free weights between any two layers, as (layer, neuron) steps, by plain search."""
    out: list[list[tuple[int, int]]] = []
    stack = [[(layer, j)] for layer, size in enumerate(pattern.sizes) for j in range(size)]
    while stack:
        path = stack.pop()
        out.append(path)
        layer, j = path[-1]
        if layer < pattern.depth:
            mask = pattern.masks[layer]
            stack += [[*path, (layer + 1, i)] for i in range(mask.shape[0]) if mask[i, j]]
    return out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([],), r"masks: give at least one layer's mask"),
        (("101",), r"masks: give at least one layer's mask"),
        (({"masks": 1},), r"masks: give at least one layer's mask"),
        (([[[1, 0], [1]]],), r"masks\[0\]: rows have different lengths; give every row the same number"),
        (([[1, 0]],), r"masks\[0\]: expected a list of rows of 0 and 1, not empty, got shape \(2,\)"),
        (([[[[1]]]],), r"masks\[0\]: expected a list of rows"),
        (([[[1]], [[]]],), r"masks\[1\]: expected a list of rows of 0 and 1, not empty, got shape \(1, 0\)"),
        (([[[2]]],), r"masks\[0\]: masks hold only 0 and 1"),
        (([[[-1]]],), r"masks\[0\]: masks hold only 0 and 1"),
        (([[[0.5]]],), r"masks\[0\]: masks hold only 0 and 1"),
        (([[[float("nan")]]],), r"masks\[0\]: masks hold only 0 and 1"),
        (([[["1"]]],), r"masks\[0\]: masks hold only 0 and 1"),
        (([[[None]]],), r"masks\[0\]: masks hold only 0 and 1"),
        (([[[10**30]]],), r"masks\[0\]: masks hold only 0 and 1"),
        (([[[1]], [[1j]]],), r"masks\[1\]: masks hold only 0 and 1"),
        (
            ([[[1], [1]], [[1, 1, 1]]],),
            r"masks\[1\]: has 3 columns but masks\[0\] has 2 rows; make them equal",
        ),
        ((DENSE, [[1, 1]]), r"biases: give one list for each of the 2 layers"),
        ((DENSE, [[1, 1], [1], [1]]), r"biases: give one list for each of the 2 layers"),
        ((DENSE, "11"), r"biases: give one list for each of the 2 layers"),
        ((DENSE, [[1], [1]]), r"biases\[0\]: has 1 entries but masks\[0\] has 2 rows"),
        ((DENSE, [None, [1, 1]]), r"biases\[1\]: has 2 entries but masks\[1\] has 1 rows"),
        ((DENSE, [[1, 2], [1]]), r"biases\[0\]: masks hold only 0 and 1"),
        ((DENSE, [[[1, 1]], [1]]), r"biases\[0\]: expected a list of 0 and 1"),
        ((DENSE, [[], [1]]), r"biases\[0\]: expected a list of 0 and 1, not empty"),
        ((DENSE, None, [[1, 1]]), r"skip: has shape \(1, 2\), expected \(1, 1\)"),
        ((DENSE, None, [1]), r"skip: expected a list of rows"),
        ((DENSE, None, [[3]]), r"skip: masks hold only 0 and 1"),
    ],
)
def test_bad_masks_are_refused(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(so.InputError, match=message):
        SparsityPattern(*arguments)


def test_sizes_and_counts() -> None:
    assert MIXED.sizes == (2, 4, 2)
    assert (MIXED.depth, MIXED.n_inputs, MIXED.n_outputs) == (2, 2, 2)
    assert MIXED.n_parameters == (3 + 3) + (2 + 1) + 1
    assert SparsityPattern([[[1, 0, 1]]]).sizes == (3, 1)
    assert SparsityPattern([[[1, 0, 1]]]).n_parameters == 3


def test_masks_are_read_only_copies() -> None:
    given = np.ones((2, 2))
    bias = np.ones(2)
    pattern = SparsityPattern([given], [bias], given)
    given[:] = 0
    bias[:] = 0
    assert pattern.masks[0].all()
    assert pattern.biases[0].all()
    assert pattern.skip is not None
    assert pattern.skip.all()
    for array in (pattern.masks[0], pattern.biases[0], pattern.skip):
        assert array.dtype == bool
        with pytest.raises(ValueError, match="read-only"):
            array[0] = False


def test_default_biases_are_free() -> None:
    pattern = SparsityPattern(DENSE, [None, [0]])
    assert pattern.biases[0].tolist() == [True, True]
    assert pattern.biases[1].tolist() == [False]
    assert all(b.all() for b in SparsityPattern(DENSE).biases)
    assert SparsityPattern(DENSE).skip is None


def test_live_dead_and_constant_neurons() -> None:
    assert [v.tolist() for v in MIXED.sees_input] == [[True, True], [True, False, True, False], [True, False]]
    assert [v.tolist() for v in MIXED.reaches_output] == [
        [True, False],
        [True, True, False, False],
        [True, True],
    ]
    assert [v.tolist() for v in MIXED.live] == [[True, False], [True, False, False, False], [True, False]]


def test_live_neurons_against_every_path() -> None:
    compared = 0
    for pattern in random_patterns(60, seed=1):
        sees, reaches = set(), set()
        for path in paths(pattern):
            if path[0][0] == 0:
                sees.add(path[-1])
            if path[-1][0] == pattern.depth:
                reaches.add(path[0])
        for layer, size in enumerate(pattern.sizes):
            for j in range(size):
                assert pattern.sees_input[layer][j] == ((layer, j) in sees)
                assert pattern.reaches_output[layer][j] == ((layer, j) in reaches)
                assert pattern.live[layer][j] == ((layer, j) in sees & reaches)
                compared += 1
    print(f"compared {compared} neurons")
    assert compared > 300


@pytest.mark.parametrize(
    ("masks", "groups"),
    [
        # inputs are shared, hidden neurons are not
        ([[[1, 1], [1, 1]], [[1, 0], [0, 1]]], ((0,), (1,))),
        # one hidden neuron feeds both
        ([[[1], [1]], [[1, 1], [0, 1]]], ((0, 1),)),
        # the shared hidden neuron sees no input: a constant joins nothing
        ([[[1, 1], [0, 0], [1, 1]], [[1, 1, 0], [0, 1, 1]]], ((0,), (1,))),
        # transitive: 0 and 2 share nothing, both share with 1
        ([[[1], [1]], [[1, 0], [1, 1], [0, 1]]], ((0, 1, 2),)),
        # two groups that interleave
        ([[[1], [1]], [[1, 0], [0, 1], [1, 0], [0, 1]]], ((0, 2), (1, 3))),
        # shared in the first of two hidden layers only
        ([[[1]], [[1], [1]], [[1, 0], [0, 1]]], ((0, 1),)),
        # separate chains through two hidden layers
        ([[[1], [1]], [[1, 0], [0, 1]], [[1, 0], [0, 1]]], ((0,), (1,))),
        # no hidden layer
        ([[[1, 1], [1, 1], [1, 1]]], ((0,), (1,), (2,))),
        # an output that nothing feeds
        ([[[1]], [[1], [0], [1]]], ((0, 2), (1,))),
    ],
)
def test_output_groups(masks: Any, groups: tuple[tuple[int, ...], ...]) -> None:
    assert SparsityPattern(masks).output_groups == groups


def test_output_groups_against_every_path() -> None:
    compared = joined = 0
    for pattern in random_patterns(80, seed=2):
        everything = paths(pattern)
        sees = {p[-1] for p in everything if p[0][0] == 0}
        uses: list[set[tuple[int, int]]] = [set() for _ in range(pattern.n_outputs)]
        for path in everything:
            if path[-1][0] == pattern.depth and 0 < path[0][0] < pattern.depth and path[0] in sees:
                uses[path[-1][1]].add(path[0])
        group = list(range(pattern.n_outputs))
        for _ in range(pattern.n_outputs):
            for i, j in product(range(pattern.n_outputs), repeat=2):
                if uses[i] & uses[j]:
                    group[i] = group[j] = min(group[i], group[j])
        expected = {tuple(i for i, g in enumerate(group) if g == name) for name in group}
        assert set(pattern.output_groups) == expected
        assert len(pattern.output_groups) == len(expected)
        compared += 1
        joined += any(len(g) > 1 for g in expected)
    print(f"compared {compared} patterns, {joined} with a joint group")
    assert compared == 80
    assert 10 < joined < 70


def test_equal_supports() -> None:
    first = [[1, 0], [1, 0], [1, 1], [1, 0], [1, 0], [0, 0]]
    second = [[1, 1, 1, 1, 0, 1], [0, 0, 0, 0, 1, 0]]
    bias = [1, 1, 1, 0, 1, 1]
    pattern = SparsityPattern([first, second], [bias, None])
    # 0 and 1 are alike; 2 has more inputs, 3 no bias, 4 another output; 5 sees nothing
    assert pattern.equal_supports == ((0, 1), (2,), (3,), (4,))
    assert so.families.dense([2, 3, 1]).equal_supports == ((0, 1, 2),)


@pytest.mark.parametrize("sizes", [[1, 1], [1, 2, 2, 1]])
def test_equal_supports_needs_one_hidden_layer(sizes: list[int]) -> None:
    with pytest.raises(so.InputError, match=f"needs a pattern with one hidden layer, this one has {len(sizes) - 2}"):
        _ = so.families.dense(sizes).equal_supports


def test_support() -> None:
    assert [MIXED.support(j) for j in range(4)] == [(0,), (), (0, 1), ()]


def test_restrict_outputs() -> None:
    part = MIXED.restrict_outputs([1])
    expected = SparsityPattern([MIXED.masks[0], [[0, 1, 0, 0]]], [[1, 1, 0, 0], [0]], [[0, 0]])
    assert part == expected
    assert MIXED.restrict_outputs([1, 0]).masks[1].tolist() == MIXED.masks[1][::-1].tolist()
    assert so.families.lu(3).restrict_outputs([0, 1, 2]) == so.families.lu(3)
    assert MIXED.restrict_outputs([0]).skip is not None


def test_restrict_inputs() -> None:
    part = MIXED.restrict_inputs([1])
    expected = SparsityPattern([[[0], [0], [1], [0]], MIXED.masks[1]], MIXED.biases, [[1], [0]])
    assert part == expected
    assert so.families.lu(3).restrict_inputs([2, 0]).masks[0].tolist() == [[1, 1], [1, 0], [1, 0]]


def test_draw() -> None:
    assert MIXED.draw().splitlines() == [
        "layer 1: 4 hidden neurons from 2",
        "  ■ · | ■",
        "  · · | ■  constant",
        "  ■ ■ | ·  dead",
        "  · · | ·  dead",
        "layer 2: 2 outputs from 4",
        "  ■ ■ · · | ■",
        "  · ■ · · | ·  constant",
        "skip: 2 outputs from 2 inputs",
        "  · ■",
        "  · ·",
    ]


def test_equality_and_hash() -> None:
    base = SparsityPattern(DENSE)
    same = [
        SparsityPattern(DENSE, [[1, 1], [1]]),
        SparsityPattern([np.ones((2, 1), dtype=bool), np.ones((1, 2), dtype=float)]),
        SparsityPattern(DENSE, None, [[0]]),
        so.families.dense([1, 2, 1]),
    ]
    different = [
        SparsityPattern(DENSE, None, [[1]]),
        SparsityPattern(DENSE, [[1, 0], [1]]),
        SparsityPattern(DENSE, [[1, 1], [0]]),
        SparsityPattern([[[1], [0]], [[1, 1]]]),
        SparsityPattern([[[1, 1]], [[1], [1]]]),
        so.families.dense([1, 2]),
        so.families.dense([2, 1]),
    ]
    assert all(base == p and hash(base) == hash(p) for p in same)
    assert not any(base == p for p in different)
    assert len({base, *same, *different}) == 1 + len(different)
    assert (base == "pattern") is False
    assert so.families.dense([1, 2]) != so.families.dense([2, 1])


def test_skip_and_repr() -> None:
    assert MIXED.skip is not None
    assert MIXED.skip.tolist() == [[False, True], [False, False]]
    text = "SparsityPattern(sizes=(2, 4, 2), free weights 6 of 16, free biases 3 of 6, free skip weights 1 of 4)"
    assert repr(MIXED) == text
