"""From the log of a search to the steps of a certificate: trimmed, exact, repaired where rounding hid a gap.

Only what the empty clause needs is kept. Multipliers are computed again from the rows that the log names, on the exact
data. A program that was closed a rounding error too early is opened again and closed by branching, with exact programs.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from sparseopt.certificate.bound_lemma import BoundLemma, multipliers
from sparseopt.certificate.branching import Branching
from sparseopt.certificate.exact_fit import ExactFit
from sparseopt.certificate.goal import Goal
from sparseopt.certificate.node_rows import CertificateError, ErrorRow, Row, SignClass, SignRow
from sparseopt.certificate.steps import Steps
from sparseopt.linalg import solve_any
from sparseopt.losses import Loss
from sparseopt.rationals import exact_array
from sparseopt.solvers.exact.basis import FLOOR, LOWER, SIGN, UPPER
from sparseopt.solvers.exact.proof_log import BOUND, CONE, IMAGE, ClassProof


class ClassSteps:
    """The steps of one sign class, made from its log. They prove `goal.target`, which may fall meanwhile.

    Attributes
    ----------
    signs : list of int
    steps : Steps

    Raises
    ------
    CertificateError
        If the proof cannot be made exact, or whatever the goal's `check` raises.
    """

    def __init__(self, proof: ClassProof, goal: Goal) -> None:
        self.fit, self.proof, self.goal = goal.fit, proof, goal
        self.signs = [int(s) for s in proof.signs]
        self._its = SignClass(self.fit, self.signs)
        self.steps = Steps(self.fit)
        self._branching = Branching(self._its, goal, self.steps)
        self._literals = _literals(self.fit, proof)
        self._starts = _starts(proof.entries)
        self._step_of: dict[int, int] = {}
        self._exact_chords: dict[tuple[int, tuple[int, ...]], list[tuple[int, Fraction]]] = {}
        self._build()

    def _build(self) -> None:
        needed = {len(self._starts) - 1}
        for at in range(len(self._starts) - 1, -1, -1):
            self.goal.check()
            if at in needed:
                needed.update(_antecedents(self._record(at)))
        for at in sorted(needed):
            self._step_of[at] = self._emit(self._record(at))

    def _record(self, at: int) -> list[int]:
        """[kind, …] of a record."""
        start = self._starts[at]
        kind, length = self.proof.entries[start : start + 2].tolist()
        return [kind, *self.proof.entries[start + 2 : start + 2 + length].tolist()]

    def _emit(self, record: list[int]) -> int:
        self.goal.check()
        kind, body = record[0], record[1:]
        if kind == BOUND:
            rows = []
            while body:
                rows.append((body[0], body[1], body[2], body[4 : 4 + body[3]]))
                body = body[4 + body[3] :]
            loose = {int(self.proof.play.points[index]) for kind, index, *_ in rows if kind == FLOOR}
            return self._bound([self._row(*row) for row in rows if row[0] in _ROWS], loose)
        if kind == CONE:
            target, *negated = (self._literals[x] for x in body)
            others = [-x for x in negated]
            if self.steps.implies(target, others):
                return self.steps.cone(target, others)
            return self._branching.close(frozenset([-target, *others]), [])  # true up to rounding only
        if kind == IMAGE:
            source = self._record(body[0])
            images = self._permutation(source[2 : 2 + source[1]], body[1:])
            return self.steps.copy(self._step_of[body[0]], images)
        size = body[0]
        clause = sorted({self._literals[x] for x in body[1 : 1 + size]})
        return self.steps.rup(clause, [self._step_of[a] for a in _antecedents(record)])

    def _row(self, kind: int, index: int, subset: int, used: list[int]) -> Row:
        if kind == SIGN:
            return SignRow(self._literals[2 * index + 1 - subset])
        point, side = int(self.proof.play.points[index]), 1 if kind == UPPER else -1
        if subset >= 0:
            return ErrorRow(point, side, subset)
        return ErrorRow(point, side, ~subset, self._chords(point, side, [self._literals[x] for x in used]))

    def _chords(self, point: int, side: int, literals: list[int]) -> tuple[tuple[int, Fraction], ...]:
        """The chords of the neurons that the literals do not decide on the point, with exact coefficients."""
        out: list[tuple[int, Fraction]] = []
        decided = {abs(x) for x in literals}
        for j, (sign, numbers) in enumerate(zip(self.signs, self.fit.statements, strict=True)):
            if sign == side or not numbers[point] or abs(numbers[point]) in decided:
                continue
            own = tuple(x for x in literals if (abs(x) - 1) // self.fit.n_points == j)
            if (point, own) not in self._exact_chords:
                self._exact_chords[point, own] = self._chord(j, point, own)
            out += self._exact_chords[point, own]
        return tuple(out)

    def _chord(self, j: int, point: int, literals: tuple[int, ...]) -> list[tuple[int, Fraction]]:
        """A neuron's features of a point as a combination of those of literals."""
        rows = self.fit.rows[j]
        columns = np.array([rows[(abs(x) - 1) % self.fit.n_points] for x in literals], dtype=object).T
        found = solve_any(exact_array(columns), exact_array(np.array(rows[point], dtype=object)[:, None]))
        if found is None:
            raise CertificateError("a chord of the search holds only up to rounding")
        return [(x, c) for x, c in zip(literals, found[:, 0], strict=True) if c]

    def _permutation(self, clause: list[int], image: list[int]) -> list[int]:
        """Where each neuron goes: to one of its kind and sign of which the image says what the clause says of it.

        Neurons of one kind number their variables alike.
        """
        size = 2 * self.proof.play.points.size

        def told(literals: list[int]) -> dict[int, frozenset[int]]:
            return {j: frozenset(x % size for x in literals if x // size == j) for j in range(len(self.signs))}

        before, after = told(clause), told(image)
        kinds = list(zip((n.kind for n in self.fit.shape.neurons), self.signs, strict=True))
        out: list[int] = []
        for j, kind in enumerate(kinds):
            out.append(next(c for c, k in enumerate(kinds) if c not in out and k == kind and after[c] == before[j]))
        return out

    def _bound(self, rows: Sequence[Row], loose: set[int]) -> int:
        """The lemma of a program's rows; if that does not reach the target, the program is opened again."""
        if self.fit.shape.loss is not Loss.L2:
            support = multipliers(self._its, rows, loose)
            if support is not None:
                lemma = BoundLemma.of(self._its, support)
                if lemma.value >= self.goal.target:
                    return self.steps.bound(lemma)
        clause = BoundLemma.of(self._its, [(row, 1) for row in rows]).clause
        return self._branching.close(frozenset(-x for x in clause), rows)


_ROWS = (SIGN, UPPER, LOWER)


def _starts(entries: Any) -> list[int]:
    """Where the records begin."""
    out, at = [], 0
    while at < len(entries):
        out.append(at)
        at += 2 + int(entries[at + 1])
    return out


def _antecedents(record: list[int]) -> list[int]:
    """The records that a record follows from."""
    if record[0] in (BOUND, CONE):
        return []
    return record[1:2] if record[0] == IMAGE else record[2 + record[1] :]


def _literals(fit: ExactFit, proof: ClassProof) -> list[int]:
    """The certificate's literal for each of the search's: variables take the name of their first point.

    Raises
    ------
    CertificateError
        If the search took two directions for one that differ exactly.
    """
    play, out = proof.play, [0] * (2 * len(proof.play.neuron))
    for a in range(int(play.counts[0])):
        for j, numbers in enumerate(fit.statements):
            z, v, side = numbers[play.points[a]], int(play.variable[j, a]), int(play.orient[j, a])
            if (v < 0) != (z == 0):
                raise CertificateError("a neuron's features are zero on a point only up to rounding")
            if v >= 0:
                if out[2 * v] not in (0, z * side):
                    raise CertificateError("two points differ by so little that the search took them for one")
                out[2 * v], out[2 * v + 1] = z * side, -z * side
    return out
