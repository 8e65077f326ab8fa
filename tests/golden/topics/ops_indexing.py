import torch
import torch.nn.functional as F

from common import bools, case, integers, ints, tensor, values

NAN = float("nan")
PLACES = ints([[2, 0, 1], [1, 1, 0]])


def reading():
    yield case("indexSelect", "repeated", [values(4, 3), 0, ints(2, 0, 2)], torch.index_select)
    yield case("indexSelect", "inner axis", [values(2, 3, 2), 1, ints(2, 1)], torch.index_select)
    yield case("indexSelect", "nothing", [values(3, 2), 0, ints([])], torch.index_select)
    yield case("indexSelect", "NaN elsewhere", [tensor(NAN, 2, 3), 0, ints(1, 1)], torch.index_select)
    yield case("gather", "columns", [values(2, 4), 1, PLACES], torch.gather)
    yield case("gather", "rows", [values(3, 3), 0, PLACES], torch.gather)
    yield case("gather", "shorter index", [values(3, 4), 1, ints([[3], [0]])], torch.gather)
    yield case("gather", "scalar", [tensor(2.0).reshape([]), 0, torch.tensor(0)], torch.gather)
    yield case("gather", "NaN elsewhere", [tensor(NAN, 2, 3), 0, ints(1, 1)], torch.gather)
    yield case("gather", "empty", [values(3), 0, ints([])], torch.gather)
    along = lambda x, i, a=None: torch.take_along_dim(x, i, a)
    yield case("takeAlongDim", "axis", [values(2, 3), PLACES[:, :2], 1], along)
    yield case("takeAlongDim", "broadcast", [values(2, 3), ints([[2], [0]]), 1], along)
    yield case("takeAlongDim", "broadcast x", [values(1, 3), PLACES, 1], along)
    yield case("takeAlongDim", "flat", [values(2, 3), ints(5, 0, 3)], along)
    yield case("take", "negative", [values(2, 3), ints([[5, -1], [0, 0]])], torch.take)
    yield case("take", "scalar index", [values(2, 3), torch.tensor(4)], torch.take)
    yield case("maskedSelect", "matrix", [values(2, 3), bools([[True, False, True], [False, False, True]])], torch.masked_select)
    yield case("maskedSelect", "broadcast", [values(2, 3), bools(True, False, True)], torch.masked_select)
    yield case("maskedSelect", "nothing", [values(3), bools(False, False, False)], torch.masked_select)
    yield case("nonzero", "vector", [tensor(0, 5, NAN, -1, 0)], torch.nonzero)
    yield case("nonzero", "matrix", [ints([[0, 1, 2], [3, 0, 0]])], torch.nonzero)
    yield case("nonzero", "bools", [bools(True, False, True)], torch.nonzero)
    yield case("nonzero", "scalar", [tensor(3.0).reshape([])], torch.nonzero)
    yield case("nonzero", "empty", [torch.zeros(2, 0)], torch.nonzero)


def writing():
    for name, fn in [("indexAdd", torch.index_add), ("indexCopy", torch.index_copy)]:
        yield case(name, "rows", [values(4, 3), 0, ints(2, 0), values(2, 3, seed=1)], fn)
        yield case(name, "columns", [values(2, 5), 1, ints(4, 1, 0), values(2, 3, seed=1)], fn)
        yield case(name, "nothing", [values(3), 0, ints([]), torch.zeros(0)], fn)
        yield case(name, "integers", [integers(4), 0, ints(3, 1), ints(7, 8)], fn)
    yield case("indexAdd", "repeated", [values(3, 2), 0, ints(1, 1, 0), values(3, 2, seed=1)], torch.index_add)
    yield case("indexCopy", "over NaN", [tensor(1, NAN, 3), 0, ints(1), tensor(5)], torch.index_copy)
    for name, fn in [("scatter", torch.scatter), ("scatterAdd", torch.scatter_add)]:
        yield case(name, "rows", [values(3, 4), 0, ints([[2, 0], [1, 1]]), values(2, 2, seed=1)], fn)
        yield case(name, "columns", [values(2, 4), 1, ints([[3, 0], [1, 2]]), values(2, 2, seed=1)], fn)
        yield case(name, "source of the index's shape", [values(3, 4), 1, ints([[3, 0], [1, 2]]), values(2, 2, seed=1)], fn)
        yield case(name, "empty", [values(3), 0, ints([]), torch.zeros(0)], fn)
    yield case("scatterAdd", "longer source", [values(3, 4), 1, ints([[3, 0], [1, 2]]), values(3, 3, seed=1)], torch.scatter_add, grad=False)
    yield case("scatter", "number", [values(2, 3), 1, ints([[0], [2]]), 7.5], torch.scatter)
    yield case("scatterAdd", "repeated", [values(3), 0, ints(1, 1, 1), values(3, seed=1)], torch.scatter_add)
    for how in ("sum", "prod", "mean", "amax", "amin"):
        for own in (True, False):
            fn = lambda x, a, i, s, how, o: torch.scatter_reduce(x, a, i, s, how, include_self=o["includeSelf"])
            args = [values(4, lo=0.5), 0, ints(1, 1, 3), values(3, seed=1, lo=0.5), how, {"includeSelf": own}]
            yield case("scatterReduce", "%s, includeSelf %s" % (how, own), args, fn)
            wide = [values(3, 4, lo=0.5), 1, ints([[0, 0], [1, 2], [3, 3]]), values(3, 2, seed=1, lo=0.5), how, {"includeSelf": own}]
            yield case("scatterReduce", "matrix, %s, includeSelf %s" % (how, own), wide, fn)
    yield case("scatterReduce", "prod with a zero", [tensor(0, 2, 3), 0, ints(0, 1), tensor(5, 0), "prod", {"includeSelf": True}],
               lambda x, a, i, s, how, o: torch.scatter_reduce(x, a, i, s, how))
    yield case("scatterReduce", "amax, ties", [tensor(2, 2, 3), 0, ints(0, 0, 1), tensor(2, 1, 2), "amax", {"includeSelf": True}],
               lambda x, a, i, s, how, o: torch.scatter_reduce(x, a, i, s, how))
    fill = lambda x, m, v: x.masked_fill(m, v)
    yield case("maskedFill", "number", [values(2, 3), bools([[True, False, True], [False, False, True]]), -1.5], fill)
    yield case("maskedFill", "broadcast mask", [values(2, 3), bools(True, False, False), 0], fill)
    yield case("maskedFill", "scalar tensor", [values(2, 2), bools([[True], [False]]), tensor(3.0).reshape([])], fill)
    yield case("maskedFill", "minus infinity", [values(3), bools(True, False, True), float("-inf")], fill)
    yield case("maskedFill", "integers", [integers(3), bools(True, False, True), 4], fill)


