"""What is known of the instances, in data/benchmark.jsonl: digests, exact optima, and what proves them.

A line an instance:

    digest        SHA-256 of its exact data (:func:`~sparseopt.benchmark.instances.digest`)
    optimum       a rational as text, from a certificate that the independent checker found valid; or null
    certificate   SHA-256 of the certificate's JSON text
    steps         lemmas and derived clauses of its proof; 0 where the data alone prove the optimum
    search        digest of the sources that wrote the certificate (:func:`sources`)
    z3            the optimum that z3 proved in a sweep, or null

``python -m sparseopt.benchmark.known`` makes what these sources have not made yet; see docs/benchmark.md.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Iterable, Mapping
from fnmatch import fnmatch
from fractions import Fraction
from functools import cache
from importlib.metadata import version
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sparseopt.benchmark.instances import Instance, digest
from sparseopt.benchmark.peers.answer import Claim
from sparseopt.benchmark.suites import INSTANCES
from sparseopt.errors import InputError
from sparseopt.files import write_text
from sparseopt.network import Network
from sparseopt.pattern import SparsityPattern
from sparseopt.problem import TrainingProblem
from sparseopt.rationals import exact_array, rational_text

SECONDS = 60.0
"""For the search and the exact proof of one instance."""

_FILE = files("sparseopt.data").joinpath("benchmark.jsonl")


@cache
def records() -> dict[str, dict[str, Any]]:
    """The lines of the file by instance."""
    return {record["instance"]: record for record in map(json.loads, _FILE.read_text(encoding="utf-8").splitlines())}


def known_optima() -> dict[str, float]:
    """The proved optimum of every instance that has one, rounded to a float."""
    proved = {name: record["optimum"] or record["z3"] for name, record in records().items()}
    return {name: float(Fraction(optimum)) for name, optimum in proved.items() if optimum is not None}


def check_digest(problem: TrainingProblem) -> None:
    """Refuse an instance that is not regenerated bit for bit."""
    if digest(problem) != records()[problem.name]["digest"]:
        raise InputError(
            f"instance {problem.name}: differs from the library's; try the numpy version of pyproject.toml"
        )


def network_of(pattern: SparsityPattern, document: Mapping[str, Any]) -> Network:
    """The network of a row: the inverse of ``Network.to_dict``, with exact parameters."""

    def exact(values: Any) -> Any:
        return exact_array(np.array(values, dtype=object))

    skip = document.get("skip")
    weights, biases = (list(map(exact, document[key])) for key in ("weights", "biases"))
    return Network(pattern, weights, biases, None if skip is None else exact(skip))


@cache
def sources() -> str:
    """Digest of the sources that search and write proofs, and of the compiler's version.

    Other sources may prove the same optimum in other steps. So may another kind of processor: sums of floats then have
    other rounding errors.
    """
    folders = files("sparseopt.solvers.exact"), files("sparseopt.certificate")
    found = [file for folder in folders for file in sorted(folder.iterdir(), key=str) if file.name.endswith(".py")]
    found = [file for file in found if file.name != "checker.py"] + [files("sparseopt.models") / "scalar_fit.py"]
    texts = [*(file.read_bytes() for file in found), version("numba").encode()]
    return hashlib.sha256(b"\0".join(texts)).hexdigest()[:16]


class Proved(NamedTuple):
    """An exact optimum with the text of its certificate, which the checker found valid for the instance's problem."""

    optimum: Fraction
    certificate: str
    steps: int


def prove(instance: Instance, seconds: float = SECONDS) -> Proved | str:
    """The exact optimum of an instance and its certificate; why not, if there is none within the time.

    Raises
    ------
    RuntimeError
        If the checker does not accept the certificate.
    """
    from sparseopt.certificate.checker import verify
    from sparseopt.existence.report import certificate_of_parameters
    from sparseopt.solvers.solve import solve

    problem = instance.problem()
    if instance.optimal is not None:
        network = instance.optimal()
        document = certificate_of_parameters(problem, network)
        proved = Proved(problem.evaluate_exact(network), json.dumps(document, indent=1) + "\n", 0)
    else:
        result = solve(problem, "exact", seconds, certificate=True)
        if (certificate := result.certificate) is None:
            return result.message.partition("; no certificate: ")[2] or result.message
        if certificate.objective != certificate.bound:
            return f"a gap of {float(certificate.objective - certificate.bound):.1e} is left"
        proved = Proved(certificate.objective, "".join(certificate.text()), certificate.n_steps)
    checked = verify(json.loads(proved.certificate), problem)
    if not checked.valid or checked.relies_on:
        raise RuntimeError(f"{instance.name}: the checker does not accept its certificate: {checked}")
    return proved


