"""The parameters of torch.nn's classes in their order, with their defaults: data/signatures.json.

    /usr/bin/python3 tests/golden/signatures.py

RNN takes *args in PyTorch 1.13; its order is that of the documentation.
"""
import inspect
import json
import os

import torch
from torch import nn

RNN = ["input_size", "hidden_size", "num_layers", "nonlinearity", "bias", "batch_first", "dropout", "bidirectional"]
BASE = ["input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout", "bidirectional", "proj_size"]


def plain(value):
    return value if value is None or isinstance(value, (bool, int, float, str)) else repr(value)


def parameters(cls):
    signature = inspect.signature(cls.__init__)
    found = []
    for p in list(signature.parameters.values())[1:]:
        if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            return None
        entry = {"name": p.name}
        if p.default is not p.empty:
            entry["default"] = plain(p.default)
        if p.kind is p.KEYWORD_ONLY:
            entry["named"] = True
        found.append(entry)
    return found


table = {}
for name, cls in sorted(vars(nn).items()):
    if not (isinstance(cls, type) and issubclass(cls, nn.Module)) or cls is nn.Module:
        continue
    found = parameters(cls)
    if found is None and name in ("RNN", "LSTM", "GRU"):
        order = RNN if name == "RNN" else BASE if name == "LSTM" else BASE[:-1]
        found = [{"name": n} for n in order]
    if found is not None:
        table[name] = found
here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(here, "data", "signatures.json"), "w") as f:
    json.dump({"torch": torch.__version__, "classes": table}, f, indent=1)
    f.write("\n")
