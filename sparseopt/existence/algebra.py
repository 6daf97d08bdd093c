"""The paper's algorithm: is 𝓛 closed, as a sentence of real algebra (Le, Riccietti, Gribonval 2023, section 3).

𝓛 is not closed exactly if ∃A [∀ε > 0 ∃W: |A - ΠW|_∞ < ε] ∧ [∀W: A ≠ ΠW]. The shorter ∃A ∀W: A ≠ ΠW, A zero where
no path leads, is asked first: if it is false, 𝓛 is a coordinate subspace. Both are given to z3's ``nlqsat``;
:mod:`sparseopt.existence.qepcad` asks QEPCAD.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from sparseopt.existence.contraction import LinearNetwork, Node
from sparseopt.existence.engine import ask, conjunction, total
from sparseopt.existence.kernels import Entry

MAX_EDGES = 20
"""Larger networks are not asked about."""


def by_algebra(network: LinearNetwork, seconds: float) -> bool | None:
    """Whether the set of a (contracted) network is closed, by z3's word; None without an answer in time.

    Each of the two sentences gets so many seconds.
    """
    if len(network.edges) > MAX_EDGES:
        return None
    exact, near = _product(network, "w"), _product(network, "u")
    missed = conjunction(f"(= {_a(e)} {x})" for e, x in exact.items())
    missed = f"(forall ({_weights(network, 'w')}) (not {missed}))"
    if ask(_exists(exact, missed), seconds, "nlqsat").verdict == "unsat":
        return True
    close = conjunction(f"(< (- {_a(e)} {x}) eps) (< (- {x} {_a(e)}) eps)" for e, x in near.items())
    close = f"(forall ((eps Real)) (=> (> eps 0.0) (exists ({_weights(network, 'u')}) {close})))"
    verdict = ask(_exists(exact, f"(and {close} {missed})"), seconds, "nlqsat").verdict
    return {"unsat": True, "sat": False}.get(verdict)


def _a(entry: Entry) -> str:
    return f"a{entry[0]}_{entry[1]}"


def _exists(entries: Iterable[Entry], statement: str) -> str:
    return "".join(f"(declare-const {_a(e)} Real)\n" for e in entries) + f"(assert {statement})\n"


def _weight(a: Node, b: Node, name: str) -> str:
    return f"{name}{a[0]}_{a[1]}_{b[0]}_{b[1]}"


def _weights(network: LinearNetwork, name: str) -> str:
    return " ".join(f"({_weight(a, b, name)} Real)" for a, b in sorted(network.edges))


def _product(network: LinearNetwork, name: str) -> dict[Entry, str]:
    """Entry (r, c) that some path joins → the sum over its paths of the products of weights."""

    @cache
    def from_input(node: Node, start: Node) -> str:
        if node == start:
            return "1.0"
        terms = [
            f"(* {_weight(a, b, name)} {below})"
            for a, b in sorted(network.edges)
            if b == node and (below := from_input(a, start)) != "0.0"
        ]
        return total(terms)

    products = {(y[1], x[1]): from_input(y, x) for y in network.outputs for x in network.inputs}
    return {e: text for e, text in products.items() if text != "0.0"}
