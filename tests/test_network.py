"""Networks: what they realize, what they refuse, and their JSON form."""

from __future__ import annotations

import itertools
import json
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import sparseopt as so
from sparseopt.pattern import SparsityPattern
from sparseopt.rationals import ExactArray, exact_array


def random_pattern(rng: np.random.Generator) -> SparsityPattern:
    """A random pattern with 0 to 3 hidden layers, bias masks and perhaps a skip connection."""
    sizes = rng.integers(1, 5, size=rng.integers(2, 6))
    masks = [rng.random((b, a)) < 0.7 for a, b in itertools.pairwise(sizes)]
    biases = [rng.random(m.shape[0]) < 0.7 for m in masks]
    skip = rng.random((sizes[-1], sizes[0])) < 0.6 if rng.random() < 0.5 else None
    return SparsityPattern(masks, biases, skip)


def random_network(rng: np.random.Generator, exact: bool) -> so.Network:
    """Random parameters on a random pattern: rationals with small parts, or floats."""
    pattern = random_pattern(rng)

    def draw(mask: Any) -> Any:
        if not exact:
            return np.where(mask, rng.normal(size=mask.shape), 0.0)
        out = np.empty(mask.shape, dtype=object)
        for place, free in np.ndenumerate(mask):
            out[place] = Fraction(int(rng.integers(-9, 10)), int(rng.integers(1, 8))) if free else Fraction(0)
        return out

    skip = None if pattern.skip is None else draw(pattern.skip)
    return so.Network(pattern, [draw(m) for m in pattern.masks], [draw(b) for b in pattern.biases], skip)


def by_hand(network: so.Network, X: Any) -> list[list[Fraction]]:
    """The network's outputs in plain Python rationals, one number at a time."""
    weights, biases, skip = network.exact
    out = []
    for point in X:
        values = [Fraction(x) for x in point]
        for layer, (W, b) in enumerate(zip(weights, biases, strict=True)):
            if layer:
                values = [max(v, Fraction(0)) for v in values]
            values = [sum((W[i, j] * v for j, v in enumerate(values)), b[i]) for i in range(len(b))]
        if skip is not None:
            values = [v + sum(skip[i, j] * Fraction(x) for j, x in enumerate(point)) for i, v in enumerate(values)]
        out.append(values)
    return out


def random_points(rng: np.random.Generator, d: int) -> ExactArray:
    """Seven points with small rational coordinates."""
    points = np.empty((7, d), dtype=object)
    for place in np.ndindex(points.shape):
        points[place] = Fraction(int(rng.integers(-9, 10)), int(rng.integers(1, 6)))
    return points


@pytest.mark.parametrize("exact", [True, False])
def test_predictions_against_a_plain_loop(exact: bool) -> None:
    rng = np.random.default_rng(7)
    compared = nonzero = 0
    for _ in range(60):
        network = random_network(rng, exact)
        X = random_points(rng, network.pattern.n_inputs)
        expected = by_hand(network, X)
        found = network.predict_exact(X)
        assert found.shape == (7, network.pattern.n_outputs)
        assert found.tolist() == expected
        assert all(isinstance(v, Fraction) for v in found.flat)
        floats = network.predict(X.astype(float))
        assert floats.dtype == np.float64
        scale = 1 + float(max(abs(v) for row in expected for v in row))
        np.testing.assert_allclose(floats, np.array(expected, dtype=float), rtol=0, atol=1e-11 * scale)
        compared += found.size
        nonzero += sum(v != 0 for v in found.flat)
    print(f"compared {compared} outputs, {nonzero} not zero")
    assert compared > 500
    assert nonzero > compared / 2


def test_absolute_value_and_skip() -> None:
    pattern = SparsityPattern([[[1], [1]], [[1, 1]]], skip=[[1]])
    network = so.Network(pattern, [[[1], [-1]], [[1, 1]]], [[0, 0], [5]], [[10]])
    assert network.predict([[-2.0], [0.5]]).tolist() == [[2 + 5 - 20.0], [0.5 + 5 + 5]]
    assert network.predict_exact([["-1/3"]]).tolist() == [[Fraction(1, 3) + 5 - Fraction(10, 3)]]


