"""Networks for pictures: torchvision's names, shapes, results and gradients, of weights that a formula gives here and there."""
import copy

import numpy as np
import torch
import torchvision.models as models
from torch import nn
import torch.nn.functional as F


def hashed(count, k):
    """Uniform from 0 to 1, exact in float64, from whole numbers alone (a mixing of 32-bit words)."""
    with np.errstate(over="ignore"):
        h = (np.arange(count, dtype=np.uint32) + np.uint32((k * 7919 + 1) & 0xFFFFFFFF)) * np.uint32(2654435761)
        h ^= h >> np.uint32(15)
        h *= np.uint32(2246822519)
        h ^= h >> np.uint32(13)
    return h.astype(np.float64) / 2.0 ** 32


def weights(state):
    """Every tensor of a state dict by its place: matrices and kernels in the manner of He, so that no layer fades."""
    made = {}
    for k, (name, t) in enumerate(state.items()):
        if not t.is_floating_point():
            made[name] = torch.zeros_like(t)
            continue
        u = torch.from_numpy(hashed(t.numel(), k)).reshape(t.shape)
        if t.dim() > 1:
            v = (2 * u - 1) * (6 / (t[0].numel())) ** 0.5
        elif name.endswith("running_var") or (name.endswith("weight")):
            v = 0.5 + u
        else:
            v = 0.2 * (u - 0.5)
        made[name] = v.float()
    return made


def picture(n, c, h, w):
    return torch.from_numpy(2 * hashed(n * c * h * w, 12345) - 1).float().reshape(n, c, h, w)


# ---- U-Net, written out with the names of Pytorch-UNet ----


class Double(nn.Module):
    def __init__(self, a, b, mid=None):
        super().__init__()
        layers = []
        for i, o in ((a, mid or b), (mid or b, b)):
            layers += [nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU()]
        self.double_conv = nn.Sequential(*layers)

    def forward(self, x):
        return self.double_conv(x)


class DownStep(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.maxpool_conv = nn.Sequential(nn.MaxPool2d(2), Double(a, b))

    def forward(self, x):
        return self.maxpool_conv(x)


class UpStep(nn.Module):
    def __init__(self, a, b, bilinear):
        super().__init__()
        self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True) if bilinear else nn.ConvTranspose2d(a, a // 2, 2, 2)
        self.conv = Double(a, b, a // 2 if bilinear else None)

    def forward(self, x, beside):
        x = self.up(x)
        dy, dx = beside.shape[2] - x.shape[2], beside.shape[3] - x.shape[3]
        x = F.pad(x, [dx // 2, dx - dx // 2, dy // 2, dy - dy // 2])
        return self.conv(torch.cat([beside, x], 1))


class UNet(nn.Module):
    def __init__(self, channels, classes, bilinear, width, depth):
        super().__init__()
        self.depth, factor = depth, 2 if bilinear else 1
        self.inc = Double(channels, width)
        for k in range(1, depth + 1):
            setattr(self, "down%d" % k, DownStep(width * 2 ** (k - 1), width * 2 ** k // (factor if k == depth else 1)))
        for k in range(1, depth + 1):
            level = depth - k
            setattr(self, "up%d" % k, UpStep(width * 2 ** (level + 1), width * 2 ** level // (1 if level == 0 else factor), bilinear))
        self.outc = nn.Module()
        self.outc.conv = nn.Conv2d(width, classes, 1)

    def forward(self, x):
        way = [self.inc(x)]
        for k in range(1, self.depth + 1):
            way.append(getattr(self, "down%d" % k)(way[-1]))
        for k in range(1, self.depth + 1):
            x = getattr(self, "up%d" % k)(way[-1] if k == 1 else x, way[self.depth - k])
        return self.outc.conv(x)


def names(module):
    return ["%s %s" % (k, "x".join(str(n) for n in v.shape)) for k, v in module.state_dict().items()]


def run(name, make, args, module, x, train=False):
    # In float64, so that what is kept is exact; the weights are those of float32.
    module.load_state_dict(weights(module.state_dict()))
    single = copy.deepcopy(module).train(train)
    module.double().train(train)

    def gradients(net, x):
        out = net(x)
        out.backward(torch.from_numpy(hashed(out.numel(), 777) - 0.5).float().to(out.dtype).reshape(out.shape))
        return out, {k: float(p.grad.norm()) for k, p in net.named_parameters() if p.numel() < 1e7}

    out, norms = gradients(module, x.double())
    # How far PyTorch's own float32 is from them.
    _, rough = gradients(single, x)
    floor = 1e-6 * max(norms.values())
    error = max(max(0.0, abs(rough[k] - norms[k]) - floor) / norms[k] for k in norms)
    kept = {"name": name, "make": make, "args": args, "train": train, "input": list(x.shape), "out": out,
            "norms": norms, "error": float("%.1e" % error)}
    if train:
        kept["buffers"] = {k: float(b.norm()) for k, b in module.named_buffers() if b.is_floating_point()}
    return kept


def cases():
    for make in ("vgg16", "vgg19_bn", "resnet18", "resnet34", "resnet50", "mobilenet_v3_large", "mobilenet_v3_small"):
        module = getattr(models, make)()
        yield {"name": make + ", names", "make": make, "names": names(module), "count": sum(p.numel() for p in module.parameters())}
    yield {"name": "UNet, names", "make": "UNet", "args": [3, 1], "names": names(UNet(3, 1, False, 64, 4)),
           "count": sum(p.numel() for p in UNet(3, 1, False, 64, 4).parameters())}
    few = {"numClasses": 7}
    yield run("resnet18", "resnet18", [few], models.resnet18(num_classes=7), picture(2, 3, 64, 48))
    yield run("resnet18, training", "resnet18", [few], models.resnet18(num_classes=7), picture(2, 3, 64, 64), train=True)
    yield run("resnet50", "resnet50", [few], models.resnet50(num_classes=7), picture(1, 3, 64, 64))
    for make, nabla in (("mobilenet_v3_large", "mobilenetV3Large"), ("mobilenet_v3_small", "mobilenetV3Small")):
        yield run(nabla, nabla, [few], getattr(models, make)(num_classes=7), picture(2, 3, 64, 48))
        yield run(nabla + ", narrow, training", nabla, [{**few, "widthMult": 0.5, "dropout": 0}],
                  getattr(models, make)(num_classes=7, width_mult=0.5, dropout=0), picture(4, 3, 64, 64), train=True)
    yield run("vgg11Bn", "vgg11Bn", [few], models.vgg11_bn(num_classes=7), picture(1, 3, 64, 32))
    for bilinear in (False, True):
        yield run("UNet, bilinear %s" % bilinear, "UNet", [1, 3, bilinear, {"width": 4, "depth": 3}], UNet(1, 3, bilinear, 4, 3), picture(2, 1, 19, 24))
    yield run("UNet, training", "UNet", [2, 3, {"width": 4, "depth": 2}], UNet(2, 3, False, 4, 2), picture(2, 2, 12, 12), train=True)
