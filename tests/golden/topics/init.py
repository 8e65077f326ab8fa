"""Gains, and the bounds and deviations that PyTorch draws initial values with, seen by a tensor that takes notes."""
import torch
from torch.nn import init


class Notes(torch.Tensor):
    drawn = None

    def uniform_(self, lo, hi):
        Notes.drawn = {"lo": lo, "hi": hi}
        return self

    def normal_(self, mean, std):
        Notes.drawn = {"mean": mean, "std": std}
        return self


def seen(f, shape, **options):
    f(torch.zeros(shape).as_subclass(Notes), **options)
    return Notes.drawn


CAMEL = {"fan_in": "fanIn", "fan_out": "fanOut", "leaky_relu": "leakyRelu", "nonlinearity": "nonlinearity"}


def cases():
    for name in ("linear", "sigmoid", "tanh", "relu", "selu"):
        yield {"name": "gain of " + name, "of": name, "gain": init.calculate_gain(name)}
    yield {"name": "gain of leakyRelu", "of": "leakyRelu", "slope": 0.2, "gain": init.calculate_gain("leaky_relu", 0.2)}
    for shape in ([30, 40], [20, 10, 3, 3], [8, 40, 5]):
        for gain in (1.0, 1.5):
            yield {"name": "xavierUniform %s, %s" % (shape, gain), "init": "xavierUniform", "shape": shape, "argument": gain, **seen(init.xavier_uniform_, shape, gain=gain)}
            yield {"name": "xavierNormal %s, %s" % (shape, gain), "init": "xavierNormal", "shape": shape, "argument": gain, **seen(init.xavier_normal_, shape, gain=gain)}
        for mode in ("fan_in", "fan_out"):
            for kind, a in (("relu", 0), ("leaky_relu", 0.3), ("tanh", 0), ("linear", 0)):
                options = {"a": a, "mode": CAMEL[mode], "nonlinearity": CAMEL.get(kind, kind)}
                name = "%s, %s, %s" % (shape, mode, kind)
                yield {"name": "heUniform " + name, "init": "heUniform", "shape": shape, "argument": options, **seen(init.kaiming_uniform_, shape, a=a, mode=mode, nonlinearity=kind)}
                yield {"name": "heNormal " + name, "init": "heNormal", "shape": shape, "argument": options, **seen(init.kaiming_normal_, shape, a=a, mode=mode, nonlinearity=kind)}
