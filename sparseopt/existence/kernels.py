"""Kernel forms: linear counterparts with one hidden layer left after contraction, and their exact reductions.

𝓛 = {matrices supported on V} + Σ_j {rank-one matrices on R_j × C_j}: V are the *free entries*, (R_j, C_j) the
*kernels*. Every reduction keeps 𝓛 and knows its inverse: factors of the reduced form are lifted to
factors of the form before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import combinations
from typing import Any

from sparseopt.existence.contraction import Edge, EdgeWeights, LinearNetwork, Node
from sparseopt.existence.laurent import Laurent

Entry = tuple[int, int]
"""(row, column) of the input-output matrix: output index, input index."""
Block = tuple[tuple[int, ...], tuple[int, ...]]
"""Outputs (rows) and inputs (columns)."""
Matrix = dict[Entry, Fraction]
"""Non-zero entries of a rational matrix."""


@dataclass(frozen=True)
class Kernel:
    """All rank-one matrices on rows × columns; `node` is its hidden node, with the numbers of parts if it was split."""

    rows: frozenset[int]
    columns: frozenset[int]
    node: tuple[int, ...] = field(default=(), compare=False)

    @property
    def entries(self) -> frozenset[Entry]:
        return frozenset((r, c) for r in self.rows for c in self.columns)

    def within(self, block: Block) -> Kernel:
        """What the kernel gives on a block."""
        return replace(self, rows=self.rows.intersection(block[0]), columns=self.columns.intersection(block[1]))

    def __repr__(self) -> str:
        rows, columns = (",".join(str(i + 1) for i in sorted(s)) for s in (self.rows, self.columns))
        return f"rows {{{rows}}} × columns {{{columns}}}"


@dataclass(frozen=True)
class Factor:
    """One kernel's factors u vᵀ; missing entries are zero."""

    u: dict[int, Laurent]
    v: dict[int, Laurent]

    def product(self) -> dict[Entry, Laurent]:
        return {(r, c): a * b for r, a in self.u.items() for c, b in self.v.items()}


Lift = Callable[[list[Factor], Matrix], list[Factor]]
"""Factors of the reduced form and the target matrix → factors of the form before. V takes what the target lacks."""


@dataclass(frozen=True)
class KernelForm:
    """𝓛 = {supported on `free`} + Σ rank-one matrices on the kernels."""

    kernels: tuple[Kernel, ...]
    free: frozenset[Entry]

    @classmethod
    def of(cls, network: LinearNetwork) -> tuple[KernelForm, tuple[Node, ...]] | None:
        """The form of a contracted network and its hidden nodes, or None if hidden nodes feed hidden nodes."""
        ends = {*network.inputs, *network.outputs}
        rows: dict[Node, set[int]] = {}
        columns: dict[Node, set[int]] = {}
        free = set()
        for a, b in network.edges:
            if a in ends and b in ends:
                free.add((b[1], a[1]))
            elif a in ends:
                columns.setdefault(b, set()).add(a[1])
            elif b in ends:
                rows.setdefault(a, set()).add(b[1])
            else:
                return None
        nodes = tuple(sorted(rows))
        kernels = tuple(Kernel(frozenset(rows[h]), frozenset(columns[h]), h) for h in nodes)
        return cls(kernels, frozenset(free)), nodes

    def bound_entries(self, kernel: Kernel) -> frozenset[Entry]:
        """E_j: the kernel's entries outside V."""
        return kernel.entries - self.free

    def network_weights(
        self, network: LinearNetwork, nodes: Sequence[Node], factors: Sequence[Factor], target: Matrix
    ) -> EdgeWeights:
        """Edge weights of `network` with the given factors; V completes them to the target on its entries."""
        depth = network.depth
        weights: dict[Edge, Laurent] = {}
        missing = {e: Laurent.of(target.get(e, 0)) for e in self.free}
        for node, factor in zip(nodes, factors, strict=True):
            weights |= {((0, c), node): x for c, x in factor.v.items()}
            weights |= {(node, (depth, r)): x for r, x in factor.u.items()}
            for entry, value in factor.product().items():
                if entry in missing:
                    missing[entry] = missing[entry] - value
        return weights | {((0, c), (depth, r)): x for (r, c), x in missing.items()}


@dataclass(frozen=True)
class Reduction:
    """A reduced form, the inverse map on factors, what was done, and for each kernel the one that it comes from.

    `evidence` says the same as `steps` in the form of docs/certificates.md, but with entries (row, column).
    """

    form: KernelForm
    lift: Lift
    steps: tuple[str, ...]
    origins: tuple[int, ...]
    evidence: tuple[Any, ...] = ()


