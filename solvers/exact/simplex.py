"""The linear program of a node, in parameter space: dual simplex on the rows that `pricing` finds violated.

θ = 0 satisfies all sign rows, so the program is always feasible; only its value closes a node, and
Σ multiplier × right-hand side is a valid bound whenever no multiplier is negative.
"""

from __future__ import annotations

from typing import Any

from sparseopt.solvers.exact.assignment import Assignment
from sparseopt.solvers.exact.basis import (
    FREE,
    KIND,
    Basis,
    dual_error,
    express_entering_row,
    leaving_row,
    pivot,
    rate,
    refactor,
    reset_basis,
)
from sparseopt.solvers.exact.chords import LEAST_CHORD, Chords
from sparseopt.solvers.exact.instance import Instance
from sparseopt.solvers.exact.kernel import kernel
from sparseopt.solvers.exact.play import Play
from sparseopt.solvers.exact.pricing import (
    Prices,
    evaluate,
    note_decisions,
    price,
    price_chords,
    total_error,
    true_errors,
)

OPTIMAL, CUT, STALLED = 0, 1, 2
_GOES_ON = -1

PIVOTS = 1
"""Place of the number of pivots in `counts`."""
FEASIBLE = 1e-9
"""A row counts as violated from this scaled violation on."""
ROUGHLY_FEASIBLE = 1e-4
"""The same for l2 at inner nodes, whose programs need not be solved to the end: their value is a bound all the way."""
_MAX_PIVOTS = 400
_REFACTOR_AFTER = 30
_TRUSTED = 1e-9
"""A value counts if its multipliers prove it up to this error; else the basis is computed afresh."""


@kernel
def solve_node(
    inst: Instance,
    play: Play,
    prices: Prices,
    basis: Basis,
    asg: Assignment,
    chords: Chords,
    most_chords: int,
    cutoff: float,
    feasible: float,
    counts: Any,
) -> int:
    """Dual simplex from the current basis: OPTIMAL, CUT (the value is at the cutoff) or STALLED (it is still valid)."""
    N = basis.theta.size
    left, doubts = most_chords, 0
    note_decisions(inst, play, prices, asg)
    for _ in range(_MAX_PIVOTS + 4 * (N + inst.errors)):
        end = CUT if basis.value[0] >= cutoff else _GOES_ON
        if end == _GOES_ON and not price(inst, play, prices, basis, feasible):
            basis.value[0] = total_error(prices, inst.errors)
            true_errors(inst, play, prices, basis)
            if left == 0 or not price_chords(inst, play, prices, basis, asg, chords, LEAST_CHORD / inst.errors):
                end = OPTIMAL
            else:
                left -= 1
        if end != _GOES_ON:
            if dual_error(basis) <= _TRUSTED:
                return end
            doubts += 1
            if doubts > 2:
                break
            if doubts == 2 or not refactor(basis):
                reset_basis(basis)
            continue
        gap = express_entering_row(basis)
        leaving = leaving_row(basis)
        poor = leaving < 0 or (rate(basis, leaving) < 1e-7 and not (leaving < N and basis.code[leaving, KIND] == FREE))
        if poor:
            if basis.age[0] == 0:
                if leaving < 0:
                    break
            else:
                if not refactor(basis):
                    reset_basis(basis)
                continue
        pivot(basis, leaving, gap)
        counts[PIVOTS] += 1
        basis.age[0] += 1
        if basis.age[0] >= _REFACTOR_AFTER + 2 * N and not refactor(basis):
            reset_basis(basis)
    if dual_error(basis) > _TRUSTED:
        reset_basis(basis)
    evaluate(inst, play, prices, basis)
    return STALLED
