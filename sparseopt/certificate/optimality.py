"""Optimality certificates: rational parameters, their exact loss, and a proof that no parameters do better."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sparseopt.certificate.class_proof import ClassSteps
from sparseopt.certificate.exact_fit import ExactFit
from sparseopt.certificate.goal import Goal
from sparseopt.certificate.node_rows import CertificateError
from sparseopt.files import write_file
from sparseopt.losses import Loss
from sparseopt.models.scalar_fit import ScalarFit, ShallowParameters
from sparseopt.network import Network
from sparseopt.problem import TrainingProblem
from sparseopt.rationals import rational_text
from sparseopt.solvers.exact.proof_log import ClassProof

FORMAT = "sparseopt-certificate/1"


class Part(NamedTuple):
    """One output: its fit, the best signs and parameters found, and the logs of all its sign classes."""

    fit: ScalarFit
    signs: Any
    theta: Any
    proofs: Sequence[ClassProof]


class _Proved(NamedTuple):
    signs: list[int]
    theta: list[Fraction]
    objective: Fraction
    bound: Fraction
    classes: list[ClassSteps]


@dataclass(frozen=True)
class OptimalityCertificate:
    """The evidence that parameters are optimal, or within a gap; see docs/certificates.md for its written form.

    Attributes
    ----------
    problem : TrainingProblem
    network : Network
        Rational parameters.
    objective : Fraction
        Their exact loss.
    bound : Fraction
        No parameters have a smaller loss.
    """

    problem: TrainingProblem
    network: Network
    objective: Fraction
    bound: Fraction
    _outputs: list[_Proved]

    def text(self) -> Iterator[str]:
        """The JSON text, in pieces: one line a step."""
        head = {
            "format": FORMAT,
            "kind": "optimality",
            "problem": self.problem.document,
            "parameters": self.network.to_dict(),
            "objective": rational_text(self.objective),
            "bound": rational_text(self.bound),
        }
        yield json.dumps(head)[:-1] + ',\n"outputs":['
        for o, output in enumerate(self._outputs):
            yield (",\n" if o else "") + f'{{"bound":"{rational_text(output.bound)}","classes":['
            for c, proof in enumerate(output.classes):
                yield (",\n" if c else "") + f'{{"signs":{json.dumps(proof.signs)},"steps":[\n'
                for s, line in enumerate(proof.steps.lines):
                    yield (",\n" if s else "") + line
                yield "]}"
            yield "]}"
        yield "]}\n"

    @property
    def document(self) -> dict[str, Any]:
        """The certificate as JSON-ready values."""
        found: dict[str, Any] = json.loads("".join(self.text()))
        return found

    @property
    def n_steps(self) -> int:
        """Lemmas and derived clauses of all proofs."""
        return sum(len(proof.steps.lines) for output in self._outputs for proof in output.classes)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the certificate, compressed if the name ends in .gz; whole or not at all."""

        def write(temporary: str) -> None:
            packed = Path(path).suffix == ".gz"
            with gzip.open(temporary, "wt") if packed else open(temporary, "w", encoding="utf-8") as file:
                file.writelines(self.text())

        write_file(path, write)


def certify_optimum(
    problem: TrainingProblem, parts: Sequence[Part], gap: float = 0.0, check: Callable[[], object] = bool
) -> OptimalityCertificate:
    """Make the answer of a finished search exact.

    The bound is the exact loss of the parameters, less the relative gap that the search was allowed, less the least
    slack that can be proved (:class:`Goal`). `check` is called again and again and may raise to stop.

    Raises
    ------
    CertificateError
        If a sign class was not searched to the end, or the proof cannot be made exact.
    """
    outputs = [_prove(ExactFit.of(problem, o, part.fit), part, Fraction(gap), check) for o, part in enumerate(parts)]
    built = ShallowParameters(problem.pattern, exact=True)
    for o, (part, output) in enumerate(zip(parts, outputs, strict=True)):
        part.fit.add_to(built, o, output.signs, np.array(output.theta, dtype=object))
    network = built.network()
    bounds = [output.bound for output in outputs]
    bound = max(bounds) if problem.loss is Loss.LINF else sum(bounds, Fraction(0))
    return OptimalityCertificate(problem, network, problem.evaluate_exact(network), bound, outputs)


def _prove(fit: ExactFit, part: Part, gap: Fraction, check: Callable[[], object]) -> _Proved:
    """Exact parameters and the steps of every class."""
    if len(part.proofs) < len(part.fit.sign_classes()):
        raise CertificateError("the search was not finished")
    goal = Goal(fit, [int(s) for s in part.signs], part.fit.unscaled(part.theta), gap, check)
    classes = [ClassSteps(proof, goal) for proof in part.proofs] if goal.target else []
    return _Proved(goal.signs, goal.theta, goal.objective, goal.target, classes if goal.target else [])
