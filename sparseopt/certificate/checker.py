"""Checks a certificate in exact arithmetic. One file, standard library only: copy it anywhere and run

    python checker.py CERTIFICATE.json[.gz]

docs/certificates.md has the format and says why each step is sound, docs/existence.md the theorems (D, S, ...).
Everything is derived again from the masks and data in the certificate; the first failure makes it invalid.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import combinations, pairwise, product
from math import comb, gcd, lcm, prod
from pathlib import Path
from typing import Any

FORMAT = "sparseopt-certificate/1"
MAX_BYTES = 2**30  # of a file, after decompression
MAX_ENTRIES = 2 * 10**7  # of all masks, of the data
MAX_WORK = 3 * 10**9  # elementary steps, about a minute for each 10^9
PRIME = 2**61 - 1


class InvalidError(Exception):
    """The certificate does not prove what it claims; the text says where."""


def need(condition: bool, what: str) -> None:
    """Fail unless the condition holds."""
    if not condition:
        raise InvalidError(what)


@dataclass
class VerificationReport:
    """What :func:`verify` found."""

    valid: bool = False
    claim: str = ""  # in words
    checked: dict[str, int] = field(default_factory=dict)  # how many things of each kind
    failure: str = ""  # the first thing that is wrong
    relies_on: tuple[str, ...] = ()  # what was not checked: the word of a program, or a rule that is only stated
    place = "certificate"  # that is being checked
    spent = 0  # elementary steps

    def __bool__(self) -> bool:
        return self.valid

    def __str__(self) -> str:
        verdict = "INVALID" if not self.valid else "valid" + (", relying on " if self.relies_on else "")
        counts = ", ".join(f"{count} {what}" for what, count in self.checked.items())
        found = {"claim": self.claim or "none was read", "failure": self.failure, "checked": counts}
        lines = [f"{what}: {words}" for what, words in found.items() if words]
        return "\n".join([verdict + "; ".join(self.relies_on), *lines])

    def count(self, what: str, number: int = 1) -> None:
        """Note that so many things of a kind were checked."""
        self.checked[what] = self.checked.get(what, 0) + number

    def spend(self, steps: int, bits: int = 0) -> None:
        """Stop hostile input: note so many steps with numbers of so many bits."""
        self.spent += steps * (1 + (bits * bits >> 18))
        need(self.spent <= MAX_WORK, "more work than this checker does")


def verify(certificate: Any, problem: Any = None) -> VerificationReport:
    """Check a certificate: a path, a dictionary, or an object with such a `document`. No content makes it raise.

    With a problem (in the same forms), the certificate must speak of that one: of the same masks, data and loss.
    """
    report = VerificationReport()
    try:
        document = read(certificate)
        need(document["format"] == FORMAT, f"format: expected {FORMAT!r}")
        {"optimality": check_optimality, "existence": check_existence}[document["kind"]](document, report)
        report.place = "problem"
        same = problem is None or vars(Problem(read(problem))) == vars(Problem(document["problem"]))
        need(same, "the certificate speaks of another one")
        report.valid = True
    except Exception as error:  # whatever went wrong: this is no proof
        why = f"malformed or too large ({type(error).__name__}: {str(error)[:80]})"
        report.failure = f"{report.place}: {error if isinstance(error, InvalidError) else why}"
    return report


# --- reading ----------------------------------------------------------------------------------------------------------
def read(source: Any) -> Any:
    """Parse a file of strict JSON: no duplicate keys, no floating-point numbers, bounded size."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        need(len(dict(pairs)) == len(pairs), "a key stands twice in one object")
        return dict(pairs)

    if not isinstance(source, (str, Path)):
        return getattr(source, "document", source)
    with open(source, "rb") as file:
        packed = file.peek(2)[:2] == b"\x1f\x8b"
        text = (gzip.GzipFile(fileobj=file) if packed else file).read(MAX_BYTES + 1)
    need(len(text) <= MAX_BYTES, f"larger than {MAX_BYTES} bytes")
    return json.loads(text, object_pairs_hook=unique, parse_float=integer, parse_constant=integer)


def integer(value: Any) -> int:
    """An integer, written as a JSON number or as text."""
    if type(value) is int:
        return value
    good = isinstance(value, str) and len(value) <= 4000 and value.removeprefix("-").isdecimal()
    need(good, f"expected an integer, not {value!r:.40}")
    return int(value)


def rational(value: Any) -> Fraction:
    """An integer, or text "p/q"."""
    return Fraction(*map(integer, value.split("/") if isinstance(value, str) else [value]))


