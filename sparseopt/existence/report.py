"""What ``certify`` answers: a verdict, its scope, and the reason with its source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sparseopt.network import Network
from sparseopt.problem import TrainingProblem

if TYPE_CHECKING:
    from sparseopt.existence.divergence import DivergingSequence
    from sparseopt.existence.kernels import Block
    from sparseopt.pattern import SparsityPattern

PAPER = "Le, Riccietti, Gribonval, NeurIPS 2023, arXiv 2306.02666"


CERTIFICATE_FORMAT = "sparseopt-certificate/1"


def existence_certificate(claim: str, **evidence: Any) -> dict[str, Any]:
    """A certificate of docs/certificates.md as JSON-ready values."""
    return {"format": CERTIFICATE_FORMAT, "kind": "existence", "claim": claim, **evidence}


def block_document(
    pattern: SparsityPattern, block: Block | None, varying: Sequence[int] | None = None
) -> dict[str, Any]:
    """The block that shows that the limit is outside (None: all), and the inputs that vary (None: the block's)."""
    outputs, inputs = block or (range(pattern.n_outputs), range(pattern.n_inputs))
    return {
        "block": {"outputs": list(outputs), "inputs": list(inputs)},
        "inputs": list(inputs if varying is None else varying),
    }


def certificate_of_parameters(problem: TrainingProblem, network: Network) -> dict[str, Any]:
    """Rule A: parameters whose loss no function of the inputs can beat, as exact rationals."""
    weights, biases, skip = network.exact
    exact = Network(network.pattern, weights, biases, skip)
    return existence_certificate("attained", theorem="A", problem=problem.document, parameters=exact.to_dict())


class Verdict(StrEnum):
    """Whether the infimum of the training loss is attained."""

    ATTAINED = "ATTAINED"
    """An optimum exists."""
    NOT_ATTAINED = "NOT_ATTAINED"
    """No parameters reach the infimum."""
    UNDECIDED = "UNDECIDED"
    """No theorem implemented here applies."""


class Scope(StrEnum):
    """Which data a verdict speaks of."""

    EVERY_DATASET = "EVERY_DATASET"
    """All training sets with this pattern."""
    SOME_DATASET = "SOME_DATASET"
    """At least one training set with this pattern, given as the witness."""
    EVERY_BOX_FUNCTION = "EVERY_BOX_FUNCTION"
    """All continuous functions on a box, in the uniform norm."""
    SOME_BOX_FUNCTION = "SOME_BOX_FUNCTION"
    """At least one continuous function on a box: x ↦ A x with the limit matrix A."""
    THIS_DATASET = "THIS_DATASET"
    """The given training problem."""


@dataclass(frozen=True)
class ExistenceReport:
    """The answer of :func:`sparseopt.certify`.

    Attributes
    ----------
    verdict : Verdict
    scope : Scope
    reason : str
        The theorem and its source, in words.
    theorem : str
        Letter of the deciding theorem in docs/existence.md; empty if undecided.
    witness : TrainingProblem or None
        For NOT_ATTAINED on a pattern: a dataset whose infimum 0 is not attained.
    sequence : DivergingSequence or None
        For NOT_ATTAINED: parameters, as functions of n, whose loss tends to 0.
    network : Network or None
        For ATTAINED by a bound: parameters that reach it.
    certificate : dict or None
        The evidence as JSON-ready values.
    """

    verdict: Verdict
    scope: Scope
    reason: str
    theorem: str = ""
    witness: TrainingProblem | None = None
    sequence: DivergingSequence | None = field(default=None, repr=False)
    network: Network | None = field(default=None, repr=False)
    certificate: dict[str, Any] | None = field(default=None, repr=False)
