"""Golden numbers of graph layers: the formulas of the papers with dense matrices, node by node, in float64; PyTorch Geometric is not
needed. python3 tests/golden/graph.py writes data/graph.json."""
import json
import math
import os

import torch

from common import HERE, plain, values

# Six nodes: a self-loop of weight 3 at node 2, the edge 0 -> 1 twice, node 5 alone.
EDGES = [(0, 1), (0, 1), (1, 0), (2, 2), (3, 1), (2, 3), (4, 3), (1, 4)]
WEIGHTS = [1.0, 0.5, 2.0, 3.0, 1.5, 0.25, 1.0, 0.75]
TYPES = [0, 1, 2, 0, 1, 1, 0, 2]
N, F, C = 6, 3, 2
NONE = []


def adjacency(edges, weights, n=N):
    """a[i, j]: the weights of the edges from j to i."""
    a = torch.zeros(n, n, dtype=torch.float64)
    for (j, i), w in zip(edges, weights):
        hit = torch.zeros(n, n, dtype=torch.float64)
        hit[i, j] = 1
        a = a + hit * w
    return a


def gcn(x, edges, weights, theta, b, fill=1.0, loops=True):
    n = x.shape[0]
    a = adjacency(edges, weights, n)
    if loops:
        for i in range(n):
            if not any(e == (i, i) for e in edges):
                hit = torch.zeros(n, n, dtype=torch.float64)
                hit[i, i] = fill
                a = a + hit
    d = a.sum(1)
    s = torch.where(d > 0, d.clamp(min=1e-300) ** -0.5, torch.zeros_like(d))
    return s[:, None] * a * s[None, :] @ x @ theta.T + b


def neighbours(edges, i):
    return [j for j, k in edges if k == i]


def sage(x, edges, wl, bl, wr, aggr="mean", normalize=False):
    rows = []
    for i in range(x.shape[0]):
        near = [x[j] for j in neighbours(edges, i)]
        if not near:
            m = torch.zeros_like(x[0])
        elif aggr == "mean":
            m = torch.stack(near).mean(0)
        elif aggr == "max":
            m = torch.stack(near).amax(0)
        else:
            m = torch.stack(near).sum(0)
        y = wl @ m + bl + (wr @ x[i] if wr is not None else 0)
        rows.append(y / y.norm().clamp(min=1e-12) if normalize else y)
    return torch.stack(rows)


def gat(x, edges, w, a_src, a_dst, b, concat=True, slope=0.2, loops=True, attr=None, we=None, ae=None):
    heads, c = a_src.shape[1:]
    n = x.shape[0]
    h = (x @ w.T).view(n, heads, c)
    list_ = [(j, i, attr[k] if attr is not None else None) for k, (j, i) in enumerate(edges) if not loops or j != i]
    if loops:
        for i in range(n):
            near = [e for (_, k, e) in list_ if k == i and e is not None]
            own = None if attr is None else (torch.stack(near).mean(0) if near else torch.zeros_like(attr[0]))
            list_.append((i, i, own))
    rows = []
    for i in range(n):
        scores, sends = [], []
        for j, k, e in list_:
            if k != i:
                continue
            s = (h[j] * a_src[0]).sum(-1) + (h[i] * a_dst[0]).sum(-1)
            if e is not None:
                s = s + ((we @ e).view(heads, c) * ae[0]).sum(-1)
            scores.append(torch.where(s > 0, s, slope * s))
            sends.append(h[j])
        if scores:
            alpha = torch.softmax(torch.stack(scores), 0)
            y = (alpha[..., None] * torch.stack(sends)).sum(0)
        else:
            y = torch.zeros(heads, c, dtype=torch.float64)
        rows.append(y.reshape(-1) if concat else y.mean(0))
    return torch.stack(rows) + b


def gin(x, edges, w, b, eps):
    return (adjacency(edges, [1.0] * len(edges), x.shape[0]) @ x + (1 + eps) * x) @ w.T + b


def rgcn(x, edges, types, weight, root, b, comp=None, aggr="mean"):
    w = weight if comp is None else torch.einsum("rb,bio->rio", comp, weight)
    rows = []
    for i in range(x.shape[0]):
        y = x[i] @ root + b
        for r in range(w.shape[0]):
            near = [x[j] for (j, k), t in zip(edges, types) if k == i and t == r]
            if near:
                m = torch.stack(near)
                y = y + (m.mean(0) if aggr == "mean" else m.sum(0)) @ w[r]
        rows.append(y)
    return torch.stack(rows)


def case(name, layer, options, f, state, edges=EDGES, **more):
    """f(x, weights or attr, state); gradients of sum(out * ct) by x, by what edges have, and by every parameter."""
    x = values(N, F, seed=1).double().requires_grad_(True)
    extra = {k: v.double().requires_grad_(True) for k, v in more.items()}
    state = {k: v.double().requires_grad_(True) for k, v in state.items()}
    out = f(x, edges, *extra.values(), state)
    ct = values(*out.shape, seed=2, lo=-1, hi=1).double()
    (out * ct).sum().backward()

    def grad(t):
        return torch.zeros_like(t) if t.grad is None else t.grad

    return {
        "name": name,
        "layer": layer,
        "options": options,
        "x": x,
        "edgeIndex": torch.tensor(edges, dtype=torch.long).T if edges else torch.zeros(2, 0, dtype=torch.long),
        "extra": extra,
        "state": state,
        "out": out,
        "ct": ct,
        "gradX": grad(x),
        "gradExtra": {k: grad(t) for k, t in extra.items()},
        "gradState": {k: grad(t) for k, t in state.items()},
    }


