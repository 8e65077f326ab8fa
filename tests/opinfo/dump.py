"""Writes PyTorch's own test records (op_db) as data: for every sample of every operator its arguments, result, gradients
and gradients of gradients. `dump.py FOLDER PART PARTS` writes every PARTS-th operator from PART on, as PART.json (trees)
and PART.bin (elements). Run with Debian's own python3, which has Debian's PyTorch; see records.ts for who reads it."""
import json
import math
import os
import random
import sys
import types
import unittest
import warnings
import zlib

# What the records import, but do not need for samples.
stub = types.ModuleType("expecttest")
stub.TestCase = unittest.TestCase
stub.ACCEPT = False
sys.modules["expecttest"] = stub

import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch.testing._internal.common_device_type import precisionOverride, toleranceOverride  # noqa: E402
from torch.testing._internal.common_methods_invocations import op_db  # noqa: E402
from torch.testing._internal.opinfo.core import DecorateInfo, SampleInput  # noqa: E402

warnings.filterwarnings("ignore")
torch.set_num_threads(1)

# The records of 1.13 draw from a set, which Python refuses since 3.11.
draw_from = random.sample
random.sample = lambda population, k: draw_from(sorted(population) if isinstance(population, set) else population, k)

# The results of these depend on chance or on memory that nobody wrote: shape and type are compared, values are not.
RANDOM = {
    "bernoulli", "multinomial", "normal", "rand_like", "randint_like", "randn", "randn_like", "uniform", "empty_like",
    "empty", "new_empty", "new_empty_strided", "empty_strided", "nn.functional.dropout", "nn.functional.dropout2d",
    "nn.functional.dropout3d", "nn.functional.feature_alpha_dropout", "nn.functional.alpha_dropout", "randint",
    "nn.functional.fractional_max_pool2d", "nn.functional.fractional_max_pool3d", "nn.functional.rrelu", "exponential",
    "geometric", "log_normal", "cauchy", "pca_lowrank", "svd_lowrank", "nn.functional._scaled_dot_product_attention",
    "nn.functional.multi_head_attention_forward",
}  # fmt: skip

KINDS = {
    torch.float32: ("float32", None), torch.float64: ("float64", None), torch.int64: ("int64", None),
    torch.bool: ("bool", torch.uint8), torch.int32: ("int32", None), torch.int16: ("int16", None),
    torch.int8: ("int8", None), torch.uint8: ("uint8", None), torch.float16: ("float16", torch.float32),
    torch.bfloat16: ("bfloat16", torch.float32),
}  # fmt: skip


class Unsayable(Exception):
    """An argument or result that nabla has no word for; the text says why."""


class Writer:
    def __init__(self, file):
        self.file, self.at = file, 0

    def tensor(self, t, error=None):
        if t.layout != torch.strided:
            raise Unsayable("sparse layout")
        t = t.detach().resolve_conj().resolve_neg()
        if t._is_zerotensor():
            t = torch.zeros(t.shape, dtype=t.dtype)
        shape = list(t.shape)
        if t.is_complex():
            name, t = "complex64" if t.dtype == torch.complex64 else "complex128", torch.view_as_real(t)
        elif t.dtype in KINDS:
            name, kept = KINDS[t.dtype]
            t = t.to(kept) if kept else t
        else:
            raise Unsayable("dtype " + str(t.dtype))
        data = t.contiguous().numpy().tobytes()
        pad = -self.at % 8
        self.file.write(b"\0" * pad + data)
        start = self.at + pad
        self.at = start + len(data)
        said = {"$": "tensor", "dtype": name, "shape": shape, "at": start}
        if error:
            said["error"] = error
        return said

    def value(self, v, error=None):
        """Trees of tensors and plain values; what JSON lacks gets a word for its kind under `$`."""
        if isinstance(v, torch.Tensor):
            return self.tensor(v, next(error) if error else None)
        if isinstance(v, torch.dtype):
            return {"$": "dtype", "is": str(v).replace("torch.", "")}
        if isinstance(v, (torch.device, torch.layout, torch.memory_format)):
            return {"$": "layout", "is": str(v).replace("torch.", "")}
        if isinstance(v, (np.generic,)):
            return self.value(v.item())
        if v is None or isinstance(v, (bool, str)):
            return v
        if isinstance(v, int):
            return v if abs(v) < 2**53 else {"$": "number", "is": str(v)}
        if isinstance(v, float):
            return v if math.isfinite(v) else {"$": "number", "is": str(v)}
        if isinstance(v, complex):
            return {"$": "complex", "is": [v.real, v.imag]}
        if isinstance(v, slice):
            return {"$": "slice", "is": [self.value(x) for x in (v.start, v.stop, v.step)]}
        if v is Ellipsis:
            return {"$": "ellipsis"}
        if isinstance(v, dict):
            return {k: self.value(x, error) for k, x in v.items()}
        if isinstance(v, (list, tuple, torch.Size)):
            return [self.value(x, error) for x in v]
        if isinstance(v, torch.nn.Module):
            return {"$": "module", "is": type(v).__name__}
        if callable(v):
            return {"$": "function", "is": getattr(v, "__name__", "")}
        raise Unsayable("a value of type " + type(v).__name__)


