"""Ten losses and the parameters after them for every optimizer; those that PyTorch 1.13 has not, by their papers."""
import numpy as np
import torch

from common import values

STEPS = 10
X, Y = values(8, 3, seed=1), values(8, 2, seed=2)
START = [values(4, 3, seed=3, lo=-1, hi=1), values(4, seed=4, lo=-1, hi=1), values(2, 4, seed=5, lo=-1, hi=1)]


def loss_of(params):
    w1, b1, w2 = params
    return ((torch.tanh(X @ w1.T + b1) @ w2.T - Y) ** 2).mean()


def leaves():
    return [p.clone().requires_grad_(True) for p in START]


def camel(name):
    head, *rest = name.split("_")
    return head + "".join(w.title() for w in rest)


def run(optimizer, params, sign=1):
    losses = []
    for _ in range(STEPS):
        def closure():
            optimizer.zero_grad()
            loss = loss_of(params)
            (sign * loss).backward()
            return loss
        losses.append(optimizer.step(closure).item())
    return losses


def case(name, kind, torch_kind=None, groups=None, **options):
    params = leaves()
    given = params
    if groups:
        given = [{"params": [params[i] for i in g["of"]], **g["options"]} for g in groups]
    optimizer = getattr(torch.optim, torch_kind or kind)(given, **options)
    losses = run(optimizer, params)
    return {
        "name": name,
        "class": kind,
        "groups": [{"of": g["of"], "options": {camel(k): v for k, v in g["options"].items()}} for g in groups or []],
        "options": {camel(k): camel(v) if isinstance(v, str) else v for k, v in options.items()},
        "losses": losses,
        "params": params,
    }


def own(name, kind, make, update, **options):
    """An optimizer in numpy: make(p) gives its state, update(p, g, state, t) the new value, all in float64."""
    params = [p.double().numpy().copy() for p in START]
    states = [make(p) for p in params]
    losses = []
    for t in range(1, STEPS + 1):
        tensors = [torch.tensor(p, dtype=torch.float32, requires_grad=True) for p in params]
        loss = loss_of(tensors)
        loss.backward()
        losses.append(loss.item())
        params = [
            update(p, g.grad.double().numpy(), s, t) for p, g, s in zip(params, tensors, states)
        ]
    return {
        "name": name, "class": kind, "groups": [], "options": options,
        "losses": losses, "params": [torch.tensor(p, dtype=torch.float32) for p in params],
    }


def lion(lr, b1, b2, decay):
    # Chen et al., 2023, algorithm 2.
    def update(p, g, s, t):
        c = b1 * s["m"] + (1 - b1) * g
        s["m"] = b2 * s["m"] + (1 - b2) * g
        return p - lr * (np.sign(c) + decay * p)
    return lambda p: {"m": np.zeros_like(p)}, update


def adafactor(lr, decay, weight_decay=0.0, e1=2.0**-23, e2=1e-3, d=1.0):
    # Shazeer and Stern, 2018, algorithms 4 and 5, with the floors where PyTorch 2.5 has them.
    def make(p):
        if p.ndim < 2:
            return {"v": np.zeros_like(p)}
        return {"r": np.zeros(p.shape[0]), "c": np.zeros(p.shape[1])}

    def update(p, g, s, t):
        beta = 1 - t**decay
        rate = max(e2, np.sqrt(np.mean(p * p))) * min(lr, 1 / np.sqrt(t))
        p = p * (1 - lr * weight_decay)
        if p.ndim < 2:
            s["v"] = beta * s["v"] + (1 - beta) * g * g
            v = s["v"]
        else:
            s["r"] = beta * s["r"] + (1 - beta) * np.mean(g * g, 1)
            s["c"] = beta * s["c"] + (1 - beta) * np.mean(g * g, 0)
            v = np.outer(s["r"], s["c"]) / max(np.mean(s["r"]), e1)
        u = g / np.sqrt(np.maximum(v, e1 * e1))
        return p - rate * u / max(1, np.sqrt(np.mean(u * u)) / d)
    return make, update


def nadam(lr, decay=0.0, psi=0.004, b1=0.9, b2=0.999, eps=1e-8):
    # Dozat, 2016, algorithm 8. PyTorch 1.13 multiplies the product of the next step by mu once too often; 2.0 does not.
    def mu(t):
        return b1 * (1 - 0.5 * 0.96 ** (t * psi))

    def update(p, g, s, t):
        g = g + decay * p
        s["product"] *= mu(t)
        s["m"] = b1 * s["m"] + (1 - b1) * g
        s["v"] = b2 * s["v"] + (1 - b2) * g * g
        root = np.sqrt(s["v"] / (1 - b2**t)) + eps
        m = mu(t + 1) * s["m"] / (1 - s["product"] * mu(t + 1)) + (1 - mu(t)) * g / (1 - s["product"])
        return p - lr * m / root
    return lambda p: {"m": np.zeros_like(p), "v": np.zeros_like(p), "product": 1.0}, update


