import torch.nn.functional as F
from torch import nn

from common import layer, snake, values

X = {1: (1, 2, 7), 2: (1, 2, 5, 6), 3: (1, 1, 4, 5, 4)}


class Of(nn.Module):
    """A layer of a function, for what PyTorch has no module of."""

    def __init__(self, f):
        super().__init__()
        self.f = f

    def forward(self, *x):
        return self.f(*x)


def python(options):
    return {snake(k): v for k, v in options.items()}


def cases():
    for n in [1, 2, 3]:
        name = lambda kind: "%s%dd" % (kind, n)
        of = lambda kind: getattr(nn, name(kind))
        x = values(*X[n])
        for k, o in [(2, {}), (3, {"stride": 2, "padding": 1, "ceilMode": True}), (2, {"stride": 1, "dilation": 2})]:
            note = "%d, %s" % (k, o)
            yield layer(name("MaxPool"), note, [k, o], of("MaxPool")(k, **python(o)), [x])
            most = of("MaxPool")(k, **python(o))
            yield layer(name("MinPool"), note, [k, o], Of(lambda x, f=most: -f(-x)), [x])
            if "dilation" not in o:
                yield layer(name("AvgPool"), note, [k, o], of("AvgPool")(k, **python(o)), [x])
        o = {"returnIndices": True}
        yield layer(name("MaxPool"), "indices", [2, o], of("MaxPool")(2, return_indices=True), [x])
        o = {"padding": 1, "countIncludePad": False, "stride": 1}
        yield layer(name("AvgPool"), "%s" % o, [2, o], of("AvgPool")(2, **python(o)), [x])
        if n < 3:
            yield layer(name("LPPool"), "3", [3, 2, {"stride": 1}], of("LPPool")(3, 2, stride=1), [values(*X[n], lo=0.1)])
        else:
            yield layer(name("LPPool"), "2", [2, 2], Of(lambda x: (F.avg_pool3d(x**2, 2) * 8) ** 0.5), [values(*X[n], lo=0.1)])
        size = [3, None, 2][:n] if n > 1 else 3
        yield layer(name("AdaptiveAvgPool"), "%s" % size, [size], of("AdaptiveAvgPool")(size), [x])
        yield layer(name("AdaptiveMaxPool"), "%s" % size, [size, {"returnIndices": True}], of("AdaptiveMaxPool")(size, return_indices=True), [x])
        y, at = of("MaxPool")(2, return_indices=True)(x[tuple([slice(None)] * 2 + [slice(m // 2 * 2) for m in X[n][2:]])])
        yield layer(name("MaxUnpool"), "2", [2], of("MaxUnpool")(2), [y, at])
    yield layer("GlobalAvgPool", "two axes", [], Of(lambda x: x.mean([2, 3])), [values(*X[2])])
    yield layer("GlobalMaxPool", "two axes", [{"keepdim": True}], Of(lambda x: x.amax([2, 3], keepdim=True)), [values(*X[2])])
