"""Write a problem's explicit model for other solvers: ``.mps`` and ``.lp`` (big-M MILP), ``.smt2`` (exact)."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from sparseopt.models.milp import DEFAULT_WEIGHT_LIMIT, milp_model
from sparseopt.models.scalar_fit import ScalarFit
from sparseopt.models.smt import smt_text

from sparseopt.errors import InputError
from sparseopt.files import write_file, write_text
from sparseopt.losses import Loss
from sparseopt.problem import TrainingProblem

COMMENT = {".mps": "*", ".lp": "\\"}


def export_model(
    problem: TrainingProblem, path: str | PathLike[str], weight_limit: float = DEFAULT_WEIGHT_LIMIT
) -> str:
    """Write the model that the file's suffix asks for and return what was written, in one sentence.

    Raises
    ------
    InputError
        If the suffix is not .mps, .lp or .smt2, or the formulation does not take the problem.
    """
    suffix = Path(path).suffix
    if suffix == ".smt2":
        write_text(path, smt_text(problem))
        return "the exact problem over all weights, objective = loss"
    if suffix not in COMMENT:
        raise InputError(f"{path}: unknown model format {suffix!r}; use .mps, .lp or .smt2")
    if problem.loss is Loss.L2:
        raise InputError(f"{path}: the l2 loss has no linear model; use loss linf or l1")
    fits = [ScalarFit.of(problem, o) for o in range(problem.pattern.n_outputs)]
    unit = max(fit.target_scale for fit in fits) * fits[0].weight_scale
    note = f"big-M MILP of the scaled problem, parameters within +-{weight_limit:g}; loss = objective * {unit!r}"

    def write(temporary: str) -> None:
        milp_model(fits, weight_limit).write(temporary, io_options={"symbolic_solver_labels": True})
        text = Path(temporary).read_text(encoding="utf-8")
        Path(temporary).write_text(f"{COMMENT[suffix]} sparseopt: {note}\n{text}", encoding="utf-8")

    write_file(path, write)
    return note
