import torch
import torch.nn.functional as F

from common import case, integers, ints, tensor, values

X, Y = values(4, 3), values(4, 3, seed=1)
SIGNS = integers(4, 3, hi=2).float() * 2 - 1
LABELS = ints(2, 0, 1, 2)
WEIGHT = tensor(0.5, 2, 1)
SNAKE = {
    "ignoreIndex": "ignore_index", "labelSmoothing": "label_smoothing", "posWeight": "pos_weight", "logTarget": "log_target",
    "logInput": "log_input", "swapPositive": "swap",
}
REDUCTIONS = [{}, {"reduction": "sum"}, {"reduction": "none"}]


def kw(fn):
    def call(*args):
        if args and isinstance(args[-1], dict):
            return fn(*args[:-1], **{SNAKE.get(k, k): v for k, v in args[-1].items()})
        return fn(*args)

    return call


def every(name, fn, args, options=({},), note="", grad=True):
    for o in [*REDUCTIONS, *[o for o in options if o]]:
        text = " ".join("%s %s" % (k, "given" if isinstance(v, torch.Tensor) else v) for k, v in o.items())
        yield case(name, (note + " " + text).strip() or "mean", [*args, o] if o else args, kw(fn), grad=grad)


def cases():
    yield from every("crossEntropy", F.cross_entropy, [X, LABELS], [
        {"weight": WEIGHT}, {"ignoreIndex": 2}, {"labelSmoothing": 0.2}, {"weight": WEIGHT, "labelSmoothing": 0.2},
        {"weight": WEIGHT, "ignoreIndex": 2}, {"weight": WEIGHT, "reduction": "none"},
        {"labelSmoothing": 0.1, "ignoreIndex": 0, "reduction": "sum"}])
    probabilities = torch.softmax(Y, 1)
    yield from every("crossEntropy", F.cross_entropy, [X, probabilities], [{"weight": WEIGHT}, {"labelSmoothing": 0.2}], "probabilities")
    yield from every("crossEntropy", F.cross_entropy, [values(2, 3, 4), integers(2, 4, hi=3)], [{"ignoreIndex": 1}], "more axes")
    yield case("crossEntropy", "one example", [values(3), torch.tensor(1)], F.cross_entropy)
    yield case("crossEntropy", "all ignored", [X, ints(2, 2, 2, 2), {"ignoreIndex": 2}], kw(F.cross_entropy), grad=False)
    yield case("crossEntropy", "large logits", [tensor([[1000, 0, -1000], [-1000, 0, 1000]]), ints(0, 0)], F.cross_entropy)
    logp = torch.log_softmax(X, 1)
    yield from every("nllLoss", F.nll_loss, [logp, LABELS], [{"weight": WEIGHT}, {"ignoreIndex": 2}])
    yield from every("mseLoss", F.mse_loss, [X, Y])
    yield from every("l1Loss", F.l1_loss, [X, Y])
    yield from every("smoothL1Loss", F.smooth_l1_loss, [X, Y], [{"beta": 0.3}])
    yield from every("huberLoss", F.huber_loss, [X, Y], [{"delta": 0.3}])
    p, t = torch.sigmoid(X), torch.sigmoid(Y)
    yield from every("binaryCrossEntropy", F.binary_cross_entropy, [p, t.round()], [{"weight": WEIGHT}], grad=1)
    yield case("binaryCrossEntropy", "certain", [tensor(0, 1, 1, 0), tensor(0, 1, 0, 1)], F.binary_cross_entropy, grad=False)
    yield from every("binaryCrossEntropyWithLogits", F.binary_cross_entropy_with_logits, [X, t], [{"weight": WEIGHT}, {"posWeight": WEIGHT}], grad=1)
    yield from every("klDiv", F.kl_div, [logp, probabilities], [{"reduction": "batchmean"}])
    yield case("klDiv", "log target", [logp, torch.log(probabilities), {"logTarget": True}], kw(F.kl_div))
    yield from every("hingeEmbeddingLoss", F.hinge_embedding_loss, [X, SIGNS], [{"margin": 0.5}], grad=1)
    yield from every("softMarginLoss", F.soft_margin_loss, [X, SIGNS], grad=1)
    yield from every("marginRankingLoss", F.margin_ranking_loss, [X, Y, SIGNS], [{"margin": 0.5}], grad=2)
    yield from every("multiMarginLoss", F.multi_margin_loss, [X, LABELS], [{"p": 2}, {"margin": 0.5}, {"weight": WEIGHT}], grad=1)
    yield from every("multiLabelSoftMarginLoss", F.multilabel_soft_margin_loss, [X, (SIGNS > 0).float()], grad=1)
    yield case("pairwiseDistance", "rows", [X, Y], F.pairwise_distance)
    yield case("pairwiseDistance", "p = 1, kept", [X, Y, {"p": 1, "keepdim": True}], kw(F.pairwise_distance))
    yield case("cosineSimilarity", "rows", [X, Y], F.cosine_similarity)
    yield case("cosineSimilarity", "first axis", [X, Y, 0], lambda a, b, d: F.cosine_similarity(a, b, dim=d))
    yield from every("cosineEmbeddingLoss", F.cosine_embedding_loss, [X, Y, ints(1, -1, -1, 1)], [{"margin": 0.2}])
    yield from every("tripletMarginLoss", F.triplet_margin_loss, [X, Y, values(4, 3, seed=2)], [{"margin": 0.5}, {"p": 1.0}, {"swap": True}])
    yield from every("poissonNLLLoss", F.poisson_nll_loss, [X, integers(4, 3, hi=5).float()], [{"full": True}], grad=1)
    yield case("poissonNLLLoss", "rates", [values(4, lo=0.5), integers(4, hi=5).float(), {"logInput": False}], kw(F.poisson_nll_loss), grad=1)
    yield from every("gaussianNLLLoss", F.gaussian_nll_loss, [X, Y, values(4, 3, seed=3, lo=0.5)], [{"full": True}])
    # PyTorch's gradient of the log-probabilities supposes that they come from log_softmax.
    steps, made = values(6, 2, 4), ["logSoftmax", 2]
    ctc = lambda x, y, n, m, o={}: F.ctc_loss(torch.log_softmax(x, 2), y, torch.tensor(n), torch.tensor(m), **{"zero_infinity" if k == "zeroInfinity" else k: v for k, v in o.items()})
    for o in [{}, {"reduction": "sum"}, {"reduction": "none"}, {"blank": 3}]:
        labels = ints([[1, 2, 2], [0, 1, 0]]) if o.get("blank") == 3 else ints([[1, 2, 2], [3, 1, 0]])
        yield case("ctcLoss", " ".join("%s %s" % kv for kv in o.items()) or "mean", [steps, labels, [6, 5], [3, 2], *([o] if o else [])], ctc, first=made)
    yield case("ctcLoss", "impossible", [steps, ints([[1, 1, 1], [3, 1, 0]]), [3, 5], [3, 2], {"zeroInfinity": True}], ctc, first=made)
