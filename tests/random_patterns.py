"""Random patterns with one hidden layer: ``python tests/random_patterns.py DENSITY [SEED]`` counts the undecided."""

from __future__ import annotations

import sys
from collections import Counter

import numpy as np

import sparseopt as so


def random_pattern(
    rng: np.random.Generator, inputs: int, hidden: int, outputs: int, density: float = 0.5
) -> so.SparsityPattern:
    """Every weight is free with this probability; every hidden neuron has an input and an output."""
    while True:
        first, second = rng.random((hidden, inputs)) < density, rng.random((outputs, hidden)) < density
        if first.any(axis=1).all() and second.any(axis=0).all():
            return so.SparsityPattern([first, second])


if __name__ == "__main__":
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 2026
    for sizes in ((3, 4, 3), (4, 3, 3), (3, 3, 4), (4, 4, 4)):
        rng = np.random.default_rng(seed)
        patterns = (random_pattern(rng, *sizes, float(sys.argv[1])) for _ in range(1000))
        print(sizes, dict(Counter(so.linear_counterpart(pattern).closed for pattern in patterns)), flush=True)
