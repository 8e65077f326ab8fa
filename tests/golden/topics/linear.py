import torch.nn.functional as F

from common import gradients, values


def cases():
    for name, x, w, b in [
        ("vector", (5,), (3, 5), (3,)),
        ("batch", (4, 5), (3, 5), (3,)),
        ("no bias", (2, 4, 5), (3, 5), None),
    ]:
        inputs = [values(*x), values(*w, seed=1)] + ([values(*b, seed=2)] if b else [])
        yield {"name": name, "inputs": inputs, **gradients(F.linear, inputs)}
