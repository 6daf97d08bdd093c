"""Which small data dense 1-2-2-1 networks fit: the case analysis of :mod:`deep_scalar` against networks and z3."""

from __future__ import annotations

import numpy as np
from deep_scalar import fits

import sparseopt as so
from sparseopt.existence.exact_fit import exact_fit
from sparseopt.network import Network

DENSE = so.families.dense([1, 2, 2, 1])


def test_data_of_networks_are_fitted() -> None:
    """Values of random networks with whole parameters at 5 to 9 points."""
    rng = np.random.default_rng(3)
    for _ in range(40):
        arrays = [[rng.integers(-3, 4, m.shape) for m in part] for part in (DENSE.masks, DENSE.biases)]
        xs = sorted(rng.choice(12, size=int(rng.integers(5, 10)), replace=False).tolist())
        ys = Network(DENSE, *arrays).predict_exact([[x] for x in xs])[:, 0]
        assert fits(xs, [int(y) for y in ys]) is True


def test_too_many_turns() -> None:
    """No network goes up and down through eight points; one through six, and with another neuron through nine."""
    assert fits(range(8), [0, 1] * 4) is False
    assert fits(range(6), [0, 1] * 3) is True
    assert fits(range(8), [0, 1] * 4, widths=(3, 2)) is True
    assert fits(range(9), [0, 1] * 4 + [0], widths=(2, 3)) is True


def test_agrees_with_the_general_question() -> None:
    """z3's answer to the network as a whole, where it has one."""
    rng = np.random.default_rng(4)
    answered = 0
    for _ in range(6):
        xs, ys = range(4), rng.integers(-1, 2, 4).tolist()
        said = exact_fit(so.TrainingProblem(DENSE, [[x] for x in xs], ys), 1.0)
        if said is not None:
            assert fits([*xs], ys) is bool(said)
            answered += 1
    print(f"{answered} answers compared")
    assert answered > 0
