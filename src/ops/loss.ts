/** Losses, with PyTorch's definitions and reductions. */
import { isFloat } from '../core/dtype.js'
import { ShapeError, show, ValueError } from '../core/errors.js'
import { broadcastShapes, sameShape, sizeOf } from '../core/shape.js'
import { logSoftmax } from './activation.js'
import { eq, gt, logicalAnd, logicalOr, lt, ne } from './compare.js'
import { defineOp, requireType, toType } from './define.js'
import { add, clamp, div, maximum, minimum, mul, sub, where } from './elementwise.js'
import { map } from './forms.js'
import { abs, exp, log, log1p, neg, sqrt, square } from './functions.js'
import { gather, oneHot } from './indexing.js'
import { concat, pad, stack } from './join.js'
import { expand, movedim, reshape, unsqueeze } from './movement.js'
import { coordinates, logsumexp, mean, sum } from './reduce.js'
import { reduceTo } from './reduced.js'
import { narrow, select } from './slice.js'
import { norm } from './statistics.js'
import type { Tensor } from './tensor.js'
import { constant, iota, prim } from './trace.js'

export type Reduction = 'mean' | 'sum' | 'none'
export interface LossOptions {
  reduction?: Reduction
}

/** @throws ValueError for an unknown reduction */
function reduceLoss(op: string, loss: Tensor, reduction: Reduction = 'mean'): Tensor {
  if (reduction === 'none') return loss
  if (reduction === 'mean') return mean(loss)
  if (reduction === 'sum') return sum(loss)
  throw new ValueError({ op, rule: "reduction is 'mean', 'sum' or 'none'", got: `${reduction}` })
}
function requireSame(op: string, x: Tensor, y: Tensor): void {
  if (!sameShape(x.shape, y.shape))
    throw new ShapeError({
      op,
      rule: 'input and target must have one shape',
      got: `${show(x.shape)} and ${show(y.shape)}`,
      fix: 'Reshape the target; broadcasting a loss hides mistakes.',
    })
}

export interface CrossEntropyOptions extends LossOptions {
  /** A weight for each class. */
  weight?: Tensor | null
  /** Labels of this value count nothing. */
  ignoreIndex?: number
  /** Share of the probability spread over all classes, 0 to 1. */
  labelSmoothing?: number
}

/** Row-wise −log softmax(x)[label], 0 where ignored, and the log of each row's normalizer. */
const labelLoss = defineOp({
  name: 'labelLoss',
  formula: 'y = log Σ eˣ − x[label],  dx = softmax x − onehot(label)',
  args: (x: Tensor, labels: Tensor, ignoreIndex: number) => ({
    inputs: [x, labels],
    attrs: { ignoreIndex },
  }),
  forward: ([x, labels], { ignoreIndex }) => {
    const [rows, classes] = x!.shape as [number, number]
    const checked = prim(
      { op: 'check', lo: 0, hi: classes, except: ignoreIndex, what: 'a label' },
      [labels!],
    )
    const column = prim({ op: 'reshape', shape: [rows, 1] }, [checked])
    const m = reduceTo('max', x!, [1])
    const z = sub(x!, m)
    const normalizer = log(reduceTo('sum', exp(z), [1]))
    const hit = map('eq', column, iota([rows, classes], 1))
    const picked = reduceTo('sum', where(hit, z, 0), [1])
    const loss = where(
      map('eq', column, constant(ignoreIndex, 'int32')),
      0,
      sub(normalizer, picked),
    )
    return [
      prim({ op: 'reshape', shape: [rows] }, [loss]),
      prim({ op: 'reshape', shape: [rows] }, [add(normalizer, m)]),
    ]
  },
  vjp: ([ct], [x, labels], [, normalizer], { ignoreIndex }) => {
    if (!ct) return []
    const p = exp(sub(x!, unsqueeze(normalizer!, 1)))
    const column = unsqueeze(labels!, 1)
    const hit = toType(eq(column, classIndex(x!)), x!.dtype)
    const weight = where(eq(column, ignoreIndex), 0, unsqueeze(ct, 1))
    return [mul(sub(p, hit), weight), null]
  },
  example: (m) => [
    [m.of([[0, Math.LN2]]), m.of([1], 'int32'), -100],
    [[Math.log(1.5)], [Math.log(3)]],
  ],
  samples: (m) => [
    [m.float([3, 4]), m.int([3], 0, 4), -100],
    [m.float([3, 4]), m.of([1, 2, 0], 'int32'), 2],
    [m.float([1, 2]), m.int([1], 0, 2), -100],
  ],
  except: {
    gradient:
      'the normalizer is an extra result without a gradient; crossEntropy is checked as a whole',
  },
})
const classIndex = defineOp({
  name: 'classIndex',
  formula: 'y[i][c] = c',
  args: (x: Tensor) => ({ inputs: [], attrs: { shape: x.shape } }),
  forward: (_i, { shape }) => iota(shape, shape.length - 1),
  differentiable: false,
  example: (m) => [[m.of([[5, 6]])], [[0, 1]]],
  samples: (m) => [[m.float([2, 3])]],
})

