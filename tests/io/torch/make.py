"""Writes the small PyTorch files of tests/io/torch.test.ts and what they hold. Run: python3 tests/io/torch/make.py (PyTorch 1.13)."""
import collections
import io
import json
import os
import pickle
import zipfile

import numpy as np
import torch

here = os.path.dirname(os.path.abspath(__file__))
path = lambda name: os.path.join(here, name)
torch.manual_seed(1)
expected = {}


def listed(d):
    return {
        k: {"dtype": str(v.dtype)[6:], "shape": list(v.shape), "values": v.detach().double().flatten().tolist()}
        for k, v in d.items()
    }


# The state dict of a model with buffers.
model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2))
torch.save(model.state_dict(), path("model.pt"))
torch.save(model.state_dict(), path("legacy.pt"), _use_new_zipfile_serialization=False)
torch.save(model.state_dict(), path("protocol4.pt"), pickle_protocol=4)
expected["model"] = listed(model.state_dict())

# A checkpoint: model, optimizer, schedule, numbers of Python and NumPy.
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [2, 5])
model(torch.ones(5, 3)).sum().backward()
optimizer.step()
schedule.step()
expected["trained"] = listed(model.state_dict())
torch.save(
    {
        "epoch": 7,
        "model_state_dict": model.state_dict(),
        "optimizer_state_dict": optimizer.state_dict(),
        "scheduler": schedule.state_dict(),
        "best": np.float64(0.25),
        "seen": np.int64(1234),
        "loss": 0.5,
        "big": 2**60,
        "done": False,
        "note": "été",
        "raw": b"\x00\xff",
        "none": None,
        "history": [1.0, (2, 3)],
        "set": {5},
        "dtype": torch.float16,
        "size": torch.Size([2, 3]),
        "device": torch.device("cpu"),
    },
    path("checkpoint.pth"),
)

# Views over one storage, turned, every second, spread, empty, a single number; a parameter.
base = torch.arange(24.0).reshape(4, 6)
views = {
    "whole": base,
    "turned": base.t(),
    "part": base[1:3, 2:5],
    "second": base[:, ::2],
    "spread": torch.tensor([5.0]).expand(2, 3),
    "again": base,
    "empty": base[2:2],
    "scalar": torch.tensor(3.5),
    "parameter": torch.nn.Parameter(torch.tensor([1.0, 2.0])),
    "axes": torch.arange(24).reshape(2, 3, 4).permute(2, 0, 1),
}
torch.save(views, path("views.pt"))
torch.save(views, path("views-legacy.pt"), _use_new_zipfile_serialization=False)
expected["views"] = listed(views)

types = {
    name: torch.tensor([0, 1, 100]).to(getattr(torch, name))
    for name in "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 bool".split()
}
types["int64"] = torch.tensor([-(2**53), 2**53 - 1])
types["bfloat16"] = torch.tensor([0.1, -3.0, 1e30]).bfloat16()
types["float16"] = torch.tensor([0.1, -3.0, 65504.0]).half()
torch.save(types, path("types.bin"))
expected["types"] = listed(types)

# The folder's name is whatever the file was called, or what a program chose; numbers in the other order of bytes.
kept = {"w": torch.tensor([[1.0, -2.0], [0.5, 4.0]])}
buffer = io.BytesIO()
torch.save(kept, buffer)
with zipfile.ZipFile(buffer) as old, zipfile.ZipFile(path("renamed.pt"), "w") as new:
    for name in old.namelist():
        new.writestr("some/other name/" + name.split("/", 1)[1], old.read(name))
with zipfile.ZipFile(buffer) as old, zipfile.ZipFile(path("big-endian.pt"), "w") as new:
    for name in old.namelist():
        content = old.read(name)
        new.writestr(name, np.frombuffer(content, "<f4").astype(">f4").tobytes() if "/data/" in name else content)
    new.writestr("archive/byteorder", "big")
expected["kept"] = listed(kept)
torch.save({"generator": kept, "discriminator": kept, "step": 3}, path("two.pt"))
torch.save(base, path("tensor.pt"))


# Files that ask for more than tensors. What they name would only print.
class Asks:
    def __reduce__(self):
        return (print, ("this must never be printed",))


torch.save({"w": kept["w"], "x": Asks()}, path("asks-print.pt"))
torch.save({"w": kept["w"], "x": Asks()}, path("asks-print-legacy.pt"), _use_new_zipfile_serialization=False)
torch.save(torch.nn.Linear(2, 1), path("module.pt"))
torch.save({"z": torch.tensor([1 + 2j])}, path("complex.pt"))
torch.jit.save(torch.jit.script(torch.nn.Linear(2, 1)), path("script.pt"))
with open(path("plain.pkl"), "wb") as f:
    pickle.dump({"a": 1}, f, 2)

with open(path("expected.json"), "w") as f:
    json.dump(expected, f)
    f.write("\n")
