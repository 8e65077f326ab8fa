/** Losses of classifiers: of class labels and probabilities, and of independent yes and no. */
import { reshape, sum, reduceTo } from '../broadcast.js'
import { add, div, mul, sub, where, neg } from '../arithmetic.js'
import { isFloat } from '../../core/dtype.js'
import { ShapeError, show } from '../../core/errors.js'
import { kinds, readOptions } from '../../core/options.js'
import { sameShape, sizeOf } from '../../core/shape.js'
import { logSoftmax } from '../activation.js'
import { eq, ne } from '../compare.js'
import { defineOp, toType } from '../define.js'
import { maximum } from '../elementwise.js'
import { map } from '../forms.js'
import { abs, exp, log, log1p } from '../functions.js'
import { asIndices } from '../indices.js'
import { gather } from '../indexing.js'
import { movedim, unsqueeze } from '../movement.js'
import type { Tensor } from '../tensor.js'
import { constant, iota, prim } from '../trace.js'
import {
  inFloat32,
  orTensor,
  reduced,
  reductions,
  type LossOptions,
  reduceLoss,
  requireFloat,
  requireSame,
  requireWeight,
} from './common.js'

export interface CrossEntropyOptions extends LossOptions {
  /** A weight for each class. */
  weight?: Tensor | null
  /** Labels of this value count nothing. */
  ignoreIndex?: number
  /** Share of the probability spread over all classes, 0 to 1. */
  labelSmoothing?: number
}

const labelPlaces = {
  weight: orTensor,
  sizeAverage: kinds.givenUp,
  ignoreIndex: kinds.integer,
  reduce: kinds.givenUp,
  reduction: reductions,
}
const crossEntropyPlaces = { ...labelPlaces, labelSmoothing: kinds.number }

/**
 * Row-wise −log softmax(x)[label], 0 where ignored; the sum of exponentials of a row less its largest, and that largest;
 * with `spread` −Σ w log softmax(x), w = 1 where no weights are given. The gradient needs no exponential that the
 * loss has not made.
 */
