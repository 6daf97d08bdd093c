"""The uniform-norm and l1 fit as an SMT-LIB 2 problem in exact rationals, over all weights (no box, no scaling).

One Boolean ``plus`` per hidden neuron (its output weight is ±1, Theorem S), one ``ite`` per neuron and point. The
``minimize`` command is z3's and OptiMathSAT's extension.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from sparseopt.errors import InputError
from sparseopt.losses import Loss
from sparseopt.problem import TrainingProblem


def smt_text(problem: TrainingProblem) -> str:
    """SMT-LIB 2 text of the exact problem.

    Variables: ``w_j_i``, ``b_j`` of hidden neuron j, ``plus_j``, ``v_o_i`` (skip), ``c_o`` (output bias), ``loss``.

    Raises
    ------
    InputError
        If the loss is l2, or a hidden neuron feeds two outputs, or there is more than one hidden layer.
    """
    pattern = problem.pattern
    if problem.loss is Loss.L2:
        raise InputError("smt2: the l2 loss is not linear; use loss linf or l1")
    if pattern.depth > 2 or (pattern.depth == 2 and (pattern.masks[1].sum(axis=0) > 1).any()):
        raise InputError("smt2: needs at most one hidden layer and no hidden neuron that feeds two outputs")
    lines = ["(set-logic QF_LRA)", f"; {problem.n_points} points, loss {problem.loss.value}, all weights"]
    hidden = pattern.masks[0] if pattern.depth == 2 else np.zeros((0, pattern.n_inputs), dtype=bool)
    direct = pattern.masks[0] if pattern.depth == 1 else np.zeros((pattern.n_outputs, pattern.n_inputs), dtype=bool)
    if pattern.skip is not None:
        direct = direct | pattern.skip
    for j, row in enumerate(hidden):
        lines += [f"(declare-const w_{j}_{i} Real)" for i in np.flatnonzero(row)]
        lines += [f"(declare-const b_{j} Real)"] * bool(pattern.biases[0][j]) + [f"(declare-const plus_{j} Bool)"]
    for o in range(pattern.n_outputs):
        lines += [f"(declare-const v_{o}_{i} Real)" for i in np.flatnonzero(direct[o])]
        lines += [f"(declare-const c_{o} Real)"] * bool(pattern.biases[-1][o])
    lines.append("(declare-const loss Real)")
    errors = []
    for n, x in enumerate(problem.X_exact):
        for j, row in enumerate(hidden):
            bias = [f"b_{j}"] if pattern.biases[0][j] else []
            pre = _sum([_times(x[i], f"w_{j}_{i}") for i in np.flatnonzero(row)] + bias)
            lines.append(f"(define-fun h_{j}_{n} () Real (let ((p {pre})) (ite (>= p 0.0) p 0.0)))")
        for o in range(pattern.n_outputs):
            terms = [_times(x[i], f"v_{o}_{i}") for i in np.flatnonzero(direct[o])]
            if pattern.depth == 2:
                terms += [f"(ite plus_{j} h_{j}_{n} (- h_{j}_{n}))" for j in np.flatnonzero(pattern.masks[1][o])]
            terms += [f"c_{o}"] if pattern.biases[-1][o] else []
            residual = f"(- {_sum(terms)} {_number(problem.Y_exact[n, o])})"
            name = f"e_{o}_{n}" if problem.loss is Loss.L1 else "loss"
            if problem.loss is Loss.L1:
                lines.append(f"(declare-const {name} Real)")
                errors.append(name)
            weighted = _times(problem.weights_exact[n], residual)
            lines.append(f"(assert (<= {weighted} {name}))")
            lines.append(f"(assert (>= {weighted} (- {name})))")
    if problem.loss is Loss.L1:
        lines.append(f"(assert (= loss {_sum(errors)}))")
    return "\n".join([*lines, "(minimize loss)", "(check-sat)", "(get-objectives)", ""])


def _number(x: Fraction) -> str:
    size = f"{abs(x.numerator)}.0" if x.denominator == 1 else f"(/ {abs(x.numerator)}.0 {x.denominator}.0)"
    return f"(- {size})" if x < 0 else size


def _times(x: Fraction, name: str) -> str:
    return name if x == 1 else f"(* {_number(x)} {name})"


def _sum(terms: list[str]) -> str:
    return "0.0" if not terms else terms[0] if len(terms) == 1 else f"(+ {' '.join(terms)})"
