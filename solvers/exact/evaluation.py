"""The true network on all points of the problem: where its errors are extreme."""

from __future__ import annotations

from typing import Any

import numpy as np
from sparseopt.solvers.exact.instance import SAMPLE, Data, Instance
from sparseopt.solvers.exact.kernel import kernel, vector_kernel

EAGER = 2000
"""With fewer points all are looked at in every node, else only where the loss in play is promising; then sign classes
also begin with the points of another one in play."""
BLOCK = 1024


@vector_kernel
def _fill_errors(inst: Instance, data: Data, theta: Any, block: Any, start: int, count: int) -> Any:
    """ω (f - y) of the true network for a block of points, into the first row of `block`; the largest and the least."""
    k = inst.plus.size
    for a in range(count):
        block[0, a] = -data.targets[start + a]
    for q in range(inst.place[k], theta.size):
        column, slope = inst.column[q], theta[q]
        for a in range(count):
            block[0, a] += slope * data.inputs[column, start + a]
    for j in range(k):
        sign = 1.0 if inst.plus[j] else -1.0
        for a in range(count):
            block[1, a] = 0.0
        for q in range(inst.place[j], inst.place[j + 1]):
            column, slope = inst.column[q], theta[q]
            for a in range(count):
                block[1, a] += slope * data.inputs[column, start + a]
        for a in range(count):
            block[0, a] += sign * max(block[1, a], 0.0)
    most, least = -np.inf, np.inf
    for a in range(count):
        block[0, a] *= data.weights[start + a]
        most, least = max(most, block[0, a]), min(least, block[0, a])
    return most, least


@kernel
def _extreme_errors(inst: Instance, data: Data, theta: Any, block: Any) -> Any:
    """The largest and the least ω r of the true network over some points: (point, ω r, point, ω r)."""
    highest, lowest = 0, 0
    most, least = -np.inf, np.inf
    P = data.targets.size
    for start in range(0, P, block.shape[1]):
        size = min(block.shape[1], P - start)
        above, below = _fill_errors(inst, data, theta, block, start, size)
        if above > most or below < least:
            most, least = max(most, above), min(least, below)
            for a in range(size):
                if block[0, a] == most:
                    highest = start + a
                if block[0, a] == least:
                    lowest = start + a
    return highest, most, lowest, least


@kernel
def worst_errors(inst: Instance, theta: Any, block: Any, bound: float) -> Any:
    """The extreme errors over all points, or over a sample of many if that has one above the bound."""
    if inst.data.targets.size >= EAGER:
        highest, most, lowest, least = _extreme_errors(inst, inst.sample, theta, block)
        if max(most, -least) > bound:
            return SAMPLE * highest, most, SAMPLE * lowest, least
    return _extreme_errors(inst, inst.data, theta, block)