def span_step(kernels: Sequence[Kernel], given: Sequence[Iterable[Entry]]) -> list[Any]:
    """The evidence that kernels give every matrix on their entries outside V: what each of them gives."""
    shares = [[list(entry) for entry in sorted(share)] for share in given]
    return ["span", [list(k.node) for k in kernels], shares]


def components(entries: Iterable[Entry]) -> list[frozenset[Entry]]:
    """Connected components of the bipartite graph between rows and columns whose edges are the entries."""
    entries = list(entries)
    parent: dict[tuple[str, int], tuple[str, int]] = {}

    def find(x: tuple[str, int]) -> tuple[str, int]:
        while parent.setdefault(x, x) != x:
            parent[x] = parent[parent[x]]
            x = parent[x]
        return x

    for r, c in entries:
        parent[find(("r", r))] = find(("c", c))
    parts: dict[tuple[str, int], set[Entry]] = {}
    for r, c in entries:
        parts.setdefault(find(("r", r)), set()).add((r, c))
    return sorted((frozenset(p) for p in parts.values()), key=min)


def split(form: KernelForm) -> Reduction | None:
    """Split (exact): replace each kernel by one kernel per connected component of E_j.

    The components use disjoint rows and disjoint columns, so one u vᵀ serves all of them; its other products fall on V.
    Returns None if nothing changes.
    """
    parts: list[list[Kernel]] = []
    for kernel in form.kernels:
        pieces = components(form.bound_entries(kernel))
        own = [Kernel(frozenset(r for r, _ in p), frozenset(c for _, c in p)) for p in pieces]
        own = [kernel] if own == [kernel] else [replace(k, node=(*kernel.node, n)) for n, k in enumerate(own)]
        parts.append(own)
    changed = [(p, k) for p, k in zip(parts, form.kernels, strict=True) if p != [k]]
    if not changed:
        return None

    def lift(factors: list[Factor], target: Matrix) -> list[Factor]:
        out, rest = [], iter(factors)
        for pieces in parts:
            u: dict[int, Laurent] = {}
            v: dict[int, Laurent] = {}
            for _ in pieces:
                factor = next(rest)
                u |= factor.u
                v |= factor.v
            out.append(Factor(u, v))
        return out

    steps = tuple(f"split: {k} into {len(p)} part{'s' if len(p) != 1 else ''}" for p, k in changed)
    evidence = tuple(["split", list(k.node), [[sorted(x.rows), sorted(x.columns)] for x in p]] for p, k in changed)
    origins = tuple(j for j, p in enumerate(parts) for _ in p)
    return Reduction(KernelForm(tuple(k for p in parts for k in p), form.free), lift, steps, origins, evidence)


Line = tuple[str, int]
"""("row", r) or ("column", c)."""


def specialise(form: KernelForm) -> Reduction | None:
    """Specialisation (exact): drop kernels T that can take one line each and so give every entry of T outside V.

    Then T spans all its entries: they move into V. Tried for single lines, runs of equal kernels and small sets.
    Returns None if no set T is found.
    """
    if (lines := _line_kernels(form) or _equal_kernels(form) or _small_sets(form)) is None:
        return None
    return _specialised(form, lines, frozenset().union(*(form.bound_entries(form.kernels[j]) for j in lines)))


def _line_kernels(form: KernelForm) -> dict[int, Line] | None:
    """Kernels that are one row or one column are their own line."""
    lines: dict[int, Line] = {}
    for j, kernel in enumerate(form.kernels):
        if len(kernel.rows) == 1:
            lines[j] = ("row", min(kernel.rows))
        elif len(kernel.columns) == 1:
            lines[j] = ("column", min(kernel.columns))
    return lines or None


def _equal_kernels(form: KernelForm) -> dict[int, Line] | None:
    """r copies of R × C with r ≥ min(|R|, |C|): one row (or column) each."""
    equal: dict[Kernel, list[int]] = {}
    for j, kernel in enumerate(form.kernels):
        equal.setdefault(kernel, []).append(j)
    for kernel, members in equal.items():
        kind, places = ("row", kernel.rows) if len(kernel.rows) <= len(kernel.columns) else ("column", kernel.columns)
        if len(members) >= len(places):
            return {j: (kind, index) for j, index in zip(members, sorted(places), strict=False)}
    return None