def array(value: Any, shape: Sequence[int], entry: Callable[[Any], Any]) -> Any:
    """Nested lists of a shape; `entry` reads an entry."""
    if not shape:
        return entry(value)
    need(isinstance(value, list) and len(value) == shape[0], f"expected a list of {shape[0]} parts")
    return [array(part, shape[1:], entry) for part in value]


def frozen(value: Any) -> Any:
    """Lists as tuples, all the way down."""
    return tuple(map(frozen, value)) if isinstance(value, (list, tuple)) else value


Polynomial = dict[int, Fraction]  # exponent → coefficient, not 0: Laurent in n; or many variables, see check_outside


def polynomial(value: Any) -> Polynomial:
    """A rational, or an object exponent of n → coefficient."""
    terms = value.items() if isinstance(value, dict) else [(0, value)]
    return {integer(e): number for e, c in terms if (number := rational(c))}


def add_product(total: Polynomial, a: Polynomial, b: Polynomial, report: VerificationReport) -> None:
    """total += a × b."""
    for (e, c), (f, d) in product(a.items(), b.items()):
        value = total.pop(e + f, 0) + c * d
        report.spend(1, value.denominator.bit_length() + value.numerator.bit_length())
        if value:
            total[e + f] = value


def limit(f: Polynomial) -> Fraction:
    """Of a Laurent polynomial as n tends to infinity."""
    need(max(f, default=0) <= 0, "parameters: a sequence that does not tend to a value")
    return f.get(0, Fraction(0))


# --- networks and problems --------------------------------------------------------------------------------------------
Node = tuple[int, ...]  # (layer, index): inputs in layer 0, outputs in the last
Edge = tuple[Node, Node]
ONE: Node = (0, -1)  # the constant input 1: a bias is an edge from it
Values = dict[Node, Polynomial]
Parameters = list[tuple[Edge, Polynomial]]  # weights and biases that are not zero; lower layers first


def propagate(weights: Parameters, inputs: Values, report: VerificationReport, relu: bool = False) -> Values:
    """The value of each node. For all large n a ReLU passes what has a positive leading coefficient."""
    report.spend(len(weights))
    values = defaultdict[Node, Polynomial](dict, inputs)
    for (a, b), weight in weights:
        value = values[a]
        if value and (not relu or a[0] == 0 or value[max(value)] > 0):
            add_product(values[b], weight, value, report)
    return values


def reach(edges: Iterable[Edge], start: Collection[Node], report: VerificationReport, back: bool = False) -> set[Node]:
    """The nodes that paths from `start` (or, back, to it) go through, and those of `start`."""
    seen = set(start)
    for edge in sorted(edges, key=lambda edge: edge[back][0], reverse=back):  # edges lead to higher layers
        report.spend(1)
        if edge[back] in seen:
            seen.add(edge[not back])
    return seen


class Pattern:
    """A network: the sizes of its layers, its inputs and outputs, and its free edges, biases included."""

    def __init__(self, document: Any) -> None:
        masks = document["masks"]
        self.sizes, self.last = [len(masks[0][0]), *map(len, masks)], len(masks)
        need(all(self.sizes) and bool(document["biases"]), "pattern: empty, or biases are missing")
        need(sum(m * n for m, n in pairwise([self.sizes[-1], *self.sizes])) <= MAX_ENTRIES, "pattern: too large")
        self.layers = [[(layer, i) for i in range(size)] for layer, size in enumerate(self.sizes)]
        self.inputs, self.outputs = self.layers[0], self.layers[-1]
        self.name = "-".join(map(str, self.sizes)) + " network"
        self.edges = {edge for edge, _ in self._entries(document, "masks", (0, 1).index)}

    def _entries(self, document: Any, key: str, entry: Callable[[Any], Any]) -> list[tuple[Edge, Any]]:
        """What masks or parameters say of each edge, where it is not zero. Without biases or skip these are zero."""
        out: list[tuple[Edge, Any]] = []
        biases = document.get("biases") or [[0] * size for size in self.sizes[1:]]
        for weights, bias, (below, above) in zip(document[key], biases, pairwise(self.layers), strict=True):
            rows = array(weights, (len(above), len(below)), entry)
            for node, row, b in zip(above, rows, array(bias, (len(above),), entry), strict=True):
                out += [((a, node), x) for a, x in zip([*below, ONE], [*row, b], strict=True)]
        if (skip := document.get("skip")) is not None:
            for node, row in zip(self.outputs, array(skip, (self.sizes[-1], self.sizes[0]), entry), strict=True):
                out += [((a, node), x) for a, x in zip(self.inputs, row, strict=True)]
        return [(edge, x) for edge, x in out if x]

    def live(self, inputs: Collection[Node], outputs: Iterable[int], report: VerificationReport) -> set[Node]:
        """The hidden neurons on paths from the inputs to the outputs."""
        above = reach(self.edges, [self.outputs[o] for o in outputs], report, back=True)
        return {node for node in reach(self.edges, inputs, report) & above if 0 < node[0] < self.last}

    def separate(self, outputs: Iterable[int], report: VerificationReport) -> bool:
        """D, S, U: at most one hidden layer, and no hidden neuron that sees an input feeds two outputs."""
        hidden = self.live(self.inputs, outputs, report)
        report.count("hidden neurons", len(hidden))
        feeding = Counter(a for a, _ in self.edges if a in hidden)
        return not hidden or (self.last == 2 and max(feeding.values()) == 1)

    def parameters(self, document: Any, key: str = "weights") -> Parameters:
        """Parameters of this pattern."""
        out = self._entries(document, key, polynomial)
        need(self.edges.issuperset(edge for edge, _ in out), f"{key}: not zero outside the pattern")
        return out