def test_no_activation_on_the_last_layer() -> None:
    network = so.Network(so.families.dense([1, 1]), [[[2]]], [[1]])
    assert network.predict([[-3.0]]).tolist() == [[-5.0]]


def test_exact_means_the_dyadic_of_a_float() -> None:
    network = so.Network(so.families.dense([1, 1]), [[[0.1]]], [[0.0]])
    assert network.predict_exact([[1]])[0, 0] == Fraction(0.1)
    assert network.predict_exact([[1]])[0, 0] != Fraction(1, 10)


def test_activations() -> None:
    rng = np.random.default_rng(3)
    compared = 0
    for _ in range(30):
        network = random_network(rng, exact=True)
        X = random_points(rng, network.pattern.n_inputs).astype(float)
        found = network.activations(X)
        assert len(found) == network.pattern.depth - 1
        for n, point in enumerate(X):
            values = point
            for layer, active in enumerate(found):
                pre = network.weights[layer] @ values + network.biases[layer]
                assert active.shape == (7, network.pattern.sizes[layer + 1])
                for j, p in enumerate(pre):
                    if abs(p) > 1e-9:
                        assert active[n, j] == (p > 0)
                        compared += 1
                values = np.where(pre > 0, pre, 0.0)
    print(f"compared {compared} activations")
    assert compared > 200


def test_zero_is_not_active() -> None:
    network = so.Network(so.families.dense([1, 2, 1]), [[[1], [-1]], [[1, 1]]], [[0, 0], [0]])
    assert network.activations([[0.0], [1.0]])[0].tolist() == [[False, False], [True, False]]


@pytest.mark.parametrize(
    ("weights", "biases", "skip", "message"),
    [
        ([[[1, 0]]], [[0]], None, r"network: give 2 weight matrices and 2 bias vectors"),
        ([[[1, 0], [0, 1]], [[1, 1]]], [[0, 0]], None, r"network: give 2 weight matrices and 2 bias vectors"),
        ([[[1, 0]], [[1, 1]]], [[0, 0], [0]], None, r"weights\[0\]: has shape \(1, 2\), expected \(2, 2\)"),
        (
            [[[1, 0], [0, 1]], [1, 1]],
            [[0, 0], [0]],
            None,
            r"weights\[1\]: has shape \(2,\), expected \(1, 2\)",
        ),
        ([[[1, 0], [0, 1]], [[1, 1]]], [[0], [0]], None, r"biases\[0\]: has shape \(1,\), expected \(2,\)"),
        (
            [[[1, 0], [3, 1]], [[1, 1]]],
            [[0, 0], [0]],
            None,
            r"weights\[0\]\[1, 0\]: is not zero but lies outside",
        ),
        (
            [[[1, 0], [0, 1]], [[1, 1]]],
            [[0, 1], [0]],
            None,
            r"biases\[0\]\[1\]: is not zero but lies outside",
        ),
        (
            [[[1, 0], [0, 1]], [[1, 1]]],
            [[0, 0], [0]],
            [[1, 1]],
            r"skip\[0, 1\]: is not zero but lies outside",
        ),
        ([[[1, 0], [0, 1]], [[1, 1]]], [[0, 0], [0]], [[1]], r"skip: has shape \(1, 1\), expected \(1, 2\)"),
        (
            [[[np.nan, 0], [0, 1]], [[1, 1]]],
            [[0, 0], [0]],
            None,
            r"weights\[0\]: every entry must be a finite number",
        ),
        (
            [[[1, 0], [0, 1]], [[1, 1]]],
            [[0, 0], [np.inf]],
            None,
            r"biases\[1\]: every entry must be a finite number",
        ),
        (
            [[["1", "0"], ["0", "1"]], [[1, 1]]],
            [[0, 0], [0]],
            None,
            r"weights\[0\]: every entry must be a finite",
        ),
    ],
)
def test_confined_to_the_pattern(weights: Any, biases: Any, skip: Any, message: str) -> None:
    pattern = SparsityPattern([[[1, 0], [0, 1]], [[1, 1]]], [[1, 0], [1]], [[1, 0]])
    with pytest.raises(so.InputError, match=message):
        so.Network(pattern, weights, biases, skip)


