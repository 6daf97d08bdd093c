"""Contraction of linear networks (exact, any depth, any directed acyclic graph).

A linear network is a graph with free edge weights; 𝓛 is the set of its input-output matrices. A hidden node with one
incoming or one outgoing edge can be contracted: {u v : u ∈ R, v ∈ R^S} = R^S, so its two-edge paths become free direct
edges (parallel edges merge) and 𝓛 does not change. A hidden node without incoming or outgoing edges is dropped. What
is left has at least two edges on both sides of every hidden node.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sparseopt.existence.laurent import Laurent
from sparseopt.pattern import SparsityPattern

Node = tuple[int, int]
"""(layer, index); layer 0 holds the inputs."""
Edge = tuple[Node, Node]
EdgeWeights = dict[Edge, Laurent]


@dataclass(frozen=True)
class LinearNetwork:
    """A linear network as a graph: inputs (0, c), outputs (depth, r), hidden nodes between, free edge weights."""

    depth: int
    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]
    edges: frozenset[Edge]

    @classmethod
    def of(cls, pattern: SparsityPattern) -> LinearNetwork:
        """The linear counterpart of a pattern; a skip mask adds direct edges."""
        edges = {
            ((layer, int(j)), (layer + 1, int(i)))
            for layer, mask in enumerate(pattern.masks)
            for i, j in zip(*mask.nonzero(), strict=True)
        }
        if pattern.skip is not None:
            edges |= {((0, int(c)), (pattern.depth, int(r))) for r, c in zip(*pattern.skip.nonzero(), strict=True)}
        return cls(
            pattern.depth,
            tuple((0, c) for c in range(pattern.n_inputs)),
            tuple((pattern.depth, r) for r in range(pattern.n_outputs)),
            frozenset(edges),
        )

    def restrict(self, rows: Iterable[int], columns: Iterable[int]) -> LinearNetwork:
        """The network of some outputs (rows) and inputs (columns) alone; all hidden nodes stay."""
        depth = self.depth
        keep_in, keep_out = {(0, c) for c in columns}, {(depth, r) for r in rows}
        edges = {(a, b) for a, b in self.edges if (a[0] != 0 or a in keep_in) and (b[0] != depth or b in keep_out)}
        return LinearNetwork(
            depth,
            tuple(x for x in self.inputs if x in keep_in),
            tuple(y for y in self.outputs if y in keep_out),
            frozenset(edges),
        )


@dataclass
class _Step:
    """One contracted node; `replaced`: its edges; `made`: new direct edge → the replaced edge that it stands for."""

    node: Node
    kind: str
    single: Edge | None
    replaced: list[Edge]
    made: dict[Edge, Edge]


@dataclass
class Contraction:
    """A contracted network and the way back to the original one."""

    network: LinearNetwork
    steps: list[_Step] = field(default_factory=list)

    def lift(self, weights: EdgeWeights) -> EdgeWeights:
        """Weights of the original network with the same product as `weights` of the contracted one."""
        weights = dict(weights)
        for step in reversed(self.steps):
            for edge in step.replaced:
                weights[edge] = Laurent({})
            for direct, edge in step.made.items():
                weights[edge] = weights.pop(direct, Laurent({}))
            if step.single is not None:  # a node that carries nothing stays at zero
                carries = any(weights[edge] for edge in step.made.values())
                weights[step.single] = Laurent.of(1 if carries else 0)
        return weights

    @property
    def evidence(self) -> list[Any]:
        """The contracted nodes, in the form of docs/certificates.md."""
        return [["span", [list(step.node)]] for step in self.steps]

    def describe(self) -> list[str]:
        """One line per contracted node."""
        return [f"hidden node {s.node[1] + 1} of layer {s.node[0]}: {s.kind}" for s in self.steps]


def contract(network: LinearNetwork, first: Sequence[Node] = ()) -> Contraction:
    """Contract hidden nodes with at most one incoming or outgoing edge until none is left; some are looked at first."""
    into: dict[Node, set[Node]] = {}
    out_of: dict[Node, set[Node]] = {}
    for a, b in network.edges:
        out_of.setdefault(a, set()).add(b)
        into.setdefault(b, set()).add(a)
    ends = {*network.inputs, *network.outputs}
    work = [*sorted({v for edge in network.edges for v in edge} - ends), *first]
    steps: list[_Step] = []
    while work:
        h = work.pop()
        before, after = into.get(h, set()), out_of.get(h, set())
        if h in ends or (not before and not after) or (len(before) > 1 and len(after) > 1):
            continue
        replaced = [(a, h) for a in sorted(before)] + [(h, b) for b in sorted(after)]
        single: Edge | None = None
        made: dict[Edge, Edge] = {}
        if not before or not after:
            kind = "dropped, it has no incoming edge" if not before else "dropped, it has no outgoing edge"
        else:
            one_in = len(after) > 1  # of a path's two weights the later is 1, so that signs meet the first biases
            kind = "contracted, it has one incoming edge" if one_in else "contracted, it has one outgoing edge"
            single = (next(iter(before)), h) if one_in else (h, next(iter(after)))
            for a in sorted(before):
                for b in sorted(after):
                    if b not in out_of[a]:
                        made[(a, b)] = (h, b) if one_in else (a, h)
        for a in before:
            out_of[a].discard(h)
        for b in after:
            into[b].discard(h)
        for a, b in made:
            out_of[a].add(b)
            into[b].add(a)
        work += sorted(before | after)
        into.pop(h, None)
        out_of.pop(h, None)
        steps.append(_Step(h, kind, single, replaced, made))
    edges = frozenset((a, b) for a, bs in out_of.items() for b in bs)
    return Contraction(LinearNetwork(network.depth, network.inputs, network.outputs, edges), steps)
