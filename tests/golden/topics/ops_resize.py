import torch
import torch.nn.functional as F

from common import case, integers, ints, tensor, values

IMAGES = {1: (1, 3, 7), 2: (1, 2, 5, 4), 3: (1, 1, 3, 4, 2)}
SNAKE = {"scaleFactor": "scale_factor", "alignCorners": "align_corners", "recomputeScaleFactor": "recompute_scale_factor"}


def adaptive():
    for n, sizes in [(1, [3, 1, 7, 10]), (2, [3, [4, None], [1, 5], [7, 8]]), (3, [2, [3, 2, None], [5, 1, 3]])]:
        x = values(*IMAGES[n])
        for size in sizes:
            average = [F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d][n - 1]
            most = [F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d][n - 1]
            yield case("adaptiveAvgPool%dd" % n, "%s" % size, [x, size], average)
            o = {"returnIndices": True}
            yield case("adaptiveMaxPool%dd" % n, "%s" % size, [x, size, o], lambda x, s, o, f=most: list(f(x, s, return_indices=True)))
        yield case("adaptiveMaxPool%dd" % n, "no batch", [x[0], 2], most)
    yield case("adaptiveAvgPool2d", "even", [values(2, 3, 6, 4), [3, 2]], F.adaptive_avg_pool2d)
    yield case("adaptiveMaxPool2d", "even", [values(2, 3, 6, 4), [3, 2], {"returnIndices": True}], lambda x, s, o: list(F.adaptive_max_pool2d(x, s, return_indices=True)))


def resized():
    for n, smooth in [(1, ["linear"]), (2, ["bilinear", "bicubic"]), (3, ["trilinear"])]:
        x = values(*IMAGES[n])
        for mode in ["nearest", "nearest-exact", "area"] + smooth:
            some = [{"size": [9, 4, 7][:n]}, {"scaleFactor": 2}, {"scaleFactor": 0.6}, {"scaleFactor": [1.5, 2, 0.5][:n], "recomputeScaleFactor": True}]
            if mode in smooth:
                some += [{"size": [9, 4, 7][:n], "alignCorners": True}, {"scaleFactor": 2, "alignCorners": True}, {"size": 1, "alignCorners": True}]
            for o in some:
                o = {"mode": mode, **o}
                note = "%d axes, %s" % (n, ", ".join("%s %s" % kv for kv in o.items()))
                yield case("interpolate", note, [x, o], lambda x, o: F.interpolate(x, **{SNAKE.get(k, k): v for k, v in o.items()}))
    yield case("pixelShuffle", "2", [values(2, 8, 3, 2), 2], F.pixel_shuffle)
    yield case("pixelShuffle", "3, no batch", [values(9, 2, 2), 3], F.pixel_shuffle)
    yield case("pixelUnshuffle", "2", [values(2, 2, 4, 6), 2], F.pixel_unshuffle)
    yield case("pixelUnshuffle", "3, no batch", [values(1, 3, 6), 3], F.pixel_unshuffle)
    # PyTorch 1.13 has no gradient of channel_shuffle.
    yield case("channelShuffle", "2 groups", [values(2, 6, 3, 2), 2], lambda x, g: x.reshape(2, g, 3, 3, 2).transpose(1, 2).reshape(2, 6, 3, 2))


def lookups():
    table = values(6, 3, seed=1)
    index = integers(2, 5, hi=6)
    yield case("embedding", "plain", [index, table], F.embedding)
    yield case("embedding", "one index", [ints(2).reshape([]), table], F.embedding)
    yield case("embedding", "padding", [ints(1, 0, 5, 1, 4), table, {"paddingIdx": 1}], lambda i, w, o: F.embedding(i, w, padding_idx=1))
    yield case("embedding", "padding from the end", [ints(1, 0, 5, 1, 4), table, {"paddingIdx": -1}], lambda i, w, o: F.embedding(i, w, padding_idx=-1))
    yield case("embedding", "by frequency", [ints(1, 0, 5, 1, 1), table, {"scaleGradByFreq": True}], lambda i, w, o: F.embedding(i, w, scale_grad_by_freq=True))
    for mode in ["sum", "mean", "max"]:
        o = {"mode": mode}
        yield case("embeddingBag", mode, [index, table, o], lambda i, w, o: F.embedding_bag(i, w, **o))
        o = {"mode": mode, "paddingIdx": 2}
        yield case("embeddingBag", mode + ", padding", [torch.tensor([[2, 1, 0], [2, 2, 2], [5, 2, 3]]), table, o], lambda i, w, o: F.embedding_bag(i, w, mode=o["mode"], padding_idx=2))
        flat = ints(1, 2, 4, 5, 4, 3, 2, 1)
        o = {"mode": mode, "offsets": ints(0, 3, 3, 7)}
        yield case("embeddingBag", mode + ", offsets", [flat, table, o], lambda i, w, o: F.embedding_bag(i, w, **o))
        o = {"mode": mode, "offsets": ints(0, 3, 3, 8), "includeLastOffset": True}
        yield case("embeddingBag", mode + ", end given", [flat, table, o], lambda i, w, o: F.embedding_bag(i, w, o["offsets"], mode=o["mode"], include_last_offset=True))
        o = {"mode": mode, "offsets": ints(0, 1, 4), "paddingIdx": 1}
        yield case("embeddingBag", mode + ", offsets, padding", [flat, table, o], lambda i, w, o: F.embedding_bag(i, w, o["offsets"], mode=o["mode"], padding_idx=1))
    o = {"mode": "sum", "perSampleWeights": values(2, 5, seed=3)}
    yield case("embeddingBag", "weights", [index, table, o], lambda i, w, o: F.embedding_bag(i, w, mode="sum", per_sample_weights=o["perSampleWeights"]))


def cases():
    yield from adaptive()
    yield from resized()
    yield from lookups()
    o = {"temperature": 0.5}
    yield case("softmin", "temperature", [values(2, 5), 1, o], lambda x, a, o: F.softmin(x / 0.5, a))
    yield case("prelu", "one slope of no axes", [tensor(-2, 0, 1), tensor(0.25)], lambda x, w: F.prelu(x, w.reshape(1)))
