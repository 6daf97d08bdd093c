"""Does some dense network 1-k-m-1 fit given points exactly? Decided case by case, by z3. As a script: grids of data.

With σ the ReLU and positive scales moved outwards (positive homogeneity), a network is

    f(x) = c + Σ_o v_o σ(g_o(x)),   g_o(x) = B_o + Σ_j W_oj h_j(x),   h_j(x) = σ(x - t_j) or σ(t_j - x),   v_o = ±1;

a first neuron without weight is a constant and belongs to B_o. On points x_0 < … < x_{n-1} the neuron σ(x - t) is
active from x_k on and x_{k-1} ≤ t ≤ x_k (case k), or on all points, where it is affine and t belongs to B_o (case 0);
σ(t - x) is active before x_k, with the same t (case -k). A neuron that is active nowhere is one with W_oj = 0. Beside
an affine neuron -k is k, since σ(t - x) = t - x + σ(x - t). In each case g_o is linear in B_o, W_oj and U_oj =
t_j W_oj: what the linear constraints leave is given to z3's nlsat, one pattern of signs of g_o(x_i) and W_oj at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations_with_replacement, product
from math import gcd
from typing import Any

import z3


def fits(
    xs: Sequence[int], ys: Sequence[int], milliseconds: int = 10_000, widths: tuple[int, int] = (2, 2)
) -> bool | None:
    """Whether a network fits y_i at x_i (increasing) exactly, by z3's word; None if z3 leaves a case open."""
    n, is_open = len(xs), False
    cases = [0, *(s * k for k in range(1, n) for s in (1, -1))]
    for chosen in combinations_with_replacement(cases, widths[0]):
        if chosen[0] == 0 and min(chosen[1:]) <= 0:
            continue  # a case of (0, 1) with W_o1 = 0, or of (0, k)
        for signs in combinations_with_replacement((1, -1), widths[1]):
            found = _case(xs, ys, chosen, signs, milliseconds)
            if found:
                return True
            is_open |= found is None
    return None if is_open else False


def _case(
    xs: Sequence[int], ys: Sequence[int], chosen: tuple[int, ...], signs: tuple[int, ...], milliseconds: int
) -> bool | None:
    """The same with the first layer's active sets and the signs v_o fixed."""
    linear = z3.SolverFor("QF_LRA")
    products, choices, g = [], [], []
    for o in range(len(signs)):
        values = [z3.Real(f"B{o}")] * len(xs)
        for j, k in enumerate(chosen):
            W, U, t = z3.Real(f"W{o}{j}"), z3.Real(f"U{o}{j}"), z3.Real(f"t{j}")
            if k == 0:
                values = [value + W * x for value, x in zip(values, xs, strict=True)]
                continue
            low, high = xs[abs(k) - 1], xs[abs(k)]
            above, below = U - low * W, high * W - U
            linear.add(z3.Or(z3.And(W >= 0, above >= 0, below >= 0), z3.And(W <= 0, above <= 0, below <= 0)))
            products += [t >= low, t <= high, t * W == U]
            choices.append(W >= 0)
            active = range(k, len(xs)) if k > 0 else range(-k)
            for i in active:
                values[i] += W * xs[i] - U if k > 0 else U - W * xs[i]
        g.append(values)
    choices += [value > 0 for values in g for value in values]

    def fit(relu: Any) -> list[Any]:
        heights = [sum(sign * relu(values[i]) for sign, values in zip(signs, g, strict=True)) for i in range(len(ys))]
        return [z3.Real("c") + height == y for height, y in zip(heights, ys, strict=True)]

    linear.add(*fit(lambda value: z3.If(value > 0, value, z3.RealVal(0))))
    while (answer := linear.check()) == z3.sat:
        model = linear.model()

        def holds(choice: Any, model: Any = model) -> bool:
            return z3.is_true(model.eval(choice, model_completion=True))

        region = [choice if holds(choice) else z3.Not(choice) for choice in choices]
        whole = z3.Then("simplify", "solve-eqs", "qfnra-nlsat").solver()
        whole.set("timeout", milliseconds)
        whole.add(*region, *products, *fit(lambda value: value if holds(value > 0) else z3.RealVal(0)))
        if (inside := whole.check()) != z3.unsat:
            return True if inside == z3.sat else None
        linear.add(z3.Not(z3.And(region)))
    return False if answer == z3.unsat else None


def reduced(xs: Sequence[int], ys: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The same data up to shifts, signs, reflection and a common factor of the targets."""
    images = []
    for points, values in ((xs, ys), ([-x for x in reversed(xs)], [*reversed(ys)])):
        steps = [y - values[0] for y in values]
        factor = (gcd(*steps) or 1) * (-1 if next((y for y in steps if y), 1) < 0 else 1)
        images.append((tuple(x - points[0] for x in points), tuple(y // factor for y in steps)))
    return min(images)


def survey(name: str, values: Iterable[int], points: Iterable[Sequence[int]], widths: tuple[int, int] = (2, 2)) -> None:
    """Print how many data sets with these targets, the first 0, are fitted."""
    data = {reduced(xs, (0, *ys)) for xs in points for ys in product(values, repeat=len(xs) - 1)}
    answers = {pair: fits(*pair, 2000, widths) for pair in sorted(data)}
    print(name, dict(Counter(answers.values())), *(pair for pair, said in answers.items() if not said), sep="\n  ")


if __name__ == "__main__":
    steps = product((1, 2, 3), repeat=3)
    survey("4 points, steps 1 to 3, values within 3", range(-3, 4), [(0, a, a + b, a + b + c) for a, b, c in steps])
    survey("5 points, values within 2", range(-2, 3), [range(5)])
    survey("6 points, values within 1", range(-1, 2), [range(6)])
    survey("7 points, values 0 and 1", range(2), [range(7)])
    survey("1-2-3-1: 8 points, values 0 and 1", range(2), [range(8)], (2, 3))
    survey("1-3-2-1: 8 points, values 0 and 1", range(2), [range(8)], (3, 2))
    survey("1-2-3-1: 9 points, values 0 and 1", range(2), [range(9)], (2, 3))
