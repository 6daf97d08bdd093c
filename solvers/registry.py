"""The registry of solvers: what each can do, and whether it can be used here, without importing it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from sparseopt.errors import InputError
from sparseopt.losses import Loss
from sparseopt.problem import TrainingProblem


class Capability(StrEnum):
    """What a solver can do."""

    LINF = "linf"
    """The uniform norm."""
    L1 = "l1"
    """The sum of absolute errors."""
    L2 = "l2"
    """The sum of squared errors."""
    PROOF = "proof"
    """Proves the optimum over all parameters."""
    BOX_PROOF = "proof in a box"
    """Proves the optimum within a weight box only."""
    ANY_PATTERN = "any pattern"
    """Takes shared hidden neurons and deep patterns."""
    CERTIFICATE = "certificate"
    """Writes an optimality certificate."""


_ALL_LOSSES = frozenset({Capability.LINF, Capability.L1, Capability.L2})


def missing_package(packages: Iterable[str], extra: str) -> str | None:
    """None if all packages can be imported, else the first that cannot and what to install. Imports nothing."""
    for package in packages:
        if find_spec(package) is None:
            target = f"sparseopt[{extra}]" if extra else "sparseopt"
            return f"the package {package} is not installed: pip install '{target}'"
    return None


@dataclass(frozen=True)
class Solver:
    """One back end: a module of this package with ``run(fit, control, **options)`` and ``OPTIONS``.

    With ANY_PATTERN it also has ``run_network(problem, control, **options)``.
    """

    name: str
    summary: str
    capabilities: frozenset[Capability]
    packages: tuple[str, ...] = ()
    extra: str = ""

    @property
    def module(self) -> Any:
        """The back end's module, imported on first use."""
        return import_module(f"sparseopt.solvers.{self.name}")

    @property
    def options(self) -> Mapping[str, str]:
        """Option names and what they do."""
        return dict(self.module.OPTIONS)

    def missing(self) -> str | None:
        """None if the solver can be used here, else why not and what to install. Imports nothing."""
        return missing_package(self.packages, self.extra)

    def refuses(self, problem: TrainingProblem) -> str | None:
        """None if the solver takes the problem's loss and pattern, else why not."""
        if Capability(problem.loss.value) not in self.capabilities:
            losses = ", ".join(c for c in Loss if Capability(c.value) in self.capabilities)
            return f"solver {self.name}: does not take loss {problem.loss.value}, only {losses}"
        if Capability.ANY_PATTERN not in self.capabilities and not has_scalar_form(problem):
            return (
                f"solver {self.name}: needs at most one hidden layer and no hidden neuron that feeds two outputs; "
                "use local for other patterns"
            )
        return None


def has_scalar_form(problem: TrainingProblem) -> bool:
    """Whether the problem splits into scalar fits: at most one hidden layer, no shared hidden neuron."""
    pattern = problem.pattern
    return pattern.depth == 1 or (
        pattern.depth == 2 and bool((pattern.masks[1][:, pattern.live[1]].sum(axis=0) <= 1).all())
    )


SOLVERS: Mapping[str, Solver] = {
    s.name: s
    for s in (
        Solver(
            "enumerate",
            "every sign class and activation cell, one LP or QP each; the slow and simple reference",
            _ALL_LOSSES | {Capability.PROOF},
            ("highspy", "clarabel"),
        ),
        Solver(
            "exact",
            "clause-learning search with linear programs in parameter space; proves the global optimum",
            _ALL_LOSSES | {Capability.PROOF, Capability.CERTIFICATE},
            ("numba",),
        ),
        Solver(
            "milp",
            "big-M MILP solved by HiGHS through Pyomo; proves the optimum within a weight box",
            frozenset({Capability.LINF, Capability.L1, Capability.BOX_PROOF}),
            ("pyomo", "highspy"),
        ),
        Solver(
            "local",
            "multi-start local search; no claim of optimality",
            _ALL_LOSSES | {Capability.ANY_PATTERN},
            ("highspy", "clarabel", "scipy"),
        ),
    )
}


def solver_named(name: str) -> Solver:
    """The solver of that name.

    Raises
    ------
    InputError
        If the name is not known or a package that it needs is not installed.
    """
    if name not in SOLVERS:
        raise InputError(f"solver {name!r} is not known: use auto, {', '.join(SOLVERS)}")
    solver = SOLVERS[name]
    if (reason := solver.missing()) is not None:
        raise InputError(f"solver {name}: {reason}")
    return solver
