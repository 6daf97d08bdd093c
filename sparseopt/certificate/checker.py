"""Checks a certificate in exact arithmetic. One file, standard library only: copy it anywhere and run

    python checker.py CERTIFICATE.json[.gz]

The format is described in docs/certificates.md. Everything is derived again from the masks and the data in the
certificate. Whatever is malformed, too large, or does not follow ends in "invalid" with the first failure.

Optimality. One output of a network with one hidden layer of neurons that feed no other output is, by positive
homogeneity, f(x) = Σ_j s_j σ(p_j(x)) + l(x) with signs s_j = ±1, p_j(x) = w_j·x + b_j, and l linear. For every class of
signs the certificate derives clauses over the statements z_ij "neuron j is active on point i" (p_j(x_i) ≥ 0; its
negation is p_j(x_i) ≤ 0) that hold for all parameters with a loss below the claimed bound. The last clause is empty:
there are none. A clause "holds" if it holds for the activations that parameters have after any infinitesimal generic
shift, so that ties do no harm.

Existence. Whether the infimum is attained, and whether the products W_L ... W_1 (+ W_skip) of a pattern are a closed
set: the theorems are those of docs/existence.md.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import combinations, pairwise, product
from math import comb, lcm, prod
from pathlib import Path
from typing import Any

FORMAT = "sparseopt-certificate/1"
MAX_BYTES = 2**30  # of a file, after decompression
MAX_DIGITS = 4000  # of an integer
MAX_DENOMINATOR_BITS = 2**16  # of the common denominator of the inputs, of the targets, of the inverse weights
MAX_STATEMENTS = 5 * 10**7  # z_ij of one output
MAX_WORK = 3 * 10**9  # elementary steps, about a minute for each 10^9
UNCHECKED_RULES = {"F0", "F1", "F2", "thinning", "z3"}  # that a set is closed; docs/existence.md states them


class InvalidError(Exception):
    """The certificate does not prove what it claims; the text says where."""


@dataclass
class VerificationReport:
    """What :func:`verify` found."""

    valid: bool
    claim: str  # in words
    checked: dict[str, int] = field(default_factory=dict)  # how many things of each kind
    failure: str = ""  # the first thing that is wrong
    relies_on: tuple[str, ...] = ()  # what was not checked, but rests on the word of a program
    spent: int = field(default=0, repr=False)  # elementary steps

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

    def count(self, what: str, number: int = 1) -> None:
        """Note that so many things of a kind were checked."""
        self.checked[what] = self.checked.get(what, 0) + number

    def spend(self, steps: int, bits: int = 0) -> None:
        """Stop hostile input: note so many steps with numbers of so many bits."""
        self.spent += steps * (1 + (bits * bits >> 18))
        need(self.spent <= MAX_WORK, "more work than this checker does")


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
            same = read_problem(_document(problem)) == read_problem(document.get("problem"))
            need(same, "problem: the certificate speaks of another one")
        report.valid = True
    except InvalidError as error:
        report.failure = str(error)
    except (RecursionError, MemoryError) as error:
        report.failure = f"too large or nested too deeply ({type(error).__name__})"
    return report


# --- reading ----------------------------------------------------------------------------------------------------------


def _document(source: Any) -> Any:
    return read(Path(source)) if isinstance(source, (str, Path)) else getattr(source, "document", source)


def read(path: Path) -> Any:
    """Parse a file of strict JSON: no duplicate keys, no floating-point numbers, bounded size."""
    try:
        with open(path, "rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else open(path, "rb") as file:
            text = file.read(MAX_BYTES + 1)
    except (OSError, EOFError, gzip.zlib.error) as error:  # type: ignore[attr-defined]
        raise InvalidError(f"{path}: cannot be read ({error})") from None
    need(len(text) <= MAX_BYTES, f"{path}: is larger than {MAX_BYTES} bytes")
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_float=_no_float, parse_constant=_no_float)
    except ValueError as error:
        raise InvalidError(f"{path}: is not the JSON expected ({str(error)[:100]})") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    need(len(out) == len(pairs), "a key stands twice in one object")
    return out


def _no_float(text: str) -> Any:
    raise InvalidError(f"the number {text[:40]} is neither an integer nor a text")


def need(condition: bool, where: str) -> None:
    """Fail at `where` unless the condition holds."""
    if not condition:
        raise InvalidError(where)


def get(document: Any, key: str, where: str, kind: type, default: Any = None) -> Any:
    """A field of the given kind."""
    need(isinstance(document, dict), f"{where}: expected an object")
    value = document.get(key, default)
    need(isinstance(value, kind), f"{where}: {key}: missing or not of the expected kind")
    return value


_INTEGER = re.compile(r"-?[0-9]+", re.ASCII)


def integer(value: Any, where: str) -> int:
    """An integer, written as a JSON number or as text."""
    if type(value) is int:
        return value
    need(isinstance(value, str) and len(value) <= MAX_DIGITS + 1, f"{where}: expected an integer")
    need(_INTEGER.fullmatch(value) is not None, f"{where}: expected an integer")
    return int(value)


def rational(value: Any, where: str) -> Fraction:
    """An integer, or text "p" or "p/q"."""
    above, _, below = value.partition("/") if isinstance(value, str) and "/" in value else (value, "", 1)
    divisor = integer(below, where)
    need(divisor > 0, f"{where}: expected a positive denominator")
    return Fraction(integer(above, where), divisor)


def bit(value: Any, where: str) -> int:
    """0 or 1."""
    need(type(value) is int and value in (0, 1), f"{where}: holds other things than 0 and 1")
    return int(value)


Laurent = dict[int, Fraction]
"""Σ c_e n^e, without zero coefficients."""


def constant(value: Any, where: str) -> Laurent:
    """A rational as a polynomial."""
    x = rational(value, where)
    return {0: x} if x else {}


def laurent(value: Any, where: str) -> Laurent:
    """An object exponent of n → coefficient."""
    value = {} if value == 0 else value
    need(isinstance(value, dict) and len(value) <= 1000, f"{where}: expected exponents with coefficients")
    out = {integer(e, where): rational(c, where) for e, c in value.items()}
    need(all(abs(e) <= 1000 for e in out), f"{where}: exponent")
    return {e: c for e, c in out.items() if c}


def fill(value: Any, mask: Any, entry: Callable[[Any, str], Any], where: str) -> Any:
    """Nested lists of the mask's shape, zero where the mask is; `entry` reads an entry. No value: zeros."""
    if isinstance(mask, list):
        parts = [None] * len(mask) if value is None else value
        need(isinstance(parts, list) and len(parts) == len(mask), f"{where}: expected {len(mask)} parts")
        return [fill(part, m, entry, where) for part, m in zip(parts, mask, strict=True)]
    out = entry(0 if value is None else value, where)
    need(bool(mask) or not out, f"{where}: not zero outside the pattern")
    return out