def started(known: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """A record for every instance: the known one, or an empty one where there is none for its exact data."""
    out = {}
    for name, instance in INSTANCES.items():
        now = {"instance": name, "digest": digest(instance.problem())}
        old = known.get(name, {})
        nothing = dict.fromkeys(("optimum", "certificate", "steps", "search", "z3"))
        out[name] = dict(old) if old.get("digest") == now["digest"] else {**now, **nothing}
    return out


def updated(record: Mapping[str, Any], found: Proved | str) -> dict[str, Any]:
    """A record after an attempt of these sources; what others proved stays where these do not."""
    if isinstance(found, str):
        return {**record, "search": sources() if record["optimum"] is None else record["search"]}
    own = {"optimum": rational_text(found.optimum), "certificate": sha256(found.certificate), "steps": found.steps}
    return agreeing({**record, **own, "search": sources()})


def agreeing(record: dict[str, Any]) -> dict[str, Any]:
    """The record itself, if z3 and the certificate prove the same optimum.

    Raises
    ------
    RuntimeError
        If they do not.
    """
    optimum, z3 = record["optimum"], record["z3"]
    if None not in (optimum, z3) and optimum != z3:
        raise RuntimeError(f"{record['instance']}: the certificate proves {optimum}, z3 {z3}")
    return record


def with_z3(known: Mapping[str, Mapping[str, Any]], rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The records with the optima that z3 proved in the rows of sweeps."""
    out = {name: dict(record) for name, record in known.items()}
    for row in rows:
        name, answer = row["instance"], row["answer"]
        proved = row["peer"] == "z3" and answer and answer["claim"] == Claim.OPTIMAL
        if proved and row["digest"] == out[name]["digest"]:
            problem = INSTANCES[name].problem()
            network = network_of(problem.pattern, answer["network"])
            out[name] = agreeing({**out[name], "z3": rational_text(problem.evaluate_exact(network))})
    return out


def write(known: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Write records, one a line, in the order of their names."""
    write_text(path, "".join(json.dumps(known[name]) + "\n" for name in sorted(known)))


def sha256(text: str) -> str:
    """SHA-256 of a text, as ``sha256sum`` gives it for a file that holds it."""
    return hashlib.sha256(text.encode()).hexdigest()


def compare(instance: Instance, folder: Path, seconds: float = SECONDS) -> tuple[bool, str]:
    """Make an instance's certificate again and keep it: whether nothing differs from the record, and what does."""
    record, found = records()[instance.name], prove(instance, seconds)
    if isinstance(found, str):
        return record["optimum"] is None, f"no certificate: {found}"
    write_text(folder / f"{instance.name}.json", found.certificate)
    if rational_text(found.optimum) != record["optimum"]:
        return False, f"valid, but it proves {found.optimum}, and the record says {record['optimum']}"
    if sha256(found.certificate) == record["certificate"]:
        return True, f"valid, {found.optimum}, the same text"
    why = "on another machine" if record["search"] == sources() else "by other sources"
    return record["search"] != sources(), f"valid, {found.optimum}; the record is of another proof, made {why}"


def main(arguments: list[str] | None = None) -> int:
    """Make and check what these sources have not proved yet; the file is written after each instance."""
    parser = argparse.ArgumentParser(prog="python -m sparseopt.benchmark.known", description=main.__doc__)
    parser.add_argument("rows", nargs="*", type=Path, help="rows.jsonl of sweeps, whose optima by z3 are added")
    parser.add_argument("--instances", default="*", help="only those that match, such as 'square-*'")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for each instance")
    parser.add_argument("--again", action="store_true", help="try those again that had no proof in their time")
    parser.add_argument("--certificates", type=Path, help="only write the certificates here and compare with the file")
    chosen = parser.parse_args(arguments)
    instances = {name: instance for name, instance in INSTANCES.items() if fnmatch(name, chosen.instances)}
    if chosen.certificates is not None:
        return _compare_all(instances, chosen.certificates, chosen.seconds)
    lines = [line for path in chosen.rows for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    with as_file(_FILE) as path:
        known = with_z3(started(records()), map(json.loads, lines))
        write(known, path)
        for name, instance in instances.items():
            if known[name]["search"] == sources() and not (chosen.again and known[name]["optimum"] is None):
                continue
            began = time.perf_counter()
            found = prove(instance, chosen.seconds)
            known[name] = updated(known[name], found)
            write(known, path)
            words = f"no certificate: {found}" if isinstance(found, str) else f"{found.optimum}, {found.steps} steps"
            print(f"{name}: {words}, {time.perf_counter() - began:.1f} s", file=sys.stderr, flush=True)
    return 0


def _compare_all(instances: Mapping[str, Instance], folder: Path, seconds: float) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    same = []
    for name, instance in instances.items():
        equal, words = compare(instance, folder, seconds)
        same.append(equal)
        print(f"{name}: {words}", flush=True)
    return 0 if all(same) else 1


if __name__ == "__main__":
    sys.exit(main())
