import math

import torch
import torch.nn.functional as F

from common import gradients, values


def inverse_matrix(angle, translate, scale, shear):
    """What torchvision's affine() reads: M = scale R(angle) Shear, inverted, in pixels about the middle."""
    rot, sx, sy = (math.radians(v) for v in (angle, *shear))
    r = torch.tensor([[math.cos(rot), -math.sin(rot)], [math.sin(rot), math.cos(rot)]])
    shear_y = torch.tensor([[1.0, 0.0], [-math.tan(sy), 1.0]])
    shear_x = torch.tensor([[1.0, -math.tan(sx)], [0.0, 1.0]])
    m = torch.linalg.inv(scale * r @ shear_y @ shear_x)
    return torch.cat([m, -m @ torch.tensor(translate, dtype=torch.float32).reshape(2, 1)], 1)


def cases():
    for align in [False, True]:
        for size in [(2, 1, 3, 4), (2, 3, 1, 5)]:
            theta = values(2, 2, 3)
            yield {
                "name": "affineGrid",
                "args": [list(size), {"alignCorners": align}],
                "inputs": [theta],
                **gradients(lambda t: F.affine_grid(t, size, align_corners=align), [theta]),
            }
        for mode in ["bilinear", "nearest"]:
            for padding in ["zeros", "border", "reflection"]:
                x, grid = values(2, 3, 4, 5), values(2, 3, 2, 2, seed=3, lo=-1.7, hi=1.7)
                yield {
                    "name": "gridSample",
                    "args": [{"mode": mode, "paddingMode": padding, "alignCorners": align}],
                    "inputs": [x, grid],
                    **gradients(
                        lambda a, g: F.grid_sample(a, g, mode=mode, padding_mode=padding, align_corners=align),
                        [x, grid],
                    ),
                }
    x = values(2, 3, 6, 7, lo=0, hi=1)
    for mode, antialias in [
        ("bilinear", False), ("bilinear", True), ("bicubic", False), ("bicubic", True), ("nearest", False),
    ]:
        for size in [(3, 4), (9, 13), (6, 2)]:
            extra = {} if mode == "nearest" else {"align_corners": False, "antialias": antialias}
            yield {
                "name": "resize",
                "args": [list(size), {"mode": mode, "antialias": antialias}],
                "inputs": [x],
                "out": F.interpolate(x, size=size, mode=mode, **extra),
            }
    for p in [
        {"angle": 30.0, "translate": [0.0, 0.0], "scale": 1.0, "shear": [0.0, 0.0]},
        {"angle": 0.0, "translate": [2.0, -1.0], "scale": 1.0, "shear": [0.0, 0.0]},
        {"angle": -75.0, "translate": [1.0, 0.5], "scale": 0.6, "shear": [20.0, -10.0]},
    ]:
        m = inverse_matrix(**p)
        h, w = x.shape[2:]
        # From pixels to the grid's -1 .. 1: x by w/2, y by h/2.
        half = torch.tensor([w / 2, h / 2])
        theta = torch.cat([m[:, :2] * half[None, :] / half[:, None], m[:, 2:] / half[:, None]], 1)
        grid = F.affine_grid(theta.expand(2, 2, 3), x.shape, align_corners=False)
        yield {
            "name": "affine",
            "args": [p],
            "inputs": [x],
            "out": F.grid_sample(x, grid, align_corners=False),
        }
