"""The uniform-norm and l1 fit as a mixed-integer linear program (Pyomo), with big-M ReLU encodings.

A big-M model needs bounds that the problem does not have. They are explicit here: every parameter of the scaled fits
(inputs and targets in [-1, 1], output weights ±1) lies in [-B, B], where B is ``weight_limit``, so the optimum holds
*within that box* only. Each M follows from the box by interval arithmetic, |w_j·x_n + b_j| ≤ M_jn = B (Σ_i |x_ni| + 1)
over the neuron's inputs (and + 1 only with a bias). For neuron j and point n:

    p_jn = w_j · x_n + b_j                      pre[j,n]
    0 ≤ h_jn,  p_jn ≤ h_jn                      h_jn = σ(p_jn) at every integer point
    h_jn ≤ p_jn + M_jn (1 - z_jn)               z[j,n] = z_jn ∈ {0,1}
    h_jn ≤ M_jn z_jn
    |g_jn| ≤ h_jn                               g_jn = s_j h_jn; plus[j] = 1 ⇔ s_j = +1
    g_jn ≥ h_jn - 2 M_jn (1 - plus_j)
    g_jn ≤ -h_jn + 2 M_jn plus_j                (with given signs: g_jn = s_j h_jn, and no binary)
    f_on = Σ_j g_jn + v_o · x_n + c_o           fit[o,n]

    linf:  min t with ω_n |f_on - y_on| ≤ t     l1:  min Σ e_on with ω_n |f_on - y_on| ≤ e_on

Several outputs (whose hidden neurons are private) share one model, in the units of a common target scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sparseopt.models.scalar_fit import ScalarFit

from sparseopt.errors import InputError
from sparseopt.losses import Loss
from sparseopt.rationals import FloatArray

DEFAULT_WEIGHT_LIMIT = 10.0


def milp_model(
    fits: Sequence[ScalarFit],
    weight_limit: float = DEFAULT_WEIGHT_LIMIT,
    signs: Sequence[FloatArray] | None = None,
) -> Any:
    """Build the Pyomo model of scalar fits, one per output.

    Parameters
    ----------
    fits : sequence of ScalarFit
        One per output, all with loss linf or all with loss l1.
    weight_limit : float
        B: bound on every parameter of the scaled fits.
    signs : sequence of ndarray, optional
        Fixed output signs, one array per fit. Default: signs are binaries ``plus[j]``.

    Returns
    -------
    pyomo.environ.ConcreteModel
        The objective is the loss divided by the fits' ``objective_scale``, which for several outputs must agree
        up to the target scale; neurons keep their pattern index, outputs, points and inputs count from 0.

    Raises
    ------
    InputError
        For l2, which is not linear, and for hidden neurons that feed two outputs.
    """
    import pyomo.environ as pyo

    loss = fits[0].loss
    if loss is Loss.L2:
        raise InputError("milp: the l2 loss is not linear; use loss linf or l1, or the solver enumerate")
    indices = [n.index for fit in fits for n in fit.neurons]
    if len(set(indices)) < len(indices):
        raise InputError("milp: a hidden neuron feeds two outputs; the model needs private hidden neurons")
    common = max(fit.target_scale for fit in fits)
    owner = {n.index: (o, place) for o, fit in enumerate(fits) for place, n in enumerate(fit.neurons)}
    points = range(fits[0].n_points)
    m = pyo.ConcreteModel(name="sparse_relu_fit")
    m.neurons = pyo.Set(initialize=sorted(owner), ordered=True)
    m.points = pyo.Set(initialize=points, ordered=True)
    m.outputs = pyo.Set(initialize=range(len(fits)), ordered=True)
    box = (-weight_limit, weight_limit)
    hidden_inputs = [(j, i) for j, (o, place) in sorted(owner.items()) for i in fits[o].neurons[place].support]
    m.w = pyo.Var(hidden_inputs, bounds=box)
    m.b = pyo.Var([j for j, (o, place) in sorted(owner.items()) if fits[o].neurons[place].bias], bounds=box)
    m.v = pyo.Var([(o, i) for o, fit in enumerate(fits) for i in fit.skip], bounds=box)
    m.c = pyo.Var([o for o, fit in enumerate(fits) if fit.constant], bounds=box)

    def reach(j: int, n: int) -> float:
        """M_jn: the largest pre-activation within the box."""
        o, place = owner[j]
        neuron = fits[o].neurons[place]
        return weight_limit * (sum(abs(float(fits[o].X[n, i])) for i in neuron.support) + neuron.bias)

    M = {(j, n): reach(j, n) for j in owner for n in points}
    m.pre = pyo.Var(m.neurons, m.points, bounds=lambda _, j, n: (-M[j, n], M[j, n]))
    m.h = pyo.Var(m.neurons, m.points, bounds=lambda _, j, n: (0, M[j, n]))
    m.z = pyo.Var(m.neurons, m.points, domain=pyo.Binary)
    m.g = pyo.Var(m.neurons, m.points, bounds=lambda _, j, n: (-M[j, n], M[j, n]))

    def pre_activation(m: Any, j: int, n: int) -> Any:
        o, place = owner[j]
        neuron = fits[o].neurons[place]
        linear = sum(m.w[j, i] * float(fits[o].X[n, i]) for i in neuron.support)
        return m.pre[j, n] == linear + (m.b[j] if neuron.bias else 0)

    each = (m.neurons, m.points)
    m.pre_activation = pyo.Constraint(*each, rule=pre_activation)
    m.at_least_pre = pyo.Constraint(*each, rule=lambda m, j, n: m.h[j, n] >= m.pre[j, n])
    m.on = pyo.Constraint(*each, rule=lambda m, j, n: m.h[j, n] <= m.pre[j, n] + M[j, n] * (1 - m.z[j, n]))
    m.off = pyo.Constraint(*each, rule=lambda m, j, n: m.h[j, n] <= M[j, n] * m.z[j, n])
    if signs is None:
        m.plus = pyo.Var(m.neurons, domain=pyo.Binary)
        m.above = pyo.Constraint(*each, rule=lambda m, j, n: m.g[j, n] <= m.h[j, n])
        m.below = pyo.Constraint(*each, rule=lambda m, j, n: m.g[j, n] >= -m.h[j, n])
        m.if_plus = pyo.Constraint(*each, rule=lambda m, j, n: m.g[j, n] >= m.h[j, n] - 2 * M[j, n] * (1 - m.plus[j]))
        m.if_minus = pyo.Constraint(*each, rule=lambda m, j, n: m.g[j, n] <= -m.h[j, n] + 2 * M[j, n] * m.plus[j])
    else:
        s = {j: float(signs[o][place]) for j, (o, place) in owner.items()}
        m.signed = pyo.Constraint(*each, rule=lambda m, j, n: m.g[j, n] == s[j] * m.h[j, n])

    def prediction(m: Any, o: int, n: int) -> Any:
        fit = fits[o]
        total = sum(m.g[neuron.index, n] for neuron in fit.neurons)
        total += sum(m.v[o, i] * float(fit.X[n, i]) for i in fit.skip)
        return m.fit[o, n] == total + (m.c[o] if fit.constant else 0)

    m.fit = pyo.Var(m.outputs, m.points)
    m.prediction = pyo.Constraint(m.outputs, m.points, rule=prediction)

    if loss is Loss.LINF:
        m.t = pyo.Var(bounds=(0, None))
        error: Any = lambda m, o, n: m.t  # noqa: E731
        m.loss = pyo.Objective(expr=m.t, sense=pyo.minimize)
    else:
        m.e = pyo.Var(m.outputs, m.points, bounds=(0, None))
        error = lambda m, o, n: m.e[o, n]  # noqa: E731
        m.loss = pyo.Objective(expr=pyo.quicksum(m.e.values()), sense=pyo.minimize)

    def residual(m: Any, o: int, n: int) -> Any:
        scale = float(fits[o].weights[n]) * fits[o].target_scale / common
        return scale * (m.fit[o, n] - float(fits[o].y[n]))

    m.error_above = pyo.Constraint(m.outputs, m.points, rule=lambda m, o, n: residual(m, o, n) <= error(m, o, n))
    m.error_below = pyo.Constraint(m.outputs, m.points, rule=lambda m, o, n: residual(m, o, n) >= -error(m, o, n))
    return m
