"""Checks a certificate in exact arithmetic. One file, standard library only: copy it anywhere and run

    python checker.py CERTIFICATE.json[.gz]

docs/certificates.md has the format and says why each step is sound, docs/existence.md the theorems (D, S, ...).
Everything is derived again from the masks and data in the certificate; the first failure makes it invalid.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import combinations, pairwise, product
from math import comb, lcm, prod
from pathlib import Path
from typing import Any

FORMAT = "sparseopt-certificate/1"
MAX_BYTES = 2**30  # of a file, after decompression
MAX_DENOMINATOR_BITS = 2**18  # of all different denominators of the inputs
MAX_ENTRIES = 2 * 10**7  # of all masks, of the data
MAX_WORK = 3 * 10**9  # elementary steps, about a minute for each 10^9
PRIME = 2**61 - 1


class InvalidError(Exception):
    """The certificate does not prove what it claims; the text says where."""


def need(condition: bool, what: str) -> None:
    """Fail unless the condition holds."""
    if not condition:
        raise InvalidError(what)


@contextmanager
def at(where: str) -> Iterator[None]:
    """Name the place of a failure; a value that has not the form expected is one."""
    try:
        yield
    except InvalidError as error:
        raise InvalidError(f"{where}: {error}") from None
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
        raise InvalidError(f"{where}: malformed ({type(error).__name__}: {str(error)[:80]})") from None


@dataclass
class VerificationReport:
    """What :func:`verify` found."""

    valid: bool = False
    claim: str = ""  # in words
    checked: dict[str, int] = field(default_factory=dict)  # how many things of each kind
    failure: str = ""  # the first thing that is wrong
    relies_on: tuple[str, ...] = ()  # what was not checked: the word of a program, or a rule that is only stated
    spent: int = field(default=0, repr=False)  # elementary steps

    def __bool__(self) -> bool:
        return self.valid

    def __str__(self) -> str:
        verdict = "INVALID" if not self.valid else "valid" + (", relying on " if self.relies_on else "")
        lines = [verdict + "; ".join(self.relies_on), f"claim: {self.claim or 'none was read'}"]
        lines += [f"failure: {self.failure}"] if self.failure else []
        counts = ", ".join(f"{count} {what}" for what, count in self.checked.items())
        return "\n".join([*lines, f"checked: {counts}"] if counts else lines)

    def count(self, what: str, number: int) -> None:
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
    """
    report = VerificationReport()
    try:
        with at("certificate"):
            document = read(certificate)
            need(isinstance(document, dict) and document.get("format") == FORMAT, f"format: expected {FORMAT!r}")
            {"optimality": check_optimality, "existence": check_existence}[document["kind"]](document, report)
        with at("problem"):
            same = problem is None or Problem(read(problem)).facts() == Problem(document["problem"]).facts()
            need(same, "the certificate speaks of another one")
        report.valid = True
    except InvalidError as error:
        report.failure = str(error)
    except (RecursionError, MemoryError) as error:
        report.failure = f"too large or nested too deeply ({type(error).__name__})"
    return report


# --- reading ----------------------------------------------------------------------------------------------------------