def _small_sets(form: KernelForm) -> dict[int, Line] | None:
    """Sets of at most four kernels (two where there are many), with a search for their lines."""
    count = len(form.kernels)
    largest = 4 if count <= 8 else 2 if count <= 40 else 0
    for size in range(2, min(largest, count) + 1):
        for chosen in combinations(range(count), size):
            wanted = frozenset().union(*(form.bound_entries(form.kernels[j]) for j in chosen))
            if (lines := _cover(form, chosen, wanted)) is not None:
                return lines
    return None


def _cover(form: KernelForm, chosen: Sequence[int], wanted: frozenset[Entry]) -> dict[int, Line] | None:
    """One line for each chosen kernel so that the lines contain every wanted entry, or None."""
    if not wanted:
        return {j: ("row", min(form.kernels[j].rows)) for j in chosen}
    entry = min(wanted)
    tried = set()
    for j in chosen:
        kernel = form.kernels[j]
        if entry[0] not in kernel.rows or entry[1] not in kernel.columns or kernel in tried:
            continue
        tried.add(kernel)
        rest = [i for i in chosen if i != j]
        for line in (("row", entry[0]), ("column", entry[1])):
            left = frozenset(e for e in wanted if not _on_line(e, kernel, line))
            if len(left) <= _largest_cover(form, rest) and (lines := _cover(form, rest, left)) is not None:
                return lines | {j: line}
    return None


def _largest_cover(form: KernelForm, chosen: Sequence[int]) -> int:
    return sum(max(len(form.kernels[j].rows), len(form.kernels[j].columns)) for j in chosen)


def _on_line(entry: Entry, kernel: Kernel, line: Line) -> bool:
    kind, index = line
    inside = entry[0] in kernel.rows and entry[1] in kernel.columns
    return inside and entry[0 if kind == "row" else 1] == index


def _specialised(form: KernelForm, lines: dict[int, Line], wanted: frozenset[Entry]) -> Reduction:
    kept = [j for j in range(len(form.kernels)) if j not in lines]
    owner = {e: next(j for j, line in lines.items() if _on_line(e, form.kernels[j], line)) for e in wanted}

    def lift(factors: list[Factor], target: Matrix) -> list[Factor]:
        given = {e: Laurent.of(target.get(e, 0)) for e in wanted}
        for factor in factors:
            for entry, value in factor.product().items():
                if entry in given:
                    given[entry] = given[entry] - value
        out = dict(zip(kept, factors, strict=True))
        for j, (kind, index) in lines.items():
            along = {e: x for e, x in given.items() if owner[e] == j and x}
            if not along:
                out[j] = Factor({}, {})
            elif kind == "row":
                out[j] = Factor({index: Laurent.of(1)}, {c: x for (_, c), x in along.items()})
            else:
                out[j] = Factor({r: x for (r, _), x in along.items()}, {index: Laurent.of(1)})
        return [out[j] for j in sorted(out)]

    steps = tuple(
        f"specialisation: {form.kernels[j]} takes {kind} {index + 1}" for j, (kind, index) in sorted(lines.items())
    )
    shares = [[entry for entry, mine in owner.items() if mine == j] for j in lines]
    evidence = (span_step([form.kernels[j] for j in lines], shares),)
    left = KernelForm(tuple(form.kernels[j] for j in kept), form.free | wanted)
    return Reduction(left, lift, steps, tuple(kept), evidence)


def reduce(form: KernelForm) -> Reduction:
    """Split and specialise until neither changes the form."""
    lifts: list[Lift] = []
    steps: list[str] = []
    evidence: list[Any] = []
    origins = tuple(range(len(form.kernels)))
    while (change := split(form) or specialise(form)) is not None:
        form = change.form
        origins = tuple(origins[j] for j in change.origins)
        lifts.append(change.lift)
        steps += change.steps
        evidence += change.evidence

    def lift(factors: list[Factor], target: Matrix) -> list[Factor]:
        for back in reversed(lifts):
            factors = back(factors, target)
        return factors

    return Reduction(form, lift, tuple(steps), origins, tuple(evidence))


def groups(form: KernelForm) -> list[tuple[int, ...]]:
    """Kernels grouped so that the entries E_j of two groups are disjoint: 𝓛 is closed ⇔ each group's is."""
    entries = [form.bound_entries(k) for k in form.kernels]
    group = list(range(len(entries)))
    owner: dict[Entry, int] = {}
    for j, own in enumerate(entries):
        for e in own:
            if (other := group[owner.setdefault(e, j)]) != group[j]:
                mine = group[j]
                group = [other if g == mine else g for g in group]
    return [tuple(j for j, g in enumerate(group) if g == name) for name in sorted(set(group), key=group.index)]
