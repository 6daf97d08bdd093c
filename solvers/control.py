"""What a running solver shares with its caller: time, incumbents, bounds, interrupts. And what it returns."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import Any, NamedTuple

from sparseopt.network import Network

TOLERANCE = 1e-6
"""Two scaled losses (targets in [-1, 1]) closer than this, times max(1, loss), count as equal."""


class Status(StrEnum):
    """Why a solver stopped."""

    OPTIMAL = "OPTIMAL"
    """Objective and proven bound are equal within the stated tolerance (within `weight_limit`, if that is set)."""
    NOT_ATTAINED = "NOT_ATTAINED"
    """The infimum is proved and no parameters reach it."""
    GAP_REACHED = "GAP_REACHED"
    """The relative gap between objective and bound is at most the one asked for."""
    TIME_LIMIT = "TIME_LIMIT"
    """The time was up; the best network and bound so far are kept."""
    INTERRUPTED = "INTERRUPTED"
    """Ctrl-C or the callback stopped it; the best network and bound so far are kept."""
    FAILED = "FAILED"
    """It ended without a proof; `message` says why. The best network found is kept."""


class Progress(NamedTuple):
    """One row of a trace, in the problem's units."""

    seconds: float
    objective: float
    bound: float
    nodes: int
    points: int


class Row(NamedTuple):
    """One row of ``result.trace``."""

    seconds: float
    objective: float
    bound: float
    nodes: int


@dataclass(frozen=True)
class Result:
    """The answer of :func:`sparseopt.solve`.

    Attributes
    ----------
    status : Status
        Why it stopped.
    objective : float
        Loss of `network`, evaluated on the original data; inf where no network was found.
    bound : float
        Proven lower bound on the loss over all parameters (within `weight_limit`, if that is set).
    network : Network or None
    solver : str
        The solver that ran.
    message : str
        One sentence on what is and is not proved.
    weight_limit : float or None
        If set, bound and optimality hold only for parameters of the scaled problem within this size.
    exact_objective, exact_bound : Fraction or None
        Rational values, where they are known.
    certificate : OptimalityCertificate, dict (for a proof that theory gives) or None
    trace : list of Row
        (seconds, objective, bound, nodes).
    seconds : float
    """

    status: Status
    objective: float
    bound: float
    network: Network | None
    solver: str
    message: str
    weight_limit: float | None = None
    exact_objective: Fraction | None = None
    exact_bound: Fraction | None = None
    certificate: Any = None
    trace: list[Row] = field(default_factory=list, repr=False)
    seconds: float = 0.0

    @property
    def gap(self) -> float:
        """(objective - bound) / objective; 0 where both are 0."""
        return relative_gap(self.objective, self.bound)


def relative_gap(objective: float, bound: float) -> float:
    """(objective - bound) / |objective|, at least 0."""
    difference = max(objective - bound, 0.0)
    return difference / abs(objective) if difference else 0.0


class Stop(Exception):  # noqa: N818
    """Raised inside a solver when it must end; carries the reason."""

    def __init__(self, status: Status) -> None:
        super().__init__(status)
        self.status = status


class Control:
    """Incumbent, bound and limits of one run of a solver.

    A solver calls :meth:`incumbent` and :meth:`raise_bound` as it finds better ones and :meth:`check` often; these
    raise :class:`Stop` when the run must end; what was reported by then is kept.
    """

    def __init__(
        self,
        *,
        gap: float = 0.0,
        seed: int = 0,
        tolerance: float = TOLERANCE,
        deadline: float | None = None,
        callback: Callable[[Progress], object] | None = None,
        certificate: bool = False,
    ) -> None:
        self.started = time.perf_counter()
        self.deadline = deadline
        self.gap = gap
        self.seed = seed
        self.tolerance = tolerance
        self.callback = callback
        self.objective = math.inf
        self.bound = 0.0
        self.best: Any = None
        self.weight_limit: float | None = None
        self.proofs: list[Any] | None = [] if certificate else None
        self.nodes = 0
        self.points = 0
        self.trace: list[Row] = []
        self._shown = 0.0

    @property
    def seconds(self) -> float:
        """Time since the start."""
        return time.perf_counter() - self.started

    @property
    def remaining(self) -> float | None:
        """Seconds left, None without a limit."""
        return None if self.deadline is None else max(self.deadline - time.perf_counter(), 0.0)

    @property
    def closed(self) -> bool:
        """Whether objective and bound are equal within the tolerance."""
        return self.objective - self.bound <= self.tolerance * max(1.0, self.objective)

    def incumbent(self, objective: float, best: Any) -> bool:
        """Offer a solution; True if it is better than the best so far."""
        if not objective < self.objective:
            return False
        self.objective, self.best = objective, best
        self.report()
        return True

    def raise_bound(self, bound: float) -> None:
        """Record a proven lower bound (never above the objective: what exceeds it is rounding)."""
        if bound > self.bound:
            self.bound = min(bound, self.objective)
            self.report()

    def check(self) -> None:
        """Stop if the time is up or the callback asks for it. Cheap: call it at every node."""
        if self.deadline is not None and time.perf_counter() > self.deadline:
            raise Stop(Status.TIME_LIMIT)
        if self.callback is not None and time.perf_counter() - self._shown > 0.1:
            self._show()

    def record(self, objective: float, bound: float) -> object:
        """Append a row to the trace and show it to the callback; returns what the callback says."""
        row = Progress(self.seconds, objective, bound, self.nodes, self.points)
        self.trace.append(Row(*row[:4]))
        return None if self.callback is None else self.callback(row)

    def report(self) -> None:
        """Show objective and bound, and stop if the gap is reached."""
        self._show()
        if self.proofs is None and self.gap > 0 and relative_gap(self.objective, self.bound) <= self.gap:
            raise Stop(Status.GAP_REACHED)

    def _show(self) -> None:
        self._shown = time.perf_counter()
        if self.record(self.objective, self.bound):
            raise Stop(Status.INTERRUPTED)
