"""Thinning: edges of a linear network that can be set to zero without changing whether 𝓛 is closed (any depth).

*Twins* are hidden nodes G with the same predecessors I and the same successors O; with weights V into and U out of
them they contribute U V.

- **Merge.** |G| ≥ |I|: every U' in R^{O × I} is U V with V a 0/1 matrix that keeps one edge from each i ∈ I to a node of its
  own. 𝓛 does not change. Likewise for |G| ≥ |O|.
- **Peel.** |G| ≤ |I|, I are inputs, and every path from I to the outputs D that G reaches runs through G. Then the D × I
  part of a matrix of 𝓛 is B V for some B, and multiplying B by a square matrix stays in the set 𝓑 of such B (with the rest
  of the matrix). Take V with orthonormal rows: B = A Vᵀ is bounded when A is, so if 𝓑 is closed, so is 𝓛. With V a
  selection of |G| columns, a B outside 𝓑 and in its closure gives such an A. So V may be fixed to a selection: one edge
  from a different input into each node of G. Likewise at the outputs.

Peeling layer by layer proves that the sets of butterfly factorizations are closed, and of all chainable Kronecker-sparse
factors (Le, Zheng, Riccietti, Gribonval, "Butterfly factorization with error guarantees", 2024): there twins see
disjoint blocks of the inputs, or reach disjoint blocks of the outputs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sparseopt.existence.contraction import Edge, LinearNetwork, Node

Neighbours = dict[Node, frozenset[Node]]


def thin(network: LinearNetwork) -> tuple[LinearNetwork, str] | None:
    """Merge or peel one group of twins: the network without the dropped edges and a description, or None."""
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
        dropped = {
            (a, b)
            for a, b in network.edges
            if ((b in group and (a, b) not in matched) if incoming else (a in group and (b, a) not in matched))
        }
        return replace(network, edges=network.edges - dropped), what
    return None


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
