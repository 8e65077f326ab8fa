"""PyTorch's side of language.mjs, from plain operations, as PyTorch 1.13 has no other way to do it."""
import math

import torch
from torch import nn
from torch.nn import functional as F

CASES = {}


def case(f):
    CASES["lm_" + f.__name__] = f
    return f


def tokens(vocabulary, *shape):
    return ((torch.arange(math.prod(shape)) * 7919 + 13) % vocabulary).reshape(shape)


def attend(q, k, v, mask=None, dropout=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(mask == 0, -1e9)
    weights = scores.softmax(-1)
    return (weights if dropout is None else dropout(weights)) @ v


def training(model, parameters, logits, target, vocabulary):
    update = torch.optim.Adam(parameters, lr=1e-7)

    def step():
        update.zero_grad()
        loss = F.cross_entropy(logits().reshape(-1, vocabulary), target.reshape(-1), label_smoothing=0.1)
        loss.backward()
        update.step()
        return loss

    return step


# The encoder-decoder as courses write it.


class Norm(nn.Module):
    def __init__(self, d, eps=1e-6):
        super().__init__()
        self.alpha, self.bias, self.eps = nn.Parameter(torch.ones(d)), nn.Parameter(torch.zeros(d)), eps

    def forward(self, x):
        mean, std = x.mean(-1, keepdim=True), x.std(-1, keepdim=True)
        return self.alpha * (x - mean) / (std + self.eps) + self.bias


class Attention(nn.Module):
    def __init__(self, d, h, p):
        super().__init__()
        self.h, self.drop = h, nn.Dropout(p)
        self.q, self.k, self.v, self.o = (nn.Linear(d, d, bias=False) for _ in range(4))

    def heads(self, x):
        return x.view(x.shape[0], x.shape[1], self.h, -1).transpose(1, 2)

    def keys(self, x):
        return self.heads(self.k(x)), self.heads(self.v(x))

    def forward(self, x, keys, mask=None):
        y = attend(self.heads(self.q(x)), *keys, mask, self.drop)
        return self.o(y.transpose(1, 2).contiguous().view(x.shape))


class Feed(nn.Module):
    def __init__(self, d, inner, p):
        super().__init__()
        self.a, self.b, self.drop = nn.Linear(d, inner), nn.Linear(inner, d), nn.Dropout(p)

    def forward(self, x):
        return self.b(self.drop(F.relu(self.a(x))))


class Block(nn.Module):
    def __init__(self, d, h, inner, p, cross):
        super().__init__()
        self.own, self.feed = Attention(d, h, p), Feed(d, inner, p)
        self.cross = Attention(d, h, p) if cross else None
        self.norms = nn.ModuleList(Norm(d) for _ in range(3 if cross else 2))
        self.drop = nn.Dropout(p)

    def forward(self, x, mask=None, cross=None, cache=None, seen=None):
        y = self.norms[0](x)
        keys = self.own.keys(y)
        if cache is not None:
            cache[:] = [torch.cat([a, b], 2) for a, b in zip(cache, keys)] if cache else list(keys)
            keys = cache
        x = x + self.drop(self.own(y, keys, mask))
        if cross is not None:
            x = x + self.drop(self.cross(self.norms[1](x), cross, seen))
        return x + self.drop(self.feed(self.norms[-1](x)))


class Transformer(nn.Module):
    def __init__(self, d, h, N, dFf, vocabulary, longest, p=0.1, source=None):
        super().__init__()
        self.scale = math.sqrt(d)
        self.src, self.tgt = nn.Embedding(source or vocabulary, d), nn.Embedding(vocabulary, d)
        at = torch.arange(longest)[:, None] * torch.exp(torch.arange(0, d, 2) * (-math.log(10000.0) / d))
        self.register_buffer("places", torch.stack([at.sin(), at.cos()], -1).reshape(longest, d))
        self.encoder = nn.ModuleList(Block(d, h, dFf, p, False) for _ in range(N))
        self.decoder = nn.ModuleList(Block(d, h, dFf, p, True) for _ in range(N))
        self.norms = nn.ModuleList([Norm(d), Norm(d)])
        self.drop, self.project = nn.Dropout(p), nn.Linear(d, vocabulary)
        for w in self.parameters():
            if w.dim() > 1:
                nn.init.xavier_uniform_(w)

    def embed(self, table, x, start=0):
        return self.drop(table(x) * self.scale + self.places[start : start + x.shape[1]])

    def encode(self, src, seen=None):
        x = self.embed(self.src, src)
        for block in self.encoder:
            x = block(x, seen)
        return self.norms[0](x)

    def decode(self, read, tgt, start=0, caches=None, seen=None):
        """read: keys and values of the source for each block; seen: which of them are there."""
        x = self.embed(self.tgt, tgt, start)
        L = tgt.shape[1]
        mask = torch.tril(torch.ones(1, 1, L, L)) if L > 1 else None
        for i, block in enumerate(self.decoder):
            x = block(x, mask, read[i], None if caches is None else caches[i], seen)
        return self.project(self.norms[1](x))

    def keys(self, read):
        return [block.cross.keys(read) for block in self.decoder]


@case
def encoder_decoder(d, h, N, dFf, vocabulary, length, batch):
    model = Transformer(d, h, N, dFf, vocabulary, length)
    x = tokens(vocabulary, batch, length)
    return training(model, model.parameters(), lambda: model.decode(model.keys(model.encode(x)), x), x, vocabulary)


@case
def decode(d, h, N, dFf, vocabulary, source, length, bits, cache):
    model = Transformer(d, h, N, dFf, vocabulary, max(source, length + 1)).eval()
    src = (torch.arange(source) * 31 % vocabulary)[None]
    with torch.no_grad():
        read = model.keys(model.encode(src))

    @torch.no_grad()
    def run():
        text = torch.ones(1, 1, dtype=torch.long)
        caches = [[] for _ in range(N)]
        for i in range(length):
            logits = model.decode(read, text[:, -1:], i, caches) if cache else model.decode(read, text)
            text = torch.cat([text, logits[:, -1:].argmax(-1)], 1)
        return text

    return run


class GPTBlock(nn.Module):
    def __init__(self, d, h, p):
        super().__init__()
        self.h, self.p = h, p
        self.norms = nn.ModuleList([nn.LayerNorm(d), nn.LayerNorm(d)])
        self.qkv, self.out = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.up, self.down, self.drop = nn.Linear(d, 4 * d), nn.Linear(4 * d, d), nn.Dropout(p)

    def forward(self, x, mask):
        q, k, v = (t.view(*t.shape[:2], self.h, -1).transpose(1, 2) for t in self.qkv(self.norms[0](x)).chunk(3, -1))
        y = attend(q, k, v, mask, self.drop).transpose(1, 2).reshape(x.shape)
        x = x + self.drop(self.out(y))
        return x + self.drop(self.down(F.gelu(self.up(self.norms[1](x)), approximate="tanh")))


@case
def gpt(d, h, N, vocabulary, length, batch, p=0.1):
    table, places = nn.Embedding(vocabulary, d), nn.Embedding(length, d)
    blocks = nn.ModuleList(GPTBlock(d, h, p) for _ in range(N))
    norm, drop = nn.LayerNorm(d), nn.Dropout(p)
    model = nn.ModuleList([table, places, blocks, norm])
    mask = torch.tril(torch.ones(1, 1, length, length))
    x = tokens(vocabulary, batch, length)

    def logits():
        y = drop(table(x) + places(torch.arange(length)))
        for block in blocks:
            y = block(y, mask)
        return F.linear(norm(y), table.weight)

    return training(model, model.parameters(), logits, x, vocabulary)


@case
def attention(heads, width, length, back):
    q, k, v, ct = (torch.sin(torch.arange(heads * length * width) * s * 0.37).reshape(1, heads, length, width) for s in (1, 2, 3, 4))
    mask = torch.tril(torch.ones(1, 1, length, length))
    if not back:
        return lambda: attend(q, k, v, mask)
    leaves = [t.requires_grad_() for t in (q, k, v)]
    return lambda: torch.autograd.grad(attend(*leaves, mask), leaves, ct)