class Problem(Pattern):
    """A pattern with data: X (P, d), Y (P, q), positive weights (P,), loss linf | l1 | l2."""

    def __init__(self, document: Any) -> None:
        super().__init__(document["pattern"])
        data, self.loss = document["data"], document["loss"]
        need(self.loss in ("linf", "l1", "l2"), "loss: unknown")
        count, (d, *_, q) = len(data["X"]), self.sizes
        need(0 < count * (d + q) <= MAX_ENTRIES, "data: no points, or too large")
        self.X = [tuple(x) for x in array(data["X"], (count, d), rational)]
        self.Y = array(data["Y"], (count, q), rational)
        self.weights = array(data.get("weights", [1] * count), (count,), rational)
        need(min(self.weights) > 0, "data: a weight that is not positive")
        self.inverse: list[Any] = [1 if w == 1 else 1 / w for w in self.weights]  # integers are faster
        weighted = "" if set(self.weights) == {1} else ", weighted"
        self.name += f", {count} points{weighted}, loss {self.loss}"

    def total(self, parts: Sequence[Fraction]) -> Fraction:
        """The loss from its parts (points or outputs)."""
        return max(parts) if self.loss == "linf" else sum(parts, Fraction(0))

    def loss_of(self, parameters: Parameters, outputs: Iterable[int], report: VerificationReport) -> Fraction:
        """The exact loss on some outputs, or its limit if the parameters depend on n."""
        parts = []
        for x, y, w in zip(self.X, self.Y, self.weights, strict=True):
            inputs = {ONE: {0: Fraction(1)}} | {(0, i): {0: v} for i, v in enumerate(x) if v}
            values = propagate(parameters, inputs, report, relu=True)
            errors = [abs(limit(values[self.outputs[o]]) - y[o]) for o in outputs]
            parts += [w * error ** (2 if self.loss == "l2" else 1) for error in errors]
        report.count("points evaluated", len(self.X))
        return self.total(parts)

    def forced(self, output: int, multiplier: dict[int, int]) -> Fraction:
        """The loss of an output f that Σ_i m_i f(x_i) ≥ 0 forces, by Hölder's inequality for the residuals f - y."""
        total = -sum((m * self.Y[i][output] for i, m in multiplier.items()), Fraction(0))  # of Σ_i m_i (f(x_i) - y_i)
        if total <= 0:
            return Fraction(0)
        if self.loss == "l2":
            return Fraction(total * total, sum(m * m * self.inverse[i] for i, m in multiplier.items()))
        sizes = [abs(m) * self.inverse[i] for i, m in multiplier.items()]
        return Fraction(total, sum(sizes) if self.loss == "linf" else max(sizes))

    def least(self, outputs: list[int], multipliers: Any) -> Fraction:
        """No function of the inputs has a smaller loss: per output, multipliers that cancel on equal inputs."""
        bounds = []
        for output, row in zip(outputs, array(multipliers, (len(outputs), len(self.X)), integer), strict=True):
            sums = Counter[tuple[Fraction, ...]]()
            for x, m in zip(self.X, row, strict=True):
                sums[x] += m
            need(not any(sums.values()), "multipliers: they do not cancel on equal inputs")
            bounds.append(self.forced(output, dict(enumerate(row))))
        return self.total(bounds)


