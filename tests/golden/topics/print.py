import torch

from common import bools, ints, tensor, values

INF, NAN = float("inf"), float("nan")

# How PyTorch shows them; nabla writes gradFn=<add> for grad_fn=<AddBackward0>, and tells the type of what is not a
# float32, an int32 (PyTorch's own integers have 64 bits) or a bool by itself.
TENSORS = {
    "scalar": tensor(3.14159).reshape([]),
    "whole scalar": tensor(2.0).reshape([]),
    "negative scalar": tensor(-0.5).reshape([]),
    "vector": tensor(1, 2.5, -3),
    "whole numbers": tensor(1, 20, -300),
    "zeros": torch.zeros(3),
    "negative zero": tensor(-0.0, 1),
    "matrix": values(2, 3),
    "three axes": values(2, 2, 3),
    "four axes": values(2, 1, 2, 2),
    "integers": ints([[1, -20], [300, 4]]),
    "bools": bools([[True, False], [False, False]]),
    "one bool": torch.tensor(True),
    "special numbers": tensor(NAN, INF, -INF, 1),
    "special and fractions": tensor(NAN, 0.5, -INF),
    "only special": tensor(NAN, INF),
    "small": tensor(1e-5, 2e-6),
    "small and large": tensor(1e-3, 1, 1000),
    "far apart": tensor(1e-4, 1e4),
    "very large": tensor(1e10, 2e10),
    "large whole": tensor(123456789.0, 1),
    "large fractions": tensor(12345.678, 99999.5),
    "just below the limit": tensor(0.0001, 0.0999),
    "empty": torch.zeros(0),
    "empty matrix": torch.zeros(2, 0),
    "empty integers": ints([]),
    "empty bools": bools([]),
    "long vector": torch.arange(30.0),
    "long fractions": torch.linspace(0, 1, 25),
    "long integers": torch.arange(100),
    "wide matrix": values(3, 20),
    "thousand and one": torch.arange(1001.0),
    "large matrix": torch.arange(2500.0).reshape(50, 50) / 7,
    "large matrix of four rows": torch.arange(1200.0).reshape(4, 300),
    "large integers": torch.arange(2000).reshape(20, 100),
    "large with three axes": (torch.arange(3000.0) / 3).reshape(10, 10, 30),
    "many bools": torch.arange(1500) % 2 == 0,
}


def cases():
    for name, x in TENSORS.items():
        # Long ones by their rule, so that the file stays short: i / divisor, or whether i is even.
        yield {"name": name, "x": x, "text": repr(x)}
