import torch

from common import bools, case, integers, ints, tensor, values

INF, NAN = float("inf"), float("nan")
# Where functions have kinks, poles and edges; large, small and special numbers.
EDGES = tensor(-INF, -1e30, -100, -2.5, -1.5, -1, -0.5, -1e-6, -0.0, 0, 1e-30, 0.5, 1, 1.5, 2.5, 3, 30, 1e30, INF, NAN)

UNARY = "neg abs sign square exp exp2 expm1 log log2 log10 log1p sqrt rsqrt reciprocal sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh sigmoid erf erfc erfinv ndtr floor ceil round trunc frac relu"
# Sines of huge numbers need more digits than float32 has, there and here; the slopes of poles overflow differently.
TAME = {
    "sin": EDGES[2:17], "cos": EDGES[2:17], "tan": EDGES[2:17],
}
INTEGERS = "neg abs sign square relu sigmoid exp sqrt tanh"
TESTS = "isnan isinf isfinite logicalNot"
BINARY = {
    "add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "floorDivide": torch.floor_divide,
    "remainder": torch.remainder, "fmod": torch.fmod, "pow": torch.pow, "minimum": torch.minimum,
    "maximum": torch.maximum, "atan2": torch.atan2, "hypot": torch.hypot, "copysign": torch.copysign,
    "logaddexp": torch.logaddexp,
}
COMPARE = {"eq": torch.eq, "ne": torch.ne, "lt": torch.lt, "le": torch.le, "gt": torch.gt, "ge": torch.ge}
LOGIC = {"logicalAnd": torch.logical_and, "logicalOr": torch.logical_or, "logicalXor": torch.logical_xor}
PAIRS = [-INF, -2.5, -1, 0, 0.5, 1, 3, INF, NAN]


def every_pair():
    a = tensor([[x] * len(PAIRS) for x in PAIRS])
    return a, a.t().contiguous()


def unary():
    for name in UNARY.split():
        fn = getattr(torch, name, None) or getattr(torch.special, name)
        yield case(name, "grid", [torch.linspace(-3, 3, 25).reshape(5, 5)], fn)
        yield case(name, "edges", [TAME.get(name, EDGES)], fn)
        yield case(name, "scalar", [tensor(0.3).reshape([])], fn)
        yield case(name, "empty", [torch.zeros(2, 0)], fn)
    for name in INTEGERS.split():
        yield case(name, "integers", [ints(-2, 0, 3)], getattr(torch, name))
    for name in TESTS.split():
        fn = getattr(torch, {"logicalNot": "logical_not"}.get(name, name))
        yield case(name, "edges", [EDGES], fn)
        yield case(name, "integers", [ints(-2, 0, 3)], fn)
        yield case(name, "bool", [bools(True, False)], fn)
        yield case(name, "empty", [torch.zeros(0)], fn)


