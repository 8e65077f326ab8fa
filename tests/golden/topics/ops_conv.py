import torch
import torch.nn.functional as F

from common import case, tensor, values

SNAKE = {
    "outputPadding": "output_padding", "ceilMode": "ceil_mode", "countIncludePad": "count_include_pad",
    "divisorOverride": "divisor_override", "returnIndices": "return_indices", "outputSize": "output_size",
}
IMAGES = {1: (2, 4, 7), 2: (2, 4, 5, 5), 3: (1, 4, 3, 4, 3)}
POOLED = {1: (1, 2, 7), 2: (1, 2, 6, 5), 3: (1, 2, 4, 5, 3)}


def snake(options):
    return {SNAKE.get(k, k): v for k, v in options.items()}


def note(options, more=""):
    return ", ".join(["%s %s" % kv for kv in options.items()] + [more] * (more != "")) or "plain"


def convolutions():
    same = [
        {}, {"stride": 2}, {"padding": 1}, {"padding": 2, "stride": 3}, {"dilation": 2, "padding": 2}, {"groups": 2},
        {"groups": 4, "padding": 1}, {"padding": "same"}, {"padding": "same", "dilation": 2}, {"padding": "valid"},
    ]
    for n, more in [(1, []), (2, [{"stride": [2, 1], "padding": [0, 2], "dilation": [1, 2]}]), (3, [])]:
        name, fn = "conv%dd" % n, [F.conv1d, F.conv2d, F.conv3d][n - 1]
        x = values(*IMAGES[n])
        for o in same[:: 1 if n < 3 else 2] + more:
            out, inner = 4, 4 // o.get("groups", 1)
            w = values(out, inner, *[2 if n == 3 else 3] * n, seed=1)
            call = lambda x, w, b, o={}, fn=fn: fn(x, w, b, **o)
            yield case(name, note(o), [x, w, values(out, seed=2), o], call)
        w = values(3, 4, *[2, 3, 1][:n], seed=1)
        yield case(name, "no bias, an even kernel", [x, w], fn)
        yield case(name, "same, an even kernel", [x, w, None, {"padding": "same"}], lambda x, w, b, o, fn=fn: fn(x, w, b, **o))
        yield case(name, "no batch", [x[0], w, values(3, seed=2)], fn)
        yield case(name, "1 to 1 places", [x, values(5, 4, *[1] * n, seed=1), values(5, seed=2)], fn)
        yield case(name, "the whole image", [x, values(5, 4, *IMAGES[n][2:], seed=1)], fn)
        yield case(name, "empty batch", [torch.zeros(0, *IMAGES[n][1:]), w], fn)


def transposed():
    for n in [1, 2, 3]:
        name, fn = "convTranspose%dd" % n, [F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d][n - 1]
        x = values(*{1: (2, 4, 5), 2: (2, 4, 3, 4), 3: (1, 4, 2, 3, 2)}[n])
        options = [
            {}, {"stride": 2}, {"stride": 2, "padding": 1, "outputPadding": 1}, {"groups": 2, "stride": 2},
            {"dilation": 2, "padding": 1}, {"stride": 3, "outputPadding": 2}, {"dilation": 3, "outputPadding": 2, "padding": 1},
        ]
        if n == 2:
            options += [{"stride": [2, 1], "padding": [1, 0], "outputPadding": [1, 0], "dilation": [1, 2]}]
        for o in options:
            w = values(4, 3, *[2 if n == 3 else 3] * n, seed=1)
            call = lambda x, w, b, o, fn=fn: fn(x, w, b, **snake(o))
            yield case(name, note(o), [x, w, values(3 * o.get("groups", 1), seed=2), o], call)
        yield case(name, "no bias, no batch", [x[0], values(4, 2, *[2, 3, 1][:n], seed=1)], fn)


