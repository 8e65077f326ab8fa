"""PyTorch's side of `npm run bench`: makes and times what run.mjs asks for, a line of JSON each way.

A function under @case builds the work of cases.mjs of that name from its `args` and gives the call to be timed.
`torch_side.py --once REQUEST` makes one, calls it once and tells the peak memory of the process.
"""
import json
import math
import resource
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

from dcgan import networks, training

CASES = {}


def case(f):
    CASES[f.__name__] = f
    return f


def random(*shape, scale=1.0):
    return (torch.rand(*shape) * 2 - 1) * scale


def labels(n, classes):
    return torch.arange(n) * 7 % classes


def train_step(model, optimizer, loss, x, y):
    def step():
        optimizer.zero_grad()
        value = loss(model(x), y)
        value.backward()
        optimizer.step()
        return value

    return step


def forward_backward(f, shape, leaves=()):
    """y = f(x, ...leaves) and the gradients of all of them from a given one of y."""
    inputs = [random(*shape, scale=2).requires_grad_(), *leaves]
    ct = random(*f(*inputs).shape)

    def run():
        y = f(*inputs)
        return y, torch.autograd.grad(y, inputs, ct)

    return run


@case
def matmul(m, n, k, form="nn", batch=0):
    lead = (batch,) if batch else ()
    a = random(*lead, m, k) if form[0] == "n" else random(*lead, k, m).transpose(-1, -2)
    b = random(*lead, k, n) if form[1] == "n" else random(*lead, n, k).transpose(-1, -2)
    return lambda: torch.matmul(a, b)


