"""torch.autograd.functional: vjp, jvp, jacobian, hessian of functions of two inputs."""
import torch
from torch.autograd.functional import hessian, jacobian, jvp, vjp

FUNCTIONS = {
    "tanh": lambda x, w: torch.tanh(x @ w),
    "softmax": lambda x, w: torch.softmax(x, 1) * w.sum(),
    "unused": lambda x, w: x.exp().sum(),
    "two": lambda x, w: (x.square().sum(0), (x @ w).sin()),
}
NUMBERS = {
    "tanhSquare": lambda x, w: torch.tanh(x @ w).pow(2).sum(),
    "logsumexp": lambda x, w: torch.logsumexp(x @ w, 1).sum(),
    "cube": lambda x, w: x.pow(3).sum(),
}


def cases():
    x = torch.tensor([[0.5, -1.2, 0.7], [1.5, 0.3, -0.4]])
    w = torch.tensor([[0.2, -0.6], [1.1, 0.4], [-0.3, 0.9]])
    along = (torch.linspace(0, 1, 6).reshape(2, 3), torch.linspace(1, -1, 6).reshape(3, 2))
    for name, f in FUNCTIONS.items():
        out = f(x, w)
        outs = out if isinstance(out, tuple) else (out,)
        v = tuple(torch.linspace(-1, 1, o.numel()).reshape(o.shape) for o in outs)
        v = v if isinstance(out, tuple) else v[0]
        yield {
            "name": name, "x": x, "w": w, "v": v, "along": along, "out": out,
            "vjp": vjp(f, (x, w), v)[1], "jvp": jvp(f, (x, w), along)[1],
            "jacobian": jacobian(f, (x, w)),
        }
    for name, f in NUMBERS.items():
        yield {"name": name, "x": x, "w": w, "hessian": hessian(f, (x, w))}
