import torch

from common import bools, case, integers, ints, tensor, values

INF, NAN = float("inf"), float("nan")
TIES = tensor([[1, 3, 3, 2], [0, 0, 0, 0], [-1, -1, 5, 5]])
ODD = tensor([[1, NAN, 3], [INF, 2, -INF], [-INF, -INF, -INF]])
KEEP = {"keepdim": True}


def over(fn):
    """PyTorch's function of (x, axes, keepdim) with nabla's arguments (x, axes, {keepdim})."""

    def call(x, axes=None, options={}):
        if axes is None:
            axes = list(range(x.dim()))
        return fn(x, [axes] if isinstance(axes, int) else axes, **options)

    return call


def each(fn):
    """A reduction of one axis at a time, last axis first, for what PyTorch reduces no lists with."""

    def call(x, axes, keepdim=False):
        if x.dim() == 0:
            return fn(x, 0, keepdim)
        for a in sorted((a % max(1, x.dim()) for a in axes), reverse=True):
            x = fn(x, a, keepdim)
        return x

    return call


def reductions():
    table = {
        "sum": torch.sum, "mean": torch.mean, "amax": torch.amax, "amin": torch.amin, "prod": each(torch.prod),
        "logsumexp": torch.logsumexp, "all": each(lambda x, a, k: torch.all(x, a, k)),
        "any": each(lambda x, a, k: torch.any(x, a, k)),
    }
    for name, fn in table.items():
        fn = over(fn)
        x = values(2, 3, 4)
        yield case(name, "everything", [x], fn)
        yield case(name, "one axis", [x, 1], fn)
        yield case(name, "axes kept", [x, [0, -1], KEEP], fn)
        yield case(name, "scalar", [tensor(1.5).reshape([])], fn)
        yield case(name, "special numbers", [ODD, 1], fn, grad=name not in ("amax", "amin", "prod"))
        yield case(name, "ties", [TIES, 1], fn)
        yield case(name, "over nothing, something left", [torch.zeros(0, 2, 3), 1], fn)
        if name not in ("amax", "amin"):
            yield case(name, "over an empty axis", [torch.zeros(2, 0), 1], fn)
            yield case(name, "empty", [torch.zeros(0)], fn)
        if name not in ("mean", "logsumexp"):
            yield case(name, "integers", [integers(2, 3, lo=-3, hi=4), 1], fn)
            if name not in ("amax", "amin"):
                yield case(name, "bools", [bools([[True, False], [True, True], [False, False]]), 1], fn)
    yield case("prod", "zeros", [tensor([[0, 2, 3], [0, 0, 4], [1, 2, 3]]), 1], over(each(torch.prod)))
    yield case("prod", "all of a matrix with a zero", [tensor([[0, 2], [3, 4]])], lambda x: x.prod())
    yield case("logsumexp", "large", [tensor(1000, 1001, -1000)], over(torch.logsumexp))
    yield case("logsumexp", "minus infinity", [tensor(-INF, -INF)], over(torch.logsumexp), grad=False)
    yield case("countNonzero", "everything", [ints([[0, 3], [-1, 0]])], torch.count_nonzero)
    yield case("countNonzero", "axis", [tensor([[0, NAN, 1], [0, 0, -0.0]]), 1], torch.count_nonzero)
    yield case("countNonzero", "axes", [integers(2, 3, 2, hi=2), [0, 2]], lambda x, a: torch.count_nonzero(x, dim=a))
    yield case("countNonzero", "empty", [torch.zeros(0)], torch.count_nonzero)


def positions():
    for name in ("argmax", "argmin"):
        fn = getattr(torch, name)
        call = lambda x, a=None, o={}, fn=fn: fn(x, dim=a, **o)
        yield case(name, "everything", [values(2, 3)], call)
        yield case(name, "axis", [values(2, 3, 4), 1], call)
        yield case(name, "kept", [values(2, 3), -1, KEEP], call)
        yield case(name, "NaN", [tensor([[1, NAN, 3], [NAN, NAN, 0]]), 1], call)
        yield case(name, "scalar", [tensor(2.0).reshape([])], call)
        yield case(name, "integers", [ints([[3, 1, 2], [0, 9, 4]]), 1], call)
        yield case(name, "empty", [torch.zeros(0, 3), 1], call)
    for name in ("max", "min"):
        fn = getattr(torch, name)
        pair = lambda x, a, o={}, fn=fn: list(fn(x, a, **o))
        yield case(name, "everything", [values(2, 3)], fn)
        yield case(name, "everything, ties", [TIES], fn)
        yield case(name, "everything, NaN", [tensor(1, NAN, 3)], fn, grad=False)
        yield case(name, "axis", [values(2, 3, 4), 1], pair)
        yield case(name, "kept", [values(2, 3), 0, KEEP], pair)
        yield case(name, "NaN along the axis", [tensor([[1, NAN, 3], [4, 5, 6]]), 1], pair)
        yield case(name, "scalar", [tensor(2.0).reshape([]), 0], pair)
        yield case(name, "integers", [ints([[3, 1, 2], [0, 9, 4]]), 1], pair)
        yield case(name, "bools", [bools(True, False)], fn)
        yield case(name, "empty", [torch.zeros(0, 3), 1], pair)


