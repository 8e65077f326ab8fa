/** Activation functions. */
import type { DType } from '../core/dtype.js'
import { reshape, sum } from './broadcast.js'
import { add, div, mul, sub, where, neg } from './arithmetic.js'
import { ShapeError, show, ValueError } from '../core/errors.js'
import { kinds, oneOf, type PlacesOr, readOptions } from '../core/options.js'
import { normAxis } from '../core/shape.js'
import { alongChannels, sumToChannels } from './channels.js'
import { gt, le, lt } from './compare.js'
import {
  defineOp,
  type Grads,
  type Nested,
  operand,
  type SampleMaker,
  type TensorLike,
  toType,
} from './define.js'
import { clamp, maximum, minimum } from './elementwise.js'
import {
  abs,
  ndtr,
  exp,
  expm1,
  log,
  log1p,
  reciprocal,
  sigmoid,
  square,
  tanh,
} from './functions.js'
import { amax } from './reduce.js'
import { narrow } from './slice.js'
import type { Tensor } from './tensor.js'

interface ActivationSpec<O extends object> {
  name: string
  formula: string
  source?: string
  /** PyTorch's defaults. */
  defaults: O
  forward: (x: Tensor, o: O) => Tensor
  vjp: (ct: Tensor, x: Tensor, y: Tensor, o: O) => Tensor
  example: readonly [Nested, Nested]
  options?: readonly O[]
}

/** An elementwise activation with options. */
function activation<O extends object>(spec: ActivationSpec<O>) {
  const { name, formula, source, defaults, forward, vjp, example, options = [] } = spec
  const places = Object.fromEntries(Object.keys(defaults).map((key) => [key, kinds.number]))
  return defineOp({
    name,
    formula,
    ...(source && { source }),
    args: (x: TensorLike, ...given: PlacesOr<Partial<O>>) => ({
      inputs: [operand(name, x, true)],
      attrs: { ...defaults, ...readOptions<Partial<O>>(name, given, places) },
    }),
    forward: ([x], o) => forward(x!, o),
    vjp: (ct, [x], y, o) => [vjp(ct, x!, y, o)],
    example: (m) => [[m.of(example[0])], example[1]],
    samples: (m: SampleMaker) => [
      [m.float([2, 3])],
      [m.float([])],
      [m.float([0])],
      [m.float([4, 5], -4, 4)],
      ...options.map((o) => [m.float([3, 4], -3, 3), o]),
    ],
  })
}

/** The slope for positive and for other inputs. */
const bySign = (x: Tensor, positive: Tensor, other: Tensor) => where(gt(x, 0), positive, other)

/** Ones of the shape. */
const onesOf = (x: Tensor) => where(gt(x, x), x, 1)
/** ln(1 + eˣ) without overflow. */
const softplusOf = (x: Tensor) => add(maximum(x, 0), log1p(exp(neg(abs(x)))))
const siluSlope = (x: Tensor) => {
  const s = sigmoid(x)
  return mul(s, add(mul(x, sub(1, s)), 1))
}
const mishSlope = (x: Tensor) => {
  const t = tanh(softplusOf(x))
  return add(t, mul(mul(x, sub(1, square(t))), sigmoid(x)))
}
const SELU_ALPHA = 1.6732632423543772
const SELU_SCALE = 1.0507009873554805

/** ReLU that keeps a slope below 0. */
export const leakyRelu = activation({
  name: 'leakyRelu',
  formula: 'y = x > 0 ? x : a x',
  defaults: { negativeSlope: 0.01 },
  forward: (x, { negativeSlope: a }) => bySign(x, x, mul(x, a)),
  vjp: (ct, x, _y, { negativeSlope: a }) => bySign(x, ct, mul(ct, a)),
  example: [
    [-1, 2],
    [-0.01, 2],
  ],
  options: [{ negativeSlope: 0.2 }],
})

/** Exponential linear unit. */
export const elu = activation({
  name: 'elu',
  formula: 'y = x > 0 ? x : α(eˣ − 1)',
  source: 'https://arxiv.org/abs/1511.07289',
  defaults: { alpha: 1 },
  forward: (x, { alpha }) => bySign(x, x, mul(expm1(minimum(x, 0)), alpha)),
  vjp: (ct, x, _y, { alpha }) => mul(ct, bySign(x, onesOf(x), mul(exp(minimum(x, 0)), alpha))),
  example: [
    [-1, 2],
    [-0.6321205588285577, 2],
  ],
  options: [{ alpha: 0.5 }],
})

