import torch
import torch.nn.functional as F

from common import case, ints, tensor, values

INF, NAN = float("inf"), float("nan")
GRID = torch.linspace(-7, 7, 57)
EDGES = tensor(-INF, -100, -3, -1, -0.5, 0, 0.5, 1, 3, 6, 20, 100, INF, NAN)

ACTIVATIONS = {
    "leakyRelu": (F.leaky_relu, [{}, {"negativeSlope": 0.2}]),
    "elu": (F.elu, [{}, {"alpha": 0.5}]),
    "selu": (F.selu, [{}]),
    "celu": (F.celu, [{}, {"alpha": 2.0}]),
    "silu": (F.silu, [{}]),
    "mish": (F.mish, [{}]),
    "softplus": (F.softplus, [{}, {"beta": 2.0, "threshold": 5.0}]),
    "softsign": (F.softsign, [{}]),
    "hardtanh": (F.hardtanh, [{}, {"minVal": -2.0, "maxVal": 0.5}]),
    "relu6": (F.relu6, [{}]),
    "hardsigmoid": (F.hardsigmoid, [{}]),
    "hardswish": (F.hardswish, [{}]),
    "logsigmoid": (F.logsigmoid, [{}]),
    "tanhshrink": (F.tanhshrink, [{}]),
    "softshrink": (lambda x, **o: F.softshrink(x, o.get("lambda", 0.5)), [{}, {"lambda": 1.2}]),
    "hardshrink": (lambda x, **o: F.hardshrink(x, o.get("lambda", 0.5)), [{}, {"lambda": 1.2}]),
    "threshold": (lambda x, threshold=0, value=0: F.threshold(x, threshold, value), [{}, {"threshold": 0.3, "value": -1.0}]),
    "gelu": (F.gelu, [{}, {"approximate": "tanh"}]),
}
SNAKE = {"negativeSlope": "negative_slope", "minVal": "min_val", "maxVal": "max_val"}


def activations():
    for name, (fn, options) in ACTIVATIONS.items():
        for o in options:
            call = lambda x, _=None, o=o: fn(x, **{SNAKE.get(k, k): v for k, v in o.items()})
            more = [o] if o else []
            note = " ".join("%s %s" % kv for kv in o.items())
            yield case(name, "grid " + note, [GRID, *more], call)
            yield case(name, "edges " + note, [EDGES, *more], call, grad=False)
        yield case(name, "scalar", [tensor(-0.7).reshape([])], fn)
        yield case(name, "empty", [torch.zeros(2, 0)], fn)
    for name, fn in [("softmax", F.softmax), ("logSoftmax", F.log_softmax), ("softmin", F.softmin)]:
        call = lambda x, a=-1, fn=fn: fn(x, a)
        yield case(name, "last axis", [values(2, 5)], call)
        yield case(name, "middle axis", [values(2, 3, 4), 1], call)
        yield case(name, "large", [tensor(1000, 0, -1000)], call)
        yield case(name, "minus infinity", [tensor(0, -INF, 1)], call)
        yield case(name, "NaN", [tensor(0, NAN, 1)], call, grad=False)
        yield case(name, "scalar", [tensor(2.0).reshape([]), 0], call)
        yield case(name, "empty", [torch.zeros(2, 0), 1], call)
        yield case(name, "no rows", [torch.zeros(0, 3), 1], call)
    for name, fn in [("softmax", F.softmax), ("logSoftmax", F.log_softmax)]:
        yield case(name, "temperature", [values(2, 5), 1, {"temperature": 0.5}], lambda x, a, o, fn=fn: fn(x / o["temperature"], a))
    yield case("glu", "last axis", [values(3, 6)], F.glu)
    yield case("glu", "first axis", [values(4, 3), 0], F.glu)
    yield case("prelu", "one slope", [tensor(-2, -0.5, 0, 1), tensor(0.25)], F.prelu)
    yield case("prelu", "a slope for each channel", [values(2, 3, 4), values(3, seed=1)], F.prelu)


def norms():
    for shape, over in [((3, 4), [4]), ((2, 3, 4), [3, 4]), ((2, 3, 4), [4])]:
        w, b = values(*over, seed=1), values(*over, seed=2)
        note = "%s over %s" % (shape, over)
        yield case("layerNorm", note, [values(*shape), over, w, b], F.layer_norm)
        yield case("layerNorm", note + ", plain", [values(*shape), over], F.layer_norm)
        yield case("layerNorm", note + ", eps", [values(*shape), over, w, None, 0.1], F.layer_norm)
    yield case("layerNorm", "far from 0", [50 + values(3, 8), [8]], F.layer_norm)
    for shape in [(4, 3), (2, 3, 4), (2, 3, 2, 2)]:
        x, w, b = values(*shape), values(3, seed=1), values(3, seed=2)
        mean, var = values(3, seed=3), values(3, seed=4, lo=0.5)
        axes = [i for i in range(len(shape)) if i != 1]
        train = lambda x, w, b, eps=1e-5, axes=axes: [
            F.batch_norm(x, None, None, w, b, True, 0.1, eps), x.mean(axes).detach(), x.var(axes, unbiased=False).detach()]
        yield case("batchNormTrain", "%s" % (shape,), [x, w, b], train)
        yield case("batchNormTrain", "%s plain" % (shape,), [x, None, None, 0.1], train)
        evaluate = lambda x, m, v, w, b: F.batch_norm(x, m.detach(), v.detach(), w, b)
        yield case("batchNormEval", "%s" % (shape,), [x, mean, var, w, b], evaluate, grad=False)
    for shape in [(2, 4), (2, 4, 3), (2, 4, 2, 2)]:
        w, b = values(4, seed=1), values(4, seed=2)
        yield case("groupNorm", "%s in 2" % (shape,), [values(*shape), 2, w, b], F.group_norm)
        if len(shape) > 2:
            yield case("instanceNorm", "%s" % (shape,), [values(*shape), w, b], lambda x, w, b: F.instance_norm(x, weight=w, bias=b))
    yield case("groupNorm", "plain", [values(2, 6, 3), 3], F.group_norm)


def cases():
    yield from activations()
    yield from norms()