def places(value: Any, count: int, where: str) -> list[int]:
    """At least one place, each once, below `count`."""
    good = isinstance(value, list) and all(type(i) is int and 0 <= i < count for i in value)
    need(good and len(set(value)) == len(value) > 0, f"{where}: expected different places below {count}")
    return list(value)


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

    def between(self, inputs: Iterable[int], outputs: Iterable[int]) -> tuple[list[set[int]], bool]:
        """The neurons of each hidden layer on paths from the inputs to the outputs, and whether there are paths."""
        seen, useful = [set(inputs)], set(outputs)
        direct = any(self.skip[o][i] for o in useful for i in seen[0])
        for mask in self.masks:
            seen.append({i for i, row in enumerate(mask) if any(row[j] for j in seen[-1])})
        joined = bool(seen[-1] & useful)
        live: list[set[int]] = []
        for layer in range(len(self.masks) - 1, 0, -1):
            below = range(len(self.masks[layer - 1]))
            useful = {j for j in below if any(self.masks[layer][i][j] for i in useful)}
            live.insert(0, useful & seen[layer])
        return live, joined or direct


def read_pattern(document: Any) -> Pattern:
    """The masks of a certificate or problem."""
    masks: list[list[list[int]]] = []
    for number, mask in enumerate(get(document, "masks", "pattern", list)):
        need(isinstance(mask, list) and bool(mask) and isinstance(mask[0], list), f"masks[{number}]: not a matrix")
        width = len(masks[-1]) if masks else len(mask[0])
        masks.append(fill(mask, [[1] * width] * len(mask), bit, f"masks[{number}]"))
        need(width > 0, f"masks[{number}]: empty")
    need(bool(masks), "masks: at least one layer")
    biases = fill(get(document, "biases", "pattern", list), [[1] * len(m) for m in masks], bit, "biases")
    skip = fill(document.get("skip"), [[1] * len(masks[0][0])] * len(masks[-1]), bit, "skip")
    return Pattern(masks, biases, skip)


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

    def loss_of(self, parameters: Parameters, report: VerificationReport) -> Fraction:
        """The exact loss, or its limit if the parameters depend on n."""
        parts = []
        for x, y, w in zip(self.X, self.Y, self.weights, strict=True):
            for f, t in zip(parameters.predict(x, report), y, strict=True):
                need(max(f, default=0) <= 0, "sequence: a prediction does not tend to a value")
                error = abs(f.get(0, Fraction(0)) - t)
                parts.append(w * error * error if self.loss == "l2" else w * error)
        report.count("points evaluated", len(self.X))
        return self.total(parts)


def read_problem(document: Any) -> Problem:
    """Pattern, data and loss."""
    pattern = read_pattern(get(document, "pattern", "problem", dict))
    data = get(document, "data", "problem", dict)
    loss = get(document, "loss", "problem", str)
    need(loss in ("linf", "l1", "l2"), "loss: unknown")
    count = len(get(data, "X", "data", list))
    need(count > 0, "X: no points")
    weights = fill(get(data, "weights", "data", list, [1] * count), [1] * count, rational, "weights")
    need(all(w > 0 for w in weights), "weights: not positive")
    sizes = {"X": pattern.inputs, "Y": pattern.outputs}
    X, Y = (fill(get(data, key, "data", list), [[1] * n] * count, rational, key) for key, n in sizes.items())
    return Problem(pattern, X, Y, weights, loss)


