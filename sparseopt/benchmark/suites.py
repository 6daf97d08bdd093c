"""Suites: which instances are given to which peers, in sections that the report keeps apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sparseopt.benchmark.instances import (
    Instance,
    heads,
    jitter,
    lattice,
    motorcycle,
    pairs,
    planted,
    real,
    sine,
    square,
    step,
    teacher,
    ties,
)
from sparseopt.benchmark.peers.answer import Claim
from sparseopt.benchmark.peers.registry import PEERS
from sparseopt.errors import InputError

PROVERS = ("exact", "z3", "milp", "scip")
"""The exact search and the solvers that prove optima of the same problems."""


@dataclass(frozen=True)
class Section:
    """Instances that are run by the same peers and reported together.

    Attributes
    ----------
    title : str
    instances : sequence of Instance
    peers : sequence of str
        The first one is compared with the others.
    goals : mapping
        Seconds that the first peer is to reach, by instance name.
    aim : str
        What the first peer is to reach on the section, in words.
    """

    title: str
    instances: Sequence[Instance]
    peers: Sequence[str]
    goals: Mapping[str, float]
    aim: str = ""

    @property
    def versus(self) -> str:
        """What the seconds of the first peer are compared with: the least of the other provers, or the only one's."""
        first, *others = [p for p in self.peers if PEERS[p].claim is not Claim.NONE] or self.peers
        return f"{others[0] if len(others) == 1 else 'best'}/{first}"


@dataclass(frozen=True)
class Suite:
    """A named list of sections."""

    name: str
    summary: str
    time_limit: float
    sections: Sequence[Section]

    @property
    def cells(self) -> list[tuple[str, str]]:
        """(instance, peer) in the order of the report, each once."""
        return list(
            dict.fromkeys(
                (i.name, peer) for section in self.sections for i in section.instances for peer in section.peers
            )
        )


def _section(title: str, peers: Sequence[str], *rows: Instance | tuple[Instance, float], aim: str = "") -> Section:
    """A section of instances, some of them with a goal in seconds."""
    pairs_ = [row if isinstance(row, tuple) else (row, None) for row in rows]
    goals = {instance.name: goal for instance, goal in pairs_ if goal is not None}
    return Section(title, [instance for instance, _ in pairs_], peers, goals, aim)


def random_instances(count: int = 20, seed: int = 7) -> list[Instance]:
    """Grids and noise sets in turn: 20 to 50 points, one to three inputs, one to three neurons."""
    rng = np.random.default_rng(seed)
    sides = {1: (20, 51), 2: (5, 8), 3: (3, 4)}
    out = []
    for number in range(count):
        inputs, width = (int(v) for v in rng.integers(1, 4, 2))
        if number % 2:
            out.append(teacher(int(rng.integers(20, 51)), inputs, width, seed=100 + number))
        else:
            out.append(lattice(int(rng.integers(*sides[inputs])), inputs, width, 100 + number))
    return out


def adversarial_instances() -> list[Instance]:
    """Steps, nearly contradicting pairs and ties, made to mislead solvers with tolerances and weight boxes."""
    steps = [step(points, 2, sharpness) for points in (6, 10) for sharpness in (10, 1000, 100_000)]
    pairs_ = [jitter(8, 2, closeness, seed) for closeness in (100, 10_000, 1_000_000) for seed in range(6)]
    return [*steps, *pairs_, *(ties(12, inputs, 2, seed) for inputs in (1, 2) for seed in range(6))]


_SMALL = (
    square(11, 2),
    square(21, 2),
    square(21, 3),
    sine(20, 2),
    teacher(15, 1, 2),
    teacher(15, 2, 2),
    teacher(10, 1, 2, "l1"),
    teacher(10, 1, 2, "l2"),
    real("stackloss-sparse-skip"),
    step(6, 2, 1000),
)

_REAL = (
    *("airquality-sparse", "cars-k2-l1", "diabetes-sparse", "faithful-k1-l2", "longley-sparse", "nile-k2"),
    *("pressure-k2", "stackloss-sparse-skip", "trees-sparse", "trees-sparse-l2"),
)

