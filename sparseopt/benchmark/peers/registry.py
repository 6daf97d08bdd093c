"""The registry of peers: what each is, takes and claims, and whether it can be used here, without importing it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from importlib.metadata import version
from typing import Any

from sparseopt.benchmark.cores import usable_cores
from sparseopt.benchmark.peers.answer import Claim, Prepare
from sparseopt.errors import InputError
from sparseopt.losses import Loss
from sparseopt.problem import TrainingProblem
from sparseopt.solvers.registry import has_scalar_form, missing_package

PROVED = 2e-6
"""The precision of peers that state it: twice the tolerance of docs/tolerances.md."""

_LINEAR = (Loss.LINF, Loss.L1)
_ALL = (Loss.LINF, Loss.L1, Loss.L2)


@dataclass(frozen=True)
class Peer:
    """One back end: a module of this package with ``prepare(problem, task, **arguments)`` and perhaps ``refuses``.

    Attributes
    ----------
    claim : Claim
        The strongest claim that it makes.
    packages : mapping
        Packages that it needs, import name to distribution.
    extra : str
        The extra of sparseopt that installs them.
    arguments : mapping
        Given to ``prepare``.
    precision : float
        What its tolerances allow a claim to be off by, relative to the loss or the scale of the targets; the default is
        the relative gap at which MILP solvers stop by default.
    any_pattern : bool
        Whether it takes several hidden layers and hidden neurons that feed several outputs.
    threads : int
        Threads that it computes in; a run gets as many cores.
    """

    name: str
    summary: str
    claim: Claim
    losses: tuple[Loss, ...]
    module: str
    packages: Mapping[str, str]
    extra: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    precision: float = 1e-4
    any_pattern: bool = False
    threads: int = 1

    @property
    def prepare(self) -> Prepare:
        """The module's ``prepare`` with this peer's arguments."""
        prepare: Callable[..., Any] = self._home.prepare
        return partial(prepare, **self.arguments)

    @property
    def _home(self) -> Any:
        return import_module(f"sparseopt.benchmark.peers.{self.module}")

    def missing(self) -> str | None:
        """None if the peer can be used here, else why not and what to install. Imports nothing."""
        if self.threads > (there := len(usable_cores())):
            return f"needs {self.threads} cores, and this process may use {there}"
        return missing_package(self.packages, self.extra)

    def versions(self) -> dict[str, str]:
        """The installed version of each package."""
        return {name: version(name) for name in self.packages.values()}

    def refuses(self, problem: TrainingProblem) -> str | None:
        """None if the peer takes the problem, else why not."""
        if problem.loss not in self.losses:
            return f"does not take loss {problem.loss.value}"
        if not (self.any_pattern or has_scalar_form(problem)):
            return "takes at most one hidden layer and no hidden neuron that feeds two outputs"
        own = getattr(self._home, "refuses", None)
        return None if own is None else own(problem)


_PYOMO = {"pyomo": "pyomo"}
_HIGHS = {"highspy": "highspy"}
_OWN = {"sparseopt": "sparseopt", "numba": "numba"}

PEERS: Mapping[str, Peer] = {
    p.name: p
    for p in (
        Peer(
            "exact",
            "the exact search of sparseopt",
            Claim.OPTIMAL,
            _ALL,
            "toolkit",
            _OWN,
            arguments={"solver": "exact"},
            precision=PROVED,
        ),
        Peer(
            "exact-2",
            "the same with two workers, on two cores",
            Claim.OPTIMAL,
            _ALL,
            "toolkit",
            _OWN,
            arguments={"solver": "exact", "workers": 2},
            precision=PROVED,
            threads=2,
        ),
        Peer(
            "enumerate",
            "every activation cell, one LP or QP each",
            Claim.OPTIMAL,
            _ALL,
            "toolkit",
            _HIGHS | {"clarabel": "clarabel"},
            arguments={"solver": "enumerate"},
            precision=PROVED,
        ),
        Peer(
            "z3",
            "z3.Optimize on the exact model, sign classes in turn",
            Claim.OPTIMAL,
            _LINEAR,
            "z3_signs",
            {"z3": "z3-solver"},
            precision=PROVED,
        ),
        Peer(
            "milp",
            "HiGHS, big-M, box 10, tolerances 1e-9",
            Claim.BOX,
            _LINEAR,
            "toolkit",
            _HIGHS | _PYOMO,
            arguments={"solver": "milp"},
            precision=PROVED,
        ),
        Peer(
            "highs",
            "HiGHS, big-M, box 10, default settings",
            Claim.BOX,
            _LINEAR,
            "highs",
            _HIGHS | _PYOMO,
            arguments={"weight_limit": 10.0},
        ),
        Peer(
            "highs-wide",
            "HiGHS, big-M, box 100,000, default settings",
            Claim.BOX,
            _LINEAR,
            "highs",
            _HIGHS | _PYOMO,
            arguments={"weight_limit": 1e5},
        ),
        Peer(
            "hull",
            "HiGHS, disjunctive model by its hull, box 10",
            Claim.BOX,
            _LINEAR,
            "disjunctive",
            _HIGHS | _PYOMO,
            arguments={"weight_limit": 10.0},
        ),
        Peer(
            "scip",
            "SCIP with indicator constraints, sign classes in turn",
            Claim.OPTIMAL,
            _ALL,
            "scip",
            {"pyscipopt": "PySCIPOpt"},
            "scip",
        ),
        Peer(
            "cbc",
            "CBC, big-M, box 10, default settings",
            Claim.BOX,
            _LINEAR,
            "cbc",
            _PYOMO | {"cbcbox": "cbcbox"},
            "cbc",
            {"weight_limit": 10.0},
        ),
        Peer(
            "gurobi",
            "Gurobi, big-M, box 10, default settings",
            Claim.BOX,
            _LINEAR,
            "gurobi",
            _PYOMO | {"gurobipy": "gurobipy"},
            "gurobi",
            {"weight_limit": 10.0},
        ),
        Peer(
            "local",
            "multi-start local search over cells",
            Claim.NONE,
            _ALL,
            "toolkit",
            _HIGHS | {"clarabel": "clarabel"},
            arguments={"solver": "local"},
            any_pattern=True,
        ),
        Peer(
            "gradient",
            "L-BFGS of scipy, 20 starts",
            Claim.NONE,
            _ALL,
            "gradient",
            {"scipy": "scipy"},
            any_pattern=True,
        ),
        Peer(
            "sklearn",
            "MLPRegressor of scikit-learn, 20 starts, trained on squared errors",
            Claim.NONE,
            _ALL,
            "sklearn_mlp",
            {"sklearn": "scikit-learn"},
            "sklearn",
            any_pattern=True,
        ),
        Peer(
            "pwlf",
            "piecewise linear least squares, one input",
            Claim.NONE,
            _ALL,
            "piecewise",
            {"pwlf": "pwlf"},
            "pwlf",
        ),
    )
}

OURS = tuple(name for name, peer in PEERS.items() if "sparseopt" in peer.packages)
"""The peers that are the exact search."""


def peer_named(name: str) -> Peer:
    """The peer of that name, installed or not.

    Raises
    ------
    InputError
        If there is none.
    """
    if name not in PEERS:
        raise InputError(f"peer {name!r} is not known: use {', '.join(PEERS)}")
    return PEERS[name]
