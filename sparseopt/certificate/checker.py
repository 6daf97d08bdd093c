"""Checks a certificate in exact arithmetic. One file, standard library only: copy it anywhere and run

    python checker.py CERTIFICATE.json[.gz]

The format is described in docs/certificates.md. Everything is derived again from the masks and the data in the
certificate: shapes, supports, sign classes, variables, clauses, the objective. Whatever is malformed, too large, or
does not follow ends in "invalid" with the place of the first failure; see the limits below.

Optimality. One output of a network with one hidden layer of neurons that feed no other output is, by positive
homogeneity, f(x) = Σ_j s_j σ(p_j(x)) + l(x) with signs s_j = ±1, p_j(x) = w_j·x + b_j, and l linear. For every class of
signs the certificate derives clauses over the statements z_ij "neuron j is active on point i" (p_j(x_i) ≥ 0; its
negation is p_j(x_i) ≤ 0) that hold for all parameters with a loss below the claimed bound. The last clause is empty:
there are none. A clause "holds" if it holds for the activations that parameters have after any infinitesimal generic
shift, so that ties do no harm.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import combinations, pairwise, permutations, product
from math import comb, lcm, prod
from pathlib import Path
from typing import Any

FORMAT = "sparseopt-certificate/1"
MAX_BYTES = 2**30
"""Largest file, after decompression."""
MAX_DIGITS = 4000
"""Digits of an integer."""
MAX_DENOMINATOR_BITS = 2**16
"""Bits of the common denominator of the inputs, of the targets, and of the inverse weights."""
MAX_STATEMENTS = 5 * 10**7
"""Statements z_ij of one output."""
MAX_WORK = 3 * 10**9
"""Elementary steps, about a minute for each 10^9."""

_INTEGER = re.compile(r"-?[0-9]+", re.ASCII)


class InvalidError(Exception):
    """The certificate does not prove what it claims; the text says where."""


@dataclass
class VerificationReport:
    """What :func:`verify` found.

    Attributes
    ----------
    valid : bool
    claim : str
        What the certificate claims, in words.
    checked : dict
        How many things of each kind were checked.
    failure : str
        The first thing that is wrong; empty if the certificate is valid.
    relies_on : tuple of str
        Statements that were not checked here, but rest on the word of a program; empty for a complete proof.
    """

    valid: bool
    claim: str
    checked: dict[str, int] = field(default_factory=dict)
    failure: str = ""
    relies_on: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.valid

    def __str__(self) -> str:
        verdict = "INVALID" if not self.valid else "valid" + (", relying on " if self.relies_on else "")
        lines = [verdict + "; ".join(self.relies_on), f"claim: {self.claim or 'none was read'}"]
        if self.failure:
            lines.append(f"failure: {self.failure}")
        if self.checked:
            lines.append("checked: " + ", ".join(f"{count} {what}" for what, count in self.checked.items()))
        return "\n".join(lines)


def verify(certificate: Any, problem: Any = None) -> VerificationReport:
    """Check a certificate: a path (.json, or .json.gz), a dictionary, or an object with such a `document`.

    With a problem (in the same forms), the certificate must speak of that one: of the same masks, data and loss. Never
    raises for what a certificate contains; an unreadable file is invalid too.

    Examples
    --------
    >>> print(verify({"format": "something else"}))
    INVALID
    claim: none was read
    failure: format: expected 'sparseopt-certificate/1'
    """
    report = VerificationReport(False, "")
    try:
        document = _document(certificate)
        _check(document, report)
        if problem is not None:
            same = _problem(_document(problem)) == _problem(document.get("problem"))
            need(same, "problem: the certificate speaks of another one")
        report.valid = True
    except InvalidError as error:
        report.failure = str(error)
    except (RecursionError, MemoryError) as error:
        report.failure = f"too large or nested too deeply ({type(error).__name__})"
    return report


def _document(source: Any) -> Any:
    if isinstance(source, (str, Path)):
        return read(Path(source))
    return getattr(source, "document", source)


# --- reading ----------------------------------------------------------------------------------------------------------


def read(path: Path) -> Any:
    """Parse a file of strict JSON: no duplicate keys, no floating-point numbers, bounded size."""
    try:
        with open(path, "rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else open(path, "rb") as file:
            text = file.read(MAX_BYTES + 1)
    except (OSError, EOFError, gzip.zlib.error) as error:  # type: ignore[attr-defined]
        raise InvalidError(f"{path}: cannot be read ({error})") from None
    if len(text) > MAX_BYTES:
        raise InvalidError(f"{path}: is larger than {MAX_BYTES} bytes")
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_float=_no_float, parse_constant=_no_float)
    except (ValueError, UnicodeDecodeError) as error:
        raise InvalidError(f"{path}: is not the JSON expected ({str(error)[:100]})") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        raise InvalidError("a key stands twice in one object")
    return out


def _no_float(text: str) -> Any:
    raise InvalidError(f"the number {text[:40]} is neither an integer nor a text")


def need(condition: bool, where: str) -> None:
    """Fail at `where` unless the condition holds."""
    if not condition:
        raise InvalidError(where)


def _get(document: Any, key: str, where: str, kind: type, default: Any = None) -> Any:
    need(isinstance(document, dict), f"{where}: expected an object")
    value = document.get(key, default)
    need(isinstance(value, kind), f"{where}: {key}: missing or not of the expected kind")
    return value


def integer(value: Any, where: str) -> int:
    """An integer, written as a JSON number or as text."""
    if type(value) is int:
        return value
    need(isinstance(value, str) and len(value) <= MAX_DIGITS + 1, f"{where}: expected an integer")
    need(_INTEGER.fullmatch(value) is not None, f"{where}: expected an integer")
    return int(value)


def rational(value: Any, where: str) -> Fraction:
    """An integer, or text "p" or "p/q"."""
    if isinstance(value, str) and "/" in value:
        above, below = value.split("/", 1)
        divisor = integer(below, where)
        need(divisor > 0, f"{where}: expected a positive denominator")
        return Fraction(integer(above, where), divisor)
    return Fraction(integer(value, where))


def _matrix(value: Any, rows: int, columns: int, where: str) -> list[list[Fraction]]:
    need(isinstance(value, list) and len(value) == rows, f"{where}: expected {rows} rows")
    return [_vector(row, columns, f"{where}[{i}]") for i, row in enumerate(value)]


def _vector(value: Any, length: int, where: str) -> list[Fraction]:
    need(isinstance(value, list) and len(value) == length, f"{where}: expected {length} numbers")
    return [rational(x, where) for x in value]


def _common_denominator(numbers: Iterable[Fraction], where: str) -> int:
    out = 1
    for x in numbers:
        if x.denominator != 1:
            out = lcm(out, x.denominator)
            need(out.bit_length() <= MAX_DENOMINATOR_BITS, f"{where}: the common denominator is too large")
    return out


# --- problems and networks --------------------------------------------------------------------------------------------


@dataclass
class Pattern:
    """Masks of 0 and 1: `masks[l][i][j]`, `biases[l][i]`, `skip[o][i]` (zeros where there is none)."""

    masks: list[list[list[int]]]
    biases: list[list[int]]
    skip: list[list[int]]

    @property
    def inputs(self) -> int:
        return len(self.masks[0][0])

    @property
    def outputs(self) -> int:
        return len(self.masks[-1])

    def __str__(self) -> str:
        return "-".join(map(str, [self.inputs, *map(len, self.masks)])) + " network"


def _pattern(document: Any) -> Pattern:
    masks = _get(document, "masks", "pattern", list)
    need(len(masks) > 0, "masks: at least one layer")
    for number, mask in enumerate(masks):
        need(isinstance(mask, list) and bool(mask) and isinstance(mask[0], list), f"masks[{number}]: not a matrix")
        width = len(masks[number - 1]) if number else len(mask[0])
        need(width > 0 and all(isinstance(r, list) and len(r) == width for r in mask), f"masks[{number}]: shape")
        _zeros_and_ones((x for row in mask for x in row), f"masks[{number}]")
    biases = _get(document, "biases", "pattern", list)
    need(len(biases) == len(masks), "biases: one list per layer")
    for bias, mask in zip(biases, masks, strict=True):
        need(isinstance(bias, list) and len(bias) == len(mask), "biases: shape")
        _zeros_and_ones(bias, "biases")
    inputs, outputs = len(masks[0][0]), len(masks[-1])
    skip = document.get("skip")
    if skip is None:
        skip = [[0] * inputs for _ in range(outputs)]
    need(isinstance(skip, list) and len(skip) == outputs, "skip: shape")
    need(all(isinstance(row, list) and len(row) == inputs for row in skip), "skip: shape")
    _zeros_and_ones((x for row in skip for x in row), "skip")
    return Pattern(masks, biases, skip)


def _zeros_and_ones(values: Iterable[Any], where: str) -> None:
    need(all(type(x) is int and x in (0, 1) for x in values), f"{where}: holds other things than 0 and 1")


@dataclass
class Problem:
    """A pattern with data: X (P, d), Y (P, q), positive weights (P,), loss linf | l1 | l2."""

    pattern: Pattern
    X: list[list[Fraction]]
    Y: list[list[Fraction]]
    weights: list[Fraction]
    loss: str

    def __str__(self) -> str:
        weighted = "" if set(self.weights) == {1} else ", weighted"
        return f"{self.pattern}, {len(self.X)} points{weighted}, loss {self.loss}"

    def total(self, parts: Sequence[Fraction]) -> Fraction:
        """The loss from its parts (points or outputs)."""
        return max(parts) if self.loss == "linf" else sum(parts, Fraction(0))


def _problem(document: Any) -> Problem:
    pattern = _pattern(_get(document, "pattern", "problem", dict))
    data = _get(document, "data", "problem", dict)
    loss = _get(document, "loss", "problem", str)
    need(loss in ("linf", "l1", "l2"), "loss: unknown")
    count = len(_get(data, "X", "data", list))
    need(count > 0, "X: no points")
    weights = _vector(data.get("weights", [1] * count), count, "weights")
    need(all(w > 0 for w in weights), "weights: not positive")
    X, Y = (_matrix(data.get(k), count, n, k) for k, n in (("X", pattern.inputs), ("Y", pattern.outputs)))
    return Problem(pattern, X, Y, weights, loss)


@dataclass
class Network:
    """Parameters confined to a pattern."""

    weights: list[list[list[Fraction]]]
    biases: list[list[Fraction]]
    skip: list[list[Fraction]]

    def predict(self, x: Sequence[Fraction], work: Work) -> list[Fraction]:
        """R(x)."""
        values = list(x)
        for number, (W, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            if number:
                values = [v if v > 0 else Fraction(0) for v in values]
            work.spend(len(W) * len(values), max(map(_bits, values)))
            values = [_dot(row, values) + c for row, c in zip(W, b, strict=True)]
        return [v + _dot(row, x) for v, row in zip(values, self.skip, strict=True)]

    def loss(self, problem: Problem, work: Work) -> Fraction:
        """The exact loss on a problem."""
        parts = []
        for x, y, w in zip(problem.X, problem.Y, problem.weights, strict=True):
            errors = [abs(f - t) for f, t in zip(self.predict(x, work), y, strict=True)]
            parts += [w * e * e if problem.loss == "l2" else w * e for e in errors]
        return problem.total(parts)


def _bits(x: Fraction) -> int:
    return x.numerator.bit_length() + x.denominator.bit_length()


def _dot(a: Sequence[Fraction], b: Sequence[Fraction]) -> Fraction:
    return sum((x * y for x, y in zip(a, b, strict=True) if x), Fraction(0))


def _network(document: Any, pattern: Pattern) -> Network:
    weights = _get(document, "weights", "parameters", list)
    biases = _get(document, "biases", "parameters", list)
    need(len(weights) == len(biases) == len(pattern.masks), "parameters: number of layers")
    W = [_matrix(w, len(m), len(m[0]), "weights") for w, m in zip(weights, pattern.masks, strict=True)]
    b = [_vector(v, len(m), "biases") for v, m in zip(biases, pattern.biases, strict=True)]
    zero = [[0] * pattern.inputs for _ in range(pattern.outputs)]
    skip = _matrix(document.get("skip") or zero, pattern.outputs, pattern.inputs, "skip")
    pairs = [(w, m) for w, m in zip(W, pattern.masks, strict=True)] + [(skip, pattern.skip), (b, pattern.biases)]
    for values, mask in pairs:
        for row, free in zip(values, mask, strict=True):
            need(all(f or not v for v, f in zip(row, free, strict=True)), "parameters: not zero outside the pattern")
    return Network(W, b, skip)


# --- optimality -------------------------------------------------------------------------------------------------------


class ScalarFit:
    """One output: its neurons, and integer rows of features, so that all that follows is integer arithmetic.

    `rows[j][i]` is a positive multiple (one for all i) of the row whose product with (w_j, b_j) is p_j(x_i);
    `linear[i]` of that of l(x_i); `targets[i]` and `inverse[i]` are multiples of the target and of 1 / weight.
    `statement[j][i]` is a signed number: equal up to sign where two rows have equal or opposite directions; 0 for a row
    of zeros.
    """

    def __init__(self, problem: Problem, output: int) -> None:
        pattern, self.loss, self.points = problem.pattern, problem.loss, len(problem.X)
        need(len(pattern.masks) <= 2, "optimality: more than one hidden layer")
        hidden = pattern.masks[0] if len(pattern.masks) == 2 else []
        feeding = [j for j in range(len(hidden)) if pattern.masks[1][output][j]]
        biased = pattern.biases[0] if hidden else []
        neurons = [j for j in feeding if any(hidden[j])]
        for j in neurons:
            shared = sum(pattern.masks[1][o][j] for o in range(pattern.outputs)) > 1
            need(not shared, f"optimality: hidden neuron {j} feeds several outputs")
        constant = pattern.biases[-1][output] or any(biased[j] and not any(hidden[j]) for j in feeding)
        direct = list(pattern.skip[output])
        if not hidden:
            direct = [a | b for a, b in zip(direct, pattern.masks[0][output], strict=True)]
        scale = _common_denominator((v for row in problem.X for v in row), "X")
        X = [[int(v * scale) for v in row] for row in problem.X]

        def rows(mask: Sequence[int], bias: int) -> list[tuple[int, ...]]:
            columns = [i for i, free in enumerate(mask) if free]
            return [tuple([x[i] for i in columns] + [scale] * bias) for x in X]

        self.kinds = [(tuple(hidden[j]), biased[j]) for j in neurons]
        need(len(neurons) * self.points <= MAX_STATEMENTS, "optimality: too many statements")
        made = {kind: rows(*kind) for kind in set(self.kinds)}
        self.rows = [made[kind] for kind in self.kinds]
        self.linear = rows(direct, int(bool(constant)))
        numbered = {kind: _directions(made[kind]) for kind in made}
        self.statement = [
            [(j * self.points + v if v > 0 else v - j * self.points) if v else 0 for v in numbered[kind]]
            for j, kind in enumerate(self.kinds)
        ]
        targets = [y[output] for y in problem.Y]
        self.target_scale = _common_denominator(targets, "Y")
        self.targets = [int(y * self.target_scale) for y in targets]
        self.inverse_scale = _common_denominator((1 / w for w in problem.weights), "weights")
        self.inverse = [int(self.inverse_scale / w) for w in problem.weights]

    def reaches(self, constant: int, multiplier: dict[int, int], bound: Fraction) -> bool:
        """Whether Σ_i multiplier_i r_i ≥ constant / target_scale forces the loss of the residuals r to be ≥ bound.

        Hölder's inequality for the loss (for l2, Cauchy and Schwarz).
        """
        if constant <= 0:
            return False
        sizes = (abs(m) * self.inverse[i] for i, m in multiplier.items())
        if self.loss == "l2":
            norm = sum(m * m * self.inverse[i] for i, m in multiplier.items())
            constant, scale = constant * constant, self.target_scale * self.target_scale
        else:
            norm = sum(sizes) if self.loss == "linf" else max(sizes, default=0)
            scale = self.target_scale
        return constant * self.inverse_scale * bound.denominator >= bound.numerator * norm * scale

    def classes(self) -> int:
        """How many classes of output signs there are: only the number of + in each kind of neuron matters."""
        return prod(count + 1 for count in Counter(self.kinds).values())

    def class_of(self, signs: list[int]) -> tuple[int, ...]:
        """The number of + in each kind."""
        count = dict.fromkeys(self.kinds, 0)
        for kind, sign in zip(self.kinds, signs, strict=True):
            count[kind] += sign > 0
        return tuple(count.values())


def _directions(rows: list[tuple[int, ...]]) -> list[int]:
    """For each row ± (1 + the first row of its direction, up to sign); 0 for zeros."""
    first: dict[tuple[Fraction, ...], int] = {}
    out = []
    for i, row in enumerate(rows):
        lead = next((v for v in row if v), 0)
        key = tuple(Fraction(v, lead) for v in row) if lead else ()
        number = 1 + first.setdefault(key, i) if lead else 0
        same = number and (rows[number - 1][next(q for q, v in enumerate(row) if v)] > 0) == (lead > 0)
        out.append(number if same else -number)
    return out


class Proof:
    """The clauses derived for one sign class. A literal ± (1 + j P + i) says: neuron j is (not) active on point i."""

    def __init__(self, fit: ScalarFit, signs: list[int], bound: Fraction, work: Work) -> None:
        self.fit, self.signs, self.bound, self.work = fit, signs, bound, work
        self.clauses: list[frozenset[int]] = []

    def step(self, step: Any) -> None:
        """Check one step and add its clause."""
        need(isinstance(step, list) and len(step) > 0 and isinstance(step[0], str), "not a step")
        kind, *rest = step
        rules: dict[str, Any] = {"bound": self._bound, "cone": self._cone, "copy": self._copy, "rup": self._rup}
        need(kind in rules, "unknown kind of step")
        try:
            clause: frozenset[int] = rules[kind](*rest)
        except (TypeError, ValueError, IndexError, KeyError) as error:
            raise InvalidError(f"{kind}: malformed ({str(error)[:80]})") from None
        self.clauses.append(clause)
        self.work.count(f"{_NAMES[kind]}s")

    def _statement(self, literal: int) -> tuple[int, int, int]:
        """(neuron, point, signed number of the statement) of a literal."""
        need(type(literal) is int and literal != 0, "literal: not a number other than 0")
        j, i = divmod(abs(literal) - 1, self.fit.points)
        need(j < len(self.signs), "literal: there is no such neuron")
        number = self.fit.statement[j][i]
        need(number != 0, "literal: the neuron's features are zero on this point")
        return j, i, number if literal > 0 else -number

    def _bound(self, errors: list[Any], literals: list[Any]) -> frozenset[int]:
        """Bound lemma: the literals force the loss to be at least the bound.

        An error row [i, side, active, a] says side (f(x_i) - y_i) ≥ side (l + Σ_{j active} s_j p_j - y_i). That holds
        if every neuron with s_j = -side is active or not as the bits of `active` say; the others may be set at will,
        since σ(p) ≥ p and σ(p) ≥ 0. A pair [literal, m] says ± p_j(x_i) ≥ 0. With multipliers a, m > 0 the parameters
        cancel in the sum, which leaves Σ_i multiplier_i r_i ≥ constant for the residuals r.
        """
        fit, clause = self.fit, set()
        total: list[dict[int, int]] = [{} for _ in self.signs]
        multiplier: dict[int, int] = {}
        constant = 0
        for i, side, active, a in errors:
            a = integer(a, "multiplier")
            need(type(i) is int and 0 <= i < fit.points and side in (1, -1) and a > 0, "bound: error row")
            need(type(active) is int and 0 <= active < 1 << len(self.signs), "bound: active neurons")
            multiplier[i] = multiplier.get(i, 0) + side * a
            constant -= side * a * fit.targets[i]
            for j, sign in enumerate(self.signs):
                on = active >> j & 1
                if on:
                    total[j][i] = total[j].get(i, 0) + side * sign * a
                if sign == -side and (number := fit.statement[j][i]):
                    clause.add(-number if on else number)
        for literal, m in literals:
            j, i, number = self._statement(literal)
            m = integer(m, "multiplier")
            need(m > 0, "bound: multiplier")
            total[j][i] = total[j].get(i, 0) - (m if literal > 0 else -m)
            clause.add(-number)
        need(self._vanishes(fit.linear, multiplier), "bound: the linear part does not cancel")
        need(all(map(self._vanishes, fit.rows, total)), "bound: a neuron's parameters do not cancel")
        need(fit.reaches(constant, multiplier, self.bound), "bound: the rows do not reach the bound")
        return frozenset(clause)

    def _vanishes(self, rows: list[tuple[int, ...]], multiplier: dict[int, int]) -> bool:
        """Whether Σ_i multiplier_i rows_i is zero."""
        if not multiplier:
            return True
        chosen = [rows[i] for i in multiplier]
        self.work.spend(len(chosen) * len(chosen[0]), max(m.bit_length() for m in multiplier.values()))
        return not any(sum(map(int.__mul__, column, multiplier.values())) for column in zip(*chosen, strict=True))

    def _cone(self, target: int, literals: list[Any], scale: Any) -> frozenset[int]:
        """Geometry lemma: scale × the target's direction = Σ m × the literals' directions, so they imply the target."""
        j, point, number = self._statement(target)
        scale = integer(scale, "scale")
        need(scale > 0, "cone: scale")
        total = {point: -scale if target > 0 else scale}
        clause = {number}
        for literal, m in literals:
            neuron, i, number = self._statement(literal)
            m = integer(m, "multiplier")
            need(neuron == j and m > 0, "cone: multiplier, or another neuron")
            total[i] = total.get(i, 0) + (m if literal > 0 else -m)
            clause.add(-number)
        need(self._vanishes(self.fit.rows[j], total), "cone: the directions do not add up")
        return frozenset(clause)

    def _copy(self, source: int, images: list[int]) -> frozenset[int]:
        """Symmetry: an earlier clause after exchanging neurons of equal kind and sign."""
        count, points = len(self.signs), self.fit.points
        need(sorted(images) == list(range(count)), "copy: not a permutation")
        for j, image in enumerate(images):
            same = self.fit.kinds[j] == self.fit.kinds[image] and self.signs[j] == self.signs[image]
            need(same, "copy: neurons that cannot be exchanged")
        out = set()
        for literal in self._earlier(source):
            j, i = divmod(abs(literal) - 1, points)
            number = 1 + images[j] * points + i
            out.add(number if literal > 0 else -number)
        return frozenset(out)

    def _rup(self, clause: list[int], hints: list[int]) -> frozenset[int]:
        """Resolution: if all literals of the clause are false, each hint leaves one literal, and the last one none."""
        out = frozenset(self._statement(literal)[2] for literal in clause)
        true = {-literal for literal in out}
        for hint in hints:
            left = 0
            for literal in self._earlier(hint):
                if -literal not in true:
                    need(left == 0, "rup: an antecedent is not a unit")
                    left = literal
            if left == 0:
                return out
            true.add(left)
        raise InvalidError("rup: no antecedent is violated")

    def _earlier(self, number: int) -> frozenset[int]:
        need(type(number) is int and 0 <= number < len(self.clauses), "antecedent: not an earlier step")
        self.work.spend(len(self.clauses[number]) + 1)
        return self.clauses[number]


_NAMES = {"bound": "bound lemma", "cone": "geometry lemma", "copy": "symmetry step", "rup": "resolution step"}


@dataclass
class Work:
    """Counts what was checked, and stops hostile input."""

    checked: dict[str, int]
    spent: int = 0

    def count(self, what: str, number: int = 1) -> None:
        self.checked[what] = self.checked.get(what, 0) + number

    def spend(self, steps: int, bits: int = 0) -> None:
        self.spent += steps * (1 + (bits * bits >> 18))
        need(self.spent <= MAX_WORK, "more work than this checker does")


def _check_optimality(document: dict[str, Any], report: VerificationReport) -> None:
    problem = _problem(_get(document, "problem", "certificate", dict))
    objective, bound = (rational(document.get(key), key) for key in ("objective", "bound"))
    same = "is optimal" if objective == bound else f"and no parameters have a loss below {bound}"
    report.claim = f"{problem}: the parameters have loss {objective}, which {same}"
    if objective != bound:
        report.claim = f"{problem}: the parameters have loss {objective}, {same}"
    network = _network(document.get("parameters"), problem.pattern)
    work = Work(report.checked)
    need(network.loss(problem, work) == objective, "objective: is not the loss of the parameters")
    report.checked["points evaluated"] = len(problem.X)
    outputs = _get(document, "outputs", "certificate", list)
    need(len(outputs) == problem.pattern.outputs, "outputs: not one entry per output")
    bounds = [rational(_get(entry, "bound", f"outputs[{o}]", str), f"outputs[{o}]") for o, entry in enumerate(outputs)]
    need(problem.total(bounds) >= bound, "bound: more than the outputs' bounds prove")
    for o, entry in enumerate(outputs):
        need(bounds[o] >= 0, f"outputs[{o}]: negative bound")
        if bounds[o] > 0:
            work.spend(100 * len(problem.X) * problem.pattern.inputs)
            _check_output(ScalarFit(problem, o), entry, bounds[o], work, f"outputs[{o}]")


def _check_output(fit: ScalarFit, entry: dict[str, Any], bound: Fraction, work: Work, where: str) -> None:
    """Every sign class has a derivation of the empty clause."""
    proved = set()
    for number, part in enumerate(_get(entry, "classes", where, list)):
        place = f"{where}, class {number}"
        signs = _get(part, "signs", place, list)
        good = len(signs) == len(fit.kinds) and all(type(s) is int and s in (1, -1) for s in signs)
        need(good, f"{place}: signs")
        proof = Proof(fit, signs, bound, work)
        for at, step in enumerate(_get(part, "steps", place, list)):
            try:
                proof.step(step)
            except InvalidError as error:
                raise InvalidError(f"{place}, step {at}: {error}") from None
        need(bool(proof.clauses) and not proof.clauses[-1], f"{place}: the last clause is not empty")
        proved.add(fit.class_of(signs))
        work.count("sign classes")
    need(len(proved) == fit.classes(), f"{where}: {len(proved)} of {fit.classes()} sign classes are proved")


# --- existence --------------------------------------------------------------------------------------------------------

Laurent = dict[int, Fraction]
"""Σ c_e n^e, without zero coefficients."""


def _laurent(value: Any, where: str) -> Laurent:
    need(isinstance(value, dict) and len(value) <= 1000, f"{where}: expected exponents with coefficients")
    out = {integer(e, where): rational(c, where) for e, c in value.items()}
    need(all(abs(e) <= 1000 for e in out), f"{where}: exponent")
    return {e: c for e, c in out.items() if c}


def _laurents(value: Any, mask: Sequence[Any], where: str) -> list[Laurent]:
    need(isinstance(value, list) and len(value) == len(mask), f"{where}: shape")
    out = [_laurent(x, where) for x in value]
    need(all(free or not x for x, free in zip(out, mask, strict=True)), f"{where}: not zero outside the pattern")
    return out


def _laurent_rows(value: Any, mask: Sequence[Any], where: str) -> list[list[Laurent]]:
    need(isinstance(value, list) and len(value) == len(mask), f"{where}: shape")
    return [_laurents(row, free, where) for row, free in zip(value, mask, strict=True)]


def _combination(coefficients: Sequence[Laurent], values: Sequence[Laurent], start: Laurent, work: Work) -> Laurent:
    """start + Σ coefficients × values."""
    out = dict(start)
    for a, b in zip(coefficients, values, strict=True):
        work.spend(1 + len(a) * len(b), max(map(_bits, [*a.values(), *b.values()]), default=0))
        for e, c in a.items():
            for f, d in b.items():
                out[e + f] = out.get(e + f, Fraction(0)) + c * d
    return {e: c for e, c in out.items() if c}


def _limit_is_zero(x: Laurent) -> bool:
    return all(e < 0 for e in x)


def _limit_loss(document: Any, problem: Problem, work: Work) -> Fraction:
    """The limit of the loss of θ(n): for large n a ReLU passes what has a positive leading coefficient, else 0."""
    pattern = problem.pattern
    layers = [_get(document, key, "sequence", list) for key in ("weights", "biases")]
    need(all(len(layer) == len(pattern.masks) for layer in layers), "sequence: number of layers")
    weights = [_laurent_rows(W, m, "sequence: weights") for W, m in zip(layers[0], pattern.masks, strict=True)]
    biases = [_laurents(b, m, "sequence: biases") for b, m in zip(layers[1], pattern.biases, strict=True)]
    zero: list[list[Laurent]] = [[{} for _ in row] for row in pattern.skip]
    skip = _laurent_rows(document["skip"], pattern.skip, "sequence: skip") if document.get("skip") else zero
    parts = []
    for x, y, weight in zip(problem.X, problem.Y, problem.weights, strict=True):
        inputs = [{0: v} if v else {} for v in x]
        values = inputs
        for number, (W, b) in enumerate(zip(weights, biases, strict=True)):
            if number:
                values = [v if v and v[max(v)] > 0 else {} for v in values]
            values = [_combination(row, values, c, work) for row, c in zip(W, b, strict=True)]
        for o, value in enumerate(values):
            residual = _combination([{0: Fraction(1)}, *skip[o]], [value, *inputs], {0: -y[o]}, work)
            need(all(e <= 0 for e in residual), f"sequence: output {o} has no limit")
            error = abs(residual.get(0, Fraction(0)))
            parts.append(weight * (error * error if problem.loss == "l2" else error))
    work.count("points of the sequence", len(problem.X))
    return problem.total(parts)


def _passes(
    pattern: Pattern, inputs: Iterable[int], outputs: Iterable[int], without: Sequence[tuple[int, int]], work: Work
) -> bool:
    """Whether a path leads from the inputs to the outputs that avoids some hidden neurons (layer, index)."""
    work.spend(sum(len(mask) * len(mask[0]) for mask in pattern.masks))
    inputs, outputs = set(inputs), set(outputs)
    here = inputs
    for number, mask in enumerate(pattern.masks, start=1):
        here = {i for i, row in enumerate(mask) if any(row[j] for j in here) and (number, i) not in without}
    return bool(here & outputs) or any(pattern.skip[o][i] for o in outputs for i in inputs)


def _outside(pattern: Pattern, A: list[list[Fraction]], outputs: list[int], inputs: list[int], work: Work) -> bool:
    """Whether its block on some outputs and inputs shows that A is no product W_L ... W_1 (+ W_skip) of the pattern.

    Corner: if all paths c1 → r1, c1 → r2, c2 → r1 meet one neuron, these entries are u_r v_c, and cannot be 0, ≠ 0, ≠
    0. Rows: if all paths c1, c2 → r1 meet h1, those → r2 meet h2, those → r3 meet h1 or h2, then row r3 is a
    combination of two rows that are multiples of e_c1, and cannot differ from 0 at c2. Columns: the same of the
    transposed network.
    """
    nodes = [(layer, i) for layer, mask in enumerate(pattern.masks[:-1], start=1) for i in range(len(mask))]
    work.spend(len(outputs) ** 2 * len(inputs) ** 2 * max(len(outputs), len(inputs)))

    def cut(columns: Sequence[int], row: int, *without: tuple[int, int]) -> bool:
        return not _passes(pattern, columns, [row], without, work)

    for r1, r2, c1, c2 in product(outputs, outputs, inputs, inputs):
        if A[r1][c1] == 0 != A[r2][c1] and A[r1][c2]:
            for h in nodes:
                if cut([c1], r1, h) and cut([c1], r2, h) and cut([c2], r1, h):
                    return True
    return _rows_outside(A, outputs, inputs, nodes, cut) or _rows_outside(
        [list(column) for column in zip(*A, strict=True)],
        inputs,
        outputs,
        nodes,
        lambda rows, column, *without: all(cut([column], row, *without) for row in rows),
    )


def _rows_outside(A: Any, rows: list[int], columns: list[int], nodes: list[tuple[int, int]], cut: Any) -> bool:
    for r1, r2, r3 in permutations(rows, 3):
        for c1, c2 in permutations(columns, 2):
            if A[r1][c1] and not A[r1][c2] and A[r2][c1] and not A[r2][c2] and A[r3][c2]:
                first, second = ([h for h in nodes if cut([c1, c2], r, h)] for r in (r1, r2))
                if any(cut([c1, c2], r3, a, b) for a in first for b in second):
                    return True
    return False


def _pieces(pattern: Pattern, outputs: list[int], inputs: list[int]) -> int:
    """At most so many affine pieces: Π over layers of Σ_{i ≤ d} C(N, i), N hidden neurons between these ends."""
    reached = [set(inputs)]
    for mask in pattern.masks:
        reached.append({i for i, row in enumerate(mask) if any(row[j] for j in reached[-1])})
    useful, out = set(outputs), 1
    for layer in range(len(pattern.masks) - 1, 0, -1):
        useful = {j for j in range(len(pattern.masks[layer - 1])) if any(pattern.masks[layer][i][j] for i in useful)}
        out *= sum(comb(len(useful & reached[layer]), i) for i in range(len(inputs) + 1))
    return out


def _general_position(points: list[tuple[Fraction, ...]], needed: int, work: Work) -> bool:
    """Whether so many of the points can be picked, any d + 1 of them affinely independent."""
    distinct = sorted(set(points))
    if all(after == before * p[0] for p in distinct for before, after in pairwise(p)):
        return len(distinct) >= needed  # on the moment curve (Vandermonde)
    picked: list[tuple[Fraction, ...]] = []
    for point in distinct:
        if len(picked) < needed and all(_independent([*s, point], work) for s in combinations(picked, len(point))):
            picked.append(point)
    return len(picked) >= needed


def _independent(points: Sequence[tuple[Fraction, ...]], work: Work) -> bool:
    """Affine independence of at most d + 1 points, by elimination."""
    rows = [[Fraction(1), *p] for p in points]
    work.spend(100 * len(rows) ** 3)
    for place in range(len(rows)):
        column = next((q for q, v in enumerate(rows[place]) if v), None)
        if column is None:
            return False
        for other in rows[place + 1 :]:
            factor = other[column] / rows[place][column]
            other[:] = [v - factor * w for v, w in zip(other, rows[place], strict=True)]
    return True


def _places(value: Any, count: int, where: str) -> list[int]:
    good = isinstance(value, list) and all(type(i) is int and 0 <= i < count for i in value)
    need(good and len(set(value)) == len(value) > 0, f"{where}: expected different places below {count}")
    return list(value)


def _need_outside(
    document: dict[str, Any], pattern: Pattern, A: Any, report: VerificationReport, work: Work
) -> tuple[list[int], list[int]]:
    """The block (outputs, inputs) that shows that A is outside, or an engine is named that says so."""
    block = _get(document, "block", "certificate", dict)
    outputs = _places(block.get("outputs"), pattern.outputs, "outputs")
    inputs = _places(block.get("inputs"), pattern.inputs, "inputs")
    identity = document.get("outside")
    if identity is not None:
        _need_identity(identity, pattern, A, outputs, inputs, work)
        work.count("terms of identities", sum(len(part["cofactor"]) for part in identity["identity"]))
    elif _outside(pattern, A, outputs, inputs, work):
        work.count("limit matrices shown to be outside")
    else:
        _rely_on_engine(document, report, "that the limit matrix is not a product")
    return outputs, inputs


def _not_attained(document: dict[str, Any], report: VerificationReport) -> None:
    """Theorem N, G or K."""
    theorems = {"N": _counted_out, "G": _said_to_be_unreached, "K": _not_closed_on_a_box}
    check = theorems.get(_get(document, "theorem", "certificate", str))
    need(check is not None, "theorem: of a kind that is not checked")
    assert check is not None
    check(document, report)


def _said_to_be_unreached(document: dict[str, Any], report: VerificationReport) -> None:
    """Theorem G: a sequence whose loss tends to the least of any function; an engine says that nothing reaches it."""
    problem, work = _problem(_get(document, "problem", "certificate", dict)), Work(report.checked)
    least = _least(problem, work)
    report.claim = f"{problem}: the infimum is {least} and no parameters attain it"
    limit = _limit_loss(_get(document, "sequence", "certificate", dict), problem, work)
    need(limit == least, f"sequence: its loss tends to {limit}, the least of any function is {least}")
    _rely_on_engine(document, report, "that no parameters have this loss")


def _not_closed_on_a_box(document: dict[str, Any], report: VerificationReport) -> None:
    """Theorem K: all biases free, and a linear map that is a limit of the pattern's but none of them."""
    inner = _get(document, "linear_counterpart", "certificate", dict)
    _not_closed(inner, report)
    pattern = _pattern(inner.get("pattern"))
    need(all(all(free) for free in pattern.biases), "biases: not all free")
    report.claim = f"{pattern}: some continuous target on a box has no best approximation (theorem K)"


