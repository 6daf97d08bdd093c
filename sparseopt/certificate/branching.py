"""Nodes that the search closed a rounding error too early are closed by branching, with exact programs.

A node is a set of decided statements. What they imply by geometry is decided, too. A node is closed by its program's
lemma, or by a clause that was found in another node, or by what closes its two sides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from sparseopt.certificate.bound_lemma import BoundLemma
from sparseopt.certificate.exact_program import ExactProgram, exact_program
from sparseopt.certificate.goal import Goal
from sparseopt.certificate.node_rows import CertificateError, Row, SignClass, ToleranceError
from sparseopt.certificate.steps import Steps

MAX_PROGRAMS = 2000
"""Of one sign class, before a gap is left."""
MAX_DEPTH = 300
"""Of branching."""
_IN_CONE = 1e-9
"""Distance of unit directions from a cone that is taken for rounding, until exact arithmetic decides."""


class Branching:
    """Adds steps that close nodes of one sign class at the goal's target."""

    def __init__(self, its: SignClass, goal: Goal, steps: Steps) -> None:
        self.its, self.fit, self.goal, self.steps = its, its.fit, goal, steps
        self._clauses: dict[int, frozenset[int]] = {}
        self._masks: list[tuple[int, int]] = []
        self._programs = 0
        lengths = [np.linalg.norm(F, axis=1, keepdims=True) for F in self.fit.float_rows[0]]
        self._units = [F / np.where(n > 0, n, 1.0) for F, n in zip(self.fit.float_rows[0], lengths, strict=True)]

    def close(self, decided: frozenset[int], rows: Sequence[Row]) -> int:
        """A step whose clause negates some of the decided statements; the node's program starts from the rows.

        The target falls where better parameters turn up, or where it would take too long to reach it.
        """
        program = exact_program(self.its, self._state(decided), rows, self.goal.check)
        while True:
            try:
                return self._close(decided, program, 0)
            except ToleranceError:
                self.goal.leave_a_gap()
                self._programs = 0

    def _close(self, decided: frozenset[int], program: ExactProgram, depth: int) -> int:
        solution = program.solve(self.goal.target)
        if solution.value < self.goal.target:
            self.goal.offer(self.its.signs, solution.theta)
        if solution.value >= self.goal.target:
            lemma = BoundLemma.of(self.its, solution.support)
            return self._keep(self.steps.bound(lemma), lemma.clause)
        self._programs += 1
        if self._programs > MAX_PROGRAMS or depth > MAX_DEPTH:
            raise ToleranceError("too many programs were closed within the tolerance only")
        z = self._branch(program.rows.state, solution.theta)
        sides = []
        for literal in (z, -z):
            at = self._side(decided, literal, program, depth)
            if -literal not in self._clauses[at]:
                return at
            sides.append(at)
        return self._rup((self._clauses[sides[0]] | self._clauses[sides[1]]) - {z, -z}, sides)

    def _side(self, decided: frozenset[int], literal: int, parent: ExactProgram, depth: int) -> int:
        """A step whose clause negates some of the decided statements and the literal."""
        decided = decided | {literal}
        changed = range(len(self.its.signs)) if depth == 0 else [(abs(literal) - 1) // self.fit.n_points]
        implied = {x: others for j in changed for x, others in self._implied(decided, j)}
        known = decided.union(implied)
        bits = _bits(known)
        at = next((at for mask, at in self._masks if mask & bits == mask), -1)
        if at < 0:
            at = self._close(known, parent.narrowed(self._state(known)), depth + 1)
        used = [x for x in implied if -x in self._clauses[at]]
        if not used:
            return at
        clause = (self._clauses[at] - {-x for x in used}).union(*({-y for y in implied[x]} for x in used))
        return self._rup(clause, [*(self.steps.cone(x, implied[x]) for x in used), at])

    def _rup(self, clause: frozenset[int], hints: list[int]) -> int:
        return self._keep(self.steps.rup(sorted(clause), hints), clause)

    def _keep(self, at: int, clause: frozenset[int]) -> int:
        """Remember a step for other nodes."""
        self._clauses[at] = clause
        self._masks.append((_bits(-x for x in clause), at))
        return at

    def _implied(self, decided: frozenset[int], j: int) -> Iterator[tuple[int, list[int]]]:
        """Undecided statements of a neuron whose direction is in the cone of decided ones, with those of its face."""
        from scipy.optimize import nnls

        P, numbers = self.fit.n_points, self.fit.statements[j]
        own = [z for z in decided if (abs(z) - 1) // P == j]
        if not own:
            return
        units = self._units[j]
        cone = np.array([units[(abs(z) - 1) % P] * (1 if z > 0 else -1) for z in own]).T
        for z in {abs(z) for z in numbers if z} - {abs(z) for z in own}:
            for literal in (z, -z):
                weights, distance = nnls(cone, units[(z - 1) % P] * (1 if literal > 0 else -1))
                others = [x for x, w in zip(own, weights, strict=True) if w > 0]
                if distance < _IN_CONE and self.steps.implies(literal, others):
                    yield literal, others

    def _branch(self, state: Any, theta: list[Any]) -> int:
        """An undecided statement of the point with the largest error that has one, with the truth of the parameters."""
        errors, pre = self.fit.errors(self.its.signs, theta), self.fit.pre_activations(theta)
        for i in sorted(range(len(errors)), key=lambda i: -abs(errors[i])):
            for j, sign in enumerate(self.its.signs):
                if not state[i, j] and (sign > 0) == (errors[i] < 0):
                    return self.fit.statements[j][i] * (1 if pre[i, j] > 0 else -1)
        raise CertificateError("a program has no statement to branch on")

    def _state(self, decided: frozenset[int]) -> Any:
        state = np.zeros((self.fit.n_points, len(self.its.signs)), dtype=np.int8)
        for j, numbers in enumerate(self.fit.statements):
            for i, z in enumerate(numbers):
                state[i, j] = -1 if z == 0 or -z in decided else 1 if z in decided else 0
        return state


def _bits(literals: Iterable[int]) -> int:
    """A set of literals as a number."""
    out = 0
    for x in literals:
        out |= 1 << 2 * abs(x) + (x < 0)
    return out
