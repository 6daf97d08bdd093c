"""Images of a clause under permutations of interchangeable neurons, each once.

Neurons of one kind and sign are interchangeable: permuting them maps solutions to solutions, so the image of a learned
clause holds too. Only the neurons that the clause mentions matter, so images are injections of those. Where the clause
says the same of two twins, exchanging them gives nothing new and is left out.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sparseopt.solvers.exact.instance import Instance
from sparseopt.solvers.exact.kernel import kernel
from sparseopt.solvers.exact.play import Play

MAX_COPIES = 120
"""At most so many images are made; where there are more, a random choice of them."""

_COUNT, _DEPTH, _LEFT, _RANDOM = 0, 1, 2, 3


class Images(NamedTuple):
    """k neurons; `image[j]` is where neuron j goes.

    `mentioned[:state[0]]` are the neurons of the clause in ascending order, `alike[d]` an earlier place whose neuron
    the clause treats like that of place d, or -1; `taken` marks the images so far.
    """

    image: Any
    mentioned: Any
    alike: Any
    taken: Any
    state: Any


def new_images(neurons: int) -> Images:
    """Work space."""
    return Images(
        np.zeros(neurons, dtype=np.int64),
        np.zeros(neurons, dtype=np.int64),
        np.zeros(neurons, dtype=np.int64),
        np.zeros(neurons, dtype=np.bool_),
        np.array([0, 0, 0, 1]),
    )


@kernel
def first_image(inst: Instance, play: Play, images: Images, clause: Any, size: int) -> None:
    """Prepare the images of a clause."""
    k, count = inst.plus.size, 0
    total = 1
    for j in range(k):
        images.taken[j] = False
        images.image[j] = -1
        here = False
        for e in range(size):
            here = here or play.neuron[clause[e] >> 1] == j
        if not here:
            continue
        free = 0
        for i in range(k):
            free += inst.twins[i] == inst.twins[j]
        images.alike[count] = -1
        for d in range(count):
            if inst.twins[images.mentioned[d]] == inst.twins[j]:
                free -= 1
                if _treated_alike(play, clause, size, images.mentioned[d], j):
                    images.alike[count] = d
        images.mentioned[count] = j
        count += 1
        total = min(total * free, MAX_COPIES + 1)
    images.state[_COUNT], images.state[_DEPTH] = count, 0
    images.state[_LEFT] = MAX_COPIES if total > MAX_COPIES else -1


@kernel
def _treated_alike(play: Play, clause: Any, size: int, i: int, j: int) -> bool:
    """Whether exchanging neurons i and j leaves the clause as it is."""
    shift = 2 * (j - i) * play.points.size
    balance = 0
    for e in range(size):
        owner = play.neuron[clause[e] >> 1]
        if owner == j:
            balance -= 1
        if owner == i:
            balance += 1
            found = False
            for f in range(size):
                found = found or clause[f] == clause[e] + shift
            if not found:
                return False
    return balance == 0


@kernel
def next_image(inst: Instance, images: Images) -> bool:
    """Write the next image other than the identity into `image`; False if there is none."""
    if images.state[_LEFT] >= 0:
        images.state[_LEFT] -= 1
        if images.state[_LEFT] < 0:
            return False
        _random_image(inst, images)
        return True
    while _next_injection(inst, images):
        for d in range(images.state[_COUNT]):
            if images.image[images.mentioned[d]] != images.mentioned[d]:
                return True
    return False


@kernel
def _next_injection(inst: Instance, images: Images) -> bool:
    """Depth-first enumeration, resumed at the depth where it stopped."""
    k = inst.plus.size
    while images.state[_DEPTH] >= 0:
        d = images.state[_DEPTH]
        j = images.mentioned[d]
        c = images.image[j]
        if c >= 0:
            images.taken[c] = False
        elif images.alike[d] >= 0:
            c = images.image[images.mentioned[images.alike[d]]]
        c += 1
        while c < k and (images.taken[c] or inst.twins[c] != inst.twins[j]):
            c += 1
        if c == k:
            images.image[j] = -1
            images.state[_DEPTH] -= 1
            continue
        images.image[j] = c
        images.taken[c] = True
        if d == images.state[_COUNT] - 1:
            return True
        images.state[_DEPTH] += 1
    return False


@kernel
def _random_image(inst: Instance, images: Images) -> None:
    """Each mentioned neuron goes to a random twin that is still free."""
    k = inst.plus.size
    for i in range(k):
        images.taken[i] = False
    for d in range(images.state[_COUNT]):
        j = images.mentioned[d]
        free = 0
        for i in range(k):
            free += inst.twins[i] == inst.twins[j] and not images.taken[i]
        images.state[_RANDOM] = (images.state[_RANDOM] * 1103515245 + 12345) & 0x7FFFFFFF
        skip = (images.state[_RANDOM] >> 8) % free
        for i in range(k):
            if inst.twins[i] == inst.twins[j] and not images.taken[i]:
                if skip == 0:
                    images.image[j] = i
                    images.taken[i] = True
                    break
                skip -= 1
