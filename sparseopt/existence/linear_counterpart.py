"""Is the linear counterpart 𝓛 = {W_L ⋯ W_1 : supp W_l ⊆ M_l} of a pattern closed?

Contraction, reductions and kernel rules are applied to the whole pattern and, by heredity, to small blocks of outputs
and inputs: if a block's set is not closed, neither is the whole (pad with zeros).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import combinations, product
from math import comb
from typing import Any

import numpy as np

from sparseopt.existence.algebra import by_algebra
from sparseopt.existence.approach import approach
from sparseopt.existence.cancellation import cancellation
from sparseopt.existence.contraction import Contraction, EdgeWeights, LinearNetwork, Node, contract
from sparseopt.existence.engine import ENGINE
from sparseopt.existence.fill import fill
from sparseopt.existence.jets import jets
from sparseopt.existence.kernel_rules import RULES, Closed, Escape, Rule
from sparseopt.existence.kernels import Block, Entry, Factor, Kernel, KernelForm, Matrix, Reduction, groups, reduce
from sparseopt.existence.laurent import Laurent, zeros
from sparseopt.existence.outside import Identity, outside
from sparseopt.existence.qepcad import QEPCAD, by_qepcad, missing_qepcad
from sparseopt.existence.report import existence_certificate
from sparseopt.existence.thinning import thin
from sparseopt.files import pattern_document
from sparseopt.pattern import SparsityPattern

MAX_BLOCKS = 3000
"""Blocks beyond 2 × 2 (and all blocks of networks with deep kernels) are tried only up to this number."""
MAX_PAIRS = 2 * 10**7
"""2 × 2 blocks of a kernel form are scanned only up to this number."""
MAX_FILLING = 5
"""Groups of at most so many kernels are looked through for kernels that fill their entries."""


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
class Outside:
    """Why a matrix A is not W_L ⋯ W_1 (+ W_skip): an identity in sums over paths.

    Write u_j[r] for the sum, over all paths from the hidden node `nodes[j]` to output r, of the products of their
    weights, and v_j[c] for that over the paths from input c to the node. On the entries of the identity, every path
    from c to r runs through exactly one of the nodes, so (W_L ⋯ W_1)_rc = Σ_j u_j[r] v_j[c]. Cofactors g with
    Σ g_rc (Σ_j u_j[r] v_j[c] - A_rc) = 1 then exclude A.
    """

    identity: Identity
    nodes: tuple[Node, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: `nodes` as [layer, index], and per entry [output, input] the terms of its cofactor, each a
        coefficient and variables ["u", node, output] or ["v", node, input], where node counts in `nodes`."""
        return {"nodes": [list(node) for node in self.nodes], "identity": self.identity.to_list()}


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
    rules : tuple of str
        Names of the rules of docs/existence.md that decided, beside the exact reductions.
    reductions : tuple
        For a closed set: the evidence for the exact reductions, as in docs/certificates.md.
    block : (rows, columns) or None
        For a set that is not closed: outputs and inputs of the block that shows it.
    limit : ndarray of Fraction, shape (q, d), or None
        For a set that is not closed: a matrix in its closure that it does not contain.
    factors : LinearFactors or None
        Factors, as Laurent polynomials in n, whose product tends to `limit`.
    outside : Outside or None
        The evidence that `limit` is not in the set.
    """

    closed: bool | None
    reason: str
    kernels: tuple[Kernel, ...] = ()
    steps: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    reductions: tuple[Any, ...] = field(default=(), repr=False)
    block: Block | None = None
    limit: Any = None
    factors: LinearFactors | None = field(default=None, repr=False)
    outside: Outside | None = field(default=None, repr=False)
    pattern: SparsityPattern | None = field(default=None, repr=False)

    @property
    def certificate(self) -> dict[str, Any] | None:
        """The evidence as JSON-ready values; None if undecided."""
        if self.closed is None:
            return None
        assert self.pattern is not None
        claim = "linear counterpart closed" if self.closed else "linear counterpart not closed"
        out = existence_certificate(
            claim,
            pattern=pattern_document(self.pattern),
            reason=self.reason,
            rules=list(self.rules),
            steps=list(self.steps),
        )
        if self.closed:
            out["reductions"] = list(self.reductions)
        if self.factors is not None:
            out["limit"] = [[str(x) for x in row] for row in self.limit]
            out["factors"] = [[[x.to_dict() for x in row] for row in W] for W in self.factors.weights]
            if self.factors.skip is not None:
                out["skip"] = [[x.to_dict() for x in row] for row in self.factors.skip]
        if self.outside is not None:
            out["outside"] = self.outside.to_dict()
        return out


def linear_counterpart(pattern: SparsityPattern, engine_seconds: float = 0.0) -> LinearCounterpart:
    """Decide whether the linear counterpart of a pattern is a closed set.

    Parameters
    ----------
    pattern : SparsityPattern
    engine_seconds : float
        Time limit for each of two questions to z3, and then to QEPCAD if it is installed, asked only where no rule
        decides; 0 asks none.

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
    return replace(_answer(pattern, LinearNetwork.of(pattern), engine_seconds), pattern=pattern)


