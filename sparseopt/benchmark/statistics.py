"""Aggregates of times over instances."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from sparseopt.rationals import FloatArray


def shifted_geometric_mean(values: Iterable[float], shift: float) -> float:
    """exp(mean(log(v + shift))) - shift: small values weigh less the larger the shift.

    Examples
    --------
    >>> round(shifted_geometric_mean([1, 100], 0), 6)
    10.0
    """
    logs = [math.log(v + shift) for v in values]
    return math.exp(math.fsum(logs) / len(logs)) - shift


def largest_comparison(given: Mapping[str, set[str]]) -> tuple[list[str], list[str]]:
    """Peers that share many instances, and those: the most pairs of a peer and an instance without a gap among them.

    >>> largest_comparison({"a": {"x", "y", "z"}, "b": {"x", "y"}, "c": {"z"}})
    (['a', 'b'], ['x', 'y'])
    """

    def shared(peers: list[str]) -> list[str]:
        return sorted(set.intersection(*(given[p] for p in peers)))

    instances = sorted(set().union(*given.values()))
    groups = [[p for p in given if name in given[p]] for name in instances]
    best = max(groups, key=lambda peers: len(peers) * len(shared(peers)), default=[])
    return best, shared(best) if best else []


def performance_profile(times: Mapping[str, Sequence[float]]) -> dict[str, tuple[FloatArray, FloatArray]]:
    """Dolan and Moré's profiles (Mathematical Programming 91, 2002).

    Parameters
    ----------
    times : mapping
        For each solver its time on every instance, in the same order, inf where it did not solve one.

    Returns
    -------
    dict
        For each solver (ratios, shares): on `shares` of the instances its time is at most `ratios` times the least of
        all solvers.

    Examples
    --------
    >>> ratios, shares = performance_profile({"a": [1.0, 2.0], "b": [4.0, 1.0]})["a"]
    >>> ratios.tolist(), shares.tolist()
    ([1.0, 2.0], [0.5, 1.0])
    """
    least = np.min(list(times.values()), axis=0)
    out = {}
    for name, own in times.items():
        solved = np.isfinite(own)
        ratios = np.sort(np.asarray(own)[solved] / least[solved])
        out[name] = ratios, np.arange(1, len(ratios) + 1) / len(own)
    return out
