import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from common import values

T, B, I, H = 4, 3, 2, 3
LAYERS = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}
CELLS = {"RNNCell": nn.RNNCell, "LSTMCell": nn.LSTMCell, "GRUCell": nn.GRUCell}

# Options by PyTorch's names and by ours.
OURS = {
    "num_layers": "numLayers",
    "batch_first": "batchFirst",
    "proj_size": "projSize",
}


def with_values(module):
    for i, p in enumerate(module.parameters()):
        p.data = values(*p.shape, seed=i, lo=-0.8, hi=0.8)
    return module


def run(name, kind, options=None, shape=(T, B, I), states=True, lengths=None, training=True, enforce_sorted=True):
    options = options or {}
    cell = kind in CELLS
    module = with_values((CELLS if cell else LAYERS)[kind](I, H, **options)).train(training)
    x = values(*shape, seed=50).requires_grad_(True)
    initial = []
    if states:
        single = len(shape) == (1 if cell else 2)
        batch = [] if single else [shape[0] if cell else B]
        first = [] if cell else [options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)]
        for i in range(2 if kind.startswith("LSTM") else 1):
            size = options.get("proj_size", 0) if i == 0 and options.get("proj_size") else H
            initial.append(values(*first, *batch, size, seed=60 + i).requires_grad_(True))
    given = x
    if lengths:
        given = pack_padded_sequence(x, lengths, batch_first=options.get("batch_first", False), enforce_sorted=enforce_sorted)
    hx = None if not initial else tuple(initial) if kind.startswith("LSTM") else initial[0]
    out = module(given, hx)
    extra = {}
    if cell:
        results = list(out) if kind == "LSTMCell" else [out]
    else:
        output, final = out
        if lengths:
            extra = {
                "lengths": lengths,
                "enforceSorted": enforce_sorted,
                "packed": given.data,
                "batchSizes": given.batch_sizes.tolist(),
                "sortedIndices": None if given.sorted_indices is None else given.sorted_indices,
                "unsortedIndices": None if given.unsorted_indices is None else given.unsorted_indices,
                "packedOut": output.data,
            }
            output, back = pad_packed_sequence(output, batch_first=options.get("batch_first", False), padding_value=0.5)
            assert back.tolist() == lengths
        results = [output] + (list(final) if kind == "LSTM" else [final])
    cts = [values(*r.shape, seed=70 + i, lo=-1, hi=1) for i, r in enumerate(results)]
    sum((r * ct).sum() for r, ct in zip(results, cts)).backward()
    return {
        "name": name,
        "kind": kind,
        "options": {OURS.get(k, k): v for k, v in options.items()},
        "training": training,
        "weights": dict(module.named_parameters()),
        "x": x,
        "states": initial,
        **extra,
        "results": results,
        "cts": cts,
        "grads": [x.grad] + [s.grad for s in initial],
        "weightGrads": {k: p.grad for k, p in module.named_parameters()},
    }


def training(kind):
    """Ten losses of a classifier of sequences of several lengths, with momentum."""
    layer = with_values(LAYERS[kind](I, H, 2, bidirectional=True))
    head = with_values(nn.Linear(2 * H, 2))
    x, labels, lengths = values(T, B, I, seed=50), [0, 1, 1], [3, 4, 1]
    initial = {k: p.detach().clone() for k, p in layer.named_parameters()}
    parameters = [*layer.parameters(), *head.parameters()]
    case = {"name": kind + " training", "kind": kind, "weights": initial, "x": x, "labels": labels, "lengths": lengths}
    case["head"] = [p.detach().clone() for p in head.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=0.1, momentum=0.9)
    losses = []
    for _ in range(10):
        packed = pack_padded_sequence(x, lengths, enforce_sorted=False)
        out, _ = pad_packed_sequence(layer(packed)[0])
        loss = nn.functional.cross_entropy(head(out.mean(0)), torch.tensor(labels))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return {**case, "losses": losses}


def cases():
    for kind in LAYERS:
        yield training(kind)
    for kind in LAYERS:
        yield run(kind, kind)
        yield run(kind + " without states", kind, states=False)
        yield run(kind + " without bias", kind, {"bias": False})
        yield run(kind + " batch first", kind, {"batch_first": True}, shape=(B, T, I))
        yield run(kind + " of one sequence", kind, {"num_layers": 2}, shape=(T, I))
        yield run(kind + " bidirectional, two layers", kind, {"num_layers": 2, "bidirectional": True})
        yield run(kind + " of one step", kind, {"bidirectional": True}, shape=(1, B, I))
        yield run(kind + " packed", kind, {"num_layers": 2}, lengths=[4, 2, 1])
        yield run(kind + " packed, equal lengths", kind, lengths=[3, 3, 3])
        yield run(
            kind + " packed, bidirectional, unsorted",
            kind,
            {"num_layers": 2, "bidirectional": True, "batch_first": True},
            shape=(B, T, I),
            lengths=[2, 4, 3],
            enforce_sorted=False,
        )
        yield run(kind + " dropout in evaluation", kind, {"num_layers": 2, "dropout": 0.5}, training=False)
        yield run(kind + " dropout of everything", kind, {"num_layers": 2, "dropout": 1.0})
    yield run("RNN relu, bidirectional", "RNN", {"nonlinearity": "relu", "bidirectional": True})
    yield run("LSTM projected", "LSTM", {"proj_size": 2, "num_layers": 2})
    yield run(
        "LSTM projected, packed, bidirectional",
        "LSTM",
        {"proj_size": 2, "bidirectional": True},
        lengths=[1, 3, 2],
        enforce_sorted=False,
    )
    for kind in CELLS:
        yield run(kind, kind, shape=(B, I))
        yield run(kind + " without states", kind, shape=(B, I), states=False)
        yield run(kind + " without bias", kind, {"bias": False}, shape=(B, I))
        yield run(kind + " of one row", kind, shape=(I,))
    yield run("RNNCell relu", "RNNCell", {"nonlinearity": "relu"}, shape=(B, I))
