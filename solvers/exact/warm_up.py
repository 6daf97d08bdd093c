"""Compile once: the first use in a fresh installation waits, and is told why; later starts load the compiled code.

Numba's cache notices a changed file only for the kernel that Python calls, not for those that it calls in turn. So a
digest of all sources lies beside the cache, which is emptied where the digest is another.
"""

from __future__ import annotations

import hashlib
import sys
import threading
from functools import cache
from pathlib import Path

import numpy as np
from sparseopt.models.scalar_fit import ScalarFit

from sparseopt.files import write_text
from sparseopt.losses import Loss
from sparseopt.problem import TrainingProblem

PATIENCE_SECONDS = 3.0
NOTICE = "sparseopt: compiling the exact search; this happens once per installation and takes about half a minute"


def drop_stale_code(cached: Path, sources: Path) -> None:
    """Delete compiled code that other sources than those in the folder gave."""
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(sources.glob("*.py")))).hexdigest()
    stamp = cached / "sources.sha256"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == digest:
        return
    for path in [*cached.glob("*.nbi"), *cached.glob("*.nbc")]:
        path.unlink(missing_ok=True)
    cached.mkdir(parents=True, exist_ok=True)
    write_text(stamp, digest)


@cache
def warm_up() -> None:
    """Load the kernels, or compile them with one line on stderr that says so."""
    from sparseopt.solvers.exact.clauses import forget_half
    from sparseopt.solvers.exact.instance import instance_of
    from sparseopt.solvers.exact.search import assume, new_search, restart, run_slice
    from sparseopt.solvers.exact.sharing import believe

    from sparseopt.families import dense

    notice = threading.Timer(PATIENCE_SECONDS, lambda: print(NOTICE, file=sys.stderr, flush=True))
    notice.daemon = True
    notice.start()
    try:
        drop_stale_code(Path(run_slice.stats.cache_path), Path(__file__).parent)
        fit = ScalarFit.of(TrainingProblem(dense([1, 1, 1]), [[0], [1], [2]], [0, 1, 0], Loss.LINF))
        inst = instance_of(fit, np.ones(1))
        search = new_search(inst, 1.0, np.arange(3))
        run_slice(inst, search, 1e-7, 0.0, 1000)
        restart(search.asg, search.geo, search.snapshots, search.basis)
        assume(search.asg, 0)
        none = np.zeros(0, dtype=np.int64)
        believe(search.store, search.asg, search.log, none, none, none, search.counts[0])
        forget_half(search.store, search.asg, 100)
    finally:
        notice.cancel()
