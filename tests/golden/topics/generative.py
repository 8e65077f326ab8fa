"""Autoencoders, GANs and their measures: layers written out with PyTorch's names, losses by their formulas, SciPy's matrix root."""
import numpy
import scipy.linalg
import torch
import torch.nn.functional as F
from torch import nn

from common import filled, values


def up(*sizes):
    return nn.ConvTranspose2d(*sizes, bias=False)


def down(*sizes):
    return nn.Conv2d(*sizes, bias=False)


class Main(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.main = nn.Sequential(*layers)


class DCGANGenerator(Main):
    def __init__(self, nz, ngf, nc):
        super().__init__(
            up(nz, 4 * ngf, 4), nn.BatchNorm2d(4 * ngf), nn.ReLU(),
            up(4 * ngf, 2 * ngf, 3, 2, 1), nn.BatchNorm2d(2 * ngf), nn.ReLU(),
            up(2 * ngf, ngf, 4, 2, 1), nn.BatchNorm2d(ngf), nn.ReLU(),
            up(ngf, nc, 4, 2, 1), nn.Tanh(),
        )  # fmt: skip

    def forward(self, z):
        return self.main(z.view(z.shape[0], -1, 1, 1))


class DCGANDiscriminator(Main):
    def __init__(self, nc, ndf, batchNorm):
        norm = lambda n: [nn.BatchNorm2d(n)] if batchNorm else []  # noqa: E731
        super().__init__(
            down(nc, ndf, 4, 2, 1), nn.LeakyReLU(0.2),
            down(ndf, 2 * ndf, 4, 2, 1), *norm(2 * ndf), nn.LeakyReLU(0.2),
            down(2 * ndf, 4 * ndf, 3, 2, 1), *norm(4 * ndf), nn.LeakyReLU(0.2),
            down(4 * ndf, 1, 4),
        )  # fmt: skip

    def forward(self, x):
        return self.main(x).view(-1)


def mlp(sizes):
    layers = [nn.Linear(sizes[0], sizes[1])]
    for a, b in zip(sizes[1:], sizes[2:]):
        layers += [nn.ReLU(), nn.Linear(a, b)]
    return layers


class Autoencoder(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.encoder = nn.Sequential(*mlp(sizes))
        self.decoder = nn.Sequential(*mlp(sizes[::-1]), nn.Sigmoid())

    def forward(self, x):
        return self.decoder(self.encoder(x))


class ConvAutoencoder(nn.Module):
    def __init__(self, channels, latent, side):
        super().__init__()
        a, b = channels
        s = side // 4
        small = [] if latent is None else [nn.ReLU(), nn.Flatten(), nn.Linear(b * s * s, latent)]
        large = [] if latent is None else [nn.Linear(latent, b * s * s), nn.Unflatten(1, (b, s, s))]
        self.encoder = nn.Sequential(nn.Conv2d(1, a, 3, 2, 1), nn.ReLU(), nn.Conv2d(a, b, 3, 2, 1), *small)
        self.decoder = nn.Sequential(
            *large, nn.ReLU(), nn.ConvTranspose2d(b, a, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(a, 1, 4, 2, 1), nn.Sigmoid()
        )

    def forward(self, x):
        return self.decoder(self.encoder(x))


MODELS = [
    (DCGANGenerator, {"nz": 5, "ngf": 2, "nc": 1}, (3, 5)),
    (DCGANGenerator, {"nz": 3, "ngf": 1, "nc": 3}, (2, 3, 1, 1)),
    (DCGANDiscriminator, {"nc": 1, "ndf": 2, "batchNorm": True}, (3, 1, 28, 28)),
    (DCGANDiscriminator, {"nc": 2, "ndf": 1, "batchNorm": False}, (2, 2, 28, 28)),
    (Autoencoder, {"sizes": [12, 8, 5, 3]}, (4, 12)),
    (ConvAutoencoder, {"channels": [2, 3], "latent": 4, "side": 8}, (3, 1, 8, 8)),
    (ConvAutoencoder, {"channels": [2, 3], "latent": None, "side": 8}, (3, 1, 8, 8)),
]


def model_cases():
    for make, options, shape in MODELS:
        model = filled(make(**options))
        x = values(*shape)
        y = model(x)
        ct = values(*y.shape, seed=1, lo=-1, hi=1)
        y.backward(ct)
        state = {n: t for n, t in model.state_dict().items() if "running" not in n and "tracked" not in n}
        yield {
            "name": "%s %s" % (make.__name__, options),
            "kind": make.__name__,
            "args": [options],
            "state": state,
            "input": x,
            "out": y,
            "ct": ct,
            "grads": {n: p.grad for n, p in model.named_parameters()},
        }


def loss(kind, inputs, f):
    leaves = [x.clone().requires_grad_(True) for x in inputs]
    out = f(*leaves)
    out.sum().backward()
    return {"name": kind, "kind": kind, "inputs": inputs, "out": out, "grads": [x.grad for x in leaves]}


def kl(mean, log_var):
    return -0.5 * (1 + log_var - mean.pow(2) - log_var.exp()).sum(-1)


def elbo(logits, x, mean, log_var, beta):
    pixels = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    return (pixels + beta * kl(mean, log_var).sum()) / x.shape[0]


def penalty(critic, x):
    """Both sets of pictures are the same, so that it does not matter how they are mixed."""
    at = x.clone().requires_grad_(True)
    (slope,) = torch.autograd.grad(critic(at).sum(), at, create_graph=True)
    return ((slope.flatten(1).norm(2, dim=1) - 1) ** 2).mean()


def nt_xent(a, b, temperature):
    """SimCLR's loss, pair by pair."""
    z = F.normalize(torch.cat([a, b]), dim=1)
    n, total = len(a), 0
    for i in range(2 * n):
        near = torch.exp(z[i] @ z.T / temperature)
        others = sum(near[k] for k in range(2 * n) if k != i)
        total = total - torch.log(near[(i + n) % (2 * n)] / others)
    return total / (2 * n)


def gram(x):
    n, c, h, w = x.shape
    f = x.view(n, c, h * w)
    return f @ f.transpose(1, 2) / (c * h * w)


def frechet(a, b):
    a, b = a.double().numpy(), b.double().numpy()
    s1, s2 = numpy.cov(a, rowvar=False), numpy.cov(b, rowvar=False)
    s1, s2 = numpy.atleast_2d(s1), numpy.atleast_2d(s2)
    root = scipy.linalg.sqrtm(s1 @ s2).real
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + numpy.trace(s1 + s2 - 2 * root))


def cases():
    yield from model_cases()
    mean, log_var, logits, x = values(3, 2), values(3, 2, seed=1), values(3, 6), values(3, 6, seed=1, lo=0, hi=1)
    yield loss("gaussianKL", [mean, log_var], kl)
    for beta in [1.0, 0.25]:
        one = loss("negativeELBO", [logits, mean, log_var], lambda a, m, v: elbo(a, x, m, v, beta))
        yield {**one, "name": "negativeELBO, beta %g" % beta, "x": x, "beta": beta}
    for temperature in [0.5, 0.1]:
        a, b = values(4, 3), values(4, 3, seed=5)
        one = loss("ntXentLoss", [a, b], lambda a, b: nt_xent(a, b, temperature))
        yield {**one, "name": "ntXentLoss, temperature %g" % temperature, "temperature": temperature}
    yield loss("gramMatrix", [values(2, 3, 4, 5)], lambda x: gram(x).square())
    options = {"nc": 1, "ndf": 2, "batchNorm": False}
    critic = filled(DCGANDiscriminator(**options))
    pictures = values(4, 1, 28, 28, seed=2)
    value = penalty(critic, pictures)
    value.backward()
    yield {
        "name": "gradientPenalty",
        "kind": "gradientPenalty",
        "args": [options],
        "state": critic.state_dict(),
        "x": pictures,
        "out": value,
        "grads": {n: p.grad for n, p in critic.named_parameters()},
    }
    pairs = {
        "of one number": (values(9, 1), values(7, 1, seed=1)),
        "of five": (values(40, 5), values(30, 5, seed=1) * 2 + 1),
        "of more numbers than examples": (values(4, 6), values(5, 6, seed=3)),
        "of a set and itself": (values(20, 3), values(20, 3)),
    }
    for name, (a, b) in pairs.items():
        yield {"name": "frechetDistance " + name, "kind": "frechetDistance", "inputs": [a, b], "out": frechet(a, b)}
