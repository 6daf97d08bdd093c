"""Thinning: edges of a linear network that can be set to zero without changing whether 𝓛 is closed (any depth).

*Twins* are hidden nodes G with the same predecessors I and the same successors O; with weights V into and U out of
them they contribute U V.

- **Merge.** |G| ≥ |I|: every matrix in R^{O × I} is U V with V a 0/1 matrix that keeps one edge from each i ∈ I to a
  node of its own. 𝓛 does not change. Likewise for |G| ≥ |O|.
- **Peel.** |G| ≤ |I|, I are inputs, and every path from I to the outputs D that G reaches runs through G. Then the
  D × I part of a matrix of 𝓛 is B V, where B and the rest of the matrix form a set 𝓑 that stays the same when B is
  multiplied by square matrices. Take V with orthonormal rows: B is bounded when A is, so if 𝓑 is closed, so is 𝓛. With
  V a selection of |G| columns, a B in the closure of 𝓑 but not in 𝓑 gives such an A. So V may be fixed to a
  selection: one edge from a different input into each node of G. Likewise at the outputs.
- **Span.** If every hidden node can keep one edge only (in or out) and the paths still join all inputs and outputs that
  were joined, contraction leaves free direct edges: 𝓛 is everything there.

Peeling layer by layer proves that the sets of butterfly factorizations are closed, and those of all chainable
Kronecker-sparse factors (Le, Zheng, Riccietti, Gribonval, "Butterfly factorization with error guarantees", 2024):
there twins see disjoint blocks of the inputs, or reach disjoint blocks of the outputs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import product
from math import prod
from typing import Any, NamedTuple

from sparseopt.existence.contraction import Edge, LinearNetwork, Node, contract

MAX_CHOICES = 600
"""Span is tried for networks with at most so many choices of edges."""

Neighbours = dict[Node, frozenset[Node]]


class Thinned(NamedTuple):
    """The network without the dropped edges, the twins (contracted next), a description, and a certificate's step."""

    network: LinearNetwork
    twins: list[Node]
    description: str
    evidence: list[Any]


def thin(network: LinearNetwork) -> Thinned | None:
    """Merge or peel one group of twins, or span; None if nothing applies."""
    into, out_of = _neighbours(network.edges), _neighbours((b, a) for a, b in network.edges)
    twins: dict[tuple[frozenset[Node], frozenset[Node]], list[Node]] = {}
    for h in sorted(into.keys() & out_of.keys()):
        twins.setdefault((into[h], out_of[h]), []).append(h)
    inputs, outputs = set(network.inputs), set(network.outputs)
    down, up = _reach(out_of, network.outputs), _reach(into, network.inputs)
    for (before, after), group in twins.items():
        named = f"hidden node{'s' * (len(group) > 1)} {', '.join(str(h[1] + 1) for h in group)} of layer {group[0][0]}"
        if min(len(before), len(after)) <= len(group):
            incoming = len(before) <= len(after)
            what = f"{named} merged, they give every matrix between their neighbours"
        elif before <= inputs and _only_way(group, before, out_of, down):
            incoming, what = True, f"{named} peeled at the inputs"
        elif after <= outputs and _only_way(group, after, into, up):
            incoming, what = False, f"{named} peeled at the outputs"
        else:
            continue
        matched = set(zip(sorted(before if incoming else after), group, strict=False))
        nodes = [list(h) for h in group]
        if min(len(before), len(after)) <= len(group):
            of = {h: end for end, h in matched}
            shares = [[(a, b) for a in before for b in after if of.get(h) in (a, b)] for h in group]
            evidence: list[Any] = ["span", nodes, [_listed(share) for share in shares]]
        else:
            evidence = ["peel", nodes, "inputs" if incoming else "outputs"]
        dropped = {
            (a, b)
            for a, b in network.edges
            if ((b in group and (a, b) not in matched) if incoming else (a in group and (b, a) not in matched))
        }
        return Thinned(replace(network, edges=network.edges - dropped), group, what, evidence)
    return _span(network)


def _listed(edges: Iterable[Edge]) -> list[Any]:
    return [[list(a), list(b)] for a, b in sorted(edges)]


def _span(network: LinearNetwork) -> Thinned | None:
    into, out_of = _neighbours(network.edges), _neighbours((b, a) for a, b in network.edges)
    hidden = sorted(into.keys() & out_of.keys())
    joined = _joined(network)
    choices = [[(a, h) for a in sorted(into[h])] + [(h, b) for b in sorted(out_of[h])] for h in hidden]
    if not hidden or prod(map(len, choices)) > MAX_CHOICES:
        return None
    for kept in product(*choices):
        incoming = {h for h, edge in zip(hidden, kept, strict=True) if edge[1] == h}
        dropped = {(a, b) for a, b in network.edges if (a, b) not in kept and _loses(a, b, incoming, set(hidden))}
        part = replace(network, edges=network.edges - dropped)
        contraction = contract(part)
        direct = all(a in joined and b in network.outputs for a, b in contraction.network.edges)
        if direct and _joined(part) == joined:
            evidence = ["keep", _listed(part.edges), contraction.evidence]
            return Thinned(part, [], f"{len(hidden)} hidden nodes keep one edge each and give every matrix", evidence)
    return None


def _loses(a: Node, b: Node, incoming: set[Node], hidden: set[Node]) -> bool:
    """Whether an edge that is not kept is dropped: b keeps one incoming edge, or a keeps one outgoing edge."""
    return b in incoming or (a in hidden and a not in incoming)


def _joined(network: LinearNetwork) -> dict[Node, int]:
    """Input → bit set of the outputs that it reaches."""
    reach = _reach(_neighbours((b, a) for a, b in network.edges), network.outputs)
    return {x: reach.get(x, 0) for x in network.inputs}


def _neighbours(edges: Iterable[Edge]) -> Neighbours:
    """Node → the nodes on the other end of its edges (a, node)."""
    out: dict[Node, set[Node]] = {}
    for a, b in edges:
        out.setdefault(b, set()).add(a)
    return {node: frozenset(others) for node, others in out.items()}


def _reach(beyond: Neighbours, ends: Iterable[Node]) -> dict[Node, int]:
    """Node → bit set of the ends that it reaches."""
    reach = {end: 1 << i for i, end in enumerate(ends)}

    def visit(node: Node) -> int:
        if node not in reach:
            reach[node] = 0
            for other in beyond.get(node, ()):
                reach[node] |= visit(other)
        return reach[node]

    for node in beyond:
        visit(node)
    return reach


def _only_way(group: list[Node], ends: frozenset[Node], beyond: Neighbours, reach: dict[Node, int]) -> bool:
    """Whether every path from `ends` to what the group reaches runs through the group."""
    reached = reach[group[0]]
    return all(reach[other] & reached == 0 for end in ends for other in beyond[end] if other not in group)
