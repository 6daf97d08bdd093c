"""The three losses of a training problem, on floats or on exact rationals."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import numpy as np

from sparseopt.errors import InputError


class Loss(StrEnum):
    """How residuals r = prediction - target, shape (P, q), with weights w > 0 per point become one number."""

    LINF = "linf"
    """max over points and outputs of w |r| (uniform norm)"""
    L1 = "l1"
    """sum of w |r|"""
    L2 = "l2"
    """sum of w r²"""

    @classmethod
    def parse(cls, name: Any) -> Loss:
        """Return the loss of that name, or raise an InputError that lists the names."""
        try:
            return cls(name)
        except ValueError:
            raise InputError(f"loss {name!r} is not known: use {', '.join(cls)}") from None

    def of(self, residuals: Any, weights: Any) -> Any:
        """Loss of residuals of shape (P, q) with point weights of shape (P,); exact if both hold rationals."""
        size = np.abs(residuals)
        if self is Loss.LINF:
            return (size * weights[:, None]).max()
        return ((size if self is Loss.L1 else size * size) * weights[:, None]).sum()

    @property
    def homogeneity(self) -> int:
        """The power p with loss(a r) = |a|^p loss(r)."""
        return 2 if self is Loss.L2 else 1