/** Self-normalizing linear unit. */
export const selu = activation({
  name: 'selu',
  formula: 'y = λ(x > 0 ? x : α(eˣ − 1))',
  source: 'https://arxiv.org/abs/1706.02515',
  defaults: {},
  forward: (x) => mul(bySign(x, x, mul(expm1(minimum(x, 0)), SELU_ALPHA)), SELU_SCALE),
  vjp: (ct, x) =>
    mul(ct, mul(bySign(x, onesOf(x), mul(exp(minimum(x, 0)), SELU_ALPHA)), SELU_SCALE)),
  example: [
    [-1, 2],
    [-1.1113307378125625, 2.1014019747132835],
  ],
})

/** Continuously differentiable ELU. */
export const celu = activation({
  name: 'celu',
  formula: 'y = max(x, 0) + min(0, α(e^(x/α) − 1))',
  source: 'https://arxiv.org/abs/1704.07483',
  defaults: { alpha: 1 },
  forward: (x, { alpha }) => bySign(x, x, mul(expm1(div(minimum(x, 0), alpha)), alpha)),
  vjp: (ct, x, _y, { alpha }) => mul(ct, bySign(x, onesOf(x), exp(div(minimum(x, 0), alpha)))),
  example: [
    [-1, 2],
    [-0.6321205588285577, 2],
  ],
  options: [{ alpha: 2 }],
})

/** Sigmoid-weighted linear unit (swish). */
export const silu = activation({
  name: 'silu',
  formula: 'y = x σ(x),  dy/dx = σ(1 + x(1 − σ))',
  defaults: {},
  forward: (x) => mul(x, sigmoid(x)),
  vjp: (ct, x) => mul(ct, siluSlope(x)),
  example: [
    [-1, 2],
    [-0.2689414213699951, 1.7615941559557649],
  ],
})

/** x tanh(softplus x). */
export const mish = activation({
  name: 'mish',
  formula: 'y = x tanh(ln(1 + eˣ))',
  source: 'https://arxiv.org/abs/1908.08681',
  defaults: {},
  forward: (x) => mul(x, tanh(softplusOf(x))),
  vjp: (ct, x) => mul(ct, mishSlope(x)),
  example: [
    [-1, 2],
    [-0.30340146137410895, 1.9439589595339946],
  ],
})

/** Smooth ReLU; linear where βx exceeds the threshold. */
export const softplus = activation({
  name: 'softplus',
  formula: 'y = ln(1 + e^(βx))/β,  dy/dx = σ(βx)',
  defaults: { beta: 1, threshold: 20 },
  forward: (x, { beta, threshold }) =>
    where(gt(mul(x, beta), threshold), x, div(softplusOf(mul(x, beta)), beta)),
  vjp: (ct, x, _y, { beta, threshold }) =>
    where(gt(mul(x, beta), threshold), ct, mul(ct, sigmoid(mul(x, beta)))),
  example: [
    [0, 1],
    [0.6931471805599453, 1.3132616875182228],
  ],
  options: [
    { beta: 2, threshold: 20 },
    { beta: 1, threshold: 1.3 },
  ],
})

/** x / (1 + |x|). */
export const softsign = activation({
  name: 'softsign',
  formula: 'y = x/(1 + |x|),  dy/dx = 1/(1 + |x|)²',
  defaults: {},
  forward: (x) => div(x, add(abs(x), 1)),
  vjp: (ct, x) => div(ct, square(add(abs(x), 1))),
  example: [
    [-1, 3],
    [-0.5, 0.75],
  ],
})

/** x limited to [minVal, maxVal]. */
export const hardtanh = activation({
  name: 'hardtanh',
  formula: 'y = min(max(x, lo), hi)',
  defaults: { minVal: -1, maxVal: 1 },
  forward: (x, { minVal, maxVal }) => minimum(maximum(x, minVal), maxVal),
  vjp: (ct, x, _y, { minVal, maxVal }) => where(gt(x, minVal), where(lt(x, maxVal), ct, 0), 0),
  example: [
    [-3, 0.5],
    [-1, 0.5],
  ],
  options: [{ minVal: 0, maxVal: 6 }],
})

