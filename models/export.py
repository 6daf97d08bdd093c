"""Write explicit models for other solvers.

A problem's own model as ``.mps`` or ``.lp`` (big-M MILP) or ``.smt2`` (exact); a cvxpy model (a cell, the best affine
map) as ``.mps`` or ``.lp``.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
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


def export_cvxpy(model: Any, path: str | PathLike[str]) -> None:
    """Write a cvxpy LP or QP, such as :func:`sparseopt.models.cell.cell_problem` builds, as ``.mps`` or ``.lp``.

    Columns are named after the model's variables (``theta_0``, ``A_3`` …); those that cvxpy adds are ``aux_…``.

    Raises
    ------
    InputError
        If the suffix is not .mps or .lp.
    """
    import cvxpy as cp
    import highspy

    if Path(path).suffix not in COMMENT:
        raise InputError(f"{path}: unknown model format {Path(path).suffix!r}; use .mps or .lp")
    with np.errstate(invalid="ignore"):  # cvxpy multiplies infinite bounds by zero
        data, _, _ = model.get_problem_data(cp.HIGHS)
    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    highs.passModel(_highs_model(data))
    for column, name in enumerate(_column_names(data["param_prob"])):
        highs.passColName(column, name)

    def write(temporary: str) -> None:
        if highs.writeModel(temporary) == highspy.HighsStatus.kError:
            raise InputError(f"{path}: HiGHS cannot write this model")

    write_file(path, write)


def _highs_model(data: dict[str, Any]) -> Any:
    """The matrices that cvxpy prepares for HiGHS: A x ≤ b after its equations, or A x = b, F x ≤ G with a Hessian P."""
    import highspy
    from scipy import sparse

    quadratic = "P" in data
    cost = data["q" if quadratic else "c"]
    if quadratic:
        matrix = sparse.csr_array(sparse.vstack([data["A"], data["F"]]))
        upper, equations = np.concatenate([data["b"], data["G"]]), len(data["b"])
    else:
        matrix, upper, equations = sparse.csr_array(data["A"]), data["b"], data["dims"].zero
    lp = highspy.HighsLp()
    lp.num_row_, lp.num_col_ = matrix.shape
    lp.col_cost_ = cost
    infinite = np.full(len(cost), np.inf)
    lp.col_lower_ = -infinite if data["lower_bounds"] is None else data["lower_bounds"]
    lp.col_upper_ = infinite if data["upper_bounds"] is None else data["upper_bounds"]
    lp.row_lower_ = np.where(np.arange(len(upper)) < equations, upper, -np.inf)
    lp.row_upper_ = upper
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = matrix.indptr, matrix.indices, matrix.data
    whole = highspy.HighsModel()
    whole.lp_ = lp
    if quadratic:
        hessian = sparse.csc_array(sparse.tril(data["P"]))
        whole.hessian_.dim_ = len(cost)
        whole.hessian_.format_ = highspy.HessianFormat.kTriangular
        whole.hessian_.start_, whole.hessian_.index_ = hessian.indptr, hessian.indices
        whole.hessian_.value_ = hessian.data
    return whole


def _column_names(prepared: Any) -> list[str]:
    """A readable name for every column."""
    names = {}
    for number, variable in enumerate(prepared.variables):
        own = variable.name()
        stem = f"aux_{number}" if own == f"var{variable.id}" else own
        first = prepared.var_id_to_col[variable.id]
        for i in range(variable.size):
            names[first + i] = stem if variable.ndim == 0 else f"{stem}_{i}"
    return [names[column] for column in sorted(names)]