def binary():
    for name, fn in BINARY.items():
        # PyTorch gives no gradient of floor division, and is eager about pow at the edges; those are below.
        smooth = name not in ("floorDivide",)
        yield case(name, "broadcast", [values(2, 1, 3), values(4, 1, seed=1, lo=0.5)], fn, grad=smooth)
        yield case(name, "scalar", [values(seed=2), values(2, 2, seed=3, lo=0.5)], fn, grad=smooth)
        yield case(name, "empty", [torch.zeros(0, 3), values(1, 3, lo=0.5)], fn, grad=smooth)
        yield case(name, "every pair", list(every_pair()), fn, grad=False)
        if name not in ("minimum", "maximum", "atan2", "hypot", "copysign", "logaddexp"):
            yield case(name, "a number", [values(4), 1.5], fn, grad=smooth)
    for name in ("add", "sub", "mul", "div", "floorDivide", "remainder", "fmod", "minimum", "maximum"):
        yield case(name, "integers", [integers(2, 3, lo=-9), ints(4, -3, 2)], BINARY[name])
    for name in ("add", "mul", "div"):
        yield case(name, "integer and float", [ints(1, 2, 3), values(3)], BINARY[name])
    yield case("add", "bool and integer", [bools(True, False), ints(3, 4)], torch.add)
    yield case("maximum", "bools", [bools(True, False, False), bools(True, True, False)], torch.maximum)
    same = tensor(1, -2, 0, 3)
    for name in ("minimum", "maximum", "hypot", "logaddexp", "atan2", "mul", "div"):
        yield case(name, "equal operands", [same + (name == "div"), same.clone() + (name == "div")], BINARY[name])
    yield case("pow", "whole exponents", [tensor(-2, -0.5, 0, 0.5, 3), 3], torch.pow)
    yield case("pow", "square root", [tensor(0, 0.25, 4), 0.5], torch.pow)
    yield case("pow", "exponent 0", [tensor(-2, 0, 3), 0], torch.pow)
    yield case("pow", "0 to a power", [tensor(0, 0, 0), tensor(2, 1, 0.5)], torch.pow)
    yield case("pow", "integers", [ints(2, 3, -2), ints(3, 2, 3)], torch.pow)
    yield case("remainder", "signs", [tensor(5, -5, 5, -5, 0.75), tensor(3, 3, -3, -3, 0.5)], torch.remainder)
    yield case("fmod", "signs", [tensor(5, -5, 5, -5, 0.75), tensor(3, 3, -3, -3, 0.5)], torch.fmod)
    yield case("floorDivide", "signs", [tensor(5, -5, 5, -5), tensor(3, 3, -3, -3)], torch.floor_divide, grad=False)
    for table in (COMPARE, LOGIC):
        for name, fn in table.items():
            yield case(name, "every pair", list(every_pair()), fn)
            yield case(name, "integers", [integers(2, 3, hi=3), integers(2, 1, seed=1, hi=3)], fn)
            yield case(name, "bools", [bools(True, True, False, False), bools(True, False, True, False)], fn)
            yield case(name, "empty", [torch.zeros(0), torch.zeros(1)], fn)
    for name, fn in COMPARE.items():
        yield case(name, "a number", [ints(1, 2, 3), 2], fn)


def several():
    yield case("where", "broadcast", [bools(True, False, True), values(2, 1), values(3, seed=1)], torch.where)
    yield case("where", "NaN on the side not taken", [bools(True, False), tensor(1, NAN), tensor(NAN, 2)], torch.where)
    yield case("where", "empty", [bools([]), torch.zeros(0), torch.zeros(0)], torch.where)
    yield case("where", "integers", [bools(True, False), ints(1, 2), ints(3, 4)], torch.where)
    edges = tensor(-INF, -2, -1, 0, 0.5, 1, 2, INF, NAN)
    yield case("clamp", "both", [edges, -1, 1], torch.clamp)
    yield case("clamp", "min only", [edges, -1], torch.clamp)
    yield case("clamp", "max only", [edges, None, 1], lambda x, lo, hi: torch.clamp(x, max=hi))
    yield case("clamp", "min above max", [edges, 1, -1], torch.clamp)
    yield case("clamp", "tensors", [values(2, 3), tensor(-1, 0, 0.5), tensor(1, 0.5, 0)], torch.clamp)
    yield case("clamp", "integers", [ints(-5, 0, 5), -2, 2], torch.clamp)
    yield case("clamp", "empty", [torch.zeros(0), 0, 1], torch.clamp)
    yield case("lerp", "number", [values(2, 3), values(2, 3, seed=1), 0.3], torch.lerp)
    yield case("lerp", "beyond the ends", [values(3), values(3, seed=1), 1.5], torch.lerp)
    yield case("lerp", "tensor", [values(2, 3), values(3, seed=1), values(2, 1, seed=2)], torch.lerp)
    yield case("nanToNum", "defaults", [EDGES], torch.nan_to_num)
    yield case("nanToNum", "given", [EDGES, {"nan": 7.0, "posinf": 8.0, "neginf": -9.0}], lambda x, o: torch.nan_to_num(x, **o))
    kinds = {"float32": torch.float32, "int32": torch.int64, "bool": torch.bool}
    for to, kind in kinds.items():
        cast = lambda x, _name, kind=kind: x.to(kind)
        yield case("cast", "floats to " + to, [tensor(-2.7, -0.5, 0, 0.5, 2.7, 1e6), to], cast)
        yield case("cast", "integers to " + to, [ints(-3, 0, 2), to], cast)
        yield case("cast", "bools to " + to, [bools(True, False), to], cast)
        yield case("cast", "nothing to " + to, [torch.zeros(0), to], cast)


def cases():
    yield from unary()
    yield from binary()
    yield from several()
