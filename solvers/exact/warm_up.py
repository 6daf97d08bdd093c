"""Compile once: the first use in a fresh installation waits, and is told why; later starts load the compiled code."""

from __future__ import annotations

import sys
import threading
from functools import cache

import numpy as np
from sparseopt.models.scalar_fit import ScalarFit

from sparseopt.losses import Loss
from sparseopt.problem import TrainingProblem

PATIENCE_SECONDS = 3.0
NOTICE = "sparseopt: compiling the exact search; this happens once per installation and takes about 20 seconds"


@cache
def warm_up() -> None:
    """Load the kernels, or compile them with one line on stderr that says so."""
    from sparseopt.solvers.exact.clauses import forget_half
    from sparseopt.solvers.exact.instance import instance_of
    from sparseopt.solvers.exact.search import assume, new_search, restart, run_slice

    from sparseopt.families import dense

    notice = threading.Timer(PATIENCE_SECONDS, lambda: print(NOTICE, file=sys.stderr, flush=True))
    notice.daemon = True
    notice.start()
    try:
        fit = ScalarFit.of(TrainingProblem(dense([1, 1, 1]), [[0], [1], [2]], [0, 1, 0], Loss.LINF))
        inst = instance_of(fit, np.ones(1))
        search = new_search(inst, 1.0, np.arange(3))
        run_slice(inst, search, 1e-7, 0.0, 1000)
        restart(search)
        assume(search, 0)
        forget_half(search.store, search.asg, 100)
    finally:
        notice.cancel()
