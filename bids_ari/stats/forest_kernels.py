"""The sequential loops of closed testing and of the forest, compiled by numba.

Points are handled by *rank*: 0 is the most extreme. Nodes of the finished forest are handled by their place in
preorder: a node, then the subtree of its heaviest child, then the subtrees of its other children.
"""

from collections.abc import Callable
from typing import Any, Literal, TypeVar, cast

import numpy as np
import numpy.typing as npt
from numba import njit

Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
_Function = TypeVar("_Function", bound=Callable[..., object])

NONE = np.int32(-1)
"""No component, no parent."""

uncached: list[str] = []
"""Names of functions that numba cannot cache on disk and compiles again in each process."""


def compiled(function: _Function, error_model: Literal["python", "numpy"] = "python") -> _Function:
    """Compile a function on its first call; cache the machine code where a cache folder is writable."""
    compiled: Any
    try:
        compiled = njit(cache=True, nogil=True, error_model=error_model)(function)
    except RuntimeError:  # numba found no folder for its cache
        uncached.append(function.__name__)
        compiled = njit(nogil=True, error_model=error_model)(function)
    return cast(_Function, compiled)


def compiled_with_divisions(function: _Function) -> _Function:
    """Compile a function whose divisions by 0 are infinite or NaN: without checks its loops are faster."""
    return compiled(function, "numpy")


@compiled
def ascending_order(bits: npt.NDArray[np.uint64]) -> Ints:
    """Return the stable ascending order of float64 given as their bits, by a radix sort of eight bits at a time.

    As integers, the bits of positive values are in their order and those of negative values in reverse order.
    """
    n = bits.size
    sign, every = np.uint64(1) << np.uint64(63), ~np.uint64(0)
    keys, spare_keys = np.empty(n, dtype=np.uint64), np.empty(n, dtype=np.uint64)
    counts = np.zeros((8, 256), dtype=np.uint32)
    for i in range(n):
        keys[i] = bits[i] ^ (every if bits[i] & sign else sign)
        for digit in range(8):
            counts[digit, (keys[i] >> np.uint64(8 * digit)) & np.uint64(255)] += np.uint32(1)
    order, spare = np.arange(n).astype(np.int32), np.empty(n, dtype=np.int32)
    for digit in range(8):
        shift, place = np.uint64(8 * digit), counts[digit]
        if place.max() == n:
            continue  # all equal in this digit
        start = np.uint32(0)
        for value in range(256):
            start, place[value] = start + place[value], start
        for i in range(n):
            byte = (keys[i] >> shift) & np.uint64(255)
            target = place[byte]
            spare[target], spare_keys[target] = order[i], keys[i]
            place[byte] = target + np.uint32(1)
        order, spare = spare, order
        keys, spare_keys = spare_keys, keys
    return order


@compiled
def largest_not_rejected(small: Floats, m: int, alpha: float, scales: Floats) -> int:
    """Return the largest size i for which the i largest p are not rejected; `small` are the p <= alpha, sorted.

    Each p, from the smallest, decreases the size until it does not reject it. It need not be revisited after a larger
    p decreased the size further: as a function of the size i, the line (i - larger) * alpha / p of the smaller p is
    steeper, so where both cross s_i, which is convex, it stays below at smaller sizes.
    """
    size = m
    for k in range(small.size):
        larger = m - k - 1
        while size > larger and scales[size] * small[k] <= (size - larger) * alpha:
            size -= 1
    return size


@compiled_with_divisions
def least_multiples(p: Floats, alpha: float, scale: float) -> Ints:
    """Return the smallest integer u >= 1 with ``scale * p <= u * alpha`` of each p, (m,); m + 1 where it is larger."""
    category = np.empty(p.size, dtype=np.int32)
    most = p.size + 1.0
    for i in range(p.size):
        product = scale * p[i]
        guess = min(max(np.ceil(product / alpha), 1.0), most)  # rounding may make it one too large or small
        if guess > 1 and product <= (guess - 1) * alpha:
            guess -= 1
        if product > guess * alpha:
            guess += 1
        category[i] = np.int32(min(guess, most))
    return category


@compiled
def least_slopes(ordered: Floats) -> Floats:
    """Return the smallest slope from (m - i, 0) to a point (k, p_(k)), k > m - i, for i = 1..m; `ordered` is sorted p.

    Only corners of the lower convex hull of the points are needed. Points are added from the right; the corner of the
    smallest slope moves left with the origin, so corners to its right are not needed again.
    """
    m = ordered.size
    slopes = np.empty(m)
    hull = np.empty(m, dtype=np.int64)  # corners, k from 1, left end last
    first, end = 0, 0  # hull[first] is its right end
    for i in range(1, m + 1):
        k = m - i + 1
        p = ordered[k - 1]
        while end - first >= 2:
            a, b = hull[end - 1], hull[end - 2]  # drop a where it lies on or above the line from k to b
            if (ordered[a - 1] - p) * (b - k) < (ordered[b - 1] - p) * (a - k):
                break
            end -= 1
        hull[end] = k
        end += 1
        origin = m - i
        while end - first >= 2:
            a, b = hull[first], hull[first + 1]
            if ordered[a - 1] * (b - origin) < ordered[b - 1] * (a - origin):
                break
            first += 1
        slopes[i - 1] = ordered[hull[first] - 1] / (hull[first] - origin)
    return slopes


@compiled
def find_root(root: Ints, member: int) -> int:
    """Return the representative of the component of a rank, with path halving."""
    while root[member] != member:
        root[member] = root[root[member]]
        member = root[member]
    return member