def _rely_on_engine(document: dict[str, Any], report: VerificationReport, what: str) -> None:
    engine = document.get("engine")
    need(engine in ("z3", "qepcad"), "engine: no evidence and no engine that is known")
    report.relies_on += (f"{engine} ({what})",)


def _need_identity(document: Any, pattern: Pattern, A: Any, outputs: list[int], inputs: list[int], work: Work) -> None:
    """Σ g_rc (Σ_j u_j[r] v_j[c] - A_rc) = 1 over entries (r, c) whose paths each meet exactly one of some neurons.

    u_j[r] is the sum over the paths from neuron j to output r, v_j[c] over those from input c to it. The equations
    Σ_j u_j[r] v_j[c] = A_rc of a product A have a common solution then, so the identity excludes it.
    """
    nodes = [_pair(node, "nodes") for node in _get(document, "nodes", "outside", list)]
    sizes = [len(mask) for mask in pattern.masks[:-1]]
    good = all(1 <= layer <= len(sizes) and index < sizes[layer - 1] for layer, index in nodes)
    need(good and len(set(nodes)) == len(nodes), "nodes: expected different [layer, index] of hidden neurons")
    total: dict[tuple[Any, ...], Fraction] = {}
    used = set()
    for part in _get(document, "identity", "outside", list):
        r, c = _pair(_get(part, "entry", "identity", list), "entry")
        need(r in outputs and c in inputs and (r, c) not in used, "entry: twice, or not in the block")
        used.add((r, c))
        need(not _passes(pattern, [c], [r], nodes, work), f"entry {r}, {c}: some path meets no node")
        factors = [_through(pattern, c, r, h, nodes, work) for h in nodes]
        equation: dict[tuple[Any, ...], Fraction] = {
            (("u", j, r), ("v", j, c)): Fraction(1) for j, here in enumerate(factors) if here
        }
        equation[()] = -A[r][c]
        for coefficient, variables in _get(part, "cofactor", "identity", list):
            g, names = rational(coefficient, "cofactor"), [(str(side), *_pair(v, "variable")) for side, *v in variables]
            work.spend(len(equation) * (1 + len(names)), _bits(g))
            for monomial, value in equation.items():
                key = tuple(sorted([*names, *monomial]))
                total[key] = total.get(key, Fraction(0)) + g * value
    need({m: v for m, v in total.items() if v} == {(): 1}, "identity: does not expand to 1")


