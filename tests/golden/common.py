"""What the generators of golden numbers share: tensors as plain JSON, one file a topic."""
import json
import math
import os

import torch

HERE = os.path.dirname(os.path.abspath(__file__))


def number(v):
    """JSON has no NaN or infinity: they are written as strings."""
    if isinstance(v, bool):
        return int(v)
    if isinstance(v, int):
        return v
    if math.isnan(v):
        return "nan"
    if math.isinf(v):
        return "inf" if v > 0 else "-inf"
    return float("%.9g" % v)


def plain(v):
    """Tensors become {shape, dtype, data}; lists, tuples and dictionaries are walked."""
    if isinstance(v, torch.Tensor):
        kinds = {torch.float32: "float32", torch.float64: "float64", torch.bool: "bool"}
        return {
            "shape": list(v.shape),
            "dtype": kinds.get(v.dtype, "int32"),
            "data": [number(x) for x in v.detach().reshape(-1).tolist()],
        }
    if isinstance(v, dict):
        return {k: plain(x) for k, x in v.items()}
    if isinstance(v, (list, tuple)):
        return [plain(x) for x in v]
    if isinstance(v, (float, int)) and not isinstance(v, bool):
        return number(v)
    return v


def values(*shape, seed=0, lo=-2.0, hi=2.0):
    """The same uniform float32 numbers every time, whatever was drawn before."""
    g = torch.Generator().manual_seed(seed + 7919 * (1 + sum((i + 1) * n for i, n in enumerate(shape))))
    return torch.rand(shape, generator=g) * (hi - lo) + lo


def integers(*shape, seed=0, lo=0, hi=10):
    g = torch.Generator().manual_seed(seed + 104729 * (1 + sum(shape)))
    return torch.randint(lo, hi, shape, generator=g)


def gradients(f, inputs, seed=1):
    """The result of f and the gradients of sum(result * weights), with weights as values() gives them."""
    leaves = [x.clone().requires_grad_(True) if x.is_floating_point() else x for x in inputs]
    out = f(*leaves)
    ct = values(*out.shape, seed=seed, lo=-1, hi=1) if out.is_floating_point() else None
    if ct is None or not out.requires_grad:
        return {"out": out}
    out.backward(ct)
    return {
        "out": out,
        "ct": ct,
        "grads": [x.grad if x.is_floating_point() else None for x in leaves],
    }


def case(op, note, args, fn, seed=1, grad=True, first=None):
    """One call of nabla's function `op` with `args`, in nabla's order; fn makes PyTorch's result of the same
    arguments. Results may be lists. `grad` says which float inputs have a gradient: all, none, or the first few.
    first, a list of the name of a function and its arguments, is done to the first argument before, there and here."""
    leaves = []
    how_many = 1000 if grad is True else int(grad)

    def leaf(v):
        if isinstance(v, torch.Tensor):
            if not v.is_floating_point():
                return v
            leaves.append(v.detach().clone().requires_grad_(len(leaves) < how_many))
            return leaves[-1]
        return [leaf(x) for x in v] if isinstance(v, (list, tuple)) else v

    out = fn(*[leaf(a) for a in args])
    outs = list(out) if isinstance(out, (list, tuple)) else [out]
    kept = {"op": op, "name": "%s: %s" % (op, note), "args": args, "out": outs if isinstance(out, (list, tuple)) else out}
    if first:
        kept["first"] = first
    roots = [t for t in outs if t.requires_grad]
    if not roots:
        return kept
    cts = [values(*t.shape, seed=seed + i, lo=-1, hi=1) if t.requires_grad else None for i, t in enumerate(outs)]
    torch.autograd.backward(roots, [c for c in cts if c is not None])
    return {**kept, "cts": cts, "grads": [x.grad if x.requires_grad else "none asked" for x in leaves]}


def tensor(*v, dtype=torch.float32):
    """Numbers, or one nested list, as a tensor."""
    return torch.tensor(v[0] if len(v) == 1 and isinstance(v[0], list) else list(v), dtype=dtype)


def ints(*v):
    return tensor(*v, dtype=torch.int64)


def bools(*v):
    return tensor(*v, dtype=torch.bool)


def path(topic):
    return os.path.join(HERE, "data", topic + ".json")


def write(topic, cases):
    with open(path(topic), "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(plain(c), separators=(",", ":")) for c in cases) + "\n]\n")


def differences(topic, cases, tolerance=2e-4):
    """Places where the kept file is not what the generator gives now (other processors round otherwise)."""
    with open(path(topic)) as f:
        kept = json.load(f)
    found = []

    def compare(a, b, where):
        if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
            for k in a:
                compare(a[k], b[k], where + "." + k)
        elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
            for i, (x, y) in enumerate(zip(a, b)):
                compare(x, y, where + "[%d]" % i)
        elif isinstance(a, (int, float)) and isinstance(b, (int, float)):
            if abs(a - b) > tolerance * max(1.0, abs(a), abs(b)):
                found.append("%s: kept %r, now %r" % (where, a, b))
        elif a != b:
            found.append("%s: kept %r, now %r" % (where, a, b))

    now = json.loads(json.dumps(plain(list(cases))))
    compare(kept, now, topic)
    return found


def snake(name):
    """camelCase to snake_case."""
    return "".join("_" + c.lower() if c.isupper() else c for c in name)


def filled(module):
    """The module with the same parameters and buffers every time."""
    for i, p in enumerate(module.parameters()):
        p.data = values(*p.shape, seed=i, lo=-0.8, hi=0.8)
    for i, (name, b) in enumerate(module.named_buffers()):
        if b.is_floating_point():
            b.data = values(*b.shape, seed=100 + i, lo=0.5) if name.endswith("var") else values(*b.shape, seed=100 + i, lo=-1, hi=1)
    return module


def layer(kind, note, args, module, inputs, train=True, call=None, evaluate=True):
    """A case of a layer: nabla's class and the arguments of its constructor, PyTorch's module; state before and after
    a step of training with gradients of inputs and parameters, and the result in evaluation. `call` are options of
    forward, in nabla's names; results that are None are left out."""
    filled(module)
    before = {k: v.clone() for k, v in module.state_dict().items()}
    case = {"kind": kind, "name": "%s, %s" % (kind, note), "args": args, "state": before, "inputs": inputs}
    if call:
        case["call"] = call
    named = {snake(k) if type(module).__module__.startswith("torch") else k: v for k, v in (call or {}).items()}
    listed = lambda out: [t for t in (out if isinstance(out, (list, tuple)) else [out]) if t is not None]
    if train:
        leaves = [x.clone().requires_grad_(True) if x.is_floating_point() else x for x in inputs]
        module.train()
        outs = listed(module(*leaves, **named))
        roots = [t for t in outs if t.requires_grad]
        cts = [values(*t.shape, seed=1 + i, lo=-1, hi=1) for i, t in enumerate(roots)]
        torch.autograd.backward(roots, cts)
        case["train"] = {
            "outs": outs,
            "cts": cts,
            "grads": [x.grad for x in leaves if x.is_floating_point()],
            "weightGrads": {k: p.grad for k, p in module.named_parameters()},
            "state": {k: v.clone() for k, v in module.named_buffers()},
        }
    module.eval()
    case["eval"] = []
    if evaluate:
        with torch.no_grad():
            case["eval"] = listed(module(*inputs, **named))
    return case
