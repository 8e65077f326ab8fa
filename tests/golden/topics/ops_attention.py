import math

import torch

from common import case, tensor, values

INF = float("inf")


def attention(q, k, v, mask=None, causal=False, scale=None, gqa=False):
    """PyTorch 2's scaled_dot_product_attention as its page composes it; PyTorch 1.13 has none. Rows that see nothing give 0."""
    if gqa:
        k = k.repeat_interleave(q.size(-3) // k.size(-3), -3)
        v = v.repeat_interleave(q.size(-3) // v.size(-3), -3)
    scores = q @ k.transpose(-1, -2) * (1 / math.sqrt(q.size(-1)) if scale is None else scale)
    if causal:
        seen = torch.ones(q.size(-2), k.size(-2), dtype=torch.bool).tril()
        scores = scores.masked_fill(~seen, -INF)
    if mask is not None:
        scores = scores.masked_fill(~mask, -INF) if mask.dtype == torch.bool else scores + mask
    nothing = (scores == -INF).all(-1, keepdim=True)
    weights = torch.softmax(scores.masked_fill(nothing, 0), -1).masked_fill(nothing, 0)
    return weights @ v


def masks():
    some = values(5, 7, seed=9) > 0
    none = some.clone()
    none[2] = False
    added = values(5, 7, seed=3)
    ends = added.masked_fill(~none, -INF)
    return {
        "bool": some,
        "bool, a row sees nothing": none,
        "by head": values(2, 3, 5, 7, seed=4) > -0.5,
        "padding": values(2, 1, 1, 7, seed=5) > -1,
        "added": added,
        "added, with -inf": ends,
        "added, -1e9": torch.where(some, torch.zeros(5, 7), torch.full((5, 7), -1e9)),
    }


def cases():
    name = "scaledDotProductAttention"
    q, k, v = values(2, 3, 5, 4), values(2, 3, 7, 4, seed=1), values(2, 3, 7, 6, seed=2)
    yield case(name, "plain", [q, k, v], attention)
    for note, mask in masks().items():
        yield case(name, note, [q, k, v, mask], attention, grad=3)
    yield case(name, "the gradient of what is added", [q, k, v, values(3, 1, 7, seed=8)], attention)
    yield case(name, "causal, fewer queries", [q, k, v, {"isCausal": True}], lambda q, k, v, _: attention(q, k, v, causal=True))
    yield case(name, "causal, more queries", [values(2, 3, 9, 4), k, v, {"isCausal": True}], lambda q, k, v, _: attention(q, k, v, causal=True))
    yield case(name, "scale", [q, k, v, {"scale": 0.3}], lambda q, k, v, _: attention(q, k, v, scale=0.3))
    square = values(2, 7, 4, seed=6)
    yield case(name, "three axes", [square, values(2, 7, 4, seed=1), values(2, 7, 3, seed=2), {"isCausal": True}], lambda q, k, v, _: attention(q, k, v, causal=True))
    yield case(name, "two axes", [values(5, 4), values(7, 4, seed=1), values(7, 3, seed=2)], attention)
    yield case(name, "five axes", [values(2, 1, 3, 5, 4), values(2, 2, 3, 7, 4, seed=1), values(1, 2, 3, 7, 3, seed=2), values(2, 1, 1, 5, 7) > -1], attention, grad=3)
    yield case(name, "broadcast heads", [values(2, 3, 5, 4), values(1, 1, 7, 4, seed=1), values(2, 1, 7, 3, seed=2)], attention)
    few_k, few_v = values(2, 2, 7, 4, seed=1), values(2, 2, 7, 6, seed=2)
    many = values(2, 6, 5, 4)
    yield case(name, "grouped queries", [many, few_k, few_v, {"enableGqa": True}], lambda q, k, v, _: attention(q, k, v, gqa=True))
    mask = values(2, 6, 5, 7) > 0
    yield case(name, "grouped queries, mask", [many, few_k, few_v, mask, {"enableGqa": True, "scale": 0.7}], lambda q, k, v, m, _: attention(q, k, v, m, scale=0.7, gqa=True), grad=3)
    large = [values(1, 1, 4, 4, lo=-60, hi=60), values(1, 1, 4, 4, seed=1, lo=-60, hi=60), values(1, 1, 4, 4, seed=2)]
    yield case(name, "large scores", large, attention, grad=False)
    longer = [values(1, 2, 70, 8), values(1, 2, 90, 8, seed=1), values(1, 2, 90, 8, seed=2)]
    yield case(name, "several blocks, causal", [*longer, {"isCausal": True}], lambda q, k, v, _: attention(q, k, v, causal=True))
