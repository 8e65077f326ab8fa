"""Whole models: the course's encoder-decoder, GPT-2, Llama, BERT, ViT, written out with the names of their files."""
import math

import torch
import torch.nn.functional as F
from torch import nn

from common import filled, integers, ints, values
from topics.ops_attention import attention


def heads(x, n):
    return x.unflatten(-1, (n, -1)).transpose(1, 2)


def rows(x):
    return x.transpose(1, 2).flatten(-2)


# ---- the course's encoder-decoder ----


class Norm(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.alpha, self.bias = nn.Parameter(torch.ones(d)), nn.Parameter(torch.zeros(d))

    def forward(self, x):
        return self.alpha * (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) + 1e-6) + self.bias


class CourseAttention(nn.Module):
    def __init__(self, d, h):
        super().__init__()
        self.h = h
        self.w_q, self.w_k, self.w_v, self.w_o = [nn.Linear(d, d, bias=False) for _ in range(4)]

    def forward(self, q, k, v, mask):
        q, k, v = [heads(w(x), self.h) for w, x in [(self.w_q, q), (self.w_k, k), (self.w_v, v)]]
        scores = (q @ k.transpose(-1, -2) / math.sqrt(q.size(-1))).masked_fill(mask == 0, -1e9)
        return self.w_o(rows(torch.softmax(scores, -1) @ v))


class FeedForward(nn.Module):
    def __init__(self, d, inner):
        super().__init__()
        self.linear_1, self.linear_2 = nn.Linear(d, inner), nn.Linear(inner, d)

    def forward(self, x):
        return self.linear_2(torch.relu(self.linear_1(x)))


class Residual(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.norm = Norm(d)

    def forward(self, x, f):
        return x + f(self.norm(x))


class CourseBlock(nn.Module):
    def __init__(self, d, h, inner, cross):
        super().__init__()
        self.self_attention_block = CourseAttention(d, h)
        if cross:
            self.cross_attention_block = CourseAttention(d, h)
        self.feed_forward_block = FeedForward(d, inner)
        self.residual_connections = nn.ModuleList([Residual(d) for _ in range(3 if cross else 2)])

    def forward(self, x, mask, memory=None, memory_mask=None):
        steps = [lambda t: self.self_attention_block(t, t, t, mask)]
        if memory is not None:
            steps.append(lambda t: self.cross_attention_block(t, memory, memory, memory_mask))
        for residual, f in zip(self.residual_connections, steps + [self.feed_forward_block]):
            x = residual(x, f)
        return x


class CourseStack(nn.Module):
    def __init__(self, n, *block):
        super().__init__()
        self.layers = nn.ModuleList([CourseBlock(*block) for _ in range(n)])
        self.norm = Norm(block[0])

    def forward(self, x, *more):
        for layer in self.layers:
            x = layer(x, *more)
        return self.norm(x)


class Holder(nn.Module):
    """A module of given parts, for its names only."""

    def __init__(here, /, **parts):
        super(Holder, here).__init__()
        for k, v in parts.items():
            if isinstance(v, torch.Tensor) and not isinstance(v, nn.Parameter):
                here.register_buffer(k, v)
            else:
                setattr(here, k, v)


class Course(nn.Module):
    def __init__(self, src, tgt, src_len, tgt_len, d, n, h, inner):
        super().__init__()
        self.d = d
        self.encoder, self.decoder = CourseStack(n, d, h, inner, False), CourseStack(n, d, h, inner, True)
        self.src_embed, self.tgt_embed = Holder(embedding=nn.Embedding(src, d)), Holder(embedding=nn.Embedding(tgt, d))
        self.src_pos, self.tgt_pos = Holder(pe=torch.zeros(1, src_len, d)), Holder(pe=torch.zeros(1, tgt_len, d))
        self.projection_layer = Holder(proj=nn.Linear(d, tgt))

    def forward(self, src, tgt, src_mask, tgt_mask):
        embed = lambda e, p, x: e.embedding(x) * math.sqrt(self.d) + p.pe[:, : x.size(1)]
        memory = self.encoder(embed(self.src_embed, self.src_pos, src), src_mask)
        y = self.decoder(embed(self.tgt_embed, self.tgt_pos, tgt), tgt_mask, memory, src_mask)
        return self.projection_layer.proj(y)


# ---- GPT-2 ----


class Conv1D(nn.Module):
    def __init__(self, out, inside):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.empty(inside, out)), nn.Parameter(torch.empty(out))

    def forward(self, x):
        return x @ self.weight + self.bias