/** (N, C, d...) as rows of classes; (C) as one row. */
function rowsOf(x: Tensor): Tensor {
  if (x.rank <= 2) return x.rank === 1 ? reshape(x, [1, x.size]) : x
  return reshape(movedim(x, 1, -1), [-1, x.shape[1]!])
}

/**
 * Cross-entropy of logits (N, C, ...) with labels (N, ...) of int32, or with class probabilities (N, C, ...).
 * `mean` divides by the weights of the labels that count.
 * @throws IndexError for a label outside [0, C) that is not ignoreIndex; ShapeError, DTypeError for a target that does not fit
 */
export function crossEntropy(x: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor {
  const { weight = null, ignoreIndex = -100, reduction = 'mean', labelSmoothing = 0 } = options
  const op = 'crossEntropy'
  if (x.rank === 0) throw new ShapeError({ op, rule: 'logits are (N, C, ...)', got: show(x.shape) })
  const classes = x.shape[x.rank === 1 ? 0 : 1]!
  if (weight && (weight.rank !== 1 || weight.size !== classes))
    throw new ShapeError({
      op,
      rule: `weight must have ${classes} elements`,
      got: show(weight.shape),
    })
  if (isFloat(target.dtype)) {
    if (!sameShape(x.shape, target.shape))
      throw new ShapeError({
        op,
        rule: `float targets are probabilities of the logits' shape ${show(x.shape)}`,
        got: show(target.shape),
        fix: "Class labels must be int32: labels.to('int32').",
      })
    const spread =
      labelSmoothing > 0 ? add(mul(target, 1 - labelSmoothing), labelSmoothing / classes) : target
    const axis = x.rank === 1 ? 0 : 1
    const w = weight
      ? reshape(
          weight,
          x.shape.map((n, a) => (a === axis ? n : 1)),
        )
      : null
    const terms = mul(spread, logSoftmax(x, axis))
    const loss = neg(sum(w ? mul(terms, w) : terms, axis))
    return reduction === 'mean' ? div(sum(loss), x.size / classes) : reduceLoss(op, loss, reduction)
  }
  requireType(op, target, 'int32')
  const expected = x.rank === 1 ? [] : [x.shape[0]!, ...x.shape.slice(2)]
  if (!sameShape(target.shape, expected))
    throw new ShapeError({
      op,
      rule: `labels for logits ${show(x.shape)} must be ${show(expected)}`,
      got: show(target.shape),
    })
  const rows = rowsOf(x)
  const labels = reshape(target, [sizeOf(target.shape)])
  const [plain] = labelLoss(rows, labels, ignoreIndex) as [Tensor, Tensor]
  const counted = toType(ne(labels, ignoreIndex), x.dtype)
  let loss = plain
  let total: Tensor | null = null
  if (weight || labelSmoothing > 0) {
    const safe = where(eq(labels, ignoreIndex), 0, labels)
    const own = weight ? mul(gather(weight, 0, safe), counted) : counted
    total = sum(own)
    loss = mul(plain, own)
    if (labelSmoothing > 0) {
      const logp = logSoftmax(rows, 1)
      const all = neg(sum(weight ? mul(logp, weight) : logp, 1))
      loss = add(mul(loss, 1 - labelSmoothing), mul(mul(all, counted), labelSmoothing / classes))
    }
  }
  if (reduction === 'none') return reshape(loss, target.shape)
  if (reduction === 'sum') return sum(loss)
  return div(sum(loss), total ?? sum(counted))
}

/** −x[label] of log-probabilities (N, C, ...), weighted. @throws as crossEntropy */
export function nllLoss(
  x: Tensor,
  target: Tensor,
  {
    weight = null,
    ignoreIndex = -100,
    reduction = 'mean',
  }: Omit<CrossEntropyOptions, 'labelSmoothing'> = {},
): Tensor {
  requireType('nllLoss', target, 'int32')
  const rows = rowsOf(x)
  const labels = reshape(target, [sizeOf(target.shape)])
  if (labels.size !== rows.shape[0])
    throw new ShapeError({
      op: 'nllLoss',
      rule: `labels must fit ${show(x.shape)}`,
      got: show(target.shape),
    })
  const counted = toType(ne(labels, ignoreIndex), x.dtype)
  const safe = where(eq(labels, ignoreIndex), 0, labels)
  const picked = neg(reshape(gather(rows, 1, unsqueeze(safe, 1)), [labels.size]))
  const own = weight ? mul(gather(weight, 0, safe), counted) : counted
  const loss = mul(picked, own)
  if (reduction === 'none') return reshape(loss, target.shape)
  return reduction === 'sum' ? sum(loss) : div(sum(loss), sum(own))
}

/** (x − y)². */
export function mseLoss(x: Tensor, y: Tensor, { reduction }: LossOptions = {}): Tensor {
  requireSame('mseLoss', x, y)
  return reduceLoss('mseLoss', square(sub(x, y)), reduction)
}
/** The quadratic loss of the course: ½ Σ (y − ŷ)², the sum over outputs and the mean over the batch (first axis). */
export function quadraticLoss(x: Tensor, y: Tensor): Tensor {
  requireSame('quadraticLoss', x, y)
  return mul(sum(square(sub(x, y))), 0.5 / Math.max(1, x.rank > 1 ? x.shape[0]! : 1))
}
/** |x − y|, the mean absolute error. */
export function l1Loss(x: Tensor, y: Tensor, { reduction }: LossOptions = {}): Tensor {
  requireSame('l1Loss', x, y)
  return reduceLoss('l1Loss', abs(sub(x, y)), reduction)
}
/** Quadratic within beta of 0, linear outside: ½d²/β, |d| − ½β. */
export function smoothL1Loss(
  x: Tensor,
  y: Tensor,
  { beta = 1, reduction }: LossOptions & { beta?: number } = {},
): Tensor {
  requireSame('smoothL1Loss', x, y)
  const d = abs(sub(x, y))
  if (beta === 0) return reduceLoss('smoothL1Loss', d, reduction)
  const loss = where(lt(d, beta), mul(square(d), 0.5 / beta), sub(d, 0.5 * beta))
  return reduceLoss('smoothL1Loss', loss, reduction)
}
/** Quadratic within delta of 0, linear outside: ½d², δ(|d| − ½δ). */
export function huberLoss(
  x: Tensor,
  y: Tensor,
  { delta = 1, reduction }: LossOptions & { delta?: number } = {},
): Tensor {
  requireSame('huberLoss', x, y)
  const d = abs(sub(x, y))
  const near = minimum(d, delta)
  return reduceLoss('huberLoss', mul(near, sub(d, mul(near, 0.5))), reduction)
}
/** Binary cross-entropy of probabilities; logarithms are cut at −100, as in PyTorch. */
export function binaryCrossEntropy(
  x: Tensor,
  y: Tensor,
  { weight, reduction }: LossOptions & { weight?: Tensor } = {},
): Tensor {
  requireSame('binaryCrossEntropy', x, y)
  const loss = neg(
    add(mul(y, maximum(log(x), -100)), mul(sub(1, y), maximum(log(sub(1, x)), -100))),
  )
  return reduceLoss('binaryCrossEntropy', weight ? mul(loss, weight) : loss, reduction)
}
/** Binary cross-entropy of logits, stable. posWeight multiplies the loss of positives. */
export function binaryCrossEntropyWithLogits(
  x: Tensor,
  y: Tensor,
  { weight, posWeight, reduction }: LossOptions & { weight?: Tensor; posWeight?: Tensor } = {},
): Tensor {
  requireSame('binaryCrossEntropyWithLogits', x, y)
  const softplus = log1p(exp(neg(abs(x))))
  let loss: Tensor
  if (posWeight) {
    const w = add(mul(sub(posWeight, 1), y), 1)
    loss = add(mul(sub(1, y), x), mul(w, add(softplus, maximum(neg(x), 0))))
  } else loss = add(sub(maximum(x, 0), mul(x, y)), softplus)
  return reduceLoss('binaryCrossEntropyWithLogits', weight ? mul(loss, weight) : loss, reduction)
}
/** Kullback–Leibler divergence of log-probabilities x from targets y. `batchmean` is the mathematical one. */
export function klDiv(
  x: Tensor,
  y: Tensor,
  {
    reduction = 'mean',
    logTarget = false,
  }: { reduction?: Reduction | 'batchmean'; logTarget?: boolean } = {},
): Tensor {
  broadcastShapes('klDiv', x.shape, y.shape)
  const loss = logTarget
    ? mul(exp(y), sub(y, x))
    : sub(where(gt(y, 0), mul(y, log(where(gt(y, 0), y, 1))), 0), mul(y, x))
  return reduction === 'batchmean'
    ? div(sum(loss), x.shape[0] ?? 1)
    : reduceLoss('klDiv', loss, reduction)
}
/** Hinge embedding: x where y = 1, max(0, margin − x) where y = −1. */
export function hingeEmbeddingLoss(
  x: Tensor,
  y: Tensor,
  { margin = 1, reduction }: LossOptions & { margin?: number } = {},
): Tensor {
  requireSame('hingeEmbeddingLoss', x, y)
  const loss = add(where(eq(y, 1), x, 0), where(eq(y, -1), maximum(sub(margin, x), 0), 0))
  return reduceLoss('hingeEmbeddingLoss', loss, reduction)
}
/** The hinge loss of support vector machines, max(0, 1 − y x) with labels ±1. */
export function hingeLoss(x: Tensor, y: Tensor, { reduction }: LossOptions = {}): Tensor {
  requireSame('hingeLoss', x, y)
  return reduceLoss('hingeLoss', maximum(sub(1, mul(x, y)), 0), reduction)
}
/** ln(1 + e^(−y x)) with labels ±1. */
export function softMarginLoss(x: Tensor, y: Tensor, { reduction }: LossOptions = {}): Tensor {
  requireSame('softMarginLoss', x, y)
  const z = neg(mul(x, y))
  return reduceLoss('softMarginLoss', add(maximum(z, 0), log1p(exp(neg(abs(z))))), reduction)
}
/** max(0, −y (x₁ − x₂) + margin): which of two should rank higher. */
export function marginRankingLoss(
  a: Tensor,
  b: Tensor,
  y: Tensor,
  { margin = 0, reduction }: LossOptions & { margin?: number } = {},
): Tensor {
  requireSame('marginRankingLoss', a, b)
  return reduceLoss('marginRankingLoss', maximum(add(neg(mul(y, sub(a, b))), margin), 0), reduction)
}
/** Multi-class margin: Σ_{j≠y} max(0, margin − x[y] + x[j])ᵖ / C. */
export function multiMarginLoss(
  x: Tensor,
  target: Tensor,
  {
    p = 1,
    margin = 1,
    weight = null,
    reduction,
  }: LossOptions & { p?: 1 | 2; margin?: number; weight?: Tensor | null } = {},
): Tensor {
  const rows = rowsOf(x)
  const labels = reshape(target, [sizeOf(target.shape)])
  const c = rows.shape[1]!
  const own = gather(rows, 1, unsqueeze(labels, 1))
  let d = maximum(add(sub(rows, own), margin), 0)
  if (p === 2) d = square(d)
  if (weight) d = mul(d, unsqueeze(gather(weight, 0, labels), 1))
  const others = where(gt(oneHot(labels, c), 0), 0, d)
  const loss = div(sum(others, 1), c)
  return reduceLoss('multiMarginLoss', x.rank === 1 ? reshape(loss, []) : loss, reduction)
}
/** Multi-label soft margin: the mean over classes of binary cross-entropy with logits. */
export function multiLabelSoftMarginLoss(
  x: Tensor,
  y: Tensor,
  { reduction }: LossOptions = {},
): Tensor {
  requireSame('multiLabelSoftMarginLoss', x, y)
  const each = binaryCrossEntropyWithLogits(x, y, { reduction: 'none' })
  return reduceLoss('multiLabelSoftMarginLoss', mean(each, -1), reduction)
}
/** ‖x − y + ε‖ₚ over the last axis. */
export function pairwiseDistance(
  x: Tensor,
  y: Tensor,
  { p = 2, eps = 1e-6, keepdim = false } = {},
): Tensor {
  return norm(add(sub(x, y), eps), p, -1, { keepdim })
}
/** x·y / (‖x‖ ‖y‖) along an axis, each norm at least eps. */
export function cosineSimilarity(x: Tensor, y: Tensor, axis = 1, eps = 1e-8): Tensor {
  const dot = sum(mul(x, y), axis)
  const nx = clamp(norm(x, 2, axis), eps)
  const ny = clamp(norm(y, 2, axis), eps)
  return div(dot, mul(nx, ny))
}
/** 1 − cos where y = 1, max(0, cos − margin) where y = −1. */
export function cosineEmbeddingLoss(
  a: Tensor,
  b: Tensor,
  y: Tensor,
  { margin = 0, reduction }: LossOptions & { margin?: number } = {},
): Tensor {
  const eps = 1e-12
  const axis = a.rank - 1
  const cos = div(
    sum(mul(a, b), axis),
    sqrt(mul(add(sum(square(a), axis), eps), add(sum(square(b), axis), eps))),
  )
  const loss = where(gt(y, 0), sub(1, cos), maximum(sub(cos, margin), 0))
  return reduceLoss('cosineEmbeddingLoss', loss, reduction)
}
/** max(0, d(a, p) − d(a, n) + margin). swap: the nearer of the anchor and the positive to the negative. */
export function tripletMarginLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  {
    margin = 1,
    p = 2,
    eps = 1e-6,
    swap = false,
    reduction,
  }: LossOptions & { margin?: number; p?: number; eps?: number; swap?: boolean } = {},
): Tensor {
  requireSame('tripletMarginLoss', anchor, positive)
  requireSame('tripletMarginLoss', anchor, negative)
  const near = pairwiseDistance(anchor, positive, { p, eps })
  let far = pairwiseDistance(anchor, negative, { p, eps })
  if (swap) far = minimum(far, pairwiseDistance(positive, negative, { p, eps }))
  return reduceLoss('tripletMarginLoss', maximum(add(sub(near, far), margin), 0), reduction)
}
/** Poisson negative log likelihood; x is the log of the rate unless logInput is false. full adds Stirling's term. */
export function poissonNLLLoss(
  x: Tensor,
  y: Tensor,
  {
    logInput = true,
    full = false,
    eps = 1e-8,
    reduction,
  }: LossOptions & { logInput?: boolean; full?: boolean; eps?: number } = {},
): Tensor {
  let loss = logInput ? sub(exp(x), mul(y, x)) : sub(x, mul(y, log(add(x, eps))))
  if (full) {
    const safe = where(gt(y, 1), y, 1)
    const stirling = add(sub(mul(safe, log(safe)), safe), mul(log(mul(safe, 2 * Math.PI)), 0.5))
    loss = add(loss, where(gt(y, 1), stirling, 0))
  }
  return reduceLoss('poissonNLLLoss', loss, reduction)
}
/** Gaussian negative log likelihood with predicted variance, kept above eps. */
export function gaussianNLLLoss(
  x: Tensor,
  y: Tensor,
  variance: Tensor,
  { full = false, eps = 1e-6, reduction }: LossOptions & { full?: boolean; eps?: number } = {},
): Tensor {
  // PyTorch cuts without a gradient through the cut.
  const v = maximum(variance, eps)
  const loss = mul(add(log(v), div(square(sub(x, y)), v)), 0.5)
  return reduceLoss(
    'gaussianNLLLoss',
    full ? add(loss, 0.5 * Math.log(2 * Math.PI)) : loss,
    reduction,
  )
}