def running():
    for name in ("cumsum", "cumprod", "cummax", "cummin"):
        fn = getattr(torch, name)
        call = (lambda x, a, fn=fn: list(fn(x, a))) if name[3] == "m" else fn
        yield case(name, "first axis", [values(3, 4), 0], call)
        yield case(name, "last axis", [values(2, 3, 4), -1], call)
        yield case(name, "scalar", [tensor(2.0).reshape([]), 0], call)
        yield case(name, "empty", [torch.zeros(2, 0), 1], call)
        yield case(name, "ties and zeros", [tensor(0, 2, 2, 0, -1, 2), 0], call)
        yield case(name, "NaN", [tensor(1, 3, NAN, 2, 5), 0], call, grad=False)
        yield case(name, "integers", [ints(3, 1, 4, 1, 5), 0], call)


def statistics():
    for name in ("variance", "std"):
        fn = torch.var if name == "variance" else torch.std

        def call(x, axes=None, o={}, fn=fn):
            axes = list(range(x.dim())) if axes is None else axes
            return fn(x, axes, correction=o.get("correction", 1), keepdim=o.get("keepdim", False))

        yield case(name, "everything", [values(2, 3)], call)
        yield case(name, "axes kept", [values(2, 3, 4), [0, 2], KEEP], call)
        yield case(name, "of all of them", [values(3, 4), 1, {"correction": 0}], call)
        yield case(name, "one element", [tensor(3)], call, grad=False)
        yield case(name, "constant", [torch.ones(4)], call, grad=name == "variance")
        yield case(name, "empty", [torch.zeros(0)], call, grad=False)
        yield case(name, "NaN", [tensor(1, NAN)], call, grad=False)
        yield case(name, "far from 0", [1000 + values(8)], call)
    for p in (2, 1, 3, 0.5, 0, INF, -INF):
        call = lambda x, p, a=None, o={}: torch.linalg.vector_norm(x, p, a, **o)
        yield case("norm", "p = %s, everything" % p, [values(2, 3), p], call)
        yield case("norm", "p = %s, axis" % p, [values(2, 3), p, 1], call)
        yield case("norm", "p = %s, kept" % p, [values(2, 3, 2), p, [0, 2], KEEP], call)
        yield case("norm", "p = %s, ties" % p, [tensor(2, -2, 1), p], call)
        yield case("norm", "p = %s, zeros" % p, [torch.zeros(3), p], call, grad=p in (1, 2, 3, 0))
    yield case("norm", "of nothing", [torch.zeros(0)], lambda x: torch.linalg.vector_norm(x))
    yield case("norm", "scalar", [tensor(-3.0).reshape([])], lambda x: torch.linalg.vector_norm(x))
    along = lambda x, a, o={}: list(torch.median(x, a, **o))
    yield case("median", "odd", [tensor(3, 1, 2)], torch.median)
    yield case("median", "even", [tensor(4, 1, 3, 2)], torch.median)
    yield case("median", "NaN", [tensor(1, NAN, 0)], torch.median, grad=False)
    yield case("median", "axis", [values(3, 5), 1], along)
    yield case("median", "kept", [values(4, 2), 0, KEEP], along)
    yield case("median", "NaN along the axis", [tensor([[1, NAN, 0], [1, 5, 0]]), 1], along, grad=False)
    yield case("median", "integers", [ints(5, 1, 4, 2)], torch.median)
    yield case("median", "scalar", [tensor(2.0).reshape([])], torch.median)
    one = lambda x, q, a=None, o={}: torch.quantile(
        x, torch.tensor(q, dtype=x.dtype) if isinstance(q, list) else q, dim=a, **o)
    yield case("quantile", "everything", [values(2, 4), 0.3], one)
    yield case("quantile", "list", [values(7), [0.0, 0.25, 0.5, 1.0]], one)
    yield case("quantile", "axis", [values(3, 5), 0.6, 1], one)
    yield case("quantile", "list, axis, kept", [values(3, 5), [0.1, 0.9], 0, KEEP], one)
    yield case("quantile", "NaN", [tensor([[1, NAN], [1, 2]]), 0.5, 1], one, grad=False)
    for kind in ("linear", "lower", "higher", "nearest", "midpoint"):
        yield case("quantile", kind, [values(3, 6), [0.15, 0.5, 0.9], 1, {"interpolation": kind}], one)


def cases():
    yield from reductions()
    yield from positions()
    yield from running()
    yield from statistics()
