"""Families of patterns: each against its definition, and both ways of naming them."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import sparseopt as so
from sparseopt.families import FAMILIES, MAX_ENTRIES, build, parse
from sparseopt.pattern import SparsityPattern


def integer_masks(pattern: SparsityPattern) -> list[np.ndarray[Any, np.dtype[np.int64]]]:
    """Masks as integers, in the order in which they act."""
    return [m.astype(np.int64) for m in pattern.masks]


def path_counts(pattern: SparsityPattern) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Number of paths from input j to output i: the product of the masks."""
    masks = integer_masks(pattern)
    product = masks[0]
    for mask in masks[1:]:
        product = mask @ product
    return product


def test_every_family_is_tested_here() -> None:
    tested = {
        "dense",
        "lu",
        "butterfly",
        "monarch",
        "block_diagonal",
        "low_rank",
        "banded",
        "n_of_m",
        "random",
    }
    assert set(FAMILIES) == tested


@pytest.mark.parametrize("sizes", [[1, 1], [2, 3, 1], [4, 1, 2, 3]])
def test_dense(sizes: list[int]) -> None:
    pattern = so.families.dense(sizes)
    assert pattern.sizes == tuple(sizes)
    assert all(m.all() for m in pattern.masks)
    assert all(b.all() for b in pattern.biases)
    assert pattern.skip is None


@pytest.mark.parametrize("n", [1, 2, 3, 6])
def test_lu(n: int) -> None:
    pattern = so.families.lu(n)
    upper, lower = pattern.masks
    for i in range(n):
        for j in range(n):
            assert upper[i, j] == (i <= j)
            assert lower[i, j] == (i >= j)
    # entry (i, j) of L U is a sum of min(i, j) + 1 products
    assert path_counts(pattern).tolist() == [[min(i, j) + 1 for j in range(n)] for i in range(n)]