/** ReLU limited to 6. */
export const relu6 = activation({
  name: 'relu6',
  formula: 'y = min(max(x, 0), 6)',
  defaults: {},
  forward: (x) => minimum(maximum(x, 0), 6),
  vjp: (ct, x) => where(gt(x, 0), where(lt(x, 6), ct, 0), 0),
  example: [
    [-3, 7],
    [0, 6],
  ],
})

/** Piecewise linear sigmoid. */
export const hardsigmoid = activation({
  name: 'hardsigmoid',
  formula: 'y = min(max(x/6 + 1/2, 0), 1)',
  defaults: {},
  forward: (x) => clamp(add(div(x, 6), 0.5), 0, 1),
  vjp: (ct, x) => where(gt(x, -3), where(lt(x, 3), div(ct, 6), 0), 0),
  example: [
    [-4, 0],
    [0, 0.5],
  ],
})

/** x · hardsigmoid(x). */
export const hardswish = activation({
  name: 'hardswish',
  formula: 'y = x min(max(x + 3, 0), 6)/6',
  source: 'https://arxiv.org/abs/1905.02244',
  defaults: {},
  forward: (x) => div(mul(x, clamp(add(x, 3), 0, 6)), 6),
  vjp: (ct, x) => where(lt(x, -3), 0, where(lt(x, 3), mul(ct, div(add(mul(x, 2), 3), 6)), ct)),
  example: [
    [-4, 1],
    [0, 0.6666666666666666],
  ],
})

/** log of the sigmoid, stable. */
export const logsigmoid = activation({
  name: 'logsigmoid',
  formula: 'y = −ln(1 + e^−x),  dy/dx = σ(−x)',
  defaults: {},
  forward: (x) => sub(minimum(x, 0), log1p(exp(neg(abs(x))))),
  vjp: (ct, x) => mul(ct, sigmoid(neg(x))),
  example: [
    [0, 2],
    [-0.6931471805599453, -0.12692801104297263],
  ],
})

/** x − tanh x. */
export const tanhshrink = activation({
  name: 'tanhshrink',
  formula: 'y = x − tanh x,  dy/dx = tanh² x',
  defaults: {},
  forward: (x) => sub(x, tanh(x)),
  vjp: (ct, x) => mul(ct, square(tanh(x))),
  example: [
    [0, 1],
    [0, 0.2384058440442351],
  ],
})

/** Toward 0 by λ. */
export const softshrink = activation({
  name: 'softshrink',
  formula: 'y = x − λ above λ, x + λ below −λ, else 0',
  defaults: { lambda: 0.5 },
  forward: (x, { lambda: l }) => where(gt(x, l), sub(x, l), where(lt(x, -l), add(x, l), 0)),
  vjp: (ct, x, _y, { lambda: l }) => where(gt(abs(x), l), ct, 0),
  example: [
    [-2, 0.3],
    [-1.5, 0],
  ],
  options: [{ lambda: 1.2 }],
})

/** 0 within λ of 0. */
export const hardshrink = activation({
  name: 'hardshrink',
  formula: 'y = |x| > λ ? x : 0',
  defaults: { lambda: 0.5 },
  forward: (x, { lambda: l }) => where(le(abs(x), l), 0, x),
  vjp: (ct, x, _y, { lambda: l }) => where(le(abs(x), l), 0, ct),
  example: [
    [-2, 0.3],
    [-2, 0],
  ],
})

/** x above the threshold, else a value. */
export const threshold = activation({
  name: 'threshold',
  formula: 'y = x > t ? x : v',
  defaults: { threshold: 0, value: 0 },
  forward: (x, { threshold: t, value }) => where(le(x, t), value, x),
  vjp: (ct, x, _y, { threshold: t }) => where(le(x, t), 0, ct),
  example: [
    [-2, 0.3],
    [0, 0.3],
  ],
  options: [{ threshold: 0.3, value: -1 }],
})

