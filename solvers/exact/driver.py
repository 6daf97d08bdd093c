"""All sign classes of a scalar fit: in slices, with one shared incumbent and a bound that is valid at every moment.

The bound of the whole is the least over all classes; a class in progress is only known to be at least its root bound.
Every class gets a short first attempt, so that the long ones start from a good incumbent.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import numpy as np
from sparseopt.models.cell import cell_of
from sparseopt.models.scalar_fit import ScalarFit
from sparseopt.solvers.cell_solver import CellSolver
from sparseopt.solvers.control import Control
from sparseopt.solvers.exact.clauses import forget_half, grown
from sparseopt.solvers.exact.instance import Instance, instance_of, with_signs
from sparseopt.solvers.exact.proof_log import ClassProof, drained, log_facts, log_size
from sparseopt.solvers.exact.search import (
    FORGET_AT,
    FOUND,
    LEAST_LEAF,
    NEEDS_ROOM,
    NO_LOG,
    NODES,
    PATIENCE,
    PROVED,
    ROOT_BOUND,
    TOO_MANY,
    UPPER_BOUND,
    new_search,
    run_slice,
)
from sparseopt.solvers.exact.snapshots import more_snapshots
from sparseopt.solvers.exact.warm_up import warm_up

from sparseopt.losses import Loss

TOLERANCE = 1e-7
"""Nodes whose bound is within this (scaled) of the incumbent are closed; it is subtracted from the proven bound."""

FIRST_ATTEMPT = 1000
"""Linear programs that each class gets before the first one is searched to the end."""

_SLICE_SECONDS = 0.05


class _ClassSearch:
    """The search of one sign class; `bound` is what is proved for the class so far."""

    def __init__(self, fit: ScalarFit, inst: Instance, signs: Any, control: Control) -> None:
        self.fit, self.signs, self.control, self.gap = fit, signs, control, control.gap
        self.inst = with_signs(inst, fit, signs)
        start = np.arange(fit.n_points)
        if fit.loss is Loss.LINF:
            start = np.unique(np.linspace(0, fit.n_points - 1, 3).astype(int))
        log = NO_LOG if control.proofs is None else np.zeros(log_size(self.inst), dtype=np.int64)
        self.search = new_search(self.inst, control.objective, start, log)
        self.entries: list[Any] = []
        self.bound = 0.0
        self.done = False
        self._slice = int(np.clip(1e6 / (fit.n_parameters**2 + self.inst.errors), 1, 100))

    def step(self, most: int = 1 << 40) -> None:
        """One slice of at most so many programs: share incumbents, search, count, offer what was found."""
        values, counts = self.search.values, self.search.counts
        values[UPPER_BOUND] = min(values[UPPER_BOUND], self.control.objective)
        nodes, found = int(counts[NODES]), int(counts[FOUND])
        began = time.perf_counter()
        end = run_slice(self.inst, self.search, TOLERANCE, self.gap, min(self._slice, most))
        self.entries.append(drained(self.search.log))
        spent = max(time.perf_counter() - began, 1e-6)
        self._slice = int(np.clip(self._slice * _SLICE_SECONDS / spent, 1, 4 * self._slice))
        self.control.nodes += int(counts[NODES]) - nodes
        self.control.points = max(self.control.points, int(self.search.play.counts[0]))
        self.bound = max(self.bound, float(values[ROOT_BOUND]))
        if end == NEEDS_ROOM:
            store, snapshots = grown(self.search.store), more_snapshots(self.search.snapshots, self.search.basis)
            self.search = self.search._replace(store=store, snapshots=snapshots)
        elif end == TOO_MANY:
            log_facts(self.search.log, self.search.store, self.search.asg)
            forget_half(self.search.store, self.search.asg, PATIENCE)
            counts[FORGET_AT] = counts[FORGET_AT] * 115 // 100
        elif end == PROVED:
            self.done = True
            if self.control.proofs is not None:
                self.control.proofs.append(ClassProof(self.search.play, self.signs, np.concatenate(self.entries)))
            cutoff = values[UPPER_BOUND] - max(TOLERANCE, self.gap * values[UPPER_BOUND])
            self.bound = max(self.bound, min(float(cutoff), float(values[LEAST_LEAF])))
        if counts[FOUND] > found:
            self._offer(self.search.best.copy())

    def _offer(self, theta: Any) -> None:
        """Offer parameters; for l2, whose programs only approach the optimum, that of their cell."""
        if self.fit.loss is Loss.L2:
            cell = cell_of(self.fit, self.signs, self.fit.activations(theta))
            with suppress(ArithmeticError):  # then the parameters as they are
                _, theta = CellSolver(self.fit).solve(cell)
        self.control.incumbent(self.fit.loss_of(self.fit.predict(self.signs, theta)), (self.signs, theta))


def search_all_classes(fit: ScalarFit, control: Control) -> None:
    """Search all sign classes; objective and bound go to `control` as they improve."""
    began = time.perf_counter()
    warm_up()
    if control.deadline is not None:
        control.deadline += time.perf_counter() - began  # the one-time compilation is not the search's time
    classes = fit.sign_classes()
    inst = instance_of(fit, classes[0])
    searches = [_ClassSearch(fit, inst, signs, control) for signs in classes]
    bounds = np.full(len(searches), control.bound)

    def advance(number: int, one: _ClassSearch, most: int = 1 << 40) -> None:
        one.step(most)
        bounds[number] = max(bounds[number], one.bound)
        control.raise_bound(float(bounds.min()))
        control.check()

    for number, one in enumerate(searches):
        while not one.done and (left := FIRST_ATTEMPT - int(one.search.counts[NODES])) > 0:
            advance(number, one, left)
    for number, one in enumerate(searches):
        while not one.done:
            advance(number, one)