def _through(pattern: Pattern, c: int, r: int, h: tuple[int, int], nodes: Any, work: Work) -> bool:
    """Whether a path from input c to output r meets neuron h; it must not meet another of the nodes then."""
    end, after = (len(pattern.masks), r), _reached(pattern, h, work)
    if h not in _reached(pattern, (0, c), work) or end not in after:
        return False
    others = [o for o in nodes if o != h and o in after]
    need(not any(end in _reached(pattern, o, work) for o in others), f"entry {r}, {c}: a path meets two nodes")
    return True


def _reached(pattern: Pattern, start: tuple[int, int], work: Work) -> set[tuple[int, int]]:
    """All (layer, index) that paths from a neuron or input (0, index) lead to, itself included."""
    work.spend(sum(len(mask) * len(mask[0]) for mask in pattern.masks))
    found = {start}
    for layer, mask in enumerate(pattern.masks[start[0] :], start=start[0] + 1):
        found |= {
            (layer, i) for i, row in enumerate(mask) if any(f and (layer - 1, j) in found for j, f in enumerate(row))
        }
    return found


def _pair(value: Any, where: str) -> tuple[int, int]:
    good = isinstance(value, list) and len(value) == 2 and all(type(i) is int and i >= 0 for i in value)
    need(good, f"{where}: expected two whole numbers")
    return value[0], value[1]