const TANH_SCALE = Math.sqrt(2 / Math.PI)
const TANH_CUBE = 0.044715

/**
 * Gaussian error linear unit, x times the probability that a normal number is below x. `approximate: 'tanh'` is the
 * paper's approximation.
 * @throws ValueError for another approximation
 */
export const gelu = defineOp({
  name: 'gelu',
  formula: 'y = x Φ(x) = x/2 (1 + erf(x/√2)),  dy/dx = Φ(x) + x φ(x)',
  source: 'https://arxiv.org/abs/1606.08415',
  args: (x: TensorLike, options?: 'none' | 'tanh' | { approximate?: 'none' | 'tanh' }) => {
    const { approximate = 'none' } = readOptions<{ approximate?: 'none' | 'tanh' }>(
      'gelu',
      [options],
      { approximate: oneOf('none', 'tanh') },
    )
    if (approximate !== 'none' && approximate !== 'tanh')
      throw new ValueError({
        op: 'gelu',
        rule: "approximate is 'none' or 'tanh'",
        got: `${approximate}`,
      })
    return { inputs: [operand('gelu', x, true)], attrs: { approximate } }
  },
  forward: ([x], { approximate }) => {
    if (approximate === 'none') return mul(x!, ndtr(x!))
    const inner = mul(mul(x!, add(mul(square(x!), TANH_CUBE), 1)), TANH_SCALE)
    return mul(mul(x!, 0.5), add(tanh(inner), 1))
  },
  vjp: (ct, [x], _y, { approximate }) => {
    if (approximate === 'none') {
      const pdf = exp(sub(-0.5 * Math.log(2 * Math.PI), mul(square(x!), 0.5)))
      return [mul(ct, add(ndtr(x!), mul(x!, pdf)))]
    }
    const xx = square(x!)
    const t = tanh(mul(mul(x!, add(mul(xx, TANH_CUBE), 1)), TANH_SCALE))
    const slope = mul(add(mul(xx, 3 * TANH_CUBE), 1), TANH_SCALE)
    return [mul(mul(ct, 0.5), add(add(t, 1), mul(mul(x!, sub(1, square(t))), slope)))]
  },
  example: (m) => [[m.of([-1, 2])], [-0.15865525393145707, 1.9544997361036416]],
  samples: (m) => [
    [m.float([2, 3])],
    [m.float([4, 5], -4, 4), { approximate: 'tanh' }],
    [m.float([0])],
  ],
})

/** Rows that sum to 1. */
export interface SoftmaxOptions {
  /** Divides the logits: above 1 flatter, below 1 sharper. */
  temperature?: number
  /** x is converted to this type first. */
  dtype?: DType
}

function softmaxArgs(name: string) {
  return (x: TensorLike, axis: number = -1, options?: SoftmaxOptions) => {
    const { temperature = 1, dtype } = readOptions<SoftmaxOptions>(
      name,
      [options],
      {},
      { temperature: kinds.number, dtype: kinds.text },
    )
    const t = operand(name, dtype ? toType(operand(name, x), dtype) : x, true)
    if (!(temperature > 0))
      throw new ValueError({
        op: name,
        rule: 'the temperature must be above 0',
        got: `${temperature}`,
      })
    return { inputs: [t], attrs: { axis: normAxis(name, axis, t.rank), temperature } }
  }
}
const softmaxSamples = (m: SampleMaker) => [
  [m.float([2, 3])],
  [m.float([2, 3, 4]), 1],
  [m.float([4]), 0, { temperature: 0.5 }],
  [m.float([])],
  [m.float([2, 0])],
  [m.of([1000, 0, -1000])],
]
/** Scaled and shifted so that the largest is 0. */
function shifted(x: Tensor, axis: number, temperature: number): Tensor {
  const z = temperature === 1 ? x : mul(x, 1 / temperature)
  return x.rank === 0 || x.shape[axis] === 0 ? sub(z, z) : sub(z, amax(z, axis, { keepdim: true }))
}
const rowSum = (x: Tensor, axis: number) => (x.rank === 0 ? x : sum(x, axis, { keepdim: true }))

