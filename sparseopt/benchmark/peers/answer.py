"""What a peer is asked and what it answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from sparseopt.network import Network
from sparseopt.problem import TrainingProblem


class Claim(StrEnum):
    """What a peer says about the network that it returns."""

    OPTIMAL = "optimal"
    """No parameters do better."""
    BOX = "optimal in a box"
    """No parameters within the peer's weight box do better."""
    NONE = "none"
    """It is the best one found."""


@dataclass(frozen=True)
class Task:
    """Limits of one run."""

    time_limit: float
    """Seconds for the timed part."""
    seed: int = 0


@dataclass(frozen=True)
class Answer:
    """What a peer holds when it stops, in the problem's units.

    Attributes
    ----------
    claim : Claim
    finished : bool
        False if it stopped at its time limit.
    objective : float or None
        The loss as the peer states it; the benchmark evaluates `network` itself.
    bound : float or None
        The lower bound that the peer states (within `weight_limit`, if that is set).
    network : Network or None
    weight_limit : float or None
        The box on the scaled parameters that the peer worked in.
    trace : list of (seconds, objective, bound)
    """

    claim: Claim
    finished: bool
    objective: float | None = None
    bound: float | None = None
    network: Network | None = None
    weight_limit: float | None = None
    trace: list[tuple[float, float, float]] = field(default_factory=list)


Prepare = Callable[[TrainingProblem, Task], Callable[[], Answer]]


class Clock:
    """The seconds left of a time limit that starts now."""

    def __init__(self, limit: float) -> None:
        self._end = time.perf_counter() + limit

    @property
    def left(self) -> float:
        """Seconds left, at least 0."""
        return max(self._end - time.perf_counter(), 0.0)
