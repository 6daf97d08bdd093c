"""T: explicit diverging factors whose terms in n cancel, with an identity that shows that their limit is outside.

Kernels i, j that share an entry (r, s): u_i = e_r + b/n, v_i = n e_s + d, u_j = -e_r + b'/n, v_j = n e_s - d' have
the limit e_r (d + d')ᵀ + (b + b') e_sᵀ. If (r, s) is free, V cancels the term in n and one kernel is enough. Another
kernel may add a constant rank-one matrix. All vectors are 0/1 with few ones; a limit counts only if
:func:`sparseopt.existence.outside.outside` finds an identity that excludes it from the set.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, combinations, islice, product

from sparseopt.existence.kernel_rules import EPSILON, ONE, Escape, N
from sparseopt.existence.kernels import Entry, Factor, Kernel, KernelForm, Matrix
from sparseopt.existence.laurent import Laurent
from sparseopt.existence.least_squares import seem_outside
from sparseopt.existence.outside import outside

ONES = (2, 3)
"""Ones in b, d, b', d' together."""
BATCH, MAX_BATCHES = 200, 8
"""Limits looked at together, and how often for one group of kernels."""
MAX_KERNELS, MAX_ENTRIES = 6, 36
"""Larger groups are not searched."""


def cancellation(form: KernelForm, kernels: Sequence[Kernel]) -> Escape | None:
    """T: search for cancelling kernels with a limit outside the set; says nothing if none is found."""
    entries = sorted(frozenset().union(*(k.entries for k in kernels)) - form.free)
    if len(kernels) > MAX_KERNELS or len(entries) > MAX_ENTRIES:
        return None
    limits = _limits(form, kernels)
    for _ in range(MAX_BATCHES):
        batch = list(islice(limits, BATCH))
        if not batch:
            return None
        for i in seem_outside(kernels, entries, [A for A, _ in batch]):
            limit, factors = batch[i]
            if (identity := outside(form, kernels, limit)) is not None:
                return Escape(_statement(kernels, factors), limit, factors, "T", identity)
    return None


def _statement(kernels: Sequence[Kernel], factors: Sequence[Factor]) -> str:
    growing = [str(k) for k, f in zip(kernels, factors, strict=True) if N in f.v.values()]
    others = "V" if len(growing) == 1 else growing[1]
    return f"{growing[0]} and {others} cancel, and a polynomial identity excludes their limit (T)"


def _limits(form: KernelForm, kernels: Sequence[Kernel]) -> Iterator[tuple[Matrix, list[Factor]]]:
    """Distinct limits outside V with the factors that tend to them, simple ones first."""
    seen = set()
    for ones, constant in product(ONES, (False, True)):
        for factors in _cancelling(form, kernels, ones):
            for full in _with_constant(kernels, factors) if constant else [factors]:
                limit = _limit(form, full)
                if (key := frozenset(limit.items())) not in seen:
                    seen.add(key)
                    yield limit, full


def _with_constant(kernels: Sequence[Kernel], factors: list[Factor]) -> Iterator[list[Factor]]:
    for k, kernel in enumerate(kernels):
        if not factors[k].u:
            for rows, columns in product(_few(kernel.rows), _few(kernel.columns)):
                constant = Factor(dict.fromkeys(rows, ONE), dict.fromkeys(columns, ONE))
                yield [*factors[:k], constant, *factors[k + 1 :]]


def _few(lines: frozenset[int]) -> list[tuple[int, ...]]:
    return list(chain.from_iterable(combinations(sorted(lines), n) for n in (1, 2, 3)))


def _cancelling(form: KernelForm, kernels: Sequence[Kernel], ones: int) -> Iterator[list[Factor]]:
    for i, kernel in enumerate(kernels):
        for entry in sorted(kernel.entries & form.free):
            yield from _with_ones(kernels, entry, (i,), ones)
    for i, j in combinations(range(len(kernels)), 2):
        for entry in sorted(kernels[i].entries & kernels[j].entries - form.free):
            yield from _with_ones(kernels, entry, (i, j), ones)


def _with_ones(kernels: Sequence[Kernel], entry: Entry, pair: tuple[int, ...], ones: int) -> Iterator[list[Factor]]:
    r, s = entry
    rows = [(k, row) for k in pair for row in sorted(kernels[k].rows - {r})]
    columns = [(k, column) for k in pair for column in sorted(kernels[k].columns - {s})]
    for count in range(1, ones):
        for b, d in product(combinations(rows, count), combinations(columns, ones - count)):
            factors = [Factor({}, {})] * len(kernels)
            for k, sign in zip(pair, (1, -1), strict=False):
                factors[k] = Factor(
                    {r: ONE * sign} | {row: EPSILON for owner, row in b if owner == k},
                    {s: N} | {column: ONE * sign for owner, column in d if owner == k},
                )
            yield factors


def _limit(form: KernelForm, factors: Sequence[Factor]) -> Matrix:
    """The constant terms outside V. No positive power of n is left there."""
    total: dict[Entry, Laurent] = {}
    for factor in factors:
        for e, x in factor.product().items():
            if e not in form.free:
                total[e] = total.get(e, Laurent({})) + x
    return {e: x.terms[0] for e, x in total.items() if 0 in x.terms}
