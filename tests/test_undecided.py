"""Random patterns with four neurons or lines: hardly any is undecided, and what decides them never contradicts."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from random_patterns import random_pattern

import sparseopt as so
from sparseopt.existence.approach import approach
from sparseopt.existence.cancellation import cancellation
from sparseopt.existence.contraction import LinearNetwork
from sparseopt.existence.fill import fill
from sparseopt.existence.jets import jets
from sparseopt.existence.kernel_rules import Escape
from sparseopt.existence.kernels import Kernel, KernelForm, groups
from sparseopt.existence.linear_counterpart import reduce_network


@pytest.mark.parametrize(
    ("sizes", "count", "undecided"), [((3, 4, 3), 150, 0), ((4, 3, 3), 150, 0), ((4, 4, 4), 60, 0)]
)
def test_random_patterns_are_decided(sizes: tuple[int, int, int], count: int, undecided: int) -> None:
    """Every "no" is checked, and no search finds a witness where rules say closed."""
    rng = np.random.default_rng(2026)
    answers: Counter[str] = Counter()
    contradictions = 0
    for _ in range(count):
        pattern = random_pattern(rng, *sizes)
        lc = so.linear_counterpart(pattern)
        answers[str(lc.closed)] += 1
        if lc.closed is False:
            assert so.verify(lc.certificate).valid, pattern.draw()
        elif lc.closed and lc.rules:
            answers["searched"] += 1
            contradictions += _witnesses(pattern)
    print(f"{sizes}: {dict(answers)}, {contradictions} contradictions")
    assert answers["None"] <= undecided
    assert answers["searched"] > 0
    assert contradictions == 0


def _witnesses(pattern: so.SparsityPattern) -> int:
    reduction = reduce_network(LinearNetwork.of(pattern)).reduction
    assert reduction is not None
    form = reduction.form
    kernels = [[form.kernels[j] for j in members] for members in groups(form)]
    return sum(search(form, k) is not None for k in kernels for search in (cancellation, jets, approach))


def form_of(text: str, free: str = "") -> KernelForm:
    """Kernels as rows x columns, free entries as row and column."""
    parts = [part.split("x") for part in text.split()]
    kernels = tuple(Kernel(frozenset(map(int, r)), frozenset(map(int, c))) for r, c in parts)
    return KernelForm(kernels, frozenset((int(e[0]), int(e[1])) for e in free.split()))


CLOSED = [("01x01 01x0123", "00"), ("01x012 01x013 012x23", ""), ("01x012 023x03 023x0123 023x0123", "")]
NOT_CLOSED = [
    ("01x012 012x012 012x013", ""),
    ("01x01 02x023 0123x23", "10 20"),
    ("01x012 02x013 123x01 0123x02", ""),
    ("01x01 02x23 012x0123 0123x012", ""),
]


@pytest.mark.parametrize(("text", "free"), CLOSED + NOT_CLOSED)
def test_filling_and_jets_exclude_each_other(text: str, free: str) -> None:
    """Either filling applies or jets find a limit outside; renamed and turned round, the same."""
    rng = np.random.default_rng(4)
    form = form_of(text, free)
    for turned in (False, True):
        rows, columns = rng.permutation(4), rng.permutation(4)
        places = {(r, c): (int(rows[r]), int(columns[c])) for r in range(4) for c in range(4)}
        flip = -1 if turned else 1
        renamed = KernelForm(
            tuple(_named({places[e][::flip] for e in k.entries}) for k in form.kernels),
            frozenset(places[e][::flip] for e in form.free),
        )
        filled = [way for lines in range(3) for way in fill(renamed, renamed.kernels, [], lines)]
        found = jets(renamed, renamed.kernels)
        assert bool(filled) == ((text, free) in CLOSED)
        assert isinstance(found, Escape) == ((text, free) in NOT_CLOSED)


ONLY_M = [("013x123 01x012 01x13", "02 32"), ("01x01 01x023 023x023 0123x23", "")]


@pytest.mark.parametrize(("text", "free"), ONLY_M)
def test_a_matrix_outside_is_approached(text: str, free: str) -> None:
    """Where T and J find nothing, M finds a matrix and factors; turned round, the same."""
    form = form_of(text, free)
    assert not any(search(form, form.kernels) for search in (cancellation, jets))
    first = [[c in k.columns for c in range(4)] for k in form.kernels]
    second = [[r in k.rows for k in form.kernels] for r in range(4)]
    skip = np.array([[(r, c) in form.free for c in range(4)] for r in range(4)])
    turned = [np.array(second).T, np.array(first).T]
    for pattern in (so.SparsityPattern([first, second], None, skip), so.SparsityPattern(turned, None, skip.T)):
        lc = so.linear_counterpart(pattern)
        assert lc.rules == ("M",)
        assert so.verify(lc.certificate).valid


def _named(entries: set[tuple[int, ...]]) -> Kernel:
    return Kernel(frozenset(e[0] for e in entries), frozenset(e[1] for e in entries))
