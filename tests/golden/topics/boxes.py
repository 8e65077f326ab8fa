"""Boxes: torchvision.ops (Debian's python3-torchvision); assignments: scipy; the overlap of classes: scikit-learn."""
import torch
import torchvision.ops as ops
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import f1_score, jaccard_score

from common import gradients, integers, values


def boxes(n, seed=0, size=20):
    """Corners with one digit, so that overlaps are exact in the file."""
    a = torch.round(values(n, 2, seed=seed, lo=0, hi=size) * 10) / 10
    b = torch.round(values(n, 2, seed=seed + 50, lo=0.1, hi=size / 2) * 10) / 10
    return torch.cat([a, a + b], 1)


def cases():
    for n, m in [(5, 7), (1, 1), (6, 0)]:
        for name, f in [("boxIou", ops.box_iou), ("generalizedBoxIou", ops.generalized_box_iou)]:
            yield {"name": "%s %d %d" % (name, n, m), "op": name, "inputs": [boxes(n), boxes(m, 1)], **gradients(f, [boxes(n), boxes(m, 1)])}
    yield {"name": "boxArea", "op": "boxArea", "inputs": [boxes(6)], **gradients(ops.box_area, [boxes(6)])}
    for reduction in ("none", "mean", "sum"):
        f = lambda a, b: ops.generalized_box_iou_loss(a, b, reduction=reduction)
        yield {"name": "generalizedBoxIouLoss " + reduction, "op": "generalizedBoxIouLoss", "args": [{"reduction": reduction}],
               "inputs": [boxes(9), boxes(9, 2)], **gradients(f, [boxes(9), boxes(9, 2)])}
    forms = ("xyxy", "xywh", "cxcywh")
    for a in forms:
        for b in forms:
            yield {"name": "boxConvert %s %s" % (a, b), "op": "boxConvert", "args": [a, b], "inputs": [boxes(3)],
                   "out": ops.box_convert(boxes(3), a, b)}
    wide = boxes(8) * 2 - 9
    yield {"name": "clipBoxesToImage", "op": "clipBoxesToImage", "args": [[17, 11]], "inputs": [wide], "out": ops.clip_boxes_to_image(wide, (17, 11))}
    for least in (2, 4.5):
        yield {"name": "removeSmallBoxes %g" % least, "op": "removeSmallBoxes", "args": [least], "inputs": [boxes(12)], "out": ops.remove_small_boxes(boxes(12), least)}
    for n, threshold in [(40, 0.1), (40, 0.3), (40, 0.7), (1, 0.5), (0, 0.5)]:
        b, scores = boxes(n, 3, 15), values(n, seed=4, lo=0, hi=1)
        yield {"name": "nms %d %g" % (n, threshold), "op": "nms", "args": [threshold], "inputs": [b, scores], "out": ops.nms(b, scores, threshold)}
        classes = integers(n, seed=5, hi=3)
        yield {"name": "batchedNms %d %g" % (n, threshold), "op": "batchedNms", "args": [threshold], "inputs": [b, scores, classes],
               "out": ops.batched_nms(b, scores, classes, threshold)}
    for n, m in [(1, 1), (4, 4), (3, 6), (7, 2), (12, 15), (0, 3)]:
        for maximize in (False, True):
            cost = torch.round(values(n, m, seed=6) * 100) / 100
            rows, columns = linear_sum_assignment(cost.double().numpy(), maximize=maximize)
            yield {"name": "linearSumAssignment %d %d %s" % (n, m, maximize), "cost": cost, "maximize": maximize,
                   "rows": [int(v) for v in rows], "columns": [int(v) for v in columns]}
    for classes in (2, 4):
        truth, found = integers(3, 5, 7, seed=7, hi=classes), integers(3, 5, 7, seed=8, hi=classes)
        truth[truth == 2] = 1
        one = lambda f, average="macro": float(f(truth.reshape(-1).numpy(), found.reshape(-1).numpy(), average=average))
        yield {"name": "MeanIoU %d" % classes, "classes": classes, "truth": truth, "found": found, "iou": one(jaccard_score), "dice": one(f1_score),
               "micro": one(jaccard_score, "micro")}
