"""The true network on all points of the problem: where its errors are extreme."""

from __future__ import annotations

from typing import Any

import numpy as np
from sparseopt.solvers.exact.instance import Instance
from sparseopt.solvers.exact.kernel import kernel, vector_kernel

EAGER = 2000
"""With fewer points than this all are looked at in every node, else only where the loss in play is promising."""
BLOCK = 1024
_ALL, _SAMPLE = np.int64(1), np.int64(32)
"""Strides through the points: where there are many, a sample of them often shows that a network is no better."""


@vector_kernel
def _fill_errors(inst: Instance, theta: Any, block: Any, start: int, stride: int, size: int) -> Any:
    """ω (f - y) of the true network for a block of points, into the first row of `block`; the largest and the least.

    Numbers of points are unsigned: those that might be negative could not be used in vectors.
    """
    first, step, count = np.uintp(start), np.uintp(stride), np.uintp(size)
    k = inst.plus.size
    for a in range(count):
        block[0, a] = -inst.targets[first + a * step]
    for q in range(inst.place[k], theta.size):
        column, slope = inst.column[q], theta[q]
        for a in range(count):
            block[0, a] += slope * inst.inputs[column, first + a * step]
    for j in range(k):
        sign = 1.0 if inst.plus[j] else -1.0
        for a in range(count):
            block[1, a] = 0.0
        for q in range(inst.place[j], inst.place[j + 1]):
            column, slope = inst.column[q], theta[q]
            for a in range(count):
                block[1, a] += slope * inst.inputs[column, first + a * step]
        for a in range(count):
            block[0, a] += sign * max(block[1, a], 0.0)
    most, least = -np.inf, np.inf
    for a in range(count):
        block[0, a] *= inst.weights[first + a * step]
        most, least = max(most, block[0, a]), min(least, block[0, a])
    return most, least


@kernel
def _extreme_errors(inst: Instance, theta: Any, block: Any, stride: int) -> Any:
    """The largest and the least ω r of the true network over every so manyth point: (point, ω r, point, ω r)."""
    highest, lowest = 0, 0
    most, least = -np.inf, np.inf
    P = inst.targets.size
    for start in range(0, P, stride * block.shape[1]):
        size = min(block.shape[1], (P - start + stride - 1) // stride)
        above, below = _fill_errors(inst, theta, block, start, stride, size)
        if above > most or below < least:
            most, least = max(most, above), min(least, below)
            for a in range(size):
                if block[0, a] == most:
                    highest = start + a * stride
                if block[0, a] == least:
                    lowest = start + a * stride
    return highest, most, lowest, least


@kernel
def worst_errors(inst: Instance, theta: Any, block: Any, bound: float) -> Any:
    """The extreme errors over all points, or over a sample of many if that has one above the bound."""
    if inst.targets.size >= EAGER:
        extremes = _extreme_errors(inst, theta, block, _SAMPLE)
        if max(extremes[1], -extremes[3]) > bound:
            return extremes
    return _extreme_errors(inst, theta, block, _ALL)