const labelLoss = defineOp({
  name: 'labelLoss',
  formula:
    'y = log s − z[label],  z = x − max x,  s = Σ eᶻ,  dx = eᶻ/s − onehot(label);  u = Σ w (log s − z),  dx = Σw eᶻ/s − w',
  args: (
    x: Tensor,
    labels: Tensor,
    weight: Tensor | null,
    ignoreIndex: number,
    spread: boolean,
  ) => ({
    inputs: weight ? [x, labels, weight] : [x, labels],
    attrs: { ignoreIndex, spread, learned: !!weight?.requiresGrad },
  }),
  forward: ([x, labels, weight], { ignoreIndex, spread }) => {
    const [rows, classes] = x!.shape as [number, number]
    const list = (t: Tensor) => prim({ op: 'reshape', shape: [rows] }, [t])
    const checked = prim(
      { op: 'check', lo: 0, hi: classes, except: ignoreIndex, what: 'a label' },
      [labels!],
    )
    const column = prim({ op: 'reshape', shape: [rows, 1] }, [checked])
    const m = reduceTo('max', x!, [1])
    const z = sub(x!, m)
    const s = reduceTo('sum', exp(z), [1])
    const normalizer = log(s)
    const hit = map('eq', column, iota([rows, classes], 1))
    const picked = reduceTo('sum', where(hit, z, 0), [1])
    const loss = where(
      map('eq', column, constant(ignoreIndex, 'int32')),
      0,
      sub(normalizer, picked),
    )
    const results = [list(loss), list(s), list(m)]
    if (spread) {
      const total = weight ? sum(weight) : classes
      const apart = reduceTo('sum', weight ? mul(z, weight) : z, [1])
      results.push(list(sub(mul(normalizer, total), apart)))
    }
    return results
  },
  // Gradients of gradients come through the sum s, which this reads. The largest cancels in every gradient, as long as it is
  // constant in all of them: it has none of its own.
  vjp: ([ct, ctSum, , ctSpread], [x, labels, weight], [, s, m], { ignoreIndex, learned }) => {
    const column = unsqueeze(labels!, 1)
    const z = sub(x!, unsqueeze(m!, 1))
    const own = ct ? where(eq(column, ignoreIndex), 0, unsqueeze(ct, 1)) : null
    const share = ctSpread ? unsqueeze(ctSpread, 1) : null
    const spread = share && mul(share, weight ? sum(weight) : x!.shape[1]!)
    const plus = (a: Tensor | null, b: Tensor | null) => (a && b ? add(a, b) : (a ?? b))
    const both = plus(own, spread)
    const factor = plus(both && div(both, unsqueeze(s!, 1)), ctSum ? unsqueeze(ctSum, 1) : null)
    let g = factor && mul(exp(z), factor)
    if (own) g = sub(g!, mul(toType(eq(column, classIndex(x!)), x!.dtype), own))
    if (share) g = sub(g!, weight ? mul(weight, share) : share)
    const gw = share && learned ? sum(mul(sub(log(unsqueeze(s!, 1)), z), share), [0]) : null
    return weight ? [g, null, gw] : [g, null]
  },
  example: (m) => [
    [m.of([[0, Math.LN2]]), m.of([1], 'int32'), null, -100, true],
    [[Math.log(1.5)], [1.5], [Math.LN2], [Math.log(4.5)]],
  ],
  samples: (m) => [
    [m.float([3, 4]), m.int([3], 0, 4), null, -100, false],
    [m.float([3, 4]), m.of([1, 2, 0], 'int32'), null, 2, false],
    [m.float([1, 2]), m.int([1], 0, 2), null, -100, true],
    [m.float([3, 4]), m.of([1, 2, 0], 'int32'), m.float([4], 0.5, 2), 2, true],
  ],
  except: {
    gradient: 'that of the largest is left out, as it cancels; tests/laws/losses.test.ts',
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
export function rowsOf(x: Tensor): Tensor {
  if (x.rank <= 2) return x.rank === 1 ? reshape(x, [1, x.size]) : x
  return reshape(movedim(x, 1, -1), [-1, x.shape[1]!])
}

/** The labels as one list. @throws DTypeError, ShapeError unless they are integers, one for each row of classes */
export function flatLabels(op: string, x: Tensor, target: Tensor): Tensor {
  const labels = asIndices(op, target)
  const expected = x.rank === 1 ? [] : [x.shape[0]!, ...x.shape.slice(2)]
  if (!sameShape(labels.shape, expected))
    throw new ShapeError({
      op,
      rule: `labels for an input ${show(x.shape)} must be ${show(expected)}`,
      got: show(labels.shape),
    })
  return reshape(labels, [sizeOf(labels.shape)])
}

/** Checks the input (N, C, ...) or (C) and the class weights; gives the number of classes. */
export function classesOf(op: string, x: Tensor, weight: Tensor | null): number {
  requireFloat(op, x)
  if (x.rank === 0)
    throw new ShapeError({ op, rule: 'the input must be (N, C, ...) or (C)', got: show(x.shape) })
  const classes = x.shape[x.rank === 1 ? 0 : 1]!
  if (weight && !sameShape(weight.shape, [classes]))
    throw new ShapeError({
      op,
      rule: `weight must have ${classes} elements, one for each class`,
      got: show(weight.shape),
    })
  return classes
}

/**
 * Cross-entropy of logits (N, C, ...) or (C) with labels (N, ...) of an integer type, −ln softmax(x)[label], or with class
 * probabilities of the logits' shape, −Σ y ln softmax(x). `mean` divides by the weights of the labels that count.
 * Label smoothing ε: Szegedy et al., 2016, section 7. https://pytorch.org/docs/1.13/generated/torch.nn.CrossEntropyLoss.html
 * @throws IndexError for a label outside [0, C) that is not ignoreIndex; ShapeError, DTypeError for a target that does not fit
 * @example crossEntropy(tensor([[0, 0]]), tensor([1], { dtype: 'int32' })) // 0.6931
 */
export function crossEntropy(
  x: Tensor,
  target: Tensor,
  options?: Tensor | null | CrossEntropyOptions,
): Tensor {
  x = inFloat32(x)
  target = inFloat32(target)
  const {
    weight = null,
    ignoreIndex = -100,
    reduction = 'mean',
    labelSmoothing = 0,
  } = readOptions<CrossEntropyOptions>('crossEntropy', [options], crossEntropyPlaces)
  const op = 'crossEntropy'
  const classes = classesOf(op, x, weight)
  if (isFloat(target.dtype)) {
    if (!sameShape(x.shape, target.shape))
      throw new ShapeError({
        op,
        rule: `float targets are probabilities of the logits' shape ${show(x.shape)}`,
        got: show(target.shape),
        fix: "Class labels are integers: labels.to('int32').",
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
  const rows = rowsOf(x)
  const labels = flatLabels(op, x, target)
  const smoothing = labelSmoothing > 0
  const [plain, , , spread] = labelLoss(
    rows,
    labels,
    smoothing ? weight : null,
    ignoreIndex,
    smoothing,
  ) as [Tensor, Tensor, Tensor, Tensor | undefined]
  const counted = toType(ne(labels, ignoreIndex), x.dtype)
  let loss = plain
  let total: Tensor | null = null
  if (weight || smoothing) {
    const safe = where(eq(labels, ignoreIndex), 0, labels)
    const own = weight ? mul(gather(weight, 0, safe), counted) : counted
    total = sum(own)
    loss = mul(plain, own)
    if (smoothing) {
      const smooth = where(eq(labels, ignoreIndex), 0, spread!)
      loss = add(mul(loss, 1 - labelSmoothing), mul(smooth, labelSmoothing / classes))
    }
  }
  if (reduction === 'mean') return div(sum(loss), total ?? sum(counted))
  return reduceLoss(op, reshape(loss, target.shape), reduction)
}

/**
 * −x[label] of log-probabilities (N, C, ...) or (C) with labels (N, ...) of an integer type, weighted by class; `mean` divides by
 * the weights of the labels that count. https://pytorch.org/docs/1.13/generated/torch.nn.NLLLoss.html
 * @throws as crossEntropy
 * @example nllLoss(tensor([[-1, -2]]), tensor([1], { dtype: 'int32' })) // 2
 */
export function nllLoss(
  x: Tensor,
  target: Tensor,
  options?: Tensor | null | Omit<CrossEntropyOptions, 'labelSmoothing'>,
): Tensor {
  x = inFloat32(x)
  target = inFloat32(target)
  const {
    weight = null,
    ignoreIndex = -100,
    reduction = 'mean',
  } = readOptions<Omit<CrossEntropyOptions, 'labelSmoothing'>>('nllLoss', [options], labelPlaces)
  const op = 'nllLoss'
  classesOf(op, x, weight)
  const labels = flatLabels(op, x, target)
  const rows = rowsOf(x)
  const counted = toType(ne(labels, ignoreIndex), x.dtype)
  const safe = where(eq(labels, ignoreIndex), 0, labels)
  const picked = neg(reshape(gather(rows, 1, unsqueeze(safe, 1)), [labels.size]))
  const own = weight ? mul(gather(weight, 0, safe), counted) : counted
  // What is ignored may be infinite.
  const loss = mul(where(eq(labels, ignoreIndex), 0, picked), own)
  if (reduction === 'mean') return div(sum(loss), sum(own))
  return reduceLoss(op, reshape(loss, target.shape), reduction)
}

/** The terms of binary cross-entropy, with PyTorch's cuts: logarithms at −100, the slope's divisor at 1e-12. */
const binaryTerms = defineOp({
  name: 'binaryTerms',
  formula: 'l = −y ln x − (1 − y) ln(1 − x),  dl/dx = (x − y)/(x (1 − x))',
  args: (x: Tensor, y: Tensor) => ({ inputs: [x, y], attrs: {} }),
  forward: ([x, y]) =>
    neg(add(mul(y!, maximum(log(x!), -100)), mul(sub(1, y!), maximum(log1p(neg(x!)), -100)))),
  vjp: (ct, [x, y]) => [
    mul(ct, div(sub(x!, y!), maximum(mul(x!, sub(1, x!)), 1e-12))),
    mul(ct, sub(maximum(log1p(neg(x!)), -100), maximum(log(x!), -100))),
  ],
  example: (m) => [
    [m.of([0.25, 0, 1]), m.of([1, 1, 0.5])],
    [Math.log(4), 100, 50],
  ],
  samples: (m) => [
    [m.float([2, 3], 0.1, 0.9), m.float([2, 3], 0.1, 0.9)],
    [m.float([0]), m.float([0])],
  ],
})

/**
 * Binary cross-entropy of probabilities, −y ln x − (1 − y) ln(1 − x); logarithms are cut at −100, as in PyTorch, so
 * that a certain mistake costs 100 and not infinity. Outside of [0, 1] there is no logarithm: NaN.
 * @throws ShapeError when the shapes differ or the weight does not broadcast to them
 * @example binaryCrossEntropy(tensor([0.25, 0.5]), tensor([1, 0])) // 1.0397
 */
export function binaryCrossEntropy(
  x: Tensor,
  y: Tensor,
  options?: Tensor | null | (LossOptions & { weight?: Tensor | null }),
): Tensor {
  x = inFloat32(x)
  y = inFloat32(y)
  const { weight, reduction } = readOptions<LossOptions & { weight?: Tensor | null }>(
    'binaryCrossEntropy',
    [options],
    { weight: orTensor, ...reduced },
  )
  const op = 'binaryCrossEntropy'
  requireSame(op, x, y)
  if (weight) requireWeight(op, 'weight', weight, x)
  const loss = binaryTerms(x, toType(y, x.dtype))
  return reduceLoss(op, weight ? mul(loss, weight) : loss, reduction)
}

/**
 * Binary cross-entropy of logits, that of σ(x) computed without overflow:
 * (1 − y) x + max(−x, 0) + ln(1 + e^−|x|).
 * posWeight multiplies the loss of positives: (1 − y) x + (1 + (w − 1) y)(ln(1 + e^−|x|) + max(−x, 0)).
 * @throws ShapeError when the shapes differ or a weight does not broadcast to them
 * @example binaryCrossEntropyWithLogits(tensor([0, 0]), tensor([1, 0])) // 0.6931
 */
export function binaryCrossEntropyWithLogits(
  x: Tensor,
  y: Tensor,
  options?: Tensor | null | (LossOptions & { weight?: Tensor | null; posWeight?: Tensor | null }),
): Tensor {
  x = inFloat32(x)
  y = inFloat32(y)
  const { weight, posWeight, reduction } = readOptions<
    LossOptions & { weight?: Tensor | null; posWeight?: Tensor | null }
  >('binaryCrossEntropyWithLogits', [options], {
    weight: orTensor,
    ...reduced,
    posWeight: orTensor,
  })
  const op = 'binaryCrossEntropyWithLogits'
  requireSame(op, x, y)
  if (weight) requireWeight(op, 'weight', weight, x)
  if (posWeight) requireWeight(op, 'posWeight', posWeight, x)
  const softplus = log1p(exp(neg(abs(x))))
  let loss: Tensor
  if (posWeight) {
    const w = add(mul(sub(posWeight, 1), y), 1)
    loss = add(mul(sub(1, y), x), mul(w, add(softplus, maximum(neg(x), 0))))
  } else loss = add(mul(sub(1, y), x), add(softplus, maximum(neg(x), 0)))
  return reduceLoss(op, weight ? mul(loss, weight) : loss, reduction)
}