def _counted_out(document: dict[str, Any], report: VerificationReport) -> None:
    """Theorem N: a sequence with loss → 0, and too many points in general position for an exact fit."""
    problem = _problem(_get(document, "problem", "certificate", dict))
    pattern, work = problem.pattern, Work(report.checked)
    report.claim = f"{problem}: the infimum is 0 and no parameters attain it"
    sequence = _get(document, "sequence", "certificate", dict)
    A = _matrix(sequence.get("limit"), pattern.outputs, pattern.inputs, "limit")
    outputs, inside = _need_outside(document, pattern, A, report, work)
    inputs = _places(document.get("inputs"), pattern.inputs, "inputs")
    need(set(inside) <= set(inputs), "inputs: not all of the block's")
    for i in set(range(pattern.inputs)) - set(inputs):
        still = len({x[i] for x in problem.X}) == 1 or not _passes(pattern, [i], range(pattern.outputs), [], work)
        need(still, f"inputs: input {i} varies too")
    for o in outputs:
        constants = {y[o] - sum(A[o][i] * x[i] for i in inputs) for x, y in zip(problem.X, problem.Y, strict=True)}
        need(len(constants) == 1, f"targets: output {o} is not affine with the limit matrix")
    work.spend(len(inputs) * sum(map(len, pattern.masks)))
    needed = len(inputs) * _pieces(pattern, outputs, inputs) + 1
    points = [tuple(x[i] for i in inputs) for x in problem.X]
    need(_general_position(points, needed, work), f"points: fewer than {needed} in general position")
    report.checked["points in general position"] = needed
    need(_limit_loss(sequence, problem, work) == 0, "sequence: does not tend to the targets")


