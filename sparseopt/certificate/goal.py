"""What a proof is to reach: the best exact parameters so far, and the bound that follows from their loss."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from sparseopt.certificate.exact_cell import exact_cell
from sparseopt.certificate.exact_fit import ExactFit
from sparseopt.certificate.node_rows import ToleranceError
from sparseopt.rationals import FloatArray
from sparseopt.solvers.exact.driver import TOLERANCE

SLACKS = (0.0, 1e-12, 2 * TOLERANCE)
"""By how much (scaled) a bound may miss the exact loss: 0 if possible. Data with rounding errors can have so many cells
within these of the optimum that closing each in exact arithmetic would take too long."""


class Goal:
    """Falls while proofs are made; whatever proves an earlier target proves a later one.

    Attributes
    ----------
    signs, theta, objective
        The best parameters and their exact loss: the optimum of their cell.
    """

    def __init__(
        self,
        fit: ExactFit,
        signs: list[int],
        theta: FloatArray | list[Fraction],
        gap: Fraction = Fraction(0),
        check: Callable[[], object] = bool,
    ) -> None:
        self.fit, self.signs, self.gap, self.check = fit, signs, gap, check
        self.objective, self.theta = exact_cell(fit, signs, theta, check)
        self._slacks = iter(SLACKS)
        self._slack = Fraction(next(self._slacks))

    @property
    def target(self) -> Fraction:
        """The bound to be proved: the loss, less the relative gap that the search was allowed and the slack."""
        return max(self.objective * (1 - self.gap) - self._slack, Fraction(0))

    def offer(self, signs: list[int], theta: list[Fraction]) -> None:
        """Take parameters, or the optimum of their cell, if they are better than the target."""
        if self.fit.loss(signs, theta) < self.target:
            self.objective, self.theta = exact_cell(self.fit, signs, theta, self.check)
            self.signs = signs

    def leave_a_gap(self) -> None:
        """Lower the target by the next slack.

        Raises
        ------
        ToleranceError
            If there is none.
        """
        slack = next(self._slacks, None)
        if slack is None:
            raise ToleranceError("too many programs were closed within the tolerance only")
        self._slack = Fraction(slack * self.fit.shape.objective_scale)
