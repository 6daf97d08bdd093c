"""What the exact programs of nodes share: rows enter as they are violated, and the value rises until none is."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from sparseopt.certificate.exact_fit import from_flint, to_flint
from sparseopt.certificate.node_rows import NodeRows, SignClass, Solution, ToleranceError

CALM = 50
"""After so many rows without a better value, rows are drawn at random, against cycles."""
MAX_CALM = 3000
"""After so many, the program is given up."""


class Artificial(NamedTuple):
    """θ_q = 0, before a real row takes its place."""

    place: int


class DualProgram(ABC):
    """A program whose value is a bound all the way. Inside, θ is divided by the scale.

    Parameters
    ----------
    its, state
        As for :class:`NodeRows`.
    check : callable
        Called again and again; may raise to stop.
    """

    def __init__(self, its: SignClass, state: npt.NDArray[np.int8], check: Callable[[], object]) -> None:
        self.its, self.fit, self.check = its, its.fit, check
        self.rows = NodeRows(its, state)

    def narrowed(self, state: npt.NDArray[np.int8]) -> Self:
        """The program with further statements decided, to be solved from where this one stands."""
        other = copy.copy(self)
        other.rows = NodeRows(self.its, state)
        other._own_lists()
        return other

    def solve(self, enough: Fraction | None = None) -> Solution:
        """Let rows enter until the program is solved, or its value is at least `enough`."""
        target = None if enough is None else to_flint(enough)
        best, calm = self.value, 0
        while target is None or best < target:
            drawn = calm > CALM
            row = self._violated(drawn)
            if row is None:
                break
            if calm > MAX_CALM:
                raise ToleranceError("an exact program is too degenerate")
            self._enter(row, drawn)
            calm = calm + 1 if self.value == best else 0
            best = self.value
        return self._solution(from_flint(best))

    @property
    @abstractmethod
    def value(self) -> Any:
        """The objective where the program stands."""

    @abstractmethod
    def _own_lists(self) -> None:
        """Copy the lists that solving changes."""

    @abstractmethod
    def _violated(self, drawn: bool) -> Any:
        """A violated row or None; at random if `drawn`."""

    @abstractmethod
    def _enter(self, row: Any, drawn: bool) -> None:
        """Make a violated row hold."""

    @abstractmethod
    def _solution(self, value: Fraction) -> Solution:
        """The answer from the rows at work."""