class GPT2(nn.Module):
    def __init__(self, vocab, most, d, layers, h):
        super().__init__()
        self.h = h
        block = lambda: Holder(
            ln_1=nn.LayerNorm(d), attn=Holder(c_attn=Conv1D(3 * d, d), c_proj=Conv1D(d, d)),
            ln_2=nn.LayerNorm(d), mlp=Holder(c_fc=Conv1D(4 * d, d), c_proj=Conv1D(d, 4 * d)))
        self.transformer = Holder(wte=nn.Embedding(vocab, d), wpe=nn.Embedding(most, d), h=nn.ModuleList([block() for _ in range(layers)]), ln_f=nn.LayerNorm(d))

    def forward(self, tokens):
        t = self.transformer
        x = t.wte(tokens) + t.wpe(torch.arange(tokens.size(1)))
        for b in t.h:
            q, k, v = [heads(y, self.h) for y in b.attn.c_attn(b.ln_1(x)).split(x.size(-1), -1)]
            x = x + b.attn.c_proj(rows(attention(q, k, v, causal=True)))
            x = x + b.mlp.c_proj(F.gelu(b.mlp.c_fc(b.ln_2(x)), approximate="tanh"))
        return t.ln_f(x) @ t.wte.weight.T


# ---- Llama ----


class RMSNorm(nn.Module):
    def __init__(self, d, eps=1e-6):
        super().__init__()
        self.eps, self.weight = eps, nn.Parameter(torch.ones(d))

    def forward(self, x):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.eps) * self.weight


def turned(x, base):
    half = x.size(-1) // 2
    angle = torch.outer(torch.arange(x.size(-2)), base ** (-torch.arange(half) / half))
    y = torch.complex(x[..., :half], x[..., half:]) * torch.polar(torch.ones_like(angle), angle)
    return torch.cat([y.real, y.imag], -1)


