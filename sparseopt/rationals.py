"""Exact rational numbers next to their float view.

Data that is written as decimal text or ``p/q`` means exactly that rational; a float means its dyadic
rational. Arrays of rationals are numpy arrays of dtype ``object`` holding :class:`fractions.Fraction`.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from sparseopt.errors import InputError

FloatArray = npt.NDArray[np.float64]
ExactArray = npt.NDArray[np.object_]

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
_RATIO = re.compile(r"[+-]?\d+/\d+", re.ASCII)
_MAX_TEXT = 400
_MAX_RATIO = 4000
MAX_BITS = 13_000
"""Rationals with at most so many bits in numerator and denominator together fit `_MAX_RATIO` characters."""
_MAX_EXPONENT = 400


def parse_rational(text: str) -> Fraction:
    """Return the rational that a decimal number or ``p/q`` spells.

    Raises
    ------
    InputError
        If the text is neither, or does not fit the range of a float.

    Examples
    --------
    >>> parse_rational("0.1"), parse_rational("-3/7"), parse_rational("1e3")
    (Fraction(1, 10), Fraction(-3, 7), Fraction(1000, 1))
    """
    text = text.strip()
    shown = text if len(text) <= 40 else text[:37] + "..."
    longest = _MAX_RATIO if "/" in text else _MAX_TEXT
    if len(text) > longest:
        raise InputError(f"the number {shown!r} has {len(text)} characters: at most {longest} are read")
    if _RATIO.fullmatch(text):
        if int(text.split("/")[1]) == 0:
            raise InputError(f"the number {shown!r} divides by zero")
    elif not (match := _NUMBER.fullmatch(text)):
        raise InputError(f'{shown!r} is not a number: write a decimal such as "0.25" or a ratio such as "1/4"')
    elif match[3] and abs(int(match[3][1:])) > _MAX_EXPONENT:
        raise InputError(f"the number {shown!r} does not fit a float: rescale the data")
    return _within_float_range(Fraction(text), shown)


def _within_float_range(value: Fraction, shown: str) -> Fraction:
    try:
        view = float(value)
    except OverflowError:
        view = math.inf
    if math.isinf(view) or (view == 0.0 and value != 0):
        raise InputError(f"the number {shown!r} does not fit a float: rescale the data")
    return value


def to_rational(value: Any) -> Fraction:
    """Return the exact rational of an int, float, numpy scalar, Decimal, Fraction or number text."""
    if isinstance(value, Fraction):
        return value
    if isinstance(value, str):
        return parse_rational(value)
    if isinstance(value, (bool, np.bool_)):
        raise InputError(f"{value!r} is not a number")
    if isinstance(value, (int, np.integer)):
        value = int(value)
        return _within_float_range(Fraction(value), f"{value:.3e}" if abs(value) < 10**300 else "a huge integer")
    if isinstance(value, (float, np.floating, Decimal)):
        if not math.isfinite(value):
            raise InputError(f"{value} is not a finite number")
        return _within_float_range(
            Fraction(value) if isinstance(value, Decimal) else Fraction(float(value)), str(value)
        )
    raise InputError(f"{type(value).__name__} {str(value)[:40]!r} is not a number")


def exact_array(values: Any) -> ExactArray:
    """Return an object array of the same shape holding the exact rational of every entry."""
    source = np.asarray(values)
    out = np.empty(source.shape, dtype=object)
    flat_out, flat_in = out.reshape(-1), source.reshape(-1)
    for i, value in enumerate(flat_in.tolist() if source.dtype != object else flat_in):
        flat_out[i] = to_rational(value)
    return out


def float_array(values: Any) -> FloatArray:
    """Return the float view (correctly rounded) of an array of numbers or rationals."""
    return np.asarray(values, dtype=np.float64)


def rational_text(value: Fraction) -> str:
    """Return ``p/q`` (or ``p`` for an integer), the form that :func:`parse_rational` reads back."""
    return str(value)