def leaves(v):
    """The tensors of a tree in the order in which `value` writes them."""
    if isinstance(v, torch.Tensor):
        return [v]
    if isinstance(v, dict):
        return [t for x in v.values() for t in leaves(x)]
    if isinstance(v, (list, tuple)):
        return [t for x in v for t in leaves(x)]
    return []


def swap(v, f):
    """The tree with `f` of each tensor in its place."""
    if isinstance(v, torch.Tensor):
        return f(v)
    if isinstance(v, dict):
        return {k: swap(x, f) for k, x in v.items()}
    if isinstance(v, tuple) and not isinstance(v, torch.Size):
        parts = [swap(x, f) for x in v]
        return type(v)(*parts) if hasattr(v, "_fields") else tuple(parts)
    if isinstance(v, list):
        return [swap(x, f) for x in v]
    return v


def cotangents(tensors, seed):
    g = torch.Generator().manual_seed(seed)
    return [torch.rand(t.shape, generator=g) * 2 - 1 for t in tensors]


def tolerance(op):
    """The loosest that the record allows float32 in any of its tests; PyTorch's own default is the least."""
    rtol, atol = 1.3e-6, 1e-5
    for d in op.decorators or ():
        for inner in d.decorators if isinstance(d, DecorateInfo) else [d]:
            if isinstance(inner, toleranceOverride) and torch.float32 in inner.d:
                atol, rtol = max(atol, inner.d[torch.float32].atol), max(rtol, inner.d[torch.float32].rtol)
            if isinstance(inner, precisionOverride) and torch.float32 in inner.d:
                atol = max(atol, inner.d[torch.float32])
    return rtol, atol


def floating(t):
    return t.is_floating_point() or t.is_complex()


def real(t):
    """Complex numbers as pairs, as nabla has them; the gradient of a pair is PyTorch's gradient, read as a pair."""
    return torch.view_as_real(t.resolve_conj()) if t is not None and t.is_complex() else t


# The signs of eigenvectors and singular vectors are free, and columns that complete a basis are any: what PyTorch's own
# tests compare is their absolute values, without the added columns.
def unsigned_svd(usv):
    u, s, v = usv
    k = s.shape[-1]
    return u[..., :k].abs(), s, v


FREE = {
    "linalg.eigh": lambda out: (out[0], out[1].abs()),
    "linalg.svd": lambda out: (*unsigned_svd(out)[:2], out[2][..., : out[1].shape[-1], :].abs()),
    "symeig": lambda out: (out[0], out[1].abs()),
    "svd": lambda out: (*unsigned_svd(out)[:2], out[2][..., : out[1].shape[-1]].abs()),
}


def run(op, sample, cast=None, first=0):
    """Result, cotangents, gradients and second gradients of one sample, computed in type `cast` if one is given."""
    seed = 1234

    def leaf(t, wanted=True):
        t = t.detach().clone()
        if cast and t.dtype in (torch.float32, torch.complex64):
            t = t.to(cast if t.dtype == torch.float32 else torch.complex128)
        return t.requires_grad_(wanted and floating(t) and op.supports_autograd)

    # PyTorch refuses gradients of some arguments (weights of losses, running statistics): all, not the named ones,
    # the first only, none.
    for level in range(first, 4):
        x = swap(sample.input, lambda t: leaf(t, level < 3))
        args = swap(sample.args, lambda t: leaf(t, level < 2))
        kwargs = swap(sample.kwargs, lambda t: leaf(t, level < 1))
        if cast:
            kwargs = {k: cast if v is torch.float32 else v for k, v in kwargs.items()}
        floats = [t for t in leaves((x, args, kwargs)) if floating(t)]
        torch.manual_seed(seed)
        try:
            try:
                out = op(x, *args, **kwargs)
            except RuntimeError as e:
                if "in-place" not in str(e):
                    raise
                out = op(swap(x, lambda t: t.clone()), *args, **kwargs)
            out = FREE.get(op.name, lambda o: o)(out)
            break
        except RuntimeError as e:
            if "not differentiable with respect to" not in str(e):
                raise
    inputs = [t for t in floats if t.requires_grad]
    roots = [real(t) for t in leaves(out) if floating(t)]
    live = [t for t in roots if t.requires_grad]
    cts = [c.to(cast) if cast else c for c in cotangents(live, seed)]
    result = {"out": out}
    if not live:
        return result
    result["asked"] = [t.requires_grad for t in floats]
    result["live"] = [t.requires_grad for t in roots]
    twice = op.supports_gradgrad
    while True:
        try:
            grads = torch.autograd.grad(live, inputs, cts, create_graph=twice, retain_graph=True, allow_unused=True)
            break
        except (RuntimeError, NotImplementedError) as e:
            if twice:
                result["why2"] = str(e).split("\n")[0][:120]
                twice = False
                continue
            result["why"] = str(e).split("\n")[0][:120]
            return result
    grads = [real(g) for g in grads]
    result["cts"], result["grads"] = cts, grads
    again = [g for g in grads if g is not None and g.requires_grad]
    if not twice or not again:
        return result
    cts2 = [c.to(cast) if cast else c for c in cotangents(again, seed + 1)]
    try:
        second = torch.autograd.grad(again, inputs, cts2, allow_unused=True)
    except (RuntimeError, NotImplementedError) as e:
        result["why2"] = str(e).split("\n")[0][:120]
        return result
    left = iter(cts2)
    result["cts2"] = [next(left) if g is not None and g.requires_grad else None for g in grads]
    result["grads2"] = [real(g) for g in second]
    return result


