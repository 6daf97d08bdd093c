"""The instance library: families of training problems, named and seeded.

Generated numbers are rounded to decimals and kept as exact rationals, so that every machine regenerates them bit for
bit; data/benchmark.jsonl holds the digest of each.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib.resources import as_file, files
from typing import Any

import numpy as np

from sparseopt.families import dense
from sparseopt.files import load_problem, pattern_document
from sparseopt.losses import Loss
from sparseopt.network import Network
from sparseopt.pattern import SparsityPattern
from sparseopt.problem import TrainingProblem

DECIMALS = 9
"""Generated numbers are rounded to so many decimals."""


@dataclass(frozen=True)
class Instance:
    """A named training problem of a family; `build` makes it afresh, `optimal` parameters that no others beat."""

    name: str
    family: str
    build: Callable[[], TrainingProblem]
    optimal: Callable[[], Network] | None = None

    def problem(self) -> TrainingProblem:
        """The training problem, named after the instance."""
        problem = self.build()
        problem.name = self.name
        return problem


def digest(problem: TrainingProblem) -> str:
    """SHA-256 of pattern, exact data and loss: equal problems have equal digests."""
    exact: list[Any] = [problem.X_exact.tolist(), problem.Y_exact.tolist(), problem.weights_exact.tolist()]
    text = json.dumps([pattern_document(problem.pattern), exact, problem.loss.value], default=str, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def square(points: int, width: int) -> Instance:
    """x² on an equidistant grid of [-1, 1]: smooth, every optimum has many ties."""

    def build() -> TrainingProblem:
        x = [Fraction(2 * i, points - 1) - 1 for i in range(points)]
        return TrainingProblem(dense([1, width, 1]), [[v] for v in x], [v * v for v in x])

    return Instance(f"square-{points}-k{width}", "square", build)


def sine(points: int, width: int, seed: int = 1) -> Instance:
    """sin 3x plus normal noise (0.05) at random points of [-1, 1]."""

    def build() -> TrainingProblem:
        rng = np.random.default_rng(seed)
        x = np.sort(rng.uniform(-1, 1, (points, 1)), axis=0)
        y = np.sin(3 * x[:, 0]) + 0.05 * rng.normal(size=points)
        return TrainingProblem(dense([1, width, 1]), _rounded(x), _rounded(y))

    return Instance(f"sine-{points}-k{width}", "sine", build)


def teacher(points: int, inputs: int, width: int, loss: str = "linf", seed: int = 0) -> Instance:
    """A random dense ReLU network of the same width plus normal noise (0.1), scaled to [-1, 1]."""

    def build() -> TrainingProblem:
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(points, inputs))
        w, b = rng.normal(size=(inputs, width)), rng.normal(size=width)
        y = np.maximum(x @ w + b, 0) @ rng.choice([-1, 1], width) + 0.1 * rng.normal(size=points)
        x, y = _rounded(x / np.abs(x).max(axis=0)), _rounded(y / np.abs(y).max())
        return TrainingProblem(dense([inputs, width, 1]), x, y, loss)

    return Instance(f"teacher-{points}x{inputs}-k{width}{_suffix(loss, seed)}", "teacher", build)


def pairs(points: int, inputs: int, width: int, seed: int = 0) -> Instance:
    """A sparse teacher plus noise (0.1): neuron j sees inputs 2j and 2j + 1 only."""

    def build() -> TrainingProblem:
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(points, inputs))
        mask = np.zeros((width, inputs))
        for j in range(width):
            mask[j, 2 * j : 2 * j + 2] = 1
        w = rng.normal(size=(width, inputs)) * mask
        y = np.maximum(x @ w.T + rng.normal(size=width), 0) @ rng.choice([-1, 1], width) + 0.1 * rng.normal(size=points)
        return TrainingProblem(SparsityPattern([mask, np.ones((1, width))]), _rounded(x), _rounded(y))

    return Instance(f"pairs-{points}x{inputs}-k{width}", "pairs", build)


def heads(points: int, inputs: int, width: int, outputs: int, loss: str = "linf", seed: int = 0) -> Instance:
    """Several outputs with `width` hidden neurons each, random teachers plus noise (0.1)."""

    def build() -> TrainingProblem:
        rng = np.random.default_rng(seed)
        own = np.kron(np.eye(outputs), np.ones((1, width)))
        x = rng.uniform(-1, 1, (points, inputs))
        hidden = np.maximum(x @ rng.normal(size=(inputs, outputs * width)) + rng.normal(size=outputs * width), 0)
        y = hidden @ (own * rng.choice([-1, 1], own.shape)).T + 0.1 * rng.normal(size=(points, outputs))
        pattern = SparsityPattern([np.ones((outputs * width, inputs)), own])
        return TrainingProblem(pattern, _rounded(x), _rounded(y), loss)

    return Instance(f"heads-{points}x{inputs}-k{width}x{outputs}{_suffix(loss, seed)}", "heads", build)


def planted(
    points: int, sizes: Sequence[int], noise: int = 0, support: int | None = None, loss: str = "linf", seed: int = 0
) -> Instance:
    """A random network of any shape whose parameters are optimal.

    Every input occurs twice, with targets `noise` hundredths above and below the network's value: no function of the
    inputs has a smaller loss. Each neuron sees at most `support` of the layer below.
    """

    def network() -> Network:
        rng = np.random.default_rng(seed)
        masks = [_rows_of(rng, (b, a), support) for a, b in itertools.pairwise(sizes)]
        weights = [np.where(mask, _quarters(rng, mask.shape), 0) for mask in masks]
        return Network(SparsityPattern(masks), weights, [_quarters(rng, size) for size in sizes[1:]])

    def build() -> TrainingProblem:
        net, rng = network(), np.random.default_rng(seed)
        x = _rounded(rng.uniform(-1, 1, (points // 2, sizes[0])), 2)
        y, off = net.predict_exact(x), Fraction(noise, 100)
        return TrainingProblem(
            net.pattern, np.repeat(x, 2, axis=0), np.stack([y - off, y + off], 1).reshape(-1, sizes[-1]), loss
        )

    shape = "x".join(map(str, sizes)) + ("" if support is None else f"-of{support}")
    return Instance(f"planted-{points}-{shape}-n{noise}{_suffix(loss, seed)}", "planted", build, network)


def _rows_of(rng: np.random.Generator, shape: tuple[int, int], support: int | None) -> Any:
    """A mask with at most `support` ones in each row."""
    rank = rng.random(shape).argsort(axis=1).argsort(axis=1)
    return rank < (shape[1] if support is None else support)


def _quarters(rng: np.random.Generator, shape: Any) -> Any:
    """Random multiples of 1/4 between -2 and 2, exact."""
    return np.vectorize(lambda v: Fraction(int(v), 4), otypes=[object])(rng.integers(-8, 9, shape))


def lattice(side: int, inputs: int, width: int, seed: int) -> Instance:
    """A random quadratic polynomial on the grid {-1, …, 1}^inputs with `side` points a side."""

    def build() -> TrainingProblem:
        rng = np.random.default_rng(seed)
        axis = np.linspace(-1, 1, side)
        x = np.stack(np.meshgrid(*[axis] * inputs, indexing="ij"), axis=-1).reshape(-1, inputs)
        quadratic, linear = rng.normal(size=(inputs, inputs)), rng.normal(size=inputs)
        y = np.einsum("ni,ij,nj->n", x, quadratic, x) + x @ linear
        return TrainingProblem(dense([inputs, width, 1]), _rounded(x), _rounded(y / np.abs(y).max()))

    return Instance(f"lattice-{side**inputs}x{inputs}-k{width}-s{seed}", "lattice", build)


def step(points: int, width: int, sharpness: int) -> Instance:
    """A step from 0 to 1 over a distance of 1/sharpness: the best weights are as large as `sharpness`."""

    def build() -> TrainingProblem:
        left = [Fraction(-i, points) for i in range(points // 2)]
        x = [*reversed(left), *(Fraction(1, sharpness) + Fraction(i, points) for i in range(points - points // 2))]
        return TrainingProblem(dense([1, width, 1]), [[v] for v in x], [int(v > 0) for v in x])

    return Instance(f"step-{points}-k{width}-{sharpness}", "step", build)


def jitter(points: int, width: int, closeness: int, seed: int) -> Instance:
    """Pairs of points 1/closeness apart with different targets: ill-scaled, nearly contradicting data."""

    def build() -> TrainingProblem:
        rng = np.random.default_rng(seed)
        centres = rng.choice(np.arange(-50, 51), points // 2, replace=False)
        x = [Fraction(int(c), 50) + Fraction(part, closeness) for c in sorted(centres) for part in (0, 1)]
        y = [Fraction(int(v), 4) for v in rng.integers(-4, 5, len(x))]
        return TrainingProblem(dense([1, width, 1]), [[v] for v in x], y)

    return Instance(f"jitter-{points}-k{width}-{closeness}-s{seed}", "jitter", build)


def ties(points: int, inputs: int, width: int, seed: int) -> Instance:
    """Small whole numbers, repeated and collinear points, targets -1, 0, 1: degenerate, many optima."""

    def build() -> TrainingProblem:
        rng = np.random.default_rng(seed)
        x, y = rng.integers(-2, 3, (points, inputs)), rng.integers(-1, 2, points)
        return TrainingProblem(dense([inputs, width, 1]), x, y)

    return Instance(f"ties-{points}x{inputs}-k{width}-s{seed}", "ties", build)


def real(name: str) -> Instance:
    """A problem file of data/."""

    def build() -> TrainingProblem:
        with as_file(files("sparseopt.data")) as folder:
            return load_problem(folder / f"{name}.json")

    return Instance(name, "real", build)


def motorcycle(width: int, loss: str = "linf") -> Instance:
    """Head acceleration in a motorcycle crash, 133 points."""

    def build() -> TrainingProblem:
        source = real("mcycle-k1").problem()
        names = source.input_names, source.target_names
        X, Y = source.X_exact, source.Y_exact
        return TrainingProblem(dense([1, width, 1]), X, Y, loss, None, "", *names)

    return Instance(f"mcycle-k{width}{_suffix(loss)}", "motorcycle", build)


def _suffix(loss: str, seed: int = 0) -> str:
    return ("" if loss == Loss.LINF else f"-{loss}") + (f"-s{seed}" if seed else "")


def _rounded(values: Any, decimals: int = DECIMALS) -> Any:
    """Exact rationals with so many decimals."""
    scaled = np.round(np.asarray(values) * 10**decimals).astype(np.int64)
    return np.vectorize(lambda v: Fraction(int(v), 10**decimals), otypes=[object])(scaled)
