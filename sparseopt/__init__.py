"""sparseopt: existence and proven global optima of sparse ReLU network training problems.

The public names are listed in ``__all__``; each is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sparseopt import families
    from sparseopt.certificate.checker import VerificationReport, verify
    from sparseopt.certification import certify
    from sparseopt.errors import InputError
    from sparseopt.existence.linear_counterpart import LinearCounterpart, linear_counterpart
    from sparseopt.existence.report import ExistenceReport, Scope, Verdict
    from sparseopt.files import load_problem
    from sparseopt.losses import Loss
    from sparseopt.network import Network
    from sparseopt.pattern import SparsityPattern
    from sparseopt.problem import TrainingProblem
    from sparseopt.solvers.control import Progress, Result, Status
    from sparseopt.solvers.solve import solve

__version__ = "0.1.0"

_HOMES = {
    "ExistenceReport": "sparseopt.existence.report",
    "InputError": "sparseopt.errors",
    "LinearCounterpart": "sparseopt.existence.linear_counterpart",
    "Loss": "sparseopt.losses",
    "Network": "sparseopt.network",
    "Progress": "sparseopt.solvers.control",
    "Result": "sparseopt.solvers.control",
    "Scope": "sparseopt.existence.report",
    "SparsityPattern": "sparseopt.pattern",
    "Status": "sparseopt.solvers.control",
    "TrainingProblem": "sparseopt.problem",
    "VerificationReport": "sparseopt.certificate.checker",
    "Verdict": "sparseopt.existence.report",
    "certify": "sparseopt.certification",
    "linear_counterpart": "sparseopt.existence.linear_counterpart",
    "load_problem": "sparseopt.files",
    "solve": "sparseopt.solvers.solve",
    "verify": "sparseopt.certificate.checker",
}

__all__ = [
    "ExistenceReport",
    "InputError",
    "LinearCounterpart",
    "Loss",
    "Network",
    "Progress",
    "Result",
    "Scope",
    "SparsityPattern",
    "Status",
    "TrainingProblem",
    "Verdict",
    "VerificationReport",
    "certify",
    "families",
    "linear_counterpart",
    "load_problem",
    "solve",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name == "families":
        return import_module("sparseopt.families")
    if name not in _HOMES:
        raise AttributeError(f"module 'sparseopt' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
