import math

import torch
import torch.nn.functional as F
from torch import nn

from common import bools, layer, snake, values
from topics.ops_attention import attention

INF = float("inf")


class Grouped(nn.Module):
    """Attention whose heads share keys and values in groups, composed (PyTorch's layer has none)."""

    def __init__(self, width, heads, groups):
        super().__init__()
        self.heads, self.groups, self.dim = heads, groups, width // heads
        inner = groups * self.dim
        self.in_proj_weight = nn.Parameter(torch.empty(width + 2 * inner, width))
        self.in_proj_bias = nn.Parameter(torch.empty(width + 2 * inner))
        self.out_proj = nn.Linear(width, width)

    def forward(self, q, k, v, needWeights=False, isCausal=False):
        cut = [self.heads * self.dim, self.groups * self.dim, self.groups * self.dim]
        w, b = self.in_proj_weight.split(cut), self.in_proj_bias.split(cut)
        q, k, v = [F.linear(x, w[i], b[i]).unflatten(-1, (-1, self.dim)).transpose(1, 2) for i, x in enumerate([q, k, v])]
        y = attention(q, k, v, causal=isCausal, gqa=True)
        return self.out_proj(y.transpose(1, 2).flatten(-2))


def mha(note, args, inputs, call={}, options={}):
    module = nn.MultiheadAttention(*args, **{snake(k): v for k, v in options.items()})
    more = [options] if options else []
    return layer("MultiheadAttention", note, [*args, *more], module, inputs, call=call)


def heads():
    q, k, v = values(3, 2, 8), values(5, 2, 8, seed=1), values(5, 2, 8, seed=2)
    first = [t.transpose(0, 1).contiguous() for t in (q, k, v)]
    padded = bools([[False, False, True, False, True], [False, True, False, False, False]])
    yield mha("cross", [8, 2], [q, k, v])
    yield mha("without weights", [8, 2], [q, k, v], {"needWeights": False})
    yield mha("batch first, weights of each head", [8, 4], first, {"averageAttnWeights": False}, {"batchFirst": True})
    yield mha("one sequence", [8, 2], [q[:, 0], k[:, 0], v[:, 0]])
    yield mha("no bias", [8, 2], [q, k, v], {}, {"bias": False})
    yield mha("other widths", [8, 2], [q, values(5, 2, 6), values(5, 2, 3)], {}, {"kdim": 6, "vdim": 3})
    yield mha("padding", [8, 2], [q, k, v], {"keyPaddingMask": padded})
    yield mha("padding, added", [8, 2], [q, k, v], {"keyPaddingMask": values(2, 5)})
    some = values(3, 5, seed=4) > 1
    yield mha("mask", [8, 2], [q, k, v], {"attnMask": some})
    yield mha("mask, added", [8, 2], [q, k, v], {"attnMask": values(3, 5).masked_fill(some, -INF)})
    each = values(4, 3, 5, seed=4) > 1
    yield mha("mask of each head and padding", [8, 2], [q, k, v], {"attnMask": each, "keyPaddingMask": padded, "needWeights": False})
    extra = {"addBiasKv": True, "addZeroAttn": True}
    yield mha("more keys", [8, 2], [q, k, v], {}, extra)
    yield mha("more keys, masks", [8, 2], [q, k, v], {"attnMask": some, "keyPaddingMask": padded}, extra)
    module = Grouped(8, 4, 2)
    yield layer("MultiheadAttention", "grouped queries", [8, 4, {"numKvHeads": 2, "batchFirst": True}], module, first, call={"needWeights": False})
    square = [first[1], values(2, 5, 8, seed=5), values(2, 5, 8, seed=6)]
    yield layer("MultiheadAttention", "grouped queries, causal", [8, 4, {"numKvHeads": 2, "batchFirst": True}], Grouped(8, 4, 2), square, call={"needWeights": False, "isCausal": True})


def causal(n):
    return torch.full((n, n), -INF).triu(1)


