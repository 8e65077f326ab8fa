"""Writes torch.json: the public names of PyTorch that the table "From PyTorch" goes over.

Run with Debian's python3 (python3-torch): /usr/bin/python3 docs/names/dump_torch.py
"""
import inspect
import json
import os

import torch
import torch.nn.functional as F


def functions(module):
    return sorted(
        n for n in dir(module)
        if not n.startswith("_") and not n.endswith("_") and callable(getattr(module, n)) and n not in ("Callable", "obj", "Set", "Union", "Any", "Tuple", "List", "Optional", "Dict", "Type", "TYPE_CHECKING")
        and not inspect.isclass(getattr(module, n)) and not inspect.ismodule(getattr(module, n))
    )


def classes(module, base):
    return sorted(
        n for n in dir(module)
        if inspect.isclass(getattr(module, n)) and issubclass(getattr(module, n), base)
        and not n.startswith("_")
    )


documented = lambda names: [n for n in names if getattr(torch, n).__doc__]
schedulers = torch.optim.lr_scheduler
names = {
    "version": torch.__version__.split("+")[0],
    "torch": documented(functions(torch)),
    "torch.Tensor": functions(torch.Tensor),
    "torch.nn": classes(torch.nn, torch.nn.Module),
    "torch.nn.functional": functions(F),
    "torch.nn.init": [n for n in dir(torch.nn.init) if n.endswith("_") and not n.startswith("_")],
    "torch.linalg": functions(torch.linalg),
    "torch.fft": functions(torch.fft),
    "torch.special": functions(torch.special),
    "torch.optim": classes(torch.optim, torch.optim.Optimizer),
    "torch.optim.lr_scheduler": [n for n in dir(schedulers) if inspect.isclass(getattr(schedulers, n)) and n.endswith(("LR", "Restarts", "Plateau", "Scheduler")) and not n.startswith("_")],
}
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "torch.json"), "w") as f:
    json.dump(names, f, indent=0)
    f.write("\n")
