import torch
import torch.nn.functional as F

from common import bools, case, integers, ints, tensor, values

X = values(2, 3, 4)


def lists(fn):
    return lambda *a: list(fn(*a))


def shapes():
    yield case("reshape", "inferred", [X, [4, -1]], torch.reshape)
    yield case("reshape", "to scalar", [values(1), []], torch.reshape)
    yield case("reshape", "empty", [torch.zeros(0, 3), [3, 0]], torch.reshape)
    yield case("reshape", "integers", [integers(2, 3), [6]], torch.reshape)
    yield case("view", "inferred", [X, [2, -1]], lambda x, s: x.view(s))
    yield case("view", "integers", [integers(2, 3), [3, 2]], lambda x, s: x.view(s))
    yield case("flatten", "everything", [X], torch.flatten)
    yield case("flatten", "from an axis", [X, 1], torch.flatten)
    yield case("flatten", "between axes", [values(2, 3, 4, 2), 1, -2], torch.flatten)
    yield case("flatten", "scalar", [tensor(2.0).reshape([])], torch.flatten)
    yield case("flatten", "empty", [torch.zeros(2, 0, 3), 1], torch.flatten)
    yield case("unflatten", "inferred", [values(2, 12), 1, [3, -1]], lambda x, a, s: x.unflatten(a, s))
    yield case("unflatten", "negative axis", [values(6, 2), -2, [2, 3]], lambda x, a, s: x.unflatten(a, s))
    yield case("squeeze", "all", [values(1, 3, 1)], torch.squeeze)
    yield case("squeeze", "one", [values(1, 3, 1), 0], torch.squeeze)
    yield case("squeeze", "none to squeeze", [values(2, 3), 1], torch.squeeze)
    yield case("squeeze", "several", [values(1, 2, 1), [0, 2]], lambda x, a: x.squeeze(2).squeeze(0))
    yield case("unsqueeze", "front", [values(2, 3), 0], torch.unsqueeze)
    yield case("unsqueeze", "back", [values(2, 3), -1], torch.unsqueeze)
    yield case("unsqueeze", "scalar", [tensor(1.0).reshape([]), 0], torch.unsqueeze)
    yield case("expand", "axis", [values(2, 1), [2, 3]], lambda x, s: x.expand(s))
    yield case("expand", "new axes", [values(3), [2, 2, -1]], lambda x, s: x.expand(s))
    yield case("expand", "to nothing", [values(1, 3), [0, 3]], lambda x, s: x.expand(s))
    yield case("expand", "scalar", [tensor(1.5).reshape([]), [2, 2]], lambda x, s: x.expand(s))
    yield case("contiguous", "of a transpose", [values(2, 3)], lambda x: x.contiguous())


def axes():
    yield case("permute", "three axes", [X, [2, 0, 1]], torch.permute)
    yield case("permute", "negative", [X, [-1, 0, -2]], torch.permute)
    yield case("permute", "scalar", [tensor(1.0).reshape([]), []], torch.permute)
    yield case("permute", "empty", [torch.zeros(2, 0), [1, 0]], torch.permute)
    yield case("transpose", "two axes", [X, 0, -1], torch.transpose)
    yield case("transpose", "an axis with itself", [X, 1, 1], torch.transpose)
    yield case("movedim", "one", [X, 0, -1], torch.movedim)
    yield case("movedim", "several", [X, [0, 1], [2, 0]], torch.movedim)
    yield case("flip", "axes", [X, [0, 2]], torch.flip)
    yield case("flip", "negative axis", [X, [-1]], torch.flip)
    yield case("flip", "empty", [torch.zeros(0), [0]], torch.flip)
    yield case("roll", "flat", [values(2, 3), 2], torch.roll)
    yield case("roll", "axis", [values(2, 3), -1, 1], torch.roll)
    yield case("roll", "axes", [X, [1, -5], [0, 2]], torch.roll)
    yield case("roll", "empty", [torch.zeros(0, 2), 1, 0], torch.roll)
    for k in (1, 2, 3, -1, 4):
        yield case("rot90", "%d times" % k, [values(2, 3), k], lambda x, k: torch.rot90(x, k))
    yield case("rot90", "other axes", [X, 1, [1, 2]], lambda x, k, a: torch.rot90(x, k, a))


