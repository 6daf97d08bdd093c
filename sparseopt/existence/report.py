"""What ``certify`` answers: a verdict, its scope, and the reason with its source."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sparseopt.existence.data_bound import bound_multipliers
from sparseopt.network import Network
from sparseopt.problem import TrainingProblem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sparseopt.existence.divergence import DivergingSequence
    from sparseopt.pattern import SparsityPattern

PAPER = "Le, Riccietti, Gribonval, NeurIPS 2023, arXiv 2306.02666"


CERTIFICATE_FORMAT = "sparseopt-certificate/1"


def existence_certificate(claim: str, **evidence: Any) -> dict[str, Any]:
    """A certificate of docs/certificates.md as JSON-ready values."""
    return {"format": CERTIFICATE_FORMAT, "kind": "existence", "claim": claim, **evidence}


def certificate_of_parameters(problem: TrainingProblem, network: Network, theorem: str = "A") -> dict[str, Any]:
    """Parameters whose loss no function of the inputs can beat, as exact rationals."""
    weights, biases, skip = network.exact
    exact = Network(network.pattern, weights, biases, skip)
    return data_certificate("attained", theorem, problem, exact.to_dict())


def data_certificate(
    claim: str, theorem: str, problem: TrainingProblem, parameters: dict[str, Any], **evidence: Any
) -> dict[str, Any]:
    """A certificate with parameters, or a sequence of them, and the proof of the loss that no function can beat."""
    if (multipliers := bound_multipliers(problem)) is not None:
        evidence["multipliers"] = multipliers
    part = {"outputs": list(range(problem.pattern.n_outputs)), "parameters": parameters, **evidence}
    return existence_certificate(claim, theorem=theorem, problem=problem.document, parts=[part])


def part_of_whole(part: dict[str, Any], group: Sequence[int], pattern: SparsityPattern) -> dict[str, Any]:
    """A part of a certificate for a group of outputs, as one for all outputs, with zeros for the others."""

    def spread(rows: list[Any]) -> list[Any]:
        zero = [0] * len(rows[0]) if isinstance(rows[0], list) else 0
        return [rows[group.index(o)] if o in group else zero for o in range(pattern.n_outputs)]

    given = part["parameters"]
    own = {key: [*given[key][:-1], spread(given[key][-1])] for key in ("weights", "biases")}
    own |= {key: spread(given[key]) for key in ("skip", "limit") if given.get(key) is not None}
    whole = part | {"outputs": [group[o] for o in part["outputs"]], "parameters": own}
    if part.get("outside"):
        identity = [
            {
                "entry": [group[item["entry"][0]], item["entry"][1]],
                "cofactor": [
                    [x, [[side, j, group[at] if side == "u" else at] for side, j, at in variables]]
                    for x, variables in item["cofactor"]
                ],
            }
            for item in part["outside"]["identity"]
        ]
        whole["outside"] = part["outside"] | {"identity": identity}
    return whole


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
        For ATTAINED by a bound: parameters that reach it. For an undecided problem: the best that was found.
    certificate : dict or None
        The evidence as JSON-ready values.
    bounds : (float, float) or None
        For an undecided problem: the infimum lies between these, in floating point.
    """

    verdict: Verdict
    scope: Scope
    reason: str
    theorem: str = ""
    witness: TrainingProblem | None = None
    sequence: DivergingSequence | None = field(default=None, repr=False)
    network: Network | None = field(default=None, repr=False)
    certificate: dict[str, Any] | None = field(default=None, repr=False)
    bounds: tuple[float, float] | None = None
