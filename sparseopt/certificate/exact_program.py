"""The program of a node in exact arithmetic, for each loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from sparseopt.certificate.linear_program import LinearProgram
from sparseopt.certificate.node_rows import Row, SignClass
from sparseopt.certificate.quadratic_program import QuadraticProgram
from sparseopt.losses import Loss

ExactProgram = LinearProgram | QuadraticProgram


def exact_program(
    its: SignClass,
    state: npt.NDArray[np.int8],
    start: Sequence[Row],
    check: Callable[[], object] = bool,
) -> ExactProgram:
    """The program of the rows that decided statements give.

    Parameters
    ----------
    its, state
        As for :class:`NodeRows`.
    start : sequence of rows
        Those that the optimum is expected to need: l2 starts from them.
    check : callable
        Called again and again while the program is solved; may raise to stop.
    """
    if its.fit.shape.loss is Loss.L2:
        return QuadraticProgram(its, state, start, check)
    return LinearProgram(its, state, check)
