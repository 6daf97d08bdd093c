"""Laurent polynomials in n with rational coefficients: the entries of diverging sequences of factors."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from sparseopt.rationals import ExactArray


class Laurent:
    """A finite sum of c_e n^e with rational c_e and integer e. Immutable; a number stands for a constant.

    Examples
    --------
    >>> n = Laurent({1: 1})
    >>> (n + 2) * Laurent({-1: 3}) - 3
    6/n
    """

    __slots__ = ("terms",)

    def __init__(self, terms: Mapping[int, Fraction | int]) -> None:
        self.terms: dict[int, Fraction] = {e: Fraction(c) for e, c in sorted(terms.items()) if c != 0}

    @classmethod
    def of(cls, value: Laurent | Fraction | int) -> Laurent:
        """The constant polynomial of a number; a polynomial is returned as it is."""
        return value if isinstance(value, Laurent) else cls({0: value})

    def __add__(self, other: Laurent | Fraction | int) -> Laurent:
        out = dict(self.terms)
        for e, c in Laurent.of(other).terms.items():
            out[e] = out.get(e, Fraction(0)) + c
        return Laurent(out)

    def __mul__(self, other: Laurent | Fraction | int) -> Laurent:
        out: dict[int, Fraction] = {}
        for e, c in self.terms.items():
            for f, d in Laurent.of(other).terms.items():
                out[e + f] = out.get(e + f, Fraction(0)) + c * d
        return Laurent(out)

    __radd__ = __add__
    __rmul__ = __mul__

    def __neg__(self) -> Laurent:
        return Laurent({e: -c for e, c in self.terms.items()})

    def __sub__(self, other: Laurent | Fraction | int) -> Laurent:
        return self + (-Laurent.of(other))

    def __rsub__(self, other: Fraction | int) -> Laurent:
        return Laurent.of(other) - self

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (Laurent, Fraction, int)):
            return NotImplemented
        return self.terms == Laurent.of(other).terms

    def __hash__(self) -> int:
        return hash(tuple(self.terms.items()))

    def __bool__(self) -> bool:
        return bool(self.terms)

    @property
    def degree(self) -> int | None:
        """Largest exponent of n with a non-zero coefficient; None for zero."""
        return max(self.terms, default=None)

    def at(self, n: Fraction | int) -> Fraction:
        """Value at a non-zero n."""
        return sum((c * Fraction(n) ** e for e, c in self.terms.items()), Fraction(0))

    def size(self) -> Laurent:
        """The polynomial with absolute coefficients: at least |self| at every n > 0."""
        return Laurent({e: abs(c) for e, c in self.terms.items()})

    def to_dict(self) -> dict[str, str]:
        """JSON form: exponent of n → coefficient."""
        return {str(e): str(c) for e, c in self.terms.items()}

    def __repr__(self) -> str:
        text = ""
        for e, c in sorted(self.terms.items(), reverse=True):
            size = abs(c)
            power = "" if e == 0 else "n" if abs(e) == 1 else f"n^{abs(e)}"
            if e < 0:
                body = f"{size.numerator}/{power}" if size.denominator == 1 else f"({size})/{power}"
            else:
                body = str(size) if e == 0 else power if size == 1 else f"{size} {power}"
            text += (" - " if text else "-") + body if c < 0 else (" + " if text else "") + body
        return text or "0"


def zeros(*shape: int) -> Any:
    """An object array of zero polynomials."""
    out = np.empty(shape, dtype=object)
    out[...] = Laurent({})
    return out


def values_at(array: Any, n: Fraction | int) -> ExactArray:
    """Evaluate an object array of polynomials at n."""
    out = np.empty(array.shape, dtype=object)
    for place, entry in np.ndenumerate(array):
        out[place] = entry.at(n)
    return out


def sizes(array: Any) -> Any:
    """Entrywise :meth:`Laurent.size`."""
    out = np.empty(array.shape, dtype=object)
    for place, entry in np.ndenumerate(array):
        out[place] = entry.size()
    return out