def _answer(pattern: SparsityPattern, network: LinearNetwork, engine_seconds: float) -> LinearCounterpart:
    """Rules on the whole, rules on blocks, witnesses, algebra."""
    whole = _decide(pattern, network, _by_rules)
    if whole.closed is not None:
        return whole
    for block in _blocks(network):
        part = _decide(pattern, network.restrict(*block), _by_theorem)
        if part.closed is False:
            return part
    for search in (cancellation, jets, approach):
        found = _decide(pattern, network, search)
        if found.closed is False:
            return found
    return _by_algebra(reduce_network(network), whole, engine_seconds)


def _by_algebra(reduced: _Reduced, undecided: LinearCounterpart, seconds: float) -> LinearCounterpart:
    """What z3 or else QEPCAD says where no rule and no search decides; a bare "not closed" stays undecided, with its
    claim."""
    if seconds <= 0:
        return undecided
    for engine, decide in ((ENGINE, by_algebra), (QEPCAD, by_qepcad)):
        said = decide(reduced.network, seconds)
        if said:
            reason = f"{engine} decides the sentence of real algebra (this rests on {engine}'s word)"
            evidence = (*reduced.evidence, ["rely", engine])
            return replace(undecided, closed=True, reason=reason, rules=(engine,), reductions=evidence)
        if said is False:
            claim = f"{engine} claims that it is not closed, without a certificate"
            return replace(undecided, reason=f"{undecided.reason}; {claim}")
    if (missing := missing_qepcad()) is not None:
        return replace(undecided, reason=f"{undecided.reason}; {ENGINE} does not answer, and {missing}")
    return undecided


@dataclass(frozen=True)
class _Reduced:
    """A network after all exact reductions; its kernel form and reduction unless hidden nodes feed hidden nodes."""

    contractions: tuple[Contraction, ...]
    steps: tuple[str, ...]
    evidence: tuple[Any, ...]
    form: KernelForm | None = None
    nodes: tuple[Node, ...] = ()
    reduction: Reduction | None = None

    @property
    def network(self) -> LinearNetwork:
        return self.contractions[-1].network

    @property
    def rules(self) -> tuple[str, ...]:
        """Reductions beyond contraction, splitting and lines."""
        return ("thinning",) if len(self.contractions) > 1 else ()

    def lift(self, factors: list[Factor], target: Matrix) -> EdgeWeights:
        """Weights of the whole network whose product is that of the factors; V completes it to the target."""
        assert self.form is not None
        assert self.reduction is not None
        lifted = self.reduction.lift(factors, target)
        weights = self.form.network_weights(self.network, self.nodes, lifted, target)
        for contraction in reversed(self.contractions):
            weights = contraction.lift(weights)
        return weights


def reduce_network(network: LinearNetwork) -> _Reduced:
    """Contract, thin while hidden nodes feed hidden nodes, and reduce the kernel form."""
    contractions = [contract(network)]
    steps, evidence = contractions[0].describe(), contractions[0].evidence
    while (found := KernelForm.of(contractions[-1].network)) is None:
        if (thinned := thin(contractions[-1].network)) is None:
            return _Reduced(tuple(contractions), tuple(steps), tuple(evidence))
        contractions.append(contract(thinned.network, thinned.twins))
        steps += [thinned.description, *contractions[-1].describe()]
        evidence += [thinned.evidence, *contractions[-1].evidence]
    reduction = reduce(found[0])
    evidence += _between_ends(reduction.evidence, network.depth)
    return _Reduced(tuple(contractions), (*steps, *reduction.steps), tuple(evidence), *found, reduction)


def _between_ends(evidence: Sequence[Any], depth: int) -> list[Any]:
    """Evidence for kernels as evidence for a network: rows are outputs, columns are inputs."""
    out = []
    for kind, node, parts, *gained in evidence:
        given: list[Any]
        if kind == "span":
            given = [_direct(share, depth) for share in parts]
        elif kind == "split":
            given = [[[[0, c] for c in columns], [[depth, r] for r in rows]] for rows, columns in parts]
        else:
            given = [[[0, at], list(h)] if line == "column" else [list(h), [depth, at]] for h, line, at in parts]
        out.append([kind, node, given, *(_direct(entries, depth) for entries in gained)])
    return out


def _direct(entries: Iterable[Entry], depth: int) -> list[Any]:
    """Edges for entries."""
    return [[[0, c], [depth, r]] for r, c in entries]