@dataclass
class Parameters:
    """Parameters confined to a pattern, as functions of n: constants, or a sequence."""

    weights: list[list[list[Laurent]]]
    biases: list[list[Laurent]]
    skip: list[list[Laurent]]

    def predict(self, x: Iterable[Fraction], report: VerificationReport, linear: bool = False) -> list[Laurent]:
        """R(x) for all large n: a ReLU passes what has a positive leading coefficient. `linear`: without ReLU."""
        inputs = values = [{0: v} if v else {} for v in x]
        for number, (W, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            if number and not linear:
                values = [v if v and v[max(v)] > 0 else {} for v in values]
            values = [_combination(row, values, c, report) for row, c in zip(W, b, strict=True)]
        return [_combination(row, inputs, v, report) for v, row in zip(values, self.skip, strict=True)]


def read_parameters(document: Any, pattern: Pattern, entry: Callable[[Any, str], Laurent]) -> Parameters:
    """`weights`, `biases` and `skip`; the latter two zero if there are none."""
    weights = fill(get(document, "weights", "parameters", list), pattern.masks, entry, "weights")
    parts = (fill(document.get(key), getattr(pattern, key), entry, key) for key in ("biases", "skip"))
    return Parameters(weights, *parts)


def _combination(row: list[Laurent], values: list[Laurent], start: Laurent, report: VerificationReport) -> Laurent:
    """start + Σ row × values."""
    out = dict(start)
    for a, b in zip(row, values, strict=True):
        bits = [x.denominator.bit_length() + x.numerator.bit_length() for x in (*a.values(), *b.values())]
        report.spend(1 + len(a) * len(b), max(bits, default=0))
        for e, c in a.items():
            for f, d in b.items():
                out[e + f] = out.get(e + f, Fraction(0)) + c * d
    return {e: c for e, c in out.items() if c}


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
        hidden, biased = (pattern.masks[0], pattern.biases[0]) if len(pattern.masks) == 2 else ([], [])
        feeding = [j for j in range(len(hidden)) if pattern.masks[1][output][j]]
        neurons = [j for j in feeding if any(hidden[j])]
        for j in neurons:
            need(sum(row[j] for row in pattern.masks[1]) == 1, f"optimality: hidden neuron {j} feeds several outputs")
        free = pattern.biases[-1][output] or any(biased[j] and not any(hidden[j]) for j in feeding)
        direct = list(pattern.skip[output])
        if not hidden:
            direct = [a | b for a, b in zip(direct, pattern.masks[0][output], strict=True)]
        X, scale = _whole([v for row in problem.X for v in row], "X")

        def rows(mask: Sequence[int], bias: int) -> list[tuple[int, ...]]:
            columns = [i for i, used in enumerate(mask) if used]
            starts = range(0, len(X), pattern.inputs)
            return [tuple([X[start + i] for i in columns] + [scale] * bias) for start in starts]

        self.kinds = [(tuple(hidden[j]), biased[j]) for j in neurons]
        need(len(neurons) * self.points <= MAX_STATEMENTS, "optimality: too many statements")
        made = {kind: rows(*kind) for kind in set(self.kinds)}
        numbered = {kind: _directions(made[kind]) for kind in made}
        self.rows, self.linear = [made[kind] for kind in self.kinds], rows(direct, int(bool(free)))
        starts = [(j * self.points, kind) for j, kind in enumerate(self.kinds)]
        self.statement = [[v and (v + at if v > 0 else v - at) for v in numbered[kind]] for at, kind in starts]
        self.targets, self.target_scale = _whole([y[output] for y in problem.Y], "Y")
        self.inverse, self.inverse_scale = _whole([1 / w for w in problem.weights], "weights")

    def reaches(self, least: int, multiplier: dict[int, int], bound: Fraction) -> bool:
        """Whether Σ_i multiplier_i r_i ≥ least / target_scale forces the loss of the residuals r to be ≥ bound.

        Hölder's inequality for the loss (for l2, Cauchy and Schwarz).
        """
        if least <= 0:
            return False
        sizes = (abs(m) * self.inverse[i] for i, m in multiplier.items())
        if self.loss == "l2":
            norm = sum(m * m * self.inverse[i] for i, m in multiplier.items())
            least, scale = least * least, self.target_scale * self.target_scale
        else:
            norm = sum(sizes) if self.loss == "linf" else max(sizes, default=0)
            scale = self.target_scale
        return least * self.inverse_scale * bound.denominator >= bound.numerator * norm * scale

    def class_of(self, signs: list[int]) -> tuple[int, ...]:
        """The class of output signs: only the number of + in each kind of neuron matters."""
        plus = Counter(kind for kind, sign in zip(self.kinds, signs, strict=True) if sign > 0)
        return tuple(plus[kind] for kind in dict.fromkeys(self.kinds))


def _whole(numbers: list[Fraction], where: str) -> tuple[list[int], int]:
    """Rationals times their common denominator, and that."""
    scale = 1
    for x in numbers:
        if x.denominator != 1:
            scale = lcm(scale, x.denominator)
            need(scale.bit_length() <= MAX_DENOMINATOR_BITS, f"{where}: the common denominator is too large")
    return [int(x * scale) for x in numbers], scale


def _directions(rows: list[tuple[int, ...]]) -> list[int]:
    """For each row ± (1 + the first row of its direction, up to sign); 0 for zeros."""
    first: dict[tuple[Fraction, ...], tuple[int, bool]] = {}
    out = []
    for i, row in enumerate(rows):
        lead = next((v for v in row if v), 0)
        at, positive = first.setdefault(tuple(Fraction(v, lead) for v in row), (i, lead > 0)) if lead else (-1, False)
        out.append(1 + at if positive == (lead > 0) else -1 - at)
    return out


class Proof:
    """The clauses derived for one sign class. A literal ± (1 + j P + i) says: neuron j is (not) active on point i."""

    def __init__(self, fit: ScalarFit, signs: list[int], bound: Fraction, report: VerificationReport) -> None:
        self.fit, self.signs, self.bound, self.report = fit, signs, bound, report
        self.clauses: list[frozenset[int]] = []
        self.rules: dict[str, Any] = {
            "bound": (self._bound, "bound lemmas"),
            "cone": (self._cone, "geometry lemmas"),
            "copy": (self._copy, "symmetry steps"),
            "rup": (self._rup, "resolution steps"),
        }

    def step(self, step: Any) -> None:
        """Check one step and add its clause."""
        need(isinstance(step, list) and len(step) > 0 and isinstance(step[0], str), "not a step")
        kind, *rest = step
        need(kind in self.rules, "unknown kind of step")
        rule, name = self.rules[kind]
        try:
            clause = rule(*rest)
        except (TypeError, ValueError, IndexError, KeyError) as error:
            raise InvalidError(f"{kind}: malformed ({str(error)[:80]})") from None
        self.clauses.append(clause)
        self.report.count(name)

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
        if every neuron with s_j = -side is active or not as the bits of `active` say, or has a chord; the others may be
        set at will, since σ(p) ≥ p and σ(p) ≥ 0. A pair [literal, m] says ± p_j(x_i) ≥ 0. With multipliers a, m > 0 the
        parameters cancel in the sum, which leaves Σ_i multiplier_i r_i ≥ least for the residuals r.
        """
        fit, least = self.fit, 0
        clause: set[int] = set()
        total: list[dict[int, int]] = [{} for _ in self.signs]
        multiplier: dict[int, int] = {}
        for row in errors:
            i, side, active = row[:3]
            a = integer(row[3], "multiplier")
            need(type(i) is int and 0 <= i < fit.points and side in (1, -1) and a > 0, "bound: error row")
            need(type(active) is int and 0 <= active < 1 << len(self.signs), "bound: active neurons")
            multiplier[i] = multiplier.get(i, 0) + side * a
            least -= side * a * fit.targets[i]
            with_chord = self._chords(row, a, total, clause) if len(row) > 4 else ()
            for j, sign in enumerate(self.signs):
                on = active >> j & 1
                if on:
                    total[j][i] = total[j].get(i, 0) + side * sign * a
                if sign == -side and (number := fit.statement[j][i]) and j not in with_chord:
                    clause.add(-number if on else number)
        for j, i, m, number in self._weighted(literals):
            total[j][i] = total[j].get(i, 0) - m
            clause.add(-number)
        need(self._vanishes(fit.linear, multiplier), "bound: the linear part does not cancel")
        need(all(map(self._vanishes, fit.rows, total)), "bound: a neuron's parameters do not cancel")
        need(fit.reaches(least, multiplier, self.bound), "bound: the rows do not reach the bound")
        return frozenset(clause)

    def _chords(self, row: list[Any], a: int, total: list[dict[int, int]], clause: set[int]) -> Iterable[int]:
        """The neurons that pairs [literal, c] bound on point i from above, for an error row with multiplier a.

        If a x_i = Σ c x_v for a neuron's literals (features of the points), then a σ(p(x_i)) ≤ Σ c⁺ σ(p(x_v)) + Σ c⁻
        σ(-p(x_v)), as σ is convex and homogeneous. The literals say of each term that it is c p(x_v), or zero.
        """
        i, side, active, _, pairs = row
        sums: dict[int, dict[int, int]] = {}
        for literal, c in pairs:
            j, v, number = self._statement(literal)
            c = integer(c, "chord")
            need(self.signs[j] == -side and not active >> j & 1, "bound: a chord for a neuron that needs none")
            part = sums.setdefault(j, {i: -a})
            part[v] = part.get(v, 0) + c
            if (c > 0) == (literal > 0):
                total[j][v] = total[j].get(v, 0) + side * self.signs[j] * c
            clause.add(-number)
        need(all(self._vanishes(self.fit.rows[j], part) for j, part in sums.items()), "bound: a chord misses its point")
        return sums

    def _weighted(self, literals: list[Any]) -> Iterable[tuple[int, int, int, int]]:
        """(neuron, point, ± m, statement) for pairs [literal, m], m > 0, which say ± p_j(x_i) ≥ 0."""
        for literal, m in literals:
            j, i, number = self._statement(literal)
            m = integer(m, "multiplier")
            need(m > 0, "multiplier")
            yield j, i, m if literal > 0 else -m, number

    def _vanishes(self, rows: list[tuple[int, ...]], multiplier: dict[int, int]) -> bool:
        """Whether Σ_i multiplier_i rows_i is zero."""
        if not multiplier:
            return True
        chosen = [rows[i] for i in multiplier]
        self.report.spend(len(chosen) * len(chosen[0]), max(m.bit_length() for m in multiplier.values()))
        return not any(sum(map(int.__mul__, column, multiplier.values())) for column in zip(*chosen, strict=True))

    def _cone(self, target: int, literals: list[Any], scale: Any) -> frozenset[int]:
        """Geometry lemma: scale × the target's direction = Σ m × the literals' directions, so they imply the target."""
        j, point, number = self._statement(target)
        scale = integer(scale, "scale")
        need(scale > 0, "cone: scale")
        total = {point: -scale if target > 0 else scale}
        clause = {number}
        for neuron, i, m, number in self._weighted(literals):
            need(neuron == j, "cone: another neuron")
            total[i] = total.get(i, 0) + m
            clause.add(-number)
        need(self._vanishes(self.fit.rows[j], total), "cone: the directions do not add up")
        return frozenset(clause)

    def _copy(self, source: int, images: list[int]) -> frozenset[int]:
        """Symmetry: an earlier clause after exchanging neurons of equal kind and sign."""
        points, like = self.fit.points, list(zip(self.fit.kinds, self.signs, strict=True))
        need(sorted(images) == list(range(len(like))), "copy: not a permutation")
        need(all(like[j] == like[image] for j, image in enumerate(images)), "copy: neurons that cannot be exchanged")
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
        self.report.spend(len(self.clauses[number]) + 1)
        return self.clauses[number]


def _optimality(document: dict[str, Any], report: VerificationReport) -> None:
    """Parameters with their loss, and per output a bound that is proved for every sign class."""
    problem = read_problem(get(document, "problem", "certificate", dict))
    objective, bound = (rational(document.get(key), key) for key in ("objective", "bound"))
    rest = "which is optimal" if objective == bound else f"and no parameters have a loss below {bound}"
    report.claim = f"{problem}: the parameters have loss {objective}, {rest}"
    parameters = read_parameters(document.get("parameters"), problem.pattern, constant)
    need(problem.loss_of(parameters, report) == objective, "objective: is not the loss of the parameters")
    outputs = get(document, "outputs", "certificate", list)
    need(len(outputs) == problem.pattern.outputs, "outputs: not one entry per output")
    bounds = [rational(get(entry, "bound", f"outputs[{o}]", str), f"outputs[{o}]") for o, entry in enumerate(outputs)]
    need(problem.total(bounds) >= bound, "bound: more than the outputs' bounds prove")
    for o, entry in enumerate(outputs):
        need(bounds[o] >= 0, f"outputs[{o}]: negative bound")
        if bounds[o] > 0:
            report.spend(100 * len(problem.X) * problem.pattern.inputs)
            _output(ScalarFit(problem, o), entry, bounds[o], report, f"outputs[{o}]")


def _output(fit: ScalarFit, entry: dict[str, Any], bound: Fraction, report: VerificationReport, where: str) -> None:
    """Every sign class has a derivation of the empty clause."""
    proved = set()
    for number, part in enumerate(get(entry, "classes", where, list)):
        place = f"{where}, class {number}"
        signs = get(part, "signs", place, list)
        good = len(signs) == len(fit.kinds) and all(type(s) is int and s in (1, -1) for s in signs)
        need(good, f"{place}: signs")
        proof = Proof(fit, signs, bound, report)
        for at, step in enumerate(get(part, "steps", place, list)):
            try:
                proof.step(step)
            except InvalidError as error:
                raise InvalidError(f"{place}, step {at}: {error}") from None
        need(bool(proof.clauses) and not proof.clauses[-1], f"{place}: the last clause is not empty")
        proved.add(fit.class_of(signs))
        report.count("sign classes")
    classes = prod(count + 1 for count in Counter(fit.kinds).values())
    need(len(proved) == classes, f"{where}: {len(proved)} of {classes} sign classes are proved")


# --- existence --------------------------------------------------------------------------------------------------------

Node = tuple[int, int]
"""(layer, index): inputs in layer 0, outputs in the last."""


def _always(pattern: Pattern, outputs: Iterable[int]) -> bool:
    """D, S, U: at most one hidden layer counts, and no hidden neuron that sees an input feeds two of the outputs."""
    live = pattern.between(range(pattern.inputs), outputs)[0]
    if not any(live):
        return True
    return len(live) == 1 and all(sum(pattern.masks[1][o][j] for o in outputs) <= 1 for j in live[0])


def _interpolates(problem: Problem) -> bool:
    """I: every output has a bias, and P - 1 biased neurons, its own or common to all, with a common support that keeps
    the P inputs apart."""
    pattern = problem.pattern
    if len(pattern.masks) != 2 or not all(pattern.biases[1]):
        return False
    points = len({tuple(x) for x in problem.X})
    readers = [sum(row[j] for row in pattern.masks[1]) for j in range(len(pattern.masks[0]))]

    def enough(output: int, count: int) -> bool:
        usable = [j for j, free in enumerate(pattern.biases[0]) if free and pattern.masks[1][output][j]]
        supports = Counter(tuple(pattern.masks[0][j]) for j in usable if readers[j] == count)
        wide = [s for s, number in supports.items() if number >= points - 1]
        return any(len({tuple(v for v, f in zip(x, s, strict=True) if f) for x in problem.X}) == points for s in wide)

    return all(enough(o, 1) or enough(o, pattern.outputs) for o in range(pattern.outputs))


def _least(problem: Problem, report: VerificationReport) -> Fraction:
    """The least loss of any function: points with equal inputs, each output on its own, have one value."""
    groups: dict[tuple[Fraction, ...], list[int]] = {}
    for i, x in enumerate(problem.X):
        groups.setdefault(tuple(x), []).append(i)
    parts = []
    for members, o in product(groups.values(), range(problem.pattern.outputs)):
        report.spend(100 * len(members) ** 2)
        pairs = [(problem.Y[i][o], problem.weights[i]) for i in members]
        if problem.loss == "linf":
            parts.append(max(abs(y - z) * v * w / (v + w) for y, v in pairs for z, w in pairs))
        elif problem.loss == "l2":
            mean = sum((y * w for y, w in pairs), Fraction(0)) / sum(w for _, w in pairs)
            parts.append(sum((w * (y - mean) ** 2 for y, w in pairs), Fraction(0)))
        else:
            parts.append(min(sum((w * abs(y - z) for y, w in pairs), Fraction(0)) for z, _ in pairs))
    return problem.total(parts)


def _attained(document: dict[str, Any], report: VerificationReport) -> None:
    """D, S, U, C, K: properties of the masks. I: enough neurons. A: a loss that no function can beat."""
    theorem = get(document, "theorem", "certificate", str)
    if "pattern" in document and theorem in ("D", "S", "U", "C", "K"):
        pattern = read_pattern(document["pattern"])
        what = "function on a box" if theorem == "K" else "dataset"
        report.claim = f"{pattern}: an optimum exists for every {what} (theorem {theorem})"
        box = len(pattern.masks) == 2 and pattern.outputs == 1 and all(map(all, pattern.biases))
        applies = box if theorem == "K" else _always(pattern, range(pattern.outputs))
        need(applies, "pattern: the theorem does not apply")
        report.count("masks", len(pattern.masks))
        return
    problem = read_problem(get(document, "problem", "certificate", dict))
    report.claim = f"{problem}: an optimum exists (theorem {theorem})"
    if theorem == "A":
        loss = problem.loss_of(read_parameters(document.get("parameters"), problem.pattern, constant), report)
        need(loss == _least(problem, report), "parameters: their loss is not the least of any function")
    else:
        need(theorem == "I" and _interpolates(problem), "theorem: does not apply")
        report.count("points", len(problem.X))


def _groups(document: dict[str, Any], report: VerificationReport) -> None:
    """C: groups of outputs that share no live hidden neuron, each with a certificate of its own.

    All are attained, or the loss is a sum and one of them is not.
    """
    problem = read_problem(get(document, "problem", "certificate", dict))
    pattern, attained = problem.pattern, document["claim"] == "attained"
    groups = [places(g, pattern.outputs, "groups") for g in get(document, "groups", "certificate", list)]
    need(sorted(o for g in groups for o in g) == list(range(pattern.outputs)), "groups: not each output once")
    live = [pattern.between(range(pattern.inputs), g)[0] for g in groups]
    for a, b in combinations(live, 2):
        need(not any(s & t for s, t in zip(a, b, strict=True)), "groups: they share a hidden neuron")
    parts = get(document, "parts", "certificate", list)
    need(len(parts) == len(groups) and (attained or problem.loss != "linf"), "parts: one for each group")
    shown = 0
    for group, part in zip(groups, parts, strict=True):
        if not isinstance(part, dict) or part.get("claim") != document["claim"] or part.get("theorem") == "K":
            continue  # K speaks of a box
        masks = [*pattern.masks[:-1], [pattern.masks[-1][o] for o in group]]
        biases = [*pattern.biases[:-1], [pattern.biases[-1][o] for o in group]]
        own = Pattern(masks, biases, [pattern.skip[o] for o in group])
        Y = [[y[o] for o in group] for y in problem.Y]
        same = read_problem(part.get("problem")) == Problem(own, problem.X, Y, problem.weights, problem.loss)
        need(same, "parts: not the problem of their group")
        if "pattern" in part:
            need(read_pattern(part["pattern"]) == own, "parts: not the pattern of their group")
        _existence(part, report)
        shown += 1
    need(shown == len(groups) if attained else shown > 0, "parts: they do not show the claim")
    what = "an optimum exists" if attained else "the infimum is not attained"
    report.claim = f"{problem}: {what} (theorem C, {len(groups)} groups of outputs)"


def _not_attained(document: dict[str, Any], report: VerificationReport) -> None:
    """N: a sequence with loss → 0, and too many points in general position for an exact fit. G: a sequence that tends
    to the least loss of any function, which no parameters have by z3's word. K: a limit of products, on a box."""
    if document.get("theorem") == "K":
        counterpart = get(document, "linear_counterpart", "certificate", dict)
        pattern = read_pattern(counterpart.get("pattern"))
        _not_closed(counterpart, report)
        need(all(map(all, pattern.biases)), "pattern: a bias is not free")
        report.claim = f"{pattern}: a function on a box has no best uniform approximation (theorem K)"
        return
    problem = read_problem(get(document, "problem", "certificate", dict))
    pattern, sequence = problem.pattern, get(document, "sequence", "certificate", dict)
    parameters = read_parameters(sequence, pattern, laurent)
    if document.get("theorem") == "G":
        infimum = _least(problem, report)
        report.claim = f"{problem}: the infimum is {infimum} and no parameters attain it"
        need(problem.loss_of(parameters, report) == infimum, f"sequence: its loss does not tend to {infimum}")
        need(document.get("engine") == "z3", "engine: none is named")
        report.relies_on += (f"z3 (that no parameters have the loss {infimum})",)
        return
    report.claim = f"{problem}: the infimum is 0 and no parameters attain it"
    A = fill(get(sequence, "limit", "sequence", list), [[1] * pattern.inputs] * pattern.outputs, rational, "limit")
    _need_outside(document, pattern, A, report)
    block = get(document, "block", "certificate", dict)
    outputs = places(block.get("outputs"), pattern.outputs, "outputs")
    inputs = places(document.get("inputs"), pattern.inputs, "inputs")
    shown = get(document["outside"], "identity", "outside", list)
    need(all(item["entry"][0] in outputs and item["entry"][1] in inputs for item in shown), "block: misses an entry")
    for i in set(range(pattern.inputs)) - set(inputs):
        still = len({x[i] for x in problem.X}) == 1 or not pattern.between([i], range(pattern.outputs))[1]
        need(still, f"inputs: input {i} varies too")
    for o in outputs:
        constants = {y[o] - sum(A[o][i] * x[i] for i in inputs) for x, y in zip(problem.X, problem.Y, strict=True)}
        need(len(constants) == 1, f"targets: output {o} is not affine with the limit matrix")
    d, live = len(inputs), pattern.between(inputs, outputs)[0]
    report.spend(d * sum(map(len, live)))
    needed = d * prod(sum(comb(len(layer), i) for i in range(d + 1)) for layer in live) + 1  # d × affine pieces + 1
    points = [tuple(x[i] for i in inputs) for x in problem.X]
    need(_general_position(points, needed, report), f"points: fewer than {needed} in general position")
    report.count("points in general position", needed)
    need(problem.loss_of(parameters, report) == 0, "sequence: it does not tend to the targets")


def _general_position(points: list[tuple[Fraction, ...]], needed: int, report: VerificationReport) -> bool:
    """Whether so many of the points can be picked, any d + 1 of them affinely independent."""
    distinct = sorted(set(points))
    if all(after == before * p[0] for p in distinct for before, after in pairwise(p)):
        return len(distinct) >= needed  # on the moment curve (Vandermonde)
    picked: list[tuple[Fraction, ...]] = []
    for point in distinct:
        if len(picked) < needed and all(_independent([*s, point], report) for s in combinations(picked, len(point))):
            picked.append(point)
    return len(picked) >= needed


def _independent(points: Sequence[tuple[Fraction, ...]], report: VerificationReport) -> bool:
    """Affine independence of at most d + 1 points, by elimination."""
    rows = [[Fraction(1), *p] for p in points]
    report.spend(100 * len(rows) ** 3)
    for place in range(len(rows)):
        column = next((q for q, v in enumerate(rows[place]) if v), None)
        if column is None:
            return False
        for other in rows[place + 1 :]:
            factor = other[column] / rows[place][column]
            other[:] = [v - factor * w for v, w in zip(other, rows[place], strict=True)]
    return True


def _not_closed(document: dict[str, Any], report: VerificationReport) -> None:
    """A limit of products of the pattern's matrices that is no product itself."""
    pattern = read_pattern(document.get("pattern"))
    report.claim = f"{pattern}: the products W_L ... W_1 do not form a closed set"
    A = fill(get(document, "limit", "certificate", list), [[1] * pattern.inputs] * pattern.outputs, rational, "limit")
    factors = read_parameters({"weights": document.get("factors"), "skip": document.get("skip")}, pattern, laurent)
    for i in range(pattern.inputs):
        unit = [Fraction(i == j) for j in range(pattern.inputs)]
        for o, entry in enumerate(factors.predict(unit, report, linear=True)):
            good = max(entry, default=0) <= 0 and entry.get(0, Fraction(0)) == A[o][i]
            need(good, "factors: the product does not tend to the limit")
    report.count("entries of the product", pattern.inputs * pattern.outputs)
    _need_outside(document, pattern, A, report)


def _need_outside(document: dict[str, Any], pattern: Pattern, A: Any, report: VerificationReport) -> None:
    """A is no product of the pattern's matrices: a polynomial identity (Hilbert's Nullstellensatz).

    Let u_j[r] be the sum over all paths from hidden node j to output r of the products of their weights, v_j[c] that
    over the paths from input c to j. If all paths from c to r meet exactly one of the nodes, a product has the entry
    Σ_j u_j[r] v_j[c]. Cofactors g with Σ g_rc (Σ_j u_j[r] v_j[c] - A_rc) = 1 exclude that it is A.
    """
    evidence, where = get(document, "outside", "certificate", dict), "outside"
    nodes: list[Node] = []
    for node in get(evidence, "nodes", where, list):
        need(isinstance(node, list) and len(node) == 2 and all(type(x) is int for x in node), f"{where}: nodes")
        layer, index = node
        need(0 < layer < len(pattern.masks) and 0 <= index < len(pattern.masks[layer - 1]), f"{where}: nodes")
        nodes.append((layer, index))
    need(len(set(nodes)) == len(nodes), f"{where}: nodes")
    total: dict[tuple[Any, ...], Fraction] = {}
    for item in get(evidence, "identity", where, list):
        (r,), (c,) = places(item["entry"][:1], pattern.outputs, where), places(item["entry"][1:], pattern.inputs, where)
        met = _met(pattern, c, r, nodes, report)
        need(all(len(path) == 1 for path in met), f"{where}: entry ({r}, {c}) has paths that do not meet one node")
        entry = {(("u", j, r), ("v", j, c)): Fraction(1) for (j,) in met} | {(): -A[r][c]}
        for coefficient, variables in get(item, "cofactor", where, list):
            monomial = tuple((str(side), integer(j, where), integer(x, where)) for side, j, x in variables)
            for other, value in entry.items():
                place = tuple(sorted(monomial + other))
                total[place] = total.get(place, Fraction(0)) + rational(coefficient, where) * value
                report.spend(10 + len(monomial), total[place].denominator.bit_length())
    need({m: x for m, x in total.items() if x} == {(): 1}, f"{where}: the identity does not hold")
    report.count("cofactors", len(evidence["identity"]))


def _met(pattern: Pattern, start: int, end: int, nodes: list[Node], report: VerificationReport) -> set[tuple[int, ...]]:
    """For the paths from an input to an output: which of the nodes they meet (of more than two, two)."""
    here: list[set[tuple[int, ...]]] = [{()} if c == start else set() for c in range(pattern.inputs)]
    for layer, mask in enumerate(pattern.masks, start=1):
        report.spend(len(mask) * len(here) * (1 + len(nodes)) ** 2)
        met = [set().union(*(paths for paths, free in zip(here, row, strict=True) if free)) for row in mask]
        for j, (at, index) in enumerate(nodes):
            if at == layer:
                met[index] = {(*path, j)[:2] for path in met[index]}
        here = met
    return here[end] | ({()} if pattern.skip[end][start] else set())


Kernel = tuple[frozenset[int], frozenset[int]]
"""Rows and columns: all rank-one matrices on them."""


def _closed(document: dict[str, Any], report: VerificationReport) -> None:
    """The products are matrices on free entries plus one of each kernel: reduced, and decided by rule P.

    P: no free entry lies in a kernel, and two kernels are disjoint, or R ⊆ R' and C ⊇ C' for their rows and columns.
    """
    pattern = read_pattern(document.get("pattern"))
    report.claim = f"{pattern}: the products W_L ... W_1 form a closed set"
    found = _contracted(pattern, report)
    if found is not None:
        kernels, free = found
        for chosen in get(document, "lines", "certificate", list):
            kernels = _take_lines(_split(kernels, free, report), free, chosen)
            report.count("reductions")
        kernels = _split(kernels, free, report)
        report.spend(len(kernels) ** 2 * (pattern.inputs + pattern.outputs))
        untouched = all(not free & set(product(R, C)) for R, C in kernels)
        pairs = [(R & S and C & D, R <= S and C >= D, R >= S and C <= D) for (R, C), (S, D) in combinations(kernels, 2)]
        if untouched and all(not meet or left or right for meet, left, right in pairs):
            report.count("kernels", len(kernels))
            return
    rules = get(document, "rules", "certificate", list)
    need(bool(rules) and all(isinstance(r, str) for r in rules), "rules: none for what is left after reduction")
    unchecked = sorted(UNCHECKED_RULES & set(rules))
    need(bool(unchecked), "kernels: the rules named do not decide what is left after reduction")
    report.relies_on += (f"{', '.join(unchecked)} (that what is left after reduction is closed)",)


def _contracted(pattern: Pattern, report: VerificationReport) -> tuple[list[Kernel], set[Node]] | None:
    """Kernels and free entries, when hidden nodes with at most one way in or out give way to direct edges.

    None if hidden nodes still feed hidden nodes.
    """
    last = len(pattern.masks)
    weights = [((n, (n + 1)), mask) for n, mask in enumerate(pattern.masks)] + [((0, last), pattern.skip)]
    edges = {((a, j), (b, i)) for (a, b), W in weights for i, row in enumerate(W) for j, free in enumerate(row) if free}
    again = True
    while again:
        again = False
        for h in sorted({node for edge in edges for node in edge if 0 < node[0] < last}):
            report.spend(len(edges))
            before, after = {a for a, b in edges if b == h}, {b for a, b in edges if a == h}
            if min(len(before), len(after)) <= 1:
                edges = {edge for edge in edges if h not in edge} | set(product(before, after))
                again = True
    if any(a[0] > 0 and b[0] < last for a, b in edges):
        return None
    hidden = sorted({a for a, b in edges if a[0]})
    rows, columns = ([[e[i] for e in edges if e[1 - i] == h] for h in hidden] for i in (1, 0))
    kernels = [(frozenset(r for _, r in R), frozenset(c for _, c in C)) for R, C in zip(rows, columns, strict=True)]
    return kernels, {(b[1], a[1]) for a, b in edges if a[0] == 0 and b[0] == last}


def _split(kernels: list[Kernel], free: set[Node], report: VerificationReport) -> list[Kernel]:
    """Each kernel by the connected components of its entries that are not free: their rows and columns are disjoint."""
    out = []
    for R, C in kernels:
        report.spend(10 * len(R) * len(C))
        parts: list[Kernel] = []
        for r in sorted(R):
            columns = frozenset(c for c in C if (r, c) not in free)
            touched = [part for part in parts if part[1] & columns]
            joined = (frozenset({r}).union(*(p[0] for p in touched)), columns.union(*(p[1] for p in touched)))
            parts = [part for part in parts if part not in touched] + ([joined] if columns else [])
        out += parts
    return out


def _take_lines(kernels: list[Kernel], free: set[Node], chosen: Any) -> list[Kernel]:
    """Kernels of which each takes one row or column, all together cover all their entries: these become free."""
    kernels, wanted, covered = list(kernels), set(), set()
    for rows, columns, axis, at in chosen:
        kernel = (frozenset(rows), frozenset(columns))
        need(kernel in kernels and axis in ("row", "column"), "lines: there is no such kernel")
        kernels.remove(kernel)
        wanted |= set(product(*kernel))
        covered |= {entry for entry in product(*kernel) if entry[axis == "column"] == at}
    need(wanted <= covered | free, "lines: they do not cover the kernels")
    free |= wanted
    return kernels


def _existence(document: dict[str, Any], report: VerificationReport) -> None:
    claim = get(document, "claim", "certificate", str)
    need(claim in _CLAIMS, "claim: of a kind that is not checked")
    check = _groups if "groups" in document and claim in ("attained", "not attained") else _CLAIMS[claim]
    try:
        check(document, report)
    except (TypeError, ValueError, IndexError, KeyError) as error:
        raise InvalidError(f"malformed ({str(error)[:80]})") from None


def _check(document: Any, report: VerificationReport) -> None:
    need(isinstance(document, dict) and document.get("format") == FORMAT, f"format: expected {FORMAT!r}")
    kind = get(document, "kind", "certificate", str)
    need(kind in ("optimality", "existence"), "kind: unknown")
    (_optimality if kind == "optimality" else _existence)(document, report)


_CLAIMS = {
    "attained": _attained,
    "not attained": _not_attained,
    "linear counterpart closed": _closed,
    "linear counterpart not closed": _not_closed,
}


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