/** Exponentials normalized along the axis. @throws ValueError unless the temperature is above 0 */
export const softmax = defineOp({
  name: 'softmax',
  formula: 'y = e^(x/T) / Σ e^(x/T),  dx = y (dy − Σ dy y)/T',
  args: softmaxArgs('softmax'),
  forward: ([x], { axis, temperature }) => {
    const e = exp(shifted(x!, axis, temperature))
    // One division a row.
    return mul(e, reciprocal(rowSum(e, axis)))
  },
  vjp: (ct, _inputs, y, { axis, temperature }) => {
    const g = mul(y, sub(ct, rowSum(mul(ct, y), axis)))
    return [temperature === 1 ? g : mul(g, 1 / temperature)]
  },
  example: (m) => [[m.of([0, Math.LN2])], [1 / 3, 2 / 3]],
  samples: softmaxSamples,
})

/** log of softmax, stable. @throws ValueError unless the temperature is above 0 */
export const logSoftmax = defineOp({
  name: 'logSoftmax',
  formula: 'y = x/T − log Σ e^(x/T),  dx = (dy − eʸ Σ dy)/T',
  args: softmaxArgs('logSoftmax'),
  forward: ([x], { axis, temperature }) => {
    const z = shifted(x!, axis, temperature)
    return sub(z, log(rowSum(exp(z), axis)))
  },
  vjp: (ct, _inputs, y, { axis, temperature }): Grads => {
    const g = sub(ct, mul(exp(y), rowSum(ct, axis)))
    return [temperature === 1 ? g : mul(g, 1 / temperature)]
  },
  example: (m) => [[m.of([0, Math.LN2])], [-Math.log(3), Math.log(2 / 3)]],
  samples: softmaxSamples,
})

/** softmax(−x): the smallest gets the most. @example softmin(tensor([0, Math.log(2)])) // [0.6667, 0.3333] */
export function softmin(x: Tensor, axis = -1, options: SoftmaxOptions = {}): Tensor {
  return softmax(neg(x), axis, options)
}

/** Gated linear unit: the first half of the axis times the sigmoid of the second. @throws ShapeError for an odd extent */
export function glu(x: Tensor, axis = -1): Tensor {
  const a = normAxis('glu', axis, x.rank)
  const n = x.shape[a] ?? 1
  if (n % 2 !== 0)
    throw new ShapeError({ op: 'glu', rule: `axis ${a} must have an even extent`, got: `${n}` })
  return mul(narrow(x, a, 0, n / 2), sigmoid(narrow(x, a, n / 2, n / 2)))
}

/** ReLU with a learned slope below 0: one number, or one for each channel (axis 1). @throws ShapeError when neither fits */
export const prelu = defineOp({
  name: 'prelu',
  formula: 'y = x > 0 ? x : w x',
  source: 'https://arxiv.org/abs/1502.01852',
  args: (input: TensorLike, weight: Tensor) => {
    const x = operand('prelu', input, true)
    const channels = x.rank > 1 ? x.shape[1] : 1
    if (weight.rank > 1 || (weight.size !== 1 && weight.size !== channels))
      throw new ShapeError({
        op: 'prelu',
        rule: `weight must have 1 or ${channels} elements`,
        got: show(weight.shape),
      })
    return { inputs: [x, weight], attrs: {} }
  },
  forward: ([x, weight]) => bySign(x!, x!, mul(x!, slopes(weight!, x!.rank))),
  vjp: (ct, [x, weight]) => {
    const below = bySign(x!, mul(x!, 0), mul(x!, ct))
    const total = weight!.size === 1 ? sum(below) : sumToChannels(below)
    return [bySign(x!, ct, mul(ct, slopes(weight!, x!.rank))), reshape(total, weight!.shape)]
  },
  example: (m) => [[m.of([[-2, -2, 3]]), m.of([0.5, 0.1, 9])], [[-1, -0.2, 3]]],
  samples: (m) => [
    [m.float([2, 3]), m.float([1])],
    [m.float([2, 3, 4]), m.float([3])],
    [m.float([]), m.float([])],
    [m.float([0, 2]), m.float([2])],
  ],
})
const slopes = (weight: Tensor, rank: number) =>
  weight.size === 1 ? reshape(weight, []) : alongChannels(weight, rank)
