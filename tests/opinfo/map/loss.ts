import * as nabla from 'nabla'
import { type Bound, type Family, on } from '../harness.js'

/** What losses share. `size_average` and `reduce` are PyTorch's old names of `reduction`. */
const reduced = (a: Bound) => ({ reduction: reductionOf(a) as never })
function reductionOf(a: Bound): unknown {
  const [average, reduce] = [a.size_average, a.reduce] as (boolean | undefined)[]
  if (average === undefined && reduce === undefined) return a.reduction
  if (reduce === false) return 'none'
  return average === false ? 'sum' : 'mean'
}
const pair = (f: (x: never, y: never, options: never) => unknown) =>
  on('input target reduction', (a) => f(a.input, a.target, reduced(a) as never))
const labels = 'input target weight size_average ignore_index reduce reduction label_smoothing'
const margins = (a: Bound) => ({ margin: a.margin, ...reduced(a) })

export const loss: Family = {
  'nn.functional.mse_loss': pair(nabla.mseLoss),
  'nn.functional.l1_loss': pair(nabla.l1Loss),
  'nn.functional.soft_margin_loss': pair(nabla.softMarginLoss),
  'nn.functional.multilabel_margin_loss': pair(nabla.multiLabelMarginLoss),
  'nn.functional.smooth_l1_loss': on('input target beta', (a) =>
    nabla.smoothL1Loss(a.input, a.target, { beta: a.beta, ...reduced(a) }),
  ),
  'nn.functional.huber_loss': on('input target delta', (a) =>
    nabla.huberLoss(a.input, a.target, { delta: a.delta, ...reduced(a) }),
  ),
  'nn.functional.cross_entropy': on(labels, (a) =>
    nabla.crossEntropy(a.input, a.target, {
      weight: a.weight,
      ignoreIndex: a.ignore_index,
      labelSmoothing: a.label_smoothing,
      ...reduced(a),
    }),
  ),
  'nn.functional.nll_loss': on(labels, (a) =>
    nabla.nllLoss(a.input, a.target, {
      weight: a.weight,
      ignoreIndex: a.ignore_index,
      ...reduced(a),
    }),
  ),
  'nn.functional.binary_cross_entropy': on('input target weight', (a) =>
    nabla.binaryCrossEntropy(a.input, a.target, { weight: a.weight, ...reduced(a) }),
  ),
  'nn.functional.binary_cross_entropy_with_logits': on('input target weight', (a) =>
    nabla.binaryCrossEntropyWithLogits(a.input, a.target, {
      weight: a.weight,
      posWeight: a.pos_weight,
      ...reduced(a),
    }),
  ),
  'nn.functional.kl_div': on('input target', (a) =>
    nabla.klDiv(a.input, a.target, { logTarget: a.log_target, ...reduced(a) }),
  ),
  'nn.functional.poisson_nll_loss': on('input target', (a) =>
    nabla.poissonNLLLoss(a.input, a.target, {
      logInput: a.log_input,
      full: a.full,
      eps: a.eps,
      ...reduced(a),
    }),
  ),
  'nn.functional.gaussian_nll_loss': on('input target var', (a) =>
    nabla.gaussianNLLLoss(a.input, a.target, a.var, { full: a.full, eps: a.eps, ...reduced(a) }),
  ),
  'nn.functional.hinge_embedding_loss': on('input target', (a) =>
    nabla.hingeEmbeddingLoss(a.input, a.target, margins(a)),
  ),
  'nn.functional.margin_ranking_loss': on('input1 input2 target', (a) =>
    nabla.marginRankingLoss(a.input1, a.input2, a.target, margins(a)),
  ),
  'nn.functional.multi_margin_loss': on('input target p margin weight', (a) =>
    nabla.multiMarginLoss(a.input, a.target, { p: a.p, weight: a.weight, ...margins(a) }),
  ),
  'nn.functional.multilabel_soft_margin_loss': on('input target weight', (a) =>
    nabla.multiLabelSoftMarginLoss(a.input, a.target, { weight: a.weight, ...reduced(a) }),
  ),
  'nn.functional.cosine_embedding_loss': on('input1 input2 target', (a) =>
    nabla.cosineEmbeddingLoss(a.input1, a.input2, a.target, margins(a)),
  ),
  'nn.functional.triplet_margin_loss': on('anchor positive negative', (a) =>
    nabla.tripletMarginLoss(a.anchor, a.positive, a.negative, {
      p: a.p,
      eps: a.eps,
      swap: a.swap,
      ...margins(a),
    }),
  ),
  'nn.functional.triplet_margin_with_distance_loss': on('anchor positive negative', (a) => {
    void a.distance_function // The records have PairwiseDistance, which is nabla's default too.
    return nabla.tripletMarginWithDistanceLoss(a.anchor, a.positive, a.negative, {
      swap: a.swap,
      ...margins(a),
    })
  }),
  'nn.functional.ctc_loss': on(
    'log_probs targets input_lengths target_lengths blank',
    (a) =>
      nabla.ctcLoss(a.log_probs, a.targets, a.input_lengths, a.target_lengths, {
        blank: a.blank,
        zeroInfinity: a.zero_infinity,
        ...reduced(a),
      }),
    {
      noGrads:
        "PyTorch's gradient supposes arguments from logSoftmax; nabla has that of its own arguments (0003)",
    },
  ),
}
