"""Every way to decide whether a linear counterpart is closed, asked by itself: do two ever contradict each other?

As a script on all classes of the atlas: ``python tests/compare_ways.py SECONDS``, which each engine has for a question.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from itertools import combinations

import sparseopt as so
from sparseopt.existence.algebra import by_algebra
from sparseopt.existence.approach import approach
from sparseopt.existence.atlas import TABLES
from sparseopt.existence.cancellation import cancellation
from sparseopt.existence.contraction import LinearNetwork, contract
from sparseopt.existence.jets import jets
from sparseopt.existence.kernel_rules import one_kernel, ordered_kernels, two_kernels
from sparseopt.existence.linear_counterpart import Rule, _blocks, _by_filling, _by_theorem, _decide, reduce_network
from sparseopt.existence.qepcad import by_qepcad

Way = Callable[[so.SparsityPattern], bool | None]


def _reduced(pattern: so.SparsityPattern) -> bool | None:
    """Closed because reductions leave free entries only."""
    reduction = reduce_network(LinearNetwork.of(pattern)).reduction
    return True if reduction is not None and not reduction.form.kernels else None


def _alone(rule: Rule, pattern: so.SparsityPattern) -> bool | None:
    """One rule on the kernels that reductions leave."""
    return None if _reduced(pattern) else _decide(pattern, LinearNetwork.of(pattern), rule).closed


def _heredity(pattern: so.SparsityPattern) -> bool | None:
    """A small block that is not closed."""
    network = LinearNetwork.of(pattern)
    parts = (_decide(pattern, network.restrict(*block), _by_theorem) for block in _blocks(network))
    return False if any(part.closed is False for part in parts) else None


def _engine(decide: Callable[[LinearNetwork, float], bool | None], seconds: float) -> Way:
    return lambda pattern: decide(contract(LinearNetwork.of(pattern)).network, seconds)


RULES: dict[str, Way] = {
    "reductions": _reduced,
    "one kernel": partial(_alone, one_kernel),
    "W2": partial(_alone, two_kernels),
    "P": partial(_alone, ordered_kernels),
    "filling": partial(_alone, _by_filling),
    "heredity": _heredity,
    "T": partial(_alone, cancellation),
    "J": partial(_alone, jets),
    "M": partial(_alone, approach),
}


def compare(patterns: Iterable[so.SparsityPattern], ways: dict[str, Way]) -> tuple[Counter[str], Counter[str]]:
    """How often each way says closed or not, and how often two ways answer the same class.

    Raises
    ------
    AssertionError
        If two answers about a pattern differ.
    """
    answers, pairs = Counter[str](), Counter[str]()
    for pattern in patterns:
        said = {name: closed for name, way in ways.items() if (closed := way(pattern)) is not None}
        assert len(set(said.values())) < 2, (said, pattern.draw())
        answers.update(f"{name}: {'closed' if closed else 'not closed'}" for name, closed in said.items())
        pairs.update(f"{a} and {b}" for a, b in combinations(said, 2))
    return answers, pairs


if __name__ == "__main__":
    seconds = float(sys.argv[1])
    engines = {"z3": _engine(by_algebra, seconds), "QEPCAD": _engine(by_qepcad, seconds)}
    for name, classes in TABLES.items():
        answers, pairs = compare(classes(), RULES | engines)
        print(f"{name}: {sum(pairs.values())} times two ways answer about a class, no contradiction", flush=True)
        print("  " + ", ".join(f"{way} {count}" for way, count in sorted(answers.items())))
        print("  " + ", ".join(f"{two} {count}" for two, count in pairs.most_common()), flush=True)