# --- optimality -------------------------------------------------------------------------------------------------------
class OutputProof:
    """That no parameters give an output a loss below `least`: for each class of signs a derivation of the empty clause.

    With f(x) = Σ_j s_j σ(p_j(x)) + l(x), s_j = ±1, p_j(x) = w_j·x + b_j, l linear, `rows[j][i]` times (w_j, b_j) is
    p_j(x_i), `rows[-1][i]` times the other parameters l(x_i), all scaled to whole numbers. A literal ± (1 + j P + i)
    says p_j(x_i) ≥ 0 or ≤ 0; `statements[j][i]` is the one name of all that say the same, 0 for a row of zeros.
    """

    def __init__(self, problem: Problem, output: int, least: Fraction, report: VerificationReport) -> None:
        self.problem, self.output, self.least, self.report = problem, output, least, report
        self.points = len(problem.X)
        need(problem.last <= 2 and problem.separate([output], report), "not a sum of neurons of its own")
        neurons = problem.live(problem.inputs, [output], report)
        others = [edge for edge in problem.edges if neurons.isdisjoint(edge)]
        direct = [a for a in reach(others, [problem.outputs[output]], report, back=True) if a[0] == 0]
        denominators = {v.denominator for x in problem.X for v in x}
        size = (100 * self.points + len(problem.edges)) * (1 + len(neurons))
        report.spend(size, sum(map(int.bit_length, denominators)))
        scale = lcm(*denominators)
        inputs = [[int(v * scale) for v in (*x, Fraction(1))] for x in problem.X]  # last is ONE, which is (0, -1)
        self.kinds = [tuple(sorted(a for a, b in problem.edges if b == h)) for h in sorted(neurons)]  # what each sees
        self.rows = [[tuple(x[i] for _, i in kind) for x in inputs] for kind in (*self.kinds, direct)]
        self.statements = [directions(rows, 1 + j * self.points) for j, rows in enumerate(self.rows[:-1])]

    def prove(self, classes: list[Any]) -> None:
        """Every sign class has a derivation of the empty clause."""
        proved = set()
        for number, part in enumerate(classes):
            clauses = self.derive(part["signs"], part["steps"], f"output {self.output}, class {number}")
            need(bool(clauses) and not clauses[-1], "the last clause is not empty")
            proved.add(frozenset(Counter(zip(self.kinds, self.signs, strict=True)).items()))
            self.report.count("sign classes")
        count = prod(number + 1 for number in Counter(self.kinds).values())
        need(len(proved) == count, f"{len(proved)} of {count} sign classes are proved")

    def derive(self, signs: list[int], steps: list[Any], place: str = "") -> list[frozenset[int]]:
        """The clauses of all steps of one sign class."""
        need(len(signs) == len(self.kinds) and all(type(s) is int and s in (1, -1) for s in signs), "signs")
        self.signs, self.clauses = signs, list[frozenset[int]]()
        for number, (rule, *evidence) in enumerate(steps):
            self.report.place = f"{place}, step {number}"
            need(rule in ("lemma", "copy", "rup"), "unknown")
            self.clauses.append(getattr(self, rule)(*evidence))
        return self.clauses

    def statement(self, literal: int) -> tuple[int, int, int]:
        """(neuron, point, literal of its direction) of a literal."""
        need(type(literal) is int and 0 < abs(literal) <= len(self.kinds) * self.points, "literal: no such neuron")
        j, i = divmod(abs(literal) - 1, self.points)
        number = self.statements[j][i]
        need(number != 0, "literal: the neuron's features are zero on this point")
        return j, i, number if literal > 0 else -number

    def vanishes(self, j: int, multiplier: dict[int, int]) -> bool:
        """Whether Σ_i multiplier_i rows[j][i] is zero."""
        chosen = [self.rows[j][i] for i in multiplier]
        self.report.spend(len(chosen) * len(chosen[0]), max(map(int.bit_length, multiplier.values())))
        return not any(sum(map(int.__mul__, column, multiplier.values())) for column in zip(*chosen, strict=True))

    def lemma(self, errors: list[Any], literals: list[Any]) -> frozenset[int]:
        """The literals force the loss to be at least the bound; or, without error rows, they are not all true.

        An error row [i, side, active, a] says side f(x_i) ≥ side (l + Σ_{j active} s_j p_j): neurons with s_j = -side
        are as `active` says, or have a chord a x_i = Σ c x_v. A pair [literal, m] says ± p_j(x_i) ≥ 0. Times a, m > 0
        the parameters cancel. That leaves Σ_i multiplier_i f(x_i) ≥ 0, or without error rows 0 as a sum of numbers ≥ 0,
        none of which is 0 for generic parameters.
        """
        need(len(errors) + len(literals) > 0, "nothing is added up")
        clause: set[int] = set()
        total = [defaultdict[int, int](int) for _ in self.rows]  # what multiplies each row
        for row in errors:
            (i, side, active, _, *chords), a = row, integer(row[3])
            need(type(i) is int and 0 <= i < self.points and side in (1, -1) and a > 0, "error row")
            need(type(active) is int and 0 <= active < 1 << len(self.signs), "active neurons")
            total[-1][i] += side * a
            missed: dict[int, dict[int, int]] = {}  # by a chord: a x_i - Σ c x_v
            for literal, factor in chords[0] if chords else ():
                (j, v, number), c = self.statement(literal), integer(factor)
                need(self.signs[j] == -side and not active >> j & 1, "a chord for a neuron that needs none")
                missed.setdefault(j, defaultdict(int, {i: a}))[v] -= c
                if (c > 0) == (literal > 0):
                    total[j][v] -= c
                clause.add(-number)
            need(all(self.vanishes(j, rest) for j, rest in missed.items()), "a chord misses its point")
            for j, sign in enumerate(self.signs):
                on = active >> j & 1
                if on:
                    total[j][i] += side * sign * a
                if sign == -side and j not in missed and (number := self.statements[j][i]):
                    clause.add(-number if on else number)
        for literal, factor in literals:
            (j, i, number), m = self.statement(literal), integer(factor)
            need(m > 0, "a multiplier is not positive")
            total[j][i] -= m if literal > 0 else -m
            clause.add(-number)
        need(all(self.vanishes(j, part) for j, part in enumerate(total) if part), "the parameters do not cancel")
        reached = not errors or self.problem.forced(self.output, total[-1]) >= self.least
        need(reached, "the rows do not reach the bound")
        self.report.count("bound lemmas" if errors else "geometry lemmas")
        return frozenset(clause)

    def copy(self, source: int, images: list[int]) -> frozenset[int]:
        """Symmetry: an earlier clause after exchanging neurons of equal kind and sign."""
        like = list(zip(self.kinds, self.signs, strict=True))
        exchange = sorted(images) == list(range(len(like))) and like == [like[image] for image in images]
        need(exchange, "neurons that cannot be exchanged")
        self.report.count("symmetry steps")
        moves = [(image - j) * self.points for j, image in enumerate(images)]
        earlier = [(literal, moves[(abs(literal) - 1) // self.points]) for literal in self._earlier(source)]
        return frozenset(literal + move if literal > 0 else literal - move for literal, move in earlier)

    def rup(self, clause: list[int], hints: list[int]) -> frozenset[int]:
        """Resolution: if all literals of the clause are false, each hint leaves one literal, and the last one none."""
        self.report.count("resolution steps")
        out = frozenset(self.statement(literal)[2] for literal in clause)
        true = {-literal for literal in out}
        for hint in hints:
            left = {literal for literal in self._earlier(hint) if -literal not in true}
            if not left:
                return out
            need(len(left) == 1, "an antecedent is not a unit")
            true |= left
        raise InvalidError("no antecedent is violated")

    def _earlier(self, number: int) -> frozenset[int]:
        need(type(number) is int and 0 <= number < len(self.clauses), "not an earlier step")
        self.report.spend(len(self.clauses[number]) + 1)
        return self.clauses[number]


def directions(rows: list[tuple[int, ...]], start: int) -> list[int]:
    """Names of rows: the number (from `start`) of the first with this direction, or minus that of the opposite one."""
    names = {(0,) * len(rows[0]): 0}
    out = []
    for number, row in enumerate(rows, start):
        size = gcd(*row) or 1
        direction, opposite = tuple(v // size for v in row), tuple(-v // size for v in row)
        out.append(-names[opposite] if opposite in names else names.setdefault(direction, number))
    return out


def check_optimality(document: dict[str, Any], report: VerificationReport) -> None:
    """Parameters with their loss, and per output a bound that is proved for every sign class."""
    problem, outputs = Problem(document["problem"]), document["outputs"]
    objective, bound = rational(document["objective"]), rational(document["bound"])
    rest = "which is optimal" if objective == bound else f"and no parameters have a loss below {bound}"
    report.claim = f"{problem.name}: the parameters have loss {objective}, {rest}"
    parameters, every = problem.parameters(document["parameters"]), range(len(problem.outputs))
    need(all(set(x) == {0} for _, x in parameters), "parameters: not constant")
    need(problem.loss_of(parameters, every, report) == objective, "objective: is not the loss of the parameters")
    bounds = [rational(output["bound"]) for output in outputs]
    need(len(bounds) == len(every) and min(bounds) >= 0, "outputs: not a bound for each")
    need(problem.total(bounds) >= bound, "bound: more than the outputs' bounds prove")
    for o, least in enumerate(bounds):
        if least > 0:
            OutputProof(problem, o, least, report).prove(outputs[o]["classes"])


# --- existence --------------------------------------------------------------------------------------------------------
def check_data(document: dict[str, Any], problem: Problem, report: VerificationReport) -> None:
    """A claim about one problem. Parts have parameters for groups of outputs that share no hidden neuron (C).

    Attained: they have the least loss of any function (A, I), and other outputs need none (D, S, U). Not attained: they
    only tend to it (N, G), and the loss is a sum, or of one part alone.
    """
    parts, attained = document["parts"], document["claim"] == "attained"
    report.claim = f"{problem.name}: {'an optimum exists' if attained else 'no parameters attain the infimum'}"
    groups, every = [part["outputs"] for part in parts], list(range(len(problem.outputs)))
    given = [o for group in groups for o in group]
    rest = sorted(set(every) - set(given))
    need(all(groups) and sorted(given + rest) == every, "parts: one is empty, or an output stands in two, or is none")
    used = [problem.live(problem.inputs, group, report) for group in (*groups, rest)]
    need(sum(map(len, used)) == len(set().union(*used)), "parts: groups share a hidden neuron")
    if attained:
        need(problem.separate(rest, report), "parts: no theorem applies to the other outputs")
    else:
        need(document["claim"] == "not attained" and len(parts) > 0, "claim: unknown, or without parts")
        need(problem.loss != "linf" or not (rest or parts[1:]), "parts: they do not show the claim")
    for group, part in zip(groups, parts, strict=True):
        parameters = problem.parameters(part["parameters"])
        loss = problem.loss_of(parameters, group, report)
        multipliers = part.get("multipliers", [[0] * len(problem.X)] * len(group))
        need(loss == problem.least(group, multipliers), f"parameters: {loss} is not the least loss")
        need(attained == all(set(x) == {0} for _, x in parameters), "parameters: constant, against the claim, or not")
        if "outside" in part and not attained:
            need(loss == 0, "parameters: the loss does not tend to 0")
            check_no_fit(part, problem, group, report)
        elif not attained:
            need(part["engine"] == "z3", "engine: unknown")
            report.relies_on += (f"z3 (that no parameters have the loss {loss})",)


def check_no_fit(part: dict[str, Any], problem: Problem, outputs: list[int], report: VerificationReport) -> None:
    """N: on too many points in general position the targets are an affine function that the network cannot have."""
    X = problem.X
    A = array(part["parameters"]["limit"], (len(problem.outputs), len(problem.inputs)), rational)
    rows, columns = map(set, zip(*check_outside(part["outside"], problem, A, report), strict=True))
    need(rows <= set(outputs), "outside: another output")
    seen = reach(problem.edges, [(problem.last, r) for r in rows], report, back=True)
    inputs = [i for i in range(problem.sizes[0]) if (0, i) in seen and len({x[i] for x in X}) > 1]
    need(columns <= set(inputs), "outside: an input does not vary")
    for r in rows:
        constants = {y[r] - sum(A[r][i] * x[i] for i in inputs) for x, y in zip(X, problem.Y, strict=True)}
        need(len(constants) == 1, f"targets: output {r} is not affine with the limit matrix")
    d, widths = len(inputs), Counter(h[0] for h in problem.live([(0, i) for i in inputs], rows, report))
    report.spend(d * sum(widths.values()))
    needed = 1 + d * prod(sum(comb(width, i) for i in range(d + 1)) for width in widths.values())  # d affine pieces + 1
    points = sorted({tuple(x[i] for i in inputs) for x in X})
    if any(after != before * p[0] for p in points for before, after in pairwise(p)):  # not on the moment curve
        lifted, points = [(1, *(v.numerator * pow(v.denominator, -1, PRIME) for v in p)) for p in points], []
        for p in lifted:
            if len(points) < needed and all(determinant([*s, p], report) % PRIME for s in combinations(points, d)):
                points.append(p)
    need(len(points) >= needed, f"points: fewer than {needed} in general position")
    report.count("points in general position", needed)


def determinant(M: Sequence[Sequence[int]], report: VerificationReport) -> int:
    """By expansion along the first row."""
    report.spend(len(M) ** 2)
    total = 0 if M else 1
    for q, v in enumerate(M[0] if M else ()):
        total += (-1) ** q * v * determinant([[*row[:q], *row[q + 1 :]] for row in M[1:]], report)
    return total


def check_outside(evidence: Any, pattern: Pattern, A: Any, report: VerificationReport) -> list[tuple[int, int]]:
    """A is no product Π of the pattern's matrices, because of the entries returned: Σ g_rc (Π_rc - A_rc) = 1.

    Everything is a polynomial in the weights; a monomial is a number whose digits in base 2^16 are the exponents. The
    cofactors g are written in sums over paths: ["u", j, r] from node j to output r, ["v", j, c] from input c to node j.
    """
    edges, number, total = sorted(pattern.edges), dict[Edge, int](), Polynomial()

    def paths(a: Node, b: Node) -> Polynomial:
        between = reach(edges, [a], report) & reach(edges, [b], report, back=True)
        used = [edge for edge in edges if between.issuperset(edge)]
        report.spend(len(used), 16 * len(number))
        weights = [(edge, {1 << 16 * number.setdefault(edge, len(number)): Fraction(1)}) for edge in used]
        return propagate(weights, {a: {0: Fraction(1)}}, report)[b]

    for item in evidence["identity"]:
        r, c = item["entry"]
        need((0, c) in pattern.inputs and (pattern.last, r) in pattern.outputs, "outside: no such entry")
        difference = paths((0, c), (pattern.last, r)) | {0: -A[r][c]}
        for coefficient, variables in item["cofactor"]:
            need(len(variables) < 1000, "outside: degree")
            term = {0: rational(coefficient)}
            for side, j, at in variables:
                node, factor, term = tuple(evidence["nodes"][j]), term, Polynomial()
                between = paths(node, (pattern.last, at)) if side == "u" else paths((0, at), node)
                add_product(term, factor, between, report)
            add_product(total, term, difference, report)
    need(total == {0: 1}, "outside: the identity does not hold")
    report.count("cofactors", len(evidence["identity"]))
    return [tuple(item["entry"]) for item in evidence["identity"]]


class Reduction:
    """The free edges of a linear network; steps change them so that its set of products is closed only if it was."""

    def __init__(self, last: int, edges: set[Edge], steps: Any, report: VerificationReport) -> None:
        self.last, self.edges, self.report = last, edges, report
        for number, (kind, *arguments) in enumerate(steps):
            report.place = f"reduction {number}, {kind}"
            need(kind in ("span", "split", "peel", "keep", "rely"), "unknown")
            self.edges = getattr(self, kind)(*arguments)
            report.count("reductions")

    def around(self, node: Node) -> tuple[set[Node], set[Node]]:
        """The nodes before and after a hidden node."""
        need(0 < node[0] < self.last, "not a hidden node")
        before, after = {a for a, b in self.edges if b == node}, {b for a, b in self.edges if a == node}
        self.report.spend(2 * len(self.edges) + 100 * len(before) * len(after))  # pairs take memory, too
        return before, after

    def without(self, nodes: Sequence[Node]) -> set[Edge]:
        """The edges that do not touch these nodes, which are different."""
        lost = set(nodes)
        need(len(lost) == len(nodes), "a node stands twice")
        return {edge for edge in self.edges if lost.isdisjoint(edge)}

    def span(self, nodes: Sequence[Node], given: Any = None) -> set[Edge]:
        """Nodes that together give every matrix between their neighbours give way to direct edges.

        `given`: what each gives, in one row or column; or (F0) at most one in each column, or in each row. Else all.
        """
        need(not any(map(set(nodes).issuperset, self.edges)), "nodes that feed each other")
        wanted = [set(product(*self.around(node))) for node in nodes]
        shares = wanted if given is None else list(map(set, given))
        need(all(share <= own for share, own in zip(shares, wanted, strict=True)), "entries of other nodes")
        sizes = [(len({a for a, _ in share}), len({b for _, b in share}), len(share)) for share in shares]
        lines = all(min(a, b) <= 1 for a, b, _ in sizes)
        matched = all(a == n for a, _, n in sizes) or all(b == n for _, b, n in sizes)
        need((lines or matched) and set().union(*wanted) <= self.edges.union(*shares), "not every matrix is given")
        return self.without(nodes).union(*wanted)

    def split(self, node: Node, parts: Any) -> set[Edge]:
        """A node by parts of its neighbours, disjoint on both sides: all other pairs have direct edges, which adapt."""
        edges, sides = self.without([node]), self.around(node)
        for own, lists in zip(sides, list(zip(*parts, strict=True)) or ([], []), strict=True):
            joined = sum(lists, ())
            need(len(joined) == len(set(joined)) and own.issuperset(joined), "parts that are not disjoint")
        need(self.edges.union(*(product(*part) for part in parts)).issuperset(product(*sides)), "a pair in no part")
        for number, (below, above) in enumerate(parts):
            edges |= {*product(below, [(*node, number)]), *product([(*node, number)], above)}
        return edges

    def peel(self, nodes: Sequence[Node], side: str) -> set[Edge]:
        """Twins that are the only way from their inputs (or to their outputs): one edge to a different one suffices."""
        group, back = sorted(nodes), side == "outputs"
        ends, others = self.around(group[0])[:: -1 if back else 1]
        need(all(self.around(node) == self.around(group[0]) for node in group), "nodes with different neighbours")
        need(len(group) <= len(ends), "more nodes than ends")
        need(all(node[0] == (self.last if back else 0) for node in ends), "nodes that are not at an end")
        rest = self.without(group)
        both = reach(self.edges, group, self.report, back) & reach(rest, ends, self.report, back)
        need(all(node[0] != (0 if back else self.last) for node in both), "there is another way")
        kept = {*zip(sorted(ends), group, strict=False), *product(group, others)}
        return rest | ({(b, a) for a, b in kept} if back else kept)

    def keep(self, kept: Iterable[Edge], steps: Any) -> set[Edge]:
        """With these edges alone, which the steps make direct, every matrix between joined ends is a product."""
        edges = set(kept)
        inputs = {a for a, _ in self.edges if a[0] == 0}
        joined = {(a, b) for a in inputs for b in reach(self.edges, [a], self.report) if b[0] == self.last}
        left = Reduction(self.last, edges, steps, self.report).edges
        need(edges <= self.edges and left == joined, "some matrices are lost")
        return joined

    def rely(self, word: str, lost: Any = None, gained: Any = ()) -> set[Edge]:
        """The word of an engine, or a rule that is only stated: closed, if closed with other edges for those lost."""
        need(word in ("F1", "F2", "z3", "QEPCAD"), "rule or engine: unknown")
        need(self.edges.issuperset(lost or ()), "edges that there are not")
        self.report.relies_on += (f"{word} (that what is left after reduction is closed)",)
        return set() if lost is None else (self.edges - set(lost)) | set(gained)

    def check_closed(self) -> None:
        """P: free edges, and kernels that none touches, two of which are disjoint or nested the other way in rows."""
        self.report.place = "kernels"
        hidden = {node for edge in self.edges for node in edge if 0 < node[0] < self.last}
        need(not any(a in hidden and b in hidden for a, b in self.edges), "hidden nodes feed hidden nodes")
        kernels = [self.around(node) for node in hidden]
        self.report.spend(len(kernels) ** 2 * len(self.edges))
        need(all(self.edges.isdisjoint(product(*kernel)) for kernel in kernels), "a free entry lies in one")
        for (C, R), (D, S) in combinations(kernels, 2):
            crossing = (R <= S and C >= D) or (R >= S and C <= D)
            need(crossing or R.isdisjoint(S) or C.isdisjoint(D), "neither disjoint nor crossing")
        self.report.count("kernels", len(kernels))


def check_existence(document: dict[str, Any], report: VerificationReport) -> None:
    """Claims about a problem, or about a pattern."""
    if "problem" in document:
        check_data(document, Problem(document["problem"]), report)
        return
    pattern, claim = Pattern(document["pattern"]), document["claim"]
    report.claim = f"{pattern.name}: {claim}"
    free = sum(a == ONE for a, _ in pattern.edges) == sum(pattern.sizes[1:])
    if claim == "attained for every dataset":
        need(pattern.separate(range(len(pattern.outputs)), report), "pattern: no theorem applies")
    elif claim == "attained on a box":
        need(free and pattern.last == 2 and len(pattern.outputs) == 1, "pattern: theorem K does not apply")
    elif claim == "linear counterpart closed":
        edges = {edge for edge in pattern.edges if edge[0] != ONE}
        Reduction(pattern.last, edges, frozen(document["reductions"]), report).check_closed()
    else:
        need(claim == "linear counterpart not closed" or (free and claim == "not attained on a box"), "claim or biases")
        A = array(document["limit"], (len(pattern.outputs), len(pattern.inputs)), rational)
        factors = pattern.parameters(document, "factors")
        for column, node in zip(zip(*A, strict=True), pattern.inputs, strict=True):
            values = propagate(factors, {node: {0: Fraction(1)}}, report)
            need(column == tuple(limit(values[node]) for node in pattern.outputs), "factors: another limit")
        check_outside(document["outside"], pattern, A, report)


if __name__ == "__main__":
    found = {path: verify(path) for path in sys.argv[1:]}
    reports = "\n\n".join(f"{path}: {report}" for path, report in found.items())
    print(reports or "usage: python checker.py CERTIFICATE...")
    sys.exit(0 if found and all(found.values()) else 1)