/**
 * Connectionist temporal classification: −log of the probability of all alignments of the targets.
 *
 * Shapes: logProbs (T, N, C), targets (N, S) int32, inputLengths and targetLengths lists of N numbers.
 * `mean` divides each by its target length first. Graves et al., 2006.
 * @throws ValueError when a target is longer than can be
 */
export function ctcLoss(
  logProbs: Tensor,
  targets: Tensor,
  inputLengths: readonly number[],
  targetLengths: readonly number[],
  {
    blank = 0,
    reduction = 'mean',
    zeroInfinity = false,
  }: LossOptions & { blank?: number; zeroInfinity?: boolean } = {},
): Tensor {
  const [T, N] = logProbs.shape as [number, number, number]
  const S = targets.shape[1]!
  if (logProbs.rank !== 3 || targets.rank !== 2 || targets.shape[0] !== N)
    throw new ShapeError({
      op: 'ctcLoss',
      rule: 'logProbs is (T, N, C) and targets (N, S)',
      got: `${show(logProbs.shape)} and ${show(targets.shape)}`,
    })
  if (inputLengths.some((l) => l > T || l < 1) || targetLengths.some((l) => l > S || l < 0))
    throw new ValueError({
      op: 'ctcLoss',
      rule: `lengths must fit ${T} steps and ${S} labels`,
      got: `${inputLengths} and ${targetLengths}`,
    })
  const L = 2 * S + 1
  // Labels with blanks between them; which may be entered by skipping a blank.
  const spread = extendLabels(targets, blank)
  const place = (k: number) => prepare(spread, k, blank)
  const canSkip = place(2)
  const NEG = -1e30
  const shift = (a: Tensor, by: number) => shiftRight(a, by, NEG)
  const emit = (t: number) => gather(reshape(rowsAt(logProbs, t), [N, -1]), 1, spread)
  const start = firstTwo(N, L)
  let alpha = where(start, emit(0), NEG)
  const lengths = [...inputLengths]
  for (let t = 1; t < T; t++) {
    const two = where(canSkip, shift(alpha, 2), NEG)
    const merged = logSumExp3(alpha, shift(alpha, 1), two)
    const next = add(merged, emit(t))
    const running = lengths.map((l) => t < l)
    alpha = running.every(Boolean) ? next : where(rowMask(running, L), next, alpha)
  }
  const last = endMask(targetLengths, L)
  const total = logsumexp(where(last, alpha, NEG), 1)
  let loss = neg(total)
  if (zeroInfinity) loss = where(gt(loss, 1e29), 0, loss)
  else loss = where(gt(loss, 1e29), Number.POSITIVE_INFINITY, loss)
  if (reduction === 'mean')
    return mean(mul(loss, rowValues(targetLengths.map((l) => 1 / Math.max(1, l)))))
  return reduceLoss('ctcLoss', loss, reduction)
}
const logSumExp3 = (a: Tensor, b: Tensor, c: Tensor) => {
  const m = maximum(maximum(a, b), c)
  return add(m, log(add(add(exp(sub(a, m)), exp(sub(b, m))), exp(sub(c, m)))))
}