SUITES: Mapping[str, Suite] = {
    s.name: s
    for s in (
        Suite(
            "small",
            "every peer on small instances",
            5.0,
            [
                _section(
                    "small instances, solvers with a proof",
                    ("exact", "enumerate", "z3", "milp", "highs", "highs-wide", "hull", "scip", "cbc", "gurobi"),
                    *_SMALL,
                ),
                _section(
                    "small instances, methods without a proof",
                    ("exact", "local", "gradient", "sklearn", "pwlf"),
                    *_SMALL,
                ),
            ],
        ),
        Suite(
            "exact",
            "the exact search against z3, HiGHS and SCIP, and where only it gets to",
            60.0,
            [
                _section(
                    "uniform norm",
                    PROVERS,
                    *(square(21, k) for k in (3, 4, 5, 6)),
                    *(square(41, k) for k in (4, 5)),
                    square(201, 3),
                    square(1001, 4),
                    sine(200, 2),
                    sine(100, 4),
                    *(teacher(points, 2, 3) for points in (30, 50)),
                    teacher(30, 3, 3),
                ),
                _section("random grids and noise sets", PROVERS, *random_instances(), aim="at least 300"),
                _section(
                    "l1 and l2",
                    ("exact", "scip"),
                    *(
                        (teacher(points, inputs, width, loss), goal)
                        for points, inputs, width, goal in (
                            (50, 1, 2, 0.2),
                            (100, 1, 3, 2),
                            (30, 2, 2, 0.5),
                            (30, 2, 3, 10),
                        )
                        for loss in ("l1", "l2")
                    ),
                    aim="at least 30 where scip finishes",
                ),
                _section(
                    "frontier: two workers against one",
                    ("exact-2", "exact"),
                    *(teacher(30, 2, 5), teacher(100, 4, 3), teacher(30, 3, 4), teacher(35, 3, 4), square(21, 8)),
                    aim="at least 1.6 on searches over 20 s",
                ),
                _section(
                    "many points",
                    ("exact",),
                    *(sine(1000, 3), sine(100_000, 3), teacher(10_000, 2, 3)),
                    aim="100,000 points take at most 5 times the seconds of 1,000",
                ),
                _section("sparse supports", ("exact",), (pairs(200, 6, 3), 5), (pairs(200, 12, 6), 60)),
                _section(
                    "motorcycle crash",
                    ("exact",),
                    *((motorcycle(k), 10) for k in (2, 3, 4, 5)),
                    *((motorcycle(k, loss), 10) for k in (2, 3) for loss in ("l1", "l2")),
                ),
            ],
        ),
        Suite(
            "real",
            "the real data sets of data/",
            30.0,
            [_section("real data", (*PROVERS, "local", "gradient"), *map(real, _REAL), motorcycle(2), motorcycle(3))],
        ),
        Suite(
            "deep",
            "several outputs and several hidden layers",
            10.0,
            [
                _section(
                    "several outputs with neurons of their own",
                    ("exact", "enumerate", "z3", "milp", "highs", "hull", "cbc", "gurobi", "local", "gradient"),
                    *(heads(10, 1, 2, 2), heads(8, 2, 1, 3), heads(8, 1, 2, 2, "l1"), heads(10, 1, 2, 2, "l2")),
                ),
                _section(
                    "shared neurons and several hidden layers, optima known by construction",
                    ("local", "gradient", "sklearn"),
                    *(planted(40, (1, 2, 2), noise, seed=2) for noise in (0, 10)),
                    planted(40, (2, 3, 2), 10, loss="l1"),
                    planted(40, (1, 2, 2, 1), seed=2),
                    planted(40, (1, 2, 2, 1), 10, loss="l2", seed=2),
                    planted(40, (1, 3, 3, 1)),
                    planted(40, (2, 3, 3, 1), 10),
                    planted(40, (3, 4, 4, 2), support=2),
                ),
            ],
        ),
        Suite(
            "adversarial",
            "ill-scaled, degenerate and nearly contradicting data: who claims wrong optima?",
            10.0,
            [
                _section(
                    "adversarial instances",
                    ("exact", "z3", "milp", "highs", "highs-wide", "hull", "scip", "cbc", "gurobi"),
                    *adversarial_instances(),
                )
            ],
        ),
    )
}

INSTANCES: Mapping[str, Instance] = {
    i.name: i for suite in SUITES.values() for section in suite.sections for i in section.instances
}
"""Every instance of the suites by its name."""


def suite_named(name: str) -> Suite:
    """The suite of that name.

    Raises
    ------
    InputError
        If there is none.
    """
    if name not in SUITES:
        known = "; ".join(f"{s.name} ({s.summary})" for s in SUITES.values())
        raise InputError(f"suite {name!r} is not known: use {known}")
    return SUITES[name]
