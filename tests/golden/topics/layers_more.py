import torch
import torch.nn.functional as F
from torch import nn

from common import integers, ints, layer, snake, values


class Of(nn.Module):
    """A layer of a function, for what PyTorch has no module of."""

    def __init__(self, f):
        super().__init__()
        self.f = f

    def forward(self, *x):
        return self.f(*x)


class Residual(nn.Module):
    def __init__(self, body, shortcut=None, activation=None):
        super().__init__()
        self.body, self.shortcut, self.activation = body, shortcut, activation

    def forward(self, x):
        y = self.body(x) + (self.shortcut(x) if self.shortcut else x)
        return self.activation(y) if self.activation else y


class Block(nn.Module):
    """He et al., 2015, with torchvision's names (Debian has no torchvision)."""

    def __init__(self, inside, channels, stride=1, wide=False):
        super().__init__()
        out = 4 * channels if wide else channels
        conv = lambda a, b, k, s=1: nn.Conv2d(a, b, k, s, k // 2, bias=False)
        if wide:
            self.conv1, self.bn1 = conv(inside, channels, 1), nn.BatchNorm2d(channels)
            self.conv2, self.bn2 = conv(channels, channels, 3, stride), nn.BatchNorm2d(channels)
            self.conv3, self.bn3 = conv(channels, out, 1), nn.BatchNorm2d(out)
        else:
            self.conv1, self.bn1 = conv(inside, channels, 3, stride), nn.BatchNorm2d(channels)
            self.conv2, self.bn2 = conv(channels, channels, 3), nn.BatchNorm2d(channels)
        self.downsample = None
        if stride != 1 or inside != out:
            self.downsample = nn.Sequential(conv(inside, out, 1, stride), nn.BatchNorm2d(out))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if hasattr(self, "conv3"):
            y = self.bn3(self.conv3(F.relu(y)))
        return F.relu(y + (self.downsample(x) if self.downsample else x))


def affine():
    yield layer("Linear", "plain", [4, 3], nn.Linear(4, 3), [values(2, 4)])
    yield layer("Linear", "three axes, no bias", [4, 3, {"bias": False}], nn.Linear(4, 3, bias=False), [values(2, 3, 4)])
    yield layer("Bilinear", "plain", [3, 4, 2], nn.Bilinear(3, 4, 2), [values(5, 3), values(5, 4, seed=1)])
    yield layer("Bilinear", "three axes, no bias", [3, 4, 2, {"bias": False}], nn.Bilinear(3, 4, 2, bias=False), [values(2, 2, 3), values(2, 2, 4, seed=1)])


def lookups():
    index = integers(2, 3, hi=6)
    for o in [{}, {"paddingIdx": 1}, {"maxNorm": 0.8}, {"maxNorm": 0.8, "normType": 1}, {"scaleGradByFreq": True}]:
        yield layer("Embedding", "%s" % o, [6, 3, o], nn.Embedding(6, 3, **{snake(k): v for k, v in o.items()}), [index])
    for mode in ["sum", "mean", "max"]:
        yield layer("EmbeddingBag", mode, [6, 3, {"mode": mode}], nn.EmbeddingBag(6, 3, mode=mode), [index])
        yield layer("EmbeddingBag", mode + ", offsets", [6, 3, {"mode": mode}], nn.EmbeddingBag(6, 3, mode=mode), [ints(1, 2, 4, 5, 4), ints(0, 2, 2)])
    yield layer("EmbeddingBag", "weights", [6, 3, {"mode": "sum"}], nn.EmbeddingBag(6, 3, mode="sum"), [ints(1, 2, 4, 5, 4), ints(0, 2, 4), values(5, seed=4)])


def blocks():
    x = values(2, 2, 4, 3)
    yield layer("BasicBlock", "plain", [2, 2], Block(2, 2), [x])
    yield layer("BasicBlock", "stride 2", [2, 3, {"stride": 2}], Block(2, 3, 2), [x])
    yield layer("Bottleneck", "plain", [8, 2], Block(8, 2, wide=True), [values(1, 8, 3, 2)])
    yield layer("Bottleneck", "stride 2", [2, 2, {"stride": 2}], Block(2, 2, 2, wide=True), [x])
    linear = {"kind": "Linear", "args": [3, 3]}
    yield layer("ResidualBlock", "plain", [linear], Residual(nn.Linear(3, 3)), [values(2, 3)])
    more = {"shortcut": {"kind": "Linear", "args": [3, 3, {"bias": False}]}, "activation": {"kind": "Tanh", "args": []}}
    yield layer("ResidualBlock", "shortcut, activation", [linear, more], Residual(nn.Linear(3, 3), nn.Linear(3, 3, bias=False), nn.Tanh()), [values(2, 3)])
    parts = [linear, {"kind": "ReLU", "args": []}, {"kind": "Linear", "args": [3, 2]}]
    yield layer("Sequential", "three", parts, nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2)), [values(2, 3)])