/** Rows of fixed numbers, known when the program is made. */
const fixed = defineOp({
  name: 'fixed',
  formula: 'y[i] = values[i]',
  args: (values: readonly number[]) => ({ inputs: [], attrs: { values: [...values] } }),
  forward: (_i, { values }) =>
    prim(
      { op: 'concat', axis: 0 },
      values.map((v) => prim({ op: 'reshape', shape: [1] }, [constant(v)])),
    ),
  differentiable: false,
  example: () => [[[1, 2]], [1, 2]],
  samples: () => [[[0.5]], [[1, 2, 3]]],
})
const rowValues = (values: readonly number[]) => fixed(values)
const rowMask = (mask: readonly boolean[], cols: number) =>
  expand(unsqueeze(gt(fixed(mask.map(Number)), 0.5), 1), [mask.length, cols])
/** The last label and the blank after it. */
const endMask = (lengths: readonly number[], L: number) => {
  const index = toType(
    coordinates(expand(unsqueeze(fixed(lengths), 1), [lengths.length, L]), 1),
    'float32',
  )
  const end = unsqueeze(fixed(lengths.map((l) => 2 * l)), 1)
  return logicalOr(eq(index, end), eq(index, sub(end, 1)))
}
const firstTwo = (N: number, L: number) =>
  lt(coordinates(expand(unsqueeze(fixed(new Array(N).fill(0)), 1), [N, L]), 1), 2)
/** blank, l₁, blank, l₂, .., blank */
function extendLabels(targets: Tensor, blank: number): Tensor {
  const [N, S] = targets.shape as [number, number]
  const pairs = stack([where(eq(targets, targets), blank, targets), targets], 2)
  const flat = reshape(pairs, [N, 2 * S])
  return concat([flat, add(mul(narrow(flat, 1, 0, 1), 0), blank)], 1)
}
/** Where the label differs from the one `k` places before and is no blank. */
function prepare(labels: Tensor, k: number, blank: number): Tensor {
  const before = shiftRight(labels, k, blank)
  return logicalAnd(ne(labels, blank), ne(labels, before))
}
/** Moved right along axis 1, `fill` coming in. */
function shiftRight(x: Tensor, k: number, fill: number): Tensor {
  const n = x.shape[1]!
  if (k >= n) return where(eq(x, x), fill, x)
  return pad(narrow(x, 1, 0, n - k), [k, 0], { value: fill })
}
const rowsAt = (x: Tensor, t: number) => select(x, 0, t)
