"""Named families of sparsity patterns. All biases are free and there is no skip connection.

Each family is a function here; :func:`parse` reads the short form of the command line (``lu:3``,
``dense:2,3,1``) and :func:`build` the parameters of a problem file.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from sparseopt.errors import InputError
from sparseopt.pattern import SparsityPattern

MAX_ENTRIES = 50_000_000


def dense(sizes: Sequence[int]) -> SparsityPattern:
    """Fully connected layers of the given sizes, inputs first."""
    return SparsityPattern([np.ones((b, a)) for a, b in _layers(sizes)])


def lu(n: int) -> SparsityPattern:
    """One hidden layer: W_1 upper and W_2 lower triangular, n × n each, so that W_2 W_1 = L U.

    For n ≥ 2 the standard example of a pattern without optimum for some data (the paper, section 1).
    """
    _at_least("n", n, 1)
    _within_limit(n * n)
    return SparsityPattern([np.triu(np.ones((n, n))), np.tril(np.ones((n, n)))])


def butterfly(n: int) -> SparsityPattern:
    """The log2(n) butterfly factors of order n, a power of two: factor l joins i and j that differ in bit l only."""
    _at_least("n", n, 2)
    if n & (n - 1):
        raise InputError(f"butterfly: n = {n} is not a power of two")
    _within_limit(n * n * n.bit_length())
    index = np.arange(n)
    return SparsityPattern([((index[:, None] ^ index) & ~(1 << bit)) == 0 for bit in range(n.bit_length() - 1)])


def monarch(block_count: int, block_size: int | None = None) -> SparsityPattern:
    """Two block-diagonal factors with a permutation between them, order n = block_count · block_size.

    First factor: `block_count` dense blocks of `block_size` (default: equal to `block_count`); second factor: every
    neuron reads one neuron of each block (Dao et al. 2022).
    """
    p = block_count
    q = p if block_size is None else block_size
    _at_least("block_count", p, 1)
    _at_least("block_size", q, 1)
    _within_limit((p * q) ** 2)
    return SparsityPattern([np.kron(np.eye(p), np.ones((q, q))), np.kron(np.ones((p, p)), np.eye(q))])


def block_diagonal(sizes: Sequence[int], blocks: int) -> SparsityPattern:
    """Layers of the given sizes cut into `blocks` equal parts; neurons read only their own part."""
    _at_least("blocks", blocks, 1)
    if bad := [s for s in sizes if s % blocks]:
        raise InputError(f"block_diagonal: size {bad[0]} is not a multiple of blocks = {blocks}")
    eye = np.eye(blocks)
    return SparsityPattern([np.kron(eye, np.ones((b // blocks, a // blocks))) for a, b in _layers(sizes)])


def low_rank(m: int, r: int, n: int) -> SparsityPattern:
    """n inputs, r hidden neurons, m outputs, dense: the linear counterpart is the m × n matrices of rank ≤ r."""
    return dense([n, r, m])


def banded(sizes: Sequence[int], bandwidth: int) -> SparsityPattern:
    """Neuron i reads the neurons within `bandwidth` of the place that the layers' diagonal gives it."""
    _at_least("bandwidth", bandwidth, 0)
    masks = []
    for a, b in _layers(sizes):
        centre = np.arange(b) * (a - 1) / max(b - 1, 1) if a != b else np.arange(b)
        masks.append(np.abs(centre[:, None] - np.arange(a)) <= bandwidth)
    return SparsityPattern(masks)


def n_of_m(sizes: Sequence[int], n: int, m: int, seed: int = 0) -> SparsityPattern:
    """N:M sparsity: in every row each run of m consecutive entries keeps n, drawn at random."""
    _at_least("n", n, 1)
    if n > m:
        raise InputError(f"n_of_m: n = {n} is larger than m = {m}")
    _at_least("seed", seed, 0)
    rng = np.random.default_rng(seed)
    masks = []
    for a, b in _layers(sizes):
        mask = np.zeros((b, a))
        for start in range(0, a, m):
            width = min(m, a - start)
            rank = np.argsort(rng.random((b, width)), axis=1).argsort(axis=1)
            mask[:, start : start + width] = rank < n
        masks.append(mask)
    return SparsityPattern(masks)


