import torch

from common import case, tensor, values


def cases():
    yield case("full", "matrix", [[2, 3], 0.5], lambda s, v: torch.full(s, v))
    yield case("full", "scalar", [[], 7.0], lambda s, v: torch.full(s, v))
    yield case("full", "empty", [[0, 2], 1.0], lambda s, v: torch.full(s, v))
    yield case("full", "bool", [[2], True], lambda s, v: torch.full(s, v))
    yield case("full", "integers", [[2], 3, {"dtype": "int32"}], lambda s, v, o: torch.full(s, v))
    for name in ("zeros", "ones"):
        yield case(name, "matrix", [[2, 3]], getattr(torch, name))
        yield case(name, "scalar", [[]], getattr(torch, name))
        yield case(name + "Like", "integers", [torch.arange(3)], getattr(torch, name + "_like"))
        yield case(name + "Like", "floats", [values(2, 0)], getattr(torch, name + "_like"))
    yield case("fullLike", "floats", [values(2, 2), 1.5], lambda x, v: torch.full_like(x, v), grad=False)
    # nabla's arange gives floats unless told otherwise.
    yield case("arange", "end", [5], lambda n: torch.arange(float(n)))
    yield case("arange", "start, end", [2, 7], lambda a, b: torch.arange(float(a), b))
    yield case("arange", "fractions", [0, 1, 0.3], torch.arange)
    yield case("arange", "down", [5, 0, -2], lambda a, b, c: torch.arange(float(a), b, c))
    yield case("arange", "nothing", [3, 3], lambda a, b: torch.arange(float(a), b))
    yield case("arange", "integers", [0, 10, 3, {"dtype": "int32"}], lambda a, b, c, _: torch.arange(a, b, c))
    yield case("linspace", "eleven", [0, 1, 11], torch.linspace)
    yield case("linspace", "down", [3, -3, 7], torch.linspace)
    yield case("linspace", "one", [3, 9, 1], torch.linspace)
    yield case("linspace", "none", [0, 1, 0], torch.linspace)
    yield case("eye", "square", [3], torch.eye)
    yield case("eye", "wide", [2, 4], torch.eye)
    yield case("eye", "empty", [0], torch.eye)
