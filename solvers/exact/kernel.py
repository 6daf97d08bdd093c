"""How the kernels are compiled: :func:`entry` for what Python calls, :func:`kernel` for what only kernels call.

Kernels work in arrays that Python has allocated. So they need no reference counting (``_nrt=False``), which would
take most of the compilation and much of the running time where many arrays are passed around. Inner kernels are
compiled without wrappers for Python; while one runs, other threads of Python may. :func:`inlined_kernel` is put where
it is called, for kernels that run at every pivot: passing some fifty arrays takes about as long as they run.
:func:`vector_kernel` is too, and lets sums and maxima over points be taken in any order, for vector instructions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit
from numba.core import types
from numba.core.compiler import Compiler
from numba.np import arrayobj


def _plain_index(context: Any, builder: Any, kind: Any, index: Any, size: Any) -> Any:
    """An index as it is: numba would add the size to a negative one, which takes an eighth of the running time."""
    return context.cast(builder, index, kind, types.intp if kind.signed else types.uintp)


class _KernelCompiler(Compiler):  # type: ignore[misc]
    """For functions whose indices are never negative. Numba compiles one function at a time, under a lock."""

    def compile_extra(self, func: Any) -> Any:
        usual, arrayobj.fix_integer_index = arrayobj.fix_integer_index, _plain_index
        try:
            return super().compile_extra(func)
        finally:
            arrayobj.fix_integer_index = usual


_COMMON = {"cache": True, "_nrt": False, "pipeline_class": _KernelCompiler}
_INNER = {**_COMMON, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}

entry: Callable[..., Any] = njit(nogil=True, **_COMMON)
kernel: Callable[..., Any] = njit(**_INNER)
inlined_kernel: Callable[..., Any] = njit(forceinline=True, **_INNER)
vector_kernel: Callable[..., Any] = njit(forceinline=True, fastmath={"nnan", "nsz", "reassoc", "contract"}, **_INNER)