def parts():
    yield case("slice", "range", [values(4, 5), [[1, 3]]], lambda x, _: x[1:3])
    yield case("slice", "steps", [values(4, 5), [None, [None, None, 2]]], lambda x, _: x[:, ::2])
    yield case("slice", "backwards", [values(4, 5), [[None, None, -1], [3, 0, -2]]],
               lambda x, _: x.flip(0)[:, [3, 1]])
    yield case("slice", "places", [values(4, 5), [-1, 2]], lambda x, _: x[-1, 2])
    yield case("slice", "beyond the end", [values(4), [[2, 100]]], lambda x, _: x[2:100])
    yield case("slice", "nothing", [values(4), [[3, 1]]], lambda x, _: x[3:1])
    yield case("slice", "negative ends", [values(6), [[-4, -1]]], lambda x, _: x[-4:-1])
    yield case("slice", "integers", [integers(6), [[1, None, 3]]], lambda x, _: x[1::3])
    yield case("narrow", "middle", [values(4, 3), 0, 1, 2], torch.narrow)
    yield case("narrow", "from the end", [values(2, 5), -1, -3, 2], torch.narrow)
    yield case("narrow", "nothing", [values(3), 0, 3, 0], torch.narrow)
    yield case("select", "place", [values(4, 3), 0, 2], torch.select)
    yield case("select", "from the end", [X, 1, -1], torch.select)
    yield case("unfold", "overlapping", [values(5, 2), 0, 3, 1], lambda x, a, n, s: x.unfold(a, n, s))
    yield case("unfold", "apart", [values(2, 7), 1, 2, 3], lambda x, a, n, s: x.unfold(a, n, s))
    yield case("diagonal", "main", [values(3, 4)], torch.diagonal)
    yield case("diagonal", "above", [values(3, 4), 2], torch.diagonal)
    yield case("diagonal", "below", [values(4, 3), -2], torch.diagonal)
    yield case("diagonal", "other axes", [X, 1, 2, 1], torch.diagonal)
    yield case("diagonal", "outside", [values(2, 2), 5], torch.diagonal)
    yield case("diag", "of a matrix", [values(3, 4), 1], torch.diag)
    yield case("diag", "to a matrix", [values(3)], torch.diag)
    yield case("diag", "below", [values(2), -2], torch.diag)
    for name, sizes in [("even", 2), ("sizes", [1, 0, 3]), ("larger than all", 9)]:
        yield case("split", name, [values(4, 2), sizes], lists(torch.split))
    yield case("split", "axis", [values(2, 5), 2, 1], lists(torch.split))
    yield case("chunk", "even", [values(4, 2), 2], lists(torch.chunk))
    yield case("chunk", "uneven", [values(2, 5), 3, 1], lists(torch.chunk))
    yield case("chunk", "fewer than asked for", [values(3), 5], lists(torch.chunk))


def joined():
    yield case("concat", "rows", [[values(2, 3), values(1, 3, seed=1)]], torch.cat)
    yield case("concat", "columns", [[values(2, 3), values(2, 0), values(2, 1, seed=1)], 1], torch.cat)
    yield case("concat", "types", [[ints(1, 2), values(2)]], torch.cat)
    yield case("concat", "bools", [[bools(True), bools(False, True)], -1], torch.cat)
    yield case("stack", "front", [[values(2, 3), values(2, 3, seed=1)]], torch.stack)
    yield case("stack", "back", [[values(2), values(2, seed=1)], -1], torch.stack)
    yield case("stack", "scalars", [[tensor(1.0).reshape([]), tensor(2.0).reshape([])]], torch.stack)
    yield case("tile", "fewer counts", [values(2, 3), [2]], torch.tile)
    yield case("tile", "more counts", [values(2), [2, 1, 3]], torch.tile)
    yield case("repeat", "each axis", [values(2, 3), [2, 1]], lambda x, n: x.repeat(n))
    yield case("repeat", "new axis", [values(2), [3, 2]], lambda x, n: x.repeat(n))
    yield case("repeat", "zero times", [values(2), [0]], lambda x, n: x.repeat(n))
    yield case("repeatInterleave", "flat", [values(2, 2), 3], torch.repeat_interleave)
    yield case("repeatInterleave", "axis", [values(2, 3), 2, 1], torch.repeat_interleave)
    yield case("repeatInterleave", "counts", [values(3, 2), [2, 0, 3], 0],
               lambda x, n, a: torch.repeat_interleave(x, torch.tensor(n), a))
    grid = lambda v, o={}: list(torch.meshgrid(*v, indexing=o.get("indexing", "ij")))
    yield case("meshgrid", "rows first", [[values(2), values(3)]], grid)
    yield case("meshgrid", "columns first", [[values(2), values(3)], {"indexing": "xy"}], grid)
    yield case("meshgrid", "three", [[values(2), values(1), values(3)], {"indexing": "xy"}], grid)
    pad = lambda x, w, o={}: F.pad(x, w, **o)
    yield case("pad", "constant", [values(2, 3), [1, 2, 0, 1]], pad)
    yield case("pad", "value", [values(3), [1, 0], {"value": 0.5}], pad)
    yield case("pad", "cropping", [values(4, 4), [-1, 1, -1, -2]], pad)
    yield case("pad", "integers", [integers(3), [1, 1]], pad)
    yield case("pad", "empty", [torch.zeros(0), [2, 1]], pad)
    for mode in ("reflect", "replicate", "circular"):
        yield case("pad", mode, [values(1, 2, 4), [2, 1], {"mode": mode}], pad)
        yield case("pad", mode + " in two axes", [values(1, 2, 3, 4), [1, 2, 2, 1], {"mode": mode}], pad)


def cases():
    yield from shapes()
    yield from axes()
    yield from parts()
    yield from joined()
