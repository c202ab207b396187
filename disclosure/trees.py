"""The member trees of one dimension: which members are parts of which, in each of several ways to divide a total.

One code may stand in two trees: months make calendar years and make fiscal years, ages 0-17 are 0-11 and 12-17 or are
0-14 and 15-17. Each tree is one way to divide; a total is never the sum of two ways at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

TOTAL = "_T"

Tree = Mapping[object, object]
Hierarchies = Mapping[str, Tree | Sequence[Tree]]


def trees_of(declared: Tree | Sequence[Tree] | None, dim: str) -> list[dict]:
    """The declared trees of a dimension as a list, at least one. Raises ValueError where it is neither a mapping nor a
    sequence of mappings."""
    if declared is None:
        return [{}]
    trees = [declared] if isinstance(declared, Mapping) else list(declared)
    if not all(isinstance(tree, Mapping) for tree in trees):
        raise ValueError(f"hierarchy of {dim!r}: give {{child: parent}} or a list of such, not {declared!r}")
    return [dict(tree) for tree in trees] or [{}]


def member_parents(
    members: Sequence[object], declared: Tree | Sequence[Tree] | None, dim: str
) -> tuple[dict[object, int], list[np.ndarray]]:
    """Code the members of one dimension and point each at its parent in each tree.

    Returns {member: code} and one integer array of parent codes a tree (-1: none). Raises ValueError where the
    declarations run in a circle.

    Each tree is completed by what the others say of members that it does not name:
    - a member without a parent in any tree is a part of `_T`, where the dimension has `_T`; otherwise it has none, so a
      dimension with neither `_T` nor a tree links nothing;
    - a member that another tree alone names keeps the parent it has there, or the nearest above it that fits;
    - left out of a tree is what would be counted twice in it: the groups of another tree that hold members which this
      tree gives to a group of its own (fiscal years beside calendar years), and the parts of a member which this tree
      divides itself (0-14 beside 0-11 and 12-17). So a tree names all parts of the members that it divides.
    """
    trees = trees_of(declared, dim)
    named = [member for tree in trees for member in (*tree.keys(), *tree.values())]
    known = list(dict.fromkeys([*members, *named]))
    codes = {member: code for code, member in enumerate(known)}
    for tree in trees:
        for child, parent in tree.items():
            if child == parent:
                raise ValueError(f"hierarchy of {dim!r}: member {child!r} is its own parent")
    above = _ancestors(trees, dim)
    parents = []
    for tree in trees:
        completed = tree if len(trees) == 1 else _completed(tree, trees, above)
        array = np.full(len(known), -1, dtype=np.int64)
        for child, parent in completed.items():
            if parent is not None:
                array[codes[child]] = codes[parent]
        if TOTAL in codes:
            roots = array < 0
            roots[[codes[member] for member, parent in completed.items() if parent is None]] = False
            roots[codes[TOTAL]] = False
            array[roots] = codes[TOTAL]
        if not any(np.array_equal(array, other) for other in parents):
            parents.append(array)
    return codes, parents


def _ancestors(trees: Sequence[Tree], dim: str) -> dict[object, set]:
    """All members above each named member, over all trees together."""
    parents: dict[object, set] = {}
    for tree in trees:
        for child, parent in tree.items():
            parents.setdefault(child, set()).add(parent)
    above: dict[object, set] = {}
    for start in parents:
        reached: set = set()
        front = set(parents[start])
        while front:
            reached |= front
            front = {member for step in front for member in parents.get(step, ())} - reached
        if start in reached:
            raise ValueError(f"hierarchy of {dim!r} runs in a circle: no member may be above itself ({start!r})")
        above[start] = reached
    return above


def _completed(tree: Tree, trees: Sequence[Tree], above: Mapping[object, set]) -> dict[object, object]:
    """{member: parent, or None where the member has no place in this tree}; members that belong right under `_T` or have
    nothing above them are left out."""
    divided = set(tree.values())
    own = set(tree) | divided
    overlapping = {
        group
        for child, parent in tree.items()
        for group in above[child] - own - {TOTAL}
        if group not in above.get(parent, ())
    }
    completed: dict[object, object] = dict(tree)
    for other in trees:
        for member in (*other.keys(), *other.values()):
            if member in completed or member == TOTAL:
                continue
            if member in overlapping:
                completed[member] = None
                continue
            step, source = member, other if member in other else next((t for t in trees if member in t), None)
            while source is not None:
                step = source[step]
                if step in divided:
                    completed[member] = None
                    break
                if step not in overlapping:
                    completed[member] = step
                    break
                source = source if step in source else next((t for t in trees if step in t), None)
    return completed