def random(sizes: Sequence[int], density: float, seed: int = 0) -> SparsityPattern:
    """Every weight is free with probability `density`, independently."""
    if not 0 <= density <= 1:
        raise InputError(f"random: density = {density} is not between 0 and 1")
    _at_least("seed", seed, 0)
    rng = np.random.default_rng(seed)
    return SparsityPattern([rng.random((b, a)) < density for a, b in _layers(sizes)])


FAMILIES: Mapping[str, Callable[..., SparsityPattern]] = {
    f.__name__: f for f in (dense, lu, butterfly, monarch, block_diagonal, low_rank, banded, n_of_m, random)
}


def build(name: str, parameters: Mapping[str, Any]) -> SparsityPattern:
    """Build a family by name with named parameters; errors name the family and the parameter."""
    family = _family(name)
    known = inspect.signature(family).parameters
    for key in parameters:
        if key not in known:
            raise InputError(f"family {name!r}: unknown parameter {key!r}; use {', '.join(known)}")
    for key, parameter in known.items():
        if key not in parameters and parameter.default is parameter.empty:
            raise InputError(f"family {name!r}: parameter {key!r} is missing")
    for key, value in parameters.items():
        if key == "sizes":
            if not isinstance(value, Sequence) or isinstance(value, str) or not all(_is_int(v) for v in value):
                raise InputError(f"family {name!r}: sizes must be a list of whole numbers")
        elif key == "density":
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise InputError(f"family {name!r}: density must be a number")
        elif not _is_int(value):
            raise InputError(f"family {name!r}: {key} must be a whole number")
    return family(**parameters)


def parse(text: str) -> SparsityPattern:
    """Read the short form ``name:1,2,3`` with optional ``key=value`` parts.

    Examples
    --------
    >>> parse("dense:2,3,1").sizes
    (2, 3, 1)
    >>> parse("random:4,4,1,density=0.5,seed=7").sizes
    (4, 4, 1)
    """
    name, _, rest = text.partition(":")
    known = list(inspect.signature(_family(name)).parameters)
    parameters: dict[str, Any] = {}
    plain: list[Any] = []
    for part in filter(None, (p.strip() for p in rest.split(","))):
        key, equals, value = part.partition("=")
        try:
            number = int(value if equals else part) if key != "density" else float(value)
        except ValueError:
            raise InputError(f"family {text!r}: {part!r} is not a number; write for example dense:2,3,1") from None
        if equals:
            if key in parameters:
                raise InputError(f"family {text!r}: {key} is given twice; give it once")
            parameters[key] = number
        else:
            plain.append(number)
    given = dict(zip(known, plain, strict=False)) if known[0] != "sizes" else {"sizes": plain} if plain else {}
    if twice := [key for key in given if key in parameters]:
        raise InputError(f"family {text!r}: {twice[0]} is given twice; give it once")
    if known[0] == "sizes":
        parameters |= given
    else:
        if len(plain) > len(known):
            raise InputError(f"family {text!r}: takes {len(known)} numbers ({', '.join(known)}), got {len(plain)}")
        parameters |= given
    return build(name, parameters)


def _family(name: str) -> Callable[..., SparsityPattern]:
    if name not in FAMILIES:
        raise InputError(f"unknown family {name!r}; use one of {', '.join(FAMILIES)}")
    return FAMILIES[name]


def _layers(sizes: Sequence[int]) -> list[tuple[int, int]]:
    if len(sizes) < 2:
        raise InputError("sizes: give at least the numbers of inputs and outputs")
    for size in sizes:
        _at_least("sizes", size, 1)
    layers = list(itertools.pairwise(sizes))
    _within_limit(sum(a * b for a, b in layers))
    return layers


def _is_int(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _at_least(name: str, value: int, least: int) -> None:
    if not _is_int(value) or value < least:
        raise InputError(f"{name}: {value!r} is not a whole number of at least {least}")


def _within_limit(entries: int) -> None:
    if entries > MAX_ENTRIES:
        raise InputError(f"sizes: masks with {entries} entries are too large; the limit is {MAX_ENTRIES}")
