"""``exact``: the exact search. Proves global optima over all weights, without boxes; see docs/exact-search.md."""

from sparseopt.solvers.exact.driver import OPTIONS, run

__all__ = ["OPTIONS", "run"]