@compiled
def merge(mine: int, other: int, rank: int, root: Ints, size: Ints, last: Ints, parent: Ints) -> int:
    """Join two components at a new node `rank`, parent of the node that completed `other`."""
    parent[last[other]] = rank
    if size[other] > size[mine]:
        mine, other = other, mine
    root[other] = mine
    size[mine] += size[other]
    return mine


@compiled
def graph_parents(order: Ints, starts: npt.NDArray[np.int64], neighbours: Ints) -> Ints:
    """Join points in `order`, most extreme first, on a graph; return the parent rank of each rank.

    v has neighbours ``neighbours[starts[v] : starts[v + 1]]``. Each point completes the component that it joins, so a
    parent has the larger rank. Components are kept by union-find, by size; `last` is the node that completed a
    component, `member` one of its ranks at each point. The representative found for a point is written back, so that
    most look-ups end at once.
    """
    n = order.size
    parent = np.full(n, NONE, dtype=np.int32)
    member = np.full(n, NONE, dtype=np.int32)
    root = np.arange(n).astype(np.int32)
    size = np.ones(n, dtype=np.int32)
    last = np.empty(n, dtype=np.int32)
    for rank in range(n):
        here = order[rank]
        mine = rank
        for neighbour in neighbours[starts[here] : starts[here + 1]]:
            if member[neighbour] == NONE or member[neighbour] == mine:
                continue
            member[neighbour] = other = find_root(root, member[neighbour])
            if other != mine:
                mine = merge(mine, other, rank, root, size, last, parent)
        last[mine] = rank
        member[here] = mine
    return parent


@compiled
def preorder(order: Ints, parent: Ints) -> tuple[Ints, Ints, Ints]:
    """Return the point, the subtree size and the place of the parent at each place of the preorder.

    `order` has the point, `parent` the parent rank of each rank.
    """
    n = parent.size
    size = np.ones(n, dtype=np.int32)
    heavy = np.full(n, NONE, dtype=np.int32)
    for rank in range(n):  # children come before their parents
        up = parent[rank]
        if up != NONE:
            size[up] += size[rank]
            if heavy[up] == NONE or size[rank] > size[heavy[up]]:
                heavy[up] = rank
    place = np.empty(n, dtype=np.int32)
    free = np.empty(n, dtype=np.int32)  # the place of the next light child of a node
    next_tree = 0
    points = np.empty(n, dtype=np.int32)
    sizes = np.empty(n, dtype=np.int32)
    parents = np.empty(n, dtype=np.int32)
    for rank in range(n - 1, -1, -1):
        up = parent[rank]
        if up == NONE:
            here = next_tree
            next_tree += size[rank]
        elif heavy[up] == rank:
            here = place[up] + 1
        else:
            here = free[up]
            free[up] += size[rank]
        place[rank] = here
        free[rank] = here + 1 + (size[heavy[rank]] if heavy[rank] != NONE else 0)
        points[here] = order[rank]
        sizes[here] = size[rank]
        parents[here] = place[up] if up != NONE else NONE
    return points, sizes, parents


@compiled
def differs_from_parent(height: Floats, parent: Ints) -> npt.NDArray[np.bool_]:
    """Return where the height differs from that of the parent, or there is none."""
    differs = np.empty(height.size, dtype=np.bool_)
    for place in range(height.size):
        differs[place] = parent[place] == NONE or height[place] != height[parent[place]]
    return differs


@compiled
def _discovered(category: int, slot: Ints) -> bool:
    """Match a point with the largest free slot below its category; return whether there was none.

    ``slot[s]`` leads to the largest free slot at or below s; slot 0 means none.
    """
    s = category - 1
    while slot[s] != s:
        slot[s] = slot[slot[s]]
        s = slot[s]
    if s == 0:
        return True
    slot[s] = s - 1
    return False


@compiled
def subtree_discoveries(category: Ints, size: Ints, parent: Ints) -> Ints:
    """Return the TDN of every subtree; `category` is in preorder.

    TDN(S) is the number of points of S that remain when points are matched with slots 1, 2, ..., each used once and a
    point of category c allowed slots 1..c-1. Points are added along each heavy path from its leaf up: a point is added
    once per path above it, at most log2(n) times. A category above the size of the largest subtree on the path can
    always be matched, so it is not added.
    """
    n = size.size
    tdn = np.zeros(n, dtype=np.int32)
    slot = np.empty(n + 1, dtype=np.int32)
    for top in range(n):
        if top > 0 and parent[top] == top - 1:
            continue  # inside the heavy path of its parent
        total = size[top]
        for s in range(total + 1):
            slot[s] = s
        leaf = top
        while size[leaf] > 1:
            leaf += 1
        found = 0
        for node in range(leaf, top - 1, -1):
            if category[node] <= total and _discovered(category[node], slot):
                found += 1
            light = node + 1 + (size[node + 1] if node < leaf else 0)
            for other in range(light, node + size[node]):
                if category[other] <= total and _discovered(category[other], slot):
                    found += 1
            tdn[node] = found
    return tdn


@compiled
def largest_with_tdp(tdn: Ints, size: Ints, valid: npt.NDArray[np.bool_], tdp: float) -> Ints:
    """Return the places of the largest valid subtrees with ``tdn / size >= tdp``, in preorder."""
    found = np.empty(size.size, dtype=np.int32)
    count = 0
    place = 0
    while place < size.size:
        if valid[place] and tdn[place] / size[place] >= tdp:
            found[count] = place
            count += 1
            place += size[place]
        else:
            place += 1
    return found[:count].copy()


@compiled
def highest_above(value: Floats, parent: Ints) -> Floats:
    """Return the highest value on the path from each place to its root, itself included."""
    highest = value.copy()
    for place in range(value.size):
        up = parent[place]
        if up != NONE and highest[up] > highest[place]:
            highest[place] = highest[up]
    return highest
