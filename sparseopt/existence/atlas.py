"""The atlas: is the linear counterpart closed, for every small pattern up to permutations?

Classes are taken under permutations of inputs, outputs and hidden neurons of a layer; every hidden neuron has an input
and an output. A class is written as its masks, first layer first: rows of 0 and 1 joined by "/", layers by " ".
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations_with_replacement, permutations, product
from typing import Any

import numpy as np

from sparseopt.existence.linear_counterpart import linear_counterpart
from sparseopt.pattern import SparsityPattern

FORMAT = "sparseopt-atlas/1"
ENGINE_SECONDS = 20.0


def two_layer_classes(inputs: int, hidden: int, outputs: int) -> Iterator[SparsityPattern]:
    """One pattern for every class with one hidden layer: the least multiset of neurons (outputs, inputs)."""
    neurons = list(product(range(1, 1 << outputs), range(1, 1 << inputs)))
    number = {neuron: i for i, neuron in enumerate(neurons)}
    images = [
        [number[_permuted(r, p), _permuted(c, q)] for r, c in neurons]
        for p in permutations(range(outputs))
        for q in permutations(range(inputs))
    ]
    chosen = np.array(list(combinations_with_replacement(range(len(neurons)), hidden)))
    place = len(neurons) ** np.arange(hidden)[::-1]
    least = np.min([np.sort(np.array(image)[chosen], axis=1) @ place for image in images], axis=0)
    for members in chosen[np.unique(least, return_index=True)[1]]:
        rows, columns = zip(*(neurons[i] for i in members), strict=True)
        yield SparsityPattern([_bits(columns, inputs), _bits(rows, outputs).T])


def width_two_classes(layers: int) -> Iterator[SparsityPattern]:
    """One pattern for every class with two inputs, two outputs and two neurons in each hidden layer."""
    seen = set()
    orders = list(product(((0, 1), (1, 0)), repeat=layers + 1))
    for bits in product((0, 1), repeat=4 * layers):
        masks = np.array(bits).reshape(layers, 2, 2)
        if not masks[:-1].any(axis=2).all() or not masks[1:].any(axis=1).all():
            continue
        images = (zip(masks, order, order[1:], strict=False) for order in orders)
        key = min(tuple(m[np.ix_(up, low)].tobytes() for m, low, up in image) for image in images)
        if key not in seen:
            seen.add(key)
            yield SparsityPattern(list(masks))


def _permuted(bits: int, order: tuple[int, ...]) -> int:
    return sum(1 << place for i, place in enumerate(order) if bits >> i & 1)


def _bits(numbers: tuple[int, ...], width: int) -> Any:
    return np.array([[x >> i & 1 for i in range(width)] for x in numbers])


TABLES: dict[str, Callable[[], Iterator[SparsityPattern]]] = {
    "2-2-2": partial(two_layer_classes, 2, 2, 2),
    "3-2-3": partial(two_layer_classes, 3, 2, 3),
    "3-3-3": partial(two_layer_classes, 3, 3, 3),
    "2-2-2-2": partial(width_two_classes, 3),
}
"""Sizes, inputs first → the classes."""


def build(progress: Callable[[str, int], None] = lambda name, done: None) -> dict[str, Any]:
    """Decide every class of every table; `progress` hears the table and how many of its classes are done."""
    tables = {}
    for name, classes in TABLES.items():
        rows = []
        for pattern in classes():
            rows.append(_row(pattern))
            progress(name, len(rows))
        tables[name] = rows
    return {"format": FORMAT, "tables": tables}


def _row(pattern: SparsityPattern) -> dict[str, Any]:
    lc = linear_counterpart(pattern, ENGINE_SECONDS)
    row: dict[str, Any] = {"masks": mask_text(pattern), "closed": lc.closed, "rules": list(lc.rules)}
    if lc.certificate is not None:
        kept = ("limit", "factors", "outside") if lc.closed is False else ("steps", "reason")
        row |= {name: lc.certificate[name] for name in kept}
    return row


def mask_text(pattern: SparsityPattern) -> str:
    """The masks as text, first layer first."""
    return " ".join("/".join("".join(str(int(x)) for x in row) for row in mask) for mask in pattern.masks)


def read_masks(text: str) -> SparsityPattern:
    """The inverse of :func:`mask_text`."""
    return SparsityPattern([[[int(x) for x in row] for row in mask.split("/")] for mask in text.split()])


def atlas_text(atlas: dict[str, Any]) -> str:
    """JSON text of an atlas, one class a line."""
    tables = (
        f"{json.dumps(name)}: [\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n]"
        for name, rows in atlas["tables"].items()
    )
    return f'{{"format": "{FORMAT}", "tables": {{\n' + ",\n".join(tables) + "\n}}\n"


def summary(atlas: dict[str, Any]) -> list[tuple[str, int, int, int, int, str]]:
    """Per table: sizes, classes, closed, not closed, undecided, and how often each rule decided."""
    out = []
    for name, rows in atlas["tables"].items():
        verdicts = Counter(row["closed"] for row in rows)
        rules = Counter(rule for row in rows for rule in row["rules"] or ["reductions"])
        counts = ", ".join(f"{rule} {count}" for rule, count in rules.most_common())
        out.append((name, len(rows), verdicts[True], verdicts[False], verdicts[None], counts))
    return out
