from torch import nn

from common import layer, snake, values

X = {1: (2, 4, 6), 2: (1, 4, 5, 4), 3: (1, 2, 3, 4, 3)}


def cases():
    for n, conv, transposed in [(1, nn.Conv1d, nn.ConvTranspose1d), (2, nn.Conv2d, nn.ConvTranspose2d), (3, nn.Conv3d, nn.ConvTranspose3d)]:
        x, c = values(*X[n]), X[n][1]
        k = 2 if n == 3 else 3
        some = [{}, {"stride": 2, "padding": 1, "groups": 2, "bias": False}, {"padding": "same", "dilation": 2}]
        some += [{"padding": 1, "paddingMode": m} for m in ["reflect", "replicate", "circular"]]
        some += [{"padding": "same", "paddingMode": "circular"}, {"padding": [2, 1, 0][:n], "paddingMode": "reflect", "stride": 2}]
        for o in some:
            args = [c, 2, k, o]
            note = ", ".join("%s %s" % kv for kv in o.items()) or "plain"
            yield layer("Conv%dd" % n, note, args, conv(c, 2, k, **{snake(a): v for a, v in o.items()}), [x])
        yield layer("Conv%dd" % n, "no batch", [c, 2, k], conv(c, 2, k), [x[0]])
        for o in [{}, {"stride": 2, "padding": 1, "outputPadding": 1}, {"groups": 2, "dilation": 2, "bias": False}]:
            args = [c, 4, k, o]
            note = ", ".join("%s %s" % kv for kv in o.items()) or "plain"
            module = transposed(c, 4, k, **{snake(a): v for a, v in o.items()})
            yield layer("ConvTranspose%dd" % n, note, args, module, [x[..., :3]])
