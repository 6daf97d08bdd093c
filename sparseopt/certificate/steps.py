"""The certificate's steps for one sign class, as lines of JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sparseopt.certificate.bound_lemma import BoundLemma, kernel_vector, number, statement
from sparseopt.certificate.exact_fit import ExactFit


class Steps:
    """Each method adds a step and returns its number. A clause is a set of literals."""

    def __init__(self, fit: ExactFit) -> None:
        self.fit = fit
        self.lines: list[str] = []
        self._cones: dict[tuple[int, ...], int] = {}
        self._combinations: dict[tuple[int, ...], list[Any] | None] = {}

    def _add(self, *step: Any) -> int:
        self.lines.append(json.dumps(step, separators=(",", ":")))
        return len(self.lines) - 1

    def bound(self, lemma: BoundLemma) -> int:
        """A bound lemma."""
        return self._add(*lemma.step())

    def copy(self, step: int, images: list[int]) -> int:
        """An earlier clause with every neuron replaced by its image."""
        return self._add("copy", step, images)

    def rup(self, clause: Sequence[int], hints: list[int]) -> int:
        """A clause that follows from the hints by unit propagation."""
        return self._add("rup", clause, hints)

    def cone(self, target: int, others: Sequence[int]) -> int:
        """The target follows from literals of its neuron that imply it. Each such step is added once."""
        key = (target, *sorted(others))
        if key not in self._cones:
            assert self.implies(target, others)
            self._cones[key] = self._add("lemma", [], self._combinations[key])
        return self._cones[key]

    def implies(self, target: int, others: Sequence[int]) -> bool:
        """Whether the target's direction is in the cone of the others, none of which depends on the rest."""
        key = (target, *sorted(others))
        if key not in self._combinations:
            self._combinations[key] = self._combination(target, others)
        return self._combinations[key] is not None

    def _combination(self, target: int, others: Sequence[int]) -> list[Any] | None:
        """Pairs [literal, m] of the others and of the negated target: m > 0, and the sum of m × directions is 0."""
        if statement(self.fit, target) in {statement(self.fit, x) for x in others}:
            return [[target, 1], [-target, 1]]
        columns = [self._direction(x) for x in others] + [self._direction(-target)]
        found = kernel_vector([list(row) for row in zip(*columns, strict=True)], len(columns))
        if found is None or found[-1] <= 0 or any(m < 0 for m in found):
            return None
        return [[x, number(m)] for x, m in zip([*others, -target], found, strict=True) if m]

    def _direction(self, literal: int) -> list[int]:
        j, i = divmod(abs(literal) - 1, self.fit.n_points)
        return [v if literal > 0 else -v for v in self.fit.rows[j][i]]
