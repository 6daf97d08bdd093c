"""sparseopt: existence and proven global optima of sparse ReLU network training problems.

The public names are listed in ``__all__``; each is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sparseopt import families
    from sparseopt.errors import InputError
    from sparseopt.existence.linear_counterpart import LinearCounterpart, linear_counterpart
    from sparseopt.files import load_problem
    from sparseopt.losses import Loss
    from sparseopt.network import Network
    from sparseopt.pattern import SparsityPattern
    from sparseopt.problem import TrainingProblem

__version__ = "0.1.0"

_HOMES = {
    "InputError": "sparseopt.errors",
    "LinearCounterpart": "sparseopt.existence.linear_counterpart",
    "Loss": "sparseopt.losses",
    "Network": "sparseopt.network",
    "SparsityPattern": "sparseopt.pattern",
    "TrainingProblem": "sparseopt.problem",
    "linear_counterpart": "sparseopt.existence.linear_counterpart",
    "load_problem": "sparseopt.files",
}


def __getattr__(name: str) -> Any:
    if name == "families":
        return import_module("sparseopt.families")
    if name not in _HOMES:
        raise AttributeError(f"module 'sparseopt' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
