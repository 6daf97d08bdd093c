"""All sign classes of a scalar fit: in slices, with one shared incumbent and a bound that is valid at every moment.

The bound of the whole is the least over all open searches; one in progress is only known to be at least its root bound.
Every class gets a short first attempt, so that the long ones start from a good incumbent. Several workers take classes
from one list; a worker that finds none left asks for one of the searches in progress to be split in two.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import suppress
from typing import Any

import joblib
import numpy as np
from sparseopt.models.cell import cell_of
from sparseopt.models.scalar_fit import ScalarFit
from sparseopt.solvers.cell_solver import CellSolver
from sparseopt.solvers.control import Control
from sparseopt.solvers.exact.clauses import CLAUSES, forget_half, grown
from sparseopt.solvers.exact.evaluation import EAGER
from sparseopt.solvers.exact.instance import Instance, instance_of, with_signs
from sparseopt.solvers.exact.proof_log import ClassProof, drained, log_facts, log_size
from sparseopt.solvers.exact.search import (
    ASSUMED,
    CONFLICTS,
    FORGET_AT,
    FOUND,
    LEAST_LEAF,
    NEEDS_CLAUSES,
    NEEDS_LEVELS,
    NEEDS_POINTS,
    NO_LOG,
    NODES,
    PATIENCE,
    PROVED,
    ROOM,
    ROOT_BOUND,
    TOO_MANY,
    UPPER_BOUND,
    Search,
    add_points,
    assume,
    copy_of,
    most_active_open,
    new_search,
    restart,
    run_slice,
    suppose,
)
from sparseopt.solvers.exact.sharing import Message, believe, known_facts, news, on_points, on_variables, points_of
from sparseopt.solvers.exact.snapshots import more_snapshots
from sparseopt.solvers.exact.warm_up import warm_up

from sparseopt.losses import Loss

TOLERANCE = 1e-7
"""Nodes whose bound is within this (scaled) of the incumbent are closed; it is subtracted from the proven bound."""

FIRST_ATTEMPT = 1000
"""Linear programs that each class gets before the first one is searched to the end."""

SPLIT_FROM = 2000
"""A search with fewer linear programs so far is not split, nor one whose proof is asked for."""

_SLICE_SECONDS = 0.05


class _ClassSearch:
    """The search of one sign class or a part of it; `bound` is what is proved for it so far."""

    def __init__(self, fit: ScalarFit, inst: Instance, signs: Any, search: Search, bound: float) -> None:
        self.fit, self.inst, self.signs, self.search, self.bound = fit, inst, signs, search, bound
        self.entries: list[Any] = []
        self.done = False
        self.parts = [self]
        self.inbox: deque[Message] = deque()
        self._told_clauses = self._told_facts = 0
        self._slice = max(1, min(100, 1_000_000 // (fit.n_parameters**2 + inst.errors)))

    def step(self, control: Control, most: int) -> int:
        """One slice of at most so many programs; how it ended. Touches nothing that other threads see."""
        values = self.search.values
        values[UPPER_BOUND] = min(values[UPPER_BOUND], control.objective)
        began = time.perf_counter()
        self._hear()
        end = int(run_slice(self.inst, self.search, TOLERANCE, control.gap, min(self._slice, most)))
        if control.proofs is not None:
            self.entries.append(drained(self.search.log))
        spent = max(time.perf_counter() - began, 1e-6)
        self._slice = max(1, min(4 * self._slice, int(self._slice * _SLICE_SECONDS / spent)))
        return end

    def account(self, control: Control, end: int, nodes: int, found: int) -> None:
        """After a slice: make room, raise the bound, count, offer what was found."""
        values, counts = self.search.values, self.search.counts
        control.nodes += int(counts[NODES]) - nodes
        control.points = max(control.points, int(self.search.play.counts[0]))
        self.bound = max(self.bound, float(values[ROOT_BOUND]))
        self._tell()
        if end == NEEDS_POINTS:
            self._begin_anew(2 * self.search.play.points.size)
        elif end == NEEDS_CLAUSES:
            self._grow()
        elif end == NEEDS_LEVELS:
            self.search = self.search._replace(snapshots=more_snapshots(self.search.snapshots, self.search.basis))
        elif end == TOO_MANY:
            log_facts(self.search.log, self.search.store, self.search.asg)
            forget_half(self.search.store, self.search.asg, PATIENCE)
            counts[FORGET_AT] = counts[FORGET_AT] * 115 // 100
            self._note_told()
        elif end == PROVED:
            self.done = True
            if control.proofs is not None:
                control.proofs.append(ClassProof(self.search.play, self.signs, np.concatenate(self.entries)))
            cutoff = values[UPPER_BOUND] - max(TOLERANCE, control.gap * values[UPPER_BOUND])
            self.bound = max(self.bound, min(float(cutoff), float(values[LEAST_LEAF])))
        if counts[FOUND] > found:
            self._offer(control, self.search.best.copy())

    def _offer(self, control: Control, theta: Any) -> None:
        """Offer parameters; for l2, whose programs only approach the optimum, that of their cell."""
        if self.fit.loss is Loss.L2:
            cell = cell_of(self.fit, self.signs, self.fit.activations(theta))
            with suppress(ArithmeticError):  # then the parameters as they are
                _, theta = CellSolver(self.fit).solve(cell)
        control.incumbent(self.fit.loss_of(self.fit.predict(self.signs, theta)), (self.signs, theta))

    def _grow(self) -> None:
        self.search = self.search._replace(store=grown(self.search.store))

    def _begin_anew(self, room: int) -> None:
        """With room for more points; of what was found only the points in play and the incumbent are kept."""
        old = self.search
        points = old.play.points[: old.play.counts[0]]
        fresh = _new_search(self.fit, self.inst, old.values[UPPER_BOUND], points, np.zeros_like(old.log.data), room)
        fresh.best[:] = old.best
        kept = [NODES, FOUND, ASSUMED]
        fresh.counts[kept] = old.counts[kept]
        supposed = on_points(old.play, old.assumed[: old.counts[ASSUMED]])
        fresh.assumed[: supposed.size] = on_variables(fresh.play, supposed)
        self.search, self.entries = fresh, []
        self._note_told()

    def split(self) -> _ClassSearch | None:
        """Suppose the most active open variable: active here, inactive in the new search; None if all are decided."""
        restart(self.search.asg, self.search.geo, self.search.snapshots, self.search.basis)
        if (v := most_active_open(self.search)) < 0:
            return None
        other = _ClassSearch(self.fit, self.inst, self.signs, copy_of(self.search), self.bound)
        suppose(self.search, 2 * v)
        suppose(other.search, 2 * v + 1)
        other.parts, other.inbox = self.parts, self.inbox.copy()
        self.parts.append(other)
        self._note_told()
        other._note_told()
        return other

    def _note_told(self) -> None:
        self._told_clauses = int(self.search.store.counts[CLAUSES])
        self._told_facts = known_facts(self.search.asg)

    def _tell(self) -> None:
        """Tell the other parts of the class what is new."""
        s = self.search
        others = [part for part in self.parts if part is not self and not part.done]
        if others:
            message = news(s.store, s.asg, s.play, self._told_clauses, self._told_facts)
            for part in others:
                part.inbox.append(message)
        self._note_told()

    def _hear(self) -> None:
        """Take in what the other parts of the class told."""
        while self.inbox:
            message, s = self.inbox.popleft(), self.search
            points = points_of(s.play, message)
            if s.play.counts[0] + points.size > s.play.points.size < s.play.present.size:
                self._begin_anew(2 * (int(s.play.counts[0]) + points.size))
                s = self.search
            restart(s.asg, s.geo, s.snapshots, s.basis)
            add_points(self.inst, s.play, s.geo.dirty, points)
            literals = on_variables(s.play, message.literals)
            while not believe(s.store, s.asg, s.log, literals, message.sizes, message.levels, s.counts[CONFLICTS]):
                self._grow()
                s = self.search
            self._note_told()


class _Team:
    """Workers on a list of searches."""

    def __init__(self, searches: list[_ClassSearch], control: Control, workers: int) -> None:
        self.searches, self.control, self.workers = searches, control, workers
        self.waiting: deque[_ClassSearch] = deque()
        self.lock = threading.Condition()
        self.idle = 0
        self.over = False

    def run(self, most: int) -> None:
        """Give every open search up to so many programs, all together."""
        self.waiting.extend(one for one in self.searches if not one.done)
        self.idle, self.over = 0, False
        try:
            if self.workers == 1:
                self._work(most)
            else:
                jobs = joblib.Parallel(self.workers, prefer="threads", require="sharedmem")
                jobs(joblib.delayed(self._work)(most) for _ in range(self.workers))
        finally:
            self.over = True

    def _work(self, most: int) -> None:
        try:
            while (one := self._next()) is not None:
                if not one.search.counts[NODES] and one.fit.n_points >= EAGER:
                    add_points(one.inst, one.search.play, one.search.geo.dirty, self._points())
                stop = int(one.search.counts[NODES]) + most
                while not one.done and not self.over and (left := stop - int(one.search.counts[NODES])) > 0:
                    self._advance(one, left)
        finally:
            with self.lock:
                self.over = True
                self.lock.notify_all()

    def _next(self) -> _ClassSearch | None:
        """The next search; waits for a split while others work; None at the end."""
        with self.lock:
            self.idle += 1
            while not self.waiting and self.idle < self.workers and not self.over:
                self.lock.wait()
            if self.over or not self.waiting:
                return None
            self.idle -= 1
            return self.waiting.popleft()

    def _points(self) -> Any:
        """Points that came into play in one of the searches: with many, finding them is most of the work."""
        play = max((one.search.play for one in self.searches), key=lambda play: int(play.counts[0]))
        return play.points[: min(play.counts[0], ROOM // 2)]

    def _advance(self, one: _ClassSearch, most: int) -> None:
        nodes, found = int(one.search.counts[NODES]), int(one.search.counts[FOUND])
        end = one.step(self.control, most)
        with self.lock:
            if self.over:
                return
            one.account(self.control, end, nodes, found)
            enough = one.search.counts[NODES] > SPLIT_FROM and self.control.proofs is None
            if self.idle > len(self.waiting) and not one.done and enough:
                self._split(one)
            self.control.raise_bound(min(search.bound for search in self.searches))
            self.control.check()

    def _split(self, one: _ClassSearch) -> None:
        if (other := one.split()) is not None:
            self.searches.append(other)
            self.waiting.append(other)
            self.lock.notify()


def _turnable(fit: ScalarFit) -> list[int]:
    """Neurons that may be assumed active at a point of one's choice: those whose inputs (and bias) enter directly too.

    σ(p) = p + σ(-p), so turning such a neuron's parameters around changes only the linear part.
    """
    direct = set(fit.skip)
    return [j for j, n in enumerate(fit.neurons) if direct.issuperset(n.support) and (fit.constant or not n.bias)]


def _new_search(fit: ScalarFit, inst: Instance, upper_bound: float, points: Any, log: Any, room: int) -> Search:
    """A search of one class in which turnable neurons are active at a point."""
    search = new_search(inst, upper_bound, points, log, room)
    for j in () if log.size else _turnable(fit):  # certificates do not know this step
        if search.play.known[j]:
            assume(search.asg, 2 * j * search.play.points.size)
    return search


def search_all_classes(fit: ScalarFit, control: Control, workers: int) -> None:
    """Search all sign classes; objective and bound go to `control` as they improve."""
    began = time.perf_counter()
    warm_up()
    if control.deadline is not None:
        control.deadline += time.perf_counter() - began  # the one-time compilation is not the search's time
    start = np.arange(fit.n_points)
    if fit.loss is Loss.LINF:
        start = np.array(sorted({0, (fit.n_points - 1) // 2, fit.n_points - 1}))
    classes = fit.sign_classes()
    base = instance_of(fit, classes[0])
    searches = []
    for signs in classes:
        inst = with_signs(base, fit, signs)
        log = NO_LOG if control.proofs is None else np.zeros(log_size(inst), dtype=np.int64)
        search = _new_search(fit, inst, control.objective, start, log, ROOM)
        searches.append(_ClassSearch(fit, inst, signs, search, control.bound))
    team = _Team(searches, control, workers)
    team.run(FIRST_ATTEMPT)
    team.run(1 << 40)
