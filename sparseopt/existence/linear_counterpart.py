"""Is the linear counterpart 𝓛 = {W_L ⋯ W_1 : supp W_l ⊆ M_l} of a pattern closed?

Contraction, reductions and kernel rules are applied to the whole pattern and, by heredity, to small blocks of outputs
and inputs: if a block's set is not closed, neither is the whole (pad with zeros).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import combinations, product
from math import comb
from typing import Any

import numpy as np

from sparseopt.existence.contraction import LinearNetwork, contract
from sparseopt.existence.kernel_rules import RULES, Closed, Escape
from sparseopt.existence.kernels import Block, Factor, Kernel, KernelForm, Matrix, groups, reduce
from sparseopt.existence.laurent import Laurent, zeros
from sparseopt.existence.report import block_document, existence_certificate
from sparseopt.files import pattern_document
from sparseopt.pattern import SparsityPattern

MAX_BLOCKS = 3000
"""Blocks beyond 2 × 2 (and all blocks of networks with deep kernels) are tried only up to this number."""
MAX_PAIRS = 2 * 10**7
"""2 × 2 blocks of a kernel form are scanned only up to this number."""


@dataclass(frozen=True)
class LinearFactors:
    """Factors with entries in Q[n, 1/n], confined to the pattern, whose product tends to a matrix."""

    weights: tuple[Any, ...]
    skip: Any

    def product(self) -> Any:
        """W_L ⋯ W_1 + W_skip, an object array of Laurent polynomials."""
        out = self.weights[0]
        for W in self.weights[1:]:
            out = W @ out
        return out if self.skip is None else out + self.skip


@dataclass(frozen=True)
class LinearCounterpart:
    """The answer of :func:`linear_counterpart`.

    Attributes
    ----------
    closed : bool or None
        None means undecided.
    reason : str
        The rule, in words.
    kernels : tuple of Kernel
        What contraction and reductions leave of the whole pattern (empty: a coordinate subspace).
    steps : tuple of str
        The exact reductions, in order, of the whole pattern or of the block that was tried.
    block : (rows, columns) or None
        For a set that is not closed: outputs and inputs of the block that shows it.
    limit : ndarray of Fraction, shape (q, d), or None
        For a set that is not closed: a matrix in its closure that it does not contain.
    factors : LinearFactors or None
        Factors, as Laurent polynomials in n, whose product tends to `limit`.
    """

    closed: bool | None
    reason: str
    kernels: tuple[Kernel, ...] = ()
    steps: tuple[str, ...] = ()
    block: Block | None = None
    limit: Any = None
    factors: LinearFactors | None = field(default=None, repr=False)
    pattern: SparsityPattern | None = field(default=None, repr=False)

    @property
    def certificate(self) -> dict[str, Any] | None:
        """The evidence as JSON-ready values; None if undecided."""
        if self.closed is None:
            return None
        assert self.pattern is not None
        claim = "linear counterpart closed" if self.closed else "linear counterpart not closed"
        out = existence_certificate(
            claim, pattern=pattern_document(self.pattern), reason=self.reason, steps=list(self.steps)
        )
        if self.factors is not None:
            out |= block_document(self.pattern, self.block)
            out["limit"] = [[str(x) for x in row] for row in self.limit]
            out["factors"] = [[[x.to_dict() for x in row] for row in W] for W in self.factors.weights]
            if self.factors.skip is not None:
                out["skip"] = [[x.to_dict() for x in row] for row in self.factors.skip]
        return out


def linear_counterpart(pattern: SparsityPattern) -> LinearCounterpart:
    """Decide whether the linear counterpart of a pattern is a closed set.

    Returns
    -------
    LinearCounterpart
        `closed` is True, False or None (no rule applies). A False comes with a limit matrix and factors.

    Notes
    -----
    Linear counterpart and its role: Le, Riccietti, Gribonval (2023), section 3. Rules: docs/existence.md.

    Examples
    --------
    >>> import sparseopt as so
    >>> so.linear_counterpart(so.families.lu(2)).closed
    False
    >>> so.linear_counterpart(so.families.dense([4, 2, 4])).closed
    True
    """
    network = LinearNetwork.of(pattern)
    whole = _decide(pattern, network)
    if whole.closed is None:
        parts = (_decide(pattern, network.restrict(*block)) for block in _blocks(network))
        whole = next((part for part in parts if part.closed is False), whole)
    return replace(whole, pattern=pattern)


def _decide(pattern: SparsityPattern, network: LinearNetwork) -> LinearCounterpart:
    contraction = contract(network)
    steps = contraction.describe()
    found = KernelForm.of(contraction.network)
    if found is None:
        ends = {*network.inputs, *network.outputs}
        deep = {v for edge in contraction.network.edges for v in edge} - ends
        return LinearCounterpart(
            None,
            f"{len(deep)} hidden neurons in several layers remain after contraction; no rule covers them",
            (),
            tuple(steps),
        )
    form, nodes = found
    reduction = reduce(form)
    left = reduction.form
    steps += reduction.steps
    if not left.kernels:
        return LinearCounterpart(
            True,
            "nothing but free entries is left after contraction and reduction: a coordinate subspace",
            (),
            tuple(steps),
        )
    statements, undecided = [], []
    for members in groups(left):
        kernels = [left.kernels[j] for j in members]
        verdict = next((v for rule in RULES if (v := rule(left, kernels)) is not None), None)
        if isinstance(verdict, Escape):
            factors = [Factor({}, {})] * len(left.kernels)
            for j, factor in zip(members, verdict.factors, strict=True):
                factors[j] = factor
            lifted = reduction.lift(factors, verdict.limit)
            weights = form.network_weights(contraction.network, nodes, lifted, verdict.limit)
            linear = linear_factors(pattern, contraction.lift(weights))
            limit = _dense_limit(pattern, verdict.limit)
            _check_limit(linear, limit)
            reason = f"{_block_text(verdict.block)}: {verdict.statement}"
            return LinearCounterpart(False, reason, left.kernels, tuple(steps), verdict.block, limit, linear)
        if isinstance(verdict, Closed):
            statements.append(verdict.statement)
        else:
            undecided.append(", ".join(map(str, kernels[:4])) + (", …" if len(kernels) > 4 else ""))
    if undecided:
        return LinearCounterpart(None, f"no rule decides the kernels {undecided[0]}", left.kernels, tuple(steps))
    return LinearCounterpart(True, "; ".join(statements), left.kernels, tuple(steps))


def linear_factors(pattern: SparsityPattern, weights: dict[Any, Laurent]) -> LinearFactors:
    """Sort edge weights into the pattern's matrices."""
    arrays = [zeros(*mask.shape) for mask in pattern.masks]
    skip = None if pattern.skip is None else zeros(*pattern.skip.shape)
    for ((layer, j), (above, i)), value in weights.items():
        if above == layer + 1 and pattern.masks[layer][i, j]:
            arrays[layer][i, j] = value
        elif value:
            assert skip is not None, "a direct edge stands for a skip weight"
            skip[i, j] = value
    return LinearFactors(tuple(arrays), skip)