@pytest.mark.parametrize("n", [2, 4, 8, 32])
def test_butterfly(n: int) -> None:
    pattern = so.families.butterfly(n)
    factors = integer_masks(pattern)
    assert len(factors) == n.bit_length() - 1
    for level, factor in enumerate(factors):
        assert (factor.sum(axis=0) == 2).all()
        assert (factor.sum(axis=1) == 2).all()
        block = np.kron(np.ones((2, 2)), np.eye(2**level))
        assert (factor == np.kron(np.eye(n // 2 ** (level + 1)), block)).all()
    # the product is dense, with one path for each entry
    assert (path_counts(pattern) == 1).all()


@pytest.mark.parametrize(("p", "q"), [(1, 3), (2, 2), (2, 3), (3, 2), (4, 1)])
def test_monarch(p: int, q: int) -> None:
    pattern = so.families.monarch(p, q)
    assert pattern.sizes == (p * q,) * 3
    first, second = pattern.masks
    for i in range(p * q):
        assert np.flatnonzero(first[i]).tolist() == list(range(i // q * q, i // q * q + q))
        read = np.flatnonzero(second[i])
        assert [r // q for r in read] == list(range(p)), "one neuron of each block"
    assert (path_counts(pattern) == 1).all()


def test_monarch_is_square_by_default() -> None:
    assert so.families.monarch(3) == so.families.monarch(3, 3)
    assert so.families.monarch(2, 3) != so.families.monarch(3, 2)


@pytest.mark.parametrize(("sizes", "blocks"), [([4, 4], 2), ([2, 4, 6], 2), ([3, 3, 3], 3), ([5, 2], 1)])
def test_block_diagonal(sizes: list[int], blocks: int) -> None:
    pattern = so.families.block_diagonal(sizes, blocks)
    assert pattern.sizes == tuple(sizes)
    for (a, b), mask in zip(pairwise(sizes), pattern.masks, strict=True):
        for i in range(b):
            for j in range(a):
                assert mask[i, j] == (i * blocks // b == j * blocks // a)


def test_low_rank() -> None:
    pattern = so.families.low_rank(m=4, r=2, n=3)
    assert pattern == so.families.dense([3, 2, 4])


@pytest.mark.parametrize("bandwidth", [0, 1, 2])
@pytest.mark.parametrize("sizes", [[4, 4], [5, 3], [3, 5], [1, 4], [4, 4, 2]])
def test_banded(sizes: list[int], bandwidth: int) -> None:
    pattern = so.families.banded(sizes, bandwidth)
    compared = 0
    for (a, b), mask in zip(pairwise(sizes), pattern.masks, strict=True):
        for i in range(b):
            place = Fraction(i * (a - 1), b - 1) if b > 1 else Fraction(0)
            for j in range(a):
                assert mask[i, j] == (abs(place - j) <= bandwidth), (i, j)
                compared += 1
    print(f"compared {compared} entries")
    assert compared > 0


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 2), (2, 4), (3, 5), (2, 7)])
def test_n_of_m(n: int, m: int) -> None:
    pattern = so.families.n_of_m([10, 7, 12], n, m, seed=3)
    runs = 0
    for mask in integer_masks(pattern):
        for row in mask:
            for start in range(0, len(row), m):
                run = row[start : start + m]
                assert run.sum() == min(n, len(run))
                runs += 1
    print(f"counted {runs} runs")
    assert runs > 0


def test_n_of_m_places_differ() -> None:
    """Every place in a run of four is kept about equally often."""
    (mask,) = integer_masks(so.families.n_of_m([4, 4000], 2, 4, seed=0))
    assert (abs(mask.mean(axis=0) - 0.5) < 0.05).all()


def test_random_density() -> None:
    assert not so.families.random([3, 4], 0.0).masks[0].any()
    assert so.families.random([3, 4], 1.0).masks[0].all()
    (mask,) = so.families.random([200, 200], 0.3, seed=1).masks
    assert abs(mask.mean() - 0.3) < 4 * (0.3 * 0.7 / 40000) ** 0.5


@pytest.mark.parametrize(
    "draw",
    [
        lambda seed: so.families.random([6, 6, 6], 0.5, seed),
        lambda seed: so.families.n_of_m([8, 8, 8], 2, 4, seed),
    ],
)
def test_random_families_are_reproducible(draw: Callable[[int], SparsityPattern]) -> None:
    assert draw(5) == draw(5)
    assert len({draw(seed) for seed in range(10)}) == 10


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("lu:3", so.families.lu(3)),
        ("lu:n=3", so.families.lu(3)),
        ("dense:2,3,1", so.families.dense([2, 3, 1])),
        ("dense: 2, 3, 1 ", so.families.dense([2, 3, 1])),
        ("butterfly:8", so.families.butterfly(8)),
        ("monarch:2", so.families.monarch(2)),
        ("monarch:2,3", so.families.monarch(2, 3)),
        ("monarch:2,block_size=3", so.families.monarch(2, 3)),
        ("low_rank:4,2,3", so.families.low_rank(4, 2, 3)),
        ("block_diagonal:4,6,2,blocks=2", so.families.block_diagonal([4, 6, 2], 2)),
        ("banded:5,5,5,bandwidth=1", so.families.banded([5, 5, 5], 1)),
        ("n_of_m:8,8,n=2,m=4,seed=3", so.families.n_of_m([8, 8], 2, 4, 3)),
        ("random:4,4,1,density=0.5,seed=7", so.families.random([4, 4, 1], 0.5, 7)),
        ("random:4,4,1,density=1", so.families.dense([4, 4, 1])),
    ],
)
def test_short_form(text: str, pattern: SparsityPattern) -> None:
    assert parse(text) == pattern


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"unknown family ''; use one of dense, lu, butterfly"),
        ("dens:2,1", r"unknown family 'dens'; use one of dense, lu"),
        ("lu", r"family 'lu': parameter 'n' is missing"),
        ("dense:", r"family 'dense': parameter 'sizes' is missing"),
        ("banded:4,4", r"family 'banded': parameter 'bandwidth' is missing"),
        ("lu:x", r"family 'lu:x': 'x' is not a number"),
        ("lu:2.5", r"family 'lu:2.5': '2.5' is not a number"),
        ("lu:n=", r"'n=' is not a number"),
        ("random:2,2,density=half", r"'density=half' is not a number"),
        ("lu:1,2", r"family 'lu:1,2': takes 1 numbers \(n\), got 2"),
        ("low_rank:1,2,3,4", r"takes 3 numbers \(m, r, n\), got 4"),
        ("lu:3,k=2", r"family 'lu': unknown parameter 'k'; use n"),
        ("dense:2,1,n=3", r"family 'dense': unknown parameter 'n'; use sizes"),
        ("dense:3", r"sizes: give at least the numbers of inputs and outputs"),
        ("dense:2,0,1", r"sizes: 0 is not a whole number of at least 1"),
        ("dense:2,-1,1", r"sizes: -1 is not a whole number of at least 1"),
        ("lu:0", r"n: 0 is not a whole number of at least 1"),
        ("butterfly:1", r"n: 1 is not a whole number of at least 2"),
        ("butterfly:12", r"butterfly: n = 12 is not a power of two"),
        ("monarch:0", r"block_count: 0 is not a whole number of at least 1"),
        ("monarch:2,0", r"block_size: 0 is not a whole number of at least 1"),
        ("block_diagonal:4,5,blocks=2", r"block_diagonal: size 5 is not a multiple of blocks = 2"),
        ("block_diagonal:4,4,blocks=0", r"blocks: 0 is not a whole number of at least 1"),
        ("low_rank:2,0,2", r"sizes: 0 is not a whole number of at least 1"),
        ("banded:4,4,bandwidth=-1", r"bandwidth: -1 is not a whole number of at least 0"),
        ("n_of_m:4,4,n=0,m=2", r"n: 0 is not a whole number of at least 1"),
        ("n_of_m:4,4,n=3,m=2", r"n_of_m: n = 3 is larger than m = 2"),
        ("n_of_m:4,4,n=1,m=2,seed=-1", r"seed: -1 is not a whole number of at least 0"),
        ("random:4,4,density=1.5", r"random: density = 1.5 is not between 0 and 1"),
        ("random:4,4,density=nan", r"random: density = nan is not between 0 and 1"),
        ("random:4,4,density=0.5,seed=-1", r"seed: -1 is not a whole number of at least 0"),
        (
            "dense:100000,100000",
            rf"sizes: masks with 10000000000 entries are too large; the limit is {MAX_ENTRIES}",
        ),
        ("lu:1000000000000", r"too large"),
        ("butterfly:1099511627776", r"too large"),
        ("monarch:100000", r"too large"),
    ],
)
def test_short_form_errors(text: str, message: str) -> None:
    with pytest.raises(so.InputError, match=message):
        parse(text)