@case
def ppo(envs, steps, hidden, epochs, batch):
    """The passes over one round of CartPole, as Stable-Baselines3 writes them."""

    def network(outputs):
        return nn.Sequential(
            nn.Linear(4, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh(), nn.Linear(hidden, outputs)
        )

    actor, critic = network(2), network(1)
    parameters = [*actor.parameters(), *critic.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-12, eps=1e-5)
    n = envs * steps
    x, actions, old = random(n, 4), labels(n, 2), torch.full((n,), -0.7)
    advantages, returns = random(n), random(n)

    def update():
        for _ in range(epochs):
            order = torch.randperm(n)
            for i in range(0, n, batch):
                k = order[i : i + batch]
                a = advantages[k]
                a = (a - a.mean()) / (a.std() + 1e-8)
                logs = F.log_softmax(actor(x[k]), 1)
                ratio = torch.exp(logs.gather(1, actions[k, None]).squeeze(1) - old[k])
                loss = -torch.min(ratio * a, torch.clamp(ratio, 0.8, 1.2) * a).mean()
                loss = loss + 0.5 * F.mse_loss(critic(x[k]).squeeze(1), returns[k])
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(parameters, 0.5)
                optimizer.step()

    return update


@case
def mlp(sizes, activation, optimizer, lr, batch):
    layers = []
    for i, (before, after) in enumerate(zip(sizes, sizes[1:])):
        layers.append(nn.Linear(before, after))
        if i < len(sizes) - 2:
            layers.append({"sigmoid": nn.Sigmoid, "relu": nn.ReLU}[activation]())
    model = nn.Sequential(*layers)
    update = getattr(torch.optim, optimizer)(model.parameters(), lr=lr)
    x, y = random(batch, sizes[0]), labels(batch, sizes[-1])
    return train_step(model, update, F.cross_entropy, x, y)


def pictures(model, lr, momentum, batch):
    update = torch.optim.SGD(model.parameters(), lr=lr, momentum=momentum)
    return train_step(model, update, F.cross_entropy, random(batch, 1, 28, 28), labels(batch, 10))


@case
def lenet(**args):
    stages = [nn.Conv2d(1, 6, 5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2)]
    stages += [nn.Conv2d(6, 16, 5), nn.Sigmoid(), nn.AvgPool2d(2), nn.Flatten()]
    stages += [nn.Linear(400, 120), nn.Sigmoid(), nn.Linear(120, 84), nn.Sigmoid(), nn.Linear(84, 10)]
    return pictures(nn.Sequential(*stages), **args)


@case
def two_convolutions(**args):
    stages = [nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    stages += [nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.25)]
    stages += [nn.Linear(1568, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)]
    return pictures(nn.Sequential(*stages), **args)


@case
def dcgan(batch, width, lr):
    step = training(*networks(width), batch, lr)
    real = random(batch, 1, 28, 28)
    return lambda: step(real)[0]


@case
def conv2d(shape, weight):
    leaves = [random(*weight).requires_grad_(), random(weight[0]).requires_grad_()]
    return forward_backward(lambda x, w, b: F.conv2d(x, w, b, padding=1), shape, leaves)


@case
def max_pool(shape):
    return forward_backward(lambda x: F.max_pool2d(x, 2), shape)


@case
def interpolate(mode, shape, size):
    return forward_backward(lambda x: F.interpolate(x, size, mode=mode), shape)


@case
def update(kind, size, lr):
    p = random(size).requires_grad_()
    p.grad = random(size)
    return getattr(torch.optim, kind)([p], lr=lr).step


@case
def recurrent(kind, layers, hidden, batch, steps, inputs, lr):
    layer = getattr(nn, kind)(inputs, hidden, layers, batch_first=True)
    head = nn.Linear(hidden, 10)
    update = torch.optim.SGD([*layer.parameters(), *head.parameters()], lr=lr, momentum=0.9)
    x, y = random(batch, steps, inputs), labels(batch, 10)
    return train_step(lambda t: head(layer(t)[0][:, -1]), update, F.cross_entropy, x, y)


@case
def softmax(shape):
    return forward_backward(lambda x: x.softmax(-1), shape)


@case
def embedding(count, dim, shape):
    weight = random(count, dim).requires_grad_()
    index = (torch.arange(math.prod(shape)) * 7919 % count).reshape(shape)
    ct = random(*shape, dim)

    def run():
        y = F.embedding(index, weight)
        return y, torch.autograd.grad(y, weight, ct)

    return run


def sparse_random(count, rows, cols, values):
    index = torch.stack([torch.randint(0, rows, (count,)), torch.randint(0, cols, (count,))])
    return torch.sparse_coo_tensor(index, values(count), (rows, cols)).coalesce()


@case
def gcn(nodes, edges, features, hidden, classes, words, sparse):
    """Kipf and Welling's network with torch.sparse: D^(-1/2) (A + I) D^(-1/2) as a COO matrix."""
    a = sparse_random(edges, nodes, nodes, torch.ones)
    loops = torch.arange(nodes).repeat(2, 1)
    a = (a + torch.sparse_coo_tensor(loops, torch.ones(nodes), (nodes, nodes))).coalesce()
    root = torch.sparse.sum(a, 1).to_dense().rsqrt()
    row, col = a.indices()
    a = torch.sparse_coo_tensor(a.indices(), a.values() * root[row] * root[col], a.shape).coalesce()
    x = sparse_random(nodes * words, nodes, features, torch.ones)
    x = x if sparse else x.to_dense()
    first = (random(features, hidden) * 0.06).requires_grad_()
    second = (random(hidden, classes) * 0.5).requires_grad_()
    b, c = torch.zeros(hidden, requires_grad=True), torch.zeros(classes, requires_grad=True)
    optimizer = torch.optim.Adam([first, second, b, c], lr=1e-7)
    y = torch.randint(0, classes, (nodes,))

    def step():
        optimizer.zero_grad()
        h = torch.sparse.mm(a, torch.sparse.mm(x, first) if sparse else x @ first)
        loss = F.cross_entropy(torch.sparse.mm(a, (h + b).relu() @ second) + c, y)
        loss.backward()
        optimizer.step()
        return loss

    return step


@case
def spmm(nodes, edges, features, form):
    """CSR and COO by PyTorch's own backward; 'transposed': by hand, with a CSR matrix of either side."""
    a = sparse_random(edges, nodes, nodes, torch.rand)
    x, ct = torch.randn(nodes, features), torch.randn(nodes, features)
    if form == "transposed":
        there, back = a.to_sparse_csr(), a.t().coalesce().to_sparse_csr()
        return lambda: (there @ x, back @ ct)
    if form == "csr":
        a = a.to_sparse_csr()
    x.requires_grad_()

    def run():
        y = a @ x
        return y, torch.autograd.grad(y, x, ct)

    return run


@case
def layer_norm(shape):
    n = shape[-1]
    leaves = [random(n).requires_grad_(), random(n).requires_grad_()]
    return forward_backward(lambda x, w, b: F.layer_norm(x, (n,), w, b), shape, leaves)


@case
def batch_norm(shape):
    c = shape[1]
    mean, variance = torch.zeros(c), torch.ones(c)
    leaves = [random(c).requires_grad_(), random(c).requires_grad_()]
    return forward_backward(lambda x, w, b: F.batch_norm(x, mean, variance, w, b, training=True), shape, leaves)


@case
def group_norm(shape, groups):
    leaves = [random(shape[1]).requires_grad_(), random(shape[1]).requires_grad_()]
    return forward_backward(lambda x, w, b: F.group_norm(x, groups, w, b), shape, leaves)


@case
def dropout(shape, p):
    return forward_backward(lambda x: F.dropout(x, p), shape)


@case
def gelu(shape):
    return forward_backward(F.gelu, shape)


@case
def chain(shape):
    def f(x):
        h = torch.sigmoid(x * 1.1 + 0.3) * x
        return torch.exp(-(torch.square(torch.tanh(h) - x) * 0.5))

    return forward_backward(f, shape)


def measure(f, seconds):
    """Median milliseconds of a call, in batches long enough for the clock."""
    start = time.perf_counter()
    f()
    first = time.perf_counter() - start
    if first > 2:  # as nabla_side.mjs
        return 1e3 * first
    calls = max(1, int(1e-3 / max(1e-9, first)))
    times = []
    end = time.perf_counter() + seconds
    while len(times) < 2 or time.perf_counter() < end:
        start = time.perf_counter()
        for _ in range(calls):
            f()
        times.append(1e3 * (time.perf_counter() - start) / calls)
    return sorted(times)[len(times) // 2]


@case
def solve(n):
    a, b = random(n, n) + torch.eye(n) * (n / 16), random(n, n)
    return lambda: torch.linalg.solve(a, b)


def factors(f, symmetric=False):
    def make(n):
        a = random(n, n)
        if symmetric:
            a = a + a.T
        return lambda: f(a)

    return make


CASES["qr"] = factors(torch.linalg.qr)
CASES["eigh"] = factors(torch.linalg.eigh, symmetric=True)
CASES["svd"] = factors(torch.linalg.svd)


@case
def fft(n):
    x = torch.view_as_complex(random(n, 2))
    return lambda: torch.fft.fft(x)


def build(request):
    torch.set_num_threads(request["threads"])
    torch.manual_seed(0)
    if request["torch"].startswith("sk_"):
        import sklearn_side

        return sklearn_side.CASES[request["torch"]](**request["args"])
    if request["torch"].startswith("lm_"):
        import torch_language

        return torch_language.CASES[request["torch"]](**request["args"])
    return CASES[request["torch"]](**request["args"])


def answer(value):
    print(json.dumps(value), flush=True)


def main():
    f = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if "make" in request:
                f = None
                f = build(request["make"])
                f()
                answer({"version": torch.__version__})
            else:
                answer({"ms": measure(f, request["time"])})
        except Exception as error:
            answer({"error": "%s: %s" % (type(error).__name__, error)})


if sys.argv[1:2] == ["--once"]:
    request = json.loads(sys.argv[2])
    run = build(request)
    times = []
    for _ in range(request["calls"]):
        start = time.perf_counter()
        run().item()
        times.append(1000 * (time.perf_counter() - start))
    later = sorted(times[1:])
    answer({"first": times[0], "later": later[len(later) // 2] if later else None, "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024})
else:
    main()