def blocks():
    src = values(2, 4, 8)
    padded = bools([[False, False, False, True], [False, False, False, False]])
    other = values(2, 3, 8, seed=1)
    activation = {"relu": F.relu, "gelu": F.gelu}
    for first in [False, True]:
        note = "pre-norm" if first else "post-norm"
        o = {"dimFeedforward": 12, "dropout": 0.0, "batchFirst": True, "normFirst": first}
        torch_o = {snake(k): v for k, v in o.items()}
        encoder = lambda **more: nn.TransformerEncoderLayer(8, 2, **{**torch_o, **more})
        decoder = lambda **more: nn.TransformerDecoderLayer(8, 2, **{**torch_o, **more})
        yield layer("TransformerEncoderLayer", note, [8, 2, o], encoder(), [src])
        yield layer("TransformerEncoderLayer", note + ", padding", [8, 2, o], encoder(), [src], call={"srcKeyPaddingMask": padded}, evaluate=False)
        yield layer("TransformerEncoderLayer", note + ", mask, gelu", [8, 2, {**o, "activation": "gelu"}], encoder(activation="gelu"), [src], call={"srcMask": causal(4)})
        yield layer("TransformerDecoderLayer", note, [8, 2, o], decoder(), [other, src])
        call = {"tgtMask": causal(3), "memoryKeyPaddingMask": padded, "memoryMask": values(3, 4) > 1.5}
        yield layer("TransformerDecoderLayer", note + ", masks", [8, 2, o], decoder(), [other, src], call=call)
        spec = lambda kind: {"kind": kind, "args": [8, 2, o]}
        norm = {"kind": "LayerNorm", "args": [8]}
        stack = nn.TransformerEncoder(encoder(), 2, nn.LayerNorm(8), enable_nested_tensor=False)
        yield layer("TransformerEncoder", note, [spec("TransformerEncoderLayer"), 2, norm], stack, [src], call={"mask": causal(4)})
        yield layer("TransformerEncoder", note + ", no norm", [spec("TransformerEncoderLayer"), 2], nn.TransformerEncoder(encoder(), 2, enable_nested_tensor=False), [src])
        stack = nn.TransformerDecoder(decoder(), 2, nn.LayerNorm(8))
        yield layer("TransformerDecoder", note, [spec("TransformerDecoderLayer"), 2, norm], stack, [other, src], call={"tgtMask": causal(3)})
        whole = {**o, "numEncoderLayers": 2, "numDecoderLayers": 1}
        module = nn.Transformer(8, 2, **{snake(k): v for k, v in whole.items()})
        module.encoder.enable_nested_tensor = False
        call = {"tgtMask": causal(3), "srcKeyPaddingMask": padded, "memoryKeyPaddingMask": padded}
        yield layer("Transformer", note, [8, 2, whole], module, [src, other], call=call, evaluate=False)
    o = {"dimFeedforward": 12, "dropout": 0.0}
    module = nn.Transformer(8, 2, num_encoder_layers=1, num_decoder_layers=1, dim_feedforward=12, dropout=0.0, activation="gelu")
    args = [8, 2, {**o, "numEncoderLayers": 1, "numDecoderLayers": 1, "activation": "gelu"}]
    yield layer("Transformer", "length first, gelu", args, module, [values(4, 2, 8), values(3, 2, 8)])


class Gated(nn.Module):
    def __init__(self, inside, hidden):
        super().__init__()
        self.w1, self.w2, self.w3 = nn.Linear(inside, hidden, bias=False), nn.Linear(hidden, inside, bias=False), nn.Linear(inside, hidden, bias=False)

    def forward(self, x):
        return self.w2(F.silu(self.w1(x)) * self.w3(x))


class Sinusoids(nn.Module):
    """The table and the sum as PyTorch's tutorial has them."""

    def __init__(self, width, most):
        super().__init__()
        place = torch.arange(most).unsqueeze(1)
        factor = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
        pe = torch.zeros(1, most, width)
        pe[0, :, 0::2], pe[0, :, 1::2] = torch.sin(place * factor), torch.cos(place * factor)
        self.register_buffer("pe", pe)

    def forward(self, x):
        return x + self.pe[:, : x.size(-2)]


class Learned(nn.Module):
    def __init__(self, most, width):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(most, width))

    def forward(self, x):
        return x + self.weight[: x.size(-2)]


class Rotary(nn.Module):
    """By complex numbers: each pair times exp(i pos / base^(2i/d))."""

    def __init__(self, width, base, interleaved):
        super().__init__()
        self.width, self.base, self.interleaved = width, base, interleaved

    def forward(self, x):
        half = self.width // 2
        angle = torch.outer(torch.arange(x.size(-2)), self.base ** (-torch.arange(half) * 2 / self.width))
        turn = torch.polar(torch.ones_like(angle), angle)
        if self.interleaved:
            return torch.view_as_real(torch.view_as_complex(x.unflatten(-1, (half, 2)).contiguous()) * turn).flatten(-2)
        y = torch.complex(x[..., :half], x[..., half:]) * turn
        return torch.cat([y.real, y.imag], -1)


def parts():
    yield layer("SwiGLU", "plain", [4, 6], Gated(4, 6), [values(2, 3, 4)])
    yield layer("PositionalEncoding", "plain", [6, 9, 0], Sinusoids(6, 9), [values(2, 5, 6)])
    yield layer("LearnedPositions", "plain", [7, 4], Learned(7, 4), [values(2, 5, 4)])
    for base, interleaved in [(10000, False), (100, True)]:
        o = {"base": base, "interleaved": interleaved, "maxLen": 9}
        yield layer("RotaryEmbedding", "%s" % o, [6, o], Rotary(6, base, interleaved), [values(2, 3, 5, 6)])


def cases():
    yield from heads()
    yield from parts()
    yield from blocks()