def read(source: Any) -> Any:
    """Parse a file of strict JSON: no duplicate keys, no floating-point numbers, bounded size."""
    if not isinstance(source, (str, Path)):
        return getattr(source, "document", source)
    try:
        with open(source, "rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(source) if packed else open(source, "rb") as file:
            text = file.read(MAX_BYTES + 1)
    except (OSError, EOFError, gzip.zlib.error) as error:  # type: ignore[attr-defined]
        raise InvalidError(f"{source}: cannot be read ({error})") from None
    need(len(text) <= MAX_BYTES, f"{source}: is larger than {MAX_BYTES} bytes")
    return json.loads(text, object_pairs_hook=_unique, parse_float=integer, parse_constant=integer)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    need(len(dict(pairs)) == len(pairs), "a key stands twice in one object")
    return dict(pairs)


_INTEGER = re.compile(r"-?[0-9]{1,4000}", re.ASCII)


def integer(value: Any) -> int:
    """An integer, written as a JSON number or as text."""
    if type(value) is int:
        return value
    need(isinstance(value, str) and _INTEGER.fullmatch(value) is not None, f"expected an integer, not {value!r:.40}")
    return int(value)


def rational(value: Any) -> Fraction:
    """An integer, or text "p" or "p/q"."""
    above, _, below = value.partition("/") if isinstance(value, str) and "/" in value else (value, "", 1)
    need(integer(below) > 0, "expected a positive denominator")
    return Fraction(integer(above), integer(below))


def bit(value: Any) -> int:
    """0 or 1."""
    need(type(value) is int and value in (0, 1), "holds other things than 0 and 1")
    return int(value)


def array(value: Any, shape: Sequence[int], entry: Callable[[Any], Any]) -> Any:
    """Nested lists of a shape; `entry` reads an entry, no value means zeros."""
    if not shape:
        return entry(0 if value is None else value)
    parts = [None] * shape[0] if value is None else value
    need(isinstance(parts, list) and len(parts) == shape[0], f"expected {shape[0]} parts")
    return [array(part, shape[1:], entry) for part in parts]


def places(value: Any, count: int) -> list[int]:
    """At least one place below `count`, each once."""
    good = isinstance(value, list) and all(type(i) is int and 0 <= i < count for i in value)
    need(good and 0 < len(set(value)) == len(value), f"expected different places below {count}")
    return list(value)


Polynomial = dict[int, Fraction]
"""Exponent → coefficient, without zeros: constants, Laurent polynomials in n, and others by exponents in base 2^16."""


def polynomial(value: Any) -> Polynomial:
    """A rational, or an object exponent of n → coefficient."""
    out = {integer(e): rational(c) for e, c in (value if isinstance(value, dict) else {0: value}).items()}
    need(all(abs(e) <= 1000 for e in out), "an exponent beyond 1000")
    return {e: c for e, c in out.items() if c}


def add_product(total: Polynomial, a: Polynomial, b: Polynomial, report: VerificationReport) -> None:
    """total += a × b."""
    for (e, c), (f, d) in product(a.items(), b.items()):
        value = total.pop(e + f, 0) + c * d
        report.spend(1, value.denominator.bit_length() + value.numerator.bit_length())
        if value:
            total[e + f] = value


# --- networks and problems --------------------------------------------------------------------------------------------

Node = tuple[int, ...]
"""(layer, index): inputs in layer 0, outputs in the last."""
Edge = tuple[Node, Node]
ONE: Node = (0, -1)
"""The constant input 1: a bias is an edge from it."""
Parameters = list[tuple[Edge, Polynomial]]
"""Weights and biases that are not zero, as functions of n; lower layers first."""


class Pattern:
    """A network: the sizes of its layers (the last is number `last`), and its free edges, biases included."""

    def __init__(self, document: Any) -> None:
        masks = document["masks"]
        self.sizes, self.last = [len(masks[0][0]), *map(len, masks)], len(masks)
        need(all(self.sizes) and len(document["biases"]) == self.last, "pattern: empty, or biases are missing")
        need(sum(m * n for m, n in pairwise([self.sizes[-1], *self.sizes])) <= MAX_ENTRIES, "pattern: too large")
        self.edges = {edge for edge, _ in self._entries(document, "masks", bit)}

    def __str__(self) -> str:
        return "-".join(map(str, self.sizes)) + " network"

    def _entries(self, document: Any, key: str, entry: Callable[[Any], Any]) -> list[tuple[Edge, Any]]:
        """What masks or parameters say of each edge, where it is not zero."""
        out: list[tuple[Edge, Any]] = []
        layers = zip(document[key], document.get("biases") or [None] * self.last, pairwise(self.sizes), strict=True)
        for layer, (weights, biases, (m, n)) in enumerate(layers):
            with at(f"{key}[{layer}]"):
                rows = zip(array(weights, (n, m), entry), array(biases, (n,), entry), strict=True)
            for i, (row, bias) in enumerate(rows):
                out += [(((layer, j), (layer + 1, i)), x) for j, x in enumerate(row)] + [((ONE, (layer + 1, i)), bias)]
        for i, row in enumerate(array(document.get("skip"), (self.sizes[-1], self.sizes[0]), entry)):
            out += [(((0, j), (self.last, i)), x) for j, x in enumerate(row)]
        return [(edge, x) for edge, x in out if x]

    def parameters(self, document: Any, key: str = "weights") -> Parameters:
        """Parameters of this pattern."""
        out = self._entries(document, key, polynomial)
        need(all(edge in self.edges for edge, _ in out), f"{key}: not zero outside the pattern")
        return out

    def layer(self, number: int) -> list[Node]:
        """The nodes of a layer."""
        return [(number, i) for i in range(self.sizes[number])]

    def predict(self, parameters: Parameters, x: Iterable[Fraction], report: VerificationReport) -> list[Polynomial]:
        """The outputs for all large n: a ReLU passes what has a positive leading coefficient."""
        values: defaultdict[Node, Polynomial] = defaultdict(dict, {ONE: {0: Fraction(1)}})
        values |= {(0, i): {0: v} for i, v in enumerate(x) if v}
        for (a, b), weight in parameters:
            value = values[a]
            if value and (a[0] == 0 or value[max(value)] > 0):
                add_product(values[b], weight, value, report)
        return [values[node] for node in self.layer(self.last)]


class Problem:
    """A pattern with data: X (P, d), Y (P, q), positive weights (P,), loss linf | l1 | l2."""

    def __init__(self, document: Any) -> None:
        data, self.pattern, self.loss = document["data"], Pattern(document["pattern"]), document["loss"]
        need(self.loss in ("linf", "l1", "l2"), "loss: unknown")
        count, (d, *_, q) = len(data["X"]), self.pattern.sizes
        need(count * (d + q) <= MAX_ENTRIES, "data: too large")
        with at("data"):
            self.X = [tuple(x) for x in array(data["X"], (count, d), rational)]
            self.Y = array(data["Y"], (count, q), rational)
            self.weights = array(data.get("weights", [1] * count), (count,), rational)
            need(count > 0 and all(w > 0 for w in self.weights), "no points, or a weight that is not positive")
            self.inverse: list[Any] = [1 if w == 1 else 1 / w for w in self.weights]  # integers are faster

    def __str__(self) -> str:
        weighted = "" if set(self.weights) == {1} else ", weighted"
        return f"{self.pattern}, {len(self.X)} points{weighted}, loss {self.loss}"

    def facts(self) -> tuple[Any, ...]:
        """All that the problem consists of."""
        return self.pattern.sizes, self.pattern.edges, self.X, self.Y, self.weights, self.loss

    def total(self, parts: Sequence[Fraction]) -> Fraction:
        """The loss from its parts (points or outputs)."""
        return max(parts) if self.loss == "linf" else sum(parts, Fraction(0))

    def loss_of(self, parameters: Parameters, outputs: Iterable[int], report: VerificationReport) -> Fraction:
        """The exact loss on some outputs, or its limit if the parameters depend on n."""
        parts = []
        for x, y, w in zip(self.X, self.Y, self.weights, strict=True):
            values = self.pattern.predict(parameters, x, report)
            for f, target in ((values[o], y[o]) for o in outputs):
                need(max(f, default=0) <= 0, "parameters: a prediction does not tend to a value")
                parts.append(w * abs(f.get(0, 0) - target) ** (2 if self.loss == "l2" else 1))
        report.count("points evaluated", len(self.X))
        return self.total(parts)

    def forced(self, output: int, multiplier: dict[int, int]) -> Fraction:
        """The loss of an output f that Σ_i m_i f(x_i) ≥ 0 forces, by Hölder's inequality for the residuals f - y."""
        least = -sum((m * self.Y[i][output] for i, m in multiplier.items()), Fraction(0))  # of Σ_i m_i (f(x_i) - y_i)
        if least <= 0:
            return Fraction(0)
        if self.loss == "l2":
            return Fraction(least * least, sum(m * m * self.inverse[i] for i, m in multiplier.items()))
        sizes = [abs(m) * self.inverse[i] for i, m in multiplier.items()]
        return Fraction(least, sum(sizes) if self.loss == "linf" else max(sizes))


# --- optimality -------------------------------------------------------------------------------------------------------
#
# With one hidden layer an output is f(x) = Σ_j s_j σ(p_j(x)) + l(x), s_j = ±1, p_j(x) = w_j·x + b_j, l linear. For each
# class of signs, clauses over the statements z_ij "neuron j is active on point i" (p_j(x_i) ≥ 0; negated: ≤ 0) are
# derived that hold for all parameters with a loss below the bound. The last is empty: there are no such parameters.


class ScalarFit:
    """One output: `rows[j][i]` times (w_j, b_j) is p_j(x_i), `linear[i]` times the other parameters l(x_i), all scaled
    to whole numbers by one factor. `statement[j][i]` is the signed number of z_ij: equal up to sign where two rows have
    equal or opposite directions, 0 for a row of zeros.
    """

    def __init__(self, problem: Problem, output: int, report: VerificationReport) -> None:
        pattern, self.problem, self.output, points = problem.pattern, problem, output, len(problem.X)
        need(pattern.last <= 2, "more than one hidden layer")
        sources = defaultdict[Node, set[Node]](set)
        for a, b in pattern.edges:
            sources[b].add(a)
        feeding, fed = sources[pattern.last, output], Counter(a for a, _ in pattern.edges)
        neurons = sorted(h for h in feeding if h[0] == 1 and sources[h] - {ONE})
        need(all(fed[h] == 1 for h in neurons), "a hidden neuron feeds several outputs")
        direct = sorted({a for a in feeding if a[0] == 0} | {ONE for h in feeding if sources[h] == {ONE}})
        denominators = {v.denominator for x in problem.X for v in x}
        need(sum(map(int.bit_length, denominators)) <= MAX_DENOMINATOR_BITS, "X: the denominators are too large")
        scale = lcm(*denominators)
        report.spend(100 * points * (1 + len(neurons)), scale.bit_length())
        inputs = [[int(v * scale) for v in (*x, Fraction(1))] for x in problem.X]  # last is ONE, which is (0, -1)
        self.kinds = [tuple(sorted(sources[h])) for h in neurons]
        self.linear, *self.rows = [[tuple(x[i] for _, i in kind) for x in inputs] for kind in (direct, *self.kinds)]
        self.statement = [directions(rows, 1 + j * points) for j, rows in enumerate(self.rows)]


def directions(rows: list[tuple[int, ...]], start: int) -> list[int]:
    """For each row ± (start + the first row of its direction, up to sign); 0 for zeros."""
    first: dict[tuple[Fraction, ...], tuple[int, bool]] = {}
    out = []
    for i, row in enumerate(rows):
        lead = next((v for v in row if v), 0)
        number, positive = first.setdefault(tuple(Fraction(v, lead or 1) for v in row), (start + i, lead > 0))
        out.append(0 if not lead else number if positive == (lead > 0) else -number)
    return out


class Proof:
    """The clauses derived for one sign class. A literal ± (1 + j P + i) says: neuron j is (not) active on point i."""

    def __init__(self, fit: ScalarFit, signs: list[int], least: Fraction, report: VerificationReport) -> None:
        need(len(signs) == len(fit.kinds) and all(type(s) is int and s in (1, -1) for s in signs), "signs")
        self.fit, self.signs, self.least, self.report = fit, signs, least, report
        self.points, self.clauses = len(fit.linear), list[frozenset[int]]()

    def step(self, step: Any) -> None:
        """Check one step and add its clause."""
        rule, name = STEPS[step[0]]
        self.clauses.append(rule(self, *step[1:]))
        self.report.count(name, 1)

    def statement(self, literal: int) -> tuple[int, int, int]:
        """(neuron, point, signed number of the statement) of a literal."""
        need(type(literal) is int and literal != 0, "literal: not a number other than 0")
        j, i = divmod(abs(literal) - 1, self.points)
        need(j < len(self.signs), "literal: there is no such neuron")
        number = self.fit.statement[j][i]
        need(number != 0, "literal: the neuron's features are zero on this point")
        return j, i, number if literal > 0 else -number

    def bound(self, errors: list[Any], literals: list[Any]) -> frozenset[int]:
        """Bound lemma: the literals force the loss to be at least the bound.

        An error row [i, side, active, a] says side f(x_i) ≥ side (l + Σ_{j active} s_j p_j): neurons with s_j = -side
        are as the bits of `active` say, or have a chord; for the others σ(p) ≥ p and σ(p) ≥ 0. A pair [literal, m] says
        ± p_j(x_i) ≥ 0. With multipliers a, m > 0 the parameters cancel, which leaves Σ_i multiplier_i f(x_i) ≥ 0.
        """
        clause: set[int] = set()
        total: list[dict[int, int]] = [{} for _ in self.signs]
        multiplier: dict[int, int] = {}
        for row in errors:
            (i, side, active, _, *chords), a = row, integer(row[3])
            need(type(i) is int and 0 <= i < self.points and side in (1, -1) and a > 0, "error row")
            need(type(active) is int and 0 <= active < 1 << len(self.signs), "active neurons")
            multiplier[i] = multiplier.get(i, 0) + side * a
            chorded = self._chords(row[:3], a, chords[0], total, clause) if chords else ()
            for j, sign in enumerate(self.signs):
                on = active >> j & 1
                if on:
                    total[j][i] = total[j].get(i, 0) + side * sign * a
                if sign == -side and (number := self.fit.statement[j][i]) and j not in chorded:
                    clause.add(-number if on else number)
        for j, i, m, number in self._weighted(literals):
            total[j][i] = total[j].get(i, 0) - m
            clause.add(-number)
        need(self._vanishes(self.fit.linear, multiplier), "the linear part does not cancel")
        need(all(map(self._vanishes, self.fit.rows, total)), "a neuron's parameters do not cancel")
        need(self.fit.problem.forced(self.fit.output, multiplier) >= self.least, "the rows do not reach the bound")
        return frozenset(clause)

    def _chords(self, row: Any, a: int, pairs: Any, total: list[dict[int, int]], clause: set[int]) -> Iterable[int]:
        """The neurons that pairs [literal, c] bound on the row's point from above; the row has the multiplier a.

        If a x_i = Σ c x_v for a neuron's literals (features of the points), then a σ(p(x_i)) ≤ Σ c⁺ σ(p(x_v)) + Σ c⁻
        σ(-p(x_v)), as σ is convex and homogeneous. The literals say of each term that it is c p(x_v), or zero.
        """
        (i, side, active), sums = row, dict[int, dict[int, int]]()
        for literal, factor in pairs:
            (j, v, number), c = self.statement(literal), integer(factor)
            need(self.signs[j] == -side and not active >> j & 1, "a chord for a neuron that needs none")
            part = sums.setdefault(j, {i: -a})
            part[v] = part.get(v, 0) + c
            if (c > 0) == (literal > 0):
                total[j][v] = total[j].get(v, 0) + side * self.signs[j] * c
            clause.add(-number)
        need(all(self._vanishes(self.fit.rows[j], part) for j, part in sums.items()), "a chord misses its point")
        return sums

    def _weighted(self, literals: list[Any]) -> Iterator[tuple[int, int, int, int]]:
        """(neuron, point, ± m, statement) for pairs [literal, m], m > 0, which say ± p_j(x_i) ≥ 0."""
        for literal, factor in literals:
            (j, i, number), m = self.statement(literal), integer(factor)
            need(m > 0, "a multiplier is not positive")
            yield j, i, m if literal > 0 else -m, number

    def _vanishes(self, rows: list[tuple[int, ...]], multiplier: dict[int, int]) -> bool:
        """Whether Σ_i multiplier_i rows_i is zero."""
        if not multiplier:
            return True
        chosen = [rows[i] for i in multiplier]
        self.report.spend(len(chosen) * len(chosen[0]), max(m.bit_length() for m in multiplier.values()))
        return not any(sum(map(int.__mul__, column, multiplier.values())) for column in zip(*chosen, strict=True))

    def cone(self, target: int, literals: list[Any], factor: Any) -> frozenset[int]:
        """Geometry lemma: scale × the target's direction = Σ m × the literals' directions, so they imply the target."""
        (j, point, number), scale = self.statement(target), integer(factor)
        need(scale > 0, "the scale is not positive")
        total, clause = {point: -scale if target > 0 else scale}, {number}
        for neuron, i, m, number in self._weighted(literals):
            need(neuron == j, "another neuron")
            total[i] = total.get(i, 0) + m
            clause.add(-number)
        need(self._vanishes(self.fit.rows[j], total), "the directions do not add up")
        return frozenset(clause)

    def copy(self, source: int, images: list[int]) -> frozenset[int]:
        """Symmetry: an earlier clause after exchanging neurons of equal kind and sign."""
        like = list(zip(self.fit.kinds, self.signs, strict=True))
        need(sorted(images) == list(range(len(like))), "not a permutation")
        need(all(like[j] == like[image] for j, image in enumerate(images)), "neurons that cannot be exchanged")
        moves = [(image - j) * self.points for j, image in enumerate(images)]
        earlier = [(literal, moves[(abs(literal) - 1) // self.points]) for literal in self._earlier(source)]
        return frozenset(literal + move if literal > 0 else literal - move for literal, move in earlier)

    def rup(self, clause: list[int], hints: list[int]) -> frozenset[int]:
        """Resolution: if all literals of the clause are false, each hint leaves one literal, and the last one none."""
        out = frozenset(self.statement(literal)[2] for literal in clause)
        true = {-literal for literal in out}
        for hint in hints:
            left = 0
            for literal in self._earlier(hint):
                if -literal not in true:
                    need(left == 0, "an antecedent is not a unit")
                    left = literal
            if left == 0:
                return out
            true.add(left)
        raise InvalidError("no antecedent is violated")

    def _earlier(self, number: int) -> frozenset[int]:
        need(type(number) is int and 0 <= number < len(self.clauses), "not an earlier step")
        self.report.spend(len(self.clauses[number]) + 1)
        return self.clauses[number]


STEPS: dict[str, tuple[Callable[..., frozenset[int]], str]] = {
    "bound": (Proof.bound, "bound lemmas"),
    "cone": (Proof.cone, "geometry lemmas"),
    "copy": (Proof.copy, "symmetry steps"),
    "rup": (Proof.rup, "resolution steps"),
}


def check_optimality(document: dict[str, Any], report: VerificationReport) -> None:
    """Parameters with their loss, and per output a bound that is proved for every sign class."""
    problem = Problem(document["problem"])
    objective, bound = rational(document["objective"]), rational(document["bound"])
    rest = "which is optimal" if objective == bound else f"and no parameters have a loss below {bound}"
    report.claim = f"{problem}: the parameters have loss {objective}, {rest}"
    parameters = problem.pattern.parameters(document["parameters"])
    need(all(set(x) == {0} for _, x in parameters), "parameters: not constant")
    need(
        problem.loss_of(parameters, range(len(problem.Y[0])), report) == objective,
        "objective: is not the loss of the parameters",
    )
    bounds = [rational(output["bound"]) for output in document["outputs"]]
    need(len(bounds) == problem.pattern.sizes[-1] and min(bounds) >= 0, "outputs: not a bound for each")
    need(problem.total(bounds) >= bound, "bound: more than the outputs' bounds prove")
    for o, entry in enumerate(document["outputs"]):
        if bounds[o] > 0:
            with at(f"output {o}"):
                check_classes(ScalarFit(problem, o, report), entry["classes"], bounds[o], report)


def check_classes(fit: ScalarFit, classes: list[Any], bound: Fraction, report: VerificationReport) -> None:
    """Every sign class has a derivation of the empty clause."""
    proved = set()
    for number, part in enumerate(classes):
        with at(f"class {number}"):
            proof = Proof(fit, part["signs"], bound, report)
            for place, step in enumerate(part["steps"]):
                with at(f"step {place}"):
                    proof.step(step)
            need(bool(proof.clauses) and not proof.clauses[-1], "the last clause is not empty")
            proved.add(frozenset(Counter(zip(fit.kinds, proof.signs, strict=True)).items()))
            report.count("sign classes", 1)
    count = prod(number + 1 for number in Counter(fit.kinds).values())
    need(len(proved) == count, f"{len(proved)} of {count} sign classes are proved")


# --- existence --------------------------------------------------------------------------------------------------------


def reach(edges: Iterable[Edge], start: Iterable[Node], report: VerificationReport, back: bool = False) -> set[Node]:
    """The nodes that paths from `start` (or, back, to it) go through, and those of `start`."""
    after = defaultdict(list)
    for edge in edges:
        a, b = edge[::-1] if back else edge
        after[a].append(b)
        report.spend(1)
    seen = set(start)
    work = list(seen)
    while work:
        new = [b for b in after[work.pop()] if b not in seen]
        seen.update(new)
        work += new
    return seen


def live(pattern: Pattern, inputs: Iterable[Node], outputs: Iterable[int], report: VerificationReport) -> set[Node]:
    """The hidden neurons on paths from the inputs to the outputs."""
    above = reach(pattern.edges, [(pattern.last, o) for o in outputs], report, back=True)
    return {node for node in reach(pattern.edges, inputs, report) & above if 0 < node[0] < pattern.last}


def separate(pattern: Pattern, outputs: Iterable[int], report: VerificationReport) -> bool:
    """D, S, U: at most one hidden layer, and no hidden neuron that sees an input feeds two outputs."""
    hidden = live(pattern, pattern.layer(0), outputs, report)
    report.count("hidden neurons", len(hidden))
    feeding = Counter(a for a, _ in pattern.edges if a in hidden)
    return not hidden or (pattern.last == 2 and max(feeding.values()) == 1)


def check_data(document: dict[str, Any], problem: Problem, report: VerificationReport) -> None:
    """A claim about one problem. Parts have parameters for groups of outputs that share no hidden neuron (C).

    Attained: those of each part have the least loss of any function of the inputs (A, I), and the other outputs need
    none (D, S, U). Not attained: those of a part only tend to it (N, G), and the loss is a sum, or of this part alone.
    """
    pattern, parts, claim = problem.pattern, document["parts"], document["claim"]
    report.claim = f"{problem}: {'an optimum exists' if claim == 'attained' else 'no parameters attain the infimum'}"
    groups = [places(part["outputs"], pattern.sizes[-1]) for part in parts]
    rest = [o for o in range(pattern.sizes[-1]) if not any(o in group for group in groups)]
    need(sum(map(len, groups)) + len(rest) == pattern.sizes[-1], "parts: an output stands in two groups")
    used = [live(pattern, pattern.layer(0), group, report) for group in (*groups, rest)]
    need(not any(a & b for a, b in combinations(used, 2)), "parts: groups share a hidden neuron")
    if claim == "attained":
        need(separate(pattern, rest, report), "parts: no theorem applies to the other outputs")
    else:
        need(claim == "not attained" and len(parts) > 0, "claim: unknown, or without parts")
        need(problem.loss != "linf" or len(groups[0]) == pattern.sizes[-1], "parts: they do not show the claim")
    for group, part in zip(groups, parts, strict=True):
        parameters = pattern.parameters(part["parameters"])
        loss = problem.loss_of(parameters, group, report)
        need(loss == least(problem, group, part.get("multipliers")), f"parameters: {loss} is not the least loss")
        constant = all(set(x) == {0} for _, x in parameters)
        need(constant == (claim == "attained"), "parameters: constant, against the claim, or not")
        if "outside" in part and not constant:
            need(loss == 0, "parameters: the loss does not tend to 0")
            check_no_fit(part, problem, group, report)
        elif not constant:
            need(part["engine"] == "z3", "engine: unknown")
            report.relies_on += (f"z3 (that no parameters have the loss {loss})",)


def least(problem: Problem, outputs: list[int], multipliers: Any) -> Fraction:
    """No function of the inputs has a smaller loss: per output, multipliers that cancel on equal inputs."""
    bounds = []
    for output, row in zip(outputs, array(multipliers, (len(outputs), len(problem.X)), integer), strict=True):
        sums = Counter[tuple[Fraction, ...]]()
        for x, m in zip(problem.X, row, strict=True):
            sums[x] += m
        need(not any(sums.values()), "multipliers: they do not cancel on equal inputs")
        bounds.append(problem.forced(output, dict(enumerate(row))))
    return problem.total(bounds)


def check_no_fit(part: dict[str, Any], problem: Problem, outputs: list[int], report: VerificationReport) -> None:
    """N: on too many points in general position the targets are an affine function that the network cannot have."""
    pattern, X = problem.pattern, problem.X
    A = array(part["parameters"]["limit"], (pattern.sizes[-1], pattern.sizes[0]), rational)
    rows, columns = check_outside(part["outside"], pattern, A, report)
    need(rows <= set(outputs), "outside: another output")
    seen = reach(pattern.edges, [(pattern.last, r) for r in rows], report, back=True)
    inputs = [i for i in range(pattern.sizes[0]) if (0, i) in seen and len({x[i] for x in X}) > 1]
    need(columns <= set(inputs), "outside: an input does not vary")
    for r in rows:
        constants = {y[r] - sum(A[r][i] * x[i] for i in inputs) for x, y in zip(X, problem.Y, strict=True)}
        need(len(constants) == 1, f"targets: output {r} is not affine with the limit matrix")
    d, widths = len(inputs), Counter(h[0] for h in live(pattern, [(0, i) for i in inputs], rows, report))
    report.spend(d * sum(widths.values()))
    needed = 1 + d * prod(sum(comb(width, i) for i in range(d + 1)) for width in widths.values())  # d affine pieces + 1
    points = sorted({tuple(x[i] for i in inputs) for x in X})
    if any(after != before * p[0] for p in points for before, after in pairwise(p)):  # not on the moment curve
        picked: list[tuple[Fraction, ...]] = []
        for p in points:
            if len(picked) < needed and all(independent([*s, p], report) for s in combinations(picked, d)):
                picked.append(p)
        points = picked
    need(len(points) >= needed, f"points: fewer than {needed} in general position")
    report.count("points in general position", needed)


def independent(points: Sequence[tuple[Fraction, ...]], report: VerificationReport) -> bool:
    """Affine independence of at most d + 1 points, by elimination modulo a prime."""
    rows = [[1, *(x.numerator * pow(x.denominator, -1, PRIME) for x in p)] for p in points]
    report.spend(len(rows) ** 3)
    for place, row in enumerate(rows):
        column = next((q for q, v in enumerate(row) if v % PRIME), None)
        if column is None:
            return False
        inverse = pow(row[column], -1, PRIME)
        for other in rows[place + 1 :]:
            factor = other[column] * inverse
            other[:] = [(v - factor * w) % PRIME for v, w in zip(other, row, strict=True)]
    return True


def check_outside(evidence: Any, pattern: Pattern, A: Any, report: VerificationReport) -> tuple[set[int], set[int]]:
    """A is no product of the pattern's matrices, because of entries in the rows and columns returned.

    Let u_j[r] be the sum over all paths from hidden node j to output r of the products of their weights, v_j[c] that
    over the paths from input c to j. If all paths from c to r meet exactly one of the nodes, a product has the entry
    Σ_j u_j[r] v_j[c]. Cofactors g with Σ g_rc (Σ_j u_j[r] v_j[c] - A_rc) = 1 exclude that it is A (Nullstellensatz).
    """
    nodes = [tuple(node) for node in evidence["nodes"]]
    need(len(set(nodes)) == len(nodes) and all(0 < h[0] < pattern.last for h in nodes), "outside: nodes")
    number = dict[Any, int]()

    def variable(side: str, j: int, at: int) -> int:
        report.spend(1, 16 * len(number))
        return 1 << 16 * number.setdefault((side, j, at), len(number))  # a monomial is the sum of its variables

    total: Polynomial = {}
    for item in evidence["identity"]:
        r, c = item["entry"]
        start, end = (0, *places([c], pattern.sizes[0])), (pattern.last, *places([r], pattern.sizes[-1]))
        met = set(nodes) & reach(pattern.edges, [start], report) & reach(pattern.edges, [end], report, back=True)
        missed = end in reach([(a, b) for a, b in pattern.edges if a not in met], [start], report)
        good = not missed and all(reach(pattern.edges, [h], report) & met == {h} for h in met)
        need(good, f"outside: entry ({r}, {c}) has paths that do not meet one node")
        entry = {variable("u", j, r) + variable("v", j, c): Fraction(1) for j, h in enumerate(nodes) if h in met}
        for coefficient, variables in item["cofactor"]:
            need(len(variables) < 1000, "outside: degree")
            term = {sum(variable(*v) for v in variables): rational(coefficient)}
            add_product(total, term, entry | {0: -A[r][c]}, report)
    need(total == {0: 1}, "outside: the identity does not hold")
    report.count("cofactors", len(evidence["identity"]))
    return {item["entry"][0] for item in evidence["identity"]}, {item["entry"][1] for item in evidence["identity"]}


def check_not_closed(document: dict[str, Any], pattern: Pattern, report: VerificationReport) -> None:
    """A limit of products of the pattern's matrices that is no product itself."""
    A = array(document["limit"], (pattern.sizes[-1], pattern.sizes[0]), rational)
    factors = pattern.parameters(document, "factors")
    for c in range(pattern.sizes[0]):
        values = defaultdict[Node, Polynomial](dict, {(0, c): {0: Fraction(1)}})
        for (a, b), weight in factors:
            add_product(values[b], weight, values[a], report)
        for r, node in enumerate(pattern.layer(pattern.last)):
            good = max(values[node], default=0) <= 0 and values[node].get(0, 0) == A[r][c]
            need(good, "factors: the product does not tend to the limit")
    report.count("entries of the product", pattern.sizes[-1] * pattern.sizes[0])
    check_outside(document["outside"], pattern, A, report)


class Reduction:
    """The free edges of a linear network; steps change them so that its set of products is closed only if it was."""

    def __init__(self, last: int, edges: set[Edge], report: VerificationReport) -> None:
        self.last, self.edges, self.report = last, edges, report

    def run(self, steps: list[Any]) -> Reduction:
        """Take all steps."""
        for number, (kind, *arguments) in enumerate(steps):
            with at(f"reduction {number}"):
                need(kind in ("span", "split", "peel", "keep", "confine", "rely"), "unknown")
                self.edges = getattr(self, kind)(*arguments)
                self.report.count("reductions", 1)
        return self

    def around(self, node: Node) -> tuple[frozenset[Node], frozenset[Node]]:
        """The nodes before and after a hidden node."""
        need(0 < node[0] < self.last, "not a hidden node")
        self.report.spend(2 * len(self.edges))
        return frozenset(a for a, b in self.edges if b == node), frozenset(b for a, b in self.edges if a == node)

    def span(self, nodes: list[Any], given: Any = None) -> set[Edge]:
        """Nodes that together give every matrix between their neighbours give way to direct edges.

        `given` says which entries each node gives: those in one row or column; or (F0) of all nodes at most one in each
        column, or in each row. A node with one neighbour on a side gives all.
        """
        chosen = [tuple(node) for node in nodes]
        need(len(set(chosen)) == len(chosen), "a node stands twice")
        need(not any(a in chosen and b in chosen for a, b in self.edges), "nodes that feed each other")
        wanted = [set(product(*self.around(node))) for node in chosen]
        shares = wanted if given is None else [{(tuple(a), tuple(b)) for a, b in share} for share in given]
        need(all(share <= own for share, own in zip(shares, wanted, strict=True)), "entries of other nodes")
        sizes = [(len({a for a, _ in share}), len({b for _, b in share}), len(share)) for share in shares]
        lines = all(min(a, b) <= 1 for a, b, _ in sizes)
        matched = all(a == n for a, _, n in sizes) or all(b == n for _, b, n in sizes)
        need((lines or matched) and set().union(*wanted) <= self.edges.union(*shares), "not every matrix is given")
        return {edge for edge in self.edges.union(*wanted) if edge[0] not in chosen and edge[1] not in chosen}

    def confine(self, nodes: list[Any], kept: list[Any], rule: str) -> set[Edge]:
        """Nodes that give everything outside one or two ends, whatever they give there, are confined to these ends.

        That they do is not checked (F1, F2).
        """
        chosen, ends = {tuple(node) for node in nodes}, {tuple(node) for node in kept}
        side = {node[0] for node in ends}
        need(side in ({0}, {self.last}) and rule == f"F{len(ends)}" and rule in ("F1", "F2"), "unknown rule")
        pairs = {pair for node in chosen for pair in product(*self.around(node))}
        need(all(a[0] == 0 and b[0] == self.last for a, b in pairs), "nodes that feed hidden nodes")
        self.report.relies_on += (f"{rule} (that {len(chosen)} kernels give everything outside {len(ends)} lines)",)
        lost = {e for e in self.edges if chosen & {*e} and any(node[0] in side and node not in ends for node in e)}
        return (self.edges - lost) | {(a, b) for a, b in pairs if a not in ends and b not in ends}

    def split(self, node: Any, parts: list[Any]) -> set[Edge]:
        """A node by parts of its neighbours, disjoint on both sides: all other pairs have direct edges, which adapt."""
        before, after = self.around(tuple(node))
        sides = [({tuple(a) for a in below}, {tuple(b) for b in above}) for below, above in parts]
        for own, joined in ((before, [a for s in sides for a in s[0]]), (after, [b for s in sides for b in s[1]])):
            need(len(joined) == len(set(joined)) and own.issuperset(joined), "parts that are not disjoint")
        joined_pairs = self.edges.union(*(product(*side) for side in sides))
        need(joined_pairs.issuperset(product(before, after)), "a pair of neighbours in no part")
        edges = {edge for edge in self.edges if tuple(node) not in edge}
        for number, (below, above) in enumerate(sides):
            name = (*node, number)
            edges |= {(a, name) for a in below} | {(name, b) for b in above}
        return edges

    def peel(self, nodes: list[Any], side: str) -> set[Edge]:
        """Twins that are the only way from their inputs (or to their outputs): one edge to a different one suffices."""
        group, back = sorted(tuple(node) for node in nodes), side == "outputs"
        ends, others = self.around(group[0])[:: -1 if back else 1]
        need(all(self.around(node) == self.around(group[0]) for node in group), "nodes with different neighbours")
        need(len(set(group)) == len(group) <= len(ends), "more nodes than ends")
        need(all(node[0] == (self.last if back else 0) for node in ends), "nodes that are not at an end")
        rest = {edge for edge in self.edges if edge[0] not in group and edge[1] not in group}
        both = reach(self.edges, group, self.report, back) & reach(rest, ends, self.report, back)
        need(all(node[0] != (0 if back else self.last) for node in both), "there is another way")
        kept = {*zip(sorted(ends), group, strict=False), *product(group, others)}
        return rest | ({(b, a) for a, b in kept} if back else kept)

    def keep(self, kept: list[Any], steps: list[Any]) -> set[Edge]:
        """With these edges alone, which the steps make direct, every matrix between joined ends is a product."""
        edges = {(tuple(a), tuple(b)) for a, b in kept}
        inputs = {a for a, _ in self.edges if a[0] == 0}
        joined = {(a, b) for a in inputs for b in reach(self.edges, [a], self.report) if b[0] == self.last}
        left = Reduction(self.last, edges, self.report).run(steps).edges
        need(edges <= self.edges and left == joined, "some matrices are lost")
        return joined

    def rely(self, engine: str) -> set[Edge]:
        """On an engine, which says that the set is closed."""
        need(engine in ("z3", "QEPCAD"), "engine: unknown")
        self.report.relies_on += (f"{engine} (that what is left after reduction is closed)",)
        return set()


def check_closed(document: dict[str, Any], pattern: Pattern, report: VerificationReport) -> None:
    """Reduced to free edges and kernels (hidden nodes that no free entry touches), two of which are disjoint or nested
    the other way round in rows than in columns (P)."""
    left = Reduction(pattern.last, {e for e in pattern.edges if e[0] != ONE}, report).run(document["reductions"])
    hidden = {node for edge in left.edges for node in edge if 0 < node[0] < pattern.last}
    need(not any(a in hidden and b in hidden for a, b in left.edges), "kernels: hidden nodes feed hidden nodes")
    kernels = [left.around(node) for node in hidden]
    report.spend(len(kernels) ** 2 * len(left.edges))
    need(all(left.edges.isdisjoint(product(*kernel)) for kernel in kernels), "kernels: a free entry lies in one")
    pairs = [(R & S and C & D, R <= S and C >= D, R >= S and C <= D) for (C, R), (D, S) in combinations(kernels, 2)]
    need(all(not meet or less or more for meet, less, more in pairs), "kernels: neither disjoint nor crossing")
    report.count("kernels", len(kernels))


CLAIMS = {
    "attained": "an optimum exists for every dataset",
    "attained on a box": "every continuous function on a box has a best uniform approximation",
    "not attained on a box": "a function on a box has no best uniform approximation",
    "linear counterpart closed": "the products W_L ... W_1 form a closed set",
    "linear counterpart not closed": "the products W_L ... W_1 do not form a closed set",
}


def check_existence(document: dict[str, Any], report: VerificationReport) -> None:
    """Claims about a problem, or about a pattern."""
    if "problem" in document:
        return check_data(document, Problem(document["problem"]), report)
    pattern, claim = Pattern(document["pattern"]), document["claim"]
    report.claim = f"{pattern}: {CLAIMS[claim]}"
    free = all((ONE, node) in pattern.edges for layer in range(pattern.last) for node in pattern.layer(layer + 1))
    need(free or not claim.endswith("on a box"), "pattern: a bias is not free")
    if claim == "attained":
        need(separate(pattern, range(pattern.sizes[-1]), report), "pattern: no theorem applies")
    elif claim == "attained on a box":
        need(pattern.last == 2 and pattern.sizes[-1] == 1, "pattern: theorem K does not apply")
    elif claim == "linear counterpart closed":
        check_closed(document, pattern, report)
    else:
        check_not_closed(document, pattern, report)
    return None


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