def main():
    w = torch.tensor(WEIGHTS)
    lin = {"lin.weight": values(C, F, seed=3), "bias": values(C, seed=4)}
    cases = []
    for name, options, kw in [
        ("gcn", {}, {}),
        ("gcn improved", {"improved": True}, {"fill": 2.0}),
        ("gcn without self-loops", {"addSelfLoops": False}, {"loops": False}),
    ]:
        cases.append(case(name, "GCNConv", options, lambda x, e, w, s, kw=kw: gcn(x, e, w, s["lin.weight"], s["bias"], **kw), lin, edgeWeight=w))
        cases.append(case(name + ", no weights", "GCNConv", options, lambda x, e, s, kw=kw: gcn(x, e, torch.ones(len(e)), s["lin.weight"], s["bias"], **kw), lin))
    cases.append(case("gcn, no edges", "GCNConv", {}, lambda x, e, s: gcn(x, e, [], s["lin.weight"], s["bias"]), lin, edges=NONE))
    sided = {"lin_l.weight": values(C, F, seed=5), "lin_l.bias": values(C, seed=6), "lin_r.weight": values(C, F, seed=7)}
    for aggr in ["mean", "max", "sum"]:
        cases.append(case("sage " + aggr, "SAGEConv", {"aggr": aggr}, lambda x, e, s, aggr=aggr: sage(x, e, s["lin_l.weight"], s["lin_l.bias"], s["lin_r.weight"], aggr), sided))
    cases.append(case("sage normalized", "SAGEConv", {"normalize": True}, lambda x, e, s: sage(x, e, s["lin_l.weight"], s["lin_l.bias"], s["lin_r.weight"], normalize=True), sided))
    one = {k: v for k, v in sided.items() if k != "lin_r.weight"}
    cases.append(case("sage without root", "SAGEConv", {"rootWeight": False}, lambda x, e, s: sage(x, e, s["lin_l.weight"], s["lin_l.bias"], None), one))
    cases.append(case("sage, no edges", "SAGEConv", {}, lambda x, e, s: sage(x, e, s["lin_l.weight"], s["lin_l.bias"], s["lin_r.weight"]), sided, edges=NONE))
    H = 3
    heads = {"att_src": values(1, H, C, seed=8), "att_dst": values(1, H, C, seed=9), "lin.weight": values(H * C, F, seed=10)}
    for name, options, kw, width in [
        ("gat", {}, {}, H * C),
        ("gat averaged", {"concat": False}, {"concat": False}, C),
        ("gat without self-loops", {"addSelfLoops": False, "negativeSlope": 0.1}, {"loops": False, "slope": 0.1}, H * C),
    ]:
        state = {**heads, "bias": values(width, seed=11)}
        f = lambda x, e, s, kw=kw: gat(x, e, s["lin.weight"], s["att_src"], s["att_dst"], s["bias"], **kw)
        cases.append(case(name, "GATConv", {"heads": H, **options}, f, state))
    state = {**heads, "bias": values(H * C, seed=11)}
    cases.append(case("gat, no edges", "GATConv", {"heads": H}, lambda x, e, s: gat(x, e, s["lin.weight"], s["att_src"], s["att_dst"], s["bias"]), state, edges=NONE))
    state = {**state, "att_edge": values(1, H, C, seed=12), "lin_edge.weight": values(H * C, 2, seed=13)}
    cases.append(case("gat with edge features", "GATConv", {"heads": H, "edgeDim": 2}, lambda x, e, attr, s: gat(x, e, s["lin.weight"], s["att_src"], s["att_dst"], s["bias"], attr=attr, we=s["lin_edge.weight"], ae=s["att_edge"]), state, edgeAttr=values(len(EDGES), 2, seed=14)))
    state = {"nn.weight": values(C, F, seed=15), "nn.bias": values(C, seed=16), "eps": torch.tensor([0.3])}
    cases.append(case("gin", "GINConv", {"eps": 0.3, "trainEps": True}, lambda x, e, s: gin(x, e, s["nn.weight"], s["nn.bias"], s["eps"]), state))
    state = {"weight": values(3, F, C, seed=17), "root": values(F, C, seed=18), "bias": values(C, seed=19)}
    for aggr in ["mean", "sum"]:
        cases.append(case("rgcn " + aggr, "RGCNConv", {"aggr": aggr}, lambda x, e, s, aggr=aggr: rgcn(x, e, TYPES, s["weight"], s["root"], s["bias"], aggr=aggr), state))
    state = {"weight": values(2, F, C, seed=20), "comp": values(3, 2, seed=21), "root": values(F, C, seed=18), "bias": values(C, seed=19)}
    cases.append(case("rgcn with bases", "RGCNConv", {"numBases": 2}, lambda x, e, s: rgcn(x, e, TYPES, s["weight"], s["root"], s["bias"], s["comp"]), state))
    for c in cases:
        if c["layer"] == "RGCNConv":
            c["edgeType"] = torch.tensor(TYPES)
    assert math.isfinite(sum(float(c["out"].sum()) for c in cases))
    with open(os.path.join(HERE, "data", "graph.json"), "w") as f:
        json.dump([plain(c) for c in cases], f, separators=(",", ":"))
        f.write("\n")
    print(len(cases), "cases")


main()
