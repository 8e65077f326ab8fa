import torch
from torch import nn

from common import layer, snake, values

X = {1: (4, 3, 3), 2: (2, 3, 3, 2), 3: (2, 3, 2, 2, 2)}


class RMSNorm(nn.Module):
    """As in later versions of PyTorch, which 1.13 has not."""

    def __init__(self, n, eps=None):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(n))
        self.eps = torch.finfo(torch.float32).eps if eps is None else eps

    def forward(self, x):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.eps) * self.weight


def cases():
    for n in [1, 2, 3]:
        batch, instance = getattr(nn, "BatchNorm%dd" % n), getattr(nn, "InstanceNorm%dd" % n)
        for o in [{}, {"momentum": 0.3, "eps": 0.01}, {"momentum": None}, {"affine": False}, {"trackRunningStats": False}]:
            module = batch(3, **{snake(k): v for k, v in o.items()})
            yield layer("BatchNorm%dd" % n, "%s" % o, [3, o], module, [values(*X[n])])
        for o in [{}, {"affine": True}, {"affine": True, "trackRunningStats": True}, {"trackRunningStats": True, "momentum": 0.4}]:
            module = instance(3, **{snake(k): v for k, v in o.items()})
            yield layer("InstanceNorm%dd" % n, "%s" % o, [3, o], module, [values(*X[n])])
        yield layer("InstanceNorm%dd" % n, "no batch", [3], instance(3), [values(*X[n])[0]])
    yield layer("BatchNorm1d", "two axes", [3], nn.BatchNorm1d(3), [values(4, 3)])
    for shape in [4, [3, 4]]:
        yield layer("LayerNorm", "%s" % shape, [shape], nn.LayerNorm(shape), [values(2, 3, 4)])
        o = {"elementwiseAffine": False, "eps": 0.1}
        yield layer("LayerNorm", "%s %s" % (shape, o), [shape, o], nn.LayerNorm(shape, elementwise_affine=False, eps=0.1), [values(2, 3, 4)])
    yield layer("RMSNorm", "plain", [4], RMSNorm(4), [values(2, 3, 4)])
    yield layer("RMSNorm", "eps", [4, {"eps": 0.1}], RMSNorm(4, 0.1), [values(2, 3, 4)])
    for groups in [1, 2, 4]:
        yield layer("GroupNorm", "%d groups" % groups, [groups, 4], nn.GroupNorm(groups, 4), [values(2, 4, 3)])
    yield layer("GroupNorm", "not affine", [2, 4, {"affine": False, "eps": 0.1}], nn.GroupNorm(2, 4, eps=0.1, affine=False), [values(2, 4, 2, 3)])