def errors(part, exact):
    """How far PyTorch's float32 is from its float64, a number a tensor: what rounding alone does here."""
    for t, e in zip(leaves(part), leaves(exact)):
        err = 0.0
        if t.layout == torch.strided and floating(t) and t.numel() and t.shape == e.shape:
            d = (real(t).double() - real(e).double()).abs()
            d = d[torch.isfinite(d)]
            err = float(d.max()) if d.numel() else 0.0
        yield float("%.2g" % err)
    while True:
        yield 0.0


def write_case(op, sample, writer):
    try:
        case = {
            "input": writer.value(sample.input),
            "args": writer.value(sample.args),
            "kwargs": writer.value(sample.kwargs),
        }
    except Unsayable as e:
        return {"excluded": str(e)}
    try:
        have = run(op, sample)
    except (RuntimeError, AssertionError) as e:
        return {"excluded": "PyTorch refuses it: " + str(e).split("\n")[0][:120]}
    try:
        exact = run(op, sample, torch.float64)
    except (RuntimeError, TypeError, AssertionError):
        exact = have
    try:
        for key, value in have.items():
            if value is not None:
                near = errors(value, exact.get(key)) if key in ("out", "grads", "grads2") else None
                case[key] = writer.value(value, near)
    except Unsayable as e:
        return {"excluded": "result: " + str(e)}
    return case


# In these one NaN or infinity among finite numbers must reach what it has a part in, and nothing else.
LOCAL = (
    "nn.functional.interpolate", "nn.functional.upsample_", "nn.functional.adaptive_", "nn.functional.avg_pool",
    "nn.functional.max_pool", "nn.functional.grid_sample", "nn.functional.pad", "nn.functional.unfold",
)  # fmt: skip


def tainted(samples):
    """The first samples once more, with NaN and infinities among the elements of the input."""
    for sample in samples[:24]:
        x = sample.input
        if isinstance(x, torch.Tensor) and x.is_floating_point() and x.numel() > 4:
            flat = x.detach().clone().flatten()
            flat[0], flat[x.numel() // 2], flat[-1] = math.nan, math.inf, -math.inf
            yield SampleInput(flat.reshape(x.shape), args=sample.args, kwargs=sample.kwargs)


def main(folder, part, parts):
    records = []
    with open(os.path.join(folder, "%d.bin" % part), "wb") as file:
        writer = Writer(file)
        for op in op_db[part::parts]:
            name = op.name + (":" + op.variant_test_name if op.variant_test_name else "")
            seed = zlib.crc32(name.encode())
            random.seed(seed), torch.manual_seed(seed), np.random.seed(seed)
            dtype = next((d for d in (torch.float32, torch.int64, torch.complex64) if d in op.dtypes), None)
            rtol, atol = tolerance(op)
            record = {"name": name, "dtype": str(dtype).replace("torch.", ""), "rtol": rtol, "atol": atol}
            if op.name in RANDOM:
                record["random"] = True
            samples = list(op.sample_inputs("cpu", dtype, requires_grad=False)) if dtype else []
            if op.name.startswith(LOCAL):
                samples += list(tainted(samples))
            record["cases"] = [write_case(op, s, writer) for s in samples]
            records.append(record)
    with open(os.path.join(folder, "%d.json" % part), "w") as file:
        json.dump(records, file, separators=(",", ":"))


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