def order():
    yield case("oneHot", "vector", [ints(2, 0, 1), 4], F.one_hot)
    yield case("oneHot", "matrix", [ints([[1, 0], [2, 2]]), 3], F.one_hot)
    yield case("oneHot", "empty", [ints([]), 2], F.one_hot)
    ordered = lambda x, a=-1, o={}: list(torch.sort(x, a, o.get("descending", False), stable=True))
    for name, fn in [("sort", lambda *a: list(torch.sort(a[0], dim=a[1] if len(a) > 1 else -1, descending=len(a) > 2, stable=True))),
                     ("argsort", lambda *a: torch.sort(a[0], dim=a[1] if len(a) > 1 else -1, descending=len(a) > 2, stable=True)[1])]:
        yield case(name, "last axis", [values(3, 5)], fn)
        yield case(name, "first axis", [values(4, 3), 0], fn)
        yield case(name, "descending", [values(3, 4), 1, {"descending": True}], fn)
        yield case(name, "ties keep their order", [tensor(2, 1, 2, 1, 0, 2), 0], fn)
        yield case(name, "ties, descending", [tensor(2, 1, 2, 1, 0, 2), 0, {"descending": True}], fn)
        yield case(name, "NaN", [tensor(1, NAN, -1, float("inf"), float("-inf")), 0], fn)
        yield case(name, "NaN, descending", [tensor(1, NAN, -1), 0, {"descending": True}], fn)
        yield case(name, "integers", [integers(10, hi=4), 0], fn)
        yield case(name, "scalar", [tensor(1.0).reshape([])], fn)
        yield case(name, "empty", [torch.zeros(2, 0)], fn)
    top = lambda x, k, a=-1, o={}: list(torch.topk(x, k, a, **o))
    yield case("topk", "largest", [values(2, 6), 3], top)
    yield case("topk", "smallest", [values(2, 6), 2, 1, {"largest": False}], top)
    yield case("topk", "first axis", [values(5, 2), 2, 0], top)
    yield case("topk", "all", [values(4), 4], top)
    yield case("topk", "none", [values(4), 0], top)
    yield case("topk", "NaN", [tensor(1, NAN, 3), 2], top)
    search = lambda s, v, o={}: torch.searchsorted(s, v, **o)
    yield case("searchsorted", "left", [tensor(1, 3, 3, 5), tensor([[0, 3], [4, 9]])], search)
    yield case("searchsorted", "right", [tensor(1, 3, 3, 5), tensor(3, 1, 5), {"right": True}], search)
    yield case("searchsorted", "rows", [tensor([[1, 2, 3], [4, 5, 6]]), tensor([[2, 9], [4, 4.5]])], search)
    yield case("searchsorted", "a number", [tensor(1, 3, 5), 3], search)
    yield case("searchsorted", "integers", [ints(1, 4, 9), ints(4, 0, 10)], search)
    yield case("searchsorted", "NaN", [tensor(1, 3, 5), tensor(NAN)], search)
    bucket = lambda v, b, o={}: torch.bucketize(v, b, **o)
    yield case("bucketize", "left", [tensor([[0, 3], [5, 9]]), tensor(1, 3, 5)], bucket)
    yield case("bucketize", "right", [tensor(3, 1, 5), tensor(1, 3, 5), {"right": True}], bucket)


def cases():
    yield from reading()
    yield from writing()
    yield from order()
