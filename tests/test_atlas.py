"""The atlas of small patterns: complete, checked class by class, and the same under permutations and transposition."""

from __future__ import annotations

import copy
import json
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sparseopt as so
from sparseopt.existence.atlas import TABLES, build, read_masks, summary

STORED = Path(__file__).parent.parent / "data" / "atlas.json"


@pytest.fixture(scope="module")
def atlas() -> Any:
    return json.loads(STORED.read_text())


def test_stored_atlas_is_what_the_command_builds(atlas: Any) -> None:
    """Complete, with the known numbers of classes; rebuilt, every row is the stored one."""
    rows = {name: (classes, undecided) for name, classes, _, _, undecided, _ in summary(atlas)}
    assert rows == {"2-2-2": (17, 0), "3-2-3": (97, 0), "3-3-3": (1029, 0), "2-2-2-2": (58, 0)}
    assert build() == atlas


# ---------------------------------------------------------------------------------------- certificates


def _add(total: dict[int, Fraction], terms: dict[int, Fraction], sign: int = 1) -> dict[int, Fraction]:
    out = dict(total)
    for e, x in terms.items():
        out[e] = out.get(e, Fraction(0)) + sign * x
    return {e: x for e, x in out.items() if x}


def _times(a: dict[int, Fraction], b: dict[int, Fraction]) -> dict[int, Fraction]:
    out: dict[int, Fraction] = {}
    for e, x in a.items():
        for f, y in b.items():
            out = _add(out, {e + f: x * y})
    return out


def check_no(pattern: so.SparsityPattern, row: dict[str, Any], rng: np.random.Generator) -> None:
    """Expand the factors and the identity of a "not closed" answer anew."""
    layers = [[[{int(e): Fraction(x) for e, x in w.items()} for w in line] for line in W] for W in row["factors"]]
    for W, mask in zip(layers, pattern.masks, strict=True):
        assert all(not w or free for line, m in zip(W, mask, strict=True) for w, free in zip(line, m, strict=True))
    product = layers[0]
    for W in layers[1:]:
        out: list[list[dict[int, Fraction]]] = [[{} for _ in product[0]] for _ in W]
        for i, line in enumerate(W):
            for j in range(len(product[0])):
                for k, w in enumerate(line):
                    out[i][j] = _add(out[i][j], _times(w, product[k][j]))
        product = out
    limit = [[Fraction(x) for x in line] for line in row["limit"]]
    for entries, values in zip(product, limit, strict=True):
        for entry, value in zip(entries, values, strict=True):
            assert all(e < 0 for e in _add(entry, {0: value}, -1)), "the factors do not tend to the limit"
    for _ in range(2):  # an identity of low degree that holds at random integers of this size holds
        weights = [np.where(m, rng.integers(-(10**6), 10**6, m.shape), 0).astype(object) for m in pattern.masks]
        below, above = [np.eye(pattern.n_inputs, dtype=object)], [np.eye(pattern.n_outputs, dtype=object)]
        for W in weights:
            below.append(W @ below[-1])
        for W in reversed(weights):
            above.insert(0, above[0] @ W)
        total = Fraction(0)
        nodes = row["outside"]["nodes"]
        for term in row["outside"]["identity"]:
            r, c = term["entry"]
            assert below[-1][r, c] == sum(above[n][r, i] * below[n][i, c] for n, i in nodes), "a path avoids the nodes"
            cofactor = Fraction(0)
            for coefficient, variables in term["cofactor"]:
                value = Fraction(coefficient)
                for side, j, index in variables:
                    n, i = nodes[j]
                    value *= above[n][index, i] if side == "u" else below[n][i, index]
                cofactor += value
            total += cofactor * (below[-1][r, c] - limit[r][c])
        assert total == 1, "the identity does not hold"


def test_every_no_is_proved_and_mutations_fail(atlas: Any) -> None:
    """Factors tend to the limit, the identity excludes it; a changed limit, factor or cofactor is noticed."""
    rng = np.random.default_rng(1)
    checked, caught = Counter[str](), Counter[str]()
    for name, rows in atlas["tables"].items():
        for row in rows:
            if row["closed"] is not False:
                continue
            pattern = read_masks(row["masks"])
            check_no(pattern, row, rng)
            checked[name] += 1
            for part, bad in _mutations(row):
                with pytest.raises(AssertionError):
                    check_no(pattern, bad, rng)
                caught[part] += 1
    print(f"certificates of 'no' checked: {dict(checked)}; mutations caught: {dict(caught)}")
    assert checked == {"2-2-2": 1, "3-2-3": 20, "3-3-3": 278, "2-2-2-2": 5}
    assert min(caught.values()) == 304


def _mutations(row: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    limit, factor, cofactor = (copy.deepcopy(row) for _ in range(3))
    r, c = row["outside"]["identity"][0]["entry"]
    limit["limit"][r][c] = str(Fraction(limit["limit"][r][c]) + 1)
    weight = next(w for line in factor["factors"][0] for w in line if w)
    power = max(weight, key=int)
    weight[power] = str(Fraction(weight[power]) * 2)
    cofactor["outside"]["identity"][0]["cofactor"][0][0] = "7/5"
    return [("limit", limit), ("factor", factor), ("cofactor", cofactor)]


# ------------------------------------------------------------------------------------------ invariance


def test_permutations_and_transposition(atlas: Any) -> None:
    """Permuted rows, columns and neurons, and the transposed factors, have the same verdict: all classes."""
    rng = np.random.default_rng(2)
    compared = 0
    for name in TABLES:
        for row in atlas["tables"][name]:
            masks = read_masks(row["masks"]).masks
            orders = [rng.permutation(n) for n in read_masks(row["masks"]).sizes]
            permuted = [m[np.ix_(up, low)] for m, low, up in zip(masks, orders, orders[1:], strict=False)]
            for other in (permuted, [m.T for m in reversed(permuted)]):
                seconds = 20.0 if row["rules"] == ["z3"] else 0.0
                assert so.linear_counterpart(so.SparsityPattern(other), seconds).closed is row["closed"], row["masks"]
                compared += 1
    print(f"{compared} verdicts compared")
    assert compared == 2 * 1201
