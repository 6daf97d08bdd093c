"""How the kernels are compiled: :func:`entry` for what Python calls, :func:`kernel` for what only kernels call.

Kernels work in arrays that Python has allocated. So they need no reference counting (``_nrt=False``), which would
take most of the compilation and much of the running time where many arrays are passed around. Inner kernels are
compiled without wrappers for Python; while one runs, other threads of Python may. :func:`vector_kernel` lets sums and
maxima over points be taken in any order, so that they use vector instructions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

entry: Callable[..., Any] = njit(cache=True, _nrt=False, nogil=True)
kernel: Callable[..., Any] = njit(cache=True, _nrt=False, no_cpython_wrapper=True, no_cfunc_wrapper=True)
vector_kernel: Callable[..., Any] = njit(
    cache=True,
    _nrt=False,
    no_cpython_wrapper=True,
    no_cfunc_wrapper=True,
    fastmath={"nnan", "nsz", "reassoc", "contract"},
)