def _not_closed(document: dict[str, Any], report: VerificationReport) -> None:
    """A limit of products of the pattern's matrices that is no product itself."""
    pattern, work = _pattern(document.get("pattern")), Work(report.checked)
    report.claim = f"{pattern}: the products W_L ... W_1 do not form a closed set"
    A = _matrix(document.get("limit"), pattern.outputs, pattern.inputs, "limit")
    factors = _get(document, "factors", "certificate", list)
    need(len(factors) == len(pattern.masks), "factors: number of layers")
    unit: list[list[Laurent]] = [
        [{0: Fraction(1)} if i == j else {} for j in range(pattern.inputs)] for i in range(pattern.inputs)
    ]
    columns = unit
    for W, mask in zip(factors, pattern.masks, strict=True):
        rows = _laurent_rows(W, mask, "factors")
        columns = [[_combination(row, column, {}, work) for row in rows] for column in columns]
    zero: list[list[Laurent]] = [[{} for _ in row] for row in pattern.skip]
    skip = _laurent_rows(document["skip"], pattern.skip, "skip") if document.get("skip") else zero
    one: Laurent = {0: Fraction(1)}
    for i, o in product(range(pattern.inputs), range(pattern.outputs)):
        difference = _combination([one, one], [columns[i][o], skip[o][i]], {0: -A[o][i]}, work)
        need(_limit_is_zero(difference), "factors: the product does not tend to the limit")
    work.count("entries of the product", pattern.inputs * pattern.outputs)
    _need_outside(document, pattern, A, report, work)


