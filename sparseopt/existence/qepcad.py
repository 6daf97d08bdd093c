"""The paper's algorithm by quantifier elimination: QEPCAD (Debian package ``qepcad``), where it is installed.

First ∃W: A = ΠW is turned into a formula φ(A) without quantifiers, A the entries that no free weight gives alone. If
no sign in φ is strict, {φ} is closed. Otherwise ∃A [¬φ(A)] ∧ [∀ε > 0 ∃B: φ(B), |A - B|_∞ < ε] is decided.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence

from sparseopt.existence.contraction import LinearNetwork, Node
from sparseopt.existence.kernels import Entry

QEPCAD = "QEPCAD"
INSTALL = "apt-get install qepcad"
CELLS = "+N50000000"
"""Memory, in list cells of 8 bytes."""
_STRICT = re.compile(r"/=|<(?!=)|>(?!=)|~|==")


def missing_qepcad() -> str | None:
    """None if QEPCAD can be used here, else what to install."""
    return None if shutil.which("qepcad") else f"the program qepcad is not installed: {INSTALL}"


def by_qepcad(network: LinearNetwork, seconds: float) -> bool | None:
    """Whether the set of a network is closed, by QEPCAD's word; None without an answer in time or without QEPCAD.

    Each of the two questions gets so many seconds.
    """
    if missing_qepcad() is not None:
        return None
    names = {edge: f"w{k}" for k, edge in enumerate(sorted(network.edges))}
    entries = {e: paths for e, paths in _paths(network, names).items() if all(len(p) > 1 for p in paths)}
    if not entries:
        return True
    a, b = ([f"{letter}{k}" for k in range(len(entries))] for letter in "ab")
    used = sorted({w for paths in entries.values() for path in paths for w in path}, key=lambda w: int(w[1:]))
    sums = [" + ".join(" ".join(path) for path in paths) for paths in entries.values()]
    exact = " /\\ ".join(f"{x} = {total}" for x, total in zip(a, sums, strict=True))
    reached = _eliminate(a, [("E", w) for w in used], f"[{exact}]", seconds)
    if reached is None or "_root_" in reached:
        return None
    if not _STRICT.search(reached):
        return True
    near = " /\\ ".join(f"{x} - {y} < e /\\ {y} - {x} < e" for x, y in zip(a, b, strict=True))
    other = re.sub(r"\ba(\d)", r"b\1", reached)
    claim = f"[[~ [{reached}]] /\\ [e > 0 ==> [[{other}] /\\ {near}]]]"
    blocks = [*(("E", x) for x in a), ("A", "e"), *(("E", y) for y in b)]
    return {"TRUE": False, "FALSE": True}.get(_eliminate([], blocks, claim, seconds) or "")


def _paths(network: LinearNetwork, names: dict[tuple[Node, Node], str]) -> dict[Entry, list[list[str]]]:
    """Entry (r, c) that some path joins → for each path from input c to output r the names of its edges."""
    found: dict[Entry, list[list[str]]] = {}

    def walk(start: Node, node: Node, path: list[str]) -> None:
        if node in network.outputs:
            found.setdefault((node[1], start[1]), []).append(path)
        for a, b in sorted(network.edges):
            if a == node:
                walk(start, b, [*path, names[a, b]])

    for x in network.inputs:
        walk(x, x, [])
    return found


def _eliminate(free: Sequence[str], bound: Sequence[tuple[str, str]], formula: str, seconds: float) -> str | None:
    """An equivalent formula in the free variables, TRUE or FALSE without any; None after the limit or a failure."""
    variables = ",".join([*free, *(x for _, x in bound)])
    text = f"[]\n({variables})\n{len(free)}\n{''.join(f'({q} {x})' for q, x in bound)}{formula}.\nfinish\n"
    try:
        done = subprocess.run(["qepcad", "-noecho", CELLS], input=text, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return None
    answer = re.search(r"An equivalent quantifier-free formula:\s*(.*?)\s*=====", done.stdout, re.DOTALL)
    return " ".join(answer[1].split()) if answer else None
