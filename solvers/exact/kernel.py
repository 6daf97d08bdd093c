"""How the kernels are compiled: :func:`entry` for what Python calls, :func:`kernel` for what only kernels call.

Kernels work in arrays that Python has allocated. So they need no reference counting (``_nrt=False``), which would
take most of the compilation and much of the running time where many arrays are passed around. Inner kernels are
compiled without wrappers for Python; while one runs, other threads of Python may. :func:`inlined_kernel` is put where
it is called, for kernels that run at every pivot: passing some fifty arrays takes about as long as they run.
:func:`vector_kernel` is too, and lets sums and maxima over points be taken in any order, for vector instructions.

Numba would optimise a kernel again, and make machine code of it, with each kernel that calls it, directly or not. Here
each is optimised once, with those put into it, and machine code is made for entries only, of all that they reach.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from numba import njit
from numba.core import types
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.np import arrayobj

_FEW_INSTRUCTIONS = 300
"""A kernel of at most so many LLVM instructions is optimised again with each that calls it, so as to be put into it."""


def _plain_index(context: Any, builder: Any, kind: Any, index: Any, size: Any) -> Any:
    """An index as it is: numba would add the size to a negative one, which takes an eighth of the running time."""
    return context.cast(builder, index, kind, types.intp if kind.signed else types.uintp)


class _EntryLibrary(JITCodeLibrary):  # type: ignore[misc]
    """The code of a kernel that Python calls, with that of all kernels that it reaches."""

    def add_llvm_module(self, module: Any) -> None:
        """Take what numba has generated as it is: function by function passes gain nothing before the module's."""
        module.data_layout = self._codegen._data_layout
        self._final_module.link_in(module)

    def finalize(self) -> None:
        for module in reversed(self._optimise().values()):  # callers first: only what is referred to is taken
            self._final_module.link_in(module, preserve=True)
        self._final_module.verify()
        self._finalize_final_module()

    def _optimise(self) -> dict[_InnerLibrary, Any]:
        """Optimise this kernel with those put into it; the modules of all others that it reaches, callers last."""
        self._raise_if_finalized()
        reached: dict[_InnerLibrary, Any] = {}
        for library in dict.fromkeys(self._linking_libraries):
            module = library._get_module_for_linking()
            if isinstance(library, _InnerLibrary):
                reached |= library.reached
                if not library.is_put_into_callers:
                    reached[library] = module
                    continue
            self._final_module.link_in(module, preserve=True)
        passes, builder = self._codegen._module_pass_manager()
        passes.run(self._final_module, builder)
        return reached


class _InnerLibrary(_EntryLibrary):
    """The code of a kernel that only kernels call: no machine code, so no address for Python."""

    is_put_into_callers: bool
    reached: dict[_InnerLibrary, Any]

    def finalize(self) -> None:
        self.reached = self._optimise()
        self._final_module.verify()
        blocks = (block for function in self._final_module.functions for block in function.blocks)
        self.is_put_into_callers |= sum(1 for block in blocks for _ in block.instructions) <= _FEW_INSTRUCTIONS
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        return 0

    @property
    def codegen(self) -> Any:
        return SimpleNamespace(set_env=lambda name, environment: None)


class _KernelCompiler(Compiler):  # type: ignore[misc]
    """For functions whose indices are never negative. Numba compiles one function at a time, under a lock."""

    def compile_extra(self, func: Any) -> Any:
        usual, arrayobj.fix_integer_index = arrayobj.fix_integer_index, _plain_index
        flags, codegen = self.state.flags, self.state.targetctx.codegen()
        library = (_InnerLibrary if flags.no_cpython_wrapper else _EntryLibrary)(codegen, func.__qualname__)
        library.is_put_into_callers = flags.forceinline
        library.enable_object_caching()
        self.state.library = library
        try:
            return super().compile_extra(func)
        finally:
            arrayobj.fix_integer_index = usual


_COMMON = {"_nrt": False, "error_model": "python", "pipeline_class": _KernelCompiler}
_INNER = {**_COMMON, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}

entry: Callable[..., Any] = njit(nogil=True, cache=True, **_COMMON)
kernel: Callable[..., Any] = njit(**_INNER)
inlined_kernel: Callable[..., Any] = njit(forceinline=True, **_INNER)
vector_kernel: Callable[..., Any] = njit(forceinline=True, fastmath={"nnan", "nsz", "reassoc", "contract"}, **_INNER)
