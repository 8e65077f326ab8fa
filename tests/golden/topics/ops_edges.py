"""Where functions bend, break off or have no number: ties, hinges, zeros, NaN, infinities, empty and scalar tensors."""
import torch
import torch.nn.functional as F

from common import bools, case, integers, ints, tensor, values

INF, NAN = float("inf"), float("nan")


def cases():
    yield case("marginRankingLoss", "equal scores", [tensor(1, 2), tensor(1, 2), tensor(1, -1)], F.margin_ranking_loss, grad=2)
    yield case("hingeEmbeddingLoss", "at the margin", [tensor(1, 2, 0), tensor(-1, -1, -1)], F.hinge_embedding_loss, grad=1)
    yield case("cosineEmbeddingLoss", "at the margin", [tensor([[1, 0]]), tensor([[0, 1]]), tensor([-1])], F.cosine_embedding_loss, grad=2)
    yield case("multiMarginLoss", "at the hinge", [tensor([[1, 0, 0]]), ints([0])], F.multi_margin_loss)
    yield case("multiLabelMarginLoss", "at the hinge", [tensor([[1, 0, 0]]), ints([[0, -1, -1]])], F.multilabel_margin_loss)
    yield case("tripletMarginLoss", "at the hinge", [tensor([[0, 0]]), tensor([[3, 4]]), tensor([[6, 0]])], F.triplet_margin_loss)
    yield case("nllLoss", "infinity in an ignored row", [tensor([[-INF, 0], [-1, -2]]), ints([-100, 1])], F.nll_loss)
    yield case("nllLoss", "infinity elsewhere", [tensor([[-INF, 0], [-1, -2]]), ints([1, 1])], F.nll_loss)
    bce = F.binary_cross_entropy_with_logits
    yield case("binaryCrossEntropyWithLogits", "infinite", [tensor(INF, INF, -INF, -INF), tensor(0, 1, 1, 0), {"reduction": "none"}], lambda x, y, o: bce(x, y, **o), grad=0)
    yield case("cosineSimilarity", "broadcast", [tensor([[3, 4]]), tensor([[1], [2]]), 1], lambda a, b, d: F.cosine_similarity(a, b, d))
    yield case("lerp", "far ends", [tensor(1e8, 1), tensor(1, 1e8), 1.0], torch.lerp)
    yield case("lerp", "weights", [tensor(1, 2, 3), tensor(5, 6, 7), tensor(0.25, 0.5, 0.75)], torch.lerp)
    yield case("quantile", "between infinities", [tensor(-INF, 1, INF), 0.5], torch.quantile)
    yield case("quantile", "q as a tensor", [tensor(3, 1, 2, 5), tensor(0.1, 0.5)], torch.quantile)
    yield case("std", "of equal numbers", [tensor([[2, 2, 2], [1, 2, 3]]), 1], lambda x, d: x.std(d))
    for p in (0.5, 1, 1.5, 2, 3, INF, -INF):
        yield case("norm", "zeros, p %s" % p, [tensor([[0, 3, 0, -4], [0, 0, 0, 0]]), p, 1], lambda x, p, d: torch.linalg.vector_norm(x, p, d))
        yield case("norm", "ties, p %s" % p, [tensor([[2, -2, 1, 1]]), p, 1], lambda x, p, d: torch.linalg.vector_norm(x, p, d))
    yield case("max", "ties", [tensor(1, 3, 3)], lambda x: x.max())
    yield case("max", "NaN", [tensor(1, NAN, 3, NAN)], lambda x: x.max())
    yield case("min", "NaN", [tensor(1, NAN, 3, NAN)], lambda x: x.min())
    yield case("median", "ties", [tensor(2, 1, 2, 3, 2)], lambda x: x.median())
    yield case("median", "NaN", [tensor(2, NAN, 2, NAN)], lambda x: x.median())
    yield case("maximum", "NaN and ties", [tensor(NAN, 1, 2, 3), tensor(1, NAN, 2, 1)], torch.maximum)
    yield case("minimum", "NaN and ties", [tensor(NAN, 1, 2, 3), tensor(1, NAN, 2, 1)], torch.minimum)
    for mode in ("max",):
        same = tensor([[1, 5], [1, 5], [0, 7]])
        bag = lambda i, w, o: F.embedding_bag(i, w, o.get("offsets"), mode=o["mode"])
        yield case("embeddingBag", "ties", [ints([[0, 1], [1, 2]]), same, {"mode": mode}], bag)
        yield case("embeddingBag", "ties, offsets", [ints([0, 1, 2]), same, {"mode": mode, "offsets": ints([0, 2])}], bag)
    yield case("tril", "bool", [bools([[True, True], [True, True]])], torch.tril)
    yield case("triu", "bool", [bools([[True, True], [True, True]]), 1], torch.triu)
    yield case("chunk", "no rows", [torch.zeros(0, 3), 3], lambda x, n: list(x.chunk(n)))
    yield case("concat", "an empty vector", [[values(2, 3), torch.zeros(0)], 1], lambda l, d: torch.cat(l, d), grad=1)
    yield case("concat", "empty vectors", [[torch.zeros(0), torch.zeros(0)]], torch.cat, grad=0)
    yield case("glu", "no rows", [torch.zeros(0, 4), 1], lambda x, d: F.glu(x, d))
    yield case("narrow", "an empty part at the end", [values(3, 2), 0, 3, 0], torch.narrow)
    yield case("narrow", "a part of an empty tensor", [torch.zeros(0, 4), 1, 2, 2], torch.narrow)
    yield case("cross", "the first axis of extent 3", [values(3, 2, 3), values(3, 2, 3, seed=2)], lambda a, b: torch.cross(a, b, 0))
    yield case("sum", "no axes named", [values(2, 3), []], lambda x, d: x.sum(dim=d))
    yield case("oneHot", "as many classes as there are", [ints([0, 2, 1])], lambda x: F.one_hot(x))
    for name, fn in (("gather", lambda x, d, i: x.gather(d, i)), ("indexSelect", lambda x, d, i: x.index_select(d, i))):
        yield case(name, "a scalar", [tensor(5).reshape([]), 0, ints([0])], fn)
    yield case("sort", "a scalar", [tensor(5).reshape([]), 0], lambda x, d: list(x.sort(d)))
    yield case("median", "a scalar", [tensor(5).reshape([]), 0], lambda x, d: list(x.median(d)))
    whole = lambda *s: integers(*s, lo=-5, hi=6)
    yield case("matmul", "whole numbers", [whole(2, 3), whole(3, 4)], torch.matmul)
    yield case("matmul", "whole numbers, stacks", [whole(2, 1, 2, 3), whole(4, 3, 2)], torch.matmul)
    yield case("matmul", "whole numbers, exact", [ints([[16777217, 1]]), ints([1, 1])], torch.matmul)
