"""The uniform-norm and l1 fit as a generalized disjunctive program (pyomo.gdp), reformulated by its hull.

The model of :mod:`sparseopt.models.milp` in the same weight box, with disjunctions in place of the big-M rows:

    h_jn = p_jn ≥ 0   or   h_jn = 0 ≥ p_jn              activation[j,n]
    g_jn = h_jn for all n   or   g_jn = -h_jn for all n    sign[j], plus[j] = 1 in the first case

The hull gives every disjunct copies of its variables: a tighter relaxation in more variables.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sparseopt.models.milp import DEFAULT_WEIGHT_LIMIT, milp_model
from sparseopt.models.scalar_fit import ScalarFit


def hull_model(fits: Sequence[ScalarFit], weight_limit: float = DEFAULT_WEIGHT_LIMIT) -> Any:
    """Build the Pyomo model of scalar fits, one per output; arguments, variables and errors as in `milp_model`."""
    import pyomo.environ as pyo
    from pyomo.gdp import Disjunction

    m = milp_model(fits, weight_limit)
    for name in ("at_least_pre", "on", "off", "above", "below", "if_plus", "if_minus", "z"):
        m.del_component(name)

    def activation(m: Any, j: int, n: int) -> Any:
        return [[m.h[j, n] == m.pre[j, n], m.pre[j, n] >= 0], [m.h[j, n] == 0, m.pre[j, n] <= 0]]

    def sign(m: Any, j: int) -> Any:
        plus = [m.g[j, n] == m.h[j, n] for n in m.points]
        minus = [m.g[j, n] == -m.h[j, n] for n in m.points]
        return [[m.plus[j] == 1, *plus], [m.plus[j] == 0, *minus]]

    m.activation = Disjunction(m.neurons, m.points, rule=activation)
    m.sign = Disjunction(m.neurons, rule=sign)
    pyo.TransformationFactory("gdp.hull").apply_to(m)
    return m
