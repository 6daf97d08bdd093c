"""QEPCAD, where it is installed, against the rules; what is said where it is missing."""

from __future__ import annotations

import time
from collections import Counter

import pytest

import sparseopt as so
from sparseopt.existence import linear_counterpart, qepcad
from sparseopt.existence.atlas import read_masks, two_layer_classes, width_two_classes
from sparseopt.existence.contraction import LinearNetwork, contract
from sparseopt.existence.qepcad import INSTALL, by_qepcad, missing_qepcad

needs_qepcad = pytest.mark.skipif(missing_qepcad() is not None, reason=f"needs QEPCAD: {INSTALL}")
BY_ALGEBRA = "01/11 01/11 01/11"


@needs_qepcad
def test_quantifier_elimination_agrees_with_the_rules() -> None:
    """All classes of 2-2-2 as given, a third of those of 2-2-2-2 contracted."""
    verdicts = Counter[bool]()
    for pattern in two_layer_classes(2, 2, 2):
        said = by_qepcad(LinearNetwork.of(pattern), 20)
        assert said is so.linear_counterpart(pattern).closed
        verdicts[said] += 1
    for pattern in list(width_two_classes(3))[::3]:
        said = by_qepcad(contract(LinearNetwork.of(pattern)).network, 20)
        assert (closed := so.linear_counterpart(pattern).closed) is None or said is closed
        verdicts[bool(said)] += 1
    print(f"verdicts compared: {verdicts}")
    assert min(verdicts[True], verdicts[False]) > 0


@needs_qepcad
def test_asked_where_z3_has_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The certificate of a set that QEPCAD calls closed says so."""
    monkeypatch.setattr(linear_counterpart, "by_algebra", lambda *_: None)
    lc = so.linear_counterpart(read_masks(BY_ALGEBRA), 20)
    assert (lc.closed, lc.rules) == (True, ("QEPCAD",))
    assert str(so.verify(lc.certificate)).startswith("valid, relying on QEPCAD")


@needs_qepcad
def test_time_limit_holds() -> None:
    """A question that takes hours ends."""
    started = time.monotonic()
    assert by_qepcad(LinearNetwork.of(so.families.dense([4, 2, 4])), 0.5) is None
    assert time.monotonic() - started < 30


def test_missing_qepcad_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without QEPCAD there is no answer, and the reason names the command that installs it."""
    monkeypatch.setattr(qepcad.shutil, "which", lambda _: None)
    monkeypatch.setattr(linear_counterpart, "by_algebra", lambda *_: None)
    assert by_qepcad(LinearNetwork.of(so.families.lu(2)), 1) is None
    lc = so.linear_counterpart(read_masks(BY_ALGEBRA), 1)
    assert lc.closed is None
    assert lc.reason.endswith(f"the program qepcad is not installed: {INSTALL}")
