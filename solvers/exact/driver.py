"""Sign classes one after the other, in slices, with shared incumbents and a bound that is valid at every moment."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from sparseopt.models.scalar_fit import ScalarFit
from sparseopt.solvers.control import Control
from sparseopt.solvers.exact.clauses import forget_half, grown
from sparseopt.solvers.exact.instance import instance_of
from sparseopt.solvers.exact.search import (
    FORGET_AT,
    FOUND,
    IN_PLAY,
    LEAST_LEAF,
    NEEDS_ROOM,
    NODES,
    PATIENCE,
    PROVED,
    ROOT_BOUND,
    TOO_MANY,
    UPPER_BOUND,
    Search,
    new_search,
    new_snapshots,
    run_slice,
)
from sparseopt.solvers.exact.warm_up import warm_up

TOLERANCE = 1e-7
"""Nodes whose bound is within this (scaled) of the incumbent are closed; it is subtracted from the proven bound."""

_SLICE_SECONDS = 0.05


def search_all_classes(fit: ScalarFit, control: Control) -> None:
    """Search all sign classes of a scalar fit."""
    warm_up()
    classes = fit.sign_classes()
    bounds = np.full(len(classes), control.bound)
    start = _first_points(fit)
    for number, signs in enumerate(classes):
        bounds[number] = _run_class(fit, control, signs, start, bounds, number)
        control.raise_bound(float(bounds.min()))


def _run_class(fit: ScalarFit, control: Control, signs: Any, start: Any, bounds: Any, number: int) -> float:
    """Search one class; its proven bound. The trace gets the least bound over all classes."""
    inst = instance_of(fit, signs)
    search = new_search(inst, control.objective, start)
    before, found, nodes = control.nodes, 0, 100
    while True:
        began = time.perf_counter()
        end = run_slice(inst, search, TOLERANCE, nodes)
        if end == NEEDS_ROOM:
            search = _with_more_room(search)
        elif end == TOO_MANY:
            forget_half(search.store, search.asg, PATIENCE)
            search.counts[FORGET_AT] = search.counts[FORGET_AT] * 115 // 100
        spent = time.perf_counter() - began
        nodes = int(np.clip(nodes * _SLICE_SECONDS / max(spent, 1e-6), 20, 4 * nodes))
        control.nodes = before + int(search.counts[NODES])
        control.points = max(control.points, int(search.counts[IN_PLAY]))
        if search.counts[FOUND] > found:
            found = int(search.counts[FOUND])
            theta = search.best[:-1].copy()
            control.incumbent(fit.loss_of(fit.predict(signs, theta)), (signs, theta))
        if end == PROVED:
            return float(min(search.values[UPPER_BOUND] - TOLERANCE, search.values[LEAST_LEAF]))
        bounds[number] = max(bounds[number], float(search.values[ROOT_BOUND]))
        control.raise_bound(float(bounds.min()))
        control.check()


def _with_more_room(search: Search) -> Search:
    """The same search with twice the clause storage and twice the snapshots."""
    levels, n = search.snapshots.point.shape
    more = new_snapshots(2 * levels, n)
    for new, old in zip(more, search.snapshots, strict=True):
        new[:levels] = old
    return search._replace(store=grown(search.store), snapshots=more)


def _first_points(fit: ScalarFit) -> Any:
    """Three points spread over the data."""
    return np.unique(np.linspace(0, fit.n_points - 1, 3).astype(int))