def _by_theorem(form: KernelForm, kernels: Sequence[Kernel]) -> Closed | Escape | None:
    """The first theorem that decides a group of kernels."""
    return next((v for rule in RULES if (v := rule(form, kernels)) is not None), None)


def _by_rules(form: KernelForm, kernels: Sequence[Kernel]) -> Closed | Escape | None:
    """Theorems, then filling."""
    return _by_theorem(form, kernels) or _by_filling(form, kernels)


def _by_filling(form: KernelForm, kernels: Sequence[Kernel]) -> Closed | None:
    """Closed if what filling leaves is closed; F0 first, which is checked."""
    if len(kernels) > MAX_FILLING:
        return None
    for lines, size in product(range(3), range(len(kernels), 1, -1)):
        for chosen in combinations(range(len(kernels)), size):
            others = [k for j, k in enumerate(kernels) if j not in chosen]
            for filled in fill(form, [kernels[j] for j in chosen], others, lines):
                reduction = reduce(filled.form)
                rest = reduction.form
                verdicts = [_by_rules(rest, [rest.kernels[j] for j in members]) for members in groups(rest)]
                if all(isinstance(v, Closed) for v in verdicts):
                    closed = [v for v in verdicts if isinstance(v, Closed)]
                    return Closed(
                        "; ".join([filled.statement, *(v.statement for v in closed)]),
                        (filled.rule, *(r for v in closed for r in v.rules)),
                        (filled.evidence, *reduction.evidence, *(step for v in closed for step in v.evidence)),
                    )
    return None


def _decide(pattern: SparsityPattern, network: LinearNetwork, rule: Rule) -> LinearCounterpart:
    """What a rule for groups of kernels says of a network's set."""
    reduced = reduce_network(network)
    steps = reduced.steps
    if reduced.reduction is None:
        reason = "hidden neurons that feed hidden neurons remain after contraction and thinning; no rule covers them"
        return LinearCounterpart(None, reason, (), steps)
    left = reduced.reduction.form
    if not left.kernels:
        reason = "nothing but free entries is left after contraction and reduction: a coordinate subspace"
        return LinearCounterpart(True, reason, (), steps, reduced.rules, reduced.evidence)
    closed, undecided = [], []
    for members in groups(left):
        kernels = [left.kernels[j] for j in members]
        verdict = rule(left, kernels)
        if isinstance(verdict, Escape):
            return _not_closed(pattern, reduced, members, verdict)
        if isinstance(verdict, Closed):
            closed.append(verdict)
        else:
            undecided.append(", ".join(map(str, kernels[:4])) + (", …" if len(kernels) > 4 else ""))
    if undecided:
        return LinearCounterpart(None, f"no rule decides the kernels {undecided[0]}", left.kernels, steps)
    rules = tuple(dict.fromkeys([*reduced.rules, *(r for v in closed for r in v.rules)]))
    evidence = _between_ends([step for v in closed for step in v.evidence], network.depth)
    statement = "; ".join(v.statement for v in closed)
    return LinearCounterpart(True, statement, left.kernels, steps, rules, (*reduced.evidence, *evidence))


def _not_closed(
    pattern: SparsityPattern, reduced: _Reduced, members: Sequence[int], escape: Escape
) -> LinearCounterpart:
    """Carry an escape of one group of kernels back to the pattern and check it there."""
    assert reduced.reduction is not None
    left = reduced.reduction.form
    factors = [Factor({}, {})] * len(left.kernels)
    for j, factor in zip(members, escape.factors, strict=True):
        factors[j] = factor
    linear = linear_factors(pattern, reduced.lift(factors, escape.limit))
    limit = _dense_limit(pattern, escape.limit)
    _check_limit(linear, limit)
    nodes = [reduced.nodes[reduced.reduction.origins[j]] for j in members]
    kernels = [left.kernels[j] for j in members]
    excluded = excluding(left, kernels, nodes, escape.block, escape.limit, escape.identity)
    assert excluded is not None, "the limits of the kernel rules are excluded by short identities"
    return LinearCounterpart(
        False,
        f"{_block_text(escape.block)}: {escape.statement}",
        left.kernels,
        reduced.steps,
        (escape.rule,),
        (),
        escape.block,
        limit,
        linear,
        excluded,
    )


def excluding(
    form: KernelForm,
    kernels: Sequence[Kernel],
    nodes: Sequence[Node],
    block: Block,
    A: Matrix,
    identity: Identity | None = None,
) -> Outside | None:
    """The evidence on a block that A is not in the set of kernels, which stand for these hidden nodes."""
    identity = identity or outside(form, [k.within(block) for k in kernels], A)
    if identity is None:
        return None
    distinct = tuple(dict.fromkeys(nodes))  # the parts of a split kernel share their node
    return Outside(identity.renumbered([distinct.index(node) for node in nodes]), distinct)


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