def test_exact_parameters_are_confined_too() -> None:
    outside = np.array([[Fraction(1), Fraction(1, 10**400)]], dtype=object)
    with pytest.raises(so.InputError, match=r"weights\[0\]"):
        so.Network(SparsityPattern([[[1, 0]]]), [outside], [[0]])


def test_skip_without_a_skip_mask() -> None:
    pattern = so.families.dense([1, 1])
    so.Network(pattern, [[[1]]], [[0]], [[0]])
    with pytest.raises(so.InputError, match=r"skip\[0, 0\]: is not zero but lies outside the pattern"):
        so.Network(pattern, [[[1]]], [[0]], [[1]])


def test_a_network_keeps_its_own_copy() -> None:
    """Changing the given arrays later must not carry a network out of its pattern."""
    W, b = np.array([[1.0, 0.0]]), np.array([0.0])
    network = so.Network(SparsityPattern([[[1, 0]]]), [W], [b])
    W[0, 1] = b[0] = 7.0
    assert network.predict([[1.0, 1.0]]).tolist() == [[1.0]]


@pytest.mark.parametrize("X", [[1.0, 2.0], [[1.0, 2.0, 3.0]], [[[1.0, 2.0]]]])
def test_points_of_a_wrong_shape(X: Any) -> None:
    network = so.Network(so.families.dense([2, 1]), [[[1, 1]]], [[0]])
    for predict in (network.predict, network.predict_exact):
        with pytest.raises(so.InputError, match=r"X: has shape .*, expected \(points, 2\)"):
            predict(X)


@pytest.mark.parametrize("exact", [True, False])
def test_json_round_trip(exact: bool) -> None:
    rng = np.random.default_rng(11)
    compared = skips = 0
    for _ in range(30):
        network = random_network(rng, exact)
        document = json.loads(json.dumps(network.to_dict(), allow_nan=False))
        assert set(document) == {"weights", "biases"} | ({"skip"} if network.skip is not None else set())
        again = so.Network(
            network.pattern,
            [exact_array(w) for w in document["weights"]],
            [exact_array(b) for b in document["biases"]],
            exact_array(document["skip"]) if "skip" in document else None,
        )
        (W, b, skip), (W2, b2, skip2) = network.exact, again.exact
        assert [w.tolist() for w in W] == [w.tolist() for w in W2]
        assert [v.tolist() for v in b] == [v.tolist() for v in b2]
        if skip is not None:
            assert skip2 is not None
            assert skip.tolist() == skip2.tolist()
            skips += 1
        compared += sum(w.size for w in W)
    print(f"compared {compared} weights, {skips} networks with skip")
    assert compared > 300
    assert skips > 5


def test_json_form_of_numbers() -> None:
    network = so.Network(so.families.dense([1, 1]), [[[Fraction(1, 3)]]], [[0.25]])
    assert network.to_dict() == {"weights": [[["1/3"]]], "biases": [[0.25]]}


@pytest.mark.parametrize("where", ["weight", "bias", "skip"])
def test_largest_weight(where: str) -> None:
    values = {"weight": 1.0, "bias": 2.0, "skip": 3.0, where: -9.5}
    pattern = SparsityPattern([[[1]]], skip=[[1]])
    network = so.Network(pattern, [[[values["weight"]]]], [[values["bias"]]], [[values["skip"]]])
    assert network.largest_weight == 9.5
