"""Advanced indexing: what nabla's `at` and `indexPut` take, as Python's subscripts."""
import torch

from common import bools, case, ints, values

X = values(3, 4, 5)
NEW = "newaxis"


def subscript(v):
    if isinstance(v, dict):
        return slice(v.get("start"), v.get("end"), v.get("step"))
    words = {None: slice(None), "...": Ellipsis, NEW: None}
    return words[v] if v is None or isinstance(v, str) else v


def at(x, *indices):
    return x[tuple(subscript(v) for v in indices)]


def put(x, indices, v, options={}):
    y = x.clone()
    place = tuple(subscript(i) for i in indices)
    if not options.get("accumulate"):
        y[place] = v
        return y
    return y.index_put(place, v, accumulate=True)


I, J = ints([0, 2, -1]), ints([1, 3, 0])
MASK = bools([True, False, True])
MASK2 = bools([[True, False, True, False], [False, False, False, True], [True, True, False, False]])
WAYS = [
    ("a list", [[2, 0]]), ("a tensor of places", [I]), ("places of two axes", [I, J]), ("a grid", [ints([[0], [2]]), ints([[1, 3]])]),
    ("in the middle", [None, J]), ("at the end", ["...", I]), ("apart", [I, None, J]), ("with a range", [{"start": 1}, J]),
    ("range, places, range", [{"end": 2}, J, {"step": 2}]), ("a number beside places", [1, J]), ("places, number, places", [I, 1, J]),
    ("number in the middle", [None, 1, J]), ("a mask", [MASK]), ("a mask of two axes", [MASK2]), ("a mask and places", [MASK, [1, 2]]),
    ("a mask in the middle", [None, bools([True, False, False, True])]), ("a new axis", [NEW, I]), ("a new axis between", [I, NEW, J]),
    ("numbers alone", [1, -1]), ("nothing", []), ("an empty list", [ints([]).reshape(0)]), ("a mask that holds nowhere", [bools([False, False, False])]),
    ("a matrix of places", [ints([[0, 1], [2, 0]])]), ("a scalar of places", [ints(2).reshape([])]),
]  # fmt: skip
PUTS = [w for w in WAYS if NEW not in w[1]]

def cases():
    for name, way in WAYS:
        yield case("at", name, [X, *way], at)
    for name, way in PUTS:
        target = at(X, *way)
        yield case("indexPut", name, [X, way, values(*target.shape, seed=3)], put)
        yield case("indexPut", name + ", a number", [X, way, 7.0], put)
    more = {"accumulate": True}
    yield case("indexPut", "added where places repeat", [X, [ints([0, 0, 1])], values(3, 4, 5, seed=4), more], put)
    yield case("indexPut", "added, broadcast", [X, [I, J], values(5, seed=5), more], put)
    yield case("indexPut", "broadcast", [X, [None, J], values(3, 5, seed=6)], put)
