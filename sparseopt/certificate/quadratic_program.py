"""The program of a node for l2 in exact arithmetic: a dual active-set method on implicit rows.

    min Σ ω r²   over θ and r   subject to   side r_i ≥ side (A·θ - y_i)   (error rows)   and   G·θ ≥ 0   (sign rows)

Goldfarb and Idnani's method (Math. Programming 27, 1983): rows enter as they are violated, and multipliers stay at
least 0, so the value is a bound all the way. The objective does not curve in θ. So the working rows always fix θ as
well (the matrix of their optimality conditions is invertible), at the start with the help of artificial rows θ_q = 0,
whose multipliers are 0 and that leave first. θ = 0 satisfies every sign row, so a program always has an optimum.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from flint import fmpq, fmpq_mat

from sparseopt.certificate.dual_program import Artificial, DualProgram
from sparseopt.certificate.exact_fit import from_flint
from sparseopt.certificate.node_rows import (
    CertificateError,
    Row,
    SignClass,
    SignRow,
    Solution,
)


class _Key(NamedTuple):
    """The first working row of a point: r_i = side (its right-hand side)."""

    place: int
    side: int
    gradient: list[Any]


class QuadraticProgram(DualProgram):
    """Starts from given rows. Inside, θ is divided by the scale and multipliers are half of those of the objective.

    Parameters
    ----------
    its, state
        As for :class:`NodeRows`.
    start : sequence of rows
        Those that the optimum is expected to need.
    check : callable
        Called before every linear system; may raise to stop.
    """

    def __init__(
        self,
        its: SignClass,
        state: npt.NDArray[np.int8],
        start: Sequence[Row] = (),
        check: Callable[[], object] = bool,
    ) -> None:
        super().__init__(its, state, check)
        self.working: list[Row | Artificial] = list(dict.fromkeys(start))
        self.multiplier: list[Any] = []
        self._settle()

    @property
    def value(self) -> Any:
        return sum((w * r * r for w, r in zip(self.fit.flint_weights, self._residuals(), strict=True)), fmpq(0))

    def _own_lists(self) -> None:
        self.working, self.multiplier = list(self.working), list(self.multiplier)

    def _violated(self, drawn: bool) -> Row | None:
        residuals = self._residuals()
        return self.rows.violated(self.theta, (residuals, [-r for r in residuals]), drawn)

    def _solution(self, value: Fraction) -> Solution:
        support = [
            (row, m)
            for row, m in zip(self.working, self.multiplier, strict=True)
            if not isinstance(row, Artificial) and m > 0
        ]
        return Solution(value, [from_flint(x) * self.fit.scale for x in self.theta], support)

    def _gradient(self, row: Row | Artificial) -> list[Any]:
        if isinstance(row, Artificial):
            return [fmpq(int(q == row.place)) for q in range(self.fit.shape.n_parameters)]
        return self.its.gradient(row)

    def _keys(self) -> dict[int, _Key]:
        """The first working row of each point that has one."""
        keys: dict[int, _Key] = {}
        for place, row in enumerate(self.working):
            if not isinstance(row, (SignRow, Artificial)) and row.point not in keys:
                keys[row.point] = _Key(place, row.side, self._gradient(row))
        return keys

    def _residuals(self) -> list[Any]:
        """r, which is 0 where no row is at work."""
        out = [fmpq(0)] * self.fit.n_points
        for i, key in self._keys().items():
            out[i] = key.side * _dot(key.gradient, self.theta) - self.fit.flint_targets[i]
        return out

    def _less_key(self, row: Row | Artificial, keys: dict[int, _Key]) -> list[Any]:
        """The row's gradient, less the key's if its point has one: then it says that this times θ is at most 0."""
        own = self._gradient(row)
        if isinstance(row, (SignRow, Artificial)) or row.point not in keys:
            return own
        key = keys[row.point]
        return [a - row.side * key.side * b for a, b in zip(own, key.gradient, strict=True)]

    def _equations(self, keys: dict[int, _Key]) -> tuple[list[int], list[list[Any]]]:
        """Places of the working rows that are no keys, and their equations' coefficients."""
        used = {key.place for key in keys.values()}
        places = [place for place in range(len(self.working)) if place not in used]
        return places, [self._less_key(self.working[place], keys) for place in places]

    def _solve(self, keys: dict[int, _Key], right: list[Any]) -> tuple[list[Any], dict[int, Any]]:
        """(θ, multipliers of the equations) with H θ + Gᵀ m = right, G θ = 0.

        Raises
        ------
        ZeroDivisionError
            If the matrix is singular.
        """
        self.check()
        n, (places, G) = self.fit.shape.n_parameters, self._equations(keys)
        A = fmpq_mat(len(keys), n, [v for key in keys.values() for v in key.gradient])
        weighted = [self.fit.flint_weights[i] * v for i, key in keys.items() for v in key.gradient]
        H = (A.transpose() * fmpq_mat(len(keys), n, weighted)).tolist()
        size = n + len(G)
        top = [[*H[q], *(row[q] for row in G)] for q in range(n)]
        matrix = [*top, *([*row, *[fmpq(0)] * len(G)] for row in G)]
        column = fmpq_mat(size, 1, [*right, *[fmpq(0)] * len(G)])
        found = [x for [x] in fmpq_mat(size, size, [v for row in matrix for v in row]).solve(column).tolist()]
        return found[:n], dict(zip(places, found[n:], strict=True))

    def _key_multipliers(self, keys: dict[int, _Key], forces: list[Any], of: dict[int, Any]) -> list[Any]:
        """All multipliers, from those of the equations and each point's ω r: its key has what its others leave."""
        out = [of.get(place, fmpq(0)) for place in range(len(self.working))]
        for i, key in keys.items():
            out[key.place] = key.side * forces[i]
        for place, m in of.items():
            row = self.working[place]
            if not isinstance(row, (SignRow, Artificial)):
                key = keys[row.point]
                out[key.place] -= row.side * key.side * m
        return out

    def _stand(self) -> None:
        """θ and multipliers where all working rows hold with equality."""
        keys = self._keys()
        right = [fmpq(0)] * self.fit.shape.n_parameters
        for i, key in keys.items():
            pull = self.fit.flint_weights[i] * key.side * self.fit.flint_targets[i]
            right = [x + pull * v for x, v in zip(right, key.gradient, strict=True)]
        self.theta, of = self._solve(keys, right)
        forces = [w * r for w, r in zip(self.fit.flint_weights, self._residuals(), strict=True)]
        self.multiplier = self._key_multipliers(keys, forces, of)

    def _settle(self) -> None:
        """Make the working rows independent, and let those with negative multipliers go."""
        while True:
            self._make_independent()
            self._stand()
            worst = min(range(len(self.working)), key=lambda b: self.multiplier[b], default=-1)
            if worst < 0 or self.multiplier[worst] >= 0:
                return
            del self.working[worst]

    def _make_independent(self) -> None:
        """Drop equations that follow from others, and fix by artificial rows what the others leave free."""
        n, keys = self.fit.shape.n_parameters, self._keys()
        self.working = [row for row in self.working if not isinstance(row, Artificial)]
        places, G = self._equations(keys)
        kept = set(_pivots(list(zip(*G, strict=True)))) if G else set()
        dropped = {place for e, place in enumerate(places) if e not in kept}
        self.working = [row for place, row in enumerate(self.working) if place not in dropped]
        fixed = _pivots([key.gradient for key in keys.values()] + [G[e] for e in sorted(kept)])
        self.working += [Artificial(q) for q in range(n) if q not in fixed]

    def _enter(self, row: Row, drawn: bool) -> None:
        """Raise a violated row's multiplier until it holds, while others shrink; those that reach 0 leave."""
        own = fmpq(0)
        while True:
            keys = self._keys()
            less = self._less_key(row, keys)
            try:
                moved, of = self._solve(keys, [-v for v in less])
            except ZeroDivisionError:  # what is left does not fix θ: the row takes the place of the one that left last
                self.working.append(row)
                self._stand()
                return
            free = not isinstance(row, SignRow) and row.point not in keys
            forces = [fmpq(0)] * self.fit.n_points
            for i, key in keys.items():
                forces[i] = self.fit.flint_weights[i] * key.side * _dot(key.gradient, moved)
            if not isinstance(row, SignRow) and not free:
                forces[row.point] -= row.side
            change = self._key_multipliers(keys, forces, of)
            rate, gap = -_dot(less, moved), _dot(less, self.theta)
            if not isinstance(row, SignRow) and free:
                weight = self.fit.flint_weights[row.point]
                rate, gap = rate + 1 / weight, gap - row.side * self.fit.flint_targets[row.point] - own / weight
            step, leaving = self._first_to_leave(change)
            full = rate > 0 and (leaving < 0 or gap <= step * rate)
            if full:
                step = gap / rate
            elif leaving < 0:
                raise CertificateError("an exact program has no solution")
            self.theta = [x + step * d for x, d in zip(self.theta, moved, strict=True)]
            self.multiplier = [m + step * d for m, d in zip(self.multiplier, change, strict=True)]
            own += step
            if full:
                self.working.append(row)
                self.multiplier.append(own)
                return
            del self.working[leaving], self.multiplier[leaving]

    def _first_to_leave(self, change: list[Any]) -> tuple[Any, int]:
        """The longest step that keeps all multipliers at least 0 (artificial ones at 0), and the row that limits it."""
        best: tuple[Any, int] = fmpq(0), -1
        for b, (row, m, d) in enumerate(zip(self.working, self.multiplier, change, strict=True)):
            if isinstance(row, Artificial) and d:
                return fmpq(0), b
            if d < 0 and (best[1] < 0 or -m / d < best[0]):
                best = -m / d, b
        return best


def _pivots(rows: Sequence[Sequence[Any]]) -> list[int]:
    """Columns that depend on none before."""
    if not rows:
        return []
    reduced, rank = fmpq_mat([list(row) for row in rows]).rref()
    return [next(q for q in range(reduced.ncols()) if reduced[r, q]) for r in range(rank)]


def _dot(a: Sequence[Any], b: Sequence[Any]) -> Any:
    return sum((x * y for x, y in zip(a, b, strict=True) if x and y), fmpq(0))
