"""Every loss that PyTorch has: value and gradients, by function, over its options and reductions."""
import torch
import torch.nn.functional as F

from common import gradients, integers, values

CAMEL = {
    "ignore_index": "ignoreIndex",
    "label_smoothing": "labelSmoothing",
    "pos_weight": "posWeight",
    "log_target": "logTarget",
    "log_input": "logInput",
    "zero_infinity": "zeroInfinity",
}


def case(name, function, call, inputs, reductions=("mean", "sum", "none"), extra=(), wrt=1, **options):
    """inputs: tensors, the first `wrt` differentiated; extra: further plain arguments of the function."""
    for reduction in reductions:
        rest = [*inputs[wrt:], *extra]
        found = gradients(lambda *x: call(*x, *rest, reduction=reduction, **options), inputs[:wrt])
        yield {
            "name": "%s, %s" % (name, reduction),
            "function": function,
            "inputs": inputs,
            "extra": list(extra),
            "options": {
                "reduction": reduction,
                **{CAMEL.get(k, k): v for k, v in options.items()},
            },
            **found,
        }


def signs(*shape, seed=0):
    return integers(*shape, seed=seed, lo=0, hi=2).float() * 2 - 1


def cases():
    x, labels = values(5, 4), integers(5, hi=4)
    weight = torch.tensor([0.5, 1.0, 2.0, 0.25])
    some = labels.clone()
    some[1] = -100
    third = labels.clone()
    ce = F.cross_entropy
    yield from case("cross entropy", "crossEntropy", ce, [x, labels])
    yield from case("cross entropy, large logits", "crossEntropy", ce, [x * 60, labels])
    yield from case("cross entropy, ignored", "crossEntropy", ce, [x, some])
    yield from case("cross entropy, ignoreIndex", "crossEntropy", ce, [x, third], ignore_index=2)
    yield from case("cross entropy, weights", "crossEntropy", ce, [x, some], weight=weight)
    yield from case("cross entropy, smooth", "crossEntropy", ce, [x, some], label_smoothing=0.2)
    yield from case(
        "cross entropy, smooth and weights", "crossEntropy", ce, [x, some],
        label_smoothing=0.1, weight=weight,
    )
    image, maps = values(2, 3, 2, 2), integers(2, 2, 2, hi=3)
    yield from case("cross entropy, pixels", "crossEntropy", ce, [image, maps])
    yield from case("cross entropy, pixels and weights", "crossEntropy", ce, [image, maps], weight=weight[:3])
    yield from case("cross entropy, one sample", "crossEntropy", ce, [values(4), torch.tensor(2)])
    shares = torch.softmax(values(5, 4, seed=3), 1)
    yield from case("cross entropy, probabilities", "crossEntropy", ce, [x, shares])
    yield from case(
        "cross entropy, probabilities, weights, smooth", "crossEntropy", ce, [x, shares],
        weight=weight, label_smoothing=0.1,
    )
    spread = torch.softmax(values(2, 3, 2, 2, seed=3), 1)
    yield from case("cross entropy, probabilities of pixels", "crossEntropy", ce, [image, spread])
    logp = torch.log_softmax(x, 1)
    yield from case("nll", "nllLoss", F.nll_loss, [logp, labels])
    yield from case("nll, weights, ignored", "nllLoss", F.nll_loss, [logp, some], weight=weight)
    yield from case("nll, pixels", "nllLoss", F.nll_loss, [torch.log_softmax(image, 1), maps])

    p, q = values(4, 3, lo=0.05, hi=0.95), values(4, 3, seed=2, lo=0, hi=1)
    edge = torch.tensor([0.0, 1.0, 0.0, 1.0]), torch.tensor([0.0, 1.0, 1.0, 0.0])
    bce = F.binary_cross_entropy
    yield from case("bce", "binaryCrossEntropy", bce, [p, q])
    yield from case("bce, certain", "binaryCrossEntropy", bce, list(edge))
    yield from case("bce, weights", "binaryCrossEntropy", bce, [p, q], weight=values(4, 3, seed=4, lo=0, hi=2))
    logits = F.binary_cross_entropy_with_logits
    z = values(4, 3, lo=-4, hi=4)
    z[0, 0] = 0
    z[1, 1] = 90
    z[2, 1] = -90
    yield from case("bce with logits", "binaryCrossEntropyWithLogits", logits, [z, q])
    yield from case(
        "bce with logits, posWeight, weights", "binaryCrossEntropyWithLogits", logits, [z, q],
        pos_weight=weight[:3], weight=values(4, 3, seed=4, lo=0, hi=2),
    )

    a, b = values(4, 3, seed=5), values(4, 3, seed=6)
    yield from case("mse", "mseLoss", F.mse_loss, [a, b])
    yield from case("l1", "l1Loss", F.l1_loss, [a, b])
    for beta in (0, 0.5, 1):
        yield from case("smooth l1, beta %s" % beta, "smoothL1Loss", F.smooth_l1_loss, [a, b], beta=beta, wrt=2)
    for delta in (0.5, 1.5):
        yield from case("huber, delta %s" % delta, "huberLoss", F.huber_loss, [a, b], delta=delta, wrt=2)
    # The quadratic loss of textbooks is half the squared error, summed over outputs.
    def quadratic(x, y, reduction):
        half = F.mse_loss(x, y, reduction="none").sum(1) / 2
        return half.mean() if reduction == "mean" else half.sum() if reduction == "sum" else half
    yield from case("quadratic", "quadraticLoss", quadratic, [a, b])
    zero = shares.clone()
    zero[0, 0] = 0
    kl = F.kl_div
    yield from case("kl", "klDiv", kl, [logp, zero.detach()], ("mean", "sum", "none", "batchmean"))
    yield from case("kl, logTarget", "klDiv", kl, [logp, torch.log(shares)], ("mean", "batchmean"), log_target=True)
    counts = integers(4, 3, hi=5).float()
    rate = values(4, 3, lo=0.1, hi=3)
    poisson = F.poisson_nll_loss
    yield from case("poisson", "poissonNLLLoss", poisson, [a, counts])
    yield from case("poisson, full", "poissonNLLLoss", poisson, [a, counts], full=True)
    yield from case("poisson of rates", "poissonNLLLoss", poisson, [rate, counts], log_input=False, full=True)
    gauss = F.gaussian_nll_loss
    yield from case("gauss", "gaussianNLLLoss", gauss, [a, b, rate])
    small = rate.clone()
    small[0, 0] = 1e-9
    yield from case("gauss, full, small variance", "gaussianNLLLoss", gauss, [a, b, small], full=True, eps=0.01, wrt=3)
    yield from case("gauss, a variance a row", "gaussianNLLLoss", gauss, [a, b, rate[:, 0]], wrt=3)
    yield from case("gauss, a variance a row (N, 1)", "gaussianNLLLoss", gauss, [a, b, rate[:, :1]], wrt=3)

    y = signs(4, 3)
    yield from case("hinge embedding", "hingeEmbeddingLoss", F.hinge_embedding_loss, [a, y])
    yield from case("hinge embedding, margin 2", "hingeEmbeddingLoss", F.hinge_embedding_loss, [a, y], margin=2)
    yield from case("soft margin", "softMarginLoss", F.soft_margin_loss, [a, y])
    yield from case("margin ranking", "marginRankingLoss", F.margin_ranking_loss, [a, b, y], wrt=2)
    yield from case("margin ranking, margin 0.5", "marginRankingLoss", F.margin_ranking_loss, [a, b, y], margin=0.5, wrt=2)
    for power, m in ((1, 1), (2, 0.5)):
        yield from case("multi margin, p %s" % power, "multiMarginLoss", F.multi_margin_loss, [x, labels], p=power, margin=m)
    yield from case("multi margin, weights", "multiMarginLoss", F.multi_margin_loss, [x, labels], weight=weight)
    yield from case("multi margin, one sample", "multiMarginLoss", F.multi_margin_loss, [values(4), torch.tensor(2)])
    lists = torch.tensor([[3, 0, -1, 1], [1, -1, -1, -1], [0, 1, 2, 3], [-1, 0, 0, 0], [2, 1, 0, -1]])
    multi = F.multilabel_margin_loss
    yield from case("multi-label margin", "multiLabelMarginLoss", multi, [x, lists])
    yield from case("multi-label margin, one sample", "multiLabelMarginLoss", multi, [values(4), lists[0]])
    many = (values(5, 4, seed=9) > 0).float()
    soft = F.multilabel_soft_margin_loss
    yield from case("multi-label soft margin", "multiLabelSoftMarginLoss", soft, [x, many])
    yield from case("multi-label soft margin, weights", "multiLabelSoftMarginLoss", soft, [x, many], weight=weight)
    pair = signs(4)
    cosine = F.cosine_embedding_loss
    yield from case("cosine embedding", "cosineEmbeddingLoss", cosine, [a, b, pair], wrt=2)
    yield from case("cosine embedding, margin", "cosineEmbeddingLoss", cosine, [a, b, pair], margin=-0.3, wrt=2)
    yield from case("cosine embedding, one pair", "cosineEmbeddingLoss", cosine, [a[0], b[0], torch.tensor(1.0)], wrt=2)
    c = values(4, 3, seed=7)
    triplet = F.triplet_margin_loss
    yield from case("triplet", "tripletMarginLoss", triplet, [a, b, c])
    yield from case("triplet, p 1, swap", "tripletMarginLoss", triplet, [a, b, c], p=1, swap=True, margin=0.5, wrt=3)
    yield from case("triplet, p 3", "tripletMarginLoss", triplet, [a, b, c], p=3, wrt=3)

    by_distance = F.triplet_margin_with_distance_loss
    yield from case("triplet with distance, swap", "tripletMarginWithDistanceLoss", by_distance, [a, b, c], wrt=3, swap=True, margin=0.7)

    # PyTorch's gradient of CTC assumes log-softmax before it, so that the logits are what is compared.
    def ctc(x, targets, lengths, wanted, reduction="mean", **options):
        return F.ctc_loss(torch.log_softmax(x, -1), targets, lengths, wanted, reduction=reduction, **options)
    seq = values(6, 3, 5)
    targets = torch.tensor([[1, 2, 2], [3, 1, 4], [4, 4, 0]])
    yield from case("ctc", "ctcLoss", ctc, [seq, targets], extra=([6, 6, 6], [3, 3, 2]))
    yield from case("ctc, ragged", "ctcLoss", ctc, [seq, targets], extra=([6, 4, 5], [3, 2, 1]))
    yield from case("ctc, no labels", "ctcLoss", ctc, [seq, targets], extra=([6, 4, 5], [3, 0, 1]))
    yield from case("ctc, concatenated", "ctcLoss", ctc, [seq, torch.tensor([1, 2, 2, 3, 1, 4])], extra=([6, 6, 5], [3, 2, 1]))
    yield from case("ctc, last blank", "ctcLoss", ctc, [seq, torch.tensor([[1, 2], [3, 3], [0, 0]])], extra=([6, 6, 6], [2, 2, 2]), blank=4)
    yield from case("ctc, impossible", "ctcLoss", ctc, [seq, targets], extra=([3, 6, 5], [3, 2, 1]), zero_infinity=True)
    yield from case("ctc, one sequence", "ctcLoss", ctc, [values(6, 5), targets[0]], ("mean", "sum"), extra=([6], [3]))

    distance = lambda x, y, reduction: F.pairwise_distance(x, y)  # noqa: E731
    yield from case("pairwise distance", "pairwiseDistance", distance, [a, b], ("none",), wrt=2)
    cosines = lambda x, y, reduction: F.cosine_similarity(x, y)  # noqa: E731
    yield from case("cosine similarity", "cosineSimilarity", cosines, [a, b], ("none",), wrt=2)