def shapes():
    yield layer("Identity", "plain", [], nn.Identity(), [values(2, 3)])
    yield layer("Flatten", "plain", [], nn.Flatten(), [values(2, 3, 2)])
    yield layer("Flatten", "first axes", [0, 1], nn.Flatten(0, 1), [values(2, 3, 2)])
    yield layer("Unflatten", "plain", [1, [3, 2]], nn.Unflatten(1, (3, 2)), [values(2, 6)])
    yield layer("PixelShuffle", "2", [2], nn.PixelShuffle(2), [values(1, 4, 3, 2)])
    yield layer("PixelUnshuffle", "2", [2], nn.PixelUnshuffle(2), [values(1, 2, 4, 2)])
    yield layer("ChannelShuffle", "2", [2], Of(lambda x: x.reshape(1, 2, 2, 3).transpose(1, 2).reshape(1, 4, 3)), [values(1, 4, 3)])
    images = {1: (1, 2, 4), 2: (1, 2, 3, 4), 3: (1, 1, 2, 3, 4)}
    for n, o in [(1, {"scaleFactor": 2}), (1, {"size": 7, "mode": "linear"}), (2, {"scaleFactor": 2, "mode": "bilinear", "alignCorners": True}),
                 (2, {"size": [5, 3], "mode": "bicubic"}), (2, {"scaleFactor": 1.5, "mode": "bilinear"}), (3, {"scaleFactor": 2, "mode": "trilinear"})]:
        yield layer("Upsample", "%d axes, %s" % (n, o), [o], nn.Upsample(**{snake(k): v for k, v in o.items()}), [values(*images[n])])
    for n in [1, 2, 3]:
        x = values(*images[n])
        for widths in [1, [1, 0, 1, 1, 0, 1][: 2 * n]]:
            for kind in ["ReflectionPad", "ReplicationPad", "ConstantPad", "ZeroPad", "CircularPad"]:
                name = "%s%dd" % (kind, n)
                value = [0.5] if kind == "ConstantPad" else []
                torch_widths = tuple(widths) if isinstance(widths, list) else (widths,) * (2 * n)
                if hasattr(nn, name):
                    module = getattr(nn, name)(torch_widths, *value)
                else:
                    mode = {"ZeroPad": "constant", "CircularPad": "circular"}[kind]
                    module = Of(lambda x, w=torch_widths, mode=mode: F.pad(x, w, mode=mode))
                yield layer(name, "%s" % widths, [widths, *value], module, [x])


def activations():
    x = torch.cat([values(3, 6), torch.linspace(-7, 7, 18).reshape(3, 6)])
    for kind, o in [
        ("Sigmoid", {}), ("Tanh", {}), ("ReLU", {}), ("ReLU6", {}), ("LeakyReLU", {}), ("LeakyReLU", {"negativeSlope": 0.2}), ("ELU", {}),
        ("ELU", {"alpha": 0.5}), ("SELU", {}), ("CELU", {"alpha": 2.0}), ("GELU", {}), ("GELU", {"approximate": "tanh"}), ("SiLU", {}), ("Mish", {}),
        ("Softplus", {}), ("Softplus", {"beta": 2.0, "threshold": 5.0}), ("Softsign", {}), ("Hardtanh", {}), ("Hardtanh", {"minVal": -2.0, "maxVal": 0.5}),
        ("Hardswish", {}), ("Hardsigmoid", {}), ("LogSigmoid", {}), ("Tanhshrink", {}), ("Hardshrink", {}),
    ]:
        module = getattr(nn, kind)(**{snake(k): v for k, v in o.items()})
        yield layer(kind, "%s" % o, [o], module, [x])
    yield layer("Softshrink", "0.7", [{"lambda": 0.7}], nn.Softshrink(0.7), [x])
    yield layer("Threshold", "0.2", [{"threshold": 0.2, "value": -1.0}], nn.Threshold(0.2, -1.0), [x])
    yield layer("GLU", "plain", [], nn.GLU(), [x])
    yield layer("GLU", "axis 0", [{"axis": 0}], nn.GLU(0), [x])
    for kind in ["Softmax", "LogSoftmax", "Softmin"]:
        yield layer(kind, "last axis", [{"axis": -1}], getattr(nn, kind)(-1), [x])
        cold = getattr(nn, kind)(0)
        yield layer(kind, "temperature", [{"axis": 0, "temperature": 2}], Of(lambda x, f=cold: f(x / 2)), [x])
    yield layer("Softmax2d", "plain", [], nn.Softmax2d(), [values(1, 3, 2, 2)])
    yield layer("PReLU", "one slope", [], nn.PReLU(), [x])
    yield layer("PReLU", "by channel", [3, {"init": 0.1}], nn.PReLU(3, 0.1), [values(2, 3, 2)])
    yield layer("RReLU", "evaluation", [{"lower": 0.1, "upper": 0.5}], nn.RReLU(0.1, 0.5), [x], train=False)
    for kind, shape in [("Dropout", (2, 3)), ("Dropout1d", (2, 3, 2)), ("Dropout2d", (2, 3, 2, 2)), ("Dropout3d", (2, 3, 2, 1, 2)), ("AlphaDropout", (2, 3)), ("FeatureAlphaDropout", (2, 3, 2))]:
        yield layer(kind, "evaluation", [0.3], getattr(nn, kind)(0.3), [values(*shape)], train=False)


def cases():
    for part in [affine, lookups, blocks, shapes, activations]:
        yield from part()
