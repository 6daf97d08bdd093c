"""``exact``: the exact search. Proves global optima over all weights, without boxes; see docs/exact-search.md."""

from __future__ import annotations

from sparseopt.models.scalar_fit import ScalarFit
from sparseopt.solvers.control import Control

OPTIONS: dict[str, str] = {}


def run(fit: ScalarFit, control: Control) -> None:
    """Search all sign classes of a scalar fit. The compiled kernels are loaded on first use."""
    from sparseopt.solvers.exact.driver import search_all_classes

    search_all_classes(fit, control)
