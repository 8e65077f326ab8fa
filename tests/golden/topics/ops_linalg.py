import torch
import torch.nn.functional as F

from common import case, ints, tensor, values


def cases():
    for name, a, b in [
        ("matrices", (2, 3), (3, 4)), ("vectors", (3,), (3,)), ("matrix and vector", (2, 3), (3,)),
        ("vector and matrix", (3,), (3, 2)), ("stacks", (2, 3, 4), (2, 4, 2)), ("stack and matrix", (2, 3, 4), (4, 2)),
        ("stack and vector", (2, 3, 4), (4,)), ("vector and stack", (4,), (2, 4, 3)),
        ("broadcast stacks", (2, 1, 3, 4), (5, 4, 2)), ("inner extent 0", (2, 0), (0, 3)), ("no rows", (0, 2), (2, 3)),
        ("matrix and stack", (3, 4), (2, 4, 2)), ("larger", (17, 33), (33, 19)),
    ]:
        yield case("matmul", name, [values(*a), values(*b, seed=1)], torch.matmul)
    yield case("dot", "vectors", [values(4), values(4, seed=1)], torch.dot)
    yield case("dot", "empty", [torch.zeros(0), torch.zeros(0)], torch.dot)
    yield case("outer", "vectors", [values(3), values(2, seed=1)], torch.outer)
    add = lambda fn: lambda c, a, b, o={}: fn(c, a, b, **o)
    c, a, b = values(2, 4), values(2, 3), values(3, 4)
    yield case("addmm", "plain", [c, a, b], add(torch.addmm))
    yield case("addmm", "scaled", [c, a, b, {"beta": 0.5, "alpha": 2}], add(torch.addmm))
    yield case("addmm", "broadcast", [values(4), a, b], add(torch.addmm))
    yield case("addmm", "beta 0 ignores NaN", [torch.full((2, 4), float("nan")), a, b, {"beta": 0}], add(torch.addmm), grad=False)
    yield case("baddbmm", "plain", [values(2, 3, 2), values(2, 3, 4), values(2, 4, 2)], add(torch.baddbmm))
    yield case("baddbmm", "scaled", [values(1, 3, 2), values(2, 3, 4), values(2, 4, 2), {"beta": -1, "alpha": 0.5}], add(torch.baddbmm))
    for axes in (0, 1, 2):
        yield case("tensordot", "%d axes" % axes, [values(2, 3, 4), values(3, 4, 2) if axes == 2 else values(4, 3), axes], torch.tensordot)
    yield case("tensordot", "named axes", [values(2, 3, 4), values(4, 5, 2), [[0, 2], [2, 0]]],
               lambda a, b, x: torch.tensordot(a, b, dims=x))
    for eq, *shapes in [
        ("ij,jk->ik", (2, 3), (3, 4)), ("ij,jk", (2, 3), (3, 4)), ("ii->i", (3, 3)), ("ii", (3, 3)), ("ij->ji", (2, 3)),
        ("ij->", (2, 3)), ("bij,bjk->bik", (2, 3, 4), (2, 4, 2)), ("...ij,...jk->...ik", (2, 1, 3, 4), (3, 4, 2)),
        ("i,j->ij", (2,), (3,)), ("ij,ij->i", (2, 3), (2, 3)), ("bhqd,bhkd->bhqk", (2, 2, 3, 4), (2, 2, 5, 4)),
        ("ab,bc,cd->ad", (2, 3), (3, 4), (4, 2)), ("ij,ik->jk", (2, 3), (2, 4)), ("iij,jk->ik", (2, 2, 3), (3, 2)),
        ("...a,b->...ab", (2, 3), (4,)), ("ba", (2, 3)), ("i,i", (3,), (3,)), (" i j , j -> i ", (2, 3), (3,)),
    ]:
        operands = [values(*s, seed=i) for i, s in enumerate(shapes)]
        yield case("einsum", "%s of %s" % (eq, " ".join(map(str, shapes))), [eq, *operands], torch.einsum)
    yield case("cross", "vectors", [values(3), values(3, seed=1)], lambda a, b: torch.linalg.cross(a, b))
    yield case("cross", "axis", [values(3, 4), values(3, 4, seed=1), 0], lambda a, b, x: torch.linalg.cross(a, b, dim=x))
    yield case("cross", "broadcast", [values(2, 3), values(1, 3, seed=1)], lambda a, b: torch.linalg.cross(a, b))
    yield case("kron", "matrices", [values(2, 3), values(2, 2, seed=1)], torch.kron)
    yield case("kron", "vector and matrix", [values(2), values(2, 3, seed=1)], torch.kron)
    yield case("trace", "square", [values(3, 3)], torch.trace)
    yield case("trace", "wide", [values(2, 4)], torch.trace)
    yield case("trace", "integers", [ints([[1, 2], [3, 4]])], torch.trace)
    for name in ("triu", "tril"):
        fn = getattr(torch, name)
        for k in (0, 1, -1, 5, -5):
            yield case(name, "diagonal %d" % k, [values(3, 4), k], fn)
        yield case(name, "stack", [values(2, 3, 3)], fn)
        yield case(name, "empty", [torch.zeros(0, 2)], fn)
        yield case(name, "NaN outside", [tensor([[1, float("nan")], [float("inf"), 2]])], fn, grad=False)
    yield case("linear", "batch", [values(4, 5), values(3, 5), values(3)], F.linear)
    yield case("linear", "no bias, more axes", [values(2, 4, 5), values(3, 5)], F.linear)
    yield case("linear", "empty batch", [torch.zeros(0, 5), values(3, 5), values(3)], F.linear)
    yield case("bilinear", "batch", [values(4, 3), values(4, 2), values(5, 3, 2), values(5)], F.bilinear)
    yield case("bilinear", "no bias", [values(4, 3), values(4, 2), values(5, 3, 2)], lambda a, b, w: F.bilinear(a, b, w))