def _dense_limit(pattern: SparsityPattern, limit: Matrix) -> Any:
    out = np.full((pattern.n_outputs, pattern.n_inputs), Fraction(0), dtype=object)
    for place, value in limit.items():
        out[place] = value
    return out


def _check_limit(factors: LinearFactors, limit: Any) -> None:
    """Expand the product and make sure that it is `limit` + O(1/n)."""
    for entry in (factors.product() - limit).flat:
        assert (entry.degree or 0) < 0 or not entry, "the factors' product does not tend to the limit matrix"


def _block_text(block: Block) -> str:
    rows, columns = (", ".join(str(i + 1) for i in part) for part in block)
    return f"block of outputs {rows} and inputs {columns}"


def _blocks(network: LinearNetwork) -> Iterator[Block]:
    """Small blocks (rows, columns) worth trying, smallest first."""
    found = KernelForm.of(contract(network).network)
    if found is not None:
        yield from _suspicious_pairs(reduce(found[0]).form)
    rows, columns = [r for _, r in network.outputs], [c for _, c in network.inputs]
    for a, b in ((2, 2), (2, 3), (3, 2), (3, 3)):
        if (a, b) == (2, 2) and found is not None:
            continue
        if 0 < comb(len(rows), a) * comb(len(columns), b) <= MAX_BLOCKS and (a, b) != (
            len(rows),
            len(columns),
        ):
            yield from product(combinations(rows, a), combinations(columns, b))


def _suspicious_pairs(form: KernelForm) -> Iterator[Block]:
    """The 2 × 2 blocks that are not closed: exactly one kernel touches both rows and both columns, and exactly one
    entry is free or covered by another kernel."""
    if not form.kernels:
        return
    rows = sorted(frozenset().union(*(k.rows for k in form.kernels)))
    columns = sorted(frozenset().union(*(k.columns for k in form.kernels)))
    if comb(len(rows), 2) * comb(len(columns), 2) > MAX_PAIRS:
        return
    U = np.array([[r in k.rows for k in form.kernels] for r in rows], dtype=np.int32)
    V = np.array([[c in k.columns for c in columns] for k in form.kernels], dtype=np.int32)
    free = np.array([[(r, c) in form.free for c in columns] for r in rows])
    loose = free | (U @ V >= 2)
    for r, s in combinations(range(len(rows)), 2):
        both = V[(U[r] & U[s]) > 0]
        around = both.T @ both
        spare = loose[r].astype(np.int32) + loose[s]
        hits = np.triu((around == 1) & (spare[:, None] + spare == 1), k=1)
        for c, e in np.argwhere(hits):
            yield (rows[r], rows[s]), (columns[c], columns[e])