class Llama(nn.Module):
    def __init__(self, vocab, d, inner, layers, h, g, base):
        super().__init__()
        self.h, self.g, self.base = h, g, base
        flat = lambda a, b: nn.Linear(a, b, bias=False)
        layer = lambda: Holder(
            self_attn=Holder(q_proj=flat(d, d), k_proj=flat(d, d // h * g), v_proj=flat(d, d // h * g), o_proj=flat(d, d)),
            mlp=Holder(gate_proj=flat(d, inner), up_proj=flat(d, inner), down_proj=flat(inner, d)),
            input_layernorm=RMSNorm(d), post_attention_layernorm=RMSNorm(d))
        self.model = Holder(embed_tokens=nn.Embedding(vocab, d), layers=nn.ModuleList([layer() for _ in range(layers)]), norm=RMSNorm(d))
        self.lm_head = flat(d, vocab)

    def forward(self, tokens):
        x = self.model.embed_tokens(tokens)
        for l in self.model.layers:
            a, y = l.self_attn, l.input_layernorm(x)
            q, k = turned(heads(a.q_proj(y), self.h), self.base), turned(heads(a.k_proj(y), self.g), self.base)
            x = x + a.o_proj(rows(attention(q, k, heads(a.v_proj(y), self.g), causal=True, gqa=True)))
            y = l.post_attention_layernorm(x)
            x = x + l.mlp.down_proj(F.silu(l.mlp.gate_proj(y)) * l.mlp.up_proj(y))
        return self.lm_head(self.model.norm(x))


# ---- BERT and ViT ----


def self_attention(d):
    return Holder(query=nn.Linear(d, d), key=nn.Linear(d, d), value=nn.Linear(d, d))


def attend(s, x, h, mask=None):
    return rows(attention(heads(s.query(x), h), heads(s.key(x), h), heads(s.value(x), h), mask))


class Bert(nn.Module):
    def __init__(self, vocab, d, layers, h, inner, most):
        super().__init__()
        self.h = h
        norm = lambda: nn.LayerNorm(d, eps=1e-12)
        layer = lambda: Holder(
            attention=Holder(self=self_attention(d), output=Holder(dense=nn.Linear(d, d), LayerNorm=norm())),
            intermediate=Holder(dense=nn.Linear(d, inner)), output=Holder(dense=nn.Linear(inner, d), LayerNorm=norm()))
        self.bert = Holder(
            embeddings=Holder(word_embeddings=nn.Embedding(vocab, d), position_embeddings=nn.Embedding(most, d), token_type_embeddings=nn.Embedding(2, d), LayerNorm=norm()),
            encoder=Holder(layer=nn.ModuleList([layer() for _ in range(layers)])), pooler=Holder(dense=nn.Linear(d, d)))
        self.cls = Holder(predictions=Holder(bias=nn.Parameter(torch.zeros(vocab)), transform=Holder(dense=nn.Linear(d, d), LayerNorm=norm())))

    def forward(self, tokens, types, mask):
        e = self.bert.embeddings
        x = e.LayerNorm(e.word_embeddings(tokens) + e.token_type_embeddings(types) + e.position_embeddings(torch.arange(tokens.size(1))))
        for l in self.bert.encoder.layer:
            x = l.attention.output.LayerNorm(x + l.attention.output.dense(attend(getattr(l.attention, "self"), x, self.h, mask[:, None, None] > 0)))
            x = l.output.LayerNorm(x + l.output.dense(F.gelu(l.intermediate.dense(x))))
        t = self.cls.predictions.transform
        return t.LayerNorm(F.gelu(t.dense(x))) @ e.word_embeddings.weight.T + self.cls.predictions.bias


class ViT(nn.Module):
    def __init__(self, side, patch, channels, d, layers, h, inner, classes):
        super().__init__()
        self.h = h
        norm = lambda: nn.LayerNorm(d, eps=1e-12)
        layer = lambda: Holder(
            attention=Holder(attention=self_attention(d), output=Holder(dense=nn.Linear(d, d))),
            intermediate=Holder(dense=nn.Linear(d, inner)), output=Holder(dense=nn.Linear(inner, d)), layernorm_before=norm(), layernorm_after=norm())
        self.vit = Holder(
            embeddings=Holder(cls_token=nn.Parameter(torch.zeros(1, 1, d)), position_embeddings=nn.Parameter(torch.zeros(1, (side // patch) ** 2 + 1, d)), patch_embeddings=Holder(projection=nn.Conv2d(channels, d, patch, patch))),
            encoder=Holder(layer=nn.ModuleList([layer() for _ in range(layers)])), layernorm=norm())
        self.classifier = nn.Linear(d, classes)

    def forward(self, x):
        e = self.vit.embeddings
        x = e.patch_embeddings.projection(x).flatten(2).transpose(1, 2)
        x = torch.cat([e.cls_token.expand(x.size(0), -1, -1), x], 1) + e.position_embeddings
        for l in self.vit.encoder.layer:
            x = x + l.attention.output.dense(attend(l.attention.attention, l.layernorm_before(x), self.h))
            x = x + l.output.dense(F.gelu(l.intermediate.dense(l.layernorm_after(x))))
        return self.classifier(self.vit.layernorm(x)[:, 0])


def model(kind, args, module, inputs):
    filled(module)
    state = {k: v.clone() for k, v in module.state_dict().items()}
    out = module(*inputs)
    ct = values(*out.shape, seed=3, lo=-1, hi=1)
    out.backward(ct)
    grads = {k: p.grad for k, p in module.named_parameters() if p.grad is not None}
    return {"name": kind, "kind": kind, "args": args, "state": state, "inputs": inputs, "out": out, "ct": ct, "grads": grads}


def cases():
    src, tgt = integers(2, 5, hi=11), integers(2, 4, hi=13)
    src_mask = ints([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]).reshape(2, 1, 1, 5)
    tgt_mask = torch.ones(4, 4, dtype=torch.int64).tril().reshape(1, 1, 4, 4) * ints([[1, 1, 1, 1], [1, 1, 1, 0]]).reshape(2, 1, 1, 4)
    sizes = {"dModel": 8, "N": 2, "h": 2, "dFf": 12}
    yield model("buildTransformer", [11, 13, 6, 7, sizes], Course(11, 13, 6, 7, 8, 2, 2, 12), [src, tgt, src_mask, tgt_mask])
    tokens = integers(2, 6, hi=11)
    yield model("GPT2", [{"vocabSize": 11, "nPositions": 9, "nEmbd": 8, "nLayer": 2, "nHead": 2, "dropout": 0}], GPT2(11, 9, 8, 2, 2), [tokens])
    o = {"vocabSize": 11, "hiddenSize": 8, "intermediateSize": 10, "numHiddenLayers": 2, "numAttentionHeads": 4, "numKeyValueHeads": 2, "maxPositionEmbeddings": 9, "ropeTheta": 500}
    yield model("Llama", [o], Llama(11, 8, 10, 2, 4, 2, 500), [tokens])
    o = {"vocabSize": 11, "hiddenSize": 8, "intermediateSize": 10, "numHiddenLayers": 2, "numAttentionHeads": 2, "maxPositionEmbeddings": 9, "hiddenDropoutProb": 0, "attentionProbsDropoutProb": 0}
    mask = ints([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]])
    yield model("Bert", [o], Bert(11, 8, 2, 2, 10, 9), [tokens, integers(2, 6, hi=2), mask])
    o = {"imageSize": 8, "patchSize": 4, "numChannels": 2, "hiddenSize": 8, "intermediateSize": 10, "numHiddenLayers": 2, "numAttentionHeads": 2, "numLabels": 3}
    yield model("ViT", [o], ViT(8, 4, 2, 8, 2, 2, 10, 3), [values(2, 2, 8, 8)])