def _always(pattern: Pattern, outputs: Sequence[int]) -> bool:
    """Theorems D, S, U: at most one hidden layer counts, and no hidden neuron that sees an input feeds two outputs."""
    sees = [set(range(pattern.inputs))]
    for mask in pattern.masks:
        sees.append({i for i, row in enumerate(mask) if any(row[j] for j in sees[-1])})
    useful, live = set(outputs), []
    for layer in range(len(pattern.masks) - 1, 0, -1):
        useful = {j for j in range(len(pattern.masks[layer - 1])) if any(pattern.masks[layer][i][j] for i in useful)}
        live.append(useful & sees[layer])
    if not any(live):
        return True
    return len(live) == 1 and all(sum(pattern.masks[1][o][j] for o in outputs) <= 1 for j in live[0])


def _attained(document: dict[str, Any], report: VerificationReport) -> None:
    """D, S, U, C: a property of the masks. I: enough private neurons. A: a loss that no function can beat."""
    theorem = _get(document, "theorem", "certificate", str)
    if theorem in ("D", "S", "U", "C") and "pattern" in document:
        pattern = _pattern(document["pattern"])
        report.claim = f"{pattern}: an optimum exists for every dataset (theorem {theorem})"
        need(_always(pattern, range(pattern.outputs)), "pattern: the theorem does not apply")
        report.checked["masks"] = len(pattern.masks)
        return
    problem, work = _problem(_get(document, "problem", "certificate", dict)), Work(report.checked)
    report.claim = f"{problem}: an optimum exists (theorem {theorem})"
    if theorem == "A":
        network = _network(document.get("parameters"), problem.pattern)
        need(
            network.loss(problem, work) == _least(problem, work),
            "parameters: their loss is not the least of any function",
        )
        report.checked["points evaluated"] = len(problem.X)
    else:
        need(theorem == "I" and _interpolates(problem), "theorem: does not apply")
        report.checked["points"] = len(problem.X)