def cases():
    yield {"name": "problem", "x": X, "y": Y, "start": START}
    yield case("SGD", "SGD", lr=0.1)
    yield case("SGD, momentum", "SGD", lr=0.1, momentum=0.9)
    yield case("SGD, momentum, dampening, decay", "SGD", lr=0.1, momentum=0.8, dampening=0.3, weight_decay=0.1)
    yield case("SGD, Nesterov", "SGD", lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01)
    yield case("SGD, climbing", "SGD", lr=0.05, momentum=0.5, maximize=True)
    yield case("SGD, groups", "SGD", lr=0.1, groups=[
        {"of": [0], "options": {"lr": 0.3}},
        {"of": [2, 1], "options": {"momentum": 0.9, "weight_decay": 0.2}},
    ])
    yield case("Adam", "Adam", lr=0.05)
    yield case("Adam, decay, betas", "Adam", lr=0.05, betas=[0.7, 0.9], eps=1e-3, weight_decay=0.1)
    yield case("AMSGrad", "Adam", lr=0.05, amsgrad=True, betas=[0.8, 0.5])
    yield case("Adam, climbing", "Adam", lr=0.01, maximize=True)
    yield case("Adam, groups", "Adam", lr=0.05, groups=[
        {"of": [0, 1], "options": {"betas": [0.5, 0.9]}},
        {"of": [2], "options": {"lr": 0.01, "eps": 0.1}},
    ])
    yield case("AdamW", "AdamW", lr=0.05)
    yield case("AdamW, decay, AMSGrad", "AdamW", lr=0.05, weight_decay=0.5, amsgrad=True, betas=[0.8, 0.5])
    yield case("Adamax", "Adamax", lr=0.05)
    yield case("Adamax, decay", "Adamax", lr=0.05, betas=[0.7, 0.8], weight_decay=0.1)
    yield own("NAdam", "NAdam", *nadam(0.05), lr=0.05)
    yield own("NAdam, decays", "NAdam", *nadam(0.05, 0.1, 0.05), lr=0.05, weightDecay=0.1, momentumDecay=0.05)
    yield case("RAdam", "RAdam", lr=0.05)
    yield case("RAdam, rectified early", "RAdam", lr=0.05, betas=[0.9, 0.9], weight_decay=0.1)
    yield case("Adagrad", "Adagrad", lr=0.2)
    yield case("Adagrad, decays", "Adagrad", lr=0.2, lr_decay=0.1, weight_decay=0.1, initial_accumulator_value=0.5)
    yield case("Adadelta", "Adadelta")
    yield case("Adadelta, decay", "Adadelta", lr=0.7, rho=0.5, eps=1e-2, weight_decay=0.1)
    yield case("RMSprop", "RMSprop", lr=0.02)
    yield case("RMSprop, centered, momentum", "RMSprop", lr=0.02, alpha=0.9, centered=True, momentum=0.8, weight_decay=0.1)
    yield case("RMSprop, momentum, climbing", "RMSprop", lr=0.005, momentum=0.5, maximize=True)
    yield case("Rprop", "Rprop", lr=0.02)
    yield case("Rprop, bounds", "Rprop", lr=0.1, etas=[0.3, 1.5], step_sizes=[0.01, 0.15])
    yield case("ASGD", "ASGD", lr=0.2, lambd=0.05, alpha=0.6)
    yield case("ASGD, averaging", "ASGD", lr=0.2, t0=3, weight_decay=0.1)
    yield case("LBFGS", "LBFGS", lr=0.3, max_iter=2)
    yield case("LBFGS, short memory", "LBFGS", lr=0.5, max_iter=3, history_size=2)
    yield case("LBFGS, line search", "LBFGS", max_iter=2, line_search_fn="strong_wolfe")
    yield case("LBFGS, long steps searched", "LBFGS", lr=20, max_iter=2, line_search_fn="strong_wolfe")
    yield own("Lion", "Lion", *lion(0.02, 0.9, 0.99, 0), lr=0.02)
    yield own("Lion, decay", "Lion", *lion(0.02, 0.7, 0.9, 0.3), lr=0.02, betas=[0.7, 0.9], weightDecay=0.3)
    yield own("Adafactor", "Adafactor", *adafactor(0.1, -0.8), lr=0.1)
    yield own("Adafactor, decay", "Adafactor", *adafactor(0.3, -0.5, 0.2, d=0.4), lr=0.3, beta2Decay=-0.5, weightDecay=0.2, d=0.4)
