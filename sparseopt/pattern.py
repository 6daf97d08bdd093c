"""Sparsity patterns: which weights, biases and skip weights of a ReLU network may be non-zero."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from sparseopt.errors import InputError

Mask = npt.NDArray[np.bool_]


def _mask(values: Any, name: str, ndim: int) -> Mask:
    """Check that `values` is a 0/1 array with `ndim` axes and return a read-only boolean copy."""
    try:
        array = np.array(values)
    except ValueError:
        raise InputError(f"{name}: rows have different lengths; give every row the same number of entries") from None
    if array.ndim != ndim or array.size == 0:
        form = "a list of rows" if ndim == 2 else "a list"
        raise InputError(f"{name}: expected {form} of 0 and 1, not empty, got shape {array.shape}")
    if array.dtype.kind not in "biuf" or not np.isin(array, (0, 1)).all():
        raise InputError(f"{name}: masks hold only 0 and 1")
    mask = array.astype(bool)
    mask.setflags(write=False)
    return mask


class SparsityPattern:
    """The support of a ReLU network's parameters.

    Parameters
    ----------
    masks : sequence of L array_like, shape (N_l, N_{l-1})
        Entry (i, j) of mask l is 1 where the weight from neuron j of layer l-1 to neuron i of layer l is free.
        Layer 0 holds the inputs, layer L the outputs.
    biases : sequence of L array_like, shape (N_l,), optional
        1 where the bias is free. Default: all free. A single entry may be None: that layer's biases are all free.
    skip : array_like, shape (N_L, N_0), optional
        1 where a direct weight from an input to an output is free. Default: none.

    Raises
    ------
    InputError
        If a mask is not a 0/1 matrix or two masks do not fit each other.

    Notes
    -----
    Definition in section 2 of Le, Riccietti, Gribonval (2023); bias and skip masks are an extension.

    Examples
    --------
    >>> import sparseopt as so
    >>> so.SparsityPattern([[[1, 0], [1, 1]], [[1, 1]]])
    SparsityPattern(sizes=(2, 2, 1), free weights 5 of 6, free biases 3 of 3)
    """

    masks: tuple[Mask, ...]
    biases: tuple[Mask, ...]
    skip: Mask | None

    def __init__(self, masks: Sequence[Any], biases: Sequence[Any] | None = None, skip: Any = None) -> None:
        if isinstance(masks, (str, dict)) or len(masks) == 0:
            raise InputError("masks: give at least one layer's mask")
        self.masks = tuple(_mask(m, f"masks[{i}]", 2) for i, m in enumerate(masks))
        for i in range(1, len(self.masks)):
            rows, columns = self.masks[i - 1].shape[0], self.masks[i].shape[1]
            if rows != columns:
                raise InputError(
                    f"masks[{i}]: has {columns} columns but masks[{i - 1}] has {rows} rows; make them equal"
                )
        if biases is None:
            biases = [None] * len(self.masks)
        if isinstance(biases, (str, dict)) or len(biases) != len(self.masks):
            raise InputError(f"biases: give one list for each of the {len(self.masks)} layers")
        self.biases = tuple(
            _mask(np.ones(m.shape[0]) if b is None else b, f"biases[{i}]", 1)
            for i, (b, m) in enumerate(zip(biases, self.masks, strict=True))
        )
        for i, (b, m) in enumerate(zip(self.biases, self.masks, strict=True)):
            if b.size != m.shape[0]:
                raise InputError(f"biases[{i}]: has {b.size} entries but masks[{i}] has {m.shape[0]} rows")
        self.skip = None if skip is None else _mask(skip, "skip", 2)
        if self.skip is not None and self.skip.shape != (self.n_outputs, self.n_inputs):
            raise InputError(f"skip: has shape {self.skip.shape}, expected ({self.n_outputs}, {self.n_inputs})")

    @property
    def sizes(self) -> tuple[int, ...]:
        """Numbers of neurons (N_0, …, N_L), inputs first."""
        return (self.masks[0].shape[1], *(m.shape[0] for m in self.masks))

    @property
    def depth(self) -> int:
        """Number of layers L (hidden layers plus one)."""
        return len(self.masks)

    @property
    def n_inputs(self) -> int:
        return self.sizes[0]

    @property
    def n_outputs(self) -> int:
        return self.sizes[-1]

    @property
    def n_parameters(self) -> int:
        """Number of free weights, biases and skip weights."""
        skip = 0 if self.skip is None else int(self.skip.sum())
        return sum(int(m.sum()) for m in self.masks) + sum(int(b.sum()) for b in self.biases) + skip

    @cached_property
    def sees_input(self) -> tuple[Mask, ...]:
        """For each layer 0..L: which neurons have a path from an input. Others are constants."""
        out: list[Mask] = [np.ones(self.n_inputs, dtype=bool)]
        for mask in self.masks:
            out.append(np.any(mask & out[-1], axis=1))
        return tuple(out)

    @cached_property
    def reaches_output(self) -> tuple[Mask, ...]:
        """For each layer 0..L: which neurons have a path to an output through the layers. Others are dead."""
        out: list[Mask] = [np.ones(self.n_outputs, dtype=bool)]
        for mask in reversed(self.masks):
            out.append(np.any(mask & out[-1][:, None], axis=0))
        return tuple(reversed(out))

    @cached_property
    def live(self) -> tuple[Mask, ...]:
        """For each layer 0..L: which neurons lie on a path from an input to an output."""
        return tuple(s & r for s, r in zip(self.sees_input, self.reaches_output, strict=True))

    @cached_property
    def output_groups(self) -> tuple[tuple[int, ...], ...]:
        """Outputs grouped so that two groups share no hidden neuron that sees an input (theorem C)."""
        reached = np.eye(self.n_outputs, dtype=bool)
        touched = []
        for mask, sees in zip(reversed(self.masks[1:]), reversed(self.sees_input[1:-1]), strict=True):
            reached = (reached.astype(int) @ mask.astype(int) > 0) & sees
            touched.append(reached)
        uses = np.concatenate(touched, axis=1) if touched else np.zeros((self.n_outputs, 0), dtype=bool)
        group = list(range(self.n_outputs))
        for i in range(self.n_outputs):
            for j in range(i):
                if (uses[i] & uses[j]).any():
                    old, new = group[i], group[j]
                    group = [new if g == old else g for g in group]
        return tuple(tuple(i for i, g in enumerate(group) if g == name) for name in sorted(set(group), key=group.index))

    @cached_property
    def equal_supports(self) -> tuple[tuple[int, ...], ...]:
        """Live hidden neurons of a one-hidden-layer pattern, grouped by equal inputs, bias and outputs.

        Neurons of one group are interchangeable.
        """
        self._need_one_hidden_layer("equal_supports")
        classes: dict[tuple[bytes, bool, bytes], list[int]] = {}
        for j in np.flatnonzero(self.live[1]):
            key = (self.masks[0][j].tobytes(), bool(self.biases[0][j]), self.masks[1][:, j].tobytes())
            classes.setdefault(key, []).append(int(j))
        return tuple(tuple(c) for c in classes.values())

    def support(self, neuron: int) -> tuple[int, ...]:
        """Inputs seen by a neuron of the first layer."""
        return tuple(int(i) for i in np.flatnonzero(self.masks[0][neuron]))

    def restrict_outputs(self, outputs: Sequence[int]) -> SparsityPattern:
        """The pattern of the chosen outputs alone; all hidden neurons stay."""
        rows = list(outputs)
        return SparsityPattern(
            [*self.masks[:-1], self.masks[-1][rows]],
            [*self.biases[:-1], self.biases[-1][rows]],
            None if self.skip is None else self.skip[rows],
        )

    def restrict_inputs(self, inputs: Sequence[int]) -> SparsityPattern:
        """The pattern of the chosen inputs alone; all hidden neurons stay."""
        columns = list(inputs)
        return SparsityPattern(
            [self.masks[0][:, columns], *self.masks[1:]],
            self.biases,
            None if self.skip is None else self.skip[:, columns],
        )

    def draw(self) -> str:
        """Draw the masks as text, one row per neuron: ■ free, · zero; the last column is the bias."""
        lines = []
        for number, (mask, bias) in enumerate(zip(self.masks, self.biases, strict=True), start=1):
            what = "outputs" if number == self.depth else "hidden neurons"
            lines.append(f"layer {number}: {mask.shape[0]} {what} from {mask.shape[1]}")
            for i, row in enumerate(mask):
                note = (
                    "" if self.live[number][i] else ("  dead" if not self.reaches_output[number][i] else "  constant")
                )
                lines.append("  " + " ".join("■" if v else "·" for v in row) + (" | ■" if bias[i] else " | ·") + note)
        if self.skip is not None:
            lines.append(f"skip: {self.n_outputs} outputs from {self.n_inputs} inputs")
            lines += ["  " + " ".join("■" if v else "·" for v in row) for row in self.skip]
        return "\n".join(lines)

    def _need_one_hidden_layer(self, what: str) -> None:
        if self.depth != 2:
            raise InputError(f"{what}: needs a pattern with one hidden layer, this one has {self.depth - 1}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SparsityPattern):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[object, ...]:
        skip = None if self.skip is None or not self.skip.any() else self.skip.tobytes()
        return (self.sizes, *(m.tobytes() for m in self.masks), *(b.tobytes() for b in self.biases), skip)

    def __repr__(self) -> str:
        free = sum(int(m.sum()) for m in self.masks)
        total = sum(m.size for m in self.masks)
        bias, biases = sum(int(b.sum()) for b in self.biases), sum(b.size for b in self.biases)
        skip = "" if self.skip is None else f", free skip weights {int(self.skip.sum())} of {self.skip.size}"
        return (
            f"SparsityPattern(sizes={self.sizes}, free weights {free} of {total}, free biases {bias} of {biases}{skip})"
        )