def _least(problem: Problem, work: Work) -> Fraction:
    """The least loss of any function: points with equal inputs, each output on its own, have one value."""
    groups: dict[tuple[Fraction, ...], list[int]] = {}
    for i, x in enumerate(problem.X):
        groups.setdefault(tuple(x), []).append(i)
    parts = []
    for members in groups.values():
        work.spend(100 * problem.pattern.outputs * len(members) ** 2)
        for o in range(problem.pattern.outputs):
            pairs = sorted((problem.Y[i][o], problem.weights[i]) for i in members)
            total = sum((w for _, w in pairs), Fraction(0))
            if problem.loss == "linf":
                parts.append(max(abs(y - z) * v * w / (v + w) for y, v in pairs for z, w in pairs))
            elif problem.loss == "l2":
                mean = sum((y * w for y, w in pairs), Fraction(0)) / total
                parts.append(sum((w * (y - mean) ** 2 for y, w in pairs), Fraction(0)))
            else:
                parts.append(min(sum((w * abs(y - z) for y, w in pairs), Fraction(0)) for z, _ in pairs))
    return problem.total(parts)


def _interpolates(problem: Problem) -> bool:
    """Every output has a bias and P - 1 biased private neurons with a common support that keeps the P inputs apart."""
    pattern = problem.pattern
    if len(pattern.masks) != 2 or not all(pattern.biases[1]):
        return False
    points = len({tuple(x) for x in problem.X})
    for o in range(pattern.outputs):
        own = [
            tuple(row)
            for j, row in enumerate(pattern.masks[0])
            if pattern.biases[0][j] and pattern.masks[1][o][j] and sum(m[j] for m in pattern.masks[1]) == 1
        ]
        wide = [s for s, count in Counter(own).items() if count >= points - 1]
        if not any(len({tuple(v for v, f in zip(x, s, strict=True) if f) for x in problem.X}) == points for s in wide):
            return False
    return True


def _check_existence(document: dict[str, Any], report: VerificationReport) -> None:
    claims = {
        "attained": _attained,
        "not attained": _not_attained,
        "linear counterpart not closed": _not_closed,
    }
    check = claims.get(_get(document, "claim", "certificate", str))
    need(check is not None, "claim: of a kind that is not checked")
    assert check is not None
    check(document, report)


def _check(document: Any, report: VerificationReport) -> None:
    need(isinstance(document, dict) and document.get("format") == FORMAT, f"format: expected {FORMAT!r}")
    check = _KINDS.get(_get(document, "kind", "certificate", str))
    need(check is not None, "kind: unknown")
    assert check is not None
    check(document, report)


_KINDS = {"optimality": _check_optimality, "existence": _check_existence}


def main(arguments: Sequence[str]) -> int:
    """Print the report of one file; 0 valid, 1 invalid, 2 wrong usage."""
    if len(arguments) != 1:
        print("usage: python checker.py CERTIFICATE", file=sys.stderr)
        return 2
    report = verify(arguments[0])
    print(report)
    return 0 if report.valid else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