def pools():
    windows = [{}, {"stride": 1}, {"stride": 2, "padding": 1}, {"ceilMode": True}, {"stride": 2, "padding": 1, "ceilMode": True}]
    for n in [1, 2, 3]:
        x = values(*POOLED[n])
        for k in [2, 3]:
            for o in windows + [{"stride": 1, "dilation": 2 if k == 2 or n < 3 else 1}]:
                o = {k2: v for k2, v in o.items() if k == 3 or v != 1 or k2 != "dilation"}
                name, fn = "maxPool%dd" % n, [F.max_pool1d, F.max_pool2d, F.max_pool3d][n - 1]
                call = lambda x, k, o, fn=fn: fn(x, k, **snake(o))
                yield case(name, "%d, %s" % (k, note(o)), [x, k, o], call)
                least = lambda x, k, o, fn=fn: -fn(-x, k, **snake(o))
                yield case("minPool%dd" % n, "%d, %s" % (k, note(o)), [x, k, o], least)
                if "dilation" in o:
                    continue
                name, fn = "avgPool%dd" % n, [F.avg_pool1d, F.avg_pool2d, F.avg_pool3d][n - 1]
                some = [o, {**o, "countIncludePad": False}] + ([{**o, "divisorOverride": 3}] if n > 1 else [])
                for a in some:
                    call = lambda x, k, a, fn=fn: fn(x, k, **snake(a))
                    yield case(name, "%d, %s" % (k, note(a)), [x, k, a], call)
        o = {"returnIndices": True, "stride": 1, "padding": 1}
        fn = [F.max_pool1d, F.max_pool2d, F.max_pool3d][n - 1]
        call = lambda x, k, o, fn=fn: list(fn(x, k, **snake(o)))
        yield case("maxPool%dd" % n, "indices", [x, 2, o], call)
        yield case("maxPool%dd" % n, "no batch", [x[0], 2], fn)
        yield case("avgPool%dd" % n, "no batch", [x[0], 2], [F.avg_pool1d, F.avg_pool2d, F.avg_pool3d][n - 1])
        nan = x.clone()
        nan.reshape(-1)[3] = float("nan")
        yield case("maxPool%dd" % n, "NaN", [nan, 2], fn, grad=False)
        even = x[tuple([slice(None)] * 2 + [slice(m // 2 * 2) for m in POOLED[n][2:]])]
        y, at = fn(even, 2, return_indices=True)
        undo = [F.max_unpool1d, F.max_unpool2d, F.max_unpool3d][n - 1]
        yield case("maxUnpool%dd" % n, "plain", [y, at, 2], undo)
        y, at = fn(x, 2, return_indices=True)
        o = {"outputSize": list(POOLED[n][2:])}
        call = lambda y, i, k, o, fn=undo: fn(y, i, k, output_size=o["outputSize"])
        yield case("maxUnpool%dd" % n, "output size", [y, at, 2, o], call)
        axes = list(range(2, n + 2))
        yield case("globalAvgPool", "%d axes" % n, [x], lambda x, axes=axes: x.mean(axes))
        yield case("globalMaxPool", "%d axes" % n, [x, {"keepdim": True}], lambda x, _, axes=axes: x.amax(axes, keepdim=True))
    yield case("maxPool2d", "a kernel by axis", [values(1, 2, 6, 6), [2, 3], {"stride": [1, 2], "padding": [1, 0]}], lambda x, k, o: F.max_pool2d(x, k, **o))
    yield case("avgPool2d", "a kernel by axis", [values(1, 2, 6, 6), [2, 3], {"stride": [1, 2], "padding": [1, 0]}], lambda x, k, o: F.avg_pool2d(x, k, **o))
    for p in [1, 2, 3]:
        for o in [{}, {"stride": 1}, {"ceilMode": True}]:
            call = lambda f: lambda x, p, k, o=o: f(x, p, k, **snake(o))
            yield case("lpPool1d", "%d, %s" % (p, note(o)), [values(2, 3, 7, lo=0.1), p, 3, o], lambda x, p, k, o: F.lp_pool1d(x, p, k, **snake(o)))
            yield case("lpPool2d", "%d, %s" % (p, note(o)), [values(1, 2, 5, 6, lo=0.1), p, [2, 3], o], lambda x, p, k, o: F.lp_pool2d(x, p, k, **snake(o)))
    # PyTorch 1.13 has no lp_pool3d: its definition.
    yield case("lpPool3d", "plain", [values(1, 2, 4, 4, 4, lo=0.1), 2, 2], lambda x, p, k: (F.avg_pool3d(x**p, k) * 8) ** 0.5)


def normalized():
    for shape in [(4, 3), (2, 3, 4), (2, 3, 2, 2), (2, 3, 2, 2, 2)]:
        w, b = values(3, seed=1), values(3, seed=2)
        o = {"training": True, "eps": 0.01}
        yield case("batchNorm", "%s" % (shape,), [values(*shape), None, None, w, b, o], lambda x, m, v, w, b, o: F.batch_norm(x, m, v, w, b, **o))
        o = {"training": True}
        yield case("batchNorm", "%s plain" % (shape,), [values(*shape), None, None, None, None, o], lambda x, m, v, w, b, o: F.batch_norm(x, m, v, w, b, **o))
    yield case("rrelu", "evaluation", [tensor(-2, -0.5, 0, 1)], lambda x: F.rrelu(x))
    o = {"lower": 0.1, "upper": 0.5}
    yield case("rrelu", "other bounds", [tensor(-2, -0.5, 0, 1), o], lambda x, o: F.rrelu(x, **o))


def cases():
    yield from convolutions()
    yield from transposed()
    yield from pools()
    yield from normalized()
