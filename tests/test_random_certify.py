"""``so.certify`` on random patterns and data: no crash, and no verdict that the checker, z3 or a solver contradicts."""

from random_certify import run


def test_random_patterns_and_data() -> None:
    counted = run(40, seed=1)
    print(dict(counted))
    for verdict in ("pattern ATTAINED", "pattern NOT_ATTAINED N", "data ATTAINED A", "data NOT_ATTAINED"):
        assert any(name.startswith(verdict) for name in counted), verdict
