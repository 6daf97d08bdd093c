"""Deep kernels: butterfly, Monarch and chains of low rank are closed by thinning; what is dropped changes nothing."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

import sparseopt as so
from sparseopt.existence.algebra import by_algebra
from sparseopt.existence.atlas import width_two_classes
from sparseopt.existence.contraction import LinearNetwork, contract


@pytest.mark.parametrize("n", [4, 8, 16, 32])
def test_butterfly_is_closed(n: int) -> None:
    """All factors, also with permuted neurons and transposed."""
    pattern = so.families.butterfly(n)
    orders = [np.random.default_rng(n).permutation(size) for size in pattern.sizes]
    permuted = [m[np.ix_(up, low)] for m, (low, up) in zip(pattern.masks, pairwise(orders), strict=True)]
    for masks in (pattern.masks, permuted, [m.T for m in reversed(permuted)]):
        assert so.linear_counterpart(so.SparsityPattern(masks)).closed is True


@pytest.mark.parametrize("p", [2, 3, 4])
def test_monarch_and_kronecker_sparse_chains_are_closed(p: int) -> None:
    """Monarch (orders 4, 9, 16), and I ⊗ 1 ⊗ I factors that chain with two equal columns (rank 2 blocks)."""
    lc = so.linear_counterpart(so.families.monarch(p))
    assert lc.closed is True
    checked = so.verify(lc.certificate)
    assert checked.valid
    assert not checked.relies_on
    doubled = [np.kron(m, np.ones((2, 2))) for m in so.families.butterfly(8).masks]
    assert so.linear_counterpart(so.SparsityPattern(doubled)).closed is True


def test_chains_of_low_rank_are_closed() -> None:
    for sizes in ([3, 2, 3, 2, 3], [4, 3, 4, 2, 4], [5, 1, 5], [3, 3, 3, 3]):
        assert so.linear_counterpart(so.families.dense(sizes)).closed is True


def test_a_spoiled_butterfly_is_not_called_closed() -> None:
    """One more edge in the last factor of butterfly(4) makes an LU block; in butterfly(8) nothing is claimed."""
    for n in (4, 8):
        masks = [m.copy() for m in so.families.butterfly(n).masks]
        masks[-1][0, 1] = True
        assert so.linear_counterpart(so.SparsityPattern(masks)).closed is not True


def test_thinning_and_algebra_agree() -> None:
    """Three-layer patterns of width 2: z3's closure sentence never contradicts the rules."""
    compared = {True: 0, False: 0}
    for pattern in width_two_classes(3):
        network = contract(LinearNetwork.of(pattern)).network
        closed = so.linear_counterpart(pattern).closed
        if closed is None or compared[closed] == 3 or not any(b[0] in (1, 2) for _, b in network.edges):
            continue
        if (said := by_algebra(network, 5.0)) is not None:
            assert said is closed, pattern.draw()
            compared[said] += 1
    print(f"answers of rules and of z3 compared: {compared}")
    assert min(compared.values()) > 1