@pytest.mark.parametrize(
    "text", ["lu:3,n=4", "lu:n=3,n=4", "dense:2,3,1,sizes=4", "random:2,2,density=0.1,density=0.9"]
)
def test_short_form_refuses_a_parameter_given_twice(text: str) -> None:
    with pytest.raises(so.InputError, match=r"family .*twice"):
        parse(text)


@pytest.mark.parametrize(
    ("name", "parameters", "pattern"),
    [
        ("dense", {"sizes": [1, 3, 1]}, so.families.dense([1, 3, 1])),
        ("dense", {"sizes": (1, 3, 1)}, so.families.dense([1, 3, 1])),
        ("lu", {"n": 2}, so.families.lu(2)),
        ("monarch", {"block_count": 2}, so.families.monarch(2)),
        ("monarch", {"block_count": 2, "block_size": 3}, so.families.monarch(2, 3)),
        ("low_rank", {"n": 3, "m": 4, "r": 2}, so.families.low_rank(4, 2, 3)),
        ("n_of_m", {"sizes": [4, 4], "n": 1, "m": 2}, so.families.n_of_m([4, 4], 1, 2, 0)),
        ("random", {"sizes": [4, 4], "density": 1}, so.families.dense([4, 4])),
    ],
)
def test_build(name: str, parameters: dict[str, Any], pattern: SparsityPattern) -> None:
    assert build(name, parameters) == pattern


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("fancy", {}, r"unknown family 'fancy'; use one of dense"),
        ("lu", {"n": 2, "m": 3}, r"family 'lu': unknown parameter 'm'; use n"),
        ("low_rank", {"m": 2, "r": 1}, r"family 'low_rank': parameter 'n' is missing"),
        ("dense", {"sizes": 3}, r"family 'dense': sizes must be a list of whole numbers"),
        ("dense", {"sizes": "1,2"}, r"family 'dense': sizes must be a list of whole numbers"),
        ("dense", {"sizes": [1, 2.5, 1]}, r"family 'dense': sizes must be a list of whole numbers"),
        ("dense", {"sizes": [1, True, 1]}, r"family 'dense': sizes must be a list of whole numbers"),
        ("dense", {"sizes": [1, "2", 1]}, r"family 'dense': sizes must be a list of whole numbers"),
        ("dense", {"sizes": []}, r"sizes: give at least the numbers of inputs and outputs"),
        ("lu", {"n": 2.0}, r"family 'lu': n must be a whole number"),
        ("lu", {"n": True}, r"family 'lu': n must be a whole number"),
        ("lu", {"n": None}, r"family 'lu': n must be a whole number"),
        ("random", {"sizes": [2, 2], "density": "0.5"}, r"family 'random': density must be a number"),
        ("random", {"sizes": [2, 2], "density": True}, r"family 'random': density must be a number"),
        (
            "random",
            {"sizes": [2, 2], "density": 0.5, "seed": 1.5},
            r"family 'random': seed must be a whole number",
        ),
    ],
)
def test_build_errors(name: str, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(so.InputError, match=message):
        build(name, parameters)


@pytest.mark.parametrize("bad", [True, 2.0, "2"])
def test_functions_refuse_what_is_not_a_whole_number(bad: Any) -> None:
    with pytest.raises(so.InputError, match=r"n: .* is not a whole number of at least 1"):
        so.families.lu(bad)
    with pytest.raises(so.InputError, match=r"sizes: .* is not a whole number of at least 1"):
        so.families.dense([1, bad, 1])
